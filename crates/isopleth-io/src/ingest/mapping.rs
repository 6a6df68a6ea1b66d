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
use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde::Deserialize;

use super::fields::{ROLES, Role};
use super::person::person_word;
use super::time::Clock;

/// The mapping document, as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    name: String,
    #[serde(default)]
    crs: Crs,
    delimiter: Option<char>,
    encoding: Option<String>,
    timezone: Option<String>,
    #[serde(default)]
    dates: Vec<String>,
    #[serde(default)]
    missing: Vec<String>,
    columns: Columns,
    #[serde(default)]
    constants: Constants,
    #[serde(default)]
    basis: BTreeMap<String, LocationBasis>,
    #[serde(default)]
    offences: BTreeMap<String, String>,
    area: Option<Bounds>,
    #[serde(default)]
    identity: IdentityDocument,
}

/// The plane that coordinates are given in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum Crs {
    #[default]
    #[serde(rename = "WGS84")]
    Wgs84,
    #[serde(rename = "EPSG:27700")]
    BritishGrid,
}

/// `[columns]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Columns {
    id: Option<String>,
    lon: Option<String>,
    lat: Option<String>,
    easting: Option<String>,
    northing: Option<String>,
    date: Option<String>,
    from: Option<String>,
    to: Option<String>,
    month: Option<String>,
    year: Option<String>,
    term: Option<String>,
    sub_type: Option<String>,
    record_source: Option<String>,
    place: Option<String>,
    uprn: Option<String>,
    small_area: Option<String>,
    outcome: Option<String>,
    basis: Option<String>,
}

impl Columns {
    /// In the order of [`Role::ALL`].
    fn by_role(self) -> [Option<String>; ROLES] {
        [
            self.id,
            self.lon,
            self.lat,
            self.easting,
            self.northing,
            self.date,
            self.from,
            self.to,
            self.month,
            self.year,
            self.term,
            self.sub_type,
            self.record_source,
            self.place,
            self.uprn,
            self.small_area,
            self.outcome,
            self.basis,
        ]
    }
}

/// `[constants]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Constants {
    pub(crate) year: Option<i16>,
    #[serde(default)]
    pub(crate) term: String,
    #[serde(default)]
    pub(crate) sub_type: String,
    #[serde(default)]
    pub(crate) record_source: String,
    pub(crate) basis: Option<LocationBasis>,
}

/// `[area]`, degrees.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Bounds {
    west: f64,
    south: f64,
    east: f64,
    north: f64,
}

impl Bounds {
    pub(crate) fn hold(&self, lon: f64, lat: f64) -> bool {
        self.west <= lon && lon <= self.east && self.south <= lat && lat <= self.north
    }
}

/// `[identity]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct IdentityDocument {
    #[serde(default)]
    columns: Vec<String>,
    #[serde(default)]
    file_name: bool,
}

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

impl Document {
    fn check(self) -> Result<Mapping, MappingError> {
        let mapping = || self.name.clone();
        let value = |key, value: &str, remedy| {
            Err(MappingError::Value {
                mapping: mapping(),
                key,
                value: value.to_owned(),
                remedy,
            })
        };
        let missing = |what, remedy| {
            Err(MappingError::Missing {
                mapping: mapping(),
                what,
                remedy,
            })
        };
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
        if self.name.is_empty() || !self.name.bytes().all(plain) {
            return value(
                "name",
                &self.name,
                "write a short name of a-z, 0-9, - and _",
            );
        }

        let columns = self.columns.clone().by_role();
        let named = |role: Role| columns[role as usize].as_deref();
        let persons = Role::ALL
            .into_iter()
            .filter_map(|r| Some((format!("columns.{}", r.key()), named(r)?)))
            .chain(
                self.identity
                    .columns
                    .iter()
                    .map(|c| ("identity.columns".into(), c.as_str())),
            );
        for (key, column) in persons {
            if let Some(word) = person_word(column) {
                return Err(MappingError::PersonColumn {
                    mapping: mapping(),
                    key,
                    column: column.to_owned(),
                    word,
                });
            }
        }
        self.check_pairs(&columns)?;
        if named(Role::Term).is_none() && self.constants.term.is_empty() {
            return missing(
                "the offence",
                "name its column as columns.term, or write constants.term",
            );
        }
        if !self.basis.is_empty() && named(Role::Basis).is_none() {
            return missing(
                "columns.basis",
                "name the column that the rules of [basis] look at",
            );
        }
        if self
            .constants
            .year
            .is_some_and(|y| !(1900..=2100).contains(&y))
        {
            let year = self.constants.year.unwrap_or_default().to_string();
            return value("constants.year", &year, "write a year from 1900 to 2100");
        }

        let delimiter = match self.delimiter {
            None => b',',
            Some(c) if c.is_ascii() && !matches!(c, '"' | '\n' | '\r') => c as u8,
            Some(c) => {
                return value(
                    "delimiter",
                    &c.to_string(),
                    "write one ASCII sign, as in \";\" or \"\\t\"",
                );
            }
        };
        let encoding = match &self.encoding {
            None => None,
            Some(label) => match Encoding::for_label(label.as_bytes()) {
                Some(encoding) => Some(encoding),
                None => {
                    return value(
                        "encoding",
                        label,
                        "write utf-8, windows-1252, utf-16le or another WHATWG label",
                    );
                }
            },
        };
        let zone = self.timezone.as_deref().unwrap_or(LONDON);
        let Some(zone) = time_zone(zone) else {
            return value(
                "timezone",
                zone,
                "write a name of the IANA database, as in \"Europe/London\"",
            );
        };
        let clock = match Clock::new(zone, self.dates.clone()) {
            Ok(clock) => clock,
            Err(format) => {
                return value(
                    "dates",
                    &format,
                    "write a strptime pattern that gives at least year and month, as in \"%d/%m/%Y %H:%M\"",
                );
            }
        };
        if let Some(area) = self.area
            && !(area.west < area.east && area.south < area.north)
        {
            let text = format!("{} {} {} {}", area.west, area.south, area.east, area.north);
            return value(
                "area",
                &text,
                "write degrees with west < east and south < north",
            );
        }
        Ok(Mapping {
            crs: self.crs,
            delimiter,
            encoding,
            clock,
            missing: self.missing,
            columns,
            constants: self.constants,
            basis: self
                .basis
                .iter()
                .map(|(text, basis)| (folded(text), *basis))
                .collect(),
            offences: self
                .offences
                .iter()
                .map(|(a, b)| (folded(a), b.clone()))
                .collect(),
            area: self.area,
            identity_columns: self.identity.columns,
            identity_file_name: self.identity.file_name,
            name: self.name,
        })
    }

    /// Coordinates and times come in certain pairs only.
    fn check_pairs(&self, columns: &[Option<String>; ROLES]) -> Result<(), MappingError> {
        let has = |role: Role| columns[role as usize].is_some();
        let conflict = |key: Role, other: Role, remedy| {
            Err(MappingError::Conflict {
                mapping: self.name.clone(),
                key: key.key(),
                other: other.key(),
                remedy,
            })
        };
        let missing = |what, remedy| {
            Err(MappingError::Missing {
                mapping: self.name.clone(),
                what,
                remedy,
            })
        };
        let degrees = has(Role::Lon) || has(Role::Lat);
        let metres = has(Role::Easting) || has(Role::Northing);
        match self.crs {
            _ if degrees && metres => {
                return conflict(Role::Lon, Role::Easting, "name one pair only");
            }
            Crs::Wgs84 if metres => {
                return missing(
                    "the crs of easting and northing",
                    "write crs = \"EPSG:27700\"",
                );
            }
            Crs::BritishGrid if degrees => {
                return missing(
                    "columns.easting",
                    "crs \"EPSG:27700\" goes with easting and northing; write crs = \"WGS84\" for lon and lat",
                );
            }
            _ => {}
        }
        if has(Role::Lon) != has(Role::Lat) || has(Role::Easting) != has(Role::Northing) {
            return missing("one of the two coordinates", "name both columns");
        }
        if has(Role::Date) && (has(Role::From) || has(Role::To)) {
            return conflict(Role::Date, Role::From, "use date, or from and to");
        }
        if has(Role::Month) && (has(Role::Date) || has(Role::From)) {
            return conflict(
                Role::Month,
                Role::Date,
                "use month only where there is no date",
            );
        }
        if has(Role::To) && !has(Role::From) {
            return missing("columns.from", "name it beside columns.to");
        }
        if !(has(Role::Date) || has(Role::From) || has(Role::Month)) {
            return missing(
                "the time",
                "name columns.date, columns.from and columns.to, or columns.month",
            );
        }
        if has(Role::Year) && !has(Role::Month) {
            return missing("columns.month", "a year alone is too coarse");
        }
        if has(Role::Uprn) && !has(Role::Place) {
            return missing("columns.place", "a UPRN goes with the text of its place");
        }
        Ok(())
    }
}

const LONDON: &str = "Europe/London";

/// From the database that is built in, so that the same file gives the same rows on any machine.
fn time_zone(name: &str) -> Option<TimeZone> {
    TimeZoneDatabase::bundled().get(name).ok()
}
