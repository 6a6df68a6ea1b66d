//! Shuffles of the days, thirty-two side by side.
//!
//! The pairs stay what they are; only the days move. Each event holds the days that it has in
//! thirty-two shuffles next to each other, so that one walk over the pairs counts for all of them:
//! a load of 64 bytes, a subtraction and a comparison for each cut, in whatever width of vector the
//! processor has. Counts are whole numbers; their order does not matter.

use rayon::prelude::*;

use super::pairs::{Block, Partners};
use super::table::Shuffles;
use crate::random::Random;
use crate::watch;

/// Shuffles side by side.
const LANES: usize = 32;

/// Lanes that are counted in one walk: what fits into the registers of the smallest processor.
const WALK: usize = 16;

/// Cuts that are counted in one walk.
const CUTS: usize = 4;

/// Pairs after which the counters of sixteen bits are emptied.
const FULL: usize = u16::MAX as usize;

/// The days of an event in all lanes.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct Row([i16; LANES]);

/// What is to be shuffled.
pub(super) struct Shuffled<'a> {
    /// Days as small numbers.
    pub(super) days: Vec<i16>,
    /// Cuts of days, rising.
    pub(super) cuts: Vec<i16>,
    pub(super) blocks: &'a [Block],
    pub(super) replicates: u32,
    pub(super) seed: u64,
}

impl Shuffled<'_> {
    /// Compares the tables of shuffled days with the observed one. `cells` makes a table out of the
    /// pairs of each class of distance below each cut of days.
    pub(super) fn against(
        &self,
        observed: &[u64],
        cells: impl Fn(&[u64]) -> Vec<u64> + Sync,
    ) -> Shuffles {
        let empty = || Shuffles {
            replicates: self.replicates,
            at_least: vec![0; observed.len()],
            sum: vec![0; observed.len()],
        };
        let batches = self.replicates.div_ceil(LANES as u32);
        watch::ahead(batches.into());
        (0..batches)
            .into_par_iter()
            .map_init(
                || Lanes::new(self.days.len()),
                |lanes, batch| {
                    watch::step();
                    let first = batch * LANES as u32;
                    let used = (self.replicates - first).min(LANES as u32) as usize;
                    lanes.fill(&self.days, self.seed, first, used);
                    let mut seen = empty();
                    for near in lanes.near(self.blocks, &self.cuts).iter().take(used) {
                        for (cell, n) in cells(near).into_iter().enumerate() {
                            seen.at_least[cell] += u32::from(n >= observed[cell]);
                            seen.sum[cell] += n;
                        }
                    }
                    seen
                },
            )
            .reduce(empty, |mut a, b| {
                for (x, y) in a.at_least.iter_mut().zip(b.at_least) {
                    *x += y;
                }
                for (x, y) in a.sum.iter_mut().zip(b.sum) {
                    *x += y;
                }
                a
            })
    }
}

/// The memory of one batch.
struct Lanes {
    /// Each lane's days, lane by lane.
    shuffled: Vec<i16>,
    /// The same, event by event.
    rows: Vec<Row>,
}

impl Lanes {
    fn new(events: usize) -> Self {
        Self {
            shuffled: vec![0; events * LANES],
            rows: vec![Row([0; LANES]); events],
        }
    }

    /// Shuffles the days for so many replicates.
    fn fill(&mut self, days: &[i16], seed: u64, first: u32, used: usize) {
        let n = days.len();
        if n == 0 {
            return;
        }
        let lanes = self.shuffled.chunks_exact_mut(n).take(used);
        for (replicate, lane) in (u64::from(first)..).zip(lanes) {
            lane.copy_from_slice(days);
            Random::of_replicate(seed, replicate).shuffle(lane);
        }
        // Lane by lane into event by event, a few events at a time so that both stay in the cache.
        const TILE: usize = 64;
        for (tile, rows) in self.rows.chunks_mut(TILE).enumerate() {
            for (l, lane) in self.shuffled.chunks_exact(n).enumerate() {
                for (row, &day) in rows.iter_mut().zip(&lane[tile * TILE..]) {
                    row.0[l] = day;
                }
            }
        }
    }

    /// For each lane, the pairs of each class of distance below each cut of days.
    fn near(&self, blocks: &[Block], cuts: &[i16]) -> Vec<Vec<u64>> {
        let classes = blocks.first().map_or(0, |b| b.classes.len());
        let mut near = vec![vec![0_u64; classes * cuts.len()]; LANES];
        for class in 0..classes {
            for (some, at) in cuts.chunks(CUTS).zip((class * cuts.len()..).step_by(CUTS)) {
                for half in (0..LANES).step_by(WALK) {
                    let counts = self.walk(blocks, class, some, half);
                    for (k, lanes) in counts.iter().take(some.len()).enumerate() {
                        for (l, &n) in lanes.iter().enumerate() {
                            near[half + l][at + k] = n;
                        }
                    }
                }
            }
        }
        near
    }

    fn walk(
        &self,
        blocks: &[Block],
        class: usize,
        cuts: &[i16],
        half: usize,
    ) -> [[u64; WALK]; CUTS] {
        let mut counts = [[0_u64; WALK]; CUTS];
        for block in blocks {
            let partners = &block.classes[class];
            let rows = &self.rows[block.first..];
            match *cuts {
                [a] => self.count(partners, rows, [a], half, &mut counts),
                [a, b] => self.count(partners, rows, [a, b], half, &mut counts),
                [a, b, c] => self.count(partners, rows, [a, b, c], half, &mut counts),
                [a, b, c, d] => self.count(partners, rows, [a, b, c, d], half, &mut counts),
                _ => {}
            }
        }
        counts
    }

    #[inline(never)]
    fn count<const K: usize>(
        &self,
        partners: &Partners,
        rows: &[Row],
        cuts: [i16; K],
        half: usize,
        counts: &mut [[u64; WALK]; CUTS],
    ) {
        let mut sums = [[0_u16; WALK]; K];
        let mut taken = 0;
        let mut empty = |sums: &mut [[u16; WALK]; K]| {
            for (count, sum) in counts.iter_mut().zip(sums) {
                for (c, s) in count.iter_mut().zip(sum) {
                    *c += u64::from(std::mem::take(s));
                }
            }
        };
        for (k, others) in partners.iter() {
            let own = lanes(&rows[k], half);
            for others in others.chunks(FULL) {
                taken += others.len();
                if taken > FULL {
                    empty(&mut sums);
                    taken = others.len();
                }
                for &j in others {
                    let other = lanes(&self.rows[j as usize], half);
                    let mut apart = [0_i16; WALK];
                    for l in 0..WALK {
                        apart[l] = own[l].wrapping_sub(other[l]).wrapping_abs();
                    }
                    for (sum, cut) in sums.iter_mut().zip(cuts) {
                        for l in 0..WALK {
                            // A comparison of vectors gives 0 or −1: taking that away is one
                            // instruction, where adding 0 or 1 is two.
                            let below = (-i16::from(apart[l] < cut)) as u16;
                            sum[l] = sum[l].wrapping_sub(below);
                        }
                    }
                }
            }
        }
        empty(&mut sums);
    }
}

#[inline]
fn lanes(row: &Row, half: usize) -> &[i16; WALK] {
    let (halves, _) = row.0.as_chunks::<WALK>();
    &halves[half / WALK]
}
