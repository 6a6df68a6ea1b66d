//! Clusters as they go on a map.

use geo::{Area as _, Coord, LineString, MultiPolygon, Polygon};

use super::places::Gathered;
use super::replicates::Chance;
use super::scan::Found;
use super::{Analysis, Error, Params};
use crate::domain::{CivilMinute, LocationId, LonLat, format_day};
use crate::hotspots;
use crate::lattice;
use crate::places::{Comparable, PlaceFacts, Wards};
use crate::plane::{self, OutsidePlane, Planar};
use crate::select::Selection;
use crate::steps::{Step, Steps};
use crate::tally::CountedBy;

/// Most places that a cluster names.
pub(super) const MAX_NAMED: usize = 50;

/// Corners of a circle as it is drawn.
const CORNERS: u32 = 72;

/// A circle is drawn so much wider than its farthest place, so that the place lies inside also when
/// degrees are rounded, metres.
const MARGIN_M: f64 = 0.1;

/// Least radius of a circle as it is drawn: one place has no extent.
const LEAST_DRAWN_M: f64 = 25.0;

/// Days of a month on average, of the Gregorian calendar.
const DAYS_PER_MONTH: f64 = 365.2425 / 12.0;

/// A cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct Cluster {
    /// The centre's id and the first day.
    pub id: String,
    /// Place in the ranking by likelihood, from 1.
    pub rank: u32,
    /// For people.
    pub name: String,
    /// Its circle, or its cells.
    pub outline: MultiPolygon,
    /// Area of the outline, m².
    pub area_m2: f64,
    /// The centre of its circle.
    pub centre: LonLat,
    /// Distance of its farthest place from the centre, metres.
    pub radius_m: f64,
    /// Its places.
    pub places: u32,
    /// Their ids by distance from the centre, at most fifty.
    pub place_ids: Vec<String>,
    /// First and last day; `None` where neither period nor records tell.
    pub days: Option<(String, String)>,
    /// Steps from the first to the last, both included; `None` in space alone.
    pub duration_steps: Option<u32>,
    /// Incidents.
    pub observed: u64,
    /// Incidents that would be usual.
    pub expected: f64,
    /// Incidents of both groups, of the Bernoulli model.
    pub of_both_groups: Option<u64>,
    /// Incidents over expected inside, over the same outside; `None` where all are inside.
    pub relative_risk: Option<f64>,
    /// Log likelihood ratio.
    pub llr: f64,
    /// Monte Carlo p; `None` without replicates.
    pub p: Option<f64>,
    /// p by a Gumbel distribution; `None` without replicates.
    pub p_gumbel: Option<f64>,
    /// Of a prospective analysis, how many days pass on average until chance makes one as strong, if the
    /// analysis is done once a step.
    pub recurrence_days: Option<f64>,
    /// Incidents inside the outline on its days, by plain geometry.
    pub count_inside_outline: u32,
    /// Its circle crosses the study area's boundary.
    pub edge_effect: bool,
    /// Plain facts of its own incidents.
    pub facts: PlaceFacts,
}

pub(super) fn describe(
    selection: &Selection,
    params: &Params,
    gathered: &Gathered,
    unit: CountedBy,
    steps: Option<&Steps>,
    found: &[&Found],
    chance: &Chance,
) -> Result<Vec<Cluster>, Error> {
    let incidents = selection.incidents();
    let none = Comparable {
        previous: false,
        last_year: false,
    };
    let wards = Wards::of(selection.snapshot);
    let drawn: Vec<(MultiPolygon, f64)> = found
        .iter()
        .map(|f| draw(selection, gathered, unit, f))
        .collect::<Result<_, Error>>()?;
    let outlines: Vec<&[Polygon]> = drawn.iter().map(|d| d.0.0.as_slice()).collect();
    let inside = hotspots::members(selection, &outlines);
    let period = selection
        .period
        .map(crate::domain::Period::minutes)
        .or_else(|| selection.extent());
    let mut clusters = Vec::with_capacity(found.len());
    for (i, (found, (outline, area_m2))) in found.iter().zip(drawn.iter().cloned()).enumerate() {
        let minutes: Option<(CivilMinute, CivilMinute)> = match steps {
            None => period,
            Some(s) => Some((s.minutes(found.steps.0).0, s.minutes(found.steps.1 - 1).1)),
        };
        let on_its_days = |i: usize| {
            minutes.is_none_or(|(from, to)| {
                let at = incidents.from()[i];
                from <= at && at < to
            })
        };
        let members: Vec<LocationId> = found
            .places
            .iter()
            .flat_map(|&p| gathered.places[p as usize].members.iter().copied())
            .collect();
        let Some(facts) = PlaceFacts::of_those(selection, &members, none, on_its_days) else {
            continue;
        };
        let own: Vec<LocationId> = inside[i]
            .iter()
            .copied()
            .filter(|&l| selection.is_inside(l))
            .collect();
        let count_inside_outline =
            PlaceFacts::of_those(selection, &own, none, on_its_days).map_or(0, |f| f.count);
        let centre = &gathered.places[found.centre];
        let radius_m = found.radius / 1000.0;
        let p = chance.p(found.llr);
        let prospective = params.analysis == Analysis::Prospective;
        let per_step = match params.step {
            Step::Day => 1.0,
            Step::Week => 7.0,
            Step::Month => DAYS_PER_MONTH,
        };
        let first_day = minutes.map_or_else(String::new, |m| format!("d{}", format_day(m.0)));
        let ids = found.places.iter().take(MAX_NAMED);
        clusters.push(Cluster {
            id: format!("{}{first_day}", centre.id),
            rank: i as u32 + 1,
            name: hotspots::name(facts.short_place(), wards.at(centre.position)),
            outline,
            area_m2,
            centre: centre.position,
            radius_m,
            places: found.places.len() as u32,
            place_ids: ids
                .map(|&p| gathered.places[p as usize].id.clone())
                .collect(),
            days: minutes.map(|(from, to)| (format_day(from), format_day(to - 1))),
            duration_steps: steps.map(|_| (found.steps.1 - found.steps.0) as u32),
            observed: found.observed,
            expected: found.expected,
            of_both_groups: found.points.map(|n| n as u64),
            relative_risk: found.relative_risk,
            llr: found.llr,
            p,
            p_gumbel: chance.p_gumbel(found.llr),
            recurrence_days: p.filter(|_| prospective).map(|p| per_step / p),
            count_inside_outline,
            edge_effect: selection
                .area
                .as_ref()
                .is_some_and(|a| a.boundary_within(centre.at, radius_m.max(LEAST_DRAWN_M))),
            facts,
        });
    }
    Ok(clusters)
}

/// The outline of a cluster and its area: a circle, or cells.
fn draw(
    selection: &Selection,
    gathered: &Gathered,
    unit: CountedBy,
    found: &Found,
) -> Result<(MultiPolygon, f64), Error> {
    let centre = &gathered.places[found.centre];
    match unit {
        CountedBy::Cells(resolution) => {
            let locations = selection.incidents().locations();
            let positions = found
                .places
                .iter()
                .filter_map(|&p| gathered.places[p as usize].members.first())
                .map(|&l| locations[l as usize].position);
            Ok(lattice::cells_of(positions, resolution)?)
        }
        CountedBy::Locations => {
            let radius = (found.radius / 1000.0).max(LEAST_DRAWN_M) + MARGIN_M;
            let circle = circle(centre.at, radius);
            let area_m2 = circle.unsigned_area();
            let corners = circle
                .exterior()
                .coords()
                .map(|c| -> Result<Coord, OutsidePlane> {
                    Ok(plane::unproject(Planar { x: c.x, y: c.y })?.coord())
                });
            let ring: LineString = corners.collect::<Result<Vec<Coord>, _>>()?.into();
            let outline = lattice::tidy(&Polygon::new(ring, Vec::new()));
            Ok((MultiPolygon(vec![outline]), area_m2))
        }
    }
}

/// A circle as a polygon around it.
fn circle(at: Planar, radius_m: f64) -> Polygon {
    let step = std::f64::consts::TAU / f64::from(CORNERS);
    let radius = radius_m / (step / 2.0).cos();
    let ring: LineString = (0..CORNERS)
        .map(|i| {
            let (sin, cos) = (step * f64::from(i)).sin_cos();
            Coord {
                x: at.x + radius * cos,
                y: at.y + radius * sin,
            }
        })
        .collect();
    Polygon::new(ring, Vec::new())
}
