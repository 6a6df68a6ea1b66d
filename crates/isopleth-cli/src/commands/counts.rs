//! `isopleth counts`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use isopleth_core::domain::{CountTable, Counts, Month};
use isopleth_io::{CountsMapping, read_counts};
use isopleth_store::Store;

use super::{read, read_text};
use crate::table::Table;
use crate::{Failure, StoreArg};

/// Tables of ready-made counts.
#[derive(Debug, Subcommand)]
pub(crate) enum CountTables {
    /// Load a table, or bring the one with its id up to date.
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
    /// Replaces the table with its id even if that has months that this one has not.
    #[arg(long)]
    replace: bool,
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
                if !a.replace {
                    check_months(&store.counts()?, &table)?;
                }
                let tally = store.add_counts(&table)?;
                let unknown = unknown_categories(&table, &store.policy()?);
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
                for note in found.notes.into_iter().chain(unknown) {
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

/// Refuses a table that would wipe months of the one with its id.
fn check_months(tables: &[CountTable], new: &CountTable) -> Result<(), Failure> {
    let lost: Vec<Month> = tables
        .iter()
        .filter(|t| t.id == new.id)
        .flat_map(|t| t.months.iter().copied())
        .filter(|m| !new.months.contains(m))
        .collect();
    let (Some(first), Some(last)) = (lost.first(), lost.last()) else {
        return Ok(());
    };
    Err(format!(
        "the table `{id}` of the store has {n} months that this file has not, from {first} to {last}, and they would be lost; load the file beside it with --id, as in `--id {id}-2`, or say --replace",
        id = new.id,
        n = lost.len(),
    )
    .into())
}

/// Categories that the policy table does not know, with what they hold.
fn unknown_categories(
    table: &CountTable,
    policy: &isopleth_core::domain::Policy,
) -> Option<String> {
    let kinds = Counts::new(table.clone(), policy).kinds;
    let mut names = Vec::new();
    let mut count = 0_u64;
    for (k, category) in table.categories.iter().enumerate() {
        if kinds[k].group.is_some() {
            continue;
        }
        let rows = table.rows.iter().filter(|r| r.category as usize == k);
        count += rows
            .flat_map(|r| &r.counts)
            .map(|n| u64::from(n.unwrap_or(0)))
            .sum::<u64>();
        names.push(if category.sub_type.is_empty() {
            category.term.clone()
        } else {
            format!("{}: {}", category.term, category.sub_type)
        });
    }
    let more = names.len().saturating_sub(12);
    let listed = names[..names.len() - more].join(", ");
    (!names.is_empty()).then(|| {
        format!(
            "{} categories with {count} incidents are unknown to the policy {} and belong to no group: {listed}{}",
            names.len(),
            policy.id,
            if more > 0 { format!(" and {more} more") } else { String::new() }
        )
    })
}
