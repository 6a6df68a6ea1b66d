//! Stability of hotspots: cases with a known answer, reruns of the whole analysis, determinism.

use crate::support::{BURGLARY, Event, location, rectangle, span, with_sets, world};
use isopleth_core::domain::{IncidentRow, IncidentSetBuilder, LocationBasis, NO_PLACE};
use isopleth_core::hotspots::Hotspot;
use isopleth_core::{CutSurface, Findings, Request, RunError, Snapshot, run};
use proptest::prelude::*;

fn cut(snapshot: &Snapshot, cells: &str, hotspots: &str) -> Result<CutSurface, RunError> {
    let text = format!(
        r#"{{"select": {{"groups": ["burglary"], "area": "A"}},
            "method": {{"name": "kernel_density", "bandwidth_m": 250, {cells}}},
            "hotspots": {{{hotspots}}} }}"#
    );
    match run(snapshot, &Request::from_json(&text).unwrap())?.findings {
        Findings::Hotspots(found) => Ok(found),
        other => panic!("{other:?}"),
    }
}

const H3: &str = r#""h3_resolution": 10"#;
const SQUARES: &str = r#""cell_m": 80"#;

/// No location error, no shift, no month left out, no other bandwidth.
const STILL: &str = r#""bandwidth_spread": 0, "shift_cells": false, "leave_out_months": false,
    "location_error_m": {"address": 0, "street": 0, "snap_point": 0, "unknown": 0}"#;

fn area() -> Vec<isopleth_core::domain::Area> {
    vec![rectangle("A", 549_000.0, 187_000.0, 553_000.0, 190_000.0)]
}

fn scattered() -> impl Strategy<Value = Vec<Event>> {
    let event = (0_i32..90, 0_i32..70, 1_i32..25).prop_map(|(x, y, month)| Event {
        // Off the edges of squares, where a record has two nearest centres.
        x: 549_803.0 + f64::from(x * x) * 0.31,
        y: 187_807.0 + f64::from(y * y) * 0.37,
        month,
        kind: BURGLARY,
    });
    prop::collection::vec(event, 5..150)
}

fn pile(x: f64, y: f64, months: std::ops::RangeInclusive<i32>, each: usize) -> Vec<Event> {
    months
        .flat_map(|month| {
            (0..each).map(move |i| Event {
                x: x + (i % 3) as f64 * 30.0,
                y: y + (i / 3) as f64 * 30.0,
                month,
                kind: BURGLARY,
            })
        })
        .collect()
}

fn stability(found: &[Hotspot]) -> Vec<f64> {
    found.iter().map(|h| h.stability.unwrap()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_does_not_change_stays(events in scattered(), squares: bool, per_km2 in 5_u32..60) {
        let cells = if squares { SQUARES } else { H3 };
        let found = cut(&world(&events, area()), cells, &format!(
            r#""min_density_per_km2": {per_km2}, "stability": {{"runs": 3, {STILL}}}"#)).unwrap();
        for h in &found.cut.hotspots {
            // A lone record a hair from an edge of H3 cells may count in the next one, and its group be gone.
            if !squares && h.facts.count < 3 { continue; }
            prop_assert_eq!(h.stability, Some(1.0), "{:?}", h.id);
        }
    }

    #[test]
    fn neither_order_nor_threads_matter(events in scattered(), squares: bool) {
        let cells = if squares { SQUARES } else { H3 };
        let text = r#""share_of_incidents": 0.4, "max": 4, "stability": {"runs": 40, "seed": 7}"#;
        let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let of = |events: &[Event], threads| {
            let snapshot = world(events, area());
            let found = pool(threads).install(|| cut(&snapshot, cells, text)).unwrap();
            found.cut.hotspots.iter().map(|h| (h.id.clone(), h.stability.unwrap().to_bits())).collect::<Vec<_>>()
        };
        let one = of(&events, 1);
        let mut turned = events.clone();
        turned.reverse();
        prop_assert_eq!(&one, &of(&turned, 2));
        prop_assert_eq!(&one, &of(&events, 7));
    }
}

#[test]
fn two_equal_places_and_one_prize() {
    // Equal piles in different months: the one whose month is left out loses.
    let mut events = pile(550_003.0, 188_007.0, 1..=6, 10);
    events.extend(pile(552_003.0, 189_207.0, 7..=12, 10));
    let found = cut(
        &world(&events, area()),
        SQUARES,
        r#""share_of_incidents": 0.99, "max": 1, "stability": {"runs": 2000, "bandwidth_spread": 0,
            "shift_cells": false, "location_error_m": {"snap_point": 0}}"#,
    )
    .unwrap();
    let [one] = &found.cut.hotspots[..] else {
        panic!("{:?}", found.cut)
    };
    // Twelve months, equally often: six let it win. Five standard deviations of 2,000 tosses.
    let share = one.stability.unwrap();
    assert!((share - 0.5).abs() < 0.056, "{share}");
    let tested = found.cut.tested.unwrap();
    assert_eq!((tested.top, tested.records, tested.months), (1, 120, 12));
}

#[test]
fn agrees_with_reruns_of_the_whole_analysis() {
    // A steady place, one with a single bad month, and one in the middle.
    let mut events = pile(550_003.0, 188_007.0, 1..=8, 6);
    events.extend(pile(551_003.0, 189_207.0, 3..=3, 40));
    events.extend(pile(552_003.0, 188_207.0, 1..=8, 5));
    let hotspots = r#""times_mean_density": 4, "min_count": 3, "max": 2"#;
    let with_test = format!(
        r#"{hotspots}, "stability": {{"runs": 4000, "bandwidth_spread": 0, "shift_cells": false,
            "location_error_m": {{"snap_point": 0}}}}"#
    );
    let whole = cut(&world(&events, area()), SQUARES, &with_test).unwrap();
    assert_eq!(whole.cut.hotspots.len(), 2);
    for h in &whole.cut.hotspots {
        let mut stays = 0.0;
        for month in 1..=8 {
            let mut less = events.clone();
            less.retain(|e| e.month != month);
            let again = cut(&world(&less, area()), SQUARES, hotspots).unwrap();
            // Places far apart: the same place is the one that overlaps.
            use geo::Intersects;
            let stayed = again
                .cut
                .hotspots
                .iter()
                .any(|o| o.outline.intersects(&h.outline));
            stays += f64::from(u8::from(stayed)) / 8.0;
        }
        let share = h.stability.unwrap();
        assert!((share - stays).abs() < 0.04, "{}: {share} {stays}", h.id);
    }
    // One of them is there in every rerun, the other only without its bad month left out.
    let mut shares = stability(&whole.cut.hotspots);
    shares.sort_by(f64::total_cmp);
    assert!(shares[0] < 0.95 && shares[1] > 0.999, "{shares:?}");
}

#[test]
fn records_move_by_the_error_of_their_basis() {
    // The winner by one record over a rival whose records are as close together.
    let of = |basis: LocationBasis| {
        let mut builder = IncidentSetBuilder::default();
        let mut put = |x: f64, y: f64, n: usize| {
            for _ in 0..n {
                builder.push(&IncidentRow {
                    location: Some(location(x, y)),
                    span: span(1),
                    kind: BURGLARY,
                    basis,
                    place: NO_PLACE,
                });
            }
        };
        put(550_003.0, 188_007.0, 21);
        put(552_003.0, 189_207.0, 20);
        let found = cut(
            &with_sets(builder, area()),
            SQUARES,
            r#""min_density_per_km2": 150, "rank_by": "peak_density", "max": 1,
                "stability": {"runs": 400, "bandwidth_spread": 0, "shift_cells": false}"#,
        )
        .unwrap();
        found.cut.hotspots[0].stability.unwrap()
    };
    assert_eq!(of(LocationBasis::Address), 1.0);
    assert_eq!(of(LocationBasis::Station), 1.0);
    let (street, map_point) = (of(LocationBasis::Street), of(LocationBasis::SnapPoint));
    assert!(street < 1.0 && map_point < 0.9, "{street} {map_point}");
}

#[test]
fn a_clear_place_is_stable_and_an_accident_is_not() {
    let mut events = pile(550_003.0, 188_007.0, 1..=12, 8);
    // Twelve even places, each as good as the next: which is second is an accident.
    for i in 0..12 {
        let (x, y) = (f64::from(i % 4), f64::from(i / 4));
        events.extend(pile(
            551_003.0 + 600.0 * x,
            187_407.0 + 800.0 * y,
            1..=12,
            1,
        ));
    }
    let found = cut(
        &world(&events, area()),
        H3,
        r#""times_mean_density": 2, "max": 2, "stability": {"runs": 500}"#,
    )
    .unwrap();
    let shares = stability(&found.cut.hotspots);
    assert!(shares[0] > 0.99 && shares[1] < 0.6, "{shares:?}");
}

#[test]
fn nothing_selected_and_numbers_out_of_range() {
    let nothing = world(&pile(550_003.0, 188_007.0, 1..=1, 0), area());
    let found = cut(
        &nothing,
        H3,
        r#""share_of_incidents": 0.5, "stability": {}"#,
    )
    .unwrap();
    assert!(found.cut.hotspots.is_empty());
    let some = world(&pile(550_003.0, 188_007.0, 1..=1, 3), area());
    for (text, words) in [
        (r#""runs": 0"#, "runs must be 1 to 10000, not 0"),
        (r#""runs": 10001"#, "runs must be 1 to 10000, not 10001"),
        (r#""top": 0"#, "top must be 1 or more, not 0"),
        (r#""bandwidth_spread": 0.95"#, "must be 0 to 0.9, not 0.95"),
        (
            r#""location_error_m": {"street": -1}"#,
            "location_error_m.street must be 0 to 1000 metres, not -1",
        ),
    ] {
        let hotspots = format!(r#""share_of_incidents": 0.5, "stability": {{{text}}}"#);
        let error = cut(&some, H3, &hotspots).unwrap_err();
        assert_eq!(error.code(), "invalid_hotspots");
        assert!(error.to_string().contains(words), "{error}");
    }
    // More than anyone waits for: ten thousand runs with a disc of a hundred thousand cells.
    let text = r#"{"select": {"groups": ["burglary"], "area": "A"},
        "method": {"name": "kernel_density", "bandwidth_m": 5000, "cell_m": 20},
        "hotspots": {"min_density_per_km2": 0.001, "stability": {"runs": 10000}} }"#;
    let error = run(&some, &Request::from_json(text).unwrap()).unwrap_err();
    assert!(
        error.to_string().contains("ask for at most") && error.code() == "invalid_hotspots",
        "{error}"
    );
    // All on one point: one hotspot, and it stays wherever it moves to.
    let found = cut(
        &some,
        H3,
        r#""min_density_per_km2": 1, "stability": {"runs": 20}"#,
    );
    assert_eq!(stability(&found.unwrap().cut.hotspots), [1.0]);
}
