//! Clusters of any density: HDBSCAN* with weights and outlines.
//!
//! **What it answers.** Where incidents lie closer together than around them, be it in a town centre
//! or in its outskirts, without a radius that would suit only one of the two; how clearly each such
//! place stands out; and how many incidents lie in none.
//!
//! **Model.** Campello et al.'s HDBSCAN* on distinct locations, each weighing the number of its
//! selected incidents. The *core distance* of a location is the least radius within which the
//! incidents, its own among them, come to `min_samples`. The *mutual reachability* of two locations
//! is the greatest of their distance and their core distances. At a distance ε the locations whose
//! core distance is no greater than ε form components of mutual reachability ε or less; the others
//! are noise. As ε shrinks a component loses locations, or splits: parts of `min_cluster_size`
//! incidents or more are new clusters, smaller parts are noise. What happens at one distance happens
//! at once. The *stability* of a cluster is Σ (λ of the incident leaving it − λ of the cluster's
//! birth), λ = 1/ε. `eom` chooses the clusters, none below another, that have the most stability
//! together, on a tie the upper one; `leaf` those that do not split. All incidents as one cluster is
//! a choice only with `allow_single_cluster`. With `cluster_selection_epsilon_m` clusters born below
//! that distance give way to the one they split off from (Malzer & Baum).
//!
//! **Conventions.** `min_samples` counts the incident itself, as scikit-learn and `dbscan`'s
//! `min_count` do; the Python package hdbscan does not, so that its 10 is 11 here. Without it,
//! `min_samples` is `min_cluster_size`. A location whose core distance is exactly that at which its
//! cluster splits belongs to neither part and is noise, as the definition has it; programs that take
//! merges two by two put it on either side by chance. So the hierarchy is that of the set, whatever
//! the order of records and the choice among equal distances.
//!
//! **Incidents at one place.** `n` incidents at a location are what one of weight `n` is: nothing is
//! jittered. Their mutual reachability is their core distance. Where they come to `min_samples` it
//! would be 0, and λ infinite; distances below `resolution_m` are therefore taken as `resolution_m`,
//! which makes 1/`resolution_m` the greatest λ. A location with enough incidents can be a cluster by
//! itself, and on repeated positions often is the most stable one.
//!
//! **Units.** Metres of the National Grid, from positions in whole millimetres. Stability is in
//! incidents per metre, membership from 0 to 1: λ at which the location leaves over λ at which the
//! cluster ends.
//!
//! **Counts and outline** are those of [`dbscan`]; in place of its radius stands the distance at which
//! all of the cluster is connected, or 25 m where that is less or the cluster is one location.
//!
//! **Degenerate.** Fewer incidents than `min_samples` or `min_cluster_size` have no cluster. Incidents
//! that never split have none without `allow_single_cluster`. All on one location: likewise.
//!
//! **How it can mislead.** On snapped data a busy map point is denser than anything around it, and
//! `eom` prefers it to the quarter it stands in: the outcome counts clusters of one location and says
//! so. Set `cluster_selection_epsilon_m`, or `resolution_m`, to the spacing of the positions (for
//! data.police.uk some 50 to 100 m). A cluster is dense by comparison with its surroundings, so a
//! hamlet can be one while a busy street is noise between busier ones. Density over a hull flatters
//! small clusters. No significance is implied.
//!
//! **Complexity.** O(n log n) in practice for n locations: a tree of boxes, the nearest neighbours of
//! each location, Borůvka's rounds over the tree (March, Ram & Gray), one sort of the edges. `n ×
//! min(min_samples, 12)` neighbours are kept.
//!
//! **References.** Campello, Moulavi & Sander 2013, doi 10.1007/978-3-642-37456-2_14; Campello,
//! Moulavi, Zimek & Sander 2015, doi 10.1145/2733381; McInnes & Healy 2017,
//! doi 10.1109/ICDMW.2017.12; March, Ram & Gray 2010, doi 10.1145/1835804.1835882; Malzer & Baum 2020,
//! doi 10.1109/MFI49285.2020.9235263. **Checked against** scikit-learn on 10,000 points (identical but
//! for locations that leave at a split, and what follows from them) and a direct construction from all
//! pairs.

mod clusters;
mod hierarchy;
mod spanning;
mod tree;

use serde::{Deserialize, Serialize};

pub use self::clusters::{Branch, ClusterError, Labels, NOISE, Options, Pick, cluster};
use crate::domain::LocationId;
use crate::lattice::LatticeError;
use crate::methods::dbscan::{self, Drawing, DrawingError, Outline, Own};
use crate::places::{Comparable, PlaceFacts};
use crate::select::Selection;

/// Range of `min_cluster_size`.
pub const MIN_CLUSTER_SIZE: std::ops::RangeInclusive<u32> = 2..=1_000_000;

/// Range of `min_samples`.
pub const MIN_SAMPLES: std::ops::RangeInclusive<u32> = 1..=1000;

/// Range of resolutions, metres: positions are known to the millimetre.
pub const RESOLUTION_M: std::ops::RangeInclusive<f64> = 0.001..=1000.0;

/// Range of `cluster_selection_epsilon_m`, metres.
pub const EPSILON_M: std::ops::RangeInclusive<f64> = 0.001..=100_000.0;

/// Least radius that outlines are drawn with, metres.
pub const LEAST_RADIUS_M: f64 = 25.0;

/// Parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Fewest incidents of a cluster.
    pub min_cluster_size: u32,
    /// Incidents within the core distance, the incident itself among them; as `min_cluster_size`
    /// without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_samples: Option<u32>,
    /// Shorter distances are taken as this, metres.
    #[serde(default = "default_resolution")]
    pub resolution_m: f64,
    /// How clusters are chosen from the hierarchy.
    #[serde(default)]
    pub cluster_selection_method: Pick,
    /// Clusters that split off below this distance are not clusters of their own, metres.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_selection_epsilon_m: Option<f64>,
    /// Whether all incidents may be one cluster.
    #[serde(default)]
    pub allow_single_cluster: bool,
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

fn default_resolution() -> f64 {
    1.0
}

impl Params {
    /// The number of samples, as resolved.
    #[must_use]
    pub fn min_samples(&self) -> u32 {
        self.min_samples.unwrap_or(self.min_cluster_size)
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
    /// Stability.
    Stability,
}

/// A cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct Cluster {
    /// What is said of any cluster.
    pub place: dbscan::Cluster,
    /// Its stability, incidents per metre.
    pub stability: f64,
    /// The least distance at which all of it is connected, metres.
    pub connected_at_m: f64,
    /// The distance below which it is apart from all others, metres; `None` for all incidents as one.
    pub separate_at_m: Option<f64>,
    /// The distance at which it splits or the last of it becomes noise, metres.
    pub ends_at_m: f64,
    /// Mean membership of its incidents.
    pub mean_membership: f64,
    /// Least membership of its locations.
    pub min_membership: f64,
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
    /// Clusters of one location, also those left out.
    pub of_one_location: u32,
    /// Clusters left out because there were more than asked for.
    pub beyond_max: u32,
}

/// Why clusters cannot be found.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A cluster size out of range.
    #[error(
        "min_cluster_size must be {from} to {to}, not {0}",
        from = MIN_CLUSTER_SIZE.start(),
        to = MIN_CLUSTER_SIZE.end()
    )]
    MinClusterSize(u32),
    /// A number of samples out of range.
    #[error(
        "min_samples must be {from} to {to}, not {0}; without it, it is min_cluster_size: give it where that is more",
        from = MIN_SAMPLES.start(),
        to = MIN_SAMPLES.end()
    )]
    MinSamples(u32),
    /// A resolution out of range.
    #[error(
        "resolution_m must be {from} to {to} metres, not {0}",
        from = RESOLUTION_M.start(),
        to = RESOLUTION_M.end()
    )]
    ResolutionM(f64),
    /// A distance out of range.
    #[error(
        "cluster_selection_epsilon_m must be {from} to {to} metres, not {0}; leave it out for none",
        from = EPSILON_M.start(),
        to = EPSILON_M.end()
    )]
    Epsilon(f64),
    /// The drawing of outlines.
    #[error(transparent)]
    Drawing(#[from] DrawingError),
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
        "invalid_hdbscan"
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
    let drawing = check(params)?;
    let places: Vec<(LocationId, u32)> = selection.locations_inside().collect();
    let labels = labels(selection, params, &places)?;

    let mut groups = vec![Vec::new(); labels.clusters.len()];
    let mut membership = vec![(0.0, f64::INFINITY); labels.clusters.len()];
    let (mut noise_incidents, mut noise_locations) = (0, 0);
    for (i, &(l, count)) in places.iter().enumerate() {
        if labels.label[i] == NOISE {
            noise_incidents += u64::from(count);
            noise_locations += 1;
            continue;
        }
        let label = labels.label[i] as usize;
        groups[label].push(Own {
            location: l,
            count,
            core: true,
        });
        let (sum, least) = &mut membership[label];
        *sum += f64::from(count) * labels.membership[i];
        *least = labels.membership[i].min(*least);
    }
    // Every location of a cluster has selected incidents, so that each cluster has facts.
    let described = dbscan::describe(
        selection,
        &mut groups,
        drawing,
        |k| match labels.clusters[k].points {
            1 => LEAST_RADIUS_M,
            _ => (labels.clusters[k].connected_at / 1e3).max(LEAST_RADIUS_M),
        },
        |_, own| PlaceFacts::of(selection, own, Comparable::NONE),
        |_, inside| PlaceFacts::of(selection, inside, comparable),
    )?;
    let mut clusters = Vec::with_capacity(described.len());
    for ((place, branch), (sum, least)) in
        described.into_iter().zip(&labels.clusters).zip(membership)
    {
        clusters.push(Cluster {
            place,
            stability: branch.stability * 1e3,
            connected_at_m: branch.connected_at / 1e3,
            separate_at_m: Some(branch.separate_at / 1e3).filter(|d| d.is_finite()),
            ends_at_m: branch.ends_at / 1e3,
            mean_membership: sum / branch.weight as f64,
            min_membership: least,
        });
    }
    let incidents = clusters
        .iter()
        .map(|c| u64::from(c.place.facts.count))
        .sum();
    let single = |c: &&Cluster| c.place.facts.distinct_locations == 1;
    let of_one_location = clusters.iter().filter(single).count() as u32;
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
        of_one_location,
    })
}

fn check(params: &Params) -> Result<Drawing, Error> {
    if !MIN_CLUSTER_SIZE.contains(&params.min_cluster_size) {
        return Err(Error::MinClusterSize(params.min_cluster_size));
    }
    if !MIN_SAMPLES.contains(&params.min_samples()) {
        return Err(Error::MinSamples(params.min_samples()));
    }
    if !RESOLUTION_M.contains(&params.resolution_m) {
        return Err(Error::ResolutionM(params.resolution_m));
    }
    if let Some(epsilon) = params.cluster_selection_epsilon_m
        && !EPSILON_M.contains(&epsilon)
    {
        return Err(Error::Epsilon(epsilon));
    }
    Ok(Drawing::of(params.outline, params.h3_resolution)?)
}

/// What each location is; distances in millimetres, which are whole numbers.
fn labels(
    selection: &Selection,
    params: &Params,
    places: &[(LocationId, u32)],
) -> Result<Labels, ClusterError> {
    let locations = selection.incidents().locations();
    let at = |&(l, _): &(LocationId, u32)| {
        let at = &locations[l as usize];
        [f64::from(at.x_mm), f64::from(at.y_mm)]
    };
    let points: Vec<[f64; 2]> = places.iter().map(at).collect();
    let weights: Vec<u32> = places.iter().map(|p| p.1).collect();
    // Below the micrometre is rounding.
    let mm = |metres: f64| (metres * 1e6).round() / 1e3;
    let options = Options {
        min_cluster_size: params.min_cluster_size,
        min_samples: params.min_samples(),
        resolution: mm(params.resolution_m),
        selection: params.cluster_selection_method,
        allow_single_cluster: params.allow_single_cluster,
        selection_epsilon: params.cluster_selection_epsilon_m.map_or(0.0, mm),
    };
    cluster(&points, &weights, &options)
}

/// Sorts and numbers. Equals: more incidents, then the smaller outline, then the least id.
fn rank(clusters: &mut [Cluster], by: RankBy) {
    let primary = |c: &Cluster| match by {
        RankBy::Count => f64::from(c.place.facts.count),
        RankBy::Density => c.place.density_per_km2(),
        RankBy::Stability => c.stability,
    };
    clusters.sort_by(|a, b| {
        primary(b)
            .total_cmp(&primary(a))
            .then(b.place.facts.count.cmp(&a.place.facts.count))
            .then(a.place.area_m2.total_cmp(&b.place.area_m2))
            .then_with(|| a.place.id.cmp(&b.place.id))
    });
    for (i, c) in clusters.iter_mut().enumerate() {
        c.place.rank = i as u32 + 1;
    }
}
