//! Agreement over an ensemble: in how many runs a cluster is found again.

use std::collections::BTreeMap;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::clusters::{ClusterError, Labels, NOISE};
use crate::random::Random;
use crate::watch;

/// Most runs.
pub const MAX_RUNS: u32 = 999;

/// Runs with other radii and parts of the incidents, held against the clusters of all.
///
/// In each run `keep_share` of the incidents, rounded to a whole number, are drawn without
/// replacement from (`seed`, number of the run); `min_count` is lowered by the same share, rounded,
/// to 1 at the least. Radii are evenly spread between `radius_m` × (1 − `radius_spread`) and
/// `radius_m` × (1 + `radius_spread`): run `r` of `R` has the middle of the `r`-th of `R` equal steps,
/// so that a single run has `radius_m`.
///
/// A run's clusters are matched to the clusters of all incidents one to one: pairs are taken in the
/// order of the incidents of the run that they have in common, most first, equal ones in the order
/// of the clusters. A location's vote share is the share of the runs it took part in (those that
/// drew an incident of it) in which it lies in the cluster that is matched to its own. A cluster's
/// vote share is the mean over its locations that took part in any, weighed by their incidents.
/// So where a cluster falls apart only the greatest part agrees, and where two merge only one does.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ensemble {
    /// Runs.
    #[serde(default = "usual_replicates")]
    pub replicates: u32,
    /// Share of the incidents that a run keeps.
    #[serde(default = "usual_keep_share")]
    pub keep_share: f64,
    /// How far the radius is moved either way, as a share of it.
    #[serde(default = "usual_radius_spread")]
    pub radius_spread: f64,
    /// What the incidents are drawn from.
    #[serde(default)]
    pub seed: u64,
    /// A cluster with at least this vote share is stable.
    #[serde(default = "usual_stable_share")]
    pub stable_share: f64,
}

fn usual_replicates() -> u32 {
    99
}

fn usual_keep_share() -> f64 {
    0.9
}

fn usual_radius_spread() -> f64 {
    0.1
}

fn usual_stable_share() -> f64 {
    0.9
}

impl Default for Ensemble {
    fn default() -> Self {
        Self {
            replicates: usual_replicates(),
            keep_share: usual_keep_share(),
            radius_spread: usual_radius_spread(),
            seed: 0,
            stable_share: usual_stable_share(),
        }
    }
}

/// Why there is no such ensemble.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EnsembleError {
    /// Runs.
    #[error("ensemble.replicates must be 1 to {MAX_RUNS}, not {0}")]
    Replicates(u32),
    /// A share out of range.
    #[error(
        "ensemble.{field} must be {range}, not {value}; leave it out for {usual}",
        usual = match *field {
            "radius_spread" => usual_radius_spread(),
            "keep_share" => usual_keep_share(),
            _ => usual_stable_share(),
        }
    )]
    Share {
        /// The field.
        field: &'static str,
        /// What it may be.
        range: &'static str,
        /// What it is.
        value: f64,
    },
    /// A run that cannot be made.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
}

/// How many runs agree on a cluster.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VoteShare {
    /// Mean over its incidents, 0 to 1; `None` where no run drew any of them.
    pub share: Option<f64>,
    /// Whether the share reaches [`Ensemble::stable_share`].
    pub stable: bool,
}

/// What the runs agree on.
#[derive(Debug, Clone, PartialEq)]
pub struct Agreement {
    /// For each point in a cluster, the share of the runs it took part in that agree; `None` for
    /// noise and for points that took part in none.
    pub of_point: Vec<Option<f64>>,
    /// By cluster.
    pub of_cluster: Vec<VoteShare>,
    /// Fewest and most clusters of a run.
    pub clusters: (u32, u32),
}

/// Runs that are made side by side, a fixed number.
const SIDE_BY_SIDE: usize = 16;

impl Ensemble {
    /// Checks the parameters.
    ///
    /// # Errors
    /// [`EnsembleError`] for what is out of range.
    pub fn check(&self) -> Result<(), EnsembleError> {
        if !(1..=MAX_RUNS).contains(&self.replicates) {
            return Err(EnsembleError::Replicates(self.replicates));
        }
        let share = |field, range, value, fits: bool| {
            if fits {
                Ok(())
            } else {
                Err(EnsembleError::Share {
                    field,
                    range,
                    value,
                })
            }
        };
        let above_0 = |v: f64| v > 0.0 && v <= 1.0;
        let (keep, spread) = (self.keep_share, self.radius_spread);
        share("keep_share", "above 0 and up to 1", keep, above_0(keep))?;
        let narrow = (0.0..=0.5).contains(&spread);
        share("radius_spread", "0 to 0.5", spread, narrow)?;
        let stable = self.stable_share;
        share(
            "stable_share",
            "above 0 and up to 1",
            stable,
            above_0(stable),
        )
    }

    /// What a run's radius is multiplied by.
    #[must_use]
    pub fn factor(&self, run: u32) -> f64 {
        let step = (2 * u64::from(run) + 1) as f64 / f64::from(self.replicates) - 1.0;
        1.0 + self.radius_spread * step
    }

    /// A run's least count.
    #[must_use]
    pub fn min_count(&self, min_count: u32) -> u32 {
        ((f64::from(min_count) * self.keep_share).round() as u32).max(1)
    }

    /// How many incidents of each point a run keeps.
    #[must_use]
    pub fn kept(&self, weights: &[u32], run: u32) -> Vec<u32> {
        let mut left: u64 = weights.iter().copied().map(u64::from).sum();
        let mut wanted = (left as f64 * self.keep_share).round() as u64;
        if wanted >= left {
            return weights.to_vec();
        }
        let mut random = Random::of_replicate(self.seed, run.into());
        weights
            .iter()
            .map(|&weight| {
                let mut kept = 0;
                for _ in 0..weight {
                    // Each incident with the chance that is left to it (Knuth's algorithm S).
                    let drawn = u64::from(random.below(left.min(u32::MAX.into()) as u32)) < wanted;
                    kept += u32::from(drawn);
                    wanted -= u64::from(drawn);
                    left -= 1;
                }
                kept
            })
            .collect()
    }

    /// Makes the runs and holds them against the clusters of all points.
    ///
    /// `order` is the points in an order of their own, which the drawing goes by; `cluster` labels
    /// the points of a list of indices with their weights, by the factor of the radius and the
    /// least count.
    ///
    /// # Errors
    /// [`EnsembleError`] for parameters out of range, and what `cluster` says.
    pub(crate) fn run(
        &self,
        whole: &Labels,
        weights: &[u32],
        min_count: u32,
        order: &[u32],
        cluster: impl Fn(&[u32], &[u32], f64, u32) -> Result<Labels, ClusterError> + Sync,
    ) -> Result<Agreement, EnsembleError> {
        self.check()?;
        let ordered: Vec<u32> = order.iter().map(|&i| weights[i as usize]).collect();
        let mut took_part = vec![0_u32; weights.len()];
        let mut agreed = vec![0_u32; weights.len()];
        let mut clusters = (u32::MAX, 0);
        let runs: Vec<u32> = (0..self.replicates).collect();
        watch::ahead(runs.len() as u64);
        for runs in runs.chunks(SIDE_BY_SIDE) {
            let made: Vec<(Vec<u32>, Vec<bool>, u32)> = runs
                .par_iter()
                .map(|&run| {
                    watch::step();
                    let mut points = Vec::with_capacity(order.len());
                    let mut kept = Vec::with_capacity(order.len());
                    for (&i, weight) in order.iter().zip(self.kept(&ordered, run)) {
                        if weight > 0 {
                            points.push(i);
                            kept.push(weight);
                        }
                    }
                    let least = self.min_count(min_count);
                    let found = cluster(&points, &kept, self.factor(run), least)?;
                    let agrees = agrees(whole, &points, &kept, &found);
                    Ok((points, agrees, found.clusters))
                })
                .collect::<Result<_, ClusterError>>()?;
            for (points, agrees, found) in made {
                for (&i, agrees) in points.iter().zip(agrees) {
                    took_part[i as usize] += 1;
                    agreed[i as usize] += u32::from(agrees);
                }
                clusters = (clusters.0.min(found), clusters.1.max(found));
            }
        }
        let share = |i: usize| {
            (whole.label[i] != NOISE && took_part[i] > 0)
                .then(|| f64::from(agreed[i]) / f64::from(took_part[i]))
        };
        let mut sums = vec![(0.0, 0.0); whole.clusters as usize];
        for &i in order {
            let i = i as usize;
            if let Some(share) = share(i) {
                let sum = &mut sums[whole.label[i] as usize];
                sum.0 += share * f64::from(weights[i]);
                sum.1 += f64::from(weights[i]);
            }
        }
        let of_cluster = sums.into_iter().map(|(votes, of)| {
            let share = (of > 0.0).then(|| votes / of);
            VoteShare {
                share,
                stable: share.is_some_and(|s| s >= self.stable_share),
            }
        });
        Ok(Agreement {
            of_cluster: of_cluster.collect(),
            of_point: (0..weights.len()).map(share).collect(),
            clusters,
        })
    }
}

/// Whether each point of a run lies in the cluster that is matched to its own.
fn agrees(whole: &Labels, points: &[u32], kept: &[u32], found: &Labels) -> Vec<bool> {
    let mut common: BTreeMap<(u32, u32), u64> = BTreeMap::new();
    for ((&i, &weight), &theirs) in points.iter().zip(kept).zip(&found.label) {
        let own = whole.label[i as usize];
        if own != NOISE && theirs != NOISE {
            *common.entry((own, theirs)).or_default() += u64::from(weight);
        }
    }
    let mut pairs: Vec<((u32, u32), u64)> = common.into_iter().collect();
    // Stable: equal ones stay in the order of the clusters.
    pairs.sort_by_key(|p| std::cmp::Reverse(p.1));
    let mut matched = vec![NOISE; whole.clusters as usize];
    let mut taken = vec![false; found.clusters as usize];
    for ((own, theirs), _) in pairs {
        if matched[own as usize] == NOISE && !taken[theirs as usize] {
            matched[own as usize] = theirs;
            taken[theirs as usize] = true;
        }
    }
    let agrees = |(&i, &theirs): (&u32, &u32)| {
        let own = whole.label[i as usize];
        own != NOISE && theirs != NOISE && matched[own as usize] == theirs
    };
    points.iter().zip(&found.label).map(agrees).collect()
}
