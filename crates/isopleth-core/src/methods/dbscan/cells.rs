//! Points in cells, cells in rows.

use std::ops::Range;

use super::ground::Ground;

/// Cells of a strip of rows, about: enough that the seams between strips cost little, and a fixed
/// number, so that the work is divided the same way on any number of threads.
const STRIP: usize = 16_384;

/// A cell with no more points than this has its duplicates found by looking at each.
const FEW: usize = 12;

/// Squared distance.
#[inline]
pub(super) fn distance_2<const D: usize>(a: [f64; D], b: [f64; D]) -> f64 {
    let mut sum = 0.0;
    for d in 0..D {
        let v = a[d] - b[d];
        sum += v * v;
    }
    sum
}

/// Places (points at one position, taken together) by cell, cells by row and column.
pub(super) struct Cells<const D: usize> {
    reach: (u32, u32),
    /// Number and first cell of each row that has any, and an end.
    rows: Vec<(u32, u32)>,
    column: Vec<u32>,
    /// First place of each cell, and an end.
    starts: Vec<u32>,
    /// Weight before each cell, and in all.
    mass: Vec<u64>,
    at: [Vec<f64>; D],
    weight: Vec<u32>,
    /// A point of each place.
    first: Vec<u32>,
}

impl<const D: usize> Cells<D> {
    /// Sorts points into cells; also gives each point with its place.
    pub(super) fn new(ground: &impl Ground<D>, weights: &[u32]) -> (Self, Vec<(u32, u32)>) {
        let sorted = by_cell(ground, weights.len());
        let columns = u64::from(ground.columns());
        let mut cells = Self {
            reach: ground.reach(),
            rows: Vec::new(),
            column: Vec::new(),
            starts: vec![0],
            mass: vec![0],
            at: std::array::from_fn(|_| Vec::new()),
            weight: Vec::new(),
            first: Vec::new(),
        };
        let mut members = Vec::with_capacity(weights.len());
        let mut points: Vec<([f64; D], u32)> = Vec::new();
        let mut total = 0_u64;
        for same in sorted.chunk_by(|a, b| a.0 == b.0) {
            let cell = same[0].0;
            let (row, column) = ((cell / columns) as u32, (cell % columns) as u32);
            if cells.rows.last().is_none_or(|r| r.0 != row) {
                cells.rows.push((row, cells.column.len() as u32));
            }
            cells.column.push(column);
            points.clear();
            points.extend(same.iter().map(|&(_, p)| (ground.at(p as usize), p)));
            let many = points.len() > FEW;
            if many {
                points.sort_unstable_by_key(|p| (p.0.map(f64::to_bits), p.1));
            }
            let start = cells.weight.len();
            for &(at, point) in &points {
                let weight = weights[point as usize];
                total += u64::from(weight);
                // Sorted, only the last place can be the same.
                let end = cells.weight.len();
                let from = if many {
                    start.max(end.saturating_sub(1))
                } else {
                    start
                };
                let place = match (from..end).find(|&i| cells.at(i) == at) {
                    Some(known) => {
                        cells.weight[known] = cells.weight[known].saturating_add(weight);
                        known
                    }
                    None => {
                        for (axis, v) in cells.at.iter_mut().zip(at) {
                            axis.push(v);
                        }
                        cells.weight.push(weight);
                        cells.first.push(point);
                        end
                    }
                };
                members.push((point, place as u32));
            }
            cells.starts.push(cells.weight.len() as u32);
            cells.mass.push(total);
        }
        cells.rows.push((u32::MAX, cells.column.len() as u32));
        (cells, members)
    }

    pub(super) fn len(&self) -> usize {
        self.column.len()
    }

    /// The places of a run of cells.
    pub(super) fn places(&self, cells: Range<usize>) -> Range<usize> {
        self.starts[cells.start] as usize..self.starts[cells.end] as usize
    }

    /// The weight of a run of cells.
    pub(super) fn mass(&self, cells: Range<usize>) -> u64 {
        self.mass[cells.end] - self.mass[cells.start]
    }

    /// The position of a place.
    pub(super) fn at(&self, place: usize) -> [f64; D] {
        std::array::from_fn(|d| self.at[d][place])
    }

    /// A point of a place.
    pub(super) fn first(&self, place: usize) -> usize {
        self.first[place] as usize
    }

    /// The weight of a run of cells that is in reach of a position.
    #[inline]
    pub(super) fn mass_within(&self, at: [f64; D], cells: Range<usize>, limit_2: f64) -> u64 {
        let places = self.places(cells);
        let axes: [&[f64]; D] = std::array::from_fn(|d| &self.at[d][places.clone()]);
        let weight = &self.weight[places];
        let mut sum = 0;
        for (i, &w) in weight.iter().enumerate() {
            let d = distance_2(at, std::array::from_fn(|d| axes[d][i]));
            sum += if d <= limit_2 { u64::from(w) } else { 0 };
        }
        sum
    }

    /// Runs of rows of about equal work.
    pub(super) fn strips(&self) -> Vec<Range<usize>> {
        let rows = self.rows.len() - 1;
        let mut strips = Vec::new();
        let mut start = 0;
        for row in 0..rows {
            if (self.rows[row + 1].1 - self.rows[start].1) as usize >= STRIP || row + 1 == rows {
                strips.push(start..row + 1);
                start = row + 1;
            }
        }
        strips
    }

    /// The cells of a run of rows.
    pub(super) fn cells_of(&self, rows: &Range<usize>) -> Range<usize> {
        self.rows[rows.start].1 as usize..self.rows[rows.end].1 as usize
    }

    /// The places of a run of rows.
    pub(super) fn places_of(&self, rows: &Range<usize>) -> Range<usize> {
        self.places(self.cells_of(rows))
    }

    /// The rows of a run that later rows are in reach of.
    pub(super) fn last_rows(&self, rows: &Range<usize>) -> Range<usize> {
        let Some(&(next, _)) = self.rows[..self.rows.len() - 1].get(rows.end) else {
            return rows.end..rows.end;
        };
        let far = |r: &(u32, u32)| r.0 + self.reach.0 < next;
        rows.start + self.rows[rows.clone()].partition_point(far)..rows.end
    }

    /// Visits the cells of a run of rows in order, each with the cells that may hold neighbours of
    /// its points, itself among them: a run of cells for each row in reach, in order.
    pub(super) fn sweep(&self, rows: Range<usize>, mut visit: impl FnMut(usize, &[Range<usize>])) {
        let (reach_rows, reach_columns) = self.reach;
        let count = self.rows.len() - 1;
        let mut near: Vec<Range<usize>> = Vec::new();
        let mut ends: Vec<usize> = Vec::new();
        let (mut first, mut after) = (0, 0);
        for r in rows {
            let number = self.rows[r].0;
            if after == 0 {
                first = self.rows[..r].partition_point(|o| o.0 + reach_rows < number);
            }
            while self.rows[first].0 + reach_rows < number {
                first += 1;
            }
            after = after.max(r + 1);
            while after < count && self.rows[after].0 <= number + reach_rows {
                after += 1;
            }
            near.clear();
            ends.clear();
            for other in first..after {
                let start = self.rows[other].1 as usize;
                near.push(start..start);
                ends.push(self.rows[other + 1].1 as usize);
            }
            for cell in self.rows[r].1 as usize..self.rows[r + 1].1 as usize {
                let column = self.column[cell];
                for (run, &end) in near.iter_mut().zip(&ends) {
                    while run.end < end
                        && self.column[run.end] <= column.saturating_add(reach_columns)
                    {
                        run.end += 1;
                    }
                    while run.start < run.end
                        && self.column[run.start].saturating_add(reach_columns) < column
                    {
                        run.start += 1;
                    }
                }
                visit(cell, &near);
            }
        }
    }
}

/// Bits of a digit of the sort by cells.
const DIGIT: u32 = 11;

/// Cell (row times columns, and column) and index of every point, in the order of cells and, in a
/// cell, of indices: a radix sort from the lowest digit up.
fn by_cell<const D: usize>(ground: &impl Ground<D>, points: usize) -> Vec<(u64, u32)> {
    let columns = u64::from(ground.columns());
    let mut most = 0;
    let mut sorted: Vec<(u64, u32)> = (0..points)
        .map(|p| {
            let (row, column) = ground.cell(p);
            let cell = u64::from(row) * columns + u64::from(column);
            most = most.max(cell);
            (cell, p as u32)
        })
        .collect();
    let mut spare = vec![(0, 0); points];
    for shift in (0..u64::BITS - most.leading_zeros()).step_by(DIGIT as usize) {
        let digit = |cell: u64| (cell >> shift) as usize & ((1 << DIGIT) - 1);
        let mut next = [0_u32; (1 << DIGIT) + 1];
        for &(cell, _) in &sorted {
            next[digit(cell) + 1] += 1;
        }
        for d in 0..1 << DIGIT {
            next[d + 1] += next[d];
        }
        for &point in &sorted {
            let slot = &mut next[digit(point.0)];
            spare[*slot as usize] = point;
            *slot += 1;
        }
        std::mem::swap(&mut sorted, &mut spare);
    }
    sorted
}
