//! `synod debate`: a data set through a debate, scored round by round, and kept in the format of the original program.

mod report;
mod run;
mod transcripts;

pub use report::{Report, RoundRow};
pub use run::{DebateRun, debate};

use super::chat;
use super::interrupt::Interrupt;
use super::set_flags::SetFlags;
use crate::domain::council::Council;
use crate::domain::request::ModelRef;
use crate::runtime::headless::{BAD_ARGUMENTS, BAD_DATA, fault_code};
use crate::runtime::items::{ItemParts, PARALLEL};
use crate::runtime::parts::Parts;
use crate::society;
use crate::task::set::{self, Item, Kind, Set, Split};
use clap::Args;
use serde_json::Value;
use std::io::{self, Write};
use std::path::PathBuf;

const PRESET: &str = "debate";
const SOCIETY: &str = "debate";
const JUDGE: &str = "judge";
const SUMMARIZER: &str = "summarizer";

/// Flags of `synod debate`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "--out FILE holds the debates as the original program saves them; FILE.jsonl beside it keeps every item as \
    soon as it is done, and the same command goes on from it after a stop or a kill.\n\
    Exit codes: 0 done, 1 failed, 2 bad arguments, 3 bad data or model, 4 out of a resource, 130 interrupted."
)]
pub struct DebateArgs {
    /// File or folder with the questions, as `synod eval` takes them; `arithmetic` makes sums up
    #[arg(long, value_name = "FILE")]
    pub data: PathBuf,
    /// Preset of a debate
    #[arg(long, default_value = PRESET, value_name = "NAME")]
    pub preset: String,
    /// Model of all agents instead of the preset's: MODEL or MODEL@ENDPOINT
    #[arg(long, value_name = "MODEL")]
    pub model: Option<ModelRef>,
    /// So many agents: the first of the preset, or more of the same
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub agents: Option<u16>,
    /// So many rounds
    #[arg(long, value_name = "M", value_parser = clap::value_parser!(u16).range(1..=32))]
    pub rounds: Option<u16>,
    /// Each agent reads a summary of the others' answers
    #[arg(long, conflicts_with = "direct")]
    pub summarize: bool,
    /// Each agent reads the others' answers as they are
    #[arg(long)]
    pub direct: bool,
    /// Whether two answers are the same: strict, or compat as the original program counts
    #[arg(long, value_name = "GRADER", value_parser = ["strict", "compat"])]
    pub grader: Option<String>,
    /// Most tokens of each answer
    #[arg(long, value_name = "N")]
    pub max_tokens: Option<u32>,
    /// Part of the set: dev or test
    #[arg(long, default_value = "test", value_name = "SPLIT")]
    pub split: Split,
    /// Keep the debates in this file
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Items asked at once
    #[arg(long, default_value_t = PARALLEL as u32, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub parallel: u32,
    #[command(flatten)]
    pub set: SetFlags,
}

/// A sentence for a person, and the exit code.
pub type Refusal = (String, i32);

/// Holds the debates; the exit code.
///
/// # Errors
///
/// When output cannot be written.
pub async fn run(args: &DebateArgs, parts: &Parts) -> anyhow::Result<i32> {
    for problem in &parts.problems {
        writeln!(io::stderr(), "! {problem}")?;
    }
    let run = match prepare(args, parts) {
        Ok(run) => run,
        Err(refusal) => return refuse(&refusal),
    };
    let interrupt = Interrupt::listen();
    let cancel = interrupt.cancel();
    if let Err(fault) = chat::provide(parts, &run.council, cancel).await {
        return refuse(&(fault.to_string(), fault_code(&fault)));
    }
    let (report, code) = match debate(&ItemParts::from(parts), &run, cancel).await {
        Ok(done) => done,
        Err(refusal) => return refuse(&refusal),
    };
    super::report::show(&report, args.set.json, report.given_up.as_ref())?;
    Ok(code)
}

fn prepare(args: &DebateArgs, parts: &Parts) -> Result<DebateRun, Refusal> {
    let is_known = parts
        .presets
        .iter()
        .any(|preset| preset.name == args.preset);
    let code = if is_known { BAD_DATA } else { BAD_ARGUMENTS };
    let base = parts.council(&args.preset).map_err(|text| (text, code))?;
    let mut set = set::load(&args.data, args.set.format, args.split)
        .map_err(|error| (error.to_string(), BAD_DATA))?;
    set.items.retain(|item| item.kind != Kind::Free);
    set.items.truncate(args.set.most());
    let council = council(args, base, &set)?;
    Ok(DebateRun {
        set,
        council,
        out: args.out.clone(),
        parallel: args.parallel as usize,
        seed: args.set.seed,
        shows_progress: true,
    })
}

/// The preset's council with the flags over it, looking for the kind of answer the data has.
///
/// # Errors
///
/// When the preset is no debate, or the flags do not fit it.
pub fn council(args: &DebateArgs, mut council: Council, set: &Set) -> Result<Council, Refusal> {
    if council.society != SOCIETY {
        let text = format!(
            "preset \"{}\" is no debate (its society is \"{}\"); give another --preset",
            council.name, council.society
        );
        return Err((text, BAD_ARGUMENTS));
    }
    let kind = kind(set).map_err(|text| (text, BAD_DATA))?;
    // What cannot be counted is no answer here: a judge would only cost.
    council.agents.retain(|agent| agent.part != JUDGE);
    let mut settings = vec![("task", Value::from(kind)), ("answer", Value::from("vote"))];
    if let Some(rounds) = args.rounds {
        settings.push(("rounds", Value::from(rounds)));
    }
    if args.summarize || args.direct {
        settings.push(("summarize", Value::from(args.summarize)));
    }
    if let Some(grader) = &args.grader {
        settings.push(("grader", Value::from(grader.as_str())));
    }
    for (name, value) in settings {
        council.settings.insert(name.to_owned(), value);
    }
    if let Some(agents) = args.agents {
        seat(&mut council, agents);
    }
    for agent in &mut council.agents {
        if let Some(model) = &args.model {
            agent.model = model.clone();
        }
        if let Some(tokens) = args.max_tokens {
            agent.sampling.max_tokens = Some(tokens);
        }
    }
    match society::build(&council) {
        Ok(_) => Ok(council),
        Err(error) => Err((error.to_string(), BAD_DATA)),
    }
}

/// So many agents of each part, in the preset's order and again from its start.
fn seat(council: &mut Council, agents: u16) {
    let mut parts: Vec<String> = Vec::new();
    for agent in &council.agents {
        if agent.part != SUMMARIZER && !parts.contains(&agent.part) {
            parts.push(agent.part.clone());
        }
    }
    let mut seated = Vec::new();
    for part in parts {
        let copies = council.agents.iter().filter(|agent| agent.part == part);
        let singles = copies.flat_map(|agent| {
            std::iter::repeat_n(agent, usize::from(agent.count.max(1))).map(|agent| {
                let mut single = agent.clone();
                single.count = 1;
                single
            })
        });
        let singles: Vec<_> = singles.collect();
        seated.extend(singles.into_iter().cycle().take(usize::from(agents)));
    }
    seated.extend(
        council
            .agents
            .iter()
            .filter(|agent| agent.part == SUMMARIZER)
            .cloned(),
    );
    council.agents = seated;
}

/// The kind of answer all items have.
fn kind(set: &Set) -> Result<&'static str, String> {
    let Some(first) = set.items.first() else {
        return Err(format!(
            "the data {}: no item has an answer to vote on",
            set.name
        ));
    };
    let name = |item: &Item| match item.kind {
        Kind::Maths => "maths",
        Kind::Number => "number",
        Kind::Choice => "choice",
        Kind::Exact | Kind::Free => "auto",
    };
    if set.items.iter().any(|item| name(item) != name(first)) {
        return Err(format!(
            "the data {}: its items have different kinds of answers ({} and others); a debate looks for one",
            set.name,
            name(first)
        ));
    }
    Ok(name(first))
}

fn refuse((text, code): &Refusal) -> anyhow::Result<i32> {
    writeln!(io::stderr(), "synod: {text}")?;
    Ok(*code)
}
