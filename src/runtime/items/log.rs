//! The log of a run: a header and one line of JSON for each result, appended and flushed as results come.
//!
//! A last line without its end was cut by a kill and is dropped. One run at a time writes; the operating system's lock falls
//! with its process.

use super::ItemsError;
use super::fold::ItemResult;
use crate::domain::clock::Millis;
use crate::domain::event::Outcome;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

/// Version of the format that this program writes.
const VERSION: u32 = 1;

/// How every log begins.
const BEGINNING: &[u8] = b"{\"synod_items\":";

/// First line of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemsHeader {
    pub synod_items: u32,
    pub created: Millis,
    /// The program version that began it.
    pub program: String,
}

/// A log that is being written.
pub(super) struct ItemLog {
    path: PathBuf,
    file: File,
    /// Answered ones that stood in it at the start, by id and fingerprint.
    kept: HashMap<(String, String), ItemResult>,
}

impl ItemLog {
    pub(super) fn open(path: &Path, now: Millis) -> Result<ItemLog, ItemsError> {
        let fault = |action| {
            move |source| ItemsError::Io {
                action,
                path: path.to_owned(),
                source,
            }
        };
        if let Some(folder) = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
        {
            std::fs::create_dir_all(folder).map_err(fault("create the folder of"))?;
        }
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(path)
            .map_err(fault("open"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(ItemsError::Busy {
                    path: path.to_owned(),
                });
            }
            // File systems without locks are used unlocked.
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {}
            Err(TryLockError::Error(error)) => return Err(fault("lock")(error)),
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(fault("read"))?;
        let whole = whole_lines(&bytes);
        let results = parse(path, &bytes[..whole])?;
        // Only a log's own first line, cut by a kill, may be cleared; any other file is somebody's.
        if whole == 0 && !bytes.is_empty() && !bytes.starts_with(BEGINNING) {
            return Err(not_a_log(path));
        }
        if whole < bytes.len() {
            file.set_len(whole as u64).map_err(fault("mend"))?;
        }
        if whole == 0 {
            let header = ItemsHeader {
                synod_items: VERSION,
                created: now,
                program: env!("CARGO_PKG_VERSION").to_owned(),
            };
            write_line(&mut file, &header).map_err(fault("write"))?;
        }
        let kept = results
            .into_iter()
            // What failed is asked again.
            .filter(|result| matches!(result.outcome, Outcome::Answered { .. }))
            .map(|result| ((result.id.clone(), result.fingerprint.clone()), result))
            .collect();
        Ok(ItemLog {
            path: path.to_owned(),
            file,
            kept,
        })
    }

    /// The result of this very task, if the log has it.
    pub(super) fn take(&mut self, id: &str, fingerprint: &str) -> Option<ItemResult> {
        self.kept.remove(&(id.to_owned(), fingerprint.to_owned()))
    }

    pub(super) fn append(&mut self, result: &ItemResult) -> Result<(), ItemsError> {
        write_line(&mut self.file, result).map_err(|source| ItemsError::Io {
            action: "write",
            path: self.path.clone(),
            source,
        })
    }
}

/// The results of a log, in the order written; a cut last line is left out.
///
/// # Errors
///
/// When it cannot be read, or a line is no result.
pub fn read(path: &Path) -> Result<Vec<ItemResult>, ItemsError> {
    let bytes = std::fs::read(path).map_err(|source| ItemsError::Io {
        action: "read",
        path: path.to_owned(),
        source,
    })?;
    parse(path, &bytes[..whole_lines(&bytes)])
}

/// The length up to the last line's end.
fn whole_lines(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .rposition(|&byte| byte == b'\n')
        .map_or(0, |end| end + 1)
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Vec<ItemResult>, ItemsError> {
    let broken = |line: usize, message: String| ItemsError::Broken {
        path: path.to_owned(),
        line,
        message,
    };
    let mut lines = bytes
        .split(|&byte| byte == b'\n')
        .enumerate()
        .map(|(index, line)| (index + 1, line))
        .filter(|(_, line)| !line.is_empty());
    let Some((number, first)) = lines.next() else {
        return Ok(Vec::new());
    };
    let header: ItemsHeader = serde_json::from_slice(first).map_err(|_| not_a_log(path))?;
    if header.synod_items > VERSION {
        let message = format!(
            "version {} of the format is newer than this program",
            header.synod_items
        );
        return Err(broken(number, message));
    }
    lines
        .map(|(number, line)| {
            serde_json::from_slice(line).map_err(|error| broken(number, error.to_string()))
        })
        .collect()
}

fn not_a_log(path: &Path) -> ItemsError {
    ItemsError::Broken {
        path: path.to_owned(),
        line: 1,
        message: "this is no log of items".to_owned(),
    }
}

fn write_line(file: &mut File, value: &impl Serialize) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    file.write_all(&line)?;
    file.flush()
}
