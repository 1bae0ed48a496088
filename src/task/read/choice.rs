//! The letter of a multiple-choice answer.

use super::{Parser, behind_cue};
use crate::task::set::letter;

/// Characters at each end of an answer in which the original looks for a letter.
const WINDOW: usize = 5;
/// What announces the letter that counts. The last one decides.
const CUES: [&str; 4] = ["answer", "\\boxed", "答案", "correct option"];
/// A letter so far behind a cue, in characters, still belongs to it.
const REACH: usize = 40;

/// The letter that a text gives, if it gives one.
pub(super) fn read(text: &str, choices: &[String], parser: Parser) -> Option<char> {
    match parser {
        Parser::Strict => strict(text, choices),
        Parser::Original => original(text, choices),
    }
}

/// Any letter in the first characters, else in the last ones, else any option's text; letters in their order, not the text's.
fn original(text: &str, choices: &[String]) -> Option<char> {
    let text = text.trim();
    let first: String = text.chars().take(WINDOW).collect();
    let length = text.chars().count();
    let last: String = text.chars().skip(length.saturating_sub(WINDOW)).collect();
    let small = text.to_lowercase();
    let letters = || (0..choices.len()).map(letter);
    letters()
        .find(|&letter| first.contains(letter))
        .or_else(|| letters().find(|&letter| last.contains(letter)))
        .or_else(|| {
            let found = choices
                .iter()
                .position(|choice| small.contains(&choice.to_lowercase()));
            found.map(letter)
        })
}

/// A letter that stands alone, the one behind the last cue first; two different ones without a cue are no answer. Without any,
/// the option whose text occurs first as whole words.
fn strict(text: &str, choices: &[String]) -> Option<char> {
    if let Some(behind) = behind_cue(text, &CUES) {
        let near: String = behind.chars().take(REACH).collect();
        if let Some(&letter) = lone_letters(&near, choices.len()).first() {
            return Some(letter);
        }
    }
    let mut lone = lone_letters(text, choices.len());
    lone.dedup();
    match lone.as_slice() {
        [] => first_option(text, choices),
        [letter] => Some(*letter),
        [first, rest @ ..] => rest.iter().all(|letter| letter == first).then_some(*first),
    }
}

/// Letters of options with no letter of the alphabet beside them, in the order of the text; the pronoun I is none.
fn lone_letters(text: &str, options: usize) -> Vec<char> {
    let characters: Vec<char> = text.chars().collect();
    let at = |index: usize| characters.get(index).copied();
    let is_word =
        |character: Option<char>| character.is_some_and(|c| c.is_ascii_alphanumeric() || c == '\'');
    (0..characters.len())
        .filter(|&index| {
            let before = index.checked_sub(1).and_then(at);
            !is_word(before) && !is_word(at(index + 1))
        })
        .filter(|&index| !(characters[index] == 'I' && is_pronoun(&characters, index)))
        .map(|index| characters[index])
        .filter(|&found| (0..options).any(|index| letter(index) == found))
        .collect()
}

/// Whether an I begins a sentence and a word follows: `I think`.
fn is_pronoun(characters: &[char], index: usize) -> bool {
    let before = characters[..index]
        .iter()
        .rev()
        .find(|c| !c.is_whitespace());
    let begins = before.is_none_or(|c| ['.', '!', '?', ',', ';', ':', '\n'].contains(c));
    let mut after = characters[index + 1..].iter();
    begins && after.next() == Some(&' ') && after.next().is_some_and(char::is_ascii_lowercase)
}

/// The option whose text comes first as whole words, the longest of those that begin at the same place.
fn first_option(text: &str, choices: &[String]) -> Option<char> {
    let text = text.to_lowercase();
    let mut best: Option<(usize, usize, char)> = None;
    for (index, choice) in choices.iter().enumerate() {
        let choice = choice.trim().to_lowercase();
        let Some(at) = whole_words(&text, &choice) else {
            continue;
        };
        let is_better = best
            .is_none_or(|(place, length, _)| at < place || (at == place && choice.len() > length));
        if is_better {
            best = Some((at, choice.len(), letter(index)));
        }
    }
    best.map(|(_, _, letter)| letter)
}

fn whole_words(text: &str, wanted: &str) -> Option<usize> {
    if wanted.is_empty() {
        return None;
    }
    let is_word = |character: Option<char>| character.is_some_and(|c| c.is_ascii_alphanumeric());
    text.match_indices(wanted).map(|(at, _)| at).find(|&at| {
        !is_word(text[..at].chars().next_back())
            && !is_word(text[at + wanted.len()..].chars().next())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Vectors {
        options: std::collections::BTreeMap<String, Vec<String>>,
        rows: Vec<Row>,
    }

    #[derive(serde::Deserialize)]
    struct Row {
        options: String,
        output: String,
        original: String,
        strict: String,
    }

    #[test]
    fn both_parsers_read_the_vectors() {
        let text = include_str!("../../../tests/vectors/answers/choice.json");
        let vectors: Vectors = serde_json::from_str(text).unwrap();
        assert!(vectors.rows.len() >= 24);
        for row in vectors.rows {
            let choices = &vectors.options[&row.options];
            let read = |parser| {
                read(&row.output, choices, parser)
                    .unwrap_or('Z')
                    .to_string()
            };
            assert_eq!(
                read(Parser::Original),
                row.original,
                "original: {}",
                row.output
            );
            assert_eq!(read(Parser::Strict), row.strict, "strict: {}", row.output);
        }
    }

    #[test]
    fn the_last_cue_decides() {
        let choices = ["one", "two", "three"].map(str::to_owned);
        for (text, expected) in [
            (
                "At first the answer seems to be A. But the answer is (B).",
                Some('B'),
            ),
            ("**Answer:** C", Some('C')),
            ("A is wrong, C is wrong, so \\boxed{B}", Some('B')),
            ("A or B, I cannot answer", None),
            ("答案是B。", Some('B')),
            ("B. B! B", Some('B')),
        ] {
            assert_eq!(strict(text, &choices), expected, "{text}");
        }
    }
}
