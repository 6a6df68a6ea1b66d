//! Gi* and Mann–Kendall of a cube against numpy on 1,000,000 events, 17,294 cells and 36 months.
//!
//! The oracle is made by `ehsa.py numpy 9 1` beside the shared data: ring 1 at t and t − 1, the cell
//! itself counted, mean and standard deviation of the whole cube. It keeps the last three months and the
//! statistics of Mann–Kendall in single precision (2⁻²⁴ of a value), and the sum of all z; S is a whole
//! number and must be equal for every cell, which takes equal ranks of all 36 values of each.

use std::io::Read;

use h3o::{CellIndex, Resolution};
use isopleth_core::domain::{
    GroupDefinition, IncidentRow, IncidentSetBuilder, Kind, Lens, Location, LocationBasis, LonLat,
    NO_PLACE, Period, month_span,
};
use isopleth_core::ground::StudyArea;
use isopleth_core::lattice::{Neighbours, cells_at};
use isopleth_core::methods::emerging_hot_spots::{Cube, Definition, Sides, Test};
use isopleth_core::methods::emerging_hot_spots::{Family, PValue, Reference};
use isopleth_core::plane::project;
use isopleth_core::statistics::Correction;
use isopleth_core::steps::{Step, Steps};
use isopleth_core::{AreaSelect, Snapshot};
use isopleth_io::layer::Value;
use isopleth_io::{analyse, read_areas, read_request};
use isopleth_tests::npy::{Array, read_npz};
use isopleth_tests::oracle::{how_to_make_points, peer_data, peer_positions, shared};

const EVENTS: usize = 1_000_000;

/// Largest error of a value in single precision.
fn single(v: f64) -> f64 {
    v.abs() * f64::from(f32::EPSILON) / 2.0 + 1e-12
}

#[test]
fn as_numpy_has_it() {
    let Some(path) = shared("peers/oracle/ehsa_res9_k1_1m.npz") else {
        println!("skipped: no shared data");
        return;
    };
    let times = std::fs::read(peer_data().join(format!("t_{EVENTS}.npy")));
    let (Some(positions), Ok(times)) = (peer_positions(EVENTS), times) else {
        println!("skipped: no peer points ({})", how_to_make_points(EVENTS));
        return;
    };
    let times = Array::read(&times).unwrap();
    let oracle = read_npz(&std::fs::read(path).unwrap()).unwrap();
    let cells: Vec<CellIndex> = oracle["cell"]
        .integers()
        .unwrap()
        .iter()
        .map(|&c| CellIndex::try_from(c as u64).unwrap())
        .collect();
    let steps = Steps::of(Period::parse("2023-01/2025-12").unwrap(), Step::Month).unwrap();
    let n = steps.len();

    let mut counts = vec![0; cells.len() * n];
    let at: Vec<LonLat> = positions
        .iter()
        .map(|p| LonLat::new(p[0], p[1]).unwrap())
        .collect();
    let seconds = times.integers().unwrap();
    for (cell, &t) in cells_at(&at, Resolution::Nine).iter().zip(seconds) {
        let step = steps.holding(i32::try_from(t / 60).unwrap()).unwrap();
        if let Ok(cell) = cells.binary_search(cell) {
            counts[cell * n + step] += 1;
        }
    }
    let around = |cell: &CellIndex| -> Vec<u32> {
        let disk: Vec<CellIndex> = cell.grid_disk(1);
        let found = disk.iter().filter_map(|n| cells.binary_search(n).ok());
        found.map(|n| n as u32).collect()
    };
    let neighbours = Neighbours::from_lists(cells.iter().map(around).collect());
    let first: Vec<usize> = (0..n).map(|t| t.saturating_sub(1)).collect();
    let test = Test {
        reference: Reference::EntireCube,
        p_value: PValue::Normal,
        correction: Correction::BenjaminiHochberg,
        family: Family::AllBins,
        level: 0.05,
    };
    let cube = Cube::new(&counts, &first, &neighbours, test).unwrap();

    let floats = |name: &str| oracle[name].floats().unwrap();
    let (last, sums, z) = (
        floats("gi_last3"),
        oracle["mk_S"].integers().unwrap(),
        floats("mk_z"),
    );
    let mut total = 0.0;
    for cell in 0..cells.len() {
        for (ours, theirs) in cube.z(cell)[n - 3..].iter().zip(&last[cell * 3..]) {
            assert!((ours - theirs).abs() <= single(*ours), "cell {cell}");
        }
        let trend = &cube.trends[cell];
        assert_eq!(trend.s, sums[cell], "cell {cell}");
        let ours = trend.z().unwrap_or(0.0);
        assert!((ours - z[cell]).abs() <= single(ours), "cell {cell}");
        total += cube.z(cell).iter().sum::<f64>();
    }
    let theirs = floats("gi_checksum")[0];
    assert!((total - theirs).abs() < 1e-6, "{total} {theirs}");
    let found = cube.categories(Definition::EsriCurrent, Sides::Hot, 0.05);
    let named = found.iter().flatten().count();
    println!("{named} of {} cells with a pattern", cells.len());
    // Events of the generator have no seasons and no growth: what is hot mostly stays so.
    assert!((500..8000).contains(&named));
}

/// Burglary in the north-east of London by month, as data.police.uk has it, without the rows that have no location.
fn burglary() -> Option<(Snapshot, Vec<(LonLat, i8)>)> {
    let archive = shared("data/police_uk_metropolitan_burglary_2018-2019.zip")?;
    let areas = std::fs::read(shared("data/areas/london_boroughs.geojson")?).unwrap();
    let areas = read_areas(&areas, "borough", "2022", "gss_code", "name").unwrap();
    let mut archive = zip::ZipArchive::new(std::fs::File::open(archive).unwrap()).unwrap();
    let mut builder = IncidentSetBuilder::default();
    let mut rows = Vec::new();
    for i in 0..archive.len() {
        let mut text = String::new();
        let mut file = archive.by_index(i).unwrap();
        file.read_to_string(&mut text).unwrap();
        for row in csv::Reader::from_reader(text.as_bytes()).records() {
            let row = row.unwrap();
            let (Ok(lon), Ok(lat)) = (row[4].parse(), row[5].parse()) else {
                continue;
            };
            // Hackney and some kilometres around it.
            if !((-0.16..0.05).contains(&lon) && (51.49..51.61).contains(&lat)) {
                continue;
            }
            let position = LonLat::new(lon, lat).unwrap();
            let at = project(position).unwrap().planar;
            let mm = |v: f64| (v * 1000.0).round() as i32;
            let (year, month) = row[1].split_once('-').unwrap();
            let (year, month): (i16, i8) = (year.parse().unwrap(), month.parse().unwrap());
            builder.push(&IncidentRow {
                location: Some(Location {
                    x_mm: mm(at.x),
                    y_mm: mm(at.y),
                    position,
                }),
                span: month_span(year, month).unwrap(),
                kind: 0,
                basis: LocationBasis::SnapPoint,
                place: NO_PLACE,
            });
            rows.push((position, (year - 2018) as i8 * 12 + month - 1));
        }
    }
    let kind = Kind {
        term: "Burglary".into(),
        sub_type_term: String::new(),
        record_source: "data.police.uk".into(),
        group: Some("burglary".into()),
        sub_type: None,
        lens: Lens::Reported,
    };
    let group = GroupDefinition {
        id: "burglary".into(),
        title: "Burglary".into(),
        lens: Lens::Reported,
        activity: false,
    };
    let snapshot = Snapshot {
        revision: "metropolitan".into(),
        incidents: builder.finish(vec![kind], Vec::new()),
        areas: areas.areas,
        policy: "as recorded 1".into(),
        groups: vec![group],
        ..Snapshot::default()
    };
    Some((snapshot, rows))
}

#[test]
fn burglary_of_hackney_in_two_years() {
    let Some((snapshot, rows)) = burglary() else {
        println!("skipped: no shared data");
        return;
    };
    let text = include_str!("../../../examples/requests/hackney-burglary-emerging-2018-2019.json");
    let request = read_request(
        &text.replace("\"rings\"", "\"show\": \"all\", \"rings\""),
        false,
    );
    let layer = analyse(&snapshot, &request.unwrap()).unwrap();
    let hackney = AreaSelect::Code("E09000012".into());
    let hackney = StudyArea::find(&hackney, &snapshot.areas).unwrap();
    let mut by_month = [0_i64; 24];
    for (at, month) in rows {
        by_month[month as usize] += i64::from(hackney.covers(at));
    }
    println!("{by_month:?}: {}", by_month.iter().sum::<i64>());
    println!("{}", layer.provenance["resolved"]);
    let at = |name: &str| layer.columns.iter().position(|c| c.name == name).unwrap();
    let (counts, category, history) = (at("counts_by_step"), at("category"), at("history"));
    let mut found = [0_i64; 24];
    for feature in &layer.features {
        let Value::Text(counts) = &feature.values[counts] else {
            panic!("no counts");
        };
        for (found, n) in found.iter_mut().zip(counts.split(' ')) {
            *found += n.parse::<i64>().unwrap();
        }
        if feature.values[category] != Value::Null {
            println!(
                "{:?} {:?} {counts} z {:?} {:?} trend {:?} {:?}",
                feature.values[category],
                feature.values[history],
                feature.values[at("latest_z")],
                feature.values[at("latest_p_adjusted")],
                feature.values[at("trend_z")],
                feature.values[at("edge_effect")],
            );
        }
    }
    assert_eq!(found, by_month);
    let named = layer
        .features
        .iter()
        .filter(|f| f.values[category] != Value::Null);
    // Few by exact p, for the cube as a whole is uneven; more by Esri's normal p.
    let exact = named.count();
    let normal = text.replace("\"rings\"", "\"p_value\": \"normal\", \"rings\"");
    let layer = analyse(&snapshot, &read_request(&normal, false).unwrap()).unwrap();
    println!(
        "{exact} cells by exact p, {} by normal p",
        layer.features.len()
    );
    assert!((3..60).contains(&layer.features.len()));
    assert!((1..=layer.features.len()).contains(&exact));
}
