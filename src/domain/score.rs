//! Log-probabilities: of the tokens an answer is drawn from, and of continuations that are given instead of drawn.
//!
//! All are natural logarithms of the model's own soft-max (temperature 1, before bias, penalties and grammar).

use super::message::Message;
use super::request::{AdapterRef, ModelRef};
use serde::{Deserialize, Serialize};

/// What a model reads first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Prompt {
    /// A conversation, put into the model's own chat template.
    Messages(Vec<Message>),
    /// Plain text, without a template; the model's token for the beginning of a text is put in front where it has one.
    Text(String),
    /// Tokens as they are.
    Tokens(Vec<u32>),
}

/// What a model could say next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Continuation {
    /// Cut into tokens together with the prompt's text where that leaves the prompt's own tokens as they are, else alone.
    Text(String),
    Tokens(Vec<u32>),
}

/// How likely a model finds each of several continuations of one prompt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScoreRequest {
    pub model: ModelRef,
    /// What is added to the model's weights for this request, in order; local models only.
    pub adapters: Vec<AdapterRef>,
    pub prompt: Prompt,
    pub continuations: Vec<Continuation>,
}

/// One continuation.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Score {
    pub tokens: Vec<u32>,
    /// Of each token after all before it.
    pub logprobs: Vec<f32>,
    /// Whether a greedy answer would begin so.
    pub is_greedy: bool,
}

impl Score {
    /// The log-probability of the whole continuation.
    #[must_use]
    pub fn sum(&self) -> f64 {
        self.logprobs.iter().copied().map(f64::from).sum()
    }
}

/// A token as text is made of it: its bytes need not be whole characters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TokenLogprob {
    pub token: u32,
    pub bytes: Vec<u8>,
    pub logprob: f32,
}

/// A drawn token beside the likeliest ones at its place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Logprobs {
    pub drawn: TokenLogprob,
    /// The likeliest first; as many as were asked for.
    pub likeliest: Vec<TokenLogprob>,
}
