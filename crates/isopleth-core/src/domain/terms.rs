//! School terms: which days are of term and which of holidays, and which day of another year they are
//! like.
//!
//! **What it answers.** Whether a day belongs to a term or to the holidays between two; and with which
//! day of the school year before it is to be compared, when Easter, and with it a fortnight without
//! school, has moved from April to March.
//!
//! **Rules.** Terms are given with their first and last day; half terms are terms of their own. The
//! days between two terms are holidays, weekends at the joint among them. Days before the first term
//! and after the last belong to neither: nobody said. Gaps of more than 80 days are refused, since no
//! holiday is so long and a term is likely to be missing.
//!
//! **The day a school year earlier.** A term, or the holidays between two, has as its counterpart the
//! one of its kind that began nearest to 52 weeks before, within 31 days, if each is the nearest of the
//! other. A day's counterpart is the same weekday of the same week of it, counted from the Monday of
//! the week that it began in. Where a term is longer than the year before, its last days have no
//! counterpart, and take no part in a comparison.
//!
//! **How it can mislead.** Days off within a term (a bank holiday in May, training days) are days of
//! term unless the calendar parts the term there. Christmas Day moves through the weekdays, and its
//! counterpart need not be Christmas Day. Schools of other authorities may have other terms.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{CivilMinute, MINUTES_PER_DAY, Period, day_of, format_day};

/// Longest holidays, days.
const LONGEST_HOLIDAYS: i32 = 80;

/// How far the beginnings of counterparts may lie from 52 weeks, days.
const FARTHEST: i32 = 31;

/// Most terms of a calendar.
const MAX_TERMS: usize = 600;

/// A civil day: `2022-01-05`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(i32);

impl Day {
    /// The day that a minute lies in.
    #[must_use]
    pub fn of(minute: CivilMinute) -> Self {
        Self(day_of(minute))
    }

    /// Its first minute.
    #[must_use]
    pub fn start(self) -> CivilMinute {
        self.0 * MINUTES_PER_DAY
    }

    /// Days since 1970-01-01.
    #[must_use]
    pub fn number(self) -> i32 {
        self.0
    }

    /// The day so many days later.
    #[must_use]
    pub fn plus(self, days: i32) -> Self {
        Self(self.0.saturating_add(days))
    }

    /// 0 for Monday to 6 for Sunday.
    #[must_use]
    pub fn weekday(self) -> usize {
        // 1970-01-01 was a Thursday.
        (self.0 + 3).rem_euclid(7) as usize
    }

    fn monday(self) -> i32 {
        self.0 - self.weekday() as i32
    }
}

impl std::fmt::Display for Day {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&format_day(self.start()))
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match Period::parse(&text) {
            Ok(period) if text.len() == 10 => Ok(Self::of(period.minutes().0)),
            _ => Err(serde::de::Error::custom(format!(
                "`{text}` is no day; write YYYY-MM-DD, as in 2022-01-05"
            ))),
        }
    }
}

/// A school term, or a half of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Term {
    /// First day.
    pub first: Day,
    /// Last day; it belongs to the term.
    pub last: Day,
    /// Name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A term calendar. See the module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Term>", into = "Vec<Term>")]
pub struct Terms {
    terms: Vec<Term>,
    /// Terms and the holidays between them, in turns, without gaps: first and last day.
    parts: Vec<(DayClass, Day, Day)>,
}

/// Terms that make no calendar.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidTerms {
    /// None, or too many.
    #[error(
        "terms must be 1 to {MAX_TERMS}, not {0}; leave `terms` out where there is no calendar"
    )]
    Number(usize),
    /// A term that ends before it begins.
    #[error("the term from {first} ends before it begins, on {last}")]
    Backwards {
        /// First day.
        first: Day,
        /// Last day.
        last: Day,
    },
    /// Terms out of order or overlapping.
    #[error(
        "the term from {next} does not come after the one that ends on {last}; give terms in order"
    )]
    Order {
        /// Last day of the one before.
        last: Day,
        /// First day of the next.
        next: Day,
    },
    /// A gap that is no holiday.
    #[error(
        "{days} days lie between the term that ends on {last} and the next, from {next}; no holidays are longer than {LONGEST_HOLIDAYS} days: add the terms between"
    )]
    Gap {
        /// Days between.
        days: i32,
        /// Last day of the one before.
        last: Day,
        /// First day of the next.
        next: Day,
    },
}

/// What a day is to schools.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DayClass {
    /// A day of a term, weekends among them.
    Term,
    /// A day between two terms.
    Holidays,
}

impl TryFrom<Vec<Term>> for Terms {
    type Error = InvalidTerms;

    fn try_from(terms: Vec<Term>) -> Result<Self, InvalidTerms> {
        if terms.is_empty() || terms.len() > MAX_TERMS {
            return Err(InvalidTerms::Number(terms.len()));
        }
        let mut parts: Vec<(DayClass, Day, Day)> = Vec::new();
        for term in &terms {
            let Term { first, last, .. } = *term;
            if last < first {
                return Err(InvalidTerms::Backwards { first, last });
            }
            if let Some(&(_, _, before)) = parts.last() {
                let days = first.0 - before.0 - 1;
                let (last, next) = (before, first);
                if days < 0 {
                    return Err(InvalidTerms::Order { last, next });
                }
                if days > LONGEST_HOLIDAYS {
                    return Err(InvalidTerms::Gap { days, last, next });
                }
                if days > 0 {
                    parts.push((DayClass::Holidays, before.plus(1), first.plus(-1)));
                }
            }
            parts.push((DayClass::Term, first, last));
        }
        Ok(Self { terms, parts })
    }
}

impl From<Terms> for Vec<Term> {
    fn from(terms: Terms) -> Self {
        terms.terms
    }
}

impl Terms {
    /// The terms, in order.
    #[must_use]
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// What a day is; `None` outside the calendar.
    #[must_use]
    pub fn class_of(&self, day: Day) -> Option<DayClass> {
        self.part_of(day).map(|i| self.parts[i].0)
    }

    fn part_of(&self, day: Day) -> Option<usize> {
        let at = self.parts.partition_point(|p| p.2 < day);
        (at < self.parts.len() && self.parts[at].1 <= day).then_some(at)
    }

    /// The part of its kind that began nearest to 52 weeks before (`-1`) or after (`1`).
    fn neighbour(&self, part: usize, direction: i32) -> Option<usize> {
        let (class, first, _) = self.parts[part];
        let target = first.0 + direction * 364;
        let off = |i: usize| (self.parts[i].1.0 - target).abs();
        (0..self.parts.len())
            .filter(|&i| self.parts[i].0 == class && off(i) <= FARTHEST)
            .min_by_key(|&i| off(i))
    }

    /// The day a school year earlier; `None` where there is none.
    #[must_use]
    pub fn year_earlier(&self, day: Day) -> Option<Day> {
        let here = self.part_of(day)?;
        let there = self.neighbour(here, -1)?;
        if self.neighbour(there, 1) != Some(here) {
            return None;
        }
        let (first, last) = (self.parts[there].1, self.parts[there].2);
        let like = Day(first.monday() + day.0 - self.parts[here].1.monday());
        (first <= like && like <= last).then_some(like)
    }
}

/// A set of civil days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Days {
    first: i32,
    holds: Vec<bool>,
}

impl Days {
    /// The days that are given.
    fn new(days: &[Day]) -> Self {
        let first = days.iter().map(|d| d.0).min().unwrap_or(0);
        let last = days.iter().map(|d| d.0).max().unwrap_or(first - 1);
        let mut holds = vec![false; (last - first + 1).max(0) as usize];
        for day in days {
            holds[(day.0 - first) as usize] = true;
        }
        Self { first, holds }
    }

    /// Whether a minute lies on one of them.
    pub(crate) fn hold(&self, minute: CivilMinute) -> bool {
        usize::try_from(day_of(minute) - self.first)
            .ok()
            .and_then(|i| self.holds.get(i))
            .is_some_and(|h| *h)
    }

    /// First day and the day after the last, as minutes; equal for an empty set.
    pub(crate) fn minutes(&self) -> (CivilMinute, CivilMinute) {
        let end = self.first + self.holds.len() as i32;
        (self.first * MINUTES_PER_DAY, end * MINUTES_PER_DAY)
    }
}

/// The days of a period that have a counterpart a school year earlier, and the counterparts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TermAligned {
    pub(crate) these: Days,
    pub(crate) earlier: Days,
    /// Days on each side.
    pub(crate) days: u32,
    /// Days of the period.
    pub(crate) of: u32,
}

impl TermAligned {
    pub(crate) fn of(period: Period, terms: &Terms) -> Self {
        let (from, to) = period.minutes();
        let all = (day_of(from)..day_of(to)).map(Day);
        let of = all.clone().count() as u32;
        let pairs: Vec<(Day, Day)> = all
            .filter_map(|d| Some((d, terms.year_earlier(d)?)))
            .collect();
        let (these, earlier): (Vec<Day>, Vec<Day>) = pairs.into_iter().unzip();
        Self {
            these: Days::new(&these),
            earlier: Days::new(&earlier),
            days: these.len() as u32,
            of,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn day(text: &str) -> Day {
        serde_json::from_value(text.into()).unwrap()
    }

    fn terms(list: &[(&str, &str)]) -> Result<Terms, InvalidTerms> {
        let term = |&(first, last): &(&str, &str)| Term {
            first: day(first),
            last: day(last),
            name: None,
        };
        Terms::try_from(list.iter().map(term).collect::<Vec<_>>())
    }

    /// Havering's shape: Easter Sunday was 1 April in 2018 and 21 April in 2019.
    fn two_years() -> Terms {
        terms(&[
            ("2017-09-04", "2017-10-20"),
            ("2017-10-30", "2017-12-20"),
            ("2018-01-03", "2018-02-09"),
            ("2018-02-19", "2018-03-29"),
            ("2018-04-16", "2018-05-25"),
            ("2018-06-04", "2018-07-24"),
            ("2018-09-04", "2018-10-19"),
            ("2018-10-29", "2018-12-21"),
            ("2019-01-07", "2019-02-15"),
            ("2019-02-25", "2019-04-05"),
            ("2019-04-23", "2019-05-24"),
            ("2019-06-03", "2019-07-23"),
        ])
        .unwrap()
    }

    #[test]
    fn days_are_of_term_of_holidays_or_of_neither() {
        let t = two_years();
        let class = |text| t.class_of(day(text));
        assert_eq!(class("2018-03-29"), Some(DayClass::Term));
        assert_eq!(class("2018-03-30"), Some(DayClass::Holidays));
        assert_eq!(class("2018-04-15"), Some(DayClass::Holidays));
        assert_eq!(class("2018-08-01"), Some(DayClass::Holidays));
        assert_eq!(class("2017-09-04"), Some(DayClass::Term));
        assert_eq!((class("2017-09-03"), class("2019-07-24")), (None, None));
    }

    #[test]
    fn easter_goes_with_the_holidays() {
        let t = two_years();
        let earlier = |text| t.year_earlier(day(text)).map(|d| d.to_string());
        // The first Monday of the Easter holidays, and the Monday after them or in their last week.
        assert_eq!(earlier("2019-04-08").unwrap(), "2018-04-02");
        assert_eq!(earlier("2019-04-15").unwrap(), "2018-04-09");
        // The last week before them.
        assert_eq!(earlier("2019-04-02").unwrap(), "2018-03-27");
        // A Friday that was already off the year before has no counterpart.
        assert_eq!(earlier("2019-04-05"), None);
        assert_eq!(earlier("2019-04-23").unwrap(), "2018-04-17");
        // No year before.
        assert_eq!(earlier("2018-04-02"), None);
        assert_eq!(earlier("2025-01-01"), None);
    }

    #[test]
    fn what_is_no_calendar_is_refused() {
        assert_eq!(terms(&[]), Err(InvalidTerms::Number(0)));
        for (list, words) in [
            (&[("2022-02-01", "2022-01-01")][..], "ends before it begins"),
            (
                &[("2022-02-01", "2022-03-01"), ("2022-03-01", "2022-04-01")],
                "in order",
            ),
            (
                &[("2022-01-05", "2022-02-11"), ("2022-09-01", "2022-10-21")],
                "add the terms between",
            ),
        ] {
            let error = terms(list).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
        for bad in [
            "2022-1-05",
            "2022-01",
            "2022-02-30",
            "2022-01-05/2022-01-06",
        ] {
            assert!(serde_json::from_value::<Day>(bad.into()).is_err(), "{bad}");
        }
        let text = r#"[{"first": "2022-01-05", "last": "2022-02-11", "name": "spring 1"}]"#;
        let read: Terms = serde_json::from_str(text).unwrap();
        assert_eq!(
            serde_json::to_string(&read).unwrap(),
            text.replace(": ", ":").replace(", \"", ",\"")
        );
    }

    proptest! {
        #[test]
        fn counterparts_are_of_one_weekday_and_kind_and_of_one_day_only(days in proptest::collection::vec(0_i32..330, 2..40)) {
            let t = two_years();
            let start = day("2018-09-04");
            let mut days = days;
            days.sort_unstable();
            days.dedup();
            let found: Vec<(Day, Day)> = days
                .iter()
                .filter_map(|&n| Some((start.plus(n), t.year_earlier(start.plus(n))?)))
                .collect();
            for pair in found.windows(2) {
                prop_assert!(pair[0].1 < pair[1].1, "{:?}", pair);
            }
            for (this, earlier) in found {
                prop_assert_eq!(this.weekday(), earlier.weekday());
                prop_assert_eq!(t.class_of(this), t.class_of(earlier));
                prop_assert!((this.number() - earlier.number() - 364).abs() <= 37);
            }
        }
    }
}
