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
//!
//! **Honesty.** A location on a map point that stands for eight or more addresses is called a map
//! point, never an address. Stacks at police stations and custody suites are recognised by a declared
//! site, by the basis of the records, or by suspicion (many records of which an unusual share is
//! police-generated); they are flagged and never deleted.
//!
//! **How it can mislead.** On snapped data nearly every street is a "repeat location". A block of
//! flats stacks many addresses on one position; the number of distinct property numbers tells.
//!
//! **References.** Repeat address mapping: Bichler & Clarke 1996; fuzzy mode: Levine, *CrimeStat*,
//! chapter 6 (whose rule lets circles overlap; this one counts each incident once).

use serde::{Deserialize, Serialize};

use crate::domain::{LocationBasis, LocationId, LonLat};
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
        }
    }
}

/// Largest tolerance, metres.
pub const MAX_TOLERANCE_M: f64 = 500.0;

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
}

impl Error {
    /// A stable code for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::FinerThanData { .. } => "finer_than_data",
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
    let at = |l: LocationId| selection.incidents().locations()[l as usize];
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
            facts,
        });
    }
    let primary = |l: &RepeatLocation| match params.rank_by {
        RankBy::Count => i64::from(l.facts.count),
        RankBy::DistinctDays => i64::from(l.facts.distinct_days.unwrap_or(0)),
        RankBy::DistinctMonths => i64::from(l.facts.distinct_months),
        RankBy::Recency => i64::from(l.facts.latest_start),
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
    })
}

/// A name that does not promise more than the positions know.
fn name(facts: &PlaceFacts, ward: Option<&str>) -> String {
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
    let points: Vec<(Planar, f64, u32)> = order
        .iter()
        .map(|&(l, _)| (locations[l as usize].planar(), 1.0, l))
        .collect();
    let grid = PointGrid::new(&points, tolerance_m);
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
        grid.each_within(
            locations[centre as usize].planar(),
            tolerance_m,
            |l, _, _| {
                if !taken[l as usize] {
                    taken[l as usize] = true;
                    group.push(l);
                }
            },
        );
        group[1..].sort_unstable();
        groups.push(group);
    }
    groups
}
