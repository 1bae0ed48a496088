//! Draws the next token from logits.
//!
//! The random number of a draw depends on the seed and the position in the answer alone, so the same seed gives the same text
//! whatever else the engine does. Order: repeat penalty, temperature, top-k, top-p, min-p.

use crate::domain::request::Sampling;

/// How one answer's tokens are drawn.
#[derive(Debug, Clone)]
pub struct Sampler {
    temperature: f32,
    top_k: usize,
    top_p: f32,
    min_p: f32,
    repeat_penalty: f32,
    seed: u64,
}

impl Sampler {
    /// `seed` is used when the request names none.
    #[must_use]
    pub fn new(sampling: &Sampling, seed: u64) -> Self {
        Self {
            temperature: sampling.clamped_temperature(),
            top_k: sampling.top_k.map_or(0, |k| k as usize),
            top_p: sampling.top_p.unwrap_or(1.0),
            min_p: sampling.min_p.unwrap_or(0.0),
            repeat_penalty: sampling.repeat_penalty.unwrap_or(1.0),
            seed: sampling.seed.unwrap_or(seed),
        }
    }

    /// The token at `position` of the answer; `seen` are all tokens before it, the prompt's included.
    #[must_use]
    pub fn draw(&self, logits: &[f32], seen: &[u32], position: u64) -> u32 {
        let penalised = (self.repeat_penalty != 1.0).then(|| self.penalise(logits, seen));
        let logits = penalised.as_deref().unwrap_or(logits);
        if self.temperature <= 0.0 {
            return highest(logits);
        }
        let candidates = self.candidates(logits);
        choose(&candidates, unit(self.seed, position))
    }

    /// Divides the logits of tokens already seen (CTRL, Keskar et al. 2019, §4.1; negative ones are multiplied, as everybody does).
    fn penalise(&self, logits: &[f32], seen: &[u32]) -> Vec<f32> {
        let mut logits = logits.to_vec();
        let mut seen = seen.to_vec();
        seen.sort_unstable();
        seen.dedup();
        for token in seen {
            if let Some(logit) = logits.get_mut(token as usize) {
                *logit = if *logit > 0.0 {
                    *logit / self.repeat_penalty
                } else {
                    *logit * self.repeat_penalty
                };
            }
        }
        logits
    }

    /// Tokens that may be drawn with their weights, most likely first (in the order of tokens when nothing is cut off).
    fn candidates(&self, logits: &[f32]) -> Vec<(u32, f32)> {
        let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let cut_by_min = if self.min_p > 0.0 { self.min_p } else { 0.0 };
        let mut kept: Vec<(u32, f32)> = Vec::with_capacity(logits.len());
        for (token, &logit) in (0_u32..).zip(logits) {
            let weight = ((logit - top) / self.temperature).exp();
            if weight > 0.0 {
                kept.push((token, weight));
            }
        }
        let by_weight = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
        if self.top_k > 0 && self.top_k < kept.len() {
            kept.select_nth_unstable_by(self.top_k - 1, by_weight);
            kept.truncate(self.top_k);
        }
        if self.top_p < 1.0 {
            kept.sort_unstable_by(by_weight);
            let total: f32 = kept.iter().map(|c| c.1).sum();
            let mut sum = 0.0;
            let mut count = 0;
            for candidate in &kept {
                count += 1;
                sum += candidate.1;
                if sum >= self.top_p * total {
                    break;
                }
            }
            kept.truncate(count.max(1));
        } else if self.top_k > 0 {
            kept.sort_unstable_by(by_weight);
        }
        // Weights are relative to the most likely token's, which is 1.
        if cut_by_min > 0.0 {
            kept.retain(|c| c.1 >= cut_by_min || c.1 >= 1.0);
        }
        kept
    }
}

/// The most likely token; the first of equals.
fn highest(logits: &[f32]) -> u32 {
    let mut best = (0_u32, f32::NEG_INFINITY);
    for (token, &logit) in (0_u32..).zip(logits) {
        if logit > best.1 {
            best = (token, logit);
        }
    }
    best.0
}

fn choose(candidates: &[(u32, f32)], point: f64) -> u32 {
    let total: f64 = candidates.iter().map(|c| f64::from(c.1)).sum();
    let mut left = point * total;
    for &(token, weight) in candidates {
        left -= f64::from(weight);
        if left < 0.0 {
            return token;
        }
    }
    candidates.last().map_or(0, |c| c.0)
}

/// A number in 0..1 from a seed and a counter (`SplitMix64`, Steele et al. 2014, as a hash of both).
fn unit(seed: u64, counter: u64) -> f64 {
    let bits = mix(mix(seed) ^ counter.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    #[allow(clippy::cast_precision_loss, reason = "53 bits")]
    let fraction = (bits >> 11) as f64;
    fraction / 9_007_199_254_740_992.0
}

fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampler(set: impl FnOnce(&mut Sampling)) -> Sampler {
        let mut sampling = Sampling {
            temperature: Some(1.0),
            seed: Some(7),
            ..Sampling::default()
        };
        set(&mut sampling);
        Sampler::new(&sampling, 0)
    }

    const LOGITS: [f32; 4] = [1.0, 3.0, 2.0, -1.0];

    fn drawn(sampler: &Sampler) -> [usize; 4] {
        let mut counts = [0; 4];
        for position in 0..4000 {
            counts[sampler.draw(&LOGITS, &[], position) as usize] += 1;
        }
        counts
    }

    #[test]
    fn frequencies_are_those_of_the_soft_max() {
        let total: f32 = LOGITS.iter().map(|l| l.exp()).sum();
        for (count, logit) in drawn(&sampler(|_| {})).into_iter().zip(LOGITS) {
            let expected = logit.exp() / total * 4000.0;
            assert!(
                (count as f32 - expected).abs() < 120.0,
                "{count} {expected}"
            );
        }
    }

    #[test]
    fn cuts_leave_the_most_likely() {
        let only = |counts: [usize; 4]| counts.map(|c| c > 0);
        let two = [false, true, true, false];
        assert_eq!(only(drawn(&sampler(|s| s.top_k = Some(2)))), two);
        assert_eq!(only(drawn(&sampler(|s| s.top_p = Some(0.85)))), two);
        assert_eq!(only(drawn(&sampler(|s| s.min_p = Some(0.3)))), two);
        let one = [false, true, false, false];
        assert_eq!(only(drawn(&sampler(|s| s.top_p = Some(0.0)))), one);
        assert_eq!(only(drawn(&sampler(|s| s.temperature = Some(0.0)))), one);
        assert_eq!(only(drawn(&sampler(|s| s.top_k = Some(1)))), one);
    }

    #[test]
    fn seen_tokens_lose() {
        let greedy = sampler(|s| {
            s.temperature = Some(0.0);
            s.repeat_penalty = Some(2.0);
        });
        assert_eq!(greedy.draw(&LOGITS, &[1, 1], 0), 2);
        assert_eq!(greedy.draw(&[-1.0, -1.5], &[0], 0), 1);
    }

    #[test]
    fn a_draw_depends_on_seed_and_position_alone() {
        let (a, b) = (sampler(|_| {}), sampler(|s| s.seed = Some(8)));
        let text = |s: &Sampler| (0..64).map(|p| s.draw(&LOGITS, &[], p)).collect::<Vec<_>>();
        assert_eq!(text(&a), text(&a));
        assert_ne!(text(&a), text(&b));
    }
}
