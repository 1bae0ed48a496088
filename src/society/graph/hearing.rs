//! What a node is sent: the conversation, then what it hears from others, then what it shall do with it.
//!
//! The question always stays, also for a node inside an agent; in the original an agent's answer took its place. What an
//! agent's own nodes said stands apart from what other agents said, which may be wrong on purpose.

use super::library::Operation;
use super::prompts::Prompts;
use crate::domain::message::{Message, Role};
use crate::task::crosswords::Board;
use std::fmt::Write;

/// A text on its way along an edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// The node that said it.
    pub node: usize,
    /// Its name, as the person knows it.
    pub name: String,
    pub text: String,
    /// Where the text is a crossword board.
    pub board: Option<Board>,
    /// Whether it comes from the same agent.
    pub is_own: bool,
}

/// What is sent to a node; `base` ends with the question.
#[must_use]
pub fn compose(
    base: &[Message],
    role: Option<&str>,
    heard: &[Heard],
    instruction: Option<&str>,
    max_chars: usize,
) -> Vec<Message> {
    let mut messages = base.to_vec();
    if let Some(role) = role {
        match messages.first_mut() {
            Some(first) if first.role == Role::System => {
                first.content = format!("{}\n\n{role}", first.content);
            }
            _ => messages.insert(0, Message::system(role)),
        }
    }
    let mut tail = String::new();
    let (own, others): (Vec<&Heard>, Vec<&Heard>) = heard.iter().partition(|one| one.is_own);
    if !own.is_empty() {
        tail.push_str("\n\nThoughts so far:");
        for (number, one) in (1..).zip(own) {
            push(&mut tail, &format!("{number}."), &one.text, max_chars);
        }
    }
    if !others.is_empty() {
        tail.push_str("\n\nOther agents say:");
        for one in others {
            push(&mut tail, &format!("{}:", one.name), &one.text, max_chars);
        }
    }
    if let Some(instruction) = instruction {
        // Writing to a string cannot go wrong.
        let _ = write!(tail, "\n\n{instruction}");
    }
    append(&mut messages, &tail);
    messages
}

/// What is sent to a judge: numbered answers, or answers by who gave them.
#[must_use]
pub fn compose_judge(
    base: &[Message],
    heard: &[Heard],
    by_name: bool,
    instruction: &str,
    max_chars: usize,
) -> Vec<Message> {
    let mut tail = String::from("\n");
    for (number, one) in (1..).zip(heard) {
        let label = if by_name {
            format!("{}:", one.name)
        } else {
            format!("Answer {number}:")
        };
        push(&mut tail, &label, &one.text, max_chars);
    }
    let _ = write!(tail, "\n\n{instruction}");
    let mut messages = base.to_vec();
    append(&mut messages, &tail);
    messages
}

/// The text that says what to do; none where the question says it all.
#[must_use]
pub fn instruction(operation: Operation, heard: &[Heard], prompts: &Prompts) -> Option<String> {
    let has_own = heard.iter().any(|one| one.is_own);
    let has_others = heard.iter().any(|one| !one.is_own);
    let task = match operation {
        Operation::Answer | Operation::Lie | Operation::Specialist => has_own.then_some("again"),
        Operation::Think => Some("think"),
        Operation::Conclude => Some("conclude"),
        Operation::Outline => Some("outline"),
        Operation::Branch { .. } => Some("branch"),
        Operation::Combine => Some("combine"),
        Operation::Reflect => Some("reflect"),
        Operation::Formulate => Some("formulate"),
        Operation::Constant | Operation::Empty | Operation::Board(_) | Operation::Call => None,
    };
    // An adversary needs no warning, and a node with a task of its own needs no second one.
    let is_free = matches!(operation, Operation::Answer | Operation::Specialist);
    let warning = (has_others && is_free && task.is_none()).then_some("peers");
    let text = prompts.text(task.or(warning)?);
    Some(match operation {
        Operation::Branch { line, of } => text
            .replace("{lines}", &of.to_string())
            .replace("{line}", &line.to_string()),
        _ => text.to_owned(),
    })
}

fn append(messages: &mut Vec<Message>, tail: &str) {
    match messages
        .iter_mut()
        .rfind(|message| message.role == Role::User)
    {
        Some(question) => question.content.push_str(tail),
        None if tail.is_empty() => {}
        None => messages.push(Message::user(tail.trim_start())),
    }
}

fn push(tail: &mut String, label: &str, text: &str, max_chars: usize) {
    let text = super::super::inject::shorten(text, max_chars);
    let _ = write!(tail, "\n{label} {text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(name: &str, text: &str, is_own: bool) -> Heard {
        Heard {
            node: 1,
            name: name.into(),
            text: text.into(),
            board: None,
            is_own,
        }
    }

    #[test]
    fn the_question_stays_and_thoughts_stand_apart_from_opinions() {
        let heard = [heard("cot.1", "t", true), heard("io", "B", false)];
        let base = [
            Message::user("old"),
            Message::assistant("a"),
            Message::user("Q"),
        ];
        let out = compose(&base, Some("R"), &heard, Some("Do."), 0);
        assert_eq!(out[0], Message::system("R"));
        assert_eq!(out[1..3], base[..2]);
        let question = "Q\n\nThoughts so far:\n1. t\n\nOther agents say:\nio: B\n\nDo.";
        assert_eq!(out[3], Message::user(question));
    }

    #[test]
    fn nothing_is_added_to_a_question_without_company() {
        let base = [Message::system("S"), Message::user("Q")];
        assert_eq!(compose(&base, None, &[], None, 0), base);
        let out = compose(&base, Some("R"), &[], None, 0);
        assert_eq!(out[0], Message::system("S\n\nR"));
    }

    #[test]
    fn instructions_fit_what_was_heard() {
        let prompts = Prompts::default();
        let peer = [heard("io", "B", false)];
        let of = |operation, heard: &[Heard]| instruction(operation, heard, &prompts);
        assert_eq!(of(Operation::Answer, &[]), None);
        assert_eq!(
            of(Operation::Answer, &peer).as_deref(),
            Some(prompts.text("peers"))
        );
        assert_eq!(of(Operation::Lie, &peer), None);
        let line = of(Operation::Branch { line: 2, of: 3 }, &peer).unwrap();
        assert!(line.contains("number 2 of 3"), "{line}");
    }
}
