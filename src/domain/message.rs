//! What is said to a model: a role and its text.

use super::call::ToolCall;
use serde::{Deserialize, Serialize};

/// Who speaks in a conversation, by the field's standard names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    System,
    User,
    Assistant,
    Tool,
}

impl Role {
    /// The wire name, as chat templates and endpoints spell it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::Tool => "tool",
        }
    }
}

/// One message of a conversation as a model receives it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Message {
    pub role: Role,
    pub content: String,
    /// Of an assistant: the tools it called. Only endpoints with tool calling of their own read this.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<ToolCall>,
    /// Of a tool: which call this is the result of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_id: Option<String>,
}

impl Message {
    #[must_use]
    pub fn new(role: Role, content: impl Into<String>) -> Self {
        Self {
            role,
            content: content.into(),
            calls: Vec::new(),
            call_id: None,
        }
    }

    #[must_use]
    pub fn system(content: impl Into<String>) -> Self {
        Self::new(Role::System, content)
    }

    #[must_use]
    pub fn user(content: impl Into<String>) -> Self {
        Self::new(Role::User, content)
    }

    #[must_use]
    pub fn assistant(content: impl Into<String>) -> Self {
        Self::new(Role::Assistant, content)
    }

    /// The words of an assistant that called a tool with them.
    #[must_use]
    pub fn calling(content: impl Into<String>, call: ToolCall) -> Self {
        Self {
            calls: vec![call],
            ..Self::assistant(content)
        }
    }

    /// What a call brought.
    #[must_use]
    pub fn result(of: impl Into<String>, content: impl Into<String>) -> Self {
        Self {
            call_id: Some(of.into()),
            ..Self::new(Role::Tool, content)
        }
    }
}
