//! Readers and writers: source files to rows, outcomes to layers, layers to formats.

mod geometry_json;
pub mod ingest;
pub mod layer;

use isopleth_core::{Request, RunError, Snapshot};

/// Runs a request and puts its outcome into a layer: the one path from a request to a result.
///
/// # Errors
/// [`RunError`] of the core.
pub fn analyse(snapshot: &Snapshot, request: &Request) -> Result<layer::Layer, RunError> {
    let _outcome = isopleth_core::run(snapshot, request)?;
    Err(RunError::Other("not yet".into()))
}
