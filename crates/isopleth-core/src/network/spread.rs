//! Kernels along a network, by following paths.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;

use super::{Network, Position, TICKS};
use crate::kernel::Kernel;
use crate::watch;

/// How a kernel goes on where edges meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Equal split, continuous: at a node where m edges meet, each of the others gets 2/m of what
    /// arrives, and 2/m − 1 goes back where it came from.
    Continuous,
    /// Equal split, discontinuous: each of the others gets 1/(m − 1); nothing goes back but at a dead
    /// end.
    Discontinuous(DeadEnds),
}

/// What a discontinuous kernel does at a dead end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeadEnds {
    /// It turns back, so that nothing is lost: what the continuous rule does there.
    Reflect,
    /// What arrives is lost, as in some programs.
    Absorb,
}

/// A kernel with its bandwidth and rule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The kernel.
    pub kernel: Kernel,
    /// Its bandwidth, in the unit of the network.
    pub bandwidth: f64,
    /// The rule.
    pub rule: Rule,
}

/// Weighted incidents at a position of a network.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Source {
    /// Where.
    pub at: Position,
    /// How many.
    pub weight: f64,
}

/// Densities at positions of a network.
#[derive(Debug, Clone, PartialEq)]
pub struct Density {
    /// Weight per unit of length, one for each position asked for.
    pub values: Vec<f64>,
    /// Largest share of one incident's mass that was left out with paths too faint to follow.
    pub left_out: f64,
    /// Paths followed.
    pub paths: u64,
}

/// There are too many paths to follow.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error(
    "more than {MAX_PATHS} paths of up to {reach} m lead away from one place, or {MAX_PATHS_OF_ALL} from all: the bandwidth is too wide for so dense a network; choose a narrower one, or a larger node_tolerance_m where streets have very short pieces"
)]
pub struct TooManyPaths {
    /// How far paths go.
    pub reach: f64,
}

/// Most paths followed from one place.
pub const MAX_PATHS: u64 = 2_000_000;

/// Most paths followed from all places together.
pub const MAX_PATHS_OF_ALL: u64 = 400_000_000;

/// Share of an incident's mass below which a path is not followed further.
const FAINT: f64 = 1e-7;

/// A path's length may be rounded so far, in bandwidths over its weight, to join it with others that
/// arrive at the same place: what a density changes by is some 1e-8 of the kernel's height.
const JOINING: f64 = 1e-8;

/// Sources dealt with at a time, so that what they give does not fill the memory.
const BATCH: usize = 4096;

/// What arrives: path length in ticks, the end of an edge that it arrives at, the bits of its weight.
type Arrival = Reverse<(i64, u32, u64)>;

/// The positions asked for, by edge.
struct Targets {
    starts: Vec<u32>,
    offset: Vec<f64>,
    id: Vec<u32>,
}

impl Targets {
    fn new(network: &Network, positions: &[Position]) -> Self {
        let mut order: Vec<u32> = (0..positions.len() as u32).collect();
        let edge = |i: &u32| positions[*i as usize].edge;
        order.sort_by_key(edge);
        Self {
            starts: (0..=network.len() as u32)
                .map(|e| order.partition_point(|i| edge(i) < e) as u32)
                .collect(),
            offset: order
                .iter()
                .map(|&i| positions[i as usize].offset)
                .collect(),
            id: order,
        }
    }
}

/// Working space of a thread.
struct Desk {
    value: Vec<f64>,
    touched: Vec<u32>,
    heap: BinaryHeap<Arrival>,
    left_out: f64,
}

/// What one source gives: values by the index in the targets.
struct Given {
    values: Vec<(u32, f64)>,
    left_out: f64,
    paths: u64,
}

impl Network {
    /// Densities at positions: the sum of what the sources spread along all paths that are no longer
    /// than the kernel reaches. Paths are enumerated, not only the shortest: round a block there are
    /// two ways to a place, and both count.
    ///
    /// Each source is followed on its own, nearest arrivals first; arrivals at the same end of an edge
    /// over paths of the same length go on as one.
    ///
    /// # Errors
    /// [`TooManyPaths`].
    pub fn density(
        &self,
        positions: &[Position],
        sources: &[Source],
        spread: Spread,
    ) -> Result<Density, TooManyPaths> {
        let targets = Targets::new(self, positions);
        let run = Run {
            network: self,
            targets: &targets,
            spread,
            height: spread.kernel.line_constant(),
            support: spread.kernel.support(),
            followed: AtomicU64::new(0),
        };
        let mut density = Density {
            values: vec![0.0; positions.len()],
            left_out: 0.0,
            paths: 0,
        };
        for batch in sources.chunks(BATCH) {
            let given: Vec<Result<Given, TooManyPaths>> = batch
                .par_iter()
                .with_min_len(32)
                .map_init(
                    || Desk {
                        value: vec![0.0; positions.len()],
                        touched: Vec::new(),
                        heap: BinaryHeap::new(),
                        left_out: 0.0,
                    },
                    |desk, source| {
                        watch::pass();
                        run.follow(source.at, desk)
                    },
                )
                .collect();
            // In the order of the sources, whoever was ready first.
            for (source, given) in batch.iter().zip(given) {
                let given = given?;
                for (slot, value) in given.values {
                    density.values[targets.id[slot as usize] as usize] +=
                        source.weight * value / spread.bandwidth;
                }
                density.left_out = density.left_out.max(given.left_out);
                density.paths += given.paths;
            }
        }
        if density.paths > MAX_PATHS_OF_ALL {
            return Err(TooManyPaths {
                reach: spread.bandwidth * run.support,
            });
        }
        Ok(density)
    }
}

struct Run<'a> {
    network: &'a Network,
    targets: &'a Targets,
    spread: Spread,
    height: f64,
    support: f64,
    /// Paths of the sources that are done: what exceeds the limit is given up early.
    followed: AtomicU64,
}

impl Run<'_> {
    fn follow(&self, from: Position, desk: &mut Desk) -> Result<Given, TooManyPaths> {
        if self.followed.load(Ordering::Relaxed) > MAX_PATHS_OF_ALL {
            return Err(TooManyPaths {
                reach: self.spread.bandwidth * self.support,
            });
        }
        let edge = self.network.edges[from.edge as usize];
        let behind = ((from.offset * TICKS).round() as i64).clamp(0, edge.ticks);
        let ahead = edge.ticks - behind;
        let start = 2 * from.edge;
        let at_node = match self.spread.rule {
            Rule::Continuous => None,
            Rule::Discontinuous(dead_ends) if behind == 0 => Some((0, dead_ends)),
            Rule::Discontinuous(dead_ends) if ahead == 0 => Some((1, dead_ends)),
            Rule::Discontinuous(_) => None,
        };
        desk.left_out = 0.0;
        if let Some((side, dead_ends)) = at_node {
            // On a node no edge is the one that it came by: all get the same.
            let ends = self.network.ends_at(edge.junctions[side]);
            let share = match (ends.len(), dead_ends) {
                (1, DeadEnds::Absorb) => 1.0,
                (m, _) => 2.0 / m as f64,
            };
            for &end in ends {
                self.traverse(end, 0, share, desk);
            }
        } else {
            for slot in self.slots(from.edge) {
                let d = (self.targets.offset[slot] - from.offset).abs();
                self.add(slot, d, 1.0, desk);
            }
            self.arrive(start, behind, 1.0, desk);
            self.arrive(start + 1, ahead, 1.0, desk);
        }
        let mut paths = 0;
        while let Some(Reverse((ticks, end, bits))) = desk.heap.pop() {
            let mut weight = f64::from_bits(bits);
            while let Some(&Reverse((t, e, b))) = desk.heap.peek()
                && (t, e) == (ticks, end)
            {
                weight += f64::from_bits(b);
                desk.heap.pop();
            }
            paths += 1;
            if paths > MAX_PATHS {
                desk.heap.clear();
                for slot in desk.touched.drain(..) {
                    desk.value[slot as usize] = 0.0;
                }
                return Err(TooManyPaths {
                    reach: self.spread.bandwidth * self.support,
                });
            }
            self.turn(end, ticks, weight, desk);
        }
        self.followed.fetch_add(paths, Ordering::Relaxed);
        desk.touched.sort_unstable();
        desk.touched.dedup();
        let values = desk
            .touched
            .drain(..)
            .map(|slot| (slot, std::mem::take(&mut desk.value[slot as usize])))
            .collect();
        Ok(Given {
            values,
            left_out: desk.left_out,
            paths,
        })
    }

    /// Goes on from the end of an edge into the edges that meet there.
    fn turn(&self, end: u32, ticks: i64, weight: f64, desk: &mut Desk) {
        let edge = self.network.edges[(end / 2) as usize];
        let ends = self.network.ends_at(edge.junctions[(end % 2) as usize]);
        let m = ends.len() as f64;
        match self.spread.rule {
            Rule::Continuous => {
                for &next in ends {
                    let share = 2.0 / m - f64::from(u8::from(next == end));
                    if share != 0.0 {
                        self.traverse(next, ticks, weight * share, desk);
                    }
                }
            }
            Rule::Discontinuous(dead_ends) if ends.len() == 1 => {
                if dead_ends == DeadEnds::Reflect {
                    self.traverse(end, ticks, weight, desk);
                }
            }
            Rule::Discontinuous(_) => {
                for &next in ends.iter().filter(|n| **n != end) {
                    self.traverse(next, ticks, weight / (m - 1.0), desk);
                }
            }
        }
    }

    /// Goes along an edge, in at one end and on to the other.
    fn traverse(&self, into: u32, ticks: i64, weight: f64, desk: &mut Desk) {
        let edge = self.network.edges[(into / 2) as usize];
        let so_far = ticks as f64 / TICKS;
        for slot in self.slots(into / 2) {
            let offset = self.targets.offset[slot];
            let d = if into.is_multiple_of(2) {
                offset
            } else {
                edge.length - offset
            };
            self.add(slot, so_far + d, weight, desk);
        }
        self.arrive(into ^ 1, ticks + edge.ticks, weight, desk);
    }

    fn slots(&self, edge: u32) -> std::ops::Range<usize> {
        let e = edge as usize;
        self.targets.starts[e] as usize..self.targets.starts[e + 1] as usize
    }

    /// Adds the kernel at a distance, times the bandwidth.
    fn add(&self, slot: usize, distance: f64, weight: f64, desk: &mut Desk) {
        let u = distance / self.spread.bandwidth;
        if u < self.support {
            if desk.value[slot] == 0.0 {
                desk.touched.push(slot as u32);
            }
            desk.value[slot] += weight * self.height * self.spread.kernel.at(u * u);
        }
    }

    /// Notes an arrival at the end of an edge, if what is left of the kernel there is worth it.
    fn arrive(&self, end: u32, ticks: i64, weight: f64, desk: &mut Desk) {
        let h = self.spread.bandwidth;
        let u = ticks as f64 / TICKS / h;
        if u >= self.support {
            return;
        }
        // Kernels fall: the mass beyond u is no more than this.
        let mass = weight.abs() * self.height * self.spread.kernel.at(u * u) * (self.support - u);
        if mass < FAINT {
            desk.left_out += mass;
            return;
        }
        // Faint paths are many, and joined on a grid of lengths that is the coarser the fainter.
        let loose = (JOINING * h * TICKS / weight.abs()) as i64;
        let ticks = if loose > 1 {
            let step = 1_i64 << loose.ilog2();
            (ticks + step / 2) / step * step
        } else {
            ticks
        };
        desk.heap.push(Reverse((ticks, end, weight.to_bits())));
    }
}
