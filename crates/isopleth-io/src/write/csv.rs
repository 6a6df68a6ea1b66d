//! CSV (RFC 4180), with its metadata in the W3C's vocabulary for CSV on the Web beside it.

use std::borrow::Cow;
use std::io::{self, Write};

use geo::Geometry;
use serde_json::{Value as Json, json};

use crate::layer::{ColumnType, GeometryKind, Layer, Value};

/// Writes a layer as CSV: id, longitude and latitude (points) or the outline as well-known text
/// (lines and polygons), and the columns. Text that a spreadsheet would run as a formula is preceded by an
/// apostrophe.
///
/// # Errors
/// Those of the writer.
pub fn csv(layer: &Layer, out: impl Write) -> io::Result<()> {
    let mut writer = csv::WriterBuilder::new().from_writer(out);
    let point = layer.geometry == GeometryKind::Point;
    let place: &[&str] = if point {
        &["longitude", "latitude"]
    } else {
        &["outline_wkt"]
    };
    let head = std::iter::once("id")
        .chain(layer.columns.iter().map(|c| c.name.as_str()))
        .chain(place.iter().copied());
    writer.write_record(head)?;
    for feature in &layer.features {
        writer.write_field(guarded(&feature.id).as_ref())?;
        for value in &feature.values {
            let cell: Cow<str> = match value {
                Value::Null => "".into(),
                Value::Boolean(b) => b.to_string().into(),
                Value::Integer(n) => n.to_string().into(),
                Value::Real(v) => v.to_string().into(),
                Value::Text(t) => guarded(t),
            };
            writer.write_field(cell.as_ref())?;
        }
        match &feature.geometry {
            Geometry::Point(p) if point => {
                writer.write_field(p.x().to_string())?;
                writer.write_field(p.y().to_string())?;
            }
            other => writer.write_field(wkt(other))?,
        }
        writer.write_record(None::<&[u8]>)?;
    }
    writer.flush()
}

/// The metadata document of a layer's CSV: columns with their meaning, and the provenance. It
/// belongs beside the file as `NAME.csv-metadata.json`.
#[must_use]
pub fn csv_metadata(layer: &Layer, file_name: &str) -> Json {
    let datatype = |kind| match kind {
        ColumnType::Boolean => "boolean",
        ColumnType::Integer => "integer",
        ColumnType::Real => "double",
        ColumnType::Date => "date",
        ColumnType::Text => "string",
    };
    let mut columns = vec![json!({ "name": "id", "datatype": "string" })];
    columns.extend(layer.columns.iter().map(|c| {
        let unit = c
            .unit
            .as_ref()
            .map_or(String::new(), |u| format!(" Unit: {u}."));
        json!({
            "name": c.name,
            "datatype": datatype(c.kind),
            "dc:description": format!("{}{unit}", c.meaning),
        })
    }));
    if layer.geometry == GeometryKind::Point {
        columns.push(json!({ "name": "longitude", "datatype": "double" }));
        columns.push(json!({ "name": "latitude", "datatype": "double" }));
    } else {
        columns.push(json!({ "name": "outline_wkt", "datatype": "string" }));
    }
    json!({
        "@context": "http://www.w3.org/ns/csvw",
        "url": file_name,
        "dc:title": layer.title,
        "dc:description": layer.description,
        "tableSchema": { "columns": columns, "primaryKey": "id" },
        "notes": [{ "provenance": layer.provenance }],
    })
}

/// Text that begins as a formula does gets an apostrophe, so that a spreadsheet shows it.
fn guarded(text: &str) -> Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{text}").into()
    } else {
        text.into()
    }
}

fn wkt(geometry: &Geometry) -> String {
    let ring = |r: &geo::LineString| {
        let points: Vec<String> = r.coords().map(|c| format!("{} {}", c.x, c.y)).collect();
        format!("({})", points.join(", "))
    };
    let polygon = |p: &geo::Polygon| {
        let rings: Vec<String> = std::iter::once(p.exterior())
            .chain(p.interiors())
            .map(ring)
            .collect();
        format!("({})", rings.join(", "))
    };
    match geometry {
        Geometry::Point(p) => format!("POINT ({} {})", p.x(), p.y()),
        Geometry::LineString(l) => format!("LINESTRING {}", ring(l)),
        Geometry::MultiLineString(m) => {
            format!(
                "MULTILINESTRING ({})",
                m.iter().map(ring).collect::<Vec<_>>().join(", ")
            )
        }
        Geometry::Polygon(p) => format!("POLYGON {}", polygon(p)),
        Geometry::MultiPolygon(m) if m.0.is_empty() => String::new(),
        Geometry::MultiPolygon(m) => {
            format!(
                "MULTIPOLYGON ({})",
                m.iter().map(polygon).collect::<Vec<_>>().join(", ")
            )
        }
        _ => String::new(),
    }
}
