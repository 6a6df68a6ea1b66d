//! Intervals for a proportion.

/// The 0.975 quantile of the normal distribution: two-sided 95 %.
pub const Z_95: f64 = 1.959_963_984_540_054;

/// The score interval of a proportion (Wilson 1927, doi 10.1080/01621459.1927.10502953), without
/// continuity correction; `None` without trials, or with more successes than trials.
///
/// It stays within 0 and 1 and has a width at 0 and at all, where the textbook interval has none. It
/// takes the trials as independent, which incidents of one place and day are not.
///
/// ```
/// use isopleth_core::statistics::{Z_95, wilson};
/// let (low, high) = wilson(93, 100, Z_95).unwrap();
/// assert_eq!(format!("{low:.4} {high:.4}"), "0.8625 0.9657");
/// ```
#[must_use]
pub fn wilson(successes: u64, trials: u64, z: f64) -> Option<(f64, f64)> {
    if trials == 0 || successes > trials || !(z.is_finite() && z >= 0.0) {
        return None;
    }
    let (k, n, z2) = (successes as f64, trials as f64, z * z);
    let middle = (k + z2 / 2.0) / (n + z2);
    let half = z * (k * (n - k) / n + z2 / 4.0).sqrt() / (n + z2);
    // At the ends the formula is exactly 0 and 1, which rounding may miss.
    let low = if successes == 0 {
        0.0
    } else {
        (middle - half).max(0.0)
    };
    let high = if successes == trials {
        1.0
    } else {
        (middle + half).min(1.0)
    };
    Some((low, high))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn as_r_has_it() {
        // R 4.2.2, prop.test(k, n, correct = FALSE)$conf.int. 1e-12: R's z is from its own quantile.
        for (k, n, low, high) in [
            (930, 1000, 0.912_485_351_848_717, 0.944_223_635_853_706),
            (465, 500, 0.904_202_810_148_083, 0.949_240_257_054_982),
            (93, 100, 0.862_504_852_609_265, 0.965_680_738_932_727),
            (0, 20, 0.0, 0.161_125_158_052_819),
            (20, 20, 0.838_874_841_947_181, 1.0),
            (1, 30, 0.005_908_590_381_612_46, 0.166_703_909_914_092),
        ] {
            let found = wilson(k, n, Z_95).unwrap();
            assert!((found.0 - low).abs() < 1e-12, "{k}/{n}: {found:?}");
            assert!((found.1 - high).abs() < 1e-12, "{k}/{n}: {found:?}");
        }
    }

    #[test]
    fn of_nothing_there_is_none() {
        assert_eq!(wilson(0, 0, Z_95), None);
        assert_eq!(wilson(3, 2, Z_95), None);
        assert_eq!(wilson(1, 2, f64::NAN), None);
        assert_eq!(wilson(1, 2, f64::INFINITY), None);
    }

    proptest! {
        #[test]
        fn holds_the_proportion_and_mirrors(n in 1_u64..5000, part in 0.0_f64..=1.0) {
            let k = (part * n as f64) as u64;
            let (low, high) = wilson(k, n, Z_95).unwrap();
            let p = k as f64 / n as f64;
            prop_assert!(0.0 <= low && low <= p && p <= high && high <= 1.0);
            let (other_low, other_high) = wilson(n - k, n, Z_95).unwrap();
            prop_assert!((low - (1.0 - other_high)).abs() < 1e-12);
            prop_assert!((high - (1.0 - other_low)).abs() < 1e-12);
        }
    }
}
