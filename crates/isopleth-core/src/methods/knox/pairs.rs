//! Events in an order of their own, and the pairs of them that are near each other.

use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;

use super::{Error, Metric};
use crate::watch;

/// Most pairs that are kept: four bytes each.
pub const MAX_PAIRS: u64 = 250_000_000;

/// Cells of the grid per reach: small enough to skip most of what is too far, large enough to hold
/// some events.
const CELLS_PER_REACH: f64 = 4.0;

/// Events of a block: the unit of parallel work. Fixed, so that the result does not depend on the
/// number of threads.
const BLOCK: usize = 2048;

/// Events sorted by the rows of a grid of cells, and within a cell by position and day: whatever
/// order they came in, this is the same.
#[derive(Debug)]
pub(super) struct Ordered {
    metric: Metric,
    reach: f64,
    x: Vec<f64>,
    y: Vec<f64>,
    pub(super) days: Vec<i32>,
    /// Where each event stood in the input.
    pub(super) source: Vec<u32>,
    cell: Vec<u32>,
    starts: Vec<u32>,
    columns: usize,
    rows: usize,
    /// Cells to each side that can hold a partner.
    around: usize,
}

impl Ordered {
    /// Puts events into order, for partners closer than a reach.
    pub(super) fn new(points: &[(f64, f64)], days: &[i32], metric: Metric, reach: f64) -> Self {
        let n = points.len();
        let fold = |f: fn(f64, f64) -> f64, start: f64| {
            points
                .iter()
                .fold((start, start), |a, p| (f(a.0, p.0), f(a.1, p.1)))
        };
        let (x0, y0) = fold(f64::min, f64::INFINITY);
        let (x1, y1) = fold(f64::max, f64::NEG_INFINITY);
        let (width, height) = ((x1 - x0).max(0.0), (y1 - y0).max(0.0));
        // A hair wider than the part of a reach, so that rounding cannot put a partner one cell
        // further than `around`.
        let mut side = reach / CELLS_PER_REACH * (1.0 + 1e-9);
        let budget = 4.0 * n as f64 + 1024.0;
        let cells = |side: f64| ((width / side).floor() + 1.0) * ((height / side).floor() + 1.0);
        while cells(side) > budget {
            side *= 1.5;
        }
        let (columns, rows) = if n == 0 {
            (0, 0)
        } else {
            ((width / side) as usize + 1, (height / side) as usize + 1)
        };
        let cell_of = |p: (f64, f64)| {
            let cx = (((p.0 - x0) / side) as usize).min(columns - 1);
            let cy = (((p.1 - y0) / side) as usize).min(rows - 1);
            (cy * columns + cx) as u32
        };
        let mut order: Vec<(u32, u32)> = (0_u32..)
            .zip(points)
            .map(|(i, &p)| (cell_of(p), i))
            .collect();
        order.sort_unstable_by(|a, b| {
            let (i, j) = (a.1 as usize, b.1 as usize);
            (a.0.cmp(&b.0))
                .then_with(|| points[i].0.total_cmp(&points[j].0))
                .then_with(|| points[i].1.total_cmp(&points[j].1))
                .then_with(|| days[i].cmp(&days[j]))
                .then_with(|| i.cmp(&j))
        });
        let mut starts = vec![0_u32; columns * rows + 1];
        for &(c, _) in &order {
            starts[c as usize + 1] += 1;
        }
        for c in 0..columns * rows {
            starts[c + 1] += starts[c];
        }
        let pick = |f: &dyn Fn(usize) -> f64| order.iter().map(|o| f(o.1 as usize)).collect();
        Self {
            metric,
            reach,
            x: pick(&|i| points[i].0),
            y: pick(&|i| points[i].1),
            days: order.iter().map(|o| days[o.1 as usize]).collect(),
            source: order.iter().map(|o| o.1).collect(),
            cell: order.iter().map(|o| o.0).collect(),
            starts,
            columns,
            rows,
            around: (reach / side).ceil() as usize,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.x.len()
    }

    /// Whether two events are at one place on one day.
    pub(super) fn equal(&self, i: usize, j: usize) -> bool {
        (self.x[i], self.y[i], self.days[i]) == (self.x[j], self.y[j], self.days[j])
    }

    /// What distances are compared by: squared where the metric is Euclidean.
    pub(super) fn measure(metric: Metric, distance: f64) -> f64 {
        match metric {
            Metric::Euclidean => distance * distance,
            Metric::Manhattan => distance,
        }
    }

    /// Calls back with the later partners of an event that are closer than the reach: index and
    /// [measure](Self::measure) of the distance.
    #[inline]
    pub(super) fn each_partner(&self, i: usize, visit: impl FnMut(u32, f64)) {
        match self.metric {
            Metric::Euclidean => self.each_by(i, |dx, dy| dx * dx + dy * dy, visit),
            Metric::Manhattan => self.each_by(i, |dx, dy| dx.abs() + dy.abs(), visit),
        }
    }

    #[inline]
    fn each_by(
        &self,
        i: usize,
        measure: impl Fn(f64, f64) -> f64,
        mut visit: impl FnMut(u32, f64),
    ) {
        let limit = Self::measure(self.metric, self.reach);
        let (x, y) = (self.x[i], self.y[i]);
        let cell = self.cell[i] as usize;
        let (row, column) = (cell / self.columns, cell % self.columns);
        let west = column.saturating_sub(self.around);
        let east = (column + self.around).min(self.columns - 1);
        for r in row..=(row + self.around).min(self.rows - 1) {
            let end = self.starts[r * self.columns + east + 1] as usize;
            let begin = if r == row {
                i + 1
            } else {
                self.starts[r * self.columns + west] as usize
            };
            let span = begin..end;
            for (j, (&px, &py)) in
                (begin as u32..).zip(self.x[span.clone()].iter().zip(&self.y[span]))
            {
                let d = measure(px - x, py - y);
                if d < limit {
                    visit(j, d);
                }
            }
        }
    }
}

/// The near pairs of one block of events, one list per class of distance.
#[derive(Debug)]
pub(super) struct Block {
    /// The first event.
    pub(super) first: usize,
    pub(super) classes: Vec<Partners>,
}

/// The later partners of each event of a block, side by side.
#[derive(Debug, Default)]
pub(super) struct Partners {
    /// `ends[k]` is where the partners of the block's event `k` end and the next one's begin.
    ends: Vec<u32>,
    others: Vec<u32>,
}

impl Partners {
    /// Number of pairs.
    pub(super) fn len(&self) -> usize {
        self.others.len()
    }

    /// The events of the block that have partners: place in the block, and partners.
    #[inline]
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &[u32])> {
        let mut begin = 0;
        self.ends.iter().enumerate().filter_map(move |(k, &end)| {
            let range = begin..end as usize;
            begin = end as usize;
            (!range.is_empty()).then(|| (k, &self.others[range]))
        })
    }
}

/// All pairs below the last cut, by the number of cuts that they reach.
///
/// # Errors
/// [`Error::TooManyPairs`].
pub(super) fn near_pairs(events: &Ordered, cuts: &[f64]) -> Result<Vec<Block>, Error> {
    let cuts: Vec<f64> = cuts
        .iter()
        .map(|&c| Ordered::measure(events.metric, c))
        .collect();
    let found = AtomicU64::new(0);
    let firsts: Vec<usize> = (0..events.len()).step_by(BLOCK).collect();
    let blocks: Vec<Option<Block>> = firsts
        .into_par_iter()
        .map(|first| {
            watch::pass();
            let last = (first + BLOCK).min(events.len());
            let mut classes: Vec<Partners> = Vec::new();
            classes.resize_with(cuts.len(), Partners::default);
            let mut kept = 0;
            for i in first..last {
                events.each_partner(i, |j, d| {
                    let class: usize = cuts.iter().map(|&c| usize::from(d >= c)).sum();
                    classes[class].others.push(j);
                });
                for c in &mut classes {
                    c.ends.push(c.others.len() as u32);
                }
                let total: usize = classes.iter().map(Partners::len).sum();
                let more = (total - kept) as u64;
                kept = total;
                if found.fetch_add(more, Ordering::Relaxed) + more > MAX_PAIRS {
                    return None;
                }
            }
            Some(Block { first, classes })
        })
        .collect();
    blocks
        .into_iter()
        .collect::<Option<_>>()
        .ok_or(Error::TooManyPairs)
}

/// Pairs of days that lie closer together than each cut, whatever their places.
pub(super) fn pairs_within_days(days: &[i32], cuts: &[u32]) -> Vec<u64> {
    let mut sorted = days.to_vec();
    sorted.sort_unstable();
    cuts.iter()
        .map(|&cut| {
            let (mut first, mut pairs) = (0, 0_u64);
            for (i, &day) in sorted.iter().enumerate() {
                // Ends at the day itself: every cut is at least one day.
                while day.abs_diff(sorted[first]) >= cut {
                    first += 1;
                }
                pairs += (i - first) as u64;
            }
            pairs
        })
        .collect()
}

/// Days as small numbers whose differences are the same below a reach, and not below it where they
/// were not: gaps without any event are shortened to the reach.
///
/// # Errors
/// [`Error::TooLong`] if they still do not fit.
pub(super) fn small_days(days: &[i32], reach: u32) -> Result<Vec<i16>, Error> {
    let mut distinct = days.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    let mut small = Vec::with_capacity(distinct.len());
    let mut at = 0_u32;
    for (k, &day) in distinct.iter().enumerate() {
        if k > 0 {
            at = at.saturating_add(day.abs_diff(distinct[k - 1]).min(reach));
        }
        small.push(i16::try_from(at).map_err(|_| Error::TooLong)?);
    }
    let find = |day: &i32| match distinct.binary_search(day) {
        Ok(k) | Err(k) => small[k],
    };
    Ok(days.iter().map(find).collect())
}

/// How many pairs there are of so many events.
pub(super) fn all_pairs(n: usize) -> u64 {
    let n = n as u64;
    n * n.saturating_sub(1) / 2
}
