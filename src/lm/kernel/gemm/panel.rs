//! Copies operands into the order in which tiles read them.

use super::{Term, View};
use std::ops::Range;

/// The parts of the terms that make up a range of the joined inner dimension: which term, and which of its places.
fn parts<'a>(
    terms: &'a [Term<'a>],
    inner: &Range<usize>,
) -> impl Iterator<Item = (&'a Term<'a>, Range<usize>)> {
    let inner = inner.clone();
    let mut end = 0;
    terms.iter().filter_map(move |term| {
        let start = end;
        end += term.0.columns();
        let (first, last) = (inner.start.max(start), inner.end.min(end));
        (first < last).then(|| (term, first - start..last - start))
    })
}

/// A strip of `height` rows of the left operands: place by place the numbers of all rows; rows that are not there are zeros.
pub(super) fn left(
    terms: &[Term<'_>],
    inner: Range<usize>,
    rows: Range<usize>,
    height: usize,
    mut strip: &mut [f32],
) {
    for ((left, _), places) in parts(terms, &inner) {
        let (own, rest) = strip.split_at_mut(places.len() * height);
        lines(left.transposed(), places, rows.clone(), height, own);
        strip = rest;
    }
}

/// A panel of `width` columns of the right operands: place by place the numbers of all columns.
pub(super) fn right(
    terms: &[Term<'_>],
    inner: Range<usize>,
    columns: Range<usize>,
    width: usize,
    mut panel: &mut [f32],
) {
    for ((_, right), places) in parts(terms, &inner) {
        let (own, rest) = panel.split_at_mut(places.len() * width);
        lines(*right, places, columns.clone(), width, own);
        panel = rest;
    }
}

/// Copies `places` × `lanes` of a view into rows of `width` numbers, zeros behind the lanes.
fn lines(view: View<'_>, places: Range<usize>, lanes: Range<usize>, width: usize, to: &mut [f32]) {
    /// Places that are copied lane by lane: what is read and what is written stay in the first cache.
    const BLOCK: usize = 16;
    if places.is_empty() || lanes.is_empty() {
        to.fill(0.0);
        return;
    }
    let count = lanes.len();
    let (from, row_step, column_step) = view.pointer(places.start, lanes.start);
    let _last = view.pointer(places.end - 1, lanes.end - 1);
    if column_step == 1 {
        for (place, to) in to.chunks_exact_mut(width).enumerate() {
            // SAFETY: a row of the view, whose first and last numbers were looked up.
            let row = unsafe { std::slice::from_raw_parts(from.add(place * row_step), count) };
            to[..count].copy_from_slice(row);
            to[count..].fill(0.0);
        }
        return;
    }
    for (block, to) in to.chunks_mut(BLOCK * width).enumerate() {
        if count < width {
            to.fill(0.0);
        }
        let height = to.len() / width;
        for lane in 0..count {
            for place in 0..height {
                // SAFETY: inside the view, whose first and last numbers were looked up.
                let value =
                    unsafe { *from.add((block * BLOCK + place) * row_step + lane * column_step) };
                to[place * width + lane] = value;
            }
        }
    }
}
