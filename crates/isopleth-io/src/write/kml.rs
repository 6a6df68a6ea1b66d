//! KML 2.2, for Google Earth and whatever else reads it.

use std::borrow::Cow;
use std::io::{self, Write};

use geo::{Geometry, LineString, Polygon};
use quick_xml::Writer;
use quick_xml::escape::escape;
use quick_xml::events::attributes::Attribute;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};
use quick_xml::name::QName;
use serde_json::Value as Json;

use super::part::located;
use super::{Format, Part, only_wgs_84};
use crate::layer::{Column, ColumnType, Feature, Layer, Value};

/// Colours of the classes from the first to the last, as red, green, blue: a sequential scheme
/// that people with impaired colour vision can tell apart and that prints in grey.
const RAMP: [[u8; 3]; 5] = [
    [189, 0, 38],
    [240, 59, 32],
    [253, 141, 60],
    [254, 204, 92],
    [255, 255, 178],
];

/// Upper ends of the classes of ranks; the last has none.
const RANKS: [i64; 4] = [1, 3, 5, 10];

/// Id of the schema that types the data of the placemarks.
const SCHEMA: &str = "columns";

/// Largest whole number that a decimal number of KML holds exactly.
const EXACT: i64 = 1 << 53;

/// Writes a layer as KML: a placemark a feature, its values as typed extended data, shown in its
/// balloon; coloured by rank where the layer has one. Title, description and provenance belong to
/// the document. Characters that XML cannot hold become U+FFFD. Whole numbers are written as such
/// where all of a column fit 32 bits, else as decimals while those are exact, else as text, for
/// KML knows no others.
///
/// # Errors
/// Those of the writer; [`io::ErrorKind::InvalidInput`] for coordinates that are not WGS 84.
pub fn kml<'a>(part: impl Into<Part<'a>>, out: &mut impl Write) -> io::Result<()> {
    let part = part.into();
    only_wgs_84(&part, Format::Kml)?;
    let layer = part.layer();
    let mut xml = Xml(Writer::new(out));
    let id = part.free_name("id");
    xml.0
        .write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    xml.open("kml", &[("xmlns", "http://www.opengis.net/kml/2.2")])?;
    xml.open("Document", &[("id", "layer")])?;
    xml.text("name", &[], &layer.title)?;
    xml.text("description", &[], &layer.description)?;
    let rank = layer.column("rank");
    let classes = if rank.is_some() { RAMP.len() } else { 1 };
    for class in 0..classes {
        style(&mut xml, layer, &id, class)?;
    }
    xml.open("ExtendedData", &[])?;
    for (name, value) in &part.provenance() {
        let value = match value {
            Json::String(text) => text.clone(),
            other => other.to_string(),
        };
        xml.open("Data", &[("name", name)])?;
        xml.text("value", &[], &value)?;
        xml.close("Data")?;
    }
    xml.close("ExtendedData")?;
    xml.open("Schema", &[("id", SCHEMA), ("name", &layer.title)])?;
    field(&mut xml, &id, "string", "Id")?;
    for (at, column) in layer.columns.iter().enumerate() {
        field(&mut xml, &column.name, kind(&part, at), &label(column))?;
    }
    xml.close("Schema")?;
    for feature in part.features() {
        placemark(&mut xml, layer, &id, rank, feature)?;
    }
    if part.features().next().is_none() {
        // Without it, readers find no layer rather than one without features.
        xml.open("Folder", &[("id", "features")])?;
        xml.text("name", &[], &layer.title)?;
        xml.close("Folder")?;
    }
    xml.close("Document")?;
    xml.close("kml")?;
    xml.0.get_mut().write_all(b"\n")
}

fn label(column: &Column) -> String {
    match &column.unit {
        Some(unit) => format!("{} ({unit})", column.name),
        None => column.name.clone(),
    }
}

fn kind(part: &Part, column: usize) -> &'static str {
    match part.layer().columns[column].kind {
        ColumnType::Boolean => "bool",
        ColumnType::Real => "double",
        ColumnType::Text | ColumnType::Date => "string",
        ColumnType::Integer => {
            let values = part.features().filter_map(|f| match f.values.get(column) {
                Some(Value::Integer(n)) => Some(*n),
                _ => None,
            });
            let (low, high) = values.fold((0, 0), |(low, high), n| (n.min(low), n.max(high)));
            if i32::try_from(low).is_ok() && i32::try_from(high).is_ok() {
                "int"
            } else if low >= -EXACT && high <= EXACT {
                "double"
            } else {
                "string"
            }
        }
    }
}

fn field<W: Write>(xml: &mut Xml<W>, name: &str, kind: &str, label: &str) -> io::Result<()> {
    xml.open("SimpleField", &[("type", kind), ("name", name)])?;
    xml.text("displayName", &[], label)?;
    xml.close("SimpleField")
}

/// How a class is drawn, with a balloon that lists the values.
fn style<W: Write>(xml: &mut Xml<W>, layer: &Layer, id: &str, class: usize) -> io::Result<()> {
    let [red, green, blue] = RAMP[class];
    // KML writes colours as alpha, blue, green, red.
    let colour = |alpha: u8| format!("{alpha:02x}{blue:02x}{green:02x}{red:02x}");
    xml.open("Style", &[("id", &format!("class-{}", class + 1))])?;
    xml.open("IconStyle", &[])?;
    xml.text("color", &[], &colour(255))?;
    xml.text("scale", &[], "0.7")?;
    xml.close("IconStyle")?;
    xml.open("LineStyle", &[])?;
    xml.text("color", &[], &colour(255))?;
    xml.text("width", &[], "2")?;
    xml.close("LineStyle")?;
    xml.open("PolyStyle", &[])?;
    xml.text("color", &[], &colour(128))?;
    xml.close("PolyStyle")?;
    let mut balloon = String::from("<h3>$[name]</h3><table>");
    let columns = layer.columns.iter().map(|c| c.name.as_str());
    for name in std::iter::once(id).chain(columns) {
        let entity = format!("{SCHEMA}/{name}");
        balloon += &format!(
            "<tr><td>$[{}]</td><td>$[{}]</td></tr>",
            escape(format!("{entity}/displayName")),
            escape(&entity)
        );
    }
    balloon += "</table>";
    xml.open("BalloonStyle", &[])?;
    xml.text("text", &[], &balloon)?;
    xml.close("BalloonStyle")?;
    xml.close("Style")
}

fn placemark<W: Write>(
    xml: &mut Xml<W>,
    layer: &Layer,
    id: &str,
    rank: Option<usize>,
    feature: &Feature,
) -> io::Result<()> {
    xml.open("Placemark", &[])?;
    let name = match layer.value(feature, "name") {
        Some(Value::Text(name)) => name,
        _ => &feature.id,
    };
    xml.text("name", &[], name)?;
    let class = match rank.and_then(|at| feature.values.get(at)) {
        Some(Value::Integer(rank)) => RANKS
            .iter()
            .position(|most| rank <= most)
            .unwrap_or(RANKS.len()),
        Some(_) => RANKS.len(),
        None => 0,
    };
    xml.text("styleUrl", &[], &format!("#class-{}", class + 1))?;
    xml.open("ExtendedData", &[])?;
    xml.open("SchemaData", &[("schemaUrl", &format!("#{SCHEMA}"))])?;
    xml.text("SimpleData", &[("name", id)], &feature.id)?;
    for (column, value) in layer.columns.iter().zip(&feature.values) {
        let text: Cow<str> = match value {
            Value::Null => continue,
            Value::Boolean(true) => "1".into(),
            Value::Boolean(false) => "0".into(),
            Value::Integer(n) => n.to_string().into(),
            Value::Real(v) => v.to_string().into(),
            Value::Text(t) => t.as_str().into(),
        };
        xml.text("SimpleData", &[("name", &column.name)], &text)?;
    }
    xml.close("SchemaData")?;
    xml.close("ExtendedData")?;
    if let Some(shape) = located(&feature.geometry) {
        geometry(xml, shape)?;
    }
    xml.close("Placemark")
}

fn geometry<W: Write>(xml: &mut Xml<W>, geometry: &Geometry) -> io::Result<()> {
    match geometry {
        Geometry::Point(p) => {
            xml.open("Point", &[])?;
            xml.text("coordinates", &[], &format!("{},{}", p.x(), p.y()))?;
            xml.close("Point")
        }
        Geometry::LineString(l) => line(xml, "LineString", l),
        Geometry::Polygon(p) => polygon(xml, p),
        Geometry::MultiLineString(m) => {
            xml.open("MultiGeometry", &[])?;
            m.iter().try_for_each(|l| line(xml, "LineString", l))?;
            xml.close("MultiGeometry")
        }
        Geometry::MultiPolygon(m) => {
            xml.open("MultiGeometry", &[])?;
            m.iter().try_for_each(|p| polygon(xml, p))?;
            xml.close("MultiGeometry")
        }
        _ => Ok(()),
    }
}

fn polygon<W: Write>(xml: &mut Xml<W>, p: &Polygon) -> io::Result<()> {
    xml.open("Polygon", &[])?;
    xml.open("outerBoundaryIs", &[])?;
    line(xml, "LinearRing", p.exterior())?;
    xml.close("outerBoundaryIs")?;
    for ring in p.interiors() {
        xml.open("innerBoundaryIs", &[])?;
        line(xml, "LinearRing", ring)?;
        xml.close("innerBoundaryIs")?;
    }
    xml.close("Polygon")
}

fn line<W: Write>(xml: &mut Xml<W>, tag: &str, l: &LineString) -> io::Result<()> {
    let points: Vec<String> = l.coords().map(|c| format!("{},{}", c.x, c.y)).collect();
    xml.open(tag, &[])?;
    xml.text("coordinates", &[], &points.join(" "))?;
    xml.close(tag)
}

/// Elements written to a stream.
struct Xml<W: Write>(Writer<W>);

impl<W: Write> Xml<W> {
    fn open(&mut self, tag: &str, attributes: &[(&str, &str)]) -> io::Result<()> {
        let mut element = BytesStart::new(tag);
        for (name, value) in attributes {
            element.push_attribute(Attribute {
                key: QName(name),
                value: escaped(value).into(),
            });
        }
        self.0.write_event(Event::Start(element))
    }

    fn close(&mut self, tag: &str) -> io::Result<()> {
        self.0.write_event(Event::End(BytesEnd::new(tag)))?;
        // Placemarks begin on lines of their own, so that the file can be looked at.
        match tag {
            "Placemark" | "Style" | "Schema" | "ExtendedData" => self.0.get_mut().write_all(b"\n"),
            _ => Ok(()),
        }
    }

    fn text(&mut self, tag: &str, attributes: &[(&str, &str)], text: &str) -> io::Result<()> {
        self.open(tag, attributes)?;
        let text = escaped(text);
        self.0
            .write_event(Event::Text(BytesText::from_escaped(text)))?;
        self.0.write_event(Event::End(BytesEnd::new(tag)))
    }
}

/// Text as XML holds it. White space that parsers would change is written as references.
fn escaped(text: &str) -> String {
    let legal = |c: char| match c {
        '\t' | '\n' | '\r' => true,
        '\u{fffe}' | '\u{ffff}' => false,
        c => c >= ' ',
    };
    let text: Cow<str> = if text.chars().all(legal) {
        text.into()
    } else {
        let replaced = text.chars().map(|c| if legal(c) { c } else { '\u{fffd}' });
        replaced.collect::<String>().into()
    };
    escape(text.as_ref())
        .replace('\r', "&#13;")
        .replace('\n', "&#10;")
        .replace('\t', "&#9;")
}
