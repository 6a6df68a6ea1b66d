//! Local association: whether what lies around a cell is unusually much for the whole map.
//!
//! **Sums of draws.** Every statistic here asks one question: is the sum of a neighbourhood what it
//! would be if the values of the map lay anywhere? The sum of W values drawn from n without replacement
//! has mean W x̄ and variance s² W (n − W) / (n − 1), where s² has the divisor n. Ord and Getis' Gi\* is
//! the neighbourhood's sum so standardised; Gi is the same with the cell's own value taken out of the
//! neighbourhood and out of the map; local Moran's I, the own value held fixed, is Gi with the sign of
//! that value's distance from the mean. With weights the sum is Σ w x, W is Σ w, and W (n − W) becomes
//! n S₁ − W² with S₁ = Σ w², so that weights that are all multiplied by the same number give the same z:
//! row-standardised is binary. (With the variance of binary weights put in for any other, as esda 2.9
//! does, it is not.)
//!
//! **Three ways to p.** From the normal distribution, which is wrong for counts that are mostly 0 and
//! sometimes 200. By shuffles ([`total`], [`conditional`]). Or exactly ([`exact`]): the distribution of
//! the sum of W values drawn from the map's own counts is found by adding up, value by value, and is what
//! shuffles would give if there were infinitely many; it has no floor, no seed and no noise, and costs
//! less than a thousand shuffles do.
//!
//! **What a shuffle keeps.** A *total* permutation moves every value, so that cells with the same number
//! of neighbours have exactly the same null. A *conditional* one keeps the cell's own value and moves the
//! others; its null is exactly the same for cells with the same own value and the same number of
//! neighbours, and for no others: taking 3 out of the map leaves another map than taking out 4. Both are
//! tabulated once for all cells that share them. For Gi\*, whose sum holds the own value, a conditional
//! shuffle holds the own value on both sides and so does not see it: a single cell with 200 among zeros is
//! not unusual to it. Gi\* is therefore tested by total permutation, Gi and local Moran's I by the
//! conditional one.
//!
//! **References.** Getis & Ord 1992, doi 10.1111/j.1538-4632.1992.tb00261.x; Ord & Getis 1995,
//! doi 10.1111/j.1538-4632.1995.tb00912.x; Anselin 1995, doi 10.1111/j.1538-4632.1995.tb00338.x; Sokal,
//! Oden & Thomson 1998 (conditional moments), doi 10.1111/j.1538-4632.1998.tb00406.x; Pagano & Tritchler
//! 1983 (exact permutation distributions by adding up), doi 10.1080/01621459.1983.10477991; Besag &
//! Clifford 1991 (stopping early), doi 10.1093/biomet/78.2.301; Westfall & Young 1993 (the greatest of
//! each shuffle); Phipson & Smyth 2010, doi 10.2202/1544-6115.1585.

pub mod conditional;
pub mod exact;
mod ground;
mod inference;
pub mod total;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::lattice::Neighbours;

pub use ground::{CellsShown, Ground, GroundError, GroundParams, MAX_RINGS, Reach, Sides};
pub use inference::{
    Class, Floor, Inference, InferenceError, PValue, Permutation, Scheme, Tested, by_normal,
    check_level, two_sided,
};

/// Cells that one task works on.
const TASK: usize = 4096;

/// Whether a cell belongs to its own neighbourhood.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Statistic {
    /// It does: Gi\*.
    #[default]
    GiStar,
    /// It does not, and is left out of mean and variance: Gi.
    Gi,
}

impl Statistic {
    /// The name in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::GiStar => "gi_star",
            Self::Gi => "gi",
        }
    }

    fn itself(self) -> usize {
        usize::from(self == Self::GiStar)
    }
}

/// What is drawn from: how many values, their sum and the sum of their squares, exactly.
///
/// ```
/// use isopleth_core::local_association::Population;
/// let map = Population::of(&[0, 0, 0, 0, 9, 1]);
/// // 10 in two cells of six is as much as can be.
/// let z = map.standardise(10, 2).unwrap();
/// assert_eq!(format!("{z:.6}"), "1.597191");
/// assert_eq!(Population::of(&[4, 4, 4]).standardise(8, 2), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Population {
    /// Values.
    pub size: u64,
    /// Their sum.
    pub sum: u64,
    /// Sum of their squares.
    pub squares: u128,
}

impl Population {
    /// All values of a map.
    #[must_use]
    pub fn of(counts: &[u32]) -> Self {
        Self {
            size: counts.len() as u64,
            sum: counts.iter().map(|&c| u64::from(c)).sum(),
            squares: counts
                .iter()
                .map(|&c| u128::from(u64::from(c) * u64::from(c)))
                .sum(),
        }
    }

    /// Records of which some bear a mark: the neighbourhood's sum is then its number of marked records,
    /// and z that of a hypergeometric number.
    #[must_use]
    pub fn marked(marked: u64, all: u64) -> Self {
        Self {
            size: all,
            sum: marked,
            squares: marked.into(),
        }
    }

    /// The same with one value taken out.
    #[must_use]
    pub fn without(self, count: u32) -> Self {
        let count = u64::from(count);
        Self {
            size: self.size.saturating_sub(1),
            sum: self.sum.saturating_sub(count),
            squares: self.squares.saturating_sub((count * count).into()),
        }
    }

    /// The mean; `None` of nothing.
    #[must_use]
    pub fn mean(self) -> Option<f64> {
        (self.size > 0).then(|| self.sum as f64 / self.size as f64)
    }

    /// n² s², s² with the divisor n: a whole number, 0 exactly where all values are equal.
    fn spread(self) -> u128 {
        (u128::from(self.size) * self.squares)
            .saturating_sub(u128::from(self.sum) * u128::from(self.sum))
    }

    /// The standardised sum of so many values drawn without replacement; `None` where nothing can vary:
    /// all values equal, none drawn or all of them.
    #[must_use]
    pub fn standardise(self, sum: u64, drawn: u64) -> Option<f64> {
        let spread = self.spread();
        if drawn == 0 || drawn >= self.size || spread == 0 {
            return None;
        }
        let above =
            i128::from(self.size) * i128::from(sum) - i128::from(drawn) * i128::from(self.sum);
        Some(above as f64 / self.scale(spread, drawn))
    }

    /// n times the standard deviation of the sum of so many values.
    fn scale(self, spread: u128, drawn: u64) -> f64 {
        let drawn_of = drawn as f64 * ((self.size - drawn) as f64 / (self.size - 1) as f64);
        (spread as f64 * drawn_of).sqrt()
    }
}

/// Sum of each cell's neighbourhood.
///
/// # Panics
/// If there are not as many counts as cells.
#[must_use]
pub fn sums(counts: &[u32], neighbours: &Neighbours, statistic: Statistic) -> Vec<u64> {
    assert_eq!(counts.len(), neighbours.len());
    let own = statistic.itself() as u64;
    let sum = |c: usize| {
        let around = neighbours
            .of(c)
            .iter()
            .map(|&n| u64::from(counts[n as usize]));
        around.sum::<u64>() + own * u64::from(counts[c])
    };
    (0..counts.len())
        .into_par_iter()
        .with_min_len(TASK)
        .map(sum)
        .collect()
}

/// Gi\* or Gi of counts with binary weights, NaN where it is not defined: Gi\* of constant counts, Gi
/// where all others are equal or there is no neighbour. Whole numbers up to one square root and one
/// division, so that no z depends on the order of anything.
///
/// # Panics
/// If there are not as many counts as cells.
#[must_use]
pub fn getis_ord_of_counts(
    counts: &[u32],
    neighbours: &Neighbours,
    statistic: Statistic,
) -> Vec<f64> {
    assert_eq!(counts.len(), neighbours.len());
    let all = Population::of(counts);
    let spread = all.spread();
    let most = (0..counts.len())
        .map(|c| neighbours.of(c).len())
        .max()
        .unwrap_or(0)
        + statistic.itself();
    // Each cell of so many neighbours has the same denominator.
    let scales: Vec<f64> = (0..=most as u64)
        .map(|w| match w {
            0 => f64::NAN,
            _ if spread == 0 || w >= all.size => f64::NAN,
            _ => all.scale(spread, w),
        })
        .collect();
    // Small enough for 64 bits on every map that is not a thought.
    let small = i64::try_from(all.size)
        .ok()
        .zip(i64::try_from(all.sum).ok())
        .filter(|(n, sum)| n.checked_mul(*sum).is_some() && sum.checked_mul(most as i64).is_some());
    let of = |c: usize| -> f64 {
        let around = neighbours.of(c);
        let sum: u64 = around.iter().map(|&n| u64::from(counts[n as usize])).sum();
        match (statistic, small) {
            (Statistic::GiStar, Some((n, all))) => {
                let drawn = around.len() + 1;
                let sum = (sum + u64::from(counts[c])) as i64;
                (n * sum - drawn as i64 * all) as f64 / scales[drawn]
            }
            (Statistic::GiStar, None) => {
                let drawn = around.len() as u64 + 1;
                all.standardise(sum + u64::from(counts[c]), drawn)
                    .unwrap_or(f64::NAN)
            }
            (Statistic::Gi, _) => all
                .without(counts[c])
                .standardise(sum, around.len() as u64)
                .unwrap_or(f64::NAN),
        }
    };
    (0..counts.len())
        .into_par_iter()
        .with_min_len(TASK)
        .map(of)
        .collect()
}

/// How much each neighbour counts.
#[derive(Clone, Copy)]
pub enum Weights<'a> {
    /// Each alike.
    Binary,
    /// Each alike, all of a cell's together 1.
    RowStandardised,
    /// By cell and neighbour; by a cell and itself where it belongs to its neighbourhood.
    Each(&'a (dyn Fn(usize, usize) -> f64 + Sync)),
}

impl std::fmt::Debug for Weights<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Binary => "Binary",
            Self::RowStandardised => "RowStandardised",
            Self::Each(_) => "Each",
        })
    }
}

/// Σ w x, Σ w and Σ w² of a neighbourhood.
fn weighted(
    values: &[f64],
    neighbours: &Neighbours,
    weights: Weights,
    cell: usize,
    itself: usize,
) -> (f64, f64, f64) {
    let around = neighbours.of(cell);
    let all = (around.len() + itself) as f64;
    let weight = |n: usize| match weights {
        Weights::Binary => 1.0,
        Weights::RowStandardised => 1.0 / all,
        Weights::Each(of) => of(cell, n),
    };
    let members = (0..itself)
        .map(|_| cell)
        .chain(around.iter().map(|&n| n as usize));
    members.fold((0.0, 0.0, 0.0), |(sum, w, s1), n| {
        let each = weight(n);
        (sum + each * values[n], w + each, s1 + each * each)
    })
}

/// Values about their mean, and what is needed to tell whether they vary.
struct Centred {
    values: Vec<f64>,
    /// Sum of their squares.
    squares: f64,
    /// How many values there are of different size, up to 3, and how often the first two occur.
    distinct: Vec<(f64, usize)>,
}

impl Centred {
    fn new(values: &[f64]) -> Self {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let mut distinct: Vec<(f64, usize)> = Vec::new();
        for &v in values {
            match distinct.iter().position(|d| d.0 == v) {
                Some(at) => distinct[at].1 += 1,
                None if distinct.len() < 3 => distinct.push((v, 1)),
                None => {}
            }
        }
        let values: Vec<f64> = values.iter().map(|v| v - mean).collect();
        let squares = values.iter().map(|v| v * v).sum();
        Self {
            values,
            squares,
            distinct,
        }
    }

    fn constant(&self) -> bool {
        self.distinct.len() < 2
    }

    /// Whether all but this one are equal.
    fn others_constant(&self, value: f64) -> bool {
        self.constant()
            || self.distinct.len() == 2 && self.distinct.iter().any(|d| d.0 == value && d.1 == 1)
    }
}

/// Gi\* or Gi of any values with any weights, NaN where it is not defined: where nothing varies, where a
/// cell has no neighbour (Gi), or where a value or weight is not finite.
///
/// # Panics
/// If there are not as many values as cells.
#[must_use]
pub fn getis_ord(
    values: &[f64],
    neighbours: &Neighbours,
    weights: Weights,
    statistic: Statistic,
) -> Vec<f64> {
    assert_eq!(values.len(), neighbours.len());
    let n = values.len() as f64;
    let centred = Centred::new(values);
    let of = |c: usize| -> f64 {
        // About the mean, so that a far-off origin costs no digits.
        let (sum, w, s1) = weighted(&centred.values, neighbours, weights, c, statistic.itself());
        let (above, variance, n) = match statistic {
            Statistic::GiStar if centred.constant() => return f64::NAN,
            Statistic::Gi if centred.others_constant(values[c]) => return f64::NAN,
            Statistic::GiStar => (sum, centred.squares / n, n),
            Statistic::Gi => {
                let (own, others) = (centred.values[c], n - 1.0);
                let mean = -own / others;
                let variance = (centred.squares - own * own) / others - mean * mean;
                (sum - w * mean, variance, others)
            }
        };
        let of_weights = (n * s1 - w * w) / (n - 1.0);
        // Where the neighbourhood is the map, or empty, nothing can vary; rounding may say otherwise.
        if of_weights.is_nan() || of_weights <= 1e-12 * n * s1 {
            return f64::NAN;
        }
        above / (variance * of_weights).sqrt()
    };
    (0..values.len())
        .into_par_iter()
        .with_min_len(TASK)
        .map(of)
        .collect()
}

/// Local Moran's I: zᵢ Σ wᵢⱼ zⱼ / m₂ with z about the mean, m₂ = Σ z² / n and the cell itself left out;
/// NaN for constant values and for cells without neighbours. As Anselin 1995 and spdep have it; esda
/// divides by n − 1 in m₂, so that its I is (n − 1)/n of this one, and spdep with `mlvar = FALSE` too.
///
/// # Panics
/// If there are not as many values as cells.
#[must_use]
pub fn local_moran(values: &[f64], neighbours: &Neighbours, weights: Weights) -> Vec<f64> {
    assert_eq!(values.len(), neighbours.len());
    let centred = Centred::new(values);
    let m2 = centred.squares / values.len() as f64;
    let of = |c: usize| -> f64 {
        if centred.constant() || neighbours.of(c).is_empty() {
            return f64::NAN;
        }
        centred.values[c] * weighted(&centred.values, neighbours, weights, c, 0).0 / m2
    };
    (0..values.len())
        .into_par_iter()
        .with_min_len(TASK)
        .map(of)
        .collect()
}

/// The standardised local Moran's I, the own value held fixed (Sokal, Oden & Thomson 1998): Gi with the
/// sign of the own value's distance from the mean. NaN where either is not defined, and for a cell that
/// is exactly the mean, whose I is 0 whatever lies around it.
///
/// # Panics
/// If there are not as many counts as cells.
#[must_use]
pub fn local_moran_z(counts: &[u32], neighbours: &Neighbours) -> Vec<f64> {
    let all = Population::of(counts);
    let mut z = getis_ord_of_counts(counts, neighbours, Statistic::Gi);
    for (z, &count) in z.iter_mut().zip(counts) {
        *z *= match (u128::from(count) * u128::from(all.size)).cmp(&all.sum.into()) {
            std::cmp::Ordering::Greater => 1.0,
            std::cmp::Ordering::Equal => f64::NAN,
            std::cmp::Ordering::Less => -1.0,
        };
    }
    z
}
