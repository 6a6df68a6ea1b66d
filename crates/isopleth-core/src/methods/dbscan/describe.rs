//! What is said of a cluster, whatever put it together.

use h3o::Resolution;
use rayon::prelude::*;

use super::ensemble::VoteShare;
use super::outline::{self, Drawn, Member, Outline};
use super::{Ellipse, RankBy};
use crate::domain::LocationId;
use crate::hotspots;
use crate::lattice::LatticeError;
use crate::places::{PlaceFacts, Wards};
use crate::select::Selection;

/// A cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct Cluster {
    /// Easting and northing in millimetres of its most frequent location; with days, also the day.
    pub id: String,
    /// Place in the ranking, from 1.
    pub rank: u32,
    /// Name for people: the commonest place, and the ward of the most frequent location.
    pub name: String,
    /// Outline, longitude and latitude.
    pub outline: geo::MultiPolygon,
    /// How the outline was drawn, which may not be what was asked for.
    pub drawn_as: Outline,
    /// Counts and dates of its own locations; earlier periods by geometry, as
    /// [`count_inside_outline`](Self::count_inside_outline).
    pub facts: PlaceFacts,
    /// Selected incidents inside the outline or at the cluster's own locations.
    pub count_inside_outline: u32,
    /// Its locations that are cores.
    pub core_locations: u32,
    /// Planar area of the outline, m².
    pub area_m2: f64,
    /// Share of the selected incidents of the study area.
    pub share_of_incidents: f64,
    /// Some location is no farther from the study area's boundary than the radius: the cluster may
    /// go on beyond it.
    pub edge_effect: bool,
    /// Which way and how far its incidents are spread; `None` for fewer than three locations.
    pub ellipse: Option<Ellipse>,
    /// How many runs of the ensemble agree on it; `None` without an ensemble.
    pub agreement: Option<VoteShare>,
    /// Days from its first incident to its last, both included; `None` where clusters are of places
    /// whatever the day.
    pub duration_days: Option<u32>,
}

impl Cluster {
    /// Incidents per km² of the outline.
    #[must_use]
    pub fn density_per_km2(&self) -> f64 {
        f64::from(self.facts.count) / self.area_m2 * 1e6
    }
}

/// Why outlines cannot be drawn as asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DrawingError {
    /// A resolution out of range.
    #[error("h3_resolution must be 8 to 12, not {0}")]
    Resolution(u8),
    /// A resolution without cells.
    #[error(
        "h3_resolution is for the outline h3_cells, not {0}; leave it out or change the outline"
    )]
    NoCells(&'static str),
}

/// A location of a cluster.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Own {
    pub(crate) location: LocationId,
    /// The cluster's incidents at it.
    pub(crate) count: u32,
    pub(crate) core: bool,
}

/// How outlines are drawn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Drawing {
    pub(crate) outline: Outline,
    pub(crate) resolution: Resolution,
}

impl Drawing {
    /// As parameters ask for it; cells are of resolution 10 unless they say.
    pub(crate) fn of(outline: Outline, h3_resolution: Option<u8>) -> Result<Self, DrawingError> {
        let resolution = match h3_resolution {
            None => Resolution::Ten,
            Some(_) if outline != Outline::H3Cells => {
                return Err(DrawingError::NoCells(outline.name()));
            }
            Some(r) => Resolution::try_from(r)
                .ok()
                .filter(|_| (8..=12).contains(&r))
                .ok_or(DrawingError::Resolution(r))?,
        };
        Ok(Self {
            outline,
            resolution,
        })
    }
}

/// Describes clusters, each a list of its locations, in their order and not ranked.
///
/// Each is drawn, and held against the study area's boundary, with a radius of its own, metres.
/// `own` gives the facts of a cluster at its own locations, `inside` those at all locations in or
/// on its outline; a cluster without facts is left out.
pub(crate) fn describe(
    selection: &Selection,
    groups: &mut [Vec<Own>],
    drawing: Drawing,
    radius_m: impl Fn(usize) -> f64 + Sync,
    own: impl Fn(usize, &[LocationId]) -> Option<PlaceFacts>,
    inside: impl Fn(usize, &[LocationId]) -> Option<PlaceFacts>,
) -> Result<Vec<Cluster>, LatticeError> {
    let at = |l: LocationId| &selection.incidents().locations()[l as usize];
    // The order of the positions, which the drawing of hulls and sums goes by.
    for group in &mut *groups {
        group.sort_unstable_by_key(|m| (at(m.location).x_mm, at(m.location).y_mm));
    }
    let drawn: Vec<Drawn> = groups
        .par_iter()
        .enumerate()
        .map(|(k, group)| {
            let member = |m: &Own| Member {
                planar: at(m.location).planar(),
                position: at(m.location).position,
                core: m.core,
            };
            let members: Vec<Member> = group.iter().map(member).collect();
            outline::draw(&members, drawing.outline, radius_m(k), drawing.resolution)
        })
        .collect::<Result<_, _>>()?;
    let shapes: Vec<&[geo::Polygon]> = drawn.iter().map(|d| &d.shape.0[..]).collect();
    let within = hotspots::members(selection, &shapes);
    let wards = Wards::of(selection.snapshot);

    let mut clusters = Vec::with_capacity(groups.len());
    for (k, ((group, drawn), mut within)) in groups.iter().zip(drawn).zip(within).enumerate() {
        let locations: Vec<LocationId> = group.iter().map(|m| m.location).collect();
        let Some(mut facts) = own(k, &locations) else {
            continue;
        };
        // Corners of a hull are rounded to the centimetre; their locations are inside all the same.
        within.extend(&locations);
        within.sort_unstable();
        within.dedup();
        let count_inside_outline = inside(k, &within).map_or(0, |f| {
            facts.previous_count = f.previous_count;
            facts.same_period_last_year_count = f.same_period_last_year_count;
            f.count
        });
        // In the order of positions: the first of equally frequent ones is the least.
        let peak = group
            .iter()
            .fold(
                &group[0],
                |best, m| if m.count > best.count { m } else { best },
            )
            .location;
        let weighed: Vec<([f64; 2], u32)> = group
            .iter()
            .map(|m| {
                let p = at(m.location).planar();
                ([p.x, p.y], m.count)
            })
            .collect();
        let edge_effect = selection.area.as_ref().is_some_and(|a| {
            locations
                .iter()
                .any(|&l| a.boundary_within(at(l).planar(), radius_m(k)))
        });
        clusters.push(Cluster {
            id: format!("e{}n{}", at(peak).x_mm, at(peak).y_mm),
            rank: 0,
            name: hotspots::name(facts.short_place(), wards.at(at(peak).position)),
            outline: drawn.shape,
            drawn_as: drawn.outline,
            count_inside_outline,
            core_locations: group.iter().filter(|m| m.core).count() as u32,
            area_m2: drawn.area_m2,
            share_of_incidents: f64::from(facts.count) / selection.selected as f64,
            edge_effect,
            ellipse: Ellipse::of(&weighed),
            agreement: None,
            duration_days: None,
            facts,
        });
    }
    Ok(clusters)
}

/// Sorts and numbers. Equals: more incidents, then the smaller outline, then the least id.
pub(crate) fn rank(clusters: &mut [Cluster], by: RankBy) {
    let primary = |c: &Cluster| match by {
        RankBy::Count => f64::from(c.facts.count),
        RankBy::Density => c.density_per_km2(),
    };
    clusters.sort_by(|a, b| {
        primary(b)
            .total_cmp(&primary(a))
            .then(b.facts.count.cmp(&a.facts.count))
            .then(a.area_m2.total_cmp(&b.area_m2))
            .then_with(|| a.id.cmp(&b.id))
    });
    for (i, c) in clusters.iter_mut().enumerate() {
        c.rank = i as u32 + 1;
    }
}
