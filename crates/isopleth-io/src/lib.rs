//! Readers and writers: source files to rows, outcomes to layers, layers to formats.

mod counts;
pub mod cql2;
pub mod crs;
mod geometry_json;
mod harm;
pub mod ingest;
pub mod layer;
pub mod map;
pub mod mercator;
pub mod moment;
mod named_ground;
mod outcome;
mod policy;
pub mod symbology;
pub mod tiles;
pub mod words;
pub mod write;

pub use counts::{CountsFileError, CountsMapping, ReadCounts, read_counts};
pub use harm::{HarmFileError, harm_schedule_from_toml, harm_schedule_to_toml};
pub use named_ground::{GroundError, ReadAreas, SiteFields, read_areas, read_sites, read_streets};

pub use policy::{PolicyFileError, default_policy, policy_from_toml, policy_to_toml};

use isopleth_core::{Request, RunError, Snapshot};

/// Runs a request and puts its outcome into a layer: the one path from a request to a result.
///
/// # Errors
/// [`RunError`] of the core.
pub fn analyse(snapshot: &Snapshot, request: &Request) -> Result<layer::Layer, RunError> {
    let outcome = isopleth_core::run(snapshot, request)?;
    Ok(outcome::to_layer(snapshot, request, &outcome))
}

/// The JSON schema of a request document, for those who describe it to others. The parameters of each
/// method are left open: the reader knows them, and names what it does not know.
#[must_use]
pub fn request_schema() -> serde_json::Value {
    // It is compiled in, and a test reads it.
    serde_json::from_str(include_str!("request_schema.json")).unwrap_or_default()
}

/// Reads a request document, JSON or TOML.
///
/// # Errors
/// What is wrong with it, and where, as text.
pub fn read_request(text: &str, toml: bool) -> Result<Request, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if toml {
        toml::from_str(text).map_err(|e| e.to_string())
    } else {
        Request::from_json(text).map_err(|e| e.to_string())
    }
}
