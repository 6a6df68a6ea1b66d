//! What is served at one moment, swapped as a whole.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::dataset::Dataset;

/// A collection as it is served now.
#[derive(Clone)]
pub(crate) struct Collection {
    /// Id in paths.
    pub(crate) id: String,
    /// Its present run.
    pub(crate) dataset: Arc<Dataset>,
    /// Whether its runs can be read back from the archive.
    pub(crate) archived: bool,
    /// Why its present run is not one of the present data, if it is not.
    pub(crate) outdated: Option<Failure>,
    /// Whether it is the result of an analysis that a client asked for.
    pub(crate) analysis: bool,
}

/// Why a saved layer cannot be computed from the present data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// Name of the layer.
    pub(crate) layer: String,
    /// Stable code of the reason.
    pub(crate) code: String,
    /// The reason.
    pub(crate) reason: String,
}

/// Everything that is served at one moment.
#[derive(Clone)]
pub(crate) struct Published {
    /// When it was made.
    pub(crate) made: Instant,
    /// The data revision that it was made from.
    pub(crate) revision: String,
    /// The collections, in the order in which they are listed.
    pub(crate) collections: Vec<Collection>,
    /// The layers that could not be computed and have no earlier run to serve.
    pub(crate) failures: Vec<Failure>,
    index: HashMap<String, usize>,
}

impl Published {
    /// A state without collections.
    pub(crate) fn new(revision: String) -> Self {
        Self {
            made: Instant::now(),
            revision,
            collections: Vec::new(),
            failures: Vec::new(),
            index: HashMap::new(),
        }
    }

    /// Adds a collection. An id that is taken gets a number at its end.
    pub(crate) fn add(&mut self, id: String, dataset: Arc<Dataset>, archived: bool) {
        self.add_outdated(id, dataset, archived, None);
    }

    /// Adds a collection whose run is, if there is a failure, the last before it.
    pub(crate) fn add_outdated(
        &mut self,
        id: String,
        dataset: Arc<Dataset>,
        archived: bool,
        outdated: Option<Failure>,
    ) {
        let free =
            |id: &str| !self.index.contains_key(id) && self.failures.iter().all(|f| f.layer != id);
        let mut candidates = (2..).map(|n: u64| format!("{id}-{n}"));
        let id = if free(&id) {
            id
        } else {
            candidates.find(|c| free(c)).unwrap_or(id)
        };
        self.index.insert(id.clone(), self.collections.len());
        self.collections.push(Collection {
            id,
            dataset,
            archived,
            outdated,
            analysis: false,
        });
    }

    /// The same with these analyses at the end, in the place of those that it had.
    pub(crate) fn with_analyses(mut self, analyses: &[Collection]) -> Self {
        self.collections.retain(|c| !c.analysis);
        let ids = self.collections.iter().map(|c| c.id.clone());
        self.index = ids.zip(0..).collect();
        for analysis in analyses {
            // The name may belong to a layer that was saved before there were analyses.
            if let Entry::Vacant(free) = self.index.entry(analysis.id.clone()) {
                free.insert(self.collections.len());
                self.collections.push(analysis.clone());
            }
        }
        self
    }

    /// The collection with an id.
    pub(crate) fn collection(&self, id: &str) -> Option<&Collection> {
        self.collections.get(*self.index.get(id)?)
    }

    /// Why a saved layer is not among the collections.
    pub(crate) fn failure(&self, id: &str) -> Option<&Failure> {
        self.failures.iter().find(|f| f.layer == id)
    }
}

/// Runs kept in memory besides the published ones; the one used longest ago goes first.
pub(crate) struct Kept {
    runs: Mutex<VecDeque<(String, Arc<Dataset>)>>,
    most: usize,
}

impl Kept {
    /// Room for so many runs.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            runs: Mutex::default(),
            most,
        }
    }

    /// A run of a collection, if it is kept.
    pub(crate) fn get(&self, collection: &str, run: &str) -> Option<Arc<Dataset>> {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        let at = runs
            .iter()
            .position(|(id, d)| id == collection && d.run == run)?;
        let entry = runs.remove(at)?;
        let dataset = Arc::clone(&entry.1);
        runs.push_back(entry);
        Some(dataset)
    }

    /// Keeps a run of a collection.
    pub(crate) fn put(&self, collection: &str, dataset: Arc<Dataset>) {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        runs.retain(|(id, d)| id != collection || d.run != dataset.run);
        runs.push_back((collection.to_owned(), dataset));
        while runs.len() > self.most {
            runs.pop_front();
        }
    }
}
