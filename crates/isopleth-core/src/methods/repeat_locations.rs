//! Repeat locations: places where it happened again.
//!
//! **What it answers.** Which locations have two or more of the selected incidents, how many, over
//! how many days or months, and when last.
//!
//! **Rule.** Incidents are at one location when their planar positions agree to the millimetre. With
//! a tolerance, locations are taken by descending count (then by easting and northing); each takes in
//! every location not yet taken that is no farther away than the tolerance. The rule depends on the
//! data alone, not on its order, and does not chain: no member is farther from its centre than the
//! tolerance. The centre is the most frequent location itself, not a mean that may lie in a pond.
//! Distances are compared in whole millimetres: exactly the tolerance still belongs to it.
//!
//! **Chains.** With `chain_within_days` or `chain_within_months`, a chain is two or more incidents of
//! which each follows the last by no more than that; exactly so many days or months counts. A record
//! stands on the first day that it may have happened on, as near repeats have it, and days are whole
//! civil days. Months are calendar months: from January to February is one, whatever the day. Of each
//! location are told the longest chain, the number of chains, the gaps between all its incidents, and
//! whether the last chain is open: that the next incident, on the last day that the data (or the
//! period) covers, would still have continued it. Chains in days are refused where any date is known to
//! the month only.
//!
//! **Honesty.** A location on a map point that stands for eight or more addresses is called a map
//! point, never an address. Stacks at police stations and custody suites are recognised by a declared
//! site, by the basis of the records, or by suspicion (many records of which an unusual share is
//! police-generated); they are flagged and never deleted.
//!
//! **How it can mislead.** On snapped data nearly every street is a "repeat location". A block of
//! flats stacks many addresses on one position; the number of distinct property numbers tells. A busy
//! place has chains by numbers alone: whether repeats come sooner than its own rate explains is a
//! question for near repeats. One incident recorded twice is a chain of two with a gap of 0; the number
//! of such gaps is told.
//!
//! **References.** Repeat address mapping: Bichler & Clarke 1996; fuzzy mode: Levine, *CrimeStat*,
//! chapter 6 (whose rule lets circles overlap; this one counts each incident once); time course of
//! repeats: Polvi, Looman, Humphries & Pease 1991, *British Journal of Criminology* 31 (4), 411–414.
//!
//! **Checked against.** Planted premises and chains; the definition spelled out incident by incident,
//! by property tests.

use serde::{Deserialize, Serialize};

use crate::domain::{LocationBasis, LocationId, LonLat, day_of, month_number};
use crate::index::PointGrid;
use crate::places::{Comparable, PlaceFacts, Wards};
use crate::plane::Planar;
use crate::select::Selection;
use crate::stations::{StationStack, Stations};

/// Parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Locations no farther than this from a more frequent one are merged into it, metres. 0 means
    /// exact locations only.
    #[serde(default)]
    pub tolerance_m: f64,
    /// Fewest incidents of a repeat location, at least 2.
    #[serde(default = "two")]
    pub min_count: u32,
    /// What the ranking goes by.
    #[serde(default)]
    pub rank_by: RankBy,
    /// Only the first so many; the number left out is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
    /// Incidents that follow the last one of their location within so many days are one chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain_within_days: Option<u32>,
    /// The same in calendar months, for records that are dated to the month.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain_within_months: Option<u32>,
}

fn two() -> u32 {
    2
}

/// What a ranking of repeat locations goes by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RankBy {
    /// Number of incidents.
    #[default]
    Count,
    /// Number of distinct calendar days.
    DistinctDays,
    /// Number of distinct calendar months.
    DistinctMonths,
    /// Latest incident first.
    Recency,
    /// Incidents in the longest chain.
    LongestChain,
}

impl RankBy {
    /// The name used in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::DistinctDays => "distinct_days",
            Self::DistinctMonths => "distinct_months",
            Self::Recency => "recency",
            Self::LongestChain => "longest_chain",
        }
    }
}

/// Largest tolerance, metres.
pub const MAX_TOLERANCE_M: f64 = 500.0;

/// Longest gap of a chain, days.
pub const MAX_CHAIN_DAYS: u32 = 3660;

/// Longest gap of a chain, months.
pub const MAX_CHAIN_MONTHS: u32 = 120;

/// How far apart incidents of a chain may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Within {
    /// Whole civil days.
    Days(u32),
    /// Calendar months.
    Months(u32),
}

impl Within {
    /// The day or month that a minute lies in.
    fn unit_of(self, minute: i32) -> i32 {
        match self {
            Self::Days(_) => day_of(minute),
            Self::Months(_) => month_number(minute),
        }
    }

    fn most(self) -> u32 {
        match self {
            Self::Days(n) | Self::Months(n) => n,
        }
    }

    /// `days` or `months`.
    #[must_use]
    pub fn unit(self) -> &'static str {
        match self {
            Self::Days(_) => "days",
            Self::Months(_) => "months",
        }
    }
}

/// The chains of a location, and the gaps between each of its incidents and the next, in days or
/// months.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Chains {
    /// Incidents in the longest; 1 where there is no chain.
    pub longest: u32,
    /// Number of chains.
    pub number: u32,
    /// Median of all gaps, in a chain or not.
    pub median_gap: f64,
    /// Gap before the latest incident.
    pub latest_gap: u32,
    /// Gaps of 0: incidents of one day or month.
    pub zero_gaps: u32,
    /// The latest incident belongs to a chain that could still go on at the end of the data.
    pub open: bool,
}

impl Chains {
    /// The chains of incidents on these days (or in these months), in any order; `end` is the last
    /// that the data covers. `None` for fewer than two.
    #[must_use]
    pub fn of(at: &[i32], within: u32, end: i32) -> Option<Self> {
        let mut at = at.to_vec();
        at.sort_unstable();
        let mut gaps: Vec<u32> = at.windows(2).map(|w| w[0].abs_diff(w[1])).collect();
        let (latest_gap, last) = (*gaps.last()?, *at.last()?);
        let (mut longest, mut number, mut length) = (1, 0, 1);
        for &gap in &gaps {
            if gap <= within {
                length += 1;
                number += u32::from(length == 2);
            } else {
                length = 1;
            }
            longest = longest.max(length);
        }
        gaps.sort_unstable();
        let half = gaps.len() / 2;
        let median_gap = if gaps.len() % 2 == 1 {
            f64::from(gaps[half])
        } else {
            f64::midpoint(f64::from(gaps[half - 1]), f64::from(gaps[half]))
        };
        Some(Self {
            longest,
            number,
            median_gap,
            latest_gap,
            zero_gaps: gaps.iter().take_while(|g| **g == 0).count() as u32,
            open: length > 1 && i64::from(end) - i64::from(last) <= i64::from(within),
        })
    }
}

/// A repeat location.
#[derive(Debug, Clone, PartialEq)]
pub struct RepeatLocation {
    /// Easting and northing in millimetres: the same place keeps its id from run to run.
    pub id: String,
    /// Place in the ranking, from 1.
    pub rank: u32,
    /// Name for people, which says `map point` where it is one.
    pub name: String,
    /// Position of the most frequent location.
    pub position: LonLat,
    /// Counts and dates of all its members.
    pub facts: PlaceFacts,
    /// Distance to the farthest member, metres.
    pub radius_m: f64,
    /// Whether it looks like a station or custody suite.
    pub station_stack: Option<StationStack>,
    /// Its chains, where they are asked for.
    pub chains: Option<Chains>,
}

/// Repeat locations.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The locations, by rank.
    pub locations: Vec<RepeatLocation>,
    /// Incidents at all repeat locations, also those left out.
    pub incidents: u64,
    /// Repeat locations left out because there were more than asked for.
    pub beyond_max: u32,
    /// How far apart incidents of a chain may be, where chains are asked for.
    pub within: Option<Within>,
    /// With chains: incidents that may have happened on any of several days; they stand on the first.
    pub several_days: u64,
}

/// Why repeat locations cannot be found.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A tolerance out of range.
    #[error("tolerance_m must be 0 to {MAX_TOLERANCE_M} metres, not {0}")]
    Tolerance(f64),
    /// One incident is no repeat.
    #[error("min_count must be at least 2, not {0}: one incident is no repeat")]
    MinCount(u32),
    /// None are asked for.
    #[error("max must be at least 1, or left out")]
    Max,
    /// Days are asked of data that knows months.
    #[error(
        "rank_by distinct_days needs records with day precision, and {count} of the selected ones are known to the month only; rank by distinct_months"
    )]
    FinerThanData {
        /// How many records are too coarse.
        count: u64,
    },
    /// Chains of days are asked of data that knows months.
    #[error(
        "chain_within_days needs the day of each record, and {count} of the selected ones are known to the month only; use chain_within_months, or select records with day precision"
    )]
    ChainFinerThanData {
        /// How many records are too coarse.
        count: u64,
    },
    /// A gap out of range.
    #[error("{name} must be 1 to {most}, not {value}")]
    Chain {
        /// The field.
        name: &'static str,
        /// The greatest value.
        most: u32,
        /// What was given.
        value: u32,
    },
    /// Two units at once.
    #[error("give chain_within_days or chain_within_months, not both")]
    TwoChains,
    /// A ranking by what was not asked for.
    #[error("rank_by longest_chain needs chain_within_days or chain_within_months")]
    NoChain,
}

impl Error {
    /// A stable code for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::FinerThanData { .. } | Self::ChainFinerThanData { .. } => "finer_than_data",
            _ => "invalid_repeat_locations",
        }
    }
}

/// Finds repeat locations.
///
/// # Errors
/// [`Error`] for parameters out of range and for days asked of month-only data.
pub fn run(
    selection: &Selection,
    params: &Params,
    comparable: Comparable,
) -> Result<Outcome, Error> {
    if !(0.0..=MAX_TOLERANCE_M).contains(&params.tolerance_m) {
        return Err(Error::Tolerance(params.tolerance_m));
    }
    if params.min_count < 2 {
        return Err(Error::MinCount(params.min_count));
    }
    if params.max == Some(0) {
        return Err(Error::Max);
    }
    if params.rank_by == RankBy::DistinctDays {
        let count = selection.month_only();
        if count > 0 {
            return Err(Error::FinerThanData { count });
        }
    }
    let within = within(selection, params)?;
    let incidents_all = selection.incidents();
    let at = |l: LocationId| incidents_all.locations()[l as usize];
    // The last minute that an incident of the selection could have been seen in.
    let end = [
        incidents_all.extent().map(|e| e.1),
        selection.period.map(|p| p.minutes().1),
    ];
    let end = end.into_iter().flatten().min().unwrap_or(0) - 1;
    let mut several_days = 0;
    let stations = Stations::of(selection);
    let wards = Wards::of(selection.snapshot);
    let mut locations = Vec::new();
    let mut incidents = 0_u64;
    for group in merged(selection, params.tolerance_m) {
        let Some(facts) = PlaceFacts::of(selection, &group, comparable) else {
            continue;
        };
        if facts.count < params.min_count {
            continue;
        }
        incidents += u64::from(facts.count);
        let centre = at(group[0]);
        let chains = within.and_then(|w| {
            let units: Vec<i32> = group
                .iter()
                .flat_map(|&l| incidents_all.at(l))
                .filter(|&i| selection.holds(i))
                .map(|i| {
                    let (from, to) = (incidents_all.from()[i], incidents_all.to()[i]);
                    several_days += u64::from(day_of(to - 1) > day_of(from));
                    w.unit_of(from)
                })
                .collect();
            Chains::of(&units, w.most(), w.unit_of(end))
        });
        let farthest_2 = group
            .iter()
            .map(|&l| at(l).planar().distance_2(centre.planar()))
            .fold(0.0, f64::max);
        locations.push(RepeatLocation {
            id: format!("e{}n{}", centre.x_mm, centre.y_mm),
            rank: 0,
            name: name(&facts, wards.at(centre.position)),
            position: centre.position,
            radius_m: (farthest_2.sqrt() * 1000.0).round() / 1000.0,
            station_stack: stations.at(selection, &group),
            chains,
            facts,
        });
    }
    let primary = |l: &RepeatLocation| match params.rank_by {
        RankBy::Count => i64::from(l.facts.count),
        RankBy::DistinctDays => i64::from(l.facts.distinct_days.unwrap_or(0)),
        RankBy::DistinctMonths => i64::from(l.facts.distinct_months),
        RankBy::Recency => i64::from(l.facts.latest_start),
        RankBy::LongestChain => l.chains.map_or(0, |c| i64::from(c.longest)),
    };
    // Equals: more incidents, then later ones, then the least id.
    locations.sort_by(|a, b| {
        let key = |l: &RepeatLocation| (primary(l), l.facts.count, l.facts.latest_start);
        key(b).cmp(&key(a)).then_with(|| a.id.cmp(&b.id))
    });
    let found = locations.len();
    locations.truncate(params.max.map_or(found, |m| m as usize));
    for (i, l) in locations.iter_mut().enumerate() {
        l.rank = i as u32 + 1;
    }
    Ok(Outcome {
        beyond_max: (found - locations.len()) as u32,
        locations,
        incidents,
        within,
        several_days,
    })
}

/// How far apart incidents of a chain may be, if that is asked and the dates can tell.
fn within(selection: &Selection, params: &Params) -> Result<Option<Within>, Error> {
    let checked = |name, most, value: u32| {
        if (1..=most).contains(&value) {
            Ok(())
        } else {
            Err(Error::Chain { name, most, value })
        }
    };
    match (params.chain_within_days, params.chain_within_months) {
        (Some(_), Some(_)) => Err(Error::TwoChains),
        (Some(days), None) => {
            checked("chain_within_days", MAX_CHAIN_DAYS, days)?;
            match selection.month_only() {
                0 => Ok(Some(Within::Days(days))),
                count => Err(Error::ChainFinerThanData { count }),
            }
        }
        (None, Some(months)) => {
            checked("chain_within_months", MAX_CHAIN_MONTHS, months)?;
            Ok(Some(Within::Months(months)))
        }
        (None, None) if params.rank_by == RankBy::LongestChain => Err(Error::NoChain),
        (None, None) => Ok(None),
    }
}

/// A name that does not promise more than the positions know.
pub(crate) fn name(facts: &PlaceFacts, ward: Option<&str>) -> String {
    let place = match (facts.main_basis(), facts.short_place()) {
        (LocationBasis::Address, Some(p)) => p.to_owned(),
        (basis, Some(p)) => format!("{p} ({})", basis.noun()),
        (basis, None) => basis.noun().to_owned(),
    };
    match ward {
        Some(w) => format!("{place}, {w}"),
        None => place,
    }
}

/// Locations grouped by the tolerance rule, the centre first in each group.
fn merged(selection: &Selection, tolerance_m: f64) -> Vec<Vec<LocationId>> {
    let locations = selection.incidents().locations();
    let mut order: Vec<(LocationId, u32)> = selection.locations_inside().collect();
    if tolerance_m == 0.0 {
        return order.into_iter().map(|(l, _)| vec![l]).collect();
    }
    // In whole millimetres, whose squares are exact; rounding must not take away what lies at exactly
    // the tolerance.
    let tolerance_mm = (tolerance_m * 1e6).round() / 1e3;
    let at = |l: LocationId| Planar {
        x: f64::from(locations[l as usize].x_mm),
        y: f64::from(locations[l as usize].y_mm),
    };
    let points: Vec<(Planar, f64, u32)> = order.iter().map(|&(l, _)| (at(l), 1.0, l)).collect();
    let grid = PointGrid::new(&points, tolerance_mm);
    order.sort_unstable_by_key(|&(l, count)| {
        let at = &locations[l as usize];
        (std::cmp::Reverse(count), at.x_mm, at.y_mm)
    });
    let mut taken = vec![false; locations.len()];
    let mut groups = Vec::new();
    for (centre, _) in order {
        if taken[centre as usize] {
            continue;
        }
        taken[centre as usize] = true;
        let mut group = vec![centre];
        grid.each_within(at(centre), tolerance_mm, |l, _, _| {
            if !taken[l as usize] {
                taken[l as usize] = true;
                group.push(l);
            }
        });
        group[1..].sort_unstable();
        groups.push(group);
    }
    groups
}
