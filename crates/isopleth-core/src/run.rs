//! From a request to an outcome.

use crate::{Request, Snapshot};

/// Why a request cannot be run.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// Placeholder.
    #[error("{0}")]
    Other(String),
}

impl RunError {
    /// A stable code for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "other"
    }
}

/// The outcome of a run.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Outcome {}

/// Runs a request.
///
/// # Errors
/// [`RunError`].
pub fn run(_snapshot: &Snapshot, _request: &Request) -> Result<Outcome, RunError> {
    Err(RunError::Other("not yet".into()))
}
