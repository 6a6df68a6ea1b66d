//! Cells that a surface is made of: H3 cells, or squares of the plane.

mod h3;
mod locate;
mod neighbours;
pub(crate) mod square;

use std::collections::HashMap;

use geo::{LineString, Polygon};
use h3o::{CellIndex, Resolution};

use crate::domain::LonLat;
use crate::ground::StudyArea;
use crate::plane::{OutsidePlane, Planar};

pub use locate::cells_at;
pub use neighbours::{Neighbours, TooManyPairs};

/// Most cells of a lattice.
pub const MAX_CELLS: u64 = 20_000_000;

/// What the cells are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Tiling {
    /// H3 cells of a resolution.
    H3(Resolution),
    /// Squares with this side in metres, on a grid through the origin of the plane.
    Square(f64),
}

impl Tiling {
    /// Distance between the centres of neighbouring cells, metres; for H3 that of a cell in the
    /// middle of England, since the tables' mean over the globe is off by a twentieth.
    #[must_use]
    pub fn spacing_m(self) -> f64 {
        match self {
            // The spacing of a regular lattice of hexagons of that area.
            Self::H3(resolution) => (h3::usual_area_m2(resolution) * 2.0 / 3.0_f64.sqrt()).sqrt(),
            Self::Square(side) => side,
        }
    }

    /// In words: `H3 cells of resolution 10`, `squares of 150 m`.
    #[must_use]
    pub fn words(self) -> String {
        match self {
            Self::H3(resolution) => format!("H3 cells of resolution {}", u8::from(resolution)),
            Self::Square(side) => format!("squares of {side} m"),
        }
    }
}

/// Why a lattice cannot be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LatticeError {
    /// Too many cells.
    #[error(
        "the surface would have {cells} cells, the limit is {limit}; choose larger cells or a smaller study area (a stray location far from the others widens the ground when no area is named)"
    )]
    TooManyCells {
        /// Cells needed, at least.
        cells: u64,
        /// The limit.
        limit: u64,
    },
    /// A cell lies off the plane.
    #[error(transparent)]
    Outside(#[from] OutsidePlane),
    /// The boundary of the study area cannot be tiled.
    #[error("the study area cannot be tiled with H3 cells: {reason}; check its boundary")]
    Untileable {
        /// What the tiler says.
        reason: String,
    },
}

/// The cells of a surface, with their centres in the plane.
#[derive(Debug, Clone)]
pub struct Lattice {
    /// What the cells are.
    pub tiling: Tiling,
    cells: Cells,
    centres: Vec<Planar>,
}

#[derive(Debug, Clone)]
enum Cells {
    /// Sorted by index.
    H3(Vec<CellIndex>),
    Square(square::Squares),
}

impl Lattice {
    /// Every cell that touches the study area.
    ///
    /// # Errors
    /// [`LatticeError`] for more than [`MAX_CELLS`] cells or ground off the plane.
    pub fn of_area(tiling: Tiling, area: &StudyArea) -> Result<Self, LatticeError> {
        match tiling {
            Tiling::H3(resolution) => Ok(Self::of_h3(resolution, h3::covering(area, resolution)?)),
            Tiling::Square(side) => Ok(Self::of_squares(side, square::covering(area, side)?)),
        }
    }

    /// Every cell whose centre is within a distance of one of the points (position, weight, id),
    /// metres, and some beyond.
    ///
    /// # Errors
    /// As [`of_area`](Self::of_area).
    pub fn around(
        tiling: Tiling,
        points: &[(Planar, f64, u32)],
        reach_m: f64,
    ) -> Result<Self, LatticeError> {
        match tiling {
            Tiling::H3(resolution) => Ok(Self::of_h3(
                resolution,
                h3::around(points, reach_m, resolution)?,
            )),
            Tiling::Square(side) => Ok(Self::of_squares(
                side,
                square::around(points, reach_m, side)?,
            )),
        }
    }

    fn of_h3(resolution: Resolution, centred: h3::Centred) -> Self {
        let (cells, centres) = centred.into_iter().unzip();
        Self {
            tiling: Tiling::H3(resolution),
            cells: Cells::H3(cells),
            centres,
        }
    }

    fn of_squares(side: f64, squares: square::Squares) -> Self {
        let centres = (0..squares.len()).map(|i| squares.centre(i)).collect();
        Self {
            tiling: Tiling::Square(side),
            cells: Cells::Square(squares),
            centres,
        }
    }

    /// Keeps only the cells that a mask marks.
    pub(crate) fn retain(&mut self, keep: &[bool]) {
        fn pick<T>(v: &mut Vec<T>, keep: &[bool]) {
            let mut k = keep.iter();
            v.retain(|_| *k.next().unwrap_or(&false));
        }
        match &mut self.cells {
            Cells::H3(cells) => pick(cells, keep),
            Cells::Square(squares) => squares.retain(keep),
        }
        pick(&mut self.centres, keep);
    }

    /// Number of cells.
    #[must_use]
    pub fn len(&self) -> usize {
        self.centres.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.centres.is_empty()
    }

    /// Centres of the cells in the plane.
    #[must_use]
    pub fn centres(&self) -> &[Planar] {
        &self.centres
    }

    /// The dense grid behind a square lattice.
    pub(crate) fn squares(&self) -> Option<&square::Squares> {
        match &self.cells {
            Cells::Square(squares) => Some(squares),
            Cells::H3(_) => None,
        }
    }

    /// A cell's own area in the plane, m².
    ///
    /// # Errors
    /// [`OutsidePlane`] if a corner lies off the plane.
    pub fn area_m2(&self, cell: usize) -> Result<f64, OutsidePlane> {
        match &self.cells {
            Cells::H3(cells) => h3::area_m2(cells[cell]),
            Cells::Square(squares) => Ok(squares.side * squares.side),
        }
    }

    /// A cell's corners in the plane.
    ///
    /// # Errors
    /// [`OutsidePlane`] if one lies off the plane.
    pub(crate) fn corners(&self, cell: usize) -> Result<Vec<Planar>, OutsidePlane> {
        match &self.cells {
            Cells::H3(cells) => h3::corners(cells[cell]),
            Cells::Square(squares) => {
                let (at, half) = (self.centres[cell], squares.side / 2.0);
                let signs = [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)];
                let corner = |(x, y): (f64, f64)| Planar {
                    x: at.x + x * half,
                    y: at.y + y * half,
                };
                Ok(signs.map(corner).to_vec())
            }
        }
    }

    /// A cell's stable name: an H3 index, or side, column and row of a square.
    #[must_use]
    pub fn name(&self, cell: usize) -> String {
        match &self.cells {
            Cells::H3(cells) => cells[cell].to_string(),
            Cells::Square(squares) => {
                let (column, row) = squares.index(cell);
                format!("sq{}-{column}-{row}", squares.side)
            }
        }
    }

    /// The cell that a position lies in, if it is one of the lattice.
    #[must_use]
    pub fn locate(&self, planar: Planar, position: LonLat) -> Option<usize> {
        match &self.cells {
            Cells::H3(cells) => {
                let Tiling::H3(resolution) = self.tiling else {
                    return None;
                };
                let at = h3o::LatLng::new(position.lat(), position.lon()).ok()?;
                cells.binary_search(&at.to_cell(resolution)).ok()
            }
            Cells::Square(squares) => squares.locate(planar),
        }
    }

    /// For each of some cells those of them that share an edge with it.
    pub(crate) fn neighbours(&self, members: &[usize]) -> Vec<Vec<usize>> {
        match &self.cells {
            Cells::H3(cells) => h3::neighbours(cells, members),
            Cells::Square(squares) => squares.neighbours(members),
        }
    }

    /// The cell that each position lies in, if it is one of the lattice.
    #[must_use]
    pub fn locate_all(&self, positions: &[(Planar, LonLat)]) -> Vec<Option<usize>> {
        match (&self.cells, self.tiling) {
            (Cells::H3(cells), Tiling::H3(resolution)) => {
                let at: Vec<LonLat> = positions.iter().map(|p| p.1).collect();
                let found = cells_at(&at, resolution);
                found.iter().map(|c| cells.binary_search(c).ok()).collect()
            }
            _ => positions
                .iter()
                .map(|&(p, at)| self.locate(p, at))
                .collect(),
        }
    }

    /// Groups of cells that share edges, each in ascending order, groups by their first cell.
    /// Cells that touch at a corner only are not neighbours.
    #[must_use]
    pub fn components(&self, members: &[usize]) -> Vec<Vec<usize>> {
        let neighbours = self.neighbours(members);
        let slot: HashMap<usize, usize> =
            members.iter().enumerate().map(|(s, &c)| (c, s)).collect();
        let mut group = vec![usize::MAX; members.len()];
        let mut groups: Vec<Vec<usize>> = Vec::new();
        for start in 0..members.len() {
            if group[start] != usize::MAX {
                continue;
            }
            let id = groups.len();
            let mut found = Vec::new();
            let mut open = vec![start];
            group[start] = id;
            while let Some(s) = open.pop() {
                found.push(members[s]);
                for n in &neighbours[s] {
                    let n = slot[n];
                    if group[n] == usize::MAX {
                        group[n] = id;
                        open.push(n);
                    }
                }
            }
            found.sort_unstable();
            groups.push(found);
        }
        groups.sort_unstable_by_key(|g| g[0]);
        groups
    }

    /// The outline of connected cells: one polygon, possibly with holes, in longitude and latitude
    /// rounded to 7 decimals (a centimetre), exterior anticlockwise and holes clockwise.
    ///
    /// # Errors
    /// [`LatticeError`] if a corner lies off the plane or the cells do not dissolve to one polygon.
    pub fn outline(&self, cells: &[usize]) -> Result<Polygon, LatticeError> {
        let polygon = match &self.cells {
            Cells::H3(all) => h3::dissolve(cells.iter().map(|&c| all[c]))?,
            Cells::Square(squares) => squares.dissolve(cells)?,
        };
        Ok(tidy(&polygon))
    }
}

/// The H3 cell that holds a position.
pub(crate) fn h3_cell(at: LonLat, resolution: Resolution) -> CellIndex {
    h3::lat_lng(at).to_cell(resolution)
}

/// The H3 cells that hold some positions: their outline, in longitude and latitude as that of a
/// lattice, and their area in the plane, m².
///
/// # Errors
/// [`LatticeError`] if a corner lies off the plane.
pub(crate) fn cells_of(
    positions: impl Iterator<Item = LonLat>,
    resolution: Resolution,
) -> Result<(geo::MultiPolygon, f64), LatticeError> {
    let cells = h3::of_positions(positions, resolution);
    let mut area_m2 = 0.0;
    for &cell in &cells {
        area_m2 += h3::area_m2(cell)?;
    }
    let mut polygons: Vec<Polygon> = h3::dissolve_all(cells.into_iter())?
        .iter()
        .map(tidy)
        .collect();
    let first = |p: &Polygon| p.exterior().0.first().map(|c| [c.x, c.y]);
    polygons.sort_by(|a, b| {
        first(a)
            .partial_cmp(&first(b))
            .unwrap_or(std::cmp::Ordering::Equal)
    });
    Ok((geo::MultiPolygon(polygons), area_m2))
}

/// Rounds to 7 decimals and winds as RFC 7946 asks.
pub(crate) fn tidy(polygon: &Polygon) -> Polygon {
    use geo::orient::{Direction, Orient};
    let round = |v: f64| (v * 1e7).round() / 1e7;
    let ring = |ring: &LineString| -> LineString {
        let mut ring: LineString = ring
            .coords()
            .map(|c| geo::Coord {
                x: round(c.x),
                y: round(c.y),
            })
            .collect();
        // Start at the least corner, so that the same outline is always the same text.
        ring.close();
        ring.0.pop();
        let least = (0..ring.0.len())
            .min_by(|&a, &b| {
                let (a, b) = (ring.0[a], ring.0[b]);
                a.x.total_cmp(&b.x).then(a.y.total_cmp(&b.y))
            })
            .unwrap_or(0);
        ring.0.rotate_left(least);
        ring.close();
        ring
    };
    Polygon::new(
        ring(polygon.exterior()),
        polygon.interiors().iter().map(ring).collect(),
    )
    .orient(Direction::Default)
}

/// Tidies what an overlay gave: rounded corners can leave spikes a few centimetres wide, and rings
/// that cross themselves by as much. Degenerate rings go.
pub(crate) fn mended(parts: geo::MultiPolygon) -> Vec<Polygon> {
    use geo::Validation;
    let mut done = Vec::new();
    let mut open: Vec<(Polygon, u8)> = parts.into_iter().map(|p| (p, 0)).collect();
    while let Some((part, tries)) = open.pop() {
        let Some(part) = without_spikes(&tidy(&part)) else {
            continue;
        };
        if tries == 4 || part.is_valid() {
            done.push(part);
        } else {
            open.extend(
                geo::unary_union([&part])
                    .into_iter()
                    .map(|p| (p, tries + 1)),
            );
        }
    }
    // Taken from a stack: put the parts into an order of their own.
    done.sort_by(|a, b| {
        let first = |p: &Polygon| p.exterior().0[0];
        let (a, b) = (first(a), first(b));
        a.x.total_cmp(&b.x).then(a.y.total_cmp(&b.y))
    });
    done
}

/// A polygon without corners at which a ring turns back on itself; none if nothing is left of it.
fn without_spikes(polygon: &Polygon) -> Option<Polygon> {
    // Degrees: three units of the last decimal kept.
    const WIDTH: f64 = 3e-7;
    let ring = |ring: &LineString| -> Option<LineString> {
        let mut open: Vec<geo::Coord> = ring.0[..ring.0.len().saturating_sub(1)].to_vec();
        let mut i = 0;
        let mut steady = 0;
        while steady < open.len() {
            let n = open.len();
            if n < 3 {
                return None;
            }
            let (a, b, c) = (open[(i + n - 1) % n], open[i % n], open[(i + 1) % n]);
            let (ab, bc) = (b - a, c - b);
            let length = ab.x.hypot(ab.y);
            let back = ab.x * bc.x + ab.y * bc.y < 0.0;
            let apart = (ab.x * bc.y - ab.y * bc.x).abs() / length.max(f64::MIN_POSITIVE);
            if length == 0.0 || (back && apart <= WIDTH) {
                open.remove(i % n);
                i = (i + n - 2) % (n - 1);
                steady = 0;
            } else {
                i = (i + 1) % n;
                steady += 1;
            }
        }
        let mut closed = LineString(open);
        closed.close();
        (closed.0.len() > 3).then_some(closed)
    };
    let exterior = ring(polygon.exterior())?;
    let holes = polygon.interiors().iter().filter_map(ring).collect();
    Some(tidy(&Polygon::new(exterior, holes)))
}
