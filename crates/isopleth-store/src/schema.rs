//! Making a store, recognising one, and bringing an old one up to date.
//!
//! `user_version` belongs to GeoPackage, so the schema version stands in the table `meta`.

use std::path::Path;

use isopleth_core::domain::{LocationBasis, Policy, TimePrecision};
use rusqlite::{Connection, OptionalExtension};

use crate::StoreError;
use crate::geopackage::{self, Shape};
use crate::revision::{Sums, policy_document};

/// The schema that this program writes.
pub(crate) const VERSION: i64 = 5;

const FORMAT: &str = "format";
const STORE: &str = "isopleth-store";
const COPY: &str = "isopleth-copy";
const SCHEMA_VERSION: &str = "schema_version";
pub(crate) const POLICY: &str = "policy";

/// What is at the other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// An SQLite file without any table.
    Nothing,
    /// A store of this schema version.
    Store(i64),
}

/// Looks at a file that was just opened.
pub(crate) fn recognise(connection: &Connection, path: &Path) -> Result<Found, StoreError> {
    let other = |reason| StoreError::NotAStore {
        path: path.to_owned(),
        reason,
    };
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables == 0 {
        return Ok(Found::Nothing);
    }
    let id: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    if id != geopackage::APPLICATION_ID {
        return Err(other("it is an SQLite database of another kind"));
    }
    let has_meta: bool = connection.query_row(
        "SELECT count(*) FROM pragma_table_info('meta') WHERE name IN ('key', 'value')",
        [],
        |row| Ok(row.get::<_, i64>(0)? == 2),
    )?;
    let format = if has_meta {
        meta(connection, FORMAT)?
    } else {
        None
    };
    match format.as_deref() {
        Some(STORE) => {}
        Some(COPY) => {
            return Err(other(
                "it is a copy that `isopleth export` made for other programs",
            ));
        }
        _ => return Err(other("it is a GeoPackage of another program")),
    }
    let version = meta(connection, SCHEMA_VERSION)?.and_then(|v| v.parse().ok());
    version
        .map(Found::Store)
        .ok_or_else(|| other("its schema version is missing"))
}

/// Makes the tables of a new store. Runs inside the caller's transaction.
pub(crate) fn create(connection: &Connection, policy: &Policy) -> Result<(), StoreError> {
    policy.check()?;
    geopackage::create_base(connection)?;
    migrate(connection, 0)?;
    set_meta(connection, FORMAT, STORE)?;
    let (json, hash) = policy_document(policy)?;
    set_meta(connection, POLICY, &json)?;
    Sums {
        policy: hash,
        ..Sums::default()
    }
    .save(connection)
}

/// Brings a store from a schema version to the present one, inside the caller's transaction.
pub(crate) fn migrate(connection: &Connection, from: i64) -> Result<(), StoreError> {
    if from < 1 {
        schema_1(connection)?;
    }
    if from < 2 {
        connection.execute_batch(include_str!("sql/schema_2.sql"))?;
        streets(connection)?;
    }
    if from < 3 {
        connection.execute_batch(include_str!("sql/schema_3.sql"))?;
    }
    if from < 4 {
        connection.execute_batch(include_str!("sql/schema_4.sql"))?;
    }
    if from < 5 {
        connection.execute_batch(include_str!("sql/schema_5.sql"))?;
    }
    set_meta(connection, SCHEMA_VERSION, &VERSION.to_string())
}

fn schema_1(connection: &Connection) -> Result<(), StoreError> {
    connection.execute_batch(include_str!("sql/schema_1.sql"))?;
    for basis in LocationBasis::ALL {
        connection.execute(
            "INSERT INTO location_bases VALUES (?1, ?2)",
            (basis.code(), basis.name()),
        )?;
    }
    for precision in TimePrecision::ALL {
        connection.execute(
            "INSERT INTO time_precisions VALUES (?1, ?2)",
            (precision.code(), precision.name()),
        )?;
    }
    let features = [
        ("incidents", Shape::Point, "Incidents, as codes"),
        ("areas", Shape::MultiPolygon, "Areas by kind and vintage"),
        ("sites", Shape::Point, "Sites by class"),
    ];
    for (table, shape, description) in features {
        geopackage::register_features(connection, table, shape, table, description)?;
    }
    let attributes = [
        (
            "kinds",
            "What incidents are of: terms of the sources, and what the policy makes of them",
        ),
        ("places", "Place texts of incidents"),
        ("small_areas", "Small area codes of incidents"),
        ("outcomes", "Outcomes of incidents"),
        ("sources", "Source files that were ingested"),
        (
            "time_precisions",
            "Names of the codes in incidents.precision",
        ),
        ("location_bases", "Names of the codes in incidents.basis"),
    ];
    for (table, description) in attributes {
        geopackage::register_attributes(connection, table, description)?;
    }
    Ok(())
}

/// Schema 2: streets.
fn streets(connection: &Connection) -> Result<(), StoreError> {
    connection.execute_batch(include_str!("sql/streets.sql"))?;
    let (table, description) = ("streets", "Centre lines of streets by vintage");
    geopackage::register_features(
        connection,
        table,
        Shape::MultiLineString,
        table,
        description,
    )
}

/// Marks a file as an exported copy, which is not ingested into.
pub(crate) fn mark_as_copy(connection: &Connection) -> Result<(), StoreError> {
    set_meta(connection, FORMAT, COPY)
}

/// A value of the table `meta`.
pub(crate) fn meta(connection: &Connection, key: &str) -> Result<Option<String>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT value FROM meta WHERE key = ?1")?;
    Ok(statement.query_row([key], |row| row.get(0)).optional()?)
}

/// Sets a value of the table `meta`.
pub(crate) fn set_meta(connection: &Connection, key: &str, value: &str) -> Result<(), StoreError> {
    let sql =
        "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    connection.prepare_cached(sql)?.execute([key, value])?;
    Ok(())
}
