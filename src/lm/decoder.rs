//! One forward pass of a Llama-family decoder over many sequences at once.
//!
//! Every row (one token of one sequence) is computed from its own numbers in a fixed order: not from its neighbours, not by
//! the number of threads. Between layers the pass can be given up; what it wrote so far is written again, bit for bit, by
//! the next pass. Knows nothing of text.

use super::cache::{BLOCK, Cache, Table};
use super::config::Config;
use super::error::ModelError;
use super::float;
use super::kernel::Instructions;
use super::kernel::attention::{self, Block, Head};
use super::weights::{Input, Layer, Matrix, Weights};
use rayon::prelude::*;

/// The part of one sequence that a pass computes.
pub struct Span<'a> {
    /// Reserved up to `start + tokens.len()`.
    pub table: &'a Table,
    /// The position of the first token.
    pub start: usize,
    pub tokens: &'a [u32],
    /// Whether the logits after the last token are wanted.
    pub logits: bool,
}

/// What became of a pass.
#[derive(Debug)]
pub enum Pass {
    /// Logits of the spans that wanted them, in order.
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
    }
    let instructions = Instructions::detect();
    let rotation = Rotation::new(config, weights, &rows);
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
        pass.attend(cache, &rotation, &mut state)?;
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
                logits: span.logits && offset + 1 == span.tokens.len(),
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
    let result = product(&weights.head, &normed, config.width)?;
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
        let [mut queries, mut keys, values] =
            Matrix::products([&self.layer.query, &self.layer.key, &self.layer.value], &x)?;
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
        add(
            state,
            &product(&self.layer.output, &mixed, config.query_width())?,
        );
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
        let length = row.position + 1;
        let blocks: Vec<Block<'_>> = self.spans[row.span].table.blocks()[..length.div_ceil(BLOCK)]
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
            length,
            stride: width,
        };
        attention::attend(&head, scores, out, self.instructions);
    }

    /// The gated feed-forward part (Shazeer 2020): down(silu(gate(x)) * up(x)).
    fn feed(&self, state: &mut [f32]) -> Result<(), ModelError> {
        let config = self.config;
        let normed = normalised(state, &self.layer.feed_norm, config.norm_epsilon);
        let x = Input::new(&normed, config.width);
        let [mut gate, up] = Matrix::products([&self.layer.gate, &self.layer.up], &x)?;
        gate.par_chunks_mut(config.feed_forward)
            .zip(up.par_chunks(config.feed_forward))
            .for_each(|(gate, up)| attention::gated(gate, up, self.instructions));
        add(
            state,
            &product(&self.layer.down, &gate, config.feed_forward)?,
        );
        Ok(())
    }
}

/// Sines and cosines of a pass's positions (Su et al. 2021), for neighbouring pairs as GGUF's llama files store them.
struct Rotation {
    /// Per row, `rotary_width / 2` pairs of cosine and sine.
    turns: Vec<(f32, f32)>,
    pairs: usize,
    head_width: usize,
}

impl Rotation {
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "positions stay far below 2^52; the tables are f32"
    )]
    fn new(config: &Config, weights: &Weights, rows: &[Row]) -> Self {
        let pairs = config.rotary_width / 2;
        let frequencies: Vec<f64> = (0..pairs)
            .map(|pair| {
                let exponent = -2.0 * pair as f64 / config.rotary_width as f64;
                let factor = weights
                    .rotary_factors
                    .get(pair)
                    .map_or(1.0, |&f| f64::from(f));
                config.rotary_base.powf(exponent) / factor / config.rotary_scale
            })
            .collect();
        let turns = rows
            .iter()
            .flat_map(|row| {
                frequencies.iter().map(move |frequency| {
                    let angle = row.position as f64 * frequency;
                    (angle.cos() as f32, angle.sin() as f32)
                })
            })
            .collect();
        Self {
            turns,
            pairs,
            head_width: config.head_width,
        }
    }

    /// Turns every head of every row in place.
    fn apply(&self, values: &mut [f32], width: usize) {
        if self.pairs == 0 {
            return;
        }
        for (row, turns) in values
            .chunks_exact_mut(width)
            .zip(self.turns.chunks_exact(self.pairs))
        {
            for head in row.chunks_exact_mut(self.head_width) {
                for (pair, &(cosine, sine)) in head.chunks_exact_mut(2).zip(turns) {
                    let (a, b) = (pair[0], pair[1]);
                    pair[0] = a * cosine - b * sine;
                    pair[1] = a * sine + b * cosine;
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

fn product(matrix: &Matrix, x: &[f32], columns: usize) -> Result<Vec<f32>, ModelError> {
    let [out] = Matrix::products([matrix], &Input::new(x, columns))?;
    Ok(out)
}

fn add(into: &mut [f32], values: &[f32]) {
    for (sum, value) in into.iter_mut().zip(values) {
        *sum += value;
    }
}
