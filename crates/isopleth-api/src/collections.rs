//! `/collections` and `/collections/{id}`: what there is to read.

use serde_json::{Map, Value as Json, json};

use crate::accept::{Format, format};
use crate::call::Call;
use crate::dataset::Dataset;
use crate::links::{self, Addresses, CRS84, GEO_JSON, JSON, Link};
use crate::problem::Problem;
use crate::published::Collection;
use crate::reply::Reply;
use crate::representation::{enclosures, items_links};
use crate::state::AppState;

/// All collections.
pub(crate) async fn all(state: &AppState, call: &Call) -> Result<Reply, Problem> {
    format(call, &[("json", Format::Json)])?;
    let published = state.published().await?;
    let links = [Link::new(
        "self",
        JSON,
        "This document",
        call.addresses.collections(),
    )];
    let list = published.collections.iter();
    let list = list.map(|c| Json::Object(summary(c, &call.addresses)));
    let document = json!({
        "links": links::to_json(&links),
        "collections": list.collect::<Json>(),
    });
    Ok(Reply::document(call, JSON, &document).with_links(&links))
}

/// One collection, with its columns and its provenance.
pub(crate) async fn one(state: &AppState, call: &Call) -> Result<Reply, Problem> {
    format(call, &[("json", Format::Json)])?;
    let collection = state.collection(&call.collection).await?;
    let mut document = summary(&collection, &call.addresses);
    let dataset = &collection.dataset;
    let columns = dataset
        .layer
        .columns
        .iter()
        .map(|column| json!(column))
        .collect();
    document.insert("columns".to_owned(), columns);
    document.insert(
        "provenance".to_owned(),
        Json::Object(dataset.layer.provenance.clone()),
    );
    let links = collection_links(&collection.id, dataset, &call.addresses);
    Ok(Reply::document(call, JSON, &Json::Object(document)).with_links(&links))
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
    let links = collection_links(id, dataset, at);
    let document = json!({
        "id": id,
        "title": dataset.layer.title,
        "description": dataset.layer.description,
        "links": links::to_json(&links),
        "extent": extent,
        "itemType": "feature",
        "crs": [CRS84],
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

fn collection_links(id: &str, dataset: &Dataset, at: &Addresses) -> Vec<Link> {
    let mut links = vec![
        Link::new("self", JSON, &dataset.layer.title, at.collection(id)),
        Link::new(
            "items",
            GEO_JSON,
            format!("Features of {}", dataset.layer.title),
            at.items(id),
        ),
    ];
    links.extend(items_links(&at.items(id), &dataset.layer.title));
    links.extend(enclosures(at, id, dataset));
    links
}
