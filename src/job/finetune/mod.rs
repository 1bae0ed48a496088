//! Fine-tuning: adapters (or small models whole) from conversations and texts.
//!
//! What can be set is one table ([`parameters`]); forms, flags, help and spec files are made from it. A run depends on its
//! settings, the model's and the data's bytes, and on nothing else.

mod card;
mod estimate;
pub mod lessons;
pub mod parameters;
mod plan;
mod print;
mod results;
mod samples;
mod settings;
mod state;
mod work;

pub use card::KIND;
pub use estimate::{Estimate, estimate};
pub use plan::Plan;
pub use settings::Settings;

use self::lessons::{Lessons, Words};
use self::samples::Samples;
use self::work::{Training, job_error};
use super::{Job, JobContext, JobError, Work};
use crate::catalog::Catalog;
use crate::domain::event::Level;
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::run::JobCard;
use crate::domain::spec::Spec;
use crate::lm::model::Model;
use crate::lm::safetensors::Safetensors;
use crate::lm::train::{LoraSettings, OptimiserSettings, Schedule, Shape, Tensor, Trainer, What};
use std::borrow::Cow;
use std::path::Path;

/// The kind.
#[derive(Debug, Clone, Copy)]
pub struct FineTune;

impl Job for FineTune {
    fn card(&self) -> JobCard {
        card::card()
    }

    fn check(&self, spec: &Spec) -> Result<(), String> {
        let settings = Settings::read(&spec.values)?;
        if settings.is_full && (settings.start.is_some() || settings.gguf) {
            return Err("method = full trains no adapter: leave start and gguf out".to_owned());
        }
        if settings.batch_tokens < settings.max_tokens {
            return Err(format!(
                "batch_tokens = {} is less than max_tokens = {}, the longest example; raise the one or lower the other",
                settings.batch_tokens, settings.max_tokens
            ));
        }
        Ok(())
    }

    fn prepare(&self, spec: &Spec, context: &JobContext) -> Result<Box<dyn Work>, JobError> {
        let settings = Settings::read(&spec.values).map_err(JobError::Data)?;
        let surroundings = context.surroundings();
        let (catalog, _) = Catalog::load(&surroundings.paths, &surroundings.model_paths);
        let path = catalog.resolve(&settings.model).map_err(job_fault)?;
        context.pin("model", &print::print(&path)?)?;
        context.pin("data", &print::print(&settings.data)?)?;
        if let Some(validation) = &settings.validation {
            context.pin("validation", &print::print(validation)?)?;
        }
        context.pause_point()?;
        let model = Model::open(&path).map_err(job_fault)?;
        let words = Words {
            template: &model.template,
            tokenizer: &model.tokenizer,
        };
        let lessons =
            Lessons::load(&settings, words).map_err(|error| JobError::Data(error.to_string()))?;
        tell(&lessons, &settings, context);
        context.pause_point()?;
        let lengths = lessons.train.lessons.iter().map(|one| one.example.len());
        let plan = Plan::new(lengths.collect(), &settings);
        let mut trainer = trainer(&model, &settings, plan.steps(), surroundings.threads)?;
        if let Some(start) = &settings.start {
            context.pin("start", &print::print(start)?)?;
            go_on_from(&mut trainer, start)?;
        }
        Ok(Box::new(Training {
            samples: Samples::new(&path, surroundings.threads),
            model: path,
            settings,
            trainer,
            plan,
            lessons,
            place: state::Place::default(),
        }))
    }
}

/// A trainer of this model for so many steps.
fn trainer(
    model: &Model,
    settings: &Settings,
    steps: u64,
    threads: usize,
) -> Result<Trainer, JobError> {
    let what = match settings.is_full {
        true => What::Full,
        false => What::Lora(vec![LoraSettings {
            rank: settings.lora_rank,
            alpha: settings.lora_alpha,
            dropout: settings.lora_dropout,
            use_rslora: settings.use_rslora,
            target_modules: settings.target_modules.clone(),
        }]),
    };
    let optimiser = optimiser(settings, steps);
    let (config, weights) = (&model.config, &model.weights);
    Trainer::new(config, weights, &what, &optimiser, settings.seed, threads).map_err(job_error)
}

fn optimiser(settings: &Settings, steps: u64) -> OptimiserSettings {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a share of a count"
    )]
    let warmup = (steps as f64 * settings.warmup_share).ceil() as u64;
    OptimiserSettings {
        learning_rate: settings.learning_rate,
        weight_decay: settings.weight_decay,
        max_grad_norm: (settings.max_grad_norm > 0.0).then_some(settings.max_grad_norm),
        schedule: Schedule {
            shape: match settings.schedule.as_str() {
                "linear" => Shape::Linear,
                "constant" => Shape::Constant,
                _ => Shape::Cosine,
            },
            warmup,
            steps,
        },
        ..OptimiserSettings::default()
    }
}

/// Takes the numbers of an adapter that was trained before.
fn go_on_from(trainer: &mut Trainer, folder: &Path) -> Result<(), JobError> {
    let misfit = |what: String| {
        JobError::Data(format!(
            "start: the adapter {} does not fit this model and these settings: {what}",
            folder.display()
        ))
    };
    let file = Safetensors::open(&folder.join("adapter_model.safetensors"))
        .map_err(|error| misfit(error.to_string()))?;
    let mut tensors = Vec::new();
    for name in file.names() {
        let tensor = file
            .tensor(name)
            .map_err(|error| misfit(error.to_string()))?;
        tensors.push(Tensor {
            name: name.to_owned(),
            shape: tensor.shape.to_vec(),
            values: Cow::Owned(tensor.numbers()),
        });
    }
    trainer
        .set_adapter(0, &tensors)
        .map_err(|error| misfit(error.to_string()))
}

/// What the preview would show, in a few lines.
fn tell(lessons: &Lessons, settings: &Settings, context: &JobContext) {
    let detection = &lessons.detection;
    context.note(
        Level::Info,
        &format!(
            "data \"{}\": format {} ({})",
            lessons.name,
            detection.format.name(),
            detection.reason
        ),
    );
    for (name, part) in [
        ("training", &lessons.train),
        ("validation", &lessons.validation),
    ] {
        let counts = &part.counts;
        context.note(
            Level::Info,
            &format!(
                "{name}: {} examples, {} tokens, {} of them learned, the longest has {}",
                counts.examples, counts.tokens, counts.labelled, counts.longest
            ),
        );
        for note in counts.notes(settings.max_tokens) {
            context.note(Level::Warning, &format!("{name}: {note}"));
        }
    }
}

fn job_fault(fault: Fault) -> JobError {
    match fault.class {
        FaultClass::Resource => JobError::Resource(fault.to_string()),
        _ => JobError::Data(fault.to_string()),
    }
}
