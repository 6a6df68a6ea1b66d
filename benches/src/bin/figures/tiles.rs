//! How long it takes to cut a vector tile that nobody has asked for before.

use geo::{Coord, Geometry, Point, Rect};
use isopleth_benches::clock::Runs;
use isopleth_benches::load::Failure;
use isopleth_io::layer::{Column, ColumnType, Feature, GeometryKind, Layer, Value};
use isopleth_io::tiles::{TileId, TileSource};

use crate::figure::{Figure, Report, Target};

/// CPU milliseconds of tipg 1.6.1 with PostGIS 3.3 for a tile of 2,700 squares with 7 properties,
/// database included, on two cores.
const TIPG_MS: f64 = 24.0;
/// Tiles cut in one run: a single one is too short for the clock.
const TIMES: u32 = 50;

pub(crate) fn measure(report: &mut Report) -> Result<(), Failure> {
    for (name, columns) in [("tiles.squares_7", 7), ("tiles.squares_30", 30)] {
        if report.wants(name) {
            let what = format!("a tile of 2,700 squares with {columns} properties, uncached");
            let squares = layer(GeometryKind::Polygon, 2_700, columns);
            let target = Some(Target::AtMost(2.0));
            report.add(figure(
                name,
                what,
                &squares,
                TileId::new(8, 127, 85),
                TIMES,
                target,
            )?);
        }
    }
    if report.wants("tiles.points") {
        let points = layer(GeometryKind::Point, 849_409, 7);
        let what = "the tile of the world with 849,409 points, thinned, uncached".to_owned();
        let whole = TileId::new(0, 0, 0);
        report.add(figure("tiles.points", what, &points, whole, 1, None)?);
    }
    Ok(())
}

fn figure(
    name: &'static str,
    what: String,
    layer: &Layer,
    id: Option<TileId>,
    times: u32,
    target: Option<Target>,
) -> Result<Figure, Failure> {
    let id = id.ok_or("no such tile")?;
    let source = TileSource::new(layer);
    let tile = source.tile("bench", id).ok_or("an empty tile")?;
    let runs = Runs::five(|| {
        for _ in 0..times {
            std::hint::black_box(source.tile("bench", id));
        }
    });
    let peer = target.map(|_| ("tipg 1.6.1 with PostGIS 3.3".to_owned(), TIPG_MS));
    Ok(Figure {
        name,
        what,
        unit: "CPU ms",
        ours: runs.median() / f64::from(times) * 1e3,
        runs,
        peer,
        agreement: format!("{} bytes", tile.len()),
        target,
    })
}

/// Features in rows over London; every third column is text.
fn layer(geometry: GeometryKind, features: usize, columns: usize) -> Layer {
    let kinds = [ColumnType::Integer, ColumnType::Real, ColumnType::Text];
    let column = |n: usize| Column {
        name: format!("column_{n}"),
        kind: kinds[n % 3],
        unit: None,
        meaning: String::new(),
    };
    let side = (features as f64).sqrt().ceil();
    let feature = |n: usize| {
        let (column, row) = (n as f64 % side, (n as f64 / side).floor());
        let (x, y) = (-0.5 + column / side * 0.45, 51.3 + row / side * 0.35);
        let geometry: Geometry = match geometry {
            GeometryKind::Point => Point::new(x, y).into(),
            _ => {
                let far = Coord {
                    x: x + 0.008,
                    y: y + 0.006,
                };
                Rect::new(Coord { x, y }, far).to_polygon().into()
            }
        };
        let value = |c: usize| match kinds[c % 3] {
            ColumnType::Integer => Value::Integer((n * (c + 1) % 97) as i64),
            ColumnType::Real => Value::Real((n * (c + 1)) as f64 / 7.0),
            _ => Value::Text(format!("category {}", n * (c + 1) % 40)),
        };
        Feature {
            id: format!("feature-{n}"),
            geometry,
            values: (0..columns).map(value).collect(),
        }
    };
    Layer {
        title: "Bench".into(),
        description: String::new(),
        geometry,
        columns: (0..columns).map(column).collect(),
        features: (0..features).map(feature).collect(),
        days: None,
        provenance: serde_json::Map::new(),
    }
}
