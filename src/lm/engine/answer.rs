//! An answer that is being drawn: how its tokens are chosen, what of it may be shown, who hears it.

use super::ask::{Done, Listener};
use super::row::Outcome;
use super::shapes::Shapes;
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::request::{Finish, Sampling, Usage};
use crate::domain::score::{Logprobs, TokenLogprob};
use crate::lm::grammar::Grammar;
use crate::lm::model::Model;
use crate::lm::sampler::logprob::{self, Drawn, Logprob};
use crate::lm::sampler::{Sampler, bias};
use crate::lm::text::TextFlow;
use crate::lm::tokenizer::Tokenizer;
use std::hash::{BuildHasher, Hasher, RandomState};

/// An answer.
pub(super) struct Answer {
    pub listener: Box<dyn Listener>,
    drawer: Drawer,
    flow: TextFlow,
    /// Most tokens the sequence may have, the prompt's included.
    limit: usize,
    has_begun: bool,
}

/// How tokens are chosen.
pub(super) struct Drawer {
    sampler: Sampler,
    grammar: Option<Grammar>,
}

impl Drawer {
    /// For an answer to `prompt`.
    ///
    /// # Errors
    ///
    /// When the bias names no token, or the response format is not understood.
    pub fn new(
        sampling: &Sampling,
        prompt: &[u32],
        model: &Model,
        shapes: &Shapes,
    ) -> Result<Self, Fault> {
        let vocabulary = model.config.vocabulary;
        let bias = bias::resolve(&sampling.logit_bias, &model.tokenizer, vocabulary)?;
        let format = sampling.response_format.as_ref();
        let grammar = format.map(|format| shapes.compile(format)).transpose()?;
        Ok(Self {
            sampler: Sampler::new(sampling, bias, prompt, random_seed()),
            grammar,
        })
    }

    fn draw(&mut self, logits: &mut [f32], position: u64) -> Result<(Drawn, bool), Fault> {
        let allowed = self.grammar.as_mut().map(Grammar::allowed).transpose()?;
        let mask = allowed.as_ref().map(|allowed| allowed.bits());
        let drawn = self.sampler.draw(logits, mask, position).ok_or_else(|| {
            Fault::new(
                FaultClass::BadData,
                "no token can be drawn: the model's logits are no numbers, or all are forbidden",
            )
        })?;
        self.sampler.accept(drawn.token);
        let is_whole = match &mut self.grammar {
            Some(grammar) => grammar.accept(drawn.token)?,
            None => false,
        };
        Ok((drawn, is_whole))
    }
}

impl Answer {
    /// `limit` is the most tokens of the sequence.
    pub fn new(
        listener: Box<dyn Listener>,
        drawer: Drawer,
        stops: &[String],
        limit: usize,
    ) -> Self {
        Self {
            listener,
            drawer,
            flow: TextFlow::new(stops),
            limit,
            has_begun: false,
        }
    }

    pub fn is_gone(&self) -> bool {
        self.listener.is_gone()
    }

    /// Draws the token at `position` of the answer.
    pub fn draw(&mut self, logits: &mut [f32], position: u64) -> Outcome {
        match self.drawer.draw(logits, position) {
            Ok((drawn, is_whole)) => Outcome::Drawn { drawn, is_whole },
            Err(fault) => Outcome::Failed(fault),
        }
    }

    /// Tells of a drawn token, with which the sequence has `length` tokens; returns why the answer is over, if it is.
    pub fn accept(
        &mut self,
        drawn: Drawn,
        is_whole: bool,
        length: usize,
        tokenizer: &Tokenizer,
    ) -> Option<Finish> {
        self.listener.token(drawn.token);
        if let Some(told) = drawn.logprobs {
            self.listener.logprobs(spelled(told, tokenizer));
        }
        if tokenizer.is_end(drawn.token) {
            return Some(Finish::Stop);
        }
        // A grammar decides about every byte itself.
        let bytes = if self.has_begun || self.drawer.grammar.is_some() {
            tokenizer.bytes(drawn.token)
        } else {
            tokenizer.first_bytes(drawn.token)
        };
        self.has_begun = true;
        let text = self.flow.push(bytes);
        if !text.is_empty() {
            self.listener.text(&text);
        }
        if self.flow.is_stopped() || is_whole {
            return Some(Finish::Stop);
        }
        (length >= self.limit).then_some(Finish::Length)
    }

    /// Says how it ended; what was held back is said first.
    pub fn finish(mut self, finish: Finish, prompt: usize, drawn: usize, cached: usize) {
        let rest = self.flow.finish();
        if !rest.is_empty() {
            self.listener.text(&rest);
        }
        let usage = Usage {
            prompt_tokens: prompt as u64,
            completion_tokens: drawn as u64,
            cached_tokens: cached as u64,
            ..Usage::default()
        };
        self.listener.end(Ok(Done { usage, finish }));
    }
}

fn spelled(told: logprob::Logprobs, tokenizer: &Tokenizer) -> Logprobs {
    let spelled = |likely: Logprob| TokenLogprob {
        token: likely.token,
        bytes: tokenizer.bytes(likely.token).to_vec(),
        logprob: likely.logprob,
    };
    Logprobs {
        drawn: spelled(told.drawn),
        likeliest: told.likeliest.into_iter().map(spelled).collect(),
    }
}

/// A seed for requests that name none. The standard library's hash keys are random for each call.
fn random_seed() -> u64 {
    RandomState::new().build_hasher().finish()
}
