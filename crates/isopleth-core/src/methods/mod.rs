//! One module per method; each has `Params`, `Outcome`, `Error` and `run`.

pub mod concentration;
pub mod dbscan;
pub mod dual_density;
pub mod hdbscan;
pub mod kernel_density;
pub mod knox;
pub mod near_repeat_risk;
pub mod network_density;
pub mod overlap;
pub mod repeat_locations;
pub mod risky_facilities;
pub mod space_time_scan;
pub mod st_dbscan;
pub mod vicinity;
