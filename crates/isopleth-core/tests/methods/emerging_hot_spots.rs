//! Emerging hot spots: Gi* of a cube, significance, trends and categories.

use crate::support::{
    BURGLARY, DRUGS, Event, findings, moved, on_threads, rectangle, try_findings, turned, twice,
    world,
};
use isopleth_core::lattice::Neighbours;
use isopleth_core::methods::emerging_hot_spots::{
    Cell, Cube, Definition, Error, Family, Outcome, PValue, Pattern, Reference, Side, Sides, State,
    Test, Trend,
};
use isopleth_core::statistics::{Correction, MannKendall, normal_two_sided};
use isopleth_core::{Findings, RunError, Snapshot};
use proptest::prelude::*;

const TEST: Test = Test {
    reference: Reference::EntireCube,
    p_value: PValue::Exact,
    correction: Correction::BenjaminiHochberg,
    family: Family::AllBins,
    level: 0.05,
};

/// A small cube: counts, steps, first step of each window, neighbours.
#[derive(Debug, Clone)]
struct Small {
    counts: Vec<u32>,
    steps: usize,
    first: Vec<usize>,
    near: Vec<Vec<u32>>,
}

impl Small {
    fn cells(&self) -> usize {
        self.near.len()
    }

    fn test(&self, test: Test) -> Cube {
        let neighbours = Neighbours::from_lists(self.near.clone());
        Cube::new(&self.counts, &self.first, &neighbours, test).unwrap()
    }

    /// Two-sided p by dealing the counts of the reference in all ways.
    fn p_by_hand(&self, cell: usize, step: usize, reference: Reference) -> f64 {
        let held_against: Vec<u32> = (0..self.cells())
            .flat_map(|c| (0..self.steps).map(move |t| (c, t)))
            .filter(|&(_, t)| match reference {
                Reference::EntireCube => true,
                Reference::Window => (self.first[step]..=step).contains(&t),
                Reference::Step => t == step,
            })
            .map(|(c, t)| self.counts[c * self.steps + t])
            .collect();
        let around = self.around(cell, step);
        let sum: f64 = around.iter().map(|&bin| self.count(bin)).sum();
        let (mut all, mut as_much, mut as_little) = (0_u32, 0_u32, 0_u32);
        for chosen in 0_u32..1 << held_against.len() {
            if chosen.count_ones() as usize != around.len() {
                continue;
            }
            let bins = held_against.iter().enumerate();
            let drawn: u32 = bins
                .filter(|(i, _)| chosen >> i & 1 == 1)
                .map(|b| b.1)
                .sum();
            all += 1;
            as_much += u32::from(f64::from(drawn) >= sum);
            as_little += u32::from(f64::from(drawn) <= sum);
        }
        (2.0 * f64::from(as_much.min(as_little)) / f64::from(all)).min(1.0)
    }

    /// Bins of the neighbourhood of one.
    fn around(&self, cell: usize, step: usize) -> Vec<(usize, usize)> {
        let mut cells: Vec<usize> = self.near[cell].iter().map(|&c| c as usize).collect();
        cells.push(cell);
        cells.sort_unstable();
        cells.dedup();
        let steps = || (0..self.steps).filter(move |t| (self.first[step]..=step).contains(t));
        cells
            .into_iter()
            .flat_map(|c| steps().map(move |t| (c, t)))
            .collect()
    }

    fn count(&self, (cell, step): (usize, usize)) -> f64 {
        f64::from(self.counts[cell * self.steps + step])
    }

    /// Gi* as it is written, with weights of 1.
    fn z(&self, cell: usize, step: usize, reference: Reference) -> f64 {
        let held_against: Vec<f64> = (0..self.cells())
            .flat_map(|c| (0..self.steps).map(move |t| (c, t)))
            .filter(|&(_, t)| match reference {
                Reference::EntireCube => true,
                Reference::Window => (self.first[step]..=step).contains(&t),
                Reference::Step => t == step,
            })
            .map(|bin| self.count(bin))
            .collect();
        let n = held_against.len() as f64;
        let mean = held_against.iter().sum::<f64>() / n;
        let s = (held_against.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
        let around = self.around(cell, step);
        let sum: f64 = around.iter().map(|&bin| self.count(bin)).sum();
        let (w, s1) = (around.len() as f64, around.len() as f64);
        let below = s * ((n * s1 - w * w) / (n - 1.0)).sqrt();
        if below > 1e-9 {
            (sum - w * mean) / below
        } else {
            f64::NAN
        }
    }
}

fn small() -> impl Strategy<Value = Small> {
    (1_usize..12, 1_usize..14, 0_usize..4).prop_flat_map(|(cells, steps, window)| {
        let near = prop::collection::vec(prop::collection::vec(0..cells as u32, 0..4), cells);
        let counts =
            prop::collection::vec(prop_oneof![3 => 0_u32..3, 1 => 0_u32..40], cells * steps);
        (near, counts).prop_map(move |(near, counts)| Small {
            counts,
            steps,
            first: (0..steps).map(|t| t.saturating_sub(window)).collect(),
            near,
        })
    })
}

fn tests() -> impl Strategy<Value = Test> {
    use Correction::{BenjaminiHochberg, BenjaminiYekutieli, Bonferroni, Holm, None};
    (
        prop::sample::select(vec![
            Reference::EntireCube,
            Reference::Window,
            Reference::Step,
        ]),
        prop::sample::select(vec![
            BenjaminiHochberg,
            BenjaminiYekutieli,
            Bonferroni,
            Holm,
            None,
        ]),
        prop::sample::select(vec![PValue::Exact, PValue::Normal]),
        prop::sample::select(vec![Family::AllBins, Family::EachStep, Family::EachCell]),
        0.01_f64..0.4,
    )
        .prop_map(|(reference, correction, p_value, family, level)| Test {
            reference,
            p_value,
            correction,
            family,
            level,
        })
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|v| v.to_bits()).collect()
}

fn all_bits(cube: &Cube) -> Vec<u64> {
    (0..cube.cells()).flat_map(|c| bits(cube.z(c))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn exact_tails_are_those_of_all_deals(
        (cells, steps, window, counts) in (1_usize..4, 1_usize..5).prop_flat_map(|(cells, steps)| {
            let counts = prop::collection::vec(0_u32..5, cells * steps);
            (Just(cells), Just(steps), 0_usize..3, counts)
        }),
        family in prop::sample::select(vec![Family::AllBins, Family::EachStep, Family::EachCell]),
    ) {
        let small = Small {
            counts,
            steps,
            first: (0..steps).map(|t| t.saturating_sub(window)).collect(),
            near: (0..cells as u32).map(|c| if c == 0 { vec![] } else { vec![c - 1] }).collect(),
        };
        for reference in [Reference::EntireCube, Reference::Window, Reference::Step] {
            // Not adjusted, what is decided by is the p of the bin itself.
            let correction = Correction::None;
            let cube = small.test(Test { reference, correction, family, ..TEST });
            for cell in 0..cells {
                for step in 0..steps {
                    let z = cube.z(cell)[step];
                    prop_assert_eq!(cube.p(cell, step).is_none(), z.is_nan());
                    prop_assert_eq!(cube.adjusted_p(cell, step), cube.p(cell, step));
                    if let Some(p) = cube.p(cell, step) {
                        let by_hand = small.p_by_hand(cell, step, reference);
                        prop_assert!((p - by_hand).abs() < 1e-12, "{} {}", p, by_hand);
                    }
                }
            }
        }
    }

    #[test]
    fn as_the_definition_bin_by_bin(small in small(), test in tests()) {
        let test = Test { p_value: PValue::Normal, ..test };
        let cube = small.test(test);
        let (cells, steps) = (small.cells(), small.steps);
        for cell in 0..cells {
            for step in 0..steps {
                let (ours, by_hand) = (cube.z(cell)[step], small.z(cell, step, test.reference));
                prop_assert_eq!(ours.is_nan(), by_hand.is_nan(), "{} {}", ours, by_hand);
                prop_assert!(ours.is_nan() || (ours - by_hand).abs() <= 1e-9 * (1.0 + by_hand.abs()));
            }
            prop_assert_eq!(cube.trends[cell], MannKendall::of(cube.z(cell)));
        }
        // Significance by all tests written out.
        let bins: Vec<(usize, usize)> = (0..cells).flat_map(|c| (0..steps).map(move |t| (c, t))).collect();
        let family = |(cell, step): (usize, usize)| match test.family {
            Family::AllBins => 0,
            Family::EachStep => step,
            Family::EachCell => cell,
        };
        for each in 0..cells.max(steps) {
            let members: Vec<(usize, usize)> = bins.iter().copied().filter(|&b| family(b) == each).collect();
            let p: Vec<f64> = members.iter().map(|&(c, t)| normal_two_sided(cube.z(c)[t])).collect();
            for (&(cell, step), adjusted) in members.iter().zip(test.correction.adjust(&p)) {
                prop_assert_eq!(
                    cube.adjusted_p(cell, step).map(f64::to_bits),
                    Some(adjusted).filter(|p| !p.is_nan()).map(f64::to_bits)
                );
                let expected = match adjusted <= test.level {
                    true if cube.z(cell)[step] > 0.0 => State::Hot,
                    true => State::Cold,
                    false => State::Neither,
                };
                prop_assert_eq!(cube.states(cell)[step], expected);
            }
        }
        let defined = all_bits(&cube).iter().filter(|b| !f64::from_bits(**b).is_nan()).count();
        prop_assert_eq!(cube.tests(), defined as u64);
    }

    #[test]
    fn what_comes_later_changes_nothing_before(small in small(), at in 0.0_f64..1.0, more in 1_u32..50) {
        let step = (small.steps as f64 * at) as usize;
        let mut changed = small.clone();
        for cell in 0..small.cells() {
            for later in step + 1..small.steps {
                changed.counts[cell * small.steps + later] += more * (1 + (cell as u32 + later as u32) % 3);
            }
        }
        for reference in [Reference::Window, Reference::Step] {
            let test = Test { reference, family: Family::EachStep, ..TEST };
            let (before, after) = (small.test(test), changed.test(test));
            for cell in 0..small.cells() {
                prop_assert_eq!(bits(&before.z(cell)[..=step]), bits(&after.z(cell)[..=step]));
                prop_assert_eq!(&before.states(cell)[..=step], &after.states(cell)[..=step]);
            }
        }
        // The entire cube holds what is to come, but no neighbourhood does.
        let (before, after) = (small.test(TEST), changed.test(TEST));
        for cell in 0..small.cells() {
            for earlier in 0..=step {
                prop_assert_eq!(before.sum(cell, earlier), after.sum(cell, earlier));
            }
        }
    }

    #[test]
    fn every_incident_twice_is_the_same(small in small(), test in tests()) {
        let mut double = small.clone();
        double.counts.iter_mut().for_each(|n| *n *= 2);
        let (once, twice) = (small.test(test), double.test(test));
        prop_assert_eq!(all_bits(&once), all_bits(&twice));
        prop_assert_eq!(&once.states, &twice.states);
        for definition in [Definition::EsriCurrent, Definition::Esri28, Definition::Sfhotspot] {
            prop_assert_eq!(
                once.categories(definition, Sides::Both, 0.05),
                twice.categories(definition, Sides::Both, 0.05)
            );
        }
    }
}

#[test]
fn the_first_step_has_a_smaller_neighbourhood() {
    let mut small = Small {
        counts: vec![0; 5 * 12],
        steps: 12,
        first: (0..12_usize).map(|t| t.saturating_sub(1)).collect(),
        near: (0..5)
            .map(|c: u32| vec![c.saturating_sub(1), (c + 1).min(4)])
            .collect(),
    };
    small.counts[2 * 12] = 7;
    let cube = small.test(TEST);
    assert_eq!([cube.sum(2, 0), cube.sum(2, 1), cube.sum(2, 2)], [7, 7, 0]);
    // The same sum of fewer bins is the more unusual.
    assert!(cube.z(2)[0] > cube.z(2)[1]);
    assert_eq!(cube.sizes(), Some((2, 3)));
    // A thread more or less changes nothing.
    let one = on_threads(1, || all_bits(&small.test(TEST)));
    for threads in [2, 7] {
        assert_eq!(one, on_threads(threads, || all_bits(&small.test(TEST))));
    }
}

#[test]
fn nothing_and_constant_counts_have_no_z() {
    let empty = Cube::new(&[], &[], &Neighbours::from_lists(Vec::new()), TEST).unwrap();
    assert_eq!((empty.cells(), empty.steps(), empty.tests()), (0, 0, 0));
    for n in [0, 3] {
        let flat = Small {
            counts: vec![n; 4 * 10],
            steps: 10,
            first: (0..10).collect(),
            near: vec![Vec::new(); 4],
        };
        for reference in [Reference::EntireCube, Reference::Window, Reference::Step] {
            let cube = flat.test(Test { reference, ..TEST });
            assert_eq!((cube.tests(), cube.adjusted_p(1, 3)), (0, None));
            assert!(cube.states.iter().all(|s| *s == State::Neither));
            assert_eq!(cube.trend(0, 0.05), Trend::None);
            let found = cube.categories(Definition::EsriCurrent, Sides::Both, 0.05);
            assert_eq!(found, [None; 4]);
        }
    }
}

// Whole requests, on 15 by 12 squares of 200 m and 24 months.

fn town(events: &[Event]) -> Snapshot {
    // A drug offence each month says that the month was supplied.
    let mut all = events.to_vec();
    all.extend((1..=24).map(|month| Event {
        x: 551_500.0,
        y: 189_000.0,
        month,
        kind: DRUGS,
    }));
    world(&all, vec![area()])
}

fn area() -> isopleth_core::domain::Area {
    rectangle("T", 550_020.0, 187_220.0, 552_980.0, 189_580.0)
}

fn request(period: &str, params: &str) -> String {
    format!(
        r#"{{"select": {{"area": "T", "period": "{period}", "groups": ["burglary"]}},
            "method": {{"name": "emerging_hot_spots", "cells": "square", "cell_m": 200 {params}}}}}"#
    )
}

fn outcome(found: Findings) -> Outcome {
    match found {
        Findings::EmergingHotSpots(found) => found,
        other => panic!("{other:?}"),
    }
}

fn run(snapshot: &Snapshot, params: &str) -> Outcome {
    outcome(findings(snapshot, &request("2022/2023", params)))
}

fn refused(snapshot: &Snapshot, period: &str, params: &str) -> Error {
    match try_findings(snapshot, &request(period, params)) {
        Err(RunError::EmergingHotSpots(e)) => e,
        other => panic!("{other:?}"),
    }
}

/// So many incidents in each of some months at the middle of a square.
fn at(column: u32, row: u32, months: impl Iterator<Item = i32>, n: usize) -> Vec<Event> {
    let event = |month| Event {
        x: 550_100.0 + f64::from(column) * 200.0,
        y: 187_300.0 + f64::from(row) * 200.0,
        month,
        kind: BURGLARY,
    };
    months
        .flat_map(|month| std::iter::repeat_n(event(month), n))
        .collect()
}

/// Some histories, and a scatter over everything.
fn planted() -> Vec<Event> {
    [
        at(2, 2, 1..=24, 10),
        at(12, 2, 22..=24, 11),
        at(2, 9, 1..=23, 12),
        at(12, 9, (1..=24).filter(|m| [3, 4].contains(&(m % 6))), 11),
        (0..90)
            .flat_map(|i| {
                at(
                    i * 7 % 15,
                    i * 5 % 12,
                    std::iter::once(i as i32 % 24 + 1),
                    1,
                )
            })
            .collect(),
    ]
    .concat()
}

fn cell_at(found: &Outcome, column: u32, row: u32) -> &Cell {
    let (x, y) = (
        550_100.0 + f64::from(column) * 200.0,
        187_300.0 + f64::from(row) * 200.0,
    );
    let centres = found.lattice.centres();
    let cell = (0..centres.len())
        .find(|&c| (centres[c].x - x).abs() < 1.0 && (centres[c].y - y).abs() < 1.0)
        .unwrap();
    found.cells.iter().find(|c| c.cell == cell).unwrap()
}

#[test]
fn planted_histories_are_found() {
    let snapshot = town(&planted());
    // Lone squares among empty ones: dealt at random, their high bins would often meet two others.
    let run = |snapshot: &Snapshot, params: &str| {
        run(snapshot, &format!(r#", "p_value": "normal"{params}"#))
    };
    let found = run(&snapshot, r#", "show": "all""#);
    let is = |found: &Outcome, column, row| {
        let category = cell_at(found, column, row).category;
        category.map(|c| (c.pattern, c.side))
    };
    let hot = |pattern| Some((pattern, Side::Hot));
    assert_eq!(is(&found, 2, 2), hot(Pattern::Persistent));
    assert_eq!(is(&found, 12, 2), hot(Pattern::Consecutive));
    // All months but the first, perhaps, and the final one are more than 90 %.
    assert_eq!(is(&found, 2, 9), hot(Pattern::Historical));
    assert_eq!(is(&found, 12, 9), None);
    assert_eq!(is(&found, 7, 6), None);
    let then = run(&snapshot, r#", "show": "all", "definition": "esri_2_8""#);
    assert_eq!(is(&then, 12, 9), hot(Pattern::Sporadic));
    let states = run(&snapshot, r#", "show": "all", "definition": "sfhotspot""#);
    assert_eq!(is(&states, 2, 2), hot(Pattern::Persistent));
    assert_eq!(is(&states, 12, 2), hot(Pattern::Emerging));
    assert_eq!(is(&states, 12, 9), hot(Pattern::Intermittent));

    // Counts are those of the cell and add up.
    let cell = cell_at(&found, 2, 2);
    assert!(cell.counts.iter().all(|&n| n >= 10));
    let count = cell.facts.as_ref().unwrap().count;
    assert_eq!(cell.counts.iter().sum::<u32>(), count);
    let all: u32 = found.cells.iter().flat_map(|c| &c.counts).sum();
    assert_eq!(u64::from(all), found.incidents);
    assert_eq!((found.steps.len(), found.in_no_step), (24, 0));
    assert_eq!(found.cells.len(), found.lattice.len());
    assert_eq!(found.bins.all, found.lattice.len() as u64 * 24);
    assert!(cell.steps_in(State::Hot) >= 22);

    // Only what has a pattern, by the latest z, and no more than asked for.
    let some = run(&snapshot, r#", "max": 4"#);
    assert_eq!(some.cells.len(), 4);
    let named: u64 = some.by_category.values().sum();
    assert_eq!(some.beyond_max + some.without_incidents, named - 4);
    assert!(
        some.cells
            .windows(2)
            .all(|w| w[0].latest_z >= w[1].latest_z)
    );
    assert!(some.cells.iter().all(|c| c.category.is_some()));
}

#[test]
fn neither_order_nor_threads_nor_place_matter() {
    let events = planted();
    let key = |found: &Outcome| {
        let cell = |c: &Cell| {
            (
                c.category,
                c.states.clone(),
                c.counts.clone(),
                c.latest_z.map(f64::to_bits),
                c.latest_adjusted_p.map(f64::to_bits),
                c.trend_z_p.map(|t| t.0.to_bits()),
            )
        };
        found.cells.iter().map(cell).collect::<Vec<_>>()
    };
    let all = r#", "show": "all", "sides": "both""#;
    let found = run(&town(&events), all);
    let mut other_order: Vec<Event> = events.clone();
    other_order.reverse();
    other_order.rotate_left(events.len() / 3);
    assert_eq!(run(&town(&other_order), all).cells, found.cells);
    for threads in [1, 2, 7] {
        let again = on_threads(threads, || run(&town(&events), all));
        assert_eq!(again.cells, found.cells);
        assert_eq!(again.by_category, found.by_category);
    }
    // Moved with its study area by whole squares, the cells keep their order.
    let mut elsewhere = moved(&events, 4_000.0, -2_000.0);
    elsewhere.extend((1..=24).map(|month| Event {
        x: 555_500.0,
        y: 187_000.0,
        month,
        kind: DRUGS,
    }));
    let area = rectangle("T", 554_020.0, 185_220.0, 556_980.0, 187_580.0);
    let there = run(&world(&elsewhere, vec![area]), all);
    assert_eq!(key(&there), key(&found));
    // Twice as many incidents are no news.
    let double = run(&town(&twice(&events)), all);
    let z = |found: &Outcome| -> Vec<_> {
        let of = |c: &Cell| (c.cell, c.category, c.latest_z.map(f64::to_bits));
        found.cells.iter().map(of).collect()
    };
    assert_eq!(z(&double), z(&found));
    // Turned by a quarter about the corner of a square, so are the cells.
    let mut round = turned(&events);
    round.extend((1..=24).map(|month| Event {
        x: 550_200.0,
        y: 189_100.0,
        month,
        kind: DRUGS,
    }));
    let area = rectangle("T", 549_620.0, 187_620.0, 551_980.0, 190_580.0);
    let mut a = key(&run(&world(&round, vec![area]), all));
    let mut b = key(&found);
    a.sort();
    b.sort();
    assert_eq!(a, b);
}

/// So many incidents anywhere at any time, by a seed.
fn scattered(n: usize, seed: u64) -> Vec<Event> {
    let mut random = isopleth_core::random::Random::new(seed);
    let mut event = || Event {
        x: 550_020.0 + f64::from(random.below(2_960)),
        y: 187_220.0 + f64::from(random.below(2_360)),
        month: random.below(24) as i32 + 1,
        kind: BURGLARY,
    };
    (0..n).map(|_| event()).collect()
}

#[test]
fn scattered_incidents_are_no_hot_spots() {
    let (mut with_exact, mut with_normal) = (0, 0);
    for seed in 0..20 {
        let snapshot = town(&scattered(40, seed));
        let found = |p: &str| {
            run(
                &snapshot,
                &format!(r#", "time_window": 0, "p_value": "{p}""#),
            )
        };
        let (exact, normal) = (found("exact"), found("normal"));
        with_exact += u32::from(exact.bins.hot > 0);
        // The normal p takes single incidents for hot spots.
        with_normal += u32::from(normal.bins.hot > 100);
        assert_eq!(exact.bins.tested, normal.bins.tested);
        // What is not said is exact.
        assert_eq!(run(&snapshot, r#", "time_window": 0"#).bins, exact.bins);
    }
    assert!(with_exact <= 3, "{with_exact}");
    assert!(with_normal >= 17, "{with_normal}");
}

#[test]
fn months_without_data_are_no_zeros() {
    let mut events = planted();
    events.retain(|e| e.month != 7 && e.month != 8);
    let mut all = events.clone();
    all.extend((1..=24).filter(|m| *m != 7 && *m != 8).map(|month| Event {
        x: 551_500.0,
        y: 189_000.0,
        month,
        kind: DRUGS,
    }));
    let snapshot = world(&all, vec![area()]);
    let error = refused(&snapshot, "2022/2023", "");
    assert_eq!(
        error,
        Error::Missing {
            steps: "2022-07, 2022-08".into()
        }
    );
    assert_eq!(error.code(), "steps_without_data");
    let found = run(
        &snapshot,
        r#", "missing_steps": "leave_out", "show": "all""#,
    );
    assert_eq!(found.missing, ["2022-07", "2022-08"]);
    assert_eq!(found.steps.len(), 22);
    assert_eq!(found.steps[6], "2022-09");
    // September has no month before it to look back to: as in January, fewer bins.
    let mut gap = Small {
        counts: Vec::new(),
        steps: 22,
        first: (0..22_usize)
            .map(|t| if t == 6 { 6 } else { t.saturating_sub(1) })
            .collect(),
        near: Vec::new(),
    };
    let mut order: Vec<&Cell> = found.cells.iter().collect();
    order.sort_by_key(|c| c.cell);
    gap.counts = order.iter().flat_map(|c| c.counts.clone()).collect();
    let near = Neighbours::rings(&found.lattice, 1).unwrap();
    gap.near = (0..near.len()).map(|c| near.of(c).to_vec()).collect();
    let cube = gap.test(TEST);
    for cell in order {
        assert_eq!(cube.states(cell.cell), cell.states);
        assert_eq!(cell.latest_z, Some(cube.z(cell.cell)[21]));
    }
    // Ten months are too few without two of them.
    let error = refused(
        &snapshot,
        "2022-01/2022-10",
        r#", "missing_steps": "leave_out""#,
    );
    assert_eq!(
        error,
        Error::TooFewSteps {
            steps: 8,
            what: "months"
        }
    );
}

#[test]
fn few_incidents_and_few_places() {
    let none = run(&town(&[]), r#", "show": "all""#);
    assert!(
        none.cells
            .iter()
            .all(|c| c.latest_z.is_none() && c.category.is_none())
    );
    assert_eq!((none.bins.tested, none.incidents), (0, 0));
    assert!(run(&town(&[]), "").cells.is_empty());
    let one = run(&town(&at(7, 6, 24..=24, 1)), r#", "show": "all""#);
    assert_eq!(cell_at(&one, 7, 6).latest_around, 1);
    assert_eq!(cell_at(&one, 6, 5).latest_bins, 18);
    assert!(one.cells.iter().all(|c| c.latest_z.is_some()));
    // All at one place: the eight squares around are as hot, but have nothing of their own.
    let place = run(&town(&at(7, 6, 1..=24, 5)), r#", "p_value": "normal""#);
    assert_eq!((place.cells.len(), place.without_incidents), (1, 8));
    let persistent: Vec<(Pattern, u64)> = place
        .by_category
        .iter()
        .map(|(c, n)| (c.pattern, *n))
        .collect();
    assert_eq!(persistent, [(Pattern::Persistent, 9)]);
    assert_eq!(place.cells[0].cell, cell_at(&place, 7, 6).cell);
    // A block of nine such squares is hot by all deals, too.
    let block: Vec<Event> = (0..9)
        .flat_map(|i| at(6 + i % 3, 5 + i / 3, 1..=24, 2))
        .collect();
    let exact = run(&town(&block), "");
    assert_eq!(
        cell_at(&exact, 7, 6).category.map(|c| (c.pattern, c.side)),
        Some((Pattern::Persistent, Side::Hot))
    );
    // At the edge there are fewer neighbours, and it is told.
    let corner = run(&town(&at(0, 0, 1..=24, 5)), r#", "p_value": "normal""#);
    assert!(cell_at(&corner, 0, 0).edge_effect);
    assert_eq!(cell_at(&corner, 0, 0).latest_bins, 8);
    assert!(!cell_at(&place, 7, 6).edge_effect);
    // A step that has no incident has no z where each step is its own reference.
    let late = run(
        &town(&at(7, 6, 5..=24, 5)),
        r#", "reference": "step", "time_window": 0, "show": "all""#,
    );
    assert_eq!(
        late.bins.all - late.bins.tested,
        4 * late.lattice.len() as u64
    );
}

#[test]
fn what_cannot_be_told_is_refused() {
    let snapshot = town(&planted());
    let whole = |params| refused(&snapshot, "2022/2023", params);
    assert_eq!(
        whole(r#", "rings": 1, "distance_m": 300"#),
        Error::TwoNeighbourhoods
    );
    assert_eq!(whole(r#", "rings": 0"#), Error::Rings(0));
    assert!(matches!(
        whole(r#", "distance_m": 100"#),
        Error::Distance { .. }
    ));
    assert_eq!(whole(r#", "time_window": 13"#), Error::TimeWindow(13));
    assert!(matches!(
        whole(r#", "level": 0"#),
        Error::Level { field: "level", .. }
    ));
    assert!(matches!(
        whole(r#", "trend_level": 0.6"#),
        Error::Level {
            field: "trend_level",
            ..
        }
    ));
    assert_eq!(whole(r#", "max": 0"#), Error::Max);
    assert!(matches!(whole(r#", "step": "week""#), Error::Steps(_)));
    assert!(matches!(whole(r#", "h3_resolution": 9"#), Error::Cells(_)));
    let few = refused(&snapshot, "2022-01/2022-09", "");
    assert_eq!(few.code(), "too_few_steps");
    let nowhere = request("2022/2023", "").replace(r#""area": "T", "#, "");
    let error = try_findings(&snapshot, &nowhere).unwrap_err();
    assert_eq!(error.code(), "no_study_area");
    let no_period = request("2022/2023", "").replace(r#""period": "2022/2023", "#, "");
    assert_eq!(
        try_findings(&snapshot, &no_period).unwrap_err().code(),
        "invalid_steps"
    );
    assert!(isopleth_core::Request::from_json(&request("2022", r#", "ring": 1"#)).is_err());
}
