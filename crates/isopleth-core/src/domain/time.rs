//! Time as the source knows it: a civil interval with a precision.
//!
//! Times are **local civil minutes** since 1970-01-01T00:00, half open. A month-only record is the
//! whole month, never its first day. Converting an instant with an offset into local civil time
//! belongs to the reader, which knows the time zone of its source.

use std::fmt;

use jiff::civil;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Minutes of local civil time since 1970-01-01T00:00.
pub type CivilMinute = i32;

/// Minutes in a civil day.
pub const MINUTES_PER_DAY: i32 = 1440;

/// How finely a source knows when something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum TimePrecision {
    /// To the minute.
    Instant = 0,
    /// Between two stated times.
    Interval = 1,
    /// To the calendar day.
    Day = 2,
    /// To the calendar month.
    Month = 3,
}

impl TimePrecision {
    /// All values, in code order, finest first apart from intervals.
    pub const ALL: [Self; 4] = [Self::Instant, Self::Interval, Self::Day, Self::Month];

    /// The storage code.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The value with this storage code.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }

    /// The name used in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Instant => "instant",
            Self::Interval => "interval",
            Self::Day => "day",
            Self::Month => "month",
        }
    }
}

/// When something happened: half-open civil minutes with the precision of the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// First minute.
    pub from: CivilMinute,
    /// First minute after it.
    pub to: CivilMinute,
    /// What the source knows.
    pub precision: TimePrecision,
}

/// The civil minute of a civil date and time. Seconds are dropped.
#[must_use]
pub fn civil_minute(at: civil::DateTime) -> CivilMinute {
    day_number(at.date()) * MINUTES_PER_DAY + i32::from(at.hour()) * 60 + i32::from(at.minute())
}

/// The first minute of a month.
#[must_use]
pub fn month_start(year: i16, month: i8) -> Option<CivilMinute> {
    Some(day_number(civil::Date::new(year, month, 1).ok()?) * MINUTES_PER_DAY)
}

/// A whole month as a span of precision `month`.
#[must_use]
pub fn month_span(year: i16, month: i8) -> Option<Span> {
    let (ny, nm) = if month == 12 {
        (year.checked_add(1)?, 1)
    } else {
        (year, month + 1)
    };
    Some(Span {
        from: month_start(year, month)?,
        to: month_start(ny, nm)?,
        precision: TimePrecision::Month,
    })
}

/// Days since 1970-01-01 of the day that a minute lies in.
#[must_use]
pub fn day_of(minute: CivilMinute) -> i32 {
    minute.div_euclid(MINUTES_PER_DAY)
}

fn day_number(date: civil::Date) -> i32 {
    // Civil dates are within ±9999 years, some 3.7 million days.
    let days = date.duration_since(civil::date(1970, 1, 1)).as_hours() / 24;
    i32::try_from(days).unwrap_or(i32::MAX / MINUTES_PER_DAY)
}

fn date_of(minute: CivilMinute) -> civil::Date {
    civil::date(1970, 1, 1)
        .checked_add(jiff::SignedDuration::from_hours(
            i64::from(day_of(minute)) * 24,
        ))
        .unwrap_or(civil::Date::MAX)
}

/// Year and month (1 to 12) that a minute lies in, as `year * 12 + month - 1`.
///
/// Called once per incident, so it counts days of the 400-year cycle instead of building a date.
/// Years are taken to begin in March, which puts the leap day last.
#[must_use]
pub fn month_number(minute: CivilMinute) -> i32 {
    const DAYS_TO_1970_FROM_MARCH_0000: i32 = 719_468;
    const DAYS_IN_400_YEARS: i32 = 146_097;
    let days = day_of(minute) + DAYS_TO_1970_FROM_MARCH_0000;
    let cycle = days.div_euclid(DAYS_IN_400_YEARS);
    let day = days.rem_euclid(DAYS_IN_400_YEARS);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    (cycle * 400 + year) * 12 + month_from_march + 2
}

/// The same civil time a number of months away, the day cut to the month's length.
pub(crate) fn add_months(minute: CivilMinute, months: i32) -> CivilMinute {
    let n = month_number(minute) + months;
    let date = date_of(minute);
    let year = i16::try_from(n.div_euclid(12)).unwrap_or(civil::Date::MAX.year());
    let month = i8::try_from(n.rem_euclid(12) + 1).unwrap_or(1);
    let first = civil::Date::new(year, month, 1).unwrap_or(civil::Date::MAX);
    let day = date.day().min(first.days_in_month());
    let date = civil::Date::new(year, month, day).unwrap_or(first);
    day_number(date) * MINUTES_PER_DAY + minute.rem_euclid(MINUTES_PER_DAY)
}

/// `2022-06-01`, the day that a minute lies in.
#[must_use]
pub fn format_day(minute: CivilMinute) -> String {
    date_of(minute).to_string()
}

/// `2022-06-01T22:05`, local civil time.
#[must_use]
pub fn format_minute(minute: CivilMinute) -> String {
    let m = minute.rem_euclid(MINUTES_PER_DAY);
    format!("{}T{:02}:{:02}", date_of(minute), m / 60, m % 60)
}

/// A period of whole months or whole days: `2022-01/2022-12`, `2022-01`, `2022-05-03/2022-05-16`,
/// `2022`. Both ends belong to it. Minutes are half open inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    from: CivilMinute,
    to: CivilMinute,
    /// Whole calendar months, so that a neighbouring period has the same number of months.
    months: Option<i32>,
}

/// A period that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "period `{text}`: {reason}; write one or two of YYYY, YYYY-MM or YYYY-MM-DD, as in `2022-01/2022-12`"
)]
pub struct InvalidPeriod {
    /// What was given.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl Period {
    /// A period from its text.
    ///
    /// # Errors
    /// [`InvalidPeriod`] for anything that is not one or two years, months or days in order.
    pub fn parse(text: &str) -> Result<Self, InvalidPeriod> {
        let fail = |reason| InvalidPeriod {
            text: text.to_owned(),
            reason,
        };
        let (a, b) = text.split_once('/').unwrap_or((text, text));
        let (from, _, a_months) = Self::unit(a).ok_or_else(|| fail("not a date"))?;
        let (start_b, to, b_months) = Self::unit(b).ok_or_else(|| fail("not a date"))?;
        if start_b < from || to <= from {
            return Err(fail("it ends before it begins"));
        }
        let months = (a_months && b_months).then(|| month_number(to) - month_number(from));
        Ok(Self { from, to, months })
    }

    /// Start, first minute after, and whether it is made of whole months.
    fn unit(text: &str) -> Option<(CivilMinute, CivilMinute, bool)> {
        let digits = |s: &str, n: usize| s.len() == n && s.bytes().all(|b| b.is_ascii_digit());
        let parts: Vec<&str> = text.split('-').collect();
        let year: i16 = digits(parts[0], 4).then(|| parts[0].parse().ok())??;
        match parts[1..] {
            [] => Some((
                month_start(year, 1)?,
                month_start(year.checked_add(1)?, 1)?,
                true,
            )),
            [m] if digits(m, 2) => {
                let span = month_span(year, m.parse().ok()?)?;
                Some((span.from, span.to, true))
            }
            [m, d] if digits(m, 2) && digits(d, 2) => {
                let date = civil::Date::new(year, m.parse().ok()?, d.parse().ok()?).ok()?;
                let from = day_number(date) * MINUTES_PER_DAY;
                Some((from, from + MINUTES_PER_DAY, false))
            }
            _ => None,
        }
    }

    /// The half-open minutes of a period.
    #[must_use]
    pub fn minutes(self) -> (CivilMinute, CivilMinute) {
        (self.from, self.to)
    }

    /// First day, as text.
    #[must_use]
    pub fn first_day(self) -> String {
        format_day(self.from)
    }

    /// Last day, as text.
    #[must_use]
    pub fn last_day(self) -> String {
        format_day(self.to - 1)
    }

    /// Whether it is made of whole calendar months.
    #[must_use]
    pub fn is_whole_months(self) -> bool {
        self.months.is_some()
    }

    /// The period of the same length just before.
    #[must_use]
    pub fn previous(self) -> Self {
        let from = match self.months {
            Some(n) => add_months(self.from, -n),
            None => self.from - (self.to - self.from),
        };
        Self {
            from,
            to: self.from,
            months: self.months,
        }
    }

    /// The same dates one year earlier.
    #[must_use]
    pub fn year_earlier(self) -> Self {
        let from = add_months(self.from, -12);
        let to = match self.months {
            Some(_) => add_months(self.to, -12),
            None => from + (self.to - self.from),
        };
        Self {
            from,
            to,
            months: self.months,
        }
    }

    /// Whether a span lies wholly inside. A span that straddles an end is counted by its start, so
    /// that neighbouring periods share no record and lose none.
    #[must_use]
    pub fn holds(self, from: CivilMinute) -> bool {
        self.from <= from && from < self.to
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.months.is_some() {
            let (a, b) = (date_of(self.from), date_of(self.to - 1));
            write!(
                f,
                "{:04}-{:02}/{:04}-{:02}",
                a.year(),
                a.month(),
                b.year(),
                b.month()
            )
        } else {
            write!(f, "{}/{}", self.first_day(), self.last_day())
        }
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_months_step_by_months() {
        let p = Period::parse("2022-01/2022-03").unwrap();
        assert_eq!(p.previous().to_string(), "2021-10/2021-12");
        assert_eq!(p.year_earlier().to_string(), "2021-01/2021-03");
        assert_eq!(
            Period::parse("2024").unwrap().to_string(),
            "2024-01/2024-12"
        );
        assert_eq!(Period::parse("2022-02").unwrap().last_day(), "2022-02-28");
    }

    #[test]
    fn days_step_by_days() {
        let p = Period::parse("2022-03-01/2022-03-14").unwrap();
        assert_eq!(p.previous().to_string(), "2022-02-15/2022-02-28");
        assert_eq!(p.year_earlier().to_string(), "2021-03-01/2021-03-14");
        assert!(!p.is_whole_months());
    }

    #[test]
    fn nonsense_is_refused_with_the_text() {
        for bad in [
            "",
            "2022-13",
            "2022-02-30",
            "2022-05/2022-04",
            "22-01",
            "2022-1",
            "2022-01/",
            "+022-01",
        ] {
            let error = Period::parse(bad).unwrap_err();
            assert!(error.to_string().contains(bad), "{error}");
        }
    }

    #[test]
    fn month_numbers_agree_with_the_calendar() {
        for day in (-800_000..800_000)
            .step_by(7)
            .chain([-1, 0, 58, 59, 60, 789, 790, 11_016])
        {
            let d = date_of(day * MINUTES_PER_DAY);
            let expected = i32::from(d.year()) * 12 + i32::from(d.month()) - 1;
            assert_eq!(month_number(day * MINUTES_PER_DAY), expected, "{d}");
        }
    }

    #[test]
    fn minutes_read_back() {
        let at = civil_minute(civil::date(2022, 10, 30).at(1, 30, 59, 0));
        assert_eq!(format_minute(at), "2022-10-30T01:30");
        assert_eq!(
            format_minute(civil_minute(civil::date(1969, 12, 31).at(23, 59, 0, 0))),
            "1969-12-31T23:59"
        );
    }
}
