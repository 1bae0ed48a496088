//! Answers of a given shape: JSON, a regular expression, a grammar.
//!
//! Before each draw a grammar says which tokens may come next, by what they add to the text. The work is `llguidance`'s
//! (an Earley parser over a lexer of derivatives); here it learns a model's vocabulary, and its errors become faults. Tokens
//! that end an answer are allowed where the text so far is whole; other control tokens never are.

use super::tokenizer::Tokenizer;
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::request::ResponseFormat;
use llguidance::api::TopLevelGrammar;
use llguidance::toktrie::{ApproximateTokEnv, SimpleVob, TokRxInfo, TokTrie};
use llguidance::{Matcher, ParserFactory};
use serde_json::{Value, json};
use std::sync::Arc;

/// Between the parts of JSON: enough to indent deeply, too little to go on for ever, as small models else do.
const JSON_SPACE: &str = r"[\x20\x0A\x0D\x09]{1,40}";

/// Longer tokens are never drawn; the library's trie is no deeper than 1,024.
const LONGEST_TOKEN: usize = 512;

/// Makes grammars over one model's vocabulary.
pub struct Grammars {
    factory: ParserFactory,
}

/// A vocabulary as grammars see it.
pub struct Words {
    /// What each token adds to a text; nothing for those that a grammar never allows.
    bytes: Vec<Vec<u8>>,
    /// Tokens that end an answer.
    ends: Vec<u32>,
}

impl Words {
    #[must_use]
    pub fn of(tokenizer: &Tokenizer) -> Self {
        let count = u32::try_from(tokenizer.len()).unwrap_or(u32::MAX);
        let bytes = |token| match tokenizer.bytes(token) {
            _ if tokenizer.is_end(token) => Vec::new(),
            bytes if bytes.len() > LONGEST_TOKEN => Vec::new(),
            bytes => bytes.to_vec(),
        };
        Self {
            bytes: (0..count).map(bytes).collect(),
            ends: (0..count).filter(|&t| tokenizer.is_end(t)).collect(),
        }
    }
}

impl Grammars {
    /// Sorts the vocabulary: a quarter of a second for fifty thousand tokens on one busy core (2026-11-21).
    ///
    /// # Errors
    ///
    /// When the vocabulary has no token that ends an answer.
    pub fn new(words: Words) -> Result<Self, Fault> {
        let Words { bytes, ends } = words;
        let count = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let Some(&end) = ends.first() else {
            return Err(Fault::new(
                FaultClass::BadData,
                "the model names no token that ends an answer, so answers cannot be given a shape",
            ));
        };
        let trie = TokTrie::from(&TokRxInfo::new(count, end), &bytes).with_eos_tokens(&ends);
        let environment = Arc::new(ApproximateTokEnv::new(trie));
        let mut factory = ParserFactory::new_simple(&(environment as _))
            .map_err(|e| Fault::new(FaultClass::BadData, format!("the vocabulary: {e}")))?;
        factory.quiet().limits_mut().verbose_errors = false;
        Ok(Self { factory })
    }

    /// The grammar of a shape.
    ///
    /// # Errors
    ///
    /// What is wrong with the schema, expression or grammar, in the library's words.
    pub fn compile(&self, format: &ResponseFormat) -> Result<Grammar, Fault> {
        let (name, grammar) = match format {
            ResponseFormat::JsonObject => (
                "json_object",
                TopLevelGrammar::from_json_schema(spaced(&json!({ "type": "object" }))?),
            ),
            ResponseFormat::JsonSchema(schema) => (
                "json_schema",
                TopLevelGrammar::from_json_schema(spaced(schema)?),
            ),
            ResponseFormat::Regex(expression) => ("regex", TopLevelGrammar::from_regex(expression)),
            ResponseFormat::Lark(text) => ("lark", TopLevelGrammar::from_lark(text.clone())),
        };
        let parser = self
            .factory
            .create_parser(grammar)
            .map_err(|e| refused(name, &e.to_string()))?;
        Ok(Grammar {
            matcher: Matcher::new(Ok(parser)),
        })
    }
}

/// Where an answer stands in its grammar.
pub struct Grammar {
    matcher: Matcher,
}

/// The tokens that may come next, one bit each.
pub struct Allowed(SimpleVob);

impl Allowed {
    #[must_use]
    pub fn bits(&self) -> &[u32] {
        self.0.as_slice()
    }
}

impl Grammar {
    /// The tokens that may come next; never none.
    ///
    /// # Errors
    ///
    /// When the grammar is too complex, or the answer is over.
    pub fn allowed(&mut self) -> Result<Allowed, Fault> {
        let mask = self.matcher.compute_mask_or_eos();
        mask.map(Allowed).map_err(|e| stuck(&e.to_string()))
    }

    /// Takes note of a drawn token; returns whether the answer is whole and nothing can follow.
    ///
    /// # Errors
    ///
    /// When the token was not allowed.
    pub fn accept(&mut self, token: u32) -> Result<bool, Fault> {
        self.matcher
            .consume_token(token)
            .map_err(|e| stuck(&e.to_string()))?;
        Ok(self.matcher.is_stopped())
    }
}

/// The schema with a bound on white space, unless it sets the library's options itself.
fn spaced(schema: &Value) -> Result<Value, Fault> {
    let mut schema = schema.clone();
    let Some(fields) = schema.as_object_mut() else {
        return Err(refused("json_schema", "a schema is a JSON object"));
    };
    fields
        .entry("x-guidance")
        .or_insert_with(|| json!({ "whitespace_pattern": JSON_SPACE }));
    Ok(schema)
}

fn refused(name: &str, message: &str) -> Fault {
    Fault::new(
        FaultClass::BadRequest,
        format!("response_format.{name}: {}", one_line(message)),
    )
    .with_hint("correct it, or leave response_format out")
}

fn stuck(message: &str) -> Fault {
    Fault::new(
        FaultClass::BadRequest,
        format!(
            "response_format cannot be followed further: {}",
            one_line(message)
        ),
    )
    .with_hint("a simpler schema or grammar")
}

/// The library's messages may have several lines and a mark for its own logs.
fn one_line(message: &str) -> String {
    let lines = message.replace("<non-verbose/>", "");
    lines.split_whitespace().collect::<Vec<_>>().join(" ")
}
