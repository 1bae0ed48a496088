//! One item as a turn of its council.

use super::fold::{Fold, ItemResult};
use super::{ItemParts, ItemTask};
use crate::app::effect::TurnRequest;
use crate::domain::cancel::Cancel;
use crate::domain::control::Control;
use crate::domain::council::Council;
use crate::domain::event::{Event, Kind};
use crate::domain::id::{MessageId, TurnId};
use crate::domain::question::{Question, Reply};
use crate::runtime::shed::Shed;
use crate::runtime::turn::{self, Stamp, TurnParts};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

/// One item under way.
pub(super) struct Work {
    pub(super) parts: ItemParts,
    pub(super) council: Council,
    pub(super) task: ItemTask,
    pub(super) fingerprint: String,
    pub(super) tools: Option<Arc<Shed>>,
    pub(super) allowed_tools: Vec<String>,
    pub(super) cancel: Cancel,
}

impl Work {
    pub(super) async fn run(self) -> ItemResult {
        let began = self.parts.clock.now();
        let (sender, mut events) = mpsc::unbounded_channel();
        let seq = Arc::new(AtomicU64::new(1));
        let clock = Arc::clone(&self.parts.clock);
        let sink = Stamp::new(TurnId(1), clock, seq, move |event: Event| {
            // Nobody listens only after the end.
            let _ = sender.send(event);
        });
        let turn = TurnParts {
            request: TurnRequest {
                turn: TurnId(1),
                question: MessageId(1),
                conversation: self.task.conversation,
                council: self.council,
                reuse: BTreeMap::new(),
                is_held: false,
            },
            backends: self.parts.backends,
            sink: Arc::new(sink),
            seed: self.task.seed,
        };
        let handle = turn::start_with(turn, self.tools, &Handle::current());
        let mut fold = Fold::default();
        loop {
            let event = tokio::select! {
                biased;
                () = self.cancel.cancelled(), if !handle.cancel.is_cancelled() => {
                    handle.cancel.cancel();
                    continue;
                }
                event = events.recv() => event,
            };
            // Without an outcome it counts as failed.
            let Some(event) = event else { break };
            if let Kind::Asked { node, question } = &event.kind {
                let reply = reply(question, &self.allowed_tools);
                // A turn that has just ended needs no answer.
                let _ = handle.controls.send(Control::Reply { node: *node, reply });
            }
            let is_last = matches!(event.kind, Kind::Finished { .. });
            fold.add(event.kind);
            if is_last {
                break;
            }
        }
        let millis = self.parts.clock.now().saturating_sub(began);
        fold.end(self.task.id, self.fingerprint, millis)
    }
}

/// What stands in for a person.
fn reply(question: &Question, allowed_tools: &[String]) -> Reply {
    match question {
        Question::Permission { tool, .. } if allowed_tools.contains(tool) => Reply::Once,
        Question::Permission { .. } => Reply::Refuse,
        Question::Words { .. } => Reply::Words {
            text: "nobody is here to answer; go on without it".to_owned(),
        },
    }
}
