//! Where runs that are no longer published are read back from.

use std::sync::{Mutex, PoisonError};

use isopleth_io::layer::Layer;
use isopleth_store::{Store, StoreError};

/// Reads runs back. Calls may block.
pub(crate) trait Archive: Send + Sync {
    /// The result of a run of a layer, if there is one.
    ///
    /// # Errors
    /// [`StoreError`] if the archive cannot be read.
    fn run(&self, layer: &str, id: &str) -> Result<Option<Layer>, StoreError>;
}

/// A store as an archive, through a connection of its own.
pub(crate) struct StoreArchive(Mutex<Store>);

impl StoreArchive {
    /// Reads from this store.
    pub(crate) fn new(store: Store) -> Self {
        Self(Mutex::new(store))
    }
}

impl Archive for StoreArchive {
    fn run(&self, layer: &str, id: &str) -> Result<Option<Layer>, StoreError> {
        let store = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Layers with the same request share a run, so the run itself names only one of them.
        if store.runs(layer)?.iter().all(|header| header.id != id) {
            return Ok(None);
        }
        Ok(store.run(id)?.map(|run| run.result))
    }
}
