//! The minimum spanning tree of mutual reachability, by Borůvka's rounds over a tree of boxes.
//!
//! The mutual reachability of two points is the greatest of their distance and their core distances.
//! A first round needs no search: where one of a point's nearest others has no greater core distance
//! than the point itself, the edge between them has the point's core distance, and no edge of the
//! point is shorter. What is left are the basins of dense spots. In each further round every component
//! finds its shortest edge to another, all at once: two nodes of the tree are looked at together, and
//! left alone if they belong to one component, or if their distance, the least core distance in one
//! of them, or the length that an edge of theirs was found to have at least in an earlier round,
//! excludes that they hold anything shorter than what is known.
//!
//! Which of several edges of one length is taken may depend on the order of work. What is made of
//! the tree does not: the components at any length are the same in every minimum spanning tree.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use rayon::prelude::*;

use super::tree::{NONE, Near, Tree};

/// An edge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Edge {
    /// Squared mutual reachability.
    pub(super) reach_2: f64,
    pub(super) a: u32,
    pub(super) b: u32,
}

const NO_EDGE: (f64, u32) = (f64::INFINITY, NONE);

/// The edges of a minimum spanning tree, shortest first.
pub(super) fn spanning_tree(tree: &Tree, cores: &[f64], near: &Near) -> Vec<Edge> {
    let n = tree.len();
    let mut edges = Vec::with_capacity(n.saturating_sub(1));
    let mut sets = Sets::new(n);
    for a in 0..n {
        let downhill = |&&b: &&u32| b != NONE && cores[b as usize] <= cores[a];
        let down = near.of(a).iter().find(downhill);
        if let Some(&b) = down
            && tree.distance_2(a, b as usize) <= cores[a]
            && sets.join(a as u32, b)
        {
            edges.push(Edge {
                reach_2: cores[a],
                a: a as u32,
                b,
            });
        }
    }
    let mut round = Round {
        tree,
        cores,
        near,
        component: vec![0; n],
        least: cores.to_vec(),
        node_component: vec![MIXED; tree.nodes()],
        node_least: vec![0.0; tree.nodes()],
        shortest: (0..n).map(|_| AtomicU64::new(0)).collect(),
    };
    let mut known = vec![NO_EDGE; n];
    while edges.len() + 1 < n {
        let before = edges.len();
        round.begin(&mut sets, &mut known);
        round.search(&mut known);
        round.end(&mut sets, &known, &mut edges);
        if edges.len() == before {
            // Only where lengths are beyond all numbers.
            break;
        }
    }
    // Squares are not negative: their bits are in their order.
    edges.par_sort_unstable_by_key(|e| e.reach_2.to_bits());
    edges
}

/// A node with points of several components.
const MIXED: u32 = u32::MAX;

struct Round<'a> {
    tree: &'a Tree,
    cores: &'a [f64],
    near: &'a Near,
    /// The root of each point's component.
    component: Vec<u32>,
    /// No edge of a point to another component is shorter than this.
    least: Vec<f64>,
    node_component: Vec<u32>,
    node_least: Vec<f64>,
    /// By root: length of the shortest edge found, as bits.
    shortest: Vec<AtomicU64>,
}

impl Round<'_> {
    fn shortest(&self, component: u32) -> f64 {
        f64::from_bits(self.shortest[component as usize].load(Relaxed))
    }

    fn shorten(&self, component: u32, reach_2: f64) {
        self.shortest[component as usize].fetch_min(reach_2.to_bits(), Relaxed);
    }

    /// Squared mutual reachability.
    fn reach_2(&self, a: usize, b: usize) -> f64 {
        self.tree
            .distance_2(a, b)
            .max(self.cores[a])
            .max(self.cores[b])
    }

    /// Finds out what belongs together, and which of the edges already known still lead elsewhere.
    fn begin(&mut self, sets: &mut Sets, known: &mut [(f64, u32)]) {
        for (i, c) in self.component.iter_mut().enumerate() {
            *c = sets.root(i as u32);
        }
        for s in &self.shortest {
            s.store(f64::INFINITY.to_bits(), Relaxed);
        }
        let this = &*self;
        let tasks = this.tree.tasks();
        let nodes: Vec<Vec<(u32, f64)>> = tasks
            .clone()
            .into_par_iter()
            .zip(this.tree.parts(known))
            .map(|(task, known)| {
                let range = this.tree.range(task);
                for (k, i) in known.iter_mut().zip(range) {
                    this.renew(k, i);
                    if k.1 != NONE {
                        this.shorten(this.component[i], k.0);
                    }
                }
                let leaf = |leaf| this.of_points(this.tree.range(leaf));
                this.tree.leaves_of(task).map(leaf).collect()
            })
            .collect();
        for (leaf, (component, least)) in self.tree.leaves().zip(nodes.into_iter().flatten()) {
            self.node_component[leaf] = component;
            self.node_least[leaf] = least;
        }
        for node in (1..self.tree.leaves().start).rev() {
            let (a, b) = (2 * node, 2 * node + 1);
            self.node_component[node] = if self.node_component[a] == self.node_component[b] {
                self.node_component[a]
            } else {
                MIXED
            };
            self.node_least[node] = self.node_least[a].min(self.node_least[b]);
        }
    }

    /// An edge of a point that leads to another component, if one is known.
    fn renew(&self, known: &mut (f64, u32), point: usize) {
        let here = self.component[point];
        let leads_away = |other: u32| self.component[other as usize] != here;
        if known.1 != NONE && leads_away(known.1) {
            return;
        }
        *known = NO_EDGE;
        for &other in self.near.of(point).iter().take_while(|&&o| o != NONE) {
            if leads_away(other) {
                let reach_2 = self.reach_2(point, other as usize);
                if reach_2 < known.0 {
                    *known = (reach_2, other);
                }
            }
        }
    }

    /// The component of some points if it is one, and the least length of an edge of theirs.
    fn of_points(&self, points: Range<usize>) -> (u32, f64) {
        let first = self.component[points.start];
        let mut all = first;
        let mut least = f64::INFINITY;
        for i in points {
            if self.component[i] != first {
                all = MIXED;
            }
            least = least.min(self.least[i]);
        }
        (all, least)
    }

    /// Finds the shortest edge of every component.
    fn search(&self, known: &mut [(f64, u32)]) {
        self.tree
            .tasks()
            .into_par_iter()
            .zip(self.tree.parts(known))
            .for_each(|(task, known)| {
                let offset = self.tree.range(task).start;
                let round = self;
                Part {
                    round,
                    offset,
                    known,
                }
                .node(task);
            });
    }

    /// Looks for an edge of a point to those of a node that is shorter than the best one.
    fn seek(&self, point: usize, node: usize, gap: f64, best: &mut (f64, u32)) {
        let component = self.component[point];
        if gap.max(self.node_least[node]) >= best.0 || self.node_component[node] == component {
            return;
        }
        let tree = self.tree;
        if tree.is_leaf(node) {
            for j in tree.range(node) {
                let reach_2 = self.reach_2(point, j);
                if reach_2 < best.0 && self.component[j] != component {
                    *best = (reach_2, j as u32);
                }
            }
            return;
        }
        let (a, b) = (2 * node, 2 * node + 1);
        let (to_a, to_b) = (tree.to_node(point, a), tree.to_node(point, b));
        if to_b < to_a {
            self.seek(point, b, to_b, best);
            self.seek(point, a, to_a, best);
        } else {
            self.seek(point, a, to_a, best);
            self.seek(point, b, to_b, best);
        }
    }

    /// Joins components by their shortest edges.
    fn end(&mut self, sets: &mut Sets, known: &[(f64, u32)], edges: &mut Vec<Edge>) {
        for (least, &component) in self.least.iter_mut().zip(&self.component) {
            let shortest = &self.shortest[component as usize];
            *least = least.max(f64::from_bits(shortest.load(Relaxed)));
        }
        for (a, &(reach_2, b)) in known.iter().enumerate() {
            let component = self.component[a];
            if b == NONE || reach_2 != self.shortest(component) {
                continue;
            }
            // The first will do.
            self.shortest[component as usize].store(f64::NAN.to_bits(), Relaxed);
            if sets.join(a as u32, b) {
                let a = a as u32;
                edges.push(Edge { reach_2, a, b });
            }
        }
    }
}

/// The search of one task: the points of a node against all others.
struct Part<'a> {
    round: &'a Round<'a>,
    /// The first point of the task.
    offset: usize,
    known: &'a mut [(f64, u32)],
}

impl Part<'_> {
    /// Looks for edges from the points of a node. A node of one component is compared with others as
    /// a whole; where several meet, each point looks for itself, since what is near and of the other
    /// component to one of them may be all of its own to the next.
    fn node(&mut self, from: usize) {
        if self.round.node_component[from] != MIXED {
            self.pair(from, 1, 0.0);
        } else if self.round.tree.is_leaf(from) {
            self.points(from, 1);
        } else {
            self.node(2 * from);
            self.node(2 * from + 1);
        }
    }

    /// Looks for edges from the points of a node of one component to those of another node.
    fn pair(&mut self, from: usize, to: usize, gap: f64) {
        let round = self.round;
        let tree = round.tree;
        let component = round.node_component[from];
        let least = gap.max(round.node_least[from]).max(round.node_least[to]);
        if component == round.node_component[to] || least >= round.shortest(component) {
            return;
        }
        if tree.is_leaf(from) {
            self.points(from, to);
        } else if !tree.is_leaf(to) && tree.side(to) > tree.side(from) {
            let (a, b) = (2 * to, 2 * to + 1);
            let (to_a, to_b) = (tree.between(from, a), tree.between(from, b));
            if to_b < to_a {
                self.pair(from, b, to_b);
                self.pair(from, a, to_a);
            } else {
                self.pair(from, a, to_a);
                self.pair(from, b, to_b);
            }
        } else {
            for from in [2 * from, 2 * from + 1] {
                self.pair(from, to, tree.between(from, to));
            }
        }
    }

    /// Looks for edges from the points of a leaf to those of a node.
    fn points(&mut self, from: usize, to: usize) {
        let round = self.round;
        for i in round.tree.range(from) {
            let component = round.component[i];
            let shortest = round.shortest(component);
            if round.least[i] >= shortest {
                continue;
            }
            let mut best = (shortest, NONE);
            round.seek(i, to, round.tree.to_node(i, to), &mut best);
            if best.1 != NONE {
                self.known[i - self.offset] = best;
                round.shorten(component, best.0);
            }
        }
    }
}

/// Union and find.
struct Sets {
    parent: Vec<u32>,
}

impl Sets {
    fn new(n: usize) -> Self {
        Self {
            parent: (0..n as u32).collect(),
        }
    }

    /// The root of a member; halves the way on the way.
    fn root(&mut self, mut at: u32) -> u32 {
        while self.parent[at as usize] != at {
            let above = self.parent[self.parent[at as usize] as usize];
            self.parent[at as usize] = above;
            at = above;
        }
        at
    }

    /// Joins two sets; whether they were two.
    fn join(&mut self, a: u32, b: u32) -> bool {
        let (a, b) = (self.root(a), self.root(b));
        self.parent[a.max(b) as usize] = a.min(b);
        a != b
    }
}
