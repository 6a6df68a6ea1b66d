//! `/`: where a client starts; for people the map page, with the same links.

use serde_json::json;

use crate::accept::Format;
use crate::call::Call;
use crate::document::Document;
use crate::links::{HTML, JSON, Link, OPENAPI_JSON, REL_JOBS, REL_PROCESSES};
use crate::problem::Problem;
use crate::reply::Reply;
use crate::state::AppState;
use crate::web;

/// The landing page.
pub(crate) fn landing(state: &AppState, call: &Call) -> Result<Reply, Problem> {
    let at = &call.addresses;
    let description = "Hotspot layers, with the areas and sites that they refer to, as an OGC \
                       API Features service.";
    let page = format!("{}?f=html", at.api());
    let document = Document {
        title: "Isopleth".to_owned(),
        media: JSON,
        here: at.landing(),
        links: vec![
            Link::new("service-desc", OPENAPI_JSON, "API definition", at.api()),
            Link::new("service-doc", HTML, "API for people", page),
            Link::new("conformance", JSON, "Standards kept", at.conformance()),
            Link::new("data", JSON, "Collections", at.collections()),
            Link::new(REL_PROCESSES, JSON, "Processes", at.processes()),
            Link::new(REL_JOBS, JSON, "Jobs", at.jobs()),
            Link::new(
                "http://www.opengis.net/def/rel/ogc/1.0/tiling-schemes",
                JSON,
                "Tile matrix sets",
                at.tile_matrix_sets(),
            ),
        ],
        members: [
            ("title".to_owned(), json!("Isopleth")),
            ("description".to_owned(), json!(description)),
        ]
        .into_iter()
        .collect(),
    };
    if document.format(call)? == Format::Html {
        let links = document.links(call, Format::Html);
        let rules = state.rules();
        if let Some(page) = web::page(call, description, &rules, &links) {
            return Ok(page.with_links(&links));
        }
    }
    document.reply(call)
}
