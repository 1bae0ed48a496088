//! The request as an endpoint receives it: JSON, with only the fields that are set.

use crate::domain::request::Request;
use serde::Serialize;
use std::collections::BTreeSet;

/// Fields that a server may refuse without harm to the answer; then they are left out for that model.
pub const OPTIONAL: [&str; 5] = [
    "stream_options",
    "top_k",
    "min_p",
    "repetition_penalty",
    "seed",
];

/// What a server has shown not to take, per model.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Quirks {
    /// Of [`OPTIONAL`].
    pub without: BTreeSet<&'static str>,
    /// The bound is called `max_completion_tokens`.
    pub completion_bound: bool,
    /// The answer is wanted in one piece; never learned, only for the retry after a mute stream.
    pub whole: bool,
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: Vec<WireMessage<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_p: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    repetition_penalty: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    stop: &'a [String],
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
}

#[derive(Serialize)]
struct WireMessage<'a> {
    role: &'static str,
    content: &'a str,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

/// The body of a streamed chat completion. Equal requests give equal bytes, so prompt caches of servers hit.
#[must_use]
pub fn body(request: &Request, quirks: &Quirks) -> Vec<u8> {
    let sampling = &request.sampling;
    let allowed = |field: &str| !quirks.without.contains(field);
    let body = Body {
        model: &request.model.model,
        messages: request
            .messages
            .iter()
            .map(|message| WireMessage {
                role: message.role.name(),
                content: &message.content,
            })
            .collect(),
        temperature: sampling.temperature.map(|_| sampling.clamped_temperature()),
        top_p: sampling.top_p,
        top_k: sampling.top_k.filter(|_| allowed("top_k")),
        min_p: sampling.min_p.filter(|_| allowed("min_p")),
        repetition_penalty: sampling
            .repeat_penalty
            .filter(|_| allowed("repetition_penalty")),
        max_tokens: sampling.max_tokens.filter(|_| !quirks.completion_bound),
        max_completion_tokens: sampling.max_tokens.filter(|_| quirks.completion_bound),
        seed: sampling.seed.filter(|_| allowed("seed")),
        stop: &sampling.stop,
        stream: !quirks.whole,
        stream_options: (!quirks.whole && allowed("stream_options")).then_some(StreamOptions {
            include_usage: true,
        }),
    };
    // Strings, numbers and lists of them always serialise.
    serde_json::to_vec(&body).unwrap_or_default()
}

/// Tokens of a text by the rule of thumb of four characters each.
#[must_use]
pub fn estimate_tokens(characters: usize) -> u64 {
    u64::try_from(characters.div_ceil(4)).unwrap_or(u64::MAX)
}

/// Estimated tokens of a request's messages.
#[must_use]
pub fn estimate_prompt(request: &Request) -> u64 {
    let characters: usize = request
        .messages
        .iter()
        .map(|message| message.content.chars().count())
        .sum();
    // Each message costs a few tokens of markup.
    estimate_tokens(characters) + 4 * request.messages.len() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::message::Message;
    use crate::domain::request::{ModelRef, Sampling, TimeLimits};

    fn request(sampling: Sampling) -> Request {
        Request {
            adapters: Vec::new(),
            model: ModelRef::new("m", "e"),
            messages: vec![Message::user("hi")],
            sampling,
            limits: TimeLimits::default(),
        }
    }

    fn text(sampling: Sampling, quirks: &Quirks) -> String {
        String::from_utf8(body(&request(sampling), quirks)).unwrap()
    }

    #[test]
    fn only_what_is_set_is_sent() {
        assert_eq!(
            text(Sampling::default(), &Quirks::default()),
            r#"{"model":"m","messages":[{"role":"user","content":"hi"}],"stream":true,"stream_options":{"include_usage":true}}"#
        );
    }

    #[test]
    fn numbers_are_sent_as_written_and_the_temperature_is_clamped() {
        let sampling = Sampling {
            temperature: Some(0.7),
            top_p: Some(0.9),
            max_tokens: Some(64),
            ..Sampling::default()
        };
        let sent = text(sampling.clone(), &Quirks::default());
        assert!(
            sent.contains(r#""temperature":0.7,"top_p":0.9,"max_tokens":64,"#),
            "{sent}"
        );
        let cold = Sampling {
            temperature: Some(0.00005),
            ..sampling
        };
        assert!(text(cold, &Quirks::default()).contains(r#""temperature":0.0"#));
    }

    #[test]
    fn what_a_server_refused_is_left_out() {
        let sampling = Sampling {
            top_k: Some(5),
            max_tokens: Some(9),
            seed: Some(1),
            ..Sampling::default()
        };
        let quirks = Quirks {
            without: BTreeSet::from(["top_k", "stream_options"]),
            completion_bound: true,
            whole: false,
        };
        let sent = text(sampling, &quirks);
        assert!(sent.contains(r#""max_completion_tokens":9"#), "{sent}");
        assert!(sent.contains(r#""seed":1"#), "{sent}");
        for absent in ["top_k", "stream_options", "\"max_tokens\""] {
            assert!(!sent.contains(absent), "{absent} in {sent}");
        }
    }
}
