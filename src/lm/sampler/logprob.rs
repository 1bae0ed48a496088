//! Log-probabilities of tokens, from logits as the model gives them: temperature 1, before bias, penalties and grammar.

use super::vector::{self, Scale};

/// A token and the natural logarithm of its probability.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Logprob {
    pub token: u32,
    pub logprob: f32,
}

/// A drawn token.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawn {
    pub token: u32,
    /// When they were asked for.
    pub logprobs: Option<Logprobs>,
}

/// A drawn token's log-probability beside the likeliest.
#[derive(Debug, Clone, PartialEq)]
pub struct Logprobs {
    pub drawn: Logprob,
    /// The likeliest first; the drawn one need not be among them.
    pub likeliest: Vec<Logprob>,
}

/// The soft-max of one row of logits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SoftMax {
    /// The token that greedy drawing takes: the first of the highest; none when there are no numbers.
    pub likeliest: Option<u32>,
    /// The logarithm of the sum of all e^logit.
    log_total: f64,
}

impl SoftMax {
    #[must_use]
    pub fn of(logits: &[f32]) -> Self {
        let top = vector::highest(logits);
        let scale = Scale { top, inverse: 1.0 };
        Self {
            likeliest: vector::first_at_least(logits, top),
            log_total: f64::from(top) + vector::total(logits, scale).ln(),
        }
    }

    /// The log-probability of a token by its logit.
    #[must_use]
    pub fn logprob(&self, logit: f32) -> f32 {
        #[allow(clippy::cast_possible_truncation, reason = "for people and programs")]
        let logprob = (f64::from(logit) - self.log_total) as f32;
        logprob.min(0.0)
    }
}

/// What is told about a row of logits before it is changed.
#[derive(Debug)]
pub(super) struct Reading {
    soft_max: SoftMax,
    likeliest: Vec<Logprob>,
}

impl Reading {
    pub(super) fn new(logits: &[f32], count: usize, maxima: &mut Vec<f32>) -> Self {
        let soft_max = SoftMax::of(logits);
        let mut found = Vec::new();
        if count > 0 {
            let limit = vector::reached_by(logits, count, maxima);
            vector::at_least(logits, limit, |token, logit| found.push((token, logit)));
            found.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            found.truncate(count);
        }
        let told = |(token, logit)| Logprob {
            token,
            logprob: soft_max.logprob(logit),
        };
        Self {
            soft_max,
            likeliest: found.into_iter().map(told).collect(),
        }
    }

    pub(super) fn told(self, token: u32, logit: f32) -> Logprobs {
        Logprobs {
            drawn: Logprob {
                token,
                logprob: self.soft_max.logprob(logit),
            },
            likeliest: self.likeliest,
        }
    }
}
