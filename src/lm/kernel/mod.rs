//! Matrix products over quantised weights, chosen for the CPU at run time.
//!
//! One arithmetic for every path and every number of rows: activations are quantised to 8 bits per row and block of 32,
//! products within a block are exact integers, and blocks are added in order, each with the same three float operations and
//! no fused ones. So the portable, AVX2 and AVX-512 paths give the same bits, a row's result never depends on its neighbours,
//! and threads only divide outputs.
//!
//! `unsafe` is allowed here: vector intrinsics after their CPU features were detected, and disjoint writes from threads.
#![allow(unsafe_code)]

mod activations;
pub mod attention;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
pub mod lowrank;
mod pack;
mod portable;
mod row;

pub use activations::Activations;
pub use pack::{Format, Packed};

use rayon::prelude::*;

/// Values per quantisation block, of weights and of activations.
pub const BLOCK: usize = 32;
/// Output features that are stored and computed together.
pub const LANES: usize = 16;
/// Most activation rows that share one pass over a group's weights.
const TILE: usize = 8;

/// Which instructions do the work. All give the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Instructions {
    Portable,
    Avx2,
    Avx512Vnni,
}

impl Instructions {
    /// The best this CPU has.
    #[must_use]
    pub fn detect() -> Instructions {
        #[cfg(target_arch = "x86_64")]
        {
            let has_avx512 = std::arch::is_x86_feature_detected!("avx512f")
                && std::arch::is_x86_feature_detected!("avx512bw")
                && std::arch::is_x86_feature_detected!("avx512vnni");
            if has_avx512 {
                return Instructions::Avx512Vnni;
            }
            if std::arch::is_x86_feature_detected!("avx2")
                && std::arch::is_x86_feature_detected!("f16c")
            {
                return Instructions::Avx2;
            }
        }
        Instructions::Portable
    }

    /// For reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Instructions::Portable => "portable",
            Instructions::Avx2 => "AVX2",
            Instructions::Avx512Vnni => "AVX-512 VNNI",
        }
    }
}

/// One product of [`multiply`].
pub struct Job<'a> {
    pub weights: &'a Packed,
    /// `x.rows()` rows of `weights.outputs()` values, row after row.
    pub out: &'a mut [f32],
}

/// `out[r, n] = sum over k of x[r, k] * w[n, k]` for all rows of `x` and all jobs, on the current rayon pool.
///
/// `x` holds rows of `w.inputs()` values. Several products of the same activations are one piece of work for the pool.
///
/// # Panics
/// When the shapes differ: a programming error.
pub fn multiply(jobs: &mut [Job<'_>], x: &Activations, instructions: Instructions) {
    let all: usize = jobs.iter().map(|job| job.weights.groups()).sum();
    // A few chunks a thread: one row (decoding) must not pay for scheduling, many rows balance better.
    let chunk = all.div_ceil(rayon::current_num_threads().max(1) * 4).max(1);
    let mut targets = Vec::with_capacity(jobs.len());
    let mut chunks = Vec::new();
    for (number, job) in jobs.iter_mut().enumerate() {
        let w = job.weights;
        assert_eq!(x.inputs(), w.inputs(), "activations of another width");
        assert_eq!(
            job.out.len(),
            x.rows() * w.outputs(),
            "an output of another shape"
        );
        let target = Target {
            start: job.out.as_mut_ptr(),
            outputs: w.outputs(),
        };
        targets.push((w, target));
        let starts = (0..w.groups()).step_by(chunk);
        chunks.extend(starts.map(|start| (number, start, (start + chunk).min(w.groups()))));
    }
    chunks.into_par_iter().for_each(|(number, start, end)| {
        let (w, target) = &targets[number];
        for group in start..end {
            multiply_group(w, x, group, target, instructions);
        }
    });
}

/// Where results go. Each group of lanes writes only its own columns.
struct Target {
    start: *mut f32,
    outputs: usize,
}

// SAFETY: threads write disjoint columns (each output feature belongs to one group), and the borrow of the output in
// `multiply` outlives all of them.
unsafe impl Sync for Target {}

impl Target {
    fn write(&self, row: usize, group: usize, values: &[f32; LANES]) {
        let first = group * LANES;
        let count = LANES.min(self.outputs - first);
        // SAFETY: `row` is below the number of rows and `first + count` at most `outputs`, so the place is inside the output;
        // no other thread writes these columns.
        unsafe {
            let place = self.start.add(row * self.outputs + first);
            std::ptr::copy_nonoverlapping(values.as_ptr(), place, count);
        }
    }
}

fn multiply_group(
    w: &Packed,
    x: &Activations,
    group: usize,
    target: &Target,
    instructions: Instructions,
) {
    let mut row = 0;
    while row < x.rows() {
        let rows = TILE.min(x.rows() - row);
        let mut sums = [[0f32; LANES]; TILE];
        match instructions {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the variant is only made by `detect` or by tests after the same check.
            Instructions::Avx512Vnni => unsafe { avx512::tile(w, x, group, row, rows, &mut sums) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Instructions::Avx2 => unsafe { avx2::tile(w, x, group, row, rows, &mut sums) },
            _ => portable::tile(w, x, group, row, rows, &mut sums),
        }
        for (offset, values) in sums.iter().enumerate().take(rows) {
            target.write(row + offset, group, values);
        }
        row += rows;
    }
}

#[cfg(test)]
mod tests;
