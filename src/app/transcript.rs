//! The conversation and its turns, folded from events: the same fold for a live turn, a reopened session and a replay.
//!
//! Texts only grow, except when a node starts again; every change raises a revision, so a screen can keep what it laid out.
//! The fold knows no keys, no panes and no sizes.

use crate::domain::clock::Millis;
use crate::domain::event::{EdgeOutcome, Level, Outcome};
use crate::domain::fault::Fault;
use crate::domain::id::{MessageId, NodeId, TurnId};
use crate::domain::message::Role;
use crate::domain::plan::{Node, Plan};
use crate::domain::question::Question;
use crate::domain::request::{Finish, Usage};
use std::collections::BTreeMap;

/// Ends the preset name of a turn that runs the answering agent alone beside the council.
pub const ALONE_SUFFIX: &str = " (alone)";

/// A session's conversation: a tree of messages and the turns that answered them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Transcript {
    /// The session's name; empty until it has one.
    pub title: String,
    /// All messages of all branches, by id; `Said::parent` makes the tree.
    pub messages: BTreeMap<MessageId, Said>,
    /// The last message of the shown branch; none in an empty conversation.
    pub head: Option<MessageId>,
    pub turns: BTreeMap<TurnId, Turn>,
    /// Rises with every change of anything in here.
    pub revision: u64,
}

/// One message of the tree.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    pub id: MessageId,
    pub parent: Option<MessageId>,
    /// In the order they were said: the branches that begin here.
    pub children: Vec<MessageId>,
    pub role: Role,
    pub text: String,
    pub at: Millis,
    /// For an answer: the turn that made it (none when a person wrote it).
    pub turn: Option<TurnId>,
}

/// One answer of a society, under way or ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Turn {
    pub id: TurnId,
    pub question: MessageId,
    pub preset: String,
    /// Empty until the society announced it.
    pub plan: Plan,
    /// Every node of the plan, by id.
    pub nodes: BTreeMap<NodeId, NodeView>,
    /// Sentences for the person at the screen.
    pub notes: Vec<(Level, String)>,
    /// What became of the potential edges of an agent graph, in the order they were drawn.
    pub edges: Vec<EdgeDraw>,
    /// Votes, in the order they were cast; the last of a voter counts.
    pub ballots: Vec<Vote>,
    /// Questions to the person that nobody has answered yet.
    pub asked: BTreeMap<NodeId, Question>,
    /// The nodes before which the turn is held; none while it runs freely.
    pub held: Vec<NodeId>,
    pub state: TurnState,
    pub began: Millis,
    pub ended: Option<Millis>,
    /// The message that holds its answer.
    pub answer: Option<MessageId>,
}

/// A potential edge and what became of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EdgeDraw {
    pub from: NodeId,
    pub to: NodeId,
    pub logit: f64,
    pub probability: f64,
    /// The number it was compared with; none where nothing was drawn.
    pub draw: Option<f64>,
    pub outcome: EdgeOutcome,
}

/// A vote of one voter.
#[derive(Debug, Clone, PartialEq)]
pub struct Vote {
    pub voter: NodeId,
    pub choice: String,
    pub weight: f32,
}

/// Where a turn stands.
#[derive(Debug, Clone, PartialEq)]
pub enum TurnState {
    Running,
    /// Ended by itself or by a person; the outcome says which.
    Ended(Outcome),
    /// The program ended before the turn did; it can be retried.
    Interrupted,
}

/// A node of a turn as panes show it.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeView {
    /// What the plan says about it.
    pub node: Node,
    pub state: NodeState,
    /// The answer so far.
    pub text: String,
    /// Reasoning so far, shown folded.
    pub thinking: String,
    /// Rises with every change of the texts or the state.
    pub revision: u64,
    /// Rises when the texts start again; while it stays, they only grow.
    pub restarts: u32,
    pub usage: Option<Usage>,
    pub timing: Timing,
    /// Facts such as `answer` = `08:48`.
    pub marks: BTreeMap<String, String>,
    /// The tool it called and the arguments, as JSON text.
    pub call: Option<(String, String)>,
}

/// The state of a node: what its header says in a word and a glyph.
#[derive(Debug, Clone, PartialEq)]
pub enum NodeState {
    /// Not asked yet: waits for the nodes it reads.
    Idle,
    Queued {
        why: String,
    },
    Loading,
    Connecting,
    Prefill {
        done: u64,
        total: u64,
    },
    /// The request is out, nothing came back yet.
    Waiting,
    Retrying {
        attempt: u32,
        of: u32,
        wait_ms: u64,
        fault: Fault,
    },
    Thinking,
    Streaming,
    Done,
    /// Ended at the token limit.
    Truncated,
    /// The endpoint withheld text.
    Filtered,
    /// Stopped by a person or a deadline; what arrived is kept.
    Stopped,
    /// Ended without an answer (class `Empty` included).
    Failed(Fault),
    /// The program ended first.
    Interrupted,
}

/// Moments of a node, by the events' own times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timing {
    /// It was first heard of (queued, connecting, …).
    pub queued: Option<Millis>,
    /// Work began: anything after queueing.
    pub started: Option<Millis>,
    pub first_token: Option<Millis>,
    pub last_token: Option<Millis>,
    pub ended: Option<Millis>,
    /// Characters of text and thinking received, for estimates while nothing better is known.
    pub chars: u64,
}

impl NodeState {
    /// Nothing more will come, unless it is retried.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(
            self,
            NodeState::Done
                | NodeState::Truncated
                | NodeState::Filtered
                | NodeState::Stopped
                | NodeState::Failed(_)
                | NodeState::Interrupted
        )
    }

    /// It is at work or in line for it.
    #[must_use]
    pub fn is_active(&self) -> bool {
        !self.is_over() && *self != NodeState::Idle
    }

    /// The state in a word or two, for headers.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            NodeState::Idle => "waits",
            NodeState::Queued { .. } => "queued",
            NodeState::Loading => "loading",
            NodeState::Connecting => "connecting",
            NodeState::Prefill { .. } => "reading",
            NodeState::Waiting => "waiting",
            NodeState::Retrying { .. } => "retrying",
            NodeState::Thinking => "thinking",
            NodeState::Streaming => "streaming",
            NodeState::Done => "done",
            NodeState::Truncated => "truncated",
            NodeState::Filtered => "filtered",
            NodeState::Stopped => "stopped",
            NodeState::Failed(fault) => fault.class.word(),
            NodeState::Interrupted => "interrupted",
        }
    }
}

impl NodeView {
    /// Generated tokens: reported ones once the node ended, else an estimate of 4 characters a token (second value: estimated).
    #[must_use]
    pub fn tokens(&self) -> (u64, bool) {
        match self.usage {
            Some(usage) => (usage.completion_tokens, usage.estimated),
            None => (self.timing.chars.div_ceil(4), true),
        }
    }

    /// Milliseconds from the first sign of life to the first token.
    #[must_use]
    pub fn first_token_ms(&self) -> Option<Millis> {
        let from = self.timing.started.or(self.timing.queued)?;
        Some(self.timing.first_token?.saturating_sub(from))
    }

    /// Tokens a second between the first and the last token; none before there are two moments.
    #[must_use]
    #[allow(
        clippy::cast_precision_loss,
        reason = "token counts and milliseconds stay far below 2^52"
    )]
    pub fn tokens_per_second(&self) -> Option<f64> {
        let span = self
            .timing
            .last_token?
            .saturating_sub(self.timing.first_token?);
        let (tokens, _) = self.tokens();
        (span > 0 && tokens > 1).then(|| (tokens - 1) as f64 * 1000.0 / span as f64)
    }

    /// Milliseconds it has been at work, up to `now` or to its end.
    #[must_use]
    pub fn elapsed_ms(&self, now: Millis) -> Option<Millis> {
        let from = self.timing.started.or(self.timing.queued)?;
        Some(self.timing.ended.unwrap_or(now).saturating_sub(from))
    }

    /// The outcome word of a finished node's reason, for `Done` events.
    pub(super) fn state_of(finish: Finish) -> NodeState {
        match finish {
            Finish::Stop => NodeState::Done,
            Finish::Length => NodeState::Truncated,
            Finish::Filter => NodeState::Filtered,
            Finish::Cancelled => NodeState::Stopped,
        }
    }
}

impl Turn {
    /// Runs the answering agent alone beside the council for the same question; its text never enters the conversation.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        self.preset.ends_with(ALONE_SUFFIX)
    }

    #[must_use]
    pub fn is_running(&self) -> bool {
        self.state == TurnState::Running
    }

    /// The node whose text becomes the answer, once the plan is known.
    #[must_use]
    pub fn answer_node(&self) -> Option<&NodeView> {
        self.nodes.values().find(|view| view.node.is_answer)
    }

    /// The nodes that get a pane of their own, by round and lane: all but the answering one.
    pub fn references(&self) -> impl Iterator<Item = &NodeView> {
        let mut views: Vec<&NodeView> = self.nodes.values().filter(|v| !v.node.is_answer).collect();
        views.sort_by_key(|view| (view.node.round, view.node.lane, view.node.id));
        views.into_iter()
    }

    /// What all nodes cost together, as far as reported.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let mut sum = Usage::default();
        for usage in self.nodes.values().filter_map(|view| view.usage) {
            sum += usage;
        }
        sum
    }

    /// Milliseconds since it began, up to `now` or to its end.
    #[must_use]
    pub fn elapsed_ms(&self, now: Millis) -> Millis {
        self.ended.unwrap_or(now).saturating_sub(self.began)
    }
}

impl Transcript {
    /// The shown branch, from the root to the head.
    #[must_use]
    pub fn path(&self) -> Vec<&Said> {
        self.path_to(self.head)
    }

    /// The branch that ends with this message, from the root.
    #[must_use]
    pub fn path_to(&self, message: Option<MessageId>) -> Vec<&Said> {
        let mut path = Vec::new();
        let mut at = message;
        while let Some(said) = at.and_then(|id| self.messages.get(&id)) {
            path.push(said);
            // A parent is always older, so a damaged log cannot make a ring.
            at = said.parent.filter(|parent| *parent < said.id);
        }
        path.reverse();
        path
    }

    /// The turns that answered a question, oldest first, the ones beside the council left out.
    pub fn turns_of(&self, question: MessageId) -> impl Iterator<Item = &Turn> {
        self.turns
            .values()
            .filter(move |turn| turn.question == question && !turn.is_alone())
    }

    /// The turn that ran the answering agent alone for the same question, beside this one.
    #[must_use]
    pub fn beside(&self, turn: TurnId) -> Option<&Turn> {
        let question = self.turns.get(&turn)?.question;
        self.turns
            .range(turn..)
            .map(|(_, other)| other)
            .take_while(|other| other.id == turn || other.is_alone())
            .find(|other| other.question == question && other.is_alone())
    }

    /// Which branch of how many a message is, from 1, among its siblings.
    #[must_use]
    pub fn branch(&self, message: MessageId) -> (usize, usize) {
        let siblings = self.siblings(message);
        let at = siblings.iter().position(|id| *id == message).unwrap_or(0);
        (at + 1, siblings.len().max(1))
    }

    /// The messages with the same parent, itself included, in the order they were said.
    #[must_use]
    pub fn siblings(&self, message: MessageId) -> Vec<MessageId> {
        let Some(said) = self.messages.get(&message) else {
            return Vec::new();
        };
        match said.parent.and_then(|parent| self.messages.get(&parent)) {
            Some(parent) => parent.children.clone(),
            None => self
                .messages
                .values()
                .filter(|other| other.parent.is_none())
                .map(|other| other.id)
                .collect(),
        }
    }

    /// What all turns cost together, as far as reported.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let mut sum = Usage::default();
        for turn in self.turns.values() {
            sum += turn.usage();
        }
        sum
    }
}
