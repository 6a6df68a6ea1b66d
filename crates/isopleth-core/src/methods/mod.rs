//! One module per method; each has `Params`, `Outcome`, `Error` and `run`.

pub mod area_audit;
pub mod change;
pub mod concentration;
pub mod dbscan;
pub mod displacement;
pub mod dual_density;
pub mod emerging_hot_spots;
pub mod evaluation;
pub mod getis_ord;
pub mod hdbscan;
pub mod kernel_density;
pub mod knox;
pub mod local_moran;
pub mod near_repeat_risk;
pub mod network_density;
pub mod offence_mix;
pub mod overlap;
pub mod repeat_locations;
pub mod risky_facilities;
pub mod search_effects;
pub mod space_time_scan;
pub mod spikes;
pub mod st_dbscan;
pub mod surprise;
pub mod temporal_profile;
pub mod vicinity;
