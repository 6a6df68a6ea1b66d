//! From z to p, from p to what is significant.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Statistic, conditional, exact, total};
use crate::lattice::Neighbours;
use crate::statistics::{Correction, normal_two_sided};

/// Where p comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PValue {
    /// From all permutations there are: what shuffles approach, without their noise and floor.
    #[default]
    Exact,
    /// From the normal distribution of z.
    Analytic,
    /// From shuffles.
    Permutation(Permutation),
}

impl PValue {
    /// The name in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Analytic => "analytic",
            Self::Permutation(_) => "permutation",
        }
    }
}

/// Shuffles for p.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Permutation {
    /// What moves. Without it `total` for Gi\*, `conditional` for Gi and local Moran's I.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<Scheme>,
    /// How many; of a conditional scheme at most so many.
    #[serde(default = "usual_permutations")]
    pub permutations: u32,
    /// What they are drawn from.
    #[serde(default)]
    pub seed: u64,
    /// Conditional only: a tail is settled after so many draws as far out; 20 without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exceedances: Option<u32>,
}

fn usual_permutations() -> u32 {
    9_999
}

impl Default for Permutation {
    fn default() -> Self {
        Self {
            scheme: None,
            permutations: usual_permutations(),
            seed: 0,
            exceedances: None,
        }
    }
}

/// What a permutation moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    /// Every value of the map.
    Total,
    /// Every value but the cell's own.
    Conditional,
}

impl Scheme {
    /// The name in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Total => "total",
            Self::Conditional => "conditional",
        }
    }

    /// What tests a statistic unless a request says otherwise.
    #[must_use]
    pub fn of(statistic: Statistic) -> Self {
        match statistic {
            Statistic::GiStar => Self::Total,
            Statistic::Gi => Self::Conditional,
        }
    }
}

/// Most permutations.
pub const MAX_PERMUTATIONS: u32 = 999_999;

/// What shuffles can tell at all.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Floor {
    /// The least two-sided p that so many permutations can give.
    pub p: f64,
    /// So many cells have to be at the floor together before any of them is significant.
    pub cells: u64,
}

/// p-values of a map.
#[derive(Debug, Clone, PartialEq)]
pub struct Inference {
    /// Two-sided p; NaN where there is no z.
    pub p: Vec<f64>,
    /// Whether much is what is unusual: the upper tail is the smaller one.
    pub much: Vec<bool>,
    /// Adjusted over all cells that have a p.
    pub p_adjusted: Vec<f64>,
    /// Total permutations only: p from the greatest |z| of each shuffle, adjusted for the whole map.
    pub p_family: Option<Vec<f64>>,
    /// Conditional permutations only: draws until p was settled.
    pub draws: Option<Vec<u32>>,
    /// Cells that have a p.
    pub tests: u64,
    /// Permutations only.
    pub floor: Option<Floor>,
}

/// Why there are no p-values.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InferenceError {
    /// A level that is none.
    #[error("level must be greater than 0 and at most 0.5, not {0}; 0.05 is usual")]
    Level(f64),
    /// A number of permutations out of range.
    #[error(
        "permutations must be 19 to {MAX_PERMUTATIONS}, not {0}; 9999 tell p to a few thousandths"
    )]
    Permutations(u32),
    /// No exceedance would settle anything.
    #[error("exceedances must be 1 to 10000, not {0}; 20 is usual")]
    Exceedances(u32),
    /// Stopping early where nothing stops.
    #[error(
        "exceedances settle tails of \"scheme\": \"conditional\"; total permutations move all cells together and stop for none; leave them out"
    )]
    NothingStops,
    /// Whatever is found, nothing could be significant.
    #[error(
        "{permutations} permutations give no two-sided p below {floor:.3e}, and {correction} over {tests} cells asks for less than that at level {level}: nothing could be significant; use \"p_value\": \"exact\", more permutations ({needed} would do), or another correction"
    )]
    Floor {
        /// Permutations.
        permutations: u32,
        /// The least p.
        floor: f64,
        /// The correction.
        correction: &'static str,
        /// Cells tested.
        tests: u64,
        /// The level.
        level: f64,
        /// Permutations that could find something.
        needed: u64,
    },
    /// Exact p-values would take too long.
    #[error(transparent)]
    TooMuchWork(#[from] exact::TooMuchWork),
    /// Counts too great for shuffles.
    #[error(transparent)]
    TooMany(#[from] total::TooMany),
}

impl InferenceError {
    /// A stable code for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Floor { .. } => "too_few_permutations",
            Self::TooMuchWork(_) | Self::TooMany(_) => "too_much_work",
            _ => "invalid_significance",
        }
    }
}

/// Twice the smaller tail, at most 1.
#[must_use]
pub fn two_sided(upper: f64, lower: f64) -> f64 {
    (2.0 * upper.min(lower)).min(1.0)
}

/// A level that a test can be made at.
///
/// # Errors
/// [`InferenceError::Level`].
pub fn check_level(level: f64) -> Result<(), InferenceError> {
    if level > 0.0 && level <= 0.5 {
        Ok(())
    } else {
        Err(InferenceError::Level(level))
    }
}

/// p-values and sides before they are adjusted.
#[derive(Debug, Clone, PartialEq)]
pub struct Tested {
    /// Two-sided p; NaN where there is none.
    pub p: Vec<f64>,
    /// Whether the upper tail is the smaller one.
    pub much: Vec<bool>,
}

impl Tested {
    /// From both tails of each cell; `None` where there is no z.
    #[must_use]
    pub fn by_tails(tails: &[Option<exact::Tails>]) -> Self {
        let p = |t: &Option<exact::Tails>| t.map_or(f64::NAN, |t| two_sided(t.upper, t.lower));
        let much = |t: &Option<exact::Tails>| t.is_some_and(|t| t.upper < t.lower);
        Self {
            p: tails.iter().map(p).collect(),
            much: tails.iter().map(much).collect(),
        }
    }

    /// Adjusts p over all cells that have one.
    #[must_use]
    pub fn adjusted(self, correction: Correction) -> Inference {
        Inference {
            p_adjusted: correction.adjust(&self.p),
            tests: self.p.iter().filter(|p| !p.is_nan()).count() as u64,
            p: self.p,
            much: self.much,
            p_family: None,
            draws: None,
            floor: None,
        }
    }
}

/// From the normal distribution of z.
#[must_use]
pub fn by_normal(z: &[f64]) -> Tested {
    Tested {
        p: z.par_iter().map(|&z| normal_two_sided(z)).collect(),
        much: z.iter().map(|&z| z > 0.0).collect(),
    }
}

impl Inference {
    /// Tests the neighbourhoods of a map of counts. `z` is that of the statistic, NaN where it is not
    /// defined; there is no p then.
    ///
    /// # Errors
    /// [`InferenceError`], among others where no cell could be significant whatever it held.
    ///
    /// # Panics
    /// If there are not as many counts as cells.
    pub fn of_counts(
        counts: &[u32],
        neighbours: &Neighbours,
        statistic: Statistic,
        z: &[f64],
        p_value: PValue,
        correction: Correction,
        level: f64,
    ) -> Result<Self, InferenceError> {
        check_level(level)?;
        let defined = |c: usize| !z[c].is_nan();
        match p_value {
            PValue::Analytic => Ok(by_normal(z).adjusted(correction)),
            PValue::Exact => {
                let tails = exact::tails(counts, neighbours, statistic)?;
                let tails: Vec<_> = tails
                    .into_iter()
                    .enumerate()
                    .map(|(c, t)| defined(c).then_some(t))
                    .collect();
                Ok(Tested::by_tails(&tails).adjusted(correction))
            }
            PValue::Permutation(shuffle) => {
                let tests = z.iter().filter(|z| !z.is_nan()).count() as u64;
                let scheme = shuffle.scheme.unwrap_or(Scheme::of(statistic));
                let floor = shuffle.check(scheme, correction, tests, level)?;
                let mut found = match scheme {
                    Scheme::Total => {
                        of_total(counts, neighbours, statistic, z, shuffle, correction)?
                    }
                    Scheme::Conditional => {
                        let enough = shuffle.exceedances.unwrap_or(USUAL_EXCEEDANCES);
                        let drawn = conditional::sequential(
                            counts,
                            neighbours,
                            shuffle.permutations,
                            enough,
                            shuffle.seed,
                        );
                        let p = |(c, d): (usize, &conditional::Sequential)| {
                            if defined(c) { d.p } else { f64::NAN }
                        };
                        let tested = Tested {
                            p: drawn.iter().enumerate().map(p).collect(),
                            much: drawn.iter().map(|d| d.much).collect(),
                        };
                        let mut found = tested.adjusted(correction);
                        found.draws = Some(drawn.iter().map(|d| d.draws).collect());
                        found
                    }
                };
                found.floor = Some(floor);
                Ok(found)
            }
        }
    }
}

const USUAL_EXCEEDANCES: u32 = 20;

fn of_total(
    counts: &[u32],
    neighbours: &Neighbours,
    statistic: Statistic,
    z: &[f64],
    shuffle: Permutation,
    correction: Correction,
) -> Result<Inference, InferenceError> {
    let shuffles = total::shuffles(
        counts,
        neighbours,
        statistic,
        shuffle.permutations,
        shuffle.seed,
    )?;
    let defined = |c: usize| !z[c].is_nan();
    let cells = 0..counts.len();
    let tested = Tested {
        p: cells
            .clone()
            .map(|c| if defined(c) { shuffles.p(c) } else { f64::NAN })
            .collect(),
        much: cells
            .clone()
            .map(|c| shuffles.at_least[c] < shuffles.at_most[c])
            .collect(),
    };
    let mut found = tested.adjusted(correction);
    // As a sum of draws from the whole map, as the extremes are: for Gi* that is z itself.
    let all = super::Population::of(counts);
    let sums = super::sums(counts, neighbours, statistic);
    let of_draws = |c: usize| {
        let drawn = neighbours.of(c).len() + statistic.itself();
        all.standardise(sums[c], drawn as u64)
            .filter(|_| defined(c))
    };
    found.p_family = Some(
        cells
            .map(|c| of_draws(c).map_or(f64::NAN, |z| shuffles.p_family(z)))
            .collect(),
    );
    Ok(found)
}

impl Permutation {
    /// Whether so many can tell anything, and what their floor is.
    fn check(
        self,
        scheme: Scheme,
        correction: Correction,
        tests: u64,
        level: f64,
    ) -> Result<Floor, InferenceError> {
        let permutations = self.permutations;
        if !(19..=MAX_PERMUTATIONS).contains(&permutations) {
            return Err(InferenceError::Permutations(permutations));
        }
        match (scheme, self.exceedances) {
            (Scheme::Total, Some(_)) => return Err(InferenceError::NothingStops),
            (Scheme::Conditional, Some(n)) if !(1..=10_000).contains(&n) => {
                return Err(InferenceError::Exceedances(n));
            }
            _ => {}
        }
        let floor = 2.0 / f64::from(permutations + 1);
        // What p has to be for one cell alone, and for all cells together.
        let m = tests.max(1) as f64;
        let (alone, together) = match correction {
            Correction::None => (1.0, 1.0),
            Correction::Bonferroni | Correction::Holm => (m, m),
            Correction::BenjaminiHochberg => (m, 1.0),
            Correction::BenjaminiYekutieli => {
                let sum: f64 = (1..=tests.max(1)).rev().map(|i| 1.0 / i as f64).sum();
                (m * sum, sum)
            }
        };
        if floor * together > level {
            return Err(InferenceError::Floor {
                permutations,
                floor,
                correction: correction.name(),
                tests,
                level,
                needed: (2.0 * together / level).ceil() as u64,
            });
        }
        let cells = match correction {
            Correction::None | Correction::Bonferroni | Correction::Holm => 1,
            _ => (floor * alone / level).ceil().max(1.0) as u64,
        };
        Ok(Floor { p: floor, cells })
    }
}

/// How sure it is that a cell is unusual, by its adjusted p.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Unusually much, adjusted p at most 0.01.
    Hot99,
    /// At most 0.05.
    Hot95,
    /// At most 0.10.
    Hot90,
    /// Neither.
    NotSignificant,
    /// Unusually little, at most 0.10.
    Cold90,
    /// At most 0.05.
    Cold95,
    /// At most 0.01.
    Cold99,
}

impl Class {
    /// The class of an adjusted p and a side; `None` where there is no p.
    #[must_use]
    pub fn of(p_adjusted: f64, much: bool) -> Option<Self> {
        Some(match (p_adjusted, much) {
            (p, _) if p.is_nan() => return None,
            (p, true) if p <= 0.01 => Self::Hot99,
            (p, true) if p <= 0.05 => Self::Hot95,
            (p, true) if p <= 0.10 => Self::Hot90,
            (p, false) if p <= 0.01 => Self::Cold99,
            (p, false) if p <= 0.05 => Self::Cold95,
            (p, false) if p <= 0.10 => Self::Cold90,
            _ => Self::NotSignificant,
        })
    }

    /// The name in layers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hot99 => "hot_99",
            Self::Hot95 => "hot_95",
            Self::Hot90 => "hot_90",
            Self::NotSignificant => "not_significant",
            Self::Cold90 => "cold_90",
            Self::Cold95 => "cold_95",
            Self::Cold99 => "cold_99",
        }
    }
}
