//! The normaliser of the PRM800K grader: units, words and LaTeX away, plain text left.

use super::latex;
use super::mathd::unwrapped;
use super::numbers;

/// In the original's order; each is deleted wherever it stands, also inside words.
const UNITS: [&str; 16] = [
    "degree",
    "cm",
    "centimeter",
    "meter",
    "mile",
    "second",
    "minute",
    "hour",
    "day",
    "week",
    "month",
    "year",
    "foot",
    "feet",
    "inch",
    "yard",
];

/// The normal form.
#[must_use]
pub fn normal(text: &str) -> String {
    let mut text = unwrapped(text).unwrap_or(text).to_owned();
    text = text
        .replace("\\%", "%")
        .replace("\\$", "$")
        .replace(['$', '%'], "")
        .replace(" or ", " , ")
        .replace(" and ", " , ")
        .replace("million", "*10^6")
        .replace("billion", "*10^9")
        .replace("trillion", "*10^12");
    for unit in UNITS {
        text = without_unit(&text, unit);
    }
    text = without_degrees(&text);
    if text.len() > 1 && text.starts_with('{') && text.ends_with('}') {
        text = text[1..text.len() - 1].to_owned();
    }
    text = without_spaced(&text, ",\\!", "");
    if let Some(whole) = numbers::float(&text).and_then(numbers::near_integer) {
        text = whole.to_string();
    }
    if text.contains('\\') {
        text = latex::text(&text).unwrap_or(text);
    }
    text = without_spaced(&text, "-", "-");
    text = with_mixed_numbers(&text);
    text = text.replace([' ', '{', '}'], "").to_lowercase();
    if numbers::is_integer(&text)
        && let Some(whole) = numbers::float(&text.replace(',', "")).and_then(numbers::whole)
    {
        text = whole.to_string();
    }
    text
}

/// Deletes the unit with its plural, spaces and a power behind it.
fn without_unit(text: &str, unit: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(unit) {
        out.push_str(&rest[..at]);
        rest = &rest[at + unit.len()..];
        rest = rest.strip_prefix("es").unwrap_or(rest);
        rest = rest.strip_prefix('s').unwrap_or(rest);
        rest = rest.trim_start_matches(' ');
        if let Some(power) = rest.strip_prefix('^') {
            let behind = power.trim_start_matches(|letter: char| letter.is_ascii_digit());
            if behind.len() < power.len() {
                rest = behind;
            }
        }
    }
    out + rest
}

/// Deletes `^`, spaces, `\circ`.
fn without_degrees(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('^') {
        let behind = &rest[at + 1..];
        match behind.trim_start_matches(' ').strip_prefix("\\circ") {
            Some(after) => {
                out.push_str(&rest[..at]);
                rest = after;
            }
            None => {
                out.push_str(&rest[..=at]);
                rest = behind;
            }
        }
    }
    out + rest
}

/// Replaces a mark and the spaces behind it.
fn without_spaced(text: &str, mark: &str, by: &str) -> String {
    let mut parts = text.split(mark);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str(by);
        out.push_str(part.trim_start_matches(' '));
    }
    out
}

/// A digit, spaces, a digit: a sum, as `3 1/2` is. One pass, so the second digit begins no further match.
fn with_mixed_numbers(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let mut out = String::new();
    let mut at = 0;
    while at < letters.len() {
        out.push(letters[at]);
        let spaces = letters[at + 1..]
            .iter()
            .take_while(|letter| **letter == ' ')
            .count();
        let next = letters.get(at + 1 + spaces);
        if letters[at].is_ascii_digit() && spaces > 0 && next.is_some_and(char::is_ascii_digit) {
            out.push('+');
            out.extend(next);
            at += spaces + 2;
        } else {
            at += 1;
        }
    }
    out
}
