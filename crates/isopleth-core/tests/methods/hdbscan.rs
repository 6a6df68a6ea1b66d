//! Clusters of any density: a construction from the definition, orders, weights, threads, degenerate
//! sets, and what is said of them.

use crate::support::{BURGLARY, DRUGS, Event, rectangle, world};
use geo::Validation;
use isopleth_core::methods::hdbscan::{self, ClusterError, Labels, NOISE, Options, Pick, cluster};
use isopleth_core::{Findings, Request, RunError, Snapshot, run};
use proptest::prelude::*;

fn options(min_cluster_size: u32, min_samples: u32) -> Options {
    Options {
        min_cluster_size,
        min_samples,
        resolution: 0.5,
        selection: Pick::Eom,
        allow_single_cluster: false,
        selection_epsilon: 0.0,
    }
}

/// A component from its birth on.
struct Part {
    born: f64,
    stability: f64,
    ended: f64,
    members: Vec<usize>,
    /// 1 over the distance at which each member is noise or in a part below.
    left: Vec<f64>,
    below: Vec<Part>,
    chosen: bool,
}

/// The definition, over single incidents: at each distance the components of those whose core
/// distance is less, by mutual reachability that is less.
struct Definition {
    reach_2: Vec<Vec<f64>>,
    least: usize,
}

impl Definition {
    fn new(points: &[[f64; 2]], options: &Options) -> Self {
        let floor = options.resolution * options.resolution;
        let distance_2 = |a: &[f64; 2], b: &[f64; 2]| (a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2);
        let core: Vec<f64> = points
            .iter()
            .map(|p| {
                let mut all: Vec<f64> = points.iter().map(|q| distance_2(p, q)).collect();
                all.sort_by(f64::total_cmp);
                all[options.min_samples as usize - 1].max(floor)
            })
            .collect();
        // An incident's reachability from itself is its core distance.
        let row = |i: usize| {
            (0..points.len())
                .map(|j| distance_2(&points[i], &points[j]).max(core[i]).max(core[j]))
                .collect()
        };
        Self {
            reach_2: (0..points.len()).map(row).collect(),
            least: options.min_cluster_size as usize,
        }
    }

    fn components(&self, among: &[usize], below: f64) -> Vec<Vec<usize>> {
        let mut rest: Vec<usize> = among
            .iter()
            .copied()
            .filter(|&i| self.reach_2[i][i] < below)
            .collect();
        let mut found = Vec::new();
        while let Some(first) = rest.first().copied() {
            let (mut part, mut todo) = (vec![first], vec![first]);
            rest.retain(|&i| i != first);
            while let Some(i) = todo.pop() {
                let (near, far): (Vec<usize>, Vec<usize>) =
                    rest.iter().partition(|&&j| self.reach_2[i][j] < below);
                part.extend(&near);
                todo.extend(near);
                rest = far;
            }
            part.sort_unstable();
            found.push(part);
        }
        found
    }

    fn part(&self, members: Vec<usize>, born: f64) -> Part {
        let mut left = vec![0.0; members.len()];
        let mut alive = members.clone();
        let (mut stability, mut ended, mut below) = (0.0, born, Vec::new());
        let mut levels: Vec<f64> = members
            .iter()
            .flat_map(|&i| members.iter().map(move |&j| self.reach_2[i][j]))
            .collect();
        levels.sort_by(|a, b| b.total_cmp(a));
        levels.dedup();
        for level in levels {
            let mut big = self.components(&alive, level);
            big.retain(|p| p.len() >= self.least);
            let kept = if let [one] = big.as_slice() {
                one.clone()
            } else {
                Vec::new()
            };
            if kept.len() == alive.len() {
                continue;
            }
            ended = 1.0 / level.sqrt();
            stability += (alive.len() - kept.len()) as f64 * (ended - born);
            for &i in alive.iter().filter(|i| !kept.contains(i)) {
                left[members.iter().position(|&m| m == i).unwrap()] = ended;
            }
            alive = kept;
            if alive.is_empty() {
                below = big.into_iter().map(|p| self.part(p, ended)).collect();
                break;
            }
        }
        Part {
            born,
            stability,
            ended,
            members,
            left,
            below,
            chosen: false,
        }
    }
}

/// The excess of mass that can be had; marks what is chosen.
fn choose(part: &mut Part, top: bool, options: &Options) -> f64 {
    let parts: f64 = part
        .below
        .iter_mut()
        .map(|p| choose(p, false, options))
        .sum();
    let may = !top || options.allow_single_cluster;
    part.chosen = may
        && match options.selection {
            Pick::Eom => part.stability >= parts,
            Pick::Leaf => part.below.is_empty(),
        };
    if part.chosen { part.stability } else { parts }
}

fn collect<'a>(part: &'a Part, found: &mut Vec<&'a Part>) {
    if part.chosen {
        found.push(part);
        return;
    }
    for p in &part.below {
        collect(p, found);
    }
}

/// Label and membership of each incident. Incidents must stand in the order of their positions.
fn by_definition(points: &[[f64; 2]], options: &Options) -> (Vec<u32>, Vec<f64>, Vec<f64>) {
    let (mut label, mut membership) = (vec![NOISE; points.len()], vec![0.0; points.len()]);
    let mut stability = Vec::new();
    if points.len() >= options.min_samples.max(options.min_cluster_size) as usize {
        let definition = Definition::new(points, options);
        let mut top = definition.part((0..points.len()).collect(), 0.0);
        choose(&mut top, true, options);
        let mut found = Vec::new();
        collect(&top, &mut found);
        found.sort_by_key(|p| p.members[0]);
        for (part, number) in found.iter().zip(0..) {
            assert!(part.born <= part.ended);
            stability.push(part.stability);
            for (&i, left) in part.members.iter().zip(&part.left) {
                label[i] = number;
                membership[i] = (left / part.ended).min(1.0);
            }
        }
    }
    (label, membership, stability)
}

/// Weighted points of a small world, few or many of them at equal distances.
fn points() -> impl Strategy<Value = Vec<([f64; 2], u32)>> {
    let position = prop_oneof![
        (0_i32..12, 0_i32..9),
        (0_i32..4000, 0_i32..3000),
        (0_i32..40, 0_i32..40).prop_map(|(x, y)| (x * x, y + 100)),
    ];
    prop::collection::vec(
        (position, prop_oneof![4 => Just(1_u32), 1 => 1_u32..7]),
        0..26,
    )
    .prop_map(|all| {
        let mut points: Vec<([f64; 2], u32)> = all
            .into_iter()
            .map(|((x, y), w)| ([f64::from(x), f64::from(y)], w))
            .collect();
        points.sort_by(|a, b| a.0.partial_cmp(&b.0).unwrap());
        points.dedup_by(|a, b| a.0 == b.0);
        points
    })
}

fn settings() -> impl Strategy<Value = Options> {
    (
        2_u32..7,
        1_u32..7,
        any::<bool>(),
        any::<bool>(),
        prop_oneof![Just(0.5), Just(2.0)],
    )
        .prop_map(|(size, samples, leaf, single, resolution)| Options {
            resolution,
            selection: if leaf { Pick::Leaf } else { Pick::Eom },
            allow_single_cluster: single,
            ..options(size, samples)
        })
}

fn split(points: &[([f64; 2], u32)]) -> (Vec<[f64; 2]>, Vec<u32>) {
    points.iter().copied().unzip()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn as_the_definition_has_it(points in points(), options in settings()) {
        let (at, weights) = split(&points);
        let found = cluster(&at, &weights, &options).unwrap();
        let copies: Vec<usize> = (0..at.len()).flat_map(|i| vec![i; weights[i] as usize]).collect();
        let all: Vec<[f64; 2]> = copies.iter().map(|&i| at[i]).collect();
        let (label, membership, stability) = by_definition(&all, &options);
        let stabilities: Vec<f64> = found.clusters.iter().map(|c| c.stability).collect();
        prop_assert_eq!(&stabilities, &stability);
        for (copy, &i) in copies.iter().enumerate() {
            prop_assert_eq!(found.label[i], label[copy], "{}", i);
            prop_assert_eq!(found.membership[i], membership[copy], "{}", i);
        }
        for (number, c) in found.clusters.iter().enumerate() {
            let of = |i: &usize| found.label[*i] as usize == number;
            prop_assert_eq!(c.weight, copies.iter().filter(|i| of(i)).count() as u64);
            prop_assert!(c.weight >= u64::from(options.min_cluster_size));
            prop_assert!(c.ends_at <= c.connected_at && c.connected_at < c.separate_at);
        }
    }

    #[test]
    fn copies_are_a_weight(points in points(), options in settings()) {
        let (at, weights) = split(&points);
        let weighted = cluster(&at, &weights, &options).unwrap();
        let copies: Vec<usize> = (0..at.len()).rev().flat_map(|i| vec![i; weights[i] as usize]).collect();
        let all: Vec<[f64; 2]> = copies.iter().map(|&i| at[i]).collect();
        let found = cluster(&all, &vec![1; all.len()], &options).unwrap();
        prop_assert_eq!(&found.clusters, &weighted.clusters);
        for (copy, &i) in copies.iter().enumerate() {
            prop_assert_eq!(found.label[copy], weighted.label[i]);
            prop_assert_eq!(found.membership[copy], weighted.membership[i]);
            prop_assert_eq!(found.core_distance[copy], weighted.core_distance[i]);
        }
    }

    #[test]
    fn order_does_not_matter(
        (points, order) in points().prop_flat_map(|p| {
            let order: Vec<usize> = (0..p.len()).collect();
            (Just(p), Just(order).prop_shuffle())
        }),
        options in settings(),
    ) {
        let (at, weights) = split(&points);
        let found = cluster(&at, &weights, &options).unwrap();
        let moved: Vec<[f64; 2]> = order.iter().map(|&i| at[i]).collect();
        let weights: Vec<u32> = order.iter().map(|&i| weights[i]).collect();
        let again = cluster(&moved, &weights, &options).unwrap();
        prop_assert_eq!(&again.clusters, &found.clusters);
        for (to, &i) in order.iter().enumerate() {
            prop_assert_eq!((again.label[to], again.membership[to]), (found.label[i], found.membership[i]));
        }
    }

    #[test]
    fn moving_turning_and_units_change_nothing(points in points(), options in settings()) {
        let (at, weights) = split(&points);
        let found = cluster(&at, &weights, &options).unwrap();
        let moved: Vec<[f64; 2]> = at.iter().map(|p| [p[0] + 530_000.0, p[1] - 180_000.0]).collect();
        prop_assert_eq!(&cluster(&moved, &weights, &options).unwrap(), &found);
        // A power of two changes no digit.
        let larger: Vec<[f64; 2]> = at.iter().map(|p| [p[0] * 1024.0, p[1] * 1024.0]).collect();
        let scaled = cluster(&larger, &weights, &Options { resolution: options.resolution * 1024.0, ..options }).unwrap();
        prop_assert_eq!(&scaled.label, &found.label);
        prop_assert_eq!(&scaled.membership, &found.membership);
        for (a, b) in scaled.clusters.iter().zip(&found.clusters) {
            prop_assert_eq!(a.stability * 1024.0, b.stability);
            prop_assert_eq!((a.separate_at, a.ends_at), (b.separate_at * 1024.0, b.ends_at * 1024.0));
        }
        // A quarter turn changes the numbers of clusters, which go by x, and the order of sums; the
        // leaves do not hang on sums.
        let leaf = Options { selection: Pick::Leaf, ..options };
        let found = cluster(&at, &weights, &leaf).unwrap();
        let turned: Vec<[f64; 2]> = at.iter().map(|p| [-p[1], p[0]]).collect();
        let again = cluster(&turned, &weights, &leaf).unwrap();
        prop_assert_eq!(&again.membership, &found.membership);
        prop_assert_eq!(&again.core_distance, &found.core_distance);
        for i in 0..at.len() {
            prop_assert_eq!(again.label[i] == NOISE, found.label[i] == NOISE);
            for j in 0..i {
                prop_assert_eq!(again.label[i] == again.label[j], found.label[i] == found.label[j]);
            }
        }
    }
}

/// Points of a generator of our own: towns of different sizes, repeated positions, scatter.
fn towns(n: u64, scale: f64) -> Vec<[f64; 2]> {
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
                4.0 + 6.0 * town * town
            };
            let (x, y) = (town * 731.0 % 9000.0, town * 1213.0 % 7000.0);
            let across = spread * (next() + next() + next() - 1.5);
            [
                ((x + spread * (next() - next())) * scale).round(),
                ((y + across) * scale).round(),
            ]
        })
        .collect()
}

#[test]
fn any_number_of_threads_gives_the_same() {
    for scale in [0.5, 1000.0] {
        let points = towns(60_000, scale);
        let weights = vec![1; points.len()];
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| cluster(&points, &weights, &options(20, 8)).unwrap())
        };
        let one = on(1);
        assert!(one.clusters.len() > 20, "{}", one.clusters.len());
        let bits = |l: &Labels| l.membership.iter().map(|m| m.to_bits()).collect::<Vec<_>>();
        for threads in [2, 7] {
            let other = on(threads);
            assert_eq!(one, other);
            assert_eq!(bits(&one), bits(&other));
        }
    }
}

#[test]
fn clusters_are_components_of_all_pairs() {
    let points = towns(2500, 1.0);
    let found = cluster(&points, &vec![1; points.len()], &options(10, 5)).unwrap();
    let n = points.len();
    let distance_2 = |i: usize, j: usize| {
        (points[i][0] - points[j][0]).powi(2) + (points[i][1] - points[j][1]).powi(2)
    };
    assert!(found.clusters.len() > 10);
    // Between the distance at which it is connected and that at which it is separate, a cluster is a
    // component of DBSCAN without border points.
    for (number, c) in found.clusters.iter().enumerate() {
        let radius_2 = c.connected_at * c.connected_at * (1.0 + 1e-12);
        let first = found
            .label
            .iter()
            .position(|&l| l as usize == number)
            .unwrap();
        let core = |i: usize| found.core_distance[i] * found.core_distance[i] <= radius_2;
        let (mut seen, mut todo) = (vec![false; n], vec![first]);
        seen[first] = true;
        while let Some(i) = todo.pop() {
            for (j, seen) in seen.iter_mut().enumerate() {
                if !*seen && core(j) && distance_2(i, j) <= radius_2 {
                    *seen = true;
                    todo.push(j);
                }
            }
        }
        for (i, &seen) in seen.iter().enumerate() {
            assert_eq!(
                seen,
                found.label[i] as usize == number,
                "cluster {number}, point {i}"
            );
        }
    }
}

#[test]
fn small_sets() {
    let plain = options(2, 2);
    assert_eq!(cluster(&[], &[], &plain).unwrap(), Labels::default());
    assert_eq!(cluster(&[[3.0, 4.0]], &[1], &plain).unwrap().label, [NOISE]);
    let none = cluster(&[[3.0, 4.0], [3.0, 5.0]], &[0; 2], &plain).unwrap();
    assert_eq!(none.label, [NOISE; 2]);
    assert_eq!(none.core_distance, [f64::INFINITY; 2]);
    // All on one spot is all there is, and no cluster unless that is asked for.
    let single = Options {
        allow_single_cluster: true,
        ..plain
    };
    assert_eq!(
        cluster(&[[3.0, 4.0]; 9], &[1; 9], &plain).unwrap().label,
        [NOISE; 9]
    );
    let all = cluster(&[[3.0, 4.0]; 9], &[1; 9], &single).unwrap();
    assert_eq!((all.label, all.membership), (vec![0; 9], vec![1.0; 9]));
    assert_eq!((all.clusters[0].weight, all.clusters[0].ends_at), (9, 0.5));
    assert!(all.clusters[0].separate_at.is_infinite());
    // Two places, each a cluster; λ ends at the resolution.
    let two = cluster(&[[0.0, 0.0], [100.0, 0.0]], &[5, 3], &plain).unwrap();
    assert_eq!(two.label, [0, 1]);
    assert_eq!(two.clusters[0].stability, 5.0 * (2.0 - 0.01));
    assert_eq!(
        (two.clusters[1].separate_at, two.clusters[1].ends_at),
        (100.0, 0.5)
    );
    // Too few at one of them, too few for samples, too few for anything.
    assert_eq!(
        cluster(&[[0.0, 0.0], [100.0, 0.0]], &[5, 1], &plain)
            .unwrap()
            .label,
        [NOISE; 2]
    );
    assert_eq!(
        cluster(&[[0.0, 0.0], [100.0, 0.0]], &[5, 3], &options(2, 9))
            .unwrap()
            .label,
        [NOISE; 2]
    );
    assert_eq!(
        cluster(&[[0.0, 0.0], [100.0, 0.0]], &[5, 3], &options(9, 2))
            .unwrap()
            .label,
        [NOISE; 2]
    );
    // All but one on one spot.
    let most = cluster(&[[0.0, 0.0], [40.0, 30.0]], &[50, 1], &single).unwrap();
    assert_eq!(most.label, [0, 0]);
    assert_eq!(most.membership, [1.0, 0.5 / 50.0]);
    // Two signs of zero are one position.
    assert_eq!(
        cluster(&[[0.0, 0.0], [-0.0, 0.0]], &[1; 2], &single)
            .unwrap()
            .label,
        [0, 0]
    );
}

#[test]
fn a_point_that_holds_two_parts_together_is_of_neither() {
    let points = [
        [0.0, 0.0],
        [1.0, 0.0],
        [2.0, 0.0],
        [12.0, 0.0],
        [22.0, 0.0],
        [23.0, 0.0],
        [24.0, 0.0],
    ];
    let found = cluster(&points, &[1; 7], &options(3, 2)).unwrap();
    assert_eq!(found.label, [0, 0, 0, NOISE, 1, 1, 1]);
    assert_eq!(found.core_distance[3], found.clusters[0].separate_at);
}

#[test]
fn clusters_born_below_a_distance_are_one() {
    let points: Vec<[f64; 2]> = [0.0, 1.0, 2.0, 20.0, 21.0, 22.0, 500.0, 501.0, 502.0]
        .map(|x| [x, 0.0])
        .into();
    let with = |epsilon: f64| {
        let options = Options {
            selection: Pick::Leaf,
            selection_epsilon: epsilon,
            ..options(3, 1)
        };
        cluster(&points, &[1; 9], &options).unwrap().label
    };
    assert_eq!(with(0.0), [0, 0, 0, 1, 1, 1, 2, 2, 2]);
    assert_eq!(with(18.0), [0, 0, 0, 1, 1, 1, 2, 2, 2]);
    assert_eq!(with(19.0), [0, 0, 0, 0, 0, 0, 1, 1, 1]);
    assert_eq!(
        with(900.0),
        [0, 0, 0, 0, 0, 0, 1, 1, 1],
        "all of it is no cluster"
    );
}

#[test]
fn what_cannot_be_clustered_is_refused() {
    let plain = options(2, 2);
    assert!(matches!(
        cluster(&[[0.0, 0.0]], &[], &plain),
        Err(ClusterError::Weights {
            points: 1,
            weights: 0
        })
    ));
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e200] {
        let points = [[0.0, 0.0], [bad, 1.0]];
        assert!(matches!(
            cluster(&points, &[1; 2], &plain),
            Err(ClusterError::NotFinite { index: 1, .. })
        ));
        let resolution = Options {
            resolution: bad,
            ..plain
        };
        assert!(matches!(
            cluster(&[[0.0, 0.0]], &[1], &resolution),
            Err(ClusterError::Resolution(_))
        ));
        let epsilon = Options {
            selection_epsilon: bad,
            ..plain
        };
        assert!(matches!(
            cluster(&[[0.0, 0.0]], &[1], &epsilon),
            Err(ClusterError::Epsilon(_))
        ));
    }
    assert!(matches!(
        cluster(
            &[],
            &[],
            &Options {
                resolution: 0.0,
                ..plain
            }
        ),
        Err(ClusterError::Resolution(_))
    ));
    assert!(matches!(
        cluster(&[], &[], &options(1, 2)),
        Err(ClusterError::MinClusterSize(1))
    ));
    assert!(matches!(
        cluster(&[], &[], &options(2, 0)),
        Err(ClusterError::MinSamples)
    ));
}

fn clusters(snapshot: &Snapshot, select: &str, params: &str) -> hdbscan::Outcome {
    let text = format!(
        r#"{{"select": {{"groups": ["burglary", "drugs"]{select}}}, "method": {{"name": "hdbscan", {params}}} }}"#
    );
    match run(snapshot, &Request::from_json(&text).unwrap())
        .unwrap()
        .findings
    {
        Findings::Hdbscan(found) => found,
        other => panic!("{other:?}"),
    }
}

fn heap(x: f64, y: f64, side: i32, spacing: f64) -> Vec<Event> {
    (0..side * side)
        .map(|i| Event {
            x: x + f64::from(i % side) * spacing,
            y: y + f64::from(i / side) * spacing,
            month: 2,
            kind: BURGLARY,
        })
        .collect()
}

/// A dense heap, a loose one that no radius of the dense one's would find, a busy place, and scatter.
fn heaps() -> Vec<Event> {
    let mut events = heap(550_000.0, 188_000.0, 6, 10.0);
    events.extend(heap(553_000.0, 188_000.0, 5, 150.0));
    events.extend(
        [Event {
            x: 556_000.0,
            y: 190_000.0,
            month: 3,
            kind: BURGLARY,
        }; 12],
    );
    events.extend(
        [(548_000.0, 184_000.0), (559_000.0, 193_000.0)].map(|(x, y)| Event {
            x,
            y,
            month: 4,
            kind: BURGLARY,
        }),
    );
    events.push(Event {
        x: 550_010.0,
        y: 188_010.0,
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
            "",
            &format!(r#""min_cluster_size": 8, "min_samples": 4, "outline": "{outline}""#),
        );
        let counts: Vec<u32> = found.clusters.iter().map(|c| c.place.facts.count).collect();
        assert_eq!(counts, [36, 25, 12], "{outline}");
        assert_eq!(
            (
                found.incidents,
                found.noise_incidents,
                found.noise_locations
            ),
            (73, 2, 2)
        );
        assert_eq!(found.of_one_location, 1);
        for (i, c) in found.clusters.iter().enumerate() {
            assert_eq!(c.place.rank as usize, i + 1);
            assert!(
                c.place.outline.is_valid(),
                "{outline}: {:?}",
                c.place.outline
            );
            assert!(c.place.count_inside_outline >= c.place.facts.count);
            assert!(c.separate_at_m.unwrap() > c.connected_at_m);
            assert!(c.min_membership <= c.mean_membership && c.mean_membership <= 1.0);
        }
        let [dense, loose, busy] = found.clusters.as_slice() else {
            panic!()
        };
        assert_eq!(
            (dense.ends_at_m, loose.ends_at_m, busy.ends_at_m),
            (10.0, 150.0, 1.0)
        );
        assert_eq!((busy.connected_at_m, busy.mean_membership), (1.0, 1.0));
        assert_eq!(dense.place.facts.count_police_generated, 1);
        if outline == "buffer" {
            let disc = std::f64::consts::PI * 25.0 * 25.0;
            assert!((busy.place.area_m2 / disc - 1.0).abs() < 0.002);
        }
    }
    let by_stability = clusters(
        &snapshot,
        "",
        r#""min_cluster_size": 8, "min_samples": 4, "rank_by": "stability", "max": 1"#,
    );
    assert_eq!(
        (
            by_stability.clusters[0].place.facts.count,
            by_stability.beyond_max
        ),
        (12, 2)
    );
}

#[test]
fn a_cluster_at_the_boundary_says_so() {
    let snapshot = world(
        &heaps(),
        vec![rectangle("A", 550_015.0, 183_000.0, 560_000.0, 195_000.0)],
    );
    let found = clusters(
        &snapshot,
        r#", "area": "A""#,
        r#""min_cluster_size": 8, "min_samples": 4"#,
    );
    let said: Vec<(u32, bool)> = found
        .clusters
        .iter()
        .map(|c| (c.place.facts.count, c.place.edge_effect))
        .collect();
    assert_eq!(said, [(25, false), (24, true), (12, false)]);
}

#[test]
fn empty_selections_have_no_clusters() {
    let snapshot = world(&heaps(), vec![]);
    let found = clusters(
        &snapshot,
        r#", "period": "2023-10/2023-11""#,
        r#""min_cluster_size": 8"#,
    );
    assert!(found.clusters.is_empty());
    assert_eq!((found.incidents, found.noise_incidents), (0, 0));
}

#[test]
fn parameters_out_of_range_are_refused() {
    let snapshot = world(&heaps(), vec![]);
    for params in [
        r#""min_cluster_size": 1"#,
        r#""min_cluster_size": 5, "min_samples": 0"#,
        r#""min_cluster_size": 1001"#,
        r#""min_cluster_size": 5, "resolution_m": 0"#,
        r#""min_cluster_size": 5, "cluster_selection_epsilon_m": 0"#,
        r#""min_cluster_size": 5, "outline": "h3_cells", "h3_resolution": 13"#,
        r#""min_cluster_size": 5, "h3_resolution": 10"#,
    ] {
        let text = format!(r#"{{"method": {{"name": "hdbscan", {params}}} }}"#);
        let error = run(&snapshot, &Request::from_json(&text).unwrap()).unwrap_err();
        assert!(matches!(error, RunError::Hdbscan(_)), "{params}");
        assert_eq!(error.code(), "invalid_hdbscan");
    }
    for text in [
        r#"{"method": {"name": "hdbscan"} }"#,
        r#"{"method": {"name": "hdbscan", "min_cluster_size": 4, "eps": 3} }"#,
        r#"{"method": {"name": "hdbscan", "min_cluster_size": 4, "cluster_selection_method": "all"} }"#,
    ] {
        assert!(Request::from_json(text).is_err(), "{text}");
    }
}
