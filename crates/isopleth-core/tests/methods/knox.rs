//! Near repeats: tables, shuffles, roles, refusals.

use crate::support::{self, day_span, location, with_sets};
use isopleth_core::domain::{
    IncidentRow, IncidentSetBuilder, LocationBasis, MINUTES_PER_DAY, NO_PLACE,
};
use isopleth_core::methods::knox::{
    Error, HalfOpen, Metric, Neighbours, Reach, Role, Table, neighbours, simulate, table,
};
use isopleth_core::{Findings, Request, Snapshot, run};
use proptest::prelude::*;

type Points = Vec<(f64, f64)>;

fn bands(distance: &[f64], days: &[u32], open: bool) -> (HalfOpen<f64>, HalfOpen<u32>) {
    (
        HalfOpen::new("distance", distance, open).unwrap(),
        HalfOpen::new("days", days, open).unwrap(),
    )
}

fn apart(metric: Metric, a: (f64, f64), b: (f64, f64)) -> f64 {
    let (dx, dy) = ((a.0 - b.0).abs(), (a.1 - b.1).abs());
    match metric {
        Metric::Euclidean => (dx * dx + dy * dy).sqrt(),
        Metric::Manhattan => dx + dy,
    }
}

/// Every pair against every band.
fn brute(
    points: &Points,
    days: &[i32],
    (distance, time): &(HalfOpen<f64>, HalfOpen<u32>),
    metric: Metric,
) -> Vec<u64> {
    let mut cells = vec![0; distance.count() * time.count()];
    for i in 0..points.len() {
        for j in 0..i {
            let d = apart(metric, points[i], points[j]);
            let t = days[i].abs_diff(days[j]);
            let s = (0..distance.count()).find(|&b| {
                let e = distance.edges();
                e[b] <= d && e.get(b + 1).is_none_or(|&end| d < end)
            });
            let t = (0..time.count()).find(|&b| {
                let e = time.edges();
                e[b] <= t && e.get(b + 1).is_none_or(|&end| t < end)
            });
            if let (Some(s), Some(t)) = (s, t) {
                cells[s * time.count() + t] += 1;
            }
        }
    }
    cells
}

fn metrics() -> impl Strategy<Value = Metric> {
    prop_oneof![Just(Metric::Euclidean), Just(Metric::Manhattan)]
}

/// Events on a small grid of metres, so that edges are met.
fn events(most: usize) -> impl Strategy<Value = (Points, Vec<i32>)> {
    prop::collection::vec((0_i32..40, 0_i32..40, -9_i32..9), 0..most).prop_map(|events| {
        events
            .into_iter()
            .map(|(x, y, d)| ((f64::from(x) * 5.0, f64::from(y) * 5.0), d))
            .unzip()
    })
}

fn edge_lists() -> impl Strategy<Value = (HalfOpen<f64>, HalfOpen<u32>)> {
    (
        prop::sample::subsequence(vec![0.0, 1.0, 5.0, 10.0, 25.0, 50.0, 100.0, 400.0], 2..6),
        prop::sample::subsequence(vec![0_u32, 1, 2, 3, 5, 7, 12, 30], 2..8),
        any::<bool>(),
    )
        .prop_map(|(s, t, open)| bands(&s, &t, open))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_pair_is_in_its_band(
        (points, days) in events(90), bands in edge_lists(), metric in metrics(),
    ) {
        let found = table(&points, &days, &bands.0, &bands.1, metric).unwrap();
        prop_assert_eq!(&found.observed, &brute(&points, &days, &bands, metric));
        let n = points.len() as u64;
        prop_assert_eq!(found.pairs, n * n.saturating_sub(1) / 2);
    }

    #[test]
    fn the_order_of_rows_does_not_show(
        (points, days) in events(60), bands in edge_lists(), metric in metrics(), turn in 0_usize..60,
    ) {
        let run = |p: &Points, d: &[i32]| simulate(p, d, &bands.0, &bands.1, metric, 40, 5).unwrap();
        let (mut other_points, mut other_days) = (points.clone(), days.clone());
        let turn = turn.min(points.len());
        other_points.rotate_left(turn);
        other_days.rotate_left(turn);
        other_points.reverse();
        other_days.reverse();
        prop_assert_eq!(run(&points, &days), run(&other_points, &other_days));
    }

    #[test]
    fn moving_turning_and_waiting_change_no_count(
        (points, days) in events(60), bands in edge_lists(), metric in metrics(), wait in -50_000_i32..50_000,
    ) {
        let run = |p: &Points, d: &[i32]| table(p, d, &bands.0, &bands.1, metric).unwrap();
        let moved: Points = points.iter().map(|p| (p.0 + 531_000.0, p.1 - 7_000.0)).collect();
        let turned: Points = points.iter().map(|p| (-p.1, p.0)).collect();
        let later: Vec<i32> = days.iter().map(|d| d + wait).collect();
        let expected = run(&points, &days);
        prop_assert_eq!(&expected, &run(&moved, &days));
        prop_assert_eq!(&expected, &run(&turned, &days));
        prop_assert_eq!(&expected, &run(&points, &later));
    }

    #[test]
    fn each_event_twice_makes_four_of_each_pair_and_one_of_its_own(
        (points, days) in events(50), metric in metrics(),
    ) {
        let bands = bands(&[0.0, 1.0, 50.0], &[0, 1, 7], true);
        let run = |p: &Points, d: &[i32]| table(p, d, &bands.0, &bands.1, metric).unwrap().observed;
        let mut expected: Vec<u64> = run(&points, &days).iter().map(|n| 4 * n).collect();
        expected[0] += points.len() as u64;
        prop_assert_eq!(expected, run(&points.repeat(2), &days.repeat(2)));
    }

    #[test]
    fn roles_agree_with_every_pair((points, days) in events(70), metric in metrics()) {
        let reach = Reach { repeat: 5.0, near: 40.0, days: 3 };
        let found = neighbours(&points, &days, metric, reach);
        for (i, found) in found.iter().enumerate() {
            let mut expected = Neighbours::default();
            for j in (0..points.len()).filter(|&j| j != i) {
                let d = apart(metric, points[i], points[j]);
                let t = days[i] - days[j];
                if d >= reach.near || t.unsigned_abs() >= reach.days {
                    continue;
                }
                *match (t.signum(), d < reach.repeat) {
                    (0, _) => &mut expected.same_day,
                    (1, true) => &mut expected.repeats_before,
                    (1, false) => &mut expected.near_before,
                    (_, true) => &mut expected.repeats_after,
                    (_, false) => &mut expected.near_after,
                } += 1;
                if t > 0 {
                    let t = t.unsigned_abs();
                    expected.days_since = Some(expected.days_since.map_or(t, |s| s.min(t)));
                }
            }
            prop_assert_eq!(found, &expected);
        }
    }
}

/// All orders of a list.
fn orders(items: &[i32]) -> Vec<Vec<i32>> {
    if items.len() < 2 {
        return vec![items.to_vec()];
    }
    let mut all = Vec::new();
    for i in 0..items.len() {
        let mut rest = items.to_vec();
        let first = rest.remove(i);
        for mut order in orders(&rest) {
            order.push(first);
            all.push(order);
        }
    }
    all
}

fn seven() -> (Points, Vec<i32>) {
    let points = vec![
        (0.0, 0.0),
        (0.0, 0.0),
        (60.0, 80.0),
        (150.0, 0.0),
        (400.0, 10.0),
        (410.0, 10.0),
        (90.0, 90.0),
    ];
    (points, vec![1, 1, 4, 9, 2, 30, 5])
}

#[test]
fn expected_is_the_mean_over_all_orders() {
    let (points, days) = seven();
    let bands = bands(&[0.0, 1.0, 100.0, 200.0], &[0, 1, 5, 10], true);
    let found = table(&points, &days, &bands.0, &bands.1, Metric::Euclidean).unwrap();
    let all = orders(&days);
    assert_eq!(all.len(), 5040);
    let mut sum = vec![0; found.expected.len()];
    for order in &all {
        for (s, n) in sum
            .iter_mut()
            .zip(brute(&points, order, &bands, Metric::Euclidean))
        {
            *s += n;
        }
    }
    for (cell, (&expected, &sum)) in found.expected.iter().zip(&sum).enumerate() {
        let mean = sum as f64 / all.len() as f64;
        assert!((expected - mean).abs() < 1e-12, "{cell}: {expected} {mean}");
    }
}

#[test]
fn p_is_near_the_share_of_all_orders() {
    let (points, days) = seven();
    let bands = bands(&[0.0, 1.0, 100.0, 200.0], &[0, 1, 5, 10], true);
    let replicates = 20_000;
    let found = simulate(
        &points,
        &days,
        &bands.0,
        &bands.1,
        Metric::Euclidean,
        replicates,
        11,
    )
    .unwrap();
    let all = orders(&days);
    for cell in 0..found.observed.len() {
        let reached = all
            .iter()
            .filter(|o| brute(&points, o, &bands, Metric::Euclidean)[cell] >= found.observed[cell])
            .count();
        let exact = reached as f64 / all.len() as f64;
        let p = found.p(cell).unwrap();
        // Four standard errors of a share of 20,000, and what counting the data itself adds.
        let tolerance = 4.0 * (exact * (1.0 - exact) / f64::from(replicates)).sqrt() + 1e-4;
        assert!(
            (p - exact).abs() <= tolerance,
            "{cell}: {p} against {exact}"
        );
    }
}

/// Events in clumps of place and time, more than a block of them.
fn clumps() -> (Points, Vec<i32>) {
    (0..5_000_i32)
        .map(|i| {
            let (clump, k) = (i / 5, i % 5);
            let x = f64::from(clump.wrapping_mul(7919).rem_euclid(3000)) + f64::from(k) * 20.0;
            let y = f64::from(clump.wrapping_mul(104_729).rem_euclid(3000));
            ((x, y), clump.wrapping_mul(31).rem_euclid(900) + k * k)
        })
        .unzip()
}

#[test]
fn threads_do_not_show() {
    let (points, days) = clumps();
    let bands = bands(&[0.0, 1.0, 50.0, 120.0], &[0, 2, 7, 14, 21, 28], false);
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            simulate(&points, &days, &bands.0, &bands.1, Metric::Euclidean, 99, 3).unwrap()
        })
    };
    let one = with(1);
    assert_eq!(
        one.observed,
        brute(&points, &days, &bands, Metric::Euclidean)
    );
    assert_eq!(one, with(2));
    assert_eq!(one, with(7));
    assert_eq!(one.p(bands.1.count()), Some(0.01));
}

#[test]
fn another_seed_is_another_simulation_and_more_shuffles_go_on() {
    let (points, days) = clumps();
    let bands = bands(&[0.0, 200.0], &[0, 14], false);
    let with = |replicates, seed| {
        let metric = Metric::Manhattan;
        simulate(&points, &days, &bands.0, &bands.1, metric, replicates, seed)
            .unwrap()
            .shuffles
            .unwrap()
    };
    assert_ne!(with(64, 1).sum, with(64, 2).sum);
    // The first shuffles are the same ones.
    assert!(with(33, 1).sum[0] > with(32, 1).sum[0]);
    assert!(with(31, 1).sum[0] < with(32, 1).sum[0]);
}

#[test]
fn many_pairs_at_one_place_do_not_overflow_a_counter() {
    // 500 events at one place on one day, and 500 on another: every shuffle has the same count.
    let points = vec![(5.0, 5.0); 1000];
    let days: Vec<i32> = (0..1000).map(|i| 40 * (i % 2)).collect();
    let bands = bands(&[0.0, 1.0], &[0, 1], true);
    let found = simulate(&points, &days, &bands.0, &bands.1, Metric::Euclidean, 40, 0).unwrap();
    assert_eq!(found.observed, [249_500, 250_000, 0, 0]);
    assert_eq!(found.same_place_same_day, 249_500);
    let shuffles = found.shuffles.as_ref().unwrap();
    assert_eq!(shuffles.sum, [249_500 * 40, 250_000 * 40, 0, 0]);
    assert_eq!((found.p(0), found.ratio(0)), (Some(1.0), Some(1.0)));
    assert_eq!((found.p(2), found.ratio(2)), (None, None));
}

#[test]
fn edges_belong_to_the_band_that_they_begin() {
    let bands = bands(&[0.0, 1.0, 100.0, 200.0], &[0, 3, 6], false);
    let found = table(
        &[(7.0, 7.0), (107.0, 7.0)],
        &[100, 103],
        &bands.0,
        &bands.1,
        Metric::Manhattan,
    )
    .unwrap();
    assert_eq!(found.observed, [0, 0, 0, 0, 0, 1]);
    assert_eq!(
        (bands.0.label(2), bands.1.label(1)),
        ("[100, 200)".into(), "[3, 6)".into())
    );
}

fn degenerate(points: &[(f64, f64)], days: &[i32]) -> Table {
    let bands = bands(&[0.0, 1.0, 100.0], &[0, 7, 14], true);
    simulate(points, days, &bands.0, &bands.1, Metric::Euclidean, 9, 0).unwrap()
}

#[test]
fn no_event_one_event_two_events() {
    for n in [0, 1] {
        let found = degenerate(&vec![(1.0, 1.0); n], &vec![5; n]);
        assert_eq!((found.events, found.pairs), (n, 0));
        assert_eq!(found.observed, [0; 9]);
        assert_eq!(found.expected, [0.0; 9]);
        assert!((0..9).all(|c| found.p(c).is_none() && found.ratio(c).is_none()));
    }
    let two = degenerate(&[(1.0, 1.0), (51.0, 1.0)], &[5, 12]);
    assert_eq!(two.observed, [0, 0, 0, 0, 1, 0, 0, 0, 0]);
    assert_eq!(
        (two.expected[4], two.ratio(4), two.p(4)),
        (1.0, Some(1.0), Some(1.0))
    );
    assert_eq!(two.p(0), None);
}

#[test]
fn all_on_one_day_or_at_one_place() {
    let line: Points = (0..20).map(|i| (f64::from(i) * 30.0, 0.0)).collect();
    let one_day = degenerate(&line, &[3; 20]);
    assert_eq!(one_day.observed[3], 19 + 18 + 17);
    assert_eq!((one_day.ratio(3), one_day.p(3)), (Some(1.0), Some(1.0)));
    let days: Vec<i32> = (0..20).collect();
    let one_place = degenerate(&[(3.0, 4.0); 20], &days);
    assert_eq!(one_place.observed[0], (14..20).sum::<u64>());
    assert_eq!((one_place.ratio(0), one_place.p(0)), (Some(1.0), Some(1.0)));
}

#[test]
fn days_far_apart_fit() {
    let days = [-700_000, -699_999, 0, 1, 700_000];
    let points = [(0.0, 0.0); 5];
    let bands = bands(&[0.0, 1.0], &[0, 7], false);
    let run = |days: &[i32]| simulate(&points, days, &bands.0, &bands.1, Metric::Euclidean, 9, 0);
    assert_eq!(run(&days).unwrap().observed, [2]);
    let bands = HalfOpen::new("days", &[0_u32, 40_000], false).unwrap();
    let distance = HalfOpen::new("m", &[0.0, 1.0], false).unwrap();
    let metric = Metric::Euclidean;
    assert_eq!(
        table(&points, &days, &distance, &bands, metric)
            .unwrap()
            .observed,
        [2]
    );
    assert_eq!(
        simulate(&points, &days, &distance, &bands, metric, 9, 0),
        Err(Error::TooLong)
    );
}

#[test]
fn what_cannot_be_counted_is_refused() {
    let bands = bands(&[0.0, 1.0], &[0, 7], false);
    let run = |points: &[(f64, f64)], days: &[i32]| {
        table(points, days, &bands.0, &bands.1, Metric::Euclidean).unwrap_err()
    };
    assert_eq!(
        run(&[(0.0, 0.0)], &[]),
        Error::Lengths { points: 1, days: 0 }
    );
    assert_eq!(run(&[(0.0, f64::NAN)], &[1]), Error::NotFinite);
    assert_eq!(run(&[(f64::INFINITY, 0.0)], &[1]), Error::NotFinite);
}

/// A world of burglaries: metres, day, basis.
fn burglaries(events: &[(f64, f64, i32, LocationBasis)]) -> Snapshot {
    let mut builder = IncidentSetBuilder::default();
    for &(x, y, day, basis) in events {
        builder.push(&IncidentRow {
            location: Some(location(x, y)),
            span: day_span((19_000 + day) * MINUTES_PER_DAY),
            kind: support::BURGLARY,
            basis,
            place: NO_PLACE,
        });
    }
    with_sets(builder, Vec::new())
}

fn request(method: &str) -> Request {
    Request::from_json(&format!(r#"{{"method": {{"name": "knox"{method}}}}}"#)).unwrap()
}

fn code(snapshot: &Snapshot, method: &str) -> &'static str {
    run(snapshot, &request(method)).unwrap_err().code()
}

#[test]
fn a_run_of_a_request() {
    let address = LocationBasis::Address;
    // 100 m exactly, at coordinates whose difference is no whole number of metres in binary.
    let snapshot = burglaries(&[
        (530_000.123, 180_000.456, 0, address),
        (530_100.123, 180_000.456, 3, address),
        (530_100.123, 180_000.456, 5, address),
        (530_100.123, 180_000.456, 5, address),
        (539_000.0, 180_000.0, 5, address),
    ]);
    let request = request(
        r#", "distance_bands_m": [0, 1, 100, 200], "time_bands_days": [0, 3, 6], "near_within_m": 100.001, "within_days": 4"#,
    );
    let outcome = run(&snapshot, &request).unwrap();
    let Findings::Knox(found) = outcome.findings else {
        panic!("another method")
    };
    assert_eq!(found.table.observed, [3, 0, 0, 0, 0, 3]);
    assert_eq!(found.table.same_place_same_day, 1);
    assert_eq!(found.table.shuffles.as_ref().unwrap().replicates, 999);
    assert_eq!(found.alone, 1);
    let roles: Vec<(&str, Role, Option<u32>)> = found
        .events
        .iter()
        .map(|e| (e.id.as_str(), e.role, e.neighbours.days_since))
        .collect();
    assert_eq!(
        roles,
        [
            ("e530000123n180000456d2022-01-08", Role::Originator, None),
            ("e530100123n180000456d2022-01-11", Role::NearRepeat, Some(3)),
            ("e530100123n180000456d2022-01-13", Role::Repeat, Some(2)),
            ("e530100123n180000456d2022-01-13-2", Role::Repeat, Some(2)),
        ]
    );
}

#[test]
fn map_points_are_refused_unless_allowed_by_name() {
    let snap = LocationBasis::SnapPoint;
    let snapshot = burglaries(&[
        (530_000.0, 180_000.0, 0, snap),
        (530_100.0, 180_000.0, 3, snap),
    ]);
    assert_eq!(code(&snapshot, ""), "snap_points");
    let allowed = run(&snapshot, &request(r#", "allow": ["snap_points"]"#)).unwrap();
    let Findings::Knox(found) = allowed.findings else {
        panic!("another method")
    };
    assert_eq!(found.snap_points, 2);
}

#[test]
fn months_are_always_refused() {
    let event = support::Event {
        x: 530_000.0,
        y: 180_000.0,
        month: 1,
        kind: support::BURGLARY,
    };
    let snapshot = support::world(&[event], Vec::new());
    assert_eq!(
        code(&snapshot, r#", "allow": ["snap_points"]"#),
        "finer_than_data"
    );
}

#[test]
fn parameters_out_of_range_are_refused_with_the_field() {
    let snapshot = burglaries(&[]);
    for (method, word) in [
        (r#", "distance_bands_m": [0]"#, "distance_bands_m"),
        (r#", "distance_bands_m": [0, 100, 50]"#, "distance_bands_m"),
        (r#", "distance_bands_m": [0, 0.0001]"#, "distance_bands_m"),
        (r#", "distance_bands_m": [0, 60000]"#, "distance_bands_m"),
        (r#", "time_bands_days": [0, 0]"#, "time_bands_days"),
        (r#", "replicates": 100000"#, "replicates"),
        (r#", "repeat_within_m": 0"#, "repeat_within_m"),
        (
            r#", "repeat_within_m": 50, "near_within_m": 20"#,
            "near_within_m",
        ),
        (r#", "within_days": 0"#, "within_days"),
    ] {
        let error = run(&snapshot, &request(method)).unwrap_err();
        assert_eq!(error.code(), "invalid_knox", "{method}");
        assert!(error.to_string().contains(word), "{method}: {error}");
    }
    assert!(Request::from_json(r#"{"method": {"name": "knox", "bands": [1]}}"#).is_err());
    assert!(Request::from_json(r#"{"method": {"name": "knox", "allow": ["months"]}}"#).is_err());
}

#[test]
fn no_incidents_make_an_empty_layer_and_a_table_of_zeros() {
    let outcome = run(&burglaries(&[]), &request("")).unwrap();
    let Findings::Knox(found) = outcome.findings else {
        panic!("another method")
    };
    assert!(found.events.is_empty());
    assert_eq!(found.table.observed, [0; 20]);
}
