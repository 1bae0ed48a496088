//! One sequence inside the engine: its tokens, what is computed of them, and what the logits are for.

use super::answer::Answer;
use super::scoring::Part;
use crate::domain::cancel::Cancel;
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::request::Finish;
use crate::lm::adapter::Blend;
use crate::lm::cache::Table;
use crate::lm::sampler::logprob::Drawn;

/// A sequence.
pub(super) struct Row {
    /// The prompt, then what was drawn or is given.
    pub tokens: Vec<u32>,
    /// Tokens of the prompt.
    pub prompt: usize,
    /// Keys and values of the first tokens.
    pub table: Table,
    /// Prompt tokens it did not have to compute; set when it first gets its place.
    pub cached: Option<usize>,
    /// What is added to the weights.
    pub adapter: Option<Blend>,
    pub cancel: Cancel,
    /// Whether it was told that it waits.
    pub is_told: bool,
    pub work: Work,
}

/// What a row's logits are for.
pub(super) enum Work {
    /// The next token is drawn from them.
    Answer(Box<Answer>),
    /// Given tokens are looked up in them.
    Score(Part),
}

/// What a row made of its logits.
pub(super) enum Outcome {
    /// A token; `is_whole` when nothing may follow it.
    Drawn { drawn: Drawn, is_whole: bool },
    /// Tokens that were looked up; `is_done` when no more are to come.
    Scored { is_done: bool },
    /// It cannot go on.
    Failed(Fault),
}

impl Row {
    pub fn new(tokens: Vec<u32>, prompt: usize, cancel: Cancel, work: Work) -> Self {
        Self {
            tokens,
            prompt,
            table: Table::default(),
            cached: None,
            adapter: None,
            cancel,
            is_told: false,
            work,
        }
    }

    /// What its keys and values are cached under: rows with other adapters have others.
    pub fn root(&self) -> u64 {
        self.adapter.as_ref().map_or(0, Blend::identity)
    }

    /// Tokens that were drawn.
    pub fn drawn(&self) -> usize {
        match self.work {
            Work::Answer(_) => self.tokens.len() - self.prompt,
            Work::Score(_) => 0,
        }
    }

    /// Tokens still to compute before the row has all its logits.
    pub fn pending(&self) -> usize {
        self.tokens.len() - self.table.len()
    }

    /// The first position whose logits are wanted; so are those of all after it.
    pub fn wanted_from(&self) -> usize {
        match &self.work {
            Work::Answer(_) => self.tokens.len() - 1,
            Work::Score(part) => self.prompt - 1 + part.scored(),
        }
    }

    /// How many of a pass's tokens, from `start` up to `until`, have wanted logits: they are the last ones.
    pub fn wanted(&self, start: usize, until: usize) -> usize {
        until.saturating_sub(self.wanted_from().max(start))
    }

    /// The tokens that may be taken from the cache, and the one after them.
    pub fn reusable(&self) -> &[u32] {
        &self.tokens[..=self.wanted_from()]
    }

    /// Whether another row with the same tokens could use a copy of this one's logits.
    pub fn wants_last_only(&self) -> bool {
        self.drawn() == 0 && self.wanted_from() + 1 == self.tokens.len()
    }

    pub fn is_gone(&self) -> bool {
        self.cancel.is_cancelled()
            || match &self.work {
                Work::Answer(answer) => answer.is_gone(),
                Work::Score(part) => part.is_gone(),
            }
    }

    /// Says that it waits.
    pub fn tell_waiting(&mut self, why: &str) {
        self.is_told = true;
        match &mut self.work {
            Work::Answer(answer) => answer.listener.queued(why),
            Work::Score(part) => part.queued(why),
        }
    }

    /// Says how many of the prompt's tokens are computed.
    pub fn tell_prefill(&mut self, done: usize) {
        match &mut self.work {
            Work::Answer(answer) => answer.listener.prefill(done, self.prompt),
            Work::Score(part) => part.prefill(done, self.prompt),
        }
    }

    /// Uses the logits of a pass up. Runs beside other rows' on another thread: nobody is told anything here.
    pub fn use_logits(&mut self, logits: &mut [Vec<f32>]) -> Outcome {
        let drawn = self.drawn();
        match &mut self.work {
            Work::Answer(answer) => match logits {
                [logits] => answer.draw(logits, drawn as u64),
                _ => Outcome::Failed(Fault::new(FaultClass::BadData, "the model gave no logits")),
            },
            Work::Score(part) => part.look_up(logits),
        }
    }

    /// Says how it ended; what was held back is said first.
    pub fn finish(self, finish: Finish) -> Table {
        let cached = self.cached.unwrap_or(0);
        let drawn = self.drawn();
        match self.work {
            Work::Answer(answer) => answer.finish(finish, self.prompt, drawn, cached),
            Work::Score(part) => part.finish(finish, cached),
        }
        self.table
    }

    /// Says why it failed.
    pub fn fail(self, fault: Fault) -> Table {
        match self.work {
            Work::Answer(mut answer) => answer.listener.end(Err(fault)),
            Work::Score(part) => part.fail(fault),
        }
        self.table
    }
}
