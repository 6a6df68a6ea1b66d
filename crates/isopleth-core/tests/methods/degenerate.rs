//! Degenerate sets: what each method answers to nothing, one incident, one point, two places, all but
//! one at one place, and the same count everywhere. Every cell of the table is what must come out.

use crate::support::{
    BURGLARY, DRUGS, day_span, location, rectangle, site, try_findings, with_sets,
};
use geo::{LineString, MultiLineString};
use isopleth_core::domain::{IncidentRow, IncidentSetBuilder, LocationBasis, NO_PLACE, Street};
use isopleth_core::{Findings, Snapshot};

const P: (f64, f64) = (550_830.0, 188_730.0);

/// Places and how many burglaries each holds, in six sets.
fn sets() -> [Vec<((f64, f64), usize)>; 6] {
    let q = (P.0 + 300.0, P.1);
    let grid = (0..12).map(|i| {
        let (x, y) = (f64::from(i % 4), f64::from(i / 4));
        ((P.0 + 100.0 * x, P.1 + 100.0 * y), 1)
    });
    [
        vec![],
        vec![(P, 1)],
        vec![(P, 12)],
        vec![(P, 6), (q, 6)],
        vec![(P, 11), (q, 1)],
        grid.collect(),
    ]
}

/// Burglaries at addresses on successive days from 8 January 2022 on, records of drugs beside them
/// on the days before and after, two shops, a school and a street.
fn snapshot(set: &[((f64, f64), usize)], drugs: impl Iterator<Item = i32>) -> Snapshot {
    let mut builder = IncidentSetBuilder::default();
    let mut push = |at: (f64, f64), day: i32, kind| {
        builder.push(&IncidentRow {
            location: Some(location(at.0, at.1)),
            span: day_span((19_000 + day) * 1440),
            kind,
            basis: LocationBasis::Address,
            place: NO_PLACE,
        });
    };
    let places = set.iter().flat_map(|&(at, n)| vec![at; n]);
    for (day, at) in (0..).zip(places) {
        push(at, day, BURGLARY);
    }
    for day in drugs {
        push((P.0 + 50.0, P.1 + 50.0), day, DRUGS);
    }
    let area = rectangle("A", 550_000.0, 188_000.0, 552_000.0, 189_500.0);
    let line = [(P.0 - 200.0, P.1), (P.0 + 500.0, P.1)];
    let ends = line.map(|(x, y)| location(x, y).position.coord());
    Snapshot {
        streets: vec![Street {
            id: "s".into(),
            name: "Street".into(),
            vintage: "2024-04".into(),
            geometry: MultiLineString(vec![LineString(ends.to_vec())]),
        }],
        sites: vec![
            site("shop", "a", P.0 + 10.0, P.1),
            site("shop", "b", P.0 + 310.0, P.1),
            site("school", "c", P.0 + 100.0, P.1),
        ],
        ..with_sets(builder, vec![area])
    }
}

/// What matters of an outcome, in a few words.
fn told(findings: &Findings) -> String {
    match findings {
        Findings::Concentration(o) => format!(
            "{} places, half at {}, gini {:?}",
            o.all.places(),
            o.levels[1].places,
            o.occupied.gini()
        ),
        Findings::Clusters(o) => format!(
            "{} clusters, {} in, {} out",
            o.clusters.len(),
            o.incidents,
            o.noise_incidents
        ),
        Findings::Hdbscan(o) => format!(
            "{} clusters, {} in, {} out",
            o.clusters.len(),
            o.incidents,
            o.noise_incidents
        ),
        Findings::SpaceTimeScan(o) => format!(
            "{} clusters of {}, {} replicates",
            o.clusters.len(),
            o.incidents,
            o.chance.maxima.len()
        ),
        Findings::StClusters(o) => format!(
            "{} clusters, {} in, {} out",
            o.clusters.len(),
            o.incidents,
            o.noise_incidents
        ),
        Findings::DualDensity(o) => {
            assert!(o.cells.iter().all(|c| c.density_per_m2.is_finite()));
            let counted: u32 = o.cells.iter().map(|c| c.count).sum();
            let told = o.cells.iter().filter(|c| c.value.is_ok()).count();
            assert!(
                o.cells
                    .iter()
                    .filter_map(|c| c.value.ok())
                    .all(f64::is_finite)
            );
            format!("{counted} counted, {told} of {} cells told", o.cells.len())
        }
        Findings::Surface(o) => {
            assert!(o.surface.density_per_m2.iter().all(|d| d.is_finite()));
            let counted: u32 = o.counts.iter().sum();
            let dense = o
                .surface
                .density_per_m2
                .iter()
                .filter(|d| **d > 0.0)
                .count();
            format!(
                "{counted} counted, {dense} cells dense, bandwidth {:?}",
                o.surface.bandwidth_m.map(f64::round)
            )
        }
        Findings::Knox(o) => {
            let ratios = (0..o.table.observed.len())
                .filter(|&c| o.table.ratio(c).is_some())
                .count();
            let p = (0..o.table.observed.len())
                .filter(|&c| o.table.p(c).is_some())
                .count();
            let poisson = (0..o.table.observed.len()).filter_map(|c| o.table.p_poisson(c));
            let poisson: Vec<f64> = poisson.collect();
            assert!(p == ratios && poisson.len() == p);
            assert!(poisson.iter().all(|p| (0.0..=1.0).contains(p)));
            format!(
                "{} pairs, {} in bands, {p} cells with p",
                o.table.pairs,
                o.table.observed.iter().sum::<u64>()
            )
        }
        Findings::NearRepeatRisk(o) => {
            assert!(o.cells.iter().all(|c| c.risk.is_finite() && c.risk > 0.0));
            format!("{} fresh, {} cells", o.fresh, o.cells.len())
        }
        Findings::NetworkDensity(o) => format!(
            "{} snapped, {} too far, {} lixels, {} with incidents",
            o.snapped, o.too_far.0, o.found, o.with_incidents
        ),
        Findings::Overlap(o) => format!(
            "{} and {} places, {} shared, jaccard {:?}",
            o.first.1,
            o.second.1,
            o.shared,
            o.jaccard()
        ),
        Findings::RepeatLocations(o) => {
            format!("{} locations, {} incidents", o.locations.len(), o.incidents)
        }
        Findings::RiskyFacilities(o) => format!(
            "{} at {} sites, {} at none",
            o.spread.incidents(),
            o.spread.places(),
            o.at_none
        ),
        Findings::Vicinity(o) => format!(
            "within {:?} of {}",
            o.within.iter().map(|r| r.incidents).collect::<Vec<_>>(),
            o.incidents
        ),
        Findings::GetisOrd(o) => {
            let numbers = o.cells.iter().flat_map(|c| [c.z, c.p, c.p_adjusted]);
            assert!(numbers.flatten().all(f64::is_finite));
            format!(
                "{} in {} cells, {} tests, {:?} significant",
                o.incidents, o.occupied, o.tests, o.significant
            )
        }
        Findings::LocalMoran(o) => {
            let numbers = o.cells.iter().flat_map(|c| [c.i, c.z, c.p, c.p_adjusted]);
            assert!(numbers.flatten().all(f64::is_finite));
            format!(
                "{} in {} cells, {} tests, {:?} significant",
                o.incidents, o.occupied, o.tests, o.significant
            )
        }
        Findings::EmergingHotSpots(o) => {
            let numbers = o.cells.iter().flat_map(|c| [c.latest_z, c.latest_p]);
            assert!(numbers.flatten().all(f64::is_finite));
            format!(
                "{} in {} steps, {:?}",
                o.incidents,
                o.steps.len(),
                o.by_category
            )
        }
        Findings::AreaAudit(o) => {
            let counts = o.rows.iter().map(|r| r.count);
            format!("{:?} in rows", counts.collect::<Vec<_>>())
        }
        Findings::Spikes(o) => format!("{} tested, {} flagged", o.tested, o.flagged),
        Findings::OffenceMix(o) => format!("{} known, {} unknown", o.known, o.unknown),
        Findings::Change(o) => format!("{} areas, {} tests", o.areas.len(), o.tests),
        Findings::TemporalProfile(o) => format!(
            "{} records, weight {}, {} without a day",
            o.records, o.total.weight, o.left_out_month
        ),
        Findings::Surprise(o) => {
            let numbers = o
                .places
                .iter()
                .flat_map(|p| [p.expected, p.p, p.p_adjusted]);
            assert!(numbers.into_iter().all(f64::is_finite));
            let flagged = o.places.iter().filter(|p| p.flagged).count();
            format!(
                "{} places, {flagged} flagged, {} counted",
                o.places.len(),
                o.count
            )
        }
        Findings::Evaluation(o) => format!(
            "{} origins, {} contenders, {} rows",
            o.origins.len(),
            o.contenders.len(),
            o.rows.len()
        ),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_method_has_its_answer_to_every_degenerate_set() {
    let table: [(&str, [&str; 6]); 16] = [
        (
            r#""concentration""#,
            [
                "1 places, half at 0, gini None",
                "2 places, half at 1, gini Some(0.0)",
                "2 places, half at 1, gini Some(0.0)",
                "3 places, half at 1, gini Some(0.0)",
                "3 places, half at 1, gini Some(0.4166666666666667)",
                "13 places, half at 6, gini Some(0.0)",
            ],
        ),
        (
            r#""dbscan", "radius_m": 30, "min_count": 4"#,
            [
                "0 clusters, 0 in, 0 out",
                "0 clusters, 0 in, 1 out",
                "1 clusters, 12 in, 0 out",
                "2 clusters, 12 in, 0 out",
                "1 clusters, 11 in, 1 out",
                "0 clusters, 0 in, 12 out",
            ],
        ),
        (
            r#""dual_density", "against": {"groups": ["drugs"], "lens": "police_generated"}, "bandwidth_m": 300, "cell_m": 260, "replicates": 0"#,
            [
                "0 counted, 0 of 54 cells told",
                "1 counted, 2 of 54 cells told",
                "12 counted, 3 of 54 cells told",
                "12 counted, 4 of 54 cells told",
                "12 counted, 4 of 54 cells told",
                "12 counted, 4 of 54 cells told",
            ],
        ),
        // Their days are in a period, or there is nothing to cut.
        (r#""evaluation""#, ["error invalid_steps"; 6]),
        (
            r#""hdbscan", "min_cluster_size": 4"#,
            [
                "0 clusters, 0 in, 0 out",
                "0 clusters, 0 in, 1 out",
                "0 clusters, 0 in, 12 out",
                "2 clusters, 12 in, 0 out",
                "0 clusters, 0 in, 12 out",
                "0 clusters, 0 in, 12 out",
            ],
        ),
        (
            r#""kernel_density""#,
            [
                "0 counted, 0 cells dense, bandwidth None",
                "error too_few_locations",
                "error too_few_locations",
                "error too_few_locations",
                "error too_few_locations",
                "12 counted, 120 cells dense, bandwidth Some(566.0)",
            ],
        ),
        (
            r#""knox", "replicates": 19"#,
            [
                "0 pairs, 0 in bands, 0 cells with p",
                "0 pairs, 0 in bands, 0 cells with p",
                "66 pairs, 66 in bands, 2 cells with p",
                "66 pairs, 66 in bands, 4 cells with p",
                "66 pairs, 66 in bands, 4 cells with p",
                "66 pairs, 66 in bands, 6 cells with p",
            ],
        ),
        (
            r#""near_repeat_risk""#,
            [
                "0 fresh, 0 cells",
                "1 fresh, 201 cells",
                "12 fresh, 201 cells",
                "12 fresh, 294 cells",
                "12 fresh, 294 cells",
                "12 fresh, 385 cells",
            ],
        ),
        (
            r#""network_density""#,
            [
                "0 snapped, 0 too far, 14 lixels, 0 with incidents",
                "1 snapped, 0 too far, 14 lixels, 1 with incidents",
                "12 snapped, 0 too far, 14 lixels, 1 with incidents",
                "12 snapped, 0 too far, 14 lixels, 2 with incidents",
                "12 snapped, 0 too far, 14 lixels, 2 with incidents",
                "4 snapped, 8 too far, 14 lixels, 4 with incidents",
            ],
        ),
        (
            r#""overlap", "with": {"groups": ["drugs"]}, "unit": "location", "min_count": 1"#,
            [
                "0 and 1 places, 0 shared, jaccard Some(0.0)",
                "1 and 1 places, 0 shared, jaccard Some(0.0)",
                "1 and 1 places, 0 shared, jaccard Some(0.0)",
                "2 and 1 places, 0 shared, jaccard Some(0.0)",
                "2 and 1 places, 0 shared, jaccard Some(0.0)",
                "12 and 1 places, 0 shared, jaccard Some(0.0)",
            ],
        ),
        (
            r#""repeat_locations""#,
            [
                "0 locations, 0 incidents",
                "0 locations, 0 incidents",
                "1 locations, 12 incidents",
                "2 locations, 12 incidents",
                "1 locations, 11 incidents",
                "0 locations, 0 incidents",
            ],
        ),
        (
            r#""risky_facilities", "site_class": "shop""#,
            [
                "0 at 2 sites, 0 at none",
                "1 at 2 sites, 0 at none",
                "12 at 2 sites, 0 at none",
                "12 at 2 sites, 0 at none",
                "12 at 2 sites, 0 at none",
                "2 at 2 sites, 10 at none",
            ],
        ),
        (
            r#""space_time_scan", "analysis": "spatial", "replicates": 19, "model": {"bernoulli": {"against": {"groups": ["drugs"]}}}"#,
            [
                "0 clusters of 0, 0 replicates",
                "0 clusters of 1, 0 replicates",
                // All of one place are more than half of both groups.
                "0 clusters of 12, 0 replicates",
                "2 clusters of 12, 19 replicates",
                "0 clusters of 12, 0 replicates",
                // Seven of the twelve; the best around every other place shares some with it.
                "1 clusters of 12, 19 replicates",
            ],
        ),
        (
            r#""st_dbscan", "radius_m": 30, "within_days": 3, "min_count": 4"#,
            [
                "0 clusters, 0 in, 0 out",
                "0 clusters, 0 in, 1 out",
                "1 clusters, 12 in, 0 out",
                "2 clusters, 12 in, 0 out",
                "1 clusters, 11 in, 1 out",
                "0 clusters, 0 in, 12 out",
            ],
        ),
        (r#""surprise""#, ["error invalid_steps"; 6]),
        (
            r#""vicinity", "site_class": "school""#,
            [
                "within [0, 0, 0] of 0",
                "within [0, 1, 1] of 1",
                "within [0, 12, 12] of 12",
                "within [0, 6, 12] of 12",
                "within [0, 11, 12] of 12",
                "within [1, 4, 11] of 12",
            ],
        ),
    ];
    check("", &table, || 0..3);
}

#[test]
fn every_method_of_significance_and_time_has_its_answer_too() {
    let table: [(&str, [&str; 6]); 12] = [
        (
            r#""area_audit", "areas": {"kind": "borough"}"#,
            [
                "[0, 0, 0, 0] in rows",
                "[1, 0, 0, 1] in rows",
                "[12, 0, 0, 12] in rows",
                "[12, 0, 0, 12] in rows",
                "[12, 0, 0, 12] in rows",
                "[12, 0, 0, 12] in rows",
            ],
        ),
        (
            r#""change", "by": "borough""#,
            [
                "1 areas, 0 tests",
                "1 areas, 1 tests",
                "1 areas, 1 tests",
                "1 areas, 1 tests",
                "1 areas, 1 tests",
                "1 areas, 1 tests",
            ],
        ),
        (
            r#""emerging_hot_spots", "cells": "h3", "h3_resolution": 9"#,
            [
                "0 in 24 steps, {}",
                "1 in 24 steps, {}",
                "12 in 24 steps, {}",
                "12 in 24 steps, {}",
                "12 in 24 steps, {}",
                "12 in 24 steps, {Category { pattern: New, side: Hot }: 4}",
            ],
        ),
        (
            r#""evaluation", "step": "month""#,
            ["6 origins, 3 contenders, 105 rows"; 6],
        ),
        (
            r#""getis_ord", "h3_resolution": 9"#,
            [
                "0 in 0 cells, 0 tests, (0, 0) significant",
                "1 in 1 cells, 48 tests, (0, 0) significant",
                "12 in 1 cells, 48 tests, (0, 0) significant",
                "12 in 2 cells, 48 tests, (0, 0) significant",
                "12 in 2 cells, 48 tests, (0, 0) significant",
                "12 in 4 cells, 48 tests, (2, 0) significant",
            ],
        ),
        (
            r#""getis_ord", "h3_resolution": 9, "p_value": {"permutation": {"permutations": 99}}"#,
            [
                "0 in 0 cells, 0 tests, (0, 0) significant",
                "1 in 1 cells, 48 tests, (0, 0) significant",
                "12 in 1 cells, 48 tests, (0, 0) significant",
                "12 in 2 cells, 48 tests, (0, 0) significant",
                "12 in 2 cells, 48 tests, (0, 0) significant",
                "12 in 4 cells, 48 tests, (0, 0) significant",
            ],
        ),
        (
            r#""local_moran", "h3_resolution": 9"#,
            [
                "0 in 0 cells, 0 tests, [0, 0, 0, 0] significant",
                "1 in 1 cells, 47 tests, [0, 0, 0, 0] significant",
                "12 in 1 cells, 47 tests, [0, 0, 0, 0] significant",
                "12 in 2 cells, 48 tests, [0, 0, 0, 0] significant",
                "12 in 2 cells, 48 tests, [0, 0, 0, 0] significant",
                "12 in 4 cells, 48 tests, [0, 0, 0, 0] significant",
            ],
        ),
        (
            r#""offence_mix""#,
            [
                "0 known, 0 unknown",
                "error not_derivable",
                "error not_derivable",
                "error not_derivable",
                "error not_derivable",
                "error not_derivable",
            ],
        ),
        (
            r#""spikes", "areas": {"kind": "borough"}"#,
            [
                "1 tested, 0 flagged",
                "1 tested, 0 flagged",
                "1 tested, 1 flagged",
                "1 tested, 1 flagged",
                "1 tested, 1 flagged",
                "1 tested, 1 flagged",
            ],
        ),
        (r#""surprise", "step": "month""#, ["error no_history"; 6]),
        (
            r#""temporal_profile""#,
            [
                "0 records, weight 0, 0 without a day",
                "error finer_than_data",
                "error finer_than_data",
                "error finer_than_data",
                "error finer_than_data",
                "error finer_than_data",
            ],
        ),
        (
            r#""space_time_scan", "replicates": 19"#,
            [
                "0 clusters of 0, 0 replicates",
                "0 clusters of 1, 0 replicates",
                "0 clusters of 12, 0 replicates",
                "0 clusters of 12, 0 replicates",
                "0 clusters of 12, 0 replicates",
                "0 clusters of 12, 0 replicates",
            ],
        ),
    ];
    // The data has records of every month of the period and of as many before it, or nothing could
    // be said of months at all.
    check(r#", "period": "2020-02/2022-01""#, &table, || {
        (-1900..24).step_by(28)
    });
}

/// Holds every method to its answers.
fn check<I: Iterator<Item = i32>>(
    select: &str,
    table: &[(&str, [&str; 6])],
    drugs: impl Fn() -> I,
) {
    let mut wrong = Vec::new();
    for (method, expected) in table {
        for (set, &expected) in sets().iter().zip(expected) {
            let text = format!(
                r#"{{"select": {{"area": "A", "groups": ["burglary"]{select}}}, "method": {{"name": {method}}}}}"#
            );
            let found = match try_findings(&snapshot(set, drugs()), &text) {
                Ok(findings) => told(&findings),
                Err(e) => format!("error {}", e.code()),
            };
            if found != expected {
                wrong.push(format!("{method} {set:?}:\n  {found}, not {expected}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
