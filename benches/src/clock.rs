//! CPU time. On a machine that others use too, wall time says more about them than about us.

use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use nix::time::{ClockId, clock_gettime};

/// CPU time that this process has used so far, all threads, user and system.
///
/// # Panics
/// If the system has no such clock.
#[must_use]
pub fn own() -> Duration {
    clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID)
        .expect("a clock of CPU time")
        .into()
}

/// CPU time that this thread has used so far, user and system.
///
/// # Panics
/// If the system has no such clock.
#[must_use]
pub fn own_thread() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)
        .expect("a clock of CPU time")
        .into()
}

/// CPU time that the child processes that have ended used, user and system.
///
/// # Panics
/// If the system does not account for children.
#[must_use]
pub fn children() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("accounts of children");
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

/// The CPU seconds of one call, and what it returned.
pub fn cpu<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let before = own();
    let result = work();
    ((own() - before).as_secs_f64(), result)
}

/// CPU seconds of repeated calls, in order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Runs(pub Vec<f64>);

impl Runs {
    /// Five calls.
    pub fn five<T>(mut work: impl FnMut() -> T) -> Self {
        Self((0..5).map(|_| cpu(&mut work).0).collect())
    }

    /// Five calls, with something else before each that does not count.
    pub fn five_after<T>(mut before: impl FnMut(), mut work: impl FnMut() -> T) -> Self {
        let each = (0..5).map(|_| {
            before();
            cpu(&mut work).0
        });
        Self(each.collect())
    }

    /// The first call: caches of the program are cold, and so is its memory.
    #[must_use]
    pub fn first(&self) -> f64 {
        self.0.first().copied().unwrap_or(f64::NAN)
    }

    /// The median.
    #[must_use]
    pub fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
    }
}

/// Memory of this process that is resident, in bytes; `None` where there is no `/proc`.
#[must_use]
pub fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}
