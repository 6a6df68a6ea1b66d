//! The cells of a study area with their counts and neighbourhoods, as tests over a map need them.

use serde::{Deserialize, Serialize};

use crate::bandwidth;
use crate::domain::{LocationBasis, LocationId};
use crate::lattice::{Lattice, LatticeError, Neighbours, Tiling, TooManyPairs};
use crate::places::{Comparable, PlaceFacts};
use crate::plane::Planar;
use crate::select::Selection;
use crate::study_cells::{self, Shape, StudyCells, StudyCellsError};

/// Most rings.
pub const MAX_RINGS: u32 = 20;

/// Resolution of H3 cells without a choice: on anonymous map points finer ones hold a point or none.
const USUAL_RESOLUTION: u8 = 9;

/// Side of squares without a choice, metres.
const USUAL_SIDE_M: f64 = 300.0;

/// Which cells a layer holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CellsShown {
    /// Significant ones on the sides asked for.
    #[default]
    Significant,
    /// All, the empty ones among them.
    All,
}

/// Which sides are significant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sides {
    /// Unusually much. What is unusually little is mostly park and water.
    #[default]
    Hot,
    /// Unusually little as well.
    Both,
}

/// What cells and neighbourhoods a request asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct GroundParams {
    /// What kind of cells.
    pub cells: Shape,
    /// Resolution of H3 cells; 9 without it.
    pub h3_resolution: Option<u8>,
    /// Side of squares, metres; 300 without it.
    pub cell_m: Option<f64>,
    /// Rings of neighbours; 1 without either.
    pub rings: Option<u32>,
    /// Neighbours with their centre this near, metres.
    pub distance_m: Option<f64>,
}

/// Why there is no ground to test.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GroundError {
    /// The cells.
    #[error(transparent)]
    Cells(#[from] StudyCellsError),
    /// Neighbourhoods too large.
    #[error(transparent)]
    TooManyPairs(#[from] TooManyPairs),
    /// Two kinds of neighbourhood.
    #[error("give rings or distance_m, not both")]
    TwoReaches,
    /// Rings out of range.
    #[error("rings must be 1 to {MAX_RINGS}, not {0}")]
    Rings(u32),
    /// A distance that reaches no neighbour, or is no distance.
    #[error(
        "distance_m must be at least the {spacing_m:.0} metres between neighbouring centres and at most 20000, not {distance_m}; choose smaller cells or a longer distance"
    )]
    Distance {
        /// The distance.
        distance_m: f64,
        /// The cells' spacing.
        spacing_m: f64,
    },
}

impl GroundError {
    /// A stable code for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Cells(e) => e.code(),
            Self::TooManyPairs(_) => "too_many_cells",
            _ => "invalid_neighbours",
        }
    }
}

/// How far a neighbourhood reaches.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reach {
    /// So many rings of cells.
    Rings(u32),
    /// Centres within so many metres.
    Metres(f64),
}

impl Reach {
    /// The reach asked for on cells of a tiling; one ring where none is.
    ///
    /// # Errors
    /// [`GroundError`] for two reaches and for one out of range.
    pub fn new(
        tiling: Tiling,
        rings: Option<u32>,
        distance_m: Option<f64>,
    ) -> Result<Self, GroundError> {
        let spacing_m = tiling.spacing_m();
        match (rings, distance_m) {
            (Some(_), Some(_)) => Err(GroundError::TwoReaches),
            (Some(rings), None) if !(1..=MAX_RINGS).contains(&rings) => {
                Err(GroundError::Rings(rings))
            }
            (None, Some(d)) if !(spacing_m..=20_000.0).contains(&d) => Err(GroundError::Distance {
                distance_m: d,
                spacing_m,
            }),
            (rings, None) => Ok(Self::Rings(rings.unwrap_or(1))),
            (None, Some(d)) => Ok(Self::Metres(d)),
        }
    }

    /// The neighbours of every cell, and the reach in words.
    ///
    /// # Errors
    /// [`GroundError::TooManyPairs`].
    pub fn on(self, lattice: &Lattice) -> Result<(Neighbours, String), GroundError> {
        Ok(match self {
            Self::Rings(1) => (Neighbours::rings(lattice, 1)?, "1 ring".to_owned()),
            Self::Rings(n) => (Neighbours::rings(lattice, n)?, format!("{n} rings")),
            Self::Metres(d) => (
                Neighbours::within(lattice, d)?,
                format!("centres within {d} m"),
            ),
        })
    }
}

/// Cells, neighbourhoods and counts.
#[derive(Debug, Clone)]
pub struct Ground {
    /// The cells.
    pub study: StudyCells,
    /// Their neighbours.
    pub neighbours: Neighbours,
    /// In words: `1 ring`, `within 500 m`.
    pub reach: String,
    /// Selected incidents in each cell.
    pub counts: Vec<u32>,
    /// Selected incidents of the study area at anonymous map points.
    pub snap_points: u64,
    /// Where there are such: median distance from a location to the nearest other one, metres.
    pub snap_spacing_m: Option<f64>,
}

impl Ground {
    /// The ground of a selection's study area.
    ///
    /// # Errors
    /// [`GroundError`] without a study area and for parameters out of range.
    pub fn new(
        selection: &Selection,
        params: GroundParams,
        what: &'static str,
    ) -> Result<Self, GroundError> {
        let (resolution, side) = match params.cells {
            Shape::H3 => (
                params.h3_resolution.or(Some(USUAL_RESOLUTION)),
                params.cell_m,
            ),
            Shape::Square => (params.h3_resolution, params.cell_m.or(Some(USUAL_SIDE_M))),
        };
        let tiling = study_cells::tiling(params.cells, resolution, side)?;
        let reach = Reach::new(tiling, params.rings, params.distance_m)?;
        let study = StudyCells::new(selection, tiling, what)?;
        let (neighbours, reach) = reach.on(&study.lattice)?;
        let counts = study.counts(selection);
        let incidents = selection.incidents();
        let snapped = |l: LocationId| {
            let here = incidents.at(l).filter(|&i| selection.holds(i));
            here.filter(|&i| incidents.basis(i) == LocationBasis::SnapPoint)
                .count() as u64
        };
        let mut snap_points = 0;
        let mut at: Vec<Planar> = Vec::new();
        for (l, _) in selection.locations_inside() {
            let n = snapped(l);
            snap_points += n;
            if n > 0 {
                at.push(incidents.locations()[l as usize].planar());
            }
        }
        Ok(Self {
            study,
            neighbours,
            reach,
            counts,
            snap_points,
            snap_spacing_m: bandwidth::floor_m(&at)
                .map(|twice| twice / 2.0)
                .filter(|m| m.is_finite()),
        })
    }

    /// The cells' tiling.
    #[must_use]
    pub fn tiling(&self) -> Tiling {
        self.study.lattice.tiling
    }

    /// Whether cells are so fine beside the map points that their counts are those of a list of points.
    #[must_use]
    pub fn finer_than_snap_points(&self) -> bool {
        self.snap_spacing_m
            .is_some_and(|m| self.tiling().spacing_m() < 2.0 * m)
    }

    /// What is said of some cells, in their order; `None` for one without a selected incident.
    #[must_use]
    pub fn facts(
        &self,
        selection: &Selection,
        cells: &[usize],
        comparable: Comparable,
    ) -> Vec<Option<PlaceFacts>> {
        let mut slot = vec![usize::MAX; self.study.len()];
        for (s, &c) in cells.iter().enumerate() {
            slot[c] = s;
        }
        let mut members: Vec<Vec<LocationId>> = vec![Vec::new(); cells.len()];
        for l in (0..selection.incidents().locations().len() as LocationId)
            .filter(|&l| selection.is_inside(l))
        {
            if let Some(members) = self.study.cell_of(l).and_then(|c| members.get_mut(slot[c])) {
                members.push(l);
            }
        }
        members
            .iter()
            .map(|m| PlaceFacts::of(selection, m, comparable))
            .collect()
    }

    /// A cell's own area, m².
    ///
    /// # Errors
    /// [`GroundError`] if a corner lies off the plane.
    pub fn area_m2(&self, cell: usize) -> Result<f64, GroundError> {
        let area = self.study.lattice.area_m2(cell).map_err(LatticeError::from);
        Ok(area.map_err(StudyCellsError::from)?)
    }
}
