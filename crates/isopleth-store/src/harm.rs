//! Harm schedules, by id.

use isopleth_core::domain::HarmSchedule;
use rusqlite::{Connection, OptionalExtension};

use crate::revision::{Sums, hash_parts};
use crate::store::begin;
use crate::{Store, StoreError, Tally};

impl Store {
    /// Adds a harm schedule, and replaces the one that is there under its id. Moves the data revision
    /// unless it is the same.
    ///
    /// # Errors
    /// [`StoreError::Harm`] for a schedule that cannot be used; errors of the database.
    pub fn add_harm_schedule(&mut self, schedule: &HarmSchedule) -> Result<Tally, StoreError> {
        schedule.check()?;
        let document = serde_json::to_string(schedule).map_err(|source| StoreError::Document {
            what: format!("harm schedule {}", schedule.id),
            source,
        })?;
        let hash = |document: &str| hash_parts(&[schedule.id.as_bytes(), document.as_bytes()]);
        let tx = begin(&mut self.connection)?;
        let mut sums = Sums::load(&tx)?;
        let mut tally = Tally::default();
        let old: Option<String> = tx
            .prepare_cached("SELECT document FROM harm_schedules WHERE id = ?1")?
            .query_row([&schedule.id], |r| r.get(0))
            .optional()?;
        match old {
            Some(old) if old == document => {
                tally.unchanged = 1;
                return Ok(tally);
            }
            Some(old) => {
                sums.harm = sums.harm.wrapping_sub(hash(&old));
                tally.updated = 1;
            }
            None => tally.stored = 1,
        }
        tx.execute(
            "INSERT INTO harm_schedules VALUES (?1, ?2)
             ON CONFLICT (id) DO UPDATE SET document = excluded.document",
            (&schedule.id, &document),
        )?;
        sums.harm = sums.harm.wrapping_add(hash(&document));
        sums.save(&tx)?;
        tx.commit()?;
        Ok(tally)
    }

    /// The harm schedules, in the order of their ids.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub fn harm_schedules(&self) -> Result<Vec<HarmSchedule>, StoreError> {
        read(&self.connection)
    }
}

/// All harm schedules, in the order of their ids.
pub(crate) fn read(connection: &Connection) -> Result<Vec<HarmSchedule>, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT id, document FROM harm_schedules ORDER BY id")?;
    let mut rows = statement.query([])?;
    let mut schedules = Vec::new();
    while let Some(row) = rows.next()? {
        let (id, document): (String, String) = (row.get(0)?, row.get(1)?);
        let schedule: HarmSchedule =
            serde_json::from_str(&document).map_err(|source| StoreError::Document {
                what: format!("harm schedule {id}"),
                source,
            })?;
        // The file may have been written to by others.
        schedule.check()?;
        schedules.push(schedule);
    }
    Ok(schedules)
}
