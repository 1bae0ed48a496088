//! The shape of a decoder, from a GGUF file's metadata.
//!
//! Invariant: every number has been checked against the others, so the decoder may rely on them.

use super::error::ModelError;
use super::gguf::Gguf;

/// Architectures the decoder can run.
const SUPPORTED: &[&str] = &["llama"];

/// A decoder of the Llama family (Touvron et al. 2023): pre-norm, rotary positions, gated feed-forward, grouped heads.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    pub layers: usize,
    /// Width of the residual stream.
    pub width: usize,
    pub feed_forward: usize,
    pub heads: usize,
    /// Heads of keys and values; each serves `heads / kv_heads` query heads (Ainslie et al. 2023).
    pub kv_heads: usize,
    pub head_width: usize,
    /// Numbers of a head that are rotated.
    pub rotary_width: usize,
    pub rotary_base: f64,
    /// Positions are divided by this (linear scaling); 1 is none.
    pub rotary_scale: f64,
    pub norm_epsilon: f32,
    /// Tokens the model was made for.
    pub context: usize,
    pub vocabulary: usize,
}

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
        let config = Self {
            layers: required("block_count")?,
            width,
            feed_forward: required("feed_forward_length")?,
            heads,
            kv_heads: optional("attention.head_count_kv").unwrap_or(heads),
            head_width,
            rotary_width: optional("rope.dimension_count").unwrap_or(head_width),
            rotary_base: file.float(&key("rope.freq_base")).unwrap_or(10_000.0),
            rotary_scale: rotary_scale(file, architecture)?,
            #[allow(clippy::cast_possible_truncation, reason = "stored as f32")]
            norm_epsilon: file
                .float(&key("attention.layer_norm_rms_epsilon"))
                .unwrap_or(1e-5) as f32,
            context: required("context_length")?,
            vocabulary: vocabulary(file)?,
        };
        config.check(file)?;
        Ok(config)
    }

    /// Numbers of one token's keys (or values) in one layer.
    #[must_use]
    pub fn kv_width(&self) -> usize {
        self.kv_heads * self.head_width
    }

    /// Numbers of one token's queries in one layer.
    #[must_use]
    pub fn query_width(&self) -> usize {
        self.heads * self.head_width
    }

    fn check(&self, file: &Gguf) -> Result<(), ModelError> {
        let fits = self.kv_heads > 0
            && self.heads.is_multiple_of(self.kv_heads)
            && (1..=1 << 16).contains(&self.head_width)
            && self.heads <= 1 << 16
            && self.rotary_width.is_multiple_of(2)
            && self.rotary_width <= self.head_width
            && self.layers <= 4096;
        if fits && self.rotary_base > 0.0 {
            return Ok(());
        }
        Err(file.broken(format!("its shape makes no sense: {self:?}")))
    }
}

fn rotary_scale(file: &Gguf, architecture: &str) -> Result<f64, ModelError> {
    let kind = file
        .text(&format!("{architecture}.rope.scaling.type"))
        .unwrap_or("none");
    let factor = file.float(&format!("{architecture}.rope.scaling.factor"));
    match (kind, factor) {
        ("none", _) => Ok(1.0),
        ("linear", Some(factor)) if factor > 0.0 => Ok(factor),
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
