//! The two halves of an update: rows to the rank, and from there to the outputs.
//!
//! A tile is some rows times some of the rank; its size follows the number of registers and changes no bits: every sum is
//! made on its own, group of inputs after group of inputs (or rank after rank), sixteen lanes side by side.

use super::LANES;
use super::numbers::{Number, Numbers};
use crate::lm::kernel::lanes::Lanes;
use std::ops::Range;

/// How far ahead of their use weights are fetched, in bytes. The processor's own prefetching ends at every page: one row on eight
/// adapters of 16 bits took 5.3 ms without and 3.3 ms with this (2026-11-21, 24 GB/s: all that memory gives).
const AHEAD: usize = 4096;

/// `hidden[row, r] = sum over i of a[r, i] * x[row, i]`; `a` in groups of sixteen inputs. `is_wide`: there are registers for
/// sixteen sums and more, else for four.
///
/// # Safety
/// As [`Lanes`] asks.
#[inline(always)]
pub unsafe fn down<L: Lanes>(
    a: &Numbers,
    x: &[f32],
    inputs: usize,
    hidden: &mut [f32],
    rank: usize,
    is_wide: bool,
) {
    // SAFETY: as this function's.
    unsafe {
        match a {
            Numbers::F32(a) => down_of::<L, f32>(a, x, inputs, hidden, rank, is_wide),
            Numbers::Bf16(a) => down_of::<L, _>(a, x, inputs, hidden, rank, is_wide),
            Numbers::F16(a) => down_of::<L, _>(a, x, inputs, hidden, rank, is_wide),
        }
    }
}

/// `out[row, o] += sum over r of b[o, r] * hidden[row, r]`; `b` in groups of sixteen outputs.
///
/// # Safety
/// As [`Lanes`] asks.
#[inline(always)]
pub unsafe fn up<L: Lanes>(
    b: &Numbers,
    hidden: &[f32],
    rank: usize,
    out: &mut [f32],
    outputs: usize,
) {
    // SAFETY: as this function's.
    unsafe {
        match b {
            Numbers::F32(b) => up_of::<L, f32>(b, hidden, rank, out, outputs),
            Numbers::Bf16(b) => up_of::<L, _>(b, hidden, rank, out, outputs),
            Numbers::F16(b) => up_of::<L, _>(b, hidden, rank, out, outputs),
        }
    }
}

#[inline(always)]
unsafe fn down_of<L: Lanes, N: Number>(
    a: &[N],
    x: &[f32],
    inputs: usize,
    hidden: &mut [f32],
    rank: usize,
    is_wide: bool,
) {
    let most = if is_wide { 4 } else { 1 };
    let rows = x.len() / inputs;
    let mut row = 0;
    while row < rows {
        let count = if row + most <= rows { most } else { 1 };
        let (x, hidden) = (&x[row * inputs..], &mut hidden[row * rank..]);
        let mut r = 0;
        while r < rank {
            let tile = Tile { inputs, rank, r };
            // SAFETY: as this function's.
            r += unsafe {
                match (count, is_wide, rank - r) {
                    (4, _, 4..) => tile.dots::<L, N, 4, 4>(a, x, hidden),
                    (4, ..) => tile.dots::<L, N, 4, 1>(a, x, hidden),
                    (_, true, 16..) => tile.dots::<L, N, 1, 16>(a, x, hidden),
                    (_, true, 8..) => tile.dots::<L, N, 1, 8>(a, x, hidden),
                    (.., 4..) => tile.dots::<L, N, 1, 4>(a, x, hidden),
                    _ => tile.dots::<L, N, 1, 1>(a, x, hidden),
                }
            };
        }
        row += count;
    }
}

/// Some rows of A, from row `r` on.
#[derive(Clone, Copy)]
struct Tile {
    inputs: usize,
    rank: usize,
    r: usize,
}

impl Tile {
    /// The scalar products of `ROWS` rows of `x` with `RANKS` rows of A. Returns `RANKS`.
    #[inline(always)]
    unsafe fn dots<L: Lanes, N: Number, const ROWS: usize, const RANKS: usize>(
        self,
        a: &[N],
        x: &[f32],
        hidden: &mut [f32],
    ) -> usize {
        let Self { inputs, rank, r } = self;
        let rows: [(&[[f32; LANES]], &[f32]); ROWS] =
            std::array::from_fn(|row| x[row * inputs..(row + 1) * inputs].as_chunks());
        let (weights, _) = a.as_chunks::<LANES>();
        let mut groups = weights.chunks_exact(rank);
        let whole = inputs / LANES;
        // SAFETY: as this function's; all pointers are those of arrays of sixteen.
        unsafe {
            let mut sums = [[L::splat(0.0); RANKS]; ROWS];
            for (group, weights) in groups.by_ref().take(whole).enumerate() {
                let weights = &weights[r..r + RANKS];
                if ROWS == 1 {
                    expect(weights);
                }
                let lanes = rows.map(|(whole, _)| L::load(whole[group].as_ptr()));
                gather(&mut sums, weights, lanes);
            }
            if let Some(weights) = groups.next() {
                let lanes = rows.map(|(_, rest)| {
                    let mut padded = [0.0; LANES];
                    padded[..rest.len()].copy_from_slice(rest);
                    L::load(padded.as_ptr())
                });
                gather(&mut sums, &weights[r..r + RANKS], lanes);
            }
            for (row, sums) in sums.iter().enumerate() {
                for (sum, hidden) in sums.iter().zip(&mut hidden[row * rank + r..]) {
                    *hidden = total(&sum.array());
                }
            }
        }
        RANKS
    }
}

#[inline(always)]
unsafe fn gather<L: Lanes, N: Number, const ROWS: usize, const RANKS: usize>(
    sums: &mut [[L; RANKS]; ROWS],
    weights: &[[N; LANES]],
    lanes: [L; ROWS],
) {
    for r in 0..RANKS {
        // SAFETY: as this function's; sixteen numbers.
        let weights: L = unsafe { N::lanes(weights[r].as_ptr()) };
        for row in 0..ROWS {
            // SAFETY: as this function's.
            sums[row][r] = unsafe { weights.mul_add(lanes[row], sums[row][r]) };
        }
    }
}

#[inline(always)]
unsafe fn up_of<L: Lanes, N: Number>(
    b: &[N],
    hidden: &[f32],
    rank: usize,
    out: &mut [f32],
    outputs: usize,
) {
    let rows = hidden.len() / rank;
    let (weights, _) = b.as_chunks::<LANES>();
    for (group, weights) in weights.chunks_exact(rank).enumerate() {
        let columns = group * LANES..outputs.min((group + 1) * LANES);
        let mut row = 0;
        while row < rows {
            let (hidden, out) = (&hidden[row * rank..], &mut out[row * outputs..]);
            // SAFETY: as this function's.
            row += unsafe {
                match rows - row {
                    4.. => spread::<L, N, 4>(weights, hidden, out, outputs, columns.clone()),
                    _ => spread::<L, N, 1>(weights, hidden, out, outputs, columns.clone()),
                }
            };
        }
    }
}

/// Adds one group of outputs to `ROWS` rows. Returns `ROWS`.
#[inline(always)]
unsafe fn spread<L: Lanes, N: Number, const ROWS: usize>(
    weights: &[[N; LANES]],
    hidden: &[f32],
    out: &mut [f32],
    outputs: usize,
    columns: Range<usize>,
) -> usize {
    let rank = weights.len();
    let rows: [&[f32]; ROWS] = std::array::from_fn(|row| &hidden[row * rank..(row + 1) * rank]);
    if ROWS == 1 {
        expect(weights);
    }
    // SAFETY: as this function's; all pointers are those of arrays of sixteen.
    unsafe {
        let mut sums = [L::splat(0.0); ROWS];
        for (r, weights) in weights.iter().enumerate() {
            let weights: L = N::lanes(weights.as_ptr());
            for row in 0..ROWS {
                sums[row] = weights.mul_add(L::splat(rows[row][r]), sums[row]);
            }
        }
        for (row, sums) in sums.into_iter().enumerate() {
            let out = &mut out[row * outputs..][columns.clone()];
            if let Ok(out) = <&mut [f32; LANES]>::try_from(&mut *out) {
                L::load(out.as_ptr()).add(sums).store(out.as_mut_ptr());
            } else {
                for (out, sum) in out.iter_mut().zip(sums.array()) {
                    *out += sum;
                }
            }
        }
    }
    ROWS
}

/// The sum of the lanes, in the order of [`Lanes::sum`]: halves onto halves. Rows of an update are so short that this must be
/// cheap: here in vectors of four, which every x86-64 has.
#[inline(always)]
fn total(lanes: &[f32; LANES]) -> f32 {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::*;
        // SAFETY: SSE is part of x86-64, and all four loads lie in the array.
        unsafe {
            let [a, b, c, d] = [0, 4, 8, 12].map(|at| _mm_loadu_ps(lanes.as_ptr().add(at)));
            let four = _mm_add_ps(_mm_add_ps(a, c), _mm_add_ps(b, d));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        let eight: [f32; 8] = std::array::from_fn(|lane| lanes[lane] + lanes[lane + 8]);
        let four: [f32; 4] = std::array::from_fn(|lane| eight[lane] + eight[lane + 4]);
        (four[0] + four[2]) + (four[1] + four[3])
    }
}

/// Fetches what lies some way behind `values` into the cache: a hint, no access.
#[inline(always)]
fn expect<N>(values: &[[N; LANES]]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let start = values.as_ptr().cast::<i8>().wrapping_add(AHEAD);
        for at in (0..size_of_val(values)).step_by(64) {
            // SAFETY: prefetching never faults, wherever it points.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(start.wrapping_add(at)) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (values, AHEAD);
}
