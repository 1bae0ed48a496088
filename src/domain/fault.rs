//! What can go wrong with one generation, by the classes that decide what happens next.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The class of a failure; it alone decides whether a retry makes sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultClass {
    /// 401, 403: the key is missing or wrong.
    Auth,
    /// The model is unknown or not served.
    ModelUnavailable,
    /// The prompt does not fit the context window.
    ContextTooLong,
    /// The request was refused for another reason.
    BadRequest,
    /// The server or its model does not do tool calling; the same in plain text may work.
    NoToolCalls,
    /// 429, or 503 with `Retry-After`.
    RateLimited,
    /// Connection trouble, 5xx, a stream that was cut.
    Transient,
    /// No connection, no first token, or silence for too long.
    Timeout,
    /// An answer without text.
    Empty,
    /// A person or a deadline ended it.
    Cancelled,
    /// A rule of this program forbids it (`local only`).
    Forbidden,
    /// Memory or disk ran out.
    Resource,
    /// A file, model or adapter is broken or does not fit.
    BadData,
}

impl FaultClass {
    /// A short word for the pane header.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            FaultClass::Auth => "key refused",
            FaultClass::ModelUnavailable => "model unavailable",
            FaultClass::ContextTooLong => "context too long",
            FaultClass::BadRequest => "request refused",
            FaultClass::NoToolCalls => "tool calling refused",
            FaultClass::RateLimited => "rate limited",
            FaultClass::Transient => "connection trouble",
            FaultClass::Timeout => "timed out",
            FaultClass::Empty => "empty",
            FaultClass::Cancelled => "stopped",
            FaultClass::Forbidden => "forbidden",
            FaultClass::Resource => "out of memory or disk",
            FaultClass::BadData => "bad data",
        }
    }
}

/// A failure with what was tried, on what, and what to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    pub class: FaultClass,
    /// What was tried and what came back, one line, small letters, no secret in it.
    pub message: String,
    /// What the user can do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// How long the server asked to wait, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

impl Fault {
    #[must_use]
    pub fn new(class: FaultClass, message: impl Into<String>) -> Self {
        Self {
            class,
            message: message.into(),
            hint: None,
            retry_after_ms: None,
        }
    }

    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    #[must_use]
    pub fn cancelled() -> Self {
        Self::new(FaultClass::Cancelled, "stopped")
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.class.word(), self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, " ({hint})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Fault {}
