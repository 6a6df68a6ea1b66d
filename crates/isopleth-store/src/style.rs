//! Default QGIS styles, in the table where QGIS looks for them.
//!
//! Plain on purpose: points half transparent so that stacks show, areas as outlines, hotspots
//! filled by rank, surfaces by multiples of their mean. The colours are a sequential scheme that
//! people with impaired colour vision can tell apart and that prints in grey.

use std::fmt::Write as _;

use isopleth_io::layer::{GeometryKind, Layer, Value};
use rusqlite::{Connection, params};

use crate::StoreError;
use crate::geopackage::{GEOMETRY_COLUMN, Shape, has_table, register_attributes};

/// From the darkest (first) to the lightest.
const RAMP: [&str; 5] = [
    "189,0,38",
    "240,59,32",
    "253,141,60",
    "254,204,92",
    "255,255,178",
];

/// Columns that a layer is coloured by, in order of preference.
const GRADED: [&str; 11] = [
    "harm_density_per_km2",
    "density_per_km2",
    "density_per_km",
    "density",
    // Contours: by count the widest would be the darkest.
    "threshold_harm_per_km2",
    "threshold_per_km2",
    "level_harm_per_km2",
    "level_per_km2",
    "from_harm_per_km2",
    "from_per_km2",
    "count",
];

/// How a table is drawn.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Style {
    shape: Shape,
    /// Attribute and its classes, if it is coloured by one.
    classes: Option<(String, Vec<Class>)>,
    /// Fill or marker, as red, green, blue, alpha.
    colour: String,
    /// Whether polygons are outlined; the cells of a surface are not.
    outlined: bool,
}

#[derive(Debug, Clone, PartialEq)]
struct Class {
    from: f64,
    to: f64,
    label: String,
}

impl Style {
    /// Single points.
    pub(crate) fn points(colour: &str) -> Self {
        Self {
            shape: Shape::Point,
            classes: None,
            colour: format!("{colour},140"),
            outlined: true,
        }
    }

    /// Outlines of areas.
    pub(crate) fn outlines() -> Self {
        Self {
            shape: Shape::MultiPolygon,
            classes: None,
            colour: "255,255,255,0".to_owned(),
            outlined: true,
        }
    }

    /// Lines.
    pub(crate) fn lines(colour: &str) -> Self {
        Self {
            shape: Shape::MultiLineString,
            classes: None,
            colour: format!("{colour},255"),
            outlined: true,
        }
    }

    /// A layer: by rank where it has one, else by density or count; lines the other way round, for
    /// they cover the ground and few of them have a rank that matters.
    pub(crate) fn of_layer(layer: &Layer) -> Self {
        let shape = match layer.geometry {
            GeometryKind::Point => Shape::Point,
            GeometryKind::LineString => Shape::LineString,
            GeometryKind::MultiLineString => Shape::MultiLineString,
            GeometryKind::Polygon => Shape::Polygon,
            GeometryKind::MultiPolygon => Shape::MultiPolygon,
        };
        let ranked = layer.column("rank").map(|_| ("rank".to_owned(), by_rank()));
        let graded = || {
            let name = GRADED
                .into_iter()
                .find(|name| layer.column(name).is_some())?;
            Some((name.to_owned(), by_multiples_of_mean(layer, name)?))
        };
        Self {
            shape,
            outlined: ranked.is_some(),
            classes: match shape {
                Shape::LineString | Shape::MultiLineString => graded().or(ranked),
                _ => ranked.or_else(graded),
            },
            colour: format!("{},200", RAMP[1]),
        }
    }

    /// The style as QGIS reads it.
    pub(crate) fn qml(&self) -> String {
        let mut qml = String::from(
            "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n<qgis version=\"3.22.0\" styleCategories=\"Symbology\">\n",
        );
        let common = "forceraster=\"0\" symbollevels=\"0\" enableorderby=\"0\"";
        // Writing to a string cannot fail.
        match &self.classes {
            None => {
                let _ = writeln!(
                    qml,
                    "<renderer-v2 type=\"singleSymbol\" {common}>\n<symbols>"
                );
                self.symbol(&mut qml, 0, &self.colour);
                qml.push_str("</symbols>\n");
            }
            Some((attribute, classes)) => {
                let _ = writeln!(
                    qml,
                    "<renderer-v2 type=\"graduatedSymbol\" attr=\"{attribute}\" graduatedMethod=\"GraduatedColor\" {common}>\n<ranges>"
                );
                for (at, Class { from, to, label }) in classes.iter().enumerate() {
                    let _ = writeln!(
                        qml,
                        "<range lower=\"{from}\" upper=\"{to}\" symbol=\"{at}\" label=\"{label}\" render=\"true\"/>"
                    );
                }
                qml.push_str("</ranges>\n<symbols>\n");
                for (at, colour) in RAMP.iter().take(classes.len()).enumerate() {
                    self.symbol(&mut qml, at, &format!("{colour},180"));
                }
                qml.push_str("</symbols>\n");
            }
        }
        let geometry = match self.shape {
            Shape::Point => 0,
            Shape::LineString | Shape::MultiLineString => 1,
            Shape::Polygon | Shape::MultiPolygon => 2,
        };
        let _ = write!(
            qml,
            "</renderer-v2>\n<blendMode>0</blendMode>\n<featureBlendMode>0</featureBlendMode>\n<layerGeometryType>{geometry}</layerGeometryType>\n</qgis>\n"
        );
        qml
    }

    fn symbol(&self, qml: &mut String, name: usize, colour: &str) {
        let (kind, class, properties) = match self.shape {
            Shape::Point => (
                "marker",
                "SimpleMarker",
                [
                    ("name", "circle"),
                    ("color", colour),
                    ("size", "2.4"),
                    ("size_unit", "MM"),
                    ("outline_style", "solid"),
                    ("outline_color", "255,255,255,255"),
                    ("outline_width", "0.2"),
                    ("outline_width_unit", "MM"),
                ],
            ),
            Shape::LineString | Shape::MultiLineString => (
                "line",
                "SimpleLine",
                [
                    ("line_style", "solid"),
                    ("line_color", colour),
                    (
                        "line_width",
                        if self.classes.is_some() {
                            "0.9"
                        } else {
                            "0.26"
                        },
                    ),
                    ("line_width_unit", "MM"),
                    ("capstyle", "round"),
                    ("joinstyle", "round"),
                    ("offset", "0"),
                    ("offset_unit", "MM"),
                ],
            ),
            Shape::Polygon | Shape::MultiPolygon => (
                "fill",
                "SimpleFill",
                [
                    ("style", "solid"),
                    ("color", colour),
                    ("joinstyle", "bevel"),
                    ("outline_style", if self.outlined { "solid" } else { "no" }),
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

fn by_rank() -> Vec<Class> {
    let class = |from: f64, to: f64, label: &str| Class {
        from,
        to,
        label: label.to_owned(),
    };
    vec![
        class(1.0, 3.0, "Rank 1 to 3"),
        class(4.0, 10.0, "Rank 4 to 10"),
        class(11.0, 20.0, "Rank 11 to 20"),
        class(21.0, 50.0, "Rank 21 to 50"),
        class(51.0, 1e9, "Rank beyond 50"),
    ]
}

/// Classes by multiples of the mean over the layer, the highest first; none for fewer than two
/// different values.
///
/// Increments of the mean are what the Home Office's hotspot toolkit draws. Classes of equal count
/// would paint the same amount of red whatever happened.
fn by_multiples_of_mean(layer: &Layer, column: &str) -> Option<Vec<Class>> {
    let values: Vec<f64> = layer
        .features
        .iter()
        .filter_map(|feature| match layer.value(feature, column)? {
            Value::Integer(v) => Some(*v as f64),
            Value::Real(v) => Some(*v),
            _ => None,
        })
        .collect();
    let lowest = values.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    if lowest >= highest || mean <= 0.0 {
        return None;
    }
    let top = RAMP.len() - 1;
    let classes = (0..RAMP.len()).rev().map(|times| {
        let from = times as f64 * mean;
        let to = if times == top {
            highest.max(from)
        } else {
            from + mean
        };
        let label = match times {
            t if t == top => format!(
                "more than {t} times the mean ({} to {})",
                short(from),
                short(to)
            ),
            0 => format!("below the mean (0 to {})", short(to)),
            t => format!(
                "{t} to {} times the mean ({} to {})",
                t + 1,
                short(from),
                short(to)
            ),
        };
        Class { from, to, label }
    });
    Some(classes.collect())
}

fn short(value: f64) -> String {
    if value.abs() >= 100.0 || value.fract() == 0.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.2}")
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
