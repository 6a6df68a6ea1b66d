//! Cutting hotspots out of a density surface.

use serde::{Deserialize, Serialize};

/// How hotspots are cut. Exactly one of the four thresholds must be given.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The densest cells that together hold this share of the incidents, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share_of_incidents: Option<f64>,
    /// The densest cells that together make up this share of the study area, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share_of_area: Option<f64>,
    /// Cells at least this many times as dense as the mean of the study area.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times_mean_density: Option<f64>,
    /// Cells of at least this density, incidents per km².
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_density_per_km2: Option<f64>,
    /// Hotspots with fewer incidents are left out; their number is stated.
    #[serde(default = "one")]
    pub min_count: u32,
    /// Only the first so many; the number left out is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
    /// What the ranking goes by.
    #[serde(default)]
    pub rank_by: RankBy,
}

fn one() -> u32 {
    1
}

/// What a ranking of hotspots goes by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RankBy {
    /// Number of incidents.
    #[default]
    Count,
    /// Incidents per km² of the hotspot.
    Density,
    /// Highest density of the surface inside.
    PeakDensity,
}
