//! Near-repeat risk: direct summation, days, decay from a Knox table, what is refused.

use std::collections::BTreeMap;

use crate::support::{BURGLARY, day_span, key, location, rectangle, span, with_sets};
use isopleth_core::Snapshot;
use isopleth_core::domain::{
    Area, IncidentRow, IncidentSetBuilder, LocationBasis, NO_PLACE, Period,
};
use isopleth_core::methods::near_repeat_risk::Outcome;
use isopleth_core::{Findings, Request, RunError, run};
use proptest::prelude::*;

/// Metres east and north of a corner, and the day of 2023 from 0.
type Event = (f64, f64, i32);

const CORNER: (f64, f64) = (550_000.0, 188_000.0);

fn day(text: &str) -> i32 {
    Period::parse(text).unwrap().minutes().0
}

fn snapshot(events: &[Event], basis: LocationBasis, areas: Vec<Area>) -> Snapshot {
    let mut builder = IncidentSetBuilder::default();
    for e in events {
        builder.push(&IncidentRow {
            location: Some(location(CORNER.0 + e.0, CORNER.1 + e.1)),
            span: day_span(day("2023-01-01") + e.2 * 1440),
            kind: BURGLARY,
            basis,
            place: NO_PLACE,
        });
    }
    with_sets(builder, areas)
}

fn risk(snapshot: &Snapshot, area: &str, method: &str) -> Result<Outcome, RunError> {
    let text = format!(
        r#"{{"select": {{"groups": ["burglary"]{area}}}, "method": {{"name": "near_repeat_risk"{method}}} }}"#
    );
    match run(snapshot, &Request::from_json(&text).unwrap())?.findings {
        Findings::NearRepeatRisk(found) => Ok(found),
        other => panic!("{other:?}"),
    }
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = (0_i32..200, 0_i32..150, 0_i32..120)
        .prop_map(|(x, y, d)| (f64::from(x) * 10.3, f64::from(y) * 9.7, d));
    prop::collection::vec(event, 0..80)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn is_the_plain_sum_of_its_zones(events in events(), named: bool, on in 1_i32..130) {
        let areas = vec![rectangle("A", CORNER.0 + 300.0, CORNER.1 + 300.0, CORNER.0 + 1500.0, CORNER.1 + 1200.0)];
        let world = snapshot(&events, LocationBasis::Address, areas);
        let as_of = isopleth_core::domain::format_day(day("2023-01-01") + on * 1440);
        let area = if named { r#", "area": "A""# } else { "" };
        let found = risk(&world, area, &format!(r#", "as_of": "{as_of}",
            "decay": {{"reciprocal": {{"within_m": 300, "within_days": 40, "time_unit_days": 10}}}}"#)).unwrap();
        let direct = |x: f64, y: f64| events.iter().filter_map(|e| {
            let d = (CORNER.0 + e.0 - x).hypot(CORNER.1 + e.1 - y);
            let a = on - e.2;
            (d < 300.0 && (1..40).contains(&a)).then(|| (1.0 / ((1.0 + d / 50.0) * (1.0 + f64::from(a) / 10.0)), d, a))
        }).collect::<Vec<_>>();
        let mut seen = vec![false; found.lattice.len()];
        for (i, c) in found.cells.iter().enumerate() {
            let at = found.lattice.centres()[c.cell];
            let zones = direct(at.x, at.y);
            prop_assert_eq!(c.rank as usize, i + 1);
            prop_assert_eq!(c.count as usize, zones.len());
            let sum: f64 = zones.iter().map(|z| z.0).sum();
            prop_assert!((c.risk - sum).abs() <= 1e-9 * sum, "{} {sum}", c.risk);
            let nearest = zones.iter().map(|z| z.1).fold(f64::INFINITY, f64::min);
            prop_assert!((c.nearest_m - nearest).abs() < 1e-6);
            let latest = zones.iter().map(|z| z.2).min().unwrap();
            prop_assert_eq!(c.latest_days as i32, latest);
            prop_assert_eq!(c.last_day, found.as_of + (39 - latest) * 1440);
            seen[c.cell] = true;
        }
        prop_assert!(found.cells.windows(2).all(|w| w[0].risk >= w[1].risk));
        for (cell, at) in found.lattice.centres().iter().enumerate().filter(|c| !seen[c.0]) {
            prop_assert!(direct(at.x, at.y).is_empty(), "{cell}");
        }
    }

    #[test]
    fn neither_order_nor_threads_matter(events in events()) {
        let of = |events: &[Event], threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let world = snapshot(events, LocationBasis::Address, vec![]);
            let found = pool.install(|| risk(&world, "", "")).unwrap();
            found.cells.iter().map(|c| (found.lattice.name(c.cell), c.risk.to_bits(), c.count)).collect::<Vec<_>>()
        };
        let mut turned = events.clone();
        turned.reverse();
        let one = of(&events, 1);
        prop_assert_eq!(&one, &of(&turned, 2));
        prop_assert_eq!(&one, &of(&events, 7));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn risk_moves_turns_and_doubles_with_its_events(events in events()) {
        // The grid begins at the origin of the plane: whole cells move all, and so does a quarter turn
        // about the corner of one.
        let of = |events: &[Event], back: &dyn Fn((f64, f64)) -> (f64, f64)| -> BTreeMap<_, _> {
            let found = risk(&snapshot(events, LocationBasis::Address, vec![]), "", "").unwrap();
            let at = |cell: usize| found.lattice.centres()[cell];
            let place = |cell: usize| key(back((at(cell).x - CORNER.0, at(cell).y - CORNER.1)));
            found.cells.iter().map(|c| (place(c.cell), (c.risk, c.count, c.nearest_m, c.latest_days, c.last_day))).collect()
        };
        let plain = of(&events, &|at| at);
        prop_assert_eq!(plain.is_empty(), events.is_empty());
        let there: Vec<Event> = events.iter().map(|e| (e.0 + 1000.0, e.1 - 500.0, e.2)).collect();
        let round: Vec<Event> = events.iter().map(|e| (-e.1, e.0, e.2)).collect();
        let double = [events.clone(), events].concat();
        for (times, other) in [
            (1, of(&there, &|at| (at.0 - 1000.0, at.1 + 500.0))),
            (1, of(&round, &|at| (at.1, -at.0))),
            (2, of(&double, &|at| at)),
        ] {
            prop_assert_eq!(plain.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
            for (a, b) in plain.values().zip(other.values()) {
                prop_assert!((f64::from(times) * a.0 - b.0).abs() <= 1e-9 * b.0, "{:?} {:?}", a, b);
                prop_assert_eq!((times * a.1, a.3, a.4), (b.1, b.3, b.4));
                prop_assert!((a.2 - b.2).abs() < 1e-6);
            }
        }
    }
}

#[test]
fn on_the_event_itself_and_at_the_units() {
    // In the middle of a cell: 1, halved by a week, halved again by 50 m.
    let world = snapshot(&[(25.0, 25.0, 0)], LocationBasis::Address, vec![]);
    let of = |as_of: &str| risk(&world, "", &format!(r#", "as_of": "{as_of}""#)).unwrap();
    let week = of("2023-01-08");
    assert!((week.cells[0].risk - 0.5).abs() < 1e-12);
    assert!((week.cells[1].risk - 0.25).abs() < 1e-12);
    assert_eq!(week.cells[0].last_day, day("2023-02-25"));
    // The day itself does not count, nor the 56th after it; without a day it is the next.
    assert!(of("2023-01-01").cells.is_empty());
    assert!(!of("2023-02-25").cells.is_empty());
    assert!(of("2023-02-26").cells.is_empty());
    let next = risk(&world, "", "").unwrap();
    assert_eq!((next.day().as_str(), next.fresh), ("2023-01-02", 1));
    let share = risk(&world, "", r#", "min_share_of_peak": 0.5"#).unwrap();
    assert!(
        share
            .cells
            .iter()
            .all(|c| c.risk >= 0.5 * share.cells[0].risk)
    );
    assert_eq!(
        share.cells.len() as u64 + share.below_share,
        next.cells.len() as u64
    );
}

#[test]
fn decay_from_the_table_of_the_data() {
    // Thirty places far apart, each hit twice: the second time 60 m and three days later.
    let mut events = Vec::new();
    for i in 0..30 {
        let (x, y) = (f64::from(i % 6) * 2000.0, f64::from(i / 6) * 2000.0);
        let d = (i * 37) % 300;
        events.push((x, y, d));
        events.push((x + 60.0, y, d + 3));
    }
    events.push((25.0, 5025.0, 310));
    let world = snapshot(&events, LocationBasis::Address, vec![]);
    let found = risk(
        &world,
        "",
        r#", "as_of": "2023-11-11", "decay": {"knox": {}}"#,
    )
    .unwrap();
    let bands = found.bands.as_ref().unwrap();
    assert_eq!(bands.incidents, 61);
    // Only the first band, and what it weighs is its ratio less one.
    assert!(bands.weights[0] > 5.0, "{:?}", bands.weights);
    assert!(bands.weights[1..].iter().all(|w| *w == 0.0));
    assert!(found.fresh > 1 && !found.cells.is_empty());
    for c in &found.cells {
        assert!(c.nearest_m < 100.0);
        assert_eq!(c.risk, bands.weights[0]);
        // Four days old; the band ends before the seventh.
        assert_eq!(c.last_day, day("2023-11-13"));
    }
    // What happened on the day and later is not in the table.
    let early = risk(
        &world,
        "",
        r#", "as_of": "2023-03-01", "decay": {"knox": {}}"#,
    )
    .unwrap();
    assert!(early.bands.unwrap().incidents < 20);
    // No near repeats: nothing to project.
    let scattered: Vec<Event> = (0..40)
        .map(|i| {
            (
                f64::from(i) * 777.0,
                f64::from(i * i % 41) * 300.0,
                (i * 31) % 200,
            )
        })
        .collect();
    let world = snapshot(&scattered, LocationBasis::Address, vec![]);
    let none = risk(&world, "", r#", "decay": {"knox": {}}"#).unwrap();
    assert!(none.cells.is_empty() && none.bands.unwrap().weights.iter().all(|w| *w == 0.0));
}

#[test]
fn what_is_refused() {
    let code = |world: &Snapshot, method: &str| risk(world, "", method).unwrap_err();
    let address = snapshot(&[(0.0, 0.0, 0)], LocationBasis::Address, vec![]);
    for (method, words) in [
        (
            r#", "as_of": "2023-01""#,
            "as_of must be one day, as in 2024-03-15, not 2023-01",
        ),
        (
            r#", "cell_m": 5"#,
            "cell_m must be 10 to 1000 metres, not 5",
        ),
        (
            r#", "decay": {"reciprocal": {"within_days": 1}}"#,
            "within_days must be 2 to 366 days, not 1",
        ),
        (
            r#", "decay": {"reciprocal": {"within_m": 0}}"#,
            "within_m must be more than 0 and at most 5000 metres, not 0",
        ),
        (
            r#", "decay": {"knox": {"replicates": 9}}"#,
            "replicates must be so many that a p of alpha can come out of them, not 9",
        ),
    ] {
        let error = code(&address, method);
        assert_eq!(error.code(), "invalid_near_repeat_risk");
        assert!(error.to_string().contains(words), "{error}");
    }
    let points = snapshot(&[(0.0, 0.0, 0)], LocationBasis::SnapPoint, vec![]);
    assert_eq!(code(&points, "").code(), "snap_points");
    assert_eq!(
        risk(&points, "", r#", "allow": ["snap_points"]"#)
            .unwrap()
            .snap_points,
        1
    );
    let mut builder = IncidentSetBuilder::default();
    builder.push(&IncidentRow {
        location: Some(location(CORNER.0, CORNER.1)),
        span: span(1),
        kind: BURGLARY,
        basis: LocationBasis::Address,
        place: NO_PLACE,
    });
    assert_eq!(
        code(&with_sets(builder, vec![]), "").code(),
        "finer_than_data"
    );
    let nothing = risk(&snapshot(&[], LocationBasis::Address, vec![]), "", "").unwrap();
    assert!(nothing.cells.is_empty());
}
