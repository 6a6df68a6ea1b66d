//! The clustering itself: exact DBSCAN over weighted points, in time linear in their number.
//!
//! Points are put into cells whose diagonal is the radius, so that all points of a cell are
//! neighbours of each other: a cell that weighs the least count is all core without a distance
//! taken, and all cores of a cell are in one cluster. Cells lie row by row in memory; those within
//! reach of a cell are one short run in each of a few rows, found by cursors that only move forward,
//! without a table of the ground. Cells with cores are joined by union and find where two of their
//! cores are in reach of each other.
//!
//! Nothing depends on the order of the points or the number of threads: what is core and what is
//! connected are facts of the set, ties are broken by position, and clusters are numbered by their
//! first core.

use std::ops::Range;

use rayon::prelude::*;

use super::cells::{Cells, distance_2};
use super::ground::{Ground, Plane, Sphere};
use crate::domain::LonLat;

/// The label of a point that is in no cluster.
pub const NOISE: u32 = u32::MAX;

/// What each point is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labels {
    /// The cluster of each point, from 0, or [`NOISE`]. Clusters are numbered in the order of their
    /// cores with the least x, then y.
    pub label: Vec<u32>,
    /// Whether each point is a core.
    pub core: Vec<bool>,
    /// Number of clusters.
    pub clusters: u32,
}

/// Why points cannot be clustered.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// A weight for each point.
    #[error("there are {points} points and {weights} weights; each point needs one weight")]
    Weights {
        /// Points.
        points: usize,
        /// Weights.
        weights: usize,
    },
    /// More points than an index holds.
    #[error("{0} points are more than 4294967294; cluster a part of them")]
    TooMany(usize),
    /// A position that is none.
    #[error("point {index} has the position {x}, {y}; positions must be finite")]
    NotFinite {
        /// Its index.
        index: usize,
        /// x.
        x: f64,
        /// y.
        y: f64,
    },
    /// A radius that is none.
    #[error("the radius must be a finite number above 0, not {0}")]
    Radius(f64),
    /// A least count of nothing.
    #[error("the least count must be at least 1, not 0: every point would be a core")]
    MinCount,
    /// A radius that is too small for the ground.
    #[error(
        "the radius {radius} is too small for points that reach over {extent}: two thousand million radii at most; choose a larger one"
    )]
    TooFine {
        /// The radius.
        radius: f64,
        /// Width or height of the ground.
        extent: f64,
    },
    /// Longitudes that reach halfway round.
    #[error(
        "the points reach over {0} degrees of longitude; less than 180 can be clustered in one go"
    )]
    TooWide(f64),
}

/// DBSCAN over points of a plane.
///
/// A point is a core where the weights of the points no farther than `radius`, itself among them,
/// come to `min_count` or more. Clusters are the connected components of cores no farther than
/// `radius` from each other. A point that is no core but has one in reach belongs to the cluster of
/// the nearest, of equally near ones that with the least x, then y. Every other point is noise.
///
/// Distances are compared as dx² + dy² ≤ radius²: exact where coordinates and radius are whole
/// numbers, such as millimetres. `n` points at one position are the same as one point of weight `n`.
///
/// ```
/// use isopleth_core::methods::dbscan::{NOISE, cluster};
///
/// let points = [[1.0, 2.0], [2.0, 2.0], [2.0, 3.0], [8.0, 7.0], [8.0, 8.0], [25.0, 80.0]];
/// let found = cluster(&points, &[1; 6], 3.0, 2)?;
/// assert_eq!(found.label, [0, 0, 0, 1, 1, NOISE]);
/// # Ok::<(), isopleth_core::methods::dbscan::ClusterError>(())
/// ```
///
/// # Errors
/// [`ClusterError`] for positions that are not finite, parameters out of range, and a radius so
/// small that the cells of the ground cannot be counted.
pub fn cluster(
    points: &[[f64; 2]],
    weights: &[u32],
    radius: f64,
    min_count: u32,
) -> Result<Labels, ClusterError> {
    check(points.len(), weights.len(), radius, min_count)?;
    let ground = Plane::new(points, radius)?;
    Ok(components(&ground, weights, min_count))
}

/// DBSCAN over positions of the globe, by great circles on a sphere of radius
/// [`EARTH_RADIUS_M`](super::EARTH_RADIUS_M). Otherwise as [`cluster`]; x is longitude and y latitude.
///
/// # Errors
/// As [`cluster`], and for positions that reach over 180 degrees of longitude or more.
pub fn cluster_great_circle(
    points: &[LonLat],
    weights: &[u32],
    radius_m: f64,
    min_count: u32,
) -> Result<Labels, ClusterError> {
    check(points.len(), weights.len(), radius_m, min_count)?;
    let ground = Sphere::new(points, radius_m)?;
    Ok(components(&ground, weights, min_count))
}

fn check(points: usize, weights: usize, radius: f64, min_count: u32) -> Result<(), ClusterError> {
    if points != weights {
        return Err(ClusterError::Weights { points, weights });
    }
    if points >= NOISE as usize {
        return Err(ClusterError::TooMany(points));
    }
    if !(radius > 0.0 && radius.is_finite()) {
        return Err(ClusterError::Radius(radius));
    }
    if min_count == 0 {
        return Err(ClusterError::MinCount);
    }
    Ok(())
}

fn components<const D: usize>(ground: &impl Ground<D>, weights: &[u32], min_count: u32) -> Labels {
    let (cells, members) = Cells::new(ground, weights);
    let strips = cells.strips();
    let core = cores(&cells, &strips, u64::from(min_count), ground.limit_2());
    let cores = Cores::new(&cells, &core);
    let parent = connect(&cells, &cores, &strips, ground.limit_2());
    let (number, clusters) = number(ground, &cells, &cores, &parent);
    let label = labels(ground, &cells, &cores, &core, &number, &strips);
    let mut found = Labels {
        label: vec![NOISE; weights.len()],
        core: vec![false; weights.len()],
        clusters,
    };
    for (point, place) in members {
        found.label[point as usize] = label[place as usize];
        found.core[point as usize] = core[place as usize];
    }
    found
}

/// Which places are cores.
fn cores<const D: usize>(
    cells: &Cells<D>,
    strips: &[Range<usize>],
    min_count: u64,
    limit_2: f64,
) -> Vec<bool> {
    let parts: Vec<Vec<bool>> = strips
        .par_iter()
        .map(|strip| {
            let mut core = vec![false; cells.places_of(strip).len()];
            let offset = cells.places_of(strip).start;
            cells.sweep(strip.clone(), |cell, near| {
                let here = cells.places(cell..cell + 1);
                if cells.mass(cell..cell + 1) >= min_count {
                    core[here.start - offset..here.end - offset].fill(true);
                    return;
                }
                if near.iter().map(|n| cells.mass(n.clone())).sum::<u64>() < min_count {
                    return;
                }
                for i in here {
                    let at = cells.at(i);
                    let mut sum = 0;
                    for n in near {
                        sum += cells.mass_within(at, n.clone(), limit_2);
                        if sum >= min_count {
                            core[i - offset] = true;
                            break;
                        }
                    }
                }
            });
            core
        })
        .collect();
    parts.concat()
}

/// The cores by cell, side by side.
struct Cores<const D: usize> {
    starts: Vec<u32>,
    at: [Vec<f64>; D],
    place: Vec<u32>,
}

impl<const D: usize> Cores<D> {
    fn new(cells: &Cells<D>, core: &[bool]) -> Self {
        let total = core.iter().filter(|c| **c).count();
        let mut cores = Self {
            starts: Vec::with_capacity(cells.len() + 1),
            at: std::array::from_fn(|_| Vec::with_capacity(total)),
            place: Vec::with_capacity(total),
        };
        cores.starts.push(0);
        for cell in 0..cells.len() {
            for i in cells.places(cell..cell + 1).filter(|&i| core[i]) {
                for (axis, v) in cores.at.iter_mut().zip(cells.at(i)) {
                    axis.push(v);
                }
                cores.place.push(i as u32);
            }
            cores.starts.push(cores.place.len() as u32);
        }
        cores
    }

    fn of(&self, cells: Range<usize>) -> Range<usize> {
        self.starts[cells.start] as usize..self.starts[cells.end] as usize
    }

    fn position(&self, core: usize) -> [f64; D] {
        std::array::from_fn(|d| self.at[d][core])
    }

    /// Whether any core of one cell is in reach of any of another.
    fn touch(&self, a: usize, b: usize, limit_2: f64) -> bool {
        let b = self.of(b..b + 1);
        self.of(a..a + 1).any(|i| {
            let at = self.position(i);
            b.clone()
                .any(|j| distance_2(at, self.position(j)) <= limit_2)
        })
    }
}

/// Joins cells with cores in reach of each other: the parent of each cell, every root its own.
///
/// Strips of rows are joined each on its own, then to each other.
fn connect<const D: usize>(
    cells: &Cells<D>,
    cores: &Cores<D>,
    strips: &[Range<usize>],
    limit_2: f64,
) -> Vec<u32> {
    let mut parent: Vec<u32> = (0..cells.len() as u32).collect();
    let mut parts = Vec::with_capacity(strips.len());
    let mut rest = &mut parent[..];
    for strip in strips {
        let (part, after) = rest.split_at_mut(cells.cells_of(strip).len());
        parts.push(part);
        rest = after;
    }
    parts.into_par_iter().zip(strips).for_each(|(part, strip)| {
        let Range { start, end } = cells.cells_of(strip);
        for v in part.iter_mut() {
            *v -= start as u32;
        }
        cells.sweep(strip.clone(), |a, near| {
            join(part, start, a, near, start..end, cores, limit_2);
        });
        for v in part.iter_mut() {
            *v += start as u32;
        }
    });
    for strip in strips {
        let end = cells.cells_of(strip).end;
        cells.sweep(cells.last_rows(strip), |a, near| {
            join(&mut parent, 0, a, near, end..cells.len(), cores, limit_2);
        });
    }
    parent
}

/// Joins a cell to those after it that lie in a range and in reach.
fn join<const D: usize>(
    parent: &mut [u32],
    offset: usize,
    a: usize,
    near: &[Range<usize>],
    among: Range<usize>,
    cores: &Cores<D>,
    limit_2: f64,
) {
    if cores.of(a..a + 1).is_empty() {
        return;
    }
    for n in near {
        for b in n.start.max(a + 1).max(among.start)..n.end.min(among.end) {
            if cores.of(b..b + 1).is_empty() {
                continue;
            }
            let (x, y) = (root(parent, a - offset), root(parent, b - offset));
            if x != y && cores.touch(a, b, limit_2) {
                parent[x.max(y)] = x.min(y) as u32;
            }
        }
    }
}

/// The root of a cell; halves the way on the way.
fn root(parent: &mut [u32], mut at: usize) -> usize {
    while parent[at] as usize != at {
        parent[at] = parent[parent[at] as usize];
        at = parent[at] as usize;
    }
    at
}

/// The number of each cell's cluster ([`NOISE`] where it has no core), and how many there are.
fn number<const D: usize>(
    ground: &impl Ground<D>,
    cells: &Cells<D>,
    cores: &Cores<D>,
    parent: &[u32],
) -> (Vec<u32>, u32) {
    let mut parent = parent.to_vec();
    let mut number = vec![NOISE; cells.len()];
    let mut firsts: Vec<([f64; 2], usize)> = Vec::new();
    for cell in 0..cells.len() {
        let of = cores.of(cell..cell + 1);
        if of.is_empty() {
            continue;
        }
        let root = root(&mut parent, cell);
        if number[root] == NOISE {
            number[root] = firsts.len() as u32;
            firsts.push(([f64::INFINITY; 2], firsts.len()));
        }
        number[cell] = number[root];
        let first = &mut firsts[number[root] as usize].0;
        for core in of {
            let key = ground.key(cells.first(cores.place[core] as usize));
            if key < *first {
                *first = key;
            }
        }
    }
    firsts.sort_unstable_by(|a, b| a.0[0].total_cmp(&b.0[0]).then(a.0[1].total_cmp(&b.0[1])));
    let mut rank = vec![0; firsts.len()];
    for (r, (_, met)) in firsts.iter().enumerate() {
        rank[*met] = r as u32;
    }
    for n in number.iter_mut().filter(|n| **n != NOISE) {
        *n = rank[*n as usize];
    }
    (number, firsts.len() as u32)
}

/// The cluster of each place: its cell's if it is a core, else that of the nearest core in reach.
fn labels<const D: usize>(
    ground: &impl Ground<D>,
    cells: &Cells<D>,
    cores: &Cores<D>,
    core: &[bool],
    number: &[u32],
    strips: &[Range<usize>],
) -> Vec<u32> {
    let parts: Vec<Vec<u32>> = strips
        .par_iter()
        .map(|strip| {
            let mut label = Vec::with_capacity(cells.places_of(strip).len());
            cells.sweep(strip.clone(), |cell, near| {
                for i in cells.places(cell..cell + 1) {
                    label.push(if core[i] {
                        number[cell]
                    } else {
                        nearest(ground, cells, cores, cells.at(i), near)
                            .map_or(NOISE, |cell| number[cell])
                    });
                }
            });
            label
        })
        .collect();
    parts.concat()
}

/// The cell of the nearest core in reach; of equally near ones that of the first by x, then y.
fn nearest<const D: usize>(
    ground: &impl Ground<D>,
    cells: &Cells<D>,
    cores: &Cores<D>,
    at: [f64; D],
    near: &[Range<usize>],
) -> Option<usize> {
    let key = |core: usize| ground.key(cells.first(cores.place[core] as usize));
    let mut best: Option<(f64, usize, usize)> = None;
    for cell in near.iter().cloned().flatten() {
        for core in cores.of(cell..cell + 1) {
            let d = distance_2(at, cores.position(core));
            let nearer = match best {
                None => d <= ground.limit_2(),
                Some((least, other, _)) => d < least || d == least && key(core) < key(other),
            };
            if nearer {
                best = Some((d, core, cell));
            }
        }
    }
    best.map(|b| b.2)
}
