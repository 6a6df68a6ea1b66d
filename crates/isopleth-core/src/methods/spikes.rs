//! Spikes: which areas had more in one month than their own past explains.
//!
//! **What it answers.** "Rainham & Wennington has seen a spike in May": could that be chance, among so
//! many wards, and what drove it?
//!
//! **Model.** In an area with B incidents in the m months before (12, `baseline`) the month's count X is
//! held against a constant rate:
//! - `p_poisson` is the exact Poisson tail P(N ≥ X) with the mean B ÷ m, as if that mean were known;
//! - `p_exact` is the exact conditional tail P(N ≥ X) of N ~ Bin(X + B, 1 ÷ (m + 1)): given all m + 1
//!   months together, each incident falls in the last with the same chance. It allows for the mean being
//!   estimated from few incidents, which the Poisson tail does not.
//!
//! The detector goes by `p`, the larger of the two, adjusted for the number of areas (`correction`,
//! Bonferroni), and flags an area at `p_adjusted` ≤ `alpha` with `min_count` incidents or more. So it
//! flags nothing that the Poisson tail does not. `count_needed` is the least count that would have been
//! flagged on that baseline.
//!
//! **With the whole, or against it.** A month in which the whole borough rose lifts its wards. So each
//! area is held against the others, too: `p_beyond` is the hypergeometric tail of X given the area's
//! total, the month's total over all areas, and their grand total. It does not ask whether the area rose
//! but whether it rose more than the rest. `beyond_whole` says that it did, after the same adjustment.
//! `"flag": "beyond_whole"` flags only areas that pass both, and shows what is not "the whole borough".
//! The whole is tested by itself.
//!
//! **Baseline.** `{"previous_months": 12}`, or `{"same_month_years": 5}`: the same month of that many
//! years before, which takes the season out. Months not supplied, or only in part, are left out of it; with
//! fewer than half of them an area is not tested, with the reason. Months count alike, whatever their
//! number of days: February has a tenth fewer, and `p_beyond` is free of it.
//!
//! **The card.** Each area's month in plain words: the kinds of offence that exceed their mean, both
//! lenses, the busiest day and how much of it came from one source, and the three busiest places. From
//! month-only records and ready-made counts there is no day, and it says so.
//!
//! **Calibration.** Share of 1,000 null maps with any flag, level 0.05, with its 95 % interval
//! (`cargo run -p isopleth-benches --bin figures -- calibration.spikes`). The maps are the burglaries of
//! 2018 and 2019 at their real map points; the months of 2019 are tested in turn. Months are permuted
//! among all records of a window, which keeps each month's total, or drawn afresh, alike for all thirteen:
//!
//! | wards | months | `own_past` | `beyond_whole` | Poisson tail alone |
//! |---|---|---|---|---|
//! | Havering, 18 | permuted | 0.055 (0.042–0.071) | 0.015 (0.008–0.025) | 0.095 (0.078–0.115) |
//! | Havering, 18 | drawn | 0.032 (0.022–0.045) | 0.023 (0.015–0.034) | 0.054 (0.041–0.070) |
//! | London, 657 | permuted | 0.046 (0.034–0.061) | 0.024 (0.015–0.036) | 0.090 (0.073–0.109) |
//! | London, 657 | drawn | 0.023 (0.015–0.034) | 0.023 (0.015–0.034) | 0.067 (0.052–0.084) |
//!
//! The Poisson tail alone flags too often, which is why it does not decide. Of a single month in which the
//! whole rose `own_past` flags more, since its wards did rise; `beyond_whole` holds the level there, too.
//!
//! **Degenerate.** No incident in baseline and month: p is 1. None in the baseline: the Poisson tail is 0
//! for a single incident; the conditional tail is not, and decides. One area alone: there is no rest to
//! hold it against, and `p_beyond` is null.
//!
//! **How it can mislead.** It is a test of one month that was chosen before looking: whoever looks
//! through twelve months will find one flag in twenty by chance in each. Incidents that come in series,
//! or by one operation, are not independent; the card shows them, the p does not know. A spike of
//! police-generated records is a spike of police work. A rise over years makes every month high against
//! the year before: read the trend in `area_audit`. Stated breaks in the series are told, not corrected.
//!
//! **Complexity.** A point-in-polygon test for each location and area; the tests are linear in counts.
//!
//! **References.** Przyborowski & Wilenski 1940, doi 10.1093/biomet/31.3-4.313; Loader 2000, *Fast and
//! accurate computation of binomial probabilities*; Unkel et al. 2012,
//! doi 10.1111/j.1467-985X.2011.00714.x (prospective detection). **Checked against** R's `ppois`,
//! `pbinom` and `phyper`; a printed table of the least counts; the ward table of the Metropolitan Police
//! Service, where Rainham & Wennington is flagged in May 2019.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::area_series::{self, AreaSeries, Basis, Origin, Parts, Row, SeriesArea, Supply};
use crate::domain::{
    Lens, LocationBasis, LocationId, Month, NO_PLACE, SeriesBreak, TimePrecision, day_of,
    format_day, month_number,
};
use crate::places::offence;
use crate::select::Selection;
use crate::statistics::{Correction, binomial_upper, hypergeometric_upper, poisson_upper};

/// Parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Id of a table of ready-made counts; records without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<String>,
    /// The areas that records are counted by; wards of the latest vintage without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub areas: Option<Parts>,
    /// The month that is tested; the last of the request's period without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub month: Option<Month>,
    /// What it is held against.
    #[serde(default)]
    pub baseline: Baseline,
    /// Level, over all areas together.
    #[serde(default = "usual_alpha")]
    pub alpha: f64,
    /// How p-values are adjusted for the number of areas.
    #[serde(default = "usual_correction")]
    pub correction: Correction,
    /// Fewest incidents of a spike.
    #[serde(default = "usual_least")]
    pub min_count: u64,
    /// What flags an area.
    #[serde(default)]
    pub flag: Flag,
    /// Only flagged areas as features; the number of the others is told.
    #[serde(default)]
    pub flagged_only: bool,
    /// Months that the data has only in part.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partial_months: Vec<Month>,
    /// Breaks in the series that a comparison across them is told with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub series_breaks: Vec<SeriesBreak>,
}

fn usual_alpha() -> f64 {
    0.05
}

fn usual_correction() -> Correction {
    Correction::Bonferroni
}

fn usual_least() -> u64 {
    3
}

/// What a month is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Baseline {
    /// So many months just before.
    PreviousMonths(u32),
    /// The same month of so many years before.
    SameMonthYears(u32),
}

impl Default for Baseline {
    fn default() -> Self {
        Self::PreviousMonths(12)
    }
}

/// Most months of a baseline.
const MAX_BASELINE: u32 = 120;

impl Baseline {
    fn months(self, month: Month) -> Result<Vec<Month>, Error> {
        let (n, least, step) = match self {
            Self::PreviousMonths(n) => (n, 6, 1),
            Self::SameMonthYears(n) => (n, 2, 12),
        };
        if !(least..=MAX_BASELINE).contains(&n) {
            return Err(Error::Baseline {
                given: n,
                least,
                what: match self {
                    Self::PreviousMonths(_) => "previous_months",
                    Self::SameMonthYears(_) => "same_month_years",
                },
            });
        }
        Ok((1..=n as i32)
            .rev()
            .map(|k| month.plus(-k * step))
            .collect())
    }

    /// In words.
    #[must_use]
    pub fn words(self) -> String {
        match self {
            Self::PreviousMonths(n) => format!("the {n} months before"),
            Self::SameMonthYears(n) => format!("the same month of the {n} years before"),
        }
    }
}

/// What flags an area.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flag {
    /// More than its own past explains.
    #[default]
    OwnPast,
    /// That, and more than the rise of the whole explains.
    BeyondWhole,
}

/// Why no month can be tested.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A level that is none.
    #[error("alpha must lie between 0 and 0.5, not {0}; 0.05 is usual")]
    Alpha(f64),
    /// A baseline that is too short or too long.
    #[error("baseline {what} must be {least} to {MAX_BASELINE}, not {given}")]
    Baseline {
        /// What was given.
        given: u32,
        /// The fewest.
        least: u32,
        /// Which baseline.
        what: &'static str,
    },
    /// A month that the data does not have whole.
    #[error(
        "the month {month} is {supply} in the data, which reaches from {first} to {last}; name a month that is there whole with `month`"
    )]
    NoMonth {
        /// The month.
        month: Month,
        /// What there is of it.
        supply: &'static str,
        /// First month of the data.
        first: Month,
        /// Last month of the data.
        last: Month,
    },
    /// A month outside the period.
    #[error(
        "the month {month} lies outside the period {from} to {to}, which incidents are selected by; name one of its months, or leave select.period out"
    )]
    Outside {
        /// The month.
        month: Month,
        /// First month of the period.
        from: Month,
        /// Last month.
        to: Month,
    },
    /// The series.
    #[error(transparent)]
    Series(#[from] area_series::Error),
}

impl Error {
    /// A stable code for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Alpha(_) | Self::Baseline { .. } => "invalid_spikes",
            Self::NoMonth { .. } | Self::Outside { .. } => "no_month",
            Self::Series(e) => e.code(),
        }
    }
}

/// The test of a month.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Test {
    /// Incidents of the baseline.
    pub baseline_count: u64,
    /// Its months.
    pub baseline_months: u32,
    /// The exact Poisson tail with the baseline's mean.
    pub p_poisson: f64,
    /// The exact conditional tail.
    pub p_exact: f64,
}

impl Test {
    /// Tests a month's count against a baseline of some months.
    ///
    /// ```
    /// use isopleth_core::methods::spikes::Test;
    /// let may = Test::of(19, 71, 12);
    /// assert_eq!(format!("{:.3e}", may.p_poisson), "1.458e-5");
    /// ```
    #[must_use]
    pub fn of(count: u64, baseline_count: u64, baseline_months: u32) -> Self {
        let m = f64::from(baseline_months);
        Self {
            baseline_count,
            baseline_months,
            p_poisson: poisson_upper(count, baseline_count as f64 / m),
            p_exact: binomial_upper(count, count + baseline_count, 1.0 / (m + 1.0)),
        }
    }

    /// Mean of the baseline, a month.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.baseline_count as f64 / f64::from(self.baseline_months)
    }

    /// The p that the detector goes by: the larger of the two.
    #[must_use]
    pub fn p(&self) -> f64 {
        self.p_poisson.max(self.p_exact)
    }

    /// The least count with a p of at most a level, on this baseline.
    #[must_use]
    pub fn count_needed(&self, level: f64) -> Option<u64> {
        least(level, |count| {
            Self::of(count, self.baseline_count, self.baseline_months).p()
        })
    }
}

/// The least count whose Poisson tail with a known mean is at most a level. `None` for a level or mean
/// that no count reaches.
///
/// ```
/// use isopleth_core::methods::spikes::least_count;
/// assert_eq!(least_count(6.0, 0.01), Some(13));
/// assert_eq!(least_count(6.0, 0.05 / 18.0), Some(15));
/// ```
#[must_use]
pub fn least_count(mean: f64, level: f64) -> Option<u64> {
    least(level, |count| poisson_upper(count, mean))
}

/// The least count with a p of at most a level, where p falls with the count.
fn least(level: f64, p: impl Fn(u64) -> f64) -> Option<u64> {
    // A level that no tail is below but by underflow.
    if level.is_nan() || level <= 0.0 {
        return None;
    }
    let mut high = 1_u64;
    while p(high) > level || p(high).is_nan() {
        high = high.checked_mul(2).filter(|h| *h < 1 << 40)?;
    }
    let mut low = high / 2;
    while low + 1 < high {
        let middle = u64::midpoint(low, high);
        if p(middle) <= level {
            high = middle;
        } else {
            low = middle;
        }
    }
    Some(high)
}

/// A kind of offence that a month is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Driver {
    /// The offence, with its sub-type.
    pub offence: String,
    /// Incidents in the month.
    pub count: u64,
    /// Its mean over the baseline, a month.
    pub mean: f64,
}

/// The busiest day of a month.
#[derive(Debug, Clone, PartialEq)]
pub struct BusiestDay {
    /// The day.
    pub day: String,
    /// Incidents of that day.
    pub count: u64,
    /// The record source that most of these came from, and how many; `None` where none is stated.
    pub source: Option<(String, u64)>,
}

/// What a month of an area is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Card {
    /// The kinds of offence, by how far they exceed their mean.
    pub drivers: Vec<Driver>,
    /// The busiest day, or why it is not known.
    pub day: Result<BusiestDay, &'static str>,
    /// The three places with most: what they are called, what the position stands for, and their count;
    /// or why they are not known.
    pub places: Result<Vec<(String, LocationBasis, u64)>, &'static str>,
    /// The record source that most came from, and how many; `None` where none is stated.
    pub source: Option<(String, u64)>,
}

/// An area's month.
#[derive(Debug, Clone, PartialEq)]
pub struct Spike {
    /// The area, by its place in [`Outcome::areas`].
    pub area: usize,
    /// Place in the ranking, from 1: flagged first, then by p.
    pub rank: u32,
    /// Whether the data has the month whole; where not, its counts are of what there is.
    pub supplied: bool,
    /// Incidents of the month.
    pub count: u64,
    /// Of the same selection, reported.
    pub count_reported: u64,
    /// Of the same selection, police-generated.
    pub count_police_generated: u64,
    /// The test, or why there is none.
    pub test: Result<Test, String>,
    /// The test's p, adjusted.
    pub p_adjusted: Option<f64>,
    /// The tail against the rest; `None` without a rest or a test.
    pub p_beyond: Option<f64>,
    /// The same, adjusted.
    pub p_beyond_adjusted: Option<f64>,
    /// Whether it rose more than the rest explains.
    pub beyond_whole: Option<bool>,
    /// Whether it is flagged.
    pub flagged: bool,
    /// The least count that would have been flagged against its own past.
    pub count_needed: Option<u64>,
    /// Counts of the baseline's months, in order; `None` where not supplied whole.
    pub baseline: Vec<(Month, Option<u64>)>,
    /// What the month is made of.
    pub card: Card,
}

/// The spikes of a month.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The parameters, for the record.
    pub params: Params,
    /// The month.
    pub month: Month,
    /// The lens.
    pub lens: Lens,
    /// The areas, in the order of codes.
    pub areas: Vec<SeriesArea>,
    /// Where they come from.
    pub origin: Origin,
    /// The areas' months, by rank.
    pub spikes: Vec<Spike>,
    /// How many areas were tested.
    pub tested: usize,
    /// How many are flagged.
    pub flagged: usize,
    /// The whole of the areas that were tested: its count and test.
    pub whole: Option<(u64, Test)>,
    /// Incidents of the month in none of the areas, and without a location.
    pub elsewhere: (u64, u64),
    /// Stated breaks between baseline and month.
    pub breaks: Vec<SeriesBreak>,
}

/// Runs the method.
///
/// # Errors
/// [`Error`] for a month that is not there and parameters out of range.
pub fn run(basis: &Basis, params: &Params) -> Result<Outcome, Error> {
    if !(params.alpha > 0.0 && params.alpha < 0.5) {
        return Err(Error::Alpha(params.alpha));
    }
    let series = basis.series(
        params.areas.as_ref(),
        &params.partial_months,
        &params.series_breaks,
    )?;
    let month = month(basis, &series, params)?;
    let baseline = params.baseline.months(month)?;
    let tested = test(&series, month, &baseline, params);
    let cards = cards(basis, &series, month, &baseline);
    let mut spikes: Vec<Spike> = tested
        .areas
        .into_iter()
        .zip(cards)
        .enumerate()
        .map(|(area, (t, card))| {
            let row = Row::Area(area);
            Spike {
                area,
                rank: 0,
                supplied: series.supply(row, month) == Supply::Whole,
                count: series.count(row, series.lens, month),
                count_reported: series.count(row, Lens::Reported, month),
                count_police_generated: series.count(row, Lens::PoliceGenerated, month),
                count_needed: t.test.as_ref().ok().and_then(|test| {
                    let needed = test.count_needed(t.level)?;
                    Some(needed.max(params.min_count))
                }),
                test: t.test,
                p_adjusted: t.p_adjusted,
                p_beyond: t.p_beyond,
                p_beyond_adjusted: t.p_beyond_adjusted,
                beyond_whole: t.p_beyond_adjusted.map(|p| p <= params.alpha),
                flagged: t.flagged,
                baseline: baseline
                    .iter()
                    .map(|&m| {
                        let whole = series.supply(row, m) == Supply::Whole;
                        (m, whole.then(|| series.count(row, series.lens, m)))
                    })
                    .collect(),
                card,
            }
        })
        .collect();
    spikes.sort_by(|a, b| {
        let p = |s: &Spike| s.test.as_ref().map_or(2.0, Test::p);
        b.flagged
            .cmp(&a.flagged)
            .then(p(a).total_cmp(&p(b)))
            .then(b.count.cmp(&a.count))
            .then(a.area.cmp(&b.area))
    });
    for (rank, spike) in spikes.iter_mut().enumerate() {
        spike.rank = rank as u32 + 1;
    }
    let first = baseline.first().copied().unwrap_or(month);
    let lens = series.lens;
    Ok(Outcome {
        params: params.clone(),
        month,
        lens,
        origin: series.origin.clone(),
        tested: spikes.iter().filter(|s| s.test.is_ok()).count(),
        flagged: spikes.iter().filter(|s| s.flagged).count(),
        whole: tested.whole,
        elsewhere: (
            series.count(Row::Elsewhere, lens, month),
            series.count(Row::Unlocated, lens, month),
        ),
        breaks: series
            .breaks_in((first, month))
            .into_iter()
            .cloned()
            .collect(),
        spikes,
        areas: series.areas,
    })
}

/// The month that is tested.
fn month(basis: &Basis, series: &AreaSeries, params: &Params) -> Result<Month, Error> {
    let month = params.month.unwrap_or(series.period.1);
    let named = match basis {
        Basis::Records(s) => s.period.is_some(),
        Basis::Table(t) => t.period.is_some(),
    };
    if named && !(series.period.0 <= month && month <= series.period.1) {
        return Err(Error::Outside {
            month,
            from: series.period.0,
            to: series.period.1,
        });
    }
    let supplies = (0..series.areas.len()).map(|a| series.supply(Row::Area(a), month));
    let (mut whole, mut partial) = (false, false);
    for supply in supplies {
        whole |= supply == Supply::Whole;
        partial |= supply == Supply::Partial;
    }
    if whole {
        return Ok(month);
    }
    let (first, last) = series.extent();
    Err(Error::NoMonth {
        month,
        supply: if partial {
            "only in part"
        } else {
            "not supplied"
        },
        first,
        last,
    })
}

/// An area as tested.
struct Tested {
    count: u64,
    test: Result<Test, String>,
    p_adjusted: Option<f64>,
    p_beyond: Option<f64>,
    p_beyond_adjusted: Option<f64>,
    flagged: bool,
    /// The level that one area's p has to reach, by Bonferroni's rule or as far as that is known.
    level: f64,
}

/// All areas as tested.
struct AllTested {
    areas: Vec<Tested>,
    whole: Option<(u64, Test)>,
}

/// Counts of an area: the month's, the baseline's, and the baseline's months.
type Counted = (u64, u64, u32);

fn test(series: &AreaSeries, month: Month, baseline: &[Month], params: &Params) -> AllTested {
    let least = baseline.len().div_ceil(2);
    let counted: Vec<Result<(Counted, Vec<Month>), String>> = (0..series.areas.len())
        .map(|a| {
            let row = Row::Area(a);
            if series.supply(row, month) != Supply::Whole {
                return Err("the month is not supplied whole".to_owned());
            }
            let months: Vec<Month> = baseline
                .iter()
                .copied()
                .filter(|m| series.supply(row, *m) == Supply::Whole)
                .collect();
            if months.len() < least {
                return Err(format!(
                    "only {} of {} months of the baseline are supplied whole",
                    months.len(),
                    baseline.len()
                ));
            }
            let before = months
                .iter()
                .map(|m| series.count(row, series.lens, *m))
                .sum();
            let now = series.count(row, series.lens, month);
            Ok(((now, before, months.len() as u32), months))
        })
        .collect();
    // The rest is made of the areas with the same months.
    let common = counted
        .iter()
        .filter_map(|c| c.as_ref().ok())
        .map(|c| c.1.clone())
        .max_by_key(Vec::len);
    let counts: Vec<Result<(Counted, bool), String>> = counted
        .into_iter()
        .map(|c| c.map(|(c, months)| (c, Some(&months) == common.as_ref())))
        .collect();
    judge(&counts, params)
}

/// Tests counts; of each area whether its baseline is the common one.
fn judge(counts: &[Result<(Counted, bool), String>], params: &Params) -> AllTested {
    let mut whole: (u64, u64, u32) = (0, 0, 0);
    let mut members = 0;
    for ((now, before, months), same) in counts.iter().flatten() {
        if *same {
            whole = (whole.0 + now, whole.1 + before, *months);
            members += 1;
        }
    }
    let mut tested: Vec<Tested> = counts
        .iter()
        .map(|c| match c {
            Err(reason) => Tested {
                count: 0,
                test: Err(reason.clone()),
                p_adjusted: None,
                p_beyond: None,
                p_beyond_adjusted: None,
                flagged: false,
                level: 0.0,
            },
            Ok(((now, before, months), same)) => Tested {
                count: *now,
                test: Ok(Test::of(*now, *before, *months)),
                p_adjusted: None,
                p_beyond: (*same && members > 1)
                    .then(|| hypergeometric_upper(*now, now + before, whole.0, whole.0 + whole.1)),
                p_beyond_adjusted: None,
                flagged: false,
                level: 0.0,
            },
        })
        .collect();
    let of = |p: Option<f64>| p.unwrap_or(f64::NAN);
    let adjusted = |p: Vec<f64>| params.correction.adjust(&p);
    let own = adjusted(
        tested
            .iter()
            .map(|t| of(t.test.as_ref().ok().map(Test::p)))
            .collect(),
    );
    let beyond = adjusted(tested.iter().map(|t| of(t.p_beyond)).collect());
    let number = tested.iter().filter(|t| t.test.is_ok()).count().max(1);
    for ((t, own), beyond) in tested.iter_mut().zip(own).zip(beyond) {
        t.p_adjusted = (!own.is_nan()).then_some(own);
        t.p_beyond_adjusted = (!beyond.is_nan()).then_some(beyond);
        t.level = match params.correction {
            Correction::None => params.alpha,
            _ => params.alpha / number as f64,
        };
        let passes = |p: Option<f64>| p.is_some_and(|p| p <= params.alpha);
        t.flagged = t.count >= params.min_count
            && passes(t.p_adjusted)
            && (params.flag == Flag::OwnPast || passes(t.p_beyond_adjusted));
    }
    AllTested {
        areas: tested,
        whole: (members > 0).then(|| (whole.0, Test::of(whole.0, whole.1, whole.2))),
    }
}

/// How many areas are flagged by counts of (month, baseline), all over the same months: the detector
/// itself, for those who test it.
#[must_use]
pub fn flags(counts: &[(u64, u64)], baseline_months: u32, params: &Params) -> usize {
    let counts: Vec<Result<(Counted, bool), String>> = counts
        .iter()
        .map(|&(now, before)| Ok(((now, before, baseline_months), true)))
        .collect();
    let tested = judge(&counts, params);
    tested.areas.iter().filter(|t| t.flagged).count()
}

/// Places on a card.
const CARD_PLACES: usize = 3;

/// What each area's month is made of.
fn cards(basis: &Basis, series: &AreaSeries, month: Month, baseline: &[Month]) -> Vec<Card> {
    let mut incidents: Vec<Vec<(LocationId, usize)>> = vec![Vec::new(); series.areas.len()];
    if let Basis::Records(selection) = basis {
        let all = selection.incidents();
        for l in (0..all.locations().len() as LocationId).filter(|&l| selection.is_inside(l)) {
            let Row::Area(area) = series.row_of(l) else {
                continue;
            };
            for i in all.at(l) {
                if month_number(all.from()[i]) == month.number()
                    && selection.is_of(i)
                    && selection.lens_of(i) == series.lens
                {
                    incidents[area].push((l, i));
                }
            }
        }
    }
    (0..series.areas.len())
        .map(|area| {
            let drivers = drivers(series, Row::Area(area), month, baseline);
            match basis {
                Basis::Table(_) => Card {
                    drivers,
                    day: Err("ready-made counts are by month"),
                    places: Err("ready-made counts have no places"),
                    source: None,
                },
                Basis::Records(selection) => Card {
                    drivers,
                    day: busiest_day(selection, &incidents[area]),
                    places: Ok(busiest_places(selection, &incidents[area])),
                    source: main_source(selection, incidents[area].iter().map(|m| m.1)),
                },
            }
        })
        .collect()
}

fn drivers(series: &AreaSeries, row: Row, month: Month, baseline: &[Month]) -> Vec<Driver> {
    let whole: Vec<Month> = baseline
        .iter()
        .copied()
        .filter(|m| series.supply(row, *m) == Supply::Whole)
        .collect();
    let mut by_offence: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for (k, kind) in series.kinds.iter().enumerate() {
        if kind.lens == series.lens {
            let sums = by_offence.entry(offence(kind)).or_default();
            sums.0 += series.count_of(row, k, month);
            sums.1 += whole
                .iter()
                .map(|m| series.count_of(row, k, *m))
                .sum::<u64>();
        }
    }
    let mut list: Vec<Driver> = by_offence
        .into_iter()
        .filter(|(_, (now, _))| *now > 0)
        .map(|(offence, (count, before))| Driver {
            offence,
            count,
            mean: before as f64 / whole.len().max(1) as f64,
        })
        .collect();
    list.sort_by(|a, b| {
        let excess = |d: &Driver| d.count as f64 - d.mean;
        excess(b)
            .total_cmp(&excess(a))
            .then(a.offence.cmp(&b.offence))
    });
    list
}

/// The largest count; of equals the first by key.
fn most<K: Ord>(counted: BTreeMap<K, u64>) -> Option<(K, u64)> {
    counted
        .into_iter()
        .reduce(|best, next| if next.1 > best.1 { next } else { best })
}

fn main_source(
    selection: &Selection,
    incidents: impl Iterator<Item = usize>,
) -> Option<(String, u64)> {
    let all = selection.incidents();
    let mut by_source: BTreeMap<&str, u64> = BTreeMap::new();
    for i in incidents {
        let kind = &all.kinds()[usize::from(all.kind()[i])];
        *by_source.entry(&kind.record_source).or_default() += 1;
    }
    most(by_source)
        .filter(|(source, _)| !source.is_empty())
        .map(|(source, n)| (source.to_owned(), n))
}

fn busiest_day(
    selection: &Selection,
    incidents: &[(LocationId, usize)],
) -> Result<BusiestDay, &'static str> {
    let all = selection.incidents();
    let mut by_day: BTreeMap<i32, u64> = BTreeMap::new();
    let known = |i: usize| {
        all.precision(i) != TimePrecision::Month
            && day_of(all.from()[i]) == day_of(all.to()[i].max(all.from()[i] + 1) - 1)
    };
    for (_, i) in incidents.iter().filter(|m| known(m.1)) {
        *by_day.entry(day_of(all.from()[*i])).or_default() += 1;
    }
    if incidents.is_empty() {
        return Err("there is no incident in the month");
    }
    let (day, count) = most(by_day).ok_or("the records are not known to the day")?;
    let of_day = incidents
        .iter()
        .map(|m| m.1)
        .filter(|&i| known(i) && day_of(all.from()[i]) == day);
    Ok(BusiestDay {
        day: format_day(day * crate::domain::MINUTES_PER_DAY),
        count,
        source: main_source(selection, of_day),
    })
}

fn busiest_places(
    selection: &Selection,
    incidents: &[(LocationId, usize)],
) -> Vec<(String, LocationBasis, u64)> {
    let all = selection.incidents();
    let mut by_location: BTreeMap<LocationId, Vec<usize>> = BTreeMap::new();
    for (l, i) in incidents {
        by_location.entry(*l).or_default().push(*i);
    }
    let mut list: Vec<(LocationId, Vec<usize>)> = by_location.into_iter().collect();
    // Locations have an order of their own.
    list.sort_by_key(|(_, members)| std::cmp::Reverse(members.len()));
    list.truncate(CARD_PLACES);
    list.into_iter()
        .map(|(l, members)| {
            let mut texts: BTreeMap<&str, u64> = BTreeMap::new();
            let mut bases: BTreeMap<LocationBasis, u64> = BTreeMap::new();
            for &i in &members {
                *bases.entry(all.basis(i)).or_default() += 1;
                if all.place()[i] != NO_PLACE {
                    let text = all.places()[all.place()[i] as usize].text.as_str();
                    *texts.entry(text).or_default() += 1;
                }
            }
            let name = most(texts)
                .map(|t| t.0.to_owned())
                .filter(|t| !t.is_empty())
                .unwrap_or_else(|| {
                    let at = all.locations()[l as usize].position;
                    format!("{:.5}, {:.5}", at.lon(), at.lat())
                });
            let basis = most(bases).map_or(LocationBasis::Unknown, |b| b.0);
            (name, basis, members.len() as u64)
        })
        .collect()
}
