//! Whether shuffled months surprise, and what an evaluation costs and finds: Metropolitan burglaries of
//! 2018 and 2019.

use std::fs;

use isopleth_benches::clock::{self, Runs};
use isopleth_benches::load::{Failure, ingest};
use isopleth_core::lattice::Tiling;
use isopleth_core::methods::surprise::{Exposures, History, test};
use isopleth_core::random::Random;
use isopleth_core::select::Selection;
use isopleth_core::statistics::Correction;
use isopleth_core::steps::{Step, Steps};
use isopleth_core::study_cells::StudyCells;
use isopleth_core::{Findings, Request, Snapshot};
use isopleth_io::ingest::Options;
use isopleth_io::read_areas;
use isopleth_store::Store;
use isopleth_tests::oracle::shared;

use crate::figure::{Figure, Report};

const BURGLARIES: &str = "data/police_uk_metropolitan_burglary_2018-2019.zip";
const BOROUGHS: &str = "data/areas/london_boroughs.geojson";
const LEVEL: f64 = 0.05;

/// The burglaries with the boroughs, or none where there is no shared data.
fn burglaries() -> Result<Option<Snapshot>, Failure> {
    let (Some(zip), Some(boroughs)) = (shared(BURGLARIES), shared(BOROUGHS)) else {
        return Ok(None);
    };
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("met.gpkg");
    ingest(&path, &[zip], &Options::default())?;
    let areas = read_areas(&fs::read(boroughs)?, "borough", "2022", "gss_code", "name")?.areas;
    Store::open(&path)?.add_areas(&areas)?;
    Ok(Some(Store::open_read_only(&path)?.snapshot()?))
}

/// All boroughs of the Metropolitan Police, or one.
fn area(all: bool) -> String {
    match all {
        false => r#""E09000016""#.to_owned(),
        true => {
            let codes: Vec<String> = (2..=33).map(|i| format!(r#""E090000{i:02}""#)).collect();
            format!("[{}]", codes.join(", "))
        }
    }
}

fn request(all: bool, method: &str) -> Result<Request, serde_json::Error> {
    Request::from_json(&format!(
        r#"{{"select": {{"area": {}, "period": "2018/2019", "groups": ["burglary"]}}, "method": {{"name": {method}}}}}"#,
        area(all)
    ))
}

/// Months shuffled among the incidents: how often is any place flagged?
pub(crate) fn calibrate(report: &mut Report) -> Result<(), Failure> {
    const NAME: &str = "calibration.surprise";
    if !report.wants(NAME) {
        return Ok(());
    }
    let Some(snapshot) = burglaries()? else {
        report.skip(NAME, "no shared data (set ISOPLETH_SHARED)");
        return Ok(());
    };
    for (all, resolution, maps) in [
        (false, h3o::Resolution::Nine, 2000_u32),
        (false, h3o::Resolution::Ten, 1000),
        (true, h3o::Resolution::Nine, 400),
    ] {
        let request = request(all, r#""surprise""#)?;
        let selection = Selection::new(&snapshot, &request.select)?;
        let steps = Steps::of_selection(&selection, Step::Month)?;
        let cells = StudyCells::new(&selection, Tiling::H3(resolution), "calibration")?;
        let by_step = cells.counts_by_step(&selection, &steps);
        // One entry an incident.
        let (mut places, mut months) = (Vec::new(), Vec::new());
        for (month, counts) in by_step.iter().enumerate() {
            for (cell, &n) in counts.iter().enumerate() {
                places.extend(std::iter::repeat_n(cell, n as usize));
                months.extend(std::iter::repeat_n(month, n as usize));
            }
        }
        let (mut any, mut small, mut weights) = (0_u32, 0_usize, 0.0);
        let (seconds, ()) = clock::cpu(|| {
            for replicate in 0..maps {
                let mut shuffled = months.clone();
                Random::of_replicate(1, replicate.into()).shuffle(&mut shuffled);
                let mut histories = vec![History::default(); cells.len()];
                let mut latest = vec![0_u32; cells.len()];
                let mut exposures = Exposures {
                    same: 0.0,
                    others: 0.0,
                    latest: 0.0,
                };
                for (&cell, &month) in places.iter().zip(&shuffled) {
                    match month {
                        23 => {
                            latest[cell] += 1;
                            exposures.latest += 1.0;
                        }
                        11 => {
                            histories[cell].same += 1;
                            exposures.same += 1.0;
                        }
                        _ => {
                            histories[cell].others += 1;
                            exposures.others += 1.0;
                        }
                    }
                }
                if let Some(found) = test(&histories, &latest, exposures) {
                    let adjusted = Correction::BenjaminiHochberg.adjust(&found.p);
                    any += u32::from(adjusted.iter().any(|p| *p <= LEVEL));
                    small += found.p.iter().filter(|p| **p <= 0.01).count();
                    weights += found.weight_of_others;
                }
            }
        });
        report.add(Figure {
            name: NAME,
            what: format!(
                "{}, H3 {}: {} burglaries, {} cells, {maps} maps of shuffled months: share with any place flagged at {LEVEL}",
                if all { "32 boroughs" } else { "Havering" },
                u8::from(resolution),
                places.len(),
                cells.len(),
            ),
            unit: "share of maps",
            ours: f64::from(any) / f64::from(maps),
            agreement: format!(
                "{:.4} of all tests have p ≤ 0.01; mean weight of other steps {:.2}",
                small as f64 / (cells.len() as f64 * f64::from(maps)),
                weights / f64::from(maps),
            ),
            runs: Runs(vec![seconds]),
            ..Figure::default()
        });
    }
    Ok(())
}

/// Twelve origins of a density and the baselines.
pub(crate) fn evaluate(report: &mut Report) -> Result<(), Failure> {
    const NAME: &str = "evaluation.burglary";
    if !report.wants(NAME) {
        return Ok(());
    }
    let Some(snapshot) = burglaries()? else {
        report.skip(NAME, "no shared data (set ISOPLETH_SHARED)");
        return Ok(());
    };
    for all in [false, true] {
        let request = request(
            all,
            r#""evaluation", "origins": 12, "methods": [{"name": "kernel_density", "bandwidth_m": 300},
                {"name": "kernel_density", "bandwidth_m": 130}]"#,
        )?;
        let mut outcome = None;
        let runs = Runs::five(|| outcome = Some(isopleth_core::run(&snapshot, &request)));
        let outcome = outcome.ok_or("no outcome")??;
        let Findings::Evaluation(found) = &outcome.findings else {
            return Err("an evaluation evaluates".into());
        };
        let mut told = Vec::new();
        for row in found.rows.iter().filter(|r| r.origin.is_none()) {
            let share = found.coverages[row.coverage].share;
            if let Some(pai) = row.score.pai() {
                told.push(format!(
                    "{} {share}: {pai:.2}",
                    found.contenders[row.contender].label
                ));
            }
        }
        report.add(Figure {
            name: NAME,
            what: format!(
                "{}, H3 10: 12 origins, densities of 300 m and 130 m and two baselines, {} cells",
                if all { "32 boroughs" } else { "Havering" },
                found.cells
            ),
            unit: "CPU s",
            ours: runs.median(),
            agreement: format!("PAI by coverage: {}", told.join(", ")),
            runs,
            ..Figure::default()
        });
    }
    Ok(())
}
