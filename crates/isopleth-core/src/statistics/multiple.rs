//! Many tests at once: adjusted p-values.
//!
//! Among thousands of cells that are tested at 5 %, hundreds are "significant" on a map of nothing.
//! An adjusted p-value is the least level at which its test is still rejected when all are looked at
//! together, so that it compares with the level as an ordinary one does.
//!
//! References: Benjamini and Hochberg (1995), J. R. Stat. Soc. B 57(1), 289–300,
//! [doi:10.1111/j.2517-6161.1995.tb02031.x](https://doi.org/10.1111/j.2517-6161.1995.tb02031.x);
//! Benjamini and Yekutieli (2001), Ann. Stat. 29(4), 1165–1188,
//! [doi:10.1214/aos/1013699998](https://doi.org/10.1214/aos/1013699998); Holm (1979), Scand. J. Stat.
//! 6(2), 65–70; Caldas de Castro and Singer (2006), Geogr. Anal. 38(2), 180–208,
//! [doi:10.1111/j.0016-7363.2006.00682.x](https://doi.org/10.1111/j.0016-7363.2006.00682.x).

use serde::{Deserialize, Serialize};

/// How p-values are adjusted for the number of tests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Correction {
    /// The share of false discoveries among all discoveries stays below the level, for tests that are
    /// independent or positively dependent, as those of neighbouring cells are.
    #[default]
    BenjaminiHochberg,
    /// The same under any dependence, at the price of power.
    BenjaminiYekutieli,
    /// The chance of any false discovery stays below the level, under any dependence.
    Bonferroni,
    /// As Bonferroni, step by step, and never weaker.
    Holm,
    /// Not adjusted.
    None,
}

impl Correction {
    /// The name in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::BenjaminiHochberg => "benjamini_hochberg",
            Self::BenjaminiYekutieli => "benjamini_yekutieli",
            Self::Bonferroni => "bonferroni",
            Self::Holm => "holm",
            Self::None => "none",
        }
    }

    /// Adjusted p-values, in the order of the p-values given. NaN marks a test that was not made: it
    /// stays NaN and does not count among the tests.
    #[must_use]
    pub fn adjust(self, p: &[f64]) -> Vec<f64> {
        let mut order: Vec<usize> = (0..p.len()).filter(|&i| !p[i].is_nan()).collect();
        order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
        let n = order.len() as f64;
        let mut adjusted = vec![f64::NAN; p.len()];
        match self {
            Self::None => adjusted.copy_from_slice(p),
            Self::Bonferroni => {
                for i in order {
                    adjusted[i] = (p[i] * n).min(1.0);
                }
            }
            Self::Holm => {
                let mut most = 0.0_f64;
                for (rank, i) in order.into_iter().enumerate() {
                    most = most.max((p[i] * (n - rank as f64)).min(1.0));
                    adjusted[i] = most;
                }
            }
            Self::BenjaminiHochberg | Self::BenjaminiYekutieli => {
                let factor = if self == Self::BenjaminiYekutieli {
                    // From the least term on, so that the sum keeps its digits.
                    n * (1..=order.len()).rev().map(|i| 1.0 / i as f64).sum::<f64>()
                } else {
                    n
                };
                let mut least = 1.0_f64;
                for (rank, i) in order.into_iter().enumerate().rev() {
                    least = least.min(p[i] * factor / (rank + 1) as f64);
                    adjusted[i] = least;
                }
            }
        }
        adjusted
    }

    /// The same for p-values of which each occurs several times, as if all were written out.
    #[must_use]
    pub fn adjust_repeated(self, p: &[f64], times: &[u64]) -> Vec<f64> {
        let mut order: Vec<usize> = (0..p.len()).filter(|&i| !p[i].is_nan()).collect();
        order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
        let tests: u64 = order.iter().map(|&i| times[i]).sum();
        let n = tests as f64;
        let mut adjusted = vec![f64::NAN; p.len()];
        match self {
            Self::None => adjusted.copy_from_slice(p),
            Self::Bonferroni => {
                for i in order {
                    adjusted[i] = (p[i] * n).min(1.0);
                }
            }
            Self::Holm => {
                // Of equal tests the first is the strictest.
                let (mut before, mut most) = (0, 0.0_f64);
                for i in order {
                    most = most.max((p[i] * (tests - before) as f64).min(1.0));
                    adjusted[i] = most;
                    before += times[i];
                }
            }
            Self::BenjaminiHochberg | Self::BenjaminiYekutieli => {
                let factor = if self == Self::BenjaminiYekutieli {
                    n * (1..=tests).rev().map(|i| 1.0 / i as f64).sum::<f64>()
                } else {
                    n
                };
                // Of equal tests the last is the most lenient.
                let (mut rank, mut least) = (tests, 1.0_f64);
                for i in order.into_iter().rev() {
                    least = least.min(p[i] * factor / rank as f64);
                    adjusted[i] = least;
                    rank -= times[i];
                }
            }
        }
        adjusted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The fifteen p-values of Benjamini and Hochberg (1995).
    const P: [f64; 15] = [
        0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262,
        0.5719, 0.6528, 0.7590, 1.0,
    ];

    fn rejected(correction: Correction) -> usize {
        correction.adjust(&P).iter().filter(|&&p| p <= 0.05).count()
    }

    #[test]
    fn as_r_has_it() {
        // R 4.2.2: p.adjust.
        let bh = [
            0.0015,
            0.003,
            0.0095,
            0.035_625,
            0.0603,
            0.063_857_142_857_142_86,
            0.063_857_142_857_142_86,
            0.0645,
            0.0765,
            0.486,
            0.581_181_818_181_818_1,
            0.714_875,
            0.753_230_769_230_769_3,
            0.813_214_285_714_285_7,
            1.0,
        ];
        let by = [
            0.004_977_343_489_843_49,
            0.009_954_686_979_686_98,
            0.031_523_175_435_675_43,
            0.118_211_907_883_787_9,
            0.200_089_208_291_708_3,
            0.211_892_622_853_337_2,
            0.211_892_622_853_337_2,
            0.214_025_770_063_270_1,
            0.253_844_517_982_018,
            1.0,
            1.0,
            1.0,
            1.0,
            1.0,
            1.0,
        ];
        let holm = [
            0.0015, 0.0056, 0.0247, 0.114, 0.2211, 0.278, 0.278, 0.278, 0.3213, 1.0, 1.0, 1.0, 1.0,
            1.0, 1.0,
        ];
        for (correction, expected) in [
            (Correction::BenjaminiHochberg, bh),
            (Correction::BenjaminiYekutieli, by),
            (Correction::Holm, holm),
        ] {
            for (found, expected) in correction.adjust(&P).iter().zip(expected) {
                assert!((found - expected).abs() < 1e-14, "{correction:?}: {found}");
            }
        }
        assert_eq!(rejected(Correction::BenjaminiHochberg), 4);
        assert_eq!(rejected(Correction::BenjaminiYekutieli), 3);
        assert_eq!(rejected(Correction::Bonferroni), 3);
        assert_eq!(rejected(Correction::None), 9);
    }

    #[test]
    fn tests_not_made_do_not_count() {
        let p = [f64::NAN, 0.01, f64::NAN, 0.04];
        let found = Correction::Bonferroni.adjust(&p);
        assert!(found[0].is_nan() && found[2].is_nan());
        assert!((found[1] - 0.02).abs() < 1e-15 && (found[3] - 0.08).abs() < 1e-15);
        assert!(Correction::BenjaminiHochberg.adjust(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn repeated_ones_are_as_if_written_out(p in prop::collection::vec((prop_oneof![Just(0.0), Just(0.01), 0.0_f64..1.0, Just(f64::NAN)], 1_u64..6), 0..20)) {
            use Correction::{BenjaminiHochberg, BenjaminiYekutieli, Bonferroni, Holm, None};
            let (each, times): (Vec<f64>, Vec<u64>) = p.iter().copied().unzip();
            let out: Vec<f64> = p.iter().flat_map(|&(p, n)| std::iter::repeat_n(p, n as usize)).collect();
            for correction in [BenjaminiHochberg, BenjaminiYekutieli, Bonferroni, Holm, None] {
                let short = correction.adjust_repeated(&each, &times);
                let long = short.iter().zip(&times).flat_map(|(&p, &n)| std::iter::repeat_n(p, n as usize));
                for (a, b) in correction.adjust(&out).into_iter().zip(long) {
                    prop_assert_eq!(a.to_bits(), b.to_bits());
                }
            }
        }

        #[test]
        fn rejects_what_the_step_up_rule_rejects(p in prop::collection::vec(0.0_f64..1.0, 1..40), level in 0.01_f64..0.5) {
            let mut sorted = p.clone();
            sorted.sort_by(f64::total_cmp);
            let n = p.len() as f64;
            let largest = (0..p.len()).rev().find(|&i| sorted[i] <= level * (i + 1) as f64 / n);
            let adjusted = Correction::BenjaminiHochberg.adjust(&p);
            for (raw, adjusted) in p.iter().zip(&adjusted) {
                let by_rule = largest.is_some_and(|l| *raw <= sorted[l]);
                // At the very edge the two divide in another order.
                prop_assert!(by_rule == (*adjusted <= level) || (adjusted - level).abs() < 1e-12);
            }
        }

        #[test]
        fn stricter_ones_adjust_more(p in prop::collection::vec(0.0_f64..1.0, 1..40)) {
            use Correction::{BenjaminiHochberg, BenjaminiYekutieli, Bonferroni, Holm};
            let all = [BenjaminiHochberg, Holm, Bonferroni].map(|c| c.adjust(&p));
            let by = BenjaminiYekutieli.adjust(&p);
            for i in 0..p.len() {
                prop_assert!(p[i] <= all[0][i] + 1e-12 && all[0][i] <= all[1][i] + 1e-12 && all[1][i] <= all[2][i] + 1e-12);
                prop_assert!(all[0][i] <= by[i] + 1e-12 && by[i] <= 1.0);
            }
        }
    }
}
