//! What one payload of a chat completion says: text, reasoning, tool calls, the end, the counts, or an error.
//!
//! Servers differ; everything is optional here and unknown fields are skipped. Pure.

use super::calls::{CallDelta, CallReader};
use super::fault::Refusal;
use super::think::{Span, ThinkSplitter};
use crate::domain::call::CallPiece;
use crate::domain::request::Finish;
use serde::Deserialize;
use serde_json::Value;

/// Token counts as the server reported them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    pub prompt: u64,
    pub completion: u64,
    pub cached: u64,
}

/// Why a payload could not be used.
#[derive(Debug, Clone, PartialEq)]
pub enum ChunkFault {
    /// Not JSON, or not an object.
    Invalid(String),
    /// The server reports an error in the middle of the stream.
    Refused(Refusal),
}

/// Folds the payloads of one answer.
#[derive(Debug, Default)]
pub struct ChunkReader {
    think: ThinkSplitter,
    calls: CallReader,
    /// Read and not taken yet.
    called: Vec<CallPiece>,
    finish: Option<Finish>,
    counts: Option<Counts>,
}

#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    choices: Option<Vec<Choice>>,
    #[serde(default)]
    usage: Option<WireUsage>,
    #[serde(default)]
    error: Option<Value>,
    /// Some servers put only `{"message": …, "type": …}` or `{"detail": …}` where a chunk should be.
    #[serde(default)]
    detail: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    index: Option<u64>,
    /// Of a streamed answer.
    #[serde(default)]
    delta: Option<Part>,
    /// Of a whole one.
    #[serde(default)]
    message: Option<Part>,
    #[serde(default)]
    finish_reason: Option<Value>,
    /// OpenRouter reports a provider's failure here.
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Deserialize, Default)]
struct Part {
    #[serde(default)]
    content: Option<Value>,
    #[serde(default)]
    refusal: Option<Value>,
    #[serde(default)]
    reasoning_content: Option<Value>,
    #[serde(default)]
    reasoning: Option<Value>,
    #[serde(default)]
    tool_calls: Option<Vec<CallDelta>>,
}

#[derive(Deserialize)]
struct WireUsage {
    #[serde(default)]
    prompt_tokens: Option<u64>,
    #[serde(default)]
    completion_tokens: Option<u64>,
    #[serde(default)]
    prompt_tokens_details: Option<PromptDetails>,
    /// Where DeepSeek counts them.
    #[serde(default)]
    prompt_cache_hit_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct PromptDetails {
    #[serde(default)]
    cached_tokens: Option<u64>,
}

impl ChunkReader {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How the answer ended, once a payload has said so.
    #[must_use]
    pub fn finish_reason(&self) -> Option<Finish> {
        self.finish
    }

    #[must_use]
    pub fn counts(&self) -> Option<Counts> {
        self.counts
    }

    /// Takes one payload, of a stream or a whole answer.
    pub fn read(&mut self, payload: &str) -> Result<Vec<Span>, ChunkFault> {
        if payload.trim().is_empty() {
            return Ok(Vec::new());
        }
        let chunk: Chunk = serde_json::from_str(payload)
            .map_err(|error| ChunkFault::Invalid(format!("invalid JSON ({error})")))?;
        if let Some(error) = chunk.error.filter(|error| !error.is_null()) {
            return Err(ChunkFault::Refused(Refusal::from_value(&error)));
        }
        if let (None, Some(detail)) = (&chunk.choices, chunk.detail) {
            return Err(ChunkFault::Refused(Refusal::from_value(&detail)));
        }
        if let Some(usage) = chunk.usage {
            self.counts = usage.counts().or(self.counts);
        }
        let mut spans = Vec::new();
        for choice in chunk.choices.into_iter().flatten() {
            if choice.index.unwrap_or(0) == 0 {
                self.choice(choice, &mut spans)?;
            }
        }
        Ok(spans)
    }

    /// What was read of tool calls since the last time.
    pub fn take_calls(&mut self) -> Vec<CallPiece> {
        std::mem::take(&mut self.called)
    }

    /// The answer is over: text that was held because it could have become a tag.
    pub fn end(&mut self) -> Vec<Span> {
        self.think.finish()
    }

    fn choice(&mut self, choice: Choice, spans: &mut Vec<Span>) -> Result<(), ChunkFault> {
        if let Some(error) = choice.error.filter(|error| !error.is_null()) {
            return Err(ChunkFault::Refused(Refusal::from_value(&error)));
        }
        let part = choice.delta.or(choice.message).unwrap_or_default();
        // Some servers fill both names with the same text.
        let reasoning = text_of(part.reasoning_content).or_else(|| text_of(part.reasoning));
        if let Some(text) = reasoning {
            spans.push((text, true));
        }
        for text in [text_of(part.content), text_of(part.refusal)]
            .into_iter()
            .flatten()
        {
            spans.extend(self.think.push(&text));
        }
        for delta in part.tool_calls.into_iter().flatten() {
            self.called.extend(self.calls.read(delta));
        }
        if let Some(Value::String(reason)) = choice.finish_reason {
            self.finish = match reason.as_str() {
                "" => self.finish,
                "length" | "max_tokens" => Some(Finish::Length),
                "content_filter" => Some(Finish::Filter),
                "error" => {
                    let refusal = Refusal {
                        message: "the server ended the answer with an error".into(),
                        ..Refusal::default()
                    };
                    return Err(ChunkFault::Refused(refusal));
                }
                _ => Some(Finish::Stop),
            };
        }
        Ok(())
    }
}

impl WireUsage {
    fn counts(self) -> Option<Counts> {
        let cached = self
            .prompt_tokens_details
            .and_then(|details| details.cached_tokens)
            .or(self.prompt_cache_hit_tokens);
        Some(Counts {
            prompt: self.prompt_tokens?,
            completion: self.completion_tokens.unwrap_or(0),
            cached: cached.unwrap_or(0),
        })
    }
}

/// The text of a string or of an array of text parts; nothing when there is none.
fn text_of(value: Option<Value>) -> Option<String> {
    let text = match value? {
        Value::String(text) => text,
        Value::Array(parts) => parts
            .iter()
            .filter_map(|part| part.get("text").and_then(Value::as_str))
            .collect(),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(payloads: &[&str]) -> (Vec<Span>, ChunkReader) {
        let mut reader = ChunkReader::new();
        let mut spans = Vec::new();
        for payload in payloads {
            spans.extend(reader.read(payload).unwrap());
        }
        spans.extend(reader.end());
        (spans, reader)
    }

    #[test]
    fn absent_null_and_empty_fields_say_nothing() {
        let (spans, reader) = read_all(&[
            r#"{"choices":[{"index":0,"delta":{"role":"assistant"}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"content":"Hi"}}]}"#,
            r#"{"choices":[{"index":1,"delta":{"content":"other"}}]}"#,
            r#"{"choices":[{"delta":{"content":null},"finish_reason":"stop"}],"usage":null}"#,
            r#"{"choices":[{"delta":null}]}"#,
            r#"{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":5}}}"#,
            r#"{"choices":null}"#,
            "",
        ]);
        assert_eq!(spans, [("Hi".to_owned(), false)]);
        assert_eq!(reader.finish_reason(), Some(Finish::Stop));
        let counts = Counts {
            prompt: 7,
            completion: 2,
            cached: 5,
        };
        assert_eq!(reader.counts(), Some(counts));
    }

    #[test]
    fn reasoning_has_three_spellings() {
        let (spans, _) = read_all(&[
            r#"{"choices":[{"delta":{"reasoning_content":"a"}}]}"#,
            r#"{"choices":[{"delta":{"reasoning":"b"}}]}"#,
            r#"{"choices":[{"delta":{"content":"<think>c</think>d"}}]}"#,
        ]);
        let thought = |text: &str| (text.to_owned(), true);
        assert_eq!(
            spans,
            [
                thought("a"),
                thought("b"),
                thought("c"),
                ("d".into(), false)
            ]
        );
    }

    #[test]
    fn a_whole_answer_is_read_like_a_stream() {
        let (spans, reader) = read_all(&[
            r#"{"choices":[{"message":{"content":[{"type":"text","text":"Hi"}]},"finish_reason":"length"}]}"#,
        ]);
        assert_eq!(spans, [("Hi".to_owned(), false)]);
        assert_eq!(reader.finish_reason(), Some(Finish::Length));
    }

    #[test]
    fn errors_and_rubbish_are_told_apart() {
        let mut reader = ChunkReader::new();
        let refused = reader.read(r#"{"error":{"message":"busy","code":502}}"#);
        assert!(matches!(refused, Err(ChunkFault::Refused(r)) if r.message == "busy"));
        assert!(matches!(
            reader.read(r#"{"choi"#),
            Err(ChunkFault::Invalid(_))
        ));
    }
}
