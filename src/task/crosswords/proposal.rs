//! Reads the words that a model proposes, with how sure it is: a JSON object of slots, or lines `h1. apple (medium)`.
//!
//! What does not have the form is dropped and never an error: small models write much that does not.

use super::SIDE;
use super::board::Slot;
use serde_json::Value;

/// A word for a slot.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    pub slot: Slot,
    /// Five letters, lower case.
    pub word: String,
    /// certain 1, high 0.5, medium 0.2, low 0.1, anything else 0.
    pub score: f64,
}

impl Candidate {
    /// As an action on a board.
    #[must_use]
    pub fn action(&self) -> String {
        format!("{}. {}", self.slot, self.word)
    }
}

/// All proposals of a text, the surest first; equal ones in the order given. JSON where there is any, else lines.
#[must_use]
pub fn read(text: &str) -> Vec<Candidate> {
    let from_json = read_json(text);
    if from_json.is_empty() {
        return read_lines(text);
    }
    from_json
}

/// From the object between the first and the last brace: `{"h1": [["apple", "high"], …], …}`. Slots are taken in the order of
/// their names.
#[must_use]
pub fn read_json(text: &str) -> Vec<Candidate> {
    let (Some(start), Some(end)) = (text.find('{'), text.rfind('}')) else {
        return Vec::new();
    };
    let object = text.get(start..=end).unwrap_or_default();
    let Ok(Value::Object(fields)) = serde_json::from_str(object) else {
        return Vec::new();
    };
    let mut candidates = Vec::new();
    for (key, value) in &fields {
        let (Some(slot), Some(pairs)) = (Slot::read(key), value.as_array()) else {
            continue;
        };
        for pair in pairs {
            let Some([Value::String(word), Value::String(sure)]) =
                pair.as_array().map(Vec::as_slice)
            else {
                continue;
            };
            if let Some(word) = five_letters(word) {
                let score = score(&sure.to_lowercase()).unwrap_or(0.0);
                candidates.push(Candidate { slot, word, score });
            }
        }
    }
    sorted(candidates)
}

/// From lines that begin `h1. apple (medium)`; what follows on the line does not matter.
#[must_use]
pub fn read_lines(text: &str) -> Vec<Candidate> {
    sorted(text.lines().filter_map(line).collect())
}

fn line(line: &str) -> Option<Candidate> {
    let (slot, rest) = line.split_once(". ")?;
    let (word, rest) = rest.split_once(' ')?;
    let (sure, _) = rest.strip_prefix('(')?.split_once(')')?;
    Some(Candidate {
        slot: Slot::read(slot)?,
        word: five_letters(word)?,
        score: score(sure)?,
    })
}

fn five_letters(word: &str) -> Option<String> {
    let is_word = word.len() == SIDE && word.chars().all(|letter| letter.is_ascii_alphabetic());
    is_word.then(|| word.to_ascii_lowercase())
}

fn score(sure: &str) -> Option<f64> {
    match sure {
        "certain" => Some(1.0),
        "high" => Some(0.5),
        "medium" => Some(0.2),
        "low" => Some(0.1),
        _ => None,
    }
}

fn sorted(mut candidates: Vec<Candidate>) -> Vec<Candidate> {
    candidates.sort_by(|one, other| other.score.total_cmp(&one.score));
    candidates
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(candidates: &[Candidate]) -> Vec<String> {
        let each = candidates.iter();
        each.map(|one| format!("{} {}", one.action(), one.score))
            .collect()
    }

    #[test]
    fn proposals_are_read_as_the_method_asks() {
        #[derive(serde::Deserialize)]
        struct Vectors {
            json: Vec<(String, Vec<String>)>,
            lines: Vec<(String, Vec<String>)>,
        }
        let text = include_str!("../../../tests/vectors/crosswords/proposals.json");
        let vectors: Vectors = serde_json::from_str(text).unwrap();
        for (raw, expected) in vectors.json {
            assert_eq!(shown(&read_json(&raw)), expected, "{raw}");
        }
        for (raw, expected) in vectors.lines {
            assert_eq!(shown(&read_lines(&raw)), expected, "{raw}");
        }
    }

    #[test]
    fn both_forms_are_understood() {
        assert_eq!(
            shown(&read("{\"h1\": [[\"apple\", \"low\"]]}")),
            ["h1. apple 0.1"]
        );
        assert_eq!(
            shown(&read("Sure {}:\nv2. Pears (high)")),
            ["v2. pears 0.5"]
        );
    }
}
