//! AVX-512 VNNI: sixteen features a register. Two groups of features share each broadcast of four activations, and up to six
//! rows share each load of weights: twelve sums of integers and twelve of floats, which is what 32 registers hold.

use super::BLOCK;
use super::format::{Layout, Scales};
use super::lanes::LANES;
use super::pack::{block_at, shared_at};
use super::product::{Rows, Sums};
use std::arch::x86_64::*;

/// How far ahead of their use weights are fetched when few rows share them, in bytes: the processor's own prefetching ends at
/// every page.
const AHEAD: usize = 4096;

/// Sums of two groups of features for the rows, at most [`super::product::TILE`] of them.
///
/// # Safety
/// The CPU must have AVX-512 F, BW, VL and VNNI.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(super) unsafe fn tile<F: Layout>(groups: [&[u8]; 2], rows: &Rows<'_>, sums: &mut [Sums; 2]) {
    // SAFETY: the same requirement.
    unsafe {
        match rows.count {
            0 => {}
            1 => rows_of::<F, 1>(groups, rows, sums),
            2 => rows_of::<F, 2>(groups, rows, sums),
            3 => rows_of::<F, 3>(groups, rows, sums),
            4 => rows_of::<F, 4>(groups, rows, sums),
            5 => rows_of::<F, 5>(groups, rows, sums),
            _ => rows_of::<F, 6>(groups, rows, sums),
        }
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,avx2,fma,f16c")]
unsafe fn rows_of<F: Layout, const R: usize>(
    groups: [&[u8]; 2],
    rows: &Rows<'_>,
    sums: &mut [Sums; 2],
) {
    let blocks = rows.blocks;
    let bytes = rows.bytes().as_ptr();
    let scales = rows.scales().as_ptr();
    let totals = rows.totals().as_ptr();
    let starts = rows.starts().as_ptr();
    let groups = groups.map(<[u8]>::as_ptr);
    // SAFETY: a group holds `blocks` packed blocks, the row slices `R * blocks` blocks, and `starts` a number for each (two with
    // halves); all places below are inside.
    unsafe {
        let mut acc = [[_mm512_setzero_ps(); R]; 2];
        let mut shared = [[_mm512_setzero_ps(); 2]; 2];
        for block in 0..blocks {
            if F::SHARED_BYTES > 0 && block % F::SHARING == 0 {
                for (shared, group) in shared.iter_mut().zip(groups) {
                    let at = group.add(shared_at::<F>(block));
                    shared[0] = halves(at);
                    if F::SCALES == Scales::Shared {
                        shared[1] = halves(at.add(2 * LANES));
                    }
                }
            }
            let at = block_at::<F>(block);
            let sources = groups.map(|group| group.add(at));
            if R <= 2 {
                for source in sources {
                    for line in (0..F::BLOCK_BYTES).step_by(64) {
                        _mm_prefetch::<_MM_HINT_T0>(source.wrapping_add(AHEAD + line).cast());
                    }
                }
            }
            let mut dots = [[_mm512_setzero_si512(); R]; 2];
            start::<F, R>(&mut dots, starts, blocks, block, 0);
            for quad in 0..8 {
                if F::SCALES == Scales::SharedHalves && quad == 4 {
                    finish_half::<F, R>(
                        &mut acc, &dots, &shared, sources, scales, blocks, block, 0,
                    );
                    start::<F, R>(&mut dots, starts, blocks, block, 1);
                }
                let values = sources.map(|source| values::<F>(source, quad));
                for row in 0..R {
                    let four = bytes.add((row * blocks + block) * BLOCK + quad * 4);
                    let four = _mm512_set1_epi32(four.cast::<i32>().read_unaligned());
                    for side in 0..2 {
                        dots[side][row] = _mm512_dpbusd_epi32(dots[side][row], values[side], four);
                    }
                }
            }
            if F::SCALES == Scales::SharedHalves {
                finish_half::<F, R>(&mut acc, &dots, &shared, sources, scales, blocks, block, 1);
                continue;
            }
            for side in 0..2 {
                let at = sources[side].add(F::SCALES_AT);
                let scale = match F::SCALES {
                    Scales::Shared => _mm512_mul_ps(shared[side][0], bytes_as_floats(at)),
                    _ => halves(at),
                };
                for row in 0..R {
                    let x_scale = _mm512_set1_ps(*scales.add(row * blocks + block));
                    let factor = _mm512_mul_ps(scale, x_scale);
                    acc[side][row] = _mm512_fmadd_ps(
                        _mm512_cvtepi32_ps(dots[side][row]),
                        factor,
                        acc[side][row],
                    );
                }
                if F::HAS_MINIMUM {
                    let minimum = match F::SCALES {
                        Scales::Shared => {
                            let product =
                                _mm512_mul_ps(shared[side][1], bytes_as_floats(at.add(LANES)));
                            _mm512_sub_ps(_mm512_setzero_ps(), product)
                        }
                        _ => halves(at.add(2 * LANES)),
                    };
                    for row in 0..R {
                        let total = _mm512_set1_ps(*totals.add(row * blocks + block));
                        acc[side][row] = _mm512_fmadd_ps(minimum, total, acc[side][row]);
                    }
                }
            }
        }
        for side in 0..2 {
            for row in 0..R {
                _mm512_storeu_ps(sums[side][row].as_mut_ptr(), acc[side][row]);
            }
        }
    }
}

/// The sums that make the stored unsigned values signed ones.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn start<F: Layout, const R: usize>(
    dots: &mut [[__m512i; R]; 2],
    starts: *const i32,
    blocks: usize,
    block: usize,
    half: usize,
) {
    for row in 0..R {
        let first = if F::OFFSET == 0 {
            _mm512_setzero_si512()
        } else {
            let at = row * blocks + block;
            let at = if F::SCALES == Scales::SharedHalves {
                at * 2 + half
            } else {
                at
            };
            // SAFETY: there is a number for each row and block (or half block).
            _mm512_set1_epi32(unsafe { *starts.add(at) })
        };
        dots[0][row] = first;
        dots[1][row] = first;
    }
}

/// Adds half a block of a format whose scales change in the middle.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
#[allow(clippy::too_many_arguments, reason = "the state of one loop")]
unsafe fn finish_half<F: Layout, const R: usize>(
    acc: &mut [[__m512; R]; 2],
    dots: &[[__m512i; R]; 2],
    shared: &[[__m512; 2]; 2],
    sources: [*const u8; 2],
    scales: *const f32,
    blocks: usize,
    block: usize,
    half: usize,
) {
    // SAFETY: inside the packed block and the rows' scales.
    unsafe {
        for side in 0..2 {
            let at = sources[side].add(F::SCALES_AT + half * LANES);
            let scale = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(at.cast())));
            let scale = _mm512_mul_ps(shared[side][0], scale);
            for row in 0..R {
                let x_scale = _mm512_set1_ps(*scales.add(row * blocks + block));
                let factor = _mm512_mul_ps(scale, x_scale);
                acc[side][row] =
                    _mm512_fmadd_ps(_mm512_cvtepi32_ps(dots[side][row]), factor, acc[side][row]);
            }
        }
    }
}

/// The stored unsigned values of one quad of all lanes.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn values<F: Layout>(block: *const u8, quad: usize) -> __m512i {
    // SAFETY: the caller's block has all its bytes.
    unsafe {
        if !F::NIBBLES {
            return _mm512_loadu_si512(block.add(quad * 64).cast());
        }
        let low = _mm512_set1_epi8(15);
        let pairs = _mm512_loadu_si512(block.add(quad % 4 * 64).cast());
        let nibbles = if quad < 4 {
            _mm512_and_si512(pairs, low)
        } else {
            _mm512_and_si512(_mm512_srli_epi16::<4>(pairs), low)
        };
        match F::HIGH {
            1 => {
                let mask = block
                    .add(F::LOW_BYTES + quad * 8)
                    .cast::<u64>()
                    .read_unaligned();
                _mm512_mask_add_epi8(nibbles, mask, nibbles, _mm512_set1_epi8(16))
            }
            2 => {
                let bits = _mm512_loadu_si512(block.add(F::LOW_BYTES + quad / 4 * 64).cast());
                let moved = match quad % 4 {
                    0 => _mm512_slli_epi16::<4>(bits),
                    1 => _mm512_slli_epi16::<2>(bits),
                    2 => bits,
                    _ => _mm512_srli_epi16::<2>(bits),
                };
                let top = _mm512_and_si512(moved, _mm512_set1_epi8(0x30));
                _mm512_or_si512(nibbles, top)
            }
            _ => nibbles,
        }
    }
}

/// Sixteen 16-bit floats, widened.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn halves(from: *const u8) -> __m512 {
    // SAFETY: the caller gives a pointer to 32 bytes.
    _mm512_cvtph_ps(unsafe { _mm256_loadu_si256(from.cast()) })
}

/// Sixteen bytes as floats.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn bytes_as_floats(from: *const u8) -> __m512 {
    // SAFETY: the caller gives a pointer to sixteen bytes.
    _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(unsafe {
        _mm_loadu_si128(from.cast())
    }))
}
