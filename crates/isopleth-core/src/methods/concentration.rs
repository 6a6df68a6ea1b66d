//! Concentration: how few places hold most of the incidents.
//!
//! **What it answers.** What share of the places holds a quarter, half, four fifths of the incidents,
//! and which places are they?
//!
//! **Model.** Places are exact locations, or H3 cells. They are ranked by count. A set for a share is
//! the smallest number of busiest places that together hold at least that share; no place is divided
//! and nothing is interpolated, so that the set can be named. Its number does not depend on how ties
//! are broken; which of several equal places are in it does (by easting and northing, or cell), and the
//! number of equal ones left out is told.
//!
//! **Two denominators.** A share of places means little without saying of which. `places_with_incidents`
//! are those with at least one selected incident. `all_places` are, for cells, every cell that touches
//! the study area, parks and water among them; for locations, every location of the study area at which
//! the data has a record of any kind and time, since nobody can list the places where nothing was ever
//! recorded. Cells therefore need a named area.
//!
//! **Gini.** The coefficient G over the places, G n/(n − 1), which reaches 1, and the generalised
//! max(n/c, 1)(G − 1) + 1 for c incidents at n places: with fewer incidents than places most places are
//! empty whatever happens, and G is near 1 by arithmetic. Read the generalised one for rare offences.
//! All are computed in whole numbers and divided once. The Lorenz curve is given by its corners.
//!
//! **Beside the literature.** Weisburd found half of a city's crime on 2.1 to 6.0 % of its street
//! segments, a quarter on 0.4 to 1.6 %; reviewed studies span 1.7 to 11.0 % for half, with a median of
//! 4.5 %. These are shares of all street segments, those without crime among them: neither map points
//! nor cells are street segments, so the comparison is of orders of magnitude, and only with
//! `all_places`.
//!
//! **Degenerate.** Without incidents there are no sets and no coefficients. With fewer than 20 incidents
//! or places a share of them is not told, only the numbers.
//!
//! **How it can mislead.** Smaller units concentrate more. Snap points gather the incidents of eight
//! addresses and more, and cannot be compared with addresses. Few incidents concentrate by chance: half
//! of ten burglaries are at five places or fewer in any town. A police station heads many lists.
//!
//! **Complexity.** Sorting the counts.
//!
//! **References.** Weisburd 2015, *Criminology* 53, doi 10.1111/1745-9125.12070; Bernasco & Steenbeek
//! 2017, doi 10.1007/s10940-016-9324-7; Lorenz 1905, doi 10.2307/2276207. **Checked against** printed
//! examples of the R package lorenzgini, and the mean absolute difference by property tests.

use serde::{Deserialize, Serialize};

use crate::lattice::{Lattice, LatticeError, Tiling};
use crate::places::{Comparable, PlaceFacts, Wards};
use crate::select::Selection;
use crate::stations::{StationStack, Stations};
use crate::statistics::Concentration;
use crate::tally::{CountedBy, Shape, Unit, UnitError, known_places};

/// Parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// What incidents are counted by.
    #[serde(default)]
    pub unit: Unit,
    /// Resolution of the cells, 6 to 12; 10 without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub h3_resolution: Option<u8>,
    /// Shares of the incidents whose smallest sets of places are sought, ascending.
    #[serde(default = "usual_shares")]
    pub shares_of_incidents: Vec<f64>,
    /// Only the first so many places as features; the number left out is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
}

fn usual_shares() -> Vec<f64> {
    vec![0.25, 0.5, 0.8]
}

/// The smallest set of places for a share of the incidents.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level {
    /// The share asked for.
    pub share: f64,
    /// Number of places.
    pub places: u64,
    /// Incidents that they hold.
    pub incidents: u64,
    /// Places as busy as the last of them that are not among them.
    pub tied_beyond: u64,
}

/// A place of the sets.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// Easting and northing in millimetres, or the cell.
    pub id: String,
    /// Place in the ranking, from 1.
    pub rank: u32,
    /// Name for people.
    pub name: String,
    /// On the map.
    pub shape: Shape,
    /// Counts and dates.
    pub facts: PlaceFacts,
    /// Incidents at this and all places before it.
    pub cumulative: u64,
    /// The share of the smallest set that it belongs to.
    pub share: f64,
    /// Whether it looks like a station or custody suite; of locations only.
    pub station_stack: Option<StationStack>,
}

/// Concentration.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// What incidents were counted by.
    pub by: CountedBy,
    /// Over the places with at least one incident.
    pub occupied: Concentration,
    /// Over all places: cells of the study area, or locations with any record.
    pub all: Concentration,
    /// The sets.
    pub levels: Vec<Level>,
    /// The places of the largest set, by rank.
    pub places: Vec<Place>,
    /// Places of the largest set left out because there were more than asked for.
    pub beyond_max: u64,
}

/// Why concentration cannot be told.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Shares that are none.
    #[error(
        "shares_of_incidents must be one to 20 numbers over 0 and up to 1, ascending, in no more than six decimals; {0} is not"
    )]
    Shares(String),
    /// The unit.
    #[error(transparent)]
    Unit(#[from] UnitError),
    /// Cells of nowhere.
    #[error(
        "concentration over H3 cells counts the empty ones too and needs a study area; name select.area, or count by \"unit\": \"location\""
    )]
    NoArea,
    /// None are asked for.
    #[error("max must be at least 1, or left out")]
    Max,
    /// The cells.
    #[error(transparent)]
    Lattice(#[from] LatticeError),
}

impl Error {
    /// A stable code for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoArea => "area_needed",
            _ => "invalid_concentration",
        }
    }
}

/// Tells how concentrated incidents are.
///
/// # Errors
/// [`Error`] for parameters out of range, and for cells without a study area.
pub fn run(
    selection: &Selection,
    params: &Params,
    comparable: Comparable,
) -> Result<Outcome, Error> {
    let shares = millionths(&params.shares_of_incidents)?;
    let by = CountedBy::of(params.unit, params.h3_resolution)?;
    if params.max == Some(0) {
        return Err(Error::Max);
    }
    let known = known_places(selection, by);
    let all_places = match by {
        CountedBy::Locations => known.len() as u64,
        CountedBy::Cells(resolution) => {
            let area = selection.area.as_ref().ok_or(Error::NoArea)?;
            let cells = Lattice::of_area(Tiling::H3(resolution), area)?;
            // A location on the very boundary may lie in a cell that only touches it.
            (cells.len() as u64).max(known.len() as u64)
        }
    };
    let mut ranked: Vec<(usize, u32)> = known
        .iter()
        .map(|p| p.count(|l| selection.count_at(l)))
        .enumerate()
        .filter(|c| c.1 > 0)
        .collect();
    // Stable: equals stay in the order of the places.
    ranked.sort_by_key(|c| std::cmp::Reverse(c.1));
    let counts: Vec<u32> = ranked.iter().map(|c| c.1).collect();
    let occupied = Concentration::new(&counts, 0);
    let all = Concentration::new(&counts, all_places - counts.len() as u64);
    let levels: Vec<Level> = params
        .shares_of_incidents
        .iter()
        .zip(shares)
        .map(|(&share, millionths)| {
            let places = occupied.fewest_places(millionths);
            Level {
                share,
                places,
                incidents: occupied.held_by(places),
                tied_beyond: occupied.tied_beyond(places),
            }
        })
        .collect();
    let found = levels.last().map_or(0, |l| l.places);
    let shown = params.max.map_or(found, |m| found.min(u64::from(m)));
    let wards = Wards::of(selection.snapshot);
    let stations = Stations::of(selection);
    let mut places = Vec::new();
    let mut cumulative = 0;
    for (rank, &(place, count)) in (1..=shown).zip(&ranked) {
        let place = &known[place];
        cumulative += u64::from(count);
        let Some(facts) = PlaceFacts::of(selection, &place.members, comparable) else {
            continue;
        };
        let level = levels.iter().find(|l| rank <= l.places);
        places.push(Place {
            id: place.id(),
            rank: rank as u32,
            name: place.name(&facts, wards.at(place.position(selection))),
            shape: place.shape(by, selection)?,
            cumulative,
            share: level.map_or(1.0, |l| l.share),
            station_stack: match by {
                CountedBy::Locations => stations.at(selection, &place.members),
                CountedBy::Cells(_) => None,
            },
            facts,
        });
    }
    Ok(Outcome {
        by,
        occupied,
        all,
        levels,
        places,
        beyond_max: found - shown,
    })
}

/// Shares in millionths, which whole numbers can be compared with.
fn millionths(shares: &[f64]) -> Result<Vec<u32>, Error> {
    if shares.is_empty() || shares.len() > 20 {
        return Err(Error::Shares(format!("a list of {}", shares.len())));
    }
    let mut before = 0;
    let mut all = Vec::with_capacity(shares.len());
    for &share in shares {
        let millionths = (share * 1e6).round();
        let whole = (millionths / 1e6 - share).abs() < 1e-12;
        if !(whole && share > 0.0 && share <= 1.0 && millionths as u32 > before) {
            return Err(Error::Shares(share.to_string()));
        }
        before = millionths as u32;
        all.push(before);
    }
    Ok(all)
}
