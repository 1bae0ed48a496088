//! A whole model as a folder that transformers loads: `config.json`, `model.safetensors`, and the tokenizer's files where the
//! model came with them.

use super::config::{Activation, Config, Family, Rotary};
use super::file::replace;
use super::safetensors::write::{Floats, Width, write};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

const CONFIG: &str = "config.json";
const TENSORS: &str = "model.safetensors";
/// What belongs to a tokenizer, as far as a folder has it.
const WORDS: [&str; 9] = [
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "generation_config.json",
    "chat_template.jinja",
    "vocab.json",
    "merges.txt",
    "tokenizer.model",
];

/// Writes the folder. `base` is what the model was opened from: a folder's `config.json` and tokenizer are copied, a GGUF
/// file's shape is written anew. The result is what a person should know.
///
/// # Errors
/// When the disk refuses, or the shape cannot be said in a `config.json`.
pub fn folder(
    to: &Path,
    tensors: &[Floats<'_>],
    width: Width,
    config: &Config,
    base: &Path,
) -> io::Result<Vec<String>> {
    let metadata = BTreeMap::from([("format".to_owned(), "pt".to_owned())]);
    let from = match base.is_dir() {
        true => Some(base),
        false => base.parent().filter(|folder| folder.join(CONFIG).is_file()),
    };
    let shape = match from {
        Some(from) => std::fs::read(from.join(CONFIG))?,
        None => {
            let mut text = serde_json::to_vec_pretty(&shape(config, tensors)?)?;
            text.push(b'\n');
            text
        }
    };
    write(&to.join(TENSORS), tensors, width, &metadata)?;
    let mut notes = Vec::new();
    let mut has_words = false;
    for name in WORDS {
        let file = from
            .map(|from| from.join(name))
            .filter(|file| file.is_file());
        if let Some(file) = file {
            replace(&to.join(name), &std::fs::read(file)?)?;
            has_words = true;
        }
    }
    if !has_words {
        notes.push(format!(
            "{} has no tokenizer: the model came in one file; put the tokenizer's files of the original model beside it",
            to.display()
        ));
    }
    replace(&to.join(CONFIG), &shape)?;
    Ok(notes)
}

/// `config.json` of a shape.
fn shape(config: &Config, tensors: &[Floats<'_>]) -> io::Result<Value> {
    let unsayable = |what: &str| {
        let text = format!("the model's {what} cannot be written into a {CONFIG}");
        io::Error::new(io::ErrorKind::InvalidInput, text)
    };
    let scaling = rope(&config.rotary).ok_or_else(|| unsayable("stretched rotations"))?;
    let has = |ending: &str| tensors.iter().any(|tensor| tensor.name.ends_with(ending));
    let mut fields = Map::new();
    let mut put = |key: &str, value: Value| {
        fields.insert(key.to_owned(), value);
    };
    put("architectures", json!([config.family.class_name()]));
    put("model_type", json!(model_type(config.family)));
    put("hidden_size", json!(config.width));
    put("intermediate_size", json!(config.feed_forward));
    put("num_hidden_layers", json!(config.layers));
    put("num_attention_heads", json!(config.heads));
    put("num_key_value_heads", json!(config.kv_heads));
    put("head_dim", json!(config.head_width));
    put("max_position_embeddings", json!(config.context));
    put("vocab_size", json!(config.vocabulary));
    put("rms_norm_eps", number(config.norm_epsilon));
    put("tie_word_embeddings", json!(!has("lm_head.weight")));
    put("rope_theta", json!(config.rotary.base));
    put("torch_dtype", json!("float32"));
    if let Some(scaling) = scaling {
        put("rope_scaling", scaling);
    }
    if config.rotary.width < config.head_width {
        #[allow(clippy::cast_precision_loss, reason = "heads are narrow")]
        let share = config.rotary.width as f64 / config.head_width as f64;
        put("partial_rotary_factor", json!(share));
    }
    let activation = match config.activation {
        Activation::Silu => "silu",
        Activation::Gelu => "gelu_pytorch_tanh",
    };
    put("hidden_act", json!(activation));
    if config.family.is_gemma() {
        put("hidden_activation", json!(activation));
    }
    if config.family == Family::Llama {
        put("attention_bias", json!(has("q_proj.bias")));
        put("mlp_bias", json!(has("up_proj.bias")));
    }
    let windows = &config.window.layers;
    if windows.iter().any(|&is_local| is_local) {
        put("sliding_window", json!(config.window.tokens));
        put("use_sliding_window", json!(true));
        let kinds = windows.iter().map(|&is_local| match is_local {
            true => "sliding_attention",
            false => "full_attention",
        });
        put("layer_types", json!(kinds.collect::<Vec<_>>()));
    } else {
        put("sliding_window", Value::Null);
    }
    if matches!(config.family, Family::Gemma2 | Family::Gemma3) {
        let scalar = 1.0 / f64::from(config.attention_scale).powi(2);
        put("query_pre_attn_scalar", json!(scalar.round()));
        put("attn_logit_softcapping", optional(config.attention_cap));
        put("final_logit_softcapping", optional(config.logit_cap));
    }
    if let Some(local) = &config.rotary_local {
        put("rope_local_base_freq", json!(local.base));
    }
    Ok(Value::Object(fields))
}

/// `rope_scaling`; none outside where it cannot be said, none inside where there is none.
fn rope(rotary: &Rotary) -> Option<Option<Value>> {
    let Some(&first) = rotary.factors.first() else {
        return (rotary.magnitude == 1.0).then_some(None);
    };
    let is_linear = rotary.factors.iter().all(|&factor| factor == first);
    (is_linear && rotary.magnitude == 1.0)
        .then(|| Some(json!({"rope_type": "linear", "factor": number(first)})))
}

fn model_type(family: Family) -> &'static str {
    match family {
        Family::Llama => "llama",
        Family::Mistral => "mistral",
        Family::Qwen2 => "qwen2",
        Family::Qwen3 => "qwen3",
        Family::Gemma => "gemma",
        Family::Gemma2 => "gemma2",
        Family::Gemma3 => "gemma3_text",
        Family::Phi3 => "phi3",
    }
}

fn optional(value: Option<f32>) -> Value {
    value.map_or(Value::Null, number)
}

/// The shortest decimal number that gives these 32 bits again.
fn number(value: f32) -> Value {
    value
        .to_string()
        .parse::<f64>()
        .map_or(Value::Null, |value| json!(value))
}
