//! `isopleth analyse`.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use isopleth_io::analyse;
use isopleth_io::layer::Layer;
use isopleth_io::write::{self, Format};
use isopleth_store::{Store, write_layer_file};

use super::read_request;
use crate::{Failure, StoreArg};

/// Runs a request document on a store and writes the layer.
#[derive(Debug, Args)]
pub(crate) struct Analyse {
    #[command(flatten)]
    store: StoreArg,
    /// The request, JSON or TOML.
    request: PathBuf,
    /// Where to write: .geojson, .geojsonl (a text sequence), .fgb (FlatGeobuf), .csv (with its
    /// metadata beside it), .parquet (GeoParquet), .kml or .gpkg (a table, added to the file if it
    /// exists). Without it GeoJSON goes to standard output.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Analyse {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let request = read_request(&self.request)?;
        let format = self.output.as_deref().map(format_of).transpose()?;
        let snapshot = Store::open_read_only(&self.store.store)?.snapshot()?;
        let layer = analyse(&snapshot, &request)?;
        match (self.output, format) {
            (Some(path), Some(format)) => {
                write_as(format, &layer, &path, &self.request)?;
                eprintln!("{}: {} features", path.display(), layer.features.len());
            }
            _ => {
                let mut out = BufWriter::new(std::io::stdout().lock());
                write::geojson(&layer, &mut out)?;
                out.flush()?;
            }
        }
        Ok(())
    }
}

/// The format that the ending of a file names.
fn format_of(path: &Path) -> Result<Format, Failure> {
    let ending = path.extension().and_then(|e| e.to_str()).unwrap_or("");
    if ending.eq_ignore_ascii_case("json") {
        return Ok(Format::GeoJson);
    }
    Format::of_name(ending).ok_or_else(|| {
        let endings = Format::ALL.map(|f| format!(".{}", f.name()));
        format!(
            "cannot tell the format of {} by its ending; use {}",
            path.display(),
            endings.join(", ")
        )
        .into()
    })
}

fn write_as(format: Format, layer: &Layer, path: &Path, request: &Path) -> Result<(), Failure> {
    let stem = request.file_stem().unwrap_or_default().to_string_lossy();
    let table = table_name(&stem);
    if format == Format::GeoPackage {
        Store::write_layer_gpkg(path, &table, layer)?;
        return Ok(());
    }
    write_layer_file(path, format, &table, layer)?;
    if format == Format::Csv {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let beside = path.with_file_name(format!("{name}-metadata.json"));
        let metadata = serde_json::to_string_pretty(&write::csv_metadata(&layer.into(), &name))?;
        std::fs::write(&beside, metadata + "\n")
            .map_err(|e| format!("cannot write {}: {e}", beside.display()))?;
    }
    Ok(())
}

/// A table name made of what a file is called.
fn table_name(stem: &str) -> String {
    let name: String = stem
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        name
    } else {
        format!("layer_{name}")
    }
}
