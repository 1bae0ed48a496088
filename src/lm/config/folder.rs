//! A decoder's shape from the `config.json` beside safetensors files.
//!
//! What the file leaves open follows Hugging Face transformers, which wrote it; both its spellings of rotations are read
//! (`rope_theta` with `rope_scaling`, and since version 5 `rope_parameters`).

use super::keys::Keys;
use super::scaling::{Blended, long_magnitude};
use super::{Config, Family, Pairs, Rotary, Window};
use crate::lm::error::ModelError;
use serde_json::Value;
use std::path::Path;

/// Bases of Gemma 3's rotations, where the file is silent.
const GEMMA3_BASES: (f64, f64) = (1_000_000.0, 10_000.0);
const BASE: f64 = 10_000.0;
/// Layer kinds of `layer_types`.
const LOCAL: &str = "sliding_attention";
const GLOBAL: &str = "full_attention";

impl Config {
    /// Reads and checks the shape in the text of a `config.json`; `vocabulary` is the number of the embedding's rows,
    /// `context` the tokens that will be used, where fewer than the model was made for.
    pub fn from_json(
        json: &[u8],
        path: &Path,
        vocabulary: usize,
        context: Option<usize>,
    ) -> Result<Self, ModelError> {
        let value: Value = serde_json::from_slice(json)
            .map_err(|error| ModelError::broken(path, error.to_string()))?;
        let whole = Keys::new(&value, path)?;
        let family = family(&whole)?;
        // Models that also see images keep the decoder's shape in a table of its own.
        let text = whole.table("text_config")?.unwrap_or(whole);
        let reader = Reader {
            keys: text,
            family,
            context,
        };
        let mut config = reader.config(vocabulary)?;
        if config.tied_head.is_none() {
            config.tied_head = whole.flag("tie_word_embeddings")?;
        }
        config.check().map_err(|what| whole.broken(what))?;
        Ok(config)
    }
}

fn family(keys: &Keys<'_>) -> Result<Family, ModelError> {
    let names = keys
        .texts("architectures")?
        .ok_or_else(|| keys.broken("key \"architectures\" is missing"))?;
    let mut families = names
        .iter()
        .filter_map(|name| Family::of_transformers(name));
    families.next().ok_or_else(|| {
        keys.unsupported(format!(
            "architecture \"{}\" is not supported; supported are {}",
            names.join(", "),
            Family::transformers_names().join(", ")
        ))
    })
}

struct Reader<'a> {
    keys: Keys<'a>,
    family: Family,
    context: Option<usize>,
}

impl Reader<'_> {
    fn config(&self, vocabulary: usize) -> Result<Config, ModelError> {
        let keys = &self.keys;
        self.refuse_variants()?;
        let layers = keys.required("num_hidden_layers")?;
        let width = keys.required("hidden_size")?;
        let heads = self.or_default("num_attention_heads", Some(8))?;
        let head_width = self.head_width(width, heads)?;
        let trained = self.or_default("max_position_embeddings", Some(131_072))?;
        let rotary = self.rotary(head_width, trained)?;
        let rotary_local = (self.family == Family::Gemma3)
            .then(|| self.local_rotary(&rotary))
            .transpose()?;
        let epsilon = if self.family == Family::Phi3 {
            1e-5
        } else {
            1e-6
        };
        Ok(Config {
            family: self.family,
            layers,
            width,
            feed_forward: keys.required("intermediate_size")?,
            heads,
            kv_heads: self.kv_heads(heads)?,
            head_width,
            rotary,
            rotary_local,
            window: self.window(layers)?,
            attention_scale: self.attention_scale(head_width)?,
            attention_cap: self.cap("attn_logit_softcapping", 50.0)?,
            logit_cap: self.cap("final_logit_softcapping", 30.0)?,
            embedding_scale: self.family.embedding_scale(width),
            activation: self.family.activation(),
            norm_epsilon: to_f32(keys.number("rms_norm_eps")?.unwrap_or(epsilon)),
            context: trained,
            vocabulary,
            tied_head: keys.flag("tie_word_embeddings")?,
        })
    }

    /// Refuses what shares a family's name and is computed in another way.
    fn refuse_variants(&self) -> Result<(), ModelError> {
        let keys = &self.keys;
        for name in ["hidden_act", "hidden_activation"] {
            let Some(activation) = keys.text(name)? else {
                continue;
            };
            // Gemma's first files say "gelu" and mean its approximation.
            let is_known = match activation {
                "silu" | "swish" => !self.family.is_gemma(),
                "gelu_pytorch_tanh" | "gelu_new" => self.family.is_gemma(),
                "gelu" => self.family == Family::Gemma && name == "hidden_act",
                _ => false,
            };
            if !is_known {
                return Err(keys.unsupported(format!(
                    "{} is \"{activation}\"; supported is {:?}",
                    keys.label(name),
                    self.family.activation()
                )));
            }
        }
        if keys.flag("use_bidirectional_attention")? == Some(true) {
            return Err(keys.unsupported(format!(
                "{} is true; only models that write text are supported",
                keys.label("use_bidirectional_attention")
            )));
        }
        Ok(())
    }

    /// A size that only Gemma 3's files may leave out.
    fn or_default(&self, name: &str, default: Option<usize>) -> Result<usize, ModelError> {
        match (self.keys.size(name)?, self.family) {
            (Some(size), _) => Ok(size),
            (None, Family::Gemma3) => default.map_or_else(|| self.keys.required(name), Ok),
            (None, _) => self.keys.required(name),
        }
    }

    fn head_width(&self, width: usize, heads: usize) -> Result<usize, ModelError> {
        let given = self.keys.size("head_dim")?;
        let default = match self.family {
            Family::Gemma | Family::Gemma2 | Family::Gemma3 => 256,
            Family::Qwen3 => 128,
            _ => width.checked_div(heads).unwrap_or(0),
        };
        Ok(given.unwrap_or(default))
    }

    fn kv_heads(&self, heads: usize) -> Result<usize, ModelError> {
        let default = if self.family == Family::Gemma3 {
            4
        } else {
            heads
        };
        Ok(self.keys.size("num_key_value_heads")?.unwrap_or(default))
    }

    fn attention_scale(&self, head_width: usize) -> Result<f32, ModelError> {
        #[allow(clippy::cast_precision_loss, reason = "heads are narrow")]
        let head_width = head_width as f64;
        let numbers = match self.family {
            Family::Gemma2 | Family::Gemma3 => {
                self.keys.number("query_pre_attn_scalar")?.unwrap_or(256.0)
            }
            _ => head_width,
        };
        Ok(to_f32(1.0 / numbers.sqrt()))
    }

    /// A soft cap; `default` is Gemma 2's, the others have none unless they say so.
    fn cap(&self, name: &str, default: f64) -> Result<Option<f32>, ModelError> {
        let cap = match self.family {
            Family::Gemma2 if !self.keys.has(name) => Some(default),
            Family::Gemma2 | Family::Gemma3 => self.keys.number(name)?,
            _ => None,
        };
        Ok(cap.map(to_f32))
    }

    fn window(&self, layers: usize) -> Result<Window, ModelError> {
        let keys = &self.keys;
        let tokens = keys.size("sliding_window")?;
        let tokens = match self.family {
            Family::Llama | Family::Gemma => None,
            Family::Qwen2 | Family::Qwen3 => {
                let used = keys.flag("use_sliding_window")? == Some(true);
                tokens.or(Some(4096)).filter(|_| used)
            }
            _ if keys.is_null("sliding_window") => None,
            family => tokens.or(family.default_window()),
        };
        let Some(tokens) = tokens else {
            return Ok(Window::none());
        };
        if let Some(kinds) = keys.texts("layer_types")?
            && !matches!(self.family, Family::Mistral | Family::Phi3)
        {
            return self.listed(tokens, &kinds);
        }
        Ok(match self.family {
            Family::Qwen2 | Family::Qwen3 => {
                let first = keys.size("max_window_layers")?.unwrap_or(28);
                Window {
                    tokens,
                    layers: (0..layers).map(|layer| layer >= first).collect(),
                }
            }
            Family::Gemma2 | Family::Gemma3 => {
                let given = match self.family {
                    Family::Gemma3 => keys.size("sliding_window_pattern")?,
                    _ => None,
                };
                let period = given.or(self.family.default_period()).unwrap_or(1);
                Window::alternating(tokens, layers, period.max(1))
            }
            _ => Window::all(tokens, layers),
        })
    }

    fn listed(&self, tokens: usize, kinds: &[&str]) -> Result<Window, ModelError> {
        if let Some(other) = kinds.iter().find(|kind| ![LOCAL, GLOBAL].contains(kind)) {
            return Err(self.keys.unsupported(format!(
                "layers of the type \"{other}\" are not supported; supported are {LOCAL}, {GLOBAL}"
            )));
        }
        Ok(Window {
            tokens,
            layers: kinds.iter().map(|&kind| kind == LOCAL).collect(),
        })
    }

    fn rotary(&self, head_width: usize, trained: usize) -> Result<Rotary, ModelError> {
        let keys = &self.keys;
        let given = keys.table("rope_parameters")?;
        let nested = given
            .map(|table| table.table(GLOBAL))
            .transpose()?
            .flatten();
        let scaling = match nested.or(given) {
            Some(table) => Some(table),
            None => keys.table("rope_scaling")?,
        };
        let number = |name: &str| {
            let inner = scaling.map(|table| table.number(name)).transpose()?;
            Ok::<_, ModelError>(match inner.flatten() {
                Some(number) => Some(number),
                None => keys.number(name)?,
            })
        };
        let default = match self.family {
            Family::Gemma3 => GEMMA3_BASES.0,
            _ => BASE,
        };
        let plain = Rotary {
            width: rotated(head_width, number("partial_rotary_factor")?),
            base: number("rope_theta")?.unwrap_or(default),
            pairs: Pairs::Halves,
            factors: Vec::new(),
            magnitude: 1.0,
        };
        match scaling {
            Some(scaling) => self.scaled(plain, &scaling, trained),
            None => Ok(plain),
        }
    }

    fn scaled(
        &self,
        rotary: Rotary,
        scaling: &Keys<'_>,
        trained: usize,
    ) -> Result<Rotary, ModelError> {
        let kind = match scaling.text("rope_type")? {
            Some(kind) => Some(kind),
            None => scaling.text("type")?,
        };
        let needed = |name: &str| {
            scaling
                .number(name)?
                .ok_or_else(|| scaling.broken(format!("{} is missing", scaling.label(name))))
        };
        match kind.unwrap_or("default") {
            "default" => Ok(rotary),
            "linear" => Ok(Rotary {
                factors: vec![to_f32(needed("factor")?); rotary.width / 2],
                ..rotary
            }),
            "llama3" => {
                let blended = Blended {
                    factor: needed("factor")?,
                    low: needed("low_freq_factor")?,
                    high: needed("high_freq_factor")?,
                    original: needed("original_max_position_embeddings")?,
                };
                Ok(Rotary {
                    factors: blended.divisors(&rotary),
                    ..rotary
                })
            }
            "longrope" | "su" => self.long(rotary, scaling, trained),
            other => Err(scaling.unsupported(format!(
                "rope scaling \"{other}\" is not supported; supported are default, linear, llama3, longrope"
            ))),
        }
    }

    /// `LongRoPE` (Ding et al. 2024): one set of divisors within the original context, another beyond it.
    fn long(
        &self,
        rotary: Rotary,
        scaling: &Keys<'_>,
        trained: usize,
    ) -> Result<Rotary, ModelError> {
        let original = match self.keys.size("original_max_position_embeddings")? {
            Some(original) => Some(original),
            None => scaling.size("original_max_position_embeddings")?,
        };
        let original = original.unwrap_or(trained);
        let used = self.context.unwrap_or(trained).min(trained);
        let name = if used > original {
            "long_factor"
        } else {
            "short_factor"
        };
        let factors = scaling
            .numbers(name)?
            .filter(|factors| factors.len() == rotary.width / 2)
            .ok_or_else(|| {
                scaling.broken(format!(
                    "{} must list {} numbers",
                    scaling.label(name),
                    rotary.width / 2
                ))
            })?;
        #[allow(clippy::cast_precision_loss, reason = "contexts are below 2^24")]
        let (original, trained) = (original as f64, trained as f64);
        let factor = scaling.number("factor")?.unwrap_or(trained / original);
        let magnitude = match scaling.number("attention_factor")? {
            Some(given) => to_f32(given),
            None => long_magnitude(factor, original),
        };
        Ok(Rotary {
            factors,
            magnitude,
            ..rotary
        })
    }

    /// Gemma 3's rotation of layers with a window.
    fn local_rotary(&self, rotary: &Rotary) -> Result<Rotary, ModelError> {
        let given = self.keys.table("rope_parameters")?;
        let nested = given.map(|table| table.table(LOCAL)).transpose()?.flatten();
        let plain = Rotary {
            factors: Vec::new(),
            magnitude: 1.0,
            ..rotary.clone()
        };
        let Some(table) = nested else {
            let base = self.keys.number("rope_local_base_freq")?;
            return Ok(Rotary {
                base: base.unwrap_or(GEMMA3_BASES.1),
                ..plain
            });
        };
        let base = table.number("rope_theta")?;
        let plain = Rotary {
            base: base.unwrap_or(GEMMA3_BASES.1),
            ..plain
        };
        self.scaled(plain, &table, 0)
    }
}

/// Numbers of a head that are rotated.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a narrow head; what is out of range is refused later"
)]
fn rotated(head_width: usize, share: Option<f64>) -> usize {
    (head_width as f64 * share.unwrap_or(1.0)) as usize
}

#[allow(clippy::cast_possible_truncation, reason = "used as f32")]
fn to_f32(number: f64) -> f32 {
    number as f32
}
