//! Which requests are let in: their sizes, their hosts, how many there are, and for how long.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::config::Limits;
use crate::observe::{is_watched, route};
use crate::problem::Problem;
use crate::rate::Standing;
use crate::rules::Rules;
use crate::state::AppState;
use crate::visit::Visit;

/// Lets a request in, or says why not.
pub(crate) async fn admit(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let rules = state.rules();
    let path = request.uri().path().to_owned();
    let refused = |problem: Problem| problem.at(&path).into_response();
    let visit = request.extensions().get::<Arc<Visit>>().cloned();
    let watched = is_watched(route(&request));
    let (standing, looked_at) = looked_at(&rules, visit.as_deref(), &request, watched);
    if let Err(problem) = looked_at {
        return told(refused(problem), standing);
    }
    let _place = match state.places().take(rules.limits.max_requests) {
        Some(place) => Some(place),
        None if watched => None,
        None => return told(refused(Problem::busy()), standing),
    };
    let limits = &rules.limits;
    let answered = async {
        let request = with_body(request, limits).await?;
        Ok(next.run(request).await)
    };
    let answer = tokio::time::timeout(limits.request_timeout, answered).await;
    let answer = answer.unwrap_or_else(|_| Err(Problem::timed_out(limits.request_timeout)));
    told(answer.unwrap_or_else(refused), standing)
}

/// An answer that tells the client what it has left.
fn told(mut response: Response, standing: Option<Standing>) -> Response {
    if let Some(standing) = standing {
        standing.tell(response.headers_mut());
    }
    response
}

/// Checks what can be told from the head of a request; tells what the client has left, where that
/// was asked.
fn looked_at(
    rules: &Rules,
    visit: Option<&Visit>,
    request: &Request,
    watched: bool,
) -> (Option<Standing>, Result<(), Problem>) {
    if let Err(problem) = fits(rules, visit, request, watched) {
        return (None, Err(problem));
    }
    let client = visit.filter(|_| !watched).and_then(|v| v.client);
    let (Some(rate), Some(client)) = (&rules.rate, client) else {
        return (None, Ok(()));
    };
    match rate.take(client) {
        Ok(standing) => (Some(standing), Ok(())),
        Err(standing) => {
            let problem = Problem::rate_limited(standing.retry_after_s());
            (Some(standing), Err(problem))
        }
    }
}

/// Checks the sizes of a request, and its host.
fn fits(
    rules: &Rules,
    visit: Option<&Visit>,
    request: &Request,
    watched: bool,
) -> Result<(), Problem> {
    let limits = &rules.limits;
    let target = request.uri().path_and_query();
    if target.map_or(0, |p| p.as_str().len()) > limits.max_uri {
        return Err(Problem::uri_too_long(limits.max_uri));
    }
    if size(request.headers()) > limits.max_headers {
        return Err(Problem::headers_too_large(limits.max_headers));
    }
    let Some(visit) = visit else { return Ok(()) };
    // Whoever watches the process may name no host.
    if !watched && let Err(problem) = &visit.base {
        return Err(problem.clone());
    }
    if !watched && !visit.host_is_among(&rules.allowed_hosts) {
        return Err(Problem::host_not_allowed());
    }
    Ok(())
}

/// Bytes of the names and values of headers.
fn size(headers: &HeaderMap) -> usize {
    let lengths = headers.iter().map(|(k, v)| k.as_str().len() + v.len());
    lengths.sum()
}

/// The request with its body in memory. Bodies are documents: they are small, and are read before
/// anything is done for them.
async fn with_body(request: Request, limits: &Limits) -> Result<Request, Problem> {
    let too_large = || Problem::body_too_large(limits.max_body);
    let stated = request.headers().get(CONTENT_LENGTH);
    let stated = stated.and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    if stated.is_some_and(|n| n > limits.max_body as u64) {
        return Err(too_large());
    }
    let reads = [Method::GET, Method::HEAD, Method::OPTIONS];
    if reads.contains(request.method()) || request.body().is_end_stream() {
        return Ok(request);
    }
    if let Some(coding) = request.headers().get(CONTENT_ENCODING)
        && !coding.as_bytes().eq_ignore_ascii_case(b"identity")
    {
        return Err(Problem::unsupported_coding());
    }
    let (head, body) = request.into_parts();
    let body = Limited::new(body, limits.max_body).collect().await;
    let body = body.map_err(|error| {
        if error.is::<LengthLimitError>() {
            too_large()
        } else {
            Problem::bad_request("the body of the request broke off")
        }
    })?;
    Ok(Request::from_parts(head, Body::from(body.to_bytes())))
}

/// Places for requests that are being answered.
#[derive(Debug, Default)]
pub(crate) struct Places(AtomicUsize);

/// A place that is taken.
#[derive(Debug)]
pub(crate) struct Place<'a>(&'a Places);

impl Places {
    /// A place, if fewer than `most` are taken.
    pub(crate) fn take(&self, most: usize) -> Option<Place<'_>> {
        let one_more = |taken: usize| (taken < most).then_some(taken + 1);
        let taken = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        taken.is_ok().then(|| Place(self))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_come_back() {
        let places = Places::default();
        let (a, b) = (places.take(2), places.take(2));
        assert!(a.is_some() && b.is_some() && places.take(2).is_none());
        drop(a);
        assert!(places.take(2).is_some());
    }
}
