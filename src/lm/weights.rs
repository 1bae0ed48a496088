//! A model's tensors by their place in the decoder.
//!
//! Invariant: every tensor has the shape that its use needs, checked at load.

use super::config::Config;
use super::error::ModelError;
use super::gguf::{Gguf, TensorInfo};
use super::matrix::{self, Matrix};
use std::sync::Arc;

/// One decoder layer.
pub struct Layer {
    pub attention_norm: Vec<f32>,
    pub query: Linear,
    pub key: Linear,
    pub value: Linear,
    /// Norms of each head's queries and keys, before the rotation (Qwen 3, Gemma 3).
    pub query_norm: Option<Vec<f32>>,
    pub key_norm: Option<Vec<f32>>,
    pub output: Linear,
    /// Norm of what attention adds to the stream (Gemma 2 and 3).
    pub attention_post_norm: Option<Vec<f32>>,
    pub feed_norm: Vec<f32>,
    pub gate: Linear,
    pub up: Linear,
    pub down: Linear,
    /// Norm of what the feed-forward part adds to the stream (Gemma 2 and 3).
    pub feed_post_norm: Option<Vec<f32>>,
}

/// A linear map: `y = W x + b`.
pub struct Linear {
    pub matrix: Matrix,
    pub bias: Option<Vec<f32>>,
}

/// All tensors of a decoder.
pub struct Weights {
    pub embedding: Arc<Matrix>,
    pub layers: Vec<Layer>,
    pub norm: Vec<f32>,
    /// The vocabulary head; the embedding itself when the model ties them.
    pub head: Arc<Matrix>,
}

impl Weights {
    /// Takes the tensors of `config`'s shape from a file's bytes.
    pub fn load(file: &Gguf, bytes: &[u8], config: &Config) -> Result<Self, ModelError> {
        let source = Source { file, bytes };
        let embedding =
            Arc::new(source.matrix("token_embd.weight", config.vocabulary, config.width)?);
        let head = if file.tensor("output.weight").is_some() {
            Arc::new(source.matrix("output.weight", config.vocabulary, config.width)?)
        } else {
            Arc::clone(&embedding)
        };
        let layers = (0..config.layers)
            .map(|index| layer(&source, index, config))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            embedding,
            layers,
            norm: source.vector("output_norm.weight", config.width)?,
            head,
        })
    }
}

fn layer(source: &Source<'_>, index: usize, config: &Config) -> Result<Layer, ModelError> {
    let name = |part: &str| format!("blk.{index}.{part}.weight");
    for part in ["attn_q", "attn_k", "attn_v", "attn_output"] {
        let bias = format!("blk.{index}.{part}.bias");
        if source.file.tensor(&bias).is_some() {
            return Err(source
                .file
                .unsupported(format!("tensor \"{bias}\": biases are not supported")));
        }
    }
    let linear = |part: &str, rows, columns| {
        let matrix = source.matrix(&name(part), rows, columns)?;
        Ok::<_, ModelError>(Linear { matrix, bias: None })
    };
    let (width, feed) = (config.width, config.feed_forward);
    Ok(Layer {
        attention_norm: source.vector(&name("attn_norm"), width)?,
        query: linear("attn_q", config.query_width(), width)?,
        key: linear("attn_k", config.kv_width(), width)?,
        value: linear("attn_v", config.kv_width(), width)?,
        query_norm: None,
        key_norm: None,
        output: linear("attn_output", width, config.query_width())?,
        attention_post_norm: None,
        feed_norm: source.vector(&name("ffn_norm"), width)?,
        gate: linear("ffn_gate", feed, width)?,
        up: linear("ffn_up", feed, width)?,
        down: linear("ffn_down", width, feed)?,
        feed_post_norm: None,
    })
}

struct Source<'a> {
    file: &'a Gguf,
    bytes: &'a [u8],
}

impl Source<'_> {
    fn find(&self, name: &str, shape: &[usize]) -> Result<(&TensorInfo, &[u8]), ModelError> {
        let info = self
            .file
            .tensor(name)
            .ok_or_else(|| self.file.broken(format!("tensor \"{name}\" is missing")))?;
        let expected: Vec<u64> = shape.iter().map(|&n| n as u64).collect();
        if info.dimensions != expected {
            return Err(self.file.broken(format!(
                "tensor \"{name}\" has the dimensions {:?}, expected {expected:?}",
                info.dimensions
            )));
        }
        let data = self
            .bytes
            .get(info.offset..info.offset + info.bytes)
            .ok_or_else(|| self.file.broken(format!("tensor \"{name}\" is cut")))?;
        Ok((info, data))
    }

    fn vector(&self, name: &str, length: usize) -> Result<Vec<f32>, ModelError> {
        let (info, data) = self.find(name, &[length])?;
        matrix::numbers(info.format, data).ok_or_else(|| {
            self.file.unsupported(format!(
                "tensor \"{name}\": a vector in the format {:?} is not supported",
                info.format
            ))
        })
    }

    fn matrix(&self, name: &str, rows: usize, columns: usize) -> Result<Matrix, ModelError> {
        let (info, data) = self.find(name, &[columns, rows])?;
        Matrix::stored(name, info.format, data, rows, columns)
    }
}

/// Divisors of the rotation frequencies that the file carries as a tensor (Llama 3.1), one for each of `pairs`.
pub fn rotary_factors(
    file: &Gguf,
    bytes: &[u8],
    pairs: usize,
) -> Result<Option<Vec<f32>>, ModelError> {
    let name = "rope_freqs.weight";
    match file.tensor(name) {
        Some(_) => Source { file, bytes }.vector(name, pairs).map(Some),
        None => Ok(None),
    }
}
