//! One module per method; each has `Params`, `Outcome`, `Error` and `run`.

pub mod dbscan;
pub mod hdbscan;
pub mod kernel_density;
pub mod knox;
pub mod repeat_locations;
