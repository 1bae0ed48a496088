//! Runs as lists show them. Summaries are folded from the logs; what was folded is kept beside each log, so that a list reads
//! only what came since.

use super::folder::{self, RunFolder};
use super::follow::Follower;
use crate::domain::run::RunSummary;
use crate::store::paths::Paths;
use serde::{Deserialize, Serialize};
use std::fs;

/// A summary is kept again when its log has grown by so many bytes; a list that is a second old is no reason to write.
const WORTH_KEEPING: u64 = 64 * 1024;

/// Raised when summaries are folded in another way; kept ones of another version are folded anew.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Kept {
    version: u32,
    /// Bytes of the log that were folded.
    offset: u64,
    summary: RunSummary,
}

/// All runs, the newest first.
#[must_use]
pub fn list(paths: &Paths) -> Vec<RunSummary> {
    folder::all(paths).iter().rev().map(summary).collect()
}

/// One run, as far as its log goes.
#[must_use]
pub fn summary(folder: &RunFolder) -> RunSummary {
    let length = fs::metadata(folder.events()).map_or(0, |metadata| metadata.len());
    let kept = kept(folder).filter(|kept| kept.offset <= length);
    let (from, mut summary) = match kept {
        Some(kept) => (kept.offset, kept.summary),
        None => (0, RunSummary::new(folder.id.clone())),
    };
    let mut log = Follower::from(folder.events(), from);
    while let Ok(events) = log.read()
        && !events.is_empty()
    {
        events.iter().for_each(|event| summary.fold(event));
    }
    let grown = log.offset() - from;
    if grown >= WORTH_KEEPING || grown > 0 && summary.state.is_over() {
        keep(folder, log.offset(), &summary);
    }
    summary
}

fn kept(folder: &RunFolder) -> Option<Kept> {
    let kept: Kept = serde_json::from_slice(&fs::read(folder.summary()).ok()?).ok()?;
    (kept.version == VERSION && kept.summary.id == folder.id).then_some(kept)
}

/// Not synced: one that a power cut takes is folded again. Where nothing can be written, lists are only slower.
fn keep(folder: &RunFolder, offset: u64, summary: &RunSummary) {
    let kept = Kept {
        version: VERSION,
        offset,
        summary: summary.clone(),
    };
    let temporary = folder
        .summary()
        .with_extension(format!("{}.tmp", std::process::id()));
    let written = serde_json::to_vec(&kept)
        .map_err(std::io::Error::from)
        .and_then(|text| fs::write(&temporary, text))
        .and_then(|()| fs::rename(&temporary, folder.summary()));
    if written.is_err() {
        let _ = fs::remove_file(temporary);
    }
}
