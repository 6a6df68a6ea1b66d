//! The document of a [`Mapping`], and what makes it a good one.

use std::collections::BTreeMap;

use encoding_rs::Encoding;
use isopleth_core::domain::LocationBasis;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde::Deserialize;

use super::fields::{ROLES, Role};
use super::mapping::{Mapping, MappingError, folded};
use super::person::person_word;
use super::time::Clock;

/// The mapping document, as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Document {
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

impl Document {
    /// The mapping that it describes.
    pub(crate) fn check(self) -> Result<Mapping, MappingError> {
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
