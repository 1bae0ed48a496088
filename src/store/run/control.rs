//! What a person asks of a run at work: one small file that its process looks at several times a second.
//!
//! It holds a wish, not a queue: of several wishes the last one counts. A wish ends with the process it was meant for.

use super::folder::RunFolder;
use crate::domain::run::RunControl;
use crate::store::error::StoreError;
use crate::store::write;
use std::fs;

/// Asks; the run's process sees it within a second.
///
/// # Errors
/// When the disk refuses.
pub fn ask(folder: &RunFolder, wish: RunControl) -> Result<(), StoreError> {
    let text = serde_json::to_vec(&wish)
        .map_err(|error| StoreError::Invalid(format!("a wish to a run: {error}")))?;
    write::atomically(&folder.control(), &text)
}

/// What is asked, if anything is.
#[must_use]
pub fn asked(folder: &RunFolder) -> Option<RunControl> {
    serde_json::from_slice(&fs::read(folder.control()).ok()?).ok()
}

/// Forgets what was asked: before a process is started, and when one ends.
pub fn clear(folder: &RunFolder) {
    // What is not there is clear already.
    let _ = fs::remove_file(folder.control());
}
