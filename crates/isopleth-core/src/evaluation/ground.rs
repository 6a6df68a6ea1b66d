//! How much ground each cell has inside the study area.

use geo::{LineString, Polygon};
use rayon::prelude::*;

use crate::ground::StudyArea;
use crate::lattice::Lattice;
use crate::plane::{OutsidePlane, Planar};

/// Of each cell of a study area's lattice the area inside, m². They add up to the study area.
///
/// # Errors
/// [`OutsidePlane`] if a corner lies off the plane.
pub(crate) fn areas_m2(area: &StudyArea, lattice: &Lattice) -> Result<Vec<f64>, OutsidePlane> {
    (0..lattice.len())
        .into_par_iter()
        .map(|c| {
            let corners = lattice.corners(c)?;
            if area.boundary_meets(&corners) {
                Ok(inside_m2(area.planar(), &corners))
            } else {
                Ok(twice_signed(&relative(&corners)).abs() / 2.0)
            }
        })
        .collect()
}

/// Corners relative to the first: national coordinates would cost digits.
fn relative(corners: &[Planar]) -> Vec<(f64, f64)> {
    let first = corners[0];
    corners
        .iter()
        .map(|p| (p.x - first.x, p.y - first.y))
        .collect()
}

fn twice_signed(ring: &[(f64, f64)]) -> f64 {
    (0..ring.len())
        .map(|i| {
            let (a, b) = (ring[i], ring[(i + 1) % ring.len()]);
            a.0 * b.1 - b.0 * a.1
        })
        .sum()
}

/// Area that polygons and a convex polygon share. Cutting a ring along one side after the other leaves
/// seams along the sides where it falls into parts; they run back on themselves and have no area.
fn inside_m2(polygons: &[Polygon], convex: &[Planar]) -> f64 {
    let mut sides = relative(convex);
    if twice_signed(&sides) < 0.0 {
        sides.reverse();
    }
    let origin = convex[0];
    let ring_m2 = |ring: &LineString| -> f64 {
        let open = &ring.0[..ring.0.len().saturating_sub(1)];
        let mut points: Vec<(f64, f64)> = open
            .iter()
            .map(|c| (c.x - origin.x, c.y - origin.y))
            .collect();
        for i in 0..sides.len() {
            points = cut(&points, sides[i], sides[(i + 1) % sides.len()]);
        }
        twice_signed(&points).abs() / 2.0
    };
    polygons
        .iter()
        .map(|p| {
            let holes: f64 = p.interiors().iter().map(ring_m2).sum();
            (ring_m2(p.exterior()) - holes).max(0.0)
        })
        .sum()
}

/// What of a ring lies to the left of a line (Sutherland and Hodgman).
fn cut(ring: &[(f64, f64)], a: (f64, f64), b: (f64, f64)) -> Vec<(f64, f64)> {
    let side = |p: (f64, f64)| (b.0 - a.0) * (p.1 - a.1) - (b.1 - a.1) * (p.0 - a.0);
    let mut out = Vec::new();
    let Some(&last) = ring.last() else {
        return out;
    };
    let (mut p, mut sp) = (last, side(last));
    for &q in ring {
        let sq = side(q);
        if (sp >= 0.0) != (sq >= 0.0) {
            let t = sp / (sp - sq);
            out.push((p.0 + t * (q.0 - p.0), p.1 + t * (q.1 - p.1)));
        }
        if sq >= 0.0 {
            out.push(q);
        }
        (p, sp) = (q, sq);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use geo::{Area, BooleanOps, polygon};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn as_an_overlay_has_it(x in -3.0_f64..5.0, y in -3.0_f64..5.0, side in 0.3_f64..6.0, turned: bool) {
            // A horseshoe with a hole, so that the cell can cut it into parts.
            let shape = polygon!(
                exterior: [(x: 0.0, y: 0.0), (x: 6.0, y: 0.0), (x: 6.0, y: 4.0), (x: 4.0, y: 4.0), (x: 4.0, y: 2.0), (x: 2.0, y: 2.0), (x: 2.0, y: 4.0), (x: 0.0, y: 4.0)],
                interiors: [[(x: 0.5, y: 0.5), (x: 0.5, y: 1.5), (x: 5.5, y: 1.5), (x: 5.5, y: 0.5)]],
            );
            let mut corners = [(x, y), (x + side, y + 0.3 * side), (x + 0.7 * side, y + side), (x - 0.3 * side, y + 0.7 * side)];
            if turned {
                corners.reverse();
            }
            let cell = Polygon::new(LineString::from(corners.to_vec()), vec![]);
            let expected = shape.intersection(&cell).unsigned_area();
            let found = inside_m2(&[shape], &corners.map(|(x, y)| Planar { x, y }));
            prop_assert!((found - expected).abs() < 1e-6, "{} {}", found, expected);
        }
    }
}
