//! The formats of training data, and how one is told from another.

use super::files;
use crate::task::set::SetError;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Records with `messages`, each with `role` and `content`; OpenAI's `weight` of 0 or 1 is honoured.
    Messages,
    /// Records with `conversations`, each message with `from` and `value`.
    ShareGpt,
    /// Records with `prompt` and `completion`: one question, one answer.
    Completion,
    /// Records with `instruction`, perhaps `input`, and `output` (Stanford Alpaca).
    Instruction,
    /// GSM8K's own lines: `question`, and an `answer` that ends with `#### 18`. The whole solution is learned.
    Gsm8k,
    /// Records with `text`.
    TextLines,
    /// Plain text, one document a file.
    Text,
    /// Any data set that `synod eval` reads: its prompt, and the answer in the form that is read.
    Set,
}

impl Format {
    /// All of them, with the word that names each.
    pub const NAMES: [(&'static str, Format); 8] = [
        ("messages", Format::Messages),
        ("sharegpt", Format::ShareGpt),
        ("completion", Format::Completion),
        ("instruction", Format::Instruction),
        ("gsm8k", Format::Gsm8k),
        ("text-lines", Format::TextLines),
        ("text", Format::Text),
        ("set", Format::Set),
    ];

    #[must_use]
    pub fn name(self) -> &'static str {
        let found = Self::NAMES.iter().find(|(_, format)| *format == self);
        found.map_or("", |(name, _)| name)
    }
}

impl std::str::FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::NAMES.iter().find(|(name, _)| *name == text);
        found.map(|(_, format)| *format).ok_or_else(|| {
            let known: Vec<&str> = Self::NAMES.iter().map(|(name, _)| *name).collect();
            format!(
                "format \"{text}\" is not known; known: {}",
                known.join(", ")
            )
        })
    }
}

/// A format and what it was recognised by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detection {
    pub format: Format,
    /// In words: `its first record has a list "messages"`.
    pub reason: String,
}

impl Detection {
    fn new(format: Format, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self { format, reason }
    }
}

/// What the first file looks like.
pub(super) fn detect(path: &Path, files: &[PathBuf]) -> Result<Detection, SetError> {
    let Some(file) = files.first() else {
        return Ok(Detection::new(Format::Set, "made up by a generator"));
    };
    let ending = file.extension().and_then(|ending| ending.to_str());
    match ending {
        Some("csv") => return Ok(Detection::new(Format::Set, "it is a table")),
        Some("txt" | "text" | "md") => {
            return Ok(Detection::new(
                Format::Text,
                format!("it ends with .{}", ending.unwrap_or_default()),
            ));
        }
        _ => {}
    }
    if !files::is_json(file)? {
        return Ok(Detection::new(Format::Text, "it does not begin like JSON"));
    }
    let first = files::first(file)?;
    of_record(&first).ok_or_else(|| SetError::Unusable {
        path: path.to_owned(),
        message: format!(
            "its first record has {}; known are messages, conversations, prompt and completion, instruction and output, \
             question and answer, and text",
            fields(&first)
        ),
    })
}

fn of_record(record: &Value) -> Option<Detection> {
    let has = |key: &str| record.get(key).is_some();
    let is_list = |key: &str| record.get(key).is_some_and(Value::is_array);
    let found = |format, reason: &str| Some(Detection::new(format, reason));
    if is_list("messages") {
        return found(Format::Messages, "its first record has a list \"messages\"");
    }
    if is_list("conversations") || is_list("conversation") {
        return found(
            Format::ShareGpt,
            "its first record has a list \"conversations\"",
        );
    }
    if has("prompt") && has("completion") {
        return found(
            Format::Completion,
            "its first record has \"prompt\" and \"completion\"",
        );
    }
    if has("instruction") && (has("output") || has("response")) {
        return found(
            Format::Instruction,
            "its first record has \"instruction\" and \"output\"",
        );
    }
    let answer = record.get("answer").and_then(Value::as_str);
    if has("question") && answer.is_some_and(|answer| answer.contains("####")) {
        return found(
            Format::Gsm8k,
            "its first record has a \"question\" and an \"answer\" with \"####\"",
        );
    }
    let is_item = (has("question") || has("prompt")) && has("answer");
    if is_item || (has("problem") && has("solution")) || is_list("dev") || is_list("test") {
        return found(
            Format::Set,
            "its first record is a question with its answer",
        );
    }
    if record.get("text").is_some_and(Value::is_string) {
        return found(Format::TextLines, "its first record has a \"text\"");
    }
    None
}

fn fields(record: &Value) -> String {
    match record.as_object() {
        Some(fields) if fields.is_empty() => "no fields".to_owned(),
        Some(fields) => {
            let names: Vec<String> = fields.keys().map(|key| format!("\"{key}\"")).collect();
            format!("the fields {}", names.join(", "))
        }
        None => "no fields: it is not an object".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_told_apart_by_their_fields() {
        let format =
            |text: &str| of_record(&serde_json::from_str(text).unwrap()).map(|found| found.format);
        for (record, expected) in [
            (r#"{"messages": []}"#, Some(Format::Messages)),
            (r#"{"id": 1, "conversations": []}"#, Some(Format::ShareGpt)),
            (
                r#"{"prompt": "a", "completion": "b"}"#,
                Some(Format::Completion),
            ),
            (
                r#"{"instruction": "a", "input": "", "output": "b"}"#,
                Some(Format::Instruction),
            ),
            (
                r####"{"question": "a", "answer": "b\n#### 3"}"####,
                Some(Format::Gsm8k),
            ),
            (r#"{"question": "a", "answer": "b"}"#, Some(Format::Set)),
            (r#"{"text": "a"}"#, Some(Format::TextLines)),
            (r#"{"messages": "no list"}"#, None),
        ] {
            assert_eq!(format(record), expected, "{record}");
        }
        for (name, format) in Format::NAMES {
            assert_eq!(name.parse(), Ok(format));
            assert_eq!(format.name(), name);
        }
    }
}
