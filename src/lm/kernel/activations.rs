//! Activations, quantised per row and block of 32 to signed bytes.

use super::lanes::{LANES, Lanes, by_instructions};
use super::pool::{Pool, Shards};
use super::{BLOCK, Instructions};
use std::slice::from_raw_parts_mut;

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
            let count = part_blocks.min(blocks - first);
            let from = &values[first * BLOCK..(first + count) * BLOCK];
            // SAFETY: each block is written by one part, and the buffers hold all blocks.
            let to = unsafe {
                Target {
                    bytes: from_raw_parts_mut(bytes.at(first * BLOCK), count * BLOCK),
                    scales: from_raw_parts_mut(scales.at(first), count),
                    sums: from_raw_parts_mut(sums.at(first), count),
                    totals: from_raw_parts_mut(totals.at(first), count),
                }
            };
            by_instructions!(instructions, quantise(from: &[f32], to: Target<'_>));
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

/// Where some blocks go.
struct Target<'a> {
    bytes: &'a mut [i8],
    scales: &'a mut [f32],
    sums: &'a mut [[i32; 2]],
    totals: &'a mut [f32],
}

/// Adding and taking this away rounds to the nearest even integer: beyond it floats have no fraction bits left.
const ROUND: f32 = 12_582_912.0;

#[inline(always)]
unsafe fn quantise<L: Lanes>(from: &[f32], to: Target<'_>) {
    let blocks = from
        .chunks_exact(BLOCK)
        .zip(to.bytes.chunks_exact_mut(BLOCK));
    let numbers = to.scales.iter_mut().zip(to.sums).zip(to.totals);
    for ((from, bytes), ((scale, sums), total)) in blocks.zip(numbers) {
        // SAFETY: a block has two times sixteen values.
        unsafe {
            let halves = [L::load(from.as_ptr()), L::load(from.as_ptr().add(LANES))];
            let magnitude = |x: L| x.max(L::splat(0.0).sub(x));
            let largest = magnitude(halves[0]).max(magnitude(halves[1])).largest();
            let inverse = L::splat(if largest > 0.0 { 127.0 / largest } else { 0.0 });
            let round = L::splat(ROUND);
            for (half, (values, sum)) in halves.into_iter().zip(sums.iter_mut()).enumerate() {
                let rounded = values.mul(inverse).add(round).sub(round);
                *sum = rounded.store_bytes(bytes.as_mut_ptr().add(half * LANES));
            }
            *scale = largest / 127.0;
            *total = *scale * (sums[0] + sums[1]) as f32;
        }
    }
}
