//! Cells and columns of a table.

use geo::{Geometry, Point};
use isopleth_core::domain::LonLat;

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
