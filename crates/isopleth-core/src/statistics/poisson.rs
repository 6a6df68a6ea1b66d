//! The Poisson distribution, exactly.

use super::binomial::{deviance, stirling_error};

/// P(X = k) for X Poisson with a mean. NaN for a mean that is none.
#[must_use]
pub fn poisson_pmf(k: u64, mean: f64) -> f64 {
    if !(mean.is_finite() && mean >= 0.0) {
        return f64::NAN;
    }
    if k == 0 {
        return (-mean).exp();
    }
    if mean == 0.0 {
        return 0.0;
    }
    let kf = k as f64;
    (-stirling_error(kf) - deviance(kf, mean)).exp() / (std::f64::consts::TAU * kf).sqrt()
}

/// P(X ≥ k) for X Poisson with a mean: a sum of exact terms from k away from the mean, which fall at
/// least geometrically. NaN for a mean that is negative or not finite.
#[must_use]
pub fn poisson_upper(k: u64, mean: f64) -> f64 {
    if !(mean.is_finite() && mean >= 0.0) {
        return f64::NAN;
    }
    if k == 0 {
        return 1.0;
    }
    let upward = k as f64 >= mean;
    let mut at = if upward { k } else { k - 1 };
    let (mut term, mut sum) = (poisson_pmf(at, mean), 0.0);
    loop {
        let next = sum + term;
        if next == sum || (!upward && at == 0) {
            return if upward {
                next.min(1.0)
            } else {
                (1.0 - next).max(0.0)
            };
        }
        sum = next;
        if upward {
            at += 1;
            term *= mean / at as f64;
        } else {
            term *= at as f64 / mean;
            at -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn as_r_has_it() {
        // R 4.2.2: ppois(k − 1, mean, lower.tail = FALSE).
        for (k, mean, expected) in [
            (0, 3.5, 1.0),
            (1, 0.01, 9.950_166_250_831_947e-3),
            (5, 12.5, 0.994_654_494_512_865_9),
            (13, 10.143_816_1, 0.222_266_670_595_418_1),
            (19, 4.0, 5.158_784_033_873_662e-8),
            (60, 5.0, 7.649_610_081_149_393e-43),
            (900, 1000.0, 0.999_377_402_215_724_9),
            (1100, 1000.0, 9.626_304_058_665_573e-4),
            (200_000, 201_000.5, 0.987_265_416_586_785_2),
            (1_010_000, 1e6, 9.039_206_398_099_638e-24),
        ] {
            let found = poisson_upper(k, mean);
            assert!(
                (found - expected).abs() <= 1e-11 * expected,
                "{k} {mean}: {found}"
            );
        }
    }

    #[test]
    fn ends() {
        assert_eq!(poisson_upper(0, 0.0).to_bits(), 1.0_f64.to_bits());
        assert_eq!(poisson_upper(1, 0.0).to_bits(), 0.0_f64.to_bits());
        assert_eq!(poisson_upper(10_000, 1.0).to_bits(), 0.0_f64.to_bits());
        for bad in [-1.0, f64::NAN, f64::INFINITY] {
            assert!(poisson_upper(3, bad).is_nan() && poisson_pmf(0, bad).is_nan());
        }
    }

    proptest! {
        #[test]
        fn as_all_terms_summed(k in 0_u64..60, mean in 0.001_f64..50.0) {
            // Below k term by term, from the definition.
            let (mut term, mut below) = ((-mean).exp(), 0.0);
            for i in 0..k {
                below += term;
                term *= mean / (i + 1) as f64;
            }
            prop_assert!((poisson_upper(k, mean) - (1.0 - below)).abs() < 1e-12);
            prop_assert!((poisson_pmf(k, mean) - term).abs() <= 1e-11 * term);
        }
    }
}
