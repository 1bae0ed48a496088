//! Rows of scores: scale, cap, mask, exponentials, and back.

use super::Shape;
use crate::lm::kernel::Instructions;
use crate::lm::kernel::gate::{exponential_lanes, tanh_lanes};
use crate::lm::kernel::lanes::{LANES, Lanes, by_instructions};
use std::ops::Range;

/// What the backward pass knows of some rows.
pub(super) struct Rows<'a> {
    pub queries: &'a Range<usize>,
    pub seen: &'a Range<usize>,
    pub sums: &'a [f32],
    pub out: &'a [f32],
    pub gradient: &'a [f32],
}

/// The columns of a row that its query sees.
fn visible(shape: &Shape, query: usize, seen: &Range<usize>) -> Range<usize> {
    let first = shape
        .window
        .map_or(0, |window| (query + 1).saturating_sub(window));
    first.max(seen.start) - seen.start..query + 1 - seen.start
}

/// Products of queries and keys become shares; `sums` the logarithms of the rows' sums.
pub(super) fn forward(
    shape: &Shape,
    queries: &Range<usize>,
    seen: &Range<usize>,
    scores: &mut [f32],
    sums: &mut [f32],
    instructions: Instructions,
) {
    for ((query, row), sum) in queries
        .clone()
        .zip(scores.chunks_exact_mut(seen.len()))
        .zip(sums)
    {
        let visible = visible(shape, query, seen);
        row[..visible.start].fill(0.0);
        row[visible.end..].fill(0.0);
        let row = &mut row[visible];
        by_instructions!(instructions, share(shape: &Shape, row: &mut [f32], sum: &mut f32));
    }
}

/// `scores` become shares again, and `changes`, the gradient by the shares, the gradient by products of queries and keys.
pub(super) fn backward(
    shape: &Shape,
    rows: &Rows<'_>,
    scores: &mut [f32],
    changes: &mut [f32],
    instructions: Instructions,
) {
    let (count, width) = (rows.seen.len(), shape.head_width);
    let lines = scores
        .chunks_exact_mut(count)
        .zip(changes.chunks_exact_mut(count));
    for (at, (query, (scores, changes))) in rows.queries.clone().zip(lines).enumerate() {
        let visible = visible(shape, query, rows.seen);
        for row in [&mut *scores, &mut *changes] {
            row[..visible.start].fill(0.0);
            row[visible.end..].fill(0.0);
        }
        let line = Line {
            scores: &mut scores[visible.clone()],
            changes: &mut changes[visible],
            sum: rows.sums[at],
            out: &rows.out[at * width..(at + 1) * width],
            gradient: &rows.gradient[at * width..(at + 1) * width],
        };
        by_instructions!(instructions, change(shape: &Shape, line: Line<'_>));
    }
}

/// One row of the backward pass.
struct Line<'a> {
    scores: &'a mut [f32],
    changes: &'a mut [f32],
    sum: f32,
    out: &'a [f32],
    gradient: &'a [f32],
}

/// The sixteen numbers at a place; `filler` behind the end.
#[inline(always)]
unsafe fn some<L: Lanes>(values: &[f32], at: usize, filler: f32) -> L {
    let rest = &values[at..];
    // SAFETY: sixteen places.
    unsafe {
        if rest.len() >= LANES {
            return L::load(rest.as_ptr());
        }
        let mut lanes = [filler; LANES];
        lanes[..rest.len()].copy_from_slice(rest);
        L::load(lanes.as_ptr())
    }
}

/// Stores as many as fit.
#[inline(always)]
unsafe fn put<L: Lanes>(lanes: L, values: &mut [f32], at: usize) {
    let rest = &mut values[at..];
    // SAFETY: sixteen places.
    unsafe {
        if rest.len() >= LANES {
            lanes.store(rest.as_mut_ptr());
        } else {
            let count = rest.len();
            rest.copy_from_slice(&lanes.array()[..count]);
        }
    }
}

/// Scaled and capped.
#[inline(always)]
unsafe fn score<L: Lanes>(shape: &Shape, product: L) -> L {
    // SAFETY: as this function's.
    unsafe {
        let scaled = product.mul(L::splat(shape.scale));
        match shape.cap {
            Some(cap) => tanh_lanes(scaled.div(L::splat(cap))).mul(L::splat(cap)),
            None => scaled,
        }
    }
}

#[inline(always)]
unsafe fn share<L: Lanes>(shape: &Shape, row: &mut [f32], sum: &mut f32) {
    // SAFETY: as this function's.
    unsafe {
        let mut largest = L::splat(f32::NEG_INFINITY);
        for at in (0..row.len()).step_by(LANES) {
            let value = score(shape, some::<L>(row, at, 0.0));
            put(value, row, at);
            largest = largest.max(some(row, at, f32::NEG_INFINITY));
        }
        let largest = largest.largest();
        let mut total = L::splat(0.0);
        for at in (0..row.len()).step_by(LANES) {
            let value = some::<L>(row, at, f32::NEG_INFINITY).sub(L::splat(largest));
            put(exponential_lanes(value), row, at);
            total = total.add(some(row, at, 0.0));
        }
        let total = total.sum();
        *sum = largest + total.ln();
        let factor = L::splat(1.0 / total);
        for at in (0..row.len()).step_by(LANES) {
            put(some::<L>(row, at, 0.0).mul(factor), row, at);
        }
    }
}

#[inline(always)]
unsafe fn change<L: Lanes>(shape: &Shape, line: Line<'_>) {
    // SAFETY: as this function's.
    unsafe {
        let mut both = L::splat(0.0);
        for at in (0..line.out.len()).step_by(LANES) {
            both = some::<L>(line.out, at, 0.0).mul_add(some(line.gradient, at, 0.0), both);
        }
        let mean = L::splat(both.sum());
        let sum = L::splat(line.sum);
        for at in (0..line.scores.len()).step_by(LANES) {
            let value = score(shape, some::<L>(line.scores, at, 0.0));
            let share = exponential_lanes(value.sub(sum));
            let mut change = some::<L>(line.changes, at, 0.0).sub(mean).mul(share);
            if let Some(cap) = shape.cap {
                let slope = value.div(L::splat(cap));
                change = change.mul(L::splat(1.0).sub(slope.mul(slope)));
            }
            put(share, line.scores, at);
            put(change.mul(L::splat(shape.scale)), line.changes, at);
        }
    }
}
