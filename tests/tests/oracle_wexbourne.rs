//! Other programs on the fixtures' own incidents: scikit-learn's DBSCAN and HDBSCAN, pointpats' Knox
//! table, spatstat's corrected densities.
//!
//! The incidents come through the ingest. What the programs were given is committed beside what they
//! answered, in `fixtures/oracles/<method>/wexbourne`, and must be what the ingest gives today; to
//! write it anew: `cargo test -p isopleth-tests --test oracle_wexbourne -- --ignored`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use isopleth_core::domain::{LocationBasis, LonLat, Span, day_of};
use isopleth_core::edge::{Correction, Window};
use isopleth_core::estimate::corrected;
use isopleth_core::kernel::Kernel;
use isopleth_core::methods::hdbscan::{self, Options, Pick};
use isopleth_core::methods::knox::{HalfOpen, Metric, table};
use isopleth_core::methods::{dbscan, dbscan::NOISE};
use isopleth_core::plane::{Planar, project};
use isopleth_core::statistics::poisson_upper;
use isopleth_io::ingest::{self, Mapping};
use isopleth_io::read_areas;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures")
}

/// A located record: offence term, millimetres, time, basis.
type Record = (String, (i32, i32), Span, LocationBasis);

fn records(path: &str, options: &ingest::Options) -> Vec<Record> {
    let mut all = Vec::new();
    for input in ingest::find_inputs(&[fixtures().join(path)]).unwrap() {
        if input.skipped().is_some() {
            continue;
        }
        ingest::read(&input, options, &mut |rows, texts| {
            for row in rows {
                let Some(at) = row.location else { continue };
                let term = texts.kinds[row.kind as usize].term.clone();
                all.push((term, (at.x_mm, at.y_mm), row.span, row.basis));
            }
            Ok(())
        })
        .unwrap();
    }
    all
}

/// Incidents of one category of the street files at each location, by easting and northing.
fn street(category: &str) -> BTreeMap<(i32, i32), u32> {
    let mut counts = BTreeMap::new();
    for (term, at, _, _) in records("police_uk", &ingest::Options::default()) {
        if term == category {
            *counts.entry(at).or_default() += 1;
        }
    }
    counts
}

/// The force extract's violence at addresses that is known to the day: millimetres and day.
fn violence() -> Vec<(i32, i32, i32)> {
    let mapping = std::fs::read_to_string(fixtures().join("force/mapping.toml")).unwrap();
    let options = ingest::Options {
        mapping: Some(Mapping::from_toml(&mapping).unwrap()),
        ..ingest::Options::default()
    };
    let mut events: Vec<_> = records("force/crimes.csv", &options)
        .into_iter()
        .filter(|(term, _, span, basis)| {
            ["8N", "5D", "105A"].contains(&term.as_str())
                && *basis == LocationBasis::Address
                && day_of(span.from) == day_of(span.to - 1)
        })
        .map(|(_, at, span, _)| (at.0, at.1, day_of(span.from)))
        .collect();
    events.sort_unstable();
    events
}

/// The borough's outline in millimetres of the plane.
fn outline() -> Vec<(i32, i32)> {
    let bytes = std::fs::read(fixtures().join("areas/boroughs.geojson")).unwrap();
    let read = read_areas(&bytes, "borough", "2022", "GSS_CODE", "NAME").unwrap();
    let area = read.areas.iter().find(|a| a.name == "Wexbourne").unwrap();
    assert!(area.geometry.0.len() == 1 && area.geometry.0[0].interiors().is_empty());
    let mm = |v: f64| (v * 1000.0).round() as i32;
    let ring = area.geometry.0[0].exterior().coords();
    ring.map(|c| {
        let p = project(LonLat::new(c.x, c.y).unwrap()).unwrap().planar;
        (mm(p.x), mm(p.y))
    })
    .collect()
}

fn metres(at: (i32, i32)) -> [f64; 2] {
    [f64::from(at.0) / 1000.0, f64::from(at.1) / 1000.0]
}

fn planar(at: (i32, i32)) -> Planar {
    let [x, y] = metres(at);
    Planar { x, y }
}

fn window() -> Window {
    let ring: Vec<(f64, f64)> = outline().iter().map(|&p| metres(p).into()).collect();
    Window::new(&[geo::Polygon::new(ring.into(), Vec::new())]).unwrap()
}

/// Burglaries in the borough.
fn burglaries_inside() -> BTreeMap<(i32, i32), u32> {
    let window = window();
    let mut all = street("Burglary");
    all.retain(|&at, _| window.covers(planar(at)));
    all
}

fn counted(counts: &BTreeMap<(i32, i32), u32>) -> String {
    let mut text = "x_mm,y_mm,incidents\n".to_owned();
    for ((x, y), n) in counts {
        writeln!(text, "{x},{y},{n}").unwrap();
    }
    text
}

/// What the programs are given.
fn inputs() -> [(&'static str, String); 5] {
    let mut ring = "x_mm,y_mm\n".to_owned();
    for (x, y) in outline() {
        writeln!(ring, "{x},{y}").unwrap();
    }
    let mut events = "x_mm,y_mm,day\n".to_owned();
    for (x, y, day) in violence() {
        writeln!(events, "{x},{y},{day}").unwrap();
    }
    [
        (
            "dbscan/wexbourne/points.csv",
            counted(&street("Violence and sexual offences")),
        ),
        ("hdbscan/wexbourne/points.csv", counted(&street("Burglary"))),
        (
            "kernel_density/wexbourne/points.csv",
            counted(&burglaries_inside()),
        ),
        ("kernel_density/wexbourne/window.csv", ring),
        ("knox/wexbourne/events.csv", events),
    ]
}

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
#[ignore = "writes what the other programs are given"]
fn write_inputs() {
    for (path, text) in inputs() {
        std::fs::write(fixtures().join("oracles").join(path), text).unwrap();
    }
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
