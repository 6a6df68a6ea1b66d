//! A balanced tree of boxes over weighted points.
//!
//! The tree is implicit: node 1 holds all points, the children of node `i` are `2i` and `2i + 1`, and
//! the node of place `j` at depth `d` holds the points from `n·j / 2^d` to `n·(j + 1) / 2^d`. All
//! leaves lie at one depth. Points stand in the order of the leaves, so that what is near on the
//! ground is near in memory.

use std::ops::Range;

use rayon::prelude::*;

/// Most points of a leaf.
const LEAF: usize = 12;

/// Depth of the nodes that work is handed out by: a number that does not depend on the threads.
const TASKS: u32 = 8;

/// Fewest points that are worth another thread.
const APART: usize = 4096;

/// No point.
pub(super) const NONE: u32 = u32::MAX;

/// A position with its weight.
pub(super) type Weighted = ([f64; 2], u32);

/// A box: least x and y, greatest x and y.
type Corners = [f64; 4];

/// Distinct weighted points.
pub(super) struct Tree {
    depth: u32,
    pub(super) x: Vec<f64>,
    pub(super) y: Vec<f64>,
    pub(super) weight: Vec<u32>,
    /// The place of each point in the order by x, then y.
    pub(super) rank: Vec<u32>,
    corners: Vec<Corners>,
}

#[derive(Clone, Copy)]
struct Item {
    x: f64,
    y: f64,
    weight: u32,
    rank: u32,
}

impl Tree {
    /// A tree over distinct points in the order by x, then y.
    pub(super) fn new(points: &[Weighted]) -> Self {
        let n = points.len();
        let mut depth = 0;
        while n.div_ceil(1 << depth) > LEAF {
            depth += 1;
        }
        let mut items: Vec<Item> = points
            .iter()
            .zip(0..)
            .map(|(&([x, y], weight), rank)| Item { x, y, weight, rank })
            .collect();
        arrange(&mut items, 0, n, 0, 0, depth);
        let mut tree = Self {
            depth,
            x: items.iter().map(|i| i.x).collect(),
            y: items.iter().map(|i| i.y).collect(),
            weight: items.iter().map(|i| i.weight).collect(),
            rank: items.iter().map(|i| i.rank).collect(),
            corners: vec![EMPTY; 2 << depth],
        };
        for leaf in tree.leaves() {
            tree.corners[leaf] = tree.range(leaf).fold(EMPTY, |c, i| {
                join(c, [tree.x[i], tree.y[i], tree.x[i], tree.y[i]])
            });
        }
        for node in (1..1 << depth).rev() {
            tree.corners[node] = join(tree.corners[2 * node], tree.corners[2 * node + 1]);
        }
        tree
    }

    pub(super) fn len(&self) -> usize {
        self.x.len()
    }

    /// One more than the last node.
    pub(super) fn nodes(&self) -> usize {
        2 << self.depth
    }

    pub(super) fn leaves(&self) -> Range<usize> {
        1 << self.depth..2 << self.depth
    }

    pub(super) fn is_leaf(&self, node: usize) -> bool {
        node >> self.depth != 0
    }

    /// The points of a node.
    pub(super) fn range(&self, node: usize) -> Range<usize> {
        let depth = node.ilog2();
        let place = node - (1 << depth);
        share(self.len(), place, depth)..share(self.len(), place + 1, depth)
    }

    /// The nodes that work is handed out by, in the order of their points.
    pub(super) fn tasks(&self) -> Range<usize> {
        let depth = self.depth.min(TASKS);
        1 << depth..2 << depth
    }

    /// A part of a list for each task.
    pub(super) fn parts<'a, T>(&self, mut rest: &'a mut [T]) -> Vec<&'a mut [T]> {
        let mut parts = Vec::new();
        for task in self.tasks() {
            let (part, after) = rest.split_at_mut(self.range(task).len());
            parts.push(part);
            rest = after;
        }
        parts
    }

    /// The leaves below a node.
    pub(super) fn leaves_of(&self, node: usize) -> Range<usize> {
        let down = self.depth - node.ilog2();
        node << down..(node + 1) << down
    }

    /// Squared distance of two points.
    #[inline]
    pub(super) fn distance_2(&self, a: usize, b: usize) -> f64 {
        let (dx, dy) = (self.x[a] - self.x[b], self.y[a] - self.y[b]);
        dx * dx + dy * dy
    }

    /// The longer side of a node's box.
    #[inline]
    pub(super) fn side(&self, node: usize) -> f64 {
        let [x0, y0, x1, y1] = self.corners[node];
        (x1 - x0).max(y1 - y0)
    }

    /// Least squared distance of a point from a node's box.
    #[inline]
    pub(super) fn to_node(&self, point: usize, node: usize) -> f64 {
        let (x, y) = (self.x[point], self.y[point]);
        let [x0, y0, x1, y1] = self.corners[node];
        let dx = (x0 - x).max(x - x1).max(0.0);
        let dy = (y0 - y).max(y - y1).max(0.0);
        dx * dx + dy * dy
    }

    /// Least squared distance of two nodes' boxes.
    #[inline]
    pub(super) fn between(&self, a: usize, b: usize) -> f64 {
        let (a, b) = (self.corners[a], self.corners[b]);
        let dx = (a[0] - b[2]).max(b[0] - a[2]).max(0.0);
        let dy = (a[1] - b[3]).max(b[1] - a[3]).max(0.0);
        dx * dx + dy * dy
    }

    /// Squared core distance of each point, and some of its nearest others.
    ///
    /// The core distance is the least radius within which the weights, the point's own among them,
    /// come to `min_samples`; it is no less than the resolution. All weights together must come to
    /// `min_samples`.
    pub(super) fn cores(&self, min_samples: u32, least_2: f64) -> (Vec<f64>, Near) {
        let stride = (min_samples as usize - 1).clamp(LEAST_NEAR, MOST_NEAR);
        let parts: Vec<(Vec<f64>, Vec<u32>)> = self
            .tasks()
            .into_par_iter()
            .map(|task| {
                let points = self.range(task).len();
                let mut cores = Vec::with_capacity(points);
                let mut near = Vec::with_capacity(points * stride);
                let mut found = Nearest::default();
                for leaf in self.leaves_of(task) {
                    for point in self.range(leaf) {
                        found.reset(self, point, min_samples);
                        self.search(leaf, point, &mut found);
                        cores.push(found.core_2(self, least_2));
                        let others = found.list.iter().map(|n| n.1);
                        near.extend(others.chain(std::iter::repeat(NONE)).take(stride));
                    }
                }
                (cores, near)
            })
            .collect();
        let mut cores = Vec::with_capacity(self.len());
        let mut near = Vec::with_capacity(self.len() * stride);
        for (c, n) in parts {
            cores.extend(c);
            near.extend(n);
        }
        (
            cores,
            Near {
                stride,
                point: near,
            },
        )
    }

    /// Finds what is nearest to a point of a leaf: its own leaf, then what lies beside it, and so up.
    fn search(&self, leaf: usize, point: usize, found: &mut Nearest) {
        let mut node = leaf;
        self.take(leaf, point, found);
        while node > 1 {
            let beside = node ^ 1;
            if self.to_node(point, beside) < found.bound {
                self.descend(beside, point, found);
            }
            node >>= 1;
        }
    }

    fn descend(&self, node: usize, point: usize, found: &mut Nearest) {
        if self.is_leaf(node) {
            self.take(node, point, found);
            return;
        }
        let (mut a, mut b) = (2 * node, 2 * node + 1);
        let (mut to_a, mut to_b) = (self.to_node(point, a), self.to_node(point, b));
        if to_b < to_a {
            (a, b, to_a, to_b) = (b, a, to_b, to_a);
        }
        if to_a < found.bound {
            self.descend(a, point, found);
        }
        if to_b < found.bound {
            self.descend(b, point, found);
        }
    }

    #[inline]
    fn take(&self, leaf: usize, point: usize, found: &mut Nearest) {
        let (x, y) = (self.x[point], self.y[point]);
        let range = self.range(leaf);
        let (xs, ys) = (&self.x[range.clone()], &self.y[range.clone()]);
        for ((px, py), other) in xs.iter().zip(ys).zip(range) {
            let (dx, dy) = (px - x, py - y);
            let d = dx * dx + dy * dy;
            if d < found.bound && other != point {
                found.add(self, d, other as u32);
            }
        }
    }
}

/// Some of each point's nearest others.
pub(super) struct Near {
    stride: usize,
    point: Vec<u32>,
}

impl Near {
    /// The nearest others of a point, nearest first; fewer than there is room for end in [`NONE`].
    pub(super) fn of(&self, point: usize) -> &[u32] {
        &self.point[point * self.stride..(point + 1) * self.stride]
    }
}

/// Fewest and most others that are kept of each point. They speed up the search for the tree's edges
/// and decide nothing.
const LEAST_NEAR: usize = 2;
const MOST_NEAR: usize = 12;

/// The nearest others of a point, as many as its core distance takes.
#[derive(Default)]
struct Nearest {
    /// Squared distance and point, nearest first.
    list: Vec<(f64, u32)>,
    /// Weight of the list.
    total: u64,
    /// Weight that it has to come to.
    need: u64,
    /// What is no nearer than this is of no use.
    bound: f64,
}

impl Nearest {
    fn reset(&mut self, tree: &Tree, point: usize, min_samples: u32) {
        self.list.clear();
        self.total = 0;
        self.need = u64::from(min_samples.saturating_sub(tree.weight[point]));
        self.bound = f64::INFINITY;
    }

    fn add(&mut self, tree: &Tree, d: f64, other: u32) {
        let mut at = self.list.len();
        self.list.push((d, other));
        while at > 0 && self.list[at - 1].0 > d {
            self.list[at] = self.list[at - 1];
            at -= 1;
        }
        self.list[at] = (d, other);
        self.total += u64::from(tree.weight[other as usize]);
        while let Some(&(_, last)) = self.list.last()
            && self.list.len() > LEAST_NEAR
            && self.total - u64::from(tree.weight[last as usize]) >= self.need
        {
            self.total -= u64::from(tree.weight[last as usize]);
            self.list.pop();
        }
        if self.total >= self.need && self.list.len() >= LEAST_NEAR {
            self.bound = self.list.last().map_or(f64::INFINITY, |l| l.0);
        }
    }

    /// What is kept beyond the need is there for the edges only.
    fn core_2(&self, tree: &Tree, least_2: f64) -> f64 {
        let (mut weight, mut core_2) = (0, 0.0);
        for &(d, other) in &self.list {
            if weight >= self.need {
                break;
            }
            weight += u64::from(tree.weight[other as usize]);
            core_2 = d;
        }
        least_2.max(core_2)
    }
}

const EMPTY: Corners = [
    f64::INFINITY,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NEG_INFINITY,
];

fn join(a: Corners, b: Corners) -> Corners {
    [
        a[0].min(b[0]),
        a[1].min(b[1]),
        a[2].max(b[2]),
        a[3].max(b[3]),
    ]
}

fn share(n: usize, place: usize, depth: u32) -> usize {
    ((n as u64 * place as u64) >> depth) as usize
}

/// Puts points into the order of the leaves: halves along the wider side, again and again.
fn arrange(items: &mut [Item], from: usize, n: usize, place: usize, at: u32, depth: u32) {
    if at == depth {
        return;
    }
    let corners = items
        .iter()
        .fold(EMPTY, |c, i| join(c, [i.x, i.y, i.x, i.y]));
    let middle = share(n, 2 * place + 1, at + 1) - from;
    if corners[2] - corners[0] >= corners[3] - corners[1] {
        items.select_nth_unstable_by(middle, |a, b| a.rank.cmp(&b.rank));
    } else {
        items.select_nth_unstable_by(middle, |a, b| a.y.total_cmp(&b.y).then(a.rank.cmp(&b.rank)));
    }
    let (low, high) = items.split_at_mut(middle);
    let apart = low.len() >= APART;
    let mut first = || arrange(low, from, n, 2 * place, at + 1, depth);
    let mut second = || arrange(high, from + middle, n, 2 * place + 1, at + 1, depth);
    if apart {
        rayon::join(first, second);
    } else {
        first();
        second();
    }
}
