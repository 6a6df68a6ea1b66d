//! The 849,409 recorded crimes of London in 2022: into memory, and to a surface.

use std::fs;
use std::path::Path;
use std::process::Command;

use isopleth_benches::clock::{self, Runs};
use isopleth_benches::load::{Failure, ingest};
use isopleth_core::domain::Lens;
use isopleth_core::kernel::Kernel;
use isopleth_core::methods::kernel_density::{self, Bandwidth};
use isopleth_core::select::Selection;
use isopleth_core::{AreaOf, AreaSelect, Findings, Method, Request, Select, Snapshot};
use isopleth_io::ingest::{Mapping, Options};
use isopleth_io::{default_policy, read_areas};
use isopleth_store::Store;
use isopleth_tests::oracle::shared;

use crate::figure::{Figure, Report, Target};

const CRIMES: &str = "data/london_crimes_2022.csv.gz";
const BOROUGHS: &str = "data/areas/london_boroughs.geojson";
const MAPPING: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../examples/mappings/london-2022.toml"
));

/// The hidden command that loads a snapshot in a process of its own and prints how much larger that
/// made it.
pub(crate) const MEMORY: &str = "--memory-of";

pub(crate) fn measure(report: &mut Report) -> Result<(), Failure> {
    let (Some(crimes), Some(boroughs)) = (shared(CRIMES), shared(BOROUGHS)) else {
        report.skip("london", "no shared data (set ISOPLETH_SHARED)");
        return Ok(());
    };
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("london.gpkg");
    let options = Options {
        mapping: Some(Mapping::from_toml(MAPPING)?),
        ..Options::default()
    };
    let (seconds, done) = clock::cpu(|| ingest(&path, &[crimes], &options));
    let done = done?;
    let areas = read_areas(&fs::read(boroughs)?, "borough", "2018", "gss_code", "name")?.areas;
    Store::open(&path)?.add_areas(&areas)?;
    report.add(Figure {
        name: "london.ingest",
        what: "gzip CSV by mapping into a fresh store, once".into(),
        unit: "rows/CPU s",
        ours: done.read as f64 / seconds,
        runs: Runs(vec![seconds]),
        agreement: format!(
            "{} read, {} stored, {} rejected",
            done.read, done.tally.stored, done.rejected
        ),
        ..Figure::default()
    });
    report.add(Figure {
        name: "london.store",
        what: "the store, closed, with the 33 boroughs".into(),
        unit: "bytes/incident",
        ours: fs::metadata(&path)?.len() as f64 / done.tally.stored as f64,
        target: Some(Target::AtMost(200.0)),
        ..Figure::default()
    });

    memory(report, &path)?;
    let load = || -> Result<Snapshot, Failure> { Ok(Store::open_read_only(&path)?.snapshot()?) };
    let mut snapshot = None;
    let runs = Runs::five(|| snapshot = Some(load()));
    let snapshot = snapshot.ok_or("no snapshot")??;
    let incidents = &snapshot.incidents;
    report.add(Figure {
        name: "london.snapshot",
        what: "the store opened and all of it read into memory".into(),
        unit: "CPU ms",
        ours: runs.median() * 1e3,
        agreement: format!(
            "{} incidents on {} locations",
            incidents.len(),
            incidents.locations().len()
        ),
        target: Some(Target::AtMost(500.0)),
        runs,
        ..Figure::default()
    });
    report.add(Figure {
        name: "london.columns",
        what: "columns of the incident set".into(),
        unit: "bytes/incident",
        ours: incidents.column_bytes() as f64 / incidents.len() as f64,
        target: Some(Target::AtMost(64.0)),
        ..Figure::default()
    });

    let everywhere = Select {
        lens: Some(Lens::Reported),
        ..Select::default()
    };
    let codes = areas.iter().map(|a| a.code.clone()).collect();
    let of = AreaOf {
        codes,
        kind: Some("borough".into()),
        vintage: None,
    };
    let in_boroughs = Select {
        area: Some(AreaSelect::Of(of)),
        ..everywhere.clone()
    };
    surface(
        report,
        &snapshot,
        &everywhere,
        ["london.reported", "london.request_reported"],
        "reported, without study area",
    )?;
    surface(
        report,
        &snapshot,
        &in_boroughs,
        ["london.boroughs", "london.request_boroughs"],
        "reported, the 33 boroughs as study area",
    )?;
    crate::stability::measure(report, &snapshot)?;

    // One selection has one lens: let the policy table say that everything was reported, so that
    // no row is left out.
    let mut policy = default_policy();
    for group in &mut policy.groups {
        (group.lens, group.activity) = (Lens::Reported, false);
    }
    for rule in &mut policy.rules {
        rule.lens = None;
    }
    Store::open(&path)?.set_policy(&policy)?;
    let snapshot = load()?;
    surface(
        report,
        &snapshot,
        &everywhere,
        ["london.all", "london.request_all"],
        "all rows (a policy table that knows one lens), without study area",
    )?;
    surface(
        report,
        &snapshot,
        &in_boroughs,
        ["london.all_boroughs", "london.request_all_boroughs"],
        "all rows, the 33 boroughs as study area",
    )
}

/// Selects and makes the surface, then runs the whole request with counts, areas and edges of cells.
fn surface(
    report: &mut Report,
    snapshot: &Snapshot,
    select: &Select,
    names: [&'static str; 2],
    what: &str,
) -> Result<(), Failure> {
    let params = kernel_density::Params {
        kernel: Kernel::Quartic,
        bandwidth_m: Bandwidth::Metres(300.0),
        h3_resolution: Some(10),
        cell_m: None,
        ..kernel_density::Params::default()
    };
    if report.wants(names[0]) {
        let (mut found, mut choosing) = (None, Runs::default());
        let runs = Runs::five(|| {
            let (seconds, selection) = clock::cpu(|| Selection::new(snapshot, select));
            choosing.0.push(seconds);
            found =
                Some(selection.map(|s| (s.selected, s.beyond, kernel_density::run(&s, &params))));
        });
        let (selected, beyond, surface) = found.ok_or("no surface")??;
        report.add(Figure {
            name: names[0],
            what: format!("quartic 300 m on H3 10: {what}"),
            unit: "CPU ms",
            ours: runs.median() * 1e3,
            agreement: format!(
                "{} cells, {selected} incidents, {beyond} beyond; first run {:.0} ms; selecting {:.0} ms of it",
                surface?.lattice.len(),
                runs.first() * 1e3,
                choosing.median() * 1e3,
            ),
            target: Some(Target::AtMost(100.0)),
            runs,
            ..Figure::default()
        });
    }
    if report.wants(names[1]) {
        let request = Request {
            title: None,
            select: select.clone(),
            method: Method::KernelDensity(params),
            contours: None,
            hotspots: None,
            harm: Vec::new(),
            terms: None,
            marking: None,
        };
        let mut outcome = None;
        let runs = Runs::five(|| outcome = Some(isopleth_core::run(snapshot, &request)));
        let outcome = outcome.ok_or("no outcome")??;
        let Findings::Surface(cells) = &outcome.findings else {
            return Err("a request without hotspots makes a surface".into());
        };
        let density = &cells.surface.density_per_m2;
        let sum: f64 = density
            .iter()
            .zip(&cells.areas_m2)
            .map(|(d, a)| d * a)
            .sum();
        report.add(Figure {
            name: names[1],
            what: format!("the whole request, with counts, area and edge of each cell: {what}"),
            unit: "CPU ms",
            ours: runs.median() * 1e3,
            agreement: format!(
                "the cells add up to {:.5} of the incidents",
                sum / outcome.facts.selected as f64
            ),
            runs,
            ..Figure::default()
        });
    }
    Ok(())
}

fn memory(report: &mut Report, store: &Path) -> Result<(), Failure> {
    let output = Command::new(std::env::current_exe()?)
        .arg(MEMORY)
        .arg(store)
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    match text.trim().parse::<f64>() {
        Ok(ours) => report.add(Figure {
            name: "london.resident",
            what: "growth of a fresh process that loads the snapshot and closes the store".into(),
            unit: "bytes/incident",
            ours,
            target: Some(Target::AtMost(64.0)),
            ..Figure::default()
        }),
        Err(_) => report.skip(
            "london.resident",
            "the system does not tell the size of a process",
        ),
    }
    Ok(())
}

/// Loads a snapshot and prints by how many bytes an incident the process has grown.
pub(crate) fn print_memory(store: &Path) -> Result<(), Failure> {
    let before = clock::resident_bytes();
    let snapshot = Store::open_read_only(store)?.snapshot()?;
    if let (Some(before), Some(after)) = (before, clock::resident_bytes()) {
        println!(
            "{}",
            after.saturating_sub(before) as f64 / snapshot.incidents.len() as f64
        );
    }
    Ok(())
}
