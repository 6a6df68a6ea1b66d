//! Repeat locations.

use serde::{Deserialize, Serialize};

/// Parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Locations no farther than this from a more frequent one are merged into it, metres. 0 means
    /// exact locations only.
    #[serde(default)]
    pub tolerance_m: f64,
    /// Fewest incidents of a repeat location, at least 2.
    #[serde(default = "two")]
    pub min_count: u32,
    /// What the ranking goes by.
    #[serde(default)]
    pub rank_by: RankBy,
    /// Only the first so many; the number left out is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
}

fn two() -> u32 {
    2
}

/// What a ranking of repeat locations goes by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RankBy {
    /// Number of incidents.
    #[default]
    Count,
    /// Number of distinct calendar days.
    DistinctDays,
    /// Number of distinct calendar months.
    DistinctMonths,
    /// Latest incident first.
    Recency,
}
