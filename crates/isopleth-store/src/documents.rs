//! Documents that are kept whole, by id: tables of ready-made counts, and harm schedules.

use isopleth_core::domain::{CountTable, Counts, HarmSchedule, Policy};
use rusqlite::{Connection, OptionalExtension};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::revision::{Sums, hash_parts};
use crate::store::begin;
use crate::{Store, StoreError, Tally};

/// A kind of documents.
trait Document: Serialize + DeserializeOwned {
    /// The table: an id and the document as JSON.
    const TABLE: &'static str;
    /// What errors call it.
    const WHAT: &'static str;

    fn id(&self) -> &str;
    fn checked(&self) -> Result<(), StoreError>;
    /// Its part of the revision.
    fn sum(sums: &mut Sums) -> &mut u128;
}

impl Document for CountTable {
    const TABLE: &'static str = "count_tables";
    const WHAT: &'static str = "counts";

    fn id(&self) -> &str {
        &self.id
    }

    fn checked(&self) -> Result<(), StoreError> {
        Ok(self.check()?)
    }

    fn sum(sums: &mut Sums) -> &mut u128 {
        &mut sums.counts
    }
}

impl Document for HarmSchedule {
    const TABLE: &'static str = "harm_schedules";
    const WHAT: &'static str = "harm schedule";

    fn id(&self) -> &str {
        &self.id
    }

    fn checked(&self) -> Result<(), StoreError> {
        Ok(self.check()?)
    }

    fn sum(sums: &mut Sums) -> &mut u128 {
        &mut sums.harm
    }
}

impl Store {
    /// Adds a table of counts, and replaces the one that is there under its id. Moves the data revision
    /// unless it is the same.
    ///
    /// # Errors
    /// [`StoreError::Counts`] for a table that cannot be used; errors of the database.
    pub fn add_counts(&mut self, table: &CountTable) -> Result<Tally, StoreError> {
        put(&mut self.connection, table)
    }

    /// The tables of counts, in the order of their ids.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub fn counts(&self) -> Result<Vec<CountTable>, StoreError> {
        all(&self.connection)
    }

    /// Adds a harm schedule, and replaces the one that is there under its id. Moves the data revision
    /// unless it is the same.
    ///
    /// # Errors
    /// [`StoreError::Harm`] for a schedule that cannot be used; errors of the database.
    pub fn add_harm_schedule(&mut self, schedule: &HarmSchedule) -> Result<Tally, StoreError> {
        put(&mut self.connection, schedule)
    }

    /// The harm schedules, in the order of their ids.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub fn harm_schedules(&self) -> Result<Vec<HarmSchedule>, StoreError> {
        harm_schedules(&self.connection)
    }
}

/// All tables of counts seen through a policy, in the order of their ids.
pub(crate) fn counts(connection: &Connection, policy: &Policy) -> Result<Vec<Counts>, StoreError> {
    let tables: Vec<CountTable> = all(connection)?;
    let tables = tables.into_iter();
    Ok(tables.map(|table| Counts::new(table, policy)).collect())
}

/// All harm schedules, in the order of their ids.
pub(crate) fn harm_schedules(connection: &Connection) -> Result<Vec<HarmSchedule>, StoreError> {
    all(connection)
}

fn put<D: Document>(connection: &mut Connection, new: &D) -> Result<Tally, StoreError> {
    new.checked()?;
    let (table, id) = (D::TABLE, new.id());
    let document = serde_json::to_string(new).map_err(|source| StoreError::Document {
        what: format!("{} {id}", D::WHAT),
        source,
    })?;
    let hash = |document: &str| hash_parts(&[id.as_bytes(), document.as_bytes()]);
    let tx = begin(connection)?;
    let mut sums = Sums::load(&tx)?;
    let sum = D::sum(&mut sums);
    let mut tally = Tally::default();
    let old: Option<String> = tx
        .prepare_cached(&format!("SELECT document FROM {table} WHERE id = ?1"))?
        .query_row([id], |r| r.get(0))
        .optional()?;
    match old {
        Some(old) if old == document => {
            tally.unchanged = 1;
            return Ok(tally);
        }
        Some(old) => {
            *sum = sum.wrapping_sub(hash(&old));
            tally.updated = 1;
        }
        None => tally.stored = 1,
    }
    tx.execute(
        &format!(
            "INSERT INTO {table} VALUES (?1, ?2)
             ON CONFLICT (id) DO UPDATE SET document = excluded.document"
        ),
        (id, &document),
    )?;
    *sum = sum.wrapping_add(hash(&document));
    sums.save(&tx)?;
    tx.commit()?;
    Ok(tally)
}

fn all<D: Document>(connection: &Connection) -> Result<Vec<D>, StoreError> {
    let sql = format!("SELECT id, document FROM {} ORDER BY id", D::TABLE);
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let (id, document): (String, String) = (row.get(0)?, row.get(1)?);
        let document: D =
            serde_json::from_str(&document).map_err(|source| StoreError::Document {
                what: format!("{} {id}", D::WHAT),
                source,
            })?;
        // The file may have been written to by others.
        document.checked()?;
        found.push(document);
    }
    Ok(found)
}
