//! One turn of a council in this process: references at once, then the aggregator, each with exactly as many tokens.

use super::{Bench, rounded};
use crate::domain::cancel::Cancel;
use crate::domain::council::{Agent, Council};
use crate::domain::event::{Event, Kind, Outcome};
use crate::domain::id::NodeId;
use crate::domain::message::Message;
use crate::domain::request::{ModelRef, Sampling, TimeLimits};
use crate::lm::kernel::Instructions;
use crate::runtime::headless::{Headless, Manner, Output, Standing};
use crate::runtime::parts::Parts;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::Arc;
use std::time::Instant;

/// Tokens of every answer.
const TOKENS: u32 = 128;
/// A conversation of some 300 tokens.
const CONVERSATION: [&str; 3] = [
    include_str!("../../../data/bench/first_question.txt"),
    include_str!("../../../data/bench/first_answer.txt"),
    include_str!("../../../data/bench/question.txt"),
];

/// One turn. Seconds count from its start; the field names are those of the script that measures servers.
#[derive(Debug, Clone, Default, Serialize)]
struct Turn {
    seconds: f64,
    first_reference_token_seconds: f64,
    references_seconds: f64,
    first_aggregator_token_seconds: f64,
    tokens_per_second: f64,
    references_tokens_per_second: f64,
    aggregator_decode_tokens_per_second: f64,
    tokens: u64,
    reference_prompt_tokens: u64,
    references_cached: u64,
    aggregator_prompt_tokens: u64,
    aggregator_cached: u64,
}

#[derive(Serialize)]
struct Median<'a> {
    peer: &'static str,
    version: &'static str,
    model: &'a str,
    kernels: &'static str,
    threads: usize,
    references: u32,
    max_tokens: u32,
    repeat: u32,
    median: Turn,
}

pub async fn run(bench: &Bench<'_>, parts: &Parts) -> anyhow::Result<()> {
    let references = bench.args.references;
    let (model, _) = bench.open()?;
    let ends = (0..).take(model.tokenizer.len());
    let ends: Vec<u32> = ends
        .filter(|&token| model.tokenizer.is_end(token))
        .collect();
    drop(model);
    let council = council(bench, &ends);
    let mut turns = Vec::new();
    // The first turn loads the model; it does not count.
    for number in 0..=bench.args.repeat {
        let turn = measure(parts, &council, number).await?;
        if number == 0 {
            continue;
        }
        let sentence = format!(
            "turn {number}: {:.2} s; first reference token after {:.2} s, references done after {:.2} s, first token of the answer \
             after {:.2} s; {} tokens, {} + {} prompt tokens of which {} + {} were cached",
            turn.seconds,
            turn.first_reference_token_seconds,
            turn.references_seconds,
            turn.first_aggregator_token_seconds,
            turn.tokens,
            turn.reference_prompt_tokens * u64::from(references),
            turn.aggregator_prompt_tokens,
            turn.references_cached,
            turn.aggregator_cached,
        );
        bench.say(&turn, &sentence)?;
        turns.push(turn);
    }
    let threads = bench.pool()?.threads();
    let median = Median {
        peer: "synod",
        version: env!("CARGO_PKG_VERSION"),
        model: &bench.name,
        kernels: Instructions::detect().name(),
        threads,
        references,
        max_tokens: TOKENS,
        repeat: bench.args.repeat,
        median: median(&turns),
    };
    let sentence = format!(
        "median of {}: {:.2} s a turn, {:.0} tokens/s ({} kernels, {threads} threads)",
        turns.len(),
        median.median.seconds,
        median.median.tokens_per_second,
        median.kernels,
    );
    bench.say(&median, &sentence)
}

/// The council of the default preset on the bench's model; nobody may end before the last token.
fn council(bench: &Bench<'_>, ends: &[u32]) -> Council {
    let model = ModelRef::new(bench.path.to_string_lossy(), crate::domain::request::LOCAL);
    let agent = |part: &str, count| Agent {
        adapters: Vec::new(),
        part: part.to_owned(),
        name: None,
        model: model.clone(),
        count,
        rounds: Vec::new(),
        system: None,
        sampling: Sampling::default(),
        limits: None,
        context: None,
    };
    let hour = 3_600_000;
    Council {
        name: "bench".to_owned(),
        title: "bench".to_owned(),
        society: "moa".to_owned(),
        description: String::new(),
        system: None,
        sampling: Sampling {
            temperature: Some(0.7),
            max_tokens: Some(TOKENS),
            logit_bias: ends
                .iter()
                .map(|token| (token.to_string(), f32::NEG_INFINITY))
                .collect::<BTreeMap<_, _>>(),
            ..Sampling::default()
        },
        limits: TimeLimits {
            connect_ms: hour,
            first_token_ms: hour,
            idle_ms: hour,
            total_ms: hour,
        },
        context: crate::domain::council::Context::Full,
        multi_turn: true,
        num_proc: 0,
        device: crate::domain::device::Device::Auto,
        agents: vec![
            agent(
                "reference",
                u16::try_from(bench.args.references).unwrap_or(u16::MAX),
            ),
            agent("aggregator", 1),
        ],
        // As in the default preset: the conversation stays a common beginning.
        settings: [("inject".to_owned(), "tail".into())].into_iter().collect(),
        tools: serde_json::Map::new(),
    }
}

async fn measure(parts: &Parts, council: &Council, number: u32) -> anyhow::Result<Turn> {
    let [first, answer, question] = CONVERSATION.map(str::trim_end);
    let standing = Standing {
        // A new first line in every turn, so that no cache serves it.
        conversation: vec![
            Message::user(format!("Note {number:08}\n{first}")),
            Message::assistant(answer),
        ],
        ..Standing::default()
    };
    let mut headless = Headless::new(
        Arc::clone(&parts.backends),
        Arc::clone(&parts.clock),
        council.clone(),
        Manner::default(),
        Some(u64::from(number)),
        standing,
    );
    let mut watch = Watch::new();
    let mut keep = |event: &Event| watch.see(event);
    let (mut answers, mut remarks) = (io::sink(), io::sink());
    let mut output = Output {
        answers: &mut answers,
        remarks: &mut remarks,
        keep: Some(&mut keep),
    };
    let outcome = headless
        .answer(question, &mut output, &Cancel::new())
        .await?;
    match outcome {
        Outcome::Answered { .. } => Ok(watch.turn()),
        Outcome::Failed { fault } => Err(fault.into()),
        Outcome::Stopped { .. } => anyhow::bail!("the turn was stopped"),
    }
}

/// Reads the clock when things happen.
struct Watch {
    start: Instant,
    answering: HashMap<NodeId, bool>,
    first: [Option<f64>; 2],
    last: [f64; 2],
    /// Tokens drawn, prompt tokens, cached ones; of references and of the aggregator.
    counts: [[u64; 3]; 2],
    references: u64,
}

impl Watch {
    fn new() -> Self {
        Self {
            start: Instant::now(),
            answering: HashMap::new(),
            first: [None; 2],
            last: [0.0; 2],
            counts: [[0; 3]; 2],
            references: 0,
        }
    }

    fn see(&mut self, event: &Event) {
        let now = self.start.elapsed().as_secs_f64();
        match &event.kind {
            Kind::Planned { plan } => {
                for node in &plan.nodes {
                    self.answering.insert(node.id, node.is_answer);
                }
            }
            Kind::Delta { node, .. } => {
                self.first[self.side(*node)].get_or_insert(now);
            }
            Kind::Done { node, usage, .. } => {
                let side = self.side(*node);
                self.last[side] = now;
                self.references += u64::from(side == 0);
                let counts = [
                    usage.completion_tokens,
                    usage.prompt_tokens,
                    usage.cached_tokens,
                ];
                for (sum, count) in self.counts[side].iter_mut().zip(counts) {
                    *sum += count;
                }
            }
            _ => {}
        }
    }

    fn side(&self, node: NodeId) -> usize {
        usize::from(self.answering.get(&node).copied().unwrap_or(false))
    }

    fn turn(&self) -> Turn {
        let [references, aggregator] = self.counts;
        let first = self.first.map(|first| first.unwrap_or(0.0));
        let per_second = |tokens: u64, seconds: f64| rounded(tokens as f64 / seconds.max(1e-9));
        Turn {
            seconds: rounded(self.last[1]),
            first_reference_token_seconds: rounded(first[0]),
            references_seconds: rounded(self.last[0]),
            first_aggregator_token_seconds: rounded(first[1]),
            tokens_per_second: per_second(references[0] + aggregator[0], self.last[1]),
            references_tokens_per_second: per_second(references[0], self.last[0]),
            aggregator_decode_tokens_per_second: per_second(
                aggregator[0].saturating_sub(1),
                self.last[1] - first[1],
            ),
            tokens: references[0] + aggregator[0],
            reference_prompt_tokens: references[1] / self.references.max(1),
            references_cached: references[2],
            aggregator_prompt_tokens: aggregator[1],
            aggregator_cached: aggregator[2],
        }
    }
}

/// The median of each figure.
fn median(turns: &[Turn]) -> Turn {
    let middle = |figure: &dyn Fn(&Turn) -> f64| {
        let mut all: Vec<f64> = turns.iter().map(figure).collect();
        all.sort_by(f64::total_cmp);
        match all.len() {
            0 => 0.0,
            n if n % 2 == 1 => all[n / 2],
            n => f64::midpoint(all[n / 2 - 1], all[n / 2]),
        }
    };
    let whole = |figure: &dyn Fn(&Turn) -> u64| middle(&|turn| figure(turn) as f64) as u64;
    Turn {
        seconds: middle(&|t| t.seconds),
        first_reference_token_seconds: middle(&|t| t.first_reference_token_seconds),
        references_seconds: middle(&|t| t.references_seconds),
        first_aggregator_token_seconds: middle(&|t| t.first_aggregator_token_seconds),
        tokens_per_second: middle(&|t| t.tokens_per_second),
        references_tokens_per_second: middle(&|t| t.references_tokens_per_second),
        aggregator_decode_tokens_per_second: middle(&|t| t.aggregator_decode_tokens_per_second),
        tokens: whole(&|t| t.tokens),
        reference_prompt_tokens: whole(&|t| t.reference_prompt_tokens),
        references_cached: whole(&|t| t.references_cached),
        aggregator_prompt_tokens: whole(&|t| t.aggregator_prompt_tokens),
        aggregator_cached: whole(&|t| t.aggregator_cached),
    }
}
