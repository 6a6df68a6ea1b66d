//! Successful answers: a body with its type, entity tag and caching rules.

use std::borrow::Cow;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, LINK, LOCATION, VARY};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use isopleth_io::crs::Crs;
use serde_json::Value as Json;
use xxhash_rust::xxh3::xxh3_64;

use crate::call::Call;
use crate::links::Link;

/// Names the coordinate reference system of a body (OGC 18-058r1).
const CONTENT_CRS: HeaderName = HeaderName::from_static("content-crs");

/// Bytes of links in the headers of an answer. Proxies give up on large heads: nginx on 4 kB, unless
/// it is told otherwise.
const LINK_BYTES: usize = 2_000;

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
    /// 304 says that the client has it already.
    status: StatusCode,
    media: Option<Cow<'static, str>>,
    etag: Option<String>,
    cache: Cache,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Body,
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
        if call.has(&etag) {
            return Self::known(cache, etag);
        }
        Self::streamed(StatusCode::OK, media, Body::from(body()), cache, etag)
    }

    /// The client has it already.
    pub(crate) fn known(cache: Cache, etag: String) -> Self {
        Self {
            status: StatusCode::NOT_MODIFIED,
            media: None,
            etag: Some(etag),
            cache,
            headers: Vec::new(),
            body: Body::empty(),
        }
    }

    /// Any body with an entity tag.
    pub(crate) fn streamed(
        status: StatusCode,
        media: impl Into<Cow<'static, str>>,
        body: Body,
        cache: Cache,
        etag: String,
    ) -> Self {
        Self {
            status,
            media: Some(media.into()),
            body,
            ..Self::known(cache, etag)
        }
    }

    /// It is elsewhere for now.
    pub(crate) fn elsewhere(address: &str) -> Self {
        let mut reply = Self::known(Cache::Check, String::new());
        reply.status = StatusCode::TEMPORARY_REDIRECT;
        reply.etag = None;
        reply.with_value(LOCATION, address)
    }

    /// Nothing, which a client may keep like any other answer.
    pub(crate) fn nothing(call: &Call, cache: Cache, etag: String) -> Self {
        let known = call.has(&etag);
        let mut reply = Self::known(cache, etag);
        if !known {
            reply.status = StatusCode::NO_CONTENT;
        }
        reply
    }

    /// The state of the service at this moment.
    pub(crate) fn passing(document: &Json) -> Self {
        Self {
            status: StatusCode::OK,
            media: Some("application/json".into()),
            etag: None,
            cache: Cache::Never,
            headers: vec![],
            body: Body::from(document.to_string()),
        }
    }

    /// The same answer with links in its headers as well: those to the pages beside it, and of the
    /// others, in their order, what fits. The body has all of them.
    pub(crate) fn with_links(mut self, links: &[Link]) -> Self {
        let mut room = LINK_BYTES;
        for link in links.iter().filter(|l| !l.templated) {
            let Ok(value) = HeaderValue::try_from(link.to_header()) else {
                continue;
            };
            let paging = matches!(link.rel, "next" | "prev");
            if paging || value.len() <= room {
                room = room.saturating_sub(value.len());
                self.headers.push((LINK, value));
            }
        }
        self
    }

    /// The same answer with another status than 200, unless the client has it already.
    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        if self.status == StatusCode::OK {
            self.status = status;
            self.media = self.media.filter(|_| status != StatusCode::NO_CONTENT);
        }
        self
    }

    /// The same answer, to be kept by nobody.
    pub(crate) fn unkept(mut self) -> Self {
        (self.cache, self.etag) = (Cache::Never, None);
        self
    }

    /// The same answer with the coordinate reference system of its geometries.
    pub(crate) fn in_crs(self, crs: Crs) -> Self {
        self.with_value(CONTENT_CRS, format!("<{}>", crs.uri()))
    }

    /// The same answer with one more header, unless it is text that no header can hold.
    pub(crate) fn with_value(mut self, name: HeaderName, value: impl ToString) -> Self {
        let value = HeaderValue::try_from(value.to_string());
        self.headers.extend(value.ok().map(|v| (name, v)));
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
        let mut response = Response::new(self.body);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        let media = self.media.map(|m| HeaderValue::try_from(m.as_ref()));
        if let Some(Ok(media)) = media {
            headers.insert(CONTENT_TYPE, media);
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
