//! What a CSV is, by its header, and where its columns are.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use super::IngestError;
use super::fields::{ROLES, Role};
use super::mapping::Mapping;

/// A format that needs no mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FormatName {
    /// data.police.uk street-level crime.
    PoliceUkStreet,
    /// data.police.uk stop and search.
    PoliceUkStopAndSearch,
    /// GeoJSON points.
    GeoJson,
}

impl FormatName {
    /// All formats.
    pub const ALL: [Self; 3] = [
        Self::PoliceUkStreet,
        Self::PoliceUkStopAndSearch,
        Self::GeoJson,
    ];

    /// Its name in commands and documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::PoliceUkStreet => "police_uk_street",
            Self::PoliceUkStopAndSearch => "police_uk_stop_and_search",
            Self::GeoJson => "geojson",
        }
    }
}

impl fmt::Display for FormatName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for FormatName {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        Self::ALL
            .into_iter()
            .find(|f| f.name() == name)
            .ok_or_else(|| UnknownFormat(name.to_owned()))
    }
}

/// A format name that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no format; it is police_uk_street, police_uk_stop_and_search or geojson, and anything else needs a mapping"
)]
pub struct UnknownFormat(pub String);

/// What a header is the header of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recognised {
    /// A format that can be read without a mapping.
    Format(FormatName),
    /// data.police.uk outcomes, which are no incidents.
    Outcomes,
    /// Something that needs a mapping, or is something else.
    Unknown,
}

/// Says what a CSV is by the names of its columns, in whatever order.
#[must_use]
pub fn recognise<S: AsRef<str>>(header: &[S]) -> Recognised {
    let has = |names: &[&str]| names.iter().all(|name| position(header, name).is_some());
    if has(&["Crime ID", "Outcome type"]) {
        Recognised::Outcomes
    } else if has(&["Month", "Longitude", "Latitude", "Crime type"]) {
        Recognised::Format(FormatName::PoliceUkStreet)
    } else if has(&["Date", "Longitude", "Latitude", "Object of search"]) {
        Recognised::Format(FormatName::PoliceUkStopAndSearch)
    } else {
        Recognised::Unknown
    }
}

/// The mapping of a built-in CSV format.
pub(crate) fn built_in(format: FormatName) -> Option<Arc<Mapping>> {
    type Built = LazyLock<Arc<Mapping>>;
    fn parse(text: &str) -> Arc<Mapping> {
        Arc::new(Mapping::from_toml(text).expect("the built-in mappings are tested"))
    }
    static STREET: Built = LazyLock::new(|| parse(include_str!("police_uk_street.toml")));
    static SEARCH: Built = LazyLock::new(|| parse(include_str!("police_uk_stop_and_search.toml")));
    match format {
        FormatName::PoliceUkStreet => Some(Arc::clone(&STREET)),
        FormatName::PoliceUkStopAndSearch => Some(Arc::clone(&SEARCH)),
        FormatName::GeoJson => None,
    }
}

/// Where a column is: the name as it stands, else whatever its capitals.
fn position<S: AsRef<str>>(header: &[S], name: &str) -> Option<usize> {
    header.iter().position(|h| h.as_ref() == name).or_else(|| {
        header
            .iter()
            .position(|h| h.as_ref().eq_ignore_ascii_case(name))
    })
}

/// Where the fields of a mapping are in a header.
#[derive(Debug)]
pub(crate) struct Layout {
    /// Number of columns.
    pub(crate) width: usize,
    pub(crate) roles: Vec<(Role, usize)>,
    pub(crate) identity: Vec<usize>,
    /// Names for messages, by role.
    pub(crate) names: [String; ROLES],
    pub(crate) left_behind: Vec<String>,
}

impl Layout {
    /// Finds the columns of a mapping in a header.
    pub(crate) fn new(
        mapping: &Mapping,
        header: &[String],
        file: &str,
        format: &str,
    ) -> Result<Self, IngestError> {
        let find = |name: &str| {
            let index = position(header, name).ok_or_else(|| IngestError::MissingColumn {
                file: file.to_owned(),
                format: format.to_owned(),
                column: name.to_owned(),
                columns: listed(header),
            })?;
            match header[index + 1..].contains(&header[index]) {
                false => Ok(index),
                true => Err(IngestError::DuplicateColumn {
                    file: file.to_owned(),
                    column: name.to_owned(),
                }),
            }
        };
        let (east, _) = mapping.position_roles();
        if mapping.column(east).is_none() {
            return Err(IngestError::MissingColumn {
                file: file.to_owned(),
                format: format.to_owned(),
                column: format!("columns.{}", east.key()),
                columns: listed(header),
            });
        }
        let mut roles = Vec::new();
        let mut names = Role::ALL.map(|role| role.key().to_owned());
        for role in Role::ALL {
            let Some(name) = mapping.column(role) else {
                continue;
            };
            // Older releases of data.police.uk lack columns that are not needed.
            let needed = !matches!(role, Role::Outcome | Role::SmallArea | Role::Id)
                || format.starts_with("mapping:");
            match find(name) {
                Ok(index) => roles.push((role, index)),
                Err(IngestError::MissingColumn { .. }) if !needed => continue,
                Err(e) => return Err(e),
            }
            name.clone_into(&mut names[role as usize]);
        }
        let built_in = !format.starts_with("mapping:");
        let mut identity = Vec::new();
        for name in &mapping.identity_columns {
            match find(name) {
                Ok(index) => identity.push(index),
                Err(IngestError::MissingColumn { .. }) if built_in => {}
                Err(e) => return Err(e),
            }
        }
        let left_behind = header
            .iter()
            .enumerate()
            .filter(|(i, _)| roles.iter().all(|(_, used)| used != i))
            .map(|(i, name)| match name.is_empty() {
                true => format!("(column {})", i + 1),
                false => name.clone(),
            })
            .collect();
        Ok(Self {
            width: header.len(),
            roles,
            identity,
            names,
            left_behind,
        })
    }

    /// How many columns of a mapping a header has.
    pub(crate) fn matches(mapping: &Mapping, header: &[String]) -> usize {
        Role::ALL
            .into_iter()
            .filter_map(|role| mapping.column(role))
            .filter(|name| position(header, name).is_some())
            .count()
    }
}

/// Columns for a message.
pub(crate) fn listed(header: &[String]) -> String {
    let mut text = header
        .iter()
        .take(20)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ");
    if header.len() > 20 {
        text.push_str(", …");
    }
    match text.char_indices().nth(400) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_mappings_are_good() {
        assert_eq!(
            built_in(FormatName::PoliceUkStreet).unwrap().name(),
            "police_uk_street"
        );
        assert!(built_in(FormatName::PoliceUkStopAndSearch).is_some());
    }

    #[test]
    fn headers_are_recognised_in_any_order() {
        let street = ["Crime type", "Latitude", "Longitude", "Month"];
        assert_eq!(
            recognise(&street),
            Recognised::Format(FormatName::PoliceUkStreet)
        );
        let outcomes = ["Crime ID", "Month", "Longitude", "Latitude", "Outcome type"];
        assert_eq!(recognise(&outcomes), Recognised::Outcomes);
        assert_eq!(recognise(&["month", "type"]), Recognised::Unknown);
        for format in FormatName::ALL {
            assert_eq!(format.name().parse(), Ok(format));
        }
    }
}
