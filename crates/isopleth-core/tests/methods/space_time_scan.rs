//! Scan statistics: every window by brute force, what must not matter, and requests.

use crate::support::{
    self, Event, day_span, findings, location, rectangle, try_findings, with_sets, world,
};
use isopleth_core::Findings;
use isopleth_core::methods::space_time_scan::{
    Ends, MonteCarlo, Null, Outcome, Study, StudyError, Time, Windows, scan,
};
use isopleth_core::random::Random;
use isopleth_core::statistics::binomial_upper;
use proptest::prelude::*;

const NO_CHANCE: MonteCarlo = MonteCarlo {
    replicates: 0,
    stop_after: 0,
    seed: 0,
};

/// A window that could be a cluster: log likelihood ratio, centre, places, first step and the first
/// after it, cases.
type Window = (f64, usize, Vec<u32>, (usize, usize), u64);

/// Every window, by the definition.
fn all_windows(study: &Study, windows: &Windows) -> Vec<Window> {
    let n = study.points.len();
    let cases = study.cases.len() as f64;
    let controls = match &study.null {
        Null::Bernoulli { controls } => controls.clone(),
        _ => Vec::new(),
    };
    let weight = |p: u32| match &study.null {
        Null::Poisson { population, .. } => population[p as usize],
        _ => study
            .cases
            .iter()
            .chain(&controls)
            .filter(|c| c.0 == p)
            .count() as f64,
    };
    let all: f64 = (0..n as u32).map(weight).sum();
    let mut found = Vec::new();
    for centre in 0..n {
        let distance = |p: u32| {
            let (a, b) = (study.points[centre], study.points[p as usize]);
            (a.0 - b.0) * (a.0 - b.0) + (a.1 - b.1) * (a.1 - b.1)
        };
        let mut radii: Vec<f64> = (0..n as u32).map(distance).collect();
        radii.sort_by(f64::total_cmp);
        radii.dedup();
        for radius in radii {
            if windows.max_radius.is_some_and(|r| radius > r * r) {
                break;
            }
            let inside: Vec<u32> = (0..n as u32).filter(|&p| distance(p) <= radius).collect();
            let inside_weight: f64 = inside.iter().map(|&p| weight(p)).sum();
            if inside_weight > all * windows.max_share + 1e-9 {
                break;
            }
            for start in 0..study.steps {
                for end in start + 1..=study.steps {
                    let length = end - start;
                    let fits = length >= windows.steps.0
                        && length <= windows.steps.1
                        && (windows.ends == Ends::Any || end == study.steps);
                    if !fits {
                        continue;
                    }
                    let during = |c: &&(u32, u32)| (start..end).contains(&(c.1 as usize));
                    let here = |c: &&(u32, u32)| inside.contains(&c.0) && during(c);
                    let count = study.cases.iter().filter(here).count();
                    let c = count as f64;
                    let part = |x: f64, y: f64| if x > 0.0 { x * (x / y).ln() } else { 0.0 };
                    let poisson = |mu: f64| {
                        if c > mu {
                            part(c, mu) + part(cases - c, cases - mu)
                        } else {
                            0.0
                        }
                    };
                    let ratio = match &study.null {
                        Null::Permutation => {
                            let then = study.cases.iter().filter(during).count() as f64;
                            poisson(inside_weight * then / cases)
                        }
                        Null::Poisson { time, .. } => {
                            let share = match time {
                                Time::Even(l) => {
                                    l[start..end].iter().sum::<f64>() / l.iter().sum::<f64>()
                                }
                                Time::Observed => {
                                    study.cases.iter().filter(during).count() as f64 / cases
                                }
                            };
                            poisson(cases * inside_weight / all * share)
                        }
                        Null::Bernoulli { .. } => {
                            let n = c + controls.iter().filter(here).count() as f64;
                            let whole = cases + controls.len() as f64;
                            if n > 0.0 && c / n > cases / whole {
                                part(c, n)
                                    + part(n - c, n)
                                    + part(cases - c, whole - n)
                                    + part(whole - n - cases + c, whole - n)
                                    - part(cases, whole)
                                    - part(whole - cases, whole)
                            } else {
                                0.0
                            }
                        }
                    };
                    if count >= windows.min_count as usize && ratio > 1e-9 {
                        found.push((ratio, centre, inside.clone(), (start, end), count as u64));
                    }
                }
            }
        }
    }
    found
}

/// The best of each centre, and of these what shares no place: log likelihood ratios.
fn brute_force(study: &Study, windows: &Windows) -> Vec<f64> {
    let all = all_windows(study, windows);
    let mut best: Vec<Option<&Window>> = vec![None; study.points.len()];
    for window in &all {
        let best = &mut best[window.1];
        if best.is_none_or(|b| window.0 > b.0 + 1e-9) {
            *best = Some(window);
        }
    }
    let mut best: Vec<&Window> = best.into_iter().flatten().collect();
    best.sort_by(|a, b| b.0.total_cmp(&a.0));
    best.iter().take(1).map(|w| w.0).collect()
}

/// Places on a small grid, so that distances tie.
fn studies() -> impl Strategy<Value = (Study, Windows)> {
    let points = prop::collection::btree_set((0_i32..6, 0_i32..6), 1..12);
    let cases = prop::collection::vec((0_usize..64, 0_u32..64, 1_usize..4), 1..25);
    let rest = (
        1_usize..9,
        0_u8..4,
        0.1_f64..=1.0,
        prop::option::of(0.5_f64..5.0),
    );
    let ends = (
        any::<bool>(),
        1_u32..4,
        1_usize..9,
        prop::collection::vec(1_u32..9, 12),
    );
    (points, cases, rest, ends).prop_map(
        |(
            points,
            cases,
            (steps, model, max_share, max_radius),
            (last, min_count, longest, weights),
        )| {
            let points: Vec<(f64, f64)> = points
                .into_iter()
                .map(|(x, y)| (f64::from(x), f64::from(y)))
                .collect();
            let steps = if model == 0 { steps.max(2) } else { steps };
            let listed = |cases: &[(usize, u32, usize)]| -> Vec<(u32, u32)> {
                cases
                    .iter()
                    .flat_map(|&(p, s, n)| {
                        let case = ((p % points.len()) as u32, s % steps as u32);
                        std::iter::repeat_n(case, n)
                    })
                    .collect()
            };
            let half = cases.len().div_ceil(2);
            let population = weights[..points.len()]
                .iter()
                .map(|&w| f64::from(w))
                .collect();
            let (own, null) = match model {
                0 => (listed(&cases), Null::Permutation),
                1 => (
                    listed(&cases),
                    Null::Poisson {
                        population,
                        time: Time::Observed,
                    },
                ),
                2 => {
                    let lengths = (0..steps).map(|s| 28.0 + (s % 3) as f64).collect();
                    (
                        listed(&cases),
                        Null::Poisson {
                            population,
                            time: Time::Even(lengths),
                        },
                    )
                }
                _ => (
                    listed(&cases[..half]),
                    Null::Bernoulli {
                        controls: listed(&cases[half..]),
                    },
                ),
            };
            let study = Study {
                points,
                cases: own,
                steps,
                null,
            };
            let windows = Windows {
                max_radius,
                max_share,
                steps: (1, longest.min(steps)),
                min_count,
                ends: if last {
                    Ends::Last { first_look: None }
                } else {
                    Ends::Any
                },
            };
            (study, windows)
        },
    )
}

fn llrs(study: &Study, windows: &Windows) -> Vec<f64> {
    let found = scan(study, windows, NO_CHANCE).unwrap();
    found.clusters.iter().map(|c| c.llr).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_best_window_is_that_of_brute_force((study, windows) in studies()) {
        let expected = brute_force(&study, &windows);
        let found = scan(&study, &windows, NO_CHANCE).unwrap();
        match (found.clusters.first(), expected.first()) {
            (None, None) => {}
            (Some(a), Some(b)) => prop_assert!((a.llr - b).abs() < 1e-9, "{} {}", a.llr, b),
            (a, b) => prop_assert!(false, "{a:?} {b:?}"),
        }
        // What is told of a cluster is what its window holds, and none share a place.
        let all = all_windows(&study, &windows);
        let mut taken = std::collections::BTreeSet::new();
        for c in &found.clusters {
            let mut places = c.places.clone();
            places.sort_unstable();
            let same = all.iter().find(|w| w.1 == c.centre && w.2 == places && w.3 == c.steps);
            let window = same.expect("a window of the definition");
            prop_assert_eq!(window.4, c.observed);
            prop_assert!((window.0 - c.llr).abs() < 1e-9);
            prop_assert!(all.iter().all(|w| w.1 != c.centre || w.0 <= c.llr + 1e-9));
            prop_assert!(places.iter().all(|p| taken.insert(*p)));
        }
    }

    #[test]
    fn what_must_not_matter((study, windows) in studies(), seed in any::<u64>()) {
        let how = MonteCarlo { replicates: 9, stop_after: 0, seed };
        let first = scan(&study, &windows, how).unwrap();
        // Rows in another order.
        let mut shuffled = study.clone();
        Random::new(seed).shuffle(&mut shuffled.cases);
        prop_assert_eq!(&scan(&shuffled, &windows, how).unwrap(), &first);
        // Another origin, a quarter turn, another unit.
        let moved = |f: &dyn Fn(f64, f64) -> (f64, f64)| {
            let points = study.points.iter().map(|&(x, y)| f(x, y)).collect();
            Study { points, ..study.clone() }
        };
        let bits = |study: &Study, windows: &Windows| -> Vec<u64> {
            llrs(study, windows).into_iter().take(1).map(f64::to_bits).collect()
        };
        let expected = bits(&study, &windows);
        prop_assert_eq!(bits(&moved(&|x, y| (x + 500_000.0, y - 7.0)), &windows), expected.clone());
        prop_assert_eq!(bits(&moved(&|x, y| (-y, x)), &windows), expected.clone());
        let wider = Windows { max_radius: windows.max_radius.map(|r| r * 1024.0), ..windows };
        prop_assert_eq!(bits(&moved(&|x, y| (x * 1024.0, y * 1024.0)), &wider), expected);
        // Everything twice: twice the evidence.
        let mut twice = study.clone();
        twice.cases.extend(study.cases.iter().copied());
        if let Null::Bernoulli { controls } = &mut twice.null {
            controls.extend(controls.clone());
        }
        let more = Windows { min_count: windows.min_count * 2, ..windows };
        let (one, two) = (llrs(&study, &windows), llrs(&twice, &more));
        prop_assert_eq!(one.len().min(1), two.len().min(1));
        if let (Some(one), Some(two)) = (one.first(), two.first()) {
            prop_assert!((two - 2.0 * one).abs() < 1e-9 * two.max(1.0));
        }
    }
}

#[test]
fn wide_counts_are_those_of_narrow_ones() {
    // A window that holds 3, 300 or 70,000 cases needs 8, 16 or 32 bits; the ratio grows in step.
    let of = |times: usize| {
        let mut cases = Vec::new();
        for place in 0..4_u32 {
            for step in 0..12_u32 {
                let n = if place == 1 && (4..6).contains(&step) {
                    3
                } else {
                    1
                };
                cases.extend(std::iter::repeat_n((place, step), n * times));
            }
        }
        let study = Study {
            points: vec![(0.0, 0.0), (1.0, 0.0), (3.0, 0.0), (7.0, 0.0)],
            cases,
            steps: 12,
            null: Null::Permutation,
        };
        let windows = Windows {
            max_radius: None,
            max_share: 0.6,
            steps: (1, 6),
            min_count: 2,
            ends: Ends::Any,
        };
        let found = scan(&study, &windows, NO_CHANCE).unwrap();
        let first = &found.clusters[0];
        assert_eq!(
            (first.places.as_slice(), first.steps),
            ([1].as_slice(), (4, 6))
        );
        assert_eq!(first.observed, 6 * times as u64);
        first.llr / times as f64
    };
    let narrow = of(1);
    for times in [100, 25_000] {
        assert!((of(times) - narrow).abs() < 1e-9 * narrow, "{times}");
    }
}

#[test]
fn places_at_one_distance_enter_together() {
    // Four places around a fifth: from the middle one there are two circles, of 1 and of 5 places.
    let points = vec![(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0)];
    let study = Study {
        points,
        cases: vec![(0, 0), (0, 1), (1, 0), (2, 0), (3, 1), (4, 1)],
        steps: 2,
        null: Null::Permutation,
    };
    let windows = Windows {
        max_radius: Some(1.0),
        max_share: 1.0,
        steps: (1, 1),
        min_count: 1,
        ends: Ends::Any,
    };
    let found = scan(&study, &windows, NO_CHANCE).unwrap();
    // 2 around the middle; around each of the others itself and with the middle.
    assert_eq!((found.circles, found.windows), (10, 20));
}

#[test]
fn p_is_that_of_besag_and_clifford() {
    let mut cases = Vec::new();
    for place in 0..20_u32 {
        cases.extend((0..6).map(|k| (place, (place * 7 + k * 5) % 24)));
    }
    let study = Study {
        points: (0..20)
            .map(|i| (f64::from(i % 5), f64::from(i / 5)))
            .collect(),
        cases,
        steps: 24,
        null: Null::Permutation,
    };
    let windows = Windows {
        max_radius: None,
        max_share: 0.5,
        steps: (1, 12),
        min_count: 2,
        ends: Ends::Any,
    };
    let how = |replicates, stop_after| MonteCarlo {
        replicates,
        stop_after,
        seed: 3,
    };
    let whole = scan(&study, &windows, how(199, 0)).unwrap();
    let llr = whole.clusters[0].llr;
    let reaching = whole.chance.reaching(llr);
    assert!(reaching > 60, "{reaching}");
    let p = whole.chance.p(llr).unwrap();
    assert!((p - f64::from(1 + reaching) / 200.0).abs() < 1e-15);
    let stopped = scan(&study, &windows, how(199, 20)).unwrap();
    let done = stopped.chance.maxima.len();
    assert!(stopped.chance.stopped && done < 199);
    // The replicates are the first ones of the whole, and the last of them is the twentieth.
    assert_eq!(stopped.chance.maxima, whole.chance.maxima[..done]);
    assert!((stopped.chance.p(llr).unwrap() - 20.0 / done as f64).abs() < 1e-15);
    assert!(stopped.chance.maxima[done - 1] >= llr * (1.0 - 1e-9));
    // Gumbel by moments.
    let n = 199.0;
    let mean = whole.chance.maxima.iter().sum::<f64>() / n;
    let sd = (whole
        .chance
        .maxima
        .iter()
        .map(|m| (m - mean).powi(2))
        .sum::<f64>()
        / n)
        .sqrt();
    let scale = sd * 6.0_f64.sqrt() / std::f64::consts::PI;
    let place = mean - 0.577_215_664_901_532_9 * scale;
    let expected = 1.0 - (-((place - llr) / scale).exp()).exp();
    assert!((whole.chance.p_gumbel(llr).unwrap() - expected).abs() < 1e-12);
    assert_eq!(
        scan(&study, &windows, NO_CHANCE).unwrap().chance.p(llr),
        None
    );
}

#[test]
fn earlier_looks_only_raise_what_chance_makes() {
    let cases: Vec<(u32, u32)> = (0..120_u32)
        .map(|i| (i % 15, (i * i + i / 7) % 30))
        .collect();
    let study = Study {
        points: (0..15)
            .map(|i| (f64::from(i % 4), f64::from(i / 4)))
            .collect(),
        cases,
        steps: 30,
        null: Null::Permutation,
    };
    let windows = |first_look| Windows {
        max_radius: None,
        max_share: 0.5,
        steps: (1, 10),
        min_count: 2,
        ends: Ends::Last { first_look },
    };
    let how = MonteCarlo {
        replicates: 99,
        stop_after: 0,
        seed: 0,
    };
    let alone = scan(&study, &windows(None), how).unwrap();
    let last = scan(&study, &windows(Some(29)), how).unwrap();
    let many = scan(&study, &windows(Some(9)), how).unwrap();
    assert_eq!(alone, last);
    assert_eq!(alone.clusters, many.clusters);
    assert!(alone.clusters.iter().all(|c| c.steps.1 == 30));
    let pairs = alone.chance.maxima.iter().zip(&many.chance.maxima);
    assert!(pairs.clone().all(|(a, b)| b >= a));
    assert!(pairs.filter(|(a, b)| b > a).count() > 50);
}

#[test]
fn chance_alone_is_called_a_cluster_no_more_often_than_stated() {
    // Days that have nothing to do with places, for each model, 120 times over; the calibration on real
    // places is the figure `scan.calibration`.
    for model in 0..3 {
        let mut hits = 0_u64;
        let worlds = 120_u64;
        for world in 0..worlds {
            let mut random = Random::of_replicate(77 + model, world);
            let cases: Vec<(u32, u32)> = (0..90)
                .map(|_| (random.below(30), random.below(12)))
                .collect();
            let (cases, null) = match model {
                0 => (cases, Null::Permutation),
                1 => {
                    let time = Time::Even(vec![1.0; 12]);
                    let population = vec![1.0; 30];
                    (cases, Null::Poisson { population, time })
                }
                _ => {
                    let controls = cases[40..].to_vec();
                    (cases[..40].to_vec(), Null::Bernoulli { controls })
                }
            };
            let study = Study {
                points: (0..30)
                    .map(|i| (f64::from(i % 6), f64::from(i * i % 11)))
                    .collect(),
                cases,
                steps: 12,
                null,
            };
            let windows = Windows {
                max_radius: Some(3.0),
                max_share: 0.5,
                steps: (1, 4),
                min_count: 2,
                ends: Ends::Any,
            };
            let how = MonteCarlo {
                replicates: 39,
                stop_after: 2,
                seed: world,
            };
            let found = scan(&study, &windows, how).unwrap();
            let p = found.clusters.first().and_then(|c| found.chance.p(c.llr));
            hits += u64::from(p.is_some_and(|p| p <= 0.05));
        }
        // So many would be seen once in a thousand if 1 in 20 maps had a false cluster.
        assert!(
            binomial_upper(hits, worlds, 0.05) > 0.001,
            "{model}: {hits}"
        );
        // And the test is no stone.
        assert!(hits > 0, "{model}");
    }
}

#[test]
fn nonsense_is_refused() {
    let study = Study {
        points: vec![(0.0, 0.0), (1.0, 1.0)],
        cases: vec![(0, 0), (1, 1)],
        steps: 2,
        null: Null::Permutation,
    };
    let windows = Windows {
        max_radius: None,
        max_share: 0.5,
        steps: (1, 1),
        min_count: 2,
        ends: Ends::Any,
    };
    let error = |study: &Study, windows: &Windows| scan(study, windows, NO_CHANCE).unwrap_err();
    for bad in [f64::NAN, f64::INFINITY] {
        let points = vec![(0.0, 0.0), (1.0, bad)];
        let error = error(
            &Study {
                points,
                ..study.clone()
            },
            &windows,
        );
        assert!(
            matches!(error, StudyError::Value { index: 3, .. }),
            "{error}"
        );
    }
    let poisson = |population: Vec<f64>, lengths: Vec<f64>| Study {
        null: Null::Poisson {
            population,
            time: Time::Even(lengths),
        },
        ..study.clone()
    };
    let e = error(&poisson(vec![1.0, 0.0], vec![1.0, 1.0]), &windows);
    assert!(matches!(
        e,
        StudyError::Value {
            what: "the population",
            index: 1,
            ..
        }
    ));
    let e = error(&poisson(vec![1.0], vec![1.0, 1.0]), &windows);
    assert!(matches!(
        e,
        StudyError::Length {
            found: 1,
            expected: 2,
            ..
        }
    ));
    let e = error(&poisson(vec![1.0, 1.0], vec![1.0]), &windows);
    assert!(matches!(e, StudyError::Length { .. }));
    let outside = Study {
        cases: vec![(2, 0)],
        ..study.clone()
    };
    assert!(matches!(
        error(&outside, &windows),
        StudyError::Outside { place: 2, .. }
    ));
    let flat = Study {
        cases: vec![(0, 0)],
        steps: 1,
        ..study.clone()
    };
    assert_eq!(error(&flat, &windows), StudyError::NoTime);
    for bad in [
        Windows {
            max_share: 0.0,
            ..windows
        },
        Windows {
            max_share: f64::NAN,
            ..windows
        },
        Windows {
            max_radius: Some(-1.0),
            ..windows
        },
        Windows {
            steps: (0, 1),
            ..windows
        },
        Windows {
            steps: (2, 1),
            ..windows
        },
        Windows {
            steps: (1, 3),
            ..windows
        },
        Windows {
            min_count: 0,
            ..windows
        },
        Windows {
            ends: Ends::Last {
                first_look: Some(2),
            },
            ..windows
        },
    ] {
        assert!(
            matches!(error(&study, &bad), StudyError::Range { .. }),
            "{bad:?}"
        );
    }
}

const P: (f64, f64) = (552_000.0, 188_000.0);

/// A spate of five weeks at one corner among incidents of every day and place.
fn spate() -> isopleth_core::Snapshot {
    let mut builder = isopleth_core::domain::IncidentSetBuilder::default();
    let mut random = Random::new(4);
    // 2023-01-01 is day 19358.
    let mut push = |x: f64, y: f64, day: i32| {
        builder.push(&isopleth_core::domain::IncidentRow {
            location: Some(location(x, y)),
            span: day_span((19_358 + day) * 1440),
            kind: support::BURGLARY,
            basis: isopleth_core::domain::LocationBasis::Address,
            place: isopleth_core::domain::NO_PLACE,
        });
    };
    for i in 0..300 {
        let (x, y) = (f64::from(random.below(20)), f64::from(random.below(20)));
        push(
            P.0 + 100.0 * x,
            P.1 + 100.0 * y,
            (i * 7 + random.below(7) as i32) % 364,
        );
    }
    for i in 0..25 {
        push(
            P.0 + 100.0 * f64::from(i % 3),
            P.1 + 100.0 * f64::from(i % 2),
            330 + i,
        );
    }
    let area = rectangle("A", P.0 - 1000.0, P.1 - 1000.0, P.0 + 4000.0, P.1 + 4000.0);
    with_sets(builder, vec![area])
}

fn outcome(snapshot: &isopleth_core::Snapshot, select: &str, method: &str) -> Outcome {
    let text = format!(
        r#"{{"select": {{"area": "A", "groups": ["burglary"]{select}}}, "method": {{"name": "space_time_scan"{method}}}}}"#
    );
    match findings(snapshot, &text) {
        Findings::SpaceTimeScan(found) => found,
        other => panic!("{other:?}"),
    }
}

const DAYS: &str = r#", "period": "2023-01-01/2023-12-30""#;

#[test]
fn a_planted_spate_is_found() {
    let found = outcome(
        &spate(),
        DAYS,
        r#", "step": "week", "max_radius_m": 500, "max_duration_steps": 8, "replicates": 99"#,
    );
    assert_eq!((found.incidents, found.left_out), (325, 0));
    assert_eq!(found.steps.as_ref().unwrap().len(), 52);
    let first = &found.clusters[0];
    assert_eq!((first.rank, first.p), (1, Some(0.01)));
    assert!(first.p_gumbel.unwrap() < 1e-6);
    assert!(first.observed >= 25 && first.expected < 8.0);
    assert_eq!(u64::from(first.facts.count), first.observed);
    assert!(u64::from(first.count_inside_outline) >= first.observed);
    let (from, to) = first.days.clone().unwrap();
    assert!(
        from.as_str() >= "2023-11-19" && to.as_str() >= "2023-12-16",
        "{from} {to}"
    );
    assert!(first.relative_risk.unwrap() > 3.0);
    assert_eq!(first.recurrence_days, None);
    assert!(first.radius_m <= 500.0 && first.area_m2 > 0.0);
    assert!(found.clusters[1..].iter().all(|c| c.p.unwrap() > 0.05));
    // The spate ended with the year: it is alive.
    let alive = outcome(
        &spate(),
        DAYS,
        r#", "step": "week", "analysis": "prospective", "max_radius_m": 500, "max_duration_steps": 8, "replicates": 99"#,
    );
    let first = &alive.clusters[0];
    assert_eq!(first.days.as_ref().unwrap().1, "2023-12-30");
    // A week over a hundredth.
    assert!((first.recurrence_days.unwrap() - 700.0).abs() < 1e-9);
    // A first look cannot make it rarer.
    let again = outcome(
        &spate(),
        DAYS,
        r#", "step": "week", "analysis": "prospective", "max_radius_m": 500, "max_duration_steps": 8, "replicates": 99, "first_look": "2023-06-30""#,
    );
    assert!(again.clusters[0].p >= first.p);
}

#[test]
fn cells_and_locations_tell_of_the_same_spate() {
    let cells = outcome(
        &spate(),
        DAYS,
        r#", "step": "week", "unit": "h3", "h3_resolution": 9, "max_radius_m": 600, "replicates": 99, "max_p": 0.05"#,
    );
    assert_eq!(cells.clusters.len(), 1);
    let first = &cells.clusters[0];
    assert_eq!(first.p, Some(0.01));
    assert_eq!(first.place_ids.len(), first.places as usize);
    assert!(cells.above_max_p > 0);
    assert!(first.place_ids.iter().all(|id| id.starts_with("89")));
}

#[test]
fn bytes_do_not_depend_on_threads() {
    let run = |threads| {
        let pool = rayon_pool(threads);
        let found = pool.install(|| {
            outcome(
                &spate(),
                DAYS,
                r#", "step": "week", "max_radius_m": 800, "replicates": 70, "stop_after": 0"#,
            )
        });
        let bits: Vec<u64> = found.chance.maxima.iter().map(|m| m.to_bits()).collect();
        (bits, format!("{:?}", found.clusters))
    };
    let one = run(1);
    assert_eq!(one.0.len(), 70);
    assert_eq!(run(2), one);
    assert_eq!(run(7), one);
}

fn rayon_pool(threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap()
}

/// Two groups by month: burglary everywhere, more of it in one corner of late; drugs everywhere.
fn months() -> Vec<Event> {
    let mut events = Vec::new();
    let mut random = Random::new(9);
    for month in 1..=24 {
        for _ in 0..20 {
            for kind in [support::BURGLARY, support::DRUGS] {
                let (x, y) = (random.below(10), random.below(10));
                events.push(Event {
                    x: P.0 + 200.0 * f64::from(x),
                    y: P.1 + 200.0 * f64::from(y),
                    month,
                    kind,
                });
            }
        }
        if month >= 20 {
            for _ in 0..8 {
                events.push(Event {
                    x: P.0 + 200.0 * f64::from(random.below(2)),
                    y: P.1 + 200.0 * f64::from(random.below(2)),
                    month,
                    kind: support::BURGLARY,
                });
            }
        }
    }
    events
}

fn two_groups() -> isopleth_core::Snapshot {
    let area = rectangle("A", P.0 - 500.0, P.1 - 500.0, P.0 + 3000.0, P.1 + 3000.0);
    world(&months(), vec![area])
}

#[test]
fn a_second_group_and_an_earlier_period() {
    let snapshot = two_groups();
    let against = r#", "model": {"bernoulli": {"against": {"groups": ["drugs"]}}}"#;
    let year = r#", "period": "2023""#;
    let found = outcome(&snapshot, year, &format!(r#"{against}, "replicates": 99"#));
    let first = &found.clusters[0];
    assert_eq!(first.p, Some(0.01));
    assert!(first.of_both_groups.unwrap() >= first.observed);
    assert_eq!(found.other.as_ref().unwrap().incidents, 240);
    let spatial = format!(r#"{against}, "analysis": "spatial", "replicates": 99"#);
    let found = outcome(&snapshot, year, &spatial);
    assert_eq!(
        (found.steps.clone(), found.clusters[0].duration_steps),
        (None, None)
    );
    assert_eq!(found.clusters[0].p, Some(0.01));
    assert_eq!(found.clusters[0].days.clone().unwrap().1, "2023-12-31");
    // The year before as what is usual.
    let baseline = r#", "model": {"poisson": {"baseline": {"period": "2022"}}}, "replicates": 99"#;
    let found = outcome(&snapshot, year, baseline);
    assert_eq!(found.clusters[0].p, Some(0.01));
    let facts = found.baseline.as_ref().unwrap();
    assert_eq!(
        (facts.records, facts.period.clone().unwrap().0.as_str()),
        (240, "2022-01-01")
    );
    assert!(facts.raised > 0 && facts.added_share > 0.0 && facts.added_share < 0.2);
    // The expected numbers of all places and steps are the observed ones.
    let observed = r#", "model": {"poisson": {"baseline": {"groups": ["drugs"], "lens": "police_generated"}, "time": "observed"}}, "replicates": 0"#;
    let found = outcome(&snapshot, year, observed);
    assert_eq!((found.clusters[0].p, found.chance.maxima.len()), (None, 0));
}

#[test]
fn what_cannot_be_told_is_refused() {
    let snapshot = two_groups();
    let code = |select: &str, method: &str| {
        let text = format!(
            r#"{{"select": {{"area": "A", "groups": ["burglary"]{select}}}, "method": {{"name": "space_time_scan"{method}}}}}"#
        );
        match try_findings(&snapshot, &text) {
            Ok(_) => "fine".to_owned(),
            Err(e) => format!("{}: {e}", e.code()),
        }
    };
    let year = r#", "period": "2023""#;
    for (select, method, expected) in [
        (year, r#", "replicates": 0"#, "fine"),
        (year, r#", "step": "day""#, "finer_than_data"),
        (year, r#", "step": "week""#, "finer_than_data"),
        ("", "", "invalid_steps"),
        (year, r#", "analysis": "spatial""#, "looks at times"),
        (year, r#", "max_radius_m": 0"#, "max_radius_m"),
        (year, r#", "max_share": 1.5"#, "max_share"),
        (year, r#", "min_count": 0"#, "min_count"),
        (year, r#", "replicates": 100000"#, "replicates"),
        (
            year,
            r#", "max_duration_steps": 13"#,
            "max_duration_steps must be 1 to 12, the steps of the period, not 13",
        ),
        (
            year,
            r#", "max_duration_steps": 0"#,
            "max_duration_steps must be 1 to 12",
        ),
        (
            year,
            r#", "min_duration_steps": 0"#,
            "min_duration_steps must be 1 to 6",
        ),
        (
            year,
            r#", "max_p": 0.005, "replicates": 99"#,
            "99 replicates cannot make a p below 0.01",
        ),
        (
            year,
            r#", "first_look": "2023-05""#,
            "first_look is for a prospective",
        ),
        (
            year,
            r#", "analysis": "prospective", "first_look": "2022""#,
            "2022-12-31",
        ),
        (year, r#", "max_p": 0.05, "replicates": 0"#, "max_p is for"),
        (year, r#", "h3_resolution": 9"#, "not for locations"),
        (
            year,
            r#", "model": {"poisson": {"baseline": {}}}"#,
            "names nothing",
        ),
        (
            year,
            r#", "model": {"poisson": {"baseline": {"period": "2023"}}}"#,
            "both the selection",
        ),
        (
            year,
            r#", "model": {"poisson": {"baseline": {"period": "2019"}}}"#,
            "not_covered",
        ),
        (
            year,
            r#", "model": {"poisson": {"baseline": {"period": "2022"}, "floor": 0}}"#,
            "floor",
        ),
        (
            r#", "period": "2023-06/2024-05""#,
            r#", "model": {"poisson": {"baseline": {"period": "2022"}}}"#,
            "not_covered",
        ),
        (
            year,
            r#", "model": {"poisson": {"baseline": {"groups": ["drugs"]}}}"#,
            "no records in the study area",
        ),
        (
            year,
            r#", "model": {"bernoulli": {"against": {"groups": ["none"]}}}"#,
            "unknown_group",
        ),
        (
            year,
            r#", "model": {"bernoulli": {"against": {"groups": ["burglary"]}}}"#,
            "nothing to hold it against",
        ),
    ] {
        let found = code(select, method);
        assert!(found.contains(expected), "{select} {method}: {found}");
    }
}

#[test]
fn more_windows_than_can_be_looked_at_are_refused() {
    let places = 400;
    let study = Study {
        points: (0..places).map(|i| (f64::from(i), 0.0)).collect(),
        cases: (0..4 * places as u32).map(|i| (i % 400, i % 366)).collect(),
        steps: 366,
        null: Null::Permutation,
    };
    let windows = Windows {
        max_radius: None,
        max_share: 0.5,
        steps: (1, 366),
        min_count: 2,
        ends: Ends::Any,
    };
    let how = MonteCarlo {
        replicates: 99_999,
        stop_after: 0,
        seed: 1,
    };
    let error = scan(&study, &windows, how).unwrap_err();
    assert!(
        matches!(error, StudyError::TooManyWindows { windows, replicates: 99_999 } if windows > 1_000_000_000),
        "{error}"
    );
    assert!(error.to_string().contains("99999 replicates"), "{error}");
}

#[test]
fn little_or_nothing_makes_no_cluster() {
    let area = || rectangle("A", P.0 - 500.0, P.1 - 500.0, P.0 + 3000.0, P.1 + 3000.0);
    let event = |x: f64, month: i32| Event {
        x: P.0 + x,
        y: P.1,
        month,
        kind: support::BURGLARY,
    };
    let year = r#", "period": "2023""#;
    let sets: [(&str, Vec<Event>, usize); 5] = [
        ("none", vec![], 0),
        ("one", vec![event(0.0, 13)], 0),
        // One place holds everything: more than its share, so that there is no circle.
        (
            "one place",
            (0..12).map(|i| event(0.0, 13 + i)).collect(),
            0,
        ),
        (
            "one month",
            (0..12).map(|i| event(f64::from(i) * 50.0, 15)).collect(),
            0,
        ),
        (
            "two places",
            (0..12)
                .map(|i| event(f64::from(i / 6) * 50.0, 13 + i))
                .collect(),
            2,
        ),
    ];
    for (what, events, clusters) in sets {
        let found = outcome(&world(&events, vec![area()]), year, r#", "replicates": 19"#);
        assert_eq!(found.clusters.len(), clusters, "{what}");
        assert_eq!(found.incidents, events.len() as u64, "{what}");
    }
}
