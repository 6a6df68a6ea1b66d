//! Densities at any place of the plane, with a bandwidth for each point and corrected at the edge.
//!
//! **Model.** λ(s) = Σᵢ wᵢ·c/hᵢ²·k(‖s − xᵢ‖/hᵢ). Bandwidths that differ from point to point follow one
//! of two rules.
//!
//! *Abramson* (1982, doi 10.1214/aos/1176345986): hᵢ = h₀·min(f̃(xᵢ)^(−1/2), 5G)/G with f̃ a pilot density
//! of fixed bandwidth and G the geometric mean of f̃^(−1/2) over the incidents. Sharp where incidents
//! are dense, broad where they are few; h₀ stays the typical bandwidth, and none exceeds 5·h₀ (the
//! trimming and the pilot are those of the R package sparr: the pilot includes the incident itself).
//!
//! *Nearest*: hᵢ is the distance to the k-th nearest other incident; incidents at the same place are
//! neighbours at distance 0 (Silverman 1986, §5.2).
//!
//! Both have a floor, and the nearest neighbour's cannot do without one: at a stack of k + 1 incidents
//! the distance is 0 and the density not defined.
//!
//! **At the edge** see [`crate::edge`]. A correction of each incident uses its own bandwidth; a uniform
//! one the bandwidth that an incident at the place itself would have.
//!
//! **Complexity.** Points are kept in classes of bandwidth, each doubling the last, and a sum looks at
//! the points of each class within the class's reach: at most four times as many as contribute where
//! points are even. Sums run over classes, buckets and points in one order.

use rayon::prelude::*;
use rstar::primitives::GeomWithData;
use rstar::{PointDistance, RTree};

use crate::edge::{Correction, Window};
use crate::index::PointGrid;
use crate::kernel::Kernel;
use crate::plane::Planar;

/// Points of a class, as a grid takes them.
type Members = Vec<(Planar, f64, u32)>;

/// Weighted points with a bandwidth each, ready for sums at any place.
#[derive(Debug, Clone)]
pub struct Estimate {
    kernel: Kernel,
    /// By class: reach and points.
    classes: Vec<(f64, PointGrid)>,
    /// By point: 1/h² and weight·c/h².
    terms: Vec<(f64, f64)>,
}

impl Estimate {
    /// Points of one bandwidth.
    #[must_use]
    pub fn fixed(kernel: Kernel, bandwidth_m: f64, points: &[(Planar, f64)]) -> Self {
        Self::varying(kernel, points, &vec![bandwidth_m; points.len()])
    }

    /// Points with a bandwidth each; a point whose bandwidth is not a positive number adds nothing.
    #[must_use]
    pub fn varying(kernel: Kernel, points: &[(Planar, f64)], bandwidths_m: &[f64]) -> Self {
        let usable = |h: f64| h.is_finite() && h > 0.0;
        let least = bandwidths_m
            .iter()
            .copied()
            .filter(|h| usable(*h))
            .fold(f64::INFINITY, f64::min);
        let mut members: Vec<(f64, Members)> = Vec::new();
        let mut terms = Vec::with_capacity(points.len());
        for (i, (&(p, weight), &h)) in points.iter().zip(bandwidths_m).enumerate() {
            if !usable(h) {
                terms.push((0.0, 0.0));
                continue;
            }
            let inverse = 1.0 / (h * h);
            terms.push((inverse, weight * kernel.constant() * inverse));
            let class = (h / least).log2().floor().max(0.0) as usize;
            if members.len() <= class {
                members.resize(class + 1, (0.0, Vec::new()));
            }
            let (reach, list) = &mut members[class];
            *reach = reach.max(h * kernel.support());
            list.push((p, 1.0, i as u32));
        }
        Self {
            kernel,
            classes: members
                .into_iter()
                .filter(|m| !m.1.is_empty())
                .map(|(reach, list)| (reach, PointGrid::new(&list, reach)))
                .collect(),
            terms,
        }
    }

    /// The density at a place, uncorrected.
    #[must_use]
    pub fn at(&self, at: Planar) -> f64 {
        let end = self.kernel.support() * self.kernel.support();
        let mut sum = 0.0;
        for (reach, grid) in &self.classes {
            grid.each_within(at, *reach, |i, p, _| {
                let (inverse, height) = self.terms[i as usize];
                let u2 = p.distance_2(at) * inverse;
                if u2 < end {
                    sum += height * self.kernel.at(u2);
                }
            });
        }
        sum
    }

    /// The density at many places, uncorrected.
    #[must_use]
    pub fn at_all(&self, places: &[Planar]) -> Vec<f64> {
        places.par_iter().map(|&p| self.at(p)).collect()
    }

    /// The density at a point less what the point itself adds.
    #[must_use]
    pub fn without(&self, index: usize, at: Planar) -> f64 {
        let own = self.terms[index].1 * self.kernel.at(0.0);
        (self.at(at) - own).max(0.0)
    }
}

/// The density of points of one bandwidth at places of the plane, corrected by the window.
///
/// A place that no mass of the window reaches has density 0.
#[must_use]
pub fn corrected(
    kernel: Kernel,
    bandwidth_m: f64,
    points: &[(Planar, f64)],
    window: &Window,
    correction: Correction,
    places: &[Planar],
) -> Vec<f64> {
    let raw = match correction {
        Correction::Diggle => Estimate::fixed(
            kernel,
            bandwidth_m,
            &points
                .par_iter()
                .map(|&(p, w)| (p, share(w, window.mass(kernel, bandwidth_m, p))))
                .collect::<Vec<_>>(),
        ),
        _ => Estimate::fixed(kernel, bandwidth_m, points),
    };
    places
        .par_iter()
        .map(|&p| match correction {
            Correction::Uniform => share(raw.at(p), window.mass(kernel, bandwidth_m, p)),
            _ => raw.at(p),
        })
        .collect()
}

/// A value over the kernel's mass inside; 0 where there is none.
pub(crate) fn share(value: f64, mass: f64) -> f64 {
    if mass > 0.0 { value / mass } else { 0.0 }
}

/// Abramson's rule, ready to give the bandwidth at any place from the pilot density there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Abramson {
    /// The typical bandwidth h₀, metres.
    pub typical_m: f64,
    /// Geometric mean of f̃^(−1/2) over the incidents.
    pub geometric_mean: f64,
}

impl Abramson {
    /// From the pilot density at weighted points. `None` where no point has weight.
    #[must_use]
    pub fn new(typical_m: f64, pilot: &[(f64, f64)]) -> Option<Self> {
        let (mut weight, mut logs) = (0.0, 0.0);
        for &(density, w) in pilot {
            if w > 0.0 && density > 0.0 {
                weight += w;
                logs -= 0.5 * w * density.ln();
            }
        }
        (weight > 0.0).then(|| Self {
            typical_m,
            geometric_mean: (logs / weight).exp(),
        })
    }

    /// The bandwidth where the pilot density is this, metres.
    #[must_use]
    pub fn bandwidth_m(&self, pilot: f64) -> f64 {
        let relative = pilot.powf(-0.5) / self.geometric_mean;
        self.typical_m * relative.min(5.0)
    }
}

/// Distances to the k-th nearest incident, counting how many lie at each place.
#[derive(Debug)]
pub struct Nearest {
    tree: RTree<GeomWithData<[f64; 2], u32>>,
    k: u64,
}

impl Nearest {
    /// For distinct places with the number of incidents at each.
    #[must_use]
    pub fn new(places: &[(Planar, u32)], k: u32) -> Self {
        Self {
            tree: RTree::bulk_load(
                places
                    .iter()
                    .map(|(p, n)| GeomWithData::new([p.x, p.y], *n))
                    .collect(),
            ),
            k: k.into(),
        }
    }

    /// The distance from a place to the k-th nearest incident after the first `own`, metres; `None`
    /// if there are fewer. With `own` 1 the place is an incident's own.
    #[must_use]
    pub fn distance_m(&self, at: Planar, own: u32) -> Option<f64> {
        let at = [at.x, at.y];
        let mut left = self.k + u64::from(own);
        for place in self.tree.nearest_neighbor_iter(at) {
            left = left.saturating_sub(place.data.into());
            if left == 0 {
                return Some(place.distance_2(&at).sqrt());
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sums_equal_direct_summation(
            points in prop::collection::vec((-500_i32..500, -500_i32..500, 0_u32..4, 5_u32..900), 0..60),
            x in -700_i32..700, y in -700_i32..700, gaussian: bool,
        ) {
            let kernel = if gaussian { Kernel::Gaussian } else { Kernel::Quartic };
            let at = Planar { x: x.into(), y: y.into() };
            let of: Vec<(Planar, f64)> = points.iter()
                .map(|&(x, y, w, _)| (Planar { x: x.into(), y: y.into() }, w.into())).collect();
            let h: Vec<f64> = points.iter().map(|p| p.3.into()).collect();
            let expected: f64 = of.iter().zip(&h).map(|((p, w), h)| {
                let u2 = p.distance_2(at) / (h * h);
                if u2.sqrt() < kernel.support() { w * kernel.constant() / (h * h) * kernel.at(u2) } else { 0.0 }
            }).sum();
            let made = Estimate::varying(kernel, &of, &h).at(at);
            prop_assert!((made - expected).abs() <= 1e-12 * expected.max(1e-9), "{} {}", made, expected);
        }

        #[test]
        fn nearest_counts_every_incident(
            places in prop::collection::hash_map((-30_i32..30, -30_i32..30), 1_u32..5, 1..30), k in 1_u32..12,
        ) {
            let places: Vec<(Planar, u32)> = places.into_iter()
                .map(|((x, y), n)| (Planar { x: x.into(), y: y.into() }, n)).collect();
            let nearest = Nearest::new(&places, k);
            for &(at, _) in &places {
                let mut all: Vec<f64> = places.iter()
                    .flat_map(|(p, n)| std::iter::repeat_n(p.distance_2(at).sqrt(), *n as usize)).collect();
                all.sort_by(f64::total_cmp);
                // The first of them is the incident itself.
                prop_assert_eq!(nearest.distance_m(at, 1), all.get(k as usize).copied());
                prop_assert_eq!(nearest.distance_m(at, 0), all.get(k as usize - 1).copied());
            }
        }
    }
}
