//! The functions between products: exponential, tanh, the gate of the feed-forward part.
//!
//! The exponential is our own, so no machine's library can differ.

use super::Instructions;
use super::lanes::{LANES, Lanes, by_instructions};
use super::pool::Pool;
use crate::lm::config::Activation;

/// Adding and taking this away rounds to the nearest integer: beyond it floats have no fraction bits left.
const ROUND: f32 = 12_582_912.0;

/// e^x to about 1e-7 of its value for x in -87..=88; beyond, the value at the nearer end. Argument reduction by ln 2 in two
/// parts and the polynomial of Cephes' `expf` (Moshier 1989).
///
/// # Safety
/// As [`Lanes`].
#[inline(always)]
pub(super) unsafe fn exponential_lanes<L: Lanes>(x: L) -> L {
    // SAFETY: as this function's.
    unsafe {
        let x = x.min(L::splat(88.0)).max(L::splat(-87.0));
        let round = L::splat(ROUND);
        let turns = x
            .mul(L::splat(std::f32::consts::LOG2_E))
            .add(round)
            .sub(round);
        let rest = turns.mul_add(L::splat(-0.693_359_4), x);
        let rest = turns.mul_add(L::splat(2.121_944_4e-4), rest);
        let mut sum = L::splat(1.987_569_1e-4);
        for coefficient in [
            1.398_199_9e-3,
            8.333_452e-3,
            4.166_579_6e-2,
            1.666_666_5e-1,
            0.5,
        ] {
            sum = sum.mul_add(rest, L::splat(coefficient));
        }
        let value = sum.mul(rest).mul_add(rest, rest.add(L::splat(1.0)));
        value.mul(turns.power_of_two())
    }
}

/// tanh by the exponential; within 2e-7, never outside -1..=1.
///
/// # Safety
/// As [`Lanes`].
#[inline(always)]
pub(super) unsafe fn tanh_lanes<L: Lanes>(x: L) -> L {
    // SAFETY: as this function's.
    unsafe {
        let one = L::splat(1.0);
        let power = exponential_lanes(x.add(x)).add(one);
        one.sub(L::splat(2.0).div(power))
    }
}

/// `gate = activation(gate) * up`, number by number.
pub fn gated(activation: Activation, gate: &mut [f32], up: &[f32], instructions: Instructions) {
    by_instructions!(
        instructions,
        gated_lanes(activation: Activation, gate: &mut [f32], up: &[f32])
    );
}

/// The same for many rows, on all threads.
pub fn gated_rows(
    activation: Activation,
    gate: &mut [f32],
    up: &[f32],
    instructions: Instructions,
    pool: &Pool,
) {
    const CHUNK: usize = 4096;
    pool.chunks(gate, CHUNK, &|number, gate| {
        let first = number * CHUNK;
        gated(
            activation,
            gate,
            &up[first..first + gate.len()],
            instructions,
        );
    });
}

/// `value = cap * tanh(value / cap)`, number by number.
pub fn cap(values: &mut [f32], cap: f32, instructions: Instructions) {
    by_instructions!(instructions, cap_lanes(values: &mut [f32], cap: f32));
}

#[inline(always)]
unsafe fn gated_lanes<L: Lanes>(activation: Activation, gate: &mut [f32], up: &[f32]) {
    let mut gates = gate.chunks_exact_mut(LANES);
    let mut ups = up.chunks_exact(LANES);
    for (gate, up) in gates.by_ref().zip(ups.by_ref()) {
        // SAFETY: sixteen places each.
        unsafe {
            let x = gated_one(activation, L::load(gate.as_ptr()), L::load(up.as_ptr()));
            x.store(gate.as_mut_ptr());
        }
    }
    let (gate, up) = (gates.into_remainder(), ups.remainder());
    let (mut g, mut u) = ([0.0; LANES], [0.0; LANES]);
    g[..gate.len()].copy_from_slice(gate);
    u[..up.len()].copy_from_slice(up);
    // SAFETY: sixteen places each.
    let x = unsafe { gated_one(activation, L::load(g.as_ptr()), L::load(u.as_ptr())).array() };
    gate.copy_from_slice(&x[..gate.len()]);
}

#[inline(always)]
unsafe fn gated_one<L: Lanes>(activation: Activation, x: L, up: L) -> L {
    // SAFETY: as this function's.
    unsafe {
        let one = L::splat(1.0);
        let value = match activation {
            Activation::Silu => x.div(one.add(exponential_lanes(L::splat(0.0).sub(x)))),
            Activation::Gelu => {
                let cube = x.mul(x).mul(x);
                let inner = cube.mul_add(L::splat(0.044_715), x);
                let half = x.mul(L::splat(0.5));
                half.mul(one.add(tanh_lanes(inner.mul(L::splat(0.797_884_6)))))
            }
        };
        value.mul(up)
    }
}

#[inline(always)]
unsafe fn cap_lanes<L: Lanes>(values: &mut [f32], cap: f32) {
    for values in values.chunks_mut(LANES) {
        let mut lanes = [0.0; LANES];
        lanes[..values.len()].copy_from_slice(values);
        // SAFETY: sixteen places.
        let result = unsafe {
            let x = L::load(lanes.as_ptr()).div(L::splat(cap));
            tanh_lanes(x).mul(L::splat(cap)).array()
        };
        values.copy_from_slice(&result[..values.len()]);
    }
}

/// [`exponential_lanes`] of one number, without fused steps: for sums that no other path must repeat.
#[inline(always)]
#[must_use]
pub fn exponential(x: f32) -> f32 {
    let bounded = if x > 88.0 { 88.0 } else { x };
    let bounded = if bounded < -87.0 { -87.0 } else { bounded };
    let turns = (bounded * std::f32::consts::LOG2_E + ROUND) - ROUND;
    let rest = bounded - turns * 0.693_359_4 + turns * 2.121_944_4e-4;
    let mut sum = 1.987_569_1e-4;
    sum = sum * rest + 1.398_199_9e-3;
    sum = sum * rest + 8.333_452e-3;
    sum = sum * rest + 4.166_579_6e-2;
    sum = sum * rest + 1.666_666_5e-1;
    sum = sum * rest + 0.5;
    let value = sum * rest * rest + rest + 1.0;
    #[allow(clippy::cast_possible_truncation, reason = "an integer in -126..=127")]
    let power = f32::from_bits(((turns as i32 + 127) << 23).cast_unsigned());
    if x < -87.0 { 0.0 } else { value * power }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lm::kernel::lanes::Plain;

    #[test]
    fn the_exponentials_are_close_everywhere() {
        for step in -9000_i16..9000 {
            let x = f32::from(step) * 0.01;
            let exact = f64::from(x).exp();
            // SAFETY: plain Rust.
            let lanes = unsafe { exponential_lanes(Plain::splat(x)).array()[3] };
            let single = exponential(x);
            if x < -87.0 {
                assert_eq!(single, 0.0);
                assert!(lanes < 2e-38);
            } else if x <= 88.0 {
                for found in [lanes, single] {
                    let error = (f64::from(found) - exact).abs() / exact;
                    assert!(error < 3e-7, "e^{x}: {found}, exact {exact}");
                }
            }
        }
        assert_eq!(exponential(0.0), 1.0);
        assert_eq!(exponential(f32::NEG_INFINITY), 0.0);
        assert!(exponential(500.0).is_finite());
    }

    #[test]
    fn gates_and_caps_are_right_and_the_same_on_all_instructions() {
        let numbers: Vec<f32> = (-300..300_i16).map(|i| f32::from(i) * 0.07).collect();
        let ups: Vec<f32> = numbers.iter().map(|x| 1.5 - x).collect();
        for activation in [Activation::Silu, Activation::Gelu] {
            let run = |instructions| {
                let mut gate = numbers.clone();
                gated(activation, &mut gate, &ups, instructions);
                gate
            };
            let plain = run(Instructions::Portable);
            for instructions in Instructions::available() {
                assert_eq!(plain, run(instructions), "{instructions:?}");
            }
            for ((found, &x), &up) in plain.iter().zip(&numbers).zip(&ups) {
                let (x, up) = (f64::from(x), f64::from(up));
                let exact = up
                    * match activation {
                        Activation::Silu => x / (1.0 + (-x).exp()),
                        Activation::Gelu => {
                            0.5 * x * (1.0 + (0.797_884_560_8 * (x + 0.044_715 * x.powi(3))).tanh())
                        }
                    };
                assert!((f64::from(*found) - exact).abs() < 1e-5 * (1.0 + exact.abs()));
            }
        }
        let run = |instructions| {
            let mut values = numbers.clone();
            cap(&mut values, 5.0, instructions);
            values
        };
        let plain = run(Instructions::Portable);
        for instructions in Instructions::available() {
            assert_eq!(plain, run(instructions), "{instructions:?}");
        }
        for (found, x) in plain.iter().zip(&numbers) {
            assert!((found - 5.0 * (x / 5.0).tanh()).abs() < 2e-6);
        }
    }
}
