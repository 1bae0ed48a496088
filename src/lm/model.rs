//! A model opened from its file: shape, weights, tokenizer, chat template.

use super::config::Config;
use super::error::ModelError;
use super::gguf::Gguf;
use super::map::Mapped;
use super::safetensors::Safetensors;
use super::template::Template;
use super::tokenizer::Tokenizer;
use super::weights::folder::{self, FolderSource};
use super::weights::gguf::GgufSource;
use super::weights::{Floats, Weights};
use crate::domain::fault::Fault;
use crate::domain::message::Message;
use std::path::{Path, PathBuf};

/// The file that tells a folder's shape.
const CONFIG: &str = "config.json";

/// Everything needed to answer a conversation.
pub struct Model {
    pub config: Config,
    pub weights: Weights,
    pub tokenizer: Tokenizer,
    pub template: Template,
}

/// How a model is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Opening {
    /// Tokens of the longest sequence that will be asked for; the model's own limit when absent. Families with two sets of
    /// rotations choose by it.
    pub context: Option<usize>,
    /// What becomes of weights stored as plain floats.
    pub floats: Floats,
}

/// A decoder alone: what computes logits from tokens.
pub struct Decoder {
    pub config: Config,
    pub weights: Weights,
}

impl Decoder {
    /// Opens a GGUF file, a folder with `config.json` and safetensors files, or one of that folder's files.
    pub fn open(path: &Path, opening: Opening) -> Result<Self, ModelError> {
        match folder_of(path) {
            Some((folder, tensors)) => Self::from_folder(&folder, &tensors, opening),
            None => {
                let mapped = Mapped::open(path)?;
                let file = Gguf::read(mapped.bytes(), path)?;
                Self::from_gguf(&file, mapped.bytes(), opening)
            }
        }
    }

    fn from_gguf(file: &Gguf, bytes: &[u8], opening: Opening) -> Result<Self, ModelError> {
        let config = Config::from_gguf(file, bytes, opening.context)?;
        let source = GgufSource { file, bytes };
        let weights = Weights::load(&source, &config, opening.floats)?;
        Ok(Self { config, weights })
    }

    fn from_folder(folder: &Path, tensors: &Path, opening: Opening) -> Result<Self, ModelError> {
        let path = folder.join(CONFIG);
        let json = Mapped::open(&path)?;
        let tensors = Safetensors::open(tensors)?;
        let rows = folder::vocabulary(&tensors)?;
        let config = Config::from_json(json.bytes(), &path, rows, opening.context)?;
        let source = FolderSource::new(&tensors, config.family);
        let weights = Weights::load(&source, &config, opening.floats)?;
        Ok(Self { config, weights })
    }
}

/// The folder that a path means and what holds its tensors; none for a GGUF file.
fn folder_of(path: &Path) -> Option<(PathBuf, PathBuf)> {
    if path.is_dir() {
        return Some((path.to_owned(), path.to_owned()));
    }
    let is_safetensors = path.extension().is_some_and(|e| e == "safetensors");
    let parent = path.parent().filter(|_| is_safetensors)?;
    Some((parent.to_owned(), path.to_owned()))
}

impl Model {
    /// Opens a GGUF file.
    pub fn open(path: &Path) -> Result<Self, Fault> {
        Self::open_with(path, Opening::default())
    }

    /// The same with other choices than the usual ones.
    pub fn open_with(path: &Path, opening: Opening) -> Result<Self, Fault> {
        let mapped = Mapped::open(path)?;
        let file = Gguf::read(mapped.bytes(), path)?;
        let tokenizer = Tokenizer::from_gguf(&file)?;
        let Decoder { config, weights } = Decoder::from_gguf(&file, mapped.bytes(), opening)?;
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
