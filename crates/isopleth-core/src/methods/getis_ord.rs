//! Gi\* and Gi: cells whose neighbourhood has more than the map's chance would give it.
//!
//! **What it answers.** In which cells of the study area, with the cells around them, do incidents lie so
//! many that the same counts thrown over the map blindly would hardly ever lie so? With `against`: in which
//! neighbourhoods do they make up a greater part of what was recorded than elsewhere, this month against the
//! months before?
//!
//! **Model.** Selected incidents are counted in every cell that touches the study area, the empty ones among
//! them: a map without its zeros has no mean. A neighbourhood is a cell with its rings or with the cells
//! whose centres lie within a distance, those of the study area only; Gi\* (`gi_star`) has the cell itself in
//! it, Gi has not, and leaves it out of mean and variance. With x̄ and s² (divisor n) over all n cells, W = Σ w
//! and S₁ = Σ w², Ord and Getis' Gi\* is z = (Σ w x − W x̄) / (s √((n S₁ − W²) / (n − 1))): the
//! neighbourhood's sum, standardised as a sum of cells drawn without replacement. Row-standardised weights
//! give the same z as binary ones, which are used here.
//!
//! **p.** Two-sided, twice the smaller tail. `exact` is the share of all permutations of the map's counts in
//! which the neighbourhood would have at least (at most) so many: total permutations for Gi\*, for Gi those
//! that leave the cell's own count where it is; what shuffles approach, without noise, floor or seed. `permutation` shuffles: `total`
//! tells beside p the `p_family`, from the greatest |z| of each shuffle (Westfall and Young);
//! `conditional` stops early once a cell's p is settled (Besag and Clifford) and tabulates one null for all
//! cells of the same own count and number of neighbours, for which it is exactly the same. Two-sided p of R
//! shuffles is never below 2 / (R + 1): a request that could find nothing whatever the map is refused, and
//! the number of cells that have to be at that floor together is told. `analytic` takes z for normal.
//!
//! **Correction.** p is adjusted over all cells of the map that have one: Benjamini and Hochberg's false
//! discovery rate by default, `benjamini_yekutieli`, `bonferroni`, `holm` or `none` by name. Classes go by
//! adjusted p: 0.01, 0.05, 0.10. The layer holds cells significant at `level` on the hot side, dissolved
//! groups of them numbered by their counts; `sides` and `cells_shown` widen it.
//!
//! **Against an earlier period.** Incidents of an open-data map lie on the same few points every month, and
//! the same town centre is hot in every one of them: raw counts find *where*, never *whether it is new*. With
//! `against`, the selected records and those of the other period (records of both count once, as selected)
//! are pooled, and the question is whether the neighbourhood's share of selected ones is that of the map:
//! places stay, times are permuted. It is the same Gi\* with records in the place of cells and "selected" as
//! their value; its exact null is hypergeometric, and that is where its p comes from.
//!
//! **Calibration.** How often does a map on which there is nothing to find show any false hotspot at level
//! 0.05 after correction over the map? Havering's records of 2022 on their map points, 1,000 seeds each, with
//! Clopper and Pearson's 95 % interval. First the counts of the map are dealt over its cells:
//!
//! | records, cells | Gi\*, exact, BH (the default) | exact, Bonferroni | 999 shuffles, `p_family` | Gi and local Moran, exact, BH | Gi\*, analytic, BH |
//! |---|---|---|---|---|---|
//! | all reported, 1,336 H3 9 | 1.4 % (0.8 to 2.3) | 1.1 % (0.6 to 2.0) | 5.2 % (3.9 to 6.8) | 1.7 % (1.0 to 2.7) | 100 % |
//! | all reported, 8,842 H3 10 | 1.4 % (0.8 to 2.3) | 1.1 % (0.6 to 2.0) | | 1.7 % (1.0 to 2.7) | 100 % |
//! | burglary, 1,336 H3 9 | 1.3 % (0.7 to 2.2) | 1.1 % (0.6 to 2.0) | 3.7 % (2.6 to 5.1) | 1.4 % (0.8 to 2.3) | 97.7 % |
//! | burglary, 8,842 H3 10 | 2.2 % (1.4 to 3.3) | 1.6 % (0.9 to 2.6) | | 1.9 % (1.1 to 3.0) | 100 % |
//!
//! Then records stay where they are, their months are permuted, and December is tested `against` the other
//! months:
//!
//! | records, cells | exact, BH (the default) | exact, Bonferroni | analytic, BH | December's counts alone, exact, BH |
//! |---|---|---|---|---|
//! | all reported, 1,336 H3 9 | 0.8 % (0.3 to 1.6) | 0.7 % (0.3 to 1.4) | 42.8 % | 100 % |
//! | all reported, 8,842 H3 10 | 0.6 % (0.2 to 1.3) | 0.4 % (0.1 to 1.0) | 85.6 % | 100 % |
//! | burglary, 1,336 H3 9 | 0.9 % (0.4 to 1.7) | 0.8 % (0.3 to 1.6) | 84.3 % | 69.7 % |
//! | burglary, 8,842 H3 10 | 0.0 % (0.0 to 0.4) | 0.0 % (0.0 to 0.4) | 100 % | 26.5 % |
//!
//! So p from the normal distribution is not to be trusted on such counts, whatever the correction: one busy
//! point makes seven cells significant wherever it lies. The last column is no error of the test: raw counts
//! of any month show where crime always is, which permuting times does not change; only `against` asks what
//! is new. Printed by `cargo run --release -p isopleth-benches --bin figures -- calibration.getis_ord`.
//!
//! **Edge cases.** Equal counts in all cells: z is not defined, and null, with its p. A cell without
//! neighbours: Gi\* is its own count, Gi is null. A neighbourhood that is the whole map, or with `against` one
//! without records of either period: null, and not among the tests. The side is that of the smaller tail;
//! for counts as skewed as 9,999 in one cell of the map a sum can be unusually large and yet below the mean,
//! and z negative in a hot cell.
//!
//! **How it can mislead.** Counts of cells are not exchangeable: people, shops and records have their
//! places, and a significant cell is first of all a place where there is somebody. It is not a rate. Cold
//! cells are parks and water. On anonymous map points a cell smaller than twice the points' spacing holds a
//! point or none, and its count says how the list of points was made; the layer says so. Neighbourhoods
//! overlap: of ten significant cells around one busy point nine are significant for their neighbour's sake;
//! read `count` beside `neighbourhood_count`. Cells at the boundary have fewer neighbours, and what lies
//! beyond is not seen. Scale matters: try another size.
//!
//! **Complexity.** z: linear in pairs of neighbours. Exact p: (distinct counts, each up to the size of a
//! neighbourhood) × size × greatest sum. Shuffles: cells × neighbours × permutations, thirty-two side by side.
//!
//! **References.** Getis & Ord 1992, doi 10.1111/j.1538-4632.1992.tb00261.x; Ord & Getis 1995,
//! doi 10.1111/j.1538-4632.1995.tb00912.x; Benjamini & Hochberg 1995, doi 10.1111/j.2517-6161.1995.tb02031.x;
//! Benjamini & Yekutieli 2001, doi 10.1214/aos/1013699998; Caldas de Castro & Singer 2006,
//! doi 10.1111/j.1538-4632.2006.00682.x; Besag & Clifford 1991, doi 10.1093/biomet/78.2.301; Pagano &
//! Tritchler 1983, doi 10.1080/01621459.1983.10477991; Phipson & Smyth 2010, doi 10.2202/1544-6115.1585.
//!
//! **Checked against.** esda's six points; spdep's remote-sensing grid at five distances; sfhotspot's
//! Memphis robberies with the numbers of significant cells under each correction; z of 17,294 and 121,033 H3
//! cells at one to three rings by numpy, esda and spdep; esda's 999 conditional permutations; all orders of
//! small maps; the formula by property tests.

use serde::{Deserialize, Serialize};

use crate::domain::Period;
use crate::local_association::{
    CellsShown, Class, Floor, Ground, GroundError, GroundParams, Inference, InferenceError, PValue,
    Population, Sides, Statistic, Tested, by_normal, check_level, exact::Tails,
    getis_ord_of_counts, sums,
};
use crate::places::{Comparable, PlaceFacts};
use crate::select::Selection;
use crate::statistics::{Correction, hypergeometric_upper};
use crate::study_cells::Shape;

/// Parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Whether the cell itself belongs to its neighbourhood.
    #[serde(default)]
    pub statistic: Statistic,
    /// Another period, whose incidents the selected ones are held against.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub against: Option<Against>,
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
    /// Where p comes from.
    #[serde(default)]
    pub p_value: PValue,
    /// How p is adjusted for the number of cells.
    #[serde(default)]
    pub correction: Correction,
    /// Cells with an adjusted p of at most this are significant.
    #[serde(default = "usual_level")]
    pub level: f64,
    /// Which sides are significant.
    #[serde(default)]
    pub sides: Sides,
    /// Which cells the layer holds.
    #[serde(default)]
    pub cells_shown: CellsShown,
    /// Only the first so many; the number left out is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
}

pub(crate) fn usual_level() -> f64 {
    0.05
}

/// What the selected incidents are held against. Area, groups and all else are those of the selection.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Against {
    /// The other period.
    pub period: Period,
}

/// A cell of the layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// Its number in the lattice.
    pub cell: usize,
    /// Place in the ranking by z, from 1.
    pub rank: u32,
    /// The statistic, which is a z; `None` where it is not defined.
    pub z: Option<f64>,
    /// Two-sided p.
    pub p: Option<f64>,
    /// p adjusted over the map.
    pub p_adjusted: Option<f64>,
    /// p from the greatest |z| of each shuffle.
    pub p_family: Option<f64>,
    /// Draws until p was settled.
    pub draws: Option<u32>,
    /// How sure it is; `None` without p.
    pub class: Option<Class>,
    /// Whether it is significant at the level, on a side asked for.
    pub significant: bool,
    /// Number of the connected group of significant cells on its side that it belongs to.
    pub hotspot: Option<u32>,
    /// Selected incidents in its neighbourhood.
    pub neighbourhood_count: u64,
    /// So many would be its share.
    pub neighbourhood_expected: Option<f64>,
    /// Cells of its neighbourhood but itself.
    pub neighbours: u32,
    /// Against another period: its incidents in the cell and in the neighbourhood.
    pub against: Option<(u32, u64)>,
    /// Its own area, m².
    pub area_m2: f64,
    /// Its incidents; `None` without any.
    pub facts: Option<PlaceFacts>,
}

/// A connected group of significant hot cells.
#[derive(Debug, Clone, PartialEq)]
pub struct Hotspot {
    /// Number, from 1 by count.
    pub number: u32,
    /// Its cells.
    pub cells: Vec<usize>,
    /// Selected incidents in them.
    pub count: u64,
}

/// The other period, as counted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AgainstFacts {
    /// The period.
    pub period: Period,
    /// Its incidents in cells.
    pub incidents: u64,
    /// Records of both periods, which count as selected.
    pub in_both: u64,
    /// Its months, and those without any record of any kind in the study area.
    pub months: (u32, u32),
}

/// Gi\* of a map.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The parameters.
    pub params: Params,
    /// The cells with their counts and neighbours.
    pub ground: Ground,
    /// Cells of the layer, by rank.
    pub cells: Vec<Cell>,
    /// Connected groups of significant hot cells.
    pub hotspots: Vec<Hotspot>,
    /// Incidents in cells.
    pub incidents: u64,
    /// Cells with any.
    pub occupied: u64,
    /// Cells that have a p.
    pub tests: u64,
    /// Cells significant on the hot and on the cold side.
    pub significant: (u64, u64),
    /// What shuffles can tell at all.
    pub floor: Option<Floor>,
    /// The other period.
    pub against: Option<AgainstFacts>,
    /// Cells left out because there were more than asked for.
    pub beyond_max: u64,
}

/// Why there is no Gi\*.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The cells.
    #[error(transparent)]
    Ground(#[from] GroundError),
    /// The p-values.
    #[error(transparent)]
    Inference(#[from] InferenceError),
    /// Shuffles of what has an exact p in closed form.
    #[error(
        "against another period p is that of all permutations of the times, in closed form; leave p_value out, or write \"analytic\""
    )]
    ShufflesAgainst,
    /// A comparison needs to know what is compared.
    #[error(
        "`against` holds the incidents of select.period against those of another period; name select.period"
    )]
    NoPeriod,
    /// Nothing to hold against.
    #[error(
        "the period {0} of `against` has no incidents that the selected ones do not; name an earlier or longer one that the data covers"
    )]
    NothingAgainst(Period),
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
            Self::NothingAgainst(_) => "nothing_against",
            _ => "invalid_getis_ord",
        }
    }
}

/// Tests the cells of a selection's study area. `other` is the selection of the period in `against`.
///
/// # Errors
/// [`Error`] without a study area, for parameters out of range, and where nothing could be found whatever
/// the map.
pub fn run(
    selection: &Selection,
    other: Option<&Selection>,
    params: &Params,
    comparable: Comparable,
) -> Result<Outcome, Error> {
    if params.max == Some(0) {
        return Err(Error::Max);
    }
    check_level(params.level)?;
    let against = params.against.zip(other);
    if against.is_some() && selection.period.is_none() {
        return Err(Error::NoPeriod);
    }
    let ground = Ground::new(selection, params.ground(), "Gi*")?;
    let (counts, neighbours) = (&ground.counts, &ground.neighbours);
    let baseline = against
        .map(|(a, second)| baseline(&ground, selection, second, a.period))
        .transpose()?;
    let totals = sums(counts, neighbours, params.statistic);
    let (z, inference, expected, others) = match &baseline {
        None => {
            let z = getis_ord_of_counts(counts, neighbours, params.statistic);
            let inference = Inference::of_counts(
                counts,
                neighbours,
                params.statistic,
                &z,
                params.p_value,
                params.correction,
                params.level,
            )?;
            let all = Population::of(counts);
            let expected = (0..counts.len()).map(|c| match params.statistic {
                Statistic::GiStar => all.mean().map(|m| m * (neighbours.of(c).len() + 1) as f64),
                Statistic::Gi => {
                    let mean = all.without(counts[c]).mean();
                    mean.map(|m| m * neighbours.of(c).len() as f64)
                }
            });
            (z, inference, expected.collect(), None)
        }
        Some((_, before)) => {
            let others = sums(before, neighbours, params.statistic);
            let compared = compare(counts, before, &totals, &others, params.statistic);
            let tested = match params.p_value {
                PValue::Exact => Tested::by_tails(&compared.tails),
                PValue::Analytic => by_normal(&compared.z),
                PValue::Permutation(_) => return Err(Error::ShufflesAgainst),
            };
            let inference = tested.adjusted(params.correction);
            (compared.z, inference, compared.expected, Some(others))
        }
    };
    let is_significant = |c: usize| inference.p_adjusted[c] <= params.level;
    let (hot, cold): (Vec<usize>, Vec<usize>) = (0..counts.len())
        .filter(|&c| is_significant(c))
        .partition(|&c| inference.much[c]);
    let hotspots = hotspots(&ground, &hot);
    let mut shown: Vec<usize> = match (params.cells_shown, params.sides) {
        (CellsShown::All, _) => (0..counts.len()).collect(),
        (CellsShown::Significant, Sides::Hot) => hot.clone(),
        (CellsShown::Significant, Sides::Both) => [&hot[..], &cold[..]].concat(),
    };
    // Cells come in an order of their own, which equals keep.
    let key = |c: usize| {
        if z[c].is_nan() {
            f64::NEG_INFINITY
        } else {
            z[c]
        }
    };
    shown.sort_by(|&a, &b| {
        key(b)
            .total_cmp(&key(a))
            .then(counts[b].cmp(&counts[a]))
            .then(a.cmp(&b))
    });
    let found = shown.len();
    shown.truncate(params.max.map_or(found, |m| m as usize));
    let mut number = vec![None; counts.len()];
    for h in &hotspots {
        for &c in &h.cells {
            number[c] = Some(h.number);
        }
    }
    let some = |v: f64| Some(v).filter(|v| !v.is_nan());
    let facts = ground.facts(selection, &shown, comparable);
    let cells = shown.iter().zip(facts).zip(1..).map(|((&c, facts), rank)| {
        let much = inference.much[c];
        let side = much || params.sides == Sides::Both;
        Ok(Cell {
            cell: c,
            rank,
            z: some(z[c]),
            p: some(inference.p[c]),
            p_adjusted: some(inference.p_adjusted[c]),
            p_family: inference.p_family.as_ref().and_then(|p| some(p[c])),
            draws: inference.draws.as_ref().map(|d| d[c]),
            class: Class::of(inference.p_adjusted[c], much),
            significant: is_significant(c) && side,
            hotspot: number[c],
            neighbourhood_count: totals[c],
            neighbourhood_expected: expected_at(&expected, c),
            neighbours: neighbours.of(c).len() as u32,
            against: baseline
                .as_ref()
                .zip(others.as_ref())
                .map(|((_, b), o)| (b[c], o[c])),
            area_m2: ground.area_m2(c)?,
            facts,
        })
    });
    let cells = cells.collect::<Result<Vec<_>, GroundError>>()?;
    Ok(Outcome {
        beyond_max: (found - cells.len()) as u64,
        cells,
        hotspots,
        incidents: counts.iter().map(|&c| u64::from(c)).sum(),
        occupied: counts.iter().filter(|c| **c > 0).count() as u64,
        tests: inference.tests,
        significant: (hot.len() as u64, cold.len() as u64),
        floor: inference.floor,
        against: baseline.map(|b| b.0),
        params: params.clone(),
        ground,
    })
}

fn expected_at(expected: &[Option<f64>], cell: usize) -> Option<f64> {
    expected.get(cell).copied().flatten()
}

impl Params {
    fn ground(&self) -> GroundParams {
        GroundParams {
            cells: self.cells,
            h3_resolution: self.h3_resolution,
            cell_m: self.cell_m,
            rings: self.rings,
            distance_m: self.distance_m,
        }
    }
}

/// The other period's incidents in each cell, without those that are selected.
fn baseline(
    ground: &Ground,
    selection: &Selection,
    second: &Selection,
    period: Period,
) -> Result<(AgainstFacts, Vec<u32>), Error> {
    let incidents = selection.incidents();
    let mut counts = vec![0; ground.counts.len()];
    let mut in_both = 0;
    for (l, count) in second.locations_inside() {
        let here = incidents.at(l);
        let both = here
            .filter(|&i| selection.holds(i) && second.holds(i))
            .count() as u32;
        in_both += u64::from(both);
        if let Some(cell) = ground.study.cell_of(l) {
            counts[cell] += count - both;
        }
    }
    let facts = AgainstFacts {
        period,
        incidents: counts.iter().map(|&c| u64::from(c)).sum(),
        in_both,
        months: second.months_without_records(period),
    };
    if facts.incidents == 0 {
        return Err(Error::NothingAgainst(period));
    }
    Ok((facts, counts))
}

/// Neighbourhoods against another period.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// The standardised hypergeometric number; NaN where it cannot vary.
    pub z: Vec<f64>,
    /// Its tails among all ways to permute the times; `None` where z is not defined.
    pub tails: Vec<Option<Tails>>,
    /// The neighbourhood's records times the share of selected ones.
    pub expected: Vec<Option<f64>>,
}

/// Holds the selected records of each neighbourhood against those of another period: how many of its
/// records are selected ones, where the times of all records of the map are permuted over their places. For
/// Gi the cell's own records stay out of neighbourhood and map. `sums` and `before_sums` are the
/// neighbourhoods' of both.
///
/// # Panics
/// If lengths differ.
#[must_use]
pub fn compare(
    counts: &[u32],
    before: &[u32],
    sums: &[u64],
    before_sums: &[u64],
    statistic: Statistic,
) -> Compared {
    use rayon::prelude::*;
    assert_eq!(
        (counts.len(), sums.len()),
        (before.len(), before_sums.len())
    );
    let total = |counts: &[u32]| counts.iter().map(|&c| u64::from(c)).sum::<u64>();
    let (selected, others) = (total(counts), total(before));
    let of = |c: usize| -> (f64, Option<Tails>, Option<f64>) {
        let own = match statistic {
            Statistic::GiStar => (0, 0),
            Statistic::Gi => (u64::from(counts[c]), u64::from(before[c])),
        };
        let marked = selected - own.0;
        let all = marked + others - own.1;
        let (sum, drawn) = (sums[c], sums[c] + before_sums[c]);
        let expected = (all > 0).then(|| drawn as f64 * marked as f64 / all as f64);
        let Some(z) = Population::marked(marked, all).standardise(sum, drawn) else {
            return (f64::NAN, None, expected);
        };
        let tails = Tails {
            upper: hypergeometric_upper(sum, marked, drawn, all),
            // At most so many are selected: at least all the rest are not.
            lower: hypergeometric_upper(drawn - sum, all - marked, drawn, all),
        };
        (z, Some(tails), expected)
    };
    let all: Vec<_> = (0..counts.len())
        .into_par_iter()
        .with_min_len(256)
        .map(of)
        .collect();
    Compared {
        z: all.iter().map(|a| a.0).collect(),
        tails: all.iter().map(|a| a.1).collect(),
        expected: all.iter().map(|a| a.2).collect(),
    }
}

/// Connected groups of cells, most incidents first.
fn hotspots(ground: &Ground, members: &[usize]) -> Vec<Hotspot> {
    let count = |cells: &[usize]| {
        cells
            .iter()
            .map(|&c| u64::from(ground.counts[c]))
            .sum::<u64>()
    };
    let groups = ground.study.lattice.components(members);
    let mut found: Vec<Hotspot> = groups
        .into_iter()
        .map(|cells| Hotspot {
            number: 0,
            count: count(&cells),
            cells,
        })
        .collect();
    found.sort_by_key(|h| (std::cmp::Reverse(h.count), h.cells[0]));
    for (h, number) in found.iter_mut().zip(1..) {
        h.number = number;
    }
    found
}
