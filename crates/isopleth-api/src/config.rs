//! What a service is told when it starts.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

/// Configuration of a service. `bind`, `metrics_bind`, `store` and [`Limits::kept_runs`] are read
/// when the service starts; all else can be [changed](crate::AppState::apply) while it runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Address to listen on; port 0 takes any free port.
    pub bind: SocketAddr,
    /// Address that metrics and health are to be had at, apart from the data; none without one.
    pub metrics_bind: Option<SocketAddr>,
    /// The store to serve.
    pub store: PathBuf,
    /// The address that clients reach the service by, where that is not the `Host` they send:
    /// `https://maps.example.org/isopleth`. Links start with it.
    pub public_base_url: Option<String>,
    /// Addresses of the proxies whose `Forwarded` and `X-Forwarded-*` headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Hosts that requests may name, each with its port where it matters; none allows every host.
    pub allowed_hosts: Vec<String>,
    /// Origins of web pages that may read answers: `https://maps.example.org`, or `*` alone for
    /// any; none allows no page of another origin.
    pub allowed_origins: Vec<String>,
    /// Where the map page finds tiles to lie below its layers:
    /// `https://tiles.example.org/{z}/{x}/{y}.png`; none for a plain ground.
    pub basemap: Option<String>,
    /// Whom those tiles are owed to, in words that the map page shows with them:
    /// `© OpenStreetMap contributors`.
    pub basemap_attribution: Option<String>,
    /// Limits.
    pub limits: Limits,
}

impl Config {
    /// The defaults, for a store.
    #[must_use]
    pub fn new(store: PathBuf) -> Self {
        Self {
            bind: SocketAddr::from(([127, 0, 0, 1], 8080)),
            metrics_bind: None,
            store,
            public_base_url: None,
            trusted_proxies: Vec::new(),
            allowed_hosts: Vec::new(),
            allowed_origins: vec!["*".to_owned()],
            basemap: None,
            basemap_attribution: None,
            limits: Limits::default(),
        }
    }
}

/// Limits of a service.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Features of a page when the request does not say.
    pub default_limit: u64,
    /// Most features of a page; larger requests are cut down to it.
    pub max_limit: u64,
    /// Runs kept in memory besides the published ones.
    pub kept_runs: usize,
    /// Memory for tiles that were cut, bytes.
    pub tile_cache_bytes: u64,
    /// How often the store is asked whether anything has changed.
    pub poll_interval: Duration,
    /// How long a request waits for the first publication before it is told to come back.
    pub startup_wait: Duration,
    /// How long `/readyz` has answered 503 before shutdown closes the listener, so that whoever
    /// distributes requests can go elsewhere first.
    pub drain_delay: Duration,
    /// How long requests under way may take to finish once the listener is closed.
    pub drain: Duration,
    /// How long a client may take to send the head of a request; a connection without a request
    /// is closed after as long.
    pub header_timeout: Duration,
    /// How long a client may take no byte of an answer before its connection is closed.
    pub write_timeout: Duration,
    /// How long an answer may take to begin.
    pub request_timeout: Duration,
    /// Most connections at a time; others wait to be accepted.
    pub max_connections: usize,
    /// The folder in which files for download are kept while the service runs; without one, that
    /// of the system for temporary files. The service makes a folder of its own in it and removes
    /// it when it ends.
    pub file_cache_folder: Option<PathBuf>,
    /// Most bytes of files for download that are kept, and so the largest file that can be had.
    pub file_cache_bytes: u64,
    /// Most requests under way at a time; others are told to come back.
    pub max_requests: usize,
    /// Longest path with query, in bytes.
    pub max_uri: usize,
    /// Most bytes of names and values of a request's headers.
    pub max_headers: usize,
    /// Largest body of a request, in bytes.
    pub max_body: usize,
    /// Requests a minute that one client may send in the long run; 0 sets no rate.
    pub rate_per_minute: u32,
    /// Requests that one client may send at once after a pause.
    pub rate_burst: u32,
    /// What clients may ask to be analysed.
    pub analyses: AnalysisLimits,
}

/// Limits of the analyses that clients ask for. Saved layers are the operator's own and have none.
///
/// What a request asks for is told before it is run; see [`Demand`](isopleth_core::Demand).
#[derive(Debug, Clone, PartialEq)]
pub struct AnalysisLimits {
    /// Most ground of a request, km².
    pub max_area_km2: u64,
    /// Most cells of a request.
    pub max_cells: u64,
    /// Most permutations, replicates and runs of a request.
    pub max_replicates: u64,
    /// Most incidents that a request selects.
    pub max_incidents: u64,
    /// How long a computation may take.
    pub max_run: Duration,
    /// How long a client is kept waiting for a result at most.
    pub max_wait: Duration,
    /// How many computations go on at a time.
    pub workers: usize,
    /// Threads of each computation; as many as there are processors for 0.
    pub threads: usize,
    /// Most jobs that wait for a worker.
    pub queue: usize,
    /// Most jobs that are remembered after their end; the oldest go first.
    pub kept_jobs: usize,
    /// Most results that are kept as collections; the oldest go first.
    pub kept_analyses: usize,
    /// Most features of all results that are kept. The latest is kept however many it has.
    pub kept_features: usize,
    /// How long a result is kept as a collection.
    pub kept_for: Duration,
}

impl Default for AnalysisLimits {
    fn default() -> Self {
        Self {
            max_area_km2: 25_000,
            max_cells: 500_000,
            max_replicates: 99_999,
            max_incidents: 2_000_000,
            max_run: Duration::from_secs(600),
            max_wait: Duration::from_secs(5),
            workers: 1,
            threads: 0,
            queue: 16,
            kept_jobs: 200,
            kept_analyses: 100,
            kept_features: 1_000_000,
            kept_for: Duration::from_secs(7 * 86_400),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            default_limit: 10,
            max_limit: 10_000,
            kept_runs: 32,
            tile_cache_bytes: 64 << 20,
            poll_interval: Duration::from_secs(1),
            startup_wait: Duration::from_secs(20),
            drain_delay: Duration::ZERO,
            drain: Duration::from_secs(20),
            header_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            request_timeout: Duration::from_secs(60),
            max_connections: 1024,
            file_cache_folder: None,
            file_cache_bytes: 4 << 30,
            max_requests: 512,
            max_uri: 8 * 1024,
            max_headers: 32 * 1024,
            max_body: 1024 * 1024,
            // Behind a proxy that is not declared as trusted all clients are one.
            rate_per_minute: 0,
            rate_burst: 1000,
            analyses: AnalysisLimits::default(),
        }
    }
}
