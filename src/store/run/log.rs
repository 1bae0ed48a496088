//! A run's log, open for appending by the one process that holds the run's lock.

use super::folder::RunFolder;
use crate::domain::clock::Millis;
use crate::domain::event::{Event, Kind, Source};
use crate::store::error::StoreError;
use crate::store::event_log::{self, EventLog, Owner, Record};
use crate::store::lock::Lock;
use crate::store::session_id;
use std::fs::{self, File};
use std::io::Write;

/// Bytes kept back for the last words on a full disk.
const RESERVE: usize = 16 * 1024;

/// A run's log and its lock.
#[derive(Debug)]
pub struct RunLog {
    folder: RunFolder,
    log: EventLog,
    _lock: Lock,
}

impl RunLog {
    /// Opens the log, or begins it; a torn last line is cut off. Gives the events that are in it.
    ///
    /// # Errors
    /// While another process works on the run, when a newer program wrote it, or when the disk refuses.
    pub fn open(folder: &RunFolder) -> Result<(RunLog, Vec<Event>), StoreError> {
        let lock = folder.lock()?;
        let path = folder.events();
        let (log, events) = if path.is_file() {
            EventLog::open(path, &owner(folder))?
        } else {
            (EventLog::create(path, &owner(folder)), Vec::new())
        };
        let log = RunLog {
            folder: folder.clone(),
            log,
            _lock: lock,
        };
        Ok((log, events))
    }

    #[must_use]
    pub fn folder(&self) -> &RunFolder {
        &self.folder
    }

    /// Appends what happened. A run's states, checkpoints and products are on the disk when this returns.
    ///
    /// # Errors
    /// When the disk refuses; the event does not count as written then.
    pub fn append(&mut self, at: Millis, kind: Kind) -> Result<(), StoreError> {
        let must_last = is_precious(&kind);
        let event = Event {
            source: Source::Run(self.folder.id.clone()),
            seq: self.log.next_seq(),
            at,
            kind,
        };
        self.log.append(&[event], must_last)
    }

    /// Keeps a little space back; without it a full disk takes the reason of its own failure along.
    pub fn reserve(&self) {
        let written = File::create(self.folder.reserve()).and_then(|mut file| {
            // Not zeros: some file systems keep those for nothing.
            file.write_all(&[b'.'; RESERVE])?;
            file.sync_all()
        });
        // Without it the run works as well.
        let _ = written;
    }

    /// Gives the space back.
    pub fn release(&self) {
        let _ = fs::remove_file(self.folder.reserve());
    }
}

/// A run's events as they stand, also while a process works on it.
///
/// # Errors
/// When a newer program wrote them, or they cannot be read.
pub fn read(folder: &RunFolder) -> Result<Record, StoreError> {
    event_log::read(&folder.events(), &owner(folder))
}

fn owner(folder: &RunFolder) -> Owner {
    Owner {
        what: "run",
        name: folder.id.0.clone(),
        created: session_id::stamped(&folder.id.0),
    }
}

/// Events that a power cut may not take.
fn is_precious(kind: &Kind) -> bool {
    matches!(
        kind,
        Kind::Opened { .. }
            | Kind::State { .. }
            | Kind::Checkpointed { .. }
            | Kind::Made { .. }
            | Kind::Finished { .. }
    )
}
