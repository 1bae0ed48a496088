//! One run: every item through the debate, kept as it comes, told again from its texts, scored.

use super::Refusal;
use super::report::{Report, Scored};
use super::transcripts;
use crate::cli::item_line::ItemLine;
use crate::domain::cancel::Cancel;
use crate::domain::council::Council;
use crate::domain::id::NodeId;
use crate::domain::message::Message;
use crate::runtime::headless::{BAD_DATA, DONE, FAILED, INTERRUPTED, fault_code};
use crate::runtime::items::{
    ItemOptions, ItemParts, ItemResult, ItemTask, ItemsEnd, ItemsError, run_items,
};
use crate::society::debate::{Account, account};
use crate::store::write;
use crate::task::set::{Item, Set, letter};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What is to be held.
#[derive(Debug, Clone)]
pub struct DebateRun {
    pub set: Set,
    pub council: Council,
    /// The debates, in the original's format; the log of the run stands beside it.
    pub out: Option<PathBuf>,
    pub parallel: usize,
    pub seed: u64,
    /// A line on standard error while it runs.
    pub shows_progress: bool,
}

/// Holds all debates; the report and the exit code.
///
/// # Errors
///
/// A sentence and an exit code, when a file cannot be read or written.
pub async fn debate(
    parts: &ItemParts,
    run: &DebateRun,
    cancel: &Cancel,
) -> Result<(Report, i32), Refusal> {
    let began = parts.clock.now();
    let end = hold(parts, run, cancel).await?;
    let millis = parts.clock.now().saturating_sub(began);
    let items: BTreeMap<&str, &Item> = run
        .set
        .items
        .iter()
        .map(|item| (item.id.as_str(), item))
        .collect();
    let mut debates: Vec<(&Item, Account)> = Vec::new();
    for result in &end.results {
        let Some(item) = items.get(result.id.as_str()) else {
            continue;
        };
        let account = account(&run.council, &question(item), &texts(result))
            .map_err(|error| (error.to_string(), BAD_DATA))?;
        if result.answer().is_some() {
            debates.push((item, account));
        }
    }
    let scored: Vec<Scored> = debates
        .iter()
        .map(|(item, account)| Scored::new(item, account))
        .collect();
    let report = Report::new(run, &end, &scored, millis);
    if let Some(path) = &run.out {
        let told: Vec<(&Item, &Account)> = debates
            .iter()
            .map(|(item, account)| (*item, account))
            .collect();
        let text = transcripts::file(&told).map_err(|error| (error.to_string(), FAILED))?;
        write::atomically(path, text.as_bytes()).map_err(|error| (error.to_string(), FAILED))?;
    }
    Ok((report, code(&end)))
}

async fn hold(parts: &ItemParts, run: &DebateRun, cancel: &Cancel) -> Result<ItemsEnd, Refusal> {
    let tasks: Vec<ItemTask> = run
        .set
        .items
        .iter()
        .map(|item| ItemTask {
            id: item.id.clone(),
            conversation: vec![Message::user(question(item))],
            seed: run.seed,
        })
        .collect();
    let options = ItemOptions {
        parallel: run.parallel,
        log: run.out.as_deref().map(log_beside),
        ..ItemOptions::default()
    };
    let mut line = run
        .shows_progress
        .then(|| ItemLine::on_stderr(tasks.len(), 0));
    let show = |_: &mut ItemResult| {
        if let Some(line) = &mut line {
            line.step("debated");
        }
    };
    let end = run_items(parts, &run.council, &tasks, &options, cancel, show).await;
    if let Some(line) = &mut line {
        line.clear();
    }
    end.map_err(|error| {
        let code = match error {
            ItemsError::Broken { .. } => BAD_DATA,
            _ => FAILED,
        };
        (error.to_string(), code)
    })
}

/// `debates.json` has its log in `debates.json.jsonl`.
fn log_beside(out: &Path) -> PathBuf {
    let mut name = out.as_os_str().to_owned();
    name.push(".jsonl");
    PathBuf::from(name)
}

/// The question with its options, one a line.
fn question(item: &Item) -> String {
    let mut text = item.question.trim_end().to_owned();
    for (index, choice) in item.choices.iter().enumerate() {
        text.push_str(&format!("\n({}) {choice}", letter(index)));
    }
    text
}

/// What the nodes said that ended well.
fn texts(result: &ItemResult) -> BTreeMap<NodeId, String> {
    let ended_well = |node: &NodeId| !result.faults.contains_key(node);
    let texts = result.texts.iter().filter(|(node, _)| ended_well(node));
    texts.map(|(node, text)| (*node, text.clone())).collect()
}

fn code(end: &ItemsEnd) -> i32 {
    if end.is_interrupted {
        return INTERRUPTED;
    }
    match &end.given_up {
        Some(fault) => fault_code(fault),
        None if end.results.iter().all(|result| result.answer().is_none()) => FAILED,
        None => DONE,
    }
}
