use geo::{Coord, LineString, Point, Rect};
use tiny_skia::Pixmap;

use super::*;
use crate::crs::Crs;
use crate::layer::{Column, ColumnType, Feature, GeometryKind};

fn layer(geometry: GeometryKind, shapes: Vec<Geometry>) -> Layer {
    Layer {
        title: "Layer".into(),
        description: String::new(),
        geometry,
        columns: vec![Column {
            name: "rank".into(),
            kind: ColumnType::Integer,
            unit: None,
            meaning: String::new(),
        }],
        features: shapes
            .into_iter()
            .zip(1..)
            .map(|(geometry, rank)| Feature {
                id: rank.to_string(),
                geometry,
                values: vec![Value::Integer(rank)],
            })
            .collect(),
        days: None,
        provenance: serde_json::Map::new(),
    }
}

fn square(west: f64, south: f64, size: f64) -> Geometry {
    let a = Coord { x: west, y: south };
    let b = Coord {
        x: west + size,
        y: south + size,
    };
    Rect::new(a, b).to_polygon().into()
}

fn picture(layer: &Layer, view: &View) -> Pixmap {
    let png = render(layer, view, Background::Transparent).unwrap();
    assert_eq!(png, render(layer, view, Background::Transparent).unwrap());
    let picture = Pixmap::decode_png(&png).unwrap();
    assert_eq!(
        (picture.width(), picture.height()),
        (view.width(), view.height())
    );
    picture
}

fn painted(picture: &Pixmap, x: u32, y: u32) -> bool {
    picture.pixel(x, y).unwrap().alpha() > 0
}

#[test]
fn areas_are_where_they_should_be_in_every_system() {
    let layer = layer(GeometryKind::Polygon, vec![square(-0.1, 51.5, 0.1)]);
    let box_of_grid = [520_000.0, 170_000.0, 550_000.0, 200_000.0];
    for crs in Crs::ALL {
        let view = View::new(
            [-0.2, 51.4, 0.1, 51.7],
            Crs::Crs84,
            crs,
            Some(300),
            Some(300),
        );
        let view = view.unwrap();
        let picture = picture(&layer, &view);
        let at = |lon: f64, lat: f64| {
            let p = view.pixel([lon, lat]).unwrap();
            painted(&picture, p[0] as u32, p[1] as u32)
        };
        for (lon, lat, inside) in [
            (-0.05, 51.55, true),
            (-0.095, 51.505, true),
            (-0.005, 51.595, true),
            (-0.11, 51.55, false),
            (0.01, 51.55, false),
            (-0.05, 51.49, false),
            (-0.05, 51.61, false),
        ] {
            assert_eq!(at(lon, lat), inside, "{lon} {lat} {crs:?}");
        }
    }
    let view = View::new(
        box_of_grid,
        Crs::NationalGrid,
        Crs::NationalGrid,
        Some(200),
        None,
    );
    let view = view.unwrap();
    assert_eq!(view.height(), 200);
    // PROJ puts it at 531979, 179607, to some five metres.
    let p = view.pixel([-0.1, 51.5]).unwrap();
    assert!(
        (p[0] - 80.0).abs() < 1.0 && (p[1] - 136.0).abs() < 1.0,
        "{p:?}"
    );
    assert_eq!(view.bbox(), box_of_grid);
}

#[test]
fn a_whole_world_does_not_stop_the_grid() {
    let world = layer(
        GeometryKind::Polygon,
        vec![
            Rect::new((-180.0, -90.0), (180.0, 90.0))
                .to_polygon()
                .into(),
        ],
    );
    let grid = View::new(
        [0.0, 0.0, 700_000.0, 1_250_000.0],
        Crs::NationalGrid,
        Crs::NationalGrid,
        Some(70),
        Some(125),
    )
    .unwrap();
    assert!(painted(&picture(&world, &grid), 40, 60));
    for crs in [Crs::Crs84, Crs::WebMercator] {
        let view = View::new(shown(None), Crs::Crs84, crs, Some(64), Some(64)).unwrap();
        assert!(painted(&picture(&world, &view), 10, 32));
    }
}

#[test]
fn points_lines_and_nothing_are_drawn() {
    let point = layer(
        GeometryKind::Point,
        vec![Point::new(0.05, 51.55).into(); 1000],
    );
    let line = layer(
        GeometryKind::LineString,
        vec![LineString::from(vec![(-170.0, 51.55), (170.0, 51.55)]).into()],
    );
    let empty = layer(GeometryKind::Polygon, vec![]);
    let nowhere = layer(
        GeometryKind::Polygon,
        vec![Geometry::GeometryCollection(
            geo::GeometryCollection::default(),
        )],
    );
    for crs in Crs::ALL {
        let view = View::new(
            [0.0, 51.5, 0.1, 51.6],
            Crs::Crs84,
            crs,
            Some(101),
            Some(101),
        )
        .unwrap();
        assert!(
            painted(&picture(&point, &view), 46, 50) && !painted(&picture(&point, &view), 10, 10)
        );
        assert!(painted(&picture(&line, &view), 20, 50));
        for nothing in [&empty, &nowhere] {
            assert!(picture(nothing, &view).data().iter().all(|&b| b == 0));
        }
        let white = Background::Colour(Colour::new(255, 255, 255));
        let ground = Pixmap::decode_png(&render(&empty, &view, white).unwrap()).unwrap();
        assert!(ground.data().iter().all(|&b| b == 255));
    }
}

#[test]
fn the_first_rank_lies_on_top_and_is_written() {
    let layer = layer(GeometryKind::Polygon, vec![square(0.0, 51.5, 0.1); 60]);
    let view = View::new(
        [0.0, 51.5, 0.1, 51.6],
        Crs::Crs84,
        Crs::Crs84,
        Some(100),
        Some(100),
    )
    .unwrap();
    let picture = picture(&layer, &view);
    let p = picture.pixel(20, 20).unwrap();
    assert!(p.red() > 150 && p.green() < 60, "{p:?}");
    // A numeral has black strokes in a white halo.
    let pixels = picture.pixels();
    assert!(pixels.iter().any(|p| p.red() < 30 && p.green() < 30));
    assert!(
        pixels
            .iter()
            .any(|p| p.red() > 230 && p.green() > 230 && p.blue() > 200)
    );
}

#[test]
fn impossible_views_are_refused() {
    let of = |bbox, crs, w, h| View::new(bbox, crs, crs, w, h);
    let fine = [0.0, 51.0, 1.0, 52.0];
    let view = of(fine, Crs::Crs84, None, None).unwrap();
    assert_eq!((view.width(), view.height()), (637, 1024));
    assert_eq!(of(fine, Crs::Crs84, None, Some(512)).unwrap().width(), 319);
    for (bbox, crs, w, h) in [
        ([1.0, 51.0, 0.0, 52.0], Crs::Crs84, None, None),
        ([0.0, 51.0, 0.0, 52.0], Crs::Crs84, None, None),
        ([0.0, 51.0, 1.0, 91.0], Crs::Crs84, None, None),
        ([f64::NAN, 51.0, 1.0, 52.0], Crs::Crs84, None, None),
        ([-1.0, 0.0, 10.0, 10.0], Crs::NationalGrid, None, None),
        ([0.0, 0.0, 1e9, 10.0], Crs::WebMercator, None, None),
        (fine, Crs::Crs84, Some(0), None),
        (fine, Crs::Crs84, Some(5001), Some(1)),
        (fine, Crs::Crs84, Some(5000), Some(5000)),
        ([0.0, 51.0, 1e-9, 52.0], Crs::Crs84, Some(5000), None),
    ] {
        assert!(of(bbox, crs, w, h).is_err(), "{bbox:?} {w:?} {h:?}");
    }
    let far = View::new(
        [100.0, 0.0, 101.0, 1.0],
        Crs::Crs84,
        Crs::NationalGrid,
        None,
        None,
    );
    assert!(matches!(far, Err(ViewError::NoImage(_))));
}
