//! One output feature's weights as plain numbers: a token's embedding.

use super::pack::f16_to_f32;
use super::{BLOCK, LANES, Packed};

impl Packed {
    /// Writes the weights of output feature `output` to `out`, which has `inputs()` places.
    ///
    /// # Panics
    /// When the feature or the length is out of range: a programming error.
    pub fn row(&self, output: usize, out: &mut [f32]) {
        assert!(output < self.outputs() && out.len() == self.inputs());
        let (group, lane) = (output / LANES, output % LANES);
        let per_block = if self.format.is_nibbles() {
            LANES * BLOCK / 2
        } else {
            LANES * BLOCK
        };
        for (block, values) in out.chunks_exact_mut(BLOCK).enumerate() {
            let place = group * self.blocks() + block;
            let scale = f16_to_f32(self.scales[place * LANES + lane]);
            let minimum = self
                .minimums
                .get(place * LANES + lane)
                .map_or(0.0, |&bits| f16_to_f32(bits));
            let bytes = &self.values[place * per_block..(place + 1) * per_block];
            for (input, value) in values.iter_mut().enumerate() {
                let (quad, byte) = (input / 4, input % 4);
                let stored = if self.format.is_nibbles() {
                    let pair = bytes[(quad % 4) * LANES * 4 + lane * 4 + byte];
                    if quad < 4 { pair & 15 } else { pair >> 4 }
                } else {
                    bytes[quad * LANES * 4 + lane * 4 + byte]
                };
                let signed = i32::from(stored) - self.format.offset();
                *value = scale * signed as f32 + minimum;
            }
        }
    }
}
