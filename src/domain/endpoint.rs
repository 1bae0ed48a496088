//! A server that speaks the OpenAI chat protocol: where it is, what it may cost, how hard it may be driven.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One OpenAI-compatible server. Keys are named by environment variable, never stored.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Endpoint {
    /// Filled from the table's name: `together`, `openai`, `ollama`, …
    #[serde(skip)]
    pub name: String,
    /// Up to and including `/v1`; `/chat/completions` is appended.
    pub base_url: String,
    /// The environment variable that holds the key; none for servers without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_env: Option<String>,
    /// Further headers, sent as given.
    pub headers: BTreeMap<String, String>,
    /// Requests under way at once, shared by all agents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
    /// Requests started in any 60 s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<u32>,
    /// Prompt and completion tokens in any 60 s (estimated before a call, corrected after it).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_per_minute: Option<u32>,
    /// `http://`, `https://` or `socks5://` proxy; without it the usual environment variables count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
    /// A PEM file with further certificate authorities.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
}

/// US dollars per million tokens of one model.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    pub prompt: f64,
    pub completion: f64,
    /// Price of cached prompt tokens; the prompt price when absent.
    #[serde(default)]
    pub cached: Option<f64>,
}

impl Price {
    /// The cost in US dollars of a call.
    #[must_use]
    #[allow(
        clippy::cast_precision_loss,
        reason = "token counts stay far below 2^52"
    )]
    pub fn cost(&self, prompt_tokens: u64, cached_tokens: u64, completion_tokens: u64) -> f64 {
        let cached = cached_tokens.min(prompt_tokens);
        let fresh = prompt_tokens - cached;
        (fresh as f64 * self.prompt
            + cached as f64 * self.cached.unwrap_or(self.prompt)
            + completion_tokens as f64 * self.completion)
            / 1e6
    }
}
