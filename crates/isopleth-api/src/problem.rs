//! Problem documents: the one shape of every refusal and failure (RFC 9457).

use std::time::Duration;

use axum::body::Body;
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_RANGE, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value as Json};

/// Media type of problem documents.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// Where OGC API – Processes names its exceptions.
const EXCEPTIONS: &str = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/";

/// Something that went wrong, as the client is told. `code` is stable; `detail` is for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    parameter: Option<Box<str>>,
    instance: Option<Box<str>>,
    also: Also,
    /// What few problems have. Boxed, since every answer has the size of the largest.
    more: Option<Box<More>>,
}

/// What few problems have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct More {
    /// The exception of a standard that it is; none of them otherwise.
    exception: Option<&'static str>,
    /// Members besides those that every problem has.
    members: Vec<(&'static str, Json)>,
}

/// What a problem says in a header of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Also {
    Nothing,
    /// Seconds after which the request may be sent again.
    RetryAfter(u64),
    /// What the resource answers, where the method was not one of them.
    Allowed(String),
    /// Bytes of the file, where a range of it was asked for that it does not have.
    Length(u64),
}

impl Also {
    fn header(&self) -> Option<(HeaderName, String)> {
        match self {
            Self::Nothing => None,
            Self::RetryAfter(seconds) => Some((RETRY_AFTER, seconds.to_string())),
            Self::Allowed(methods) => Some((ALLOW, methods.clone())),
            Self::Length(length) => Some((CONTENT_RANGE, format!("bytes */{length}"))),
        }
    }
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            parameter: None,
            instance: None,
            also: Also::Nothing,
            more: None,
        }
    }

    /// A parameter that the resource does not know.
    pub(crate) fn unknown_parameter(name: &str, known: &[&str]) -> Self {
        let known = known.join(", ");
        let detail = format!("'{name}' is not a parameter of this resource; it accepts: {known}");
        Self::new(StatusCode::BAD_REQUEST, "unknown-parameter", detail).of(name)
    }

    /// A parameter whose value cannot be read or makes no sense.
    pub(crate) fn invalid_parameter(name: &str, reason: impl std::fmt::Display) -> Self {
        let detail = format!("{name}: {reason}");
        Self::new(StatusCode::BAD_REQUEST, "invalid-parameter", detail).of(name)
    }

    /// A request that is malformed outside its parameters.
    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", detail)
    }

    /// No resource has this path.
    pub(crate) fn path_not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "path-not-found",
            "no resource has this path; start at /",
        )
    }

    /// No collection has this id.
    pub(crate) fn collection_not_found(id: &str) -> Self {
        let detail = format!("no collection is called '{id}'; /collections lists them");
        Self::new(StatusCode::NOT_FOUND, "collection-not-found", detail)
    }

    /// No feature has this id.
    pub(crate) fn feature_not_found(id: &str, run: &str) -> Self {
        let detail = format!("run {run} of this collection has no feature '{id}'");
        Self::new(StatusCode::NOT_FOUND, "feature-not-found", detail)
    }

    /// The tile lies outside of the tile matrix set, or deeper than tiles are cut.
    pub(crate) fn tile_not_found(deepest: u8) -> Self {
        let detail = format!(
            "no such tile: zooms go from 0 to {deepest}, columns and rows of zoom z from 0 to \
             2^z - 1, as whole numbers"
        );
        Self::new(StatusCode::NOT_FOUND, "tile-not-found", detail)
    }

    /// No tile matrix set has this id.
    pub(crate) fn tile_matrix_set_not_found(id: &str) -> Self {
        let detail =
            format!("no tile matrix set is called '{id}' here; /tileMatrixSets lists them");
        Self::new(StatusCode::NOT_FOUND, "tile-matrix-set-not-found", detail)
    }

    /// The run that was asked for is not, or no longer, to be had.
    pub(crate) fn run_not_found(run: &str) -> Self {
        let detail = format!(
            "run '{run}' of this collection is not available, or no longer; start again at the \
             first page without 'run'"
        );
        Self::new(StatusCode::NOT_FOUND, "run-not-found", detail).of("run")
    }

    /// The method is not one that resources answer.
    pub(crate) fn method_not_allowed(method: &str, allowed: String) -> Self {
        let detail = format!("{method} is not supported here; use {allowed}");
        Self {
            also: Also::Allowed(allowed),
            ..Self::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail)
        }
    }

    /// The client refuses every content coding there is.
    pub(crate) fn not_acceptable() -> Self {
        let detail =
            "Accept-Encoding refuses every coding on offer; allow identity, gzip, br or zstd";
        Self::new(StatusCode::NOT_ACCEPTABLE, "not-acceptable", detail)
    }

    /// Nothing has been published yet.
    pub(crate) fn starting() -> Self {
        let detail = "the service is starting: its layers are being computed; try again shortly";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "starting", detail).after(2)
    }

    /// Shutdown has begun.
    pub(crate) fn draining() -> Self {
        let detail = "the service is shutting down: send requests elsewhere";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "draining", detail)
    }

    /// As many requests as may be are under way.
    pub(crate) fn busy() -> Self {
        let detail = "as many requests as may be are under way; try again shortly";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail).after(1)
    }

    /// The answer did not begin in time.
    pub(crate) fn timed_out(limit: Duration) -> Self {
        let limit = limit.as_secs_f64();
        let detail = format!("the answer took longer than {limit} s; ask for less at a time");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "timed-out", detail)
    }

    /// A client has used up its requests.
    pub(crate) fn rate_limited(retry_after_s: u64) -> Self {
        let detail = format!("too many requests from this address; try again in {retry_after_s} s");
        Self::new(StatusCode::TOO_MANY_REQUESTS, "rate-limited", detail).after(retry_after_s)
    }

    /// The body is too large.
    pub(crate) fn body_too_large(most: usize) -> Self {
        let detail = format!("the body of the request is larger than {most} bytes");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", detail)
    }

    /// The body is compressed.
    pub(crate) fn unsupported_coding() -> Self {
        let detail = "bodies of requests are read as they are: send it without Content-Encoding";
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported-coding",
            detail,
        )
    }

    /// Path and query are too long.
    pub(crate) fn uri_too_long(most: usize) -> Self {
        let detail = format!("path and query are longer than {most} bytes; ask for less at a time");
        Self::new(StatusCode::URI_TOO_LONG, "uri-too-long", detail)
    }

    /// The headers are too large.
    pub(crate) fn headers_too_large(most: usize) -> Self {
        let detail = format!("the headers of the request are larger than {most} bytes");
        Self::new(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "headers-too-large",
            detail,
        )
    }

    /// The host is not one of those that are answered for.
    pub(crate) fn host_not_allowed() -> Self {
        let detail = "this service does not answer for the host that the request names";
        Self::new(StatusCode::BAD_REQUEST, "host-not-allowed", detail)
    }

    /// A saved layer that cannot be computed from the present data.
    pub(crate) fn layer_unavailable(layer: &str, reason: &str) -> Self {
        let detail = format!("layer '{layer}' cannot be computed from the present data: {reason}");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "layer-unavailable", detail)
    }

    /// The store cannot be read. What was published before stays.
    pub(crate) fn store_unavailable(reason: &str) -> Self {
        let detail = format!(
            "the store cannot be read: {reason}; what was published before is still served"
        );
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "store-unavailable", detail)
    }

    /// No file of a collection has this name.
    pub(crate) fn file_not_found(name: &str, endings: &str) -> Self {
        let detail = format!(
            "this collection has no file '{name}'; its files are called after a run, or 'latest', \
             and end in {endings}"
        );
        Self::new(StatusCode::NOT_FOUND, "file-not-found", detail)
    }

    /// The file has none of the bytes that were asked for.
    pub(crate) fn range_not_satisfiable(length: u64) -> Self {
        let detail = format!("the file has {length} bytes, and none of those that Range names");
        let status = StatusCode::RANGE_NOT_SATISFIABLE;
        Self {
            also: Also::Length(length),
            ..Self::new(status, "range-not-satisfiable", detail)
        }
    }

    /// No room for a file.
    pub(crate) fn disk_full() -> Self {
        let detail = "there is no room on the service's disk to make this file; try again later, \
                      narrow the selection, or read the features page by page";
        Self::new(StatusCode::INSUFFICIENT_STORAGE, "disk-full", detail)
    }

    /// A file larger than the service keeps.
    pub(crate) fn file_too_large(length: u64, most: u64) -> Self {
        let detail = format!(
            "the file would have {length} bytes, the service makes files of up to {most}; narrow \
             the selection, or read the features page by page"
        );
        Self::new(StatusCode::INSUFFICIENT_STORAGE, "file-too-large", detail)
    }

    /// A file that cannot be made now.
    pub(crate) fn file_unavailable() -> Self {
        let detail = "the service cannot write files at present; its log has the cause under the \
                      request's id; read the features page by page";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "file-unavailable", detail)
    }

    /// No process has this id.
    pub(crate) fn process_not_found(id: &str) -> Self {
        let detail = format!("no process is called '{id}'; /processes lists them");
        let problem = Self::new(StatusCode::NOT_FOUND, "process-not-found", detail);
        problem.exception("no-such-process")
    }

    /// No job has this id, or no longer.
    pub(crate) fn job_not_found(id: &str) -> Self {
        let detail = format!("no job is called '{id}', or no longer; /jobs lists them");
        let problem = Self::new(StatusCode::NOT_FOUND, "job-not-found", detail);
        problem.exception("no-such-job")
    }

    /// The job has not come to its end.
    pub(crate) fn result_not_ready(job: &str, status: &str) -> Self {
        let detail = format!("job '{job}' is {status}; ask for its result when it is successful");
        let problem = Self::new(StatusCode::NOT_FOUND, "result-not-ready", detail);
        problem.exception("result-not-ready")
    }

    /// The job's result was given up.
    pub(crate) fn result_gone(job: &str, why: &str) -> Self {
        let detail = format!("the result of job '{job}' is gone: {why}; execute the process again");
        Self::new(StatusCode::GONE, "result-gone", detail)
    }

    /// The collection of an analysis that is no longer kept.
    pub(crate) fn analysis_gone(id: &str) -> Self {
        let detail = format!(
            "the analysis '{id}' was dismissed or is no longer kept; execute the process again"
        );
        Self::new(StatusCode::NOT_FOUND, "analysis-gone", detail)
    }

    /// An analysis that came to nothing; `cause` is the stable code of the reason.
    pub(crate) fn analysis_failed(cause: &str, reason: &str) -> Self {
        let status = match cause {
            "internal-error" | "store-unavailable" => StatusCode::INTERNAL_SERVER_ERROR,
            "time-limit" => StatusCode::FORBIDDEN,
            _ => StatusCode::BAD_REQUEST,
        };
        Self::new(status, "analysis-failed", reason).with("cause", cause.into())
    }

    /// A request that asks for more than is allowed.
    pub(crate) fn limit_exceeded(limit: &'static str, requested: Json, allowed: Json) -> Self {
        let words = limit.replace('_', " ");
        let detail = format!(
            "the request asks for {requested} {words}, {allowed} are allowed; ask for less, or have \
             the operator save it as a layer"
        );
        let problem = Self::new(StatusCode::FORBIDDEN, "limit-exceeded", detail);
        let problem = problem.with("limit", limit.into());
        problem
            .with("requested", requested)
            .with("allowed", allowed)
    }

    /// A result that took longer than a client is kept waiting.
    pub(crate) fn too_slow(seconds: f64) -> Self {
        let detail = format!(
            "the result was not there after {seconds} s, and clients are not kept waiting longer; send \
             'Prefer: respond-async' to have it computed as a job"
        );
        let problem = Self::new(StatusCode::FORBIDDEN, "too-slow", detail);
        let problem = problem.with("limit", "wait_seconds".into());
        problem.with("allowed", seconds.into())
    }

    /// No more jobs are accepted for the moment.
    pub(crate) fn queue_full(allowed: usize) -> Self {
        let detail = format!(
            "{allowed} analyses are waiting or being computed, which is as many as are accepted; try \
             again later"
        );
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "queue-full", detail);
        let problem = problem.with("limit", "jobs".into());
        problem.with("allowed", allowed.into()).after(10)
    }

    /// The store cannot take anything now.
    pub(crate) fn store_busy() -> Self {
        let detail = "the store is being written to by another process; try again shortly";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "store-busy", detail).after(10)
    }

    /// The body is of another kind.
    pub(crate) fn unsupported_media_type(given: &str) -> Self {
        let given = if given.is_empty() { "none" } else { given };
        let detail = format!("the body must be application/json, and its Content-Type is {given}");
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        Self::new(status, "unsupported-media-type", detail)
    }

    /// The body is no JSON.
    pub(crate) fn malformed_json(error: &serde_json::Error) -> Self {
        let detail = error.to_string();
        Self::new(StatusCode::BAD_REQUEST, "malformed-json", detail).located(error)
    }

    /// The body is not the document that it should be.
    pub(crate) fn invalid_document(error: &serde_json::Error) -> Self {
        Self::invalid_request(error.to_string()).located(error)
    }

    /// The same problem with the place in the body, where the reader knows it.
    fn located(self, error: &serde_json::Error) -> Self {
        match error.line() {
            0 => self,
            line => self
                .with("line", line.into())
                .with("column", error.column().into()),
        }
    }

    /// A request document that says something impossible.
    pub(crate) fn invalid_request(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid-request", reason)
    }

    fn exception(mut self, name: &'static str) -> Self {
        self.more.get_or_insert_default().exception = Some(name);
        self
    }

    fn with(mut self, member: &'static str, value: Json) -> Self {
        self.more
            .get_or_insert_default()
            .members
            .push((member, value));
        self
    }

    /// A fault of the service. What it was goes to the log, not to the client.
    pub(crate) fn internal() -> Self {
        let detail = "the service failed to answer; its log has the cause under the request's id";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal-error", detail)
    }

    fn after(mut self, seconds: u64) -> Self {
        self.also = Also::RetryAfter(seconds);
        self
    }

    fn of(mut self, parameter: &str) -> Self {
        self.parameter = Some(parameter.into());
        self
    }

    /// The same problem, with the path on which it arose.
    #[must_use]
    pub(crate) fn at(mut self, path: &str) -> Self {
        self.instance = Some(path.into());
        self
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The problem document. Its type is an address under `base`, which explains the code; where no
    /// base is known it is that of problems without explanation.
    #[must_use]
    pub fn to_json(&self, base: &str) -> Json {
        let mut document = Map::new();
        let explained = match (self.more.as_ref().and_then(|m| m.exception), base) {
            (Some(name), _) => format!("{EXCEPTIONS}{name}"),
            (None, "") => "about:blank".to_owned(),
            (None, base) => format!("{base}/problems/{}", self.code),
        };
        document.insert("type".into(), explained.into());
        let title = self.status.canonical_reason().unwrap_or("Error");
        document.insert("title".into(), title.into());
        document.insert("status".into(), self.status.as_u16().into());
        document.insert("code".into(), self.code.into());
        document.insert("detail".into(), self.detail.clone().into());
        if let Some(parameter) = &self.parameter {
            document.insert("parameter".into(), parameter.as_ref().into());
        }
        for (member, value) in self.more.iter().flat_map(|m| &m.members) {
            document.insert((*member).to_owned(), value.clone());
        }
        if let Some(instance) = &self.instance {
            document.insert("instance".into(), instance.as_ref().into());
        }
        Json::Object(document)
    }
}

/// The body is left to what surrounds the routes, which knows the base of its links.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some((name, text)) = self.also.header()
            && let Ok(value) = HeaderValue::try_from(text)
        {
            headers.insert(name, value);
        }
        response.extensions_mut().insert(self);
        response
    }
}
