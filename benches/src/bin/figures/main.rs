//! Measures the figures that the project promises, in CPU time and beside other programs.
//!
//! ```text
//! cargo run --release -p isopleth-benches --bin figures [-- NAME...]
//! ```
//!
//! A name picks the figures that begin with it: `calibration`, `essex`, `evaluation`, `london`, `peers`,
//! `peers.quartic_25m`, `scaling`, `scan`, `tiles`.
//! Each figure is printed as a line of JSON as soon as it is known; a table of all comes last.

mod calibration_spikes;
mod calibration_surprise;
mod dbscan;
mod ehsa;
mod essex;
mod figure;
mod getis_ord;
mod hdbscan;
mod knox;
mod london;
mod peers;
mod scaling;
mod scan;
mod stability;
mod tiles;

use std::process::ExitCode;

use figure::Report;
use isopleth_benches::load::Failure;

type Measure = fn(&mut Report) -> Result<(), Failure>;

fn main() -> ExitCode {
    let mut names: Vec<String> = std::env::args().skip(1).collect();
    if let [command, store] = names.as_slice()
        && command == london::MEMORY
    {
        return done(london::print_memory(store.as_ref()));
    }
    if let [command, points] = names.as_slice()
        && command == dbscan::MEMORY
    {
        return done(dbscan::print_memory(points));
    }
    if let [command, resolution] = names.as_slice()
        && command == getis_ord::MEMORY
    {
        return done(getis_ord::print_memory(resolution));
    }
    names.retain(|n| !n.starts_with('-'));
    let mut report = Report::new(names);
    let parts: &[(&str, Measure)] = &[
        ("calibration", calibration_spikes::measure),
        ("calibration", calibration_surprise::calibrate),
        ("evaluation", calibration_surprise::evaluate),
        ("essex", essex::measure),
        ("london", london::measure),
        ("peers", peers::measure),
        ("calibration", getis_ord::calibrate),
        ("peers", getis_ord::measure),
        ("peers", hdbscan::measure),
        ("peers", dbscan::measure),
        ("peers", knox::measure),
        ("peers", ehsa::measure),
        ("scaling", scaling::measure),
        ("scan", scan::measure),
        ("tiles", tiles::measure),
    ];
    let mut outcome = Ok(());
    for &(name, measure) in parts {
        if report.wants_part(name)
            && let Err(e) = measure(&mut report)
        {
            eprintln!("{name}: {e}");
            outcome = Err(e);
        }
    }
    report.print_table();
    done(outcome)
}

fn done(outcome: Result<(), Failure>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::FAILURE
        }
    }
}
