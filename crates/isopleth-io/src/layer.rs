//! A layer: a typed table of features with its provenance, ready to be written in any format.
//!
//! Writers only format it; nothing is computed on the way out.

use geo::Geometry;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

/// What all features of a layer are, geometrically.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum GeometryKind {
    /// Points.
    Point,
    /// Lines.
    LineString,
    /// Sets of lines.
    MultiLineString,
    /// Polygons, possibly with holes.
    Polygon,
    /// Sets of polygons.
    MultiPolygon,
}

/// The type of a column's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    /// Yes or no.
    Boolean,
    /// Whole numbers.
    Integer,
    /// Decimal numbers.
    Real,
    /// Text. Lists are joined by `; `.
    Text,
    /// A calendar day, `YYYY-MM-DD`, as text.
    Date,
}

/// A column of a layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Property name in every format.
    pub name: String,
    /// Type of its values.
    pub kind: ColumnType,
    /// Unit of its values, where they have one: `m²`, `1/km²`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// What it means, in a sentence.
    pub meaning: String,
}

/// A value of a feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// Not known or not defined.
    Null,
    /// Yes or no.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A decimal number; always finite.
    Real(f64),
    /// Text or a date.
    Text(String),
}

/// A feature of a layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Feature {
    /// Stable id, unique in the layer, fit for a URL path.
    pub id: String,
    /// WGS 84 longitude and latitude, rounded to 7 decimals; exterior rings anticlockwise.
    #[serde(with = "crate::geometry_json")]
    pub geometry: Geometry,
    /// One value per column, in column order.
    pub values: Vec<Value>,
}

/// A layer. See the [module](self).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Layer {
    /// Title for people.
    pub title: String,
    /// What it shows, in a sentence or two.
    pub description: String,
    /// Geometry of every feature.
    pub geometry: GeometryKind,
    /// Columns.
    pub columns: Vec<Column>,
    /// Features, in the order of the layer (rank first).
    pub features: Vec<Feature>,
    /// First and last civil day that the layer speaks of, both included; none for layers without
    /// time (areas, sites).
    pub days: Option<(String, String)>,
    /// Request, data revision, method and parameters as resolved, software version, caveats,
    /// marking; in a fixed order.
    pub provenance: Map<String, Json>,
}

impl Layer {
    /// Index of a column.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|c| c.name == name)
    }

    /// The value of a feature in a column.
    #[must_use]
    pub fn value<'a>(&self, feature: &'a Feature, column: &str) -> Option<&'a Value> {
        feature.values.get(self.column(column)?)
    }

    /// West, south, east and north of all features, degrees.
    #[must_use]
    pub fn bbox(&self) -> Option<[f64; 4]> {
        use geo::BoundingRect;
        self.features
            .iter()
            .filter_map(|f| f.geometry.bounding_rect())
            .fold(None, |acc, r| {
                let (a, b) = (r.min(), r.max());
                Some(match acc {
                    None => [a.x, a.y, b.x, b.y],
                    Some([w, s, e, n]) => [a.x.min(w), a.y.min(s), b.x.max(e), b.y.max(n)],
                })
            })
    }
}
