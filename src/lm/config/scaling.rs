//! Rotations stretched beyond the context that a model was first trained on.
//!
//! Each way gives a divisor for the frequency of every pair of numbers of a head.

use super::Rotary;
use std::f64::consts::TAU;

/// Llama 3.1's way: high frequencies stay, low ones are divided, those between are blended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Blended {
    pub factor: f64,
    /// Turns within the original context below which a frequency counts as low.
    pub low: f64,
    /// Turns above which it counts as high.
    pub high: f64,
    /// Tokens of the original context.
    pub original: f64,
}

impl Blended {
    /// Divisors of `rotary`'s frequencies, none of its own factors counted.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, reason = "factors are used as f32")]
    pub fn divisors(&self, rotary: &Rotary) -> Vec<f32> {
        let plain = Rotary {
            factors: Vec::new(),
            ..rotary.clone()
        };
        let divisor = |frequency: f64| {
            let turns = self.original * frequency / TAU;
            if turns > self.high {
                1.0
            } else if turns < self.low {
                self.factor
            } else {
                let share = (turns - self.low) / (self.high - self.low);
                1.0 / ((1.0 - share) / self.factor + share)
            }
        };
        let frequencies = plain.frequencies().into_iter();
        frequencies.map(|f| divisor(f) as f32).collect()
    }
}

/// What `LongRoPE` multiplies sines and cosines by (Ding et al. 2024, section 4): sqrt(1 + ln(factor) / ln(original)).
#[must_use]
#[allow(clippy::cast_possible_truncation, reason = "used as f32")]
pub fn long_magnitude(factor: f64, original: f64) -> f32 {
    if factor <= 1.0 || original <= 1.0 {
        return 1.0;
    }
    (1.0 + factor.ln() / original.ln()).sqrt() as f32
}

#[cfg(test)]
mod tests {
    use super::super::Pairs;
    use super::*;

    #[test]
    fn high_frequencies_stay_and_low_ones_are_divided() {
        let rotary = Rotary {
            width: 128,
            base: 500_000.0,
            pairs: Pairs::Halves,
            factors: vec![7.0; 64],
            magnitude: 1.0,
        };
        // Llama 3.1's own settings.
        let blended = Blended {
            factor: 8.0,
            low: 1.0,
            high: 4.0,
            original: 8192.0,
        };
        let divisors = blended.divisors(&rotary);
        assert_eq!(divisors.len(), 64);
        // The pairs at which a turn takes 2048 and 8192 tokens lie at 28.2 and 35.0.
        assert!(divisors[..29].iter().all(|&d| d == 1.0));
        assert!(divisors[35..].iter().all(|&d| d == 8.0), "{divisors:?}");
        assert!(divisors[29..35].windows(2).all(|d| d[0] < d[1]));
        assert!(divisors[29..35].iter().all(|d| (1.0..8.0).contains(d)));
    }

    #[test]
    fn a_longer_context_is_louder() {
        // Phi-3-mini-128k: 131072 tokens, 4096 of them original.
        assert!((long_magnitude(32.0, 4096.0) - 1.190_238).abs() < 1e-6);
        assert_eq!(long_magnitude(1.0, 4096.0), 1.0);
    }
}
