//! Questions with answers: GSM8K's solutions, Alpaca's instructions, and the items of any data set.

use super::{Content, Sample, Turn};
use crate::domain::message::Message;
use crate::task::prompt;
use crate::task::set::{self, Item, Kind, SetError, Split};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// A line of GSM8K: the whole solution is the answer.
pub(super) fn gsm8k(record: &Value) -> Result<Content, String> {
    Ok(pair(text(record, "question")?, text(record, "answer")?))
}

/// Alpaca's record: what the instruction is about follows it.
pub(super) fn instruction(record: &Value) -> Result<Content, String> {
    let mut question = text(record, "instruction")?.to_owned();
    if let Some(input) = record.get("input").and_then(Value::as_str)
        && !input.trim().is_empty()
    {
        question.push_str("\n\n");
        question.push_str(input);
    }
    let answer = text(record, "output").or_else(|_| text(record, "response"))?;
    Ok(pair(&question, answer))
}

/// The items of a data set, asked as `synod eval` asks them.
pub(super) fn of_set(path: &Path, files: &[PathBuf]) -> Result<Vec<Sample>, SetError> {
    // A folder's training part was chosen already where it is one file.
    let path = match files {
        [file] => file,
        _ => path,
    };
    let set = set::load(path, None, Split::Dev)?;
    set.items
        .iter()
        .map(|item| {
            let content = answered(item).ok_or_else(|| SetError::Broken {
                path: path.to_owned(),
                place: format!("item {}", item.id),
                message: "it has no right answer to learn".to_owned(),
            })?;
            Ok(Sample {
                place: item.id.clone(),
                content,
            })
        })
        .collect()
}

/// The answer in the form that is read: `The answer is B.`
fn answered(item: &Item) -> Option<Content> {
    let begin = prompt::begin(item);
    let answer = item.answer.as_str();
    let answer = match item.kind {
        Kind::Free => return None,
        Kind::Maths => format!("{begin}\\boxed{{{answer}}}."),
        Kind::Choice | Kind::Exact | Kind::Number => format!("{begin}{answer}."),
    };
    Some(pair(&prompt::ask(item, None), &answer))
}

fn pair(question: &str, answer: &str) -> Content {
    Content::Dialogue(vec![
        Turn::new(Message::user(question)),
        Turn::new(Message::assistant(answer)),
    ])
}

fn text<'a>(record: &'a Value, key: &str) -> Result<&'a str, String> {
    match record.get(key) {
        Some(Value::String(text)) if text.trim().is_empty() => Err(format!("\"{key}\" is empty")),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(format!("\"{key}\" is not text")),
        None => Err(format!("\"{key}\" is missing")),
    }
}
