//! Which features a request for items asks for: box, time, filter and columns, all of them at once.

use std::sync::Arc;

use isopleth_io::cql2::{Cql2Error, Expression, Filter};
use isopleth_io::crs::Crs;
use isopleth_io::layer::ColumnType;

use crate::bbox::Bbox;
use crate::call::Call;
use crate::dataset::{Dataset, Selection};
use crate::datetime::TimeQuery;
use crate::problem::Problem;

/// The parameters that select features.
pub(crate) const SELECTING: &[&str] = &[
    "bbox",
    "bbox-crs",
    "datetime",
    "filter",
    "filter-lang",
    "filter-crs",
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
    let selection = dataset.select(bbox.as_ref(), time);
    if filters.is_empty() {
        return Ok(selection);
    }
    // A filter over many features keeps a thread busy for longer than other requests should wait,
    // and no longer than this request is waited for.
    let dataset = Arc::clone(dataset);
    let waiting = Arc::new(());
    let asked = Arc::downgrade(&waiting);
    let work = tokio::task::spawn_blocking(move || {
        dataset.filtered(selection, &filters, || asked.strong_count() > 0)
    });
    work.await.map_err(|error| {
        tracing::error!(%error, "a filter panicked");
        Problem::internal()
    })
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
