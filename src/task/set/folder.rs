//! Which files a path means, and what format they are in.

use super::{Format, SetError, Split, at_line, read};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Endings of files that may hold items.
const ENDINGS: [&str; 3] = ["json", "jsonl", "csv"];

/// The file itself, or the files of a folder, sorted as path strings. A folder with a part for the split stands for that part.
pub(super) fn files(path: &Path, split: Split) -> Result<Vec<PathBuf>, SetError> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    for name in split.names() {
        let part = path.join(name);
        if part.is_dir() {
            return within(&part);
        }
        let files = ENDINGS.iter().map(|ending| part.with_extension(ending));
        if let Some(file) = files.into_iter().find(|file| file.is_file()) {
            return Ok(vec![file]);
        }
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

/// What the first file looks like.
pub(super) fn format_of(path: &Path, files: &[PathBuf]) -> Result<Format, SetError> {
    let unknown = |message: &str| SetError::Unusable {
        path: path.to_owned(),
        message: format!("{message}; name the format with --format"),
    };
    let file = files.first().ok_or_else(|| unknown("no file in it"))?;
    let text = read(file)?;
    let start = text.trim_start();
    if start.is_empty() {
        return Err(unknown("it is empty"));
    }
    if !start.starts_with('{') {
        return if start.lines().next().is_some_and(|line| line.contains(',')) {
            Ok(Format::Csv)
        } else {
            Err(unknown("it looks neither like JSON nor like a table"))
        };
    }
    let mut values = serde_json::Deserializer::from_str(start).into_iter::<Value>();
    let first = match values.next() {
        Some(Ok(value)) => value,
        Some(Err(error)) => return Err(at_line(file, error.line(), error.to_string())),
        None => return Err(unknown("it is empty")),
    };
    let answer = first.get("answer").and_then(Value::as_str);
    Ok(
        if first.get("dev").is_some_and(Value::is_array)
            || first.get("test").is_some_and(Value::is_array)
        {
            Format::Swarms
        } else if first.get("problem").is_some() && first.get("solution").is_some() {
            Format::Math
        } else if answer.is_some_and(|answer| answer.contains("####")) {
            Format::Gsm8k
        } else {
            Format::Lines
        },
    )
}

/// What a set is called: its file's stem, or its folder's name.
pub(super) fn name(path: &Path) -> String {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let name = path
        .file_stem()
        .map(|name| name.to_string_lossy().into_owned());
    match (name.as_deref(), path.parent().and_then(Path::file_name)) {
        // `gsm8k/test.jsonl` is better known by its folder.
        (Some("test" | "dev" | "val" | "train"), Some(folder)) => {
            folder.to_string_lossy().into_owned()
        }
        (Some(name), _) => name.to_owned(),
        (None, _) => "data".to_owned(),
    }
}
