//! Which tokens a request's logit bias means.

use crate::domain::fault::{Fault, FaultClass};
use crate::lm::tokenizer::Tokenizer;
use std::collections::BTreeMap;

/// The tokens and what is added to their logits. A key of digits alone is a token's number, any other a text that must be
/// exactly one of the model's `vocabulary` tokens (a special token's spelling too).
///
/// # Errors
///
/// The key that names no token, and why.
pub fn resolve(
    bias: &BTreeMap<String, f32>,
    tokenizer: &Tokenizer,
    vocabulary: usize,
) -> Result<Vec<(u32, f32)>, Fault> {
    let token = |key: &String| {
        if !key.is_empty() && key.bytes().all(|b| b.is_ascii_digit()) {
            return numbered(key, vocabulary);
        }
        spelled(key, tokenizer)
    };
    bias.iter()
        .map(|(key, &bias)| {
            if bias.is_nan() {
                return Err(refused(format!("the bias of \"{key}\" is not a number")));
            }
            Ok((token(key)?, bias))
        })
        .collect()
}

fn numbered(key: &str, vocabulary: usize) -> Result<u32, Fault> {
    let token = key.parse::<u32>().ok();
    let known = token.filter(|&token| (token as usize) < vocabulary);
    known.ok_or_else(|| refused(format!("token {key} is not among the model's {vocabulary}")))
}

fn spelled(key: &str, tokenizer: &Tokenizer) -> Result<u32, Fault> {
    // Some models put a token in front of every text.
    let front = tokenizer.encode("")?;
    let tokens = tokenizer.encode(key)?;
    match tokens.strip_prefix(front.as_slice()).unwrap_or(&tokens) {
        [token] => Ok(*token),
        several => Err(refused(format!(
            "\"{key}\" is {} tokens of this model, not one",
            several.len()
        ))),
    }
}

fn refused(message: String) -> Fault {
    Fault::new(FaultClass::BadRequest, format!("logit_bias: {message}")).with_hint(
        "a key is a token's number, or a text that is one token; often with a space before it",
    )
}
