//! Runs whose process is gone: the log says running, nobody holds the lock. Whoever looks writes down what happened.

use super::launch::state;
use crate::domain::clock::Clock;
use crate::domain::event::{Kind, Outcome};
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::run::{RunState, RunSummary};
use crate::machine::boot;
use crate::machine::memory::memory_kills;
use crate::store::error::StoreError;
use crate::store::paths::Paths;
use crate::store::run::{Checkpoints, RunFolder, RunLog, control, folder, list, process};

/// All runs, the newest first, each in the state it is really in.
#[must_use]
pub fn list(paths: &Paths, clock: &dyn Clock) -> Vec<RunSummary> {
    let folders = folder::all(paths);
    let newest_first = folders.iter().rev();
    newest_first.map(|folder| summary(folder, clock)).collect()
}

/// A run in the state it is really in. Where the log cannot be written, what it says.
#[must_use]
pub fn summary(folder: &RunFolder, clock: &dyn Clock) -> RunSummary {
    let summary = list::summary(folder);
    if summary.state.is_over() || summary.state == RunState::Queued {
        return summary;
    }
    match settle(folder, clock) {
        Ok(Some(settled)) => settled,
        // A living process works on it, or the disk refuses.
        Ok(None) | Err(_) => summary,
    }
}

/// None when the run is well.
fn settle(folder: &RunFolder, clock: &dyn Clock) -> Result<Option<RunSummary>, StoreError> {
    let (mut log, events) = match RunLog::open(folder) {
        Err(StoreError::Locked { .. }) => return Ok(None),
        opened => opened?,
    };
    let mut summary = RunSummary::new(folder.id.clone());
    events.iter().for_each(|event| summary.fold(event));
    // It may have ended between the two looks.
    if summary.state.is_over() || summary.state == RunState::Queued {
        return Ok(Some(summary));
    }
    let (class, cause) = cause(folder);
    let unit = &summary.unit;
    let resumes = match Checkpoints::new(folder.checkpoints(), 0).newest() {
        Some(saved) => format!("resume goes on from {unit} {}", saved.done),
        None => "resume begins anew".to_owned(),
    };
    log.release();
    control::clear(folder);
    let now = clock.now();
    let outcome = Outcome::Failed {
        fault: Fault::new(class, cause.clone()),
    };
    log.append(now, Kind::Finished { outcome })?;
    let why = format!("{cause}; {resumes}");
    log.append(now, state(RunState::Failed, Some(why)))?;
    drop(log);
    Ok(Some(list::summary(folder)))
}

/// What can be told of a process's end.
fn cause(folder: &RunFolder) -> (FaultClass, String) {
    let words = process::last_words(folder);
    if let Some(words) = words
        .as_ref()
        .filter(|words| words.contains("memory allocation of"))
    {
        return (FaultClass::Resource, format!("out of memory: {words}"));
    }
    let Some(noted) = process::noted(folder) else {
        return (
            FaultClass::Transient,
            "its process ended without a word".into(),
        );
    };
    if noted.boot.is_some() && noted.boot != boot() {
        let text = "the machine was switched off or restarted while it ran";
        return (FaultClass::Transient, text.into());
    }
    let before_and_now = noted.memory_kills.zip(memory_kills());
    if before_and_now.is_some_and(|(before, now)| now > before) {
        let text = "its process ended without a word, and the system has ended one for lack of memory meanwhile; free some memory, or make the job smaller";
        return (FaultClass::Resource, text.into());
    }
    let text = match words {
        Some(words) => format!("its process ended without a word in the log; it printed: {words}"),
        None => "its process ended without a word".to_owned(),
    };
    (FaultClass::Transient, text)
}
