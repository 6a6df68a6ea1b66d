//! What happens around every request: its id, its log line, its counts, and the headers that all
//! answers have.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Instant;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{CONTENT_ENCODING, ETAG, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::metrics::{self, Counted};
use crate::problem::Problem;
use crate::routes::{METRICS, ROUTES};
use crate::state::AppState;
use crate::visit::Visit;

/// The header that carries the id of a request.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The header that says which trace a request belongs to (W3C Trace Context).
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Passes a request on and logs how it went. The query is not logged: it may come to hold a key.
pub(crate) async fn observe(
    State(state): State<AppState>,
    mut request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let visit = Arc::new(Visit::of(&state.rules(), &request));
    request.extensions_mut().insert(Arc::clone(&visit));
    let headers = request.headers();
    let id = headers.get(REQUEST_ID).filter(|v| is_fit(v)).cloned();
    let id = id.unwrap_or_else(fresh_id);
    let trace = trace(headers);
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let route = route(&request);
    let in_flight = Counted::new(&state.metrics().in_flight);

    let mut response = next.run(request).await;
    if response.status() == StatusCode::NOT_ACCEPTABLE
        && response.extensions().get::<Problem>().is_none()
    {
        // Only the compression layer answers so, and it does it with the uncompressed body.
        response = Problem::not_acceptable().at(&path).into_response();
    }
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        state.metrics().refused(problem.code());
        let base = visit.base.as_deref().unwrap_or_default();
        *response.body_mut() = Body::from(problem.to_json(base).to_string());
    }
    weaken(response.headers_mut());
    response.headers_mut().insert(REQUEST_ID, id.clone());
    response
        .headers_mut()
        .insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));

    let (status, took) = (response.status().as_u16(), started.elapsed());
    state
        .metrics()
        .answered(route, method_label(&method), status, took);
    let entry = Entry {
        method: &method,
        path: &path,
        status,
        duration_ms: took.as_secs_f64() * 1000.0,
        request_id: id.to_str().unwrap_or_default(),
        trace,
        visit: &visit,
    };
    entry.log(is_watched(route));
    let bytes = state.metrics().bytes(route);
    response.map(|inner| {
        Body::new(Sent {
            inner,
            bytes,
            _in_flight: in_flight,
        })
    })
}

/// A line of the access log.
struct Entry<'a> {
    method: &'a Method,
    path: &'a str,
    status: u16,
    duration_ms: f64,
    request_id: &'a str,
    trace: Option<(String, String)>,
    visit: &'a Visit,
}

impl Entry<'_> {
    fn log(&self, quietly: bool) {
        let Self {
            method,
            path,
            status,
            duration_ms,
            request_id,
            ..
        } = self;
        let client = self.visit.client.map(tracing::field::display);
        let trace_id = self.trace.as_ref().map(|(trace, _)| trace.as_str());
        let parent_id = self.trace.as_ref().map(|(_, parent)| parent.as_str());
        macro_rules! log {
            ($level:ident) => {
                tracing::$level!(
                    %method, path, status, duration_ms, client, request_id, trace_id, parent_id,
                    "request"
                )
            };
        }
        if quietly {
            log!(debug);
        } else if *status >= 500 {
            log!(warn);
        } else {
            log!(info);
        }
    }
}

/// The template of the route that a request goes to.
pub(crate) fn route(request: &Request) -> &'static str {
    let matched = request.extensions().get::<MatchedPath>();
    let template = matched.map_or("", MatchedPath::as_str);
    let known = ROUTES.iter().map(|(path, _)| *path).chain([METRICS]);
    known.into_iter().find(|p| *p == template).unwrap_or("none")
}

/// Whether a route is for whoever watches the process. Such requests are let through whatever the
/// limits say, and do not fill the log.
pub(crate) fn is_watched(route: &str) -> bool {
    matches!(route, "/healthz" | "/readyz" | METRICS)
}

/// A method as a label; whatever is not of HTTP is one of them all.
fn method_label(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "OPTIONS" => "OPTIONS",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        _ => "other",
    }
}

/// A body that was compressed on the way is no longer, byte by byte, what a strong tag stands for.
fn weaken(headers: &mut HeaderMap) {
    if !headers.contains_key(CONTENT_ENCODING) {
        return;
    }
    let strong = headers.get(ETAG).and_then(|tag| tag.to_str().ok());
    let strong = strong.filter(|tag| !tag.starts_with("W/"));
    if let Some(Ok(weak)) = strong.map(|tag| HeaderValue::try_from(format!("W/{tag}"))) {
        headers.insert(ETAG, weak);
    }
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

/// The trace and the span that a request is part of, if its `traceparent` is one.
fn trace(headers: &HeaderMap) -> Option<(String, String)> {
    let mut values = headers.get_all(TRACEPARENT).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let mut parts = value.to_str().ok()?.split('-');
    let mut hex = |digits: usize| {
        let part = parts.next()?;
        let fits =
            part.len() == digits && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        fits.then(|| part.to_owned())
    };
    let (version, trace, parent, _flags) = (hex(2)?, hex(32)?, hex(16)?, hex(2)?);
    let zero = |id: &str| id.bytes().all(|b| b == b'0');
    // Later versions may say more at the end; the first says no more.
    let whole = version != "00" || parts.next().is_none();
    let valid = version != "ff" && whole && !zero(&trace) && !zero(&parent);
    valid.then_some((trace, parent))
}

/// A body whose bytes are counted as they leave, and whose request is under way until it has left.
struct Sent {
    inner: Body,
    bytes: metrics::Bytes,
    _in_flight: Counted,
}

impl HttpBody for Sent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(data) = frame.data_ref()
        {
            self.bytes.inc_by(data.len() as u64);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_valid_traces_are_taken() {
        const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
        const PARENT: &str = "00f067aa0ba902b7";
        let with = |values: &[&str]| {
            let values = values.iter().map(|v| HeaderValue::from_str(v).unwrap());
            trace(&values.map(|v| (TRACEPARENT, v)).collect())
        };
        let valid = format!("00-{TRACE}-{PARENT}-01");
        let taken = Some((TRACE.to_owned(), PARENT.to_owned()));
        assert_eq!(with(&[&valid]), taken);
        assert_eq!(
            with(&[&format!("cc-{TRACE}-{PARENT}-01-what-comes")]),
            taken
        );
        for broken in [
            String::new(),
            format!("00-{TRACE}-{PARENT}"),
            format!("00-{TRACE}-{PARENT}-01-more"),
            format!("ff-{TRACE}-{PARENT}-01"),
            format!("00-{}-{PARENT}-01", "0".repeat(32)),
            format!("00-{TRACE}-{}-01", "0".repeat(16)),
            format!("00-{}-{PARENT}-01", TRACE.to_uppercase()),
            format!("00-{TRACE}x-{PARENT}-01"),
        ] {
            assert_eq!(with(&[&broken]), None, "{broken}");
        }
        assert_eq!(with(&[&valid, &valid]), None);
    }
}
