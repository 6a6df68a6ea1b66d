//! Local Moran's I: cells that are like their neighbours, and cells that are unlike them.
//!
//! **What it answers.** Which cells with much lie among cells with much (`high_high`), which with little
//! among little (`low_low`), and which stand out from what lies around them (`high_low`, `low_high`)? Gi\* says
//! that a neighbourhood has much; this says in addition whether the cell itself is part of it.
//!
//! **Model.** Counts of all cells of the study area, the empty ones among them; neighbours are rings or
//! centres within a distance, the cell itself is none. With z the distance of a count from the mean of all n
//! cells, I = zᵢ Σ wᵢⱼ zⱼ / m₂, m₂ = Σ z² / n: Anselin's, and spdep's. esda's I is (n − 1)/n of it. Weights are
//! row-standardised, so that I is the product of a cell's and its neighbours' mean distance, or binary by
//! name; z and p are the same with both. The quadrant goes by the signs of zᵢ and Σ wᵢⱼ zⱼ.
//!
//! **z and p.** The cell's own count held fixed, all others moved (conditional randomisation): `z` is I less
//! its mean over its standard deviation, after Sokal, Oden and Thomson; it equals Gi with the sign of zᵢ. p is
//! two-sided, twice the smaller tail, `exact` among all such permutations, by `permutation` with sequential
//! stopping, or `analytic` from z, as [`getis_ord`](super::getis_ord) has them, and adjusted over the map in
//! the same way.
//!
//! **Calibration.** As for Gi; the share of null maps with any false hotspot stands there.
//!
//! **Edge cases.** Null, and not among the tests: equal counts everywhere, a cell without neighbours, a cell
//! whose others are all equal, and one that is exactly the mean, whose I is 0 whatever lies around it.
//!
//! **How it can mislead.** As Gi\*; and since most cells are empty, "high" begins with one or two incidents:
//! read `count`. A significant `high_low` is a busy cell in quiet ground, such as a station; the layer leaves it
//! out unless both sides are asked for, since its neighbours are what is unusual, by being quiet.
//!
//! **Complexity.** As Gi.
//!
//! **References.** Anselin 1995, doi 10.1111/j.1538-4632.1995.tb00338.x; Sokal, Oden & Thomson 1998,
//! doi 10.1111/j.1538-4632.1998.tb00406.x; Benjamini & Hochberg 1995,
//! doi 10.1111/j.2517-6161.1995.tb02031.x; Besag & Clifford 1991, doi 10.1093/biomet/78.2.301.
//!
//! **Checked against.** spdep's I and conditional z on esda's six points and on its remote-sensing grid; all
//! orders of small maps.

use serde::{Deserialize, Serialize};

use super::getis_ord::usual_level;
use crate::local_association::{
    CellsShown, Floor, Ground, GroundError, GroundParams, Inference, InferenceError, PValue,
    Population, Scheme, Sides, Statistic, Weights, check_level, local_moran, local_moran_z, sums,
};
use crate::places::{Comparable, PlaceFacts};
use crate::select::Selection;
use crate::statistics::Correction;
use crate::study_cells::Shape;

/// Parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// What kind of cells.
    #[serde(default)]
    pub cells: Shape,
    /// Resolution of H3 cells, 6 to 12; 9 without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub h3_resolution: Option<u8>,
    /// Side of squares, metres; 300 without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cell_m: Option<f64>,
    /// Rings of neighbours; 1 without this and `distance_m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rings: Option<u32>,
    /// Cells with their centre no farther away than this are neighbours, metres.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distance_m: Option<f64>,
    /// How much each neighbour counts.
    #[serde(default)]
    pub weights: MoranWeights,
    /// Where p comes from.
    #[serde(default)]
    pub p_value: PValue,
    /// How p is adjusted for the number of cells.
    #[serde(default)]
    pub correction: Correction,
    /// Cells with an adjusted p of at most this are significant.
    #[serde(default = "usual_level")]
    pub level: f64,
    /// `hot`: much among much only.
    #[serde(default)]
    pub sides: Sides,
    /// Which cells the layer holds.
    #[serde(default)]
    pub cells_shown: CellsShown,
    /// Only the first so many; the number left out is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
}

/// Weights of neighbours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MoranWeights {
    /// All of a cell's together 1.
    #[default]
    RowStandardised,
    /// 1 each.
    Binary,
}

impl MoranWeights {
    /// The name in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::RowStandardised => "row_standardised",
            Self::Binary => "binary",
        }
    }
}

/// A cell and what lies around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quadrant {
    /// Much among much.
    HighHigh,
    /// Much among little.
    HighLow,
    /// Little among much.
    LowHigh,
    /// Little among little.
    LowLow,
}

impl Quadrant {
    /// The name in layers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::HighHigh => "high_high",
            Self::HighLow => "high_low",
            Self::LowHigh => "low_high",
            Self::LowLow => "low_low",
        }
    }
}

/// A cell of the layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// Its number in the lattice.
    pub cell: usize,
    /// Place in the ranking: by quadrant as they are listed, then by |z|; from 1.
    pub rank: u32,
    /// Local Moran's I; `None` where it is not defined.
    pub i: Option<f64>,
    /// Its quadrant; `None` likewise, and where one of its two is exactly the mean.
    pub quadrant: Option<Quadrant>,
    /// Conditionally standardised I.
    pub z: Option<f64>,
    /// Two-sided p.
    pub p: Option<f64>,
    /// p adjusted over the map.
    pub p_adjusted: Option<f64>,
    /// Draws until p was settled.
    pub draws: Option<u32>,
    /// Whether it is significant at the level, in a quadrant asked for.
    pub significant: bool,
    /// Selected incidents in its neighbours.
    pub neighbours_count: u64,
    /// So many would be their share of all others.
    pub neighbours_expected: Option<f64>,
    /// Its neighbours.
    pub neighbours: u32,
    /// Its own area, m².
    pub area_m2: f64,
    /// Its incidents; `None` without any.
    pub facts: Option<PlaceFacts>,
}

/// Local Moran's I of a map.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The parameters.
    pub params: Params,
    /// The cells with their counts and neighbours.
    pub ground: Ground,
    /// Cells of the layer, by rank.
    pub cells: Vec<Cell>,
    /// Incidents in cells.
    pub incidents: u64,
    /// Cells with any.
    pub occupied: u64,
    /// Cells that have a p.
    pub tests: u64,
    /// Significant cells by quadrant, in the order of [`Quadrant`].
    pub significant: [u64; 4],
    /// What shuffles can tell at all.
    pub floor: Option<Floor>,
    /// Cells left out because there were more than asked for.
    pub beyond_max: u64,
}

/// Why there is no local Moran's I.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The cells.
    #[error(transparent)]
    Ground(#[from] GroundError),
    /// The p-values.
    #[error(transparent)]
    Inference(#[from] InferenceError),
    /// A total permutation.
    #[error(
        "local Moran's I holds the cell's own count fixed: \"scheme\" must be \"conditional\"; leave it out"
    )]
    Total,
    /// None are asked for.
    #[error("max must be at least 1, or left out")]
    Max,
}

impl Error {
    /// A stable code for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Ground(e) => e.code(),
            Self::Inference(e) => e.code(),
            Self::Total | Self::Max => "invalid_local_moran",
        }
    }
}

/// Tests the cells of a selection's study area.
///
/// # Errors
/// [`Error`] without a study area, for parameters out of range, and where nothing could be found whatever
/// the map.
pub fn run(
    selection: &Selection,
    params: &Params,
    comparable: Comparable,
) -> Result<Outcome, Error> {
    if params.max == Some(0) {
        return Err(Error::Max);
    }
    check_level(params.level)?;
    if let PValue::Permutation(shuffle) = params.p_value
        && shuffle.scheme == Some(Scheme::Total)
    {
        return Err(Error::Total);
    }
    let of = GroundParams {
        cells: params.cells,
        h3_resolution: params.h3_resolution,
        cell_m: params.cell_m,
        rings: params.rings,
        distance_m: params.distance_m,
    };
    let ground = Ground::new(selection, of, "local Moran's I")?;
    let (counts, neighbours) = (&ground.counts, &ground.neighbours);
    let values: Vec<f64> = counts.iter().map(|&c| c.into()).collect();
    let weights = match params.weights {
        MoranWeights::RowStandardised => Weights::RowStandardised,
        MoranWeights::Binary => Weights::Binary,
    };
    let i = local_moran(&values, neighbours, weights);
    let z = local_moran_z(counts, neighbours);
    let inference = Inference::of_counts(
        counts,
        neighbours,
        Statistic::Gi,
        &z,
        params.p_value,
        params.correction,
        params.level,
    )?;
    let totals = sums(counts, neighbours, Statistic::Gi);
    let all = Population::of(counts);
    // Signs by whole numbers: n times the sum against W times the total.
    let above = |sum: u64, cells: usize| {
        (u128::from(sum) * u128::from(all.size)).cmp(&(cells as u128 * u128::from(all.sum)))
    };
    let quadrant = |c: usize| {
        use std::cmp::Ordering::{Greater, Less};
        let around = above(totals[c], neighbours.of(c).len());
        match (above(counts[c].into(), 1), around) {
            _ if i[c].is_nan() => None,
            (Greater, Greater) => Some(Quadrant::HighHigh),
            (Greater, Less) => Some(Quadrant::HighLow),
            (Less, Greater) => Some(Quadrant::LowHigh),
            (Less, Less) => Some(Quadrant::LowLow),
            _ => None,
        }
    };
    let quadrants: Vec<Option<Quadrant>> = (0..counts.len()).map(quadrant).collect();
    let is_significant = |c: usize| inference.p_adjusted[c] <= params.level;
    let asked = |c: usize| match params.sides {
        Sides::Hot => quadrants[c] == Some(Quadrant::HighHigh),
        Sides::Both => true,
    };
    let mut significant = [0; 4];
    for c in (0..counts.len()).filter(|&c| is_significant(c)) {
        if let Some(q) = quadrants[c] {
            significant[q as usize] += 1;
        }
    }
    let mut shown: Vec<usize> = (0..counts.len())
        .filter(|&c| params.cells_shown == CellsShown::All || (is_significant(c) && asked(c)))
        .collect();
    let strength = |c: usize| if z[c].is_nan() { -1.0 } else { z[c].abs() };
    shown.sort_by(|&a, &b| {
        let class = |c: usize| quadrants[c].map_or(4, |q| q as usize);
        class(a)
            .cmp(&class(b))
            .then(strength(b).total_cmp(&strength(a)))
            .then(a.cmp(&b))
    });
    let found = shown.len();
    shown.truncate(params.max.map_or(found, |m| m as usize));
    let some = |v: f64| Some(v).filter(|v| !v.is_nan());
    let facts = ground.facts(selection, &shown, comparable);
    let cells = shown.iter().zip(facts).zip(1..).map(|((&c, facts), rank)| {
        let mean = all.without(counts[c]).mean();
        Ok(Cell {
            cell: c,
            rank,
            i: some(i[c]),
            quadrant: quadrants[c],
            z: some(z[c]),
            p: some(inference.p[c]),
            p_adjusted: some(inference.p_adjusted[c]),
            draws: inference.draws.as_ref().map(|d| d[c]),
            significant: is_significant(c) && asked(c),
            neighbours_count: totals[c],
            neighbours_expected: mean.map(|m| m * neighbours.of(c).len() as f64),
            neighbours: neighbours.of(c).len() as u32,
            area_m2: ground.area_m2(c)?,
            facts,
        })
    });
    let cells = cells.collect::<Result<Vec<_>, GroundError>>()?;
    Ok(Outcome {
        beyond_max: (found - cells.len()) as u64,
        cells,
        incidents: all.sum,
        occupied: counts.iter().filter(|c| **c > 0).count() as u64,
        tests: inference.tests,
        significant,
        floor: inference.floor,
        params: params.clone(),
        ground,
    })
}
