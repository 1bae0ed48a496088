//! Everything that can happen, for turns and jobs alike. One line of JSON each.
//!
//! The log of events is history, fixture, replay and bug report; screens draw events and nothing else knows about screens.
//! A log starts with [`Header`]; readers skip kinds they do not know.

use super::clock::Millis;
use super::fault::Fault;
use super::id::{MessageId, NodeId, RunId, TurnId};
use super::message::Role;
use super::plan::Plan;
use super::question::{Question, Reply};
use super::reading::Reading;
use super::request::{Finish, Usage};
use super::run::{JobCard, Product, RunState};
use serde::{Deserialize, Serialize};

/// The key of a mark that tells what a node's text came to mean: the call that ran in place of the one it wrote. An attempt that
/// takes the node over takes this.
pub const RAN: &str = "ran";

/// The key of a mark that says why a branch of a search was left; empty when it is used after all.
pub const ABANDONED: &str = "abandoned";

/// Version of the log format that this program writes.
pub const LOG_VERSION: u32 = 1;

/// First line of every log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// [`LOG_VERSION`] of the writer.
    pub synod_log: u32,
    pub created: Millis,
    /// The program version that began the log.
    pub program: String,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    pub source: Source,
    /// Counts up within a log.
    pub seq: u64,
    pub at: Millis,
    #[serde(flatten)]
    pub kind: Kind,
}

/// Whose event it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The session itself: messages, titles, branches.
    Session,
    Turn(TurnId),
    Run(RunId),
    Machine,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Kind {
    /// A message joined the conversation's tree under `parent`.
    Said {
        message: MessageId,
        parent: Option<MessageId>,
        role: Role,
        text: String,
    },
    /// The conversation continues from this message: the leaf of the shown branch.
    Head { message: Option<MessageId> },
    /// The session got a name.
    Titled { title: String },
    /// A turn began to answer `question` with a preset.
    Began { question: MessageId, preset: String },
    /// What the society will do. May come again.
    Planned { plan: Plan },
    /// A node changed its state without text.
    Progress { node: NodeId, progress: Progress },
    /// More text of a node; `thinking` is reasoning, shown folded and never passed on.
    Delta {
        node: NodeId,
        text: String,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        thinking: bool,
    },
    /// A node's text so far is void: it starts again (a retry).
    Restarted { node: NodeId },
    /// A node ended with usable text.
    Done {
        node: NodeId,
        usage: Usage,
        finish: Finish,
    },
    /// A node ended without. What arrived before stays visible.
    Failed { node: NodeId, fault: Fault },
    /// A fact about a node: `answer` = `08:48`, `reused` = `yes`.
    Mark {
        node: NodeId,
        key: String,
        value: String,
    },
    /// An edge and its weight in 0..=1.
    Link {
        from: NodeId,
        to: NodeId,
        weight: f32,
    },
    /// A tool is called, after any permission. What it returns is the node's text.
    Called {
        node: NodeId,
        tool: String,
        /// JSON text, as checked against the tool's schema.
        arguments: String,
    },
    /// A node waits for the person.
    Asked { node: NodeId, question: Question },
    /// The person answered, or a rule did (`by_rule` says which).
    Replied {
        node: NodeId,
        reply: Reply,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by_rule: Option<String>,
    },
    /// Whether a potential edge of an agent graph became real.
    Drawn {
        from: NodeId,
        to: NodeId,
        /// The learnt parameter; the probability is its logistic function.
        logit: f64,
        probability: f64,
        /// The uniform number it was compared with; none when nothing was drawn (full, threshold, mask).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        draw: Option<f64>,
        outcome: EdgeOutcome,
    },
    /// The turn is held before these nodes run, until the person goes on; with none, it goes on.
    Held { nodes: Vec<NodeId> },
    /// A vote.
    Ballot {
        voter: NodeId,
        choice: String,
        weight: f32,
    },
    /// First event of a run: which job it is, with all that screens need to draw it.
    Opened { card: Box<JobCard>, title: String },
    /// A run entered a state.
    State {
        state: RunState,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
    /// A run has done so many of its units (see [`JobCard::unit`]); `total` 0 is unknown.
    Advanced { done: u64, total: u64 },
    /// A run's state is safe on disk: `done` units, so many bytes.
    Checkpointed { done: u64, bytes: u64 },
    /// A run made something.
    Made { product: Product },
    /// A sample of the machine.
    Sampled { reading: Reading },
    /// A point of a curve.
    Metric { series: String, x: f64, y: f64 },
    /// A row of a table; numbers stay numbers.
    Row {
        table: String,
        key: String,
        cells: Vec<Cell>,
    },
    /// A sentence for the person at the screen.
    Note { level: Level, text: String },
    /// The turn or run ended.
    Finished { outcome: Outcome },
    /// A kind of a newer program; skipped.
    #[serde(other)]
    Unknown,
}

/// What a node is doing before or between its text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Progress {
    /// Waits for a slot (its endpoint's limit, or the engine).
    Queued {
        why: String,
    },
    /// The model is being loaded from disk.
    Loading,
    Connecting,
    /// The prompt is being computed; `done` of `total` tokens.
    Prefill {
        done: u64,
        total: u64,
    },
    /// The request is out; nothing has come back yet.
    Waiting,
    /// Will try again: `attempt` of `of`, after `wait_ms`.
    Retrying {
        attempt: u32,
        of: u32,
        wait_ms: u64,
        fault: Fault,
    },
}

/// What became of a potential edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EdgeOutcome {
    Taken,
    /// Its draw or its rule left it out.
    NotTaken,
    /// It would have closed a cycle; nothing was drawn.
    Cycle,
}

/// A table cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Cell {
    Number(f64),
    Text(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Info,
    Warning,
    Error,
}

/// How a turn or run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// With an answer.
    Answered {
        text: String,
    },
    /// A person stopped it; `text` is what the answering node had written.
    Stopped {
        text: String,
    },
    Failed {
        fault: Fault,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_readable_line() {
        let event = Event {
            source: Source::Turn(TurnId(3)),
            seq: 9,
            at: 1000,
            kind: Kind::Delta {
                node: NodeId(2),
                text: "hé\n".into(),
                thinking: false,
            },
        };
        let line = serde_json::to_string(&event).unwrap();
        assert_eq!(
            line,
            r#"{"source":{"turn":3},"seq":9,"at":1000,"kind":"delta","node":2,"text":"hé\n"}"#
        );
        assert_eq!(serde_json::from_str::<Event>(&line).unwrap(), event);
    }

    #[test]
    fn a_kind_of_a_newer_program_is_skipped() {
        let line = r#"{"source":"session","seq":1,"at":5,"kind":"hologram","beam":[1]}"#;
        let event: Event = serde_json::from_str(line).unwrap();
        assert_eq!(event.kind, Kind::Unknown);
    }
}
