//! Places that incidents are counted by: locations, or H3 cells.

use std::collections::BTreeMap;

use geo::MultiPolygon;
use h3o::{CellIndex, Resolution};
use serde::{Deserialize, Serialize};

use crate::domain::{LocationId, LonLat};
use crate::lattice::{self, LatticeError};
use crate::places::PlaceFacts;
use crate::select::Selection;
use crate::{hotspots, methods};

/// What incidents are counted by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Exact locations.
    #[default]
    Location,
    /// H3 cells.
    H3,
}

/// Why there is no such unit.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum UnitError {
    /// A resolution out of range.
    #[error("h3_resolution must be 6 to 12, not {0}")]
    Resolution(u8),
    /// A resolution without cells.
    #[error(
        "h3_resolution is for \"unit\": \"h3\", not for locations; leave it out or change the unit"
    )]
    NoCells,
}

/// A unit, as resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountedBy {
    /// Exact locations.
    Locations,
    /// H3 cells of a resolution.
    Cells(Resolution),
}

impl CountedBy {
    /// The unit that parameters ask for; cells are of resolution 10 unless they say.
    ///
    /// # Errors
    /// [`UnitError`] for a resolution out of range or without cells.
    pub fn of(unit: Unit, h3_resolution: Option<u8>) -> Result<Self, UnitError> {
        match (unit, h3_resolution) {
            (Unit::Location, None) => Ok(Self::Locations),
            (Unit::Location, Some(_)) => Err(UnitError::NoCells),
            (Unit::H3, r) => {
                let r = r.unwrap_or(10);
                Resolution::try_from(r)
                    .ok()
                    .filter(|_| (6..=12).contains(&r))
                    .map(Self::Cells)
                    .ok_or(UnitError::Resolution(r))
            }
        }
    }

    /// In words: `locations`, `H3 cells of resolution 10`.
    #[must_use]
    pub fn words(self) -> String {
        match self {
            Self::Locations => "locations".to_owned(),
            Self::Cells(r) => format!("H3 cells of resolution {}", u8::from(r)),
        }
    }
}

/// What a counted place is on the map.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// A location.
    Point(LonLat),
    /// A cell, with its planar area in m².
    Cell(MultiPolygon, f64),
}

/// A place that incidents are counted by.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Counted {
    key: Key,
    /// Its locations.
    pub(crate) members: Vec<LocationId>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Key {
    Location { x_mm: i32, y_mm: i32, at: LonLat },
    Cell(CellIndex),
}

/// The places of the study area at which the data has a record of any kind and time, in an order of
/// their own: by easting and northing, or by cell.
pub(crate) fn known_places(selection: &Selection, by: CountedBy) -> Vec<Counted> {
    let locations = selection.incidents().locations();
    let inside = (0..locations.len() as LocationId).filter(|&l| selection.is_inside(l));
    match by {
        CountedBy::Locations => {
            let mut places: Vec<Counted> = inside
                .map(|l| {
                    let at = &locations[l as usize];
                    Counted {
                        key: Key::Location {
                            x_mm: at.x_mm,
                            y_mm: at.y_mm,
                            at: at.position,
                        },
                        members: vec![l],
                    }
                })
                .collect();
            places.sort_by_key(|p| match p.key {
                Key::Location { x_mm, y_mm, .. } => (x_mm, y_mm),
                Key::Cell(_) => (0, 0),
            });
            places
        }
        CountedBy::Cells(resolution) => {
            let mut cells: BTreeMap<CellIndex, Vec<LocationId>> = BTreeMap::new();
            for l in inside {
                let cell = lattice::h3_cell(locations[l as usize].position, resolution);
                cells.entry(cell).or_default().push(l);
            }
            cells
                .into_iter()
                .map(|(cell, members)| Counted {
                    key: Key::Cell(cell),
                    members,
                })
                .collect()
        }
    }
}

impl Counted {
    /// Easting and northing in millimetres, or the cell's index.
    pub(crate) fn id(&self) -> String {
        match self.key {
            Key::Location { x_mm, y_mm, .. } => format!("e{x_mm}n{y_mm}"),
            Key::Cell(cell) => cell.to_string(),
        }
    }

    pub(crate) fn count(&self, count_at: impl Fn(LocationId) -> u32) -> u32 {
        self.members.iter().map(|&l| count_at(l)).sum()
    }

    /// A name that does not promise more than the positions know.
    pub(crate) fn name(&self, facts: &PlaceFacts, ward: Option<&str>) -> String {
        match self.key {
            Key::Location { .. } => methods::repeat_locations::name(facts, ward),
            Key::Cell(_) => hotspots::name(facts.short_place(), ward),
        }
    }

    /// A position for the ward: the location's, or that of the cell's most frequent location.
    pub(crate) fn position(&self, selection: &Selection) -> LonLat {
        let at = |l: LocationId| &selection.incidents().locations()[l as usize];
        match self.key {
            Key::Location { at, .. } => at,
            Key::Cell(_) => {
                let best = self
                    .members
                    .iter()
                    .copied()
                    .fold(self.members[0], |best, l| {
                        let key = |l: LocationId| {
                            (
                                std::cmp::Reverse(selection.count_at(l)),
                                at(l).x_mm,
                                at(l).y_mm,
                            )
                        };
                        if key(l) < key(best) { l } else { best }
                    });
                at(best).position
            }
        }
    }

    pub(crate) fn shape(
        &self,
        by: CountedBy,
        selection: &Selection,
    ) -> Result<Shape, LatticeError> {
        match (self.key, by) {
            (Key::Location { at, .. }, _) => Ok(Shape::Point(at)),
            (Key::Cell(_), CountedBy::Locations) => Ok(Shape::Point(self.position(selection))),
            (Key::Cell(_), CountedBy::Cells(resolution)) => {
                let at = self.position(selection);
                let (shape, area_m2) = lattice::cells_of(std::iter::once(at), resolution)?;
                Ok(Shape::Cell(shape, area_m2))
            }
        }
    }
}
