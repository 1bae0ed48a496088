//! Products of quantised weights and activations, divided among threads by output features.
//!
//! Tiles of rows and features may be cut in any way: each output is the sum over blocks in order, whoever computes it.

use super::activations::Activations;
use super::format::{Layout, Scales, by_format};
use super::gate;
use super::lanes::LANES;
use super::pool::{Pool, Shards};
use super::{BLOCK, Format, Instructions, Packed, portable};
use crate::lm::config::Activation;

#[cfg(target_arch = "x86_64")]
use super::{avx2, avx512};

/// Most rows of a tile on any path.
pub(super) const TILE: usize = 6;

/// The results of a tile: sixteen features for each row.
pub(super) type Sums = [[f32; LANES]; TILE];

/// Rows of activations that a tile multiplies.
pub(super) struct Rows<'a> {
    x: &'a Activations,
    starts: &'a [i32],
    first: usize,
    pub count: usize,
    pub blocks: usize,
}

/// One block of one row.
pub(super) struct RowBlock<'a> {
    pub bytes: &'a [i8],
    pub scale: f32,
    pub sums: [i32; 2],
    pub total: f32,
}

impl<'a> Rows<'a> {
    pub(super) fn block(&self, row: usize, block: usize) -> RowBlock<'a> {
        let at = (self.first + row) * self.blocks + block;
        RowBlock {
            bytes: &self.x.bytes[at * BLOCK..(at + 1) * BLOCK],
            scale: self.x.scales[at],
            sums: self.x.sums[at],
            total: self.x.totals[at],
        }
    }

    fn range(&self, each: usize) -> std::ops::Range<usize> {
        let first = self.first * self.blocks * each;
        first..first + self.count * self.blocks * each
    }

    pub(super) fn bytes(&self) -> &'a [i8] {
        &self.x.bytes[self.range(BLOCK)]
    }

    pub(super) fn scales(&self) -> &'a [f32] {
        &self.x.scales[self.range(1)]
    }

    pub(super) fn totals(&self) -> &'a [f32] {
        &self.x.totals[self.range(1)]
    }

    /// What the sums of products begin with; empty when the format stores signed values as they are.
    pub(super) fn starts(&self) -> &'a [i32] {
        let each = self.starts.len() / (self.x.rows() * self.blocks).max(1);
        &self.starts[self.range(each)]
    }
}

/// One product of [`multiply`].
pub struct Job<'a> {
    pub weights: &'a Packed,
    /// `x.rows()` rows of `weights.outputs()` values, row after row.
    pub out: &'a mut [f32],
}

/// `out[r, n] = sum over k of x[r, k] * w[n, k]` for all rows of `x` and all jobs.
///
/// `x` holds rows of `w.inputs()` values. Several products of the same activations are one piece of work for the pool.
///
/// # Panics
/// When the shapes differ: a programming error.
pub fn multiply(jobs: &mut [Job<'_>], x: &Activations, instructions: Instructions, pool: &Pool) {
    let pairs = |w: &Packed| w.groups().div_ceil(2);
    let all: usize = jobs.iter().map(|job| pairs(job.weights)).sum();
    let chunk = chunk_of(all, pool);
    let mut parts = Vec::new();
    let mut targets = Vec::with_capacity(jobs.len());
    for (number, job) in jobs.iter_mut().enumerate() {
        let w = job.weights;
        check(w, x, job.out.len());
        targets.push((w, starts(w.format(), x), Shards(job.out.as_mut_ptr())));
        let count = pairs(w);
        parts.extend(
            (0..count)
                .step_by(chunk)
                .map(|start| (number, start, (start + chunk).min(count))),
        );
    }
    pool.run(parts.len(), &|part| {
        let (number, first, last) = parts[part];
        let (w, starts, out) = &targets[number];
        for pair in first..last {
            // The last group may be alone; it is computed with itself and written once.
            let groups = [pair * 2, (pair * 2 + 1).min(w.groups() - 1)];
            let mut at = 0;
            while at < x.rows() {
                let rows = rows_from(x, starts, at);
                let mut sums = [[[0.0; LANES]; TILE]; 2];
                tile(
                    w.format(),
                    groups.map(|g| w.group(g)),
                    &rows,
                    &mut sums,
                    instructions,
                );
                for (group, sums) in (pair * 2..w.groups()).zip(&sums) {
                    for (row, values) in sums.iter().enumerate().take(rows.count) {
                        write(out, (at + row) * w.outputs(), group, w.outputs(), values);
                    }
                }
                at += rows.count;
            }
        }
    });
}

/// `out[r, n] = activation(x W_gate)[r, n] * (x W_up)[r, n]`: the gated half of a feed-forward part in one go.
///
/// # Panics
/// When the shapes or the formats differ: a programming error.
pub fn multiply_gated(
    [gate, up]: [&Packed; 2],
    x: &Activations,
    activation: Activation,
    out: &mut [f32],
    instructions: Instructions,
    pool: &Pool,
) {
    assert!(
        gate.format() == up.format() && gate.outputs() == up.outputs(),
        "two matrices of one kind"
    );
    check(gate, x, out.len());
    check(up, x, out.len());
    let starts = starts(gate.format(), x);
    let chunk = chunk_of(gate.groups(), pool);
    let out = Shards(out.as_mut_ptr());
    pool.run(gate.groups().div_ceil(chunk), &|part| {
        for group in part * chunk..((part + 1) * chunk).min(gate.groups()) {
            let mut at = 0;
            while at < x.rows() {
                let rows = rows_from(x, &starts, at);
                let mut sums = [[[0.0; LANES]; TILE]; 2];
                tile(
                    gate.format(),
                    [gate.group(group), up.group(group)],
                    &rows,
                    &mut sums,
                    instructions,
                );
                let [gates, ups] = &mut sums;
                for (row, (gates, ups)) in gates.iter_mut().zip(ups).enumerate().take(rows.count) {
                    gate::gated(activation, gates, ups, instructions);
                    write(
                        &out,
                        (at + row) * gate.outputs(),
                        group,
                        gate.outputs(),
                        gates,
                    );
                }
                at += rows.count;
            }
        }
    });
}

fn check(w: &Packed, x: &Activations, out: usize) {
    assert_eq!(x.inputs(), w.inputs(), "activations of another width");
    assert_eq!(out, x.rows() * w.outputs(), "an output of another shape");
}

/// A few parts for each thread: one row must not pay for claiming parts, and no thread should wait long for the last one.
fn chunk_of(all: usize, pool: &Pool) -> usize {
    all.div_ceil(pool.threads() * 4).max(1)
}

/// The next tile of rows: all tiles of a product are about equally high.
fn rows_from<'a>(x: &'a Activations, starts: &'a [i32], at: usize) -> Rows<'a> {
    let left = x.rows() - at;
    Rows {
        x,
        starts,
        first: at,
        count: left.div_ceil(left.div_ceil(TILE)),
        blocks: x.blocks(),
    }
}

/// What the sums of each row and block (or half block) begin with, so that unsigned weights count as signed ones.
fn starts(format: Format, x: &Activations) -> Vec<i32> {
    fn of<F: Layout>(x: &Activations) -> Vec<i32> {
        if F::OFFSET == 0 {
            return Vec::new();
        }
        if F::SCALES == Scales::SharedHalves {
            return x
                .sums
                .iter()
                .flatten()
                .map(|sum| -F::OFFSET * sum)
                .collect();
        }
        x.sums
            .iter()
            .map(|sums| -F::OFFSET * (sums[0] + sums[1]))
            .collect()
    }
    by_format!(format, of(x))
}

fn tile(
    format: Format,
    groups: [&[u8]; 2],
    rows: &Rows<'_>,
    sums: &mut [Sums; 2],
    instructions: Instructions,
) {
    fn of<F: Layout>(
        groups: [&[u8]; 2],
        rows: &Rows<'_>,
        sums: &mut [Sums; 2],
        instructions: Instructions,
    ) {
        match instructions {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the variant is only made by `detect` or by tests after the same check.
            Instructions::Avx512Vnni => unsafe { avx512::tile::<F>(groups, rows, sums) },
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => {
                for (group, sums) in groups.into_iter().zip(sums) {
                    // SAFETY: as above.
                    unsafe { avx2::tile::<F>(group, rows, sums) };
                }
            }
            _ => {
                for (group, sums) in groups.into_iter().zip(sums) {
                    portable::tile::<F>(group, rows, sums);
                }
            }
        }
    }
    by_format!(format, of(groups, rows, sums, instructions));
}

/// Writes one row's results of one group.
fn write(out: &Shards<f32>, row_at: usize, group: usize, outputs: usize, values: &[f32; LANES]) {
    let first = group * LANES;
    let count = LANES.min(outputs - first);
    // SAFETY: the row and `first + count` columns are inside the output (checked by the callers), and each group's columns are
    // written by one thread.
    unsafe {
        let to = out.at(row_at + first);
        if count == LANES {
            to.cast::<[f32; LANES]>().write_unaligned(*values);
        } else {
            std::ptr::copy_nonoverlapping(values.as_ptr(), to, count);
        }
    }
}
