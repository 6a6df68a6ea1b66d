//! The hypergeometric distribution.

use super::binomial::binomial_pmf;

/// P(at least `shared` places are in both) when `first` and `second` of `all` places are chosen
/// blindly. 1 for `shared` 0; 0 where so many cannot be; NaN where a set is larger than all.
#[must_use]
pub fn hypergeometric_upper(shared: u64, first: u64, second: u64, all: u64) -> f64 {
    if first > all || second > all {
        return f64::NAN;
    }
    let least = (first + second).saturating_sub(all);
    let most = first.min(second);
    if shared <= least {
        return 1.0;
    }
    if shared > most {
        return 0.0;
    }
    // As a ratio of three binomial probabilities, whose p is free to choose (Loader 2000).
    let p = second as f64 / all as f64;
    let pmf = |x: u64| {
        binomial_pmf(x, first, p) * binomial_pmf(second - x, all - first, p)
            / binomial_pmf(second, all, p)
    };
    // P(x + 1) / P(x).
    let up = |x: u64| {
        (first - x) as f64 * (second - x) as f64
            / ((x + 1) as f64 * (all + x + 1 - first - second) as f64)
    };
    let sum = |from: u64, to: u64, upward: bool| {
        let mut at = if upward { from } else { to };
        let (mut term, mut sum) = (pmf(at), 0.0);
        loop {
            let next = sum + term;
            if next == sum || at == if upward { to } else { from } {
                return next;
            }
            sum = next;
            if upward {
                term *= up(at);
                at += 1;
            } else {
                at -= 1;
                term /= up(at);
            }
        }
    };
    let mean = first as f64 * second as f64 / all as f64;
    if shared as f64 >= mean {
        sum(shared, most, true).min(1.0)
    } else {
        1.0 - sum(least, shared - 1, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn as_r_has_it() {
        // R 4.2.2: phyper(x − 1, a, N − a, b, lower.tail = FALSE).
        for (x, a, b, n, expected) in [
            (3, 10, 10, 100, 0.060_018_581_775_000_6),
            (0, 5, 7, 20, 1.0),
            (5, 5, 5, 50, 4.719_741_735_732_23e-7),
            (12, 40, 60, 1200, 1.519_082_757_866_52e-7),
            (30, 300, 200, 3277, 0.003_849_043_695_224_96),
            (8, 10, 18, 20, 1.0),
        ] {
            let found = hypergeometric_upper(x, a, b, n);
            assert!(
                (found - expected).abs() <= 1e-11 * expected,
                "{x} {a} {b} {n}: {found}"
            );
        }
        assert!(hypergeometric_upper(1, 5, 2, 4).is_nan());
        assert_eq!(
            hypergeometric_upper(3, 2, 5, 9).to_bits(),
            0.0_f64.to_bits()
        );
    }

    proptest! {
        #[test]
        fn as_all_choices_counted(all in 1_u64..40, first in 0.0_f64..=1.0, second in 0.0_f64..=1.0, x in 0_u64..42) {
            let choose = |n: u64, k: u64| -> f64 {
                if k > n { 0.0 } else { (0..k).fold(1.0, |c, i| c * (n - i) as f64 / (i + 1) as f64) }
            };
            let (a, b) = ((first * all as f64) as u64, (second * all as f64) as u64);
            let expected: f64 = (x..=b).map(|y| choose(a, y) * choose(all - a, b - y)).sum::<f64>() / choose(all, b);
            prop_assert!((hypergeometric_upper(x, a, b, all) - expected).abs() < 1e-11);
        }
    }
}
