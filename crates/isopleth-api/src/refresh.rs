//! Keeping what is served in step with the store.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use isopleth_core::{ENGINE, Snapshot};
use isopleth_io::layer::Layer;
use isopleth_store::{Run, SavedLayer, Store, StoreError};

use crate::areas::{area_layers, site_layers};
use crate::dataset::Dataset;
use crate::published::{Failure, Published};
use crate::state::AppState;

/// The longest pause between two attempts while the store cannot be read.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Looks at the store again and again, for as long as the task lives.
pub(crate) async fn watch(state: AppState, store: PathBuf, every: Duration) {
    let (mut pause, mut refresher) = (every, Refresher::new(store.clone()));
    loop {
        let state = state.clone();
        let work = tokio::task::spawn_blocking(move || {
            let outcome = refresher.refresh(&state);
            (refresher, outcome)
        });
        let outcome;
        (refresher, outcome) = match work.await {
            Ok((refresher, outcome)) => (refresher, outcome.map_err(|e| e.to_string())),
            Err(error) => (Refresher::new(store.clone()), Err(error.to_string())),
        };
        pause = match outcome {
            Ok(()) => every,
            Err(error) => {
                tracing::error!(%error, "cannot refresh; what was published stays");
                (pause * 2).min(LONGEST_PAUSE.max(every))
            }
        };
        tokio::time::sleep(pause).await;
    }
}

/// What is known of the store, to tell whether it has changed.
#[derive(Debug, PartialEq)]
struct Seen {
    revision: String,
    layers: Vec<SavedLayer>,
}

/// Makes published states from a store.
pub(crate) struct Refresher {
    path: PathBuf,
    store: Option<Store>,
    seen: Option<Seen>,
    /// Runs that the store could not take when they were made.
    unsaved: Vec<Run>,
}

impl Refresher {
    /// A refresher that has not looked yet.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path,
            store: None,
            seen: None,
            unsaved: Vec::new(),
        }
    }

    /// Publishes anew if the data or the saved layers have changed.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read; nothing is published then.
    pub(crate) fn refresh(&mut self, state: &AppState) -> Result<(), StoreError> {
        let mut store = match self.store.take() {
            Some(store) => store,
            None => Store::open(&self.path)?,
        };
        while self
            .unsaved
            .first()
            .is_some_and(|run| saved(&mut store, run))
        {
            self.unsaved.remove(0);
        }
        let now = Seen {
            revision: store.data_revision()?,
            layers: store.layers()?,
        };
        if self.seen.as_ref() != Some(&now) {
            self.publish(state, &mut store, &now.layers)?;
            self.seen = Some(now);
        }
        self.store = Some(store);
        Ok(())
    }

    fn publish(
        &mut self,
        state: &AppState,
        store: &mut Store,
        layers: &[SavedLayer],
    ) -> Result<(), StoreError> {
        let started = Instant::now();
        // The data may have moved on since the revision was read; the snapshot's own counts.
        let snapshot = store.snapshot()?;
        let mut next = Published::new(snapshot.revision.clone());
        let old = state.now();
        let mut made = Vec::with_capacity(layers.len());
        for layer in layers {
            let id = layer.request.run_id(&snapshot.revision);
            let present = old.as_ref().and_then(|o| o.collection(&layer.name));
            if let Some(present) = present.filter(|c| c.dataset.run == id) {
                made.push((
                    layer.name.clone(),
                    Arc::clone(&present.dataset),
                    present.archived,
                ));
                continue;
            }
            match result(store, &snapshot, layer, &id)? {
                Ok((result, archived)) => {
                    let archived = archived || self.keep(store, &snapshot, layer, &id, &result);
                    made.push((
                        layer.name.clone(),
                        Arc::new(Dataset::new(id, result)),
                        archived,
                    ));
                }
                Err(failure) => {
                    let Failure {
                        layer,
                        code,
                        reason,
                    } = &failure;
                    tracing::error!(layer, code, reason, "a saved layer cannot be computed");
                    next.failures.push(failure);
                }
            }
        }
        for (id, dataset, archived) in made {
            next.add(id, dataset, archived);
        }
        let places = area_layers(&snapshot.areas)
            .into_iter()
            .chain(site_layers(&snapshot.sites));
        for (id, layer) in places {
            next.add(id, Arc::new(Dataset::of_content(layer)), false);
        }
        let duration_ms = started.elapsed().as_secs_f64() * 1000.0;
        let (revision, collections) = (&next.revision, next.collections.len());
        tracing::info!(
            revision,
            collections,
            failed = next.failures.len(),
            duration_ms,
            "published"
        );
        state.swap(next);
        Ok(())
    }

    /// Puts a run into the store. One that the store cannot take now is tried again later. While
    /// others wait for that it joins them: each attempt may take as long as the store waits for
    /// another writer.
    fn keep(
        &mut self,
        store: &mut Store,
        snapshot: &Snapshot,
        layer: &SavedLayer,
        id: &str,
        result: &Layer,
    ) -> bool {
        let run = Run {
            id: id.to_owned(),
            layer: layer.name.clone(),
            request: layer.request.clone(),
            data_revision: snapshot.revision.clone(),
            engine: ENGINE.to_owned(),
            result: result.clone(),
        };
        let kept = self.unsaved.is_empty() && saved(store, &run);
        if !kept {
            self.unsaved.push(run);
        }
        kept
    }
}

/// The result of a layer, and whether the store has it as the layer's latest run: read back if it
/// was computed before.
fn result(
    store: &Store,
    snapshot: &Snapshot,
    layer: &SavedLayer,
    id: &str,
) -> Result<Result<(Layer, bool), Failure>, StoreError> {
    if let Some(run) = store.run(id)? {
        let latest = store
            .runs(&layer.name)?
            .first()
            .is_some_and(|header| header.id == id);
        return Ok(Ok((run.result, latest)));
    }
    let failure = |code: &str, reason: String| Failure {
        layer: layer.name.clone(),
        code: code.to_owned(),
        reason,
    };
    // One layer that panics must not take the others with it.
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        isopleth_io::analyse(snapshot, &layer.request)
    }));
    Ok(match outcome {
        Ok(Ok(result)) => Ok((result, false)),
        Ok(Err(error)) => Err(failure(error.code(), error.to_string())),
        Err(_) => Err(failure(
            "internal-error",
            "the computation failed unexpectedly".to_owned(),
        )),
    })
}

fn saved(store: &mut Store, run: &Run) -> bool {
    let outcome = store.put_run(run);
    if let Err(error) = &outcome {
        let (run, layer) = (&run.id, &run.layer);
        tracing::warn!(%error, run, layer, "cannot save a run yet; it is served from memory");
    }
    outcome.is_ok()
}
