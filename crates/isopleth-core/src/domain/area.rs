//! Named ground: areas to select by, sites to relate to, streets to go along.

use geo::{MultiLineString, MultiPolygon};

use super::LonLat;

/// An administrative or statistical area of one vintage. The same name in another vintage need not
/// be the same ground.
#[derive(Debug, Clone, PartialEq)]
pub struct Area {
    /// Official code: `E09000016`.
    pub code: String,
    /// Name: `Havering`.
    pub name: String,
    /// Kind: `ward`, `borough`.
    pub kind: String,
    /// Vintage of the boundary: `2018`.
    pub vintage: String,
    /// The ground, WGS 84 longitude and latitude.
    pub geometry: MultiPolygon,
}

/// The class of a site, as users name it: `pub`, `school`, `police_station`.
pub type SiteClass = String;

/// A point of interest.
#[derive(Debug, Clone, PartialEq)]
pub struct Site {
    /// The site's own id in its source, or one made from its place and name.
    pub id: String,
    /// Name.
    pub name: String,
    /// Class.
    pub class: SiteClass,
    /// Where it is.
    pub position: LonLat,
    /// How many it stands for, where it stands for some number: the residents of a population point.
    pub number: Option<u32>,
}

/// A street, or a piece of one, of one vintage of a street network.
#[derive(Debug, Clone, PartialEq)]
pub struct Street {
    /// The street's own id in its source.
    pub id: String,
    /// Name; empty where it has none.
    pub name: String,
    /// Vintage of the network: `2024-04`.
    pub vintage: String,
    /// The centre line, WGS 84 longitude and latitude.
    pub geometry: MultiLineString,
}

/// Whether records stacked on a site of this class were recorded there rather than happened there.
#[must_use]
pub fn is_station_class(class: &str) -> bool {
    matches!(
        class,
        "police_station" | "custody" | "custody_suite" | "prison"
    )
}
