//! Brings a person's interventions to whichever question is open for that node.
//!
//! Several questions can be open at once (a round, and the aggregator asked alone beside it); each gets only what concerns
//! its nodes. What concerns nobody is answered with a note instead of being lost in silence.

use super::gate::Gate;
use super::scope::Sink;
use crate::domain::control::Control;
use crate::domain::event::{Kind, Level};
use crate::domain::id::NodeId;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc;

/// All open questions of a turn.
#[derive(Default)]
pub(super) struct Desk {
    open: Mutex<Vec<Open>>,
}

struct Open {
    nodes: Vec<NodeId>,
    /// A round of several can be closed early; a lone question cannot.
    is_round: bool,
    sender: mpsc::UnboundedSender<Control>,
}

impl Desk {
    /// Opens a question about these nodes; it closes when the receiver is dropped.
    pub(super) fn open(
        &self,
        nodes: Vec<NodeId>,
        is_round: bool,
    ) -> mpsc::UnboundedReceiver<Control> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|one| !one.sender.is_closed());
        open.push(Open {
            nodes,
            is_round,
            sender,
        });
        receiver
    }

    /// Returns whether somebody took it.
    fn deliver(&self, control: &Control) -> bool {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let mut is_taken = false;
        for one in open.iter() {
            let concerns = match control {
                Control::Skip { node } | Control::Retry { node } | Control::Reply { node, .. } => {
                    one.nodes.contains(node)
                }
                Control::Proceed => one.is_round,
                // The gate's, not a question's.
                Control::Hold { .. } | Control::Step => false,
            };
            if concerns && one.sender.send(control.clone()).is_ok() {
                is_taken = true;
            }
        }
        is_taken
    }
}

/// Delivers controls until their sender is gone.
pub(super) async fn pump(
    desk: Arc<Desk>,
    gate: Arc<Gate>,
    mut controls: mpsc::UnboundedReceiver<Control>,
    sink: Arc<dyn Sink>,
) {
    while let Some(control) = controls.recv().await {
        match control {
            Control::Hold { is_on } => {
                gate.hold(is_on);
                continue;
            }
            Control::Step => {
                gate.step();
                continue;
            }
            _ => {}
        }
        if !desk.deliver(&control) {
            let text = match control {
                Control::Skip { .. } => "this agent has already ended",
                Control::Retry { .. } => {
                    "the round of this agent is closed; regenerate the answer instead"
                }
                Control::Proceed | Control::Hold { .. } | Control::Step => "no round is open",
                Control::Reply { .. } => "this question is no longer open",
            };
            sink.emit(Kind::Note {
                level: Level::Info,
                text: text.into(),
            });
        }
    }
}
