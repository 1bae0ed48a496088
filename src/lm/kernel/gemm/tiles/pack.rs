//! Splits 32-bit floats into three bfloat16 and lays them out as tiles.
//!
//! Rows of the left operand lie as they are, 32 places of the inner dimension in a line. The right operand lies in pairs: a line
//! holds two places for sixteen columns.

use super::{LINES, Line, STEP};
use crate::lm::kernel::gemm::View;
use std::arch::x86_64::*;
use std::ops::Range;

/// Lines of a tile.
const TILE: usize = 16;
/// Parts of a number.
const PARTS: usize = 3;

/// Sixteen numbers as the bits of their parts, each in the upper half of a word.
///
/// Head and middle are rounded, so that what stays is smaller and of either sign; the last part is exact.
#[target_feature(enable = "avx512f,avx512bw")]
fn split(x: __m512) -> [__m512i; PARTS] {
    let half = _mm512_set1_epi32(0x8000);
    let mask = _mm512_set1_epi32(0xffff_0000_u32.cast_signed());
    let rounded =
        |x: __m512| _mm512_and_si512(_mm512_add_epi32(_mm512_castps_si512(x), half), mask);
    let head = rounded(x);
    let rest = _mm512_sub_ps(x, _mm512_castsi512_ps(head));
    let middle = rounded(rest);
    let last = _mm512_castps_si512(_mm512_sub_ps(rest, _mm512_castsi512_ps(middle)));
    [head, middle, last]
}

/// Up to sixteen numbers, zeros behind them.
///
/// # Safety
/// `from` is readable for `count` numbers.
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn load(from: *const f32, count: usize) -> __m512 {
    let mask = if count >= TILE {
        !0
    } else {
        (1_u16 << count) - 1
    };
    // SAFETY: the caller's promise; what is masked is not read.
    unsafe { _mm512_maskz_loadu_ps(mask, from) }
}

/// Lines of thirty-two numbers side by side, for the left operand.
#[target_feature(enable = "avx512f,avx512bw")]
fn side_by_side(low: [__m512i; PARTS], high: [__m512i; PARTS]) -> [__m512i; PARTS] {
    // The upper words of both, in order.
    let order: [i16; STEP] = std::array::from_fn(|at| 2 * i16::try_from(at).unwrap_or(0) + 1);
    // SAFETY: 64 bytes.
    let order = unsafe { _mm512_loadu_si512(order.as_ptr().cast()) };
    [0, 1, 2].map(|part| _mm512_permutex2var_epi16(low[part], order, high[part]))
}

/// Pairs of numbers, the first in the lower half of each word, for the right operand.
#[target_feature(enable = "avx512f,avx512bw")]
fn in_pairs(first: [__m512i; PARTS], second: [__m512i; PARTS]) -> [__m512i; PARTS] {
    [0, 1, 2].map(|part| _mm512_or_si512(_mm512_srli_epi32::<16>(first[part]), second[part]))
}

/// Rows become columns, word by word.
#[target_feature(enable = "avx512f,avx512bw")]
fn transposed(rows: [__m512i; TILE]) -> [__m512i; TILE] {
    let mut pairs = [_mm512_setzero_si512(); TILE];
    for at in (0..TILE).step_by(2) {
        pairs[at] = _mm512_unpacklo_epi32(rows[at], rows[at + 1]);
        pairs[at + 1] = _mm512_unpackhi_epi32(rows[at], rows[at + 1]);
    }
    let mut fours = [_mm512_setzero_si512(); TILE];
    for at in (0..TILE).step_by(4) {
        fours[at] = _mm512_unpacklo_epi64(pairs[at], pairs[at + 2]);
        fours[at + 1] = _mm512_unpackhi_epi64(pairs[at], pairs[at + 2]);
        fours[at + 2] = _mm512_unpacklo_epi64(pairs[at + 1], pairs[at + 3]);
        fours[at + 3] = _mm512_unpackhi_epi64(pairs[at + 1], pairs[at + 3]);
    }
    // Now quarter q of fours[4 b + c] holds rows 4 b.. of column 4 q + c.
    let mut out = [_mm512_setzero_si512(); TILE];
    for column in 0..4 {
        let [a, b, c, d] = [0, 4, 8, 12].map(|block| fours[block + column]);
        let low_first = _mm512_shuffle_i32x4::<0b10_00_10_00>(a, b);
        let low_second = _mm512_shuffle_i32x4::<0b11_01_11_01>(a, b);
        let high_first = _mm512_shuffle_i32x4::<0b10_00_10_00>(c, d);
        let high_second = _mm512_shuffle_i32x4::<0b11_01_11_01>(c, d);
        out[column] = _mm512_shuffle_i32x4::<0b10_00_10_00>(low_first, high_first);
        out[8 + column] = _mm512_shuffle_i32x4::<0b11_01_11_01>(low_first, high_first);
        out[4 + column] = _mm512_shuffle_i32x4::<0b10_00_10_00>(low_second, high_second);
        out[12 + column] = _mm512_shuffle_i32x4::<0b11_01_11_01>(low_second, high_second);
    }
    out
}

/// Where the numbers of a tile come from: `lanes` rows or columns of the result, `depth` places of the inner dimension.
struct Source {
    from: *const f32,
    lane_step: usize,
    depth_step: usize,
    lanes: usize,
    depth: usize,
}

impl Source {
    /// All parts of one lane's 32 places.
    #[target_feature(enable = "avx512f,avx512bw")]
    unsafe fn lane(&self, lane: usize) -> [[__m512i; PARTS]; 2] {
        let from = self.from.wrapping_add(lane * self.lane_step);
        let depth = if lane < self.lanes { self.depth } else { 0 };
        // SAFETY: no more numbers are read than there are.
        unsafe {
            [
                split(load(from, depth)),
                split(load(from.wrapping_add(TILE), depth.saturating_sub(TILE))),
            ]
        }
    }

    /// All parts of one place for sixteen lanes.
    #[target_feature(enable = "avx512f,avx512bw")]
    unsafe fn place(&self, place: usize) -> [__m512i; PARTS] {
        let count = if place < self.depth { self.lanes } else { 0 };
        // SAFETY: no more numbers are read than there are.
        split(unsafe { load(self.from.wrapping_add(place * self.depth_step), count) })
    }
}

/// Stores a tile's lines, one array of parts for each; `tile` is 0 or 1. Returns the bits that middle and last parts have.
#[target_feature(enable = "avx512f,avx512bw")]
fn store(lines: [[__m512i; PARTS]; TILE], tile: usize, step: &mut [Line]) -> [__m512i; 2] {
    let mut bits = [_mm512_setzero_si512(); 2];
    for part in 0..PARTS {
        let first = (part * 2 + tile) * TILE;
        for (line, to) in lines.iter().zip(&mut step[first..first + TILE]) {
            // SAFETY: a line has 64 bytes and lies at a multiple of 64.
            unsafe { _mm512_store_si512(std::ptr::from_mut(to).cast(), line[part]) };
            if part > 0 {
                bits[part - 1] = _mm512_or_si512(bits[part - 1], line[part]);
            }
        }
    }
    bits
}

/// The tiles of a panel: for each step two of them. `is_left` says which layout; the number of parts that are not zero.
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn panel(
    view: View<'_>,
    inner: Range<usize>,
    lanes: Range<usize>,
    is_left: bool,
    to: &mut [Line],
) -> u32 {
    let mut bits = [_mm512_setzero_si512(); 2];
    for (number, step) in to.chunks_exact_mut(LINES).enumerate() {
        let first = inner.start + number * STEP;
        let depth = STEP.min(inner.end - first);
        for tile in 0..2 {
            let lane = lanes.start + tile * TILE;
            if lane >= lanes.end {
                let empty = [[_mm512_setzero_si512(); PARTS]; TILE];
                store(empty, tile, step);
                continue;
            }
            let count = TILE.min(lanes.end - lane);
            let (from, lane_step, depth_step) = view.pointer(lane, first);
            let _last = view.pointer(lane + count - 1, first + depth - 1);
            let source = Source {
                from,
                lane_step,
                depth_step,
                lanes: count,
                depth,
            };
            // SAFETY: the first and last numbers were looked up.
            let found = unsafe { one(&source, is_left, tile, step) };
            bits = [0, 1].map(|part| _mm512_or_si512(bits[part], found[part]));
        }
    }
    // Twice the bits: a zero may have a sign.
    let has =
        |bits| _mm512_test_epi32_mask(_mm512_slli_epi16::<1>(bits), _mm512_set1_epi32(-1)) != 0;
    match (has(bits[0]), has(bits[1])) {
        (_, true) => 3,
        (true, false) => 2,
        _ => 1,
    }
}

#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn one(source: &Source, is_left: bool, tile: usize, step: &mut [Line]) -> [__m512i; 2] {
    let empty = [[_mm512_setzero_si512(); PARTS]; TILE];
    let mut lines = empty;
    let is_straight = source.depth_step == 1;
    // SAFETY: the caller's.
    unsafe {
        for (at, line) in lines.iter_mut().enumerate() {
            *line = if is_straight {
                let [low, high] = source.lane(at);
                side_by_side(low, high)
            } else {
                in_pairs(source.place(2 * at), source.place(2 * at + 1))
            };
        }
    }
    // A line of a lane holds pairs of places, and a line of pairs holds lanes: words change their places.
    if is_straight != is_left {
        let mut turned = empty;
        for part in 0..PARTS {
            let rows = transposed(lines.map(|line| line[part]));
            for (line, row) in turned.iter_mut().zip(rows) {
                line[part] = row;
            }
        }
        lines = turned;
    }
    store(lines, tile, step)
}

/// A strip of rows of the left operand.
///
/// # Safety
/// The processor has AVX-512 F and BW.
#[target_feature(enable = "avx512f,avx512bw")]
pub unsafe fn left(view: View<'_>, inner: Range<usize>, rows: Range<usize>, to: &mut [Line]) {
    // SAFETY: as the caller's.
    unsafe { panel(view, inner, rows, true, to) };
}

/// A panel of columns of the right operand; how many of its parts are not all zero.
///
/// # Safety
/// The processor has AVX-512 F and BW.
#[target_feature(enable = "avx512f,avx512bw")]
pub unsafe fn right(
    view: View<'_>,
    inner: Range<usize>,
    columns: Range<usize>,
    to: &mut [Line],
) -> u32 {
    // SAFETY: as the caller's.
    unsafe { panel(view.transposed(), inner, columns, false, to) }
}
