//! HDBSCAN against scikit-learn: recorded points, and 10,000 of the peers'.
//!
//! See `fixtures/oracles/hdbscan/towns/README.md` for the first. The second is that of scikit-learn
//! 1.9.1, `HDBSCAN(min_cluster_size=10, min_samples=10)`, on jittered points that lie beside the
//! shared data with its labels; hdbscan 0.8.44's labels, `min_samples=10` without the point itself, lie
//! there too. A point whose core distance is that of several merges at once is put on one side by
//! these programs and is noise by the definition: one in a hundred. Nothing else may differ.

use std::collections::{BTreeMap, BTreeSet};

use isopleth_core::methods::hdbscan::{Labels, NOISE, Options, Pick, cluster};
use isopleth_tests::npy::{Array, read_npz};
use isopleth_tests::oracle::shared;

fn options(min_cluster_size: u32, min_samples: u32) -> Options {
    Options {
        min_cluster_size,
        min_samples,
        resolution: 1e-3,
        selection: Pick::Eom,
        allow_single_cluster: false,
        selection_epsilon: 0.0,
    }
}

/// What differs from an oracle's labels.
#[derive(Debug, Default, PartialEq)]
struct Difference {
    /// Points that hold parts together: noise here, in one of the parts there.
    at_a_split: usize,
    /// Points of a cluster of exactly the least size there, which without the point that holds it to
    /// the rest is too small; and of the cluster that is here in place of it.
    too_small: usize,
    /// Other points.
    unexplained: usize,
}

fn differences(found: &Labels, theirs: &[i64], least: usize) -> Difference {
    let splits: Vec<f64> = found
        .clusters
        .iter()
        .flat_map(|c| [c.separate_at, c.ends_at])
        .collect();
    let holds_together = |i: usize| {
        let core = found.core_distance[i];
        splits.iter().any(|s| (s - core).abs() <= 1e-9 * core)
    };
    let ours = |i: usize| match found.label[i] {
        NOISE => -1,
        label => i64::from(label),
    };
    // Each of their clusters is the one of ours that most of it is in.
    let mut overlap: BTreeMap<i64, BTreeMap<i64, usize>> = BTreeMap::new();
    for (i, &their) in theirs.iter().enumerate().filter(|t| *t.1 >= 0) {
        *overlap
            .entry(their)
            .or_default()
            .entry(ours(i))
            .or_default() += 1;
    }
    let same: BTreeMap<i64, i64> = overlap
        .iter()
        .filter_map(|(&their, of)| {
            let (&our, &n) = of.iter().max_by_key(|o| o.1)?;
            (our >= 0 && n + 1 >= least).then_some((their, our))
        })
        .collect();
    let too_small: BTreeSet<i64> = overlap
        .iter()
        .filter(|o| o.1.values().sum::<usize>() == least)
        .map(|o| *o.0)
        .collect();
    let in_place: BTreeSet<i64> = too_small
        .iter()
        .flat_map(|their| overlap[their].keys().copied())
        .filter(|&our| our >= 0)
        .collect();
    let mut difference = Difference::default();
    for (i, their) in theirs.iter().enumerate() {
        let expected = if *their < 0 {
            Some(&-1)
        } else {
            same.get(their)
        };
        if expected == Some(&ours(i)) {
            continue;
        }
        if ours(i) < 0 && holds_together(i) {
            difference.at_a_split += 1;
        } else if too_small.contains(their) || in_place.contains(&ours(i)) {
            difference.too_small += 1;
        } else {
            println!("{i}: ours {}, theirs {their}", ours(i));
            difference.unexplained += 1;
        }
    }
    difference
}

#[test]
fn towns_of_different_density() {
    let text = include_str!("../../../fixtures/oracles/hdbscan/towns/points.csv");
    let mut rows = text.lines();
    let names: Vec<&str> = rows.next().unwrap().split(',').collect();
    let rows: Vec<Vec<f64>> = rows
        .map(|r| r.split(',').map(|v| v.parse().unwrap()).collect())
        .collect();
    let column = |name: &str| -> Vec<f64> {
        let at = names.iter().position(|n| *n == name).unwrap();
        rows.iter().map(|r| r[at]).collect()
    };
    let points: Vec<[f64; 2]> = rows.iter().map(|r| [r[0], r[1]]).collect();
    let weights = vec![1; points.len()];
    let plain = options(15, 1);
    let leaf = Options {
        selection: Pick::Leaf,
        ..plain
    };
    let epsilon = Options {
        selection_epsilon: 400_000.0,
        ..leaf
    };
    for (name, options) in [("eom_1", plain), ("leaf_1", leaf), ("epsilon_1", epsilon)] {
        let found = cluster(&points, &weights, &options).unwrap();
        let labels: Vec<i64> = column(&format!("label_{name}"))
            .iter()
            .map(|&l| l as i64)
            .collect();
        let clusters = labels.iter().max().unwrap() + 1;
        assert!(clusters > 5, "{name}: {clusters}");
        assert_eq!(found.clusters.len() as i64, clusters, "{name}");
        assert_eq!(
            differences(&found, &labels, 15),
            Difference::default(),
            "{name}"
        );
        for (i, p) in column(&format!("probability_{name}")).iter().enumerate() {
            assert!(
                (found.membership[i] - p).abs() < 1e-9,
                "{name} {i}: {} {p}",
                found.membership[i]
            );
        }
    }
    let found = cluster(&points, &weights, &options(15, 10)).unwrap();
    let labels: Vec<i64> = column("label_eom_10").iter().map(|&l| l as i64).collect();
    let expected = Difference {
        at_a_split: 7,
        ..Difference::default()
    };
    assert_eq!(differences(&found, &labels, 15), expected);
}

#[test]
fn ten_thousand_jittered_points() {
    let Some(path) = shared("peers/oracle/hdbscan_10k_jit15_mcs10_ms10.npz") else {
        println!("skipped: no shared data");
        return;
    };
    let bytes = std::fs::read(path).expect("it was there");
    let oracle = read_npz(&bytes).expect("an archive of numpy");
    let (points, _) = oracle["xy"].floats().expect("floats").as_chunks::<2>();
    let labels = |name: &str| {
        oracle
            .get(name)
            .map(Array::integers)
            .expect(name)
            .expect("integers")
    };
    let weights = vec![1; points.len()];
    // The Python package does not count the point itself.
    let sklearn = Difference {
        at_a_split: 60,
        too_small: 35,
        unexplained: 0,
    };
    let python = Difference {
        at_a_split: 56,
        too_small: 60,
        unexplained: 0,
    };
    for (min_samples, name, expected) in [
        (10, "label_sklearn", sklearn),
        (11, "label_hdbscan_py", python),
    ] {
        let found = cluster(points, &weights, &options(10, min_samples)).unwrap();
        assert_eq!(differences(&found, labels(name), 10), expected, "{name}");
    }
}
