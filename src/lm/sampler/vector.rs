//! Passes over whole vocabularies, written so that the compiler makes vectors of them: sixteen numbers side by side, in an
//! order that never changes.

use super::Mask;
use crate::lm::kernel::gate::exponential;

const LANES: usize = 16;
/// Numbers whose sum is kept in single precision; sums of those are double.
pub(super) const CHUNK: usize = 1024;

/// From a logit to its weight: e^((logit - top) / temperature), 1 for the likeliest.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    pub(super) top: f32,
    /// 1 / temperature.
    pub(super) inverse: f32,
}

impl Scale {
    #[inline]
    pub(super) fn weight(self, logit: f32) -> f32 {
        exponential((logit - self.top) * self.inverse)
    }

    /// The logit of a weight.
    pub(super) fn logit(self, weight: f64) -> f32 {
        #[allow(clippy::cast_possible_truncation, reason = "a difference of logits")]
        let below = (weight.ln() / f64::from(self.inverse)) as f32;
        self.top + below
    }
}

/// The highest number; those that are none count for nothing.
pub(super) fn highest(numbers: &[f32]) -> f32 {
    let mut best = [f32::NEG_INFINITY; LANES];
    let chunks = numbers.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        for lane in 0..LANES {
            best[lane] = larger(best[lane], chunk[lane]);
        }
    }
    best.iter()
        .chain(rest)
        .copied()
        .fold(f32::NEG_INFINITY, larger)
}

fn larger(a: f32, b: f32) -> f32 {
    if b > a { b } else { a }
}

/// The sum of the weights of each [`CHUNK`] logits; returns the sum of all.
pub(super) fn sums(logits: &[f32], scale: Scale, sums: &mut Vec<f64>) -> f64 {
    sums.clear();
    sums.extend(logits.chunks(CHUNK).map(|chunk| sum(chunk, scale)));
    sums.iter().sum()
}

fn sum(logits: &[f32], scale: Scale) -> f64 {
    let mut lanes = [0_f32; LANES];
    let chunks = logits.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        for lane in 0..LANES {
            lanes[lane] += scale.weight(chunk[lane]);
        }
    }
    let rest = rest.iter().map(|&logit| scale.weight(logit));
    lanes.into_iter().chain(rest).map(f64::from).sum()
}

/// The sum of all weights.
pub(super) fn total(logits: &[f32], scale: Scale) -> f64 {
    logits.chunks(CHUNK).map(|chunk| sum(chunk, scale)).sum()
}

/// A number that at least `count` of the logits reach, as high as a look at the highest of each group of neighbours tells;
/// minus infinity when there are too few groups.
pub(super) fn reached_by(logits: &[f32], count: usize, maxima: &mut Vec<f32>) -> f32 {
    const GROUP: usize = 4 * LANES;
    if count == 0 || logits.len() / GROUP <= count {
        return f32::NEG_INFINITY;
    }
    maxima.clear();
    maxima.extend(logits.chunks(GROUP).map(highest));
    let (_, &mut reached, _) = maxima.select_nth_unstable_by(count - 1, |a, b| b.total_cmp(a));
    reached
}

/// Calls `found` for every logit that is at least `limit`, in the order of tokens.
pub(super) fn at_least(logits: &[f32], limit: f32, mut found: impl FnMut(u32, f32)) {
    for (start, chunk) in (0_u32..).step_by(LANES).zip(logits.chunks(LANES)) {
        if reaches(chunk, limit) {
            for (token, &logit) in (start..).zip(chunk) {
                if logit >= limit {
                    found(token, logit);
                }
            }
        }
    }
}

/// The first token whose logit is at least `limit`.
pub(super) fn first_at_least(logits: &[f32], limit: f32) -> Option<u32> {
    let mut chunks = (0_u32..).step_by(LANES).zip(logits.chunks(LANES));
    let (start, chunk) = chunks.find(|(_, chunk)| reaches(chunk, limit))?;
    let mut tokens = (start..).zip(chunk);
    tokens
        .find(|&(_, &logit)| logit >= limit)
        .map(|(token, _)| token)
}

fn reaches(chunk: &[f32], limit: f32) -> bool {
    chunk
        .iter()
        .fold(false, |reached, &logit| reached | (logit >= limit))
}

/// Takes away the logits of tokens that the mask does not name.
pub(super) fn keep_only(logits: &mut [f32], mask: Mask<'_>) {
    let mut words = mask.iter();
    for chunk in logits.chunks_mut(32) {
        match words.next().copied().unwrap_or(0) {
            0 => chunk.fill(f32::NEG_INFINITY),
            u32::MAX => {}
            word => {
                for (bit, logit) in chunk.iter_mut().enumerate() {
                    if word >> bit & 1 == 0 {
                        *logit = f32::NEG_INFINITY;
                    }
                }
            }
        }
    }
}
