//! What goes over the wire: the request's body, and the objects of replies.

use super::answer::Part;
use super::fault::Refusal;
use crate::domain::message::{Message, Role};
use crate::domain::request::{Finish, ResponseFormat, Sampling, Usage};
use crate::domain::score::{Logprobs, TokenLogprob};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The most likely tokens that may be asked for at each place.
const MOST_LOGPROBS: u8 = 20;

/// A request for a chat completion, read and checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Body {
    pub model: String,
    pub messages: Vec<Message>,
    pub sampling: Sampling,
    pub stream: bool,
    /// A last chunk with the usage is wanted.
    pub with_usage: bool,
}

#[derive(Deserialize)]
struct Raw {
    model: String,
    messages: Vec<RawMessage>,
    #[serde(default)]
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    max_tokens: Option<u32>,
    max_completion_tokens: Option<u32>,
    temperature: Option<f32>,
    top_p: Option<f32>,
    top_k: Option<u32>,
    min_p: Option<f32>,
    repeat_penalty: Option<f32>,
    frequency_penalty: Option<f32>,
    presence_penalty: Option<f32>,
    seed: Option<i64>,
    stop: Option<Stop>,
    n: Option<u32>,
    logprobs: Option<bool>,
    top_logprobs: Option<u8>,
    logit_bias: Option<BTreeMap<String, f32>>,
    response_format: Option<RawFormat>,
    tools: Option<Vec<Value>>,
    functions: Option<Vec<Value>>,
}

#[derive(Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

#[derive(Deserialize)]
struct RawMessage {
    role: String,
    content: Option<Content>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<ContentPart>),
}

#[derive(Deserialize)]
struct ContentPart {
    #[serde(rename = "type")]
    kind: String,
    text: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Stop {
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize)]
struct RawFormat {
    #[serde(rename = "type")]
    kind: String,
    json_schema: Option<RawSchema>,
}

#[derive(Deserialize)]
struct RawSchema {
    schema: Option<Value>,
}

impl Body {
    /// Reads a body.
    pub fn read(bytes: &[u8]) -> Result<Self, Refusal> {
        let raw: Raw = serde_json::from_slice(bytes).map_err(|error| {
            Refusal::bad(format!(
                "the body is not a chat completion request: {error}"
            ))
        })?;
        if raw.n.is_some_and(|n| n != 1) {
            return Err(Refusal::bad(
                "only n = 1 is supported; send several requests instead",
            ));
        }
        let has_tools = |tools: &Option<Vec<Value>>| tools.as_ref().is_some_and(|t| !t.is_empty());
        if has_tools(&raw.tools) || has_tools(&raw.functions) {
            return Err(Refusal::bad("tools are not supported"));
        }
        if raw.messages.is_empty() {
            return Err(Refusal::bad("messages is empty"));
        }
        let sampling = sampling(&raw)?;
        let messages = raw
            .messages
            .into_iter()
            .enumerate()
            .map(|(number, message)| message.checked(number))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            model: raw.model,
            messages,
            sampling,
            stream: raw.stream.unwrap_or(false),
            with_usage: raw
                .stream_options
                .is_some_and(|options| options.include_usage),
        })
    }
}

impl RawMessage {
    fn checked(self, number: usize) -> Result<Message, Refusal> {
        let role = match self.role.as_str() {
            "system" | "developer" => Role::System,
            "user" => Role::User,
            "assistant" => Role::Assistant,
            other => {
                return Err(Refusal::bad(format!(
                    "messages[{number}]: role \"{other}\" is not supported; supported are system, developer, user, assistant"
                )));
            }
        };
        let content = match self.content {
            Some(Content::Text(text)) => text,
            Some(Content::Parts(parts)) => {
                let mut whole = String::new();
                for part in parts {
                    match (part.kind.as_str(), part.text) {
                        ("text", Some(text)) => whole.push_str(&text),
                        (kind, _) => {
                            return Err(Refusal::bad(format!(
                                "messages[{number}]: content of type \"{kind}\" is not supported; supported is text"
                            )));
                        }
                    }
                }
                whole
            }
            None => return Err(Refusal::bad(format!("messages[{number}] has no content"))),
        };
        Ok(Message::new(role, content))
    }
}

fn sampling(raw: &Raw) -> Result<Sampling, Refusal> {
    let in_range =
        |name: &str, value: Option<f32>, range: std::ops::RangeInclusive<f32>| match value {
            Some(value) if !range.contains(&value) => Err(Refusal::bad(format!(
                "{name} is {value}, not in {}..={}",
                range.start(),
                range.end()
            ))),
            value => Ok(value),
        };
    let max_tokens = raw.max_completion_tokens.or(raw.max_tokens);
    if max_tokens == Some(0) {
        return Err(Refusal::bad("max_tokens is 0"));
    }
    let top = raw.top_logprobs.unwrap_or(0);
    if top > MOST_LOGPROBS {
        return Err(Refusal::bad(format!(
            "top_logprobs is {top}, more than {MOST_LOGPROBS}"
        )));
    }
    if raw.top_logprobs.is_some() && raw.logprobs != Some(true) {
        return Err(Refusal::bad("top_logprobs needs logprobs = true"));
    }
    Ok(Sampling {
        // The API's own default; a council's agents keep theirs.
        temperature: in_range("temperature", raw.temperature, 0.0..=2.0)?,
        top_p: in_range("top_p", raw.top_p, 0.0..=1.0)?,
        top_k: raw.top_k,
        min_p: in_range("min_p", raw.min_p, 0.0..=1.0)?,
        repeat_penalty: in_range("repeat_penalty", raw.repeat_penalty, 0.01..=10.0)?,
        frequency_penalty: in_range("frequency_penalty", raw.frequency_penalty, -2.0..=2.0)?,
        presence_penalty: in_range("presence_penalty", raw.presence_penalty, -2.0..=2.0)?,
        logit_bias: raw.logit_bias.clone().unwrap_or_default(),
        logprobs: (raw.logprobs == Some(true)).then_some(top),
        response_format: raw
            .response_format
            .as_ref()
            .map(format)
            .transpose()?
            .flatten(),
        max_tokens,
        seed: raw.seed.map(i64::cast_unsigned),
        stop: match &raw.stop {
            None => Vec::new(),
            Some(Stop::One(stop)) => vec![stop.clone()],
            Some(Stop::Many(stops)) => stops.clone(),
        },
        overflow: None,
    })
}

fn format(raw: &RawFormat) -> Result<Option<ResponseFormat>, Refusal> {
    match (raw.kind.as_str(), &raw.json_schema) {
        ("text", _) => Ok(None),
        ("json_object", _) => Ok(Some(ResponseFormat::JsonObject)),
        (
            "json_schema",
            Some(RawSchema {
                schema: Some(schema),
            }),
        ) => Ok(Some(ResponseFormat::JsonSchema(schema.clone()))),
        ("json_schema", _) => Err(Refusal::bad("response_format has no json_schema.schema")),
        (other, _) => Err(Refusal::bad(format!(
            "response_format \"{other}\" is not supported; supported are text, json_object, json_schema"
        ))),
    }
}

/// What a reply is called and when it was made.
#[derive(Debug, Clone)]
pub struct Created {
    pub id: String,
    /// Since 1970.
    pub seconds: u64,
}

/// An answer being put together.
#[derive(Debug, Default)]
pub struct Completion {
    pub text: String,
    pub thought: String,
    pub logprobs: Vec<Logprobs>,
}

/// The list of models.
pub fn models(names: impl Iterator<Item = String>) -> Value {
    let data: Vec<Value> = names
        .map(|name| json!({ "id": name, "object": "model", "created": 0, "owned_by": "synod" }))
        .collect();
    json!({ "object": "list", "data": data })
}

/// A whole answer.
pub fn completion(
    created: &Created,
    body: &Body,
    completion: &Completion,
    usage: Usage,
    finish: Finish,
) -> Value {
    let mut message = json!({ "role": "assistant", "content": completion.text, "refusal": null });
    if !completion.thought.is_empty() {
        message["reasoning_content"] = completion.thought.as_str().into();
    }
    let logprobs = body
        .sampling
        .logprobs
        .map(|_| json!({ "content": completion.logprobs.iter().map(token).collect::<Vec<_>>() }));
    json!({
        "id": created.id,
        "object": "chat.completion",
        "created": created.seconds,
        "model": body.model,
        "choices": [{
            "index": 0,
            "message": message,
            "logprobs": logprobs,
            "finish_reason": reason(finish),
        }],
        "usage": usage_of(usage),
    })
}

/// Makes the events of a streamed answer.
pub struct Chunk {
    body: Body,
    created: Created,
    has_begun: bool,
}

impl Chunk {
    pub fn new(body: Body, created: Created) -> Self {
        Self {
            body,
            created,
            has_begun: false,
        }
    }

    /// The text of the events for one part of the answer.
    pub fn event(&mut self, part: Part) -> String {
        match part {
            Part::Text(text) => self.delta(json!({ "content": text }), Value::Null),
            Part::Thought(text) => self.delta(json!({ "reasoning_content": text }), Value::Null),
            Part::Logprobs(logprobs) => {
                self.delta(json!({}), json!({ "content": [token(&logprobs)] }))
            }
            Part::End(Ok((usage, finish))) => {
                let mut text = self.chunk(
                    &json!([{
                        "index": 0, "delta": {}, "logprobs": null, "finish_reason": reason(finish),
                    }]),
                    None,
                );
                if self.body.with_usage {
                    text += &self.chunk(&json!([]), Some(usage));
                }
                text + "data: [DONE]\n\n"
            }
            Part::End(Err(fault)) => format!("data: {}\n\n", Refusal::of(&fault).body()),
        }
    }

    fn delta(&mut self, mut delta: Value, logprobs: Value) -> String {
        if !self.has_begun {
            self.has_begun = true;
            delta["role"] = "assistant".into();
        }
        let choices = json!([{
            "index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": null,
        }]);
        self.chunk(&choices, None)
    }

    fn chunk(&self, choices: &Value, usage: Option<Usage>) -> String {
        let mut chunk = json!({
            "id": self.created.id,
            "object": "chat.completion.chunk",
            "created": self.created.seconds,
            "model": self.body.model,
            "choices": choices,
        });
        if let Some(usage) = usage {
            chunk["usage"] = usage_of(usage);
        }
        format!("data: {chunk}\n\n")
    }
}

fn reason(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop | Finish::Cancelled => "stop",
        Finish::Length => "length",
        Finish::Filter => "content_filter",
    }
}

fn usage_of(usage: Usage) -> Value {
    json!({
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": { "cached_tokens": usage.cached_tokens },
    })
}

fn token(logprobs: &Logprobs) -> Value {
    let spelled = |token: &TokenLogprob| {
        json!({
            "token": String::from_utf8_lossy(&token.bytes),
            "bytes": token.bytes,
            "logprob": token.logprob,
        })
    };
    let mut value = spelled(&logprobs.drawn);
    value["top_logprobs"] = logprobs.likeliest.iter().map(spelled).collect();
    value
}
