//! Two runs over the same items: is the difference more than chance?
//!
//! Only items that both answered count; a missing result is no wrong one.

use super::Share;
use serde::{Deserialize, Serialize};

/// Resamples of the bootstrap.
pub const RESAMPLES: usize = 10_000;

/// Right and wrong, item by item.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Paired {
    /// Items that both runs answered.
    pub of: usize,
    pub first: Share,
    pub second: Share,
    /// The first was right, the second was not.
    pub only_first: usize,
    pub only_second: usize,
    /// Accuracy of the first less that of the second, with its 95 % bootstrap interval.
    pub difference: f64,
    pub interval: Interval,
    /// Two-sided, exact: how often so lopsided a split comes from equally good runs (McNemar 1947).
    pub p_value: f64,
}

/// From 2.5 % to 97.5 %.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Interval {
    pub low: f64,
    pub high: f64,
}

impl Paired {
    /// Compares `(first is right, second is right)` of each item.
    #[must_use]
    pub fn new(pairs: &[(bool, bool)], seed: u64) -> Self {
        let first = Share::of(pairs.iter().map(|(first, _)| *first));
        let second = Share::of(pairs.iter().map(|(_, second)| *second));
        let count = |wanted: (bool, bool)| pairs.iter().filter(|&&pair| pair == wanted).count();
        let (only_first, only_second) = (count((true, false)), count((false, true)));
        Self {
            of: pairs.len(),
            first,
            second,
            only_first,
            only_second,
            difference: first.share - second.share,
            interval: bootstrap(pairs, seed),
            p_value: mcnemar(only_first, only_second),
        }
    }
}

/// The exact two-sided p-value of a split of discordant items: twice the smaller binomial tail at one half, at most 1.
#[must_use]
pub fn mcnemar(only_first: usize, only_second: usize) -> f64 {
    let of = only_first + only_second;
    // Logarithms, since 2^-n vanishes beyond a thousand items.
    let mut ln_choose = 0.0;
    let ln_all = of as f64 * std::f64::consts::LN_2;
    let mut tail = 0.0;
    for k in 0..=only_first.min(only_second) {
        tail += f64::exp(ln_choose - ln_all);
        ln_choose += ((of - k) as f64 / (k + 1) as f64).ln();
    }
    (2.0 * tail).min(1.0)
}

/// The percentile interval of the difference in accuracy over resampled items (Efron 1979). The seed repeats it exactly.
#[must_use]
pub fn bootstrap(pairs: &[(bool, bool)], seed: u64) -> Interval {
    if pairs.is_empty() {
        return Interval::default();
    }
    let signs: Vec<i64> = pairs
        .iter()
        .map(|&(first, second)| i64::from(first) - i64::from(second))
        .collect();
    let mut random = SplitMix(seed);
    let mut sums: Vec<i64> = (0..RESAMPLES)
        .map(|_| {
            (0..signs.len())
                .map(|_| signs[random.below(signs.len())])
                .sum()
        })
        .collect();
    sums.sort_unstable();
    let at = |share: f64| {
        let place = share * (RESAMPLES - 1) as f64;
        let (below, above) = (sums[place.floor() as usize], sums[place.ceil() as usize]);
        (below as f64 + (above - below) as f64 * place.fract()) / signs.len() as f64
    };
    Interval {
        low: at(0.025),
        high: at(0.975),
    }
}

/// Random numbers of SplitMix64 (Steele, Lea, Flood 2014).
struct SplitMix(u64);

impl SplitMix {
    /// Below `bound`, by the high half of a product: the bias is below 2^-32 for any list that fits in memory.
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        ((u128::from(z) * bound as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p_values_are_those_of_the_binomial_distribution() {
        // From whole numbers: 2·Σ C(n, k) / 2^n.
        for (only_first, only_second, expected) in MCNEMAR {
            let p = mcnemar(only_first, only_second);
            assert!(
                (p - expected).abs() < 1e-12 * expected.max(1e-3),
                "{only_first} {only_second}: {p}"
            );
        }
    }

    #[test]
    fn a_bootstrap_meets_the_normal_interval_and_repeats_itself() {
        // 60 ties, 30 for the first, 10 for the second: mean 0.2, deviation √(0.4 − 0.04), so 0.2 ± 1.96·0.06.
        let mut pairs = vec![(true, true); 60];
        pairs.extend([(true, false); 30]);
        pairs.extend([(false, true); 10]);
        let interval = bootstrap(&pairs, 1);
        assert!((interval.low - 0.0824).abs() < 0.015, "{interval:?}");
        assert!((interval.high - 0.3176).abs() < 0.015, "{interval:?}");
        assert_eq!(bootstrap(&pairs, 1), interval);
        assert_ne!(SplitMix(1).below(1 << 40), SplitMix(2).below(1 << 40));
    }

    #[test]
    fn two_runs_are_compared_on_what_both_answered() {
        let paired = Paired::new(
            &[(true, false), (true, true), (false, false), (true, false)],
            0,
        );
        assert_eq!(
            (paired.of, paired.only_first, paired.only_second),
            (4, 2, 0)
        );
        assert!((paired.difference - 0.5).abs() < 1e-12);
        assert!((paired.p_value - 0.5).abs() < 1e-12);
        let same = Paired::new(&[(true, true); 3], 0);
        assert_eq!((same.p_value, same.interval), (1.0, Interval::default()));
    }

    const MCNEMAR: [(usize, usize, f64); 6] = [
        (0, 0, 1.0),
        (1, 0, 1.0),
        (5, 1, 0.21875),
        (10, 25, 0.01667384780012071),
        (3, 3, 1.0),
        (400, 700, 1.1735888055605814e-19),
    ];
}
