//! Activations, quantised per row and block of 32 to signed bytes.

use super::BLOCK;

/// Rows of 8-bit values with a scale and the sum of the bytes for each block.
#[derive(Debug, Clone, Default)]
pub struct Activations {
    rows: usize,
    inputs: usize,
    /// `rows * inputs` bytes in -127..=127.
    pub(super) bytes: Vec<i8>,
    /// `rows * inputs / 32` scales: value = byte * scale.
    pub(super) scales: Vec<f32>,
    /// Sums of each block's bytes, exact.
    pub(super) sums: Vec<i32>,
}

impl Activations {
    /// Quantises `values` (rows of `inputs`, which must be a multiple of 32), reusing the buffers of `self`.
    ///
    /// scale = max|x| / 127, byte = round to nearest even of x * (127 / max|x|).
    ///
    /// # Panics
    /// When `values` is not whole rows of whole blocks: a programming error.
    pub fn quantise(&mut self, values: &[f32], inputs: usize) {
        assert!(
            inputs > 0 && inputs.is_multiple_of(BLOCK) && values.len().is_multiple_of(inputs),
            "rows of whole blocks"
        );
        self.inputs = inputs;
        self.rows = values.len() / inputs;
        self.bytes.clear();
        self.bytes.resize(values.len(), 0);
        self.scales.clear();
        self.sums.clear();
        for (block, bytes) in values
            .chunks_exact(BLOCK)
            .zip(self.bytes.chunks_exact_mut(BLOCK))
        {
            let (scale, sum) = quantise_block(block, bytes);
            self.scales.push(scale);
            self.sums.push(sum);
        }
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

/// Adding and taking this away rounds to the nearest even integer: beyond it floats have no fraction bits left.
const ROUND: f32 = 12_582_912.0;

#[inline]
fn quantise_block(block: &[f32], bytes: &mut [i8]) -> (f32, i32) {
    let mut largest = 0f32;
    for value in block {
        largest = largest.max(value.abs());
    }
    if largest == 0.0 {
        return (0.0, 0);
    }
    let inverse = 127.0 / largest;
    let mut sum = 0;
    for (byte, value) in bytes.iter_mut().zip(block) {
        let rounded = (value * inverse + ROUND) - ROUND;
        *byte = rounded as i8;
        sum += i32::from(*byte);
    }
    (largest / 127.0, sum)
}
