//! From data to examples of one model: what is learned, what only measures, and what had to be left out.

use super::Settings;
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::message::Message;
use crate::lm::example::{self, Example, ExampleError, Fitted, Marked};
use crate::lm::template::{Occasion, Template};
use crate::lm::tokenizer::Tokenizer;
use crate::task::dialogue::{self, Content, Detection, Sample, TrainOn};
use crate::task::set::SetError;
use rayon::prelude::*;
use serde::Serialize;

/// Why there is nothing to learn from.
#[derive(Debug, thiserror::Error)]
pub enum LessonError {
    #[error(transparent)]
    Data(#[from] SetError),
    #[error("{place}: {source}")]
    Example { place: String, source: ExampleError },
    #[error(
        "no token of the data is to be learned: {records} records were read, {why}; look at them with `synod train --preview`"
    )]
    Nothing { records: usize, why: String },
}

impl From<LessonError> for Fault {
    fn from(error: LessonError) -> Self {
        Fault::new(FaultClass::BadData, error.to_string())
    }
}

/// The words of a model: what makes tokens of conversations.
#[derive(Clone, Copy)]
pub struct Words<'a> {
    pub template: &'a Template,
    pub tokenizer: &'a Tokenizer,
}

/// An example and the record it is of.
#[derive(Debug, Clone, PartialEq)]
pub struct Lesson {
    pub example: Example,
    /// Number of the record in its part, from 0.
    pub record: usize,
}

/// Lessons for one purpose.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Part {
    pub records: Vec<Sample>,
    pub lessons: Vec<Lesson>,
    pub counts: Counts,
}

/// What became of the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    pub records: usize,
    pub examples: usize,
    pub tokens: usize,
    /// Tokens that are to be predicted.
    pub labelled: usize,
    /// Tokens of the longest example.
    pub longest: usize,
    /// Conversations that became several examples, because their template writes earlier turns differently.
    pub divided: usize,
    /// Left out for their length.
    pub dropped: usize,
    /// Shortened, and by how many tokens in all.
    pub trimmed: usize,
    pub cut_tokens: usize,
    /// Without a token to predict.
    pub unlabelled: usize,
}

/// All lessons of a fine-tuning.
#[derive(Debug, Clone, PartialEq)]
pub struct Lessons {
    /// What the data are called.
    pub name: String,
    pub detection: Detection,
    pub train: Part,
    pub validation: Part,
}

impl Lessons {
    /// Reads the data and makes tokens of them.
    ///
    /// # Errors
    /// When the data cannot be read, a record cannot be learned, or nothing is left to learn.
    pub fn load(settings: &Settings, words: Words<'_>) -> Result<Self, LessonError> {
        let mut data = dialogue::load(&settings.data, settings.format)?;
        if settings.limit > 0 {
            data.samples.truncate(settings.limit);
        }
        let parts = match &settings.validation {
            Some(path) => dialogue::Parts {
                train: data.samples,
                validation: dialogue::load(path, None)?.samples,
            },
            None => dialogue::split(data.samples, settings.validation_share, settings.seed),
        };
        let lessons = Self {
            name: data.name,
            detection: data.detection,
            train: Part::new(parts.train, settings, words)?,
            validation: Part::new(parts.validation, settings, words)?,
        };
        match lessons.train.counts.labelled {
            0 => Err(lessons.train.counts.nothing(&settings.train_on)),
            _ => Ok(lessons),
        }
    }
}

impl Part {
    fn new(
        records: Vec<Sample>,
        settings: &Settings,
        words: Words<'_>,
    ) -> Result<Self, LessonError> {
        let mut counts = Counts {
            records: records.len(),
            ..Counts::default()
        };
        let mut lessons = Vec::new();
        let made: Vec<_> = records
            .par_iter()
            .map(|sample| examples(sample, settings, words))
            .collect();
        for ((record, sample), examples) in records.iter().enumerate().zip(made) {
            let fault = |source| LessonError::Example {
                place: sample.place.clone(),
                source,
            };
            let examples = examples.map_err(fault)?;
            counts.unlabelled += usize::from(examples.is_empty());
            let is_dialogue = matches!(sample.content, Content::Dialogue(_));
            counts.divided += usize::from(is_dialogue && examples.len() > 1);
            for example in examples {
                let fitted = example::fit(example, settings.max_tokens, settings.over_length);
                if let Some(example) = counts.take(fitted.map_err(fault)?) {
                    lessons.push(Lesson { example, record });
                }
            }
        }
        Ok(Self {
            records,
            lessons,
            counts,
        })
    }
}

fn examples(
    sample: &Sample,
    settings: &Settings,
    words: Words<'_>,
) -> Result<Vec<Example>, ExampleError> {
    match &sample.content {
        Content::Text(text) => Ok(example::of_text(
            words.tokenizer,
            text,
            settings.max_tokens,
        )?),
        Content::Dialogue(turns) => {
            let is_trained = settings.train_on.marks(turns);
            let messages: Vec<Message> = turns.iter().map(|turn| turn.message.clone()).collect();
            let marked = Marked {
                messages: &messages,
                is_trained: &is_trained,
            };
            example::of_dialogue(words.template, words.tokenizer, marked, Occasion::default())
        }
    }
}

impl Counts {
    fn take(&mut self, fitted: Fitted) -> Option<Example> {
        let example = match fitted {
            Fitted::Whole(example) => example,
            Fitted::Trimmed { example, cut } => {
                self.trimmed += 1;
                self.cut_tokens += cut;
                example
            }
            Fitted::Dropped => {
                self.dropped += 1;
                return None;
            }
            Fitted::Unlabelled => {
                self.unlabelled += 1;
                return None;
            }
        };
        self.examples += 1;
        self.tokens += example.len();
        self.labelled += example.labelled();
        self.longest = self.longest.max(example.len());
        Some(example)
    }

    fn nothing(&self, train_on: &TrainOn) -> LessonError {
        let why = format!(
            "{} have no turn that is learned (train_on = {train_on}) and {} are too long",
            self.unlabelled, self.dropped
        );
        LessonError::Nothing {
            records: self.records,
            why,
        }
    }

    /// What a person should know: everything that is not simply learned as it stands.
    #[must_use]
    pub fn notes(&self, max_tokens: usize) -> Vec<String> {
        let mut notes = Vec::new();
        if self.dropped > 0 {
            notes.push(format!(
                "{} examples have more than {max_tokens} tokens and are left out",
                self.dropped
            ));
        }
        if self.trimmed > 0 {
            notes.push(format!(
                "{} examples have more than {max_tokens} tokens and lose {} tokens in all",
                self.trimmed, self.cut_tokens
            ));
        }
        if self.unlabelled > 0 {
            notes.push(format!(
                "{} records or examples have no token to learn and are left out",
                self.unlabelled
            ));
        }
        if self.divided > 0 {
            notes.push(format!(
                "{} conversations become one example for each learned turn: the template writes earlier turns differently later, \
                 or ends them with no token",
                self.divided
            ));
        }
        notes
    }
}
