//! Surprise: places that are new, or that have more than their own history and season let expect.
//!
//! **What it answers.** The busiest places are the same each month, and everybody knows them. Where did
//! more happen in the latest period than this place's own past would have led one to expect, and where
//! did something happen for the first time? The rank by volume stands beside the rank by surprise.
//!
//! **Model.** The period is cut into `step`s (**months**); the last `latest_steps` (1) are the latest
//! period, the supplied ones before it the history. Each cell of the study area, the empty ones among
//! them, has a rate of its own, which is gamma-distributed over the cells; counts are Poisson. Shape α
//! and rate β of that gamma are found from all cells' histories by maximum likelihood (empirical
//! Bayes). A cell with h incidents in a history of exposure H then has Gamma(α + h, β + H), and its
//! count in a latest period of exposure E is negative binomial: `expected` is (α + h)E/(β + H), which
//! is small, and not 0, where nothing ever happened. `p` is the exact probability of as many or more;
//! `surprise` is −log₁₀ p.
//!
//! **Level.** With `"level": "study_area"` (the default) the exposure of a step is what the whole study
//! area had in it. A month in which everything rose is then one finding about the study area, told
//! apart (`study_area_p`), and not a thousand surprises; the study area's season is gone with it. With
//! `"own"` exposures are days, weighted by the study area's season (its incidents per day in each
//! calendar month of the earlier years, over the mean) where the twelve months before the latest
//! period are all supplied; otherwise the layer says that it is not adjusted.
//!
//! **Season of a place.** A shopping street has its own December. Where the same calendar months of an
//! earlier year are supplied, those count in full, and the other steps of the history with a weight δ
//! from 0 to 1: the weight with which, over all cells, the other steps best foretold the same months
//! of the earlier years (maximum likelihood, in steps of 0.05). Where places have no seasons of their
//! own and keep their level δ is near 1; `"season": "none"` makes it 1. Without an earlier year δ is 1,
//! and the layer says that the season is not adjusted for.
//!
//! **Many places.** `p_adjusted` is adjusted over all cells of the study area, those without an
//! incident among them (Benjamini and Hochberg by default); `flagged` where it is at most `alpha`
//! (0.05). `new` where the history has no incident. Steps in which the data has no record of any kind
//! are left out of the history, never taken as 0.
//!
//! **Edge cases.** No incident in the latest period: no places. No history: refused. All cells alike,
//! or a history of the same rate everywhere: the gamma narrows to a point and the test is Poisson's.
//! Ties in surprise go by count, then by cell. Cells with fewer than `min_count` are tested, and not
//! listed.
//!
//! **How it can mislead.** A place is tested on data that may have been recorded in another way: a new
//! list of map points makes new places everywhere, a new record system too. Within a place incidents
//! follow each other (near repeats, a spate by one offender): that is surprise as well, and no sign
//! that it will last. With hundreds of cells in a gamma of one shape the few that hold most incidents
//! fit it least. A cell at the boundary has only its part inside. Regression to the mean: the next
//! period of what ranks first will be lower, whatever is done.
//!
//! **Calibration.** The months of Metropolitan burglaries (2018–2019) shuffled among the incidents, so
//! that places keep their totals and nothing else: a map with any place flagged at 0.05 came in 1.4 %
//! of 2,000 shuffles (Havering, H3 9), 1.2 % of 1,000 (Havering, H3 10) and 1.3 % of 400 (32 boroughs,
//! H3 9); of single tests 0.3 to 0.4 % had p ≤ 0.01. Counts so small make exact tests cautious. As they
//! happened, December 2019 has 4 places flagged of 17,323, and the first by volume ranks 20th.
//! (`cargo run --release -p isopleth-benches --bin figures -- calibration.surprise`.)
//!
//! **Complexity.** Linear in incidents and cells, times twenty-one weights; the tail of a cell is a sum
//! of some tens of terms.
//!
//! **References.** DuMouchel 1999 (gamma-Poisson shrinkage), doi 10.1080/00031305.1999.10474456;
//! Ibrahim & Chen 2000 (weighted histories: power priors), doi 10.1214/ss/1009212673; Benjamini &
//! Hochberg 1995, doi 10.1111/j.2517-6161.1995.tb02031.x. **Checked against** R: `pnbinom`, and
//! the maximum of the likelihood by `optim`.

use geo::Polygon;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::domain::{CivilMinute, MINUTES_PER_DAY, Period, add_months, format_day, month_number};
use crate::hotspots;
use crate::lattice::LatticeError;
use crate::places::{Comparable, PlaceFacts, Wards};
use crate::request::Select;
use crate::select::{SelectError, Selection};
use crate::statistics::{Correction, negative_binomial_pmf, negative_binomial_upper};
use crate::steps::{Step, Steps, StepsError};
use crate::study_cells::{self, Shape, StudyCells, StudyCellsError};

/// Parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// What the cells are.
    #[serde(default)]
    pub cells: Shape,
    /// H3 resolution of the cells, 6 to 12; 9 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub h3_resolution: Option<u8>,
    /// Side of square cells, metres; 150 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cell_m: Option<f64>,
    /// What the period is cut into.
    #[serde(default)]
    pub step: Step,
    /// How many steps at the end are the latest period.
    #[serde(default = "one")]
    pub latest_steps: u32,
    /// What a place's count is held against.
    #[serde(default)]
    pub level: Level,
    /// Whether the same months of earlier years count for more than others.
    #[serde(default)]
    pub season: Season,
    /// How p is adjusted for the number of cells.
    #[serde(default)]
    pub correction: Correction,
    /// Largest adjusted p of a flagged place.
    #[serde(default = "five_in_a_hundred")]
    pub alpha: f64,
    /// Fewest incidents in the latest period of a place listed.
    #[serde(default = "one")]
    pub min_count: u32,
    /// Only the first so many; the number left out is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
}

fn one() -> u32 {
    1
}

fn five_in_a_hundred() -> f64 {
    0.05
}

/// What a place's count is held against.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Its share of the study area in the past.
    #[default]
    StudyArea,
    /// Its own level in the past, day for day.
    Own,
}

impl Level {
    /// The name in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::StudyArea => "study_area",
            Self::Own => "own",
        }
    }
}

/// Whether seasons are adjusted for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Season {
    /// Where an earlier year is supplied.
    #[default]
    Auto,
    /// Never.
    None,
}

/// Why there is no surprise to tell.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A number out of range.
    #[error("{field} must be {range}, not {value}")]
    Range {
        /// The field.
        field: &'static str,
        /// What it may be.
        range: &'static str,
        /// The value.
        value: f64,
    },
    /// Nothing before the latest period.
    #[error(
        "the period has {steps} {what}, and {latest} are the latest: none is left for the history; begin the period earlier"
    )]
    NoHistory {
        /// Steps.
        steps: usize,
        /// Of them the latest.
        latest: u32,
        /// What they are.
        what: &'static str,
    },
    /// The history was not supplied, or has no incident.
    #[error(
        "no incident is selected in the study area in the {steps} {what} before the latest, of which the data has records of any kind in {supplied}: there is no history to be surprised by; begin the period earlier or widen the selection"
    )]
    EmptyHistory {
        /// Steps.
        steps: usize,
        /// Those with records.
        supplied: usize,
        /// What they are.
        what: &'static str,
    },
    /// The latest period was not supplied.
    #[error(
        "the data has no record of any kind in the study area in {step}, which is among the latest: zero would mean not supplied; end the period earlier"
    )]
    NotSupplied {
        /// The step.
        step: String,
    },
    /// The steps.
    #[error(transparent)]
    Steps(#[from] StepsError),
    /// The cells.
    #[error(transparent)]
    Cells(#[from] StudyCellsError),
    /// The records of the latest period.
    #[error(transparent)]
    Select(#[from] SelectError),
    /// An outline.
    #[error(transparent)]
    Lattice(#[from] LatticeError),
}

impl Error {
    /// A stable code for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Steps(e) => e.code(),
            Self::Cells(e) => e.code(),
            Self::NotSupplied { .. } => "not_supplied",
            Self::NoHistory { .. } | Self::EmptyHistory { .. } => "no_history",
            _ => "invalid_surprise",
        }
    }
}

/// A place with incidents in the latest period.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// The cell's name.
    pub id: String,
    /// Rank by surprise, from 1.
    pub rank: u32,
    /// Rank by volume, from 1: by count in the latest period, equals by cell.
    pub volume_rank: u32,
    /// A name that does not promise more than the positions know.
    pub name: String,
    /// Its outline.
    pub outline: Polygon,
    /// Planar area of the cell, m².
    pub area_m2: f64,
    /// Incidents in the latest period.
    pub count: u32,
    /// Incidents expected.
    pub expected: f64,
    /// Probability of as many or more.
    pub p: f64,
    /// The same, adjusted over all cells.
    pub p_adjusted: f64,
    /// Whether the adjusted p is at most alpha.
    pub flagged: bool,
    /// Whether the history has no incident.
    pub new: bool,
    /// Incidents in the history.
    pub history_count: u32,
    /// Counts of the last twelve steps of the history, earliest first; none where not supplied.
    pub recent: Vec<Option<u32>>,
    /// Facts of the latest period.
    pub facts: PlaceFacts,
}

impl Place {
    /// −log₁₀ p.
    #[must_use]
    pub fn surprise(&self) -> f64 {
        surprise(self.p)
    }
}

fn surprise(p: f64) -> f64 {
    // A probability too small for a number is told as the smallest there is.
    -p.max(f64::MIN_POSITIVE).log10() + 0.0
}

/// The gamma that the rates of cells are drawn from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prior {
    /// Shape.
    pub shape: f64,
    /// Rate, in exposure.
    pub rate: f64,
}

/// How seasons were adjusted for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Seasons {
    /// Steps of the same calendar months of earlier years.
    pub steps: usize,
    /// Weight of the other steps.
    pub weight_of_others: f64,
}

/// New and unexpected places.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The parameters, as asked for.
    pub params: Params,
    /// The places, by rank.
    pub places: Vec<Place>,
    /// Number of cells, the empty ones among them.
    pub cells: usize,
    /// What they are, in words.
    pub cells_words: String,
    /// First and last day of the latest period.
    pub latest: (String, String),
    /// First day of the history.
    pub history_from: String,
    /// Supplied steps of the history, and all of them.
    pub history_steps: (usize, usize),
    /// Labels of the last twelve steps of the history, earliest first.
    pub recent_steps: Vec<String>,
    /// The gamma of the rates.
    pub prior: Prior,
    /// Seasons of places; none where they are not adjusted for.
    pub seasons: Option<Seasons>,
    /// With `own`: the years that the study area's season was taken from, 0 for none.
    pub season_years: Option<u32>,
    /// Incidents of the study area in the latest period.
    pub count: u64,
    /// As many as its own history lets expect, day for day, in its season where that is known.
    pub study_area_expected: f64,
    /// Probability of as many or more, Poisson.
    pub study_area_p: f64,
    /// Flagged places, also those not listed.
    pub flagged: u32,
    /// Places with an incident and no history, also those not listed.
    pub new: u32,
    /// Places with fewer incidents than asked for.
    pub below_min_count: u32,
    /// Places left out because there were more than asked for.
    pub beyond_max: u32,
}

/// Weights of other steps that are tried.
const WEIGHTS: u32 = 20;
/// Steps of the history that are told one by one.
const RECENT: usize = 12;
/// Largest shape: beyond it the gamma is a point for all purposes.
const MAX_SHAPE: f64 = 1e6;

/// The gamma-Poisson prior of counts of one exposure, by maximum likelihood; none without an incident.
///
/// The mean of the gamma is that of the counts. Its shape is the root of the likelihood's derivative,
/// found by halving on the scale of logarithms; where counts vary no more than Poisson's do, the
/// largest shape.
#[must_use]
pub fn fit(counts: &[u32], exposure: f64) -> Option<Prior> {
    let n = counts.len() as f64;
    let total: f64 = counts.iter().map(|&c| f64::from(c)).sum();
    if !(total > 0.0 && exposure > 0.0) {
        return None;
    }
    let mean = total / n;
    let most = counts.iter().copied().max().unwrap_or(0) as usize;
    // How many counts are above each number.
    let mut above = vec![0.0_f64; most];
    for &c in counts {
        if c > 0 {
            above[c as usize - 1] += 1.0;
        }
    }
    for j in (1..most).rev() {
        above[j - 1] += above[j];
    }
    let slope = |shape: f64| -> f64 {
        let sum: f64 = above
            .iter()
            .enumerate()
            .map(|(j, a)| a / (shape + j as f64))
            .sum();
        sum - n * (mean / shape).ln_1p()
    };
    let (mut low, mut high) = (1e-6_f64.ln(), MAX_SHAPE.ln());
    let shape = if slope(MAX_SHAPE) >= 0.0 {
        MAX_SHAPE
    } else {
        for _ in 0..200 {
            let middle = f64::midpoint(low, high);
            if middle <= low || middle >= high {
                break;
            }
            *(if slope(middle.exp()) > 0.0 {
                &mut low
            } else {
                &mut high
            }) = middle;
        }
        f64::midpoint(low, high).exp()
    };
    Some(Prior {
        shape,
        rate: shape / (mean / exposure),
    })
}

/// What is known of a cell before the latest period.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct History {
    /// Incidents in the same calendar months of earlier years.
    pub same: u32,
    /// Incidents in the other steps.
    pub others: u32,
}

/// The tests of all cells.
#[derive(Debug, Clone, PartialEq)]
pub struct Tests {
    /// The prior.
    pub prior: Prior,
    /// Weight of the other steps.
    pub weight_of_others: f64,
    /// Of each cell the incidents expected.
    pub expected: Vec<f64>,
    /// Of each cell the probability of as many or more.
    pub p: Vec<f64>,
}

/// Exposures of the same months of earlier years, of the other steps of the history, and of the latest
/// period.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exposures {
    /// Same months; 0 where there are none.
    pub same: f64,
    /// Other steps.
    pub others: f64,
    /// Latest period.
    pub latest: f64,
}

/// Tests the latest count of each cell against its history; none without an incident in the history.
#[must_use]
pub fn test(histories: &[History], latest: &[u32], exposures: Exposures) -> Option<Tests> {
    let totals: Vec<u32> = histories.iter().map(|h| h.same + h.others).collect();
    let prior = fit(&totals, exposures.same + exposures.others)?;
    // Cells of one history are one test: most have none.
    let mut kinds: std::collections::BTreeMap<(u32, u32), f64> = std::collections::BTreeMap::new();
    for h in histories {
        *kinds.entry((h.same, h.others)).or_default() += 1.0;
    }
    let mut best = (f64::NEG_INFINITY, 1.0);
    if exposures.same > 0.0 && exposures.others > 0.0 {
        // From full weight down, so that of equals the greatest stands.
        for i in (0..=WEIGHTS).rev() {
            let weight = f64::from(i) / f64::from(WEIGHTS);
            let rate = prior.rate + weight * exposures.others;
            let p = rate / (rate + exposures.same);
            let likelihood: f64 = kinds
                .iter()
                .map(|(&(same, others), n)| {
                    let shape = prior.shape + weight * f64::from(others);
                    let pmf = negative_binomial_pmf(u64::from(same), shape, p);
                    n * pmf.max(f64::MIN_POSITIVE).ln()
                })
                .sum();
            if likelihood > best.0 {
                best = (likelihood, weight);
            }
        }
    }
    let weight = best.1;
    let rate = prior.rate + weight * exposures.others + exposures.same;
    let chance = rate / (rate + exposures.latest);
    let shape = |h: &History| prior.shape + weight * f64::from(h.others) + f64::from(h.same);
    Some(Tests {
        prior,
        weight_of_others: weight,
        expected: histories
            .iter()
            .map(|h| shape(h) * exposures.latest / rate)
            .collect(),
        p: histories
            .par_iter()
            .zip(latest)
            .map(|(h, &n)| negative_binomial_upper(u64::from(n), shape(h), chance))
            .collect(),
    })
}

impl Params {
    fn check(&self) -> Result<(), Error> {
        let range = |field, range, value: f64, ok: bool| match ok {
            true => Ok(()),
            false => Err(Error::Range {
                field,
                range,
                value,
            }),
        };
        let n = f64::from(self.latest_steps);
        range("latest_steps", "at least 1", n, self.latest_steps > 0)?;
        let ok = self.alpha > 0.0 && self.alpha < 1.0;
        range("alpha", "more than 0 and less than 1", self.alpha, ok)?;
        let n = f64::from(self.min_count);
        range("min_count", "at least 1", n, self.min_count > 0)?;
        range("max", "at least 1, or left out", 0.0, self.max != Some(0))
    }
}

/// The steps before the latest period, as a history.
struct Past<'a> {
    steps: &'a Steps,
    /// Steps before the latest period.
    before: usize,
    supplied: Vec<bool>,
}

impl Past<'_> {
    fn middle(&self, step: usize) -> CivilMinute {
        let (from, to) = self.steps.minutes(step);
        from + (to - from) / 2
    }

    fn calendar_month(&self, step: usize) -> i32 {
        month_number(self.middle(step)).rem_euclid(12)
    }

    fn days(&self, step: usize) -> f64 {
        let (from, to) = self.steps.minutes(step);
        f64::from(to - from) / f64::from(MINUTES_PER_DAY)
    }

    /// Supplied steps of the calendar months of the latest period, in earlier years.
    fn same_season(&self) -> Vec<bool> {
        let latest: Vec<i32> = (self.before..self.steps.len())
            .map(|s| self.calendar_month(s))
            .collect();
        let by = add_months(self.steps.minutes(self.before).0, -11);
        (0..self.before)
            .map(|s| {
                self.supplied[s]
                    && self.steps.minutes(s).1 <= by
                    && latest.contains(&self.calendar_month(s))
            })
            .collect()
    }

    /// The study area's season by calendar month, mean 1, and the whole years it is from; none without
    /// a whole year just before the latest period.
    fn season(&self, totals: &[u64]) -> Option<([f64; 12], u32)> {
        let end = self.steps.minutes(self.before).0;
        let mut years = 0;
        let mut first = self.before;
        loop {
            let from = add_months(end, -12 * (years + 1));
            let begin = (0..first).find(|&s| self.steps.minutes(s).0 >= from)?;
            // Weeks do not begin with the year.
            let reaches = begin > 0 || self.steps.minutes(0).0 == from;
            if !reaches || self.supplied[begin..first].contains(&false) {
                break;
            }
            (first, years) = (begin, years + 1);
            if begin == 0 {
                break;
            }
        }
        if years == 0 {
            return None;
        }
        let (mut counts, mut days) = ([0.0; 12], [0.0; 12]);
        for (s, &total) in totals.iter().enumerate().take(self.before).skip(first) {
            let month = self.calendar_month(s) as usize;
            counts[month] += total as f64;
            days[month] += self.days(s);
        }
        let per_day = counts.iter().sum::<f64>() / days.iter().sum::<f64>();
        // One incident more on either side, so that a month without any is no impossibility.
        let factor = |m: usize| (counts[m] + 1.0) / (days[m] * per_day + 1.0);
        Some((std::array::from_fn(factor), years as u32))
    }
}

/// Finds new and unexpected places.
///
/// # Errors
/// [`Error`] for parameters out of range, and without a history or latest period.
pub fn run(selection: &Selection, select: &Select, params: &Params) -> Result<Outcome, Error> {
    params.check()?;
    let resolution = match params.cells {
        Shape::H3 => Some(params.h3_resolution.unwrap_or(9)),
        Shape::Square => params.h3_resolution,
    };
    let tiling = study_cells::tiling(params.cells, resolution, params.cell_m)?;
    let steps = Steps::of_selection(selection, params.step)?;
    let (latest_steps, what) = (params.latest_steps as usize, params.step.plural());
    if latest_steps >= steps.len() {
        return Err(Error::NoHistory {
            steps: steps.len(),
            latest: params.latest_steps,
            what,
        });
    }
    let cells = StudyCells::new(selection, tiling, "surprise")?;
    let by_step = cells.counts_by_step(selection, &steps);
    let totals: Vec<u64> = by_step
        .iter()
        .map(|s| s.iter().map(|&n| u64::from(n)).sum())
        .collect();
    let past = Past {
        before: steps.len() - latest_steps,
        supplied: steps.supplied(selection),
        steps: &steps,
    };
    let before = past.before;
    if let Some(s) = (before..steps.len()).find(|&s| !past.supplied[s]) {
        return Err(Error::NotSupplied {
            step: steps.label(s),
        });
    }
    // The study area against itself, and what each step is worth.
    let season = match params.season {
        Season::Auto => past.season(&totals),
        Season::None => None,
    };
    let factor = |s: usize| match &season {
        Some((factors, _)) => factors[past.calendar_month(s) as usize],
        None => 1.0,
    };
    let days = |s: usize| past.days(s) * factor(s);
    let exposure = |s: usize| match params.level {
        Level::StudyArea => totals[s] as f64,
        Level::Own => days(s),
    };
    let known = || (0..before).filter(|&s| past.supplied[s]);
    let count: u64 = totals[before..].iter().sum();
    let history: u64 = known().map(|s| totals[s]).sum();
    let history_days: f64 = known().map(days).sum();
    let study_area_expected =
        history as f64 / history_days * (before..steps.len()).map(days).sum::<f64>();
    let same = match params.season {
        Season::Auto => past.same_season(),
        Season::None => vec![false; before],
    };
    let exposures = Exposures {
        same: known().filter(|&s| same[s]).map(exposure).sum(),
        others: known().filter(|&s| !same[s]).map(exposure).sum(),
        latest: (before..steps.len()).map(exposure).sum(),
    };
    let mut histories = vec![History::default(); cells.len()];
    let mut latest = vec![0_u32; cells.len()];
    for (s, counts) in by_step.iter().enumerate() {
        if s >= before {
            for (sum, n) in latest.iter_mut().zip(counts) {
                *sum += n;
            }
        } else if past.supplied[s] {
            for (h, n) in histories.iter_mut().zip(counts) {
                *(if same[s] { &mut h.same } else { &mut h.others }) += n;
            }
        }
    }
    let tests = test(&histories, &latest, exposures).ok_or(Error::EmptyHistory {
        steps: before,
        supplied: known().count(),
        what,
    })?;
    let p_adjusted = params.correction.adjust(&tests.p);

    let with_any: Vec<usize> = (0..cells.len()).filter(|&c| latest[c] > 0).collect();
    let mut by_volume = with_any.clone();
    by_volume.sort_by_key(|&c| (std::cmp::Reverse(latest[c]), c));
    let mut volume_rank = vec![0_u32; cells.len()];
    for (i, &c) in by_volume.iter().enumerate() {
        volume_rank[c] = i as u32 + 1;
    }
    let mut ranked = with_any;
    ranked.sort_by(|&a, &b| {
        tests.p[a]
            .total_cmp(&tests.p[b])
            .then(latest[b].cmp(&latest[a]))
            .then(a.cmp(&b))
    });
    let is_flagged = |c: usize| p_adjusted[c] <= params.alpha;
    let is_new = |c: usize| histories[c] == History::default();
    let flagged = ranked.iter().filter(|&&c| is_flagged(c)).count() as u32;
    let new = ranked.iter().filter(|&&c| is_new(c)).count() as u32;
    let listed: Vec<(u32, usize)> = ranked
        .iter()
        .enumerate()
        .filter(|(_, c)| latest[**c] >= params.min_count)
        .map(|(i, &c)| (i as u32 + 1, c))
        .collect();
    let shown = params.max.map_or(listed.len(), |m| m as usize);

    let period = latest_period(&steps, before);
    let of_latest = Selection::within(
        selection.snapshot,
        &Select {
            period,
            lens: Some(selection.lens),
            ..select.clone()
        },
        selection.area.clone(),
    )?;
    let comparable = Comparable::of(&of_latest);
    let wards = Wards::of(selection.snapshot);
    let mut members = vec![Vec::new(); cells.len()];
    for location in 0..selection.incidents().locations().len() as u32 {
        if let Some(cell) = cells.cell_of(location).filter(|&c| latest[c] > 0) {
            members[cell].push(location);
        }
    }
    let recent = before.saturating_sub(RECENT)..before;
    let places: Vec<Place> = listed[..shown.min(listed.len())]
        .par_iter()
        .filter_map(|&(rank, c)| {
            let facts = PlaceFacts::of(&of_latest, &members[c], comparable)?;
            let place = || -> Result<Place, LatticeError> {
                let at = busiest(&of_latest, &members[c]);
                let ward = at.and_then(|at| wards.at(at));
                Ok(Place {
                    id: cells.lattice.name(c),
                    rank,
                    volume_rank: volume_rank[c],
                    name: hotspots::name(facts.short_place(), ward),
                    outline: cells.lattice.outline(&[c])?,
                    area_m2: cells.lattice.area_m2(c)?,
                    count: latest[c],
                    expected: tests.expected[c],
                    p: tests.p[c],
                    p_adjusted: p_adjusted[c],
                    flagged: is_flagged(c),
                    new: is_new(c),
                    history_count: histories[c].same + histories[c].others,
                    recent: recent
                        .clone()
                        .map(|s| past.supplied[s].then(|| by_step[s][c]))
                        .collect(),
                    facts,
                })
            };
            Some(place())
        })
        .collect::<Result<_, _>>()?;
    let (from, to) = (steps.minutes(before).0, steps.minutes(steps.len() - 1).1);
    Ok(Outcome {
        params: params.clone(),
        cells: cells.len(),
        cells_words: tiling.words(),
        latest: (format_day(from), format_day(to - 1)),
        history_from: format_day(steps.minutes(0).0),
        history_steps: (known().count(), before),
        recent_steps: recent.map(|s| steps.label(s)).collect(),
        prior: tests.prior,
        seasons: (exposures.same > 0.0).then(|| Seasons {
            steps: same.iter().filter(|s| **s).count(),
            weight_of_others: tests.weight_of_others,
        }),
        season_years: (params.level == Level::Own)
            .then(|| season.as_ref().map_or(0, |(_, years)| *years)),
        count,
        study_area_p: crate::statistics::poisson_upper(count, study_area_expected),
        study_area_expected,
        flagged,
        new,
        below_min_count: (ranked.len() - listed.len()) as u32,
        beyond_max: listed.len().saturating_sub(shown) as u32,
        places,
    })
}

/// The steps from one on, as a period.
fn latest_period(steps: &Steps, first: usize) -> Option<Period> {
    let last = steps.len() - 1;
    let text = match steps.step {
        Step::Month => format!("{}/{}", steps.label(first), steps.label(last)),
        Step::Day | Step::Week => {
            let to = format_day(steps.minutes(last).1 - 1);
            format!("{}/{to}", steps.label(first))
        }
    };
    Period::parse(&text).ok()
}

/// The position of the busiest location, of equals the first by easting and northing.
fn busiest(selection: &Selection, members: &[u32]) -> Option<crate::domain::LonLat> {
    let at = |l: u32| &selection.incidents().locations()[l as usize];
    let best = members.iter().copied().min_by_key(|&l| {
        let count = std::cmp::Reverse(selection.count_at(l));
        (count, at(l).x_mm, at(l).y_mm)
    })?;
    Some(at(best).position)
}
