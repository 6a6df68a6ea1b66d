//! Where the shared data and the peers' points are, and the density oracles among them.
//!
//! The oracles are unbinned sums in double precision over 100,000 points, made with numpy at the
//! centres of squares: 600 by 480 squares of 100 m, or every fortieth row of 2400 by 1920 squares of
//! 25 m, from the corner (503000, 155000). The points are made by the generator beside them; they
//! are not rounded to anything.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::npy::{Array, read_npz};

/// The south-west corner of the oracles' grid, metres.
pub const CORNER: (f64, f64) = (503_000.0, 155_000.0);
/// Width and height of the grid, metres.
pub const SIZE: (f64, f64) = (60_000.0, 48_000.0);
/// The bandwidth of the oracles, metres.
pub const BANDWIDTH_M: f64 = 300.0;

fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// A path in the shared data: below `$ISOPLETH_SHARED`, or `../shared` beside the repository. `None`
/// if it is not there.
#[must_use]
pub fn shared(path: &str) -> Option<PathBuf> {
    let base =
        std::env::var_os("ISOPLETH_SHARED").map_or_else(|| root().join("../shared"), PathBuf::from);
    Some(base.join(path)).filter(|p| p.exists())
}

/// The folder of the peers' points: `$ISOPLETH_PEER_DATA`, or `target/peers`.
#[must_use]
pub fn peer_data() -> PathBuf {
    std::env::var_os("ISOPLETH_PEER_DATA")
        .map_or_else(|| root().join("target/peers"), PathBuf::from)
}

/// How to make the points that are missing.
#[must_use]
pub fn how_to_make_points(n: usize) -> String {
    format!(
        "make them with: PYTHONPATH=../shared/peers python3 -c \"import gen, numpy; \
         numpy.save('target/peers/xy_{n}.npy', gen.make({n})[0])\""
    )
}

/// The peers' points of this number, easting and northing in metres; `None` if they have not been
/// made.
///
/// # Panics
/// If the file is damaged.
#[must_use]
pub fn peer_points(n: usize) -> Option<Vec<[f64; 2]>> {
    pairs("xy", n)
}

/// The same as longitude and latitude, degrees.
///
/// # Panics
/// If the file is damaged.
#[must_use]
pub fn peer_positions(n: usize) -> Option<Vec<[f64; 2]>> {
    pairs("ll", n)
}

fn pairs(kind: &str, n: usize) -> Option<Vec<[f64; 2]>> {
    let path = peer_data().join(format!("{kind}_{n}.npy"));
    let bytes = std::fs::read(&path).ok()?;
    let array = Array::read(&bytes).expect("an array of numpy");
    assert_eq!(array.shape, [n, 2], "{}", path.display());
    let (pairs, _) = array.floats().expect("floats").as_chunks::<2>();
    Some(pairs.to_vec())
}

/// Points with the number of times that each occurs, in an order of their own. Points are the same
/// only if every bit of them is.
#[must_use]
pub fn collapse(points: &[[f64; 2]]) -> Vec<([f64; 2], f64)> {
    let mut sorted = points.to_vec();
    sorted.sort_unstable_by(|a, b| a[1].total_cmp(&b[1]).then(a[0].total_cmp(&b[0])));
    sorted
        .chunk_by(|a, b| a == b)
        .map(|same| (same[0], same.len() as f64))
        .collect()
}

/// A density oracle: what is known of a grid.
#[derive(Debug, Clone)]
pub struct DensityOracle {
    /// Side of the squares, metres.
    pub side_m: f64,
    /// The rows that are known, counted from the south.
    pub rows: Vec<usize>,
    /// Densities per m² in these rows, from the west.
    pub values: Vec<f64>,
}

impl DensityOracle {
    /// The oracle of a kernel on squares of a side; `None` if the shared data are not there or have
    /// none.
    ///
    /// # Panics
    /// If the file is damaged.
    #[must_use]
    pub fn load(kernel: &str, side_m: u32) -> Option<Self> {
        let rows = if side_m == 100 { "" } else { "_rows" };
        let path = shared(&format!(
            "peers/oracle/kde_{kernel}_100k_cell{side_m}_h300{rows}.npz"
        ))?;
        let bytes = std::fs::read(path).expect("it was there");
        let arrays: BTreeMap<String, Array> = read_npz(&bytes).expect("an archive of numpy");
        let (rows, grid) = match (
            arrays.get("grid"),
            arrays.get("rows"),
            arrays.get("row_index"),
        ) {
            (Some(grid), _, _) => ((0..grid.shape[0]).collect(), grid),
            (_, Some(rows), Some(index)) => {
                let index = index.integers().expect("integers");
                (
                    index
                        .iter()
                        .map(|&r| usize::try_from(r).expect("a row"))
                        .collect(),
                    rows,
                )
            }
            _ => panic!("an oracle has a grid, or rows with their index"),
        };
        assert_eq!(grid.shape[1] as f64 * f64::from(side_m), SIZE.0);
        let values = grid.floats().expect("floats").to_vec();
        Some(Self {
            side_m: side_m.into(),
            rows,
            values,
        })
    }

    /// The largest difference of a whole grid from the oracle, over the oracle's largest value. The
    /// grid is row-major from the south-west.
    ///
    /// # Panics
    /// If the grid is of another size.
    #[must_use]
    pub fn largest_difference(&self, grid: &[f64]) -> f64 {
        let columns = (SIZE.0 / self.side_m) as usize;
        assert_eq!(grid.len(), columns * (SIZE.1 / self.side_m) as usize);
        let most = self.values.iter().copied().fold(0.0, f64::max);
        let known = self
            .rows
            .iter()
            .flat_map(|&r| &grid[r * columns..(r + 1) * columns]);
        known
            .zip(&self.values)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f64::max)
            / most
    }
}

/// Gi\* of H3 cells by numpy: binary weights, the cell itself among its neighbours.
#[derive(Debug, Clone)]
pub struct GiOracle {
    /// The cells, rising.
    pub cells: Vec<u64>,
    /// Their counts.
    pub counts: Vec<u32>,
    /// Their z.
    pub z: Vec<f64>,
}

impl GiOracle {
    /// The oracle of a resolution and some rings; `None` if the shared data are not there.
    ///
    /// # Panics
    /// If the file is damaged.
    #[must_use]
    pub fn load(resolution: u8, rings: u32) -> Option<Self> {
        let path = shared(&format!("peers/oracle/gistar_res{resolution}_k{rings}.npz"))?;
        let arrays = read_npz(&std::fs::read(path).expect("it was there")).expect("an archive");
        let whole = |name: &str| arrays[name].integers().expect("integers").to_vec();
        Some(Self {
            cells: whole("cell").into_iter().map(|c| c as u64).collect(),
            counts: whole("y")
                .into_iter()
                .map(|y| u32::try_from(y).expect("a count"))
                .collect(),
            z: arrays["z"].floats().expect("floats").to_vec(),
        })
    }
}
