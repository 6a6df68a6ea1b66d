//! Contours of a density surface: isopleths as filled areas.
//!
//! **What it answers.** Which ground is at least so dense, and how much of the density a little of
//! the ground holds. Three kinds, of which a request names one:
//!
//! - `volume`: the smallest areas that hold 10, 25, 50 % … of the density. Cells are taken from the
//!   densest down until their volume, density times area, reaches the share.
//! - `levels_per_km2`: the ground at or above each density.
//! - `breaks_per_km2`: bands between fixed densities, which do not overlap and together tile the
//!   ground at or above the lowest. The classes are those of the request, not of the data, so that
//!   maps of different months compare: a quiet month shows less red.
//!
//! **Model.** Volume is summed over whole cells; cells of equal density stand or fall together, so
//! that a contour may hold more than its share, which it states (`volume_share`). The outline is that
//! of the cells (`cells`), or runs where the density, taken linearly between the centres of square
//! cells, equals the threshold (`smooth`: marching squares; a saddle goes by the mean of its four
//! corners; beyond the outermost centres the density is that of the cells next to them, or zero where
//! the surface ends because it is zero). Outlines are cut at the study area's boundary.
//!
//! **Nesting.** The 10 % area lies inside the 25 % area and so on, exactly, on the seven decimals that
//! leave: all outlines and the boundary are noded together before any ring is made. A smooth line may
//! be moved by a centimetre for it.
//!
//! **Counts.** `count` is the number of selected incidents inside the outline that leaves, boundary
//! included. Of two bands that share a line, an incident on the line counts in the denser.
//!
//! **Degenerate.** A surface that is zero everywhere has no contours, nor has a level above the peak;
//! the layer's provenance lists every contour asked for with its threshold and area.
//!
//! **How it can mislead.** An isopleth is not a test: half of the density of evenly spread incidents
//! lies in half of the ground, too; compare `volume_share` and `share_of_area`. A smooth outline looks
//! more precise than the cells it was drawn from. Volume contours move with the data; only fixed
//! breaks compare one month with another.
//!
//! **Complexity.** O(cells log cells) for the thresholds, O(edges log edges) for the outlines.
//!
//! **References.** Chainey & Ratcliffe 2005, *GIS and Crime Mapping* (fixed classes); Worton 1989,
//! doi 10.2307/1938423 (volume contours); Hobby 1999, doi 10.1016/S0925-7721(99)00021-8 (noding).
//! **Checked against** brute-force thresholds, and plain geometry for nesting, tiling and counts, by
//! property tests.

use std::collections::HashMap;

use geo::{MultiPolygon, Polygon};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::arrangement::{self, Arrangement, Piece};
use crate::ground;
use crate::hotspots::{self, EdgeEffect};
use crate::lattice::{Lattice, LatticeError};
use crate::methods::kernel_density as density;
use crate::plane::{self, Planar};
use crate::select::Selection;

/// Most contours of a layer.
pub const MAX_CONTOURS: usize = 32;

/// Fewest incidents that a share of them is stated of.
const SHARE_BASE: u64 = 20;

/// Which contours, and how they are drawn. Exactly one of the first three must be given.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Shares of the density, above 0 and at most 1, ascending: the smallest areas that hold them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume: Option<Vec<f64>>,
    /// Densities, incidents per km², ascending: the ground at or above each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub levels_per_km2: Option<Vec<f64>>,
    /// Fixed classes: densities, incidents per km², ascending; the bands between them, the last one
    /// open above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breaks_per_km2: Option<Vec<f64>>,
    /// How outlines run.
    #[serde(default)]
    pub outline: Outline,
}

/// How a contour's outline runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outline {
    /// Along the edges of whole cells: what is counted is what was measured.
    #[default]
    Cells,
    /// Where the density between the centres of square cells equals the threshold.
    Smooth,
}

impl Outline {
    /// The name used in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cells => "cells",
            Self::Smooth => "smooth",
        }
    }
}

/// What a set of contours is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Smallest areas that hold a share of the density.
    Volume,
    /// Ground at or above a density.
    Level,
    /// Bands between densities.
    Band,
}

/// A contour as asked for, whether or not any ground is so dense.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// Stable name: `volume-0.25`, `level-50`, `band-50-100`, `band-200`.
    pub id: String,
    /// The share of the density asked for, or the density, incidents per km².
    pub value: f64,
    /// The upper end of a band, incidents per km²; none for the last and for other kinds.
    pub upper_per_km2: Option<f64>,
    /// The least density of its ground, incidents per km²; none where nothing is dense.
    pub threshold_per_km2: Option<f64>,
    /// The ground, where there is any.
    pub contour: Option<Contour>,
}

/// A contour's ground.
#[derive(Debug, Clone, PartialEq)]
pub struct Contour {
    /// Outline, longitude and latitude, seven decimals.
    pub outline: MultiPolygon,
    /// Selected incidents inside.
    pub count: u32,
    /// The same, with hours by their shares in them.
    pub expected: f64,
    /// Share of the selected incidents of the study area, with hours of the expected ones; `None`
    /// where they are fewer than 20.
    pub share_of_incidents: Option<f64>,
    /// Planar area of the outline, m².
    pub area_m2: f64,
    /// Share of the study area; `None` where none is named.
    pub share_of_area: Option<f64>,
    /// Cells whose density qualifies.
    pub cells: usize,
    /// Share of the whole density that these cells hold.
    pub volume_share: f64,
    /// The boundary of the study area cuts it.
    pub cut_at_boundary: bool,
    /// Some of these cells are too low for want of data beyond the boundary, or lean on the
    /// correction for it.
    pub edge_effect: bool,
}

/// The contours of a surface.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// What they are.
    pub kind: Kind,
    /// How they were drawn.
    pub outline: Outline,
    /// All that were asked for, the widest first: drawn in this order the densest lies on top.
    pub asked: Vec<Asked>,
    /// Density times area over all cells, incidents.
    pub volume: f64,
}

/// Why contours cannot be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// None or several kinds.
    #[error(
        "contours needs exactly one of volume, levels_per_km2 and breaks_per_km2, there are {0}"
    )]
    Kinds(usize),
    /// A list that is empty or too long.
    #[error("contours.{field} has {count} values; give 1 to {MAX_CONTOURS}")]
    Length {
        /// The field.
        field: &'static str,
        /// How many there are.
        count: usize,
    },
    /// A value out of range.
    #[error("contours.{field} holds {value}; give {range}")]
    Value {
        /// The field.
        field: &'static str,
        /// The value.
        value: f64,
        /// What it may be.
        range: &'static str,
    },
    /// Values out of order.
    #[error(
        "contours.{field} has {second} after {first}; give each value once, in ascending order"
    )]
    Order {
        /// The field.
        field: &'static str,
        /// A value.
        first: f64,
        /// The one after it.
        second: f64,
    },
    /// Smooth outlines of hexagons.
    #[error(
        "contours.outline \"smooth\" is drawn between the centres of square cells, and this surface is of H3 cells; give method.cell_m, or leave the outline at \"cells\""
    )]
    NotSquare,
    /// The outlines cannot be noded.
    #[error(
        "the outlines cannot be drawn apart on seven decimals of a degree; choose larger cells or fewer contours"
    )]
    Unsettled,
    /// A cell or outline off the plane.
    #[error(transparent)]
    Lattice(#[from] LatticeError),
}

impl From<plane::OutsidePlane> for Error {
    fn from(source: plane::OutsidePlane) -> Self {
        Self::Lattice(LatticeError::Outside(source))
    }
}

impl Error {
    /// A stable code for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "invalid_contours"
    }
}

impl Params {
    fn checked(&self) -> Result<(Kind, &[f64]), Error> {
        let (kind, field, values) = match (&self.volume, &self.levels_per_km2, &self.breaks_per_km2)
        {
            (Some(v), None, None) => (Kind::Volume, "volume", v),
            (None, Some(v), None) => (Kind::Level, "levels_per_km2", v),
            (None, None, Some(v)) => (Kind::Band, "breaks_per_km2", v),
            (a, b, c) => {
                return Err(Error::Kinds(
                    [a, b, c].iter().filter(|v| v.is_some()).count(),
                ));
            }
        };
        if !(1..=MAX_CONTOURS).contains(&values.len()) {
            let count = values.len();
            return Err(Error::Length { field, count });
        }
        for &value in values {
            let (ok, range) = match kind {
                Kind::Volume => (value <= 1.0, "shares above 0 and at most 1"),
                _ => (value.is_finite(), "densities above 0"),
            };
            if !(value > 0.0 && ok) {
                return Err(Error::Value {
                    field,
                    value,
                    range,
                });
            }
        }
        if let Some(pair) = values.windows(2).find(|w| w[1] <= w[0]) {
            let (first, second) = (pair[0], pair[1]);
            return Err(Error::Order {
                field,
                first,
                second,
            });
        }
        Ok((kind, values))
    }
}

/// Makes the contours of a surface.
///
/// # Errors
/// [`Error`] for kinds that are missing or doubled, values out of range or order, and smooth
/// outlines of cells that are not square.
pub fn cut(
    selection: &Selection,
    surface: &density::Outcome,
    params: &Params,
) -> Result<Outcome, Error> {
    let (kind, values) = params.checked()?;
    let lattice = &surface.lattice;
    if params.outline == Outline::Smooth && lattice.squares().is_none() {
        return Err(Error::NotSquare);
    }
    let density = &surface.density_per_m2;
    let mut order: Vec<usize> = (0..density.len()).filter(|&c| density[c] > 0.0).collect();
    order.sort_unstable_by(|&a, &b| density[b].total_cmp(&density[a]).then(a.cmp(&b)));
    // Volume of the densest cells, one more each time.
    let mut volumes = Vec::with_capacity(order.len());
    let mut volume = 0.0;
    for &c in &order {
        volume += density[c] * lattice.area_m2(c)?;
        volumes.push(volume);
    }

    // Widest first.
    let widest_first: Vec<f64> = match kind {
        Kind::Volume => values.iter().rev().copied().collect(),
        _ => values.to_vec(),
    };
    let thresholds: Vec<Option<f64>> = widest_first
        .iter()
        .map(|&value| match kind {
            // 1e-12: a share must not ask for one more cell by the rounding of a sum.
            Kind::Volume => {
                let enough = volumes.partition_point(|v| *v < value * volume * (1.0 - 1e-12));
                order.get(enough).map(|&c| density[c])
            }
            _ => Some(value / 1e6),
        })
        .collect();
    // How many of the densest cells reach each threshold.
    let reaching: Vec<usize> = thresholds
        .iter()
        // 1e-12: equal sums of different cells may differ in their last bits, and stand or fall together.
        .map(|t| t.map_or(0, |t| order.partition_point(|&c| density[c] >= t * (1.0 - 1e-12))))
        .collect();

    let mut levels: Vec<Vec<Piece>> = Vec::with_capacity(thresholds.len());
    for (threshold, &cells) in thresholds.iter().zip(&reaching) {
        let mut hot = order[..cells].to_vec();
        hot.sort_unstable();
        levels.push(match (params.outline, threshold) {
            (_, None) => Vec::new(),
            (Outline::Cells, _) => along_cells(lattice, &hot)?,
            (Outline::Smooth, Some(t)) => smooth(surface, *t, selection.area.is_some())?,
        });
    }
    let boundary = selection
        .area
        .as_ref()
        .map(|a| arrangement::pieces(a.polygons()));
    let arrangement =
        Arrangement::new(&levels, boundary.as_deref()).map_err(|_| Error::Unsettled)?;
    let grounds: Vec<(MultiPolygon, bool)> = (0..levels.len() as u32)
        .map(|l| arrangement.region(|depth| depth > l))
        .collect();
    let shapes: Vec<&[Polygon]> = grounds.iter().map(|g| &g.0.0[..]).collect();
    let counts: Vec<(u32, f64)> = hotspots::members(selection, &shapes)
        .iter()
        .map(|m| {
            let expected = m.iter().map(|&l| selection.expected_at(l)).sum();
            (m.iter().map(|&l| selection.count_at(l)).sum(), expected)
        })
        .collect();
    let edges = EdgeEffect::new(selection, surface.reach_m());
    let low_at_edge: Vec<bool> = order[..reaching.iter().copied().max().unwrap_or(0)]
        .par_iter()
        .map(|&c| {
            surface
                .leans_on_correction(c)
                .unwrap_or_else(|| edges.at(lattice.centres()[c]))
        })
        .collect();

    let volume_of = |cells: usize| cells.checked_sub(1).map_or(0.0, |last| volumes[last]);
    let mut asked = Vec::with_capacity(levels.len());
    for (l, (ground, &value)) in grounds.into_iter().zip(&widest_first).enumerate() {
        let upper_per_km2 = match kind {
            Kind::Band => widest_first.get(l + 1).copied(),
            _ => None,
        };
        // A band ends where the next begins.
        let (inner_cells, inner_count) = match upper_per_km2 {
            Some(_) => (reaching[l + 1], counts[l + 1]),
            None => (0, (0, 0.0)),
        };
        let (outline, cut_at_boundary) = match upper_per_km2 {
            Some(_) => arrangement.region(|depth| depth == l as u32 + 1),
            None => ground,
        };
        let contour = if outline.0.is_empty() {
            None
        } else {
            let count = counts[l].0 - inner_count.0;
            let expected = (counts[l].1 - inner_count.1).max(0.0);
            let area_m2 = ground::planar_area_m2(&outline)?;
            Some(Contour {
                outline,
                count,
                expected,
                share_of_incidents: (selection.selected >= SHARE_BASE)
                    .then(|| expected / selection.expected),
                area_m2,
                share_of_area: selection.area.as_ref().map(|a| area_m2 / a.area_m2),
                cells: reaching[l] - inner_cells,
                volume_share: (volume_of(reaching[l]) - volume_of(inner_cells)) / volume,
                cut_at_boundary,
                edge_effect: low_at_edge[inner_cells..reaching[l]].contains(&true),
            })
        };
        let id = match (kind, upper_per_km2) {
            (Kind::Volume, _) => format!("volume-{value}"),
            (Kind::Level, _) => format!("level-{value}"),
            (Kind::Band, Some(upper)) => format!("band-{value}-{upper}"),
            (Kind::Band, None) => format!("band-{value}"),
        };
        asked.push(Asked {
            id,
            value,
            upper_per_km2,
            threshold_per_km2: thresholds[l].map(|t| t * 1e6),
            contour,
        });
    }
    Ok(Outcome {
        kind,
        outline: params.outline,
        asked,
        volume,
    })
}

/// The edges of some cells, ascending, that others of them do not share.
pub(crate) fn along_cells(lattice: &Lattice, hot: &[usize]) -> Result<Vec<Piece>, LatticeError> {
    let groups = lattice.components(hot);
    let outlines: Vec<Polygon> = groups
        .par_iter()
        .map(|group| lattice.outline(group))
        .collect::<Result<_, _>>()?;
    Ok(arrangement::pieces(&outlines))
}

/// Where the density between the centres of square cells equals a threshold, with the denser ground
/// on the left.
fn smooth(
    surface: &density::Outcome,
    threshold: f64,
    beyond_goes_on: bool,
) -> Result<Vec<Piece>, Error> {
    let Some(squares) = surface.lattice.squares() else {
        return Err(Error::NotSquare);
    };
    // Two rows and columns more on every side: one for what lies beyond the outermost centres, one
    // where all is zero, so that every line closes.
    let (columns, rows) = (squares.size.0 + 4, squares.size.1 + 4);
    let mut value = vec![None; columns * rows];
    for (&m, &d) in squares.members.iter().zip(&surface.density_per_m2) {
        let (c, r) = (m as usize % squares.size.0, m as usize / squares.size.0);
        value[(r + 2) * columns + c + 2] = Some(d);
    }
    let at = |i: usize| -> f64 {
        if let Some(d) = value[i] {
            return d;
        }
        let (c, r) = (i % columns, i / columns);
        if !beyond_goes_on || c == 0 || r == 0 || c + 1 == columns || r + 1 == rows {
            return 0.0;
        }
        let mean = |near: [usize; 4]| {
            let known: Vec<f64> = near.iter().filter_map(|&n| value[n]).collect();
            (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
        };
        mean([i - columns, i - 1, i + 1, i + columns])
            .or_else(|| {
                mean([
                    i - columns - 1,
                    i - columns + 1,
                    i + columns - 1,
                    i + columns + 1,
                ])
            })
            .unwrap_or(0.0)
    };
    let filled: Vec<f64> = (0..value.len()).map(at).collect();
    let centre = |i: usize| Planar {
        x: ((squares.first.0 - 2 + (i % columns) as i64) as f64 + 0.5) * squares.side,
        y: ((squares.first.1 - 2 + (i / columns) as i64) as f64 + 0.5) * squares.side,
    };
    // Where the line crosses between two centres, the lesser first: the same point from either side.
    let mut crossings: HashMap<(usize, usize), arrangement::Point> = HashMap::new();
    let mut crossing = |i: usize, j: usize| -> Result<arrangement::Point, Error> {
        let key = (i.min(j), i.max(j));
        if let Some(&p) = crossings.get(&key) {
            return Ok(p);
        }
        let (a, b) = (centre(key.0), centre(key.1));
        let share = (threshold - filled[key.0]) / (filled[key.1] - filled[key.0]);
        let p = plane::unproject(Planar {
            x: a.x + share * (b.x - a.x),
            y: a.y + share * (b.y - a.y),
        })?;
        let p = arrangement::point(p.coord());
        crossings.insert(key, p);
        Ok(p)
    };
    let mut pieces = Vec::new();
    for r in 0..rows - 1 {
        for c in 0..columns - 1 {
            let i = r * columns + c;
            let corners = [i, i + 1, i + columns + 1, i + columns];
            let hot = corners.map(|k| filled[k] >= threshold);
            if hot == [true; 4] || hot == [false; 4] {
                continue;
            }
            // Sides on which the ground becomes dense, going round anticlockwise, and sides on which
            // it ceases to be: lines run from where it ceases to where it begins.
            let ends: Vec<usize> = (0..4).filter(|&k| hot[k] && !hot[(k + 1) % 4]).collect();
            let begins: Vec<usize> = (0..4).filter(|&k| !hot[k] && hot[(k + 1) % 4]).collect();
            let middle = corners.iter().map(|&k| filled[k]).sum::<f64>() / 4.0;
            for &end in &ends {
                let after = |k: usize| (k + 4 - end) % 4;
                // With the middle dense a line cuts off the next corner; otherwise it goes around its own.
                let begin = if begins.len() == 2 && middle < threshold {
                    begins.iter().copied().max_by_key(|&k| after(k))
                } else {
                    begins.iter().copied().min_by_key(|&k| after(k))
                };
                let Some(begin) = begin else { continue };
                let piece = [
                    crossing(corners[end], corners[(end + 1) % 4])?,
                    crossing(corners[begin], corners[(begin + 1) % 4])?,
                ];
                if piece[0] != piece[1] {
                    pieces.push(piece);
                }
            }
        }
    }
    Ok(pieces)
}
