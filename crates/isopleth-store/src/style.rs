//! Default QGIS styles, in the table where QGIS looks for them.
//!
//! Layers are drawn as their [`Symbology`] says, which web maps and pictures follow as well. The
//! tables of incidents, areas and streets are plain: points half transparent so that stacks show,
//! areas as outlines.

use std::fmt::Write as _;

use isopleth_io::layer::{Layer, Value};
use isopleth_io::symbology::{Class, Colour, Draw, Rule, Symbology};
use rusqlite::{Connection, params};

use crate::StoreError;
use crate::geopackage::{GEOMETRY_COLUMN, has_table, register_attributes};

/// Millimetres of a pixel of 1/96 inch.
const MM: f64 = 25.4 / 96.0;

/// How a table is drawn.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Style {
    symbology: Symbology,
    line_width_mm: &'static str,
}

impl Style {
    fn plain(draw: Draw, colour: Colour, opacity: f64) -> Self {
        let class = Class {
            label: String::new(),
            colour,
            radius: 4.5,
        };
        Self {
            symbology: Symbology {
                draw,
                rule: Rule::One(class),
                outlined: true,
                opacity,
            },
            line_width_mm: "0.26",
        }
    }

    /// Single points.
    pub(crate) fn points(colour: Colour) -> Self {
        Self::plain(Draw::Points, colour, 0.55)
    }

    /// Outlines of areas.
    pub(crate) fn outlines() -> Self {
        Self::plain(Draw::Areas, Colour::new(255, 255, 255), 0.0)
    }

    /// Lines.
    pub(crate) fn lines(colour: Colour) -> Self {
        Self::plain(Draw::Lines, colour, 1.0)
    }

    /// A layer.
    pub(crate) fn of_layer(layer: &Layer) -> Self {
        Self {
            symbology: Symbology::of_layer(layer),
            line_width_mm: "0.9",
        }
    }

    /// The style as QGIS reads it.
    pub(crate) fn qml(&self) -> String {
        let mut qml = String::from(
            "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n<qgis version=\"3.22.0\" styleCategories=\"Symbology\">\n",
        );
        // Writing to a string cannot fail.
        let renderer = |qml: &mut String, kind: &str, attributes: &str| {
            let common = "forceraster=\"0\" symbollevels=\"0\" enableorderby=\"0\"";
            let _ = writeln!(qml, "<renderer-v2 type=\"{kind}\"{attributes} {common}>");
        };
        match &self.symbology.rule {
            Rule::One(_) => renderer(&mut qml, "singleSymbol", ""),
            Rule::Ranges { column, classes } => {
                let attributes = format!(
                    " attr=\"{}\" graduatedMethod=\"GraduatedColor\"",
                    escaped(column)
                );
                renderer(&mut qml, "graduatedSymbol", &attributes);
                qml.push_str("<ranges>\n");
                for (at, range) in classes.iter().enumerate() {
                    let _ = writeln!(
                        qml,
                        "<range lower=\"{}\" upper=\"{}\" symbol=\"{at}\" label=\"{}\" render=\"true\"/>",
                        range.from,
                        range.to,
                        escaped(&range.class.label)
                    );
                }
                qml.push_str("</ranges>\n");
            }
            Rule::Values {
                column,
                only,
                classes,
                other,
            } => {
                let expression = match only {
                    None => column.clone(),
                    Some((condition, value)) => format!(
                        "if({} = {}, {}, NULL)",
                        quoted(condition),
                        literal(value),
                        quoted(column)
                    ),
                };
                let attributes = format!(" attr=\"{}\"", escaped(&expression));
                renderer(&mut qml, "categorizedSymbol", &attributes);
                qml.push_str("<categories>\n");
                let words = classes.iter().map(|(word, class)| (word.as_str(), class));
                // The empty value stands for all others.
                for (at, (word, class)) in words.chain([("", other)]).enumerate() {
                    let _ = writeln!(
                        qml,
                        "<category value=\"{}\" symbol=\"{at}\" label=\"{}\" render=\"true\"/>",
                        escaped(word),
                        escaped(&class.label)
                    );
                }
                qml.push_str("</categories>\n");
            }
        }
        qml.push_str("<symbols>\n");
        for (at, class) in self.symbology.legend().into_iter().enumerate() {
            self.symbol(&mut qml, at, class);
        }
        let geometry = match self.symbology.draw {
            Draw::Points => 0,
            Draw::Lines => 1,
            Draw::Areas => 2,
        };
        let _ = write!(
            qml,
            "</symbols>\n</renderer-v2>\n<blendMode>0</blendMode>\n<featureBlendMode>0</featureBlendMode>\n<layerGeometryType>{geometry}</layerGeometryType>\n</qgis>\n"
        );
        qml
    }

    fn symbol(&self, qml: &mut String, name: usize, class: &Class) {
        let Colour { r, g, b } = class.colour;
        let opaque = self.symbology.draw == Draw::Lines;
        let opacity = if opaque { 1.0 } else { self.symbology.opacity };
        let alpha = (opacity * 255.0).round();
        let colour = &format!("{r},{g},{b},{alpha}");
        let diameter = &format!("{:.2}", 2.0 * class.radius * MM);
        let outline = if self.symbology.outlined {
            "solid"
        } else {
            "no"
        };
        let (kind, class, properties) = match self.symbology.draw {
            Draw::Points => (
                "marker",
                "SimpleMarker",
                [
                    ("name", "circle"),
                    ("color", colour.as_str()),
                    ("size", diameter.as_str()),
                    ("size_unit", "MM"),
                    ("outline_style", "solid"),
                    ("outline_color", "255,255,255,255"),
                    ("outline_width", "0.2"),
                    ("outline_width_unit", "MM"),
                ],
            ),
            Draw::Lines => (
                "line",
                "SimpleLine",
                [
                    ("line_style", "solid"),
                    ("line_color", colour.as_str()),
                    ("line_width", self.line_width_mm),
                    ("line_width_unit", "MM"),
                    ("capstyle", "round"),
                    ("joinstyle", "round"),
                    ("offset", "0"),
                    ("offset_unit", "MM"),
                ],
            ),
            Draw::Areas => (
                "fill",
                "SimpleFill",
                [
                    ("style", "solid"),
                    ("color", colour.as_str()),
                    ("joinstyle", "bevel"),
                    ("outline_style", outline),
                    ("outline_color", "60,60,60,255"),
                    ("outline_width", "0.26"),
                    ("outline_width_unit", "MM"),
                    ("offset", "0,0"),
                ],
            ),
        };
        let _ = writeln!(
            qml,
            "<symbol type=\"{kind}\" name=\"{name}\" alpha=\"1\" clip_to_extent=\"1\" force_rhr=\"0\">\n<layer class=\"{class}\" enabled=\"1\" locked=\"0\" pass=\"0\">\n<Option type=\"Map\">"
        );
        for (key, value) in properties {
            let _ = writeln!(
                qml,
                "<Option type=\"QString\" name=\"{key}\" value=\"{value}\"/>"
            );
        }
        qml.push_str("</Option>\n");
        // The same for programs before QGIS 3.26.
        for (key, value) in properties {
            let _ = writeln!(qml, "<prop k=\"{key}\" v=\"{value}\"/>");
        }
        qml.push_str("</layer>\n</symbol>\n");
    }
}

/// Text as the value of an attribute of XML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// A column in an expression of QGIS.
fn quoted(column: &str) -> String {
    format!("\"{}\"", column.replace('"', "\"\""))
}

/// A value in an expression of QGIS.
fn literal(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Boolean(v) => v.to_string(),
        Value::Integer(v) => v.to_string(),
        Value::Real(v) => v.to_string(),
        Value::Text(v) => format!("'{}'", v.replace('\'', "''")),
    }
}

/// Writes the default style of a table.
pub(crate) fn put(connection: &Connection, table: &str, style: &Style) -> Result<(), StoreError> {
    if !has_table(connection, "layer_styles")? {
        connection.execute_batch(include_str!("sql/layer_styles.sql"))?;
        register_attributes(connection, "layer_styles", "QGIS styles of the tables")?;
    }
    connection.execute(
        "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name,
           f_geometry_column, styleName, styleQML, styleSLD, useAsDefault, description, owner)
         VALUES ('', '', ?1, ?2, 'default', ?3, '', 1, 'Default style', '')",
        params![table, GEOMETRY_COLUMN, style.qml()],
    )?;
    Ok(())
}
