//! Products of plain float weights (32-bit, binary16, bfloat16) and float activations.
//!
//! Weights lie input by input, sixteen outputs side by side, so a sum over the inputs needs no horizontal step: each output is
//! one chain of fused multiply-adds in the order of the inputs.

use super::Instructions;
use super::lanes::{LANES, Lanes, by_instructions};
use super::pool::{Pool, Shards};
use rayon::prelude::*;

/// How the numbers are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Float {
    F32,
    /// IEEE 754 binary16.
    Half,
    /// bfloat16.
    Brain,
}

impl Float {
    fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::Half | Self::Brain => 2,
        }
    }
}

/// A float matrix ready to be multiplied.
#[derive(Debug, Clone)]
pub struct Dense {
    float: Float,
    outputs: usize,
    inputs: usize,
    /// Numbers of the kind, as 16-bit words: per group and input, sixteen lanes.
    words: Vec<u16>,
}

/// Rows of a tile.
const ROWS: usize = 6;
/// Groups of a tile when there are few rows: chains of sums that run side by side.
const GROUPS: usize = 4;

impl Dense {
    /// Repacks little-endian `bytes`: `outputs` rows of `inputs` numbers. `None` when the sizes do not fit.
    #[must_use]
    pub fn new(float: Float, bytes: &[u8], outputs: usize, inputs: usize) -> Option<Self> {
        let row_bytes = inputs.checked_mul(float.bytes())?;
        if inputs == 0 || outputs == 0 || bytes.len() != row_bytes.checked_mul(outputs)? {
            return None;
        }
        let each = float.bytes() / 2;
        let group_words = inputs * LANES * each;
        let mut words = vec![0; outputs.div_ceil(LANES) * group_words];
        words
            .par_chunks_exact_mut(group_words)
            .zip(bytes.par_chunks(LANES * row_bytes))
            .for_each(|(group, rows)| {
                for (lane, row) in rows.chunks_exact(row_bytes).enumerate() {
                    for (input, number) in row.chunks_exact(float.bytes()).enumerate() {
                        let at = (input * LANES + lane) * each;
                        for (word, two) in
                            group[at..at + each].iter_mut().zip(number.chunks_exact(2))
                        {
                            *word = u16::from_le_bytes([two[0], two[1]]);
                        }
                    }
                }
            });
        Some(Self {
            float,
            outputs,
            inputs,
            words,
        })
    }

    #[must_use]
    pub fn float(&self) -> Float {
        self.float
    }

    /// Output features.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Input features.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Bytes held in memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.words.len() * 2
    }

    /// Writes the weights of output feature `output` to `out`, which has `inputs()` places.
    ///
    /// # Panics
    /// When the feature or the length is out of range: a programming error.
    pub fn row(&self, output: usize, out: &mut [f32]) {
        assert!(output < self.outputs && out.len() == self.inputs);
        let each = self.float.bytes() / 2;
        let group = self.group(output / LANES);
        for (input, value) in out.iter_mut().enumerate() {
            let at = (input * LANES + output % LANES) * each;
            *value = match self.float {
                Float::F32 => f32::from_bits(u32::from(group[at]) | u32::from(group[at + 1]) << 16),
                Float::Half => crate::lm::float::from_half(group[at]),
                Float::Brain => f32::from_bits(u32::from(group[at]) << 16),
            };
        }
    }

    fn group(&self, group: usize) -> &[u16] {
        let words = self.inputs * LANES * self.float.bytes() / 2;
        &self.words[group * words..(group + 1) * words]
    }

    /// `out[r, n] = sum over k of x[r, k] * w[n, k]`; `x` holds rows of `inputs()` values, `out` rows of `outputs()`.
    ///
    /// # Panics
    /// When the shapes differ: a programming error.
    pub fn multiply(&self, x: &[f32], out: &mut [f32], instructions: Instructions, pool: &Pool) {
        assert!(x.len().is_multiple_of(self.inputs), "whole rows");
        let rows = x.len() / self.inputs;
        assert_eq!(out.len(), rows * self.outputs, "an output of another shape");
        let groups = self.outputs.div_ceil(LANES);
        let width = if rows < ROWS { GROUPS } else { 1 };
        let out = Shards(out.as_mut_ptr());
        pool.run(groups.div_ceil(width), &|part| {
            let first = part * width;
            let count = width.min(groups - first);
            let mut row = 0;
            while row < rows {
                let height = ROWS.min(rows - row);
                let piece = Piece {
                    dense: self,
                    first,
                    count,
                    x: &x[row * self.inputs..(row + height) * self.inputs],
                    out: &out,
                    row,
                };
                by_instructions!(instructions, tile(piece: Piece<'_>));
                row += height;
            }
        });
    }
}

struct Piece<'a> {
    dense: &'a Dense,
    first: usize,
    count: usize,
    x: &'a [f32],
    out: &'a Shards<f32>,
    row: usize,
}

#[inline(always)]
unsafe fn tile<L: Lanes>(piece: Piece<'_>) {
    let rows = piece.x.len() / piece.dense.inputs;
    // SAFETY: as this function's.
    unsafe {
        match (piece.count, rows) {
            (1, 6) => sums::<L, 1, 6>(&piece, 0, 0),
            (4, 1) => sums::<L, 4, 1>(&piece, 0, 0),
            (4, 2) => sums::<L, 4, 2>(&piece, 0, 0),
            _ => {
                for group in 0..piece.count {
                    for row in 0..rows {
                        sums::<L, 1, 1>(&piece, group, row);
                    }
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn sums<L: Lanes, const G: usize, const R: usize>(
    piece: &Piece<'_>,
    group: usize,
    row: usize,
) {
    let dense = piece.dense;
    let inputs = dense.inputs;
    let each = dense.float.bytes() / 2;
    let x = &piece.x[row * inputs..(row + R) * inputs];
    // SAFETY: a group holds sixteen numbers for each input; `x` has R rows.
    unsafe {
        let weights: [*const u16; G] =
            std::array::from_fn(|g| dense.group(piece.first + group + g).as_ptr());
        let mut acc = [[L::splat(0.0); R]; G];
        macro_rules! over_inputs {
            (|$at:ident| $load:expr) => {
                for input in 0..inputs {
                    let values: [L; R] =
                        std::array::from_fn(|r| L::splat(*x.get_unchecked(r * inputs + input)));
                    for (acc, weights) in acc.iter_mut().zip(weights) {
                        let $at = weights.add(input * LANES * each);
                        let w: L = $load;
                        for (sum, value) in acc.iter_mut().zip(values) {
                            *sum = value.mul_add(w, *sum);
                        }
                    }
                }
            };
        }
        match dense.float {
            Float::F32 => over_inputs!(|at| L::load(at.cast())),
            Float::Half => over_inputs!(|at| L::load_half(at)),
            Float::Brain => over_inputs!(|at| L::load_brain(at)),
        }
        for (g, acc) in acc.into_iter().enumerate() {
            let first = (piece.first + group + g) * LANES;
            let count = LANES.min(dense.outputs - first);
            for (r, sum) in acc.into_iter().enumerate() {
                let to = piece.out.at((piece.row + row + r) * dense.outputs + first);
                std::ptr::copy_nonoverlapping(sum.array().as_ptr(), to, count);
            }
        }
    }
}
