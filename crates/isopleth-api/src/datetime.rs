//! The `datetime` parameter, and the days that features speak of.
//!
//! Layers state civil days. They are compared with the parameter as days of UTC: a feature of the
//! days 2022-01-01 to 2022-01-31 covers every moment from 2022-01-01T00:00:00Z up to, not
//! including, 2022-02-01T00:00:00Z.

use isopleth_io::moment::{Moment, SECONDS_PER_DAY, epoch, midnight, stretch};
use jiff::SignedDuration;

/// Why a `datetime` is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DatetimeError {
    /// Not a moment, a day or an interval of them.
    #[error(
        "'{0}' is not an RFC 3339 date-time, a date, or an interval of two of them \
         (start/end, ../end, start/..)"
    )]
    Format(String),
    /// The interval ends before it begins.
    #[error("'{0}' ends before it begins")]
    Reversed(String),
}

/// A stretch of time to look for, both ends included; none means open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimeQuery {
    from: Option<Moment>,
    to: Option<Moment>,
}

impl TimeQuery {
    /// Reads a moment, a day, or an interval with closed, `..` or empty ends.
    ///
    /// # Errors
    /// [`DatetimeError`].
    pub(crate) fn parse(text: &str) -> Result<Self, DatetimeError> {
        let fail = || DatetimeError::Format(text.to_owned());
        let Some((start, end)) = text.split_once('/') else {
            let (from, to) = stretch(text).ok_or_else(fail)?;
            return Ok(Self {
                from: Some(from),
                to: Some(to),
            });
        };
        let side = |s: &str| match s {
            "" | ".." => Some(None),
            s => stretch(s).map(Some),
        };
        let from = side(start).ok_or_else(fail)?.map(|b| b.0);
        let to = side(end).ok_or_else(fail)?.map(|b| b.1);
        if let (Some(from), Some(to)) = (from, to)
            && to < from
        {
            return Err(DatetimeError::Reversed(text.to_owned()));
        }
        Ok(Self { from, to })
    }

    /// Whether it holds a moment, milliseconds since 1970-01-01T00:00:00Z.
    pub(crate) fn holds(self, milliseconds: i64) -> bool {
        let nanos = u32::try_from(milliseconds.rem_euclid(1000)).unwrap_or_default() * 1_000_000;
        let moment = (milliseconds.div_euclid(1000), nanos);
        self.from.is_none_or(|f| f <= moment) && self.to.is_none_or(|t| moment <= t)
    }

    /// Whether it and the days share a moment.
    pub(crate) fn meets(self, days: Days) -> bool {
        self.from.is_none_or(|f| f.0 < days.until) && self.to.is_none_or(|t| t.0 >= days.from)
    }
}

/// The civil days that a feature or a layer speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Days {
    from: i64,
    until: i64,
}

impl Days {
    /// From the first and the last day, `YYYY-MM-DD`, both included. None if they are not days or
    /// the last comes before the first.
    pub(crate) fn new(first: &str, last: &str) -> Option<Self> {
        let from = midnight(first)?;
        let until = midnight(last)? + SECONDS_PER_DAY;
        (from < until).then_some(Self { from, until })
    }

    /// The shortest run of days that holds both.
    pub(crate) fn union(self, other: Self) -> Self {
        Self {
            from: self.from.min(other.from),
            until: self.until.max(other.until),
        }
    }

    /// First and last second, as RFC 3339.
    pub(crate) fn to_interval(self) -> [String; 2] {
        let text = |s: i64| {
            let time = epoch().saturating_add(SignedDuration::from_secs(s));
            time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
        };
        [text(self.from), text(self.until - 1)]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn january() -> Days {
        Days::new("2022-01-01", "2022-01-31").unwrap()
    }

    fn meets(text: &str) -> bool {
        TimeQuery::parse(text).unwrap().meets(january())
    }

    #[test]
    fn moments_and_intervals_meet_the_days_they_share() {
        for hit in [
            "2022-01-01T00:00:00Z",
            "2022-01-31T23:59:59.999999999999Z",
            "2022-02-01T00:30:00+01:00",
            "2022-02-01T00:30:00 01:00",
            "2021-12-31T23:30:00-01:00",
            "2022-01-15t12:00:00z",
            "2022-01-31",
            "2021-01-01/2022-01-01",
            "../2022-01-01T00:00:00Z",
            "/2022-01-01T00:00:00Z",
            "2022-01-31T00:00:00Z/..",
            "2022-01-31T00:00:00Z/",
            "../..",
            "0000-01-01T00:00:00Z/9999-12-31T23:59:60Z",
        ] {
            assert!(meets(hit), "{hit}");
        }
        for miss in [
            "2021-12-31T23:59:59.9Z",
            "2022-02-01T00:00:00Z",
            "2022-02-01",
            "2022-02-01T00:00:00Z/9999-12-31T00:00:00Z",
            "0000-01-01T00:00:00Z/2021-12-31T23:59:59Z",
            "../2021-12-31",
            "0000-01-01T00:00:00+23:59",
            "9999-12-31T23:59:59-23:59",
        ] {
            assert!(!meets(miss), "{miss}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in [
            "",
            "..",
            "foo",
            "yesterday",
            "2022",
            "2022-01",
            "2022-13-01",
            "2022-02-30T00:00:00Z",
            "2022-01-01T00:00:00",
            "2022-01-01T24:00:00Z",
            "2022-01-01T00:60:00Z",
            "2022-01-01T00:00:61Z",
            "2022-01-01T00:00:00.Z",
            "2022-01-01 00:00:00Z",
            "2022-01-01T00:00Z",
            "2022-01-01T00:00:00+1:00",
            "2022-01-01T00:00:00+24:00",
            "a/b",
            "2022-01-01/2022-02-01/2022-03-01",
            "2022-01-01/foo",
            "12022-01-01T00:00:00Z",
            "-022-01-01",
            "2022-01-01T00:00:00ZZ",
            "２022-01-01",
        ] {
            assert!(TimeQuery::parse(bad).is_err(), "{bad}");
        }
        let reversed = TimeQuery::parse("2022-02-01T00:00:00Z/2022-01-01T00:00:00Z").unwrap_err();
        assert!(matches!(reversed, DatetimeError::Reversed(_)));
        assert!(TimeQuery::parse("2022-01-01T00:00:00.2Z/2022-01-01T00:00:00.1Z").is_err());
    }

    #[test]
    fn days_are_written_as_an_interval() {
        assert_eq!(
            january().to_interval(),
            ["2022-01-01T00:00:00Z", "2022-01-31T23:59:59Z"]
        );
        assert_eq!(Days::new("2022-01-02", "2022-01-01"), None);
        assert_eq!(
            Days::new("9999-01-01", "9999-12-31").unwrap().to_interval()[1],
            "9999-12-31T23:59:59Z"
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[0-9tTzZ:./+ -]{0,50}|.{0,40}") {
            let _ = TimeQuery::parse(&text);
        }

        #[test]
        fn any_moment_is_read(
            y in 0..=9999_i16, m in 1..=12_i8, d in 1..=28_i8, s in 0..86_400_i32, o in -1439..=1439_i32,
        ) {
            let text = format!(
                "{y:04}-{m:02}-{d:02}T{:02}:{:02}:{:02}{}{:02}:{:02}",
                s / 3600, s / 60 % 60, s % 60, if o < 0 { '-' } else { '+' }, o.abs() / 60, o.abs() % 60
            );
            prop_assert!(TimeQuery::parse(&text).is_ok(), "{}", text);
        }
    }
}
