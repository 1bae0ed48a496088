//! Random numbers by counting: a stream belongs to a seed and a place, and no stream depends on another.

/// The golden ratio in 64 bits, the step of `SplitMix64`.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// A stream of draws.
#[derive(Debug, Clone)]
pub(super) struct Draw(u64);

impl Draw {
    /// The stream of a place.
    pub(super) fn new(seed: u64, place: [u64; 4]) -> Self {
        Self(place.into_iter().fold(mix(seed), |key, part| {
            mix(key ^ part.wrapping_add(1).wrapping_mul(STEP))
        }))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mix(self.0)
    }

    /// A whole number below `bound`; 0 for an empty range.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        let product = u128::from(self.next()) * bound as u128;
        // The high half of the product is below the bound.
        (product >> 64) as usize
    }

    /// A whole number of a range with both ends.
    pub(super) fn between(&mut self, least: usize, most: usize) -> usize {
        least + self.below((most + 1).saturating_sub(least))
    }

    pub(super) fn is_heads(&mut self) -> bool {
        self.below(2) == 1
    }

    /// One of a list; none of an empty one.
    pub(super) fn pick<'a, T>(&mut self, list: &'a [T]) -> Option<&'a T> {
        list.get(self.below(list.len()))
    }

    /// The place of one of these shares, each as likely as it is large.
    pub(super) fn weighted(&mut self, shares: &[usize]) -> usize {
        let mut left = self.below(shares.iter().sum());
        for (index, &share) in shares.iter().enumerate() {
            if left < share {
                return index;
            }
            left -= share;
        }
        0
    }

    pub(super) fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            list.swap(last, self.below(last + 1));
        }
    }

    /// So many different ones of a list, in random order; all of a shorter one.
    pub(super) fn some<T: Clone>(&mut self, list: &[T], count: usize) -> Vec<T> {
        let mut list = list.to_vec();
        self.shuffle(&mut list);
        list.truncate(count);
        list
    }
}

/// The finaliser of `SplitMix64` (Steele et al. 2014).
fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(STEP);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A number that is the same for the same text on every machine (FNV-1a, finished by [`mix`]).
pub(super) fn hash(text: &str) -> u64 {
    mix(text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_repeat_and_differ() {
        let draws = |place| {
            let mut draw = Draw::new(3, place);
            [(); 6].map(|()| draw.below(1000))
        };
        assert_eq!(draws([0, 0, 7, 0]), draws([0, 0, 7, 0]));
        assert_ne!(draws([0, 0, 7, 0]), draws([0, 0, 0, 7]));
        assert_ne!(draws([0, 0, 7, 0]), draws([0, 0, 8, 0]));
    }

    #[test]
    fn every_value_is_drawn_about_as_often() {
        let mut draw = Draw::new(0, [0; 4]);
        let mut counts = [0_u32; 6];
        for _ in 0..6000 {
            counts[draw.between(0, 5)] += 1;
        }
        assert!(
            counts.iter().all(|count| (850..1150).contains(count)),
            "{counts:?}"
        );
        let mut shares = [0_u32; 3];
        for _ in 0..6000 {
            shares[draw.weighted(&[1, 0, 2])] += 1;
        }
        assert_eq!(shares[1], 0);
        assert!((1800..2200).contains(&shares[0]), "{shares:?}");
    }
}
