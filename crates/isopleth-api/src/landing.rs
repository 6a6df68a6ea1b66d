//! `/`: where a client starts.

use serde_json::json;

use crate::accept::{Format, format};
use crate::call::Call;
use crate::links::{self, HTML, JSON, Link, OPENAPI_JSON};
use crate::problem::Problem;
use crate::reply::Reply;

/// The landing page.
pub(crate) fn landing(call: &Call) -> Result<Reply, Problem> {
    format(call, &[("json", Format::Json)])?;
    let at = &call.addresses;
    let links = [
        Link::new("self", JSON, "This document", at.landing()),
        Link::new("service-desc", OPENAPI_JSON, "API definition", at.api()),
        Link::new(
            "service-doc",
            HTML,
            "API for people",
            format!("{}?f=html", at.api()),
        ),
        Link::new("conformance", JSON, "Standards kept", at.conformance()),
        Link::new("data", JSON, "Collections", at.collections()),
    ];
    let document = json!({
        "title": "Isopleth",
        "description": "Hotspot layers, with the areas and sites that they refer to, as an OGC \
                        API Features service.",
        "links": links::to_json(&links),
    });
    Ok(Reply::document(call, JSON, &document).with_links(&links))
}
