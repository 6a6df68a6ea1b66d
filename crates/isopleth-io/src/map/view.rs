//! What part of the world a picture shows, and how large.

use geo::LineString;
use isopleth_core::domain::LonLat;
use isopleth_core::plane::{Planar, project, project_all, unproject};

use crate::crs::Crs;
use crate::mercator::{HALF_WORLD_M, MAX_LATITUDE, from_mercator, to_mercator};
use crate::tiles::clip::{self, Window};

/// Most pixels of a side.
pub const MAX_SIDE: u32 = 5000;
/// Most pixels of a picture.
pub const MAX_PIXELS: u32 = 10_000_000;

/// Where the British National Grid is defined: west, south, east, north.
const GRID_DEGREES: [f64; 4] = [-7.55, 49.97, 1.77, 60.83];
/// Straight lines of degrees are no straight lines of the grid: they are followed in steps of at
/// most so many degrees.
const STEP_DEGREES: f64 = 0.05;
/// Parts into which a side of a box is cut to find the box of its image.
const SIDE_PARTS: u32 = 32;

fn from_degrees(crs: Crs, [lon, lat]: [f64; 2]) -> Option<[f64; 2]> {
    match crs {
        Crs::Crs84 => Some([lon, lat]),
        Crs::WebMercator => Some(to_mercator(lon, lat)),
        Crs::NationalGrid => {
            let planar = project(LonLat::new(lon, lat).ok()?).ok()?.planar;
            Some([planar.x, planar.y])
        }
    }
}

fn to_degrees(crs: Crs, [x, y]: [f64; 2]) -> Option<[f64; 2]> {
    match crs {
        Crs::Crs84 => Some([x, y]),
        Crs::WebMercator => Some(from_mercator(x, y)),
        Crs::NationalGrid => {
            let at = unproject(Planar { x, y }).ok()?;
            Some([at.lon(), at.lat()])
        }
    }
}

/// Where a system is defined: the smallest and the largest coordinates.
fn bounds_of(crs: Crs) -> [f64; 4] {
    match crs {
        Crs::Crs84 => [-180.0, -90.0, 180.0, 90.0],
        Crs::WebMercator => [-HALF_WORLD_M, -HALF_WORLD_M, HALF_WORLD_M, HALF_WORLD_M],
        Crs::NationalGrid => [0.0, 0.0, 700_000.0, 1_250_000.0],
    }
}

/// Why a picture is refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ViewError {
    /// The box has no area.
    #[error(
        "the box {0}, {1}, {2}, {3} has no area: its first corner must lie below and left of its second; a map cannot cross the antimeridian"
    )]
    Empty(f64, f64, f64, f64),
    /// The box leaves the area where its coordinates mean something.
    #[error("the box leaves the area of {crs}, which is {} to {}, {} to {}", bounds[0], bounds[2], bounds[1], bounds[3])]
    Outside {
        /// The coordinate reference system.
        crs: &'static str,
        /// Its smallest and its largest coordinates.
        bounds: [f64; 4],
    },
    /// The box has no image in the coordinate reference system of the picture.
    #[error("the box does not lie in the area of {0}")]
    NoImage(&'static str),
    /// A side of the picture.
    #[error("a side would have {0} pixels, and 1 to {MAX_SIDE} are offered")]
    Side(u32),
    /// The picture as a whole.
    #[error("a picture of {0} by {1} pixels is too large: at most {MAX_PIXELS} pixels are offered")]
    Pixels(u32, u32),
}

/// Part of the world, and the picture it fills.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View {
    crs: Crs,
    min: [f64; 2],
    max: [f64; 2],
    width: u32,
    height: u32,
    degrees: [f64; 4],
}

impl View {
    /// The view of a box in `bbox_crs` as a picture in `crs`. If that is another, the picture
    /// shows the smallest box that holds the given one. Sides that are not given follow from the
    /// shape of the box on the ground; if neither is, the longer has 1,024 pixels.
    ///
    /// # Errors
    /// [`ViewError`].
    pub fn new(
        bbox: [f64; 4],
        bbox_crs: Crs,
        crs: Crs,
        width: Option<u32>,
        height: Option<u32>,
    ) -> Result<Self, ViewError> {
        let [a, b, c, d] = bbox;
        if !(a < c && b < d) {
            return Err(ViewError::Empty(a, b, c, d));
        }
        let bounds = bounds_of(bbox_crs);
        if a < bounds[0] || b < bounds[1] || c > bounds[2] || d > bounds[3] {
            let crs = bbox_crs.uri();
            return Err(ViewError::Outside { crs, bounds });
        }
        let [a, b, c, d] = if bbox_crs == crs {
            bbox
        } else {
            let image = |p| from_degrees(crs, to_degrees(bbox_crs, p)?);
            // All of the border must have an image: a box around a part of it shows less.
            let whole = border(bbox).map(image).collect::<Option<Vec<_>>>();
            let Some(found) = whole.and_then(|points| around(points.into_iter())) else {
                return Err(ViewError::NoImage(crs.uri()));
            };
            found
        };
        if !(a < c && b < d) {
            return Err(ViewError::NoImage(crs.uri()));
        }
        // A degree of longitude is shorter than one of latitude.
        let narrow = match crs {
            Crs::Crs84 => libm::cos(((b + d) / 2.0).to_radians()).max(0.01),
            Crs::WebMercator | Crs::NationalGrid => 1.0,
        };
        let shape = (c - a) * narrow / (d - b);
        let (width, height) = match (width, height) {
            (Some(w), Some(h)) => (w, h),
            (Some(w), None) => (w, side(f64::from(w) / shape)),
            (None, Some(h)) => (side(f64::from(h) * shape), h),
            (None, None) if shape >= 1.0 => (1024, side(1024.0 / shape)),
            (None, None) => (side(1024.0 * shape), 1024),
        };
        for side in [width, height] {
            if !(1..=MAX_SIDE).contains(&side) {
                return Err(ViewError::Side(side));
            }
        }
        if width * height > MAX_PIXELS {
            return Err(ViewError::Pixels(width, height));
        }
        let degrees = match crs {
            Crs::Crs84 => [a, b, c, d],
            Crs::WebMercator => {
                let ([w, s], [e, n]) = (from_mercator(a, b), from_mercator(c, d));
                [w, s, e, n]
            }
            Crs::NationalGrid => {
                // A border with parts that are not on the grid could leave out some of the rest.
                let all: Option<Vec<_>> =
                    border([a, b, c, d]).map(|p| to_degrees(crs, p)).collect();
                all.and_then(|points| around(points.into_iter()))
                    .unwrap_or(GRID_DEGREES)
            }
        };
        Ok(Self {
            crs,
            min: [a, b],
            max: [c, d],
            width,
            height,
            degrees,
        })
    }

    /// The coordinate reference system of the picture.
    #[must_use]
    pub fn crs(&self) -> Crs {
        self.crs
    }

    /// The box that the picture shows, in its coordinate reference system.
    #[must_use]
    pub fn bbox(&self) -> [f64; 4] {
        [self.min[0], self.min[1], self.max[0], self.max[1]]
    }

    /// Width, pixels.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height, pixels.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.height
    }

    /// West, south, east and north of a box of degrees that holds the picture.
    pub(super) fn degrees(&self) -> [f64; 4] {
        self.degrees
    }

    fn to_pixel(self, p: [f64; 2]) -> [f64; 2] {
        let part = |axis: usize| (p[axis] - self.min[axis]) / (self.max[axis] - self.min[axis]);
        [
            part(0) * f64::from(self.width),
            (1.0 - part(1)) * f64::from(self.height),
        ]
    }

    /// A position in pixels, if the coordinate reference system has it.
    pub(super) fn pixel(&self, degrees: [f64; 2]) -> Option<[f64; 2]> {
        Some(self.to_pixel(from_degrees(self.crs, degrees)?))
    }

    /// A ring in pixels.
    pub(super) fn ring(&self, ring: &LineString) -> Vec<[f64; 2]> {
        let mut points: Vec<[f64; 2]> = ring.coords().map(|c| [c.x, c.y]).collect();
        if self.crs == Crs::NationalGrid {
            clip::ring(&self.grid_window(), &mut points, &mut Vec::new());
            if let Some(&first) = points.first() {
                points.push(first);
            }
        }
        self.image(&points)
    }

    /// A line in pixels, in pieces where parts of it have no image.
    pub(super) fn lines(&self, line: &LineString) -> Vec<Vec<[f64; 2]>> {
        let points: Vec<[f64; 2]> = line.coords().map(|c| [c.x, c.y]).collect();
        if self.crs != Crs::NationalGrid {
            return vec![self.image(&points)];
        }
        let mut pieces = Vec::new();
        clip::line(&self.grid_window(), &points, |part| {
            pieces.push(self.image(part));
        });
        pieces
    }

    /// What may be seen of the grid, and has coordinates there.
    fn grid_window(&self) -> Window {
        let [w, s, e, n] = self.degrees;
        let room = [(e - w) * 0.2 + 0.01, (n - s) * 0.2 + 0.01];
        let [gw, gs, ge, gn] = GRID_DEGREES;
        Window {
            min: [(w - room[0]).max(gw), (s - room[1]).max(gs)],
            max: [(e + room[0]).min(ge), (n + room[1]).min(gn)],
        }
    }

    fn image(&self, points: &[[f64; 2]]) -> Vec<[f64; 2]> {
        match self.crs {
            Crs::Crs84 => points.iter().map(|&p| self.to_pixel(p)).collect(),
            Crs::WebMercator => points
                .iter()
                .map(|p| self.to_pixel(to_mercator(p[0], p[1])))
                .collect(),
            Crs::NationalGrid => {
                let dense: Vec<LonLat> = densified(points)
                    .filter_map(|p| LonLat::new(p[0], p[1]).ok())
                    .collect();
                let planar = project_all(&dense).unwrap_or_default();
                planar.iter().map(|p| self.to_pixel([p.x, p.y])).collect()
            }
        }
    }
}

fn side(pixels: f64) -> u32 {
    (pixels.round() as u32).max(1)
}

/// Points along the border of a box, corners included.
fn border([a, b, c, d]: [f64; 4]) -> impl Iterator<Item = [f64; 2]> {
    (0..=SIDE_PARTS).flat_map(move |n| {
        let t = f64::from(n) / f64::from(SIDE_PARTS);
        let (x, y) = (a + t * (c - a), b + t * (d - b));
        [[x, b], [x, d], [a, y], [c, y]]
    })
}

fn around(points: impl Iterator<Item = [f64; 2]>) -> Option<[f64; 4]> {
    points.fold(None, |acc, [x, y]| {
        Some(match acc {
            None => [x, y, x, y],
            Some([a, b, c, d]) => [x.min(a), y.min(b), x.max(c), y.max(d)],
        })
    })
}

/// The points of a line with more between them where they are far apart.
fn densified(points: &[[f64; 2]]) -> impl Iterator<Item = [f64; 2]> {
    let between = points.windows(2).flat_map(|pair| {
        let [a, b] = [pair[0], pair[1]];
        let longest = (b[0] - a[0]).abs().max((b[1] - a[1]).abs());
        let parts = (longest / STEP_DEGREES).ceil().max(1.0) as u32;
        (0..parts).map(move |n| {
            let t = f64::from(n) / f64::from(parts);
            [a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])]
        })
    });
    between.chain(points.last().copied())
}

/// The box to show of a layer with this box, in degrees: some room around it, and the whole world
/// of Web Mercator if there is none.
#[must_use]
pub fn shown(bbox: Option<[f64; 4]>) -> [f64; 4] {
    let Some([w, s, e, n]) = bbox else {
        return [-180.0, -MAX_LATITUDE, 180.0, MAX_LATITUDE];
    };
    let room = ((e - w).max(n - s) * 0.05).max(0.001);
    [
        (w - room).max(-180.0),
        (s - room).max(-90.0),
        (e + room).min(180.0),
        (n + room).min(90.0),
    ]
}
