//! Geometries as GeoJSON geometry objects, for serde.

use geo::Geometry;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Writes a geometry as a GeoJSON geometry object.
pub(crate) fn serialize<S: Serializer>(
    geometry: &Geometry,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    geojson::Geometry::from(geometry).serialize(serializer)
}

/// Reads a geometry from a GeoJSON geometry object.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Geometry, D::Error> {
    let read = geojson::Geometry::deserialize(deserializer)?;
    Geometry::try_from(read).map_err(serde::de::Error::custom)
}
