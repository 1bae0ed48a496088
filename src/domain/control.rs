//! What a person may do to a running turn, in words that fit every society.

use super::id::NodeId;
use super::question::Reply;
use serde::{Deserialize, Serialize};

/// An intervention in a running turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "control", rename_all = "snake_case")]
pub enum Control {
    /// Stop this node; the turn goes on with the others.
    Skip { node: NodeId },
    /// Run this node again; what it wrote is void. Also while its round is still open after it failed.
    Retry { node: NodeId },
    /// Go on with what is complete ("aggregate now").
    Proceed,
    /// Hold the turn before each of its steps, or let it run.
    Hold { is_on: bool },
    /// Go on to the next step, and be held before the one after it.
    Step,
    /// Answer the question that this node asked.
    Reply { node: NodeId, reply: Reply },
}
