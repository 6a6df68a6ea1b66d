//! Neighbourhoods of cells.

use h3o::CellIndex;
use rayon::prelude::*;

use super::{Cells, Lattice};
use crate::index::PointGrid;

/// Most pairs of neighbours: they are held twice, four bytes each, while they are put together.
const MAX_PAIRS: u64 = 100_000_000;

/// Too many pairs of neighbours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the neighbourhoods of {cells} cells hold some {pairs} pairs, the limit is {MAX_PAIRS}; choose fewer rings, a shorter distance or larger cells"
)]
pub struct TooManyPairs {
    /// Cells.
    pub cells: usize,
    /// Pairs, at least.
    pub pairs: u64,
}

/// For each cell of a lattice its neighbours, without itself, in ascending order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbours {
    starts: Vec<u32>,
    cells: Vec<u32>,
}

impl Neighbours {
    /// From a list for each cell, which is put in order and freed of repeats and of the cell itself.
    #[must_use]
    pub fn from_lists(lists: Vec<Vec<u32>>) -> Self {
        let mut starts = Vec::with_capacity(lists.len() + 1);
        let mut cells = Vec::with_capacity(lists.iter().map(Vec::len).sum());
        starts.push(0);
        for (cell, mut list) in lists.into_iter().enumerate() {
            list.sort_unstable();
            list.dedup();
            list.retain(|&n| n as usize != cell);
            cells.extend_from_slice(&list);
            starts.push(cells.len() as u32);
        }
        Self { starts, cells }
    }

    /// Cells within some rings: of squares the eight around one and those around these, of hexagons the
    /// six.
    ///
    /// # Errors
    /// [`TooManyPairs`].
    pub fn rings(lattice: &Lattice, rings: u32) -> Result<Self, TooManyPairs> {
        let each = match &lattice.cells {
            Cells::H3(_) => 3 * u64::from(rings) * (u64::from(rings) + 1),
            Cells::Square(_) => (2 * u64::from(rings) + 1).pow(2) - 1,
        };
        check(lattice.len(), each)?;
        let lists = match &lattice.cells {
            Cells::H3(cells) => (0..cells.len())
                .into_par_iter()
                .map(|c| {
                    let disk: Vec<CellIndex> = cells[c].grid_disk(rings);
                    disk.iter()
                        .filter_map(|n| cells.binary_search(n).ok())
                        .map(|n| n as u32)
                        .collect()
                })
                .collect(),
            Cells::Square(squares) => {
                let (columns, rows) = squares.size;
                let reach = rings as usize;
                (0..squares.len())
                    .into_par_iter()
                    .map(|c| {
                        let at = squares.members[c] as usize;
                        let (column, row) = (at % columns, at / columns);
                        let mut list = Vec::with_capacity(each as usize);
                        for r in row.saturating_sub(reach)..(row + reach + 1).min(rows) {
                            let first = r * columns + column.saturating_sub(reach);
                            let last = r * columns + (column + reach).min(columns - 1);
                            let members = &squares.members;
                            let from = members.partition_point(|&m| (m as usize) < first);
                            list.extend(
                                (from..members.len())
                                    .take_while(|&n| members[n] as usize <= last)
                                    .map(|n| n as u32),
                            );
                        }
                        list
                    })
                    .collect()
            }
        };
        Ok(Self::from_lists(lists))
    }

    /// Cells whose centres are at most a distance away, metres.
    ///
    /// # Errors
    /// [`TooManyPairs`].
    pub fn within(lattice: &Lattice, distance_m: f64) -> Result<Self, TooManyPairs> {
        let spacing = lattice.tiling.spacing_m();
        let each = (std::f64::consts::PI * (distance_m / spacing).powi(2)) as u64;
        check(lattice.len(), each)?;
        let points: Vec<_> = lattice
            .centres()
            .iter()
            .enumerate()
            .map(|(c, &at)| (at, 1.0, c as u32))
            .collect();
        let grid = PointGrid::new(&points, distance_m.max(spacing));
        let lists = lattice
            .centres()
            .par_iter()
            .map(|&at| {
                let mut list = Vec::new();
                grid.each_within(at, distance_m, |cell, _, _| list.push(cell));
                list
            })
            .collect();
        Ok(Self::from_lists(lists))
    }

    /// Number of cells.
    #[must_use]
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// Whether there are no cells.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A cell's neighbours.
    #[must_use]
    pub fn of(&self, cell: usize) -> &[u32] {
        &self.cells[self.starts[cell] as usize..self.starts[cell + 1] as usize]
    }

    /// Number of pairs, each counted from both sides.
    #[must_use]
    pub fn pairs(&self) -> usize {
        self.cells.len()
    }
}

fn check(cells: usize, each: u64) -> Result<(), TooManyPairs> {
    let pairs = cells as u64 * each;
    if pairs > MAX_PAIRS {
        return Err(TooManyPairs { cells, pairs });
    }
    Ok(())
}
