//! What an agent's text answers, and whether two answers are the same.

use super::settings::{Kind, Settings};
use crate::task::maths::{self, Mode};

/// The answer in a text, if it gives one of this kind.
#[must_use]
pub fn read(text: &str, settings: &Settings) -> Option<String> {
    let boxed = maths::extract(text, settings.grader);
    match settings.task {
        Kind::Free => None,
        Kind::Auto => boxed.filter(|answer| !answer.trim().is_empty()),
        Kind::Maths => boxed,
        Kind::Number => boxed
            .and_then(|answer| numbers(&answer).pop())
            .or_else(|| announced(text).and_then(|line| numbers(line).into_iter().next()))
            .or_else(|| numbers(text).pop()),
        Kind::Choice => boxed
            .and_then(|answer| letters(&answer).pop())
            .or_else(|| announced(text).and_then(|line| letters(line).into_iter().next()))
            .or_else(|| only(&letters(text))),
    }
}

/// Whether two answers are the same.
#[must_use]
pub fn is_same(known: &str, answer: &str, settings: &Settings) -> bool {
    match settings.task {
        Kind::Choice => known == answer,
        Kind::Number => maths::grade(Some(known), Some(answer), Mode::Strict),
        Kind::Auto | Kind::Maths | Kind::Free => {
            maths::grade(Some(known), Some(answer), settings.grader)
        }
    }
}

/// What stands on the line behind the last announcement of an answer.
fn announced(text: &str) -> Option<&str> {
    // Changes no offset, unlike the full mapping to small letters.
    let small = text.to_ascii_lowercase();
    let ends = ["answer is", "answer:", "####"]
        .iter()
        .filter_map(|cue| Some(small.rfind(cue)? + cue.len()));
    text.get(ends.max()?..)?.trim_start().lines().next()
}

/// All decimal numbers, without commas between thousands.
fn numbers(text: &str) -> Vec<String> {
    let letters: Vec<char> = text.chars().collect();
    let is_digit = |at: usize| letters.get(at).is_some_and(char::is_ascii_digit);
    let mut found = Vec::new();
    let mut at = 0;
    while at < letters.len() {
        if !is_digit(at) {
            at += 1;
            continue;
        }
        let before = |step: usize| at.checked_sub(step).and_then(|at| letters.get(at));
        // A minus sign counts where it is no subtraction.
        let is_negative = before(1) == Some(&'-')
            && before(2).is_none_or(|letter| !letter.is_alphanumeric() && *letter != ')');
        let mut number = String::from(if is_negative { "-" } else { "" });
        while is_digit(at) || (matches!(letters.get(at), Some('.' | ',')) && is_digit(at + 1)) {
            if letters[at] != ',' {
                number.push(letters[at]);
            }
            at += 1;
        }
        found.push(number);
    }
    found
}

/// Capital letters A to J that stand alone.
fn letters(text: &str) -> Vec<String> {
    text.split(|letter: char| !letter.is_alphanumeric() && letter != '\'')
        .filter(|word| matches!(word.as_bytes(), [b'A'..=b'J']))
        .map(str::to_owned)
        .collect()
}

/// The letter, when there is but one.
fn only(letters: &[String]) -> Option<String> {
    let first = letters.first()?;
    letters
        .iter()
        .all(|letter| letter == first)
        .then(|| first.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(task: Kind, text: &str) -> Option<String> {
        let settings = Settings {
            task,
            ..Settings::default()
        };
        read(text, &settings)
    }

    #[test]
    fn each_kind_finds_its_answer() {
        for (kind, text, answer) in [
            (Kind::Maths, "so \\boxed{\\frac12}", Some("\\frac12")),
            (Kind::Maths, "so 5", None),
            (Kind::Auto, "Hello there.", None),
            (
                Kind::Number,
                "3 + 4 = 7. The answer is $1,200.",
                Some("1200"),
            ),
            (Kind::Number, "First 5, then -7", Some("-7")),
            (
                Kind::Number,
                "5-7 is what \\boxed{-2} says, of 9",
                Some("-2"),
            ),
            (Kind::Number, "none", None),
            (Kind::Choice, "A or B? The answer is (B).", Some("B")),
            (Kind::Choice, "A or B", None),
            (Kind::Choice, "Surely C", Some("C")),
            (Kind::Free, "\\boxed{5}", None),
        ] {
            assert_eq!(reads(kind, text).as_deref(), answer, "{kind:?} {text}");
        }
    }

    #[test]
    fn numbers_are_compared_as_numbers() {
        let settings = Settings {
            task: Kind::Number,
            ..Settings::default()
        };
        assert!(is_same("7.0", "7", &settings));
        assert!(!is_same("7", "8", &settings));
    }
}
