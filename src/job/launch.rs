//! Making runs, and sending them back into the queue.

use super::{Job, find};
use crate::domain::clock::Clock;
use crate::domain::event::Kind;
use crate::domain::parameter::{Domain, Value};
use crate::domain::run::{JobCard, RunControl, RunState, RunSummary};
use crate::domain::spec::{Flaw, Spec};
use crate::store::error::StoreError;
use crate::store::paths::Paths;
use crate::store::run::{RunFolder, RunLog, control};
use crate::store::spec_file::{MachineSpec, RunSpec};
use std::path::Path;

/// Why a run cannot be made or asked for something.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    #[error("{}", all(flaws))]
    Spec { flaws: Vec<Flaw> },
    #[error("there is no kind of job \"{0}\"")]
    UnknownKind(String),
    /// The run's state does not allow it.
    #[error("{0}")]
    State(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn all(flaws: &[Flaw]) -> String {
    let lines: Vec<String> = flaws.iter().map(Flaw::to_string).collect();
    lines.join("\n")
}

/// Makes a run and puts it into the queue. Paths in the spec become absolute, from the present folder on.
///
/// # Errors
/// With all that is wrong with the spec, before anything is written; or when the disk refuses.
pub fn create(
    paths: &Paths,
    clock: &dyn Clock,
    spec: &Spec,
    machine: &MachineSpec,
) -> Result<RunFolder, LaunchError> {
    let job = find(&spec.kind).ok_or_else(|| LaunchError::UnknownKind(spec.kind.clone()))?;
    let card = job.card();
    let spec = checked(job.as_ref(), &card, spec)?;
    let now = clock.now();
    let folder = RunFolder::create(paths, now)?;
    let file = RunSpec {
        kind: spec.kind,
        title: spec.title.clone(),
        format: job.format(),
        program: env!("CARGO_PKG_VERSION").into(),
        created: now,
        machine: machine.clone(),
        parameters: spec.values,
        hashes: std::collections::BTreeMap::new(),
    };
    file.write(&folder.spec())?;
    let (mut log, _) = RunLog::open(&folder)?;
    let opened = Kind::Opened {
        card: Box::new(card),
        title: spec.title,
    };
    log.append(now, opened)?;
    log.append(now, state(RunState::Queued, None))?;
    Ok(folder)
}

/// The spec with all values, each of them good.
///
/// # Errors
/// With all that is wrong.
pub fn checked(job: &dyn Job, card: &JobCard, spec: &Spec) -> Result<Spec, LaunchError> {
    let filled = spec
        .filled(card)
        .map_err(|flaws| LaunchError::Spec { flaws })?;
    let spec = absolute(filled, card)?;
    job.check(&spec).map_err(|message| LaunchError::Spec {
        flaws: vec![Flaw { key: None, message }],
    })?;
    Ok(spec)
}

/// A run's process works in its own folder, so paths are made absolute here. A model's name that is no file stays a name.
fn absolute(mut spec: Spec, card: &JobCard) -> Result<Spec, LaunchError> {
    let mut flaws = Vec::new();
    for parameter in &card.parameters {
        let is_path = parameter.domain == Domain::Path;
        let is_new = parameter.domain == Domain::NewPath;
        let Some(Value::Text(text)) = spec.values.get_mut(&parameter.key) else {
            continue;
        };
        if text.is_empty() || !(is_path || is_new || parameter.domain == Domain::Model) {
            continue;
        }
        if !is_new && !Path::new(text.as_str()).exists() {
            if is_path {
                flaws.push(Flaw {
                    key: Some(parameter.key.clone()),
                    message: format!("{}: there is no file or folder {text}", parameter.key),
                });
            }
            continue;
        }
        if let Ok(path) = std::path::absolute(&text) {
            *text = path.to_string_lossy().into_owned();
        }
    }
    if flaws.is_empty() {
        Ok(spec)
    } else {
        Err(LaunchError::Spec { flaws })
    }
}

/// Sends a run that is over back into the queue; `wish` is what its process shall do first ([`RunControl::Finish`]).
///
/// # Errors
/// When it is done, waits or works already, or the disk refuses.
pub fn requeue(
    folder: &RunFolder,
    clock: &dyn Clock,
    wish: Option<RunControl>,
) -> Result<(), LaunchError> {
    let (mut log, events) = RunLog::open(folder)?;
    let mut summary = RunSummary::new(folder.id.clone());
    events.iter().for_each(|event| summary.fold(event));
    match summary.state {
        RunState::Done => Err(LaunchError::State(format!(
            "run {} is done; clone it to run it again with changes",
            folder.id.0
        ))),
        was => {
            control::clear(folder);
            if let Some(wish) = wish {
                control::ask(folder, wish)?;
            }
            if was == RunState::Queued {
                return Ok(());
            }
            Ok(log.append(clock.now(), state(RunState::Queued, None))?)
        }
    }
}

/// Takes a run out of the queue.
///
/// # Errors
/// When it works already, or the disk refuses.
pub fn withdraw(folder: &RunFolder, clock: &dyn Clock) -> Result<(), LaunchError> {
    let (mut log, _) = RunLog::open(folder)?;
    let why = Some("taken out of the queue".to_owned());
    Ok(log.append(clock.now(), state(RunState::Stopped, why))?)
}

pub(super) fn state(state: RunState, why: Option<String>) -> Kind {
    Kind::State { state, why }
}
