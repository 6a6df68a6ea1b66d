//! Gi* and local Moran's I of a selection: cells, neighbourhoods, a month against others, refusals.

use crate::support::{
    BURGLARY, DRUGS, Event, findings, on_threads, rectangle, try_findings, world,
};
use isopleth_core::local_association::{Class, Inference, PValue, Statistic, getis_ord_of_counts};
use isopleth_core::methods::getis_ord::{self, compare};
use isopleth_core::methods::local_moran::{self, Quadrant};
use isopleth_core::random::Random;
use isopleth_core::statistics::{Correction, clopper_pearson};
use isopleth_core::{Findings, RunError, Snapshot};
use proptest::prelude::*;

const ORIGIN: (f64, f64) = (549_900.0, 187_200.0);

/// A study area of 12 by 12 squares of 300 m.
fn town(events: &[Event]) -> Snapshot {
    let (x, y) = ORIGIN;
    let inset = 1.0;
    world(
        events,
        vec![rectangle(
            "X",
            x + inset,
            y + inset,
            x + 3600.0 - inset,
            y + 3600.0 - inset,
        )],
    )
}

/// So many burglaries in the square of a column and row.
fn at(column: u32, row: u32, n: u32, month: i32) -> impl Iterator<Item = Event> {
    (0..n).map(move |i| Event {
        x: ORIGIN.0 + f64::from(column) * 300.0 + 100.0 + f64::from(i % 5),
        y: ORIGIN.1 + f64::from(row) * 300.0 + 100.0,
        month,
        kind: BURGLARY,
    })
}

fn request(name: &str, select: &str, params: &str) -> String {
    format!(
        r#"{{"select": {{"area": "X", "groups": ["burglary"] {select}}}, "method": {{"name": "{name}", "cells": "square" {params}}}}}"#
    )
}

fn gi(snapshot: &Snapshot, params: &str) -> getis_ord::Outcome {
    match findings(snapshot, &request("getis_ord", "", params)) {
        Findings::GetisOrd(found) => found,
        other => panic!("{other:?}"),
    }
}

fn moran(snapshot: &Snapshot, params: &str) -> local_moran::Outcome {
    match findings(snapshot, &request("local_moran", "", params)) {
        Findings::LocalMoran(found) => found,
        other => panic!("{other:?}"),
    }
}

/// One or none in most squares, many in four.
fn with_a_centre() -> Vec<Event> {
    let mut events: Vec<Event> = (0..144_u32)
        .filter(|c| c * 7 % 5 < 2)
        .flat_map(|c| at(c % 12, c / 12, 1, 1 + c as i32 % 12))
        .collect();
    for (column, row) in [(4, 4), (5, 4), (4, 5), (5, 5)] {
        events.extend(at(column, row, 9, 3));
    }
    events
}

#[test]
fn a_planted_centre_is_found_and_counted() {
    let found = gi(&town(&with_a_centre()), "");
    assert_eq!(found.ground.study.len(), 144);
    assert_eq!(found.tests, 144);
    assert!(
        !found.cells.is_empty() && found.cells.len() < 20,
        "{}",
        found.cells.len()
    );
    let names: Vec<String> = found
        .cells
        .iter()
        .map(|c| found.ground.study.lattice.name(c.cell))
        .collect();
    // Squares lie on a grid through the origin: the area begins at 1833 and 624 times 300 m.
    assert!(names.iter().any(|n| n == "sq300-1837-628"), "{names:?}");
    assert_eq!(found.hotspots.len(), 1);
    let hotspot = &found.hotspots[0];
    let inside: u64 = found
        .cells
        .iter()
        .filter_map(|c| c.facts.as_ref())
        .map(|f| u64::from(f.count))
        .sum();
    assert_eq!(hotspot.count, inside);
    assert!(hotspot.count >= 36);
    for c in &found.cells {
        assert!(c.significant && c.hotspot == Some(1) && c.z > Some(2.0));
        assert!(matches!(c.class, Some(Class::Hot95 | Class::Hot99)));
        assert!(c.neighbourhood_count as f64 > c.neighbourhood_expected.unwrap());
        assert!(c.p <= c.p_adjusted);
        assert!((c.area_m2 - 90_000.0).abs() < 1e-6);
    }
    assert!(
        found
            .cells
            .is_sorted_by(|a, b| a.z >= b.z && a.rank < b.rank)
    );
}

#[test]
fn all_cells_hold_all_incidents() {
    let events = with_a_centre();
    let found = gi(&town(&events), r#", "cells_shown": "all""#);
    assert_eq!(found.cells.len(), 144);
    let counted: u32 = found
        .cells
        .iter()
        .filter_map(|c| c.facts.as_ref())
        .map(|f| f.count)
        .sum();
    assert_eq!(counted as usize, events.len());
    assert_eq!(found.incidents as usize, events.len());
    assert!(found.cells.iter().filter(|c| c.significant).count() < 20);
    assert_eq!(
        found.cells.iter().filter(|c| c.significant).count() as u64,
        found.significant.0
    );
    // Corners have three neighbours, the middle eight.
    let most = found.cells.iter().map(|c| c.neighbours).max();
    assert_eq!(most, Some(8));
    assert_eq!(found.cells.iter().filter(|c| c.neighbours == 3).count(), 4);
}

#[test]
fn a_distance_to_the_diagonal_is_a_ring() {
    let town = town(&with_a_centre());
    let ring = gi(&town, r#", "cells_shown": "all", "rings": 1"#);
    let band = gi(&town, r#", "cells_shown": "all", "distance_m": 430"#);
    assert_eq!(ring.ground.neighbours, band.ground.neighbours);
    let p = |o: &getis_ord::Outcome| o.cells.iter().map(|c| c.p).collect::<Vec<_>>();
    assert_eq!(p(&ring), p(&band));
    assert!(
        gi(&town, r#", "rings": 2"#).ground.neighbours.pairs() > ring.ground.neighbours.pairs()
    );
}

#[test]
fn gi_leaves_the_cell_itself_out() {
    // One cell with much, alone: unusual for Gi*, and its neighbours for Gi.
    let mut events: Vec<Event> = at(5, 5, 30, 2).collect();
    events.extend(
        (0..144_u32)
            .filter(|c| c % 3 == 0)
            .flat_map(|c| at(c % 12, c / 12, 1, 1)),
    );
    let town = town(&events);
    let all = r#", "cells_shown": "all", "p_value": "analytic", "correction": "none""#;
    let star = gi(&town, all);
    let without = gi(&town, &format!(r#"{all}, "statistic": "gi""#));
    let busiest = |o: &getis_ord::Outcome| {
        let at = o
            .cells
            .iter()
            .max_by_key(|c| c.facts.as_ref().map_or(0, |f| f.count));
        at.unwrap().z.unwrap()
    };
    assert!(
        busiest(&star) > 2.0 && busiest(&without) < 1.0,
        "{} {}",
        busiest(&star),
        busiest(&without)
    );
}

#[test]
fn a_month_against_the_others_finds_what_is_new_and_not_what_is_busy() {
    // The centre is as busy in every month; in December a quiet place has nine.
    let mut events: Vec<Event> = Vec::new();
    for month in 1..=12 {
        for (column, row) in [(3, 3), (4, 3), (3, 4), (4, 4)] {
            events.extend(at(column, row, 9, month));
        }
        for c in (0..144_u32).filter(|c| (c + month as u32).is_multiple_of(6)) {
            events.extend(at(c % 12, c / 12, 1, month));
        }
    }
    events.extend(at(9, 9, 12, 12));
    let town = town(&events);
    let run = |params: &str| {
        let select = r#", "period": "2022-12""#;
        match findings(&town, &request("getis_ord", select, params)) {
            Findings::GetisOrd(found) => found,
            other => panic!("{other:?}"),
        }
    };
    let plain = run("");
    let against = run(r#", "against": {"period": "2022-01/2022-11"}"#);
    let busy = |o: &getis_ord::Outcome| o.hotspots[0].count;
    assert!(plain.hotspots.iter().any(|h| h.count >= 36));
    assert_eq!(against.hotspots.len(), 1);
    assert!((12..30).contains(&busy(&against)), "{:?}", against.hotspots);
    let facts = against.against.unwrap();
    assert_eq!(facts.in_both, 0);
    assert_eq!(
        facts.incidents as usize + plain.incidents as usize,
        events.len()
    );
    // A longer period that holds the month too: its records count as selected, once.
    let year = run(r#", "against": {"period": "2022"}"#);
    assert_eq!(year.against.unwrap().in_both, plain.incidents);
    assert_eq!(year.against.unwrap().incidents, facts.incidents);
    let p = |o: &getis_ord::Outcome| o.cells.iter().map(|c| (c.p, c.against)).collect::<Vec<_>>();
    assert_eq!(p(&year), p(&against));
}

#[test]
fn marked_records_by_hand() {
    // Two cells apart: 3 of 4 records new in one, 1 of 6 in the other; R 4.2.2:
    // phyper(2, 4, 6, 4, lower.tail = FALSE) = 0.119047619047619.
    let found = compare(&[3, 1], &[1, 5], &[3, 1], &[1, 5], Statistic::GiStar);
    let tails = found.tails[0].unwrap();
    assert!((tails.upper - 0.119_047_619_047_619).abs() < 1e-12);
    // phyper(3, 4, 6, 4) = 0.995238095238095.
    assert!((tails.lower - 0.995_238_095_238_095_2).abs() < 1e-12);
    assert!((found.expected[0].unwrap() - 1.6).abs() < 1e-15);
}

#[test]
fn local_moran_names_quadrants() {
    let mut events = with_a_centre();
    events.extend(at(10, 1, 9, 4));
    let found = moran(&town(&events), r#", "cells_shown": "all""#);
    let centre: Vec<_> = found
        .cells
        .iter()
        .filter(|c| c.facts.as_ref().is_some_and(|f| f.count >= 9))
        .collect();
    assert_eq!(centre.len(), 5);
    let high = centre
        .iter()
        .filter(|c| c.quadrant == Some(Quadrant::HighHigh) && c.significant);
    assert_eq!(high.count(), 4);
    assert!(
        centre
            .iter()
            .any(|c| c.quadrant == Some(Quadrant::HighLow) && !c.significant)
    );
    for c in &found.cells {
        if let (Some(i), Some(q)) = (c.i, c.quadrant) {
            assert_eq!(i > 0.0, matches!(q, Quadrant::HighHigh | Quadrant::LowLow));
        }
    }
    let layer = moran(&town(&events), "");
    assert!(
        layer
            .cells
            .iter()
            .all(|c| c.quadrant == Some(Quadrant::HighHigh))
    );
    assert_eq!(layer.cells.len() as u64, layer.significant[0]);
    // Row-standardised weights divide I by the number of neighbours and leave z alone.
    let binary = moran(
        &town(&events),
        r#", "cells_shown": "all", "weights": "binary""#,
    );
    let by_cell = |o: &local_moran::Outcome| {
        let mut of: Vec<_> = o
            .cells
            .iter()
            .map(|c| (c.cell, c.i, c.z, c.p, c.neighbours))
            .collect();
        of.sort_by_key(|c| c.0);
        of
    };
    for (a, b) in by_cell(&found).into_iter().zip(by_cell(&binary)) {
        assert_eq!((a.2, a.3), (b.2, b.3));
        assert!((a.1.unwrap() * f64::from(a.4) - b.1.unwrap()).abs() < 1e-9);
    }
}

#[test]
fn permutations_through_the_whole_path() {
    let town = town(&with_a_centre());
    let total = gi(
        &town,
        r#", "p_value": {"permutation": {"permutations": 9999, "seed": 3}}"#,
    );
    assert!(
        total
            .cells
            .iter()
            .all(|c| c.p_family.is_some_and(|p| p <= 0.05))
    );
    assert_eq!(total.floor.unwrap().cells, 1);
    let other = gi(
        &town,
        r#", "p_value": {"permutation": {"permutations": 9999, "seed": 4}}, "cells_shown": "all""#,
    );
    let exact = gi(&town, r#", "cells_shown": "all""#);
    let p = |o: &getis_ord::Outcome| {
        let mut p: Vec<_> = o.cells.iter().map(|c| (c.cell, c.p.unwrap())).collect();
        p.sort_by_key(|p| p.0);
        p
    };
    for (a, b) in p(&other).into_iter().zip(p(&exact)) {
        assert!((a.1 - b.1).abs() < 0.05, "{a:?} {b:?}");
    }
    let conditional = moran(
        &town,
        r#", "p_value": {"permutation": {}}, "cells_shown": "all""#,
    );
    assert!(
        conditional
            .cells
            .iter()
            .all(|c| c.draws.is_some_and(|d| d <= 9_999))
    );
}

#[test]
fn what_cannot_be_told_is_refused() {
    let town = town(&with_a_centre());
    let error = |text: &str| try_findings(&town, text).unwrap_err();
    for (params, code) in [
        (r#", "rings": 0"#, "invalid_neighbours"),
        (r#", "rings": 1, "distance_m": 500"#, "invalid_neighbours"),
        (r#", "distance_m": 200"#, "invalid_neighbours"),
        (r#", "h3_resolution": 9"#, "invalid_cells"),
        (r#", "cell_m": 5"#, "invalid_cells"),
        (r#", "level": 0"#, "invalid_significance"),
        (r#", "level": 0.6"#, "invalid_significance"),
        (
            r#", "p_value": {"permutation": {"permutations": 18}}"#,
            "invalid_significance",
        ),
        (
            r#", "p_value": {"permutation": {"permutations": 999}}, "correction": "bonferroni""#,
            "too_few_permutations",
        ),
        (
            r#", "p_value": {"permutation": {"scheme": "total", "exceedances": 5}}"#,
            "invalid_significance",
        ),
        (r#", "max": 0"#, "invalid_getis_ord"),
        (r#", "against": {"period": "2021"}"#, "invalid_getis_ord"),
    ] {
        let e = error(&request("getis_ord", "", params));
        assert_eq!(e.code(), code, "{params}: {e}");
    }
    let period = r#", "period": "2022-12""#;
    let e = error(&request(
        "getis_ord",
        period,
        r#", "against": {"period": "2021"}"#,
    ));
    assert_eq!(e.code(), "nothing_against", "{e}");
    let e = error(&request(
        "getis_ord",
        period,
        r#", "against": {"period": "2022-01/2022-11"}, "p_value": {"permutation": {}}"#,
    ));
    assert!(
        matches!(e, RunError::GetisOrd(getis_ord::Error::ShufflesAgainst)),
        "{e}"
    );
    let e = error(&request(
        "local_moran",
        "",
        r#", "p_value": {"permutation": {"scheme": "total"}}"#,
    ));
    assert_eq!(e.code(), "invalid_local_moran");
    for name in ["getis_ord", "local_moran"] {
        let e = error(&format!(r#"{{"method": {{"name": "{name}"}}}}"#));
        assert_eq!(e.code(), "no_study_area", "{e}");
        let unknown = format!(r#"{{"method": {{"name": "{name}", "seed": 1}}}}"#);
        assert!(isopleth_core::Request::from_json(&unknown).is_err());
    }
}

#[test]
fn degenerate_sets() {
    let everywhere: Vec<Event> = (0..144).flat_map(|c| at(c % 12, c / 12, 2, 1)).collect();
    for (events, tests) in [
        (vec![], 0),
        (at(3, 3, 1, 1).collect(), 144),
        (at(3, 3, 12, 1).collect(), 144),
        (at(3, 3, 11, 1).chain(at(9, 9, 1, 1)).collect(), 144),
        (everywhere, 0),
    ] {
        let town = town(&events);
        let found = gi(&town, r#", "cells_shown": "all""#);
        assert_eq!(
            (found.tests, found.cells.len()),
            (tests, 144),
            "{} events",
            events.len()
        );
        assert!(found.cells.iter().all(|c| c.z.is_some() == (tests > 0)));
        // All on one point: as likely anywhere, and so nothing is significant.
        assert_eq!(found.significant.0, 0, "{} events", events.len());
        let found = moran(&town, r#", "cells_shown": "all""#);
        assert!(found.cells.iter().all(|c| c.z.is_none_or(f64::is_finite)));
        assert_eq!(found.significant[0], 0);
    }
    // Nothing selected, though drugs are known.
    let drugs: Vec<Event> = with_a_centre()
        .into_iter()
        .map(|e| Event { kind: DRUGS, ..e })
        .collect();
    assert_eq!(gi(&town(&drugs), "").incidents, 0);
}

#[test]
fn the_same_in_any_order_and_on_any_number_of_threads() {
    let mut events = with_a_centre();
    let text = |snapshot: &Snapshot, threads| {
        on_threads(threads, || {
            let exact = gi(snapshot, r#", "cells_shown": "all""#);
            let total = gi(
                snapshot,
                r#", "p_value": {"permutation": {"permutations": 999}}"#,
            );
            let i = moran(snapshot, r#", "cells_shown": "all""#);
            format!("{:?} {:?} {:?}", exact.cells, total.cells, i.cells)
        })
    };
    let first = text(&town(&events), 1);
    assert_eq!(first, text(&town(&events), 2));
    assert_eq!(first, text(&town(&events), 7));
    events.reverse();
    events.swap(3, 40);
    assert_eq!(first, text(&town(&events), 2));
}

#[test]
fn every_incident_twice_is_the_same_z_and_p() {
    let events = with_a_centre();
    let twice: Vec<Event> = events.iter().chain(&events).copied().collect();
    let of = |events: &[Event]| {
        let found = gi(&town(events), r#", "cells_shown": "all""#);
        let mut of: Vec<_> = found
            .cells
            .iter()
            .map(|c| (c.cell, c.z.unwrap(), c.p.unwrap()))
            .collect();
        of.sort_by_key(|c| c.0);
        of
    };
    for (a, b) in of(&events).into_iter().zip(of(&twice)) {
        assert!(
            (a.1 - b.1).abs() < 1e-12 && (a.2 - b.2).abs() < 1e-12,
            "{a:?} {b:?}"
        );
    }
}

/// A quarter turn of the town about its middle.
#[test]
fn a_quarter_turn_turns_the_layer() {
    let events = with_a_centre();
    let middle = (ORIGIN.0 + 1800.0, ORIGIN.1 + 1800.0);
    let turned: Vec<Event> = events
        .iter()
        .map(|e| Event {
            x: middle.0 - (e.y - middle.1),
            y: middle.1 + (e.x - middle.0),
            ..*e
        })
        .collect();
    let sorted = |events: &[Event]| {
        let found = gi(&town(events), r#", "cells_shown": "all""#);
        let mut z: Vec<u64> = found.cells.iter().map(|c| c.z.unwrap().to_bits()).collect();
        z.sort_unstable();
        z
    };
    assert_eq!(sorted(&events), sorted(&turned));
}

/// The figure `calibration.getis_ord` in small: a hundred times skewed counts are dealt over squares.
#[test]
fn null_maps_seldom_show_anything_and_the_normal_distribution_often() {
    let side = 20_u32;
    let lists = (0..side * side).map(|c| {
        let (x, y) = (c % side, c / side);
        let near = |v: u32| v.saturating_sub(1)..(v + 2).min(side);
        near(y)
            .flat_map(|y| near(x).map(move |x| y * side + x))
            .collect()
    });
    let grid = isopleth_core::lattice::Neighbours::from_lists(lists.collect());
    // As real cells have them: mostly none, some with a lot.
    let mut counts: Vec<u32> = (0..side * side)
        .map(|c| [0, 0, 0, 1, 0, 2, 0, 1, 0, 4][c as usize % 10])
        .collect();
    for (i, many) in [(7, 90), (77, 40), (177, 25), (277, 60), (377, 33)] {
        counts[i] = many;
    }
    let (maps, mut exact, mut normal) = (400, 0, 0);
    for seed in 0..maps {
        Random::of_replicate(8, seed).shuffle(&mut counts);
        let z = getis_ord_of_counts(&counts, &grid, Statistic::GiStar);
        let found = |p_value| {
            let (star, bh) = (Statistic::GiStar, Correction::default());
            let found = Inference::of_counts(&counts, &grid, star, &z, p_value, bh, 0.05).unwrap();
            u64::from(found.p_adjusted.iter().any(|p| *p <= 0.05))
        };
        exact += found(PValue::Exact);
        normal += found(PValue::Analytic);
    }
    assert!(
        clopper_pearson(exact, maps, 0.05).0 <= 0.05,
        "{exact} of {maps}"
    );
    assert!(normal > maps / 2, "{normal} of {maps}");
}

/// The same for times: places stay, months are permuted.
#[test]
fn null_months_seldom_show_anything() {
    let side = 15_u32;
    let lists = (0..side * side).map(|c| {
        let (x, y) = (c % side, c / side);
        let near = |v: u32| v.saturating_sub(1)..(v + 2).min(side);
        near(y)
            .flat_map(|y| near(x).map(move |x| y * side + x))
            .collect()
    });
    let grid = isopleth_core::lattice::Neighbours::from_lists(lists.collect());
    let all: Vec<u32> = (0..side * side)
        .map(|c| if c % 50 == 3 { 120 } else { c % 7 })
        .collect();
    let mut records: Vec<usize> = all
        .iter()
        .enumerate()
        .flat_map(|(c, &n)| std::iter::repeat_n(c, n as usize))
        .collect();
    let (maps, mut wrong) = (300, 0);
    for seed in 0..maps {
        Random::of_replicate(9, seed).shuffle(&mut records);
        let mut now = vec![0; all.len()];
        for &c in &records[..records.len() / 12] {
            now[c] += 1;
        }
        let before: Vec<u32> = all.iter().zip(&now).map(|(a, n)| a - n).collect();
        let sums = |counts: &[u32]| {
            isopleth_core::local_association::sums(counts, &grid, Statistic::GiStar)
        };
        let found = compare(
            &now,
            &before,
            &sums(&now),
            &sums(&before),
            Statistic::GiStar,
        );
        let found = isopleth_core::local_association::Tested::by_tails(&found.tails)
            .adjusted(Correction::default());
        wrong += u64::from(found.p_adjusted.iter().any(|p| *p <= 0.05));
    }
    assert!(
        clopper_pearson(wrong, maps, 0.05).0 <= 0.05,
        "{wrong} of {maps}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Gi* over records, each of them a value of 1 or 0, by the formula of Ord and Getis.
    #[test]
    fn against_is_gi_star_of_records(
        now in prop::collection::vec(0_u32..6, 4),
        before in prop::collection::vec(0_u32..6, 4),
    ) {
        let line = isopleth_core::lattice::Neighbours::from_lists(vec![vec![1], vec![0, 2], vec![1, 3], vec![2]]);
        let sums = |counts: &[u32]| isopleth_core::local_association::sums(counts, &line, Statistic::GiStar);
        let found = compare(&now, &before, &sums(&now), &sums(&before), Statistic::GiStar);
        let records: Vec<(usize, f64)> = (0..4)
            .flat_map(|c| (0..now[c]).map(move |_| (c, 1.0)).chain((0..before[c]).map(move |_| (c, 0.0))))
            .collect();
        let n = records.len() as f64;
        let mean = records.iter().map(|r| r.1).sum::<f64>() / n;
        let s2 = records.iter().map(|r| (r.1 - mean).powi(2)).sum::<f64>() / n;
        for c in 0..4_usize {
            let inside = records.iter().filter(|r| r.0.abs_diff(c) <= 1);
            let (w, sum) = inside.fold((0.0, 0.0), |a, r| (a.0 + 1.0, a.1 + r.1));
            let expected = (sum - w * mean) / (s2 * (n * w - w * w) / (n - 1.0)).sqrt();
            if expected.is_finite() {
                prop_assert!((found.z[c] - expected).abs() < 1e-9, "{} {expected}", found.z[c]);
                prop_assert!(found.tails[c].is_some());
            } else {
                prop_assert!(found.z[c].is_nan() && found.tails[c].is_none());
            }
        }
    }
}
