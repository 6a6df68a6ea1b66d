//! Other programs on the fixtures' own incidents: scikit-learn's DBSCAN and HDBSCAN, pointpats' Knox
//! table, spatstat's corrected densities.
//!
//! The incidents come through the ingest. What the programs were given is committed beside what they
//! answered, in `fixtures/oracles/<method>/wexbourne`, and must be what the ingest gives today; to
//! write it anew: `cargo run -p isopleth-tests --example oracle-inputs`.

use std::collections::BTreeMap;

use crate::wexbourne::{
    burglaries_inside, fixtures, inputs, metres, planar, street, violence, window,
};
use isopleth_core::edge::Correction;
use isopleth_core::estimate::corrected;
use isopleth_core::kernel::Kernel;
use isopleth_core::methods::hdbscan::{self, Options, Pick};
use isopleth_core::methods::knox::{HalfOpen, Metric, table};
use isopleth_core::methods::{dbscan, dbscan::NOISE};
use isopleth_core::plane::Planar;
use isopleth_core::statistics::poisson_upper;

fn oracle(path: &str) -> String {
    std::fs::read_to_string(fixtures().join("oracles").join(path)).unwrap()
}

/// Columns of a recorded table by name.
fn columns(path: &str) -> BTreeMap<String, Vec<f64>> {
    let text = oracle(path);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let names: Vec<String> = reader.headers().unwrap().iter().map(Into::into).collect();
    let mut all: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for row in reader.records() {
        for (name, value) in names.iter().zip(row.unwrap().iter()) {
            all.entry(name.clone())
                .or_default()
                .push(value.parse().unwrap());
        }
    }
    all
}

#[test]
fn the_programs_were_given_what_the_ingest_gives() {
    for (path, text) in inputs() {
        assert!(text.lines().count() > 50, "{path}");
        assert!(oracle(path) == text, "{path} differs");
    }
}

/// Clusters numbered by their first point of those that count.
fn renumbered(labels: &[i64], counts: &[bool]) -> Vec<i64> {
    let mut number = BTreeMap::new();
    let mut next = 0;
    labels
        .iter()
        .zip(counts)
        .map(|(&label, &counts)| {
            if !counts || label < 0 {
                return -1;
            }
            *number.entry(label).or_insert_with(|| {
                next += 1;
                next - 1
            })
        })
        .collect()
}

fn signed(label: u32) -> i64 {
    if label == NOISE { -1 } else { label.into() }
}

#[test]
fn dbscan_of_scikit_learn() {
    let all = street("Violence and sexual offences");
    let points: Vec<[f64; 2]> = all.keys().map(|&at| metres(at)).collect();
    let weights: Vec<u32> = all.values().copied().collect();
    let theirs = columns("dbscan/wexbourne/labels.csv");
    for (radius, min, clusters) in [(100, 12, 66), (250, 30, 24)] {
        let found = dbscan::cluster(&points, &weights, radius.into(), min).unwrap();
        assert_eq!(found.clusters, clusters, "{radius}");
        let core: Vec<bool> = theirs[&format!("core_{radius}")]
            .iter()
            .map(|v| *v > 0.0)
            .collect();
        let label: Vec<i64> = theirs[&format!("label_{radius}")]
            .iter()
            .map(|v| *v as i64)
            .collect();
        assert_eq!(found.core, core, "{radius}");
        let own: Vec<i64> = found.label.iter().copied().map(signed).collect();
        assert_eq!(renumbered(&own, &core), renumbered(&label, &core));
        // A border point between two clusters goes to either; noise is noise.
        for (own, their) in own.iter().zip(&label) {
            assert_eq!(*own < 0, *their < 0);
        }
        assert!(core.contains(&true) && label.contains(&-1));
    }
}

#[test]
fn hdbscan_of_scikit_learn() {
    let all = street("Burglary");
    let points: Vec<[f64; 2]> = all.keys().map(|&at| metres(at)).collect();
    let options = Options {
        min_cluster_size: 10,
        min_samples: 1,
        resolution: 1e-6,
        selection: Pick::Eom,
        allow_single_cluster: false,
        selection_epsilon: 0.0,
    };
    let found = hdbscan::cluster(&points, &vec![1; points.len()], &options).unwrap();
    let theirs = columns("hdbscan/wexbourne/labels.csv");
    let label: Vec<i64> = theirs["label"].iter().map(|v| *v as i64).collect();
    let own: Vec<i64> = found
        .label
        .iter()
        .map(|&l| if l == hdbscan::NOISE { -1 } else { l.into() })
        .collect();
    let every = vec![true; own.len()];
    assert!(found.clusters.len() >= 5);
    assert_eq!(renumbered(&own, &every), renumbered(&label, &every));
    for (i, p) in theirs["probability"].iter().enumerate() {
        assert!((found.membership[i] - p).abs() < 1e-9, "{i}");
    }
}

#[test]
fn knox_of_pointpats() {
    let events = violence();
    let points: Vec<(f64, f64)> = events.iter().map(|e| metres((e.0, e.1)).into()).collect();
    let days: Vec<i32> = events.iter().map(|e| e.2).collect();
    let theirs = columns("knox/wexbourne/tables.csv");
    assert_eq!(theirs["delta_m"].len(), 3);
    for (i, &delta) in theirs["delta_m"].iter().enumerate() {
        let of = |name: &str| theirs[name][i];
        let distance = HalfOpen::new("metres", &[0.0, delta], true).unwrap();
        let time = HalfOpen::new("days", &[0, of("tau_days") as u32 + 1], true).unwrap();
        let found = table(&points, &days, &distance, &time, Metric::Euclidean).unwrap();
        for (cell, name) in ["near_near", "near_far", "far_near", "far_far"]
            .iter()
            .enumerate()
        {
            assert_eq!(
                found.observed[cell] as f64,
                of(&format!("observed_{name}")),
                "{i} {name}"
            );
            let expected = of(&format!("expected_{name}"));
            assert!(
                (found.expected[cell] / expected - 1.0).abs() < 1e-12,
                "{i} {name}"
            );
        }
        // Theirs is P(X > observed).
        let p = poisson_upper(found.observed[0] + 1, found.expected[0]);
        let their = of("p_poisson_above");
        assert!((p - their).abs() <= 1e-9 * their + 1e-13, "{i} {p} {their}");
        assert_eq!(
            found.p_poisson(0),
            Some(poisson_upper(found.observed[0], found.expected[0]))
        );
    }
}

#[test]
fn densities_of_spatstat() {
    let all = burglaries_inside();
    let points: Vec<(Planar, f64)> = all
        .iter()
        .map(|(&at, &n)| (planar(at), f64::from(n)))
        .collect();
    let places: Vec<Planar> = points.iter().map(|p| p.0).collect();
    let window = window();
    let theirs = columns("kernel_density/wexbourne/densities.csv");
    // Corrections there are read off pixels: up to 1.1 % beside a border, and even both ways.
    for (name, kernel, correction, tolerance) in [
        ("quartic", Kernel::Quartic, Correction::None, 1e-12),
        (
            "epanechnikov",
            Kernel::Epanechnikov,
            Correction::None,
            1e-12,
        ),
        (
            "quartic_uniform",
            Kernel::Quartic,
            Correction::Uniform,
            0.015,
        ),
        ("quartic_diggle", Kernel::Quartic, Correction::Diggle, 0.015),
    ] {
        let found = corrected(kernel, 400.0, &points, &window, correction, &places);
        let theirs = &theirs[name];
        assert_eq!(found.len(), theirs.len());
        let off: Vec<f64> = found
            .iter()
            .zip(theirs)
            .map(|(own, their)| own / their - 1.0)
            .collect();
        let worst = off.iter().fold(0.0_f64, |most, o| most.max(o.abs()));
        let mean = off.iter().sum::<f64>() / off.len() as f64;
        println!("{name}: {worst:e} at most, {mean:e} in the mean");
        assert!(
            worst <= tolerance && mean.abs() <= tolerance / 20.0,
            "{name}: {worst} {mean}"
        );
    }
    // The corrections do something here.
    let ratio = |a: &str| -> f64 {
        let pairs = theirs[a].iter().zip(&theirs["quartic"]);
        pairs.map(|(c, plain)| c / plain).fold(1.0, f64::max)
    };
    assert!(ratio("quartic_uniform") > 1.3 && ratio("quartic_diggle") > 1.1);
}
