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
//! **Agreement.** With an [`Ensemble`] the clustering is made again with other radii and with parts of
//! the incidents, and each cluster says in what share of the runs its locations were found in it
//! again, and whether that share makes it `stable`. It is a share of runs, not a probability, and it
//! tells nothing of what the data does not hold.
//!
//! **How it can mislead.** `radius_m` and `min_count` decide everything, and one pair of them cannot
//! serve a town centre and its outskirts: a cluster that is not stable may be an accident of them. Clusters chain: a busy street joins what lies at its ends.
//! On snapped data the spacing of the map points decides what can be a neighbour, and one busy point
//! is a cluster. Density over a hull flatters small clusters. No significance is implied.
//!
//! **Complexity.** Linear in the number of incidents but for sorting them into cells (see
//! [`cluster`]); no list of neighbours is kept.
//!
//! **References.** Ester, Kriegel, Sander & Xu 1996, KDD-96; Schubert et al. 2017,
//! doi 10.1145/3068335; cells: Gunawan 2013, and Wang, Gu & Shun 2020, doi 10.1145/3318464.3380582;
//! ellipse: Levine, *CrimeStat*, chapter 4; vote shares, with other rules of drawing and matching:
//! Arribas-Bel, Garcia-López & Viladecans-Marsal 2021, doi 10.1016/j.jue.2019.103217. **Checked against** scikit-learn (100,000 points: cores,
//! clusters and noise identical) and a direct comparison of all pairs.

mod cells;
mod clusters;
mod describe;
mod ellipse;
mod ensemble;
mod ground;
mod outline;

use serde::{Deserialize, Serialize};

pub use self::clusters::{
    ClusterError, Labels, NOISE, cluster, cluster_great_circle, cluster_with_days,
};
pub use self::describe::Cluster;
pub use self::describe::DrawingError;
pub(crate) use self::describe::{Drawing, Own, describe, rank};
pub use self::ellipse::Ellipse;
pub use self::ensemble::{Agreement, Ensemble, EnsembleError, MAX_RUNS, VoteShare};
pub use self::outline::Outline;
use crate::domain::{LocationId, LonLat};
use crate::lattice::LatticeError;
use crate::places::{Comparable, PlaceFacts};
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
    /// Runs that say how far the clusters can be relied on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ensemble: Option<Ensemble>,
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
    /// Fewest and most clusters of a run of the ensemble, where there is one.
    pub ensemble_clusters: Option<(u32, u32)>,
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
    /// The drawing of outlines.
    #[error(transparent)]
    Drawing(#[from] DrawingError),
    /// The clustering.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The ensemble.
    #[error(transparent)]
    Ensemble(#[from] EnsembleError),
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
    let drawing = drawing(
        params.radius_m,
        params.min_count,
        params.outline,
        params.h3_resolution,
    )?;
    let places: Vec<(LocationId, u32)> = selection.locations_inside().collect();
    let weights: Vec<u32> = places.iter().map(|p| p.1).collect();
    let labels = labels(
        selection,
        params,
        &places,
        params.radius_m,
        params.min_count,
    )?;
    let agreement = agreement(selection, params, &places, &labels)?;

    let mut groups = vec![Vec::new(); labels.clusters as usize];
    let (mut noise_incidents, mut noise_locations) = (0, 0);
    for (i, &(location, count)) in places.iter().enumerate() {
        if labels.label[i] == NOISE {
            noise_incidents += u64::from(count);
            noise_locations += 1;
        } else {
            groups[labels.label[i] as usize].push(Own {
                location,
                count,
                core: labels.core[i],
            });
        }
    }
    let own = |_, own: &[LocationId]| PlaceFacts::of(selection, own, Comparable::NONE);
    let inside = |_, inside: &[LocationId]| PlaceFacts::of(selection, inside, comparable);
    // Every location of a cluster has selected incidents, so that each cluster has facts.
    let mut clusters = describe(
        selection,
        &mut groups,
        drawing,
        |_| params.radius_m,
        own,
        inside,
    )?;
    if let Some(agreement) = &agreement {
        for (cluster, share) in clusters.iter_mut().zip(&agreement.of_cluster) {
            cluster.agreement = Some(*share);
        }
    }
    let incidents = weights.iter().copied().map(u64::from).sum::<u64>() - noise_incidents;
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
        ensemble_clusters: agreement.map(|a| a.clusters),
    })
}

/// Checks what all kinds of clusters by radius share.
pub(crate) fn drawing(
    radius_m: f64,
    min_count: u32,
    outline: Outline,
    h3_resolution: Option<u8>,
) -> Result<Drawing, Error> {
    if !RADIUS_M.contains(&radius_m) {
        return Err(Error::Radius(radius_m));
    }
    if min_count == 0 {
        return Err(Error::MinCount);
    }
    Ok(Drawing::of(outline, h3_resolution)?)
}

/// A radius in millimetres, as positions are. A micrometre's worth of rounding must not take away
/// what lies at exactly the radius.
pub(crate) fn radius_mm(radius_m: f64) -> f64 {
    (radius_m * 1e6).round() / 1e3
}

/// What each location is.
fn labels(
    selection: &Selection,
    params: &Params,
    places: &[(LocationId, u32)],
    radius_m: f64,
    min_count: u32,
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
            cluster(&points, &weights, radius_mm(radius_m), min_count)
        }
        Metric::GreatCircle => {
            let points: Vec<LonLat> = places
                .iter()
                .map(|&(l, _)| locations[l as usize].position)
                .collect();
            cluster_great_circle(&points, &weights, radius_m, min_count)
        }
    }
}

/// What the runs of the ensemble agree on, where one is asked for.
fn agreement(
    selection: &Selection,
    params: &Params,
    places: &[(LocationId, u32)],
    labels_of_all: &Labels,
) -> Result<Option<Agreement>, EnsembleError> {
    let Some(ensemble) = &params.ensemble else {
        return Ok(None);
    };
    let at = |i: u32| &selection.incidents().locations()[places[i as usize].0 as usize];
    let mut order: Vec<u32> = (0..places.len() as u32).collect();
    order.sort_unstable_by_key(|&i| (at(i).x_mm, at(i).y_mm));
    let weights: Vec<u32> = places.iter().map(|p| p.1).collect();
    let cluster = |points: &[u32], kept: &[u32], factor: f64, min_count: u32| {
        let places: Vec<(LocationId, u32)> = points
            .iter()
            .zip(kept)
            .map(|(&i, &kept)| (places[i as usize].0, kept))
            .collect();
        let radius_m = params.radius_m * factor;
        labels(selection, params, &places, radius_m, min_count)
    };
    let min_count = params.min_count;
    Ok(Some(ensemble.run(
        labels_of_all,
        &weights,
        min_count,
        &order,
        cluster,
    )?))
}
