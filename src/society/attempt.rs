//! One generation and the events of its node, with a second try when nothing usable came.

use super::scope::{Answer, Sink};
use crate::backend::{Backends, Completion, Piece};
use crate::domain::call::{self, CallPiece, ToolCall};
use crate::domain::cancel::Cancel;
use crate::domain::event::{Kind, Level, Progress};
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::id::NodeId;
use crate::domain::request::{Finish, Request};
use crate::domain::text::strip_controls;
use std::sync::{Arc, Mutex, PoisonError};

/// Text that has arrived, readable while the generation goes on and after it was dropped.
#[derive(Debug, Clone, Default)]
pub(super) struct Partial(Arc<Mutex<String>>);

impl Partial {
    pub(super) fn text(&self) -> String {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn clear(&self) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    pub(super) fn push(&self, text: &str) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push_str(text);
    }
}

/// A question on its way. Dropping its future aborts the work.
pub(super) struct Attempt {
    pub(super) node: NodeId,
    pub(super) request: Request,
    pub(super) backends: Arc<Backends>,
    pub(super) sink: Arc<dyn Sink>,
    pub(super) cancel: Cancel,
    pub(super) partial: Partial,
}

/// What one call brought.
struct Call {
    end: Result<Completion, Fault>,
    calls: Vec<ToolCall>,
    has_thought: bool,
    /// The backend has already tried again because of an empty answer.
    was_retried: bool,
}

impl Attempt {
    pub(super) async fn run(mut self) -> Result<Answer, Fault> {
        let first = self.call().await;
        let fault = match self.judge(&first) {
            Err(fault) if fault.class == FaultClass::Empty && !first.was_retried => {
                self.announce_retry(fault);
                let second = self.call().await;
                match self.judge(&second) {
                    Err(fault) => fault,
                    Ok(answer) => return Ok(answer),
                }
            }
            Err(fault) => fault,
            Ok(answer) => return Ok(answer),
        };
        self.sink.emit(Kind::Failed {
            node: self.node,
            fault: fault.clone(),
        });
        Err(fault)
    }

    fn announce_retry(&mut self, fault: Fault) {
        let node = self.node;
        // With the same seed a deterministic engine would be silent again.
        self.request.sampling.seed = self.request.sampling.seed.map(|seed| seed.wrapping_add(1));
        self.partial.clear();
        self.sink.emit(Kind::Restarted { node });
        self.sink.emit(Kind::Progress {
            node,
            progress: Progress::Retrying {
                attempt: 2,
                of: 2,
                wait_ms: 0,
                fault,
            },
        });
    }

    fn judge(&self, call: &Call) -> Result<Answer, Fault> {
        let completion = call.end.clone()?;
        let text = self.partial.text().trim().to_owned();
        if text.is_empty() {
            return Err(empty(call.has_thought, completion.finish));
        }
        self.sink.emit(Kind::Done {
            node: self.node,
            usage: completion.usage,
            finish: completion.finish,
        });
        Ok(Answer {
            text,
            calls: call.calls.clone(),
            usage: completion.usage,
            finish: completion.finish,
        })
    }

    /// A call as text: two lines, the way models without tool calling write it.
    fn shown(&self, calls: &[ToolCall], piece: &CallPiece) -> String {
        match piece {
            CallPiece::Begin { name, .. } => {
                let is_first = calls.is_empty() && self.partial.text().trim().is_empty();
                let before = if is_first { "" } else { "\n" };
                format!("{before}Action: {name}\nAction Input: ")
            }
            CallPiece::Arguments(more) => strip_controls(more),
        }
    }

    async fn call(&self) -> Call {
        let node = self.node;
        let mut tokens = self
            .backends
            .generate(self.request.clone(), self.cancel.clone());
        let mut has_thought = false;
        let mut was_retried = false;
        let mut ahead = None;
        let mut calls: Vec<ToolCall> = Vec::new();
        loop {
            let piece = match ahead.take() {
                Some(piece) => piece,
                None => tokens.next().await,
            };
            match piece {
                Piece::Progress(progress) => {
                    if let Progress::Retrying { fault, .. } = &progress {
                        was_retried |= fault.class == FaultClass::Empty;
                    }
                    self.sink.emit(Kind::Progress { node, progress });
                }
                Piece::Note(text) => self.sink.emit(Kind::Note {
                    level: Level::Warning,
                    text,
                }),
                // Asked for by programs, not by councils.
                Piece::Logprobs(_) => {}
                Piece::Call(piece) => {
                    let text = self.shown(&calls, &piece);
                    call::fold(&mut calls, piece);
                    self.partial.push(&text);
                    let thinking = false;
                    self.sink.emit(Kind::Delta {
                        node,
                        text,
                        thinking,
                    });
                }
                Piece::Restarted => {
                    self.partial.clear();
                    calls.clear();
                    has_thought = false;
                    self.sink.emit(Kind::Restarted { node });
                }
                Piece::Delta { mut text, thinking } => {
                    // Everything that is already there becomes one event: fewer lines in the log, fewer wake-ups.
                    while let Some(next) = tokens.try_next() {
                        match next {
                            Piece::Delta {
                                text: more,
                                thinking: same,
                            } if same == thinking => text.push_str(&more),
                            other => {
                                ahead = Some(other);
                                break;
                            }
                        }
                    }
                    has_thought |= thinking;
                    if !thinking {
                        self.partial.push(&text);
                    }
                    if !text.is_empty() {
                        self.sink.emit(Kind::Delta {
                            node,
                            text,
                            thinking,
                        });
                    }
                }
                Piece::End(end) => {
                    return Call {
                        end,
                        calls,
                        has_thought,
                        was_retried,
                    };
                }
            }
        }
    }
}

fn empty(has_thought: bool, finish: Finish) -> Fault {
    let message = match (has_thought, finish) {
        (true, Finish::Length) => "only reasoning came before the token limit was reached",
        (true, _) => "only reasoning came, no answer",
        (false, Finish::Filter) => "the endpoint withheld the text",
        (false, _) => "the answer has no text",
    };
    let fault = Fault::new(FaultClass::Empty, message);
    if has_thought && finish == Finish::Length {
        return fault.with_hint("raise max_tokens for this agent");
    }
    fault
}
