//! Data sets: files in the formats people have them in become items with one right answer.
//!
//! The format is found by content. Every cell is text (`NA` and `007` stay what they are), nothing is skipped in silence, and
//! an error names the file and the line.

mod arithmetic;
mod folder;
mod lines;
mod math;
mod sprout;
mod swarms;
mod table;

pub use arithmetic::arithmetic;

use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// One question with its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Unique in its set and the same in every run: `agronomy/12`.
    pub id: String,
    /// A subject or kind, for tables; the set's name when the file gives none.
    pub domain: String,
    pub question: String,
    /// Texts of the options A, B, …; empty unless it is multiple choice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
    /// The letter of the right option, or the answer itself.
    pub answer: String,
    pub kind: Kind,
}

/// How an answer is read and compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A letter.
    Choice,
    /// A word or phrase.
    Exact,
    /// A decimal number.
    Number,
    /// A mathematical expression.
    Maths,
    /// No single right answer: a judge has to look at it.
    Free,
}

/// The formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// JSON lines with `question` and an `answer` that ends with `#### 18`.
    Gsm8k,
    /// A folder of JSON files with `problem` and a `solution` that holds `\boxed{…}`.
    Math,
    /// Made up by a seeded generator.
    Arithmetic,
    /// Made up by the generators of the model in the box.
    Sprout,
    /// The published tables of MMLU and CMMLU, with and without a header: question, options, letter.
    Csv,
    /// One JSON object with `dev` and `test` lists, as Model Swarms has them.
    Swarms,
    /// JSON lines of one's own: `question` or `prompt`, `answer`, and where they fit `choices`, `domain`, `kind`, `id`.
    Lines,
}

impl Format {
    /// All of them, with the word that names each.
    pub const NAMES: [(&'static str, Format); 7] = [
        ("gsm8k", Format::Gsm8k),
        ("math", Format::Math),
        ("arithmetic", Format::Arithmetic),
        ("sprout", Format::Sprout),
        ("csv", Format::Csv),
        ("swarms", Format::Swarms),
        ("jsonl", Format::Lines),
    ];

    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES
            .iter()
            .find(|(_, format)| *format == self)
            .map_or("", |(name, _)| name)
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

/// Which part of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// For choosing between councils; where a set has only `train` or `val`, that.
    Dev,
    /// For the figure that counts.
    #[default]
    Test,
}

impl Split {
    /// Names that folders and files use for it.
    #[must_use]
    pub fn names(self) -> &'static [&'static str] {
        match self {
            Split::Dev => &["dev", "val", "train"],
            Split::Test => &["test"],
        }
    }

    #[must_use]
    pub fn name(self) -> &'static str {
        self.names().first().copied().unwrap_or_default()
    }
}

impl std::str::FromStr for Split {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "dev" => Ok(Split::Dev),
            "test" => Ok(Split::Test),
            _ => Err(format!("split \"{text}\" is not known; known: dev, test")),
        }
    }
}

/// Items and what they are called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set {
    pub name: String,
    pub format: Format,
    pub items: Vec<Item>,
}

/// Why a set cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SetError {
    #[error("cannot read the data {path}: {source}")]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    /// `place` is a line or, where lines say nothing, an item.
    #[error("the data {path}, {place}: {message}")]
    Broken {
        path: PathBuf,
        place: String,
        message: String,
    },
    #[error("the data {path}: {message}")]
    Unusable { path: PathBuf, message: String },
}

/// Reads a file or folder. Where no such file is, `arithmetic` and `arithmetic:SEED` name that generator, and `sprout`,
/// `sprout:DOMAIN`, `sprout:DOMAIN,DOMAIN:SEED` those of the model in the box.
///
/// # Errors
///
/// When it cannot be read, is of no known format, or an item in it is broken.
pub fn load(path: &Path, format: Option<Format>, split: Split) -> Result<Set, SetError> {
    if let Some(seed) = arithmetic::seed(path, format) {
        return Ok(Set {
            name: "arithmetic".to_owned(),
            format: Format::Arithmetic,
            items: arithmetic::part(seed, split),
        });
    }
    if let Some(named) = sprout::named(path, format) {
        return Ok(Set {
            name: path.display().to_string(),
            format: Format::Sprout,
            items: sprout::items(&named, path, split)?,
        });
    }
    let files = folder::files(path, split)?;
    let format = match format {
        Some(format) => format,
        None => folder::format_of(path, &files)?,
    };
    let mut items = Vec::new();
    for file in &files {
        let text = read(file)?;
        items.extend(match format {
            Format::Gsm8k => lines::gsm8k(file, &text)?,
            Format::Lines => lines::own(file, &text)?,
            Format::Math => math::problem(path, file, &text)?,
            Format::Csv => table::rows(file, &text)?,
            Format::Swarms => swarms::items(file, &text, split)?,
            Format::Arithmetic | Format::Sprout => Vec::new(),
        });
    }
    if items.is_empty() {
        return Err(SetError::Unusable {
            path: path.to_owned(),
            message: format!("no item of format {} in it", format.name()),
        });
    }
    Ok(Set {
        name: folder::name(path),
        format,
        items,
    })
}

/// The letter of the option at this place, from 0.
#[must_use]
pub fn letter(index: usize) -> char {
    u8::try_from(index)
        .ok()
        .and_then(|index| b'A'.checked_add(index))
        .map_or('?', char::from)
}

pub(super) fn read(path: &Path) -> Result<String, SetError> {
    let bytes = std::fs::read(path).map_err(|source| SetError::Read {
        path: path.to_owned(),
        source,
    })?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let before = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes()[..before]
            .iter()
            .filter(|&&byte| byte == b'\n')
            .count();
        at_line(path, line, "this is not UTF-8 text")
    })?;
    Ok(match text.strip_prefix('\u{feff}') {
        Some(text) => text.to_owned(),
        None => text,
    })
}

pub(super) fn at_line(path: &Path, line: usize, message: impl Into<String>) -> SetError {
    SetError::Broken {
        path: path.to_owned(),
        place: format!("line {line}"),
        message: message.into(),
    }
}

/// Number or word, whichever an answer without further notice is.
fn kind_of(answer: &str) -> Kind {
    if super::read::decimal(answer).is_some() {
        Kind::Number
    } else {
        Kind::Exact
    }
}

/// Whether a letter names one of so many options.
fn is_letter_of(letter_given: &str, options: usize) -> bool {
    (0..options).any(|index| letter_given == letter(index).to_string())
}
