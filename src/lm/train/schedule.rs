//! How the learning rate runs over a training: the factors of transformers' `get_*_schedule_with_warmup`.

use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// A factor for the learning rate of every step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Schedule {
    pub shape: Shape,
    /// Steps in which the factor climbs from 0 to 1.
    pub warmup: u64,
    /// Steps of the whole training, those of the warm-up included; [`Shape::Constant`] needs none.
    pub steps: u64,
}

/// What follows the warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    #[default]
    Constant,
    /// Falls to 0 in a straight line.
    Linear,
    /// Falls to 0 along half a cosine (Loshchilov & Hutter 2017).
    Cosine,
}

impl Schedule {
    /// The factor of a step, counted from 0.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "far fewer than 2^52 steps")]
    pub fn factor(&self, step: u64) -> f64 {
        if step < self.warmup {
            return step as f64 / self.warmup as f64;
        }
        let span = self.steps.saturating_sub(self.warmup).max(1) as f64;
        let done = (step - self.warmup) as f64 / span;
        match self.shape {
            Shape::Constant => 1.0,
            Shape::Linear => (1.0 - done).max(0.0),
            Shape::Cosine if done >= 1.0 => 0.0,
            Shape::Cosine => 0.5 * (1.0 + (PI * done).cos()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factors(shape: Shape) -> Vec<f64> {
        let schedule = Schedule {
            shape,
            warmup: 3,
            steps: 7,
        };
        (0..9).map(|step| schedule.factor(step)).collect()
    }

    #[test]
    fn factors_are_those_of_transformers() {
        let third = 1.0 / 3.0;
        let near = |found: &[f64], expected: [f64; 9]| {
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-12, "{found} {expected}");
            }
        };
        let (climb, flat) = ([0.0, third, 2.0 * third], 1.0);
        let [a, b, c] = climb;
        near(
            &factors(Shape::Constant),
            [a, b, c, flat, flat, flat, flat, flat, flat],
        );
        near(
            &factors(Shape::Linear),
            [a, b, c, 1.0, 0.75, 0.5, 0.25, 0.0, 0.0],
        );
        let (high, low) = (0.853_553_390_593_273_8, 0.146_446_609_406_726_2);
        near(
            &factors(Shape::Cosine),
            [a, b, c, 1.0, high, 0.5, low, 0.0, 0.0],
        );
    }

    #[test]
    fn without_warm_up_the_first_step_is_whole() {
        assert_eq!(Schedule::default().factor(0), 1.0);
    }
}
