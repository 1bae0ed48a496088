//! A prompt and what could follow it, cut into the model's tokens.

use super::prompt;
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::score::{Continuation, Prompt};
use crate::lm::model::Model;

/// A prompt and its continuations as tokens.
pub(super) struct Cut {
    pub prompt: Vec<u32>,
    pub continuations: Vec<Vec<u32>>,
}

impl Cut {
    /// Cuts texts into the model's tokens.
    ///
    /// # Errors
    ///
    /// When there is nothing to score.
    pub fn new(
        model: &Model,
        prompt: &Prompt,
        continuations: &[Continuation],
    ) -> Result<Self, Fault> {
        let text = match prompt {
            Prompt::Messages(messages) => Some(prompt::rendered(model, messages)?),
            Prompt::Text(text) => Some(model.tokenizer.shield(text)),
            Prompt::Tokens(_) => None,
        };
        let prompt = match (prompt, &text) {
            (Prompt::Tokens(tokens), _) => tokens.clone(),
            (_, Some(text)) => model.tokenizer.encode(text)?,
            (_, None) => Vec::new(),
        };
        let cut = |continuation: &Continuation| match continuation {
            Continuation::Tokens(tokens) => Ok(tokens.clone()),
            Continuation::Text(said) => after(model, text.as_deref(), &prompt, said),
        };
        let continuations = continuations.iter().map(cut).collect::<Result<_, _>>()?;
        let cut = Self {
            prompt,
            continuations,
        };
        cut.check()
    }

    fn check(self) -> Result<Self, Fault> {
        let refused = |what: String| Err(Fault::new(FaultClass::BadRequest, what));
        if self.continuations.is_empty() {
            return refused("there is no continuation to score".into());
        }
        if let Some(at) = self.continuations.iter().position(Vec::is_empty) {
            return refused(format!("continuation {} is empty", at + 1));
        }
        Ok(self)
    }

    /// The longest sequence that goes through the model.
    pub fn longest(&self) -> usize {
        let longest = self.continuations.iter().map(Vec::len).max().unwrap_or(0);
        self.prompt.len() + longest
    }

    /// All its tokens.
    pub fn tokens(&self) -> impl Iterator<Item = &u32> {
        self.prompt
            .iter()
            .chain(self.continuations.iter().flatten())
    }
}

/// The tokens of a continuation. Text is cut as it would be behind the prompt, unless that changed the prompt's own tokens.
fn after(model: &Model, text: Option<&str>, prompt: &[u32], said: &str) -> Result<Vec<u32>, Fault> {
    let tokenizer = &model.tokenizer;
    let said = tokenizer.shield(said);
    if let Some(text) = text {
        let whole = tokenizer.encode(&format!("{text}{said}"))?;
        if let Some(rest) = whole.strip_prefix(prompt)
            && !rest.is_empty()
        {
            return Ok(rest.to_vec());
        }
    }
    let front = tokenizer.encode("")?;
    let alone = tokenizer.encode(&said)?;
    Ok(alone
        .strip_prefix(front.as_slice())
        .unwrap_or(&alone)
        .to_vec())
}
