//! Positions and what they stand for.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A position in WGS 84 degrees, longitude first. Not a planar point: see
/// [`Planar`](crate::plane::Planar).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LonLat {
    lon: f64,
    lat: f64,
}

/// A longitude or latitude that is not on the globe.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error(
    "longitude {lon}, latitude {lat} is not a position: longitude lies in -180..180, latitude in -90..90, in degrees"
)]
pub struct InvalidLonLat {
    /// The longitude that was given, degrees.
    pub lon: f64,
    /// The latitude that was given, degrees.
    pub lat: f64,
}

impl LonLat {
    /// A position from degrees.
    ///
    /// # Errors
    /// [`InvalidLonLat`] if a coordinate is not finite or off the globe.
    pub fn new(lon: f64, lat: f64) -> Result<Self, InvalidLonLat> {
        if (-180.0..=180.0).contains(&lon) && (-90.0..=90.0).contains(&lat) {
            Ok(Self { lon, lat })
        } else {
            Err(InvalidLonLat { lon, lat })
        }
    }

    /// Longitude, degrees east.
    #[must_use]
    pub fn lon(self) -> f64 {
        self.lon
    }

    /// Latitude, degrees north.
    #[must_use]
    pub fn lat(self) -> f64 {
        self.lat
    }

    /// The position as a `geo` coordinate (x = longitude, y = latitude).
    #[must_use]
    pub fn coord(self) -> geo::Coord {
        geo::Coord {
            x: self.lon,
            y: self.lat,
        }
    }
}

/// What the position of a record stands for. A repeat *location* may be called an address only on
/// [`LocationBasis::Address`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum LocationBasis {
    /// A surveyed address or property (UPRN).
    Address = 0,
    /// Somewhere along a named street.
    Street = 1,
    /// An anonymous map point that stands for eight or more addresses, or for none
    /// (data.police.uk).
    SnapPoint = 2,
    /// A police station or custody suite where the offence was recorded, not where it happened.
    Station = 3,
    /// The centre of an area, for want of anything better.
    AreaCentroid = 4,
    /// The source does not say.
    Unknown = 5,
}

impl LocationBasis {
    /// All values, in code order.
    pub const ALL: [Self; 6] = [
        Self::Address,
        Self::Street,
        Self::SnapPoint,
        Self::Station,
        Self::AreaCentroid,
        Self::Unknown,
    ];

    /// The storage code.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The value with this storage code.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }

    /// The name used in documents: `address`, `snap_point`, …
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Street => "street",
            Self::SnapPoint => "snap_point",
            Self::Station => "station",
            Self::AreaCentroid => "area_centroid",
            Self::Unknown => "unknown",
        }
    }

    /// The value with this document name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|b| b.name() == name)
    }

    /// How a place with this basis is spoken of. Never "address" on anything but an address.
    #[must_use]
    pub fn noun(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Street => "street location",
            Self::SnapPoint => "map point",
            Self::Station => "police station",
            Self::AreaCentroid => "area centre",
            Self::Unknown => "location",
        }
    }
}

impl fmt::Display for LocationBasis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
