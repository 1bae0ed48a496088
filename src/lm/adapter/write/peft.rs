//! The folder that PEFT saves and loads.

use super::Written;
use crate::lm::adapter::load::{CONFIG, TENSORS};
use crate::lm::adapter::name::TensorName;
use crate::lm::file::replace;
use crate::lm::safetensors::write::{Width, write};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

/// Writes the adapter's folder; an older adapter in it is replaced, its tensors first.
///
/// # Errors
/// When the disk refuses.
pub fn peft(folder: &Path, adapter: &Written<'_>) -> io::Result<()> {
    let metadata = BTreeMap::from([("format".to_owned(), "pt".to_owned())]);
    write(
        &folder.join(TENSORS),
        adapter.tensors,
        Width::F32,
        &metadata,
    )?;
    let mut text = serde_json::to_string_pretty(&config(adapter))?;
    text.push('\n');
    replace(&folder.join(CONFIG), text.as_bytes())
}

fn config(adapter: &Written<'_>) -> Value {
    json!({
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": adapter.base,
        "inference_mode": true,
        "r": adapter.rank,
        "lora_alpha": number(adapter.alpha),
        "lora_dropout": adapter.dropout,
        "use_rslora": adapter.is_rank_stabilised,
        "target_modules": modules(adapter),
        "bias": "none",
        "fan_in_fan_out": false,
        "init_lora_weights": true,
        "modules_to_save": null,
        "layers_to_transform": null,
        "rank_pattern": {},
        "alpha_pattern": {},
        "use_dora": false,
    })
}

/// PEFT's alpha is a whole number wherever it can be.
fn number(value: f64) -> Value {
    #[allow(clippy::cast_possible_truncation, reason = "compared with the result")]
    let whole = value as i64;
    #[allow(clippy::cast_precision_loss, reason = "far below 2^52 when it is used")]
    if whole as f64 == value {
        json!(whole)
    } else {
        json!(value)
    }
}

/// Last parts of the modules' names, as `target_modules` has them.
fn modules(adapter: &Written<'_>) -> BTreeSet<String> {
    let names = adapter.tensors.iter();
    names
        .filter_map(|tensor| match TensorName::read(tensor.name) {
            TensorName::Factor(factor) => factor.module.rsplit('.').next().map(str::to_owned),
            _ => None,
        })
        .collect()
}
