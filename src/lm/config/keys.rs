//! The keys of a `config.json`, read by name with errors that name file and key.
//!
//! A key that is absent and one that is null are different things: many defaults hold for the first only.

use crate::lm::error::ModelError;
use serde_json::{Map, Value};
use std::path::Path;

/// Sizes beyond this are taken for mistakes; no model has them.
const MAX_SIZE: u64 = 1 << 24;

/// A table of the file.
#[derive(Clone, Copy)]
pub struct Keys<'a> {
    table: &'a Map<String, Value>,
    path: &'a Path,
    /// The name of the table within the file, for messages; empty for the file itself.
    within: &'a str,
}

impl<'a> Keys<'a> {
    /// The file's own table.
    pub fn new(value: &'a Value, path: &'a Path) -> Result<Self, ModelError> {
        match value {
            Value::Object(table) => Ok(Self {
                table,
                path,
                within: "",
            }),
            _ => Err(ModelError::broken(path, "it is not a JSON object")),
        }
    }

    /// A table within this one; none when it is absent or null.
    pub fn table(&self, name: &'a str) -> Result<Option<Self>, ModelError> {
        match self.table.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Object(table)) => Ok(Some(Self {
                table,
                path: self.path,
                within: name,
            })),
            Some(_) => Err(self.wrong(name, "a table")),
        }
    }

    pub fn has(&self, name: &str) -> bool {
        self.table.contains_key(name)
    }

    pub fn is_null(&self, name: &str) -> bool {
        self.table.get(name).is_some_and(Value::is_null)
    }

    pub fn required(&self, name: &str) -> Result<usize, ModelError> {
        self.size(name)?
            .ok_or_else(|| self.broken(format!("{} is missing", self.label(name))))
    }

    pub fn size(&self, name: &str) -> Result<Option<usize>, ModelError> {
        self.read(name, "a size", |value| {
            let size = value.as_u64().filter(|&n| n <= MAX_SIZE)?;
            usize::try_from(size).ok()
        })
    }

    pub fn number(&self, name: &str) -> Result<Option<f64>, ModelError> {
        self.read(name, "a number", Value::as_f64)
    }

    pub fn flag(&self, name: &str) -> Result<Option<bool>, ModelError> {
        self.read(name, "true or false", Value::as_bool)
    }

    pub fn text(&self, name: &str) -> Result<Option<&'a str>, ModelError> {
        self.read(name, "a text", Value::as_str)
    }

    pub fn texts(&self, name: &str) -> Result<Option<Vec<&'a str>>, ModelError> {
        self.read(name, "a list of texts", |value| {
            value.as_array()?.iter().map(Value::as_str).collect()
        })
    }

    #[allow(clippy::cast_possible_truncation, reason = "used as f32")]
    pub fn numbers(&self, name: &str) -> Result<Option<Vec<f32>>, ModelError> {
        self.read(name, "a list of numbers", |value| {
            let numbers = value.as_array()?.iter();
            numbers.map(|n| n.as_f64().map(|n| n as f32)).collect()
        })
    }

    /// An error about the file's content.
    pub fn broken(&self, what: impl Into<String>) -> ModelError {
        ModelError::broken(self.path, what)
    }

    /// An error about something this program cannot run.
    pub fn unsupported(&self, what: impl Into<String>) -> ModelError {
        ModelError::unsupported(self.path, what)
    }

    /// A key's name for messages.
    pub fn label(&self, name: &str) -> String {
        if self.within.is_empty() {
            format!("key \"{name}\"")
        } else {
            format!("key \"{name}\" of \"{}\"", self.within)
        }
    }

    fn read<T>(
        &self,
        name: &str,
        expected: &str,
        take: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, ModelError> {
        match self.table.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => take(value)
                .map(Some)
                .ok_or_else(|| self.wrong(name, expected)),
        }
    }

    fn wrong(&self, name: &str, expected: &str) -> ModelError {
        self.broken(format!("{} is not {expected}", self.label(name)))
    }
}
