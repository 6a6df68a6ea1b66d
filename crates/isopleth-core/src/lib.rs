//! The analytic core of Isopleth: from incidents and a request to an outcome.
//!
//! Nothing here opens a file or a socket, knows SQL, reads a clock or draws an unseeded random
//! number: the same snapshot and request give the same bytes on any machine and number of threads.

pub mod against;
pub mod area_series;
mod arrangement;
pub mod bandwidth;
pub mod collapse;
pub mod compare;
pub mod contours;
pub mod control_chart;
mod demand;
pub mod domain;
pub mod edge;
pub mod estimate;
pub mod evaluation;
pub mod ground;
pub mod harm;
pub mod hotspots;
pub mod index;
pub mod kernel;
pub mod lattice;
pub mod local_association;
pub mod methods;
pub mod network;
pub mod places;
pub mod plane;
pub mod random;
mod request;
mod run;
pub mod select;
pub mod sites;
mod snapshot;
pub mod stability;
pub mod stations;
pub mod statistics;
pub mod steps;
pub mod study_cells;
pub mod surface;
pub mod tally;
pub mod watch;

pub use demand::{Demand, demand};
pub use request::{AreaOf, AreaSelect, Method, Request, Select, UnknownHours};
pub use run::{
    ContouredSurface, CutSurface, Facts, Findings, HarmFacts, HoursFacts, Outcome, RunError,
    SurfaceCells, run,
};
pub use snapshot::Snapshot;

/// Name and version of the engine, part of every run's id.
pub const ENGINE: &str = concat!("isopleth-core ", env!("CARGO_PKG_VERSION"));
