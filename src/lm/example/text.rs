//! Texts that are learned as they stand.

use super::Example;
use crate::lm::error::ModelError;
use crate::lm::tokenizer::Tokenizer;

/// A text as examples of at most `most` tokens, every token of them learned; it ends with the token that ends a text. The
/// first token of each piece has nothing before it, so pieces share one token with the piece before.
///
/// # Errors
/// When the text cannot be cut into tokens.
pub fn of_text(tokenizer: &Tokenizer, text: &str, most: usize) -> Result<Vec<Example>, ModelError> {
    let mut tokens = tokenizer.encode(&tokenizer.shield(text))?;
    tokens.extend(tokenizer.token(tokenizer.end_spelling()));
    let step = most.max(2) - 1;
    let starts = (0..tokens.len().saturating_sub(1)).step_by(step);
    let pieces = starts.map(|start| {
        let end = tokens.len().min(start + step + 1);
        let mut example = Example::default();
        example.push(&tokens[start..end], true);
        example
    });
    Ok(pieces.collect())
}
