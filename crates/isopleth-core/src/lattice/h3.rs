//! H3 cells.

use std::collections::HashMap;

use geo::{MultiPolygon, Polygon};
use h3o::geom::SolventBuilder;
use h3o::{CellIndex, LatLng, Resolution};
use rayon::prelude::*;

use super::{LatticeError, MAX_CELLS};
use crate::domain::LonLat;
use crate::ground::StudyArea;
use crate::index::PointGrid;
use crate::plane::{self, OutsidePlane, Planar};

/// Levels of the hierarchy between the cells that a search begins with and those it is for.
const LEVELS: u8 = 4;

/// What a search may say of all cells below one.
enum Below {
    /// None of them is wanted.
    None,
    /// All of them are.
    All,
    /// Some may be.
    Some,
}

/// Cells with their centres, sorted by index.
pub(super) type Centred = Vec<(CellIndex, Planar)>;

/// Every cell that touches the study area.
pub(super) fn covering(area: &StudyArea, resolution: Resolution) -> Result<Centred, LatticeError> {
    let (lo, hi) = area.planar_bounds();
    let top = top_of(resolution);
    let side = spacing(top);
    let blocks: Vec<(i32, i32)> = (block(lo.y, side)..=block(hi.y, side))
        .flat_map(|y| (block(lo.x, side)..=block(hi.x, side)).map(move |x| (x, y)))
        .collect();
    let begin = begin(&blocks, side, top, 0.0);
    search(begin, resolution, |cell, centre, radius| {
        // At the last level the boundary must run through the cell itself.
        if area.boundary_within(centre, radius)
            && (cell.resolution() != resolution || touches(cell, area)?)
        {
            return Ok(Below::Some);
        }
        let at = lon_lat(LatLng::from(cell))?;
        Ok(if area.covers(at) {
            Below::All
        } else {
            Below::None
        })
    })
}

/// Every cell whose centre is within reach of a point, and some beyond.
pub(super) fn around(
    points: &[(Planar, f64, u32)],
    reach_m: f64,
    resolution: Resolution,
) -> Result<Centred, LatticeError> {
    let top = top_of(resolution);
    let side = spacing(top);
    let mut blocks: Vec<(i32, i32)> = points
        .iter()
        .map(|(p, ..)| (block(p.x, side), block(p.y, side)))
        .collect();
    blocks.sort_unstable();
    blocks.dedup();
    let begin = begin(&blocks, side, top, reach_m);
    let grid = PointGrid::new(points, reach_m);
    search(begin, resolution, |cell, centre, radius| {
        // The density itself tells at the last level, and is wanted anyway.
        let near = cell.resolution() == resolution || grid.any_within(centre, reach_m + radius);
        Ok(if near { Below::Some } else { Below::None })
    })
}

fn top_of(resolution: Resolution) -> Resolution {
    Resolution::try_from(u8::from(resolution).saturating_sub(LEVELS)).unwrap_or(resolution)
}

fn block(v: f64, side: f64) -> i32 {
    (v / side).floor() as i32
}

/// Distance between neighbouring centres, metres, with room for how it varies over Britain.
fn spacing(resolution: Resolution) -> f64 {
    (usual_area_m2(resolution) * 2.0 / 3.0_f64.sqrt()).sqrt()
}

/// The cells that a search begins with: all that may have something to do with a block of the plane,
/// or with what is within reach of it.
fn begin(blocks: &[(i32, i32)], side: f64, top: Resolution, reach_m: f64) -> Vec<CellIndex> {
    let radius = side * std::f64::consts::FRAC_1_SQRT_2 + reach_m + below(spacing(top));
    // Rows of hexagons are 0.87 spacings apart; spacings vary by a tenth over Britain.
    let rings = (radius / (spacing(top) * 0.87 * 0.85)).ceil() as u32;
    let mut cells = Vec::new();
    for &(bx, by) in blocks {
        let centre = Planar {
            x: (f64::from(bx) + 0.5) * side,
            y: (f64::from(by) + 0.5) * side,
        };
        // A block may reach over the edge of the plane: then what is near its nearest point counts.
        let held = Planar {
            x: centre.x.clamp(0.0, 700_000.0),
            y: centre.y.clamp(0.0, 1_250_000.0),
        };
        if let Ok(at) = plane::unproject(held) {
            cells.extend(
                lat_lng(at)
                    .to_cell(top)
                    .grid_disk::<Vec<_>>(rings + u32::from(held != centre)),
            );
        }
    }
    cells.sort_unstable();
    cells.dedup();
    cells
}

/// How far the centres of all cells below one can be from its own, for a spacing of its level. The
/// spacings of the levels below shrink by √7; their sum is 0.608 of it. A tenth is for distortion.
fn below(spacing: f64) -> f64 {
    0.608 * spacing * 1.1
}

/// Goes down the hierarchy, dropping what is not wanted. Cells stay sorted: children follow each
/// other in the order of their parents.
fn search(
    begin: Vec<CellIndex>,
    resolution: Resolution,
    ask: impl Fn(CellIndex, Planar, f64) -> Result<Below, LatticeError> + Sync,
) -> Result<Centred, LatticeError> {
    // Half a cell from centre to corner, with room.
    let corner = 0.62 * spacing(resolution);
    // Beside each cell, whether all below it are wanted.
    let mut open: Vec<(CellIndex, bool)> = begin.into_iter().map(|c| (c, false)).collect();
    while let Some(level) = open
        .first()
        .map(|c| c.0.resolution())
        .filter(|l| *l != resolution)
    {
        let radius = below(spacing(level)) + corner;
        let kept: Vec<Vec<(CellIndex, bool)>> = open
            .par_chunks(1024)
            .map(|chunk| {
                let undecided: Vec<CellIndex> =
                    chunk.iter().filter(|c| !c.1).map(|c| c.0).collect();
                let mut centres = centres_of(&undecided).into_iter();
                let mut kept = Vec::with_capacity(chunk.len());
                for &(cell, all) in chunk {
                    let centre = if all { None } else { centres.next().flatten() };
                    match centre.map(|at| ask(cell, at, radius)).transpose()? {
                        Some(Below::None) => {}
                        Some(Below::All) => kept.push((cell, true)),
                        // Off the plane itself, it may have cells below that are not.
                        Some(Below::Some) | None => kept.push((cell, all)),
                    }
                }
                Ok(kept)
            })
            .collect::<Result<_, LatticeError>>()?;
        let next = level.succ().unwrap_or(resolution);
        let cells = kept.iter().map(|k| k.len() as u64).sum::<u64>() * 7;
        if cells > MAX_CELLS {
            return Err(LatticeError::TooManyCells {
                cells,
                limit: MAX_CELLS,
            });
        }
        open = kept
            .into_iter()
            .flatten()
            .flat_map(|(cell, all)| cell.children(next).map(move |c| (c, all)))
            .collect();
    }
    let chosen: Vec<Centred> = open
        .par_chunks(1024)
        .map(|chunk| {
            let cells: Vec<CellIndex> = chunk.iter().map(|c| c.0).collect();
            let mut chosen = Vec::with_capacity(chunk.len());
            for (&(cell, all), centre) in chunk.iter().zip(centres_of(&cells)) {
                // No density can be told off the plane.
                if let Some(at) = centre
                    && (all || !matches!(ask(cell, at, corner)?, Below::None))
                {
                    chosen.push((cell, at));
                }
            }
            Ok(chosen)
        })
        .collect::<Result<_, LatticeError>>()?;
    Ok(chosen.concat())
}

/// Whether the boundary of the study area runs through a cell.
fn touches(cell: CellIndex, area: &StudyArea) -> Result<bool, OutsidePlane> {
    let corners: Vec<LonLat> = cell
        .boundary()
        .iter()
        .map(|&v| lon_lat(v))
        .collect::<Result<_, _>>()?;
    Ok(area.boundary_meets(&plane::project_all(&corners)?))
}

pub(super) fn lat_lng(at: LonLat) -> LatLng {
    // A `LonLat` is finite, which is all that h3o asks.
    LatLng::new(at.lat(), at.lon()).unwrap_or_default()
}

fn lon_lat(at: LatLng) -> Result<LonLat, OutsidePlane> {
    LonLat::new(at.lng(), at.lat()).map_err(|e| OutsidePlane {
        what: plane::Position::Degrees(e.lon, e.lat),
    })
}

/// Centres in the plane; none for a cell off it.
fn centres_of(cells: &[CellIndex]) -> Vec<Option<Planar>> {
    let at: Vec<Option<LonLat>> = cells
        .iter()
        .map(|&c| lon_lat(LatLng::from(c)).ok())
        .collect();
    let all: Option<Vec<LonLat>> = at.iter().copied().collect();
    if let Some(Ok(planar)) = all.map(|all| plane::project_all(&all)) {
        return planar.into_iter().map(Some).collect();
    }
    at.into_iter()
        .map(|at| plane::project(at?).ok().map(|p| p.planar))
        .collect()
}

/// Corners in the plane.
pub(super) fn corners(cell: CellIndex) -> Result<Vec<Planar>, OutsidePlane> {
    let corners: Vec<LonLat> = cell
        .boundary()
        .iter()
        .map(|&v| lon_lat(v))
        .collect::<Result<_, _>>()?;
    plane::project_all(&corners)
}

/// A cell's own area in the plane, m²: H3's tables of mean areas are off by a tenth in London.
pub(super) fn area_m2(cell: CellIndex) -> Result<f64, OutsidePlane> {
    let corners: Vec<LonLat> = cell
        .boundary()
        .iter()
        .map(|&v| lon_lat(v))
        .collect::<Result<_, _>>()?;
    let p = plane::project_all(&corners)?;
    let twice: f64 = (0..p.len())
        .map(|i| {
            // Relative to the first corner: national coordinates would cost digits.
            let (a, b) = (p[i], p[(i + 1) % p.len()]);
            (a.x - p[0].x) * (b.y - p[0].y) - (b.x - p[0].x) * (a.y - p[0].y)
        })
        .sum();
    Ok(twice.abs() / 2.0)
}

/// Area of the cell in the middle of England, m².
pub(super) fn usual_area_m2(resolution: Resolution) -> f64 {
    let middle = LatLng::new(52.56, -1.46)
        .unwrap_or_default()
        .to_cell(resolution);
    area_m2(middle).unwrap_or_else(|_| resolution.area_m2())
}

/// For each member the members that share an edge with it.
pub(super) fn neighbours(cells: &[CellIndex], members: &[usize]) -> Vec<Vec<usize>> {
    let at: HashMap<CellIndex, usize> = members.iter().map(|&c| (cells[c], c)).collect();
    members
        .iter()
        .map(|&c| {
            let disk: Vec<CellIndex> = cells[c].grid_disk(1);
            disk.iter()
                .filter(|&&n| n != cells[c])
                .filter_map(|n| at.get(n).copied())
                .collect()
        })
        .collect()
}

/// The cells that hold some positions, sorted.
pub(super) fn of_positions(
    positions: impl Iterator<Item = LonLat>,
    resolution: Resolution,
) -> Vec<CellIndex> {
    let positions: Vec<LonLat> = positions.collect();
    let mut cells = super::cells_at(&positions, resolution);
    cells.sort_unstable();
    cells.dedup();
    cells
}

/// The outline of connected cells.
pub(super) fn dissolve(cells: impl Iterator<Item = CellIndex>) -> Result<Polygon, LatticeError> {
    let mut polygons = dissolve_all(cells)?.0.into_iter();
    match (polygons.next(), polygons.next()) {
        (Some(one), None) => Ok(one),
        _ => Err(LatticeError::Untileable {
            reason: "connected cells did not dissolve to one polygon".into(),
        }),
    }
}

/// The outline of any cells.
pub(super) fn dissolve_all(
    cells: impl Iterator<Item = CellIndex>,
) -> Result<MultiPolygon, LatticeError> {
    SolventBuilder::new()
        .build()
        .dissolve(cells)
        .map_err(|e| LatticeError::Untileable {
            reason: e.to_string(),
        })
}
