//! AVX2 with FMA: bytes are unpacked once for all rows of a tile, then multiplied eight features a register. Products of bytes
//! are added in pairs to 16 bits first, which cannot overflow: values of up to six bits stay below 2 * 63 * 127, and signed
//! bytes are multiplied as magnitudes, at most 2 * 128 * 127.

use super::format::{Layout, Scales};
use super::lanes::LANES;
use super::pack::block_at;
use super::product::{Rows, Sums};
use super::{BLOCK, unpack};
use std::arch::x86_64::*;

/// Sums of one group of features for the rows.
///
/// # Safety
/// The CPU must have AVX2, FMA and F16C.
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) unsafe fn tile<F: Layout>(group: &[u8], rows: &Rows<'_>, sums: &mut Sums) {
    let mut stored = [0_u8; LANES * BLOCK];
    for block in 0..rows.blocks {
        let at = block_at::<F>(block);
        unpack::values::<F>(&group[at..at + F::BLOCK_BYTES], &mut stored);
        if !F::NIBBLES {
            // Signed bytes are multiplied as they are.
            for value in &mut stored {
                *value ^= 0x80;
            }
        }
        let scales = [0, 1].map(|half| unpack::scales::<F>(group, block, half));
        for (row, sums) in sums.iter_mut().enumerate().take(rows.count) {
            let x = rows.block(row, block);
            // SAFETY: the features are there; `stored` has eight quads of 64 bytes, `x.bytes` eight of four.
            unsafe {
                let fours = x.bytes.as_ptr().cast::<i32>();
                for side in 0..2 {
                    let mut dots = [_mm256_setzero_si256(); 2];
                    for quad in 0..8 {
                        let values = load(stored.as_ptr().add(quad * 64 + side * 32));
                        let four = _mm256_set1_epi32(fours.add(quad).read_unaligned());
                        dots[quad / 4] = if F::NIBBLES {
                            add_products(dots[quad / 4], values, four)
                        } else {
                            let magnitude = _mm256_abs_epi8(values);
                            add_products(dots[quad / 4], magnitude, _mm256_sign_epi8(four, values))
                        };
                    }
                    if F::NIBBLES && F::OFFSET != 0 {
                        for (dot, sum) in dots.iter_mut().zip(x.sums) {
                            *dot = _mm256_sub_epi32(*dot, _mm256_set1_epi32(F::OFFSET * sum));
                        }
                    }
                    let place = sums.as_mut_ptr().add(side * 8);
                    let mut sum = _mm256_loadu_ps(place);
                    let x_scale = _mm256_set1_ps(x.scale);
                    let scale = |half: usize| {
                        let scale: &[f32; LANES] = &scales[half].0;
                        _mm256_mul_ps(_mm256_loadu_ps(scale.as_ptr().add(side * 8)), x_scale)
                    };
                    if F::SCALES == Scales::SharedHalves {
                        for (half, dot) in dots.into_iter().enumerate() {
                            sum = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dot), scale(half), sum);
                        }
                    } else {
                        let dot = _mm256_add_epi32(dots[0], dots[1]);
                        sum = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dot), scale(0), sum);
                    }
                    if F::HAS_MINIMUM {
                        let minimum = _mm256_loadu_ps(scales[0].1.as_ptr().add(side * 8));
                        sum = _mm256_fmadd_ps(minimum, _mm256_set1_ps(x.total), sum);
                    }
                    _mm256_storeu_ps(place, sum);
                }
            }
        }
    }
}

/// `sum + a * b` over four bytes a lane; `a` unsigned.
#[inline]
#[target_feature(enable = "avx2")]
fn add_products(sum: __m256i, a: __m256i, b: __m256i) -> __m256i {
    _mm256_add_epi32(
        sum,
        _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), _mm256_set1_epi16(1)),
    )
}

/// 32 bytes.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn load(from: *const u8) -> __m256i {
    // SAFETY: the caller gives a pointer to 32 readable bytes.
    unsafe { _mm256_loadu_si256(from.cast()) }
}
