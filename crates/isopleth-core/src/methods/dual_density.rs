//! Dual density: one density against another, cell by cell.
//!
//! **What it answers.** Where the selection is dense compared with something else: another group of
//! offences, an earlier period, sites of a class, or population points. A plain density follows where there is anybody
//! and anything; a comparison asks where there is more than that.
//!
//! **Model.** Both densities are kernel densities on the same cells (see
//! [`kernel_density`]), with the same bandwidth unless
//! `against_bandwidth_m` is given. With λ₁ the density of the selection, λ₀ that of the other side and
//! f = λ / ∫λ over the cells of the surface:
//!
//! | `compare` | value |
//! |---|---|
//! | `ratio` | λ₁ / λ₀ |
//! | `log_ratio` | ln(λ₁ / λ₀) |
//! | `difference` | λ₁ − λ₀, per km² |
//! | `relative_risk` | f₁ / f₀: 1 where the selection is as dense as its number lets expect |
//! | `log_relative_risk` | ln(f₁ / f₀), Kelsall & Diggle's relative risk function |
//!
//! **Tolerance.** Under the hypothesis that labels do not depend on the place, every way to share
//! them out is equally likely. The pooled incidents that reach a cell get their labels at random,
//! without replacement, `replicates` times; p of a cell is (1 + replicates as extreme) / (1 +
//! replicates): `p_upper` against fewer, `p_lower` against more, `p` twice the lesser, at most 1. A
//! tolerance contour at 5 % is drawn around `p_upper` ≤ 0.025 or `p_lower` ≤ 0.025; `tolerance_contours`
//! makes a layer of them. `p_adjusted` is p by
//! Benjamini & Hochberg over all cells with a p. A ratio is ranked by λ₁ / (λ₁ + λ₀), which rises with
//! it and is defined also where λ₀ is zero. Where the selection is part of the other side (burglary
//! against all offences), random parts of that size are drawn from it instead; where the two overlap
//! otherwise, no labels can be exchanged, and p is null. Sites and earlier incidents are points like
//! others: the hypothesis is then that incidents are spread as sites are, or as they were. With
//! `sites_by` `number` each site counts as the number that it was loaded with: a population point as
//! its residents, who take part in the exchange one by one.
//!
//! **Undefined.** A ratio over next to nothing is a huge number and no knowledge: it is null, with the
//! reason, where λ₀ is below `floor_per_km2`; a logarithm also where λ₁ is. Without one the floor is a
//! tenth of what a lone incident, or site of mean number, makes at its own place. A p is null where λ₁ + λ₀ is below it. The
//! difference is always defined.
//!
//! **Lens.** The other side has the lens of the selection. A comparison of reported incidents with
//! what police found must be asked for by `against.lens`, and the layer is titled so.
//!
//! **Degenerate.** Nothing selected: densities are zero and ratios 0, logarithms null. Nothing on the
//! other side: every ratio is null. Both sides the same: every ratio is 1.
//!
//! **How it can mislead.** A high ratio may be three incidents over one: read both counts. A ratio of
//! periods that differ in length is one of densities, not of rates; relative risk is free of it.
//! Sites are no population at risk, and residents are none for offences in the street: who lives at a
//! place is not who is there. A population point stands for ground around it; bandwidths shorter than
//! the points are apart show the points. p is of each cell; the labels of incidents that come in series
//! are less free than the draws assume, so that p is too small. With different bandwidths a peak of
//! the ratio may be a trace of the kernels. Near a boundary without data beyond it both densities are
//! too low by about the same factor, which a ratio is nearly free of and a difference is not.
//!
//! **Complexity.** Each batch of 63 replicates costs one kernel value and 64 multiplications for each
//! pair of a place and a cell within reach; memory is 64 numbers a place.
//!
//! **References.** Kelsall & Diggle 1995, doi 10.1002/sim.4780142106 and doi 10.2307/3318678; Davies &
//! Hazelton 2010, doi 10.1002/sim.3995 (asymptotic tolerance, not used here); Benjamini & Hochberg
//! 1995, doi 10.1111/j.2517-6161.1995.tb02031.x. **Checked against** `relrisk` of spatstat and its
//! random labelling, on recorded points; direct summation.

mod tolerance;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

pub use self::tolerance::{Direction, ToleranceContour, ToleranceContours, tolerance_contours};
use crate::Snapshot;
use crate::bandwidth::{self, TooFewLocations};
use crate::contours;
use crate::domain::{Lens, LonLat, Period, Site};
use crate::ground::StudyArea;
use crate::hotspots::EdgeEffect;
use crate::index::PointGrid;
use crate::kernel::Kernel;
use crate::lattice::{Lattice, LatticeError};
use crate::methods::kernel_density::{self, Bandwidth};
use crate::plane::{self, OutsidePlane, Planar};
use crate::random::Random;
use crate::request::Select;
use crate::select::{SelectError, Selection};
use crate::statistics::Correction;
use crate::surface;
use crate::watch;

/// Labellings that run side by side, of which one is the labels as they are.
const LANES: usize = 64;

/// Cells that one task works on.
const CHUNK: usize = 256;

/// Most that the sites of a class may stand for.
pub const MAX_NUMBER: u64 = 20_000_000;

/// Most replicates.
pub const MAX_REPLICATES: u32 = 99_999;

/// The floor below which a density divides nothing, as a part of the peak of a lone incident, or of a
/// site of mean number.
pub const FLOOR_SHARE: f64 = 0.1;

/// What two sums of the same terms in another order may differ by, relatively.
const ROUNDING: f64 = 1e-12;

/// Parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The other side.
    pub against: Against,
    /// How the two are compared.
    #[serde(default)]
    pub compare: Compare,
    /// Kernel of both; quartic by default.
    #[serde(default)]
    pub kernel: Kernel,
    /// Bandwidth in metres, or `"auto"`: chosen by the selection.
    #[serde(default)]
    pub bandwidth_m: Bandwidth,
    /// Bandwidth of the other side, or `"auto"`: chosen by the other side. Without it that of the
    /// selection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub against_bandwidth_m: Option<Bandwidth>,
    /// H3 resolution of the cells, 8 to 12; 10 when neither this nor `cell_m` is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub h3_resolution: Option<u8>,
    /// Side of square cells, metres, on a grid through the origin of the plane.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cell_m: Option<f64>,
    /// Least density that a value is divided by, or a logarithm taken of, per km². Without it a tenth
    /// of a lone incident's peak.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor_per_km2: Option<f64>,
    /// Random relabellings behind p; 0 for no p.
    #[serde(default = "usual_replicates")]
    pub replicates: u32,
    /// Seed of the relabellings.
    #[serde(default)]
    pub seed: u64,
    /// Levels of tolerance contours, such as 0.05: with them the layer is these, and not the cells.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tolerance_contours: Vec<f64>,
}

fn usual_replicates() -> u32 {
    999
}

/// The other side: what the selection's fields are replaced by, or sites. The study area is the
/// same.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Against {
    /// Offence groups in the place of the selection's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<Vec<String>>,
    /// Sub-types in the place of the selection's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub_types: Option<Vec<String>>,
    /// Lens in the place of the selection's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lens: Option<Lens>,
    /// Period in the place of the selection's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<Period>,
    /// Sites of this class, and no incidents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sites: Option<String>,
    /// What sites count as; each as one by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sites_by: Option<SitesBy>,
}

impl Against {
    /// The selection with what is named put in the place of its fields; the lens stays.
    pub(crate) fn select(&self, first: &Select) -> Select {
        let mut other = first.clone();
        if self.groups.is_some() {
            other.groups.clone_from(&self.groups);
            // Sub-types belong to the groups that they were named with.
            other.sub_types = None;
        }
        if self.sub_types.is_some() {
            other.sub_types.clone_from(&self.sub_types);
        }
        if self.period.is_some() {
            other.period = self.period;
        }
        other
    }
}

/// What sites count as.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SitesBy {
    /// Each as one.
    #[default]
    Count,
    /// Each as the number that it stands for: population points by their residents.
    Number,
}

/// How two densities are compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compare {
    /// One over the other.
    Ratio,
    /// Its natural logarithm.
    LogRatio,
    /// One less the other, per km².
    Difference,
    /// One over the other, each divided by its integral.
    RelativeRisk,
    /// Its natural logarithm.
    #[default]
    LogRelativeRisk,
}

impl Compare {
    /// The name used in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ratio => "ratio",
            Self::LogRatio => "log_ratio",
            Self::Difference => "difference",
            Self::RelativeRisk => "relative_risk",
            Self::LogRelativeRisk => "log_relative_risk",
        }
    }

    /// Whether each density is divided by its integral first.
    #[must_use]
    pub fn is_normalised(self) -> bool {
        matches!(self, Self::RelativeRisk | Self::LogRelativeRisk)
    }

    fn is_logarithm(self) -> bool {
        matches!(self, Self::LogRatio | Self::LogRelativeRisk)
    }
}

/// Why a cell has no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undefined {
    /// The other side's density is below the floor.
    Denominator,
    /// The selection's density is below the floor.
    Numerator,
}

/// A cell's tolerance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerance {
    /// How often chance alone makes the value as high.
    pub p_upper: f64,
    /// How often chance alone makes it as low.
    pub p_lower: f64,
    /// Either way.
    pub p: f64,
    /// Adjusted over all cells by Benjamini & Hochberg.
    pub p_adjusted: f64,
}

/// A cell of the comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// Density of the selection, per m².
    pub density_per_m2: f64,
    /// Density of the other side, per m².
    pub against_per_m2: f64,
    /// The comparison, or why there is none.
    pub value: Result<f64, Undefined>,
    /// Its tolerance; `None` where it was not asked for, cannot be told, or the ground is empty.
    pub tolerance: Option<Tolerance>,
    /// Selected incidents in the cell and the study area.
    pub count: u32,
    /// Those of the other side.
    pub count_against: u32,
    /// The cell's own area, m².
    pub area_m2: f64,
    /// Near the boundary with no data beyond it: both densities are too low.
    pub edge_effect: bool,
}

/// Who the other side is.
#[derive(Debug, Clone, PartialEq)]
pub enum Side {
    /// Incidents.
    Incidents {
        /// Their lens.
        lens: Lens,
        /// Their offence groups.
        groups: Vec<String>,
        /// First and last day of their period, where one is named.
        period: Option<(String, String)>,
        /// Calendar months of that period, and those without any record of any kind in the study
        /// area.
        months: Option<(u32, u32)>,
        /// How many have no location.
        unlocated: u64,
    },
    /// Sites of a class, and what they count as.
    Sites(String, SitesBy),
}

/// How labels were shared out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Labels {
    /// The two sides have nothing in common: their labels are exchanged.
    Exchanged,
    /// The selection is part of the other side: parts of its size are drawn.
    Drawn,
    /// Some of the one are of the other: no p.
    Overlap,
    /// Not asked for, or one side has nothing: no p.
    None,
}

impl Labels {
    /// The rule in words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Exchanged => "labels of the pooled points exchanged at random",
            Self::Drawn => {
                "parts of the selection's size drawn at random from the other side, which holds it"
            }
            Self::Overlap => {
                "no p: some of the selection is part of the other side and some is not, so that no labels can be exchanged"
            }
            Self::None => "no p: not asked for, or one side has nothing that reaches a cell",
        }
    }
}

/// A comparison.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The cells' outlines and names.
    pub lattice: Lattice,
    /// The cells.
    pub cells: Vec<Cell>,
    /// How the two were compared.
    pub compare: Compare,
    /// Lens of the selection.
    pub lens: Lens,
    /// The other side.
    pub against: Side,
    /// Its points in the study area.
    pub against_selected: u64,
    /// Its points beyond.
    pub against_beyond: u64,
    /// Whether the two periods differ in length.
    pub unequal_periods: bool,
    /// The kernel.
    pub kernel: Kernel,
    /// The bandwidth of the selection, metres; none where nothing is selected to choose it by.
    pub bandwidth_m: Option<f64>,
    /// The bandwidth of the other side, metres.
    pub against_bandwidth_m: Option<f64>,
    /// The floors of the selection and of the other side, per km².
    pub floors_per_km2: (f64, f64),
    /// ∫λ over the cells of the selection and of the other side.
    pub integrals: (f64, f64),
    /// How labels were shared out.
    pub labels: Labels,
    /// How often.
    pub replicates: u32,
    /// Seed of the relabellings.
    pub seed: u64,
}

/// Why a comparison cannot be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Records of the other side that lie only partly in the hours.
    #[error(
        "dual_density counts whole records, and {0} of those in `against` lie only partly in the hours; choose hours that no record's interval crosses"
    )]
    Fractional(u64),
    /// Nothing to compare with is named.
    #[error(
        "method.against names nothing; give groups, sub_types, lens, a period or a class of sites"
    )]
    NothingNamed,
    /// Sites with something else.
    #[error("method.against.sites stands alone; leave out groups, sub_types, lens and period")]
    SitesStandAlone,
    /// Numbers of nothing.
    #[error(
        "method.against.sites_by says what sites count as; name a class in method.against.sites"
    )]
    SitesByNothing,
    /// Sites without a number.
    #[error(
        "{without} of the {sites} sites of class `{class}` stand for no number; load them with `isopleth sites add --number-field`, or leave out sites_by"
    )]
    NoNumber {
        /// The class.
        class: String,
        /// Its sites.
        sites: usize,
        /// Those without a number.
        without: usize,
    },
    /// More than can be counted.
    #[error(
        "the sites of class `{class}` stand for {number} in all, the limit is {MAX_NUMBER}; load those of a smaller area"
    )]
    TooMany {
        /// The class.
        class: String,
        /// What they stand for.
        number: u64,
    },
    /// No such sites.
    #[error("no site of class `{class}` is loaded{known}; load sites with `isopleth sites add`")]
    UnknownSites {
        /// The class.
        class: String,
        /// What there is.
        known: String,
    },
    /// Two lenses, unasked.
    #[error(
        "the selection is {selection} and the other side would be {against}: what was reported is not compared with what police found unless asked for by name; give method.against.lens"
    )]
    MixedLens {
        /// Lens of the selection.
        selection: &'static str,
        /// Lens that the other side's groups have by the policy.
        against: &'static str,
    },
    /// A floor that is no density.
    #[error("floor_per_km2 must be more than 0, not {0}")]
    Floor(f64),
    /// Too many replicates.
    #[error("replicates must be 0 to {MAX_REPLICATES}, not {0}; 999 tell p to a thousandth")]
    Replicates(u32),
    /// A level that no p can reach.
    #[error(
        "tolerance_contours must be levels below 1 of which half is at least 1 / (replicates + 1), which {level} with {replicates} replicates is not"
    )]
    ToleranceLevel {
        /// The level.
        level: f64,
        /// The replicates.
        replicates: u32,
    },
    /// No p to draw by.
    #[error("tolerance_contours need a p for some cell, and there is none: {0}")]
    NoTolerance(&'static str),
    /// The contours.
    #[error(transparent)]
    Contours(#[from] contours::Error),
    /// The other side's selection.
    #[error("method.against: {0}")]
    Against(SelectError),
    /// `"auto"` has too little to go by.
    #[error("method.against_bandwidth_m: {0}")]
    TooFewLocations(#[from] TooFewLocations),
    /// The densities.
    #[error(transparent)]
    Density(#[from] kernel_density::Error),
    /// The cells.
    #[error(transparent)]
    Lattice(#[from] LatticeError),
}

impl From<OutsidePlane> for Error {
    fn from(source: OutsidePlane) -> Self {
        Self::Lattice(LatticeError::Outside(source))
    }
}

impl Error {
    /// A stable code for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooFewLocations(_) => "too_few_locations",
            Self::Contours(e) => e.code(),
            Self::Density(e) => e.code(),
            Self::Fractional(_) => "fractional_weights",
            Self::Lattice(LatticeError::TooManyCells { .. }) => "too_many_cells",
            Self::MixedLens { .. } => "mixed_lens",
            Self::UnknownSites { .. } => "unknown_sites",
            _ => "invalid_dual_density",
        }
    }
}

/// A place with its points of either side.
#[derive(Debug, Clone, Copy)]
struct Place {
    at: Planar,
    position: LonLat,
    inside: bool,
    /// Points of the selection.
    of: u32,
    /// Points of the other side.
    against: u32,
}

/// The other side, found.
struct Found {
    side: Side,
    places: Vec<Place>,
    labels: Labels,
    selected: u64,
    beyond: u64,
    /// Mean number that its points stand for.
    each: f64,
    bandwidth_m: Option<f64>,
    period: Option<Period>,
}

/// Compares a selection, made by a request's `select`, with another side.
///
/// # Errors
/// [`Error`] for an other side that names nothing or mixes lenses unasked, and all that a density is
/// refused for.
pub fn run(selection: &Selection, select: &Select, params: &Params) -> Result<Outcome, Error> {
    if params.replicates > MAX_REPLICATES {
        return Err(Error::Replicates(params.replicates));
    }
    if let Some(floor) = params
        .floor_per_km2
        .filter(|f| !(*f > 0.0 && f.is_finite()))
    {
        return Err(Error::Floor(floor));
    }
    let first = kernel_density::run(selection, &params.density(params.bandwidth_m))?;
    let found = match &params.against.sites {
        None if params.against.sites_by.is_some() => return Err(Error::SitesByNothing),
        Some(class) => sites(selection, params, class)?,
        None => incidents(selection, select, params)?,
    };
    let kernel = params.kernel;
    let h1 = first.bandwidth_m.or(found.bandwidth_m);
    let h0 = match params.against_bandwidth_m {
        None => h1,
        Some(_) => found.bandwidth_m.or(h1),
    };
    let reach = h1.unwrap_or(0.0).max(h0.unwrap_or(0.0)) * kernel.support();
    let mut lattice = match &selection.area {
        Some(_) => first.lattice,
        None => {
            let points: Vec<(Planar, f64, u32)> =
                found.places.iter().map(|p| (p.at, 1.0, 0)).collect();
            Lattice::around(first.lattice.tiling, &points, reach)?
        }
    };

    let side = |h: Option<f64>, weight: fn(&Place) -> u32, lattice: &Lattice| match h {
        None => vec![0.0; lattice.len()],
        Some(h) => {
            let points: Vec<(Planar, f64, u32)> = (0..)
                .zip(near(selection, &found.places, reach, lattice))
                .map(|(i, p)| (p.at, f64::from(weight(p)), i))
                .filter(|p| p.1 > 0.0)
                .collect();
            surface::density(lattice, kernel, h, &points)
        }
    };
    let mut density = side(h1, |p| p.of, &lattice);
    let mut against = side(h0, |p| p.against, &lattice);
    if selection.area.is_none() {
        let keep: Vec<bool> = density
            .iter()
            .zip(&against)
            .map(|(a, b)| a + b > 0.0)
            .collect();
        lattice.retain(&keep);
        for values in [&mut density, &mut against] {
            let mut k = keep.iter();
            values.retain(|_| *k.next().unwrap_or(&false));
        }
    }
    let areas: Vec<f64> = (0..lattice.len())
        .into_par_iter()
        .map(|c| lattice.area_m2(c))
        .collect::<Result<_, _>>()?;
    let integral = |values: &[f64]| values.iter().zip(&areas).map(|(d, a)| d * a).sum::<f64>();
    let integrals = (integral(&density), integral(&against));
    let floor = |h: Option<f64>, each: f64| match params.floor_per_km2 {
        Some(floor) => floor / 1e6,
        None => h.map_or(f64::MIN_POSITIVE, |h| {
            FLOOR_SHARE * each * kernel.constant() / (h * h)
        }),
    };
    let floors = (floor(h1, 1.0), floor(h0, found.each));

    let mut labels = found.labels;
    let mut tolerance: Vec<Option<Tolerance>> = vec![None; lattice.len()];
    match (h1, h0) {
        (Some(h1), Some(h0)) if params.replicates > 0 && labels != Labels::Overlap => {
            let ground = Ground {
                lattice: &lattice,
                areas: &areas,
                kernel,
                bandwidths: (h1, h0),
                compare: params.compare,
                exchanged: labels == Labels::Exchanged,
            };
            let places: Vec<Place> = near(selection, &found.places, reach, &lattice)
                .copied()
                .collect();
            match ground.relabelled(&places, params.replicates, params.seed) {
                Some(extremes) => {
                    let tested: Vec<bool> = density
                        .iter()
                        .zip(&against)
                        .map(|(a, b)| a + b >= floors.0.min(floors.1))
                        .collect();
                    tolerance = adjusted(&extremes, &tested, params.replicates);
                }
                None => labels = Labels::None,
            }
        }
        _ if labels != Labels::Overlap || params.replicates == 0 => labels = Labels::None,
        _ => {}
    }

    let (mut counts, mut counts_against) = (vec![0; lattice.len()], vec![0; lattice.len()]);
    for place in found.places.iter().filter(|p| p.inside) {
        if let Some(c) = lattice.locate(place.at, place.position) {
            counts[c] += place.of;
            counts_against[c] += place.against;
        }
    }
    let edges = EdgeEffect::new(selection, reach);
    let edge: Vec<bool> = lattice
        .centres()
        .par_iter()
        .map(|&at| edges.at(at))
        .collect();
    let cells = (0..lattice.len())
        .map(|c| Cell {
            density_per_m2: density[c],
            against_per_m2: against[c],
            value: value(params.compare, (density[c], against[c]), integrals, floors),
            tolerance: tolerance[c],
            count: counts[c],
            count_against: counts_against[c],
            area_m2: areas[c],
            edge_effect: edge[c],
        })
        .collect();
    let length = |p: Option<Period>| {
        p.map(|p| {
            let (from, to) = p.minutes();
            to - from
        })
    };
    Ok(Outcome {
        lattice,
        cells,
        compare: params.compare,
        lens: selection.lens,
        unequal_periods: matches!(found.side, Side::Incidents { .. })
            && length(selection.period) != length(found.period),
        against: found.side,
        against_selected: found.selected,
        against_beyond: found.beyond,
        kernel,
        bandwidth_m: h1,
        against_bandwidth_m: h0,
        floors_per_km2: (floors.0 * 1e6, floors.1 * 1e6),
        integrals,
        labels,
        replicates: params.replicates,
        seed: params.seed,
    })
}

impl Params {
    /// The parameters of one of the densities.
    #[allow(
        clippy::needless_update,
        reason = "a density may have parameters that a comparison leaves at their defaults"
    )]
    fn density(&self, bandwidth_m: Bandwidth) -> kernel_density::Params {
        kernel_density::Params {
            kernel: self.kernel,
            bandwidth_m,
            h3_resolution: self.h3_resolution,
            cell_m: self.cell_m,
            ..kernel_density::Params::default()
        }
    }
}

/// The places that may reach a cell.
fn near<'a>(
    selection: &Selection,
    places: &'a [Place],
    reach: f64,
    lattice: &Lattice,
) -> impl Iterator<Item = &'a Place> {
    let bounds = selection.area.as_ref().map(StudyArea::planar_bounds);
    let far = reach + 2.0 * lattice.tiling.spacing_m();
    places.iter().filter(move |p| {
        bounds.is_none_or(|(lo, hi)| {
            p.at.x >= lo.x - far
                && p.at.x <= hi.x + far
                && p.at.y >= lo.y - far
                && p.at.y <= hi.y + far
        })
    })
}

/// Sites of a class as the other side.
fn sites(selection: &Selection, params: &Params, class: &str) -> Result<Found, Error> {
    let of = &params.against;
    if of.groups.is_some() || of.sub_types.is_some() || of.lens.is_some() || of.period.is_some() {
        return Err(Error::SitesStandAlone);
    }
    let snapshot = selection.snapshot;
    let by = of.sites_by.unwrap_or_default();
    let of_class: Vec<&Site> = snapshot.sites.iter().filter(|s| s.class == class).collect();
    if by == SitesBy::Number {
        let without = of_class.iter().filter(|s| s.number.is_none()).count();
        if without > 0 {
            return Err(Error::NoNumber {
                class: class.to_owned(),
                sites: of_class.len(),
                without,
            });
        }
        let number = of_class
            .iter()
            .filter_map(|s| s.number)
            .map(u64::from)
            .sum();
        if number > MAX_NUMBER {
            return Err(Error::TooMany {
                class: class.to_owned(),
                number,
            });
        }
    }
    let mut places = Vec::new();
    for site in of_class {
        // A site off the plane is on no map of it.
        let Ok(projected) = plane::project(site.position) else {
            continue;
        };
        let inside = selection
            .area
            .as_ref()
            .is_none_or(|a| a.covers(site.position));
        places.push(Place {
            at: projected.planar,
            position: site.position,
            inside,
            of: 0,
            against: match by {
                SitesBy::Count => 1,
                SitesBy::Number => site.number.unwrap_or_default(),
            },
        });
    }
    if places.is_empty() {
        return Err(Error::UnknownSites {
            class: class.to_owned(),
            known: known_classes(snapshot),
        });
    }
    places.sort_by(|a, b| a.at.x.total_cmp(&b.at.x).then(a.at.y.total_cmp(&b.at.y)));
    let bandwidth_m = match params.against_bandwidth_m {
        None => None,
        Some(Bandwidth::Auto) => {
            let mut distinct: Vec<Planar> = places.iter().map(|p| p.at).collect();
            distinct.dedup();
            let chosen = bandwidth::choose(params.kernel, &distinct)?.bandwidth_m;
            let stated = params.density(Bandwidth::Metres(chosen));
            kernel_density::run(selection, &stated)?.bandwidth_m
        }
        Some(stated) => kernel_density::run(selection, &params.density(stated))?.bandwidth_m,
    };
    let number = |inside: bool| -> u64 {
        let there = places.iter().filter(|p| p.inside == inside);
        there.map(|p| u64::from(p.against)).sum()
    };
    let (selected, beyond) = (number(true), number(false));
    let each = (selected + beyond) as f64 / places.len() as f64;
    let locations = selection.incidents().locations();
    let mut all: Vec<Place> = selection
        .locations()
        .map(|(l, of)| Place {
            at: locations[l as usize].planar(),
            position: locations[l as usize].position,
            inside: selection.is_inside(l),
            of,
            against: 0,
        })
        .collect();
    all.extend(places);
    Ok(Found {
        side: Side::Sites(class.to_owned(), by),
        places: all,
        labels: Labels::Exchanged,
        selected,
        beyond,
        each,
        bandwidth_m,
        period: None,
    })
}

fn known_classes(snapshot: &Snapshot) -> String {
    let mut classes: Vec<&str> = snapshot.sites.iter().map(|s| s.class.as_str()).collect();
    classes.sort_unstable();
    classes.dedup();
    if classes.is_empty() {
        String::new()
    } else {
        format!("; there are {}", classes.join(", "))
    }
}

/// Other incidents as the other side.
fn incidents(selection: &Selection, select: &Select, params: &Params) -> Result<Found, Error> {
    let of = &params.against;
    if *of == Against::default() {
        return Err(Error::NothingNamed);
    }
    let mut other = of.select(select);
    match of.lens {
        Some(lens) => other.lens = Some(lens),
        None => {
            // What the policy would make of these groups, before the selection's lens is put on.
            other.lens = None;
            let usual = Selection::new(selection.snapshot, &other).map_err(Error::Against)?;
            if usual.lens != selection.lens && of.groups.is_some() {
                return Err(Error::MixedLens {
                    selection: selection.lens.name(),
                    against: usual.lens.name(),
                });
            }
            other.lens = Some(selection.lens);
        }
    }
    let against = Selection::new(selection.snapshot, &other).map_err(Error::Against)?;
    if against.fractional > 0 {
        return Err(Error::Fractional(against.fractional));
    }
    let set = selection.incidents();
    let (mut in_both, mut in_selection) = (0_u64, 0_u64);
    let mut places = Vec::new();
    for (l, location) in (0..).zip(set.locations()) {
        let (of, other) = (selection.count_at(l), against.count_at(l));
        if of + other == 0 {
            continue;
        }
        places.push(Place {
            at: location.planar(),
            position: location.position,
            inside: selection.is_inside(l),
            of,
            against: other,
        });
        in_selection += u64::from(of);
        if of > 0 && other > 0 {
            let both = set
                .at(l)
                .filter(|&i| selection.holds(i) && against.holds(i));
            in_both += both.count() as u64;
        }
    }
    let labels = match in_both {
        0 => Labels::Exchanged,
        n if n == in_selection => Labels::Drawn,
        _ => Labels::Overlap,
    };
    let bandwidth_m = match params.against_bandwidth_m {
        None => None,
        Some(stated) => kernel_density::run(&against, &params.density(stated))?.bandwidth_m,
    };
    let period = against.period;
    Ok(Found {
        side: Side::Incidents {
            lens: against.lens,
            groups: against.groups.clone(),
            period: period.map(|p| (p.first_day(), p.last_day())),
            months: period.map(|p| against.months_without_records(p)),
            unlocated: against.unlocated,
        },
        places,
        labels,
        selected: against.selected,
        beyond: against.beyond,
        each: 1.0,
        bandwidth_m,
        period,
    })
}

/// The comparison of two densities.
fn value(
    compare: Compare,
    (of, against): (f64, f64),
    integrals: (f64, f64),
    floors: (f64, f64),
) -> Result<f64, Undefined> {
    if compare == Compare::Difference {
        return Ok((of - against) * 1e6);
    }
    if against < floors.1 {
        return Err(Undefined::Denominator);
    }
    if compare.is_logarithm() && of < floors.0 {
        return Err(Undefined::Numerator);
    }
    let ratio = if compare.is_normalised() {
        // Nothing selected has no shape; its risk is zero where the other side has any.
        if of == 0.0 {
            0.0
        } else {
            (of / integrals.0) / (against / integrals.1)
        }
    } else {
        of / against
    };
    Ok(if compare.is_logarithm() {
        ratio.ln()
    } else {
        ratio
    })
}

/// What relabelling works on.
struct Ground<'a> {
    lattice: &'a Lattice,
    areas: &'a [f64],
    kernel: Kernel,
    bandwidths: (f64, f64),
    compare: Compare,
    /// Labels are exchanged; otherwise parts are drawn from the other side.
    exchanged: bool,
}

/// How many replicates are at least as high, and at least as low, in each cell.
type Extremes = Vec<(u32, u32)>;

impl Ground<'_> {
    fn spread(&self, d2: f64, h: f64) -> f64 {
        let reach = h * self.kernel.support();
        if d2 < reach * reach {
            self.kernel.at(d2 / (h * h)) * self.kernel.constant() / (h * h)
        } else {
            0.0
        }
    }

    /// What rises with the comparison, and is defined wherever there is anything.
    fn statistic(&self, of: f64, against: f64, integrals: (f64, f64)) -> f64 {
        let per = |v: f64, whole: f64| if v > 0.0 { v / whole } else { 0.0 };
        let (of, against) = if self.compare.is_normalised() {
            (per(of, integrals.0), per(against, integrals.1))
        } else {
            (of, against)
        };
        match self.compare {
            Compare::Difference => of - against,
            _ if of + against > 0.0 => of / (of + against),
            _ => 0.0,
        }
    }

    /// Shares labels out at random again and again; none if there is nothing to share.
    fn relabelled(&self, places: &[Place], replicates: u32, seed: u64) -> Option<Extremes> {
        let (h1, h0) = self.bandwidths;
        let same = h1 == h0;
        let reach = h1.max(h0) * self.kernel.support();
        // What one point at each place adds to the integral over the cells.
        let centres: Vec<(Planar, f64, u32)> = (0..)
            .zip(self.lattice.centres().iter().zip(self.areas))
            .map(|(c, (&at, &area))| (at, area, c))
            .collect();
        let centres = PointGrid::new(&centres, reach);
        let masses: Vec<(f64, f64)> = places
            .par_iter()
            .map(|p| {
                let mut mass = (0.0, 0.0);
                centres.each_within(p.at, reach, |_, at, area| {
                    let d2 = at.distance_2(p.at);
                    mass.0 += area * self.spread(d2, h1);
                    mass.1 += area * self.spread(d2, h0);
                });
                mass
            })
            .collect();
        // Only what reaches a cell takes part.
        let (places, masses): (Vec<Place>, Vec<(f64, f64)>) = places
            .iter()
            .zip(masses)
            .filter(|(_, m)| m.0 + m.1 > 0.0)
            .unzip();
        let pool: Vec<u32> = places
            .iter()
            .map(|p| p.against + if self.exchanged { p.of } else { 0 })
            .collect();
        let drawn: u32 = places.iter().map(|p| p.of).sum();
        let points: Vec<u32> = (0..)
            .zip(&pool)
            .flat_map(|(l, &n)| std::iter::repeat_n(l, n as usize))
            .collect();
        if drawn == 0 || points.is_empty() || (self.exchanged && points.len() == drawn as usize) {
            return None;
        }
        let grid: Vec<(Planar, f64, u32)> =
            (0..).zip(&places).map(|(l, p)| (p.at, 1.0, l)).collect();
        let grid = PointGrid::new(&grid, reach);
        let whole_0: f64 = masses
            .iter()
            .zip(&pool)
            .map(|(m, &n)| m.1 * f64::from(n))
            .sum();

        let mut extremes: Extremes = vec![(0, 0); self.lattice.len()];
        let mut batch = 0;
        watch::ahead(replicates.div_ceil(LANES as u32 - 1).into());
        while batch < replicates {
            watch::step();
            let used = (replicates - batch).min(LANES as u32 - 1) as usize;
            // The first lane holds the labels as they are: they pass through the very same sums.
            let mut own = vec![[0.0_f64; LANES]; places.len()];
            for (own, p) in own.iter_mut().zip(&places) {
                own[0] = f64::from(p.of);
            }
            let draws: Vec<Vec<u32>> = (0..used as u64)
                .into_par_iter()
                .map(|r| draw(&points, drawn, seed, u64::from(batch) + r))
                .collect();
            for (lane, draw) in draws.iter().enumerate() {
                for &l in draw {
                    own[l as usize][lane + 1] += 1.0;
                }
            }
            let mut integrals = [(0.0, 0.0); LANES];
            for (own, m) in own.iter().zip(&masses) {
                for (i, n) in integrals.iter_mut().zip(own) {
                    i.0 += m.0 * n;
                    i.1 += m.1 * n;
                }
            }
            for i in &mut integrals {
                i.1 = if self.exchanged {
                    whole_0 - i.1
                } else {
                    whole_0
                };
            }
            extremes
                .par_chunks_mut(CHUNK)
                .enumerate()
                .for_each(|(chunk, out)| {
                    watch::pass();
                    let at = &self.lattice.centres()[chunk * CHUNK..][..out.len()];
                    for (out, &at) in out.iter_mut().zip(at) {
                        let (mut of, mut other) = ([0.0; LANES], [0.0; LANES]);
                        let mut all = 0.0;
                        grid.each_within(at, reach, |l, p, _| {
                            let d2 = p.distance_2(at);
                            let own = &own[l as usize];
                            let v1 = self.spread(d2, h1);
                            for (sum, n) in of.iter_mut().zip(own) {
                                *sum += v1 * n;
                            }
                            let v0 = if same { v1 } else { self.spread(d2, h0) };
                            all += v0 * f64::from(pool[l as usize]);
                            if !same {
                                for (sum, n) in other.iter_mut().zip(own) {
                                    *sum += v0 * n;
                                }
                            }
                        });
                        let taken = if same { &of } else { &other };
                        let against = |lane: usize| {
                            let left = if self.exchanged {
                                all - taken[lane]
                            } else {
                                all
                            };
                            // What is left of a sum that should be zero is not a density.
                            if left > ROUNDING * all { left } else { 0.0 }
                        };
                        let seen = self.statistic(of[0], against(0), integrals[0]);
                        let scale = match self.compare {
                            Compare::Difference => of[0] + all,
                            _ => 1.0,
                        };
                        for lane in 1..=used {
                            let one = self.statistic(of[lane], against(lane), integrals[lane]);
                            out.0 += u32::from(one >= seen - ROUNDING * scale);
                            out.1 += u32::from(one <= seen + ROUNDING * scale);
                        }
                    }
                });
            batch += used as u32;
        }
        Some(extremes)
    }
}

/// So many of the points, drawn without replacement for a replicate.
fn draw(points: &[u32], drawn: u32, seed: u64, replicate: u64) -> Vec<u32> {
    let mut random = Random::of_replicate(seed, replicate);
    let mut points = points.to_vec();
    let n = points.len() as u32;
    for i in 0..drawn.min(n) {
        let other = i + random.below(n - i);
        points.swap(i as usize, other as usize);
    }
    points.truncate(drawn as usize);
    // A whole population would stay behind every draw.
    points.shrink_to_fit();
    points
}

/// From counts of extreme replicates to p, adjusted over the cells that are tested.
fn adjusted(extremes: &Extremes, tested: &[bool], replicates: u32) -> Vec<Option<Tolerance>> {
    let of = |n: u32| (1.0 + f64::from(n)) / (1.0 + f64::from(replicates));
    let mut all: Vec<Option<Tolerance>> = extremes
        .iter()
        .zip(tested)
        .map(|(&(high, low), &tested)| {
            let (p_upper, p_lower) = (of(high), of(low));
            let p = (2.0 * p_upper.min(p_lower)).min(1.0);
            tested.then_some(Tolerance {
                p_upper,
                p_lower,
                p,
                p_adjusted: p,
            })
        })
        .collect();
    let p: Vec<f64> = all.iter().map(|t| t.map_or(f64::NAN, |t| t.p)).collect();
    let adjusted = Correction::BenjaminiHochberg.adjust(&p);
    for (t, p_adjusted) in all.iter_mut().zip(adjusted) {
        if let Some(t) = t {
            t.p_adjusted = p_adjusted;
        }
    }
    all
}
