//! Tiles that were cut, in a bounded part of the memory.

use std::io::Write;
use std::sync::{Arc, OnceLock};

use flate2::Compression;
use flate2::write::GzEncoder;
use isopleth_io::tiles::TileId;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

/// What a tile weighs beside its bytes.
const OVERHEAD: u64 = 256;

/// A tile, as it is and as it is sent.
#[derive(Debug)]
pub(crate) struct CachedTile {
    /// The tile; none where nothing is.
    plain: Option<Vec<u8>>,
    gzip: OnceLock<Vec<u8>>,
}

impl CachedTile {
    pub(crate) fn new(plain: Option<Vec<u8>>) -> Self {
        Self {
            plain,
            gzip: OnceLock::new(),
        }
    }

    /// The tile; none where nothing is.
    pub(crate) fn plain(&self) -> Option<&[u8]> {
        self.plain.as_deref()
    }

    /// The tile compressed, once for all clients; none where nothing is.
    pub(crate) fn gzip(&self) -> Option<&[u8]> {
        let plain = self.plain.as_deref()?;
        let packed = self.gzip.get_or_init(|| {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            let written = encoder.write_all(plain).and_then(|()| encoder.finish());
            written.expect("memory takes all that is written")
        });
        Some(packed)
    }
}

/// Which tile of which run of which collection.
pub(crate) type TileKey = (String, String, TileId);

#[derive(Clone)]
struct Bytes;

impl Weighter<TileKey, Arc<CachedTile>> for Bytes {
    fn weight(&self, _: &TileKey, tile: &Arc<CachedTile>) -> u64 {
        // Compressed, vector tiles are well below half as large.
        tile.plain().map_or(0, |p| p.len() as u64 * 3 / 2) + OVERHEAD
    }
}

/// Tiles that were cut; those used least go first.
pub(crate) struct TileCache(Cache<TileKey, Arc<CachedTile>, Bytes>);

impl TileCache {
    /// A cache of so many bytes.
    pub(crate) fn new(bytes: u64) -> Self {
        // A tile has some 32 kB on average; this is only where the table starts.
        let tiles = usize::try_from(bytes / 32_768).unwrap_or(usize::MAX);
        Self(Cache::with_weighter(tiles.clamp(16, 65_536), bytes, Bytes))
    }

    pub(crate) fn get(&self, key: &TileKey) -> Option<Arc<CachedTile>> {
        self.0.get(key)
    }

    pub(crate) fn put(&self, key: TileKey, tile: Arc<CachedTile>) {
        self.0.insert(key, tile);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn key(x: u32) -> TileKey {
        ("c".into(), "r".into(), TileId::new(10, x, 0).unwrap())
    }

    #[test]
    fn the_cache_is_bounded_and_keeps_what_it_can() {
        let cache = TileCache::new(1 << 20);
        for x in 0..200 {
            let tile = CachedTile::new(Some(vec![x as u8; 20_000]));
            cache.put(key(x), Arc::new(tile));
        }
        let kept = (0..200).filter(|&x| cache.get(&key(x)).is_some()).count();
        assert!(kept > 0 && kept <= (1 << 20) / 20_000, "{kept}");
    }

    #[test]
    fn a_tile_is_compressed_without_loss() {
        let tile = CachedTile::new(Some(b"tile tile tile tile".repeat(50)));
        let mut out = Vec::new();
        let packed = tile.gzip().unwrap();
        flate2::read::GzDecoder::new(packed)
            .read_to_end(&mut out)
            .unwrap();
        assert_eq!(Some(&out[..]), tile.plain());
        assert!(packed.len() < out.len());
        assert_eq!(CachedTile::new(None).gzip(), None);
    }
}
