//! Products of 32-bit float matrices, for training: both operands change, and either may be read transposed.
//!
//! The blocked scheme of Goto & van de Geijn (2008): operands are copied into panels in the order in which a tile of the result
//! reads them. Each number of a result is one chain of fused multiply-adds in the order of the inner dimension, so neither the
//! number of threads nor the size of blocks changes a bit.

mod panel;
mod tile;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod tiles;
mod view;

pub use view::{View, ViewMut};

use super::Instructions;
use super::lanes::LANES;
use super::pool::Pool;
use std::cell::RefCell;
use std::ops::Range;

/// Rows of the result that a thread computes at once.
const ROWS: usize = 64;
/// Columns of the result whose right operand is packed at once.
const COLUMNS: usize = 3072;
/// Places of the inner dimension that are packed at once.
const DEPTH: usize = 2048;
/// Places of the inner dimension whose right panel stays in the first cache.
const INNER: usize = 192;

/// One product of a sum, `left · right`.
pub type Term<'a> = (View<'a>, View<'a>);

/// What a tile of the result measures: rows, and registers of sixteen columns.
#[derive(Debug, Clone, Copy)]
struct Tile {
    rows: usize,
    groups: usize,
}

impl Tile {
    fn of(instructions: Instructions) -> Self {
        let (rows, groups) = match instructions {
            Instructions::Portable => (4, 1),
            Instructions::Avx2 => (6, 1),
            Instructions::Avx512Vnni => (8, 3),
        };
        Self { rows, groups }
    }

    fn columns(self) -> usize {
        self.groups * LANES
    }
}

thread_local! {
    /// Panels of the left and of the right operand, kept between products.
    static LEFT: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
    static RIGHT: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// `out = sum of left · right` over the terms, or `out += …` where `is_added`. Without a pool on the calling thread alone.
///
/// # Panics
/// When the shapes do not fit: a programming error.
pub fn multiply(
    out: ViewMut<'_>,
    terms: &[Term<'_>],
    is_added: bool,
    instructions: Instructions,
    pool: Option<&Pool>,
) {
    check(&out, terms);
    let tile = Tile::of(instructions);
    let depth: usize = terms.iter().map(|(left, _)| left.columns()).sum();
    if depth == 0 && !is_added {
        out.clear();
        return;
    }
    let mut packed = RIGHT.take();
    for columns in steps(out.columns(), COLUMNS / tile.columns() * tile.columns()) {
        for inner in steps(depth, DEPTH) {
            let step = Step {
                out: &out,
                terms,
                columns: columns.clone(),
                inner: inner.clone(),
                is_added: is_added || inner.start > 0,
                tile,
                instructions,
            };
            step.pack(&mut packed, pool);
            step.run(&packed, pool);
        }
    }
    RIGHT.set(packed);
}

/// As [`multiply`], by the processor's matrix units where it has some and the product is large enough for them: several times as
/// fast, as exact, with other last bits.
///
/// # Panics
/// When the shapes do not fit: a programming error.
pub fn multiply_fast(
    out: ViewMut<'_>,
    terms: &[Term<'_>],
    is_added: bool,
    instructions: Instructions,
    pool: Option<&Pool>,
) {
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    {
        let depth: usize = terms.iter().map(|(left, _)| left.columns()).sum();
        let is_large = out.rows() >= LANES && out.columns() >= LANES && depth >= LANES;
        if is_large && tiles::are_there() {
            check(&out, terms);
            tiles::multiply(&out, terms, is_added, pool);
            return;
        }
    }
    multiply(out, terms, is_added, instructions, pool);
}

fn check(out: &ViewMut<'_>, terms: &[Term<'_>]) {
    for (left, right) in terms {
        assert!(
            left.rows() == out.rows() && right.columns() == out.columns(),
            "a product of another shape"
        );
        assert_eq!(left.columns(), right.rows(), "operands that do not meet");
    }
}

/// The ranges that cut `0..count` into pieces of `size`.
fn steps(count: usize, size: usize) -> impl Iterator<Item = Range<usize>> {
    (0..count)
        .step_by(size)
        .map(move |first| first..(first + size).min(count))
}

/// Some columns of the result, and a part of the inner dimension.
struct Step<'a> {
    out: &'a ViewMut<'a>,
    terms: &'a [Term<'a>],
    columns: Range<usize>,
    inner: Range<usize>,
    is_added: bool,
    tile: Tile,
    instructions: Instructions,
}

impl Step<'_> {
    /// Copies the right operand: panels of a tile's columns, in each the places of the inner dimension one after the other.
    fn pack(&self, packed: &mut Vec<f32>, pool: Option<&Pool>) {
        let width = self.tile.columns();
        let size = self.inner.len() * width;
        let panels = self.columns.len().div_ceil(width);
        packed.resize(panels * size, 0.0);
        let fill = |number: usize, panel: &mut [f32]| {
            let first = self.columns.start + number * width;
            let columns = first..(first + width).min(self.columns.end);
            panel::right(self.terms, self.inner.clone(), columns, width, panel);
        };
        match pool {
            Some(pool) => pool.chunks(packed, size, &fill),
            None => {
                for (number, panel) in packed.chunks_mut(size).enumerate() {
                    fill(number, panel);
                }
            }
        }
    }

    fn run(&self, packed: &[f32], pool: Option<&Pool>) {
        let blocks = self.out.rows().div_ceil(ROWS);
        let panels = self.columns.len().div_ceil(self.tile.columns());
        // Few rows are divided by columns too, so that every thread has work.
        let wanted = pool.map_or(1, |pool| {
            if pool.threads() > 1 {
                pool.threads() * 3
            } else {
                1
            }
        });
        let sides = wanted.div_ceil(blocks).clamp(1, panels);
        let share = panels.div_ceil(sides);
        let work = |part: usize| {
            let first = part / sides * ROWS;
            let rows = first..(first + ROWS).min(self.out.rows());
            let first = part % sides * share;
            let panels = first.min(panels)..(first + share).min(panels);
            self.block(rows, panels, packed);
        };
        match pool {
            Some(pool) => pool.run(blocks * sides, &work),
            None => (0..blocks * sides).for_each(work),
        }
    }

    /// Some rows of the result times some panels.
    fn block(&self, rows: Range<usize>, panels: Range<usize>, packed: &[f32]) {
        let (tile, depth) = (self.tile, self.inner.len());
        let mut left = LEFT.take();
        let strips = rows.len().div_ceil(tile.rows);
        left.resize(strips * depth * tile.rows, 0.0);
        for (number, strip) in left.chunks_exact_mut(depth * tile.rows).enumerate() {
            let first = rows.start + number * tile.rows;
            let rows = first..(first + tile.rows).min(rows.end);
            panel::left(self.terms, self.inner.clone(), rows, tile.rows, strip);
        }
        for inner in steps(depth, INNER) {
            for panel in panels.clone() {
                let column = self.columns.start + panel * tile.columns();
                let panel = &packed[panel * depth * tile.columns()..][..depth * tile.columns()];
                let piece = tile::Piece {
                    left: &left,
                    strip: depth * tile.rows,
                    right: &panel[inner.start * tile.columns()..inner.end * tile.columns()],
                    first: inner.start,
                    depth: inner.len(),
                    rows: rows.clone(),
                    columns: column..(column + tile.columns()).min(self.columns.end),
                    is_added: self.is_added || inner.start > 0,
                };
                // SAFETY: parts have different rows or panels, so no two threads write the same number.
                unsafe { tile::run(&piece, self.out, self.instructions) };
            }
        }
        LEFT.set(left);
    }
}

#[cfg(test)]
mod tests;
