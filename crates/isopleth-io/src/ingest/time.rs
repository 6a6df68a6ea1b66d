//! From the texts of a source to spans of local civil time.

use isopleth_core::domain::{MINUTES_PER_DAY, Span, TimePrecision, civil_minute, month_span};
use jiff::civil::{Date, DateTime};
use jiff::fmt::strtime::{self, BrokenDownTime};
use jiff::tz::{Offset, TimeZone};

/// Years that an incident can lie in.
const YEARS: std::ops::RangeInclusive<i16> = 1900..=2100;

/// Reads the times of a source.
#[derive(Debug, Clone)]
pub(crate) struct Clock {
    zone: TimeZone,
    /// Patterns to try in order; ISO 8601 when empty.
    formats: Vec<String>,
}

impl Clock {
    /// A clock for a time zone; gives a pattern back that does not make a date.
    pub(crate) fn new(zone: TimeZone, formats: Vec<String>) -> Result<Self, String> {
        let clock = Self { zone, formats };
        let sample = jiff::civil::date(2022, 12, 31)
            .at(13, 45, 0, 0)
            .to_zoned(TimeZone::UTC);
        for format in &clock.formats {
            let reads_back = sample.as_ref().is_ok_and(|sample| {
                strtime::format(format, sample)
                    .is_ok_and(|text| clock.by_format(format, text.as_bytes()).is_some())
            });
            if !reads_back {
                return Err(format.clone());
            }
        }
        Ok(clock)
    }

    /// A month, a day or a minute, whatever the text says. Seconds are dropped. A time with an
    /// offset becomes local civil time; one without is taken as it stands.
    pub(crate) fn parse(&self, text: &[u8]) -> Option<Span> {
        if self.formats.is_empty() {
            return self.iso(text);
        }
        self.formats
            .iter()
            .find_map(|format| self.by_format(format, text))
    }

    fn by_format(&self, format: &str, text: &[u8]) -> Option<Span> {
        let parts = BrokenDownTime::parse(format, text).ok()?;
        let Ok(date) = parts.to_date() else {
            // A day that the calendar does not have is a bad date, not the month that it would be in.
            return match names_a_day(&parts) {
                true => None,
                false => month(parts.year()?, parts.month()?),
            };
        };
        match parts.hour() {
            Some(_) => self.instant(date.to_datetime(parts.to_time().ok()?), parts.offset()),
            None => day(date),
        }
    }

    /// `2022-02`, `2022-02-01`, `2022-02-01T00:01`, with seconds, fractions and an offset or not.
    fn iso(&self, text: &[u8]) -> Option<Span> {
        let (&year, rest) = text.split_first_chunk::<4>()?;
        let year = i16::try_from(number(&year)?).ok()?;
        let (&[b'-', m1, m2], rest) = rest.split_first_chunk::<3>()? else {
            return None;
        };
        let month_of_year = number(&[m1, m2])? as i8;
        if rest.is_empty() {
            return month(year, month_of_year);
        }
        let (&[b'-', d1, d2], rest) = rest.split_first_chunk::<3>()? else {
            return None;
        };
        let date = Date::new(year, month_of_year, number(&[d1, d2])? as i8).ok()?;
        if rest.is_empty() {
            return day(date);
        }
        let (&[b'T' | b't' | b' ', h1, h2, b':', n1, n2], rest) = rest.split_first_chunk::<6>()?
        else {
            return None;
        };
        let (hour, minute) = (number(&[h1, h2])?, number(&[n1, n2])?);
        let mut rest = rest;
        if let Some((&[b':', s1, s2], after)) = rest.split_first_chunk::<3>()
            && number(&[s1, s2]).is_some_and(|s| s <= 60)
        {
            rest = after;
            if let [b'.', fraction @ ..] = rest {
                let digits = fraction.iter().take_while(|b| b.is_ascii_digit()).count();
                if digits == 0 {
                    return None;
                }
                rest = &fraction[digits..];
            }
        }
        let offset = match *rest {
            [] => None,
            [b'Z' | b'z'] => Some(Offset::UTC),
            [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2]
            | [sign @ (b'+' | b'-'), h1, h2, m1, m2] => {
                let (hours, minutes) = (number(&[h1, h2])?, number(&[m1, m2])?);
                let seconds = (hours * 60 + minutes) * 60;
                if hours > 23 || minutes > 59 {
                    return None;
                }
                let signed = if sign == b'-' {
                    -(seconds as i32)
                } else {
                    seconds as i32
                };
                Some(Offset::from_seconds(signed).ok()?)
            }
            _ => return None,
        };
        if hour > 23 || minute > 59 {
            return None;
        }
        self.instant(date.at(hour as i8, minute as i8, 0, 0), offset)
    }

    fn instant(&self, at: DateTime, offset: Option<Offset>) -> Option<Span> {
        let local = match offset {
            None => at,
            Some(offset) => self.zone.to_datetime(offset.to_timestamp(at).ok()?),
        };
        let from = in_years(local.year()).then(|| civil_minute(local))?;
        Some(Span {
            from,
            to: from + 1,
            precision: TimePrecision::Instant,
        })
    }
}

/// The span of two stated times: what may lie between them.
pub(crate) fn between(from: Span, to: Span) -> Option<Span> {
    if from == to {
        return Some(from);
    }
    let end = if to.precision == TimePrecision::Instant {
        to.from
    } else {
        to.to
    };
    (from.from < end).then_some(Span {
        from: from.from,
        to: end,
        precision: TimePrecision::Interval,
    })
}

/// Whether a text says which day it means, be it one that there is or not.
fn names_a_day(parts: &BrokenDownTime) -> bool {
    let week = [
        parts.iso_week(),
        parts.sunday_based_week(),
        parts.monday_based_week(),
    ];
    parts.day().is_some()
        || parts.day_of_year().is_some()
        || (parts.weekday().is_some() && week.iter().any(Option::is_some))
}

/// A whole month, if there is one.
pub(crate) fn month(year: i16, month: i8) -> Option<Span> {
    in_years(year).then(|| month_span(year, month))?
}

fn day(date: Date) -> Option<Span> {
    let from = in_years(date.year()).then(|| civil_minute(date.at(0, 0, 0, 0)))?;
    Some(Span {
        from,
        to: from + MINUTES_PER_DAY,
        precision: TimePrecision::Day,
    })
}

fn in_years(year: i16) -> bool {
    YEARS.contains(&year)
}

/// The value of up to four digits.
pub(crate) fn number(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || digits.len() > 4 {
        return None;
    }
    digits.iter().try_fold(0, |n, &d| {
        d.is_ascii_digit().then(|| n * 10 + u32::from(d - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use isopleth_core::domain::format_minute;

    use super::*;

    fn clock(formats: &[&str]) -> Clock {
        let zone = jiff::tz::TimeZoneDatabase::bundled()
            .get("Europe/London")
            .unwrap();
        Clock::new(zone, formats.iter().map(|f| (*f).to_owned()).collect()).unwrap()
    }

    #[test]
    fn offsets_become_local_civil_time() {
        let clock = clock(&[]);
        let at = |text: &str| clock.parse(text.as_bytes()).map(|s| format_minute(s.from));
        // Summer time ends on 2022-10-30: 00:30Z and 01:30Z are both 01:30 on the clock.
        assert_eq!(at("2022-10-30T00:30:00+00:00").unwrap(), "2022-10-30T01:30");
        assert_eq!(at("2022-10-30T01:30:00Z").unwrap(), "2022-10-30T01:30");
        assert_eq!(
            at("2022-06-30T23:30:59.999+00:00").unwrap(),
            "2022-07-01T00:30"
        );
        assert_eq!(at("2022-06-30T23:30").unwrap(), "2022-06-30T23:30");
        assert_eq!(at("2022-06-30 23:30:00-0100").unwrap(), "2022-07-01T01:30");
    }

    #[test]
    fn precision_follows_the_text() {
        let clock = clock(&["%d/%m/%Y %H:%M", "%d/%m/%Y", "%b %Y"]);
        let of = |text: &str| clock.parse(text.as_bytes()).map(|s| s.precision);
        assert_eq!(of("03/04/2022 22:05"), Some(TimePrecision::Instant));
        assert_eq!(of("03/04/2022"), Some(TimePrecision::Day));
        assert_eq!(of("Apr 2022"), Some(TimePrecision::Month));
        assert_eq!(of("2022-04-03"), None);
    }

    #[test]
    fn impossible_dates_are_none() {
        let clock = clock(&[]);
        for bad in [
            "",
            "2022",
            "2022-13",
            "2022-00",
            "2022-02-30",
            "2022-2",
            "9999-01",
            "0202-01",
            "2022-01-01T24:00",
            "2022-01-01T23:60",
            "2022-01-01T23:5",
            "2022-01-01T23:50+25:00",
            "2022-01-01T23:50:00.Z",
            "+022-01",
            "2022-01-01x",
            "2022/01/01",
        ] {
            assert_eq!(clock.parse(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn impossible_dates_are_not_their_month() {
        for (format, bad, good) in [
            ("%d/%m/%Y", "31/02/2023", "28/02/2023"),
            ("%d/%m/%Y", "31/04/2023", "30/04/2023"),
            ("%d/%m/%Y %H:%M", "31/02/2023 10:00", "28/02/2023 10:00"),
            ("%Y-%m-%d", "2023-02-31", "2023-02-28"),
            ("%a %d %b %Y", "Mon 28 Feb 2023", "Tue 28 Feb 2023"),
            ("%Y-%m %j", "2023-12 366", "2023-12 365"),
            ("%Y-%m %W %a", "2023-01 53 Sun", "2023-01 01 Mon"),
        ] {
            let clock = clock(&[format]);
            assert_eq!(clock.parse(bad.as_bytes()), None, "{bad}");
            let good = clock.parse(good.as_bytes()).unwrap().precision;
            assert_ne!(good, TimePrecision::Month, "{format}");
        }
        // A weekday or an hour without a day says no more than the month does.
        for (format, text) in [("%a %b %Y", "Tue Feb 2023"), ("%m/%Y %H", "02/2023 10")] {
            let span = clock(&[format]).parse(text.as_bytes()).unwrap();
            assert_eq!(span.precision, TimePrecision::Month, "{text}");
        }
    }

    #[test]
    fn intervals_are_ordered() {
        let clock = clock(&[]);
        let of = |a: &str, b: &str| {
            between(
                clock.parse(a.as_bytes()).unwrap(),
                clock.parse(b.as_bytes()).unwrap(),
            )
        };
        let night = of("2022-05-06T22:00", "2022-05-07T07:30").unwrap();
        assert_eq!(
            (night.to - night.from, night.precision),
            (570, TimePrecision::Interval)
        );
        assert_eq!(
            of("2022-05-06", "2022-05-06").unwrap().precision,
            TimePrecision::Day
        );
        assert_eq!(
            of("2022-05-06", "2022-05-08").unwrap().to % MINUTES_PER_DAY,
            0
        );
        assert_eq!(of("2022-05-06T22:00", "2022-05-06T21:00"), None);
    }

    #[test]
    fn a_pattern_without_a_date_is_given_back() {
        let zone = TimeZone::UTC;
        assert_eq!(Clock::new(zone, vec!["%H:%M".into()]).unwrap_err(), "%H:%M");
    }
}
