//! What an engine says about a scoring, as its one result.

use super::residents::Visit;
use crate::backend::{ScoreSender, Scored};
use crate::domain::fault::Fault;
use crate::domain::score::Score;
use crate::lm::engine::ask::{Done, Listener};

/// Waits for the scores and hands them on.
pub(super) struct Scorer {
    sender: ScoreSender,
    scores: Vec<Score>,
    /// Keeps the model in memory; given up before the scores are told.
    visit: Option<Visit>,
}

impl Scorer {
    pub(super) fn new(sender: ScoreSender, visit: Visit) -> Self {
        Self {
            sender,
            scores: Vec::new(),
            visit: Some(visit),
        }
    }
}

impl Listener for Scorer {
    fn scored(&mut self, scores: Vec<Score>) {
        self.scores = scores;
    }

    fn end(&mut self, result: Result<Done, Fault>) {
        let scores = std::mem::take(&mut self.scores);
        self.visit = None;
        self.sender.send(result.map(|done| Scored {
            scores,
            usage: done.usage,
        }));
    }

    fn is_gone(&self) -> bool {
        self.sender.is_closed()
    }
}
