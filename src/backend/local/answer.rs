//! What an engine says about an answer, as pieces of a stream.

use super::residents::Visit;
use super::thoughts::Thoughts;
use crate::backend::{Completion, Piece, TokenSender};
use crate::domain::event::Progress;
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::request::Finish;
use crate::domain::score::Logprobs;
use crate::domain::text::strip_controls;
use crate::lm::engine::ask::{Done, Listener};

/// Turns what the engine says into pieces of a stream.
pub(super) struct Answer {
    sender: TokenSender,
    thoughts: Thoughts,
    has_text: bool,
    /// Keeps the model in memory; given up before the end is told, so that whoever asks next may have its room.
    visit: Option<Visit>,
}

impl Answer {
    pub(super) fn new(sender: TokenSender, visit: Visit) -> Self {
        Self {
            sender,
            thoughts: Thoughts::Beginning(String::new()),
            has_text: false,
            visit: Some(visit),
        }
    }

    /// What was done to load the model.
    fn tell_notes(&mut self) {
        for note in self.visit.iter().flat_map(Visit::notes) {
            self.sender.send(Piece::Note(note));
        }
    }

    fn send(&mut self, parts: Vec<(String, bool)>) {
        for (text, thinking) in parts {
            let text = strip_controls(&text);
            if text.is_empty() {
                continue;
            }
            self.has_text |= !thinking && !text.trim().is_empty();
            self.sender.send(Piece::Delta { text, thinking });
        }
    }
}

impl Listener for Answer {
    fn loading(&mut self) {
        self.sender.send(Piece::Progress(Progress::Loading));
    }

    fn queued(&mut self, why: &str) {
        let why = why.to_owned();
        self.sender.send(Piece::Progress(Progress::Queued { why }));
    }

    fn note(&mut self, text: &str) {
        self.sender.send(Piece::Note(text.to_owned()));
    }

    fn prefill(&mut self, done: usize, total: usize) {
        self.tell_notes();
        let (done, total) = (done as u64, total as u64);
        let progress = Progress::Prefill { done, total };
        self.sender.send(Piece::Progress(progress));
    }

    fn begins_in_thought(&mut self) {
        self.thoughts = Thoughts::Inside(String::new());
    }

    fn logprobs(&mut self, logprobs: Logprobs) {
        self.sender.send(Piece::Logprobs(logprobs));
    }

    fn text(&mut self, text: &str) {
        let parts = self.thoughts.push(text);
        self.send(parts);
    }

    fn end(&mut self, result: Result<Done, Fault>) {
        self.tell_notes();
        let rest = self.thoughts.finish();
        self.send(rest);
        let end = match result {
            Ok(done) if done.finish == Finish::Cancelled && !self.has_text => {
                Err(Fault::cancelled())
            }
            Ok(_) if !self.has_text => Err(Fault::new(
                FaultClass::Empty,
                "the model ended its answer without text",
            )),
            Ok(done) => Ok(Completion {
                usage: done.usage,
                finish: done.finish,
            }),
            Err(fault) => Err(fault),
        };
        self.visit = None;
        self.sender.send(Piece::End(end));
    }

    fn is_gone(&self) -> bool {
        self.sender.is_closed()
    }
}
