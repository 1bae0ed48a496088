//! What a society will do, before it does it: nodes, edges and how to lay them out.

use super::id::NodeId;
use super::request::ModelRef;
use serde::{Deserialize, Serialize};

/// The nodes of a turn and who reads whom. May be announced again when a society adds steps.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Plan {
    pub nodes: Vec<Node>,
    /// `from` is read by `to`.
    pub edges: Vec<(NodeId, NodeId)>,
    pub hint: Hint,
}

impl Plan {
    #[must_use]
    pub fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.iter().find(|node| node.id == id)
    }

    /// The node whose text becomes the answer.
    #[must_use]
    pub fn answer(&self) -> Option<&Node> {
        self.nodes.iter().find(|node| node.is_answer)
    }

    /// The number of rounds before the answer (0 for a plain chat).
    #[must_use]
    pub fn rounds(&self) -> u16 {
        self.nodes
            .iter()
            .filter(|node| !node.is_answer)
            .map(|node| node.round)
            .max()
            .unwrap_or(0)
    }
}

/// One generation slot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Node {
    pub id: NodeId,
    /// The part it plays: `reference`, `aggregator`, `critic`, … Shown, never interpreted by a screen.
    pub part: String,
    /// A short name for the pane header.
    pub title: String,
    pub model: ModelRef,
    /// From 1; the round in which it speaks.
    pub round: u16,
    /// From 1; its row within the round. 0 for the node that answers.
    pub lane: u16,
    /// Its text is the turn's answer and flows into the conversation.
    #[serde(default)]
    pub is_answer: bool,
}

/// How a screen may arrange the nodes. A society never chooses rectangles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Hint {
    #[default]
    Columns,
    Grid,
    Steps,
    Graph,
}
