//! Which process works on a run, and what it left behind when it ended without a word.

use super::folder::RunFolder;
use crate::store::error::StoreError;
use crate::store::write;
use serde::{Deserialize, Serialize};
use std::fs;

/// Bytes of the end of a process's output that are looked at.
const TAIL: usize = 4096;

/// Noted when a process begins to work on a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    pub id: u32,
    /// Which start of the machine it belongs to, where the system tells.
    pub boot: Option<String>,
    /// Processes that the system had ended for lack of memory by then, where it tells.
    pub memory_kills: Option<u64>,
}

/// Notes the process.
///
/// # Errors
/// When the disk refuses.
pub fn note(folder: &RunFolder, process: &Process) -> Result<(), StoreError> {
    let text = serde_json::to_vec(process)
        .map_err(|error| StoreError::Invalid(format!("the process of a run: {error}")))?;
    write::atomically(&folder.process(), &text)
}

/// The process that last worked on the run.
#[must_use]
pub fn noted(folder: &RunFolder) -> Option<Process> {
    serde_json::from_slice(&fs::read(folder.process()).ok()?).ok()
}

/// The last line that the process wrote to its standard streams.
#[must_use]
pub fn last_words(folder: &RunFolder) -> Option<String> {
    let bytes = fs::read(folder.output()).ok()?;
    let tail = bytes.get(bytes.len().saturating_sub(TAIL)..)?;
    let text = String::from_utf8_lossy(tail);
    let line = text.lines().rfind(|line| !line.trim().is_empty())?;
    Some(line.trim().to_owned())
}
