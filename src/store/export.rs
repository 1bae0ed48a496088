//! A session, or one turn of it, as Markdown to read or JSON to work with; with everything the references wrote, or without.

use super::log::Record;
use super::session_id::readable;
use super::transcript::{Message, Part, Transcript, Turn};
use crate::domain::event::Outcome;
use crate::domain::id::{SessionId, TurnId};
use crate::domain::message::Role;
use crate::domain::request::Finish;
use serde_json::{Value, json};
use std::fmt::Write;

/// What to put into an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Choice {
    /// What each agent wrote, not only the answers.
    pub with_parts: bool,
    /// Only this turn and its question.
    pub turn: Option<TurnId>,
}

/// The shown branch, to be read. Texts are kept as the models wrote them.
#[must_use]
pub fn markdown(id: &SessionId, record: &Record, choice: Choice) -> String {
    let transcript = Transcript::of(&record.events);
    let mut out = String::new();
    let title = transcript.title.as_deref().unwrap_or("A council's session");
    let begun = readable(record.header.created);
    let _ = writeln!(out, "# {title}\n\n*synod session {id}, begun {begun} UTC*");
    if let Some(turn) = choice.turn {
        let turn = transcript.turns.iter().find(|known| known.turn == turn);
        if let Some(turn) = turn {
            let question = transcript
                .messages
                .iter()
                .find(|message| Some(message.message) == turn.question);
            if let Some(question) = question {
                said(&mut out, question);
            }
            answered(&mut out, turn, turn.answer().unwrap_or_default(), choice);
        }
        return out;
    }
    let branch = transcript.branch();
    for (at, message) in branch.iter().enumerate() {
        if message.role == Role::Assistant {
            match transcript.turn_of(message) {
                Some(turn) => answered(&mut out, turn, &message.text, choice),
                None => said(&mut out, message),
            }
            continue;
        }
        said(&mut out, message);
        let is_last = at + 1 == branch.len();
        let unanswered = transcript
            .turns
            .iter()
            .rev()
            .find(|turn| is_last && turn.question == Some(message.message));
        if let Some(turn) = unanswered {
            answered(&mut out, turn, turn.answer().unwrap_or_default(), choice);
        }
    }
    out
}

/// All messages (the whole tree) and turns, in the words of the event log.
#[must_use]
pub fn json(id: &SessionId, record: &Record, choice: Choice) -> Value {
    let mut transcript = Transcript::of(&record.events);
    if let Some(turn) = choice.turn {
        transcript.turns.retain(|known| known.turn == turn);
        let question = transcript.turns.first().and_then(|turn| turn.question);
        transcript.messages.retain(|message| {
            question.is_some() && (Some(message.message) == question || message.parent == question)
        });
    }
    let turns: Vec<Value> = transcript
        .turns
        .iter()
        .map(|turn| {
            let mut value = json!(turn);
            if let Some(fields) = value.as_object_mut() {
                fields.insert("usage".into(), json!(turn.usage()));
                if !choice.with_parts {
                    fields.remove("parts");
                }
            }
            value
        })
        .collect();
    json!({
        "format": "synod-session",
        "version": 1,
        "session": id,
        "title": transcript.title,
        "created": record.header.created,
        "program": record.header.program,
        "head": transcript.head,
        "messages": transcript.messages,
        "turns": turns,
    })
}

fn said(out: &mut String, message: &Message) {
    let who = match message.role {
        Role::User => "You",
        Role::Assistant => "Answer",
        Role::System => "System",
        Role::Tool => "Tool",
    };
    let _ = writeln!(out, "\n## {who}\n\n{}", message.text.trim_end());
}

fn answered(out: &mut String, turn: &Turn, text: &str, choice: Choice) {
    if choice.with_parts {
        for part in turn.parts.iter().filter(|part| !part.node.is_answer) {
            written(out, part);
        }
    }
    let _ = writeln!(out, "\n## Answer ({})\n\n{}", turn.preset, text.trim_end());
    match &turn.outcome {
        Some(Outcome::Answered { .. }) => {}
        Some(Outcome::Stopped { .. }) => out.push_str("\n*stopped*\n"),
        Some(Outcome::Failed { fault }) => {
            let _ = writeln!(out, "\n*failed: {fault}*");
        }
        None => out.push_str("\n*cut off: the program ended before the turn did*\n"),
    }
    if choice.with_parts
        && let Some(part) = turn.parts.iter().find(|part| part.node.is_answer)
    {
        let _ = writeln!(out, "\n*{}*", facts(part));
    }
}

fn written(out: &mut String, part: &Part) {
    let node = &part.node;
    let _ = writeln!(
        out,
        "\n### {}: {} (round {})\n\n{}",
        node.part,
        node.title,
        node.round,
        part.text.trim_end()
    );
    let _ = writeln!(out, "\n*{}*", facts(part));
    if let Some(fault) = &part.fault {
        let _ = writeln!(out, "\n*failed: {fault}*");
    }
}

/// Model, tokens, cost and how it ended, in one line.
fn facts(part: &Part) -> String {
    let mut facts = vec![part.node.model.to_string()];
    if let Some(usage) = part.usage {
        let about = if usage.estimated { "about " } else { "" };
        facts.push(format!(
            "{about}{} prompt and {} completion tokens",
            usage.prompt_tokens, usage.completion_tokens
        ));
        if let Some(cost) = usage.cost {
            facts.push(format!("${cost:.6}"));
        }
    }
    match part.finish {
        Some(Finish::Length) => facts.push("truncated".into()),
        Some(Finish::Filter) => facts.push("text withheld by the endpoint".into()),
        Some(Finish::Cancelled) => facts.push("stopped".into()),
        Some(Finish::Stop) | None => {}
    }
    facts.join(", ")
}
