//! Whether a series rises or falls: the test of Mann and Kendall, ties told.
//!
//! S is the number of pairs that rise with time less those that fall. Under the null each order of the
//! values is equally likely: S has mean 0 and variance [n(n − 1)(2n + 5) − Σ t(t − 1)(2t + 5)] / 18 over
//! the groups of t equal values, and Z = (S − sign S) / √variance is nearly normal from ten values on.
//! The test takes the values as independent; a series that carries over from step to step has more S
//! than that by itself.
//!
//! References: Mann (1945), Econometrica 13(3), 245–259,
//! [doi:10.2307/1907187](https://doi.org/10.2307/1907187); Kendall (1975), *Rank correlation methods*,
//! 4th ed.; Hamed and Rao (1998), J. Hydrol. 204, 182–196,
//! [doi:10.1016/S0022-1694(97)00125-X](https://doi.org/10.1016/S0022-1694(97)00125-X) (series that carry
//! over).

use multiversion::multiversion;
use rayon::prelude::*;

use super::normal_two_sided;

/// Series that are counted together.
const LANES: usize = 8;

/// Series that one task counts.
const CHUNK: usize = 1024;

/// The test of one series.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MannKendall {
    /// Number of values.
    pub values: u32,
    /// Pairs that rise less pairs that fall.
    pub s: i64,
    /// Pairs of equal values.
    pub tied_pairs: i64,
    /// Σ t(t − 1)(2t + 5) over the groups of t equal values.
    ties: i64,
}

impl MannKendall {
    /// Of a series in the order of time. NaN marks a step without a value, and is left out.
    ///
    /// ```
    /// use isopleth_core::statistics::MannKendall;
    /// let found = MannKendall::of(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    /// assert_eq!(found.s, 15);
    /// assert_eq!(format!("{:.6}", found.p().unwrap()), "0.008535");
    /// ```
    #[must_use]
    pub fn of(series: &[f64]) -> Self {
        let block: Vec<[f64; LANES]> = series
            .iter()
            .filter(|v| !v.is_nan())
            .map(|&v| [v; LANES])
            .collect();
        count(&block)[0]
    }

    /// Of many series of the same number of steps, one after the other.
    #[must_use]
    pub fn of_each(series: &[f64], steps: usize) -> Vec<Self> {
        if steps == 0 {
            return Vec::new();
        }
        let mut found = vec![Self::default(); series.len() / steps];
        found
            .par_chunks_mut(CHUNK)
            .zip(series.par_chunks(CHUNK * steps))
            .for_each(|(found, series)| {
                let mut block = vec![[0.0; LANES]; steps];
                for (found, series) in found.chunks_mut(LANES).zip(series.chunks(LANES * steps)) {
                    for (lane, series) in series.chunks_exact(steps).enumerate() {
                        for (row, &v) in block.iter_mut().zip(series) {
                            row[lane] = v;
                        }
                    }
                    found.copy_from_slice(&count(&block)[..found.len()]);
                    for (found, series) in found.iter_mut().zip(series.chunks_exact(steps)) {
                        if series.iter().any(|v| v.is_nan()) {
                            *found = Self::of(series);
                        }
                    }
                }
            });
        found
    }

    /// The variance of S under the null.
    #[must_use]
    pub fn variance(&self) -> f64 {
        let n = i64::from(self.values);
        (n * (n - 1) * (2 * n + 5) - self.ties) as f64 / 18.0
    }

    /// S in standard deviations, with the correction for continuity; `None` for fewer than two values
    /// and for values that are all equal.
    #[must_use]
    pub fn z(&self) -> Option<f64> {
        let variance = self.variance();
        (variance > 0.0).then(|| (self.s - self.s.signum()) as f64 / variance.sqrt())
    }

    /// Two-sided p by the normal distribution.
    #[must_use]
    pub fn p(&self) -> Option<f64> {
        self.z().map(normal_two_sided)
    }

    /// Two-sided p over all orders of the values, for values of which no two are equal.
    #[must_use]
    pub fn exact_p(&self) -> Option<f64> {
        if self.values < 2 || self.tied_pairs > 0 {
            return None;
        }
        let n = self.values as usize;
        let pairs = n * (n - 1) / 2;
        // Chance of each number of falling pairs, built up value by value.
        let mut chance = vec![1.0];
        for m in 2..=n {
            let mut next = vec![0.0; m * (m - 1) / 2 + 1];
            for (k, next) in next.iter_mut().enumerate() {
                let last = k.min(chance.len() - 1);
                let first = (k + 1).saturating_sub(m);
                *next = chance[first..=last].iter().sum::<f64>() / m as f64;
            }
            chance = next;
        }
        let most = (pairs - self.s.unsigned_abs() as usize) / 2;
        Some((2.0 * chance[..=most].iter().sum::<f64>()).min(1.0))
    }

    /// Kendall's τ_b with time; `None` where z is.
    #[must_use]
    pub fn tau_b(&self) -> Option<f64> {
        let n = i64::from(self.values);
        let pairs = n * (n - 1) / 2;
        let untied = pairs - self.tied_pairs;
        (untied > 0).then(|| self.s as f64 / ((pairs as f64) * (untied as f64)).sqrt())
    }
}

/// Counts a block of series, step by step. Each value is compared with the later ones: with r later
/// equals, Σ 6r(r + 2) over the values is Σ t(t − 1)(2t + 5) over the groups.
#[multiversion(targets(
    "x86_64+avx+avx2+avx512f+avx512bw+avx512cd+avx512dq+avx512vl",
    "x86_64+avx+avx2"
))]
fn count(block: &[[f64; LANES]]) -> [MannKendall; LANES] {
    let mut s = [0_i64; LANES];
    let mut tied = [0_i64; LANES];
    let mut ties = [0_i64; LANES];
    for (i, a) in block.iter().enumerate() {
        // Numbers of values, kept as the values are: lanes of one width need no conversion.
        let mut up = [0.0_f64; LANES];
        let mut down = [0.0_f64; LANES];
        for b in &block[i + 1..] {
            for lane in 0..LANES {
                up[lane] += if b[lane] > a[lane] { 1.0 } else { 0.0 };
                down[lane] += if b[lane] < a[lane] { 1.0 } else { 0.0 };
            }
        }
        let later = (block.len() - i - 1) as i64;
        for lane in 0..LANES {
            let (up, down) = (up[lane] as i64, down[lane] as i64);
            let equal = later - up - down;
            s[lane] += up - down;
            tied[lane] += equal;
            ties[lane] += 6 * equal * (equal + 2);
        }
    }
    std::array::from_fn(|lane| MannKendall {
        values: block.len() as u32,
        s: s[lane],
        tied_pairs: tied[lane],
        ties: ties[lane],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn near(found: Option<f64>, expected: f64) -> bool {
        (found.unwrap() - expected).abs() < 5e-10
    }

    #[test]
    fn as_r_has_it() {
        // R 4.2.2: cor.test(method = "kendall", continuity = TRUE) and the definition.
        let rising = MannKendall::of(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(rising.s, 15);
        assert!(near(Some(rising.variance()), 28.333_333_333_3));
        assert!(near(rising.z(), 2.630_142_023) && near(rising.p(), 0.008_534_920));
        assert!(near(rising.tau_b(), 1.0) && near(rising.exact_p(), 0.002_777_778));
        let tied = [1.0, 2.0, 2.0, 3.0, 1.0, 4.0, 5.0, 5.0, 7.0, 6.0];
        let tied = MannKendall::of(&tied);
        assert_eq!((tied.s, tied.tied_pairs, tied.exact_p()), (34, 3, None));
        assert!(near(Some(tied.variance()), 122.0) && near(tied.tau_b(), 0.782_074_301));
        assert!(near(tied.z(), 2.987_679_619) && near(tied.p(), 0.002_811_041));
        let digits = [3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0, 5.0, 3.0, 5.0, 8.0];
        let digits = MannKendall::of(&digits);
        assert_eq!(digits.s, 25);
        assert!(near(Some(digits.variance()), 207.0) && near(digits.tau_b(), 0.394_006_261));
        assert!(near(digits.z(), 1.668_115_312) && near(digits.p(), 0.095_292_838));
    }

    #[test]
    fn what_has_no_trend_has_no_p() {
        for series in [&[][..], &[1.0], &[2.0; 12], &[f64::NAN, 3.0, f64::NAN]] {
            let found = MannKendall::of(series);
            assert_eq!(
                (found.s, found.z(), found.p(), found.tau_b()),
                (0, None, None, None)
            );
        }
        assert!(MannKendall::of_each(&[1.0], 0).is_empty());
        let gap = MannKendall::of(&[1.0, f64::NAN, 2.0, 3.0]);
        assert_eq!(gap, MannKendall::of(&[1.0, 2.0, 3.0]));
    }

    /// All orders of 0..n.
    fn orders(n: usize) -> Vec<Vec<usize>> {
        if n == 0 {
            return vec![Vec::new()];
        }
        let mut all = Vec::new();
        for order in orders(n - 1) {
            for at in 0..n {
                let mut longer = order.clone();
                longer.insert(at, n - 1);
                all.push(longer);
            }
        }
        all
    }

    #[test]
    fn exact_p_is_that_of_all_orders() {
        for n in 2..=7 {
            let all: Vec<MannKendall> = orders(n)
                .iter()
                .map(|o| MannKendall::of(&o.iter().map(|&v| v as f64).collect::<Vec<_>>()))
                .collect();
            for found in &all {
                let as_far = all.iter().filter(|o| o.s.abs() >= found.s.abs()).count();
                let expected = as_far as f64 / all.len() as f64;
                assert!((found.exact_p().unwrap() - expected).abs() < 1e-12);
            }
        }
    }

    proptest! {
        #[test]
        fn as_by_definition(values in prop::collection::vec(prop_oneof![9 => (0_i32..6).prop_map(f64::from), 1 => Just(f64::NAN)], 0..120), steps in 1_usize..14) {
            let found = MannKendall::of_each(&values, steps);
            prop_assert_eq!(found.len(), values.len() / steps);
            for (found, series) in found.iter().zip(values.chunks_exact(steps)) {
                prop_assert_eq!(*found, MannKendall::of(series));
                let kept: Vec<i64> = series.iter().filter(|v| !v.is_nan()).map(|v| *v as i64).collect();
                let mut s = 0;
                for (i, a) in kept.iter().enumerate() {
                    s += kept[i + 1..].iter().map(|b| (b - a).signum()).sum::<i64>();
                }
                let groups = (0..6).map(|v| kept.iter().filter(|k| **k == v).count() as i64);
                let ties: i64 = groups.map(|t| t * (t - 1) * (2 * t + 5)).sum();
                prop_assert_eq!((found.s, found.ties), (s, ties));
                let back: Vec<f64> = series.iter().rev().copied().collect();
                prop_assert_eq!(MannKendall::of(&back).s, -s);
            }
        }
    }
}
