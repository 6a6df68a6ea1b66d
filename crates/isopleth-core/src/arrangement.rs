//! Nested regions on the coordinates that leave.
//!
//! Outlines of several levels, and the boundary that cuts them, are laid over each other on the
//! lattice of the seventh decimal of a degree and noded together: wherever two lines cross, or a
//! corner comes within half a step of a line, all of them get a corner there (snap rounding, Hobby
//! 1999, doi 10.1016/S0925-7721(99)00021-8, repeated until nothing moves, Halperin & Packer 2002,
//! doi 10.1016/S0925-7721(01)00064-5). The faces between the lines are then counted through once,
//! in whole numbers: a face lies in a level if it lies in all wider ones, too. Regions made of the
//! same faces nest and tile exactly, which an overlay that rounds each outline by itself cannot
//! promise.

use std::collections::{BTreeMap, HashMap};

use geo::{Coord, LineString, MultiPolygon, Polygon};
use rayon::prelude::*;
use rstar::primitives::{GeomWithData, Rectangle};
use rstar::{AABB, RTree};

/// Steps of the seventh decimal of a degree, east and north.
pub(crate) type Point = (i64, i64);

/// A directed piece of an outline, with the inside on its left.
pub(crate) type Piece = [Point; 2];

/// Rounds of snapping after which something is wrong with the lines.
const MAX_ROUNDS: usize = 64;

/// The nearest point of the lattice.
pub(crate) fn point(at: Coord) -> Point {
    ((at.x * 1e7).round() as i64, (at.y * 1e7).round() as i64)
}

fn coord(p: Point) -> Coord {
    Coord {
        x: p.0 as f64 / 1e7,
        y: p.1 as f64 / 1e7,
    }
}

/// The pieces of polygons' outlines.
pub(crate) fn pieces(polygons: &[Polygon]) -> Vec<Piece> {
    use geo::orient::{Direction, Orient};
    let mut out = Vec::new();
    for polygon in polygons {
        let polygon = polygon.orient(Direction::Default);
        for ring in std::iter::once(polygon.exterior()).chain(polygon.interiors()) {
            out.extend(
                ring.lines()
                    .map(|l| [point(l.start), point(l.end)])
                    .filter(|p| p[0] != p[1]),
            );
        }
    }
    out
}

/// The lines do not come to rest on the lattice.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Unsettled;

/// A piece of a line with what it bounds: lesser end, greater end, chain, and how many times more
/// the chain runs from the lesser to the greater than back.
type Strand = (Point, Point, u32, i32);

/// Exteriors and holes, as points.
type Rings = (Vec<Vec<u32>>, Vec<Vec<u32>>);

/// The faces between the outlines of some levels and a boundary.
#[derive(Debug)]
pub(crate) struct Arrangement {
    points: Vec<Point>,
    /// Two for each edge: the even one runs from its lesser end to its greater.
    origin: Vec<u32>,
    /// The half-edge after each along the face on its left.
    next: Vec<u32>,
    /// The face on each half-edge's left.
    face: Vec<u32>,
    /// For each face, how many levels it lies in, counted from the widest.
    depth: Vec<u32>,
    /// The same if there were no boundary.
    uncut: Vec<u32>,
}

impl Arrangement {
    /// Lays levels, the widest first, and a boundary over each other.
    pub(crate) fn new(levels: &[Vec<Piece>], clip: Option<&[Piece]>) -> Result<Self, Unsettled> {
        let mut strands: Vec<Strand> = Vec::new();
        let chains = levels.iter().map(Vec::as_slice).chain(clip);
        for (chain, pieces) in chains.enumerate() {
            strands.extend(pieces.iter().map(|&[a, b]| {
                if a < b {
                    (a, b, chain as u32, 1)
                } else {
                    (b, a, chain as u32, -1)
                }
            }));
        }
        Ok(Self::of(
            &settled(strands)?,
            levels.len(),
            levels.len() + usize::from(clip.is_some()),
        ))
    }

    fn of(strands: &[Strand], levels: usize, chains: usize) -> Self {
        let mut points: Vec<Point> = strands.iter().flat_map(|s| [s.0, s.1]).collect();
        points.sort_unstable();
        points.dedup();
        let id = |p: &Point| points.binary_search(p).unwrap_or(0) as u32;
        // Strands come sorted, so that those of one edge follow each other.
        let mut origin: Vec<u32> = Vec::new();
        let mut bounds: Vec<&[Strand]> = Vec::new();
        for same in strands.chunk_by(|s, t| (s.0, s.1) == (t.0, t.1)) {
            origin.extend([id(&same[0].0), id(&same[0].1)]);
            bounds.push(same);
        }
        let (next, outgoing) = rotation(&points, &origin);
        let tree = RTree::bulk_load(
            (0..bounds.len())
                .map(|e| GeomWithData::new(bounding(bounds[e][0].0, bounds[e][0].1), e))
                .collect(),
        );

        const NONE: u32 = u32::MAX;
        let mut face = vec![NONE; origin.len()];
        // Of each face: how often each chain winds around it. The first is the outside.
        let mut winding = vec![0_i32; chains];
        let mut faces = 1_u32;
        for v in 0..points.len() {
            // The ground just west of the least point of lines that hang together.
            let out = &outgoing[v];
            let west = out
                .iter()
                .rev()
                .find(|h| upper(direction(&points, &origin, **h)))
                .or(out.last());
            let Some(&west) = west.filter(|h| face[**h as usize] == NONE) else {
                continue;
            };
            let around = facing(&tree, &bounds, points[v]).map_or(0, |h| face[h]);
            let mut open = vec![(west, around)];
            while let Some((start, f)) = open.pop() {
                if face[start as usize] != NONE {
                    continue;
                }
                let f = if f == NONE {
                    // Stepping over the edge of the twin, whose face is known.
                    let from = face[(start ^ 1) as usize] as usize * chains;
                    let mut here = winding[from..from + chains].to_vec();
                    let sign = if start & 1 == 0 { 1 } else { -1 };
                    for s in bounds[start as usize / 2] {
                        here[s.2 as usize] += sign * s.3;
                    }
                    winding.extend(here);
                    faces += 1;
                    faces - 1
                } else {
                    f
                };
                let mut h = start;
                loop {
                    face[h as usize] = f;
                    open.push((h ^ 1, NONE));
                    h = next[h as usize];
                    if h == start {
                        break;
                    }
                }
            }
        }
        let mut depth = Vec::with_capacity(faces as usize);
        let mut uncut = Vec::with_capacity(faces as usize);
        for around in winding.chunks(chains.max(1)) {
            let levels_in = around[..levels].iter().take_while(|w| **w > 0).count() as u32;
            let inside = around[levels..].iter().all(|w| *w > 0);
            depth.push(if inside { levels_in } else { 0 });
            uncut.push(levels_in);
        }
        Self {
            points,
            origin,
            next,
            face,
            depth,
            uncut,
        }
    }

    /// The ground that lies in this many levels, and whether the boundary cuts it. Polygons touch
    /// at points only, and are valid by the simple features standard.
    pub(crate) fn region(&self, wanted: impl Fn(u32) -> bool) -> (MultiPolygon, bool) {
        let inside = |h: u32| wanted(self.depth[self.face[h as usize] as usize]);
        let mut parent: Vec<u32> = (0..self.depth.len() as u32).collect();
        let mut cut = false;
        for h in (0..self.origin.len() as u32).step_by(2) {
            match (inside(h), inside(h ^ 1)) {
                (true, true) => {
                    let (a, b) = (
                        root(&mut parent, self.face[h as usize]),
                        root(&mut parent, self.face[(h ^ 1) as usize]),
                    );
                    parent[a.max(b) as usize] = a.min(b);
                }
                (true, false) => cut |= wanted(self.uncut[self.face[(h ^ 1) as usize] as usize]),
                (false, true) => cut |= wanted(self.uncut[self.face[h as usize] as usize]),
                (false, false) => {}
            }
        }
        let mut walked = vec![false; self.origin.len()];
        // Exterior and holes of each connected piece of ground.
        let mut grounds: BTreeMap<u32, Rings> = BTreeMap::new();
        for start in 0..self.origin.len() as u32 {
            if walked[start as usize] || !inside(start) || inside(start ^ 1) {
                continue;
            }
            let ground = grounds
                .entry(root(&mut parent, self.face[start as usize]))
                .or_default();
            let mut ring: Vec<u32> = Vec::new();
            let mut at: HashMap<u32, usize> = HashMap::new();
            let mut keep = |ring: Vec<u32>| {
                if self.twice_area(&ring) > 0 {
                    ground.0.push(ring);
                } else {
                    ground.1.push(ring);
                }
            };
            let mut h = start;
            loop {
                walked[h as usize] = true;
                let v = self.origin[h as usize];
                // Where the outline comes back to a corner, what lies between is a ring of its own.
                if let Some(&from) = at.get(&v) {
                    let lobe = ring.split_off(from);
                    for p in &lobe {
                        at.remove(p);
                    }
                    keep(lobe);
                }
                at.insert(v, ring.len());
                ring.push(v);
                // Close along the inside: the next edge around the corner with the outside beyond it.
                h = self.next[h as usize];
                while inside(h ^ 1) {
                    h = self.next[(h ^ 1) as usize];
                }
                if h == start {
                    break;
                }
            }
            keep(ring);
        }
        let mut polygons = Vec::with_capacity(grounds.len());
        for (exteriors, holes) in grounds.into_values() {
            let mut holes: Vec<LineString> = holes.iter().map(|r| self.line(r)).collect();
            holes.sort_by(by_first);
            for exterior in exteriors {
                // A connected piece of ground has one exterior.
                let own = std::mem::take(&mut holes);
                polygons.push(Polygon::new(self.line(&exterior), own));
            }
        }
        polygons.sort_by(|a, b| by_first(a.exterior(), b.exterior()));
        (MultiPolygon(polygons), cut)
    }

    fn twice_area(&self, ring: &[u32]) -> i128 {
        let at = |i: usize| self.points[ring[i % ring.len()] as usize];
        (0..ring.len())
            .map(|i| cross(sub(at(i), at(0)), sub(at(i + 1), at(0))))
            .sum()
    }

    fn line(&self, ring: &[u32]) -> LineString {
        // Points are numbered from the least: the same outline is always the same text.
        let least = (0..ring.len()).min_by_key(|&i| ring[i]).unwrap_or(0);
        let mut line: Vec<Coord> = (0..ring.len())
            .map(|i| coord(self.points[ring[(least + i) % ring.len()] as usize]))
            .collect();
        line.extend(line.first().copied());
        LineString(line)
    }
}

fn by_first(a: &LineString, b: &LineString) -> std::cmp::Ordering {
    let key = |l: &LineString| l.0.iter().map(|c| (c.x, c.y)).collect::<Vec<_>>();
    let (a, b) = (key(a), key(b));
    a.partial_cmp(&b).unwrap_or(std::cmp::Ordering::Equal)
}

fn root(parent: &mut [u32], mut of: u32) -> u32 {
    while parent[of as usize] != of {
        let up = parent[parent[of as usize] as usize];
        parent[of as usize] = up;
        of = up;
    }
    of
}

fn sub(a: Point, b: Point) -> Point {
    (a.0 - b.0, a.1 - b.1)
}

fn cross(a: Point, b: Point) -> i128 {
    i128::from(a.0) * i128::from(b.1) - i128::from(a.1) * i128::from(b.0)
}

fn direction(points: &[Point], origin: &[u32], h: u32) -> Point {
    let at = |h: u32| points[origin[h as usize] as usize];
    sub(at(h ^ 1), at(h))
}

/// Whether a direction points north, or due east.
fn upper(d: Point) -> bool {
    d.1 > 0 || (d.1 == 0 && d.0 > 0)
}

/// For each half-edge the one after it along its face, and for each point those that leave it,
/// anticlockwise from due east.
fn rotation(points: &[Point], origin: &[u32]) -> (Vec<u32>, Vec<Vec<u32>>) {
    let mut outgoing: Vec<Vec<u32>> = vec![Vec::new(); points.len()];
    for h in 0..origin.len() as u32 {
        outgoing[origin[h as usize] as usize].push(h);
    }
    for out in &mut outgoing {
        out.sort_by(|&g, &h| {
            let (g, h) = (direction(points, origin, g), direction(points, origin, h));
            upper(h).cmp(&upper(g)).then_with(|| 0.cmp(&cross(g, h)))
        });
    }
    let mut next = vec![0; origin.len()];
    for out in &outgoing {
        for (i, &h) in out.iter().enumerate() {
            // Arriving by the twin, the face on the left goes on along the edge clockwise of it.
            next[(h ^ 1) as usize] = out[(i + out.len() - 1) % out.len()];
        }
    }
    (next, outgoing)
}

type EdgeTree = RTree<GeomWithData<Rectangle<[f64; 2]>, usize>>;

fn bounding(a: Point, b: Point) -> Rectangle<[f64; 2]> {
    Rectangle::from_corners([a.0 as f64, a.1 as f64], [b.0 as f64, b.1 as f64])
}

/// The half-edge that faces a point from the west: the nearest that a ray a hair north of due west
/// meets, with the point's side on its left.
fn facing(tree: &EdgeTree, bounds: &[&[Strand]], p: Point) -> Option<usize> {
    let ray = AABB::from_corners([f64::MIN / 4.0, p.1 as f64], [p.0 as f64, p.1 as f64]);
    // How far east of the point the edge is at its height, as a fraction, and its lean.
    type Met = (i128, i128, i128, usize);
    let mut nearest: Option<Met> = None;
    for found in tree.locate_in_envelope_intersecting(ray) {
        let (a, b, ..) = bounds[found.data][0];
        let (low, high, down) = if a.1 <= b.1 {
            (a, b, 2 * found.data + 1)
        } else {
            (b, a, 2 * found.data)
        };
        if !(low.1 <= p.1 && p.1 < high.1) {
            continue;
        }
        let (dx, dy) = (i128::from(high.0 - low.0), i128::from(high.1 - low.1));
        let east = i128::from(low.0 - p.0) * dy + i128::from(p.1 - low.1) * dx;
        if east >= 0 {
            continue;
        }
        let closer = nearest.is_none_or(|(e, y, x, _)| (east * y, dx * y) > (e * dy, x * dy));
        if closer {
            nearest = Some((east, dy, dx, down));
        }
    }
    nearest.map(|n| n.3)
}

/// Strands that meet at their ends only.
fn settled(mut strands: Vec<Strand>) -> Result<Vec<Strand>, Unsettled> {
    for _ in 0..MAX_ROUNDS {
        strands = merged(strands);
        let edges: Vec<(Point, Point)> = strands
            .chunk_by(|s, t| (s.0, s.1) == (t.0, t.1))
            .map(|c| (c[0].0, c[0].1))
            .collect();
        let tree: EdgeTree = RTree::bulk_load(
            edges
                .iter()
                .enumerate()
                .map(|(i, e)| GeomWithData::new(bounding(e.0, e.1), i))
                .collect(),
        );
        let mut hot: Vec<Point> = edges
            .par_iter()
            .enumerate()
            .flat_map_iter(|(i, &e)| {
                let near = tree.locate_in_envelope_intersecting(envelope(e, 0.0));
                near.filter(move |n| n.data > i)
                    .filter_map(|n| crossing(e, edges[n.data]))
                    .collect::<Vec<_>>()
            })
            .collect();
        hot.extend(edges.iter().flat_map(|e| [e.0, e.1]));
        hot.sort_unstable();
        hot.dedup();
        let pixels: RTree<[f64; 2]> =
            RTree::bulk_load(hot.iter().map(|p| [p.0 as f64, p.1 as f64]).collect());
        let nodes: Vec<Vec<Point>> = edges
            .par_iter()
            .map(|&(a, b)| {
                let along = sub(b, a);
                let mut on: Vec<Point> = pixels
                    .locate_in_envelope(envelope((a, b), 1.0))
                    .map(|p| (p[0] as i64, p[1] as i64))
                    .filter(|&p| p != a && p != b && passes(a, b, p))
                    .collect();
                let far = |p: Point| {
                    let d = sub(p, a);
                    i128::from(d.0) * i128::from(along.0) + i128::from(d.1) * i128::from(along.1)
                };
                on.sort_unstable_by_key(|&p| (far(p), p));
                on
            })
            .collect();
        if nodes.iter().all(Vec::is_empty) {
            return Ok(strands);
        }
        let mut split = Vec::with_capacity(strands.len() * 2);
        let same = strands.chunk_by(|s, t| (s.0, s.1) == (t.0, t.1));
        for (same, nodes) in same.zip(&nodes) {
            let (a, b, ..) = same[0];
            let stops: Vec<Point> = [a]
                .into_iter()
                .chain(nodes.iter().copied())
                .chain([b])
                .collect();
            for pair in stops.windows(2) {
                let (p, q) = (pair[0], pair[1]);
                split.extend(same.iter().map(|s| {
                    if p < q {
                        (p, q, s.2, s.3)
                    } else {
                        (q, p, s.2, -s.3)
                    }
                }));
            }
        }
        strands = split;
    }
    Err(Unsettled)
}

/// Sorted, one strand for each edge and chain; those that bound nothing go.
fn merged(mut strands: Vec<Strand>) -> Vec<Strand> {
    strands.par_sort_unstable();
    let same = |s: &Strand, t: &Strand| (s.0, s.1, s.2) == (t.0, t.1, t.2);
    strands
        .chunk_by(same)
        .map(|c| (c[0].0, c[0].1, c[0].2, c.iter().map(|s| s.3).sum()))
        .filter(|s| s.3 != 0 && s.0 != s.1)
        .collect()
}

fn envelope((a, b): (Point, Point), margin: f64) -> AABB<[f64; 2]> {
    let (x0, x1) = (a.0.min(b.0) as f64, a.0.max(b.0) as f64);
    let (y0, y1) = (a.1.min(b.1) as f64, a.1.max(b.1) as f64);
    AABB::from_corners([x0 - margin, y0 - margin], [x1 + margin, y1 + margin])
}

/// The point of the lattice nearest to where two edges cross, each between its ends.
fn crossing((a, b): (Point, Point), (c, d): (Point, Point)) -> Option<Point> {
    let (ab, cd) = (sub(b, a), sub(d, c));
    let (c_side, d_side) = (cross(ab, sub(c, a)), cross(ab, sub(d, a)));
    let (a_side, b_side) = (cross(cd, sub(a, c)), cross(cd, sub(b, c)));
    if c_side.signum() * d_side.signum() >= 0 || a_side.signum() * b_side.signum() >= 0 {
        return None;
    }
    // a + t·ab with t = a_side / (a_side − b_side).
    let (t, of) = (a_side.abs(), (a_side - b_side).abs());
    let step = |v: i64| {
        let (n, of) = (2 * i128::from(v) * t + of, 2 * of);
        n.div_euclid(of) as i64
    };
    Some((a.0 + step(ab.0), a.1 + step(ab.1)))
}

/// Whether an edge comes into the square of one step around a point. West and south side belong to
/// the square, east and north side to its neighbours, as rounding has it: otherwise an edge along a
/// side could be drawn to and fro between two points for ever.
fn passes(a: Point, b: Point, p: Point) -> bool {
    let twice = |q: Point| (i128::from(2 * (q.0 - p.0)), i128::from(2 * (q.1 - p.1)));
    let (a, b) = (twice(a), twice(b));
    // The part of the edge, from 0 to 1, that lies in the square; as fractions, and whether the end
    // itself is missing.
    let (mut from, mut to) = ((0_i128, 1_i128, false), (1_i128, 1_i128, false));
    for (start, run) in [(a.0, b.0 - a.0), (a.1, b.1 - a.1)] {
        // start + t·run ≥ −1 and 1 − start − t·run > 0.
        for (at_zero, rate, open) in [(start + 1, run, false), (1 - start, -run, true)] {
            if rate == 0 {
                if at_zero < 0 || (open && at_zero == 0) {
                    return false;
                }
            } else if rate > 0 {
                let later = -at_zero * from.1 - from.0 * rate;
                if later > 0 || (later == 0 && open) {
                    from = (-at_zero, rate, open);
                }
            } else {
                let sooner = to.0 * -rate - at_zero * to.1;
                if sooner > 0 || (sooner == 0 && open) {
                    to = (at_zero, -rate, open);
                }
            }
        }
    }
    let room = to.0 * from.1 - from.0 * to.1;
    room > 0 || (room == 0 && !from.2 && !to.2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use geo::{Area, BooleanOps, Contains, Covers, Validation};
    use proptest::prelude::*;

    /// Squares of a coarse lattice that is bent by some steps, as pieces.
    fn squares(cells: &[(i64, i64)], bend: i64) -> Vec<Piece> {
        let corner = |x: i64, y: i64| (x * 100 + (y * bend) % 7, y * 100 + (x * bend) % 5);
        cells
            .iter()
            .flat_map(|&(x, y)| {
                let c = [
                    corner(x, y),
                    corner(x + 1, y),
                    corner(x + 1, y + 1),
                    corner(x, y + 1),
                ];
                (0..4).map(move |i| [c[i], c[(i + 1) % 4]])
            })
            .collect()
    }

    fn subset(field: &[u8], least: u8) -> Vec<(i64, i64)> {
        (0..field.len())
            .filter(|&i| field[i] >= least)
            .map(|i| (i as i64 % 6, i as i64 / 6))
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn regions_nest_tile_and_are_those_of_an_overlay(
            field in prop::collection::vec(0_u8..4, 36), bend in 0_i64..4,
            clip in prop::collection::vec((-50_i64..650, -50_i64..650), 3),
        ) {
            let levels: Vec<Vec<Piece>> = (1..4).map(|l| squares(&subset(&field, l), bend)).collect();
            let turn = cross(sub(clip[1], clip[0]), sub(clip[2], clip[0]));
            prop_assume!(turn != 0);
            let (i, j) = if turn > 0 { (1, 2) } else { (2, 1) };
            let triangle = [[clip[0], clip[i]], [clip[i], clip[j]], [clip[j], clip[0]]];
            let cut = Arrangement::new(&levels, Some(&triangle)).unwrap();
            let whole = Arrangement::new(&levels, None).unwrap();
            let ring: LineString = [clip[0], clip[i], clip[j]].into_iter().map(coord).collect();
            let triangle = Polygon::new(ring, vec![]);
            let mut bands = 0.0;
            for level in 1..=3_u32 {
                let (region, _) = cut.region(|d| d >= level);
                let (uncut, never) = whole.region(|d| d >= level);
                prop_assert!(!never);
                prop_assert!(region.is_valid() && uncut.is_valid(), "{region:?} {uncut:?}");
                let expected = uncut.intersection(&triangle).unsigned_area();
                // Every corner may move by one step: 1e-7 along a perimeter of some 1e-4 degrees.
                prop_assert!((region.unsigned_area() - expected).abs() < 3e-11, "{} {expected}", region.unsigned_area());
                let (wider, _) = cut.region(|d| d + 1 >= level && d > 0);
                for part in &region {
                    prop_assert!(level == 1 || wider.iter().any(|w| w.covers(part)));
                    prop_assert!(part.unsigned_area() > 0.0);
                }
                let (band, _) = cut.region(|d| d == level);
                bands += band.unsigned_area();
                for one in &band {
                    prop_assert!(one.is_valid());
                }
            }
            prop_assert!((bands - cut.region(|d| d >= 1).0.unsigned_area()).abs() < 1e-18);
        }

        #[test]
        fn rough_lines_settle(
            pieces in prop::collection::vec((0_i64..30, 0_i64..30, 0_i64..30, 0_i64..30), 1..25),
        ) {
            let strands: Vec<Strand> = pieces.iter()
                .map(|&(x, y, u, v)| ((x, y), (u, v)))
                .filter(|(a, b)| a != b)
                .map(|(a, b)| if a < b { (a, b, 0, 1) } else { (b, a, 0, -1) })
                .collect();
            let settled = settled(strands).unwrap();
            for (i, s) in settled.iter().enumerate() {
                for t in &settled[i + 1..] {
                    prop_assert_eq!(crossing((s.0, s.1), (t.0, t.1)), None);
                    for p in [t.0, t.1] {
                        prop_assert!(p == s.0 || p == s.1 || !passes(s.0, s.1, p));
                    }
                }
            }
        }
    }

    #[test]
    fn a_hole_and_an_island_in_it() {
        let all: Vec<(i64, i64)> = (0..5).flat_map(|x| (0..5).map(move |y| (x, y))).collect();
        let ring: Vec<(i64, i64)> = all
            .iter()
            .copied()
            .filter(|&(x, y)| !(1..4).contains(&x) || !(1..4).contains(&y) || (x, y) == (2, 2))
            .collect();
        let arrangement = Arrangement::new(&[squares(&ring, 0)], None).unwrap();
        let (region, _) = arrangement.region(|d| d > 0);
        assert_eq!(region.0.len(), 2);
        assert_eq!(region.0[0].interiors().len(), 1);
        assert!(region.contains(&geo::Point(coord((250, 250)))));
        assert!(!region.contains(&geo::Point(coord((150, 250)))));
    }
}
