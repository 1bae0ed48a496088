//! What a fine-tuning leaves: the adapter as PEFT has it, and where it is asked for llama.cpp's file and the merged model.

use super::Settings;
use super::work::{Training, job_error};
use crate::domain::event::Level;
use crate::domain::run::{Product, ProductKind};
use crate::job::{JobContext, JobError};
use crate::lm::adapter::write::{Written, gguf, peft};
use crate::lm::safetensors::write::Floats;
use crate::lm::train::{Tensor, Trainer};
use std::path::Path;

const ADAPTER: &str = "adapter";
const LAST: &str = "last";
const GGUF: &str = "adapter.gguf";

/// Writes everything: of the best state where one was measured, and of the last one too where that is another.
pub(super) fn write(training: &mut Training, context: &JobContext) -> Result<(), JobError> {
    let results = context.results();
    let best = training.place.best.map(|(step, _)| step);
    let is_best_elsewhere = best.is_some_and(|step| step != training.place.step);
    if is_best_elsewhere && let Some(saved) = context.best() {
        write_all(training, &results, LAST, context)?;
        let (state, _) = super::state::load(&saved.path)?;
        training.trainer.restore(&state).map_err(job_error)?;
        let what = if training.settings.is_full {
            "model"
        } else {
            ADAPTER
        };
        context.note(
            Level::Info,
            &format!(
                "the {what} is that of step {}, whose validation loss was the lowest; that of the last step is kept as \"{LAST}\"",
                best.unwrap_or_default()
            ),
        );
    }
    write_all(training, &results, ADAPTER, context)?;
    if let Some(out) = training.settings.out.clone() {
        write_adapter(&out, &training.trainer, &training.settings)?;
    }
    Ok(())
}

fn write_all(
    training: &Training,
    results: &Path,
    name: &str,
    context: &JobContext,
) -> Result<(), JobError> {
    let settings = &training.settings;
    let made = |kind: ProductKind, title: &str, path: &str| {
        context.made(Product {
            kind,
            title: title.to_owned(),
            path: format!("results/{path}"),
            base: (kind == ProductKind::Adapter).then(|| settings.model.clone()),
        });
    };
    let title = match (name, training.place.best) {
        (LAST, _) => format!("adapter of step {}", training.place.step),
        (_, Some((step, loss))) => format!("adapter of step {step}, validation loss {loss:.4}"),
        (_, None) => format!("adapter of step {}", training.place.step),
    };
    write_adapter(&results.join(name), &training.trainer, settings)?;
    made(ProductKind::Adapter, &title, name);
    if settings.gguf && name == ADAPTER {
        let path = results.join(GGUF);
        let tensors = training.trainer.adapter(0);
        let floats = floats(&tensors);
        gguf(
            &path,
            &written(settings, &floats),
            training.trainer.config(),
        )
        .map_err(|error| JobError::io("write", &path, &error))?;
        made(ProductKind::Report, "the adapter for llama.cpp", GGUF);
    }
    Ok(())
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
