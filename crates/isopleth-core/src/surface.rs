//! Evaluating a density on the cells of a lattice: exact sums over collapsed locations.

use rayon::prelude::*;

use crate::index::PointGrid;
use crate::kernel::Kernel;
use crate::lattice::Lattice;
use crate::plane::Planar;

/// Cells that one task of the gather works on.
const CHUNK: usize = 1024;

/// Rows of squares that one task of the scatter works on.
const BAND: usize = 32;

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
/// chunks can change a bit of it.
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
            let mut ordered = points.to_vec();
            ordered.sort_by(|a, b| {
                a.0.y
                    .total_cmp(&b.0.y)
                    .then(a.0.x.total_cmp(&b.0.x))
                    .then(a.2.cmp(&b.2))
            });
            let dense = with_kernel!(kernel, |k| {
                scatter(
                    squares.size,
                    squares.side,
                    squares.first,
                    reach,
                    &ordered,
                    k,
                )
            });
            squares
                .members
                .iter()
                .map(|&m| dense[m as usize] * scale)
                .collect()
        }
        None => {
            let grid = PointGrid::new(points, reach);
            let mut out = vec![0.0; lattice.len()];
            out.par_chunks_mut(CHUNK)
                .enumerate()
                .for_each(|(chunk, out)| {
                    let centres = &lattice.centres()[chunk * CHUNK..][..out.len()];
                    with_kernel!(kernel, |k| {
                        for (value, &at) in out.iter_mut().zip(centres) {
                            *value = grid.sum(at, reach, k) * scale;
                        }
                    });
                });
            out
        }
    }
}

/// Sums over a rectangle of squares, row-major from the south-west. The points come sorted from
/// south to north.
fn scatter(
    size: (usize, usize),
    side: f64,
    first: (i64, i64),
    reach: f64,
    points: &[(Planar, f64, u32)],
    k: impl Fn(f64) -> f64 + Sync,
) -> Vec<f64> {
    let (columns, rows) = size;
    let mut dense = vec![0.0_f64; columns * rows];
    if columns == 0 {
        return dense;
    }
    let inverse = 1.0 / (reach * reach);
    let centre = |i: usize, first: i64| ((first + i as i64) as f64 + 0.5) * side;
    let west = centre(0, first.0);
    dense
        .par_chunks_mut(BAND * columns)
        .enumerate()
        .for_each(|(band, out)| {
            let row0 = band * BAND;
            let (south, north) = (
                centre(row0, first.1),
                centre(row0 + out.len() / columns - 1, first.1),
            );
            let from = points.partition_point(|p| p.0.y < south - reach);
            let to = points.partition_point(|p| p.0.y <= north + reach);
            for &(p, weight, _) in &points[from..to] {
                // One row to spare on either side: the test below decides.
                let r0 = ((p.y - reach - south) / side).floor().max(0.0) as usize;
                let r1 = (((p.y + reach - south) / side).ceil() + 1.0).max(0.0) as usize;
                let rows = out.chunks_exact_mut(columns).enumerate();
                for (r, row) in rows.take(r1).skip(r0) {
                    let dy = centre(row0 + r, first.1) - p.y;
                    let half_2 = reach * reach - dy * dy;
                    if half_2 <= 0.0 {
                        continue;
                    }
                    let half = half_2.sqrt();
                    // One cell to spare on either side: the test below decides.
                    let c0 = ((p.x - half - west) / side).floor().max(0.0) as usize;
                    let c1 = (((p.x + half - west) / side).ceil() + 1.0).clamp(0.0, columns as f64)
                        as usize;
                    let dy2 = dy * dy;
                    for (c, cell) in row.iter_mut().enumerate().take(c1).skip(c0) {
                        let dx = west + c as f64 * side - p.x;
                        let u2 = (dx * dx + dy2) * inverse;
                        let value = weight * k(u2);
                        *cell += if u2 < 1.0 { value } else { 0.0 };
                    }
                }
            }
        });
    dense
}
