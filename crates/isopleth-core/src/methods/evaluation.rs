//! Evaluation: does a map predict, and does it do better than a plain list?
//!
//! **What it answers.** Had the cells been chosen by this method on a past day, what share of the
//! incidents that followed would have been in them, on how much ground, and would a simple count or
//! last period's list have done as well?
//!
//! **Model.** The period is cut into `step`s (days, weeks, **months**). The last `origins` (6)
//! cut-offs lie `horizon_steps` (1) apart, so that no later incident is scored twice. At each of them
//! every method sees the `train_steps` (12) before it and ranks the cells of the study area by its
//! value; what happened in the `horizon_steps` after it is counted on the cells flagged, until they
//! make up each of the `coverages`. The methods: `kernel_density` (the density at the cell's centre),
//! `getis_ord` (the z of Gi\* of the counts) and `near_repeat_risk` (the risk of the first day after
//! the cut-off; square cells). Two baselines always stand beside them: `baseline_count`, the plain count of each cell over the training steps,
//! and `baseline_last_period`, its count over the last `horizon_steps` of them. Hotspots cut out of a
//! density by their share of the area are its cells at that coverage.
//!
//! **Scores** are those of [`crate::evaluation::score`]: hit rate, PAI, PEI, both indices called RRI, search
//! efficiency. The denominator is named: `area`, each cell's ground inside the study area, or
//! `street_length`, the streets in it (pieces of at most 10 m, each by its middle). A study area that
//! is half park makes any map of streets look twice as good by `area`. Coverages are shares of the
//! denominator, or an amount (`coverages_m2`, `coverages_m`). Where the budget ends among cells of one
//! value, or within a cell, that share of each is taken, so that every method flags the same ground;
//! `"ties": "fewest_hits"` is the pessimistic rule of ptools. `rri_predicted_observed` needs a
//! predicted number: the density over the cell, or the count, carried on at the same rate per day.
//!
//! **Nothing leaks.** A method runs on a copy of the data from which every record that reaches past the
//! cut-off is gone, of whatever kind: a record known to a month or an interval is not known before
//! its end. The fingerprint of each map is told (`map`): whatever is done to later records, it stays. A
//! record that began before a cut-off and ended after it is in neither part, and is counted.
//!
//! **Pooled.** Hits, incidents and ground of all origins are summed and the indices taken of the sums;
//! `pai_mean` is the mean of the origins' own. The interval of the pooled hit rate is Wilson's, of the
//! hits rounded. Each method is held against each baseline twice: over incidents, those that it
//! alone flagged against those that the baseline alone did (McNemar's exact test, net within a cell);
//! and over origins, those at which it had more hits against those at which it had fewer (exact sign
//! test). The first takes incidents as independent, which those of one place and week are not: it is
//! too bold. The second has little power: of six origins all six must agree for p = 0.03.
//!
//! **Edge cases.** An origin whose horizon has a step without any record of any kind is left out, and
//! said; so is one without training steps. Steps not supplied in training are counted, and last
//! period's list is of the last ones that were. Without later incidents every index is null. Equal values everywhere
//! (nothing happened in training) give a PAI of 1: no ranking. Records known to the month are refused
//! for weeks or days.
//!
//! **How it can mislead.** Parameters tuned on these origins will look better than they are. Where
//! police go by the map, police-generated records follow it. Open data snapped to few points rewards
//! fine cells: the same points come back, whatever the houses. PAI grows without bound as coverage
//! shrinks: compare at one coverage only. The recapture rate index of any top list is below 1:
//! that is regression to the mean, not success.
//!
//! **Measured.** Metropolitan burglaries at map points, each month of 2019 foretold from the twelve
//! before it, cells of H3 10, PAI at 1, 5 and 20 % of the area:
//!
//! | | Havering (1,871) | 32 boroughs (78,890) |
//! |---|---|---|
//! | density, quartic, 300 m | 8.8, 5.8, 3.5 | 9.1, 5.2, 2.9 |
//! | density, quartic, 130 m | 14.6, 7.8, 3.9 | 10.6, 6.2, 3.4 |
//! | count of each cell | 15.8, 8.6, 3.7 | 11.2, 6.6, 3.7 |
//! | last month's list | 11.0, 3.9, 1.6 | 7.5, 4.9, 1.8 |
//!
//! On map points the plain count foretells better than a density at nearly every coverage, at all
//! twelve origins: the same points come back, and smoothing puts weight on cells that have none. That
//! says nothing of incidents at their addresses. (`cargo run --release -p isopleth-benches --bin
//! figures -- evaluation`.)
//!
//! **Complexity.** One run of each method at each origin, and one sort of the cells.
//!
//! **References.** Chainey, Tompson & Uhlig 2008, doi 10.1057/palgrave.sj.8350066; Adepeju, Rosser &
//! Cheng 2016 (rolling evaluation, pairwise tests), doi 10.1080/13658816.2016.1159684. **Checked
//! against** the printed table of ptools; scores of three cells by hand; later records shuffled,
//! removed and moved without a bit of any map changing.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::Snapshot;
use crate::domain::{CivilMinute, LonLat, MINUTES_PER_DAY, Period, format_day};
use crate::evaluation::{Flagged, Ground, Score, ScoreError, Ties, ground, sign_test};
use crate::local_association::{GroundError, Reach, Statistic, getis_ord_of_counts};
use crate::methods::knox::Allow;
use crate::methods::{kernel_density, near_repeat_risk, network_density};
use crate::plane::OutsidePlane;
use crate::request::Select;
use crate::select::{SelectError, Selection};
use crate::statistics::{Z_95, wilson};
use crate::steps::{Step, Steps, StepsError};
use crate::study_cells::{self, Shape, StudyCells, StudyCellsError};
use crate::watch;

/// Parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The methods to be held against the baselines.
    #[serde(default = "density")]
    pub methods: Vec<Evaluated>,
    /// What the cells are.
    #[serde(default)]
    pub cells: Shape,
    /// H3 resolution of the cells, 6 to 12; 10 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub h3_resolution: Option<u8>,
    /// Side of square cells, metres; 150 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cell_m: Option<f64>,
    /// What the period is cut into.
    #[serde(default)]
    pub step: Step,
    /// How many steps before a cut-off a method sees.
    #[serde(default = "twelve")]
    pub train_steps: u32,
    /// How many steps after a cut-off it is scored on.
    #[serde(default = "one")]
    pub horizon_steps: u32,
    /// How many cut-offs.
    #[serde(default = "six")]
    pub origins: u32,
    /// Shares of the ground to flag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverages: Option<Vec<f64>>,
    /// Areas to flag, m², where the denominator is area.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub coverages_m2: Vec<f64>,
    /// Lengths of street to flag, metres, where the denominator is that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub coverages_m: Vec<f64>,
    /// What ground is measured by.
    #[serde(default)]
    pub denominator: Denominator,
    /// Vintage of the streets; needed where several are loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub street_vintage: Option<String>,
    /// What is done with cells of one value where the budget ends among them.
    #[serde(default)]
    pub ties: Ties,
}

fn density() -> Vec<Evaluated> {
    vec![Evaluated::KernelDensity(kernel_density::Params::default())]
}

fn twelve() -> u32 {
    12
}

fn one() -> u32 {
    1
}

fn six() -> u32 {
    6
}

/// Shares of the ground by default.
const COVERAGES: [f64; 5] = [0.01, 0.02, 0.05, 0.10, 0.20];

/// Longest piece of street that is put into a cell as a whole, metres.
const PIECE_M: f64 = 10.0;

/// What ground is measured by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Denominator {
    /// Area inside the study area, m².
    #[default]
    Area,
    /// Length of street inside the study area, metres.
    StreetLength,
}

impl Denominator {
    /// The name in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Area => "area",
            Self::StreetLength => "street_length",
        }
    }
}

/// A method that gives each cell a value. Cells and days are the evaluation's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum Evaluated {
    /// See [`getis_ord`](super::getis_ord): cells by the z of Gi\*.
    GetisOrd(GetisOrd),
    /// See [`kernel_density`].
    KernelDensity(kernel_density::Params),
    /// See [`near_repeat_risk`].
    NearRepeatRisk(NearRepeat),
}

/// Gi\* of the counts before the cut-off.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GetisOrd {
    /// Rings of neighbours; 1 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rings: Option<u32>,
    /// Neighbours by the distance of their centres, metres, in place of rings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distance_m: Option<f64>,
}

/// Near-repeat risk of the first day after the cut-off.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NearRepeat {
    /// How risk decays.
    #[serde(default)]
    pub decay: near_repeat_risk::Decay,
    /// What is accepted although it misleads.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<Allow>,
}

/// What a method may look at.
struct Training<'a> {
    /// The records before the cut-off.
    selection: &'a Selection<'a>,
    cells: &'a StudyCells,
    /// Ground of each cell inside the study area, m².
    areas_m2: &'a [f64],
    /// Days after the cut-off over days before it.
    days_ratio: f64,
    cut_off: CivilMinute,
}

/// What a method makes of it.
struct Prediction {
    /// A value for each cell, by which it is ranked.
    values: Vec<f64>,
    /// Incidents predicted for each cell, where the method says a number.
    events: Option<Vec<f64>>,
    /// How parameters were resolved.
    resolved: Option<String>,
}

impl Evaluated {
    /// The name in documents.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::GetisOrd(_) => "getis_ord",
            Self::KernelDensity(_) => "kernel_density",
            Self::NearRepeatRisk(_) => "near_repeat_risk",
        }
    }

    fn check(&self, cells: Shape) -> Result<(), Error> {
        match self {
            Self::KernelDensity(p) if p.h3_resolution.is_some() || p.cell_m.is_some() => {
                Err(Error::OwnCells)
            }
            Self::NearRepeatRisk(_) if cells != Shape::Square => Err(Error::NeedsSquares),
            _ => Ok(()),
        }
    }

    fn predict(&self, training: &Training) -> Result<Prediction, MethodError> {
        match self {
            Self::GetisOrd(params) => gi_star_of(training, params),
            Self::KernelDensity(params) => density_of(training, params),
            Self::NearRepeatRisk(params) => risk_of(training, params),
        }
    }
}

fn gi_star_of(training: &Training, params: &GetisOrd) -> Result<Prediction, MethodError> {
    let lattice = &training.cells.lattice;
    let reach = Reach::new(lattice.tiling, params.rings, params.distance_m)?;
    let (neighbours, reach) = reach.on(lattice)?;
    let counts = training.cells.counts(training.selection);
    let z = getis_ord_of_counts(&counts, &neighbours, Statistic::GiStar);
    // Where it is not defined nothing stands out.
    let values = z.into_iter().map(|z| if z.is_finite() { z } else { 0.0 });
    Ok(Prediction {
        values: values.collect(),
        events: None,
        resolved: Some(reach),
    })
}

fn density_of(
    training: &Training,
    params: &kernel_density::Params,
) -> Result<Prediction, MethodError> {
    use crate::lattice::Tiling;
    let mut params = params.clone();
    match training.cells.lattice.tiling {
        Tiling::H3(resolution) => params.h3_resolution = Some(u8::from(resolution)),
        Tiling::Square(side) => params.cell_m = Some(side),
    }
    let found = kernel_density::run(training.selection, &params)?;
    let counted = found.weight == kernel_density::Weighting::Count;
    let per_m2 = &found.density_per_m2;
    let expected = || {
        let cells = per_m2.iter().zip(training.areas_m2);
        cells.map(|(d, a)| d * a * training.days_ratio).collect()
    };
    Ok(Prediction {
        events: counted.then(expected),
        resolved: found.bandwidth_m.map(|m| format!("bandwidth {m:.0} m")),
        values: found.density_per_m2,
    })
}

fn risk_of(training: &Training, params: &NearRepeat) -> Result<Prediction, MethodError> {
    use crate::lattice::Tiling;
    let mut values = vec![0.0; training.cells.len()];
    if let Tiling::Square(cell_m) = training.cells.lattice.tiling {
        let found = near_repeat_risk::run(
            training.selection,
            &near_repeat_risk::Params {
                as_of: Period::parse(&format_day(training.cut_off)).ok(),
                cell_m,
                decay: params.decay.clone(),
                min_share_of_peak: 0.0,
                allow: params.allow.clone(),
            },
        )?;
        for cell in found.cells {
            values[cell.cell] = cell.risk;
        }
    }
    Ok(Prediction {
        values,
        events: None,
        resolved: None,
    })
}

/// Why a method has no map of a cut-off.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MethodError {
    /// Gi\*.
    #[error(transparent)]
    GetisOrd(#[from] GroundError),
    /// Kernel density.
    #[error(transparent)]
    KernelDensity(#[from] kernel_density::Error),
    /// Near-repeat risk.
    #[error(transparent)]
    NearRepeatRisk(#[from] near_repeat_risk::Error),
}

impl MethodError {
    fn code(&self) -> &'static str {
        match self {
            Self::GetisOrd(e) => e.code(),
            Self::KernelDensity(e) => e.code(),
            Self::NearRepeatRisk(e) => e.code(),
        }
    }
}

/// Why there is no evaluation.
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
    /// No coverage.
    #[error("no coverage is asked for; name one in `coverages`, or leave that out")]
    NoCoverage,
    /// An amount of the other denominator.
    #[error(
        "{field} is not for the denominator \"{denominator}\"; leave it out or change `denominator`"
    )]
    OtherDenominator {
        /// The field.
        field: &'static str,
        /// The denominator.
        denominator: &'static str,
    },
    /// A budget that is more than there is.
    #[error("{field} has {value}, more than the {all:.0} of the study area; ask for less")]
    TooMuch {
        /// The field.
        field: &'static str,
        /// The value.
        value: f64,
        /// All there is.
        all: f64,
    },
    /// Cells of a method's own.
    #[error(
        "the methods of an evaluation rank its own cells; leave h3_resolution and cell_m out of them and give them beside `cells`"
    )]
    OwnCells,
    /// Near-repeat risk of hexagons.
    #[error(
        "near_repeat_risk has square cells; say \"cells\": \"square\" with `cell_m`, or leave it out"
    )]
    NeedsSquares,
    /// The period is too short.
    #[error(
        "{origins} cut-offs with {train} {what} before the first need {needed} {what}, and the period has {found}; name a longer period, or fewer origins or train_steps"
    )]
    TooShort {
        /// Cut-offs.
        origins: u32,
        /// Steps of training.
        train: u32,
        /// Steps needed.
        needed: u64,
        /// Steps there are.
        found: usize,
        /// What the steps are.
        what: &'static str,
    },
    /// No origin can be scored.
    #[error(
        "at none of the {origins} cut-offs has the data records both before and after it in the study area; name a period that the data covers"
    )]
    NotSupplied {
        /// Cut-offs.
        origins: u32,
    },
    /// The steps.
    #[error(transparent)]
    Steps(#[from] StepsError),
    /// The cells.
    #[error(transparent)]
    Cells(#[from] StudyCellsError),
    /// A corner off the plane.
    #[error(transparent)]
    Outside(#[from] OutsidePlane),
    /// The streets.
    #[error(transparent)]
    Streets(#[from] network_density::Error),
    /// No street in the study area.
    #[error(
        "no street of the vintage {vintage} lies in the study area; load its streets with `isopleth streets add`, or measure by area"
    )]
    NoStreetInside {
        /// The vintage.
        vintage: String,
    },
    /// The records before a cut-off.
    #[error("before {cut_off}: {source}")]
    Select {
        /// The cut-off.
        cut_off: String,
        /// Why.
        source: SelectError,
    },
    /// A method.
    #[error("{method} before {cut_off}: {source}")]
    Method {
        /// The method.
        method: String,
        /// The cut-off.
        cut_off: String,
        /// Why.
        source: MethodError,
    },
    /// Values that cannot be ranked.
    #[error(transparent)]
    Score(#[from] ScoreError),
}

impl Error {
    /// A stable code for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Steps(e) => e.code(),
            Self::Cells(e) => e.code(),
            Self::Streets(e) => e.code(),
            Self::Method { source, .. } => source.code(),
            Self::NoStreetInside { .. } => "no_streets",
            Self::NotSupplied { .. } => "not_supplied",
            Self::TooShort { .. } => "period_too_short",
            _ => "invalid_evaluation",
        }
    }
}

/// A cut-off.
#[derive(Debug, Clone, PartialEq)]
pub struct Origin {
    /// First minute after training, and of the horizon.
    pub cut_off: CivilMinute,
    /// First minute of training.
    pub train_from: CivilMinute,
    /// First minute after the horizon.
    pub horizon_to: CivilMinute,
    /// Incidents of the study area in training.
    pub training: u64,
    /// Training steps with any record.
    pub train_steps_supplied: u32,
    /// Incidents of the study area in the horizon.
    pub events: u64,
    /// Of them, those in cells without any of the denominator.
    pub events_without_ground: u64,
    /// Incidents that began before the cut-off and ended after it, in neither part.
    pub across: u64,
    /// Why it is not scored, where it is not.
    pub left_out: Option<&'static str>,
    /// Of each method the fingerprint of its map, and how its parameters were resolved; none where the
    /// origin is left out.
    pub maps: Vec<(String, Option<String>)>,
}

/// A method, or a baseline.
#[derive(Debug, Clone, PartialEq)]
pub struct Contender {
    /// Its name, with a number from the second of the same method on.
    pub label: String,
    /// The method as asked for; none for a baseline.
    pub method: Option<Evaluated>,
}

/// How much ground is flagged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Coverage {
    /// As a share.
    pub share: f64,
    /// In m² or metres of street.
    pub size: f64,
}

/// What a method reached at a coverage.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Index of the method.
    pub contender: usize,
    /// Index of the coverage.
    pub coverage: usize,
    /// Index of the origin; none for all of them together.
    pub origin: Option<usize>,
    /// The score.
    pub score: Score,
    /// Of all together: mean of the PAI of the origins that have one.
    pub pai_mean: Option<f64>,
    /// Of all together: 95 % interval of the hit rate.
    pub interval: Option<(f64, f64)>,
}

/// A method against a baseline at a coverage, over all origins.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// Index of the method.
    pub contender: usize,
    /// Index of the baseline.
    pub baseline: usize,
    /// Index of the coverage.
    pub coverage: usize,
    /// Later incidents that the method flagged and the baseline did not, net within a cell, rounded.
    pub gained: u64,
    /// The other way round.
    pub lost: u64,
    /// McNemar's exact p; none without either.
    pub p_events: Option<f64>,
    /// Origins at which it had more hits.
    pub better: u32,
    /// Origins at which it had fewer.
    pub worse: u32,
    /// Exact p of the sign test; none without either.
    pub p_origins: Option<f64>,
}

/// An evaluation.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The parameters, as asked for.
    pub params: Params,
    /// What the cells are, in words.
    pub cells_words: String,
    /// Number of cells.
    pub cells: usize,
    /// A position in the middle of the study area's bounds.
    pub middle: Option<LonLat>,
    /// All of the ground, in m² or metres of street.
    pub size: f64,
    /// Vintage of the streets, where they are the denominator.
    pub street_vintage: Option<String>,
    /// Days at the beginning of the period that make no whole step.
    pub days_left_out: u32,
    /// Steps before the first training.
    pub steps_unused: usize,
    /// The cut-offs, earliest first.
    pub origins: Vec<Origin>,
    /// The methods, then the baselines.
    pub contenders: Vec<Contender>,
    /// The coverages.
    pub coverages: Vec<Coverage>,
    /// Scores: by method, coverage, and origin, all together first.
    pub rows: Vec<Row>,
    /// Methods against baselines.
    pub comparisons: Vec<Comparison>,
}

/// Baselines at the end of the list of contenders.
const BASELINES: [&str; 2] = ["baseline_count", "baseline_last_period"];

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
        for (field, n) in [
            ("train_steps", self.train_steps),
            ("horizon_steps", self.horizon_steps),
            ("origins", self.origins),
        ] {
            range(field, "1 to 4000", f64::from(n), (1..=4000).contains(&n))?;
        }
        for &share in self.coverages.iter().flatten() {
            let ok = share > 0.0 && share <= 1.0;
            range("coverages", "more than 0 and at most 1", share, ok)?;
        }
        for (field, amounts) in [
            ("coverages_m2", &self.coverages_m2),
            ("coverages_m", &self.coverages_m),
        ] {
            for &v in amounts {
                range(field, "more than 0", v, v > 0.0 && v.is_finite())?;
            }
        }
        let other = match self.denominator {
            Denominator::Area => ("coverages_m", &self.coverages_m),
            Denominator::StreetLength => ("coverages_m2", &self.coverages_m2),
        };
        let denominator = self.denominator.name();
        if !other.1.is_empty() {
            return Err(Error::OtherDenominator {
                field: other.0,
                denominator,
            });
        }
        if self.street_vintage.is_some() && self.denominator == Denominator::Area {
            return Err(Error::OtherDenominator {
                field: "street_vintage",
                denominator,
            });
        }
        self.methods.iter().try_for_each(|m| m.check(self.cells))
    }

    /// Names the vintage of the streets, where only one is loaded.
    pub(crate) fn pin(&mut self, snapshot: &Snapshot) {
        if self.denominator == Denominator::StreetLength
            && let (None, Ok([first, ..])) = (
                &self.street_vintage,
                network_density::streets_of(None, &snapshot.streets),
            )
        {
            self.street_vintage = Some(first.vintage.clone());
        }
    }

    fn contenders(&self) -> Vec<Contender> {
        let mut list: Vec<Contender> = Vec::new();
        for (i, method) in self.methods.iter().enumerate() {
            let name = method.name();
            let earlier = self.methods[..i].iter().filter(|m| m.name() == name);
            let label = match earlier.count() {
                0 => name.to_owned(),
                n => format!("{name}_{}", n + 1),
            };
            list.push(Contender {
                label,
                method: Some(method.clone()),
            });
        }
        list.extend(BASELINES.map(|label| Contender {
            label: label.to_owned(),
            method: None,
        }));
        list
    }

    fn coverages(&self, size: f64) -> Result<Vec<Coverage>, Error> {
        let (field, amounts) = match self.denominator {
            Denominator::Area => ("coverages_m2", &self.coverages_m2),
            Denominator::StreetLength => ("coverages_m", &self.coverages_m),
        };
        let default = if amounts.is_empty() {
            &COVERAGES[..]
        } else {
            &[]
        };
        let shares = self.coverages.as_deref().unwrap_or(default);
        let mut list: Vec<Coverage> = shares
            .iter()
            .map(|&share| Coverage {
                share,
                size: share * size,
            })
            .collect();
        for &value in amounts {
            if value > size {
                return Err(Error::TooMuch {
                    field,
                    value,
                    all: size,
                });
            }
            list.push(Coverage {
                share: value / size,
                size: value,
            });
        }
        list.sort_by(|a, b| a.size.total_cmp(&b.size));
        list.dedup();
        match list.is_empty() {
            true => Err(Error::NoCoverage),
            false => Ok(list),
        }
    }
}

/// Length of street of each cell inside the study area, metres, and the vintage.
fn street_lengths(
    selection: &Selection,
    params: &Params,
    cells: &StudyCells,
) -> Result<(Vec<f64>, String), Error> {
    let streets = network_density::streets_of(
        params.street_vintage.as_deref(),
        &selection.snapshot.streets,
    )?;
    let pieces: Vec<_> = network_density::pieces(streets, PIECE_M)?
        .into_iter()
        .filter(|p| selection.area.as_ref().is_some_and(|a| a.covers(p.1)))
        .collect();
    let at: Vec<_> = pieces.iter().map(|p| (p.0, p.1)).collect();
    let mut lengths = vec![0.0; cells.len()];
    for (piece, cell) in pieces.iter().zip(cells.lattice.locate_all(&at)) {
        if let Some(cell) = cell {
            lengths[cell] += piece.2;
        }
    }
    let vintage = streets[0].vintage.clone();
    if lengths.iter().all(|l| *l == 0.0) {
        return Err(Error::NoStreetInside { vintage });
    }
    Ok((lengths, vintage))
}

/// What is the same at every origin.
struct Board<'a> {
    selection: &'a Selection<'a>,
    select: &'a Select,
    params: &'a Params,
    cells: StudyCells,
    areas_m2: Vec<f64>,
    /// Ground by the denominator.
    sizes: Vec<f64>,
    steps: Steps,
    supplied: Vec<bool>,
    by_step: Vec<Vec<u32>>,
    contenders: Vec<Contender>,
    coverages: Vec<Coverage>,
}

/// What all contenders reached at one origin.
struct Scored {
    origin: Origin,
    /// By contender and coverage.
    scores: Vec<Vec<Score>>,
    /// Incidents gained and lost, by method, baseline and coverage.
    against: Vec<(f64, f64)>,
}

/// Evaluates methods.
///
/// # Errors
/// [`Error`] for parameters out of range, periods too short, data that is too coarse, and what the
/// methods refuse.
pub fn run(selection: &Selection, select: &Select, params: &Params) -> Result<Outcome, Error> {
    params.check()?;
    let tiling = study_cells::tiling(params.cells, params.h3_resolution, params.cell_m)?;
    let steps = Steps::of_selection(selection, params.step)?;
    let (train, horizon) = (params.train_steps as usize, params.horizon_steps as usize);
    let needed =
        u64::from(params.train_steps) + u64::from(params.origins) * u64::from(params.horizon_steps);
    if needed > steps.len() as u64 {
        return Err(Error::TooShort {
            origins: params.origins,
            train: params.train_steps,
            needed,
            found: steps.len(),
            what: params.step.plural(),
        });
    }
    let cells = StudyCells::new(selection, tiling, "an evaluation")?;
    let areas_m2 = match &selection.area {
        Some(area) => ground::areas_m2(area, &cells.lattice)?,
        None => Vec::new(),
    };
    let (sizes, street_vintage) = match params.denominator {
        Denominator::Area => (areas_m2.clone(), None),
        Denominator::StreetLength => {
            let (lengths, vintage) = street_lengths(selection, params, &cells)?;
            (lengths, Some(vintage))
        }
    };
    let size = sizes.iter().sum();
    let board = Board {
        selection,
        select,
        params,
        areas_m2,
        sizes,
        supplied: steps.supplied(selection),
        by_step: cells.counts_by_step(selection, &steps),
        cells,
        steps,
        contenders: params.contenders(),
        coverages: params.coverages(size)?,
    };
    let last = board.steps.len();
    let mut origins = Vec::new();
    let (mut scores, mut against) = (Vec::new(), Vec::new());
    watch::ahead(params.origins.into());
    for back in (1..=params.origins as usize).rev() {
        watch::step();
        let scored = board.origin(last - back * horizon)?;
        origins.push(scored.origin);
        scores.push(scored.scores);
        against.push(scored.against);
    }
    if origins.iter().all(|o| o.left_out.is_some()) {
        return Err(Error::NotSupplied {
            origins: params.origins,
        });
    }
    let middle = selection.area.as_ref().and_then(|area| {
        let (lo, hi) = area.planar_bounds();
        crate::plane::unproject(crate::plane::Planar {
            x: f64::midpoint(lo.x, hi.x),
            y: f64::midpoint(lo.y, hi.y),
        })
        .ok()
    });
    Ok(Outcome {
        params: params.clone(),
        cells_words: tiling.words(),
        cells: board.cells.len(),
        middle,
        size,
        street_vintage,
        days_left_out: board.steps.days_left_out,
        steps_unused: last - train - params.origins as usize * horizon,
        rows: board.rows(&origins, &scores),
        comparisons: board.comparisons(&origins, &scores, &against),
        origins,
        contenders: board.contenders,
        coverages: board.coverages,
    })
}

impl Board<'_> {
    /// Trains and scores at the beginning of a step.
    fn origin(&self, at: usize) -> Result<Scored, Error> {
        let (train, horizon) = (
            self.params.train_steps as usize,
            self.params.horizon_steps as usize,
        );
        let (train_from, _) = self.steps.minutes(at - train);
        let (cut_off, _) = self.steps.minutes(at);
        let (_, horizon_to) = self.steps.minutes(at + horizon - 1);
        let mut after = vec![0_u32; self.cells.len()];
        for step in &self.by_step[at..at + horizon] {
            for (sum, n) in after.iter_mut().zip(step) {
                *sum += n;
            }
        }
        let total = |counts: &[u32]| counts.iter().map(|&n| u64::from(n)).sum::<u64>();
        let bare = after.iter().zip(&self.sizes).filter(|c| *c.1 == 0.0);
        let mut origin = Origin {
            cut_off,
            train_from,
            horizon_to,
            training: 0,
            train_steps_supplied: 0,
            events: total(&after),
            events_without_ground: bare.map(|c| u64::from(*c.0)).sum(),
            across: self.across(train_from, cut_off),
            left_out: None,
            maps: Vec::new(),
        };
        if self.supplied[at..at + horizon].contains(&false) {
            origin.left_out =
                Some("a step after the cut-off has no record of any kind: not supplied");
            return Ok(Scored {
                origin,
                scores: Vec::new(),
                against: Vec::new(),
            });
        }
        // What is not known yet is not there: no method can look at it.
        let full = self.selection.snapshot;
        let snapshot = Snapshot {
            revision: full.revision.clone(),
            incidents: full.incidents.over_by(cut_off),
            policy: full.policy.clone(),
            groups: full.groups.clone(),
            harm_schedules: full.harm_schedules.clone(),
            ..Snapshot::default()
        };
        let label = |step: usize| match self.params.step {
            Step::Month => self.steps.label(step),
            _ => format_day(self.steps.minutes(step).1 - 1),
        };
        let text = format!("{}/{}", self.steps.label(at - train), label(at - 1));
        let select = Select {
            period: Period::parse(&text).ok(),
            lens: Some(self.selection.lens),
            ..self.select.clone()
        };
        let day = format_day(cut_off);
        let selection = Selection::within(&snapshot, &select, self.selection.area.clone())
            .map_err(|source| Error::Select {
                cut_off: day.clone(),
                source,
            })?;
        let cells = self.cells.of_other(&selection);
        let own = Steps::of(
            select
                .period
                .ok_or(StepsError::NoPeriod(self.params.step.plural()))?,
            self.params.step,
        )?;
        let known = own.supplied(&selection);
        let by_step = cells.counts_by_step(&selection, &own);
        let before = cells.counts(&selection);
        origin.training = total(&before);
        let supplied: Vec<usize> = (0..own.len()).filter(|&s| known[s]).collect();
        origin.train_steps_supplied = supplied.len() as u32;
        if supplied.is_empty() {
            origin.left_out =
                Some("no step before the cut-off has a record of any kind: not supplied");
            return Ok(Scored {
                origin,
                scores: Vec::new(),
                against: Vec::new(),
            });
        }
        let length = |steps: &[usize]| -> f64 {
            let minutes = steps.iter().map(|&s| own.minutes(s)).map(|(a, b)| b - a);
            f64::from(minutes.sum::<i32>()) / f64::from(MINUTES_PER_DAY)
        };
        let ahead = f64::from(horizon_to - cut_off) / f64::from(MINUTES_PER_DAY);
        let training = Training {
            selection: &selection,
            cells: &cells,
            areas_m2: &self.areas_m2,
            days_ratio: ahead / length(&supplied),
            cut_off,
        };
        let ground = Ground::new(&self.sizes, &before, &after)?;
        let best = ground.best();
        let best: Vec<Flagged> = self.flag(&ground, &best);
        let (mut scores, mut flagged) = (Vec::new(), Vec::new());
        for (i, contender) in self.contenders.iter().enumerate() {
            let prediction = match &contender.method {
                Some(method) => method.predict(&training).map_err(|source| Error::Method {
                    method: contender.label.clone(),
                    cut_off: day.clone(),
                    source,
                })?,
                None if i + 1 < self.contenders.len() => {
                    counted(&by_step, &supplied, ahead / length(&supplied))
                }
                None => {
                    let last = &supplied[supplied.len().saturating_sub(horizon)..];
                    counted(&by_step, last, ahead / length(last))
                }
            };
            let ranking = ground.ranking(&prediction.values, self.params.ties)?;
            let own = self.flag(&ground, &ranking);
            let predicted = prediction.events.as_deref();
            let score = |(mine, best)| ground.score(mine, best, predicted);
            scores.push(own.iter().zip(&best).map(score).collect());
            flagged.push(own);
            origin
                .maps
                .push((fingerprint(&prediction.values), prediction.resolved));
        }
        let mut against = Vec::new();
        let (methods, baselines) = flagged.split_at(self.params.methods.len());
        for mine in methods {
            for theirs in baselines {
                let pairs = mine.iter().zip(theirs);
                against.extend(pairs.map(|(m, t)| m.against(t, &after)));
            }
        }
        Ok(Scored {
            origin,
            scores,
            against,
        })
    }

    fn flag(&self, ground: &Ground, ranking: &crate::evaluation::Ranking) -> Vec<Flagged> {
        let each = self.coverages.iter();
        each.map(|c| ground.flag(ranking, c.size)).collect()
    }

    /// Selected incidents of the study area that began in training and were not over by the cut-off.
    fn across(&self, from: CivilMinute, cut_off: CivilMinute) -> u64 {
        let incidents = self.selection.incidents();
        self.selection
            .locations_inside()
            .flat_map(|(l, _)| incidents.at(l))
            .filter(|&i| self.selection.holds(i))
            .filter(|&i| {
                let (a, b) = (incidents.from()[i], incidents.to()[i]);
                from <= a && a < cut_off && b > cut_off
            })
            .count() as u64
    }

    fn rows(&self, origins: &[Origin], scores: &[Vec<Vec<Score>>]) -> Vec<Row> {
        let scored: Vec<usize> = (0..origins.len())
            .filter(|&o| origins[o].left_out.is_none())
            .collect();
        let mut rows = Vec::new();
        for (contender, _) in self.contenders.iter().enumerate() {
            for (coverage, _) in self.coverages.iter().enumerate() {
                let own: Vec<Score> = scored
                    .iter()
                    .map(|&o| scores[o][contender][coverage])
                    .collect();
                let score = Score::sum(&own);
                let pai: Vec<f64> = own.iter().filter_map(Score::pai).collect();
                rows.push(Row {
                    contender,
                    coverage,
                    origin: None,
                    interval: wilson(score.hits.round() as u64, score.events as u64, Z_95),
                    pai_mean: (!pai.is_empty()).then(|| pai.iter().sum::<f64>() / pai.len() as f64),
                    score,
                });
                rows.extend(scored.iter().zip(own).map(|(&o, score)| Row {
                    contender,
                    coverage,
                    origin: Some(o),
                    score,
                    pai_mean: None,
                    interval: None,
                }));
            }
        }
        rows
    }

    fn comparisons(
        &self,
        origins: &[Origin],
        scores: &[Vec<Vec<Score>>],
        against: &[Vec<(f64, f64)>],
    ) -> Vec<Comparison> {
        let methods = self.params.methods.len();
        let mut list = Vec::new();
        for contender in 0..methods {
            for b in 0..BASELINES.len() {
                for (coverage, _) in self.coverages.iter().enumerate() {
                    let at = (contender * BASELINES.len() + b) * self.coverages.len() + coverage;
                    let baseline = methods + b;
                    let (mut gained, mut lost) = (0.0, 0.0);
                    let (mut better, mut worse) = (0, 0);
                    for (o, _) in origins
                        .iter()
                        .enumerate()
                        .filter(|o| o.1.left_out.is_none())
                    {
                        gained += against[o][at].0;
                        lost += against[o][at].1;
                        let hits = |c: usize| scores[o][c][coverage].hits;
                        // Fractions of ties are sums in different orders.
                        let difference = hits(contender) - hits(baseline);
                        better += u32::from(difference > 1e-9);
                        worse += u32::from(difference < -1e-9);
                    }
                    let (gained, lost) = (gained.round() as u64, lost.round() as u64);
                    list.push(Comparison {
                        contender,
                        baseline,
                        coverage,
                        gained,
                        lost,
                        p_events: sign_test(gained, lost),
                        better,
                        worse,
                        p_origins: sign_test(better.into(), worse.into()),
                    });
                }
            }
        }
        list
    }
}

/// The plain count of some steps, and the number predicted if things go on at the same rate.
fn counted(by_step: &[Vec<u32>], steps: &[usize], ratio: f64) -> Prediction {
    let mut values = vec![0.0; by_step.first().map_or(0, Vec::len)];
    for &s in steps {
        for (sum, &n) in values.iter_mut().zip(&by_step[s]) {
            *sum += f64::from(n);
        }
    }
    Prediction {
        events: Some(values.iter().map(|v| v * ratio).collect()),
        values,
        resolved: None,
    }
}

/// The first 16 hex digits of a SHA-256 hash over the bits of a map.
fn fingerprint(values: &[f64]) -> String {
    let mut hash = Sha256::new();
    for v in values {
        hash.update(v.to_bits().to_le_bytes());
    }
    let digits = hash.finalize();
    digits.iter().take(8).map(|b| format!("{b:02x}")).collect()
}
