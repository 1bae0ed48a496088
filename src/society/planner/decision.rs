//! Reads what the planner decided: whose turn it is, and why.
//!
//! The words are those of α-UMi's `Next: caller.` and of its relatives, in any dress a model gives them. The earliest marker
//! counts; what follows it is thrown away, because a model that runs on invents what the tools would say.

/// Ends of turns that models write out.
pub(super) const TERMINATORS: [&str; 6] = [
    "</s>",
    "<|im_end|>",
    "<|eot_id|>",
    "<|endoftext|>",
    "<|end|>",
    "<eos>",
];
const LABELS: [&str; 6] = [
    "assistant:",
    "planner:",
    "caller:",
    "summarizer:",
    "summariser:",
    "conclusion:",
];
const QUOTES: [char; 5] = ['"', '\'', '`', '“', '‘'];
const CLOSING: [char; 5] = ['"', '\'', '`', '”', '’'];
/// How models dress a word up.
const DRESS: [char; 10] = ['*', '_', '`', '"', '\'', '<', '[', '(', '“', '‘'];

/// Whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    Caller,
    Summarizer,
    GiveUp,
    /// Nothing was said.
    Empty,
    /// No decision, but a call.
    InlineAction,
    NoMarker,
}

impl Decision {
    /// The word for logs and marks.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Decision::Caller => "caller",
            Decision::Summarizer => "summarizer",
            Decision::GiveUp => "give_up",
            Decision::Empty => "missing:empty",
            Decision::InlineAction => "missing:inline_action",
            Decision::NoMarker => "missing:no_marker",
        }
    }
}

/// A planner's output, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    pub decision: Decision,
    pub rationale: String,
    /// What stood behind the decision.
    pub tail: String,
}

/// Words that a decision can be given in, longest first where one begins another.
const OPTIONS: [(&str, Decision); 12] = [
    ("caller", Decision::Caller),
    ("call", Decision::Caller),
    ("tool", Decision::Caller),
    ("summarizer", Decision::Summarizer),
    ("summariser", Decision::Summarizer),
    ("conclusion", Decision::Summarizer),
    ("concluder", Decision::Summarizer),
    ("conclude", Decision::Summarizer),
    ("finish", Decision::Summarizer),
    ("final?answer", Decision::Summarizer),
    ("answer", Decision::Summarizer),
    ("give?up", Decision::GiveUp),
];

struct Marker {
    start: usize,
    end: usize,
    decision: Decision,
    is_quoted: bool,
}

/// Reads a planner's output.
#[must_use]
pub fn read(raw: &str) -> Planned {
    let text = clean(raw);
    if is_nothing(&text) {
        return Planned {
            decision: Decision::Empty,
            rationale: String::new(),
            tail: String::new(),
        };
    }
    let markers = markers(&text);
    let marker = markers
        .iter()
        .find(|marker| !marker.is_quoted)
        .or(markers.first());
    if let Some(marker) = marker {
        return Planned {
            decision: marker.decision,
            rationale: rationale(&text[..marker.start]),
            tail: text[marker.end..].to_owned(),
        };
    }
    if let Some((at, _)) = super::action::action_line(&text) {
        return Planned {
            decision: Decision::InlineAction,
            rationale: rationale(&text[..at]),
            tail: text[at..].to_owned(),
        };
    }
    let gives_up = text.to_ascii_lowercase().contains("i give up");
    Planned {
        decision: if gives_up {
            Decision::GiveUp
        } else {
            Decision::NoMarker
        },
        rationale: text,
        tail: String::new(),
    }
}

/// The text as it is kept: rationale and decision in the one form that models are trained on.
#[must_use]
pub fn canonical(rationale: &str, decision: Decision) -> String {
    let next = match decision {
        Decision::Summarizer => " Next: conclusion.",
        Decision::GiveUp => " Next: give up.",
        _ => " Next: caller.",
    };
    if rationale.is_empty() {
        return next.to_owned();
    }
    format!("{rationale}\n{next}")
}

/// Without reasoning, without what stands behind an end of turn, without the names of roles in front.
pub(super) fn clean(raw: &str) -> String {
    let mut text = without_thoughts(raw);
    let lower = text.to_ascii_lowercase();
    if let Some(end) = TERMINATORS.iter().filter_map(|end| lower.find(end)).min() {
        text.truncate(end);
    }
    let mut rest = text.as_str();
    loop {
        let before = rest.len();
        rest = rest.trim_start();
        rest = rest.strip_prefix(": ").unwrap_or(rest);
        for label in LABELS {
            if starts_with(rest, label) {
                rest = &rest[label.len()..];
            }
        }
        if rest.len() == before {
            break;
        }
    }
    rest.trim().to_owned()
}

/// Whether an output is as good as none.
pub(super) fn is_nothing(text: &str) -> bool {
    matches!(text, "" | "." | ",")
}

/// Case does not count.
pub(super) fn starts_with(text: &str, word: &str) -> bool {
    text.get(..word.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(word))
}

fn without_thoughts(raw: &str) -> String {
    let mut text = raw.to_owned();
    loop {
        let lower = text.to_ascii_lowercase();
        let Some(open) = lower.find("<think>") else {
            break;
        };
        let Some(close) = lower[open..].find("</think>") else {
            break;
        };
        text.replace_range(open..open + close + "</think>".len(), "");
    }
    let lower = text.to_ascii_lowercase();
    if let Some(close) = lower.rfind("</think>") {
        text.replace_range(..close + "</think>".len(), "");
    }
    if let Some(open) = text.to_ascii_lowercase().find("<think>") {
        text.truncate(open);
    }
    text
}

/// All markers in order, without those that only repeat the instructions.
fn markers(text: &str) -> Vec<Marker> {
    let lower = text.to_ascii_lowercase();
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = lower[from..].find("next").map(|at| from + at) {
        from = at + "next".len();
        let before = text[..at].chars().next_back();
        if before.is_some_and(is_word) {
            continue;
        }
        let Some((decision, end)) = marker_at(&lower, from) else {
            continue;
        };
        let chain = end_of_chain(&lower, end);
        if chain > end {
            from = chain;
            continue;
        }
        from = end;
        found.push(Marker {
            start: at,
            end,
            decision,
            is_quoted: before.is_some_and(|c| QUOTES.contains(&c)) && is_closed(&text[end..]),
        });
    }
    found
}

/// The decision whose colon comes after `at`, and its end.
fn marker_at(lower: &str, at: usize) -> Option<(Decision, usize)> {
    let rest = lower[at..].trim_start_matches([' ', '\t', '*', '_', '`']);
    let rest = rest.strip_prefix(':')?;
    let rest = rest.trim_start_matches(|c: char| c.is_whitespace() || DRESS.contains(&c));
    option_at(lower, lower.len() - rest.len())
}

/// The option word at `at`, and its end.
fn option_at(lower: &str, at: usize) -> Option<(Decision, usize)> {
    let rest = &lower[at..];
    OPTIONS.iter().find_map(|(word, decision)| {
        let length = match word.split_once('?') {
            None => rest.starts_with(word).then_some(word.len())?,
            Some((first, second)) => {
                let after = rest.strip_prefix(first)?;
                let gap = usize::from(after.starts_with([' ', '_', '-']));
                // "giveup" is a word, "finalanswer" is not.
                if gap == 0 && *decision != Decision::GiveUp {
                    return None;
                }
                after[gap..]
                    .starts_with(second)
                    .then_some(first.len() + gap + second.len())?
            }
        };
        let is_whole = !rest[length..].chars().next().is_some_and(is_word);
        is_whole.then_some((*decision, at + length))
    })
}

/// Where a list of options such as `caller or conclusion / give up` ends; `end` itself when there is none.
fn end_of_chain(lower: &str, end: usize) -> usize {
    let mut end = end;
    loop {
        let rest = lower[end..].trim_start();
        let rest = [", or ", "or ", "/", "|"]
            .iter()
            .find_map(|join| rest.strip_prefix(join));
        let Some(rest) = rest else { return end };
        let at = lower.len() - rest.trim_start().len();
        match option_at(lower, at) {
            Some((_, next)) => end = next,
            None => return end,
        }
    }
}

fn is_closed(after: &str) -> bool {
    after
        .trim_start_matches(|c: char| c == '.' || c.is_whitespace())
        .starts_with(CLOSING)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn rationale(before: &str) -> String {
    let mut text = before.trim();
    for label in ["rationale", "thought"] {
        if starts_with(text, label) {
            let rest = text[label.len()..].trim_start();
            let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
            text = rest.strip_prefix(':').map_or(text, str::trim_start);
        }
    }
    let followed = ", followed by:";
    let cut = text.len().saturating_sub(followed.len());
    if text.is_char_boundary(cut) && text[cut..].eq_ignore_ascii_case(followed) {
        text = &text[..cut];
    }
    text.trim()
        .trim_end_matches(['*', '_', '`', '"', '\'', '“', '”', '‘', '’'])
        .trim()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors() {
        #[derive(serde::Deserialize)]
        struct Vector {
            name: String,
            output: String,
            decision: String,
            rationale: String,
        }
        let text = include_str!("../../../tests/vectors/planner/decisions.json");
        let vectors: Vec<Vector> = serde_json::from_str(text).unwrap();
        assert_eq!(vectors.len(), 27);
        for vector in vectors {
            let planned = read(&vector.output);
            assert_eq!(
                (planned.decision.word(), planned.rationale.as_str()),
                (vector.decision.as_str(), vector.rationale.as_str()),
                "{}",
                vector.name
            );
        }
    }

    #[test]
    fn the_kept_form_is_one() {
        assert_eq!(canonical("a", Decision::Caller), "a\n Next: caller.");
        assert_eq!(canonical("", Decision::Summarizer), " Next: conclusion.");
        assert_eq!(canonical("x", Decision::GiveUp), "x\n Next: give up.");
        for decision in [Decision::Caller, Decision::Summarizer, Decision::GiveUp] {
            let again = read(&canonical("why", decision));
            assert_eq!(
                (again.decision, again.rationale.as_str()),
                (decision, "why")
            );
        }
    }

    #[test]
    fn odd_letters_do_not_break_it() {
        for text in [
            "İnext: caller",
            "ſ Next: 日本",
            "<think>é",
            "“Next: caller.”",
            "Next: give-up…",
        ] {
            let _ = read(text);
        }
        assert_eq!(read("Next: give-up…").decision, Decision::GiveUp);
        assert_eq!(read("Next: finalanswer").decision, Decision::NoMarker);
    }
}
