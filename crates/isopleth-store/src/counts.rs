//! Tables of ready-made counts, by id.

use isopleth_core::domain::{CountTable, Counts, Policy};
use rusqlite::{Connection, OptionalExtension};

use crate::revision::{Sums, hash_parts};
use crate::store::begin;
use crate::{Store, StoreError, Tally};

impl Store {
    /// Adds a table of counts, and replaces the one that is there under its id. Moves the data revision
    /// unless it is the same.
    ///
    /// # Errors
    /// [`StoreError::Counts`] for a table that cannot be used; errors of the database.
    pub fn add_counts(&mut self, table: &CountTable) -> Result<Tally, StoreError> {
        table.check()?;
        let document = serde_json::to_string(table).map_err(|source| StoreError::Document {
            what: format!("counts {}", table.id),
            source,
        })?;
        let hash = |document: &str| hash_parts(&[table.id.as_bytes(), document.as_bytes()]);
        let tx = begin(&mut self.connection)?;
        let mut sums = Sums::load(&tx)?;
        let mut tally = Tally::default();
        let old: Option<String> = tx
            .prepare_cached("SELECT document FROM count_tables WHERE id = ?1")?
            .query_row([&table.id], |r| r.get(0))
            .optional()?;
        match old {
            Some(old) if old == document => {
                tally.unchanged = 1;
                return Ok(tally);
            }
            Some(old) => {
                sums.counts = sums.counts.wrapping_sub(hash(&old));
                tally.updated = 1;
            }
            None => tally.stored = 1,
        }
        tx.execute(
            "INSERT INTO count_tables VALUES (?1, ?2)
             ON CONFLICT (id) DO UPDATE SET document = excluded.document",
            (&table.id, &document),
        )?;
        sums.counts = sums.counts.wrapping_add(hash(&document));
        sums.save(&tx)?;
        tx.commit()?;
        Ok(tally)
    }

    /// The tables of counts, in the order of their ids.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub fn counts(&self) -> Result<Vec<CountTable>, StoreError> {
        tables(&self.connection)
    }
}

/// All tables of counts seen through a policy, in the order of their ids.
pub(crate) fn read(connection: &Connection, policy: &Policy) -> Result<Vec<Counts>, StoreError> {
    let tables = tables(connection)?.into_iter();
    Ok(tables.map(|table| Counts::new(table, policy)).collect())
}

fn tables(connection: &Connection) -> Result<Vec<CountTable>, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT id, document FROM count_tables ORDER BY id")?;
    let mut rows = statement.query([])?;
    let mut tables = Vec::new();
    while let Some(row) = rows.next()? {
        let (id, document): (String, String) = (row.get(0)?, row.get(1)?);
        let table: CountTable =
            serde_json::from_str(&document).map_err(|source| StoreError::Document {
                what: format!("counts {id}"),
                source,
            })?;
        // The file may have been written to by others.
        table.check()?;
        tables.push(table);
    }
    Ok(tables)
}
