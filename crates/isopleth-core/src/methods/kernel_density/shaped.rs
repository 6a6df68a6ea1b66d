//! Surfaces whose bandwidth differs from place to place, or that are corrected at the edge.

use rayon::prelude::*;

use super::{Adaptive, Error, MAX_BANDWIDTH_M, Params, least_bandwidth_m};
use crate::bandwidth;
use crate::edge::{Correction, Window};
use crate::estimate::{Abramson, Estimate, Nearest, share};
use crate::lattice::{Lattice, Tiling};
use crate::plane::Planar;
use crate::select::Selection;
use crate::surface;

/// What became of the edge.
#[derive(Debug, Clone, PartialEq)]
pub struct EdgeMass {
    /// The correction.
    pub correction: Correction,
    /// Share of the kernel's mass at each cell's centre that lies in the study area.
    pub mass: Vec<f64>,
}

/// Bandwidths that differ from incident to incident.
#[derive(Debug, Clone, PartialEq)]
pub struct Spread {
    /// The rule.
    pub adaptive: Adaptive,
    /// Bandwidth of the pilot density, metres; none for nearest neighbours.
    pub pilot_m: Option<f64>,
    /// Least, median and greatest over the locations of the study area, metres.
    pub least_m: f64,
    /// See [`Spread::least_m`].
    pub median_m: f64,
    /// See [`Spread::least_m`].
    pub greatest_m: f64,
    /// The floor, metres.
    pub floor_m: f64,
    /// Locations of the study area raised to the floor.
    pub floored: usize,
    /// Greatest bandwidth of any incident that was used, also beyond the study area, metres.
    pub reach_by_m: f64,
}

pub(super) struct Shaped {
    pub lattice: Lattice,
    pub density_per_m2: Vec<f64>,
    pub edge: Option<EdgeMass>,
    pub spread: Option<Spread>,
}

/// The bandwidth of an incident, and the one that an incident at any place would have.
enum Shape {
    Fixed(f64),
    Abramson {
        rule: Abramson,
        pilot: Estimate,
        pilot_m: f64,
        floor_m: f64,
    },
    Nearest {
        nearest: Nearest,
        floor_m: f64,
    },
}

/// Where densities are made.
struct Scene<'a> {
    params: &'a Params,
    window: Option<Window>,
}

impl Scene<'_> {
    /// The window, where a correction of this kind is wanted.
    fn window_for(&self, correction: Correction) -> Option<&Window> {
        self.window
            .as_ref()
            .filter(|_| self.params.edge_correction == correction)
    }

    /// Points with weights corrected one by one, if that is what is wanted.
    fn weighted(&self, points: &[(Planar, f64, u32)], bandwidths_m: &[f64]) -> Vec<(Planar, f64)> {
        let window = self.window_for(Correction::Diggle);
        points
            .par_iter()
            .zip(bandwidths_m)
            .map(|(&(p, w, _), &h)| match window {
                Some(window) => (p, share(w, window.mass(self.params.kernel, h, p))),
                None => (p, w),
            })
            .collect()
    }

    fn pilot_at(&self, pilot: &Estimate, pilot_m: f64, at: Planar) -> f64 {
        let raw = pilot.at(at);
        match self.window_for(Correction::Uniform) {
            Some(window) => share(raw, window.mass(self.params.kernel, pilot_m, at)),
            None => raw,
        }
    }

    /// The bandwidth at a place; `own` incidents of it are not their own neighbours.
    fn bandwidth_m(&self, shape: &Shape, at: Planar, own: u32) -> f64 {
        match shape {
            Shape::Fixed(h) => *h,
            Shape::Abramson {
                rule,
                pilot,
                pilot_m,
                floor_m,
            } => rule
                .bandwidth_m(self.pilot_at(pilot, *pilot_m, at))
                .max(*floor_m),
            Shape::Nearest { nearest, floor_m } => nearest
                .distance_m(at, own)
                .unwrap_or(MAX_BANDWIDTH_M)
                .clamp(*floor_m, MAX_BANDWIDTH_M),
        }
    }
}

/// Makes the surface. The bandwidth is none where nothing is selected, and for nearest neighbours.
pub(super) fn surface(
    selection: &Selection,
    params: &Params,
    tiling: Tiling,
    bandwidth_m: Option<f64>,
    mut points: Vec<(Planar, f64, u32)>,
) -> Result<Shaped, Error> {
    let kernel = params.kernel;
    let correction = params.edge_correction;
    let window = match (&selection.area, correction) {
        (_, Correction::None) => None,
        (Some(area), _) => area.window(),
        (None, _) => None,
    };
    if correction != Correction::None {
        if window.is_none() {
            return Err(Error::EdgeNeedsArea {
                correction: correction.name(),
            });
        }
        points.retain(|p| selection.is_inside(p.2));
    }
    let scene = Scene { params, window };
    let locations = selection.incidents().locations();
    let least_m = least_bandwidth_m(kernel, tiling);
    let shape = match (params.adaptive, bandwidth_m) {
        _ if selection.selected == 0 => None,
        (Adaptive::None, h) => h.map(Shape::Fixed),
        (Adaptive::Abramson { pilot_m }, Some(h0)) => {
            let pilot_m = pilot_m.unwrap_or(h0);
            if let Some(area) = &selection.area {
                // No incident beyond these can reach a cell, nor the pilot of one that can.
                let far = (5.0 * h0 + pilot_m) * kernel.support() + 2.0 * tiling.spacing_m();
                let (lo, hi) = area.planar_bounds();
                points.retain(|(p, ..)| {
                    p.x >= lo.x - far && p.x <= hi.x + far && p.y >= lo.y - far && p.y <= hi.y + far
                });
            }
            let of_pilot = scene.weighted(&points, &vec![pilot_m; points.len()]);
            let pilot = Estimate::fixed(kernel, pilot_m, &of_pilot);
            let inside: Vec<(f64, f64)> = points
                .par_iter()
                .filter(|p| selection.is_inside(p.2))
                .map(|&(p, w, _)| (scene.pilot_at(&pilot, pilot_m, p), w))
                .collect();
            let floor_m = spacing_floor_m(selection, params).max(least_m).min(h0);
            Abramson::new(h0, &inside).map(|rule| Shape::Abramson {
                rule,
                pilot,
                pilot_m,
                floor_m,
            })
        }
        (Adaptive::Nearest(k), _) => {
            let counted: Vec<(Planar, u32)> = selection
                .locations()
                .filter(|(l, _)| correction == Correction::None || selection.is_inside(*l))
                .map(|(l, n)| (locations[l as usize].planar(), n))
                .collect();
            let incidents: u64 = counted.iter().map(|c| u64::from(c.1)).sum();
            if incidents <= u64::from(k) {
                return Err(Error::TooFewNeighbours { k, incidents });
            }
            Some(Shape::Nearest {
                nearest: Nearest::new(&counted, k),
                floor_m: spacing_floor_m(selection, params).max(least_m),
            })
        }
        (Adaptive::Abramson { .. }, None) => None,
    };
    let Some(shape) = shape else {
        return nothing(selection, params, tiling, &scene, bandwidth_m);
    };
    let bandwidths_m: Vec<f64> = points
        .par_iter()
        .map(|&(p, ..)| scene.bandwidth_m(&shape, p, 1))
        .collect();
    let widest = bandwidths_m.iter().copied().fold(0.0, f64::max);
    let mut lattice = match &selection.area {
        Some(area) => Lattice::of_area(tiling, area)?,
        None => Lattice::around(tiling, &points, widest * kernel.support())?,
    };
    let weighted = scene.weighted(&points, &bandwidths_m);
    let mut density = match shape {
        Shape::Fixed(h) => {
            let points: Vec<(Planar, f64, u32)> = weighted
                .iter()
                .zip(&points)
                .map(|(&(p, w), &(.., l))| (p, w, l))
                .collect();
            surface::density(&lattice, kernel, h, &points)
        }
        _ => Estimate::varying(kernel, &weighted, &bandwidths_m).at_all(lattice.centres()),
    };
    let edge = scene.window.as_ref().map(|window| {
        let mass: Vec<f64> = lattice
            .centres()
            .par_iter()
            .map(|&at| window.mass(kernel, scene.bandwidth_m(&shape, at, 0), at))
            .collect();
        EdgeMass { correction, mass }
    });
    match &edge {
        Some(edge) if correction == Correction::Uniform => {
            for (value, mass) in density.iter_mut().zip(&edge.mass) {
                *value = share(*value, *mass);
            }
        }
        _ => {}
    }
    if selection.area.is_none() {
        let keep: Vec<bool> = density.iter().map(|d| *d > 0.0).collect();
        lattice.retain(&keep);
        density.retain(|d| *d > 0.0);
    }
    let spread = spread(selection, params, &shape, &points, &bandwidths_m, widest);
    Ok(Shaped {
        lattice,
        density_per_m2: density,
        edge,
        spread,
    })
}

/// A surface of zeros, where nothing is selected.
fn nothing(
    selection: &Selection,
    params: &Params,
    tiling: Tiling,
    scene: &Scene,
    bandwidth_m: Option<f64>,
) -> Result<Shaped, Error> {
    let lattice = match &selection.area {
        Some(area) => Lattice::of_area(tiling, area)?,
        None => Lattice::around(tiling, &[], 0.0)?,
    };
    let edge = scene.window.as_ref().map(|window| EdgeMass {
        correction: params.edge_correction,
        mass: lattice
            .centres()
            .par_iter()
            .map(|&at| {
                // Without a bandwidth a kernel has no extent.
                bandwidth_m.map_or(1.0, |h| window.mass(params.kernel, h, at))
            })
            .collect(),
    });
    Ok(Shaped {
        density_per_m2: vec![0.0; lattice.len()],
        lattice,
        edge,
        spread: None,
    })
}

/// Twice the median spacing of the study area's locations, in the kernel's terms; 0 where it is not
/// defined.
fn spacing_floor_m(selection: &Selection, params: &Params) -> f64 {
    let locations = selection.incidents().locations();
    let distinct: Vec<Planar> = selection
        .locations_inside()
        .map(|(l, _)| locations[l as usize].planar())
        .collect();
    bandwidth::floor_m(&distinct)
        .filter(|f| f.is_finite())
        .map_or(0.0, |sigma| sigma * params.kernel.radius_per_sigma())
}

fn spread(
    selection: &Selection,
    params: &Params,
    shape: &Shape,
    points: &[(Planar, f64, u32)],
    bandwidths_m: &[f64],
    widest: f64,
) -> Option<Spread> {
    let (pilot_m, floor_m) = match shape {
        Shape::Fixed(_) => return None,
        Shape::Abramson {
            pilot_m, floor_m, ..
        } => (Some(*pilot_m), *floor_m),
        Shape::Nearest { floor_m, .. } => (None, *floor_m),
    };
    let mut inside: Vec<f64> = points
        .iter()
        .zip(bandwidths_m)
        .filter(|(p, _)| selection.is_inside(p.2))
        .map(|(_, h)| *h)
        .collect();
    inside.sort_unstable_by(f64::total_cmp);
    Some(Spread {
        adaptive: params.adaptive,
        pilot_m,
        least_m: *inside.first()?,
        median_m: inside[inside.len() / 2],
        greatest_m: *inside.last()?,
        floor_m,
        floored: inside.iter().filter(|h| **h <= floor_m).count(),
        reach_by_m: widest,
    })
}
