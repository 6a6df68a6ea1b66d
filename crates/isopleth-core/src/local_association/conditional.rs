//! Conditional permutation with sequential stopping: the own value stays, the others are drawn anew.
//!
//! Cells with the same own value and the same number of neighbours have exactly the same null, and share
//! its draws; each p is right for its cell, but p-values of one group move together. Drawing goes on until
//! as many sums as asked for were at least as great and as many at least as small as the one on the map
//! (Besag and Clifford), so that cells that nothing speaks for cost a hundred draws and not a hundred
//! thousand.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::Statistic;
use crate::lattice::Neighbours;
use crate::random::Random;
use crate::watch;

/// A cell's p and the draws that it took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sequential {
    /// Two-sided p.
    pub p: f64,
    /// Whether the upper tail is the smaller one.
    pub much: bool,
    /// Draws until it was settled.
    pub draws: u32,
}

/// One tail: how often a draw was as far out, and when that was often enough.
#[derive(Debug, Clone, Copy, Default)]
struct Tail {
    seen: u32,
    settled: Option<u32>,
}

impl Tail {
    fn count(&mut self, out: bool, draw: u32, enough: u32) {
        if out && self.settled.is_none() {
            self.seen += 1;
            if self.seen == enough {
                self.settled = Some(draw);
            }
        }
    }

    fn p(self, permutations: u32) -> f64 {
        match self.settled {
            Some(draws) => f64::from(self.seen) / f64::from(draws),
            None => f64::from(self.seen + 1) / f64::from(permutations + 1),
        }
    }
}

/// A sum that some cells have, and its two tails.
struct Open {
    sum: u64,
    upper: Tail,
    lower: Tail,
    draws: u32,
}

/// Two-sided p of the sum of each cell's neighbours, itself not among them. Each tail stops after
/// `exceedances` draws as far out, or after all `permutations`.
///
/// # Panics
/// If there are not as many counts as cells.
#[must_use]
pub fn sequential(
    counts: &[u32],
    neighbours: &Neighbours,
    permutations: u32,
    exceedances: u32,
    seed: u64,
) -> Vec<Sequential> {
    assert_eq!(counts.len(), neighbours.len());
    let sums = super::sums(counts, neighbours, Statistic::Gi);
    let mut groups: BTreeMap<(u32, u32), Vec<usize>> = BTreeMap::new();
    for (c, &count) in counts.iter().enumerate() {
        groups
            .entry((count, neighbours.of(c).len() as u32))
            .or_default()
            .push(c);
    }
    let groups: Vec<((u32, u32), Vec<usize>)> = groups.into_iter().collect();
    let mut sorted = counts.to_vec();
    sorted.sort_unstable();
    watch::ahead(groups.len() as u64);
    let settled: Vec<Vec<(u64, Sequential)>> = groups
        .par_iter()
        .map_init(
            || (vec![0_u32; counts.len()], 0_u32),
            |(stamps, stamp), &((own, drawn), ref cells)| {
                watch::step();
                let mut random =
                    Random::of_replicate(seed, u64::from(own) << 32 | u64::from(drawn));
                let mut open: Vec<Open> = {
                    let mut distinct: Vec<u64> = cells.iter().map(|&c| sums[c]).collect();
                    distinct.sort_unstable();
                    distinct.dedup();
                    let new = |sum| Open {
                        sum,
                        upper: Tail::default(),
                        lower: Tail::default(),
                        draws: permutations,
                    };
                    distinct.into_iter().map(new).collect()
                };
                let mut done = Vec::with_capacity(open.len());
                let others = sorted.len() - 1;
                let own_at = sorted.partition_point(|&c| c < own);
                for draw in 1..=permutations {
                    watch::pass();
                    *stamp = stamp.wrapping_add(1);
                    if *stamp == 0 {
                        stamps.fill(0);
                        *stamp = 1;
                    }
                    // Floyd's way to draw without replacement.
                    let mut sum = 0_u64;
                    for last in others - drawn as usize..others {
                        let at = random.below(last as u32 + 1) as usize;
                        let at = if stamps[at] == *stamp { last } else { at };
                        stamps[at] = *stamp;
                        sum += u64::from(sorted[at + usize::from(at >= own_at)]);
                    }
                    open.retain_mut(|o| {
                        o.upper.count(sum >= o.sum, draw, exceedances);
                        o.lower.count(sum <= o.sum, draw, exceedances);
                        let settled = o.upper.settled.is_some() && o.lower.settled.is_some();
                        if settled {
                            o.draws = draw;
                            done.push(result(o, permutations));
                        }
                        !settled
                    });
                    if open.is_empty() {
                        break;
                    }
                }
                done.extend(open.iter().map(|o| result(o, permutations)));
                done.sort_unstable_by_key(|d| d.0);
                done
            },
        )
        .collect();
    let mut found = vec![
        Sequential {
            p: 1.0,
            much: false,
            draws: 0
        };
        counts.len()
    ];
    for ((_, cells), settled) in groups.iter().zip(settled) {
        for &c in cells {
            if let Ok(at) = settled.binary_search_by_key(&sums[c], |d| d.0) {
                found[c] = settled[at].1;
            }
        }
    }
    found
}

fn result(o: &Open, permutations: u32) -> (u64, Sequential) {
    let (upper, lower) = (o.upper.p(permutations), o.lower.p(permutations));
    let p = super::two_sided(upper, lower);
    (
        o.sum,
        Sequential {
            p,
            much: upper < lower,
            draws: o.draws,
        },
    )
}
