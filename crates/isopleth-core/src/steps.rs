//! Time steps: a period cut into months, weeks or days.
//!
//! A series needs steps of one kind, and none that is cut short: weeks are counted back from the last
//! day of the period, so that the latest is whole, and the days that are left over at the beginning
//! are told and not counted. A record belongs to the step that its first minute lies in, as it
//! belongs to its period.

use serde::{Deserialize, Serialize};

use crate::domain::{CivilMinute, MINUTES_PER_DAY, Period, TimePrecision, month_number};
use crate::select::Selection;

/// Most steps of a period.
pub const MAX_STEPS: usize = 4000;

/// What a period is cut into.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Days.
    Day,
    /// Seven days.
    Week,
    /// Calendar months.
    #[default]
    Month,
}

impl Step {
    /// The name in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    /// The word for several: `months`.
    #[must_use]
    pub fn plural(self) -> &'static str {
        match self {
            Self::Day => "days",
            Self::Week => "weeks",
            Self::Month => "months",
        }
    }
}

/// Why a period cannot be cut.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StepsError {
    /// No period.
    #[error("{0} need a period with a beginning and an end; name one in `select.period`")]
    NoPeriod(&'static str),
    /// Months of a period that is not made of them.
    #[error(
        "the period {0} is not made of whole months; name whole months, as in `2022-01/2022-12`, or use weeks"
    )]
    NotMonths(String),
    /// No step fits.
    #[error("the period {period} is shorter than one {step}; name a longer one")]
    TooShort {
        /// The period.
        period: String,
        /// The step.
        step: &'static str,
    },
    /// Too many.
    #[error(
        "the period {period} has {steps} {what}, the limit is {MAX_STEPS}; name a shorter one or longer steps"
    )]
    TooMany {
        /// The period.
        period: String,
        /// How many.
        steps: usize,
        /// What they are.
        what: &'static str,
    },
    /// Steps finer than the data.
    #[error(
        "{count} of the selected incidents are known to the month only and cannot be put into {what}; use months"
    )]
    FinerThanData {
        /// How many.
        count: u64,
        /// What they were to be put into.
        what: &'static str,
    },
}

impl StepsError {
    /// A stable code for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::FinerThanData { .. } => "finer_than_data",
            _ => "invalid_steps",
        }
    }
}

/// Consecutive half-open steps of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Steps {
    /// What they are.
    pub step: Step,
    /// First minute of each, and the first after the last.
    bounds: Vec<CivilMinute>,
    /// Days at the beginning of the period that make no whole step.
    pub days_left_out: u32,
}

impl Steps {
    /// The steps of a period.
    ///
    /// # Errors
    /// [`StepsError`] for a period that is not made of whole months, is shorter than a step, or has
    /// more than [`MAX_STEPS`].
    pub fn of(period: Period, step: Step) -> Result<Self, StepsError> {
        let (from, to) = period.minutes();
        let days = match step {
            Step::Day => 1,
            Step::Week => 7,
            Step::Month if period.is_whole_months() => 0,
            Step::Month => return Err(StepsError::NotMonths(period.to_string())),
        };
        let length = days * MINUTES_PER_DAY;
        let steps = match step {
            Step::Month => (month_number(to) - month_number(from)) as usize,
            _ => ((to - from) / length) as usize,
        };
        match steps {
            0 => Err(StepsError::TooShort {
                period: period.to_string(),
                step: step.name(),
            }),
            n if n > MAX_STEPS => Err(StepsError::TooMany {
                period: period.to_string(),
                steps: n,
                what: step.plural(),
            }),
            n => {
                let bounds: Vec<CivilMinute> = (0..=n as i32)
                    .map(|i| match step {
                        Step::Month => crate::domain::add_months(from, i),
                        _ => to - (n as i32 - i) * length,
                    })
                    .collect();
                Ok(Self {
                    step,
                    days_left_out: ((bounds[0] - from) / MINUTES_PER_DAY) as u32,
                    bounds,
                })
            }
        }
    }

    /// The steps of a selection's period, unless its records are known less well than that.
    ///
    /// # Errors
    /// As [`of`](Self::of), for a selection without a period, and for days or weeks of records that are
    /// known to the month only.
    pub fn of_selection(selection: &Selection, step: Step) -> Result<Self, StepsError> {
        let period = selection
            .period
            .ok_or(StepsError::NoPeriod(step.plural()))?;
        let steps = Self::of(period, step)?;
        let count = selection.month_only();
        if step != Step::Month && count > 0 {
            return Err(StepsError::FinerThanData {
                count,
                what: step.plural(),
            });
        }
        Ok(steps)
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bounds.len() - 1
    }

    /// Whether there are none; there never are.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The half-open minutes of a step.
    #[must_use]
    pub fn minutes(&self, step: usize) -> (CivilMinute, CivilMinute) {
        (self.bounds[step], self.bounds[step + 1])
    }

    /// The step that a minute lies in.
    #[must_use]
    pub fn holding(&self, minute: CivilMinute) -> Option<usize> {
        let after = self.bounds.partition_point(|&b| b <= minute);
        (1..self.bounds.len()).contains(&after).then(|| after - 1)
    }

    /// A step as people write it: `2022-05`, or the first day of a week or a day.
    #[must_use]
    pub fn label(&self, step: usize) -> String {
        let mut day = crate::domain::format_day(self.bounds[step]);
        if self.step == Step::Month {
            day.truncate(day.len() - "-01".len());
        }
        day
    }

    /// Of each step, whether the data has a record of any kind in the study area: where it has none, a
    /// count of zero means "not supplied". A record that is known to the month only vouches for every
    /// step that its month meets.
    #[must_use]
    pub fn supplied(&self, selection: &Selection) -> Vec<bool> {
        let incidents = selection.incidents();
        let mut seen = vec![false; self.len()];
        for location in (0..incidents.locations().len() as u32).filter(|&l| selection.is_inside(l))
        {
            for i in incidents.at(location) {
                let from = incidents.from()[i];
                let to = match incidents.precision(i) {
                    TimePrecision::Month => incidents.to()[i],
                    _ => from + 1,
                };
                // Steps that begin before its end and end after its beginning.
                let first = self.bounds[1..].partition_point(|&b| b <= from);
                let last = self.bounds[..self.len()].partition_point(|&b| b < to);
                if first < last {
                    seen[first..last].fill(true);
                }
            }
        }
        seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn steps(period: &str, step: Step) -> Result<Steps, StepsError> {
        Steps::of(Period::parse(period).unwrap(), step)
    }

    #[test]
    fn months_follow_the_calendar() {
        let year = steps("2023-11/2024-03", Step::Month).unwrap();
        let labels: Vec<String> = (0..year.len()).map(|s| year.label(s)).collect();
        assert_eq!(
            labels,
            ["2023-11", "2023-12", "2024-01", "2024-02", "2024-03"]
        );
        let (from, to) = year.minutes(3);
        assert_eq!((to - from) / MINUTES_PER_DAY, 29);
    }

    #[test]
    fn weeks_end_with_the_period() {
        let weeks = steps("2022-03-01/2022-03-31", Step::Week).unwrap();
        assert_eq!((weeks.len(), weeks.days_left_out), (4, 3));
        assert_eq!(weeks.label(0), "2022-03-04");
        assert_eq!(weeks.label(3), "2022-03-25");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let error = steps("2022-03-01/2022-03-31", Step::Month).unwrap_err();
        assert!(matches!(&error, StepsError::NotMonths(p) if p == "2022-03-01/2022-03-31"));
        let error = steps("2022-03-01/2022-03-03", Step::Week).unwrap_err();
        assert!(matches!(error, StepsError::TooShort { .. }));
        let error = steps("1990/2022", Step::Day).unwrap_err();
        assert!(matches!(error, StepsError::TooMany { steps: 12053, .. }));
    }

    proptest! {
        #[test]
        fn every_minute_is_in_one_step(first in 0_i32..20_000, days in 1_i32..400, weekly: bool, at in 0.0_f64..1.0) {
            let from = first * MINUTES_PER_DAY;
            let to = from + (days - 1) * MINUTES_PER_DAY;
            let text = format!("{}/{}", crate::domain::format_day(from), crate::domain::format_day(to));
            let step = if weekly { Step::Week } else { Step::Day };
            let Ok(steps) = steps(&text, step) else {
                prop_assert!(weekly && days < 7);
                return Ok(());
            };
            let minute = from + (f64::from(days * MINUTES_PER_DAY) * at) as i32;
            let left_out = minute < from + steps.days_left_out as i32 * MINUTES_PER_DAY;
            match steps.holding(minute) {
                None => prop_assert!(left_out),
                Some(s) => {
                    let (a, b) = steps.minutes(s);
                    prop_assert!(!left_out && a <= minute && minute < b);
                }
            }
            prop_assert_eq!(steps.holding(from - 1), None);
            prop_assert_eq!(steps.holding(to + MINUTES_PER_DAY), None);
        }
    }
}
