//! Chat sessions: one append-only event log each; listed, searched, renamed, put into the trash and brought back.

use super::error::StoreError;
use super::index::Index;
use super::lock::Lock;
use super::log::{self, SessionLog};
use super::paths::Paths;
use super::summary::{Summary, Words};
use crate::domain::clock::Millis;
use crate::domain::event::{Event, Kind, Source};
use crate::domain::id::SessionId;
use std::cmp::Reverse;
use std::fs;
use std::path::{Path, PathBuf};

/// A session as lists show it.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionInfo {
    pub id: SessionId,
    /// Its name, or the first question shortened.
    pub title: String,
    pub created: Millis,
    pub updated: Millis,
    pub turns: u64,
    /// Preset of the last turn.
    pub preset: String,
    /// For a search: the place that matched.
    pub snippet: Option<String>,
}

/// All sessions, the one used last first; with a query those that contain each of its words, anywhere, as part of longer words
/// too, whatever their case. Chinese, Japanese and emoji need no spaces: any substring matches.
///
/// Goes through the index, and reads the files themselves when the index cannot be used (a read-only or full disk).
#[must_use]
pub fn list(paths: &Paths, query: &str) -> Vec<SessionInfo> {
    let words = Words::of(query);
    let mut found = Index::open(paths)
        .and_then(|mut index| index.search(paths, &words))
        .unwrap_or_else(|_| scan(paths, &words));
    found.sort_by(|a, b| (Reverse(a.updated), &b.id).cmp(&(Reverse(b.updated), &a.id)));
    found
}

/// The session used last.
#[must_use]
pub fn latest(paths: &Paths) -> Option<SessionId> {
    list(paths, "").into_iter().next().map(|info| info.id)
}

/// Gives a session a name. One that is open is renamed through its [`SessionLog`] instead.
///
/// # Errors
/// When there is no such session, it is open somewhere, or it cannot be written.
pub fn rename(paths: &Paths, id: &SessionId, title: &str, now: Millis) -> Result<(), StoreError> {
    let (mut log, _) = SessionLog::open(paths, id)?;
    let event = Event {
        source: Source::Session,
        seq: log.next_seq(),
        at: now,
        kind: Kind::Titled {
            title: title.trim().to_owned(),
        },
    };
    log.append(&[event])
}

/// Moves a session to the trash. One that is open must be closed first.
///
/// # Errors
/// When there is no such session, it is open somewhere, or it cannot be moved.
pub fn delete(paths: &Paths, id: &SessionId) -> Result<(), StoreError> {
    let file = log::file_of(paths, id);
    if !file.is_file() {
        return Err(missing(paths, id));
    }
    let lock_path = log::lock_of(paths, id);
    let lock = Lock::take(&lock_path, "session", &id.0)?;
    let trash = trash(paths);
    fs::create_dir_all(&trash).map_err(StoreError::io("create the folder", &trash))?;
    let number = deleted(paths).last().map_or(1, |last| last.number + 1);
    let target = trash.join(format!("{number:06}-{id}.jsonl"));
    fs::rename(&file, &target).map_err(StoreError::io("move", &file))?;
    drop(lock);
    // Only the holder's number stands in it.
    let _ = fs::remove_file(lock_path);
    Ok(())
}

/// Brings back what was deleted last, again and again until the trash is empty (then: none).
///
/// # Errors
/// When it cannot be moved.
pub fn undo_delete(paths: &Paths) -> Result<Option<SessionId>, StoreError> {
    let Some(last) = deleted(paths).pop() else {
        return Ok(None);
    };
    let target = log::file_of(paths, &last.id);
    if target.exists() {
        return Err(StoreError::Invalid(format!(
            "session {} exists again; the deleted one stays in {}",
            last.id,
            last.path.display()
        )));
    }
    fs::rename(&last.path, &target).map_err(StoreError::io("move", &last.path))?;
    Ok(Some(last.id))
}

/// The session that a person means: its whole name, or a beginning or end that only it has; `last` is the one used last.
///
/// # Errors
/// When none or several fit.
pub fn resolve(paths: &Paths, text: &str) -> Result<SessionId, StoreError> {
    let mut ids: Vec<SessionId> = files(paths).into_iter().map(|(id, _)| id).collect();
    if text == "last"
        && let Some(id) = latest(paths)
    {
        return Ok(id);
    }
    if let Some(at) = ids.iter().position(|id| id.0 == text) {
        return Ok(ids.swap_remove(at));
    }
    ids.retain(|id| id.0.starts_with(text) || id.0.ends_with(text));
    match ids.as_slice() {
        [id] if !text.is_empty() => Ok(id.clone()),
        [] | [_] => Err(missing(paths, &SessionId(text.to_owned()))),
        several => Err(StoreError::Invalid(format!(
            "\"{text}\" fits {} sessions; write more of the name: {}",
            several.len(),
            several[..several.len().min(5)]
                .iter()
                .map(|id| id.0.as_str())
                .collect::<Vec<_>>()
                .join(", ")
        ))),
    }
}

/// All session files, in order of their names, so of their beginning.
pub(super) fn files(paths: &Paths) -> Vec<(SessionId, PathBuf)> {
    let Ok(entries) = fs::read_dir(paths.sessions()) else {
        return Vec::new();
    };
    let mut files: Vec<(SessionId, PathBuf)> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "jsonl"))
        .filter_map(|path| Some((SessionId(path.file_stem()?.to_str()?.to_owned()), path)))
        .collect();
    files.sort();
    files
}

fn scan(paths: &Paths, words: &Words) -> Vec<SessionInfo> {
    files(paths)
        .into_iter()
        .filter_map(|(id, path)| Summary::of_file(&path, &id).found(id, words))
        .collect()
}

fn trash(paths: &Paths) -> PathBuf {
    paths.sessions().join(".trash")
}

struct Deleted {
    number: u64,
    id: SessionId,
    path: PathBuf,
}

/// What lies in the trash, in order of deletion.
fn deleted(paths: &Paths) -> Vec<Deleted> {
    let Ok(entries) = fs::read_dir(trash(paths)) else {
        return Vec::new();
    };
    let mut deleted: Vec<Deleted> = entries
        .filter_map(Result::ok)
        .filter_map(|entry| trashed(&entry.path()))
        .collect();
    deleted.sort_by_key(|entry| entry.number);
    deleted
}

fn trashed(path: &Path) -> Option<Deleted> {
    let (number, id) = path.file_stem()?.to_str()?.split_once('-')?;
    Some(Deleted {
        number: number.parse().ok()?,
        id: SessionId(id.to_owned()),
        path: path.to_path_buf(),
    })
}

fn missing(paths: &Paths, id: &SessionId) -> StoreError {
    let newest = files(paths).into_iter().rev().take(5);
    StoreError::Missing {
        what: "session",
        name: id.0.clone(),
        known: newest.map(|(id, _)| id.0).collect(),
    }
}
