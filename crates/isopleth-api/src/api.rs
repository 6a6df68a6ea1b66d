//! `/api`: the API definition, for programs and for people.

use axum::http::header::CONTENT_SECURITY_POLICY;
use serde_json::Value as Json;

use crate::accept::{Format, format};
use crate::call::Call;
use crate::links::OPENAPI_JSON;
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
        .map(|c| (c.id.as_str(), c.dataset.title.as_str()))
        .collect();
    let definition = expanded(&state.rules().contract, &collections, &call.addresses.base);
    Ok(match format {
        Format::Json => Reply::document(call, OPENAPI_JSON, &definition),
        Format::Html => Reply::text(call, "text/html; charset=utf-8", page(&definition))
            .with_header(CONTENT_SECURITY_POLICY, "default-src 'none'"),
    })
}

/// The definition as a plain page: every path with what it does and accepts.
fn page(definition: &Json) -> String {
    let text = |pointer: &str| {
        let found = definition.pointer(pointer).and_then(Json::as_str);
        escaped(found.unwrap_or_default())
    };
    let mut rows = String::new();
    for (path, item) in definition["paths"].as_object().into_iter().flatten() {
        let parameters = item["get"]["parameters"].as_array().into_iter().flatten();
        let names: Vec<_> = parameters
            .filter_map(|p| {
                p["name"]
                    .as_str()
                    .or_else(|| p["$ref"].as_str()?.rsplit('/').next())
            })
            .map(|name| format!("<code>{}</code>", escaped(name)))
            .collect();
        let summary = escaped(item["get"]["summary"].as_str().unwrap_or_default());
        rows += &format!(
            "<tr><td><code>{}</code></td><td>{summary}</td><td>{}</td></tr>\n",
            escaped(path),
            names.join(", ")
        );
    }
    format!(
        "<!DOCTYPE html>\n<html lang=\"en-GB\">\n<head><meta charset=\"utf-8\">\
         <title>{title}</title></head>\n<body>\n<h1>{title}</h1>\n<p>{description}</p>\n\
         <p>The <a href=\"{base}/api?f=json\">OpenAPI document</a> is for programs; the \
         <a href=\"{base}/collections\">collections</a> hold the data.</p>\n\
         <table>\n<thead><tr><th>Path</th><th>What it gives</th><th>Parameters</th></tr></thead>\n\
         <tbody>\n{rows}</tbody>\n</table>\n</body>\n</html>\n",
        title = text("/info/title"),
        description = text("/info/description"),
        base = text("/servers/0/url"),
    )
}

pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
