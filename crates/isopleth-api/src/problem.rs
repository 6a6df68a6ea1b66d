//! Problem documents: the one shape of every refusal and failure (RFC 9457).

use axum::body::Body;
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
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
    /// What the resource answers, where the method was not one of them.
    allowed: Option<String>,
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            parameter: None,
            instance: None,
            allowed: None,
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
            allowed: Some(allowed),
            ..Self::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail)
        }
    }

    /// The client refuses every content coding there is.
    pub(crate) fn not_acceptable() -> Self {
        let detail = "Accept-Encoding refuses every coding on offer; allow identity or gzip";
        Self::new(StatusCode::NOT_ACCEPTABLE, "not-acceptable", detail)
    }

    /// Nothing has been published yet.
    pub(crate) fn starting() -> Self {
        let detail = "the service is starting: its layers are being computed; try again shortly";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "starting", detail)
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

    /// A fault of the service. What it was goes to the log, not to the client.
    pub(crate) fn internal() -> Self {
        let detail = "the service failed to answer; its log has the cause under the request's id";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal-error", detail)
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

    /// The problem document.
    #[must_use]
    pub fn to_json(&self) -> Json {
        let mut document = Map::new();
        document.insert("type".into(), "about:blank".into());
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

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.to_json().to_string()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(allowed) = self.allowed.and_then(|a| HeaderValue::try_from(a).ok()) {
            headers.insert(ALLOW, allowed);
        }
        if self.code == "starting" {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("2"));
        }
        response
    }
}
