//! The agent asks the person for words.

use super::error::{ErrorKind, ToolError};
use super::{BoxFuture, Card, Context, Effect, Tool, text};
use serde_json::{Value, json};

/// `ask_user`.
pub struct AskUser {
    card: Card,
}

impl AskUser {
    pub(super) fn new() -> Self {
        let card = Card {
            name: "ask_user".into(),
            description: "Asks the person a question and returns the answer.".into(),
            schema: json!({"type": "object", "additionalProperties": false, "required": ["question"],
                "properties": {"question": {"type": "string", "description": "What to ask."}}}),
            effect: Effect::Asks,
        };
        Self { card }
    }
}

impl Tool for AskUser {
    fn card(&self) -> &Card {
        &self.card
    }

    /// A person takes the time a person takes.
    fn time_ms(&self) -> Option<u64> {
        Some(0)
    }

    fn call<'a>(
        &'a self,
        arguments: Value,
        context: &'a Context<'a>,
    ) -> BoxFuture<'a, Result<String, ToolError>> {
        Box::pin(async move {
            let question = text(&arguments, "question").to_owned();
            context.person.ask(question).await.ok_or_else(|| {
                ToolError::new(
                    ErrorKind::DeniedByPerson,
                    "nobody answered; continue without it",
                )
            })
        })
    }
}
