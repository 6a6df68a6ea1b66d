//! `/conformance`: which standards are kept.

use serde_json::json;

use crate::call::Call;
use crate::document::Document;
use crate::links::JSON;
use crate::problem::Problem;
use crate::reply::Reply;

/// The conformance classes that the service implements, and no others.
const CLASSES: &[&str] = &[
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/json",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/oas30",
    "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/ogc-process-description",
    "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/json",
    "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/html",
    "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/oas30",
    "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/job-list",
    "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/dismiss",
];

/// The conformance declaration.
pub(crate) fn conformance(call: &Call) -> Result<Reply, Problem> {
    Document {
        title: "Standards kept".to_owned(),
        media: JSON,
        here: call.addresses.conformance(),
        links: Vec::new(),
        members: [("conformsTo".to_owned(), json!(CLASSES))]
            .into_iter()
            .collect(),
    }
    .reply(call)
}
