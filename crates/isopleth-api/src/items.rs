//! `/collections/{id}/items` and one item: the features.

use serde_json::Value as Json;

use crate::accept::{Format, format};
use crate::bbox::Bbox;
use crate::call::Call;
use crate::dataset::Dataset;
use crate::datetime::TimeQuery;
use crate::links::{self, GEO_JSON, JSON, Link};
use crate::problem::Problem;
use crate::reply::{Cache, Reply, entity_tag};
use crate::state::AppState;

const FORMATS: &[(&str, Format)] = &[("json", Format::Json), ("geojson", Format::Json)];

/// A page of features.
pub(crate) async fn page(state: &AppState, call: &Call) -> Result<Reply, Problem> {
    format(call, FORMATS)?;
    let limits = state.limits();
    let limit = limit(call, limits.default_limit, limits.max_limit)?;
    let offset = offset(call)?;
    let bbox = read(call, "bbox", Bbox::parse)?;
    let time = read(call, "datetime", TimeQuery::parse)?;
    let dataset = state.dataset(&call.collection, run(call)?).await?;

    let selection = dataset.select(bbox.as_ref(), time);
    let range = selection.page(offset, limit);
    let at = &call.addresses;
    let items = at.items(&call.collection);
    let here = format!("{items}{}", call.query.to_suffix());
    let mut links = vec![
        Link::new("self", GEO_JSON, "This page", here.clone()),
        Link::new(
            "collection",
            JSON,
            &dataset.layer.title,
            at.collection(&call.collection),
        ),
    ];
    if range.end < selection.len() {
        let (limit, offset) = (limit.to_string(), range.end.to_string());
        let run = dataset.run.clone();
        let next = call
            .query
            .with(&[("limit", limit), ("offset", offset), ("run", run)]);
        let href = format!("{items}{}", next.to_suffix());
        links.push(Link::new("next", GEO_JSON, "Next page", href));
    }
    let etag = entity_tag(&[&dataset.run, &here]);
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
        let mut body = head.into_bytes();
        dataset.write(&selection, range.clone(), &mut body);
        body.extend_from_slice(b"]}");
        body
    };
    Ok(Reply::tagged(call, GEO_JSON, cache(call), etag, body).with_links(&links))
}

/// One feature.
pub(crate) async fn one(state: &AppState, call: &Call) -> Result<Reply, Problem> {
    format(call, FORMATS)?;
    let dataset = state.dataset(&call.collection, run(call)?).await?;
    let missing = || Problem::feature_not_found(&call.feature, &dataset.run);
    let feature = dataset.feature(&call.feature).ok_or_else(missing)?;
    let links = item_links(call, &dataset);
    let etag = entity_tag(&[&dataset.run, &links[0].to_header()]);
    let body = || {
        let open = feature.strip_suffix(b"}").unwrap_or(feature);
        let tail = format!(",\"links\":{}}}", links::to_json(&links));
        [open, tail.as_bytes()].concat()
    };
    Ok(Reply::tagged(call, GEO_JSON, cache(call), etag, body).with_links(&links))
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
fn cache(call: &Call) -> Cache {
    if call.query.get("run").is_some() {
        Cache::Forever
    } else {
        Cache::Check
    }
}

fn read<T, E: std::fmt::Display>(
    call: &Call,
    name: &str,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<Option<T>, Problem> {
    let given = call.query.get(name).map(parse).transpose();
    given.map_err(|error| Problem::invalid_parameter(name, error))
}

/// The page size: what was asked for, cut down to what is allowed.
pub(crate) fn limit(call: &Call, default: u64, most: u64) -> Result<u64, Problem> {
    match call.query.get("limit").map(whole) {
        None => Ok(default.min(most)),
        Some(Some(limit)) if limit >= 1 => Ok(limit.min(most)),
        Some(_) => Err(Problem::invalid_parameter(
            "limit",
            "expected a whole number from 1 up",
        )),
    }
}

pub(crate) fn offset(call: &Call) -> Result<u64, Problem> {
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
pub(crate) fn whole(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

fn run(call: &Call) -> Result<Option<&str>, Problem> {
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
