//! The debate file of the original program: one object, problem to its agents' transcripts and its reference.

use crate::domain::message::{Message, Role};
use crate::society::debate::Account;
use crate::task::set::Item;
use serde::Serialize;

/// A message as chat programs write it.
#[derive(Serialize)]
struct Line<'a> {
    role: Role,
    content: &'a str,
}

/// The text of the file; problems in the order given. A problem that comes twice stands once, as its last debate: the
/// original's keys are the problems.
///
/// # Errors
///
/// When a text cannot be written as JSON.
pub fn file(debates: &[(&Item, &Account)]) -> serde_json::Result<String> {
    let mut text = String::from("{");
    let mut is_first = true;
    for (index, (item, account)) in debates.iter().enumerate() {
        if debates[index + 1..]
            .iter()
            .any(|(later, _)| later.question == item.question)
        {
            continue;
        }
        let talks: Vec<Vec<Line<'_>>> = account
            .talks
            .iter()
            .map(|talk| talk.iter().map(line).collect())
            .collect();
        // The original keeps a whole solution and reads the last box out of it.
        let reference = format!("\\boxed{{{}}}", item.answer);
        text.push_str(if is_first { "\n" } else { ",\n" });
        is_first = false;
        text.push_str(&serde_json::to_string(&item.question)?);
        text.push_str(": ");
        text.push_str(&serde_json::to_string(&(talks, reference))?);
    }
    text.push_str("\n}\n");
    Ok(text)
}

fn line(message: &Message) -> Line<'_> {
    Line {
        role: message.role,
        content: &message.content,
    }
}
