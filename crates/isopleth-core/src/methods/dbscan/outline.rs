//! What a cluster looks like on a map.

use geo::algorithm::{Area, unary_union};
use geo::concave_hull::ConcaveHullOptions;
use geo::{
    ConcaveHull, ConvexHull, Coord, LineString, MultiPoint, MultiPolygon, Polygon, Validation,
};
use serde::{Deserialize, Serialize};

use crate::domain::LonLat;
use crate::lattice::{self, LatticeError, tidy};
use crate::plane::{self, OutsidePlane, Planar};

/// How the outlines of clusters are drawn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outline {
    /// The smallest convex polygon that holds the cluster's locations.
    #[default]
    ConvexHull,
    /// A hull that follows the locations inwards where its edges are longer than the radius
    /// (concaveman, concavity 2).
    ConcaveHull,
    /// The discs of the radius around the cluster's cores, dissolved.
    Buffer,
    /// The H3 cells that hold the cluster's locations, dissolved.
    H3Cells,
}

impl Outline {
    /// The name used in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ConvexHull => "convex_hull",
            Self::ConcaveHull => "concave_hull",
            Self::Buffer => "buffer",
            Self::H3Cells => "h3_cells",
        }
    }
}

/// Corners of a disc. Its sides touch the circle from outside, so that the disc holds what is no
/// farther than the radius; its area is 0.2 % more than the circle's.
const CORNERS: u32 = 48;

/// A hull of less than this is a line: locations are known to the millimetre, and no hotspot is
/// smaller than this.
const LEAST_HULL_M2: f64 = 1.0;

/// A location of a cluster.
pub(super) struct Member {
    pub(super) planar: Planar,
    pub(super) position: LonLat,
    pub(super) core: bool,
}

/// An outline that was drawn.
pub(super) struct Drawn {
    /// How: what was asked for, or what stands in for it.
    pub(super) outline: Outline,
    /// Longitude and latitude.
    pub(super) shape: MultiPolygon,
    /// Planar area, m².
    pub(super) area_m2: f64,
}

/// Draws the outline of a cluster.
pub(super) fn draw(
    members: &[Member],
    outline: Outline,
    radius_m: f64,
    resolution: h3o::Resolution,
) -> Result<Drawn, LatticeError> {
    let points = || -> MultiPoint {
        let at = members.iter().map(|m| (m.planar.x, m.planar.y));
        at.collect::<Vec<_>>().into()
    };
    match outline {
        Outline::H3Cells => {
            let (shape, area_m2) =
                lattice::cells_of(members.iter().map(|m| m.position), resolution)?;
            return Ok(Drawn {
                outline,
                shape,
                area_m2,
            });
        }
        Outline::ConcaveHull if members.len() >= 4 => {
            let hull = points().concave_hull_with_options(ConcaveHullOptions {
                concavity: 2.0,
                length_threshold: radius_m,
            });
            // Where the hull would touch itself the convex one stands in.
            if hull.unsigned_area() >= LEAST_HULL_M2
                && let drawn = drawn(outline, hull.into())?
                && drawn.shape.is_valid()
            {
                return Ok(drawn);
            }
        }
        _ => {}
    }
    if outline != Outline::Buffer {
        let hull = points().convex_hull();
        if hull.unsigned_area() >= LEAST_HULL_M2 {
            return Ok(drawn(Outline::ConvexHull, hull.into())?);
        }
    }
    // Cores are connected within the radius, so their discs are one polygon.
    let discs: Vec<Polygon> = members
        .iter()
        .filter(|m| m.core)
        .map(|m| disc(m.planar, radius_m))
        .collect();
    Ok(drawn(Outline::Buffer, unary_union(&discs))?)
}

/// A disc around a position.
fn disc(at: Planar, radius_m: f64) -> Polygon {
    let step = std::f64::consts::TAU / f64::from(CORNERS);
    let radius = radius_m / (step / 2.0).cos();
    let ring: LineString = (0..CORNERS)
        .map(|i| {
            let (sin, cos) = (step * f64::from(i)).sin_cos();
            Coord {
                x: at.x + radius * cos,
                y: at.y + radius * sin,
            }
        })
        .collect();
    Polygon::new(ring, vec![])
}

/// An outline of the plane as it leaves.
fn drawn(outline: Outline, shape: MultiPolygon) -> Result<Drawn, OutsidePlane> {
    let area_m2 = shape.unsigned_area();
    let ring = |ring: &LineString| -> Result<LineString, OutsidePlane> {
        ring.coords()
            .map(|c| Ok(plane::unproject(Planar { x: c.x, y: c.y })?.coord()))
            .collect()
    };
    let mut polygons = Vec::with_capacity(shape.0.len());
    for polygon in &shape {
        let holes = polygon.interiors().iter().map(ring);
        let outside = ring(polygon.exterior())?;
        polygons.push(tidy(&Polygon::new(
            outside,
            holes.collect::<Result<_, _>>()?,
        )));
    }
    Ok(Drawn {
        outline,
        shape: MultiPolygon(polygons),
        area_m2,
    })
}
