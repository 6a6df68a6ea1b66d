//! Readers of named ground: area boundaries, sites and streets.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io::Read;

use geo::orient::{Direction, Orient};
use geo::{Geometry, MultiLineString, MultiPolygon, Validation};
use geojson::{FeatureCollection, JsonValue};
use isopleth_core::domain::{Area, LonLat, Site, Street};
use isopleth_core::plane::project;

/// Why a file of areas, sites or streets is refused. Nothing of a refused file is used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GroundError {
    /// The file cannot be read.
    #[error("cannot read it: {0}")]
    Io(#[from] std::io::Error),
    /// Not a feature collection.
    #[error("it is not a GeoJSON feature collection: {0}")]
    NotGeoJson(String),
    /// Another coordinate system.
    #[error(
        "its coordinates are in {crs}; GeoJSON boundaries must be WGS 84 longitude and latitude: convert it first, as with `ogr2ogr -t_srs OGC:CRS84 OUT.geojson IN`"
    )]
    Crs {
        /// What the file names.
        crs: String,
    },
    /// A property is missing.
    #[error(
        "feature {number} has no property `{field}`; it has: {seen}. Name the right one with --id-field or --name-field"
    )]
    NoProperty {
        /// The feature, from 1.
        number: usize,
        /// The property asked for.
        field: String,
        /// The properties it has.
        seen: String,
    },
    /// The geometry is of another kind.
    #[error("feature {number} ({name}) is not a {wanted}")]
    Geometry {
        /// The feature, from 1.
        number: usize,
        /// Its name.
        name: String,
        /// What was wanted.
        wanted: &'static str,
    },
    /// A property is there and says nothing.
    #[error(
        "feature {number} has nothing in its property `{field}`; fill it in, or name another with --id-field or --name-field"
    )]
    Blank {
        /// The feature, from 1.
        number: usize,
        /// The property.
        field: String,
    },
    /// A position off the globe; for a site, one that no distance can be measured from.
    #[error("feature {number} ({name}): {reason}")]
    Position {
        /// The feature, from 1.
        number: usize,
        /// Its name.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// Two features with one code, or two different sites with one id.
    #[error(
        "{code_of} `{code}` stands at {unit} {first} and {second}; {code_of}s of one {scope} must be unique"
    )]
    Twice {
        /// `code` of an area or `id` of a site.
        code_of: &'static str,
        /// The code or id.
        code: String,
        /// `features` or `lines`.
        unit: &'static str,
        /// First feature or line with it.
        first: u64,
        /// Second feature or line with it.
        second: u64,
        /// What it must be unique in.
        scope: &'static str,
    },
    /// A line that leads nowhere.
    #[error(
        "feature {number} ({name}) has a line without a length: all its vertices are one; take it out"
    )]
    NoLength {
        /// The feature, from 1.
        number: usize,
        /// Its name.
        name: String,
    },
    /// No feature at all.
    #[error("it has no features")]
    Empty,
    /// A CSV column is missing.
    #[error(
        "it has no column `{column}`; it has: {seen}. Name the right one with --lon-field, --lat-field, --name-field or --number-field"
    )]
    NoColumn {
        /// The column asked for.
        column: String,
        /// The columns it has.
        seen: String,
    },
    /// A CSV row, or a property, that cannot be read.
    #[error("{unit} {line}: {reason}")]
    Row {
        /// `line` or `feature`.
        unit: &'static str,
        /// The line or feature, from 1.
        line: u64,
        /// What is wrong.
        reason: String,
    },
}

/// Areas with what is odd about them.
#[derive(Debug)]
pub struct ReadAreas {
    /// The areas.
    pub areas: Vec<Area>,
    /// Boundaries that cross themselves; they are used by the even-odd rule.
    pub notes: Vec<String>,
}

/// How the fields of a site file are named.
#[derive(Debug, Clone)]
pub struct SiteFields {
    /// Property or column with the site's own id; without one an id is made from name and position.
    pub id: Option<String>,
    /// Property or column with the name.
    pub name: String,
    /// Property or column with the number that a site stands for, such as residents.
    pub number: Option<String>,
    /// Column with the longitude (CSV).
    pub lon: String,
    /// Column with the latitude (CSV).
    pub lat: String,
}

/// The bytes of a file, unpacked if they are gzip.
fn unpacked(bytes: &[u8]) -> Result<Vec<u8>, GroundError> {
    let mut out = Vec::new();
    if bytes.starts_with(&[0x1f, 0x8b]) {
        flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut out)?;
    } else {
        out.extend_from_slice(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes));
    }
    Ok(out)
}

fn collection(bytes: &[u8]) -> Result<FeatureCollection, GroundError> {
    let text =
        String::from_utf8(unpacked(bytes)?).map_err(|e| GroundError::NotGeoJson(e.to_string()))?;
    let read: FeatureCollection = text
        .parse()
        .map_err(|e: geojson::Error| GroundError::NotGeoJson(e.to_string()))?;
    let crs = read
        .foreign_members
        .as_ref()
        .and_then(|m| m.get("crs"))
        .and_then(|c| c.pointer("/properties/name"))
        .and_then(JsonValue::as_str);
    match crs {
        Some(name) if !(name.contains("CRS84") || name.ends_with("4326")) => {
            Err(GroundError::Crs {
                crs: name.to_owned(),
            })
        }
        _ if read.features.is_empty() => Err(GroundError::Empty),
        _ => Ok(read),
    }
}

fn property(feature: &geojson::Feature, number: usize, field: &str) -> Result<String, GroundError> {
    match feature.property(field) {
        Some(JsonValue::String(s)) => Ok(s.trim().to_owned()),
        Some(JsonValue::Number(n)) => Ok(n.to_string()),
        Some(JsonValue::Null) => Err(GroundError::Blank {
            number,
            field: field.to_owned(),
        }),
        _ => Err(GroundError::NoProperty {
            number,
            field: field.to_owned(),
            seen: feature
                .properties
                .as_ref()
                .map(|p| p.keys().map(String::as_str).collect::<Vec<_>>().join(", "))
                .unwrap_or_default(),
        }),
    }
}

fn geometry(
    feature: geojson::Feature,
    number: usize,
    name: &str,
    wanted: &'static str,
) -> Result<Geometry, GroundError> {
    let fail = || GroundError::Geometry {
        number,
        name: name.to_owned(),
        wanted,
    };
    Geometry::try_from(feature.geometry.ok_or_else(fail)?).map_err(|_| fail())
}

/// Reads areas from GeoJSON, plain or gzip.
///
/// # Errors
/// [`GroundError`] for anything that is not a collection of polygons in degrees with names and with
/// unique codes.
pub fn read_areas(
    bytes: &[u8],
    kind: &str,
    vintage: &str,
    id_field: &str,
    name_field: &str,
) -> Result<ReadAreas, GroundError> {
    use geo::CoordsIter;
    let mut read = ReadAreas {
        areas: Vec::new(),
        notes: Vec::new(),
    };
    let mut seen = std::collections::HashMap::new();
    for (i, feature) in collection(bytes)?.features.into_iter().enumerate() {
        let number = i + 1;
        let filled = |field: &str| match property(&feature, number, field)? {
            text if text.is_empty() => Err(GroundError::Blank {
                number,
                field: field.to_owned(),
            }),
            text => Ok(text),
        };
        let code = filled(id_field)?;
        let name = filled(name_field)?;
        if let Some(first) = seen.insert(code.clone(), number) {
            return Err(GroundError::Twice {
                code_of: "code",
                code,
                unit: "features",
                first: first as u64,
                second: number as u64,
                scope: "kind and vintage",
            });
        }
        let polygons = match geometry(feature, number, &name, "polygon")? {
            Geometry::Polygon(p) => MultiPolygon(vec![p]),
            Geometry::MultiPolygon(m) => m,
            _ => {
                return Err(GroundError::Geometry {
                    number,
                    name,
                    wanted: "polygon",
                });
            }
        };
        for c in polygons.coords_iter() {
            LonLat::new(c.x, c.y).map_err(|e| GroundError::Position {
                number,
                name: name.clone(),
                reason: e.to_string(),
            })?;
        }
        if !polygons.is_valid() {
            read.notes.push(format!(
                "the boundary of {code} ({name}) crosses or touches itself"
            ));
        }
        read.areas.push(Area {
            code,
            name,
            kind: kind.to_owned(),
            vintage: vintage.to_owned(),
            geometry: polygons.orient(Direction::Default),
        });
    }
    Ok(read)
}

/// Reads streets from GeoJSON lines, plain or gzip. A street may have no name.
///
/// # Errors
/// [`GroundError`] for anything that is not a collection of lines in degrees within the National
/// Grid, each with a length, and with unique ids.
pub fn read_streets(
    bytes: &[u8],
    vintage: &str,
    id_field: &str,
    name_field: &str,
) -> Result<Vec<Street>, GroundError> {
    let mut streets = Vec::new();
    let mut seen = std::collections::HashMap::new();
    for (i, feature) in collection(bytes)?.features.into_iter().enumerate() {
        let number = i + 1;
        let id = match feature.id.as_ref().filter(|_| id_field == "id") {
            // GeoJSON has a place of its own for ids.
            Some(geojson::feature::Id::String(s)) => s.trim().to_owned(),
            Some(geojson::feature::Id::Number(n)) => n.to_string(),
            None => property(&feature, number, id_field)?,
        };
        if id.is_empty() {
            return Err(GroundError::Blank {
                number,
                field: id_field.to_owned(),
            });
        }
        if let Some(first) = seen.insert(id.clone(), number) {
            return Err(GroundError::Twice {
                code_of: "id",
                code: id,
                unit: "features",
                first: first as u64,
                second: number as u64,
                scope: "vintage of streets",
            });
        }
        let name = match feature.property(name_field) {
            Some(JsonValue::Null) => String::new(),
            _ => property(&feature, number, name_field)?,
        };
        let shown = if name.is_empty() { &id } else { &name };
        let wanted = "line (LineString or MultiLineString)";
        let lines = match geometry(feature, number, shown, wanted)? {
            Geometry::LineString(l) => MultiLineString(vec![l]),
            Geometry::MultiLineString(m) if !m.0.is_empty() => m,
            _ => {
                return Err(GroundError::Geometry {
                    number,
                    name: shown.clone(),
                    wanted,
                });
            }
        };
        for line in &lines {
            for c in line.coords() {
                in_plane(c.x, c.y).map_err(|reason| GroundError::Position {
                    number,
                    name: shown.clone(),
                    reason,
                })?;
            }
            if line.coords().all(|c| Some(c) == line.0.first()) {
                return Err(GroundError::NoLength {
                    number,
                    name: shown.clone(),
                });
            }
        }
        streets.push(Street {
            id,
            name,
            vintage: vintage.to_owned(),
            geometry: lines,
        });
    }
    Ok(streets)
}

/// Reads sites from GeoJSON points or from CSV, plain or gzip.
///
/// # Errors
/// [`GroundError`] for anything that is not points in degrees within the National Grid, and for an
/// id of the file's own that two different sites have.
pub fn read_sites(
    bytes: &[u8],
    class: &str,
    fields: &SiteFields,
) -> Result<Vec<Site>, GroundError> {
    let plain = unpacked(bytes)?;
    let (unit, found) = if plain.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'{') {
        ("features", sites_from_geojson(&plain, class, fields)?)
    } else {
        ("lines", sites_from_csv(&plain, class, fields)?)
    };
    let mut sites = BTreeMap::<String, Found>::new();
    for site in found {
        match sites.entry(site.site.id.clone()) {
            Entry::Vacant(free) => {
                free.insert(site);
            }
            // An id that was made stands for name and position: two records of one place with one
            // name are one site. The file's own must not let one of two sites vanish.
            Entry::Occupied(first) if site.own_id && first.get().site != site.site => {
                return Err(GroundError::Twice {
                    code_of: "id",
                    code: site.site.id,
                    unit,
                    first: first.get().number,
                    second: site.number,
                    scope: "class of sites",
                });
            }
            Entry::Occupied(_) => {}
        }
    }
    Ok(sites.into_values().map(|found| found.site).collect())
}

/// A site and where in the file it stands.
struct Found {
    site: Site,
    /// The feature or line, from 1.
    number: u64,
    /// Whether the id is the file's own, and not made here.
    own_id: bool,
}

/// Where a site is, or what is wrong with that. Sites are measured from, so they must lie in the
/// plane that distances are measured in.
fn in_plane(lon: f64, lat: f64) -> Result<LonLat, String> {
    if lon == 0.0 && lat == 0.0 {
        return Err(
            "longitude 0, latitude 0 is what a missing position is often written as; fill it in, or take it out"
                .to_owned(),
        );
    }
    let at = LonLat::new(lon, lat).map_err(|e| e.to_string());
    let outside = match &at {
        Ok(at) => match project(*at) {
            Ok(_) => return Ok(*at),
            Err(e) => e.to_string(),
        },
        Err(e) => e.clone(),
    };
    let swapped = LonLat::new(lat, lon).is_ok_and(|at| project(at).is_ok());
    Err(match swapped {
        true => format!("longitude {lon}, latitude {lat} is the wrong way round; swap the two"),
        false => outside,
    })
}

/// The number that a site stands for: whole, at most what fits 32 bits; none where the file has
/// nothing.
fn number_of(field: &str, text: &str) -> Result<Option<u32>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    // Programs write whole numbers as 1700.0, too.
    let whole = text.strip_suffix(".0").unwrap_or(text);
    whole.parse().map(Some).map_err(|_| {
        format!("{field} `{text}` is not a whole number of at least 0 and below 2³²; mend it, or leave it empty")
    })
}

fn site(class: &str, id: Option<String>, name: String, position: LonLat, number: u64) -> Found {
    let id = id.filter(|i| !i.is_empty());
    let own_id = id.is_some();
    let id = id.unwrap_or_else(|| {
        let text = format!("{name}\0{:.6}\0{:.6}", position.lon(), position.lat());
        format!("{:016x}", xxhash_rust::xxh3::xxh3_64(text.as_bytes()))
    });
    Found {
        site: Site {
            id,
            name,
            class: class.to_owned(),
            position,
            number: None,
        },
        number,
        own_id,
    }
}

fn sites_from_geojson(
    bytes: &[u8],
    class: &str,
    fields: &SiteFields,
) -> Result<Vec<Found>, GroundError> {
    let mut sites = Vec::new();
    for (i, feature) in collection(bytes)?.features.into_iter().enumerate() {
        let number = i + 1;
        let name = property(&feature, number, &fields.name)?;
        let id = fields
            .id
            .as_deref()
            .map(|f| property(&feature, number, f))
            .transpose()?;
        let stands_for = match &fields.number {
            Some(field) if feature.property(field) != Some(&JsonValue::Null) => {
                number_of(field, &property(&feature, number, field)?).map_err(|reason| {
                    GroundError::Row {
                        unit: "feature",
                        line: number as u64,
                        reason,
                    }
                })?
            }
            _ => None,
        };
        let Geometry::Point(p) = geometry(feature, number, &name, "point")? else {
            return Err(GroundError::Geometry {
                number,
                name,
                wanted: "point",
            });
        };
        let at = in_plane(p.x(), p.y()).map_err(|reason| GroundError::Position {
            number,
            name: name.clone(),
            reason,
        })?;
        let mut found = site(class, id, name, at, number as u64);
        found.site.number = stands_for;
        sites.push(found);
    }
    Ok(sites)
}

fn sites_from_csv(
    bytes: &[u8],
    class: &str,
    fields: &SiteFields,
) -> Result<Vec<Found>, GroundError> {
    let mut reader = csv::Reader::from_reader(bytes);
    let row = |e: &csv::Error| GroundError::Row {
        unit: "line",
        line: e.position().map_or(1, csv::Position::line),
        reason: e.to_string(),
    };
    let header = reader.headers().map_err(|e| row(&e))?.clone();
    let column = |name: &str| {
        header
            .iter()
            .position(|h| h.trim() == name)
            .ok_or_else(|| GroundError::NoColumn {
                column: name.to_owned(),
                seen: header.iter().collect::<Vec<_>>().join(", "),
            })
    };
    let (name, lon, lat) = (
        column(&fields.name)?,
        column(&fields.lon)?,
        column(&fields.lat)?,
    );
    let id = fields.id.as_deref().map(column).transpose()?;
    let stands_for = fields
        .number
        .as_deref()
        .map(|f| column(f).map(|i| (f, i)))
        .transpose()?;
    let mut sites = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|e| row(&e))?;
        let line = record.position().map_or(0, csv::Position::line);
        let bad = |reason: String| GroundError::Row {
            unit: "line",
            line,
            reason,
        };
        let number = |i: usize| -> Result<f64, GroundError> {
            let text = record.get(i).unwrap_or("").trim();
            text.parse()
                .map_err(|_| bad(format!("`{text}` is not a coordinate")))
        };
        let text = |i: usize| record.get(i).unwrap_or("").trim().to_owned();
        let at = in_plane(number(lon)?, number(lat)?)
            .map_err(|reason| bad(format!("{}: {reason}", text(name))))?;
        let mut found = site(class, id.map(text), text(name), at, line);
        if let Some((field, i)) = stands_for {
            found.site.number = number_of(field, &text(i)).map_err(bad)?;
        }
        sites.push(found);
    }
    if sites.is_empty() {
        return Err(GroundError::Empty);
    }
    Ok(sites)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields() -> SiteFields {
        SiteFields {
            id: None,
            name: "name".into(),
            number: None,
            lon: "longitude".into(),
            lat: "latitude".into(),
        }
    }

    #[test]
    fn sites_from_csv_and_geojson_are_the_same() {
        let csv =
            b"name,longitude,latitude\nCrown,0.1,51.5\nCrown,0.1,51.5\n\"Anchor, The\",0.2,51.6\n";
        let json = br#"{"type":"FeatureCollection","features":[
            {"type":"Feature","properties":{"name":"Anchor, The"},"geometry":{"type":"Point","coordinates":[0.2,51.6]}},
            {"type":"Feature","properties":{"name":"Crown"},"geometry":{"type":"Point","coordinates":[0.1,51.5]}}]}"#;
        let (a, b) = (
            read_sites(csv, "pub", &fields()).unwrap(),
            read_sites(json, "pub", &fields()).unwrap(),
        );
        assert_eq!(a, b);
        assert_eq!(a.len(), 2);
    }

    #[test]
    fn sites_stand_for_numbers() {
        let fields = SiteFields {
            number: Some("residents".into()),
            ..fields()
        };
        let csv = |t: &str| {
            read_sites(
                format!("name,longitude,latitude,residents\n{t}").as_bytes(),
                "people",
                &fields,
            )
        };
        let read = csv("A,0.1,51.5,1700\nB,0.2,51.6,\nC,0.3,51.6,12.0\n").unwrap();
        let number = |name: &str| read.iter().find(|s| s.name == name).unwrap().number;
        assert_eq!(
            [number("A"), number("B"), number("C")],
            [Some(1700), None, Some(12)]
        );
        for bad in ["-1", "1.5", "4294967296", "many"] {
            let error = csv(&format!("A,0.1,51.5,{bad}\n")).unwrap_err().to_string();
            assert!(error.contains("line 2") && error.contains(bad), "{error}");
        }
        let json = |residents: &str| {
            let text = format!(
                r#"{{"type":"FeatureCollection","features":[{{"type":"Feature",
                "properties":{{"name":"A","residents":{residents}}},
                "geometry":{{"type":"Point","coordinates":[0.1,51.5]}}}}]}}"#
            );
            read_sites(text.as_bytes(), "people", &fields)
        };
        assert_eq!(json("1700").unwrap()[0].number, Some(1700));
        assert_eq!(json("null").unwrap()[0].number, None);
        let error = json("1.5").unwrap_err().to_string();
        assert!(
            error.contains("feature 1") && error.contains("1.5"),
            "{error}"
        );
    }

    #[test]
    fn bad_files_are_named() {
        let polygon = |crs: &str, props: &str, x: f64| {
            format!(
                r#"{{"type":"FeatureCollection"{crs},"features":[{{"type":"Feature","properties":{props},
            "geometry":{{"type":"Polygon","coordinates":[[[{x},51],[1,51],[1,52],[{x},51]]]}}}}]}}"#
            )
        };
        let read = |text: &str| {
            read_areas(text.as_bytes(), "ward", "1", "code", "name")
                .unwrap_err()
                .to_string()
        };
        let good = r#"{"code":"E1","name":"One"}"#;
        assert!(
            read_areas(
                polygon("", good, 0.0).as_bytes(),
                "ward",
                "1",
                "code",
                "name"
            )
            .is_ok()
        );
        assert!(
            read(&polygon(
                r#","crs":{"properties":{"name":"EPSG:27700"}}"#,
                good,
                0.0
            ))
            .contains("EPSG:27700")
        );
        assert!(read(&polygon("", r#"{"id":"E1"}"#, 0.0)).contains("it has: id"));
        assert!(read(&polygon("", good, 530_000.0)).contains("530000"));
        assert!(read("{}").contains("not a GeoJSON"));
        assert!(read(r#"{"type":"FeatureCollection","features":[]}"#).contains("no features"));
        let csv = |t: &str| {
            read_sites(t.as_bytes(), "pub", &fields())
                .unwrap_err()
                .to_string()
        };
        assert!(csv("name,lon,lat\nA,1,2\n").contains("no column `longitude`"));
        assert!(csv("name,longitude,latitude\nA,x,2\n").contains("line 2"));
        assert!(csv("name,longitude,latitude\nA,51.5\n").contains("line 2"));
    }

    #[test]
    fn an_id_of_two_different_sites_is_refused() {
        let fields = SiteFields {
            id: Some("id".into()),
            ..fields()
        };
        let read = |rows: &str| {
            let csv = format!("id,name,longitude,latitude\n{rows}");
            read_sites(csv.as_bytes(), "pub", &fields)
        };
        let twice = read("7,Crown,0.1,51.5\n8,Bell,0.1,51.5\n7,Anchor,0.2,51.6\n").unwrap_err();
        assert_eq!(
            twice.to_string(),
            "id `7` stands at lines 2 and 4; ids of one class of sites must be unique"
        );
        let moved = read("7,Crown,0.1,51.5\n7,Crown,0.1,51.6\n").unwrap_err();
        assert!(matches!(moved, GroundError::Twice { .. }));
        let same = read("7,Crown,0.1,51.5\n7,Crown,0.1,51.5\n").unwrap();
        assert_eq!(same.len(), 1);
        let json = br#"{"type":"FeatureCollection","features":[
            {"type":"Feature","properties":{"id":7,"name":"Crown"},"geometry":{"type":"Point","coordinates":[0.1,51.5]}},
            {"type":"Feature","properties":{"id":7,"name":"Bell"},"geometry":{"type":"Point","coordinates":[0.1,51.5]}}]}"#;
        let twice = read_sites(json, "pub", &fields).unwrap_err().to_string();
        assert!(
            twice.contains("id `7` stands at features 1 and 2"),
            "{twice}"
        );
    }

    #[test]
    fn a_site_that_lies_nowhere_is_refused() {
        for (lon, lat, what) in [
            ("0", "0", "missing position"),
            ("-0.0", "0.0", "missing position"),
            ("51.5", "-0.1", "wrong way round"),
            (
                "-73.9",
                "40.7",
                "outside the area of the British National Grid",
            ),
            ("530000", "180000", "not a position"),
        ] {
            let csv = format!("name,longitude,latitude\nBell,0.1,51.5\nCrown,{lon},{lat}\n");
            let message = read_sites(csv.as_bytes(), "pub", &fields())
                .unwrap_err()
                .to_string();
            assert!(
                message.contains(what) && message.starts_with("line 3: Crown"),
                "{message}"
            );
            let json = format!(
                r#"{{"type":"FeatureCollection","features":[{{"type":"Feature","properties":{{"name":"Crown"}},"geometry":{{"type":"Point","coordinates":[{lon},{lat}]}}}}]}}"#
            );
            let message = read_sites(json.as_bytes(), "pub", &fields())
                .unwrap_err()
                .to_string();
            assert!(
                message.contains(what) && message.starts_with("feature 1 (Crown)"),
                "{message}"
            );
        }
    }

    #[test]
    fn streets_are_lines_with_ids() {
        let file = |features: &[(&str, &str)]| {
            let features: Vec<String> = features
                .iter()
                .map(|(properties, geometry)| {
                    format!(r#"{{"type":"Feature",{properties},"geometry":{geometry}}}"#)
                })
                .collect();
            let text = format!(
                r#"{{"type":"FeatureCollection","features":[{}]}}"#,
                features.join(",")
            );
            read_streets(text.as_bytes(), "2024", "id", "name")
        };
        let line = |c: &str| format!(r#"{{"type":"LineString","coordinates":[{c}]}}"#);
        let good = line("[0.1,51.5],[0.2,51.5]");
        let props = |id: &str| format!(r#""properties":{{"id":"{id}","name":"High Street"}}"#);
        let several = r#"{"type":"MultiLineString","coordinates":[[[0.1,51.5],[0.2,51.5]],[[0.1,51.6],[0.2,51.6]]]}"#;
        let nameless = r#""id":7,"properties":{"name":null}"#;
        let read = file(&[(&props("1"), &good), (nameless, several)]).unwrap();
        let ids: Vec<_> = read
            .iter()
            .map(|s| (s.id.as_str(), s.name.as_str()))
            .collect();
        assert_eq!(ids, [("1", "High Street"), ("7", "")]);
        assert_eq!(read[1].geometry.0.len(), 2);

        let point = r#"{"type":"Point","coordinates":[0.1,51.5]}"#;
        for (properties, geometry, says) in [
            (
                props("1"),
                good.clone(),
                "id `1` stands at features 1 and 2",
            ),
            (
                props("2"),
                point.to_owned(),
                "feature 2 (High Street) is not a line",
            ),
            (
                props("2"),
                "null".to_owned(),
                "feature 2 (High Street) is not a line",
            ),
            (
                props("2"),
                line("[0.1,51.5],[0.1,51.5]"),
                "feature 2 (High Street) has a line without a length",
            ),
            (props("2"), line("[51.5,0.1],[51.6,0.1]"), "wrong way round"),
            (
                props("2"),
                line("[2.35,48.86],[2.36,48.86]"),
                "outside the area of the British National Grid",
            ),
            (
                props(" "),
                good.clone(),
                "feature 2 has nothing in its property `id`",
            ),
            (
                r#""properties":{"id":"2","NAME":"x"}"#.to_owned(),
                good.clone(),
                "--name-field",
            ),
            (
                r#""properties":{"fid":"2","name":"x"}"#.to_owned(),
                good.clone(),
                "--id-field",
            ),
        ] {
            let message = file(&[(&props("1"), &good), (&properties, &geometry)])
                .unwrap_err()
                .to_string();
            assert!(message.contains(says), "{message}");
        }
    }

    #[test]
    fn an_area_needs_a_code_and_a_name() {
        for (props, field) in [
            (r#"{"code":" ","name":"One"}"#, "`code`"),
            (r#"{"code":null,"name":"One"}"#, "`code`"),
            (r#"{"code":"E1","name":""}"#, "`name`"),
        ] {
            let json = format!(
                r#"{{"type":"FeatureCollection","features":[{{"type":"Feature","properties":{props},"geometry":{{"type":"Polygon","coordinates":[[[0,51],[1,51],[1,52],[0,51]]]}}}}]}}"#
            );
            let message = read_areas(json.as_bytes(), "ward", "1", "code", "name")
                .unwrap_err()
                .to_string();
            assert!(
                message.contains(field) && message.contains("feature 1 has nothing"),
                "{message}"
            );
        }
    }
}
