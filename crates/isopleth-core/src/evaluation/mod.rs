//! Evaluation of maps: scores against what came after, and the ground that they are scored on.

pub(crate) mod ground;
pub mod score;

pub use score::{Flagged, Ground, Ranking, Score, ScoreError, Ties, sign_test};
