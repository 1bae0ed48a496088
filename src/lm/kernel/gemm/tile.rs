//! A tile of the result in registers.

use super::{Tile, ViewMut};
use crate::lm::kernel::Instructions;
use crate::lm::kernel::lanes::{LANES, Lanes, by_instructions};
use std::ops::Range;

/// Some rows times one panel, over some places of the inner dimension.
pub(super) struct Piece<'a> {
    /// Strips of rows.
    pub left: &'a [f32],
    /// Numbers of a strip.
    pub strip: usize,
    /// The panel's numbers for these places.
    pub right: &'a [f32],
    /// The first place within the strips.
    pub first: usize,
    pub depth: usize,
    /// Of the result.
    pub rows: Range<usize>,
    pub columns: Range<usize>,
    pub is_added: bool,
}

/// Computes a piece.
///
/// # Safety
/// The rows and columns must be inside `out`, and no other thread may use them.
pub(super) unsafe fn run(piece: &Piece<'_>, out: &ViewMut<'_>, instructions: Instructions) {
    let tile = Tile::of(instructions);
    by_instructions!(
        instructions,
        strips(piece: &Piece<'_>, out: &ViewMut<'_>, tile: Tile)
    );
}

#[inline(always)]
unsafe fn strips<L: Lanes>(piece: &Piece<'_>, out: &ViewMut<'_>, tile: Tile) {
    for (number, row) in piece.rows.clone().step_by(tile.rows).enumerate() {
        let strip = &piece.left[number * piece.strip + piece.first * tile.rows..]
            [..piece.depth * tile.rows];
        let rows = tile.rows.min(piece.rows.end - row);
        // SAFETY: as `run`'s; strip and panel have `depth` places.
        unsafe {
            match tile {
                Tile { rows: 8, groups: 3 } => one::<L, 8, 3>(piece, strip, out, row, rows),
                Tile { rows: 6, groups: 1 } => one::<L, 6, 1>(piece, strip, out, row, rows),
                _ => one::<L, 4, 1>(piece, strip, out, row, rows),
            }
        }
    }
}

/// One tile, whole or cut off at the result's edge.
#[inline(always)]
unsafe fn one<L: Lanes, const R: usize, const G: usize>(
    piece: &Piece<'_>,
    strip: &[f32],
    out: &ViewMut<'_>,
    row: usize,
    rows: usize,
) {
    let width = G * LANES;
    let columns = piece.columns.len();
    let (left, right) = (strip.as_ptr(), piece.right.as_ptr());
    // SAFETY: as the caller's; the edge is a copy with room for a whole tile.
    unsafe {
        let place = out.at(row, piece.columns.start);
        if rows == R && columns == width {
            chains::<L, R, G>(
                left,
                right,
                piece.depth,
                place,
                out.row_step(),
                piece.is_added,
            );
            return;
        }
        let mut edge = [[[0.0_f32; LANES]; G]; R];
        let copy = edge.as_mut_ptr().cast::<f32>();
        if piece.is_added {
            for r in 0..rows {
                let from = place.add(r * out.row_step());
                std::ptr::copy_nonoverlapping(from, copy.add(r * width), columns);
            }
        }
        chains::<L, R, G>(left, right, piece.depth, copy, width, piece.is_added);
        for r in 0..rows {
            let to = place.add(r * out.row_step());
            std::ptr::copy_nonoverlapping(copy.add(r * width), to, columns);
        }
    }
}

/// `out (+)= left · right`: `R` rows and `G` registers of columns.
///
/// # Safety
/// `left` holds `depth * R` numbers, `right` `depth * G * 16`; `out` has room for the tile at steps of `step`.
#[inline(always)]
unsafe fn chains<L: Lanes, const R: usize, const G: usize>(
    mut left: *const f32,
    mut right: *const f32,
    depth: usize,
    out: *mut f32,
    step: usize,
    is_added: bool,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut sums = [[L::splat(0.0); G]; R];
        if is_added {
            for (r, sums) in sums.iter_mut().enumerate() {
                for (g, sum) in sums.iter_mut().enumerate() {
                    *sum = L::load(out.add(r * step + g * LANES));
                }
            }
        }
        for _ in 0..depth {
            let panel: [L; G] = std::array::from_fn(|g| L::load(right.add(g * LANES)));
            for (r, sums) in sums.iter_mut().enumerate() {
                let value = L::splat(*left.add(r));
                for (sum, &panel) in sums.iter_mut().zip(&panel) {
                    *sum = value.mul_add(panel, *sum);
                }
            }
            left = left.add(R);
            right = right.add(G * LANES);
        }
        for (r, sums) in sums.into_iter().enumerate() {
            for (g, sum) in sums.into_iter().enumerate() {
                sum.store(out.add(r * step + g * LANES));
            }
        }
    }
}
