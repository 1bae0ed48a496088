//! Soft-max attention of one head of one row over blocks of sixteen tokens.
//!
//! Keys lie number by number with sixteen tokens side by side, so sixteen scores are computed at once without a horizontal
//! sum. Every lane's sum runs in a fixed order and nothing is fused, so the compiler's vectors give the bits of plain code;
//! the exponential is our own, so no machine's library can differ.

use super::Instructions;
use crate::lm::config::Activation;

/// Tokens of a block.
pub const TOKENS: usize = 16;

/// Keys (`head_width` rows of sixteen tokens) and values (sixteen rows of `stride`, of which the first `head_width` count).
#[derive(Debug, Clone, Copy)]
pub struct Block<'a> {
    pub keys: &'a [f32],
    pub values: &'a [f32],
}

/// One head of one row.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    pub query: &'a [f32],
    pub blocks: &'a [Block<'a>],
    /// Tokens of the first block that are not attended to: they left the window.
    pub skip: usize,
    /// Tokens of the blocks up to the row's own, the skipped ones included: all blocks are full but the last.
    pub length: usize,
    /// What products of queries and keys are multiplied by.
    pub scale: f32,
    /// Scores become `cap * tanh(score / cap)`.
    pub cap: Option<f32>,
    /// Numbers from one token's values to the next's.
    pub stride: usize,
}

/// `out = sum of softmax(q k scale) v`. `scores` is memory to work in.
///
/// # Panics
/// When the blocks do not hold `length` tokens of the head's width: a programming error.
pub fn attend(head: &Head<'_>, scores: &mut Vec<f32>, out: &mut [f32], instructions: Instructions) {
    match instructions {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the variant is only made after AVX-512 F was detected.
        Instructions::Avx512Vnni => unsafe { attend_avx512(head, scores, out) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the variant is only made after AVX2 was detected.
        Instructions::Avx2 => unsafe { attend_avx2(head, scores, out) },
        _ => attend_plain(head, scores, out),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn attend_avx2(head: &Head<'_>, scores: &mut Vec<f32>, out: &mut [f32]) {
    attend_plain(head, scores, out);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw")]
fn attend_avx512(head: &Head<'_>, scores: &mut Vec<f32>, out: &mut [f32]) {
    attend_plain(head, scores, out);
}

#[inline(always)]
#[allow(
    clippy::inline_always,
    reason = "compiled once for each instruction set"
)]
fn attend_plain(head: &Head<'_>, scores: &mut Vec<f32>, out: &mut [f32]) {
    let width = head.query.len();
    scores.clear();
    scores.resize(head.blocks.len() * TOKENS, 0.0);
    for (block, scores) in head.blocks.iter().zip(scores.chunks_exact_mut(TOKENS)) {
        let mut sums = [0_f32; TOKENS];
        for (&q, keys) in head.query.iter().zip(block.keys.chunks_exact(TOKENS)) {
            for lane in 0..TOKENS {
                sums[lane] += q * keys[lane];
            }
        }
        for lane in 0..TOKENS {
            scores[lane] = sums[lane] * head.scale;
        }
    }
    if let Some(cap) = head.cap {
        for score in scores.iter_mut() {
            *score = cap * tanh(*score / cap);
        }
    }
    // Places before the window and behind the last token weigh nothing.
    scores[..head.skip].fill(f32::NEG_INFINITY);
    scores[head.length..].fill(f32::NEG_INFINITY);
    let mut highest = [f32::NEG_INFINITY; TOKENS];
    for scores in scores.chunks_exact(TOKENS) {
        for lane in 0..TOKENS {
            highest[lane] = if scores[lane] > highest[lane] {
                scores[lane]
            } else {
                highest[lane]
            };
        }
    }
    let highest = highest.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sums = [0_f32; TOKENS];
    for scores in scores.chunks_exact_mut(TOKENS) {
        for lane in 0..TOKENS {
            scores[lane] = exponential(scores[lane] - highest);
            sums[lane] += scores[lane];
        }
    }
    let total: f32 = sums.iter().sum();
    out.fill(0.0);
    for (number, &score) in scores[..head.length].iter().enumerate().skip(head.skip) {
        let start = number % TOKENS * head.stride;
        let values = &head.blocks[number / TOKENS].values[start..start + width];
        for (sum, &value) in out.iter_mut().zip(values) {
            *sum += score * value;
        }
    }
    let share = 1.0 / total;
    for value in out {
        *value *= share;
    }
}

/// Adding and taking this away rounds to the nearest integer: beyond it floats have no fraction bits left.
const ROUND: f32 = 12_582_912.0;

/// e^x to about 1e-7 of its value; 0 below -87, and never above e^88. Argument reduction by ln 2 in two parts and the
/// polynomial of Cephes' `expf` (Moshier 1989).
#[inline(always)]
#[must_use]
#[allow(clippy::inline_always, reason = "vectorised where it is used")]
pub fn exponential(x: f32) -> f32 {
    let bounded = if x > 88.0 { 88.0 } else { x };
    let bounded = if bounded < -87.0 { -87.0 } else { bounded };
    let turns = (bounded * std::f32::consts::LOG2_E + ROUND) - ROUND;
    let rest = bounded - turns * 0.693_359_4 + turns * 2.121_944_4e-4;
    let mut sum = 1.987_569_1e-4;
    sum = sum * rest + 1.398_199_9e-3;
    sum = sum * rest + 8.333_452e-3;
    sum = sum * rest + 4.166_579_6e-2;
    sum = sum * rest + 1.666_666_5e-1;
    sum = sum * rest + 0.5;
    let value = sum * rest * rest + rest + 1.0;
    #[allow(clippy::cast_possible_truncation, reason = "an integer in -126..=127")]
    let power = f32::from_bits(((turns as i32 + 127) << 23).cast_unsigned());
    if x < -87.0 { 0.0 } else { value * power }
}

/// tanh by the exponential: within 2e-7 of it where |x| is not tiny, never outside -1..=1.
#[inline(always)]
#[must_use]
#[allow(clippy::inline_always, reason = "vectorised where it is used")]
pub fn tanh(x: f32) -> f32 {
    1.0 - 2.0 / (exponential(2.0 * x) + 1.0)
}

/// `gate = activation(gate) * up`, number by number.
pub fn gated(activation: Activation, gate: &mut [f32], up: &[f32], instructions: Instructions) {
    match instructions {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the variant is only made after AVX-512 F was detected.
        Instructions::Avx512Vnni => unsafe { gated_avx512(activation, gate, up) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the variant is only made after AVX2 was detected.
        Instructions::Avx2 => unsafe { gated_avx2(activation, gate, up) },
        _ => gated_plain(activation, gate, up),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn gated_avx2(activation: Activation, gate: &mut [f32], up: &[f32]) {
    gated_plain(activation, gate, up);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw")]
fn gated_avx512(activation: Activation, gate: &mut [f32], up: &[f32]) {
    gated_plain(activation, gate, up);
}

#[inline(always)]
#[allow(
    clippy::inline_always,
    reason = "compiled once for each instruction set"
)]
fn gated_plain(activation: Activation, gate: &mut [f32], up: &[f32]) {
    match activation {
        Activation::Silu => {
            for (g, &u) in gate.iter_mut().zip(up) {
                *g = *g / (1.0 + exponential(-*g)) * u;
            }
        }
        Activation::Gelu => {
            for (g, &u) in gate.iter_mut().zip(up) {
                let inner = 0.797_884_6 * (*g + 0.044_715 * *g * *g * *g);
                *g = 0.5 * *g * (1.0 + tanh(inner)) * u;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_is_close_everywhere() {
        for step in -9000_i16..9000 {
            let x = f32::from(step) * 0.01;
            let (found, exact) = (exponential(x), f64::from(x).exp());
            if x < -87.0 {
                assert_eq!(found, 0.0);
            } else if x <= 88.0 {
                let error = (f64::from(found) - exact).abs() / exact;
                assert!(error < 3e-7, "e^{x}: {found}, exact {exact}");
            }
        }
        assert_eq!(exponential(0.0), 1.0);
        assert_eq!(exponential(f32::NEG_INFINITY), 0.0);
        assert!(exponential(500.0).is_finite());
    }

    fn numbers(count: usize, seed: u32) -> Vec<f32> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 8_388_608.0 - 1.0
        };
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn all_instructions_give_the_same_bits_and_the_right_numbers() {
        for (width, length, stride) in [
            (16_usize, 1_usize, 16_usize),
            (64, 16, 192),
            (64, 37, 64),
            (20, 100, 41),
        ] {
            let blocks = length.div_ceil(TOKENS);
            let query = numbers(width, 1);
            let keys = numbers(blocks * width * TOKENS, 2);
            let values = numbers(blocks * TOKENS * stride, 3);
            let blocks: Vec<Block<'_>> = keys
                .chunks_exact(width * TOKENS)
                .zip(values.chunks_exact(TOKENS * stride))
                .map(|(keys, values)| Block { keys, values })
                .collect();
            let head = Head {
                query: &query,
                blocks: &blocks,
                skip: 0,
                length,
                scale: 1.0 / (width as f32).sqrt(),
                cap: None,
                stride,
            };
            let run = |instructions| {
                let mut out = vec![9.0; width];
                attend(&head, &mut vec![5.0; 3], &mut out, instructions);
                out
            };
            let plain = run(Instructions::Portable);
            for instructions in [Instructions::Avx2, Instructions::Avx512Vnni] {
                if instructions <= Instructions::detect() {
                    assert_eq!(plain, run(instructions), "{instructions:?}");
                }
            }
            let score = |t: usize| {
                let keys = blocks[t / TOKENS].keys;
                let dot: f32 = (0..width)
                    .map(|d| query[d] * keys[d * TOKENS + t % TOKENS])
                    .sum();
                f64::from(dot / (width as f32).sqrt()).exp()
            };
            let total: f64 = (0..length).map(score).sum();
            for (d, found) in plain.iter().enumerate() {
                let value = |t: usize| f64::from(values[t * stride + d]);
                let exact: f64 = (0..length).map(|t| score(t) / total * value(t)).sum();
                assert!((f64::from(*found) - exact).abs() < 1e-5, "{found} {exact}");
            }
        }
    }
}
