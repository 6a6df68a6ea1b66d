//! Windows of the week: the busiest, and whether chance would make one as busy.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::week::{HOURS, Piece, Week, records};
use crate::domain::{Hours, Weekday};
use crate::random::Random;
use crate::statistics::share;
use crate::watch;

/// On which days windows may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// On one day of the week.
    OneDay,
    /// On every day at the same hours.
    EveryDay,
    /// On every day from Monday to Friday.
    MondayToFriday,
    /// On Saturday and Sunday.
    Weekend,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::OneDay,
        Self::EveryDay,
        Self::MondayToFriday,
        Self::Weekend,
    ];

    /// The name used in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::OneDay => "one_day",
            Self::EveryDay => "every_day",
            Self::MondayToFriday => "monday_to_friday",
            Self::Weekend => "weekend",
        }
    }

    /// The days that a window begins on.
    fn days(self, start: usize) -> Vec<Weekday> {
        let days = match self {
            Self::OneDay => start / 24..start / 24 + 1,
            Self::EveryDay => 0..7,
            Self::MondayToFriday => 0..5,
            Self::Weekend => 5..7,
        };
        Weekday::ALL[days].to_vec()
    }

    /// Hours that windows may begin at.
    fn starts(self) -> usize {
        if self == Self::OneDay { HOURS } else { 24 }
    }

    /// Days on which a window stands.
    fn times(self) -> usize {
        match self {
            Self::OneDay => 1,
            Self::EveryDay => 7,
            Self::MondayToFriday => 5,
            Self::Weekend => 2,
        }
    }

    /// The hours of the week of a window that begins at an hour, of so many hours.
    fn hours(self, start: usize, length: usize) -> impl Iterator<Item = usize> {
        let first = match self {
            Self::OneDay | Self::EveryDay | Self::MondayToFriday => start,
            Self::Weekend => start + 5 * 24,
        };
        (0..self.times()).flat_map(move |d| (0..length).map(move |h| (first + d * 24 + h) % HOURS))
    }

    /// The weight of the busiest window of a length.
    fn busiest(self, by_hour: &[u64], length: usize) -> u64 {
        (0..self.starts())
            .map(|s| self.hours(s, length).map(|h| by_hour[h]).sum())
            .max()
            .unwrap_or(0)
    }
}

/// A busy window of the week.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    /// On which days windows of its kind begin.
    pub scope: Scope,
    /// Place among the windows of its kind and length, from 1.
    pub rank: u32,
    /// The days that it begins on.
    pub days: Vec<Weekday>,
    /// `22:00/02:00`; over midnight it ends on the next day.
    pub hours: Hours,
    /// Its length, hours.
    pub length_hours: u32,
    /// Sum of the shares of the records in it.
    pub weight: f64,
    /// Records in it whose time is known to the minute.
    pub exact: u32,
    /// The weight as a share of all records; `None` below 20 of them.
    pub share: Option<f64>,
    /// What an even spread over the week would put into it.
    pub expected: f64,
    /// What the days' and the hours' own totals would put into it, if hours were alike on all days; of
    /// windows of one day only.
    pub expected_from_totals: Option<f64>,
    /// Monte Carlo p of a window of its kind and length as busy as this, anywhere in the week.
    pub p: f64,
}

/// Records by what they weigh, wherever in the week they begin.
#[derive(Debug, Clone, Default)]
pub(super) struct Shapes(BTreeMap<Vec<(u8, u64)>, u32>);

impl Shapes {
    pub(super) fn add(&mut self, pieces: &[Piece]) {
        let Some(&(first, ..)) = pieces.first() else {
            return;
        };
        let shape = pieces
            .iter()
            .map(|&(hour, _, units)| (((hour + HOURS - first) % HOURS) as u8, units))
            .collect();
        *self.0.entry(shape).or_default() += 1;
    }

    /// A week in which each record begins at an hour drawn at random.
    fn thrown(&self, mut random: Random, week: &mut [u64]) {
        week.fill(0);
        for (shape, &times) in &self.0 {
            if shape.len() >= HOURS {
                // All hours nearly alike: turning it is idle.
                for &(hour, units) in shape {
                    week[usize::from(hour)] += units * u64::from(times);
                }
                continue;
            }
            for _ in 0..times {
                let start = random.below(HOURS as u32) as usize;
                for &(hour, units) in shape {
                    week[(start + usize::from(hour)) % HOURS] += units;
                }
            }
        }
    }
}

/// The busiest windows of some kinds and lengths. `per_kind` of those of one day, which do not overlap;
/// one of each other kind.
pub(super) fn busiest(
    week: &Week,
    shapes: &Shapes,
    scopes: &[Scope],
    lengths: &[u32],
    per_kind: u32,
    (replicates, seed): (u32, u64),
) -> Vec<Window> {
    let by_hour = week.by_hour();
    let all: u64 = by_hour.iter().sum();
    if all == 0 {
        return Vec::new();
    }
    let kinds: Vec<(Scope, usize)> = scopes
        .iter()
        .flat_map(|&s| lengths.iter().map(move |&l| (s, l as usize)))
        .collect();
    watch::ahead(replicates.into());
    let thrown: Vec<Vec<u64>> = (0..replicates)
        .into_par_iter()
        .map(|r| {
            watch::step();
            let mut made = [0; HOURS];
            shapes.thrown(Random::of_replicate(seed, u64::from(r)), &mut made);
            kinds.iter().map(|&(s, l)| s.busiest(&made, l)).collect()
        })
        .collect();
    let day = |d: usize| week.weight(d * 24..d * 24 + 24);
    let hour = |h: usize| week.weight((0..7).map(|d| d * 24 + h));
    let mut found = Vec::new();
    for (kind, &(scope, length)) in kinds.iter().enumerate() {
        let mut taken = [false; HOURS];
        let wanted = if scope == Scope::OneDay { per_kind } else { 1 };
        for rank in 1..=wanted {
            // The first of equals is the earliest from Monday 00:00.
            let best = (0..scope.starts())
                .filter(|&s| scope.hours(s, length).all(|h| !taken[h]))
                .map(|s| (week.units(scope.hours(s, length)), s))
                .fold(None, |best: Option<(u64, usize)>, one| match best {
                    Some(b) if b.0 >= one.0 => Some(b),
                    _ => Some(one),
                });
            let Some((units, start)) = best.filter(|b| b.0 > 0) else {
                break;
            };
            for h in scope.hours(start, length) {
                taken[h] = true;
            }
            let as_busy = thrown.iter().filter(|t| t[kind] >= units).count();
            let of_day = start % 24;
            found.push(Window {
                scope,
                rank,
                days: scope.days(start),
                hours: Hours::on_the_hour(of_day as u8, ((of_day + length) % 24) as u8),
                length_hours: length as u32,
                weight: records(units),
                exact: week.exact(scope.hours(start, length)),
                share: share_of(units, all),
                expected: records(all) * (length * scope.times()) as f64 / HOURS as f64,
                expected_from_totals: (scope == Scope::OneDay).then(|| {
                    scope
                        .hours(start, length)
                        .map(|h| day(h / 24) * hour(h % 24))
                        .sum::<f64>()
                        / records(all)
                }),
                p: (1 + as_busy) as f64 / (1 + thrown.len()) as f64,
            });
        }
    }
    found
}

/// A weight as a share of all; `None` on a base below 20 records.
pub(super) fn share_of(units: u64, all: u64) -> Option<f64> {
    share(0, records(all) as u64).map(|_| units as f64 / all as f64)
}
