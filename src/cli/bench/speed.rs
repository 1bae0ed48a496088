//! Prefill and decoding of plain token sequences, straight through the decoder.

use super::limit::{Cost, Machine};
use super::{Bench, compute, rounded};
use crate::domain::fault::{Fault, FaultClass};
use crate::lm::adapter::{Adapter, Blend};
use crate::lm::cache::{Cache, Table};
use crate::lm::decoder::{self, Pass, Span};
use crate::lm::engine::Options;
use crate::lm::kernel::{Instructions, Pool};
use crate::lm::model::Model;
use crate::machine::memory::resident_bytes;
use serde::Serialize;
use std::io::Write;
use std::sync::Arc;
use std::time::Instant;

/// Decoding steps before the clock starts.
const WARM_UP: usize = 2;

/// The model and the machine.
#[derive(Serialize)]
struct Facts<'a> {
    peer: &'static str,
    version: &'static str,
    model: &'a str,
    architecture: String,
    formats: String,
    kernels: &'static str,
    threads: usize,
    load_seconds: f64,
    file_mb: f64,
    weights_mb: f64,
    resident_mb: Option<f64>,
    #[serde(flatten)]
    machine: Machine,
}

/// The field names of the script that measures the peer, and the bounds.
#[derive(Serialize)]
struct Figure {
    peer: &'static str,
    version: &'static str,
    threads: usize,
    context: usize,
    streams: usize,
    prefill_tokens_per_second: f64,
    decode_tokens_per_second: f64,
    prefill_limit: f64,
    decode_limit: f64,
    #[serde(flatten)]
    adapted: Option<Adapted>,
}

/// Decoding once more, each sequence with an adapter.
#[derive(Serialize)]
struct Adapted {
    /// Different adapters in the batch.
    adapters: usize,
    adapter_decode_tokens_per_second: f64,
    /// Of decoding without, in the same run.
    adapter_ratio: f64,
}

pub fn run(bench: &Bench<'_>) -> anyhow::Result<()> {
    let (model, seconds) = bench.open()?;
    let resident = resident_bytes();
    let pool = bench.pool()?;
    let machine = Machine::measure(compute(&pool));
    let cost = Cost::of(&model);
    facts(bench, &model, seconds, resident, &machine, pool.threads())?;
    let (prompt, steps) = (bench.args.prompt as usize, bench.args.steps as usize);
    if prompt + steps + WARM_UP > model.config.context {
        let what = format!(
            "a prompt of {prompt} tokens and {steps} steps do not fit the model's context window of {} tokens",
            model.config.context
        );
        return Err(Fault::new(FaultClass::BadRequest, what).into());
    }
    let blends = blends(bench, &model)?;
    for &streams in &bench.args.streams {
        let streams = streams as usize;
        let mut run = Run::new(&model, &pool, prompt, steps, streams, &[]);
        let prefill = run.prefill()?;
        let decode = run.decode()?;
        let adapted = if blends.is_empty() {
            None
        } else {
            let mut run = Run::new(&model, &pool, prompt, steps, streams, &blends);
            run.prefill()?;
            let rate = run.decode()?;
            Some(Adapted {
                adapters: blends.len().min(streams),
                adapter_decode_tokens_per_second: rounded(rate),
                adapter_ratio: rounded(rate / decode),
            })
        };
        let context = (prompt + WARM_UP + steps / 2) as f64;
        let figure = Figure {
            peer: "synod",
            version: env!("CARGO_PKG_VERSION"),
            threads: pool.threads(),
            context: prompt,
            streams,
            prefill_tokens_per_second: rounded(prefill),
            decode_tokens_per_second: rounded(decode),
            prefill_limit: rounded(machine.prefill(&cost, prompt as f64)),
            decode_limit: rounded(machine.decode(&cost, streams as f64, context)),
            adapted,
        };
        let with = figure.adapted.as_ref().map_or_else(String::new, |with| {
            format!(
                "   with {} adapters {:.0} ({:.2} x)",
                with.adapters, with.adapter_decode_tokens_per_second, with.adapter_ratio
            )
        });
        let sentence = format!(
            "{streams:>3} at once  prefill {:>7.0} tokens/s ({:.0} % of the bound)   decoding {:>6.0} tokens/s in all ({:.0} %){with}",
            prefill,
            prefill / figure.prefill_limit * 100.0,
            decode,
            decode / figure.decode_limit * 100.0,
        );
        bench.say(&figure, &sentence)?;
    }
    Ok(())
}

/// The adapters that sequences carry, each alone.
fn blends(bench: &Bench<'_>, model: &Model) -> anyhow::Result<Vec<Blend>> {
    let mut blends = Vec::new();
    for folder in &bench.args.adapters {
        let (adapter, warnings) = Adapter::open(folder, &model.config).map_err(Fault::from)?;
        for warning in warnings {
            writeln!(
                std::io::stderr(),
                "synod: adapter {}: {warning}",
                folder.display()
            )?;
        }
        blends.push(Blend::of(Arc::new(adapter)));
    }
    Ok(blends)
}

fn facts(
    bench: &Bench<'_>,
    model: &Model,
    load_seconds: f64,
    resident: Option<u64>,
    machine: &Machine,
    threads: usize,
) -> anyhow::Result<()> {
    let mega = |bytes: f64| rounded(bytes / 1e6);
    let mut formats: Vec<String> = model
        .weights
        .layers
        .iter()
        .flat_map(|layer| [&layer.query, &layer.value, &layer.down])
        .map(|linear| linear.matrix.format())
        .chain([model.weights.head.format()])
        .collect();
    formats.sort();
    formats.dedup();
    let facts = Facts {
        peer: "synod",
        version: env!("CARGO_PKG_VERSION"),
        model: &bench.name,
        architecture: format!("{:?}", model.config.family),
        formats: formats.join(", "),
        kernels: Instructions::detect().name(),
        threads,
        load_seconds: rounded(load_seconds),
        file_mb: mega(std::fs::metadata(&bench.path).map_or(0, |meta| meta.len()) as f64),
        weights_mb: mega(Cost::of(model).weights),
        resident_mb: resident.map(|bytes| mega(bytes as f64)),
        machine: *machine,
    };
    let sentence = format!(
        "{} ({}, {}; file {} MB)\n{} kernels on {threads} threads; loaded in {:.0} ms, {} MB resident\n\
         this machine: memory {:.1} GB/s, products of bytes {:.0} GMAC/s, of floats {:.0} GMAC/s",
        facts.model,
        facts.architecture,
        facts.formats,
        facts.file_mb,
        facts.kernels,
        load_seconds * 1e3,
        facts
            .resident_mb
            .map_or("?".to_owned(), |mb| format!("{mb:.0}")),
        machine.memory_gb_per_second,
        machine.integer_gmac_per_second,
        machine.float_gmac_per_second,
    );
    bench.say(&facts, &sentence)
}

/// Some sequences in one cache.
struct Run<'a> {
    model: &'a Model,
    pool: &'a Pool,
    cache: Cache,
    sequences: Vec<(Vec<u32>, Table)>,
    /// Dealt out to the sequences in turn; none for bare weights.
    blends: &'a [Blend],
    prompt: usize,
    steps: usize,
    /// Prompt tokens of a pass: as the engine cuts them.
    chunk: usize,
}

impl<'a> Run<'a> {
    fn new(
        model: &'a Model,
        pool: &'a Pool,
        prompt: usize,
        steps: usize,
        streams: usize,
        blends: &'a [Blend],
    ) -> Self {
        let config = &model.config;
        let token = config.layers * 2 * config.kv_width() * size_of::<u16>();
        let room = (prompt + steps + WARM_UP + 32) * streams * token;
        let sequences = (0..streams)
            .map(|stream| {
                let token = |i: usize| (1000 + 7 * i + 13 * stream) % config.vocabulary;
                let tokens = (0..prompt).map(|i| u32::try_from(token(i)).unwrap_or(0));
                (tokens.collect(), Table::default())
            })
            .collect();
        Self {
            model,
            pool,
            cache: Cache::new(config.layers, config.kv_width(), room),
            sequences,
            blends,
            prompt,
            steps,
            chunk: Options::default().prefill_tokens,
        }
    }

    /// Computes all prompts one after the other; tokens a second of the last one.
    fn prefill(&mut self) -> Result<f64, Fault> {
        let mut rate = 0.0;
        for (at, (tokens, table)) in self.sequences.iter_mut().enumerate() {
            let start = Instant::now();
            while table.len() < self.prompt {
                let first = table.len();
                let end = (first + self.chunk).min(self.prompt);
                self.cache.reserve(table, end).map_err(|_| no_room())?;
                let span = Span {
                    table,
                    start: first,
                    tokens: &tokens[first..end],
                    adapter: dealt(self.blends, at),
                    wanted: usize::from(end == self.prompt),
                };
                let (config, weights) = (&self.model.config, &self.model.weights);
                decoder::forward(
                    config,
                    weights,
                    &mut self.cache,
                    self.pool,
                    &[span],
                    &|| false,
                )?;
                self.cache.commit(table, tokens, end);
            }
            rate = self.prompt as f64 / start.elapsed().as_secs_f64();
        }
        Ok(rate)
    }

    /// Decodes all sequences together; tokens a second in all.
    fn decode(&mut self) -> Result<f64, Fault> {
        let mut start = Instant::now();
        for step in 0..WARM_UP + self.steps {
            if step == WARM_UP {
                start = Instant::now();
            }
            for (tokens, table) in &mut self.sequences {
                tokens.push(u32::try_from(1234 % self.model.config.vocabulary).unwrap_or(0));
                self.cache
                    .reserve(table, tokens.len())
                    .map_err(|_| no_room())?;
            }
            let spans: Vec<Span<'_>> = self
                .sequences
                .iter()
                .enumerate()
                .map(|(at, (tokens, table))| Span {
                    table,
                    start: table.len(),
                    tokens: &tokens[table.len()..],
                    adapter: dealt(self.blends, at),
                    wanted: 1,
                })
                .collect();
            let (config, weights) = (&self.model.config, &self.model.weights);
            let pass =
                decoder::forward(config, weights, &mut self.cache, self.pool, &spans, &|| {
                    false
                })?;
            debug_assert!(matches!(pass, Pass::Done(_)));
            for (tokens, table) in &mut self.sequences {
                let end = tokens.len();
                self.cache.commit(table, tokens, end);
            }
        }
        let drawn = self.steps * self.sequences.len();
        Ok(drawn as f64 / start.elapsed().as_secs_f64())
    }
}

fn dealt(blends: &[Blend], sequence: usize) -> Option<&Blend> {
    blends.get(sequence.checked_rem(blends.len())?)
}

fn no_room() -> Fault {
    Fault::new(FaultClass::Resource, "the bench's cache is too small")
}
