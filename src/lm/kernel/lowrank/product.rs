//! The two halves of an update: rows to the rank, and from there to the outputs.
//!
//! A tile is some rows times some of the rank; its size follows the number of registers and changes no bits: every sum is
//! made on its own, group of inputs after group of inputs (or rank after rank), sixteen lanes side by side.

#![allow(
    clippy::inline_always,
    reason = "bodies are compiled once for each instruction set, inside a function that enables it"
)]

use super::lanes::{Lanes, Plain};
#[cfg(target_arch = "x86_64")]
use super::lanes::{One, Two};
use super::numbers::{Number, Numbers};
use super::{Instructions, LANES};
use std::ops::Range;

/// `hidden[row, r] = sum over i of a[r, i] * x[row, i]`; `a` in groups of sixteen inputs.
pub fn down(
    a: &Numbers,
    x: &[f32],
    inputs: usize,
    hidden: &mut [f32],
    rank: usize,
    instructions: Instructions,
) {
    match a {
        Numbers::F32(a) => down_of(a, x, inputs, hidden, rank, instructions),
        Numbers::Bf16(a) => down_of(a, x, inputs, hidden, rank, instructions),
        Numbers::F16(a) => down_of(a, x, inputs, hidden, rank, instructions),
    }
}

/// `out[row, o] += sum over r of b[o, r] * hidden[row, r]`; `b` in groups of sixteen outputs.
pub fn up(
    b: &Numbers,
    hidden: &[f32],
    rank: usize,
    out: &mut [f32],
    outputs: usize,
    instructions: Instructions,
) {
    match b {
        Numbers::F32(b) => up_of(b, hidden, rank, out, outputs, instructions),
        Numbers::Bf16(b) => up_of(b, hidden, rank, out, outputs, instructions),
        Numbers::F16(b) => up_of(b, hidden, rank, out, outputs, instructions),
    }
}

fn down_of<N: Number>(
    a: &[N],
    x: &[f32],
    inputs: usize,
    hidden: &mut [f32],
    rank: usize,
    instructions: Instructions,
) {
    match instructions {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the variant is only made after AVX-512 F and BW were detected.
        Instructions::Avx512Vnni => unsafe { down_avx512(a, x, inputs, hidden, rank) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the variant is only made after AVX2 and F16C were detected.
        Instructions::Avx2 => unsafe { down_avx2(a, x, inputs, hidden, rank) },
        _ => down_with::<Plain, N>(a, x, inputs, hidden, rank),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,f16c")]
fn down_avx2<N: Number>(a: &[N], x: &[f32], inputs: usize, hidden: &mut [f32], rank: usize) {
    down_with::<Two, N>(a, x, inputs, hidden, rank);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw")]
fn down_avx512<N: Number>(a: &[N], x: &[f32], inputs: usize, hidden: &mut [f32], rank: usize) {
    down_with::<One, N>(a, x, inputs, hidden, rank);
}

fn up_of<N: Number>(
    b: &[N],
    hidden: &[f32],
    rank: usize,
    out: &mut [f32],
    outputs: usize,
    instructions: Instructions,
) {
    match instructions {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the variant is only made after AVX-512 F and BW were detected.
        Instructions::Avx512Vnni => unsafe { up_avx512(b, hidden, rank, out, outputs) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the variant is only made after AVX2 and F16C were detected.
        Instructions::Avx2 => unsafe { up_avx2(b, hidden, rank, out, outputs) },
        _ => up_with::<Plain, N>(b, hidden, rank, out, outputs),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,f16c")]
fn up_avx2<N: Number>(b: &[N], hidden: &[f32], rank: usize, out: &mut [f32], outputs: usize) {
    up_with::<Two, N>(b, hidden, rank, out, outputs);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw")]
fn up_avx512<N: Number>(b: &[N], hidden: &[f32], rank: usize, out: &mut [f32], outputs: usize) {
    up_with::<One, N>(b, hidden, rank, out, outputs);
}

#[inline(always)]
fn down_with<L: Lanes, N: Number>(
    a: &[N],
    x: &[f32],
    inputs: usize,
    hidden: &mut [f32],
    rank: usize,
) {
    // As many rows and ranks as there are registers for their sums.
    let most = if L::SUMS < 16 { 1 } else { 4 };
    let all = x.len() / inputs;
    let mut row = 0;
    while row + most <= all {
        let (x, hidden) = (&x[row * inputs..], &mut hidden[row * rank..]);
        let mut r = 0;
        while r < rank {
            let tile = Tile { inputs, rank, r };
            r += match (L::SUMS, rank - r) {
                (16, 4..) => tile.dots::<L, N, 4, 4>(a, x, hidden),
                (16, _) => tile.dots::<L, N, 4, 1>(a, x, hidden),
                (4.., 4..) => tile.dots::<L, N, 1, 4>(a, x, hidden),
                (_, 2..) => tile.dots::<L, N, 1, 2>(a, x, hidden),
                _ => tile.dots::<L, N, 1, 1>(a, x, hidden),
            };
        }
        row += most;
    }
    for row in row..all {
        let (x, hidden) = (&x[row * inputs..], &mut hidden[row * rank..]);
        let mut r = 0;
        while r < rank {
            let tile = Tile { inputs, rank, r };
            r += match rank - r {
                16.. => tile.dots::<L, N, 1, 16>(a, x, hidden),
                8.. => tile.dots::<L, N, 1, 8>(a, x, hidden),
                4.. => tile.dots::<L, N, 1, 4>(a, x, hidden),
                _ => tile.dots::<L, N, 1, 1>(a, x, hidden),
            };
        }
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
    fn dots<L: Lanes, N: Number, const ROWS: usize, const RANKS: usize>(
        self,
        a: &[N],
        x: &[f32],
        hidden: &mut [f32],
    ) -> usize {
        let Self { inputs, rank, r } = self;
        let mut sums = [[L::zero(); RANKS]; ROWS];
        let rows: [(&[[f32; LANES]], &[f32]); ROWS] =
            std::array::from_fn(|row| x[row * inputs..(row + 1) * inputs].as_chunks());
        let (weights, _) = a.as_chunks::<LANES>();
        let mut groups = weights.chunks_exact(rank);
        let whole = inputs / LANES;
        for (group, weights) in groups.by_ref().take(whole).enumerate() {
            if ROWS == 1 {
                L::expect(&weights[r..r + RANKS]);
            }
            let lanes = rows.map(|(whole, _)| L::load(&whole[group]));
            gather(&mut sums, &weights[r..r + RANKS], lanes);
        }
        if let Some(weights) = groups.next() {
            let lanes = rows.map(|(_, rest)| {
                let mut padded = [0.0; LANES];
                padded[..rest.len()].copy_from_slice(rest);
                L::load(&padded)
            });
            gather(&mut sums, &weights[r..r + RANKS], lanes);
        }
        for (row, sums) in sums.iter().enumerate() {
            for (sum, hidden) in sums.iter().zip(&mut hidden[row * rank + r..]) {
                *hidden = sum.total();
            }
        }
        RANKS
    }
}

#[inline(always)]
fn gather<L: Lanes, N: Number, const ROWS: usize, const RANKS: usize>(
    sums: &mut [[L; RANKS]; ROWS],
    weights: &[[N; LANES]],
    lanes: [L; ROWS],
) {
    for r in 0..RANKS {
        let weights = L::load(&weights[r]);
        for row in 0..ROWS {
            sums[row][r] = sums[row][r].plus(weights.times(lanes[row]));
        }
    }
}

#[inline(always)]
fn up_with<L: Lanes, N: Number>(
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
            row += match rows - row {
                4.. => spread::<L, N, 4>(weights, hidden, out, outputs, columns.clone()),
                _ => spread::<L, N, 1>(weights, hidden, out, outputs, columns.clone()),
            };
        }
    }
}

/// Adds one group of outputs to `ROWS` rows. Returns `ROWS`.
#[inline(always)]
fn spread<L: Lanes, N: Number, const ROWS: usize>(
    weights: &[[N; LANES]],
    hidden: &[f32],
    out: &mut [f32],
    outputs: usize,
    columns: Range<usize>,
) -> usize {
    let rank = weights.len();
    let rows: [&[f32]; ROWS] = std::array::from_fn(|row| &hidden[row * rank..(row + 1) * rank]);
    let mut sums = [L::zero(); ROWS];
    if ROWS == 1 {
        L::expect(weights);
    }
    for (r, weights) in weights.iter().enumerate() {
        let weights = L::load(weights);
        for row in 0..ROWS {
            sums[row] = sums[row].plus(weights.times(L::splat(rows[row][r])));
        }
    }
    for (row, sums) in sums.into_iter().enumerate() {
        let out = &mut out[row * outputs..][columns.clone()];
        if let Ok(out) = <&mut [f32; LANES]>::try_from(&mut *out) {
            L::load(out).plus(sums).store(out);
        } else {
            let mut lanes = [0.0; LANES];
            sums.store(&mut lanes);
            for (out, sum) in out.iter_mut().zip(lanes) {
                *out += sum;
            }
        }
    }
    ROWS
}
