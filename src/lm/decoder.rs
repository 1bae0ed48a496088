//! One forward pass of a Llama-family decoder over many sequences at once.
//!
//! Every row (one token of one sequence) is computed from its own numbers in a fixed order: not from its neighbours, not by
//! the number of threads. Between layers the pass can be given up; what it wrote so far is written again, bit for bit, by
//! the next pass. Knows nothing of text.

use super::cache::{BLOCK, Cache, Table};
use super::config::{Config, Pairs, Rotary};
use super::error::ModelError;
use super::float;
use super::kernel::Instructions;
use super::kernel::attention::{self, Block, Head};
use super::matrix::{Input, Matrix};
use super::weights::{Layer, Linear, Weights};
use rayon::prelude::*;

/// The part of one sequence that a pass computes.
pub struct Span<'a> {
    /// Reserved up to `start + tokens.len()`.
    pub table: &'a Table,
    /// The position of the first token.
    pub start: usize,
    pub tokens: &'a [u32],
    /// How many of the last tokens' logits are wanted: none, the last one's, more for scoring.
    pub wanted: usize,
}

/// What became of a pass.
#[derive(Debug)]
pub enum Pass {
    /// Logits of the tokens that were wanted, span by span, in the order of tokens.
    Done(Vec<Vec<f32>>),
    /// `give_up` said so between two layers; nothing may be committed.
    GivenUp,
}

/// Computes all spans. `give_up` is asked between layers.
pub fn forward(
    config: &Config,
    weights: &Weights,
    cache: &mut Cache,
    spans: &[Span<'_>],
    give_up: &dyn Fn() -> bool,
) -> Result<Pass, ModelError> {
    let rows = rows_of(spans);
    let mut state = vec![0.0; rows.len() * config.width];
    for (row, x) in rows.iter().zip(state.chunks_exact_mut(config.width)) {
        weights.embedding.row(row.token, x)?;
        if let Some(scale) = config.embedding_scale {
            for value in x {
                *value *= scale;
            }
        }
    }
    let instructions = Instructions::detect();
    let rotation = Rotation::new(&config.rotary, config.head_width, &rows);
    let rotation_local = config
        .rotary_local
        .as_ref()
        .map(|rotary| Rotation::new(rotary, config.head_width, &rows));
    for (index, layer) in weights.layers.iter().enumerate() {
        if give_up() {
            return Ok(Pass::GivenUp);
        }
        let pass = LayerPass {
            config,
            layer,
            index,
            rows: &rows,
            spans,
            instructions,
        };
        let rotation = match (&rotation_local, config.window.of(index)) {
            (Some(local), Some(_)) => local,
            _ => &rotation,
        };
        pass.attend(cache, rotation, &mut state)?;
        pass.feed(&mut state)?;
    }
    if give_up() {
        return Ok(Pass::GivenUp);
    }
    logits(config, weights, &rows, &state)
}

/// One token of one span.
struct Row {
    span: usize,
    token: u32,
    position: usize,
    logits: bool,
}

fn rows_of(spans: &[Span<'_>]) -> Vec<Row> {
    let mut rows = Vec::new();
    for (number, span) in spans.iter().enumerate() {
        for (offset, &token) in span.tokens.iter().enumerate() {
            rows.push(Row {
                span: number,
                token,
                position: span.start + offset,
                logits: offset + span.wanted >= span.tokens.len(),
            });
        }
    }
    rows
}

fn logits(
    config: &Config,
    weights: &Weights,
    rows: &[Row],
    state: &[f32],
) -> Result<Pass, ModelError> {
    let mut wanted = Vec::new();
    for (row, x) in rows.iter().zip(state.chunks_exact(config.width)) {
        if row.logits {
            wanted.extend_from_slice(x);
        }
    }
    if wanted.is_empty() {
        return Ok(Pass::Done(Vec::new()));
    }
    let normed = normalised(&wanted, &weights.norm, config.norm_epsilon);
    let [mut result] = Matrix::products([&*weights.head], &Input::new(&normed, config.width))?;
    if let Some(cap) = config.logit_cap {
        for logit in &mut result {
            *logit = cap * attention::tanh(*logit / cap);
        }
    }
    let result = result
        .chunks_exact(config.vocabulary)
        .map(<[f32]>::to_vec)
        .collect();
    Ok(Pass::Done(result))
}

struct LayerPass<'a> {
    config: &'a Config,
    layer: &'a Layer,
    index: usize,
    rows: &'a [Row],
    spans: &'a [Span<'a>],
    instructions: Instructions,
}

impl LayerPass<'_> {
    fn attend(
        &self,
        cache: &mut Cache,
        rotation: &Rotation,
        state: &mut [f32],
    ) -> Result<(), ModelError> {
        let config = self.config;
        let normed = normalised(state, &self.layer.attention_norm, config.norm_epsilon);
        let x = Input::new(&normed, config.width);
        let layer = self.layer;
        let [mut queries, mut keys, values] =
            products([&layer.query, &layer.key, &layer.value], &x)?;
        normalise_heads(
            &mut queries,
            layer.query_norm.as_deref(),
            config.norm_epsilon,
        );
        normalise_heads(&mut keys, layer.key_norm.as_deref(), config.norm_epsilon);
        rotation.apply(&mut queries, config.query_width());
        rotation.apply(&mut keys, config.kv_width());
        let width = config.kv_width();
        for (number, row) in self.rows.iter().enumerate() {
            let part = number * width..(number + 1) * width;
            let table = self.spans[row.span].table;
            cache.write(
                table,
                self.index,
                row.position,
                &keys[part.clone()],
                &values[part],
            );
        }
        let mut mixed = vec![0.0; queries.len()];
        let cache = &*cache;
        mixed
            .par_chunks_mut(config.head_width)
            .zip(queries.par_chunks(config.head_width))
            .enumerate()
            .for_each_init(Vec::new, |scores, (number, (out, query))| {
                self.mix(cache, number, query, scores, out);
            });
        self.add(
            state,
            &layer.output,
            &Input::new(&mixed, config.query_width()),
            layer.attention_post_norm.as_deref(),
        )?;
        Ok(())
    }

    /// One head of one row: soft-max over all tokens up to its own, in the order of positions.
    fn mix(
        &self,
        cache: &Cache,
        number: usize,
        query: &[f32],
        scores: &mut Vec<f32>,
        out: &mut [f32],
    ) {
        let config = self.config;
        let row = &self.rows[number / config.heads];
        let head = number % config.heads / (config.heads / config.kv_heads);
        let (width, head_width) = (config.kv_width(), config.head_width);
        let end = row.position + 1;
        let begin = match config.window.of(self.index) {
            Some(tokens) => end.saturating_sub(tokens),
            None => 0,
        };
        let first = begin / BLOCK;
        let blocks = &self.spans[row.span].table.blocks()[first..end.div_ceil(BLOCK)];
        let blocks: Vec<Block<'_>> = blocks
            .iter()
            .map(|&block| {
                let (keys, values) = cache.read(block, self.index);
                Block {
                    keys: &keys[head * head_width * BLOCK..(head + 1) * head_width * BLOCK],
                    values: &values[head * head_width..],
                }
            })
            .collect();
        let head = Head {
            query,
            blocks: &blocks,
            skip: begin - first * BLOCK,
            length: end - first * BLOCK,
            scale: config.attention_scale,
            cap: config.attention_cap,
            stride: width,
        };
        attention::attend(&head, scores, out, self.instructions);
    }

    /// The gated feed-forward part (Shazeer 2020): down(silu(gate(x)) * up(x)).
    fn feed(&self, state: &mut [f32]) -> Result<(), ModelError> {
        let config = self.config;
        let normed = normalised(state, &self.layer.feed_norm, config.norm_epsilon);
        let x = Input::new(&normed, config.width);
        let layer = self.layer;
        let [mut gate, up] = products([&layer.gate, &layer.up], &x)?;
        let activation = config.activation;
        gate.par_chunks_mut(config.feed_forward)
            .zip(up.par_chunks(config.feed_forward))
            .for_each(|(gate, up)| attention::gated(activation, gate, up, self.instructions));
        self.add(
            state,
            &layer.down,
            &Input::new(&gate, config.feed_forward),
            layer.feed_post_norm.as_deref(),
        )
    }

    /// Adds a linear map of `x` to the stream, normalised first where the family does so.
    fn add(
        &self,
        state: &mut [f32],
        linear: &Linear,
        x: &Input<'_>,
        norm: Option<&[f32]>,
    ) -> Result<(), ModelError> {
        let [values] = products([linear], x)?;
        let values = match norm {
            Some(norm) => normalised(&values, norm, self.config.norm_epsilon),
            None => values,
        };
        for (sum, value) in state.iter_mut().zip(&values) {
            *sum += value;
        }
        Ok(())
    }
}

/// Sines and cosines of a pass's positions (Su et al. 2021).
struct Rotation {
    /// Per row, one cosine and sine for each pair.
    turns: Vec<(f32, f32)>,
    pairs: usize,
    kind: Pairs,
    head_width: usize,
}

impl Rotation {
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "positions stay far below 2^52; the tables are f32"
    )]
    fn new(rotary: &Rotary, head_width: usize, rows: &[Row]) -> Self {
        let frequencies = rotary.frequencies();
        let turn = |angle: f64| {
            let (sine, cosine) = angle.sin_cos();
            (
                cosine as f32 * rotary.magnitude,
                sine as f32 * rotary.magnitude,
            )
        };
        let turns = rows
            .iter()
            .flat_map(|row| frequencies.iter().map(move |f| row.position as f64 * f))
            .map(turn)
            .collect();
        Self {
            turns,
            pairs: frequencies.len(),
            kind: rotary.pairs,
            head_width,
        }
    }

    /// Turns every head of every row in place.
    fn apply(&self, values: &mut [f32], width: usize) {
        if self.pairs == 0 {
            return;
        }
        let rows = values.chunks_exact_mut(width);
        for (row, turns) in rows.zip(self.turns.chunks_exact(self.pairs)) {
            for head in row.chunks_exact_mut(self.head_width) {
                for (pair, &(cosine, sine)) in turns.iter().enumerate() {
                    let (i, j) = match self.kind {
                        Pairs::Neighbours => (2 * pair, 2 * pair + 1),
                        Pairs::Halves => (pair, pair + self.pairs),
                    };
                    let (a, b) = (head[i], head[j]);
                    head[i] = a * cosine - b * sine;
                    head[j] = a * sine + b * cosine;
                }
            }
        }
    }
}

/// Root-mean-square normalisation (Zhang & Sennrich 2019) of every row.
fn normalised(values: &[f32], weight: &[f32], epsilon: f32) -> Vec<f32> {
    let mut out = Vec::with_capacity(values.len());
    for row in values.chunks_exact(weight.len()) {
        #[allow(clippy::cast_precision_loss, reason = "a row is narrow")]
        let mean = float::dot(row, row) / weight.len() as f32;
        let scale = 1.0 / (mean + epsilon).sqrt();
        out.extend(row.iter().zip(weight).map(|(x, w)| x * scale * w));
    }
    out
}

/// Several linear maps of the same rows.
fn products<const N: usize>(
    linears: [&Linear; N],
    x: &Input<'_>,
) -> Result<[Vec<f32>; N], ModelError> {
    let mut results = Matrix::products(linears.map(|linear| &linear.matrix), x)?;
    for (linear, result) in linears.iter().zip(&mut results) {
        if let Some(bias) = &linear.bias {
            for row in result.chunks_exact_mut(bias.len()) {
                for (value, bias) in row.iter_mut().zip(bias) {
                    *value += bias;
                }
            }
        }
    }
    Ok(results)
}

/// Normalises every head of every row in place.
fn normalise_heads(values: &mut [f32], norm: Option<&[f32]>, epsilon: f32) {
    if let Some(norm) = norm {
        let normed = normalised(values, norm, epsilon);
        values.copy_from_slice(&normed);
    }
}
