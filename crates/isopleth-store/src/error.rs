//! What can go wrong with a store.

use std::path::PathBuf;

use isopleth_core::domain::{CountTableError, HarmScheduleError, PolicyError};
use rusqlite::ErrorCode;

/// What went wrong, with the value and the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// No file at the path.
    #[error("there is no store at {path}; `isopleth ingest --store {path} FILE…` makes one")]
    Missing {
        /// The path.
        path: PathBuf,
    },
    /// The path is a folder or something else that is not a file.
    #[error("{path} is not a file; name a file that ends in .gpkg")]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// The file is something else.
    #[error(
        "{path} is not an Isopleth store: {reason}; name another file, or ingest into a new one"
    )]
    NotAStore {
        /// The path.
        path: PathBuf,
        /// What it is instead.
        reason: &'static str,
    },
    /// A newer program made the store.
    #[error(
        "{path} has store schema {found}, this program knows up to {known}; use the newer program that wrote it"
    )]
    NewerSchema {
        /// The path.
        path: PathBuf,
        /// Its schema version.
        found: i64,
        /// The newest that this program knows.
        known: i64,
    },
    /// An older program made the store, and it cannot be brought up to date while read-only.
    #[error(
        "{path} has store schema {found}, this program reads {known}; open it for writing once, as any ingest does, to bring it up to date"
    )]
    OlderSchema {
        /// The path.
        path: PathBuf,
        /// Its schema version.
        found: i64,
        /// The schema that this program reads.
        known: i64,
    },
    /// The log files beside the store cannot be opened.
    #[error(
        "{path} cannot be opened: a store keeps `-wal` and `-shm` files beside it, and its folder does not allow that; copy the store to a folder that can be written, or read a copy made by `isopleth export`"
    )]
    ReadOnlyFolder {
        /// The path.
        path: PathBuf,
    },
    /// A change was asked of a store that is open for reading only, or whose file is protected.
    #[error(
        "the store is open for reading only; open it for writing, and check the permissions of the file and its folder"
    )]
    ReadOnly,
    /// Another process is writing.
    #[error(
        "another process is writing to the store and did not finish in time; a store has one writer: wait for it and try again"
    )]
    Busy,
    /// No room on the disk.
    #[error("the disk is full; nothing of the current file was stored; make room and try again")]
    Full,
    /// The file is damaged.
    #[error(
        "the store is damaged ({detail}); restore it from a copy, or ingest the source files into a new store"
    )]
    Corrupt {
        /// What was found.
        detail: String,
    },
    /// A name that cannot be a layer's.
    #[error("`{name}` cannot name a layer: {reason}")]
    LayerName {
        /// The name.
        name: String,
        /// What is wrong with it, and what to use.
        reason: &'static str,
    },
    /// The file to write to exists.
    #[error("{path} exists and is not overwritten; remove it or name another file")]
    FileExists {
        /// The path.
        path: PathBuf,
    },
    /// The file to add a layer to is not a GeoPackage.
    #[error(
        "{path} exists and is not a GeoPackage that a layer can be added to: {reason}; name another file"
    )]
    NotAGeoPackage {
        /// The path.
        path: PathBuf,
        /// What it is.
        reason: &'static str,
    },
    /// The table to write to exists.
    #[error("{path} already has a table `{table}`; choose another layer name or another file")]
    TableExists {
        /// The path.
        path: PathBuf,
        /// The table.
        table: String,
    },
    /// More kinds of incidents than an index of 16 bits can tell apart.
    #[error(
        "the store holds {count} different offence terms, {limit} are possible; a column of free text may be mapped to `offence`"
    )]
    TooManyKinds {
        /// How many there are.
        count: usize,
        /// How many there can be.
        limit: usize,
    },
    /// A number that the store cannot hold.
    #[error(
        "{what} {value} is too large for the store; property reference numbers have at most 12 digits"
    )]
    OutOfRange {
        /// What it is.
        what: &'static str,
        /// The value.
        value: u64,
    },
    /// A row points at a text that its file's dictionary does not hold.
    #[error(
        "a row points at {what} {index}, but its file's dictionary ends before; this is a fault of the reader"
    )]
    NoSuchText {
        /// Which dictionary.
        what: &'static str,
        /// The index.
        index: u32,
    },
    /// A geometry that cannot be stored or was not what the store writes.
    #[error("the geometry of {what} is not usable: {reason}")]
    Geometry {
        /// What it is the geometry of.
        what: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The policy table contradicts itself.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// A harm schedule that cannot be used.
    #[error(transparent)]
    Harm(#[from] HarmScheduleError),
    /// A table of counts that cannot be used.
    #[error(transparent)]
    Counts(#[from] CountTableError),
    /// A stored document that cannot be read, or one that cannot be written.
    #[error("{what} in the store cannot be read or written as JSON: {source}")]
    Document {
        /// Which document.
        what: String,
        /// The reader's message.
        source: serde_json::Error,
    },
    /// The file system refused something.
    #[error("{path}: {source}; check the path, its permissions and the room on the disk")]
    Io {
        /// The path.
        path: PathBuf,
        /// The system's message.
        source: std::io::Error,
    },
    /// Anything else that the database reports.
    #[error("the store's database reports: {0}")]
    Database(rusqlite::Error),
}

impl StoreError {
    /// A stable code for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "store_missing",
            Self::NotAFile { .. } => "store_not_a_file",
            Self::NotAStore { .. } => "store_not_a_store",
            Self::NewerSchema { .. } => "store_newer_schema",
            Self::OlderSchema { .. } => "store_older_schema",
            Self::ReadOnlyFolder { .. } => "store_read_only_folder",
            Self::ReadOnly => "store_read_only",
            Self::Busy => "store_busy",
            Self::Full => "store_full",
            Self::Corrupt { .. } => "store_corrupt",
            Self::LayerName { .. } => "layer_name",
            Self::FileExists { .. } => "file_exists",
            Self::NotAGeoPackage { .. } => "not_a_geopackage",
            Self::TableExists { .. } => "table_exists",
            Self::TooManyKinds { .. } => "too_many_kinds",
            Self::OutOfRange { .. } => "out_of_range",
            Self::NoSuchText { .. } => "no_such_text",
            Self::Geometry { .. } => "geometry",
            Self::Policy(_) => "policy",
            Self::Counts(_) => "counts",
            Self::Harm(_) => "harm",
            Self::Document { .. } => "document",
            Self::Io { .. } => "io",
            Self::Database(_) => "database",
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            Some(ErrorCode::ReadOnly) => Self::ReadOnly,
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Corrupt {
                detail: error.to_string(),
            },
            _ => Self::Database(error),
        }
    }
}
