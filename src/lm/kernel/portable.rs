//! The arithmetic in plain Rust: the reference for the vector paths, and the path for other CPUs.

use super::format::{Layout, Scales};
use super::lanes::LANES;
use super::pack::block_at;
use super::product::{Rows, Sums};
use super::{BLOCK, unpack};

/// Sums of one group of features for the rows.
pub(super) fn tile<F: Layout>(group: &[u8], rows: &Rows<'_>, sums: &mut Sums) {
    let mut stored = [0; LANES * BLOCK];
    for block in 0..rows.blocks {
        let at = block_at::<F>(block);
        unpack::values::<F>(&group[at..at + F::BLOCK_BYTES], &mut stored);
        let scales = [0, 1].map(|half| unpack::scales::<F>(group, block, half));
        for (row, sums) in sums.iter_mut().enumerate().take(rows.count) {
            let x = rows.block(row, block);
            let mut dots = [[0_i32; LANES]; 2];
            for (quad, (four, stored)) in x
                .bytes
                .chunks_exact(4)
                .zip(stored.chunks_exact(LANES * 4))
                .enumerate()
            {
                for (dot, values) in dots[quad / 4].iter_mut().zip(stored.chunks_exact(4)) {
                    for (value, byte) in values.iter().zip(four) {
                        *dot += (i32::from(*value) - F::OFFSET) * i32::from(*byte);
                    }
                }
            }
            finish::<F>(&dots, &scales, x.scale, x.total, sums);
        }
    }
}

/// Adds a block's exact products to the sums: the one arithmetic of all paths.
#[inline(always)]
#[allow(clippy::cast_precision_loss, reason = "far below 2^24")]
pub(super) fn finish<F: Layout>(
    dots: &[[i32; LANES]; 2],
    scales: &[([f32; LANES], [f32; LANES]); 2],
    x_scale: f32,
    x_total: f32,
    sums: &mut [f32; LANES],
) {
    for (lane, sum) in sums.iter_mut().enumerate() {
        if F::SCALES == Scales::SharedHalves {
            for (dots, scales) in dots.iter().zip(scales) {
                *sum = (dots[lane] as f32).mul_add(scales.0[lane] * x_scale, *sum);
            }
        } else {
            let dot = (dots[0][lane] + dots[1][lane]) as f32;
            *sum = dot.mul_add(scales[0].0[lane] * x_scale, *sum);
        }
        if F::HAS_MINIMUM {
            *sum = scales[0].1[lane].mul_add(x_total, *sum);
        }
    }
}
