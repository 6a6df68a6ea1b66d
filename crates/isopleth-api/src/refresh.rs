//! Keeping what is served in step with the store.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use isopleth_core::{ENGINE, Request, Snapshot};
use isopleth_io::layer::Layer;
use isopleth_store::{Run, SavedLayer, Store, StoreError};

use crate::dataset::Dataset;
use crate::file::{Identity, StoreFile};
use crate::places::place_layers;
use crate::published::{Failure, Published};
use crate::state::AppState;

/// The longest pause between two attempts while the store cannot be read.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Looks at the store again and again, for as long as the task lives.
pub(crate) async fn watch(state: AppState, store: PathBuf) {
    let mut pause = state.limits().poll_interval;
    let mut refresher = Refresher::new(store.clone());
    while !state.is_draining() {
        let every = state.limits().poll_interval;
        let handle = state.clone();
        let work = tokio::task::spawn_blocking(move || {
            let outcome = refresher.refresh(&handle);
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
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = state.drained() => {}
        }
    }
}

/// What is known of the store, to tell whether it has changed.
#[derive(Debug, PartialEq)]
struct Seen {
    revision: String,
    layers: Vec<SavedLayer>,
}

/// The last run of a layer that could be computed.
struct LastRun {
    request: Request,
    dataset: Arc<Dataset>,
    archived: bool,
}

/// Makes published states from a store.
pub(crate) struct Refresher {
    path: PathBuf,
    store: Option<Store>,
    /// The file that was opened last.
    file: Option<StoreFile>,
    seen: Option<Seen>,
    /// The last run of each layer, from this file, by the layer's name.
    last_runs: HashMap<String, LastRun>,
    /// Runs that the store could not take when they were made.
    unsaved: Vec<Run>,
}

impl Refresher {
    /// A refresher that has not looked yet.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path,
            store: None,
            file: None,
            seen: None,
            last_runs: HashMap::new(),
            unsaved: Vec::new(),
        }
    }

    /// Publishes anew if the data, the saved layers or the file have changed. A store that cannot
    /// be opened is noted in the state, and is looked for again the next time.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read; nothing is published then.
    pub(crate) fn refresh(&mut self, state: &AppState) -> Result<(), StoreError> {
        let mut store = match self.opened(state) {
            Ok(store) => store,
            Err(error) => {
                // Clients are told, so without the paths that the log has.
                let reason = match &error {
                    StoreError::Missing { .. } => "its file is gone".to_owned(),
                    other => format!("it cannot be opened ({})", other.code()),
                };
                if state.set_trouble(Some(reason)) {
                    tracing::error!(%error, "the store is lost; what was published stays");
                }
                return Ok(());
            }
        };
        if state.trouble().is_some() {
            state.set_trouble(None);
            tracing::info!("the store is back");
        }
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
            let started = Instant::now();
            let published = self.publish(state, &mut store, &now.layers);
            state
                .metrics()
                .refreshed(published.is_ok(), started.elapsed());
            published?;
            self.seen = Some(now);
        }
        self.store = Some(store);
        Ok(())
    }

    /// The store, opened if it is not yet, or if another file has taken the place of its own.
    fn opened(&mut self, state: &AppState) -> Result<Store, StoreError> {
        // While the file is gone the store stays open: it may be moved back, and the archive goes
        // on reading from it.
        let present = Identity::of(&self.path)?.ok_or_else(|| StoreError::Missing {
            path: self.path.clone(),
        })?;
        let replaced = self.file.as_ref().is_some_and(|file| !file.is(present));
        if let Some(store) = self.store.take_if(|_| !replaced) {
            return Ok(store);
        }
        if replaced {
            state.keep_published();
            // Nothing of the old file is true of the new one.
            self.seen = None;
            self.last_runs.clear();
            self.unsaved.clear();
        }
        self.store = None;
        let (old, mut opened) = (self.file.as_ref(), None);
        // No connection to the old file may be left when the new one is opened: SQLite knows the
        // files of its log by their names, and connections to both would share them.
        state.reopen_archive(&mut || {
            old.map_or(Ok(()), StoreFile::settle_logs)?;
            opened = Some(StoreFile::open(&self.path)?);
            Ok(())
        })?;
        let (store, file) = opened.ok_or_else(|| StoreError::Missing {
            path: self.path.clone(),
        })?;
        state.resume_analyses()?;
        if replaced {
            let path = self.path.display();
            tracing::warn!(%path, "the store's file was replaced; serving the new one");
        }
        self.file = Some(file);
        Ok(store)
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
            // What was published from a file that has been replaced is not in the present one.
            let present = present.filter(|c| self.seen.is_some() && c.dataset.run == id);
            let (run, outdated) = match present {
                Some(c) => ((Arc::clone(&c.dataset), c.archived), None),
                None => match result(store, &snapshot, layer, &id)? {
                    Ok((result, archived)) => {
                        let archived = archived || self.keep(store, &snapshot, layer, &id, &result);
                        ((Arc::new(Dataset::new(id, result)), archived), None)
                    }
                    Err(failure) => {
                        let Failure {
                            layer: name,
                            code,
                            reason,
                        } = &failure;
                        let Some(last) = self.last_run(store, layer)? else {
                            let text = "a saved layer cannot be computed";
                            tracing::error!(layer = name, code, reason, "{text}");
                            next.failures.push(failure);
                            continue;
                        };
                        let run = &last.0.run;
                        let text = "a saved layer cannot be computed; its last run is served";
                        tracing::error!(layer = name, code, reason, run, "{text}");
                        (last, Some(failure))
                    }
                },
            };
            made.push((layer, run, outdated));
        }
        self.last_runs.clear();
        for (layer, (dataset, archived), outdated) in made {
            let last = LastRun {
                request: layer.request.clone(),
                dataset: Arc::clone(&dataset),
                archived,
            };
            self.last_runs.insert(layer.name.clone(), last);
            next.add_outdated(layer.name.clone(), dataset, archived, outdated);
        }
        let places = place_layers(&snapshot.areas, &snapshot.sites, &snapshot.streets);
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

    /// The last run of a layer's present request, from memory or from the store, and whether the
    /// store has it.
    fn last_run(
        &self,
        store: &Store,
        layer: &SavedLayer,
    ) -> Result<Option<(Arc<Dataset>, bool)>, StoreError> {
        let known = self.last_runs.get(&layer.name);
        if let Some(known) = known.filter(|k| k.request == layer.request) {
            return Ok(Some((Arc::clone(&known.dataset), known.archived)));
        }
        for header in store.runs(&layer.name)? {
            // Results may be large. The id tells whether this engine ran the same request; runs of
            // other engines have to be read to know.
            let by_id = layer.request.run_id(&header.data_revision) == header.id;
            if header.engine == ENGINE && !by_id {
                continue;
            }
            match store.run(&header.id) {
                Ok(Some(run)) if run.request.canonical() == layer.request.canonical() => {
                    let dataset = Arc::new(Dataset::new(run.id, run.result));
                    return Ok(Some((dataset, true)));
                }
                Ok(_) => {}
                Err(error @ StoreError::Document { .. }) => {
                    tracing::warn!(%error, run = header.id, "cannot read an earlier run");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(None)
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
