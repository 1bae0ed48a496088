//! Numbers by counting: each depends on a seed and its place alone, never on what was drawn elsewhere. Pause, resume, order and
//! thread count therefore never change a result.

/// A stream of uniform numbers in [0, 1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chance {
    key: u64,
    drawn: u64,
}

impl Chance {
    #[must_use]
    pub fn new(seed: u64, iteration: u64, item: u64) -> Chance {
        Self::at(seed, &[iteration, item])
    }

    /// The stream of a place: a job's `[stage, iteration, item]`, or whatever numbers name it.
    #[must_use]
    pub fn at(seed: u64, place: &[u64]) -> Chance {
        let key = place
            .iter()
            .fold(finalise(seed), |key, number| finalise(key ^ number));
        Chance { key, drawn: 0 }
    }

    /// The next number, with 53 random bits.
    pub fn uniform(&mut self) -> f64 {
        let bits = (self.bits() >> 11) as f64;
        bits / (1_u64 << 53) as f64
    }

    /// One of `0..count`; 0 when there is none.
    pub fn below(&mut self, count: usize) -> usize {
        let count = u128::try_from(count).unwrap_or_default();
        usize::try_from((u128::from(self.bits()) * count) >> 64).unwrap_or_default()
    }

    fn bits(&mut self) -> u64 {
        self.drawn += 1;
        finalise(self.key.wrapping_add(self.drawn.wrapping_mul(STEP)))
    }
}

/// The increment and the finaliser of SplitMix64 (Steele, Lea, Flood 2014).
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

fn finalise(key: u64) -> u64 {
    let mut z = key.wrapping_add(STEP);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_depends_on_its_place_alone() {
        let take = |seed, iteration, item| {
            let mut chance = Chance::new(seed, iteration, item);
            (0..4).map(|_| chance.uniform()).collect::<Vec<f64>>()
        };
        assert_eq!(take(1, 2, 3), take(1, 2, 3));
        for other in [(2, 2, 3), (1, 3, 3), (1, 2, 4), (2, 1, 3)] {
            assert_ne!(take(1, 2, 3), take(other.0, other.1, other.2));
        }
    }

    #[test]
    fn numbers_are_spread_evenly() {
        let mut chance = Chance::new(7, 0, 0);
        let mut bins = [0; 10];
        for _ in 0..10_000 {
            let number = chance.uniform();
            assert!((0.0..1.0).contains(&number));
            bins[(number * 10.0) as usize] += 1;
        }
        // Four standard deviations of a bin are 120.
        assert!(bins.iter().all(|bin| (880..1120).contains(bin)), "{bins:?}");
        let mut seen = [false; 3];
        (0..100).for_each(|_| seen[chance.below(3)] = true);
        assert_eq!((seen, chance.below(0)), ([true; 3], 0));
    }
}
