//! The store: one file that remembers incidents, areas, sites, streets, saved layers and their
//! runs.
//!
//! # The file
//!
//! A store is one SQLite file in GeoPackage layout: `incidents`, `areas`, `sites` and `streets` are
//! feature tables in longitude and latitude, the dictionaries that incidents point into are attribute
//! tables, so that GDAL and QGIS can look into it. It is the system of record, not a file to hand
//! out: it has no R-tree while it lives (keeping one up to date costs more than all the rest of an
//! insert), and it is in WAL mode, which desktop programs on network drives do not cope with.
//! People get a copy by [`Store::export`].
//!
//! # What holds
//!
//! - **Whole files.** A source file enters in one transaction ([`FileWriter`]). A process that is
//!   killed at any moment leaves whole files only, and the next opening carries on from there.
//! - **Power loss** may take the files that were committed last, never a part of one, and never
//!   damages the store: commits are written to the log in order, and the log is forced to disk
//!   before it is folded into the main file (`synchronous = NORMAL`).
//! - **One writer, many readers.** Readers see the last commit and never wait. A second writer
//!   waits a while and is then told so.
//! - **A revision for content.** [`Store::data_revision`] is derived from the content alone: the
//!   same incidents, areas, sites, streets, policy and harm schedules give the same revision, whatever the
//!   order in which they came, and any change moves it. Saved layers, runs, jobs and the names of
//!   source files are not content.

mod areas;
mod dictionary;
mod documents;
mod error;
mod export;
mod feature_table;
mod file_writer;
mod geometry;
mod geopackage;
mod jobs;
mod layers;
mod read;
mod record;
mod revision;
mod rtree;
mod schema;
mod sites;
mod store;
mod streets;
mod style;

pub use areas::AreaKind;
pub use error::StoreError;
pub use export::{ExportReport, ExportedTable, write_layer_file};
pub use file_writer::{FileFacts, FileWriter, Tally};
pub use jobs::{ANALYSIS_START, Analysis, JobRecord, JobStatus};
pub use layers::{Run, RunHeader, SavedLayer};
pub use sites::SiteClassCount;
pub use store::{Source, Store};
pub use streets::StreetVintage;
