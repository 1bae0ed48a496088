//! Reads the caller's output: which tool, with which arguments.
//!
//! Two lines, `Action: NAME` and `Action Input: {…}`, are what models are asked for; what they write instead is read as far as
//! it is clear. Nothing is ever guessed: a call whose arguments cannot be read does not run with empty ones.

use super::arguments::{arguments, balanced, coerce, parse};
use super::decision::{clean, is_nothing, starts_with};
use crate::tool::{Card, ErrorKind, ToolError, schema};
use serde_json::{Value, json};

/// Most names that an error lists.
const NAMES: usize = 10;
/// Shortest name that is compared by containment.
const CONTAINED: usize = 4;

/// A call that can be judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Action {
    pub name: String,
    pub arguments: Value,
    /// What had to be done to read it.
    pub flags: Vec<String>,
}

/// Why no call could be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Unread {
    pub error: ToolError,
    /// The same for programs.
    pub details: Value,
}

impl Action {
    /// As it is kept in the history: two lines.
    #[must_use]
    pub fn canonical(&self) -> String {
        canonical(&self.name, &self.arguments)
    }

    /// Whether the text ended too early, so that what it meant is not sure.
    #[must_use]
    pub fn was_cut(&self) -> bool {
        self.flags.iter().any(|flag| flag == "repaired_truncated")
    }
}

/// A call in the one form that models are trained on.
#[must_use]
pub fn canonical(name: &str, arguments: &Value) -> String {
    written(name, &super::trajectory::python_json(arguments))
}

/// The same with arguments that are text already.
#[must_use]
pub fn written(name: &str, arguments: &str) -> String {
    format!("Action: {name}\nAction Input: {arguments}")
}

/// The pieces of a call before anything is looked up.
struct Pieces {
    name: String,
    input: String,
}

/// Reads a caller's output.
///
/// # Errors
///
/// When there is no call, no such tool, or its arguments do not fit.
pub fn read(raw: &str, cards: &[&Card]) -> Result<Action, Unread> {
    let mut flags = Vec::new();
    let mut text = clean(raw);
    if let Some(at) = line_start(&text, |line| starts_numbered(line, "observation")) {
        text.truncate(at);
        flags.push("cut_observation".to_owned());
    }
    let text = text.trim();
    if is_nothing(text) || text.eq_ignore_ascii_case("none") {
        return Err(unread(
            ErrorKind::EmptyOutput,
            "nothing was written; send an Action and an Action Input",
            json!({}),
        ));
    }
    let pieces = match action_line(text) {
        Some((_, after)) => by_lines(&text[after..], &mut flags),
        None => by_json(text),
    };
    let pieces = pieces.filter(|pieces| !pieces.name.is_empty());
    let Some(pieces) = pieces else {
        let message = "no call was found; send two lines: Action: NAME, then Action Input: {...}";
        return Err(unread(ErrorKind::NoAction, message, json!({})));
    };
    judge(&pieces, cards, flags)
}

/// Reads a call that an endpoint delivered in a field of its own: the same rules, without looking for it in a text.
///
/// # Errors
///
/// As [`read`].
pub fn read_call(name: &str, arguments: &str, cards: &[&Card]) -> Result<Action, Unread> {
    let pieces = Pieces {
        name: bare(name).to_owned(),
        input: arguments.trim().to_owned(),
    };
    if pieces.name.is_empty() {
        let message = "the call names no tool; call one of the tools by its name";
        return Err(unread(ErrorKind::NoAction, message, json!({})));
    }
    judge(&pieces, cards, Vec::new())
}

/// Looks the tool up and fits the arguments to it.
fn judge(pieces: &Pieces, cards: &[&Card], mut flags: Vec<String>) -> Result<Action, Unread> {
    let card = resolve(&pieces.name, cards, &mut flags)?;
    let given = arguments(&pieces.input, card, &mut flags)?;
    let given = coerce(given, card, &mut flags);
    if let Some((kind, names)) = schema::faults(&card.schema, &given) {
        let key = if kind == ErrorKind::MissingRequired {
            "missing"
        } else {
            "fields"
        };
        let details = json!({"tool": card.name, key: names});
        let given = Value::Object(given);
        return Err(Unread {
            error: match schema::check(&card.schema, &given) {
                Err(error) => {
                    ToolError::new(error.kind, format!("{}: {}", card.name, error.message))
                }
                Ok(()) => ToolError::new(kind, card.name.clone()),
            },
            details,
        });
    }
    Ok(Action {
        name: card.name.clone(),
        arguments: Value::Object(given),
        flags,
    })
}

pub(super) fn unread(kind: ErrorKind, message: impl Into<String>, details: Value) -> Unread {
    Unread {
        error: ToolError::new(kind, message),
        details,
    }
}

/// The first line of a call: where it starts, and where its words after the colon start.
pub(super) fn action_line(text: &str) -> Option<(usize, usize)> {
    if let Some(at) = line_start(text, |line| after_head(line, "action").is_some()) {
        let rest = after_head(&text[at..], "action")?;
        return Some((at, text.len() - rest.len()));
    }
    // In the middle of a line, but not at the end of a longer word.
    let lower = text.to_ascii_lowercase();
    lower
        .match_indices("action:")
        .find(|(at, _)| !text[..*at].ends_with(char::is_alphabetic))
        .map(|(at, word)| (at, at + word.len()))
}

/// Where the first line begins that the test takes.
fn line_start(text: &str, test: impl Fn(&str) -> bool) -> Option<usize> {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if test(line) {
            return Some(at);
        }
        at += line.len();
    }
    None
}

fn starts_numbered(line: &str, word: &str) -> bool {
    let line = line.trim_start_matches([' ', '\t', '>', '*', '_']);
    if !starts_with(line, word) {
        return false;
    }
    let rest = line[word.len()..].trim_start_matches(|c: char| c == ' ' || c.is_ascii_digit());
    rest.trim_start_matches(['*', '_']).starts_with(':')
}

/// What stands after `word:` or `word 2:` at the beginning of a line.
fn after_head<'a>(line: &'a str, word: &str) -> Option<&'a str> {
    if !starts_numbered(line, word) {
        return None;
    }
    let colon = line.find(':')?;
    Some(line[colon + 1..].trim_start_matches(['*', '_']))
}

/// Where `Action Input:` starts, with the signs before it, and where its words start.
fn input_head(text: &str) -> Option<(usize, usize)> {
    let lower = text.to_ascii_lowercase();
    lower.match_indices("action").find_map(|(at, word)| {
        let rest = &lower[at + word.len()..];
        let rest = rest
            .strip_prefix([' ', '_'])
            .unwrap_or(rest)
            .strip_prefix("input")?;
        let rest = rest.trim_start_matches(|c: char| c == ' ' || c.is_ascii_digit());
        let rest = rest.trim_start_matches(['*', '_']).strip_prefix(':')?;
        let rest = rest.trim_start_matches(['*', '_']);
        let before = text[..at].trim_end_matches(|c: char| c.is_whitespace() || ",;*_".contains(c));
        Some((before.len(), lower.len() - rest.len()))
    })
}

/// A call in lines; `text` starts behind `Action:`.
fn by_lines(text: &str, flags: &mut Vec<String>) -> Option<Pieces> {
    let text = text.trim_start();
    let line_end = text.find('\n').unwrap_or(text.len());
    let next = line_start(&text[line_end..], |line| {
        after_head(line, "action").is_some()
    });
    if next.is_some() {
        flags.push("extra_calls".to_owned());
    }
    let text = &text[..next.map_or(text.len(), |next| line_end + next)];
    let head = input_head(text);
    let name_end = head.map_or(line_end, |(at, _)| at.min(line_end));
    let rest = head.map_or("", |(_, after)| &text[after..]);
    let (name, inside) = split_call(text[..name_end].trim());
    let input = match (head, inside) {
        (Some(_), _) => rest,
        (None, Some(inside)) => inside,
        (None, None) => "",
    };
    Some(Pieces {
        name: bare(name).to_owned(),
        input: input.trim().to_owned(),
    })
}

/// `name(args)`.
fn split_call(name: &str) -> (&str, Option<&str>) {
    let inner = name.strip_suffix(')').and_then(|name| name.split_once('('));
    match inner {
        Some((name, inside)) => (name, Some(inside)),
        None => (name, None),
    }
}

fn bare(name: &str) -> &str {
    let dress = |c: char| c.is_whitespace() || "\"'`*[]<>“”‘’".contains(c);
    name.trim_matches(dress)
        .trim_end_matches(|c: char| ".,;:".contains(c) || dress(c))
}

/// A call as one JSON object, the way chat models are trained to write it.
fn by_json(text: &str) -> Option<Pieces> {
    let lower = text.to_ascii_lowercase();
    let inner = if let Some(at) = lower.find("<tool_call>") {
        &text[at + "<tool_call>".len()..]
    } else if text.starts_with('{') {
        text
    } else {
        let (_, fenced) = text.split_once("```")?;
        fenced.trim_start_matches("json")
    };
    let inner = inner.trim_start();
    let call = parse(balanced(inner.strip_prefix('{').map(|_| inner)?).0)?.0;
    let call = call.as_object()?;
    let named = ["name", "tool", "action", "tool_name", "function"]
        .iter()
        .find_map(|key| Some((call, call.get(*key)?.as_str()?)));
    let (holder, name) = named.or_else(|| {
        let function = call.get("function")?.as_object()?;
        Some((function, function.get("name")?.as_str()?))
    })?;
    let input = ["arguments", "args", "parameters", "input", "action_input"]
        .iter()
        .find_map(|key| holder.get(*key));
    let input = match input {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    Some(Pieces {
        name: bare(name).to_owned(),
        input,
    })
}

fn resolve<'a>(
    name: &str,
    cards: &[&'a Card],
    flags: &mut Vec<String>,
) -> Result<&'a Card, Unread> {
    if let Some(card) = cards.iter().find(|card| card.name == name) {
        return Ok(card);
    }
    let only = |test: &dyn Fn(&Card) -> bool| {
        let mut fitting = cards.iter().filter(|card| test(card));
        fitting.next().filter(|_| fitting.next().is_none()).copied()
    };
    if let Some(card) = only(&|card| card.name.eq_ignore_ascii_case(name)) {
        flags.push("name_case".to_owned());
        return Ok(card);
    }
    let plain = normalised(name);
    if let Some(card) = only(&|card| normalised(&card.name) == plain) {
        flags.push("name_normalised".to_owned());
        return Ok(card);
    }
    let suggested: Vec<&str> = cards
        .iter()
        .map(|card| card.name.as_str())
        .filter(|known| is_near(&plain, &normalised(known)))
        .collect();
    let known: Vec<&str> = cards
        .iter()
        .take(NAMES)
        .map(|card| card.name.as_str())
        .collect();
    let mut message = format!("there is no tool \"{name}\"");
    if !suggested.is_empty() {
        message.push_str(&format!("; did you mean {}?", suggested.join(", ")));
    }
    message.push_str(&format!(" The tools are {}", known.join(", ")));
    let details = json!({"name": name, "suggest": suggested});
    Err(unread(ErrorKind::UnknownTool, message, details))
}

/// Lower case, with `_` for each run of other separators.
fn normalised(name: &str) -> String {
    let mut plain = String::new();
    for letter in name.to_lowercase().chars() {
        if !" -./".contains(letter) {
            plain.push(letter);
        } else if !plain.ends_with('\u{0}') {
            plain.push('\u{0}');
        }
    }
    plain.replace('\u{0}', "_")
}

fn is_near(name: &str, known: &str) -> bool {
    let contains =
        name.chars().count() >= CONTAINED && (name.contains(known) || known.contains(name));
    contains || distance(name, known) <= 2
}

/// Levenshtein's distance.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let changed = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tool::Effect;

    pub(crate) fn cards() -> Vec<Card> {
        let card = |name: &str, properties: Value, required: &[&str]| Card {
            name: name.into(),
            description: String::new(),
            schema: json!({"type": "object", "additionalProperties": false, "properties": properties,
                "required": required}),
            effect: Effect::None,
        };
        let string = || json!({"type": "string"});
        vec![
            card(
                "calculator",
                json!({"expression": string()}),
                &["expression"],
            ),
            card("get_time", json!({"tz": string()}), &[]),
            card(
                "read_file",
                json!({"path": string(), "max_bytes": {"type": "integer"}}),
                &["path"],
            ),
            card(
                "http_get",
                json!({"url": string(), "follow": {"type": "boolean"}}),
                &["url"],
            ),
            card(
                "note_write",
                json!({"text": string(), "tags": {"type": "array"}}),
                &["text"],
            ),
            card("list_notes", json!({}), &[]),
        ]
    }

    fn read_with_all(raw: &str) -> Result<Action, Unread> {
        let cards = cards();
        let cards: Vec<&Card> = cards.iter().collect();
        read(raw, &cards)
    }

    #[test]
    fn vectors() {
        #[derive(serde::Deserialize)]
        struct Vector {
            name: String,
            output: String,
            tool: Option<String>,
            arguments: Option<Value>,
            error: Option<String>,
            details: Option<Value>,
            flags: Vec<String>,
        }
        let text = include_str!("../../../tests/vectors/planner/actions.json");
        let vectors: Vec<Vector> = serde_json::from_str(text).unwrap();
        assert_eq!(vectors.len(), 33);
        for vector in vectors {
            match read_with_all(&vector.output) {
                Ok(action) => {
                    assert_eq!(Some(action.name), vector.tool, "{}", vector.name);
                    assert_eq!(Some(action.arguments), vector.arguments, "{}", vector.name);
                    assert_eq!(action.flags, vector.flags, "{}", vector.name);
                }
                Err(unread) => {
                    let kind = Some(unread.error.kind.word().to_owned());
                    assert_eq!(kind, vector.error, "{}", vector.name);
                    if let Some(details) = vector.details {
                        assert_eq!(unread.details, details, "{}", vector.name);
                    }
                }
            }
        }
    }

    #[test]
    fn more_ways_to_write_a_call() {
        let arguments =
            |raw: &str| read_with_all(raw).map(|action| (action.name, action.arguments));
        for (raw, name, expected) in [
            (
                "Action:\nread_file\nAction Input: {\"path\": \"a\"}",
                "read_file",
                json!({"path": "a"}),
            ),
            (
                "```json\n{\"function\": {\"name\": \"get_time\", \"arguments\": {\"tz\": \"UTC\"}}}\n```",
                "get_time",
                json!({"tz": "UTC"}),
            ),
            ("I think action: list_notes", "list_notes", json!({})),
            (
                "Action: calculator\nActionInput: 42",
                "calculator",
                json!({"expression": "42"}),
            ),
        ] {
            assert_eq!(
                arguments(raw).unwrap(),
                (name.to_owned(), expected),
                "{raw}"
            );
        }
        let two = read_with_all("Action: list_notes\nAction: get_time\nAction Input: {}").unwrap();
        assert_eq!(
            (two.name.as_str(), two.flags),
            ("list_notes", vec!["extra_calls".to_owned()])
        );
        for (raw, kind) in [
            (
                "Action: read_file\nAction Input: [1]",
                ErrorKind::ArgsNotObject,
            ),
            (
                "Action: note_write\nAction Input: ",
                ErrorKind::MissingRequired,
            ),
            ("Action:", ErrorKind::NoAction),
            ("Reaction: calculator", ErrorKind::NoAction),
        ] {
            assert_eq!(read_with_all(raw).unwrap_err().error.kind, kind, "{raw}");
        }
    }
}
