//! Which features a request for items asks for: box, time, filter and columns, all of them at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use isopleth_io::cql2::{Cql2Error, Expression, Filter};
use isopleth_io::crs::Crs;
use isopleth_io::layer::ColumnType;
use serde_json::{Map, Value as Json};

use crate::bbox::Bbox;
use crate::call::Call;
use crate::dataset::{Dataset, Selection};
use crate::datetime::TimeQuery;
use crate::problem::Problem;

/// How long a filter may take over the features of a collection.
const FILTER_TIME: Duration = Duration::from_secs(5);

/// The parameters that select features.
pub(crate) const SELECTING: &[&str] = &[
    "bbox",
    "bbox-crs",
    "datetime",
    "filter",
    "filter-lang",
    "filter-crs",
    "sortby",
    "crs",
];

/// The features of a dataset that a request asks for.
///
/// # Errors
/// A [`Problem`] for a parameter that is neither one of items nor a column, and for values that
/// cannot be read.
pub(crate) async fn select(call: &Call, dataset: &Arc<Dataset>) -> Result<Selection, Problem> {
    refuse_unknown(call, dataset)?;
    let bbox_crs = crs(call, "bbox-crs", dataset)?;
    let bbox = read(call, "bbox", |text| Bbox::parse(text, bbox_crs))?;
    let time = read(call, "datetime", TimeQuery::parse)?;
    let mut filters = columns(call, dataset)?;
    filters.extend(filter(call, dataset)?);
    let order = read(call, "sortby", |text| order(text, dataset))?.unwrap_or_default();
    let selection = dataset.select(bbox.as_ref(), time);
    if filters.is_empty() && order.is_empty() {
        return Ok(selection);
    }
    // A filter over many features keeps a thread busy for longer than other requests should wait,
    // and no longer than this request is waited for.
    let dataset = Arc::clone(dataset);
    let waiting = Arc::new(());
    let asked = Arc::downgrade(&waiting);
    let work = tokio::task::spawn_blocking(move || {
        let end = Instant::now() + FILTER_TIME;
        let goes_on = || asked.strong_count() > 0 && Instant::now() < end;
        let found = dataset.filtered(selection, &filters, goes_on)?;
        Some(dataset.sorted(found, &order))
    });
    let found = work.await.map_err(|error| {
        tracing::error!(%error, "a filter panicked");
        Problem::internal()
    })?;
    found.ok_or_else(|| {
        let reason = format!(
            "it takes more than {} s over these features; give it fewer terms, or a bbox",
            FILTER_TIME.as_secs()
        );
        Problem::invalid_parameter("filter", reason)
    })
}

/// What was selected of a layer, for the provenance of what is taken away; none for all of it.
pub(crate) fn told(call: &Call, matched: usize, total: usize) -> Option<Map<String, Json>> {
    let asked = call
        .query
        .pairs()
        .filter(|(n, _)| !["f", "crs", "run"].contains(n));
    let mut told: Map<_, _> = asked.map(|(n, v)| (n.to_owned(), v.into())).collect();
    if told.is_empty() {
        return None;
    }
    told.insert("features".to_owned(), matched.into());
    told.insert("features_of_layer".to_owned(), total.into());
    Some(told)
}

/// The columns to sort by, each with whether it falls: `-count,name`.
fn order(text: &str, dataset: &Dataset) -> Result<Vec<(usize, bool)>, String> {
    let columns = &dataset.layer.columns;
    let key = |key: &str| {
        // A plus sign that is not encoded arrives as a space.
        let name = key.trim_start_matches(['+', '-', ' ']);
        let found = columns.iter().position(|c| c.name == name);
        let at = found.ok_or_else(|| {
            let known: Vec<_> = columns.iter().map(|c| c.name.as_str()).collect();
            format!("'{name}' is not one of {}", known.join(", "))
        })?;
        Ok((at, key.starts_with('-')))
    };
    text.split(',').map(key).collect()
}

fn refuse_unknown(call: &Call, dataset: &Dataset) -> Result<(), Problem> {
    let own = call.resource.parameters().iter().copied();
    let columns = dataset.layer.columns.iter().map(|c| c.name.as_str());
    call.query
        .refuse_unknown(&own.chain(columns).collect::<Vec<_>>())
}

/// The coordinate reference system that a parameter names, one of those that the dataset has.
///
/// # Errors
/// A [`Problem`] for any other.
pub(crate) fn crs(call: &Call, name: &str, dataset: &Dataset) -> Result<Crs, Problem> {
    let Some(uri) = call.query.get(name) else {
        return Ok(Crs::Crs84);
    };
    let found = Crs::from_uri(uri).filter(|crs| dataset.crs.contains(crs));
    found.ok_or_else(|| {
        let known: Vec<_> = dataset.crs.iter().map(|crs| crs.uri()).collect();
        let reason = format!("'{uri}' is not one of {}", known.join(", "));
        Problem::invalid_parameter(name, reason)
    })
}

/// Columns given as parameters. One that a parameter of items hides is reached by `filter`.
fn columns(call: &Call, dataset: &Dataset) -> Result<Vec<Filter>, Problem> {
    let own = call.resource.parameters();
    let columns = &dataset.layer.columns;
    let mut filters = Vec::new();
    for (name, text) in call.query.pairs().filter(|(name, _)| !own.contains(name)) {
        let Some(column) = columns.iter().find(|c| c.name == name) else {
            continue;
        };
        let equality = Expression::equality(column, text).ok_or_else(|| {
            let expected = match column.kind {
                ColumnType::Boolean => "true or false",
                ColumnType::Integer => "a whole number",
                ColumnType::Real => "a number",
                ColumnType::Text => "text",
                ColumnType::Date => "a day, YYYY-MM-DD",
            };
            let reason = format!("expected {expected}, got '{text}'");
            Problem::invalid_parameter(name, reason)
        })?;
        let filter = equality.compile(columns, Crs::Crs84);
        filters.push(filter.map_err(|e| Problem::invalid_parameter(name, e))?);
    }
    Ok(filters)
}

fn filter(call: &Call, dataset: &Dataset) -> Result<Option<Filter>, Problem> {
    let language: fn(&str) -> Result<Expression, Cql2Error> =
        match call.query.get("filter-lang").unwrap_or("cql2-text") {
            "cql2-text" | "cql-text" => Expression::from_text,
            "cql2-json" => Expression::from_json,
            other => {
                let reason = format!("'{other}' is not one of cql2-text, cql2-json, cql-text");
                return Err(Problem::invalid_parameter("filter-lang", reason));
            }
        };
    let crs = crs(call, "filter-crs", dataset)?;
    read(call, "filter", |text| {
        language(text)?.compile(&dataset.layer.columns, crs)
    })
}

fn read<T, E: std::fmt::Display>(
    call: &Call,
    name: &str,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<Option<T>, Problem> {
    let given = call.query.get(name).map(parse).transpose();
    given.map_err(|error| Problem::invalid_parameter(name, error))
}
