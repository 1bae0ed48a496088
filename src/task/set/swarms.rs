//! The files of Model Swarms (Feng et al. 2024): `{"dataset", "dev": […], "test": […]}`.
//!
//! Ids of the files are not unique, so items are named by split and place. Items with a `prompt` and no answer are for judges.

use super::lines::options;
use super::{Item, Kind, SetError, Split, at_line, is_letter_of, kind_of};
use serde::Deserialize;
use serde_json::Value;
use std::path::Path;

#[derive(Deserialize)]
struct File {
    dataset: String,
    #[serde(default)]
    dev: Vec<Entry>,
    #[serde(default)]
    test: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    question: Option<String>,
    prompt: Option<String>,
    choices: Option<Value>,
    answer: Option<String>,
    domain: Option<String>,
}

pub(super) fn items(path: &Path, text: &str, split: Split) -> Result<Vec<Item>, SetError> {
    let file: File = serde_json::from_str(text)
        .map_err(|error| at_line(path, error.line(), error.to_string()))?;
    let entries = match split {
        Split::Dev => file.dev,
        Split::Test => file.test,
    };
    let part = split.name();
    entries
        .into_iter()
        .enumerate()
        .map(|(index, entry)| {
            let place = format!("{part}/{}", index + 1);
            item(entry, &file.dataset, &place).map_err(|message| SetError::Broken {
                path: path.to_owned(),
                place: format!("item {place}"),
                message,
            })
        })
        .collect()
}

fn item(entry: Entry, dataset: &str, place: &str) -> Result<Item, String> {
    let choices = match &entry.choices {
        Some(choices) => options(choices)?,
        None => Vec::new(),
    };
    let question = entry
        .question
        .or(entry.prompt)
        .ok_or("it has neither question nor prompt")?;
    let (answer, kind) = match entry.answer {
        Some(answer) if choices.is_empty() => {
            let kind = kind_of(&answer);
            (answer, kind)
        }
        Some(answer) if is_letter_of(&answer, choices.len()) => (answer, Kind::Choice),
        Some(answer) => {
            return Err(format!(
                "answer \"{answer}\" is no letter of its {} choices",
                choices.len()
            ));
        }
        None if choices.is_empty() => (String::new(), Kind::Free),
        None => return Err("it has choices but no answer".to_owned()),
    };
    Ok(Item {
        id: format!("{dataset}/{place}"),
        domain: entry.domain.unwrap_or_else(|| dataset.to_owned()),
        question,
        choices,
        answer,
        kind,
    })
}
