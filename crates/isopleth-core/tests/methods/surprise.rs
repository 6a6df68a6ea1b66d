//! Surprise: the prior, planted places, seasons, calibration, what is refused.

use crate::support::{BURGLARY, DRUGS, Event, on_threads, rectangle, try_findings, twice, world};
use isopleth_core::methods::surprise::{Exposures, History, Outcome, fit, test};
use isopleth_core::random::Random;
use isopleth_core::statistics::Correction;
use isopleth_core::{Findings, RunError, Snapshot};
use proptest::prelude::*;

/// Ten by ten squares, a metre less on every side.
const AREA: [f64; 4] = [550_201.0, 188_101.0, 553_199.0, 191_099.0];
const CORNER: (f64, f64) = (550_200.0, 188_100.0);

fn surprise(snapshot: &Snapshot, period: &str, method: &str) -> Result<Outcome, RunError> {
    let text = format!(
        r#"{{"select": {{"area": "A", "period": "{period}", "groups": ["burglary"]}}, "method": {{"name": "surprise", "cells": "square", "cell_m": 300{method}}}}}"#
    );
    match try_findings(snapshot, &text)? {
        Findings::Surprise(found) => Ok(found),
        other => panic!("{other:?}"),
    }
}

fn at(square: (i32, i32), month: i32) -> Event {
    Event {
        x: CORNER.0 + 150.0 + 300.0 * f64::from(square.0),
        y: CORNER.1 + 150.0 + 300.0 * f64::from(square.1),
        month,
        kind: BURGLARY,
    }
}

fn snapshot(events: &[Event]) -> Snapshot {
    world(
        events,
        vec![rectangle("A", AREA[0], AREA[1], AREA[2], AREA[3])],
    )
}

/// A town centre with twenty a month, and one or none a month elsewhere.
fn background(months: i32) -> Vec<Event> {
    let mut random = Random::new(1);
    let mut events = Vec::new();
    for month in 1..=months {
        events.extend((0..20).map(|_| at((5, 5), month)));
        events
            .extend((0..30).map(|_| at((random.below(10) as i32, random.below(9) as i32), month)));
    }
    // The ninth row of squares is empty.
    events
}

#[test]
fn the_prior_and_the_tails_are_rs() {
    // R 4.2.2: the maximum of sum(dnbinom(y, size = a, mu = mean(y), log = TRUE)) by optimize(), and
    // pnbinom(n - 1, size = a + h, prob = (b + 23) / (b + 23 + 1.5), lower.tail = FALSE).
    let y = [0, 0, 0, 1, 0, 2, 5, 0, 0, 1, 12, 0, 3, 0, 0, 0, 7, 1, 0, 0];
    let prior = fit(&y, 23.0).unwrap();
    assert!((prior.shape - 0.260_559_62).abs() < 1e-7, "{prior:?}");
    assert!((prior.rate - 3.745_544_53).abs() < 2e-7, "{prior:?}");
    let histories = y.map(|others| History { same: 0, others });
    let mut latest = [0; 20];
    (latest[0], latest[10], latest[6]) = (2, 3, 1);
    let exposures = Exposures {
        same: 0.0,
        others: 23.0,
        latest: 1.5,
    };
    let found = test(&histories, &latest, exposures).unwrap();
    for (cell, p, expected) in [
        (0, 0.000_475_713_406_338, 0.014_613_253_776),
        (10, 0.036_869_878_027_3, 0.687_622_546_108),
        (6, 0.249_531_289_765, 0.295_033_792_248),
    ] {
        assert!(
            (found.p[cell] / p - 1.0).abs() < 1e-6,
            "{cell}: {}",
            found.p[cell]
        );
        assert!((found.expected[cell] / expected - 1.0).abs() < 1e-6);
    }
    assert_eq!(found.p[1].to_bits(), 1.0_f64.to_bits());
    // Counts that vary less than Poisson's: the gamma is a point.
    let even = fit(&[3, 3, 4, 3], 10.0).unwrap();
    assert!((even.shape - 1e6).abs() < 1.0);
    assert!((even.shape / even.rate - 0.325).abs() < 1e-12);
    assert_eq!(fit(&[0, 0], 10.0), None);
}

proptest! {
    #[test]
    fn expected_counts_add_up(
        cells in prop::collection::vec((0_u32..6, 0_u32..30, 0_u32..9), 2..60),
    ) {
        // With the study area's own totals as exposures, all that came was expected somewhere.
        let histories: Vec<History> = cells.iter().map(|c| History { same: c.0, others: c.1 }).collect();
        let latest: Vec<u32> = cells.iter().map(|c| c.2).collect();
        let sum = |of: fn(&(u32, u32, u32)) -> u32| f64::from(cells.iter().map(of).sum::<u32>());
        let exposures = Exposures { same: sum(|c| c.0), others: sum(|c| c.1), latest: sum(|c| c.2) };
        match test(&histories, &latest, exposures) {
            None => prop_assert!(exposures.same + exposures.others == 0.0),
            Some(found) => {
                let expected: f64 = found.expected.iter().sum();
                prop_assert!((expected - exposures.latest).abs() <= 1e-6 * exposures.latest);
                prop_assert!(found.expected.iter().all(|e| *e > 0.0 || exposures.latest == 0.0));
                prop_assert!(found.p.iter().all(|p| (0.0..=1.0).contains(p)));
                prop_assert!((0.0..=1.0).contains(&found.weight_of_others));
            }
        }
    }

    #[test]
    fn the_fit_is_the_top_of_the_likelihood(counts in prop::collection::vec(0_u32..15, 2..40), step in 0.7_f64..1.4) {
        use isopleth_core::statistics::negative_binomial_pmf;
        prop_assume!(counts.iter().any(|&c| c > 0));
        let prior = fit(&counts, 3.0).unwrap();
        let mean = prior.shape / prior.rate * 3.0;
        let likelihood = |shape: f64| -> f64 {
            counts.iter().map(|&c| negative_binomial_pmf(u64::from(c), shape, shape / (shape + mean)).ln()).sum()
        };
        let best = likelihood(prior.shape);
        prop_assert!(likelihood(prior.shape * step) <= best + 1e-6 * best.abs());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn neither_order_nor_threads_nor_place_matter(
        at_months in prop::collection::vec((0_i32..10, 0_i32..10, 1_i32..=24), 30..120),
    ) {
        let events: Vec<Event> = at_months.iter().map(|&(x, y, month)| at((x, y), month)).collect();
        let all: Vec<Event> = (1..=24).map(|m| Event { kind: DRUGS, ..at((0, 0), m) }).chain(events.clone()).collect();
        let of = |events: &[Event], threads| {
            let world = snapshot(events);
            let found = on_threads(threads, || surprise(&world, "2022/2023", ""));
            found.map(|f| f.places.iter().map(|p| (p.id.clone(), p.rank, p.volume_rank, p.count, p.p.to_bits(), p.p_adjusted.to_bits(), p.expected.to_bits())).collect::<Vec<_>>())
        };
        let mut turned = all.clone();
        turned.reverse();
        let one = of(&all, 1);
        prop_assert_eq!(&one, &of(&turned, 2));
        prop_assert_eq!(&one, &of(&all, 7));
        if let Ok(places) = one {
            prop_assert!(places.windows(2).all(|w| f64::from_bits(w[0].4) <= f64::from_bits(w[1].4)));
            let listed: u32 = places.iter().map(|p| p.3).sum();
            prop_assert_eq!(listed as usize, events.iter().filter(|e| e.month == 24).count());
        }
        let _ = twice(&events);
    }
}

#[test]
fn the_new_place_comes_first_and_the_usual_one_does_not() {
    let mut events = background(24);
    events.extend((0..5).map(|_| at((2, 9), 24)));
    events.extend((0..6).map(|_| at((8, 1), 24)));
    let found = surprise(&snapshot(&events), "2022/2023", "").unwrap();
    assert_eq!(
        found.latest,
        ("2023-12-01".to_owned(), "2023-12-31".to_owned())
    );
    assert_eq!((found.cells, found.history_steps), (100, (23, 23)));
    let first = &found.places[0];
    assert!(first.new && first.flagged && first.history_count == 0 && first.count == 5);
    assert!(first.expected > 0.0 && first.expected < 0.2);
    assert_eq!(first.facts.previous_count, Some(0));
    assert_eq!(first.recent, vec![Some(0); 12]);
    let second = &found.places[1];
    assert!(!second.new && second.flagged && second.count >= 6);
    let centre = found.places.iter().find(|p| p.volume_rank == 1).unwrap();
    assert!(centre.count >= 20 && centre.rank > 2 && !centre.flagged);
    assert!((first.surprise() + first.p.log10()).abs() < 1e-12);
    assert_eq!((found.flagged, found.new), (2, 1));
    // Adjusted over all hundred cells, also those without an incident.
    let bonferroni = surprise(
        &snapshot(&events),
        "2022/2023",
        r#", "correction": "bonferroni""#,
    )
    .unwrap();
    assert!((bonferroni.places[0].p_adjusted - 100.0 * first.p).abs() < 1e-12);
    let short = surprise(
        &snapshot(&events),
        "2022/2023",
        r#", "min_count": 5, "max": 2"#,
    )
    .unwrap();
    assert_eq!(short.places.len(), 2);
    assert!(short.below_min_count > 0 && short.beyond_max == 1);
    assert_eq!(short.places[1], found.places[1]);
}

#[test]
fn a_place_with_a_december_of_its_own_is_no_surprise() {
    // Ten at one place in each December, and none else there.
    let mut events = background(24);
    events.extend((0..10).flat_map(|_| [at((3, 9), 12), at((3, 9), 24)]));
    // Others with summers and springs of their own, from which seasons are learnt.
    for (i, month) in [(0, 3), (1, 6), (2, 6), (6, 8), (7, 12)] {
        events.extend((0..10).flat_map(|_| [at((i, 9), month), at((i, 9), month + 12)]));
    }
    let world = snapshot(&events);
    let place = |method: &str| {
        let found = surprise(&world, "2022/2023", method).unwrap();
        let of = found
            .places
            .iter()
            .find(|p| p.count == 10 && p.volume_rank == 2);
        (of.unwrap().clone(), found.seasons)
    };
    let (with, seasons) = place("");
    let (without, none) = place(r#", "season": "none""#);
    let seasons = seasons.unwrap();
    assert_eq!((seasons.steps, none.is_none()), (1, true));
    assert!(seasons.weight_of_others < 0.5, "{seasons:?}");
    assert!(without.flagged && without.expected < 2.0, "{without:?}");
    assert!(!with.flagged && with.expected > 3.0, "{with:?}");
}

#[test]
fn a_rise_of_the_whole_study_area_is_told_once() {
    // Everything twice as much in the last month.
    let mut random = Random::new(4);
    let mut events = Vec::new();
    for month in 1..=18 {
        let n = if month == 18 { 400 } else { 200 };
        events
            .extend((0..n).map(|_| at((random.below(10) as i32, random.below(10) as i32), month)));
    }
    let world = snapshot(&events);
    let area = surprise(&world, "2022-01/2023-06", "").unwrap();
    let own = surprise(&world, "2022-01/2023-06", r#", "level": "own""#).unwrap();
    assert!(area.study_area_p < 1e-20 && (area.study_area_expected - 200.0).abs() < 20.0);
    assert_eq!((area.season_years, own.season_years), (None, Some(1)));
    assert_eq!(area.flagged, 0);
    assert!(own.flagged > 0, "{}", own.flagged);
    let sum = |found: &Outcome| found.places.iter().map(|p| p.expected).sum::<f64>();
    assert!(sum(&area) > 1.8 * sum(&own));
}

#[test]
fn months_that_were_not_supplied_are_no_history() {
    let full = background(24);
    let with = |missing: &[i32]| -> Vec<Event> {
        let kept = full.iter().filter(|e| !missing.contains(&e.month));
        kept.copied().collect()
    };
    let found = surprise(&snapshot(&with(&[3, 20])), "2022/2023", "").unwrap();
    assert_eq!(found.history_steps, (21, 23));
    assert!(found.places[0].recent[8].is_none() && found.places[0].recent[7].is_some());
    // Zero months would halve what is expected; left out they do not.
    let own = |events: &[Event]| {
        let method = r#", "level": "own", "season": "none""#;
        let found = surprise(&snapshot(events), "2022/2023", method).unwrap();
        found
            .places
            .iter()
            .find(|p| p.volume_rank == 1)
            .unwrap()
            .expected
    };
    let (all, half) = (
        own(&full),
        own(&with(&[1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21])),
    );
    assert!((half / all - 1.0).abs() < 0.1, "{half} {all}");
    let error = surprise(&snapshot(&with(&[24])), "2022/2023", "").unwrap_err();
    assert_eq!(error.code(), "not_supplied");
    assert!(error.to_string().contains("2023-12"));
}

#[test]
fn what_cannot_be_told_is_refused() {
    let world = snapshot(&background(24));
    for (period, method, code, words) in [
        ("2022-01", "", "no_history", "begin the period earlier"),
        (
            "2022/2023",
            r#", "latest_steps": 24"#,
            "no_history",
            "24 are the latest",
        ),
        (
            "2022/2023",
            r#", "latest_steps": 0"#,
            "invalid_surprise",
            "latest_steps",
        ),
        ("2022/2023", r#", "alpha": 1"#, "invalid_surprise", "alpha"),
        (
            "2022/2023",
            r#", "min_count": 0"#,
            "invalid_surprise",
            "min_count",
        ),
        ("2022/2023", r#", "max": 0"#, "invalid_surprise", "max"),
        (
            "2022/2023",
            r#", "step": "week""#,
            "finer_than_data",
            "use months",
        ),
        (
            "2021-06/2022-01",
            "",
            "no_history",
            "records of any kind in 0",
        ),
    ] {
        let error = surprise(&world, period, method).unwrap_err();
        assert_eq!(error.code(), code, "{method}: {error}");
        assert!(error.to_string().contains(words), "{method}: {error}");
    }
    let text = r#"{"select": {"period": "2022/2023"}, "method": {"name": "surprise"}}"#;
    assert_eq!(
        try_findings(&world, text).unwrap_err().code(),
        "no_study_area"
    );
}

#[test]
fn shuffled_times_are_seldom_flagged() {
    // Cells of very different rates, some incidents in none; months shuffled among the incidents.
    let mut random = Random::new(8);
    let cells: Vec<u32> = (0..300)
        .map(|i| (30.0 * random.unit().powi(6)) as u32 + u32::from(i % 3 == 0))
        .collect();
    let mut places: Vec<usize> = Vec::new();
    for (cell, &n) in cells.iter().enumerate() {
        places.extend(std::iter::repeat_n(cell, (n * 3) as usize));
    }
    let mut months: Vec<usize> = (0..places.len()).map(|i| i % 24).collect();
    let (mut any, mut uniform) = (0, 0);
    let maps = 300;
    for replicate in 0..maps {
        Random::of_replicate(2, replicate).shuffle(&mut months);
        let mut histories = vec![History::default(); 300];
        let mut latest = vec![0; 300];
        let mut exposures = Exposures {
            same: 0.0,
            others: 0.0,
            latest: 0.0,
        };
        for (&cell, &month) in places.iter().zip(&months) {
            match month {
                23 => (latest[cell] += 1, exposures.latest += 1.0),
                11 => (histories[cell].same += 1, exposures.same += 1.0),
                _ => (histories[cell].others += 1, exposures.others += 1.0),
            };
        }
        let found = test(&histories, &latest, exposures).unwrap();
        let adjusted = Correction::BenjaminiHochberg.adjust(&found.p);
        any += u32::from(adjusted.iter().any(|p| *p <= 0.05));
        uniform += found.p.iter().filter(|p| **p <= 0.01).count();
    }
    // 300 maps at 5 %: 15, and no more than 26 in 99.7 of 100 cases.
    assert!(any <= 26, "{any}");
    // Tests of so small counts are cautious, and not idle.
    let share = uniform as f64 / (300 * maps) as f64;
    assert!((0.0005..=0.01).contains(&share), "{share}");
    println!("{any} of {maps} maps, {share}");
}
