//! A model opened from its file: shape, weights, tokenizer, chat template.

use super::config::Config;
use super::error::ModelError;
use super::gguf::Gguf;
use super::map::Mapped;
use super::safetensors::Safetensors;
use super::template::{Template, fallback};
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
    /// What ends an answer besides the tokens that do: for models without a chat template.
    pub stops: &'static [&'static str],
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

/// A model's files in memory, its shape read and nothing else.
enum Files {
    Gguf {
        file: Gguf,
        mapped: Mapped,
    },
    Folder {
        folder: PathBuf,
        tensors: Safetensors,
    },
}

impl Decoder {
    /// Opens a GGUF file, a folder with `config.json` and safetensors files, or one of that folder's files.
    pub fn open(path: &Path, opening: Opening) -> Result<Self, ModelError> {
        let files = Files::open(path)?;
        let config = files.config(opening.context)?;
        let weights = files.weights(&config, opening.floats)?;
        Ok(Self { config, weights })
    }
}

impl Files {
    fn open(path: &Path) -> Result<Self, ModelError> {
        let Some((folder, tensors)) = folder_of(path) else {
            let mapped = Mapped::open(path)?;
            let file = Gguf::read(mapped.bytes(), path)?;
            return Ok(Self::Gguf { file, mapped });
        };
        if !folder.join(CONFIG).exists() {
            return Err(ModelError::unsupported(
                path,
                format!(
                    "there is no {CONFIG}; a model is a GGUF file, or a folder with {CONFIG}, tokenizer.json and safetensors files"
                ),
            ));
        }
        Ok(Self::Folder {
            tensors: Safetensors::open(&tensors)?,
            folder,
        })
    }

    fn path(&self) -> &Path {
        match self {
            Self::Gguf { file, .. } => file.path(),
            Self::Folder { folder, .. } => folder,
        }
    }

    fn config(&self, context: Option<usize>) -> Result<Config, ModelError> {
        match self {
            Self::Gguf { file, mapped } => Config::from_gguf(file, mapped.bytes(), context),
            Self::Folder { folder, tensors } => {
                let path = folder.join(CONFIG);
                let json = Mapped::open(&path)?;
                let rows = folder::vocabulary(tensors)?;
                Config::from_json(json.bytes(), &path, rows, context)
            }
        }
    }

    fn tokenizer(&self) -> Result<Tokenizer, ModelError> {
        match self {
            Self::Gguf { file, .. } => Tokenizer::from_gguf(file),
            Self::Folder { folder, .. } => Tokenizer::from_folder(folder),
        }
    }

    fn weights(&self, config: &Config, floats: Floats) -> Result<Weights, ModelError> {
        match self {
            Self::Gguf { file, mapped } => {
                let bytes = mapped.bytes();
                Weights::load(&GgufSource { file, bytes }, config, floats)
            }
            Self::Folder { tensors, .. } => {
                Weights::load(&FolderSource::new(tensors, config.family), config, floats)
            }
        }
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
    /// Opens a GGUF file, a folder with `config.json`, `tokenizer.json` and safetensors files, or one of that folder's files,
    /// for sequences as long as the model allows.
    pub fn open(path: &Path) -> Result<Self, Fault> {
        Self::open_with(path, Opening::default())
    }

    /// The same with choices. What is small is read first, so that what cannot run is refused at once.
    pub fn open_with(path: &Path, opening: Opening) -> Result<Self, Fault> {
        let files = Files::open(path)?;
        let config = files.config(opening.context)?;
        let tokenizer = files.tokenizer()?;
        if tokenizer.len() > config.vocabulary {
            let what = format!(
                "its tokenizer has {} tokens and its weights have {}",
                tokenizer.len(),
                config.vocabulary
            );
            return Err(ModelError::broken(files.path(), what).into());
        }
        // A file without a template gets the one that its special tokens were made for.
        let fallback = fallback::of(|special| tokenizer.token(special).is_some());
        let (source, stops) = match tokenizer.template_source() {
            Some(source) => (source, &[][..]),
            None => (fallback.source, fallback.stops),
        };
        let template = Template::named(
            &format!("the chat template of {}", files.path().display()),
            Some(source),
            tokenizer.begin_spelling(),
            tokenizer.end_spelling(),
        )?;
        let weights = files.weights(&config, opening.floats)?;
        Ok(Self {
            config,
            weights,
            tokenizer,
            template,
            stops,
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
