//! Texts that are learned as they stand.

use super::{Content, Sample};
use crate::task::set::{self, SetError};
use serde_json::Value;
use std::path::Path;

/// A record with `text`.
pub(super) fn of_record(record: &Value) -> Result<Content, String> {
    match record.get("text") {
        Some(Value::String(text)) if text.is_empty() => Err("\"text\" is empty".to_owned()),
        Some(Value::String(text)) => Ok(Content::Text(text.clone())),
        Some(_) => Err("\"text\" is not text".to_owned()),
        None => Err("\"text\" is missing".to_owned()),
    }
}

/// A file that is one document; nothing when there is nothing in it.
pub(super) fn of_file(file: &Path) -> Result<Vec<Sample>, SetError> {
    let text = set::read(file)?;
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![Sample {
        place: name.into_owned(),
        content: Content::Text(text),
    }])
}
