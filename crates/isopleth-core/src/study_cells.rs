//! The cells of a study area, the empty ones among them, with what happened in each.
//!
//! What is unusually much can only be told beside what is usual, and most cells are usually empty:
//! tests over cells need every cell of a study area, and so a study area.

use serde::{Deserialize, Serialize};

use crate::lattice::{Lattice, LatticeError, Tiling};
use crate::select::Selection;
use crate::steps::Steps;

/// What kind of cells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// H3 cells.
    #[default]
    H3,
    /// Squares of the plane.
    Square,
}

/// Why there are no cells.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StudyCellsError {
    /// No study area.
    #[error(
        "{0} compares cells with all others of a study area, the empty ones among them; name one in `select.area`"
    )]
    NoArea(&'static str),
    /// A resolution out of range.
    #[error("h3_resolution must be 6 to 12, not {0}")]
    Resolution(u8),
    /// A side out of range.
    #[error("cell_m must be at least 10 and at most 10000 metres, not {0}")]
    Side(f64),
    /// A size for the other kind of cells.
    #[error("{field} is not for cells of shape \"{shape}\"; leave it out or change `cells`")]
    OtherShape {
        /// The field.
        field: &'static str,
        /// The shape.
        shape: &'static str,
    },
    /// The cells cannot be made.
    #[error(transparent)]
    Lattice(#[from] LatticeError),
}

impl StudyCellsError {
    /// A stable code for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoArea(_) => "no_study_area",
            Self::Lattice(LatticeError::TooManyCells { .. }) => "too_many_cells",
            Self::Lattice(_) => "unusable_area",
            _ => "invalid_cells",
        }
    }
}

/// The tiling that parameters ask for: H3 of resolution 10 or squares of 150 m unless they say.
///
/// # Errors
/// [`StudyCellsError`] for a size out of range or of the other kind of cells.
pub fn tiling(
    shape: Shape,
    h3_resolution: Option<u8>,
    cell_m: Option<f64>,
) -> Result<Tiling, StudyCellsError> {
    let other = |field, shape| StudyCellsError::OtherShape { field, shape };
    match (shape, h3_resolution, cell_m) {
        (Shape::H3, _, Some(_)) => Err(other("cell_m", "h3")),
        (Shape::Square, Some(_), _) => Err(other("h3_resolution", "square")),
        (Shape::H3, resolution, None) => {
            let resolution = resolution.unwrap_or(10);
            h3o::Resolution::try_from(resolution)
                .ok()
                .filter(|_| (6..=12).contains(&resolution))
                .map(Tiling::H3)
                .ok_or(StudyCellsError::Resolution(resolution))
        }
        (Shape::Square, None, side) => {
            let side = side.unwrap_or(150.0);
            match (10.0..=10_000.0).contains(&side) {
                true => Ok(Tiling::Square(side)),
                false => Err(StudyCellsError::Side(side)),
            }
        }
    }
}

/// Every cell that touches a study area.
#[derive(Debug, Clone)]
pub struct StudyCells {
    /// The cells.
    pub lattice: Lattice,
    /// Of each location the cell it lies in; none beyond the study area.
    cell_of: Vec<Option<u32>>,
}

impl StudyCells {
    /// The cells of a selection's study area. Incidents beyond its boundary count in none of them,
    /// also where a cell reaches over it.
    ///
    /// # Errors
    /// [`StudyCellsError`] without a study area, which `what` says who asks for, and for cells that
    /// cannot be made.
    pub fn new(
        selection: &Selection,
        tiling: Tiling,
        what: &'static str,
    ) -> Result<Self, StudyCellsError> {
        let area = selection
            .area
            .as_ref()
            .ok_or(StudyCellsError::NoArea(what))?;
        Ok(Self::on(Lattice::of_area(tiling, area)?, selection))
    }

    /// The same cells for another selection of the same study area.
    #[must_use]
    pub fn of_other(&self, selection: &Selection) -> Self {
        Self::on(self.lattice.clone(), selection)
    }

    fn on(lattice: Lattice, selection: &Selection) -> Self {
        let all = selection.incidents().locations();
        let inside: Vec<u32> = (0..all.len() as u32)
            .filter(|&l| selection.is_inside(l))
            .collect();
        let at: Vec<_> = inside
            .iter()
            .map(|&l| &all[l as usize])
            .map(|l| (l.planar(), l.position))
            .collect();
        let mut cell_of = vec![None; all.len()];
        for (&location, cell) in inside.iter().zip(lattice.locate_all(&at)) {
            cell_of[location as usize] = cell.map(|c| c as u32);
        }
        Self { lattice, cell_of }
    }

    /// Number of cells.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lattice.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lattice.is_empty()
    }

    /// The cell that a location lies in; none beyond the study area.
    #[must_use]
    pub fn cell_of(&self, location: u32) -> Option<usize> {
        self.cell_of[location as usize].map(|c| c as usize)
    }

    /// Selected incidents in each cell.
    #[must_use]
    pub fn counts(&self, selection: &Selection) -> Vec<u32> {
        let mut counts = vec![0; self.len()];
        for (location, n) in selection.locations_inside() {
            if let Some(cell) = self.cell_of(location) {
                counts[cell] += n;
            }
        }
        counts
    }

    /// Selected incidents in each cell by steps: all cells of the first step, then of the second.
    #[must_use]
    pub fn counts_by_step(&self, selection: &Selection, steps: &Steps) -> Vec<Vec<u32>> {
        let mut counts = vec![vec![0; self.len()]; steps.len()];
        let incidents = selection.incidents();
        for (location, _) in selection.locations_inside() {
            let Some(cell) = self.cell_of(location) else {
                continue;
            };
            for i in incidents.at(location).filter(|&i| selection.holds(i)) {
                if let Some(step) = steps.holding(incidents.from()[i]) {
                    counts[step][cell] += 1;
                }
            }
        }
        counts
    }
}
