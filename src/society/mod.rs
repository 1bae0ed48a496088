//! Who talks to whom. A way to combine agents is one file here plus presets.
//!
//! A protocol sees a [`Task`] and a [`scope::Scope`]; it knows no screen, no store and no backend by name.

pub mod scope;

use crate::domain::event::Outcome;
use crate::domain::id::{NodeId, TurnId};
use crate::domain::message::Message;
use crate::domain::plan::Plan;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

/// One turn to be answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    pub turn: TurnId,
    /// User messages and final answers, alternating; the last one is the new question.
    pub conversation: Vec<Message>,
    /// Texts of nodes that are taken over from an earlier attempt instead of being generated again.
    pub reuse: BTreeMap<NodeId, String>,
    /// Agents derive their seeds from this and their node.
    pub seed: u64,
}

/// A boxed future, so that protocols can be kept in one registry.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A way to combine agents.
pub trait Protocol: Send + Sync {
    /// What it will do, before anything is asked.
    fn plan(&self, task: &Task) -> Plan;

    /// Does it. Never panics and never hangs: failures of agents are part of the outcome.
    fn run<'a>(&'a self, task: &'a Task, scope: &'a scope::Scope) -> BoxFuture<'a, Outcome>;
}
