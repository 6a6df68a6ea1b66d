//! What a reader hands to the store.

use isopleth_core::domain::{LocationBasis, Span};

/// A source file as the store remembers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// File name without folders, or the entry's name inside an archive.
    pub name: String,
    /// Format that it was read as: `police_uk_street`, `mapping:london-2022`.
    pub format: String,
}

/// The terms that say what a record is of, as the source writes them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KindTerms {
    /// Offence term or code.
    pub term: String,
    /// Sub-type term, or empty.
    pub sub_type: String,
    /// Record source (crime report, 101 call, search), or empty.
    pub record_source: String,
}

/// Index of "no text" in [`Row`] fields that point into [`Texts`].
pub const NO_TEXT: u32 = u32::MAX;

/// A place text with its property number.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PlaceText {
    /// As the source writes it.
    pub text: String,
    /// Unique property reference number.
    pub uprn: Option<u64>,
}

/// The dictionary of a file: each distinct text once. It only grows while a file is read, so an
/// index stays good for later chunks of the same file.
#[derive(Debug, Clone, Default)]
pub struct Texts {
    /// Kinds.
    pub kinds: Vec<KindTerms>,
    /// Places.
    pub places: Vec<PlaceText>,
    /// Small area codes (LSOA).
    pub small_areas: Vec<String>,
    /// Outcomes.
    pub outcomes: Vec<String>,
}

/// Where a record is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RowLocation {
    /// Longitude as given (or converted from eastings), degrees.
    pub lon: f64,
    /// Latitude, degrees.
    pub lat: f64,
    /// Easting in EPSG:27700, millimetres.
    pub x_mm: i32,
    /// Northing in EPSG:27700, millimetres.
    pub y_mm: i32,
    /// H3 cell of resolution 9 that the position lies in.
    pub cell: u64,
    /// Whether easting and northing are by OSTN15 (or were given) rather than by Helmert.
    pub exact: bool,
}

/// One record, ready to store.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// Identity: the hash of the record's own id with its ordinal among rows of that id in the
    /// file, or of what the source says of it with the ordinal among identical rows of the file's
    /// month (see the [module documentation](super)).
    pub key: u128,
    /// Where, if the source says.
    pub location: Option<RowLocation>,
    /// When.
    pub span: Span,
    /// What its position stands for.
    pub basis: LocationBasis,
    /// Index into [`Texts::kinds`].
    pub kind: u32,
    /// Index into [`Texts::places`] or [`NO_TEXT`].
    pub place: u32,
    /// Index into [`Texts::small_areas`] or [`NO_TEXT`].
    pub small_area: u32,
    /// Index into [`Texts::outcomes`] or [`NO_TEXT`].
    pub outcome: u32,
}
