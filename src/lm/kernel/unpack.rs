//! Packed blocks back as plain values: for embeddings, for the plain arithmetic, and for vector units without byte masks.

use super::format::{Layout, Scales, by_format};
use super::lanes::LANES;
use super::pack::{block_at, shared_at};
use super::{BLOCK, Packed};
use crate::lm::float::from_half;

/// The stored unsigned values of one packed block, quad by quad, four bytes for each lane.
pub(super) type Values = [u8; LANES * BLOCK];

/// Undoes the packing of bits.
#[inline(always)]
pub(super) fn values<F: Layout>(block: &[u8], out: &mut Values) {
    let low = &block[..F::LOW_BYTES];
    if !F::NIBBLES {
        out.copy_from_slice(low);
        return;
    }
    let (first, second) = out.split_at_mut(LANES * BLOCK / 2);
    for ((first, second), byte) in first.iter_mut().zip(second).zip(low) {
        *first = byte & 15;
        *second = byte >> 4;
    }
    let high = &block[F::LOW_BYTES..F::SCALES_AT];
    if F::HIGH == 1 {
        for (eight, bits) in out.chunks_exact_mut(8).zip(high) {
            for (bit, value) in eight.iter_mut().enumerate() {
                *value |= (bits >> bit & 1) << 4;
            }
        }
    }
    if F::HIGH == 2 {
        for (quad, values) in out.chunks_exact_mut(LANES * 4).enumerate() {
            let shift = quad % 4 * 2;
            for (value, bits) in values.iter_mut().zip(&high[quad / 4 * LANES * 4..]) {
                *value |= (bits >> shift & 3) << 4;
            }
        }
    }
}

/// The scale and the minimum of each lane for one half of a block.
#[inline(always)]
pub(super) fn scales<F: Layout>(
    group: &[u8],
    block: usize,
    half: usize,
) -> ([f32; LANES], [f32; LANES]) {
    let at = block_at::<F>(block) + F::SCALES_AT;
    let shared = shared_at::<F>(block);
    let float = |at: usize, lane: usize| {
        from_half(u16::from_le_bytes([
            group[at + lane * 2],
            group[at + lane * 2 + 1],
        ]))
    };
    let mut scales = [0.0; LANES];
    let mut minimums = [0.0; LANES];
    for lane in 0..LANES {
        match F::SCALES {
            Scales::Half => scales[lane] = float(at, lane),
            Scales::HalfMinimum => {
                scales[lane] = float(at, lane);
                minimums[lane] = float(at + 2 * LANES, lane);
            }
            Scales::Shared => {
                scales[lane] = float(shared, lane) * f32::from(group[at + lane]);
                minimums[lane] =
                    -(float(shared + 2 * LANES, lane) * f32::from(group[at + LANES + lane]));
            }
            Scales::SharedHalves => {
                let scale = group[at + half * LANES + lane].cast_signed();
                scales[lane] = float(shared, lane) * f32::from(scale);
            }
        }
    }
    (scales, minimums)
}

impl Packed {
    /// Writes the weights of output feature `output` to `out`, which has `inputs()` places: a token's embedding.
    ///
    /// # Panics
    /// When the feature or the length is out of range: a programming error.
    pub fn row(&self, output: usize, out: &mut [f32]) {
        assert!(output < self.outputs() && out.len() == self.inputs());
        by_format!(
            self.format(),
            row(self.group(output / LANES), output % LANES, out)
        );
    }
}

fn row<F: Layout>(group: &[u8], lane: usize, out: &mut [f32]) {
    let mut stored = [0; LANES * BLOCK];
    for (block, out) in out.chunks_exact_mut(BLOCK).enumerate() {
        let at = block_at::<F>(block);
        values::<F>(&group[at..at + F::BLOCK_BYTES], &mut stored);
        for (half, out) in out.chunks_exact_mut(BLOCK / 2).enumerate() {
            let (scales, minimums) = scales::<F>(group, block, half);
            for (i, value) in out.iter_mut().enumerate() {
                let input = half * 16 + i;
                let byte = stored[(input / 4 * LANES + lane) * 4 + input % 4];
                let signed = i32::from(byte) - F::OFFSET;
                #[allow(clippy::cast_precision_loss, reason = "a byte")]
                let product = scales[lane] * signed as f32;
                *value = product + minimums[lane];
            }
        }
    }
}
