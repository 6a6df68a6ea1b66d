//! `/problems` and `/problems/{code}`: what the codes of problem documents mean and what helps.

use serde_json::{Value as Json, json};

use crate::call::Call;
use crate::document::Document;
use crate::links::{JSON, Link};
use crate::problem::Problem;
use crate::reply::Reply;

/// A kind of problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProblemKind {
    /// Its stable code, and the end of the address in `type`.
    pub code: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What it says.
    pub meaning: &'static str,
    /// What helps.
    pub remedy: &'static str,
}

macro_rules! kinds {
    ($($code:literal $status:literal $meaning:literal $remedy:literal;)*) => {
        &[$(ProblemKind { code: $code, status: $status, meaning: $meaning, remedy: $remedy }),*]
    };
}

/// Every kind of problem, by code.
#[rustfmt::skip]
pub const PROBLEM_KINDS: &[ProblemKind] = kinds! {
    "analysis-failed" 400
        "An analysis came to nothing: the request cannot be run on the present data (400), took too long (403), or the service failed (500); `cause` tells which."
        "Correct what the detail names, or ask for less; who runs the service can raise max_analysis_run_s.";
    "analysis-gone" 404
        "The result that the collection held was dismissed, or is no longer kept."
        "Execute the process again; who runs the service can raise kept_analyses and kept_analyses_s.";
    "bad-request" 400
        "The request is malformed outside its parameters."
        "Correct what the detail names: the encoding of the query, the Host header, the body.";
    "body-too-large" 413
        "The body of the request is larger than the service takes."
        "Send a smaller document; who runs the service can raise max_body_bytes.";
    "busy" 503
        "As many requests as may be are under way already."
        "Ask again after Retry-After; who runs the service can raise max_requests.";
    "collection-not-found" 404
        "No collection has this id."
        "Take an id that /collections lists.";
    "disk-full" 507
        "There is no room on the disk for the file."
        "Ask for less or for a page of items; who runs the service has to make room.";
    "draining" 503
        "The service is shutting down and answers what is still sent to it."
        "Send requests elsewhere, or ask again once it has been started anew.";
    "feature-not-found" 404
        "The run of the collection has no feature with this id."
        "Take an id from the items; ids belong to a run unless the collection says otherwise.";
    "file-not-found" 404
        "No file has this name."
        "Take an address that the collection lists under the relation enclosure.";
    "file-too-large" 507
        "The file would be larger than all files together may be."
        "Ask for less, or read pages of items; who runs the service can raise file_cache_bytes.";
    "file-unavailable" 503
        "The file cannot be written or read at the moment."
        "Ask again; the log has the cause.";
    "headers-too-large" 431
        "The headers of the request are larger than the service takes."
        "Send fewer or shorter headers, cookies above all; who runs the service can raise max_headers_bytes.";
    "host-not-allowed" 400
        "The request names a host that this service does not answer for."
        "Use the address that the service is published under; who runs it can add to allowed_hosts.";
    "internal-error" 500
        "The service failed."
        "Report the request's id (X-Request-Id): the log has the cause under it.";
    "invalid-parameter" 400
        "The value of a parameter cannot be read, makes no sense, or is given twice."
        "Correct the parameter that is named; the API definition says what it takes.";
    "invalid-request" 400
        "The body is no request document, or no execution document with one."
        "Correct what the detail names, at the line and column that it tells; /processes/analyse has the schema.";
    "job-not-found" 404
        "No job has this id, or it is no longer remembered."
        "Take an id that /jobs lists.";
    "layer-unavailable" 503
        "A saved layer cannot be computed from the present data, and never could."
        "Who runs the service has to change the layer or the data; the detail says why.";
    "limit-exceeded" 403
        "The request asks for more than may be computed; `limit`, `requested` and `allowed` tell which and by how much."
        "Ask for less, or have the operator save the request as a layer; who runs the service can raise the limit.";
    "malformed-json" 400
        "The body is no JSON."
        "Correct it at the line and column that are told.";
    "method-not-allowed" 405
        "The resource does not answer this method."
        "Use a method that the Allow header lists.";
    "not-acceptable" 406
        "Accept-Encoding refuses every coding there is."
        "Allow identity, gzip, br or zstd.";
    "path-not-found" 404
        "No resource has this path."
        "Start at the landing page and follow links.";
    "process-not-found" 404
        "No process has this id."
        "Take an id that /processes lists.";
    "queue-full" 503
        "As many analyses as are accepted are waiting or being computed."
        "Ask again after Retry-After; who runs the service can raise analysis_queue and analysis_workers.";
    "range-not-satisfiable" 416
        "The file ends before the range that was asked for begins."
        "Ask for a range within the length that Content-Range tells.";
    "rate-limited" 429
        "This client has sent more requests than it may."
        "Ask again after Retry-After; the RateLimit headers tell what is left.";
    "result-gone" 410
        "The job's result was dismissed, or is no longer kept."
        "Execute the process again.";
    "result-not-ready" 404
        "The job has not come to its end."
        "Ask for its result when it is successful.";
    "run-not-found" 404
        "The run that was asked for is not, or no longer, to be had."
        "Start again at the first page without the parameter run.";
    "starting" 503
        "The service is starting: nothing has been published yet."
        "Ask again after Retry-After.";
    "store-busy" 503
        "Another process is writing to the store and did not finish in time."
        "Ask again after Retry-After.";
    "store-unavailable" 503
        "The store cannot be read; what was published before is still served."
        "Who runs the service has to bring the store back.";
    "tile-matrix-set-not-found" 404
        "No tile matrix set has this id."
        "Take an id that /tileMatrixSets lists.";
    "tile-not-found" 404
        "The tile lies outside of the tile matrix set, or deeper than tiles are cut."
        "Stay within the limits that the metadata of the tiles tell.";
    "timed-out" 503
        "The answer took longer than it may."
        "Ask for less: a smaller page, box or time; who runs the service can raise request_timeout_s.";
    "too-slow" 403
        "The result was not there as soon as a waiting client is answered."
        "Send Prefer: respond-async to have it computed as a job; who runs the service can raise max_analysis_wait_s.";
    "unknown-parameter" 400
        "The resource does not know a parameter of the request."
        "Leave it out; the detail lists what the resource accepts.";
    "unsupported-coding" 415
        "The body of the request is compressed."
        "Send it without Content-Encoding.";
    "unsupported-media-type" 415
        "The body is of another kind than the resource reads."
        "Send it as application/json.";
    "uri-too-long" 414
        "Path and query are longer than the service takes."
        "Ask for less in one request; who runs the service can raise max_uri_bytes.";
};

/// The kind with a code.
fn kind(code: &str) -> Option<&'static ProblemKind> {
    PROBLEM_KINDS.iter().find(|k| k.code == code)
}

/// All kinds.
pub(crate) fn all(call: &Call) -> Result<Reply, Problem> {
    let list: Json = PROBLEM_KINDS.iter().map(|k| described(k, call)).collect();
    Document {
        title: "Problems".to_owned(),
        media: JSON,
        here: call.addresses.problems(),
        links: Vec::new(),
        members: [("problems".to_owned(), list)].into_iter().collect(),
    }
    .reply(call)
}

/// One kind.
pub(crate) fn one(call: &Call) -> Result<Reply, Problem> {
    let kind = kind(call.segment("code")).ok_or_else(Problem::path_not_found)?;
    let index = call.addresses.problems();
    let Json::Object(members) = described(kind, call) else {
        return Err(Problem::internal());
    };
    Document {
        title: format!("Problem {}", kind.code),
        media: JSON,
        here: call.addresses.problem(kind.code),
        links: vec![Link::new("index", JSON, "All problems", index)],
        members,
    }
    .reply(call)
}

fn described(kind: &ProblemKind, call: &Call) -> Json {
    json!({
        "type": call.addresses.problem(kind.code),
        "code": kind.code,
        "status": kind.status,
        "meaning": kind.meaning,
        "remedy": kind.remedy,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The codes that the crate's sources give to problems: the string after the status.
    fn codes_of_the_sources() -> BTreeSet<String> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
        let mut codes = BTreeSet::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            let text = text.split("#[cfg(test)]").next().unwrap();
            for start in ["Self::new(", "Problem::new("] {
                for call in text.split(start).skip(1) {
                    let call = call.trim_start();
                    if call.starts_with("StatusCode::") || call.starts_with("status,") {
                        let after = call.split_once(',').unwrap().1.trim_start();
                        let code = after.strip_prefix('"').and_then(|a| a.split('"').next());
                        codes.insert(code.expect("a code is a literal").to_owned());
                    }
                }
            }
        }
        codes
    }

    #[test]
    fn every_code_is_described_once_and_in_order() {
        let described: Vec<_> = PROBLEM_KINDS.iter().map(|k| k.code.to_owned()).collect();
        let sorted: Vec<_> = codes_of_the_sources().into_iter().collect();
        assert!(sorted.len() > 15, "{sorted:?}");
        assert_eq!(described, sorted);
    }

    #[test]
    fn the_pages_of_documentation_list_every_code() {
        let text = include_str!("../../../docs/operations.md");
        for kind in PROBLEM_KINDS {
            let row = format!(
                "| `{}` | {} | {} | {} |",
                kind.code, kind.status, kind.meaning, kind.remedy
            );
            assert!(text.contains(&row), "missing in docs/operations.md: {row}");
        }
        let rows = text
            .lines()
            .filter(|l| l.starts_with("| `") && l.matches('|').count() == 5);
        let codes = rows.filter(|l| {
            l.split('|')
                .nth(2)
                .is_some_and(|s| s.trim().parse::<u16>().is_ok())
        });
        assert_eq!(codes.count(), PROBLEM_KINDS.len());
    }
}
