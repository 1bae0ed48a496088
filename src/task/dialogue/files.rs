//! Which files a path means, and the JSON records in them.

use crate::task::set::{self, SetError};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Endings of files that may hold training data.
const ENDINGS: [&str; 6] = ["jsonl", "json", "csv", "txt", "text", "md"];
/// What the part of a folder that is for training is called.
const TRAIN: &str = "train";

/// The file itself, or the files of a folder, sorted; a folder with a part for training stands for that part. None for a
/// generator, which has no file.
pub(super) fn files(path: &Path) -> Result<Vec<PathBuf>, SetError> {
    let is_generator = path
        .to_str()
        .is_some_and(|text| text == "arithmetic" || text.starts_with("arithmetic:"));
    if is_generator && !path.exists() {
        return Ok(Vec::new());
    }
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let part = path.join(TRAIN);
    if part.is_dir() {
        return within(&part);
    }
    let own = ENDINGS.iter().map(|ending| part.with_extension(ending));
    if let Some(file) = own.into_iter().find(|file| file.is_file()) {
        return Ok(vec![file]);
    }
    within(path)
}

fn within(folder: &Path) -> Result<Vec<PathBuf>, SetError> {
    let mut found = Vec::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(folder) = waiting.pop() {
        let fault = |source| SetError::Read {
            path: folder.clone(),
            source,
        };
        for entry in std::fs::read_dir(&folder).map_err(fault)? {
            let path = entry.map_err(fault)?.path();
            let ending = path.extension().and_then(|ending| ending.to_str());
            if path.is_dir() {
                waiting.push(path);
            } else if ending.is_some_and(|ending| ENDINGS.contains(&ending)) {
                found.push(path);
            }
        }
    }
    found.sort();
    if found.is_empty() {
        return Err(SetError::Unusable {
            path: folder.to_owned(),
            message: format!("no file in it ends with .{}", ENDINGS.join(", .")),
        });
    }
    Ok(found)
}

/// What the data are called: the file's stem, or the folder's name where the stem only says which part it is.
pub(super) fn name(path: &Path) -> String {
    let whole = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let stem = whole.file_stem().map(|stem| stem.to_string_lossy());
    match (stem.as_deref(), whole.parent().and_then(Path::file_name)) {
        (Some("train" | "dev" | "val" | "test"), Some(folder)) => {
            folder.to_string_lossy().into_owned()
        }
        (Some(stem), _) => stem.to_owned(),
        (None, _) => "data".to_owned(),
    }
}

/// Whether a file begins like JSON.
pub(super) fn is_json(file: &Path) -> Result<bool, SetError> {
    Ok(set::read(file)?.trim_start().starts_with(['{', '[']))
}

/// The first record.
pub(super) fn first(file: &Path) -> Result<Value, SetError> {
    let text = set::read(file)?;
    let start = text.trim_start();
    let lines_before = text[..text.len() - start.len()].matches('\n').count();
    let mut stream = serde_json::Deserializer::from_str(start).into_iter::<Value>();
    match stream.next() {
        Some(Ok(Value::Array(list))) => list.into_iter().next().ok_or_else(|| empty(file)),
        Some(Ok(value)) => Ok(value),
        Some(Err(error)) => Err(set::at_line(
            file,
            lines_before + error.line(),
            error.to_string(),
        )),
        None => Err(empty(file)),
    }
}

fn empty(file: &Path) -> SetError {
    SetError::Unusable {
        path: file.to_owned(),
        message: "it is empty".to_owned(),
    }
}

/// Every record with its place: JSON lines, a list of records, or one record alone.
pub(super) fn values(file: &Path) -> Result<Vec<(String, Value)>, SetError> {
    let text = set::read(file)?;
    if text.trim_start().starts_with('[') {
        let list: Vec<Value> = serde_json::from_str(&text)
            .map_err(|error| set::at_line(file, error.line(), error.to_string()))?;
        let numbered = list.into_iter().enumerate();
        return Ok(numbered
            .map(|(index, value)| (format!("record {}", index + 1), value))
            .collect());
    }
    let is_one = file.extension().is_some_and(|ending| ending == "json");
    if is_one && let Ok(value) = serde_json::from_str(&text) {
        return Ok(vec![("record 1".to_owned(), value)]);
    }
    let lines = text.split('\n').enumerate();
    lines
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(index, line)| {
            let number = index + 1;
            let value = serde_json::from_str(line)
                .map_err(|error| set::at_line(file, number, said(&error)))?;
            Ok((format!("line {number}"), value))
        })
        .collect()
}

/// What was wrong, without the parser's own line, which is 1 in every line.
fn said(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let what = text.strip_suffix(&place).unwrap_or(&text);
    format!("{what} (column {})", error.column())
}
