//! Which tokens may be drawn, and which of them is.
//!
//! Cutting never sorts a vocabulary: a bound that the kept tokens surely reach is found in one pass, the few tokens above it
//! are collected, and those are cut exactly.

use super::Work;
use super::vector::{self, CHUNK, Scale};
use crate::domain::request::Sampling;
use std::cmp::Ordering;

/// A token that is likely enough.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Candidate {
    pub(super) token: u32,
    logit: f32,
    weight: f32,
}

/// How the unlikely ones are cut off, in this order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cuts {
    /// Most tokens; 0 is no bound.
    top_k: usize,
    /// The share of all weight that the kept tokens reach (nucleus sampling, Holtzman et al. 2020).
    top_p: f32,
    /// Least weight, in parts of the likeliest token's (Nguyen et al. 2024).
    min_p: f32,
}

impl Cuts {
    pub(super) fn new(sampling: &Sampling) -> Self {
        Self {
            top_k: sampling.top_k.map_or(0, |k| k as usize),
            top_p: sampling.top_p.unwrap_or(1.0),
            min_p: sampling.min_p.unwrap_or(0.0).min(1.0),
        }
    }

    /// Whether every token may be drawn.
    pub(super) fn is_empty(&self) -> bool {
        self.top_k == 0 && !self.cuts_share() && !self.cuts_weight()
    }

    fn cuts_share(&self) -> bool {
        self.top_p < 1.0
    }

    fn cuts_weight(&self) -> bool {
        self.min_p > 0.0
    }

    /// Puts the tokens that may be drawn into `work.candidates`, in the order of tokens.
    pub(super) fn collect(&self, logits: &[f32], scale: Scale, work: &mut Work) {
        let total = (self.cuts_share() && self.top_k == 0).then(|| vector::total(logits, scale));
        let limit = self.limit(logits, scale, total, &mut work.maxima);
        let kept = &mut work.candidates;
        kept.clear();
        vector::at_least(logits, limit, |token, logit| {
            let weight = scale.weight(logit);
            if weight > 0.0 {
                kept.push(Candidate {
                    token,
                    logit,
                    weight,
                });
            }
        });
        if self.top_k > 0 && self.top_k < kept.len() {
            #[allow(clippy::cast_precision_loss, reason = "a vocabulary is small")]
            cut(kept, &mut work.edge, |_| 1.0, self.top_k as f64);
        }
        if self.cuts_share() {
            let total = total.unwrap_or_else(|| weight(kept));
            let share = f64::from(self.top_p) * total;
            cut(kept, &mut work.edge, |c| f64::from(c.weight), share);
        }
        if self.cuts_weight() && self.top_k > 0 {
            kept.retain(|candidate| candidate.weight >= self.min_p);
        }
    }

    /// A logit that every kept token reaches.
    fn limit(
        &self,
        logits: &[f32],
        scale: Scale,
        total: Option<f64>,
        maxima: &mut Vec<f32>,
    ) -> f32 {
        if self.top_k > 0 {
            return vector::reached_by(logits, self.top_k, maxima);
        }
        let mut limit = f32::NEG_INFINITY;
        if let Some(total) = total {
            // All tokens lighter than this weigh less together than what may be left out.
            #[allow(clippy::cast_precision_loss, reason = "a vocabulary is small")]
            let mean = f64::from(1.0 - self.top_p) * total / logits.len() as f64;
            limit = scale.logit(mean.min(1.0));
        }
        if self.cuts_weight() {
            limit = limit.max(scale.logit(f64::from(self.min_p)));
        }
        limit.min(scale.top)
    }
}

/// The likelier first; of equals the first token.
fn likelier(a: &Candidate, b: &Candidate) -> Ordering {
    b.logit.total_cmp(&a.logit).then(a.token.cmp(&b.token))
}

fn weight(candidates: &[Candidate]) -> f64 {
    candidates.iter().map(|c| f64::from(c.weight)).sum()
}

/// Keeps so many of the likeliest candidates that their measures reach `target`, at least one, in the order they have. `edge`
/// is memory to work in.
///
/// The candidates are counted into bins by their logits; only those of the bin where the target is reached are sorted.
fn cut(
    candidates: &mut Vec<Candidate>,
    edge: &mut Vec<Candidate>,
    measure: impl Fn(&Candidate) -> f64,
    target: f64,
) {
    const BINS: u8 = 255;
    let highest = |top: f32, c: &Candidate| if c.logit > top { c.logit } else { top };
    let lowest = |low: f32, c: &Candidate| if c.logit < low { c.logit } else { low };
    let top = candidates.iter().fold(f32::NEG_INFINITY, highest);
    let low = candidates.iter().fold(f32::INFINITY, lowest);
    let width = (top - low) / f32::from(BINS);
    let scale = if width > 0.0 { 1.0 / width } else { 0.0 };
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "casts of floats stay within the type"
    )]
    let bin = |c: &Candidate| usize::from(((top - c.logit) * scale) as u8);
    let mut measures = [0.0_f64; BINS as usize + 1];
    for candidate in candidates.iter() {
        measures[bin(candidate)] += measure(candidate);
    }
    let mut before = 0.0;
    let reached = measures.iter().position(|measure| {
        let is_reached = before + measure >= target;
        if !is_reached {
            before += measure;
        }
        is_reached
    });
    // Rounding alone may keep the sum below the target: then all are wanted.
    let Some(reached) = reached else {
        return;
    };
    edge.clear();
    edge.extend(candidates.iter().filter(|c| bin(c) == reached));
    edge.sort_unstable_by(likelier);
    let last = edge.iter().position(|candidate| {
        before += measure(candidate);
        before >= target
    });
    let Some(last) = last.map(|at| edge[at]).or(edge.last().copied()) else {
        return;
    };
    candidates.retain(|candidate| likelier(candidate, &last).is_le());
}

/// The candidate at `point` (0..1) of their weights.
pub(super) fn from_candidates(candidates: &[Candidate], point: f64) -> Option<u32> {
    let mut left = point * weight(candidates);
    for candidate in candidates {
        left -= f64::from(candidate.weight);
        if left < 0.0 {
            return Some(candidate.token);
        }
    }
    candidates.last().map(|candidate| candidate.token)
}

/// The token at `point` (0..1) of all weights.
pub(super) fn from_all(
    logits: &[f32],
    scale: Scale,
    point: f64,
    sums: &mut Vec<f64>,
) -> Option<u32> {
    let mut left = point * vector::sums(logits, scale, sums);
    let mut chosen = None;
    for (number, &sum) in sums.iter().enumerate() {
        if left >= sum && number + 1 < sums.len() {
            left -= sum;
            continue;
        }
        let start = number * CHUNK;
        for (token, &logit) in logits.iter().enumerate().skip(start).take(CHUNK) {
            let weight = scale.weight(logit);
            if weight > 0.0 {
                chosen = Some(token);
                left -= f64::from(weight);
                if left < 0.0 {
                    break;
                }
            }
        }
        // Rounding may leave a little behind the last token of a chunk.
        if chosen.is_some() {
            break;
        }
    }
    chosen.and_then(|token| u32::try_from(token).ok())
}
