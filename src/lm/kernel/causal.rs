//! Attention over whole sequences with its gradient, for training.
//!
//! Keys and values of a group of heads lie beside the queries that use them, so a group is one piece of memory and one part of
//! the threads' work. Scores exist for a block of queries at a time; the backward pass computes them again from the logarithm
//! of each row's sum (Dao et al. 2022).

mod softmax;

use super::Instructions;
use super::gemm::{View, ViewMut, multiply};
use super::pool::Pool;
use std::cell::RefCell;
use std::ops::Range;

/// Queries whose scores are computed at once.
const BLOCK: usize = 64;

/// What attention of one layer looks like.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Heads of keys.
    pub groups: usize,
    /// Query heads of each.
    pub heads: usize,
    pub head_width: usize,
    pub scale: f32,
    pub cap: Option<f32>,
    /// Tokens that a query sees, its own included; none is all before it.
    pub window: Option<usize>,
}

/// Sequences in the order of groups: for each sequence and group the queries of every head, then keys, then values, each a
/// matrix of one row for each token.
#[derive(Debug, Clone)]
pub struct Grouped<'a> {
    pub shape: Shape,
    /// Tokens of each sequence.
    pub lengths: &'a [usize],
    pub queries_keys_values: &'a [f32],
}

thread_local! {
    static SCORES: RefCell<[Vec<f32>; 2]> = const { RefCell::new([Vec::new(), Vec::new()]) };
}

/// One group of one sequence.
#[derive(Debug, Clone)]
struct Unit {
    length: usize,
    /// Where its numbers lie, as multiples of the head's width.
    rows: Range<usize>,
    /// Where its queries' results lie, likewise; without the width where their sums' logarithms lie.
    queries: Range<usize>,
}

fn units(shape: &Shape, lengths: &[usize]) -> Vec<Unit> {
    let (mut row, mut query) = (0, 0);
    let mut units = Vec::with_capacity(lengths.len() * shape.groups);
    for &length in lengths {
        for _ in 0..shape.groups {
            let rows = row..row + (shape.heads + 2) * length;
            let queries = query..query + shape.heads * length;
            (row, query) = (rows.end, queries.end);
            units.push(Unit {
                length,
                rows,
                queries,
            });
        }
    }
    units
}

/// The matrices of a unit.
struct Parts<'a> {
    queries: &'a [f32],
    keys: &'a [f32],
    values: &'a [f32],
}

impl Shape {
    fn parts<'a>(&self, length: usize, numbers: &'a [f32]) -> Parts<'a> {
        let size = length * self.head_width;
        let (queries, rest) = numbers.split_at(self.heads * size);
        let (keys, values) = rest.split_at(size);
        Parts {
            queries,
            keys,
            values,
        }
    }

    /// The keys that some queries see together.
    fn seen(&self, queries: &Range<usize>) -> Range<usize> {
        let first = self
            .window
            .map_or(0, |window| (queries.start + 1).saturating_sub(window));
        first..queries.end
    }
}

fn blocks(length: usize) -> impl Iterator<Item = Range<usize>> {
    (0..length)
        .step_by(BLOCK)
        .map(move |first| first..(first + BLOCK).min(length))
}

impl Grouped<'_> {
    /// What every query sees of the values, and the logarithm of the sum of its exponentials: for each sequence and group the
    /// rows of every head.
    #[must_use]
    pub fn attend(&self, instructions: Instructions, pool: &Pool) -> (Vec<f32>, Vec<f32>) {
        let width = self.shape.head_width;
        let units = units(&self.shape, self.lengths);
        let rows = units.last().map_or(0, |unit| unit.queries.end);
        // A row's result with its logarithm behind it, so that a unit writes one piece of memory.
        let mut both = vec![0.0; rows * (width + 1)];
        let ranges: Vec<Range<usize>> = units
            .iter()
            .map(|unit| unit.queries.start * (width + 1)..unit.queries.end * (width + 1))
            .collect();
        pool.ranges(&mut both, &ranges, &|number, both| {
            let unit = &units[number];
            let (out, sums) = both.split_at_mut(unit.queries.len() * width);
            let numbers = &self.queries_keys_values[unit.rows.start * width..unit.rows.end * width];
            attend_unit(&self.shape, unit.length, numbers, out, sums, instructions);
        });
        let (mut out, mut sums) = (Vec::with_capacity(rows * width), Vec::with_capacity(rows));
        for (unit, range) in units.iter().zip(ranges) {
            let (values, logarithms) = both[range].split_at(unit.queries.len() * width);
            out.extend_from_slice(values);
            sums.extend_from_slice(logarithms);
        }
        (out, sums)
    }

    /// The gradient by queries, keys and values, in their order, from that by the result. `out` and `sums` are what
    /// [`Grouped::attend`] gave.
    #[must_use]
    pub fn backward(
        &self,
        out: &[f32],
        sums: &[f32],
        gradient: &[f32],
        instructions: Instructions,
        pool: &Pool,
    ) -> Vec<f32> {
        let width = self.shape.head_width;
        let units = units(&self.shape, self.lengths);
        let mut result = vec![0.0; self.queries_keys_values.len()];
        let ranges: Vec<Range<usize>> = units
            .iter()
            .map(|unit| unit.rows.start * width..unit.rows.end * width)
            .collect();
        pool.ranges(&mut result, &ranges, &|number, result| {
            let unit = &units[number];
            let rows = unit.queries.start * width..unit.queries.end * width;
            let known = Known {
                length: unit.length,
                numbers: &self.queries_keys_values[ranges[number].clone()],
                out: &out[rows.clone()],
                sums: &sums[unit.queries.clone()],
                gradient: &gradient[rows],
            };
            backward_unit(&self.shape, &known, result, instructions);
        });
        result
    }
}

fn attend_unit(
    shape: &Shape,
    length: usize,
    numbers: &[f32],
    out: &mut [f32],
    sums: &mut [f32],
    instructions: Instructions,
) {
    let width = shape.head_width;
    let parts = shape.parts(length, numbers);
    let [mut scores, spare] = SCORES.take();
    let (keys, values) = (View::new(parts.keys, width), View::new(parts.values, width));
    for head in 0..shape.heads {
        for block in blocks(length) {
            let rows = head * length + block.start..head * length + block.end;
            let queries = View::new(&parts.queries[rows.start * width..rows.end * width], width);
            let seen = shape.seen(&block);
            scores.resize(block.len() * seen.len(), 0.0);
            let terms = [(queries, keys.row_range(seen.clone()).transposed())];
            multiply(
                ViewMut::new(&mut scores, seen.len()),
                &terms,
                false,
                instructions,
                None,
            );
            softmax::forward(
                shape,
                &block,
                &seen,
                &mut scores,
                &mut sums[rows.clone()],
                instructions,
            );
            let out = &mut out[rows.start * width..rows.end * width];
            let terms = [(View::new(&scores, seen.len()), values.row_range(seen))];
            multiply(ViewMut::new(out, width), &terms, false, instructions, None);
        }
    }
    SCORES.set([scores, spare]);
}

/// What the backward pass of a unit reads.
struct Known<'a> {
    length: usize,
    numbers: &'a [f32],
    out: &'a [f32],
    sums: &'a [f32],
    gradient: &'a [f32],
}

fn backward_unit(shape: &Shape, known: &Known<'_>, result: &mut [f32], instructions: Instructions) {
    let (width, length) = (shape.head_width, known.length);
    let parts = shape.parts(length, known.numbers);
    let (keys, values) = (View::new(parts.keys, width), View::new(parts.values, width));
    let (d_queries, rest) = result.split_at_mut(shape.heads * length * width);
    let (d_keys, d_values) = rest.split_at_mut(length * width);
    let [mut scores, mut changes] = SCORES.take();
    for head in 0..shape.heads {
        for block in blocks(length) {
            let rows = head * length + block.start..head * length + block.end;
            let places = rows.start * width..rows.end * width;
            let queries = View::new(&parts.queries[places.clone()], width);
            let gradient = View::new(&known.gradient[places.clone()], width);
            let seen = shape.seen(&block);
            let in_keys = seen.start * width..seen.end * width;
            let (keys, values) = (keys.row_range(seen.clone()), values.row_range(seen.clone()));
            let count = seen.len();
            scores.resize(block.len() * count, 0.0);
            changes.resize(block.len() * count, 0.0);
            let product = |out: &mut [f32], left, right: View<'_>, is_added| {
                let out = ViewMut::new(out, right.columns());
                multiply(out, &[(left, right)], is_added, instructions, None);
            };
            product(&mut scores, queries, keys.transposed(), false);
            product(&mut changes, gradient, values.transposed(), false);
            let rows = softmax::Rows {
                queries: &block,
                seen: &seen,
                sums: &known.sums[rows],
                out: &known.out[places.clone()],
                gradient: &known.gradient[places.clone()],
            };
            softmax::backward(shape, &rows, &mut scores, &mut changes, instructions);
            let (scores, changes) = (View::new(&scores, count), View::new(&changes, count));
            product(
                &mut d_values[in_keys.clone()],
                scores.transposed(),
                gradient,
                true,
            );
            product(&mut d_queries[places], changes, keys, false);
            product(&mut d_keys[in_keys], changes.transposed(), queries, true);
        }
    }
    SCORES.set([scores, changes]);
}

#[cfg(test)]
mod tests;
