//! What the benchmarks and the `figures` command share: generated data, a way into the store, and
//! clocks for CPU time.
//!
//! Nothing here ships.

pub mod clock;
pub mod generate;
pub mod load;

/// The numbers of incidents that benchmarks run with: 10⁴, 10⁵ and 10⁶, or up to the number in the
/// environment variable `ISOPLETH_BENCH_MAX`, 10⁷ at most.
#[must_use]
pub fn sizes() -> Vec<usize> {
    let most = std::env::var("ISOPLETH_BENCH_MAX")
        .ok()
        .and_then(|v| v.parse::<f64>().ok())
        .unwrap_or(1e6);
    [10_000, 100_000, 1_000_000, 10_000_000]
        .into_iter()
        .filter(|&n| n as f64 <= most)
        .collect()
}
