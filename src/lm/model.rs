//! A model opened from its file: shape, weights, tokenizer, chat template.

use super::config::Config;
use super::error::ModelError;
use super::gguf::Gguf;
use super::map::Mapped;
use super::template::Template;
use super::tokenizer::Tokenizer;
use super::weights::{self, Weights};
use crate::domain::fault::Fault;
use crate::domain::message::Message;
use std::path::Path;

/// Everything needed to answer a conversation.
pub struct Model {
    pub config: Config,
    pub weights: Weights,
    pub tokenizer: Tokenizer,
    pub template: Template,
}

impl Model {
    /// Opens a GGUF file.
    pub fn open(path: &Path) -> Result<Self, Fault> {
        let mapped = Mapped::open(path)?;
        let file = Gguf::read(mapped.bytes(), path)?;
        let mut config = Config::from_gguf(&file)?;
        let pairs = config.rotary.width / 2;
        if let Some(factors) = weights::rotary_factors(&file, mapped.bytes(), pairs)? {
            config.rotary.factors = factors;
        }
        let tokenizer = Tokenizer::from_gguf(&file)?;
        if tokenizer.len() > config.vocabulary {
            return Err(
                ModelError::from_mismatch(&file, tokenizer.len(), config.vocabulary).into(),
            );
        }
        let template = Template::new(
            file.text("tokenizer.chat_template"),
            tokenizer.begin_spelling(),
            tokenizer.end_spelling(),
        )?;
        let weights = Weights::load(&file, mapped.bytes(), &config)?;
        Ok(Self {
            config,
            weights,
            tokenizer,
            template,
        })
    }

    /// The tokens of a conversation, ready for the model to answer. What was said cannot become special tokens.
    pub fn encode(&self, messages: &[Message]) -> Result<Vec<u32>, Fault> {
        let shielded: Vec<Message> = messages
            .iter()
            .map(|message| Message::new(message.role, self.tokenizer.shield(&message.content)))
            .collect();
        let text = self.template.render(&shielded)?;
        Ok(self.tokenizer.encode(&text)?)
    }
}
