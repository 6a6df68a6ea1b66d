//! CSV (RFC 4180), with its metadata in the W3C's vocabulary for CSV on the Web beside it.

use std::borrow::Cow;
use std::io::{self, Write};

use geo::Geometry;
use serde_json::{Value as Json, json};

use super::Part;
use super::part::located;
use crate::crs::Crs;
use crate::layer::{ColumnType, GeometryKind, Value};

/// Writes a layer as CSV: id, the columns, and longitude and latitude (points; easting and northing
/// in a projected system) or the outline as well-known text (lines and polygons). Text that a
/// spreadsheet would run as a formula is preceded by an apostrophe.
///
/// # Errors
/// Those of the writer.
pub fn csv<'a>(part: impl Into<Part<'a>>, out: impl Write) -> io::Result<()> {
    let part = part.into();
    let layer = part.layer();
    let mut writer = csv::WriterBuilder::new().from_writer(out);
    let point = layer.geometry == GeometryKind::Point;
    let id = part.free_name("id");
    let place = place_names(&part);
    let head = std::iter::once(id.as_str())
        .chain(layer.columns.iter().map(|c| c.name.as_str()))
        .chain(place.iter().map(String::as_str));
    for name in head {
        writer.write_field(guarded(name).as_ref())?;
    }
    writer.write_record(None::<&[u8]>)?;
    for feature in part.features() {
        writer.write_field(guarded(&feature.id).as_ref())?;
        for column in 0..layer.columns.len() {
            let cell: Cow<str> = match feature.values.get(column) {
                None | Some(Value::Null) => "".into(),
                Some(Value::Boolean(b)) => b.to_string().into(),
                Some(Value::Integer(n)) => n.to_string().into(),
                Some(Value::Real(v)) => v.to_string().into(),
                Some(Value::Text(t)) => guarded(t),
            };
            writer.write_field(cell.as_ref())?;
        }
        match located(&feature.geometry) {
            Some(Geometry::Point(p)) if point => {
                writer.write_field(p.x().to_string())?;
                writer.write_field(p.y().to_string())?;
            }
            _ if point => {
                writer.write_field("")?;
                writer.write_field("")?;
            }
            Some(other) => writer.write_field(wkt(other))?,
            None => writer.write_field("")?,
        }
        writer.write_record(None::<&[u8]>)?;
    }
    writer.flush()
}

/// The metadata document of the CSV of a layer or of some of its features: columns with their meaning, and the provenance. It
/// belongs beside the file as `NAME.csv-metadata.json`.
#[must_use]
pub fn csv_metadata(part: &Part, file_name: &str) -> Json {
    let layer = part.layer();
    let id = part.free_name("id");
    let datatype = |kind| match kind {
        ColumnType::Boolean => "boolean",
        ColumnType::Integer => "integer",
        ColumnType::Real => "double",
        ColumnType::Date => "date",
        ColumnType::Text => "string",
    };
    let mut columns = vec![json!({ "name": id, "datatype": "string" })];
    columns.extend(layer.columns.iter().map(|c| {
        let unit = c
            .unit
            .as_ref()
            .map_or(String::new(), |u| format!(" Unit: {u}."));
        json!({
            "name": guarded(&c.name),
            "datatype": datatype(c.kind),
            "dc:description": format!("{}{unit}", c.meaning),
        })
    }));
    let place = place_names(part);
    let kind = if place.len() == 2 { "double" } else { "string" };
    columns.extend(
        place
            .iter()
            .map(|name| json!({ "name": name, "datatype": kind })),
    );
    json!({
        "@context": "http://www.w3.org/ns/csvw",
        "url": file_name,
        "dc:title": layer.title,
        "dc:description": layer.description,
        "tableSchema": { "columns": columns, "primaryKey": id },
        "notes": [{ "provenance": part.provenance() }],
    })
}

/// Names of the columns that say where a feature is.
fn place_names(part: &Part) -> Vec<String> {
    let names: &[&str] = match (part.layer().geometry, part.crs()) {
        (GeometryKind::Point, Crs::Crs84) => &["longitude", "latitude"],
        (GeometryKind::Point, _) => &["easting", "northing"],
        _ => &["outline_wkt"],
    };
    names.iter().map(|name| part.free_name(name)).collect()
}

/// Text that begins as a formula does gets an apostrophe, so that a spreadsheet shows it. Some
/// read the signs of East Asian width too.
fn guarded(text: &str) -> Cow<'_, str> {
    let signs = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];
    if text.starts_with(signs) {
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
