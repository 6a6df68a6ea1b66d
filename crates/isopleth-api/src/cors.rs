//! What web pages of other origins may do.
//!
//! Answers are the same for whoever asks, and no cookie or password that a browser keeps is ever
//! looked at. Pages of any origin may therefore read, where the configuration says `*`; only origins
//! that are named may also send documents.

use axum::extract::{Request, State};
use axum::http::header::{
    ACCEPT, ACCEPT_LANGUAGE, ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION, CONTENT_LENGTH,
    CONTENT_TYPE, ETAG, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, LAST_MODIFIED, LINK,
    LOCATION, ORIGIN, RANGE, RETRY_AFTER,
};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::time::Duration;
use tower::{Layer, ServiceExt};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::state::AppState;

/// How long a browser may remember what it was told.
const MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// Headers that pages may send.
const SENT: [HeaderName; 14] = [
    ACCEPT,
    ACCEPT_LANGUAGE,
    AUTHORIZATION,
    CONTENT_TYPE,
    IF_MATCH,
    IF_MODIFIED_SINCE,
    IF_NONE_MATCH,
    IF_RANGE,
    RANGE,
    HeaderName::from_static("content-crs"),
    HeaderName::from_static("prefer"),
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("x-request-id"),
];

/// Headers that pages may read.
const EXPOSED: [HeaderName; 16] = [
    CONTENT_LENGTH,
    ETAG,
    LAST_MODIFIED,
    LINK,
    LOCATION,
    RETRY_AFTER,
    HeaderName::from_static("accept-ranges"),
    HeaderName::from_static("content-crs"),
    HeaderName::from_static("content-disposition"),
    HeaderName::from_static("content-range"),
    HeaderName::from_static("ogc-numbermatched"),
    HeaderName::from_static("ogc-numberreturned"),
    HeaderName::from_static("preference-applied"),
    HeaderName::from_static("ratelimit"),
    HeaderName::from_static("ratelimit-policy"),
    HeaderName::from_static("x-request-id"),
];

/// The rules for origins that were read already; none without origins.
pub(crate) fn layer(origins: &[HeaderValue]) -> Option<CorsLayer> {
    let any = origins.first()? == "*";
    let cors = CorsLayer::new()
        .allow_headers(SENT)
        .expose_headers(EXPOSED)
        .max_age(MAX_AGE);
    Some(if any {
        // The answer is the same for all origins: caches need not tell them apart.
        cors.allow_origin(tower_http::cors::Any)
            .allow_methods([Method::GET, Method::HEAD])
            .vary([])
    } else {
        cors.allow_origin(AllowOrigin::list(origins.iter().cloned()))
            .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::DELETE])
            .vary([ORIGIN])
    })
}

/// Answers preflights, and adds to other answers what browsers look for.
pub(crate) async fn cross_origin(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Response {
    let preflight = request
        .headers()
        .contains_key(ACCESS_CONTROL_REQUEST_METHOD)
        && request.headers().contains_key(ORIGIN);
    let Some(cors) = state.rules().cors.clone() else {
        return next.run(request).await;
    };
    // The layer takes every OPTIONS for a preflight; plain ones ask for the methods of a resource.
    if request.method() == Method::OPTIONS && !preflight {
        return next.run(request).await;
    }
    match cors.layer(next).oneshot(request).await {
        Ok(response) => response.into_response(),
        Err(never) => match never {},
    }
}
