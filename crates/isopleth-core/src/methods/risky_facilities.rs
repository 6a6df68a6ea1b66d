//! Risky facilities: which few sites of a class have most of its incidents.
//!
//! **What it answers.** Among the pubs, schools or shops of an area, which have how many incidents at
//! them, how steep is the curve (a J when drawn), and is it steeper than chance would make it?
//!
//! **Model.** Each incident of the study area counts at the nearest site of the class that is no farther
//! than `within_m`, and at no other; equals go to the site of the least id. Distances are taken in whole
//! millimetres: exactly `within_m` counts. The sites of the study area are ranked by count. Sites beyond
//! its boundary are not ranked but keep the incidents that are nearest to them, whose number is told.
//!
//! **Curve.** `top_share` of the sites is the smallest whole number of sites that is at least that share;
//! the incidents that so many busiest sites hold are told with it, and the corners of the whole curve.
//! Concentration is the generalised Gini coefficient, which allows for fewer incidents than sites.
//!
//! **Chance.** A few incidents can only be at a few sites. So the same number of incidents is thrown at
//! the sites, each site equally likely, `replicates` times: the mean of what the busiest `top_share` then
//! hold, the middle 95 %, and p = (1 + throws that concentrate at least as much) / (replicates + 1).
//! Throws are drawn from (seed, number of the throw) alone.
//!
//! **Degenerate.** No sites in the study area, or no incident at any: no curve, no chance. With fewer
//! than 20 sites or incidents a share of them is not told, only numbers.
//!
//! **How it can mislead.** Near a site is not at it, still less because of it: a pub on a busy street has
//! the street's incidents. Sites that stand close share what one alone would have. Equal risk is no fair
//! expectation where sites differ in size, hours or trade: a steep curve is a question, no verdict. On
//! snapped data what is near is decided by the map points. Of several sites at one place (a row of shops,
//! one record twice) the first has all; their number is told.
//!
//! **Complexity.** A search within the distance for each location; the throws are linear in incidents and
//! sites.
//!
//! **References.** Eck, Clarke & Guerette 2007, *Risky facilities*, Crime Prevention Studies 21; Clarke &
//! Eck 2005, *Crime analysis for problem solvers in 60 small steps*, step 18; Bernasco & Steenbeek 2017,
//! doi 10.1007/s10940-016-9324-7. **Checked against** planted sites (3 of 78 with 55 %), a direct
//! comparison of all pairs, and the exact probabilities of few incidents at few sites.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::domain::{LocationId, LonLat};
use crate::places::{Comparable, PlaceFacts};
use crate::random::Random;
use crate::select::Selection;
use crate::sites::{ClassSites, SiteError, millimetres};
use crate::statistics::Concentration;
use crate::watch;

/// Parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The class of sites: `pub`.
    pub site_class: String,
    /// How far from a site an incident still counts at it, metres to the millimetre.
    #[serde(default = "usual_distance")]
    pub within_m: f64,
    /// The share of the busiest sites whose incidents are told.
    #[serde(default = "usual_share")]
    pub top_share: f64,
    /// Throws of the incidents at equally likely sites; 0 for none.
    #[serde(default = "usual_replicates")]
    pub replicates: u32,
    /// What the throws are drawn from.
    #[serde(default)]
    pub seed: u64,
    /// Only the first so many sites as features; the number left out is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
}

fn usual_distance() -> f64 {
    50.0
}

fn usual_share() -> f64 {
    0.2
}

fn usual_replicates() -> u32 {
    999
}

/// Most throws.
pub const MAX_REPLICATES: u32 = 9_999;

/// A site and what is at it.
#[derive(Debug, Clone, PartialEq)]
pub struct Facility {
    /// Its id.
    pub id: String,
    /// Place in the ranking, from 1.
    pub rank: u32,
    /// Its name.
    pub name: String,
    /// Where it is.
    pub position: LonLat,
    /// Incidents nearest to it.
    pub count: u32,
    /// Incidents at this and all sites before it.
    pub cumulative: u64,
    /// Counts and dates of its incidents; `None` where it has none.
    pub facts: Option<PlaceFacts>,
    /// The study area's boundary is no farther than the distance: incidents beyond it are not counted.
    pub edge_effect: bool,
}

/// What chance alone would do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Chance {
    /// Number of throws.
    pub replicates: u32,
    /// Mean of the incidents at the busiest sites.
    pub top_mean: f64,
    /// The 2.5th and 97.5th hundredth of them.
    pub top_middle: (u64, u64),
    /// Share of throws that put at least as many incidents at the busiest sites, counting the data.
    pub top_p: f64,
    /// Mean generalised Gini coefficient.
    pub gini_mean: f64,
    /// Share of throws that concentrate at least as much by it, counting the data.
    pub gini_p: f64,
}

/// Risky facilities.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The parameters, for the record.
    pub params: Params,
    /// The sites of the study area, by rank.
    pub facilities: Vec<Facility>,
    /// Incidents over the sites of the study area.
    pub spread: Concentration,
    /// How many sites the top share is.
    pub top_sites: u64,
    /// Selected incidents of the study area that are at no site.
    pub at_none: u64,
    /// Those nearest to a site beyond the boundary.
    pub at_sites_beyond: u64,
    /// Sites at the very place of another.
    pub sharing_a_position: u64,
    /// What chance alone would do; `None` where there is nothing to throw, or nothing was asked.
    pub chance: Option<Chance>,
    /// Sites left out because there were more than asked for.
    pub beyond_max: u64,
}

/// Why risky facilities cannot be told.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The sites.
    #[error(transparent)]
    Site(#[from] SiteError),
    /// A share that is none.
    #[error("top_share must be over 0 and up to 1, not {0}")]
    TopShare(f64),
    /// Too many throws.
    #[error("replicates must be 0 to {MAX_REPLICATES}, not {0}; 999 tell p to a thousandth")]
    Replicates(u32),
    /// Sites of nowhere.
    #[error(
        "risky facilities count the sites without incidents too and need a study area; name select.area"
    )]
    NoArea,
    /// None are asked for.
    #[error("max must be at least 1, or left out")]
    Max,
}

impl Error {
    /// A stable code for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Site(SiteError::UnknownClass { .. }) => "unknown_site_class",
            Self::NoArea => "area_needed",
            _ => "invalid_risky_facilities",
        }
    }
}

/// Ranks the sites of a class by the incidents at them.
///
/// # Errors
/// [`Error`] for parameters out of range, an unknown class, or without a study area.
pub fn run(
    selection: &Selection,
    params: &Params,
    comparable: Comparable,
) -> Result<Outcome, Error> {
    let within_mm = millimetres("within_m", params.within_m)?;
    if !(params.top_share > 0.0 && params.top_share <= 1.0) {
        return Err(Error::TopShare(params.top_share));
    }
    if params.replicates > MAX_REPLICATES {
        return Err(Error::Replicates(params.replicates));
    }
    if params.max == Some(0) {
        return Err(Error::Max);
    }
    if selection.area.is_none() {
        return Err(Error::NoArea);
    }
    let sites = ClassSites::of(selection, &params.site_class, within_mm)?;
    let mut members: Vec<Vec<LocationId>> = vec![Vec::new(); sites.sites.len()];
    let mut counts = vec![0_u32; sites.sites.len()];
    let mut at_none = 0;
    for (l, count) in selection.locations_inside() {
        match sites.nearest(selection, l) {
            Some((site, _)) => {
                members[site].push(l);
                counts[site] += count;
            }
            None => at_none += u64::from(count),
        }
    }
    let (mut ranked, beyond): (Vec<usize>, Vec<usize>) =
        (0..sites.sites.len()).partition(|&s| sites.sites[s].in_study_area);
    // Stable: equals stay in the order of the ids.
    ranked.sort_by_key(|&s| std::cmp::Reverse(counts[s]));
    let own: Vec<u32> = ranked.iter().map(|&s| counts[s]).collect();
    let spread = Concentration::new(&own, 0);
    let top_sites = top_of(params.top_share, spread.places());
    let shown = params
        .max
        .map_or(ranked.len(), |m| ranked.len().min(m as usize));
    let mut cumulative = 0;
    let facilities = ranked[..shown]
        .iter()
        .zip(1..)
        .map(|(&s, rank)| {
            let site = &sites.sites[s];
            cumulative += u64::from(counts[s]);
            Facility {
                id: site.id.clone(),
                rank,
                name: site.name.clone(),
                position: site.position,
                count: counts[s],
                cumulative,
                facts: PlaceFacts::of(selection, &members[s], comparable),
                edge_effect: site.edge_effect,
            }
        })
        .collect();
    Ok(Outcome {
        params: params.clone(),
        facilities,
        chance: chance(&spread, top_sites, params.replicates, params.seed),
        spread,
        top_sites,
        at_none,
        at_sites_beyond: beyond.iter().map(|&s| u64::from(counts[s])).sum(),
        sharing_a_position: sites.sharing_a_position(),
        beyond_max: (ranked.len() - shown) as u64,
    })
}

/// The smallest whole number that is at least a share of `n`.
fn top_of(share: f64, n: u64) -> u64 {
    // A millionth of a millionth is rounding: a fifth of 10 is 2.
    ((share * n as f64 - 1e-9).ceil().max(0.0) as u64).min(n)
}

/// Throws the incidents at the sites, each equally likely, and holds the spread against that. `None`
/// without sites, incidents or throws.
#[must_use]
pub fn chance(
    spread: &Concentration,
    top_sites: u64,
    replicates: u32,
    seed: u64,
) -> Option<Chance> {
    let sites = u32::try_from(spread.places()).ok().filter(|&n| n > 0)?;
    let gini = spread.generalised_gini()?;
    if replicates == 0 {
        return None;
    }
    watch::ahead(replicates.into());
    let thrown: Vec<(u64, f64)> = (0..u64::from(replicates))
        .into_par_iter()
        .map_init(
            || vec![0_u32; sites as usize],
            |counts, replicate| {
                watch::step();
                counts.fill(0);
                let mut random = Random::of_replicate(seed, replicate);
                for _ in 0..spread.incidents() {
                    counts[random.below(sites) as usize] += 1;
                }
                let thrown = Concentration::new(counts, 0);
                let gini = thrown.generalised_gini().unwrap_or(0.0);
                (thrown.held_by(top_sites), gini)
            },
        )
        .collect();
    let n = f64::from(replicates);
    let p = |as_much: usize| (1.0 + as_much as f64) / (n + 1.0);
    let top = spread.held_by(top_sites);
    let mut tops: Vec<u64> = thrown.iter().map(|t| t.0).collect();
    tops.sort_unstable();
    let at = |share: f64| tops[((share * n).ceil() as usize).clamp(1, tops.len()) - 1];
    Some(Chance {
        replicates,
        top_mean: tops.iter().sum::<u64>() as f64 / n,
        top_middle: (at(0.025), at(0.975)),
        top_p: p(thrown.iter().filter(|t| t.0 >= top).count()),
        gini_mean: thrown.iter().map(|t| t.1).sum::<f64>() / n,
        gini_p: p(thrown.iter().filter(|t| t.1 >= gini).count()),
    })
}
