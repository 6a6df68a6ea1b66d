//! Writers: a layer in, bytes out. Nothing is computed here.
//!
//! Every writer takes a [`Part`]: a layer, or some of its features. Bytes leave as they are made;
//! the same part gives the same bytes. Provenance travels inside every format: as foreign members
//! of GeoJSON, in the first record of a text sequence, in the header's metadata of FlatGeobuf, in
//! the footer of GeoParquet, as extended data of the KML document, in the metadata tables of a
//! GeoPackage (written by `isopleth-store`), and beside CSV in the W3C's metadata vocabulary.
//!
//! A feature that is nowhere on the map has a null geometry in every format; CSV leaves its cells
//! empty.

mod csv;
mod fgb;
mod format;
mod geojson;
mod kml;
mod parquet;
mod part;

use std::io::{self, ErrorKind, Write};

use crate::crs::Crs;

pub use csv::{csv, csv_metadata};
pub use fgb::flatgeobuf;
pub use format::Format;
pub use geojson::{feature_members, feature_members_in, geojson, geojson_seq, write_geometry};
pub use kml::kml;
pub use parquet::geoparquet;
pub use part::{Part, located};

/// Refuses coordinates that a format cannot state the system of.
fn only_wgs_84(part: &Part, format: Format) -> io::Result<()> {
    if part.crs() == Crs::Crs84 {
        return Ok(());
    }
    Err(io::Error::new(
        ErrorKind::InvalidInput,
        format!(
            "{} is always in WGS 84 longitude and latitude, the features are in {}; use another format",
            format.title(),
            part.crs().name()
        ),
    ))
}

/// A value of another type than its column has: a fault of whoever made the layer.
fn mismatch(feature: &str, column: usize) -> io::Error {
    io::Error::new(
        ErrorKind::InvalidData,
        format!("feature '{feature}': the value in column {column} is not of the column's type"),
    )
}

/// Writes a part of a layer in any format but GeoPackage, which is a database and not a stream.
///
/// # Errors
/// Those of the writer; [`ErrorKind::Unsupported`] for GeoPackage; [`ErrorKind::InvalidInput`] for
/// coordinates in a system that the format cannot state.
pub fn write<'a>(
    format: Format,
    part: impl Into<Part<'a>>,
    out: &mut (impl Write + Send),
) -> io::Result<()> {
    match format {
        Format::GeoJson => geojson(part, out),
        Format::GeoJsonSeq => geojson_seq(part, out),
        Format::FlatGeobuf => flatgeobuf(part, out),
        Format::Csv => csv(part, out),
        Format::GeoParquet => geoparquet(part, out),
        Format::Kml => kml(part, out),
        Format::GeoPackage => Err(io::Error::new(
            ErrorKind::Unsupported,
            "a GeoPackage is a database: isopleth_store::write_layer_file writes it",
        )),
    }
}
