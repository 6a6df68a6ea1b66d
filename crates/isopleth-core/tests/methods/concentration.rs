//! Concentration: sets of places, denominators, ties, cells without incidents.

use crate::support::{
    self, BURGLARY, DRUGS, Event, findings, on_threads, rectangle, try_findings, world,
};
use isopleth_core::methods::concentration::Outcome;
use isopleth_core::tally::Shape;
use isopleth_core::{Findings, Snapshot};
use proptest::prelude::*;

/// So many incidents of a kind at each of some places in a row, 50 m apart.
fn row(counts: &[u32], kind: u16, y: f64) -> Vec<Event> {
    counts
        .iter()
        .zip(0..)
        .flat_map(|(&n, i)| {
            (0..n).map(move |k| Event {
                x: 551_000.0 + f64::from(i) * 50.0,
                y,
                month: 1 + k as i32 % 12,
                kind,
            })
        })
        .collect()
}

fn run(snapshot: &Snapshot, params: &str) -> Outcome {
    let text = format!(
        r#"{{"select": {{"area": "X", "groups": ["burglary"]}}, "method": {{"name": "concentration" {params}}}}}"#
    );
    match findings(snapshot, &text) {
        Findings::Concentration(found) => found,
        other => panic!("{other:?}"),
    }
}

fn town(events: &[Event]) -> Snapshot {
    let area = rectangle("X", 550_000.0, 187_000.0, 554_000.0, 190_000.0);
    world(events, vec![area])
}

#[test]
fn the_printed_coefficients_through_the_whole_path() {
    // Seven more places are known, from drugs.
    let mut events = row(&[5, 2, 1], BURGLARY, 188_000.0);
    events.extend(row(&[1; 7], DRUGS, 188_500.0));
    let found = run(&town(&events), "");
    assert_eq!((found.occupied.places(), found.all.places()), (3, 10));
    assert_eq!(found.all.gini(), Some(0.8));
    assert_eq!(found.all.generalised_gini(), Some(0.75));
}

#[test]
fn nine_of_two_hundred_places_hold_half() {
    // 4.5 % of the places hold exactly half.
    let mut counts = vec![20; 9];
    counts.extend([1; 180]);
    counts.extend([0; 11]);
    let mut events = row(&counts, BURGLARY, 188_000.0);
    events.extend(row(&[0; 189], DRUGS, 188_000.0));
    events.extend(row(&[1; 11], DRUGS, 189_500.0));
    let snapshot = world(
        &events,
        vec![rectangle("X", 550_000.0, 187_000.0, 562_000.0, 190_000.0)],
    );
    let found = run(&snapshot, "");
    assert_eq!(found.all.places(), 200);
    let sets: Vec<(f64, u64, u64, u64)> = found
        .levels
        .iter()
        .map(|l| (l.share, l.places, l.incidents, l.tied_beyond))
        .collect();
    assert_eq!(
        sets,
        [(0.25, 5, 100, 4), (0.5, 9, 180, 0), (0.8, 117, 288, 72)]
    );
    assert_eq!(found.places.len(), 117);
    let shares: Vec<f64> = found.places.iter().map(|p| p.share).collect();
    assert!(
        shares[..5]
            .iter()
            .all(|s| s.to_bits() == 0.25_f64.to_bits())
    );
    assert!(
        shares[5..9]
            .iter()
            .all(|s| s.to_bits() == 0.5_f64.to_bits())
    );
    assert!(shares[9..].iter().all(|s| s.to_bits() == 0.8_f64.to_bits()));
    assert_eq!(found.places[116].cumulative, 288);
    // Equals go by easting.
    assert!(found.places[..9].windows(2).all(|w| w[0].id < w[1].id));
    let few = run(&snapshot, r#", "max": 3"#);
    assert_eq!((few.places.len(), few.beyond_max), (3, 114));
    assert_eq!(few.places[..], found.places[..3]);
}

#[test]
fn cells_without_incidents_count() {
    let snapshot = town(&row(&[9, 3, 1], BURGLARY, 188_000.0));
    let found = run(&snapshot, r#", "unit": "h3", "h3_resolution": 9"#);
    // 12 km² of cells of 0.094 km², and those that the boundary cuts.
    assert!(
        (128..190).contains(&found.all.places()),
        "{}",
        found.all.places()
    );
    assert_eq!(found.all.incidents(), 13);
    assert!(
        found
            .places
            .iter()
            .all(|p| matches!(&p.shape, Shape::Cell(_, m2) if (90e3..99e3).contains(m2)))
    );
    let finer = run(&snapshot, r#", "unit": "h3", "h3_resolution": 12"#);
    assert_eq!(finer.occupied.places(), 3);
    assert!(finer.all.gini() > found.all.gini());
}

#[test]
fn incidents_beyond_the_area_and_of_others_do_not_count() {
    let mut events = row(&[4, 4], BURGLARY, 188_000.0);
    events.extend(row(&[9], DRUGS, 188_000.0));
    events.extend(row(&[9], BURGLARY, 195_000.0));
    let found = run(&town(&events), "");
    assert_eq!((found.all.places(), found.all.incidents()), (2, 8));
    assert_eq!(found.places[0].facts.count, 4);
}

#[test]
fn degenerate_sets() {
    let none = run(&town(&[]), "");
    assert_eq!((none.all.places(), none.places.len()), (0, 0));
    assert_eq!(none.all.gini(), None);
    assert!(none.levels.iter().all(|l| l.places == 0));
    let cells = run(&town(&[]), r#", "unit": "h3""#);
    assert!(cells.all.places() > 500);
    assert_eq!(cells.all.gini(), None);
    let one = run(&town(&row(&[1], BURGLARY, 188_000.0)), "");
    assert!(one.levels.iter().all(|l| l.places == 1));
    assert_eq!((one.all.gini(), one.all.unbiased_gini()), (Some(0.0), None));
    let stack = run(&town(&row(&[50, 1], BURGLARY, 188_000.0)), "");
    assert_eq!(stack.levels[2].places, 1);
}

#[test]
fn what_cannot_be_told_is_refused() {
    let snapshot = town(&[]);
    for (params, expected, code) in [
        (
            r#""shares_of_incidents": []"#,
            "a list of 0",
            "invalid_concentration",
        ),
        (
            r#""shares_of_incidents": [0.5, 0.25]"#,
            "0.25 is not",
            "invalid_concentration",
        ),
        (
            r#""shares_of_incidents": [0]"#,
            "0 is not",
            "invalid_concentration",
        ),
        (
            r#""shares_of_incidents": [1.01]"#,
            "1.01 is not",
            "invalid_concentration",
        ),
        (
            r#""shares_of_incidents": [0.12345678]"#,
            "0.12345678 is not",
            "invalid_concentration",
        ),
        (
            r#""h3_resolution": 9"#,
            "h3_resolution is for",
            "invalid_concentration",
        ),
        (
            r#""unit": "h3", "h3_resolution": 13"#,
            "6 to 12, not 13",
            "invalid_concentration",
        ),
        (r#""max": 0"#, "max must be", "invalid_concentration"),
        (r#""unit": "h3""#, "needs a study area", "area_needed"),
    ] {
        let text = format!(r#"{{"method": {{"name": "concentration", {params}}}}}"#);
        let error = try_findings(&snapshot, &text).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(error.code(), code);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn order_threads_and_doubling(
        (counts, order) in prop::collection::vec(0_u32..6, 1..25).prop_flat_map(|c| {
            let n: usize = c.iter().map(|&c| c as usize).sum();
            (Just(c), Just((0..n).collect::<Vec<usize>>()).prop_shuffle())
        }),
        h3 in any::<bool>(),
    ) {
        let events = row(&counts, BURGLARY, 188_000.0);
        let params = if h3 { r#", "unit": "h3""# } else { "" };
        let found = on_threads(1, || run(&town(&events), params));
        let moved: Vec<Event> = order.iter().map(|&i| events[i]).collect();
        for threads in [2, 7] {
            prop_assert_eq!(&on_threads(threads, || run(&town(&moved), params)), &found);
        }
        // Every incident twice: the same places, the same coefficients.
        let doubled = run(&town(&support::twice(&events)), params);
        prop_assert_eq!(doubled.all.gini(), found.all.gini());
        let sets = |o: &Outcome| o.levels.iter().map(|l| l.places).collect::<Vec<_>>();
        prop_assert_eq!(sets(&doubled), sets(&found));
        // Moved with the study area, by whole metres and not; turned with it: its squares are its own.
        if !h3 {
            let there = vec![rectangle("X", 552_000.3, 186_000.0, 556_000.3, 189_000.0)];
            let (dx, dy) = (2000.3, -1000.0);
            let round = vec![rectangle("X", 549_200.0, 188_150.0, 552_200.0, 192_150.0)];
            for (events, area) in [(support::moved(&events, dx, dy), there), (support::turned(&events), round)] {
                let other = run(&world(&events, area), params);
                prop_assert_eq!((&other.all, &other.occupied, &other.levels), (&found.all, &found.occupied, &found.levels));
                let counts = |o: &Outcome| o.places.iter().map(|p| p.facts.count).collect::<Vec<_>>();
                prop_assert_eq!(counts(&other), counts(&found));
            }
        }
        // Lorenz: the shares of a doubled set are the same.
        prop_assert_eq!(doubled.all.incidents(), 2 * found.all.incidents());
        prop_assert_eq!(doubled.all.places(), found.all.places());
        // The ranking falls, and adds up.
        let n: Vec<u32> = found.places.iter().map(|p| p.facts.count).collect();
        prop_assert!(n.windows(2).all(|w| w[0] >= w[1]));
        if let Some(last) = found.places.last() {
            prop_assert_eq!(last.cumulative, n.iter().map(|&n| u64::from(n)).sum::<u64>());
            prop_assert_eq!(last.cumulative, found.levels[2].incidents);
        }
    }
}
