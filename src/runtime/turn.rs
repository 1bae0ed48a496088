//! One turn of a council, for the screen and without one: builds the society, runs it, tells how it began and ended.
//!
//! Every turn that begins also finishes, whatever a society does.

use super::shed::Shed;
use crate::app::effect::TurnRequest;
use crate::backend::Backends;
use crate::domain::cancel::Cancel;
use crate::domain::clock::Clock;
use crate::domain::control::Control;
use crate::domain::event::{Event, Kind, Outcome, Source};
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::id::TurnId;
use crate::society::scope::{Scope, ScopeParts, Sink};
use crate::society::{self, Task};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// What a turn needs.
pub struct TurnParts {
    pub request: TurnRequest,
    pub backends: Arc<Backends>,
    pub sink: Arc<dyn Sink>,
    /// Local agents without a seed of their own derive theirs from it.
    pub seed: u64,
}

/// A running turn.
#[derive(Debug)]
pub struct TurnHandle {
    pub turn: TurnId,
    /// Stops it; what arrived is kept.
    pub cancel: Cancel,
    /// Skip, retry, go on.
    pub controls: mpsc::UnboundedSender<Control>,
    /// Resolves after `Finished` was emitted.
    pub ended: JoinHandle<Outcome>,
}

/// Starts a turn without tools on the runtime and returns at once.
#[must_use]
pub fn start(parts: TurnParts, runtime: &Handle) -> TurnHandle {
    start_with(parts, None, runtime)
}

/// Starts a turn whose agents may call what the council's table names.
#[must_use]
pub fn start_with(parts: TurnParts, tools: Option<Arc<Shed>>, runtime: &Handle) -> TurnHandle {
    let cancel = Cancel::new();
    let (controls, receiver) = mpsc::unbounded_channel();
    let turn = parts.request.turn;
    let ended = runtime.spawn(whole(parts, tools, cancel.clone(), receiver));
    TurnHandle {
        turn,
        cancel,
        controls,
        ended,
    }
}

async fn whole(
    parts: TurnParts,
    tools: Option<Arc<Shed>>,
    cancel: Cancel,
    controls: mpsc::UnboundedReceiver<Control>,
) -> Outcome {
    let sink = Arc::clone(&parts.sink);
    sink.emit(Kind::Began {
        question: parts.request.question,
        preset: parts.request.council.name.clone(),
    });
    // A task of its own, so that even a defect in a society ends as a failed turn.
    let work = tokio::spawn(answer(parts, tools, cancel, controls));
    let outcome = work.await.unwrap_or_else(|error| Outcome::Failed {
        fault: Fault::new(
            FaultClass::BadData,
            format!("the society ended unexpectedly: {error}"),
        ),
    });
    sink.emit(Kind::Finished {
        outcome: outcome.clone(),
    });
    outcome
}

async fn answer(
    parts: TurnParts,
    tools: Option<Arc<Shed>>,
    cancel: Cancel,
    controls: mpsc::UnboundedReceiver<Control>,
) -> Outcome {
    let request = parts.request;
    let protocol = match society::build(&request.council) {
        Ok(protocol) => protocol,
        Err(error) => {
            let fault = Fault::new(FaultClass::BadData, error.to_string());
            return Outcome::Failed { fault };
        }
    };
    let scope = Scope::new(ScopeParts {
        backends: parts.backends,
        sink: parts.sink,
        cancel,
        controls,
        num_proc: usize::try_from(request.council.num_proc).unwrap_or(usize::MAX),
    })
    .held(request.is_held)
    .with_tools(tools.map_or_else(Arc::default, |shed| shed.kit(&request.council)));
    let task = Task {
        turn: request.turn,
        conversation: request.conversation,
        reuse: request.reuse,
        seed: parts.seed,
    };
    scope.plan(protocol.plan(&task));
    protocol.run(&task, &scope).await
}

/// A sink that makes whole events of a turn's facts and hands them on, in order.
pub struct Stamp<F> {
    turn: TurnId,
    clock: Arc<dyn Clock>,
    seq: Arc<AtomicU64>,
    deliver: Mutex<F>,
}

impl<F: FnMut(Event) + Send> Stamp<F> {
    /// `seq` counts up through all turns of one log.
    pub fn new(turn: TurnId, clock: Arc<dyn Clock>, seq: Arc<AtomicU64>, deliver: F) -> Self {
        Self {
            turn,
            clock,
            seq,
            deliver: Mutex::new(deliver),
        }
    }
}

impl<F: FnMut(Event) + Send> Sink for Stamp<F> {
    fn emit(&self, kind: Kind) {
        let mut deliver = self.deliver.lock().unwrap_or_else(PoisonError::into_inner);
        deliver(Event {
            source: Source::Turn(self.turn),
            seq: self.seq.fetch_add(1, Ordering::Relaxed),
            at: self.clock.now(),
            kind,
        });
    }
}
