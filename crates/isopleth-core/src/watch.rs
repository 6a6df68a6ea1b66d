//! Watching a run from outside: how far it is, and stopping it.
//!
//! A run is one call that may take minutes. Whoever makes it inside [`watched`] can read its progress
//! and stop it from another thread. Neither changes a result: a run that is not stopped does what it
//! does unwatched, and one that is stopped has no result at all, not a part of one.
//!
//! Long loops announce their steps and take them one by one. A step of a run that was stopped unwinds
//! to [`watched`], as a panic does but without being one, so that no loop has to carry a half-made
//! result to its end.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

thread_local! {
    /// The watch of the run that this thread works for.
    static CURRENT: RefCell<Option<Arc<Watch>>> = const { RefCell::new(None) };
}

/// What is known of a run, and told to it, while it goes on.
#[derive(Debug, Default)]
pub struct Watch {
    stopped: AtomicBool,
    announced: AtomicU64,
    taken: AtomicU64,
}

/// Why a watched run has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Halted {
    /// It was stopped.
    #[error("the run was stopped before it ended")]
    Stopped,
    /// It had no threads to run on.
    #[error(
        "the run got no threads of its own: {0}; allow more threads to the process, or set fewer for a run"
    )]
    NoThreads(String),
}

/// What unwinds a run that was stopped.
struct Stop;

impl Watch {
    /// Stops the run at its next step.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Whether it was stopped.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Share of the steps announced so far that have been taken, 0 to 1; none before the first is
    /// announced. A loop that begins later makes it smaller.
    #[must_use]
    pub fn progress(&self) -> Option<f64> {
        let announced = self.announced.load(Ordering::Relaxed);
        let taken = self.taken.load(Ordering::Relaxed).min(announced);
        (announced > 0).then(|| taken as f64 / announced as f64)
    }
}

/// Does `work` on `threads` threads of its own, as many as there are processors for 0, and under a
/// watch.
///
/// # Errors
/// [`Halted`] if it was stopped before its end, or got no threads.
///
/// # Panics
/// As `work` does.
pub fn watched<T: Send>(
    watch: &Arc<Watch>,
    threads: usize,
    work: impl FnOnce() -> T + Send,
) -> Result<T, Halted> {
    let own = Arc::clone(watch);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .start_handler(move |_| CURRENT.set(Some(Arc::clone(&own))))
        .build()
        .map_err(|error| Halted::NoThreads(error.to_string()))?;
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        pool.install(|| {
            pass();
            let made = work();
            pass();
            made
        })
    }));
    outcome.or_else(|cause| {
        if cause.is::<Stop>() {
            Err(Halted::Stopped)
        } else {
            resume_unwind(cause)
        }
    })
}

/// Announces steps.
pub(crate) fn ahead(steps: u64) {
    with(|watch| {
        watch.announced.fetch_add(steps, Ordering::Relaxed);
    });
}

/// Takes a step that was announced, or ends here if the run was stopped.
pub(crate) fn step() {
    pass();
    with(|watch| {
        watch.taken.fetch_add(1, Ordering::Relaxed);
    });
}

/// Goes on, or ends here if the run was stopped.
pub(crate) fn pass() {
    let mut stopped = false;
    with(|watch| stopped = watch.is_stopped());
    if stopped {
        // Unlike a panic this says nothing on standard error: nothing is wrong.
        resume_unwind(Box::new(Stop));
    }
}

/// Does something with the watch of this thread, if it has one.
fn with(what: impl FnOnce(&Watch)) {
    CURRENT.with_borrow(|watch| {
        if let Some(watch) = watch {
            what(watch);
        }
    });
}

#[cfg(test)]
mod tests {
    use rayon::prelude::*;

    use super::*;

    fn sum(steps: u64, at: impl Fn(u64) + Sync) -> u64 {
        ahead(steps);
        (0..steps)
            .into_par_iter()
            .map(|n| {
                step();
                at(n);
                n
            })
            .sum()
    }

    #[test]
    fn what_is_not_stopped_has_its_result_and_all_its_steps() {
        let watch = Arc::new(Watch::default());
        assert_eq!(watch.progress(), None);
        assert_eq!(watched(&watch, 2, || sum(1000, |_| ())), Ok(499_500));
        assert_eq!(watch.progress(), Some(1.0));
        assert_eq!(sum(10, |_| ()), 45, "and what nobody watches, too");
        assert_eq!(watch.progress(), Some(1.0), "which is none of its business");
    }

    #[test]
    fn what_is_stopped_ends_early_and_has_none() {
        let watch = Arc::new(Watch::default());
        let stop = |n| {
            if n == 7 {
                watch.stop();
            }
        };
        let found = watched(&watch, 2, || sum(10_000_000, stop));
        assert_eq!(found, Err(Halted::Stopped));
        assert!(watch.progress().unwrap() < 1.0);
        assert_eq!(
            watched(&watch, 1, || 1),
            Err(Halted::Stopped),
            "before it begins"
        );
    }

    #[test]
    fn a_panic_stays_one() {
        let watch = Arc::new(Watch::default());
        let broken = || watched(&watch, 1, || -> u8 { panic!("a fault") });
        let cause = catch_unwind(AssertUnwindSafe(broken)).unwrap_err();
        assert_eq!(cause.downcast_ref::<&str>(), Some(&"a fault"));
    }
}
