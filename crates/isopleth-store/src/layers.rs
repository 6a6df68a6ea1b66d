//! Saved layers, and the runs of them. Neither moves the data revision.

use isopleth_core::Request;
use isopleth_io::layer::Layer;
use rusqlite::{Connection, OptionalExtension, params};

use crate::jobs::ANALYSIS_START;
use crate::store::begin;
use crate::{Store, StoreError};

/// A request that is saved under a name.
#[derive(Debug, Clone, PartialEq)]
pub struct SavedLayer {
    /// Name: lower-case letters, digits, `-` and `_`.
    pub name: String,
    /// The request.
    pub request: Request,
}

/// A run: a result that is pinned to its request, data revision and engine.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Id: a hash of request, data revision and engine.
    pub id: String,
    /// Name of the saved layer that it was made for.
    pub layer: String,
    /// The request.
    pub request: Request,
    /// The data revision.
    pub data_revision: String,
    /// Name and version of the engine.
    pub engine: String,
    /// The result.
    pub result: Layer,
}

/// A run without its request and result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunHeader {
    /// Id of the run.
    pub id: String,
    /// Name of the saved layer.
    pub layer: String,
    /// The data revision.
    pub data_revision: String,
    /// Name and version of the engine.
    pub engine: String,
}

/// Names that tables of the store or of an exported copy have.
const TAKEN: [&str; 19] = [
    "areas",
    "clock",
    "days",
    "incidents",
    "incidents_readable",
    "kinds",
    "layer_runs",
    "layer_styles",
    "layers",
    "location_bases",
    "meta",
    "outcomes",
    "places",
    "runs",
    "sites",
    "small_areas",
    "sources",
    "streets",
    "time_precisions",
];

/// Beginnings that SQLite and GeoPackage keep for themselves.
const TAKEN_STARTS: [&str; 3] = ["gpkg_", "rtree_", "sqlite_"];

/// Beginnings that the service gives to areas, sites, streets and analyses.
const SERVED_STARTS: [&str; 4] = ["areas-", "sites-", "streets-", ANALYSIS_START];

/// A layer's name stands in URLs, file names and table names.
pub(crate) fn check_name(name: &str) -> Result<(), StoreError> {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    let reason = if name.is_empty() {
        "it is empty; use lower-case letters, digits, `-` and `_`"
    } else if name.len() > 60 {
        "it has more than 60 characters; shorten it"
    } else if !name.bytes().all(allowed) {
        "use only lower-case letters a to z, digits, `-` and `_`"
    } else if !name.bytes().any(|b| b.is_ascii_alphanumeric()) {
        "it has neither a letter nor a digit"
    } else if SERVED_STARTS.iter().any(|s| name.starts_with(s)) {
        "names that begin with `areas-`, `sites-`, `streets-` and `analysis-` belong to the collections of areas, sites, streets and analyses"
    } else if TAKEN.contains(&name) || TAKEN_STARTS.iter().any(|s| name.starts_with(s)) {
        "the name belongs to a table of the store; add a word to it"
    } else {
        return Ok(());
    };
    Err(StoreError::LayerName {
        name: name.to_owned(),
        reason,
    })
}

fn to_json<T: serde::Serialize>(
    value: &T,
    what: impl Fn() -> String,
) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|source| StoreError::Document {
        what: what(),
        source,
    })
}

fn from_json<T: serde::de::DeserializeOwned>(
    json: &str,
    what: impl Fn() -> String,
) -> Result<T, StoreError> {
    serde_json::from_str(json).map_err(|source| StoreError::Document {
        what: what(),
        source,
    })
}

impl Store {
    /// Saves a request under a name, in place of what had the name before.
    ///
    /// # Errors
    /// [`StoreError::LayerName`]; errors of the database.
    pub fn put_layer(&mut self, name: &str, request: &Request) -> Result<(), StoreError> {
        check_name(name)?;
        let json = to_json(request, || format!("layer `{name}`"))?;
        let tx = begin(&mut self.connection)?;
        tx.execute(
            "INSERT INTO layers VALUES (?1, ?2)
             ON CONFLICT (name) DO UPDATE SET request = excluded.request",
            [name, &json],
        )?;
        Ok(tx.commit()?)
    }

    /// The saved layers, by name.
    ///
    /// # Errors
    /// Errors of the database; [`StoreError::Document`] for a request of a program that knew more.
    pub fn layers(&self) -> Result<Vec<SavedLayer>, StoreError> {
        layers(&self.connection)
    }

    /// The saved layer of this name.
    ///
    /// # Errors
    /// As [`layers`](Self::layers).
    pub fn layer(&self, name: &str) -> Result<Option<SavedLayer>, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT name, request FROM layers WHERE name = ?1")?;
        let row = statement
            .query_row([name], |r| Ok((r.get(0)?, r.get(1)?)))
            .optional()?;
        row.map(saved).transpose()
    }

    /// Removes a saved layer; its runs stay. Says whether there was one.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub fn remove_layer(&mut self, name: &str) -> Result<bool, StoreError> {
        let tx = begin(&mut self.connection)?;
        let removed = tx.execute("DELETE FROM layers WHERE name = ?1", [name])?;
        tx.commit()?;
        Ok(removed > 0)
    }

    /// Keeps a run and makes it the latest of its layer. A run that is there under the same id is
    /// never overwritten.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub fn put_run(&mut self, run: &Run) -> Result<(), StoreError> {
        let documents = run_documents(run)?;
        let tx = begin(&mut self.connection)?;
        keep_run(&tx, run, &run.layer, &documents)?;
        Ok(tx.commit()?)
    }

    /// The run with this id. Where several layers share it, `layer` is the one that asked first.
    ///
    /// # Errors
    /// Errors of the database; [`StoreError::Document`] for a run of a program that knew more.
    pub fn run(&self, id: &str) -> Result<Option<Run>, StoreError> {
        let sql = "SELECT r.id, l.layer, r.request, r.data_revision, r.engine, r.result
                   FROM runs r JOIN layer_runs l ON l.run = r.id
                   WHERE r.id = ?1 ORDER BY l.sequence LIMIT 1";
        one_run(&self.connection, sql, id)
    }

    /// The run of a layer that was put last.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn latest_run(&self, layer_name: &str) -> Result<Option<Run>, StoreError> {
        latest_run(&self.connection, layer_name)
    }

    /// The runs of a layer, latest first.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub fn runs(&self, layer_name: &str) -> Result<Vec<RunHeader>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT r.id, l.layer, r.data_revision, r.engine
             FROM layer_runs l JOIN runs r ON r.id = l.run
             WHERE l.layer = ?1 ORDER BY l.sequence DESC",
        )?;
        let rows = statement.query_map([layer_name], |r| {
            Ok(RunHeader {
                id: r.get(0)?,
                layer: r.get(1)?,
                data_revision: r.get(2)?,
                engine: r.get(3)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// The request and the result of a run as they are stored; made before a transaction begins, since a
/// result may be large and writers wait for each other.
pub(crate) fn run_documents(run: &Run) -> Result<[String; 2], StoreError> {
    Ok([
        to_json(&run.request, || format!("the request of run {}", run.id))?,
        to_json(&run.result, || format!("the result of run {}", run.id))?,
    ])
}

/// Keeps a run as the latest of a layer, inside the caller's transaction.
pub(crate) fn keep_run(
    tx: &Connection,
    run: &Run,
    layer: &str,
    [request, result]: &[String; 2],
) -> Result<(), StoreError> {
    tx.execute(
        "INSERT INTO runs VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (id) DO NOTHING",
        [&run.id, request, &run.data_revision, &run.engine, result],
    )?;
    let latest: Option<String> = tx
        .query_row(
            "SELECT run FROM layer_runs WHERE layer = ?1 ORDER BY sequence DESC LIMIT 1",
            [layer],
            |r| r.get(0),
        )
        .optional()?;
    if latest.as_ref() != Some(&run.id) {
        let sequence: i64 = tx.query_row(
            "SELECT ifnull(max(sequence), 0) + 1 FROM layer_runs",
            [],
            |r| r.get(0),
        )?;
        tx.execute(
            "INSERT INTO layer_runs VALUES (?1, ?2, ?3)
             ON CONFLICT (layer, run) DO UPDATE SET sequence = excluded.sequence",
            params![sequence, layer, run.id],
        )?;
    }
    Ok(())
}

fn saved((name, json): (String, String)) -> Result<SavedLayer, StoreError> {
    let request = from_json(&json, || format!("layer `{name}`"))?;
    Ok(SavedLayer { name, request })
}

/// The saved layers, by name.
pub(crate) fn layers(connection: &Connection) -> Result<Vec<SavedLayer>, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT name, request FROM layers ORDER BY name")?;
    let rows = statement.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?;
    rows.map(|row| saved(row?)).collect()
}

/// The run of a layer that was put last.
pub(crate) fn latest_run(connection: &Connection, layer: &str) -> Result<Option<Run>, StoreError> {
    let sql = "SELECT r.id, l.layer, r.request, r.data_revision, r.engine, r.result
               FROM layer_runs l JOIN runs r ON r.id = l.run
               WHERE l.layer = ?1 ORDER BY l.sequence DESC LIMIT 1";
    one_run(connection, sql, layer)
}

fn one_run(connection: &Connection, sql: &str, parameter: &str) -> Result<Option<Run>, StoreError> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([parameter])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let id: String = row.get(0)?;
    let text = |at: usize| row.get_ref(at)?.as_str().map_err(rusqlite::Error::from);
    Ok(Some(Run {
        layer: row.get(1)?,
        request: from_json(text(2)?, || format!("the request of run {id}"))?,
        data_revision: row.get(3)?,
        engine: row.get(4)?,
        result: from_json(text(5)?, || format!("the result of run {id}"))?,
        id,
    }))
}
