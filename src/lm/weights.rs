//! A model's tensors by their place in the decoder.
//!
//! Invariant: every tensor has the shape that its use needs, checked at load, and every tensor of the file has a use: what
//! this decoder would ignore, it refuses.

mod eight_bits;
pub mod folder;
pub mod gguf;
pub mod source;

use self::source::{Part, Place, Source, Stored};
use super::config::Config;
use super::error::ModelError;
use super::gguf::Format;
use super::matrix::{self, Matrix};
use std::cell::RefCell;
use std::collections::BTreeSet;
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

/// Where plain floats are computed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Floats {
    #[default]
    Keep,
    /// Quantised to `Q8_0` while they are loaded: a quarter of the memory of 32-bit floats.
    EightBits,
    /// Kept, and quantised matrices become 32-bit floats as well: the reference for what eight-bit arithmetic costs.
    Everywhere,
}

impl Weights {
    /// Takes the tensors of `config`'s shape from a file or folder.
    pub fn load(source: &dyn Source, config: &Config, floats: Floats) -> Result<Self, ModelError> {
        let loader = Loader {
            source,
            config,
            floats,
            used: RefCell::default(),
        };
        let weights = loader.weights()?;
        loader.refuse_unused()?;
        Ok(weights)
    }
}

/// Rows of a tensor that holds several maps, one below the other.
struct Fused<const N: usize> {
    whole: Part,
    parts: [(Part, usize); N],
    columns: usize,
}

struct Loader<'a> {
    source: &'a dyn Source,
    config: &'a Config,
    floats: Floats,
    /// Full names of tensors that found a use.
    used: RefCell<BTreeSet<String>>,
}

impl Loader<'_> {
    fn weights(&self) -> Result<Weights, ModelError> {
        let config = self.config;
        let embedding = Arc::new(self.matrix(Place::Embedding, config.vocabulary, config.width)?);
        let has_head = self.source.has(&self.full_name(Place::Head));
        let head = match (config.tied_head, has_head) {
            // Some files store the embedding twice.
            (Some(true), true) => {
                self.found(self.full_name(Place::Head));
                Arc::clone(&embedding)
            }
            (Some(true) | None, false) => Arc::clone(&embedding),
            (Some(false) | None, _) => {
                Arc::new(self.matrix(Place::Head, config.vocabulary, config.width)?)
            }
        };
        let layers = (0..config.layers).map(|index| self.layer(index));
        Ok(Weights {
            embedding,
            layers: layers.collect::<Result<_, _>>()?,
            norm: self.norm(Place::Norm, config.width)?,
            head,
        })
    }

    fn layer(&self, index: usize) -> Result<Layer, ModelError> {
        let config = self.config;
        let (width, feed) = (config.width, config.feed_forward);
        let (queries, keys) = (config.query_width(), config.kv_width());
        let norm = |part, wanted: bool, numbers| {
            let place = Place::Layer(index, part);
            wanted.then(|| self.norm(place, numbers)).transpose()
        };
        let needed = |part| self.norm(Place::Layer(index, part), width);
        let (heads, posts) = (
            config.family.has_head_norms(),
            config.family.has_post_norms(),
        );
        let [query, key, value] = self.fused(
            index,
            &Fused {
                whole: Part::Attention,
                parts: [
                    (Part::Query, queries),
                    (Part::Key, keys),
                    (Part::Value, keys),
                ],
                columns: width,
            },
        )?;
        let [gate, up] = self.fused(
            index,
            &Fused {
                whole: Part::GateUp,
                parts: [(Part::Gate, feed), (Part::Up, feed)],
                columns: width,
            },
        )?;
        Ok(Layer {
            attention_norm: needed(Part::AttentionNorm)?,
            query,
            key,
            value,
            query_norm: norm(Part::QueryNorm, heads, config.head_width)?,
            key_norm: norm(Part::KeyNorm, heads, config.head_width)?,
            output: self.linear(Place::Layer(index, Part::Output), width, queries)?,
            attention_post_norm: norm(Part::AttentionPostNorm, posts, width)?,
            feed_norm: needed(Part::FeedNorm)?,
            gate,
            up,
            down: self.linear(Place::Layer(index, Part::Down), width, feed)?,
            feed_post_norm: norm(Part::FeedPostNorm, posts, width)?,
        })
    }

    /// Linear maps of the same input: each from its own tensor, or all from one.
    fn fused<const N: usize>(
        &self,
        layer: usize,
        fused: &Fused<N>,
    ) -> Result<[Linear; N], ModelError> {
        let mut linears = Vec::with_capacity(N);
        let own = fused.parts.map(|(part, _)| Place::Layer(layer, part));
        let whole = Place::Layer(layer, fused.whole);
        let is_whole = self.source.has(&self.full_name(whole))
            && own
                .iter()
                .any(|&part| !self.source.has(&self.full_name(part)));
        if is_whole {
            linears = self.split(whole, fused)?;
        } else {
            for (place, (_, rows)) in own.into_iter().zip(fused.parts) {
                linears.push(self.linear(place, rows, fused.columns)?);
            }
        }
        linears
            .try_into()
            .map_err(|_| ModelError::compute("weights", "a fused tensor has other parts"))
    }

    fn split<const N: usize>(
        &self,
        whole: Place,
        fused: &Fused<N>,
    ) -> Result<Vec<Linear>, ModelError> {
        let rows: usize = fused.parts.iter().map(|(_, rows)| rows).sum();
        let name = self.full_name(whole);
        let stored = self.find(&name, rows, Some(fused.columns))?;
        let mut bias = self.bias(whole, rows)?;
        let row_bytes = stored.bytes.len() / rows.max(1);
        let mut rest = stored.bytes;
        let mut linears = Vec::with_capacity(N);
        for (_, rows) in fused.parts {
            let (bytes, after) = rest
                .split_at_checked(rows * row_bytes)
                .ok_or_else(|| self.source.broken(format!("tensor \"{name}\" is cut")))?;
            rest = after;
            let part = Stored { bytes, ..stored };
            let matrix = self.stored(&name, part, rows, fused.columns)?;
            let bias = bias.as_mut().map(|bias| {
                let after = bias.split_off(rows.min(bias.len()));
                std::mem::replace(bias, after)
            });
            linears.push(Linear { matrix, bias });
        }
        Ok(linears)
    }

    fn linear(&self, place: Place, rows: usize, columns: usize) -> Result<Linear, ModelError> {
        Ok(Linear {
            matrix: self.matrix(place, rows, columns)?,
            bias: self.bias(place, rows)?,
        })
    }

    fn bias(&self, place: Place, rows: usize) -> Result<Option<Vec<f32>>, ModelError> {
        let name = format!("{}.bias", self.source.name(place));
        if !self.source.has(&name) {
            return Ok(None);
        }
        self.vector(&name, rows).map(Some)
    }

    fn norm(&self, place: Place, length: usize) -> Result<Vec<f32>, ModelError> {
        let mut norm = self.vector(&self.full_name(place), length)?;
        for weight in &mut norm {
            *weight += self.source.norm_offset();
        }
        Ok(norm)
    }

    fn vector(&self, name: &str, length: usize) -> Result<Vec<f32>, ModelError> {
        let stored = self.find(name, length, None)?;
        matrix::numbers(stored.format, stored.bytes).ok_or_else(|| {
            self.source.unsupported(format!(
                "tensor \"{name}\": a vector in the format {:?} is not supported",
                stored.format
            ))
        })
    }

    fn matrix(&self, place: Place, rows: usize, columns: usize) -> Result<Matrix, ModelError> {
        let name = self.full_name(place);
        let stored = self.find(&name, rows, Some(columns))?;
        self.stored(&name, stored, rows, columns)
    }

    fn stored(
        &self,
        name: &str,
        stored: Stored<'_>,
        rows: usize,
        columns: usize,
    ) -> Result<Matrix, ModelError> {
        if self.floats == Floats::Everywhere {
            return Matrix::dequantised(name, stored.format, stored.bytes, rows, columns);
        }
        if self.floats == Floats::EightBits
            && let Some(bytes) = eight_bits::quantised(stored.format, stored.bytes, columns)
        {
            return Matrix::stored(name, Format::Q8_0, &bytes, rows, columns);
        }
        Matrix::stored(name, stored.format, stored.bytes, rows, columns)
    }

    fn find(
        &self,
        name: &str,
        rows: usize,
        columns: Option<usize>,
    ) -> Result<Stored<'_>, ModelError> {
        let stored = self.source.find(name, rows, columns)?;
        self.found(name.to_owned());
        Ok(stored)
    }

    fn found(&self, name: String) {
        self.used.borrow_mut().insert(name);
    }

    fn full_name(&self, place: Place) -> String {
        format!("{}.weight", self.source.name(place))
    }

    /// A tensor without a use means another computation than this decoder's.
    fn refuse_unused(&self) -> Result<(), ModelError> {
        let used = self.used.borrow();
        let names = self.source.names();
        match names.iter().find(|name| !used.contains(*name)) {
            None => Ok(()),
            Some(name) => Err(self.source.unsupported(format!(
                "tensor \"{name}\" has no place in the {:?} decoder; it is another kind of model",
                self.config.family
            ))),
        }
    }
}
