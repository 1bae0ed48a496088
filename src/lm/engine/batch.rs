//! Continuous batching: which rows go through the model in the next pass.
//!
//! A step ends gone requests, gives places to waiting ones, computes one pass for all rows (one token for each that is
//! answering, a share of the prompt for each that is not yet), and uses the logits. A request whose prompt begins like one that
//! is being computed waits for it and shares its blocks; an identical one takes over its logits as well and computes nothing.
//!
//! Invariants: what a row draws depends on its own tokens and seed alone; every request is ended exactly once; with nothing
//! running, the first that waits gets a place or an error.

use super::Options;
use super::answer::{Answer, Drawer};
use super::ask::{Ask, Listener, Prompt, Task};
use super::cut::Cut;
use super::row::{Row, Work};
use super::shapes::Shapes;
use super::stats::Stats;
use super::turnstile;
use super::{limits, prompt, scoring};
use crate::domain::cancel::Cancel;
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::request::Sampling;
use crate::lm::cache::Cache;
use crate::lm::config::Config;
use crate::lm::decoder::{self, Pass, Span};
use crate::lm::error::ModelError;
use crate::lm::kernel::Pool;
use crate::lm::model::Model;
use std::collections::VecDeque;
use std::sync::Arc;

/// The requests of one model and what they share.
pub struct Batch {
    pub(super) model: Model,
    pub(super) cache: Cache,
    pub(super) pool: Pool,
    pub(super) running: Vec<Row>,
    pub(super) waiting: VecDeque<Row>,
    shapes: Shapes,
    /// Requests whose answer must have a shape, until grammars can be made.
    unshaped: Vec<Ask>,
    context: usize,
    prefill_tokens: usize,
    pub(super) most_rows: usize,
    pub(super) stats: Arc<Stats>,
}

/// A row's part of a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Share {
    pub row: usize,
    pub tokens: usize,
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
            shapes: Shapes::Unmade,
            unshaped: Vec::new(),
            prefill_tokens: options.prefill_tokens.max(1),
            most_rows: options.rows.max(1),
            stats,
        })
    }

    /// Takes a request; it is served from the next step on. One that can never be served ends at once.
    pub fn join(&mut self, mut ask: Ask) {
        let is_shaped =
            matches!(&ask.task, Task::Generate(sampling) if sampling.response_format.is_some());
        if is_shaped && !self.shapes.are_made(false) {
            self.shapes.make(&self.model.tokenizer);
            ask.listener
                .queued("for the model's vocabulary to be sorted");
            return self.unshaped.push(ask);
        }
        let Ask {
            prompt,
            task,
            adapter,
            cancel,
            mut listener,
        } = ask;
        let adapter = match adapter.map(|make| make(&self.model.config)).transpose() {
            Ok(None) => None,
            Ok(Some((blend, notes))) => {
                notes.iter().for_each(|note| listener.note(note));
                Some(blend)
            }
            Err(fault) => return listener.end(Err(fault)),
        };
        let mut row = match task {
            Task::Generate(sampling) => {
                match self.prepare_answer(prompt, &sampling, listener.as_mut()) {
                    Ok((tokens, drawer)) => {
                        let limit = self.limit(tokens.len(), sampling.max_tokens);
                        let mut stops = sampling.stop.clone();
                        stops.extend(self.model.stops.iter().map(|&stop| stop.to_owned()));
                        let answer = Answer::new(listener, drawer, &stops, limit);
                        let prompt = tokens.len();
                        Row::new(tokens, prompt, cancel, Work::Answer(Box::new(answer)))
                    }
                    Err(fault) => return listener.end(Err(fault)),
                }
            }
            Task::Score(continuations) => {
                let cut = Cut::new(&self.model, &prompt, &continuations);
                match cut.and_then(|cut| self.limits().of_scoring(&cut).map(|()| cut)) {
                    Ok(cut) => scoring::begin(cut, listener, cancel),
                    Err(fault) => return listener.end(Err(fault)),
                }
            }
        };
        row.adapter = adapter;
        self.waiting.push_back(row);
    }

    /// The model's shape.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.model.config
    }

    /// One pass. Returns whether work is left.
    pub fn step(&mut self) -> bool {
        self.join_shaped();
        self.end_gone();
        self.admit();
        self.make_room();
        self.tell_waiting();
        let shares = self.shares();
        if !shares.is_empty() {
            self.compute(&shares);
        }
        !(self.running.is_empty() && self.waiting.is_empty() && self.unshaped.is_empty())
    }

    /// Takes the requests that waited for grammars. With nothing else to do it waits for them too.
    fn join_shaped(&mut self) {
        let is_idle = self.running.is_empty() && self.waiting.is_empty();
        if !self.unshaped.is_empty() && self.shapes.are_made(is_idle) {
            for ask in std::mem::take(&mut self.unshaped) {
                self.join(ask);
            }
        }
    }

    fn prepare_answer(
        &mut self,
        prompt: Prompt,
        sampling: &Sampling,
        listener: &mut dyn Listener,
    ) -> Result<(Vec<u32>, Drawer), Fault> {
        let limits = self.limits();
        let read = prompt::read(&self.model, prompt, sampling, limits.window())?;
        limits.of_prompt(&read.tokens)?;
        if let Some(note) = read.note {
            listener.note(&note);
        }
        if read.begins_in_thought {
            listener.begins_in_thought();
        }
        let drawer = Drawer::new(sampling, &read.tokens, &self.model, &self.shapes)?;
        Ok((read.tokens, drawer))
    }

    fn limits(&self) -> limits::Limits {
        limits::Limits {
            context: self.context,
            cache: self.cache.capacity(),
            vocabulary: self.model.config.vocabulary,
        }
    }

    /// Most tokens of a sequence whose prompt has `prompt`.
    fn limit(&self, prompt: usize, max_tokens: Option<u32>) -> usize {
        let most = max_tokens.map_or(self.context, |most| (most as usize).max(1));
        prompt.saturating_add(most).min(self.context)
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
                let until = start + share.tokens;
                Span {
                    table: &row.table,
                    start,
                    tokens: &row.tokens[start..until],
                    adapter: row.adapter.as_ref(),
                    wanted: row.wanted(start, until),
                }
            })
            .collect();
        let (model, cache) = (&self.model, &mut self.cache);
        let _turn = turnstile::pass();
        decoder::forward(
            &model.config,
            &model.weights,
            cache,
            &self.pool,
            &spans,
            &give_up,
        )
    }

    fn fail_all(&mut self, error: &ModelError) {
        for row in std::mem::take(&mut self.running) {
            let fault = Fault::new(FaultClass::BadData, error.to_string());
            let table = row.fail(fault);
            self.cache.end(table);
        }
    }
}
