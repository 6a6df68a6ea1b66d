//! `isopleth export`.

use std::path::PathBuf;

use clap::Args;
use isopleth_io::words::thousands;
use isopleth_store::Store;

use crate::table::Table;
use crate::{Failure, StoreArg};

/// Writes a GeoPackage copy with R-trees and styles, which every GIS opens.
#[derive(Debug, Args)]
pub(crate) struct Export {
    #[command(flatten)]
    store: StoreArg,
    /// The file to write; it must not exist.
    output: PathBuf,
}

impl Export {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let report = Store::open_read_only(&self.store.store)?.export(&self.output)?;
        let mut table = Table::new(&["table", "features", "run", ""]);
        for t in report.tables {
            let note = if t.outdated {
                "of older data or of an older request"
            } else {
                ""
            };
            table.row([
                t.name,
                thousands(t.features),
                t.run.unwrap_or_default(),
                note.to_owned(),
            ]);
        }
        say!(
            "{}, {} bytes",
            report.path.display(),
            thousands(report.bytes)
        );
        table.print();
        for name in report.layers_without_run {
            say!(
                "Layer {name} is not in it: it has no run yet; `isopleth serve` or `isopleth layer add` makes one"
            );
        }
        Ok(())
    }
}
