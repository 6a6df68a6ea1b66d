//! Clusters: a published example, all pairs compared, orders, weights, threads, degenerate sets.

use crate::support::{BURGLARY, DRUGS, Event, location, rectangle, world};
use geo::{Intersects, Point, Validation};
use isopleth_core::domain::LonLat;
use isopleth_core::methods::dbscan::{
    self, ClusterError, EARTH_RADIUS_M, Labels, NOISE, cluster, cluster_great_circle,
};
use isopleth_core::plane::{Planar, project, unproject};
use isopleth_core::{Findings, Request, RunError, Snapshot, run};
use proptest::prelude::*;

/// DBSCAN by comparing all pairs, on points that may occur several times.
fn all_pairs(
    points: &[[f64; 2]],
    weights: &[u32],
    min: u32,
    distance: impl Fn(usize, usize) -> f64,
    radius: f64,
) -> Labels {
    let n = points.len();
    let near = |i: usize, j: usize| distance(i, j) <= radius;
    let core: Vec<bool> = (0..n)
        .map(|i| {
            (0..n)
                .filter(|&j| near(i, j))
                .map(|j| weights[j])
                .sum::<u32>()
                >= min
        })
        .collect();
    let mut order: Vec<usize> = (0..n).filter(|&i| core[i]).collect();
    order.sort_by(|&a, &b| points[a].partial_cmp(&points[b]).unwrap());
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
                distance(i, a)
                    .total_cmp(&distance(i, b))
                    .then(points[a].partial_cmp(&points[b]).unwrap())
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

fn euclid(points: &[[f64; 2]]) -> impl Fn(usize, usize) -> f64 + '_ {
    |i, j| {
        let (a, b) = (points[i], points[j]);
        (a[0] - b[0]) * (a[0] - b[0]) + (a[1] - b[1]) * (a[1] - b[1])
    }
}

/// Points on a small grid, so that many distances are equal to the radius and to each other.
fn points() -> impl Strategy<Value = (Vec<[f64; 2]>, Vec<u32>)> {
    prop::collection::vec((-30_i32..30, -20_i32..20, 0_u32..4), 0..160).prop_map(|all| {
        let points = all
            .iter()
            .map(|p| [f64::from(p.0), f64::from(p.1)])
            .collect();
        (points, all.iter().map(|p| p.2).collect())
    })
}

#[test]
fn scikit_learn_s_example() {
    let points = [
        [1.0, 2.0],
        [2.0, 2.0],
        [2.0, 3.0],
        [8.0, 7.0],
        [8.0, 8.0],
        [25.0, 80.0],
    ];
    let found = cluster(&points, &[1; 6], 3.0, 2).unwrap();
    assert_eq!(found.label, [0, 0, 0, 1, 1, NOISE]);
    assert_eq!(found.core, [true, true, true, true, true, false]);
    assert_eq!(found.clusters, 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn as_all_pairs_have_it((points, weights) in points(), radius in 1_u32..9, min in 1_u32..9) {
        let radius = f64::from(radius);
        let expected = all_pairs(&points, &weights, min, euclid(&points), radius * radius);
        prop_assert_eq!(cluster(&points, &weights, radius, min).unwrap(), expected);
    }

    #[test]
    fn as_all_pairs_have_it_between_the_grid_s_lines(
        all in prop::collection::vec((0.0_f64..60.0, 0.0_f64..40.0), 0..150), radius in 0.5_f64..12.0, min in 1_u32..7,
    ) {
        let points: Vec<[f64; 2]> = all.iter().map(|p| [p.0, p.1]).collect();
        let weights = vec![1; points.len()];
        let expected = all_pairs(&points, &weights, min, euclid(&points), radius * radius);
        prop_assert_eq!(cluster(&points, &weights, radius, min).unwrap(), expected);
    }

    #[test]
    fn copies_are_a_weight((points, weights) in points(), radius in 1_u32..9, min in 1_u32..9) {
        let radius = f64::from(radius);
        let weights: Vec<u32> = weights.iter().map(|w| w + 1).collect();
        let weighted = cluster(&points, &weights, radius, min).unwrap();
        let copied: Vec<usize> = (0..points.len()).flat_map(|i| vec![i; weights[i] as usize]).collect();
        let all: Vec<[f64; 2]> = copied.iter().map(|&i| points[i]).collect();
        let found = cluster(&all, &vec![1; all.len()], radius, min).unwrap();
        for (at, &i) in copied.iter().enumerate() {
            prop_assert_eq!(found.core[at], weighted.core[i]);
            prop_assert_eq!(found.label[at], weighted.label[i]);
        }
    }

    #[test]
    fn order_does_not_matter(
        ((points, weights), order) in points().prop_flat_map(|p| {
            let order: Vec<usize> = (0..p.0.len()).collect();
            (Just(p), Just(order).prop_shuffle())
        }),
        radius in 1_u32..9, min in 1_u32..9,
    ) {
        let radius = f64::from(radius);
        let found = cluster(&points, &weights, radius, min).unwrap();
        let moved: Vec<[f64; 2]> = order.iter().map(|&i| points[i]).collect();
        let weights: Vec<u32> = order.iter().map(|&i| weights[i]).collect();
        let again = cluster(&moved, &weights, radius, min).unwrap();
        for (at, &i) in order.iter().enumerate() {
            prop_assert_eq!((again.label[at], again.core[at]), (found.label[i], found.core[i]));
        }
    }

    #[test]
    fn moving_and_scaling_change_nothing((points, weights) in points(), radius in 1_u32..9, min in 1_u32..9) {
        let radius = f64::from(radius);
        let found = cluster(&points, &weights, radius, min).unwrap();
        let moved: Vec<[f64; 2]> = points.iter().map(|p| [p[0] + 530_000.0, p[1] + 180_000.0]).collect();
        prop_assert_eq!(&cluster(&moved, &weights, radius, min).unwrap(), &found);
        let scaled: Vec<[f64; 2]> = points.iter().map(|p| [p[0] * 1000.0, p[1] * 1000.0]).collect();
        prop_assert_eq!(&cluster(&scaled, &weights, radius * 1000.0, min).unwrap(), &found);
        // A quarter turn changes the numbers of clusters, which go by x, but not what belongs together.
        let turned: Vec<[f64; 2]> = points.iter().map(|p| [-p[1], p[0]]).collect();
        let again = cluster(&turned, &weights, radius, min).unwrap();
        prop_assert_eq!(&again.core, &found.core);
        let cores: Vec<usize> = (0..points.len()).filter(|&i| found.core[i]).collect();
        for &i in &cores {
            for &j in &cores {
                prop_assert_eq!(found.label[i] == found.label[j], again.label[i] == again.label[j]);
            }
        }
        for i in 0..points.len() {
            prop_assert_eq!(found.label[i] == NOISE, again.label[i] == NOISE);
        }
    }

    #[test]
    fn great_circles_as_all_pairs_have_them(
        all in prop::collection::vec((0.0_f64..1.0, 0.0_f64..1.0), 0..120),
        west in -170.0_f64..160.0, south in -89.0_f64..88.0, width in 0.001_f64..9.0,
        share in 0.02_f64..0.4, min in 1_u32..6,
    ) {
        let points: Vec<[f64; 2]> = all.iter().map(|p| [west + p.0 * width, south + p.1]).collect();
        let at: Vec<LonLat> = points.iter().map(|p| LonLat::new(p[0], p[1]).unwrap()).collect();
        let radius = share * 111_000.0;
        let unit = |i: usize| {
            let (lon, lat) = (points[i][0].to_radians(), points[i][1].to_radians());
            [lat.cos() * lon.cos(), lat.cos() * lon.sin(), lat.sin()]
        };
        let chord = |i: usize, j: usize| {
            let (a, b) = (unit(i), unit(j));
            (0..3).map(|d| (a[d] - b[d]).powi(2)).sum::<f64>()
        };
        let limit = (2.0 * (radius / EARTH_RADIUS_M / 2.0).sin()).powi(2);
        let weights = vec![1; points.len()];
        let found = cluster_great_circle(&at, &weights, radius, min).unwrap();
        prop_assert_eq!(found, all_pairs(&points, &weights, min, chord, limit));
    }
}

/// Points of a generator of our own: towns of different sizes, and scatter.
fn towns(n: u64) -> Vec<[f64; 2]> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) as f64 / (1_u64 << 31) as f64
    };
    (0..n)
        .map(|i| {
            let town = (i % 23) as f64;
            let spread = if i % 4 == 0 {
                20_000.0
            } else {
                40.0 + 60.0 * town
            };
            let (x, y) = (town * 731.0 % 9000.0, town * 1213.0 % 7000.0);
            [
                (x + spread * next()).round(),
                (y + spread * (next() + next() - 1.0)).round(),
            ]
        })
        .collect()
}

#[test]
fn any_number_of_threads_gives_the_same() {
    let points = towns(150_000);
    let weights = vec![1; points.len()];
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| cluster(&points, &weights, 40.0, 8).unwrap())
    };
    let one = on(1);
    assert!(one.clusters > 50, "{}", one.clusters);
    assert_eq!(one, on(2));
    assert_eq!(one, on(7));
}

#[test]
fn ground_of_many_strips_is_sewn_together() {
    // A line of points a radius apart from corner to corner of many rows of cells, between others.
    let mut points: Vec<[f64; 2]> = (0..40_000)
        .map(|i| [f64::from(i) * 3.0, f64::from(i) * 4.0])
        .collect();
    points.extend((0..40_000).map(|i| [f64::from(i) * 3.0 + 1000.0, f64::from(i) * 4.0]));
    let found = cluster(&points, &vec![1; points.len()], 5.0, 3).unwrap();
    assert_eq!(found.clusters, 2);
    assert!(found.label[..40_000].iter().all(|&l| l == 0));
    assert!(found.label[40_000..].iter().all(|&l| l == 1));
}

#[test]
fn a_few_points_over_all_of_the_country_at_a_metre() {
    let points = [
        [0.0, 0.0],
        [0.0, 1.0],
        [7e5, 1.2e6],
        [7e5, 1.2e6],
        [3.5e5, 6e5],
    ];
    let found = cluster(&points, &[1; 5], 1.0, 2).unwrap();
    assert_eq!(found.label, [0, 0, 1, 1, NOISE]);
}

#[test]
fn small_sets() {
    assert_eq!(cluster(&[], &[], 1.0, 1).unwrap(), Labels::default());
    assert_eq!(
        cluster_great_circle(&[], &[], 1.0, 1).unwrap(),
        Labels::default()
    );
    assert_eq!(cluster(&[[3.0, 4.0]], &[1], 1.0, 2).unwrap().label, [NOISE]);
    assert_eq!(cluster(&[[3.0, 4.0]], &[1], 1.0, 1).unwrap().label, [0]);
    assert_eq!(cluster(&[[3.0, 4.0]], &[0], 1.0, 1).unwrap().label, [NOISE]);
    // All on one spot, and all but one.
    assert_eq!(
        cluster(&[[3.0, 4.0]; 50], &[1; 50], 1.0, 50).unwrap().label,
        [0; 50]
    );
    assert_eq!(
        cluster(&[[3.0, 4.0]; 50], &[1; 50], 1.0, 51).unwrap().label,
        [NOISE; 50]
    );
    assert_eq!(
        cluster(&[[3.0, 4.0]], &[u32::MAX], 1.0, u32::MAX)
            .unwrap()
            .label,
        [0]
    );
    // Exactly the radius is near; a corner of a cell's neighbourhood is too.
    assert_eq!(
        cluster(&[[0.0, 0.0], [30.0, 40.0]], &[1; 2], 50.0, 2)
            .unwrap()
            .label,
        [0, 0]
    );
    assert_eq!(
        cluster(&[[0.0, 0.0], [30.0, 40.001]], &[1; 2], 50.0, 2)
            .unwrap()
            .label,
        [NOISE; 2]
    );
    // A border point half-way between two cores goes to the one of the lesser x.
    let halfway = [[3.0, 0.0], [2.0, 0.0], [0.0, 0.0], [-2.0, 0.0], [-3.0, 0.0]];
    let found = cluster(&halfway, &[9, 1, 1, 1, 9], 2.0, 10).unwrap();
    assert_eq!(found.core, [true, true, false, true, true]);
    assert_eq!(found.label, [1, 1, 0, 0, 0]);
}

#[test]
fn what_cannot_be_clustered_is_refused() {
    assert!(matches!(
        cluster(&[[0.0, 0.0]], &[], 1.0, 1),
        Err(ClusterError::Weights {
            points: 1,
            weights: 0
        })
    ));
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let points = [[0.0, 0.0], [bad, 1.0]];
        assert!(matches!(
            cluster(&points, &[1; 2], 1.0, 1),
            Err(ClusterError::NotFinite { index: 1, .. })
        ));
        assert!(matches!(
            cluster(&[[0.0, 0.0]], &[1], bad, 1),
            Err(ClusterError::Radius(_))
        ));
    }
    assert!(matches!(
        cluster(&[[0.0, 0.0]], &[1], 0.0, 1),
        Err(ClusterError::Radius(_))
    ));
    assert!(matches!(
        cluster(&[[0.0, 0.0]], &[1], 1.0, 0),
        Err(ClusterError::MinCount)
    ));
    let far = [[0.0, 0.0], [1e6, 0.0]];
    assert!(matches!(
        cluster(&far, &[1; 2], 1e-9, 1),
        Err(ClusterError::TooFine { .. })
    ));
    let round = [
        LonLat::new(-179.9, 0.0).unwrap(),
        LonLat::new(179.9, 0.0).unwrap(),
    ];
    assert!(matches!(
        cluster_great_circle(&round, &[1; 2], 50.0, 1),
        Err(ClusterError::TooWide(_))
    ));
}

#[test]
fn great_circles_and_the_plane_agree_on_small_ground() {
    // Well-separated heaps: the projection's scale is not a matter of more than 0.1 %.
    let planar: Vec<[f64; 2]> = (0..400)
        .map(|i| {
            let heap = f64::from(i / 40);
            [
                530_000.0 + heap * 900.0 + f64::from(i % 40 % 8) * 20.0,
                180_000.0 + f64::from(i % 40 / 8) * 20.0,
            ]
        })
        .collect();
    let globe: Vec<LonLat> = planar
        .iter()
        .map(|p| unproject(Planar { x: p[0], y: p[1] }).unwrap())
        .collect();
    let weights = vec![1; planar.len()];
    let found = cluster(&planar, &weights, 25.0, 4).unwrap();
    assert_eq!(found.clusters, 10);
    assert_eq!(
        cluster_great_circle(&globe, &weights, 25.0, 4).unwrap(),
        found
    );
}

fn clusters(snapshot: &Snapshot, params: &str) -> dbscan::Outcome {
    let text = format!(
        r#"{{"select": {{"period": "2022", "groups": ["burglary", "drugs"]}}, "method": {{"name": "dbscan", {params}}} }}"#
    );
    match run(snapshot, &Request::from_json(&text).unwrap())
        .unwrap()
        .findings
    {
        Findings::Clusters(found) => found,
        other => panic!("{other:?}"),
    }
}

fn heap(x: f64, y: f64, side: i32, month: i32, kind: u16) -> Vec<Event> {
    (0..side * side)
        .map(|i| Event {
            x: x + f64::from(i % side) * 20.0,
            y: y + f64::from(i / side) * 20.0,
            month,
            kind,
        })
        .collect()
}

fn heaps() -> Vec<Event> {
    let mut events = heap(550_000.0, 188_000.0, 5, 2, BURGLARY);
    events.extend(heap(551_000.0, 188_000.0, 4, 3, BURGLARY));
    // Ten at one address, two places side by side, three in a line, and one alone.
    events.extend(
        [Event {
            x: 552_000.0,
            y: 188_000.0,
            month: 4,
            kind: BURGLARY,
        }; 10],
    );
    events.extend(
        [Event {
            x: 553_000.0,
            y: 188_000.0,
            month: 4,
            kind: BURGLARY,
        }; 6],
    );
    events.extend(
        [Event {
            x: 553_025.0,
            y: 188_000.0,
            month: 4,
            kind: BURGLARY,
        }; 5],
    );
    events.extend(
        [0.0, 20.0, 40.0]
            .map(|d| {
                [Event {
                    x: 554_000.0 + d,
                    y: 188_000.0,
                    month: 5,
                    kind: BURGLARY,
                }; 4]
            })
            .concat(),
    );
    events.push(Event {
        x: 556_000.0,
        y: 189_000.0,
        month: 5,
        kind: BURGLARY,
    });
    // Police work inside the first heap, at one of its locations, and beside them.
    events.push(Event {
        x: 550_020.0,
        y: 188_020.0,
        month: 5,
        kind: DRUGS,
    });
    events.push(Event {
        x: 550_030.0,
        y: 188_030.0,
        month: 5,
        kind: DRUGS,
    });
    events
}

#[test]
fn clusters_say_what_they_are() {
    let snapshot = world(&heaps(), vec![]);
    for outline in ["convex_hull", "concave_hull", "buffer", "h3_cells"] {
        let found = clusters(
            &snapshot,
            &format!(r#""radius_m": 30, "min_count": 4, "outline": "{outline}""#),
        );
        let counts: Vec<u32> = found.clusters.iter().map(|c| c.facts.count).collect();
        assert_eq!(counts, [25, 16, 12, 11, 10], "{outline}");
        assert_eq!(
            (
                found.incidents,
                found.noise_incidents,
                found.noise_locations
            ),
            (74, 1, 1)
        );
        for (i, c) in found.clusters.iter().enumerate() {
            assert_eq!(c.rank as usize, i + 1);
            assert!(c.outline.is_valid(), "{outline}: {:?}", c.outline);
            assert!(c.area_m2 > 1.0);
            assert!(c.count_inside_outline >= c.facts.count);
            assert_eq!(c.ellipse.is_some(), i < 3, "{outline} {i}");
            // One location, two, and three in a line have no hull.
            let without_hull = outline.ends_with("hull") && i >= 2;
            let expected = if without_hull { "buffer" } else { outline };
            assert_eq!(c.drawn_as.name(), expected, "{outline} {i}");
        }
        assert_eq!(
            found.clusters[0].facts.count_police_generated, 1,
            "own locations only"
        );
        assert_eq!(found.clusters[0].facts.previous_count, None);
        assert_eq!(found.clusters[4].id, "e552000000n188000000");
    }
    let hull = &clusters(&snapshot, r#""radius_m": 30, "min_count": 4"#).clusters[0];
    assert!((hull.area_m2 - 6400.0).abs() < 1e-6);
    assert!((hull.density_per_km2() - 25.0 / 0.0064).abs() < 1e-6);
    let disc = &clusters(
        &snapshot,
        r#""radius_m": 30, "min_count": 4, "outline": "buffer""#,
    )
    .clusters[4];
    assert!((disc.area_m2 / (std::f64::consts::PI * 900.0) - 1.0).abs() < 0.002);
    let by_density = clusters(
        &snapshot,
        r#""radius_m": 30, "min_count": 4, "rank_by": "density", "max": 2"#,
    );
    assert_eq!(
        (
            by_density.clusters.len(),
            by_density.beyond_max,
            by_density.incidents
        ),
        (2, 3, 74)
    );
    assert!(by_density.clusters[0].density_per_km2() >= by_density.clusters[1].density_per_km2());
}

#[test]
fn earlier_periods_are_counted_by_geometry() {
    let mut events = heap(550_000.0, 188_000.0, 5, 14, BURGLARY);
    // A year earlier between the places of this year's.
    events.extend(
        [Event {
            x: 550_031.0,
            y: 188_033.0,
            month: 2,
            kind: BURGLARY,
        }; 7],
    );
    events.extend((1..=24).map(|month| Event {
        x: 560_000.0,
        y: 188_000.0,
        month,
        kind: DRUGS,
    }));
    let text = r#"{"select": {"period": "2023", "groups": ["burglary"]},
        "method": {"name": "dbscan", "radius_m": 30, "min_count": 4} }"#;
    let Findings::Clusters(found) =
        run(&world(&events, vec![]), &Request::from_json(text).unwrap())
            .unwrap()
            .findings
    else {
        panic!("clusters");
    };
    assert_eq!(found.clusters[0].facts.previous_count, Some(7));
    assert_eq!(found.clusters[0].facts.count, 25);
}

#[test]
fn a_cluster_at_the_boundary_says_so() {
    let mut events = heap(550_000.0, 188_000.0, 5, 2, BURGLARY);
    events.extend(heap(550_700.0, 188_500.0, 5, 2, BURGLARY));
    let snapshot = world(
        &events,
        vec![rectangle("A", 550_050.0, 187_000.0, 552_000.0, 190_000.0)],
    );
    let text = r#"{"select": {"area": "A", "groups": ["burglary"]},
        "method": {"name": "dbscan", "radius_m": 30, "min_count": 4} }"#;
    let Findings::Clusters(found) = run(&snapshot, &Request::from_json(text).unwrap())
        .unwrap()
        .findings
    else {
        panic!("clusters");
    };
    let said: Vec<(u32, bool)> = found
        .clusters
        .iter()
        .map(|c| (c.facts.count, c.edge_effect))
        .collect();
    assert_eq!(said, [(25, false), (10, true)]);
}

#[test]
fn empty_selections_have_no_clusters() {
    let snapshot = world(
        &[Event {
            x: 550_000.0,
            y: 188_000.0,
            month: 20,
            kind: BURGLARY,
        }],
        vec![],
    );
    let found = clusters(&snapshot, r#""radius_m": 30, "min_count": 4"#);
    assert!(found.clusters.is_empty());
    assert_eq!((found.incidents, found.noise_incidents), (0, 0));
}

#[test]
fn parameters_out_of_range_are_refused() {
    let snapshot = world(&heaps(), vec![]);
    for params in [
        r#""radius_m": 0.5, "min_count": 4"#,
        r#""radius_m": 10001, "min_count": 4"#,
        r#""radius_m": 30, "min_count": 0"#,
        r#""radius_m": 30, "min_count": 4, "outline": "h3_cells", "h3_resolution": 13"#,
        r#""radius_m": 30, "min_count": 4, "h3_resolution": 10"#,
    ] {
        let text = format!(r#"{{"method": {{"name": "dbscan", {params}}} }}"#);
        let error = run(&snapshot, &Request::from_json(&text).unwrap()).unwrap_err();
        assert!(matches!(error, RunError::Dbscan(_)), "{params}");
        assert_eq!(error.code(), "invalid_dbscan");
    }
    for text in [
        r#"{"method": {"name": "dbscan", "min_count": 4} }"#,
        r#"{"method": {"name": "dbscan", "radius_m": 4} }"#,
        r#"{"method": {"name": "dbscan", "radius_m": 4, "min_count": 4, "eps": 3} }"#,
        r#"{"method": {"name": "dbscan", "radius_m": 4, "min_count": 4, "metric": "degrees"} }"#,
    ] {
        assert!(Request::from_json(text).is_err(), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn outlines_hold_their_clusters(
        all in prop::collection::vec((0_i32..60, 0_i32..40), 1..120), radius in 15_u32..60, min in 1_u32..5, kind in 0_usize..4,
    ) {
        outlines_hold(&all, radius, min, kind);
    }
}

#[test]
fn slivers_hold_their_clusters() {
    // One cluster is a triangle 49 m long and 0.4 m wide: what rounding to the seventh decimal does to
    // its area goes by its outline's length, and is 1 % here.
    let all = [
        (15, 7),
        (59, 23),
        (9, 25),
        (47, 10),
        (36, 7),
        (18, 15),
        (58, 2),
        (59, 39),
        (42, 26),
        (14, 6),
        (42, 8),
        (33, 2),
        (6, 16),
        (24, 4),
        (19, 33),
        (16, 8),
        (26, 3),
        (22, 5),
        (26, 31),
        (41, 5),
        (57, 34),
    ];
    outlines_hold(&all, 33, 2, 1);
}

fn outlines_hold(all: &[(i32, i32)], radius: u32, min: u32, kind: usize) {
    let events: Vec<Event> = all
        .iter()
        .map(|&(x, y)| Event {
            x: 550_000.0 + f64::from(x * x) * 0.7,
            y: 188_000.0 + f64::from(y) * 13.0,
            month: 1,
            kind: BURGLARY,
        })
        .collect();
    let outline = ["convex_hull", "concave_hull", "buffer", "h3_cells"][kind];
    let params = format!(
        r#""radius_m": {radius}, "min_count": {min}, "outline": "{outline}", "metric": "great_circle""#
    );
    let found = clusters(&world(&events, vec![]), &params);
    let mut reversed = events.clone();
    reversed.reverse();
    let again = clusters(&world(&reversed, vec![]), &params);
    assert_eq!(again, found);
    assert_eq!(found.incidents + found.noise_incidents, events.len() as u64);
    for c in &found.clusters {
        assert!(c.outline.is_valid(), "{:?}", c.outline);
        let at = |e: &Event| Point(location(e.x, e.y).position.coord());
        let inside = events.iter().filter(|e| c.outline.intersects(&at(e)));
        assert!(c.count_inside_outline as usize >= inside.count());
        // What rounding to a centimetre puts outside lies on the outline's corners.
        assert!(c.count_inside_outline >= c.facts.count);
        assert!(c.core_locations >= 1);
        // The area is that of the outline in the plane, before its corners went to the seventh decimal
        // of a degree: each by half a step, 5.6 mm north and 3.5 mm east, at most, and a piece of the
        // outline sweeps no more than its length times that.
        let step = 0.0056_f64.hypot(0.0035);
        let (area, length) = c
            .outline
            .0
            .iter()
            .map(planar)
            .fold((0.0, 0.0), |sum, (a, l)| (sum.0 + a, sum.1 + l));
        // Cells are known by their areas on the ground.
        let scale = if kind == 3 { 1e-3 * area } else { 1e-6 * area };
        assert!(
            (area - c.area_m2).abs() <= step * length + scale,
            "{area} {} {length}",
            c.area_m2
        );
    }
}

/// Area and length of the outline in the plane.
fn planar(polygon: &geo::Polygon) -> (f64, f64) {
    use geo::{Area, Euclidean, Length, MapCoords};
    let polygon = polygon.map_coords(|c| {
        let p = project(LonLat::new(c.x, c.y).unwrap()).unwrap().planar;
        geo::Coord { x: p.x, y: p.y }
    });
    let rings = std::iter::once(polygon.exterior()).chain(polygon.interiors());
    let length = rings.map(|r| Euclidean.length(r)).sum();
    (polygon.unsigned_area(), length)
}

fn agreement(events: &[Event], ensemble: &str) -> dbscan::Outcome {
    clusters(
        &world(events, vec![]),
        &format!(r#""radius_m": 30, "min_count": 4, "ensemble": {ensemble}"#),
    )
}

fn shares(found: &dbscan::Outcome) -> Vec<(f64, bool)> {
    let of = |c: &dbscan::Cluster| c.agreement.map(|a| (a.share.unwrap(), a.stable));
    found.clusters.iter().map(|c| of(c).unwrap()).collect()
}

#[test]
fn an_ensemble_of_the_same_run_agrees_wholly() {
    for replicates in [1, 5] {
        let found = agreement(
            &heaps(),
            &format!(r#"{{"replicates": {replicates}, "keep_share": 1, "radius_spread": 0}}"#),
        );
        assert_eq!(shares(&found), [(1.0, true); 5]);
        assert_eq!(found.ensemble_clusters, Some((5, 5)));
    }
    // One run has the radius itself, whatever the spread.
    let found = agreement(&heaps(), r#"{"replicates": 1, "keep_share": 1}"#);
    assert_eq!(shares(&found), [(1.0, true); 5]);
    let without = clusters(
        &world(&heaps(), vec![]),
        r#""radius_m": 30, "min_count": 4"#,
    );
    assert!(without.clusters.iter().all(|c| c.agreement.is_none()));
}

#[test]
fn what_hangs_on_the_radius_is_not_stable() {
    // A square of 20 m, and a line whose links are exactly the radius long: half of the runs have a
    // shorter one, which leaves each of its places alone.
    let mut events = heap(550_000.0, 188_000.0, 5, 2, BURGLARY);
    events.extend((0..6).flat_map(|i| {
        [Event {
            x: 551_000.0 + f64::from(i) * 30.0,
            y: 188_000.0,
            month: 2,
            kind: BURGLARY,
        }; 2]
    }));
    let found = agreement(
        &events,
        r#"{"replicates": 10, "keep_share": 1, "radius_spread": 0.2}"#,
    );
    let counts: Vec<u32> = found.clusters.iter().map(|c| c.facts.count).collect();
    assert_eq!(counts, [25, 12]);
    assert_eq!(shares(&found), [(1.0, true), (0.5, false)]);
    assert_eq!(found.ensemble_clusters, Some((1, 2)));
    let lenient = agreement(
        &events,
        r#"{"replicates": 10, "keep_share": 1, "radius_spread": 0.2, "stable_share": 0.5}"#,
    );
    assert_eq!(shares(&lenient), [(1.0, true), (0.5, true)]);
}

#[test]
fn of_two_clusters_that_merge_one_agrees() {
    // Two heaps 32 m apart: 30 m keeps them apart, the larger half of the radii joins them.
    let mut events = heap(550_000.0, 188_000.0, 4, 2, BURGLARY);
    events.extend(heap(550_092.0, 188_000.0, 3, 2, BURGLARY));
    let found = agreement(
        &events,
        r#"{"replicates": 2, "keep_share": 1, "radius_spread": 0.2}"#,
    );
    let counts: Vec<u32> = found.clusters.iter().map(|c| c.facts.count).collect();
    assert_eq!(counts, [16, 9]);
    // Radii of 27 and 33 m.
    assert_eq!(shares(&found), [(1.0, true), (0.5, false)]);
}

#[test]
fn an_ensemble_does_not_depend_on_rows_or_threads_but_on_its_seed() {
    let mut events: Vec<Event> = towns(1_500)
        .into_iter()
        .map(|p| Event {
            x: 550_000.0 + p[0] / 4.0,
            y: 188_000.0 + p[1] / 4.0,
            month: 1,
            kind: BURGLARY,
        })
        .collect();
    let ensemble = |seed| format!(r#"{{"replicates": 20, "keep_share": 0.6, "seed": {seed}}}"#);
    let one = agreement(&events, &ensemble(3));
    assert!(shares(&one).iter().all(|s| (0.0..=1.0).contains(&s.0)));
    assert!(shares(&one).iter().any(|s| s.0 < 1.0));
    assert_ne!(shares(&one), shares(&agreement(&events, &ensemble(4))));
    events.reverse();
    for threads in [1, 2, 7] {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        assert_eq!(pool.install(|| agreement(&events, &ensemble(3))), one);
    }
}

#[test]
fn ensembles_out_of_range_are_refused() {
    for bad in [
        r#"{"replicates": 0}"#,
        r#"{"replicates": 1000}"#,
        r#"{"keep_share": 0}"#,
        r#"{"keep_share": 1.1}"#,
        r#"{"radius_spread": -0.1}"#,
        r#"{"radius_spread": 0.6}"#,
        r#"{"stable_share": 0}"#,
    ] {
        let text = format!(
            r#"{{"method": {{"name": "dbscan", "radius_m": 30, "min_count": 4, "ensemble": {bad}}} }}"#
        );
        let error = run(
            &world(&heaps(), vec![]),
            &Request::from_json(&text).unwrap(),
        )
        .unwrap_err();
        assert_eq!(error.code(), "invalid_dbscan");
        assert!(error.to_string().starts_with("ensemble."), "{error}");
    }
    let unknown = r#"{"method": {"name": "dbscan", "radius_m": 30, "min_count": 4, "ensemble": {"runs": 3}} }"#;
    assert!(Request::from_json(unknown).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn a_run_keeps_its_share(weights in prop::collection::vec(0_u32..9, 0..60), keep in 0.01_f64..=1.0, seed: u64, run in 0_u32..9) {
        let ensemble = dbscan::Ensemble { keep_share: keep, seed, ..dbscan::Ensemble::default() };
        let kept = ensemble.kept(&weights, run);
        let total = |w: &[u32]| w.iter().sum::<u32>();
        prop_assert!(kept.iter().zip(&weights).all(|(k, w)| k <= w));
        prop_assert_eq!(total(&kept), (f64::from(total(&weights)) * keep).round() as u32);
        prop_assert_eq!(ensemble.kept(&weights, run), kept);
        let factors: Vec<f64> = (0..ensemble.replicates).map(|r| ensemble.factor(r)).collect();
        prop_assert!(factors.iter().all(|f| (0.9..=1.1).contains(f)));
        prop_assert!((factors.iter().sum::<f64>() / f64::from(ensemble.replicates) - 1.0).abs() < 1e-9);
    }
}
