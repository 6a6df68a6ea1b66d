//! `isopleth policy`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use isopleth_store::Store;

use super::read_text;
use crate::table::Table;
use crate::{Failure, StoreArg};

/// The policy table.
#[derive(Debug, Subcommand)]
pub(crate) enum Policies {
    /// List the offence groups of the store's table, or print the table to edit it.
    Show(Show),
    /// Replace the store's table and sort every record anew.
    Set(Set),
}

/// Shows the table.
#[derive(Debug, Args)]
pub(crate) struct Show {
    #[command(flatten)]
    store: StoreArg,
    /// Print the whole table as TOML, as `isopleth policy set` takes it.
    #[arg(long)]
    toml: bool,
}

/// Replaces the table.
#[derive(Debug, Args)]
pub(crate) struct Set {
    #[command(flatten)]
    store: StoreArg,
    /// The table, TOML.
    file: PathBuf,
}

impl Policies {
    pub(crate) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Show(s) => {
                let policy = Store::open_read_only(&s.store.store)?.policy()?;
                if s.toml {
                    say!("{}", isopleth_io::policy_to_toml(&policy)?);
                    return Ok(());
                }
                say!("{} {}", policy.id, policy.version);
                let mut table = Table::new(&["group", "title", "lens", "activity"]);
                for g in policy.groups {
                    let activity = if g.activity { "yes" } else { "" };
                    table.row([g.id, g.title, g.lens.name().to_owned(), activity.to_owned()]);
                }
                table.print();
                Ok(())
            }
            Self::Set(s) => {
                let policy = isopleth_io::policy_from_toml(&read_text(&s.file)?)
                    .map_err(|e| format!("{}: {e}", s.file.display()))?;
                Store::open(&s.store.store)?.set_policy(&policy)?;
                say!("{} {} is in force", policy.id, policy.version);
                Ok(())
            }
        }
    }
}
