//! What is counted, and the page that Prometheus reads it from.
//!
//! Labels are taken from closed lists: templates of routes, methods, statuses, codes. No path,
//! parameter or address ever becomes one.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, text};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::state::AppState;

/// Upper bounds of durations of requests, in seconds.
const REQUEST_SECONDS: [f64; 12] = [
    0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0,
];

/// Upper bounds of durations of refreshes, in seconds.
const REFRESH_SECONDS: [f64; 9] = [0.01, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0];

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: &'static str,
    method: &'static str,
    status: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CodeLabels {
    code: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CacheLabels {
    cache: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

/// The counts of a service. Cloning shares them.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    requests: Family<RequestLabels, Counter>,
    durations: Family<RouteLabels, Histogram, fn() -> Histogram>,
    bytes: Family<RouteLabels, Counter>,
    problems: Family<CodeLabels, Counter>,
    caches: Family<CacheLabels, Counter>,
    refreshes: Family<OutcomeLabels, Counter>,
    refresh_durations: Histogram,
    reloads: Family<OutcomeLabels, Counter>,
    /// Requests whose answers have not been sent to their ends.
    pub(crate) in_flight: Gauge,
    /// Open connections.
    pub(crate) connections: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            requests: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(REQUEST_SECONDS)),
            bytes: Family::default(),
            problems: Family::default(),
            caches: Family::default(),
            refreshes: Family::default(),
            refresh_durations: Histogram::new(REFRESH_SECONDS),
            reloads: Family::default(),
            in_flight: Gauge::default(),
            connections: Gauge::default(),
        }
    }
}

fn outcome(done: bool) -> OutcomeLabels {
    OutcomeLabels {
        outcome: if done { "ok" } else { "failed" },
    }
}

impl Metrics {
    /// Counts an answer whose head has been made.
    pub(crate) fn answered(
        &self,
        route: &'static str,
        method: &'static str,
        status: u16,
        took: Duration,
    ) {
        let labels = RequestLabels {
            route,
            method,
            status,
        };
        self.requests.get_or_create(&labels).inc();
        let durations = self.durations.get_or_create(&RouteLabels { route });
        durations.observe(took.as_secs_f64());
    }

    /// The counter of the bytes of bodies, as they are sent.
    pub(crate) fn bytes(&self, route: &'static str) -> Counter {
        self.bytes.get_or_create(&RouteLabels { route }).clone()
    }

    /// Counts a refusal or a failure.
    pub(crate) fn refused(&self, code: &'static str) {
        self.problems.get_or_create(&CodeLabels { code }).inc();
    }

    /// Counts a look into a cache.
    pub(crate) fn looked_up(&self, cache: &'static str, hit: bool) {
        let outcome = if hit { "hit" } else { "miss" };
        self.caches
            .get_or_create(&CacheLabels { cache, outcome })
            .inc();
    }

    /// Counts a publication, or one that could not be made.
    pub(crate) fn refreshed(&self, done: bool, took: Duration) {
        self.refreshes.get_or_create(&outcome(done)).inc();
        self.refresh_durations.observe(took.as_secs_f64());
    }

    /// Counts a change of the configuration, or one that could not be read.
    pub(crate) fn reloaded(&self, done: bool) {
        self.reloads.get_or_create(&outcome(done)).inc();
    }

    fn register(&self, registry: &mut Registry) {
        let http = registry.sub_registry_with_prefix("http");
        http.register(
            "requests",
            "Answers by template of the route",
            self.requests.clone(),
        );
        http.register_with_unit(
            "request_duration",
            "Time until the head of the answer was made",
            Unit::Seconds,
            self.durations.clone(),
        );
        http.register_with_unit(
            "response_size",
            "Bytes of bodies that were sent",
            Unit::Bytes,
            self.bytes.clone(),
        );
        http.register(
            "requests_in_flight",
            "Requests whose answers have not been sent to their ends",
            self.in_flight.clone(),
        );
        http.register("connections", "Open connections", self.connections.clone());
        http.register(
            "problems",
            "Refusals and failures by the code of their problem document",
            self.problems.clone(),
        );
        registry.register(
            "cache_lookups",
            "Looks into caches and how they ended",
            self.caches.clone(),
        );
        registry.register(
            "refreshes",
            "Publications made after a change, and failures to make one",
            self.refreshes.clone(),
        );
        registry.register_with_unit(
            "refresh_duration",
            "Time that publications took",
            Unit::Seconds,
            self.refresh_durations.clone(),
        );
        registry.register(
            "configuration_reloads",
            "Changes of the configuration, and those that could not be read",
            self.reloads.clone(),
        );
    }
}

/// All metrics of a service as OpenMetrics text.
pub(crate) fn page(state: &AppState) -> Result<String, std::fmt::Error> {
    let mut registry = Registry::with_prefix("isopleth");
    state.metrics().register(&mut registry);
    registry.register_collector(Box::new(Holdings(state.clone())));
    let mut out = String::new();
    text::encode_registry(&mut out, &registry)?;
    let mut process = Registry::default();
    process.register_collector(Box::new(Process));
    text::encode_registry(&mut out, &process)?;
    text::encode_eof(&mut out)?;
    Ok(out)
}

/// What is published at this moment.
struct Holdings(AppState);

impl std::fmt::Debug for Holdings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Holdings")
    }
}

impl Collector for Holdings {
    fn encode(&self, mut to: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        let mut gauge = |name: &str, help: &str, unit: Option<&Unit>, value: f64| {
            let gauge = ConstGauge::new(value);
            let metric = to.encode_descriptor(name, help, unit, gauge.metric_type())?;
            gauge.encode(metric)
        };
        let flag = |on: bool| f64::from(u8::from(on));
        let (none, seconds) = (None, Some(&Unit::Seconds));
        let state = &self.0;
        gauge(
            "ready",
            "Whether /readyz answers 200",
            none,
            flag(state.unready().is_none()),
        )?;
        gauge(
            "store_available",
            "Whether the store can be read",
            none,
            flag(state.trouble().is_none()),
        )?;
        gauge(
            "draining",
            "Whether shutdown has begun",
            none,
            flag(state.is_draining()),
        )?;
        let Some(now) = state.now() else {
            return Ok(());
        };
        let count = |n: usize| n as f64;
        let features = now.collections.iter().map(|c| c.dataset.len()).sum();
        let outdated = now.collections.iter().filter(|c| c.outdated.is_some());
        gauge(
            "collections",
            "Collections served",
            none,
            count(now.collections.len()),
        )?;
        gauge(
            "features",
            "Features of the runs served",
            none,
            count(features),
        )?;
        gauge(
            "layers_failed",
            "Saved layers that cannot be computed and have no earlier run",
            none,
            count(now.failures.len()),
        )?;
        gauge(
            "layers_outdated",
            "Saved layers that cannot be computed; an earlier run is served",
            none,
            count(outdated.count()),
        )?;
        gauge(
            "data_revision_age",
            "Time since a change of the data or of the saved layers was last published",
            seconds,
            now.made.elapsed().as_secs_f64(),
        )
    }
}

/// The process, where the system tells.
#[derive(Debug)]
struct Process;

impl Collector for Process {
    #[cfg(target_os = "linux")]
    fn encode(&self, mut to: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        use procfs::WithCurrentSystemInfo;
        let Ok(process) = procfs::process::Process::myself() else {
            return Ok(());
        };
        let mut gauge = |name: &str, help: &str, unit: Option<&Unit>, value: u64| {
            let gauge = ConstGauge::<f64>::new(value as f64);
            let metric = to.encode_descriptor(name, help, unit, gauge.metric_type())?;
            gauge.encode(metric)
        };
        let bytes = Some(&Unit::Bytes);
        if let Ok(open) = process.fd_count() {
            gauge(
                "process_open_fds",
                "Open file descriptors",
                None,
                open as u64,
            )?;
        }
        let most = process.limits().map(|l| l.max_open_files.soft_limit);
        if let Ok(procfs::process::LimitValue::Value(most)) = most {
            gauge("process_max_fds", "Most open file descriptors", None, most)?;
        }
        if let Ok(stat) = process.stat() {
            let (resident, virtual_size) = (stat.rss_bytes().get(), stat.vsize);
            gauge(
                "process_resident_memory",
                "Resident memory",
                bytes,
                resident,
            )?;
            gauge(
                "process_virtual_memory",
                "Virtual memory",
                bytes,
                virtual_size,
            )?;
            let threads = u64::try_from(stat.num_threads).unwrap_or_default();
            gauge("process_threads", "Threads", None, threads)?;
            let ticks = (stat.utime + stat.stime) as f64;
            let cpu = ConstCounter::new(ticks / procfs::ticks_per_second() as f64);
            let (name, help) = ("process_cpu", "Processor time, of users and of the system");
            let metric =
                to.encode_descriptor(name, help, Some(&Unit::Seconds), cpu.metric_type())?;
            cpu.encode(metric)?;
        }
        Ok(())
    }

    #[cfg(not(target_os = "linux"))]
    fn encode(&self, _: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        Ok(())
    }
}

/// Counts what is under way, for as long as it lives.
#[derive(Debug)]
pub(crate) struct Counted(Gauge);

impl Counted {
    /// One more.
    pub(crate) fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// The type of the counter behind [`Metrics::bytes`].
pub(crate) type Bytes = Counter<u64, AtomicU64>;
