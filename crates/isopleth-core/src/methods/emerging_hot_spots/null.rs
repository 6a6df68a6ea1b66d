//! How likely the sum around a bin is where nothing speaks for any place or time: exactly, or by the
//! normal distribution.
//!
//! The exact null deals the counts of the reference to its bins in all ways: the sum around a bin is that
//! of as many draws without replacement as its neighbourhood has bins. It is added up once for each
//! reference and looked up by number of bins and sum.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::cube::{Cube, Reference};
use crate::local_association::exact::{Distribution, Histogram, MAX_WORK, TooMuchWork, work};
use crate::local_association::two_sided;
use crate::statistics::normal_two_sided;

/// p of a sum, and whether the upper tail is the smaller one.
type Row = Vec<(f64, bool)>;

/// The null of the sums around the bins of a cube.
#[derive(Debug, Clone)]
pub(super) enum Null {
    /// Normal.
    Normal,
    /// Rows by sum, and of each group (steps × sizes of neighbourhoods) its row.
    Exact { rows: Vec<Row>, row_of: Vec<usize> },
}

impl Null {
    /// Adds up the references of a cube whose sums are there.
    pub(super) fn exact(cube: &Cube, counts: &[u32]) -> Result<Self, TooMuchWork> {
        let (steps, sizes) = (cube.steps(), cube.distinct_sizes());
        let by_step = histograms(counts, steps);
        let greatest = cube.greatest_sums();
        // The steps that share a reference.
        let sharing: Vec<Vec<usize>> = match cube.reference() {
            Reference::EntireCube => vec![(0..steps).collect()],
            Reference::Window | Reference::Step => (0..steps).map(|step| vec![step]).collect(),
        };
        let draws = |step: usize, size: u32| size as usize * cube.window(step);
        let widest = sizes.last().copied().unwrap_or(0);
        let references: Vec<(Histogram, usize, u64)> = sharing
            .iter()
            .map(|steps| {
                let mut population = Histogram::new();
                for step in steps.first().map_or(0..0, |&step| cube.span(step)) {
                    for (&value, &n) in &by_step[step] {
                        *population.entry(value).or_default() += n;
                    }
                }
                let most = steps.iter().map(|&s| draws(s, widest)).max().unwrap_or(0);
                let greatest = steps.iter().map(|&s| greatest[s]).max().unwrap_or(0);
                (population, most, u64::from(greatest))
            })
            .collect();
        let all: f64 = references.iter().map(|(h, d, g)| work(h, *d, *g)).sum();
        if all > MAX_WORK {
            return Err(TooMuchWork {
                greatest: references.iter().map(|r| r.2).max().unwrap_or(0),
                drawn: references.iter().map(|r| r.1).max().unwrap_or(0),
                work: all,
            });
        }
        let tables: Vec<BTreeMap<usize, Row>> = references
            .par_iter()
            .zip(&sharing)
            .map(|((population, most, greatest), steps)| {
                let distribution = Distribution::of(population, *most, *greatest)?;
                let mut rows = BTreeMap::new();
                for &step in steps {
                    for &size in sizes {
                        let draws = draws(step, size);
                        rows.entry(draws)
                            .or_insert_with(|| row(&distribution, draws));
                    }
                }
                Ok(rows)
            })
            .collect::<Result<_, TooMuchWork>>()?;
        let mut rows = Vec::new();
        let mut row_of = vec![0; steps * sizes.len()];
        for (table, steps) in tables.into_iter().zip(&sharing) {
            let mut at = BTreeMap::new();
            for (draws, row) in table {
                at.insert(draws, rows.len());
                rows.push(row);
            }
            for &step in steps {
                for (i, &size) in sizes.iter().enumerate() {
                    row_of[step * sizes.len() + i] = at[&draws(step, size)];
                }
            }
        }
        Ok(Self::Exact { rows, row_of })
    }

    /// Two-sided p of the sum around a bin of a group, and whether it is more than expected; NaN where z
    /// is.
    pub(super) fn p(&self, group: usize, sum: u32, z: f64) -> (f64, bool) {
        match self {
            _ if z.is_nan() => (f64::NAN, false),
            Self::Normal => (normal_two_sided(z), z > 0.0),
            Self::Exact { rows, row_of } => rows[row_of[group]][sum as usize],
        }
    }
}

fn row(distribution: &Distribution, draws: usize) -> Row {
    let tails = distribution.tails(draws).into_iter();
    tails
        .map(|t| (two_sided(t.upper, t.lower), t.upper < t.lower))
        .collect()
}

/// How often each count occurs in each step.
fn histograms(counts: &[u32], steps: usize) -> Vec<Histogram> {
    let none = || vec![Histogram::new(); steps];
    let mut by_step = counts
        .par_chunks(steps)
        .fold(none, |mut all, row| {
            // Most bins are empty: they are what remains.
            for (histogram, &n) in all.iter_mut().zip(row).filter(|(_, n)| **n > 0) {
                *histogram.entry(n).or_default() += 1;
            }
            all
        })
        .reduce(none, |mut all, other| {
            for (histogram, other) in all.iter_mut().zip(other) {
                for (value, n) in other {
                    *histogram.entry(value).or_default() += n;
                }
            }
            all
        });
    let cells = (counts.len() / steps) as u64;
    for histogram in &mut by_step {
        let empty = cells - histogram.values().sum::<u64>();
        if empty > 0 {
            histogram.insert(0, empty);
        }
    }
    by_step
}
