//! Emerging hot spots: which cells are hot, since when, and whether ever more or ever less so.
//!
//! **What it answers.** Of the cells of a study area, which have significantly many incidents around them
//! month after month, which have begun to, which have ceased to, and which come and go?
//!
//! **Model.** Selected incidents are counted in every cell of the study area, the empty ones too, for every
//! step of the period (months, weeks or days): a cube of bins. The neighbourhood of a bin is its cell and
//! the cells within some `rings` or `distance_m` of it, in its own step and in `time_window` steps before:
//! it never looks ahead. Gi* holds the sum of its counts against what the reference makes expect, with
//! weights of 1 (so that Σw = Σw² = W):
//!
//! z = (Σx − W·x̄) / (s·√[(n·W − W²) / (n − 1)]), s² = Σ(x − x̄)² / n,
//!
//! n, x̄ and s being those of the *entire cube* unless the steps of the neighbourhood (*window*) or the
//! bin's own *step* are asked for. The first steps have nothing before them: their neighbourhood is
//! smaller, and W with it. A cell at the edge of the study area has fewer neighbours, and W counts those it
//! has.
//!
//! **Significance.** p is two-sided and `exact` unless `p_value` says otherwise: how likely the sum is, or
//! one farther out, among all ways to deal the counts of the reference to its bins, twice the smaller tail.
//! For every reference (the entire cube, or one for each window or step) the distribution of the sum of W
//! counts drawn without replacement is added up once. `normal` takes z for normal, as Esri does. That
//! misleads wherever counts are sparse: with a tenth of an incident in a bin's neighbourhood a single
//! incident is three standard deviations. Of forty incidents scattered evenly over 180 squares and 24
//! months it calls some 310 bins hot, nearly all for a single incident; the exact p calls none (20 maps of
//! chance, by a test). The price: the exact null takes the bins' counts as they are, so that a lone cell
//! that is always high, with nothing around it, makes high bins common and may not be hot by `exact`; use
//! larger cells, or look at `repeat_locations`. All bins of the cube are tests of one family, adjusted by
//! Benjamini and Hochberg unless another correction or family is named; a bin is hot or cold where the
//! adjusted p is at most `level`. The trend is the test of Mann and Kendall over a cell's z values, with
//! ties and continuity, two-sided at `trend_level`.
//!
//! **Categories.** Seen from the hot side (the cold side is the mirror), with the final step hot unless
//! said:
//!
//! - *new*: in the final step and never before;
//! - *consecutive*: all hot steps make one run of two or more up to the final one; less than 90 %;
//! - *intensifying*, *persistent*, *diminishing*: in 90 % of the steps or more, the trend rising, none, or
//!   falling;
//! - *sporadic*: also before the final run, never cold, less than 90 %. In `esri_2_8` the final step need
//!   not be hot, as long as not all that is hot is one run up to it;
//! - *oscillating*: also before the final run, and cold at some time; less than 90 %;
//! - *historical*: in 90 % or more, but **not** in the final step (not hot, which need not be cold).
//!
//! The published wordings overlap: a run that began after a cold step is told as new or consecutive, not
//! as oscillating, and nearly always hot but not at the end as historical, not as persistent, as Esri's
//! order of the categories and the sense of the words have it. Where both sides are asked for and a cell
//! has a category of each, the side of the final step decides.
//!
//! `sfhotspot` has four states by shares of the steps, without a trend: *persistent* in 80 % or more;
//! *emerging* in 10 % or more of the recent fifth (rounded down, at least one step) and in less than 10 %
//! of those before; *former* the reverse; *intermittent* in 10 % or more of all and none of these; *mixed*
//! where a cell has a state of both sides. That package tests each period by itself and adjusts over the
//! periods of a cell, not over space: `"reference": "step", "time_window": 0, "correction": "holm",
//! "correct_over": "each_cell"`. The four are those of its manual (the formal definitions on the help page
//! of `hotspot_classify`), with its default shares. Its code differs from them: it counts one period too
//! many as recent, and asks 20 % of them for emerging.
//!
//! **Steps without data.** A step without a record of any kind in the study area was not supplied and is
//! no zero: the request is refused, or the step left out by name, in which case the neighbourhoods that
//! would reach back to it are smaller. At least 10 steps are needed. Months are the only steps for records known to the month.
//!
//! **Degenerate.** Where all bins of the reference have one count Gi* is undefined: null, never
//! significant, and no part of a trend or of the tests. The same holds where a neighbourhood is all that
//! it would be held against.
//!
//! A cell may be hot without a single incident of its own, for those around it. Such cells are counted and
//! not shown, unless all are.
//!
//! **How it can mislead.** Values share counts with the cells around and the step before, so that
//! neighbours turn hot together, and Mann–Kendall finds more trends than its level says. Held against the
//! entire cube, a rise of the whole area makes cells "emerge" everywhere; held against each step, it makes
//! none. Town centres are persistent for want of a population at risk. Cold spots are mostly ground where
//! nothing can happen: the hot side alone is looked at unless asked. A category turns on single steps: one
//! month just below the level makes *persistent* *sporadic*; see the values, not only the word. Map points
//! of open data move between releases, which makes new and historical hot spots of nothing. A final step
//! that the data covers in part is too low.
//!
//! **Complexity.** Cells × steps × neighbours additions, and cells × steps² comparisons for the trend; p is
//! computed once for bins of the same z.
//!
//! **References.** Ord & Getis 1995, doi 10.1111/j.1538-4632.1995.tb00912.x; Benjamini & Hochberg 1995,
//! doi 10.1111/j.2517-6161.1995.tb02031.x; Mann 1945, doi 10.2307/1907187; Esri, *How Emerging Hot Spot
//! Analysis works*, ArcGIS Pro 2.8 and current; Ashby, *sfhotspot*, R package, `hotspot_classify`.
//! **Checked against** numpy on 17,294 cells by 36 months (z to 1e-6 of single precision, every S of
//! Mann–Kendall equal, their Z to single precision); the definition written out bin by bin, by property
//! tests; exact p by all deals of small cubes; R's Mann–Kendall; all 3ⁿ histories of up to 8 steps, and of 10 and 11, in which each definition
//! has one category or none.

mod categories;
mod cube;
mod null;

use std::collections::BTreeMap;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::domain::LocationBasis;
use crate::hotspots;
use crate::lattice::{Lattice, LatticeError, Neighbours, Tiling, TooManyPairs};
use crate::local_association::exact::{MAX_WORK, TooMuchWork};
use crate::places::{Comparable, PlaceFacts, Wards};
use crate::plane;
use crate::select::Selection;
use crate::statistics::Correction;
use crate::steps::{Step, Steps, StepsError};
use crate::study_cells::{Shape, StudyCells, StudyCellsError, tiling};

pub use categories::{
    Category, Definition, History, Pattern, Predicate, Side, Sides, State, Trend, category, pattern,
};
pub use cube::{Cube, Family, PValue, Reference, Scale, Test};

/// Fewest steps.
pub const LEAST_STEPS: usize = 10;

/// Most bins.
pub const MAX_BINS: u64 = 50_000_000;

/// Most steps that a neighbourhood reaches back.
pub const MAX_TIME_WINDOW: u32 = 12;

/// Parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// What kind of cells.
    pub cells: Shape,
    /// Resolution of H3 cells, 6 to 12; 10 where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub h3_resolution: Option<u8>,
    /// Side of square cells, metres; 150 where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cell_m: Option<f64>,
    /// What the period is cut into.
    pub step: Step,
    /// Cells so many rings around belong to a neighbourhood; 1 where no distance is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rings: Option<u32>,
    /// Instead: cells whose centres are at most so far away, metres.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distance_m: Option<f64>,
    /// Steps before its own that belong to the neighbourhood of a bin.
    pub time_window: u32,
    /// What neighbourhoods are held against.
    pub reference: Reference,
    /// How p-values are made.
    pub p_value: PValue,
    /// How p-values are adjusted.
    pub correction: Correction,
    /// Together with which others.
    pub correct_over: Family,
    /// Largest adjusted p of a significant bin.
    pub level: f64,
    /// Largest p of a significant trend.
    pub trend_level: f64,
    /// Whose categories.
    pub definition: Definition,
    /// Which sides are looked at.
    pub sides: Sides,
    /// What is done about steps without data.
    pub missing_steps: MissingSteps,
    /// Which cells become features.
    pub show: Show,
    /// Only the first so many cells; the number left out is stated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            cells: Shape::default(),
            h3_resolution: None,
            cell_m: None,
            step: Step::default(),
            rings: None,
            distance_m: None,
            time_window: 1,
            reference: Reference::default(),
            p_value: PValue::default(),
            correction: Correction::default(),
            correct_over: Family::default(),
            level: 0.05,
            trend_level: 0.05,
            definition: Definition::default(),
            sides: Sides::default(),
            missing_steps: MissingSteps::default(),
            show: Show::default(),
            max: None,
        }
    }
}

/// What is done about steps without a record of any kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissingSteps {
    /// The request is refused, with their names.
    #[default]
    Refuse,
    /// They are left out, and named.
    LeaveOut,
}

/// Which cells become features.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Show {
    /// Those with a category; hot ones without a single incident of their own are left out, and
    /// counted.
    #[default]
    Patterns,
    /// All of the study area.
    All,
}

/// A cell's history.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// Index in the lattice.
    pub cell: usize,
    /// Place in the ranking by the latest z, from 1.
    pub rank: u32,
    /// Commonest place text and ward.
    pub name: String,
    /// What it is; `None` for no pattern.
    pub category: Option<Category>,
    /// What its steps are.
    pub states: Vec<State>,
    /// Its own incidents, step by step.
    pub counts: Vec<u32>,
    /// Incidents in the neighbourhood of the latest bin.
    pub latest_around: u32,
    /// Bins in that neighbourhood.
    pub latest_bins: u32,
    /// Gi* of the latest bin; `None` where it is undefined.
    pub latest_z: Option<f64>,
    /// Its two-sided p.
    pub latest_p: Option<f64>,
    /// The same, adjusted.
    pub latest_adjusted_p: Option<f64>,
    /// What its values do.
    pub trend: Trend,
    /// Mann–Kendall: z and two-sided p; `None` where all values are equal or undefined.
    pub trend_z_p: Option<(f64, f64)>,
    /// The boundary of the study area cuts it or a cell around it: incidents beyond are not counted.
    pub edge_effect: bool,
    /// Its area, m².
    pub area_m2: f64,
    /// Counts and dates of its incidents; `None` where it has none.
    pub facts: Option<PlaceFacts>,
}

impl Cell {
    /// Steps that are in a state.
    #[must_use]
    pub fn steps_in(&self, state: State) -> u32 {
        self.states.iter().filter(|s| **s == state).count() as u32
    }
}

/// Emerging hot spots.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The parameters, for the record.
    pub params: Params,
    /// All cells of the study area.
    pub lattice: Lattice,
    /// Those shown, by rank.
    pub cells: Vec<Cell>,
    /// The steps: `2022-05`, or the first day.
    pub steps: Vec<String>,
    /// Steps left out because the data has nothing of them.
    pub missing: Vec<String>,
    /// Days at the beginning of the period that make no whole step.
    pub days_left_out: u32,
    /// How many cells are of each category.
    pub by_category: BTreeMap<Category, u64>,
    /// Bins, those tested, and the hot and cold ones.
    pub bins: Bins,
    /// The least and the most cells around a cell, itself counted.
    pub sizes: Option<(u32, u32)>,
    /// What the latest step is held against.
    pub latest_scale: Option<Scale>,
    /// Selected incidents in the steps.
    pub incidents: u64,
    /// Selected incidents of the study area in no step: days left out.
    pub in_no_step: u64,
    /// Selected incidents of the study area at map points.
    pub snap_points: u64,
    /// Cells that are hot for their neighbours' incidents alone, and are not shown.
    pub without_incidents: u64,
    /// Cells left out because there were more than asked for.
    pub beyond_max: u64,
}

/// Bins by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bins {
    /// All.
    pub all: u64,
    /// Those whose Gi* is defined.
    pub tested: u64,
    /// Hot ones.
    pub hot: u64,
    /// Cold ones.
    pub cold: u64,
}

/// Why emerging hot spots cannot be told.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The cells.
    #[error(transparent)]
    Cells(#[from] StudyCellsError),
    /// The steps.
    #[error(transparent)]
    Steps(#[from] StepsError),
    /// The neighbourhoods.
    #[error(transparent)]
    Pairs(#[from] TooManyPairs),
    /// A cell's outline.
    #[error(transparent)]
    Lattice(#[from] LatticeError),
    /// Two neighbourhoods.
    #[error("rings and distance_m both say what lies near; give one of them")]
    TwoNeighbourhoods,
    /// Rings out of range.
    #[error("rings must be 1 to 50, not {0}")]
    Rings(u32),
    /// A distance that reaches no other cell, or too many.
    #[error(
        "distance_m must be at least {spacing_m:.0} metres, the distance between neighbouring cells, and at most 20000, not {distance_m}"
    )]
    Distance {
        /// The distance.
        distance_m: f64,
        /// Between the centres of neighbouring cells.
        spacing_m: f64,
    },
    /// A window out of range.
    #[error("time_window must be 0 to {MAX_TIME_WINDOW} steps before a bin's own, not {0}")]
    TimeWindow(u32),
    /// A level that is none.
    #[error("{field} must be over 0 and at most 0.5, not {level}")]
    Level {
        /// The field.
        field: &'static str,
        /// The level.
        level: f64,
    },
    /// Too few steps.
    #[error(
        "{steps} {what} are too few to tell a history, at least {LEAST_STEPS} are needed; name a longer period or shorter steps"
    )]
    TooFewSteps {
        /// How many.
        steps: usize,
        /// What they are.
        what: &'static str,
    },
    /// Steps without data.
    #[error(
        "the data has no record of any kind in the study area in {steps}: not supplied, which is no zero; choose a period that is covered, or say `missing_steps = \"leave_out\"`"
    )]
    Missing {
        /// Their names.
        steps: String,
    },
    /// Too many bins.
    #[error(
        "{cells} cells by {steps} steps are more than {MAX_BINS} bins; choose larger cells, longer steps, or a smaller study area"
    )]
    TooManyBins {
        /// Cells.
        cells: usize,
        /// Steps.
        steps: usize,
    },
    /// Exact p-values would take too long.
    #[error(
        "exact p-values of sums up to {} over {} bins take some {} million additions, the limit is {}; choose fewer rings, a shorter distance or time_window, or say \"p_value\": \"normal\", which is near where counts are as great as these",
        .0.greatest, .0.drawn, (.0.work / 1e6).ceil(), MAX_WORK / 1e6
    )]
    TooMuchWork(TooMuchWork),
    /// None are asked for.
    #[error("max must be at least 1, or left out")]
    Max,
}

impl Error {
    /// A stable code for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Cells(e) => e.code(),
            Self::Steps(e) => e.code(),
            Self::Missing { .. } => "steps_without_data",
            Self::TooFewSteps { .. } => "too_few_steps",
            Self::Pairs(_) | Self::TooManyBins { .. } => "too_many_cells",
            Self::TooMuchWork(_) => "too_much_work",
            _ => "invalid_emerging_hot_spots",
        }
    }
}

/// The steps of the cube.
struct Covered {
    /// Their numbers among all steps.
    kept: Vec<usize>,
    /// Those left out.
    missing: Vec<String>,
}

impl Covered {
    fn of(selection: &Selection, steps: &Steps, params: &Params) -> Result<Self, Error> {
        let supplied = steps.supplied(selection);
        let (kept, missing): (Vec<usize>, Vec<usize>) =
            (0..steps.len()).partition(|&step| supplied[step]);
        let missing: Vec<String> = missing.iter().map(|&step| steps.label(step)).collect();
        if !missing.is_empty() && params.missing_steps == MissingSteps::Refuse {
            let more = missing.len().saturating_sub(12);
            let mut names = missing[..missing.len() - more].join(", ");
            if more > 0 {
                names.push_str(&format!(" and {more} more"));
            }
            return Err(Error::Missing { steps: names });
        }
        if kept.len() < LEAST_STEPS {
            return Err(Error::TooFewSteps {
                steps: kept.len(),
                what: steps.step.plural(),
            });
        }
        Ok(Self { kept, missing })
    }

    /// Of each kept step the first kept one that its neighbourhood reaches back to.
    fn first(&self, window: u32) -> Vec<usize> {
        let reach = window as usize;
        let from = |step: &usize| self.kept.partition_point(|k| k + reach < *step);
        self.kept.iter().map(from).collect()
    }
}

/// Tells the histories of the cells of a study area.
///
/// # Errors
/// [`Error`] for parameters out of range, without a study area or a period, and for steps without data.
pub fn run(
    selection: &Selection,
    params: &Params,
    comparable: Comparable,
) -> Result<Outcome, Error> {
    check(params)?;
    let tiling = tiling(params.cells, params.h3_resolution, params.cell_m)?;
    let spacing_m = tiling.spacing_m();
    if let Some(distance_m) = params.distance_m
        && !(spacing_m..=20_000.0).contains(&distance_m)
    {
        return Err(Error::Distance {
            distance_m,
            spacing_m,
        });
    }
    let steps = Steps::of_selection(selection, params.step)?;
    let study = StudyCells::new(selection, tiling, "a test over cells and steps")?;
    let covered = Covered::of(selection, &steps, params)?;
    let (cells, n) = (study.len(), covered.kept.len());
    if cells as u64 * n as u64 > MAX_BINS {
        return Err(Error::TooManyBins { cells, steps: n });
    }
    let neighbours = match params.distance_m {
        Some(distance_m) => Neighbours::within(&study.lattice, distance_m)?,
        None => Neighbours::rings(&study.lattice, params.rings.unwrap_or(1))?,
    };
    let by_step = study.counts_by_step(selection, &steps);
    let mut counts = vec![0; cells * n];
    for (step, &kept) in covered.kept.iter().enumerate() {
        for (cell, &count) in by_step[kept].iter().enumerate() {
            counts[cell * n + step] = count;
        }
    }
    let test = Test {
        reference: params.reference,
        p_value: params.p_value,
        correction: params.correction,
        family: params.correct_over,
        level: params.level,
    };
    let cube = Cube::new(
        &counts,
        &covered.first(params.time_window),
        &neighbours,
        test,
    )
    .map_err(Error::TooMuchWork)?;
    let categories = cube.categories(params.definition, params.sides, params.trend_level);
    let mut by_category = BTreeMap::new();
    for category in categories.iter().flatten() {
        *by_category.entry(*category).or_default() += 1;
    }
    let latest = n - 1;
    let total = |c: usize| counts[c * n..(c + 1) * n].iter().sum::<u32>();
    let lent = |c: &usize| categories[*c].is_some_and(|c| c.side == Side::Hot) && total(*c) == 0;
    let mut order: Vec<usize> = (0..cells)
        .filter(|&c| params.show == Show::All || categories[c].is_some())
        .collect();
    let before = order.len();
    if params.show == Show::Patterns {
        order.retain(|c| !lent(c));
    }
    let without_incidents = (before - order.len()) as u64;
    order.sort_by(|&a, &b| {
        let z = |c: usize| Some(cube.z(c)[latest]).filter(|z| !z.is_nan());
        let by_z = z(b)
            .unwrap_or(f64::NEG_INFINITY)
            .total_cmp(&z(a).unwrap_or(f64::NEG_INFINITY));
        by_z.then(total(b).cmp(&total(a))).then(a.cmp(&b))
    });
    let shown = params
        .max
        .map_or(order.len(), |m| order.len().min(m as usize));
    let mut members = vec![Vec::new(); cells];
    for (location, _) in selection.locations_inside() {
        if let Some(cell) = study.cell_of(location) {
            members[cell].push(location);
        }
    }
    let wards = Wards::of(selection.snapshot);
    let reach_m = reach_m(tiling, params);
    let describe = |(place, &cell): (usize, &usize)| -> Result<Cell, Error> {
        let facts = PlaceFacts::of(selection, &members[cell], comparable);
        let centre = study.lattice.centres()[cell];
        let ward = plane::unproject(centre).ok().and_then(|at| wards.at(at));
        let z = Some(cube.z(cell)[latest]).filter(|z| !z.is_nan());
        let trend = &cube.trends[cell];
        Ok(Cell {
            cell,
            rank: place as u32 + 1,
            name: hotspots::name(facts.as_ref().and_then(PlaceFacts::short_place), ward),
            category: categories[cell],
            states: cube.states(cell).to_vec(),
            counts: counts[cell * n..(cell + 1) * n].to_vec(),
            latest_around: cube.sum(cell, latest),
            latest_bins: cube.size(cell) * (latest - cube.first[latest] + 1) as u32,
            latest_z: z,
            latest_p: cube.p(cell, latest),
            latest_adjusted_p: cube.adjusted_p(cell, latest),
            trend: cube.trend(cell, params.trend_level),
            trend_z_p: trend.z().zip(trend.p()),
            edge_effect: selection
                .area
                .as_ref()
                .is_some_and(|a| a.boundary_within(centre, reach_m)),
            area_m2: study.lattice.area_m2(cell).map_err(LatticeError::from)?,
            facts,
        })
    };
    let cells_shown = order[..shown]
        .par_iter()
        .enumerate()
        .map(describe)
        .collect::<Result<Vec<Cell>, Error>>()?;
    let of = |state| cube.states.par_iter().filter(|s| **s == state).count() as u64;
    let incidents = counts.par_iter().map(|&c| u64::from(c)).sum();
    Ok(Outcome {
        cells: cells_shown,
        steps: covered.kept.iter().map(|&s| steps.label(s)).collect(),
        missing: covered.missing,
        days_left_out: steps.days_left_out,
        by_category,
        bins: Bins {
            all: (cells * n) as u64,
            tested: cube.tests(),
            hot: of(State::Hot),
            cold: of(State::Cold),
        },
        sizes: cube.sizes(),
        latest_scale: cube.scales.last().copied(),
        incidents,
        in_no_step: selection.selected - incidents,
        snap_points: snap_points(selection),
        without_incidents,
        beyond_max: (order.len() - shown) as u64,
        lattice: study.lattice,
        params: params.clone(),
    })
}

fn snap_points(selection: &Selection) -> u64 {
    let incidents = selection.incidents();
    let of = |location| {
        let here = incidents.at(location).filter(|&i| selection.holds(i));
        here.filter(|&i| incidents.basis(i) == LocationBasis::SnapPoint)
            .count() as u64
    };
    let inside = selection.locations_inside();
    inside.map(|(location, _)| of(location)).sum()
}

fn check(params: &Params) -> Result<(), Error> {
    if params.rings.is_some() && params.distance_m.is_some() {
        return Err(Error::TwoNeighbourhoods);
    }
    if let Some(rings) = params.rings.filter(|r| !(1..=50).contains(r)) {
        return Err(Error::Rings(rings));
    }
    if params.time_window > MAX_TIME_WINDOW {
        return Err(Error::TimeWindow(params.time_window));
    }
    for (field, level) in [("level", params.level), ("trend_level", params.trend_level)] {
        if !(level > 0.0 && level <= 0.5) {
            return Err(Error::Level { field, level });
        }
    }
    if params.max == Some(0) {
        return Err(Error::Max);
    }
    Ok(())
}

/// How far the farthest corner of a neighbourhood is from its centre, metres.
fn reach_m(tiling: Tiling, params: &Params) -> f64 {
    let spacing = tiling.spacing_m();
    let (corner, ring) = match tiling {
        Tiling::H3(_) => (spacing / 3.0_f64.sqrt(), spacing),
        Tiling::Square(side) => (
            side * std::f64::consts::FRAC_1_SQRT_2,
            side * std::f64::consts::SQRT_2,
        ),
    };
    let centres = params
        .distance_m
        .unwrap_or(f64::from(params.rings.unwrap_or(1)) * ring);
    centres + corner
}
