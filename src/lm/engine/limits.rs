//! What an engine can take at all, asked before anything is computed.

use super::cut::Cut;
use crate::domain::fault::{Fault, FaultClass};

/// The bounds of one engine, in tokens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Most tokens of a sequence.
    pub context: usize,
    /// Tokens whose keys and values fit in the cache.
    pub cache: usize,
    /// Tokens there are.
    pub vocabulary: usize,
}

impl Limits {
    /// Most tokens of a prompt and its answer.
    pub fn window(&self) -> usize {
        self.context.min(self.cache)
    }

    /// Whether a prompt can be answered.
    pub fn of_prompt(&self, tokens: &[u32]) -> Result<(), Fault> {
        self.of_length(tokens.len(), "the prompt has", 1)?;
        self.of_tokens(tokens.iter())
    }

    /// Whether continuations can be scored.
    pub fn of_scoring(&self, cut: &Cut) -> Result<(), Fault> {
        if cut.prompt.is_empty() {
            return Err(empty());
        }
        // The last token is looked up, not computed.
        let longest = cut.longest() - 1;
        self.of_length(longest, "the prompt and the longest continuation have", 0)?;
        self.of_tokens(cut.tokens())
    }

    /// `room` is how many tokens must fit behind.
    fn of_length(&self, length: usize, what: &str, room: usize) -> Result<(), Fault> {
        if length == 0 {
            return Err(empty());
        }
        if length + room > self.context {
            return Err(Fault::new(
                FaultClass::ContextTooLong,
                format!(
                    "{what} {length} tokens and the context window is {} tokens",
                    self.context
                ),
            )
            .with_hint(
                "shorten the conversation, send fewer of its messages (context), or let the oldest go (overflow)",
            ));
        }
        if length + room > self.cache {
            return Err(Fault::new(
                FaultClass::Resource,
                format!(
                    "{what} {length} tokens and the engine's cache holds {}",
                    self.cache
                ),
            )
            .with_hint("give the local engine more cache memory (cache_mib)"));
        }
        Ok(())
    }

    fn of_tokens<'a>(&self, mut tokens: impl Iterator<Item = &'a u32>) -> Result<(), Fault> {
        match tokens.find(|&&token| token as usize >= self.vocabulary) {
            Some(token) => Err(Fault::new(
                FaultClass::BadRequest,
                format!("token {token} is not among the model's {}", self.vocabulary),
            )),
            None => Ok(()),
        }
    }
}

fn empty() -> Fault {
    Fault::new(FaultClass::BadRequest, "the prompt is empty")
}
