//! `isopleth analyse`.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use isopleth_io::layer::Layer;
use isopleth_io::{analyse, write};
use isopleth_store::Store;

use super::read_request;
use crate::{Failure, StoreArg};

/// Runs a request document on a store and writes the layer.
#[derive(Debug, Args)]
pub(crate) struct Analyse {
    #[command(flatten)]
    store: StoreArg,
    /// The request, JSON or TOML.
    request: PathBuf,
    /// Where to write: .geojson, .csv (with its metadata beside it) or .gpkg (a table, added to the
    /// file if it exists). Without it GeoJSON goes to standard output.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Analyse {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let request = read_request(&self.request)?;
        let format = self.output.as_deref().map(Format::of).transpose()?;
        let snapshot = Store::open_read_only(&self.store.store)?.snapshot()?;
        let layer = analyse(&snapshot, &request)?;
        match (self.output, format) {
            (Some(path), Some(format)) => {
                format.write(&layer, &path, &self.request)?;
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

#[derive(Debug, Clone, Copy)]
enum Format {
    GeoJson,
    Csv,
    GeoPackage,
}

impl Format {
    fn of(path: &Path) -> Result<Self, Failure> {
        let ending = path
            .extension()
            .and_then(|e| e.to_str())
            .unwrap_or("")
            .to_ascii_lowercase();
        match ending.as_str() {
            "geojson" | "json" => Ok(Self::GeoJson),
            "csv" => Ok(Self::Csv),
            "gpkg" => Ok(Self::GeoPackage),
            _ => Err(format!(
                "cannot tell the format of {} by its ending; use .geojson, .csv or .gpkg",
                path.display()
            )
            .into()),
        }
    }

    fn write(self, layer: &Layer, path: &Path, request: &Path) -> Result<(), Failure> {
        let fail = |e: std::io::Error| format!("cannot write {}: {e}", path.display());
        match self {
            Self::GeoJson => {
                let mut out = BufWriter::new(File::create(path).map_err(fail)?);
                write::geojson(layer, &mut out).map_err(fail)?;
                out.flush().map_err(fail)?;
            }
            Self::Csv => {
                write::csv(layer, BufWriter::new(File::create(path).map_err(fail)?))
                    .map_err(fail)?;
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                let beside = path.with_file_name(format!("{name}-metadata.json"));
                let metadata = serde_json::to_string_pretty(&write::csv_metadata(layer, &name))?;
                std::fs::write(&beside, metadata + "\n")
                    .map_err(|e| format!("cannot write {}: {e}", beside.display()))?;
            }
            Self::GeoPackage => {
                let stem = request.file_stem().unwrap_or_default().to_string_lossy();
                Store::write_layer_gpkg(path, &table_name(&stem), layer)?;
            }
        }
        Ok(())
    }
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
