//! Clusters in space and time: all pairs compared, published weaknesses of others, orders, weights,
//! threads, degenerate sets, and what the outcome says.

use crate::support::{BURGLARY, DRUGS, day_span, location, rectangle, span, with_sets};
use isopleth_core::domain::{
    IncidentRow, IncidentSetBuilder, LocationBasis, NO_PLACE, Span, TimePrecision,
};
use isopleth_core::methods::dbscan::{ClusterError, Labels, NOISE, cluster, cluster_with_days};
use isopleth_core::methods::st_dbscan;
use isopleth_core::{Findings, Request, RunError, Snapshot, run};
use proptest::prelude::*;

type Case = (Vec<[f64; 2]>, Vec<i32>, Vec<u32>);

/// ST-DBSCAN by comparing all pairs.
fn all_pairs((points, days, weights): &Case, radius: f64, within: u32, min: u32) -> Labels {
    let n = points.len();
    let metres_2 = |i: usize, j: usize| {
        (points[i][0] - points[j][0]).powi(2) + (points[i][1] - points[j][1]).powi(2)
    };
    let apart = |i: usize, j: usize| days[i].abs_diff(days[j]);
    let near = |i: usize, j: usize| metres_2(i, j) <= radius * radius && apart(i, j) <= within;
    let core: Vec<bool> = (0..n)
        .map(|i| {
            let mass = (0..n).filter(|&j| near(i, j)).map(|j| weights[j]);
            mass.sum::<u32>() >= min
        })
        .collect();
    let key = |i: usize| (points[i], days[i]);
    let mut order: Vec<usize> = (0..n).filter(|&i| core[i]).collect();
    order.sort_by(|&a, &b| key(a).partial_cmp(&key(b)).unwrap());
    let mut label = vec![NOISE; n];
    let mut clusters = 0;
    for &first in &order {
        if label[first] != NOISE {
            continue;
        }
        let mut todo = vec![first];
        label[first] = clusters;
        while let Some(i) = todo.pop() {
            for &j in &order {
                if label[j] == NOISE && near(i, j) {
                    label[j] = clusters;
                    todo.push(j);
                }
            }
        }
        clusters += 1;
    }
    for i in (0..n).filter(|&i| !core[i]) {
        let nearest = order
            .iter()
            .copied()
            .filter(|&j| near(i, j))
            .min_by(|&a, &b| {
                let rank = |j: usize| (metres_2(i, j), apart(i, j), key(j));
                rank(a).partial_cmp(&rank(b)).unwrap()
            });
        if let Some(j) = nearest {
            label[i] = label[j];
        }
    }
    Labels {
        label,
        core,
        clusters,
    }
}

fn found((points, days, weights): &Case, radius: f64, within: u32, min: u32) -> Labels {
    cluster_with_days(points, days, weights, radius, within, min).unwrap()
}

/// Events on a small grid of places and days, so that many lie exactly at the limits.
fn events() -> impl Strategy<Value = Case> {
    let event = (-20_i32..20, -12_i32..12, -15_i32..25, 0_u32..4);
    prop::collection::vec(event, 0..180).prop_map(|all| {
        (
            all.iter()
                .map(|e| [f64::from(e.0), f64::from(e.1)])
                .collect(),
            all.iter().map(|e| e.2).collect(),
            all.iter().map(|e| e.3).collect(),
        )
    })
}

fn pick(case: &Case, order: &[usize]) -> Case {
    (
        order.iter().map(|&i| case.0[i]).collect(),
        order.iter().map(|&i| case.1[i]).collect(),
        order.iter().map(|&i| case.2[i]).collect(),
    )
}

/// Whether two labellings group the cores alike and agree on cores and noise.
fn same_groups(a: &Labels, b: &Labels) -> bool {
    let noise = |l: &Labels| l.label.iter().map(|&l| l == NOISE).collect::<Vec<_>>();
    let cores: Vec<usize> = (0..a.core.len()).filter(|&i| a.core[i]).collect();
    a.core == b.core
        && a.clusters == b.clusters
        && noise(a) == noise(b)
        && cores.iter().all(|&i| {
            cores
                .iter()
                .all(|&j| (a.label[i] == a.label[j]) == (b.label[i] == b.label[j]))
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn as_all_pairs_have_it(case in events(), radius in 1_u32..9, within in 0_u32..9, min in 1_u32..9) {
        let radius = f64::from(radius);
        prop_assert_eq!(found(&case, radius, within, min), all_pairs(&case, radius, within, min));
    }

    #[test]
    fn as_all_pairs_have_it_between_the_grid_s_lines(
        all in prop::collection::vec((0.0_f64..40.0, 0.0_f64..30.0, -1000_i32..1000), 0..150),
        radius in 0.5_f64..30.0, within in 0_u32..400, min in 1_u32..6,
    ) {
        let case = (
            all.iter().map(|e| [e.0, e.1]).collect(),
            all.iter().map(|e| e.2).collect(),
            vec![1; all.len()],
        );
        prop_assert_eq!(found(&case, radius, within, min), all_pairs(&case, radius, within, min));
    }

    #[test]
    fn copies_are_a_weight(case in events(), radius in 1_u32..9, within in 0_u32..9, min in 1_u32..9) {
        let radius = f64::from(radius);
        let case = (case.0, case.1, case.2.iter().map(|w| w + 1).collect::<Vec<u32>>());
        let weighted = found(&case, radius, within, min);
        let order: Vec<usize> = (0..case.0.len()).flat_map(|i| vec![i; case.2[i] as usize]).collect();
        let mut copies = pick(&case, &order);
        copies.2 = vec![1; order.len()];
        let again = found(&copies, radius, within, min);
        for (at, &i) in order.iter().enumerate() {
            prop_assert_eq!((again.core[at], again.label[at]), (weighted.core[i], weighted.label[i]));
        }
    }

    #[test]
    fn order_does_not_matter(
        (case, order) in events().prop_flat_map(|c| {
            let order: Vec<usize> = (0..c.0.len()).collect();
            (Just(c), Just(order).prop_shuffle())
        }),
        radius in 1_u32..9, within in 0_u32..9, min in 1_u32..9,
    ) {
        let radius = f64::from(radius);
        let one = found(&case, radius, within, min);
        let again = found(&pick(&case, &order), radius, within, min);
        for (at, &i) in order.iter().enumerate() {
            prop_assert_eq!((again.label[at], again.core[at]), (one.label[i], one.core[i]));
        }
    }

    #[test]
    fn moving_and_turning_change_nothing(
        case in events(), radius in 1_u32..9, within in 0_u32..9, min in 1_u32..9, later in -20_000_i32..20_000,
    ) {
        let radius = f64::from(radius);
        let one = found(&case, radius, within, min);
        let mut moved = case.clone();
        moved.0.iter_mut().for_each(|p| *p = [p[0] + 530_000.0, p[1] + 180_000.0]);
        moved.1.iter_mut().for_each(|d| *d += later);
        prop_assert_eq!(&found(&moved, radius, within, min), &one);
        let mut in_millimetres = case.clone();
        in_millimetres.0.iter_mut().for_each(|p| *p = p.map(|v| v * 1000.0));
        prop_assert_eq!(&found(&in_millimetres, radius * 1000.0, within, min), &one);
        let mut turned = case.clone();
        turned.0.iter_mut().for_each(|p| *p = [-p[1], p[0]]);
        prop_assert!(same_groups(&found(&turned, radius, within, min), &one));
        let mut backwards = case.clone();
        backwards.1.iter_mut().for_each(|d| *d = -*d);
        prop_assert!(same_groups(&found(&backwards, radius, within, min), &one));
    }

    #[test]
    fn days_enough_for_all_are_clusters_of_places(case in events(), radius in 1_u32..9, min in 1_u32..9) {
        let radius = f64::from(radius);
        let places = cluster(&case.0, &case.2, radius, min).unwrap();
        let with_days = found(&case, radius, 40, min);
        prop_assert!(same_groups(&with_days, &places));
        prop_assert_eq!(with_days, found(&case, radius, u32::MAX, min));
    }
}

/// Events of a generator of our own: towns of different sizes, spates, and scatter.
fn towns(n: u64) -> Case {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) as f64 / (1_u64 << 31) as f64
    };
    let (mut points, mut days) = (Vec::new(), Vec::new());
    for i in 0..n {
        let town = (i % 29) as f64;
        let spread = if i % 3 == 0 {
            20_000.0
        } else {
            300.0 + 60.0 * town
        };
        let (x, y) = (town * 731.0 % 9000.0, town * 1213.0 % 7000.0);
        let (east, north) = (next(), next());
        points.push([(x + spread * east).round(), (y + spread * north).round()]);
        days.push((365.0 * next()) as i32);
    }
    (points, days, vec![1; n as usize])
}

#[test]
fn any_number_of_threads_gives_the_same() {
    let case = towns(150_000);
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| found(&case, 60.0, 7, 5))
    };
    let one = on(1);
    assert!(one.clusters > 50, "{}", one.clusters);
    assert_eq!(one, on(2));
    assert_eq!(one, on(7));
}

#[test]
fn coincident_and_same_day_events_are_found_at_any_size() {
    // 50 at one place and 50 of one day, among a background that is spread out; the second size is
    // where the published package calls all of them noise.
    for background in [1_050_u32, 20_050] {
        let mut case: Case = (Vec::new(), Vec::new(), Vec::new());
        for i in 0..background {
            let (column, row) = (f64::from(i % 150), f64::from(i / 150));
            case.0.push([column * 400.0, row * 400.0]);
            case.1.push((i * 37 % 730) as i32);
        }
        for i in 0..50_i32 {
            case.0.push([-5000.0, -5000.0]);
            case.1.push(100 + i / 4);
        }
        for i in 0..50 {
            case.0.push([
                -9000.0 + f64::from(i % 10) * 9.0,
                -5000.0 + f64::from(i / 10) * 9.0,
            ]);
            case.1.push(300);
        }
        case.2 = vec![1; case.0.len()];
        let labels = found(&case, 100.0, 7, 10);
        let n = background as usize;
        assert_eq!(labels.clusters, 2);
        assert!(labels.label[..n].iter().all(|&l| l == NOISE));
        assert_eq!(labels.label[n..n + 50], [1; 50]);
        assert_eq!(labels.label[n + 50..], [0; 50]);
    }
}

#[test]
fn small_sets() {
    let none: Case = (vec![], vec![], vec![]);
    assert_eq!(found(&none, 1.0, 1, 1), Labels::default());
    let one = |weight| (vec![[3.0, 4.0]], vec![5], vec![weight]);
    assert_eq!(found(&one(1), 1.0, 0, 2).label, [NOISE]);
    assert_eq!(found(&one(1), 1.0, 0, 1).label, [0]);
    assert_eq!(found(&one(0), 1.0, 0, 1).label, [NOISE]);
    let all_equal: Case = (vec![[3.0, 4.0]; 50], vec![5; 50], vec![1; 50]);
    assert_eq!(found(&all_equal, 1.0, 0, 50).label, [0; 50]);
    assert_eq!(found(&all_equal, 1.0, 0, 51).label, [NOISE; 50]);
    // All weights 0; all but one at one place and day.
    let weightless: Case = (vec![[3.0, 4.0]; 5], vec![5; 5], vec![0; 5]);
    assert_eq!(found(&weightless, 1.0, 9, 1).label, [NOISE; 5]);
    let mut but_one = all_equal.clone();
    but_one.1[7] = 9;
    let labels = found(&but_one, 1.0, 3, 2);
    assert_eq!((labels.label[7], labels.clusters), (NOISE, 1));
    // Both limits are closed, and both must hold.
    let two = |x: f64, day: i32| (vec![[0.0, 0.0], [x, 40.0]], vec![10, day], vec![1, 1]);
    assert_eq!(found(&two(30.0, 17), 50.0, 7, 2).label, [0, 0]);
    assert_eq!(found(&two(30.0, 3), 50.0, 7, 2).label, [0, 0]);
    assert_eq!(found(&two(30.0, 18), 50.0, 7, 2).label, [NOISE; 2]);
    assert_eq!(found(&two(30.001, 17), 50.0, 7, 2).label, [NOISE; 2]);
    // A border event between two clusters of one place goes to the one with fewer days between.
    let case = (
        vec![[0.0, 0.0]; 5],
        vec![0, 5, 9, -3, 12],
        vec![4, 1, 4, 6, 6],
    );
    let labels = found(&case, 1.0, 5, 10);
    assert_eq!(labels.core, [true, false, true, true, true]);
    assert_eq!(labels.label, [0, 1, 1, 0, 1]);
    // The ends of time.
    let far = (
        vec![[0.0, 0.0]; 3],
        vec![i32::MIN, i32::MAX, i32::MAX - 1],
        vec![1; 3],
    );
    assert_eq!(found(&far, 1.0, 1, 2).label, [NOISE, 0, 0]);
    assert_eq!(found(&far, 1.0, u32::MAX, 3).label, [0, 0, 0]);
}

#[test]
fn what_cannot_be_clustered_is_refused() {
    let at = |x: f64| cluster_with_days(&[[0.0, 0.0], [x, 1.0]], &[1, 2], &[1; 2], 1.0, 1, 1);
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert!(matches!(
            at(bad),
            Err(ClusterError::NotFinite { index: 1, .. })
        ));
        let radius = cluster_with_days(&[[0.0, 0.0]], &[1], &[1], bad, 1, 1);
        assert!(matches!(radius, Err(ClusterError::Radius(_))));
    }
    let days = cluster_with_days(&[[0.0, 0.0]], &[], &[1], 1.0, 1, 1);
    assert!(matches!(
        days,
        Err(ClusterError::Days { points: 1, days: 0 })
    ));
    let weights = cluster_with_days(&[[0.0, 0.0]], &[1], &[], 1.0, 1, 1);
    assert!(matches!(weights, Err(ClusterError::Weights { .. })));
    // More cells of ground and days than can be numbered.
    let far = [[0.0, 0.0], [1e9, 1e9]];
    let fine = cluster_with_days(&far, &[0, i32::MAX], &[1; 2], 1.0, 0, 1);
    assert!(matches!(fine, Err(ClusterError::TooFine { .. })));
}

/// Metres from a corner, span, kind and basis.
type Record = (f64, f64, Span, u16, LocationBasis);

fn day(d: i32) -> Span {
    // From 1 January 2022.
    day_span(span(1).from + d * 1440)
}

fn world(records: &[Record]) -> Snapshot {
    world_in(records, vec![])
}

fn world_in(records: &[Record], areas: Vec<isopleth_core::domain::Area>) -> Snapshot {
    let mut builder = IncidentSetBuilder::default();
    for &(x, y, span, kind, basis) in records {
        builder.push(&IncidentRow {
            location: Some(location(550_000.0 + x, 188_000.0 + y)),
            span,
            kind,
            basis,
            place: NO_PLACE,
        });
    }
    with_sets(builder, areas)
}

fn clusters(snapshot: &Snapshot, params: &str) -> st_dbscan::Outcome {
    match attempt(snapshot, params).unwrap() {
        Findings::StClusters(found) => found,
        other => panic!("{other:?}"),
    }
}

fn attempt(snapshot: &Snapshot, params: &str) -> Result<Findings, RunError> {
    let text = format!(
        r#"{{"select": {{"groups": ["burglary", "drugs"]}}, "method": {{"name": "st_dbscan", {params}}} }}"#
    );
    run(snapshot, &Request::from_json(&text).unwrap()).map(|o| o.findings)
}

/// A street that has a spate in January, one in June, and one elsewhere in June.
fn spates() -> Vec<Record> {
    let address = LocationBasis::Address;
    let mut all: Vec<Record> = (0..6)
        .map(|i| {
            (
                f64::from(i % 3) * 30.0,
                f64::from(i % 2) * 20.0,
                day(i),
                BURGLARY,
                address,
            )
        })
        .collect();
    all.extend((0..5).map(|i| {
        (
            f64::from(i % 3) * 30.0,
            0.0,
            day(150 + i),
            BURGLARY,
            address,
        )
    }));
    all.extend((0..4).map(|i| {
        (
            2000.0 + f64::from(i) * 30.0,
            0.0,
            day(152),
            BURGLARY,
            address,
        )
    }));
    // Alone; police work within the first spate and after it; one that may be of any of three days.
    all.push((0.0, 0.0, day(80), BURGLARY, address));
    all.push((0.0, 0.0, day(3), DRUGS, address));
    all.push((0.0, 0.0, day(60), DRUGS, address));
    let mut several = day(5);
    several.to += 2 * 1440;
    all.push((60.0, 20.0, several, BURGLARY, LocationBasis::Station));
    all
}

#[test]
fn clusters_say_when_they_were() {
    let found = clusters(
        &world(&spates()),
        r#""radius_m": 50, "within_days": 7, "min_count": 3"#,
    );
    let said: Vec<(u32, Option<u32>, Option<u32>, u32)> = found
        .clusters
        .iter()
        .map(|c| {
            (
                c.facts.count,
                c.duration_days,
                c.facts.distinct_days,
                c.facts.count_police_generated,
            )
        })
        .collect();
    assert_eq!(
        said,
        [
            (7, Some(6), Some(6), 1),
            (5, Some(5), Some(5), 0),
            (4, Some(1), Some(1), 0)
        ]
    );
    assert_eq!((found.incidents, found.noise_incidents), (16, 1));
    assert_eq!(
        (found.several_days, found.misplaced, found.snap_points),
        (1, 1, 0)
    );
    let first = &found.clusters[0];
    assert_eq!(first.facts.first, day(0).from);
    assert_eq!(first.facts.last, day(7).to, "the last possible day");
    // Two at (60, 20) on day 5: one at the station, the other of the street.
    assert_eq!(first.id, "e550060000n188020000d2022-01-06");
    assert_eq!(
        first.count_inside_outline, 7,
        "the other spate has other days"
    );
    assert_eq!(first.facts.previous_count, None);
    // Without days the street is one cluster.
    let all = clusters(
        &world(&spates()),
        r#""radius_m": 50, "within_days": 365, "min_count": 3"#,
    );
    let counts: Vec<u32> = all.clusters.iter().map(|c| c.facts.count).collect();
    assert_eq!(counts, [13, 4]);
}

#[test]
fn outlines_and_rankings_are_those_of_clusters_of_places() {
    for outline in ["convex_hull", "concave_hull", "buffer", "h3_cells"] {
        let params = format!(
            r#""radius_m": 50, "within_days": 7, "min_count": 3, "outline": "{outline}", "rank_by": "density", "max": 2"#
        );
        let found = clusters(&world(&spates()), &params);
        assert_eq!((found.clusters.len(), found.beyond_max), (2, 1));
        assert_eq!((found.clusters[0].rank, found.clusters[1].rank), (1, 2));
        assert!(found.clusters[0].density_per_km2() >= found.clusters[1].density_per_km2());
        for c in &found.clusters {
            assert!(c.count_inside_outline >= c.facts.count, "{outline}");
        }
    }
}

#[test]
fn a_cluster_at_the_boundary_says_so() {
    let snapshot = world_in(
        &spates(),
        vec![rectangle("A", 549_990.0, 187_000.0, 553_000.0, 190_000.0)],
    );
    let text = r#"{"select": {"area": "A", "groups": ["burglary"]},
        "method": {"name": "st_dbscan", "radius_m": 50, "within_days": 7, "min_count": 3} }"#;
    let Findings::StClusters(found) = run(&snapshot, &Request::from_json(text).unwrap())
        .unwrap()
        .findings
    else {
        panic!("clusters");
    };
    let edges: Vec<bool> = found.clusters.iter().map(|c| c.edge_effect).collect();
    assert_eq!(edges, [true, true, false]);
}

#[test]
fn rows_in_any_order_and_any_threads_give_the_same() {
    let mut records = spates();
    let params = r#""radius_m": 50, "within_days": 7, "min_count": 3, "ensemble": {"replicates": 20, "keep_share": 0.7, "seed": 4}"#;
    let one = clusters(&world(&records), params);
    records.reverse();
    for threads in [1, 2, 7] {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        assert_eq!(pool.install(|| clusters(&world(&records), params)), one);
    }
    let share = one.clusters[0].agreement.and_then(|a| a.share).unwrap();
    assert!(share > 0.5 && share <= 1.0, "{share}");
}

#[test]
fn months_are_refused_and_so_are_parameters_out_of_range() {
    let mut records = spates();
    records.push((0.0, 0.0, span(1), BURGLARY, LocationBasis::SnapPoint));
    let params = r#""radius_m": 50, "within_days": 7, "min_count": 3"#;
    let error = attempt(&world(&records), params).unwrap_err();
    assert_eq!(error.code(), "finer_than_data");
    assert!(error.to_string().contains('1'), "{error}");
    assert_eq!(span(1).precision, TimePrecision::Month);
    for params in [
        r#""radius_m": 0.5, "within_days": 7, "min_count": 3"#,
        r#""radius_m": 50, "within_days": 3661, "min_count": 3"#,
        r#""radius_m": 50, "within_days": 7, "min_count": 0"#,
        r#""radius_m": 50, "within_days": 7, "min_count": 3, "h3_resolution": 10"#,
        r#""radius_m": 50, "within_days": 7, "min_count": 3, "ensemble": {"replicates": 0}"#,
    ] {
        let error = attempt(&world(&spates()), params).unwrap_err();
        assert!(matches!(error, RunError::StDbscan(_)), "{params}");
        assert_eq!(error.code(), "invalid_st_dbscan", "{error}");
    }
    for params in [
        r#""radius_m": 50, "min_count": 3"#,
        r#""radius_m": 50, "within_days": -1, "min_count": 3"#,
        r#""radius_m": 50, "within_days": 1.5, "min_count": 3"#,
        r#""radius_m": 50, "within_days": 7, "min_count": 3, "metric": "planar"#,
    ] {
        let text = format!(r#"{{"method": {{"name": "st_dbscan", {params}}} }}"#);
        assert!(Request::from_json(&text).is_err(), "{params}");
    }
}

#[test]
fn empty_selections_have_no_clusters() {
    let text = r#"{"select": {"period": "2023", "groups": ["burglary"]},
        "method": {"name": "st_dbscan", "radius_m": 50, "within_days": 7, "min_count": 3, "ensemble": {}} }"#;
    let Findings::StClusters(found) = run(&world(&spates()), &Request::from_json(text).unwrap())
        .unwrap()
        .findings
    else {
        panic!("clusters");
    };
    assert!(found.clusters.is_empty());
    assert_eq!((found.incidents, found.noise_incidents), (0, 0));
}
