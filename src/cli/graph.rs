//! `synod graph`: an agent graph over a data set, without a screen: how often it is right, which edges it had, what it cost.
//!
//! Every question draws its own graph, and with `--draws` several. Results are kept in a log, so that a run goes on where it
//! was stopped.

mod questions;
mod report;

pub use questions::{Crossword, Grade, Question, Questions};
pub use report::Report;

use super::chat::provide;
use super::flags::{AD_HOC, CouncilFlags};
use super::interrupt::Interrupt;
use super::item_line::ItemLine;
use super::set_flags::SetFlags;
use crate::domain::council::Council;
use crate::domain::message::Message;
use crate::domain::request::ModelRef;
use crate::runtime::headless::{BAD_ARGUMENTS, BAD_DATA, DONE, FAILED, INTERRUPTED, fault_code};
use crate::runtime::items::{
    self, ItemOptions, ItemParts, ItemTask, ItemsEnd, PARALLEL, run_items,
};
use crate::runtime::parts::Parts;
use crate::society;
use crate::task::set::Split;
use clap::{Args, ValueEnum};
use serde_json::Value;
use std::io::{self, Write};
use std::path::PathBuf;

/// Flags of `synod graph`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "DATA is a file or folder of MMLU or CMMLU tables, a JSON file of Model Swarms, GSM8K, MATH, JSON lines with question \
    and answer, or a file of mini crosswords (their presets have crossword agents).\n\
    Exit codes: 0 done, 1 failed, 2 bad arguments, 3 bad data or model, 130 interrupted (with --out the rest can be done later)."
)]
pub struct GraphArgs {
    /// File or folder of questions
    pub data: PathBuf,
    /// Preset with society = "graph"; for crosswords graph-crosswords when absent
    #[arg(long, value_name = "NAME")]
    pub preset: Option<String>,
    /// Model of all agents instead of the preset's: MODEL or MODEL@ENDPOINT
    #[arg(long, value_name = "MODEL")]
    pub model: Option<String>,
    /// dev or test, where the data has both
    #[arg(long, default_value = "test", value_name = "SPLIT")]
    pub split: Split,
    /// Draw the questions of --limit at random, by this seed, instead of taking the first
    #[arg(long, value_name = "SEED")]
    pub sample: Option<u64>,
    /// Graphs drawn for each question
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub draws: u32,
    /// Which potential edges become real, instead of the preset's way
    #[arg(long, value_name = "WAY")]
    pub realisation: Option<Realisation>,
    /// Edges of --realisation random (the fixed ones counted) and top
    #[arg(long, value_name = "K")]
    pub edges: Option<usize>,
    /// Probability of edges that the preset says nothing about
    #[arg(long, value_name = "P")]
    pub probability: Option<f64>,
    /// As the original: agents that read the question do not hear the others
    #[arg(long)]
    pub compat: bool,
    /// Most tokens of each agent's answer
    #[arg(long, value_name = "N")]
    pub max_tokens: Option<u32>,
    /// Questions under way at once
    #[arg(long, default_value_t = PARALLEL as u32, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub parallel: u32,
    /// Keep every answer in this file, and go on from what it has
    #[arg(long, value_name = "RUN.jsonl")]
    pub out: Option<PathBuf>,
    /// An OpenAI-compatible server (up to /v1) for a --model that names no endpoint
    #[arg(long, alias = "base_url", value_name = "URL", requires = "model")]
    pub base_url: Option<String>,
    /// Environment variable that holds that server's key
    #[arg(long, alias = "key_env", value_name = "NAME", requires = "base_url")]
    pub key_env: Option<String>,
    #[command(flatten)]
    pub set: SetFlags,
}

impl GraphArgs {
    /// The server of `--base-url`, as a chat has it.
    #[must_use]
    pub fn server(&self) -> CouncilFlags {
        CouncilFlags {
            base_url: self.base_url.clone(),
            key_env: self.key_env.clone(),
            ..CouncilFlags::default()
        }
    }

    fn model(&self) -> Result<Option<ModelRef>, String> {
        let Some(name) = &self.model else {
            return Ok(None);
        };
        let model: ModelRef = name.parse()?;
        Ok(Some(match self.base_url {
            Some(_) if model.is_local() => ModelRef::new(model.model, AD_HOC),
            _ => model,
        }))
    }
}

/// Ways to realise a graph, as presets name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Realisation {
    /// Each edge by chance
    Sample,
    /// Edges more probable than the preset's threshold
    Threshold,
    /// All edges that close no cycle
    Full,
    /// Any edges, until there are --edges
    Random,
    /// The --edges most probable ones
    Top,
    /// Agents vote and none reads another
    Closed,
}

/// Runs; the exit code.
///
/// # Errors
///
/// When output cannot be written or the log fails.
pub async fn run(args: &GraphArgs, parts: &Parts) -> anyhow::Result<i32> {
    for problem in &parts.problems {
        writeln!(io::stderr(), "! {problem}")?;
    }
    let questions = match Questions::load(args) {
        Ok(questions) => questions,
        Err(text) => return refuse(&text, BAD_DATA),
    };
    let council = match council(args, parts, &questions) {
        Ok(council) => council,
        Err((text, code)) => return refuse(&text, code),
    };
    let interrupt = Interrupt::listen();
    if let Err(fault) = provide(parts, &council, interrupt.cancel()).await {
        return refuse(&fault.to_string(), fault_code(&fault));
    }
    let tasks = tasks(&questions.list, args);
    let options = ItemOptions {
        parallel: args.parallel as usize,
        log: args.out.clone(),
        ..ItemOptions::default()
    };
    let taken = items::already(args.out.as_deref(), &council, &tasks);
    let mut line = ItemLine::on_stderr(tasks.len(), taken);
    let mut right = 0;
    let end = run_items(
        &ItemParts::from(parts),
        &council,
        &tasks,
        &options,
        interrupt.cancel(),
        |result| {
            let question = questions.of(&result.id);
            let grade = question.map(|question| question.grade(result));
            if let Some(grade) = grade {
                right += usize::from(grade.is_right);
                result.facts.extend(grade.facts());
            }
            line.step(&format!("{right} right"));
        },
    )
    .await?;
    line.clear();
    tell(args, &council, &questions, &end)
}

fn tell(
    args: &GraphArgs,
    council: &Council,
    questions: &Questions,
    end: &ItemsEnd,
) -> anyhow::Result<i32> {
    let report = Report::of(council, questions, &end.results, args.draws);
    let mut out = io::stdout();
    if args.set.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
    } else {
        write!(out, "{report}")?;
    }
    if let Some(fault) = &end.given_up {
        writeln!(io::stderr(), "synod: given up, nothing answered: {fault}")?;
        return Ok(FAILED);
    }
    if end.is_interrupted {
        return Ok(INTERRUPTED);
    }
    Ok(DONE)
}

/// The preset with the flags over it.
fn council(
    args: &GraphArgs,
    parts: &Parts,
    questions: &Questions,
) -> Result<Council, (String, i32)> {
    let usual = if questions.are_crosswords() {
        "graph-crosswords"
    } else {
        "graph"
    };
    let name = args.preset.as_deref().unwrap_or(usual);
    let council = parts.council(name).map_err(|text| (text, BAD_ARGUMENTS))?;
    let council = adapt(args, questions, council).map_err(|text| (text, BAD_ARGUMENTS))?;
    society::build(&council).map_err(|error| (error.to_string(), BAD_DATA))?;
    Ok(council)
}

/// Puts the flags over a council, and a way to read votes that fits the data.
///
/// # Errors
///
/// A sentence for a person: which flag does not fit, and why.
pub fn adapt(
    args: &GraphArgs,
    questions: &Questions,
    mut council: Council,
) -> Result<Council, String> {
    let name = council.name.clone();
    if council.society != "graph" {
        return Err(format!(
            "preset \"{name}\" is of society {}, not graph",
            council.society
        ));
    }
    if let Some(model) = args.model()? {
        for agent in &mut council.agents {
            agent.model = model.clone();
        }
    }
    if args.max_tokens.is_some() {
        council.sampling.max_tokens = args.max_tokens;
        for agent in &mut council.agents {
            agent.sampling.max_tokens = None;
        }
    }
    set(args, questions, &mut council.settings);
    if args.draws > 1 && council.settings.contains_key("seed") {
        return Err(format!(
            "--draws: preset \"{name}\" has a seed, so every draw would be the same"
        ));
    }
    Ok(council)
}

fn set(args: &GraphArgs, questions: &Questions, settings: &mut serde_json::Map<String, Value>) {
    let mut put = |key: &str, value: Value| {
        settings.insert(key.to_owned(), value);
    };
    match args.realisation {
        Some(Realisation::Closed) => put("joining", "closed".into()),
        Some(way) => {
            let word = way.to_possible_value();
            let word = word.map(|value| value.get_name().to_owned());
            put("realisation", word.into());
        }
        None => {}
    }
    if args.realisation == Some(Realisation::Closed) {
        // What is said about potential edges would be about none.
        put("edges", Value::Array(Vec::new()));
    }
    if let Some(count) = args.edges {
        put("count", count.into());
    }
    if let Some(probability) = args.probability {
        put("probability", probability.into());
    }
    if args.compat {
        put("compat", true.into());
    }
    let is_auto = settings.get("answers").is_none_or(|one| one == "auto");
    if let Some(reading) = questions.reading().filter(|_| is_auto) {
        settings.insert("answers".to_owned(), reading.into());
    }
}

/// Every question as often as there are draws, each time with a seed of its own.
#[must_use]
pub fn tasks(questions: &[Question], args: &GraphArgs) -> Vec<ItemTask> {
    let mut tasks = Vec::new();
    for draw in 0..args.draws {
        for question in questions {
            let id = questions::item_id(&question.id, draw);
            tasks.push(ItemTask {
                conversation: vec![Message::user(question.text.clone())],
                seed: items::seed(args.set.seed, &id),
                id,
            });
        }
    }
    tasks
}

fn refuse(text: &str, code: i32) -> anyhow::Result<i32> {
    writeln!(io::stderr(), "synod: {text}")?;
    Ok(code)
}
