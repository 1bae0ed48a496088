//! Votes: what of an answer counts as its choice, and which choice wins. Answers that cannot be read abstain.

use super::settings::{Reading, Ties};
use crate::domain::chance::Chance;
use crate::domain::message::{Message, Role};

/// One voter's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vote {
    /// The graph's node that gave it.
    pub voter: usize,
    pub text: String,
    /// None abstains.
    pub choice: Option<String>,
}

/// How a vote ended.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Count {
    /// Choices and their votes, the most frequent first, then as they came.
    pub choices: Vec<(String, usize)>,
    /// Those that tied for the first place; one when there was no tie.
    pub leaders: Vec<String>,
    pub winner: Option<String>,
    pub abstained: usize,
}

/// Counts votes.
#[must_use]
pub fn count(votes: &[Vote], ties: Ties, chance: &mut Chance) -> Count {
    let mut choices: Vec<(String, usize)> = Vec::new();
    for choice in votes.iter().filter_map(|vote| vote.choice.as_ref()) {
        match choices.iter_mut().find(|(known, _)| known == choice) {
            Some((_, votes)) => *votes += 1,
            None => choices.push((choice.clone(), 1)),
        }
    }
    // A stable sort keeps the order of arrival among equals.
    choices.sort_by_key(|(_, votes)| std::cmp::Reverse(*votes));
    let most = choices.first().map_or(0, |(_, votes)| *votes);
    let leaders: Vec<String> = choices
        .iter()
        .filter(|(_, votes)| *votes == most)
        .map(|(choice, _)| choice.clone())
        .collect();
    let picked = match ties {
        Ties::First => 0,
        Ties::Random => chance.below(leaders.len()),
    };
    Count {
        winner: leaders.get(picked).cloned(),
        abstained: votes.iter().filter(|vote| vote.choice.is_none()).count(),
        choices,
        leaders,
    }
}

/// What an answer votes for.
#[must_use]
pub fn choice(text: &str, reading: Reading) -> Option<String> {
    match reading {
        Reading::Letter => letter(text).map(String::from),
        Reading::Number => number(text),
        Reading::Auto | Reading::Text => plain(text),
    }
}

/// What `auto` means for this conversation: letters when the last question lists options A and B.
#[must_use]
pub fn reading(reading: Reading, conversation: &[Message]) -> Reading {
    if reading != Reading::Auto {
        return reading;
    }
    let question = conversation
        .iter()
        .rfind(|message| message.role == Role::User);
    let question = question.map_or("", |message| message.content.as_str());
    if lists(question, 'A') && lists(question, 'B') {
        Reading::Letter
    } else {
        Reading::Text
    }
}

/// Whether a line begins with this option: `A.`, `(A)`, `Option A:`.
fn lists(question: &str, option: char) -> bool {
    question.lines().any(|line| {
        let line = line.trim_start();
        let line = line
            .strip_prefix("Option ")
            .or_else(|| line.strip_prefix("选项"))
            .unwrap_or(line);
        let line = line.strip_prefix('(').unwrap_or(line);
        let rest = line.strip_prefix(option);
        rest.is_some_and(|rest| rest.starts_with(['.', ')', ':', '：', '、']))
    })
}

/// A to D: the whole text, else the `answer` of a JSON object, else the last such capital that stands alone.
#[must_use]
pub fn letter(text: &str) -> Option<char> {
    let text = text.trim();
    let is_option = |letter: &char| ('A'..='D').contains(letter);
    let mut letters = text.chars();
    if let (Some(only), None) = (letters.next(), letters.next()) {
        return Some(only.to_ascii_uppercase()).filter(is_option);
    }
    match json_answer(text) {
        Some(answer) => {
            let mut letters = answer.trim().chars();
            let first = letters.next().map(|letter| letter.to_ascii_uppercase());
            let is_alone = letters.next().is_none_or(|next| !next.is_alphabetic());
            first.filter(|first| is_alone && is_option(first))
        }
        None => {
            let words = text.split(|letter: char| !letter.is_alphanumeric());
            let mut alone = words.filter_map(|word| {
                let mut letters = word.chars();
                letters.next().filter(|_| letters.next().is_none())
            });
            alone.rfind(is_option)
        }
    }
}

/// The value of `answer` in the first object of a text: JSON, or nearly.
fn json_answer(text: &str) -> Option<String> {
    let start = text.find('{')?;
    let end = start + text[start..].find('}')?;
    let object = &text[start..=end];
    if let Ok(serde_json::Value::Object(fields)) = serde_json::from_str(object) {
        let field = fields
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case("answer"));
        let value = field.map(|(_, value)| value)?;
        return Some(
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned),
        );
    }
    // Small models forget quotation marks: {answer: B}.
    let (key, value) = object.trim_matches(['{', '}']).split_once(':')?;
    let bare = |text: &str| text.trim().trim_matches(['"', '\'']).to_owned();
    bare(key)
        .eq_ignore_ascii_case("answer")
        .then(|| bare(value))
}

/// The last number of a text, without separators and without zeros after its point.
fn number(text: &str) -> Option<String> {
    let is_part = |letter: char| letter.is_ascii_digit() || letter == '.' || letter == ',';
    let mut last = None;
    let mut rest = text;
    while let Some(start) = rest.find(|letter: char| letter.is_ascii_digit()) {
        let length = rest[start..].find(|letter| !is_part(letter));
        let end = length.map_or(rest.len(), |length| start + length);
        let digits = rest[start..end].replace(',', "");
        let sign = if rest[..start].ends_with('-') {
            "-"
        } else {
            ""
        };
        last = Some(format!("{sign}{}", digits.trim_end_matches('.')));
        rest = &rest[end..];
    }
    last.map(|number| match number.split_once('.') {
        Some((whole, part)) if part.chars().all(|digit| digit == '0') => whole.to_owned(),
        _ => number,
    })
}

/// The words of a text, whatever their case and punctuation.
fn plain(text: &str) -> Option<String> {
    let words = text.split(|letter: char| !letter.is_alphanumeric());
    let words: Vec<String> = words
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    (!words.is_empty()).then(|| words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn votes(choices: &[Option<&str>]) -> Vec<Vote> {
        let each = choices.iter().enumerate();
        each.map(|(voter, choice)| Vote {
            voter,
            text: String::new(),
            choice: choice.map(str::to_owned),
        })
        .collect()
    }

    #[test]
    fn letters_are_read_as_the_method_asks() {
        let text = include_str!("../../../tests/vectors/graph/letters.json");
        let vectors: Vec<(String, String)> = serde_json::from_str(text).unwrap();
        assert!(vectors.len() >= 13);
        for (raw, expected) in vectors {
            let read = letter(&raw).map(String::from).unwrap_or_default();
            assert_eq!(read, expected, "{raw}");
        }
    }

    #[test]
    fn numbers_and_words() {
        let number = |text| choice(text, Reading::Number);
        assert_eq!(
            number("It is 1,234.50, I think.").as_deref(),
            Some("1234.50")
        );
        assert_eq!(number("3 + 4 = -7.0.").as_deref(), Some("-7"));
        assert_eq!(number("none"), None);
        let plain = |text| choice(text, Reading::Text);
        assert_eq!(plain("  Paris, France! "), plain("paris france"));
        assert_eq!(plain("..."), None);
    }

    #[test]
    fn abstentions_do_not_vote_and_ties_are_shown() {
        let mut chance = Chance::new(1, 0, 0);
        let lone = count(&votes(&[None, None, Some("A")]), Ties::Random, &mut chance);
        assert_eq!((lone.winner.as_deref(), lone.abstained), (Some("A"), 2));
        let none = count(&votes(&[None]), Ties::First, &mut chance);
        assert_eq!((none.winner, none.leaders), (None, Vec::new()));
        let tied = votes(&[Some("B"), Some("A"), Some("C"), Some("A"), Some("B")]);
        let first = count(&tied, Ties::First, &mut chance);
        assert_eq!(first.leaders, ["B", "A"]);
        assert_eq!(first.winner.as_deref(), Some("B"));
        assert_eq!(first.choices[2], ("C".to_owned(), 1));
        let winners: std::collections::BTreeSet<String> = (0..20)
            .filter_map(|_| count(&tied, Ties::Random, &mut chance).winner)
            .collect();
        assert_eq!(winners.into_iter().collect::<Vec<_>>(), ["A", "B"]);
    }

    #[test]
    fn options_in_the_question_ask_for_letters() {
        let of = |text: &str| reading(Reading::Auto, &[Message::user(text)]);
        assert_eq!(of("Which?\nOption A: x\nOption B: y"), Reading::Letter);
        assert_eq!(of("Which?\n(A) x\n(B) y"), Reading::Letter);
        assert_eq!(of("选？\n选项A：x\n选项B：y"), Reading::Letter);
        assert_eq!(of("A dog and\nB. B. King"), Reading::Text);
        assert_eq!(reading(Reading::Number, &[]), Reading::Number);
    }
}
