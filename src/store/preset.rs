//! Presets: TOML files that describe councils; built-in ones are compiled in, the user's are merged over them by field.

use crate::domain::council::Council;
use std::path::PathBuf;

/// A preset file as lists show it, broken ones included.
#[derive(Debug, Clone, PartialEq)]
pub struct Preset {
    /// The file's stem.
    pub name: String,
    /// The user's file, if there is one (a new preset, or fields over a built-in one).
    pub path: Option<PathBuf>,
    pub is_builtin: bool,
    /// The council, or why it cannot be used.
    pub council: Result<Council, Problem>,
    /// Unknown fields and the like.
    pub warnings: Vec<Problem>,
}

/// Something wrong with a user's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file, as a person would name it.
    pub file: String,
    /// From 1; none when the file as a whole is meant.
    pub line: Option<usize>,
    pub message: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}, line {line}: {}", self.file, self.message),
            None => write!(f, "{}: {}", self.file, self.message),
        }
    }
}
