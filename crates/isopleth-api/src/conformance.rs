//! `/conformance`: which standards are kept.

use serde_json::json;

use crate::accept::{Format, format};
use crate::call::Call;
use crate::links::{self, JSON, Link};
use crate::problem::Problem;
use crate::reply::Reply;

/// The conformance classes that the service implements, and no others.
const CLASSES: &[&str] = &[
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/json",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/oas30",
];

/// The conformance declaration.
pub(crate) fn conformance(call: &Call) -> Result<Reply, Problem> {
    format(call, &[("json", Format::Json)])?;
    let links = [Link::new(
        "self",
        JSON,
        "This document",
        call.addresses.conformance(),
    )];
    let document = json!({ "conformsTo": CLASSES, "links": links::to_json(&links) });
    Ok(Reply::document(call, JSON, &document).with_links(&links))
}
