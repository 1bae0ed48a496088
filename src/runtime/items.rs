//! A council over many items without a screen: several at once, each kept as soon as it is done, so that a stop or a kill
//! loses only what was under way.
//!
//! An item that failed is a missing result with its reason, never an empty answer. Nobody is there to ask: questions of tools
//! are answered by the rule in [`ItemOptions`].

mod fold;
mod likelihood;
mod log;
mod pass;
mod work;

pub use fold::{Ballot, Drawn, ItemResult, ToolCall};
pub use likelihood::{ChoiceTask, already_scored, score_items};
pub use log::{ItemsHeader, read};

use super::parts::Parts;
use super::shed::Shed;
use crate::backend::Backends;
use crate::domain::cancel::Cancel;
use crate::domain::clock::Clock;
use crate::domain::council::Council;
use crate::domain::fault::Fault;
use crate::domain::message::Message;
use crate::store::paths::Paths;
use crate::tool::permit::Permissions;
use pass::{Job, pass};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use work::Work;

/// Items under way at once when nothing else is asked for: they share one pass over a local model's weights.
pub const PARALLEL: usize = 8;

/// What a run needs.
#[derive(Clone)]
pub struct ItemParts {
    pub backends: Arc<Backends>,
    pub clock: Arc<dyn Clock>,
    /// Where notes of agents are kept and their programs run; without it no agent has tools.
    pub paths: Option<Paths>,
}

impl From<&Parts> for ItemParts {
    fn from(parts: &Parts) -> Self {
        Self {
            backends: Arc::clone(&parts.backends),
            clock: Arc::clone(&parts.clock),
            paths: Some(parts.paths.clone()),
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
    on_done: impl FnMut(&mut ItemResult),
) -> Result<ItemsEnd, ItemsError> {
    let jobs: Vec<Job> = tasks
        .iter()
        .map(|task| Job {
            id: task.id.clone(),
            fingerprint: fingerprint(council, task),
        })
        .collect();
    let tools = parts.paths.as_ref().map(|paths| {
        let nobody = Permissions::headless(options.allowed_tools.clone());
        let (clock, backends) = (Arc::clone(&parts.clock), Arc::clone(&parts.backends));
        Arc::new(Shed::new(paths, clock, backends, nobody))
    });
    let work = |index: usize, job: &Job, cancel: Cancel| {
        Work {
            parts: parts.clone(),
            council: council.clone(),
            task: tasks[index].clone(),
            fingerprint: job.fingerprint.clone(),
            tools: tools.clone(),
            allowed_tools: options.allowed_tools.clone(),
            cancel,
        }
        .run()
    };
    pass(&parts.clock, &jobs, options, cancel, on_done, work).await
}

/// How many of these tasks a log has answered already, so that a progress line can begin there. 0 when it cannot be read.
#[must_use]
pub fn already(log: Option<&Path>, council: &Council, tasks: &[ItemTask]) -> usize {
    let jobs = tasks.iter().map(|task| Job {
        id: task.id.clone(),
        fingerprint: fingerprint(council, task),
    });
    pass::already(log, jobs)
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
    digest(&serde_json::json!({
        "council": council,
        "conversation": task.conversation,
        "seed": task.seed,
    }))
}

fn digest(identity: &serde_json::Value) -> String {
    let digest = Sha256::digest(identity.to_string().as_bytes());
    digest[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
