//! A request, read and checked, as the resources see it.

use std::sync::Arc;

use axum::extract::{RawPathParams, Request};
use axum::http::header::{ACCEPT, ACCEPT_ENCODING, IF_NONE_MATCH, IF_RANGE, RANGE};
use axum::http::{HeaderMap, Method};

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
    /// Name of the file, if the path names one.
    pub(crate) file: String,
    /// Whether only the head of the answer is wanted.
    pub(crate) head: bool,
    /// The `Range` header.
    pub(crate) range: String,
    /// The `If-Range` header.
    pub(crate) if_range: String,
    /// The `Accept-Encoding` header.
    pub(crate) accept_encoding: String,
    /// Code of the problem, if the path names one.
    pub(crate) code: String,
    /// The `Accept` header.
    pub(crate) accept: String,
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
        let base = visit.ok_or_else(Problem::internal)?.base.clone()?;
        Ok(Self {
            resource,
            addresses: Addresses { base },
            query,
            collection: segment("collectionId"),
            feature: segment("featureId"),
            file: segment("fileName"),
            head: request.method() == Method::HEAD,
            range: header_list(request.headers(), RANGE),
            if_range: header_list(request.headers(), IF_RANGE),
            accept_encoding: header_list(request.headers(), ACCEPT_ENCODING),
            code: segment("code"),
            accept: header_list(request.headers(), ACCEPT),
            if_none_match: header_list(request.headers(), IF_NONE_MATCH),
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

fn header_list(headers: &HeaderMap, name: axum::http::HeaderName) -> String {
    let values = headers.get_all(name).iter().filter_map(|v| v.to_str().ok());
    values.collect::<Vec<_>>().join(",")
}
