//! Rules of a preset about what may run: `calculator`, `shell:git status`, or a class of effects: `exec`, `network`.
//!
//! A rule with arguments is compared word by word with a call's subject (a command line, a host). An allowing rule must cover
//! every part of a chained command; a forbidding one strikes when any part has its words.

use super::{Card, Effect};
use serde::Deserialize;

/// What joins or nests commands: a line with one of these is never allowed by a rule.
const UNSAFE: [&str; 7] = ["$(", "`", "<(", ">", "<", "eval ", "\\"];

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub struct Rule {
    text: String,
    /// A tool's name or a class of effects.
    head: String,
    /// The beginning of its subject, in words; empty for any.
    words: Vec<String>,
}

impl From<String> for Rule {
    fn from(text: String) -> Self {
        let (head, rest) = text.split_once(':').unwrap_or((&text, ""));
        Self {
            head: head.trim().to_owned(),
            words: rest.split_whitespace().map(str::to_owned).collect(),
            text: text.clone(),
        }
    }
}

impl Rule {
    /// As the preset writes it.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it covers the whole call.
    #[must_use]
    pub fn allows(&self, card: &Card, effect: &Effect, subject: &str) -> bool {
        self.is_about(card, effect)
            && (self.words.is_empty()
                || !UNSAFE.iter().any(|mark| subject.contains(mark))
                    && parts(subject).all(|part| starts_with(part, &self.words)))
    }

    /// Whether it concerns any part of the call.
    #[must_use]
    pub fn strikes(&self, card: &Card, effect: &Effect, subject: &str) -> bool {
        self.is_about(card, effect) && (self.words.is_empty() || contains(subject, &self.words))
    }

    fn is_about(&self, card: &Card, effect: &Effect) -> bool {
        self.head == card.name || self.head == effect.class()
    }
}

/// The commands of a line.
fn parts(line: &str) -> impl Iterator<Item = &str> {
    line.split(['&', '|', ';', '\n'])
        .map(str::trim)
        .filter(|part| !part.is_empty())
}

fn starts_with(part: &str, words: &[String]) -> bool {
    let mut given = part.split_whitespace();
    words.iter().all(|word| given.next() == Some(word))
}

/// Whether the words stand anywhere in the line, whatever stands around them; a program counts with and without its folder.
fn contains(line: &str, words: &[String]) -> bool {
    let given: Vec<&str> = line
        .split(|c: char| c.is_whitespace() || "&|;()`$<>\"'{}".contains(c))
        .filter(|word| !word.is_empty())
        .collect();
    given.windows(words.len()).any(|window| {
        window
            .iter()
            .zip(words)
            .all(|(one, word)| one == word || one.rsplit('/').next() == Some(word.as_str()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shell() -> Card {
        Card {
            name: "shell".into(),
            description: String::new(),
            schema: json!({}),
            effect: Effect::Runs,
        }
    }

    fn allows(rule: &str, line: &str) -> bool {
        Rule::from(rule.to_owned()).allows(&shell(), &Effect::Runs, line)
    }

    fn strikes(rule: &str, line: &str) -> bool {
        Rule::from(rule.to_owned()).strikes(&shell(), &Effect::Runs, line)
    }

    #[test]
    fn a_rule_allows_whole_words_and_every_part() {
        assert!(allows("shell:git status", "git status -s"));
        assert!(allows("shell:git status", "git status && git status -s"));
        assert!(allows("shell", "anything > x"));
        assert!(allows("exec", "anything"));
        for line in [
            "git statusx",
            "sudo git status",
            "git status; rm -r x",
            "git status $(rm x)",
            "git status > x",
            "git status\nrm x",
            "git status & rm x",
            "git",
        ] {
            assert!(!allows("shell:git status", line), "{line}");
        }
        assert!(!allows("network", "git status"));
    }

    #[test]
    fn a_rule_forbids_any_part() {
        for line in [
            "rm x",
            "ls; rm x",
            "sudo /bin/rm x",
            "echo $(rm x)",
            "sh -c 'rm x'",
        ] {
            assert!(strikes("shell:rm", line), "{line}");
        }
        assert!(!strikes("shell:rm", "ls farm rmx"));
        assert!(strikes("exec", "ls"));
    }
}
