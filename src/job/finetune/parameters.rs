//! Everything that can be set of a fine-tuning: one table for forms, flags, help and spec files.

use crate::domain::parameter::{Domain, Parameter, Value};
use crate::lm::example::OverLength;
use crate::task::dialogue::Format;

/// The word for "as the data look".
pub const AUTO: &str = "auto";

/// The table, in the order of the form.
#[must_use]
pub fn parameters() -> Vec<Parameter> {
    [data(), model(), optimiser(), watching(), result()].concat()
}

fn data() -> Vec<Parameter> {
    let group = "data";
    let mut formats = vec![AUTO];
    formats.extend(Format::NAMES.iter().map(|(name, _)| *name));
    let over_length = OverLength::NAMES.iter().map(|(name, _)| *name).collect();
    vec![
        needed(
            group,
            "data",
            "Data",
            "File or folder to learn from: chat JSONL (messages), ShareGPT, prompt and completion, instructions, GSM8K, plain \
             text, or any set that `synod eval` reads.",
            Domain::Path,
        ),
        choice(
            group,
            "format",
            "Format",
            "Format of the data, where its content should not decide.",
            formats,
            AUTO,
        ),
        text(
            group,
            "train_on",
            "Learned turns",
            "Which turns are learned: all of the assistant's, its last one (of a critic's record the corrected answer, not \
             the wrong one before), or those of roles such as user,assistant.",
            "all",
        ),
        path(
            group,
            "validation",
            "Validation data",
            "A file of its own to measure with; without one a share of the data is kept back.",
        ),
        real(
            group,
            "validation_share",
            "Validation share",
            "Share of the data that is kept back to measure with, drawn by the seed; 0 measures nothing.",
            (0.0, 0.9),
            0.05,
        ),
        whole(
            group,
            "limit",
            "Most records",
            "Learns from the first so many records; 0 takes all.",
            (0, 1 << 40),
            0,
        ),
        whole(
            group,
            "max_tokens",
            "Longest example",
            "Tokens of the longest example, its question included.",
            (8, 1 << 20),
            2048,
        ),
        choice(
            group,
            "over_length",
            "Too long",
            "What becomes of longer ones: an error, left out, or shortened at the beginning or the end. Counted and reported.",
            over_length,
            "refuse",
        ),
    ]
}

fn model() -> Vec<Parameter> {
    let group = "model";
    vec![
        needed(
            group,
            "model",
            "Model",
            "The model that learns: a name of the catalog, a GGUF file, or a folder with safetensors files.",
            Domain::Model,
        ),
        choice(
            group,
            "method",
            "Method",
            "lora trains a small adapter beside the frozen model; full trains every number, for small models.",
            vec!["lora", "full"],
            "lora",
        ),
        path(
            group,
            "start",
            "Start from",
            "An adapter's folder to go on from, of the same shape; a new adapter without one.",
        ),
        whole(
            group,
            "lora_rank",
            "Rank",
            "Rank of the adapter: how much it can learn, and how large it is.",
            (1, 1 << 14),
            16,
        ),
        real(
            group,
            "lora_alpha",
            "Alpha",
            "The adapter counts alpha / rank times; twice the rank is usual.",
            (0.001, 65536.0),
            32.0,
        ),
        real(
            group,
            "lora_dropout",
            "Dropout",
            "Share of an adapter's inputs that is left out at random in training.",
            (0.0, 0.95),
            0.05,
        ),
        flag(
            group,
            "use_rslora",
            "Rank-stabilised",
            "Counts alpha / sqrt(rank) times instead, for high ranks.",
        ),
        Parameter {
            default: Some(Value::Words(Vec::new())),
            ..needed(
                group,
                "target_modules",
                "Modules",
                "Linear maps with an adapter, by the names that PEFT uses (q_proj,v_proj); all of them when empty.",
                Domain::Words,
            )
        },
    ]
}

fn optimiser() -> Vec<Parameter> {
    let group = "optimiser";
    vec![
        real(
            group,
            "epochs",
            "Epochs",
            "How often all data are gone through.",
            (0.001, 100_000.0),
            2.0,
        ),
        whole(
            group,
            "max_steps",
            "Most steps",
            "Ends after so many steps of the optimiser; 0 leaves it to the epochs.",
            (0, 1 << 40),
            0,
        ),
        real(
            group,
            "learning_rate",
            "Learning rate",
            "Its highest value: 1e-4 to 3e-4 for adapters, a tenth of it for whole models.",
            (0.0, 10.0),
            2e-4,
        ),
        choice(
            group,
            "schedule",
            "Schedule",
            "How the learning rate falls after the warm-up.",
            vec!["cosine", "linear", "constant"],
            "cosine",
        ),
        real(
            group,
            "warmup_share",
            "Warm-up",
            "Share of the steps in which the learning rate climbs.",
            (0.0, 1.0),
            0.03,
        ),
        whole(
            group,
            "batch_tokens",
            "Batch",
            "Most tokens that are computed at once; sequences are packed side by side, nothing is padded. Memory grows with it.",
            (16, 1 << 24),
            2048,
        ),
        whole(
            group,
            "accumulation",
            "Accumulation",
            "Batches whose gradients are added before the optimiser steps.",
            (1, 1 << 20),
            1,
        ),
        real(
            group,
            "weight_decay",
            "Weight decay",
            "How strongly numbers are drawn to zero (AdamW).",
            (0.0, 10.0),
            0.0,
        ),
        real(
            group,
            "max_grad_norm",
            "Gradient norm",
            "A larger gradient is shortened to this length; 0 leaves it as it is.",
            (0.0, 1e9),
            1.0,
        ),
        whole(
            group,
            "seed",
            "Seed",
            "Decides order, dropout, the start of the adapter and what is kept back.",
            (0, i64::MAX),
            0,
        ),
    ]
}

fn watching() -> Vec<Parameter> {
    let group = "watching";
    vec![
        whole(
            group,
            "validate_every",
            "Validate every",
            "Steps between two measurements of the validation loss; 0 measures after each epoch.",
            (0, 1 << 40),
            0,
        ),
        whole(
            group,
            "patience",
            "Patience",
            "Ends early when so many measurements in a row were no better than the best; 0 never does.",
            (0, 1 << 20),
            0,
        ),
        whole(
            group,
            "samples",
            "Samples",
            "Answers that the model writes to questions of the validation data at every measurement.",
            (0, 64),
            2,
        ),
        whole(
            group,
            "sample_tokens",
            "Tokens of a sample",
            "The longest such answer.",
            (1, 4096),
            96,
        ),
        whole(
            group,
            "checkpoint_every",
            "Checkpoint every",
            "Steps between two checkpoints; one is also kept at every measurement and stop.",
            (1, 1 << 40),
            100,
        ),
    ]
}

fn result() -> Vec<Parameter> {
    let group = "result";
    vec![
        Parameter {
            default: Some(Value::Text(String::new())),
            ..needed(
                group,
                "out",
                "Adapter's folder",
                "Where the adapter goes besides the run's own folder; nowhere else without one.",
                Domain::NewPath,
            )
        },
        flag(
            group,
            "merged",
            "Merged model",
            "Also writes the model with the adapter added to its weights, as a folder of safetensors.",
        ),
        flag(
            group,
            "gguf",
            "GGUF adapter",
            "Also writes the adapter in llama.cpp's format.",
        ),
    ]
}

fn needed(group: &str, key: &str, title: &str, help: &str, domain: Domain) -> Parameter {
    Parameter {
        key: key.to_owned(),
        title: title.to_owned(),
        help: help.to_owned(),
        group: group.to_owned(),
        domain,
        default: None,
    }
}

fn choice(
    group: &str,
    key: &str,
    title: &str,
    help: &str,
    options: Vec<&str>,
    default: &str,
) -> Parameter {
    let options = options.into_iter().map(str::to_owned).collect();
    Parameter {
        default: Some(Value::Text(default.to_owned())),
        ..needed(group, key, title, help, Domain::Choice { options })
    }
}

fn text(group: &str, key: &str, title: &str, help: &str, default: &str) -> Parameter {
    Parameter {
        default: Some(Value::Text(default.to_owned())),
        ..needed(group, key, title, help, Domain::Text)
    }
}

/// A path that may be left empty.
fn path(group: &str, key: &str, title: &str, help: &str) -> Parameter {
    Parameter {
        default: Some(Value::Text(String::new())),
        ..needed(group, key, title, help, Domain::Path)
    }
}

fn flag(group: &str, key: &str, title: &str, help: &str) -> Parameter {
    Parameter {
        default: Some(Value::Flag(false)),
        ..needed(group, key, title, help, Domain::Flag)
    }
}

fn whole(
    group: &str,
    key: &str,
    title: &str,
    help: &str,
    (least, most): (i64, i64),
    default: i64,
) -> Parameter {
    Parameter {
        default: Some(Value::Whole(default)),
        ..needed(group, key, title, help, Domain::Whole { least, most })
    }
}

fn real(
    group: &str,
    key: &str,
    title: &str,
    help: &str,
    (least, most): (f64, f64),
    default: f64,
) -> Parameter {
    Parameter {
        default: Some(Value::Real(default)),
        ..needed(group, key, title, help, Domain::Real { least, most })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_default_is_a_value_that_its_parameter_takes() {
        let table = parameters();
        let keys: BTreeSet<&str> = table.iter().map(|one| one.key.as_str()).collect();
        assert_eq!(keys.len(), table.len(), "two parameters have one key");
        for parameter in &table {
            if let Some(default) = &parameter.default {
                assert_eq!(parameter.check(default), Ok(()));
            }
            assert!(parameter.title.chars().count() <= 24, "{}", parameter.title);
            assert!(parameter.help.ends_with('.'), "{}", parameter.key);
        }
        let needed: Vec<&str> = table
            .iter()
            .filter(|one| one.default.is_none())
            .map(|one| one.key.as_str())
            .collect();
        assert_eq!(needed, ["data", "model"]);
    }
}
