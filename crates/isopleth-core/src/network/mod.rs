//! Streets as a network of the plane: junctions, edges between them, positions along edges.
//!
//! **Nodes.** Vertices are one node if their coordinates, rounded to the tolerance, are equal. All
//! vertices count, not the ends of lines alone. Lines that cross without a common vertex do not meet:
//! that is how a bridge is told from a crossroads. A piece that is drawn twice is there once.
//!
//! **Edges.** An edge runs from junction to junction (or dead end). A node where exactly two pieces
//! meet is not a junction, whatever streets they belong to: cutting a line in two changes nothing. A
//! ring without any junction is an edge from its least node to itself.
//!
//! **Order.** Nodes stand in the order of their coordinates and edges in that of their nodes, so that
//! the order of the input does not show.
//!
//! Lengths are those of the input's unit, metres or any other.

mod spread;

use rstar::primitives::{GeomWithData, Line};
use rstar::{AABB, RTree};

use crate::plane::Planar;

pub use spread::{DeadEnds, Density, Rule, Source, Spread, TooManyPaths};

/// Why lines make no network.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// A coordinate that is no number.
    #[error("line {0} of the network has a coordinate that is not a finite number; mend it")]
    NotFinite(usize),
    /// Nothing is longer than the tolerance.
    #[error("no line of the network has a length; load lines of two or more different vertices")]
    NoLength,
}

/// A line of a street: the street's number, and its vertices.
pub type StreetLine = (u32, Vec<Planar>);

/// Steps of exact path lengths: a millionth of the plane's unit.
pub(crate) const TICKS: f64 = 1e6;

/// A network. See the [module](self).
#[derive(Debug, Clone)]
pub struct Network {
    positions: Vec<Planar>,
    /// Which line and vertex of the input each node is shown by.
    origin: Vec<(u32, u32)>,
    edges: Vec<Edge>,
    /// Nodes of all edges, one list after the other.
    chain: Vec<u32>,
    /// Distance of each of them from the start of its edge.
    along: Vec<f64>,
    /// Street of the piece that begins at each of them.
    street: Vec<u32>,
    /// `ends[node_starts[n]..node_starts[n + 1]]` are the ends of edges at junction n.
    node_starts: Vec<u32>,
    ends: Vec<u32>,
    repeated: usize,
}

/// An edge: a range of the chain, and the junctions at its ends.
#[derive(Debug, Clone, Copy)]
struct Edge {
    from: u32,
    to: u32,
    junctions: [u32; 2],
    length: f64,
    ticks: i64,
}

/// A position on a network.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Position {
    /// The edge.
    pub edge: u32,
    /// Distance from the start of the edge.
    pub offset: f64,
}

/// A stretch of an edge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lixel {
    /// The edge.
    pub edge: u32,
    /// Where on it the lixel begins.
    pub from: f64,
    /// Where it ends.
    pub to: f64,
}

impl Lixel {
    /// Its length.
    #[must_use]
    pub fn length(&self) -> f64 {
        self.to - self.from
    }

    /// Its middle.
    #[must_use]
    pub fn centre(&self) -> Position {
        Position {
            edge: self.edge,
            offset: 0.5 * (self.from + self.to),
        }
    }
}

/// A vertex of a stretch, between two nodes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Between {
    /// The node before.
    pub a: u32,
    /// The node after.
    pub b: u32,
    /// How far from the one to the other, 0 to 1.
    pub share: f64,
}

impl Network {
    /// A network of lines. `tolerance` is the grid that vertices are compared on.
    ///
    /// # Errors
    /// [`NetworkError`] for coordinates that are no numbers, and if nothing has a length.
    pub fn new(lines: &[StreetLine], tolerance: f64) -> Result<Self, NetworkError> {
        let (positions, origin, nodes) = nodes(lines, tolerance)?;
        let mut pieces: Vec<(u32, u32, u32)> = Vec::with_capacity(nodes.len());
        let mut at = 0;
        for (street, line) in lines {
            for pair in nodes[at..at + line.len()].windows(2) {
                if pair[0] != pair[1] {
                    pieces.push((pair[0].min(pair[1]), pair[0].max(pair[1]), *street));
                }
            }
            at += line.len();
        }
        if pieces.is_empty() {
            return Err(NetworkError::NoLength);
        }
        pieces.sort_unstable();
        let drawn = pieces.len();
        pieces.dedup_by_key(|p| (p.0, p.1));
        let mut network = Self {
            repeated: drawn - pieces.len(),
            positions,
            origin,
            edges: Vec::new(),
            chain: Vec::new(),
            along: Vec::new(),
            street: Vec::new(),
            node_starts: Vec::new(),
            ends: Vec::new(),
        };
        let mut chains = chains(network.positions.len(), &pieces);
        chains.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        for (chain, streets) in chains {
            network.push_edge(&chain, &streets);
        }
        network.join();
        Ok(network)
    }

    fn push_edge(&mut self, chain: &[u32], streets: &[u32]) {
        let from = self.chain.len() as u32;
        let mut length = 0.0;
        for (i, &node) in chain.iter().enumerate() {
            if i > 0 {
                let (a, b) = (chain[i - 1] as usize, node as usize);
                length += self.positions[a].distance_2(self.positions[b]).sqrt();
            }
            self.chain.push(node);
            self.along.push(length);
            // The last has no piece after it.
            self.street.push(streets.get(i).copied().unwrap_or(0));
        }
        self.edges.push(Edge {
            from,
            to: self.chain.len() as u32,
            junctions: [chain[0], chain[chain.len() - 1]],
            length,
            ticks: ((length * TICKS).round() as i64).max(1),
        });
    }

    /// Numbers the junctions and lists the ends at each.
    fn join(&mut self) {
        let mut junctions: Vec<u32> = self.edges.iter().flat_map(|e| e.junctions).collect();
        junctions.sort_unstable();
        junctions.dedup();
        let mut ends: Vec<(u32, u32)> = Vec::with_capacity(2 * self.edges.len());
        for (e, edge) in self.edges.iter_mut().enumerate() {
            for side in 0..2 {
                let node = junctions.partition_point(|j| *j < edge.junctions[side]) as u32;
                edge.junctions[side] = node;
                ends.push((node, (2 * e + side) as u32));
            }
        }
        ends.sort_unstable();
        self.node_starts = (0..=junctions.len() as u32)
            .map(|n| ends.partition_point(|e| e.0 < n) as u32)
            .collect();
        self.ends = ends.into_iter().map(|e| e.1).collect();
    }

    /// Number of edges.
    #[must_use]
    pub fn len(&self) -> usize {
        self.edges.len()
    }

    /// Whether there is no edge; a network that was made has one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.edges.is_empty()
    }

    /// Number of junctions and dead ends.
    #[must_use]
    pub fn junctions(&self) -> usize {
        self.node_starts.len() - 1
    }

    /// Pieces that were drawn more than once, and are there once.
    #[must_use]
    pub fn repeated(&self) -> usize {
        self.repeated
    }

    /// Length of an edge.
    #[must_use]
    pub fn length(&self, edge: u32) -> f64 {
        self.edges[edge as usize].length
    }

    /// Number of ends of edges at each end of an edge: 1 is a dead end.
    #[must_use]
    pub fn degrees(&self, edge: u32) -> [usize; 2] {
        self.edges[edge as usize]
            .junctions
            .map(|n| self.ends_at(n).len())
    }

    fn ends_at(&self, node: u32) -> &[u32] {
        let n = node as usize;
        &self.ends[self.node_starts[n] as usize..self.node_starts[n + 1] as usize]
    }

    /// Length of all edges.
    #[must_use]
    pub fn total_length(&self) -> f64 {
        self.edges.iter().map(|e| e.length).sum()
    }

    /// The line and vertex of the input that a node is shown by.
    #[must_use]
    pub fn origin(&self, node: u32) -> (u32, u32) {
        self.origin[node as usize]
    }

    /// The edges cut into lixels of equal length, none longer than `longest`; without it every edge
    /// is one.
    #[must_use]
    pub fn lixels(&self, longest: Option<f64>) -> Vec<Lixel> {
        let mut lixels = Vec::new();
        for (e, edge) in self.edges.iter().enumerate() {
            // A hair of tolerance, so that 100 m is two of 50 m also after rounding.
            let parts = longest.map_or(1.0, |l| (edge.length / l - 1e-9).ceil().max(1.0));
            for i in 0..parts as usize {
                lixels.push(Lixel {
                    edge: e as u32,
                    from: edge.length * (i as f64 / parts),
                    to: edge.length * ((i + 1) as f64 / parts),
                });
            }
        }
        lixels
    }

    /// The middle of a stretch, as a vertex.
    #[must_use]
    pub fn middle(&self, lixel: &Lixel) -> Between {
        self.between(lixel.centre())
    }

    /// Whether a position is a junction, where three or more ends of edges meet.
    #[must_use]
    pub fn is_junction(&self, at: Position) -> bool {
        let edge = &self.edges[at.edge as usize];
        let side = if at.offset <= 0.0 {
            0
        } else if at.offset >= edge.length {
            1
        } else {
            return false;
        };
        self.ends_at(edge.junctions[side]).len() > 2
    }

    /// The coordinates of a position.
    #[must_use]
    pub fn planar(&self, at: Position) -> Planar {
        let b = self.between(at);
        let (p, q) = (self.positions[b.a as usize], self.positions[b.b as usize]);
        Planar {
            x: p.x + b.share * (q.x - p.x),
            y: p.y + b.share * (q.y - p.y),
        }
    }

    /// The vertices of a stretch, its two ends among them.
    #[must_use]
    pub fn vertices(&self, lixel: &Lixel) -> Vec<Between> {
        let at = |offset| {
            self.between(Position {
                edge: lixel.edge,
                offset,
            })
        };
        let mut vertices = vec![at(lixel.from)];
        let edge = self.edges[lixel.edge as usize];
        for i in edge.from as usize..edge.to as usize - 1 {
            if self.along[i] > lixel.from && self.along[i] < lixel.to {
                vertices.push(Between {
                    a: self.chain[i],
                    b: self.chain[i + 1],
                    share: 0.0,
                });
            }
        }
        vertices.push(at(lixel.to));
        vertices
    }

    /// The streets along a stretch with the length of each, longest first; equals in the order of
    /// their numbers.
    #[must_use]
    pub fn streets(&self, lixel: &Lixel) -> Vec<(u32, f64)> {
        let edge = self.edges[lixel.edge as usize];
        let mut found: Vec<(u32, f64)> = Vec::new();
        for i in edge.from as usize..edge.to as usize - 1 {
            let length = self.along[i + 1].min(lixel.to) - self.along[i].max(lixel.from);
            if length > 0.0 {
                match found.iter_mut().find(|f| f.0 == self.street[i]) {
                    Some(f) => f.1 += length,
                    None => found.push((self.street[i], length)),
                }
            }
        }
        found.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        found
    }

    fn between(&self, at: Position) -> Between {
        let edge = self.edges[at.edge as usize];
        let (from, to) = (edge.from as usize, edge.to as usize);
        let along = &self.along[from..to];
        let i = along
            .partition_point(|v| *v <= at.offset)
            .clamp(1, along.len() - 1);
        let (before, after) = (along[i - 1], along[i]);
        let share = if after > before {
            ((at.offset - before) / (after - before)).clamp(0.0, 1.0)
        } else {
            0.0
        };
        Between {
            a: self.chain[from + i - 1],
            b: self.chain[from + i],
            share,
        }
    }

    /// An index for [`Snapper::nearest`].
    #[must_use]
    pub fn snapper(&self) -> Snapper<'_> {
        let mut lines = Vec::with_capacity(self.chain.len());
        for (e, edge) in self.edges.iter().enumerate() {
            for i in edge.from as usize..edge.to as usize - 1 {
                let [a, b] = [i, i + 1].map(|i| self.positions[self.chain[i] as usize]);
                lines.push(GeomWithData::new(
                    Line::new([a.x, a.y], [b.x, b.y]),
                    (e as u32, i as u32),
                ));
            }
        }
        Snapper {
            network: self,
            lines: RTree::bulk_load(lines),
        }
    }
}

/// A piece with its edge and where it begins in the chain.
type Piece = GeomWithData<Line<[f64; 2]>, (u32, u32)>;

/// Finds the nearest position of a network.
#[derive(Debug)]
pub struct Snapper<'a> {
    network: &'a Network,
    lines: RTree<Piece>,
}

impl Snapper<'_> {
    /// The nearest position no farther than a distance, with its distance. Of equally near ones, as
    /// at a junction, the first in the order of the edges.
    #[must_use]
    pub fn nearest(&self, at: Planar, within: f64) -> Option<(Position, f64)> {
        let reach = AABB::from_corners(
            [at.x - within, at.y - within],
            [at.x + within, at.y + within],
        );
        let n = self.network;
        let mut best: Option<(f64, u32, u32, Position)> = None;
        for line in self.lines.locate_in_envelope_intersecting(reach) {
            let (edge, i) = line.data;
            let [a, b] = [i, i + 1].map(|i| n.positions[n.chain[i as usize] as usize]);
            let (dx, dy) = (b.x - a.x, b.y - a.y);
            let t = (((at.x - a.x) * dx + (at.y - a.y) * dy) / (dx * dx + dy * dy)).clamp(0.0, 1.0);
            // The ends themselves, bit for bit, so that all that meet there are equally near.
            let (foot, offset) = if t <= 0.0 {
                (a, n.along[i as usize])
            } else if t >= 1.0 {
                (b, n.along[i as usize + 1])
            } else {
                let (from, to) = (n.along[i as usize], n.along[i as usize + 1]);
                let foot = Planar {
                    x: a.x + t * dx,
                    y: a.y + t * dy,
                };
                (foot, from + t * (to - from))
            };
            let d2 = at.distance_2(foot);
            if d2 > within * within {
                continue;
            }
            if best.is_none_or(|b| (d2, edge, i) < (b.0, b.1, b.2)) {
                best = Some((d2, edge, i, Position { edge, offset }));
            }
        }
        best.map(|b| (b.3, b.0.sqrt()))
    }
}

/// Positions in the order of their coordinates, where each was found, and the node of every vertex
/// of the input.
type Nodes = (Vec<Planar>, Vec<(u32, u32)>, Vec<u32>);

/// The nodes of lines.
fn nodes(lines: &[StreetLine], tolerance: f64) -> Result<Nodes, NetworkError> {
    struct Vertex {
        key: (i64, i64),
        at: Planar,
        origin: (u32, u32),
        flat: u32,
    }
    let mut all = Vec::with_capacity(lines.iter().map(|l| l.1.len()).sum());
    for (l, (_, line)) in lines.iter().enumerate() {
        for (v, p) in line.iter().enumerate() {
            if !(p.x.is_finite() && p.y.is_finite()) {
                return Err(NetworkError::NotFinite(l + 1));
            }
            let key = |v: f64| (v / tolerance).round() as i64;
            all.push(Vertex {
                key: (key(p.x), key(p.y)),
                at: *p,
                origin: (l as u32, v as u32),
                flat: all.len() as u32,
            });
        }
    }
    all.sort_unstable_by(|a, b| {
        a.key
            .cmp(&b.key)
            .then(a.at.x.total_cmp(&b.at.x))
            .then(a.at.y.total_cmp(&b.at.y))
            .then(a.origin.cmp(&b.origin))
    });
    let (mut positions, mut origin) = (Vec::new(), Vec::new());
    let mut node = vec![0; all.len()];
    for same in all.chunk_by(|a, b| a.key == b.key) {
        for vertex in same {
            node[vertex.flat as usize] = positions.len() as u32;
        }
        positions.push(same[0].at);
        origin.push(same[0].origin);
    }
    Ok((positions, origin, node))
}

/// The pieces strung together from junction to junction: nodes and, between them, streets.
fn chains(nodes: usize, pieces: &[(u32, u32, u32)]) -> Vec<(Vec<u32>, Vec<u32>)> {
    let mut starts = vec![0_u32; nodes + 1];
    for &(a, b, _) in pieces {
        starts[a as usize + 1] += 1;
        starts[b as usize + 1] += 1;
    }
    for n in 0..nodes {
        starts[n + 1] += starts[n];
    }
    let mut cursor = starts.clone();
    let mut at_node = vec![0_u32; 2 * pieces.len()];
    for (p, &(a, b, _)) in pieces.iter().enumerate() {
        for node in [a, b] {
            let slot = &mut cursor[node as usize];
            at_node[*slot as usize] = p as u32;
            *slot += 1;
        }
    }
    let at = |n: u32| &at_node[starts[n as usize] as usize..starts[n as usize + 1] as usize];
    let mut used = vec![false; pieces.len()];
    let mut found = Vec::new();
    // Junctions first; what is left are rings, which start at their least node.
    for ring in [false, true] {
        for start in 0..nodes as u32 {
            if (at(start).len() == 2) != ring {
                continue;
            }
            for &first in at(start) {
                if used[first as usize] {
                    continue;
                }
                let (mut chain, mut streets) = (vec![start], Vec::new());
                let (mut here, mut piece) = (start, first);
                loop {
                    used[piece as usize] = true;
                    let (a, b, street) = pieces[piece as usize];
                    here = if a == here { b } else { a };
                    chain.push(here);
                    streets.push(street);
                    let next = at(here);
                    if here == start || next.len() != 2 {
                        break;
                    }
                    piece = if next[0] == piece { next[1] } else { next[0] };
                }
                if chain.iter().rev().lt(chain.iter()) {
                    chain.reverse();
                    streets.reverse();
                }
                found.push((chain, streets));
            }
        }
    }
    found
}
