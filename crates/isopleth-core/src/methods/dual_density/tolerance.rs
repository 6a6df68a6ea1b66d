//! Tolerance contours: the ground where chance alone seldom makes the comparison as high, or as low.

use geo::MultiPolygon;

use super::{Error, Outcome};
use crate::arrangement::{self, Arrangement, Piece};
use crate::contours;
use crate::ground;
use crate::hotspots;
use crate::select::Selection;

/// On which side of what labels at random make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The selection is denser than chance lets expect.
    Raised,
    /// It is less dense.
    Lowered,
}

impl Direction {
    /// The name used in layers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Lowered => "lowered",
        }
    }
}

/// The ground within a tolerance contour.
#[derive(Debug, Clone, PartialEq)]
pub struct ToleranceContour {
    /// Direction and level: `raised-0.05`.
    pub id: String,
    /// The direction.
    pub direction: Direction,
    /// The level asked for, both directions together.
    pub level: f64,
    /// Outline, longitude and latitude.
    pub outline: MultiPolygon,
    /// Selected incidents inside, by plain geometry.
    pub count: u32,
    /// Points of the other side in its cells.
    pub count_against: u32,
    /// Planar area of the outline, m².
    pub area_m2: f64,
    /// Cells.
    pub cells: u32,
    /// The boundary of the study area cuts it.
    pub cut_at_boundary: bool,
    /// Some of its cells lie near the boundary with no data beyond it.
    pub edge_effect: bool,
}

/// Tolerance contours with the comparison that they are of.
#[derive(Debug, Clone)]
pub struct ToleranceContours {
    /// The comparison, cell by cell.
    pub of: Outcome,
    /// Raised before lowered, widest first; those without any ground are left out.
    pub contours: Vec<ToleranceContour>,
    /// The levels asked for, widest first.
    pub levels: Vec<f64>,
}

/// Draws the contours of levels, such as 0.05: along cells whose `p_upper`, or `p_lower`, is at most
/// half the level.
///
/// # Errors
/// [`Error`] for levels that are none, and without labels that could be exchanged.
pub fn tolerance_contours(
    selection: &Selection,
    of: Outcome,
    levels: &[f64],
) -> Result<ToleranceContours, Error> {
    let mut levels = levels.to_vec();
    // The least p that this many replicates can give.
    let least = 1.0 / (f64::from(of.replicates) + 1.0);
    if let Some(&bad) = levels
        .iter()
        .find(|l| !(l.is_finite() && **l < 1.0 && **l / 2.0 >= least))
    {
        return Err(Error::ToleranceLevel {
            level: bad,
            replicates: of.replicates,
        });
    }
    if of.cells.iter().all(|c| c.tolerance.is_none()) && selection.selected > 0 {
        return Err(Error::NoTolerance(of.labels.words()));
    }
    levels.sort_by(|a, b| b.total_cmp(a));
    levels.dedup();
    let boundary = selection
        .area
        .as_ref()
        .map(|a| arrangement::pieces(a.polygons()));
    let mut contours = Vec::new();
    for direction in [Direction::Raised, Direction::Lowered] {
        let cells: Vec<Vec<usize>> = levels
            .iter()
            .map(|level| {
                let within = |c: &usize| {
                    of.cells[*c].tolerance.is_some_and(|t| {
                        let p = match direction {
                            Direction::Raised => t.p_upper,
                            Direction::Lowered => t.p_lower,
                        };
                        p <= level / 2.0
                    })
                };
                (0..of.cells.len()).filter(within).collect()
            })
            .collect();
        let pieces: Vec<Vec<Piece>> = cells
            .iter()
            .map(|cells| contours::along_cells(&of.lattice, cells))
            .collect::<Result<_, _>>()?;
        let arrangement = Arrangement::new(&pieces, boundary.as_deref())
            .map_err(|_| contours::Error::Unsettled)?;
        for (l, (&level, cells)) in levels.iter().zip(&cells).enumerate() {
            let (outline, cut_at_boundary) = arrangement.region(|depth| depth > l as u32);
            if outline.0.is_empty() {
                continue;
            }
            let inside = hotspots::members(selection, &[&outline.0[..]]);
            contours.push(ToleranceContour {
                id: format!("{}-{level}", direction.name()),
                direction,
                level,
                count: inside
                    .iter()
                    .flatten()
                    .map(|&at| selection.count_at(at))
                    .sum(),
                count_against: cells.iter().map(|&c| of.cells[c].count_against).sum(),
                area_m2: ground::planar_area_m2(&outline)?,
                outline,
                cells: cells.len() as u32,
                cut_at_boundary,
                edge_effect: cells.iter().any(|&c| of.cells[c].edge_effect),
            });
        }
    }
    Ok(ToleranceContours {
        of,
        contours,
        levels,
    })
}
