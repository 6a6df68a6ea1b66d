//! Points in cells, cells in rows.
//!
//! Points are sorted by cell in two steps, so that every thread has its part: chunks of points are
//! divided among pieces of the ground, and each piece sorts its own and makes its cells of them.
//! Chunks and pieces are of fixed sizes: the same on any number of threads.

use std::ops::Range;

use rayon::prelude::*;

use super::ground::{Ground, Steps};

/// Cells of a strip of rows, about: enough that the seams between strips cost little, and a fixed
/// number, so that the work is divided the same way on any number of threads.
const STRIP: usize = 16_384;

/// Points that are divided among the pieces in one go.
const CHUNK: usize = 65_536;

/// Fewest points of a piece but the last, so that a piece is sorted near at hand.
const PIECE: u32 = 16_384;

/// Bits of a digit of the sort by cells.
const DIGIT: u32 = 11;

/// No more points than this are sorted by comparing them.
const SHORT: usize = 256;

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

/// A point and its place, place counted from the first of the piece.
type Member = (u32, u32);

/// The points of a piece of the ground with their places.
pub(super) struct Members {
    /// First place of the piece.
    pub(super) offset: u32,
    /// Points and their places, counted from it.
    pub(super) points: Vec<Member>,
}

/// Cells of one row and layer.
#[derive(Debug, Clone, Copy)]
struct Row {
    layer: u32,
    /// The first cell.
    first: u32,
}

/// Places (points at one position, taken together) by cell, cells by row, layer and column.
pub(super) struct Cells<const D: usize> {
    reach: Steps,
    /// Number of each row that has any cell, and the first of its layers; and an end.
    bands: Vec<(u32, u32)>,
    /// The layers of the rows, and an end.
    rows: Vec<Row>,
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
    pub(super) fn new(ground: &impl Ground<D>, weights: &[u32]) -> (Self, Vec<Members>) {
        let (chunks, pieces) = by_piece(ground, weights.len());
        let pieces: Vec<Piece<D>> = (0..pieces)
            .into_par_iter()
            .map(|piece| {
                let mut points: Vec<Numbered> = Vec::new();
                for chunk in &chunks {
                    points.extend_from_slice(chunk.of(piece));
                }
                sort(&mut points);
                Piece::new(ground, weights, &points)
            })
            .collect();
        drop(chunks);
        let mut cells = Self {
            reach: ground.reach(),
            bands: Vec::new(),
            rows: Vec::new(),
            column: joined(&pieces, 0, |p| &p.column, |_, c| c),
            starts: Vec::new(),
            mass: Vec::new(),
            at: std::array::from_fn(|d| joined(&pieces, 0, |p| &p.at[d], |_, v| v)),
            weight: joined(&pieces, 0, |p| &p.weight, |_, w| w),
            first: joined(&pieces, 0, |p| &p.first, |_, f| f),
        };
        // What lies before each piece.
        let mut before = Vec::with_capacity(pieces.len());
        let (mut places, mut total, mut first) = (0, 0, 0);
        let mut last = None;
        for piece in &pieces {
            before.push((places, total));
            for &(row, layer, cell) in &piece.rows {
                if last != Some((row, layer)) {
                    if last.is_none_or(|l| l.0 != row) {
                        cells.bands.push((row, cells.rows.len() as u32));
                    }
                    let first = first + cell;
                    cells.rows.push(Row { layer, first });
                    last = Some((row, layer));
                }
            }
            places += piece.weight.len() as u32;
            total += piece.mass.last().copied().unwrap_or_default();
            first += piece.column.len() as u32;
        }
        cells.bands.push((u32::MAX, cells.rows.len() as u32));
        cells.rows.push(Row {
            layer: u32::MAX,
            first,
        });
        cells.starts = joined(&pieces, 1, |p| &p.ends, |k, end| before[k].0 + end);
        cells.mass = joined(&pieces, 1, |p| &p.mass, |k, mass| before[k].1 + mass);
        let members = pieces
            .into_iter()
            .zip(before)
            .map(|(piece, (offset, _))| Members {
                offset,
                points: piece.members,
            })
            .collect();
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
    #[inline]
    pub(super) fn at(&self, place: usize) -> [f64; D] {
        std::array::from_fn(|d| self.at[d][place])
    }

    /// What the order of places goes by.
    pub(super) fn key(&self, ground: &impl Ground<D>, place: usize) -> [f64; 3] {
        ground.key(self.at(place), self.first[place] as usize)
    }

    /// The weight of a run of cells that is in reach of a position.
    #[inline]
    pub(super) fn mass_near(
        &self,
        ground: &impl Ground<D>,
        at: [f64; D],
        cells: Range<usize>,
    ) -> u64 {
        let places = self.places(cells);
        let axes: [&[f64]; D] = std::array::from_fn(|d| &self.at[d][places.clone()]);
        let weight = &self.weight[places];
        let mut sum = 0;
        for (i, &w) in weight.iter().enumerate() {
            let near = ground.near(at, std::array::from_fn(|d| axes[d][i]));
            sum += if near { u64::from(w) } else { 0 };
        }
        sum
    }

    /// Runs of rows of about equal work.
    pub(super) fn strips(&self) -> Vec<Range<usize>> {
        let rows = self.bands.len() - 1;
        let mut strips = Vec::new();
        let mut start = 0;
        for row in 0..rows {
            if row + 1 == rows || self.cells_of(&(start..row + 1)).len() >= STRIP {
                strips.push(start..row + 1);
                start = row + 1;
            }
        }
        strips
    }

    /// The cells of a run of rows.
    pub(super) fn cells_of(&self, rows: &Range<usize>) -> Range<usize> {
        let first = |row: usize| self.rows[self.bands[row].1 as usize].first as usize;
        first(rows.start)..first(rows.end)
    }

    /// The places of a run of rows.
    pub(super) fn places_of(&self, rows: &Range<usize>) -> Range<usize> {
        self.places(self.cells_of(rows))
    }

    /// The rows of a run that later rows are in reach of.
    pub(super) fn last_rows(&self, rows: &Range<usize>) -> Range<usize> {
        let Some(&(next, _)) = self.bands[..self.bands.len() - 1].get(rows.end) else {
            return rows.end..rows.end;
        };
        let far = |r: &(u32, u32)| r.0 + self.reach[0] < next;
        rows.start + self.bands[rows.clone()].partition_point(far)..rows.end
    }

    /// Visits the cells of a run of rows in order, each with the cells that may hold neighbours of
    /// its points, itself among them: a run of cells for each row and layer in reach, in order.
    pub(super) fn sweep(&self, rows: Range<usize>, mut visit: impl FnMut(usize, &[Range<usize>])) {
        let [reach_rows, reach_layers, reach_columns] = self.reach;
        let count = self.bands.len() - 1;
        let layers_of = |r: usize| self.bands[r].1 as usize..self.bands[r + 1].1 as usize;
        let mut near: Vec<Range<usize>> = Vec::new();
        let mut ends: Vec<usize> = Vec::new();
        // Of each row in reach, the first layer in reach.
        let mut lowest: Vec<usize> = Vec::new();
        let (mut first, mut after) = (0, 0);
        for r in rows {
            let number = self.bands[r].0;
            if after == 0 {
                first = self.bands[..r].partition_point(|o| o.0 + reach_rows < number);
            }
            while self.bands[first].0 + reach_rows < number {
                first += 1;
            }
            after = after.max(r + 1);
            while after < count && self.bands[after].0 <= number + reach_rows {
                after += 1;
            }
            lowest.clear();
            lowest.extend((first..after).map(|other| layers_of(other).start));
            for of_layer in layers_of(r) {
                let layer = self.rows[of_layer].layer;
                near.clear();
                ends.clear();
                for (other, low) in (first..after).zip(&mut lowest) {
                    let end = layers_of(other).end;
                    while *low < end && self.rows[*low].layer.saturating_add(reach_layers) < layer {
                        *low += 1;
                    }
                    for l in *low..end {
                        if self.rows[l].layer > layer.saturating_add(reach_layers) {
                            break;
                        }
                        let start = self.rows[l].first as usize;
                        near.push(start..start);
                        ends.push(self.rows[l + 1].first as usize);
                    }
                }
                for cell in
                    self.rows[of_layer].first as usize..self.rows[of_layer + 1].first as usize
                {
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
}

/// The cells of a piece of the ground.
struct Piece<const D: usize> {
    /// Row, layer and first cell.
    rows: Vec<(u32, u32, u32)>,
    column: Vec<u32>,
    /// End of each cell's places.
    ends: Vec<u32>,
    /// Weight up to the end of each cell.
    mass: Vec<u64>,
    at: [Vec<f64>; D],
    weight: Vec<u32>,
    first: Vec<u32>,
    members: Vec<Member>,
}

impl<const D: usize> Piece<D> {
    /// The cells of sorted points.
    fn new(ground: &impl Ground<D>, weights: &[u32], sorted: &[Numbered]) -> Self {
        let [_, layers, columns] = ground.size().map(u64::from);
        let mut piece = Self {
            rows: Vec::new(),
            column: Vec::new(),
            ends: Vec::new(),
            mass: Vec::new(),
            at: std::array::from_fn(|_| Vec::new()),
            weight: Vec::new(),
            first: Vec::new(),
            members: Vec::with_capacity(sorted.len()),
        };
        let mut points: Vec<([f64; D], u32)> = Vec::new();
        let mut total = 0_u64;
        let mut last = None;
        for same in sorted.chunk_by(|a, b| a.0 == b.0) {
            let cell = same[0].0;
            let row = cell / columns;
            if last != Some(row) {
                let (row, layer) = ((row / layers) as u32, (row % layers) as u32);
                piece.rows.push((row, layer, piece.column.len() as u32));
                last = Some(cell / columns);
            }
            piece.column.push((cell % columns) as u32);
            points.clear();
            points.extend(same.iter().map(|&(_, p)| (ground.at(p as usize), p)));
            let many = points.len() > FEW;
            if many {
                points.sort_unstable_by_key(|p| (p.0.map(f64::to_bits), p.1));
            }
            let start = piece.weight.len();
            for &(at, point) in &points {
                let weight = weights[point as usize];
                total += u64::from(weight);
                // Sorted, only the last place can be the same.
                let end = piece.weight.len();
                let from = if many {
                    start.max(end.saturating_sub(1))
                } else {
                    start
                };
                let same = |&i: &usize| (0..D).all(|d| piece.at[d][i] == at[d]);
                let place = match (from..end).find(same) {
                    Some(known) => {
                        piece.weight[known] = piece.weight[known].saturating_add(weight);
                        known
                    }
                    None => {
                        for (axis, v) in piece.at.iter_mut().zip(at) {
                            axis.push(v);
                        }
                        piece.weight.push(weight);
                        piece.first.push(point);
                        end
                    }
                };
                piece.members.push((point, place as u32));
            }
            piece.ends.push(piece.weight.len() as u32);
            piece.mass.push(total);
        }
        piece
    }
}

/// Puts the parts of all pieces behind each other, after so many defaults.
fn joined<P: Sync, T: Copy + Default + Send + Sync>(
    pieces: &[P],
    defaults: usize,
    part: impl for<'p> Fn(&'p P) -> &'p [T],
    shifted: impl Fn(usize, T) -> T + Sync,
) -> Vec<T> {
    let total: usize = pieces.iter().map(|p| part(p).len()).sum();
    let mut all = vec![T::default(); defaults + total];
    let mut jobs = Vec::with_capacity(pieces.len());
    let mut rest = &mut all[defaults..];
    for piece in pieces {
        let (to, after) = rest.split_at_mut(part(piece).len());
        jobs.push((to, part(piece)));
        rest = after;
    }
    jobs.into_par_iter()
        .enumerate()
        .for_each(|(k, (to, from))| {
            for (to, &v) in to.iter_mut().zip(from) {
                *to = shifted(k, v);
            }
        });
    all
}

/// Number of a point's cell (row times layers, and layer; times columns, and column), and its index.
type Numbered = (u64, u32);

/// The points of a chunk by piece.
struct Chunk {
    points: Vec<Numbered>,
    /// First point of each piece, and an end.
    starts: Vec<u32>,
}

impl Chunk {
    fn of(&self, piece: usize) -> &[Numbered] {
        &self.points[self.starts[piece] as usize..self.starts[piece + 1] as usize]
    }
}

/// Divides points among pieces, each a run of cells; also says how many pieces there are.
fn by_piece<const D: usize>(ground: &impl Ground<D>, points: usize) -> (Vec<Chunk>, usize) {
    let [rows, layers, columns] = ground.size().map(u64::from);
    let most = rows * layers * columns - 1;
    let shift = (u64::BITS - most.leading_zeros()).saturating_sub(DIGIT);
    let leading = |cell: u64| (cell >> shift) as usize;
    let numbered: Vec<(Vec<Numbered>, Vec<u32>)> = (0..points.div_ceil(CHUNK))
        .into_par_iter()
        .map(|chunk| {
            let mut counts = vec![0_u32; 1 << DIGIT];
            let number = |p: usize| {
                let [row, layer, column] = ground.cell(p).map(u64::from);
                let cell = (row * layers + layer) * columns + column;
                counts[leading(cell)] += 1;
                (cell, p as u32)
            };
            let points = chunk * CHUNK..points.min((chunk + 1) * CHUNK);
            let points = points.map(number).collect();
            (points, counts)
        })
        .collect();
    let mut piece_of = vec![0_u32; 1 << DIGIT];
    let (mut pieces, mut held) = (0, 0);
    for (digit, piece) in piece_of.iter_mut().enumerate() {
        *piece = pieces;
        held += numbered.iter().map(|c| c.1[digit]).sum::<u32>();
        if held >= PIECE {
            pieces += 1;
            held = 0;
        }
    }
    let pieces = (pieces + u32::from(held > 0)) as usize;
    let chunks = numbered
        .into_par_iter()
        .map(|(points, counts)| {
            let mut starts = vec![0_u32; pieces + 1];
            if pieces <= 1 {
                starts[pieces] = points.len() as u32;
                return Chunk { points, starts };
            }
            for (&piece, count) in piece_of.iter().zip(counts) {
                if count > 0 {
                    starts[piece as usize + 1] += count;
                }
            }
            for piece in 0..pieces {
                starts[piece + 1] += starts[piece];
            }
            let mut next = starts.clone();
            let mut divided = vec![(0, 0); points.len()];
            for point in points {
                let slot = &mut next[piece_of[leading(point.0)] as usize];
                divided[*slot as usize] = point;
                *slot += 1;
            }
            Chunk {
                points: divided,
                starts,
            }
        })
        .collect();
    (chunks, pieces)
}

/// Sorts by cell and, in a cell, by index, in which order they come: a radix sort from the lowest
/// digit up.
fn sort(points: &mut Vec<Numbered>) {
    if points.len() <= SHORT {
        points.sort_unstable();
        return;
    }
    let (mut least, mut most) = (u64::MAX, 0);
    for &(cell, _) in &*points {
        (least, most) = (least.min(cell), most.max(cell));
    }
    let mut spare = vec![(0, 0); points.len()];
    for shift in (0..u64::BITS - (most - least).leading_zeros()).step_by(DIGIT as usize) {
        let digit = |cell: u64| ((cell - least) >> shift) as usize & ((1 << DIGIT) - 1);
        let mut next = [0_u32; (1 << DIGIT) + 1];
        for &(cell, _) in &*points {
            next[digit(cell) + 1] += 1;
        }
        for d in 0..1 << DIGIT {
            next[d + 1] += next[d];
        }
        for &point in &*points {
            let slot = &mut next[digit(point.0)];
            spare[*slot as usize] = point;
            *slot += 1;
        }
        std::mem::swap(points, &mut spare);
    }
}
