//! Every window of every circle, most of them many at a time.
//!
//! A place's cases are kept as running totals over time, a window's count being the difference of two,
//! so that the totals of a circle are those of its places added up, and the windows of one length are
//! one pass over them, many side by side in whole numbers of as few bits as the counts need. A
//! window can win only if its ratio beats the best so far. Circles around one centre hold each
//! other, and so do windows of one beginning: of a block of circles and lengths the greatest count is
//! that of the largest, and what is expected is least in the smallest. Where even the greatest count
//! with the least expectation would not win, none of the block is looked at one by one. Nothing that
//! could win is passed over: the maximum is that of all windows, to the last bit.

use multiversion::multiversion;

use super::circles::Circles;
use super::likelihood::{Kind, Likelihood};
use super::study::{Ends, Null, Study, Time, Windows};
use crate::watch;

/// Windows side by side.
const LANES: usize = 64;

/// Coarse steps that tell how many bits a count needs.
const COARSE: usize = 16;

/// Circles of a block hold at most so many times the weight of its smallest.
const WEIGHT_RATIO: f64 = 1.3;

/// Lengths of a group are at most so many times its shortest.
const LENGTH_RATIO: f64 = 1.35;

/// A whole number that counts wrap around in.
trait Lane: Copy + Ord {
    const ZERO: Self;
    fn plus(self, other: Self) -> Self;
    fn minus(self, other: Self) -> Self;
    fn of(n: u32) -> Self;
    fn count(self) -> usize;
}

macro_rules! lane {
    ($($t:ty),*) => {$(
        impl Lane for $t {
            const ZERO: Self = 0;
            #[inline(always)]
            fn plus(self, other: Self) -> Self {
                self.wrapping_add(other)
            }
            #[inline(always)]
            fn minus(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }
            #[inline(always)]
            fn of(n: u32) -> Self {
                n as $t
            }
            #[inline(always)]
            fn count(self) -> usize {
                self as usize
            }
        }
    )*};
}

lane!(u8, u16, u32);

/// Circles around one centre that are looked at together.
#[derive(Debug, Clone, Copy)]
struct Block {
    /// First and one after the last, by their numbers among all circles.
    circles: (usize, usize),
}

/// Lengths of windows that are looked at together.
#[derive(Debug, Clone, Copy)]
struct Group {
    shortest: usize,
    longest: usize,
}

/// How much is usual in a window.
#[derive(Debug)]
enum Measure {
    /// A circle's part times a window's.
    Product {
        /// Weight of each circle.
        weights: Vec<f64>,
        /// Running totals over time.
        time: Vec<f64>,
        /// Least of each length, from 0.
        least: Vec<f64>,
        /// What the product is divided by.
        divisor: f64,
    },
    /// Cases and controls.
    Points {
        /// Running totals of each place.
        rows: Vec<u32>,
        /// Least of each block and group.
        least: Vec<f64>,
    },
}

/// A study made ready to be scanned again and again.
#[derive(Debug)]
pub(super) struct Scanner {
    pub(super) circles: Circles,
    likelihood: Likelihood,
    measure: Measure,
    blocks: Vec<Block>,
    /// Where each centre's blocks begin.
    firsts: Vec<usize>,
    groups: Vec<Group>,
    steps: usize,
    /// First step after the earliest end of a window, of what is observed and of what chance makes.
    ends: (usize, usize),
    /// Length of a row, padded so that whole lanes can be read from everywhere.
    stride: usize,
}

/// Cases by place: the steps of each.
#[derive(Debug, Clone, Default)]
pub(super) struct Cases {
    /// Where each place's begin.
    pub(super) starts: Vec<u32>,
    /// Their steps, in any order.
    pub(super) steps: Vec<u16>,
}

impl Cases {
    /// Sorted by place.
    pub(super) fn new(places: usize, cases: &[(u32, u32)]) -> Self {
        let mut starts = vec![0_u32; places + 1];
        for &(place, _) in cases {
            starts[place as usize + 1] += 1;
        }
        for p in 0..places {
            starts[p + 1] += starts[p];
        }
        let mut cursor = starts.clone();
        let mut steps = vec![0; cases.len()];
        for &(place, step) in cases {
            let at = &mut cursor[place as usize];
            steps[*at as usize] = step as u16;
            *at += 1;
        }
        Self { starts, steps }
    }

    fn at(&self, place: usize) -> &[u16] {
        &self.steps[self.starts[place] as usize..self.starts[place + 1] as usize]
    }
}

/// The window of the highest ratio; of equal ones that with the fewest places, then steps, then the
/// earliest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Best {
    pub(super) ratio: f64,
    pub(super) count: usize,
    pub(super) measure: f64,
    /// Number among the circles of its centre.
    pub(super) circle: usize,
    pub(super) start: usize,
    pub(super) end: usize,
}

const NOTHING: Best = Best {
    ratio: 0.0,
    count: 0,
    measure: 0.0,
    circle: 0,
    start: 0,
    end: 0,
};

/// Memory of one thread.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    bytes: Rows<u8>,
    shorts: Rows<u16>,
    words: Rows<u32>,
    coarse: Vec<[u32; COARSE]>,
    sorted: Vec<u16>,
    points: Vec<u32>,
}

/// Running totals of every place, and of a circle.
#[derive(Debug, Default)]
struct Rows<T> {
    places: Vec<T>,
    circle: Vec<T>,
    before: Vec<T>,
}

impl Scanner {
    pub(super) fn new(study: &Study, windows: &Windows) -> Result<Self, super::study::StudyError> {
        study.check(windows)?;
        let weights = study.weights();
        let circles = Circles::new(
            &study.points,
            &weights,
            windows.max_radius,
            windows.max_share,
        )?;
        let steps = study.steps;
        let ends = match windows.ends {
            Ends::Any => (windows.steps.0, windows.steps.0),
            Ends::Last { first_look: None } => (steps, steps),
            Ends::Last {
                first_look: Some(step),
            } => (steps, step + 1),
        };
        let groups = groups(windows.steps);
        let total = study.cases.len() as f64;
        let of_circles = sums(&circles, &weights);
        let (blocks, firsts) = blocks(&circles, &of_circles);
        let most = most_expected(study, &of_circles);
        let (kind, whole, measure) = match &study.null {
            Null::Permutation => (
                Kind::Poisson,
                total,
                product(of_circles, observed_time(study), total, windows, ends.1),
            ),
            Null::Poisson { population, time } => {
                let (time, span) = match time {
                    Time::Even(lengths) => (lengths.clone(), lengths.iter().sum::<f64>()),
                    Time::Observed => (observed_time(study), total),
                };
                let divisor = population.iter().sum::<f64>() * span / total;
                (
                    Kind::Poisson,
                    total,
                    product(of_circles, time, divisor, windows, ends.1),
                )
            }
            Null::Bernoulli { controls } => {
                let all: Vec<(u32, u32)> = study.cases.iter().chain(controls).copied().collect();
                let rows = running_totals(&Cases::new(study.points.len(), &all), steps);
                let least = least_points(&circles, &blocks, &groups, &rows, steps, ends.1);
                (
                    Kind::Bernoulli,
                    all.len() as f64,
                    Measure::Points { rows, least },
                )
            }
        };
        Ok(Self {
            circles,
            likelihood: Likelihood::new(
                kind,
                study.cases.len() as u64,
                whole,
                windows.min_count,
                most,
            ),
            measure,
            blocks,
            firsts,
            groups,
            steps,
            ends,
            stride: (steps + 1 + LANES).next_multiple_of(LANES),
        })
    }

    /// Windows that are looked at among all circles.
    pub(super) fn windows(&self) -> u64 {
        let lengths = self.groups.iter().flat_map(|g| g.shortest..=g.longest);
        let of_one: u64 = lengths
            .map(|l| {
                let first = self.ends.0.saturating_sub(l);
                (self.steps + 1 - l - first) as u64
            })
            .sum();
        of_one * self.circles.len() as u64
    }

    /// The highest ratio of all windows, as chance is looked at.
    pub(super) fn maximum(&self, cases: &Cases, scratch: &mut Scratch) -> f64 {
        self.best(cases, self.ends.1, scratch, None).ratio
    }

    /// The window of the highest ratio around each centre, as what is observed is looked at.
    pub(super) fn best_of_each(&self, cases: &Cases) -> Vec<Best> {
        let mut each = Vec::with_capacity(self.circles.centres());
        self.best(cases, self.ends.0, &mut Scratch::default(), Some(&mut each));
        each
    }

    fn best(
        &self,
        cases: &Cases,
        ends_from: usize,
        scratch: &mut Scratch,
        each: Option<&mut Vec<Best>>,
    ) -> Best {
        let points = &mut scratch.points;
        match self.most_in_a_window(cases, &mut scratch.coarse) {
            0..=255 => {
                scratch.bytes.fill(self, cases, &mut scratch.sorted);
                look(self, &mut scratch.bytes, ends_from, points, each)
            }
            256..=65_535 => {
                scratch.shorts.fill(self, cases, &mut scratch.sorted);
                look(self, &mut scratch.shorts, ends_from, points, each)
            }
            _ => {
                scratch.words.fill(self, cases, &mut scratch.sorted);
                look(self, &mut scratch.words, ends_from, points, each)
            }
        }
    }

    /// No window holds more cases than this.
    fn most_in_a_window(&self, cases: &Cases, coarse: &mut Vec<[u32; COARSE]>) -> u32 {
        let longest = self.groups.last().map_or(1, |g| g.longest);
        let width = longest.max(self.steps.div_ceil(COARSE)) as u16;
        coarse.clear();
        coarse.resize(self.circles.centres(), [0; COARSE]);
        for (place, row) in coarse.iter_mut().enumerate() {
            for &step in cases.at(place) {
                row[usize::from(step / width)] += 1;
            }
        }
        let mut most = 0;
        for centre in 0..self.circles.centres() {
            let mut sums = [0_u32; COARSE];
            for &place in self.circles.places(centre) {
                for (sum, n) in sums.iter_mut().zip(&coarse[place as usize]) {
                    *sum += n;
                }
            }
            // A window meets at most two coarse steps.
            for pair in sums.windows(2) {
                most = most.max(pair[0] + pair[1]);
            }
        }
        most
    }

    /// The weight of a circle, or the cases and controls in it.
    pub(super) fn weight(&self, centre: usize, circle: usize, weights: &[f64]) -> f64 {
        let size = self.circles.sizes(centre)[circle] as usize;
        let places = &self.circles.places(centre)[..size];
        places.iter().map(|&p| weights[p as usize]).sum()
    }
}

/// Counts worth keeping limits for: few windows hold more.
fn most_expected(study: &Study, weights: &[f64]) -> u64 {
    let all: f64 = study.weights().iter().sum();
    let most = weights.iter().copied().fold(0.0, f64::max);
    let cases = study.cases.len() as u64;
    match study.null {
        Null::Permutation => most as u64,
        _ => ((most / all * cases as f64 * 2.0) as u64 + 100).min(cases),
    }
}

/// Number of cases of each step, over all places.
fn observed_time(study: &Study) -> Vec<f64> {
    let mut time = vec![0.0; study.steps];
    for &(_, step) in &study.cases {
        time[step as usize] += 1.0;
    }
    time
}

fn product(
    weights: Vec<f64>,
    time: Vec<f64>,
    divisor: f64,
    windows: &Windows,
    ends_from: usize,
) -> Measure {
    let mut sum = 0.0;
    let mut totals = vec![0.0];
    totals.extend(time.iter().map(|t| {
        sum += t;
        sum
    }));
    let least = (0..=windows.steps.1)
        .map(|length| {
            let starts = ends_from.saturating_sub(length)..=time.len() - length;
            starts
                .map(|s| totals[s + length] - totals[s])
                .fold(f64::INFINITY, f64::min)
        })
        .collect();
    Measure::Product {
        weights,
        time: totals,
        least,
        divisor,
    }
}

/// The weights of all circles.
fn sums(circles: &Circles, weights: &[f64]) -> Vec<f64> {
    let mut sums = Vec::with_capacity(circles.len());
    for centre in 0..circles.centres() {
        let places = circles.places(centre);
        let (mut sum, mut done) = (0.0, 0);
        for &size in circles.sizes(centre) {
            for &p in &places[done..size as usize] {
                sum += weights[p as usize];
            }
            done = size as usize;
            sums.push(sum);
        }
    }
    sums
}

/// Lengths in groups of about one ratio.
fn groups((least, most): (usize, usize)) -> Vec<Group> {
    let mut groups = Vec::new();
    let mut shortest = least;
    while shortest <= most {
        let longest = ((shortest as f64 * LENGTH_RATIO) as usize).min(most);
        groups.push(Group { shortest, longest });
        shortest = longest + 1;
    }
    groups
}

/// Circles of each centre in blocks of about one ratio of weight.
fn blocks(circles: &Circles, weights: &[f64]) -> (Vec<Block>, Vec<usize>) {
    let (mut blocks, mut firsts) = (Vec::new(), vec![0]);
    for centre in 0..circles.centres() {
        let mut first = circles.first(centre);
        let end = first + circles.sizes(centre).len();
        while first < end {
            let most = weights[first] * WEIGHT_RATIO;
            let more = weights[first..end].iter().take_while(|&&w| w <= most);
            let after = first + more.count().max(1);
            blocks.push(Block {
                circles: (first, after),
            });
            first = after;
        }
        firsts.push(blocks.len());
    }
    (blocks, firsts)
}

/// Running totals of each place: from 0 up to, but not including, each step and the end.
fn running_totals(cases: &Cases, steps: usize) -> Vec<u32> {
    let places = cases.starts.len() - 1;
    let mut rows = vec![0; places * (steps + 1)];
    for (place, row) in rows.chunks_exact_mut(steps + 1).enumerate() {
        for &step in cases.at(place) {
            row[usize::from(step) + 1] += 1;
        }
        for t in 0..steps {
            row[t + 1] += row[t];
        }
    }
    rows
}

/// The fewest cases and controls in a window of each group within the smallest circle of each block.
fn least_points(
    circles: &Circles,
    blocks: &[Block],
    groups: &[Group],
    rows: &[u32],
    steps: usize,
    ends_from: usize,
) -> Vec<f64> {
    use rayon::prelude::*;
    let mut firsts = Vec::with_capacity(blocks.len());
    let mut centre = 0;
    for block in blocks {
        while circles.first(centre + 1) <= block.circles.0 {
            centre += 1;
        }
        firsts.push((centre, block.circles.0 - circles.first(centre)));
    }
    let of_block = |&(centre, circle): &(usize, usize)| {
        watch::pass();
        let size = circles.sizes(centre)[circle] as usize;
        let mut totals = vec![0_u32; steps + 1];
        for &place in &circles.places(centre)[..size] {
            add_points(&mut totals, rows, place);
        }
        let least = |g: &Group| {
            let length = g.shortest;
            let starts = ends_from.saturating_sub(length)..=steps - length;
            let points = starts.map(|s| totals[s + length] - totals[s]);
            f64::from(points.min().unwrap_or(0))
        };
        groups.iter().map(least).collect::<Vec<f64>>()
    };
    firsts.par_iter().map(of_block).collect::<Vec<_>>().concat()
}

fn add_points(totals: &mut [u32], rows: &[u32], place: u32) {
    let row = &rows[place as usize * totals.len()..];
    for (total, n) in totals.iter_mut().zip(row) {
        *total += n;
    }
}

impl<T: Lane> Rows<T> {
    /// The running totals of all places.
    fn fill(&mut self, scanner: &Scanner, cases: &Cases, sorted: &mut Vec<u16>) {
        let stride = scanner.stride;
        let places = scanner.circles.centres();
        self.places.resize(places * stride, T::ZERO);
        for (place, row) in self.places.chunks_exact_mut(stride).enumerate() {
            sorted.clear();
            sorted.extend_from_slice(cases.at(place));
            sorted.sort_unstable();
            let mut from = 0;
            for (n, &step) in (0..).zip(sorted.iter()) {
                let to = usize::from(step) + 1;
                row[from..to].fill(T::of(n));
                from = to;
            }
            // Beyond the last step as at it: windows that reach there hold no more than shorter ones.
            row[from..].fill(T::of(sorted.len() as u32));
        }
        self.circle.resize(stride, T::ZERO);
        self.before.resize(stride, T::ZERO);
    }
}

#[inline(always)]
fn add<T: Lane>(sums: &mut [T], row: &[T]) {
    for (sums, row) in sums.chunks_exact_mut(LANES).zip(row.chunks_exact(LANES)) {
        for (sum, n) in sums.iter_mut().zip(row) {
            *sum = sum.plus(*n);
        }
    }
}

/// The greatest count of the windows of a length that begin at a step or later.
#[inline(always)]
fn greatest<T: Lane>(totals: &[T], from: usize, length: usize, steps: usize) -> usize {
    let n = (steps + 1 - length - from).next_multiple_of(LANES);
    // One running maximum: an array of them is not sure to stay in registers.
    totals[from..from + n]
        .iter()
        .zip(&totals[from + length..from + length + n])
        .fold(T::ZERO, |most, (begin, end)| most.max(end.minus(*begin)))
        .count()
}

/// The best window so far, and what a better one needs.
struct Leader<'a> {
    likelihood: &'a Likelihood,
    best: Best,
    limits: &'a [f64],
}

impl<'a> Leader<'a> {
    fn new(likelihood: &'a Likelihood) -> Self {
        Self {
            likelihood,
            best: NOTHING,
            limits: likelihood.limits(NOTHING.ratio),
        }
    }

    /// Whether a window of so many cases could win if this were usual.
    #[inline(always)]
    fn could_win(&self, count: usize, measure: f64) -> bool {
        match self.limits.get(count) {
            Some(limit) => measure < *limit,
            None => count >= self.likelihood.min_count,
        }
    }

    /// Takes a window if it is better.
    #[inline(always)]
    fn take(&mut self, count: usize, measure: f64, circle: usize, start: usize, end: usize) {
        if !self.could_win(count, measure) {
            return;
        }
        let ratio = self.likelihood.of(count as f64, measure);
        if ratio > self.best.ratio {
            self.best = Best {
                ratio,
                count,
                measure,
                circle,
                start,
                end,
            };
            self.limits = self.likelihood.limits(ratio);
        }
    }
}

/// The cases and controls of a circle, added up only if they are asked for.
struct Points<'a> {
    totals: &'a mut Vec<u32>,
    /// How many of the centre's places are in.
    inside: usize,
}

impl Points<'_> {
    fn grow(&mut self, rows: &[u32], places: &[u32], size: usize, steps: usize) {
        if self.inside == 0 {
            self.totals.clear();
            self.totals.resize(steps + 1, 0);
        }
        for &place in &places[self.inside..size] {
            add_points(self.totals, rows, place);
        }
        self.inside = size;
    }
}

/// The best window of all, or of each centre.
#[multiversion(targets(
    "x86_64+avx+avx2+avx512f+avx512bw+avx512cd+avx512dq+avx512vl",
    "x86_64+avx+avx2"
))]
fn look<T: Lane>(
    scanner: &Scanner,
    rows: &mut Rows<T>,
    ends_from: usize,
    points: &mut Vec<u32>,
    mut each: Option<&mut Vec<Best>>,
) -> Best {
    let (circles, steps, stride) = (&scanner.circles, scanner.steps, scanner.stride);
    let row = |place: u32| place as usize * stride..(place as usize + 1) * stride;
    let mut leader = Leader::new(&scanner.likelihood);
    for centre in 0..circles.centres() {
        if each.is_some() {
            leader = Leader::new(&scanner.likelihood);
        }
        let (places, sizes) = (circles.places(centre), circles.sizes(centre));
        let first = circles.first(centre);
        let mut points = Points {
            totals: &mut *points,
            inside: 0,
        };
        rows.circle.fill(T::ZERO);
        let mut inside = 0;
        let blocks = scanner.firsts[centre]..scanner.firsts[centre + 1];
        for (b, block) in blocks.clone().zip(&scanner.blocks[blocks]) {
            let (smallest, after) = block.circles;
            let mut counted = inside;
            rows.before.copy_from_slice(&rows.circle);
            let size = sizes[after - 1 - first] as usize;
            for &place in &places[inside..size] {
                add(&mut rows.circle, &rows.places[row(place)]);
            }
            inside = size;
            let mut open = 0_u64;
            for (g, group) in scanner.groups.iter().enumerate() {
                let from = ends_from.saturating_sub(group.longest);
                let most = greatest(&rows.circle, from, group.longest, steps);
                let least = match &scanner.measure {
                    Measure::Product {
                        weights,
                        least,
                        divisor,
                        ..
                    } => weights[smallest] * least[group.shortest] / divisor,
                    Measure::Points { least, .. } => least[b * scanner.groups.len() + g],
                };
                open |= u64::from(leader.could_win(most, least)) << g;
            }
            if open == 0 {
                continue;
            }
            // One by one, in the order of the circles, lengths and beginnings.
            let totals: &mut Vec<T> = &mut rows.before;
            for circle in smallest..after {
                let size = sizes[circle - first] as usize;
                for &place in &places[counted..size] {
                    add(totals, &rows.places[row(place)]);
                }
                counted = size;
                for (g, group) in scanner.groups.iter().enumerate() {
                    if open >> g & 1 == 0 {
                        continue;
                    }
                    for length in group.shortest..=group.longest {
                        let from = ends_from.saturating_sub(length);
                        let most = greatest(totals, from, length, steps);
                        let count =
                            |start: usize| totals[start + length].minus(totals[start]).count();
                        let number = circle - first;
                        match &scanner.measure {
                            Measure::Product {
                                weights,
                                time,
                                least,
                                divisor,
                            } => {
                                let weight = weights[circle];
                                let least = weight * least[length] / divisor;
                                if !leader.could_win(most, least) {
                                    continue;
                                }
                                let fewest = leader.limits.partition_point(|&l| l <= least);
                                for start in from..=steps - length {
                                    let (count, end) = (count(start), start + length);
                                    if count >= fewest {
                                        let measure = weight * (time[end] - time[start]) / divisor;
                                        leader.take(count, measure, number, start, end);
                                    }
                                }
                            }
                            Measure::Points { rows, least } => {
                                let least = least[b * scanner.groups.len() + g];
                                if !leader.could_win(most, least) {
                                    continue;
                                }
                                points.grow(rows, places, size, steps);
                                for start in from..=steps - length {
                                    let (count, end) = (count(start), start + length);
                                    let all = points.totals[end] - points.totals[start];
                                    leader.take(count, f64::from(all), number, start, end);
                                }
                            }
                        }
                    }
                }
            }
        }
        if let Some(each) = &mut each {
            each.push(leader.best);
        }
    }
    leader.best
}
