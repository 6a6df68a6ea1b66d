//! How well a ranking of cells foretold where incidents would be: scores, as pure functions.
//!
//! A method gives each cell a value; the cells of highest value are flagged until they make up a
//! budget of ground, and what happened afterwards is counted on them. With n of N later incidents
//! (hits) on a of A ground (area, or length of street: which one is for the caller to name):
//!
//! - **hit rate** n/N.
//! - **PAI**, prediction accuracy index: (n/N)/(a/A). Flagging everything gives 1, and so do cells at
//!   random on average.
//! - **PEI**, prediction efficiency index: PAI over the best that any ranking of these cells could
//!   have reached with the same budget.
//! - **RRI** has two meanings, both here by name. `rri_predicted_observed`: incidents predicted on the
//!   flagged cells over those that came, as the R package ptools has it; over 1 is too many.
//!   `recapture_rate_index`: (n₂/n₁)/(N₂/N₁), flagged cells before and after over all cells before and
//!   after, as Levine has it; under 1 the flagged cells fell by more than the rest, as top cells do by
//!   themselves (regression to the mean).
//! - **search efficiency** n/a, hits on each unit of ground.
//!
//! **Ties and the edge.** Cells of one value are one group. The group that the budget ends in is taken
//! in part: the same share of each of its cells, ground and incidents alike. That is what a random
//! order of the tied gives on average, and it makes every ranking flag exactly the same ground. It
//! makes hits fractional. [`Ties::FewestHits`] instead puts the tied that had fewest incidents
//! afterwards first, the rule of ptools, which gives the lowest PAI; only the last cell is then
//! divided. The best ranking takes cells by incidents per ground, the last one in part likewise: no
//! ranking can do better.
//!
//! **Refused**: values that are not finite, ground that is negative, lists of unequal length. Without
//! incidents or ground the indices are `None`, never 0. Cells without ground (no street in them) cost
//! nothing and are flagged when their turn comes.
//!
//! References: Chainey, Tompson & Uhlig 2008 (PAI), doi 10.1057/palgrave.sj.8350066; Hunt 2016 (PEI),
//! *Do crime hot spots move?*, thesis; Levine 2008 (recapture rate index),
//! *Security Journal* 21(4); Bowers, Johnson & Pease 2004 (search efficiency), doi
//! 10.1093/bjc/azh036.

use crate::statistics::binomial_two_sided;

/// What is to be done with cells of one value where the budget ends among them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ties {
    /// The same share of each: what a random order gives on average.
    #[default]
    Expected,
    /// Those with fewest incidents on their ground afterwards first, as ptools has it.
    FewestHits,
}

impl Ties {
    /// The name in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Expected => "expected",
            Self::FewestHits => "fewest_hits",
        }
    }
}

/// Why cells cannot be scored.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ScoreError {
    /// Lists of unequal length.
    #[error("{what} are given for {found} cells, not for {cells}; give one of each cell")]
    Lengths {
        /// What.
        what: &'static str,
        /// How many.
        found: usize,
        /// How many cells there are.
        cells: usize,
    },
    /// A value that is not finite.
    #[error("the value of cell {cell} is {value}; give finite values")]
    Value {
        /// The cell.
        cell: usize,
        /// Its value.
        value: f64,
    },
    /// Ground that is none.
    #[error("the ground of cell {cell} is {size}; give finite numbers of at least 0")]
    Size {
        /// The cell.
        cell: usize,
        /// Its ground.
        size: f64,
    },
}

/// Cells with their ground and what happened on it.
#[derive(Debug, Clone, Copy)]
pub struct Ground<'a> {
    sizes: &'a [f64],
    before: &'a [u32],
    after: &'a [u32],
    size: f64,
}

impl<'a> Ground<'a> {
    /// The ground of each cell, in m² or metres of street, with the incidents before the cut-off, which
    /// only the recapture rate index needs, and those after it.
    ///
    /// # Errors
    /// [`ScoreError`].
    pub fn new(sizes: &'a [f64], before: &'a [u32], after: &'a [u32]) -> Result<Self, ScoreError> {
        let cells = sizes.len();
        for (what, found) in [
            ("incidents before", before.len()),
            ("incidents after", after.len()),
        ] {
            if found != cells {
                return Err(ScoreError::Lengths { what, found, cells });
            }
        }
        if let Some((cell, &size)) = sizes
            .iter()
            .enumerate()
            .find(|(_, s)| !(s.is_finite() && **s >= 0.0))
        {
            return Err(ScoreError::Size { cell, size });
        }
        Ok(Self {
            sizes,
            before,
            after,
            size: sizes.iter().sum(),
        })
    }

    /// All of the ground.
    #[must_use]
    pub fn size(&self) -> f64 {
        self.size
    }

    fn rate(&self, cell: usize) -> f64 {
        match (self.after[cell], self.sizes[cell]) {
            (0, _) => 0.0,
            (n, size) => f64::from(n) / size,
        }
    }

    /// The cells by their values, highest first.
    ///
    /// # Errors
    /// [`ScoreError`] for values that are not finite, or of another number of cells.
    pub fn ranking(&self, values: &[f64], ties: Ties) -> Result<Ranking, ScoreError> {
        let cells = self.sizes.len();
        if values.len() != cells {
            return Err(ScoreError::Lengths {
                what: "values",
                found: values.len(),
                cells,
            });
        }
        if let Some((cell, &value)) = values.iter().enumerate().find(|v| !v.1.is_finite()) {
            return Err(ScoreError::Value { cell, value });
        }
        Ok(match ties {
            Ties::Expected => Ranking::by(cells, |c| (values[c], 0.0)),
            Ties::FewestHits => Ranking::by(cells, |c| (values[c], -self.rate(c))),
        })
    }

    /// The best ranking there could have been: by incidents per ground.
    #[must_use]
    pub fn best(&self) -> Ranking {
        Ranking::by(self.sizes.len(), |c| (self.rate(c), 0.0))
    }

    /// Flags the first cells of a ranking until they make up a budget of ground.
    #[must_use]
    pub fn flag(&self, ranking: &Ranking, budget: f64) -> Flagged {
        // A hair of tolerance, so that a third of three cells is one of them.
        let hair = 1e-12 * self.size;
        let mut flagged = Flagged {
            whole: Vec::new(),
            edge: Vec::new(),
            share: 0.0,
            size: 0.0,
        };
        for group in ranking.groups() {
            let size: f64 = group.iter().map(|&c| self.sizes[c as usize]).sum();
            if flagged.size + size <= budget + hair {
                flagged.whole.extend_from_slice(group);
                flagged.size += size;
                continue;
            }
            let left = budget - flagged.size;
            if left > hair {
                flagged.edge.extend_from_slice(group);
                flagged.share = left / size;
                flagged.size = budget;
            }
            break;
        }
        if flagged.edge.is_empty() && flagged.whole.len() == self.sizes.len() {
            flagged.size = self.size;
        }
        flagged
    }

    /// Scores flagged cells against the best of the same budget. `predicted` is the number of incidents
    /// that was predicted for each cell, where the method says one.
    #[must_use]
    pub fn score(&self, flagged: &Flagged, best: &Flagged, predicted: Option<&[f64]>) -> Score {
        let total = |counts: &[u32]| counts.iter().map(|&n| f64::from(n)).sum();
        let after = |c: usize| f64::from(self.after[c]);
        Score {
            cells: flagged.whole.len() as f64 + flagged.share * flagged.edge.len() as f64,
            divided_cells: flagged.edge.len() as u32,
            size: flagged.size,
            of_size: self.size,
            hits: flagged.sum(after),
            events: total(self.after),
            best_hits: best.sum(after),
            hits_before: flagged.sum(|c| f64::from(self.before[c])),
            events_before: total(self.before),
            predicted: predicted.map(|p| flagged.sum(|c| p[c])),
        }
    }
}

/// Cells in an order, in groups of equals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranking {
    order: Vec<u32>,
    starts: Vec<u32>,
}

impl Ranking {
    fn by(cells: usize, key: impl Fn(usize) -> (f64, f64)) -> Self {
        // Minus zero is zero.
        let keys: Vec<(f64, f64)> = (0..cells)
            .map(|c| {
                let (a, b) = key(c);
                (a + 0.0, b + 0.0)
            })
            .collect();
        let descending = |a: u32, b: u32| {
            let (a, b) = (keys[a as usize], keys[b as usize]);
            b.0.total_cmp(&a.0).then(b.1.total_cmp(&a.1))
        };
        let mut order: Vec<u32> = (0..cells as u32).collect();
        order.sort_by(|&a, &b| descending(a, b).then(a.cmp(&b)));
        let mut starts = vec![0];
        for i in 1..cells {
            if descending(order[i - 1], order[i]).is_ne() {
                starts.push(i as u32);
            }
        }
        if cells > 0 {
            starts.push(cells as u32);
        }
        Self { order, starts }
    }

    /// The cells, highest first, those of one value together in ascending order.
    #[must_use]
    pub fn order(&self) -> &[u32] {
        &self.order
    }

    fn groups(&self) -> impl Iterator<Item = &[u32]> {
        self.starts
            .windows(2)
            .map(|w| &self.order[w[0] as usize..w[1] as usize])
    }
}

/// Cells that a budget was spent on.
#[derive(Debug, Clone, PartialEq)]
pub struct Flagged {
    whole: Vec<u32>,
    edge: Vec<u32>,
    share: f64,
    size: f64,
}

impl Flagged {
    /// The cells with the share of each that is flagged.
    pub fn cells(&self) -> impl Iterator<Item = (usize, f64)> + '_ {
        let whole = self.whole.iter().map(|&c| (c as usize, 1.0));
        whole.chain(self.edge.iter().map(|&c| (c as usize, self.share)))
    }

    fn sum(&self, of: impl Fn(usize) -> f64) -> f64 {
        let whole: f64 = self.whole.iter().map(|&c| of(c as usize)).sum();
        let edge: f64 = self.edge.iter().map(|&c| of(c as usize)).sum();
        whole + self.share * edge
    }

    /// How many incidents are on what this has and another has not, and the other way round. What both
    /// have of a cell cancels out.
    #[must_use]
    pub fn against(&self, other: &Self, incidents: &[u32]) -> (f64, f64) {
        let mut shares = vec![0.0_f64; incidents.len()];
        for (c, share) in self.cells() {
            shares[c] += share;
        }
        for (c, share) in other.cells() {
            shares[c] -= share;
        }
        let (mut mine, mut theirs) = (0.0, 0.0);
        for (&n, share) in incidents.iter().zip(shares) {
            let n = f64::from(n) * share;
            *(if n > 0.0 { &mut mine } else { &mut theirs }) += n.abs();
        }
        (mine, theirs)
    }
}

/// What a ranking reached with a budget. All are sums, so that those of several cut-offs add up.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Score {
    /// Cells flagged, those at the edge in part.
    pub cells: f64,
    /// Cells that the budget ended among, and of which a share was taken.
    pub divided_cells: u32,
    /// Ground flagged.
    pub size: f64,
    /// All of the ground.
    pub of_size: f64,
    /// Later incidents on the flagged ground.
    pub hits: f64,
    /// Later incidents.
    pub events: f64,
    /// Later incidents that the best ranking would have had on as much ground.
    pub best_hits: f64,
    /// Incidents before the cut-off on the flagged ground.
    pub hits_before: f64,
    /// Incidents before the cut-off.
    pub events_before: f64,
    /// Incidents predicted for the flagged ground, where the method says a number.
    pub predicted: Option<f64>,
}

impl Score {
    /// The sum of scores. Predicted numbers are summed if all of them have one.
    #[must_use]
    pub fn sum(scores: &[Self]) -> Self {
        let add = |of: fn(&Self) -> f64| scores.iter().map(of).sum();
        Self {
            cells: add(|s| s.cells),
            divided_cells: scores.iter().map(|s| s.divided_cells).sum(),
            size: add(|s| s.size),
            of_size: add(|s| s.of_size),
            hits: add(|s| s.hits),
            events: add(|s| s.events),
            best_hits: add(|s| s.best_hits),
            hits_before: add(|s| s.hits_before),
            events_before: add(|s| s.events_before),
            predicted: scores.iter().map(|s| s.predicted).sum(),
        }
    }

    /// n/N; `None` without later incidents.
    #[must_use]
    pub fn hit_rate(&self) -> Option<f64> {
        over(self.hits, self.events)
    }

    /// a/A.
    #[must_use]
    pub fn coverage(&self) -> Option<f64> {
        over(self.size, self.of_size)
    }

    /// Prediction accuracy index.
    #[must_use]
    pub fn pai(&self) -> Option<f64> {
        over(self.hit_rate()?, self.coverage()?)
    }

    /// The highest prediction accuracy index that any ranking could have had.
    #[must_use]
    pub fn best_pai(&self) -> Option<f64> {
        over(over(self.best_hits, self.events)?, self.coverage()?)
    }

    /// Prediction efficiency index.
    #[must_use]
    pub fn pei(&self) -> Option<f64> {
        over(self.hits, self.best_hits)
    }

    /// Predicted incidents over those that came; `None` where the method predicts no number or none
    /// came.
    #[must_use]
    pub fn rri_predicted_observed(&self) -> Option<f64> {
        over(self.predicted?, self.hits)
    }

    /// Levine's recapture rate index; `None` where there was nothing on the flagged cells before.
    #[must_use]
    pub fn recapture_rate_index(&self) -> Option<f64> {
        over(
            over(self.hits, self.hits_before)?,
            over(self.events, self.events_before)?,
        )
    }

    /// Search efficiency: hits on each unit of flagged ground.
    #[must_use]
    pub fn hits_per_size(&self) -> Option<f64> {
        over(self.hits, self.size)
    }
}

fn over(part: f64, base: f64) -> Option<f64> {
    (base > 0.0).then(|| part / base)
}

/// The exact two-sided p of as many successes against so many failures if both were equally likely:
/// the sign test, and McNemar's exact test on discordant pairs. `None` without any.
#[must_use]
pub fn sign_test(successes: u64, failures: u64) -> Option<f64> {
    let n = successes + failures;
    (n > 0).then(|| binomial_two_sided(successes, n, 0.5))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;
    use proptest::prelude::*;

    fn scores(values: &[f64], sizes: &[f64], after: &[u32], ties: Ties, budget: f64) -> Score {
        let before = vec![0; sizes.len()];
        let ground = Ground::new(sizes, &before, after).unwrap();
        let flagged = ground.flag(&ground.ranking(values, ties).unwrap(), budget);
        let best = ground.flag(&ground.best(), budget);
        ground.score(&flagged, &best, Some(values))
    }

    #[test]
    fn as_ptools_prints_it() {
        // ptools, pai(): observed 6, 3, 0; predicted 3, 2, 1; equal areas.
        for (budget, pai, rri) in [
            (1.0, 2.0, 0.5),
            (2.0, 1.5, 5.0 / 9.0),
            (3.0, 1.0, 6.0 / 9.0),
        ] {
            for ties in [Ties::Expected, Ties::FewestHits] {
                let s = scores(&[3.0, 2.0, 1.0], &[1.0; 3], &[6, 3, 0], ties, budget);
                assert!((s.pai().unwrap() - pai).abs() < 1e-15, "{s:?}");
                assert_eq!(s.pei(), Some(1.0));
                assert!((s.rri_predicted_observed().unwrap() - rri).abs() < 1e-15);
            }
        }
    }

    #[test]
    fn three_cells_by_hand() {
        // 100, 50 and 350 m²; 2, 4 and 4 later incidents of 10; before 8, 2 and 10 of 20.
        let (sizes, before, after) = ([100.0, 50.0, 350.0], [8, 2, 10], [2, 4, 4]);
        let ground = Ground::new(&sizes, &before, &after).unwrap();
        let ranking = ground.ranking(&[5.0, 3.0, 1.0], Ties::Expected).unwrap();
        // The first cell and half of the second.
        let flagged = ground.flag(&ranking, 125.0);
        // Best: the second cell (0.08 per m²), then three quarters of the first (0.02).
        let best = ground.flag(&ground.best(), 125.0);
        let s = ground.score(&flagged, &best, None);
        assert_eq!((s.cells, s.divided_cells), (1.5, 1));
        assert_eq!((s.hits, s.events, s.best_hits), (4.0, 10.0, 5.5));
        assert_eq!(s.hit_rate(), Some(0.4));
        assert!((s.pai().unwrap() - 1.6).abs() < 1e-15);
        assert!((s.best_pai().unwrap() - 2.2).abs() < 1e-15);
        assert!((s.pei().unwrap() - 4.0 / 5.5).abs() < 1e-15);
        // (4/9) / (10/20).
        assert!((s.recapture_rate_index().unwrap() - 8.0 / 9.0).abs() < 1e-15);
        assert_eq!(s.hits_per_size(), Some(4.0 / 125.0));
        assert_eq!(s.rri_predicted_observed(), None);
        assert_eq!(flagged.against(&best, &after), (0.5, 2.0));
    }

    #[test]
    fn ties_are_shared_out_or_resolved_by_name() {
        // Four equal cells with 4, 0, 0, 0 later incidents and no ranking between them.
        let of = |ties, budget| scores(&[1.0; 4], &[1.0; 4], &[4, 0, 0, 0], ties, budget).pai();
        for budget in [0.5, 1.0, 3.0, 4.0] {
            assert_eq!(of(Ties::Expected, budget), Some(1.0));
        }
        assert_eq!(of(Ties::FewestHits, 3.0), Some(0.0));
        assert_eq!(of(Ties::FewestHits, 4.0), Some(1.0));
    }

    #[test]
    fn what_is_not_defined_is_none() {
        let s = scores(&[1.0, 0.0], &[1.0, 1.0], &[0, 0], Ties::Expected, 1.0);
        assert_eq!((s.pai(), s.pei(), s.hit_rate()), (None, None, None));
        assert_eq!(s.hits_per_size(), Some(0.0));
        assert_eq!(s.rri_predicted_observed(), None);
        let s = scores(&[], &[], &[], Ties::Expected, 1.0);
        assert_eq!((s.pai(), s.coverage()), (None, None));
        let s = scores(&[1.0], &[0.0], &[3], Ties::Expected, 0.0);
        assert_eq!((s.hits, s.pai()), (3.0, None));
        assert_eq!(sign_test(0, 0), None);
        assert_eq!(sign_test(0, 5), Some(0.0625));
    }

    #[test]
    fn nonsense_is_refused() {
        let refuse = |sizes: &[f64], after: &[u32]| {
            let before = vec![0; sizes.len()];
            Ground::new(sizes, &before, after).unwrap_err().to_string()
        };
        assert!(refuse(&[1.0], &[1, 2]).contains("for 2 cells, not for 1"));
        assert!(refuse(&[1.0, -1.0], &[1, 2]).contains("cell 1 is -1"));
        assert!(refuse(&[f64::NAN], &[1]).contains("NaN"));
        let ground = Ground::new(&[1.0, 1.0], &[0, 0], &[1, 2]).unwrap();
        let error = ground.ranking(&[1.0, f64::INFINITY], Ties::Expected);
        assert!(matches!(error, Err(ScoreError::Value { cell: 1, .. })));
    }

    #[test]
    fn random_cells_have_a_pai_of_one() {
        // Unequal cells with unequal counts; 1,000 random rankings.
        let mut random = Random::new(5);
        let sizes: Vec<f64> = (0..200).map(|_| 0.2 + random.unit()).collect();
        let after: Vec<u32> = (0..200)
            .map(|_| random.below(6) * random.below(4))
            .collect();
        let total: f64 = sizes.iter().sum();
        let pai: Vec<f64> = (0..1000)
            .map(|seed| {
                let mut random = Random::of_replicate(11, seed);
                let values: Vec<f64> = sizes.iter().map(|_| random.unit()).collect();
                scores(&values, &sizes, &after, Ties::Expected, 0.1 * total)
                    .pai()
                    .unwrap()
            })
            .collect();
        let mean = pai.iter().sum::<f64>() / 1000.0;
        let variance = pai.iter().map(|p| (p - mean).powi(2)).sum::<f64>() / 999.0;
        let error = (variance / 1000.0).sqrt();
        assert!((mean - 1.0).abs() < 2.576 * error, "{mean} {error}");
        assert!(variance > 1e-4);
    }

    fn cells() -> impl Strategy<Value = Vec<(u8, f64, u32)>> {
        prop::collection::vec((0_u8..6, 0.1_f64..9.0, 0_u32..8), 1..40)
    }

    proptest! {
        #[test]
        fn everything_has_a_pai_of_exactly_one(cells in cells(), more in 1.0_f64..3.0) {
            let values: Vec<f64> = cells.iter().map(|c| f64::from(c.0)).collect();
            let sizes: Vec<f64> = cells.iter().map(|c| c.1).collect();
            let after: Vec<u32> = cells.iter().map(|c| c.2).collect();
            let total: f64 = sizes.iter().sum();
            for ties in [Ties::Expected, Ties::FewestHits] {
                let s = scores(&values, &sizes, &after, ties, total * more);
                prop_assert_eq!(s.pai(), (s.events > 0.0).then_some(1.0));
                prop_assert_eq!(s.pei(), (s.events > 0.0).then_some(1.0));
            }
        }

        #[test]
        fn ties_are_the_mean_over_orders(cells in cells(), share in 0.0_f64..1.0, seed: u64) {
            // Equal sizes: the mean over random orders of the tied is the expected rule.
            let values: Vec<f64> = cells.iter().map(|c| f64::from(c.0 % 3)).collect();
            let sizes = vec![1.0; cells.len()];
            let after: Vec<u32> = cells.iter().map(|c| c.2).collect();
            let budget = (share * cells.len() as f64).floor().max(1.0);
            let expected = scores(&values, &sizes, &after, Ties::Expected, budget).hits;
            let n = 400;
            let mut sum = 0.0;
            for replicate in 0..n {
                let mut random = Random::of_replicate(seed, replicate);
                let broken: Vec<f64> = values.iter().map(|v| v + 0.5 * random.unit()).collect();
                sum += scores(&broken, &sizes, &after, Ties::Expected, budget).hits;
            }
            // Counts are below 8 in fewer than 40 cells: far beyond any chance.
            let spread = (after.iter().map(|&n| f64::from(n * n)).sum::<f64>() / n as f64).sqrt();
            prop_assert!((sum / n as f64 - expected).abs() <= 6.0 * spread + 1e-9);
        }

        #[test]
        fn bounds_order_and_units(cells in cells(), share in 0.01_f64..1.0) {
            let values: Vec<f64> = cells.iter().map(|c| f64::from(c.0)).collect();
            let sizes: Vec<f64> = cells.iter().map(|c| c.1).collect();
            let after: Vec<u32> = cells.iter().map(|c| c.2).collect();
            let budget = share * sizes.iter().sum::<f64>();
            let s = scores(&values, &sizes, &after, Ties::Expected, budget);
            prop_assert!((s.size - budget).abs() <= 1e-9 * budget);
            prop_assert!(s.hits <= s.best_hits + 1e-9 && s.best_hits <= s.events + 1e-9);
            let worst = scores(&values, &sizes, &after, Ties::FewestHits, budget);
            prop_assert!(worst.hits <= s.hits + 1e-9);
            // Rows the other way round; ground in other units; values on another scale.
            let back = |v: &[f64]| v.iter().rev().copied().collect::<Vec<f64>>();
            let turned: Vec<u32> = after.iter().rev().copied().collect();
            let other = scores(&back(&values), &back(&sizes), &turned, Ties::Expected, budget);
            prop_assert!((other.hits - s.hits).abs() < 1e-9);
            let km: Vec<f64> = sizes.iter().map(|s| s / 1024.0).collect();
            let scaled: Vec<f64> = values.iter().map(|v| 3.0 * v - 7.0).collect();
            let other = scores(&scaled, &km, &after, Ties::Expected, budget / 1024.0);
            prop_assert!((other.hits - s.hits).abs() < 1e-9);
            if let (Some(a), Some(b)) = (s.pai(), other.pai()) {
                prop_assert!((a - b).abs() < 1e-9);
            }
        }
    }
}
