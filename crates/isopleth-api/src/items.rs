//! `/collections/{id}/items` and one item: the features.

use std::ops::Range;

use serde_json::Value as Json;

use crate::accept::{Format, format};
use crate::call::Call;
use crate::dataset::{Dataset, Selection};
use crate::links::{self, GEO_JSON, JSON, Link, QUERYABLES, SCHEMA, SCHEMA_JSON};
use crate::problem::Problem;
use crate::reply::{Cache, Reply, entity_tag};
use crate::selection::{crs, select};
use crate::state::AppState;

const FORMATS: &[(&str, Format)] = &[("json", Format::Json), ("geojson", Format::Json)];

/// A page of features.
pub(crate) async fn page(state: &AppState, call: &Call) -> Result<Reply, Problem> {
    format(call, FORMATS)?;
    let limits = state.limits();
    let limit = limit(call, limits.default_limit, limits.max_limit)?;
    let offset = offset(call)?;
    let dataset = state.dataset(&call.collection, run(call)?).await?;
    let selection = select(call, &dataset).await?;
    let crs = crs(call, "crs", &dataset)?;
    let range = selection.page(offset, limit);
    let links = page_links(call, &dataset, selection.len(), &range, limit);
    let etag = entity_tag(&[&dataset.run, &links[0].to_header()]);
    let mut features = Vec::new();
    if !call.has(&etag) {
        let written = dataset.write(&selection, range.clone(), crs, &mut features);
        written.map_err(|error| unreached(&error, &dataset))?;
    }
    let body = || {
        let head = format!(
            "{{\"type\":\"FeatureCollection\",\"timeStamp\":\"{:.3}\",\"numberMatched\":{},\
             \"numberReturned\":{},\"links\":{},\"run\":{},\"provenance\":{},\"features\":[",
            jiff::Timestamp::now(),
            selection.len(),
            range.len(),
            links::to_json(&links),
            Json::from(dataset.run.as_str()),
            dataset.brief,
        );
        [head.as_bytes(), &features, b"]}"].concat()
    };
    Ok(Reply::tagged(call, GEO_JSON, cache(call), etag, body)
        .in_crs(crs)
        .with_links(&links))
}

/// The links of a page: itself, what it belongs to, the pages beside it.
fn page_links(
    call: &Call,
    dataset: &Dataset,
    matched: usize,
    range: &Range<usize>,
    limit: u64,
) -> Vec<Link> {
    let (at, title) = (&call.addresses, &dataset.layer.title);
    let items = at.items(&call.collection);
    let here = format!("{items}{}", call.query.to_suffix());
    let mut links = vec![
        Link::new("self", GEO_JSON, "This page", here),
        Link::new("collection", JSON, title, at.collection(&call.collection)),
        Link::new(
            QUERYABLES,
            SCHEMA_JSON,
            format!("Queryables of {title}"),
            at.queryables(&call.collection),
        ),
        Link::new(
            SCHEMA,
            SCHEMA_JSON,
            format!("Schema of {title}"),
            at.schema(&call.collection),
        ),
    ];
    let page = |offset: u64| {
        let changes = [
            ("limit", limit.to_string()),
            ("offset", offset.to_string()),
            ("run", dataset.run.clone()),
        ];
        format!("{items}{}", call.query.with(&changes).to_suffix())
    };
    if range.end < matched {
        let href = page(range.end as u64);
        links.push(Link::new("next", GEO_JSON, "Next page", href));
    }
    if range.start > 0 {
        let href = page((range.start as u64).saturating_sub(limit));
        links.push(Link::new("prev", GEO_JSON, "Previous page", href));
    }
    links
}

/// One feature.
pub(crate) async fn one(state: &AppState, call: &Call) -> Result<Reply, Problem> {
    format(call, FORMATS)?;
    let dataset = state.dataset(&call.collection, run(call)?).await?;
    let crs = crs(call, "crs", &dataset)?;
    let missing = || Problem::feature_not_found(&call.feature, &dataset.run);
    let index = dataset.index(&call.feature).ok_or_else(missing)?;
    let links = item_links(call, &dataset);
    let etag = entity_tag(&[&dataset.run, &links[0].to_header()]);
    let mut feature = Vec::new();
    let written = dataset.write(&Selection::Some(vec![index]), 0..1, crs, &mut feature);
    written.map_err(|error| unreached(&error, &dataset))?;
    let body = || {
        let open = feature.strip_suffix(b"}").unwrap_or(&feature);
        let tail = format!(",\"links\":{}}}", links::to_json(&links));
        [open, tail.as_bytes()].concat()
    };
    Ok(Reply::tagged(call, GEO_JSON, cache(call), etag, body)
        .in_crs(crs)
        .with_links(&links))
}

/// A geometry beyond a system that the collection lists; its box said otherwise.
fn unreached(error: &std::io::Error, dataset: &Dataset) -> Problem {
    tracing::error!(%error, run = dataset.run, "a feature cannot be projected");
    Problem::internal()
}

fn item_links(call: &Call, dataset: &Dataset) -> [Link; 2] {
    let at = &call.addresses;
    let here = at.item(&call.collection, &call.feature) + &call.query.to_suffix();
    [
        Link::new("self", GEO_JSON, "This feature", here),
        Link::new(
            "collection",
            JSON,
            &dataset.layer.title,
            at.collection(&call.collection),
        ),
    ]
}

/// The address of a run never changes its content; the address without one moves with the data.
pub(crate) fn cache(call: &Call) -> Cache {
    if call.query.get("run").is_some() {
        Cache::Forever
    } else {
        Cache::Check
    }
}

/// The page size: what was asked for, cut down to what is allowed.
fn limit(call: &Call, default: u64, most: u64) -> Result<u64, Problem> {
    match call.query.get("limit").map(whole) {
        None => Ok(default.min(most)),
        Some(Some(limit)) if limit >= 1 => Ok(limit.min(most)),
        Some(_) => Err(Problem::invalid_parameter(
            "limit",
            "expected a whole number from 1 up",
        )),
    }
}

fn offset(call: &Call) -> Result<u64, Problem> {
    match call.query.get("offset").map(whole) {
        None => Ok(0),
        Some(Some(offset)) => Ok(offset),
        Some(None) => Err(Problem::invalid_parameter(
            "offset",
            "expected a whole number from 0 up",
        )),
    }
}

/// A number of digits only. One too large to hold is as good as the largest.
fn whole(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

/// The run that the request names, if it names one.
pub(crate) fn run(call: &Call) -> Result<Option<&str>, Problem> {
    let fit = |id: &str| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        (1..=64).contains(&id.len()) && id.bytes().all(plain)
    };
    match call.query.get("run") {
        Some(id) if !fit(id) => {
            let reason = "expected the id of a run, as items and collections state it";
            Err(Problem::invalid_parameter("run", reason))
        }
        other => Ok(other),
    }
}
