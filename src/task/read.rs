//! Answers read out of what a model wrote, and graded.
//!
//! What cannot be read is counted apart and never right. `Original` reads as the programs do that published numbers come from,
//! their misreadings included; `Strict` reads what is meant.

mod choice;
mod exact;
mod number;

pub use number::{decimal, last_number};

use super::maths::{self, Mode};
use super::set::{Item, Kind};
use serde::{Deserialize, Serialize};

/// Whose rules read an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Parser {
    #[default]
    Strict,
    /// Of Model Swarms' evaluation, and of Multiagent Finetuning's for mathematics.
    Original,
}

impl std::str::FromStr for Parser {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "strict" => Ok(Parser::Strict),
            "original" => Ok(Parser::Original),
            _ => Err(format!(
                "parser \"{text}\" is not known; known: strict, original"
            )),
        }
    }
}

/// What became of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grade {
    /// What was read; none when nothing could be.
    pub answer: Option<String>,
    pub is_right: bool,
}

/// Reads the answer to an item and compares it. `tail` is for the original parser alone: so many words at the end of an answer
/// to GSM8K are looked at (10 for the test split, 5 for dev).
#[must_use]
pub fn grade(item: &Item, text: &str, parser: Parser, tail: Option<usize>) -> Grade {
    match (item.kind, parser) {
        (Kind::Choice, _) => {
            let answer = choice::read(text, &item.choices, parser);
            compared(answer.map(|letter| letter.to_string()), |letter| {
                *letter == item.answer
            })
        }
        (Kind::Number | Kind::Exact, Parser::Original) => {
            let seen = exact::tail(text, tail);
            let is_right = seen.contains(&item.answer);
            let answer = (!seen.trim().is_empty()).then(|| seen.to_owned());
            Grade { answer, is_right }
        }
        (Kind::Number, Parser::Strict) => {
            let right = decimal(&item.answer);
            compared(number::read(text), |answer| Some(answer) == right.as_ref())
        }
        (Kind::Exact, Parser::Strict) => compared(exact::read(text, &item.answer), |answer| {
            exact::is_same(answer, &item.answer)
        }),
        (Kind::Maths, _) => {
            let mode = match parser {
                Parser::Strict => Mode::Strict,
                Parser::Original => Mode::Compat,
            };
            compared(maths::extract(text, mode), |answer| {
                maths::grade(Some(answer), Some(&item.answer), mode)
            })
        }
        (Kind::Free, _) => Grade {
            answer: None,
            is_right: false,
        },
    }
}

fn compared(answer: Option<String>, is_right: impl Fn(&String) -> bool) -> Grade {
    Grade {
        is_right: answer.as_ref().is_some_and(is_right),
        answer,
    }
}

/// The end of the last cue for a final answer; offsets are those of the text.
fn behind_cue<'a>(text: &'a str, cues: &[&str]) -> Option<&'a str> {
    // Changes no offset, unlike the full mapping to small letters.
    let small = text.to_ascii_lowercase();
    let ends = cues
        .iter()
        .filter_map(|cue| Some(small.rfind(cue)? + cue.len()));
    text.get(ends.max()?..)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(kind: Kind, answer: &str) -> Item {
        Item {
            id: "a".into(),
            domain: "d".into(),
            question: "q".into(),
            choices: Vec::new(),
            answer: answer.into(),
            kind,
        }
    }

    fn is_right(kind: Kind, answer: &str, text: &str, parser: Parser, tail: Option<usize>) -> bool {
        grade(&item(kind, answer), text, parser, tail).is_right
    }

    #[test]
    fn the_original_finds_an_answer_anywhere() {
        for (answer, text, expected) in [
            ("No", "Node 3 is connected", true),
            ("No", "no", false),
            ("Yes", "Yes, there is", true),
            ("3", "13", true),
            ("11", "The length is 11.", true),
            ("1,600", "#### 1600", false),
        ] {
            assert_eq!(
                is_right(Kind::Exact, answer, text, Parser::Original, None),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn the_original_looks_at_the_last_words_of_gsm8k() {
        let two_lines = "She spends 5 * 12 = 60 on food.\nSo the total is $114 in all.";
        let long = "The answer is 114 dollars which is what she has already spent on food";
        let steps = "Step one: 114 - 12.\n\nThe final answer is 1,600";
        for (answer, text, tail, expected) in [
            ("114", two_lines, 5, true),
            ("11", two_lines, 5, true),
            ("114", long, 5, false),
            ("114", long, 10, false),
            ("1,600", steps, 5, true),
        ] {
            let right = is_right(Kind::Number, answer, text, Parser::Original, Some(tail));
            assert_eq!(right, expected, "{text}");
        }
    }

    #[test]
    fn strict_numbers_and_words_mean_themselves() {
        for (kind, answer, text, expected) in [
            (Kind::Number, "1,600", "#### 1600", true),
            (Kind::Number, "3", "13", false),
            (
                Kind::Number,
                "114",
                "The answer is 114 dollars which is what 3 friends spent",
                true,
            ),
            (Kind::Exact, "No", "Node 3 is connected", false),
            (Kind::Exact, "No", "no", true),
            (Kind::Maths, "\\frac{1}{2}", "so \\boxed{0.5}", true),
        ] {
            assert_eq!(
                is_right(kind, answer, text, Parser::Strict, None),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn what_cannot_be_read_is_no_answer() {
        let nothing = Grade {
            answer: None,
            is_right: false,
        };
        for kind in [Kind::Number, Kind::Maths, Kind::Choice, Kind::Free] {
            assert_eq!(
                grade(&item(kind, "5"), "I do not know", Parser::Strict, None),
                nothing
            );
        }
    }
}
