//! Overlap: planted places, indices, chance, shares with intervals.

use crate::support::{
    self, BURGLARY, DRUGS, Event, findings, on_threads, rectangle, try_findings, world,
};
use isopleth_core::domain::Lens;
use isopleth_core::methods::overlap::{Outcome, Whose, similarity};
use isopleth_core::{Findings, Snapshot};
use proptest::prelude::*;

fn at(place: u32, kind: u16, n: u32) -> Vec<Event> {
    (0..n)
        .map(|_| Event {
            x: 550_500.0 + f64::from(place % 10) * 300.0,
            y: 187_500.0 + f64::from(place / 10) * 250.0,
            month: 1,
            kind,
        })
        .collect()
}

fn town(events: &[Event]) -> Snapshot {
    world(
        events,
        vec![rectangle("X", 550_000.0, 187_000.0, 554_000.0, 190_500.0)],
    )
}

fn request(params: &str) -> String {
    format!(
        r#"{{"select": {{"area": "X", "groups": ["burglary"]}}, "method": {{"name": "overlap", "with": {{"groups": ["drugs"]}} {params}}}}}"#
    )
}

fn run(snapshot: &Snapshot, params: &str) -> Outcome {
    match findings(snapshot, &request(params)) {
        Findings::Overlap(found) => found,
        other => panic!("{other:?}"),
    }
}

/// Ten busy places of each group among a hundred, three of them shared.
fn planted() -> Vec<Event> {
    let mut events = Vec::new();
    for place in 0..100 {
        let first = if place % 10 == 3 { 10 + place / 10 } else { 1 };
        let second = if place % 10 == 7 && place < 70 || place % 10 == 3 && place < 30 {
            8
        } else {
            1
        };
        events.extend(at(place, BURGLARY, first));
        events.extend(at(place, DRUGS, second));
    }
    events
}

#[test]
fn three_planted_places_are_shared() {
    for unit in ["location", "h3"] {
        let found = run(
            &town(&planted()),
            &format!(r#", "unit": "{unit}", "min_count": 5"#),
        );
        assert_eq!(found.known_places, 100);
        assert_eq!(
            (found.first, found.second, found.shared),
            ((5, 10), (5, 10), 3)
        );
        assert_eq!(found.jaccard(), Some(3.0 / 17.0));
        assert_eq!(found.overlap_coefficient(), Some(0.3));
        // R 4.2.2: phyper(2, 10, 90, 10, lower.tail = FALSE).
        let (mean, p) = found.chance.unwrap();
        assert_eq!(mean.to_bits(), 1.0_f64.to_bits());
        assert!((p - 0.060_018_581_775_000_6).abs() < 1e-13);
        // A: 145 at busy places and 90 elsewhere; B: 80 and 90.
        assert_eq!((found.incidents, found.other.incidents), (235, 170));
        let part = found.first_at_second;
        assert_eq!((part.incidents, part.of), (10 + 11 + 12 + 7, 235));
        let part = found.second_at_first;
        assert_eq!((part.incidents, part.of), (3 * 8 + 7, 170));
        // R 4.2.2: prop.test(31, 170, correct = FALSE)$conf.int.
        let (low, high) = part.interval().unwrap();
        assert!(
            (low - 0.131_544_711_915).abs() < 1e-11 && (high - 0.247_199_571_913).abs() < 1e-11,
            "{low} {high}"
        );
        assert_eq!(found.places.len(), 17);
        assert!(found.places[..3].iter().all(|p| p.whose == Whose::Both));
        assert!(found.places[3..].iter().all(|p| p.whose != Whose::Both));
        let best = &found.places[0];
        assert_eq!((best.first, best.second), (12, 8));
        // Twenty incidents are enough for a share, nineteen are not.
        let (low, high) = best.part.interval().unwrap();
        assert!(low < 0.6 && 0.6 < high && best.part.share() == Some(0.6));
        let less = &found.places[1];
        assert_eq!(
            (less.part.of, less.part.share(), less.part.interval()),
            (19, None, None)
        );
        assert_eq!(
            (found.other.lens, found.other.first_lens),
            (Lens::PoliceGenerated, Lens::Reported)
        );
    }
}

#[test]
fn the_busiest_with_all_their_equals() {
    let params = r#", "unit": "location", "top": 3"#;
    let found = run(&town(&planted()), params);
    // B's ten busiest are equal.
    assert_eq!((found.first, found.second), ((17, 3), (8, 10)));
    assert_eq!(found.shared, 0);
    let all = run(&town(&planted()), r#", "unit": "location", "top": 5000"#);
    assert_eq!(
        (all.first, all.second, all.jaccard()),
        ((1, 100), (1, 100), Some(1.0))
    );
    assert_eq!(all.chance, Some((100.0, 1.0)));
}

#[test]
fn the_same_spread_is_alike_and_apart_is_not() {
    let mut same = Vec::new();
    let mut apart = Vec::new();
    for place in 0..60 {
        let n = 1 + place % 7;
        same.extend(at(place, BURGLARY, n));
        same.extend(at(place, DRUGS, 2 * n));
        apart.extend(at(place, if place % 2 == 0 { BURGLARY } else { DRUGS }, n));
    }
    let found = run(&town(&same), r#", "unit": "location""#);
    let s = found.similarity.unwrap();
    assert_eq!(s.value.to_bits(), 1.0_f64.to_bits());
    assert_eq!(s.chance.unwrap().1.to_bits(), 0.001_f64.to_bits());
    let found = run(&town(&apart), r#", "unit": "location""#);
    let s = found.similarity.unwrap();
    assert_eq!(s.value.to_bits(), 0.0_f64.to_bits());
    assert_eq!(s.chance.unwrap().1.to_bits(), 1.0_f64.to_bits());
    assert_eq!((found.shared, found.jaccard()), (0, Some(0.0)));
}

#[test]
fn chance_is_the_mean_over_all_orders() {
    // Four places; all 24 orders of the second list.
    let (first, second) = ([5, 3, 1, 0], [4, 2, 0, 2]);
    let mut all = Vec::new();
    for i in 0..256_usize {
        let o = [i & 3, i >> 2 & 3, i >> 4 & 3, i >> 6];
        if (0..4).all(|k| o.contains(&k)) {
            let dealt = o.map(|k| second[k]);
            all.push(similarity(&first, &dealt, 0, 0).unwrap().value);
        }
    }
    assert_eq!(all.len(), 24);
    let observed = similarity(&first, &second, 0, 0).unwrap().value;
    let mean = all.iter().sum::<f64>() / 24.0;
    let p = all.iter().filter(|&&s| s >= observed).count() as f64 / 24.0;
    let sd = (all.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / 24.0).sqrt();
    let found = similarity(&first, &second, 9_999, 3)
        .unwrap()
        .chance
        .unwrap();
    // Five standard errors.
    assert!(
        (found.0 - mean).abs() < 5.0 * sd / 100.0,
        "{found:?} {mean}"
    );
    assert!(
        (found.1 - p).abs() < 5.0 * (p * (1.0 - p)).sqrt() / 100.0 + 1e-4,
        "{found:?} {p}"
    );
}

#[test]
fn a_part_of_the_whole() {
    // Held against all of its own group, records count once: nothing is left of the second.
    let text = request(r#", "unit": "location""#).replace("drugs", "burglary");
    let Findings::Overlap(found) = findings(&town(&planted()), &text) else {
        panic!()
    };
    assert_eq!((found.other.incidents, found.other.in_both), (0, 235));
    assert_eq!(
        (found.similarity, found.chance, found.second.1),
        (None, None, 0)
    );
    // Held against both groups, the rest is the other.
    let text = request(r#", "unit": "location""#).replace(
        r#"{"groups": ["drugs"]}"#,
        r#"{"groups": ["burglary", "drugs"], "lens": "police_generated"}"#,
    );
    let Findings::Overlap(found) = findings(&town(&planted()), &text) else {
        panic!()
    };
    assert_eq!((found.other.incidents, found.other.in_both), (170, 0));
}

#[test]
fn degenerate_sets() {
    let none = run(&town(&[]), "");
    assert_eq!(
        (none.known_places, none.shared, none.jaccard()),
        (0, 0, None)
    );
    assert_eq!((none.similarity, none.chance), (None, None));
    let one = run(&town(&at(5, BURGLARY, 1)), r#", "min_count": 1"#);
    assert_eq!(
        (one.first, one.second, one.jaccard()),
        ((1, 1), (1, 0), Some(0.0))
    );
    assert_eq!(one.overlap_coefficient(), None);
    let mut both = at(5, BURGLARY, 30);
    both.extend(at(5, DRUGS, 10));
    let stack = run(&town(&both), "");
    assert_eq!((stack.shared, stack.jaccard()), (1, Some(1.0)));
    assert_eq!(stack.chance, Some((1.0, 1.0)));
    assert_eq!(stack.similarity.unwrap().chance, Some((1.0, 1.0)));
    assert_eq!(stack.places[0].part.share(), Some(0.75));
    // A place of the second group alone is told without facts of the first.
    let second = run(&town(&at(5, DRUGS, 10)), "");
    assert_eq!(
        (second.places[0].whose, &second.places[0].facts),
        (Whose::Second, &None)
    );
}

#[test]
fn what_cannot_be_told_is_refused() {
    let snapshot = town(&[]);
    for (params, expected) in [
        (r#", "min_count": 2, "top": 3"#, "not both"),
        (r#", "min_count": 0"#, "min_count (at least 1)"),
        (r#", "top": 0"#, "top (at least 1)"),
        (r#", "replicates": 10000"#, "not 10000"),
        (r#", "max": 0"#, "max must be"),
        (r#", "h3_resolution": 5"#, "6 to 12, not 5"),
    ] {
        let error = try_findings(&snapshot, &request(params)).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(error.code(), "invalid_overlap");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn mirrored_doubled_permuted(counts in prop::collection::vec((0_u32..6, 0_u32..6), 1..40), least in 1_u32..4) {
        let events: Vec<Event> = counts.iter().zip(0..)
            .flat_map(|(&(a, b), place)| [at(place, BURGLARY, a), at(place, DRUGS, b)].concat())
            .collect();
        let params = format!(r#", "unit": "location", "min_count": {least}, "replicates": 49"#);
        let found = on_threads(1, || run(&town(&events), &params));
        let own = |f: &dyn Fn(&(u32, u32)) -> bool| counts.iter().filter(|c| f(c)).count() as u64;
        prop_assert_eq!(found.first.1, own(&|c| c.0 >= least));
        prop_assert_eq!(found.second.1, own(&|c| c.1 >= least));
        prop_assert_eq!(found.shared, own(&|c| c.0 >= least && c.1 >= least));
        prop_assert_eq!(found.known_places, own(&|c| c.0 + c.1 > 0));
        let total = |f: &dyn Fn(&(u32, u32)) -> u32| f64::from(counts.iter().map(f).sum::<u32>());
        let (a, b) = (total(&|c| c.0), total(&|c| c.1));
        if let Some(s) = found.similarity {
            let value: f64 = counts.iter().map(|c| (f64::from(c.0) / a).min(f64::from(c.1) / b)).sum();
            prop_assert!((s.value - value).abs() < 1e-12);
        }
        let mut backwards = events.clone();
        backwards.reverse();
        for threads in [2, 7] {
            prop_assert_eq!(&on_threads(threads, || run(&town(&backwards), &params)), &found);
        }
        // The other way round, everything is the other way round.
        let swapped: Vec<Event> = events.iter().map(|e| Event { kind: 1 - e.kind, ..*e }).collect();
        let mirrored = run(&town(&swapped), &params);
        prop_assert_eq!((mirrored.first, mirrored.second, mirrored.shared), (found.second, found.first, found.shared));
        prop_assert_eq!(mirrored.first_at_second, found.second_at_first);
        prop_assert_eq!(mirrored.similarity.map(|s| s.value), found.similarity.map(|s| s.value));
        // Every incident twice.
        let doubled = run(&town(&support::twice(&events)), &params.replace(&format!("\"min_count\": {least}"), &format!("\"min_count\": {}", 2 * least)));
        prop_assert_eq!((doubled.shared, doubled.similarity), (found.shared, found.similarity));
        prop_assert_eq!((doubled.jaccard(), doubled.overlap_coefficient()), (found.jaccard(), found.overlap_coefficient()));
        let part = found.first_at_second;
        let twice = doubled.first_at_second;
        prop_assert_eq!((twice.incidents, twice.of), (2 * part.incidents, 2 * part.of));
        // Moved with the study area.
        let there = vec![rectangle("X", 552_000.3, 186_000.0, 556_000.3, 189_500.0)];
        let moved = run(&world(&support::moved(&events, 2000.3, -1000.0), there), &params);
        prop_assert_eq!((moved.first, moved.second, moved.shared), (found.first, found.second, found.shared));
        prop_assert_eq!((moved.chance, moved.similarity), (found.chance, found.similarity));
        prop_assert_eq!((moved.first_at_second, moved.second_at_first), (found.first_at_second, found.second_at_first));
        let rows = |o: &Outcome| o.places.iter().map(|p| (p.rank, p.first, p.second)).collect::<Vec<_>>();
        prop_assert_eq!(rows(&moved), rows(&found));
    }
}
