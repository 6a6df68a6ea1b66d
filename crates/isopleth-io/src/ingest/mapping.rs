//! A mapping: what the columns of a CSV, or the properties of GeoJSON points, mean.
//!
//! ```toml
//! name = "force-extract"           # part of the identity of records without an id: keep it
//! crs = "EPSG:27700"               # or "WGS84", the default
//! delimiter = ","                  # the default
//! encoding = "windows-1252"        # default: UTF-8, and windows-1252 for what is not
//! timezone = "Europe/London"       # the default; for times that state an offset
//! dates = ["%d/%m/%Y %H:%M", "%d/%m/%Y"]   # strptime, tried in order; default ISO 8601
//! missing = ["NULL", "N/A"]        # texts that mean an empty cell
//!
//! [columns]
//! id = "Reference"
//! easting = "Easting"              # or lon, lat
//! northing = "Northing"
//! from = "Committed from"          # or date; or month, with or without year
//! to = "Committed to"
//! term = "Offence"
//! sub_type = "Sub type"
//! record_source = "Record source"
//! place = "Address"
//! uprn = "UPRN"
//! small_area = "LSOA"
//! outcome = "Outcome"
//! basis = "Located by"
//!
//! [constants]                      # for cells that are empty, and columns that are not there
//! year = 2022
//! term = "Burglary"
//! sub_type = "dwelling"
//! record_source = "crime report"
//! basis = "street"                 # where no rule of [basis] holds
//!
//! [basis]                          # cell of the basis column -> what the position stands for
//! "Police Station" = "station"
//! "Custody *" = "station"          # whatever begins so
//!
//! [offences]                       # the source's term -> the term stored and given to the policy
//! "violent or sexual" = "Violence and sexual offences"
//!
//! [area]                           # rows outside it are rejected
//! west = 0.13
//! south = 51.48
//! east = 0.34
//! north = 51.64
//!
//! [identity]                       # for records without an id
//! columns = ["Reported by"]        # tell records apart without being stored
//! file_name = false                # so does a name like 2022-02-metropolitan-stop-and-search.csv
//! ```
//!
//! A record with a UPRN is at an `address` where no rule of `[basis]` says otherwise.

use std::collections::BTreeMap;

use encoding_rs::Encoding;
use isopleth_core::domain::LocationBasis;

use super::fields::{ROLES, Role};
use super::mapping_document::{Bounds, Constants, Crs, Document};
use super::time::Clock;

/// What the columns of a source mean.
#[derive(Debug, Clone)]
pub struct Mapping {
    pub(crate) name: String,
    pub(crate) crs: Crs,
    pub(crate) delimiter: u8,
    pub(crate) encoding: Option<&'static Encoding>,
    pub(crate) clock: Clock,
    pub(crate) missing: Vec<String>,
    pub(crate) columns: [Option<String>; ROLES],
    pub(crate) constants: Constants,
    /// By [`folded`] text.
    pub(crate) basis: BTreeMap<String, LocationBasis>,
    /// By [`folded`] text.
    pub(crate) offences: BTreeMap<String, String>,
    pub(crate) area: Option<Bounds>,
    pub(crate) identity_columns: Vec<String>,
    pub(crate) identity_file_name: bool,
}

/// What is wrong with a mapping.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MappingError {
    /// Not TOML, an unknown key, or a value of the wrong kind.
    #[error(
        "mapping: {0}; the keys are name, crs, delimiter, encoding, timezone, dates, missing and the tables columns, constants, basis, offences, area, identity"
    )]
    Syntax(String),
    /// A column about a person.
    #[error(
        "mapping {mapping}: `{key}` is the column `{column}`, which is about a person (`{word}`); person columns are never stored, take it out"
    )]
    PersonColumn {
        /// The mapping.
        mapping: String,
        /// The key.
        key: String,
        /// The column.
        column: String,
        /// The word that gives it away.
        word: String,
    },
    /// Something is missing.
    #[error("mapping {mapping}: {what} is missing; {remedy}")]
    Missing {
        /// The mapping.
        mapping: String,
        /// What.
        what: &'static str,
        /// What to write.
        remedy: &'static str,
    },
    /// Keys that do not go together.
    #[error("mapping {mapping}: `{key}` and `{other}` do not go together; {remedy}")]
    Conflict {
        /// The mapping.
        mapping: String,
        /// A key.
        key: &'static str,
        /// Another.
        other: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// A value that means nothing.
    #[error("mapping {mapping}: {key} = {value:?}: {remedy}")]
    Value {
        /// The mapping.
        mapping: String,
        /// The key.
        key: &'static str,
        /// The value.
        value: String,
        /// What to write instead.
        remedy: &'static str,
    },
}

/// Case, surrounding and repeated blanks do not distinguish texts of a table.
pub(crate) fn folded(text: &str) -> String {
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .to_lowercase()
}

impl Mapping {
    /// A mapping from its document.
    ///
    /// # Errors
    /// [`MappingError`] with the key at fault.
    pub fn from_toml(text: &str) -> Result<Self, MappingError> {
        let document: Document =
            toml::from_str(text).map_err(|e| MappingError::Syntax(e.to_string().trim().into()))?;
        document.check()
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The column of a role.
    pub(crate) fn column(&self, role: Role) -> Option<&str> {
        self.columns[role as usize].as_deref()
    }

    /// The two roles of the coordinates, eastward first.
    pub(crate) fn position_roles(&self) -> (Role, Role) {
        match self.crs {
            Crs::Wgs84 => (Role::Lon, Role::Lat),
            Crs::BritishGrid => (Role::Easting, Role::Northing),
        }
    }

    /// What the rules of `[basis]` say of a cell: the rule that is the cell, else the longest that
    /// it begins with.
    pub(crate) fn basis_of(&self, text: &str) -> Option<LocationBasis> {
        let text = folded(text);
        self.basis.get(&text).copied().or_else(|| {
            let rules = self
                .basis
                .iter()
                .filter_map(|(rule, basis)| Some((rule.strip_suffix('*')?, basis)));
            rules
                .filter(|(start, _)| text.starts_with(*start))
                .max_by_key(|(s, _)| s.len())
                .map(|r| *r.1)
        })
    }

    /// Whether a text stands for an empty cell.
    pub(crate) fn is_missing(&self, raw: &[u8]) -> bool {
        self.missing
            .iter()
            .any(|m| m.as_bytes().eq_ignore_ascii_case(raw))
    }
}
