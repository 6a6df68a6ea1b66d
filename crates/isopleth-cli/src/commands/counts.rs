//! `isopleth counts`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use isopleth_io::{CountsMapping, read_counts};
use isopleth_store::Store;

use super::{read, read_text};
use crate::table::Table;
use crate::{Failure, StoreArg};

/// Tables of ready-made counts.
#[derive(Debug, Subcommand)]
pub(crate) enum CountTables {
    /// Load a table, or replace the one with its id.
    Add(Add),
    /// List the tables.
    List(StoreArg),
}

/// Loads a table.
#[derive(Debug, Args)]
pub(crate) struct Add {
    #[command(flatten)]
    store: StoreArg,
    /// The table, CSV, plain or gzip: one row for each area and category with a column for each month,
    /// or one row for each area, category and month.
    file: PathBuf,
    /// Which column is which, TOML. The ward tables of the Metropolitan Police need none.
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,
    /// Id of the table in requests; the mapping's own without it.
    #[arg(long)]
    id: Option<String>,
}

impl CountTables {
    pub(crate) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Add(a) => {
                let mapping = match &a.mapping {
                    None => None,
                    Some(path) => Some(
                        CountsMapping::from_toml(&read_text(path)?)
                            .map_err(|e| format!("{}: {e}", path.display()))?,
                    ),
                };
                let found = read_counts(&read(&a.file)?, mapping.as_ref())
                    .map_err(|e| format!("{}: {e}", a.file.display()))?;
                let mut table = found.table;
                if let Some(id) = a.id {
                    table.id = id;
                }
                let mut store =
                    Store::open_or_create(&a.store.store, &isopleth_io::default_policy())?;
                let tally = store.add_counts(&table)?;
                let done = if tally.stored > 0 {
                    "stored"
                } else if tally.updated > 0 {
                    "updated"
                } else {
                    "unchanged"
                };
                say!(
                    "{}: {} areas, {} categories, {} months; {done}",
                    table.id,
                    table.areas.len(),
                    table.categories.len(),
                    table.months.len()
                );
                for note in found.notes {
                    say!("Note: {note}");
                }
                Ok(())
            }
            Self::List(s) => {
                let mut list = Table::new(&[
                    "id",
                    "areas",
                    "kind",
                    "vintage",
                    "categories",
                    "months",
                    "source",
                ]);
                for t in Store::open_read_only(&s.store)?.counts()? {
                    let months = match (t.months.first(), t.months.last()) {
                        (Some(a), Some(b)) => format!("{a} to {b}"),
                        _ => String::new(),
                    };
                    list.row([
                        t.id,
                        t.areas.len().to_string(),
                        t.area_kind,
                        t.vintage,
                        t.categories.len().to_string(),
                        months,
                        t.source,
                    ]);
                }
                list.print();
                Ok(())
            }
        }
    }
}
