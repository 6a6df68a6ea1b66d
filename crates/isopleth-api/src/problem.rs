//! Problem documents: the one shape of every refusal and failure (RFC 9457).

use std::time::Duration;

use axum::body::Body;
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_RANGE, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value as Json};

/// Media type of problem documents.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// Something that went wrong, as the client is told. `code` is stable; `detail` is for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    parameter: Option<String>,
    instance: Option<String>,
    also: Also,
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
        self.parameter = Some(parameter.to_owned());
        self
    }

    /// The same problem, with the path on which it arose.
    #[must_use]
    pub(crate) fn at(mut self, path: &str) -> Self {
        self.instance = Some(path.to_owned());
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
        let explained = match base {
            "" => "about:blank".to_owned(),
            base => format!("{base}/problems/{}", self.code),
        };
        document.insert("type".into(), explained.into());
        let title = self.status.canonical_reason().unwrap_or("Error");
        document.insert("title".into(), title.into());
        document.insert("status".into(), self.status.as_u16().into());
        document.insert("code".into(), self.code.into());
        document.insert("detail".into(), self.detail.clone().into());
        if let Some(parameter) = &self.parameter {
            document.insert("parameter".into(), parameter.clone().into());
        }
        if let Some(instance) = &self.instance {
            document.insert("instance".into(), instance.clone().into());
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
