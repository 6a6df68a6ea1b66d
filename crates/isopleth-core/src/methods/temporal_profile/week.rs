//! The 168 hours of the week, and what records weigh in each.

use crate::domain::{
    CivilMinute, Day, DayClass, MINUTES_PER_DAY, MINUTES_PER_WEEK, Terms, day_of, minute_of_week,
    skipped_minutes,
};

/// Hours of a week.
pub const HOURS: usize = 168;

/// Weights are whole numbers of this part of a record, so that they add up to whole records exactly,
/// in any order.
const WHOLE: u64 = 1 << 36;

/// Days of term, of holidays, and days that no calendar speaks of.
const CLASSES: usize = 3;

/// A part of a record: an hour of the week, a class of days, and its weight.
pub(super) type Piece = (usize, usize, u64);

/// Sums over records by hour of the week, from Monday 00:00.
#[derive(Debug, Clone)]
pub(super) struct Week {
    units: Vec<[u64; CLASSES]>,
    exact: Vec<[u32; CLASSES]>,
}

impl Week {
    pub(super) fn new() -> Self {
        Self {
            units: vec![[0; CLASSES]; HOURS],
            exact: vec![[0; CLASSES]; HOURS],
        }
    }

    pub(super) fn add(&mut self, pieces: &[Piece], exact: bool) {
        for &(hour, class, units) in pieces {
            self.units[hour][class] += units;
            self.exact[hour][class] += u32::from(exact);
        }
    }

    /// Weight in some hours, in parts of a record.
    pub(super) fn units(&self, hours: impl Iterator<Item = usize>) -> u64 {
        hours.map(|h| self.units[h].iter().sum::<u64>()).sum()
    }

    pub(super) fn by_hour(&self) -> Vec<u64> {
        (0..HOURS).map(|h| self.units(h..h + 1)).collect()
    }

    /// Weight in some hours, in records.
    pub(super) fn weight(&self, hours: impl Iterator<Item = usize>) -> f64 {
        records(self.units(hours))
    }

    /// The same of the days of a class.
    pub(super) fn weight_in(&self, hours: impl Iterator<Item = usize>, class: usize) -> f64 {
        records(hours.map(|h| self.units[h][class]).sum())
    }

    /// Records whose time is known to the minute, in some hours.
    pub(super) fn exact(&self, hours: impl Iterator<Item = usize>) -> u32 {
        hours.map(|h| self.exact[h].iter().sum::<u32>()).sum()
    }

    /// The same of the days of a class.
    pub(super) fn exact_in(&self, hours: impl Iterator<Item = usize>, class: usize) -> u32 {
        hours.map(|h| self.exact[h][class]).sum()
    }
}

/// Parts of a record as records.
pub(super) fn records(units: u64) -> f64 {
    units as f64 / WHOLE as f64
}

/// The class of a day, as an index.
pub(super) fn class_of(terms: Option<&Terms>, day: Day) -> usize {
    match terms.and_then(|t| t.class_of(day)) {
        Some(DayClass::Term) => 0,
        Some(DayClass::Holidays) => 1,
        None => 2,
    }
}

/// A record's weights, which add up to one whole.
pub(super) fn pieces(from: CivilMinute, to: CivilMinute, terms: Option<&Terms>) -> Vec<Piece> {
    let to = to.max(from.saturating_add(1));
    if to - from >= MINUTES_PER_WEEK {
        return of_no_hour(from, to, terms);
    }
    let skipped = skipped_minutes(from, to);
    let overlap = |a: i32, b: i32| skipped.map_or(0, |(c, d)| (b.min(d) - a.max(c)).max(0));
    let length = to - from - overlap(from, to);
    let mut shares = Vec::new();
    let mut at = from;
    while at < to {
        let end = to.min(at - at.rem_euclid(60) + 60);
        let minutes = end - at - overlap(at, end);
        if minutes > 0 {
            let hour = minute_of_week(at) as usize / 60;
            shares.push((hour, class_of(terms, Day::of(at)), minutes as u64));
        }
        at = end;
    }
    rounded(&shares, length as u64)
}

/// A record of a week or more, which knows nothing of the hour.
fn of_no_hour(from: CivilMinute, to: CivilMinute, terms: Option<&Terms>) -> Vec<Piece> {
    let mut minutes = [0_u64; CLASSES];
    if terms.is_none() {
        minutes[2] = (to - from) as u64;
    } else {
        for day in day_of(from)..=day_of(to - 1) {
            let (a, b) = (day * MINUTES_PER_DAY, (day + 1) * MINUTES_PER_DAY);
            minutes[class_of(terms, Day::of(a))] += (b.min(to) - a.max(from)) as u64;
        }
    }
    let mut shares = Vec::new();
    for (class, &m) in minutes.iter().enumerate().filter(|m| *m.1 > 0) {
        shares.extend((0..HOURS).map(|hour| (hour, class, m)));
    }
    rounded(&shares, (to - from) as u64 * HOURS as u64)
}

/// Shares of a length in parts of a record: what is rounded off one is given to the next.
fn rounded(shares: &[(usize, usize, u64)], length: u64) -> Vec<Piece> {
    let up_to = |part: u64| (u128::from(part) * u128::from(WHOLE) / u128::from(length)) as u64;
    let mut done = 0;
    shares
        .iter()
        .map(|&(hour, class, part)| {
            let before = up_to(done);
            done += part;
            (hour, class, up_to(done) - before)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    use crate::domain::{Hours, WeekHours, Weekday};

    proptest! {
        #[test]
        fn a_record_weighs_one_whole_and_as_hours_have_it(from in 20_000_000_i32..28_000_000, length in 0_i32..30_000) {
            let found = pieces(from, from + length, None);
            prop_assert_eq!(found.iter().map(|p| p.2).sum::<u64>(), WHOLE);
            let mut week = Week::new();
            week.add(&found, false);
            for hour in [0, 1, 2, 23, 100, 166, 167] {
                let (day, h) = (Weekday::ALL[hour / 24], hour % 24);
                let text = format!("{h:02}:00/{:02}:00", h + 1);
                let one = WeekHours::new(Some(Hours::parse(&text).unwrap()), Some(&[day]));
                let expected = one.share(from, from + length);
                prop_assert!((week.weight(hour..hour + 1) - expected).abs() < 1e-10);
            }
        }
    }
}
