//! The API definition: `openapi.yaml`, read at start and expanded for the collections there are.

use isopleth_io::layer::{Column, Layer};
use serde_json::{Map, Value as Json, json};

use crate::config::Limits;
use crate::query::encode_segment;
use crate::routes::Resource;
use crate::schema;

/// The hand-written definition.
const CONTRACT: &str = include_str!("../../../openapi.yaml");

/// What makes a path one that is expanded.
const TEMPLATE: &str = "{collectionId}";

/// The embedded API definition cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the embedded API definition is not valid YAML: {0}")]
pub struct ContractError(#[from] serde_saphyr::Error);

/// The definition as written.
///
/// # Errors
/// [`ContractError`].
pub(crate) fn contract() -> Result<Json, ContractError> {
    Ok(serde_saphyr::from_str(CONTRACT)?)
}

/// The definition with the limits of a service.
pub(crate) fn with_limits(mut document: Json, limits: &Limits) -> Json {
    if let Some(schema) = document.pointer_mut("/components/parameters/limit/schema") {
        schema["maximum"] = json!(limits.max_limit);
        schema["default"] = json!(limits.default_limit.min(limits.max_limit));
    }
    document
}

/// The definition with the paths of every collection spelled out in place of the templates, as
/// GIS clients look for them. `collections` are ids and layers.
pub(crate) fn expanded(contract: &Json, collections: &[(&str, &Layer)], base: &str) -> Json {
    let mut document = contract.clone();
    document["servers"] = json!([{ "url": base }]);
    let Some(templates) = contract["paths"].as_object() else {
        return document;
    };
    if collections.is_empty() {
        return document;
    }
    let (specific, mut paths): (Vec<_>, Map<_, _>) = {
        let (specific, general): (Vec<_>, Vec<_>) = templates
            .iter()
            .partition(|(path, _)| path.contains(TEMPLATE));
        (
            specific,
            general
                .into_iter()
                .map(|(k, v)| (k.clone(), v.clone()))
                .collect(),
        )
    };
    for (id, layer) in collections {
        for (path, item) in &specific {
            let rest = path.split_once(TEMPLATE).map_or("", |(_, rest)| rest);
            let path = path.replace(TEMPLATE, &encode_segment(id));
            paths.insert(path, of_collection(item, id, layer, rest));
        }
    }
    document["paths"] = Json::Object(paths);
    document
}

/// A templated path item for one collection.
fn of_collection(item: &Json, id: &str, layer: &Layer, rest: &str) -> Json {
    let mut item = item.clone();
    if let Some(parameters) = item["get"]["parameters"].as_array_mut() {
        parameters.retain(|p| p["$ref"] != "#/components/parameters/collectionId");
        if rest == "/items" || rest.starts_with("/files/") {
            parameters.extend(column_parameters(&layer.columns));
        }
    }
    let get = &mut item["get"];
    for (member, addition) in [("operationId", id), ("summary", layer.title.as_str())] {
        let text = get[member].as_str().unwrap_or_default();
        let separator = if member == "summary" { ": " } else { "." };
        get[member] = format!("{text}{separator}{addition}").into();
    }
    item
}

/// The columns that can be given as parameters, as GIS clients look for them: inline, with all of
/// `in`, `style`, `explode` and `schema.type`.
fn column_parameters(columns: &[Column]) -> Vec<Json> {
    let known = Resource::Items.parameters();
    let free = columns.iter().filter(|c| !known.contains(&c.name.as_str()));
    free.map(|column| {
        json!({
            "name": column.name,
            "in": "query",
            "required": false,
            "description": format!("Only features with this value. {}", column.meaning),
            "style": "form",
            "explode": false,
            "schema": schema::value(column.kind),
        })
    })
    .collect()
}
