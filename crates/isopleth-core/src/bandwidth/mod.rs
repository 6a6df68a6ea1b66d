//! Bandwidths by rule: what `"auto"` stands for, and the rules that can be named.
//!
//! **`"auto"`** works on **distinct** locations: on snapped open data, cross-validation of the raw
//! events collapses (Hackney burglary 2024: 1.4 m by Diggle's criterion, 30 m by likelihood, where
//! the distinct points give 137 m and 180 m). In standard deviations of a Gaussian:
//!
//! 1. *Likelihood cross-validation*: the σ that maximises Σ log λ₋ᵢ(xᵢ) over distinct locations
//!    (Loader 1999, *Local Regression and Likelihood*, §5.3; spatstat's `bw.ppl`).
//! 2. *Cap*: Scott's rule, σ = s·n^(−1/6), s² the product of the standard deviations along both
//!    axes (Scott 1992, *Multivariate Density Estimation*, doi 10.1002/9780470316849).
//! 3. *Floor*: twice the median distance of a distinct location to its nearest neighbour, because
//!    detail below the spacing of the map points is an artefact of the snapping.
//!
//! σ is then put in terms of the kernel (a quartic radius of 2.8284 σ spreads an event as widely).
//! With many locations the likelihood is taken at an even sample along the space-filling curve;
//! how many is reported.
//!
//! **Named rules** go by the distinct locations of the study area, too, and have the same floor
//! whatever the basis of the locations: an address is no reason to resolve less than two houses, and
//! who wants less can state metres. They have no cap. Their formulas stand in [`rules`].
//!
//! | rule | σ of the Gaussian | edge |
//! |---|---|---|
//! | `nrd` | mean of the normal reference along x and along y, over 2.8284 | none |
//! | `scott` | geometric mean of both axes, as the cap above | none |
//! | `diggle` | Berman and Diggle's least mean square error | K by Ripley's correction; needs a study area |
//! | `likelihood` | likelihood cross-validation, between half the median spacing and three times Scott's rule | uniform over the study area, where one is named |
//! | `least_squares` | least squares cross-validation, between the same bounds | none |
//!
//! *What the normal reference means.* Venables and Ripley's `bandwidth.nrd` is a number for a kernel
//! that divides it by four. The R package sfhotspot takes it as the **radius of a quartic**, and of the
//! x axis alone, whatever y does. Here, too, the number is the radius of a quartic, so that it can be
//! compared, but the mean of both axes; other kernels get the radius that spreads as widely. As a
//! σ it is 1.5·s·n^(−1/5): half as broad again as the reference rule is meant to be, and much too broad
//! for incidents in several clusters. It is here for comparison with results made by it.
//!
//! Cross-validation in `auto` has no edge correction and floors a lonely location's share at 1e-6;
//! `likelihood` follows spatstat's `bw.ppl` in correction and integral. The two agree where the boundary
//! is long past, and differ near it.

pub mod rules;

use rayon::prelude::*;
use rstar::{PointDistance, RTree};
use serde::{Deserialize, Serialize};

use crate::edge::Window;
use crate::index::PointGrid;
use crate::kernel::Kernel;
use crate::plane::Planar;

/// Most locations that the likelihood is evaluated at.
const SAMPLE: usize = 4000;

/// A chosen bandwidth with the quantities that chose it.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// Bandwidth for the kernel, metres, rounded to a centimetre.
    pub bandwidth_m: f64,
    /// The same as a Gaussian's standard deviation, metres.
    pub sigma_m: f64,
    /// By likelihood cross-validation between floor and cap, σ in metres.
    pub likelihood_m: f64,
    /// Floor: twice the median spacing, σ in metres.
    pub floor_m: f64,
    /// Cap: Scott's rule, σ in metres.
    pub cap_m: f64,
    /// Distinct locations.
    pub locations: usize,
    /// Locations that the likelihood was evaluated at.
    pub evaluated: usize,
    /// Which of the three decided.
    pub decided_by: Decision,
}

/// What decided a bandwidth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The likelihood.
    Likelihood,
    /// Twice the median spacing.
    Floor,
    /// Scott's rule.
    Cap,
}

impl Decision {
    /// In words, for provenance.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Likelihood => "likelihood cross-validation on distinct locations",
            Self::Floor => "floor: twice the median spacing of distinct locations",
            Self::Cap => "cap: Scott's rule",
        }
    }
}

/// A rule that a request can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Normal reference, mean of both axes, as the radius of a quartic.
    Nrd,
    /// Scott's rule.
    Scott,
    /// Berman and Diggle's mean square error.
    Diggle,
    /// Likelihood cross-validation with edge correction.
    Likelihood,
    /// Least squares cross-validation.
    LeastSquares,
}

impl Rule {
    /// All rules.
    pub const ALL: [Self; 5] = [
        Self::Nrd,
        Self::Scott,
        Self::Diggle,
        Self::Likelihood,
        Self::LeastSquares,
    ];

    /// The name used in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Nrd => "nrd",
            Self::Scott => "scott",
            Self::Diggle => "diggle",
            Self::Likelihood => "likelihood",
            Self::LeastSquares => "least_squares",
        }
    }
}

/// What a named rule chose.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleChoice {
    /// The rule.
    pub rule: Rule,
    /// Bandwidth for the kernel, metres, rounded to a centimetre.
    pub bandwidth_m: f64,
    /// The same as a Gaussian's standard deviation, metres.
    pub sigma_m: f64,
    /// What the rule alone gave, σ in metres.
    pub rule_sigma_m: f64,
    /// Floor: twice the median spacing, σ in metres.
    pub floor_m: f64,
    /// The floor decided.
    pub floored: bool,
    /// The rule's criterion was best at an end of the range searched.
    pub at_limit: bool,
    /// Distinct locations.
    pub locations: usize,
    /// Locations that the rule's criterion was evaluated at.
    pub evaluated: usize,
}

/// Why a rule gives no bandwidth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RuleError {
    /// Too few locations.
    #[error(
        "bandwidth_m \"{}\" needs at least 3 distinct locations that do not lie on one spot, there are {locations}; give bandwidth_m in metres",
        rule.name()
    )]
    TooFewLocations {
        /// The rule.
        rule: Rule,
        /// Distinct locations.
        locations: usize,
    },
    /// No window.
    #[error(
        "bandwidth_m \"{}\" counts pairs with a correction at the boundary of the study area, and the request names none; name select.area or another rule",
        rule.name()
    )]
    NeedsArea {
        /// The rule.
        rule: Rule,
    },
    /// No optimum.
    #[error(
        "bandwidth_m \"{}\" found no bandwidth for these {locations} locations: {reason}; give bandwidth_m in metres or another rule",
        rule.name()
    )]
    NoOptimum {
        /// The rule.
        rule: Rule,
        /// Distinct locations.
        locations: usize,
        /// Why.
        reason: &'static str,
    },
}

/// Cells along either side of the study area's bounding box that the likelihood's integral is taken
/// over.
const PIXELS: usize = 64;

/// Chooses a bandwidth from distinct locations by a named rule.
///
/// # Errors
/// [`RuleError`] for fewer than three locations, and where the rule is not defined.
pub fn choose_by(
    rule: Rule,
    kernel: Kernel,
    locations: &[Planar],
    window: Option<&Window>,
) -> Result<RuleChoice, RuleError> {
    let n = locations.len();
    let few = RuleError::TooFewLocations { rule, locations: n };
    if n < 3 {
        return Err(few);
    }
    let floor_m = 2.0 * median_spacing(locations);
    let normal = scott(locations);
    if !(floor_m > 0.0 && normal > 0.0) {
        return Err(few);
    }
    let none = |reason| RuleError::NoOptimum {
        rule,
        locations: n,
        reason,
    };
    let searched = |least_squares: bool| {
        let (low, high) = (floor_m / 4.0, 3.0 * normal);
        if low >= high {
            return Err(none("they lie too evenly apart for a range to search"));
        }
        let cv = rules::CrossValidation::new(locations, SAMPLE, normal);
        let (sigma_m, at_limit) = rules::greatest(low, high, 16, 1e-4, |sigma| {
            if least_squares {
                -cv.least_squares_score(sigma)
            } else {
                cv.likelihood_score(sigma, window.map(|w| (w, PIXELS)))
            }
        });
        Ok(rules::Optimum {
            sigma_m,
            at_limit,
            evaluated: cv.evaluated(),
        })
    };
    let plain = |sigma_m| rules::Optimum {
        sigma_m,
        at_limit: false,
        evaluated: n,
    };
    let found = match rule {
        Rule::Nrd => {
            let (x, y) = rules::nrd(locations);
            plain(f64::midpoint(x, y) / Kernel::Quartic.radius_per_sigma())
        }
        Rule::Scott => plain(normal),
        Rule::Diggle => {
            let window = window.ok_or(RuleError::NeedsArea { rule })?;
            rules::diggle(locations, window, SAMPLE).ok_or(none(
                "no two of them lie within a quarter of the study area",
            ))?
        }
        Rule::Likelihood => searched(false)?,
        Rule::LeastSquares => searched(true)?,
    };
    if !found.sigma_m.is_finite() {
        return Err(none("its formula has no value for them"));
    }
    let sigma_m = found.sigma_m.max(floor_m);
    Ok(RuleChoice {
        rule,
        bandwidth_m: (sigma_m * kernel.radius_per_sigma() * 100.0).round() / 100.0,
        sigma_m,
        rule_sigma_m: found.sigma_m,
        floor_m,
        floored: found.sigma_m < floor_m,
        at_limit: found.at_limit,
        locations: n,
        evaluated: found.evaluated,
    })
}

/// What every rule would choose.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// `"auto"`.
    pub auto: Result<Choice, TooFewLocations>,
    /// The named rules, in the order of [`Rule::ALL`].
    pub rules: Vec<(Rule, Result<RuleChoice, RuleError>)>,
}

/// Puts the rules side by side.
#[must_use]
pub fn compare(kernel: Kernel, locations: &[Planar], window: Option<&Window>) -> Comparison {
    Comparison {
        auto: choose(kernel, locations),
        rules: Rule::ALL
            .into_iter()
            .map(|rule| (rule, choose_by(rule, kernel, locations, window)))
            .collect(),
    }
}

/// The floor of every rule for distinct locations: twice their median spacing, σ in metres; `None`
/// where fewer than two tell.
#[must_use]
pub fn floor_m(locations: &[Planar]) -> Option<f64> {
    (locations.len() > 1).then(|| 2.0 * median_spacing(locations))
}

/// Too few locations to choose by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "bandwidth_m \"auto\" needs at least 3 distinct locations that do not lie on one spot, there are {locations}; give bandwidth_m in metres"
)]
pub struct TooFewLocations {
    /// Distinct locations.
    pub locations: usize,
}

/// Chooses a bandwidth from distinct locations.
///
/// # Errors
/// [`TooFewLocations`] for fewer than three.
pub fn choose(kernel: Kernel, locations: &[Planar]) -> Result<Choice, TooFewLocations> {
    let n = locations.len();
    let few = TooFewLocations { locations: n };
    if n < 3 {
        return Err(few);
    }
    let cap_m = scott(locations);
    let floor_m = 2.0 * median_spacing(locations);
    if !(cap_m > 0.0 && floor_m > 0.0) {
        return Err(few);
    }
    let (likelihood_m, evaluated) = if floor_m < cap_m {
        cross_validated(locations, floor_m, cap_m)
    } else {
        (floor_m, 0)
    };
    let edge = 1.0 + 1e-3;
    let (sigma_m, decided_by) = if floor_m >= cap_m || likelihood_m <= floor_m * edge {
        (floor_m, Decision::Floor)
    } else if likelihood_m >= cap_m / edge {
        (cap_m, Decision::Cap)
    } else {
        (likelihood_m, Decision::Likelihood)
    };
    let bandwidth_m = (sigma_m * kernel.radius_per_sigma() * 100.0).round() / 100.0;
    Ok(Choice {
        bandwidth_m,
        sigma_m,
        likelihood_m,
        floor_m,
        cap_m,
        locations: n,
        evaluated,
        decided_by,
    })
}

/// Scott's rule with the geometric mean of both axes.
fn scott(locations: &[Planar]) -> f64 {
    let n = locations.len() as f64;
    let deviation = |of: fn(&Planar) -> f64| {
        let mean = locations.iter().map(of).sum::<f64>() / n;
        (locations
            .iter()
            .map(|p| (of(p) - mean).powi(2))
            .sum::<f64>()
            / (n - 1.0))
            .sqrt()
    };
    let (sx, sy) = (deviation(|p| p.x), deviation(|p| p.y));
    // Locations in one line have no spread along the other axis; the line's own is all there is.
    let s = if sx > 0.0 && sy > 0.0 {
        (sx * sy).sqrt()
    } else {
        sx.max(sy)
    };
    s * n.powf(-1.0 / 6.0)
}

/// Median distance to the nearest other location.
fn median_spacing(locations: &[Planar]) -> f64 {
    let tree = RTree::bulk_load(locations.iter().map(|p| [p.x, p.y]).collect());
    let mut nearest: Vec<f64> = locations
        .par_iter()
        .map(|p| {
            let at = [p.x, p.y];
            tree.nearest_neighbor_iter(at)
                .nth(1)
                .map_or(f64::INFINITY, |other| other.distance_2(&at).sqrt())
        })
        .collect();
    let middle = nearest.len() / 2;
    *nearest.select_nth_unstable_by(middle, f64::total_cmp).1
}

/// The σ between two bounds that maximises the leave-one-out likelihood, and at how many locations
/// it was evaluated.
fn cross_validated(locations: &[Planar], low: f64, high: f64) -> (f64, usize) {
    let n = locations.len();
    let stride = n.div_ceil(SAMPLE);
    let sample: Vec<Planar> = locations.iter().copied().step_by(stride).collect();
    let points: Vec<(Planar, f64, u32)> = locations
        .iter()
        .enumerate()
        .map(|(i, &p)| (p, 1.0, i as u32))
        .collect();
    let grid = PointGrid::new(&points, high);
    let score = |sigma: f64| -> f64 {
        // Cut at five σ, where the Gaussian is 4e-6 of its height.
        let reach = 5.0 * sigma;
        let logs: Vec<f64> = sample
            .par_iter()
            .map(|&p| {
                let all = grid.sum(p, reach, |u2| (-12.5 * u2).exp());
                // Less the location itself; a floor keeps the lonely from deciding alone.
                (all - 1.0).max(1e-6).ln() - 2.0 * sigma.ln()
            })
            .collect();
        logs.iter().sum()
    };
    let (sigma, _) = rules::greatest(low, high, 12, 1e-3, score);
    (sigma, sample.len())
}
