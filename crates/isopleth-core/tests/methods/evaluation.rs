//! Evaluation: scores by plain counting, nothing leaks, denominators, what is refused.

use crate::support::{
    self, BURGLARY, Event, day_span, location, on_threads, rectangle, try_findings, twice,
    with_sets, world,
};
use geo::{LineString, MultiLineString};
use isopleth_core::Snapshot;
use isopleth_core::domain::{
    IncidentRow, IncidentSetBuilder, LocationBasis, NO_PLACE, Period, Span, Street, TimePrecision,
};
use isopleth_core::methods::evaluation::Outcome;
use isopleth_core::random::Random;
use isopleth_core::{Findings, RunError};
use proptest::prelude::*;

const AREA: [f64; 4] = [550_000.0, 188_000.0, 552_000.0, 189_500.0];

fn evaluate(snapshot: &Snapshot, period: &str, method: &str) -> Result<Outcome, RunError> {
    let text = format!(
        r#"{{"select": {{"area": "A", "period": "{period}", "groups": ["burglary"]}}, "method": {{"name": "evaluation"{method}}}}}"#
    );
    match try_findings(snapshot, &text)? {
        Findings::Evaluation(found) => Ok(found),
        other => panic!("{other:?}"),
    }
}

fn areas() -> Vec<isopleth_core::domain::Area> {
    vec![rectangle("A", AREA[0], AREA[1], AREA[2], AREA[3])]
}

/// A drugs record of each month vouches for it.
fn known_months() -> Vec<Event> {
    (1..=24)
        .map(|month| Event {
            x: AREA[0] + 5.0,
            y: AREA[1] + 5.0,
            month,
            kind: support::DRUGS,
        })
        .collect()
}

fn burglaries() -> impl Strategy<Value = Vec<Event>> {
    // Few places, so that counts differ.
    let event = (0_i32..10, 0_i32..7, 1_i32..=24).prop_map(|(x, y, month)| Event {
        x: AREA[0] + 105.0 + 200.0 * f64::from(x),
        y: AREA[1] + 105.0 + 200.0 * f64::from(y),
        month,
        kind: BURGLARY,
    });
    prop::collection::vec(event, 0..150)
}

fn snapshot(events: &[Event]) -> Snapshot {
    world(&[known_months(), events.to_vec()].concat(), areas())
}

/// A row of scores as bits, by method, coverage and origin.
fn bits(found: &Outcome) -> Vec<(usize, usize, Option<usize>, [u64; 4])> {
    let of = |s: &isopleth_core::evaluation::Score| {
        [s.hits, s.events, s.best_hits, s.hits_before].map(f64::to_bits)
    };
    found
        .rows
        .iter()
        .map(|r| (r.contender, r.coverage, r.origin, of(&r.score)))
        .collect()
}

const SQUARES: &str = r#", "cells": "square", "cell_m": 200, "train_steps": 6, "origins": 4,
    "methods": [{"name": "kernel_density", "bandwidth_m": 450}], "coverages": [0.02, 0.1, 0.3, 1]"#;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn baselines_are_plain_counts(events in burglaries(), share in 0.01_f64..1.0) {
        // 10 by 7.5 squares; the last row is cut in half.
        let method = SQUARES.replace("[0.02, 0.1, 0.3, 1]", &format!("[{share}]"));
        let found = evaluate(&snapshot(&events), "2022/2023", &method).unwrap();
        let cell = |e: &Event| (((e.x - AREA[0]) / 200.0) as usize, ((e.y - AREA[1]) / 200.0) as usize);
        let area = |c: usize| if c / 10 == 7 { 20_000.0 } else { 40_000.0 };
        prop_assert!((found.size - 3e6).abs() < 1.0);
        for (o, cut) in (21_i32..=24).enumerate() {
            let count = |from: i32, to: i32| {
                let mut counts = [0_u32; 80];
                for e in events.iter().filter(|e| (from..to).contains(&e.month)) {
                    let (x, y) = cell(e);
                    counts[y * 10 + x] += 1;
                }
                counts
            };
            let after = count(cut, cut + 1);
            for (contender, before) in [(1, count(cut - 6, cut)), (2, count(cut - 1, cut))] {
                // Whole groups of one count, highest first; the last by the share that fits.
                let (mut left, mut hits) = (share * 3e6, 0.0);
                for value in (0..=before.iter().copied().max().unwrap()).rev() {
                    let group: Vec<usize> = (0..80).filter(|&c| before[c] == value).collect();
                    let size: f64 = group.iter().map(|&c| area(c)).sum();
                    let part = if size > 0.0 { (left / size).clamp(0.0, 1.0) } else { 0.0 };
                    hits += part * group.iter().map(|&c| f64::from(after[c])).sum::<f64>();
                    left -= part * size;
                }
                let row = found.rows.iter().find(|r| r.contender == contender && r.origin == Some(o)).unwrap();
                prop_assert!((row.score.hits - hits).abs() < 1e-3, "{} {hits}", row.score.hits);
                prop_assert_eq!(row.score.events as u32, after.iter().sum::<u32>());
            }
        }
    }

    #[test]
    fn later_records_change_no_bit_of_a_map(events in burglaries(), seed: u64, what in 0_u8..3) {
        // What comes after the first cut-off (September 2023) is shuffled, moved or taken away.
        let cut = 21;
        let mut random = Random::new(seed);
        let changed: Vec<Event> = events.iter().filter_map(|e| {
            if e.month < cut {
                return Some(*e);
            }
            match what {
                0 => Some(Event { month: cut + random.below(4) as i32, ..*e }),
                1 => Some(Event { x: AREA[0] + 2000.0 * random.unit(), y: AREA[1] + 1500.0 * random.unit(), ..*e }),
                _ => None,
            }
        }).collect();
        let method = SQUARES.replace("450}", r#"450}, {"name": "kernel_density", "bandwidth_m": "nrd"}"#);
        let places: std::collections::BTreeSet<(i64, i64)> = events.iter()
            .filter(|e| (cut - 6..cut).contains(&e.month)).map(|e| (e.x as i64, e.y as i64)).collect();
        // The rule needs a few places to choose by.
        prop_assume!(places.len() > 12);
        let maps = |events: &[Event]| evaluate(&snapshot(events), "2022/2023", &method)
            .map(|found| found.origins[0].maps.clone());
        let (before, after) = (maps(&events), maps(&changed));
        if let (Ok(before), Ok(after)) = (before, after) {
            prop_assert_eq!(before.len(), 4);
            prop_assert_eq!(before, after);
        }
    }

    #[test]
    fn earlier_records_do_change_it(events in burglaries()) {
        let one = Event { x: AREA[0] + 700.0, y: AREA[1] + 700.0, month: 20, kind: BURGLARY };
        let maps = |events: &[Event]| evaluate(&snapshot(events), "2022/2023", SQUARES).unwrap().origins[0].maps.clone();
        let (before, after) = (maps(&events), maps(&[events.clone(), vec![one]].concat()));
        prop_assert!(before.iter().zip(&after).all(|(a, b)| a.0 != b.0));
    }

    #[test]
    fn neither_order_nor_threads_matter(events in burglaries()) {
        let of = |events: &[Event], threads| {
            let world = snapshot(events);
            let found = on_threads(threads, || evaluate(&world, "2022/2023", SQUARES).unwrap());
            (bits(&found), found.comparisons, found.origins)
        };
        let mut turned = events.clone();
        turned.reverse();
        let one = of(&events, 1);
        prop_assert_eq!(&one, &of(&turned, 2));
        prop_assert_eq!(&one, &of(&events, 7));
    }

    #[test]
    fn indices_stay_when_every_event_is_doubled(events in burglaries()) {
        let of = |events: &[Event]| evaluate(&snapshot(events), "2022/2023", SQUARES).unwrap();
        let (plain, double) = (of(&events), of(&twice(&events)));
        for (a, b) in plain.rows.iter().zip(&double.rows) {
            prop_assert!((2.0 * a.score.hits - b.score.hits).abs() < 1e-9);
            let near = |a: Option<f64>, b: Option<f64>| match (a, b) {
                (Some(a), Some(b)) => (a - b).abs() < 1e-9,
                (a, b) => a == b,
            };
            prop_assert!(near(a.score.pai(), b.score.pai()) && near(a.score.pei(), b.score.pei()));
            prop_assert!(near(a.score.rri_predicted_observed(), b.score.rri_predicted_observed()));
            // All of the ground is exactly 1, whatever the method.
            if plain.coverages[a.coverage].share == 1.0 {
                prop_assert_eq!(a.score.pai(), (a.score.events > 0.0).then_some(1.0));
            }
        }
    }
}

/// Ten burglaries a month in one square, one a month in each of nine others.
fn planted() -> Vec<Event> {
    let mut events = Vec::new();
    for month in 1..=24 {
        for i in 0..19 {
            let at = if i < 10 { 0 } else { i - 9 };
            events.push(Event {
                x: AREA[0] + 100.0 + 200.0 * f64::from(at),
                y: AREA[1] + 100.0,
                month,
                kind: BURGLARY,
            });
        }
    }
    events
}

#[test]
fn a_planted_hotspot_is_foretold() {
    let method = SQUARES.replace(
        "[0.02, 0.1, 0.3, 1]",
        "[0.013333333333333334, 0.13333333333333333]",
    );
    let found = evaluate(&snapshot(&planted()), "2022/2023", &method).unwrap();
    assert_eq!(found.origins.len(), 4);
    let pooled = |contender, coverage| {
        let row = found
            .rows
            .iter()
            .find(|r| (r.contender, r.coverage, r.origin) == (contender, coverage, None));
        row.unwrap().clone()
    };
    // One of 75 squares holds 10 of 19.
    for contender in [1, 2] {
        let row = pooled(contender, 0);
        assert!((row.score.hits - 40.0).abs() < 1e-6);
        assert!((row.score.pai().unwrap() - 75.0 * 10.0 / 19.0).abs() < 1e-4);
        assert!((row.score.pei().unwrap() - 1.0).abs() < 1e-9);
        assert!((row.pai_mean.unwrap() - row.score.pai().unwrap()).abs() < 1e-6);
        // What came was what was predicted, and what had been.
        // Days of September to December over those of the six months before each, of six parts.
        let months = [30.0 / 184.0, 31.0 / 183.0, 30.0 / 184.0, 31.0 / 183.0];
        let rri = row.score.rri_predicted_observed().unwrap();
        if contender == 1 {
            let expected = 6.0 * months.iter().sum::<f64>() / 4.0;
            assert!((rri - expected).abs() < 1e-4, "{rri} {expected}");
        }
        assert!((row.score.recapture_rate_index().unwrap() - 1.0).abs() < 1e-6);
        let (low, high) = row.interval.unwrap();
        assert!(low < 10.0 / 19.0 && 10.0 / 19.0 < high);
    }
    // Ten squares hold all.
    assert!((pooled(1, 1).score.hits - 76.0).abs() < 1e-6);
    assert_eq!(
        pooled(1, 1).score.pai().map(|p| (p * 1e6).round()),
        Some(7_500_000.0)
    );
    // The two baselines are the same here: nothing to choose between.
    let density = found.comparisons.iter().filter(|c| c.contender == 0);
    assert_eq!(density.count(), 4);
}

#[test]
fn gi_star_takes_part() {
    // By hand, of 19 incidents a month in the bottom row, ten of them in the corner, on 70 squares:
    // z is (70 sum − 19 w) / √(w (70 − w)) but for a factor, 42.7 in the corner with its 11 of 4
    // squares, 37.1 beside it with 12 of 6, and 33.5 above it with 11 of 6, where nothing ever
    // happens. The counts take a part of every other square of the bottom row instead. The area
    // ends short of the squares' edges, so that no square merely touches it.
    let events = [known_months(), planted()].concat();
    let area = [550_010.0, 188_010.0, 551_990.0, 189_390.0];
    let planted = world(
        &events,
        vec![rectangle("A", area[0], area[1], area[2], area[3])],
    );
    let method = r#", "cells": "square", "cell_m": 200, "train_steps": 6, "origins": 4,
        "coverages": [0.04], "methods": [{"name": "getis_ord"}]"#;
    let found = evaluate(&planted, "2022/2023", method).unwrap();
    assert_eq!(found.contenders[0].label, "getis_ord");
    let hits = |contender| {
        let row = found
            .rows
            .iter()
            .find(|r| r.contender == contender && r.origin.is_none());
        row.unwrap().score.hits
    };
    assert!((hits(0) - 44.0).abs() < 1e-4, "{}", hits(0));
    let left = 0.04 * 1980.0 * 1380.0 - 190.0 * 190.0;
    let of_others = left / (8.0 * 200.0 * 190.0 + 190.0 * 190.0);
    let expected = 4.0 * (10.0 + 9.0 * of_others);
    assert!((hits(1) - expected).abs() < 1e-4, "{} {expected}", hits(1));
    let resolved = found.origins[0].maps[0].1.as_deref();
    assert_eq!(resolved, Some("1 ring"));
    // Nothing known: no z, no ranking.
    let one = [Event {
        x: AREA[0] + 100.0,
        y: AREA[1] + 100.0,
        month: 24,
        kind: BURGLARY,
    }];
    let found = evaluate(&snapshot(&one), "2022/2023", method).unwrap();
    let row = found.rows.iter().find(|r| r.contender == 0);
    assert!((row.unwrap().score.pai().unwrap() - 1.0).abs() < 1e-9);
    // Parameters are those of the method.
    let method = method.replace("\"getis_ord\"", "\"getis_ord\", \"rings\": 0");
    let error = evaluate(&snapshot(&one), "2022/2023", &method).unwrap_err();
    assert!(error.to_string().contains("rings must be 1 to"), "{error}");
}

#[test]
fn methods_are_held_against_baselines() {
    // Last month's place never comes again; the usual one does.
    let mut events = Vec::new();
    for month in 1..=24 {
        for i in 0..8 {
            let elsewhere = i >= 3;
            let (x, y) = if elsewhere {
                (1 + month % 9, 1 + month / 9)
            } else {
                (0, 0)
            };
            events.push(Event {
                x: AREA[0] + 100.0 + 200.0 * f64::from(x),
                y: AREA[1] + 100.0 + 200.0 * f64::from(y),
                month,
                kind: BURGLARY,
            });
        }
    }
    let method = r#", "cells": "square", "cell_m": 200, "train_steps": 12, "origins": 6,
        "methods": [{"name": "kernel_density", "bandwidth_m": 220}], "coverages_m2": [40000]"#;
    let found = evaluate(&snapshot(&events), "2022/2023", method).unwrap();
    assert!((found.coverages[0].share - 40_000.0 / found.size).abs() < 1e-12);
    let against = |baseline: usize| {
        let c = found.comparisons.iter().find(|c| c.baseline == baseline);
        let c = c.unwrap();
        let p = c.p_origins.map(|p| (p * 1e9).round());
        (c.gained, c.lost, c.better, c.worse, p)
    };
    // By count the usual place is first too; last month's list has the other one.
    assert_eq!(against(1), (0, 0, 0, 0, None));
    assert_eq!(against(2), (18, 0, 6, 0, Some(31_250_000.0)));
    let p = found.comparisons.iter().find(|c| c.baseline == 2).unwrap();
    assert!((p.p_events.unwrap() - 2.0_f64.powi(-17)).abs() < 1e-15);
}

fn day(text: &str) -> i32 {
    Period::parse(text).unwrap().minutes().0
}

/// Burglaries at addresses, metres from the corner, on days of 2023 from 0.
fn by_day(events: &[(f64, f64, i32)], more: &[(f64, f64, Span)]) -> Snapshot {
    let mut builder = IncidentSetBuilder::default();
    let first = day("2023-01-01");
    let days = events
        .iter()
        .map(|e| (e.0, e.1, day_span(first + e.2 * 1440)));
    for (x, y, span) in days.chain(more.iter().copied()) {
        builder.push(&IncidentRow {
            location: Some(location(AREA[0] + x, AREA[1] + y)),
            span,
            kind: BURGLARY,
            basis: LocationBasis::Address,
            place: NO_PLACE,
        });
    }
    with_sets(builder, areas())
}

#[test]
fn what_reaches_past_the_cut_off_is_not_known_yet() {
    let daily: Vec<(f64, f64, i32)> = (0..70).map(|d| (100.0, 100.0, d)).collect();
    // From two days before the last cut-off (5 March) to one day after it.
    let across = Span {
        from: day("2023-03-03"),
        to: day("2023-03-06"),
        precision: TimePrecision::Interval,
    };
    let over = Span {
        to: day("2023-03-05"),
        ..across
    };
    let method = r#", "cells": "square", "cell_m": 200, "step": "week", "train_steps": 4, "origins": 1,
        "methods": [{"name": "kernel_density", "bandwidth_m": 300}]"#;
    let of = |more: &[(f64, f64, Span)]| {
        evaluate(&by_day(&daily, more), "2023-01-01/2023-03-11", method).unwrap()
    };
    let plain = of(&[]);
    assert_eq!(plain.origins[0].cut_off, day("2023-03-05"));
    assert_eq!(
        (plain.origins[0].training, plain.origins[0].events),
        (28, 7)
    );
    let with = of(&[(900.0, 900.0, across)]);
    assert_eq!(with.origins[0].maps, plain.origins[0].maps);
    let o = &with.origins[0];
    assert_eq!((o.training, o.events, o.across), (28, 7, 1));
    // Over at midnight it is known.
    let known = of(&[(900.0, 900.0, over)]);
    assert_eq!(
        (known.origins[0].training, known.origins[0].across),
        (29, 0)
    );
    assert_ne!(known.origins[0].maps, plain.origins[0].maps);
}

#[test]
fn near_repeat_risk_takes_part() {
    // A burglary, and another next door two days later; somewhere else each time.
    let mut events = Vec::new();
    let mut random = Random::new(3);
    for d in 0..100 {
        let (x, y) = (
            100.0 + 1700.0 * random.unit(),
            100.0 + 1200.0 * random.unit(),
        );
        events.push((x, y, d));
        events.push((x + 10.0, y, d + 2));
    }
    let method = r#", "cells": "square", "cell_m": 100, "step": "day", "train_steps": 30, "origins": 40,
        "methods": [{"name": "kernel_density", "bandwidth_m": 300},
                    {"name": "near_repeat_risk", "decay": {"reciprocal": {"within_m": 100, "within_days": 4}}}],
        "coverages": [0.03]"#;
    let found = evaluate(&by_day(&events, &[]), "2023-01-01/2023-04-10", method).unwrap();
    let pai = |contender| {
        let row = found
            .rows
            .iter()
            .find(|r| r.contender == contender && r.origin.is_none());
        row.unwrap().score.pai().unwrap()
    };
    assert!(pai(1) > 1.3 * pai(0), "{} {}", pai(1), pai(0));
    assert!(
        found
            .rows
            .iter()
            .filter(|r| r.contender == 1)
            .all(|r| r.score.predicted.is_none())
    );
    // Half of all follow by two days, and are never on the day before's list.
    let c = found
        .comparisons
        .iter()
        .find(|c| c.contender == 1 && c.baseline == 2)
        .unwrap();
    assert!(c.gained > c.lost, "{c:?}");
}

#[test]
fn streets_are_another_denominator() {
    // Streets in the western quarter only: the rest is park.
    let mut world = snapshot(&planted());
    let street = |id: &str, y: f64| {
        let ends = [(0.0, y), (500.0, y)];
        let line: Vec<_> = ends
            .iter()
            .map(|e| location(AREA[0] + e.0, AREA[1] + e.1).position.coord())
            .collect();
        Street {
            id: id.into(),
            name: String::new(),
            vintage: "2024-04".into(),
            geometry: MultiLineString(vec![LineString(line)]),
        }
    };
    world.streets = (0..7)
        .map(|i| street(&i.to_string(), 100.0 + 200.0 * f64::from(i)))
        .collect();
    let of = |denominator: &str| {
        let method = SQUARES.replace("[0.02, 0.1, 0.3, 1]", "[0.2]");
        evaluate(&world, "2022/2023", &format!("{method}{denominator}")).unwrap()
    };
    let (area, streets) = (of(""), of(r#", "denominator": "street_length""#));
    assert!((streets.size - 3500.0).abs() < 0.01);
    assert_eq!(streets.street_vintage.as_deref(), Some("2024-04"));
    let row = |found: &Outcome| {
        let row = found
            .rows
            .iter()
            .find(|r| r.contender == 1 && r.origin.is_none());
        row.unwrap().score
    };
    // 700 m are the two and a half busiest cells' streets, and those of others without any count; the
    // cells without streets cost nothing.
    let s = row(&streets);
    assert!((s.hits_per_size().unwrap() - s.hits / (4.0 * 700.0)).abs() < 1e-9);
    assert!(row(&area).pai().unwrap() > 1.0);
    assert_eq!(streets.origins[0].events_without_ground, 7);
    // The pinned request names the vintage.
    let request = isopleth_core::Request::from_json(
        r#"{"select": {"area": "A"}, "method": {"name": "evaluation", "denominator": "street_length"}}"#,
    );
    let pinned = request.unwrap().with_pinned_areas(&world);
    assert_eq!(pinned.canonical()["method"]["street_vintage"], "2024-04");
}

#[test]
fn months_that_were_not_supplied_are_no_zeros() {
    // Nothing of any kind in November 2023, nor in July.
    let events: Vec<Event> = [known_months(), planted()]
        .concat()
        .into_iter()
        .filter(|e| e.month != 23 && e.month != 19)
        .collect();
    let found = evaluate(&world(&events, areas()), "2022/2023", SQUARES).unwrap();
    let supplied: Vec<_> = found
        .origins
        .iter()
        .map(|o| (o.train_steps_supplied, o.left_out.is_some()))
        .collect();
    assert_eq!(supplied, [(5, false), (5, false), (0, true), (4, false)]);
    assert!(found.rows.iter().all(|r| r.origin != Some(2)));
    // The last origin's last period is October, the latest that there is.
    let row = |contender| {
        let rows = &found.rows;
        rows.iter()
            .find(|r| r.contender == contender && r.origin == Some(3))
            .unwrap()
            .score
    };
    assert!(row(2).hits > 9.0 && (row(2).hits - row(1).hits).abs() < 1e-9);
}

#[test]
fn what_cannot_be_evaluated_is_refused() {
    let world = snapshot(&planted());
    let code = |method: &str| evaluate(&world, "2022/2023", method).unwrap_err();
    for (method, expected, words) in [
        (r#", "step": "week""#, "finer_than_data", "use months"),
        (r#", "origins": 13"#, "period_too_short", "need 25 months"),
        (r#", "coverages": [0]"#, "invalid_evaluation", "coverages"),
        (r#", "coverages": [1.5]"#, "invalid_evaluation", "1.5"),
        (r#", "coverages": []"#, "invalid_evaluation", "no coverage"),
        (
            r#", "coverages_m": [10]"#,
            "invalid_evaluation",
            "denominator",
        ),
        (
            r#", "coverages_m2": [3000001]"#,
            "invalid_evaluation",
            "3000001",
        ),
        (
            r#", "street_vintage": "x""#,
            "invalid_evaluation",
            "denominator",
        ),
        (
            r#", "denominator": "street_length""#,
            "no_streets",
            "streets add",
        ),
        (r#", "origins": 0"#, "invalid_evaluation", "origins"),
        (r#", "train_steps": 0"#, "invalid_evaluation", "train_steps"),
        (r#", "h3_resolution": 13"#, "invalid_cells", "6 to 12"),
        (
            r#", "methods": [{"name": "kernel_density", "cell_m": 50}]"#,
            "invalid_evaluation",
            "its own cells",
        ),
        (
            r#", "methods": [{"name": "near_repeat_risk"}]"#,
            "invalid_evaluation",
            "square",
        ),
        (
            r#", "methods": [{"name": "kernel_density", "bandwidth_m": -1}]"#,
            "invalid_kernel_density",
            "kernel_density before 2023-07-01",
        ),
        (
            r#", "cells": "square", "methods": [{"name": "near_repeat_risk", "allow": ["snap_points"]}]"#,
            "finer_than_data",
            "near_repeat_risk",
        ),
    ] {
        let error = code(method);
        assert_eq!(error.code(), expected, "{method}: {error}");
        assert!(error.to_string().contains(words), "{method}: {error}");
    }
    let error = evaluate(&world, "2025/2026", "").unwrap_err();
    assert_eq!(error.code(), "not_supplied");
    let text = r#"{"select": {"period": "2022/2023"}, "method": {"name": "evaluation"}}"#;
    assert_eq!(
        try_findings(&world, text).unwrap_err().code(),
        "no_study_area"
    );
    let text = r#"{"select": {"area": "A"}, "method": {"name": "evaluation"}}"#;
    assert_eq!(
        try_findings(&world, text).unwrap_err().code(),
        "invalid_steps"
    );
}

#[test]
fn degenerate_sets_have_their_answers() {
    let square = |x: i32, month| Event {
        x: AREA[0] + 100.0 + 200.0 * f64::from(x),
        y: AREA[1] + 100.0,
        month,
        kind: BURGLARY,
    };
    let months = || 1..=24;
    let sets: [(&str, Vec<Event>, Option<f64>); 5] = [
        ("none", vec![], None),
        // Nothing was known before: no ranking, and no better than chance.
        ("one", vec![square(0, 24)], Some(1.0)),
        (
            "one point",
            months().map(|m| square(0, m)).collect(),
            Some(75.0),
        ),
        (
            "two places",
            months()
                .flat_map(|m| [square(0, m), square(5, m)])
                .collect(),
            Some(37.5),
        ),
        (
            "all but one at one place",
            months().map(|m| square(i32::from(m == 23), m)).collect(),
            Some(75.0 * 3.0 / 4.0),
        ),
    ];
    let share = 40_000.0 / 3e6;
    let method = SQUARES.replace("[0.02, 0.1, 0.3, 1]", &format!("[{share}]"));
    for (name, events, pai) in sets {
        let found = evaluate(&snapshot(&events), "2022/2023", &method).unwrap();
        for contender in 0..2 {
            let row = found
                .rows
                .iter()
                .find(|r| r.contender == contender && r.origin.is_none())
                .unwrap();
            match (row.score.pai(), pai) {
                (Some(a), Some(b)) => assert!((a - b).abs() < 1e-3, "{name} {contender}: {a}"),
                (a, b) => assert_eq!(a, b, "{name}"),
            }
            assert_eq!(row.interval.is_some(), pai.is_some(), "{name}");
        }
    }
}
