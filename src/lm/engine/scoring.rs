//! How likely given continuations of one prompt are.
//!
//! The prompt is computed once; its last logits score the first token of every continuation, and those that have more go on
//! from copies of its keys and values, side by side. A single continuation is one sequence with its prompt.

use super::ask::{Done, Listener};
use super::cut::Cut;
use super::row::{Outcome, Row, Work};
use crate::domain::cancel::Cancel;
use crate::domain::fault::Fault;
use crate::domain::request::{Finish, Usage};
use crate::domain::score::Score;
use crate::lm::sampler::logprob::SoftMax;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The scores of one request, shared by its rows; the last one to end tells them.
struct Scoring {
    listener: Box<dyn Listener>,
    scores: Vec<Score>,
    /// Continuations that are not complete.
    open: usize,
    prompt: usize,
    cached: usize,
    has_ended: bool,
}

/// What one row does for a scoring.
pub(super) struct Part {
    scoring: Arc<Mutex<Scoring>>,
    share: Share,
}

enum Share {
    /// The prompt of several continuations; their first tokens are looked up in its last logits.
    Prompt { firsts: Vec<u32> },
    /// One continuation, of which `scored` tokens are looked up.
    Continuation {
        number: usize,
        tokens: Vec<u32>,
        scored: usize,
    },
}

/// The row that begins the work: the prompt, with its continuation if that is the only one.
pub(super) fn begin(cut: Cut, listener: Box<dyn Listener>, cancel: Cancel) -> Row {
    let mut sequence = cut.prompt;
    let prompt = sequence.len();
    let scores: Vec<Score> = cut
        .continuations
        .into_iter()
        .map(|tokens| Score {
            logprobs: Vec::with_capacity(tokens.len()),
            tokens,
            is_greedy: true,
        })
        .collect();
    let share = match scores.as_slice() {
        [only] => {
            sequence.extend(&only.tokens[..only.tokens.len() - 1]);
            Share::Continuation {
                number: 0,
                tokens: only.tokens.clone(),
                scored: 0,
            }
        }
        several => Share::Prompt {
            firsts: several.iter().map(|score| score.tokens[0]).collect(),
        },
    };
    let scoring = Scoring {
        listener,
        open: scores.len(),
        scores,
        prompt,
        cached: 0,
        has_ended: false,
    };
    let part = Part {
        scoring: Arc::new(Mutex::new(scoring)),
        share,
    };
    Row::new(sequence, prompt, cancel, Work::Score(part))
}

impl Scoring {
    fn end(&mut self, result: Result<Finish, Fault>) {
        if std::mem::replace(&mut self.has_ended, true) {
            return;
        }
        let scores = std::mem::take(&mut self.scores);
        let looked_up: usize = scores.iter().map(|score| score.logprobs.len()).sum();
        let result = result.map(|finish| {
            self.listener.scored(scores);
            let usage = Usage {
                prompt_tokens: self.prompt as u64,
                completion_tokens: looked_up as u64,
                cached_tokens: self.cached as u64,
                ..Usage::default()
            };
            Done { usage, finish }
        });
        self.listener.end(result);
    }

    fn note(&mut self, number: usize, found: &[Found]) {
        let Some(score) = self.scores.get_mut(number) else {
            return;
        };
        for found in found {
            score.logprobs.push(found.logprob);
            score.is_greedy &= found.is_likeliest;
        }
        if score.logprobs.len() == score.tokens.len() {
            self.open -= 1;
        }
    }
}

/// What the logits say about one token.
struct Found {
    logprob: f32,
    is_likeliest: bool,
}

impl Found {
    fn of(logits: &[f32], soft_max: &SoftMax, token: u32) -> Self {
        let logit = logits.get(token as usize).copied();
        let logit = logit.unwrap_or(f32::NEG_INFINITY);
        Self {
            logprob: soft_max.logprob(logit),
            is_likeliest: soft_max.likeliest == Some(token),
        }
    }
}

impl Part {
    fn scoring(&self) -> MutexGuard<'_, Scoring> {
        self.scoring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tokens of the continuation that are looked up.
    pub fn scored(&self) -> usize {
        match &self.share {
            Share::Prompt { .. } => 0,
            Share::Continuation { scored, .. } => *scored,
        }
    }

    pub fn is_gone(&self) -> bool {
        let scoring = self.scoring();
        scoring.has_ended || scoring.listener.is_gone()
    }

    pub fn queued(&mut self, why: &str) {
        self.scoring().listener.queued(why);
    }

    pub fn prefill(&mut self, done: usize, total: usize) {
        let is_first = self.is_first();
        if is_first {
            self.scoring().listener.prefill(done, total);
        }
    }

    /// Whether this row computes the prompt, not one that goes on from it.
    fn is_first(&self) -> bool {
        match &self.share {
            Share::Prompt { .. } => true,
            Share::Continuation { .. } => self.scoring().scores.len() == 1,
        }
    }

    /// Looks its tokens up in the logits of consecutive positions.
    pub fn look_up(&mut self, logits: &[Vec<f32>]) -> Outcome {
        match &mut self.share {
            Share::Prompt { firsts } => {
                let Some(logits) = logits.last() else {
                    return Outcome::Scored { is_done: false };
                };
                let soft_max = SoftMax::of(logits);
                let found: Vec<Found> = firsts
                    .iter()
                    .map(|&token| Found::of(logits, &soft_max, token))
                    .collect();
                let mut scoring = self.scoring();
                for (number, found) in found.iter().enumerate() {
                    scoring.note(number, std::slice::from_ref(found));
                }
                Outcome::Scored { is_done: true }
            }
            Share::Continuation {
                number,
                tokens,
                scored,
            } => {
                let found: Vec<Found> = tokens[*scored..]
                    .iter()
                    .zip(logits)
                    .map(|(&token, logits)| Found::of(logits, &SoftMax::of(logits), token))
                    .collect();
                *scored += found.len();
                let is_done = *scored == tokens.len();
                let number = *number;
                self.scoring().note(number, &found);
                Outcome::Scored { is_done }
            }
        }
    }

    /// After the prompt: the continuations that have more tokens, as rows that go on from its end.
    pub fn others(&self, prompt: &[u32], cancel: &Cancel) -> Vec<Row> {
        let Share::Prompt { .. } = self.share else {
            return Vec::new();
        };
        let scoring = self.scoring();
        let longer = scoring.scores.iter().enumerate();
        longer
            .filter(|(_, score)| score.tokens.len() > 1)
            .map(|(number, score)| {
                let mut sequence = prompt.to_vec();
                sequence.extend(&score.tokens[..score.tokens.len() - 1]);
                let part = Part {
                    scoring: Arc::clone(&self.scoring),
                    share: Share::Continuation {
                        number,
                        tokens: score.tokens.clone(),
                        scored: 1,
                    },
                };
                Row::new(sequence, prompt.len(), cancel.clone(), Work::Score(part))
            })
            .collect()
    }

    /// The row is done or given up. The request ends with its last row.
    pub fn finish(self, finish: Finish, cached: usize) {
        let is_first = self.is_first();
        let mut scoring = self.scoring();
        if is_first {
            scoring.cached = cached;
        }
        if finish == Finish::Cancelled {
            scoring.end(Err(Fault::cancelled()));
        } else if scoring.open == 0 {
            scoring.end(Ok(finish));
        }
    }

    pub fn fail(self, fault: Fault) {
        self.scoring().end(Err(fault));
    }
}
