//! Weights repacked at load, so that one vector load serves sixteen output features.
//!
//! Sixteen features ("lanes") form a group; see [`super::format::Layout`] for a group's blocks. Nothing is rounded: the packed
//! weights are the file's.

use super::format::{Layout, Scales, by_format};
use super::lanes::LANES;
use super::{BLOCK, Format};
use rayon::prelude::*;

/// A weight matrix ready to be multiplied.
#[derive(Debug, Clone)]
pub struct Packed {
    format: Format,
    outputs: usize,
    inputs: usize,
    group_bytes: usize,
    data: Vec<u8>,
}

impl Packed {
    /// Repacks `bytes`: `outputs` rows of `inputs` values in blocks of `format`. `None` when the sizes do not fit the format.
    #[must_use]
    pub fn new(format: Format, bytes: &[u8], outputs: usize, inputs: usize) -> Option<Packed> {
        let (values, block_bytes) = format.block();
        let row_bytes = (inputs / values).checked_mul(block_bytes)?;
        if inputs == 0
            || outputs == 0
            || !inputs.is_multiple_of(values)
            || bytes.len() != row_bytes.checked_mul(outputs)?
        {
            return None;
        }
        let group_bytes = by_format!(format, group_bytes(inputs));
        let mut data = vec![0; outputs.div_ceil(LANES) * group_bytes];
        data.par_chunks_exact_mut(group_bytes)
            .zip(bytes.par_chunks(LANES * row_bytes))
            .for_each(|(group, rows)| {
                by_format!(format, pack_group(format, rows, row_bytes, group))
            });
        Some(Packed {
            format,
            outputs,
            inputs,
            group_bytes,
            data,
        })
    }

    #[must_use]
    pub fn format(&self) -> Format {
        self.format
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
        self.data.len()
    }

    pub(super) fn groups(&self) -> usize {
        self.outputs.div_ceil(LANES)
    }

    /// The packed blocks of sixteen features.
    pub(super) fn group(&self, group: usize) -> &[u8] {
        &self.data[group * self.group_bytes..(group + 1) * self.group_bytes]
    }
}

fn group_bytes<F: Layout>(inputs: usize) -> usize {
    let blocks = inputs / BLOCK;
    blocks * F::BLOCK_BYTES + blocks / F::SHARING * F::SHARED_BYTES
}

/// Where a block of a group begins.
pub(super) fn block_at<F: Layout>(block: usize) -> usize {
    block * F::BLOCK_BYTES + (block / F::SHARING + 1) * F::SHARED_BYTES
}

/// Where the floats begin that a block shares with its neighbours.
pub(super) fn shared_at<F: Layout>(block: usize) -> usize {
    block / F::SHARING * (F::SHARING * F::BLOCK_BYTES + F::SHARED_BYTES)
}

fn pack_group<F: Layout>(format: Format, rows: &[u8], row_bytes: usize, group: &mut [u8]) {
    let (values, block_bytes) = format.block();
    for (lane, row) in rows.chunks_exact(row_bytes).enumerate() {
        for (number, source) in row.chunks_exact(block_bytes).enumerate() {
            let first = number * (values / BLOCK);
            if F::SHARED_BYTES > 0 {
                let at = shared_at::<F>(first);
                let shared = &mut group[at..at + F::SHARED_BYTES];
                // d, and dmin where there is one; Q6_K has d at its end.
                let floats = match F::SCALES {
                    Scales::SharedHalves => &source[block_bytes - 2..],
                    _ => &source[..4],
                };
                for (which, float) in floats.chunks_exact(2).enumerate() {
                    let place = (which * LANES + lane) * 2;
                    shared[place..place + 2].copy_from_slice(float);
                }
            }
            for block in 0..values / BLOCK {
                let at = block_at::<F>(first + block);
                let target = &mut group[at..at + F::BLOCK_BYTES];
                pack_block::<F>(format, source, block, lane, target);
            }
        }
    }
}

/// One lane of one packed block: the `block`-th 32 values of `source`.
fn pack_block<F: Layout>(
    format: Format,
    source: &[u8],
    block: usize,
    lane: usize,
    target: &mut [u8],
) {
    let quad_at = |quad: usize| (quad * LANES + lane) * 4;
    match format {
        Format::Q8_0 => {
            for (quad, four) in source[2..].chunks_exact(4).enumerate() {
                let at = quad_at(quad);
                for (to, byte) in target[at..at + 4].iter_mut().zip(four) {
                    *to = byte ^ 0x80;
                }
            }
        }
        Format::Q4_0 | Format::Q4_1 | Format::Q5_0 | Format::Q5_1 => {
            // The file's bytes hold input i below and i + 16 above, as the quads do.
            let nibbles = &source[source.len() - 16..];
            for (quad, four) in nibbles.chunks_exact(4).enumerate() {
                target[quad_at(quad)..quad_at(quad) + 4].copy_from_slice(four);
            }
            if F::HIGH == 1 {
                let at = source.len() - 20;
                let fifth = [source[at], source[at + 1], source[at + 2], source[at + 3]];
                put_fifth_bits::<F>(u32::from_le_bytes(fifth), lane, target);
            }
        }
        Format::Q4K | Format::Q5K => {
            // 64 values in 32 bytes: the even block below, the odd one above.
            let quants = &source[source.len() - 128 + block / 2 * 32..][..32];
            let shift = block % 2 * 4;
            for i in 0..16 {
                let (low, high) = (quants[i] >> shift & 15, quants[i + 16] >> shift & 15);
                target[quad_at(i / 4) + i % 4] = low | high << 4;
            }
            if F::HIGH == 1 {
                let bits = source[16..48]
                    .iter()
                    .enumerate()
                    .fold(0_u32, |bits, (i, byte)| {
                        bits | u32::from(byte >> block & 1) << i
                    });
                put_fifth_bits::<F>(bits, lane, target);
            }
            let (scale, minimum) = six_bits(&source[4..16], block);
            target[F::SCALES_AT + lane] = scale;
            target[F::SCALES_AT + LANES + lane] = minimum;
        }
        Format::Q6K => {
            // 128 values: 64 bytes of lower bits, 32 bytes of higher ones; four blocks.
            let (half, quarter) = (block / 4, block % 4);
            let low = &source[half * 64 + quarter % 2 * 32..][..32];
            let high = &source[128 + half * 32..][..32];
            let nibble = |i: usize| low[i] >> (quarter / 2 * 4) & 15;
            let top = |i: usize| high[i] >> (quarter * 2) & 3;
            for i in 0..16 {
                target[quad_at(i / 4) + i % 4] = nibble(i) | nibble(i + 16) << 4;
            }
            for i in 0..BLOCK {
                let (quad, byte) = (i / 4, i % 4);
                let at = F::LOW_BYTES + quad / 4 * LANES * 4 + lane * 4 + byte;
                target[at] |= top(i) << (quad % 4 * 2);
            }
            for half in 0..2 {
                target[F::SCALES_AT + half * LANES + lane] = source[192 + block * 2 + half];
            }
        }
    }
    match F::SCALES {
        Scales::Half | Scales::HalfMinimum => {
            let count = if F::HAS_MINIMUM { 2 } else { 1 };
            for which in 0..count {
                let at = F::SCALES_AT + (which * LANES + lane) * 2;
                target[at..at + 2].copy_from_slice(&source[which * 2..which * 2 + 2]);
            }
        }
        Scales::Shared | Scales::SharedHalves => {}
    }
}

/// Bit i of `bits` belongs to input i; quad by quad there is one bit for each byte of a register.
fn put_fifth_bits<F: Layout>(bits: u32, lane: usize, target: &mut [u8]) {
    for quad in 0..8 {
        let four = (bits >> (quad * 4) & 15) as u8;
        target[F::LOW_BYTES + quad * 8 + lane / 2] |= four << (lane % 2 * 4);
    }
}

/// The scale and the minimum of one of eight blocks, six bits each in twelve bytes (GGML's `get_scale_min_k4`).
fn six_bits(bytes: &[u8], block: usize) -> (u8, u8) {
    if block < 4 {
        (bytes[block] & 63, bytes[block + 4] & 63)
    } else {
        let low = bytes[block + 4];
        (
            low & 15 | bytes[block - 4] >> 6 << 4,
            low >> 4 | bytes[block] >> 6 << 4,
        )
    }
}
