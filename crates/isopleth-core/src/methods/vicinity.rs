//! Vicinity: how many incidents lie near the sites of a class, against how many would be expected.
//!
//! **What it answers.** Do drug offences gather within 50, 100, 250 m of schools or pubs, more than the
//! ground alone explains, or more than other offences do? And at which sites?
//!
//! **Model.** Each incident of the study area counts once, by its nearest site of the class, wherever the
//! discs of several overlap. Sites beyond the boundary count if they are no farther from it than the last
//! distance. Distances are as the crow flies, in whole millimetres: at `distances_m` [50, 250] an
//! incident at exactly 250.0 m is within 250 m, and in the band (50, 250]. Bands are open below and closed
//! above, the first from 0; what is farther than the last distance is a band of its own.
//!
//! **Expected by area.** Were the incidents scattered evenly over the study area, each would be within a
//! distance with the probability q = (ground within the distance) / (study area), and the number observed
//! would be binomial. Told are q, n q, the ratio of observed and expected with its exact 95 % interval
//! (Clopper and Pearson, over q), and the exact two-sided p.
//!
//! **Ground.** The area within a distance is that of the union of all discs, cut at the study area. A
//! disc is drawn as a polygon of [`CORNERS`] corners and exactly the circle's area; its outline is nowhere
//! farther than 0.011 % of the radius (27 mm at 250 m) from the circle, and a single disc has no error at
//! all. So areas are off by less than 0.022 % of the discs' own, where they are cut.
//!
//! **Expected by another group.** With `against`, the share of another group's incidents within the
//! distance is the yardstick: the ratio of the two shares is a location quotient. Both counts are taken as
//! Poisson and compared by their sum, exactly; this errs on the side of caution where shares are large.
//! Records of both groups count in the first only.
//!
//! **Degenerate.** No incidents: counts of 0, no ratios. No sites near the study area: nothing is within
//! any distance. No named study area: no ground to expect by. A share or ratio on fewer than 20 incidents
//! is not told; the interval and p need none.
//!
//! **How it can mislead.** Nobody is robbed in the reservoir: an even scatter over the area is a weak
//! yardstick, and near any site of a town centre everything is above it. Another group is the better one,
//! if it is of the same lens. On snapped data incidents are where map points are. Bands are several tests
//! of one thing. Incidents of a series are not independent, which makes p too small. Distances on foot are
//! longer than the crow's.
//!
//! **Complexity.** A search within the last distance for each location; the union of the discs.
//!
//! **References.** Groff 2014, doi 10.1007/s10940-013-9213-2 (incidents by distance from drinking
//! places); Isard 1960 (location quotient); Clopper & Pearson 1934, doi 10.1093/biomet/26.4.404.
//! **Checked against** R (tests and intervals), closed forms of discs and their overlaps, and all pairs
//! compared on the drug offences and pubs of Havering.

use geo::{Area as _, BooleanOps, Coord, LineString, MultiPolygon, Polygon};
use serde::{Deserialize, Serialize};

use crate::against::{Against, Other};
use crate::domain::{LocationId, LonLat};
use crate::places::{Comparable, PlaceFacts};
use crate::plane::Planar;
use crate::select::Selection;
use crate::sites::{ClassSites, SiteError, millimetres};
use crate::statistics::{LEAST_BASE, RateRatio, binomial_two_sided, clopper_pearson, rate_ratio};

/// Corners of a disc.
pub const CORNERS: u32 = 180;

/// Most distances.
pub const MAX_DISTANCES: usize = 20;

/// Parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The class of sites: `school`.
    pub site_class: String,
    /// Distances, ascending, metres to the millimetre; exactly so far counts.
    #[serde(default = "usual_distances")]
    pub distances_m: Vec<f64>,
    /// Another group of incidents as a yardstick.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub against: Option<Against>,
    /// Only the first so many sites as features; the number left out is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
}

fn usual_distances() -> Vec<f64> {
    vec![50.0, 100.0, 250.0]
}

/// Incidents near one site.
#[derive(Debug, Clone, PartialEq)]
pub struct NearSite {
    /// Its id.
    pub id: String,
    /// Place in the ranking by the incidents within the last distance, from 1.
    pub rank: u32,
    /// Its name.
    pub name: String,
    /// Where it is.
    pub position: LonLat,
    /// Whether it lies in the study area.
    pub in_study_area: bool,
    /// The boundary is no farther than the last distance: incidents beyond it are not counted.
    pub edge_effect: bool,
    /// Incidents nearest to this site, within each distance.
    pub within: Vec<u32>,
    /// Counts and dates of those within the last distance; `None` where there is none.
    pub facts: Option<PlaceFacts>,
}

/// Observed against expected by area.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ByArea {
    /// The ground, m².
    pub area_m2: f64,
    /// Its share of the study area.
    pub share: f64,
    /// Expected incidents.
    pub expected: f64,
    /// Observed over expected; `None` on a small base.
    pub ratio: Option<f64>,
    /// Exact 95 % interval of the ratio.
    pub low: Option<f64>,
    /// Its high end.
    pub high: Option<f64>,
    /// Exact two-sided p.
    pub p: Option<f64>,
}

/// Observed against another group.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ByGroup {
    /// The other group's incidents there.
    pub incidents: u64,
    /// Comparison of the shares; `None` where there is nothing to compare.
    pub compared: Option<RateRatio>,
    /// Whether both groups have enough incidents for a ratio to be told.
    pub enough: bool,
}

/// A ring around all sites, or all ground within a distance of one.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Farther than this, metres; 0 for all within `to_m`.
    pub from_m: f64,
    /// No farther than this; `None` for all beyond.
    pub to_m: Option<f64>,
    /// Incidents.
    pub incidents: u64,
    /// Against an even scatter; `None` without a named study area.
    pub by_area: Option<ByArea>,
    /// Against the other group, where one is named.
    pub by_group: Option<ByGroup>,
}

/// Vicinity.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The parameters, for the record.
    pub params: Params,
    /// Selected incidents of the study area.
    pub incidents: u64,
    /// Rings, from the sites outwards; the last is all that is farther.
    pub bands: Vec<Row>,
    /// All within each distance.
    pub within: Vec<Row>,
    /// Sites, by rank.
    pub sites: Vec<NearSite>,
    /// Sites that were looked at, and those of them in the study area.
    pub site_count: (u64, u64),
    /// The other group, where one is named.
    pub other: Option<Other>,
    /// Sites left out because there were more than asked for.
    pub beyond_max: u64,
}

/// Why vicinity cannot be told.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The sites.
    #[error(transparent)]
    Site(#[from] SiteError),
    /// Distances that are none.
    #[error("distances_m must be 1 to {MAX_DISTANCES} distances in ascending order, not {0:?}")]
    Distances(Vec<f64>),
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
            _ => "invalid_vicinity",
        }
    }
}

/// Counts incidents near sites.
///
/// # Errors
/// [`Error`] for parameters out of range or an unknown class.
pub fn run(
    selection: &Selection,
    params: &Params,
    other: Option<Other>,
    comparable: Comparable,
) -> Result<Outcome, Error> {
    let distances = &params.distances_m;
    let limits_mm: Vec<f64> = distances
        .iter()
        .map(|&d| millimetres("distances_m", d))
        .collect::<Result<_, _>>()?;
    let ascending = limits_mm.windows(2).all(|w| w[0] < w[1]);
    let (true, Some(&reach_mm)) = (
        ascending && limits_mm.len() <= MAX_DISTANCES,
        limits_mm.last(),
    ) else {
        return Err(Error::Distances(distances.clone()));
    };
    if params.max == Some(0) {
        return Err(Error::Max);
    }
    let sites = ClassSites::of(selection, &params.site_class, reach_mm)?;
    let bands = limits_mm.len();
    let mut near = vec![vec![0_u32; bands]; sites.sites.len()];
    let mut members: Vec<Vec<LocationId>> = vec![Vec::new(); sites.sites.len()];
    let (mut observed, mut others) = (vec![0_u64; bands + 1], vec![0_u64; bands + 1]);
    for l in 0..selection.incidents().locations().len() as LocationId {
        let count = if selection.is_inside(l) {
            selection.count_at(l)
        } else {
            0
        };
        let other_count = other.as_ref().map_or(0, |o| o.count_at(l));
        if count == 0 && other_count == 0 {
            continue;
        }
        let nearest = sites.nearest(selection, l);
        let band = nearest.map_or(bands, |(_, d2)| {
            limits_mm.iter().take_while(|&mm| mm * mm < d2).count()
        });
        observed[band] += u64::from(count);
        others[band] += u64::from(other_count);
        if let Some((site, _)) = nearest.filter(|_| count > 0) {
            near[site][band..].iter_mut().for_each(|n| *n += count);
            members[site].push(l);
        }
    }
    let ground = selection.area.as_ref().map(|area| {
        let centres: Vec<Planar> = sites.sites.iter().map(|s| s.planar).collect();
        let within = distances
            .iter()
            .map(|&d| area_within(&centres, d, area.planar()).min(area.area_m2));
        (within.collect::<Vec<f64>>(), area.area_m2)
    });
    let incidents = selection.selected;
    let row = |from_m: f64, to_m: Option<f64>, first: usize, last: usize| {
        let sum = |of: &[u64]| of[first..=last].iter().sum::<u64>();
        let area_to = |k: usize| match (&ground, k) {
            (None, _) => 0.0,
            (Some((within, all)), k) => within.get(k).copied().unwrap_or(*all),
        };
        let ground_m2 = area_to(last) - if first == 0 { 0.0 } else { area_to(first - 1) };
        let count = sum(&observed);
        Row {
            from_m,
            to_m,
            incidents: count,
            by_area: ground
                .as_ref()
                .map(|&(_, all)| by_area(count, incidents, ground_m2.max(0.0), all)),
            by_group: other.as_ref().map(|o| {
                let theirs = sum(&others);
                ByGroup {
                    incidents: theirs,
                    compared: rate_ratio((count, incidents as f64), (theirs, o.incidents as f64)),
                    enough: incidents >= LEAST_BASE && o.incidents >= LEAST_BASE,
                }
            }),
        }
    };
    let from = |k: usize| if k == 0 { 0.0 } else { distances[k - 1] };
    let bands_of: Vec<Row> = (0..=bands)
        .map(|k| row(from(k), distances.get(k).copied(), k, k))
        .collect();
    let within = (0..bands)
        .map(|k| row(0.0, Some(distances[k]), 0, k))
        .collect();

    let mut order: Vec<usize> = (0..sites.sites.len()).collect();
    // Stable: equals stay in the order of the ids.
    order.sort_by_key(|&s| std::cmp::Reverse(near[s][bands - 1]));
    let shown = params
        .max
        .map_or(order.len(), |m| order.len().min(m as usize));
    let listed = order[..shown]
        .iter()
        .zip(1..)
        .map(|(&s, rank)| {
            let site = &sites.sites[s];
            NearSite {
                id: site.id.clone(),
                rank,
                name: site.name.clone(),
                position: site.position,
                in_study_area: site.in_study_area,
                edge_effect: site.edge_effect,
                within: near[s].clone(),
                facts: PlaceFacts::of(selection, &members[s], comparable),
            }
        })
        .collect();
    let in_area = sites.sites.iter().filter(|s| s.in_study_area).count() as u64;
    Ok(Outcome {
        params: params.clone(),
        incidents,
        bands: bands_of,
        within,
        sites: listed,
        site_count: (sites.sites.len() as u64, in_area),
        other,
        beyond_max: (order.len() - shown) as u64,
    })
}

fn by_area(count: u64, of: u64, area_m2: f64, study_area_m2: f64) -> ByArea {
    let share = (area_m2 / study_area_m2).clamp(0.0, 1.0);
    let told = share > 0.0 && of > 0;
    let (low, high) = clopper_pearson(count, of, 0.05);
    ByArea {
        area_m2,
        share,
        expected: of as f64 * share,
        ratio: (told && of >= LEAST_BASE).then(|| count as f64 / (of as f64 * share)),
        low: told.then(|| low / share),
        high: told.then(|| high / share),
        p: told.then(|| binomial_two_sided(count, of, share)),
    }
}

/// Area of the ground no farther than a distance from any of the centres, cut at polygons of the
/// plane that do not overlap, m².
#[must_use]
pub fn area_within(centres: &[Planar], distance_m: f64, ground: &[Polygon]) -> f64 {
    let Some(&origin) = centres.first() else {
        return 0.0;
    };
    let mut at: Vec<(f64, f64)> = centres.iter().map(|c| (c.x, c.y)).collect();
    at.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    at.dedup();
    // Near the origin of the plane: overlays work on a grid as fine as the coordinates allow.
    let moved = |x: f64, y: f64| Coord {
        x: x - origin.x,
        y: y - origin.y,
    };
    let discs: Vec<Polygon> = at
        .iter()
        .map(|&(x, y)| disc(moved(x, y), distance_m))
        .collect();
    let ring =
        |ring: &LineString| -> LineString { ring.coords().map(|c| moved(c.x, c.y)).collect() };
    let ground = MultiPolygon(
        ground
            .iter()
            .map(|p| {
                let holes = p.interiors().iter().map(ring).collect();
                Polygon::new(ring(p.exterior()), holes)
            })
            .collect(),
    );
    geo::unary_union(&discs)
        .intersection(&ground)
        .unsigned_area()
}

/// A disc as a polygon of the same area.
fn disc(at: Coord, radius_m: f64) -> Polygon {
    let step = std::f64::consts::TAU / f64::from(CORNERS);
    let radius = radius_m * (step / step.sin()).sqrt();
    let ring: LineString = (0..CORNERS)
        .map(|i| {
            let (sin, cos) = (step * f64::from(i)).sin_cos();
            Coord {
                x: at.x + radius * cos,
                y: at.y + radius * sin,
            }
        })
        .collect();
    Polygon::new(ring, vec![])
}
