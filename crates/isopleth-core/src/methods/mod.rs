//! One module per method; each has `Params`, `Outcome`, `Error` and `run`.

pub mod dbscan;
pub mod kernel_density;
pub mod knox;
pub mod network_density;
pub mod repeat_locations;
