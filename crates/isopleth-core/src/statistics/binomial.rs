//! The binomial distribution, exactly, and the ratio of two counts.
//!
//! Probabilities by the saddle-point expansion: Loader 2000, *Fast and accurate computation of
//! binomial probabilities*. Interval: Clopper & Pearson 1934, doi 10.1093/biomet/26.4.404.

/// `ln n! − ln(√(2πn) (n/e)ⁿ)`, what Stirling's formula leaves out.
pub(super) fn stirling_error(n: f64) -> f64 {
    if n < 16.0 {
        let mut factorial = 1.0;
        let mut i = 2.0;
        while i <= n {
            factorial *= i;
            i += 1.0;
        }
        let half_ln_tau = 0.918_938_533_204_672_8;
        return f64::ln(factorial) + n - (n + 0.5) * n.ln() - half_ln_tau;
    }
    let n2 = n * n;
    (1.0 / 12.0
        - (1.0 / 360.0 - (1.0 / 1260.0 - (1.0 / 1680.0 - 1.0 / 1188.0 / n2) / n2) / n2) / n2)
        / n
}

/// `x ln(x / m) + m − x` without the loss of digits near `x = m`.
pub(super) fn deviance(x: f64, m: f64) -> f64 {
    let v = (x - m) / (x + m);
    if v.abs() > 0.1 {
        return x * (x / m).ln() + m - x;
    }
    // ln(x / m) = 2 artanh v.
    let (v2, mut power) = (v * v, v);
    let mut sum = (x - m) * v;
    let mut odd = 1.0;
    loop {
        power *= v2;
        odd += 2.0;
        let next = sum + 2.0 * x * power / odd;
        if next == sum {
            return sum;
        }
        sum = next;
    }
}

/// P(X = k) for X binomial of n trials with probability p. 0 for k over n; NaN for a p that is none.
#[must_use]
pub fn binomial_pmf(k: u64, n: u64, p: f64) -> f64 {
    if !(0.0..=1.0).contains(&p) {
        return f64::NAN;
    }
    if k > n {
        return 0.0;
    }
    let (kf, nf) = (k as f64, n as f64);
    match (k == 0, k == n) {
        (true, true) => 1.0,
        (true, false) => (nf * (-p).ln_1p()).exp(),
        (false, true) => (nf * p.ln()).exp(),
        _ if p == 0.0 || p == 1.0 => 0.0,
        _ => {
            let rest = nf - kf;
            let ln = stirling_error(nf)
                - stirling_error(kf)
                - stirling_error(rest)
                - deviance(kf, nf * p)
                - deviance(rest, nf * (1.0 - p));
            ln.exp() * (nf / (std::f64::consts::TAU * kf * rest)).sqrt()
        }
    }
}

/// The sum from a count away from the mean; terms fall at least geometrically.
fn tail(k: u64, n: u64, p: f64, up: bool) -> f64 {
    let mut term = binomial_pmf(k, n, p);
    let (mut sum, mut i) = (0.0, k);
    let odds = p / (1.0 - p);
    loop {
        let next = sum + term;
        let end = if up { i == n } else { i == 0 };
        if next == sum || end {
            return next;
        }
        sum = next;
        term *= if up {
            (n - i) as f64 / (i + 1) as f64 * odds
        } else {
            i as f64 / (n - i + 1) as f64 / odds
        };
        i = if up { i + 1 } else { i - 1 };
    }
}

/// P(X ≤ k).
#[must_use]
pub fn binomial_lower(k: u64, n: u64, p: f64) -> f64 {
    if k >= n || p == 0.0 {
        1.0
    } else if p == 1.0 {
        0.0
    } else if k as f64 <= n as f64 * p {
        tail(k, n, p, false).min(1.0)
    } else {
        1.0 - tail(k + 1, n, p, true)
    }
}

/// P(X ≥ k).
#[must_use]
pub fn binomial_upper(k: u64, n: u64, p: f64) -> f64 {
    if k == 0 || (p == 1.0 && k <= n) {
        1.0
    } else if k > n || p == 0.0 {
        0.0
    } else if k as f64 >= n as f64 * p {
        tail(k, n, p, true).min(1.0)
    } else {
        1.0 - tail(k - 1, n, p, false)
    }
}

/// The exact two-sided p: the probability of all counts that are no likelier than the observed one
/// (R's `binom.test`; likelier by less than 1e-7 of it is as likely). NaN for a p that is none, or
/// for more successes than trials.
#[must_use]
pub fn binomial_two_sided(k: u64, n: u64, p: f64) -> f64 {
    if !(0.0..=1.0).contains(&p) || k > n {
        return f64::NAN;
    }
    if p == 0.0 || p == 1.0 {
        return f64::from(u8::from((p == 0.0 && k == 0) || (p == 1.0 && k == n)));
    }
    let mean = n as f64 * p;
    let limit = binomial_pmf(k, n, p) * (1.0 + 1e-7);
    let unlikely = |i: u64| binomial_pmf(i, n, p) <= limit;
    // Beyond the mean probabilities fall: the first unlikely count is found by halving.
    if (k as f64) < mean {
        let (mut lo, mut hi) = (mean.ceil() as u64, n + 1);
        while lo < hi {
            let middle = lo + (hi - lo) / 2;
            if unlikely(middle) {
                hi = middle;
            } else {
                lo = middle + 1;
            }
        }
        let other = if lo > n {
            0.0
        } else {
            binomial_upper(lo, n, p)
        };
        (binomial_lower(k, n, p) + other).min(1.0)
    } else if k as f64 > mean {
        let (mut lo, mut hi) = (0, mean.floor() as u64 + 1);
        while lo < hi {
            let middle = lo + (hi - lo) / 2;
            if unlikely(middle) {
                lo = middle + 1;
            } else {
                hi = middle;
            }
        }
        let other = if lo == 0 {
            0.0
        } else {
            binomial_lower(lo - 1, n, p)
        };
        (binomial_upper(k, n, p) + other).min(1.0)
    } else {
        1.0
    }
}

/// The exact interval of a proportion (Clopper and Pearson) that leaves out `alpha` in all; 0 to 1
/// without trials.
#[must_use]
pub fn clopper_pearson(k: u64, n: u64, alpha: f64) -> (f64, f64) {
    // The tail grows with p on the way up, and falls on the way down.
    let solve = |above: &dyn Fn(f64) -> bool| {
        let (mut lo, mut hi) = (0.0_f64, 1.0_f64);
        loop {
            let middle = f64::midpoint(lo, hi);
            if middle <= lo || middle >= hi {
                return middle;
            }
            if above(middle) {
                hi = middle;
            } else {
                lo = middle;
            }
        }
    };
    let low = if k == 0 || n == 0 {
        0.0
    } else {
        solve(&|p| binomial_upper(k, n, p) >= alpha / 2.0)
    };
    let high = if k >= n {
        1.0
    } else {
        solve(&|p| binomial_lower(k, n, p) <= alpha / 2.0)
    };
    (low, high)
}

/// How two counts compare, each over an exposure of its own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateRatio {
    /// First rate over second; `None` where the second count is 0.
    pub ratio: Option<f64>,
    /// Exact 95 % interval, low end.
    pub low: f64,
    /// High end; `None` for no bound.
    pub high: Option<f64>,
    /// Exact two-sided p of equal rates.
    pub p: f64,
}

/// Compares two Poisson counts by their sum (R's `poisson.test` with two counts): given the sum, the
/// first is binomial. `None` without counts or exposures.
///
/// Where the counts are parts of fixed totals (k of n) it errs on the side of caution: the more so,
/// the larger the parts.
#[must_use]
pub fn rate_ratio(first: (u64, f64), second: (u64, f64)) -> Option<RateRatio> {
    let ((k1, e1), (k2, e2)) = (first, second);
    let usable = |e: f64| e.is_finite() && e > 0.0;
    if !(usable(e1) && usable(e2)) || k1 + k2 == 0 {
        return None;
    }
    let n = k1 + k2;
    let (low, high) = clopper_pearson(k1, n, 0.05);
    let odds = |p: f64| p / (1.0 - p) * e2 / e1;
    Some(RateRatio {
        ratio: (k2 > 0).then(|| k1 as f64 / e1 / (k2 as f64 / e2)),
        low: odds(low),
        high: (high < 1.0).then(|| odds(high)),
        p: binomial_two_sided(k1, n, e1 / (e1 + e2)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn near(found: f64, expected: f64, what: &str) {
        let off = (found - expected).abs();
        assert!(off <= 1e-10 * expected.abs(), "{what}: {found} {expected}");
    }

    #[test]
    fn as_r_has_it() {
        // R 4.2.2: binom.test(k, n, p)$p.value and $conf.int, dbinom, pbinom(k − 1, lower.tail = F).
        // 1e-10 relative: R prints 15 digits and solves for the interval to about 1e-12.
        type Case = (u64, u64, f64, f64, f64, f64, f64, f64);
        let cases: [Case; 10] = [
            (
                7,
                20,
                0.3,
                0.629497966676677,
                0.153909204784541,
                0.592188534532828,
                0.164261985217237,
                0.391990187799076,
            ),
            (
                0,
                10,
                0.2,
                0.228248064,
                0.0,
                0.308497107818761,
                0.1073741824,
                1.0,
            ),
            (
                10,
                10,
                0.9,
                0.612579511,
                0.691502892181239,
                1.0,
                0.3486784401,
                0.3486784401,
            ),
            (
                60,
                910,
                0.03,
                2.79187103792611e-08,
                0.0506882051211896,
                0.0840586954474142,
                1.38609892568938e-08,
                2.41340766935183e-08,
            ),
            (
                45,
                910,
                0.05,
                1.0,
                0.0362949171234667,
                0.0656120529904839,
                0.0607085488455286,
                0.551582779896012,
            ),
            (
                5,
                1_000_000,
                1e-5,
                0.150542448434505,
                1.62348831924117e-06,
                1.16682931752088e-05,
                0.0378328964674941,
                0.970747879420963,
            ),
            (
                500_500,
                1_000_000,
                0.5,
                0.317794691363306,
                0.499519518237171,
                0.501480478866568,
                0.000483941529695145,
                0.158897345681653,
            ),
            (
                3,
                12,
                0.25,
                1.0,
                0.0548606445279928,
                0.571858461878189,
                0.258103609085083,
                0.609324991703033,
            ),
            (1, 1, 0.5, 1.0, 0.025, 1.0, 0.5, 0.5),
            (
                200,
                910,
                0.31,
                1.52106043675455e-09,
                0.19326835449532,
                0.248119430159209,
                3.07275483065078e-10,
                0.999999999499149,
            ),
        ];
        for (k, n, p, two, low, high, pmf, upper) in cases {
            let what = format!("{k} of {n} at {p}");
            near(binomial_two_sided(k, n, p), two, &what);
            near(binomial_pmf(k, n, p), pmf, &what);
            near(binomial_upper(k, n, p), upper, &what);
            let found = clopper_pearson(k, n, 0.05);
            near(found.0, low, &what);
            near(found.1, high, &what);
        }
    }

    #[test]
    fn ratios_as_r_has_them() {
        // R 4.2.2: poisson.test(c(k1, k2), c(e1, e2)).
        let cases = [
            (
                (11, 800.0),
                (23, 3011.0),
                0.136634447064282,
                0.792205085833007,
                3.84386274039495,
                1.80005434782609,
            ),
            (
                (60, 910.0),
                (120, 6475.0),
                1.92587634026457e-13,
                2.56490010359536,
                4.88964218908846,
                3.55769230769231,
            ),
            ((0, 10.0), (5, 100.0), 1.0, 0.0, 10.9127910518255, 0.0),
            (
                (3, 100.0),
                (6, 100.0),
                0.5078125,
                0.0809112102399224,
                2.34118449087655,
                0.5,
            ),
        ];
        for (first, second, p, low, high, ratio) in cases {
            let found = rate_ratio(first, second).unwrap();
            let what = format!("{first:?} {second:?}");
            near(found.p, p, &what);
            near(found.low, low, &what);
            near(found.high.unwrap(), high, &what);
            near(found.ratio.unwrap(), ratio, &what);
        }
        let none = rate_ratio((7, 50.0), (0, 50.0)).unwrap();
        assert_eq!((none.ratio, none.high), (None, None));
        near(none.p, 0.015625, "7 against none");
        near(none.low, 1.44130851883524, "7 against none");
        assert_eq!(rate_ratio((0, 1.0), (0, 1.0)), None);
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(rate_ratio((1, bad), (1, 1.0)), None);
            assert_eq!(rate_ratio((1, 1.0), (1, bad)), None);
        }
    }

    #[test]
    fn what_is_certain_and_what_is_none() {
        assert_eq!(binomial_two_sided(0, 5, 0.0).to_bits(), 1.0_f64.to_bits());
        assert_eq!(binomial_two_sided(1, 5, 0.0).to_bits(), 0.0_f64.to_bits());
        assert_eq!(binomial_two_sided(5, 5, 1.0).to_bits(), 1.0_f64.to_bits());
        assert_eq!(binomial_two_sided(0, 0, 0.3).to_bits(), 1.0_f64.to_bits());
        assert_eq!(clopper_pearson(0, 0, 0.05), (0.0, 1.0));
        assert!(binomial_two_sided(6, 5, 0.5).is_nan());
        for bad in [f64::NAN, -0.1, 1.1, f64::INFINITY] {
            assert!(binomial_two_sided(1, 5, bad).is_nan());
            assert!(binomial_pmf(1, 5, bad).is_nan());
        }
    }

    proptest! {
        #[test]
        fn tails_are_the_sums_of_their_terms(n in 1_u64..80, part in 0.0_f64..=1.0, p in 0.0_f64..=1.0) {
            let k = (part * n as f64) as u64;
            let all: Vec<f64> = (0..=n).map(|i| binomial_pmf(i, n, p)).collect();
            prop_assert!((all.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            let lower: f64 = all[..=k as usize].iter().sum();
            let upper: f64 = all[k as usize..].iter().sum();
            prop_assert!((binomial_lower(k, n, p) - lower).abs() < 1e-12);
            prop_assert!((binomial_upper(k, n, p) - upper).abs() < 1e-12);
            let limit = all[k as usize] * (1.0 + 1e-7);
            let two: f64 = all.iter().filter(|&&q| q <= limit).sum();
            prop_assert!((binomial_two_sided(k, n, p) - two).abs() < 1e-9, "{} {two}", binomial_two_sided(k, n, p));
        }

        #[test]
        fn the_interval_is_where_the_test_turns(n in 1_u64..300, part in 0.0_f64..=1.0) {
            let k = (part * n as f64) as u64;
            let (low, high) = clopper_pearson(k, n, 0.05);
            let p = k as f64 / n as f64;
            prop_assert!(0.0 <= low && low <= p && p <= high && high <= 1.0);
            if k > 0 {
                prop_assert!((binomial_upper(k, n, low) - 0.025).abs() < 1e-9);
            }
            if k < n {
                prop_assert!((binomial_lower(k, n, high) - 0.025).abs() < 1e-9);
            }
        }
    }
}
