//! A decoder's shape from a GGUF file's metadata.

use super::{Activation, Config, Pairs, Rotary, Window};
use crate::lm::error::ModelError;
use crate::lm::gguf::Gguf;

/// Architectures the decoder can run.
const SUPPORTED: &[&str] = &["llama"];

impl Config {
    /// Reads and checks the shape.
    pub fn from_gguf(file: &Gguf) -> Result<Self, ModelError> {
        let architecture = file
            .text("general.architecture")
            .ok_or_else(|| file.broken("key \"general.architecture\" is missing"))?;
        if !SUPPORTED.contains(&architecture) {
            return Err(file.unsupported(format!(
                "architecture \"{architecture}\" is not supported; supported are {}",
                SUPPORTED.join(", ")
            )));
        }
        let key = |name: &str| format!("{architecture}.{name}");
        let optional = |name: &str| {
            file.integer(&key(name))
                .and_then(|n| usize::try_from(n).ok())
        };
        let required = |name: &str| match optional(name) {
            Some(n) if (1..=1 << 24).contains(&n) => Ok(n),
            Some(n) => Err(file.broken(format!("key \"{}\" is {n}", key(name)))),
            None => Err(file.broken(format!("key \"{}\" is missing", key(name)))),
        };
        if optional("expert_count").is_some_and(|n| n > 0) {
            return Err(file.unsupported("mixtures of experts are not supported"));
        }
        let width = required("embedding_length")?;
        let heads = required("attention.head_count")?;
        let head_width = optional("attention.key_length").unwrap_or(width / heads);
        let rotary_width = optional("rope.dimension_count").unwrap_or(head_width);
        #[allow(clippy::cast_precision_loss, reason = "a head is narrow")]
        let config = Self {
            architecture: architecture.to_owned(),
            layers: required("block_count")?,
            width,
            feed_forward: required("feed_forward_length")?,
            heads,
            kv_heads: optional("attention.head_count_kv").unwrap_or(heads),
            head_width,
            rotary: Rotary {
                width: rotary_width,
                base: file.float(&key("rope.freq_base")).unwrap_or(10_000.0),
                pairs: Pairs::Neighbours,
                factors: rotary_factors(file, architecture, rotary_width / 2)?,
                magnitude: 1.0,
            },
            rotary_local: None,
            window: Window::None,
            attention_scale: 1.0 / (head_width as f32).sqrt(),
            attention_cap: None,
            logit_cap: None,
            embedding_scale: None,
            activation: Activation::Silu,
            #[allow(clippy::cast_possible_truncation, reason = "stored as f32")]
            norm_epsilon: file
                .float(&key("attention.layer_norm_rms_epsilon"))
                .unwrap_or(1e-5) as f32,
            context: required("context_length")?,
            vocabulary: vocabulary(file)?,
        };
        config.check().map_err(|what| file.broken(what))?;
        Ok(config)
    }
}

fn rotary_factors(file: &Gguf, architecture: &str, pairs: usize) -> Result<Vec<f32>, ModelError> {
    let kind = file
        .text(&format!("{architecture}.rope.scaling.type"))
        .unwrap_or("none");
    let factor = file.float(&format!("{architecture}.rope.scaling.factor"));
    match (kind, factor) {
        ("none", _) => Ok(Vec::new()),
        #[allow(clippy::cast_possible_truncation, reason = "stored as f32")]
        ("linear", Some(factor)) if factor > 0.0 => Ok(vec![factor as f32; pairs]),
        _ => Err(file.unsupported(format!(
            "rope scaling \"{kind}\" is not supported; supported are none, linear"
        ))),
    }
}

fn vocabulary(file: &Gguf) -> Result<usize, ModelError> {
    let info = file
        .tensor("token_embd.weight")
        .ok_or_else(|| file.broken("tensor \"token_embd.weight\" is missing"))?;
    match info.dimensions.as_slice() {
        [_, rows] => usize::try_from(*rows)
            .map_err(|_| file.broken("tensor \"token_embd.weight\" has too many rows")),
        other => Err(file.broken(format!(
            "tensor \"token_embd.weight\" has the dimensions {other:?}, not [width, tokens]"
        ))),
    }
}
