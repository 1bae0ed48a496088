//! What a fine-tuning leaves: the adapter as PEFT has it, and where it is asked for llama.cpp's file and the merged model.

use super::Settings;
use super::work::{Training, job_error};
use crate::domain::event::Level;
use crate::domain::run::{Product, ProductKind};
use crate::job::{JobContext, JobError};
use crate::lm::adapter::write::{Written, add, gguf, peft};
use crate::lm::export;
use crate::lm::safetensors::write::{Floats, Width};
use crate::lm::train::{Tensor, Trainer};
use std::path::Path;

const ADAPTER: &str = "adapter";
const LAST: &str = "last";
const GGUF: &str = "adapter.gguf";
const MERGED: &str = "merged";
const MODEL: &str = "model";

/// Writes everything: of the best state where one was measured, and of the last one too where that is another.
pub(super) fn write(training: &mut Training, context: &JobContext) -> Result<(), JobError> {
    let best = training.place.best.map(|(step, _)| step);
    let is_best_elsewhere = best.is_some_and(|step| step != training.place.step);
    if is_best_elsewhere && let Some(saved) = context.best() {
        write_one(training, LAST, context)?;
        let (state, _) = super::state::load(&saved.path)?;
        training.trainer.restore(&state).map_err(job_error)?;
        context.note(
            Level::Info,
            &format!(
                "the result is that of step {}, whose validation loss was the lowest; that of the last step is kept as \"{LAST}\"",
                best.unwrap_or_default()
            ),
        );
    }
    let name = if training.settings.is_full {
        MODEL
    } else {
        ADAPTER
    };
    write_one(training, name, context)?;
    if let Some(out) = &training.settings.out {
        match training.settings.is_full {
            true => write_model(out, training, context)?,
            false => write_adapter(out, &training.trainer, &training.settings)?,
        }
    }
    if training.settings.is_full {
        return Ok(());
    }
    if training.settings.gguf {
        write_gguf(&context.results().join(GGUF), training)?;
        made(
            training,
            ProductKind::Report,
            "the adapter for llama.cpp",
            GGUF,
            context,
        );
    }
    if training.settings.merged {
        write_model(&context.results().join(MERGED), training, context)?;
        made(
            training,
            ProductKind::Model,
            "the model with the adapter",
            MERGED,
            context,
        );
    }
    Ok(())
}

/// Writes the adapter, or the whole model, as it is now, into the results.
fn write_one(training: &Training, name: &str, context: &JobContext) -> Result<(), JobError> {
    let folder = context.results().join(name);
    let title = match (name, training.place.best) {
        (LAST, _) | (_, None) => format!("step {}", training.place.step),
        (_, Some((step, loss))) => format!("step {step}, validation loss {loss:.4}"),
    };
    if training.settings.is_full {
        write_model(&folder, training, context)?;
        made(
            training,
            ProductKind::Model,
            &format!("model of {title}"),
            name,
            context,
        );
    } else {
        write_adapter(&folder, &training.trainer, &training.settings)?;
        made(
            training,
            ProductKind::Adapter,
            &format!("adapter of {title}"),
            name,
            context,
        );
    }
    Ok(())
}

fn made(training: &Training, kind: ProductKind, title: &str, path: &str, context: &JobContext) {
    context.made(Product {
        kind,
        title: title.to_owned(),
        path: format!("results/{path}"),
        base: (kind == ProductKind::Adapter).then(|| training.settings.model.clone()),
    });
}

/// Writes the whole model, with the adapter in its weights where there is one.
fn write_model(folder: &Path, training: &Training, context: &JobContext) -> Result<(), JobError> {
    let factors = training.trainer.adapter(0);
    let factors = floats(&factors);
    let adapter = written(&training.settings, &factors);
    let mut tensors = training.trainer.parameters();
    for tensor in &mut tensors {
        add(tensor.values.to_mut(), &tensor.name, &adapter).map_err(JobError::Failed)?;
    }
    let config = training.trainer.config();
    let notes = export::folder(
        folder,
        &floats(&tensors),
        Width::F32,
        config,
        &training.model,
    )
    .map_err(|error| JobError::io("write", folder, &error))?;
    for note in notes {
        context.note(Level::Warning, &note);
    }
    Ok(())
}

fn write_gguf(path: &Path, training: &Training) -> Result<(), JobError> {
    let tensors = training.trainer.adapter(0);
    let floats = floats(&tensors);
    gguf(
        path,
        &written(&training.settings, &floats),
        training.trainer.config(),
    )
    .map_err(|error| JobError::io("write", path, &error))
}

/// Writes the adapter as it is now as a folder that PEFT loads.
pub(super) fn write_adapter(
    folder: &Path,
    trainer: &Trainer,
    settings: &Settings,
) -> Result<(), JobError> {
    let tensors = trainer.adapter(0);
    let floats = floats(&tensors);
    peft(folder, &written(settings, &floats)).map_err(|error| JobError::io("write", folder, &error))
}

fn floats<'a>(tensors: &'a [Tensor<'a>]) -> Vec<Floats<'a>> {
    tensors
        .iter()
        .map(|tensor| Floats {
            name: &tensor.name,
            shape: &tensor.shape,
            values: &tensor.values,
        })
        .collect()
}

fn written<'a>(settings: &'a Settings, tensors: &'a [Floats<'a>]) -> Written<'a> {
    Written {
        rank: settings.lora_rank,
        alpha: settings.lora_alpha,
        dropout: settings.lora_dropout,
        is_rank_stabilised: settings.use_rslora,
        base: &settings.model,
        tensors,
    }
}
