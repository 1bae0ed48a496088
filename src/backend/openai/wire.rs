//! The request as an endpoint receives it: JSON, with only the fields that are set.

use crate::domain::call::{ToolCall, ToolChoice, ToolSpec};
use crate::domain::message::Message;
use crate::domain::request::Request;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Fields that a server may refuse without harm to the answer; then they are left out for that model.
pub const OPTIONAL: [&str; 7] = [
    "tool_choice",
    "parallel_tool_calls",
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
    /// The model takes no tools.
    pub no_tools: bool,
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
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<WireTool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
}

#[derive(Serialize)]
struct WireMessage<'a> {
    role: &'static str,
    content: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<WireCall<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<&'a str>,
}

/// A tool, or a call of one: everything stands under the name of its only kind.
#[derive(Serialize)]
struct WireTool<'a> {
    r#type: &'static str,
    function: WireFunction<'a>,
}

#[derive(Serialize)]
struct WireFunction<'a> {
    name: &'a str,
    description: &'a str,
    parameters: &'a Value,
}

#[derive(Serialize)]
struct WireCall<'a> {
    id: &'a str,
    r#type: &'static str,
    function: WireCalled<'a>,
}

#[derive(Serialize)]
struct WireCalled<'a> {
    name: &'a str,
    /// JSON, as text.
    arguments: &'a str,
}

const FUNCTION: &str = "function";

impl<'a> From<&'a ToolSpec> for WireTool<'a> {
    fn from(tool: &'a ToolSpec) -> Self {
        Self {
            r#type: FUNCTION,
            function: WireFunction {
                name: &tool.name,
                description: &tool.description,
                parameters: &tool.parameters,
            },
        }
    }
}

impl<'a> From<&'a ToolCall> for WireCall<'a> {
    fn from(call: &'a ToolCall) -> Self {
        Self {
            id: &call.id,
            r#type: FUNCTION,
            function: WireCalled {
                name: &call.name,
                arguments: &call.arguments,
            },
        }
    }
}

impl<'a> From<&'a Message> for WireMessage<'a> {
    fn from(message: &'a Message) -> Self {
        Self {
            role: message.role.name(),
            content: &message.content,
            tool_calls: message.calls.iter().map(WireCall::from).collect(),
            tool_call_id: message.call_id.as_deref(),
        }
    }
}

/// "May" is what servers assume when nothing is said.
fn choice(choice: &ToolChoice) -> Option<Value> {
    match choice {
        ToolChoice::Auto => None,
        ToolChoice::Required => Some(json!("required")),
        ToolChoice::Named(name) => Some(json!({"type": FUNCTION, "function": {"name": name}})),
    }
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
    let has_tools = !request.tools.list.is_empty();
    let body = Body {
        model: &request.model.model,
        messages: request.messages.iter().map(WireMessage::from).collect(),
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
        tools: request.tools.list.iter().map(WireTool::from).collect(),
        tool_choice: choice(&request.tools.choice).filter(|_| has_tools && allowed("tool_choice")),
        parallel_tool_calls: (has_tools && allowed("parallel_tool_calls")).then_some(false),
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
    let said = request.messages.iter().map(|message| {
        let calls: usize = message.calls.iter().map(|call| call.arguments.len()).sum();
        message.content.chars().count() + calls
    });
    let told =
        request.tools.list.iter().map(|tool| {
            tool.name.len() + tool.description.len() + tool.parameters.to_string().len()
        });
    let characters: usize = said.chain(told).sum();
    // Each message costs a few tokens of markup.
    estimate_tokens(characters) + 4 * request.messages.len() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::call::Tools;
    use crate::domain::request::{ModelRef, Sampling, TimeLimits};

    fn request(sampling: Sampling) -> Request {
        Request {
            adapters: Vec::new(),
            model: ModelRef::new("m", "e"),
            messages: vec![Message::user("hi")],
            tools: Tools::default(),
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
            ..Quirks::default()
        };
        let sent = text(sampling, &quirks);
        assert!(sent.contains(r#""max_completion_tokens":9"#), "{sent}");
        assert!(sent.contains(r#""seed":1"#), "{sent}");
        for absent in ["top_k", "stream_options", "\"max_tokens\""] {
            assert!(!sent.contains(absent), "{absent} in {sent}");
        }
    }

    #[test]
    fn tools_and_calls_have_their_own_fields() {
        let called = ToolCall {
            id: "call_1".into(),
            name: "add".into(),
            arguments: r#"{"a": 1}"#.into(),
        };
        let mut request = request(Sampling::default());
        request.messages = vec![
            Message::calling("Add it.", called),
            Message::result("call_1", "2"),
        ];
        request.tools = Tools {
            list: vec![ToolSpec {
                name: "add".into(),
                description: "Adds.".into(),
                parameters: json!({"type": "object"}),
            }],
            choice: ToolChoice::Required,
        };
        let sent: Value = serde_json::from_slice(&body(&request, &Quirks::default())).unwrap();
        assert_eq!(
            sent["messages"],
            json!([
                {"role": "assistant", "content": "Add it.", "tool_calls": [
                    {"id": "call_1", "type": "function", "function": {"name": "add", "arguments": "{\"a\": 1}"}}]},
                {"role": "tool", "content": "2", "tool_call_id": "call_1"},
            ])
        );
        assert_eq!(
            sent["tools"],
            json!([{"type": "function", "function":
                {"name": "add", "description": "Adds.", "parameters": {"type": "object"}}}])
        );
        assert_eq!(sent["tool_choice"], "required");
        assert_eq!(sent["parallel_tool_calls"], false);
        let quirks = Quirks {
            without: BTreeSet::from(["tool_choice", "parallel_tool_calls"]),
            ..Quirks::default()
        };
        let sent = String::from_utf8(body(&request, &quirks)).unwrap();
        assert!(
            sent.contains("\"tools\"") && !sent.contains("tool_choice"),
            "{sent}"
        );
        assert!(!sent.contains("parallel"), "{sent}");
    }
}
