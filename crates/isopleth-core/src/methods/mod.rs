//! One module per method; each has `Params`, `Outcome`, `Error` and `run`.

pub mod dbscan;
pub mod dual_density;
pub mod kernel_density;
pub mod knox;
pub mod near_repeat_risk;
pub mod network_density;
pub mod repeat_locations;
pub mod st_dbscan;
