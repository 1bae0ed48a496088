//! Weights repacked at load, so that one vector load serves sixteen output features.
//!
//! Sixteen features form a group. For each block of 32 inputs a group stores its bytes in the order that integer dot products
//! read them (four consecutive inputs of each feature side by side), then sixteen scales, then sixteen minimums where the
//! format has them, as the 16-bit floats of the file. Nothing is rounded: the packed weights are the file's.

use super::{BLOCK, LANES};

/// Formats that are multiplied as stored (names and block layouts of GGML).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// 18 bytes: scale, 32 nibbles; value = scale * (nibble - 8).
    Q4_0,
    /// 20 bytes: scale, minimum, 32 nibbles; value = scale * nibble + minimum.
    Q4_1,
    /// 22 bytes: scale, 32 fifth bits, 32 nibbles; value = scale * (five bits - 16).
    Q5_0,
    /// 24 bytes: scale, minimum, 32 fifth bits, 32 nibbles; value = scale * five bits + minimum.
    Q5_1,
    /// 34 bytes: scale, 32 signed bytes; value = scale * byte.
    Q8_0,
}

impl Format {
    /// Bytes of one block of 32 in the file.
    #[must_use]
    pub fn block_bytes(self) -> usize {
        match self {
            Format::Q4_0 => 18,
            Format::Q4_1 => 20,
            Format::Q5_0 => 22,
            Format::Q5_1 => 24,
            Format::Q8_0 => 34,
        }
    }

    pub(super) fn has_minimum(self) -> bool {
        matches!(self, Format::Q4_1 | Format::Q5_1)
    }

    /// Packed as nibbles, two of them a byte.
    pub(super) fn is_nibbles(self) -> bool {
        matches!(self, Format::Q4_0 | Format::Q4_1)
    }

    /// What is taken from each stored unsigned value: stored - offset is the signed one.
    pub(super) fn offset(self) -> i32 {
        match self {
            Format::Q4_0 => 8,
            Format::Q5_0 => 16,
            Format::Q8_0 => 128,
            Format::Q4_1 | Format::Q5_1 => 0,
        }
    }
}

/// A weight matrix ready to be multiplied.
#[derive(Debug, Clone)]
pub struct Packed {
    pub(super) format: Format,
    outputs: usize,
    inputs: usize,
    /// Unsigned values: nibbles (input group g low, g + 4 high) or bytes.
    pub(super) values: Vec<u8>,
    /// Per group and block: sixteen scales, as bits of 16-bit floats.
    pub(super) scales: Vec<u16>,
    /// The same for minimums; empty when the format has none.
    pub(super) minimums: Vec<u16>,
}

impl Packed {
    /// Repacks `bytes`: `outputs` rows of `inputs / 32` blocks. `None` when the sizes do not fit the format.
    #[must_use]
    pub fn new(format: Format, bytes: &[u8], outputs: usize, inputs: usize) -> Option<Packed> {
        let blocks = inputs / BLOCK;
        let row_bytes = blocks.checked_mul(format.block_bytes())?;
        if inputs == 0
            || !inputs.is_multiple_of(BLOCK)
            || outputs == 0
            || bytes.len() != row_bytes.checked_mul(outputs)?
        {
            return None;
        }
        let groups = outputs.div_ceil(LANES);
        let per_block = if format.is_nibbles() {
            LANES * BLOCK / 2
        } else {
            LANES * BLOCK
        };
        let mut values = vec![0u8; groups * blocks * per_block];
        let mut scales = vec![0u16; groups * blocks * LANES];
        let mut minimums = vec![
            0u16;
            if format.has_minimum() {
                groups * blocks * LANES
            } else {
                0
            }
        ];
        let mut unpacked = [0u8; BLOCK];
        for output in 0..outputs {
            let (group, lane) = (output / LANES, output % LANES);
            for block in 0..blocks {
                let start = output * row_bytes + block * format.block_bytes();
                let source = &bytes[start..start + format.block_bytes()];
                let place = group * blocks + block;
                scales[place * LANES + lane] = u16::from_le_bytes([source[0], source[1]]);
                if format.has_minimum() {
                    minimums[place * LANES + lane] = u16::from_le_bytes([source[2], source[3]]);
                }
                unpack(format, source, &mut unpacked);
                let target = &mut values[place * per_block..(place + 1) * per_block];
                for (input, value) in unpacked.iter().enumerate() {
                    let (quad, byte) = (input / 4, input % 4);
                    if format.is_nibbles() {
                        let shift = if quad < 4 { 0 } else { 4 };
                        target[(quad % 4) * LANES * 4 + lane * 4 + byte] |= value << shift;
                    } else {
                        target[quad * LANES * 4 + lane * 4 + byte] = *value;
                    }
                }
            }
        }
        Some(Packed {
            format,
            outputs,
            inputs,
            values,
            scales,
            minimums,
        })
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
        self.values.len() + 2 * (self.scales.len() + self.minimums.len())
    }

    pub(super) fn groups(&self) -> usize {
        self.outputs.div_ceil(LANES)
    }

    pub(super) fn blocks(&self) -> usize {
        self.inputs / BLOCK
    }
}

/// The 32 unsigned values of one block, in order of the inputs.
fn unpack(format: Format, source: &[u8], values: &mut [u8; BLOCK]) {
    let nibbles = &source[format.block_bytes() - 16..];
    let halves = |values: &mut [u8; BLOCK]| {
        for (i, byte) in nibbles.iter().enumerate().take(16) {
            values[i] = byte & 15;
            values[i + 16] = byte >> 4;
        }
    };
    match format {
        Format::Q4_0 | Format::Q4_1 => halves(values),
        Format::Q5_0 | Format::Q5_1 => {
            halves(values);
            let at = if format == Format::Q5_0 { 2 } else { 4 };
            let fifth =
                u32::from_le_bytes([source[at], source[at + 1], source[at + 2], source[at + 3]]);
            for (i, value) in values.iter_mut().enumerate() {
                *value |= ((fifth >> i & 1) as u8) << 4;
            }
        }
        Format::Q8_0 => {
            for (value, byte) in values.iter_mut().zip(&source[2..]) {
                *value = byte ^ 0x80;
            }
        }
    }
}

/// The value of a 16-bit float given as bits.
#[must_use]
pub(super) fn f16_to_f32(bits: u16) -> f32 {
    let sign = u32::from(bits & 0x8000) << 16;
    let exponent = u32::from(bits >> 10 & 0x1f);
    let fraction = u32::from(bits & 0x3ff);
    match exponent {
        0 => {
            // Subnormal: fraction * 2^-24, exact in a 32-bit float.
            let value = fraction as f32 * (1.0 / 16_777_216.0);
            if sign == 0 { value } else { -value }
        }
        31 => f32::from_bits(sign | 0x7f80_0000 | fraction << 13),
        _ => f32::from_bits(sign | (exponent + 112) << 23 | fraction << 13),
    }
}
