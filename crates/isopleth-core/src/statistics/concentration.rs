//! How unequally incidents are spread over places.

/// A corner of the Lorenz curve, taken from the busiest place down; between corners the curve is
/// straight, since places of equal counts lie there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Corner {
    /// So many of the busiest places
    pub places: u64,
    /// hold so many incidents.
    pub incidents: u64,
}

/// The spread of incidents over places. Everything is counted in whole numbers and divided once, so
/// that figures are right to the last bit and do not depend on any order.
///
/// ```
/// use isopleth_core::statistics::Concentration;
/// // Ten places, seven of them with nothing.
/// let spread = Concentration::new(&[5, 2, 1], 7);
/// assert_eq!(spread.gini(), Some(0.8));
/// assert_eq!(spread.generalised_gini(), Some(0.75));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Concentration {
    /// Counts over 0, largest first.
    counts: Vec<u32>,
    places: u64,
    incidents: u64,
}

impl Concentration {
    /// The spread over places with these counts, and so many more without any.
    #[must_use]
    pub fn new(counts: &[u32], empty: u64) -> Self {
        let places = counts.len() as u64 + empty;
        let mut counts: Vec<u32> = counts.iter().copied().filter(|&c| c > 0).collect();
        counts.sort_unstable_by(|a, b| b.cmp(a));
        Self {
            incidents: counts.iter().map(|&c| u64::from(c)).sum(),
            counts,
            places,
        }
    }

    /// Number of places, empty ones among them.
    #[must_use]
    pub fn places(&self) -> u64 {
        self.places
    }

    /// Places with an incident.
    #[must_use]
    pub fn occupied(&self) -> u64 {
        self.counts.len() as u64
    }

    /// Number of incidents.
    #[must_use]
    pub fn incidents(&self) -> u64 {
        self.incidents
    }

    /// The smallest number of places that hold at least this share of the incidents, given in
    /// millionths: the busiest ones, no place divided. 0 where there are no incidents.
    #[must_use]
    pub fn fewest_places(&self, millionths: u32) -> u64 {
        let needed = (u128::from(self.incidents) * u128::from(millionths)).div_ceil(1_000_000);
        let mut held = 0_u128;
        for (i, &c) in self.counts.iter().enumerate() {
            if held >= needed {
                return i as u64;
            }
            held += u128::from(c);
        }
        self.occupied()
    }

    /// Incidents at the so many busiest places.
    #[must_use]
    pub fn held_by(&self, places: u64) -> u64 {
        self.counts
            .iter()
            .take(usize::try_from(places).unwrap_or(usize::MAX))
            .map(|&c| u64::from(c))
            .sum()
    }

    /// Places that have as many incidents as the last of the so many busiest, but are not among them.
    #[must_use]
    pub fn tied_beyond(&self, places: u64) -> u64 {
        let n = usize::try_from(places).unwrap_or(usize::MAX);
        match n.checked_sub(1).and_then(|last| self.counts.get(last)) {
            Some(last) => self.counts[n..].iter().take_while(|c| *c == last).count() as u64,
            None => 0,
        }
    }

    /// Σ over pairs of the absolute difference, each pair once, and its base n·c.
    fn differences(&self) -> Option<(u128, u128)> {
        if self.incidents == 0 {
            return None;
        }
        // From the busiest down the i-th of n is larger than n − 1 − i others and smaller than i.
        let n = i128::from(self.places);
        let sum: i128 = self
            .counts
            .iter()
            .zip(0_i128..)
            .map(|(&c, i)| i128::from(c) * (n - 1 - 2 * i))
            .sum();
        let base = u128::from(self.places) * u128::from(self.incidents);
        Some((u128::try_from(sum).unwrap_or(0), base))
    }

    /// The Gini coefficient: 0 where all places have the same, 1 − 1/n where one has all. `None`
    /// without incidents.
    #[must_use]
    pub fn gini(&self) -> Option<f64> {
        let (sum, base) = self.differences()?;
        Some(sum as f64 / base as f64)
    }

    /// G n/(n − 1), which reaches 1. `None` for fewer than two places or without incidents.
    #[must_use]
    pub fn unbiased_gini(&self) -> Option<f64> {
        let (sum, _) = self.differences()?;
        let others = self.places.checked_sub(1).filter(|&n| n > 0)?;
        Some(sum as f64 / (u128::from(others) * u128::from(self.incidents)) as f64)
    }

    /// The generalised coefficient max(n/c, 1)(G − 1) + 1 (Bernasco & Steenbeek 2017,
    /// doi 10.1007/s10940-016-9324-7): c incidents cannot be at more than c of the n places, and where
    /// each is at a place of its own there is no concentration. `None` without incidents.
    #[must_use]
    pub fn generalised_gini(&self) -> Option<f64> {
        let (sum, base) = self.differences()?;
        if self.places <= self.incidents {
            return self.gini();
        }
        // 1 − n/c · (nc − Σ)/(nc), over c².
        let c2 = u128::from(self.incidents) * u128::from(self.incidents);
        Some((c2 + sum - base) as f64 / c2 as f64)
    }

    /// The corners of the Lorenz curve from the busiest places down, without the origin; the last is
    /// all places and all incidents.
    #[must_use]
    pub fn lorenz(&self) -> Vec<Corner> {
        let mut corners = Vec::new();
        let (mut places, mut incidents) = (0, 0);
        for same in self.counts.chunk_by(|a, b| a == b) {
            places += same.len() as u64;
            incidents += u64::from(same[0]) * same.len() as u64;
            corners.push(Corner { places, incidents });
        }
        if self.places > places {
            corners.push(Corner {
                places: self.places,
                incidents,
            });
        }
        corners
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_printed_examples() {
        // Printed by the R package lorenzgini.
        let of = |c: &[u32], empty| Concentration::new(c, empty);
        assert_eq!(of(&[10, 8, 2], 7).gini(), Some(0.78));
        assert_eq!(of(&[10, 8, 2], 7).generalised_gini(), Some(0.78));
        assert_eq!(of(&[5, 2, 1], 7).gini(), Some(0.8));
        assert_eq!(of(&[5, 2, 1], 7).generalised_gini(), Some(0.75));
        assert_eq!(of(&[10], 9).gini(), Some(0.9));
        assert_eq!(of(&[10], 9).unbiased_gini(), Some(1.0));
    }

    #[test]
    fn small_sets() {
        let none = Concentration::new(&[], 0);
        assert_eq!(
            (none.gini(), none.unbiased_gini(), none.generalised_gini()),
            (None, None, None)
        );
        assert_eq!(none.lorenz(), []);
        let zeros = Concentration::new(&[0, 0], 3);
        assert_eq!((zeros.places(), zeros.occupied()), (5, 0));
        assert_eq!((zeros.gini(), zeros.fewest_places(500_000)), (None, 0));
        let one = Concentration::new(&[4], 0);
        assert_eq!((one.gini(), one.unbiased_gini()), (Some(0.0), None));
        // As many places as incidents, each with one: nothing is concentrated, however many are empty.
        let apart = Concentration::new(&[1; 5], 95);
        assert_eq!(apart.generalised_gini(), Some(0.0));
        assert_eq!(apart.gini(), Some(0.95));
        let together = Concentration::new(&[5], 95);
        assert_eq!(together.generalised_gini(), Some(0.8));
    }

    #[test]
    fn the_fewest_places_and_ties() {
        let spread = Concentration::new(&[4, 2, 2, 2], 6);
        assert_eq!(spread.fewest_places(400_000), 1);
        assert_eq!(spread.fewest_places(400_001), 2);
        assert_eq!(spread.fewest_places(600_000), 2);
        assert_eq!(spread.fewest_places(1_000_000), 4);
        assert_eq!(spread.tied_beyond(2), 2);
        assert_eq!(spread.tied_beyond(1), 0);
        assert_eq!(spread.tied_beyond(0), 0);
        assert_eq!(spread.tied_beyond(9), 0);
        assert_eq!((spread.held_by(2), spread.held_by(99)), (6, 10));
        let corner = |places, incidents| Corner { places, incidents };
        assert_eq!(
            spread.lorenz(),
            [corner(1, 4), corner(4, 10), corner(10, 10)]
        );
    }

    proptest! {
        #[test]
        fn gini_is_the_mean_difference(counts in prop::collection::vec(0_u32..9, 1..40)) {
            let spread = Concentration::new(&counts, 0);
            let n = counts.len() as f64;
            let total: f64 = counts.iter().map(|&c| f64::from(c)).sum();
            let all: f64 = counts.iter()
                .flat_map(|&a| counts.iter().map(move |&b| (f64::from(a) - f64::from(b)).abs()))
                .sum();
            match spread.gini() {
                None => prop_assert!(total == 0.0),
                Some(g) => {
                    prop_assert!((g - all / (2.0 * n * total)).abs() < 1e-12);
                    let general = (n / total).max(1.0) * (g - 1.0) + 1.0;
                    prop_assert!((spread.generalised_gini().unwrap() - general).abs() < 1e-12);
                    prop_assert!((0.0..1.0).contains(&g));
                    prop_assert!((0.0..=1.0).contains(&spread.generalised_gini().unwrap()));
                }
            }
        }

        #[test]
        fn the_same_spread_thrice_is_the_same(counts in prop::collection::vec(0_u32..9, 1..40)) {
            // Each place thrice, or each count thrice, leaves the coefficient as it is.
            let once = Concentration::new(&counts, 0);
            let places: Vec<u32> = counts.iter().flat_map(|&c| [c; 3]).collect();
            let scaled: Vec<u32> = counts.iter().map(|c| c * 3).collect();
            prop_assert_eq!(Concentration::new(&places, 0).gini(), once.gini());
            prop_assert_eq!(Concentration::new(&scaled, 0).gini(), once.gini());
        }

        #[test]
        fn the_fewest_are_the_fewest(counts in prop::collection::vec(0_u32..9, 0..40), millionths in 1_u32..=1_000_000) {
            let spread = Concentration::new(&counts, 2);
            let k = spread.fewest_places(millionths);
            let enough = |n: u64| u128::from(spread.held_by(n)) * 1_000_000
                >= u128::from(spread.incidents()) * u128::from(millionths);
            prop_assert!(enough(k));
            prop_assert!(k == 0 || !enough(k - 1));
            let last = spread.lorenz().last().copied();
            prop_assert_eq!(last.map(|c| (c.places, c.incidents)), Some((spread.places(), spread.incidents())));
        }
    }
}
