//! Circles around every place, each place joining in the order of its distance.

use rayon::prelude::*;

use super::study::StudyError;
use crate::index::PointGrid;
use crate::plane::Planar;

/// Most pairs of a centre and a place in one of its circles that are kept: 400 MB.
pub const MAX_PAIRS: usize = 100_000_000;

/// Centres that are looked at before their pairs are counted.
const CHUNK: usize = 512;

/// The circles of all centres. Places at one distance from a centre enter its circles together.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Circles {
    /// Where each centre's places begin.
    starts: Vec<usize>,
    /// Places by distance from their centre, those of one distance in their own order.
    places: Vec<u32>,
    /// Where each centre's circles begin.
    firsts: Vec<usize>,
    /// How many of the centre's places each circle holds, rising.
    sizes: Vec<u32>,
}

/// The places and sizes of the circles around one centre.
type Around = (Vec<u32>, Vec<u32>);

impl Circles {
    /// Circles no wider than a radius that hold no more than a share of all weight.
    pub(super) fn new(
        points: &[(f64, f64)],
        weights: &[f64],
        max_radius: Option<f64>,
        max_share: f64,
    ) -> Result<Self, StudyError> {
        // A hair to spare for sums of fractions: exactly half is half.
        let most = weights.iter().sum::<f64>() * max_share * (1.0 + 1e-12);
        let at = |i: u32| Planar {
            x: points[i as usize].0,
            y: points[i as usize].1,
        };
        let all: Vec<u32> = (0..points.len() as u32).collect();
        let listed: Vec<(Planar, f64, u32)> = all.iter().map(|&i| (at(i), 1.0, i)).collect();
        // A radius of nothing still takes places at one position together.
        let grid = max_radius.map(|r| PointGrid::new(&listed, r.max(f64::MIN_POSITIVE)));
        let around = |&centre: &u32| -> Around {
            let mut near: Vec<(f64, u32)> = Vec::new();
            match (&grid, max_radius) {
                (Some(grid), Some(radius)) => {
                    grid.each_within(at(centre), radius, |i, p, _| {
                        near.push((p.distance_2(at(centre)), i));
                    });
                }
                _ => near.extend(all.iter().map(|&i| (at(i).distance_2(at(centre)), i))),
            }
            near.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            let mut sizes = Vec::new();
            let (mut size, mut weight) = (0, 0.0);
            for ring in near.chunk_by(|a, b| a.0 == b.0) {
                weight += ring.iter().map(|r| weights[r.1 as usize]).sum::<f64>();
                if weight > most {
                    break;
                }
                size += ring.len();
                sizes.push(size as u32);
            }
            near.truncate(size);
            (near.into_iter().map(|n| n.1).collect(), sizes)
        };
        let mut circles = Self {
            starts: vec![0],
            places: Vec::new(),
            firsts: vec![0],
            sizes: Vec::new(),
        };
        for centres in all.chunks(CHUNK) {
            let found: Vec<Around> = centres.par_iter().map(around).collect();
            for (places, sizes) in found {
                circles.places.extend(places);
                circles.sizes.extend(sizes);
                circles.starts.push(circles.places.len());
                circles.firsts.push(circles.sizes.len());
            }
            if circles.places.len() > MAX_PAIRS {
                return Err(StudyError::TooManyPairs);
            }
        }
        Ok(circles)
    }

    pub(super) fn centres(&self) -> usize {
        self.starts.len() - 1
    }

    /// Number of circles in all.
    pub(super) fn len(&self) -> usize {
        self.sizes.len()
    }

    /// The places around a centre, by distance.
    pub(super) fn places(&self, centre: usize) -> &[u32] {
        &self.places[self.starts[centre]..self.starts[centre + 1]]
    }

    /// How many of these places each of its circles holds.
    pub(super) fn sizes(&self, centre: usize) -> &[u32] {
        &self.sizes[self.firsts[centre]..self.firsts[centre + 1]]
    }

    /// The number of the first circle around a centre.
    pub(super) fn first(&self, centre: usize) -> usize {
        self.firsts[centre]
    }
}
