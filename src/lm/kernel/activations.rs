//! Activations, quantised per row and block of 32 to signed bytes.

use super::lanes::{LANES, Lanes, by_instructions};
use super::pool::{Pool, Shards};
use super::{BLOCK, Instructions};

/// Rows of 8-bit values with what products need to know of each block.
#[derive(Debug, Clone, Default)]
pub struct Activations {
    rows: usize,
    inputs: usize,
    /// `rows * inputs` bytes in -127..=127.
    pub(super) bytes: Vec<i8>,
    /// A scale for each block: value = byte * scale.
    pub(super) scales: Vec<f32>,
    /// Sums of the bytes of each half block of 16; exact.
    pub(super) sums: Vec<[i32; 2]>,
    /// scale * (sum of the block's bytes): what a minimum is multiplied by.
    pub(super) totals: Vec<f32>,
}

/// Rows that one part of the pool's work quantises.
const ROWS: usize = 8;

impl Activations {
    /// Quantises `values` (rows of `inputs`, which must be a multiple of 32), reusing the buffers of `self`.
    ///
    /// scale = max|x| / 127, byte = round to nearest even of x * (127 / max|x|).
    ///
    /// # Panics
    /// When `values` is not whole rows of whole blocks: a programming error.
    pub fn quantise(
        &mut self,
        values: &[f32],
        inputs: usize,
        instructions: Instructions,
        pool: &Pool,
    ) {
        assert!(
            inputs > 0 && inputs.is_multiple_of(BLOCK) && values.len().is_multiple_of(inputs),
            "rows of whole blocks"
        );
        self.inputs = inputs;
        self.rows = values.len() / inputs;
        let blocks = values.len() / BLOCK;
        self.bytes.resize(values.len(), 0);
        self.scales.resize(blocks, 0.0);
        self.sums.resize(blocks, [0; 2]);
        self.totals.resize(blocks, 0.0);
        let bytes = Shards(self.bytes.as_mut_ptr());
        let scales = Shards(self.scales.as_mut_ptr());
        let sums = Shards(self.sums.as_mut_ptr());
        let totals = Shards(self.totals.as_mut_ptr());
        let part_blocks = ROWS * (inputs / BLOCK);
        pool.run(self.rows.div_ceil(ROWS), &|part| {
            let first = part * part_blocks;
            let last = (first + part_blocks).min(blocks);
            for block in first..last {
                let from = &values[block * BLOCK..(block + 1) * BLOCK];
                // SAFETY: each block is written by one part, and the buffers hold all blocks.
                let target = unsafe {
                    Target {
                        bytes: &mut *bytes.at(block * BLOCK).cast(),
                        scale: &mut *scales.at(block),
                        sums: &mut *sums.at(block),
                        total: &mut *totals.at(block),
                    }
                };
                by_instructions!(instructions, quantise_block(from: &[f32], target: Target<'_>));
            }
        });
    }

    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    #[must_use]
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    pub(super) fn blocks(&self) -> usize {
        self.inputs / BLOCK
    }
}

struct Target<'a> {
    bytes: &'a mut [i8; BLOCK],
    scale: &'a mut f32,
    sums: &'a mut [i32; 2],
    total: &'a mut f32,
}

/// Adding and taking this away rounds to the nearest even integer: beyond it floats have no fraction bits left.
const ROUND: f32 = 12_582_912.0;

#[inline(always)]
unsafe fn quantise_block<L: Lanes>(from: &[f32], target: Target<'_>) {
    // SAFETY: a block has two times sixteen values, and so has `rounded`.
    unsafe {
        let halves = [L::load(from.as_ptr()), L::load(from.as_ptr().add(LANES))];
        let magnitude = |x: L| x.max(L::splat(0.0).sub(x));
        let largest = magnitude(halves[0]).max(magnitude(halves[1])).largest();
        if largest == 0.0 {
            *target.bytes = [0; BLOCK];
            *target.scale = 0.0;
            *target.sums = [0; 2];
            *target.total = 0.0;
            return;
        }
        let inverse = L::splat(127.0 / largest);
        let round = L::splat(ROUND);
        for (half, (values, sum)) in halves.into_iter().zip(target.sums.iter_mut()).enumerate() {
            let rounded = values.mul(inverse).add(round).sub(round).array();
            *sum = 0;
            for (byte, value) in target.bytes[half * LANES..].iter_mut().zip(rounded) {
                #[allow(clippy::cast_possible_truncation, reason = "an integer in -127..=127")]
                let whole = value as i32;
                *byte = whole as i8;
                *sum += whole;
            }
        }
        let scale = largest / 127.0;
        *target.scale = scale;
        *target.total = scale * (target.sums[0] + target.sums[1]) as f32;
    }
}
