//! The arguments of a call: found in what the caller wrote, repaired where that is safe, and turned into the asked types.

use super::action::{Unread, unread};
use super::repair::repair;
use crate::tool::{Card, ErrorKind, schema};
use serde_json::{Map, Value, json};

/// Characters of unreadable arguments that are repeated to the model.
const RAW: usize = 200;

pub(super) fn arguments(
    input: &str,
    card: &Card,
    flags: &mut Vec<String>,
) -> Result<Map<String, Value>, Unread> {
    let text = without_fence(input);
    let plain = text.trim().trim_end_matches('.');
    if ["", "none", "null", "n/a", "{}"].contains(&plain.to_ascii_lowercase().as_str()) {
        return Ok(Map::new());
    }
    match text.find('{') {
        Some(open) if !text.starts_with('[') => {
            if !text[..open].trim().is_empty() {
                flags.push("leading_text".to_owned());
            }
            let (value, rest) = balanced(&text[open..]);
            if !rest.trim().is_empty() {
                flags.push("trailing_text".to_owned());
            }
            match parse(value) {
                Some((Value::Object(object), flag)) => {
                    flags.extend(flag.map(str::to_owned));
                    Ok(object)
                }
                Some(_) => Err(not_object(card)),
                None => Err(bad_json(value)),
            }
        }
        _ => wrapped(text, card, flags),
    }
}

/// Arguments without braces: a scalar or plain words for a tool that can only mean one property.
fn wrapped(text: &str, card: &Card, flags: &mut Vec<String>) -> Result<Map<String, Value>, Unread> {
    let value: Option<Value> = serde_json::from_str(text).ok();
    if value.as_ref().is_some_and(Value::is_array) {
        return Err(not_object(card));
    }
    let properties = schema::properties(&card.schema);
    let required = schema::required(&card.schema);
    let key = match (properties.as_slice(), required.as_slice()) {
        ([only], _) | (_, [only]) => *only,
        _ if value.is_some() => return Err(not_object(card)),
        _ => return Err(bad_json(text)),
    };
    flags.push("wrapped_scalar".to_owned());
    let value = value.unwrap_or_else(|| Value::String(text.to_owned()));
    Ok(Map::from_iter([(key.to_owned(), value)]))
}

fn not_object(card: &Card) -> Unread {
    let message = format!(
        "the arguments of {} are not an object; send one JSON object",
        card.name
    );
    unread(
        ErrorKind::ArgsNotObject,
        message,
        json!({"tool": card.name}),
    )
}

fn bad_json(text: &str) -> Unread {
    let raw: String = text.chars().take(RAW).collect();
    let why = match serde_json::from_str::<Value>(text) {
        Err(error) => error.to_string(),
        Ok(_) => "cannot be read".to_owned(),
    };
    let message = format!("{why} in {raw}; send one JSON object");
    unread(ErrorKind::BadJson, message, json!({"raw": raw}))
}

fn without_fence(text: &str) -> &str {
    let text = text.trim();
    let Some(inner) = text.strip_prefix("```") else {
        return text;
    };
    let inner = inner
        .strip_prefix("json")
        .or_else(|| inner.strip_prefix("JSON"))
        .unwrap_or(inner);
    inner.split("```").next().unwrap_or(inner).trim()
}

/// The value that begins the text up to the bracket that closes it, and what stands behind; all of it when nothing does.
pub(super) fn balanced(text: &str) -> (&str, &str) {
    let mut depth = 0_usize;
    let mut in_string = false;
    let mut is_escaped = false;
    for (at, letter) in text.char_indices() {
        if in_string {
            match letter {
                _ if is_escaped => is_escaped = false,
                '\\' => is_escaped = true,
                '"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match letter {
            '"' => in_string = true,
            '{' | '[' => depth += 1,
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return text.split_at(at + 1);
                }
            }
            _ => {}
        }
    }
    (text, "")
}

/// Strictly, or after a repair, which the flag names.
pub(super) fn parse(text: &str) -> Option<(Value, Option<&'static str>)> {
    if let Ok(value) = serde_json::from_str(text) {
        return Some((value, None));
    }
    let repaired = repair(text)?;
    let value = serde_json::from_str(&repaired.text).ok()?;
    let flag = if repaired.was_cut {
        "repaired_truncated"
    } else {
        "repaired"
    };
    Some((value, Some(flag)))
}

/// Values that mean the asked type without loss become it.
pub(super) fn coerce(
    given: Map<String, Value>,
    card: &Card,
    flags: &mut Vec<String>,
) -> Map<String, Value> {
    given
        .into_iter()
        .map(|(key, value)| {
            let asked = schema::property(&card.schema, &key).and_then(schema::type_of);
            match asked.and_then(|asked| coerced(&value, asked)) {
                Some(better) => {
                    flags.push(format!("coerced:{key}"));
                    (key, better)
                }
                None => (key, value),
            }
        })
        .collect()
}

fn coerced(value: &Value, asked: &str) -> Option<Value> {
    match (value, asked) {
        (Value::String(text), "integer") => {
            let digits = text.strip_prefix('-').unwrap_or(text);
            let is_digits = !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit());
            is_digits.then(|| text.parse::<i64>().ok().map(Value::from))?
        }
        (Value::String(text), "number") => {
            let number: f64 = text.trim().parse().ok()?;
            serde_json::Number::from_f64(number).map(Value::Number)
        }
        (Value::String(text), "boolean") => text.parse::<bool>().ok().map(Value::Bool),
        (Value::Number(number), "string") => Some(Value::String(number.to_string())),
        (Value::Number(number), "integer") if !number.is_i64() && !number.is_u64() => {
            let number = number.as_f64()?;
            let is_whole = number.fract() == 0.0 && number.abs() < 9e15;
            #[allow(clippy::cast_possible_truncation)]
            is_whole.then(|| Value::from(number as i64))
        }
        _ => None,
    }
}
