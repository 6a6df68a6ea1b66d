//! H3 cells.

use std::collections::HashMap;

use geo::{MultiPolygon, Polygon};
use h3o::geom::{ContainmentMode, SolventBuilder, TilerBuilder};
use h3o::{CellIndex, LatLng, Resolution};
use rayon::prelude::*;

use super::{LatticeError, MAX_CELLS};
use crate::domain::LonLat;
use crate::ground::StudyArea;
use crate::plane::{self, OutsidePlane, Planar};

/// Every cell that touches the study area, sorted.
pub(super) fn covering(
    area: &StudyArea,
    resolution: Resolution,
) -> Result<Vec<CellIndex>, LatticeError> {
    let least = (area.area_m2 / resolution.area_m2()) as u64;
    if least > MAX_CELLS {
        return Err(LatticeError::TooManyCells {
            cells: least,
            limit: MAX_CELLS,
        });
    }
    // Polygon by polygon: areas that touch each other are not one valid multipolygon.
    let tiled: Vec<Vec<CellIndex>> = area
        .polygons
        .par_iter()
        .map(|polygon| {
            let mut tiler = TilerBuilder::new(resolution)
                .containment_mode(ContainmentMode::Covers)
                .build();
            tiler
                .add(polygon.clone())
                .map_err(|e| LatticeError::Untileable {
                    reason: e.to_string(),
                })?;
            Ok(tiler.into_coverage().collect())
        })
        .collect::<Result<_, LatticeError>>()?;
    Ok(sorted(tiled.concat()))
}

/// Every cell whose centre is within reach of a point, and some beyond.
///
/// The points are taken by square blocks of the plane: the cells of a block are a disk of the grid
/// around its centre, wide enough for its corners and the reach.
pub(super) fn around(
    points: &[(Planar, LonLat)],
    reach_m: f64,
    resolution: Resolution,
) -> Result<Vec<CellIndex>, LatticeError> {
    let side = (2.0 * reach_m).max(2000.0);
    let mut blocks: HashMap<(i32, i32), ()> = HashMap::new();
    for (p, _) in points {
        blocks.insert(
            ((p.x / side).floor() as i32, (p.y / side).floor() as i32),
            (),
        );
    }
    let mut blocks: Vec<(i32, i32)> = blocks.into_keys().collect();
    blocks.sort_unstable();
    // Centres of rings are at least the ring's number times the smallest row distance away; H3
    // cells of one resolution differ in size by up to a factor of two in area over the globe, and
    // by less than a tenth in spacing over Britain.
    let row = super::Tiling::H3(resolution).spacing_m() * 0.866 * 0.85;
    let radius = side * std::f64::consts::FRAC_1_SQRT_2 + reach_m;
    let rings = (radius / row).ceil() as u32 + 1;
    let least = (blocks.len() as f64 * side * side / resolution.area_m2()) as u64;
    if least > MAX_CELLS {
        return Err(LatticeError::TooManyCells {
            cells: least,
            limit: MAX_CELLS,
        });
    }
    let cells: Vec<Vec<CellIndex>> = blocks
        .par_iter()
        .map(|&(bx, by)| {
            let centre = Planar {
                x: (f64::from(bx) + 0.5) * side,
                y: (f64::from(by) + 0.5) * side,
            };
            let at = plane::unproject(centre)?;
            let cell = lat_lng(at).to_cell(resolution);
            Ok(cell.grid_disk::<Vec<_>>(rings))
        })
        .collect::<Result<_, OutsidePlane>>()?;
    Ok(sorted(cells.concat()))
}

fn sorted(mut cells: Vec<CellIndex>) -> Vec<CellIndex> {
    cells.par_sort_unstable();
    cells.dedup();
    cells
}

fn lat_lng(at: LonLat) -> LatLng {
    // A `LonLat` is finite, which is all that h3o asks.
    LatLng::new(at.lat(), at.lon()).unwrap_or_default()
}

fn lon_lat(at: LatLng) -> Result<LonLat, OutsidePlane> {
    LonLat::new(at.lng(), at.lat()).map_err(|e| OutsidePlane {
        what: plane::Position::Degrees(e.lon, e.lat),
    })
}

/// Centres in the plane.
pub(super) fn centres(cells: &[CellIndex]) -> Result<Vec<Planar>, OutsidePlane> {
    let chunks: Vec<Vec<Planar>> = cells
        .par_chunks(8192)
        .map(|chunk| {
            let at: Vec<LonLat> = chunk
                .iter()
                .map(|&c| lon_lat(LatLng::from(c)))
                .collect::<Result<_, _>>()?;
            plane::project_all(&at)
        })
        .collect::<Result<_, _>>()?;
    Ok(chunks.concat())
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
    sorted(positions.map(|p| lat_lng(p).to_cell(resolution)).collect())
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
