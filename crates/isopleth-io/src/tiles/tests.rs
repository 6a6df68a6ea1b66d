use std::collections::{BTreeMap, HashMap};

use geo::{Area, BoundingRect, Coord, CoordsIter, Geometry, LineString, Point, Polygon, Rect};
use mvt_reader::Reader;
use mvt_reader::feature::{Feature as Read, Value as ReadValue};
use proptest::prelude::*;

use super::*;
use crate::layer::{Column, ColumnType, Feature, GeometryKind, Layer, Value};
use crate::mercator::unit;

fn layer(geometry: GeometryKind, features: Vec<(Geometry, Vec<Value>)>) -> Layer {
    let column = |name: &str, kind| Column {
        name: name.into(),
        kind,
        unit: None,
        meaning: String::new(),
    };
    Layer {
        title: "Layer".into(),
        description: String::new(),
        geometry,
        columns: vec![
            column("rank", ColumnType::Integer),
            column("density \"é\"", ColumnType::Real),
            column("name", ColumnType::Text),
            column("edge", ColumnType::Boolean),
        ],
        features: features
            .into_iter()
            .enumerate()
            .map(|(n, (geometry, values))| Feature {
                id: format!("f-{n}"),
                geometry,
                values,
            })
            .collect(),
        days: None,
        provenance: serde_json::Map::new(),
    }
}

fn values(n: usize) -> Vec<Value> {
    vec![
        Value::Integer(-(n as i64)),
        Value::Real(n as f64 / 3.0),
        if n.is_multiple_of(2) {
            Value::Null
        } else {
            Value::Text(format!("Größe {}", n % 5))
        },
        Value::Boolean(n.is_multiple_of(3)),
    ]
}

fn square(west: f64, south: f64, size: f64) -> Geometry {
    let a = Coord { x: west, y: south };
    let b = Coord {
        x: west + size,
        y: south + size,
    };
    Rect::new(a, b).to_polygon().into()
}

/// The tile that a position lies in.
fn home(lon: f64, lat: f64, z: u8) -> TileId {
    let [x, y] = unit(lon, lat).map(|v| (v * f64::from(1_u32 << z)) as u32);
    let last = (1 << z) - 1;
    TileId::new(z, x.min(last), y.min(last)).unwrap()
}

fn read(tile: Vec<u8>) -> Vec<Read<i32>> {
    let reader = Reader::new(tile).unwrap();
    let layers = reader.get_layer_metadata().unwrap();
    assert_eq!(layers.len(), 1);
    assert_eq!((layers[0].name.as_str(), layers[0].extent), ("it", EXTENT));
    reader.get_features_as(0).unwrap()
}

fn text(feature: &Read<i32>, name: &str) -> Option<String> {
    match feature.properties.as_ref()?.get(name)? {
        ReadValue::String(text) => Some(text.clone()),
        other => panic!("{other:?}"),
    }
}

fn merged(feature: &Read<i32>) -> u64 {
    match feature.properties.as_ref().unwrap().get("merged_features") {
        None => 1,
        Some(ReadValue::UInt(n)) => *n,
        Some(other) => panic!("{other:?}"),
    }
}

/// Every tile of a zoom with what is in it.
fn tiles(source: &TileSource, z: u8) -> BTreeMap<(u32, u32), Vec<Read<i32>>> {
    let side = 1_u32 << z;
    let ids = (0..side).flat_map(|y| (0..side).map(move |x| (x, y)));
    ids.filter_map(|(x, y)| {
        let tile = source.tile("it", TileId::new(z, x, y).unwrap())?;
        Some(((x, y), read(tile)))
    })
    .collect()
}

/// Rings are closed and simple in direction, nothing leaves the buffer.
fn check(feature: &Read<i32>) {
    let (low, high) = (-(BUFFER as i32), (EXTENT + BUFFER) as i32);
    for c in feature.geometry.coords_iter() {
        assert!(
            low <= c.x && c.x <= high && low <= c.y && c.y <= high,
            "{c:?}"
        );
    }
    let polygons = match &feature.geometry {
        Geometry::Polygon(p) => vec![p.clone()],
        Geometry::MultiPolygon(all) => all.0.clone(),
        _ => return,
    };
    for polygon in polygons {
        let area = |ring: &LineString<i32>| {
            let ring: LineString = ring
                .coords()
                .map(|c| (f64::from(c.x), f64::from(c.y)))
                .collect();
            assert!(ring.is_closed() && ring.0.len() >= 4);
            Polygon::new(ring, vec![]).signed_area()
        };
        assert!(area(polygon.exterior()) > 0.0);
        for hole in polygon.interiors() {
            assert!(area(hole) < 0.0);
        }
    }
}

#[test]
fn a_tile_has_the_features_with_their_values() {
    let features = (0..40)
        .map(|n| {
            (
                square(f64::from(n) / 100.0, 51.5, 0.008),
                values(n as usize),
            )
        })
        .collect();
    let layer = layer(GeometryKind::Polygon, features);
    let source = TileSource::new(&layer);
    let id = home(0.1, 51.5, 8);
    let found = read(source.tile("it", id).unwrap());
    assert_eq!(found.len(), 40);
    for (n, (read, feature)) in found.iter().zip(&layer.features).enumerate() {
        check(read);
        assert_eq!(read.id, Some(n as u64 + 1));
        let properties = read.properties.as_ref().unwrap();
        let mut expected: HashMap<String, ReadValue> = HashMap::new();
        for (column, value) in layer.columns.iter().zip(&feature.values) {
            let value = match value {
                Value::Null => continue,
                Value::Boolean(v) => ReadValue::Bool(*v),
                Value::Integer(v) => ReadValue::SInt(*v),
                Value::Real(v) => ReadValue::Double(*v),
                Value::Text(v) => ReadValue::String(v.clone()),
            };
            expected.insert(column.name.clone(), value);
        }
        expected.insert("id".into(), ReadValue::String(feature.id.clone()));
        assert_eq!(properties, &expected);
        let want = feature.geometry.bounding_rect().unwrap();
        let got = read.geometry.bounding_rect().unwrap();
        let scale = f64::from(1_u32 << id.z()) * f64::from(EXTENT);
        for (corner, step) in [
            (unit(want.min().x, want.max().y), got.min()),
            (unit(want.max().x, want.min().y), got.max()),
        ] {
            let x = corner[0] * scale - f64::from(id.x() * EXTENT);
            let y = corner[1] * scale - f64::from(id.y() * EXTENT);
            assert!((x - f64::from(step.x)).abs() <= 0.5 && (y - f64::from(step.y)).abs() <= 0.5);
        }
    }
    assert_eq!(source.tile("it", home(100.0, 0.0, 8)), None);
    assert_eq!(
        source.tile("it", id),
        TileSource::new(&layer).tile("it", id)
    );
}

#[test]
fn whole_ids_are_kept_and_taken_names_are_left_alone() {
    let mut layer = layer(
        GeometryKind::Point,
        vec![
            (Point::new(0.1, 51.5).into(), values(1)),
            (Point::new(0.2, 51.5).into(), values(2)),
        ],
    );
    layer.columns[2].name = "id".into();
    layer.features[0].id = "700".into();
    layer.features[1].id = u64::MAX.to_string();
    let ids = |layer: &Layer| {
        let found = read(
            TileSource::new(layer)
                .tile("it", home(0.1, 51.5, 3))
                .unwrap(),
        );
        found.iter().map(|f| f.id.unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&layer), [700, u64::MAX]);
    let found = read(
        TileSource::new(&layer)
            .tile("it", home(0.1, 51.5, 3))
            .unwrap(),
    );
    assert_eq!(text(&found[0], "id_").as_deref(), Some("700"));
    assert_eq!(text(&found[0], "id").as_deref(), Some("Größe 1"));
    layer.features[0].id = "0700".into();
    assert_eq!(ids(&layer), [1, 2]);
}

#[test]
fn holes_and_parts_stay() {
    let ring = |w: f64, s: f64, e: f64, n: f64| {
        LineString::from(vec![(w, s), (e, s), (e, n), (w, n), (w, s)])
    };
    let with_hole = Polygon::new(ring(0.0, 51.0, 1.0, 52.0), vec![ring(0.3, 51.3, 0.6, 51.6)]);
    let other = Polygon::new(ring(2.0, 51.0, 3.0, 52.0), vec![]);
    let layer = layer(
        GeometryKind::MultiPolygon,
        vec![(geo::MultiPolygon(vec![with_hole, other]).into(), values(1))],
    );
    let found = read(
        TileSource::new(&layer)
            .tile("it", home(0.5, 51.5, 4))
            .unwrap(),
    );
    check(&found[0]);
    let Geometry::MultiPolygon(parts) = &found[0].geometry else {
        panic!("{:?}", found[0].geometry);
    };
    assert_eq!(parts.0.len(), 2);
    assert_eq!(parts.0[0].interiors().len(), 1);
}

#[test]
fn what_has_no_place_is_in_no_tile() {
    let nothing = Geometry::GeometryCollection(geo::GeometryCollection::default());
    let polar = Point::new(10.0, 89.0).into();
    let edge = Point::new(180.0, -85.0).into();
    let layer = layer(
        GeometryKind::Point,
        vec![(nothing, values(1)), (polar, values(2)), (edge, values(3))],
    );
    let source = TileSource::new(&layer);
    for z in [0, 3] {
        let all: Vec<_> = tiles(&source, z).into_values().flatten().collect();
        let ids: Vec<_> = all.iter().filter_map(|f| text(f, "id")).collect();
        assert!(
            !ids.is_empty() && ids.iter().all(|id| id == "f-2"),
            "{ids:?}"
        );
    }
    let empty = self::layer(GeometryKind::Polygon, vec![]);
    assert_eq!(TileSource::new(&empty).tile("it", home(0.0, 0.0, 0)), None);
}

#[test]
fn what_is_too_small_is_a_pixel() {
    for (kind, geometry) in [
        (GeometryKind::Polygon, square(0.1, 51.5, 1e-6)),
        (GeometryKind::Polygon, square(0.1, 51.5, 0.0)),
        (
            GeometryKind::LineString,
            LineString::from(vec![(0.1, 51.5), (0.100_001, 51.5)]).into(),
        ),
    ] {
        let layer = layer(kind, vec![(geometry, values(1))]);
        let all = tiles(&TileSource::new(&layer), 2);
        let [(_, found)] = all.iter().collect::<Vec<_>>()[..] else {
            panic!("{all:?}");
        };
        check(&found[0]);
        let rect = found[0].geometry.bounding_rect().unwrap();
        assert_eq!(rect.width(), 8);
        assert_eq!(merged(&found[0]), 1);
    }
}

#[test]
fn a_full_tile_is_thinned_and_says_so() {
    // 20,000 points on 5,000 places, within one tile of zoom 6.
    let points = |n: usize| {
        let (x, y) = (n % 5000 % 100, n % 5000 / 100);
        Point::new(0.01 + x as f64 / 25.0, 51.0 + y as f64 / 50.0)
    };
    let squares = |n: usize| {
        let p = points(n);
        square(p.x(), p.y(), 0.001)
    };
    let of = |kind, geometry: &dyn Fn(usize) -> Geometry| {
        layer(
            kind,
            (0..20_000).map(|n| (geometry(n), values(n))).collect(),
        )
    };
    for layer in [
        of(GeometryKind::Point, &|n| points(n).into()),
        of(GeometryKind::Polygon, &squares),
    ] {
        let source = TileSource::new(&layer);
        let mut sizes = Vec::new();
        for z in [0, 4, 5, 6] {
            let home_of_first = home(0.01, 51.0, z);
            let all = tiles(&source, z);
            let mut total = 0;
            for ((x, y), found) in all {
                let tile = source.tile("it", TileId::new(z, x, y).unwrap()).unwrap();
                sizes.push(tile.len());
                assert!(found.len() <= FULL);
                for feature in &found {
                    check(feature);
                    let rect = feature.geometry.bounding_rect().unwrap();
                    let home = |v: i32| (0..EXTENT as i32).contains(&v);
                    if home((rect.min().x + rect.max().x) / 2)
                        && home((rect.min().y + rect.max().y) / 2)
                    {
                        total += merged(feature);
                    }
                }
                // The first of the layer stands for the others.
                let ids: Vec<u64> = found.iter().map(|f| f.id.unwrap()).collect();
                let first = home_of_first == TileId::new(z, x, y).unwrap();
                assert!(ids.is_sorted() && (!first || ids[0] == 1));
            }
            assert_eq!(total, 20_000, "zoom {z}");
        }
        assert!(sizes.iter().all(|&size| size < 500_000), "{sizes:?}");
    }
}

fn any_geometry() -> impl Strategy<Value = (GeometryKind, Vec<Geometry>)> {
    let at = (-180.0..=180.0_f64, -85.0..=85.0_f64);
    let points = proptest::collection::vec(at.clone(), 1..30)
        .prop_map(|all| all.into_iter().map(|p| Point::from(p).into()).collect());
    let ring = proptest::collection::vec(at, 3..8);
    let lines = proptest::collection::vec(ring.clone(), 1..10).prop_map(|all| {
        all.into_iter()
            .map(|l| LineString::from(l).into())
            .collect()
    });
    let areas = proptest::collection::vec(ring, 1..10).prop_map(|all| {
        all.into_iter()
            .map(|r| Polygon::new(LineString::from(r), vec![]).into())
            .collect()
    });
    prop_oneof![
        points.prop_map(|g| (GeometryKind::Point, g)),
        lines.prop_map(|g| (GeometryKind::LineString, g)),
        areas.prop_map(|g| (GeometryKind::Polygon, g)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_feature_is_in_the_tiles_of_every_zoom(
        (kind, geometries) in any_geometry(),
        z in 0..5_u8,
    ) {
        let features = geometries.into_iter().enumerate();
        let layer = layer(kind, features.map(|(n, g)| (g, values(n))).collect());
        let source = TileSource::new(&layer);
        let all = tiles(&source, z);
        let mut seen: Vec<u64> = all.values().flatten().map(|f| f.id.unwrap()).collect();
        all.values().flatten().for_each(check);
        seen.sort_unstable();
        seen.dedup();
        prop_assert_eq!(seen.len(), layer.features.len());
        // A point is where it should be, to half a step.
        for (id, found) in &all {
            for feature in found.iter().filter(|_| kind == GeometryKind::Point) {
                let at = feature.geometry.coords_iter().next().unwrap();
                let Geometry::Point(of) = layer.features[feature.id.unwrap() as usize - 1].geometry
                    else { panic!("a point") };
                let scale = f64::from(1_u32 << z) * f64::from(EXTENT);
                let want = unit(of.x(), of.y()).map(|v| v * scale);
                let x = f64::from(id.0 * EXTENT) + f64::from(at.x);
                let y = f64::from(id.1 * EXTENT) + f64::from(at.y);
                prop_assert!((x - want[0]).abs() <= 0.5 && (y - want[1]).abs() <= 0.5);
            }
        }
    }
}
