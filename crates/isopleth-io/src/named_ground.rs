//! Readers of named ground: area boundaries and sites.

use std::io::Read;

use geo::orient::{Direction, Orient};
use geo::{Geometry, MultiPolygon, Validation};
use geojson::{FeatureCollection, JsonValue};
use isopleth_core::domain::{Area, InvalidLonLat, LonLat, Site};

/// Why a file of areas or sites is refused. Nothing of a refused file is used.
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
    /// A position off the globe.
    #[error("feature {number} ({name}): {source}")]
    Position {
        /// The feature, from 1.
        number: usize,
        /// Its name.
        name: String,
        /// What is wrong.
        source: InvalidLonLat,
    },
    /// Two features with one code.
    #[error(
        "code `{code}` stands at features {first} and {second}; codes of one kind and vintage must be unique"
    )]
    Twice {
        /// The code.
        code: String,
        /// First feature with it.
        first: usize,
        /// Second feature with it.
        second: usize,
    },
    /// No feature at all.
    #[error("it has no features")]
    Empty,
    /// A CSV column is missing.
    #[error(
        "it has no column `{column}`; it has: {seen}. Name the right one with --lon-field, --lat-field or --name-field"
    )]
    NoColumn {
        /// The column asked for.
        column: String,
        /// The columns it has.
        seen: String,
    },
    /// A CSV row that cannot be read.
    #[error("line {line}: {reason}")]
    Row {
        /// The line, from 1.
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
/// [`GroundError`] for anything that is not a collection of polygons in degrees with unique codes.
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
        let code = property(&feature, number, id_field)?;
        let name = property(&feature, number, name_field)?;
        if let Some(first) = seen.insert(code.clone(), number) {
            return Err(GroundError::Twice {
                code,
                first,
                second: number,
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
            LonLat::new(c.x, c.y).map_err(|source| GroundError::Position {
                number,
                name: name.clone(),
                source,
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

/// Reads sites from GeoJSON points or from CSV, plain or gzip.
///
/// # Errors
/// [`GroundError`] for anything that is not points in degrees.
pub fn read_sites(
    bytes: &[u8],
    class: &str,
    fields: &SiteFields,
) -> Result<Vec<Site>, GroundError> {
    let plain = unpacked(bytes)?;
    let mut sites = if plain.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'{') {
        sites_from_geojson(&plain, class, fields)?
    } else {
        sites_from_csv(&plain, class, fields)?
    };
    // Two records of one place with one name are one site.
    sites.sort_by(|a, b| a.id.cmp(&b.id));
    sites.dedup_by(|a, b| a.id == b.id);
    Ok(sites)
}

fn site(class: &str, id: Option<String>, name: String, position: LonLat) -> Site {
    let id = id.filter(|i| !i.is_empty()).unwrap_or_else(|| {
        let text = format!("{name}\0{:.6}\0{:.6}", position.lon(), position.lat());
        format!("{:016x}", xxhash_rust::xxh3::xxh3_64(text.as_bytes()))
    });
    Site {
        id,
        name,
        class: class.to_owned(),
        position,
    }
}

fn sites_from_geojson(
    bytes: &[u8],
    class: &str,
    fields: &SiteFields,
) -> Result<Vec<Site>, GroundError> {
    let mut sites = Vec::new();
    for (i, feature) in collection(bytes)?.features.into_iter().enumerate() {
        let number = i + 1;
        let name = property(&feature, number, &fields.name)?;
        let id = fields
            .id
            .as_deref()
            .map(|f| property(&feature, number, f))
            .transpose()?;
        let Geometry::Point(p) = geometry(feature, number, &name, "point")? else {
            return Err(GroundError::Geometry {
                number,
                name,
                wanted: "point",
            });
        };
        let at = LonLat::new(p.x(), p.y()).map_err(|source| GroundError::Position {
            number,
            name: name.clone(),
            source,
        })?;
        sites.push(site(class, id, name, at));
    }
    Ok(sites)
}

fn sites_from_csv(
    bytes: &[u8],
    class: &str,
    fields: &SiteFields,
) -> Result<Vec<Site>, GroundError> {
    let mut reader = csv::Reader::from_reader(bytes);
    let row = |e: &csv::Error| GroundError::Row {
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
    let mut sites = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|e| row(&e))?;
        let line = record.position().map_or(0, csv::Position::line);
        let number = |i: usize| -> Result<f64, GroundError> {
            let text = record.get(i).unwrap_or("").trim();
            text.parse().map_err(|_| GroundError::Row {
                line,
                reason: format!("`{text}` is not a coordinate"),
            })
        };
        let at = LonLat::new(number(lon)?, number(lat)?).map_err(|e| GroundError::Row {
            line,
            reason: e.to_string(),
        })?;
        let text = |i: usize| record.get(i).unwrap_or("").trim().to_owned();
        sites.push(site(class, id.map(text), text(name), at));
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
}
