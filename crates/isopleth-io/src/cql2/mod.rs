//! CQL2 (OGC 21-065r2): filters over the features of a layer, as text and as JSON.
//!
//! [`Expression`] is what a client wrote: [read from text](Expression::from_text) or
//! [from JSON](Expression::from_json), and written back as either. [`Expression::compile`] looks
//! its names up among a layer's columns, checks every type and gives a [`Filter`], which says of
//! each feature whether it matches.
//!
//! # What is understood
//!
//! - `AND`, `OR`, `NOT`, `TRUE`, `FALSE`, and columns of booleans;
//! - `=`, `<>`, `<`, `>`, `<=`, `>=` between columns and literals, either way round;
//! - `IS [NOT] NULL`, `[NOT] BETWEEN … AND …`, `[NOT] IN (…)`, `[NOT] LIKE` with `%` for any text,
//!   `_` for one character and `\` before a character that stands for itself;
//! - `CASEI(…)` on either side of a comparison, of `LIKE` and in `IN`; `ILIKE`, which an earlier
//!   draft had and GDAL writes, is `LIKE` with both sides in `CASEI`;
//! - `DATE('…')`, `TIMESTAMP('…')`, `INTERVAL(…, …)` of them, of `'..'` and of columns of days, and
//!   the fifteen temporal functions;
//! - `S_INTERSECTS` between `geometry` and any geometry literal of Well-Known Text or `BBOX(…)`.
//!
//! # What a value that is not there does
//!
//! Logic has three values. A comparison with a value that is not there is neither true nor false,
//! nor is its negation; `AND`, `OR` and `NOT` follow SQL. A feature matches where the whole is true.
//!
//! # Days and moments
//!
//! A day compared with a moment is its first moment, as in SQL. In temporal functions a day among
//! days is a unit, so that consecutive months meet; beside a moment it is all of its moments, in
//! UTC. A text literal compared with a column of days is read as a day or a moment.
//!
//! # Limits
//!
//! [`MAX_LENGTH`] bytes and [`MAX_DEPTH`] levels of nesting. Evaluation takes time in proportion to
//! the features and the expression: patterns need no backtracking and lists are searched by
//! halving.

mod ast;
mod compile;
mod evaluate;
mod json;
mod lexer;
mod like;
mod parser;
mod temporal;
mod text;

use geo::Geometry;
use serde_json::Value as Json;

use ast::{Kind, Node, Op};
pub use evaluate::Filter;

use crate::crs::{BeyondCrs, Crs};
use crate::layer::{Column, ColumnType};

/// Most bytes of an expression.
pub const MAX_LENGTH: usize = 65_536;
/// Most levels of nesting.
pub const MAX_DEPTH: usize = 48;
/// The name of a feature's geometry in expressions.
pub const GEOMETRY: &str = "geometry";

/// An expression as it was written.
#[derive(Debug, Clone)]
pub struct Expression {
    root: Node,
}

/// Where in an expression something is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Of text: the character, from 1.
    Character(usize),
    /// Of JSON: a JSON pointer.
    Pointer(String),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Character(n) => write!(f, "at character {n}"),
            Self::Pointer(pointer) if pointer.is_empty() => write!(f, "at the root"),
            Self::Pointer(pointer) => write!(f, "at {pointer}"),
        }
    }
}

/// An expression that cannot be used, where and why.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{fault} ({place})")]
pub struct Cql2Error {
    /// Where.
    pub place: Place,
    /// Why.
    pub fault: Fault,
}

/// What is wrong with an expression.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Fault {
    /// Longer than [`MAX_LENGTH`].
    #[error("the expression has {0} bytes; at most {MAX_LENGTH} are read")]
    Length(usize),
    /// Nested deeper than [`MAX_DEPTH`].
    #[error("the expression nests deeper than {MAX_DEPTH} levels; flatten it")]
    Depth,
    /// Not what the grammar has here.
    #[error("found {found}, expected {expected}")]
    Syntax {
        /// What is there.
        found: String,
        /// What could be there.
        expected: String,
    },
    /// Not JSON.
    #[error("the expression is not JSON: {0}")]
    Json(String),
    /// No column has this name.
    #[error("'{name}' is not a queryable of this collection; it has: {known}")]
    Property {
        /// The name.
        name: String,
        /// The names there are.
        known: String,
    },
    /// A function or operator that is not understood.
    #[error(
        "'{0}' is not supported here; the functions are CASEI, S_INTERSECTS and the temporal \
         functions (T_AFTER, T_BEFORE, T_DURING, T_INTERSECTS, …)"
    )]
    Function(String),
    /// A wrong number of arguments.
    #[error("{name} takes {takes} arguments, got {given}")]
    Arguments {
        /// The function or operator.
        name: String,
        /// How many it takes.
        takes: String,
        /// How many there are.
        given: usize,
    },
    /// A value of a type that does not belong here.
    #[error("{operator} takes {expected}, got {found}")]
    Type {
        /// The function or operator.
        operator: &'static str,
        /// What it takes.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// A number that cannot be held.
    #[error("'{0}' is not a finite number")]
    Number(String),
    /// Not a day.
    #[error("'{0}' is not a day; write YYYY-MM-DD")]
    Date(String),
    /// Not a moment.
    #[error("'{0}' is not a moment; write YYYY-MM-DDThh:mm:ssZ")]
    Timestamp(String),
    /// An interval whose end comes before its start.
    #[error("the interval ends before it starts; swap its ends")]
    Interval,
    /// A geometry that is none.
    #[error("{0}")]
    Geometry(String),
    /// A geometry beyond its coordinate reference system.
    #[error("{0}")]
    Crs(#[from] BeyondCrs),
}

impl Fault {
    fn at(self, place: &Place) -> Cql2Error {
        let place = place.clone();
        Cql2Error { place, fault: self }
    }
}

impl Expression {
    /// Reads CQL2 text.
    ///
    /// # Errors
    /// [`Cql2Error`].
    pub fn from_text(text: &str) -> Result<Self, Cql2Error> {
        parser::parse(text).map(|root| Self { root })
    }

    /// Reads CQL2 JSON.
    ///
    /// # Errors
    /// [`Cql2Error`].
    pub fn from_json(text: &str) -> Result<Self, Cql2Error> {
        json::parse(text).map(|root| Self { root })
    }

    /// That a column equals a value given as text, as query parameters do. None if the text is
    /// not a value of the column's type.
    #[must_use]
    pub fn equality(column: &Column, text: &str) -> Option<Self> {
        let node = |kind| Node::new(kind, Place::Character(1));
        let value = match column.kind {
            ColumnType::Boolean => match text {
                "true" => Kind::Boolean(true),
                "false" => Kind::Boolean(false),
                _ => return None,
            },
            ColumnType::Integer => Kind::Integer(text.parse().ok()?),
            ColumnType::Real => Kind::Real(text.parse().ok().filter(|v: &f64| v.is_finite())?),
            ColumnType::Text => Kind::Text(text.to_owned()),
            ColumnType::Date => {
                crate::moment::midnight(text)?;
                Kind::Date(text.to_owned())
            }
        };
        let sides = vec![node(Kind::Property(column.name.clone())), node(value)];
        let root = node(Kind::Call(Op::Equal, sides));
        Some(Self { root })
    }

    /// The expression as CQL2 text. Reads back as the same expression.
    #[must_use]
    pub fn to_text(&self) -> String {
        text::write(&self.root)
    }

    /// The expression as CQL2 JSON. Reads back as the same expression.
    #[must_use]
    pub fn to_json(&self) -> Json {
        json::write(&self.root)
    }

    /// The expression over a layer's columns. Geometry literals are positions of `crs`.
    ///
    /// # Errors
    /// [`Cql2Error`] for names that are no columns, types that do not fit, and positions beyond
    /// `crs`.
    pub fn compile(&self, columns: &[Column], crs: Crs) -> Result<Filter, Cql2Error> {
        compile::compile(&self.root, columns, crs)
    }

    /// Whether it names a geometry literal, so that `crs` matters.
    #[must_use]
    pub fn has_geometry(&self) -> bool {
        fn within(node: &Node) -> bool {
            match &node.kind {
                Kind::Geometry(_) | Kind::Bbox(_) => true,
                Kind::Call(_, nodes) | Kind::List(nodes) => nodes.iter().any(within),
                _ => false,
            }
        }
        within(&self.root)
    }
}

/// Checks that a geometry literal is one.
fn checked_geometry(geometry: Geometry, place: &Place) -> Result<Geometry, Cql2Error> {
    use geo::CoordsIter;
    let wrong = |text: &str| Err(Fault::Geometry(text.to_owned()).at(place));
    let closed = |ring: &geo::LineString| ring.0.len() >= 4 && ring.is_closed();
    let whole = |p: &geo::Polygon| closed(p.exterior()) && p.interiors().iter().all(closed);
    if !geometry
        .coords_iter()
        .all(|c| c.x.is_finite() && c.y.is_finite())
    {
        return wrong("a coordinate of the geometry is not a finite number");
    }
    let rings = match &geometry {
        Geometry::Polygon(p) => whole(p),
        Geometry::MultiPolygon(m) => m.0.iter().all(whole),
        _ => true,
    };
    if !rings {
        return wrong("a ring takes four or more positions, the last equal to the first");
    }
    let lines = match &geometry {
        Geometry::LineString(l) => l.0.len() > 1,
        Geometry::MultiLineString(m) => m.0.iter().all(|l| l.0.len() > 1),
        _ => true,
    };
    if !lines {
        return wrong("a line takes two or more positions");
    }
    if geometry.coords_iter().next().is_none() {
        return wrong("the geometry has no positions");
    }
    Ok(geometry)
}

#[cfg(test)]
mod tests;
