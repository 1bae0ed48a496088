//! Products on the matrix units of some processors (AMX), which multiply 16-bit floats.
//!
//! A 32-bit float is exactly the sum of three bfloat16: head, middle and last. Of the nine products of parts the six largest
//! are summed in 32 bits, so what is left out is smaller than a rounding (Henry, Tang & Heinecke 2019). An operand that was
//! stored in 16 bits or fewer often has no last or no middle part, and products with it are not computed.
//!
//! A result has other last bits than a chain of vector instructions; it depends on the numbers of threads and rows as little.

mod pack;
mod units;

pub(super) use units::are_there;

use super::{Term, ViewMut, steps};
use crate::lm::kernel::pool::Pool;
use std::cell::RefCell;
use std::ops::Range;

/// Places of the inner dimension that one tile takes.
const STEP: usize = 32;
/// Rows (or columns) of a panel: two tiles.
const PANEL: usize = 32;
/// Rows of the result that a thread computes at once.
const ROWS: usize = 64;
/// Columns of the result whose right operand is packed at once.
const COLUMNS: usize = 1536;
/// Places of the inner dimension that are packed at once.
const DEPTH: usize = 2048;
/// Lines of a panel's step: two tiles of three parts.
const LINES: usize = 2 * 3 * 16;

/// A row of a tile: 32 bfloat16.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
struct Line([u16; STEP]);

const EMPTY: Line = Line([0; STEP]);

thread_local! {
    static LEFT: RefCell<Vec<Line>> = const { RefCell::new(Vec::new()) };
    static RIGHT: RefCell<Vec<Line>> = const { RefCell::new(Vec::new()) };
}

/// A part of one term's inner dimension; packed into whole steps.
#[derive(Debug, Clone)]
struct Slice<'a> {
    term: &'a Term<'a>,
    inner: Range<usize>,
}

impl Slice<'_> {
    fn steps(&self) -> usize {
        self.inner.len().div_ceil(STEP)
    }
}

/// As [`super::multiply`], on processors that have the units.
pub(super) fn multiply(out: &ViewMut<'_>, terms: &[Term<'_>], is_added: bool, pool: Option<&Pool>) {
    let mut packed = RIGHT.take();
    for columns in steps(out.columns(), COLUMNS) {
        for (number, slices) in pieces(terms).iter().enumerate() {
            let step = Step {
                out,
                slices,
                steps: slices.iter().map(Slice::steps).sum(),
                columns: columns.clone(),
                is_added: is_added || number > 0,
            };
            let parts = step.pack(&mut packed, pool);
            step.run(&packed, parts, pool);
        }
    }
    RIGHT.set(packed);
}

/// The terms cut into pieces that are packed at once.
fn pieces<'a>(terms: &'a [Term<'a>]) -> Vec<Vec<Slice<'a>>> {
    let mut pieces: Vec<Vec<Slice<'a>>> = vec![Vec::new()];
    let mut room = DEPTH / STEP;
    for term in terms {
        for inner in steps(term.0.columns(), DEPTH) {
            let slice = Slice { term, inner };
            let wanted = slice.steps();
            if wanted > room {
                pieces.push(Vec::new());
                room = DEPTH / STEP;
            }
            room -= wanted;
            if let Some(last) = pieces.last_mut() {
                last.push(slice);
            }
        }
    }
    pieces
}

/// Some columns of the result, and a piece of the inner dimension.
struct Step<'a> {
    out: &'a ViewMut<'a>,
    slices: &'a [Slice<'a>],
    steps: usize,
    columns: Range<usize>,
    is_added: bool,
}

impl Step<'_> {
    /// Packs the right operand; how many of its parts are not zero.
    fn pack(&self, packed: &mut Vec<Line>, pool: Option<&Pool>) -> u32 {
        let size = self.steps * LINES;
        let panels = self.columns.len().div_ceil(PANEL);
        packed.resize(panels * size, EMPTY);
        let parts = std::sync::atomic::AtomicU32::new(1);
        let fill = |number: usize, mut panel: &mut [Line]| {
            let first = self.columns.start + number * PANEL;
            let columns = first..(first + PANEL).min(self.columns.end);
            for slice in self.slices {
                let (own, rest) = panel.split_at_mut(slice.steps() * LINES);
                // SAFETY: `are_there` said that the processor has these instructions.
                let found =
                    unsafe { pack::right(slice.term.1, slice.inner.clone(), columns.clone(), own) };
                parts.fetch_max(found, std::sync::atomic::Ordering::Relaxed);
                panel = rest;
            }
        };
        match pool {
            Some(pool) => pool.chunks(packed, size, &fill),
            None => {
                for (number, panel) in packed.chunks_mut(size).enumerate() {
                    fill(number, panel);
                }
            }
        }
        parts.into_inner()
    }

    fn run(&self, packed: &[Line], parts: u32, pool: Option<&Pool>) {
        let blocks = self.out.rows().div_ceil(ROWS);
        let panels = self.columns.len().div_ceil(PANEL);
        let threads = pool.map_or(1, Pool::threads);
        // Few rows are divided by columns too, so that every thread has work.
        let wanted = if threads > 1 { threads * 3 } else { 1 };
        let sides = wanted.div_ceil(blocks).clamp(1, panels);
        let share = panels.div_ceil(sides);
        let work = |part: usize| {
            let first = part / sides * ROWS;
            let rows = first..(first + ROWS).min(self.out.rows());
            let first = part % sides * share;
            let panels = first.min(panels)..(first + share).min(panels);
            self.block(rows, panels, packed, parts);
        };
        match pool {
            Some(pool) => pool.run(blocks * sides, &work),
            None => (0..blocks * sides).for_each(work),
        }
    }

    /// Some rows of the result times some panels.
    fn block(&self, rows: Range<usize>, panels: Range<usize>, packed: &[Line], parts: u32) {
        let size = self.steps * LINES;
        let mut left = LEFT.take();
        left.resize(rows.len().div_ceil(PANEL) * size, EMPTY);
        for (number, mut strip) in left.chunks_exact_mut(size).enumerate() {
            let first = rows.start + number * PANEL;
            let rows = first..(first + PANEL).min(rows.end);
            for slice in self.slices {
                let (own, rest) = strip.split_at_mut(slice.steps() * LINES);
                // SAFETY: `are_there` said that the processor has these instructions.
                unsafe { pack::left(slice.term.0, slice.inner.clone(), rows.clone(), own) };
                strip = rest;
            }
        }
        let session = units::Session::begin();
        for panel in panels {
            let first = self.columns.start + panel * PANEL;
            let columns = first..(first + PANEL).min(self.columns.end);
            let right = &packed[panel * size..(panel + 1) * size];
            for (number, strip) in left.chunks_exact(size).enumerate() {
                let first = rows.start + number * PANEL;
                let rows = first..(first + PANEL).min(rows.end);
                let place = units::Place {
                    out: self.out,
                    rows,
                    columns: columns.clone(),
                    is_added: self.is_added,
                };
                // SAFETY: parts have different rows or panels, so no two threads write the same number.
                unsafe { session.multiply(strip, right, self.steps, parts, &place) };
            }
        }
        drop(session);
        LEFT.set(left);
    }
}
