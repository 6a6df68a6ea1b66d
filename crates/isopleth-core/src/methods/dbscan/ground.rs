//! Where points lie: which cell, and at which coordinates distances are taken.

use super::EARTH_RADIUS_M;
use super::clusters::ClusterError;
use crate::domain::LonLat;

/// Cells are smaller than the radius asks by this much, so that rounding of a point's cell cannot
/// put two points into one cell that are farther apart.
const MARGIN: f64 = 1e-6;

/// Most rows and columns: beyond, the rounding of a cell's number would exceed the margin.
const MOST: f64 = 2e9;

/// A set of points with a distance.
pub(super) trait Ground<const D: usize>: Sync {
    /// Row and column of a point's cell.
    fn cell(&self, point: usize) -> (u32, u32);
    /// The coordinates that the distance is taken between.
    fn at(&self, point: usize) -> [f64; D];
    /// What the order of points goes by.
    fn key(&self, point: usize) -> [f64; 2];
    /// Largest squared distance of neighbours.
    fn limit_2(&self) -> f64;
    /// How many rows and columns away a neighbour's cell may be.
    fn reach(&self) -> (u32, u32);
    /// How many columns there are.
    fn columns(&self) -> u32;
}

/// Least and greatest of each axis.
type Corners = ([f64; 2], [f64; 2]);

/// The corners of the box around some points.
fn bounds(points: impl Iterator<Item = [f64; 2]>) -> Result<Option<Corners>, ClusterError> {
    let (mut lo, mut hi) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
    let mut any = false;
    for (index, p) in points.enumerate() {
        let [x, y] = p;
        if !(x.is_finite() && y.is_finite()) {
            return Err(ClusterError::NotFinite { index, x, y });
        }
        lo = [lo[0].min(x), lo[1].min(y)];
        hi = [hi[0].max(x), hi[1].max(y)];
        any = true;
    }
    Ok(any.then_some((lo, hi)))
}

/// A regular division of two axes.
#[derive(Debug, Clone, Copy)]
struct Grid {
    origin: [f64; 2],
    side: [f64; 2],
    columns: u32,
}

impl Grid {
    fn new(lo: [f64; 2], hi: [f64; 2], side: [f64; 2], radius: f64) -> Result<Self, ClusterError> {
        let count = |d: usize| {
            let extent = hi[d] - lo[d];
            let count = (extent / side[d]).floor();
            if count < MOST {
                Ok(count as u32)
            } else {
                Err(ClusterError::TooFine { radius, extent })
            }
        };
        let (columns, _) = (count(0)? + 1, count(1)?);
        Ok(Self {
            origin: lo,
            side,
            columns,
        })
    }

    fn cell(&self, p: [f64; 2]) -> (u32, u32) {
        let along = |d: usize| ((p[d] - self.origin[d]) / self.side[d]) as u32;
        (along(1), along(0))
    }
}

/// A plane.
pub(super) struct Plane<'a> {
    points: &'a [[f64; 2]],
    grid: Grid,
    radius: f64,
}

impl<'a> Plane<'a> {
    pub(super) fn new(points: &'a [[f64; 2]], radius: f64) -> Result<Self, ClusterError> {
        let (lo, hi) = bounds(points.iter().copied())?.unwrap_or_default();
        let side = radius * std::f64::consts::FRAC_1_SQRT_2 * (1.0 - MARGIN);
        Ok(Self {
            points,
            grid: Grid::new(lo, hi, [side; 2], radius)?,
            radius,
        })
    }
}

impl Ground<2> for Plane<'_> {
    fn cell(&self, point: usize) -> (u32, u32) {
        self.grid.cell(self.points[point])
    }

    fn at(&self, point: usize) -> [f64; 2] {
        self.points[point]
    }

    fn key(&self, point: usize) -> [f64; 2] {
        self.points[point]
    }

    fn limit_2(&self) -> f64 {
        self.radius * self.radius
    }

    fn reach(&self) -> (u32, u32) {
        (2, 2)
    }

    fn columns(&self) -> u32 {
        self.grid.columns
    }
}

/// A sphere. Distances are chords between unit vectors: they order as great circles do.
///
/// Cells are boxes of longitude and latitude, narrow enough where the points come nearest to the
/// equator; farther away a neighbour may be more columns off.
pub(super) struct Sphere<'a> {
    points: &'a [LonLat],
    grid: Grid,
    limit_2: f64,
    reach: (u32, u32),
}

impl<'a> Sphere<'a> {
    pub(super) fn new(points: &'a [LonLat], radius_m: f64) -> Result<Self, ClusterError> {
        let degrees = |p: &LonLat| [p.lon(), p.lat()];
        let (lo, hi) = bounds(points.iter().map(degrees))?.unwrap_or_default();
        if hi[0] - lo[0] >= 180.0 {
            return Err(ClusterError::TooWide(hi[0] - lo[0]));
        }
        // Half a turn reaches everything.
        let angle = (radius_m / EARTH_RADIUS_M).min(std::f64::consts::PI);
        let chord = 2.0 * (angle / 2.0).sin();
        let side = chord * std::f64::consts::FRAC_1_SQRT_2 * (1.0 - MARGIN);
        let cosine = |lat: f64| lat.to_radians().cos().max(0.0);
        let least = cosine(lo[1]).min(cosine(hi[1]));
        let most = if lo[1] <= 0.0 && hi[1] >= 0.0 {
            1.0
        } else {
            cosine(lo[1]).max(cosine(hi[1]))
        };
        // hav(d) = hav(Δφ) + cos φ₁ cos φ₂ hav(Δλ): the chord of a box is at most the diagonal of
        // its height and of its width at the latitude where it is widest.
        let width = (side / most.max(f64::MIN_POSITIVE)).min(std::f64::consts::TAU);
        let sine = (angle / 2.0).sin() / least;
        let turn = if sine < 1.0 {
            2.0 * sine.asin()
        } else {
            std::f64::consts::PI
        };
        let steps = |reach: f64, side: f64| (reach / side).floor().min(MOST) as u32 + 1;
        let sides = [width.to_degrees(), side.to_degrees()];
        Ok(Self {
            points,
            grid: Grid::new(lo, hi, sides, radius_m)?,
            limit_2: chord * chord,
            reach: (steps(angle, side), steps(turn, width)),
        })
    }
}

impl Ground<3> for Sphere<'_> {
    fn cell(&self, point: usize) -> (u32, u32) {
        self.grid.cell(self.key(point))
    }

    fn at(&self, point: usize) -> [f64; 3] {
        let p = self.points[point];
        let (sin_lon, cos_lon) = p.lon().to_radians().sin_cos();
        let (sin_lat, cos_lat) = p.lat().to_radians().sin_cos();
        [cos_lat * cos_lon, cos_lat * sin_lon, sin_lat]
    }

    fn key(&self, point: usize) -> [f64; 2] {
        [self.points[point].lon(), self.points[point].lat()]
    }

    fn limit_2(&self) -> f64 {
        self.limit_2
    }

    fn reach(&self) -> (u32, u32) {
        self.reach
    }

    fn columns(&self) -> u32 {
        self.grid.columns
    }
}
