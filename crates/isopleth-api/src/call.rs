//! A request, read and checked, as the resources see it.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{RawPathParams, Request};
use axum::http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, IF_NONE_MATCH, IF_RANGE, RANGE};
use axum::http::{HeaderMap, HeaderName, Method};

use crate::links::Addresses;
use crate::problem::Problem;
use crate::query::Query;
use crate::routes::Resource;
use crate::visit::Visit;

/// A request whose parameters the resource knows.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// What the path leads to.
    pub(crate) resource: Resource,
    /// Addresses under the base that this client uses.
    pub(crate) addresses: Addresses,
    /// The parameters.
    pub(crate) query: Query,
    /// Id of the collection, if the path names one.
    pub(crate) collection: String,
    /// Id of the feature, if the path names one.
    pub(crate) feature: String,
    /// The method.
    pub(crate) method: Method,
    /// The `Content-Type` header.
    pub(crate) content_type: String,
    /// The `Prefer` header.
    pub(crate) prefer: String,
    /// The body, of a resource that reads one.
    pub(crate) body: Bytes,
    /// Whether only the head of the answer is wanted.
    pub(crate) head: bool,
    /// The `Range` header.
    pub(crate) range: String,
    /// The `If-Range` header.
    pub(crate) if_range: String,
    /// All segments of the path that have a name.
    segments: Vec<(String, String)>,
    /// The `Accept` header.
    pub(crate) accept: String,
    /// The `Accept-Encoding` header.
    pub(crate) accept_encoding: String,
    /// The `If-None-Match` header.
    if_none_match: String,
}

impl Call {
    /// Reads a request.
    ///
    /// # Errors
    /// A [`Problem`] for parameters that the resource does not know and for an address that links cannot
    /// start with.
    pub(crate) fn read(
        resource: Resource,
        path: Option<&RawPathParams>,
        request: &Request,
    ) -> Result<Self, Problem> {
        let segment = |name: &str| {
            let found = path.and_then(|p| p.iter().find(|(key, _)| *key == name));
            found.map(|(_, value)| value.to_owned()).unwrap_or_default()
        };
        let query = Query::parse_any(request.uri().query().unwrap_or_default())?;
        if !resource.has_columns() {
            query.refuse_unknown(resource.parameters())?;
        }
        let visit = request.extensions().get::<Arc<Visit>>();
        let base = visit.ok_or_else(Problem::internal)?.base.clone();
        let base = match resource {
            // They have no links, and whoever asks may name no host.
            Resource::Health | Resource::Readiness => base.unwrap_or_default(),
            _ => base?,
        };
        Ok(Self {
            resource,
            addresses: Addresses { base },
            query,
            collection: segment("collectionId"),
            feature: segment("featureId"),
            method: request.method().clone(),
            content_type: header_list(request.headers(), CONTENT_TYPE),
            prefer: header_list(request.headers(), HeaderName::from_static("prefer")),
            body: Bytes::new(),
            head: request.method() == Method::HEAD,
            range: header_list(request.headers(), RANGE),
            if_range: header_list(request.headers(), IF_RANGE),
            segments: path
                .map(|p| {
                    p.iter()
                        .map(|(k, v)| (k.to_owned(), v.to_owned()))
                        .collect()
                })
                .unwrap_or_default(),
            accept: header_list(request.headers(), ACCEPT),
            accept_encoding: header_list(request.headers(), ACCEPT_ENCODING),
            if_none_match: header_list(request.headers(), IF_NONE_MATCH),
        })
    }

    /// A segment of the path by its name; empty if the path has none.
    pub(crate) fn segment(&self, name: &str) -> &str {
        let found = self.segments.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value)
    }

    /// Whether the client names gzip among the codings that it reads.
    pub(crate) fn reads_gzip(&self) -> bool {
        self.reads("gzip")
    }

    /// Whether the client names a coding among those that it reads.
    pub(crate) fn reads(&self, name: &str) -> bool {
        self.accept_encoding.split(',').any(|coding| {
            let mut parts = coding.split(';').map(str::trim);
            let named = parts.next().is_some_and(|c| c.eq_ignore_ascii_case(name));
            let quality = parts.find_map(|p| p.strip_prefix("q="));
            named && quality.is_none_or(|q| q.parse::<f64>().is_ok_and(|q| q > 0.0))
        })
    }

    /// Whether the client already has the representation with this entity tag. Compared weakly.
    pub(crate) fn has(&self, etag: &str) -> bool {
        let bare = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
        let wanted = bare(etag);
        self.if_none_match
            .split(',')
            .any(|tag| tag.trim() == "*" || bare(tag) == wanted)
    }
}

fn header_list(headers: &HeaderMap, name: HeaderName) -> String {
    let values = headers.get_all(name).iter().filter_map(|v| v.to_str().ok());
    values.collect::<Vec<_>>().join(",")
}
