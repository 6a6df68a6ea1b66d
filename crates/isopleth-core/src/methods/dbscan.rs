//! Clusters of incidents: DBSCAN with weights and outlines.
//!
//! **What it answers.** Where incidents lie so close together that each has many others within a
//! given distance, whatever shape that makes; and how many lie in no such place.
//!
//! **Model.** Ester et al.'s DBSCAN on distinct locations, each weighing the number of its selected
//! incidents. A location is a *core* where the incidents no farther than `radius_m`, its own among
//! them, come to `min_count` or more (scikit-learn's `min_samples` counts the same way). Cores no
//! farther than `radius_m` from each other are in one cluster. A location that is no core but has one
//! in reach is a *border* location: it belongs to the cluster of the nearest core, of equally near
//! ones that with the least easting, then northing. Everything else is noise, and counted. So `n`
//! incidents at a location are what one of weight `n` is, and nothing depends on the order of the
//! records, as it does where border points go to whichever cluster finds them first.
//!
//! **Distance.** `planar` takes metres of the National Grid, from positions in whole millimetres, so
//! that "exactly 50 m" is decided exactly. `great_circle` takes the sphere of radius
//! [`EARTH_RADIUS_M`]. The two differ by up to 0.3 %: among 100,000 incidents a handful change sides.
//! Say which one was used.
//!
//! **Counts.** `count` is of the cluster's own locations, and so are the figures beside it. An outline
//! may hold noise and parts of other clusters too: `count_inside_outline` counts by plain geometry.
//! Earlier periods are counted by geometry as well, since the cluster's own locations were picked by
//! this period's incidents, and would show a rise wherever nothing changed.
//!
//! **Outline.** A hull of the cluster's locations, the dissolved discs of `radius_m` around its cores,
//! or the H3 cells that hold its locations. A cluster whose hull has less than a square metre (one or
//! two locations, or all in a line) is drawn by its discs; where a concave hull would touch itself the
//! convex one stands in. Each cluster says how it was drawn. From three locations on it has a
//! [standard deviational ellipse](Ellipse).
//!
//! **Study area.** Only incidents of the study area take part. A cluster with a location that is no
//! farther from the boundary than `radius_m` may go on beyond it, and says so.
//!
//! **How it can mislead.** `radius_m` and `min_count` decide everything, and one pair of them cannot
//! serve a town centre and its outskirts. Clusters chain: a busy street joins what lies at its ends.
//! On snapped data the spacing of the map points decides what can be a neighbour, and one busy point
//! is a cluster. Density over a hull flatters small clusters. No significance is implied.
//!
//! **Complexity.** Linear in the number of incidents but for sorting them into cells (see
//! [`cluster`]); no list of neighbours is kept.
//!
//! **References.** Ester, Kriegel, Sander & Xu 1996, KDD-96; Schubert et al. 2017,
//! doi 10.1145/3068335; cells: Gunawan 2013, and Wang, Gu & Shun 2020, doi 10.1145/3318464.3380582;
//! ellipse: Levine, *CrimeStat*, chapter 4. **Checked against** scikit-learn (100,000 points: cores,
//! clusters and noise identical) and a direct comparison of all pairs.

mod cells;
mod clusters;
mod ellipse;
mod ground;
mod outline;

use h3o::Resolution;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

pub use self::clusters::{ClusterError, Labels, NOISE, cluster, cluster_great_circle};
pub use self::ellipse::Ellipse;
pub use self::outline::Outline;
use self::outline::{Drawn, Member};
use crate::domain::{LocationId, LonLat};
use crate::hotspots;
use crate::lattice::LatticeError;
use crate::places::{Comparable, PlaceFacts, Wards};
use crate::select::Selection;

/// Radius of the sphere of great-circle distances, metres: the mean radius of the Earth.
pub const EARTH_RADIUS_M: f64 = 6_371_008.8;

/// Range of radii, metres.
pub const RADIUS_M: std::ops::RangeInclusive<f64> = 1.0..=10_000.0;

/// Parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Locations no farther than this from each other are neighbours, metres.
    pub radius_m: f64,
    /// Fewest incidents within the radius of a core, its own among them.
    pub min_count: u32,
    /// What distances are taken on.
    #[serde(default)]
    pub metric: Metric,
    /// How outlines are drawn.
    #[serde(default)]
    pub outline: Outline,
    /// Resolution of the cells of the outline `h3_cells`, 8 to 12; 10 without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub h3_resolution: Option<u8>,
    /// What the ranking goes by.
    #[serde(default)]
    pub rank_by: RankBy,
    /// Only the first so many; the number left out is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
}

/// What distances are taken on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// The National Grid.
    #[default]
    Planar,
    /// A sphere of radius [`EARTH_RADIUS_M`].
    GreatCircle,
}

impl Metric {
    /// The name used in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Planar => "planar",
            Self::GreatCircle => "great_circle",
        }
    }
}

/// What a ranking of clusters goes by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RankBy {
    /// Number of incidents.
    #[default]
    Count,
    /// Incidents per km² of the outline.
    Density,
}

impl RankBy {
    /// The name used in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Density => "density",
        }
    }
}

/// A cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct Cluster {
    /// Easting and northing in millimetres of its most frequent location.
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
}

impl Cluster {
    /// Incidents per km² of the outline.
    #[must_use]
    pub fn density_per_km2(&self) -> f64 {
        f64::from(self.facts.count) / self.area_m2 * 1e6
    }
}

/// Clusters.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The parameters, for the record.
    pub params: Params,
    /// The clusters, by rank.
    pub clusters: Vec<Cluster>,
    /// Incidents in all clusters, also those left out.
    pub incidents: u64,
    /// Incidents in no cluster.
    pub noise_incidents: u64,
    /// Locations in no cluster.
    pub noise_locations: u64,
    /// Clusters left out because there were more than asked for.
    pub beyond_max: u32,
}

/// Why clusters cannot be found.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A radius out of range.
    #[error(
        "radius_m must be {from} to {to} metres, not {0}",
        from = RADIUS_M.start(),
        to = RADIUS_M.end()
    )]
    Radius(f64),
    /// A least count of nothing.
    #[error("min_count must be at least 1, not 0: every location would be a core")]
    MinCount,
    /// A resolution out of range.
    #[error("h3_resolution must be 8 to 12, not {0}")]
    Resolution(u8),
    /// A resolution without cells.
    #[error(
        "h3_resolution is for the outline h3_cells, not {0}; leave it out or change the outline"
    )]
    NoCells(&'static str),
    /// The clustering.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// An outline off the plane.
    #[error(transparent)]
    Outline(#[from] LatticeError),
}

impl Error {
    /// A stable code for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "invalid_dbscan"
    }
}

/// Finds clusters.
///
/// # Errors
/// [`Error`] for parameters out of range and outlines that leave the plane.
pub fn run(
    selection: &Selection,
    params: &Params,
    comparable: Comparable,
) -> Result<Outcome, Error> {
    let resolution = resolution(params)?;
    let places: Vec<(LocationId, u32)> = selection.locations_inside().collect();
    let labels = labels(selection, params, &places)?;

    let mut groups = vec![Vec::new(); labels.clusters as usize];
    let (mut noise_incidents, mut noise_locations) = (0, 0);
    for (i, &(l, count)) in places.iter().enumerate() {
        if labels.label[i] == NOISE {
            noise_incidents += u64::from(count);
            noise_locations += 1;
        } else {
            groups[labels.label[i] as usize].push((l, labels.core[i]));
        }
    }
    let radii = vec![params.radius_m; groups.len()];
    let mut clusters: Vec<Cluster> = describe(
        selection,
        groups,
        &radii,
        (params.outline, resolution),
        comparable,
    )?
    .into_iter()
    .flatten()
    .collect();
    let incidents = clusters.iter().map(|c| u64::from(c.facts.count)).sum();
    rank(&mut clusters, params.rank_by);
    let found = clusters.len();
    clusters.truncate(params.max.map_or(found, |m| m as usize));
    Ok(Outcome {
        params: params.clone(),
        beyond_max: (found - clusters.len()) as u32,
        clusters,
        incidents,
        noise_incidents,
        noise_locations,
    })
}

/// What is said of groups of locations, each with whether it is a core; unranked. Each group is drawn,
/// and held against the study area's boundary, with a radius of its own. `None` for a group without a
/// selected incident.
pub(crate) fn describe(
    selection: &Selection,
    mut groups: Vec<Vec<(LocationId, bool)>>,
    radii_m: &[f64],
    outline: (Outline, Resolution),
    comparable: Comparable,
) -> Result<Vec<Option<Cluster>>, LatticeError> {
    let at = |l: LocationId| &selection.incidents().locations()[l as usize];
    // The order of the positions, which the drawing of hulls and sums goes by.
    for group in &mut groups {
        group.sort_unstable_by_key(|&(l, _)| (at(l).x_mm, at(l).y_mm));
    }
    let drawn: Vec<Drawn> = groups
        .par_iter()
        .zip(radii_m)
        .map(|(group, &radius_m)| {
            let member = |&(l, core): &(LocationId, bool)| Member {
                planar: at(l).planar(),
                position: at(l).position,
                core,
            };
            let members: Vec<Member> = group.iter().map(member).collect();
            outline::draw(&members, outline.0, radius_m, outline.1)
        })
        .collect::<Result<_, _>>()?;
    let shapes: Vec<&[geo::Polygon]> = drawn.iter().map(|d| &d.shape.0[..]).collect();
    let inside = hotspots::members(selection, &shapes);
    let wards = Wards::of(selection.snapshot);

    let mut clusters = Vec::with_capacity(groups.len());
    for (((group, &radius_m), drawn), mut inside) in
        groups.iter().zip(radii_m).zip(drawn).zip(inside)
    {
        let own: Vec<LocationId> = group.iter().map(|m| m.0).collect();
        let none = Comparable {
            previous: false,
            last_year: false,
        };
        let Some(mut facts) = PlaceFacts::of(selection, &own, none) else {
            clusters.push(None);
            continue;
        };
        // Corners of a hull are rounded to the centimetre; their locations are inside all the same.
        inside.extend(&own);
        inside.sort_unstable();
        inside.dedup();
        let count_inside_outline = PlaceFacts::of(selection, &inside, comparable).map_or(0, |f| {
            facts.previous_count = f.previous_count;
            facts.same_period_last_year_count = f.same_period_last_year_count;
            f.count
        });
        // In the order of positions: the first of equally frequent ones is the least.
        let peak = own.iter().copied().fold(own[0], |best, l| {
            if selection.count_at(l) > selection.count_at(best) {
                l
            } else {
                best
            }
        });
        let weighed: Vec<([f64; 2], u32)> = own
            .iter()
            .map(|&l| ([at(l).planar().x, at(l).planar().y], selection.count_at(l)))
            .collect();
        let edge_effect = selection.area.as_ref().is_some_and(|a| {
            own.iter()
                .any(|&l| a.boundary_within(at(l).planar(), radius_m))
        });
        clusters.push(Some(Cluster {
            id: format!("e{}n{}", at(peak).x_mm, at(peak).y_mm),
            rank: 0,
            name: hotspots::name(facts.short_place(), wards.at(at(peak).position)),
            outline: drawn.shape,
            drawn_as: drawn.outline,
            count_inside_outline,
            core_locations: group.iter().filter(|m| m.1).count() as u32,
            area_m2: drawn.area_m2,
            share_of_incidents: f64::from(facts.count) / selection.selected as f64,
            edge_effect,
            ellipse: Ellipse::of(&weighed),
            facts,
        }));
    }
    Ok(clusters)
}

fn resolution(params: &Params) -> Result<Resolution, Error> {
    if !RADIUS_M.contains(&params.radius_m) {
        return Err(Error::Radius(params.radius_m));
    }
    if params.min_count == 0 {
        return Err(Error::MinCount);
    }
    match params.h3_resolution {
        Some(_) if params.outline != Outline::H3Cells => Err(Error::NoCells(params.outline.name())),
        Some(r) if !(8..=12).contains(&r) => Err(Error::Resolution(r)),
        r => Ok(r
            .and_then(|r| Resolution::try_from(r).ok())
            .unwrap_or(Resolution::Ten)),
    }
}

/// What each location is.
fn labels(
    selection: &Selection,
    params: &Params,
    places: &[(LocationId, u32)],
) -> Result<Labels, ClusterError> {
    let locations = selection.incidents().locations();
    let weights: Vec<u32> = places.iter().map(|p| p.1).collect();
    match params.metric {
        Metric::Planar => {
            let at = |&(l, _): &(LocationId, u32)| {
                let at = &locations[l as usize];
                [f64::from(at.x_mm), f64::from(at.y_mm)]
            };
            let points: Vec<[f64; 2]> = places.iter().map(at).collect();
            // A micrometre's worth of rounding must not take away what lies at exactly the radius.
            let radius_mm = (params.radius_m * 1e6).round() / 1e3;
            cluster(&points, &weights, radius_mm, params.min_count)
        }
        Metric::GreatCircle => {
            let points: Vec<LonLat> = places
                .iter()
                .map(|&(l, _)| locations[l as usize].position)
                .collect();
            cluster_great_circle(&points, &weights, params.radius_m, params.min_count)
        }
    }
}

/// Sorts and numbers. Equals: more incidents, then the smaller outline, then the least id.
fn rank(clusters: &mut [Cluster], by: RankBy) {
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
