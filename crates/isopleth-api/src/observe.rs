//! What happens around every request: its id, its log line, and the headers that all answers have.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use axum::extract::Request;
use axum::http::header::X_CONTENT_TYPE_OPTIONS;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::problem::Problem;

/// The header that carries the id of a request.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Passes a request on and logs how it went. The query is not logged: it may come to hold a key.
pub(crate) async fn observe(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request
        .headers()
        .get(REQUEST_ID)
        .filter(|v| is_fit(v))
        .cloned();
    let id = id.unwrap_or_else(fresh_id);
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let mut response = next.run(request).await;
    if response.status() == StatusCode::NOT_ACCEPTABLE {
        // Only the compression layer answers so, and it does it with the uncompressed body.
        response = Problem::not_acceptable().at(&path).into_response();
    }
    let status = response.status().as_u16();
    let duration_ms = started.elapsed().as_secs_f64() * 1000.0;
    let request_id = id.to_str().unwrap_or_default();
    if status >= 500 {
        tracing::warn!(%method, path, status, duration_ms, request_id, "request");
    } else {
        tracing::info!(%method, path, status, duration_ms, request_id, "request");
    }
    response.headers_mut().insert(REQUEST_ID, id);
    response
        .headers_mut()
        .insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// The answer to a request whose handling panicked.
pub(crate) fn panicked(cause: Box<dyn std::any::Any + Send>) -> Response {
    let text = cause.downcast_ref::<String>().map(String::as_str);
    let text = text
        .or_else(|| cause.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    tracing::error!(cause = text, "a request handler panicked");
    Problem::internal().into_response()
}

fn is_fit(id: &HeaderValue) -> bool {
    (1..=64).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic)
}

/// An id that is unique in this process and very likely unique among processes.
fn fresh_id() -> HeaderValue {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let started = jiff::Timestamp::now().as_microsecond();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let text = format!("{started:x}-{count:x}");
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("none"))
}
