//! The search index over session files: SQLite with full-text search.
//!
//! It holds nothing that the files do not: missing, broken or of another version, it is made anew. Files are compared by size
//! and time of change, so a search reads only what changed since the last one.

use super::error::StoreError;
use super::paths::Paths;
use super::session::{self, SessionInfo};
use super::summary::{Summary, Words};
use crate::domain::clock::Millis;
use crate::domain::id::SessionId;
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

/// Raised with the schema; another version is removed and rebuilt.
const VERSION: i64 = 1;
/// The tokenizer cuts text into runs of three characters, so shorter words cannot be looked up in it.
const SHORTEST: usize = 3;
/// How long to wait for another program that is writing.
const PATIENCE: Duration = Duration::from_secs(2);

const SCHEMA: &str = "
    CREATE TABLE session (
        key INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        stamp TEXT NOT NULL,
        title TEXT NOT NULL,
        created INTEGER NOT NULL,
        updated INTEGER NOT NULL,
        turns INTEGER NOT NULL,
        preset TEXT NOT NULL
    );
    CREATE VIRTUAL TABLE content USING fts5(text, tokenize = 'trigram');
";

/// The open index.
#[derive(Debug)]
pub struct Index {
    connection: Connection,
    path: PathBuf,
}

impl Index {
    /// Opens the index, or makes a new one in place of one that cannot be used.
    ///
    /// # Errors
    /// When none can be made: then the files are to be read instead.
    pub fn open(paths: &Paths) -> Result<Index, StoreError> {
        let path = paths.index_file();
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(StoreError::io("create the folder", folder))?;
        }
        let connection = prepared(&path).or_else(|_| {
            remove(&path);
            prepared(&path)
        });
        match connection {
            Ok(connection) => Ok(Index { connection, path }),
            Err(source) => Err(StoreError::Index { path, source }),
        }
    }

    /// Brings the index up to date and finds the sessions that contain all words, in no order.
    ///
    /// # Errors
    /// When the index turns out to be broken; it is removed then, so that the next call rebuilds it.
    pub fn search(&mut self, paths: &Paths, words: &Words) -> Result<Vec<SessionInfo>, StoreError> {
        let found = self
            .refresh(paths)
            .and_then(|()| self.lookup(words))
            .map_err(|source| StoreError::Index {
                path: self.path.clone(),
                source,
            });
        if let Err(StoreError::Index { source, .. }) = &found
            && is_corrupt(source)
        {
            remove(&self.path);
        }
        found
    }

    fn refresh(&mut self, paths: &Paths) -> rusqlite::Result<()> {
        let mut known = self.stamps()?;
        let mut changed = Vec::new();
        for (id, path) in session::files(paths) {
            let stamp = stamp(&path);
            if known.remove(&id.0).as_ref() != Some(&stamp) {
                changed.push((id, path, stamp));
            }
        }
        if changed.is_empty() && known.is_empty() {
            return Ok(());
        }
        let transaction = self.connection.transaction()?;
        for gone in known.keys() {
            forget(&transaction, gone)?;
        }
        for (id, path, stamp) in changed {
            forget(&transaction, &id.0)?;
            insert(&transaction, &id, &stamp, &Summary::of_file(&path, &id))?;
        }
        transaction.commit()
    }

    fn stamps(&self) -> rusqlite::Result<BTreeMap<String, String>> {
        let mut statement = self.connection.prepare("SELECT id, stamp FROM session")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect()
    }

    fn lookup(&self, words: &Words) -> rusqlite::Result<Vec<SessionInfo>> {
        let columns = "SELECT id, title, created, updated, turns, preset";
        let long: Vec<String> = words
            .iter()
            .filter(|word| word.chars().count() >= SHORTEST)
            .map(|word| format!("\"{}\"", word.replace('"', "\"\"")))
            .collect();
        let sql = match (words.is_empty(), long.is_empty()) {
            (true, _) => format!("{columns}, '' FROM session"),
            (false, true) => {
                format!("{columns}, text FROM session JOIN content ON content.rowid = key")
            }
            (false, false) => format!(
                "{columns}, text FROM session JOIN content ON content.rowid = key WHERE content MATCH ?1"
            ),
        };
        let mut statement = self.connection.prepare(&sql)?;
        let matching = long.join(" AND ");
        let mut rows = if long.is_empty() {
            statement.query([])?
        } else {
            statement.query([&matching])?
        };
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let id = SessionId(row.get(0)?);
            let summary = Summary {
                title: row.get(1)?,
                created: time(row.get(2)?),
                updated: time(row.get(3)?),
                turns: time(row.get(4)?),
                preset: row.get(5)?,
                text: row.get(6)?,
            };
            // Short words are checked here, and the place that matched is found.
            found.extend(summary.found(id, words));
        }
        Ok(found)
    }
}

fn prepared(path: &Path) -> rusqlite::Result<Connection> {
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(PATIENCE)?;
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    match version {
        VERSION => {}
        0 => {
            let transaction = connection.transaction()?;
            transaction.execute_batch(SCHEMA)?;
            transaction.pragma_update(None, "user_version", VERSION)?;
            transaction.commit()?;
        }
        _ => return Err(rusqlite::Error::InvalidQuery),
    }
    Ok(connection)
}

fn remove(path: &Path) {
    for ending in ["", "-journal", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        let _ = fs::remove_file(PathBuf::from(name));
    }
}

fn is_corrupt(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            rusqlite::ErrorCode::DatabaseCorrupt
                | rusqlite::ErrorCode::NotADatabase
                | rusqlite::ErrorCode::Unknown
        )
    )
}

/// Size and time of change of a file, in words that are only compared.
fn stamp(path: &Path) -> String {
    let Ok(metadata) = fs::metadata(path) else {
        return "gone".into();
    };
    let changed = metadata
        .modified()
        .ok()
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let nanoseconds = changed.map_or(0, |time| time.as_nanos());
    format!("{} {nanoseconds}", metadata.len())
}

fn forget(connection: &Connection, id: &str) -> rusqlite::Result<()> {
    let key: Option<i64> = connection
        .query_row("SELECT key FROM session WHERE id = ?1", [id], |row| {
            row.get(0)
        })
        .optional()?;
    if let Some(key) = key {
        connection.execute("DELETE FROM content WHERE rowid = ?1", [key])?;
        connection.execute("DELETE FROM session WHERE key = ?1", [key])?;
    }
    Ok(())
}

fn insert(
    connection: &Connection,
    id: &SessionId,
    stamp: &str,
    summary: &Summary,
) -> rusqlite::Result<()> {
    let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    connection.execute(
        "INSERT INTO session (id, stamp, title, created, updated, turns, preset) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            id.0,
            stamp,
            summary.title,
            number(summary.created),
            number(summary.updated),
            number(summary.turns),
            summary.preset
        ],
    )?;
    connection.execute(
        "INSERT INTO content (rowid, text) VALUES (?1, ?2)",
        params![connection.last_insert_rowid(), summary.text],
    )?;
    Ok(())
}

fn time(value: i64) -> Millis {
    u64::try_from(value).unwrap_or(0)
}
