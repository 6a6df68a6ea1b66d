//! CQL2 against the answers of the `cql2` package, and what holds for all expressions.

use geo::Geometry;
use isopleth_io::cql2::Expression;
use isopleth_io::crs::Crs;
use isopleth_io::layer::{Column, ColumnType, Feature, GeometryKind, Layer, Value};
use serde_json::Value as Json;

fn layer(features: &[Json]) -> Layer {
    let columns = [
        ("category", ColumnType::Text),
        ("rank", ColumnType::Integer),
        ("gi_z", ColumnType::Real),
        ("edge", ColumnType::Boolean),
        ("period_from", ColumnType::Date),
        ("period_to", ColumnType::Date),
    ];
    let value = |json: &Json| match json {
        Json::Bool(b) => Value::Boolean(*b),
        Json::Number(n) => n
            .as_i64()
            .map_or_else(|| Value::Real(n.as_f64().unwrap()), Value::Integer),
        Json::String(t) => Value::Text(t.clone()),
        _ => Value::Null,
    };
    let feature = |f: &Json| {
        let geometry: geojson::Geometry = serde_json::from_value(f["geometry"].clone()).unwrap();
        Feature {
            id: f["id"].as_str().unwrap().to_owned(),
            geometry: Geometry::try_from(geometry).unwrap(),
            values: columns
                .iter()
                .map(|(name, _)| value(&f["properties"][name]))
                .collect(),
        }
    };
    Layer {
        title: String::new(),
        description: String::new(),
        geometry: GeometryKind::Polygon,
        columns: columns
            .iter()
            .map(|(name, kind)| Column {
                name: (*name).to_owned(),
                kind: *kind,
                unit: None,
                meaning: String::new(),
            })
            .collect(),
        features: features.iter().map(feature).collect(),
        days: None,
        provenance: serde_json::Map::new(),
    }
}

#[test]
fn answers_are_those_of_the_cql2_package() {
    let table = include_str!("../../../../fixtures/oracles/cql2/table.json");
    let table: Json = serde_json::from_str(table).unwrap();
    let layer = layer(table["features"].as_array().unwrap());
    let rows = table["rows"].as_array().unwrap();
    assert!(rows.len() > 70);
    for row in rows {
        let text = row["text"].as_str().unwrap();
        let list = |member: &str| -> Vec<&str> {
            row[member]
                .as_array()
                .unwrap()
                .iter()
                .map(|id| id.as_str().unwrap())
                .collect()
        };
        let undecided = list("undecided");
        // Its JSON, and our own two spellings, mean the same.
        let ours = Expression::from_text(text).unwrap();
        let spellings = [
            Expression::from_json(&row["json"].to_string()).unwrap(),
            Expression::from_json(&ours.to_json().to_string()).unwrap(),
            Expression::from_text(&ours.to_text()).unwrap(),
            ours,
        ];
        for expression in spellings {
            let filter = expression.compile(&layer.columns, Crs::Crs84).unwrap();
            let found: Vec<_> = filter
                .select(&layer)
                .into_iter()
                .map(|i| layer.features[i as usize].id.as_str())
                .filter(|id| !undecided.contains(id))
                .collect();
            assert_eq!(found, list("ids"), "{text} as {}", expression.to_text());
        }
    }
}
