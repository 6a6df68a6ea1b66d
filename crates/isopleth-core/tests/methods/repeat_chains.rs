//! Repeat locations: the tolerance to the millimetre, and chains of repeats.

use crate::support::{
    BURGLARY, DRUGS, Event, day_span, findings, location, try_findings, with_sets, world,
};
use isopleth_core::domain::{
    IncidentRow, IncidentSetBuilder, LocationBasis, MINUTES_PER_DAY, NO_PLACE, Span, TimePrecision,
};
use isopleth_core::methods::repeat_locations::{Chains, Outcome, RepeatLocation, Within};
use isopleth_core::{Findings, RunError, Snapshot};
use proptest::prelude::*;

const DAY0: i32 = 18_993;

/// Burglaries at metres east and north, on a day of 2022.
fn days(events: &[(f64, f64, i32)]) -> Snapshot {
    spans(
        &events
            .iter()
            .map(|e| (e.0, e.1, day_span((DAY0 + e.2) * MINUTES_PER_DAY)))
            .collect::<Vec<_>>(),
    )
}

fn spans(events: &[(f64, f64, Span)]) -> Snapshot {
    let mut builder = IncidentSetBuilder::default();
    for &(x, y, span) in events {
        builder.push(&IncidentRow {
            location: Some(location(x, y)),
            span,
            kind: BURGLARY,
            basis: LocationBasis::Address,
            place: NO_PLACE,
        });
    }
    with_sets(builder, vec![])
}

fn run(snapshot: &Snapshot, params: &str) -> Outcome {
    match findings(snapshot, &request(params)) {
        Findings::RepeatLocations(found) => found,
        other => panic!("{other:?}"),
    }
}

fn request(params: &str) -> String {
    format!(
        r#"{{"select": {{"groups": ["burglary"]}}, "method": {{"name": "repeat_locations" {params}}}}}"#
    )
}

fn refused(snapshot: &Snapshot, params: &str) -> RunError {
    try_findings(snapshot, &request(params)).unwrap_err()
}

#[test]
fn exactly_the_tolerance_belongs_to_it() {
    // Metres whose differences are no exact doubles.
    for x in [530_000.1, 530_000.3, 123_456.789, 651_234.567] {
        let at = |off: f64| (x * 1000.0 + off * 1000.0).round() / 1000.0;
        let twenty_five = days(&[
            (at(0.0), 180_000.2, 1),
            (at(0.0), 180_000.2, 2),
            (at(25.0), 180_000.2, 3),
            (at(-15.0), 180_020.2, 3),
            (at(-25.001), 180_000.2, 4),
        ]);
        let found = run(&twenty_five, r#", "tolerance_m": 25"#);
        assert_eq!(found.locations.len(), 1);
        assert_eq!(found.locations[0].facts.count, 4, "{x}");
        assert_eq!(found.locations[0].radius_m.to_bits(), 25.0_f64.to_bits());
        let finer = run(&twenty_five, r#", "tolerance_m": 24.999"#);
        assert_eq!(finer.locations[0].facts.count, 2, "{x}");
    }
}

#[test]
fn planted_chains() {
    let place = |x: f64, days: &[i32]| -> Vec<(f64, f64, i32)> {
        days.iter().map(|&d| (x, 180_000.0, d)).collect()
    };
    let mut events = place(530_000.0, &[0, 7, 14, 22, 100, 103]);
    events.extend(place(531_000.0, &[0, 8]));
    events.extend(place(532_000.0, &[5, 5, 5]));
    // The last record of the data.
    events.extend(place(533_000.0, &[110]));
    let found = run(&days(&events), r#", "chain_within_days": 7"#);
    assert_eq!(found.within, Some(Within::Days(7)));
    let at = |x: &str| -> &RepeatLocation {
        let id = format!("e{x}000n180000000");
        found.locations.iter().find(|l| l.id == id).unwrap()
    };
    let chains = |longest, number, median_gap, latest_gap, zero_gaps, open| {
        Some(Chains {
            longest,
            number,
            median_gap,
            latest_gap,
            zero_gaps,
            open,
        })
    };
    // 0-7-14 and 100-103; the gaps are 7, 7, 8, 78, 3; the data ends on day 110, seven days on.
    assert_eq!(at("530000").chains, chains(3, 2, 7.0, 3, 0, true));
    assert_eq!(at("531000").chains, chains(1, 0, 8.0, 8, 0, false));
    assert_eq!(at("532000").chains, chains(3, 1, 0.0, 0, 2, false));
    let eight = run(&days(&events), r#", "chain_within_days": 8"#);
    assert_eq!(eight.locations[0].chains, chains(4, 2, 7.0, 3, 0, true));

    events.push((533_500.0, 180_000.0, 111));
    let later = run(&days(&events), r#", "chain_within_days": 7"#);
    assert_eq!(
        later.locations[0].chains,
        chains(3, 2, 7.0, 3, 0, false),
        "a day later the chain is closed"
    );
    // Another ranking.
    let ranked = run(
        &days(&events),
        r#", "chain_within_days": 30, "rank_by": "longest_chain""#,
    );
    let order: Vec<u32> = ranked
        .locations
        .iter()
        .map(|l| l.chains.unwrap().longest)
        .collect();
    assert_eq!(order, [4, 3, 2]);
    // Without the question there is no answer, and no other field changes.
    assert!(
        run(&days(&events), "")
            .locations
            .iter()
            .all(|l| l.chains.is_none())
    );
}

#[test]
fn the_period_s_end_is_the_end() {
    let events = [
        (530_000.0, 180_000.0, 0),
        (530_000.0, 180_000.0, 5),
        (531_000.0, 180_000.0, 200),
    ];
    let snapshot = days(&events);
    let text = r#"{"select": {"groups": ["burglary"], "period": "2022-01-01/2022-01-08"},
        "method": {"name": "repeat_locations", "chain_within_days": 5}}"#;
    let Findings::RepeatLocations(found) = findings(&snapshot, text) else {
        panic!()
    };
    assert!(found.locations[0].chains.unwrap().open);
    let text = text.replace("01-08", "01-12");
    let Findings::RepeatLocations(found) = findings(&snapshot, &text) else {
        panic!()
    };
    assert!(!found.locations[0].chains.unwrap().open);
}

#[test]
fn an_interval_stands_on_its_first_possible_day() {
    let span = |day: i32, hours: i32| Span {
        from: (DAY0 + day) * MINUTES_PER_DAY + 22 * 60,
        to: (DAY0 + day) * MINUTES_PER_DAY + (22 + hours) * 60,
        precision: TimePrecision::Interval,
    };
    let at = |s| (530_000.0, 180_000.0, s);
    // Friday night to Monday; then a week after the Friday.
    let snapshot = spans(&[at(span(0, 60)), at(span(7, 1))]);
    let found = run(&snapshot, r#", "chain_within_days": 7"#);
    assert_eq!(found.locations[0].chains.unwrap().latest_gap, 7);
    assert_eq!(found.several_days, 1);
}

#[test]
fn month_only_data_has_chains_of_months_only() {
    let at = |month| Event {
        x: 530_000.0,
        y: 180_000.0,
        month,
        kind: BURGLARY,
    };
    let drugs = Event {
        kind: DRUGS,
        ..at(8)
    };
    let snapshot = world(&[at(1), at(2), at(2), at(4), at(7), drugs], vec![]);
    let error = refused(&snapshot, r#", "chain_within_days": 14"#);
    assert_eq!(error.code(), "finer_than_data");
    assert!(error.to_string().contains("5 of the selected"), "{error}");
    let found = run(&snapshot, r#", "chain_within_months": 1"#);
    let c = found.locations[0].chains.unwrap();
    assert_eq!(
        (
            c.longest,
            c.number,
            c.median_gap,
            c.latest_gap,
            c.zero_gaps,
            c.open
        ),
        (3, 1, 1.5, 3, 1, false)
    );
    let found = run(&snapshot, r#", "chain_within_months": 3"#);
    let c = found.locations[0].chains.unwrap();
    // The data reaches August, a month on.
    assert_eq!((c.longest, c.number, c.open), (5, 1, true));
}

#[test]
fn what_cannot_be_asked_is_refused() {
    let snapshot = days(&[(530_000.0, 180_000.0, 0)]);
    for (params, expected) in [
        (
            r#", "chain_within_days": 0"#,
            "chain_within_days must be 1 to 3660, not 0",
        ),
        (
            r#", "chain_within_months": 121"#,
            "chain_within_months must be 1 to 120, not 121",
        ),
        (
            r#", "chain_within_days": 7, "chain_within_months": 1"#,
            "not both",
        ),
        (
            r#", "rank_by": "longest_chain""#,
            "longest_chain needs chain_within_days",
        ),
    ] {
        let error = refused(&snapshot, params);
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(error.code(), "invalid_repeat_locations");
    }
    assert_eq!(
        run(&days(&[]), r#", "chain_within_days": 7"#)
            .locations
            .len(),
        0
    );
    assert_eq!(
        run(&snapshot, r#", "chain_within_days": 7"#)
            .locations
            .len(),
        0
    );
}

proptest! {
    #[test]
    fn as_the_definition_has_it(days in prop::collection::vec(0_i32..120, 2..30), within in 1_u32..40, beyond in 0_i32..60) {
        let mut sorted = days.clone();
        sorted.sort_unstable();
        let end = sorted.last().unwrap() + beyond;
        let found = Chains::of(&days, within, end).unwrap();
        // Each incident is linked to the next or not; runs of links are chains.
        let linked: String = sorted.windows(2).map(|w| if (w[1] - w[0]) as u32 <= within { 'x' } else { ' ' }).collect();
        let runs: Vec<usize> = linked.split(' ').filter(|r| !r.is_empty()).map(str::len).collect();
        prop_assert_eq!(found.number as usize, runs.len());
        prop_assert_eq!(found.longest as usize, runs.iter().max().copied().unwrap_or(0) + 1);
        prop_assert_eq!(found.open, linked.ends_with('x') && beyond as u32 <= within);
        let shifted: Vec<i32> = days.iter().rev().map(|d| d - 500).collect();
        prop_assert_eq!(Chains::of(&shifted, within, end - 500).unwrap(), found);
    }
}
