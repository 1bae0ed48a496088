//! Training data: conversations and texts in the formats people have them in.
//!
//! The format is found by content and the reason is named. Nothing is skipped in silence; an error names the file and the
//! line. Which turns are learned is decided here ([`TrainOn`]), which tokens those are is not: that needs a model.

mod chat;
mod files;
mod format;
mod pairs;
mod split;
mod text;
mod train_on;

pub use format::{Detection, Format};
pub use split::{Parts, split};
pub use train_on::TrainOn;

use super::set::SetError;
use crate::domain::message::Message;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// One message, and whether the data themselves say that it is (not) to be learned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    pub message: Message,
    /// OpenAI's `weight`, or `train`: overrides [`TrainOn`] where it is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_trained: Option<bool>,
}

impl Turn {
    #[must_use]
    pub fn new(message: Message) -> Self {
        Self {
            message,
            is_trained: None,
        }
    }
}

/// What is learned from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Content {
    /// Put through the model's chat template.
    Dialogue(Vec<Turn>),
    /// Learned as it stands, every token of it.
    Text(String),
}

/// One record of the data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// Where it stands, for messages: `train.jsonl, line 12`.
    pub place: String,
    pub content: Content,
}

/// A file or folder of training data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Samples {
    /// For titles: the file's stem, or its folder's name.
    pub name: String,
    pub detection: Detection,
    pub samples: Vec<Sample>,
}

/// Reads training data; every data set that `task::set` knows will do as well, as questions and answers.
///
/// # Errors
///
/// When it cannot be read, is of no known format, or a record in it is broken.
pub fn load(path: &Path, format: Option<Format>) -> Result<Samples, SetError> {
    let files = files::files(path)?;
    let detection = match format {
        Some(format) => Detection {
            format,
            reason: "named with the data".to_owned(),
        },
        None => format::detect(path, &files)?,
    };
    let samples = match detection.format {
        Format::Set => pairs::of_set(path, &files)?,
        format => {
            let mut samples = Vec::new();
            for file in &files {
                samples.extend(match format {
                    Format::Text => text::of_file(file)?,
                    _ => records(file, format)?,
                });
            }
            samples
        }
    };
    if samples.is_empty() {
        return Err(SetError::Unusable {
            path: path.to_owned(),
            message: format!("no record of format {} in it", detection.format.name()),
        });
    }
    Ok(Samples {
        name: files::name(path),
        detection,
        samples,
    })
}

/// The records of a file of JSON.
fn records(file: &Path, format: Format) -> Result<Vec<Sample>, SetError> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let mut samples = Vec::new();
    for (place, value) in files::values(file)? {
        let content = match format {
            Format::Messages => chat::messages(&value),
            Format::ShareGpt => chat::share_gpt(&value),
            Format::Completion => chat::completion(&value),
            Format::Instruction => pairs::instruction(&value),
            Format::Gsm8k => pairs::gsm8k(&value),
            Format::TextLines | Format::Text | Format::Set => text::of_record(&value),
        };
        let content = content.map_err(|message| SetError::Broken {
            path: file.to_owned(),
            place: place.clone(),
            message,
        })?;
        samples.push(Sample {
            place: format!("{name}, {place}"),
            content,
        });
    }
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::message::Role;
    use std::fs;

    fn loaded(name: &str, text: &str) -> Result<Samples, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        let without =
            |error: SetError| error.to_string().replace(&path.display().to_string(), name);
        load(&path, None).map_err(without)
    }

    fn said(sample: &Sample) -> Vec<(Role, &str)> {
        match &sample.content {
            Content::Dialogue(turns) => turns
                .iter()
                .map(|turn| (turn.message.role, turn.message.content.as_str()))
                .collect(),
            Content::Text(text) => panic!("a text: {text}"),
        }
    }

    #[test]
    fn every_format_comes_down_to_conversations_or_texts() {
        let expected = [(Role::User, "2+2?"), (Role::Assistant, "4\n#### 4")];
        for (name, text, format) in [
            (
                "a.jsonl",
                "\n{\"messages\": [{\"role\": \"user\", \"content\": \"2+2?\"}, {\"role\": \"assistant\", \"content\": \"4\\n#### 4\"}]}\n",
                Format::Messages,
            ),
            (
                "a.json",
                "[{\"conversations\": [{\"from\": \"human\", \"value\": \"2+2?\"}, {\"from\": \"gpt\", \"value\": \"4\\n#### 4\"}]}]",
                Format::ShareGpt,
            ),
            (
                "a.jsonl",
                "{\"prompt\": \"2+2?\", \"completion\": \"4\\n#### 4\"}",
                Format::Completion,
            ),
            (
                "a.jsonl",
                "{\"instruction\": \"2+2?\", \"input\": \"\", \"output\": \"4\\n#### 4\"}",
                Format::Instruction,
            ),
            (
                "a.jsonl",
                "{\"question\": \"2+2?\", \"answer\": \"4\\n#### 4\"}",
                Format::Gsm8k,
            ),
        ] {
            let samples = loaded(name, text).unwrap();
            assert_eq!(samples.detection.format, format);
            assert_eq!(samples.samples.len(), 1);
            assert_eq!(said(&samples.samples[0]), expected, "{format:?}");
        }
        let texts = loaded("a.txt", "Once upon a time").unwrap();
        assert_eq!(texts.detection.reason, "it ends with .txt");
        let whole = Content::Text("Once upon a time".into());
        assert_eq!(texts.samples[0].content, whole);
    }

    #[test]
    fn items_of_a_data_set_are_asked_as_they_are_measured() {
        let line = "{\"question\": \"Which?\", \"choices\": [\"x\", \"y\"], \"answer\": \"B\"}";
        let samples = loaded("a.jsonl", line).unwrap();
        let said = said(&samples.samples[0]);
        assert!(said[0].1.contains("B: y"), "{said:?}");
        assert_eq!(said[1], (Role::Assistant, "The answer is B."));
    }

    #[test]
    fn an_error_names_the_file_and_the_line() {
        let good = "{\"messages\": [{\"role\": \"user\", \"content\": \"q\"}]}\n";
        for (text, error) in [
            (
                format!("{good}{{\"messages\": 3}}"),
                "the data a.jsonl, line 2: \"messages\" is not a list",
            ),
            (
                format!("{good}\n{{broken"),
                "the data a.jsonl, line 3: key must be a string (column 2)",
            ),
            (
                "{\"a\": 1, \"b\": 2}".to_owned(),
                "the data a.jsonl: its first record has the fields \"a\", \"b\"; known are",
            ),
            (
                " \n".to_owned(),
                "the data a.jsonl: no record of format text",
            ),
        ] {
            let said = loaded("a.jsonl", &text).unwrap_err();
            assert!(said.starts_with(error), "{said}");
        }
    }

    #[test]
    fn a_folder_stands_for_its_training_part() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(
            folder.path().join("train.jsonl"),
            "{\"text\": \"one\"}\n{\"text\": \"two\"}\n",
        )
        .unwrap();
        fs::write(folder.path().join("test.jsonl"), "{\"text\": \"never\"}\n").unwrap();
        let samples = load(folder.path(), None).unwrap().samples;
        assert_eq!(samples.len(), 2);
        assert_eq!(samples[1].place, "train.jsonl, line 2");
    }
}
