//! Writers: a layer in, bytes out. Nothing is computed here.

mod csv;
mod geojson;

pub use csv::{csv, csv_metadata};
pub use geojson::{feature_members, feature_members_in, geojson, write_geometry};
