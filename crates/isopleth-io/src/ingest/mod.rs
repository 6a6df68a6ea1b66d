//! Readers: source files in, checked rows out.
//!
//! A source file is one [`Input`]: a file, or an entry of a zip, plain or gzip. [`find_inputs`]
//! lists them, [`open`] looks at the first bytes and says what a file is, and [`OpenFile::read`]
//! delivers its rows in chunks, with the texts that they refer to. [`read`] is both in one.
//!
//! | format | recognised by |
//! |---|---|
//! | `police_uk_street` | columns `Month`, `Longitude`, `Latitude`, `Crime type` |
//! | `police_uk_stop_and_search` | columns `Date`, `Longitude`, `Latitude`, `Object of search` |
//! | `geojson` | a JSON object: a FeatureCollection of points |
//! | any CSV | a [`Mapping`] that names its columns |
//!
//! A source is opened more than once, so it is a regular file or a link to one; pipes and devices are
//! refused, or skipped where a folder holds them.
//!
//! # What is wrong with a file, and with a row
//!
//! A file that is damaged, or that is not what it seems, is refused whole by an [`IngestError`]: its
//! rows may have reached the sink by then, which is why a file is one transaction. A file of a folder
//! or zip that is something else altogether is [skipped](IngestError::is_skipped), and so is one of a
//! folder that the system cannot give; when that is true of all of them, [`nothing_recognised`] makes
//! the error. A zip in a folder that is damaged fails by itself. A row that makes
//! no sense is left out and counted in [`FileReport::rejected`] under a stable code, with the first
//! examples. So `read = delivered + rejected`, always. A row without a location is no error: it is
//! delivered and counted.
//!
//! # Identity
//!
//! A row's key makes a second ingest of the same file change nothing, and a corrected row an update
//! of the old one.
//!
//! - A record with an id of its own is the hash of the format (or the mapping's name), that id, and
//!   the ordinal among the records of that id in the file: one id does come several times in a file,
//!   with different content. Nothing else goes in, so that a changed outcome or position updates.
//!   For data.police.uk street crime the month of the file's name (`2022-02-…`), where it has one,
//!   goes in too: each month file owns its ids. An id that stands in two of them with different
//!   content would else be updated to and fro by every ingest. The archives repeat no id across
//!   months, and a release that replaces another keeps the names of its files.
//! - A record without one is the hash of what the source says of it: position, time, term,
//!   sub-type, record source, place, small area, the cell that its location basis is read from and
//!   the identity columns of its mapping; then the ordinal among the rows of the file that are alike
//!   in all of these. For stop and search, which does not say whose file it is, the month and force
//!   of the file's name go in too. The outcome does not: it is what changes between releases. What a
//!   mapping's tables and constants make of the source does not either, so that a mended mapping
//!   updates records and does not double them.
//!
//! The row's time keeps files of different months apart; folders, archives and compression do not
//! count, so a file may move; a month file of data.police.uk keeps its name in that. What is alike in all of the above in two files is taken as one record
//! delivered twice: an extract that overlaps another adds only what is new.
//!
//! # Person columns
//!
//! Readers take the columns that are named to them and nothing else; the others are listed in
//! [`FileReport::columns_left_behind`]. A mapping that names a column about a person is refused.

mod batch;
mod bytes;
mod delivery;
mod error;
mod fields;
mod geojson;
mod header;
mod identity;
mod input;
mod intern;
mod mapping;
mod mapping_document;
mod open;
mod person;
mod position;
mod records;
mod report;
mod rows;
mod time;

pub use batch::{KindTerms, NO_TEXT, PlaceText, Row, RowLocation, SourceFile, Texts};
pub use error::IngestError;
pub use header::{FormatName, Recognised, UnknownFormat, recognise};
pub use input::{Input, find_inputs, nothing_recognised};
pub use mapping::{Mapping, MappingError};
pub use open::{OpenFile, Options, Sink, SinkError, open, read};
pub use position::Positions;
pub use report::{FileReport, RejectExample, RejectWriter, Rejected};
