//! Where points lie: which cell, and at which coordinates distances are taken.

use rayon::prelude::*;

use super::EARTH_RADIUS_M;
use super::cells::distance_2;
use super::clusters::ClusterError;
use crate::domain::LonLat;

/// Cells are smaller than the radius asks by this much, so that rounding of a point's cell cannot
/// put two points into one cell that are farther apart.
const MARGIN: f64 = 1e-6;

/// Most rows and columns: beyond, the rounding of a cell's number would exceed the margin.
const MOST: f64 = 2e9;

/// How far away a neighbour's cell may be, and how many there are: rows, layers, columns.
pub(super) type Steps = [u32; 3];

/// A set of points, and which of them are neighbours. Points of one cell always are.
pub(super) trait Ground<const D: usize>: Sync {
    /// Row, layer and column of a point's cell.
    fn cell(&self, point: usize) -> Steps;
    /// The coordinates that neighbours are told by.
    fn at(&self, point: usize) -> [f64; D];
    /// What the order of points goes by.
    fn key(&self, at: [f64; D], point: usize) -> [f64; 3];
    /// Whether two are neighbours.
    fn near(&self, a: [f64; D], b: [f64; D]) -> bool;
    /// How far neighbours are from each other: of two the lesser is nearer.
    fn apart(&self, a: [f64; D], b: [f64; D]) -> [f64; 2];
    /// How many rows, layers and columns away a neighbour's cell may be.
    fn reach(&self) -> Steps;
    /// How many rows, layers and columns there are.
    fn size(&self) -> Steps;
}

/// Least and greatest of each axis.
type Corners = ([f64; 2], [f64; 2]);

/// Points that are looked at in one go.
const CHUNK: usize = 65_536;

/// The corners of the box around some points.
fn bounds<T: Sync>(
    points: &[T],
    at: impl Fn(&T) -> [f64; 2] + Sync,
) -> Result<Option<Corners>, ClusterError> {
    let of = |points: &[T]| {
        let (mut lo, mut hi) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
        let mut finite = true;
        for [x, y] in points.iter().map(&at) {
            finite &= x.is_finite() & y.is_finite();
            lo = [lo[0].min(x), lo[1].min(y)];
            hi = [hi[0].max(x), hi[1].max(y)];
        }
        (lo, hi, finite)
    };
    let chunks: Vec<_> = points.par_chunks(CHUNK).map(of).collect();
    let Some((lo, hi, finite)) = chunks.into_iter().reduce(|a, b| {
        let lo = [a.0[0].min(b.0[0]), a.0[1].min(b.0[1])];
        let hi = [a.1[0].max(b.1[0]), a.1[1].max(b.1[1])];
        (lo, hi, a.2 & b.2)
    }) else {
        return Ok(None);
    };
    if !finite {
        for (index, [x, y]) in points.iter().map(&at).enumerate() {
            if !(x.is_finite() && y.is_finite()) {
                return Err(ClusterError::NotFinite { index, x, y });
            }
        }
    }
    Ok(Some((lo, hi)))
}

/// A regular division of two axes.
#[derive(Debug, Clone, Copy)]
struct Grid {
    origin: [f64; 2],
    side: [f64; 2],
    rows: u32,
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
        Ok(Self {
            origin: lo,
            side,
            rows: count(1)? + 1,
            columns: count(0)? + 1,
        })
    }

    fn cell(&self, p: [f64; 2], layer: u32) -> Steps {
        let along = |d: usize| ((p[d] - self.origin[d]) / self.side[d]) as u32;
        [along(1), layer, along(0)]
    }
}

/// A plane.
pub(super) struct Plane<'a> {
    points: &'a [[f64; 2]],
    grid: Grid,
    limit_2: f64,
}

/// Cells of a plane whose diagonal is the radius.
fn squares(points: &[[f64; 2]], radius: f64) -> Result<Grid, ClusterError> {
    let (lo, hi) = bounds(points, |p| *p)?.unwrap_or_default();
    let side = radius * std::f64::consts::FRAC_1_SQRT_2 * (1.0 - MARGIN);
    Grid::new(lo, hi, [side; 2], radius)
}

impl<'a> Plane<'a> {
    pub(super) fn new(points: &'a [[f64; 2]], radius: f64) -> Result<Self, ClusterError> {
        Ok(Self {
            points,
            grid: squares(points, radius)?,
            limit_2: radius * radius,
        })
    }
}

impl Ground<2> for Plane<'_> {
    #[inline]
    fn cell(&self, point: usize) -> Steps {
        self.grid.cell(self.points[point], 0)
    }

    #[inline]
    fn at(&self, point: usize) -> [f64; 2] {
        self.points[point]
    }

    #[inline]
    fn key(&self, at: [f64; 2], _point: usize) -> [f64; 3] {
        [at[0], at[1], 0.0]
    }

    #[inline]
    fn near(&self, a: [f64; 2], b: [f64; 2]) -> bool {
        distance_2(a, b) <= self.limit_2
    }

    #[inline]
    fn apart(&self, a: [f64; 2], b: [f64; 2]) -> [f64; 2] {
        [distance_2(a, b), 0.0]
    }

    fn reach(&self) -> Steps {
        [2, 0, 2]
    }

    fn size(&self) -> Steps {
        [self.grid.rows, 1, self.grid.columns]
    }
}

/// A plane with days: neighbours are near in both. Layers are as many days as may all be neighbours
/// of each other.
pub(super) struct PlaneAndDays<'a> {
    points: &'a [[f64; 2]],
    days: &'a [i32],
    grid: Grid,
    first_day: i64,
    layers: u32,
    layer_days: i64,
    limit_2: f64,
    within_days: f64,
}

impl<'a> PlaneAndDays<'a> {
    pub(super) fn new(
        points: &'a [[f64; 2]],
        days: &'a [i32],
        radius: f64,
        within_days: u32,
    ) -> Result<Self, ClusterError> {
        let grid = squares(points, radius)?;
        let first_day = days.iter().copied().min().map_or(0, i64::from);
        let last_day = days.iter().copied().max().map_or(0, i64::from);
        let layer_days = i64::from(within_days) + 1;
        // Days span less than 2³², so that their layers fit.
        let layers = ((last_day - first_day) / layer_days) as u32;
        let cells = [grid.rows, grid.columns, layers]
            .iter()
            .try_fold(1_u64, |n, &d| n.checked_mul(u64::from(d) + 1));
        if layers == u32::MAX || cells.is_none() {
            let extent = grid.side[0] * f64::from(grid.columns.max(grid.rows));
            return Err(ClusterError::TooFine { radius, extent });
        }
        Ok(Self {
            points,
            days,
            grid,
            first_day,
            layers: layers + 1,
            layer_days,
            limit_2: radius * radius,
            within_days: f64::from(within_days),
        })
    }
}

impl Ground<3> for PlaneAndDays<'_> {
    #[inline]
    fn cell(&self, point: usize) -> Steps {
        let day = i64::from(self.days[point]) - self.first_day;
        self.grid
            .cell(self.points[point], (day / self.layer_days) as u32)
    }

    #[inline]
    fn at(&self, point: usize) -> [f64; 3] {
        let [x, y] = self.points[point];
        [x, y, f64::from(self.days[point])]
    }

    #[inline]
    fn key(&self, at: [f64; 3], _point: usize) -> [f64; 3] {
        at
    }

    #[inline]
    fn near(&self, a: [f64; 3], b: [f64; 3]) -> bool {
        (distance_2([a[0], a[1]], [b[0], b[1]]) <= self.limit_2)
            & ((a[2] - b[2]).abs() <= self.within_days)
    }

    #[inline]
    fn apart(&self, a: [f64; 3], b: [f64; 3]) -> [f64; 2] {
        [distance_2([a[0], a[1]], [b[0], b[1]]), (a[2] - b[2]).abs()]
    }

    fn reach(&self) -> Steps {
        [2, 1, 2]
    }

    fn size(&self) -> Steps {
        [self.grid.rows, self.layers, self.grid.columns]
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
    reach: Steps,
}

impl<'a> Sphere<'a> {
    pub(super) fn new(points: &'a [LonLat], radius_m: f64) -> Result<Self, ClusterError> {
        let degrees = |p: &LonLat| [p.lon(), p.lat()];
        let (lo, hi) = bounds(points, degrees)?.unwrap_or_default();
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
            reach: [steps(angle, side), 0, steps(turn, width)],
        })
    }
}

impl Ground<3> for Sphere<'_> {
    #[inline]
    fn cell(&self, point: usize) -> Steps {
        let p = self.points[point];
        self.grid.cell([p.lon(), p.lat()], 0)
    }

    fn at(&self, point: usize) -> [f64; 3] {
        let p = self.points[point];
        let (sin_lon, cos_lon) = p.lon().to_radians().sin_cos();
        let (sin_lat, cos_lat) = p.lat().to_radians().sin_cos();
        [cos_lat * cos_lon, cos_lat * sin_lon, sin_lat]
    }

    fn key(&self, _at: [f64; 3], point: usize) -> [f64; 3] {
        [self.points[point].lon(), self.points[point].lat(), 0.0]
    }

    #[inline]
    fn near(&self, a: [f64; 3], b: [f64; 3]) -> bool {
        distance_2(a, b) <= self.limit_2
    }

    #[inline]
    fn apart(&self, a: [f64; 3], b: [f64; 3]) -> [f64; 2] {
        [distance_2(a, b), 0.0]
    }

    fn reach(&self) -> Steps {
        self.reach
    }

    fn size(&self) -> Steps {
        [self.grid.rows, 1, self.grid.columns]
    }
}
