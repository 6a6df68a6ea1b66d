//! Who computes what clients ask for: a queue, workers, and the jobs that the store remembers.
//!
//! A *job* is what a client asked for. A *flight* is a computation: jobs that ask for the same run
//! share one, and it goes on for as long as one of them wants it. What is known of jobs is kept in
//! memory and written to the store before anybody is told of it, so that a service that was killed
//! takes up again what it had promised: results follow from request and data, and are computed anew.
//!
//! Two locks, taken in this order: the *desk* for whoever changes jobs or opens the store, the *ledger*
//! for moments.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use isopleth_core::watch::{Halted, watched};
use isopleth_core::{Demand, ENGINE, Request, RunError, Snapshot, demand};
use isopleth_io::layer::Layer;
use isopleth_store::{ANALYSIS_START, JobRecord, JobStatus, Run, Store, StoreError};
use tokio::sync::watch as news;

use crate::config::AnalysisLimits;
use crate::dataset::Dataset;
use crate::execution::Order;
use crate::ledger::{Flight, Job, Kept, Ledger};
use crate::problem::Problem;
use crate::published::Collection;
use crate::state::AppState;

/// How often an idle worker looks for results that are too old.
const IDLE: Duration = Duration::from_secs(60);

/// How often a result is offered to a store that others write to, each time for as long as the store
/// waits for them.
const ATTEMPTS: usize = 3;

/// Says of a job that it was taken up again after the service had ended.
const RESUMED: &str = "resumed";

/// Makes a layer of a request.
type Analyse = dyn Fn(&Snapshot, &Request) -> Result<Layer, RunError> + Send + Sync;

/// How a computation ended.
pub(crate) enum Finished {
    /// With a result.
    Made(Arc<Dataset>),
    /// Without.
    Failed {
        /// Stable code of the reason.
        code: String,
        /// The reason.
        reason: String,
    },
}

/// Why there is no result.
struct Failure {
    code: String,
    reason: String,
}

/// See the [module](self).
pub(crate) struct Analyst {
    store: PathBuf,
    limits: AnalysisLimits,
    analyse: Box<Analyse>,
    desk: Mutex<()>,
    ledger: Mutex<Ledger>,
    /// Wakes workers.
    work: Condvar,
    /// Tells those who wait that something has ended.
    ends: news::Sender<()>,
    /// The data as last read.
    snapshot: Mutex<Option<Arc<Snapshot>>>,
    /// One request is looked into at a time.
    turn: Arc<tokio::sync::Mutex<()>>,
}

fn locked<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// Takes an order and returns the id of its job; see [`Analyst::accept`].
///
/// # Errors
/// A [`Problem`].
pub(crate) async fn accept(
    state: &AppState,
    order: Order,
    listed: bool,
) -> Result<String, Problem> {
    let Some(analyst) = state.analyst() else {
        return Err(Problem::store_unavailable("this service has none"));
    };
    analyst.check_room()?;
    let turn = Arc::clone(&analyst.turn).lock_owned().await;
    apart(state.clone(), move |_, analyst| {
        let _turn = turn;
        analyst.accept(order, listed)
    })
    .await
}

/// Does something that may block.
///
/// # Errors
/// That of `what`; a [`Problem`] if it panicked or there is no analyst.
pub(crate) async fn apart<T: Send + 'static>(
    state: AppState,
    what: impl FnOnce(&AppState, &Analyst) -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let work = tokio::task::spawn_blocking(move || match state.analyst() {
        Some(analyst) => what(&state, analyst),
        None => Err(Problem::store_unavailable("this service has none")),
    });
    work.await.unwrap_or_else(|error| {
        tracing::error!(%error, "looking into a request panicked");
        Err(Problem::internal())
    })
}

/// Computes what is asked for, for as long as the analyst is not closed.
pub(crate) fn work(state: &AppState) {
    let Some(analyst) = state.analyst() else {
        return;
    };
    while let Some(flight) = analyst.next(state) {
        let outcome = catch_unwind(AssertUnwindSafe(|| analyst.compute(&flight)));
        let outcome = outcome.unwrap_or_else(|_| Err(Failure::internal()));
        analyst.settle(state, &flight, outcome);
    }
}

impl Failure {
    fn internal() -> Self {
        Self {
            code: "internal-error".to_owned(),
            reason: "the computation failed unexpectedly".to_owned(),
        }
    }
}

impl Analyst {
    /// Someone who works on the data of the store at a path.
    pub(crate) fn new(store: PathBuf, limits: AnalysisLimits, analyse: Box<Analyse>) -> Self {
        Self {
            store,
            limits,
            analyse,
            desk: Mutex::default(),
            ledger: Mutex::default(),
            work: Condvar::new(),
            ends: news::Sender::new(()),
            snapshot: Mutex::default(),
            turn: Arc::default(),
        }
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        locked(&self.ledger)
    }

    /// Held by whoever changes jobs or has the store open; the store's file may be replaced while it
    /// is held elsewhere.
    pub(crate) fn closed_desk(&self) -> MutexGuard<'_, ()> {
        locked(&self.desk)
    }

    /// Ends all computations and takes no new ones. Their jobs stay as they are: the next service takes
    /// them up again.
    pub(crate) fn close(&self) {
        let mut ledger = self.ledger();
        ledger.closed = true;
        for flight in &ledger.running {
            flight.watch.stop();
        }
        drop(ledger);
        self.work.notify_all();
    }

    /// Whether an analysis of this collection's name was once asked for by a job.
    pub(crate) fn has_made(&self, collection: &str) -> bool {
        let run = collection.strip_prefix(ANALYSIS_START);
        run.is_some_and(|run| self.ledger().jobs.iter().any(|j| j.record.run == run))
    }

    /// A job as it is now.
    ///
    /// # Errors
    /// A [`Problem`] if there is none of this id.
    pub(crate) fn job(&self, id: &str) -> Result<JobRecord, Problem> {
        let ledger = self.ledger();
        let job = ledger.listed().find(|j| j.record.id == id);
        job.map(|j| ledger.present(j))
            .ok_or_else(|| Problem::job_not_found(id))
    }

    /// All jobs as they are now, the latest first.
    pub(crate) fn jobs(&self) -> Vec<JobRecord> {
        let ledger = self.ledger();
        let mut jobs: Vec<_> = ledger.listed().map(|j| ledger.present(j)).collect();
        jobs.reverse();
        jobs
    }

    /// The result of a run that is kept.
    pub(crate) fn result(&self, run: &str) -> Option<Arc<Dataset>> {
        self.ledger().kept(run)
    }

    /// Waits for the end of a computation.
    ///
    /// # Errors
    /// A [`Problem`] if it was called off.
    pub(crate) async fn ended(&self, job: &str) -> Result<Finished, Problem> {
        let mut ends = self.ends.subscribe();
        loop {
            if let Some(finished) = self.finished(job)? {
                return Ok(finished);
            }
            if ends.changed().await.is_err() {
                return Err(Problem::internal());
            }
        }
    }

    fn finished(&self, id: &str) -> Result<Option<Finished>, Problem> {
        let ledger = self.ledger();
        let job = ledger.jobs.iter().find(|j| j.record.id == id);
        let job = job.ok_or_else(|| Problem::job_not_found(id))?;
        Ok(match (job.record.status, &job.result) {
            (JobStatus::Successful, Some(dataset)) => Some(Finished::Made(Arc::clone(dataset))),
            (JobStatus::Failed, _) => Some(Finished::Failed {
                code: job.record.code.clone().unwrap_or_default(),
                reason: job.record.message.clone(),
            }),
            (status, _) if status.is_open() => None,
            _ => return Err(Problem::result_gone(id, "it was dismissed")),
        })
    }

    fn check_room(&self) -> Result<(), Problem> {
        let allowed = self.limits.workers.max(1) + self.limits.queue;
        let ledger = self.ledger();
        let open = ledger
            .jobs
            .iter()
            .filter(|j| j.record.status.is_open())
            .count();
        match open < allowed {
            true => Ok(()),
            false => Err(Problem::queue_full(allowed)),
        }
    }

    /// Holds what a request asks for against the limits.
    fn check(&self, asked: &Demand) -> Result<(), Problem> {
        let limits = &self.limits;
        let area_km2 = asked.area_m2 / 1e6;
        if area_km2 > limits.max_area_km2 as f64 {
            let rounded = (area_km2 * 1000.0).ceil() / 1000.0;
            let (asked, most) = (rounded.into(), limits.max_area_km2.into());
            return Err(Problem::limit_exceeded("area_km2", asked, most));
        }
        for (name, asked, most) in [
            ("incidents", asked.incidents, limits.max_incidents),
            ("cells", asked.cells, limits.max_cells),
            ("replicates", asked.replicates, limits.max_replicates),
        ] {
            if asked > most {
                return Err(Problem::limit_exceeded(name, asked.into(), most.into()));
            }
        }
        Ok(())
    }

    /// The store, opened for as long as the desk is held.
    fn open(&self, _desk: &MutexGuard<'_, ()>) -> Result<Store, Problem> {
        Store::open(&self.store).map_err(|error| told(&error))
    }

    /// The data as they are now.
    fn snapshot(&self) -> Result<Arc<Snapshot>, Problem> {
        let desk = self.closed_desk();
        let store = self.open(&desk)?;
        let mut held = locked(&self.snapshot);
        let revision = store.data_revision().map_err(|e| told(&e))?;
        if let Some(snapshot) = held.as_ref().filter(|s| s.revision == revision) {
            return Ok(Arc::clone(snapshot));
        }
        // Let go of the old one first: both at a time may be more than there is room for.
        *held = None;
        let fresh = Arc::new(store.snapshot().map_err(|e| told(&e))?);
        *held = Some(Arc::clone(&fresh));
        Ok(fresh)
    }

    /// Takes an order: looks what it asks for, and queues it unless its result is there or on its way.
    /// A job that is `listed` is in the store before this returns; others are for who waits.
    ///
    /// # Errors
    /// A [`Problem`] for orders that cannot be run or ask for too much, for a full queue, and for a
    /// store that takes nothing.
    fn accept(&self, order: Order, listed: bool) -> Result<String, Problem> {
        self.check_room()?;
        let snapshot = self.snapshot()?;
        let asked = demand(&snapshot, &order.request)
            .map_err(|e| Problem::analysis_failed(e.code(), &e.to_string()))?;
        self.check(&asked)?;
        let run = order.request.run_id(&snapshot.revision);
        let desk = self.closed_desk();
        let known = self.result(&run);
        let time = now();
        let mut record = JobRecord {
            id: fresh_id(),
            run: run.clone(),
            request: order.request.canonical().to_string(),
            answer: order.answer.name().to_owned(),
            status: JobStatus::Accepted,
            code: None,
            message: "waiting for its turn".to_owned(),
            progress: 0,
            created: time,
            started: None,
            finished: None,
            updated: time,
        };
        if known.is_some() {
            record.started = Some(time);
            end(
                &mut record,
                JobStatus::Successful,
                "its result was there already",
                time,
            );
        }
        if listed {
            let mut store = self.open(&desk)?;
            let entry = std::slice::from_ref(&record);
            store.put_jobs(entry, None).map_err(|e| told(&e))?;
        }
        let id = record.id.clone();
        let mut ledger = self.ledger();
        let flight = match known {
            Some(_) => None,
            None => Some(ledger.join(&run, &order.request, &snapshot, &mut record)),
        };
        ledger.jobs.push(Job {
            record,
            flight,
            listed,
            result: known,
        });
        drop(ledger);
        self.work.notify_one();
        Ok(id)
    }

    /// Makes a job that the store remembers of one that only its client knew.
    ///
    /// # Errors
    /// A [`Problem`] if the store does not take it.
    pub(crate) fn list(&self, id: &str) -> Result<JobRecord, Problem> {
        let desk = self.closed_desk();
        let unknown = || Problem::job_not_found(id);
        let found = self.ledger().find(id).map(|j| j.record.clone());
        let record = found.ok_or_else(unknown)?;
        let mut store = self.open(&desk)?;
        let entry = std::slice::from_ref(&record);
        store.put_jobs(entry, None).map_err(|e| told(&e))?;
        let mut ledger = self.ledger();
        let job = ledger.find(id).ok_or_else(unknown)?;
        job.listed = true;
        job.result = None;
        Ok(job.record.clone())
    }

    /// Forgets a job that nobody was told of.
    pub(crate) fn leave(&self, id: &str) {
        let mut ledger = self.ledger();
        let at = ledger
            .jobs
            .iter()
            .position(|j| j.record.id == id && !j.listed);
        if let Some(at) = at {
            let job = ledger.jobs.remove(at);
            ledger.ground(job.flight);
        }
    }

    /// Calls a job off, or gives up its result.
    ///
    /// # Errors
    /// A [`Problem`] if there is none of this id, or the store does not take the change.
    pub(crate) fn dismiss(&self, state: &AppState, id: &str) -> Result<JobRecord, Problem> {
        let desk = self.closed_desk();
        let mut record = self.job(id)?;
        let before = record.status;
        if before == JobStatus::Dismissed {
            return Ok(record);
        }
        let mut store = self.open(&desk)?;
        end(&mut record, JobStatus::Dismissed, "dismissed", now());
        let entry = std::slice::from_ref(&record);
        store.put_jobs(entry, None).map_err(|e| told(&e))?;
        let mut ledger = self.ledger();
        let Some(job) = ledger.find(id) else {
            return Err(Problem::job_not_found(id));
        };
        job.record = record.clone();
        let flight = job.flight.take();
        ledger.ground(flight);
        let wanted =
            |j: &Job| j.record.run == record.run && j.record.status == JobStatus::Successful;
        let unwanted = before == JobStatus::Successful && !ledger.jobs.iter().any(wanted);
        if unwanted {
            ledger
                .analyses
                .retain(|k| k.collection.dataset.run != record.run);
        }
        let collections = ledger.collections();
        drop(ledger);
        if unwanted {
            state.set_analyses(collections);
            let gone = std::slice::from_ref(&record.run);
            // Nothing leads to it any more; what is left behind goes with its age.
            if let Err(error) = store.remove_jobs(&[], gone) {
                tracing::warn!(%error, run = record.run, "cannot remove a dismissed result yet");
            }
        }
        self.ends.send_replace(());
        Ok(record)
    }

    /// The next computation; waits for one. None once the analyst is closed.
    fn next(&self, state: &AppState) -> Option<Arc<Flight>> {
        let flight = loop {
            let mut ledger = self.ledger();
            if ledger.closed {
                return None;
            }
            if let Some(flight) = ledger.take(now()) {
                break flight;
            }
            let waited = self.work.wait_timeout(ledger, IDLE);
            let (ledger, waited) = waited.unwrap_or_else(PoisonError::into_inner);
            drop(ledger);
            if waited.timed_out() {
                self.tidy(state, &self.closed_desk());
            }
        };
        let desk = self.closed_desk();
        let begun: Vec<_> = self
            .ledger()
            .of(&flight)
            .filter(|j| j.listed)
            .map(|j| j.record.clone())
            .collect();
        // That it was begun matters only if it ends the service.
        if let Err(error) = self.written(&desk, &begun, None) {
            tracing::warn!(%error, run = flight.run, "cannot note yet that a job has begun");
        }
        Some(flight)
    }

    /// Writes jobs, and what they made, to the store.
    fn written(
        &self,
        _desk: &MutexGuard<'_, ()>,
        jobs: &[JobRecord],
        made: Option<(&Run, i64)>,
    ) -> Result<(), StoreError> {
        if jobs.is_empty() && made.is_none() {
            return Ok(());
        }
        let mut store = Store::open(&self.store)?;
        for _ in 1..ATTEMPTS {
            match store.put_jobs(jobs, made) {
                Err(StoreError::Busy) => {}
                other => return other,
            }
        }
        store.put_jobs(jobs, made)
    }

    fn compute(&self, flight: &Flight) -> Result<Layer, Failure> {
        let known = {
            let desk = self.closed_desk();
            self.open(&desk)
                .ok()
                .and_then(|store| store.run(&flight.run).ok().flatten())
        };
        if let Some(run) = known {
            return Ok(run.result);
        }
        let out_of_time = AtomicBool::new(false);
        let outcome = std::thread::scope(|scope| {
            let (done, end) = channel::<()>();
            let (late, most) = (&out_of_time, self.limits.max_run);
            let clock = std::thread::Builder::new().spawn_scoped(scope, move || {
                if end.recv_timeout(most) == Err(RecvTimeoutError::Timeout) {
                    late.store(true, Ordering::Relaxed);
                    flight.watch.stop();
                }
            });
            if let Err(error) = clock {
                tracing::error!(%error, "a computation has no clock");
                return Err(Failure::internal());
            }
            let run = || (self.analyse)(&flight.snapshot, &flight.request);
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                watched(&flight.watch, self.limits.threads, run)
            }));
            drop(done);
            outcome.map_err(|_| {
                tracing::error!(run = flight.run, "a computation panicked");
                Failure::internal()
            })
        });
        match outcome? {
            Ok(Ok(layer)) => Ok(layer),
            Ok(Err(error)) => Err(Failure {
                code: error.code().to_owned(),
                reason: error.to_string(),
            }),
            Err(Halted::Stopped) if out_of_time.load(Ordering::Relaxed) => Err(Failure {
                code: "time-limit".to_owned(),
                reason: format!(
                    "the computation was stopped after {} s, which is as long as one may take; ask \
                     for fewer cells, replicates or incidents",
                    self.limits.max_run.as_secs_f64()
                ),
            }),
            Err(halted) => {
                tracing::warn!(%halted, run = flight.run, "a computation has no result");
                Err(Failure::internal())
            }
        }
    }

    /// Ends the jobs of a computation. Its result is in the store and among the collections before any
    /// of them says that it is there.
    fn settle(&self, state: &AppState, flight: &Flight, outcome: Result<Layer, Failure>) {
        let desk = self.closed_desk();
        let ledger = self.ledger();
        let open: Vec<JobRecord> = ledger.of(flight).map(|j| j.record.clone()).collect();
        let listed: Vec<String> = ledger
            .of(flight)
            .filter(|j| j.listed)
            .map(|j| j.record.id.clone())
            .collect();
        // A service that ends leaves its jobs to the next.
        let over = open.is_empty() || ledger.closed;
        drop(ledger);
        if over {
            self.landed(flight);
            return;
        }
        let time = now();
        let run = outcome.map(|result| Run {
            id: flight.run.clone(),
            layer: format!("{ANALYSIS_START}{}", flight.run),
            request: flight.request.clone(),
            data_revision: flight.snapshot.revision.clone(),
            engine: ENGINE.to_owned(),
            result,
        });
        let ended = |outcome: Result<(), &Failure>| -> Vec<JobRecord> {
            let mut open = open.clone();
            for job in &mut open {
                match outcome {
                    Ok(()) => end(job, JobStatus::Successful, "the result is there", time),
                    Err(failure) => {
                        end(job, JobStatus::Failed, &failure.reason, time);
                        job.code = Some(failure.code.clone());
                    }
                }
            }
            open
        };
        let of_store = |jobs: &[JobRecord]| -> Vec<JobRecord> {
            jobs.iter()
                .filter(|j| listed.contains(&j.id))
                .cloned()
                .collect()
        };
        let (jobs, dataset) = match run {
            Ok(run) => {
                let jobs = ended(Ok(()));
                match self.written(&desk, &of_store(&jobs), Some((&run, time))) {
                    Ok(()) => (jobs, Some(Arc::new(Dataset::new(run.id, run.result)))),
                    Err(error) => {
                        tracing::error!(%error, run = flight.run, "cannot save a result");
                        let failure = Failure {
                            code: "store-unavailable".to_owned(),
                            reason: format!("the result could not be saved ({})", error.code()),
                        };
                        (ended(Err(&failure)), None)
                    }
                }
            }
            Err(failure) => {
                let jobs = ended(Err(&failure));
                if let Err(error) = self.written(&desk, &of_store(&jobs), None) {
                    tracing::error!(%error, run = flight.run, "cannot note that a job has failed");
                }
                (jobs, None)
            }
        };
        if let Some(dataset) = &dataset {
            let mut ledger = self.ledger();
            ledger.keep(Kept::new(Arc::clone(dataset), time));
            let collections = ledger.collections();
            drop(ledger);
            state.set_analyses(collections);
        }
        let mut ledger = self.ledger();
        for record in jobs {
            if let Some(job) = ledger.find(&record.id) {
                job.result = dataset.clone().filter(|_| !job.listed);
                job.record = record;
                job.flight = None;
            }
        }
        drop(ledger);
        self.landed(flight);
        self.tidy(state, &desk);
        self.ends.send_replace(());
    }

    /// A worker has done with a computation.
    fn landed(&self, flight: &Flight) {
        self.ledger().running.retain(|f| f.id != flight.id);
        self.work.notify_all();
    }

    /// Lets go of jobs and results that are beyond what is kept.
    fn tidy(&self, state: &AppState, desk: &MutexGuard<'_, ()>) {
        let mut ledger = self.ledger();
        let (jobs, runs) = ledger.surplus(&self.limits, now());
        let collections = ledger.collections();
        drop(ledger);
        if !runs.is_empty() {
            state.set_analyses(collections);
        }
        if jobs.is_empty() && runs.is_empty() {
            return;
        }
        let removed = self
            .open(desk)
            .map(|mut store| store.remove_jobs(&jobs, &runs));
        if !matches!(removed, Ok(Ok(()))) {
            // Whatever is left is seen again when the service starts.
            tracing::warn!("cannot remove old jobs and results from the store yet");
        }
    }

    /// Begins anew with what the store remembers: kept results are published, and jobs that had not
    /// come to their end are taken up again.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read.
    pub(crate) fn resume(&self, state: &AppState) -> Result<(), StoreError> {
        let desk = self.closed_desk();
        let mut ledger = self.ledger();
        for flight in &ledger.running {
            flight.watch.stop();
        }
        *ledger = Ledger {
            running: std::mem::take(&mut ledger.running),
            closed: ledger.closed,
            next: ledger.next,
            ..Ledger::default()
        };
        drop(ledger);
        *locked(&self.snapshot) = None;
        let mut store = Store::open(&self.store)?;
        let (mut kept, mut lost) = (Vec::new(), Vec::new());
        for analysis in store.analyses()? {
            match store.run(&analysis.run) {
                Ok(Some(run)) => {
                    let dataset = Arc::new(Dataset::new(run.id, run.result));
                    kept.push(Kept::new(dataset, analysis.kept));
                }
                Ok(None) => lost.push(analysis.run),
                Err(error @ StoreError::Document { .. }) => {
                    tracing::warn!(%error, run = analysis.run, "cannot read an analysis");
                    lost.push(analysis.run);
                }
                Err(error) => return Err(error),
            }
        }
        let mut jobs = store.jobs()?;
        let mut snapshot = None;
        if jobs.iter().any(|j| j.status.is_open()) {
            snapshot = Some(Arc::new(store.snapshot()?));
        }
        let time = now();
        let mut again = Vec::new();
        for job in jobs.iter_mut().filter(|j| j.status.is_open()) {
            let request = Request::from_json(&job.request);
            let taken_up = job.code.as_deref() == Some(RESUMED);
            match (request, &snapshot) {
                (Ok(_), _) if taken_up && job.status == JobStatus::Running => {
                    let reason = "the service ended twice during the computation";
                    end(job, JobStatus::Failed, reason, time);
                    job.code = Some("interrupted".to_owned());
                }
                (Ok(request), Some(snapshot)) => {
                    job.run = request.run_id(&snapshot.revision);
                    if job.status == JobStatus::Running {
                        job.code = Some(RESUMED.to_owned());
                    }
                    job.status = JobStatus::Accepted;
                    "taken up again after the service had ended".clone_into(&mut job.message);
                    (job.started, job.updated) = (None, time);
                    again.push((job.id.clone(), request, Arc::clone(snapshot)));
                }
                (Err(error), _) => {
                    end(job, JobStatus::Failed, &error.to_string(), time);
                    job.code = Some("invalid-request".to_owned());
                }
                (Ok(_), None) => {}
            }
        }
        store.put_jobs(&jobs, None)?;
        if !lost.is_empty() {
            store.remove_jobs(&[], &lost)?;
        }
        drop(store);
        *locked(&self.snapshot) = snapshot;
        let mut ledger = self.ledger();
        ledger.analyses = kept;
        for mut record in jobs {
            let resumed = again.iter().find(|a| a.0 == record.id);
            let flight = resumed.map(|(_, request, snapshot)| {
                ledger.join(&record.run.clone(), request, snapshot, &mut record)
            });
            ledger.jobs.push(Job {
                record,
                flight,
                listed: true,
                result: None,
            });
        }
        let collections = ledger.collections();
        drop(ledger);
        state.set_analyses(collections);
        self.tidy(state, &desk);
        self.work.notify_all();
        self.ends.send_replace(());
        Ok(())
    }
}

/// Brings a record to its end.
fn end(record: &mut JobRecord, status: JobStatus, message: &str, time: i64) {
    record.status = status;
    message.clone_into(&mut record.message);
    record.code = None;
    if status == JobStatus::Successful {
        record.progress = 100;
    }
    record.finished = Some(time);
    record.updated = time;
}

/// What a client is told of a store that cannot be used. Paths stay in the log.
fn told(error: &StoreError) -> Problem {
    tracing::warn!(%error, "the store cannot be used for an analysis");
    match error {
        StoreError::Busy => Problem::store_busy(),
        other => Problem::store_unavailable(other.code()),
    }
}

/// An id that nobody guesses and that is not there yet.
fn fresh_id() -> String {
    use std::hash::{BuildHasher, RandomState};
    let part = || RandomState::new().hash_one(now());
    format!("{:016x}{:016x}", part(), part())
}

impl Kept {
    fn new(dataset: Arc<Dataset>, at: i64) -> Self {
        Self {
            at,
            collection: Collection {
                id: format!("{ANALYSIS_START}{}", dataset.run),
                dataset,
                archived: true,
                outdated: None,
                analysis: true,
            },
        }
    }
}
