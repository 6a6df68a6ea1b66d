//! DBSCAN against scikit-learn on 100,000 points.
//!
//! The oracle is that of scikit-learn 1.9.1, `DBSCAN(eps, min_samples=10, algorithm="kd_tree")`, made
//! by `peer_dbscan.py kd_tree 100000 EPS` beside the shared data. Cores, noise and the clusters of
//! cores must be identical: a distance is compared with the radius in the same arithmetic. The
//! cluster of a border point depends on scikit-learn's order of points and is not compared.

use isopleth_core::methods::dbscan::{NOISE, cluster};
use isopleth_tests::npy::{Array, read_npz};
use isopleth_tests::oracle::{how_to_make_points, peer_points, shared};

fn compare(radius: u32, clusters: u32) {
    let Some(path) = shared(&format!("peers/oracle/dbscan_100k_eps{radius}_min10.npz")) else {
        println!("skipped: no shared data");
        return;
    };
    let Some(points) = peer_points(100_000) else {
        println!("skipped: no peer points ({})", how_to_make_points(100_000));
        return;
    };
    let bytes = std::fs::read(path).expect("it was there");
    let oracle = read_npz(&bytes).expect("an archive of numpy");
    let of = |name: &str| {
        oracle
            .get(name)
            .map(Array::integers)
            .expect(name)
            .expect("integers")
    };
    let found = cluster(&points, &vec![1; points.len()], radius.into(), 10).unwrap();
    println!("{radius} m: {} clusters", found.clusters);
    assert_eq!(found.clusters, clusters);

    // The oracle numbers clusters by their core of least index.
    let mut number = vec![-1; found.clusters as usize];
    let mut next = 0;
    for i in 0..points.len() {
        assert_eq!(found.core[i], of("is_core")[i] == 1, "core {i}");
        assert_eq!(found.label[i] == NOISE, of("is_noise")[i] == 1, "noise {i}");
        let label = if found.core[i] {
            let number = &mut number[found.label[i] as usize];
            if *number < 0 {
                *number = next;
                next += 1;
            }
            *number
        } else {
            -1
        };
        assert_eq!(label, of("core_label")[i], "cluster of core {i}");
    }
}

#[test]
fn radius_of_50_m() {
    compare(50, 1084);
}

#[test]
fn radius_of_100_m() {
    compare(100, 1765);
}
