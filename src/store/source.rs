//! Reading the files that a person edits: a file that is missing is no problem, one that cannot be read is named.

use super::preset::Problem;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The text of a file, or nothing when there is no such file.
pub fn read_optional(path: &Path) -> Result<Option<String>, Problem> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Problem {
            file: path.display().to_string(),
            line: None,
            message: match error.kind() {
                ErrorKind::InvalidData => "it is not UTF-8 text; save it as UTF-8".into(),
                _ => format!("it cannot be read: {error}"),
            },
        }),
    }
}

/// The `.toml` files of a folder by stem, in alphabetical order; hidden files and folders are left out.
#[must_use]
pub fn toml_files(folder: &Path) -> Vec<(String, PathBuf)> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut files: Vec<(String, PathBuf)> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "toml") && path.is_file())
        .filter_map(|path| Some((path.file_stem()?.to_str()?.to_owned(), path)))
        .filter(|(name, _)| !name.starts_with('.'))
        .collect();
    files.sort();
    files
}
