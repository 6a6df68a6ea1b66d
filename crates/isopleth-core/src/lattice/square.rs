//! Square cells of the plane.

use std::collections::HashMap;

use geo::{Coord, LineString, Polygon};

use super::{LatticeError, MAX_CELLS};
use crate::ground::{Region, StudyArea};
use crate::plane::{self, Planar};

/// Some cells of a rectangle of squares.
#[derive(Debug, Clone)]
pub(crate) struct Squares {
    /// Side, metres.
    pub(crate) side: f64,
    /// Column and row of the rectangle's south-west cell, counted from the origin of the plane.
    pub(crate) first: (i64, i64),
    /// Columns and rows of the rectangle.
    pub(crate) size: (usize, usize),
    /// The cells that belong to the lattice, as row-major positions in the rectangle, ascending.
    pub(crate) members: Vec<u32>,
}

impl Squares {
    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    pub(super) fn retain(&mut self, keep: &[bool]) {
        let mut k = keep.iter();
        self.members.retain(|_| *k.next().unwrap_or(&false));
    }

    /// Column and row, counted from the origin of the plane.
    pub(super) fn index(&self, cell: usize) -> (i64, i64) {
        let m = self.members[cell] as usize;
        (
            self.first.0 + (m % self.size.0) as i64,
            self.first.1 + (m / self.size.0) as i64,
        )
    }

    pub(super) fn centre(&self, cell: usize) -> Planar {
        let (column, row) = self.index(cell);
        Planar {
            x: (column as f64 + 0.5) * self.side,
            y: (row as f64 + 0.5) * self.side,
        }
    }

    pub(super) fn locate(&self, at: Planar) -> Option<usize> {
        let column = (at.x / self.side).floor() as i64 - self.first.0;
        let row = (at.y / self.side).floor() as i64 - self.first.1;
        if column < 0 || row < 0 || column >= self.size.0 as i64 || row >= self.size.1 as i64 {
            return None;
        }
        let m = (row as usize * self.size.0 + column as usize) as u32;
        self.members.binary_search(&m).ok()
    }

    /// For each member the members that share an edge with it.
    pub(super) fn neighbours(&self, members: &[usize]) -> Vec<Vec<usize>> {
        let at: HashMap<(i64, i64), usize> = members.iter().map(|&c| (self.index(c), c)).collect();
        members
            .iter()
            .map(|&c| {
                let (column, row) = self.index(c);
                [(1, 0), (-1, 0), (0, 1), (0, -1)]
                    .into_iter()
                    .filter_map(|(dc, dr)| at.get(&(column + dc, row + dr)).copied())
                    .collect()
            })
            .collect()
    }

    /// The outline of cells that are connected by edges.
    ///
    /// Every edge with a cell on one side only is walked with the cell on the left. Where two cells
    /// meet at a corner, the walk turns right: it follows the empty ground outside, so that a hole
    /// that touches the outside at a corner stays a hole, as the simple features standard asks.
    /// Every corner of a cell is kept: a straight line of the plane is not one in degrees.
    pub(super) fn dissolve(&self, cells: &[usize]) -> Result<Polygon, LatticeError> {
        type Corner = (i64, i64);
        let set: HashMap<Corner, ()> = cells.iter().map(|&c| (self.index(c), ())).collect();
        let mut next: HashMap<Corner, Vec<Corner>> = HashMap::new();
        let mut starts: Vec<(Corner, Corner)> = Vec::new();
        let mut edge = |from: Corner, to: Corner| {
            next.entry(from).or_default().push(to);
            starts.push((from, to));
        };
        for &cell in cells {
            let (c, r) = self.index(cell);
            if !set.contains_key(&(c, r - 1)) {
                edge((c, r), (c + 1, r));
            }
            if !set.contains_key(&(c + 1, r)) {
                edge((c + 1, r), (c + 1, r + 1));
            }
            if !set.contains_key(&(c, r + 1)) {
                edge((c + 1, r + 1), (c, r + 1));
            }
            if !set.contains_key(&(c - 1, r)) {
                edge((c, r + 1), (c, r));
            }
        }
        starts.sort_unstable();
        let mut rings: Vec<Vec<Corner>> = Vec::new();
        let mut walked: HashMap<(Corner, Corner), ()> = HashMap::new();
        for (from, to) in starts {
            if walked.contains_key(&(from, to)) {
                continue;
            }
            let mut ring = vec![from];
            let (mut a, mut b) = (from, to);
            loop {
                walked.insert((a, b), ());
                let (dx, dy) = (b.0 - a.0, b.1 - a.1);
                let right = (b.0 + dy, b.1 - dx);
                let out = &next[&b];
                let chosen = if out.contains(&right) { right } else { out[0] };
                if walked.contains_key(&(b, chosen)) {
                    break;
                }
                ring.push(b);
                (a, b) = (b, chosen);
            }
            rings.push(ring);
        }
        self.to_polygon(&rings)
    }

    fn to_polygon(&self, rings: &[Vec<(i64, i64)>]) -> Result<Polygon, LatticeError> {
        // The exterior is the ring that runs anticlockwise.
        let twice_area = |ring: &[(i64, i64)]| -> i64 {
            (0..ring.len())
                .map(|i| {
                    let (a, b) = (ring[i], ring[(i + 1) % ring.len()]);
                    a.0 * b.1 - b.0 * a.1
                })
                .sum()
        };
        let line = |ring: &[(i64, i64)]| -> Result<LineString, LatticeError> {
            let mut out = Vec::with_capacity(ring.len() + 1);
            for &(c, r) in ring {
                let at = Planar {
                    x: c as f64 * self.side,
                    y: r as f64 * self.side,
                };
                let p = plane::unproject(at)?;
                out.push(Coord {
                    x: p.lon(),
                    y: p.lat(),
                });
            }
            out.extend(out.first().copied());
            Ok(LineString(out))
        };
        let mut exterior = None;
        let mut holes = Vec::new();
        for ring in rings {
            if twice_area(ring) > 0 {
                exterior = Some(line(ring)?);
            } else {
                holes.push(line(ring)?);
            }
        }
        exterior
            .map(|e| Polygon::new(e, holes))
            .ok_or_else(|| LatticeError::Untileable {
                reason: "connected cells have no exterior".into(),
            })
    }
}

/// A rectangle of squares over a box of the plane.
fn rectangle(lo: Planar, hi: Planar, side: f64) -> Result<Squares, LatticeError> {
    let first = ((lo.x / side).floor(), (lo.y / side).floor());
    let last = ((hi.x / side).floor(), (hi.y / side).floor());
    let (columns, rows) = (last.0 - first.0 + 1.0, last.1 - first.1 + 1.0);
    if columns * rows > MAX_CELLS as f64 {
        return Err(LatticeError::TooManyCells {
            cells: (columns * rows) as u64,
            limit: MAX_CELLS,
        });
    }
    Ok(Squares {
        side,
        first: (first.0 as i64, first.1 as i64),
        size: (columns as usize, rows as usize),
        members: Vec::new(),
    })
}

/// Every square that touches the study area.
pub(super) fn covering(area: &StudyArea, side: f64) -> Result<Squares, LatticeError> {
    let (lo, hi) = area.planar_bounds();
    let mut squares = rectangle(lo, hi, side)?;
    let (columns, rows) = squares.size;
    let mut marked = vec![false; columns * rows];
    // Squares that the boundary runs through, then squares whose centre lies inside.
    for [a, b] in area.boundary_lines() {
        let (low, high) = if a.y <= b.y { (a, b) } else { (b, a) };
        let slope = (high.x - low.x) / (high.y - low.y);
        let x_at = |y: f64| {
            if slope.is_finite() {
                low.x + slope * (y - low.y)
            } else {
                low.x
            }
        };
        let cell = |v: f64| (v / side).floor() as i64;
        for r in cell(low.y)..=cell(high.y) {
            // The part of the segment that lies in this row of squares.
            let (y0, y1) = (r as f64 * side, (r + 1) as f64 * side);
            let start = if low.y >= y0 { low.x } else { x_at(y0) };
            let end = if high.y <= y1 { high.x } else { x_at(y1) };
            for c in cell(start.min(end))..=cell(start.max(end)) {
                let (column, row) = (
                    (c - squares.first.0) as usize,
                    (r - squares.first.1) as usize,
                );
                if column < columns && row < rows {
                    marked[row * columns + column] = true;
                }
            }
        }
    }
    let regions: Vec<Region> = area.planar_regions();
    for row in 0..rows {
        for column in 0..columns {
            let m = row * columns + column;
            if !marked[m] {
                let centre = Coord {
                    x: ((squares.first.0 + column as i64) as f64 + 0.5) * side,
                    y: ((squares.first.1 + row as i64) as f64 + 0.5) * side,
                };
                marked[m] = regions.iter().any(|r| r.covers(centre));
            }
        }
    }
    squares.members = (0..marked.len())
        .filter(|&m| marked[m])
        .map(|m| m as u32)
        .collect();
    Ok(squares)
}

/// Every square of the points' bounding box, widened by the reach.
pub(super) fn around(
    points: &[(Planar, f64, u32)],
    reach_m: f64,
    side: f64,
) -> Result<Squares, LatticeError> {
    let fold = |f: fn(f64, f64) -> f64, of: fn(&Planar) -> f64, start: f64| {
        points.iter().map(|p| of(&p.0)).fold(start, f)
    };
    let lo = Planar {
        x: fold(f64::min, |p| p.x, f64::INFINITY) - reach_m,
        y: fold(f64::min, |p| p.y, f64::INFINITY) - reach_m,
    };
    let hi = Planar {
        x: fold(f64::max, |p| p.x, f64::NEG_INFINITY) + reach_m,
        y: fold(f64::max, |p| p.y, f64::NEG_INFINITY) + reach_m,
    };
    if points.is_empty() {
        return Ok(Squares {
            side,
            first: (0, 0),
            size: (0, 0),
            members: Vec::new(),
        });
    }
    let mut squares = rectangle(lo, hi, side)?;
    squares.members = (0..squares.size.0 * squares.size.1)
        .map(|m| m as u32)
        .collect();
    Ok(squares)
}
