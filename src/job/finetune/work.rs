//! A fine-tuning under way: steps of the optimiser, and measurements between them.

use super::Settings;
use super::card::{GRADIENT_NORM, LEARNING_RATE, LOSS, TOKENS_PER_SECOND, VALIDATION_LOSS};
use super::lessons::Lessons;
use super::plan::Plan;
use super::samples::Samples;
use super::state::Place;
use crate::domain::event::Level;
use crate::job::{JobContext, JobError, Step, Work};
use crate::lm::example::{Example, pack};
use crate::lm::train::{Loss, Packed, TrainError, Trainer};
use std::cell::RefCell;
use std::path::{Path, PathBuf};

/// A model, what it learns, and how far it is.
pub struct Training {
    pub(super) settings: Settings,
    pub(super) model: PathBuf,
    pub(super) trainer: Trainer,
    pub(super) plan: Plan,
    pub(super) lessons: Lessons,
    pub(super) samples: Samples,
    pub(super) place: Place,
}

impl Work for Training {
    fn total(&self) -> u64 {
        self.plan.steps() + self.measurements()
    }

    fn step(&mut self, context: &JobContext) -> Result<Step, JobError> {
        if self.place.owes_measurement {
            return self.measure(context);
        }
        let began = context.now();
        let mut tokens = 0;
        for batch in self.plan.batches(self.place.step) {
            let packed = packed(
                batch
                    .iter()
                    .map(|&number| &self.lessons.train.lessons[number].example),
            )?;
            tokens += packed.len();
            let interruption = RefCell::new(None);
            let give_up = || interrupted(context, &interruption);
            let loss = self
                .trainer
                .accumulate(&packed, &give_up)
                .map_err(job_error)?;
            if loss.is_none() {
                return Err(interruption.take().unwrap_or(JobError::Stopped));
            }
        }
        let applied = self.trainer.apply().map_err(job_error)?;
        self.place.step += 1;
        self.place.tokens += tokens as u64;
        let x = real(self.place.step);
        if let Some(applied) = applied.first() {
            context.metric(LOSS, x, applied.loss.mean());
            context.metric(LEARNING_RATE, x, applied.learning_rate);
            context.metric(GRADIENT_NORM, x, applied.grad_norm);
        }
        let milliseconds = context.now().saturating_sub(began).max(1);
        context.metric(
            TOKENS_PER_SECOND,
            x,
            tokens as f64 * 1000.0 / real(milliseconds),
        );
        self.place.owes_measurement = self.is_measured(self.place.step);
        let is_last = self.place.step >= self.plan.steps() && !self.place.owes_measurement;
        let every = self.settings.checkpoint_every.max(1);
        Ok(Step {
            is_last,
            is_best: false,
            saves: self.place.step.is_multiple_of(every),
        })
    }

    fn save(&self, folder: &Path) -> Result<(), JobError> {
        super::state::save(folder, &self.trainer.state(), &self.place)
    }

    fn restore(&mut self, folder: &Path) -> Result<(), JobError> {
        let (state, place) = super::state::load(folder)?;
        self.trainer.restore(&state).map_err(job_error)?;
        self.place = place;
        Ok(())
    }

    fn finish(&mut self, context: &JobContext) -> Result<(), JobError> {
        super::results::write(self, context)
    }
}

impl Training {
    /// Whether the validation loss is measured after so many steps.
    fn is_measured(&self, done: u64) -> bool {
        if self.lessons.validation.lessons.is_empty() {
            return false;
        }
        let is_end = done == self.plan.steps();
        match self.settings.validate_every {
            0 => self.plan.ends_epoch(done) || is_end,
            every => done.is_multiple_of(every) || is_end,
        }
    }

    fn measurements(&self) -> u64 {
        if self.lessons.validation.lessons.is_empty() {
            return 0;
        }
        match self.settings.validate_every {
            0 => self.plan.epochs() as u64,
            every => self.plan.steps().div_ceil(every),
        }
    }

    /// Measures the validation loss and asks for samples. The weights stay as they are.
    fn measure(&mut self, context: &JobContext) -> Result<Step, JobError> {
        let loss = self.validation_loss(context)?;
        self.samples.write(
            &self.trainer,
            &self.settings,
            &self.lessons,
            self.place.step,
            context,
        )?;
        let mean = loss.mean();
        let step = self.place.step;
        context.metric(VALIDATION_LOSS, real(step), mean);
        self.place.owes_measurement = false;
        let is_best = self.place.best.is_none_or(|(_, best)| mean < best);
        if is_best {
            self.place.best = Some((step, mean));
            self.place.worse = 0;
        } else {
            self.place.worse += 1;
        }
        let patience = self.settings.patience;
        let is_tired = patience > 0 && self.place.worse >= patience;
        if is_tired && let Some((best, loss)) = self.place.best {
            context.note(
                Level::Info,
                &format!(
                    "{patience} measurements in a row were no better than that after step {best} ({loss:.4}): ended early"
                ),
            );
        }
        Ok(Step {
            is_last: is_tired || step >= self.plan.steps(),
            is_best,
            saves: true,
        })
    }

    fn validation_loss(&self, context: &JobContext) -> Result<Loss, JobError> {
        let examples = &self.lessons.validation.lessons;
        let lengths: Vec<usize> = examples.iter().map(|one| one.example.len()).collect();
        let mut sum = Loss::default();
        for batch in pack(&lengths, self.settings.batch_tokens, self.settings.seed, 0) {
            let packed = packed(batch.iter().map(|&number| &examples[number].example))?;
            let interruption = RefCell::new(None);
            let give_up = || interrupted(context, &interruption);
            let losses = self
                .trainer
                .evaluate(&packed, &give_up)
                .map_err(job_error)?;
            let Some(losses) = losses else {
                return Err(interruption.take().unwrap_or(JobError::Stopped));
            };
            for loss in losses {
                sum.sum += loss.sum;
                sum.labels += loss.labels;
                sum.tokens += loss.tokens;
            }
        }
        Ok(sum)
    }
}

/// Examples as a batch of the trainer.
pub(super) fn packed<'a>(examples: impl Iterator<Item = &'a Example>) -> Result<Packed, JobError> {
    let mut packed = Packed::new();
    for example in examples {
        let labels = example.tokens.iter().zip(&example.is_labelled);
        let labels: Vec<Option<u32>> = labels
            .map(|(&token, &is_labelled)| is_labelled.then_some(token))
            .collect();
        packed.push(&example.tokens, &labels).map_err(job_error)?;
    }
    Ok(packed)
}

/// Whether the work has to be given up; why goes into `reason`.
fn interrupted(context: &JobContext, reason: &RefCell<Option<JobError>>) -> bool {
    match context.pause_point() {
        Ok(()) => false,
        Err(error) => {
            reason.replace(Some(error));
            true
        }
    }
}

/// What a training's error means for a run.
pub(super) fn job_error(error: TrainError) -> JobError {
    match error {
        TrainError::Diverged(what) => JobError::Failed(format!(
            "the training diverged: {what}; begin again with a smaller learning rate or a longer warm-up"
        )),
        TrainError::Threads(error) => JobError::Resource(error.to_string()),
        other => JobError::Data(other.to_string()),
    }
}

#[allow(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
fn real(count: u64) -> f64 {
    count as f64
}
