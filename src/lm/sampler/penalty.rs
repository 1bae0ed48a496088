//! What tokens lose for having been there before.

use crate::domain::request::Sampling;

/// Penalties and the tokens they fall on, kept up to date token by token.
#[derive(Debug)]
pub(super) struct Penalties {
    repeat: f32,
    frequency: f32,
    presence: f32,
    /// In the order of tokens.
    seen: Vec<Seen>,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    token: u32,
    /// How often it was drawn; 0 for one of the prompt alone.
    drawn: u32,
}

impl Penalties {
    pub(super) fn new(sampling: &Sampling, prompt: &[u32]) -> Self {
        let mut penalties = Self {
            repeat: sampling.repeat_penalty.unwrap_or(1.0),
            frequency: sampling.frequency_penalty.unwrap_or(0.0),
            presence: sampling.presence_penalty.unwrap_or(0.0),
            seen: Vec::new(),
        };
        if penalties.repeat != 1.0 {
            let mut tokens = prompt.to_vec();
            tokens.sort_unstable();
            tokens.dedup();
            let seen = tokens.into_iter().map(|token| Seen { token, drawn: 0 });
            penalties.seen = seen.collect();
        }
        penalties
    }

    /// Takes note of a drawn token.
    pub(super) fn note(&mut self, token: u32) {
        if self.repeat == 1.0 && self.frequency == 0.0 && self.presence == 0.0 {
            return;
        }
        match self.seen.binary_search_by_key(&token, |seen| seen.token) {
            Ok(at) => self.seen[at].drawn += 1,
            Err(at) => self.seen.insert(at, Seen { token, drawn: 1 }),
        }
    }

    /// Divides the logits of tokens seen anywhere (CTRL, Keskar et al. 2019, §4.1; negative ones are multiplied, as everybody
    /// does), then takes `presence + frequency * count` from those that were drawn, as `OpenAI`'s interface defines it. Notes
    /// what it changes.
    pub(super) fn apply(&self, logits: &mut [f32], changed: &mut Vec<(u32, f32)>) {
        for seen in &self.seen {
            let Some(logit) = logits.get_mut(seen.token as usize) else {
                continue;
            };
            changed.push((seen.token, *logit));
            if *logit > 0.0 {
                *logit /= self.repeat;
            } else {
                *logit *= self.repeat;
            }
            if seen.drawn > 0 {
                #[allow(clippy::cast_precision_loss, reason = "an answer is short")]
                let count = seen.drawn as f32;
                *logit -= self.presence + self.frequency * count;
            }
        }
    }
}
