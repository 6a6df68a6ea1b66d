//! What chance makes of a study: its replicates, and what they say of a cluster.

use rayon::prelude::*;

use super::study::{MonteCarlo, Null, Study, Time};
use super::windows::{Cases, Scanner, Scratch};
use crate::random::Random;
use crate::watch;

/// Replicates that are drawn before the stopping rule is looked at.
const BATCH: u32 = 32;

/// Ratios that differ by no more than this much of them are equal but for rounding.
const ROUNDING: f64 = 1e-9;

/// Euler's constant.
const EULER: f64 = 0.577_215_664_901_532_9;

/// The highest ratios that chance made.
#[derive(Debug, Clone, PartialEq)]
pub struct Chance {
    /// Of each replicate, in their order.
    pub maxima: Vec<f64>,
    /// Whether they ended early because enough of them had reached the most likely cluster.
    pub stopped: bool,
}

impl Chance {
    /// How many reach a ratio.
    #[must_use]
    pub fn reaching(&self, ratio: f64) -> u32 {
        let least = ratio - ROUNDING * ratio;
        self.maxima.iter().filter(|m| **m >= least).count() as u32
    }

    /// Monte Carlo p of a ratio: (1 + those that reach it) / (1 + all); those that reach it over all
    /// where the replicates were stopped (Besag and Clifford). `None` without replicates.
    #[must_use]
    pub fn p(&self, ratio: f64) -> Option<f64> {
        let (reaching, all) = (f64::from(self.reaching(ratio)), self.maxima.len() as f64);
        match self.maxima.len() {
            0 => None,
            _ if self.stopped => Some(reaching / all),
            _ => Some((1.0 + reaching) / (1.0 + all)),
        }
    }

    /// Mean and population standard deviation of the maxima; `None` for fewer than two.
    fn moments(&self) -> Option<(f64, f64)> {
        let n = self.maxima.len() as f64;
        (n >= 2.0).then(|| {
            let mean = self.maxima.iter().sum::<f64>() / n;
            let squares = self.maxima.iter().map(|m| (m - mean) * (m - mean));
            (mean, (squares.sum::<f64>() / n).sqrt())
        })
    }

    /// Place and scale of the Gumbel distribution of the same mean and standard deviation as the
    /// maxima; `None` for fewer than two of them, or all alike.
    #[must_use]
    pub fn gumbel(&self) -> Option<(f64, f64)> {
        let (mean, sd) = self.moments()?;
        let scale = sd * 6.0_f64.sqrt() / std::f64::consts::PI;
        (scale > 0.0).then_some((mean - EULER * scale, scale))
    }

    /// p of a ratio by that distribution.
    #[must_use]
    pub fn p_gumbel(&self, ratio: f64) -> Option<f64> {
        let (place, scale) = self.gumbel()?;
        // 1 − exp(−exp(…)), without loss where it is small.
        Some(-libm::expm1(-libm::exp((place - ratio) / scale)))
    }
}

/// Where the cases of a replicate come from.
enum Source<'a> {
    /// The steps of the cases are put into another order.
    Permuted(&'a Cases),
    /// Each case falls anywhere by population, and at any time or at its own.
    Thrown {
        /// Running totals of the populations.
        population: Vec<f64>,
        /// Running totals of the steps' lengths; without them the steps of the cases.
        lengths: Option<Vec<f64>>,
        steps: Vec<u32>,
    },
    /// So many of the points are cases.
    Drawn {
        points: Vec<(u32, u32)>,
        cases: usize,
    },
}

impl<'a> Source<'a> {
    fn new(study: &Study, observed: &'a Cases) -> Self {
        match &study.null {
            Null::Permutation => Self::Permuted(observed),
            Null::Poisson { population, time } => Self::Thrown {
                population: totals(population),
                lengths: match time {
                    Time::Even(lengths) => Some(totals(lengths)),
                    Time::Observed => None,
                },
                // Sorted, so that the order of the cases has no part in what is drawn.
                steps: {
                    let mut steps: Vec<u32> = study.cases.iter().map(|c| c.1).collect();
                    steps.sort_unstable();
                    steps
                },
            },
            Null::Bernoulli { controls } => {
                let mut points = [study.cases.as_slice(), controls].concat();
                points.sort_unstable();
                Self::Drawn {
                    points,
                    cases: study.cases.len(),
                }
            }
        }
    }

    fn draw(&self, places: usize, random: &mut Random) -> Cases {
        match self {
            Self::Permuted(observed) => {
                let mut cases = (*observed).clone();
                random.shuffle(&mut cases.steps);
                cases
            }
            Self::Thrown {
                population,
                lengths,
                steps,
            } => {
                let drawn: Vec<(u32, u32)> = steps
                    .iter()
                    .map(|&step| {
                        let place = pick(population, random);
                        let step = lengths.as_ref().map_or(step, |l| pick(l, random));
                        (place, step)
                    })
                    .collect();
                Cases::new(places, &drawn)
            }
            Self::Drawn { points, cases } => {
                let mut points = points.clone();
                let all = points.len();
                for i in 0..*cases {
                    let other = i + random.below((all - i) as u32) as usize;
                    points.swap(i, other);
                }
                points.truncate(*cases);
                Cases::new(places, &points)
            }
        }
    }
}

fn totals(weights: &[f64]) -> Vec<f64> {
    let mut sum = 0.0;
    let add = |w: &f64| {
        sum += w;
        sum
    };
    weights.iter().map(add).collect()
}

/// One of the weighted, by their running totals.
fn pick(totals: &[f64], random: &mut Random) -> u32 {
    let at = random.unit() * totals.last().copied().unwrap_or(0.0);
    let after = totals.partition_point(|&t| t <= at);
    after.min(totals.len().saturating_sub(1)) as u32
}

/// Draws replicates of a study until there are enough. The observed cases must be in an order of their
/// own: those of a place by step.
pub(super) fn draw(
    study: &Study,
    scanner: &Scanner,
    observed: &Cases,
    highest: f64,
    how: MonteCarlo,
) -> Chance {
    let source = Source::new(study, observed);
    let mut chance = Chance {
        maxima: Vec::new(),
        stopped: false,
    };
    let mut reaching = 0;
    let mut first = 0;
    watch::ahead(how.replicates.into());
    while first < how.replicates && !chance.stopped {
        let after = (first + BATCH).min(how.replicates);
        let found: Vec<f64> = (first..after)
            .into_par_iter()
            .map_init(Scratch::default, |scratch, replicate| {
                watch::step();
                let mut random = Random::of_replicate(how.seed, u64::from(replicate));
                let cases = source.draw(study.points.len(), &mut random);
                scanner.maximum(&cases, scratch)
            })
            .collect();
        for maximum in found {
            chance.maxima.push(maximum);
            reaching += u32::from(maximum >= highest - ROUNDING * highest);
            if how.stop_after > 0 && reaching >= how.stop_after {
                // The last of all is no stop: nothing was saved, and the usual p holds.
                chance.stopped = chance.maxima.len() < how.replicates as usize;
                break;
            }
        }
        first = after;
    }
    chance
}
