//! The published tables of MMLU and CMMLU: question, options, letter; with and without a header and an index column.

use super::{Item, Kind, SetError, at_line, is_letter_of};
use csv::{Position, ReaderBuilder, StringRecord};
use std::path::Path;

/// Where the cells stand.
struct Columns {
    question: usize,
    options: Vec<usize>,
    answer: usize,
}

pub(super) fn rows(path: &Path, text: &str) -> Result<Vec<Item>, SetError> {
    let subject = subject(path);
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    let mut columns = None;
    let mut items = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| {
            let line = line_at(text, error.position());
            at_line(path, line, error.to_string())
        })?;
        let columns = match &columns {
            Some(columns) => columns,
            None => {
                let by_name = named(&record);
                let is_header = by_name.is_some();
                let columns = columns.insert(by_name.unwrap_or_else(|| counted(&record)));
                if is_header {
                    continue;
                }
                columns
            }
        };
        let item = item(&record, columns, &subject, items.len() + 1);
        items.push(
            item.map_err(|message| at_line(path, line_at(text, record.position()), message))?,
        );
    }
    Ok(items)
}

fn item(
    record: &StringRecord,
    columns: &Columns,
    subject: &str,
    number: usize,
) -> Result<Item, String> {
    let cell = |column: usize| {
        let found = record.get(column).map(str::to_owned);
        found.ok_or_else(|| {
            format!(
                "column {} is missing; there are {}",
                column + 1,
                record.len()
            )
        })
    };
    let choices: Vec<String> = columns
        .options
        .iter()
        .map(|&column| cell(column))
        .collect::<Result<_, _>>()?;
    let answer = cell(columns.answer)?.trim().to_owned();
    if choices.len() < 2 || record.len() <= columns.answer {
        return Err("question, options and letter are needed".to_owned());
    }
    if !is_letter_of(&answer, choices.len()) {
        return Err(format!(
            "answer \"{answer}\" is no letter of its {} options",
            choices.len()
        ));
    }
    Ok(Item {
        id: format!("{subject}/{number}"),
        domain: subject.to_owned(),
        question: cell(columns.question)?,
        choices,
        answer,
        kind: Kind::Choice,
    })
}

/// The columns by the names of a header; none when this is no header.
fn named(record: &StringRecord) -> Option<Columns> {
    let at = |wanted: &str| {
        record
            .iter()
            .position(|name| name.trim().eq_ignore_ascii_case(wanted))
    };
    let options: Vec<usize> = (b'a'..=b'z')
        .map_while(|letter| at(&char::from(letter).to_string()))
        .collect();
    Some(Columns {
        question: at("question")?,
        answer: at("answer").or_else(|| at("target"))?,
        options,
    })
}

/// The columns of a table without a header; a seventh one in front counts rows.
fn counted(record: &StringRecord) -> Columns {
    let answer = record.len().saturating_sub(1);
    let is_counted = record.len() == 7 && matches!(record.get(0), Some("0" | "1"));
    let question = usize::from(is_counted);
    Columns {
        question,
        options: (question + 1..answer).collect(),
        answer,
    }
}

/// `data/test/agronomy_test.csv` is about agronomy.
fn subject(path: &Path) -> String {
    let stem = path
        .file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_default();
    let short = ["_test", "_dev", "_val"]
        .iter()
        .find_map(|ending| stem.strip_suffix(ending));
    short.unwrap_or(&stem).to_owned()
}

/// The line of a record, from 1; empty lines in front of it are not its own.
fn line_at(text: &str, place: Option<&Position>) -> usize {
    let start = place.and_then(|place| usize::try_from(place.byte()).ok());
    let start = start.unwrap_or(0).min(text.len());
    let bytes = text.as_bytes();
    let blank = bytes[start..]
        .iter()
        .take_while(|&&byte| byte == b'\n' || byte == b'\r')
        .count();
    1 + bytes[..start + blank]
        .iter()
        .filter(|&&byte| byte == b'\n')
        .count()
}
