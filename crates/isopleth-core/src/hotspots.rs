//! Cutting hotspots out of a density surface.
//!
//! The cells at or above a threshold are grouped by shared edges; each group becomes one polygon
//! with its plain count. The count is made by geometry on the very polygon that leaves, vertex for
//! vertex: whoever counts the same incidents inside it gets the same number. A point on the outline
//! counts as inside. Corners leave with seven decimals, so that an incident within a centimetre of
//! the edge of its cell may lie on the other side of the outline, and a hotspot of one cell miss it.
//! A hotspot on the boundary of the study area is cut there, and says so: count,
//! area, shares and density all speak of the ground inside.
//!
//! The threshold is one of four: the densest cells that hold a share of the incidents; the densest
//! that make up a share of the area; a multiple of the mean density of the study area; a density.
//! Cells of equal density stand or fall together.
//!
//! On a surface that is weighted by harm, the mean and the density are those of harm; a share of the
//! incidents stays one of incidents. With hours in the selection incidents count by their share in
//! them wherever a share, a density or a threshold is formed, and as whole records in `count`.

use geo::{MultiPolygon, Polygon};
use rstar::primitives::{GeomWithData, Rectangle};
use rstar::{AABB, RTree};
use serde::{Deserialize, Serialize};

use crate::domain::{LocationId, LonLat};
use crate::ground::{self, Region, StudyArea};
use crate::harm::{HarmSum, HarmTotal};
use crate::index::PointGrid;
use crate::lattice::{Lattice, LatticeError};
use crate::methods::kernel_density::{self as density, Bound, Weighting};
use crate::places::{Comparable, PlaceFacts, Wards};
use crate::plane::Planar;
use crate::select::Selection;
use crate::stability;
use crate::stations::Stations;

/// How hotspots are cut. Exactly one of the four thresholds must be given.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The densest cells that together hold this share of the incidents, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share_of_incidents: Option<f64>,
    /// The densest cells that together make up this share of the study area, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share_of_area: Option<f64>,
    /// Cells at least this many times as dense as the mean of the study area.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times_mean_density: Option<f64>,
    /// Cells of at least this density, incidents per km².
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_density_per_km2: Option<f64>,
    /// Hotspots with fewer incidents are left out; their number is stated.
    #[serde(default = "one")]
    pub min_count: u32,
    /// Only the first so many; the number left out is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
    /// What the ranking goes by.
    #[serde(default)]
    pub rank_by: RankBy,
    /// Whether, and how, each hotspot's stability is tested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stability: Option<stability::Params>,
}

fn one() -> u32 {
    1
}

/// What a ranking of hotspots goes by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RankBy {
    /// Number of incidents.
    #[default]
    Count,
    /// Incidents per km² of the hotspot.
    Density,
    /// Highest density of the surface inside.
    PeakDensity,
    /// Harm inside: by the schedule that the surface is weighted by, or else the first of the request.
    Harm,
}

impl RankBy {
    /// The name used in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Density => "density",
            Self::PeakDensity => "peak_density",
            Self::Harm => "harm",
        }
    }
}

/// A hotspot.
#[derive(Debug, Clone, PartialEq)]
pub struct Hotspot {
    /// Name of its densest cell: the same ground keeps its id from run to run.
    pub id: String,
    /// Place in the ranking, from 1.
    pub rank: u32,
    /// Name for people: the commonest place, and the ward of the densest cell.
    pub name: String,
    /// Outline, longitude and latitude: one polygon, but for a hotspot that the study area's boundary
    /// cuts into several.
    pub outline: MultiPolygon,
    /// Counts and dates.
    pub facts: PlaceFacts,
    /// Planar area of the outline, m².
    pub area_m2: f64,
    /// The boundary of the study area cuts through it: the ground beyond is not part of it.
    pub cut_at_boundary: bool,
    /// A declared police station or custody suite in it, with the number of its incidents that are
    /// placed there.
    pub station: Option<(String, u32)>,
    /// Highest density of the surface inside, incidents (or harm, as the surface is weighted) per km².
    pub peak_density_per_km2: f64,
    /// Share of the selected incidents of the study area.
    pub share_of_incidents: f64,
    /// Share of the study area; `None` where none is named.
    pub share_of_area: Option<f64>,
    /// Prediction accuracy index in sample: share of incidents over share of area.
    pub pai: Option<f64>,
    /// Some cells lie within reach of the study area's boundary with no data beyond it: the density
    /// there is too low. Where the edge is corrected for, some cells lean on the correction.
    pub edge_effect: bool,
    /// Share of perturbed reruns in which it stays among the first; `None` where not asked for.
    pub stability: Option<f64>,
}

/// The hotspots of a surface.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The hotspots, by rank.
    pub hotspots: Vec<Hotspot>,
    /// The density that cells had to reach, incidents per km²; `None` where nothing is dense.
    pub threshold_per_km2: Option<f64>,
    /// Groups of cells left out because they hold fewer than the least count.
    pub below_min_count: u32,
    /// Hotspots left out because there were more than asked for.
    pub beyond_max: u32,
    /// How stability was tested, where asked for.
    pub tested: Option<stability::Tested>,
}

/// Why hotspots cannot be cut.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// None or several thresholds.
    #[error(
        "hotspots needs exactly one of share_of_incidents, share_of_area, times_mean_density and min_density_per_km2, there are {0}"
    )]
    Thresholds(usize),
    /// A share out of range.
    #[error("hotspots.{field} is a share above 0 and at most 1, not {value}")]
    Share {
        /// The field.
        field: &'static str,
        /// The value.
        value: f64,
    },
    /// A threshold that is not a positive number.
    #[error("hotspots.{field} must be more than 0, not {value}")]
    NotPositive {
        /// The field.
        field: &'static str,
        /// The value.
        value: f64,
    },
    /// A threshold that is relative to a study area that is not named.
    #[error(
        "hotspots.{field} is relative to a study area, and the request names none; name select.area or cut by share_of_incidents or min_density_per_km2"
    )]
    NeedsArea {
        /// The field.
        field: &'static str,
    },
    /// A ranking by harm without harm.
    #[error(
        "hotspots.rank_by harm needs a harm schedule: name one in `harm`, or weigh the density by one"
    )]
    NoHarm,
    /// A ranking by harm that is a range.
    #[error(
        "hotspots.rank_by harm needs one number a place, and harm schedule {schedule} states a range for {count} of the selected records; weigh the density by it with \"bound\": \"low\" or \"high\", or rank by count"
    )]
    HarmIsRange {
        /// The schedule.
        schedule: String,
        /// How many records weigh a range.
        count: u64,
    },
    /// A cell or outline off the plane.
    #[error(transparent)]
    Lattice(#[from] LatticeError),
    /// Stability.
    #[error(transparent)]
    Stability(#[from] stability::Error),
}

impl From<crate::plane::OutsidePlane> for Error {
    fn from(source: crate::plane::OutsidePlane) -> Self {
        Self::Lattice(LatticeError::Outside(source))
    }
}

/// What makes a cell hot.
pub(crate) enum Threshold {
    /// The densest cells that hold a share of the incidents.
    ShareOfIncidents(f64),
    /// The densest cells that make up a share of the study area.
    ShareOfArea(f64),
    /// A multiple of the study area's mean density.
    TimesMean(f64),
    /// Incidents per km².
    MinDensity(f64),
}

impl Params {
    fn threshold(&self, has_area: bool) -> Result<Threshold, Error> {
        let share = |field, value: f64| match value {
            v if v > 0.0 && v <= 1.0 => Ok(v),
            value => Err(Error::Share { field, value }),
        };
        let positive = |field, value: f64| match value {
            v if v > 0.0 && v.is_finite() => Ok(v),
            value => Err(Error::NotPositive { field, value }),
        };
        match (
            self.share_of_incidents,
            self.share_of_area,
            self.times_mean_density,
            self.min_density_per_km2,
        ) {
            (Some(v), None, None, None) => {
                Ok(Threshold::ShareOfIncidents(share("share_of_incidents", v)?))
            }
            (None, Some(_), None, None) if !has_area => Err(Error::NeedsArea {
                field: "share_of_area",
            }),
            (None, Some(v), None, None) => Ok(Threshold::ShareOfArea(share("share_of_area", v)?)),
            (None, None, Some(_), None) if !has_area => Err(Error::NeedsArea {
                field: "times_mean_density",
            }),
            (None, None, Some(v), None) => {
                Ok(Threshold::TimesMean(positive("times_mean_density", v)?))
            }
            (None, None, None, Some(v)) => {
                Ok(Threshold::MinDensity(positive("min_density_per_km2", v)?))
            }
            (a, b, c, d) => Err(Error::Thresholds([a, b, c, d].iter().flatten().count())),
        }
    }
}

/// Cuts hotspots.
///
/// # Errors
/// [`Error`] for thresholds that are missing, doubled, out of range or without a study area to be
/// relative to.
pub fn cut(
    selection: &Selection,
    surface: &density::Outcome,
    params: &Params,
    comparable: Comparable,
) -> Result<Outcome, Error> {
    let threshold = params.threshold(selection.area.is_some())?;
    if params.max == Some(0) {
        return Err(Error::NotPositive {
            field: "max",
            value: 0.0,
        });
    }
    let harm = match params.rank_by {
        RankBy::Harm => Some(ranking_harm(selection, surface)?),
        _ => None,
    };
    let Some(least) = least_density(selection, surface, &threshold)? else {
        return Ok(Outcome {
            hotspots: Vec::new(),
            threshold_per_km2: None,
            below_min_count: 0,
            beyond_max: 0,
            tested: None,
        });
    };
    let lattice = &surface.lattice;
    let hot: Vec<usize> = (0..lattice.len())
        .filter(|&c| surface.density_per_m2[c] >= least && surface.density_per_m2[c] > 0.0)
        .collect();
    let groups = lattice.components(&hot);
    let mut outlines = Vec::with_capacity(groups.len());
    for group in &groups {
        outlines.push(outline(selection, lattice, group)?);
    }
    let shapes: Vec<&[Polygon]> = outlines.iter().map(|(o, _)| &o.0[..]).collect();
    let members = members(selection, &shapes);
    let edges = EdgeEffect::new(selection, surface.reach_m());
    let wards = Wards::of(selection.snapshot);
    let stations = Stations::of(selection);

    let mut below_min_count = 0;
    let mut hotspots = Vec::new();
    for ((group, (outline, cut_at_boundary)), members) in groups.iter().zip(outlines).zip(members) {
        let facts = PlaceFacts::of(selection, &members, comparable);
        let Some(facts) = facts.filter(|f| f.count >= params.min_count) else {
            below_min_count += 1;
            continue;
        };
        // Ascending cells: the first of equally dense ones is the least.
        let peak = group.iter().copied().fold(group[0], |best, c| {
            if surface.density_per_m2[c] > surface.density_per_m2[best] {
                c
            } else {
                best
            }
        });
        let mut area_m2 = 0.0;
        if cut_at_boundary {
            area_m2 = ground::planar_area_m2(&outline)?;
        } else {
            for &c in group {
                area_m2 += lattice.area_m2(c)?;
            }
        }
        let share_of_incidents = facts.expected() / selection.expected;
        let share_of_area = selection.area.as_ref().map(|a| area_m2 / a.area_m2);
        let ward = crate::plane::unproject(lattice.centres()[peak])
            .ok()
            .and_then(|p| wards.at(p));
        let hotspot = Hotspot {
            id: lattice.name(peak),
            rank: 0,
            name: name(facts.short_place(), ward),
            outline,
            area_m2,
            cut_at_boundary,
            station: stations.within(selection, &members),
            peak_density_per_km2: surface.density_per_m2[peak] * 1e6,
            share_of_incidents,
            share_of_area,
            pai: share_of_area.map(|a| share_of_incidents / a),
            edge_effect: group.iter().any(|&c| {
                surface
                    .leans_on_correction(c)
                    .unwrap_or_else(|| edges.at(lattice.centres()[c]))
            }),
            stability: None,
            facts,
        };
        hotspots.push((hotspot, &group[..]));
    }
    let by = |h: &Hotspot| match params.rank_by {
        RankBy::Count => f64::from(h.facts.count),
        RankBy::Density => h.facts.expected() / h.area_m2,
        RankBy::PeakDensity => h.peak_density_per_km2,
        RankBy::Harm => harm
            .and_then(|(at, high)| Some((h.facts.harm.get(at)?.total, high)))
            .map_or(0.0, |(r, high)| if high { r.high } else { r.low }),
    };
    hotspots.sort_by(|(a, _), (b, _)| {
        by(b)
            .total_cmp(&by(a))
            .then(b.peak_density_per_km2.total_cmp(&a.peak_density_per_km2))
            .then(a.id.cmp(&b.id))
    });
    let found = hotspots.len();
    hotspots.truncate(params.max.map_or(found, |m| m as usize));
    let (mut hotspots, cells): (Vec<Hotspot>, Vec<&[usize]>) = hotspots.into_iter().unzip();
    let beyond_max = (found - hotspots.len()) as u32;
    for (i, h) in hotspots.iter_mut().enumerate() {
        h.rank = i as u32 + 1;
    }
    let mut tested = None;
    if let Some(test) = &params.stability {
        if surface.edge.is_some() || surface.spread.is_some() {
            return Err(stability::Error::Shaped.into());
        }
        let (shares, done) = stability::test(selection, surface, &threshold, params, &cells, test)?;
        for (h, share) in hotspots.iter_mut().zip(shares) {
            h.stability = Some(share);
        }
        tested = Some(done);
    }
    Ok(Outcome {
        beyond_max,
        tested,
        hotspots,
        threshold_per_km2: Some(least * 1e6),
        below_min_count,
    })
}

/// Which of the selection's schedules a ranking goes by, and whether by the high end of ranges.
pub(crate) fn ranking_harm(
    selection: &Selection,
    surface: &density::Outcome,
) -> Result<(usize, bool), Error> {
    let (at, bound) = match &surface.weight {
        Weighting::Harm {
            schedule, bound, ..
        } => (
            selection
                .harm
                .iter()
                .position(|h| h.schedule.id == *schedule),
            *bound,
        ),
        Weighting::Count => (Some(0), None),
    };
    let found = at.and_then(|at| Some((at, selection.harm.get(at)?)));
    let (at, harm) = found.ok_or(Error::NoHarm)?;
    if harm.ranged > 0 && bound.is_none() {
        return Err(Error::HarmIsRange {
            schedule: harm.schedule.id.clone(),
            count: harm.ranged,
        });
    }
    Ok((at, bound == Some(Bound::High)))
}

/// The outline of a group of cells, and whether the study area's boundary cuts it.
fn outline(
    selection: &Selection,
    lattice: &Lattice,
    group: &[usize],
) -> Result<(MultiPolygon, bool), Error> {
    let whole = lattice.outline(group)?;
    // From a cell's centre to its corner, with room.
    let corner = 0.75 * lattice.tiling.spacing_m();
    let near = |area: &StudyArea| {
        group
            .iter()
            .any(|&c| area.boundary_within(lattice.centres()[c], corner))
    };
    let Some(area) = selection.area.as_ref().filter(|a| near(a)) else {
        return Ok((MultiPolygon(vec![whole]), false));
    };
    let mut parts = crate::lattice::mended(area.part_of(&whole));
    let mut areas = Vec::with_capacity(parts.len());
    for part in &parts {
        areas.push(ground::planar_area_m2(&MultiPolygon(vec![part.clone()]))?);
    }
    // Slivers of less than a square metre come of rounding, not of the ground.
    let mut area_of = areas.iter();
    parts.retain(|_| area_of.next().is_some_and(|a| *a >= 1.0));
    let whole_m2 = ground::planar_area_m2(&MultiPolygon(vec![whole.clone()]))?;
    let cut = areas.iter().sum::<f64>() < whole_m2 - 1.0;
    Ok(if cut {
        (MultiPolygon(parts), true)
    } else {
        (MultiPolygon(vec![whole]), false)
    })
}

/// A name for people from the commonest place and the ward.
pub(crate) fn name(place: Option<&str>, ward: Option<&str>) -> String {
    match (place, ward) {
        (Some(p), Some(w)) => format!("{p}, {w}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => "unnamed".to_owned(),
    }
}

/// The least density of a hot cell, per m²; `None` where no cell is dense.
fn least_density(
    selection: &Selection,
    surface: &density::Outcome,
    threshold: &Threshold,
) -> Result<Option<f64>, Error> {
    let density = &surface.density_per_m2;
    let mean = || {
        let area = selection.area.as_ref().map_or(f64::INFINITY, |a| a.area_m2);
        surface.total_weight / area
    };
    let target = match *threshold {
        Threshold::TimesMean(times) => {
            let least = times * mean();
            return Ok((least > 0.0).then_some(least));
        }
        Threshold::MinDensity(per_km2) => return Ok(Some(per_km2 / 1e6)),
        Threshold::ShareOfIncidents(share) => share * selection.expected,
        Threshold::ShareOfArea(share) => share * selection.area.as_ref().map_or(0.0, |a| a.area_m2),
    };
    let expected = match threshold {
        Threshold::ShareOfIncidents(_) => cell_expected(selection, surface),
        _ => Vec::new(),
    };
    let mut order: Vec<usize> = (0..density.len()).filter(|&c| density[c] > 0.0).collect();
    order.sort_unstable_by(|&a, &b| density[b].total_cmp(&density[a]).then(a.cmp(&b)));
    let mut sum = 0.0;
    let mut least = None;
    for c in order {
        match threshold {
            Threshold::ShareOfIncidents(_) => {
                // 1e-9: a share such as 0.1 of 10 must not ask for an eleventh by rounding.
                if sum >= target - 1e-9 {
                    break;
                }
                sum += expected[c];
            }
            _ => {
                sum += surface.lattice.area_m2(c)?;
                if sum > target && least.is_some() {
                    break;
                }
            }
        }
        least = Some(density[c]);
    }
    Ok(least)
}

/// Selected incidents of the study area in each cell.
#[must_use]
pub fn cell_counts(selection: &Selection, surface: &density::Outcome) -> Vec<u32> {
    let mut counts = vec![0; surface.lattice.len()];
    for (c, l) in located(selection, surface) {
        counts[c] += selection.count_at(l);
    }
    counts
}

/// The same by their shares in the hours, where the selection names any.
#[must_use]
pub fn cell_expected(selection: &Selection, surface: &density::Outcome) -> Vec<f64> {
    let mut expected = vec![0.0; surface.lattice.len()];
    for (c, l) in located(selection, surface) {
        expected[c] += selection.expected_at(l);
    }
    expected
}

/// The harm in each cell, by each schedule of the request.
#[must_use]
pub fn cell_harm(selection: &Selection, surface: &density::Outcome) -> Vec<Vec<HarmTotal>> {
    let incidents = selection.incidents();
    let cells = surface.lattice.len();
    // Also where nothing of the selection's lens happened: police-generated records count here.
    let at: Vec<(usize, LocationId)> = match selection.harm.is_empty() {
        true => Vec::new(),
        false => {
            let all = 0..incidents.locations().len() as LocationId;
            cells_of(selection, surface, all.filter(|&l| selection.is_inside(l)))
        }
    };
    let total = |harm| {
        let mut sums = vec![HarmSum::new(); cells];
        for &(c, l) in &at {
            for i in incidents.at(l).filter(|&i| selection.holds_any_lens(i)) {
                sums[c].add(selection, harm, i);
            }
        }
        sums.into_iter().map(HarmSum::total).collect()
    };
    selection.harm.iter().map(total).collect()
}

/// The cells of the locations in the study area with selected incidents.
fn located(selection: &Selection, surface: &density::Outcome) -> Vec<(usize, LocationId)> {
    cells_of(
        selection,
        surface,
        selection.locations_inside().map(|l| l.0),
    )
}

/// The cells of some locations; those that lie in none are left out.
fn cells_of(
    selection: &Selection,
    surface: &density::Outcome,
    locations: impl Iterator<Item = LocationId>,
) -> Vec<(usize, LocationId)> {
    let all = selection.incidents().locations();
    let (ids, at): (Vec<LocationId>, Vec<_>) = locations
        .map(|l| (l, &all[l as usize]))
        .map(|(l, at)| (l, (at.planar(), at.position)))
        .unzip();
    let cells = surface.lattice.locate_all(&at).into_iter();
    cells
        .zip(ids)
        .filter_map(|(cell, l)| Some((cell?, l)))
        .collect()
}

/// The locations inside each outline, whether or not anything there is selected.
pub(crate) fn members(selection: &Selection, outlines: &[&[Polygon]]) -> Vec<Vec<LocationId>> {
    use geo::BoundingRect;
    let regions: Vec<Option<Region>> = outlines.iter().map(|o| Region::new(o)).collect();
    let boxes = outlines.iter().enumerate().filter_map(|(i, o)| {
        let r = MultiPolygon(o.to_vec()).bounding_rect()?;
        let envelope = AABB::from_corners([r.min().x, r.min().y], [r.max().x, r.max().y]);
        Some(GeomWithData::new(Rectangle::from_aabb(envelope), i))
    });
    let tree = RTree::bulk_load(boxes.collect());
    let mut members = vec![Vec::new(); outlines.len()];
    for (l, location) in selection.incidents().locations().iter().enumerate() {
        let at: LonLat = location.position;
        for found in tree.locate_all_at_point([at.lon(), at.lat()]) {
            if regions[found.data]
                .as_ref()
                .is_some_and(|r| r.covers(at.coord()))
            {
                members[found.data].push(l as LocationId);
            }
        }
    }
    members
}

/// Tells where the density is too low because no data lies beyond the boundary.
#[derive(Debug)]
pub struct EdgeEffect<'a> {
    selection: &'a Selection<'a>,
    reach_m: f64,
    beyond: PointGrid,
}

impl<'a> EdgeEffect<'a> {
    /// For a selection and the reach of its incidents, metres.
    #[must_use]
    pub fn new(selection: &'a Selection, reach_m: f64) -> Self {
        let bounds = selection.area.as_ref().map(StudyArea::planar_bounds);
        let points: Vec<(Planar, f64, u32)> = match bounds {
            None => Vec::new(),
            Some((lo, hi)) => selection
                .incidents()
                .locations()
                .iter()
                .enumerate()
                .map(|(l, at)| (at.planar(), 1.0, l as u32))
                .filter(|(p, _, l)| {
                    !selection.is_inside(*l)
                        && p.x >= lo.x - 2.0 * reach_m
                        && p.x <= hi.x + 2.0 * reach_m
                        && p.y >= lo.y - 2.0 * reach_m
                        && p.y <= hi.y + 2.0 * reach_m
                })
                .collect(),
        };
        Self {
            selection,
            reach_m,
            beyond: PointGrid::new(&points, reach_m.max(1.0)),
        }
    }

    /// Whether the boundary comes within reach of a position while no record of any kind lies
    /// beyond it within twice the reach: then nobody knows what happened there. Twice, because a
    /// disc that barely crosses the boundary may be empty beyond it for no reason but chance.
    #[must_use]
    pub fn at(&self, at: Planar) -> bool {
        self.reach_m > 0.0
            && self
                .selection
                .area
                .as_ref()
                .is_some_and(|a| a.boundary_within(at, self.reach_m))
            && !self.beyond.any_within(at, 2.0 * self.reach_m)
    }
}
