//! Low-rank updates of a linear map, `y += factor * B (A x)` (LoRA, Hu et al. 2021, eq. 3), for one row or many.
//!
//! One arithmetic for every instruction set and number of rows: each sum runs in a fixed order, sixteen numbers side by side,
//! a multiplication with its addition rounded once; a row never depends on its neighbours.
//! Both factors lie in the order in which they are read, as they were stored (16 or 32 bits), and are widened exactly in
//! registers: with one row, as in decoding, the speed is that of memory.

mod numbers;
mod product;

pub use numbers::{Bf16, Half, Numbers};

use super::Instructions;
use super::lanes::{LANES, Lanes, by_instructions};
use std::sync::Arc;

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
        let down = grouped(inputs, rank).map(|(r, at)| at.map(|input| r * inputs + input));
        let up = grouped(outputs, rank).map(|(r, at)| at.map(|output| output * rank + r));
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

    /// Another update with the same A: of `outputs` rows of B.
    ///
    /// # Panics
    /// When the numbers are not of that shape: a programming error.
    #[must_use]
    pub fn with_outputs(&self, outputs: usize, b: &Numbers) -> Self {
        let rank = self.rank;
        assert_eq!(b.len(), outputs * rank, "a factor B of another shape");
        let places = grouped(outputs, rank);
        let up = places.map(|(r, at)| at.map(|output| output * rank + r));
        Self {
            outputs,
            down: Arc::clone(&self.down),
            up: Arc::new(b.picked(up)),
            ..*self
        }
    }

    /// Bytes of memory the factors take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.down.bytes() + self.up.bytes()
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
        let is_wide = instructions == Instructions::Avx512Vnni;
        let (update, hidden) = (self, scratch.as_mut_slice());
        by_instructions!(
            instructions,
            add_lanes(
                update: &LowRank,
                x: &[f32],
                factor: f32,
                out: &mut [f32],
                hidden: &mut [f32],
                is_wide: bool,
            )
        );
    }
}

#[inline(always)]
unsafe fn add_lanes<L: Lanes>(
    update: &LowRank,
    x: &[f32],
    factor: f32,
    out: &mut [f32],
    hidden: &mut [f32],
    is_wide: bool,
) {
    let LowRank {
        rank,
        inputs,
        outputs,
        down,
        up,
    } = update;
    // SAFETY: as the callers', in `by_instructions`.
    unsafe {
        product::down::<L>(down, x, *inputs, hidden, *rank, is_wide);
        for hidden in hidden.iter_mut() {
            *hidden *= factor;
        }
        product::up::<L>(up, hidden, *rank, out, *outputs);
    }
}

/// The order of a factor in memory: which rank and which input (or output) stands at each place; none behind the last.
fn grouped(width: usize, rank: usize) -> impl Iterator<Item = (usize, Option<usize>)> {
    (0..width.div_ceil(LANES)).flat_map(move |group| {
        (0..rank).flat_map(move |r| {
            let lanes = group * LANES..(group + 1) * LANES;
            lanes.map(move |at| (r, (at < width).then_some(at)))
        })
    })
}

#[cfg(test)]
mod tests;
