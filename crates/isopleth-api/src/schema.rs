//! `/collections/{id}/queryables` and `/collections/{id}/schema`: what features can be selected by,
//! and what they hold, as JSON Schema.

use std::collections::BTreeSet;

use isopleth_io::cql2::GEOMETRY;
use isopleth_io::layer::{ColumnType, GeometryKind, Layer, Value};
use serde_json::{Map, Value as Json, json};

use crate::call::Call;
use crate::dataset::Dataset;
use crate::document::Document;
use crate::links::{GEO_JSON, JSON, Link, SCHEMA_JSON};
use crate::problem::Problem;
use crate::reply::Reply;
use crate::state::AppState;

/// Texts of a column that are listed one by one at most.
const MOST_LISTED: usize = 20;

/// What the features of a collection can be selected by.
pub(crate) async fn queryables(state: &AppState, call: &Call) -> Result<Reply, Problem> {
    let dataset = state.collection(&call.collection).await?.dataset;
    let here = call.addresses.queryables(&call.collection);
    document(
        call,
        &dataset,
        here,
        "Queryables",
        properties(&dataset, false),
    )
}

/// What the features of a collection hold.
pub(crate) async fn schema(state: &AppState, call: &Call) -> Result<Reply, Problem> {
    let dataset = state.collection(&call.collection).await?.dataset;
    let here = call.addresses.schema(&call.collection);
    document(call, &dataset, here, "Schema", properties(&dataset, true))
}

fn document(
    call: &Call,
    dataset: &Dataset,
    here: String,
    noun: &str,
    properties: Map<String, Json>,
) -> Result<Reply, Problem> {
    let (at, layer) = (&call.addresses, &dataset.layer);
    let title = format!("{noun} of {}", layer.title);
    let members = [
        (
            "$schema",
            json!("https://json-schema.org/draft/2020-12/schema"),
        ),
        ("$id", json!(here)),
        ("title", json!(title)),
        ("description", json!(layer.description)),
        ("type", json!("object")),
        ("properties", Json::Object(properties)),
        ("additionalProperties", json!(false)),
    ];
    Document {
        title,
        media: SCHEMA_JSON,
        here,
        links: vec![
            Link::new(
                "collection",
                JSON,
                &layer.title,
                at.collection(&call.collection),
            ),
            Link::new("items", GEO_JSON, "Features", at.items(&call.collection)),
        ],
        members: members
            .map(|(k, v)| (k.to_owned(), v))
            .into_iter()
            .collect(),
    }
    .reply(call)
}

/// The properties of features. With `roles` as they are returned, with what each is to the
/// feature; else as they can be asked for.
fn properties(dataset: &Dataset, roles: bool) -> Map<String, Json> {
    let layer = &dataset.layer;
    let mut properties = Map::new();
    if roles && layer.column("id").is_none() {
        let id = json!({
            "title": "id",
            "description": "Stable id of the feature",
            "type": "string",
            "readOnly": true,
            "x-ogc-role": "id",
        });
        properties.insert("id".to_owned(), id);
    }
    if layer.column(GEOMETRY).is_none() {
        let mut geometry = json!({
            "title": "geometry",
            "description": "Where the feature is",
            "format": geometry_format(layer.geometry),
        });
        if roles {
            geometry["x-ogc-role"] = "primary-geometry".into();
        }
        properties.insert(GEOMETRY.to_owned(), geometry);
    }
    let days = dataset.day_columns();
    for (index, column) in layer.columns.iter().enumerate() {
        let mut property = value(column.kind);
        property["title"] = column.name.clone().into();
        property["description"] = column.meaning.clone().into();
        if let Some(unit) = &column.unit {
            property["x-ogc-unit"] = unit.clone().into();
        }
        if let Some(texts) = few_texts(layer, index) {
            property["enum"] = texts.into();
        }
        let role = match (column.name.as_str(), days) {
            ("id", _) => Some("id"),
            (name, Some([first, _])) if name == first => Some("primary-interval-start"),
            (name, Some([_, last])) if name == last => Some("primary-interval-end"),
            _ => None,
        };
        if let Some(role) = role.filter(|_| roles) {
            property["x-ogc-role"] = role.into();
        }
        properties.insert(column.name.clone(), property);
    }
    properties
}

/// The JSON Schema of a column's values.
pub(crate) fn value(kind: ColumnType) -> Json {
    match kind {
        ColumnType::Boolean => json!({ "type": "boolean" }),
        ColumnType::Integer => json!({ "type": "integer" }),
        ColumnType::Real => json!({ "type": "number" }),
        ColumnType::Text => json!({ "type": "string" }),
        ColumnType::Date => json!({ "type": "string", "format": "date" }),
    }
}

fn geometry_format(kind: GeometryKind) -> &'static str {
    match kind {
        GeometryKind::Point => "geometry-point",
        GeometryKind::LineString => "geometry-linestring",
        GeometryKind::MultiLineString => "geometry-multilinestring",
        GeometryKind::Polygon => "geometry-polygon",
        GeometryKind::MultiPolygon => "geometry-multipolygon",
    }
}

/// The texts of a column where few of them stand for many features, in order.
fn few_texts(layer: &Layer, index: usize) -> Option<Vec<&str>> {
    if layer.columns[index].kind != ColumnType::Text {
        return None;
    }
    let mut texts = BTreeSet::new();
    for feature in &layer.features {
        if let Some(Value::Text(text)) = feature.values.get(index) {
            texts.insert(text.as_str());
            if texts.len() > MOST_LISTED {
                return None;
            }
        }
    }
    let few = !texts.is_empty() && texts.len() * 2 <= layer.features.len();
    few.then(|| texts.into_iter().collect())
}
