//! Kernel density on cells.
//!
//! **What it answers.** Where incidents lie close together, on a smooth scale set by the bandwidth.
//!
//! **Model.** λ(s) = Σᵢ wᵢ·c/h²·k(‖s − xᵢ‖/h): each incident is spread over a disc and integrates
//! to its weight, so that the surface integrates to the number of incidents and is read in incidents
//! per km². Kernels and their constants stand in [`crate::kernel`], the rule behind `"auto"` in
//! [`crate::bandwidth`]. Sums are exact: incidents at one place are one weighted location, nothing is
//! binned, cut off or interpolated, but for the Gaussian beyond six bandwidths.
//!
//! **Cells.** H3 cells, or squares of the plane. The density is that of the cell's centre; each cell
//! has its own area. Every cell that touches the study area belongs to the surface, also where
//! nothing happened: there it is zero. Without a study area the surface is the ground that the
//! incidents reach, and shares of area are not defined.
//!
//! **Edges.** Incidents beyond the study area count where their disc reaches into it. Where no data
//! of any kind lies beyond the boundary nearby, the density near it is too low by up to a half (a
//! quarter remains in a corner), and the cells say so. That is the default, because data beyond the
//! boundary beat any correction. Without them `edge_correction` divides by the kernel's mass inside
//! the study area, holes and parts included ([`crate::edge`]): `"uniform"` at each cell, right for a
//! constant intensity, or `"diggle"` at each incident, so that the surface integrates over the study
//! area to the number of incidents. Either uses the incidents of the study area only and gives each
//! cell its `edge_mass`; below 0.8 the cell says so. A cell whose centre lies outside is an
//! extrapolation.
//!
//! **Bandwidths.** In metres, `"auto"`, or a rule by name ([`crate::bandwidth`]); `compare_bandwidths`
//! puts all rules side by side. `adaptive` lets the bandwidth vary from incident to incident
//! ([`crate::estimate`]): `"abramson"` around `bandwidth_m`, with `{"abramson": {"pilot_m": …}}` for
//! a pilot of its own, or `{"nearest": k}`, whose floor is twice the median spacing of the distinct
//! locations. Abramson's has the same floor, but for a stated bandwidth below it, which is then the
//! floor. Neither goes below what the cells can show.
//!
//! **Weights.** An incident weighs 1; with hours in the selection, the share of its time that lies in
//! them ([`crate::domain::WeekHours`]), so that the surface integrates to the expected number in the
//! hours; with `weight` a harm schedule, what that states for it ([`crate::harm`]), so that the surface
//! integrates to harm. Both multiply. The bandwidth does not depend on weights: it is chosen by
//! distinct locations. Where every weight is 0 the surface is 0.
//!
//! **How it can mislead.** The picture depends on the bandwidth more than on anything else. A peak
//! is not a count: read the counts. Snapped open data has no detail below the spacing of its map
//! points. No significance is implied.
//!
//! **Sum of the cells.** Density times area, summed over cells that hold every disc, gives the number
//! of incidents up to the error of taking each cell by its centre. The bound for a single place at a
//! bandwidth of two cell spacings (in the breadth of a quartic): quartic, triweight, tricube and Gaussian
//! 2 %, triangular 3 %, Epanechnikov and cosine 6 %; the uniform disc, whose rim is a cliff, has none worth stating.
//! Over many places the errors cancel. Below two spacings a layer says so, below one it is refused.
//!
//! **Complexity.** One kernel evaluation for each pair of a location and a cell within reach. A
//! correction adds, for each cell or location near the boundary, a quadrature over the boundary's
//! edges within reach; varying bandwidths look at up to four times as many pairs.
//!
//! **References.** Silverman 1986, *Density Estimation*; Chainey, Tompson & Uhlig 2008,
//! doi 10.1057/palgrave.sj.8350066. **Checked against** direct summation, and unbinned sums over
//! 100,000 events made with numpy; spatstat and sparr for rules, corrections and varying bandwidths.

mod shaped;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use self::shaped::{EdgeMass, Spread};
use crate::bandwidth::{self, Choice, Comparison, Rule, RuleChoice, RuleError, TooFewLocations};
use crate::domain::Lens;
use crate::edge::{Correction, LEAST_MASS};
use crate::ground::StudyArea;
use crate::harm::{self, HarmOf};
use crate::kernel::Kernel;
use crate::lattice::{Lattice, LatticeError, Tiling};
use crate::plane::Planar;
use crate::select::Selection;
use crate::surface;

/// Parameters.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Kernel; quartic by default.
    #[serde(default)]
    pub kernel: Kernel,
    /// Bandwidth in metres, `"auto"`, or the name of a rule.
    #[serde(default)]
    pub bandwidth_m: Bandwidth,
    /// Bandwidths that vary from incident to incident; none by default.
    #[serde(default)]
    pub adaptive: Adaptive,
    /// Correction at the boundary of the study area; none by default.
    #[serde(default)]
    pub edge_correction: Correction,
    /// Report what every rule would choose. It costs time and changes nothing else.
    #[serde(default, skip_serializing_if = "is_false")]
    pub compare_bandwidths: bool,
    /// H3 resolution of the cells, 8 to 12; 10 when neither this nor `cell_m` is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub h3_resolution: Option<u8>,
    /// Side of square cells, metres, on a grid through the origin of the plane.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cell_m: Option<f64>,
    /// What an incident weighs: `"count"`, or `{"harm": SCHEDULE}`.
    #[serde(default)]
    pub weight: Weight,
}

/// What an incident weighs in the surface.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Weight {
    /// Each the same.
    #[default]
    Count,
    /// Its weight by a harm schedule.
    Harm(HarmWeight),
}

/// Weights by a harm schedule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HarmWeight {
    /// Id of the schedule.
    pub harm: String,
    /// Which end of a range stands for an incident that weighs one. Without it such incidents are
    /// refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<Bound>,
}

/// An end of a range of weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// The least weight.
    Low,
    /// The largest weight.
    High,
}

impl Bound {
    /// The name used in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::High => "high",
        }
    }
}

impl Serialize for Weight {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Count => serializer.serialize_str("count"),
            Self::Harm(h) => h.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Weight {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(
            untagged,
            expecting = "weight is \"count\" or {\"harm\": SCHEDULE}, with \"bound\": \"low\" or \"high\" where the schedule states ranges"
        )]
        enum Given {
            Word(String),
            Harm(HarmWeight),
        }
        match Given::deserialize(deserializer)? {
            Given::Harm(h) => Ok(Self::Harm(h)),
            Given::Word(w) if w == "count" => Ok(Self::Count),
            Given::Word(w) => Err(serde::de::Error::custom(format!(
                "weight is \"count\" or {{\"harm\": SCHEDULE}}, not \"{w}\""
            ))),
        }
    }
}

#[allow(clippy::trivially_copy_pass_by_ref)] // Serde calls it with a reference.
fn is_false(value: &bool) -> bool {
    !value
}

/// A bandwidth: stated, or left to a rule of [`crate::bandwidth`].
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum Bandwidth {
    /// Chosen by rule and reported.
    #[default]
    Auto,
    /// By a rule that is named.
    Rule(Rule),
    /// Metres: the radius of the support, or the standard deviation of a Gaussian.
    Metres(f64),
}

impl Serialize for Bandwidth {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str("auto"),
            Self::Rule(rule) => serializer.serialize_str(rule.name()),
            Self::Metres(m) => serializer.serialize_f64(*m),
        }
    }
}

impl<'de> Deserialize<'de> for Bandwidth {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Given {
            Metres(f64),
            Word(String),
        }
        match Given::deserialize(deserializer)? {
            Given::Metres(m) => Ok(Self::Metres(m)),
            Given::Word(w) if w == "auto" => Ok(Self::Auto),
            Given::Word(w) => match Rule::ALL.into_iter().find(|r| r.name() == w) {
                Some(rule) => Ok(Self::Rule(rule)),
                None => Err(serde::de::Error::custom(format!(
                    "bandwidth_m is a number of metres, \"auto\", \"nrd\", \"scott\", \"diggle\", \"likelihood\" or \"least_squares\", not \"{w}\""
                ))),
            },
        }
    }
}

/// How bandwidths vary from incident to incident.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum Adaptive {
    /// They do not.
    #[default]
    None,
    /// Abramson's square root rule around `bandwidth_m`.
    Abramson {
        /// Bandwidth of the pilot density, metres; `bandwidth_m` without it.
        pilot_m: Option<f64>,
    },
    /// The distance to so many nearest other incidents.
    Nearest(u32),
}

impl Adaptive {
    /// The name used in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Abramson { .. } => "abramson",
            Self::Nearest(_) => "nearest",
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pilot {
    pilot_m: f64,
}

#[derive(Serialize, Deserialize)]
#[serde(
    untagged,
    deny_unknown_fields,
    expecting = "adaptive is \"none\", \"abramson\", {\"abramson\": {\"pilot_m\": metres}} or {\"nearest\": incidents}"
)]
enum AdaptiveDocument {
    Word(AdaptiveWord),
    Abramson { abramson: Pilot },
    Nearest { nearest: u32 },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum AdaptiveWord {
    None,
    Abramson,
}

impl Serialize for Adaptive {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::None => AdaptiveDocument::Word(AdaptiveWord::None),
            Self::Abramson { pilot_m: None } => AdaptiveDocument::Word(AdaptiveWord::Abramson),
            Self::Abramson {
                pilot_m: Some(pilot_m),
            } => AdaptiveDocument::Abramson {
                abramson: Pilot { pilot_m },
            },
            Self::Nearest(nearest) => AdaptiveDocument::Nearest { nearest },
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Adaptive {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match AdaptiveDocument::deserialize(deserializer)? {
            AdaptiveDocument::Word(AdaptiveWord::None) => Self::None,
            AdaptiveDocument::Word(AdaptiveWord::Abramson) => Self::Abramson { pilot_m: None },
            AdaptiveDocument::Abramson { abramson } => Self::Abramson {
                pilot_m: Some(abramson.pilot_m),
            },
            AdaptiveDocument::Nearest { nearest } => Self::Nearest(nearest),
        })
    }
}

/// A density surface.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The cells.
    pub lattice: Lattice,
    /// Density at each cell's centre, incidents per m².
    pub density_per_m2: Vec<f64>,
    /// The kernel.
    pub kernel: Kernel,
    /// The bandwidth used, metres; `None` where there was nothing to choose it by, because nothing is
    /// selected, and where every incident has its own by its nearest neighbours.
    pub bandwidth_m: Option<f64>,
    /// How `"auto"` was resolved.
    pub choice: Option<Choice>,
    /// What incidents weigh.
    pub weight: Weighting,
    /// Sum of the weights of the study area's incidents.
    pub total_weight: f64,
    /// How a named rule was resolved.
    pub rule: Option<RuleChoice>,
    /// What every rule would choose, where it was asked for.
    pub comparison: Option<Comparison>,
    /// The kernel's mass inside the study area, where the edge is corrected for.
    pub edge: Option<EdgeMass>,
    /// The bandwidths, where they vary.
    pub spread: Option<Spread>,
}

/// What the incidents of a surface weigh, as resolved.
#[derive(Debug, Clone, PartialEq)]
pub enum Weighting {
    /// Each 1, or its share in the hours.
    Count,
    /// Harm.
    Harm {
        /// Id of the schedule.
        schedule: String,
        /// Its version.
        version: String,
        /// Its unit.
        unit: String,
        /// Which end of ranges was taken.
        bound: Option<Bound>,
    },
}

impl Outcome {
    /// How far an incident reaches, metres.
    #[must_use]
    pub fn reach_m(&self) -> f64 {
        let bandwidth_m = match &self.spread {
            Some(spread) => spread.reach_by_m,
            None => self.bandwidth_m.unwrap_or(0.0),
        };
        bandwidth_m * self.kernel.support()
    }

    /// Where the edge is corrected for: whether so little of the kernel's mass at a cell lies in the
    /// study area that the density there rests on little.
    #[must_use]
    pub fn leans_on_correction(&self, cell: usize) -> Option<bool> {
        self.edge.as_ref().map(|e| e.mass[cell] < LEAST_MASS)
    }
}

impl Weighting {
    /// What an incident weighs.
    pub(crate) fn of(&self, selection: &Selection, incident: usize) -> f64 {
        match self {
            Self::Count => selection.share_in_hours(incident),
            Self::Harm {
                schedule, bound, ..
            } => {
                let of = selection.harm.iter().find(|h| h.schedule.id == *schedule);
                let high = *bound == Some(Bound::High);
                of.map_or(0.0, |of| harm::of_one(of, selection, incident, high))
            }
        }
    }
}

/// Why a surface cannot be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bandwidth is not a length.
    #[error("bandwidth_m must be more than 0 and at most {MAX_BANDWIDTH_M} metres, not {0}")]
    Bandwidth(f64),
    /// The bandwidth is below the cells' spacing.
    #[error(
        "a {kernel} bandwidth of {bandwidth_m} m is finer than the cells, whose centres are {spacing_m:.0} m apart: most places would fall between them; choose finer cells or at least {least_m:.0} m"
    )]
    FinerThanCells {
        /// The kernel.
        kernel: &'static str,
        /// The bandwidth.
        bandwidth_m: f64,
        /// Distance between neighbouring centres.
        spacing_m: f64,
        /// Least bandwidth for these cells.
        least_m: f64,
    },
    /// Two kinds of cells at once.
    #[error("method.h3_resolution and method.cell_m exclude each other; give one of them")]
    TwoTilings,
    /// A resolution out of range.
    #[error("h3_resolution must be 8 to 12, not {0}")]
    Resolution(u8),
    /// A cell size out of range.
    #[error("cell_m must be 1 to 10000 metres, not {0}")]
    CellSize(f64),
    /// `"auto"` has too little to go by.
    #[error(transparent)]
    TooFewLocations(#[from] TooFewLocations),
    /// Police-generated records weigh nothing.
    #[error(
        "weight {{\"harm\": \"{schedule}\"}} with the lens police_generated: these records weigh 0 in a harm total, since they show where police looked; weigh by count, or select the lens reported"
    )]
    PoliceGenerated {
        /// The schedule.
        schedule: String,
    },
    /// Ranges, and no end of them named.
    #[error(
        "harm schedule {schedule} states a range for {count} of the selected records; say \"bound\": \"low\" or \"high\" in the weight, select offences with one weight, or weigh by count"
    )]
    Ranges {
        /// The schedule.
        schedule: String,
        /// How many records weigh a range.
        count: u64,
    },
    /// Harm.
    #[error(transparent)]
    Harm(#[from] harm::Error),
    /// A named rule has no answer.
    #[error(transparent)]
    Rule(#[from] RuleError),
    /// A correction without a boundary.
    #[error(
        "edge_correction \"{correction}\" corrects for the boundary of the study area, and the request names none; name select.area or leave edge_correction out"
    )]
    EdgeNeedsArea {
        /// The correction.
        correction: &'static str,
    },
    /// A pilot bandwidth that is not a length.
    #[error(
        "adaptive.abramson.pilot_m must be more than 0 and at most {MAX_BANDWIDTH_M} metres, not {0}"
    )]
    Pilot(f64),
    /// A number of neighbours out of range.
    #[error("adaptive.nearest must be 1 to {MAX_NEIGHBOURS} incidents, not {0}")]
    Neighbours(u32),
    /// A bandwidth that would not be used.
    #[error(
        "adaptive.nearest gives each incident its own bandwidth, and bandwidth_m has no use; leave bandwidth_m out or use \"abramson\""
    )]
    BandwidthUnused,
    /// Fewer incidents than neighbours.
    #[error(
        "adaptive.nearest asks for {k} other incidents, and there are {incidents} incidents in all; ask for fewer"
    )]
    TooFewNeighbours {
        /// Neighbours asked for.
        k: u32,
        /// Incidents.
        incidents: u64,
    },
    /// The cells.
    #[error(transparent)]
    Lattice(#[from] LatticeError),
}

impl Error {
    /// A stable code for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Harm(e) => e.code(),
            Self::TooFewLocations(_)
            | Self::Rule(RuleError::TooFewLocations { .. })
            | Self::TooFewNeighbours { .. } => "too_few_locations",
            Self::Lattice(LatticeError::TooManyCells { .. }) => "too_many_cells",
            _ => "invalid_kernel_density",
        }
    }
}

/// Largest bandwidth, metres.
pub const MAX_BANDWIDTH_M: f64 = 50_000.0;

/// Most neighbours that a bandwidth may reach for.
pub const MAX_NEIGHBOURS: u32 = 10_000;

/// The least bandwidth that cells can show: their spacing, in the breadth of a quartic.
fn least_bandwidth_m(kernel: Kernel, tiling: Tiling) -> f64 {
    let per_quartic = kernel.radius_per_sigma() / Kernel::Quartic.radius_per_sigma();
    tiling.spacing_m() * per_quartic
}

impl Params {
    fn check(&self) -> Result<(), Error> {
        match self.adaptive {
            Adaptive::Abramson { pilot_m: Some(m) } if !(m > 0.0 && m <= MAX_BANDWIDTH_M) => {
                Err(Error::Pilot(m))
            }
            Adaptive::Nearest(k) if !(1..=MAX_NEIGHBOURS).contains(&k) => Err(Error::Neighbours(k)),
            Adaptive::Nearest(_) if self.bandwidth_m != Bandwidth::Auto => {
                Err(Error::BandwidthUnused)
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn tiling(&self) -> Result<Tiling, Error> {
        match (self.h3_resolution, self.cell_m) {
            (Some(_), Some(_)) => Err(Error::TwoTilings),
            (None, Some(side)) if (1.0..=10_000.0).contains(&side) => Ok(Tiling::Square(side)),
            (None, Some(side)) => Err(Error::CellSize(side)),
            (resolution, None) => {
                let r = resolution.unwrap_or(10);
                match h3o::Resolution::try_from(r) {
                    Ok(valid) if (8..=12).contains(&r) => Ok(Tiling::H3(valid)),
                    _ => Err(Error::Resolution(r)),
                }
            }
        }
    }
}

/// The points of a surface, and what they weigh.
struct Weighed {
    points: Vec<(Planar, f64, u32)>,
    weighting: Weighting,
    /// Sum over the study area.
    total: f64,
}

fn weighed(selection: &Selection, weight: &Weight) -> Result<Weighed, Error> {
    let incidents = selection.incidents();
    let at = |l: u32| incidents.locations()[l as usize].planar();
    let (weighting, by_location): (_, Vec<(u32, f64)>) = match weight {
        Weight::Count => (
            Weighting::Count,
            selection
                .locations()
                .map(|(l, _)| (l, selection.expected_at(l)))
                .collect(),
        ),
        Weight::Harm(HarmWeight { harm, bound }) => {
            let schedule = || harm.clone();
            let of = HarmOf::new(selection, harm)?;
            if selection.lens == Lens::PoliceGenerated {
                return Err(Error::PoliceGenerated {
                    schedule: schedule(),
                });
            }
            if of.ranged_anywhere > 0 && bound.is_none() {
                return Err(Error::Ranges {
                    schedule: schedule(),
                    count: of.ranged_anywhere,
                });
            }
            let harm_at = |l: u32| -> f64 {
                incidents
                    .at(l)
                    .filter(|&i| selection.holds(i))
                    .map(|i| harm::of_one(&of, selection, i, *bound == Some(Bound::High)))
                    .sum()
            };
            let weighting = Weighting::Harm {
                schedule: schedule(),
                version: of.schedule.version.clone(),
                unit: of.schedule.unit.clone(),
                bound: *bound,
            };
            (
                weighting,
                selection
                    .locations()
                    .map(|(l, _)| (l, harm_at(l)))
                    .collect(),
            )
        }
    };
    let inside = by_location.iter().filter(|(l, _)| selection.is_inside(*l));
    Ok(Weighed {
        total: inside.map(|(_, w)| w).sum(),
        points: by_location
            .into_iter()
            .filter(|(_, w)| *w > 0.0)
            .map(|(l, w)| (at(l), w, l))
            .collect(),
        weighting,
    })
}

/// Makes the surface of a selection.
///
/// # Errors
/// [`Error`] for parameters out of range, too few locations for `"auto"`, too many cells, and harm
/// that cannot be told.
pub fn run(selection: &Selection, params: &Params) -> Result<Outcome, Error> {
    params.check()?;
    let tiling = params.tiling()?;
    let locations = selection.incidents().locations();
    let kernel = params.kernel;
    let distinct = || -> Vec<Planar> {
        selection
            .locations_inside()
            .map(|(l, _)| locations[l as usize].planar())
            .collect()
    };
    let window = || selection.area.as_ref().and_then(StudyArea::window);
    let mut rule_choice = None;
    let (bandwidth_m, choice) = match params.bandwidth_m {
        Bandwidth::Metres(m) if m > 0.0 && m <= MAX_BANDWIDTH_M => (Some(m), None),
        Bandwidth::Metres(m) => return Err(Error::Bandwidth(m)),
        _ if selection.selected == 0 || matches!(params.adaptive, Adaptive::Nearest(_)) => {
            (None, None)
        }
        Bandwidth::Auto => {
            let choice = bandwidth::choose(kernel, &distinct())?;
            (Some(choice.bandwidth_m), Some(choice))
        }
        Bandwidth::Rule(rule) => {
            let choice = bandwidth::choose_by(rule, kernel, &distinct(), window().as_ref())?;
            let bandwidth_m = choice.bandwidth_m;
            rule_choice = Some(choice);
            (Some(bandwidth_m), None)
        }
    };
    let comparison = params
        .compare_bandwidths
        .then(|| bandwidth::compare(kernel, &distinct(), window().as_ref()));
    if let Some(m) = bandwidth_m {
        let least_m = least_bandwidth_m(kernel, tiling);
        if m < least_m {
            return Err(Error::FinerThanCells {
                kernel: kernel.name(),
                bandwidth_m: m,
                spacing_m: tiling.spacing_m(),
                least_m: least_m.ceil(),
            });
        }
    }
    let reach = bandwidth_m.unwrap_or(0.0) * kernel.support();
    let Weighed {
        points,
        weighting,
        total,
    } = weighed(selection, &params.weight)?;
    if params.adaptive != Adaptive::None || params.edge_correction != Correction::None {
        let made = shaped::surface(selection, params, tiling, bandwidth_m, points)?;
        return Ok(Outcome {
            lattice: made.lattice,
            density_per_m2: made.density_per_m2,
            kernel,
            bandwidth_m,
            choice,
            rule: rule_choice,
            comparison,
            edge: made.edge,
            spread: made.spread,
            weight: weighting,
            total_weight: total,
        });
    }
    let (lattice, density_per_m2) = match &selection.area {
        Some(area) => {
            let lattice = Lattice::of_area(tiling, area)?;
            // Cells on the boundary have their centres outside the area.
            let (lo, hi) = area.planar_bounds();
            let far = reach + 2.0 * tiling.spacing_m();
            let near = |p: &Planar| {
                p.x >= lo.x - far && p.x <= hi.x + far && p.y >= lo.y - far && p.y <= hi.y + far
            };
            let points: Vec<_> = points.into_iter().filter(|p| near(&p.0)).collect();
            let density = match bandwidth_m {
                Some(m) => surface::density(&lattice, kernel, m, &points),
                None => vec![0.0; lattice.len()],
            };
            (lattice, density)
        }
        None => {
            let mut lattice = Lattice::around(tiling, &points, reach)?;
            let mut density = match bandwidth_m {
                Some(m) => surface::density(&lattice, kernel, m, &points),
                None => vec![0.0; lattice.len()],
            };
            let keep: Vec<bool> = density.iter().map(|d| *d > 0.0).collect();
            lattice.retain(&keep);
            density.retain(|d| *d > 0.0);
            (lattice, density)
        }
    };
    Ok(Outcome {
        lattice,
        density_per_m2,
        kernel,
        bandwidth_m,
        choice,
        weight: weighting,
        total_weight: total,
        rule: rule_choice,
        comparison,
        edge: None,
        spread: None,
    })
}
