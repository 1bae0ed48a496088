//! `synod eval`: how many items of a data set a model, an adapter or a council gets right, and whether that is more than
//! another run, or than its own answering agent alone.

mod alone;
mod report;
mod run;
mod shots;

pub use report::{Comparison, DomainRow, Report, Summary};
pub use run::{Evaluation, evaluate};

use super::chat;
use super::flags::CouncilFlags;
use super::interrupt::Interrupt;
use super::set_flags::SetFlags;
use crate::domain::council::Council;
use crate::domain::request::AdapterRef;
use crate::runtime::headless::{BAD_ARGUMENTS, BAD_DATA, FAILED, fault_code};
use crate::runtime::items::{ItemParts, PARALLEL};
use crate::runtime::parts::Parts;
use crate::task::prompt;
use crate::task::random::Mersenne;
use crate::task::read::Parser;
use crate::task::set::{self, Kind, Set, Split};
use clap::Args;
use std::io::{self, Write};
use std::path::PathBuf;

/// What is measured when nothing is named: one local model.
const PLAIN: &str = "plain";

/// Flags of `synod eval`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "A run with --out can be stopped and killed; the same command goes on where it was. Items that failed are no \
    wrong answers: they are counted apart and asked again by the next run.\n\
    Exit codes: 0 done, 1 failed, 2 bad arguments, 3 bad data or model, 4 out of a resource, 130 interrupted."
)]
pub struct EvalArgs {
    /// File or folder: GSM8K, MATH, MMLU and CMMLU tables, Model Swarms' JSON, or JSON lines with question, answer and choices;
    /// `arithmetic` or `arithmetic:SEED` makes sums up, `sprout`, `sprout:DOMAIN` or `sprout:DOMAIN:SEED` the tasks of the model
    /// in the box
    pub data: PathBuf,
    #[command(flatten)]
    pub council: CouncilFlags,
    /// Adapter over the local model that answers (a folder as PEFT saves it); repeat it for several
    #[arg(long, value_name = "DIR")]
    pub adapter: Vec<PathBuf>,
    /// Part of the set: dev or test
    #[arg(long, default_value = "test", value_name = "SPLIT")]
    pub split: Split,
    /// Draw the items of --limit at random, by this seed, instead of taking the first
    #[arg(long, value_name = "SEED")]
    pub sample: Option<u64>,
    /// How answers are read: strict, or original as the programs that published figures come from
    #[arg(long, default_value = "strict", value_name = "PARSER")]
    pub parser: Parser,
    /// File with a prompt in place of the built-in one; {question} and {options} stand in it for those
    #[arg(long, value_name = "FILE")]
    pub prompt: Option<PathBuf>,
    /// So many solved examples before each question, drawn by --seed from the part of the data that is not asked; they are
    /// never asked themselves
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub shots: Option<u32>,
    /// File to draw the solved examples from instead
    #[arg(long, value_name = "FILE", requires = "shots")]
    pub shots_from: Option<PathBuf>,
    /// Also ask the agent that gives the council's answer alone, and compare the two
    #[arg(long)]
    pub alone: bool,
    /// An earlier run's file to compare with, item by item
    #[arg(long, value_name = "RUN.jsonl")]
    pub compare: Option<PathBuf>,
    /// Keep every item in this file, and go on from what it has
    #[arg(long, value_name = "RUN.jsonl")]
    pub out: Option<PathBuf>,
    /// Tools that may run although they have an effect, by name or effect: exec, network, write, server
    #[arg(long, value_name = "TOOLS", value_delimiter = ',')]
    pub allow: Vec<String>,
    /// Items asked at once
    #[arg(long, default_value_t = PARALLEL as u32, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub parallel: u32,
    /// Multiple choice by how likely the model finds each letter, without writing; one local model
    #[arg(long, conflicts_with_all = ["alone", "parser"])]
    pub likelihood: bool,
    #[command(flatten)]
    pub set: SetFlags,
}

/// A sentence for a person, and the exit code.
type Refusal = (String, i32);

/// Evaluates; the exit code.
///
/// # Errors
///
/// When output cannot be written.
pub async fn run(args: &EvalArgs, parts: &Parts) -> anyhow::Result<i32> {
    for problem in &parts.problems {
        writeln!(io::stderr(), "! {problem}")?;
    }
    let evaluation = match prepare(args, parts) {
        Ok(evaluation) => evaluation,
        Err(refusal) => return refuse(&refusal),
    };
    let interrupt = Interrupt::listen();
    let cancel = interrupt.cancel();
    if let Err(fault) = chat::provide(parts, &evaluation.council, cancel).await {
        return refuse(&(fault.to_string(), fault_code(&fault)));
    }
    let items = ItemParts::from(parts);
    let (report, code) = match evaluate(&items, &evaluation, cancel).await {
        Ok(done) => done,
        Err(refusal) => return refuse(&refusal),
    };
    super::report::show(&report, args.set.json, report.given_up.as_ref())?;
    Ok(code)
}

/// Puts together what is to be run.
fn prepare(args: &EvalArgs, parts: &Parts) -> Result<Evaluation, Refusal> {
    let mut flags = args.council.clone();
    flags.preset.get_or_insert_with(|| PLAIN.to_owned());
    let name = flags.preset.clone().unwrap_or_default();
    let mut council = chat::council(&flags, parts)?;
    if council.name != name {
        council.name = format!("{name} {}", council.name);
    }
    with_adapters(&mut council, &args.adapter)?;
    let alone = match args.alone {
        true => Some(alone::alone(&council).map_err(|text| (text, BAD_ARGUMENTS))?),
        false => None,
    };
    let mut set = set::load(&args.data, args.set.format, args.split)
        .map_err(|error| (error.to_string(), BAD_DATA))?;
    let shots = shots::draw(args, &mut set)?;
    let set = choose(set, args)?;
    if args.likelihood {
        check_likelihood(&council, &set).map_err(|text| (text, BAD_ARGUMENTS))?;
    }
    Ok(Evaluation {
        set,
        split: args.split,
        council,
        alone,
        shots,
        prompt: own_prompt(args)?,
        parser: args.parser,
        compare: args.compare.clone(),
        out: args.out.clone(),
        parallel: args.parallel as usize,
        allowed_tools: args.allow.clone(),
        likelihood: args.likelihood,
        seed: args.set.seed,
        shows_progress: true,
    })
}

/// The adapters go over the agent that gives the answer.
fn with_adapters(council: &mut Council, folders: &[PathBuf]) -> Result<(), Refusal> {
    if folders.is_empty() {
        return Ok(());
    }
    let place = alone::answering(council).map_err(|text| (text, BAD_ARGUMENTS))?;
    let Some(agent) = council.agents.get_mut(place) else {
        return Ok(());
    };
    if !agent.model.is_local() {
        let text = format!("--adapter: model \"{}\" is not a local one", agent.model);
        return Err((text, BAD_ARGUMENTS));
    }
    agent.adapters.extend(folders.iter().map(|path| AdapterRef {
        path: path.clone(),
        weight: 1.0,
    }));
    Ok(())
}

/// The items that are asked; those without a right answer cannot be graded.
fn choose(mut set: Set, args: &EvalArgs) -> Result<Set, Refusal> {
    let all = set.items.len();
    set.items.retain(|item| item.kind != Kind::Free);
    if set.items.is_empty() {
        let text = format!(
            "the data {}: none of its {all} items has an answer to compare with; a judge would have to read them",
            args.data.display()
        );
        return Err((text, BAD_DATA));
    }
    if let Some(seed) = args.sample {
        Mersenne::python(seed).shuffle(&mut set.items);
    }
    if let Some(limit) = args.set.limit {
        set.items.truncate(limit as usize);
    }
    Ok(set)
}

/// Likelihoods come from one local model, and only letters are weighed.
fn check_likelihood(council: &Council, set: &Set) -> Result<(), String> {
    let is_local = council.agents.iter().all(|agent| agent.model.is_local());
    if council.society != alone::SINGLE || !is_local {
        return Err(format!(
            "--likelihood needs one local model, and preset \"{}\" is more than that; name one with --model",
            council.name
        ));
    }
    match set.items.iter().find(|item| item.kind != Kind::Choice) {
        None => Ok(()),
        Some(item) => Err(format!(
            "--likelihood weighs options, and item {} has none",
            item.id
        )),
    }
}

fn own_prompt(args: &EvalArgs) -> Result<Option<String>, Refusal> {
    let Some(file) = &args.prompt else {
        return Ok(None);
    };
    let text = std::fs::read_to_string(file).map_err(|error| {
        (
            format!("--prompt: cannot read {}: {error}", file.display()),
            BAD_ARGUMENTS,
        )
    })?;
    if !text.contains(prompt::QUESTION) {
        let text = format!(
            "--prompt: {} has no place for the {}",
            file.display(),
            prompt::QUESTION
        );
        return Err((text, BAD_ARGUMENTS));
    }
    Ok(Some(text))
}

fn refuse((text, code): &Refusal) -> anyhow::Result<i32> {
    writeln!(io::stderr(), "synod: {text}")?;
    Ok(if *code == 0 { FAILED } else { *code })
}
