//! `/`: where a client starts.

use serde_json::json;

use crate::call::Call;
use crate::document::Document;
use crate::links::{HTML, JSON, Link, OPENAPI_JSON, REL_JOBS, REL_PROCESSES};
use crate::problem::Problem;
use crate::reply::Reply;

/// The landing page.
pub(crate) fn landing(call: &Call) -> Result<Reply, Problem> {
    let at = &call.addresses;
    let description = "Hotspot layers, with the areas and sites that they refer to, as an OGC \
                       API Features service.";
    let page = format!("{}?f=html", at.api());
    Document {
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
    }
    .reply(call)
}
