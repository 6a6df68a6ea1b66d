//! One period against another: what is compared with what, and how two counts differ.
//!
//! **What it answers.** Whether a place has more incidents than in the period before, or than a year
//! earlier, by more than chance would make.
//!
//! **Tests.** `p` is that of the E-test ([`e_test`]): the exact Poisson probability, at the rate common
//! to both periods, of two counts that differ at least as much, each over its own number of days, so
//! that February may be held against March. Beside it stands the more cautious p that conditions on the
//! sum of both counts ([`rate_ratio`]).
//!
//! **Percentages.** The change of the daily rate, in per cent; of equally long periods that is the
//! change of the counts. Never told on a base below 20: from 3 to 6 is three more, not 100 %.
//!
//! **A year earlier by school terms.** The same dates a year earlier may hold another part of the
//! Easter holidays. With a term calendar each day is compared with the same weekday of the same week of
//! the same term or holidays (see `terms`), days without a counterpart are left out on both sides, and
//! both sides have equally many days. Records that are dated to the month cannot be aligned so.
//!
//! **How it can mislead.** Poisson counts are assumed: incidents that come in bursts (one offender, one
//! weekend) differ by more than chance allows without any change in the place. A place that was chosen
//! because it is busy now will nearly always have been quieter before and after: regression to the
//! mean is no change.

use crate::domain::{LocationId, MINUTES_PER_DAY, Period, TermAligned, Terms, format_day};
use crate::select::Selection;
use crate::statistics::{LEAST_BASE, e_test, rate_ratio};

/// Two counts over so many days each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    /// Incidents now.
    pub now: u64,
    /// Incidents before.
    pub before: u64,
    /// Days now.
    pub days: u32,
    /// Days before.
    pub days_before: u32,
}

impl Pair {
    /// How many more there are now.
    #[must_use]
    pub fn difference(&self) -> i64 {
        self.now as i64 - self.before as i64
    }

    fn sides(&self) -> ((u64, f64), (u64, f64)) {
        (
            (self.now, f64::from(self.days)),
            (self.before, f64::from(self.days_before)),
        )
    }

    /// p of the E-test; `None` where there are no incidents at all.
    #[must_use]
    pub fn p(&self) -> Option<f64> {
        let (now, before) = self.sides();
        e_test(now, before)
    }

    /// p of the test that conditions on the sum; `None` likewise.
    #[must_use]
    pub fn p_conditional(&self) -> Option<f64> {
        let (now, before) = self.sides();
        rate_ratio(now, before).map(|r| r.p)
    }

    /// Change of the daily rate, per cent; `None` on a base below 20.
    #[must_use]
    pub fn percent(&self) -> Option<f64> {
        if self.before < LEAST_BASE || self.days == 0 || self.days_before == 0 {
            return None;
        }
        let expected = self.before as f64 * f64::from(self.days) / f64::from(self.days_before);
        Some(100.0 * (self.now as f64 - expected) / expected)
    }

    /// Why there is no percentage.
    #[must_use]
    pub fn percent_reason(&self) -> Option<String> {
        self.percent()
            .is_none()
            .then(|| format!("base below {LEAST_BASE}"))
    }
}

/// Days of a period.
#[must_use]
pub fn days_of(period: Period) -> u32 {
    let (from, to) = period.minutes();
    ((to - from) / MINUTES_PER_DAY) as u32
}

/// The selected incidents of some locations in another period.
pub(crate) fn count_in(selection: &Selection, members: &[LocationId], period: Period) -> u64 {
    let incidents = selection.incidents();
    members
        .iter()
        .flat_map(|&l| incidents.at(l))
        .filter(|&i| selection.holds_in(i, period))
        .count() as u64
}

/// A comparison with the school year before, made ready for places.
#[derive(Debug, Clone, PartialEq)]
pub struct ByTerms {
    days: TermAligned,
}

/// Why a comparison by school terms cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ByTermsError {
    /// No period.
    #[error("a comparison by school terms needs select.period")]
    NoPeriod,
    /// Nothing to compare.
    #[error(
        "no day of {period} has a counterpart a school year earlier in `terms`; give the terms of both years"
    )]
    NoCounterpart {
        /// The period.
        period: String,
    },
    /// Days are asked of data that knows months.
    #[error(
        "a comparison by school terms needs the day of each record, and {count} of them are known to the month only; leave `terms` out, or select records with day precision"
    )]
    FinerThanData {
        /// How many records are too coarse.
        count: u64,
    },
    /// The year before is not in the data.
    #[error(
        "the data has months without any record in the study area from {first} to {last}, the same days of the school year before: nothing to compare with"
    )]
    NotCovered {
        /// First day.
        first: String,
        /// Last day.
        last: String,
    },
    /// Hours are not known in the year before.
    #[error(
        "some records of the school year before are not known to the hours that are selected; leave the hours out"
    )]
    NoHours,
}

impl ByTerms {
    /// The comparison of the selection's period.
    ///
    /// # Errors
    /// [`ByTermsError`] where there is nothing to compare.
    pub fn of(selection: &Selection, terms: &Terms) -> Result<Self, ByTermsError> {
        let period = selection.period.ok_or(ByTermsError::NoPeriod)?;
        let days = TermAligned::of(period, terms);
        if days.days == 0 {
            return Err(ByTermsError::NoCounterpart {
                period: period.to_string(),
            });
        }
        let count = [&days.these, &days.earlier]
            .map(|d| selection.month_only_within(d.minutes()))
            .iter()
            .sum();
        if count > 0 {
            return Err(ByTermsError::FinerThanData { count });
        }
        let (from, to) = days.earlier.minutes();
        let (first, last) = (format_day(from), format_day(to - 1));
        let span = Period::parse(&format!("{first}/{last}"));
        match span {
            Ok(span) if selection.lacks_hours_in(span) => return Err(ByTermsError::NoHours),
            Ok(span) if selection.covers_period(span) => {}
            _ => return Err(ByTermsError::NotCovered { first, last }),
        }
        Ok(Self { days })
    }

    /// The counts of some locations on the days that are compared.
    #[must_use]
    pub fn at(&self, selection: &Selection, members: &[LocationId]) -> Pair {
        let incidents = selection.incidents();
        let (mut now, mut before) = (0, 0);
        for i in members.iter().flat_map(|&l| incidents.at(l)) {
            now += u64::from(selection.holds_on(i, &self.days.these));
            before += u64::from(selection.holds_on(i, &self.days.earlier));
        }
        Pair {
            now,
            before,
            days: self.days.days,
            days_before: self.days.days,
        }
    }

    /// Days compared, and days of the period.
    #[must_use]
    pub fn days(&self) -> (u32, u32) {
        (self.days.days, self.days.of)
    }

    /// First and last day of the counterparts.
    #[must_use]
    pub fn earlier(&self) -> (String, String) {
        let (from, to) = self.days.earlier.minutes();
        (format_day(from), format_day(to - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(before: u64, now: u64) -> Pair {
        Pair {
            now,
            before,
            days: 31,
            days_before: 31,
        }
    }

    #[test]
    fn small_numbers_have_no_percentage() {
        // The conditional p of 3 to 6, 6 to 12, 10 to 20 and 30 to 42, to four decimals.
        for (before, now, p, percent) in [
            (3, 6, 0.5078, None),
            (6, 12, 0.2379, None),
            (10, 20, 0.0987, None),
            (30, 42, 0.1945, Some(40.0)),
        ] {
            let found = pair(before, now);
            assert!((found.p_conditional().unwrap() - p).abs() < 5e-5);
            assert!(found.p().unwrap() < p, "the E-test is less cautious");
            assert_eq!(found.percent(), percent);
            assert_eq!(found.percent_reason().is_some(), percent.is_none());
        }
        let (nine, sixty) = (pair(9, 60), pair(19, 60));
        assert_eq!((nine.percent(), sixty.percent()), (None, None));
        assert_eq!(pair(20, 0).percent(), Some(-100.0));
        assert_eq!((pair(0, 0).p(), pair(0, 0).difference()), (None, 0));
        // A longer month with as many a day.
        let even = Pair {
            now: 310,
            before: 280,
            days: 31,
            days_before: 28,
        };
        assert!((even.p().unwrap() - 1.0).abs() < 1e-12 && even.percent().unwrap().abs() < 1e-12);
    }
}
