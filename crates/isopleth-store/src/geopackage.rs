//! The GeoPackage frame around the tables: contents, geometry columns, extensions, metadata.

use rusqlite::{Connection, params};
use serde_json::Value as Json;

use crate::StoreError;
use crate::geometry::{Bounds, WGS_84};

/// `GPKG`, in the header of the file.
pub(crate) const APPLICATION_ID: i64 = 0x4750_4B47;

/// GeoPackage 1.3, the version whose R-tree triggers every GDAL and QGIS in use knows.
const USER_VERSION: i64 = 10_300;

/// Name of the geometry column of every feature table.
pub(crate) const GEOMETRY_COLUMN: &str = "geom";

/// The geometry type of a feature table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Point,
    LineString,
    MultiLineString,
    Polygon,
    MultiPolygon,
}

impl Shape {
    pub(crate) fn sql(self) -> &'static str {
        match self {
            Self::Point => "POINT",
            Self::LineString => "LINESTRING",
            Self::MultiLineString => "MULTILINESTRING",
            Self::Polygon => "POLYGON",
            Self::MultiPolygon => "MULTIPOLYGON",
        }
    }
}

/// An identifier in double quotes.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Adds the system of coordinates that not every GeoPackage of ours has.
pub(crate) fn add_web_mercator(connection: &Connection) -> Result<(), StoreError> {
    connection.execute_batch(include_str!("sql/web_mercator.sql"))?;
    Ok(())
}

/// Gives the dates that tables carry a fixed value, so that the same content makes the same file.
pub(crate) fn fix_dates(connection: &Connection, date: &str) -> Result<(), StoreError> {
    for update in [
        "UPDATE gpkg_contents SET last_change = ?1",
        "UPDATE gpkg_metadata_reference SET timestamp = ?1",
        "UPDATE layer_styles SET update_time = ?1",
    ] {
        connection.execute(update, [date])?;
    }
    Ok(())
}

/// Marks the file as a GeoPackage and makes the tables that every GeoPackage has.
pub(crate) fn create_base(connection: &Connection) -> Result<(), StoreError> {
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    connection.pragma_update(None, "user_version", USER_VERSION)?;
    complete_base(connection)?;
    connection.execute_batch(include_str!("sql/spatial_ref_sys.sql"))?;
    Ok(())
}

/// Makes those of the tables that a GeoPackage of another program may lack.
pub(crate) fn complete_base(connection: &Connection) -> Result<(), StoreError> {
    connection.execute_batch(include_str!("sql/geopackage.sql"))?;
    Ok(())
}

/// Registers a feature table or view in longitude and latitude.
pub(crate) fn register_features(
    connection: &Connection,
    table: &str,
    shape: Shape,
    identifier: &str,
    description: &str,
) -> Result<(), StoreError> {
    register_features_in(connection, table, shape, identifier, description, WGS_84)
}

/// Registers a feature table in a system with this code.
pub(crate) fn register_features_in(
    connection: &Connection,
    table: &str,
    shape: Shape,
    identifier: &str,
    description: &str,
    srs: i32,
) -> Result<(), StoreError> {
    connection.execute(
        "INSERT INTO gpkg_contents (table_name, data_type, identifier, description, srs_id)
         VALUES (?1, 'features', ?2, ?3, ?4)",
        params![table, identifier, description, srs],
    )?;
    connection.execute(
        "INSERT INTO gpkg_geometry_columns VALUES (?1, ?2, ?3, ?4, 0, 0)",
        params![table, GEOMETRY_COLUMN, shape.sql(), srs],
    )?;
    Ok(())
}

/// Registers a table without geometry.
pub(crate) fn register_attributes(
    connection: &Connection,
    table: &str,
    description: &str,
) -> Result<(), StoreError> {
    connection.execute(
        "INSERT INTO gpkg_contents (table_name, data_type, identifier, description)
         VALUES (?1, 'attributes', ?1, ?2)",
        [table, description],
    )?;
    Ok(())
}

/// Writes the extent of a feature table into its registration.
pub(crate) fn set_extent(
    connection: &Connection,
    table: &str,
    bounds: Option<Bounds>,
) -> Result<(), StoreError> {
    if let Some([west, south, east, north]) = bounds {
        connection.execute(
            "UPDATE gpkg_contents SET min_x = ?2, min_y = ?3, max_x = ?4, max_y = ?5
             WHERE table_name = ?1",
            params![table, west, south, east, north],
        )?;
    }
    Ok(())
}

/// Whether the file has a table or view of this name.
pub(crate) fn has_table(connection: &Connection, table: &str) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM sqlite_schema
               WHERE type IN ('table', 'view') AND lower(name) = lower(?1))";
    Ok(connection.query_row(sql, [table], |row| row.get(0))?)
}

/// Declares an extension, once.
pub(crate) fn declare_extension(
    connection: &Connection,
    table: &str,
    column: Option<&str>,
    extension: &str,
    definition: &str,
    scope: &str,
) -> Result<(), StoreError> {
    connection.execute(
        "INSERT INTO gpkg_extensions SELECT ?1, ?2, ?3, ?4, ?5 WHERE NOT EXISTS (
           SELECT 1 FROM gpkg_extensions
           WHERE table_name IS ?1 AND column_name IS ?2 AND extension_name = ?3)",
        params![table, column, extension, definition, scope],
    )?;
    Ok(())
}

/// Hangs a JSON document on a table, by the metadata extension.
pub(crate) fn attach_metadata(
    connection: &Connection,
    table: &str,
    document: &Json,
) -> Result<(), StoreError> {
    connection.execute_batch(include_str!("sql/metadata.sql"))?;
    for declared in ["gpkg_metadata", "gpkg_metadata_reference"] {
        let definition = "http://www.geopackage.org/spec130/#extension_metadata";
        declare_extension(
            connection,
            declared,
            None,
            "gpkg_metadata",
            definition,
            "read-write",
        )?;
    }
    connection.execute(
        "INSERT INTO gpkg_metadata (md_scope, md_standard_uri, mime_type, metadata)
         VALUES ('dataset', 'https://www.json.org', 'application/json', ?1)",
        [document.to_string()],
    )?;
    connection.execute(
        "INSERT INTO gpkg_metadata_reference (reference_scope, table_name, md_file_id)
         VALUES ('table', ?1, ?2)",
        params![table, connection.last_insert_rowid()],
    )?;
    Ok(())
}

/// Says what a column of a table means, by the schema extension.
pub(crate) fn describe_column(
    connection: &Connection,
    table: &str,
    column: &str,
    title: &str,
    description: &str,
) -> Result<(), StoreError> {
    connection.execute(
        "INSERT INTO gpkg_data_columns (table_name, column_name, title, description)
         VALUES (?1, ?2, ?3, ?4)",
        [table, column, title, description],
    )?;
    Ok(())
}

/// Makes the tables of the schema extension, where the file has none.
pub(crate) fn enable_descriptions(connection: &Connection) -> Result<(), StoreError> {
    connection.execute_batch(include_str!("sql/data_columns.sql"))?;
    for declared in ["gpkg_data_columns", "gpkg_data_column_constraints"] {
        let definition = "http://www.geopackage.org/spec130/#extension_schema";
        declare_extension(
            connection,
            declared,
            None,
            "gpkg_schema",
            definition,
            "read-write",
        )?;
    }
    Ok(())
}
