//! Areas, sites and streets as layers.

use geo::orient::Direction;
use geo::{Geometry, MapCoords, Orient, Point};
use isopleth_core::domain::{Area, Site, Street};
use isopleth_io::layer::{Column, ColumnType, Feature, GeometryKind, Layer, Value};
use serde_json::{Map, json};

/// All that is loaded beside incidents as layers, each with the id of its collection.
pub(crate) fn place_layers(
    areas: &[Area],
    sites: &[Site],
    streets: &[Street],
) -> impl Iterator<Item = (String, Layer)> {
    let places = area_layers(areas).into_iter().chain(site_layers(sites));
    places.chain(street_layers(streets))
}

/// A layer for each kind and vintage of areas.
fn area_layers(areas: &[Area]) -> Vec<(String, Layer)> {
    grouped(areas, |a| (&a.kind, &a.vintage))
        .map(|((kind, vintage), members)| {
            let features = unique(members.iter().map(|area| Feature {
                id: area.code.clone(),
                geometry: tidy(Geometry::MultiPolygon(
                    area.geometry.orient(Direction::Default),
                )),
                values: texts([&area.code, &area.name, &area.kind, &area.vintage]),
            }));
            let layer = Layer {
                title: format!("Areas: {kind}, {vintage}"),
                description: format!("Boundaries of the kind '{kind}', vintage {vintage}."),
                geometry: GeometryKind::MultiPolygon,
                columns: columns([
                    ("code", "Official code"),
                    ("name", "Name"),
                    ("kind", "Kind of area"),
                    ("vintage", "Vintage of the boundary"),
                ]),
                features,
                days: None,
                provenance: provenance([("areas", kind), ("vintage", vintage)]),
            };
            (
                format!("areas-{}-{}", sanitised(kind), sanitised(vintage)),
                layer,
            )
        })
        .collect()
}

/// A layer for each class of sites.
fn site_layers(sites: &[Site]) -> Vec<(String, Layer)> {
    grouped(sites, |s| &s.class)
        .map(|(class, members)| {
            let features = unique(members.iter().map(|site| Feature {
                id: site.id.clone(),
                geometry: tidy(Geometry::Point(Point::from(site.position.coord()))),
                values: {
                    let mut values = texts([&site.id, &site.name, &site.class]);
                    values.push(match site.number {
                        Some(number) => Value::Integer(number.into()),
                        None => Value::Null,
                    });
                    values
                },
            }));
            let mut columns = columns([
                ("site", "Id of the site in its source"),
                ("name", "Name"),
                ("class", "Class of site"),
            ]);
            columns.push(Column {
                name: "number".to_owned(),
                kind: ColumnType::Integer,
                unit: None,
                meaning: "What the site stands for, where it stands for a number: residents"
                    .to_owned(),
            });
            let layer = Layer {
                title: format!("Sites: {class}"),
                description: format!("Sites of the class '{class}'."),
                geometry: GeometryKind::Point,
                columns,
                features,
                days: None,
                provenance: provenance([("sites", class)]),
            };
            (format!("sites-{}", sanitised(class)), layer)
        })
        .collect()
}

/// A layer for each vintage of the street network.
fn street_layers(streets: &[Street]) -> Vec<(String, Layer)> {
    grouped(streets, |s| &s.vintage)
        .map(|(vintage, members)| {
            let features = unique(members.iter().map(|street| Feature {
                id: street.id.clone(),
                geometry: tidy(Geometry::MultiLineString(street.geometry.clone())),
                values: texts([&street.id, &street.name, &street.vintage]),
            }));
            let layer = Layer {
                title: format!("Streets: {vintage}"),
                description: format!("Centre lines of streets, vintage {vintage}."),
                geometry: GeometryKind::MultiLineString,
                columns: columns([
                    ("street", "Id of the street in its source"),
                    ("name", "Name; empty where it has none"),
                    ("vintage", "Vintage of the street network"),
                ]),
                features,
                days: None,
                provenance: provenance([("streets", vintage)]),
            };
            (format!("streets-{}", sanitised(vintage)), layer)
        })
        .collect()
}

/// Members by key, keys in the order of their first member.
fn grouped<'a, T, K: PartialEq + 'a>(
    items: &'a [T],
    key: impl Fn(&'a T) -> K,
) -> impl Iterator<Item = (K, Vec<&'a T>)> {
    let mut groups: Vec<(K, Vec<&T>)> = Vec::new();
    for item in items {
        let k = key(item);
        match groups.iter_mut().find(|(known, _)| *known == k) {
            Some((_, members)) => members.push(item),
            None => groups.push((k, vec![item])),
        }
    }
    groups.into_iter()
}

/// Features with ids made unique: the second `x` becomes `x~2`.
fn unique(features: impl Iterator<Item = Feature>) -> Vec<Feature> {
    let mut seen = std::collections::HashMap::<String, u32>::new();
    features
        .map(|mut feature| {
            let count = seen.entry(feature.id.clone()).or_insert(0);
            *count += 1;
            if *count > 1 {
                feature.id = format!("{}~{count}", feature.id);
            }
            feature
        })
        .collect()
}

/// Coordinates as layers carry them: 7 decimals of a degree, about a centimetre.
fn tidy(geometry: Geometry) -> Geometry {
    let round = |v: f64| (v * 1e7).round() / 1e7;
    geometry.map_coords(|c| geo::Coord {
        x: round(c.x),
        y: round(c.y),
    })
}

fn texts<const N: usize>(values: [&String; N]) -> Vec<Value> {
    values.into_iter().cloned().map(Value::Text).collect()
}

fn columns<const N: usize>(names: [(&str, &str); N]) -> Vec<Column> {
    let column = |(name, meaning): (&str, &str)| Column {
        name: name.to_owned(),
        kind: ColumnType::Text,
        unit: None,
        meaning: meaning.to_owned(),
    };
    names.into_iter().map(column).collect()
}

fn provenance<const N: usize>(members: [(&str, &String); N]) -> Map<String, serde_json::Value> {
    members
        .into_iter()
        .map(|(k, v)| (k.to_owned(), json!(v)))
        .collect()
}

/// Text with every character that would need escaping in a URL or a path replaced by `-`.
fn sanitised(text: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || "._-".contains(c) {
            c
        } else {
            '-'
        }
    };
    text.chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use isopleth_core::domain::LonLat;

    use super::*;

    #[test]
    fn ids_are_sanitised_and_unique() {
        let site = |id: &str, class: &str| Site {
            id: id.into(),
            name: "The Crown".into(),
            class: class.into(),
            position: LonLat::new(0.123_456_789, 51.5).unwrap(),
            number: None,
        };
        let layers = site_layers(&[
            site("a", "pub/bar"),
            site("b", "school"),
            site("a", "pub/bar"),
        ]);
        let ids: Vec<_> = layers.iter().map(|(id, _)| id.as_str()).collect();
        assert_eq!(ids, ["sites-pub-bar", "sites-school"]);
        let features = &layers[0].1.features;
        assert_eq!(
            (features[0].id.as_str(), features[1].id.as_str()),
            ("a", "a~2")
        );
        assert_eq!(
            features[0].geometry,
            Geometry::Point(Point::new(0.123_456_8, 51.5))
        );
    }
}
