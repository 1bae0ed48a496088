//! The backward side of what stands between products, the loss, and the optimiser's step: number by number, row by row.

use super::Instructions;
use super::gate::{exponential_lanes, tanh_lanes};
use super::lanes::{LANES, Lanes, by_instructions};
use super::pool::Pool;
use crate::lm::config::Activation;

/// Numbers that one part of the pool's work takes.
const PART: usize = 8192;

/// Rows of `width` numbers in one part of the pool's work.
fn rows_of_part(width: usize) -> usize {
    (PART / width).max(1)
}

/// Adds the gradient by `x` of [`normalise`](super::stream::normalise): `gradient` is that by its result.
///
/// # Panics
/// When the lengths differ: a programming error.
pub fn norm_backward(
    x: &[f32],
    weight: &[f32],
    epsilon: f32,
    gradient: &[f32],
    out: &mut [f32],
    instructions: Instructions,
    pool: &Pool,
) {
    assert!(
        x.len() == out.len() && x.len() == gradient.len(),
        "rows of one shape"
    );
    let size = rows_of_part(weight.len()) * weight.len();
    pool.chunks(out, size, &|number, out| {
        let range = number * size..number * size + out.len();
        let (x, gradient) = (&x[range.clone()], &gradient[range]);
        by_instructions!(
            instructions,
            norm_rows(x: &[f32], weight: &[f32], epsilon: f32, gradient: &[f32], out: &mut [f32])
        );
    });
}

/// Adds the gradient by the weight of a norm: `out[i] += sum over rows of gradient * x / root(mean of x^2)`.
///
/// # Panics
/// When the lengths differ: a programming error.
pub fn norm_weight_backward(
    x: &[f32],
    epsilon: f32,
    gradient: &[f32],
    out: &mut [f32],
    instructions: Instructions,
    pool: &Pool,
) {
    let width = out.len();
    assert_eq!(x.len(), gradient.len(), "rows of one shape");
    let mut scales = vec![0.0; x.len() / width];
    pool.chunks(&mut scales, rows_of_part(width), &|number, scales| {
        let x = &x[number * rows_of_part(width) * width..];
        by_instructions!(
            instructions,
            norm_scales(x: &[f32], width: usize, epsilon: f32, scales: &mut [f32])
        );
    });
    pool.chunks(out, 4 * LANES, &|number, out| {
        for (row, scale) in scales.iter().enumerate() {
            let first = row * width + number * 4 * LANES;
            let range = first..first + out.len();
            for ((sum, x), gradient) in out.iter_mut().zip(&x[range.clone()]).zip(&gradient[range])
            {
                *sum += x * scale * gradient;
            }
        }
    });
}

#[inline(always)]
unsafe fn norm_scales<L: Lanes>(x: &[f32], width: usize, epsilon: f32, scales: &mut [f32]) {
    for (row, scale) in x.chunks_exact(width).zip(scales) {
        // SAFETY: as this function's.
        let squares = unsafe { dot::<L>(row, row) };
        #[allow(clippy::cast_precision_loss, reason = "a row is narrow")]
        let mean = squares / width as f32;
        *scale = 1.0 / (mean + epsilon).sqrt();
    }
}

#[inline(always)]
unsafe fn dot<L: Lanes>(a: &[f32], b: &[f32]) -> f32 {
    let whole = a.len() / LANES * LANES;
    // SAFETY: all places are below `whole`.
    let mut sum = unsafe {
        let mut sum = L::splat(0.0);
        for at in (0..whole).step_by(LANES) {
            sum = L::load(a.as_ptr().add(at)).mul_add(L::load(b[at..].as_ptr()), sum);
        }
        sum.sum()
    };
    for (a, b) in a[whole..].iter().zip(&b[whole..]) {
        sum = a.mul_add(*b, sum);
    }
    sum
}

#[inline(always)]
unsafe fn norm_rows<L: Lanes>(
    x: &[f32],
    weight: &[f32],
    epsilon: f32,
    gradient: &[f32],
    out: &mut [f32],
) {
    let width = weight.len();
    let whole = width / LANES * LANES;
    let rows = x.chunks_exact(width).zip(gradient.chunks_exact(width));
    for ((x, gradient), out) in rows.zip(out.chunks_exact_mut(width)) {
        let mut scale = [0.0];
        // SAFETY: as this function's; all places are below `whole`.
        unsafe {
            norm_scales::<L>(x, width, epsilon, &mut scale);
            let scale = scale[0];
            let mut sums = L::splat(0.0);
            for at in (0..whole).step_by(LANES) {
                let (x, gradient) = (L::load(x[at..].as_ptr()), L::load(gradient[at..].as_ptr()));
                sums = x
                    .mul(L::load(weight[at..].as_ptr()))
                    .mul_add(gradient, sums);
            }
            let mut sum = sums.sum();
            for at in whole..width {
                sum += x[at] * weight[at] * gradient[at];
            }
            #[allow(clippy::cast_precision_loss, reason = "a row is narrow")]
            let factor = -sum * scale * scale * scale / width as f32;
            let (scales, factors) = (L::splat(scale), L::splat(factor));
            for at in (0..whole).step_by(LANES) {
                let (x, gradient) = (L::load(x[at..].as_ptr()), L::load(gradient[at..].as_ptr()));
                let straight = gradient.mul(L::load(weight[at..].as_ptr())).mul(scales);
                let place = out[at..].as_mut_ptr();
                x.mul_add(factors, straight)
                    .add(L::load(place))
                    .store(place);
            }
            for at in whole..width {
                out[at] += x[at] * factor + gradient[at] * weight[at] * scale;
            }
        }
    }
}

/// `out = activation(gate) * up` for rows that hold gates, then ups.
///
/// # Panics
/// When the lengths differ: a programming error.
pub fn gated(
    activation: Activation,
    gates_ups: &[f32],
    width: usize,
    out: &mut [f32],
    instructions: Instructions,
    pool: &Pool,
) {
    assert_eq!(
        gates_ups.len(),
        2 * out.len(),
        "a gate and an up for each number"
    );
    let rows = rows_of_part(width);
    pool.chunks(out, rows * width, &|number, out| {
        let gates_ups = &gates_ups[number * rows * 2 * width..];
        for (out, both) in out
            .chunks_exact_mut(width)
            .zip(gates_ups.chunks_exact(2 * width))
        {
            let (gate, up) = both.split_at(width);
            by_instructions!(
                instructions,
                gate_row(activation: Activation, gate: &[f32], up: &[f32], out: &mut [f32])
            );
        }
    });
}

/// Puts the gradient by gates and ups in the place of gates and ups; `gradient` is that by [`gated`]'s result.
///
/// # Panics
/// When the lengths differ: a programming error.
pub fn gated_backward(
    activation: Activation,
    gates_ups: &mut [f32],
    width: usize,
    gradient: &[f32],
    instructions: Instructions,
    pool: &Pool,
) {
    assert_eq!(
        gates_ups.len(),
        2 * gradient.len(),
        "a gate and an up for each number"
    );
    let rows = rows_of_part(width);
    pool.chunks(gates_ups, rows * 2 * width, &|number, gates_ups| {
        let gradient = &gradient[number * rows * width..];
        for (both, gradient) in gates_ups.chunks_exact_mut(2 * width).zip(gradient.chunks_exact(width)) {
            let (gate, up) = both.split_at_mut(width);
            by_instructions!(
                instructions,
                gate_row_backward(activation: Activation, gate: &mut [f32], up: &mut [f32], gradient: &[f32])
            );
        }
    });
}

/// Copies of sixteen numbers, the last ones filled up with zeros.
#[inline(always)]
unsafe fn some<L: Lanes>(values: &[f32], at: usize) -> L {
    let rest = &values[at..];
    // SAFETY: sixteen places.
    unsafe {
        if rest.len() >= LANES {
            return L::load(rest.as_ptr());
        }
        let mut lanes = [0.0; LANES];
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

/// The activation of sixteen numbers and its slope there.
#[inline(always)]
unsafe fn activated<L: Lanes>(activation: Activation, x: L) -> (L, L) {
    // SAFETY: as this function's.
    unsafe {
        let one = L::splat(1.0);
        match activation {
            Activation::Silu => {
                let share = one.div(one.add(exponential_lanes(L::splat(0.0).sub(x))));
                let value = x.mul(share);
                // s + x s (1 - s)
                (value, value.mul_add(one.sub(share), share))
            }
            Activation::Gelu => {
                let root = L::splat(0.797_884_6);
                let square = x.mul(x);
                let inner = square.mul(x).mul_add(L::splat(0.044_715), x).mul(root);
                let tanh = tanh_lanes(inner);
                let half = L::splat(0.5);
                let share = half.mul(one.add(tanh));
                let slope = square.mul_add(L::splat(3.0 * 0.044_715), one).mul(root);
                let rest = one.sub(tanh.mul(tanh)).mul(slope).mul(x).mul(half);
                (x.mul(share), share.add(rest))
            }
        }
    }
}

#[inline(always)]
unsafe fn gate_row<L: Lanes>(activation: Activation, gate: &[f32], up: &[f32], out: &mut [f32]) {
    for at in (0..gate.len()).step_by(LANES) {
        // SAFETY: as this function's.
        unsafe {
            let (value, _) = activated(activation, some::<L>(gate, at));
            put(value.mul(some(up, at)), out, at);
        }
    }
}

#[inline(always)]
unsafe fn gate_row_backward<L: Lanes>(
    activation: Activation,
    gate: &mut [f32],
    up: &mut [f32],
    gradient: &[f32],
) {
    for at in (0..gradient.len()).step_by(LANES) {
        // SAFETY: as this function's.
        unsafe {
            let (value, slope) = activated(activation, some::<L>(gate, at));
            let gradient = some::<L>(gradient, at);
            put(gradient.mul(some(up, at)).mul(slope), gate, at);
            put(gradient.mul(value), up, at);
        }
    }
}

/// The loss of one row of logits, minus the logarithm of the target's share; the logits become the gradient by them where
/// that is wanted. `cap` bends logits first, as [`cap`](super::gate::cap) does.
///
/// # Panics
/// When there is no such target: a programming error.
#[must_use]
pub fn cross_entropy(
    logits: &mut [f32],
    target: usize,
    cap: Option<f32>,
    is_gradient_wanted: bool,
    instructions: Instructions,
) -> f32 {
    let target_logit = match cap {
        Some(cap) => {
            let mut one = [logits[target]];
            super::gate::cap(&mut one, cap, instructions);
            one[0]
        }
        None => logits[target],
    };
    let mut sum = 0.0;
    let out = &mut sum;
    by_instructions!(
        instructions,
        entropy(
            logits: &mut [f32],
            cap: Option<f32>,
            is_gradient_wanted: bool,
            out: &mut f32,
        )
    );
    if is_gradient_wanted {
        let slope = cap.map_or(1.0, |cap| 1.0 - (target_logit / cap).powi(2));
        logits[target] -= slope;
    }
    sum - target_logit
}

#[inline(always)]
unsafe fn entropy<L: Lanes>(
    logits: &mut [f32],
    cap: Option<f32>,
    is_gradient_wanted: bool,
    out: &mut f32,
) {
    // SAFETY: as this function's.
    unsafe {
        if let Some(cap) = cap {
            let cap = L::splat(cap);
            for at in (0..logits.len()).step_by(LANES) {
                let value = some::<L>(logits, at).div(cap);
                put(tanh_lanes(value).mul(cap), logits, at);
            }
        }
        let whole = logits.len() / LANES * LANES;
        let mut largest = L::splat(f32::NEG_INFINITY);
        for at in (0..whole).step_by(LANES) {
            largest = largest.max(L::load(logits[at..].as_ptr()));
        }
        let largest = logits[whole..]
            .iter()
            .fold(largest.largest(), |a, &b| a.max(b));
        let mut total = L::splat(0.0);
        for at in (0..whole).step_by(LANES) {
            let value = L::load(logits[at..].as_ptr()).sub(L::splat(largest));
            total = total.add(exponential_lanes(value));
        }
        let mut total = total.sum();
        for logit in &logits[whole..] {
            total += super::gate::exponential(logit - largest);
        }
        *out = largest + total.ln();
        if !is_gradient_wanted {
            return;
        }
        let sum = L::splat(*out);
        for at in (0..logits.len()).step_by(LANES) {
            let value = some::<L>(logits, at);
            let mut share = exponential_lanes(value.sub(sum));
            if let Some(cap) = cap {
                let slope = value.div(L::splat(cap));
                share = share.mul(L::splat(1.0).sub(slope.mul(slope)));
            }
            put(share, logits, at);
        }
    }
}

/// One step of AdamW (Loshchilov & Hutter 2019) with its numbers worked out, in the order of `torch.optim.AdamW`.
#[derive(Debug, Clone, Copy)]
pub struct AdamStep {
    /// What gradients are multiplied by first: the mean over labels, and clipping.
    pub scale: f32,
    /// 1 - learning rate × weight decay.
    pub keep: f32,
    pub beta1: f32,
    /// 1 - beta1, rounded once.
    pub rest1: f32,
    pub beta2: f32,
    pub rest2: f32,
    /// Learning rate / (1 - beta1^step).
    pub size: f32,
    /// Root of 1 - beta2^step.
    pub root: f32,
    pub epsilon: f32,
}

/// The numbers of one tensor that a step changes.
#[derive(Debug)]
pub struct Moved<'a> {
    pub value: &'a mut [f32],
    pub first: &'a mut [f32],
    pub second: &'a mut [f32],
}

impl AdamStep {
    /// Moves a tensor on the calling thread.
    ///
    /// # Panics
    /// When the lengths differ: a programming error.
    pub fn take(&self, moved: Moved<'_>, gradient: &[f32], instructions: Instructions) {
        let count = gradient.len();
        assert!(
            moved.value.len() == count && moved.first.len() == count && moved.second.len() == count,
            "moments of another shape"
        );
        let step = *self;
        by_instructions!(
            instructions,
            adam(step: AdamStep, moved: Moved<'_>, gradient: &[f32])
        );
    }
}

#[inline(always)]
unsafe fn adam<L: Lanes>(step: AdamStep, moved: Moved<'_>, gradient: &[f32]) {
    let Moved {
        value,
        first,
        second,
    } = moved;
    for at in (0..gradient.len()).step_by(LANES) {
        // SAFETY: as this function's.
        unsafe {
            let gradient = some::<L>(gradient, at).mul(L::splat(step.scale));
            let old = some::<L>(first, at);
            // m + (g - m) (1 - beta1)
            let mean = gradient.sub(old).mul_add(L::splat(step.rest1), old);
            let square = some::<L>(second, at).mul(L::splat(step.beta2));
            let square = gradient.mul(gradient).mul_add(L::splat(step.rest2), square);
            let divisor = root(square)
                .div(L::splat(step.root))
                .add(L::splat(step.epsilon));
            let kept = some::<L>(value, at).mul(L::splat(step.keep));
            let moved = kept.sub(mean.div(divisor).mul(L::splat(step.size)));
            put(mean, first, at);
            put(square, second, at);
            put(moved, value, at);
        }
    }
}

#[inline(always)]
unsafe fn root<L: Lanes>(x: L) -> L {
    // SAFETY: sixteen places.
    unsafe {
        let roots = x.array().map(f32::sqrt);
        L::load(roots.as_ptr())
    }
}

/// The sum of squares, in 64 bits and one order.
#[must_use]
pub fn squares(values: &[f32]) -> f64 {
    let mut sums = [0.0_f64; 8];
    let mut chunks = values.chunks_exact(8);
    for chunk in chunks.by_ref() {
        for (sum, &value) in sums.iter_mut().zip(chunk) {
            *sum += f64::from(value) * f64::from(value);
        }
    }
    let rest: f64 = chunks
        .remainder()
        .iter()
        .map(|&x| f64::from(x).powi(2))
        .sum();
    sums.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests;
