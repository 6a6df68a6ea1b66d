//! What the analyst knows of jobs, computations and kept results. Everything here takes moments.

use std::collections::VecDeque;
use std::sync::Arc;

use isopleth_core::watch::Watch;
use isopleth_core::{Request, Snapshot};
use isopleth_store::{JobRecord, JobStatus};

use crate::config::AnalysisLimits;
use crate::dataset::Dataset;
use crate::published::Collection;

/// Most bytes of the requests of jobs that have ended, however many may be kept.
const KEPT_REQUESTS: usize = 32 << 20;

/// A computation that one or more jobs want.
pub(crate) struct Flight {
    pub(crate) id: u64,
    /// Id of the run that it makes.
    pub(crate) run: String,
    pub(crate) request: Request,
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) watch: Arc<Watch>,
}

/// What a client asked for.
pub(crate) struct Job {
    pub(crate) record: JobRecord,
    /// The computation that it waits for.
    pub(crate) flight: Option<u64>,
    /// Whether clients are told of it, and the store remembers it.
    pub(crate) listed: bool,
    /// The result, for the client who waits.
    pub(crate) result: Option<Arc<Dataset>>,
}

/// A result that is kept.
pub(crate) struct Kept {
    /// When it was made, milliseconds since 1970 UTC.
    pub(crate) at: i64,
    pub(crate) collection: Collection,
}

/// See the [module](self).
#[derive(Default)]
pub(crate) struct Ledger {
    /// In the order in which they were accepted.
    pub(crate) jobs: Vec<Job>,
    pub(crate) queue: VecDeque<Arc<Flight>>,
    pub(crate) running: Vec<Arc<Flight>>,
    /// In the order in which they were made.
    pub(crate) analyses: Vec<Kept>,
    /// Id of the next computation.
    pub(crate) next: u64,
    pub(crate) closed: bool,
}

impl Ledger {
    /// The jobs that clients are told of.
    pub(crate) fn listed(&self) -> impl Iterator<Item = &Job> {
        self.jobs.iter().filter(|j| j.listed)
    }

    /// A job by its id.
    pub(crate) fn find(&mut self, id: &str) -> Option<&mut Job> {
        self.jobs.iter_mut().find(|j| j.record.id == id)
    }

    /// The jobs that wait for a computation.
    pub(crate) fn of(&self, flight: &Flight) -> impl Iterator<Item = &Job> {
        self.jobs.iter().filter(|j| j.flight == Some(flight.id))
    }

    /// A job's record, with how far its computation is.
    pub(crate) fn present(&self, job: &Job) -> JobRecord {
        let mut record = job.record.clone();
        let flight = self.running.iter().find(|f| Some(f.id) == job.flight);
        if let Some(progress) = flight.and_then(|f| f.watch.progress()) {
            // All of it is there only with the result.
            record.progress = ((progress * 100.0) as u8).min(99);
        }
        record
    }

    /// The result of a run that is kept.
    pub(crate) fn kept(&self, run: &str) -> Option<Arc<Dataset>> {
        let kept = self.analyses.iter().map(|k| &k.collection.dataset);
        kept.filter(|d| d.run == run).map(Arc::clone).next()
    }

    /// The results as collections.
    pub(crate) fn collections(&self) -> Vec<Collection> {
        self.analyses.iter().map(|k| k.collection.clone()).collect()
    }

    /// Keeps a result, in the place of the same one before.
    pub(crate) fn keep(&mut self, kept: Kept) {
        let run = &kept.collection.dataset.run;
        self.analyses.retain(|k| k.collection.dataset.run != *run);
        self.analyses.push(kept);
    }

    /// The computation of a run: the one that is there, unless it was stopped, or a new one in the
    /// queue.
    pub(crate) fn join(
        &mut self,
        run: &str,
        request: &Request,
        snapshot: &Arc<Snapshot>,
        record: &mut JobRecord,
    ) -> u64 {
        let same = |f: &&Arc<Flight>| f.run == run && !f.watch.is_stopped();
        if let Some(flight) = self.running.iter().find(same) {
            begin(record, record.updated);
            return flight.id;
        }
        if let Some(flight) = self.queue.iter().find(same) {
            return flight.id;
        }
        let id = self.next;
        self.next += 1;
        self.queue.push_back(Arc::new(Flight {
            id,
            run: run.to_owned(),
            request: request.clone(),
            snapshot: Arc::clone(snapshot),
            watch: Arc::default(),
        }));
        id
    }

    /// Ends a computation that no job wants any more.
    pub(crate) fn ground(&mut self, flight: Option<u64>) {
        let Some(id) = flight else { return };
        if self.jobs.iter().any(|j| j.flight == Some(id)) {
            return;
        }
        self.queue.retain(|f| f.id != id);
        for flight in self.running.iter().filter(|f| f.id == id) {
            flight.watch.stop();
        }
    }

    /// The next computation, begun. One whose run is still being computed, for jobs that were called
    /// off, waits for its end.
    pub(crate) fn take(&mut self, time: i64) -> Option<Arc<Flight>> {
        let free = |f: &Arc<Flight>| self.running.iter().all(|r| r.run != f.run);
        let at = self.queue.iter().position(free)?;
        let flight = self.queue.remove(at)?;
        for job in self.jobs.iter_mut().filter(|j| j.flight == Some(flight.id)) {
            begin(&mut job.record, time);
        }
        self.running.push(Arc::clone(&flight));
        Some(flight)
    }

    /// Takes out the jobs and the results that are beyond what is kept: the ids of both.
    pub(crate) fn surplus(
        &mut self,
        limits: &AnalysisLimits,
        time: i64,
    ) -> (Vec<String>, Vec<String>) {
        let oldest = i64::try_from(limits.kept_for.as_millis()).unwrap_or(i64::MAX);
        let mut features = 0_usize;
        let mut runs = Vec::new();
        let mut left = Vec::new();
        for (rank, kept) in std::mem::take(&mut self.analyses)
            .into_iter()
            .rev()
            .enumerate()
        {
            features = features.saturating_add(kept.collection.dataset.len());
            let fits = rank == 0 || features <= limits.kept_features;
            let young = time.saturating_sub(kept.at) <= oldest;
            if rank < limits.kept_analyses && fits && young {
                left.push(kept);
            } else {
                runs.push(kept.collection.dataset.run.clone());
            }
        }
        left.reverse();
        self.analyses = left;
        let over = |j: &&Job| j.listed && !j.record.status.is_open();
        let mut bytes = 0;
        let mut gone: Vec<String> = Vec::new();
        for (rank, job) in self.jobs.iter().filter(over).rev().enumerate() {
            bytes += job.record.request.len();
            if rank >= limits.kept_jobs || bytes > KEPT_REQUESTS {
                gone.push(job.record.id.clone());
            }
        }
        gone.reverse();
        self.jobs.retain(|j| !gone.contains(&j.record.id));
        (gone, runs)
    }
}

fn begin(record: &mut JobRecord, time: i64) {
    record.status = JobStatus::Running;
    "computing".clone_into(&mut record.message);
    record.started = Some(time);
    record.updated = time;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(id: usize, bytes: usize) -> Job {
        Job {
            record: JobRecord {
                id: id.to_string(),
                run: String::new(),
                request: "x".repeat(bytes),
                answer: String::new(),
                status: JobStatus::Failed,
                code: None,
                message: String::new(),
                progress: 0,
                created: 0,
                started: None,
                finished: Some(0),
                updated: 0,
            },
            flight: None,
            listed: true,
            result: None,
        }
    }

    #[test]
    fn old_jobs_go_by_number_and_by_what_they_hold() {
        let limits = AnalysisLimits {
            kept_jobs: 3,
            ..AnalysisLimits::default()
        };
        let gone = |sizes: &[usize]| {
            let mut ledger = Ledger::default();
            let jobs = sizes.iter().enumerate();
            ledger.jobs = jobs.map(|(id, bytes)| ended(id, *bytes)).collect();
            ledger.surplus(&limits, 0).0.join(" ")
        };
        assert_eq!(gone(&[1, 1, 1]), "");
        assert_eq!(gone(&[1, 1, 1, 1, 1]), "0 1");
        assert_eq!(gone(&[1, KEPT_REQUESTS, 1]), "0 1");
        assert_eq!(gone(&[1, KEPT_REQUESTS - 1, 1]), "0");
    }
}
