//! Log likelihood ratios, and the least count that can beat one.

use std::sync::OnceLock;

/// Counts up to this have their limits kept; more are evaluated each time.
const KEPT: usize = 2048;

/// What a window is judged by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    /// Cases against an expected number.
    Poisson,
    /// Cases against a number of cases and controls.
    Bernoulli,
}

/// The ratio for all windows of a study.
#[derive(Debug)]
pub(super) struct Likelihood {
    kind: Kind,
    /// All cases.
    cases: f64,
    /// The whole measure: expected cases, or cases and controls.
    whole: f64,
    /// Fewest cases of a window; fewer have limits of 0.
    pub(super) min_count: usize,
    counts: usize,
    levels: Vec<(f64, OnceLock<Vec<f64>>)>,
}

/// `x ln(x / y)`, 0 for no x.
fn part(x: f64, y: f64) -> f64 {
    if x > 0.0 { x * libm::log(x / y) } else { 0.0 }
}

impl Likelihood {
    /// For windows that hold up to so many cases.
    pub(super) fn new(
        kind: Kind,
        cases: u64,
        whole: f64,
        min_count: u32,
        most_in_a_window: u64,
    ) -> Self {
        // Quarters where chance is at home, coarser steps where it is not.
        let mut levels: Vec<f64> = (0..80).map(|i| f64::from(i) * 0.25).collect();
        while let Some(&last) = levels.last()
            && last < 1e7
        {
            levels.push(last * 1.04);
        }
        Self {
            kind,
            cases: cases as f64,
            whole,
            min_count: min_count as usize,
            counts: (most_in_a_window as usize + 1).min(KEPT),
            levels: levels.into_iter().map(|l| (l, OnceLock::new())).collect(),
        }
    }

    /// The log likelihood ratio of more cases than usual; 0 where they are not more.
    pub(super) fn of(&self, cases: f64, measure: f64) -> f64 {
        let (rest, beyond) = (self.cases - cases, self.whole - measure);
        // More than usual: cases / measure > all cases / whole.
        if cases * self.whole <= self.cases * measure {
            return 0.0;
        }
        match self.kind {
            Kind::Poisson => part(cases, measure) + part(rest, beyond),
            Kind::Bernoulli => {
                let whole =
                    part(self.cases, self.whole) + part(self.whole - self.cases, self.whole);
                part(cases, measure)
                    + part(measure - cases, measure)
                    + part(rest, beyond)
                    + part(beyond - rest, beyond)
                    - whole
            }
        }
        .max(0.0)
    }

    /// For each count the measure from which on its ratio is no higher than a level, the highest
    /// level of those kept that is no higher than asked for. Counts beyond the list have none.
    pub(super) fn limits(&self, ratio: f64) -> &[f64] {
        let after = self.levels.partition_point(|l| l.0 <= ratio);
        let (level, limits) = &self.levels[after.saturating_sub(1)];
        limits.get_or_init(|| (0..self.counts).map(|c| self.limit(c, *level)).collect())
    }

    fn limit(&self, count: usize, level: f64) -> f64 {
        if count < self.min_count.max(1) || count as f64 > self.cases {
            return 0.0;
        }
        let c = count as f64;
        // Where the count is the usual one. From there the ratio rises as the measure falls.
        let usual = c * self.whole / self.cases;
        let mut low = match self.kind {
            Kind::Poisson => usual * libm::exp(-level / c - 2.0),
            Kind::Bernoulli => c,
        };
        let mut high = usual;
        if self.of(c, low) <= level && self.kind == Kind::Bernoulli {
            return 0.0;
        }
        for _ in 0..48 {
            let middle = match self.kind {
                Kind::Poisson => (low * high).sqrt(),
                Kind::Bernoulli => f64::midpoint(low, high),
            };
            if self.of(c, middle) > level {
                low = middle;
            } else {
                high = middle;
            }
        }
        // What rounding might put on the wrong side is evaluated.
        high * (1.0 + 1e-9)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn closed_forms() {
        let poisson = Likelihood::new(Kind::Poisson, 552, 552.0, 2, 552);
        // SaTScan's printed most likely cluster: 85 cases where 49.71 are expected.
        let found = poisson.of(85.0, 552.0 * 95_249.0 / 1_057_673.0);
        assert!((found - 11.577_255).abs() < 5e-7, "{found}");
        let bernoulli = Likelihood::new(Kind::Bernoulli, 62, 203.0, 2, 62);
        // Four of four: 4 ln(1) + … by hand.
        let null = 62.0 * (62.0_f64 / 203.0).ln() + 141.0 * (141.0_f64 / 203.0).ln();
        let other = 58.0 * (58.0_f64 / 199.0).ln() + 141.0 * (141.0_f64 / 199.0).ln();
        assert!((bernoulli.of(4.0, 4.0) - (other - null)).abs() < 1e-12);
        // As many as usual, or fewer, is nothing.
        assert_eq!(poisson.of(10.0, 10.0).to_bits(), 0.0_f64.to_bits());
        assert_eq!(bernoulli.of(0.0, 12.0).to_bits(), 0.0_f64.to_bits());
    }

    proptest! {
        #[test]
        fn no_count_beats_a_ratio_beyond_its_limit(
            bernoulli: bool, cases in 2_u64..400, controls in 1_u64..400, part in 0.0_f64..1.0,
            measure in 0.0_f64..1.0, ratio in 0.0_f64..40.0,
        ) {
            let (kind, whole) = if bernoulli {
                (Kind::Bernoulli, (cases + controls) as f64)
            } else {
                (Kind::Poisson, cases as f64)
            };
            let likelihood = Likelihood::new(kind, cases, whole, 2, cases);
            let count = (part * cases as f64) as usize;
            let measure = match kind {
                Kind::Poisson => measure * whole,
                Kind::Bernoulli => {
                    count as f64 + (measure * controls as f64).floor()
                }
            };
            let found = likelihood.of(count as f64, measure);
            if count >= 2 && found > ratio {
                prop_assert!(measure < likelihood.limits(ratio)[count]);
            }
            // Nor is the limit far off: below it the level of a quarter less is beaten.
            if count >= 2 && measure > 0.0 && measure < 0.999 * likelihood.limits(ratio)[count] {
                prop_assert!(found > ratio - 0.25 - 0.04 * ratio);
            }
        }
    }
}
