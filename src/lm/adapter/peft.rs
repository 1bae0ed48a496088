//! `adapter_config.json` as PEFT writes it: ranks, scales, and which linear maps are meant.
//!
//! What would make the adapter compute something else than plain low-rank updates is refused; what only mattered for training
//! is skipped; what this program has never heard of is a warning.

mod pattern;

use super::error::AdapterError;
use pattern::{Pattern, Selection};
use serde_json::{Map, Value};
use std::path::Path;

/// The largest configuration that is read.
const MAX_BYTES: u64 = 1 << 20;
/// The largest rank that makes sense.
const MAX_RANK: u64 = 1 << 14;

/// Settings that change what is computed, with what they are, refused when they are on.
const REFUSED: &[(&str, &str)] = &[
    ("use_dora", "DoRA"),
    ("lora_bias", "biases of the factors"),
    ("modules_to_save", "whole modules saved beside the adapter"),
    ("trainable_token_indices", "trained embeddings of tokens"),
    ("target_parameters", "adapters of bare parameters"),
    ("layer_replication", "replicated layers"),
    ("alora_invocation_tokens", "activated LoRA"),
    ("use_qalora", "QALoRA"),
    ("use_bdlora", "block-diagonal LoRA"),
    ("arrow_config", "Arrow routing"),
    ("kasa_config", "KaSA"),
    ("monteclora_config", "Monte Carlo LoRA"),
    ("megatron_config", "Megatron layers"),
];

/// Ways to begin training that change the base model's weights as well.
const CHANGED_BASES: &[&str] = &["pissa", "corda", "olora", "loftq", "mica", "lora_ga"];

/// Settings without a meaning here: of training, of saving, or of what is off.
const SKIPPED: &[&str] = &[
    "auto_mapping",
    "base_model_name_or_path",
    "bias",
    "corda_config",
    "ensure_weight_tying",
    "eva_config",
    "inference_mode",
    "init_lora_weights",
    "loftq_config",
    "lora_dropout",
    "lora_ga_config",
    "megatron_core",
    "peft_type",
    "peft_version",
    "qalora_group_size",
    "revision",
    "runtime_config",
    "task_type",
    "velora_config",
];

/// Settings read here.
const READ: &[&str] = &[
    "r",
    "lora_alpha",
    "use_rslora",
    "fan_in_fan_out",
    "target_modules",
    "exclude_modules",
    "rank_pattern",
    "alpha_pattern",
    "layers_to_transform",
    "layers_pattern",
];

/// The settings of a LoRA adapter.
#[derive(Debug)]
pub struct PeftConfig {
    rank: usize,
    alpha: f64,
    is_rank_stabilised: bool,
    ranks: Vec<(Pattern, f64)>,
    alphas: Vec<(Pattern, f64)>,
    selection: Selection,
    /// What the user should know.
    pub warnings: Vec<String>,
}

impl PeftConfig {
    /// Reads and checks a file.
    pub fn open(path: &Path) -> Result<Self, AdapterError> {
        let io = |source| AdapterError::Io {
            path: path.to_owned(),
            source,
        };
        let bytes = std::fs::metadata(path).map_err(io)?.len();
        if bytes > MAX_BYTES {
            return Err(AdapterError::Broken {
                path: path.to_owned(),
                what: format!("it has {bytes} bytes; at most {MAX_BYTES} are read"),
            });
        }
        Self::parse(&std::fs::read_to_string(path).map_err(io)?, path)
    }

    /// Reads and checks the text; `path` is for messages.
    pub fn parse(text: &str, path: &Path) -> Result<Self, AdapterError> {
        let broken = |what: String| AdapterError::Broken {
            path: path.to_owned(),
            what,
        };
        let fields: Map<String, Value> =
            serde_json::from_str(text).map_err(|error| broken(error.to_string()))?;
        refuse(&fields).map_err(|what| AdapterError::Unsupported {
            path: path.to_owned(),
            what,
        })?;
        let mut config = read(&fields).map_err(broken)?;
        config.warnings = warnings(&fields);
        Ok(config)
    }

    /// Whether a module, named as in the model, has an adapter.
    pub fn selects(&self, module: &str) -> bool {
        self.selection.contains(module)
    }

    /// The rank of a module's factors.
    #[must_use]
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked when it was read"
    )]
    pub fn rank(&self, module: &str) -> usize {
        first(&self.ranks, module).map_or(self.rank, |rank| rank as usize)
    }

    /// What a module's update is multiplied by: alpha / rank, with rank stabilisation alpha / sqrt(rank).
    #[must_use]
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "ranks are small, and the weights it meets are f32"
    )]
    pub fn scale(&self, module: &str) -> f32 {
        let alpha = first(&self.alphas, module).unwrap_or(self.alpha);
        let rank = self.rank(module) as f64;
        let divisor = if self.is_rank_stabilised {
            rank.sqrt()
        } else {
            rank
        };
        (alpha / divisor) as f32
    }
}

fn first(patterns: &[(Pattern, f64)], module: &str) -> Option<f64> {
    let found = patterns.iter().find(|(pattern, _)| pattern.fits(module));
    found.map(|(_, value)| *value)
}

fn is_on(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null | Value::Bool(false)) => false,
        Some(Value::Array(items)) => !items.is_empty(),
        Some(Value::Object(fields)) => !fields.is_empty(),
        Some(Value::String(text)) => !text.is_empty(),
        Some(_) => true,
    }
}

fn refuse(fields: &Map<String, Value>) -> Result<(), String> {
    let kind = fields.get("peft_type").and_then(Value::as_str);
    if kind != Some("LORA") {
        let kind = kind.unwrap_or("missing");
        return Err(format!("peft_type is {kind}, not LORA"));
    }
    for (key, what) in REFUSED {
        if is_on(fields.get(*key)) {
            return Err(format!("{key}: {what} is not supported"));
        }
    }
    match fields.get("bias").and_then(Value::as_str) {
        None | Some("none") => {}
        Some(bias) => {
            return Err(format!(
                "bias: trained biases (\"{bias}\") are not supported"
            ));
        }
    }
    let start = fields.get("init_lora_weights").and_then(Value::as_str);
    let start = start.unwrap_or_default().to_lowercase();
    if CHANGED_BASES.iter().any(|name| start.starts_with(name)) {
        return Err(format!(
            "init_lora_weights: \"{start}\" changed the base model's weights too; PEFT can save such an adapter as a plain one (path_initial_model_for_weight_conversion)"
        ));
    }
    Ok(())
}

fn warnings(fields: &Map<String, Value>) -> Vec<String> {
    let mut warnings = Vec::new();
    if is_on(fields.get("fan_in_fan_out")) {
        let what = "fan_in_fan_out is on; it means nothing for this kind of model, as in PEFT";
        warnings.push(what.to_owned());
    }
    for (key, value) in fields {
        let key = key.as_str();
        let is_known = READ.contains(&key)
            || SKIPPED.contains(&key)
            || REFUSED.iter().any(|(known, _)| *known == key);
        if !is_known && is_on(Some(value)) {
            warnings.push(format!("adapter_config.json: \"{key}\" is not known here"));
        }
    }
    warnings
}

fn read(fields: &Map<String, Value>) -> Result<PeftConfig, String> {
    let number = |key: &str| match fields.get(key) {
        Some(value) => value
            .as_f64()
            .filter(|n| n.is_finite())
            .ok_or_else(|| format!("{key} is {value}, not a number")),
        None => Err(format!("{key} is missing")),
    };
    let rank = checked_rank(number("r")?).map_err(|what| format!("r {what}"))?;
    let table = |key: &str| -> Result<Vec<(Pattern, f64)>, String> {
        let entries = match fields.get(key) {
            None | Some(Value::Null) => return Ok(Vec::new()),
            Some(Value::Object(entries)) => entries,
            Some(other) => return Err(format!("{key} is {other}, not a table")),
        };
        let read = |(name, value): (&String, &Value)| {
            let value = value.as_f64().filter(|n| n.is_finite());
            let value = value.ok_or_else(|| format!("{key}, {name}: not a number"))?;
            Ok((
                Pattern::ending(name).map_err(|e| format!("{key}: {e}"))?,
                value,
            ))
        };
        entries.iter().map(read).collect()
    };
    let ranks = table("rank_pattern")?;
    for (_, rank) in &ranks {
        checked_rank(*rank).map_err(|what| format!("rank_pattern: a rank {what}"))?;
    }
    Ok(PeftConfig {
        rank,
        alpha: number("lora_alpha")?,
        is_rank_stabilised: is_on(fields.get("use_rslora")),
        ranks,
        alphas: table("alpha_pattern")?,
        selection: Selection::read(fields)?,
        warnings: Vec::new(),
    })
}

fn checked_rank(rank: f64) -> Result<usize, String> {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "compared with the result"
    )]
    let whole = rank as u64;
    #[allow(clippy::cast_precision_loss, reason = "far below 2^52 when it is used")]
    let is_whole = whole as f64 == rank;
    match usize::try_from(whole) {
        Ok(n) if is_whole && (1..=MAX_RANK).contains(&whole) => Ok(n),
        _ => Err(format!("is {rank}, not a rank (1 to {MAX_RANK})")),
    }
}

#[cfg(test)]
mod tests;
