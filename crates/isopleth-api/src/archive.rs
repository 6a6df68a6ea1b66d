//! Where runs that are no longer published are read back from.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use isopleth_io::layer::Layer;
use isopleth_store::{Store, StoreError};

/// Reads runs back. Calls may block.
pub(crate) trait Archive: Send + Sync {
    /// The result of a run of a layer, if there is one.
    ///
    /// # Errors
    /// [`StoreError`] if the archive cannot be read.
    fn run(&self, layer: &str, id: &str) -> Result<Option<Layer>, StoreError>;

    /// Closes the archive, waits for `between`, and opens anew what is there then. If anything
    /// fails, the archive has no runs until the next time.
    ///
    /// # Errors
    /// What `between` fails with; [`StoreError`] if the archive cannot be opened.
    fn reopen(&self, between: &mut dyn FnMut() -> Result<(), StoreError>)
    -> Result<(), StoreError>;
}

/// A store as an archive, through a connection of its own.
pub(crate) struct StoreArchive {
    path: PathBuf,
    store: Mutex<Option<Store>>,
}

impl StoreArchive {
    /// Reads from the store at a path.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be opened.
    pub(crate) fn open(path: PathBuf) -> Result<Self, StoreError> {
        let store = Mutex::new(Some(Store::open_read_only(&path)?));
        Ok(Self { path, store })
    }

    fn store(&self) -> MutexGuard<'_, Option<Store>> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Archive for StoreArchive {
    fn run(&self, layer: &str, id: &str) -> Result<Option<Layer>, StoreError> {
        let guard = self.store();
        let Some(store) = guard.as_ref() else {
            return Ok(None);
        };
        // Layers with the same request share a run, so the run itself names only one of them.
        if store.runs(layer)?.iter().all(|header| header.id != id) {
            return Ok(None);
        }
        Ok(store.run(id)?.map(|run| run.result))
    }

    fn reopen(
        &self,
        between: &mut dyn FnMut() -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        // Held all along, so that no request opens or reads anything in between.
        let mut store = self.store();
        *store = None;
        between()?;
        *store = Some(Store::open_read_only(&self.path)?);
        Ok(())
    }
}
