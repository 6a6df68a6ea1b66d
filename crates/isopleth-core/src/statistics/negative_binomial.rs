//! The negative binomial distribution, exactly: a Poisson count whose mean is gamma-distributed.

/// P(X = k) for X negative binomial of a shape r > 0, not necessarily whole, and 0 < p ≤ 1, with mean
/// r(1 − p)/p. NaN for parameters that are none.
#[must_use]
pub fn negative_binomial_pmf(k: u64, shape: f64, p: f64) -> f64 {
    if !(shape > 0.0 && shape.is_finite() && p > 0.0 && p <= 1.0) {
        return f64::NAN;
    }
    if p == 1.0 {
        return f64::from(u8::from(k == 0));
    }
    let q = 1.0 - p;
    // ln Γ(r + k) / (Γ(r) k!) term by term, each of them small: gamma functions would cancel.
    let terms: f64 = (0..k)
        .map(|j| ((shape - 1.0) / (j as f64 + 1.0)).ln_1p() + q.ln())
        .sum();
    (shape * p.ln() + terms).exp()
}

/// P(X ≥ k): a sum of exact terms away from the mean. NaN for parameters that are none.
#[must_use]
pub fn negative_binomial_upper(k: u64, shape: f64, p: f64) -> f64 {
    if !(shape > 0.0 && shape.is_finite() && p > 0.0 && p <= 1.0) {
        return f64::NAN;
    }
    if k == 0 {
        return 1.0;
    }
    let q = 1.0 - p;
    let upward = k as f64 >= shape * q / p;
    let mut at = if upward { k } else { k - 1 };
    let (mut term, mut sum) = (negative_binomial_pmf(at, shape, p), 0.0);
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
            term *= (shape + at as f64) / (at + 1) as f64 * q;
            at += 1;
        } else {
            term *= at as f64 / ((shape + (at - 1) as f64) * q);
            at -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::poisson_upper;
    use proptest::prelude::*;

    #[test]
    fn as_r_has_it() {
        // R 4.2.2: dnbinom(k, size, prob) and pnbinom(k − 1, size, prob, lower.tail = FALSE).
        for (k, shape, p, pmf, upper) in [
            (0, 2.5, 0.4, 0.101_192_885_125_388_15, 1.0),
            (
                1,
                0.01,
                0.9,
                0.000_998_946_949_690_454_2,
                0.001_053_050_309_545_618_1,
            ),
            (
                5,
                0.3,
                0.95,
                3.264_079_258_163_780_6e-8,
                3.415_040_415_998_214_5e-8,
            ),
            (
                3,
                40.25,
                0.92,
                0.208_735_017_245_520_13,
                0.667_578_087_564_351_5,
            ),
            (
                12,
                1.5,
                0.5,
                0.000_347_813_883_306_351_17,
                0.000_721_510_245_410_554_4,
            ),
            (
                60,
                3.75,
                0.9,
                1.286_101_171_915_180_9e-56,
                1.436_181_801_894_841_6e-56,
            ),
            (
                900,
                1000.5,
                0.5,
                0.000_675_824_179_533_516_3,
                0.989_454_980_664_191_1,
            ),
            (
                1100,
                1000.5,
                0.5,
                0.000_785_687_196_160_712_8,
                0.014_933_602_188_422_164,
            ),
            (
                20_000,
                150.25,
                0.0075,
                0.000_242_831_990_606_041_2,
                0.460_749_233_272_506_3,
            ),
            (
                7,
                1e6,
                0.999_999,
                7.299_344_897_271_381e-5,
                8.324_293_762_098_884e-5,
            ),
        ] {
            let found = negative_binomial_pmf(k, shape, p);
            assert!((found - pmf).abs() <= 1e-10 * pmf, "{k} {shape}: {found}");
            let found = negative_binomial_upper(k, shape, p);
            assert!(
                (found - upper).abs() <= 1e-10 * upper,
                "{k} {shape}: {found}"
            );
        }
    }

    #[test]
    fn ends() {
        assert_eq!(
            negative_binomial_upper(0, 2.0, 0.5).to_bits(),
            1.0_f64.to_bits()
        );
        assert_eq!(
            negative_binomial_upper(3, 2.0, 1.0).to_bits(),
            0.0_f64.to_bits()
        );
        for (shape, p) in [
            (0.0, 0.5),
            (f64::NAN, 0.5),
            (f64::INFINITY, 0.5),
            (1.0, 0.0),
            (1.0, 1.5),
            (1.0, f64::NAN),
        ] {
            assert!(negative_binomial_upper(3, shape, p).is_nan());
            assert!(negative_binomial_pmf(0, shape, p).is_nan());
        }
    }

    proptest! {
        #[test]
        fn tails_are_sums_and_turn_into_poisson(k in 0_u64..60, shape in 0.01_f64..50.0, p in 0.05_f64..0.999) {
            let below: f64 = (0..k).map(|i| negative_binomial_pmf(i, shape, p)).sum();
            prop_assert!((negative_binomial_upper(k, shape, p) - (1.0 - below)).abs() < 1e-11);
            // With a fixed mean and a large shape nothing is left of the gamma.
            let mean = 60.0 * p;
            let large = 1e9;
            let found = negative_binomial_upper(k, large, large / (large + mean));
            let poisson = poisson_upper(k, mean);
            prop_assert!((found - poisson).abs() <= 1e-5 * poisson + 1e-9);
        }
    }
}
