//! GeoJSON points, one feature at a time.

use std::cell::Cell;
use std::collections::HashSet;
use std::fmt;
use std::io::{self, BufReader, Read};
use std::rc::Rc;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::IngestError;
use super::delivery::Delivery;
use super::fields::{Cells, ROLES, Role};
use super::header::listed;
use super::mapping::Mapping;
use super::mapping_document::Crs;
use super::open::broken;
use super::report::Reason;

/// Bytes that a feature, or what stands between the features, may have.
const MAX_FEATURE: u64 = 16 << 20;

/// Property names that are looked for where there is no mapping, by role.
const USUAL: [(Role, &[&str]); 13] = [
    (Role::Id, &["id", "reference", "crime_id", "Crime ID"]),
    (Role::Date, &["date", "datetime", "Date"]),
    (Role::From, &["from", "date_from", "committed_from"]),
    (Role::To, &["to", "date_to", "committed_to"]),
    (Role::Month, &["month", "Month"]),
    (
        Role::Term,
        &[
            "offence",
            "term",
            "crime_type",
            "Crime type",
            "category",
            "type",
        ],
    ),
    (Role::SubType, &["sub_type"]),
    (Role::RecordSource, &["record_source"]),
    (
        Role::Place,
        &["place", "location", "Location", "street", "address"],
    ),
    (Role::Uprn, &["uprn", "UPRN"]),
    (
        Role::SmallArea,
        &["lsoa_code", "LSOA code", "lsoa", "small_area"],
    ),
    (Role::Outcome, &["outcome", "Last outcome category"]),
    (Role::Basis, &["location_basis", "basis"]),
];

/// The mapping of GeoJSON for which none is given: no columns yet, they follow from the first
/// feature, and bases by their own names.
pub(crate) fn usual() -> Mapping {
    const TEXT: &str = "name = \"geojson\"\n[columns]\nterm = \"offence\"\nmonth = \"month\"\nbasis = \"basis\"\n[basis]\naddress = \"address\"\nstreet = \"street\"\nsnap_point = \"snap_point\"\nstation = \"station\"\narea_centroid = \"area_centroid\"\n";
    Mapping::from_toml(TEXT).expect("the built-in mappings are tested")
}

#[derive(Deserialize)]
struct Feature {
    #[serde(rename = "type", default)]
    kind: Value,
    #[serde(default)]
    id: Value,
    #[serde(default)]
    geometry: Value,
    #[serde(default)]
    properties: Value,
}

/// Reads the features of a collection.
pub(crate) fn read(
    stream: impl Read,
    mapping: &Mapping,
    mapped: bool,
    compressed: bool,
    delivery: &mut Delivery<'_>,
) -> Result<(), IngestError> {
    let left = Rc::new(Cell::new(MAX_FEATURE));
    let budget = Budget {
        inner: stream,
        left: Rc::clone(&left),
    };
    let mut json = serde_json::Deserializer::from_reader(BufReader::with_capacity(1 << 16, budget));
    let file = delivery.file.clone();
    let mut features = Features {
        delivery,
        mapping: mapping.clone(),
        mapped,
        left,
        number: 0,
        stopped: None,
        seen: HashSet::new(),
        names: Role::ALL.map(|role| role.key().to_owned()),
    };
    let result = Collection(&mut features)
        .deserialize(&mut json)
        .and_then(|()| json.end());
    if let Some(error) = features.stopped {
        return Err(error);
    }
    if let Err(error) = result {
        if error.is_io() {
            let (line, cause) = (error.line() as u64, io::Error::from(error));
            let long = cause.get_ref().and_then(|e| e.downcast_ref());
            return Err(match long {
                Some(LongFeature) => IngestError::LongFeature {
                    file,
                    line,
                    number: features.number + 1,
                    limit: MAX_FEATURE,
                },
                None => broken(&file, line, compressed, cause),
            });
        }
        return Err(IngestError::GeoJson {
            file,
            reason: error.to_string(),
        });
    }
    features.finish();
    Ok(())
}

/// The error of a feature that takes more than its share. The file itself may be of any size.
#[derive(Debug, thiserror::Error)]
#[error("a feature of more than {MAX_FEATURE} bytes")]
struct LongFeature;

/// A stream that fails when a feature takes more than its share.
struct Budget<R> {
    inner: R,
    left: Rc<Cell<u64>>,
}

impl<R: Read> Read for Budget<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        match self.left.get().checked_sub(n as u64) {
            Some(left) => self.left.set(left),
            None => return Err(io::Error::other(LongFeature)),
        }
        Ok(n)
    }
}

/// The features as they come.
struct Features<'a, 'd> {
    delivery: &'a mut Delivery<'d>,
    mapping: Mapping,
    mapped: bool,
    left: Rc<Cell<u64>>,
    number: u64,
    /// Why reading stopped, if not for the JSON.
    stopped: Option<IngestError>,
    seen: HashSet<String>,
    names: [String; ROLES],
}

impl Features<'_, '_> {
    fn take(&mut self, feature: &Feature) -> Result<(), IngestError> {
        self.left.set(MAX_FEATURE);
        self.number += 1;
        let none = Map::new();
        let properties = feature.properties.as_object().unwrap_or(&none);
        if self.number == 1 {
            self.settle(properties)?;
        }
        for name in properties.keys() {
            if !self.seen.contains(name) {
                self.seen.insert(name.clone());
                if Role::ALL
                    .iter()
                    .all(|&role| self.mapping.column(role) != Some(name))
                {
                    self.delivery.report.columns_left_behind.push(name.clone());
                }
            }
        }
        let coordinates = match point(feature) {
            Ok(coordinates) => coordinates,
            Err(what) => {
                let column = "geometry".to_owned();
                return self
                    .delivery
                    .reject(Reason::NotAPoint, self.number, column, what);
            }
        };
        let texts: Vec<(Role, String)> = Role::ALL
            .into_iter()
            .filter_map(|role| Some((role, plain(properties.get(self.mapping.column(role)?)?))))
            .collect();
        let id = match &feature.id {
            Value::String(id) if !self.mapped => id.as_str(),
            _ => "",
        };
        let mut cells = Cells::empty();
        for (role, text) in &texts {
            cells.set(*role, text.trim().as_bytes());
        }
        // A number is the number of a row until a mapping says that it is more.
        if !self.mapped {
            let own = cells.get(Role::Id);
            let id = if own.is_empty() {
                id.trim().as_bytes()
            } else {
                own
            };
            let counted = id.iter().all(u8::is_ascii_digit);
            cells.set(Role::Id, if counted { &[] } else { id });
        }
        let (east, north) = self.mapping.position_roles();
        cells.set(east, coordinates.0.as_bytes());
        cells.set(north, coordinates.1.as_bytes());
        let identity: Vec<String> = self
            .mapping
            .identity_columns
            .iter()
            .map(|name| properties.get(name).map(plain).unwrap_or_default())
            .collect();
        let scope = self.delivery.scope(identity.iter().map(String::as_bytes));
        self.delivery
            .record(&cells, scope, self.number, &self.names)
    }

    /// Settles what the properties mean, by the first feature.
    fn settle(&mut self, properties: &Map<String, Value>) -> Result<(), IngestError> {
        if !self.mapped {
            for (role, usual) in USUAL {
                let found = usual.iter().find(|name| properties.contains_key(**name));
                self.mapping.columns[role as usize] = found.map(|name| (*name).to_owned());
            }
            // The finest time wins.
            let has = |mapping: &Mapping, role| mapping.column(role).is_some();
            if has(&self.mapping, Role::From) {
                self.mapping.columns[Role::Date as usize] = None;
            } else {
                self.mapping.columns[Role::To as usize] = None;
            }
            if has(&self.mapping, Role::From) || has(&self.mapping, Role::Date) {
                self.mapping.columns[Role::Month as usize] = None;
            }
        }
        for (name, column) in self.names.iter_mut().zip(&self.mapping.columns) {
            if let Some(column) = column {
                name.clone_from(column);
            }
        }
        for role in [Role::Lon, Role::Lat, Role::Easting, Role::Northing] {
            "geometry".clone_into(&mut self.names[role as usize]);
        }
        let there = |role| {
            self.mapping
                .column(role)
                .is_some_and(|n| properties.contains_key(n))
        };
        let term = there(Role::Term) || !self.mapping.constants.term.is_empty();
        let time = [Role::Date, Role::From, Role::Month].into_iter().any(there);
        if !term || !time {
            let (what, roles) = match term {
                false => ("offence", &[Role::Term][..]),
                true => ("time", &[Role::Date, Role::From, Role::Month][..]),
            };
            let looked: Vec<&str> = match self.mapped {
                true => roles
                    .iter()
                    .filter_map(|&r| self.mapping.column(r))
                    .collect(),
                false => {
                    let of = USUAL.iter().filter(|(r, _)| roles.contains(r));
                    of.flat_map(|(_, names)| names.iter().copied()).collect()
                }
            };
            let seen: Vec<String> = properties.keys().cloned().collect();
            return Err(IngestError::NoProperty {
                file: self.delivery.file.clone(),
                what: format!("{what}, such as {}", looked.join(", ")),
                properties: listed(&seen),
            });
        }
        self.delivery.use_mapping(self.mapping.clone());
        Ok(())
    }

    fn finish(self) {
        let unseen: Vec<&str> = Role::ALL
            .into_iter()
            .filter(|role| !matches!(role, Role::Lon | Role::Lat | Role::Easting | Role::Northing))
            .filter_map(|role| self.mapping.column(role))
            .filter(|name| self.number > 0 && !self.seen.contains(*name))
            .collect();
        if self.mapped && !unseen.is_empty() {
            let note = format!(
                "{}: no feature has {}",
                self.delivery.file,
                unseen.join(", ")
            );
            self.delivery.report.notes.push(note);
        }
    }
}

/// The coordinates of a feature as text, empty where it has none; else what it is instead.
fn point(feature: &Feature) -> Result<(String, String), String> {
    if feature.kind != "Feature" {
        return Err(plain(&feature.kind));
    }
    let nowhere = (String::new(), String::new());
    if feature.geometry.is_null() {
        return Ok(nowhere);
    }
    if feature.geometry["type"] != "Point" {
        return Err(plain(&feature.geometry["type"]));
    }
    Ok(
        match feature.geometry["coordinates"]
            .as_array()
            .map(Vec::as_slice)
        {
            Some([]) => nowhere,
            Some([east, north, ..]) => (east.to_string(), north.to_string()),
            _ => ("?".to_owned(), "?".to_owned()),
        },
    )
}

/// A value as the text that a CSV cell would have.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The collection: its features to the reader, the rest checked or passed over.
struct Collection<'a, 'b, 'd>(&'a mut Features<'b, 'd>);

impl<'de> DeserializeSeed<'de> for Collection<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Collection<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a FeatureCollection")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        use serde::de::Error;
        let mut features = false;
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "type" => {
                    let kind: Value = map.next_value()?;
                    if kind != "FeatureCollection" {
                        return Err(Error::custom(format!("its type is {kind}")));
                    }
                }
                "features" => {
                    features = true;
                    map.next_value_seed(Sequence(&mut *self.0))?;
                }
                "crs" => {
                    let crs: Value = map.next_value()?;
                    let name = plain(&crs["properties"]["name"]);
                    let fits = match self.0.mapping.crs {
                        Crs::Wgs84 => name.contains("CRS84") || name.ends_with(":4326"),
                        Crs::BritishGrid => name.ends_with(":27700"),
                    };
                    if !name.is_empty() && !fits {
                        return Err(Error::custom(format!(
                            "its coordinate reference system is {name}"
                        )));
                    }
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        match features {
            true => Ok(()),
            false => Err(Error::custom("it has no member `features`")),
        }
    }
}

/// The array of features.
struct Sequence<'a, 'b, 'd>(&'a mut Features<'b, 'd>);

impl<'de> DeserializeSeed<'de> for Sequence<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Sequence<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of features")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut features: A) -> Result<(), A::Error> {
        while let Some(feature) = features.next_element::<Feature>()? {
            if let Err(error) = self.0.take(&feature) {
                self.0.stopped = Some(error);
                return Err(serde::de::Error::custom("stopped"));
            }
        }
        Ok(())
    }
}
