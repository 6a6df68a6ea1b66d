//! Spherical Mercator (EPSG:3857), by functions that give the same bits on every machine.

use std::f64::consts::PI;

/// Half the side of the square that it covers, metres.
pub const HALF_WORLD_M: f64 = 20_037_508.342_789_244;
/// The latitude where the square ends, degrees.
pub const MAX_LATITUDE: f64 = 85.051_128_779_806_59;

/// A WGS 84 position in the square from the north-west corner (0, 0) to the south-east (1, 1);
/// clamped to it.
pub(crate) fn unit(lon: f64, lat: f64) -> [f64; 2] {
    let lat = lat.clamp(-MAX_LATITUDE, MAX_LATITUDE).to_radians();
    let x = 0.5 + lon / 360.0;
    let y = 0.5 - libm::asinh(libm::tan(lat)) / (2.0 * PI);
    [x.clamp(0.0, 1.0), y.clamp(0.0, 1.0)]
}

/// A WGS 84 position in metres of EPSG:3857; clamped to the square.
#[must_use]
pub fn to_mercator(lon: f64, lat: f64) -> [f64; 2] {
    let [x, y] = unit(lon, lat);
    let side = 2.0 * HALF_WORLD_M;
    [x * side - HALF_WORLD_M, HALF_WORLD_M - y * side]
}

/// The WGS 84 position of metres of EPSG:3857.
#[must_use]
pub fn from_mercator(x: f64, y: f64) -> [f64; 2] {
    let radius = HALF_WORLD_M / PI;
    let lat = libm::atan(libm::sinh(y / radius));
    [x / HALF_WORLD_M * 180.0, lat.to_degrees()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_project_as_proj_projects_them() {
        // PROJ by GDAL 3.6, EPSG:4326 to EPSG:3857.
        for (lon, lat, x, y) in [
            (0.0, 0.0, 0.0, 0.0),
            (-0.1278, 51.5074, -14_226.630_923, 6_711_542.475_588),
            (179.5, -45.0, 19_981_848.597_393, -5_621_521.486_192),
        ] {
            let [e, n] = to_mercator(lon, lat);
            assert!((e - x).abs() < 1e-3 && (n - y).abs() < 1e-3, "{e} {n}");
            let [a, b] = from_mercator(e, n);
            assert!((a - lon).abs() < 1e-9 && (b - lat).abs() < 1e-9);
        }
        for (lon, lat, corner) in [(-180.0, 90.0, 0.0), (180.0, -90.0, 1.0)] {
            assert!(unit(lon, lat).iter().all(|v| (v - corner).abs() < 1e-15));
        }
    }
}
