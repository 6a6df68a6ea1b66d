//! A layer as a feature table of a GeoPackage.

use std::collections::HashSet;

use isopleth_io::layer::{Column, ColumnType, GeometryKind, Layer, Value};
use isopleth_io::write::{Part, located};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, Statement};

use crate::StoreError;
use crate::geometry::encode_in;
use crate::geopackage::{
    GEOMETRY_COLUMN, Shape, attach_metadata, describe_column, enable_descriptions, quoted,
    register_features_in, set_extent,
};
use crate::rtree;
use crate::style::{self, Style};

/// A table name for any name: lower-case letters, digits, `_` and `-`, never one that SQLite or
/// GeoPackage keep for themselves.
pub(crate) fn table_name(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|c| c.to_ascii_lowercase())
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '-' {
                c
            } else {
                '_'
            }
        })
        .take(60)
        .collect();
    match crate::layers::check_name(&plain) {
        Ok(()) => plain,
        Err(_) => format!("layer_{plain}"),
    }
}

/// Writes a layer as a new table with columns, R-tree, style, and provenance as metadata; returns
/// the number of features. Runs inside the caller's transaction.
pub(crate) fn write<'a>(
    connection: &Connection,
    table: &str,
    part: impl Into<Part<'a>>,
) -> Result<u64, StoreError> {
    let part = part.into();
    let layer = part.layer();
    let srs = part.crs().epsg();
    let shape = match part.geometry() {
        GeometryKind::Point => Shape::Point,
        GeometryKind::LineString => Shape::LineString,
        GeometryKind::MultiLineString => Shape::MultiLineString,
        GeometryKind::Polygon => Shape::Polygon,
        GeometryKind::MultiPolygon => Shape::MultiPolygon,
    };
    let columns = Columns::of(layer);
    connection.execute_batch(&columns.create_table(table, shape))?;
    let identifier = free_identifier(connection, &layer.title, table)?;
    register_features_in(
        connection,
        table,
        shape,
        &identifier,
        &layer.description,
        srs,
    )?;

    let mut insert = connection.prepare(&columns.insert(table))?;
    for feature in part.features() {
        let multi = matches!(shape, Shape::MultiLineString | Shape::MultiPolygon);
        // What is nowhere on the map has no geometry.
        if located(&feature.geometry).is_none() {
            insert.raw_bind_parameter(1, rusqlite::types::Null)?;
        } else {
            let geom = encode_in(&feature.geometry, multi, srs).map_err(|reason| {
                StoreError::Geometry {
                    what: format!("feature {} of `{table}`", feature.id),
                    reason,
                }
            })?;
            insert.raw_bind_parameter(1, geom.as_slice())?;
        }
        columns.bind(&mut insert, &feature.id, &feature.values)?;
        insert.raw_execute()?;
    }
    drop(insert);

    let (extent, rows) = rtree::build(connection, table)?;
    set_extent(connection, table, extent)?;
    style::put(connection, table, &Style::of_layer(layer))?;
    enable_descriptions(connection)?;
    for (name, column) in columns.names.iter().zip(&layer.columns) {
        let description = match &column.unit {
            Some(unit) => format!("{} ({unit})", column.meaning),
            None => column.meaning.clone(),
        };
        describe_column(connection, table, name, &column.name, &description)?;
    }
    attach_metadata(
        connection,
        table,
        &serde_json::Value::Object(part.provenance()),
    )?;
    Ok(rows)
}

/// The columns of the table: the layer's own, and the feature id where the layer has no such
/// column.
struct Columns<'a> {
    layer: &'a [Column],
    /// Names in the table, one for each of the layer's.
    names: Vec<String>,
    with_id: bool,
}

impl<'a> Columns<'a> {
    fn of(layer: &'a Layer) -> Self {
        // SQLite does not tell upper from lower case.
        let mut taken: HashSet<String> = ["fid", GEOMETRY_COLUMN].map(str::to_owned).into();
        let mut names = Vec::with_capacity(layer.columns.len());
        for column in &layer.columns {
            let mut name = column.name.clone();
            while !taken.insert(name.to_lowercase()) {
                name.push('_');
            }
            names.push(name);
        }
        Self {
            layer: &layer.columns,
            names,
            with_id: !taken.contains("id"),
        }
    }

    fn create_table(&self, table: &str, shape: Shape) -> String {
        let mut columns = vec![
            "fid INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL".to_owned(),
            format!("{GEOMETRY_COLUMN} {}", shape.sql()),
        ];
        if self.with_id {
            columns.push("id TEXT NOT NULL UNIQUE".to_owned());
        }
        columns.extend(self.names.iter().zip(self.layer).map(|(name, column)| {
            let kind = match column.kind {
                ColumnType::Boolean => "BOOLEAN",
                ColumnType::Integer => "INTEGER",
                ColumnType::Real => "DOUBLE",
                ColumnType::Text => "TEXT",
                ColumnType::Date => "DATE",
            };
            format!("{} {kind}", quoted(name))
        }));
        format!(
            "CREATE TABLE {} (\n  {}\n)",
            quoted(table),
            columns.join(",\n  ")
        )
    }

    fn insert(&self, table: &str) -> String {
        let mut columns = vec![GEOMETRY_COLUMN.to_owned()];
        if self.with_id {
            columns.push("id".to_owned());
        }
        columns.extend(self.names.iter().map(|name| quoted(name)));
        let marks = vec!["?"; columns.len()].join(", ");
        format!(
            "INSERT INTO {} ({}) VALUES ({marks})",
            quoted(table),
            columns.join(", ")
        )
    }

    fn bind(&self, insert: &mut Statement<'_>, id: &str, values: &[Value]) -> rusqlite::Result<()> {
        let mut at = 2;
        if self.with_id {
            insert.raw_bind_parameter(at, id)?;
            at += 1;
        }
        for column in 0..self.names.len() {
            let value = match values.get(column) {
                None | Some(Value::Null) => ValueRef::Null,
                Some(Value::Boolean(v)) => ValueRef::Integer(i64::from(*v)),
                Some(Value::Integer(v)) => ValueRef::Integer(*v),
                Some(Value::Real(v)) => ValueRef::Real(*v),
                Some(Value::Text(v)) => ValueRef::Text(v.as_bytes()),
            };
            insert.raw_bind_parameter(at, ToSqlOutput::Borrowed(value))?;
            at += 1;
        }
        Ok(())
    }
}

/// Identifiers of a GeoPackage are unique; titles of layers need not be.
fn free_identifier(
    connection: &Connection,
    title: &str,
    table: &str,
) -> Result<String, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM gpkg_contents WHERE identifier = ?1)";
    let taken: bool = connection.query_row(sql, [title], |row| row.get(0))?;
    Ok(if taken || title.is_empty() {
        format!("{title} ({table})")
    } else {
        title.to_owned()
    })
}
