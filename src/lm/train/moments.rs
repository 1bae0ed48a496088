//! AdamW over a set of tensors.

use super::error::TrainError;
use super::factors::Factors;
use super::net::Net;
use super::settings::OptimiserSettings;
use crate::lm::kernel::gradient::{AdamStep, Moved, squares};
use crate::lm::matrix::Compute;

/// Numbers of one part of the threads' work.
const PART: usize = 1 << 16;

/// A set of tensors in one order.
pub(super) trait Tensors {
    fn tensors(&self) -> Vec<&Vec<f32>>;
    fn tensors_mut(&mut self) -> Vec<&mut Vec<f32>>;
}

impl Tensors for Net {
    fn tensors(&self) -> Vec<&Vec<f32>> {
        self.tensors()
    }

    fn tensors_mut(&mut self) -> Vec<&mut Vec<f32>> {
        self.tensors_mut()
    }
}

impl Tensors for Factors {
    fn tensors(&self) -> Vec<&Vec<f32>> {
        self.tensors()
    }

    fn tensors_mut(&mut self) -> Vec<&mut Vec<f32>> {
        self.tensors_mut()
    }
}

/// What an optimiser knows of a set of tensors.
#[derive(Debug, Clone)]
pub(super) struct Moments<T> {
    /// The sum over labels since the last step.
    pub gradient: T,
    pub first: T,
    pub second: T,
    /// Steps taken.
    pub step: u64,
}

/// What a step did.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken {
    pub norm: f64,
    pub learning_rate: f64,
}

impl<T: Tensors + Clone> Moments<T> {
    /// Of tensors that are all zero.
    pub fn new(zeros: T) -> Self {
        Self {
            gradient: zeros.clone(),
            first: zeros.clone(),
            second: zeros,
            step: 0,
        }
    }

    pub fn forget_gradient(&mut self) {
        for tensor in self.gradient.tensors_mut() {
            tensor.fill(0.0);
        }
    }

    /// The Euclidean norm of the gradient's sum.
    fn norm(&self, compute: Compute<'_>) -> f64 {
        let tensors = self.gradient.tensors();
        let parts: Vec<&[f32]> = tensors
            .iter()
            .flat_map(|tensor| tensor.chunks(PART))
            .collect();
        let mut sums = vec![0.0; parts.len()];
        compute.pool.chunks(&mut sums, 1, &|number, sum| {
            sum[0] = squares(parts[number]);
        });
        sums.iter().sum::<f64>().sqrt()
    }

    /// Moves `values` by the mean gradient over `labels`; `decays` says which tensors decay. The gradient is zero afterwards.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "the optimiser's numbers have 32 bits; far fewer than 2^52 labels"
    )]
    pub fn step(
        &mut self,
        values: &mut T,
        decays: &[bool],
        labels: usize,
        settings: &OptimiserSettings,
        compute: Compute<'_>,
    ) -> Result<Taken, TrainError> {
        let mean = 1.0 / labels.max(1) as f64;
        let norm = self.norm(compute) * mean;
        if !norm.is_finite() {
            self.forget_gradient();
            let what = format!("the gradient of step {} is not finite", self.step + 1);
            return Err(TrainError::Diverged(what));
        }
        // As torch.nn.utils.clip_grad_norm_ cuts.
        let cut = settings
            .max_grad_norm
            .map_or(1.0, |most| (most / (norm + 1e-6)).min(1.0));
        let learning_rate = settings.learning_rate * settings.schedule.factor(self.step);
        self.step += 1;
        let power = |beta: f64| 1.0 - beta.powf(self.step as f64);
        let step = AdamStep {
            scale: (mean * cut) as f32,
            keep: 1.0,
            beta1: settings.beta1 as f32,
            rest1: (1.0 - settings.beta1) as f32,
            beta2: settings.beta2 as f32,
            rest2: (1.0 - settings.beta2) as f32,
            size: (learning_rate / power(settings.beta1)) as f32,
            root: power(settings.beta2).sqrt() as f32,
            epsilon: settings.epsilon as f32,
        };
        let decayed = AdamStep {
            keep: (1.0 - learning_rate * settings.weight_decay) as f32,
            ..step
        };
        let mut parts = Vec::new();
        let moments = self
            .first
            .tensors_mut()
            .into_iter()
            .zip(self.second.tensors_mut());
        let all = values
            .tensors_mut()
            .into_iter()
            .zip(moments)
            .zip(self.gradient.tensors_mut());
        for (((value, (first, second)), gradient), decays) in all.zip(decays) {
            let step = if *decays { decayed } else { step };
            let moments = first.chunks_mut(PART).zip(second.chunks_mut(PART));
            let chunks = value
                .chunks_mut(PART)
                .zip(moments)
                .zip(gradient.chunks_mut(PART));
            for ((value, (first, second)), gradient) in chunks {
                let moved = Moved {
                    value,
                    first,
                    second,
                };
                parts.push(Some((step, moved, gradient)));
            }
        }
        compute.pool.chunks(&mut parts, 1, &|_, part| {
            if let Some((step, moved, gradient)) = part[0].take() {
                step.take(moved, gradient, compute.instructions);
                gradient.fill(0.0);
            }
        });
        Ok(Taken {
            norm,
            learning_rate,
        })
    }
}
