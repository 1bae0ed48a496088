//! A decoder's shape from a GGUF file's metadata.
//!
//! What the metadata leave open follows llama.cpp, which defined them: its converter writes, its loader assumes.

use super::{Config, Family, Pairs, Rotary, Window};
use crate::lm::error::ModelError;
use crate::lm::gguf::{Gguf, Value};
use crate::lm::matrix;

/// Base of the rotation in layers with a window, where Gemma 3's file is silent.
const LOCAL_BASE: f64 = 10_000.0;

impl Config {
    /// Reads and checks the shape; `bytes` is the whole file, `context` the tokens that will be used, where fewer than the
    /// model was made for.
    pub fn from_gguf(
        file: &Gguf,
        bytes: &[u8],
        context: Option<usize>,
    ) -> Result<Self, ModelError> {
        let architecture = file
            .text("general.architecture")
            .ok_or_else(|| file.broken("key \"general.architecture\" is missing"))?;
        let family = Family::of_gguf(architecture).ok_or_else(|| {
            file.unsupported(format!(
                "architecture \"{architecture}\" is not supported; supported are {}",
                Family::gguf_names().join(", ")
            ))
        })?;
        let keys = Keys {
            file,
            bytes,
            architecture,
        };
        let config = keys.config(family, context)?;
        config.check().map_err(|what| file.broken(what))?;
        Ok(config)
    }
}

/// A file's metadata under the names of its architecture.
struct Keys<'a> {
    file: &'a Gguf,
    bytes: &'a [u8],
    architecture: &'a str,
}

impl Keys<'_> {
    fn config(&self, family: Family, context: Option<usize>) -> Result<Config, ModelError> {
        self.refuse_variants()?;
        let layers = self.required("block_count")?;
        let width = self.required("embedding_length")?;
        let heads = self.required("attention.head_count")?;
        let head_width = self.size("attention.key_length")?.unwrap_or(width / heads);
        let trained = self.required("context_length")?;
        let rotary = self.rotary(family, head_width, trained, context.unwrap_or(trained))?;
        let window = self.window(family, layers)?;
        let rotary_local = (family == Family::Gemma3)
            .then(|| self.local_rotary(&rotary))
            .transpose()?;
        Ok(Config {
            family,
            layers,
            width,
            feed_forward: self.required("feed_forward_length")?,
            heads,
            kv_heads: self.size("attention.head_count_kv")?.unwrap_or(heads),
            head_width,
            rotary,
            rotary_local,
            window,
            attention_scale: attention_scale(family, layers, width, heads, head_width),
            attention_cap: match family {
                Family::Gemma2 => self.cap("attn_logit_softcapping", Some(50.0))?,
                _ => None,
            },
            logit_cap: match family {
                Family::Gemma2 => self.cap("final_logit_softcapping", Some(30.0))?,
                Family::Gemma3 => self.cap("final_logit_softcapping", None)?,
                _ => None,
            },
            embedding_scale: family.embedding_scale(width),
            activation: family.activation(),
            norm_epsilon: self
                .number("attention.layer_norm_rms_epsilon")?
                .map_or(1e-5, to_f32),
            context: trained,
            vocabulary: self.vocabulary()?,
            tied_head: None,
        })
    }

    /// Refuses what shares an architecture's name and is computed in another way.
    fn refuse_variants(&self) -> Result<(), ModelError> {
        if self.size("expert_count")?.is_some_and(|n| n > 0) {
            return Err(self
                .file
                .unsupported("mixtures of experts are not supported"));
        }
        let key = self.key("attention.causal");
        if self.file.flag(&key) == Some(false) {
            return Err(self.file.unsupported(format!(
                "key \"{key}\" is false; only models that write text are supported"
            )));
        }
        let (keys, values) = (
            self.size("attention.key_length")?,
            self.size("attention.value_length")?,
        );
        if let (Some(keys), Some(values)) = (keys, values)
            && keys != values
        {
            return Err(self.file.unsupported(format!(
                "keys of {keys} numbers and values of {values} are not supported; they must be equal"
            )));
        }
        Ok(())
    }

    fn rotary(
        &self,
        family: Family,
        head_width: usize,
        trained: usize,
        context: usize,
    ) -> Result<Rotary, ModelError> {
        let width = self.size("rope.dimension_count")?.unwrap_or(head_width);
        let pairs = width / 2;
        let original = self
            .size("rope.scaling.original_context_length")?
            .unwrap_or(trained);
        let long = if context.min(trained) > original {
            "rope_factors_long.weight"
        } else {
            "rope_factors_short.weight"
        };
        let mut factors = match self.factors("rope_freqs.weight", pairs)? {
            Some(factors) => factors,
            None => self.factors(long, pairs)?.unwrap_or_default(),
        };
        let stretch = self.stretch()?;
        if stretch.is_some() && factors.is_empty() {
            factors = vec![1.0; pairs];
        }
        for factor in &mut factors {
            *factor *= stretch.unwrap_or(1.0);
        }
        Ok(Rotary {
            width,
            base: self.number("rope.freq_base")?.unwrap_or(10_000.0),
            pairs: match family {
                // The converter reorders their queries and keys for it.
                Family::Llama | Family::Mistral => Pairs::Neighbours,
                _ => Pairs::Halves,
            },
            factors,
            magnitude: self.number("rope.scaling.attn_factor")?.map_or(1.0, to_f32),
        })
    }

    /// The rotation of layers with a window: its own base, never stretched.
    fn local_rotary(&self, rotary: &Rotary) -> Result<Rotary, ModelError> {
        Ok(Rotary {
            base: self.number("rope.freq_base_swa")?.unwrap_or(LOCAL_BASE),
            factors: Vec::new(),
            magnitude: 1.0,
            ..rotary.clone()
        })
    }

    /// The divisor of all frequencies, where there is one.
    fn stretch(&self) -> Result<Option<f32>, ModelError> {
        let kind = self.file.text(&self.key("rope.scaling.type"));
        let factor = match self.number("rope.scaling.factor")? {
            Some(factor) => Some(factor),
            None => self.number("rope.scale_linear")?,
        };
        match kind.unwrap_or("linear") {
            // Its factors stand in tensors.
            "none" | "longrope" => Ok(None),
            "linear" => Ok(factor.filter(|&f| f != 0.0).map(to_f32)),
            other => Err(self.file.unsupported(format!(
                "rope scaling \"{other}\" is not supported; supported are none, linear, longrope"
            ))),
        }
    }

    fn window(&self, family: Family, layers: usize) -> Result<Window, ModelError> {
        let name = "attention.sliding_window";
        let tokens = match self.file.value(&self.key(name)) {
            None if family == Family::Gemma2 => family.default_window().unwrap_or(0),
            None => 0,
            // Zero says that there is none.
            Some(_) => self.size(name)?.unwrap_or(0),
        };
        if tokens == 0 || matches!(family, Family::Qwen2 | Family::Qwen3 | Family::Gemma) {
            return Ok(Window::none());
        }
        let pattern = self.key("attention.sliding_window_pattern");
        match (self.file.value(&pattern), family.default_period()) {
            (Some(Value::Integers(flags)), _) => Ok(Window {
                tokens,
                layers: flags.iter().take(layers).map(|&flag| flag != 0).collect(),
            }),
            (Some(_), _) => {
                let period = self.required("attention.sliding_window_pattern")?;
                Ok(Window::alternating(tokens, layers, period))
            }
            (None, Some(period)) => Ok(Window::alternating(tokens, layers, period)),
            (None, None) => Ok(Window::all(tokens, layers)),
        }
    }

    fn vocabulary(&self) -> Result<usize, ModelError> {
        let name = "token_embd.weight";
        let info = self
            .file
            .tensor(name)
            .ok_or_else(|| self.file.broken(format!("tensor \"{name}\" is missing")))?;
        match info.dimensions.as_slice() {
            [_, rows] => usize::try_from(*rows).map_err(|_| {
                self.file
                    .broken(format!("tensor \"{name}\" has too many rows"))
            }),
            other => Err(self.file.broken(format!(
                "tensor \"{name}\" at offset {} has the dimensions {other:?}, not [width, tokens]",
                info.offset
            ))),
        }
    }

    /// Divisors of the frequencies that stand in a tensor, one for each of `pairs`.
    fn factors(&self, name: &str, pairs: usize) -> Result<Option<Vec<f32>>, ModelError> {
        let Some(info) = self.file.tensor(name) else {
            return Ok(None);
        };
        let end = info.offset.saturating_add(info.bytes);
        let numbers = self
            .bytes
            .get(info.offset..end)
            .and_then(|data| matrix::numbers(info.format, data))
            .filter(|numbers| numbers.len() == pairs);
        match numbers {
            Some(numbers) => Ok(Some(numbers)),
            None => Err(self.file.broken(format!(
                "tensor \"{name}\" at offset {}: expected {pairs} plain numbers, found {:?} in {:?}",
                info.offset, info.dimensions, info.format
            ))),
        }
    }

    fn key(&self, name: &str) -> String {
        format!("{}.{name}", self.architecture)
    }

    fn cap(&self, name: &str, default: Option<f32>) -> Result<Option<f32>, ModelError> {
        let cap = self.number(name)?.map_or(default, |cap| Some(to_f32(cap)));
        Ok(cap.filter(|&cap| cap != 0.0))
    }

    fn required(&self, name: &str) -> Result<usize, ModelError> {
        match self.size(name)? {
            Some(n) if n > 0 => Ok(n),
            Some(n) => Err(self
                .file
                .broken(format!("key \"{}\" is {n}", self.key(name)))),
            None => Err(self
                .file
                .broken(format!("key \"{}\" is missing", self.key(name)))),
        }
    }

    /// A size, which no model has beyond 2^24.
    fn size(&self, name: &str) -> Result<Option<usize>, ModelError> {
        let key = self.key(name);
        let Some(value) = self.file.value(&key) else {
            return Ok(None);
        };
        let size = match value {
            Value::Integer(n) => usize::try_from(*n).ok().filter(|&n| n <= 1 << 24),
            _ => None,
        };
        match size {
            Some(size) => Ok(Some(size)),
            None => Err(self
                .file
                .broken(format!("key \"{key}\" is not a size: {}", brief(value)))),
        }
    }

    fn number(&self, name: &str) -> Result<Option<f64>, ModelError> {
        let key = self.key(name);
        match self.file.value(&key) {
            None => Ok(None),
            Some(Value::Float(x)) => Ok(Some(*x)),
            Some(other) => Err(self
                .file
                .broken(format!("key \"{key}\" is not a number: {}", brief(other)))),
        }
    }
}

/// 1/sqrt(head width); the largest Gemmas count the width of the stream instead, and no key says so.
#[allow(clippy::cast_precision_loss, reason = "heads are narrow")]
fn attention_scale(
    family: Family,
    layers: usize,
    width: usize,
    heads: usize,
    head_width: usize,
) -> f32 {
    let numbers = match (family, layers) {
        (Family::Gemma2, 46) | (Family::Gemma3, 62) => width / heads,
        _ => head_width,
    };
    1.0 / (numbers as f32).sqrt()
}

#[allow(clippy::cast_possible_truncation, reason = "stored as f32")]
fn to_f32(number: f64) -> f32 {
    number as f32
}

/// A value for a message, however long it is.
fn brief(value: &Value) -> String {
    match value {
        Value::Integer(n) => n.to_string(),
        Value::Float(x) => x.to_string(),
        Value::Bool(b) => b.to_string(),
        Value::Text(_) => "a text".to_owned(),
        Value::Integers(list) => format!("{} whole numbers", list.len()),
        Value::Floats(list) => format!("{} numbers", list.len()),
        Value::Texts(list) => format!("{} texts", list.len()),
        Value::Skipped => "a list".to_owned(),
    }
}
