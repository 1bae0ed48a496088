//! One session's event log, and the lock that lets one program at a time append to it.

use super::error::StoreError;
use super::event_log::{self, EventLog, Owner};
use super::lock::Lock;
use super::paths::Paths;
use super::preset::Problem;
use super::session_id;
use crate::domain::clock::Millis;
use crate::domain::event::{Event, Kind};
use crate::domain::id::SessionId;
use std::path::{Path, PathBuf};

pub use super::event_log::Record;

/// A session's log, open for appending.
#[derive(Debug)]
pub struct SessionLog {
    id: SessionId,
    log: EventLog,
    /// None until the first event of a new session.
    lock: Option<Lock>,
    lock_path: PathBuf,
}

impl SessionLog {
    /// A new session. Its file appears with the first event.
    #[must_use]
    pub fn create(paths: &Paths, now: Millis) -> SessionLog {
        let id = session_id::fresh(now);
        let owner = Owner {
            created: now,
            ..owner(&id)
        };
        SessionLog {
            log: EventLog::create(file_of(paths, &id), &owner),
            lock_path: lock_of(paths, &id),
            id,
            lock: None,
        }
    }

    /// Opens a session to go on with it, and gives its events. A torn last line is cut off; lines that cannot be read are left
    /// in the file, skipped and named in [`Self::problems`].
    ///
    /// # Errors
    /// When there is no such session, another program has it open, a newer program wrote it, or the disk refuses.
    pub fn open(paths: &Paths, id: &SessionId) -> Result<(SessionLog, Vec<Event>), StoreError> {
        let path = file_of(paths, id);
        if !path.is_file() {
            return Err(missing(id));
        }
        let lock_path = lock_of(paths, id);
        let lock = take_lock(&lock_path, id)?;
        let (log, events) = EventLog::open(path, &owner(id))?;
        let log = SessionLog {
            id: id.clone(),
            log,
            lock: Some(lock),
            lock_path,
        };
        Ok((log, events))
    }

    #[must_use]
    pub fn id(&self) -> &SessionId {
        &self.id
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        self.log.path()
    }

    /// When the session began.
    #[must_use]
    pub fn created(&self) -> Millis {
        self.log.header().created
    }

    /// One more than the largest sequence number in the log.
    #[must_use]
    pub fn next_seq(&self) -> u64 {
        self.log.next_seq()
    }

    /// Lines that could not be read on opening.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        self.log.problems()
    }

    /// Appends events with one write. Returns when the operating system has them; when a message or a turn's end is among
    /// them, when the disk has them. After an error nothing of the batch counts as written and it may be tried again.
    pub fn append(&mut self, events: &[Event]) -> Result<(), StoreError> {
        if self.lock.is_none() && !events.is_empty() {
            self.lock = Some(take_lock(&self.lock_path, &self.id)?);
        }
        let must_last = events.iter().any(|event| is_precious(&event.kind));
        self.log.append(events, must_last)
    }
}

/// A session's events without opening it for writing: for lists, exports and replays, also while another program has it open.
///
/// # Errors
/// When there is no such session, a newer program wrote it, or it cannot be read.
pub fn read(paths: &Paths, id: &SessionId) -> Result<Record, StoreError> {
    let path = file_of(paths, id);
    if !path.is_file() {
        return Err(missing(id));
    }
    read_file(&path, id)
}

pub(super) fn read_file(path: &Path, id: &SessionId) -> Result<Record, StoreError> {
    event_log::read(path, &owner(id))
}

pub(super) fn file_of(paths: &Paths, id: &SessionId) -> PathBuf {
    paths.sessions().join(format!("{id}.jsonl"))
}

pub(super) fn lock_of(paths: &Paths, id: &SessionId) -> PathBuf {
    paths.sessions().join(".lock").join(&id.0)
}

fn take_lock(path: &Path, id: &SessionId) -> Result<Lock, StoreError> {
    Lock::take(path, "session", &id.0)
}

fn owner(id: &SessionId) -> Owner {
    Owner {
        what: "session",
        name: id.0.clone(),
        created: session_id::created(id),
    }
}

fn missing(id: &SessionId) -> StoreError {
    StoreError::Missing {
        what: "session",
        name: id.0.clone(),
        known: vec!["see \"synod sessions list\"".into()],
    }
}

/// Events that a power cut may not take: what was said, and how a turn ended.
fn is_precious(kind: &Kind) -> bool {
    matches!(
        kind,
        Kind::Said { .. } | Kind::Finished { .. } | Kind::Titled { .. }
    )
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::domain::event::Source;
    use std::fs::OpenOptions;
    use std::io::Write;

    fn titled(seq: u64, title: &str) -> Event {
        Event {
            source: Source::Session,
            seq,
            at: seq,
            kind: Kind::Titled {
                title: title.into(),
            },
        }
    }

    /// `/dev/full` answers every write as a full disk does.
    #[test]
    fn a_full_disk_is_named_with_the_file_and_what_to_do_and_the_log_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let paths = Paths::new(Some(folder.path()));
        let mut log = SessionLog::create(&paths, 0);
        log.append(&[titled(1, "one")]).unwrap();
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let real = log.log.file_mut().replace(full);
        let error = log.append(&[titled(2, "two")]).unwrap_err();
        assert!(error.is_disk_full());
        let message = error.to_string();
        for words in [".jsonl", "the disk is full", "free some space"] {
            assert!(message.contains(words), "{message}");
        }
        // What a write that was cut short left behind is removed before the next one.
        *log.log.file_mut() = real;
        if let Some(file) = log.log.file_mut() {
            file.write_all(b"{\"source\":\"ses").unwrap();
        }
        log.append(&[titled(2, "two")]).unwrap();
        let record = read(&paths, log.id()).unwrap();
        assert_eq!(record.events, [titled(1, "one"), titled(2, "two")]);
        assert_eq!(record.problems, []);
    }
}
