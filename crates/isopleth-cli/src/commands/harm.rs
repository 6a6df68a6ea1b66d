//! `isopleth harm`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use isopleth_store::Store;

use super::read_text;
use crate::table::Table;
use crate::{Failure, StoreArg};

/// Harm schedules.
#[derive(Debug, Subcommand)]
pub(crate) enum Harm {
    /// Load a schedule, or replace the one with its id.
    Add(Add),
    /// List the schedules.
    List(StoreArg),
    /// Print a schedule as TOML, as `isopleth harm add` takes it.
    Show(Show),
}

/// Loads a schedule.
#[derive(Debug, Args)]
pub(crate) struct Add {
    #[command(flatten)]
    store: StoreArg,
    /// The schedule, TOML.
    file: PathBuf,
}

/// Prints a schedule.
#[derive(Debug, Args)]
pub(crate) struct Show {
    #[command(flatten)]
    store: StoreArg,
    /// Its id.
    id: String,
}

impl Harm {
    pub(crate) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Add(a) => {
                let schedule = isopleth_io::harm_schedule_from_toml(&read_text(&a.file)?)
                    .map_err(|e| format!("{}: {e}", a.file.display()))?;
                let mut store =
                    Store::open_or_create(&a.store.store, &isopleth_io::default_policy())?;
                let tally = store.add_harm_schedule(&schedule)?;
                let done = if tally.stored > 0 {
                    "stored"
                } else if tally.updated > 0 {
                    "updated"
                } else {
                    "unchanged"
                };
                say!("{} {}: {done}", schedule.id, schedule.version);
                Ok(())
            }
            Self::List(s) => {
                let mut table = Table::new(&["id", "version", "unit", "weights", "source"]);
                for s in Store::open_read_only(&s.store)?.harm_schedules()? {
                    table.row([
                        s.id,
                        s.version,
                        s.unit,
                        s.weights.len().to_string(),
                        s.source,
                    ]);
                }
                table.print();
                Ok(())
            }
            Self::Show(s) => {
                let schedules = Store::open_read_only(&s.store.store)?.harm_schedules()?;
                let Some(found) = schedules.iter().find(|h| h.id == s.id) else {
                    let ids: Vec<&str> = schedules.iter().map(|h| h.id.as_str()).collect();
                    return Err(format!(
                        "the store has no harm schedule `{}`; it has: {}",
                        s.id,
                        if ids.is_empty() {
                            "none".to_owned()
                        } else {
                            ids.join(", ")
                        }
                    )
                    .into());
                };
                say!("{}", isopleth_io::harm_schedule_to_toml(found)?);
                Ok(())
            }
        }
    }
}
