//! Draws the next token from logits.
//!
//! Order: logit bias, penalties, grammar mask, temperature, top-k, top-p, min-p. The random number of a draw depends on the
//! seed and the position in the answer alone, and nothing here is summed in an order that depends on threads, so the same
//! seed gives the same text whatever else the engine does. Runs for every row of every step over whole vocabularies:
//! passes over the logits are vectors, and nothing of the vocabulary's size is sorted or allocated.

pub mod bias;
pub mod logprob;
mod penalty;
mod random;
mod select;
mod vector;

use self::logprob::{Drawn, Reading};
use self::penalty::Penalties;
use self::select::{Candidate, Cuts};
use crate::domain::request::Sampling;

/// A bit for each token: whether it may be drawn. Tokens behind its end may not.
pub type Mask<'a> = &'a [u32];

/// How one answer's tokens are drawn.
#[derive(Debug)]
pub struct Sampler {
    temperature: f32,
    cuts: Cuts,
    penalties: Penalties,
    /// Tokens and what is added to their logits.
    bias: Vec<(u32, f32)>,
    /// How many of the likeliest tokens are told with each drawn one; none when nothing is told.
    told: Option<usize>,
    seed: u64,
    work: Work,
}

/// Memory that is used again for every draw.
#[derive(Debug, Default)]
struct Work {
    /// Logits that bias and penalties changed, as they were; the first entry of a token counts.
    changed: Vec<(u32, f32)>,
    maxima: Vec<f32>,
    candidates: Vec<Candidate>,
    edge: Vec<Candidate>,
    sums: Vec<f64>,
}

impl Sampler {
    /// `bias` is the request's, as [`bias::resolve`] found its tokens; `prompt` counts for the repeat penalty; `seed` is used
    /// when the request names none.
    #[must_use]
    pub fn new(sampling: &Sampling, bias: Vec<(u32, f32)>, prompt: &[u32], seed: u64) -> Self {
        Self {
            temperature: sampling.clamped_temperature(),
            cuts: Cuts::new(sampling),
            penalties: Penalties::new(sampling, prompt),
            bias,
            told: sampling.logprobs.map(usize::from),
            seed: sampling.seed.unwrap_or(seed),
            work: Work::default(),
        }
    }

    /// The token at `position` of the answer. The logits are used up. None when the mask leaves nothing.
    pub fn draw(
        &mut self,
        logits: &mut [f32],
        mask: Option<Mask<'_>>,
        position: u64,
    ) -> Option<Drawn> {
        let reading = self
            .told
            .map(|count| Reading::new(logits, count, &mut self.work.maxima));
        self.change(logits);
        if let Some(mask) = mask {
            vector::keep_only(logits, mask);
        }
        let token = self.choose(logits, position)?;
        let changed = self.work.changed.iter().find(|(t, _)| *t == token);
        let logit = changed.map_or(logits[token as usize], |&(_, logit)| logit);
        Some(Drawn {
            token,
            logprobs: reading.map(|reading| reading.told(token, logit)),
        })
    }

    /// Takes note of a token that joined the answer.
    pub fn accept(&mut self, token: u32) {
        self.penalties.note(token);
    }

    fn change(&mut self, logits: &mut [f32]) {
        let changed = &mut self.work.changed;
        changed.clear();
        for &(token, bias) in &self.bias {
            if let Some(logit) = logits.get_mut(token as usize) {
                changed.push((token, *logit));
                *logit += bias;
            }
        }
        self.penalties.apply(logits, changed);
    }

    fn choose(&mut self, logits: &[f32], position: u64) -> Option<u32> {
        let top = vector::highest(logits);
        if top == f32::NEG_INFINITY {
            return None;
        }
        let likeliest = || vector::first_at_least(logits, top);
        if self.temperature <= 0.0 || top == f32::INFINITY {
            return likeliest();
        }
        let scale = vector::Scale {
            top,
            inverse: 1.0 / self.temperature,
        };
        let point = random::unit(self.seed, position);
        let work = &mut self.work;
        let drawn = if self.cuts.is_empty() {
            select::from_all(logits, scale, point, &mut work.sums)
        } else {
            self.cuts.collect(logits, scale, work);
            select::from_candidates(&work.candidates, point)
        };
        drawn.or_else(likeliest)
    }
}

#[cfg(test)]
mod tests;
