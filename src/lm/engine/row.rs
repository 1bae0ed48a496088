//! One request inside the engine.

use super::ask::{Ask, Done, Listener};
use crate::domain::cancel::Cancel;
use crate::domain::fault::Fault;
use crate::domain::request::{Finish, Usage};
use crate::lm::cache::Table;
use crate::lm::sampler::Sampler;
use crate::lm::text::TextFlow;
use crate::lm::tokenizer::Tokenizer;
use std::hash::{BuildHasher, Hasher, RandomState};

/// A request with what it has computed and said so far.
pub(super) struct Row {
    /// The prompt, then what was drawn.
    pub tokens: Vec<u32>,
    /// Tokens of the prompt.
    pub prompt: usize,
    /// Keys and values of the first tokens.
    pub table: Table,
    /// Prompt tokens it did not have to compute; set when it first gets its place.
    pub cached: Option<usize>,
    /// Most tokens it may have.
    limit: usize,
    pub sampler: Sampler,
    flow: TextFlow,
    pub listener: Box<dyn Listener>,
    pub cancel: Cancel,
    /// Whether it was told that it waits.
    pub is_told: bool,
}

impl Row {
    /// `context` is the most tokens of a sequence; the prompt is shorter.
    pub fn new(ask: Ask, tokens: Vec<u32>, context: usize) -> Self {
        let most = ask
            .sampling
            .max_tokens
            .map_or(context, |most| (most as usize).max(1));
        Self {
            prompt: tokens.len(),
            limit: tokens.len().saturating_add(most).min(context),
            tokens,
            table: Table::default(),
            cached: None,
            sampler: Sampler::new(&ask.sampling, random_seed()),
            flow: TextFlow::new(&ask.sampling.stop),
            listener: ask.listener,
            cancel: ask.cancel,
            is_told: false,
        }
    }

    /// Tokens that were drawn.
    pub fn drawn(&self) -> usize {
        self.tokens.len() - self.prompt
    }

    /// Tokens still to compute before the next one can be drawn.
    pub fn pending(&self) -> usize {
        self.tokens.len() - self.table.len()
    }

    pub fn is_gone(&self) -> bool {
        self.cancel.is_cancelled() || self.listener.is_gone()
    }

    /// Takes a drawn token; returns why the answer is over, if it is.
    pub fn accept(&mut self, token: u32, tokenizer: &Tokenizer) -> Option<Finish> {
        self.listener.token(token);
        self.tokens.push(token);
        if tokenizer.is_end(token) {
            return Some(Finish::Stop);
        }
        let text = self.flow.push(tokenizer.bytes(token));
        if !text.is_empty() {
            self.listener.text(&text);
        }
        if self.flow.is_stopped() {
            return Some(Finish::Stop);
        }
        (self.tokens.len() >= self.limit).then_some(Finish::Length)
    }

    /// Says how it ended; what was held back is said first.
    pub fn finish(mut self, finish: Finish) -> Table {
        let rest = self.flow.finish();
        if !rest.is_empty() {
            self.listener.text(&rest);
        }
        let usage = Usage {
            prompt_tokens: self.prompt as u64,
            completion_tokens: self.drawn() as u64,
            cached_tokens: self.cached.unwrap_or(0) as u64,
            ..Usage::default()
        };
        self.listener.end(Ok(Done { usage, finish }));
        self.table
    }

    /// Says why it failed.
    pub fn fail(mut self, fault: Fault) -> Table {
        self.listener.end(Err(fault));
        self.table
    }
}

/// A seed for requests that name none. The standard library's hash keys are random for each call.
fn random_seed() -> u64 {
    RandomState::new().build_hasher().finish()
}
