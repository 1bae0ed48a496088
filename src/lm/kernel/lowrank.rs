//! Low-rank updates of a linear map, `y += factor * B (A x)` (LoRA, Hu et al. 2021, eq. 3), for one row or many.
//!
//! One arithmetic for every instruction set and number of rows: each sum runs in a fixed order, sixteen numbers side by side,
//! and nothing is fused; so the compiler's vectors give the bits of plain code, and a row never depends on its neighbours.
//! Both factors lie in the order in which they are read, as they were stored (16 or 32 bits), and are widened exactly in
//! registers: with one row, as in decoding, the speed is that of memory.

mod lanes;
mod numbers;
mod product;

pub use numbers::{Bf16, Half, Numbers};

use super::Instructions;
use std::sync::Arc;

/// Numbers computed side by side.
const LANES: usize = 16;

/// The two factors of one update, ready for products.
#[derive(Debug, Clone)]
pub struct LowRank {
    rank: usize,
    inputs: usize,
    outputs: usize,
    /// A: groups of sixteen inputs; in each, `rank` rows of sixteen. The last group is filled up with zeros.
    down: Arc<Numbers>,
    /// B: the same of outputs.
    up: Arc<Numbers>,
}

impl LowRank {
    /// From A, `rank` rows of `inputs`, and B, `outputs` rows of `rank`.
    ///
    /// # Panics
    /// When the numbers are not of that shape: a programming error.
    #[must_use]
    pub fn new(rank: usize, inputs: usize, outputs: usize, a: &Numbers, b: &Numbers) -> Self {
        assert_eq!(a.len(), rank * inputs, "a factor A of another shape");
        assert_eq!(b.len(), outputs * rank, "a factor B of another shape");
        let in_groups = |width: usize| {
            (0..width.div_ceil(LANES)).flat_map(move |group| {
                (0..rank).flat_map(move |r| {
                    (group * LANES..(group + 1) * LANES)
                        .map(move |at| (r, (at < width).then_some(at)))
                })
            })
        };
        let down = in_groups(inputs).map(|(r, at)| at.map(|input| r * inputs + input));
        let up = in_groups(outputs).map(|(r, at)| at.map(|output| output * rank + r));
        Self {
            rank,
            inputs,
            outputs,
            down: Arc::new(a.picked(down)),
            up: Arc::new(b.picked(up)),
        }
    }

    /// Rank, inputs, outputs.
    #[must_use]
    pub fn shape(&self) -> (usize, usize, usize) {
        (self.rank, self.inputs, self.outputs)
    }

    /// The numbers of A and of B, in the order of memory: enough to tell two updates apart.
    #[must_use]
    pub fn numbers(&self) -> [&Numbers; 2] {
        [&self.down, &self.up]
    }

    /// Sums of the factors themselves, A and B each on its own, in 32 bits and in order: `A = sum c_i A_i`,
    /// `B = sum c_i B_i`. That is not the sum of the updates. None when there are no parts or their shapes differ.
    #[must_use]
    pub fn combined(parts: &[(&Self, f32)]) -> Option<Self> {
        let (first, _) = *parts.first()?;
        if parts.iter().any(|(part, _)| part.shape() != first.shape()) {
            return None;
        }
        let sum = |factor: fn(&Self) -> &Numbers| {
            let mut sum = vec![0.0; factor(first).len()];
            for &(part, coefficient) in parts {
                for (sum, value) in sum.iter_mut().zip(factor(part).widened()) {
                    *sum += coefficient * value;
                }
            }
            Arc::new(Numbers::F32(sum))
        };
        Some(Self {
            down: sum(|part| &part.down),
            up: sum(|part| &part.up),
            ..*first
        })
    }

    /// `out[row] += factor * B (A x[row])` for every row. `scratch` is memory to work in.
    ///
    /// # Panics
    /// When the rows do not have the update's widths: a programming error.
    pub fn add(
        &self,
        x: &[f32],
        factor: f32,
        out: &mut [f32],
        scratch: &mut Vec<f32>,
        instructions: Instructions,
    ) {
        let rows = x.len() / self.inputs;
        assert_eq!(x.len(), rows * self.inputs, "rows of another width");
        assert_eq!(out.len(), rows * self.outputs, "an output of another shape");
        scratch.clear();
        scratch.resize(rows * self.rank, 0.0);
        product::down(&self.down, x, self.inputs, scratch, self.rank, instructions);
        for hidden in scratch.iter_mut() {
            *hidden *= factor;
        }
        product::up(
            &self.up,
            scratch,
            self.rank,
            out,
            self.outputs,
            instructions,
        );
    }
}

#[cfg(test)]
mod tests;
