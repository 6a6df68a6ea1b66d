//! Hours of the day and days of the week, and how much of a span of time falls into them.
//!
//! **What it answers.** Which share of the time during which a record may have happened lies within,
//! say, 22:00 to 02:00 on Fridays and Saturdays.
//!
//! **Model.** The aoristic share: a record happened in one of the whole minutes between its earliest
//! and its latest time, each as likely as the others. Its weight in the hours is the number of its
//! minutes that lie in them over the number of its minutes. Minutes are counted as integers, so that
//! the shares of a record over hours that part the week sum to 1. An instant weighs 0 or 1. A record
//! that may have happened at any time of a week or more knows nothing of the hour: it weighs what
//! the hours make up of a week. All of it in local civil time.
//!
//! **References.** Ratcliffe 2002, *Journal of Quantitative Criminology* 18(1), 23–43,
//! doi 10.1023/A:1013240828824.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{CivilMinute, MINUTES_PER_DAY, month_number, month_start};

/// Minutes in a week.
pub const MINUTES_PER_WEEK: i32 = 7 * MINUTES_PER_DAY;

/// 1970-01-01 was a Thursday; weeks here begin on Monday.
const MONDAY_TO_EPOCH: i32 = 3 * MINUTES_PER_DAY;

/// Hours of the day, half open: `22:00/02:00`. They may run over midnight; `24:00` ends a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hours {
    from: i32,
    to: i32,
}

/// Hours that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("hours `{text}`: {reason}; write HH:MM/HH:MM, as in `22:00/02:00`")]
pub struct InvalidHours {
    /// What was given.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl Hours {
    /// The whole day.
    pub const ALL: Self = Self {
        from: 0,
        to: MINUTES_PER_DAY,
    };

    /// Hours from their text.
    ///
    /// # Errors
    /// [`InvalidHours`] for anything that is not two times of day, and for two equal ones.
    pub fn parse(text: &str) -> Result<Self, InvalidHours> {
        let fail = |reason| InvalidHours {
            text: text.to_owned(),
            reason,
        };
        let (a, b) = text
            .split_once('/')
            .ok_or_else(|| fail("there is no second time"))?;
        let from = minute_of_day(a).ok_or_else(|| fail("the first is not a time of day"))?;
        let to = minute_of_day(b).ok_or_else(|| fail("the second is not a time of day"))?;
        if from == MINUTES_PER_DAY {
            return Err(fail("24:00 ends a day and begins none"));
        }
        if from == to {
            return Err(fail(
                "it begins when it ends; for the whole day leave it out",
            ));
        }
        Ok(Self { from, to })
    }

    /// From one full hour, 0 to 23, to another; equal ones are the whole day.
    pub(crate) fn on_the_hour(from: u8, to: u8) -> Self {
        Self {
            from: i32::from(from) * 60,
            to: match to {
                0 => MINUTES_PER_DAY,
                to => i32::from(to) * 60,
            },
        }
    }

    fn minutes(self) -> i32 {
        if self.to > self.from {
            self.to - self.from
        } else {
            self.to - self.from + MINUTES_PER_DAY
        }
    }
}

fn minute_of_day(text: &str) -> Option<i32> {
    let b = text.as_bytes();
    let digit = |i: usize| b[i].is_ascii_digit().then(|| i32::from(b[i] - b'0'));
    if b.len() != 5 || b[2] != b':' {
        return None;
    }
    let (hour, minute) = (digit(0)? * 10 + digit(1)?, digit(3)? * 10 + digit(4)?);
    let at = hour * 60 + minute;
    (minute < 60 && at <= MINUTES_PER_DAY).then_some(at)
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (a, b) = (self.from, self.to);
        write!(f, "{:02}:{:02}/{:02}:{:02}", a / 60, a % 60, b / 60, b % 60)
    }
}

impl Serialize for Hours {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hours {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// Minutes since Monday 00:00 of the week that a minute lies in.
#[must_use]
pub fn minute_of_week(minute: CivilMinute) -> i32 {
    (i64::from(minute) + i64::from(MONDAY_TO_EPOCH)).rem_euclid(i64::from(MINUTES_PER_WEEK)) as i32
}

/// The first spring whose clocks changed by today's rule.
const FIRST_SPRING: i32 = 1981;

/// The part of a span of less than a week that no clock in Great Britain shows, since it is skipped in
/// spring; `None` where there is none, and where the span is nothing else.
#[must_use]
pub fn skipped_minutes(from: CivilMinute, to: CivilMinute) -> Option<(CivilMinute, CivilMinute)> {
    // Spans that end on the Sunday may begin up to a week before it, still in March.
    let (year, month) = (month_number(from).div_euclid(12), month_number(from) % 12);
    if month != 2 || year < FIRST_SPRING {
        return None;
    }
    let april = month_start(i16::try_from(year).ok()?, 4)?;
    // The last Sunday's midnight: Mondays are multiples of a week from the epoch's.
    let sunday = april
        - MINUTES_PER_DAY
        - (minute_of_week(april - MINUTES_PER_DAY) + MINUTES_PER_DAY) % MINUTES_PER_WEEK;
    let (a, b) = (from.max(sunday + 60), to.min(sunday + 120));
    (a < b && b - a < to - from).then_some((a, b))
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl Weekday {
    /// All of them, from Monday.
    pub const ALL: [Self; 7] = [
        Self::Monday,
        Self::Tuesday,
        Self::Wednesday,
        Self::Thursday,
        Self::Friday,
        Self::Saturday,
        Self::Sunday,
    ];

    /// The name used in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Monday => "monday",
            Self::Tuesday => "tuesday",
            Self::Wednesday => "wednesday",
            Self::Thursday => "thursday",
            Self::Friday => "friday",
            Self::Saturday => "saturday",
            Self::Sunday => "sunday",
        }
    }
}

/// Minutes of the week: hours of the days that they begin on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeekHours {
    /// Half-open runs of minutes since Monday 00:00, in order, none touching the next.
    runs: Vec<(i32, i32)>,
    /// Minutes of the week that lie in the runs.
    minutes: i32,
    whole_days: bool,
    words: String,
}

impl WeekHours {
    /// Hours on the days that they begin on: Friday's 22:00/02:00 ends on Saturday morning. Without
    /// hours whole days, without days the whole week.
    #[must_use]
    pub fn new(hours: Option<Hours>, days: Option<&[Weekday]>) -> Self {
        let of_day = hours.unwrap_or(Hours::ALL);
        let mut days: Vec<Weekday> = days.unwrap_or(&Weekday::ALL).to_vec();
        days.sort_unstable();
        days.dedup();
        let mut parts = Vec::new();
        for &day in &days {
            let from = day as i32 * MINUTES_PER_DAY + of_day.from;
            let to = from + of_day.minutes();
            parts.push((from, to.min(MINUTES_PER_WEEK)));
            if to > MINUTES_PER_WEEK {
                parts.push((0, to - MINUTES_PER_WEEK));
            }
        }
        parts.sort_unstable();
        let mut runs: Vec<(i32, i32)> = Vec::new();
        for (from, to) in parts {
            match runs.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(to),
                _ => runs.push((from, to)),
            }
        }
        let names: Vec<&str> = days.iter().map(|d| d.name()).collect();
        let days = if days.len() == 7 {
            "every day".to_owned()
        } else {
            format!("on {}", names.join(", "))
        };
        Self {
            minutes: runs.iter().map(|r| r.1 - r.0).sum(),
            runs,
            whole_days: of_day.minutes() == MINUTES_PER_DAY && of_day.from == 0,
            words: match hours {
                Some(hours) => format!("{hours} {days}"),
                None => days,
            },
        }
    }

    /// Whether they are made of whole civil days, so that a day is fine enough to know.
    #[must_use]
    pub fn is_whole_days(&self) -> bool {
        self.whole_days
    }

    /// `22:00/02:00 on friday, saturday`.
    #[must_use]
    pub fn words(&self) -> &str {
        &self.words
    }

    /// The minutes of a span that lie in the hours, and its minutes. A span of a week or more is as
    /// good as one week; one without length is its first minute. Minutes that no clock shows count to
    /// neither.
    #[must_use]
    pub fn minutes_of(&self, from: CivilMinute, to: CivilMinute) -> (i32, i32) {
        let length = to.saturating_sub(from).max(1);
        if length >= MINUTES_PER_WEEK {
            return (self.minutes, MINUTES_PER_WEEK);
        }
        let all = (self.on_the_face(from, length), length);
        match skipped_minutes(from, from.saturating_add(length)) {
            Some((a, b)) => (all.0 - self.on_the_face(a, b - a), all.1 - (b - a)),
            None => all,
        }
    }

    /// The minutes of less than a week that lie in the hours, as if no clock were ever changed.
    fn on_the_face(&self, from: CivilMinute, length: i32) -> i32 {
        let start = minute_of_week(from);
        let end = start + length;
        let within = |shift: i32| -> i32 {
            let overlap = |&(a, b): &(i32, i32)| (end.min(b + shift) - start.max(a + shift)).max(0);
            self.runs.iter().map(overlap).sum()
        };
        within(0) + within(MINUTES_PER_WEEK)
    }

    /// The share of a span that lies in the hours, 0 to 1.
    #[must_use]
    pub fn share(&self, from: CivilMinute, to: CivilMinute) -> f64 {
        let (inside, length) = self.minutes_of(from, to);
        f64::from(inside) / f64::from(length)
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil;

    use super::*;
    use crate::domain::civil_minute;

    fn at(day: i8, hour: i8, minute: i8) -> CivilMinute {
        civil_minute(civil::date(2022, 6, day).at(hour, minute, 0, 0))
    }

    fn hours(text: &str, days: &[Weekday]) -> WeekHours {
        WeekHours::new(
            Some(Hours::parse(text).unwrap()),
            (!days.is_empty()).then_some(days),
        )
    }

    #[test]
    fn hand_computed_shares() {
        // 3 June 2022 was a Friday.
        let night = hours("22:00/02:00", &[]);
        assert_eq!(night.share(at(3, 21, 0), at(3, 23, 0)), 0.5);
        assert_eq!(night.share(at(3, 20, 0), at(4, 8, 0)), 4.0 / 12.0);
        assert_eq!(night.share(at(3, 2, 0), at(3, 22, 0)), 0.0);
        assert_eq!(night.share(at(3, 1, 59), at(3, 2, 0)), 1.0);
        assert_eq!(night.share(at(3, 2, 0), at(3, 2, 1)), 0.0);
        assert_eq!(night.share(at(3, 0, 0), at(5, 0, 0)), 8.0 / 48.0);
        let friday = hours("22:00/02:00", &[Weekday::Friday]);
        assert_eq!(
            friday.share(at(4, 1, 0), at(4, 1, 1)),
            1.0,
            "ends on Saturday"
        );
        assert_eq!(
            friday.share(at(3, 1, 0), at(3, 1, 1)),
            0.0,
            "began on Thursday"
        );
        // Friday 20:00 to Sunday 20:00: of 48 hours, four.
        assert_eq!(friday.share(at(3, 20, 0), at(5, 20, 0)), 4.0 / 48.0);
        // Sunday's night ends on Monday, at the other end of the week.
        let sunday = hours("23:00/01:00", &[Weekday::Sunday]);
        assert_eq!(sunday.share(at(5, 23, 30), at(6, 0, 30)), 1.0);
        assert_eq!(sunday.share(at(6, 0, 30), at(6, 1, 30)), 0.5);
    }

    #[test]
    fn a_week_or_more_knows_nothing_of_the_hour() {
        let one = hours("22:00/23:00", &[Weekday::Friday]);
        assert_eq!(one.share(at(1, 9, 0), at(8, 9, 0)), 1.0 / 168.0);
        assert_eq!(one.share(at(1, 9, 0), at(30, 11, 0)), 1.0 / 168.0);
        // A minute less than a week still says what it says.
        assert_eq!(one.minutes_of(at(1, 9, 0), at(8, 8, 59)), (60, 10_079));
    }

    #[test]
    fn the_hour_that_spring_skips_weighs_nothing() {
        // Sunday 27 March 2022, 01:00 to 01:59.
        let at = |day, hour, minute| civil_minute(civil::date(2022, 3, day).at(hour, minute, 0, 0));
        let one = hours("01:00/02:00", &[]);
        let two = hours("02:00/03:00", &[]);
        assert_eq!(one.minutes_of(at(26, 22, 0), at(27, 8, 0)), (0, 540));
        assert_eq!(two.minutes_of(at(26, 22, 0), at(27, 8, 0)), (60, 540));
        assert_eq!(one.minutes_of(at(27, 0, 30), at(27, 1, 30)), (0, 30));
        assert_eq!(one.minutes_of(at(27, 1, 30), at(27, 2, 30)), (0, 30));
        // Two such hours, one of which is there.
        assert_eq!(one.minutes_of(at(26, 0, 0), at(28, 0, 0)), (60, 2820));
        // What states nothing else is taken at its word.
        assert_eq!(one.share(at(27, 1, 30), at(27, 1, 31)), 1.0);
        assert_eq!(one.share(at(27, 1, 0), at(27, 2, 0)), 1.0);
        // The week before has its hour, and so has the autumn's Sunday: once.
        assert_eq!(one.minutes_of(at(19, 22, 0), at(20, 8, 0)), (60, 600));
        let autumn =
            |day, hour, minute| civil_minute(civil::date(2022, 10, day).at(hour, minute, 0, 0));
        assert_eq!(
            one.minutes_of(autumn(29, 22, 0), autumn(30, 8, 0)),
            (60, 600)
        );
        assert_eq!(one.share(autumn(30, 1, 30), autumn(30, 1, 31)), 1.0);
    }

    #[test]
    fn days_alone_are_whole_days() {
        let weekend = WeekHours::new(None, Some(&[Weekday::Sunday, Weekday::Saturday]));
        assert!(weekend.is_whole_days());
        assert_eq!(weekend.words(), "on saturday, sunday");
        assert_eq!(weekend.share(at(4, 0, 0), at(5, 0, 0)), 1.0);
        assert_eq!(weekend.share(at(3, 0, 0), at(4, 0, 0)), 0.0);
        assert!(hours("00:00/24:00", &[]).is_whole_days());
        assert!(!hours("12:00/11:59", &[]).is_whole_days());
    }

    #[test]
    fn what_is_no_time_of_day_is_refused_with_the_text() {
        for bad in [
            "",
            "22:00",
            "22/02",
            "22:00/22:00",
            "24:00/02:00",
            "22:60/02:00",
            "24:01/02:00",
            "+2:00/03:00",
            "22:00/2:00",
            "22:00-02:00",
            "é2:0/02:00",
        ] {
            let error = Hours::parse(bad).unwrap_err().to_string();
            assert!(error.contains(bad), "{error}");
        }
        for good in ["22:00/02:00", "00:00/24:00", "09:30/09:31"] {
            assert_eq!(Hours::parse(good).unwrap().to_string(), good);
        }
    }

    proptest::proptest! {
        /// Minute by minute, and whole over any partition of the week into hours.
        #[test]
        fn agrees_with_counting_minutes(
            from in -3_000_000_i32..30_000_000, length in 1_i32..10_079, start in 0_i32..1440, span in 1_i32..1440,
            days in proptest::collection::vec(0_usize..7, 1..7),
        ) {
            let end = (start + span) % 1440;
            let text = format!("{:02}:{:02}/{:02}:{:02}", start / 60, start % 60, end / 60, end % 60);
            let days: Vec<Weekday> = days.into_iter().map(|d| Weekday::ALL[d]).collect();
            let window = WeekHours::new(Some(Hours::parse(&text).unwrap()), Some(&days));
            let holds = |m: i32| {
                let of_week = (m + MONDAY_TO_EPOCH).rem_euclid(MINUTES_PER_WEEK);
                (0..=1).any(|back| {
                    let day = (of_week / 1440 - back).rem_euclid(7);
                    let minute = of_week % 1440 + back * 1440;
                    days.contains(&Weekday::ALL[day as usize]) && (start..start + span).contains(&minute)
                })
            };
            let skipped = skipped_minutes(from, from + length);
            let shown = |m: &i32| skipped.is_none_or(|(a, b)| !(a..b).contains(m));
            let counted = (from..from + length).filter(shown).filter(|&m| holds(m)).count() as i32;
            let length_shown = (from..from + length).filter(shown).count() as i32;
            proptest::prop_assert_eq!(window.minutes_of(from, from + length), (counted, length_shown));
        }

        #[test]
        fn the_hours_of_a_week_share_a_record_out(from in -3_000_000_i32..30_000_000, length in 1_i32..60_000) {
            let mut sum = 0.0;
            for day in Weekday::ALL {
                for hour in 0..24 {
                    let text = format!("{hour:02}:00/{:02}:00", hour + 1);
                    let one = WeekHours::new(Some(Hours::parse(&text).unwrap()), Some(&[day]));
                    sum += one.share(from, from + length);
                }
            }
            proptest::prop_assert!((sum - 1.0).abs() < 1e-12, "{}", sum);
        }
    }
}
