//! The E-test of two Poisson counts.

use super::poisson::poisson_pmf;

/// Differences are as large as another when they fall short of it by less than this part.
const TIE: f64 = 1e-9;

/// The two-sided p of Krishnamoorthy and Thomson's E-test that two Poisson counts, each over an
/// exposure of its own, come of one rate. `None` without counts or exposures.
///
/// The common rate is estimated from both counts; p is the probability, at that rate, of all pairs of
/// counts whose standardised difference, `|x₁/e₁ − x₂/e₂| / √(x₁/e₁² + x₂/e₂²)`, is at least as large
/// as the observed one. It is summed exactly. It is less cautious than the test that conditions on the
/// sum of the counts ([`rate_ratio`](super::rate_ratio)), whose p is never below the nominal level but
/// often far above it.
///
/// Krishnamoorthy & Thomson 2004, *Journal of Statistical Planning and Inference* 119 (1), 23–35,
/// doi 10.1016/S0378-3758(02)00408-1.
#[must_use]
pub fn e_test(first: (u64, f64), second: (u64, f64)) -> Option<f64> {
    let ((k1, e1), (k2, e2)) = (first, second);
    let usable = |e: f64| e.is_finite() && e > 0.0;
    if !(usable(e1) && usable(e2)) || k1 + k2 == 0 {
        return None;
    }
    let part = e1 / (e1 + e2);
    let n = (k1 + k2) as f64;
    let one = Tails::new(n * part);
    let two = Tails::new(n * (1.0 - part));
    // Signed square of the standardised difference; equal rates, but for rounding, differ by nothing.
    let difference = |x1: u64, x2: u64| {
        let (a, b) = (x1 as f64 * e2, x2 as f64 * e1);
        if (a - b).abs() <= 1e-12 * (a + b) {
            0.0
        } else {
            (a - b) * (a - b).abs() / (a * e2 + b * e1)
        }
    };
    let limit = difference(k1, k2).abs() * (1.0 - TIE);
    if limit == 0.0 {
        return Some(1.0);
    }
    // The difference falls with the second count and grows with the first, so that both ends of the
    // second move one way only.
    let (mut low, mut high) = (two.from, two.from);
    let mut p = 0.0;
    for x1 in one.from..one.to {
        while low < two.to && difference(x1, low) >= limit {
            low += 1;
        }
        while high < two.to && difference(x1, high) > -limit {
            high += 1;
        }
        p += one.pmf[(x1 - one.from) as usize] * (two.below(low) + two.at_least(high));
    }
    Some(p.min(1.0))
}

/// A Poisson distribution where it has any weight to speak of: beyond lies less than 1e-30.
struct Tails {
    from: u64,
    to: u64,
    pmf: Vec<f64>,
    /// P(X < from + i), summed from below.
    lower: Vec<f64>,
    /// P(X ≥ from + i), summed from above.
    upper: Vec<f64>,
}

impl Tails {
    fn new(mean: f64) -> Self {
        let reach = 12.0 * mean.sqrt() + 60.0;
        let from = (mean - reach).max(0.0) as u64;
        let to = (mean + reach) as u64 + 1;
        let pmf: Vec<f64> = (from..to).map(|k| poisson_pmf(k, mean)).collect();
        let mut lower = vec![0.0; pmf.len() + 1];
        let mut upper = lower.clone();
        for i in 0..pmf.len() {
            lower[i + 1] = lower[i] + pmf[i];
        }
        for i in (0..pmf.len()).rev() {
            upper[i] = upper[i + 1] + pmf[i];
        }
        Self {
            from,
            to,
            pmf,
            lower,
            upper,
        }
    }

    fn below(&self, k: u64) -> f64 {
        self.lower[(k - self.from) as usize]
    }

    fn at_least(&self, k: u64) -> f64 {
        self.upper[(k - self.from) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition, term by term.
    fn spelled_out(k: (u64, u64), e: (f64, f64)) -> f64 {
        let rate = (k.0 + k.1) as f64 / (e.0 + e.1);
        let t = |x: u64, y: u64| {
            let (x, y) = (x as f64, y as f64);
            let spread = x / (e.0 * e.0) + y / (e.1 * e.1);
            if spread == 0.0 {
                return 0.0;
            }
            (x / e.0 - y / e.1).abs() / spread.sqrt()
        };
        let limit = t(k.0, k.1) * (1.0 - 1e-9);
        let mut p = 0.0;
        for x in 0..200 {
            for y in 0..200 {
                if t(x, y) >= limit {
                    p += poisson_pmf(x, rate * e.0) * poisson_pmf(y, rate * e.1);
                }
            }
        }
        p
    }

    #[test]
    fn as_printed() {
        // ptools, the help page of `e_test`, four decimals.
        for (k1, k2, printed) in [(0, 3, 0.0884), (6, 2, 0.1749), (2, 6, 0.1749)] {
            let p = e_test((k1, 1.0), (k2, 1.0)).unwrap();
            assert!((p - printed).abs() < 5e-5, "{k1} {k2}: {p}");
        }
    }

    #[test]
    fn as_r_sums_it() {
        // R 4.2.2: the definition by `outer` over 0 to 3000, with `dpois`.
        for (k1, k2, e1, e2, expected) in [
            (0, 3, 1.0, 1.0, 0.088_379_009_454_8),
            (6, 2, 1.0, 1.0, 0.174_874_820_944),
            (3, 6, 1.0, 1.0, 0.361_583_538_982),
            (30, 42, 31.0, 28.0, 0.067_773_560_589),
            (11, 23, 800.0, 3011.0, 0.183_183_847_16),
            (400, 470, 365.0, 366.0, 0.019_611_919_455_7),
            (1, 0, 2.0, 1.0, 0.510_174_558_847),
        ] {
            let p = e_test((k1, e1), (k2, e2)).unwrap();
            assert!((p - expected).abs() < 1e-11 * expected, "{k1} {k2}: {p}");
        }
    }

    #[test]
    fn nothing_to_compare_and_no_difference() {
        assert_eq!(e_test((0, 1.0), (0, 1.0)), None);
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(e_test((1, bad), (1, 1.0)), None);
            assert_eq!(e_test((1, 1.0), (1, bad)), None);
        }
        assert_eq!(e_test((5, 1.0), (5, 1.0)), Some(1.0));
        assert_eq!(e_test((10, 2.0), (5, 1.0)), Some(1.0));
    }

    #[test]
    fn large_counts_are_near_the_normal_test() {
        // z = 600 / √(1,000,000) = 0.6: 2 Φ(−0.6) = 0.548506.
        let p = e_test((500_300, 31.0), (499_700, 31.0)).unwrap();
        assert!((p - 0.548_506).abs() < 1e-3, "{p}");
        let tiny = e_test((2_000, 1.0), (200, 1.0)).unwrap();
        assert!((0.0..1e-25).contains(&tiny), "{tiny}");
    }

    proptest! {
        #[test]
        fn is_its_definition(k1 in 0_u64..30, k2 in 0_u64..30, e1 in 1_u32..6, e2 in 1_u32..6) {
            prop_assume!(k1 + k2 > 0);
            let e = (f64::from(e1), f64::from(e2));
            let p = e_test((k1, e.0), (k2, e.1)).unwrap();
            let expected = spelled_out((k1, k2), e);
            prop_assert!((p - expected).abs() < 1e-12, "{p} {expected}");
            // The order of the two and the unit of the exposures are nothing to it.
            let turned = e_test((k2, e.1), (k1, e.0)).unwrap();
            prop_assert!((p - turned).abs() < 1e-12, "{p} {turned}");
            let scaled = e_test((k1, e.0 * 30.0), (k2, e.1 * 30.0)).unwrap();
            prop_assert!((p - scaled).abs() < 1e-12, "{p} {scaled}");
        }

        #[test]
        fn falls_with_the_difference(n in 1_u64..400) {
            let mut before = 1.0;
            for k in n.div_ceil(2)..=n {
                let p = e_test((k, 1.0), (n - k, 1.0)).unwrap();
                prop_assert!(p <= before + 1e-15, "{k} of {n}: {p} after {before}");
                before = p;
            }
        }
    }
}
