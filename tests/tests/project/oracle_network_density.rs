//! Density along a network against spatstat (`densityEqualSplit`, `densityHeat`).
//!
//! On a network of our own the numbers are recorded (`fixtures/oracles/network_density`); on the
//! streets of Chicago, which may not be handed on, spatstat is asked while the test runs.

use std::path::{Path, PathBuf};
use std::process::Command;

use isopleth_core::kernel::Kernel;
use isopleth_core::network::{DeadEnds, Network, Position, Rule, Source, Spread};
use isopleth_core::plane::Planar;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/oracles/network_density")
}

fn rows(path: &Path) -> Vec<Vec<f64>> {
    csv::Reader::from_path(path)
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()))
        .records()
        .map(|r| r.unwrap().iter().map(|v| v.parse().unwrap()).collect())
        .collect()
}

/// What spatstat was given, read back, and the network that it makes here.
struct Case {
    folder: PathBuf,
    network: Network,
    sources: Vec<Source>,
}

impl Case {
    fn read(folder: &Path) -> Self {
        let at = |x, y| Planar { x, y };
        let lines: Vec<_> = rows(&folder.join("segments.csv"))
            .iter()
            .map(|r| (0, vec![at(r[0], r[1]), at(r[2], r[3])]))
            .collect();
        // spatstat tells vertices apart to the last bit.
        let network = Network::new(&lines, 1e-6).unwrap();
        let mut case = Self {
            folder: folder.to_owned(),
            network,
            sources: Vec::new(),
        };
        case.sources = case
            .positions(&rows(&folder.join("points.csv")))
            .into_iter()
            .map(|at| Source { at, weight: 1.0 })
            .collect();
        case
    }

    fn positions(&self, rows: &[Vec<f64>]) -> Vec<Position> {
        let snapper = self.network.snapper();
        rows.iter()
            .map(|r| {
                let near = snapper.nearest(Planar { x: r[0], y: r[1] }, 1e-6);
                near.expect("it lies on the network").0
            })
            .collect()
    }

    /// Largest difference over the largest value, and the number compared.
    fn difference(&self, file: &str, kernel: Kernel, sigma: f64, rule: Rule) -> (f64, usize) {
        let rows = rows(&self.folder.join(file));
        let per_sigma = match kernel {
            Kernel::Epanechnikov => 5_f64.sqrt(),
            _ => 1.0,
        };
        let spread = Spread {
            kernel,
            bandwidth: sigma * per_sigma,
            rule,
        };
        let found = self
            .network
            .density(&self.positions(&rows), &self.sources, spread)
            .unwrap();
        let most = rows.iter().map(|r| r[2]).fold(0.0, f64::max);
        assert!(most > 0.0 && rows.len() > 100);
        let worst = rows
            .iter()
            .zip(&found.values)
            .map(|(r, v)| (r[2] - v).abs())
            .fold(0.0, f64::max);
        (worst / most, rows.len())
    }
}

const DISCONTINUOUS: Rule = Rule::Discontinuous(DeadEnds::Absorb);

#[test]
fn two_blocks_as_recorded() {
    let case = Case::read(&folder().join("two_blocks"));
    for (file, rule) in [
        ("continuous.csv", Rule::Continuous),
        ("discontinuous.csv", DISCONTINUOUS),
    ] {
        let (worst, n) = case.difference(file, Kernel::Epanechnikov, 25.0, rule);
        println!("{file}: {worst:e} of the maximum over {n} positions");
        assert!(worst < 1e-6, "{file}: {worst:e}");
    }
    // Turning back at dead ends is not what spatstat does with the discontinuous rule.
    let turned = Rule::Discontinuous(DeadEnds::Reflect);
    let (other, _) = case.difference("discontinuous.csv", Kernel::Epanechnikov, 25.0, turned);
    assert!(other > 0.01, "{other:e}");
    let (worst, n) = case.difference("heat.csv", Kernel::Gaussian, 25.0, Rule::Continuous);
    println!("heat: {worst:e} of the maximum over {n} positions");
    assert!(worst < 0.005, "heat: {worst:e}");
}

#[test]
fn chicago_as_spatstat_has_it() {
    let out = tempfile::tempdir().unwrap();
    let script = folder().join("spatstat.R");
    let known = Command::new("Rscript")
        .args(["-e", "q(status = !requireNamespace('spatstat'))"])
        .output();
    if !known.is_ok_and(|o| o.status.success()) {
        println!("skipped: no Rscript with spatstat");
        return;
    }
    let made = Command::new("Rscript")
        .arg(script)
        .arg(out.path())
        .args(["chicago", "50", "epanechnikov", "1e-9", "48", "2"])
        .output()
        .unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let case = Case::read(out.path());
    for (file, rule) in [
        ("continuous.csv", Rule::Continuous),
        ("discontinuous.csv", DISCONTINUOUS),
    ] {
        let (worst, n) = case.difference(file, Kernel::Epanechnikov, 50.0, rule);
        println!("{file}: {worst:e} of the maximum over {n} positions");
        assert!(worst < 1e-6, "{file}: {worst:e}");
    }
    let (worst, n) = case.difference("heat.csv", Kernel::Gaussian, 50.0, Rule::Continuous);
    println!("heat: {worst:e} of the maximum over {n} positions");
    assert!(worst < 0.02, "heat: {worst:e}");
}
