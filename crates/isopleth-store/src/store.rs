//! Opening a store, and what it says about itself.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use isopleth_core::domain::Policy;
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

use crate::StoreError;
use crate::dictionary::Dictionaries;
use crate::revision::{self, Sums, policy_document};
use crate::schema::{self, Found};

/// How long a writer waits for another.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Page size of new stores. Against SQLite's 4096 it takes a fifth off an ingest.
const PAGE_BYTES: i64 = 16_384;

/// Size of the log, in bytes, at which it is folded into the main file, and to which it is cut
/// back. The files of one ingest rewrite the same index pages: folding after every file would
/// write them again and again.
const LOG_BYTES: i64 = 64 << 20;

/// A store, open. See the [crate](crate).
#[derive(Debug)]
pub struct Store {
    pub(crate) connection: Connection,
    pub(crate) path: PathBuf,
    /// What the dictionaries hold, as far as this writer has needed to know.
    pub(crate) dictionaries: Dictionaries,
}

/// A source file that was ingested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// File name, or the entry's name inside an archive.
    pub name: String,
    /// Format that it was read as.
    pub format: String,
    /// Rows read when it last changed something.
    pub read: u64,
    /// Rows rejected then.
    pub rejected: u64,
    /// Rows that it brought, over all its ingests.
    pub stored: u64,
    /// Rows that it corrected, over all its ingests.
    pub updated: u64,
}

impl Store {
    /// Opens a store for reading and writing, and makes it if there is no file. A new store gets
    /// the policy table; an existing one keeps its own.
    ///
    /// # Errors
    /// [`StoreError`] if the file is not a store, is of a newer program, or cannot be opened.
    pub fn open_or_create(path: &Path, policy: &Policy) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        Self::connect(path, flags, Some(policy))
    }

    /// Opens an existing store for reading and writing.
    ///
    /// # Errors
    /// [`StoreError`] if there is no file, or it is not a store, is of a newer program, or cannot
    /// be opened.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE, None)
    }

    /// Opens an existing store for reading. It never waits for a writer.
    ///
    /// # Errors
    /// As [`open`](Self::open); also if the store is of an older program, or if its folder does
    /// not allow the log files of a store.
    pub fn open_read_only(path: &Path) -> Result<Self, StoreError> {
        Self::connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY, None)
    }

    fn connect(path: &Path, flags: OpenFlags, policy: Option<&Policy>) -> Result<Self, StoreError> {
        check_path(path, policy.is_some())?;
        let refused = |error| opening(error, path);
        let read_only = flags.contains(OpenFlags::SQLITE_OPEN_READ_ONLY);
        let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags).map_err(refused)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.set_prepared_statement_cache_capacity(64);
        let not_a_store = |reason| StoreError::NotAStore {
            path: path.to_owned(),
            reason,
        };
        let found = schema::recognise(&connection, path).map_err(|error| match error {
            StoreError::Database(error) => opening(error, path),
            StoreError::ReadOnly => StoreError::ReadOnlyFolder {
                path: path.to_owned(),
            },
            StoreError::Corrupt { .. } => not_a_store("it is not an SQLite file"),
            other => other,
        })?;
        match (found, policy) {
            (Found::Store(found), _) => {
                check_version(path, found, read_only)?;
                configure(&connection, read_only).map_err(refused)?;
                if found < schema::VERSION {
                    migrate(&mut connection, path)?;
                }
            }
            (Found::Nothing, Some(policy)) => {
                // Before anything is written. A file touches index pages all over: larger pages
                // are fewer to look up, to split and to log.
                connection.pragma_update(None, "page_size", PAGE_BYTES)?;
                // Without the log yet, so that the main file is a GeoPackage from the start.
                let tx = begin(&mut connection)?;
                if schema::recognise(&tx, path)? == Found::Nothing {
                    schema::create(&tx, policy)?;
                }
                tx.commit()?;
                configure(&connection, read_only).map_err(refused)?;
            }
            (Found::Nothing, None) => return Err(not_a_store("it is empty")),
        }
        Ok(Self {
            connection,
            path: path.to_owned(),
            dictionaries: Dictionaries::default(),
        })
    }

    /// Sets how long a writer waits for another; 10 seconds at first.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub fn set_busy_timeout(&mut self, wait: Duration) -> Result<(), StoreError> {
        Ok(self.connection.busy_timeout(wait)?)
    }

    /// Where the store is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The data revision: 16 hex digits that are derived from the content alone.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub fn data_revision(&self) -> Result<String, StoreError> {
        revision::current(&self.connection)
    }

    /// The policy table.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub fn policy(&self) -> Result<Policy, StoreError> {
        load_policy(&self.connection)
    }

    /// Replaces the policy table and resolves every kind by the new one. Moves the data revision
    /// unless the table is the one that the store has.
    ///
    /// # Errors
    /// [`StoreError::Policy`] for a table that contradicts itself; errors of the database.
    pub fn set_policy(&mut self, policy: &Policy) -> Result<(), StoreError> {
        policy.check()?;
        let (json, hash) = policy_document(policy)?;
        let tx = begin(&mut self.connection)?;
        let sums = Sums::load(&tx)?;
        if sums.policy == hash {
            return Ok(());
        }
        schema::set_meta(&tx, schema::POLICY, &json)?;
        let kinds: Vec<(i64, String, String, String)> = tx
            .prepare("SELECT id, term, sub_type_term, record_source FROM kinds")?
            .query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?)))?
            .collect::<Result<_, _>>()?;
        for (id, term, sub_type, source) in kinds {
            let resolved = policy.resolve(&term, &sub_type, &source);
            tx.execute(
                "UPDATE kinds SET offence_group = ?2, sub_type = ?3, lens = ?4 WHERE id = ?1",
                (id, resolved.group, resolved.sub_type, resolved.lens.name()),
            )?;
        }
        Sums {
            policy: hash,
            ..sums
        }
        .save(&tx)?;
        Ok(tx.commit()?)
    }

    /// The source files, in the order in which they first came.
    ///
    /// # Errors
    /// [`StoreError`] of the database.
    pub fn sources(&self) -> Result<Vec<Source>, StoreError> {
        let sql = "SELECT name, format, rows_read, rows_rejected, rows_stored, rows_updated
                   FROM sources ORDER BY id";
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map([], |r| {
            Ok(Source {
                name: r.get(0)?,
                format: r.get(1)?,
                read: r.get(2)?,
                rejected: r.get(3)?,
                stored: r.get(4)?,
                updated: r.get(5)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// Whether there is a file, or may be one.
fn check_path(path: &Path, create: bool) -> Result<(), StoreError> {
    let path = || path.to_owned();
    match std::fs::metadata(path()) {
        Ok(found) if found.is_file() => Ok(()),
        Ok(_) => Err(StoreError::NotAFile { path: path() }),
        Err(error) if error.kind() == ErrorKind::NotFound && create => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(StoreError::Missing { path: path() })
        }
        Err(source) => Err(StoreError::Io {
            path: path(),
            source,
        }),
    }
}

/// Whether this program can work with a store of this schema.
fn check_version(path: &Path, found: i64, read_only: bool) -> Result<(), StoreError> {
    let (path, known) = (path.to_owned(), schema::VERSION);
    if found > known {
        Err(StoreError::NewerSchema { path, found, known })
    } else if found < known && read_only {
        Err(StoreError::OlderSchema { path, found, known })
    } else {
        Ok(())
    }
}

/// Brings a store up to date, unless another process did it while this one waited.
fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let tx = begin(connection)?;
    match schema::recognise(&tx, path)? {
        Found::Store(found) if found < schema::VERSION => schema::migrate(&tx, found)?,
        _ => {}
    }
    Ok(tx.commit()?)
}

/// Begins a writing transaction; waits for another writer for a while.
pub(crate) fn begin(connection: &mut Connection) -> Result<Transaction<'_>, StoreError> {
    Ok(connection.transaction_with_behavior(TransactionBehavior::Immediate)?)
}

/// The policy table as it is stored.
pub(crate) fn load_policy(connection: &Connection) -> Result<Policy, StoreError> {
    let json = schema::meta(connection, schema::POLICY)?.ok_or_else(|| StoreError::Corrupt {
        detail: "no policy table".to_owned(),
    })?;
    serde_json::from_str(&json).map_err(|source| StoreError::Document {
        what: "the policy table".to_owned(),
        source,
    })
}

fn configure(connection: &Connection, read_only: bool) -> rusqlite::Result<()> {
    connection.pragma_update(None, "temp_store", "memory")?;
    if read_only {
        // Kibibytes. A reader scans: what it has read it will not read again.
        return connection.pragma_update(None, "cache_size", -4096);
    }
    // Every index page that a file touches should stay at hand until it is committed.
    connection.pragma_update(None, "cache_size", -131_072)?;
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "normal")?;
    connection.pragma_update(None, "wal_autocheckpoint", LOG_BYTES / PAGE_BYTES)?;
    connection.pragma_update_and_check(None, "journal_size_limit", LOG_BYTES, |_| Ok(()))?;
    Ok(())
}

/// Why a file could not be opened.
fn opening(error: rusqlite::Error, path: &Path) -> StoreError {
    let path = path.to_owned();
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => StoreError::NotAStore {
            path,
            reason: "it is not an SQLite file",
        },
        // The file itself exists: it is the log beside it that cannot be opened or made.
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly) => match std::fs::File::open(&path) {
            Ok(_) => StoreError::ReadOnlyFolder { path },
            Err(missing) => {
                // SQLite tells of its second attempt, to read: what matters is why none was made.
                let source = match std::fs::File::create_new(&path) {
                    Ok(_) => std::fs::remove_file(&path).err().unwrap_or(missing),
                    Err(refused) => refused,
                };
                StoreError::Io { path, source }
            }
        },
        _ => error.into(),
    }
}
