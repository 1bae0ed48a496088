//! Prompts of earlier days, one JSON line each, for the prompt's history.

use super::error::StoreError;
use super::paths::Paths;
use crate::domain::clock::Millis;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

/// Prompts that are kept in memory.
pub const KEPT: usize = 1000;

#[derive(Debug, Serialize, Deserialize)]
struct Line {
    at: Millis,
    text: String,
}

/// Remembers a prompt. Blank ones are not worth it.
///
/// # Errors
/// When the file cannot be written.
pub fn append(paths: &Paths, text: &str, now: Millis) -> Result<(), StoreError> {
    if text.trim().is_empty() {
        return Ok(());
    }
    let path = paths.prompt_history();
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(StoreError::io("create the folder", folder))?;
    }
    let line = Line {
        at: now,
        text: text.to_owned(),
    };
    write(&path, &line).map_err(StoreError::io("write", &path))
}

fn write(path: &Path, line: &Line) -> std::io::Result<()> {
    let mut file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .open(path)?;
    let mut bytes = Vec::new();
    // A line that an earlier write left torn must not swallow this one.
    if file.metadata()?.len() > 0 {
        let mut last = [0];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            bytes.push(b'\n');
        }
    }
    serde_json::to_writer(&mut bytes, line)?;
    bytes.push(b'\n');
    // One write, so that two programs never mix their lines.
    file.write_all(&bytes)
}

/// The last [`KEPT`] prompts, oldest first, each text once (where it was used last). A missing file is an empty history, lines
/// that cannot be read are skipped.
#[must_use]
pub fn load(paths: &Paths) -> Vec<String> {
    let bytes = fs::read(paths.prompt_history()).unwrap_or_default();
    let mut seen = BTreeSet::new();
    let mut prompts: Vec<String> = bytes
        .split(|&byte| byte == b'\n')
        .rev()
        .filter_map(|line| serde_json::from_slice::<Line>(line).ok())
        .filter(|line| seen.insert(line.text.clone()))
        .map(|line| line.text)
        .take(KEPT)
        .collect();
    prompts.reverse();
    prompts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_come_back_once_and_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let paths = Paths::new(Some(folder.path()));
        assert!(load(&paths).is_empty());
        for (at, text) in ["one", "two\nlines", "one", "  "].into_iter().enumerate() {
            append(&paths, text, at as u64).unwrap();
        }
        assert_eq!(load(&paths), ["two\nlines", "one"]);
        let torn = "{\"at\":9,\"te";
        let mut text = fs::read_to_string(paths.prompt_history()).unwrap();
        text.push_str(torn);
        fs::write(paths.prompt_history(), text).unwrap();
        append(&paths, "after", 10).unwrap();
        assert_eq!(load(&paths), ["two\nlines", "one", "after"]);
    }

    #[test]
    fn only_the_last_thousand_are_kept_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        let paths = Paths::new(Some(folder.path()));
        for at in 0..1010_u64 {
            append(&paths, &at.to_string(), at).unwrap();
        }
        let prompts = load(&paths);
        assert_eq!((prompts.len(), prompts[0].as_str()), (KEPT, "10"));
    }
}
