//! `isopleth ingest`.

use std::collections::BTreeMap;
use std::io::{BufWriter, IsTerminal};
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use isopleth_io::ingest::{
    FileReport, FormatName, IngestError, Input, Mapping, Options, RejectExample, RejectWriter,
    Rejected, SinkError, find_inputs, nothing_recognised, open,
};
use isopleth_io::words::thousands;
use isopleth_store::{FileFacts, Store, Tally};
use serde_json::{Map, json};

use super::read_text;
use crate::{Failure, StoreArg};

/// Reads files, folders and archives into a store.
///
/// Every source file is one transaction. Reading the same files again changes nothing.
#[derive(Debug, Args)]
pub(crate) struct Ingest {
    #[command(flatten)]
    store: StoreArg,
    /// Files, folders or zip archives; plain or gzip.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The format, where it shall not be recognised from the header.
    #[arg(long, value_name = "NAME")]
    format: Option<FormatName>,
    /// A mapping document (TOML) that says what the columns of a CSV mean.
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,
    /// Tell what would happen and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print the summary as one line of JSON.
    #[arg(long)]
    json: bool,
    /// Write rejected rows to this CSV file.
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
}

impl Ingest {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let started = Instant::now();
        let mapping = match &self.mapping {
            None => None,
            Some(path) => Some(
                Mapping::from_toml(&read_text(path)?)
                    .map_err(|e| format!("{}: {e}", path.display()))?,
            ),
        };
        let options = Options {
            format: self.format,
            mapping,
            ..Options::default()
        };
        let inputs = find_inputs(&self.paths)?;
        let mut store = self.open_store()?;
        let mut rejects = self.rejects_file()?;
        let progress = Progress::new(&inputs);
        let writer = rejects.as_mut().map(|r| &mut r.writer);
        let mut summary = ingest(&mut store, &inputs, &options, writer, &progress)?;
        if let Some(rejects) = rejects {
            rejects.keep()?;
        }
        if summary.skipped.len() == inputs.len() {
            return Err(nothing_recognised(&self.paths, &summary.skipped).into());
        }
        summary.seconds = started.elapsed().as_secs_f64();
        if self.json {
            say!("{}", summary.to_json());
        } else {
            summary.print(self.dry_run);
        }
        for (_, error) in &summary.failed {
            eprintln!("error: {error}");
        }
        match (summary.failed.len(), summary.files) {
            (0, _) => Ok(()),
            (n, 0) => Err(format!("nothing was stored: {n} files were refused").into()),
            (n, files) => {
                Err(format!("{n} files were refused whole; the other {files} are in").into())
            }
        }
    }

    /// A dry run works on a copy: what one file brings decides what the next would.
    fn open_store(&self) -> Result<Target, Failure> {
        let (path, policy) = (&self.store.store, isopleth_io::default_policy());
        if !self.dry_run {
            let store = Store::open_or_create(path, &policy)?;
            return Ok(Target {
                store,
                _folder: None,
            });
        }
        let folder = tempfile::tempdir()?;
        let copy = folder.path().join("dry-run.gpkg");
        if path.exists() {
            Store::open_read_only(path)?.copy_to(&copy)?;
        }
        let store = Store::open_or_create(&copy, &policy)?;
        Ok(Target {
            store,
            _folder: Some(folder),
        })
    }

    /// Opens the file for rejected rows beside its place; it takes its place when all is done, so
    /// that a failure leaves what was there.
    fn rejects_file(&self) -> Result<Option<RejectsFile>, Failure> {
        let Some(path) = &self.rejects else {
            return Ok(None);
        };
        let same = |other: &PathBuf| match (path.canonicalize(), other.canonicalize()) {
            (Ok(a), Ok(b)) => a == b,
            _ => false,
        };
        if same(&self.store.store) || self.paths.iter().any(same) {
            return Err(format!(
                "--rejects {} is the store or an input; name another file",
                path.display()
            )
            .into());
        }
        let fail = |e: std::io::Error| format!("cannot write {}: {e}", path.display());
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
        let draft = tempfile::NamedTempFile::new_in(folder.unwrap_or(std::path::Path::new(".")))
            .map_err(fail)?;
        let file = draft.reopen().map_err(fail)?;
        let writer = RejectWriter::new(BufWriter::new(file)).map_err(fail)?;
        Ok(Some(RejectsFile {
            path: path.clone(),
            draft,
            writer,
        }))
    }
}

/// The rejected rows on their way to their file.
struct RejectsFile {
    path: PathBuf,
    draft: tempfile::NamedTempFile,
    writer: RejectWriter,
}

impl RejectsFile {
    fn keep(mut self) -> Result<(), Failure> {
        let fail = |e: std::io::Error| format!("cannot write {}: {e}", self.path.display());
        self.writer.flush().map_err(fail)?;
        self.draft.persist(&self.path).map_err(|e| fail(e.error))?;
        Ok(())
    }
}

struct Target {
    store: Store,
    _folder: Option<tempfile::TempDir>,
}

impl std::ops::Deref for Target {
    type Target = Store;
    fn deref(&self) -> &Store {
        &self.store
    }
}

impl std::ops::DerefMut for Target {
    fn deref_mut(&mut self) -> &mut Store {
        &mut self.store
    }
}

/// What an ingest did.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    pub(crate) read: u64,
    pub(crate) tally: Tally,
    without_location: u64,
    approximate: u64,
    rejected: BTreeMap<&'static str, Rejected>,
    files: usize,
    skipped: Vec<IngestError>,
    failed: Vec<(String, IngestError)>,
    columns_left_behind: Vec<String>,
    notes: Vec<String>,
    seconds: f64,
}

impl Summary {
    fn add(&mut self, report: FileReport, tally: Tally) {
        self.files += 1;
        self.read += report.read;
        self.tally += tally;
        self.without_location += report.without_location;
        self.approximate += report.approximate_locations;
        for (reason, rejected) in report.rejected {
            let sum = self.rejected.entry(reason).or_default();
            sum.count += rejected.count;
            let room = 3_usize.saturating_sub(sum.examples.len());
            sum.examples
                .extend(rejected.examples.into_iter().take(room));
        }
        for column in report.columns_left_behind {
            if !self.columns_left_behind.contains(&column) {
                self.columns_left_behind.push(column);
            }
        }
        let name = report.source.name;
        self.notes
            .extend(report.notes.into_iter().map(|n| format!("{name}: {n}")));
    }

    fn to_json(&self) -> String {
        let reasons: Map<String, serde_json::Value> = self
            .rejected
            .iter()
            .map(|(r, n)| ((*r).to_owned(), json!(n.count)))
            .collect();
        let mut all = json!({
            "read": self.read,
            "stored": self.tally.stored,
            "updated": self.tally.updated,
            "unchanged": self.tally.unchanged,
            "without_location": self.without_location,
            "rejected": reasons,
            "files": self.files,
            "columns_left_behind": self.columns_left_behind,
            "seconds": (self.seconds * 1000.0).round() / 1000.0,
        });
        if !self.failed.is_empty() {
            all["failed"] = self
                .failed
                .iter()
                .map(|(file, e)| json!({ "file": file, "code": e.code(), "detail": e.to_string() }))
                .collect();
        }
        all.to_string()
    }

    fn print(&self, dry_run: bool) {
        let Tally {
            stored,
            updated,
            unchanged,
        } = self.tally;
        let would = if dry_run { "would be " } else { "" };
        let rejected: u64 = self.rejected.values().map(|r| r.count).sum();
        say!(
            "{} rows read from {} files in {:.1} s",
            thousands(self.read),
            self.files,
            self.seconds
        );
        say!("  {:>9} {would}stored", thousands(stored));
        say!("  {:>9} {would}updated", thousands(updated));
        say!("  {:>9} unchanged", thousands(unchanged));
        say!("  {:>9} rejected", thousands(rejected));
        for (reason, r) in &self.rejected {
            say!("            {} {reason}", thousands(r.count));
            for RejectExample {
                file,
                row,
                column,
                value,
            } in &r.examples
            {
                say!("              {file}, row {row}, {column}: {value:?}");
            }
        }
        say!(
            "  {:>9} of the rows taken have no location",
            thousands(self.without_location)
        );
        if self.approximate > 0 {
            say!(
                "  {:>9} lie where the exact grid transformation has no data: good to some metres",
                thousands(self.approximate)
            );
        }
        if !self.columns_left_behind.is_empty() {
            say!(
                "Columns left behind, nothing of them is stored: {}",
                self.columns_left_behind.join(", ")
            );
        }
        for note in &self.notes {
            say!("Note: {note}");
        }
        for skipped in &self.skipped {
            say!("{skipped}");
        }
        if stored + updated == 0 && self.failed.is_empty() {
            say!("Nothing has changed.");
        }
    }
}

/// Reads inputs into a store without a word about the single files.
pub(crate) fn ingest_quietly(
    store: &mut Store,
    inputs: &[Input],
    options: &Options,
) -> Result<Summary, Failure> {
    ingest(store, inputs, options, None, &Progress::Silent)
}

/// Reads inputs into a store, each in a transaction of its own.
fn ingest(
    store: &mut Store,
    inputs: &[Input],
    options: &Options,
    mut rejects: Option<&mut RejectWriter>,
    progress: &Progress,
) -> Result<Summary, Failure> {
    let mut summary = Summary::default();
    for input in inputs {
        progress.begin(input);
        let opened = match open(input, options) {
            Ok(opened) => opened,
            Err(e) if e.is_skipped() => {
                summary.skipped.push(e);
                progress.end(input, None);
                continue;
            }
            Err(e) => {
                summary.failed.push((input.describe().to_owned(), e));
                progress.end(input, None);
                continue;
            }
        };
        let mut writer = store.begin_file(opened.source())?;
        let mut sink = |rows: &[_], texts: &_| {
            progress.tick();
            writer.push(rows, texts).map_err(SinkError::from)
        };
        match opened.read(&mut sink, rejects.as_deref_mut()) {
            Ok(report) => {
                let facts = FileFacts {
                    read: report.read,
                    rejected: report.rejected_count(),
                };
                let tally = writer.commit(&facts)?;
                progress.end(input, Some((&report, tally)));
                summary.add(report, tally);
            }
            // The store failing is no fault of the file, and the next file would fare no better.
            Err(IngestError::Sink { cause, .. }) => return Err(cause),
            Err(e) => {
                summary.failed.push((input.describe().to_owned(), e));
                progress.end(input, None);
            }
        }
    }
    progress.finish();
    Ok(summary)
}

/// What a person sees meanwhile: a bar on a terminal, a line a file elsewhere.
enum Progress {
    Bar(ProgressBar),
    Lines,
    Silent,
}

impl Progress {
    fn new(inputs: &[Input]) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self::Lines;
        }
        let bytes = inputs.iter().map(|i| i.bytes().unwrap_or(0)).sum();
        let style = ProgressStyle::with_template("{bar:30} {percent:>3}% {msg}");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        Self::Bar(ProgressBar::new(bytes).with_style(style))
    }

    fn begin(&self, input: &Input) {
        if let Self::Bar(bar) = self {
            bar.set_message(input.name().to_owned());
        }
    }

    fn tick(&self) {
        if let Self::Bar(bar) = self {
            bar.tick();
        }
    }

    fn end(&self, input: &Input, done: Option<(&FileReport, Tally)>) {
        match (self, done) {
            (Self::Bar(bar), _) => bar.inc(input.bytes().unwrap_or(0)),
            (Self::Lines, Some((report, tally))) => eprintln!(
                "{}: {} read, {} stored, {} updated, {} unchanged, {} rejected",
                report.source.name,
                report.read,
                tally.stored,
                tally.updated,
                tally.unchanged,
                report.rejected_count()
            ),
            _ => {}
        }
    }

    fn finish(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}
