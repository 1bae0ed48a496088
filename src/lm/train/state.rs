//! Tensors by name: what a training hands out and takes back.

use std::borrow::Cow;

/// A tensor of 32-bit floats by its name in files.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor<'a> {
    pub name: String,
    /// Slowest dimension first: a matrix is `[rows, columns]`.
    pub shape: Vec<usize>,
    pub values: Cow<'a, [f32]>,
}

/// Everything that decides how a training goes on, at the border between two steps.
///
/// A training that is made with the same model, settings and seed, and then [restored](super::Trainer::restore) from this,
/// goes on with the same bits.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct State<'a> {
    /// Steps that each adapter (or the model) has taken.
    pub steps: Vec<u64>,
    /// Trained numbers and moments. Names are those of [`Trainer::adapter`](super::Trainer::adapter) or
    /// [`Trainer::parameters`](super::Trainer::parameters) behind `value.`, `first.` or `second.`; in a training of adapters
    /// also behind the adapter's number: `1.first.base_model…`.
    pub tensors: Vec<Tensor<'a>>,
}
