//! What a backend is asked for, and what it reports back about the work.

use super::call::Tools;
use super::message::Message;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// The endpoint name of the engine in this process.
pub const LOCAL: &str = "local";
/// The endpoint name of recordings played back.
pub const SCRIPTED: &str = "scripted";
/// The endpoint name of nodes that no model answers: a tool, a vote, an environment.
pub const TOOL: &str = "tool";

/// A model and where it is served: `smollm2-135m`, `gpt-4o-mini@openai`, `qwen3:8b@ollama`.
///
/// The part after the last `@` names an endpoint; without one the model is local.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ModelRef {
    pub model: String,
    pub endpoint: String,
}

impl ModelRef {
    #[must_use]
    pub fn new(model: impl Into<String>, endpoint: impl Into<String>) -> Self {
        Self {
            model: model.into(),
            endpoint: endpoint.into(),
        }
    }

    #[must_use]
    pub fn is_local(&self) -> bool {
        self.endpoint == LOCAL
    }

    /// Whether using this model sends the text to another machine's program over a network interface, loopback included.
    #[must_use]
    pub fn is_remote(&self) -> bool {
        ![LOCAL, SCRIPTED, TOOL].contains(&self.endpoint.as_str())
    }
}

impl FromStr for ModelRef {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (model, endpoint) = text.rsplit_once('@').unwrap_or((text, LOCAL));
        if model.is_empty() || endpoint.is_empty() {
            return Err(format!("model \"{text}\" is not MODEL or MODEL@ENDPOINT"));
        }
        Ok(Self::new(model, endpoint))
    }
}

impl TryFrom<String> for ModelRef {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<ModelRef> for String {
    fn from(model: ModelRef) -> Self {
        model.to_string()
    }
}

impl fmt::Display for ModelRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.model)?;
        if self.endpoint != LOCAL {
            write!(f, "@{}", self.endpoint)?;
        }
        Ok(())
    }
}

/// An adapter that an agent of a local model carries, and how much of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdapterRef {
    /// The folder that PEFT saved: `adapter_config.json` and `adapter_model.safetensors`.
    pub path: PathBuf,
    /// What it adds is multiplied by this.
    #[serde(default = "whole")]
    pub weight: f32,
}

fn whole() -> f32 {
    1.0
}

/// How the next token is drawn. A field that is `None` is not sent to an endpoint and is off in the local engine.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sampling {
    /// 0 (or anything up to 1e-4) is greedy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_k: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_p: Option<f32>,
    /// 1.0 is none; divides the logits of tokens already seen (CTRL, Keskar et al. 2019, §4.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeat_penalty: Option<f32>,
    /// Taken from a logit for each time the token was drawn in this answer; 0 is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frequency_penalty: Option<f32>,
    /// Taken from the logit of every token drawn in this answer; 0 is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub presence_penalty: Option<f32>,
    /// Added to logits. A key of digits alone is a token's number; any other is a text that is exactly one token of the model.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub logit_bias: BTreeMap<String, f32>,
    /// With every drawn token its log-probability and those of so many of the likeliest; 0 is the drawn token alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<u8>,
    /// What shape the answer must have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_format: Option<ResponseFormat>,
    /// Upper bound of generated tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Generation ends before any of these strings; the string itself is not part of the answer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stop: Vec<String>,
    /// What happens to a conversation that is too long for the context window; refused when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overflow: Option<Overflow>,
}

/// The shape of an answer. Tokens that would leave it are never drawn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseFormat {
    /// Any JSON object.
    JsonObject,
    /// JSON that this schema allows.
    JsonSchema(serde_json::Value),
    /// Text that this regular expression matches as a whole.
    Regex(String),
    /// Text of this grammar in Lark's notation, from its rule `start`.
    Lark(String),
}

/// What happens to a conversation that is too long for the context window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overflow {
    /// The request fails and says how long it is.
    #[default]
    Refuse,
    /// The oldest exchanges after the system message are left out until the rest fits, and the answer says so.
    DropOldest,
}

impl Sampling {
    /// Fields set here win; the others come from `base`.
    #[must_use]
    pub fn over(&self, base: &Sampling) -> Sampling {
        Sampling {
            temperature: self.temperature.or(base.temperature),
            top_p: self.top_p.or(base.top_p),
            top_k: self.top_k.or(base.top_k),
            min_p: self.min_p.or(base.min_p),
            repeat_penalty: self.repeat_penalty.or(base.repeat_penalty),
            frequency_penalty: self.frequency_penalty.or(base.frequency_penalty),
            presence_penalty: self.presence_penalty.or(base.presence_penalty),
            logit_bias: if self.logit_bias.is_empty() {
                base.logit_bias.clone()
            } else {
                self.logit_bias.clone()
            },
            logprobs: self.logprobs.or(base.logprobs),
            response_format: self
                .response_format
                .clone()
                .or_else(|| base.response_format.clone()),
            max_tokens: self.max_tokens.or(base.max_tokens),
            seed: self.seed.or(base.seed),
            stop: if self.stop.is_empty() {
                base.stop.clone()
            } else {
                self.stop.clone()
            },
            overflow: self.overflow.or(base.overflow),
        }
    }

    /// The temperature to use: at most 1e-4 means 0 (the clamp of the original MoA client), default 0.7.
    #[must_use]
    pub fn clamped_temperature(&self) -> f32 {
        let t = self.temperature.unwrap_or(0.7);
        if t > 1e-4 { t } else { 0.0 }
    }
}

/// Time limits of one call, in milliseconds (defaults of `references`: 10 s, 60 s, 30 s, 120 s).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TimeLimits {
    pub connect_ms: u64,
    pub first_token_ms: u64,
    pub idle_ms: u64,
    pub total_ms: u64,
}

impl Default for TimeLimits {
    fn default() -> Self {
        Self {
            connect_ms: 10_000,
            first_token_ms: 60_000,
            idle_ms: 30_000,
            total_ms: 120_000,
        }
    }
}

/// One generation asked of a backend.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    pub model: ModelRef,
    /// What is added to the model's weights for this request, in order; local models only.
    pub adapters: Vec<AdapterRef>,
    pub messages: Vec<Message>,
    /// What the model may call in a field of its own; only for backends that say that they take it.
    pub tools: Tools,
    pub sampling: Sampling,
    pub limits: TimeLimits,
}

/// Why a generation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// The model ended its answer, or a stop string was met.
    Stop,
    /// `max_tokens` or the context window was reached: the text is truncated.
    Length,
    /// The endpoint withheld text.
    Filter,
    /// A person or a deadline ended it; what arrived is kept.
    Cancelled,
}

/// What one generation cost.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    pub prompt_tokens: u64,
    pub completion_tokens: u64,
    /// Prompt tokens served from a cache instead of computed.
    pub cached_tokens: u64,
    /// The backend did not report counts; these are estimates (4 characters a token).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub estimated: bool,
    /// US dollars by the price table; absent when the model has no price.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
}

impl std::ops::AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.prompt_tokens += other.prompt_tokens;
        self.completion_tokens += other.completion_tokens;
        self.cached_tokens += other.cached_tokens;
        self.estimated |= other.estimated;
        self.cost = match (self.cost, other.cost) {
            (Some(a), Some(b)) => Some(a + b),
            (a, b) => a.or(b),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_split_at_the_last_at_sign() {
        let model: ModelRef = "org/a@b@openai".parse().unwrap();
        assert_eq!(model, ModelRef::new("org/a@b", "openai"));
        assert_eq!(
            "smollm2".parse::<ModelRef>().unwrap().to_string(),
            "smollm2"
        );
        assert!("@openai".parse::<ModelRef>().is_err());
    }

    #[test]
    fn the_temperature_clamp_is_that_of_the_original() {
        for (given, sent) in [(0.0001, 0.0), (0.00011, 0.00011), (-1.0, 0.0), (0.7, 0.7)] {
            let sampling = Sampling {
                temperature: Some(given),
                ..Sampling::default()
            };
            assert_eq!(sampling.clamped_temperature(), sent);
        }
    }
}
