//! Stability of hotspots: how often each would still be among the first if things had been a little
//! different.
//!
//! **What it answers.** A hotspot can be an accident of the bandwidth, of where the cells begin, of
//! where records were placed, or of one bad month. The analysis is run again many times with all of
//! these changed at once, and each hotspot is told in what share of the runs it stays in the top k.
//!
//! **Model.** Run r draws from the random numbers of (seed, r):
//!
//! 1. every record moves by its own location error: a circular normal distribution whose median
//!    distance is that of its location basis ([`LocationError`]), each record on its own, also those
//!    that share a map point;
//! 2. all cells move together by up to half their spacing in either direction;
//! 3. the bandwidth is multiplied by a number from 1 − `bandwidth_spread` to 1 + `bandwidth_spread`;
//! 4. one calendar month of those that hold records is left out, where there are two or more; a
//!    threshold that is a density is lowered by the share of records that went.
//!
//! The surface, the threshold, the groups of cells and their ranking are then made by the rules of
//! the request. A hotspot stays if some group among the first k shares with it at least half of the
//! cells of the smaller of both.
//!
//! **Edge cases.** A record belongs to the cell whose centre is nearest, which is H3's own cell but
//! for a hair along its edges. Stations and area centres do not move: how far they are from where
//! it happened is not known. Where nothing could move (addresses, one month, no spread) only
//! the cells do.
//!
//! **How it can mislead.** Stability is not significance: a dense place that always was dense is
//! stable, and so may be one that chance made. A large hotspot is more stable than two halves of it.
//! Records missing altogether, or placed at the wrong street, are not simulated.
//!
//! **Complexity.** Runs × records × cells within reach; the runs are spread over threads.
//!
//! **References.** The vote share of A-DBSCAN is the precedent (Arribas-Bel, Garcia-López &
//! Viladecans-Marsal 2021, doi 10.1016/j.jue.2019.103217); cells and their origin: Openshaw 1984,
//! *The Modifiable Areal Unit Problem*; map points: Tompson, Johnson, Ashby, Perkins & Edwards 2015,
//! doi 10.1080/15230406.2014.972456. **Checked against** cases with a known answer (nothing
//! perturbed: always; two equal places and one prize: half) and against reruns of the whole analysis.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::domain::{LocationBasis, month_number};
use crate::harm;
use crate::hotspots::{self, RankBy, Threshold};
use crate::kernel::Kernel;
use crate::lattice::Lattice;
use crate::methods::kernel_density;
use crate::plane::Planar;
use crate::random::Random;
use crate::select::Selection;
use crate::surface::with_kernel;
use crate::watch;

/// How stability is tested.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Number of runs, 1 to 10,000.
    #[serde(default = "five_hundred")]
    pub runs: u32,
    /// Seed of the random numbers.
    #[serde(default)]
    pub seed: u64,
    /// The k of "in the top k"; without it as many as there are hotspots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top: Option<u32>,
    /// Largest change of the bandwidth, as a share of it, 0 to 0.9.
    #[serde(default = "half")]
    pub bandwidth_spread: f64,
    /// How far records are from where they happened.
    #[serde(default)]
    pub location_error_m: LocationError,
    /// Whether the cells move.
    #[serde(default = "yes")]
    pub shift_cells: bool,
    /// Whether a month is left out of each run.
    #[serde(default = "yes")]
    pub leave_out_months: bool,
}

fn five_hundred() -> u32 {
    500
}

fn half() -> f64 {
    0.5
}

fn yes() -> bool {
    true
}

/// Median distance between a record's position and where it happened, metres, by location basis.
///
/// Map points: 83 m is the median over England and Wales, an address stands on its building, and
/// "somewhere along a street" is taken as half of a usual street segment of 100 m. What has no stated
/// basis is taken as a map point.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LocationError {
    /// A surveyed address or property.
    pub address: f64,
    /// Somewhere along a named street.
    pub street: f64,
    /// An anonymous map point.
    pub snap_point: f64,
    /// Not stated.
    pub unknown: f64,
}

impl Default for LocationError {
    fn default() -> Self {
        Self {
            address: 0.0,
            street: 50.0,
            snap_point: 83.0,
            unknown: 83.0,
        }
    }
}

impl LocationError {
    fn of(&self, basis: LocationBasis) -> f64 {
        match basis {
            LocationBasis::Address => self.address,
            LocationBasis::Street => self.street,
            LocationBasis::SnapPoint => self.snap_point,
            LocationBasis::Unknown => self.unknown,
            LocationBasis::Station | LocationBasis::AreaCentroid => 0.0,
        }
    }
}

/// Why stability cannot be tested.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A number out of range.
    #[error("hotspots.stability.{field} must be {range}, not {value}")]
    Range {
        /// The field.
        field: &'static str,
        /// What it may be.
        range: &'static str,
        /// The value.
        value: f64,
    },
    /// More than anyone waits for.
    #[error(
        "hotspots.stability would take {evaluations:.0e} kernel evaluations, and the limit is {MAX_EVALUATIONS:.0e}; ask for at most {runs} runs, larger cells, a smaller bandwidth or area"
    )]
    TooMuch {
        /// Evaluations needed.
        evaluations: f64,
        /// Runs that would do.
        runs: u32,
    },
    /// A surface that reruns do not make.
    #[error(
        "hotspots.stability reruns surfaces of one bandwidth without edge correction; leave out method.adaptive and method.edge_correction, or hotspots.stability"
    )]
    Shaped,
}

/// Most kernel evaluations of a test: minutes of one processor.
pub const MAX_EVALUATIONS: f64 = 1e10;

/// What a test of stability did.
#[derive(Debug, Clone, PartialEq)]
pub struct Tested {
    /// The parameters.
    pub params: Params,
    /// The k that was used.
    pub top: u32,
    /// Records in a run before a month is left out.
    pub records: usize,
    /// Calendar months that one was left out of; 0 where none was.
    pub months: usize,
}

impl Params {
    fn check(&self) -> Result<(), Error> {
        let range = |field, range, value: f64, ok: bool| {
            if ok {
                Ok(())
            } else {
                Err(Error::Range {
                    field,
                    range,
                    value,
                })
            }
        };
        range(
            "runs",
            "1 to 10000",
            self.runs.into(),
            (1..=10_000).contains(&self.runs),
        )?;
        let top = self.top.unwrap_or(1);
        range("top", "1 or more", top.into(), top > 0)?;
        let spread = self.bandwidth_spread;
        range(
            "bandwidth_spread",
            "0 to 0.9",
            spread,
            (0.0..=0.9).contains(&spread),
        )?;
        let e = self.location_error_m;
        for (field, metres) in [
            ("location_error_m.address", e.address),
            ("location_error_m.street", e.street),
            ("location_error_m.snap_point", e.snap_point),
            ("location_error_m.unknown", e.unknown),
        ] {
            range(
                field,
                "0 to 1000 metres",
                metres,
                (0.0..=1000.0).contains(&metres),
            )?;
        }
        Ok(())
    }
}

/// A record that moves.
struct Record {
    at: Planar,
    /// In the surface.
    weight: f64,
    /// Share in the hours.
    share: f64,
    /// What a ranking by harm goes by.
    harm: f64,
    error_m: f64,
    /// Index into the months that hold records.
    month: u32,
    /// Whether it counts, or lies beyond the study area and adds to densities only.
    inside: bool,
}

/// For each hotspot, given by its cells, the share of runs in which it stays in the top k.
///
/// # Errors
/// [`Error`] for parameters out of range; a ranking by harm without harm.
pub(crate) fn test(
    selection: &Selection,
    surface: &kernel_density::Outcome,
    threshold: &Threshold,
    cut: &hotspots::Params,
    hotspots: &[&[usize]],
    params: &Params,
) -> Result<(Vec<f64>, Tested), hotspots::Error> {
    params.check()?;
    let (records, months) = records(selection, surface, cut, params)?;
    let top = params.top.unwrap_or(hotspots.len() as u32);
    let tested = Tested {
        params: params.clone(),
        top,
        records: records.len(),
        months: if months > 1 { months as usize } else { 0 },
    };
    let Some(bandwidth_m) = surface.bandwidth_m.filter(|_| !hotspots.is_empty()) else {
        return Ok((vec![0.0; hotspots.len()], tested));
    };
    let spacing_m = surface.lattice.tiling.spacing_m();
    // At the largest bandwidth, and at least the cell that the record lies in.
    let reach = surface.reach_m() * (1.0 + params.bandwidth_spread);
    let cells = std::f64::consts::PI * (reach / spacing_m).powi(2) + 1.0;
    let of_a_run = records.len() as f64 * cells;
    if of_a_run * f64::from(params.runs) > MAX_EVALUATIONS {
        return Err(Error::TooMuch {
            evaluations: of_a_run * f64::from(params.runs),
            runs: (MAX_EVALUATIONS / of_a_run) as u32,
        }
        .into());
    }
    let centres = Centres::new(&surface.lattice);
    let all: Vec<usize> = (0..surface.lattice.len()).collect();
    let neighbours = surface.lattice.neighbours(&all);
    let offsets = offsets();
    // In the order of the centres, like everything in a run.
    let mut slot = vec![0_u32; centres.cell.len()];
    for (s, &cell) in centres.cell.iter().enumerate() {
        slot[cell as usize] = s as u32;
    }
    let adjacent: Vec<Vec<u32>> = centres
        .cell
        .iter()
        .map(|&cell| {
            let of = &neighbours[cell as usize];
            of.iter().map(|&n| slot[n]).collect()
        })
        .collect();
    let hotspots: Vec<Vec<u32>> = hotspots
        .iter()
        .map(|cells| cells.iter().map(|&c| slot[c]).collect())
        .collect();
    let again = Again {
        kernel: surface.kernel,
        bandwidth_m,
        spacing_m,
        records: &records,
        months,
        centres: &centres,
        adjacent: &adjacent,
        areas_m2: centres
            .cell
            .iter()
            .map(|&c| surface.lattice.area_m2(c as usize).unwrap_or(0.0))
            .collect(),
        offsets: &offsets,
        params,
        threshold,
        cut,
        study_area_m2: selection.area.as_ref().map(|a| a.area_m2),
        top: top as usize,
    };
    watch::ahead(params.runs.into());
    let stays = (0..params.runs)
        .into_par_iter()
        .fold(
            || (Scratch::default(), vec![0_u32; hotspots.len()]),
            |(mut scratch, mut stays), run| {
                watch::step();
                again.run(u64::from(run), &hotspots, &mut scratch, &mut stays);
                (scratch, stays)
            },
        )
        .map(|(_, stays)| stays)
        .reduce(
            || vec![0; hotspots.len()],
            |a, b| a.iter().zip(&b).map(|(a, b)| a + b).collect(),
        );
    let share = |n: u32| f64::from(n) / f64::from(params.runs);
    Ok((stays.into_iter().map(share).collect(), tested))
}

/// Every record that may reach the surface, in the order of the data, and the number of months.
fn records(
    selection: &Selection,
    surface: &kernel_density::Outcome,
    cut: &hotspots::Params,
    params: &Params,
) -> Result<(Vec<Record>, u32), hotspots::Error> {
    let incidents = selection.incidents();
    let error = params.location_error_m;
    // Four medians hold all but 1 in 65,000 of a circular normal distribution.
    let farthest = error
        .address
        .max(error.street)
        .max(error.snap_point)
        .max(error.unknown);
    let reach = surface.reach_m() * (1.0 + params.bandwidth_spread)
        + 4.0 * farthest
        + 2.0 * surface.lattice.tiling.spacing_m();
    let bounds = selection
        .area
        .as_ref()
        .map(crate::ground::StudyArea::planar_bounds);
    let near = |p: Planar| {
        bounds.is_none_or(|(lo, hi)| {
            p.x >= lo.x - reach && p.x <= hi.x + reach && p.y >= lo.y - reach && p.y <= hi.y + reach
        })
    };
    let harm = match cut.rank_by {
        RankBy::Harm => hotspots::ranking_harm(selection, surface)?.into(),
        _ => None,
    };
    let mut records = Vec::new();
    for (l, _) in selection.locations() {
        let at = incidents.locations()[l as usize].planar();
        if !near(at) {
            continue;
        }
        for i in incidents.at(l).filter(|&i| selection.holds(i)) {
            records.push(Record {
                at,
                weight: surface.weight.of(selection, i),
                share: selection.share_in_hours(i),
                harm: harm.map_or(0.0, |(of, bound)| {
                    harm::of_one(&selection.harm[of], selection, i, bound)
                }),
                error_m: error.of(incidents.basis(i)),
                month: month_number(incidents.from()[i]) as u32,
                inside: selection.is_inside(l),
            });
        }
    }
    let mut months: Vec<u32> = records
        .iter()
        .filter(|r| r.inside)
        .map(|r| r.month)
        .collect();
    months.sort_unstable();
    months.dedup();
    for record in &mut records {
        record.month = months
            .binary_search(&record.month)
            .map_or(u32::MAX, |m| m as u32);
    }
    Ok((records, months.len() as u32))
}

/// Offsets of a circular normal distribution with median distance 1, all equally likely: 64
/// directions by 64 distances, each in the middle of its share.
fn offsets() -> Vec<(f64, f64)> {
    const SIDE: usize = 64;
    let mut offsets = Vec::with_capacity(SIDE * SIDE);
    for ring in 0..SIDE {
        let beyond = (ring as f64 + 0.5) / SIDE as f64;
        let distance = (-beyond.log2()).sqrt();
        for direction in 0..SIDE {
            // Every ring is turned, so that the offsets lie on no spokes.
            let turn = (direction as f64 + ring as f64 / SIDE as f64) / SIDE as f64;
            let (sin, cos) = (turn * std::f64::consts::TAU).sin_cos();
            offsets.push((distance * cos, distance * sin));
        }
    }
    offsets
}

/// The centres of a lattice in rows of buckets, so that a disc is a few contiguous slices.
struct Centres {
    origin: Planar,
    side: f64,
    /// One over the side.
    per_m: f64,
    columns: usize,
    rows: usize,
    starts: Vec<u32>,
    x: Vec<f64>,
    y: Vec<f64>,
    /// Cells of the lattice, in the order of the buckets.
    cell: Vec<u32>,
}

impl Centres {
    fn new(lattice: &Lattice) -> Self {
        let centres = lattice.centres();
        let fold = |f: fn(f64, f64) -> f64, of: fn(&Planar) -> f64, start: f64| {
            centres.iter().map(of).fold(start, f)
        };
        let origin = Planar {
            x: fold(f64::min, |p| p.x, f64::INFINITY),
            y: fold(f64::min, |p| p.y, f64::INFINITY),
        };
        let width = fold(f64::max, |p| p.x, f64::NEG_INFINITY) - origin.x;
        let height = fold(f64::max, |p| p.y, f64::NEG_INFINITY) - origin.y;
        // Fewer, longer slices are worth the centres that they hold too many.
        let mut side = 1.5 * lattice.tiling.spacing_m();
        // Without a study area the cells may lie in clumps far from each other.
        let budget = 8.0 * centres.len() as f64 + 1024.0;
        while ((width / side) + 1.0) * ((height / side) + 1.0) > budget {
            side *= 1.5;
        }
        let (columns, rows) = if centres.is_empty() {
            (0, 0)
        } else {
            ((width / side) as usize + 1, (height / side) as usize + 1)
        };
        let bucket = |p: &Planar| {
            let column = (((p.x - origin.x) / side) as usize).min(columns - 1);
            let row = (((p.y - origin.y) / side) as usize).min(rows - 1);
            row * columns + column
        };
        let mut starts = vec![0_u32; columns * rows + 1];
        for p in centres {
            starts[bucket(p) + 1] += 1;
        }
        for b in 0..columns * rows {
            starts[b + 1] += starts[b];
        }
        let mut cursor = starts.clone();
        let n = centres.len();
        let (mut x, mut y, mut cell) = (vec![0.0; n], vec![0.0; n], vec![0; n]);
        for (c, p) in centres.iter().enumerate() {
            let at = &mut cursor[bucket(p)];
            (x[*at as usize], y[*at as usize], cell[*at as usize]) = (p.x, p.y, c as u32);
            *at += 1;
        }
        Self {
            origin,
            side,
            per_m: 1.0 / side,
            columns,
            rows,
            starts,
            x,
            y,
            cell,
        }
    }

    /// Calls back with contiguous slices that hold every centre within a radius of a position.
    #[inline(always)]
    fn slices(&self, at: Planar, radius: f64, mut visit: impl FnMut(std::ops::Range<usize>)) {
        let (x, y) = (at.x - self.origin.x, at.y - self.origin.y);
        let (low, high) = ((y - radius) * self.per_m, (y + radius) * self.per_m);
        if high < 0.0 || low >= self.rows as f64 {
            return;
        }
        // Casts cut off at zero.
        for row in low as usize..=(high as usize).min(self.rows - 1) {
            let (south, north) = (row as f64 * self.side, (row + 1) as f64 * self.side);
            // The row's nearest approach.
            let dy = (south - y).max(y - north).max(0.0);
            let half = (radius * radius - dy * dy).max(0.0).sqrt();
            let (west, east) = ((x - half) * self.per_m, (x + half) * self.per_m);
            if east < 0.0 || west >= self.columns as f64 {
                continue;
            }
            let first = row * self.columns + west as usize;
            let end = row * self.columns + (east as usize).min(self.columns - 1) + 1;
            visit(self.starts[first] as usize..self.starts[end] as usize);
        }
    }

    /// The nearest centre within a radius, or an index that is none.
    #[inline]
    fn nearest(&self, at: Planar, radius: f64) -> usize {
        let (mut nearest, mut nearest_2) = (usize::MAX, radius * radius);
        self.slices(at, radius, |slice| {
            for i in slice {
                let (dx, dy) = (self.x[i] - at.x, self.y[i] - at.y);
                let d2 = dx * dx + dy * dy;
                if d2 < nearest_2 {
                    (nearest, nearest_2) = (i, d2);
                }
            }
        });
        nearest
    }
}

/// One thread's working memory.
#[derive(Default)]
struct Scratch {
    density: Vec<f64>,
    inside: Vec<Inside>,
    order: Vec<u32>,
    group: Vec<u32>,
    open: Vec<u32>,
    overlap: Vec<u32>,
}

/// What lies in a cell or a group of them.
#[derive(Clone, Copy, Default)]
struct Inside {
    count: u32,
    share: f64,
    harm: f64,
}

/// What of the study area's records a run kept.
#[derive(Default)]
struct Kept {
    weight: f64,
    /// The weight before a month was left out.
    of_weight: f64,
    share: f64,
}

/// A group of hot cells of a run.
struct Group {
    id: u32,
    cells: u32,
    inside: Inside,
    area_m2: f64,
    peak: f64,
    first: u32,
}

/// Everything that the runs share.
struct Again<'a> {
    kernel: Kernel,
    bandwidth_m: f64,
    spacing_m: f64,
    records: &'a [Record],
    months: u32,
    centres: &'a Centres,
    adjacent: &'a [Vec<u32>],
    areas_m2: Vec<f64>,
    offsets: &'a [(f64, f64)],
    params: &'a Params,
    threshold: &'a Threshold,
    cut: &'a hotspots::Params,
    study_area_m2: Option<f64>,
    top: usize,
}

impl Again<'_> {
    fn run(&self, run: u64, hotspots: &[Vec<u32>], scratch: &mut Scratch, stays: &mut [u32]) {
        let mut random = Random::of_replicate(self.params.seed, run);
        let spread = self.params.bandwidth_spread;
        let bandwidth_m = self.bandwidth_m * (1.0 + spread * (2.0 * random.unit() - 1.0));
        let shift = match self.params.shift_cells {
            true => Planar {
                x: self.spacing_m * (random.unit() - 0.5),
                y: self.spacing_m * (random.unit() - 0.5),
            },
            false => Planar { x: 0.0, y: 0.0 },
        };
        let left_out = match self.params.leave_out_months && self.months > 1 {
            true => random.below(self.months),
            false => u32::MAX - 1,
        };
        let kept = self.scatter(&mut random, bandwidth_m, shift, left_out, scratch);
        if kept.weight <= 0.0 {
            return;
        }
        let Some(least) = self.least(&kept, scratch) else {
            return;
        };
        let groups = self.groups(least, scratch);
        for (stays, cells) in stays.iter_mut().zip(hotspots) {
            scratch.overlap.clear();
            scratch.overlap.resize(groups.len(), 0);
            for &cell in cells {
                let id = scratch.group[cell as usize];
                if let Some(g) = groups.iter().position(|g| g.id == id) {
                    scratch.overlap[g] += 1;
                }
            }
            let kept = groups
                .iter()
                .zip(&scratch.overlap)
                .any(|(g, &shared)| shared > 0 && 2 * shared >= g.cells.min(cells.len() as u32));
            *stays += u32::from(kept);
        }
    }

    /// Densities and counts of a run, and how much of the records counted.
    fn scatter(
        &self,
        random: &mut Random,
        bandwidth_m: f64,
        shift: Planar,
        left_out: u32,
        scratch: &mut Scratch,
    ) -> Kept {
        let cells = self.centres.x.len();
        scratch.density.clear();
        scratch.density.resize(cells, 0.0);
        scratch.inside.clear();
        scratch.inside.resize(cells, Inside::default());
        let reach = bandwidth_m * self.kernel.support();
        let inverse = 1.0 / (reach * reach);
        // A record lies in the cell of the nearest centre, no farther than a corner.
        let corner = 0.75 * self.spacing_m;
        let (xs, ys) = (&self.centres.x[..], &self.centres.y[..]);
        let mut kept = Kept::default();
        let mut bits = 0_u64;
        let mut left = 0;
        with_kernel!(self.kernel, |k| {
            for record in self.records {
                // Drawn for every record, so that a month left out changes nothing else.
                if left == 0 {
                    (bits, left) = (random.next_u64(), 5);
                }
                let offset = self.offsets[(bits & 0xfff) as usize];
                (bits, left) = (bits >> 12, left - 1);
                let inside = f64::from(u8::from(record.inside));
                kept.of_weight += inside * record.weight;
                if record.month == left_out {
                    continue;
                }
                kept.weight += inside * record.weight;
                kept.share += inside * record.share;
                let at = Planar {
                    x: record.at.x + record.error_m * offset.0 + shift.x,
                    y: record.at.y + record.error_m * offset.1 + shift.y,
                };
                self.centres.slices(at, reach, |slice| {
                    let density = &mut scratch.density[slice.clone()];
                    let near = xs[slice.clone()].iter().zip(&ys[slice]);
                    for (d, (x, y)) in density.iter_mut().zip(near) {
                        let (dx, dy) = (x - at.x, y - at.y);
                        let u2 = (dx * dx + dy * dy) * inverse;
                        let value = record.weight * k(u2);
                        *d += if u2 < 1.0 { value } else { 0.0 };
                    }
                });
                if record.inside {
                    let nearest = self.centres.nearest(at, corner);
                    if let Some(cell) = scratch.inside.get_mut(nearest) {
                        cell.count += 1;
                        cell.share += record.share;
                        cell.harm += record.harm;
                    }
                }
            }
        });
        let scale = self.kernel.constant() / (bandwidth_m * bandwidth_m);
        for d in &mut scratch.density {
            *d *= scale;
        }
        kept
    }

    /// The least density of a hot cell of the run.
    fn least(&self, kept: &Kept, scratch: &mut Scratch) -> Option<f64> {
        let area = self.study_area_m2.unwrap_or(f64::INFINITY);
        let (target, by_count) = match *self.threshold {
            Threshold::TimesMean(times) => return Some(times * kept.weight / area),
            // A stated density is of the whole period.
            Threshold::MinDensity(per_km2) => {
                return Some(per_km2 / 1e6 * (kept.weight / kept.of_weight));
            }
            Threshold::ShareOfIncidents(share) => (share * kept.share - 1e-9, true),
            Threshold::ShareOfArea(share) => (share * area, false),
        };
        scratch.order.clear();
        let density = &scratch.density;
        let dense = (0..density.len() as u32).filter(|&c| density[c as usize] > 0.0);
        scratch.order.extend(dense);
        let worth = |c: u32| match by_count {
            true => scratch.inside[c as usize].share,
            false => self.areas_m2[c as usize],
        };
        let at = heaviest(
            &mut scratch.order,
            &scratch.density,
            worth,
            target,
            by_count,
        )?;
        Some(scratch.density[at as usize])
    }

    /// The first k groups of hot cells. Afterwards `scratch.group` holds each cell's group.
    fn groups(&self, least: f64, scratch: &mut Scratch) -> Vec<Group> {
        let Scratch {
            density,
            inside,
            group,
            open,
            ..
        } = scratch;
        const NONE: u32 = u32::MAX;
        const HOT: u32 = u32::MAX - 1;
        group.clear();
        group.extend(
            density
                .iter()
                .map(|&d| if d >= least && d > 0.0 { HOT } else { NONE }),
        );
        let mut groups: Vec<Group> = Vec::new();
        for start in 0..group.len() {
            if group[start] != HOT {
                continue;
            }
            let id = groups.len() as u32;
            let mut found = Group {
                id,
                cells: 0,
                inside: Inside::default(),
                area_m2: 0.0,
                peak: 0.0,
                first: start as u32,
            };
            group[start] = id;
            open.push(start as u32);
            while let Some(c) = open.pop() {
                let c = c as usize;
                found.cells += 1;
                found.inside.count += inside[c].count;
                found.inside.share += inside[c].share;
                found.inside.harm += inside[c].harm;
                found.area_m2 += self.areas_m2[c];
                found.peak = found.peak.max(density[c]);
                for &n in &self.adjacent[c] {
                    if group[n as usize] == HOT {
                        group[n as usize] = id;
                        open.push(n);
                    }
                }
            }
            groups.push(found);
        }
        groups.retain(|g| g.inside.count >= self.cut.min_count.max(1));
        let by = |g: &Group| match self.cut.rank_by {
            RankBy::Count => f64::from(g.inside.count),
            RankBy::Density => g.inside.share / g.area_m2,
            RankBy::Harm => g.inside.harm,
            RankBy::PeakDensity => g.peak,
        };
        groups.sort_unstable_by(|a, b| {
            by(b)
                .total_cmp(&by(a))
                .then(b.peak.total_cmp(&a.peak))
                .then(a.first.cmp(&b.first))
        });
        groups.truncate(self.top);
        groups
    }
}

/// The last of the densest cells that together are worth a target: by halving, not by sorting.
///
/// With `by_count` the first cell at which the sum reaches the target, else the last that does not
/// exceed it (but at least one).
fn heaviest(
    cells: &mut [u32],
    density: &[f64],
    worth: impl Fn(u32) -> f64,
    target: f64,
    by_count: bool,
) -> Option<u32> {
    let order = |a: &u32, b: &u32| {
        density[*b as usize]
            .total_cmp(&density[*a as usize])
            .then(a.cmp(b))
    };
    let (mut from, mut to, mut sum) = (0, cells.len(), 0.0);
    while to - from > 32 {
        let middle = usize::midpoint(from, to);
        cells[from..to].select_nth_unstable_by(middle - from, order);
        let upper: f64 = cells[from..middle].iter().map(|&c| worth(c)).sum();
        if sum + upper >= target {
            to = middle;
        } else {
            sum += upper;
            from = middle;
        }
    }
    cells[from..to].sort_unstable_by(order);
    let mut last = cells[..from].iter().copied().max_by(order);
    for &c in &cells[from..to] {
        if by_count && sum >= target {
            break;
        }
        sum += worth(c);
        if !by_count && sum > target && last.is_some() {
            break;
        }
        last = Some(c);
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn halving_finds_what_sorting_finds(
            cells in prop::collection::vec((0_u8..40, 0_u8..6), 1..200), share in 0.0_f64..1.1, by_count: bool,
        ) {
            let density: Vec<f64> = cells.iter().map(|c| f64::from(c.0)).collect();
            let worth = |c: u32| f64::from(cells[c as usize].1);
            let target = share * cells.iter().map(|c| f64::from(c.1)).sum::<f64>();
            let mut order: Vec<u32> = (0..cells.len() as u32).collect();
            let found = heaviest(&mut order, &density, worth, target, by_count);
            let mut sorted: Vec<u32> = (0..cells.len() as u32).collect();
            sorted.sort_by(|&a, &b| density[b as usize].total_cmp(&density[a as usize]).then(a.cmp(&b)));
            let (mut sum, mut last) = (0.0, None);
            for c in sorted {
                if by_count && sum >= target { break; }
                sum += worth(c);
                if !by_count && sum > target && last.is_some() { break; }
                last = Some(c);
            }
            prop_assert_eq!(found, last);
        }
    }

    #[test]
    fn half_of_the_offsets_lie_within_the_median() {
        let offsets = offsets();
        let near = offsets.iter().filter(|o| o.0.hypot(o.1) < 1.0).count();
        assert_eq!((near, offsets.len()), (2048, 4096));
        // A circular normal distribution of that median: variance 1 / (2 ln 2) along each axis.
        let n = offsets.len() as f64;
        let variance = offsets.iter().map(|o| o.0 * o.0).sum::<f64>() / n;
        assert!(
            (variance * 2.0 * 2.0_f64.ln() - 1.0).abs() < 0.02,
            "{variance}"
        );
        let mean = offsets.iter().map(|o| o.0 + o.1).sum::<f64>() / n;
        assert!(mean.abs() < 1e-12, "{mean}");
    }
}
