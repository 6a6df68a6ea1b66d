//! `/api`: the API definition, for programs and for people.

use maud::{Markup, html};
use serde_json::Value as Json;

use crate::accept::{Format, format};
use crate::call::Call;
use crate::document::page;
use crate::links::{JSON, Link, OPENAPI_JSON};
use crate::openapi::expanded;
use crate::problem::Problem;
use crate::reply::Reply;
use crate::state::AppState;

/// The API definition of the collections there are now.
pub(crate) async fn api(state: &AppState, call: &Call) -> Result<Reply, Problem> {
    let format = format(call, &[("json", Format::Json), ("html", Format::Html)])?;
    let published = state.published().await?;
    let collections: Vec<_> = published
        .collections
        .iter()
        .map(|c| (c.id.as_str(), &c.dataset.layer))
        .collect();
    let definition = expanded(&state.rules().contract, &collections, &call.addresses.base);
    Ok(match format {
        Format::Json | Format::File(_) => Reply::document(call, OPENAPI_JSON, &definition),
        Format::Html => {
            let at = &call.addresses;
            let links = [
                Link::new(
                    "alternate",
                    OPENAPI_JSON,
                    "For programs",
                    at.api() + "?f=json",
                ),
                Link::new("data", JSON, "Collections", at.collections()),
            ];
            let title = definition["info"]["title"].as_str().unwrap_or_default();
            page(call, title, &paths(&definition), &links)
        }
    })
}

/// Every path with what it does and accepts.
fn paths(definition: &Json) -> Markup {
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    let paths = definition["paths"].as_object();
    html! {
        p { (text(&definition["info"]["description"])) }
        table {
            thead { tr { th { "Path" } th { "What it gives" } th { "Parameters" } } }
            tbody { @for (path, item) in paths.into_iter().flatten() {
                @for (method, operation) in item.as_object().into_iter().flatten() { tr {
                    td { code { @if method != "get" { (method.to_uppercase()) " " } (path) } }
                    td { (text(&operation["summary"])) }
                    td { @for name in parameters(operation) { code { (name) } " " } }
                } }
            } }
        }
    }
}

/// The names of an operation's parameters.
fn parameters(operation: &Json) -> Vec<&str> {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    parameters
        .filter_map(|p| {
            p["name"]
                .as_str()
                .or_else(|| p["$ref"].as_str()?.rsplit('/').next())
        })
        .collect()
}
