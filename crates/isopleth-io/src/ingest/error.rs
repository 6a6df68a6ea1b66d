//! What makes a whole file unreadable.

use std::io;

use super::open::SinkError;

/// Why a file was refused whole. Every message names the file and the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IngestError {
    /// The file system says no.
    #[error("{file}: {cause}; check the path, and that you may read it")]
    Read {
        /// The file or folder.
        file: String,
        /// What the system says.
        cause: io::Error,
    },
    /// A pipe, a device or a socket.
    #[error(
        "{file}: is not a regular file, and a source is read more than once; save it to a file first, and name that"
    )]
    NotAFile {
        /// What was named.
        file: String,
    },
    /// A folder or archive that holds no file of a known type.
    #[error(
        "{path}: nothing in here is a crime, stop-and-search, mapped CSV or GeoJSON file ({seen}); name the folder, zip or file that holds the data"
    )]
    NothingHere {
        /// The folder or archive.
        path: String,
        /// What is in it instead, in words.
        seen: String,
    },
    /// A file of a folder or archive that is not incident data. Not a failure: report it and go on.
    #[error("{file}: skipped, {reason}")]
    Skipped {
        /// The file.
        file: String,
        /// Why.
        reason: String,
    },
    /// A zip that cannot be taken apart.
    #[error("{file}: not a readable zip: {reason}; it is probably cut short, fetch it again")]
    Archive {
        /// The archive or its entry.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// A zip with an entry that the reader does not do.
    #[error("{file}: {what}; unpack the archive and name the folder instead")]
    Entry {
        /// The entry.
        file: String,
        /// Encrypted, an unknown compression, a path out of the archive.
        what: &'static str,
    },
    /// More entries than any archive of this kind has.
    #[error("{file}: holds {entries} entries, more than {limit}; unpack it and name the files")]
    TooManyEntries {
        /// The archive.
        file: String,
        /// Entries that it holds.
        entries: usize,
        /// Entries that are allowed.
        limit: usize,
    },
    /// A file that inflates beyond all measure.
    #[error(
        "{file}: inflates to more than {limit} bytes; split it, or raise the limit if you trust it"
    )]
    TooLarge {
        /// The file.
        file: String,
        /// Bytes that are allowed.
        limit: u64,
    },
    /// Compressed data that is cut short or corrupt.
    #[error("{file}: damaged after line {line}: {reason}; fetch it again")]
    Damaged {
        /// The file.
        file: String,
        /// Last good line.
        line: u64,
        /// What the decoder says.
        reason: String,
    },
    /// No bytes at all.
    #[error("{file}: is empty, without even a header; fetch or export it again")]
    Empty {
        /// The file.
        file: String,
    },
    /// Not text.
    #[error(
        "{file}: is not text (a NUL byte at byte offset {offset}); name a CSV or GeoJSON file, plain, gzip or in a zip"
    )]
    NotText {
        /// The file.
        file: String,
        /// Where the first NUL byte stands, from 0, after unpacking.
        offset: usize,
    },
    /// A header of one column that holds another delimiter.
    #[error(
        "{file}: line 1 is one column with {found} in it, but columns are parted by {expected}; set `delimiter = {found}` in a mapping, or save the file with commas"
    )]
    WrongDelimiter {
        /// The file.
        file: String,
        /// The delimiter that the header seems to have, quoted.
        found: &'static str,
        /// The delimiter that was expected, quoted.
        expected: String,
    },
    /// A header that no format answers to.
    #[error(
        "{file}: the header is of no known format (columns: {columns}); say what they are in a mapping"
    )]
    UnknownHeader {
        /// The file.
        file: String,
        /// Columns of the header.
        columns: String,
    },
    /// A column that the format or the mapping needs is missing.
    #[error(
        "{file}: {format} needs a column `{column}`, which the header does not have (columns: {columns}); mend the mapping, or name the right format"
    )]
    MissingColumn {
        /// The file.
        file: String,
        /// The format or mapping.
        format: String,
        /// The column.
        column: String,
        /// Columns of the header.
        columns: String,
    },
    /// A column that is read stands in the header twice.
    #[error("{file}: column `{column}` stands in the header twice; remove or rename one of them")]
    DuplicateColumn {
        /// The file.
        file: String,
        /// The column.
        column: String,
    },
    /// A record beyond all measure.
    #[error(
        "{file}: line {line}: the record is longer than {limit} bytes; it is not a CSV record, mend or remove it"
    )]
    LongRecord {
        /// The file.
        file: String,
        /// Line that the record begins on.
        line: u64,
        /// Bytes that are allowed.
        limit: usize,
    },
    /// A record beyond all measure, because a quote keeps swallowing the records after it.
    #[error(
        "{file}: line {line}: a quoted field that opens here makes the record longer than {limit} bytes; the quote on line {line} was probably not closed: close it, or double quotes inside quoted fields"
    )]
    LongQuoted {
        /// The file.
        file: String,
        /// Line that the quote stands on.
        line: u64,
        /// Bytes that are allowed.
        limit: usize,
    },
    /// A quote that is never closed.
    #[error(
        "{file}: line {line}: the quote that opens here is never closed, which would swallow the records after it; close it, or double quotes inside quoted fields"
    )]
    UnclosedQuote {
        /// The file.
        file: String,
        /// Line that the quote stands on.
        line: u64,
    },
    /// JSON that is not GeoJSON points.
    #[error(
        "{file}: not a GeoJSON FeatureCollection: {reason}; export the layer as GeoJSON (RFC 7946) in WGS 84"
    )]
    GeoJson {
        /// The file.
        file: String,
        /// What is wrong, with line and column.
        reason: String,
    },
    /// A feature beyond all measure.
    #[error(
        "{file}: near line {line}: feature {number}, or what stands before it, is longer than {limit} bytes, which no point with its properties is; mend or remove it"
    )]
    LongFeature {
        /// The file.
        file: String,
        /// Line at which reading stopped.
        line: u64,
        /// The feature, from 1.
        number: u64,
        /// Bytes that are allowed.
        limit: u64,
    },
    /// Features without the properties that an incident needs.
    #[error(
        "{file}: feature 1 has no property for the {what} (properties: {properties}); say which one it is in a mapping"
    )]
    NoProperty {
        /// The file.
        file: String,
        /// Offence or time, with the names that are looked for.
        what: String,
        /// Properties seen.
        properties: String,
    },
    /// The file is not what the caller says it is.
    #[error("{file}: is {found}, not {expected}; leave the format out, or name the right one")]
    OtherFormat {
        /// The file.
        file: String,
        /// What it is.
        found: &'static str,
        /// What was asked for.
        expected: &'static str,
    },
    /// The rejects file cannot be written.
    #[error(
        "{file}: rejected rows cannot be written: {cause}; check the space and the rights of the rejects file"
    )]
    Rejects {
        /// The file being read.
        file: String,
        /// What the system says.
        cause: io::Error,
    },
    /// What takes the rows failed.
    #[error("{file}: rows were not taken: {cause}")]
    Sink {
        /// The file being read.
        file: String,
        /// What it says.
        cause: SinkError,
    },
}

impl IngestError {
    /// Whether this is a file of a folder or archive that is no incident data: to be reported, not
    /// a failure.
    #[must_use]
    pub fn is_skipped(&self) -> bool {
        matches!(self, Self::Skipped { .. })
    }

    /// A stable code for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Read { .. } => "cannot_read",
            Self::NotAFile { .. } => "not_a_file",
            Self::NothingHere { .. } => "nothing_here",
            Self::Skipped { .. } => "skipped",
            Self::Archive { .. } => "damaged_archive",
            Self::Entry { .. } => "unreadable_entry",
            Self::TooManyEntries { .. } => "too_many_entries",
            Self::TooLarge { .. } => "too_large",
            Self::Damaged { .. } => "damaged_file",
            Self::Empty { .. } => "empty_file",
            Self::NotText { .. } => "not_text",
            Self::WrongDelimiter { .. } => "wrong_delimiter",
            Self::UnknownHeader { .. } => "unknown_header",
            Self::MissingColumn { .. } => "missing_column",
            Self::DuplicateColumn { .. } => "duplicate_column",
            Self::LongRecord { .. } | Self::LongQuoted { .. } => "long_record",
            Self::UnclosedQuote { .. } => "unclosed_quote",
            Self::LongFeature { .. } => "long_feature",
            Self::GeoJson { .. } => "not_geojson",
            Self::NoProperty { .. } => "no_property",
            Self::OtherFormat { .. } => "other_format",
            Self::Rejects { .. } => "rejects_not_written",
            Self::Sink { .. } => "not_stored",
        }
    }
}
