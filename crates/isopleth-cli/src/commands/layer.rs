//! `isopleth layer`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use isopleth_io::analyse;
use isopleth_store::{Run, Store};

use super::read_request;
use crate::table::Table;
use crate::{Failure, StoreArg};

/// Saved layers.
#[derive(Debug, Subcommand)]
pub(crate) enum Layers {
    /// Save a request under a name and run it.
    Add(Add),
    /// List the saved layers.
    List(StoreArg),
    /// Print a saved layer's request.
    Show(Name),
    /// Remove a saved layer. Its runs stay readable.
    Remove(Name),
}

/// Saves a layer.
#[derive(Debug, Args)]
pub(crate) struct Add {
    #[command(flatten)]
    name: Name,
    /// The request, JSON or TOML.
    request: PathBuf,
}

/// Names a layer of a store.
#[derive(Debug, Args)]
pub(crate) struct Name {
    #[command(flatten)]
    store: StoreArg,
    /// Name of the layer: a-z, 0-9, - and _.
    name: String,
}

impl Layers {
    pub(crate) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Add(a) => {
                let request = read_request(&a.request)?;
                let mut store = Store::open(&a.name.store.store)?;
                let snapshot = store.snapshot()?;
                let request = request.with_pinned_areas(&snapshot);
                let result = analyse(&snapshot, &request)?;
                let features = result.features.len();
                store.put_layer(&a.name.name, &request)?;
                let id = request.run_id(&snapshot.revision);
                store.put_run(&Run {
                    id: id.clone(),
                    layer: a.name.name.clone(),
                    request,
                    data_revision: snapshot.revision,
                    engine: isopleth_core::ENGINE.to_owned(),
                    result,
                })?;
                say!("{}: saved, run {id} has {features} features", a.name.name);
                Ok(())
            }
            Self::List(s) => {
                let store = Store::open_read_only(&s.store)?;
                let mut table = Table::new(&["layer", "method", "latest run", "title"]);
                for layer in store.layers()? {
                    let run = store
                        .latest_run(&layer.name)?
                        .map_or("none".to_owned(), |r| r.id);
                    let title = layer.request.title.clone().unwrap_or_default();
                    table.row([
                        layer.name,
                        layer.request.method.name().to_owned(),
                        run,
                        title,
                    ]);
                }
                table.print();
                Ok(())
            }
            Self::Show(n) => {
                let layer = Store::open_read_only(&n.store.store)?.layer(&n.name)?;
                let layer = layer.ok_or_else(|| unknown(&n.name))?;
                say!("{}", serde_json::to_string_pretty(&layer.request)?);
                Ok(())
            }
            Self::Remove(n) => {
                if Store::open(&n.store.store)?.remove_layer(&n.name)? {
                    say!("{}: removed", n.name);
                    Ok(())
                } else {
                    Err(unknown(&n.name))
                }
            }
        }
    }
}

fn unknown(name: &str) -> Failure {
    format!("there is no layer `{name}`; see `isopleth layer list`").into()
}
