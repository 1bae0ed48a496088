use super::*;
use crate::lm::kernel::stream;

fn numbers(count: usize, seed: usize) -> Vec<f32> {
    (0..count)
        .map(|i| ((i * 7919 + seed * 104_729) % 2003) as f32 / 500.0 - 2.0)
        .collect()
}

/// The slope of a loss in 64 bits at each number of `x`.
fn slopes(x: &[f32], loss: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    let x: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
    (0..x.len())
        .map(|at| {
            let moved = |by: f64| {
                let mut x = x.clone();
                x[at] += by;
                loss(&x)
            };
            (moved(1e-5) - moved(-1e-5)) / 2e-5
        })
        .collect()
}

fn near(found: &[f32], exact: &[f64]) {
    assert_eq!(found.len(), exact.len());
    for (at, (found, exact)) in found.iter().zip(exact).enumerate() {
        let difference = (f64::from(*found) - exact).abs();
        assert!(
            difference < 1e-5 * (1.0 + exact.abs()),
            "{at}: {found}, {exact}"
        );
    }
}

#[test]
fn norms_have_the_slopes_of_their_formula() {
    let pool = Pool::new(2).unwrap();
    for width in [1, 20, 64] {
        let (x, weight) = (numbers(3 * width, 1), numbers(width, 2));
        let gradient = numbers(3 * width, 3);
        let loss = |x: &[f64], weight: &[f64]| -> f64 {
            let rows = x.chunks(width).zip(gradient.chunks(width));
            rows.map(|(x, gradient)| {
                let squares: f64 = x.iter().map(|x| x * x).sum();
                let scale = 1.0 / (squares / width as f64 + 1e-3).sqrt();
                let all = x.iter().zip(weight).zip(gradient);
                all.map(|((x, w), g)| x * w * scale * f64::from(*g))
                    .sum::<f64>()
            })
            .sum()
        };
        let wide: Vec<f64> = weight.iter().map(|&w| f64::from(w)).collect();
        let by_x = slopes(&x, |x| loss(x, &wide));
        let wide: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
        let by_weight = slopes(&weight, |weight| loss(&wide, weight));
        for instructions in Instructions::available() {
            let mut out = vec![0.0; x.len()];
            norm_backward(&x, &weight, 1e-3, &gradient, &mut out, instructions, &pool);
            near(&out, &by_x);
            let mut out = vec![0.0; width];
            norm_weight_backward(&x, 1e-3, &gradient, &mut out, instructions, &pool);
            near(&out, &by_weight);
        }
        // The forward side is the decoder's own.
        let mut out = vec![0.0; x.len()];
        stream::normalise(&x, &weight, 1e-3, &mut out, Instructions::Portable, &pool);
        let sum: f64 = out
            .iter()
            .zip(&gradient)
            .map(|(a, b)| f64::from(a * b))
            .sum();
        let weight: Vec<f64> = weight.iter().map(|&w| f64::from(w)).collect();
        assert!((sum - loss(&wide, &weight)).abs() < 1e-4);
    }
}

#[test]
fn gates_have_the_slopes_of_their_formula() {
    let pool = Pool::new(2).unwrap();
    let width = 37;
    let both = numbers(4 * width, 1);
    let gradient = numbers(2 * width, 2);
    for activation in [Activation::Silu, Activation::Gelu] {
        let gated_of = |both: &[f64]| -> Vec<f64> {
            let rows = both.chunks(2 * width);
            rows.flat_map(|row| {
                let (gates, ups) = row.split_at(width);
                let value = |x: f64| match activation {
                    Activation::Silu => x / (1.0 + (-x).exp()),
                    Activation::Gelu => {
                        let root = (2.0 / std::f64::consts::PI).sqrt();
                        0.5 * x * (1.0 + (root * (x + 0.044_715 * x.powi(3))).tanh())
                    }
                };
                let all: Vec<f64> = gates.iter().zip(ups).map(|(g, u)| value(*g) * u).collect();
                all
            })
            .collect()
        };
        let loss = |both: &[f64]| -> f64 {
            let out = gated_of(both);
            out.iter()
                .zip(&gradient)
                .map(|(a, b)| a * f64::from(*b))
                .sum()
        };
        let exact = slopes(&both, loss);
        let wide: Vec<f64> = both.iter().map(|&x| f64::from(x)).collect();
        for instructions in Instructions::available() {
            let mut out = vec![0.0; 2 * width];
            gated(activation, &both, width, &mut out, instructions, &pool);
            near(&out, &gated_of(&wide));
            let mut back = both.clone();
            gated_backward(activation, &mut back, width, &gradient, instructions, &pool);
            near(&back, &exact);
        }
    }
}

#[test]
fn the_loss_has_the_slopes_of_its_formula() {
    let logits = numbers(61, 5);
    for cap in [None, Some(1.5)] {
        let loss = |logits: &[f64]| {
            let bent: Vec<f64> = logits
                .iter()
                .map(|&x| cap.map_or(x, |cap: f32| f64::from(cap) * (x / f64::from(cap)).tanh()))
                .collect();
            let sum: f64 = bent.iter().map(|x| x.exp()).sum();
            sum.ln() - bent[7]
        };
        let exact = slopes(&logits, loss);
        let wide: Vec<f64> = logits.iter().map(|&x| f64::from(x)).collect();
        for instructions in Instructions::available() {
            let mut back = logits.clone();
            let found = cross_entropy(&mut back, 7, cap, true, instructions);
            assert!((f64::from(found) - loss(&wide)).abs() < 1e-5);
            near(&back, &exact);
            let again = cross_entropy(&mut logits.clone(), 7, cap, false, instructions);
            assert_eq!(found, again);
        }
    }
}

#[test]
fn a_step_is_that_of_the_formula_on_all_instructions() {
    let gradient = numbers(21, 1);
    let step = AdamStep {
        scale: 0.5,
        keep: 0.99,
        beta1: 0.9,
        rest1: 0.1,
        beta2: 0.99,
        rest2: 0.01,
        size: 0.3,
        root: 0.2,
        epsilon: 1e-3,
    };
    for instructions in Instructions::available() {
        let (mut value, mut first, mut second) = (numbers(21, 2), numbers(21, 3), vec![0.25; 21]);
        let moved = Moved {
            value: &mut value,
            first: &mut first,
            second: &mut second,
        };
        step.take(moved, &gradient, instructions);
        let (old, mean) = (numbers(21, 2), numbers(21, 3));
        for at in 0..21 {
            let gradient = 0.5 * f64::from(gradient[at]);
            let mean = 0.9 * f64::from(mean[at]) + 0.1 * gradient;
            let square = 0.99 * 0.25 + 0.01 * gradient * gradient;
            let exact = 0.99 * f64::from(old[at]) - 0.3 * mean / (square.sqrt() / 0.2 + 1e-3);
            near(&[first[at], second[at], value[at]], &[mean, square, exact]);
        }
    }
}

#[test]
fn squares_are_summed() {
    assert_eq!(
        squares(&[1.0, -2.0, 3.0, 0.5, 0.0, 0.0, 0.0, 0.0, 2.0]),
        18.25
    );
    assert_eq!(squares(&[]), 0.0);
}
