//! ST-DBSCAN against the Python package st_dbscan 0.2.3 at 1,150 events, and against a comparison of
//! all pairs with numpy at 20,150, where that package is wrong.
//!
//! Events, commands and numbers: `fixtures/oracles/st_dbscan/spates`. Cores, noise and the clusters
//! of cores must be identical; the cluster of a border event depends on their order of events.

use isopleth_core::methods::dbscan::{NOISE, cluster_with_days};

/// The events of `make.py`.
fn events(background: u32) -> (Vec<[f64; 2]>, Vec<i32>) {
    let mut state = 1_u64;
    let mut draw = move |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) % below) as i32
    };
    let mut all: Vec<[i32; 3]> = (0..background as i32)
        .map(|i| {
            if i % 5 == 0 {
                let town = i / 5 % 20;
                [
                    town * 997 + draw(150),
                    town * 1499 + draw(150),
                    town * 17 + draw(40),
                ]
            } else {
                [draw(40_000), draw(60_000), draw(730)]
            }
        })
        .collect();
    all.extend((0..50).map(|i| [-5000, -5000, 100 + i / 4]));
    all.extend((0..50).map(|i| [-9000 + i % 10 * 9, -5000 + i / 10 * 9, 300]));
    let at = |e: &[i32; 3]| [f64::from(e[0]), f64::from(e[1])];
    (
        all.iter().map(at).collect(),
        all.iter().map(|e| e[2]).collect(),
    )
}

fn compare(background: u32, clusters: u32, cores: usize, noise: usize, hash: u64) {
    let (points, days) = events(background);
    let found = cluster_with_days(&points, &days, &vec![1; points.len()], 100.0, 7, 5).unwrap();
    assert_eq!(found.clusters, clusters);
    assert_eq!(found.core.iter().filter(|c| **c).count(), cores);
    assert_eq!(found.label.iter().filter(|l| **l == NOISE).count(), noise);
    // The oracle numbers clusters by their core of least index, from 1 in the hash; 0 is no core.
    let mut number = vec![0_u32; clusters as usize];
    let mut next = 1;
    let mut fnv = 0xcbf2_9ce4_8422_2325_u64;
    for (&core, &label) in found.core.iter().zip(&found.label) {
        let value = if core {
            let number = &mut number[label as usize];
            if *number == 0 {
                *number = next;
                next += 1;
            }
            *number
        } else {
            0
        };
        for byte in value.to_le_bytes() {
            fnv = (fnv ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
    }
    assert_eq!(format!("{fnv:#018x}"), format!("{hash:#018x}"));
    // The place of 50 and the day of 50 are a cluster each.
    let last = &found.label[points.len() - 100..];
    for fifty in last.chunks(50) {
        assert!(fifty[0] != NOISE && fifty.iter().all(|l| *l == fifty[0]));
    }
    assert_ne!(last[0], last[99]);
}

#[test]
fn as_the_package_below_its_break() {
    compare(1_050, 21, 146, 933, 0xf8f2_905e_9fc1_b47e);
}

#[test]
fn as_all_pairs_above_it() {
    compare(20_050, 22, 4_111, 16_038, 0x5842_2daa_188d_28c5);
}
