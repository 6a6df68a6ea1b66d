//! The most events in any window of one length along a line of time.
//!
//! Naus 1982, *Approximations for distributions of scan statistics*, JASA 77, doi
//! 10.1080/01621459.1982.10477783: the events are Poisson, and the whole is taken as a chain of
//! stretches of two windows each.

use super::poisson::{poisson_pmf, poisson_upper};

/// P(some window of one length, wherever it begins, holds at least `n` events), along a line of so many
/// lengths of it end to end, where a window holds `mean` on average. `None` unless the line has two
/// lengths at least, and all numbers are finite and more than 0.
///
/// Good where it is small. `n` = 1 is told exactly.
#[must_use]
pub fn scan_window_upper(n: u64, mean: f64, windows: f64) -> Option<f64> {
    let positive = |v: f64| v.is_finite() && v > 0.0;
    if !(positive(windows) && positive(mean)) || windows < 2.0 {
        return None;
    }
    if n == 0 {
        return Some(1.0);
    }
    if n == 1 {
        return Some(-libm::expm1(-mean * windows));
    }
    let psi = mean;
    let at = |k: i64| u64::try_from(k).map_or(0.0, |k| poisson_pmf(k, psi));
    // P(X ≤ k).
    let up_to = |k: i64| u64::try_from(k).map_or(0.0, |k| 1.0 - poisson_upper(k + 1, psi));
    let k = i64::try_from(n).ok()?;
    let (kf, below) = (n as f64, up_to(k - 1));
    let q2 =
        below * below - (kf - 1.0) * at(k) * at(k - 2) - (kf - 1.0 - psi) * at(k) * up_to(k - 3);
    let a1 = 2.0 * at(k) * below * ((kf - 1.0) * up_to(k - 2) - psi * up_to(k - 3));
    let a2 = 0.5
        * at(k)
        * at(k)
        * ((kf - 1.0) * (kf - 2.0) * up_to(k - 3) - 2.0 * (kf - 2.0) * psi * up_to(k - 4)
            + psi * psi * up_to(k - 5));
    let a3: f64 = (1..k)
        .map(|r| at(2 * k - r) * up_to(r - 1) * up_to(r - 1))
        .sum();
    let a4: f64 = (2..k)
        .map(|r| at(2 * k - r) * at(r) * ((r - 1) as f64 * up_to(r - 2) - psi * up_to(r - 3)))
        .sum();
    let q3 = below * below * below - a1 + a2 + a3 - a4;
    let none = q2 * (q3 / q2).powf(windows - 2.0);
    Some((1.0 - none).clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn as_ptools_prints_it() {
        // ptools (R), scanw(L, k, mu, n), printed to three digits: mu is the mean of a window, and the
        // exponent is L − k where Naus has the number of windows less 2. For k = 2 that is the same.
        let found = scan_window_upper(6, 0.6, 208.0).unwrap();
        assert!((found - 0.039_022_38).abs() < 5e-4, "{found}");
        let found = scan_window_upper(6, 1.0, 260.0 - 1.0 + 2.0).unwrap();
        assert!((found - 0.486_814).abs() < 5e-4, "{found}");
    }

    #[test]
    fn as_simulation_has_it() {
        // Events of a Poisson process: exponential gaps.
        let (length, window, mean, n) = (30.0, 1.5, 0.8, 6);
        let draws = 20_000_u32;
        let mut held = 0_u32;
        for replicate in 0..draws {
            let mut random = Random::of_replicate(5, u64::from(replicate));
            let (mut at, mut events) = (0.0, Vec::new());
            loop {
                at -= (1.0 - random.unit()).ln() / mean;
                if at >= length {
                    break;
                }
                events.push(at);
            }
            held += u32::from(events.windows(n).any(|w| w[n - 1] - w[0] <= window));
        }
        let simulated = f64::from(held) / f64::from(draws);
        let found = scan_window_upper(n as u64, mean * window, length / window).unwrap();
        // Four standard errors of the simulation: √(0.11 · 0.89 / 20,000) is 0.0022.
        assert!((found - simulated).abs() < 0.009, "{found} {simulated}");
    }

    #[test]
    fn nonsense_has_no_answer() {
        assert_eq!(scan_window_upper(3, 1.0, 1.5), None);
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(scan_window_upper(3, bad, 10.0), None);
            assert_eq!(scan_window_upper(3, 1.0, bad), None);
        }
        assert_eq!(scan_window_upper(0, 1.0, 10.0), Some(1.0));
        let some = scan_window_upper(1, 0.1, 10.0).unwrap();
        assert!((some - (1.0 - f64::exp(-1.0))).abs() < 1e-15);
    }
}
