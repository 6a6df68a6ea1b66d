//! What became of a file's rows.

use std::collections::BTreeMap;
use std::io;

use super::SourceFile;

/// Examples kept for each reason.
const EXAMPLES: usize = 3;
/// Longest value quoted in an example, in characters.
const QUOTED: usize = 80;

/// Why a row is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    BadCoordinate,
    BadDate,
    HalfCoordinate,
    NoDate,
    NoOffence,
    NotAPoint,
    OutsideArea,
    SwappedCoordinates,
    WrongFieldCount,
    ZeroCoordinates,
}

impl Reason {
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::BadCoordinate => "bad_coordinate",
            Self::BadDate => "bad_date",
            Self::HalfCoordinate => "half_coordinate",
            Self::NoDate => "no_date",
            Self::NoOffence => "no_offence",
            Self::NotAPoint => "not_a_point",
            Self::OutsideArea => "outside_area",
            Self::SwappedCoordinates => "swapped_coordinates",
            Self::WrongFieldCount => "wrong_field_count",
            Self::ZeroCoordinates => "zero_coordinates",
        }
    }
}

/// A row that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectExample {
    /// Path, or `archive!entry`.
    pub file: String,
    /// Line that the record begins on, the header being line 1; for GeoJSON the number of the
    /// feature.
    pub row: u64,
    /// The column or columns that are at fault.
    pub column: String,
    /// What stands there, cut to 80 characters.
    pub value: String,
}

/// The rows left out for one reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rejected {
    /// How many.
    pub count: u64,
    /// The first three.
    pub examples: Vec<RejectExample>,
}

/// What became of the rows of a file. `read` is what was delivered plus what was rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileReport {
    /// The file.
    pub source: SourceFile,
    /// Records in the file, without the header.
    pub read: u64,
    /// Delivered records that say no position.
    pub without_location: u64,
    /// Records left out, by reason code.
    pub rejected: BTreeMap<&'static str, Rejected>,
    /// Columns of which nothing is stored, in the order of the header.
    pub columns_left_behind: Vec<String>,
    /// Delivered records whose grid position is by Helmert (metres) and not by OSTN15.
    pub approximate_locations: u64,
    /// What a reader of the summary should know: a guessed encoding, dropped property numbers.
    pub notes: Vec<String>,
}

impl FileReport {
    pub(crate) fn new(source: SourceFile) -> Self {
        Self {
            source,
            read: 0,
            without_location: 0,
            rejected: BTreeMap::new(),
            columns_left_behind: Vec::new(),
            approximate_locations: 0,
            notes: Vec::new(),
        }
    }

    /// Records left out for any reason.
    #[must_use]
    pub fn rejected_count(&self) -> u64 {
        self.rejected.values().map(|r| r.count).sum()
    }

    pub(crate) fn reject(&mut self, reason: Reason, example: impl FnOnce() -> RejectExample) {
        let rejected = self.rejected.entry(reason.code()).or_default();
        rejected.count += 1;
        if rejected.examples.len() < EXAMPLES {
            rejected.examples.push(example());
        }
    }
}

/// A value for a message.
pub(crate) fn quoted(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    match text.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into_owned(),
    }
}

/// Writes rejected rows as CSV: `file,row,reason,column,value`. The rest of a rejected row is not
/// repeated: it may hold columns about persons.
pub struct RejectWriter {
    csv: csv::Writer<Box<dyn io::Write + Send>>,
}

impl RejectWriter {
    /// A writer with its header written.
    ///
    /// # Errors
    /// What the target says.
    pub fn new(target: impl io::Write + Send + 'static) -> io::Result<Self> {
        let mut csv = csv::Writer::from_writer(Box::new(target) as Box<dyn io::Write + Send>);
        csv.write_record(["file", "row", "reason", "column", "value"])?;
        Ok(Self { csv })
    }

    pub(crate) fn write(&mut self, reason: Reason, row: &RejectExample) -> io::Result<()> {
        let number = row.row.to_string();
        self.csv
            .write_record([&row.file, &number, reason.code(), &row.column, &row.value])?;
        Ok(())
    }

    /// Writes out what is buffered.
    ///
    /// # Errors
    /// What the target says.
    pub fn flush(&mut self) -> io::Result<()> {
        self.csv.flush()
    }
}

impl std::fmt::Debug for RejectWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RejectWriter").finish_non_exhaustive()
    }
}
