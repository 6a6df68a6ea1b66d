//! `/collections/{id}/items` and one item: the features.

use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::StatusCode;
use axum::http::header::CONTENT_DISPOSITION;
use http_body::Frame;
use isopleth_io::crs::Crs;
use maud::html;
use serde_json::Value as Json;

use crate::accept::{Format, format};
use crate::call::Call;
use crate::dataset::{Dataset, Selection};
use crate::document::page as html_page;
use crate::html;
use crate::links::{self, GEO_JSON, JSON, Link, QUERYABLES, SCHEMA, SCHEMA_JSON};
use crate::problem::Problem;
use crate::query::Query;
use crate::reply::{Cache, Reply, entity_tag};
use crate::representation::{
    self, MATCHED, ONE, PAGES, RETURNED, alternates, disposition, media, refuse_crs,
};
use crate::selection::{crs, select, told};
use crate::state::AppState;

/// The most features that are encoded at once; larger pages are made as they are read.
const AT_ONCE: usize = 2_000;

/// What ends a page of features as JSON.
const TAIL: &[u8] = b"]}";

/// A page of features.
pub(crate) async fn page(state: &AppState, call: &Call) -> Result<Reply, Problem> {
    let format = format(call, PAGES)?;
    let limits = state.limits();
    let limit = limit(call, limits.default_limit, limits.max_limit)?;
    let offset = offset(call)?;
    let dataset = state.dataset(&call.collection, run(call)?).await?;
    let selection = select(call, &dataset).await?;
    let crs = crs(call, "crs", &dataset)?;
    let etag = tag(call, &dataset, format);
    if call.has(&etag) {
        return Ok(Reply::known(cache(call), etag));
    }
    let range = selection.page(offset, limit);
    let links = page_links(call, &dataset, selection.len(), &range, limit, format);
    let (matched, returned) = (selection.len(), range.len());
    let reply = match format {
        Format::File(file) => {
            refuse_crs(file, crs)?;
            let id = call.collection.clone();
            let told = told(call, matched, dataset.len());
            let as_file = (file, crs);
            let body = representation::page(state, id, dataset, &selection, range, told, as_file);
            let body = body.await?;
            let name = format!("{}.{}", call.collection, file.name());
            Reply::tagged(call, media(format), cache(call), etag, || body)
                .with_value(CONTENT_DISPOSITION, disposition(&name))
                .with_value(MATCHED, matched)
                .with_value(RETURNED, returned)
        }
        Format::Html => {
            let features = encoded(&dataset, &selection, range.clone(), Crs::Crs84)?;
            as_page(call, &dataset, &selection, &range, &features, &links)
        }
        Format::Json => {
            let head = format!(
                "{{\"type\":\"FeatureCollection\",\"timeStamp\":\"{:.3}\",\"numberMatched\":{matched},\
                 \"numberReturned\":{returned},\"links\":{},\"run\":{},\"provenance\":{},\"features\":[",
                jiff::Timestamp::now(),
                links::to_json(&links),
                Json::from(dataset.run.as_str()),
                dataset.brief,
            );
            let body = if returned > AT_ONCE {
                Body::new(Streamed {
                    dataset,
                    selection,
                    left: range,
                    crs,
                    head: Some(head.into_bytes()),
                    ended: false,
                })
            } else {
                let features = encoded(&dataset, &selection, range, crs)?;
                Body::from([head.as_bytes(), &features, TAIL].concat())
            };
            Reply::streamed(StatusCode::OK, GEO_JSON, body, cache(call), etag)
        }
    };
    Ok(reply.in_crs(crs).with_links(&links))
}

/// The entity tag of an answer, which is one of its run, its address and its format.
fn tag(call: &Call, dataset: &Dataset, format: Format) -> String {
    let here = call.addresses.items(&call.collection) + &call.query.to_suffix();
    entity_tag(&[&dataset.run, media(format), &call.feature, &here])
}

/// A large page of features as JSON, made as it is read.
struct Streamed {
    dataset: Arc<Dataset>,
    selection: Selection,
    left: Range<usize>,
    crs: Crs,
    /// What comes before the features, until it is sent.
    head: Option<Vec<u8>>,
    ended: bool,
}

impl HttpBody for Streamed {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let mut part = self.head.take().unwrap_or_default();
        let end = self.left.end.min(self.left.start + AT_ONCE);
        let range = self.left.start..end;
        self.left.start = end;
        let written = self
            .dataset
            .write(&self.selection, range, self.crs, &mut part);
        if let Err(error) = written {
            // It is too late for another answer: the client sees one that breaks off.
            tracing::error!(%error, run = self.dataset.run, "a feature cannot be projected");
            self.ended = true;
            return Poll::Ready(Some(Err(error)));
        }
        self.ended = self.left.is_empty();
        part.extend_from_slice(if self.ended { TAIL } else { b"," });
        Poll::Ready(Some(Ok(Frame::data(part.into()))))
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }
}

/// The features of a page as JSON, separated by commas.
fn encoded(
    dataset: &Dataset,
    selection: &Selection,
    range: Range<usize>,
    crs: Crs,
) -> Result<Vec<u8>, Problem> {
    let mut features = Vec::new();
    let written = dataset.write(selection, range, crs, &mut features);
    written.map_err(|error| unreached(&error, dataset))?;
    Ok(features)
}

/// A page of features as a page for people: a table.
fn as_page(
    call: &Call,
    dataset: &Dataset,
    selection: &Selection,
    range: &Range<usize>,
    features: &[u8],
    links: &[Link],
) -> Reply {
    let list = [b"[".as_slice(), features, b"]"].concat();
    // It was encoded here.
    let list: Vec<Json> = serde_json::from_slice(&list).unwrap_or_default();
    let pinned = [("run", dataset.run.clone()), ("f", "html".to_owned())];
    let query = Query::default().with(&pinned).to_suffix();
    let address = |id: &str| call.addresses.item(&call.collection, id) + &query;
    let body = html! {
        p { (dataset.layer.description) }
        p { (range.len()) " of " (selection.len()) " features, from number " (range.start + 1) "." }
        (html::features(&list, address))
        (html::members(&dataset.layer.provenance))
    };
    html_page(call, &dataset.layer.title, &body, links)
}

/// The links of a page: itself, its other formats, what it belongs to, the pages beside it.
fn page_links(
    call: &Call,
    dataset: &Dataset,
    matched: usize,
    range: &Range<usize>,
    limit: u64,
    format: Format,
) -> Vec<Link> {
    let (at, title) = (&call.addresses, &dataset.layer.title);
    let items = at.items(&call.collection);
    let here = format!("{items}{}", call.query.to_suffix());
    let mut links = vec![
        Link::new("self", media(format), "This page", here),
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
    links.extend(alternates(call, &items, PAGES, format));
    let page = |offset: u64| {
        let mut changes = vec![
            ("limit", limit.to_string()),
            ("offset", offset.to_string()),
            ("run", dataset.run.clone()),
        ];
        // The format may have been asked for by Accept, which no link can say.
        match format {
            Format::Json => {}
            Format::Html => changes.push(("f", "html".to_owned())),
            Format::File(file) => changes.push(("f", file.name().to_owned())),
        }
        format!("{items}{}", call.query.with(&changes).to_suffix())
    };
    if range.end < matched {
        let href = page(range.end as u64);
        links.push(Link::new("next", media(format), "Next page", href));
    }
    if range.start > 0 {
        let href = page((range.start as u64).saturating_sub(limit));
        links.push(Link::new("prev", media(format), "Previous page", href));
    }
    links
}

/// One feature.
pub(crate) async fn one(state: &AppState, call: &Call) -> Result<Reply, Problem> {
    let format = format(call, ONE)?;
    let dataset = state.dataset(&call.collection, run(call)?).await?;
    let crs = crs(call, "crs", &dataset)?;
    let missing = || Problem::feature_not_found(&call.feature, &dataset.run);
    let index = dataset.index(&call.feature).ok_or_else(missing)?;
    let etag = tag(call, &dataset, format);
    if call.has(&etag) {
        return Ok(Reply::known(cache(call), etag));
    }
    let links = item_links(call, &dataset, format);
    let feature = encoded(&dataset, &Selection::Some(vec![index]), 0..1, crs)?;
    let reply = match format {
        Format::Html => {
            let feature: Json = serde_json::from_slice(&feature).unwrap_or_default();
            let body = match feature.as_object() {
                Some(members) => html::members(members),
                None => html! {},
            };
            let title = format!("{}: {}", dataset.layer.title, call.feature);
            html_page(call, &title, &body, &links)
        }
        Format::Json | Format::File(_) => {
            let body = || {
                let open = feature.strip_suffix(b"}").unwrap_or(&feature);
                let tail = format!(",\"links\":{}}}", links::to_json(&links));
                [open, tail.as_bytes()].concat()
            };
            Reply::tagged(call, GEO_JSON, cache(call), etag, body)
        }
    };
    Ok(reply.in_crs(crs).with_links(&links))
}

/// A geometry beyond a system that the collection lists; its box said otherwise.
fn unreached(error: &std::io::Error, dataset: &Dataset) -> Problem {
    tracing::error!(%error, run = dataset.run, "a feature cannot be projected");
    Problem::internal()
}

fn item_links(call: &Call, dataset: &Dataset, format: Format) -> Vec<Link> {
    let (at, title) = (&call.addresses, &dataset.layer.title);
    let item = at.item(&call.collection, &call.feature);
    let here = format!("{item}{}", call.query.to_suffix());
    let mut links = vec![
        Link::new("self", media(format), "This feature", here),
        Link::new("collection", JSON, title, at.collection(&call.collection)),
    ];
    links.extend(alternates(call, &item, ONE, format));
    links
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
