//! Random numbers that are part of the request.
//!
//! SplitMix64 (Steele, Lea & Flood 2014, doi 10.1145/2660193.2660195): a counter that is mixed. A
//! stream is named by the request's seed and the number of the replicate, so that a replicate draws
//! the same numbers whichever thread runs it, in whatever order. Whole numbers below a bound are
//! drawn without bias (Lemire 2019, doi 10.1145/3230636).

/// The step of the counter: 2⁶⁴ over the golden ratio, odd.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// A stream of random numbers. For simulation, not for secrets.
#[derive(Debug, Clone)]
pub struct Random {
    counter: u64,
}

impl Random {
    /// The stream that begins at a counter.
    #[must_use]
    pub fn new(counter: u64) -> Self {
        Self { counter }
    }

    /// The stream of a replicate.
    #[must_use]
    pub fn of_replicate(seed: u64, replicate: u64) -> Self {
        // Mixed twice, so that neighbouring seeds and replicates begin far from each other.
        let start = mix(seed.wrapping_add(STEP));
        Self::new(mix(start ^ replicate.wrapping_mul(STEP)))
    }

    /// The next 64 bits.
    #[inline]
    #[must_use]
    pub fn next_u64(&mut self) -> u64 {
        self.counter = self.counter.wrapping_add(STEP);
        mix(self.counter)
    }

    /// A number from 0 up to, but not including, 1: 53 random bits.
    #[inline]
    #[must_use]
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    /// A number from 0 to one less than the bound, all equally likely; 0 if the bound is 0.
    #[inline]
    #[must_use]
    pub fn below(&mut self, bound: u32) -> u32 {
        let mut product = (self.next_u64() >> 32) * u64::from(bound);
        if (product as u32) < bound {
            let threshold = bound.wrapping_neg() % bound;
            while (product as u32) < threshold {
                product = (self.next_u64() >> 32) * u64::from(bound);
            }
        }
        (product >> 32) as u32
    }

    /// Puts items into a random order, all orders equally likely (Fisher and Yates).
    #[inline]
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last as u32 + 1) as usize;
            items.swap(last, other);
        }
    }
}

/// The finaliser of SplitMix64.
#[inline]
fn mix(z: u64) -> u64 {
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_sequence() {
        // The reference implementation's first numbers from 1234567.
        let mut random = Random::new(1_234_567);
        let drawn: [u64; 5] = std::array::from_fn(|_| random.next_u64());
        assert_eq!(
            drawn,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423,
                4_593_380_528_125_082_431,
                16_408_922_859_458_223_821,
            ]
        );
    }

    #[test]
    fn all_orders_of_four_are_equally_likely() {
        let mut seen = std::collections::BTreeMap::new();
        let draws = 24_000_u64;
        for replicate in 0..draws {
            let mut items = [0_u8, 1, 2, 3];
            Random::of_replicate(7, replicate).shuffle(&mut items);
            *seen.entry(items).or_insert(0_u64) += 1;
        }
        assert_eq!(seen.len(), 24);
        let expected = draws as f64 / 24.0;
        let chi2: f64 = seen
            .values()
            .map(|&n| (n as f64 - expected).powi(2) / expected)
            .sum();
        // The 0.999 quantile of chi-square with 23 degrees of freedom.
        assert!(chi2 < 49.73, "{chi2}");
    }

    #[test]
    fn below_stays_below() {
        let mut random = Random::new(3);
        assert_eq!(random.below(0), 0);
        assert!((0..1000).all(|_| random.below(1) == 0));
        assert!((0..1000).all(|_| random.below(u32::MAX) < u32::MAX));
    }
}
