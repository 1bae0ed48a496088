//! What happens to the residual stream between products: sums and root-mean-square norms (Zhang & Sennrich 2019), row by row.

use super::Instructions;
use super::lanes::{LANES, Lanes, by_instructions};
use super::pool::{Pool, Shards};

/// Numbers that one part of the pool's work takes.
const PART: usize = 8192;

/// `out = x / sqrt(mean(x^2) + epsilon) * weight` for every row of `weight.len()` numbers.
///
/// # Panics
/// When `out` is shorter than `x`: a programming error.
pub fn normalise(
    x: &[f32],
    weight: &[f32],
    epsilon: f32,
    out: &mut [f32],
    instructions: Instructions,
    pool: &Pool,
) {
    let width = weight.len();
    let rows = (PART / width).max(1);
    assert_eq!(x.len(), out.len(), "an output of another shape");
    pool.chunks(out, rows * width, &|number, out| {
        let first = number * rows * width;
        let x = &x[first..first + out.len()];
        by_instructions!(
            instructions,
            norm_rows(x: &[f32], weight: &[f32], epsilon: f32, out: &mut [f32])
        );
    });
}

/// [`normalise`] in place.
pub fn normalise_in_place(
    values: &mut [f32],
    weight: &[f32],
    epsilon: f32,
    instructions: Instructions,
    pool: &Pool,
) {
    let width = weight.len();
    let rows = (PART / width).max(1);
    pool.chunks(values, rows * width, &|_, values| {
        by_instructions!(
            instructions,
            norm_in_place(values: &mut [f32], weight: &[f32], epsilon: f32)
        );
    });
}

/// `state += values`.
///
/// # Panics
/// When the lengths differ: a programming error.
pub fn add(state: &mut [f32], values: &[f32], pool: &Pool) {
    assert_eq!(state.len(), values.len(), "values of another shape");
    pool.chunks(state, PART, &|number, state| {
        let values = &values[number * PART..];
        for (sum, value) in state.iter_mut().zip(values) {
            *sum += value;
        }
    });
}

#[inline(always)]
unsafe fn norm_rows<L: Lanes>(x: &[f32], weight: &[f32], epsilon: f32, out: &mut [f32]) {
    for (x, out) in x
        .chunks_exact(weight.len())
        .zip(out.chunks_exact_mut(weight.len()))
    {
        // SAFETY: as this function's; three rows of one length.
        unsafe { norm_row::<L>(x.as_ptr(), weight, epsilon, &Shards(out.as_mut_ptr())) };
    }
}

#[inline(always)]
unsafe fn norm_in_place<L: Lanes>(values: &mut [f32], weight: &[f32], epsilon: f32) {
    for row in values.chunks_exact_mut(weight.len()) {
        let place = row.as_mut_ptr();
        // SAFETY: as this function's; each number is read before it is written.
        unsafe { norm_row::<L>(place, weight, epsilon, &Shards(place)) };
    }
}

/// # Safety
/// `x` and `out` must have `weight.len()` numbers; they may be the same.
#[inline(always)]
unsafe fn norm_row<L: Lanes>(x: *const f32, weight: &[f32], epsilon: f32, out: &Shards<f32>) {
    let width = weight.len();
    let whole = width / LANES * LANES;
    // SAFETY: all places are below `width`.
    unsafe {
        let mut squares = L::splat(0.0);
        for at in (0..whole).step_by(LANES) {
            let x = L::load(x.add(at));
            squares = x.mul_add(x, squares);
        }
        let mut sum = squares.sum();
        for at in whole..width {
            let x = *x.add(at);
            sum = x.mul_add(x, sum);
        }
        #[allow(clippy::cast_precision_loss, reason = "a row is narrow")]
        let scale = 1.0 / (sum / width as f32 + epsilon).sqrt();
        let scales = L::splat(scale);
        for at in (0..whole).step_by(LANES) {
            let weight = L::load(weight.as_ptr().add(at));
            L::load(x.add(at)).mul(scales).mul(weight).store(out.at(at));
        }
        for at in whole..width {
            *out.at(at) = *x.add(at) * scale * weight[at];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn norms_are_right_and_the_same_on_all_instructions() {
        let pool = Pool::new(2).unwrap();
        for width in [1, 15, 16, 37, 576] {
            let x: Vec<f32> = (0..width * 40)
                .map(|i| ((i * 37 % 101) as f32 - 50.0) / 9.0)
                .collect();
            let weight: Vec<f32> = (0..width).map(|i| 1.0 + i as f32 / 100.0).collect();
            let run = |instructions| {
                let mut out = vec![0.0; x.len()];
                normalise(&x, &weight, 1e-5, &mut out, instructions, &pool);
                let mut again = x.clone();
                normalise_in_place(&mut again, &weight, 1e-5, instructions, &pool);
                assert_eq!(out, again);
                out
            };
            let plain = run(Instructions::Portable);
            for instructions in Instructions::available() {
                assert_eq!(plain, run(instructions), "{instructions:?}");
            }
            for (row, found) in x.chunks(width).zip(plain.chunks(width)) {
                let squares: f64 = row.iter().map(|&x| f64::from(x).powi(2)).sum();
                let scale = 1.0 / (squares / width as f64 + 1e-5).sqrt();
                for ((x, w), found) in row.iter().zip(&weight).zip(found) {
                    let exact = f64::from(*x) * scale * f64::from(*w);
                    assert!((f64::from(*found) - exact).abs() < 1e-5 * (1.0 + exact.abs()));
                }
            }
        }
    }
}
