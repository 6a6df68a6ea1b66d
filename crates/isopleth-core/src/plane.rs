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
#[error("{what} lies outside the area of the British National Grid (longitude -7.56 to 1.78, latitude 49.96 to 60.84)")]
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
        Ok((x, y)) => Ok(Projected { planar: Planar { x, y }, exact: true }),
        Err(TransformError::OutsideOstn15Coverage { .. }) => {
            // The library offers its Helmert path for slices only.
            let (mut x, mut y) = ([lon], [lat]);
            lonlat_bng::convert_to_bng_threaded_vec(&mut x, &mut y);
            if x[0].is_finite() && y[0].is_finite() {
                Ok(Projected { planar: Planar { x: x[0], y: y[0] }, exact: false })
            } else {
                Err(OutsidePlane { what: Position::Degrees(lon, lat) })
            }
        }
        Err(_) => Err(OutsidePlane { what: Position::Degrees(lon, lat) }),
    }
}

/// The WGS 84 position of a grid position.
///
/// # Errors
/// [`OutsidePlane`] beyond the extent of the National Grid.
pub fn unproject(at: Planar) -> Result<LonLat, OutsidePlane> {
    let outside = OutsidePlane { what: Position::Metres(at.x, at.y) };
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
