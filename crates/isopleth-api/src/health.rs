//! `/healthz` and `/readyz`: for whoever watches the process.

use serde_json::{Value as Json, json};

use crate::accept::{Format, format};
use crate::call::Call;
use crate::problem::Problem;
use crate::reply::Reply;
use crate::state::AppState;

/// Whether the process lives.
pub(crate) fn health(call: &Call) -> Result<Reply, Problem> {
    format(call, &[("json", Format::Json)])?;
    Ok(Reply::passing(&json!({ "status": "ok" })))
}

/// Whether there is data to serve, from which revision, and which layers are missing. Missing
/// layers do not make the service unready: the others are served.
pub(crate) fn readiness(state: &AppState, call: &Call) -> Result<Reply, Problem> {
    format(call, &[("json", Format::Json)])?;
    let published = state.now().ok_or_else(Problem::starting)?;
    let failures: Json = published
        .failures
        .iter()
        .map(|f| json!({ "layer": f.layer, "code": f.code, "reason": f.reason }))
        .collect();
    Ok(Reply::passing(&json!({
        "status": "ready",
        "data_revision": published.revision,
        "collections": published.collections.len(),
        "failed_layers": failures,
    })))
}
