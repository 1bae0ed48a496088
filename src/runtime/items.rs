//! A council over many items without a screen: several at once, each kept as soon as it is done, so that a stop or a kill
//! loses only what was under way.
//!
//! An item that failed is a missing result with its reason, never an empty answer. Nobody is there to ask: questions of tools
//! are answered by the rule in [`ItemOptions`].

mod fold;
mod log;

pub use fold::{Ballot, Drawn, ItemResult, ToolCall};
pub use log::{ItemsHeader, read};

use super::parts::Parts;
use super::turn::{self, Stamp, TurnParts};
use crate::app::effect::TurnRequest;
use crate::backend::Backends;
use crate::domain::cancel::Cancel;
use crate::domain::clock::Clock;
use crate::domain::control::Control;
use crate::domain::council::Council;
use crate::domain::event::{Event, Kind, Outcome};
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::id::{MessageId, TurnId};
use crate::domain::message::Message;
use crate::domain::question::{Question, Reply};
use fold::Fold;
use log::ItemLog;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Items under way at once when nothing else is asked for: they share one pass over a local model's weights.
pub const PARALLEL: usize = 8;
/// So many failures before the first answer end the run: the council itself does not work.
const HOPELESS: usize = 8;

/// What a run needs.
#[derive(Clone)]
pub struct ItemParts {
    pub backends: Arc<Backends>,
    pub clock: Arc<dyn Clock>,
}

impl From<&Parts> for ItemParts {
    fn from(parts: &Parts) -> Self {
        Self {
            backends: Arc::clone(&parts.backends),
            clock: Arc::clone(&parts.clock),
        }
    }
}

/// One item to be answered.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemTask {
    /// Unique among the items of a run.
    pub id: String,
    /// Ends with the question.
    pub conversation: Vec<Message>,
    /// Local agents derive their seeds from it.
    pub seed: u64,
}

/// How a run goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemOptions {
    /// Items under way at once; at least one.
    pub parallel: usize,
    /// A file of JSON lines that keeps results; those it has already are taken from it.
    pub log: Option<PathBuf>,
    /// Tools that may run although they change something outside; all others that ask are refused.
    pub allowed_tools: Vec<String>,
}

impl Default for ItemOptions {
    fn default() -> Self {
        Self {
            parallel: PARALLEL,
            log: None,
            allowed_tools: Vec::new(),
        }
    }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ItemsEnd {
    /// In the order of the tasks; what was not reached is not among them.
    pub results: Vec<ItemResult>,
    /// How many of them stood in the log already.
    pub taken: usize,
    /// A person stopped it.
    pub is_interrupted: bool,
    /// It was given up because nothing answered: the last failure.
    pub given_up: Option<Fault>,
}

/// Why a run could not go on.
#[derive(Debug, thiserror::Error)]
pub enum ItemsError {
    #[error("cannot {action} the log {path}: {source}")]
    Io {
        action: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("the log {path}, line {line}: {message}; give another file")]
    Broken {
        path: PathBuf,
        line: usize,
        message: String,
    },
    #[error("the log {path} is being written by another run; wait for it or give another file")]
    Busy { path: PathBuf },
}

/// Runs a council over items. `on_done` sees each new result before it is kept and may add to its `facts`; results that the
/// log had already do not pass it.
///
/// # Errors
///
/// When the log cannot be read or written. What was done before is in it.
pub async fn run_items(
    parts: &ItemParts,
    council: &Council,
    tasks: &[ItemTask],
    options: &ItemOptions,
    cancel: &Cancel,
    mut on_done: impl FnMut(&mut ItemResult),
) -> Result<ItemsEnd, ItemsError> {
    let prints: Vec<String> = tasks
        .iter()
        .map(|task| fingerprint(council, task))
        .collect();
    let mut log = match &options.log {
        Some(path) => Some(ItemLog::open(path, parts.clock.now())?),
        None => None,
    };
    let mut found: BTreeMap<usize, ItemResult> = BTreeMap::new();
    if let Some(log) = &mut log {
        for (index, (task, print)) in tasks.iter().zip(&prints).enumerate() {
            found.extend(log.take(&task.id, print).map(|result| (index, result)));
        }
    }
    let mut end = ItemsEnd {
        taken: found.len(),
        ..ItemsEnd::default()
    };
    let waiting: Vec<usize> = (0..tasks.len())
        .filter(|index| !found.contains_key(index))
        .collect();
    let mut waiting = waiting.into_iter();
    let mut failures = 0;
    let mut has_answered = !found.is_empty();
    let mut under_way = JoinSet::new();
    let stop = cancel.child();
    loop {
        while under_way.len() < options.parallel.max(1) && !stop.is_cancelled() {
            let Some(index) = waiting.next() else { break };
            let work = Work {
                parts: parts.clone(),
                council: council.clone(),
                task: tasks[index].clone(),
                fingerprint: prints[index].clone(),
                allowed_tools: options.allowed_tools.clone(),
                cancel: stop.clone(),
            };
            under_way.spawn(async move { (index, work.run().await) });
        }
        let Some(joined) = under_way.join_next().await else {
            break;
        };
        let Ok((index, mut result)) = joined else {
            continue;
        };
        if matches!(result.outcome, Outcome::Stopped { .. }) {
            continue;
        }
        on_done(&mut result);
        if let Some(log) = &mut log {
            log.append(&result)?;
        }
        if let Outcome::Failed { fault } = &result.outcome {
            failures += 1;
            if !has_answered && failures >= HOPELESS && end.given_up.is_none() {
                end.given_up = Some(fault.clone());
                stop.cancel();
            }
        } else {
            has_answered = true;
        }
        found.insert(index, result);
    }
    end.is_interrupted = cancel.is_cancelled();
    end.results = found.into_values().collect();
    Ok(end)
}

/// How many of these tasks a log has answered already, so that a progress line can begin there. 0 when it cannot be read.
#[must_use]
pub fn already(log: Option<&Path>, council: &Council, tasks: &[ItemTask]) -> usize {
    let Some(results) = log.and_then(|path| read(path).ok()) else {
        return 0;
    };
    let answered: BTreeSet<(&str, &str)> = results
        .iter()
        .filter(|result| result.answer().is_some())
        .map(|result| (result.id.as_str(), result.fingerprint.as_str()))
        .collect();
    let is_answered = |task: &&ItemTask| {
        let print = fingerprint(council, task);
        answered.contains(&(task.id.as_str(), print.as_str()))
    };
    tasks.iter().filter(is_answered).count()
}

/// A seed of its own for an item, whatever stands before it in a run.
#[must_use]
pub fn seed(run: u64, id: &str) -> u64 {
    let digest = Sha256::digest(format!("{run}/{id}").as_bytes());
    digest[..4]
        .iter()
        .fold(0, |sum, &byte| sum << 8 | u64::from(byte))
}

/// What decides whether a logged result is that of this task: the council, the conversation and the seed.
#[must_use]
pub fn fingerprint(council: &Council, task: &ItemTask) -> String {
    let identity = serde_json::json!({
        "council": council,
        "conversation": task.conversation,
        "seed": task.seed,
    });
    let digest = Sha256::digest(identity.to_string().as_bytes());
    digest[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// One item under way.
struct Work {
    parts: ItemParts,
    council: Council,
    task: ItemTask,
    fingerprint: String,
    allowed_tools: Vec<String>,
    cancel: Cancel,
}

impl Work {
    async fn run(self) -> ItemResult {
        let began = self.parts.clock.now();
        let (sender, mut events) = mpsc::unbounded_channel();
        let seq = Arc::new(AtomicU64::new(1));
        let clock = Arc::clone(&self.parts.clock);
        let sink = Stamp::new(TurnId(1), clock, seq, move |event: Event| {
            // Nobody listens only after the end.
            let _ = sender.send(event);
        });
        let turn = TurnParts {
            request: TurnRequest {
                turn: TurnId(1),
                question: MessageId(1),
                conversation: self.task.conversation,
                council: self.council,
                reuse: BTreeMap::new(),
            },
            backends: self.parts.backends,
            sink: Arc::new(sink),
            seed: self.task.seed,
        };
        let handle = turn::start(turn, &Handle::current());
        let mut fold = Fold::default();
        loop {
            let event = tokio::select! {
                biased;
                () = self.cancel.cancelled(), if !handle.cancel.is_cancelled() => {
                    handle.cancel.cancel();
                    continue;
                }
                event = events.recv() => event,
            };
            let Some(event) = event else {
                let message = "the turn ended without an outcome";
                let fault = Fault::new(FaultClass::BadData, message);
                fold.add(Kind::Finished {
                    outcome: Outcome::Failed { fault },
                });
                break;
            };
            if let Kind::Asked { node, question } = &event.kind {
                let reply = reply(question, &self.allowed_tools);
                // A turn that has just ended needs no answer.
                let _ = handle.controls.send(Control::Reply { node: *node, reply });
            }
            let is_last = matches!(event.kind, Kind::Finished { .. });
            fold.add(event.kind);
            if is_last {
                break;
            }
        }
        let millis = self.parts.clock.now().saturating_sub(began);
        fold.end(self.task.id, self.fingerprint, millis)
    }
}

/// What stands in for a person.
fn reply(question: &Question, allowed_tools: &[String]) -> Reply {
    match question {
        Question::Permission { tool, .. } if allowed_tools.contains(tool) => Reply::Once,
        Question::Permission { .. } => Reply::Refuse,
        Question::Words { .. } => Reply::Words {
            text: "nobody is here to answer; go on without it".to_owned(),
        },
    }
}
