//! Overlap: how far the places of one group of incidents are those of another.
//!
//! **What it answers.** Are the places of drug offences the places of violence? Which places are both,
//! how much of one group lies at the other's places, and is that more than blind chance?
//!
//! **Model.** Group A is the request's selection; group B is named by `with`, in the same study area and
//! period. Records of both groups count in A only. Incidents are counted by H3 cell or exact location. A
//! place is one of a group's own if it has at least `min_count` of its incidents, or is among its `top`
//! busiest; all places as busy as the last of these belong to them, so that the set depends on no order.
//!
//! **Figures.** Shared places with the Jaccard index (shared over places of either) and the overlap
//! coefficient (shared over places of the group that has fewer). Proportional similarity,
//! Σ min(a / A, b / B) over places, from 0 (nowhere together) to 1 (in the same proportions everywhere).
//! The share of A's incidents that lie at B's places, and the other way round, with Wilson intervals. For
//! each place the share of A among A and B, with a Wilson interval: with knife robbery as A and robbery as
//! `with`, that is the share of robberies with a knife.
//!
//! **Chance.** The null is that B's counts are dealt blindly over the places at which the data has a record
//! of any kind: each order of them equally likely, A's places staying as they are. For the number of shared
//! places the mean and p are exact (hypergeometric); for the similarity p = (1 + shuffles at least as
//! similar) / (replicates + 1), drawn from (seed, number of the shuffle) alone. Places where nothing is
//! ever recorded are left out of the deal: parks and water would make any two groups look alike.
//!
//! **Degenerate.** Where a group has no incidents or no places of its own there is nothing to share: counts
//! of 0, no indices, no p. A share on fewer than 20 incidents is not told.
//!
//! **How it can mislead.** The null takes places as exchangeable. They are not: busy places have busy
//! neighbours, and town centres have more of everything, so p is too small and only the size of the overlap
//! speaks. A shift of the whole map would keep neighbours together, but needs ground that can be shifted. Two
//! groups of different lens overlap where police looked. Cells share what they split: see whether the answer
//! holds at another resolution. Wilson intervals take incidents as independent, which those of one evening
//! are not.
//!
//! **Complexity.** Linear in the known places for each shuffle.
//!
//! **References.** Jaccard 1901; Szymkiewicz 1934 (overlap coefficient); Renkonen 1938 (proportional
//! similarity); Wilson 1927, doi 10.1080/01621459.1927.10502953; shuffles: Phipson & Smyth 2010,
//! doi 10.2202/1544-6115.1585. **Checked against** R (hypergeometric, Wilson), all orders of small sets, and
//! planted overlaps.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::against::{Against, Other};
use crate::lattice::LatticeError;
use crate::places::{Comparable, PlaceFacts, Wards};
use crate::random::Random;
use crate::select::Selection;
use crate::statistics::{LEAST_BASE, Z_95, hypergeometric_upper, wilson};
use crate::tally::{CountedBy, Shape, Unit, UnitError, known_places};
use crate::watch;

/// Parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The second group.
    pub with: Against,
    /// What incidents are counted by.
    #[serde(default = "cells")]
    pub unit: Unit,
    /// Resolution of the cells, 6 to 12; 10 without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub h3_resolution: Option<u8>,
    /// Fewest incidents of a group's own place; 2 if neither this nor `top` is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_count: Option<u32>,
    /// So many busiest places are a group's own, and all as busy as the last of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top: Option<u32>,
    /// Shuffles for the p of similarity; 0 for none.
    #[serde(default = "usual_replicates")]
    pub replicates: u32,
    /// What the shuffles are drawn from.
    #[serde(default)]
    pub seed: u64,
    /// Only the first so many places as features; the number left out is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
}

fn cells() -> Unit {
    Unit::H3
}

fn usual_replicates() -> u32 {
    999
}

/// Most shuffles.
pub const MAX_REPLICATES: u32 = 9_999;

/// A part of some incidents.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part {
    /// The part.
    pub incidents: u64,
    /// All.
    pub of: u64,
}

impl Part {
    /// The share; `None` on a small base.
    #[must_use]
    pub fn share(self) -> Option<f64> {
        crate::statistics::share(self.incidents, self.of)
    }

    /// Its 95 % Wilson interval; `None` on a small base.
    #[must_use]
    pub fn interval(self) -> Option<(f64, f64)> {
        wilson(self.incidents, self.of, Z_95).filter(|_| self.of >= LEAST_BASE)
    }
}

/// Whose place it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Whose {
    /// Both groups' own.
    Both,
    /// The first group's only.
    First,
    /// The second group's only.
    Second,
}

impl Whose {
    /// The name used in layers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Both => "both",
            Self::First => "first_only",
            Self::Second => "second_only",
        }
    }
}

/// A place that is a group's own.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// Easting and northing in millimetres, or the cell.
    pub id: String,
    /// Place in the ranking, from 1: shared places first, then by what they add to the similarity.
    pub rank: u32,
    /// Name for people.
    pub name: String,
    /// On the map.
    pub shape: Shape,
    /// Whose it is.
    pub whose: Whose,
    /// Incidents of the first group.
    pub first: u32,
    /// Incidents of the second group.
    pub second: u32,
    /// The first group among both.
    pub part: Part,
    /// Counts and dates of the first group; `None` where it has none here.
    pub facts: Option<PlaceFacts>,
}

/// How alike the two groups are spread.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Similarity {
    /// Proportional similarity, 0 to 1.
    pub value: f64,
    /// Mean and p over the shuffles, where there were any.
    pub chance: Option<(f64, f64)>,
}

/// Overlap.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The parameters, for the record.
    pub params: Params,
    /// What incidents were counted by.
    pub by: CountedBy,
    /// Incidents of the first group.
    pub incidents: u64,
    /// The second group.
    pub other: Other,
    /// Places with a record of any kind.
    pub known_places: u64,
    /// Fewest incidents of a place of the first group's own, and how many such places there are.
    pub first: (u32, u64),
    /// Of the second group.
    pub second: (u32, u64),
    /// Places of both.
    pub shared: u64,
    /// Shared places that blind chance would give, and the exact p of so many; `None` where a group has
    /// no place.
    pub chance: Option<(f64, f64)>,
    /// How alike the spreads are; `None` where a group has no incidents.
    pub similarity: Option<Similarity>,
    /// The first group's incidents at the second's places.
    pub first_at_second: Part,
    /// The second group's incidents at the first's places.
    pub second_at_first: Part,
    /// The places of either, by rank.
    pub places: Vec<Place>,
    /// Places left out because there were more than asked for.
    pub beyond_max: u64,
}

impl Outcome {
    /// Shared places over places of either; `None` where there are none.
    #[must_use]
    pub fn jaccard(&self) -> Option<f64> {
        let either = self.first.1 + self.second.1 - self.shared;
        (either > 0).then(|| self.shared as f64 / either as f64)
    }

    /// Shared places over those of the group with fewer; `None` where it has none.
    #[must_use]
    pub fn overlap_coefficient(&self) -> Option<f64> {
        let fewer = self.first.1.min(self.second.1);
        (fewer > 0).then(|| self.shared as f64 / fewer as f64)
    }
}

/// Why overlap cannot be told.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The unit.
    #[error(transparent)]
    Unit(#[from] UnitError),
    /// Two rules at once, or one that takes in everything.
    #[error(
        "give min_count (at least 1) or top (at least 1), not both; min_count {min_count:?}, top {top:?}"
    )]
    Rule {
        /// As given.
        min_count: Option<u32>,
        /// As given.
        top: Option<u32>,
    },
    /// Too many shuffles.
    #[error("replicates must be 0 to {MAX_REPLICATES}, not {0}; 999 tell p to a thousandth")]
    Replicates(u32),
    /// None are asked for.
    #[error("max must be at least 1, or left out")]
    Max,
    /// A cell's outline.
    #[error(transparent)]
    Lattice(#[from] LatticeError),
}

impl Error {
    /// A stable code for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "invalid_overlap"
    }
}

/// Tells how two groups of incidents coincide.
///
/// # Errors
/// [`Error`] for parameters out of range.
pub fn run(
    selection: &Selection,
    params: &Params,
    other: Other,
    comparable: Comparable,
) -> Result<Outcome, Error> {
    let by = CountedBy::of(params.unit, params.h3_resolution)?;
    match (params.min_count, params.top) {
        (Some(_), Some(_)) | (Some(0), _) | (_, Some(0)) => {
            return Err(Error::Rule {
                min_count: params.min_count,
                top: params.top,
            });
        }
        _ => {}
    }
    if params.replicates > MAX_REPLICATES {
        return Err(Error::Replicates(params.replicates));
    }
    if params.max == Some(0) {
        return Err(Error::Max);
    }
    let known = known_places(selection, by);
    let first: Vec<u32> = known
        .iter()
        .map(|p| p.count(|l| selection.count_at(l)))
        .collect();
    let second: Vec<u32> = known
        .iter()
        .map(|p| p.count(|l| other.count_at(l)))
        .collect();
    let (least_first, least_second) = (least(&first, params), least(&second, params));
    let own = |counts: &[u32], least: u32| counts.iter().filter(|&&c| c >= least).count() as u64;
    let (own_first, own_second) = (own(&first, least_first), own(&second, least_second));
    let whose = |i: usize| match (first[i] >= least_first, second[i] >= least_second) {
        (true, true) => Some(Whose::Both),
        (true, false) => Some(Whose::First),
        (false, true) => Some(Whose::Second),
        (false, false) => None,
    };
    let at = |counts: &[u32], places: &[u32], least: u32| {
        let there = counts.iter().zip(places).filter(|p| *p.1 >= least);
        there.map(|p| u64::from(*p.0)).sum()
    };
    let (all_first, all_second) = (selection.selected, other.incidents);
    let adds = |i: usize| adds(first[i], second[i], all_first, all_second);
    let mut order: Vec<(Whose, usize)> = (0..known.len())
        .filter_map(|i| Some((whose(i)?, i)))
        .collect();
    let shared = order.iter().filter(|o| o.0 == Whose::Both).count() as u64;
    // Stable: equals stay in the order of the places.
    order.sort_by_key(|&(whose, i)| {
        let both = u64::from(first[i]) + u64::from(second[i]);
        (
            whose != Whose::Both,
            std::cmp::Reverse(adds(i)),
            std::cmp::Reverse(both),
        )
    });
    let shown = params
        .max
        .map_or(order.len(), |m| order.len().min(m as usize));
    let wards = Wards::of(selection.snapshot);
    let mut places = Vec::with_capacity(shown);
    for (rank, &(whose, i)) in (1..).zip(&order[..shown]) {
        let place = &known[i];
        let facts = PlaceFacts::of(selection, &place.members, comparable);
        let ward = wards.at(place.position(selection));
        let name = match &facts {
            Some(f) => place.name(f, ward),
            None => crate::hotspots::name(None, ward),
        };
        places.push(Place {
            id: place.id(),
            rank,
            name,
            shape: place.shape(by, selection)?,
            whose,
            first: first[i],
            second: second[i],
            part: Part {
                incidents: first[i].into(),
                of: u64::from(first[i]) + u64::from(second[i]),
            },
            facts,
        });
    }
    let n = known.len() as u64;
    let chance = (own_first > 0 && own_second > 0).then(|| {
        let mean = own_first as f64 * own_second as f64 / n as f64;
        (mean, hypergeometric_upper(shared, own_first, own_second, n))
    });
    Ok(Outcome {
        by,
        incidents: all_first,
        known_places: n,
        first: (least_first, own_first),
        second: (least_second, own_second),
        shared,
        chance,
        similarity: similarity(&first, &second, params.replicates, params.seed),
        first_at_second: Part {
            incidents: at(&first, &second, least_second),
            of: all_first,
        },
        second_at_first: Part {
            incidents: at(&second, &first, least_first),
            of: all_second,
        },
        beyond_max: (order.len() - shown) as u64,
        places,
        other,
        params: params.clone(),
    })
}

/// Fewest incidents of a group's own place.
fn least(counts: &[u32], params: &Params) -> u32 {
    let Some(top) = params.top else {
        return params.min_count.unwrap_or(2);
    };
    let mut sorted: Vec<u32> = counts.iter().copied().filter(|&c| c > 0).collect();
    sorted.sort_unstable_by(|a, b| b.cmp(a));
    let last = sorted.get(top as usize - 1).or(sorted.last());
    last.copied().unwrap_or(1)
}

/// What a place adds to the similarity, times both groups' incidents.
fn adds(a: u32, b: u32, all_a: u64, all_b: u64) -> u128 {
    (u128::from(a) * u128::from(all_b)).min(u128::from(b) * u128::from(all_a))
}

/// Proportional similarity of two lists of counts over the same places, and what shuffles of the second
/// make of it. `None` where either is empty.
#[must_use]
pub fn similarity(first: &[u32], second: &[u32], replicates: u32, seed: u64) -> Option<Similarity> {
    let sum = |counts: &[u32]| counts.iter().map(|&c| u64::from(c)).sum::<u64>();
    let (a, b) = (sum(first), sum(second));
    if a == 0 || b == 0 {
        return None;
    }
    let of = |second: &[u32]| -> u128 {
        let pairs = first.iter().zip(second);
        pairs.map(|(&x, &y)| adds(x, y, a, b)).sum()
    };
    let base = (u128::from(a) * u128::from(b)) as f64;
    let observed = of(second);
    let chance = (replicates > 0).then(|| {
        watch::ahead(replicates.into());
        let shuffled: Vec<u128> = (0..u64::from(replicates))
            .into_par_iter()
            .map_init(Vec::new, |dealt: &mut Vec<u32>, replicate| {
                watch::step();
                dealt.clear();
                dealt.extend_from_slice(second);
                Random::of_replicate(seed, replicate).shuffle(dealt);
                of(dealt)
            })
            .collect();
        let as_much = shuffled.iter().filter(|&&s| s >= observed).count();
        let n = f64::from(replicates);
        let mean = shuffled.iter().sum::<u128>() as f64 / base / n;
        (mean, (1.0 + as_much as f64) / (n + 1.0))
    });
    Some(Similarity {
        value: observed as f64 / base,
        chance,
    })
}
