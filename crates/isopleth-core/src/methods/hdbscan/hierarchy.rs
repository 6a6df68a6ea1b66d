//! From the spanning tree to clusters: the hierarchy, its condensed form, and the choice among it.
//!
//! Merges at one distance are one merge, whatever the order of the edges: a hierarchy of components,
//! which no choice among edges of one length can change. A point of weight `n` stands for `n`
//! incidents that are one component from their core distance up and noise below it.

use super::clusters::{Branch, NOISE, Options, Pick};
use super::spanning::Edge;
use super::tree::Tree;

/// No cluster above.
const TOP: u32 = u32::MAX;

/// The binary tree of merges: points, then merges in the order of their distance.
struct Merges {
    points: usize,
    children: Vec<[u32; 2]>,
    /// Squared distance of each merge.
    at_2: Vec<f64>,
    weight: Vec<u64>,
}

impl Merges {
    fn new(edges: &[Edge], weights: &[u32], least_2: f64) -> Self {
        let points = weights.len();
        let mut merges = Self {
            points,
            children: Vec::with_capacity(edges.len()),
            at_2: Vec::with_capacity(edges.len()),
            weight: weights.iter().map(|&w| w.into()).collect(),
        };
        merges.weight.reserve(edges.len());
        // By root of a set of points: the merge that made it.
        let mut made: Vec<u32> = (0..points as u32).collect();
        let mut parent: Vec<u32> = (0..points as u32).collect();
        let root = |parent: &mut Vec<u32>, mut at: u32| {
            while parent[at as usize] != at {
                parent[at as usize] = parent[parent[at as usize] as usize];
                at = parent[at as usize];
            }
            at
        };
        for (edge, merge) in edges.iter().zip(points as u32..) {
            let (a, b) = (root(&mut parent, edge.a), root(&mut parent, edge.b));
            let (x, y) = (made[a as usize], made[b as usize]);
            let weight = merges.weight[x as usize] + merges.weight[y as usize];
            merges.children.push([x, y]);
            merges.at_2.push(edge.reach_2.max(least_2));
            merges.weight.push(weight);
            parent[a.max(b) as usize] = a.min(b);
            made[a.min(b) as usize] = merge;
        }
        merges
    }

    /// The children of a merge; `None` for a point.
    fn children(&self, node: u32) -> Option<[u32; 2]> {
        self.children
            .get((node as usize).wrapping_sub(self.points))
            .copied()
    }
}

/// A cluster of the condensed hierarchy. Those above come before those below.
struct Condensed {
    above: u32,
    /// 1 over the distance that it becomes a cluster of its own at.
    born: f64,
    /// The squared distance that it becomes a cluster of its own at.
    born_2: f64,
    /// The squared distance that it splits or dissolves at.
    ended_2: f64,
    /// The squared distance that all of it is connected at.
    joined_2: f64,
    stability: f64,
    /// Its first point in the order by x, then y.
    first: u32,
}

/// The condensed hierarchy: its clusters, and for each point the cluster that it leaves as noise, and
/// 1 over the distance at which it does.
struct Condensation {
    clusters: Vec<Condensed>,
    left: Vec<(u32, f64)>,
}

/// What became of each point, in the order of the tree.
pub(super) struct Chosen {
    pub(super) label: Vec<u32>,
    pub(super) membership: Vec<f64>,
    pub(super) branches: Vec<Branch>,
}

/// Condenses the hierarchy and chooses clusters.
pub(super) fn choose(tree: &Tree, cores: &[f64], edges: &[Edge], options: &Options) -> Chosen {
    let least_2 = options.resolution * options.resolution;
    let merges = Merges::new(edges, &tree.weight, least_2);
    let condensation = condense(&merges, cores, options.min_cluster_size.into(), &tree.rank);
    let selected = select(&condensation.clusters, options);
    labels(tree, &condensation, &selected, options)
}

/// 1 over a distance.
fn density(distance_2: f64) -> f64 {
    1.0 / distance_2.sqrt()
}

fn condense(merges: &Merges, cores: &[f64], min_size: u64, rank: &[u32]) -> Condensation {
    let points = merges.points;
    let top = (merges.weight.len() - 1) as u32;
    let squared = |node: u32| match (node as usize).checked_sub(points) {
        Some(merge) => merges.at_2[merge],
        None => cores[node as usize],
    };
    let cluster = |above: u32, born_2: f64, node: u32| Condensed {
        above,
        born: density(born_2),
        born_2,
        ended_2: born_2,
        joined_2: squared(node),
        stability: 0.0,
        first: u32::MAX,
    };
    let mut clusters = vec![cluster(TOP, f64::INFINITY, top)];
    let mut left = vec![(0, 0.0); points];
    let mut todo = vec![(top, 0_u32)];
    let (mut parts, mut big, mut small) = (Vec::new(), Vec::new(), Vec::new());
    while let Some((node, of)) = todo.pop() {
        let at_2 = squared(node);
        let at = density(at_2);
        big.clear();
        small.clear();
        match merges.children(node) {
            None => small.push(node),
            Some(children) => parts.extend(children),
        }
        // What merges at one distance comes apart at one.
        while let Some(part) = parts.pop() {
            match merges.children(part) {
                Some(children) if squared(part) >= at_2 => parts.extend(children),
                _ if merges.weight[part as usize] >= min_size && squared(part) < at_2 => {
                    big.push(part);
                }
                _ => small.push(part),
            }
        }
        let kept: u64 = match big.as_slice() {
            &[one] => merges.weight[one as usize],
            _ => 0,
        };
        let here = &mut clusters[of as usize];
        // One sum for each distance, so that no order of parts shows in it.
        here.stability += (merges.weight[node as usize] - kept) as f64 * (at - here.born);
        here.ended_2 = at_2;
        if let &[one] = big.as_slice() {
            todo.push((one, of));
        } else {
            for &part in &big {
                todo.push((part, clusters.len() as u32));
                clusters.push(cluster(of, at_2, part));
            }
        }
        while let Some(part) = small.pop() {
            match merges.children(part) {
                Some(children) => small.extend(children),
                None => {
                    left[part as usize] = (of, at);
                    let first = &mut clusters[of as usize].first;
                    *first = rank[part as usize].min(*first);
                }
            }
        }
    }
    for c in (1..clusters.len()).rev() {
        let (above, first) = (clusters[c].above as usize, clusters[c].first);
        clusters[above].first = first.min(clusters[above].first);
    }
    Condensation { clusters, left }
}

/// Which clusters are chosen.
fn select(clusters: &[Condensed], options: &Options) -> Vec<bool> {
    let mut below = vec![Vec::new(); clusters.len()];
    for (c, cluster) in clusters.iter().enumerate().skip(1) {
        below[cluster.above as usize].push(c);
    }
    for list in &mut below {
        list.sort_unstable_by_key(|&c| clusters[c].first);
    }
    let may = |c: usize| c > 0 || options.allow_single_cluster;
    let mut selected = vec![false; clusters.len()];
    match options.selection {
        Pick::Leaf => {
            for c in 0..clusters.len() {
                selected[c] = below[c].is_empty() && may(c);
            }
        }
        Pick::Eom => {
            // The most that can be had from a cluster and those below it.
            let mut most = vec![0.0; clusters.len()];
            for c in (0..clusters.len()).rev() {
                let parts: f64 = below[c].iter().map(|&b| most[b]).sum();
                selected[c] = may(c) && clusters[c].stability >= parts;
                most[c] = if selected[c] {
                    clusters[c].stability
                } else {
                    parts
                };
            }
        }
    }
    keep_highest(clusters, &mut selected);
    if options.selection_epsilon > 0.0 {
        // A cluster that is born below the distance gives way to the nearest above that is not.
        for c in (1..clusters.len()).rev() {
            if !selected[c] || clusters[c].born_2.sqrt() >= options.selection_epsilon {
                continue;
            }
            let above = clusters[c].above as usize;
            if may(above) {
                selected[c] = false;
                selected[above] = true;
            }
        }
        keep_highest(clusters, &mut selected);
    }
    selected
}

/// Drops what lies below another that is chosen.
fn keep_highest(clusters: &[Condensed], selected: &mut [bool]) {
    let mut covered = vec![false; clusters.len()];
    for c in 1..clusters.len() {
        let above = clusters[c].above as usize;
        covered[c] = covered[above] || selected[above];
        selected[c] &= !covered[c];
    }
}

fn labels(
    tree: &Tree,
    condensation: &Condensation,
    selected: &[bool],
    options: &Options,
) -> Chosen {
    let clusters = &condensation.clusters;
    let mut order: Vec<usize> = (0..clusters.len()).filter(|&c| selected[c]).collect();
    order.sort_unstable_by_key(|&c| clusters[c].first);
    let ended: Vec<f64> = order
        .iter()
        .map(|&c| density(clusters[c].ended_2))
        .collect();
    let mut branches: Vec<Branch> = Vec::with_capacity(order.len());
    // By cluster: the label of the chosen one that it is or lies below.
    let mut label_of = vec![NOISE; clusters.len()];
    for (&c, label) in order.iter().zip(0..) {
        label_of[c] = label;
        let cluster = &clusters[c];
        branches.push(Branch {
            weight: 0,
            points: 0,
            stability: cluster.stability,
            connected_at: cluster.joined_2.sqrt(),
            separate_at: cluster.born_2.sqrt(),
            ends_at: cluster.ended_2.sqrt(),
        });
    }
    for c in 1..clusters.len() {
        if label_of[c] == NOISE {
            label_of[c] = label_of[clusters[c].above as usize];
        }
    }
    // The whole set as one cluster holds, with a distance given, what is connected at it.
    let within = if selected[0] && options.selection_epsilon > 0.0 {
        if let Some(all) = branches.first_mut() {
            all.connected_at = all.connected_at.min(options.selection_epsilon);
        }
        1.0 / options.selection_epsilon
    } else {
        0.0
    };
    let mut label = vec![NOISE; tree.len()];
    let mut membership = vec![0.0; tree.len()];
    for (i, &(cluster, left)) in condensation.left.iter().enumerate() {
        let found = label_of[cluster as usize];
        if found == NOISE || left < within {
            continue;
        }
        label[i] = found;
        let branch = &mut branches[found as usize];
        membership[i] = (left / ended[found as usize]).min(1.0);
        branch.weight += u64::from(tree.weight[i]);
        branch.points += 1;
    }
    Chosen {
        label,
        membership,
        branches,
    }
}
