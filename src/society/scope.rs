//! All that a protocol can touch: ask agents, announce facts, listen to the person.
//!
//! Whoever asks through a scope cannot forget to emit events, to honour a stop, or to limit how much runs at once. It knows
//! no endpoint, no screen and no clock; whoever receives the events adds source, order and time.

use super::desk::{Desk, pump};
use super::gate::Gate;
use super::round::Round;
use crate::backend::Backends;
use crate::domain::call::ToolCall;
use crate::domain::cancel::Cancel;
use crate::domain::control::Control;
use crate::domain::event::{Kind, Level};
use crate::domain::fault::Fault;
use crate::domain::id::NodeId;
use crate::domain::plan::Plan;
use crate::domain::question::{Question, Reply};
use crate::domain::request::{Finish, ModelRef, Request, Usage};
use crate::tool::kit::Kit;
use std::fmt::Display;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Where a turn's events go. The implementation adds source, sequence and time.
pub trait Sink: Send + Sync {
    fn emit(&self, kind: Kind);
}

/// What a scope is made of.
pub struct ScopeParts {
    pub backends: Arc<Backends>,
    pub sink: Arc<dyn Sink>,
    /// Stops the turn.
    pub cancel: Cancel,
    /// What the person does while it runs.
    pub controls: mpsc::UnboundedReceiver<Control>,
    /// Most requests under way at once; 0 is no limit.
    pub num_proc: usize,
}

/// Handed to a protocol for one turn.
pub struct Scope {
    pub(super) backends: Arc<Backends>,
    pub(super) sink: Arc<dyn Sink>,
    pub(super) cancel: Cancel,
    pub(super) num_proc: usize,
    pub(super) desk: Arc<Desk>,
    gate: Arc<Gate>,
    pub(super) tools: Arc<Kit>,
    pump: JoinHandle<()>,
}

/// A question to one agent.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    pub node: NodeId,
    pub request: Request,
    /// A text from an earlier attempt that stands in for a call.
    pub reuse: Option<String>,
}

impl Ask {
    #[must_use]
    pub fn new(node: NodeId, request: Request) -> Self {
        Self {
            node,
            request,
            reuse: None,
        }
    }

    #[must_use]
    pub fn reusing(mut self, text: Option<&String>) -> Self {
        self.reuse = text.filter(|text| !text.trim().is_empty()).cloned();
        self
    }
}

/// A usable text: never blank, without surrounding white space, without reasoning.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub text: String,
    /// The tools it called in a field of their own; the text shows them too.
    pub calls: Vec<ToolCall>,
    pub usage: Usage,
    pub finish: Finish,
}

/// No usable text: why, and what had arrived before.
#[derive(Debug, Clone, PartialEq)]
pub struct Broken {
    pub fault: Fault,
    /// Shown, but never handed to another agent.
    pub partial: String,
}

/// When a round may end before all have answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quorum {
    /// So many answers are enough; 0 waits for all.
    pub at_least: usize,
    /// After this time one answer is enough; none waits without limit.
    pub after_ms: Option<u64>,
}

/// How one question of a round ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Gathered {
    pub node: NodeId,
    pub result: Result<Answer, Broken>,
    /// Rank among those that ended, from 0.
    pub arrival: usize,
}

impl Scope {
    /// Must be called within a tokio runtime: controls are delivered by a task of its own.
    #[must_use]
    pub fn new(parts: ScopeParts) -> Scope {
        let desk = Arc::new(Desk::default());
        let gate = Arc::new(Gate::default());
        let pump = tokio::spawn(pump(
            Arc::clone(&desk),
            Arc::clone(&gate),
            parts.controls,
            Arc::clone(&parts.sink),
        ));
        Scope {
            backends: parts.backends,
            sink: parts.sink,
            cancel: parts.cancel,
            num_proc: parts.num_proc,
            desk,
            gate,
            tools: Arc::default(),
            pump,
        }
    }

    /// With tools to call; without this there are none.
    #[must_use]
    pub fn with_tools(mut self, tools: Arc<Kit>) -> Scope {
        self.tools = tools;
        self
    }

    /// Held before its first step already, if so.
    #[must_use]
    pub fn held(self, is_held: bool) -> Scope {
        self.gate.hold(is_held);
        self
    }

    /// Asks one agent and emits what happens to its node. Skip and Retry of the node count; Proceed does not.
    ///
    /// # Errors
    ///
    /// The fault that ended it, with the text that had arrived.
    pub async fn ask(&self, ask: Ask) -> Result<Answer, Broken> {
        let gathered = Round::new(self, vec![ask], Quorum::default(), false)
            .run()
            .await;
        match gathered.into_iter().next() {
            Some(one) => one.result,
            None => Err(Broken {
                fault: Fault::cancelled(),
                partial: String::new(),
            }),
        }
    }

    /// Asks several agents at once and returns their ends in the order asked. The round stays open, and its nodes can be
    /// skipped and retried, until all have ended, the quorum is met, or the person goes on with what is complete.
    pub async fn gather(&self, asks: Vec<Ask>, quorum: Quorum) -> Vec<Gathered> {
        Round::new(self, asks, quorum, true).run().await
    }

    /// Whether a request for this model may bring tools.
    #[must_use]
    pub fn takes_tools(&self, model: &ModelRef) -> bool {
        self.backends.takes_tools(model)
    }

    /// Whether the turn is being stopped.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// Announces what will happen; may come again.
    pub fn plan(&self, plan: Plan) {
        self.sink.emit(Kind::Planned { plan });
    }

    /// To be awaited before a step of the turn: returns at once, or when the person goes on, where the turn is held. A node
    /// that is skipped meanwhile has ended and is among those returned; a stop ends the wait.
    pub async fn pause(&self, nodes: &[NodeId]) -> Vec<NodeId> {
        let mut skipped = Vec::new();
        if self.gate.passes() {
            return skipped;
        }
        let mut controls = self.desk.open(nodes.to_vec(), false);
        let nodes = nodes.to_vec();
        self.sink.emit(Kind::Held { nodes });
        loop {
            let control = tokio::select! {
                biased;
                () = self.cancel.cancelled() => break,
                () = self.gate.pass() => break,
                control = controls.recv() => control,
            };
            match control {
                Some(Control::Skip { node }) if !skipped.contains(&node) => {
                    let fault = Fault::cancelled();
                    self.sink.emit(Kind::Failed { node, fault });
                    skipped.push(node);
                }
                Some(_) => {}
                None => break,
            }
        }
        let nodes = Vec::new();
        self.sink.emit(Kind::Held { nodes });
        skipped
    }

    /// A fact about a node.
    pub fn mark(&self, node: NodeId, key: &str, value: impl Display) {
        self.sink.emit(Kind::Mark {
            node,
            key: key.to_owned(),
            value: value.to_string(),
        });
    }

    /// A sentence for the person at the screen.
    pub fn note(&self, level: Level, text: impl Into<String>) {
        self.sink.emit(Kind::Note {
            level,
            text: text.into(),
        });
    }

    /// A text of a node that no model wrote (a tool's result, a vote), and its end.
    pub fn say(&self, node: NodeId, text: impl Into<String>) {
        let text = text.into();
        self.sink.emit(Kind::Delta {
            node,
            text,
            thinking: false,
        });
        self.sink.emit(Kind::Done {
            node,
            usage: Usage::default(),
            finish: Finish::Stop,
        });
    }

    /// Any other fact, in the words of the log.
    pub fn tell(&self, kind: Kind) {
        self.sink.emit(kind);
    }

    /// Asks the person and waits for the answer; none when the turn is stopped meanwhile or the node is skipped.
    pub async fn inquire(&self, node: NodeId, question: Question) -> Option<Reply> {
        let mut controls = self.desk.open(vec![node], false);
        self.sink.emit(Kind::Asked { node, question });
        loop {
            let control = tokio::select! {
                control = controls.recv() => control?,
                () = self.cancel.cancelled() => return None,
            };
            match control {
                Control::Reply { reply, .. } => {
                    self.sink.emit(Kind::Replied {
                        node,
                        reply: reply.clone(),
                        by_rule: None,
                    });
                    return Some(reply);
                }
                Control::Skip { .. } => return None,
                Control::Retry { .. } | Control::Proceed | Control::Hold { .. } | Control::Step => {
                }
            }
        }
    }

    /// The node's text so far is void.
    pub fn restarted(&self, node: NodeId) {
        self.sink.emit(Kind::Restarted { node });
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        self.pump.abort();
    }
}
