//! `/healthz` and `/readyz`: for whoever watches the process.

use serde_json::{Value as Json, json};

use crate::accept::{Format, format};
use crate::call::Call;
use crate::problem::Problem;
use crate::published::Failure;
use crate::reply::Reply;
use crate::state::AppState;

/// Whether the process lives.
pub(crate) fn health(call: &Call) -> Result<Reply, Problem> {
    format(call, &[("json", Format::Json)])?;
    Ok(Reply::passing(&json!({ "status": "ok" })))
}

/// Whether there is data to serve, from which revision, and which layers are missing or outdated.
/// They do not make the service unready: the others are served. A store that is gone does, although
/// what was published from it is served: somebody has to bring it back. Nor is one
/// ready that is shutting down: requests should go elsewhere while it still answers.
pub(crate) fn readiness(state: &AppState, call: &Call) -> Result<Reply, Problem> {
    format(call, &[("json", Format::Json)])?;
    if let Some(problem) = state.unready() {
        return Err(problem);
    }
    let published = state.now().ok_or_else(Problem::starting)?;
    let listed = |f: &Failure| json!({ "layer": f.layer, "code": f.code, "reason": f.reason });
    let failures: Json = published.failures.iter().map(listed).collect();
    let outdated = published.collections.iter();
    let outdated = outdated.filter_map(|c| c.outdated.as_ref());
    let degraded: Json = outdated.map(listed).collect();
    Ok(Reply::passing(&json!({
        "status": "ready",
        "data_revision": published.revision,
        "collections": published.collections.len(),
        "failed_layers": failures,
        "degraded": degraded,
    })))
}
