//! One forward pass of a decoder over many sequences at once.
//!
//! Every row (one token of one sequence) is computed from its own numbers in a fixed order: not from its neighbours, not by
//! the number of threads. Between layers the pass can be given up; what it wrote so far is written again, bit for bit, by
//! the next pass. Knows nothing of text.

use super::adapter::{Blend, Target};
use super::cache::{BLOCK, Cache, Table};
use super::config::{Config, Pairs, Rotary};
use super::error::ModelError;
use super::kernel::attention::{self, Block, Sequence, Shape};
use super::kernel::{Instructions, Pool, gate, stream};
use super::matrix::{Compute, Input, Matrix};
use super::weights::{Layer, Linear, Weights};

/// The part of one sequence that a pass computes.
pub struct Span<'a> {
    /// Reserved up to `start + tokens.len()`.
    pub table: &'a Table,
    /// The position of the first token.
    pub start: usize,
    pub tokens: &'a [u32],
    /// What is added to the weights for this sequence.
    pub adapter: Option<&'a Blend>,
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
    pool: &Pool,
    spans: &[Span<'_>],
    give_up: &dyn Fn() -> bool,
) -> Result<Pass, ModelError> {
    let rows = rows_of(spans);
    let compute = Compute {
        instructions: Instructions::detect(),
        pool,
    };
    let mut state = vec![0.0; rows.len() * config.width];
    for (row, x) in rows.iter().zip(state.chunks_exact_mut(config.width)) {
        weights.embedding.row(row.token, x)?;
        if let Some(scale) = config.embedding_scale {
            for value in x {
                *value *= scale;
            }
        }
    }
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
            compute,
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
    logits(config, weights, &rows, &state, compute)
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
    compute: Compute<'_>,
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
    let normed = normalised(&wanted, &weights.norm, config.norm_epsilon, compute);
    let x = Input::new(&normed, config.width, compute);
    let [mut result] = Matrix::products([&*weights.head], &x)?;
    let result = result
        .chunks_exact_mut(config.vocabulary)
        .map(|logits| {
            if let Some(cap) = config.logit_cap {
                gate::cap(logits, cap, compute.instructions);
            }
            logits.to_vec()
        })
        .collect();
    Ok(Pass::Done(result))
}

struct LayerPass<'a> {
    config: &'a Config,
    layer: &'a Layer,
    index: usize,
    rows: &'a [Row],
    spans: &'a [Span<'a>],
    compute: Compute<'a>,
}

impl LayerPass<'_> {
    fn attend(
        &self,
        cache: &mut Cache,
        rotation: &Rotation,
        state: &mut [f32],
    ) -> Result<(), ModelError> {
        let (config, layer, compute) = (self.config, self.layer, self.compute);
        let epsilon = config.norm_epsilon;
        let normed = normalised(state, &layer.attention_norm, epsilon, compute);
        let x = Input::new(&normed, config.width, compute);
        let [mut queries, mut keys, mut values] =
            products([&layer.query, &layer.key, &layer.value], &x)?;
        self.adapt(Target::Query, &normed, &mut queries);
        self.adapt(Target::Key, &normed, &mut keys);
        self.adapt(Target::Value, &normed, &mut values);
        self.normalise_heads(&mut queries, layer.query_norm.as_deref());
        self.normalise_heads(&mut keys, layer.key_norm.as_deref());
        rotation.apply(&mut queries, config.query_width(), compute.pool);
        rotation.apply(&mut keys, config.kv_width(), compute.pool);
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
        let shape = Shape {
            heads: config.heads,
            kv_heads: config.kv_heads,
            head_width: config.head_width,
            scale: config.attention_scale,
            cap: config.attention_cap,
            window: config.window.of(self.index),
        };
        let sequences = self.sequences(cache, &shape);
        let mut mixed = vec![0.0; queries.len()];
        attention::attend(
            &shape,
            &sequences,
            &queries,
            &mut mixed,
            compute.instructions,
            compute.pool,
        );
        let x = Input::new(&mixed, config.query_width(), compute);
        let [mut values] = products([&layer.output], &x)?;
        self.adapt(Target::Output, &mixed, &mut values);
        self.add(state, values, layer.attention_post_norm.as_deref());
        Ok(())
    }

    /// What each span's rows see of the cache.
    fn sequences<'c>(&self, cache: &'c Cache, shape: &Shape) -> Vec<Sequence<'c>> {
        let mut row = 0;
        let mut sequences = Vec::with_capacity(self.spans.len());
        for span in self.spans {
            let end = span.start + span.tokens.len();
            let first = shape.begin(span.start) / BLOCK;
            let blocks = span.table.blocks()[first..end.div_ceil(BLOCK)]
                .iter()
                .map(|&block| {
                    let (keys, values) = cache.read(block, self.index);
                    Block { keys, values }
                })
                .collect();
            sequences.push(Sequence {
                blocks,
                first: first * BLOCK,
                row,
                position: span.start,
                rows: span.tokens.len(),
            });
            row += span.tokens.len();
        }
        sequences
    }

    /// The gated feed-forward part (Shazeer 2020): down(silu(gate(x)) * up(x)).
    fn feed(&self, state: &mut [f32]) -> Result<(), ModelError> {
        let (config, layer, compute) = (self.config, self.layer, self.compute);
        let normed = normalised(state, &layer.feed_norm, config.norm_epsilon, compute);
        let x = Input::new(&normed, config.width, compute);
        let is_plain = layer.gate.bias.is_none()
            && layer.up.bias.is_none()
            && !self.is_adapted(Target::Gate)
            && !self.is_adapted(Target::Up);
        let gated = if is_plain {
            Matrix::gated(&layer.gate.matrix, &layer.up.matrix, config.activation, &x)?
        } else {
            let [mut gate, mut up] = products([&layer.gate, &layer.up], &x)?;
            self.adapt(Target::Gate, &normed, &mut gate);
            self.adapt(Target::Up, &normed, &mut up);
            let Compute { instructions, pool } = compute;
            gate::gated_rows(config.activation, &mut gate, &up, instructions, pool);
            gate
        };
        let x = Input::new(&gated, config.feed_forward, compute);
        let [mut values] = products([&layer.down], &x)?;
        self.adapt(Target::Down, &gated, &mut values);
        self.add(state, values, layer.feed_post_norm.as_deref());
        Ok(())
    }

    fn is_adapted(&self, target: Target) -> bool {
        let mut adapters = self.spans.iter().filter_map(|span| span.adapter);
        adapters.any(|adapter| adapter.touches(self.index, target))
    }

    /// Adds what each span's adapters add to a linear map of `x`.
    fn adapt(&self, target: Target, x: &[f32], out: &mut [f32]) {
        /// Rows of one part of the pool's work.
        const ROWS: usize = 8;
        if !self.is_adapted(target) {
            return;
        }
        let (inputs, outputs) = (x.len() / self.rows.len(), out.len() / self.rows.len());
        let (mut parts, mut ranges) = (Vec::new(), Vec::new());
        let mut row = 0;
        for span in self.spans {
            let end = row + span.tokens.len();
            if let Some(adapter) = span.adapter {
                for first in (row..end).step_by(ROWS) {
                    let last = (first + ROWS).min(end);
                    parts.push((adapter, &x[first * inputs..last * inputs]));
                    ranges.push(first * outputs..last * outputs);
                }
            }
            row = end;
        }
        let pool = self.compute.pool;
        pool.ranges(out, &ranges, &|number, out| {
            let (adapter, x) = parts[number];
            adapter.add(self.index, target, x, inputs, out, &mut Vec::new());
        });
    }

    /// Adds to the stream, normalised first where the family does so.
    fn add(&self, state: &mut [f32], mut values: Vec<f32>, norm: Option<&[f32]>) {
        let Compute { instructions, pool } = self.compute;
        if let Some(norm) = norm {
            let epsilon = self.config.norm_epsilon;
            stream::normalise_in_place(&mut values, norm, epsilon, instructions, pool);
        }
        stream::add(state, &values, pool);
    }

    /// Normalises every head of every row in place.
    fn normalise_heads(&self, values: &mut [f32], norm: Option<&[f32]>) {
        if let Some(norm) = norm {
            let Compute { instructions, pool } = self.compute;
            let epsilon = self.config.norm_epsilon;
            stream::normalise_in_place(values, norm, epsilon, instructions, pool);
        }
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

    /// Turns every head of every row of `width` numbers in place.
    fn apply(&self, values: &mut [f32], width: usize, pool: &Pool) {
        /// Rows of one part of the pool's work.
        const ROWS: usize = 16;
        if self.pairs == 0 {
            return;
        }
        pool.chunks(values, ROWS * width, &|part, values| {
            let turns = &self.turns[part * ROWS * self.pairs..];
            let rows = values.chunks_exact_mut(width);
            for (row, turns) in rows.zip(turns.chunks_exact(self.pairs)) {
                for head in row.chunks_exact_mut(self.head_width) {
                    self.turn(head, turns);
                }
            }
        });
    }

    fn turn(&self, head: &mut [f32], turns: &[(f32, f32)]) {
        match self.kind {
            Pairs::Neighbours => {
                for (pair, &(cosine, sine)) in head.chunks_exact_mut(2).zip(turns) {
                    let (a, b) = (pair[0], pair[1]);
                    pair[0] = a * cosine - b * sine;
                    pair[1] = a * sine + b * cosine;
                }
            }
            Pairs::Halves => {
                let (first, second) = head.split_at_mut(self.pairs);
                for ((a, b), &(cosine, sine)) in first.iter_mut().zip(second).zip(turns) {
                    let (x, y) = (*a, *b);
                    *a = x * cosine - y * sine;
                    *b = x * sine + y * cosine;
                }
            }
        }
    }
}

/// Root-mean-square normalisation of every row.
fn normalised(values: &[f32], weight: &[f32], epsilon: f32, compute: Compute<'_>) -> Vec<f32> {
    let mut out = vec![0.0; values.len()];
    let Compute { instructions, pool } = compute;
    stream::normalise(values, weight, epsilon, &mut out, instructions, pool);
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
