//! Total permutation: all values of the map dealt anew, thirty-two shuffles side by side.
//!
//! Each cell holds the values that it has in thirty-two shuffles next to each other, so that one walk over
//! the neighbourhoods serves all of them, in whatever width of vector the processor has. Counts are whole
//! numbers and so are their sums: nothing depends on an order or on the number of threads. Only values that
//! differ from the commonest one (on most maps 0) have to be dealt.
//!
//! All cells are shuffled together, so that the greatest |z| of each shuffle is known too, and with it how
//! often chance alone makes any cell of the whole map stand out so far (Westfall and Young).

use std::collections::BTreeMap;
use std::ops::Add;

use multiversion::multiversion;
use rayon::prelude::*;

use super::{Population, Statistic};
use crate::lattice::Neighbours;
use crate::random::Random;
use crate::watch;

/// Shuffles side by side.
const LANES: usize = 32;

/// What shuffles of the whole map say of each cell.
#[derive(Debug, Clone, PartialEq)]
pub struct Shuffles {
    /// How many.
    pub permutations: u32,
    /// In how many a cell's neighbourhood has at least what it has on the map.
    pub at_least: Vec<u32>,
    /// In how many it has at most that.
    pub at_most: Vec<u32>,
    /// The greatest |z| of each shuffle, least first; z as a sum of draws from the whole map.
    pub extremes: Vec<f64>,
}

impl Shuffles {
    /// Two-sided p of a cell, at least 2 / (permutations + 1).
    #[must_use]
    pub fn p(&self, cell: usize) -> f64 {
        let fewer = self.at_least[cell].min(self.at_most[cell]);
        (2.0 * f64::from(fewer + 1) / f64::from(self.permutations + 1)).min(1.0)
    }

    /// How likely a shuffle has any cell with so great a |z|: p adjusted for the whole map, at least
    /// 1 / (permutations + 1).
    #[must_use]
    pub fn p_family(&self, z: f64) -> f64 {
        if z.is_nan() {
            return f64::NAN;
        }
        let less = self.extremes.partition_point(|&e| e < z.abs());
        (self.extremes.len() - less + 1) as f64 / f64::from(self.permutations + 1)
    }
}

/// The sums of the map's greatest neighbourhood could pass 31 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{most} incidents could come together in one neighbourhood, the limit of shuffles is 2147483647; use \"p_value\": \"exact\""
)]
pub struct TooMany {
    /// The greatest counts together.
    pub most: u64,
}

/// Shuffles a map.
///
/// # Errors
/// [`TooMany`].
///
/// # Panics
/// If there are not as many counts as cells.
pub fn shuffles(
    counts: &[u32],
    neighbours: &Neighbours,
    statistic: Statistic,
    permutations: u32,
    seed: u64,
) -> Result<Shuffles, TooMany> {
    assert_eq!(counts.len(), neighbours.len());
    let size = |c: usize| neighbours.of(c).len() + statistic.itself();
    let widest = (0..counts.len()).map(size).max().unwrap_or(0);
    let mut sorted = counts.to_vec();
    sorted.sort_unstable_by(|a, b| b.cmp(a));
    let most: u64 = sorted.iter().take(widest).map(|&c| u64::from(c)).sum();
    let observed = super::sums(counts, neighbours, statistic);
    let deal = Deal {
        counts,
        neighbours,
        statistic,
        permutations,
        seed,
    };
    if i16::try_from(most).is_ok() {
        Ok(deal.all(&observed, |v| v as i16, i64::from))
    } else if i32::try_from(most).is_ok() {
        Ok(deal.all(&observed, |v| v as i32, i64::from))
    } else {
        Err(TooMany { most })
    }
}

struct Deal<'a> {
    counts: &'a [u32],
    neighbours: &'a Neighbours,
    statistic: Statistic,
    permutations: u32,
    seed: u64,
}

/// A number that lanes are made of.
trait Lane: Copy + Ord + Default + Add<Output = Self> + Send + Sync {
    const LEAST: Self;
    const GREATEST: Self;
    const ONE: Self;
}

impl Lane for i16 {
    const LEAST: Self = Self::MIN;
    const GREATEST: Self = Self::MAX;
    const ONE: Self = 1;
}

impl Lane for i32 {
    const LEAST: Self = Self::MIN;
    const GREATEST: Self = Self::MAX;
    const ONE: Self = 1;
}

/// A cell's values in all lanes.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct Row<T>([T; LANES]);

/// What a walk counts.
struct Counted<T> {
    /// Of each cell, lanes with at least the observed sum and with more.
    at_least: Vec<u32>,
    more: Vec<u32>,
    /// By number of values in a sum: the greatest and the least of each lane.
    ends: Vec<[Row<T>; 2]>,
}

impl Deal<'_> {
    fn all<T: Lane>(
        &self,
        observed: &[u64],
        lane: impl Fn(u64) -> T + Sync,
        whole: impl Fn(T) -> i64 + Sync,
    ) -> Shuffles {
        let n = self.counts.len();
        let itself = self.statistic.itself();
        let observed: Vec<T> = observed.iter().map(|&o| lane(o)).collect();
        // Sums of the same number of values share their mean and standard deviation.
        let mut classes: BTreeMap<usize, u16> = BTreeMap::new();
        for c in 0..n {
            classes
                .entry(self.neighbours.of(c).len() + itself)
                .or_default();
        }
        for (i, class) in classes.values_mut().enumerate() {
            *class = i as u16;
        }
        let class: Vec<u16> = (0..n)
            .map(|c| classes[&(self.neighbours.of(c).len() + itself)])
            .collect();
        let population = Population::of(self.counts);
        // Everything but the commonest value; the least of the commonest ones.
        let mut often: BTreeMap<u32, usize> = BTreeMap::new();
        for &c in self.counts {
            *often.entry(c).or_default() += 1;
        }
        let common = often.iter().rev().max_by_key(|e| e.1).map_or(0, |e| *e.0);
        let all: Vec<T> = self.counts.iter().map(|&c| lane(c.into())).collect();
        let common = lane(common.into());
        let dealt = all.iter().copied().filter(|&v| v != common).collect();
        let values = Values { all, common, dealt };

        let batches = self.permutations.div_ceil(LANES as u32) as usize;
        let tasks = rayon::current_num_threads().clamp(1, batches.max(1));
        watch::ahead(batches as u64);
        let parts: Vec<(Counted<T>, Vec<f64>)> = (0..tasks)
            .into_par_iter()
            .map(|task| {
                let mut lanes = vec![values.common; n * LANES];
                let mut rows = vec![Row([values.common; LANES]); n];
                let mut counted = Counted {
                    at_least: vec![0; n],
                    more: vec![0; n],
                    ends: vec![[Row([T::LEAST; LANES]), Row([T::GREATEST; LANES])]; classes.len()],
                };
                let mut extremes = Vec::new();
                for batch in (task..batches).step_by(tasks) {
                    watch::step();
                    let first = batch * LANES;
                    let used = (self.permutations as usize - first).min(LANES);
                    for (l, lane) in lanes.chunks_exact_mut(n.max(1)).enumerate() {
                        if l < used {
                            self.deal((first + l) as u64, &values, lane);
                        } else {
                            // Lanes that nobody asked for hold the map itself: always at least as
                            // much and never more.
                            lane.copy_from_slice(&values.all);
                        }
                    }
                    side_by_side(&lanes, &mut rows);
                    counted
                        .ends
                        .fill([Row([T::LEAST; LANES]), Row([T::GREATEST; LANES])]);
                    let cells = Cells {
                        neighbours: self.neighbours,
                        itself,
                        observed: &observed,
                        class: &class,
                    };
                    walk(&rows, &cells, &mut counted, (LANES - used) as u32);
                    for l in 0..used {
                        let z = classes.iter().flat_map(|(&drawn, &class)| {
                            let ends = counted.ends[usize::from(class)];
                            ends.map(|end| {
                                population.standardise(whole(end.0[l]) as u64, drawn as u64)
                            })
                        });
                        extremes.push(z.flatten().map(f64::abs).fold(0.0, f64::max));
                    }
                }
                (counted, extremes)
            })
            .collect();
        let mut all = Shuffles {
            permutations: self.permutations,
            at_least: vec![0; n],
            at_most: vec![self.permutations; n],
            extremes: Vec::new(),
        };
        for (part, extremes) in parts {
            for (sum, more) in all.at_least.iter_mut().zip(part.at_least) {
                *sum += more;
            }
            for (sum, less) in all.at_most.iter_mut().zip(part.more) {
                *sum -= less;
            }
            all.extremes.extend(extremes);
        }
        all.extremes.sort_unstable_by(f64::total_cmp);
        all
    }

    /// Deals the values to cells for one lane.
    fn deal<T: Lane>(&self, permutation: u64, values: &Values<T>, lane: &mut [T]) {
        let mut random = Random::of_replicate(self.seed, permutation);
        let n = lane.len();
        if 2 * values.dealt.len() > n {
            lane.copy_from_slice(&values.all);
            random.shuffle(lane);
            return;
        }
        // Each in turn into a cell that is still free, all equally likely.
        lane.fill(values.common);
        for &value in &values.dealt {
            loop {
                let place = &mut lane[random.below(n as u32) as usize];
                if *place == values.common {
                    *place = value;
                    break;
                }
            }
        }
    }
}

/// What is dealt.
struct Values<T> {
    /// By cell, as they are.
    all: Vec<T>,
    /// The commonest value.
    common: T,
    /// All others.
    dealt: Vec<T>,
}

/// Lane by lane into cell by cell, a few cells at a time so that both stay in the cache.
fn side_by_side<T: Copy>(lanes: &[T], rows: &mut [Row<T>]) {
    const TILE: usize = 64;
    let n = rows.len();
    for (tile, rows) in rows.chunks_mut(TILE).enumerate() {
        for (l, lane) in lanes.chunks_exact(n.max(1)).enumerate() {
            for (row, &value) in rows.iter_mut().zip(&lane[tile * TILE..]) {
                row.0[l] = value;
            }
        }
    }
}

struct Cells<'a, T> {
    neighbours: &'a Neighbours,
    itself: usize,
    observed: &'a [T],
    class: &'a [u16],
}

/// Adds up all neighbourhoods in all lanes.
#[multiversion(targets(
    "x86_64+avx+avx2+avx512f+avx512bw+avx512cd+avx512dq+avx512vl",
    "x86_64+avx+avx2"
))]
fn walk<T: Lane>(rows: &[Row<T>], cells: &Cells<T>, counted: &mut Counted<T>, idle: u32) {
    let (zero, one) = (T::default(), T::ONE);
    let both = counted.at_least.iter_mut().zip(&mut counted.more);
    for (cell, (at_least, more)) in both.enumerate() {
        let mut sum = [zero; LANES];
        if cells.itself == 1 {
            sum = rows[cell].0;
        }
        for &n in cells.neighbours.of(cell) {
            let row = &rows[n as usize].0;
            for (sum, &more) in sum.iter_mut().zip(row) {
                *sum = *sum + more;
            }
        }
        let observed = cells.observed[cell];
        let (mut as_many, mut above) = ([zero; LANES], [zero; LANES]);
        let flags = as_many.iter_mut().zip(&mut above);
        for ((as_many, above), &sum) in flags.zip(&sum) {
            *as_many = if sum >= observed { one } else { zero };
            *above = if sum > observed { one } else { zero };
        }
        let [greatest, least] = &mut counted.ends[usize::from(cells.class[cell])];
        let ends = greatest.0.iter_mut().zip(&mut least.0);
        for ((greatest, least), &sum) in ends.zip(&sum) {
            *greatest = (*greatest).max(sum);
            *least = (*least).min(sum);
        }
        *at_least += lanes(&as_many) - idle;
        *more += lanes(&above);
    }
}

/// How many lanes are one.
#[inline(always)]
fn lanes<T: Lane>(ones: &[T; LANES]) -> u32 {
    ones.iter().map(|&o| u32::from(o == T::ONE)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commonest_value_need_not_be_zero() {
        let counts = [3, 3, 3, 7, 3, 0];
        let lists = (0..6_u32).map(|c| vec![(c + 1) % 6, (c + 5) % 6]).collect();
        let ring = Neighbours::from_lists(lists);
        let found = shuffles(&counts, &ring, Statistic::GiStar, 100, 1).unwrap();
        // 7 in the neighbourhood: half of the orders, less those that have 0 in it too.
        assert!(
            found.at_least[3] > 20 && found.at_least[3] < 60,
            "{found:?}"
        );
        assert_eq!(found.extremes.len(), 100);
    }

    #[test]
    fn great_counts_take_wider_lanes() {
        let counts = [40_000, 0, 1, 2];
        let ring = Neighbours::from_lists(vec![vec![1], vec![0], vec![3], vec![2]]);
        let found = shuffles(&counts, &ring, Statistic::GiStar, 64, 1).unwrap();
        // Each half of the shuffles has the great one in either pair.
        assert!(found.at_least[0] + found.at_most[0] >= 64);
        assert!((10..=54).contains(&found.at_least[0]), "{found:?}");
        let error = shuffles(
            &[u32::MAX, u32::MAX],
            &Neighbours::from_lists(vec![vec![1], vec![0]]),
            Statistic::GiStar,
            9,
            1,
        );
        assert!(error.is_err());
    }
}
