//! `synod plan`: agents with tools over a file of tasks, without a screen: steps, calls, tokens and outcome of each.
//!
//! Nobody is there to ask: a tool with an effect is refused unless a flag permits it, and the agent goes on without it.

use super::chat;
use super::flags::CouncilFlags;
use super::interrupt::Interrupt;
use super::item_line::ItemLine;
use super::set_flags::SetFlags;
use crate::domain::council::Council;
use crate::domain::event::Outcome;
use crate::domain::message::Message;
use crate::runtime::headless::{BAD_DATA, DONE, FAILED, INTERRUPTED, fault_code};
use crate::runtime::items::{self, ItemOptions, ItemParts, ItemResult, ItemTask, run_items};
use crate::runtime::parts::Parts;
use crate::society::planner::ANSWER;
use crate::task::figure::Share;
use crate::task::prompt;
use crate::task::read::{Parser, grade};
use crate::task::set::{self, Item, Kind, Split};
use clap::Args;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;

/// The agent that is asked when no preset is named.
const PRESET: &str = "planner";
/// A planner's step begins with one of these parts.
const PLANNERS: [&str; 2] = ["planner", "backbone"];

/// Flags of `synod plan`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "A task is a line of JSON with a question (or prompt, or problem), and if there is one an answer to compare with. \
    A run with --out can be stopped and killed; the same command goes on where it was. The preset's [settings] say how far \
    it searches (strategy, width, max_calls, restarts) and whether calls come in the endpoint's own field (tools)."
)]
pub struct PlanArgs {
    /// File of tasks: JSON lines with question and answer, or any set that `synod eval` reads
    pub data: PathBuf,
    #[command(flatten)]
    pub council: CouncilFlags,
    /// Tools that may run although they have an effect, by name or effect: exec, network, write, server
    #[arg(long, value_name = "TOOLS", value_delimiter = ',')]
    pub allow: Vec<String>,
    /// Keep every task in this file, and go on from what it has
    #[arg(long, value_name = "RUN.jsonl")]
    pub out: Option<PathBuf>,
    /// Tasks under way at once
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub parallel: u32,
    #[command(flatten)]
    pub set: SetFlags,
}

/// What a run brought.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    pub preset: String,
    pub items: Vec<Row>,
    pub total: Total,
}

/// One task.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    pub id: String,
    /// `answered`, `partial`, `gave_up`, `stopped` or `failed`.
    pub outcome: String,
    pub steps: usize,
    /// Calls of tools that ran.
    pub calls: usize,
    /// Calls that brought an error instead of a result, refused ones included.
    pub errors: usize,
    /// Of all generations, in and out.
    pub tokens: u64,
    pub milliseconds: u64,
    /// Absent when there is no answer to compare with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_right: Option<bool>,
}

/// Sums over all tasks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Total {
    pub items: usize,
    pub outcomes: BTreeMap<String, usize>,
    pub steps: usize,
    pub calls: usize,
    pub errors: usize,
    pub tokens: u64,
    /// By tool, the calls that ran.
    pub tools: BTreeMap<String, usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub right: Option<Share>,
}

/// Runs the tasks; the exit code.
///
/// # Errors
///
/// When output cannot be written.
pub async fn run(args: &PlanArgs, parts: &Parts) -> anyhow::Result<i32> {
    for problem in &parts.problems {
        writeln!(io::stderr(), "! {problem}")?;
    }
    let mut flags = args.council.clone();
    flags.preset.get_or_insert_with(|| PRESET.to_owned());
    let council = match chat::council(&flags, parts) {
        Ok(council) => council,
        Err((text, code)) => return refuse(&text, code),
    };
    let mut set = match set::load(&args.data, args.set.format, Split::Test) {
        Ok(set) => set.items,
        Err(error) => return refuse(&error.to_string(), BAD_DATA),
    };
    set.truncate(args.set.most());
    let interrupt = Interrupt::listen();
    if let Err(fault) = chat::provide(parts, &council, interrupt.cancel()).await {
        return refuse(&fault.to_string(), fault_code(&fault));
    }
    let tasks: Vec<ItemTask> = set.iter().map(|item| task(item, args.set.seed)).collect();
    let options = ItemOptions {
        parallel: args.parallel as usize,
        log: args.out.clone(),
        allowed_tools: args.allow.clone(),
    };
    let taken = items::already(options.log.as_deref(), &council, &tasks);
    let mut line = ItemLine::on_stderr(tasks.len(), taken);
    let items = ItemParts::from(parts);
    let cancel = interrupt.cancel();
    let end = run_items(&items, &council, &tasks, &options, cancel, |result| {
        line.step(&format!("{} calls of tools", result.tools.len()));
    })
    .await;
    line.clear();
    let end = match end {
        Ok(end) => end,
        Err(error) => return refuse(&error.to_string(), FAILED),
    };
    let report = Report::new(&council, &set, &end.results);
    let mut out = io::stdout();
    if args.set.json {
        serde_json::to_writer(&mut out, &report)?;
        writeln!(out)?;
    } else {
        write!(out, "{report}")?;
    }
    if let Some(fault) = &end.given_up {
        return refuse(
            &format!("nothing answered, so the run was given up: {fault}"),
            FAILED,
        );
    }
    let has_failed = report.total.outcomes.contains_key("failed");
    Ok(match (end.is_interrupted, has_failed) {
        (true, _) => INTERRUPTED,
        (false, true) => FAILED,
        (false, false) => DONE,
    })
}

fn refuse(text: &str, code: i32) -> anyhow::Result<i32> {
    writeln!(io::stderr(), "synod: {text}")?;
    Ok(code)
}

fn task(item: &Item, seed: u64) -> ItemTask {
    ItemTask {
        id: item.id.clone(),
        conversation: vec![Message::user(prompt::ask(item, None))],
        seed: items::seed(seed, &item.id),
    }
}

impl Report {
    /// The figures of results; tasks that were not reached are not among them.
    #[must_use]
    pub fn new(council: &Council, items: &[Item], results: &[ItemResult]) -> Self {
        let rows: Vec<Row> = results
            .iter()
            .map(|result| row(result, items.iter().find(|item| item.id == result.id)))
            .collect();
        let mut outcomes = BTreeMap::new();
        let mut tools = BTreeMap::new();
        for row in &rows {
            *outcomes.entry(row.outcome.clone()).or_default() += 1;
        }
        for call in results.iter().flat_map(|result| &result.tools) {
            *tools.entry(call.tool.clone()).or_default() += 1;
        }
        let sum = |of: fn(&Row) -> usize| rows.iter().map(of).sum();
        let graded: Vec<bool> = rows.iter().filter_map(|row| row.is_right).collect();
        Self {
            preset: council.name.clone(),
            total: Total {
                items: rows.len(),
                outcomes,
                steps: sum(|row| row.steps),
                calls: sum(|row| row.calls),
                errors: sum(|row| row.errors),
                tokens: rows.iter().map(|row| row.tokens).sum(),
                tools,
                right: (!graded.is_empty()).then(|| Share::of(graded)),
            },
            items: rows,
        }
    }
}

fn row(result: &ItemResult, item: Option<&Item>) -> Row {
    let of_part = |part: &str| {
        result
            .plan
            .nodes
            .iter()
            .filter(|node| node.part == part)
            .count()
    };
    let outcome = match &result.outcome {
        Outcome::Answered { .. } => result.mark(ANSWER, "outcome").unwrap_or("answered"),
        Outcome::Stopped { .. } => "stopped",
        Outcome::Failed { .. } => "failed",
    };
    let codes = result
        .marks
        .values()
        .filter(|marks| marks.contains_key("code"));
    let graded = item.filter(|item| item.kind != Kind::Free);
    Row {
        id: result.id.clone(),
        outcome: outcome.to_owned(),
        steps: PLANNERS.iter().map(|part| of_part(part)).sum(),
        calls: result.tools.len(),
        errors: codes.count(),
        tokens: result.usage.prompt_tokens + result.usage.completion_tokens,
        milliseconds: result.millis,
        is_right: graded.map(|item| {
            let text = result.answer().unwrap_or_default();
            grade(item, text, Parser::Strict, None).is_right
        }),
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let widest = self.items.iter().map(|row| row.id.chars().count()).max();
        let wide = widest.unwrap_or(0).max("task".len());
        writeln!(
            f,
            "{:wide$}  {:9} {:>5} {:>5} {:>6} {:>7} {:>7}",
            "task", "outcome", "steps", "calls", "errors", "tokens", "seconds"
        )?;
        for row in &self.items {
            let right = match row.is_right {
                Some(true) => "  right",
                Some(false) => "  wrong",
                None => "",
            };
            writeln!(
                f,
                "{:wide$}  {:9} {:>5} {:>5} {:>6} {:>7} {:>7.1}{right}",
                row.id,
                row.outcome,
                row.steps,
                row.calls,
                row.errors,
                row.tokens,
                row.milliseconds as f64 / 1000.0
            )?;
        }
        let total = &self.total;
        let list = |table: &BTreeMap<String, usize>| {
            let words: Vec<String> = table
                .iter()
                .map(|(name, count)| format!("{count} {name}"))
                .collect();
            words.join(", ")
        };
        writeln!(
            f,
            "\n{}: {} tasks: {}",
            self.preset,
            total.items,
            list(&total.outcomes)
        )?;
        writeln!(
            f,
            "{} steps, {} calls ({}), {} errors, {} tokens",
            total.steps,
            total.calls,
            list(&total.tools),
            total.errors,
            total.tokens
        )?;
        if let Some(right) = &total.right {
            writeln!(
                f,
                "right: {} of {} = {:.1} % [{:.1}, {:.1}]",
                right.count,
                right.of,
                100.0 * right.share,
                100.0 * right.low,
                100.0 * right.high
            )?;
        }
        Ok(())
    }
}
