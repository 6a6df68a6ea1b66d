//! The clustering itself: exact DBSCAN over weighted points, in time linear in their number.
//!
//! Points are put into cells whose diagonal is the radius, so that all points of a cell are
//! neighbours of each other: a cell that weighs the least count is all core without a distance
//! taken, and all cores of a cell are in one cluster. Cells lie row by row in memory; those within
//! reach of a cell are one short run in each of a few rows, found by cursors that only move forward,
//! without a table of the ground. Cells with cores are joined by union and find where two of their
//! cores are in reach of each other. With days, rows are divided into layers of as many days as may
//! all be neighbours of each other, and the rest is the same.
//!
//! Threads divide the work throughout: points are sorted by pieces of the ground, cores and border
//! points are found by strips of rows, and strips are joined each on its own; where two strips meet,
//! the pairs to be joined are found by all and joined by one.
//!
//! Nothing depends on the order of the points or the number of threads: what is core and what is
//! connected are facts of the set, ties are broken by position, and clusters are numbered by their
//! first core.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use rayon::prelude::*;

use super::cells::Cells;
use super::ground::{Ground, Plane, PlaneAndDays, Sphere};
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
    /// A day for each point.
    #[error("there are {points} points and {days} days; each point needs one day")]
    Days {
        /// Points.
        points: usize,
        /// Days.
        days: usize,
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

/// DBSCAN over points of a plane with days (ST-DBSCAN): neighbours are no farther than `radius` from
/// each other, and their days no more than `within_days` apart. A border point belongs to the cluster
/// of the nearest core, of equally near ones that with the fewest days between, then with the least
/// x, y and day. Otherwise as [`cluster`].
///
/// ```
/// use isopleth_core::methods::dbscan::{NOISE, cluster_with_days};
///
/// let found = cluster_with_days(&[[0.0, 0.0]; 5], &[1, 2, 3, 9, 10], &[1; 5], 50.0, 1, 2)?;
/// assert_eq!(found.label, [0, 0, 0, 1, 1]);
/// assert_eq!(cluster_with_days(&[[0.0, 0.0]; 2], &[1, 3], &[1; 2], 50.0, 1, 2)?.label, [NOISE; 2]);
/// # Ok::<(), isopleth_core::methods::dbscan::ClusterError>(())
/// ```
///
/// # Errors
/// As [`cluster`], and without a day for each point.
pub fn cluster_with_days(
    points: &[[f64; 2]],
    days: &[i32],
    weights: &[u32],
    radius: f64,
    within_days: u32,
    min_count: u32,
) -> Result<Labels, ClusterError> {
    check(points.len(), weights.len(), radius, min_count)?;
    if points.len() != days.len() {
        return Err(ClusterError::Days {
            points: points.len(),
            days: days.len(),
        });
    }
    let ground = PlaneAndDays::new(points, days, radius, within_days)?;
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
    let cores = Cores::new(ground, &cells, &strips, u64::from(min_count));
    let root = connect(ground, &cells, &cores, &strips);
    let (number, clusters) = number(ground, &cells, &cores, &root);
    let label = labels(ground, &cells, &cores, &root, &number, &strips);
    // Places lie as cells do, points in their own order: each is written once, by any thread.
    let of_point: Vec<AtomicU32> = (0..weights.len()).map(|_| AtomicU32::new(NOISE)).collect();
    let is_core: Vec<AtomicBool> = (0..weights.len()).map(|_| AtomicBool::new(false)).collect();
    members.par_iter().for_each(|piece| {
        for &(point, place) in &piece.points {
            let place = (piece.offset + place) as usize;
            of_point[point as usize].store(label[place], Ordering::Relaxed);
            is_core[point as usize].store(cores.core[place], Ordering::Relaxed);
        }
    });
    Labels {
        label: of_point.into_iter().map(AtomicU32::into_inner).collect(),
        core: is_core.into_iter().map(AtomicBool::into_inner).collect(),
        clusters,
    }
}

/// No core.
const NONE: u32 = u32::MAX;

/// Which places are cores.
struct Cores {
    core: Vec<bool>,
    /// The first core of each cell by its key, or [`NONE`].
    first: Vec<u32>,
}

impl Cores {
    fn new<const D: usize>(
        ground: &impl Ground<D>,
        cells: &Cells<D>,
        strips: &[Range<usize>],
        min_count: u64,
    ) -> Self {
        let parts: Vec<(Vec<bool>, Vec<u32>)> = strips
            .par_iter()
            .map(|strip| {
                let mut core = vec![false; cells.places_of(strip).len()];
                let mut first = Vec::with_capacity(cells.cells_of(strip).len());
                let offset = cells.places_of(strip).start;
                cells.sweep(strip.clone(), |cell, near| {
                    let here = cells.places(cell..cell + 1);
                    let mut any = false;
                    if cells.mass(cell..cell + 1) >= min_count {
                        core[here.start - offset..here.end - offset].fill(true);
                        any = true;
                    } else if near.iter().map(|n| cells.mass(n.clone())).sum::<u64>() >= min_count {
                        for i in here.clone() {
                            let at = cells.at(i);
                            let mut sum = 0;
                            for n in near {
                                sum += cells.mass_near(ground, at, n.clone());
                                if sum >= min_count {
                                    core[i - offset] = true;
                                    any = true;
                                    break;
                                }
                            }
                        }
                    }
                    first.push(if any {
                        let cores = here.filter(|i| core[i - offset]);
                        let least = cores.reduce(|a, b| {
                            if cells.key(ground, b) < cells.key(ground, a) {
                                b
                            } else {
                                a
                            }
                        });
                        least.map_or(NONE, |i| i as u32)
                    } else {
                        NONE
                    });
                });
                (core, first)
            })
            .collect();
        let (core, first): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
        Self {
            core: core.concat(),
            first: first.concat(),
        }
    }

    /// Whether a cell has any.
    #[inline]
    fn any(&self, cell: usize) -> bool {
        self.first[cell] != NONE
    }

    /// The cores of a cell.
    #[inline]
    fn of<const D: usize>(&self, cells: &Cells<D>, cell: usize) -> impl Iterator<Item = usize> {
        cells.places(cell..cell + 1).filter(|&i| self.core[i])
    }

    /// Whether any core of one cell is in reach of any of another.
    #[inline]
    fn touch<const D: usize>(
        &self,
        ground: &impl Ground<D>,
        cells: &Cells<D>,
        a: usize,
        b: usize,
    ) -> bool {
        self.of(cells, a).any(|i| {
            let at = cells.at(i);
            self.of(cells, b).any(|j| ground.near(at, cells.at(j)))
        })
    }
}

/// Joins cells with cores in reach of each other: the root of each cell, the first cell that it is
/// joined with.
///
/// Strips of rows are joined each on its own, then to each other.
fn connect<const D: usize>(
    ground: &impl Ground<D>,
    cells: &Cells<D>,
    cores: &Cores,
    strips: &[Range<usize>],
) -> Vec<u32> {
    let mut parent: Vec<u32> = vec![0; cells.len()];
    let mut parts = Vec::with_capacity(strips.len());
    let mut rest = &mut parent[..];
    for strip in strips {
        let (part, after) = rest.split_at_mut(cells.cells_of(strip).len());
        parts.push(part);
        rest = after;
    }
    parts.into_par_iter().zip(strips).for_each(|(part, strip)| {
        let Range { start, end } = cells.cells_of(strip);
        for (own, v) in part.iter_mut().enumerate() {
            *v = own as u32;
        }
        cells.sweep(strip.clone(), |a, near| {
            if !cores.any(a) {
                return;
            }
            let mut x = root(part, a - start);
            for b in after(a, near, end).filter(|&b| cores.any(b)) {
                let y = root(part, b - start);
                if x != y && cores.touch(ground, cells, a, b) {
                    part[x.max(y)] = x.min(y) as u32;
                    x = x.min(y);
                }
            }
        });
        flatten(part);
        for v in part.iter_mut() {
            *v += start as u32;
        }
    });
    let seams: Vec<Vec<(u32, u32)>> = strips
        .par_iter()
        .map(|strip| {
            let end = cells.cells_of(strip).end;
            let mut pairs = Vec::new();
            cells.sweep(cells.last_rows(strip), |a, near| {
                if !cores.any(a) {
                    return;
                }
                for b in after(a, near, cells.len()).filter(|&b| b >= end && cores.any(b)) {
                    let pair = (parent[a], parent[b]);
                    // Neighbours of neighbours often are of the same two.
                    if pairs.last() != Some(&pair) && cores.touch(ground, cells, a, b) {
                        pairs.push(pair);
                    }
                }
            });
            pairs
        })
        .collect();
    for (a, b) in seams.into_iter().flatten() {
        let (x, y) = (root(&mut parent, a as usize), root(&mut parent, b as usize));
        parent[x.max(y)] = x.min(y) as u32;
    }
    flatten(&mut parent);
    parent
}

/// The cells after one, before an end, in runs of cells.
fn after(cell: usize, near: &[Range<usize>], end: usize) -> impl Iterator<Item = usize> {
    near.iter()
        .flat_map(move |n| n.start.max(cell + 1)..n.end.min(end))
}

/// The root of a cell; halves the way on the way.
#[inline]
fn root(parent: &mut [u32], mut at: usize) -> usize {
    while parent[at] as usize != at {
        parent[at] = parent[parent[at] as usize];
        at = parent[at] as usize;
    }
    at
}

/// Makes every parent the root: parents come before their children.
fn flatten(parent: &mut [u32]) {
    for at in 0..parent.len() {
        parent[at] = parent[parent[at] as usize];
    }
}

/// The number of the cluster of each root ([`NOISE`] elsewhere), and how many there are.
fn number<const D: usize>(
    ground: &impl Ground<D>,
    cells: &Cells<D>,
    cores: &Cores,
    root: &[u32],
) -> (Vec<u32>, u32) {
    let mut number = vec![NOISE; cells.len()];
    let mut firsts: Vec<([f64; 3], usize)> = Vec::new();
    for (cell, &root) in root.iter().enumerate().filter(|c| cores.any(c.0)) {
        let key = cells.key(ground, cores.first[cell] as usize);
        let slot = &mut number[root as usize];
        if *slot == NOISE {
            *slot = firsts.len() as u32;
            firsts.push((key, root as usize));
        } else if key < firsts[*slot as usize].0 {
            firsts[*slot as usize].0 = key;
        }
    }
    firsts.sort_unstable_by(|(a, _), (b, _)| {
        (a[0].total_cmp(&b[0]))
            .then(a[1].total_cmp(&b[1]))
            .then(a[2].total_cmp(&b[2]))
    });
    for (rank, (_, root)) in firsts.iter().enumerate() {
        number[*root] = rank as u32;
    }
    (number, firsts.len() as u32)
}

/// The cluster of each place: its cell's if it is a core, else that of the nearest core in reach.
fn labels<const D: usize>(
    ground: &impl Ground<D>,
    cells: &Cells<D>,
    cores: &Cores,
    root: &[u32],
    number: &[u32],
    strips: &[Range<usize>],
) -> Vec<u32> {
    let of_cell = |cell: usize| number[root[cell] as usize];
    let parts: Vec<Vec<u32>> = strips
        .par_iter()
        .map(|strip| {
            let mut label = Vec::with_capacity(cells.places_of(strip).len());
            cells.sweep(strip.clone(), |cell, near| {
                for i in cells.places(cell..cell + 1) {
                    label.push(if cores.core[i] {
                        of_cell(cell)
                    } else {
                        nearest(ground, cells, cores, cells.at(i), near).map_or(NOISE, of_cell)
                    });
                }
            });
            label
        })
        .collect();
    parts.concat()
}

/// The cell of the nearest core in reach; of equally near ones that of the first by its key.
fn nearest<const D: usize>(
    ground: &impl Ground<D>,
    cells: &Cells<D>,
    cores: &Cores,
    at: [f64; D],
    near: &[Range<usize>],
) -> Option<usize> {
    let key = |core: usize| cells.key(ground, core);
    let mut best: Option<([f64; 2], usize, usize)> = None;
    for cell in near.iter().cloned().flatten().filter(|&c| cores.any(c)) {
        for core in cores.of(cells, cell) {
            let other = cells.at(core);
            if !ground.near(at, other) {
                continue;
            }
            let apart = ground.apart(at, other);
            let nearer = best.is_none_or(|(least, known, _)| {
                apart < least || apart == least && key(core) < key(known)
            });
            if nearer {
                best = Some((apart, core, cell));
            }
        }
    }
    best.map(|b| b.2)
}
