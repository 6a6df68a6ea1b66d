//! Opening a source file and reading it.

use std::io::{self, Read};
use std::sync::Arc;

use super::bytes::{self, Peek, TooLong};
use super::delivery::Delivery;
use super::error::IngestError;
use super::geojson;
use super::header::{FormatName, Layout, Recognised, built_in, listed, recognise};
use super::identity::{month_of, stem_of};
use super::mapping::Mapping;
use super::position::Positions;
use super::records::{MAX_RECORD, RecordError, Records};
use super::report::{FileReport, RejectWriter};
use super::rows::Rows;
use super::{Input, Row, SourceFile, Texts};

/// Bytes that are looked at to tell GeoJSON from other JSON.
const HEAD: usize = 1 << 16;

/// What a sink may fail with.
pub type SinkError = Box<dyn std::error::Error + Send + Sync>;

/// Takes a chunk of rows with the texts that they refer to. The texts of a file only grow.
pub type Sink<'a> = dyn FnMut(&[Row], &Texts) -> Result<(), SinkError> + 'a;

/// How to read.
#[derive(Debug, Clone)]
pub struct Options {
    /// The format, where it shall not be recognised. Files of a folder or archive that are of
    /// another one are skipped.
    pub format: Option<FormatName>,
    /// What the columns mean, for files that the mapping fits.
    pub mapping: Option<Mapping>,
    /// Bytes that one source file may inflate to.
    pub max_inflated_bytes: u64,
    /// Positions worked out so far; clones of the options share them.
    pub positions: Positions,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            format: None,
            mapping: None,
            max_inflated_bytes: 8 << 30,
            positions: Positions::default(),
        }
    }
}

/// Reads a source file into a sink.
///
/// # Errors
/// See [`open`] and [`OpenFile::read`].
pub fn read(
    input: &Input,
    options: &Options,
    sink: &mut Sink<'_>,
) -> Result<FileReport, IngestError> {
    open(input, options)?.read(sink, None)
}

/// A source file as text.
pub(crate) type Stream = Peek<Box<dyn Read + Send>>;

/// A source file of which the header has been read.
pub struct OpenFile {
    file: String,
    source: SourceFile,
    mapping: Arc<Mapping>,
    positions: Positions,
    file_scope: String,
    id_month: String,
    body: Body,
    compressed: bool,
    notes: Vec<String>,
}

enum Body {
    Csv {
        records: Box<Records<Stream>>,
        layout: Box<Layout>,
    },
    /// Whether the mapping was given, and not made up from usual property names.
    Json { stream: Stream, mapped: bool },
}

impl std::fmt::Debug for OpenFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenFile")
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

/// Opens a source file, finds out what it is and reads its header.
///
/// # Errors
/// [`IngestError::Skipped`] for a file of a folder or archive that is no incident data, and the
/// others for one that should be and is not readable.
pub fn open(input: &Input, options: &Options) -> Result<OpenFile, IngestError> {
    let file = input.describe().to_owned();
    if let Some(reason) = input.skipped() {
        return Err(IngestError::Skipped {
            file,
            reason: reason.to_owned(),
        });
    }
    if let Some(error) = input.fault() {
        return Err(error);
    }
    let encoding = options.mapping.as_ref().and_then(|m| m.encoding);
    let text = bytes::text(input, options.max_inflated_bytes, encoding);
    let mut text = text.map_err(|e| broken(&file, 0, true, e))?;
    let compressed = text.compressed;
    let head = text
        .reader
        .peek(1024)
        .map_err(|e| broken(&file, 0, compressed, e))?;
    let first = head.iter().find(|b| !b.is_ascii_whitespace()).copied();
    if first.is_none() && head.len() < 1024 {
        return Err(IngestError::Empty { file });
    }
    if let Some(at) = memchr::memchr(0, head) {
        let offset = text.mark + at;
        return Err(match input.named {
            true => IngestError::NotText { file, offset },
            false => IngestError::Skipped {
                file,
                reason: format!("it is not text (a NUL byte at byte offset {offset})"),
            },
        });
    }
    let opener = Opener {
        input,
        options,
        file,
        compressed,
    };
    let json = matches!(first, Some(b'{' | b'['));
    let (format, mapping, body) = match json {
        true => opener.json(text.reader)?,
        false => opener.csv(text.reader)?,
    };
    let id_month = match format == FormatName::PoliceUkStreet.name() {
        true => month_of(input.name()).to_owned(),
        false => String::new(),
    };
    Ok(OpenFile {
        file: opener.file,
        source: SourceFile {
            name: input.name().to_owned(),
            format,
        },
        positions: options.positions.clone(),
        file_scope: match mapping.identity_file_name {
            true => stem_of(input.name()).to_owned(),
            false => String::new(),
        },
        id_month,
        mapping,
        body,
        compressed,
        notes: text.note.into_iter().collect(),
    })
}

struct Opener<'a> {
    input: &'a Input,
    options: &'a Options,
    file: String,
    compressed: bool,
}

type Opened = (String, Arc<Mapping>, Body);

impl Opener<'_> {
    fn json(&self, mut stream: Stream) -> Result<Opened, IngestError> {
        self.expect(FormatName::GeoJson)?;
        if !self.input.named {
            let head = stream
                .peek(HEAD)
                .map_err(|e| broken(&self.file, 0, self.compressed, e))?;
            if memchr::memmem::find(head, b"\"FeatureCollection\"").is_none() {
                return Err(IngestError::Skipped {
                    file: self.file.clone(),
                    reason: "JSON, but no FeatureCollection".into(),
                });
            }
        }
        let mapped = self.options.mapping.is_some();
        let (format, mapping) = match &self.options.mapping {
            Some(mapping) => (format!("mapping:{}", mapping.name), mapping.clone()),
            None => (FormatName::GeoJson.name().to_owned(), geojson::usual()),
        };
        Ok((format, Arc::new(mapping), Body::Json { stream, mapped }))
    }

    fn csv(&self, stream: Stream) -> Result<Opened, IngestError> {
        let delimiter = self.options.mapping.as_ref().map_or(b',', |m| m.delimiter);
        let mut records = Box::new(Records::new(stream, delimiter));
        match records.advance() {
            Ok(true) => {}
            Ok(false) => {
                return Err(IngestError::Empty {
                    file: self.file.clone(),
                });
            }
            Err(e) => return Err(bad_record(&self.file, &records, self.compressed, e)),
        }
        let mut decoder = super::intern::Decoder::default();
        let header: Vec<String> = (0..records.len())
            .map(|i| decoder.decode(records.field(i)).into_owned())
            .collect();
        let recognised = recognise(&header);
        let fits = self
            .options
            .mapping
            .as_ref()
            .is_some_and(|m| Layout::matches(m, &header) > 0);
        let (format, mapping) = match (&self.options.mapping, recognised) {
            (Some(mapping), _) if fits && self.options.format.is_none() => (
                format!("mapping:{}", mapping.name),
                Arc::new(mapping.clone()),
            ),
            (_, Recognised::Format(format)) => {
                self.expect(format)?;
                let Some(mapping) = built_in(format) else {
                    return Err(self.unknown(&header));
                };
                (format.name().to_owned(), mapping)
            }
            (_, Recognised::Outcomes) => {
                return Err(
                    self.not_ours("outcomes of crimes, not crimes", || self.unknown(&header))
                );
            }
            (_, Recognised::Unknown) => {
                if let Some(error) = self.wrong_delimiter(&header, delimiter) {
                    return Err(error);
                }
                if let Some(format) = self.options.format.filter(|_| self.input.named)
                    && let Some(mapping) = built_in(format)
                {
                    Layout::new(&mapping, &header, &self.file, format.name())?;
                }
                return Err(
                    self.not_ours("its header is of no known format", || self.unknown(&header))
                );
            }
        };
        let layout = Box::new(Layout::new(&mapping, &header, &self.file, &format)?);
        Ok((format, mapping, Body::Csv { records, layout }))
    }

    /// Refuses a format that was not asked for.
    fn expect(&self, found: FormatName) -> Result<(), IngestError> {
        match self.options.format {
            Some(expected) if expected != found => Err(self.not_ours(
                &format!("it is {found}, not {expected}"),
                || IngestError::OtherFormat {
                    file: self.file.clone(),
                    found: found.name(),
                    expected: expected.name(),
                },
            )),
            _ => Ok(()),
        }
    }

    /// An error if the file was named, else a reason to pass it over.
    fn not_ours(&self, reason: &str, named: impl FnOnce() -> IngestError) -> IngestError {
        match self.input.named {
            true => named(),
            false => IngestError::Skipped {
                file: self.file.clone(),
                reason: reason.to_owned(),
            },
        }
    }

    fn unknown(&self, header: &[String]) -> IngestError {
        IngestError::UnknownHeader {
            file: self.file.clone(),
            columns: listed(header),
        }
    }

    /// One column with another delimiter in it. That is an error in a folder, too: a file that was
    /// saved by a spreadsheet must not be passed over.
    fn wrong_delimiter(&self, header: &[String], delimiter: u8) -> Option<IngestError> {
        let [only] = header else { return None };
        let other = [
            (';', "\";\""),
            ('\t', "\"\\t\""),
            (',', "\",\""),
            ('|', "\"|\""),
        ];
        let found = other
            .into_iter()
            .find(|&(c, _)| only.contains(c) && c as u8 != delimiter)?;
        let expected = format!("{:?}", char::from(delimiter).to_string());
        Some(IngestError::WrongDelimiter {
            file: self.file.clone(),
            found: found.1,
            expected,
        })
    }
}

impl OpenFile {
    /// The file, as the store remembers it.
    #[must_use]
    pub fn source(&self) -> &SourceFile {
        &self.source
    }

    /// Reads the file: rows to the sink, in chunks of a few thousand with the texts they refer to;
    /// rows left out to the report, and to a writer where there is one.
    ///
    /// # Errors
    /// [`IngestError`] if the file turns out damaged, or the sink or the writer fails. Rows may have
    /// been delivered by then: a file is one transaction.
    pub fn read(
        self,
        sink: &mut Sink<'_>,
        rejects: Option<&mut RejectWriter>,
    ) -> Result<FileReport, IngestError> {
        let rows = Rows::new(
            Arc::clone(&self.mapping),
            &self.source.format,
            &self.file_scope,
            &self.id_month,
            self.positions.take(),
        );
        let mut report = FileReport::new(self.source);
        report.notes = self.notes;
        let mut delivery = Delivery::new(self.file, rows, report, sink, rejects);
        let done = match self.body {
            Body::Csv {
                mut records,
                layout,
            } => delivery.csv(&mut records, layout, self.compressed),
            Body::Json { stream, mapped } => geojson::read(
                stream,
                &self.mapping,
                mapped,
                self.compressed,
                &mut delivery,
            ),
        }
        .and_then(|()| delivery.flush());
        self.positions.give(delivery.take_positions());
        done.map(|()| delivery.finish())
    }
}

/// What a failed read means.
pub(crate) fn broken(file: &str, line: u64, compressed: bool, cause: io::Error) -> IngestError {
    let file = file.to_owned();
    if let Some(TooLong(limit)) = cause.get_ref().and_then(|e| e.downcast_ref()) {
        return IngestError::TooLarge {
            file,
            limit: *limit,
        };
    }
    let decoder = matches!(
        cause.kind(),
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof
    );
    if compressed && decoder {
        return IngestError::Damaged {
            file,
            line,
            reason: cause.to_string(),
        };
    }
    IngestError::Read { file, cause }
}

/// Why there is no next record.
pub(crate) fn bad_record(
    file: &str,
    records: &Records<Stream>,
    compressed: bool,
    error: RecordError,
) -> IngestError {
    let (file, line) = (file.to_owned(), records.line());
    match error {
        RecordError::Read(cause) => broken(&file, line, compressed, cause),
        RecordError::Long => IngestError::LongRecord {
            file,
            line,
            limit: MAX_RECORD,
        },
        RecordError::LongQuoted => IngestError::LongQuoted {
            file,
            line,
            limit: MAX_RECORD,
        },
        RecordError::UnclosedQuote => IngestError::UnclosedQuote { file, line },
    }
}
