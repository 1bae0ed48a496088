//! What lists and the search need of a session, gathered from its events.

use super::log::{self, Record};
use super::session::SessionInfo;
use crate::domain::clock::Millis;
use crate::domain::event::{Event, Kind, Source};
use crate::domain::id::{NodeId, SessionId};
use crate::domain::message::Role;
use crate::domain::text;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Columns of a title made from the first question.
const TITLE: usize = 60;
/// Characters of a snippet before and after the place that matched.
const BEFORE: usize = 24;
const AFTER: usize = 56;

/// A session in short, and all that was said in it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Summary {
    pub title: String,
    pub created: Millis,
    pub updated: Millis,
    pub turns: u64,
    pub preset: String,
    /// Messages, what the agents wrote, and the title, one after the other.
    pub text: String,
}

impl Summary {
    /// The summary of a file; one that cannot be read says so in its title, so that it is never hidden.
    #[must_use]
    pub fn of_file(path: &Path, id: &SessionId) -> Summary {
        match log::read_file(path, id) {
            Ok(record) => Summary::of(&record),
            Err(error) => {
                let created = super::session_id::created(id);
                Summary {
                    title: format!("(cannot be read: {error})"),
                    created,
                    updated: created,
                    ..Summary::default()
                }
            }
        }
    }

    #[must_use]
    pub fn of(record: &Record) -> Summary {
        let mut summary = Summary {
            created: record.header.created,
            updated: record.header.created,
            ..Summary::default()
        };
        let mut said: Vec<&str> = Vec::new();
        let mut first = None;
        let mut name = None;
        for event in &record.events {
            summary.updated = summary.updated.max(event.at);
            match &event.kind {
                Kind::Said { role, text, .. } => {
                    said.push(text);
                    if *role == Role::User && first.is_none() {
                        first = Some(text);
                    }
                }
                Kind::Titled { title } => name = Some(title),
                Kind::Began { preset, .. } => {
                    summary.turns += 1;
                    summary.preset.clone_from(preset);
                }
                _ => {}
            }
        }
        summary.text = all_text(&said, &record.events);
        if let Some(name) = name {
            summary.text.push_str(name);
        }
        let name = name.filter(|name| !name.trim().is_empty());
        summary.title = one_line(name.or(first).map_or("(empty)", String::as_str));
        summary
    }

    /// The session for a list, if all words are in it.
    #[must_use]
    pub fn found(self, id: SessionId, words: &Words) -> Option<SessionInfo> {
        let snippet = words.find(&self.text)?;
        Some(SessionInfo {
            id,
            title: self.title,
            created: self.created,
            updated: self.updated,
            turns: self.turns,
            preset: self.preset,
            snippet,
        })
    }
}

/// Messages first, then what agents wrote and is no message itself.
fn all_text(said: &[&str], events: &[Event]) -> String {
    let mut written: BTreeMap<(u64, NodeId), String> = BTreeMap::new();
    for event in events {
        let Source::Turn(turn) = event.source else {
            continue;
        };
        match &event.kind {
            Kind::Delta {
                node,
                text,
                thinking: false,
            } => written.entry((turn.0, *node)).or_default().push_str(text),
            Kind::Restarted { node } => {
                written.remove(&(turn.0, *node));
            }
            _ => {}
        }
    }
    let known: BTreeSet<&str> = said.iter().map(|text| text.trim()).collect();
    let written = written.values().map(String::as_str);
    let others = written.filter(|text| !known.contains(text.trim()));
    let mut all = String::new();
    for text in said.iter().copied().chain(others) {
        all.push_str(text);
        all.push('\n');
    }
    all
}

fn one_line(title: &str) -> String {
    let words: Vec<&str> = title.split_whitespace().collect();
    text::truncate(&text::strip_controls(&words.join(" ")), TITLE)
}

/// The words of a query; case does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words(Vec<String>);

impl Words {
    #[must_use]
    pub fn of(query: &str) -> Words {
        let folded = query.to_lowercase();
        Words(folded.split_whitespace().map(str::to_owned).collect())
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// None when a word is missing; else the place of the first word, for a query that has words.
    #[must_use]
    #[allow(
        clippy::option_option,
        reason = "found without a place is a third case"
    )]
    pub fn find(&self, text: &str) -> Option<Option<String>> {
        let Some(first) = self.0.first() else {
            return Some(None);
        };
        let folded = text.to_lowercase();
        let all = self.0.iter().all(|word| folded.contains(word));
        all.then(|| text.lines().find_map(|line| snippet(line, first)))
    }
}

/// The surroundings of a word in a line.
fn snippet(line: &str, word: &str) -> Option<String> {
    let chars: Vec<char> = line.chars().collect();
    // Lowering can make several characters of one: each keeps the place it came from.
    let mut folded = String::new();
    let mut origin = Vec::new();
    for (at, c) in chars.iter().enumerate() {
        for lower in c.to_lowercase() {
            folded.push(lower);
            origin.resize(folded.len(), at);
        }
    }
    let at = *origin.get(folded.find(word)?)?;
    let (from, to) = (at.saturating_sub(BEFORE), (at + AFTER).min(chars.len()));
    let inner: String = chars.get(from..to)?.iter().collect();
    let before = if from > 0 { "…" } else { "" };
    let after = if to < chars.len() { "…" } else { "" };
    Some(text::strip_controls(&format!(
        "{before}{}{after}",
        inner.trim()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_substring_is_found_whatever_its_case() {
        let text = "first line\nПривет, Мир und STRASSE\n今天天气很好 👩‍🚀 ok";
        for query in ["привет", "strasse", "天气", "好", "👩‍🚀", "ine", "мир line"]
        {
            let found = Words::of(query).find(text);
            assert!(matches!(found, Some(Some(_))), "{query}");
        }
        assert_eq!(Words::of("天 missing").find(text), None);
        assert_eq!(Words::of("  ").find(text), Some(None));
    }

    #[test]
    fn a_snippet_shows_the_surroundings() {
        let line = format!("{} needle {}", "a".repeat(50), "b".repeat(90));
        let snippet = snippet(&line, "needle").unwrap();
        assert!(
            snippet.starts_with("…a") && snippet.ends_with("b…"),
            "{snippet}"
        );
        assert!(snippet.contains(" needle "));
    }
}
