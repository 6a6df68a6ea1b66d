//! A request, read and checked, as the resources see it.

use axum::extract::{RawPathParams, Request};
use axum::http::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, HOST, IF_NONE_MATCH, IF_RANGE, RANGE,
};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, Method};

use crate::links::Addresses;
use crate::problem::Problem;
use crate::query::Query;
use crate::routes::Resource;
use crate::state::AppState;

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
    /// Id of the process, if the path names one.
    pub(crate) process: String,
    /// Id of the job, if the path names one.
    pub(crate) job: String,
    /// The method.
    pub(crate) method: Method,
    /// The `Content-Type` header.
    pub(crate) content_type: String,
    /// The `Prefer` header.
    pub(crate) prefer: String,
    /// The body, of a resource that reads one.
    pub(crate) body: Vec<u8>,
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
    /// The `Accept` header.
    pub(crate) accept: String,
    /// The `If-None-Match` header.
    if_none_match: String,
}

impl Call {
    /// Reads a request.
    ///
    /// # Errors
    /// A [`Problem`] for parameters that the resource does not know and for a broken `Host`.
    pub(crate) fn read(
        state: &AppState,
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
        let base = match state.public_base_url() {
            Some(base) => base.to_owned(),
            None => format!("http://{}", authority(request)?),
        };
        Ok(Self {
            resource,
            addresses: Addresses { base },
            query,
            collection: segment("collectionId"),
            feature: segment("featureId"),
            process: segment("processId"),
            job: segment("jobId"),
            method: request.method().clone(),
            content_type: header_list(request.headers(), CONTENT_TYPE),
            prefer: header_list(request.headers(), HeaderName::from_static("prefer")),
            body: Vec::new(),
            file: segment("fileName"),
            head: request.method() == Method::HEAD,
            range: header_list(request.headers(), RANGE),
            if_range: header_list(request.headers(), IF_RANGE),
            accept_encoding: header_list(request.headers(), ACCEPT_ENCODING),
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

/// The host and port that the client used. It goes into links, so it must look like one.
fn authority(request: &Request) -> Result<&str, Problem> {
    let header = request
        .headers()
        .get(HOST)
        .map(|h| h.to_str().unwrap_or("?"));
    let host = request.uri().authority().map(Authority::as_str).or(header);
    let host = host.ok_or_else(|| Problem::bad_request("the request has no Host header"))?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b);
    if host.is_empty() || !host.bytes().all(plain) {
        return Err(Problem::bad_request(
            "the Host header is not a host with an optional port",
        ));
    }
    Ok(host)
}

fn header_list(headers: &HeaderMap, name: HeaderName) -> String {
    let values = headers.get_all(name).iter().filter_map(|v| v.to_str().ok());
    values.collect::<Vec<_>>().join(",")
}
