//! The plane that distances, densities and areas are measured in.
//!
//! It is the British National Grid (EPSG:27700) by the Ordnance Survey's OSTN15 transformation:
//! the plane that British analysts, boundaries and force systems use. WGS 84 is taken as ETRS89,
//! as OSTN15 does. Where the OSTN15 grid has no data (offshore), the Helmert transformation stands
//! in, which is good to some 5 m; such positions say so.
//!
//! One metre of the grid is between 0.9996 and 1.0004 metres on the ground; areas of the grid
//! differ from ground areas by less than 0.1 %.

use lonlat_bng::TransformError;

use crate::domain::LonLat;

/// A position in the plane, metres east and north. Not longitude and latitude: see
/// [`LonLat`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Planar {
    /// Easting, metres.
    pub x: f64,
    /// Northing, metres.
    pub y: f64,
}

impl Planar {
    /// Squared distance to another position, m².
    #[must_use]
    pub fn distance_2(self, other: Self) -> f64 {
        let (dx, dy) = (self.x - other.x, self.y - other.y);
        dx * dx + dy * dy
    }
}

/// A position in the plane and how it was reached.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Projected {
    /// The position.
    pub planar: Planar,
    /// By OSTN15 (millimetres) rather than by Helmert (metres).
    pub exact: bool,
}

/// A position outside the area that the National Grid is defined for.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error(
    "{what} lies outside the area of the British National Grid (longitude -7.56 to 1.78, latitude 49.96 to 60.84)"
)]
pub struct OutsidePlane {
    /// The position, as text.
    pub what: Position,
}

/// A position for a message.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Position {
    /// Longitude, latitude.
    Degrees(f64, f64),
    /// Easting, northing.
    Metres(f64, f64),
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Degrees(lon, lat) => write!(f, "longitude {lon}, latitude {lat}"),
            Self::Metres(e, n) => write!(f, "easting {e}, northing {n}"),
        }
    }
}

/// Projects a WGS 84 position, to the millimetre.
///
/// # Errors
/// [`OutsidePlane`] beyond the bounding box of the National Grid.
pub fn project(at: LonLat) -> Result<Projected, OutsidePlane> {
    let (lon, lat) = (at.lon(), at.lat());
    match lonlat_bng::convert_osgb36(lon, lat) {
        Ok((x, y)) => Ok(Projected {
            planar: Planar { x, y },
            exact: true,
        }),
        Err(TransformError::OutsideOstn15Coverage { .. }) => {
            // The library offers its Helmert path for slices only.
            let (mut x, mut y) = ([lon], [lat]);
            lonlat_bng::convert_to_bng_threaded_vec(&mut x, &mut y);
            if x[0].is_finite() && y[0].is_finite() {
                Ok(Projected {
                    planar: Planar { x: x[0], y: y[0] },
                    exact: false,
                })
            } else {
                Err(OutsidePlane {
                    what: Position::Degrees(lon, lat),
                })
            }
        }
        Err(_) => Err(OutsidePlane {
            what: Position::Degrees(lon, lat),
        }),
    }
}

/// The WGS 84 position of a grid position.
///
/// # Errors
/// [`OutsidePlane`] beyond the extent of the National Grid.
pub fn unproject(at: Planar) -> Result<LonLat, OutsidePlane> {
    let outside = OutsidePlane {
        what: Position::Metres(at.x, at.y),
    };
    let (lon, lat) = match lonlat_bng::convert_osgb36_to_ll(at.x, at.y) {
        Ok(found) => found,
        Err(TransformError::OutsideOstn15Coverage { .. }) => {
            let (mut lon, mut lat) = ([at.x], [at.y]);
            lonlat_bng::convert_to_lonlat_threaded_vec(&mut lon, &mut lat);
            (lon[0], lat[0])
        }
        Err(_) => return Err(outside),
    };
    LonLat::new(lon, lat).map_err(|_| outside)
}

/// The position of a grid position, anywhere near Great Britain: that of [`unproject`] where it has
/// one, elsewhere without the OSTN15 shifts, which are some 100 m. For the outlines of boxes that
/// reach beyond the area of the National Grid, in which no feature of it lies.
///
/// # Errors
/// [`OutsidePlane`] a thousand kilometres and more away.
pub fn unproject_outline(at: Planar) -> Result<LonLat, OutsidePlane> {
    if let Ok(found) = unproject(at) {
        return Ok(found);
    }
    let outside = OutsidePlane {
        what: Position::Metres(at.x, at.y),
    };
    if !(-1e6..2e6).contains(&at.x) || !(-1e6..3e6).contains(&at.y) {
        return Err(outside);
    }
    // Metres of a degree of latitude; each round shrinks the rest by more than ten.
    const DEGREE: f64 = 111_200.0;
    let (mut lon, mut lat) = (-2.0, 49.0);
    for _ in 0..24 {
        let here = LonLat::new(lon, lat).map_err(|_| outside)?;
        let p = transverse_mercator(here);
        lat += (at.y - p.y) / DEGREE;
        lon += (at.x - p.x) / (DEGREE * lat.to_radians().cos());
    }
    LonLat::new(lon, lat).map_err(|_| outside)
}

/// Projects many positions that lie near each other, such as the cells of a lattice; not rounded to
/// millimetres. Agrees with [`project`] to half a millimetre.
///
/// The projection is the same (OS, *A guide to coordinate systems in Great Britain*, annexe C; the
/// OSTN15 shifts bilinear between kilometre nodes); what it saves is looking the nodes up anew for
/// every position, which is nine tenths of the time.
///
/// # Errors
/// [`OutsidePlane`] for the first position beyond the bounding box of the National Grid.
pub fn project_all(positions: &[LonLat]) -> Result<Vec<Planar>, OutsidePlane> {
    // Neighbours share their kilometre square: its corners' shifts are looked up when it changes.
    let mut square = (i32::MIN, i32::MIN);
    let mut corners = None;
    positions
        .iter()
        .map(|&at| {
            let p = transverse_mercator(at);
            let here = ((p.x / 1000.0).floor() as i32, (p.y / 1000.0).floor() as i32);
            if here != square {
                square = here;
                corners = shifts_around(here);
            }
            let Some([sw, se, nw, ne]) = corners else {
                return project(at).map(|p| p.planar);
            };
            let (t, u) = (
                p.x / 1000.0 - f64::from(here.0),
                p.y / 1000.0 - f64::from(here.1),
            );
            let mix = |sw: f64, se: f64, nw: f64, ne: f64| {
                (1.0 - u) * ((1.0 - t) * sw + t * se) + u * ((1.0 - t) * nw + t * ne)
            };
            Ok(Planar {
                x: p.x + mix(sw.0, se.0, nw.0, ne.0),
                y: p.y + mix(sw.1, se.1, nw.1, ne.1),
            })
        })
        .collect()
}

/// The OSTN15 shifts at the corners of a kilometre square: south-west, south-east, north-west,
/// north-east. None beyond its data.
fn shifts_around((x, y): (i32, i32)) -> Option<[(f64, f64); 4]> {
    if !(0..700).contains(&x) || !(0..1250).contains(&y) {
        return None;
    }
    let node = |x: i32, y: i32| ostn15_phf::ostn15_lookup(&(x + y * 701 + 1)).map(|s| (s.0, s.1));
    Some([
        node(x, y)?,
        node(x + 1, y)?,
        node(x, y + 1)?,
        node(x + 1, y + 1)?,
    ])
}

/// The National Grid's transverse Mercator projection on GRS 80: ETRS89 grid coordinates.
fn transverse_mercator(at: LonLat) -> Planar {
    const A: f64 = 6_378_137.0;
    const B: f64 = 6_356_752.314_140;
    const F0: f64 = 0.999_601_271_7;
    const E2: f64 = 1.0 - (B * B) / (A * A);
    const N: f64 = (A - B) / (A + B);
    let phi0 = 49.0_f64.to_radians();
    let (s0, c0) = (0.754_709_580_222_772, 0.656_059_028_990_507_3);
    let (phi, l) = (at.lat().to_radians(), (at.lon() + 2.0).to_radians());
    let (s, c) = phi.sin_cos();
    let (s2, c2, t2) = (s * s, c * c, s * s / (c * c));
    let w = 1.0 - E2 * s2;
    let nu = A * F0 / w.sqrt();
    let nu_rho = w / (1.0 - E2);
    let eta2 = nu_rho - 1.0;
    // Sines and cosines of φ − φ₀ and φ + φ₀ and their multiples, from those of φ and φ₀.
    let (sm, cm) = (s * c0 - c * s0, c * c0 + s * s0);
    let cp = c * c0 - s * s0;
    let (s2m, c2p) = (2.0 * sm * cm, 2.0 * cp * cp - 1.0);
    let (s3m, c3p) = (sm * (3.0 - 4.0 * sm * sm), cp * (4.0 * cp * cp - 3.0));
    debug_assert!((s0 - phi0.sin()).abs() < 1e-15 && (c0 - phi0.cos()).abs() < 1e-15);
    let (n2, n3) = (N * N, N * N * N);
    let arc = B
        * F0
        * ((1.0 + N + 1.25 * n2 + 1.25 * n3) * (phi - phi0)
            - (3.0 * N + 3.0 * n2 + 2.625 * n3) * sm * cp
            + (1.875 * n2 + 1.875 * n3) * s2m * c2p
            - 35.0 / 24.0 * n3 * s3m * c3p);
    let l2 = l * l;
    let north = s * c * nu / 2.0
        + l2 * (s * nu * c2 * c / 24.0 * (5.0 - t2 + 9.0 * eta2)
            + l2 * (s * nu * c2 * c2 * c / 720.0 * (61.0 - 58.0 * t2 + t2 * t2)));
    let east = nu * c
        + l2 * (nu * c2 * c / 6.0 * (nu_rho - t2)
            + l2 * (nu * c2 * c2 * c / 120.0
                * (5.0 - 18.0 * t2 + t2 * t2 + 14.0 * eta2 - 58.0 * t2 * eta2)));
    Planar {
        x: 400_000.0 + l * east,
        y: -100_000.0 + arc + l2 * north,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordnance_survey_worked_example() {
        // OS, Transformations and OSGM15 user guide, worked example: Caister water tower.
        let at = LonLat::new(1.716_073_973, 52.658_007_833).unwrap();
        let p = project(at).unwrap();
        assert!(p.exact);
        assert_eq!((p.planar.x, p.planar.y), (651_409.804, 313_177.45));
    }

    #[test]
    fn many_at_once_agree_with_one_by_one() {
        let grid: Vec<LonLat> = (0..60)
            .flat_map(|i| (0..90).map(move |j| (i, j)))
            .map(|(i, j)| {
                LonLat::new(-7.3 + f64::from(i) * 0.15, 50.0 + f64::from(j) * 0.12).unwrap()
            })
            .collect();
        let all = project_all(&grid).unwrap();
        for (&at, many) in grid.iter().zip(all) {
            let one = project(at).unwrap().planar;
            assert!(
                one.distance_2(many).sqrt() < 1e-3,
                "{at:?}: {one:?} against {many:?}"
            );
        }
    }

    #[test]
    fn there_and_back_within_millimetres() {
        for (x, y) in [
            (551_234.567, 188_765.432),
            (530_000.0, 180_000.0),
            (400_123.4, 654_321.0),
        ] {
            let at = unproject(Planar { x, y }).unwrap();
            let back = project(at).unwrap().planar;
            assert!(back.distance_2(Planar { x, y }).sqrt() < 0.003, "{back:?}");
        }
    }

    #[test]
    fn outlines_go_on_beyond_the_grid() {
        for (x, y) in [
            (0.0, 0.0),
            (700_000.0, 0.0),
            (0.0, 1_250_000.0),
            (700_000.0, 1_250_000.0),
        ] {
            let p = transverse_mercator(unproject_outline(Planar { x, y }).unwrap());
            assert!(
                p.distance_2(Planar { x, y }).sqrt() < 200.0,
                "{x} {y}: {p:?}"
            );
        }
        let inside = Planar {
            x: 530_000.0,
            y: 180_000.0,
        };
        assert_eq!(unproject_outline(inside), unproject(inside));
        assert!(
            unproject_outline(Planar {
                x: f64::NAN,
                y: 0.0
            })
            .is_err()
        );
        assert!(unproject_outline(Planar { x: 9e6, y: 0.0 }).is_err());
    }

    #[test]
    fn off_the_grid_is_said() {
        let paris = LonLat::new(2.35, 48.86).unwrap();
        assert!(project(paris).unwrap_err().to_string().contains("2.35"));
        assert!(project_all(&[paris]).is_err());
    }
}
