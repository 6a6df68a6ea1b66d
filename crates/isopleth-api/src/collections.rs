//! `/collections` and `/collections/{id}`: what there is to read.

use serde_json::{Map, Value as Json, json};

use crate::call::Call;
use crate::dataset::Dataset;
use crate::document::Document;
use crate::links::{self, Addresses, CRS84, HTML, JSON, Link, QUERYABLES, SCHEMA, SCHEMA_JSON};
use crate::problem::Problem;
use crate::published::Collection;
use crate::reply::Reply;
use crate::representation::{enclosures, items_links};
use crate::state::AppState;
use crate::{maps, tiles};

/// All collections.
pub(crate) async fn all(state: &AppState, call: &Call) -> Result<Reply, Problem> {
    let published = state.published().await?;
    let list = published.collections.iter();
    let list: Json = list
        .map(|c| Json::Object(summary(c, &call.addresses)))
        .collect();
    Document {
        title: "Collections".to_owned(),
        media: JSON,
        here: call.addresses.collections(),
        links: Vec::new(),
        members: [("collections".to_owned(), list)].into_iter().collect(),
    }
    .reply(call)
}

/// One collection, with its columns and its provenance.
pub(crate) async fn one(state: &AppState, call: &Call) -> Result<Reply, Problem> {
    let collection = state.collection(&call.collection).await?;
    let mut members = summary(&collection, &call.addresses);
    let layer = &collection.dataset.layer;
    members.insert("columns".to_owned(), json!(layer.columns));
    let provenance = Json::Object(layer.provenance.clone());
    members.insert("provenance".to_owned(), provenance);
    Document {
        title: layer.title.clone(),
        media: JSON,
        here: call.addresses.collection(&collection.id),
        links: data_links(&collection.id, &collection.dataset, &call.addresses),
        members,
    }
    .reply(call)
}

fn summary(collection: &Collection, at: &Addresses) -> Map<String, Json> {
    let (id, dataset) = (&collection.id, &collection.dataset);
    let mut extent = Map::new();
    if let Some(bbox) = dataset.bbox {
        extent.insert(
            "spatial".to_owned(),
            json!({ "bbox": [bbox], "crs": CRS84 }),
        );
    }
    if let Some(days) = dataset.days {
        let calendar = "http://www.opengis.net/def/uom/ISO-8601/0/Gregorian";
        let interval = json!({ "interval": [days.to_interval()], "trs": calendar });
        extent.insert("temporal".to_owned(), interval);
    }
    let mut links = vec![
        Link::new("self", JSON, &dataset.layer.title, at.collection(id)),
        Link::new(
            "alternate",
            HTML,
            format!("{} as html", dataset.layer.title),
            format!("{}?f=html", at.collection(id)),
        ),
    ];
    links.extend(data_links(id, dataset, at));
    let document = json!({
        "id": id,
        "title": dataset.layer.title,
        "description": dataset.layer.description,
        "links": links::to_json(&links),
        "extent": extent,
        "itemType": "feature",
        "crs": dataset.crs.iter().map(|crs| crs.uri()).collect::<Vec<_>>(),
        "storageCrs": CRS84,
        "geometry": dataset.layer.geometry,
        "run": dataset.run,
        "features": dataset.len(),
    });
    let mut members = match document {
        Json::Object(members) => members,
        _ => Map::new(),
    };
    if let Some(failure) = &collection.outdated {
        members.insert("outdated".to_owned(), true.into());
        members.insert("outdated_reason".to_owned(), failure.reason.clone().into());
    }
    members
}

/// Where the data of a collection are.
fn data_links(id: &str, dataset: &Dataset, at: &Addresses) -> Vec<Link> {
    let title = &dataset.layer.title;
    let mut links = items_links(&at.items(id), title);
    links.extend([
        Link::new(
            QUERYABLES,
            SCHEMA_JSON,
            format!("Queryables of {title}"),
            at.queryables(id),
        ),
        Link::new(
            SCHEMA,
            SCHEMA_JSON,
            format!("Schema of {title}"),
            at.schema(id),
        ),
    ]);
    links.extend(enclosures(at, id, dataset));
    links.extend(tiles::collection_links(id, title, at));
    links.extend(maps::collection_links(id, title, at));
    links
}
