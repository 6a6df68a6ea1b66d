//! Cells and columns of a table.

use geo::{Geometry, Point};
use isopleth_core::domain::LonLat;
use isopleth_core::statistics::{LEAST_BASE, share};
use isopleth_core::tally::Shape;
use serde_json::{Value as Json, json};

use crate::layer::{Column, ColumnType, Value};

pub(super) fn count(n: u32) -> Value {
    Value::Integer(i64::from(n))
}

pub(super) fn optional(n: Option<u32>) -> Value {
    n.map_or(Value::Null, count)
}

/// Ten significant digits: what a reader can use, and no last bit that looks like knowledge.
pub(super) fn real(v: f64) -> Value {
    if !v.is_finite() {
        return Value::Null;
    }
    Value::Real(format!("{v:.9e}").parse().unwrap_or(v))
}

pub(super) fn metres(v: f64) -> Value {
    Value::Real((v * 10.0).round() / 10.0)
}

pub(super) fn text(v: String) -> Value {
    if v.is_empty() {
        Value::Null
    } else {
        Value::Text(v)
    }
}

pub(super) fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join("; ")
}

pub(super) fn round7(v: f64) -> f64 {
    (v * 1e7).round() / 1e7
}

pub(super) fn column(name: &str, kind: ColumnType, unit: Option<&str>, meaning: &str) -> Column {
    Column {
        name: name.into(),
        kind,
        unit: unit.map(Into::into),
        meaning: meaning.into(),
    }
}

/// A point, seven decimals of a degree.
pub(super) fn point(at: LonLat) -> Geometry {
    Geometry::Point(Point::new(round7(at.lon()), round7(at.lat())))
}

/// A decimal number of ten significant digits, or null with no number.
pub(super) fn optional_real(v: Option<f64>) -> Value {
    v.map_or(Value::Null, real)
}

/// The same for provenance.
pub(super) fn short(v: f64) -> f64 {
    format!("{v:.9e}").parse().unwrap_or(v)
}

/// A part of a base: its share, or why it is not told.
pub(super) fn part(n: u64, base: u64) -> Json {
    match share(n, base) {
        Some(share) => json!({ "number": n, "of": base, "share": short(share) }),
        None => json!({
            "number": n, "of": base, "share": null,
            "reason": format!("no share on a base below {LEAST_BASE}"),
        }),
    }
}

/// A large count.
pub(super) fn number(n: u64) -> Value {
    i64::try_from(n).map_or(Value::Null, Value::Integer)
}

/// A large count, or null with no number.
pub(super) fn optional_number(n: Option<u64>) -> Value {
    n.map_or(Value::Null, number)
}

/// The ground of an area, seven decimals of a degree, exterior rings anticlockwise; an empty set where
/// there is none.
pub(super) fn ground(of: &geo::MultiPolygon) -> Geometry {
    use geo::MapCoords;
    use geo::orient::{Direction, Orient};
    let tidy = of.orient(Direction::Default).map_coords(|c| geo::Coord {
        x: round7(c.x),
        y: round7(c.y),
    });
    Geometry::MultiPolygon(tidy)
}

/// A feature that is nowhere on the map.
pub(super) fn nowhere() -> Geometry {
    Geometry::MultiPolygon(geo::MultiPolygon(Vec::new()))
}

/// A counted place on the map; all of a layer are of one kind, and cells are multi-polygons.
pub(super) fn shape(shape: &Shape) -> Geometry {
    match shape {
        Shape::Point(at) => point(*at),
        Shape::Cell(outline, _) => Geometry::MultiPolygon(outline.clone()),
    }
}

/// The geometry of counted places.
pub(super) fn shapes(by: isopleth_core::tally::CountedBy) -> crate::layer::GeometryKind {
    use crate::layer::GeometryKind;
    use isopleth_core::tally::CountedBy;
    match by {
        CountedBy::Locations => GeometryKind::Point,
        CountedBy::Cells(_) => GeometryKind::MultiPolygon,
    }
}

/// Planar area of a cell; null for a location.
pub(super) fn area(shape: &Shape) -> Value {
    match shape {
        Shape::Point(_) => Value::Null,
        Shape::Cell(_, area_m2) => metres(*area_m2),
    }
}
