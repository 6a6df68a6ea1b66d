//! Stability of the hotspots of a borough: 500 reruns.

use std::time::Instant;

use isopleth_benches::clock::Runs;
use isopleth_benches::load::Failure;
use isopleth_core::{Findings, Request, Snapshot};

use crate::figure::{Figure, Report, Target};

/// Reruns of Havering's hotspots in the snapshot of London.
pub(crate) fn measure(report: &mut Report, snapshot: &Snapshot) -> Result<(), Failure> {
    // One offence group, as a tasking meeting asks, and every crime of the borough.
    for (name, groups, target) in [
        (
            "london.stability",
            r#", "groups": ["burglary"]"#,
            Some(Target::AtMost(1.0)),
        ),
        ("london.stability_all", "", None),
    ] {
        if !report.wants(name) {
            continue;
        }
        let request = |stability: &str| {
            Request::from_json(&format!(
                r#"{{ "select": {{ "area": "E09000016", "period": "2022"{groups} }},
                    "method": {{ "name": "kernel_density", "bandwidth_m": 300 }},
                    "hotspots": {{ "share_of_incidents": 0.25, "max": 20{stability} }} }}"#
            ))
        };
        let (without, with) = (request("")?, request(r#", "stability": { "runs": 500 }"#)?);
        let run = |request: &Request| isopleth_core::run(snapshot, request);
        let base = Runs::five(|| run(&without).map(drop)).median();
        let mut found = None;
        let mut wall = Vec::new();
        let runs = Runs::five(|| {
            let start = Instant::now();
            found = Some(run(&with));
            wall.push(start.elapsed().as_secs_f64());
        });
        wall.sort_unstable_by(f64::total_cmp);
        let outcome = found.ok_or("no outcome")??;
        let Findings::Hotspots(found) = &outcome.findings else {
            return Err("a request for hotspots makes hotspots".into());
        };
        let stable = found.cut.hotspots.iter().filter_map(|h| h.stability);
        report.add(Figure {
            name,
            what: format!(
                "500 reruns of Havering's hotspots, {} records: what they add to the request",
                outcome.facts.selected
            ),
            unit: "CPU s",
            ours: runs.median() - base,
            agreement: format!(
                "{} hotspots, {} of them in nine of ten reruns; the whole request took {:.2} s on {} threads",
                found.cut.hotspots.len(),
                stable.filter(|s| *s >= 0.9).count(),
                wall[wall.len() / 2],
                std::thread::available_parallelism().map_or(1, usize::from),
            ),
            target,
            runs,
            ..Figure::default()
        });
    }
    Ok(())
}
