//! Exact permutation p-values: the distribution of a sum of draws without replacement.
//!
//! The values of a map are added value by value: if g(j, s) is the chance that j values drawn from those
//! so far sum to s, and c more values v come in, then a of the j are new ones with a hypergeometric
//! chance, and g'(j, s) = Σₐ h(a) g(j − a, s − a v). All terms are positive, so that even a p of 10⁻⁴⁰
//! keeps its digits. Sums beyond the greatest observed one are kept as one.
//!
//! With the own value held fixed, each different own value leaves another map. All of these maps are made
//! together by halving: to leave out one of a half of the values, the other half has gone in whole before.

use std::collections::BTreeMap;

use super::Statistic;
use crate::lattice::Neighbours;
use crate::statistics::binomial_pmf;

/// Most additions.
pub const MAX_WORK: f64 = 2e10;

/// The distribution would take too long to add up.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error(
    "exact p-values of sums up to {greatest} over {drawn} cells take some {work:.0e} additions, the limit is {MAX_WORK:.0e}; choose fewer rings or a shorter distance, or use \"p_value\": {{\"permutation\": {{}}}}"
)]
pub struct TooMuchWork {
    /// Greatest sum observed.
    pub greatest: u64,
    /// Cells of the greatest neighbourhood.
    pub drawn: usize,
    /// Additions.
    pub work: f64,
}

/// Both tails of a sum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tails {
    /// P(at least as much).
    pub upper: f64,
    /// P(at most as much).
    pub lower: f64,
}

/// Sums of up to so many draws, each up to a greatest; beyond it all are one.
#[derive(Debug, Clone)]
struct Table {
    /// Chance of each sum by number of draws; the last column holds all that are greater.
    chances: Vec<Vec<f64>>,
    /// Greatest sum with a chance, by number of draws.
    reach: Vec<usize>,
    greatest: usize,
    /// Values so far.
    values: u64,
}

impl Table {
    fn new(draws: usize, greatest: usize) -> Self {
        let mut chances = vec![vec![0.0; greatest + 2]; draws + 1];
        chances[0][0] = 1.0;
        Self {
            chances,
            reach: vec![0; draws + 1],
            greatest,
            values: 0,
        }
    }

    /// So many more of a value come in.
    fn add(&mut self, value: u32, number: u64) {
        if number == 0 {
            return;
        }
        let beyond = self.greatest + 1;
        for draws in (1..self.chances.len()).rev() {
            let Some((least, chances)) = new_ones(number, self.values, draws as u64) else {
                self.chances[draws].fill(0.0);
                continue;
            };
            let mut row = std::mem::take(&mut self.chances[draws]);
            let stay = if least == 0 { chances[0] } else { 0.0 };
            let mut reach = self.reach[draws];
            for c in &mut row[..=reach] {
                *c *= stay;
            }
            row[beyond] *= stay;
            for (new, &chance) in (least..).zip(&chances).filter(|(new, _)| *new > 0) {
                let old = &self.chances[draws - new];
                let shift = (new as u64 * u64::from(value)).min(beyond as u64) as usize;
                let all = self.reach[draws - new] + 1;
                // What stays within reach, and what goes beyond.
                let within = all.min(beyond.saturating_sub(shift));
                if within > 0 {
                    for (to, from) in row[shift..shift + within].iter_mut().zip(&old[..within]) {
                        *to += chance * from;
                    }
                    reach = reach.max(shift + within - 1);
                }
                row[beyond] += chance * (old[within..all].iter().sum::<f64>() + old[beyond]);
            }
            self.reach[draws] = reach;
            self.chances[draws] = row;
        }
        self.values += number;
    }

    /// Tails of all sums of so many draws.
    fn tails(&self, draws: usize) -> Vec<Tails> {
        let row = &self.chances[draws];
        let mut tails = vec![
            Tails {
                upper: 1.0,
                lower: 1.0
            };
            self.greatest + 1
        ];
        let (mut upper, mut lower) = (row[self.greatest + 1], 0.0);
        for s in (0..=self.greatest).rev() {
            upper += row[s];
            tails[s].upper = upper.min(1.0);
        }
        for s in 0..=self.greatest {
            lower += row[s];
            tails[s].lower = f64::min(lower, 1.0);
        }
        tails
    }
}

/// How likely so many of some draws are among the new values, from the least number that can be; `None`
/// where there are not enough values for so many draws.
fn new_ones(new: u64, old: u64, draws: u64) -> Option<(usize, Vec<f64>)> {
    if draws > new + old {
        return None;
    }
    let (least, most) = (draws.saturating_sub(old), draws.min(new));
    // The likeliest number as a ratio of binomial chances (Loader 2000), the others from it.
    let likeliest = (((draws + 1) as f64 * (new + 1) as f64 / (new + old + 2) as f64) as u64)
        .clamp(least, most);
    let p = draws as f64 / (new + old) as f64;
    let top = if draws == new + old {
        1.0
    } else {
        binomial_pmf(likeliest, new, p) * binomial_pmf(draws - likeliest, old, p)
            / binomial_pmf(draws, new + old, p)
    };
    // P(a + 1) / P(a).
    let up = |a: u64| {
        (new - a) as f64 * (draws - a) as f64 / ((a + 1) as f64 * (old + a + 1 - draws) as f64)
    };
    let mut chances = vec![0.0; (most - least + 1) as usize];
    chances[(likeliest - least) as usize] = top;
    let mut chance = top;
    for a in likeliest..most {
        chance *= up(a);
        chances[(a + 1 - least) as usize] = chance;
    }
    chance = top;
    for a in (least..likeliest).rev() {
        chance /= up(a);
        chances[(a - least) as usize] = chance;
    }
    Some((least as usize, chances))
}

/// How often each count occurs in a population.
pub type Histogram = BTreeMap<u32, u64>;

/// Additions for the sums of up to so many draws from a population, each up to a greatest.
#[must_use]
pub fn work(histogram: &Histogram, draws: usize, greatest: u64) -> f64 {
    let each: f64 = histogram
        .values()
        .map(|&n| n.min(draws as u64) as f64)
        .sum();
    each * draws as f64 * (greatest + 2) as f64
}

fn check_work(work: f64, drawn: usize, greatest: u64) -> Result<(), TooMuchWork> {
    if work > MAX_WORK {
        return Err(TooMuchWork {
            greatest,
            drawn,
            work,
        });
    }
    Ok(())
}

/// The exact distribution of the sum of some counts drawn from a population without replacement.
#[derive(Debug, Clone)]
pub struct Distribution(Table);

impl Distribution {
    /// The sums of up to so many draws. Those over `greatest` are kept as one.
    ///
    /// # Errors
    /// [`TooMuchWork`].
    pub fn of(histogram: &Histogram, draws: usize, greatest: u64) -> Result<Self, TooMuchWork> {
        check_work(work(histogram, draws, greatest), draws, greatest)?;
        let mut table = Table::new(draws, greatest as usize);
        let mut classes: Vec<(u32, u64)> = histogram.iter().map(|(&v, &n)| (v, n)).collect();
        // The commonest first: the others are then few beside what is there, and sums stay small.
        classes.sort_by_key(|&(v, n)| (std::cmp::Reverse(n), v));
        for (value, number) in classes {
            table.add(value, number);
        }
        Ok(Self(table))
    }

    /// The tails of the sums from 0 to the greatest, of so many draws; empty for more draws than it was
    /// made for.
    #[must_use]
    pub fn tails(&self, draws: usize) -> Vec<Tails> {
        if draws < self.0.chances.len() {
            self.0.tails(draws)
        } else {
            Vec::new()
        }
    }
}

/// The tails of each cell's sum among all ways to deal the values: all of them for Gi\*, all but the own
/// one for Gi. The outer vector is by cell.
///
/// # Errors
/// [`TooMuchWork`].
///
/// # Panics
/// If there are not as many counts as cells.
pub fn tails(
    counts: &[u32],
    neighbours: &Neighbours,
    statistic: Statistic,
) -> Result<Vec<Tails>, TooMuchWork> {
    assert_eq!(counts.len(), neighbours.len());
    let sums = super::sums(counts, neighbours, statistic);
    let drawn = |c: usize| neighbours.of(c).len() + statistic.itself();
    let draws = (0..counts.len()).map(drawn).max().unwrap_or(0);
    let greatest = sums.iter().copied().max().unwrap_or(0);
    let mut histogram = Histogram::new();
    for &c in counts {
        *histogram.entry(c).or_default() += 1;
    }
    let halvings = match statistic {
        Statistic::GiStar => 1.0,
        Statistic::Gi => (histogram.len() as f64).log2().ceil() + 1.0,
    };
    check_work(
        work(&histogram, draws, greatest) * halvings,
        draws,
        greatest,
    )?;
    let mut used: Vec<usize> = (0..counts.len()).map(drawn).collect();
    used.sort_unstable();
    used.dedup();
    let none = Tails {
        upper: 1.0,
        lower: 1.0,
    };
    let mut found = vec![none; counts.len()];
    match statistic {
        Statistic::GiStar => {
            let table = Distribution::of(&histogram, draws, greatest)?;
            let by_draws: BTreeMap<usize, Vec<Tails>> =
                used.iter().map(|&d| (d, table.tails(d))).collect();
            for (c, tails) in found.iter_mut().enumerate() {
                *tails = by_draws[&drawn(c)][sums[c] as usize];
            }
        }
        Statistic::Gi => {
            let mut cells: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
            for (c, &count) in counts.iter().enumerate() {
                cells.entry(count).or_default().push(c);
            }
            let leaf = |own: u32, table: &Table| -> Vec<(usize, Tails)> {
                let mut by_draws: BTreeMap<usize, Vec<Tails>> = BTreeMap::new();
                let of = |&c: &usize| {
                    let tails = by_draws
                        .entry(drawn(c))
                        .or_insert_with(|| table.tails(drawn(c)));
                    (c, tails[sums[c] as usize])
                };
                cells[&own].iter().map(of).collect()
            };
            let classes: Vec<(u32, u64)> = histogram.into_iter().collect();
            for (c, tails) in halved(Table::new(draws, greatest as usize), &classes, &leaf) {
                found[c] = tails;
            }
        }
    }
    Ok(found)
}

/// Leaves out one of each value in turn: the table holds all values that are not among these.
fn halved<F>(table: Table, classes: &[(u32, u64)], leaf: &F) -> Vec<(usize, Tails)>
where
    F: Fn(u32, &Table) -> Vec<(usize, Tails)> + Sync,
{
    match classes {
        [] => Vec::new(),
        &[(value, number)] => {
            let mut table = table;
            table.add(value, number - 1);
            leaf(value, &table)
        }
        _ => {
            let (low, high) = classes.split_at(classes.len() / 2);
            let with = |others: &[(u32, u64)]| {
                let mut table = table.clone();
                for &(value, number) in others {
                    table.add(value, number);
                }
                table
            };
            let (mut low, high) = rayon::join(
                || halved(with(high), low, leaf),
                || halved(with(low), high, leaf),
            );
            low.extend(high);
            low
        }
    }
}
