//! The fixtures' own incidents, as other programs are given them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use isopleth_core::domain::{LocationBasis, LonLat, Span, day_of};
use isopleth_core::edge::Window;
use isopleth_core::plane::{Planar, project};
use isopleth_io::ingest::{self, Mapping};
use isopleth_io::read_areas;

pub fn fixtures() -> PathBuf {
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
pub fn street(category: &str) -> BTreeMap<(i32, i32), u32> {
    let mut counts = BTreeMap::new();
    for (term, at, _, _) in records("police_uk", &ingest::Options::default()) {
        if term == category {
            *counts.entry(at).or_default() += 1;
        }
    }
    counts
}

/// The force extract's violence at addresses that is known to the day: millimetres and day.
pub fn violence() -> Vec<(i32, i32, i32)> {
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

pub fn metres(at: (i32, i32)) -> [f64; 2] {
    [f64::from(at.0) / 1000.0, f64::from(at.1) / 1000.0]
}

pub fn planar(at: (i32, i32)) -> Planar {
    let [x, y] = metres(at);
    Planar { x, y }
}

pub fn window() -> Window {
    let ring: Vec<(f64, f64)> = outline().iter().map(|&p| metres(p).into()).collect();
    Window::new(&[geo::Polygon::new(ring.into(), Vec::new())]).unwrap()
}

/// Burglaries in the borough.
pub fn burglaries_inside() -> BTreeMap<(i32, i32), u32> {
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
pub fn inputs() -> [(&'static str, String); 5] {
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
