//! The arithmetic in plain Rust: the reference for the vector paths, and the path for other CPUs.

use super::pack::f16_to_f32;
use super::{Activations, BLOCK, LANES, Packed};

/// Sums of one group of features for `rows` rows from `first` on.
pub(super) fn tile(
    w: &Packed,
    x: &Activations,
    group: usize,
    first: usize,
    rows: usize,
    sums: &mut [[f32; LANES]],
) {
    let blocks = w.blocks();
    let per_block = if w.format.is_nibbles() {
        LANES * BLOCK / 2
    } else {
        LANES * BLOCK
    };
    let offset = w.format.offset();
    for block in 0..blocks {
        let place = group * blocks + block;
        let values = &w.values[place * per_block..(place + 1) * per_block];
        let scales = &w.scales[place * LANES..(place + 1) * LANES];
        for (row, sums) in sums.iter_mut().enumerate().take(rows) {
            let at = (first + row) * x.blocks() + block;
            let bytes = &x.bytes[at * BLOCK..(at + 1) * BLOCK];
            let (x_scale, x_sum) = (x.scales[at], x.sums[at]);
            let mut dots = [0i32; LANES];
            for (quad, four) in bytes.chunks_exact(4).enumerate() {
                let (from, shift) = if w.format.is_nibbles() {
                    (quad % 4, (quad / 4) * 4)
                } else {
                    (quad, 0)
                };
                let mask = if w.format.is_nibbles() { 15 } else { 255 };
                let packed = &values[from * LANES * 4..(from + 1) * LANES * 4];
                for (dot, stored) in dots.iter_mut().zip(packed.chunks_exact(4)) {
                    for (value, byte) in stored.iter().zip(four) {
                        *dot += i32::from(value >> shift & mask) * i32::from(*byte);
                    }
                }
            }
            for (lane, sum) in sums.iter_mut().enumerate() {
                let dot = (dots[lane] - offset * x_sum) as f32;
                *sum += dot * (f16_to_f32(scales[lane]) * x_scale);
                if w.format.has_minimum() {
                    *sum += f16_to_f32(w.minimums[place * LANES + lane]) * (x_scale * x_sum as f32);
                }
            }
        }
    }
}
