//! GeoJSON (RFC 7946).

use std::io::{self, Write};

use geo::{Coord, Geometry, LineString, Polygon};
use serde_json::{Map, Value as Json};

use super::{Format, Part, only_wgs_84};
use crate::crs::Crs;
use crate::layer::{Feature, Layer, Value};

/// What RFC 8142 puts before every text of a sequence.
const RECORD_SEPARATOR: u8 = 0x1e;

/// Writes a layer as a feature collection, one feature a line. Its title, description, columns and
/// provenance are foreign members.
///
/// # Errors
/// Those of the writer; [`io::ErrorKind::InvalidInput`] for coordinates that are not WGS 84.
pub fn geojson<'a>(part: impl Into<Part<'a>>, out: &mut impl Write) -> io::Result<()> {
    let part = part.into();
    only_wgs_84(&part, Format::GeoJson)?;
    let layer = part.layer();
    write!(
        out,
        "{{\"type\":\"FeatureCollection\",\"title\":{}",
        Json::from(layer.title.as_str())
    )?;
    write!(
        out,
        ",\"description\":{}",
        Json::from(layer.description.as_str())
    )?;
    if let Some(bbox) = part.bbox() {
        write!(
            out,
            ",\"bbox\":[{},{},{},{}]",
            bbox[0], bbox[1], bbox[2], bbox[3]
        )?;
    }
    out.write_all(b",\"features\":[")?;
    for (i, feature) in part.features().enumerate() {
        out.write_all(if i == 0 { b"\n{" } else { b",\n{" })?;
        feature_members(layer, feature, out)?;
        out.write_all(b"}")?;
    }
    let columns = serde_json::to_string(&layer.columns)?;
    let provenance = serde_json::to_string(&part.provenance())?;
    writeln!(
        out,
        "\n],\"columns\":{columns},\"provenance\":{provenance}}}"
    )
}

/// Writes a layer as a text sequence (RFC 8142): every feature is a record that stands for itself.
/// The first also has the member `collection`, with the layer's title, description, columns and
/// provenance; a sequence without features has none.
///
/// # Errors
/// Those of the writer; [`io::ErrorKind::InvalidInput`] for coordinates that are not WGS 84.
pub fn geojson_seq<'a>(part: impl Into<Part<'a>>, out: &mut impl Write) -> io::Result<()> {
    let part = part.into();
    only_wgs_84(&part, Format::GeoJsonSeq)?;
    let layer = part.layer();
    for (i, feature) in part.features().enumerate() {
        out.write_all(&[RECORD_SEPARATOR, b'{'])?;
        feature_members(layer, feature, out)?;
        if i == 0 {
            let collection = serde_json::json!({
                "title": layer.title,
                "description": layer.description,
                "columns": layer.columns,
                "provenance": part.provenance(),
            });
            write!(out, ",\"collection\":{collection}")?;
        }
        out.write_all(b"}\n")?;
    }
    Ok(())
}

/// Writes the members of a feature object, without its braces, so that callers can add members.
///
/// # Errors
/// Those of the writer.
pub fn feature_members(layer: &Layer, feature: &Feature, out: &mut impl Write) -> io::Result<()> {
    members(layer, feature, &feature.geometry, out)
}

/// The same with the geometry in another coordinate reference system: metres with three decimals.
/// RFC 7946 allows this where both sides have agreed on it.
///
/// # Errors
/// Those of the writer; [`BeyondCrs`](crate::crs::BeyondCrs) inside one of kind `InvalidInput` for
/// a geometry that the system does not reach.
pub fn feature_members_in(
    layer: &Layer,
    feature: &Feature,
    crs: Crs,
    out: &mut impl Write,
) -> io::Result<()> {
    if crs == Crs::Crs84 {
        return feature_members(layer, feature, out);
    }
    let there = crs.place(&feature.geometry);
    let there = there.map_err(|e| io::Error::new(io::ErrorKind::InvalidInput, e))?;
    members(layer, feature, &there, out)
}

fn members(
    layer: &Layer,
    feature: &Feature,
    geometry: &Geometry,
    out: &mut impl Write,
) -> io::Result<()> {
    write!(
        out,
        "\"type\":\"Feature\",\"id\":{},\"geometry\":",
        Json::from(feature.id.as_str())
    )?;
    write_geometry(geometry, out)?;
    out.write_all(b",\"properties\":")?;
    let mut properties = Map::new();
    for (column, value) in layer.columns.iter().zip(&feature.values) {
        let value = match value {
            Value::Null => Json::Null,
            Value::Boolean(b) => Json::from(*b),
            Value::Integer(n) => Json::from(*n),
            Value::Real(v) => Json::from(*v),
            Value::Text(t) => Json::from(t.as_str()),
        };
        properties.insert(column.name.clone(), value);
    }
    serde_json::to_writer(&mut *out, &properties)?;
    Ok(())
}

/// Writes a point, a line, a polygon, or a set of lines or polygons as a geometry object; anything
/// else, and an empty set, as `null`.
///
/// # Errors
/// Those of the writer.
pub fn write_geometry(geometry: &Geometry, out: &mut impl Write) -> io::Result<()> {
    match geometry {
        Geometry::Point(p) => write!(
            out,
            "{{\"type\":\"Point\",\"coordinates\":[{},{}]}}",
            p.x(),
            p.y()
        ),
        Geometry::LineString(l) => {
            out.write_all(b"{\"type\":\"LineString\",\"coordinates\":")?;
            ring(l, out)?;
            out.write_all(b"}")
        }
        Geometry::MultiLineString(m) => {
            out.write_all(b"{\"type\":\"MultiLineString\",\"coordinates\":")?;
            sequence(m.iter(), out, ring)?;
            out.write_all(b"}")
        }
        Geometry::Polygon(p) => {
            out.write_all(b"{\"type\":\"Polygon\",\"coordinates\":")?;
            polygon(p, out)?;
            out.write_all(b"}")
        }
        Geometry::MultiPolygon(m) if m.0.is_empty() => out.write_all(b"null"),
        Geometry::MultiPolygon(m) => {
            out.write_all(b"{\"type\":\"MultiPolygon\",\"coordinates\":")?;
            sequence(m.iter(), out, polygon)?;
            out.write_all(b"}")
        }
        _ => out.write_all(b"null"),
    }
}

fn polygon<W: Write>(p: &Polygon, out: &mut W) -> io::Result<()> {
    sequence(
        std::iter::once(p.exterior()).chain(p.interiors()),
        out,
        ring,
    )
}

fn ring<W: Write>(r: &LineString, out: &mut W) -> io::Result<()> {
    sequence(r.coords(), out, |c: &Coord, out: &mut W| {
        write!(out, "[{},{}]", c.x, c.y)
    })
}

fn sequence<T, W: Write>(
    items: impl Iterator<Item = T>,
    out: &mut W,
    mut one: impl FnMut(T, &mut W) -> io::Result<()>,
) -> io::Result<()> {
    out.write_all(b"[")?;
    for (i, item) in items.enumerate() {
        if i > 0 {
            out.write_all(b",")?;
        }
        one(item, out)?;
    }
    out.write_all(b"]")
}
