//! Evaluating a density on the cells of a lattice: exact sums over collapsed locations.

use multiversion::multiversion;
use rayon::prelude::*;

use crate::collapse;
use crate::index::PointGrid;
use crate::kernel::Kernel;
use crate::lattice::Lattice;
use crate::lattice::square::Squares;
use crate::plane::Planar;
use crate::watch;

/// Cells that one task of the gather works on.
const CHUNK: usize = 1024;

/// Rows of squares that one task of the scatter works on.
const BAND: usize = 32;

/// Squares of a row that are summed together.
const LANES: usize = 8;

/// Runs a body with `k`, the kernel as a function of d²/reach², made for each kernel apart so that
/// the inner loops hold no branch on it.
macro_rules! with_kernel {
    ($kernel:expr, |$k:ident| $body:expr) => {
        match $kernel {
            Kernel::Uniform => {
                let $k = |u2: f64| Kernel::Uniform.at(u2);
                $body
            }
            Kernel::Triangular => {
                let $k = |u2: f64| Kernel::Triangular.at(u2);
                $body
            }
            Kernel::Epanechnikov => {
                let $k = |u2: f64| Kernel::Epanechnikov.at(u2);
                $body
            }
            Kernel::Quartic => {
                let $k = |u2: f64| Kernel::Quartic.at(u2);
                $body
            }
            Kernel::Triweight => {
                let $k = |u2: f64| Kernel::Triweight.at(u2);
                $body
            }
            Kernel::Tricube => {
                let $k = |u2: f64| Kernel::Tricube.at(u2);
                $body
            }
            Kernel::Cosine => {
                let $k = |u2: f64| Kernel::Cosine.at(u2);
                $body
            }
            Kernel::Gaussian => {
                let cut = crate::kernel::GAUSSIAN_CUT * crate::kernel::GAUSSIAN_CUT;
                let $k = |u2: f64| Kernel::Gaussian.at(u2 * cut);
                $body
            }
        }
    };
}

pub(crate) use with_kernel;

/// Density at each cell's centre, per m²: Σ weight·c/h²·k(d/h) over all points.
///
/// H3 cells gather: each sums the points around it. Squares scatter: each point adds to whole runs
/// of a row. Either way a cell's sum has one order, that of the points, so that neither threads nor
/// chunks can change a bit of it. Nor can the processor: the inner loops are compiled for several
/// sets of vector instructions, but every step of them is one rounded operation on each number.
#[must_use]
pub fn density(
    lattice: &Lattice,
    kernel: Kernel,
    bandwidth_m: f64,
    points: &[(Planar, f64, u32)],
) -> Vec<f64> {
    let scale = kernel.constant() / (bandwidth_m * bandwidth_m);
    let reach = bandwidth_m * kernel.support();
    match lattice.squares() {
        Some(squares) => {
            let ordered = collapse::from_south(points);
            with_kernel!(kernel, |k| scatter(squares, reach, scale, &ordered, k))
        }
        None => {
            let grid = PointGrid::new(points, reach);
            let mut out = vec![0.0; lattice.len()];
            out.par_chunks_mut(CHUNK)
                .zip(lattice.centres().par_chunks(CHUNK))
                .for_each(|(out, centres)| {
                    watch::pass();
                    with_kernel!(kernel, |k| gather(&grid, centres, reach, scale, out, k));
                });
            out
        }
    }
}

/// Sums at the centres of cells.
#[multiversion(targets(
    "x86_64+avx+avx2+avx512f+avx512bw+avx512cd+avx512dq+avx512vl",
    "x86_64+avx+avx2"
))]
fn gather<K: Fn(f64) -> f64>(
    grid: &PointGrid,
    centres: &[Planar],
    reach: f64,
    scale: f64,
    out: &mut [f64],
    k: K,
) {
    for (value, &at) in out.iter_mut().zip(centres) {
        *value = grid.sum(at, reach, &k) * scale;
    }
}

/// Numbers of neighbouring squares, on a line of the cache of their own.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct Block([f64; LANES]);

const ZERO: Block = Block([0.0; LANES]);

/// What a task of the scatter works with, kept from band to band.
#[derive(Debug, Default)]
struct Scratch {
    /// Sums of a band, rows padded to whole blocks.
    sums: Vec<Block>,
    /// (dx/reach)² of the columns around a point.
    dx2: Vec<Block>,
    /// (dy/reach)² of the rows around a point.
    dy2: Vec<f64>,
    /// First block within reach, in these rows.
    first: Vec<i32>,
    /// First block beyond it.
    end: Vec<i32>,
}

/// Centres of columns or rows, and how to get from a coordinate to a number of them.
struct Axis {
    centres: Vec<f64>,
    side: f64,
}

impl Axis {
    fn new(first: i64, n: usize, side: f64) -> Self {
        let centre = |i: usize| ((first + i as i64) as f64 + 0.5) * side;
        Self {
            centres: (0..n).map(centre).collect(),
            side,
        }
    }

    /// Where a coordinate lies, in cells from the first centre.
    fn at(&self, v: f64) -> f64 {
        (v - self.centres[0]) / self.side
    }

    /// The cells that a stretch around a coordinate touches, and at most one more on either side.
    fn around(&self, v: f64, reach: f64) -> std::ops::Range<usize> {
        let (at, half) = (self.at(v), reach / self.side);
        let first = (at - half).floor().max(0.0) as usize;
        let end = ((at + half).floor() + 2.0).max(0.0) as usize;
        let end = end.min(self.centres.len());
        first.min(end)..end
    }
}

/// Densities of the members of a rectangle of squares. The points come sorted from south to north.
fn scatter(
    squares: &Squares,
    reach: f64,
    scale: f64,
    points: &[(Planar, f64, u32)],
    k: impl Fn(f64) -> f64 + Copy + Sync,
) -> Vec<f64> {
    let (columns, rows) = squares.size;
    let mut out = vec![0.0_f64; squares.members.len()];
    if out.is_empty() {
        return out;
    }
    let xs = Axis::new(squares.first.0, columns, squares.side);
    let ys = Axis::new(squares.first.1, rows, squares.side);
    // Each band with its members and where their densities go.
    let mut bands = Vec::with_capacity(rows.div_ceil(BAND));
    let (mut members, mut rest) = (squares.members.as_slice(), out.as_mut_slice());
    for row in (0..rows).step_by(BAND) {
        let end = (row + BAND).min(rows);
        let n = members.partition_point(|&m| (m as usize) < end * columns);
        let (own, others) = members.split_at(n);
        let (target, beyond) = rest.split_at_mut(n);
        (members, rest) = (others, beyond);
        if n > 0 {
            bands.push((row..end, own, target));
        }
    }
    let stride = columns.div_ceil(LANES);
    bands
        .into_par_iter()
        .for_each_init(Scratch::default, |scratch, (band, members, out)| {
            watch::pass();
            let from = points.partition_point(|p| p.0.y < ys.centres[band.start] - reach);
            let to = points.partition_point(|p| p.0.y <= ys.centres[band.end - 1] + reach);
            scratch.sums.clear();
            scratch.sums.resize(band.len() * stride, ZERO);
            let band_ys = Axis {
                centres: ys.centres[band.clone()].to_vec(),
                side: ys.side,
            };
            spread(&points[from..to], &xs, &band_ys, reach, scratch, k);
            let sums = scratch.sums.as_slice();
            if members.len() == band.len() * columns {
                for (out, sums) in out.chunks_exact_mut(columns).zip(sums.chunks_exact(stride)) {
                    for (out, block) in out.chunks_mut(LANES).zip(sums) {
                        for (out, sum) in out.iter_mut().zip(block.0) {
                            *out = sum * scale;
                        }
                    }
                }
            } else {
                for (out, &m) in out.iter_mut().zip(members) {
                    let (row, column) = (m as usize / columns, m as usize % columns);
                    let block = (row - band.start) * stride + column / LANES;
                    *out = sums[block].0[column % LANES] * scale;
                }
            }
        });
    out
}

/// Adds the points to the sums of a band.
#[multiversion(targets(
    "x86_64+avx+avx2+avx512f+avx512bw+avx512cd+avx512dq+avx512vl",
    "x86_64+avx+avx2"
))]
fn spread<K: Fn(f64) -> f64 + Copy>(
    points: &[(Planar, f64, u32)],
    xs: &Axis,
    ys: &Axis,
    reach: f64,
    scratch: &mut Scratch,
    k: K,
) {
    let stride = xs.centres.len().div_ceil(LANES);
    let inverse = 1.0 / reach;
    let per_block = 1.0 / LANES as f64;
    let cells = reach / xs.side;
    for &(p, weight, _) in points {
        let rows = ys.around(p.y, reach);
        let columns = xs.around(p.x, reach);
        if rows.is_empty() || columns.is_empty() {
            continue;
        }
        let block0 = columns.start / LANES;
        let blocks = columns.end.div_ceil(LANES) - block0;
        // Columns, up to the end of the last block; those beyond the last column are infinitely far.
        scratch.dx2.resize(blocks, ZERO);
        let near = &xs.centres[block0 * LANES..];
        for (b, dx2) in scratch.dx2.iter_mut().enumerate() {
            if let Some(xs) = near[b * LANES..].first_chunk::<LANES>() {
                for (dx2, x) in dx2.0.iter_mut().zip(xs) {
                    let dx = (x - p.x) * inverse;
                    *dx2 = dx * dx;
                }
            } else {
                dx2.0 = [f64::INFINITY; LANES];
                for (dx2, x) in dx2.0.iter_mut().zip(&near[b * LANES..]) {
                    let dx = (x - p.x) * inverse;
                    *dx2 = dx * dx;
                }
            }
        }
        // Rows: how far the disc reaches in each. A hair is to spare: the test below decides.
        let at = xs.at(p.x) - (block0 * LANES) as f64;
        let ys = &ys.centres[rows.clone()];
        scratch.dy2.resize(ys.len(), 0.0);
        scratch.first.resize(ys.len(), 0);
        scratch.end.resize(ys.len(), 0);
        let each = ys.iter().zip(&mut scratch.dy2);
        for ((y, dy2), (first, end)) in each.zip(scratch.first.iter_mut().zip(&mut scratch.end)) {
            let dy = (y - p.y) * inverse;
            *dy2 = dy * dy;
            let half = (1.0 - *dy2).max(0.0).sqrt() * cells + 1e-6;
            *first = ((at - half).max(0.0) * per_block) as i32;
            *end = ((at + half).max(0.0) * per_block) as i32 + 1;
        }
        let sums = scratch.sums[rows.start * stride..].chunks_exact_mut(stride);
        let ranges = scratch.first.iter().zip(&scratch.end);
        for ((sums, &dy2), (&first, &end)) in sums.zip(&scratch.dy2).zip(ranges) {
            let (first, end) = (first as usize, (end as usize).min(blocks));
            let Some(dx2) = scratch.dx2.get(first..end) else {
                continue;
            };
            for (sums, dx2) in sums[block0 + first..].iter_mut().zip(dx2) {
                for (sum, dx2) in sums.0.iter_mut().zip(dx2.0) {
                    let u2 = dx2 + dy2;
                    let value = weight * k(u2);
                    *sum += if u2 < 1.0 { value } else { 0.0 };
                }
            }
        }
    }
}
