//! The clustering itself: exact HDBSCAN* over weighted points.

use rayon::prelude::*;

use super::hierarchy;
use super::spanning::spanning_tree;
use super::tree::{Tree, Weighted};

/// The label of a point that is in no cluster.
pub const NOISE: u32 = u32::MAX;

/// Coordinates beyond this cannot be squared.
const MOST: f64 = 1e150;

/// How clusters are chosen from the hierarchy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pick {
    /// Excess of mass: those that do not lie below one another and have the greatest stability
    /// together.
    #[default]
    Eom,
    /// Those without a cluster below.
    Leaf,
}

impl Pick {
    /// The name used in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Eom => "eom",
            Self::Leaf => "leaf",
        }
    }
}

/// What decides the clusters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// Least weight of a cluster.
    pub min_cluster_size: u32,
    /// Weight within the core distance of a point, its own included.
    pub min_samples: u32,
    /// Shorter distances are taken as this.
    pub resolution: f64,
    /// How clusters are chosen.
    pub selection: Pick,
    /// Whether all points may be one cluster.
    pub allow_single_cluster: bool,
    /// Clusters that become separate below this distance are not; 0 for none.
    pub selection_epsilon: f64,
}

/// A chosen cluster.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Branch {
    /// Weight of its points.
    pub weight: u64,
    /// Its distinct positions.
    pub points: u32,
    /// Weight times the lifetime in 1 / distance, summed over its points.
    pub stability: f64,
    /// The least distance at which all of it is connected.
    pub connected_at: f64,
    /// The distance below which it is apart from the rest; infinite for the whole set.
    pub separate_at: f64,
    /// The distance at which it splits, or the last of it becomes noise.
    pub ends_at: f64,
}

/// What each point is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Labels {
    /// The cluster of each point, from 0, or [`NOISE`]. Clusters are numbered in the order of their
    /// points with the least x, then y.
    pub label: Vec<u32>,
    /// How long each point stays in its cluster, 0 to 1: the distance at which the cluster ends over
    /// that at which the point leaves; 0 for noise.
    pub membership: Vec<f64>,
    /// The core distance of each point; infinite where the point has no weight, or all weights
    /// do not come to `min_samples` and `min_cluster_size`.
    pub core_distance: Vec<f64>,
    /// The clusters.
    pub clusters: Vec<Branch>,
}

/// Why points cannot be clustered.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// A weight for each point.
    #[error("there are {points} points and {weights} weights; each point needs one weight")]
    Weights {
        /// Points.
        points: usize,
        /// Weights.
        weights: usize,
    },
    /// More points than an index holds.
    #[error("{0} points are more than 2147483647; cluster a part of them")]
    TooMany(usize),
    /// A position that is none.
    #[error("point {index} has the position {x}, {y}; positions must be finite and below 1e150")]
    NotFinite {
        /// Its index.
        index: usize,
        /// x.
        x: f64,
        /// y.
        y: f64,
    },
    /// A least weight of a cluster of less than two.
    #[error("the least cluster size must be at least 2, not {0}: one incident is no cluster")]
    MinClusterSize(u32),
    /// A number of samples of nothing.
    #[error("the number of samples must be at least 1, the point itself, not 0")]
    MinSamples,
    /// A resolution that is none.
    #[error("the resolution must be a finite number above 0, not {0}")]
    Resolution(f64),
    /// A distance that is none.
    #[error("the selection epsilon must be a finite number from 0, not {0}")]
    Epsilon(f64),
}

/// HDBSCAN* over points of a plane.
///
/// The core distance of a point is the least radius within which the weights, its own among them, come
/// to `min_samples`. The mutual reachability of two points is the greatest of their distance and their
/// core distances, and of the resolution. At every distance the points whose core distance is no
/// greater form components by mutual reachability; followed from great distances to small ones, a
/// component either loses points, which become noise, or splits into two or more that each weigh
/// `min_cluster_size` or more. Among these the clusters are chosen.
///
/// `n` points at one position are the same as one point of weight `n`, points without a weight are
/// noise, and the result does not depend on the order of the points or the number of threads.
///
/// ```
/// use isopleth_core::methods::hdbscan::{NOISE, Options, Pick, cluster};
///
/// let points = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [50.0, 0.0], [50.0, 1.0], [51.0, 0.0], [20.0, 80.0]];
/// let options = Options {
///     min_cluster_size: 3,
///     min_samples: 2,
///     resolution: 0.001,
///     selection: Pick::Eom,
///     allow_single_cluster: false,
///     selection_epsilon: 0.0,
/// };
/// let found = cluster(&points, &[1; 7], &options)?;
/// assert_eq!(found.label, [0, 0, 0, 1, 1, 1, NOISE]);
/// # Ok::<(), isopleth_core::methods::hdbscan::ClusterError>(())
/// ```
///
/// # Errors
/// [`ClusterError`] for positions that are not finite and options out of range.
pub fn cluster(
    points: &[[f64; 2]],
    weights: &[u32],
    options: &Options,
) -> Result<Labels, ClusterError> {
    check(points, weights, options)?;
    let mut found = Labels {
        label: vec![NOISE; points.len()],
        membership: vec![0.0; points.len()],
        core_distance: vec![f64::INFINITY; points.len()],
        clusters: Vec::new(),
    };
    let (distinct, place) = collapse(points, weights);
    let total: u64 = distinct.iter().map(|d| u64::from(d.1)).sum();
    if total < u64::from(options.min_samples.max(options.min_cluster_size)) {
        return Ok(found);
    }
    let tree = Tree::new(&distinct);
    drop(distinct);
    let (cores, near) = tree.cores(options.min_samples, options.resolution * options.resolution);
    let edges = spanning_tree(&tree, &cores, &near);
    drop(near);
    let chosen = hierarchy::choose(&tree, &cores, &edges, options);
    let mut at = vec![0; tree.len()];
    for (i, &rank) in tree.rank.iter().enumerate() {
        at[rank as usize] = i;
    }
    for (i, rank) in place {
        let (i, at) = (i as usize, at[rank as usize]);
        found.label[i] = chosen.label[at];
        found.membership[i] = chosen.membership[at];
        found.core_distance[i] = cores[at].sqrt();
    }
    found.clusters = chosen.branches;
    Ok(found)
}

fn check(points: &[[f64; 2]], weights: &[u32], options: &Options) -> Result<(), ClusterError> {
    if points.len() != weights.len() {
        return Err(ClusterError::Weights {
            points: points.len(),
            weights: weights.len(),
        });
    }
    if points.len() > i32::MAX as usize {
        return Err(ClusterError::TooMany(points.len()));
    }
    if let Some((index, &[x, y])) = points
        .iter()
        .enumerate()
        .find(|(_, p)| !p.iter().all(|v| v.abs() < MOST))
    {
        return Err(ClusterError::NotFinite { index, x, y });
    }
    if options.min_cluster_size < 2 {
        return Err(ClusterError::MinClusterSize(options.min_cluster_size));
    }
    if options.min_samples == 0 {
        return Err(ClusterError::MinSamples);
    }
    if !(options.resolution < MOST && (options.resolution * options.resolution).is_normal()) {
        return Err(ClusterError::Resolution(options.resolution));
    }
    if !(options.selection_epsilon >= 0.0 && options.selection_epsilon < MOST) {
        return Err(ClusterError::Epsilon(options.selection_epsilon));
    }
    Ok(())
}

/// Distinct positions with their weights, in the order by x, then y; and for each point that has a
/// weight its index and the place of its position.
fn collapse(points: &[[f64; 2]], weights: &[u32]) -> (Vec<Weighted>, Vec<(u32, u32)>) {
    struct Row {
        x: f64,
        y: f64,
        index: u32,
    }
    let mut rows: Vec<Row> = points
        .iter()
        .zip(weights)
        .zip(0..)
        .filter(|((_, w), _)| **w > 0)
        // Zero has two signs and is one position.
        .map(|((p, _), index)| Row {
            x: p[0] + 0.0,
            y: p[1] + 0.0,
            index,
        })
        .collect();
    rows.par_sort_unstable_by(|a, b| {
        a.x.total_cmp(&b.x)
            .then(a.y.total_cmp(&b.y))
            .then(a.index.cmp(&b.index))
    });
    let mut distinct: Vec<Weighted> = Vec::with_capacity(rows.len());
    let mut place = Vec::with_capacity(rows.len());
    for row in &rows {
        let at = [row.x, row.y];
        let weight = weights[row.index as usize];
        match distinct.last_mut() {
            Some((last, sum)) if *last == at => *sum = sum.saturating_add(weight),
            _ => distinct.push((at, weight)),
        }
        place.push((row.index, distinct.len() as u32 - 1));
    }
    (distinct, place)
}
