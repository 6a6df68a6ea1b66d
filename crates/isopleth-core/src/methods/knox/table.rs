//! The Knox table: observed and expected pairs, and what shuffled days make of them.

use super::bands::HalfOpen;
use super::pairs::{Block, Ordered, all_pairs, near_pairs, pairs_within_days, small_days};
use super::{Error, Metric, shuffle};
use crate::statistics::poisson_upper;

/// Pairs of events by band of distance (rows) and of days (columns).
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Number of events.
    pub events: usize,
    /// Number of pairs of them, near or not.
    pub pairs: u64,
    /// Pairs in each band of distance, whatever their days.
    pub pairs_by_distance: Vec<u64>,
    /// Pairs in each band of days, whatever their distance.
    pub pairs_by_days: Vec<u64>,
    /// Observed pairs, row by row.
    pub observed: Vec<u64>,
    /// Expected pairs, row by row: exactly the mean over all orders of the days.
    pub expected: Vec<f64>,
    /// Pairs at distance 0 on the same day, which may be one event recorded twice.
    pub same_place_same_day: u64,
    /// What the shuffles showed, where there were any.
    pub shuffles: Option<Shuffles>,
}

/// What shuffled days showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shuffles {
    /// Number of shuffles.
    pub replicates: u32,
    /// Shuffles with at least as many pairs as observed, row by row.
    pub at_least: Vec<u32>,
    /// Sum of pairs over the shuffles, row by row.
    pub sum: Vec<u64>,
}

impl Table {
    /// Number of bands of days.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.pairs_by_days.len()
    }

    /// Observed over expected; `None` where no pair could be there.
    #[must_use]
    pub fn ratio(&self, cell: usize) -> Option<f64> {
        let expected = self.expected[cell];
        (expected > 0.0).then(|| self.observed[cell] as f64 / expected)
    }

    /// P(at least as many pairs as observed) if pairs were Poisson with the exact expected number;
    /// `None` where no pair could be there. An approximation that takes pairs for independent, which
    /// those that share an incident are not: it is too small where a few places hold much.
    #[must_use]
    pub fn p_poisson(&self, cell: usize) -> Option<f64> {
        let expected = self.expected[cell];
        (expected > 0.0).then(|| poisson_upper(self.observed[cell], expected))
    }

    /// Share of shuffles with at least as many pairs as observed, the data counted as one of them;
    /// `None` without shuffles, and where no pair could be there.
    #[must_use]
    pub fn p(&self, cell: usize) -> Option<f64> {
        let shuffles = self.shuffles.as_ref()?;
        (self.expected[cell] > 0.0).then(|| {
            f64::from(1 + shuffles.at_least[cell]) / (f64::from(shuffles.replicates) + 1.0)
        })
    }
}

/// The Knox table of events, without shuffles. See [`simulate`].
///
/// # Errors
/// [`Error`] for events or bands that cannot be counted.
pub fn table(
    points: &[(f64, f64)],
    days: &[i32],
    distance: &HalfOpen<f64>,
    time: &HalfOpen<u32>,
    metric: Metric,
) -> Result<Table, Error> {
    simulate(points, days, distance, time, metric, 0, 0)
}

/// The Knox table of events, with shuffles of the days.
///
/// Points and bands of distance are in one unit, whichever it is; whole numbers below 2²⁶ are
/// compared exactly. The table does not depend on the order of the events.
///
/// # Errors
/// [`Error`] for events or bands that cannot be counted.
pub fn simulate(
    points: &[(f64, f64)],
    days: &[i32],
    distance: &HalfOpen<f64>,
    time: &HalfOpen<u32>,
    metric: Metric,
    replicates: u32,
    seed: u64,
) -> Result<Table, Error> {
    if points.len() != days.len() {
        return Err(Error::Lengths {
            points: points.len(),
            days: days.len(),
        });
    }
    if points.iter().any(|p| !p.0.is_finite() || !p.1.is_finite()) {
        return Err(Error::NotFinite);
    }
    let (cuts, day_cuts) = (distance.cuts(), time.cuts());
    let reach = cuts.last().copied().unwrap_or_default();
    let events = Ordered::new(points, days, metric, reach);
    let blocks = near_pairs(&events, cuts)?;
    let full = Full {
        distance: (0..cuts.len())
            .map(|c| blocks.iter().map(|b| b.classes[c].len() as u64).sum())
            .collect(),
        days: pairs_within_days(days, day_cuts),
        pairs: all_pairs(points.len()),
    };
    let (near, same_place_same_day) = observed(&events, &blocks, day_cuts);
    let crop = Crop::new(distance, time);
    let all = full.complete(&near);
    let observed = crop.cells(&all, full.columns());
    let shuffles = if replicates == 0 {
        None
    } else {
        let reach = day_cuts.last().copied().unwrap_or_default();
        let cuts: Option<Vec<i16>> = day_cuts.iter().map(|&c| c.try_into().ok()).collect();
        let shuffled = shuffle::Shuffled {
            days: small_days(&events.days, reach)?,
            cuts: cuts.ok_or(Error::TooLong)?,
            blocks: &blocks,
            replicates,
            seed,
        };
        let cells = |near: &[u64]| crop.cells(&full.complete(near), full.columns());
        Some(shuffled.against(&observed, cells))
    };
    let pairs_by_distance = crop.rows(&full.by_distance());
    let pairs_by_days = crop.columns(&full.by_days());
    let expected = pairs_by_distance
        .iter()
        .flat_map(|&s| pairs_by_days.iter().map(move |&t| (s, t)))
        .map(|(s, t)| s as f64 * t as f64 / (full.pairs.max(1)) as f64)
        .collect();
    Ok(Table {
        events: points.len(),
        pairs: full.pairs,
        pairs_by_distance,
        pairs_by_days,
        observed,
        expected,
        same_place_same_day,
        shuffles,
    })
}

/// Pairs nearer than each cut of days by class of distance, row by row, and the pairs of the same
/// place and day.
fn observed(events: &Ordered, blocks: &[Block], day_cuts: &[u32]) -> (Vec<u64>, u64) {
    let mut near = Vec::new();
    for class in 0..blocks.first().map_or(0, |b| b.classes.len()) {
        let mut counts = vec![0_u64; day_cuts.len()];
        for block in blocks {
            for (k, partners) in block.classes[class].iter() {
                let day = events.days[block.first + k];
                for &j in partners {
                    let apart = day.abs_diff(events.days[j as usize]);
                    for (count, &cut) in counts.iter_mut().zip(day_cuts) {
                        *count += u64::from(apart < cut);
                    }
                }
            }
        }
        near.extend(counts);
    }
    // Equal places and days stand side by side in the order of the events.
    let mut same = 0;
    let mut run = 0_u64;
    for i in 1..events.len() {
        run = if events.equal(i - 1, i) { run + 1 } else { 0 };
        same += run;
    }
    (near, same)
}

/// What a whole table's margins are: classes of every pair there is, near or not.
struct Full {
    /// Pairs of each class of distance but the last.
    distance: Vec<u64>,
    /// Pairs nearer than each cut of days.
    days: Vec<u64>,
    pairs: u64,
}

impl Full {
    fn columns(&self) -> usize {
        self.days.len() + 1
    }

    fn by_distance(&self) -> Vec<u64> {
        let near: u64 = self.distance.iter().sum();
        let mut all = self.distance.clone();
        all.push(self.pairs - near);
        all
    }

    fn by_days(&self) -> Vec<u64> {
        differences(&self.days, self.pairs)
    }

    /// All cells, from the pairs of the near classes below each cut of days. What is beyond the last
    /// cut is what the margins leave.
    fn complete(&self, near: &[u64]) -> Vec<u64> {
        let mut rest = self.by_days();
        let mut cells = Vec::with_capacity((self.distance.len() + 1) * self.columns());
        for (class, &pairs) in self.distance.iter().enumerate() {
            let row = near
                .get(class * self.days.len()..(class + 1) * self.days.len())
                .map_or_else(|| vec![0; self.columns()], |r| differences(r, pairs));
            for (left, n) in rest.iter_mut().zip(&row) {
                *left -= n;
            }
            cells.extend(row);
        }
        cells.extend(rest);
        cells
    }
}

/// From numbers below rising cuts to numbers between them, and above the last.
fn differences(below: &[u64], all: u64) -> Vec<u64> {
    let mut before = 0;
    below
        .iter()
        .chain([&all])
        .map(|&n| n - std::mem::replace(&mut before, n))
        .collect()
}

/// Which classes are bands.
struct Crop {
    rows: std::ops::Range<usize>,
    columns: std::ops::Range<usize>,
}

impl Crop {
    fn new(distance: &HalfOpen<f64>, time: &HalfOpen<u32>) -> Self {
        let (r, c) = (distance.first_class(), time.first_class());
        Self {
            rows: r..r + distance.count(),
            columns: c..c + time.count(),
        }
    }

    fn rows(&self, all: &[u64]) -> Vec<u64> {
        all[self.rows.clone()].to_vec()
    }

    fn columns(&self, all: &[u64]) -> Vec<u64> {
        all[self.columns.clone()].to_vec()
    }

    fn cells(&self, all: &[u64], columns: usize) -> Vec<u64> {
        let rows = all.chunks(columns).skip(self.rows.start);
        rows.take(self.rows.len())
            .flat_map(|row| &row[self.columns.clone()])
            .copied()
            .collect()
    }
}
