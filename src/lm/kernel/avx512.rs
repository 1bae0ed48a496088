//! AVX-512 with VNNI: sixteen features a register, four inputs a lane, one instruction for 64 products.

use super::{Activations, BLOCK, LANES, Packed, TILE};
use std::arch::x86_64::{
    __m256i, __m512, __m512i, _mm256_loadu_si256, _mm512_add_ps, _mm512_and_si512,
    _mm512_cvtepi32_ps, _mm512_cvtph_ps, _mm512_dpbusd_epi32, _mm512_loadu_si512, _mm512_mul_ps,
    _mm512_set1_epi8, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps, _mm512_setzero_si512,
    _mm512_srli_epi16, _mm512_storeu_ps, _mm512_sub_epi32,
};

/// Sums of one group of features for `rows` rows from `first` on.
///
/// # Safety
/// The CPU must have AVX-512 F, BW and VNNI.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
pub(super) unsafe fn tile(
    w: &Packed,
    x: &Activations,
    group: usize,
    first: usize,
    rows: usize,
    sums: &mut [[f32; LANES]; TILE],
) {
    // A constant number of rows keeps all sums in registers.
    // SAFETY: same requirement.
    unsafe {
        match rows {
            1 => rows_of::<1>(w, x, group, first, sums),
            2 => rows_of::<2>(w, x, group, first, sums),
            3 => rows_of::<3>(w, x, group, first, sums),
            4 => rows_of::<4>(w, x, group, first, sums),
            5 => rows_of::<5>(w, x, group, first, sums),
            6 => rows_of::<6>(w, x, group, first, sums),
            7 => rows_of::<7>(w, x, group, first, sums),
            _ => rows_of::<8>(w, x, group, first, sums),
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
unsafe fn rows_of<const R: usize>(
    w: &Packed,
    x: &Activations,
    group: usize,
    first: usize,
    sums: &mut [[f32; LANES]; TILE],
) {
    let blocks = w.blocks();
    let is_nibbles = w.format.is_nibbles();
    let has_minimum = w.format.has_minimum();
    let per_block = if is_nibbles {
        LANES * BLOCK / 2
    } else {
        LANES * BLOCK
    };
    // The slices below are checked once for the whole tile; the loop then uses pointers into them.
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

    // SAFETY: every pointer stays inside the slices above: `block < blocks`, `quad < 8`, `row < R`.
    unsafe {
        let mut acc: [__m512; R] = [_mm512_setzero_ps(); R];
        let low = _mm512_set1_epi8(15);
        let offset = w.format.offset();
        for block in 0..blocks {
            let mut dots: [__m512i; R] = [_mm512_setzero_si512(); R];
            let source = values.as_ptr().add(block * per_block);
            if is_nibbles {
                for quad in 0..4 {
                    let packed = load(source.add(quad * 64));
                    let lower = _mm512_and_si512(packed, low);
                    let upper = _mm512_and_si512(_mm512_srli_epi16::<4>(packed), low);
                    for (row, dot) in dots.iter_mut().enumerate() {
                        let four = bytes
                            .as_ptr()
                            .add((row * blocks + block) * BLOCK + quad * 4);
                        *dot = _mm512_dpbusd_epi32(*dot, lower, broadcast(four));
                        *dot = _mm512_dpbusd_epi32(*dot, upper, broadcast(four.add(16)));
                    }
                }
            } else {
                for quad in 0..8 {
                    let stored = load(source.add(quad * 64));
                    for (row, dot) in dots.iter_mut().enumerate() {
                        let four = bytes
                            .as_ptr()
                            .add((row * blocks + block) * BLOCK + quad * 4);
                        *dot = _mm512_dpbusd_epi32(*dot, stored, broadcast(four));
                    }
                }
            }
            let scale = halves(scales.as_ptr().add(block * LANES));
            for row in 0..R {
                let x_scale = *x_scales.get_unchecked(row * blocks + block);
                let x_sum = *x_sums.get_unchecked(row * blocks + block);
                let dot = _mm512_sub_epi32(dots[row], _mm512_set1_epi32(offset * x_sum));
                let factor = _mm512_mul_ps(scale, _mm512_set1_ps(x_scale));
                acc[row] = _mm512_add_ps(acc[row], _mm512_mul_ps(_mm512_cvtepi32_ps(dot), factor));
                if has_minimum {
                    let minimum = halves(minimums.as_ptr().add(block * LANES));
                    let weight = _mm512_set1_ps(x_scale * x_sum as f32);
                    acc[row] = _mm512_add_ps(acc[row], _mm512_mul_ps(minimum, weight));
                }
            }
        }
        for (row, sum) in acc.iter().enumerate() {
            _mm512_storeu_ps(sums[row].as_mut_ptr(), *sum);
        }
    }
}

/// 64 bytes.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn load(from: *const u8) -> __m512i {
    // SAFETY: the caller gives a pointer to 64 readable bytes.
    unsafe { _mm512_loadu_si512(from.cast()) }
}

/// The same four bytes in each lane.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn broadcast(from: *const i8) -> __m512i {
    // SAFETY: the caller gives a pointer to four readable bytes.
    _mm512_set1_epi32(unsafe { from.cast::<i32>().read_unaligned() })
}

/// Sixteen 16-bit floats, widened.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn halves(from: *const u16) -> __m512 {
    // SAFETY: the caller gives a pointer to sixteen values.
    _mm512_cvtph_ps(unsafe { _mm256_loadu_si256(from.cast::<__m256i>()) })
}
