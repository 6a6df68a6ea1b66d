//! The tile matrix set `WebMercatorQuad`.

use crate::mercator::HALF_WORLD_M;

/// The deepest zoom of the tile matrix set.
pub const DEEPEST: u8 = 24;
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
}
