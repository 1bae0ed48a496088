//! The two ways of cutting plain text into tokens, as one model for the `tokenizers` crate.
//!
//! Invariant: plain text never becomes a control token, even where the vocabulary's own rules would join characters to one.

use super::scores::Scores;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use tokenizers::models::TrainerWrapper;
use tokenizers::models::bpe::BpeTrainer;
use tokenizers::{Model, ModelWrapper, Token};

/// How plain text is cut.
pub(super) enum Cutter {
    /// What the crate does: byte-pair encoding by merges, unigrams.
    Crate(Box<ModelWrapper>),
    /// SentencePiece's joining by scores.
    Scores(Scores),
}

/// A vocabulary with the tokens that are found by their spelling before plain text is cut.
pub(super) struct Vocabulary {
    cutter: Cutter,
    /// Tokens found by their spelling.
    added: HashMap<String, u32>,
    /// Those of them that plain text must never become.
    control: HashSet<u32>,
}

impl Vocabulary {
    pub fn new(cutter: Cutter, added: HashMap<String, u32>, control: HashSet<u32>) -> Self {
        Self {
            cutter,
            added,
            control,
        }
    }

    fn cut(&self, text: &str) -> tokenizers::Result<Vec<Token>> {
        match &self.cutter {
            Cutter::Crate(model) => model.tokenize(text),
            Cutter::Scores(scores) => Ok(scores
                .tokenize(text)
                .into_iter()
                .map(|(id, start, end)| Token::new(id, String::new(), (start, end)))
                .collect()),
        }
    }
}

impl Model for Vocabulary {
    type Trainer = TrainerWrapper;

    fn tokenize(&self, text: &str) -> tokenizers::Result<Vec<Token>> {
        let tokens = self.cut(text)?;
        if !tokens.iter().any(|token| self.control.contains(&token.id)) {
            return Ok(tokens);
        }
        let mut plain = Vec::with_capacity(tokens.len());
        for token in tokens {
            if !self.control.contains(&token.id) {
                plain.push(token);
                continue;
            }
            let spelled = text.get(token.offsets.0..token.offsets.1).unwrap_or("");
            let first = spelled.chars().next().map_or(0, char::len_utf8);
            // A control token of one character has no other spelling: better nothing than the token.
            if first < spelled.len() {
                plain.extend(self.tokenize(&spelled[..first])?);
                plain.extend(self.tokenize(&spelled[first..])?);
            }
        }
        Ok(plain)
    }

    fn token_to_id(&self, token: &str) -> Option<u32> {
        self.added
            .get(token)
            .copied()
            .or_else(|| match &self.cutter {
                Cutter::Crate(model) => model.token_to_id(token),
                Cutter::Scores(scores) => scores.token(token),
            })
    }

    fn id_to_token(&self, _: u32) -> Option<String> {
        None
    }

    fn get_vocab(&self) -> HashMap<String, u32> {
        HashMap::new()
    }

    fn get_vocab_size(&self) -> usize {
        match &self.cutter {
            Cutter::Crate(model) => model.get_vocab_size(),
            Cutter::Scores(scores) => scores.len(),
        }
    }

    fn save(&self, _: &Path, _: Option<&str>) -> tokenizers::Result<Vec<PathBuf>> {
        Err("vocabularies are only read".into())
    }

    fn get_trainer(&self) -> TrainerWrapper {
        BpeTrainer::default().into()
    }
}
