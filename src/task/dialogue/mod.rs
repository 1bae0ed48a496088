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
