//! Control chart: which months of a place stand out from its other months.
//!
//! **What it answers.** Whether a month's count is more, or less, than the place's usual coming and
//! going would make it.
//!
//! **Model.** Counts of calendar months, Poisson with one rate a day: a month of 31 days expects more
//! than one of 28. The chart ends with the last whole month of the period and goes back as many months
//! as are asked for. A month in which the data has no record of any kind in the study area is "not
//! supplied": it is not 0, has no limits, and takes no part in the rate.
//!
//! **Limits.** Exact probability limits at 0.00135 on either side, where Shewhart's three standard
//! deviations would be. The rate is not taken for known: given the total of the baseline, a month's
//! count is binomial with the month's share of the baseline's days as its probability, whatever the
//! rate. `lower` is the least count x with P(X ≤ x) > 0.00135, `upper` the largest with P(X ≥ x) >
//! 0.00135; a count beyond them is a signal. For a month outside the baseline the same is asked of the
//! month and the baseline together: the count is held against Binomial(baseline + count, e / (E + e))
//! for e days of the month and E of the baseline, which is the exact prediction limit. The baseline is
//! all the chart's months, or the first `baseline_months` of it. Eight or more months in a row on one
//! side of the centre line are told, too.
//!
//! **Degenerate.** With fewer than two months in the baseline there are no limits. Without incidents
//! both limits are 0.
//!
//! **How it can mislead.** Incidents come in bursts and seasons: where they do, months scatter more than
//! Poisson counts and cross the limits more often than one in 370. `dispersion`, the months' chi-square
//! over its degrees of freedom, is near 1 without; from about 2 on read signals with care. With 24
//! months and many places a few signals are expected by chance; their expected number is told. A
//! hotspot is cut where the period was busy: months of that period stand high by the choosing alone,
//! and later ones will fall. Months of the period are therefore better judged against a baseline before
//! it (`baseline_months`).
//!
//! **References.** Shewhart 1931, *Economic control of quality of manufactured product*; Nelson 1970,
//! *Journal of the American Statistical Association* 65, 1640–1650 (prediction limits for Poisson
//! counts), doi 10.1080/01621459.1970.10481190. **Checked against.** R's `pbinom`; by simulation, the
//! share of false signals.

use serde::{Deserialize, Serialize};

use crate::domain::{CivilMinute, LocationId, MINUTES_PER_DAY, Period, month_number, month_span};
use crate::select::Selection;
use crate::statistics::{binomial_lower, binomial_upper};

/// Probability beyond either limit.
pub const ALPHA: f64 = 0.00135;

/// Most months of a chart.
pub const MAX_MONTHS: u32 = 240;

/// Months in a row on one side of the centre line that are told.
pub const RUN: usize = 8;

/// How a chart is drawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Months, the last whole one of the period being the last.
    #[serde(default = "two_years")]
    pub months: u32,
    /// The first so many months make the baseline; all of them without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline_months: Option<u32>,
}

fn two_years() -> u32 {
    24
}

impl Default for Params {
    fn default() -> Self {
        Self {
            months: two_years(),
            baseline_months: None,
        }
    }
}

/// Why there is no chart.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No period.
    #[error("a control chart ends with the last month of select.period, and none is named")]
    NoPeriod,
    /// Months out of range.
    #[error("control_chart.months must be 2 to {MAX_MONTHS}, not {0}")]
    Months(u32),
    /// A baseline out of range.
    #[error("control_chart.baseline_months must be 2 to the chart's {months}, not {baseline}")]
    Baseline {
        /// Months of the chart.
        months: u32,
        /// Months of the baseline.
        baseline: u32,
    },
}

/// The months of a chart, found once for all places of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Months {
    bounds: Vec<(CivilMinute, CivilMinute)>,
    supplied: Vec<bool>,
    baseline: usize,
}

/// A signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Above the upper limit.
    Above,
    /// Below the lower limit.
    Below,
}

/// Limits of a month.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Expected count.
    pub centre: f64,
    /// Least count that is no signal.
    pub lower: u64,
    /// Largest count that is no signal.
    pub upper: u64,
}

/// A month of a chart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Month {
    /// Its first minute.
    pub from: CivilMinute,
    /// Count; `None` for not supplied.
    pub count: Option<u64>,
    /// Limits; `None` where not supplied, or where there is no baseline.
    pub limits: Option<Limits>,
    /// Beyond a limit.
    pub signal: Option<Signal>,
    /// At least the eighth in a row on one side of the centre line.
    pub in_run: bool,
    /// Whether it belongs to the baseline.
    pub in_baseline: bool,
}

/// The chart of a place.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// The months, in order.
    pub months: Vec<Month>,
    /// Chi-square of the baseline over its degrees of freedom; `None` without incidents or for fewer
    /// than two months.
    pub dispersion: Option<f64>,
    /// Signals to be expected of the limits by chance alone.
    pub expected_false_signals: f64,
}

impl Months {
    /// The months of a chart.
    ///
    /// # Errors
    /// [`Error`] for numbers out of range and without a period.
    pub fn of(selection: &Selection, params: &Params) -> Result<Self, Error> {
        let months = params.months;
        if !(2..=MAX_MONTHS).contains(&months) {
            return Err(Error::Months(months));
        }
        let baseline = params.baseline_months.unwrap_or(months);
        if !(2..=months).contains(&baseline) {
            return Err(Error::Baseline { months, baseline });
        }
        let (_, to) = selection.period.ok_or(Error::NoPeriod)?.minutes();
        let end = month_number(to);
        let mut bounds = Vec::new();
        let mut supplied = Vec::new();
        for n in end - months as i32..end {
            let (year, month) = (n.div_euclid(12), n.rem_euclid(12) + 1);
            let span = i16::try_from(year)
                .ok()
                .and_then(|y| month_span(y, month as i8));
            let Some(span) = span else { continue };
            bounds.push((span.from, span.to));
            let one = Period::parse(&format!("{year:04}-{month:02}"));
            supplied.push(
                one.is_ok_and(|p| selection.covers_period(p) && !selection.lacks_hours_in(p)),
            );
        }
        Ok(Self {
            bounds,
            supplied,
            baseline: baseline as usize,
        })
    }

    /// The chart of the incidents of some locations.
    #[must_use]
    pub fn chart(&self, selection: &Selection, members: &[LocationId]) -> Chart {
        let incidents = selection.incidents();
        let first = self.bounds.first().map_or(0, |b| b.0);
        let last = self.bounds.last().map_or(0, |b| b.1);
        let start = month_number(first);
        let mut counts = vec![0; self.bounds.len()];
        for i in members.iter().flat_map(|&l| incidents.at(l)) {
            let from = incidents.from()[i];
            if first <= from && from < last && selection.holds_at_any_time(i) {
                counts[(month_number(from) - start) as usize] += 1;
            }
        }
        let months: Vec<(CivilMinute, u32, Option<u64>)> = self
            .bounds
            .iter()
            .zip(counts)
            .zip(&self.supplied)
            .map(|((b, n), supplied)| {
                let days = (b.1 - b.0) / MINUTES_PER_DAY;
                (b.0, days as u32, supplied.then_some(n))
            })
            .collect();
        chart(&months, self.baseline)
    }

    /// First months of the chart that make the baseline, and those of them that are supplied.
    #[must_use]
    pub fn baseline(&self) -> (usize, usize) {
        let supplied = self.supplied[..self.baseline.min(self.supplied.len())].iter();
        (self.baseline, supplied.filter(|s| **s).count())
    }
}

/// The chart of months: first minute, days, and count where supplied.
#[must_use]
pub fn chart(months: &[(CivilMinute, u32, Option<u64>)], baseline: usize) -> Chart {
    let known = |m: &(CivilMinute, u32, Option<u64>)| m.2.map(|n| (n, u64::from(m.1)));
    let base: Vec<(u64, u64)> = months.iter().take(baseline).filter_map(known).collect();
    let total: u64 = base.iter().map(|b| b.0).sum();
    let days: u64 = base.iter().map(|b| b.1).sum();
    let mut expected_false_signals = 0.0;
    let mut made = Vec::with_capacity(months.len());
    for (i, month) in months.iter().enumerate() {
        let in_baseline = i < baseline && month.2.is_some();
        let limits = known(month).filter(|_| base.len() >= 2).map(|(_, e)| {
            let (limits, beyond) = if in_baseline {
                within(total, e as f64 / days as f64)
            } else {
                beyond(total, e as f64 / (days + e) as f64, e as f64 / days as f64)
            };
            expected_false_signals += beyond;
            limits
        });
        let signal = limits.zip(month.2).and_then(|(l, n)| {
            (n > l.upper)
                .then_some(Signal::Above)
                .or((n < l.lower).then_some(Signal::Below))
        });
        made.push(Month {
            from: month.0,
            count: month.2,
            limits,
            signal,
            in_run: false,
            in_baseline,
        });
    }
    mark_runs(&mut made);
    let dispersion = (base.len() >= 2 && total > 0).then(|| {
        let chi: f64 = base
            .iter()
            .map(|&(n, e)| {
                let centre = total as f64 * e as f64 / days as f64;
                (n as f64 - centre) * (n as f64 - centre) / centre
            })
            .sum();
        chi / (base.len() - 1) as f64
    });
    Chart {
        months: made,
        dispersion,
        expected_false_signals,
    }
}

/// Limits of a month of the baseline, binomial given the baseline's total; and what lies beyond.
fn within(total: u64, p: f64) -> (Limits, f64) {
    let centre = total as f64 * p;
    let near = centre as u64;
    let mut lower = near;
    while lower > 0 && binomial_lower(lower - 1, total, p) > ALPHA {
        lower -= 1;
    }
    while binomial_lower(lower, total, p) <= ALPHA {
        lower += 1;
    }
    let mut upper = near;
    while upper < total && binomial_upper(upper + 1, total, p) > ALPHA {
        upper += 1;
    }
    while upper > 0 && binomial_upper(upper, total, p) <= ALPHA {
        upper -= 1;
    }
    let below = if lower > 0 {
        binomial_lower(lower - 1, total, p)
    } else {
        0.0
    };
    let limits = Limits {
        centre,
        lower,
        upper,
    };
    (limits, below + binomial_upper(upper + 1, total, p))
}

/// Prediction limits of a month outside the baseline; and what may lie beyond at most.
fn beyond(total: u64, p: f64, ratio: f64) -> (Limits, f64) {
    let centre = total as f64 * ratio;
    let near = centre as u64;
    let at_most = |x: u64| binomial_lower(x, total + x, p);
    let at_least = |x: u64| binomial_upper(x, total + x, p);
    let mut lower = near;
    while lower > 0 && at_most(lower - 1) > ALPHA {
        lower -= 1;
    }
    while at_most(lower) <= ALPHA {
        lower += 1;
    }
    let mut upper = near;
    while at_least(upper + 1) > ALPHA {
        upper += 1;
    }
    while upper > 0 && at_least(upper) <= ALPHA {
        upper -= 1;
    }
    let limits = Limits {
        centre,
        lower,
        upper,
    };
    let below = if lower > 0 { at_most(lower - 1) } else { 0.0 };
    (limits, below + at_least(upper + 1))
}

fn mark_runs(months: &mut [Month]) {
    let (mut side, mut length) = (0, 0);
    for m in months {
        let here = match m.limits.zip(m.count) {
            Some((l, n)) if n as f64 > l.centre => 1,
            Some((l, n)) if (n as f64) < l.centre => -1,
            _ => 0,
        };
        length = if here != 0 && here == side {
            length + 1
        } else {
            1
        };
        side = here;
        m.in_run = side != 0 && length >= RUN;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;
    use proptest::prelude::*;

    fn flat(counts: &[Option<u64>], baseline: usize) -> Chart {
        let months: Vec<_> = counts
            .iter()
            .enumerate()
            .map(|(i, &n)| (i as i32, 30, n))
            .collect();
        chart(&months, baseline)
    }

    #[test]
    fn limits_as_r_has_them() {
        // R 4.2.2, 24 months of 10, p = 1/24: pbinom(1, 240, p) = 0.000419 and pbinom(2, …) = 0.00241;
        // pbinom(19, …, lower.tail = FALSE) = 0.00279 and pbinom(20, …) = 0.00123.
        let c = flat(&[Some(10); 24], 24);
        let l = c.months[0].limits.unwrap();
        assert_eq!((l.lower, l.upper), (2, 20));
        assert!((l.centre - 10.0).abs() < 1e-12);
        assert!(c.months.iter().all(|m| m.signal.is_none() && !m.in_run));
        assert!(c.dispersion.unwrap() < 1e-12);
        // Against twelve months of ten, e / (E + e) = 1/13: the largest x with 1 − pbinom(x − 1, 120 + x,
        // 1/13) > 0.00135 is 21, the least x with pbinom(x, 120 + x, 1/13) > 0.00135 is 2.
        let mut counts = vec![Some(10); 12];
        counts.extend([Some(21), Some(22), Some(2), Some(1)]);
        let c = flat(&counts, 12);
        let l = c.months[12].limits.unwrap();
        assert_eq!((l.lower, l.upper), (2, 21));
        let signals: Vec<_> = c.months[12..].iter().map(|m| m.signal).collect();
        assert_eq!(
            signals,
            [None, Some(Signal::Above), None, Some(Signal::Below)]
        );
    }

    #[test]
    fn what_is_not_supplied_is_not_nothing() {
        let mut counts = vec![Some(12); 10];
        counts.extend([None, None, Some(12)]);
        let c = flat(&counts, 13);
        assert_eq!((c.months[10].count, c.months[10].limits), (None, None));
        assert_eq!(c.months[10].signal, None);
        assert!((c.months[0].limits.unwrap().centre - 12.0).abs() < 1e-12);
        // As months of nothing they would be signals, and would lower the rate.
        counts[10] = Some(0);
        assert_eq!(flat(&counts, 13).months[10].signal, Some(Signal::Below));
        let none = flat(&[Some(5), None, None], 3);
        assert_eq!((none.months[0].limits, none.dispersion), (None, None));
        let empty = flat(&[Some(0); 24], 24);
        let l = empty.months[3].limits.unwrap();
        assert_eq!((l.lower, l.upper, empty.months[3].signal), (0, 0, None));
        assert_eq!(empty.dispersion, None);
    }

    #[test]
    fn eight_in_a_row_are_told() {
        let mut counts = vec![Some(8); 10];
        counts.extend([Some(14); 9]);
        let c = flat(&counts, 19);
        let runs: Vec<usize> = (0..19).filter(|&i| c.months[i].in_run).collect();
        assert_eq!(runs, [7, 8, 9, 17, 18]);
    }

    #[test]
    fn false_signals_are_as_few_as_is_said() {
        // 4,000 charts of 24 months of Poisson(6), made by throwing 144 and more or fewer incidents.
        let (mut signals, mut expected) = (0.0, 0.0);
        for r in 0..4000 {
            let mut random = Random::of_replicate(11, r);
            let mut counts = [0_u64; 24];
            for n in &mut counts {
                // Knuth's product of uniform numbers.
                let mut product = random.unit();
                while product > (-6.0_f64).exp() {
                    *n += 1;
                    product *= random.unit();
                }
            }
            let c = flat(&counts.map(Some), 24);
            signals += c.months.iter().filter(|m| m.signal.is_some()).count() as f64;
            expected += c.expected_false_signals;
        }
        // Some 140 expected; four standard deviations.
        assert!(expected < 4000.0 * 24.0 * 2.0 * ALPHA);
        assert!(
            (signals - expected).abs() < 4.0 * expected.sqrt(),
            "{signals} {expected}"
        );
    }

    proptest! {
        #[test]
        fn limits_are_where_the_tails_turn(total in 0_u64..3000, months in 2_u64..40, base in 1_u64..40) {
            let p = 1.0 / months as f64;
            let (l, _) = within(total, p);
            prop_assert!(binomial_lower(l.lower, total, p) > ALPHA);
            prop_assert!(l.lower == 0 || binomial_lower(l.lower - 1, total, p) <= ALPHA);
            prop_assert!(l.upper == 0 || binomial_upper(l.upper, total, p) > ALPHA);
            prop_assert!(binomial_upper(l.upper + 1, total, p) <= ALPHA);
            let q = 1.0 / (base + 1) as f64;
            let (l, _) = beyond(total, q, 1.0 / base as f64);
            prop_assert!(binomial_lower(l.lower, total + l.lower, q) > ALPHA);
            prop_assert!(binomial_upper(l.upper + 1, total + l.upper + 1, q) <= ALPHA);
            prop_assert!(l.lower as f64 <= l.centre + 1.0 && l.upper as f64 >= l.centre - 1.0);
        }
    }
}
