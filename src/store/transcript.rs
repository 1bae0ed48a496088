//! A session's events folded into messages and turns, for exports. Screens fold events in their own way.

use crate::domain::clock::Millis;
use crate::domain::event::{Event, Kind, Outcome, Source};
use crate::domain::fault::Fault;
use crate::domain::id::{MessageId, NodeId, TurnId};
use crate::domain::message::Role;
use crate::domain::plan::{Node, Plan};
use crate::domain::request::{Finish, Usage};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What was said, by whom, in answer to what; and what the agents did.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Transcript {
    pub title: Option<String>,
    /// In the order in which they were said; a tree by `parent`.
    pub messages: Vec<Message>,
    /// The leaf of the shown branch.
    pub head: Option<MessageId>,
    pub turns: Vec<Turn>,
}

/// A message of the tree.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Message {
    pub message: MessageId,
    pub parent: Option<MessageId>,
    pub role: Role,
    pub at: Millis,
    pub text: String,
}

/// One answer of a society.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Turn {
    pub turn: TurnId,
    pub question: Option<MessageId>,
    pub preset: String,
    pub began: Millis,
    pub finished: Option<Millis>,
    /// None for a turn that was cut off.
    pub outcome: Option<Outcome>,
    pub parts: Vec<Part>,
}

/// What one agent did in one round.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Part {
    #[serde(flatten)]
    pub node: Node,
    pub text: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub thinking: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finish: Option<Finish>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub marks: BTreeMap<String, String>,
}

impl Transcript {
    #[must_use]
    pub fn of(events: &[Event]) -> Transcript {
        let mut transcript = Transcript::default();
        for event in events {
            transcript.take(event);
        }
        transcript
    }

    /// Messages from the first to the head, on the shown branch.
    #[must_use]
    pub fn branch(&self) -> Vec<&Message> {
        let by_id: BTreeMap<MessageId, &Message> = self
            .messages
            .iter()
            .map(|message| (message.message, message))
            .collect();
        let mut path = Vec::new();
        let mut seen = BTreeSet::new();
        let mut next = self.head;
        while let Some(message) = next.and_then(|id| by_id.get(&id)) {
            if !seen.insert(message.message) {
                break;
            }
            path.push(*message);
            next = message.parent;
        }
        path.reverse();
        path
    }

    /// The turn that made a message: it answers the same question, with the same words.
    #[must_use]
    pub fn turn_of(&self, answer: &Message) -> Option<&Turn> {
        let mut candidates = self
            .turns
            .iter()
            .rev()
            .filter(|turn| turn.question.is_some() && turn.question == answer.parent);
        let same = candidates.clone().find(|turn| {
            turn.answer()
                .is_some_and(|text| text.trim() == answer.text.trim())
        });
        same.or_else(|| candidates.next())
    }

    fn take(&mut self, event: &Event) {
        match (&event.kind, &event.source) {
            (
                Kind::Said {
                    message,
                    parent,
                    role,
                    text,
                },
                _,
            ) => {
                self.messages.push(Message {
                    message: *message,
                    parent: *parent,
                    role: *role,
                    at: event.at,
                    text: text.clone(),
                });
                self.head = Some(*message);
            }
            (Kind::Head { message }, _) => self.head = *message,
            (Kind::Titled { title }, _) => self.title = Some(title.clone()),
            (kind, Source::Turn(turn)) => self.turn(*turn, event.at).take(kind, event.at),
            _ => {}
        }
    }

    fn turn(&mut self, id: TurnId, at: Millis) -> &mut Turn {
        let known = self.turns.iter().position(|turn| turn.turn == id);
        let at = known.unwrap_or_else(|| {
            self.turns.push(Turn {
                turn: id,
                question: None,
                preset: String::new(),
                began: at,
                finished: None,
                outcome: None,
                parts: Vec::new(),
            });
            self.turns.len() - 1
        });
        &mut self.turns[at]
    }
}

impl Turn {
    /// What it answered, or as much as there was when it was stopped.
    #[must_use]
    pub fn answer(&self) -> Option<&str> {
        match &self.outcome {
            Some(Outcome::Answered { text } | Outcome::Stopped { text }) => Some(text),
            Some(Outcome::Failed { .. }) | None => {
                let part = self.parts.iter().find(|part| part.node.is_answer);
                part.map(|part| part.text.as_str())
            }
        }
    }

    /// Tokens and cost of all parts.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let mut sum = Usage::default();
        for usage in self.parts.iter().filter_map(|part| part.usage) {
            sum += usage;
        }
        sum
    }

    fn take(&mut self, kind: &Kind, at: Millis) {
        match kind {
            Kind::Began { question, preset } => {
                self.question = Some(*question);
                self.preset.clone_from(preset);
                self.began = at;
            }
            Kind::Planned { plan } => self.plan(plan),
            Kind::Delta {
                node,
                text,
                thinking,
            } => self.change(*node, |part| {
                let target = if *thinking {
                    &mut part.thinking
                } else {
                    &mut part.text
                };
                target.push_str(text);
            }),
            Kind::Restarted { node } => self.change(*node, |part| {
                part.text.clear();
                part.thinking.clear();
                part.fault = None;
                part.finish = None;
            }),
            Kind::Done {
                node,
                usage,
                finish,
            } => self.change(*node, |part| {
                part.usage = Some(*usage);
                part.finish = Some(*finish);
                part.fault = None;
            }),
            Kind::Failed { node, fault } => {
                self.change(*node, |part| part.fault = Some(fault.clone()));
            }
            Kind::Mark { node, key, value } => self.change(*node, |part| {
                part.marks.insert(key.clone(), value.clone());
            }),
            Kind::Finished { outcome } => {
                self.outcome = Some(outcome.clone());
                self.finished = Some(at);
            }
            _ => {}
        }
    }

    fn change(&mut self, node: NodeId, change: impl FnOnce(&mut Part)) {
        if let Some(part) = self.parts.iter_mut().find(|part| part.node.id == node) {
            change(part);
        }
    }

    fn plan(&mut self, plan: &Plan) {
        for node in &plan.nodes {
            match self.parts.iter_mut().find(|part| part.node.id == node.id) {
                Some(part) => part.node = node.clone(),
                None => self.parts.push(Part {
                    node: node.clone(),
                    text: String::new(),
                    thinking: String::new(),
                    usage: None,
                    finish: None,
                    fault: None,
                    marks: BTreeMap::new(),
                }),
            }
        }
    }
}
