//! What a service is told when it starts.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Configuration of a service.
#[derive(Debug, Clone)]
pub struct Config {
    /// Address to listen on; port 0 takes any free port.
    pub bind: SocketAddr,
    /// The store to serve.
    pub store: PathBuf,
    /// The address that clients reach the service by, where that is not the `Host` they send:
    /// `https://maps.example.org/isopleth`. Links start with it.
    pub public_base_url: Option<String>,
    /// Limits.
    pub limits: Limits,
}

/// Limits of a service.
#[derive(Debug, Clone)]
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
    /// How long requests under way may take to finish once shutdown has begun.
    pub drain: Duration,
    /// How long a client may take to send the head of a request; a connection without a request
    /// is closed after as long.
    pub header_timeout: Duration,
    /// Most connections at a time; others wait to be accepted.
    pub max_connections: usize,
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
            drain: Duration::from_secs(20),
            header_timeout: Duration::from_secs(30),
            max_connections: 1024,
        }
    }
}
