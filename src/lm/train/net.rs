//! The numbers of a whole model as 32-bit floats, in the order that transformers stores them; or numbers of the same shape:
//! gradients, an optimiser's moments.
//!
//! Maps with the same input lie one below the other, and rotations turn halves of heads, whatever file the model came from.

use crate::lm::adapter::Target;
use crate::lm::config::{Config, Family, Pairs, Rotary};
use crate::lm::error::ModelError;
use crate::lm::kernel::Pool;
use crate::lm::matrix::Matrix;
use crate::lm::weights::{Layer, Linear, Weights};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// Maps of a layer that share their input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    QueryKeyValue,
    Output,
    GateUp,
    Down,
}

impl Group {
    pub const ALL: [Self; 4] = [Self::QueryKeyValue, Self::Output, Self::GateUp, Self::Down];

    /// Its maps, one below the other.
    pub fn targets(self) -> &'static [Target] {
        match self {
            Self::QueryKeyValue => &[Target::Query, Target::Key, Target::Value],
            Self::Output => &[Target::Output],
            Self::GateUp => &[Target::Gate, Target::Up],
            Self::Down => &[Target::Down],
        }
    }

    /// Its modules by transformers' names, with their rows: one for each map, or one for all in families that fuse them.
    pub fn modules(self, config: &Config) -> Vec<(&'static str, Range<usize>)> {
        let outputs = self.outputs(config);
        if config.family == Family::Phi3 {
            match self {
                Self::QueryKeyValue => return vec![("self_attn.qkv_proj", 0..outputs)],
                Self::GateUp => return vec![("mlp.gate_up_proj", 0..outputs)],
                Self::Output | Self::Down => {}
            }
        }
        let mut first = 0;
        let modules = self.targets().iter().map(|&target| {
            let rows = first..first + target.widths(config).1;
            first = rows.end;
            (name(target), rows)
        });
        modules.collect()
    }

    pub fn inputs(self, config: &Config) -> usize {
        self.targets()[0].widths(config).0
    }

    pub fn outputs(self, config: &Config) -> usize {
        self.targets()
            .iter()
            .map(|target| target.widths(config).1)
            .sum()
    }
}

fn name(target: Target) -> &'static str {
    match target {
        Target::Query => "self_attn.q_proj",
        Target::Key => "self_attn.k_proj",
        Target::Value => "self_attn.v_proj",
        Target::Output => "self_attn.o_proj",
        Target::Gate => "mlp.gate_proj",
        Target::Up => "mlp.up_proj",
        Target::Down => "mlp.down_proj",
    }
}

/// Maps that share their input: `y = W x + b`.
#[derive(Debug, Clone, Default)]
pub(super) struct Maps {
    /// Rows of inputs, one for each output.
    pub weight: Vec<f32>,
    pub bias: Option<Vec<f32>>,
}

/// One layer's numbers.
#[derive(Debug, Clone)]
pub(super) struct NetLayer {
    pub attention_norm: Vec<f32>,
    pub query_norm: Option<Vec<f32>>,
    pub key_norm: Option<Vec<f32>>,
    pub attention_post_norm: Option<Vec<f32>>,
    pub feed_norm: Vec<f32>,
    pub feed_post_norm: Option<Vec<f32>>,
    /// In the order of [`Group::ALL`].
    pub maps: [Maps; 4],
}

/// A model's numbers.
#[derive(Debug, Clone)]
pub(super) struct Net {
    pub embedding: Vec<f32>,
    pub layers: Vec<NetLayer>,
    pub norm: Vec<f32>,
    /// None where the embedding is the head.
    pub head: Option<Vec<f32>>,
}

impl NetLayer {
    pub fn maps(&self, group: Group) -> &Maps {
        &self.maps[group as usize]
    }

    pub fn maps_mut(&mut self, group: Group) -> &mut Maps {
        &mut self.maps[group as usize]
    }
}

/// The shape as the trainer computes it: rotations turn halves.
pub(super) fn with_halves(config: &Config) -> Config {
    let halves = |rotary: &Rotary| Rotary {
        pairs: Pairs::Halves,
        ..rotary.clone()
    };
    Config {
        rotary: halves(&config.rotary),
        rotary_local: config.rotary_local.as_ref().map(halves),
        ..config.clone()
    }
}

impl Net {
    /// Widens a model's weights.
    pub fn widened(config: &Config, weights: &Weights, pool: &Pool) -> Result<Self, ModelError> {
        let is_tied = std::sync::Arc::ptr_eq(&weights.embedding, &weights.head);
        let plain = |matrix: &Matrix| rows(matrix, |row| row, pool);
        let layers = weights
            .layers
            .iter()
            .map(|layer| widened(config, layer, pool));
        Ok(Self {
            embedding: plain(&weights.embedding)?,
            layers: layers.collect::<Result<_, _>>()?,
            norm: weights.norm.clone(),
            head: if is_tied {
                None
            } else {
                Some(plain(&weights.head)?)
            },
        })
    }

    /// Zeros of the same shape.
    pub fn zeros(&self) -> Self {
        let zeros = |values: &Vec<f32>| vec![0.0; values.len()];
        let some = |values: &Option<Vec<f32>>| values.as_ref().map(zeros);
        Self {
            embedding: zeros(&self.embedding),
            layers: self
                .layers
                .iter()
                .map(|layer| NetLayer {
                    attention_norm: zeros(&layer.attention_norm),
                    query_norm: some(&layer.query_norm),
                    key_norm: some(&layer.key_norm),
                    attention_post_norm: some(&layer.attention_post_norm),
                    feed_norm: zeros(&layer.feed_norm),
                    feed_post_norm: some(&layer.feed_post_norm),
                    maps: [0, 1, 2, 3].map(|group| Maps {
                        weight: zeros(&layer.maps[group].weight),
                        bias: some(&layer.maps[group].bias),
                    }),
                })
                .collect(),
            norm: zeros(&self.norm),
            head: some(&self.head),
        }
    }

    /// All tensors, in one order.
    pub fn tensors(&self) -> Vec<&Vec<f32>> {
        let mut all = vec![&self.embedding];
        for layer in &self.layers {
            let NetLayer {
                attention_norm,
                query_norm,
                key_norm,
                attention_post_norm,
                feed_norm,
                feed_post_norm,
                maps,
            } = layer;
            all.extend([attention_norm, feed_norm]);
            all.extend(
                [query_norm, key_norm, attention_post_norm, feed_post_norm]
                    .into_iter()
                    .flatten(),
            );
            for Maps { weight, bias } in maps {
                all.push(weight);
                all.extend(bias);
            }
        }
        all.push(&self.norm);
        all.extend(&self.head);
        all
    }

    /// The same to be changed.
    pub fn tensors_mut(&mut self) -> Vec<&mut Vec<f32>> {
        let mut all = vec![&mut self.embedding];
        for layer in &mut self.layers {
            let NetLayer {
                attention_norm,
                query_norm,
                key_norm,
                attention_post_norm,
                feed_norm,
                feed_post_norm,
                maps,
            } = layer;
            all.extend([attention_norm, feed_norm]);
            all.extend(
                [query_norm, key_norm, attention_post_norm, feed_post_norm]
                    .into_iter()
                    .flatten(),
            );
            for Maps { weight, bias } in maps {
                all.push(weight);
                all.extend(bias);
            }
        }
        all.push(&mut self.norm);
        all.extend(&mut self.head);
        all
    }
}

fn widened(config: &Config, layer: &Layer, pool: &Pool) -> Result<NetLayer, ModelError> {
    let group = |linears: &[(&Linear, bool)]| {
        let mut maps = Maps::default();
        let mut bias = Vec::new();
        for (linear, is_turned) in linears {
            let order = |row| stored(config, *is_turned, row);
            let part = rows(&linear.matrix, order, pool)?;
            // A map alone is not copied again.
            if maps.weight.is_empty() {
                maps.weight = part;
            } else {
                maps.weight.extend(part);
            }
            if let Some(own) = &linear.bias {
                bias.extend((0..own.len()).map(|row| own[order(row)]));
            } else {
                bias.extend(vec![0.0; linear.matrix.rows()]);
            }
        }
        let has_bias = linears.iter().any(|(linear, _)| linear.bias.is_some());
        maps.bias = has_bias.then_some(bias);
        Ok::<_, ModelError>(maps)
    };
    Ok(NetLayer {
        attention_norm: layer.attention_norm.clone(),
        query_norm: layer.query_norm.clone(),
        key_norm: layer.key_norm.clone(),
        attention_post_norm: layer.attention_post_norm.clone(),
        feed_norm: layer.feed_norm.clone(),
        feed_post_norm: layer.feed_post_norm.clone(),
        maps: [
            group(&[
                (&layer.query, true),
                (&layer.key, true),
                (&layer.value, false),
            ])?,
            group(&[(&layer.output, false)])?,
            group(&[(&layer.gate, false), (&layer.up, false)])?,
            group(&[(&layer.down, false)])?,
        ],
    })
}

/// Where the decoder stores a row of transformers' map. GGUF files have the two halves of each head of Llama's queries and
/// keys interleaved, so that neighbours turn together.
fn stored(config: &Config, is_turned: bool, row: usize) -> usize {
    if !is_turned || config.rotary.pairs != Pairs::Neighbours {
        return row;
    }
    let half = config.head_width / 2;
    let (head, at) = (row / config.head_width, row % config.head_width);
    head * config.head_width + at % half * 2 + at / half
}

/// A matrix's rows as plain floats; `order` says where a row is taken from.
fn rows(
    matrix: &Matrix,
    order: impl Fn(usize) -> usize + Sync,
    pool: &Pool,
) -> Result<Vec<f32>, ModelError> {
    let mut out = vec![0.0; matrix.rows() * matrix.columns()];
    let failed = Mutex::new(None);
    pool.chunks(&mut out, matrix.columns(), &|row, out| {
        let Ok(index) = u32::try_from(order(row)) else {
            return;
        };
        if let Err(error) = matrix.row(index, out) {
            *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        }
    });
    match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => Ok(out),
    }
}

/// The name and shape of a part of one of [`Net::tensors`], and where in it the part lies.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub name: String,
    pub shape: Vec<usize>,
    pub range: Range<usize>,
}

/// What a tensor is called and whether it decays.
#[derive(Debug, Clone)]
pub(super) struct Label {
    pub parts: Vec<Named>,
    /// What is taken away from its numbers to get those that files hold.
    pub offset: f32,
    /// Matrices do; norms and biases do not.
    pub decays: bool,
}

/// The labels of [`Net::tensors`], by transformers' names.
pub(super) fn labels(config: &Config, net: &Net) -> Vec<Label> {
    let offset = config.family.norm_offset();
    let vector = |name: String, length: usize, offset| Label {
        parts: vec![Named {
            name,
            shape: vec![length],
            range: 0..length,
        }],
        offset,
        decays: false,
    };
    let matrix = |parts: Vec<(String, Range<usize>)>, columns: usize| Label {
        parts: parts
            .into_iter()
            .map(|(name, rows)| Named {
                name,
                shape: vec![rows.len(), columns],
                range: rows.start * columns..rows.end * columns,
            })
            .collect(),
        offset: 0.0,
        decays: true,
    };
    let whole = |name: &str| vec![(name.to_owned(), 0..config.vocabulary)];
    let mut labels = vec![matrix(whole("model.embed_tokens.weight"), config.width)];
    let (before_feed, after_attention) = if config.family.has_post_norms() {
        ("pre_feedforward_layernorm", "post_attention_layernorm")
    } else {
        ("post_attention_layernorm", "")
    };
    for (index, layer) in net.layers.iter().enumerate() {
        let place = |part: &str| format!("model.layers.{index}.{part}.weight");
        labels.push(vector(place("input_layernorm"), config.width, offset));
        labels.push(vector(place(before_feed), config.width, offset));
        for (norm, part) in [
            (&layer.query_norm, "self_attn.q_norm"),
            (&layer.key_norm, "self_attn.k_norm"),
            (&layer.attention_post_norm, after_attention),
            (&layer.feed_post_norm, "post_feedforward_layernorm"),
        ] {
            if let Some(norm) = norm {
                labels.push(vector(place(part), norm.len(), offset));
            }
        }
        for group in Group::ALL {
            let modules = group.modules(config);
            let named = modules
                .iter()
                .map(|(name, rows)| (place(name), rows.clone()));
            labels.push(matrix(named.collect(), group.inputs(config)));
            if layer.maps(group).bias.is_some() {
                let parts = modules.into_iter().map(|(name, rows)| Named {
                    name: format!("model.layers.{index}.{name}.bias"),
                    shape: vec![rows.len()],
                    range: rows,
                });
                labels.push(Label {
                    parts: parts.collect(),
                    offset: 0.0,
                    decays: false,
                });
            }
        }
    }
    labels.push(vector("model.norm.weight".into(), config.width, offset));
    if net.head.is_some() {
        labels.push(matrix(whole("lm_head.weight"), config.width));
    }
    labels
}
