//! The tile matrix set `WebMercatorQuad` and its projection, spherical Mercator (EPSG:3857).

use std::f64::consts::PI;

/// The deepest zoom of the tile matrix set.
pub const DEEPEST: u8 = 24;
/// Half the side of the square that the tile matrix set covers, metres of EPSG:3857.
pub const HALF_WORLD_M: f64 = 20_037_508.342_789_244;
/// The latitude where the square ends, degrees.
pub const MAX_LATITUDE: f64 = 85.051_128_779_806_59;
/// Pixels to a side of a tile by the tile matrix set.
pub const TILE_PIXELS: u32 = 256;

/// One zoom of the tile matrix set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Matrix {
    /// Zoom.
    pub zoom: u8,
    /// Tiles to a side.
    pub tiles: u32,
    /// Metres of EPSG:3857 to a pixel of [`TILE_PIXELS`].
    pub cell_size_m: f64,
    /// Denominator of the scale for pixels of 0.28 mm.
    pub scale_denominator: f64,
}

/// The zooms of the tile matrix set, from the whole world down.
pub fn matrices() -> impl Iterator<Item = Matrix> {
    (0..=DEEPEST).map(|zoom| {
        let tiles = 1_u32 << zoom;
        let cell_size_m = 2.0 * HALF_WORLD_M / (f64::from(tiles) * f64::from(TILE_PIXELS));
        Matrix {
            zoom,
            tiles,
            cell_size_m,
            scale_denominator: cell_size_m / 0.000_28,
        }
    })
}

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
    fn the_matrices_are_those_of_the_standard() {
        // OGC 17-083r4, annex D.1.
        let all: Vec<_> = matrices().collect();
        assert_eq!(all.len(), usize::from(DEEPEST) + 1);
        for (zoom, scale, cell) in [
            (0, 559_082_264.028_717, 156_543.033_928_040_9),
            (10, 545_978.773_465_544, 152.874_056_570_352_6),
            (16, 8_530.918_335_399_17, 2.388_657_133_911_758),
        ] {
            let m = all[zoom];
            assert!((m.scale_denominator / scale - 1.0).abs() < 1e-12, "{m:?}");
            assert!((m.cell_size_m / cell - 1.0).abs() < 1e-12, "{m:?}");
        }
    }

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
