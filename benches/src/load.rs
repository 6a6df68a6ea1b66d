//! Files into a store, as the command line does it.

use std::path::{Path, PathBuf};

use isopleth_io::default_policy;
use isopleth_io::ingest::{Options, SinkError, find_inputs, open};
use isopleth_store::{FileFacts, Store, Tally};

use crate::generate;

/// Whatever went wrong.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What an ingest did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ingested {
    /// Rows read.
    pub read: u64,
    /// Rows rejected.
    pub rejected: u64,
    /// What became of the others.
    pub tally: Tally,
}

/// Reads files into a store, which is made if there is none, and closes it. Positions that earlier
/// ingests worked out are not used again unless the options come from them.
///
/// # Errors
/// A file that is refused, and errors of the store.
pub fn ingest(store: &Path, paths: &[PathBuf], options: &Options) -> Result<Ingested, Failure> {
    let inputs = find_inputs(paths)?;
    let mut store = Store::open_or_create(store, &default_policy())?;
    let mut done = Ingested::default();
    for input in inputs.iter().filter(|i| i.skipped().is_none()) {
        let opened = open(input, options)?;
        let mut writer = store.begin_file(opened.source())?;
        let mut sink = |rows: &[_], texts: &_| writer.push(rows, texts).map_err(SinkError::from);
        let report = opened.read(&mut sink, None)?;
        let facts = FileFacts {
            read: report.read,
            rejected: report.rejected_count(),
        };
        done.read += facts.read;
        done.rejected += facts.rejected;
        done.tally += writer.commit(&facts)?;
    }
    Ok(done)
}

/// A store with generated incidents and their study area, in a folder of its own.
///
/// # Panics
/// If it cannot be written.
#[must_use]
pub fn generated_store(n: usize) -> (tempfile::TempDir, PathBuf) {
    let (folder, csv) = generated_csv(n);
    let store = folder.path().join("generated.gpkg");
    ingest(&store, &[csv], &Options::default()).expect("generated data go in");
    let mut open = Store::open(&store).expect("the store opens");
    open.add_areas(&[generate::study_area()])
        .expect("the area goes in");
    drop(open);
    (folder, store)
}

/// A street file with generated incidents, in a folder of its own.
///
/// # Panics
/// If it cannot be written.
#[must_use]
pub fn generated_csv(n: usize) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("2023-01-generated-street.csv");
    let file = std::fs::File::create(&path).expect("a file");
    generate::write_street_csv(n, std::io::BufWriter::new(file)).expect("it is written");
    (folder, path)
}
