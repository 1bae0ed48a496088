//! What is trained, and how the optimiser steps.

use super::error::TrainError;
use super::schedule::Schedule;
use serde::{Deserialize, Serialize};

/// Which numbers are trained.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// Low-rank adapters beside weights that stay as they are: one for each settings. A segment of a batch names the one that
    /// it trains.
    Lora(Vec<LoraSettings>),
    /// Every number of the model.
    Full,
}

/// A low-rank adapter (LoRA, Hu et al. 2021), by PEFT's names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoraSettings {
    pub rank: usize,
    /// What the update is multiplied by, times the rank.
    pub alpha: f64,
    /// The probability with which a number is left out of the update's input.
    pub dropout: f64,
    /// Divides alpha by the root of the rank instead of the rank (Kalajdzievski 2023).
    pub use_rslora: bool,
    /// Last parts of modules' names, as PEFT matches them (`q_proj`, or `qkv_proj` in fused families); empty means all linear
    /// maps of the layers.
    pub target_modules: Vec<String>,
}

impl Default for LoraSettings {
    fn default() -> Self {
        Self {
            rank: 16,
            alpha: 32.0,
            dropout: 0.0,
            use_rslora: false,
            target_modules: Vec::new(),
        }
    }
}

impl LoraSettings {
    /// The factor before `B A`.
    #[must_use]
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "ranks are small, and the factor is used in 32 bits"
    )]
    pub fn scale(&self) -> f32 {
        let rank = self.rank as f64;
        let divisor = if self.use_rslora { rank.sqrt() } else { rank };
        (self.alpha / divisor) as f32
    }

    /// # Errors
    /// When a number is out of range.
    pub(super) fn check(&self) -> Result<(), TrainError> {
        if self.rank == 0 || self.rank > 1 << 14 {
            let what = format!("rank = {}: it must be from 1 to 16384", self.rank);
            return Err(TrainError::Settings(what));
        }
        if !self.alpha.is_finite() {
            let what = format!("alpha = {}: it must be a finite number", self.alpha);
            return Err(TrainError::Settings(what));
        }
        if !(0.0..1.0).contains(&self.dropout) {
            let what = format!("dropout = {}: it must be in 0..1", self.dropout);
            return Err(TrainError::Settings(what));
        }
        Ok(())
    }
}

/// AdamW (Loshchilov & Hutter 2019) as `torch.optim.AdamW` computes it, with clipping of the gradient's norm before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OptimiserSettings {
    /// Of the schedule's factor 1.
    pub learning_rate: f64,
    pub beta1: f64,
    pub beta2: f64,
    pub epsilon: f64,
    /// Decoupled from the gradient; norms and biases do not decay.
    pub weight_decay: f64,
    /// The gradient's Euclidean norm over all numbers of an adapter (or of the model) is cut to this; none leaves it.
    pub max_grad_norm: Option<f64>,
    pub schedule: Schedule,
}

impl Default for OptimiserSettings {
    fn default() -> Self {
        Self {
            learning_rate: 2e-4,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.0,
            max_grad_norm: Some(1.0),
            schedule: Schedule::default(),
        }
    }
}

impl OptimiserSettings {
    /// # Errors
    /// When a number is out of range.
    pub(super) fn check(&self) -> Result<(), TrainError> {
        let whole = |name, value: f64, is_good: bool| {
            if is_good {
                Ok(())
            } else {
                let what = format!("{name} = {value}: it is out of range");
                Err(TrainError::Settings(what))
            }
        };
        let positive = |x: f64| x.is_finite() && x >= 0.0;
        whole(
            "learning_rate",
            self.learning_rate,
            positive(self.learning_rate),
        )?;
        whole("beta1", self.beta1, (0.0..1.0).contains(&self.beta1))?;
        whole("beta2", self.beta2, (0.0..1.0).contains(&self.beta2))?;
        whole("epsilon", self.epsilon, positive(self.epsilon))?;
        whole(
            "weight_decay",
            self.weight_decay,
            positive(self.weight_decay),
        )?;
        let norm = self.max_grad_norm.unwrap_or(1.0);
        whole("max_grad_norm", norm, norm.is_finite() && norm > 0.0)
    }
}
