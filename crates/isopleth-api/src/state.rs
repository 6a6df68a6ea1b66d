//! What all requests share.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use isopleth_core::domain::{Area, Site};
use isopleth_core::{Request, RunError, Snapshot};
use isopleth_io::layer::Layer;
use isopleth_store::StoreError;
use serde_json::Value as Json;
use tokio::sync::watch;

use crate::admit::Places;
use crate::analyst::{Analyst, work};
use crate::archive::Archive;
use crate::config::{Config, Limits};
use crate::dataset::Dataset;
use crate::files::Files;
use crate::metrics::Metrics;
use crate::openapi::{self, ContractError};
use crate::places::place_layers;
use crate::problem::Problem;
use crate::published::{Collection, Kept, Published};
use crate::rules::{InvalidConfig, Rules, base_url};
use crate::tile_cache::TileCache;

/// The state of a service. Cloning it is cheap; all clones are the same service.
#[derive(Clone)]
pub struct AppState(Arc<Shared>);

struct Shared {
    /// The API definition as written.
    contract: Json,
    rules: watch::Sender<Arc<Rules>>,
    metrics: Metrics,
    places: Places,
    /// Whether shutdown has begun.
    draining: watch::Sender<bool>,
    published: watch::Sender<Option<Arc<Published>>>,
    /// Runs that were published and that no archive has.
    retired: Kept,
    /// Runs that were read back from the archive.
    recalled: Kept,
    archive: Option<Box<dyn Archive>>,
    files: Arc<Files>,
    /// Tiles that were cut.
    tiles: TileCache,
    /// Results that clients asked for, as they are published beside all else.
    analyses: Mutex<Vec<Collection>>,
    /// Who makes them, where there is a store.
    analyst: Option<Analyst>,
    /// Why the store cannot be read, while it cannot.
    trouble: Mutex<Option<String>>,
}

/// A public base URL that links cannot start with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is not a public base URL: it must start with http:// or https://, name a host, and \
     have no query, fragment or spaces"
)]
pub struct InvalidBaseUrl(pub(crate) String);

impl AppState {
    /// A state that has published nothing yet and keeps retired runs in memory only.
    ///
    /// # Errors
    /// [`ContractError`] if the embedded `openapi.yaml` is broken.
    pub fn new(limits: Limits) -> Result<Self, ContractError> {
        let contract = openapi::contract()?;
        let (retired, recalled) = (Kept::new(limits.kept_runs), Kept::new(limits.kept_runs));
        let tiles = TileCache::new(limits.tile_cache_bytes);
        Ok(Self(Arc::new(Shared {
            files: Arc::new(Files::new(&limits)),
            rules: watch::Sender::new(Arc::new(Rules::plain(limits, &contract))),
            contract,
            metrics: Metrics::default(),
            places: Places::default(),
            draining: watch::Sender::new(false),
            published: watch::Sender::new(None),
            retired,
            recalled,
            archive: None,
            tiles,
            analyses: Mutex::default(),
            analyst: None,
            trouble: Mutex::default(),
        })))
    }

    /// The same state, with links that start with `base`.
    ///
    /// # Errors
    /// [`InvalidBaseUrl`].
    pub fn with_public_base_url(self, base: &str) -> Result<Self, InvalidBaseUrl> {
        let next = Rules {
            public_base_url: Some(base_url(base)?),
            ..self.rules().as_ref().clone()
        };
        self.0.rules.send_replace(Arc::new(next));
        Ok(self)
    }

    /// Follows a configuration from the next request on. Addresses, the store and
    /// [`Limits::kept_runs`] stay as they are.
    ///
    /// # Errors
    /// [`InvalidConfig`]; everything stays as it is then.
    pub fn apply(&self, config: &Config) -> Result<(), InvalidConfig> {
        let next = self.rules().changed(config, &self.0.contract)?;
        self.0.rules.send_replace(Arc::new(next));
        Ok(())
    }

    /// The same state before it is shared, with an archive to read runs back from.
    pub(crate) fn with_archive(mut self, archive: Box<dyn Archive>) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.0) {
            shared.archive = Some(archive);
        }
        self
    }

    /// The same state before it is shared, with analyses of the data in the store at `path`, where
    /// they are remembered, too. `analyse` makes them, as [`isopleth_io::analyse`] does.
    #[must_use]
    pub fn with_analyses(
        mut self,
        store: PathBuf,
        analyse: impl Fn(&Snapshot, &Request) -> Result<Layer, RunError> + Send + Sync + 'static,
    ) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.0) {
            let limits = shared.rules.borrow().limits.analyses.clone();
            shared.analyst = Some(Analyst::new(store, limits, Box::new(analyse)));
        }
        self
    }

    /// Takes up the analyses that the store remembers. What it keeps is published at once or with the
    /// first publication.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub fn resume_analyses(&self) -> Result<(), StoreError> {
        self.analyst()
            .map_or(Ok(()), |analyst| analyst.resume(self))
    }

    /// Starts as many workers as the limits say. They go on until [`end_analyses`](Self::end_analyses).
    ///
    /// # Errors
    /// What the system says if it gives no thread.
    pub fn start_analyses(&self) -> std::io::Result<()> {
        for _ in 0..self.limits().analyses.workers.max(1) {
            let state = self.clone();
            let thread = std::thread::Builder::new().name("analysis".to_owned());
            thread.spawn(move || work(&state))?;
        }
        Ok(())
    }

    /// Stops all computations. Their jobs are taken up again by whoever resumes them.
    pub fn end_analyses(&self) {
        if let Some(analyst) = self.analyst() {
            analyst.close();
        }
    }

    /// Who makes analyses, where there is a store.
    pub(crate) fn analyst(&self) -> Option<&Analyst> {
        self.0.analyst.as_ref()
    }

    /// Publishes analyses beside all else, in the place of those that were published before.
    pub(crate) fn set_analyses(&self, analyses: Vec<Collection>) {
        let mut own = self.locked_analyses();
        *own = analyses;
        if let Some(now) = self.now() {
            let next = Published::clone(&now).with_analyses(&own);
            self.0.published.send_replace(Some(Arc::new(next)));
        }
    }

    /// Publishes layers, each with its id and its run, and areas and sites, in place of whatever
    /// was published before.
    pub fn publish(&self, layers: Vec<(String, String, Layer)>, areas: &[Area], sites: &[Site]) {
        let mut next = Published::new("in memory".to_owned());
        for (id, run, layer) in layers {
            next.add(id, Arc::new(Dataset::new(run, layer)), false);
        }
        for (id, layer) in place_layers(areas, sites, &[]) {
            next.add(id, Arc::new(Dataset::of_content(layer)), false);
        }
        self.swap(next);
    }

    /// Held while what is published changes, so that no change undoes another.
    fn locked_analyses(&self) -> MutexGuard<'_, Vec<Collection>> {
        let analyses = self.0.analyses.lock();
        analyses.unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a new published state in the place of the old one.
    pub(crate) fn swap(&self, mut next: Published) {
        next.made = std::time::Instant::now();
        let analyses = self.locked_analyses();
        let next = next.with_analyses(&analyses);
        let old = self.0.published.borrow().clone();
        for collection in old
            .iter()
            .flat_map(|o| &o.collections)
            .filter(|c| !c.archived)
        {
            let now = next.collection(&collection.id);
            if now.is_none_or(|n| n.dataset.run != collection.dataset.run) {
                self.0
                    .retired
                    .put(&collection.id, Arc::clone(&collection.dataset));
            }
        }
        self.0.published.send_replace(Some(Arc::new(next)));
    }

    /// Keeps in memory what is published now: the archive is about to lose its runs.
    pub(crate) fn keep_published(&self) {
        for collection in self.now().iter().flat_map(|now| &now.collections) {
            self.0
                .retired
                .put(&collection.id, Arc::clone(&collection.dataset));
        }
    }

    /// Lets go of the archive while `between` runs, and opens it anew.
    ///
    /// # Errors
    /// What `between` fails with; [`StoreError`] if the archive cannot be opened.
    pub(crate) fn reopen_archive(
        &self,
        between: &mut dyn FnMut() -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        // The analyst opens the file for moments only; not in these.
        let _desk = self.analyst().map(Analyst::closed_desk);
        match &self.0.archive {
            Some(archive) => archive.reopen(between),
            None => between(),
        }
    }

    /// Notes why the store cannot be read, or that it can. Says whether that is news.
    pub(crate) fn set_trouble(&self, reason: Option<String>) -> bool {
        let mut trouble = self
            .0
            .trouble
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let news = *trouble != reason;
        *trouble = reason;
        news
    }

    /// Why the store cannot be read, while it cannot.
    pub(crate) fn trouble(&self) -> Option<String> {
        let trouble = self.0.trouble.lock();
        trouble.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The files for download.
    pub(crate) fn files(&self) -> &Arc<Files> {
        &self.0.files
    }

    /// Tiles that were cut.
    pub(crate) fn tiles(&self) -> &TileCache {
        &self.0.tiles
    }

    /// What requests are handled by at this moment.
    pub(crate) fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.0.rules.borrow())
    }

    /// Tells when the rules change.
    pub(crate) fn rule_changes(&self) -> watch::Receiver<Arc<Rules>> {
        self.0.rules.subscribe()
    }

    /// The limits at this moment.
    pub(crate) fn limits(&self) -> Limits {
        self.0.rules.borrow().limits.clone()
    }

    /// What is counted.
    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// Places for requests.
    pub(crate) fn places(&self) -> &Places {
        &self.0.places
    }

    /// Notes that shutdown has begun. Whoever has long work under way is told.
    pub(crate) fn drain(&self) {
        self.0.draining.send_replace(true);
    }

    /// Whether shutdown has begun.
    pub(crate) fn is_draining(&self) -> bool {
        *self.0.draining.borrow()
    }

    /// Completes when shutdown begins: for work that can stop half-way.
    pub(crate) async fn drained(&self) {
        // The sender is part of this state, so that it cannot be gone.
        let _ = self.0.draining.subscribe().wait_for(|begun| *begun).await;
    }

    /// Why no requests should be sent here at this moment, if they should not.
    pub(crate) fn unready(&self) -> Option<Problem> {
        if self.is_draining() {
            return Some(Problem::draining());
        }
        if let Some(reason) = self.trouble() {
            return Some(Problem::store_unavailable(&reason));
        }
        self.now().is_none().then(Problem::starting)
    }

    /// What is published, if anything is yet.
    pub(crate) fn now(&self) -> Option<Arc<Published>> {
        self.0.published.borrow().clone()
    }

    /// What is published; waits for the first publication for as long as the limits say.
    ///
    /// # Errors
    /// A [`Problem`] if there is none by then.
    pub(crate) async fn published(&self) -> Result<Arc<Published>, Problem> {
        let mut receiver = self.0.published.subscribe();
        let first = receiver.wait_for(Option::is_some);
        match tokio::time::timeout(self.limits().startup_wait, first).await {
            Ok(Ok(published)) => published.clone().ok_or_else(Problem::starting),
            _ => Err(Problem::starting()),
        }
    }

    /// A collection as it is published.
    ///
    /// # Errors
    /// A [`Problem`] if there is none with this id, or if it has never had a run.
    pub(crate) async fn collection(&self, id: &str) -> Result<Collection, Problem> {
        let published = self.published().await?;
        match (published.collection(id), published.failure(id)) {
            (Some(collection), _) => Ok(collection.clone()),
            (None, Some(f)) => Err(Problem::layer_unavailable(id, &f.reason)),
            (None, None) => Err(self.missing(id)),
        }
    }

    /// A run of a collection: the published one unless another is named.
    ///
    /// # Errors
    /// A [`Problem`] if there is no such collection or run.
    pub(crate) async fn dataset(
        &self,
        id: &str,
        run: Option<&str>,
    ) -> Result<Arc<Dataset>, Problem> {
        let Some(run) = run else {
            return Ok(self.collection(id).await?.dataset);
        };
        let published = self.published().await?;
        let present = published.collection(id);
        if let Some(collection) = present.filter(|c| c.dataset.run == run) {
            return Ok(Arc::clone(&collection.dataset));
        }
        let kept = self.kept(id, run);
        self.metrics().looked_up("runs", kept.is_some());
        if let Some(kept) = kept {
            return Ok(kept);
        }
        if let Some(recalled) = self.recall(id, run).await? {
            return Ok(recalled);
        }
        if present.is_some() || published.failure(id).is_some() {
            Err(Problem::run_not_found(run))
        } else {
            Err(self.missing(id))
        }
    }

    /// Why there is no collection with this id.
    fn missing(&self, id: &str) -> Problem {
        match self.analyst() {
            Some(analyst) if analyst.has_made(id) => Problem::analysis_gone(id),
            _ => Problem::collection_not_found(id),
        }
    }

    fn kept(&self, id: &str, run: &str) -> Option<Arc<Dataset>> {
        self.0
            .retired
            .get(id, run)
            .or_else(|| self.0.recalled.get(id, run))
    }

    async fn recall(&self, id: &str, run: &str) -> Result<Option<Arc<Dataset>>, Problem> {
        if self.0.archive.is_none() {
            return Ok(None);
        }
        let (state, id, run) = (self.clone(), id.to_owned(), run.to_owned());
        let work = tokio::task::spawn_blocking(move || state.recall_now(&id, &run));
        work.await.unwrap_or_else(|error| {
            tracing::error!(%error, "reading a run back panicked");
            Err(Problem::internal())
        })
    }

    fn recall_now(&self, id: &str, run: &str) -> Result<Option<Arc<Dataset>>, Problem> {
        let Some(archive) = &self.0.archive else {
            return Ok(None);
        };
        let layer = archive.run(id, run).map_err(|error| {
            tracing::error!(%error, layer = id, run, "cannot read a run back");
            Problem::internal()
        })?;
        Ok(layer.map(|layer| {
            let dataset = Arc::new(Dataset::new(run.to_owned(), layer));
            self.0.recalled.put(id, Arc::clone(&dataset));
            dataset
        }))
    }
}
