//! The coordinate reference systems that features are asked for in, and the ways between them.
//!
//! Layers hold WGS 84 longitude and latitude (CRS84). The British National Grid is reached by
//! OSTN15 ([`isopleth_core::plane`]), Web Mercator by its formula.

use std::cell::RefCell;

use geo::{Coord, CoordsIter, Geometry, LineString, MapCoords, Polygon, Rect};
use isopleth_core::domain::LonLat;
use isopleth_core::plane::{Planar, project_all, unproject_outline};

use crate::mercator::{HALF_WORLD_M, MAX_LATITUDE, from_mercator, to_mercator};

/// A coordinate reference system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Crs {
    /// WGS 84, longitude before latitude, degrees.
    Crs84,
    /// EPSG:27700, the British National Grid by OSTN15: easting, northing, metres. It ends where
    /// the Grid does.
    NationalGrid,
    /// EPSG:3857, Web Mercator: metres at the equator. It ends at 85.06° north and south.
    WebMercator,
}

/// A geometry that a coordinate reference system does not reach.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{at} lies beyond {crs}; name the coordinate reference system that it is given in")]
pub struct BeyondCrs {
    /// A position that it does not reach.
    pub at: String,
    /// URI of the system.
    pub crs: &'static str,
}

/// Longitudes and latitudes of the National Grid: west, south, east, north.
const GRID_DEGREES: [f64; 4] = [-7.56, 49.96, 1.78, 60.84];
/// Eastings and northings of the National Grid, metres.
const GRID_METRES: [f64; 4] = [0.0, 0.0, 700_000.0, 1_250_000.0];
/// How far an edge may stray from its image in another system, degrees: half the last decimal that
/// coordinates are written with.
const STRAY: f64 = 5e-8;
/// Times an edge is halved at most.
const HALVINGS: u32 = 12;

impl Crs {
    /// All systems, the default first.
    pub const ALL: [Self; 3] = [Self::Crs84, Self::NationalGrid, Self::WebMercator];

    /// The URI that names it.
    #[must_use]
    pub fn uri(self) -> &'static str {
        match self {
            Self::Crs84 => "http://www.opengis.net/def/crs/OGC/1.3/CRS84",
            Self::NationalGrid => "http://www.opengis.net/def/crs/EPSG/0/27700",
            Self::WebMercator => "http://www.opengis.net/def/crs/EPSG/0/3857",
        }
    }

    /// The system that a URI names.
    #[must_use]
    pub fn from_uri(uri: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|crs| crs.uri() == uri)
    }

    /// The EPSG code by which files name it. WGS 84 is 4326 with longitude first, as GIS files
    /// have it.
    #[must_use]
    pub fn epsg(self) -> i32 {
        match self {
            Self::Crs84 => 4326,
            Self::NationalGrid => 27_700,
            Self::WebMercator => 3857,
        }
    }

    /// Its name in the EPSG register.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Crs84 => "WGS 84",
            Self::NationalGrid => "OSGB36 / British National Grid",
            Self::WebMercator => "WGS 84 / Pseudo-Mercator",
        }
    }

    /// Decimals that its coordinates are written with: centimetres or finer.
    #[must_use]
    pub fn decimals(self) -> i32 {
        match self {
            Self::Crs84 => 7,
            Self::NationalGrid | Self::WebMercator => 3,
        }
    }

    /// Whether it reaches all of a box of west, south, east and north.
    #[must_use]
    pub fn reaches(self, [west, south, east, north]: [f64; 4]) -> bool {
        match self {
            Self::Crs84 => true,
            Self::WebMercator => south >= -MAX_LATITUDE && north <= MAX_LATITUDE,
            Self::NationalGrid => {
                let [w, s, e, n] = GRID_DEGREES;
                west >= w && south >= s && east <= e && north <= n
            }
        }
    }

    /// Whether a box of coordinates of this system can be one: degrees end at 180 and 90. Systems of
    /// metres are checked when they are transformed.
    #[must_use]
    pub fn holds(self, rect: Rect) -> bool {
        let (low, high) = (rect.min(), rect.max());
        match self {
            Self::Crs84 => low.x >= -180.0 && high.x <= 180.0 && low.y >= -90.0 && high.y <= 90.0,
            Self::NationalGrid | Self::WebMercator => true,
        }
    }

    /// A geometry of WGS 84 in this system, vertex by vertex.
    ///
    /// # Errors
    /// [`BeyondCrs`].
    pub fn project(self, geometry: &Geometry) -> Result<Geometry, BeyondCrs> {
        match self {
            Self::Crs84 => Ok(geometry.clone()),
            Self::WebMercator => geometry.try_map_coords(|c| {
                if c.y.abs() > MAX_LATITUDE {
                    return Err(self.beyond(format!("longitude {}, latitude {}", c.x, c.y)));
                }
                Ok(to_mercator(c.x, c.y).into())
            }),
            Self::NationalGrid => {
                let positions: Result<Vec<_>, _> = geometry
                    .coords_iter()
                    .map(|c| LonLat::new(c.x, c.y))
                    .collect();
                let positions = positions.map_err(|e| self.beyond(e.to_string()))?;
                let planar =
                    project_all(&positions).map_err(|e| self.beyond(e.what.to_string()))?;
                // Both walks visit the vertices in the same order.
                let planar = RefCell::new(planar.into_iter());
                geometry.try_map_coords(|c| match planar.borrow_mut().next() {
                    Some(Planar { x, y }) => Ok(Coord { x, y }),
                    None => Err(self.beyond(format!("longitude {}, latitude {}", c.x, c.y))),
                })
            }
        }
    }

    /// A geometry of WGS 84 in this system, rounded to its [decimals](Self::decimals).
    ///
    /// # Errors
    /// [`BeyondCrs`].
    pub fn place(self, geometry: &Geometry) -> Result<Geometry, BeyondCrs> {
        let scale = 10_f64.powi(self.decimals());
        // Adding zero makes a zero of minus zero.
        let round = |v: f64| (v * scale).round() / scale + 0.0;
        Ok(self.project(geometry)?.map_coords(|c| Coord {
            x: round(c.x),
            y: round(c.y),
        }))
    }

    /// A geometry of this system in WGS 84. Edges that would stray from the line that they are in
    /// this system get more vertices.
    ///
    /// # Errors
    /// [`BeyondCrs`].
    pub fn unproject(self, geometry: &Geometry) -> Result<Geometry, BeyondCrs> {
        if self == Self::Crs84 {
            return Ok(geometry.clone());
        }
        let line = |l: &LineString| self.unproject_line(l);
        let polygon = |p: &Polygon| {
            let holes: Result<Vec<_>, _> = p.interiors().iter().map(line).collect();
            Ok(Polygon::new(line(p.exterior())?, holes?))
        };
        Ok(match geometry {
            Geometry::Line(l) => line(&LineString::from(*l))?.into(),
            Geometry::LineString(l) => line(l)?.into(),
            Geometry::MultiLineString(m) => {
                let lines: Result<Vec<_>, _> = m.0.iter().map(line).collect();
                geo::MultiLineString(lines?).into()
            }
            Geometry::Polygon(p) => polygon(p)?.into(),
            Geometry::Rect(r) => polygon(&r.to_polygon())?.into(),
            Geometry::Triangle(t) => polygon(&t.to_polygon())?.into(),
            Geometry::MultiPolygon(m) => {
                let polygons: Result<Vec<_>, _> = m.0.iter().map(polygon).collect();
                geo::MultiPolygon(polygons?).into()
            }
            Geometry::GeometryCollection(c) => {
                let parts: Result<Vec<_>, _> = c.0.iter().map(|g| self.unproject(g)).collect();
                Geometry::GeometryCollection(geo::GeometryCollection(parts?))
            }
            Geometry::Point(_) | Geometry::MultiPoint(_) => {
                geometry.try_map_coords(|c| self.unproject_coord(c))?
            }
        })
    }

    /// A box of this system, cut down to where the system ends, in WGS 84. None if it lies beyond
    /// altogether.
    #[must_use]
    pub fn unproject_box(self, [west, south, east, north]: [f64; 4]) -> Option<Geometry> {
        let [w, s, e, n] = match self {
            Self::Crs84 => [-180.0, -90.0, 180.0, 90.0],
            Self::NationalGrid => GRID_METRES,
            Self::WebMercator => [-HALF_WORLD_M, -HALF_WORLD_M, HALF_WORLD_M, HALF_WORLD_M],
        };
        let (west, south) = (west.max(w), south.max(s));
        let (east, north) = (east.min(e), north.min(n));
        if west > east || south > north {
            return None;
        }
        self.unproject(&box_geometry([west, south, east, north]))
            .ok()
    }

    fn unproject_line(self, line: &LineString) -> Result<LineString, BeyondCrs> {
        let mut out = Vec::with_capacity(line.0.len());
        for edge in line.lines() {
            let (a, b) = (
                self.unproject_coord(edge.start)?,
                self.unproject_coord(edge.end)?,
            );
            if out.is_empty() {
                out.push(a);
            }
            self.bend((edge.start, a), (edge.end, b), HALVINGS, &mut out)?;
        }
        Ok(LineString(out))
    }

    /// Adds the end of an edge, and before it as many vertices as the edge needs. Ends are given
    /// here and in WGS 84.
    fn bend(
        self,
        from: (Coord, Coord),
        to: (Coord, Coord),
        halvings: u32,
        out: &mut Vec<Coord>,
    ) -> Result<(), BeyondCrs> {
        let middle = (from.0 + to.0) / 2.0;
        let there = self.unproject_coord(middle)?;
        let straight = (from.1 + to.1) / 2.0;
        let stray = (there.x - straight.x)
            .abs()
            .max((there.y - straight.y).abs());
        if halvings == 0 || stray <= STRAY {
            out.push(to.1);
            return Ok(());
        }
        self.bend(from, (middle, there), halvings - 1, out)?;
        self.bend((middle, there), to, halvings - 1, out)
    }

    fn unproject_coord(self, c: Coord) -> Result<Coord, BeyondCrs> {
        let beyond = || self.beyond(format!("position {} {}", c.x, c.y));
        match self {
            Self::Crs84 => Ok(c),
            Self::NationalGrid => {
                let [w, s, e, n] = GRID_METRES;
                if !(w..=e).contains(&c.x) || !(s..=n).contains(&c.y) {
                    return Err(beyond());
                }
                let at = unproject_outline(Planar { x: c.x, y: c.y }).map_err(|_| beyond())?;
                Ok(at.coord())
            }
            Self::WebMercator => {
                // A millimetre for ends that were themselves computed.
                if c.x.abs().max(c.y.abs()) > HALF_WORLD_M + 0.001 {
                    return Err(beyond());
                }
                Ok(from_mercator(c.x, c.y).into())
            }
        }
    }

    fn beyond(self, at: String) -> BeyondCrs {
        let crs = self.uri();
        BeyondCrs { at, crs }
    }
}

/// A box as a geometry: a point or a line where it has no area.
#[must_use]
pub fn box_geometry([west, south, east, north]: [f64; 4]) -> Geometry {
    let (a, b) = (Coord { x: west, y: south }, Coord { x: east, y: north });
    if a == b {
        geo::Point::from(a).into()
    } else if a.x == b.x || a.y == b.y {
        geo::Line::new(a, b).into()
    } else {
        Rect::new(a, b).into()
    }
}

#[cfg(test)]
mod tests {
    use geo::{BoundingRect, Point, polygon};
    use proptest::prelude::*;

    use super::*;

    fn point(geometry: &Geometry) -> (f64, f64) {
        let Geometry::Point(p) = geometry else {
            unreachable!("points stay points")
        };
        (p.x(), p.y())
    }

    #[test]
    fn ordnance_survey_worked_example() {
        // OS, Transformations and OSGM15 user guide: Caister water tower.
        let tower = Geometry::Point(Point::new(1.716_073_973, 52.658_007_833));
        let (x, y) = point(&Crs::NationalGrid.project(&tower).unwrap());
        assert!(
            (x - 651_409.804).abs() < 1e-3 && (y - 313_177.450).abs() < 1e-3,
            "{x} {y}"
        );
        let grid = Geometry::Point(Point::new(651_409.804, 313_177.450));
        let (lon, lat) = point(&Crs::NationalGrid.unproject(&grid).unwrap());
        assert!((lon - 1.716_073_973).abs() < 2e-8 && (lat - 52.658_007_833).abs() < 2e-8);
    }

    #[test]
    fn web_mercator_is_that_of_epsg() {
        // EPSG guidance note 7-2, Popular Visualisation Pseudo-Mercator, example.
        let at = Geometry::Point(Point::new(-100.333_333_33, 24.381_786_94));
        let (x, y) = point(&Crs::WebMercator.project(&at).unwrap());
        assert!(
            (x + 11_169_055.58).abs() < 0.01 && (y - 2_800_000.0).abs() < 0.01,
            "{x} {y}"
        );
    }

    #[test]
    fn what_a_system_does_not_reach_is_said() {
        let paris = Geometry::Point(Point::new(2.35, 48.86));
        assert!(Crs::NationalGrid.project(&paris).is_err());
        let corners = Geometry::MultiPoint(
            vec![(-7.56, 49.96), (-7.56, 60.84), (1.78, 49.96), (1.78, 60.84)].into(),
        );
        assert!(Crs::NationalGrid.project(&corners).is_ok());
        assert!(
            Crs::NationalGrid
                .unproject_box([-1e9, -1e9, 1e9, 1e9])
                .is_some()
        );
        let pole = Geometry::Point(Point::new(0.0, 90.0));
        assert!(Crs::WebMercator.project(&pole).is_err());
        let far = Geometry::Point(Point::new(-1.0, 0.0));
        assert!(Crs::NationalGrid.unproject(&far).is_err());
        assert!(
            Crs::NationalGrid
                .unproject_box([-9.0, -9.0, -1.0, -1.0])
                .is_none()
        );
        assert!(!Crs::NationalGrid.reaches([-0.1, 51.0, 2.0, 52.0]));
        assert!(Crs::NationalGrid.reaches([-0.1, 51.0, 0.1, 52.0]));
    }

    #[test]
    fn edges_follow_the_lines_of_the_grid() {
        let square = Crs::NationalGrid
            .unproject_box([500_000.0, 150_000.0, 560_000.0, 210_000.0])
            .unwrap();
        let Geometry::Polygon(p) = &square else {
            unreachable!("a box with an area is a polygon")
        };
        assert!(p.exterior().0.len() > 50, "{}", p.exterior().0.len());
        let back = Crs::NationalGrid.project(&square).unwrap();
        let rect = back.bounding_rect().unwrap();
        assert!((rect.min().x - 500_000.0).abs() < 0.02 && (rect.max().y - 210_000.0).abs() < 0.02);
        let Geometry::Polygon(p) = back else {
            unreachable!("polygons stay polygons")
        };
        for c in p.exterior().coords() {
            let on = |v: f64, edges: [f64; 2]| edges.iter().any(|e| (v - e).abs() < 0.02);
            assert!(
                on(c.x, [500_000.0, 560_000.0]) || on(c.y, [150_000.0, 210_000.0]),
                "{c:?}"
            );
        }
    }

    #[test]
    fn parts_of_every_kind_are_projected() {
        let square = polygon![(x: 0.0, y: 51.0), (x: 0.1, y: 51.0), (x: 0.1, y: 51.1)];
        let parts = vec![
            Geometry::Polygon(square.clone()),
            Geometry::MultiPolygon(geo::MultiPolygon(vec![square])),
        ];
        let collection = Geometry::GeometryCollection(geo::GeometryCollection(parts));
        for crs in Crs::ALL {
            let there = crs.project(&collection).unwrap();
            let back = crs.unproject(&there).unwrap();
            let (a, b) = (
                collection.bounding_rect().unwrap(),
                back.bounding_rect().unwrap(),
            );
            assert!((a.min().x - b.min().x).abs() < 1e-7 && (a.max().y - b.max().y).abs() < 1e-7);
        }
    }

    proptest! {
        #[test]
        fn there_and_back_agree_to_the_last_decimal(lon in -5.0..1.0_f64, lat in 50.5..58.0_f64) {
            let at = Geometry::Point(Point::new(lon, lat));
            for crs in [Crs::NationalGrid, Crs::WebMercator] {
                let back = point(&crs.unproject(&crs.project(&at).unwrap()).unwrap());
                prop_assert!((back.0 - lon).abs() < 5e-8 && (back.1 - lat).abs() < 5e-8);
            }
        }

        #[test]
        fn any_box_has_an_answer(b in prop::array::uniform4(any::<f64>())) {
            for crs in Crs::ALL {
                let _ = crs.unproject_box(b);
            }
        }
    }
}
