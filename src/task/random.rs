//! The random numbers of the originals' programs (MT19937, Matsumoto and Nishimura 1998), so that the same seed draws the same
//! problems in the same order.

/// Words of state.
const N: usize = 624;
/// The word that is mixed in from so far ahead.
const M: usize = 397;

/// The generator, with the ways CPython and NumPy's legacy interface seed it and draw from it.
#[derive(Debug, Clone)]
pub struct Mersenne {
    state: [u32; N],
    next: usize,
}

impl Mersenne {
    /// Seeded by one number, as NumPy's legacy `seed` does.
    #[must_use]
    pub fn scalar(seed: u32) -> Self {
        let mut state = [seed; N];
        for index in 1..N {
            let before = state[index - 1];
            state[index] = (before ^ (before >> 30))
                .wrapping_mul(1_812_433_253)
                .wrapping_add(u32::try_from(index).unwrap_or(0));
        }
        Self { state, next: N }
    }

    /// Seeded by the words of an integer, as CPython's `random.seed` does.
    #[must_use]
    pub fn python(seed: u64) -> Self {
        let [low, high] = [(seed & 0xffff_ffff) as u32, (seed >> 32) as u32];
        let key = if high == 0 {
            vec![low]
        } else {
            vec![low, high]
        };
        let mut own = Self::scalar(19_650_218);
        let state = &mut own.state;
        let (mut i, mut j) = (1, 0);
        for _ in 0..N.max(key.len()) {
            let before = state[i - 1];
            state[i] = (state[i] ^ (before ^ (before >> 30)).wrapping_mul(1_664_525))
                .wrapping_add(key[j])
                .wrapping_add(u32::try_from(j).unwrap_or(0));
            i += 1;
            j = (j + 1) % key.len();
            if i == N {
                state[0] = state[N - 1];
                i = 1;
            }
        }
        for _ in 1..N {
            let before = state[i - 1];
            state[i] = (state[i] ^ (before ^ (before >> 30)).wrapping_mul(1_566_083_941))
                .wrapping_sub(u32::try_from(i).unwrap_or(0));
            i += 1;
            if i == N {
                state[0] = state[N - 1];
                i = 1;
            }
        }
        state[0] = 0x8000_0000;
        own
    }

    /// The next 32 bits.
    pub fn next_word(&mut self) -> u32 {
        if self.next == N {
            self.twist();
        }
        let mut word = self.state[self.next];
        self.next += 1;
        word ^= word >> 11;
        word ^= (word << 7) & 0x9d2c_5680;
        word ^= (word << 15) & 0xefc6_0000;
        word ^ (word >> 18)
    }

    /// An integer below `bound` by the low bits, as NumPy's legacy `randint` draws it.
    pub fn masked_below(&mut self, bound: u32) -> u32 {
        let most = bound.saturating_sub(1);
        let mask = u32::MAX.checked_shr(most.leading_zeros()).unwrap_or(0);
        loop {
            let drawn = self.next_word() & mask;
            if drawn <= most {
                return drawn;
            }
        }
    }

    /// An integer below `bound` by the high bits, as CPython draws it. 0 for an empty range.
    pub fn below(&mut self, bound: u32) -> u32 {
        if bound == 0 {
            return 0;
        }
        let spare = bound.leading_zeros();
        loop {
            let drawn = self.next_word() >> spare;
            if drawn < bound {
                return drawn;
            }
        }
    }

    /// CPython's `random.shuffle`.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let bound = u32::try_from(last + 1).unwrap_or(u32::MAX);
            items.swap(last, self.below(bound) as usize);
        }
    }

    fn twist(&mut self) {
        for index in 0..N {
            let joined =
                (self.state[index] & 0x8000_0000) | (self.state[(index + 1) % N] & 0x7fff_ffff);
            let mixed = if joined & 1 == 1 { 0x9908_b0df } else { 0 };
            self.state[index] = self.state[(index + M) % N] ^ (joined >> 1) ^ mixed;
        }
        self.next = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_cpython() {
        let mut random = Mersenne::python(0);
        let words: [u32; 4] = std::array::from_fn(|_| random.next_word());
        assert_eq!(
            words,
            [3_626_764_237, 1_654_615_998, 3_255_389_356, 3_823_568_514]
        );
    }

    #[test]
    fn a_seed_of_two_words_is_read_as_such() {
        let mut random = Mersenne::python((1 << 40) + 5);
        let words: [u32; 3] = std::array::from_fn(|_| random.next_word());
        assert_eq!(words, [2_166_296_868, 2_220_160_828, 1_153_647_273]);
    }

    #[test]
    fn shuffles_are_those_of_cpython() {
        let mut ten: Vec<u32> = (0..10).collect();
        Mersenne::python(0).shuffle(&mut ten);
        assert_eq!(ten, [7, 8, 1, 5, 3, 4, 2, 0, 9, 6]);
        let mut random = Mersenne::python(0);
        let mut twelve: Vec<u32> = (0..12).collect();
        for expected in [
            [1, 9, 8, 5, 10, 2, 3, 7, 4, 0, 11, 6],
            [2, 1, 5, 7, 3, 6, 0, 9, 11, 10, 8, 4],
        ] {
            random.shuffle(&mut twelve);
            assert_eq!(twelve, expected, "a list is shuffled and shuffled again");
        }
    }

    #[test]
    fn coins_are_those_of_cpython() {
        for (seed, coins) in [(0, "11011111100100101001"), (1, "00101111001011011001")] {
            let mut random = Mersenne::python(seed);
            let thrown: String = (0..20).map(|_| random.below(2).to_string()).collect();
            assert_eq!(thrown, coins, "seed {seed}");
        }
    }
}
