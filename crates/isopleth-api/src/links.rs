//! Links: absolute, typed, and built in one place.

use serde_json::{Value as Json, json};

use crate::query::encode_segment;

/// Media type of JSON documents.
pub(crate) const JSON: &str = "application/json";
/// Media type of features.
pub(crate) const GEO_JSON: &str = "application/geo+json";
/// Media type of the API definition.
pub(crate) const OPENAPI_JSON: &str = "application/vnd.oai.openapi+json;version=3.0";
/// Media type of the page for people.
pub(crate) const HTML: &str = "text/html";
/// The one coordinate reference system of bodies: WGS 84, longitude first.
pub(crate) const CRS84: &str = "http://www.opengis.net/def/crs/OGC/1.3/CRS84";

/// Relation of the processes.
pub(crate) const REL_PROCESSES: &str = "http://www.opengis.net/def/rel/ogc/1.0/processes";
/// Relation of the jobs.
pub(crate) const REL_JOBS: &str = "http://www.opengis.net/def/rel/ogc/1.0/job-list";
/// Relation of where a process is executed.
pub(crate) const REL_EXECUTE: &str = "http://www.opengis.net/def/rel/ogc/1.0/execute";
/// Relation of the result of a job.
pub(crate) const REL_RESULTS: &str = "http://www.opengis.net/def/rel/ogc/1.0/results";
/// Media type of JSON Schema.
pub(crate) const SCHEMA_JSON: &str = "application/schema+json";
/// Relation of what features can be selected by.
pub(crate) const QUERYABLES: &str = "http://www.opengis.net/def/rel/ogc/1.0/queryables";
/// Relation of what features hold.
pub(crate) const SCHEMA: &str = "http://www.opengis.net/def/rel/ogc/1.0/schema";

/// A link.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    pub(crate) rel: &'static str,
    pub(crate) media: &'static str,
    pub(crate) title: String,
    pub(crate) href: String,
    /// The address has placeholders in braces.
    pub(crate) templated: bool,
}

impl Link {
    /// A link; `href` must be absolute.
    pub(crate) fn new(
        rel: &'static str,
        media: &'static str,
        title: impl Into<String>,
        href: String,
    ) -> Self {
        Self {
            rel,
            media,
            title: title.into(),
            href,
            templated: false,
        }
    }

    /// The same link, with placeholders in its address.
    pub(crate) fn templated(mut self) -> Self {
        self.templated = true;
        self
    }

    /// The link as a member of a `links` array.
    pub(crate) fn to_json(&self) -> Json {
        let mut link =
            json!({ "rel": self.rel, "type": self.media, "title": self.title, "href": self.href });
        if self.templated {
            link["templated"] = true.into();
        }
        link
    }

    /// The link as the value of a `Link` header. The title stays behind: it need not be ASCII.
    pub(crate) fn to_header(&self) -> String {
        format!(
            "<{}>; rel=\"{}\"; type=\"{}\"",
            self.href, self.rel, self.media
        )
    }
}

/// Several links as a `links` array.
pub(crate) fn to_json(links: &[Link]) -> Json {
    links.iter().map(Link::to_json).collect()
}

/// Addresses of the service, for one base address.
#[derive(Debug, Clone)]
pub(crate) struct Addresses {
    /// The base, without a slash at its end.
    pub(crate) base: String,
}

impl Addresses {
    pub(crate) fn landing(&self) -> String {
        format!("{}/", self.base)
    }

    pub(crate) fn conformance(&self) -> String {
        format!("{}/conformance", self.base)
    }

    pub(crate) fn api(&self) -> String {
        format!("{}/api", self.base)
    }

    pub(crate) fn collections(&self) -> String {
        format!("{}/collections", self.base)
    }

    pub(crate) fn collection(&self, id: &str) -> String {
        format!("{}/collections/{}", self.base, encode_segment(id))
    }

    pub(crate) fn tile_matrix_sets(&self) -> String {
        format!("{}/tileMatrixSets", self.base)
    }

    pub(crate) fn tile_matrix_set(&self, set: &str) -> String {
        format!("{}/{set}", self.tile_matrix_sets())
    }

    pub(crate) fn tilesets(&self, id: &str) -> String {
        format!("{}/tiles", self.collection(id))
    }

    pub(crate) fn tileset(&self, id: &str, set: &str) -> String {
        format!("{}/{set}", self.tilesets(id))
    }

    pub(crate) fn xyz_tiles(&self, id: &str) -> String {
        format!("{}/tiles/{}", self.base, encode_segment(id))
    }

    pub(crate) fn tile_json(&self, id: &str) -> String {
        format!("{}/tilejson.json", self.xyz_tiles(id))
    }

    pub(crate) fn style(&self, id: &str) -> String {
        format!("{}/styles/maplibre", self.collection(id))
    }

    pub(crate) fn map(&self, id: &str) -> String {
        format!("{}/map", self.collection(id))
    }

    pub(crate) fn queryables(&self, id: &str) -> String {
        format!("{}/queryables", self.collection(id))
    }

    pub(crate) fn schema(&self, id: &str) -> String {
        format!("{}/schema", self.collection(id))
    }

    pub(crate) fn items(&self, id: &str) -> String {
        format!("{}/items", self.collection(id))
    }

    pub(crate) fn processes(&self) -> String {
        format!("{}/processes", self.base)
    }

    pub(crate) fn process(&self, id: &str) -> String {
        format!("{}/{}", self.processes(), encode_segment(id))
    }

    pub(crate) fn execution(&self, id: &str) -> String {
        format!("{}/execution", self.process(id))
    }

    pub(crate) fn jobs(&self) -> String {
        format!("{}/jobs", self.base)
    }

    pub(crate) fn job(&self, id: &str) -> String {
        format!("{}/{}", self.jobs(), encode_segment(id))
    }

    pub(crate) fn results(&self, id: &str) -> String {
        format!("{}/results", self.job(id))
    }

    pub(crate) fn file(&self, id: &str, name: &str) -> String {
        format!("{}/files/{}", self.collection(id), encode_segment(name))
    }

    pub(crate) fn problems(&self) -> String {
        format!("{}/problems", self.base)
    }

    pub(crate) fn problem(&self, code: &str) -> String {
        format!("{}/{}", self.problems(), encode_segment(code))
    }

    pub(crate) fn item(&self, id: &str, feature: &str) -> String {
        format!("{}/{}", self.items(id), encode_segment(feature))
    }
}
