//! One source file into the store, in one transaction.

use isopleth_io::ingest::{Row, SourceFile, Texts};
use rusqlite::{OptionalExtension, Transaction};

use crate::dictionary::{Dictionaries, FileTexts};
use crate::record::{INSERT, Record, SELECT, UPDATE, bind_key};
use crate::revision::Sums;
use crate::store::begin;
use crate::{Store, StoreError};

/// Rows that are put into order and written together. Large enough that a file of a month is one
/// batch, small enough (some 6 MB) not to matter.
const BATCH: usize = 65_536;

/// What became of rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// New.
    pub stored: u64,
    /// There before with another content, and corrected.
    pub updated: u64,
    /// There before, the same.
    pub unchanged: u64,
}

impl Tally {
    /// All rows.
    #[must_use]
    pub fn total(self) -> u64 {
        self.stored + self.updated + self.unchanged
    }

    /// Whether the rows changed the store.
    #[must_use]
    pub fn is_change(self) -> bool {
        self.stored + self.updated > 0
    }
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.stored += other.stored;
        self.updated += other.updated;
        self.unchanged += other.unchanged;
    }
}

/// What a reader counted in a file, for the record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FileFacts {
    /// Rows read.
    pub read: u64,
    /// Rows rejected.
    pub rejected: u64,
}

/// Writes the rows of one source file. Nothing is stored before [`commit`](Self::commit); dropped
/// without it, the file never was.
#[derive(Debug)]
pub struct FileWriter<'a> {
    // Dropped, and with it rolled back, before the dictionaries forget what they learnt.
    tx: Transaction<'a>,
    known: Known<'a>,
    texts: FileTexts,
    waiting: Vec<Record>,
    sums: Sums,
    tally: Tally,
    source: i64,
    source_is_new: bool,
    /// The last row was in the store already, so the next one may well be.
    expect_stored: bool,
}

/// The dictionaries of the store, which forget what a file taught them unless it is kept.
#[derive(Debug)]
struct Known<'a> {
    dictionaries: &'a mut Dictionaries,
    before: [usize; 4],
    keep: bool,
}

impl Drop for Known<'_> {
    fn drop(&mut self) {
        if !self.keep {
            self.dictionaries.truncate(self.before);
        }
    }
}

impl Store {
    /// Begins a source file. Waits for another writer for a while.
    ///
    /// # Errors
    /// [`StoreError::Busy`] if another writer does not finish; errors of the database.
    pub fn begin_file(&mut self, source: &SourceFile) -> Result<FileWriter<'_>, StoreError> {
        let tx = begin(&mut self.connection)?;
        self.dictionaries.refresh(&tx)?;
        let sums = Sums::load(&tx)?;
        let id = tx
            .prepare_cached("SELECT id FROM sources WHERE name = ?1 AND format = ?2")?
            .query_row([&source.name, &source.format], |row| row.get(0))
            .optional()?;
        let (source, source_is_new) = match id {
            Some(id) => (id, false),
            None => {
                tx.prepare_cached("INSERT INTO sources (name, format) VALUES (?1, ?2)")?
                    .execute([&source.name, &source.format])?;
                (tx.last_insert_rowid(), true)
            }
        };
        let before = self.dictionaries.lengths();
        Ok(FileWriter {
            tx,
            known: Known {
                dictionaries: &mut self.dictionaries,
                before,
                keep: false,
            },
            texts: FileTexts::default(),
            waiting: Vec::new(),
            sums,
            tally: Tally::default(),
            source,
            source_is_new,
            expect_stored: false,
        })
    }
}

impl FileWriter<'_> {
    /// Takes rows, with the file's dictionary as it stands.
    ///
    /// # Errors
    /// Errors of the database; [`StoreError::NoSuchText`] if a row points beyond the dictionary.
    /// The file should then be dropped.
    pub fn push(&mut self, rows: &[Row], texts: &Texts) -> Result<(), StoreError> {
        self.texts
            .extend(&self.tx, self.known.dictionaries, texts)?;
        for row in rows {
            self.waiting.push(Record::new(row, self.texts.ids(row)?));
            if self.waiting.len() >= BATCH {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// What became of the rows so far. Rows are written in batches: some that were pushed may not
    /// be counted yet.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Ends the file: from here on it is in the store. If it changed nothing and was known before,
    /// nothing at all is written.
    ///
    /// # Errors
    /// Errors of the database; the file is then not in the store.
    pub fn commit(mut self, facts: &FileFacts) -> Result<Tally, StoreError> {
        self.flush()?;
        let tally = self.tally;
        if !tally.is_change() && !self.source_is_new {
            self.tx.rollback()?;
            return Ok(tally);
        }
        self.tx.execute(
            "UPDATE sources SET rows_read = ?2, rows_rejected = ?3,
               rows_stored = rows_stored + ?4, rows_updated = rows_updated + ?5,
               last_ingested = strftime('%Y-%m-%dT%H:%M:%fZ','now')
             WHERE id = ?1",
            (
                self.source,
                facts.read,
                facts.rejected,
                tally.stored,
                tally.updated,
            ),
        )?;
        if tally.is_change() {
            self.sums.save(&self.tx)?;
        }
        self.tx.commit()?;
        self.known.keep = true;
        Ok(tally)
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        let waiting = std::mem::take(&mut self.waiting);
        let mut select = self.tx.prepare_cached(SELECT)?;
        // New rows go in by cell: neighbours lie together for whoever reads the table, and the
        // pages of the cell index are touched in turn. Rows that are there are looked up by key.
        // One row tells which it will be for most: files come back whole.
        let again = match waiting.first() {
            Some(first) => find(&mut select, first.key)?.is_some(),
            None => return Ok(()),
        };
        let rank = |record: &Record| match again {
            true => (record.key >> 64) as u64,
            false => record.cell(),
        };
        let mut order: Vec<(u64, u32)> = waiting
            .iter()
            .zip(0..)
            .map(|(record, at)| (rank(record), at))
            .collect();
        order.sort_unstable();

        let mut insert = self.tx.prepare_cached(INSERT)?;
        for (_, at) in order {
            let record = &waiting[at as usize];
            // Try first what the row before needed: both orders give the same.
            let mut stored = None;
            if self.expect_stored {
                stored = find(&mut select, record.key)?;
            }
            if stored.is_none() {
                record.bind(&mut insert, self.source)?;
                if insert.raw_execute()? == 1 {
                    self.expect_stored = false;
                    self.tally.stored += 1;
                    let added = record.hash(self.known.dictionaries);
                    self.sums.incidents = self.sums.incidents.wrapping_add(added);
                    continue;
                }
                stored = find(&mut select, record.key)?;
            }
            self.expect_stored = true;
            let old = stored.ok_or_else(|| StoreError::Corrupt {
                detail: "the index of incident keys holds a key that the table does not".to_owned(),
            })?;
            if old.same(record) {
                self.tally.unchanged += 1;
                continue;
            }
            let mut update = self.tx.prepare_cached(UPDATE)?;
            record.bind(&mut update, self.source)?;
            update.raw_execute()?;
            self.tally.updated += 1;
            let (old, new) = (
                old.hash(self.known.dictionaries),
                record.hash(self.known.dictionaries),
            );
            self.sums.incidents = self.sums.incidents.wrapping_sub(old).wrapping_add(new);
        }
        drop((insert, select));
        self.waiting = waiting;
        self.waiting.clear();
        Ok(())
    }
}

fn find(select: &mut rusqlite::Statement<'_>, key: u128) -> Result<Option<Record>, StoreError> {
    bind_key(select, key)?;
    let mut rows = select.raw_query();
    rows.next()?.map(|row| Record::read(key, row)).transpose()
}
