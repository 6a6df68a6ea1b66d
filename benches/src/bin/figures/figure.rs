//! Figures and how they are printed.

use isopleth_benches::clock::Runs;
use serde_json::json;

/// What a figure has to reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Target {
    /// Our value, at most.
    AtMost(f64),
    /// Our value, at least.
    AtLeast(f64),
    /// The peer's value over ours, at least.
    RatioAtLeast(f64),
}

/// A figure.
#[derive(Debug, Clone, Default)]
pub(crate) struct Figure {
    /// Part and name: `essex.ingest`.
    pub(crate) name: &'static str,
    /// What was measured.
    pub(crate) what: String,
    /// Unit of our value and of the peer's.
    pub(crate) unit: &'static str,
    /// Our value.
    pub(crate) ours: f64,
    /// CPU seconds of each of our runs.
    pub(crate) runs: Runs,
    /// The peer and its value.
    pub(crate) peer: Option<(String, f64)>,
    /// How far the two results agree, or what was counted.
    pub(crate) agreement: String,
    /// What has to be reached.
    pub(crate) target: Option<Target>,
}

impl Figure {
    /// The peer's value over ours.
    fn ratio(&self) -> Option<f64> {
        self.peer.as_ref().map(|(_, theirs)| theirs / self.ours)
    }

    fn holds(&self) -> Option<bool> {
        match self.target? {
            Target::AtMost(most) => Some(self.ours <= most),
            Target::AtLeast(least) => Some(self.ours >= least),
            Target::RatioAtLeast(least) => Some(self.ratio()? >= least),
        }
    }

    fn target_text(&self) -> String {
        match self.target {
            None => String::new(),
            Some(Target::AtMost(v)) => format!("≤ {}", short(v)),
            Some(Target::AtLeast(v)) => format!("≥ {}", short(v)),
            Some(Target::RatioAtLeast(v)) => format!("ratio ≥ {}", short(v)),
        }
    }

    fn json(&self) -> String {
        let peer = self.peer.as_ref();
        json!({
            "figure": self.name,
            "what": self.what,
            "unit": self.unit,
            "ours": rounded(self.ours),
            "cpu_seconds": self.runs.0.iter().map(|v| rounded(*v)).collect::<Vec<_>>(),
            "peer": peer.map(|p| &p.0),
            "theirs": peer.map(|p| rounded(p.1)),
            "ratio": self.ratio().map(rounded),
            "agreement": self.agreement,
            "target": self.target_text(),
            "holds": self.holds(),
        })
        .to_string()
    }
}

/// The figures asked for, as they come.
pub(crate) struct Report {
    names: Vec<String>,
    figures: Vec<Figure>,
    skipped: Vec<String>,
}

impl Report {
    /// A report of the figures that begin with one of the names, or of all without names.
    pub(crate) fn new(names: Vec<String>) -> Self {
        Self {
            names,
            figures: Vec::new(),
            skipped: Vec::new(),
        }
    }

    /// Whether any figure of a part is asked for.
    pub(crate) fn wants_part(&self, part: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|n| n.split('.').next() == Some(part))
    }

    /// Whether a figure is asked for.
    pub(crate) fn wants(&self, figure: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|n| figure.starts_with(n.as_str()))
    }

    /// Takes a figure and prints its line, if it is asked for.
    pub(crate) fn add(&mut self, figure: Figure) {
        if self.wants(figure.name) {
            println!("{}", figure.json());
            self.figures.push(figure);
        }
    }

    /// Says that something could not be measured.
    pub(crate) fn skip(&mut self, what: &str, why: &str) {
        println!("{}", json!({ "figure": what, "skipped": why }));
        self.skipped.push(format!("{what}: {why}"));
    }

    /// Prints everything again, for people.
    pub(crate) fn print_table(&self) {
        println!();
        println!(
            "CPU time, user and system; medians of five, ours and the peers' in turn; {} threads.",
            rayon::current_num_threads()
        );
        println!();
        println!("| figure | what | ours | peer | ratio | agreement | target | holds |");
        println!("|---|---|---|---|---|---|---|---|");
        for f in &self.figures {
            let peer = f.peer.as_ref();
            println!(
                "| {} | {} | {} {} | {} | {} | {} | {} | {} |",
                f.name,
                f.what,
                short(f.ours),
                f.unit,
                peer.map_or(String::new(), |(name, v)| format!(
                    "{name}: {} {}",
                    short(*v),
                    f.unit
                )),
                f.ratio().map_or(String::new(), short),
                f.agreement,
                f.target_text(),
                match f.holds() {
                    Some(true) => "yes",
                    Some(false) => "**no**",
                    None => "",
                },
            );
        }
        for s in &self.skipped {
            println!("Skipped {s}");
        }
    }
}

fn rounded(v: f64) -> f64 {
    format!("{v:.6e}").parse().unwrap_or(v)
}

/// Three digits or all before the point.
fn short(v: f64) -> String {
    match v.abs() {
        a if a >= 100.0 => format!("{v:.0}"),
        a if a >= 10.0 => format!("{v:.1}"),
        a if a >= 1.0 => format!("{v:.2}"),
        a if a >= 0.001 => format!("{v:.4}"),
        _ => format!("{v:.1e}"),
    }
}
