//! Vector tiles (Mapbox Vector Tile 2.1) of a layer in the tile matrix set `WebMercatorQuad`.
//!
//! A [`TileSource`] projects a layer once and then cuts any tile out of it. Coordinates are
//! quantised to [`EXTENT`] steps per tile side; tiles carry what lies up to [`BUFFER`] steps
//! outside of them, so that outlines and symbols join at their edges.
//!
//! # What a tile says
//!
//! One layer with a feature for each feature of the layer that it meets, in the order of the
//! layer. A feature has the values of its columns under their names; a null value is left out, for
//! the format has none. Whole numbers are `sint`, decimal numbers `double`, dates text. The id of
//! a feature is the property [`id`](Properties::id); its number in the tile is the same id if all
//! ids of the layer are whole numbers, else its place in the layer, from 1.
//!
//! # Nothing vanishes
//!
//! What is too small to be seen is not dropped. A polygon or line that quantises to nothing is
//! drawn as one pixel, 8 steps wide, where it begins. A tile that meets more than [`FULL`]
//! features is thinned: points, and lines and polygons smaller than a cell of a grid, are merged
//! if their middles share the cell; the first in the order of the layer stands for all of them and
//! says for how many in the property [`merged_features`](Properties::merged_features). The grid is
//! the finest of 512, 256, 128, 64 and 32 cells to a side that leaves at most [`THINNED`]
//! features, or else the last. Merged points stand at the place of the first, merged lines and
//! polygons fill their cell.
//!
//! Features without a geometry are in no tile, and neither is what lies beyond latitude ±85.0511°,
//! where the tile matrix set ends.
//!
//! # Why the encoder is our own
//!
//! Libraries look every value of every feature up in a hash table, tile by tile. Here the values
//! are encoded once for the layer and numbered; a tile renumbers those that it needs.

pub(crate) mod clip;
pub mod matrix;
mod pbf;
mod source;
#[cfg(test)]
mod tests;

pub use source::{Properties, TileSource};

/// Steps to a side of a tile.
pub const EXTENT: u32 = 4096;
/// Steps around a tile that it carries as well.
pub const BUFFER: u32 = 64;
/// The deepest zoom that tiles are cut for. A step is then 15 cm on the equator; clients magnify
/// these tiles beyond it.
pub const MAX_ZOOM: u8 = 16;
/// Most features of a tile that are all shown one by one.
pub const FULL: usize = 4096;
/// Most features that a thinned tile is meant to have.
pub const THINNED: usize = 2048;
/// Media type of a tile.
pub const MEDIA_TYPE: &str = "application/vnd.mapbox-vector-tile";

/// The address of a tile: zoom, column from the west, row from the north.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TileId {
    z: u8,
    x: u32,
    y: u32,
}

impl TileId {
    /// A tile of the matrix; none beyond [`MAX_ZOOM`] or outside of the matrix of its zoom.
    #[must_use]
    pub fn new(z: u8, x: u32, y: u32) -> Option<Self> {
        (z <= MAX_ZOOM && x < (1 << z) && y < (1 << z)).then_some(Self { z, x, y })
    }

    /// Zoom.
    #[must_use]
    pub fn z(self) -> u8 {
        self.z
    }

    /// Column, from the west.
    #[must_use]
    pub fn x(self) -> u32 {
        self.x
    }

    /// Row, from the north.
    #[must_use]
    pub fn y(self) -> u32 {
        self.y
    }
}
