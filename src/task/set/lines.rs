//! JSON lines: GSM8K's, and one's own.

use super::folder::name;
use super::{Item, Kind, SetError, at_line, is_letter_of, kind_of, letter};
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashSet;
use std::path::Path;

/// What stands before the answer of a GSM8K solution (Cobbe et al. 2021).
const MARK: &str = "####";

/// A line of one's own; fields that are not known are somebody's notes.
#[derive(Deserialize)]
struct Line {
    #[serde(alias = "prompt", alias = "problem")]
    question: String,
    answer: Option<Value>,
    /// A list, or an object from letters.
    choices: Option<Value>,
    #[serde(alias = "subject", alias = "category")]
    domain: Option<String>,
    kind: Option<Kind>,
    id: Option<Value>,
}

pub(super) fn gsm8k(path: &Path, text: &str) -> Result<Vec<Item>, SetError> {
    let set = name(path);
    let mut items = Vec::new();
    for (number, line) in lines(text) {
        let line: Line = parse(path, number, line)?;
        let solution = line.answer.as_ref().and_then(Value::as_str).unwrap_or("");
        let Some((_, answer)) = solution.rsplit_once(MARK) else {
            let message = format!("the answer has no \"{MARK} NUMBER\" at its end");
            return Err(at_line(path, number, message));
        };
        let answer = answer.trim();
        if crate::task::read::decimal(answer).is_none() {
            let message = format!("\"{answer}\" behind {MARK} is no number");
            return Err(at_line(path, number, message));
        }
        items.push(Item {
            id: format!("{set}/{number}"),
            domain: set.clone(),
            question: line.question,
            choices: Vec::new(),
            answer: answer.to_owned(),
            kind: Kind::Number,
        });
    }
    Ok(items)
}

pub(super) fn own(path: &Path, text: &str) -> Result<Vec<Item>, SetError> {
    let set = name(path);
    let mut seen = HashSet::new();
    let mut items = Vec::new();
    for (number, line) in lines(text) {
        let line: Line = parse(path, number, line)?;
        let item = item(line, &set, number).map_err(|message| at_line(path, number, message))?;
        if !seen.insert(item.id.clone()) {
            let message = format!("id \"{}\" stands in an earlier line already", item.id);
            return Err(at_line(path, number, message));
        }
        items.push(item);
    }
    Ok(items)
}

fn item(line: Line, set: &str, number: usize) -> Result<Item, String> {
    let choices = match &line.choices {
        Some(choices) => options(choices)?,
        None => Vec::new(),
    };
    let answer = line.answer.as_ref().map(word).transpose()?;
    let (answer, kind) = match (answer, line.kind) {
        (None, None | Some(Kind::Free)) => (String::new(), Kind::Free),
        (None, Some(_)) => return Err("it has no answer".to_owned()),
        (Some(answer), _) if !choices.is_empty() => {
            (right_letter(&answer, &choices)?, Kind::Choice)
        }
        (Some(_), Some(Kind::Choice)) => {
            return Err("kind is choice, but it has no choices".to_owned());
        }
        (Some(answer), Some(kind)) => (answer, kind),
        (Some(answer), None) => {
            let kind = if answer.contains(['\\', '^']) {
                Kind::Maths
            } else {
                kind_of(&answer)
            };
            (answer, kind)
        }
    };
    let id = match &line.id {
        Some(id) => word(id)?,
        None => format!("{set}/{number}"),
    };
    Ok(Item {
        id,
        domain: line.domain.unwrap_or_else(|| set.to_owned()),
        question: line.question,
        choices,
        answer,
        kind,
    })
}

/// The texts of a list, or of an object whose keys are A, B, …
pub(super) fn options(value: &Value) -> Result<Vec<String>, String> {
    let texts: Vec<String> = match value {
        Value::Array(list) => list.iter().map(word).collect::<Result<_, _>>()?,
        Value::Object(by_letter) => (0..by_letter.len())
            .map(|index| {
                let key = letter(index).to_string();
                let text = by_letter.get(&key);
                word(text.ok_or_else(|| {
                    format!("choices has no {key}, but {} options", by_letter.len())
                })?)
            })
            .collect::<Result<_, _>>()?,
        _ => return Err("choices is neither a list nor an object".to_owned()),
    };
    if texts.len() < 2 || texts.len() > 26 {
        return Err(format!("{} choices; 2 to 26 are possible", texts.len()));
    }
    Ok(texts)
}

/// The letter of an answer that is given as letter, or as the text of an option.
fn right_letter(answer: &str, choices: &[String]) -> Result<String, String> {
    if is_letter_of(answer, choices.len()) {
        return Ok(answer.to_owned());
    }
    match choices.iter().position(|choice| choice == answer) {
        Some(index) => Ok(letter(index).to_string()),
        None => Err(format!(
            "answer \"{answer}\" is neither a letter of its {} choices nor one of them",
            choices.len()
        )),
    }
}

fn word(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(yes) => Ok(if *yes { "yes" } else { "no" }.to_owned()),
        _ => Err("a text or number is needed where null, a list or an object stands".to_owned()),
    }
}

fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line))
        .filter(|(_, line)| !line.trim().is_empty())
}

fn parse(path: &Path, number: usize, line: &str) -> Result<Line, SetError> {
    serde_json::from_str(line).map_err(|error| at_line(path, number, error.to_string()))
}
