//! AVX2: eight features a register, two registers a group. Products of bytes are added in pairs to 16 bits first, which
//! cannot overflow: nibbles and five-bit values stay below 2 * 31 * 127, and signed bytes are multiplied as magnitudes,
//! at most 2 * 128 * 127.

use super::{Activations, BLOCK, Format, LANES, Packed, TILE};
use std::arch::x86_64::{
    __m128i, __m256, __m256i, _mm_loadu_si128, _mm256_abs_epi8, _mm256_add_epi32, _mm256_add_ps,
    _mm256_and_si256, _mm256_cvtepi32_ps, _mm256_cvtph_ps, _mm256_loadu_si256, _mm256_madd_epi16,
    _mm256_maddubs_epi16, _mm256_mul_ps, _mm256_set1_epi8, _mm256_set1_epi16, _mm256_set1_epi32,
    _mm256_set1_ps, _mm256_setzero_ps, _mm256_setzero_si256, _mm256_sign_epi8, _mm256_srli_epi16,
    _mm256_storeu_ps, _mm256_sub_epi32, _mm256_xor_si256,
};

/// Rows that share one pass: more would not fit sixteen registers.
const ROWS: usize = 2;

/// Sums of one group of features for `rows` rows from `first` on.
///
/// # Safety
/// The CPU must have AVX2 and F16C.
#[target_feature(enable = "avx2,f16c")]
pub(super) unsafe fn tile(
    w: &Packed,
    x: &Activations,
    group: usize,
    first: usize,
    rows: usize,
    sums: &mut [[f32; LANES]; TILE],
) {
    let mut row = 0;
    // SAFETY: same requirement.
    unsafe {
        while row + ROWS <= rows {
            rows_of::<ROWS>(w, x, group, first + row, &mut sums[row..row + ROWS]);
            row += ROWS;
        }
        if row < rows {
            rows_of::<1>(w, x, group, first + row, &mut sums[row..=row]);
        }
    }
}

#[target_feature(enable = "avx2,f16c")]
unsafe fn rows_of<const R: usize>(
    w: &Packed,
    x: &Activations,
    group: usize,
    first: usize,
    sums: &mut [[f32; LANES]],
) {
    let blocks = w.blocks();
    let is_nibbles = w.format.is_nibbles();
    let has_minimum = w.format.has_minimum();
    let is_signed = w.format == Format::Q8_0;
    let per_block = if is_nibbles {
        LANES * BLOCK / 2
    } else {
        LANES * BLOCK
    };
    let values = &w.values[group * blocks * per_block..(group + 1) * blocks * per_block];
    let scales = &w.scales[group * blocks * LANES..(group + 1) * blocks * LANES];
    let minimums = if has_minimum {
        &w.minimums[group * blocks * LANES..(group + 1) * blocks * LANES]
    } else {
        &[]
    };
    let bytes = &x.bytes[first * blocks * BLOCK..(first + R) * blocks * BLOCK];
    let x_scales = &x.scales[first * blocks..(first + R) * blocks];
    let x_sums = &x.sums[first * blocks..(first + R) * blocks];
    // Signed bytes are multiplied as they are, so nothing has to be taken away for them.
    let offset = if is_signed { 0 } else { w.format.offset() };

    // SAFETY: every pointer stays inside the slices above: `block < blocks`, `quad < 8`, `half < 2`, `row < R`.
    unsafe {
        let mut acc: [[__m256; 2]; R] = [[_mm256_setzero_ps(); 2]; R];
        let low = _mm256_set1_epi8(15);
        let sign_bit = _mm256_set1_epi8(-128);
        for block in 0..blocks {
            let source = values.as_ptr().add(block * per_block);
            #[allow(
                clippy::needless_range_loop,
                reason = "`half` places the loads as well"
            )]
            for half in 0..2 {
                let mut dots: [__m256i; R] = [_mm256_setzero_si256(); R];
                if is_nibbles {
                    for quad in 0..4 {
                        let packed = load(source.add(quad * 64 + half * 32));
                        let lower = _mm256_and_si256(packed, low);
                        let upper = _mm256_and_si256(_mm256_srli_epi16::<4>(packed), low);
                        for (row, dot) in dots.iter_mut().enumerate() {
                            let four = bytes
                                .as_ptr()
                                .add((row * blocks + block) * BLOCK + quad * 4);
                            *dot = add_products(*dot, lower, broadcast(four));
                            *dot = add_products(*dot, upper, broadcast(four.add(16)));
                        }
                    }
                } else {
                    for quad in 0..8 {
                        let stored = load(source.add(quad * 64 + half * 32));
                        for (row, dot) in dots.iter_mut().enumerate() {
                            let four = broadcast(
                                bytes
                                    .as_ptr()
                                    .add((row * blocks + block) * BLOCK + quad * 4),
                            );
                            *dot = if is_signed {
                                let signed = _mm256_xor_si256(stored, sign_bit);
                                add_products(
                                    *dot,
                                    _mm256_abs_epi8(signed),
                                    _mm256_sign_epi8(four, signed),
                                )
                            } else {
                                add_products(*dot, stored, four)
                            };
                        }
                    }
                }
                let scale = halves(scales.as_ptr().add(block * LANES + half * 8));
                for row in 0..R {
                    let x_scale = *x_scales.get_unchecked(row * blocks + block);
                    let x_sum = *x_sums.get_unchecked(row * blocks + block);
                    let dot = _mm256_sub_epi32(dots[row], _mm256_set1_epi32(offset * x_sum));
                    let factor = _mm256_mul_ps(scale, _mm256_set1_ps(x_scale));
                    let sum = &mut acc[row][half];
                    *sum = _mm256_add_ps(*sum, _mm256_mul_ps(_mm256_cvtepi32_ps(dot), factor));
                    if has_minimum {
                        let minimum = halves(minimums.as_ptr().add(block * LANES + half * 8));
                        let weight = _mm256_set1_ps(x_scale * x_sum as f32);
                        *sum = _mm256_add_ps(*sum, _mm256_mul_ps(minimum, weight));
                    }
                }
            }
        }
        for (row, sum) in acc.iter().enumerate() {
            _mm256_storeu_ps(sums[row].as_mut_ptr(), sum[0]);
            _mm256_storeu_ps(sums[row].as_mut_ptr().add(8), sum[1]);
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

/// The same four bytes in each lane.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn broadcast(from: *const i8) -> __m256i {
    // SAFETY: the caller gives a pointer to four readable bytes.
    _mm256_set1_epi32(unsafe { from.cast::<i32>().read_unaligned() })
}

/// Eight 16-bit floats, widened.
#[inline]
#[target_feature(enable = "avx2,f16c")]
unsafe fn halves(from: *const u16) -> __m256 {
    // SAFETY: the caller gives a pointer to eight values.
    _mm256_cvtph_ps(unsafe { _mm_loadu_si128(from.cast::<__m128i>()) })
}
