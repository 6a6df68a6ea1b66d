//! Successful answers: a body with its type, entity tag and caching rules.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, LINK, VARY};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::Value as Json;
use xxhash_rust::xxh3::xxh3_64;

use crate::call::Call;
use crate::links::Link;

/// How long an answer may be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cache {
    /// It may be kept, but must be checked before each use.
    Check,
    /// It never changes.
    Forever,
    /// It must not be kept.
    Never,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    media: &'static str,
    etag: Option<String>,
    cache: Cache,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// The status of an answer with a body.
    status: StatusCode,
    /// None says that the client has it already.
    body: Option<Vec<u8>>,
}

impl Reply {
    /// A document whose entity tag is a hash of it.
    pub(crate) fn document(call: &Call, media: &'static str, document: &Json) -> Self {
        Self::text(call, media, document.to_string())
    }

    /// Text whose entity tag is a hash of it.
    pub(crate) fn text(call: &Call, media: &'static str, text: String) -> Self {
        let etag = entity_tag(&[&text]);
        Self::tagged(call, media, Cache::Check, etag, || text.into_bytes())
    }

    /// A body with an entity tag that is known beforehand. The body is only made if the client
    /// does not have it.
    pub(crate) fn tagged(
        call: &Call,
        media: &'static str,
        cache: Cache,
        etag: String,
        body: impl FnOnce() -> Vec<u8>,
    ) -> Self {
        let body = (!call.has(&etag)).then(body);
        Self {
            media,
            etag: Some(etag),
            cache,
            headers: Vec::new(),
            status: StatusCode::OK,
            body,
        }
    }

    /// The state of the service at this moment.
    pub(crate) fn passing(document: &Json) -> Self {
        let body = Some(document.to_string().into_bytes());
        Self {
            media: "application/json",
            etag: None,
            cache: Cache::Never,
            headers: vec![],
            status: StatusCode::OK,
            body,
        }
    }

    /// The same answer with links in its headers as well.
    pub(crate) fn with_links(mut self, links: &[Link]) -> Self {
        let values = links
            .iter()
            .filter_map(|l| HeaderValue::try_from(l.to_header()).ok());
        self.headers.extend(values.map(|v| (LINK, v)));
        self
    }

    /// The same answer with another status than 200.
    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// The same answer, to be kept by nobody.
    pub(crate) fn unkept(mut self) -> Self {
        (self.cache, self.etag) = (Cache::Never, None);
        self
    }

    /// The same answer with one more header, left out if its value is no header's.
    pub(crate) fn with_value(mut self, name: HeaderName, value: &str) -> Self {
        self.headers
            .extend(HeaderValue::try_from(value).map(|v| (name, v)));
        self
    }

    /// The same answer with one more header.
    pub(crate) fn with_header(mut self, name: HeaderName, value: &'static str) -> Self {
        self.headers.push((name, HeaderValue::from_static(value)));
        self
    }
}

/// A weak entity tag over some parts and the version of this encoding.
pub(crate) fn entity_tag(parts: &[&str]) -> String {
    let mut text = String::from(env!("CARGO_PKG_VERSION"));
    for part in parts {
        text.push('\0');
        text.push_str(part);
    }
    format!("W/\"{:016x}\"", xxh3_64(text.as_bytes()))
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let status = match self.body {
            Some(_) => self.status,
            None => StatusCode::NOT_MODIFIED,
        };
        let mut response = Response::new(Body::from(self.body.unwrap_or_default()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        if !matches!(status, StatusCode::NOT_MODIFIED | StatusCode::NO_CONTENT) {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.media));
        }
        if let Some(etag) = self.etag.and_then(|e| HeaderValue::try_from(e).ok()) {
            headers.insert(ETAG, etag);
        }
        let cache = match self.cache {
            Cache::Check => "private, no-cache",
            Cache::Forever => "public, max-age=31536000, immutable",
            Cache::Never => "no-store",
        };
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
        headers.insert(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
        for (name, value) in self.headers {
            headers.append(name, value);
        }
        response
    }
}
