//! What a fine-tuning would cost, measured on its first batch.

use super::lessons::Lessons;
use super::plan::Plan;
use super::work::{job_error, packed};
use super::{Settings, trainer};
use crate::domain::clock::Clock;
use crate::job::JobError;
use crate::lm::model::Model;
use serde::Serialize;

/// The cost of a run, before it is one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Estimate {
    /// Steps of the optimiser.
    pub steps: u64,
    /// Epochs that are begun.
    pub epochs: usize,
    /// Tokens that are computed in all steps.
    pub tokens: u64,
    /// Numbers that are trained.
    pub trained: u64,
    pub tokens_per_second: f64,
    /// Without measurements of the validation loss.
    pub seconds: f64,
}

/// Computes the first batch once and reckons with it.
///
/// # Errors
/// When the model cannot be trained with these settings.
pub fn estimate(
    model: &Model,
    settings: &Settings,
    lessons: &Lessons,
    threads: usize,
    clock: &dyn Clock,
) -> Result<Estimate, JobError> {
    let examples = &lessons.train.lessons;
    let lengths: Vec<usize> = examples.iter().map(|one| one.example.len()).collect();
    let mut plan = Plan::new(lengths.clone(), settings);
    let mut trainer = trainer(model, settings, plan.steps(), threads)?;
    let mut tokens = 0;
    for step in 0..plan.steps() {
        let batches = plan.batches(step);
        tokens += batches
            .iter()
            .flatten()
            .map(|&number| lengths[number])
            .sum::<usize>() as u64;
    }
    let first = plan.batches(0).into_iter().next().unwrap_or_default();
    let batch = packed(first.iter().map(|&number| &examples[number].example))?;
    let began = clock.now();
    trainer.accumulate(&batch, &|| false).map_err(job_error)?;
    let milliseconds = clock.now().saturating_sub(began).max(1);
    let trained = match settings.is_full {
        true => trainer.parameters(),
        false => trainer.adapter(0),
    };
    let trained = trained
        .iter()
        .map(|tensor| tensor.values.len() as u64)
        .sum();
    #[allow(clippy::cast_precision_loss, reason = "a reckoning")]
    let rate = batch.len() as f64 * 1000.0 / milliseconds as f64;
    #[allow(clippy::cast_precision_loss, reason = "a reckoning")]
    let seconds = tokens as f64 / rate;
    Ok(Estimate {
        steps: plan.steps(),
        epochs: plan.epochs(),
        tokens,
        trained,
        tokens_per_second: rate,
        seconds,
    })
}
