//! Continuous batching: which rows go through the model in the next pass.
//!
//! A step ends gone requests, gives places to waiting ones, computes one pass for all rows (one token for each that is
//! answering, a share of the prompt for each that is not yet), and draws. A request whose prompt begins like one that is being
//! computed waits for it and shares its blocks; an identical one takes over its logits as well and computes nothing.
//!
//! Invariants: what a row draws depends on its own tokens and seed alone; every request is ended exactly once; with nothing
//! running, the first that waits gets a place or an error.

use super::Options;
use super::ask::{Ask, Prompt};
use super::row::Row;
use super::stats::Stats;
use crate::domain::cancel::Cancel;
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::request::Finish;
use crate::lm::cache::{BLOCK, Cache};
use crate::lm::decoder::{self, Pass, Span};
use crate::lm::error::ModelError;
use crate::lm::kernel::Pool;
use crate::lm::model::Model;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The requests of one model and what they share.
pub struct Batch {
    model: Model,
    cache: Cache,
    pool: Pool,
    running: Vec<Row>,
    waiting: VecDeque<Row>,
    context: usize,
    prefill_tokens: usize,
    most_rows: usize,
    stats: Arc<Stats>,
}

/// A row's part of a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Share {
    row: usize,
    tokens: usize,
}

impl Batch {
    /// Prepares threads and memory for a model.
    pub fn new(model: Model, options: &Options, stats: Arc<Stats>) -> Result<Self, Fault> {
        let pool = Pool::new(options.threads).map_err(|e| {
            Fault::new(
                FaultClass::Resource,
                format!("starting {} computing threads: {e}", options.threads),
            )
        })?;
        let config = &model.config;
        let cache = Cache::new(config.layers, config.kv_width(), options.cache_mib << 20);
        Ok(Self {
            context: options.context.unwrap_or(usize::MAX).min(config.context),
            cache,
            model,
            pool,
            running: Vec::new(),
            waiting: VecDeque::new(),
            prefill_tokens: options.prefill_tokens.max(1),
            most_rows: options.rows.max(1),
            stats,
        })
    }

    /// Takes a request; it is served from the next step on. One that can never be served ends at once.
    pub fn join(&mut self, mut ask: Ask) {
        let tokens = match &ask.prompt {
            Prompt::Tokens(tokens) => Ok(tokens.clone()),
            Prompt::Messages(messages) => self.model.encode(messages),
        };
        match tokens.and_then(|tokens| self.check(&tokens).map(|()| tokens)) {
            Ok(tokens) => {
                let row = Row::new(ask, tokens, self.context);
                self.waiting.push_back(row);
            }
            Err(fault) => ask.listener.end(Err(fault)),
        }
    }

    /// One pass. Returns whether work is left.
    pub fn step(&mut self) -> bool {
        self.end_gone();
        self.admit();
        self.make_room();
        self.tell_waiting();
        let shares = self.shares();
        if !shares.is_empty() {
            self.compute(&shares);
        }
        !self.running.is_empty() || !self.waiting.is_empty()
    }

    fn check(&self, tokens: &[u32]) -> Result<(), Fault> {
        let length = tokens.len();
        if length == 0 {
            return Err(Fault::new(FaultClass::BadRequest, "the prompt is empty"));
        }
        if length >= self.context {
            return Err(Fault::new(
                FaultClass::ContextTooLong,
                format!(
                    "the prompt has {length} tokens and the context window is {} tokens",
                    self.context
                ),
            )
            .with_hint("shorten the conversation, or send fewer of its messages (context)"));
        }
        if length >= self.cache.capacity() {
            return Err(Fault::new(
                FaultClass::Resource,
                format!(
                    "the prompt has {length} tokens and the engine's cache holds {}",
                    self.cache.capacity()
                ),
            )
            .with_hint("give the local engine more cache memory (cache_mib)"));
        }
        match tokens
            .iter()
            .find(|&&t| t as usize >= self.model.config.vocabulary)
        {
            Some(token) => Err(Fault::new(
                FaultClass::BadRequest,
                format!(
                    "token {token} is not among the model's {}",
                    self.model.config.vocabulary
                ),
            )),
            None => Ok(()),
        }
    }

    fn end_gone(&mut self) {
        let mut at = 0;
        while at < self.running.len() {
            if self.running[at].is_gone() {
                let row = self.running.remove(at);
                self.cancelled(row);
            } else {
                at += 1;
            }
        }
        for _ in 0..self.waiting.len() {
            if let Some(row) = self.waiting.pop_front() {
                if row.is_gone() {
                    self.cancelled(row);
                } else {
                    self.waiting.push_back(row);
                }
            }
        }
    }

    fn cancelled(&mut self, row: Row) {
        let table = row.finish(Finish::Cancelled);
        self.cache.end(table);
    }

    /// Gives places to waiting requests, in order; those whose beginning is being computed stay.
    fn admit(&mut self) {
        let mut at = 0;
        while self.running.len() < self.most_rows {
            let Some(row) = self.waiting.get(at) else {
                return;
            };
            if self.is_being_computed(row) {
                at += 1;
                continue;
            }
            let Some(row) = self.waiting.remove(at) else {
                return;
            };
            if let Err(row) = self.start(row) {
                if self.running.is_empty() {
                    self.give_up(*row);
                } else {
                    self.waiting.insert(at, *row);
                    return;
                }
            }
        }
    }

    /// Whether another row is computing more of this row's beginning than is cached.
    fn is_being_computed(&self, row: &Row) -> bool {
        let mut computing = self
            .running
            .iter()
            .filter(|other| other.table.len() < other.prompt)
            .peekable();
        if computing.peek().is_none() {
            return false;
        }
        let cached = self.cache.matched(0, &row.tokens);
        computing.any(|other| {
            let prompt = &other.tokens[..other.prompt];
            if prompt == row.tokens {
                return true;
            }
            let common = prompt
                .iter()
                .zip(&row.tokens[..row.tokens.len() - 1])
                .take_while(|(a, b)| a == b)
                .count();
            common / BLOCK * BLOCK > cached
        })
    }

    fn start(&mut self, mut row: Row) -> Result<(), Box<Row>> {
        let mut table = self.cache.begin(0, &row.tokens);
        if self.cache.reserve(&mut table, row.tokens.len()).is_err() {
            self.cache.end(table);
            return Err(Box::new(row));
        }
        let cached = table.len().min(row.prompt);
        row.cached.get_or_insert(cached);
        row.table = table;
        self.running.push(row);
        Ok(())
    }

    /// Ends a row that does not fit even alone.
    fn give_up(&mut self, row: Row) {
        let table = if row.drawn() > 0 {
            row.finish(Finish::Length)
        } else {
            let message = format!(
                "the engine's cache of {} tokens has no room for a prompt of {}",
                self.cache.capacity(),
                row.prompt
            );
            row.fail(
                Fault::new(FaultClass::Resource, message)
                    .with_hint("give the local engine more cache memory (cache_mib)"),
            )
        };
        self.cache.end(table);
    }

    /// Reserves memory for what the running rows compute next; the youngest lose their place when there is none.
    fn make_room(&mut self) {
        let mut at = 0;
        while at < self.running.len() {
            let row = &mut self.running[at];
            let until = row.tokens.len();
            if self.cache.reserve(&mut row.table, until).is_ok() {
                at += 1;
                continue;
            }
            let Some(mut youngest) = self.running.pop() else {
                return;
            };
            self.cache.end(std::mem::take(&mut youngest.table));
            if self.running.is_empty() {
                self.give_up(youngest);
            } else {
                Stats::add(&self.stats.preempted, 1);
                youngest.is_told = false;
                self.waiting.push_front(youngest);
            }
        }
    }

    fn tell_waiting(&mut self) {
        let running = self.running.len();
        for row in self.waiting.iter_mut().filter(|row| !row.is_told) {
            row.is_told = true;
            let why = if running < self.most_rows {
                "for a prompt that begins alike, or for memory".to_owned()
            } else {
                format!("{running} requests are running")
            };
            row.listener.queued(&why);
        }
    }

    /// One token for each answering row; the prompt tokens of a pass are divided among the others, short ones first.
    fn shares(&self) -> Vec<Share> {
        let mut shares = Vec::new();
        let mut prompts = Vec::new();
        for (row, state) in self.running.iter().enumerate() {
            match state.pending() {
                1 => shares.push(Share { row, tokens: 1 }),
                pending => prompts.push((pending, row)),
            }
        }
        prompts.sort_unstable();
        let mut budget = self.prefill_tokens;
        let mut left = prompts.len();
        for (pending, row) in prompts {
            let tokens = pending.min(budget.div_ceil(left));
            left -= 1;
            if tokens > 0 {
                budget -= tokens;
                shares.push(Share { row, tokens });
            }
        }
        shares
    }

    fn compute(&mut self, shares: &[Share]) {
        match self.pass(shares) {
            Ok(Pass::Done(logits)) => self.take_results(shares, logits),
            // Somebody left meanwhile; the next step ends them and computes the others' pass again.
            Ok(Pass::GivenUp) => {}
            Err(error) => self.fail_all(&error),
        }
    }

    fn pass(&mut self, shares: &[Share]) -> Result<Pass, ModelError> {
        let cancels: Vec<Cancel> = self
            .running
            .iter()
            .chain(&self.waiting)
            .map(|row| row.cancel.clone())
            .collect();
        let give_up = || cancels.iter().any(Cancel::is_cancelled);
        let spans: Vec<Span<'_>> = shares
            .iter()
            .map(|share| {
                let row = &self.running[share.row];
                let start = row.table.len();
                Span {
                    table: &row.table,
                    start,
                    tokens: &row.tokens[start..start + share.tokens],
                    adapter: None,
                    wanted: usize::from(start + share.tokens == row.tokens.len()),
                }
            })
            .collect();
        let (model, cache) = (&self.model, &mut self.cache);
        decoder::forward(
            &model.config,
            &model.weights,
            cache,
            &self.pool,
            &spans,
            &give_up,
        )
    }

    fn take_results(&mut self, shares: &[Share], logits: Vec<Vec<f32>>) {
        Stats::add(&self.stats.passes, 1);
        let widest = shares.len() as u64;
        self.stats.widest.fetch_max(widest, Ordering::Relaxed);
        let mut logits = logits.into_iter();
        let mut draws = Vec::new();
        for share in shares {
            let row = &mut self.running[share.row];
            let before = row.table.len();
            let until = before + share.tokens;
            self.cache.commit(&mut row.table, &row.tokens, until);
            Stats::add(&self.stats.rows, share.tokens);
            if before < row.prompt {
                let done = until.min(row.prompt);
                Stats::add(&self.stats.prompt_tokens, done - before);
                row.listener.prefill(done, row.prompt);
            }
            if until == row.tokens.len() {
                draws.extend(logits.next().map(|logits| (share.row, logits)));
            }
        }
        self.fork(&mut draws);
        self.draw(&draws);
    }

    /// Waiting requests with a prompt that is just complete get a copy of everything.
    fn fork(&mut self, draws: &mut Vec<(usize, Vec<f32>)>) {
        for number in 0..draws.len() {
            let (leader, logits) = (draws[number].0, draws[number].1.clone());
            if self.running[leader].drawn() > 0 {
                continue;
            }
            while self.running.len() < self.most_rows {
                let leader = &self.running[leader];
                let same = |row: &Row| row.tokens == leader.tokens && row.drawn() == 0;
                let Some(at) = self.waiting.iter().position(same) else {
                    break;
                };
                let table = self.cache.fork(&leader.table);
                let Some(mut row) = self.waiting.remove(at) else {
                    break;
                };
                row.table = table;
                row.cached.get_or_insert(row.prompt);
                row.listener.prefill(row.prompt, row.prompt);
                draws.push((self.running.len(), logits.clone()));
                self.running.push(row);
            }
        }
    }

    fn draw(&mut self, draws: &[(usize, Vec<f32>)]) {
        let drawn: Vec<(usize, u32)> = {
            // Only what a draw needs: listeners are not for other threads.
            let inputs: Vec<_> = draws
                .iter()
                .map(|(row, logits)| {
                    let state = &self.running[*row];
                    (
                        *row,
                        &state.sampler,
                        state.tokens.as_slice(),
                        state.drawn(),
                        logits,
                    )
                })
                .collect();
            let mut drawn = vec![(0, 0); inputs.len()];
            self.pool.chunks(&mut drawn, 1, &|number, drawn| {
                let (row, sampler, seen, position, logits) = inputs[number];
                drawn[0] = (row, sampler.draw(logits, seen, position as u64));
            });
            drawn
        };
        Stats::add(&self.stats.drawn_tokens, drawn.len());
        let mut ended = Vec::new();
        for (row, token) in drawn {
            if let Some(finish) = self.running[row].accept(token, &self.model.tokenizer) {
                ended.push((row, finish));
            }
        }
        ended.sort_unstable_by_key(|&(row, _)| std::cmp::Reverse(row));
        for (row, finish) in ended {
            let table = self.running.remove(row).finish(finish);
            self.cache.end(table);
        }
    }

    fn fail_all(&mut self, error: &ModelError) {
        for row in std::mem::take(&mut self.running) {
            let fault = Fault::new(FaultClass::BadData, error.to_string());
            let table = row.fail(fault);
            self.cache.end(table);
        }
    }
}
