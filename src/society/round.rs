//! Questions that are open together: started within the limit, listened to, closed.
//!
//! A slot is dropped to stop it, so a stop never waits for a backend. Each end is announced exactly once.

use super::BoxFuture;
use super::attempt::{Attempt, Partial};
use super::scope::{Answer, Ask, Broken, Gathered, Quorum, Scope};
use crate::domain::cancel::Cancel;
use crate::domain::control::Control;
use crate::domain::event::{Kind, Progress};
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::id::NodeId;
use crate::domain::request::{Finish, Usage};
use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::mpsc;

/// One pass over some agents.
pub(super) struct Round<'a> {
    scope: &'a Scope,
    slots: Vec<Slot>,
    quorum: Quorum,
    is_late: bool,
    ended: usize,
    controls: mpsc::UnboundedReceiver<Control>,
}

struct Slot {
    ask: Ask,
    state: State,
    partial: Partial,
    arrival: usize,
}

enum State {
    /// Not asked yet; `is_announced` when the screen knows why.
    Waiting {
        is_announced: bool,
    },
    Running {
        work: BoxFuture<'static, Result<Answer, Fault>>,
        cancel: Cancel,
    },
    Ended(Result<Answer, Fault>),
}

impl<'a> Round<'a> {
    pub(super) fn new(scope: &'a Scope, asks: Vec<Ask>, quorum: Quorum, is_round: bool) -> Self {
        let nodes = asks.iter().map(|ask| ask.node).collect();
        let slots = asks
            .into_iter()
            .map(|ask| Slot {
                ask,
                state: State::Waiting {
                    is_announced: false,
                },
                partial: Partial::default(),
                arrival: 0,
            })
            .collect();
        Self {
            scope,
            slots,
            quorum,
            is_late: false,
            ended: 0,
            controls: scope.desk.open(nodes, is_round),
        }
    }

    pub(super) async fn run(mut self) -> Vec<Gathered> {
        let cancel = self.scope.cancel.clone();
        let deadline = tokio::time::sleep(Duration::from_millis(
            self.quorum.after_ms.unwrap_or_default(),
        ));
        tokio::pin!(deadline);
        while !self.is_closed(&cancel) {
            self.fill();
            if self.is_closed(&cancel) {
                break;
            }
            let waits = self.quorum.after_ms.is_some() && !self.is_late;
            tokio::select! {
                biased;
                () = cancel.cancelled() => {}
                Some(control) = self.controls.recv() => self.obey(&control),
                () = poll_fn(|context| poll_slots(&mut self.slots, &mut self.ended, context)) => {}
                () = &mut deadline, if waits => self.is_late = true,
            }
        }
        self.finish(&cancel)
    }

    /// Whether nothing more is to be waited for.
    fn is_closed(&self, cancel: &Cancel) -> bool {
        if cancel.is_cancelled() {
            return true;
        }
        let is_over = self
            .slots
            .iter()
            .all(|slot| matches!(slot.state, State::Ended(_)));
        let answers = self
            .slots
            .iter()
            .filter(|slot| matches!(slot.state, State::Ended(Ok(_))))
            .count();
        let enough = self.quorum.at_least > 0 && answers >= self.quorum.at_least;
        is_over || enough || (self.is_late && answers > 0)
    }

    /// Starts what waits, in order, as far as the limit allows.
    fn fill(&mut self) {
        let limit = match self.scope.num_proc {
            0 => usize::MAX,
            limit => limit,
        };
        let mut running = self
            .slots
            .iter()
            .filter(|slot| matches!(slot.state, State::Running { .. }))
            .count();
        for slot in &mut self.slots {
            let State::Waiting { is_announced } = slot.state else {
                continue;
            };
            if let Some(text) = slot.ask.reuse.take() {
                slot.state = State::Ended(Ok(reuse(self.scope, slot.ask.node, text)));
                slot.arrival = self.ended;
                self.ended += 1;
            } else if running < limit {
                slot.state = start(self.scope, slot);
                running += 1;
            } else if !is_announced {
                let why = format!("{limit} requests of this turn are under way");
                progress(self.scope, slot.ask.node, Progress::Queued { why });
                slot.state = State::Waiting { is_announced: true };
            }
        }
    }

    fn obey(&mut self, control: &Control) {
        match control {
            Control::Skip { node } => {
                for slot in of_node(&mut self.slots, *node) {
                    stop(self.scope, slot, &Fault::cancelled(), &mut self.ended);
                }
            }
            Control::Retry { node } => {
                for slot in of_node(&mut self.slots, *node) {
                    if let State::Running { cancel, .. } = &slot.state {
                        cancel.cancel();
                    }
                    slot.partial.clear();
                    slot.state = State::Waiting {
                        is_announced: false,
                    };
                    self.scope.restarted(*node);
                }
            }
            Control::Proceed => {
                let fault = Fault::new(FaultClass::Cancelled, "left out: the round was closed");
                for slot in &mut self.slots {
                    stop(self.scope, slot, &fault, &mut self.ended);
                }
            }
            // Agents of a round ask nothing, and steps are held before a round.
            Control::Reply { .. } | Control::Hold { .. } | Control::Step => {}
        }
    }

    /// Ends what has not ended and hands everything over.
    fn finish(mut self, cancel: &Cancel) -> Vec<Gathered> {
        let fault = if cancel.is_cancelled() {
            Fault::cancelled()
        } else {
            Fault::new(
                FaultClass::Cancelled,
                "left out: enough others had answered",
            )
        };
        for slot in &mut self.slots {
            stop(self.scope, slot, &fault, &mut self.ended);
        }
        self.slots
            .into_iter()
            .map(|slot| {
                let partial = slot.partial.text();
                let result = match slot.state {
                    State::Ended(Ok(answer)) => Ok(answer),
                    State::Ended(Err(fault)) => Err(Broken { fault, partial }),
                    State::Waiting { .. } | State::Running { .. } => Err(Broken {
                        fault: Fault::cancelled(),
                        partial,
                    }),
                };
                Gathered {
                    node: slot.ask.node,
                    result,
                    arrival: slot.arrival,
                }
            })
            .collect()
    }
}

fn of_node(slots: &mut [Slot], node: NodeId) -> impl Iterator<Item = &mut Slot> {
    slots.iter_mut().filter(move |slot| slot.ask.node == node)
}

fn progress(scope: &Scope, node: NodeId, progress: Progress) {
    scope.sink.emit(Kind::Progress { node, progress });
}

fn start(scope: &Scope, slot: &Slot) -> State {
    let node = slot.ask.node;
    progress(scope, node, Progress::Waiting);
    let cancel = scope.cancel.child();
    let attempt = Attempt {
        node,
        request: slot.ask.request.clone(),
        backends: scope.backends.clone(),
        sink: scope.sink.clone(),
        cancel: cancel.clone(),
        partial: slot.partial.clone(),
    };
    State::Running {
        work: Box::pin(attempt.run()),
        cancel,
    }
}

/// Ends a slot that has not ended; what arrived stays visible.
fn stop(scope: &Scope, slot: &mut Slot, fault: &Fault, ended: &mut usize) {
    match &slot.state {
        State::Ended(_) => return,
        State::Running { cancel, .. } => cancel.cancel(),
        State::Waiting { .. } => {}
    }
    slot.state = State::Ended(Err(fault.clone()));
    slot.arrival = *ended;
    *ended += 1;
    scope.sink.emit(Kind::Failed {
        node: slot.ask.node,
        fault: fault.clone(),
    });
}

fn reuse(scope: &Scope, node: NodeId, text: String) -> Answer {
    let answer = Answer {
        text: text.trim().to_owned(),
        calls: Vec::new(),
        usage: Usage::default(),
        finish: Finish::Stop,
    };
    scope.sink.emit(Kind::Delta {
        node,
        text,
        thinking: false,
    });
    scope.mark(node, "reused", "yes");
    scope.sink.emit(Kind::Done {
        node,
        usage: answer.usage,
        finish: answer.finish,
    });
    answer
}

/// Ready as soon as one or more slots have ended.
fn poll_slots(slots: &mut [Slot], ended: &mut usize, context: &mut Context<'_>) -> Poll<()> {
    let mut has_ended = Poll::Pending;
    for slot in slots {
        let State::Running { work, .. } = &mut slot.state else {
            continue;
        };
        if let Poll::Ready(result) = work.as_mut().poll(context) {
            slot.state = State::Ended(result);
            slot.arrival = *ended;
            *ended += 1;
            has_ended = Poll::Ready(());
        }
    }
    has_ended
}
