//! A cube of cells by steps: Gi* of every bin from what lies near and just before it, which bins are
//! significant, and the trend of every cell.
//!
//! Sums of counts are whole numbers and so exact in any order. Bins with as many neighbours, the same
//! reference and the same sum have the same z: p-values are adjusted by these few classes, as if all
//! were written out.

use multiversion::multiversion;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::categories::{Category, Definition, Sides, State, Trend, category};
use super::null::Null;
use crate::lattice::Neighbours;
use crate::local_association::exact::TooMuchWork;
use crate::statistics::{Correction, MannKendall};

/// Cells that one task works on.
const CHUNK: usize = 512;

/// What the sum around a bin is held against: the mean and the standard deviation of these bins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reference {
    /// All bins of all steps.
    #[default]
    EntireCube,
    /// All cells of the steps that the bin's own neighbourhood spans.
    Window,
    /// All cells of the bin's own step.
    Step,
}

impl Reference {
    /// The name in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::EntireCube => "entire_cube",
            Self::Window => "window",
            Self::Step => "step",
        }
    }
}

/// How the p-value of a bin is made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PValue {
    /// From all ways to deal the reference's counts to its bins.
    #[default]
    Exact,
    /// From the normal distribution, as Esri has it.
    Normal,
}

impl PValue {
    /// The name in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Normal => "normal",
        }
    }
}

/// Which tests are looked at together when p-values are adjusted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// Those of all bins.
    #[default]
    AllBins,
    /// Those of a step.
    EachStep,
    /// Those of a cell.
    EachCell,
}

impl Family {
    /// The name in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AllBins => "all_bins",
            Self::EachStep => "each_step",
            Self::EachCell => "each_cell",
        }
    }
}

/// How bins are tested.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Test {
    /// What sums are held against.
    pub reference: Reference,
    /// How p-values are made.
    pub p_value: PValue,
    /// How p-values are adjusted.
    pub correction: Correction,
    /// Together with which others.
    pub family: Family,
    /// Largest adjusted p of a significant bin.
    pub level: f64,
}

/// Mean and standard deviation of some bins.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    /// Number of bins.
    pub bins: f64,
    /// Mean count.
    pub mean: f64,
    /// Standard deviation, over the number of bins.
    pub sd: f64,
}

/// Bins of one z.
#[derive(Debug, Clone, Copy)]
struct Class {
    /// Its group (steps × sizes of neighbourhoods) in the upper half, the sum in the lower.
    key: u64,
    bins: u64,
    p: f64,
    /// Whether it has more than expected.
    much: bool,
    adjusted: f64,
}

/// The tests of a cube. Everything by cell and step lists the steps of the first cell, then of the
/// second.
#[derive(Debug, Clone)]
pub struct Cube {
    steps: usize,
    /// Gi*; NaN where it is undefined.
    z: Vec<f64>,
    /// Sums over the neighbourhoods.
    sums: Vec<u32>,
    /// The distinct sizes of the neighbourhoods in space, itself counted.
    sizes: Vec<u32>,
    /// Of each cell the index of its size.
    size_of: Vec<u32>,
    /// Of each step the first one that has the same z, and the same p, for the same sum.
    like: Vec<usize>,
    /// Of each step the first of its neighbourhood.
    pub first: Vec<usize>,
    /// Of each step what its bins are held against.
    pub scales: Vec<Scale>,
    /// Which bins are significant.
    pub states: Vec<State>,
    /// The trend of each cell's z.
    pub trends: Vec<MannKendall>,
    /// Bins by z; empty where every cell is a family of its own.
    classes: Vec<Class>,
    /// What the sums are like where nothing speaks for any place or time.
    null: Null,
    test: Test,
}

impl Cube {
    /// Tests every bin of a cube: counts of the steps of the first cell, then of the second, together
    /// below 2³². The neighbourhood of a bin is its cell and the cell's neighbours in its own step and in
    /// those before it, from `first` of the step on, which never falls from step to step. Counts that do
    /// not fit the cells and steps make an empty cube.
    ///
    /// # Errors
    /// [`TooMuchWork`] where exact p-values would take too long.
    pub fn new(
        counts: &[u32],
        first: &[usize],
        neighbours: &Neighbours,
        test: Test,
    ) -> Result<Self, TooMuchWork> {
        let steps = first.len();
        let fits = counts.len() == neighbours.len() * steps;
        let cells = if fits { neighbours.len() } else { 0 };
        let mut cube = Self {
            steps,
            z: vec![0.0; cells * steps],
            sums: vec![0; cells * steps],
            sizes: Vec::new(),
            size_of: Vec::new(),
            like: (0..steps).collect(),
            first: first.to_vec(),
            scales: Vec::new(),
            states: vec![State::Neither; cells * steps],
            trends: Vec::new(),
            classes: Vec::new(),
            null: Null::Normal,
            test,
        };
        if steps == 0 || cells == 0 {
            return Ok(cube);
        }
        cube.take_sizes(neighbours);
        cube.take_scales(counts);
        let table = cube.table();
        cube.evaluate(counts, neighbours, &table);
        cube.null = match test.p_value {
            PValue::Normal => Null::Normal,
            PValue::Exact => Null::exact(&cube, counts)?,
        };
        cube.trends = MannKendall::of_each(&cube.z, steps);
        match test.family {
            Family::EachCell => cube.decide_by_cell(),
            _ => cube.decide_by_class(),
        }
        Ok(cube)
    }

    fn take_sizes(&mut self, neighbours: &Neighbours) {
        let of = |cell| neighbours.of(cell).len() as u32 + 1;
        let all: Vec<u32> = (0..neighbours.len()).map(of).collect();
        self.sizes = all.clone();
        self.sizes.sort_unstable();
        self.sizes.dedup();
        let at = |size| self.sizes.partition_point(|s| s < size) as u32;
        self.size_of = all.iter().map(at).collect();
    }

    fn take_scales(&mut self, counts: &[u32]) {
        let steps = self.steps;
        let none = || vec![(0_u64, 0_u64); steps];
        let by_step = counts
            .par_chunks(CHUNK * steps)
            .map(|counts| {
                let mut sums = none();
                for row in counts.chunks_exact(steps) {
                    for ((sum, squares), &n) in sums.iter_mut().zip(row) {
                        *sum += u64::from(n);
                        *squares += u64::from(n) * u64::from(n);
                    }
                }
                sums
            })
            .reduce(none, |mut a, b| {
                for (a, b) in a.iter_mut().zip(b) {
                    *a = (a.0 + b.0, a.1 + b.1);
                }
                a
            });
        let cells = self.size_of.len();
        self.scales = (0..steps)
            .map(|step| {
                let span = self.span(step);
                let bins = (cells * span.len()) as u64;
                let (sum, squares) = by_step[span]
                    .iter()
                    .fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
                // Whole numbers as far as they go: no digit is lost to the difference.
                let (n, sum) = (u128::from(bins), u128::from(sum));
                let spread = n * u128::from(squares) - sum * sum;
                Scale {
                    bins: bins as f64,
                    mean: sum as f64 / bins as f64,
                    sd: (spread as f64).sqrt() / bins as f64,
                }
            })
            .collect();
        // The exact null is of the counts themselves, not of their mean and spread.
        let by_scale =
            self.test.p_value == PValue::Normal || self.test.reference == Reference::EntireCube;
        for step in 0..steps {
            let same = |&other: &usize| {
                by_scale
                    && self.window(other) == self.window(step)
                    && self.test.family == Family::AllBins
                    && self.scales[other] == self.scales[step]
            };
            self.like[step] = (0..step).find(same).unwrap_or(step);
        }
    }

    /// The steps whose bins are the reference of a step's.
    pub(super) fn span(&self, step: usize) -> std::ops::Range<usize> {
        match self.test.reference {
            Reference::EntireCube => 0..self.steps,
            Reference::Window => self.first[step].min(step)..step + 1,
            Reference::Step => step..step + 1,
        }
    }

    /// How many steps the neighbourhood of a step spans.
    pub(super) fn window(&self, step: usize) -> usize {
        step - self.first[step].min(step) + 1
    }

    /// For each size of neighbourhood and step the expected sum and its standard deviation, which is NaN
    /// where there is none.
    fn table(&self) -> Vec<(Vec<f64>, Vec<f64>)> {
        let of = |size: u32, step: usize| {
            let (scale, w) = (
                self.scales[step],
                f64::from(size) * self.window(step) as f64,
            );
            // Weights are 1, so that their sum is that of their squares.
            let variance = (scale.bins * w - w * w) / (scale.bins - 1.0);
            let sd = scale.sd * variance.sqrt();
            (scale.mean * w, if sd > 0.0 { sd } else { f64::NAN })
        };
        let row = |&size: &u32| (0..self.steps).map(|step| of(size, step)).unzip();
        self.sizes.iter().map(row).collect()
    }

    fn evaluate(
        &mut self,
        counts: &[u32],
        neighbours: &Neighbours,
        table: &[(Vec<f64>, Vec<f64>)],
    ) {
        let (steps, first, size_of) = (self.steps, &self.first, &self.size_of);
        self.sums
            .par_chunks_mut(CHUNK * steps)
            .zip(self.z.par_chunks_mut(CHUNK * steps))
            .enumerate()
            .for_each(|(chunk, (sums, z))| {
                let mut around = vec![0; steps];
                let rows = sums.chunks_exact_mut(steps).zip(z.chunks_exact_mut(steps));
                for (cell, (sums, z)) in (chunk * CHUNK..).zip(rows) {
                    let near = neighbours.of(cell);
                    add_rows(counts, cell, near, &mut around);
                    look_back(&around, first, sums);
                    let (expected, sd) = &table[size_of[cell] as usize];
                    standardise(sums, expected, sd, z);
                }
            });
    }

    /// The key of a bin's class.
    fn key(&self, cell: usize, step: usize) -> u64 {
        let group = self.like[step] * self.sizes.len() + self.size_of[cell] as usize;
        (group as u64) << 32 | u64::from(self.sums[cell * self.steps + step])
    }

    fn decide_by_class(&mut self) {
        let steps = self.steps;
        let cells = self.size_of.len();
        let parts: Vec<Vec<Class>> = (0..cells.div_ceil(CHUNK))
            .into_par_iter()
            .map(|chunk| {
                let mut keys = Vec::with_capacity(CHUNK * steps);
                for cell in chunk * CHUNK..((chunk + 1) * CHUNK).min(cells) {
                    keys.extend((0..steps).map(|step| self.key(cell, step)));
                }
                keys.sort_unstable();
                let same = keys.chunk_by(|a, b| a == b);
                same.map(|same| Class {
                    key: same[0],
                    bins: same.len() as u64,
                    p: f64::NAN,
                    much: false,
                    adjusted: f64::NAN,
                })
                .collect()
            })
            .collect();
        let mut classes = parts.concat();
        classes.sort_unstable_by_key(|c| c.key);
        classes.dedup_by(|next, kept| {
            let same = next.key == kept.key;
            kept.bins += if same { next.bins } else { 0 };
            same
        });
        let table = self.table();
        let groups = steps * self.sizes.len();
        // Of each group the least sum that is hot, and the least that is no longer cold.
        let mut hot = vec![u64::MAX; groups];
        let mut not_cold = vec![0_u64; groups];
        let z = |class: &Class| {
            let (group, sum) = ((class.key >> 32) as usize, class.key as u32);
            let (expected, sd) = &table[group % self.sizes.len()];
            let step = group / self.sizes.len();
            (f64::from(sum) - expected[step]) / sd[step]
        };
        for class in &mut classes {
            let (group, sum) = ((class.key >> 32) as usize, class.key as u32);
            (class.p, class.much) = self.null.p(group, sum, z(class));
        }
        let step_of = |class: &Class| class.key >> 32;
        let sizes = self.sizes.len() as u64;
        let one_family = |a: &Class, b: &Class| {
            self.test.family == Family::AllBins || step_of(a) / sizes == step_of(b) / sizes
        };
        for family in classes.chunk_by_mut(one_family) {
            let p: Vec<f64> = family.iter().map(|c| c.p).collect();
            let bins: Vec<u64> = family.iter().map(|c| c.bins).collect();
            let adjusted = self.test.correction.adjust_repeated(&p, &bins);
            for (class, adjusted) in family.iter_mut().zip(adjusted) {
                class.adjusted = adjusted;
            }
        }
        for class in classes.iter().filter(|c| c.adjusted <= self.test.level) {
            let (group, sum) = ((class.key >> 32) as usize, class.key & u64::from(u32::MAX));
            if class.much {
                hot[group] = hot[group].min(sum);
            } else {
                not_cold[group] = not_cold[group].max(sum + 1);
            }
        }
        self.classes = classes;
        let (like, size_of) = (&self.like, &self.size_of);
        let sizes = self.sizes.len();
        self.states
            .par_chunks_mut(CHUNK * steps)
            .zip(self.sums.par_chunks(CHUNK * steps))
            .enumerate()
            .for_each(|(chunk, (states, sums))| {
                let rows = states.chunks_exact_mut(steps).zip(sums.chunks_exact(steps));
                for (cell, (states, sums)) in (chunk * CHUNK..).zip(rows) {
                    let size = size_of[cell] as usize;
                    for ((state, &sum), like) in states.iter_mut().zip(sums).zip(like) {
                        let group = like * sizes + size;
                        *state = match u64::from(sum) {
                            sum if sum >= hot[group] => State::Hot,
                            sum if sum < not_cold[group] => State::Cold,
                            _ => State::Neither,
                        };
                    }
                }
            });
    }

    fn decide_by_cell(&mut self) {
        let test = self.test;
        let mut states = std::mem::take(&mut self.states);
        states
            .par_chunks_mut(self.steps)
            .enumerate()
            .with_min_len(CHUNK)
            .for_each(|(cell, states)| {
                let (p, much): (Vec<f64>, Vec<bool>) = (0..self.steps)
                    .map(|step| self.p_and_side(cell, step))
                    .unzip();
                let adjusted = test.correction.adjust(&p);
                for ((state, p), much) in states.iter_mut().zip(adjusted).zip(much) {
                    *state = match p <= test.level {
                        true if much => State::Hot,
                        true => State::Cold,
                        false => State::Neither,
                    };
                }
            });
        self.states = states;
    }

    /// Number of cells.
    #[must_use]
    pub fn cells(&self) -> usize {
        self.size_of.len()
    }

    /// Number of steps.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// Gi* of a cell, step by step; NaN where it is undefined.
    #[must_use]
    pub fn z(&self, cell: usize) -> &[f64] {
        &self.z[cell * self.steps..(cell + 1) * self.steps]
    }

    /// What the steps of a cell are.
    #[must_use]
    pub fn states(&self, cell: usize) -> &[State] {
        &self.states[cell * self.steps..(cell + 1) * self.steps]
    }

    /// Incidents in the neighbourhood of a bin.
    #[must_use]
    pub fn sum(&self, cell: usize, step: usize) -> u32 {
        self.sums[cell * self.steps + step]
    }

    /// Cells around a cell, itself counted.
    #[must_use]
    pub fn size(&self, cell: usize) -> u32 {
        self.sizes[self.size_of[cell] as usize]
    }

    /// What bins are held against.
    pub(super) fn reference(&self) -> Reference {
        self.test.reference
    }

    /// The distinct numbers of cells around a cell, itself counted.
    pub(super) fn distinct_sizes(&self) -> &[u32] {
        &self.sizes
    }

    /// The greatest sum around the bins of each step.
    pub(super) fn greatest_sums(&self) -> Vec<u32> {
        let none = || vec![0; self.steps];
        let greater = |mut all: Vec<u32>, row: &[u32]| {
            for (most, &sum) in all.iter_mut().zip(row) {
                *most = sum.max(*most);
            }
            all
        };
        self.sums
            .par_chunks(self.steps)
            .fold(none, greater)
            .reduce(none, |all, row| greater(all, &row))
    }

    /// The least and the most cells around a cell, itself counted.
    #[must_use]
    pub fn sizes(&self) -> Option<(u32, u32)> {
        Some((*self.sizes.first()?, *self.sizes.last()?))
    }

    /// Two-sided p of a bin, NaN where Gi* is undefined, and whether it has more than expected.
    fn p_and_side(&self, cell: usize, step: usize) -> (f64, bool) {
        let group = step * self.sizes.len() + self.size_of[cell] as usize;
        let at = cell * self.steps + step;
        self.null.p(group, self.sums[at], self.z[at])
    }

    /// Two-sided p of a bin, not adjusted; `None` where Gi* is undefined.
    #[must_use]
    pub fn p(&self, cell: usize, step: usize) -> Option<f64> {
        let p = self.p_and_side(cell, step).0;
        (!p.is_nan()).then_some(p)
    }

    /// Adjusted p of a bin; `None` where Gi* is undefined.
    #[must_use]
    pub fn adjusted_p(&self, cell: usize, step: usize) -> Option<f64> {
        let p = match self.test.family {
            Family::EachCell => {
                let p: Vec<f64> = (0..self.steps)
                    .map(|step| self.p_and_side(cell, step).0)
                    .collect();
                self.test.correction.adjust(&p)[step]
            }
            _ => {
                let key = self.key(cell, step);
                let at = self.classes.binary_search_by_key(&key, |c| c.key).ok()?;
                self.classes[at].adjusted
            }
        };
        (!p.is_nan()).then_some(p)
    }

    /// Bins whose Gi* is defined.
    #[must_use]
    pub fn tests(&self) -> u64 {
        self.z.par_iter().filter(|z| !z.is_nan()).count() as u64
    }

    /// The trend of a cell's z at a level.
    #[must_use]
    pub fn trend(&self, cell: usize, level: f64) -> Trend {
        let found = &self.trends[cell];
        match found.p() {
            Some(p) if p <= level && found.s > 0 => Trend::Up,
            Some(p) if p <= level && found.s < 0 => Trend::Down,
            _ => Trend::None,
        }
    }

    /// What each cell is; `None` for no pattern.
    #[must_use]
    pub fn categories(
        &self,
        definition: Definition,
        sides: Sides,
        trend_level: f64,
    ) -> Vec<Option<Category>> {
        (0..self.cells())
            .into_par_iter()
            .with_min_len(CHUNK)
            .map(|cell| {
                let states = self.states(cell);
                // Most cells are never significant, and no definition names those.
                if states.iter().all(|s| *s == State::Neither) {
                    return None;
                }
                category(definition, sides, states, self.trend(cell, trend_level))
            })
            .collect()
    }
}

/// Adds up the steps of a cell and of others.
#[multiversion(targets(
    "x86_64+avx+avx2+avx512f+avx512bw+avx512cd+avx512dq+avx512vl",
    "x86_64+avx+avx2"
))]
fn add_rows(counts: &[u32], cell: usize, near: &[u32], around: &mut [u32]) {
    let steps = around.len();
    around.copy_from_slice(&counts[cell * steps..(cell + 1) * steps]);
    for &other in near {
        let row = &counts[other as usize * steps..][..steps];
        for (sum, n) in around.iter_mut().zip(row) {
            *sum += n;
        }
    }
}

/// Sums each step with those before it, back to its first.
fn look_back(around: &[u32], first: &[usize], sums: &mut [u32]) {
    let (mut from, mut sum) = (0, 0);
    for (step, (out, n)) in sums.iter_mut().zip(around).enumerate() {
        sum += n;
        while from < first[step].min(step) {
            sum -= around[from];
            from += 1;
        }
        *out = sum;
    }
}

/// Sums in standard deviations from what is expected.
#[multiversion(targets(
    "x86_64+avx+avx2+avx512f+avx512bw+avx512cd+avx512dq+avx512vl",
    "x86_64+avx+avx2"
))]
fn standardise(sums: &[u32], expected: &[f64], sd: &[f64], z: &mut [f64]) {
    for ((z, &sum), (expected, sd)) in z.iter_mut().zip(sums).zip(expected.iter().zip(sd)) {
        *z = (f64::from(sum) - expected) / sd;
    }
}
