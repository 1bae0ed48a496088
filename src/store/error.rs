//! What can go wrong on the way to and from the disk, in words that say what was tried, on which file, and what to do.

use std::io;
use std::path::{Path, PathBuf};

/// A file or folder could not be read, written or used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The operating system refused.
    #[error("cannot {action} {}: {} ({})", path.display(), reason(source), advice(source))]
    Io {
        /// A verb: `read`, `write`, …
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    /// Another program has this session or run.
    #[error("{what} {id} is open in another program{}; close it there, or open another {what}", holder(*process))]
    Locked {
        what: &'static str,
        id: String,
        process: Option<u32>,
    },
    /// The log was begun by a newer program.
    #[error(
        "{what} {id} has log version {found}, this program reads up to {known}; use the newer program"
    )]
    Newer {
        what: &'static str,
        id: String,
        found: u32,
        known: u32,
    },
    /// The file does not begin with a log's header.
    #[error("{} is not a log of events: its first line is no header ({why})", path.display())]
    NotALog { path: PathBuf, why: String },
    /// No such session, preset, theme, …
    #[error("no {what} \"{name}\"; {}", known_names(known))]
    Missing {
        what: &'static str,
        name: String,
        known: Vec<String>,
    },
    /// A value that cannot be written to a file.
    #[error("{0}")]
    Invalid(String),
    /// The search index.
    #[error("cannot use the index {}: {source} (it is rebuilt when the file is removed)", path.display())]
    Index {
        path: PathBuf,
        source: rusqlite::Error,
    },
}

impl StoreError {
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
        let path = path.to_path_buf();
        move |source| StoreError::Io {
            action,
            path,
            source,
        }
    }

    /// Whether more disk space would have helped.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        matches!(self, StoreError::Io { source, .. } if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
    }
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::StorageFull => "the disk is full".into(),
        io::ErrorKind::QuotaExceeded => "the disk quota is used up".into(),
        io::ErrorKind::ReadOnlyFilesystem => "the file system is read-only".into(),
        io::ErrorKind::PermissionDenied => "permission denied".into(),
        io::ErrorKind::NotFound => "no such file".into(),
        io::ErrorKind::InvalidData => "it is not UTF-8 text".into(),
        _ => error.to_string(),
    }
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free some space, or choose another folder with --data-dir"
        }
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            "check its owner and permissions, or choose another folder with --data-dir"
        }
        io::ErrorKind::InvalidData => "save it as UTF-8",
        _ => "check the path, or choose another folder with --data-dir",
    }
}

fn holder(process: Option<u32>) -> String {
    process.map_or_else(String::new, |id| format!(" (process {id})"))
}

fn known_names(known: &[String]) -> String {
    if known.is_empty() {
        "there are none".into()
    } else {
        format!("known: {}", known.join(", "))
    }
}
