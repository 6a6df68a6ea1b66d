//! Ground: regions that points are tested against, and the study area of a request.

use geo::algorithm::Area as _;
use geo::kernels::{Kernel as _, Orientation, RobustKernel};
use geo::orient::{Direction, Orient};
use geo::{Coord, MultiPolygon, Polygon, Rect};
use rstar::primitives::{GeomWithData, Line};
use rstar::{PointDistance, RTree};

use crate::domain::{Area, LonLat};
use crate::plane::{self, OutsidePlane, Planar};
use crate::request::AreaSelect;

/// A region made ready for many point tests. A point on its boundary belongs to it.
///
/// The edges are kept by horizontal bands, so that a test looks at a few edges of a boundary with
/// thousands. The test itself is exact (robust orientation predicate): it gives what plain geometry
/// on the same coordinates gives.
#[derive(Debug, Clone)]
pub struct Region {
    bounds: Rect,
    band_height: f64,
    /// `starts[b]..starts[b + 1]` are the edges that touch band `b`.
    starts: Vec<u32>,
    edges: Vec<[Coord; 2]>,
}

impl Region {
    /// A region from the rings of valid polygons that do not overlap.
    #[must_use]
    pub fn new(polygons: &[Polygon]) -> Option<Self> {
        use geo::BoundingRect;
        let bounds = MultiPolygon(polygons.to_vec()).bounding_rect()?;
        let all: Vec<[Coord; 2]> = polygons
            .iter()
            .flat_map(|p| std::iter::once(p.exterior()).chain(p.interiors()))
            .flat_map(geo::LineString::lines)
            .map(|line| [line.start, line.end])
            .collect();
        // About four edges a band along one side of the region.
        let bands = (all.len() / 4).clamp(1, 4096);
        let band_height = (bounds.height() / bands as f64).max(f64::MIN_POSITIVE);
        let band = |y: f64| (((y - bounds.min().y) / band_height) as usize).min(bands - 1);
        let range = |e: &[Coord; 2]| band(e[0].y.min(e[1].y))..=band(e[0].y.max(e[1].y));
        let mut starts = vec![0_u32; bands + 1];
        for edge in &all {
            for b in range(edge) {
                starts[b + 1] += 1;
            }
        }
        for b in 0..bands {
            starts[b + 1] += starts[b];
        }
        let mut cursor = starts.clone();
        let zero = [Coord { x: 0.0, y: 0.0 }; 2];
        let mut edges = vec![zero; starts[bands] as usize];
        for edge in &all {
            for b in range(edge) {
                edges[cursor[b] as usize] = *edge;
                cursor[b] += 1;
            }
        }
        Some(Self {
            bounds,
            band_height,
            starts,
            edges,
        })
    }

    /// The bounding rectangle.
    #[must_use]
    pub fn bounds(&self) -> Rect {
        self.bounds
    }

    /// Whether a point lies in the region or on its boundary.
    #[must_use]
    pub fn covers(&self, p: Coord) -> bool {
        let (lo, hi) = (self.bounds.min(), self.bounds.max());
        if !(p.x >= lo.x && p.x <= hi.x && p.y >= lo.y && p.y <= hi.y) {
            return false;
        }
        let bands = self.starts.len() - 1;
        let b = (((p.y - lo.y) / self.band_height) as usize).min(bands - 1);
        let mut inside = false;
        for &[s, e] in &self.edges[self.starts[b] as usize..self.starts[b + 1] as usize] {
            let (low, high) = if s.y <= e.y { (s, e) } else { (e, s) };
            if p.y < low.y || p.y > high.y || p.x > s.x.max(e.x) {
                continue;
            }
            let side = RobustKernel::orient2d(low, high, p);
            if side == Orientation::Collinear && p.x >= s.x.min(e.x) {
                return true;
            }
            // Half open in y, so that a vertex is crossed once.
            if p.y < high.y && side == Orientation::CounterClockwise {
                inside = !inside;
            }
        }
        inside
    }
}

/// Why a study area cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AreaError {
    /// No such area is loaded.
    #[error(
        "no area with code `{code}` is loaded{seen}; load boundaries with `isopleth areas add`, or see `isopleth areas list`"
    )]
    Unknown {
        /// The code asked for.
        code: String,
        /// What narrows the search, for the message.
        seen: String,
    },
    /// The code exists in several kinds or vintages.
    #[error(
        "area code `{code}` is loaded {count} times ({found}); say which: {{\"codes\": [\"{code}\"], \"kind\": …, \"vintage\": …}}"
    )]
    Ambiguous {
        /// The code asked for.
        code: String,
        /// How many areas have it.
        count: usize,
        /// Kinds and vintages found.
        found: String,
    },
    /// No code was given.
    #[error("select.area names no area; name at least one code or leave it out")]
    Empty,
    /// The ground is not where the plane is defined.
    #[error("area `{code}`: {source}")]
    Outside {
        /// The area.
        code: String,
        /// The first position outside.
        source: OutsidePlane,
    },
    /// The area has no extent.
    #[error("area `{code}` has no polygon with an extent; load its boundary again")]
    NoExtent {
        /// The area.
        code: String,
    },
}

/// The study area of a request.
#[derive(Debug, Clone)]
pub struct StudyArea {
    /// Codes, in the order of the request.
    pub codes: Vec<String>,
    /// Names, likewise.
    pub names: Vec<String>,
    /// Kind and vintage of each: `borough 2022`.
    pub vintages: Vec<String>,
    /// Planar area of the polygons, m².
    pub area_m2: f64,
    /// The ground, longitude and latitude: the union of the areas.
    polygons: MultiPolygon,
    planar: Vec<Polygon>,
    regions: Vec<Region>,
    boundary: RTree<Line<[f64; 2]>>,
}

impl StudyArea {
    /// The study area that a request names.
    ///
    /// # Errors
    /// [`AreaError`] if a code is not loaded, is loaded more than once, or lies off the plane.
    pub fn find(select: &AreaSelect, areas: &[Area]) -> Result<Self, AreaError> {
        let (codes, kind, vintage) = match select {
            AreaSelect::Code(code) => (std::slice::from_ref(code), None, None),
            AreaSelect::Codes(codes) => (&codes[..], None, None),
            AreaSelect::Of(of) => (&of.codes[..], of.kind.as_deref(), of.vintage.as_deref()),
        };
        if codes.is_empty() {
            return Err(AreaError::Empty);
        }
        let mut chosen: Vec<&Area> = Vec::new();
        for code in codes {
            let found: Vec<&Area> = areas
                .iter()
                .filter(|a| a.code == *code)
                .filter(|a| kind.is_none_or(|k| k == a.kind))
                .filter(|a| vintage.is_none_or(|v| v == a.vintage))
                .collect();
            match found[..] {
                [] => {
                    let narrowed = [
                        kind.map(|k| format!("kind {k}")),
                        vintage.map(|v| format!("vintage {v}")),
                    ];
                    let narrowed: Vec<String> = narrowed.into_iter().flatten().collect();
                    return Err(AreaError::Unknown {
                        code: code.clone(),
                        seen: if narrowed.is_empty() {
                            String::new()
                        } else {
                            format!(" with {}", narrowed.join(" and "))
                        },
                    });
                }
                [one] if chosen.iter().any(|c| std::ptr::eq(*c, one)) => {}
                [one] => chosen.push(one),
                _ => {
                    let found: Vec<String> = found
                        .iter()
                        .map(|a| format!("{} {}", a.kind, a.vintage))
                        .collect();
                    return Err(AreaError::Ambiguous {
                        code: code.clone(),
                        count: found.len(),
                        found: found.join(", "),
                    });
                }
            }
        }
        Self::of(&chosen)
    }

    fn of(areas: &[&Area]) -> Result<Self, AreaError> {
        let mut study = Self {
            codes: areas.iter().map(|a| a.code.clone()).collect(),
            names: areas.iter().map(|a| a.name.clone()).collect(),
            vintages: areas
                .iter()
                .map(|a| format!("{} {}", a.kind, a.vintage))
                .collect(),
            area_m2: 0.0,
            polygons: MultiPolygon(Vec::new()),
            planar: Vec::new(),
            regions: Vec::new(),
            boundary: RTree::new(),
        };
        let mut ground: Vec<Polygon> = Vec::new();
        for area in areas {
            let no_extent = AreaError::NoExtent {
                code: area.code.clone(),
            };
            let extent = area.geometry.unsigned_area();
            if !(extent.is_finite() && extent > 0.0) {
                return Err(no_extent);
            }
            // A position off the plane is named with the area that it belongs to.
            for polygon in &area.geometry {
                project_polygon(polygon).map_err(|source| AreaError::Outside {
                    code: area.code.clone(),
                    source,
                })?;
            }
            ground.extend(area.geometry.orient(Direction::Default).0);
        }
        // Areas may touch and overlap: each piece of ground counts once, and a line between two of
        // them is no boundary.
        if areas.len() > 1 {
            ground = geo::unary_union(&ground).0;
        }
        let mut lines = Vec::new();
        for polygon in &ground {
            let planar = project_polygon(polygon).map_err(|source| AreaError::Outside {
                code: study.codes.join(", "),
                source,
            })?;
            study.area_m2 += planar.unsigned_area();
            for ring in std::iter::once(planar.exterior()).chain(planar.interiors()) {
                lines.extend(
                    ring.lines()
                        .map(|l| Line::new([l.start.x, l.start.y], [l.end.x, l.end.y])),
                );
            }
            study.planar.push(planar);
        }
        study.regions.extend(Region::new(&ground));
        study.boundary = RTree::bulk_load(lines);
        study.polygons = MultiPolygon(ground);
        Ok(study)
    }

    /// Whether a position lies in the study area or on its boundary.
    #[must_use]
    pub fn covers(&self, at: LonLat) -> bool {
        self.regions.iter().any(|r| r.covers(at.coord()))
    }

    /// Whether the boundary comes within a distance of a position, metres.
    #[must_use]
    pub fn boundary_within(&self, at: Planar, distance_m: f64) -> bool {
        self.boundary
            .locate_within_distance([at.x, at.y], distance_m * distance_m)
            .next()
            .is_some()
    }

    /// Whether the boundary meets a convex polygon of the plane, given by its corners.
    pub(crate) fn boundary_meets(&self, corners: &[Planar]) -> bool {
        use geo::Intersects;
        let ring: geo::LineString = corners.iter().map(|p| (p.x, p.y)).collect();
        let polygon = Polygon::new(ring, Vec::new());
        let envelope = rstar::AABB::from_points(
            corners
                .iter()
                .map(|p| [p.x, p.y])
                .collect::<Vec<_>>()
                .iter(),
        );
        self.boundary
            .locate_in_envelope_intersecting(envelope)
            .any(|l| {
                let line = geo::Line::new((l.from[0], l.from[1]), (l.to[0], l.to[1]));
                polygon.intersects(&line)
            })
    }

    /// Planar bounding box: least and greatest easting and northing.
    #[must_use]
    pub fn planar_bounds(&self) -> (Planar, Planar) {
        let envelope = self.boundary.root().envelope();
        let (lo, hi) = (envelope.lower(), envelope.upper());
        (Planar { x: lo[0], y: lo[1] }, Planar { x: hi[0], y: hi[1] })
    }

    /// What of an outline lies in the study area, longitude and latitude.
    pub(crate) fn part_of(&self, outline: &Polygon) -> MultiPolygon {
        use geo::BooleanOps;
        self.polygons.intersection(outline)
    }

    /// The ground, longitude and latitude.
    pub(crate) fn polygons(&self) -> &[Polygon] {
        &self.polygons.0
    }

    /// The polygons in the plane.
    pub(crate) fn planar(&self) -> &[Polygon] {
        &self.planar
    }

    /// The polygons as regions of the plane.
    pub(crate) fn planar_regions(&self) -> Vec<Region> {
        self.planar
            .iter()
            .filter_map(|p| Region::new(std::slice::from_ref(p)))
            .collect()
    }

    /// The ground as a window of the plane, for edge corrections.
    #[must_use]
    pub fn window(&self) -> Option<crate::edge::Window> {
        crate::edge::Window::new(&self.planar)
    }

    /// The boundary's line segments in the plane.
    pub(crate) fn boundary_lines(&self) -> impl Iterator<Item = [Planar; 2]> + '_ {
        self.boundary
            .iter()
            .map(|l| [l.from, l.to].map(|p| Planar { x: p[0], y: p[1] }))
    }
}

/// Area of polygons in the plane, m².
pub(crate) fn planar_area_m2(polygons: &MultiPolygon) -> Result<f64, OutsidePlane> {
    let mut sum = 0.0;
    for polygon in polygons {
        sum += project_polygon(polygon)?.unsigned_area();
    }
    Ok(sum)
}

/// A polygon in the plane.
fn project_polygon(polygon: &Polygon) -> Result<Polygon, OutsidePlane> {
    let ring = |ring: &geo::LineString| -> Result<geo::LineString, OutsidePlane> {
        let mut positions = Vec::with_capacity(ring.0.len());
        for c in ring.coords() {
            let at = LonLat::new(c.x, c.y).map_err(|e| OutsidePlane {
                what: plane::Position::Degrees(e.lon, e.lat),
            })?;
            positions.push(at);
        }
        Ok(plane::project_all(&positions)?
            .iter()
            .map(|p| Coord { x: p.x, y: p.y })
            .collect())
    };
    let holes = polygon
        .interiors()
        .iter()
        .map(ring)
        .collect::<Result<_, _>>()?;
    Ok(Polygon::new(ring(polygon.exterior())?, holes))
}

/// Sites found by distance in the plane.
#[derive(Debug)]
pub(crate) struct SiteIndex(RTree<GeomWithData<[f64; 2], usize>>);

impl SiteIndex {
    /// An index of positions; the data is their index in the input.
    pub(crate) fn new(positions: impl Iterator<Item = (usize, Planar)>) -> Self {
        Self(RTree::bulk_load(
            positions
                .map(|(i, p)| GeomWithData::new([p.x, p.y], i))
                .collect(),
        ))
    }

    /// The nearest within a distance, metres (exactly that far still counts); ties go to the first.
    pub(crate) fn nearest_within(&self, at: Planar, distance_m: f64) -> Option<usize> {
        let at = [at.x, at.y];
        self.0
            .locate_within_distance(at, distance_m * distance_m)
            .min_by(|a, b| {
                let (da, db) = (a.distance_2(&at), b.distance_2(&at));
                da.total_cmp(&db).then(a.data.cmp(&b.data))
            })
            .map(|s| s.data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use geo::{Covers, Point, polygon};
    use proptest::prelude::*;

    fn ring() -> Polygon {
        polygon!(
            exterior: [(x: 0.0, y: 0.0), (x: 4.0, y: 0.0), (x: 4.0, y: 4.0), (x: 2.0, y: 1.0), (x: 0.0, y: 4.0)],
            interiors: [[(x: 0.5, y: 0.5), (x: 0.5, y: 1.0), (x: 1.0, y: 1.0), (x: 1.0, y: 0.5)]],
        )
    }

    proptest! {
        #[test]
        fn covers_as_plain_geometry_does(x in -10_i32..50, y in -10_i32..50) {
            let p = Coord { x: f64::from(x) / 10.0, y: f64::from(y) / 10.0 };
            let region = Region::new(&[ring()]).unwrap();
            prop_assert_eq!(region.covers(p), ring().covers(&Point(p)), "{:?}", p);
        }
    }

    #[test]
    fn edges_and_vertices_belong_to_it() {
        let region = Region::new(&[ring()]).unwrap();
        for (x, y) in [
            (0.0, 0.0),
            (2.0, 0.0),
            (2.0, 1.0),
            (4.0, 4.0),
            (0.5, 0.7),
            (1.0, 1.0),
        ] {
            assert!(region.covers(Coord { x, y }), "{x} {y}");
        }
        assert!(!region.covers(Coord { x: 0.7, y: 0.7 }));
        assert!(!region.covers(Coord {
            x: 2.0,
            y: 1.000_000_001
        }));
    }
}
