//! Dual density: against spatstat, direct summation, and what must hold for all inputs.

use crate::support::{
    self, BURGLARY, DRUGS, Event, key, location, moved, quarter, rectangle, try_findings, turned,
    world,
};
use isopleth_core::domain::{LonLat, Site};
use isopleth_core::methods::dual_density::{Compare, Error, Labels, Outcome, Side, Undefined};
use isopleth_core::{Findings, Request, RunError, Snapshot, run};
use proptest::prelude::*;

fn compared(snapshot: &Snapshot, text: &str) -> Outcome {
    match run(snapshot, &Request::from_json(text).unwrap())
        .unwrap()
        .findings
    {
        Findings::DualDensity(found) => found,
        other => panic!("{other:?}"),
    }
}

fn refused(snapshot: &Snapshot, text: &str) -> RunError {
    run(snapshot, &Request::from_json(text).unwrap()).unwrap_err()
}

/// Burglary against drugs, or the other way round.
fn groups(swapped: bool, method: &str) -> String {
    let (a, b) = if swapped {
        (("drugs", "police_generated"), ("burglary", "reported"))
    } else {
        (("burglary", "reported"), ("drugs", "police_generated"))
    };
    format!(
        r#"{{"select": {{"groups": ["{}"], "lens": "{}"}},
        "method": {{"name": "dual_density", "against": {{"groups": ["{}"], "lens": "{}"}}, {method}}} }}"#,
        a.0, a.1, b.0, b.1
    )
}

fn scattered(most: usize) -> impl Strategy<Value = Vec<Event>> {
    let event = (0_i32..40, 0_i32..40, 1_i32..25, 0_u16..2).prop_map(|(x, y, month, kind)| Event {
        x: 550_000.0 + f64::from(x * x),
        y: 188_000.0 + f64::from(y * y),
        month,
        kind,
    });
    prop::collection::vec(event, 2..most)
}

fn by_name(outcome: &Outcome) -> std::collections::BTreeMap<String, Result<f64, Undefined>> {
    (0..)
        .zip(&outcome.cells)
        .map(|(c, cell)| (outcome.lattice.name(c), cell.value))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn swapping_the_sides_inverts_and_negates(events in scattered(60), h3: bool) {
        let snapshot = world(&events, vec![]);
        let cells = if h3 { r#""h3_resolution": 9"# } else { r#""cell_m": 150"# };
        for (compare, logarithm) in [("ratio", false), ("relative_risk", false), ("log_ratio", true), ("log_relative_risk", true), ("difference", true)] {
            let method = format!(r#""bandwidth_m": 450, {cells}, "compare": "{compare}", "replicates": 0"#);
            let one = by_name(&compared(&snapshot, &groups(false, &method)));
            let other = by_name(&compared(&snapshot, &groups(true, &method)));
            prop_assert_eq!(one.len(), other.len());
            for ((name, a), (other_name, b)) in one.iter().zip(&other) {
                prop_assert_eq!(name, other_name);
                match (a, b) {
                    (Ok(a), Ok(b)) if logarithm => prop_assert!((a + b).abs() <= 1e-9 * a.abs().max(1.0)),
                    (Ok(a), Ok(b)) => prop_assert!((a * b - 1.0).abs() < 1e-9 || (*a == 0.0 && *b == 0.0)),
                    // A ratio of zero has no inverse.
                    _ => prop_assert!(!logarithm || (a.is_err() && b.is_err())),
                }
            }
        }
    }

    #[test]
    fn values_are_those_of_direct_summation(events in scattered(60)) {
        let snapshot = world(&events, vec![]);
        let found = compared(&snapshot, &groups(false, r#""bandwidth_m": 500, "against_bandwidth_m": 700, "cell_m": 200, "compare": "ratio", "replicates": 0"#));
        let quartic = |h: f64, kind: u16, at: isopleth_core::plane::Planar| -> f64 {
            events.iter().filter(|e| e.kind == kind).map(|e| {
                let u2 = location(e.x, e.y).planar().distance_2(at) / (h * h);
                if u2 < 1.0 { 3.0 / std::f64::consts::PI / (h * h) * (1.0 - u2) * (1.0 - u2) } else { 0.0 }
            }).sum()
        };
        let floor = 0.1 * 3.0 / std::f64::consts::PI / (700.0 * 700.0);
        for (cell, &at) in found.cells.iter().zip(found.lattice.centres()) {
            let (a, b) = (quartic(500.0, BURGLARY, at), quartic(700.0, DRUGS, at));
            prop_assert!((cell.density_per_m2 - a).abs() <= 1e-9 * a.max(1e-9));
            prop_assert!((cell.against_per_m2 - b).abs() <= 1e-9 * b.max(1e-9));
            match cell.value {
                Ok(v) => prop_assert!((v - a / b).abs() <= 1e-6 * v.max(1e-6)),
                Err(why) => {
                    prop_assert_eq!(why, Undefined::Denominator);
                    prop_assert!(b < floor * (1.0 + 1e-9));
                }
            }
        }
        let n = |kind| events.iter().filter(|e| e.kind == kind).count() as u32;
        prop_assert_eq!(found.cells.iter().map(|c| c.count).sum::<u32>(), n(BURGLARY));
        prop_assert_eq!(found.cells.iter().map(|c| c.count_against).sum::<u32>(), n(DRUGS));
    }

    #[test]
    fn neither_order_nor_threads_change_a_bit(events in scattered(80), same: bool) {
        let other = if same { "" } else { r#""against_bandwidth_m": 600,"# };
        let method = format!(r#""bandwidth_m": 450, {other} "cell_m": 150, "replicates": 70, "seed": 5"#);
        let one = compared(&world(&events, vec![]), &groups(false, &method)).cells;
        let mut turned = events.clone();
        turned.reverse();
        for threads in [1, 2, 7] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let again = pool.install(|| compared(&world(&turned, vec![]), &groups(false, &method)).cells);
            prop_assert_eq!(format!("{one:?}"), format!("{again:?}"));
        }
    }

    #[test]
    fn doubling_all_events_keeps_the_relative_risk(events in scattered(40)) {
        let twice: Vec<Event> = events.iter().chain(&events).copied().collect();
        // The floor is of a lone incident, and so doubles.
        let method = |floor: f64| format!(r#""bandwidth_m": 450, "cell_m": 150, "replicates": 0, "floor_per_km2": {floor}"#);
        let one = compared(&world(&events, vec![]), &groups(false, &method(0.5)));
        let two = compared(&world(&twice, vec![]), &groups(false, &method(1.0)));
        for (a, b) in one.cells.iter().zip(&two.cells) {
            match (a.value, b.value) {
                (Ok(a), Ok(b)) => prop_assert!((a - b).abs() < 1e-9),
                (a, b) => prop_assert_eq!(a, b),
            }
        }
    }
}

fn oracle(name: &str) -> Vec<Vec<String>> {
    let path = format!(
        "{}/../../fixtures/oracles/dual_density/spatstat_relrisk/{name}",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .skip(1)
        .map(|l| l.split(',').map(str::to_owned).collect())
        .collect()
}

#[test]
fn densities_ratios_and_tolerance_are_those_of_spatstat() {
    let events: Vec<Event> = oracle("points.csv")
        .iter()
        .map(|row| Event {
            x: 550_000.0 + (row[1].parse::<f64>().unwrap() - 0.5) * 100.0,
            y: 188_000.0 + (row[2].parse::<f64>().unwrap() - 0.5) * 100.0,
            month: 1,
            kind: if row[0] == "case" { BURGLARY } else { DRUGS },
        })
        .collect();
    // The oracle's pixels are the squares whose centres lie in this rectangle.
    let area = rectangle("A", 550_001.0, 188_001.0, 552_999.0, 190_399.0);
    let snapshot = world(&events, vec![area]);
    let rows = oracle("surface.csv");
    for sigma in [300_u32, 500] {
        let text = |compare: &str, replicates: u32| {
            format!(
                r#"{{"select": {{"area": "A", "groups": ["burglary"]}},
            "method": {{"name": "dual_density", "against": {{"groups": ["drugs"], "lens": "police_generated"}}, "kernel": "gaussian",
                "bandwidth_m": {sigma}, "cell_m": 100, "compare": "{compare}", "floor_per_km2": 1e-6, "replicates": {replicates}}} }}"#
            )
        };
        let ratio = compared(&snapshot, &text("ratio", 999));
        let log = compared(&snapshot, &text("log_relative_risk", 0));
        assert_eq!(
            (ratio.cells.len(), ratio.labels, log.labels),
            (720, Labels::Exchanged, Labels::None)
        );
        let expected = rows.iter().filter(|r| r[0] == sigma.to_string());
        let mut worst = [0.0_f64; 4];
        let mut seen = 0;
        for row in expected {
            let v: Vec<f64> = row.iter().map(|t| t.parse().unwrap()).collect();
            let at = location(
                550_000.0 + (v[1] - 0.5) * 100.0,
                188_000.0 + (v[2] - 0.5) * 100.0,
            );
            let c = ratio.lattice.locate(at.planar(), at.position).unwrap();
            let cell = &ratio.cells[c];
            worst[0] = worst[0].max((cell.density_per_m2 / v[4] - 1.0).abs());
            worst[1] = worst[1].max((cell.value.unwrap() / v[3] - 1.0).abs());
            worst[2] = worst[2].max((log.cells[c].value.unwrap() - v[6]).abs());
            let p = v[7];
            let own = cell.tolerance.unwrap().p_upper;
            let mean = (p + own) / 2.0;
            let error = (mean * (1.0 - mean) * (1.0 / 1999.0 + 1.0 / 999.0)).sqrt();
            worst[3] = worst[3].max((own - p).abs() / (5.0 * error + 4e-3));
            seen += 1;
        }
        println!(
            "sigma {sigma}: density {:.1e}, ratio {:.1e}, log relative risk {:.1e}, p {:.2} of what chance allows",
            worst[0], worst[1], worst[2], worst[3]
        );
        assert_eq!(seen, 720);
        assert!(
            worst[0] < 2e-6 && worst[1] < 1e-6 && worst[2] < 1e-6 && worst[3] < 1.0,
            "{worst:?}"
        );
    }
}

/// Events of both kinds by a fixed congruential sequence.
fn mixed(n: usize, share: u64, seed: u64) -> Vec<Event> {
    let mut state = seed;
    let mut next = |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    (0..n)
        .map(|_| Event {
            x: 550_000.0 + next(3000) as f64,
            y: 188_000.0 + next(3000) as f64,
            month: 1 + next(24) as i32,
            kind: if next(100) < share { BURGLARY } else { DRUGS },
        })
        .collect()
}

#[test]
fn p_is_even_where_labels_are_random_and_small_where_they_are_not() {
    // p of a stated place over many data sets: uniform under the hypothesis.
    let middle = location(551_500.0, 189_500.0);
    let method = r#""bandwidth_m": 700, "cell_m": 300, "replicates": 99"#;
    let mut tenths = [0_u32; 10];
    for seed in 0..200 {
        let found = compared(
            &world(&mixed(120, 40, seed * 7919 + 1), vec![]),
            &groups(false, method),
        );
        let c = found
            .lattice
            .locate(middle.planar(), middle.position)
            .unwrap();
        let p = found.cells[c].tolerance.unwrap().p_upper;
        tenths[((p * 100.0 - 1.0) / 10.0) as usize % 10] += 1;
    }
    let chi2: f64 = tenths
        .iter()
        .map(|&n| (f64::from(n) - 20.0).powi(2) / 20.0)
        .sum();
    // The 0.999 quantile of chi-square with nine degrees of freedom.
    assert!(chi2 < 27.88, "{tenths:?}");

    let mut events = mixed(300, 40, 3);
    events.extend((0..30).map(|i| Event {
        x: 551_400.0 + f64::from(i) * 5.0,
        y: 189_500.0,
        month: 1,
        kind: BURGLARY,
    }));
    let found = compared(
        &world(&events, vec![]),
        &groups(false, &method.replace("99", "999")),
    );
    let c = found
        .lattice
        .locate(middle.planar(), middle.position)
        .unwrap();
    let t = found.cells[c].tolerance.unwrap();
    assert_eq!((t.p_upper, t.p_lower, t.p), (0.001, 1.0, 0.002));
    // Benjamini and Hochberg, written out.
    let all: Vec<_> = found.cells.iter().filter_map(|c| c.tolerance).collect();
    let adjusted = |p: f64| {
        let of = |q: f64| q * all.len() as f64 / all.iter().filter(|t| t.p <= q).count() as f64;
        all.iter()
            .filter(|t| t.p >= p)
            .map(|t| of(t.p))
            .fold(1.0, f64::min)
    };
    for t in &all {
        assert!((t.p_adjusted - adjusted(t.p)).abs() < 1e-12, "{t:?}");
    }
}

#[test]
fn a_side_against_itself_is_one_everywhere_and_a_part_is_drawn() {
    let snapshot = world(&mixed(80, 60, 9), vec![]);
    let text = |against: &str| {
        format!(
            r#"{{"select": {{"groups": ["burglary"]}}, "method": {{"name": "dual_density", "compare": "ratio",
        "bandwidth_m": 500, "cell_m": 200, "replicates": 19, "against": {against}}} }}"#
        )
    };
    let same = compared(&snapshot, &text(r#"{"groups": ["burglary"]}"#));
    assert_eq!(same.labels, Labels::Drawn);
    for cell in &same.cells {
        assert!(cell.value.is_err() || cell.value == Ok(1.0));
        assert!(
            cell.tolerance
                .is_none_or(|t| t.p == 1.0 && t.p_adjusted == 1.0)
        );
    }
    // Nobody selects 2022 out of all burglary and gets more than all of it.
    let part = compared(
        &snapshot,
        &text(r#"{"groups": ["burglary"]}"#)
            .replace(
                r#""groups": ["burglary"]},"#,
                r#""groups": ["burglary"], "period": "2022"},"#,
            )
            .replace(
                r#"{"groups": ["burglary"]}}"#,
                r#"{"period": "2022-01/2023-12"}}"#,
            ),
    );
    assert_eq!(part.labels, Labels::Drawn);
    assert!(part.unequal_periods);
    assert!(
        part.cells
            .iter()
            .filter_map(|c| c.value.ok())
            .all(|v| v <= 1.0 + 1e-12)
    );
    // Periods that overlap in part leave no labels to exchange.
    let overlap = compared(
        &snapshot,
        r#"{"select": {"groups": ["burglary"], "period": "2022"}, "method": {"name": "dual_density",
        "bandwidth_m": 500, "cell_m": 200, "against": {"period": "2022-07/2023-06"}} }"#,
    );
    assert_eq!(overlap.labels, Labels::Overlap);
    assert!(overlap.cells.iter().all(|c| c.tolerance.is_none()));
    let earlier = compared(
        &snapshot,
        r#"{"select": {"groups": ["burglary"], "period": "2023"}, "method": {"name": "dual_density",
        "bandwidth_m": 500, "cell_m": 200, "replicates": 9, "against": {"period": "2022"}} }"#,
    );
    assert_eq!(
        (earlier.labels, earlier.unequal_periods),
        (Labels::Exchanged, false)
    );
}

#[test]
fn lenses_are_not_mixed_unasked() {
    let snapshot = world(&mixed(60, 50, 4), vec![]);
    let text = |against: &str| {
        format!(
            r#"{{"select": {{"groups": ["burglary"]}}, "method": {{"name": "dual_density",
        "bandwidth_m": 500, "cell_m": 200, "replicates": 0, "against": {against}}} }}"#
        )
    };
    let error = refused(&snapshot, &text(r#"{"groups": ["drugs"]}"#));
    assert_eq!(error.code(), "mixed_lens");
    assert!(error.to_string().contains("against.lens"), "{error}");
    let asked = compared(
        &snapshot,
        &text(r#"{"groups": ["drugs"], "lens": "police_generated"}"#),
    );
    assert!(matches!(asked.against, Side::Incidents { lens, .. } if lens != asked.lens));
    for (against, part) in [
        ("{}", "names nothing"),
        (r#"{"sites": "pub"}"#, "no site of class `pub`"),
        (r#"{"sites": "pub", "period": "2022"}"#, "stands alone"),
        (r#"{"groups": ["theft"]}"#, "no offence group `theft`"),
    ] {
        let error = refused(&snapshot, &text(against));
        assert!(error.to_string().contains(part), "{error}");
    }
    let wrong = |field: &str| refused(&snapshot, &groups(false, field));
    assert_eq!(
        wrong(r#""bandwidth_m": 500, "floor_per_km2": 0"#),
        RunError::DualDensity(Error::Floor(0.0))
    );
    assert_eq!(
        wrong(r#""bandwidth_m": 500, "replicates": 100000"#),
        RunError::DualDensity(Error::Replicates(100_000))
    );
    assert_eq!(
        wrong(r#""bandwidth_m": 5, "cell_m": 100"#).code(),
        "invalid_kernel_density"
    );
}

#[test]
fn population_points_count_as_their_residents() {
    let mut snapshot = world(&mixed(60, 100, 4), vec![]);
    let request = |more: &str| {
        r#"{"select": {"groups": ["burglary"]}, "method": {"name": "dual_density", "bandwidth_m": 500,
            "cell_m": 200, "compare": "relative_risk", "replicates": 39, "against": {"sites": "people"MORE}} }"#
            .replace("MORE", more)
    };
    let people = |n: u32| {
        (0_u32..40).map(move |i| Site {
            number: Some(n * (1 + i % 3)),
            ..support::site(
                "people",
                &i.to_string(),
                550_100.0 + f64::from(i % 8) * 200.0,
                188_100.0 + f64::from(i / 8) * 250.0,
            )
        })
    };
    let by_number = r#", "sites_by": "number""#;
    // A point of n residents is n sites at one place.
    snapshot.sites = people(2).collect();
    let numbered = compared(&snapshot, &request(by_number));
    snapshot.sites = people(2)
        .flat_map(|s| {
            (0..s.number.unwrap()).map(move |k| Site {
                id: format!("{}-{k}", s.id),
                number: None,
                ..s.clone()
            })
        })
        .collect();
    let each = compared(&snapshot, &request(""));
    assert_eq!(numbered.against_selected, each.against_selected);
    assert!(each.against_selected > 100);
    for (a, b) in numbered.cells.iter().zip(&each.cells) {
        assert_eq!(
            (a.count_against, a.tolerance),
            (b.count_against, b.tolerance)
        );
        assert!((a.against_per_m2 - b.against_per_m2).abs() <= 1e-12 * a.against_per_m2);
    }
    // Risk does not ask in what unit residents are counted.
    snapshot.sites = people(20).collect();
    let tenfold = compared(&snapshot, &request(by_number));
    for (a, b) in numbered.cells.iter().zip(&tenfold.cells) {
        if let (Ok(a), Ok(b)) = (a.value, b.value) {
            assert!((a - b).abs() <= 1e-9 * a.abs(), "{a} {b}");
        }
    }
    // A site that stands for no number is refused, and so is a number of nothing.
    snapshot.sites[3].number = None;
    let refused = |request: &str| try_findings(&snapshot, request).unwrap_err();
    let error = refused(&request(by_number));
    assert_eq!(error.code(), "invalid_dual_density");
    assert!(error.to_string().contains("1 of the 40 sites"), "{error}");
    let error =
        refused(&request(by_number).replace(r#""sites": "people", "#, r#""groups": ["drugs"], "#));
    assert!(error.to_string().contains("sites_by"), "{error}");
}

#[test]
fn sites_are_points_like_others() {
    let mut snapshot = world(&mixed(60, 100, 4), vec![]);
    let site = |i: u32, x: f64, y: f64| Site {
        id: i.to_string(),
        name: String::new(),
        class: "pub".into(),
        position: LonLat::new(location(x, y).position.lon(), location(x, y).position.lat())
            .unwrap(),
        number: None,
    };
    // Pubs exactly where the incidents are: nothing but the floor can differ from one.
    snapshot.sites = (0..)
        .zip(mixed(60, 100, 4))
        .map(|(i, e)| site(i, e.x, e.y))
        .collect();
    let found = compared(
        &snapshot,
        r#"{"select": {"groups": ["burglary"]}, "method": {"name": "dual_density",
        "bandwidth_m": 500, "cell_m": 200, "compare": "relative_risk", "replicates": 19, "against": {"sites": "pub"}} }"#,
    );
    assert_eq!(
        (found.against_selected, found.labels),
        (60, Labels::Exchanged)
    );
    let values: Vec<f64> = found.cells.iter().filter_map(|c| c.value.ok()).collect();
    assert!(
        !values.is_empty() && values.iter().all(|v| (v - 1.0).abs() < 1e-4),
        "{values:?}"
    );
    assert!(
        found
            .cells
            .iter()
            .all(|c| c.tolerance.is_none_or(|t| t.p > 0.05))
    );
}

#[test]
fn degenerate_sides_have_defined_answers() {
    let area = || vec![rectangle("A", 550_000.0, 188_000.0, 552_000.0, 189_500.0)];
    let one = |kind| Event {
        x: 551_000.0,
        y: 188_700.0,
        month: 1,
        kind,
    };
    let text = |compare: &str| {
        groups(
            false,
            &format!(
                r#""bandwidth_m": 500, "cell_m": 250, "compare": "{compare}", "replicates": 19"#
            ),
        )
        .replace(r#""select": {"#, r#""select": {"area": "A", "#)
    };
    let worlds = [
        vec![],
        vec![one(BURGLARY)],
        vec![one(DRUGS)],
        vec![one(BURGLARY), one(DRUGS)],
        [vec![one(BURGLARY); 30], vec![one(DRUGS); 20]].concat(),
    ];
    for events in worlds {
        let n = |kind| events.iter().filter(|e| e.kind == kind).count();
        let both = n(BURGLARY) > 0 && n(DRUGS) > 0;
        for compare in [
            "ratio",
            "log_ratio",
            "difference",
            "relative_risk",
            "log_relative_risk",
        ] {
            let found = compared(&world(&events, area()), &text(compare));
            assert_eq!(
                found.labels,
                if both {
                    Labels::Exchanged
                } else {
                    Labels::None
                }
            );
            for cell in &found.cells {
                assert!(
                    cell.value.is_ok_and(f64::is_finite) || found.compare != Compare::Difference
                );
                assert!(
                    n(DRUGS) > 0
                        || found.compare == Compare::Difference
                        || cell.value == Err(Undefined::Denominator)
                );
                // All at one point: no labelling differs from another.
                assert!(cell.tolerance.is_none_or(|t| t.p == 1.0), "{cell:?}");
            }
            assert_eq!(found.cells.iter().any(|c| c.tolerance.is_some()), both);
        }
    }
    let auto = groups(false, r#""cell_m": 250"#);
    assert!(compared(&world(&[], vec![]), &auto).cells.is_empty());
}

#[test]
fn tolerance_contours_hold_the_cells_beyond_chance_and_nest() {
    use geo::Intersects;
    use isopleth_core::methods::dual_density::Direction;
    // Burglary in the west, drugs in the east, both in the middle.
    let mut events = Vec::new();
    for i in 0..120_i32 {
        let (x, y) = (f64::from(i % 12) * 37.0, f64::from(i / 12) * 41.0);
        let mut put = |x: f64, kind| {
            events.push(Event {
                x: 550_000.0 + x,
                y: 188_200.0 + y,
                month: 1 + i % 12,
                kind,
            });
        };
        put(x, BURGLARY);
        put(3000.0 + x, DRUGS);
        put(1500.0 + x, if i % 2 == 0 { BURGLARY } else { DRUGS });
    }
    let area = rectangle("A", 549_800.0, 188_100.0, 553_600.0, 188_600.0);
    let snapshot = world(&events, vec![area]);
    let method = |more: &str| {
        format!(
            r#"{{"select": {{"groups": ["burglary"], "area": "A"}},
            "method": {{"name": "dual_density", "against": {{"groups": ["drugs"], "lens": "police_generated"}},
                "bandwidth_m": 300, "cell_m": 100, "replicates": 199, "seed": 4{more}}} }}"#
        )
    };
    let cells = compared(&snapshot, &method(""));
    let text = method(r#", "tolerance_contours": [0.05, 0.02]"#);
    let found = match run(&snapshot, &Request::from_json(&text).unwrap())
        .unwrap()
        .findings
    {
        Findings::ToleranceContours(found) => found,
        other => panic!("{other:?}"),
    };
    let ids: Vec<&str> = found.contours.iter().map(|c| c.id.as_str()).collect();
    assert_eq!(
        ids,
        ["raised-0.05", "raised-0.02", "lowered-0.05", "lowered-0.02"]
    );
    for c in &found.contours {
        // A cell's centre lies in the contour if, and only if, its p says so.
        for (cell, &at) in cells.cells.iter().zip(cells.lattice.centres()) {
            let Some(t) = cell.tolerance else { continue };
            let p = if c.direction == Direction::Raised {
                t.p_upper
            } else {
                t.p_lower
            };
            let at = isopleth_core::plane::unproject(at).unwrap();
            let inside = c.outline.intersects(&geo::Point(at.coord()));
            let in_area = snapshot.areas[0]
                .geometry
                .intersects(&geo::Point(at.coord()));
            assert_eq!(inside, in_area && p <= c.level / 2.0, "{} {p}", c.id);
        }
        let east = events
            .iter()
            .filter(|e| e.kind == BURGLARY)
            .filter(|e| {
                c.outline
                    .intersects(&geo::Point(location(e.x, e.y).position.coord()))
            })
            .count();
        assert_eq!(c.count as usize, east);
    }
    // The stricter lies in the wider.
    use geo::BooleanOps;
    for pair in found.contours.chunks(2) {
        assert!(pair[1].outline.difference(&pair[0].outline).0.is_empty());
        assert!(pair[1].area_m2 <= pair[0].area_m2);
    }
    for (levels, words) in [
        ("[0.005]", "of which half is at least 1 / (replicates + 1)"),
        ("[1.0]", "levels below 1"),
    ] {
        let error = refused(
            &snapshot,
            &method(&format!(r#", "tolerance_contours": {levels}"#)),
        );
        assert_eq!(error.code(), "invalid_dual_density");
        assert!(error.to_string().contains(words), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_comparison_moves_and_turns_with_the_events(events in scattered(60)) {
        let events = moved(&events, 0.137, 0.271);
        let text = groups(false, r#""bandwidth_m": 450, "cell_m": 150, "compare": "ratio", "floor_per_km2": 0.5, "replicates": 0"#);
        let by_place = |events: &[Event], back: &dyn Fn((f64, f64)) -> (f64, f64)| -> std::collections::BTreeMap<_, _> {
            let found = compared(&world(events, vec![]), &text);
            let cells = found.cells.into_iter().zip(found.lattice.centres());
            cells.map(|(cell, at)| (key(back((at.x, at.y))), cell))
                .filter(|c| c.1.density_per_m2 + c.1.against_per_m2 > 1e-12).collect()
        };
        let plain = by_place(&events, &|at| at);
        prop_assert!(!plain.is_empty());
        let there = by_place(&moved(&events, 3000.0, -1500.0), &|at| (at.0 - 3000.0, at.1 + 1500.0));
        // Three more quarters bring a place back.
        let round = by_place(&turned(&events), &|at| quarter(quarter(quarter(at))));
        for other in [there, round] {
            prop_assert_eq!(plain.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
            for (a, b) in plain.values().zip(other.values()) {
                let near = |a: f64, b: f64| (a - b).abs() <= 1e-6 * a.abs().max(1e-9);
                prop_assert!(near(a.density_per_m2, b.density_per_m2) && near(a.against_per_m2, b.against_per_m2));
                prop_assert_eq!((a.count, a.count_against), (b.count, b.count_against));
                match (a.value, b.value) {
                    (Ok(a), Ok(b)) => prop_assert!((a - b).abs() <= 1e-6 * a.max(1e-3), "{} {}", a, b),
                    (a, b) => prop_assert_eq!(a, b),
                }
            }
        }
    }
}
