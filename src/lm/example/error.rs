//! Why a conversation cannot be learned with a model's template.

use crate::domain::fault::{Fault, FaultClass};
use crate::lm::error::ModelError;

#[derive(Debug, thiserror::Error)]
pub enum ExampleError {
    /// The template refused the conversation, or cannot be rendered.
    #[error("{0}")]
    Template(Fault),
    #[error(transparent)]
    Tokens(#[from] ModelError),
    /// The template writes an answer differently from how it asks for one.
    #[error(
        "message {message}: the chat template asks for an answer with \"{asked}\" and then writes it behind \"{written}\"; \
         what is learned there would never be asked for, so leave this template's models alone or bring a plain template"
    )]
    Unlike {
        message: usize,
        asked: String,
        written: String,
    },
    /// The template leaves out or changes what was said.
    #[error(
        "message {message}: the chat template does not write what was said; it cannot be learned"
    )]
    Changed { message: usize },
    /// Tokens of a piece depend on what stands before it in a way that no sequence can follow.
    #[error(
        "message {message}: its first characters have no tokens of their own behind \"{before}\""
    )]
    Fused { message: usize, before: String },
    /// Longer than allowed, and to be refused.
    #[error(
        "{tokens} tokens, and at most {most} are allowed; allow more, or have long ones dropped or trimmed"
    )]
    Long { tokens: usize, most: usize },
}

impl From<ExampleError> for Fault {
    fn from(error: ExampleError) -> Self {
        match error {
            ExampleError::Template(fault) => fault,
            ExampleError::Tokens(error) => error.into(),
            other => Fault::new(FaultClass::BadData, other.to_string()),
        }
    }
}
