//! The H3 cells of many positions.
//!
//! H3 lays a lattice of hexagons on each face of an icosahedron, seen from the middle of the globe
//! (the gnomonic projection), and numbers them. Which hexagon a position lies in takes a few dozen
//! additions and multiplications, done for several positions at a time; the number of a hexagon is
//! asked of [`h3o`] for the first position in it and remembered. Where rounding could decide (near
//! the edge of a hexagon or of a face, and near the middle of a face, where h3o's own rounding is
//! largest), h3o is asked for the position itself: the cells are always those that it says.

use std::sync::OnceLock;

use h3o::{CellIndex, LatLng, Resolution};
use multiversion::multiversion;
use rayon::prelude::*;

use super::h3::lat_lng;
use crate::domain::LonLat;

/// Positions that one task works on, at least.
const TASK: usize = 1 << 18;

/// Positions that are projected together, onto the face that the first of them lies on.
const BLOCK: usize = 1024;

/// Fewer positions are not worth a memory of cells.
const FEW: usize = 256;

/// The H3 cell of each position.
#[must_use]
pub fn cells_at(positions: &[LonLat], resolution: Resolution) -> Vec<CellIndex> {
    let one_by_one = |at: &LonLat| lat_lng(*at).to_cell(resolution);
    let Some(first) = positions.first().filter(|_| positions.len() >= FEW) else {
        return positions.iter().map(one_by_one).collect();
    };
    let mut cells = vec![one_by_one(first); positions.len()];
    // Every task has to learn the cells anew: one for each thread. What it finds is the same.
    let task = positions.len().div_ceil(rayon::current_num_threads());
    let task = task.max(TASK);
    positions
        .par_chunks(task)
        .zip(cells.par_chunks_mut(task))
        .for_each(|(positions, cells)| {
            Finder::new(resolution, positions.len()).find(positions, cells);
        });
    cells
}

type Vector = [f64; 3];

fn dot(a: Vector, b: Vector) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn cross(a: Vector, b: Vector) -> Vector {
    [
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    ]
}

fn sum(a: f64, v: Vector, b: f64, w: Vector) -> Vector {
    [
        a * v[0] + b * w[0],
        a * v[1] + b * w[1],
        a * v[2] + b * w[2],
    ]
}

fn unit(v: Vector) -> Vector {
    sum(1.0 / dot(v, v).sqrt(), v, 0.0, v)
}

fn vector(at: LatLng) -> Vector {
    let (sin_lat, cos_lat) = at.lat_radians().sin_cos();
    let (sin_lon, cos_lon) = at.lng_radians().sin_cos();
    [cos_lon * cos_lat, sin_lon * cos_lat, sin_lat]
}

/// A face of the icosahedron.
#[derive(Debug, Clone, Copy)]
struct Face {
    middle: Vector,
    /// From the middle towards a corner. The lattice of a face is the same seen from each of its
    /// three corners, so that it does not matter which.
    corner: Vector,
    /// The middle less that of each face beyond an edge: positive products for what lies on it.
    edges: [Vector; 3],
}

/// The faces. The corners of the icosahedron are the middles of H3's pentagons.
fn faces() -> &'static [Face] {
    static FACES: OnceLock<Vec<Face>> = OnceLock::new();
    FACES.get_or_init(|| {
        let corners: Vec<Vector> = Resolution::Zero
            .pentagons()
            .map(|cell| vector(LatLng::from(cell)))
            .collect();
        // Corners of an edge are 63° apart, others 117° or more.
        let near = |a: usize, b: usize| dot(corners[a], corners[b]) > 0.0;
        let n = corners.len();
        let triples =
            (0..n).flat_map(|a| (a + 1..n).flat_map(move |b| (b + 1..n).map(move |c| [a, b, c])));
        let triples: Vec<[usize; 3]> = triples
            .filter(|&[a, b, c]| near(a, b) && near(b, c) && near(a, c))
            .collect();
        let middle = |t: &[usize; 3]| {
            let two = sum(1.0, corners[t[0]], 1.0, corners[t[1]]);
            unit(sum(1.0, two, 1.0, corners[t[2]]))
        };
        triples
            .iter()
            .map(|face| {
                let own = middle(face);
                let mut edges = [[0.0; 3]; 3];
                let beyond = triples
                    .iter()
                    .filter(|t| t.iter().filter(|c| face.contains(c)).count() == 2);
                for (edge, other) in edges.iter_mut().zip(beyond) {
                    *edge = sum(1.0, own, -1.0, middle(other));
                }
                let corner = corners[face[0]];
                Face {
                    middle: own,
                    corner: unit(sum(1.0, corner, -dot(corner, own), own)),
                    edges,
                }
            })
            .collect()
    })
}

/// How the positions of a face become coordinates of its lattice.
#[derive(Debug, Clone, Copy)]
struct Projection {
    middle: Vector,
    edges: [Vector; 3],
    /// Products with these, over that with the middle, are the coordinates in units of the distance
    /// between neighbouring hexagons.
    axes: [Vector; 2],
    /// Nearer to an edge of a hexagon than this, rounding could decide.
    margin: f64,
}

impl Projection {
    fn new(face: &Face, resolution: Resolution) -> Self {
        let level = u8::from(resolution);
        // A corner is two hexagons of resolution 0 from the middle; each level is finer by √7, and
        // every other one is turned by the angle whose sine is √(3/28).
        let golden = (1.0 + 5.0_f64.sqrt()) / 2.0;
        let scale = golden * golden * 7.0_f64.powi(i32::from(level)).sqrt();
        let (x, y) = (face.corner, cross(face.middle, face.corner));
        let turn = (3.0_f64 / 28.0).sqrt().asin();
        let (s, c) = if level % 2 == 1 {
            turn.sin_cos()
        } else {
            (0.0, 1.0)
        };
        Self {
            middle: face.middle,
            edges: face.edges,
            axes: [
                sum(scale * c, x, scale * s, y),
                sum(scale * c, y, -scale * s, x),
            ],
            margin: (scale * 1e-12).max(1e-7),
        }
    }
}

/// Hexagons of a block of positions.
#[derive(Debug)]
struct Hexagons {
    /// Columns and rows, along axes 60° apart.
    columns: [f64; BLOCK],
    rows: [f64; BLOCK],
    /// More than zero where rounding cannot decide.
    sure: [f64; BLOCK],
}

/// Finds cells, and remembers those that it found.
#[derive(Debug)]
struct Finder {
    resolution: Resolution,
    /// Hexagons and their cells, by the last bits of column and row: what lies together has places
    /// of its own. A hexagon is never numbered 0.
    known: Vec<(u64, u64)>,
    bits: u32,
    lon: [f64; BLOCK],
    lat: [f64; BLOCK],
    hexagons: Hexagons,
}

impl Finder {
    fn new(resolution: Resolution, positions: usize) -> Self {
        let bits = (positions.ilog2() / 2).clamp(6, 9);
        Self {
            resolution,
            known: vec![(0, 0); 1 << (2 * bits)],
            bits,
            lon: [0.0; BLOCK],
            lat: [0.0; BLOCK],
            hexagons: Hexagons {
                columns: [0.0; BLOCK],
                rows: [0.0; BLOCK],
                sure: [0.0; BLOCK],
            },
        }
    }

    fn find(&mut self, positions: &[LonLat], cells: &mut [CellIndex]) {
        let projections: Vec<Projection> = faces()
            .iter()
            .map(|face| Projection::new(face, self.resolution))
            .collect();
        for (positions, cells) in positions.chunks(BLOCK).zip(cells.chunks_mut(BLOCK)) {
            for ((lon, lat), at) in self.lon.iter_mut().zip(&mut self.lat).zip(positions) {
                (*lon, *lat) = (at.lon(), at.lat());
            }
            let first = vector(lat_lng(positions[0]));
            let nearest = (0..projections.len()).max_by(|&a, &b| {
                dot(first, projections[a].middle).total_cmp(&dot(first, projections[b].middle))
            });
            let Some(face) = nearest else { continue };
            project(&projections[face], &self.lon, &self.lat, &mut self.hexagons);
            self.look_up(face, positions, cells);
        }
    }

    fn look_up(&mut self, face: usize, positions: &[LonLat], cells: &mut [CellIndex]) {
        // Columns and rows of the finest resolution stay below 2²⁴.
        const HALF: i32 = 1 << 28;
        let mask = (1_u64 << self.bits) - 1;
        let found = self.hexagons.columns.iter().zip(&self.hexagons.rows);
        let found = found.zip(&self.hexagons.sure);
        for ((at, cell), ((&column, &row), &sure)) in positions.iter().zip(cells).zip(found) {
            let asked = || lat_lng(*at).to_cell(self.resolution);
            if sure > 0.0 {
                let (column, row) = ((column as i32 + HALF) as u64, (row as i32 + HALF) as u64);
                let hexagon = ((face as u64) << 58) | (row << 29) | column;
                let place = ((row & mask) << self.bits) | (column & mask);
                let known = &mut self.known[place as usize];
                *cell = match CellIndex::try_from(known.1) {
                    Ok(cell) if known.0 == hexagon => cell,
                    _ => {
                        let cell = asked();
                        *known = (hexagon, cell.into());
                        cell
                    }
                };
            } else {
                *cell = asked();
            }
        }
    }
}

/// The hexagon of each position of a block, as far as it lies on the face.
#[multiversion(targets(
    "x86_64+avx+avx2+avx512f+avx512bw+avx512cd+avx512dq+avx512vl",
    "x86_64+avx+avx2"
))]
fn project(on: &Projection, lon: &[f64; BLOCK], lat: &[f64; BLOCK], out: &mut Hexagons) {
    // Nearer to an edge of the face, which one is nearest to the position could be for rounding to
    // decide; and nearer to its middle, h3o takes the arc's cosine for the arc.
    const EDGE: f64 = 1e-9;
    const MIDDLE: f64 = 1.0 - 5e-5;
    let [u, v] = on.axes;
    let [e0, e1, e2] = on.edges;
    for i in 0..BLOCK {
        let (sin_lat, cos_lat) = sin_cos(lat[i].to_radians());
        let (sin_lon, cos_lon) = sin_cos(lon[i].to_radians());
        let at = [cos_lon * cos_lat, sin_lon * cos_lat, sin_lat];
        let depth = dot(at, on.middle);
        let inside = dot(at, e0).min(dot(at, e1)).min(dot(at, e2)) - EDGE;
        let (x, y) = (dot(at, u) / depth, dot(at, v) / depth);
        // The hexagon is that of the nearest middle: round all of three coordinates that add up to
        // nothing, then make that which moved most agree with the others.
        let r = y * (2.0 / 3.0 * SQRT_3);
        let q = x - 0.5 * r;
        let t = -q - r;
        let (rq, rr, rt) = (nearest(q), nearest(r), nearest(t));
        let (dq, dr, dt) = ((q - rq).abs(), (r - rr).abs(), (t - rt).abs());
        let by_q = dq > dr && dq > dt;
        let by_r = !by_q && dr > dt;
        let column = if by_q { -rr - rt } else { rq };
        let row = if by_r { -rq - rt } else { rr };
        // An edge is where the difference of two coordinates is one from the middle.
        let (fq, fr) = (q - column, r - row);
        let ft = -fq - fr;
        let far = (fq - fr).abs().max((fr - ft).abs()).max((ft - fq).abs());
        let sure = (1.0 - on.margin - far).min(inside).min(MIDDLE - depth);
        (out.columns[i], out.rows[i], out.sure[i]) = (column, row, sure);
    }
}

const SQRT_3: f64 = 1.732_050_807_568_877_2;

/// The nearest whole number, for numbers far below 2⁵¹.
// Only inlined does it get the vector instructions of its caller.
#[inline(always)]
fn nearest(v: f64) -> f64 {
    const SHIFT: f64 = 6_755_399_441_055_744.0;
    (v + SHIFT) - SHIFT
}

/// Sine and cosine of an angle of at most a whole turn, to 2⁻⁵²: Taylor series about the nearest
/// quarter turn.
// Only inlined does it get the vector instructions of its caller.
#[inline(always)]
fn sin_cos(angle: f64) -> (f64, f64) {
    use std::f64::consts::{FRAC_2_PI, FRAC_PI_2};
    // π/2 less its nearest double.
    const REST: f64 = 6.123_233_995_736_766e-17;
    let quarters = nearest(angle * FRAC_2_PI);
    let a = (angle - quarters * FRAC_PI_2) - quarters * REST;
    let a2 = a * a;
    let mut sin = 1.0;
    let mut cos = 1.0;
    for n in [16.0, 14.0, 12.0, 10.0, 8.0, 6.0, 4.0, 2.0] {
        sin = 1.0 - a2 * (1.0 / (n * (n + 1.0))) * sin;
        cos = 1.0 - a2 * (1.0 / (n * (n - 1.0))) * cos;
    }
    sin *= a;
    let odd = (quarters * 0.5 - nearest(quarters * 0.5)).abs() > 0.25;
    let (s, c) = if odd { (cos, sin) } else { (sin, cos) };
    // Quarters modulo four, from -2 to 2.
    let turn = quarters - 4.0 * nearest(quarters * 0.25);
    let s = if turn == 2.0 || turn == -2.0 || turn == -1.0 {
        -s
    } else {
        s
    };
    let c = if turn == 2.0 || turn == -2.0 || turn == 1.0 {
        -c
    } else {
        c
    };
    (s, c)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn compare(positions: &[LonLat], resolution: Resolution) {
        assert!(
            positions.len() >= FEW,
            "as many as it takes to remember cells"
        );
        for (at, cell) in positions.iter().zip(cells_at(positions, resolution)) {
            assert_eq!(lat_lng(*at).to_cell(resolution), cell, "{at:?}");
        }
    }

    fn resolution(level: u8) -> Resolution {
        Resolution::try_from(level).unwrap()
    }

    /// Towards a vector of any length.
    fn towards(v: Vector) -> LonLat {
        let z = (v[2] / dot(v, v).sqrt()).clamp(-1.0, 1.0);
        LonLat::new(v[1].atan2(v[0]).to_degrees(), z.asin().to_degrees()).unwrap()
    }

    /// Numbers from 0 to 1 that fill it evenly.
    fn even(i: usize, root: f64) -> f64 {
        (i as f64 * root).fract()
    }

    #[test]
    fn there_are_twenty_faces() {
        assert_eq!(faces().len(), 20);
        for face in faces() {
            // 1 less the cosine between the middles of faces side by side, √5/3.
            for edge in face.edges {
                assert!((dot(edge, face.middle) - (1.0 - 5.0_f64.sqrt() / 3.0)).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn sines_and_cosines() {
        for i in -7200..=7200 {
            let angle = (f64::from(i) / 20.0).to_radians();
            let (s, c) = sin_cos(angle);
            assert!(
                (s - angle.sin()).abs() < 4e-16 && (c - angle.cos()).abs() < 4e-16,
                "{angle}"
            );
        }
    }

    #[test]
    fn all_over_the_globe() {
        for level in 0..=15 {
            let positions: Vec<LonLat> = (0..4000)
                .map(|i| {
                    let z = 2.0 * even(i, 0.618_033_988_749_895) - 1.0;
                    let lon = 360.0 * even(i, 0.414_213_562_373_095) - 180.0;
                    LonLat::new(lon, z.asin().to_degrees()).unwrap()
                })
                .collect();
            compare(&positions, resolution(level));
        }
    }

    #[test]
    fn where_faces_meet_at_their_middles_and_in_pentagons() {
        let corners: Vec<Vector> = Resolution::Zero
            .pentagons()
            .map(|cell| vector(LatLng::from(cell)))
            .collect();
        let mut positions = Vec::new();
        for (i, &a) in corners.iter().enumerate() {
            for (j, &b) in corners.iter().enumerate().filter(|c| dot(a, *c.1) > 0.0) {
                for n in 0..40 {
                    // From a corner along an edge, and ever nearer to it.
                    let along = sum(1.0 - f64::from(n) / 39.0, a, f64::from(n) / 39.0, b);
                    let off =
                        10.0_f64.powi(-(n % 17)) * (even(i + 31 * j + n as usize, 0.618) - 0.5);
                    positions.push(towards(sum(1.0, along, off, cross(a, b))));
                    let face = faces()[(i + j) % 20];
                    positions.push(towards(sum(1.0, face.middle, off, face.corner)));
                }
            }
        }
        for level in 0..=15 {
            compare(&positions, resolution(level));
        }
    }

    #[test]
    fn poles_and_the_antimeridian() {
        let positions: Vec<LonLat> = (0..600)
            .map(|i| {
                let v = even(i, 0.618_033_988_749_895);
                let lon = [-180.0, 180.0, 0.0, -90.0, 90.0, 179.999_999_999_9][i % 6];
                let lat = [
                    90.0,
                    -90.0,
                    90.0 - v * 1e-3,
                    v * 1e-9 - 90.0,
                    v * 180.0 - 90.0,
                ][i % 5];
                LonLat::new(lon, lat).unwrap()
            })
            .collect();
        for level in 0..=15 {
            compare(&positions, resolution(level));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn at_the_edges_of_cells(
            lon in -180.0_f64..180.0, z in -1.0_f64..1.0, level in 0_u8..=15, wild in any::<bool>(),
            steps in prop::collection::vec((0.0_f64..1.0, -17_i32..-5, -1.0_f64..1.0, -1.0_f64..1.0), 40),
        ) {
            // Britain half of the time: it is what the rest of the engine is about.
            let start = if wild {
                LonLat::new(lon, z.asin().to_degrees()).unwrap()
            } else {
                LonLat::new(-2.9 + lon / 40.0, 55.0 + 5.0 * z).unwrap()
            };
            let cell = lat_lng(start).to_cell(resolution(level));
            let boundary: Vec<Vector> = cell.boundary().iter().map(|&c| vector(c)).collect();
            let mut positions = Vec::new();
            for (i, &a) in boundary.iter().enumerate() {
                let b = boundary[(i + 1) % boundary.len()];
                for &(t, power, dx, dy) in &steps {
                    let on = sum(1.0 - t, a, t, b);
                    let off = 10.0_f64.powi(power);
                    positions.push(towards([on[0] + off * dx, on[1] + off * dy, on[2]]));
                    positions.push(towards(sum(1.0, a, off, [dx, dy, t])));
                }
            }
            compare(&positions, resolution(level));
        }
    }
}
