//! One module per method; each has `Params`, `Outcome`, `Error` and `run`.

pub mod concentration;
pub mod dbscan;
pub mod kernel_density;
pub mod knox;
pub mod overlap;
pub mod repeat_locations;
pub mod risky_facilities;
pub mod vicinity;
