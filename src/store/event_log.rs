//! A log of events: a header line, then one event a line, appended and never changed. Sessions and runs are such files.
//!
//! Invariants: a line is whole or it is cut off on the next opening; lines of kinds this program does not know stay in the
//! file. Who may append, and what events mean, is not known here.

use super::error::StoreError;
use super::preset::Problem;
use super::write::sync_folder;
use crate::domain::clock::Millis;
use crate::domain::event::{Event, Header, Kind, LOG_VERSION};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Whose log it is; for messages, and for a log whose header was never written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// `session`, `run`.
    pub what: &'static str,
    pub name: String,
    pub created: Millis,
}

impl Owner {
    fn header(&self) -> Header {
        Header {
            synod_log: LOG_VERSION,
            created: self.created,
            program: env!("CARGO_PKG_VERSION").into(),
        }
    }
}

/// A log, open for appending.
#[derive(Debug)]
pub struct EventLog {
    path: PathBuf,
    header: Header,
    /// None until the first event of a new log.
    file: Option<File>,
    /// Bytes of whole lines; what a write that was cut short left behind them is removed before the next one.
    len: u64,
    is_torn: bool,
    next_seq: u64,
    problems: Vec<Problem>,
}

impl EventLog {
    /// A new log. Its file appears with the first event.
    #[must_use]
    pub fn create(path: PathBuf, owner: &Owner) -> EventLog {
        EventLog {
            path,
            header: owner.header(),
            file: None,
            len: 0,
            is_torn: false,
            next_seq: 1,
            problems: Vec::new(),
        }
    }

    /// Opens a log to go on with it, and gives its events. A torn last line is cut off; lines that cannot be read are left in
    /// the file, skipped and named in [`Self::problems`].
    ///
    /// # Errors
    /// When a newer program wrote it, or the disk refuses.
    pub fn open(path: PathBuf, owner: &Owner) -> Result<(EventLog, Vec<Event>), StoreError> {
        let read = Contents::read(&path, owner)?;
        let mut file = OpenOptions::new()
            .append(true)
            .open(&path)
            .map_err(StoreError::io("open", &path))?;
        let mut len = read.whole;
        let repaired = file.set_len(len).and_then(|()| {
            if read.lacks_newline {
                len += 1;
                file.write_all(b"\n")
            } else {
                Ok(())
            }
        });
        repaired.map_err(StoreError::io("repair", &path))?;
        let next_seq = read.events.iter().map(|event| event.seq + 1).max();
        let log = EventLog {
            path,
            header: read.header,
            file: Some(file),
            len,
            is_torn: false,
            next_seq: next_seq.unwrap_or(1),
            problems: read.problems,
        };
        Ok((log, read.events))
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The file is there.
    #[must_use]
    pub fn is_begun(&self) -> bool {
        self.file.is_some()
    }

    /// One more than the largest sequence number in the log.
    #[must_use]
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// Lines that could not be read on opening.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Appends events with one write. Returns when the operating system has them; with `must_last`, and for the first event,
    /// when the disk has them. After an error nothing of the batch counts as written and it may be tried again.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn append(&mut self, events: &[Event], must_last: bool) -> Result<(), StoreError> {
        if events.is_empty() {
            return Ok(());
        }
        let mut bytes = Vec::new();
        if self.len == 0 {
            line(&mut bytes, &self.header, &self.path)?;
        }
        for event in events {
            line(&mut bytes, event, &self.path)?;
        }
        let must_last = must_last || self.len == 0;
        self.begin()?;
        let written = self.write(&bytes, must_last);
        if written.is_err() {
            self.is_torn = true;
        }
        written.map_err(StoreError::io("write", &self.path))?;
        let last = events.iter().map(|event| event.seq + 1).max().unwrap_or(0);
        self.next_seq = self.next_seq.max(last);
        Ok(())
    }

    /// Makes the file, once.
    fn begin(&mut self) -> Result<(), StoreError> {
        if self.file.is_some() {
            return Ok(());
        }
        let folder = self.path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(StoreError::io("create the folder", folder))?;
        let mut options = OpenOptions::new();
        options.append(true).create_new(true);
        private(&mut options);
        let file = options
            .open(&self.path)
            .map_err(StoreError::io("create", &self.path))?;
        sync_folder(folder);
        self.file = Some(file);
        Ok(())
    }

    fn write(&mut self, bytes: &[u8], must_last: bool) -> io::Result<()> {
        let Some(file) = &mut self.file else {
            return Err(io::Error::other("the file is not open"));
        };
        if self.is_torn {
            file.set_len(self.len)?;
            self.is_torn = false;
        }
        file.write_all(bytes)?;
        if must_last {
            file.sync_data()?;
        }
        self.len += bytes.len() as u64;
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn file_mut(&mut self) -> &mut Option<File> {
        &mut self.file
    }
}

/// A log as it stands on disk.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    pub header: Header,
    pub events: Vec<Event>,
    pub problems: Vec<Problem>,
}

/// A log's events without opening it for writing, also while another program has it open.
///
/// # Errors
/// When a newer program wrote it, or it cannot be read.
pub fn read(path: &Path, owner: &Owner) -> Result<Record, StoreError> {
    let contents = Contents::read(path, owner)?;
    Ok(Record {
        header: contents.header,
        events: contents.events,
        problems: contents.problems,
    })
}

fn line(bytes: &mut Vec<u8>, value: &impl serde::Serialize, path: &Path) -> Result<(), StoreError> {
    serde_json::to_writer(&mut *bytes, value)
        .map_err(io::Error::from)
        .map_err(StoreError::io("write", path))?;
    bytes.push(b'\n');
    Ok(())
}

/// Conversations and data are nobody else's business.
#[cfg(unix)]
fn private(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt;
    options.mode(0o600);
}

#[cfg(not(unix))]
fn private(_: &mut OpenOptions) {}

/// A log as read: its events, and how many of its bytes are whole lines.
struct Contents {
    header: Header,
    events: Vec<Event>,
    problems: Vec<Problem>,
    whole: u64,
    /// The last line is whole but for its end.
    lacks_newline: bool,
}

impl Contents {
    fn read(path: &Path, owner: &Owner) -> Result<Contents, StoreError> {
        let bytes = fs::read(path).map_err(StoreError::io("read", path))?;
        let (lines, torn) = split(&bytes);
        let mut lines = lines.into_iter();
        let Some(first) = lines.next() else {
            // Killed before the header was whole: the log is empty and begins again.
            return Ok(Contents::empty(owner));
        };
        let header = header(first, path, owner)?;
        let mut contents = Contents {
            header,
            events: Vec::new(),
            problems: Vec::new(),
            whole: (bytes.len() - torn.len()) as u64,
            lacks_newline: false,
        };
        for (number, line) in lines.enumerate() {
            contents.take(line, number + 2, path);
        }
        if let Ok(event) = serde_json::from_slice::<Event>(torn) {
            contents.events.push(event);
            contents.whole = bytes.len() as u64;
            contents.lacks_newline = true;
        }
        contents.events.retain(|event| event.kind != Kind::Unknown);
        Ok(contents)
    }

    fn empty(owner: &Owner) -> Contents {
        Contents {
            header: owner.header(),
            events: Vec::new(),
            problems: Vec::new(),
            whole: 0,
            lacks_newline: false,
        }
    }

    fn take(&mut self, line: &[u8], number: usize, path: &Path) {
        match serde_json::from_slice::<Event>(line) {
            Ok(event) => self.events.push(event),
            Err(error) => self.problems.push(Problem {
                file: path.display().to_string(),
                line: Some(number),
                message: format!("the line is skipped, it is not an event ({error})"),
            }),
        }
    }
}

/// The lines that have an end, and what follows the last end.
fn split(bytes: &[u8]) -> (Vec<&[u8]>, &[u8]) {
    let mut parts: Vec<&[u8]> = bytes.split(|&byte| byte == b'\n').collect();
    let torn = parts.pop().unwrap_or_default();
    (parts, torn)
}

fn header(line: &[u8], path: &Path, owner: &Owner) -> Result<Header, StoreError> {
    // Only the version is read first: a newer header may have other fields.
    #[derive(serde::Deserialize)]
    struct Version {
        synod_log: u32,
    }
    let not_a_log = |error: serde_json::Error| StoreError::NotALog {
        path: path.to_path_buf(),
        why: error.to_string(),
    };
    let version: Version = serde_json::from_slice(line).map_err(not_a_log)?;
    if version.synod_log > LOG_VERSION {
        return Err(StoreError::Newer {
            what: owner.what,
            id: owner.name.clone(),
            found: version.synod_log,
            known: LOG_VERSION,
        });
    }
    serde_json::from_slice(line).map_err(not_a_log)
}
