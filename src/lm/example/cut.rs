//! Tokens of a text's end, behind a beginning that keeps its own.

use crate::lm::error::ModelError;
use crate::lm::tokenizer::Tokenizer;

/// A noncharacter: no token joins it to anything.
const ANCHOR: &str = "\u{fdd1}";

/// The tokens of `rest` where it follows `head`: those that both together have more than `head` alone. Where characters of
/// both would share a token, those of `rest` on its own, as a model that was given `head` has to write them. None when even
/// those depend on what stands before.
pub(super) fn behind(
    tokenizer: &Tokenizer,
    head: &str,
    rest: &str,
) -> Result<Option<Vec<u32>>, ModelError> {
    if rest.is_empty() {
        return Ok(Some(Vec::new()));
    }
    if let Some(tokens) = more(tokenizer, head, rest)? {
        return Ok(Some(tokens));
    }
    more(tokenizer, ANCHOR, rest)
}

fn more(tokenizer: &Tokenizer, head: &str, rest: &str) -> Result<Option<Vec<u32>>, ModelError> {
    let before = tokenizer.encode(head)?;
    let both = tokenizer.encode(&format!("{head}{rest}"))?;
    Ok(both.strip_prefix(before.as_slice()).map(<[u32]>::to_vec))
}
