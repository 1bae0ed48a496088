//! Text to tokens and back, from a GGUF file's metadata or a Hugging Face folder.
//!
//! Special tokens (the control tokens of the vocabulary) are recognised only where a chat template wrote them. In what people
//! and models say the same characters are plain text: [`Tokenizer::shield`] marks them before the template is filled, and the
//! mark is taken out before the text is cut into tokens.
//!
//! Both kinds of file come down to the same parts ([`Parts`]) and one pipeline of the `tokenizers` crate. Knows nothing of
//! chat templates but their source.

mod added;
mod bytes;
mod folder;
mod gguf;
mod scores;
mod shield;
mod vocabulary;
mod words;

use super::error::ModelError;
use super::gguf::Gguf;
use added::Added;
use bytes::{META, TokenBytes};
use shield::{Shield, Unshielded};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::Path;
use tokenizers::{
    DecoderWrapper, NormalizerWrapper, PostProcessorWrapper, PreTokenizerWrapper, TokenizerBuilder,
    TokenizerImpl,
};
use vocabulary::{Cutter, Vocabulary};

type Pipeline = TokenizerImpl<
    Vocabulary,
    Unshielded,
    PreTokenizerWrapper,
    PostProcessorWrapper,
    DecoderWrapper,
>;

/// A vocabulary and the rules to cut text into it.
pub struct Tokenizer {
    pipeline: Pipeline,
    /// What each token stands for; empty for control tokens.
    bytes: TokenBytes,
    shield: Shield,
    ends: BTreeSet<u32>,
    begin: Option<u32>,
    begin_spelling: String,
    end_spelling: String,
    adds_begin: bool,
    drops_first_space: bool,
    has_visible_spaces: bool,
    template: Option<String>,
}

/// What a file says about its tokenizer, whatever its format.
struct Parts {
    cutter: Cutter,
    normalizer: Option<NormalizerWrapper>,
    /// Whether a space is put before a text that begins with plain text, and before no other part of it.
    spaces_start: bool,
    pre_tokenizer: Option<PreTokenizerWrapper>,
    added: Vec<Added>,
    bytes: TokenBytes,
    begin: Option<u32>,
    begin_spelling: String,
    end: Option<u32>,
    end_spelling: String,
    /// All tokens that end an answer.
    ends: BTreeSet<u32>,
    /// Whether the beginning token is put in front of every text.
    adds_begin: bool,
    /// Whether a space is put in front of every text, to be dropped when text is made of tokens.
    drops_first_space: bool,
    /// Whether U+2581 in a text means a space, so that runs of both are one run to the tokens that are found by spelling.
    has_visible_spaces: bool,
    template: Option<String>,
}

impl Parts {
    fn new(cutter: Cutter) -> Self {
        Self {
            cutter,
            normalizer: None,
            spaces_start: false,
            pre_tokenizer: None,
            added: Vec::new(),
            bytes: TokenBytes::default(),
            begin: None,
            begin_spelling: String::new(),
            end: None,
            end_spelling: String::new(),
            ends: BTreeSet::new(),
            adds_begin: false,
            drops_first_space: false,
            has_visible_spaces: false,
            template: None,
        }
    }
}

impl Tokenizer {
    /// Builds the tokenizer that a GGUF file describes.
    pub fn from_gguf(file: &Gguf) -> Result<Self, ModelError> {
        gguf::read(file)
    }

    /// Builds the tokenizer of a model folder: `tokenizer.json`, with `tokenizer_config.json`, `special_tokens_map.json`,
    /// `generation_config.json`, `config.json` and `chat_template.jinja` where they are.
    pub fn from_folder(folder: &Path) -> Result<Self, ModelError> {
        folder::read(folder)
    }

    fn assemble(
        parts: Parts,
        fault: impl Fn(tokenizers::Error) -> ModelError,
    ) -> Result<Self, ModelError> {
        let named = || {
            parts
                .added
                .iter()
                .filter(|added| !added.spelling.is_empty())
        };
        let control = || named().filter(|added| added.is_control);
        let shield = Shield::new(control().map(|added| added.spelling.as_str()))?;
        let tokens = parts
            .added
            .iter()
            .rev()
            .map(|added| (added.spelling.clone(), added.token));
        let forbidden = control()
            .filter(|added| !added.is_unknown)
            .map(|added| added.token);
        let vocabulary = Vocabulary::new(parts.cutter, tokens.collect(), forbidden.collect());
        let mut pipeline = TokenizerBuilder::new()
            .with_model(vocabulary)
            .with_normalizer(Some(Unshielded {
                own: parts.normalizer,
                spaces_start: parts.spaces_start,
            }))
            .with_pre_tokenizer(parts.pre_tokenizer)
            .with_post_processor(None::<PostProcessorWrapper>)
            .with_decoder(None::<DecoderWrapper>)
            .build()
            .map_err(&fault)?;
        pipeline
            .add_tokens(parts.added.iter().map(Added::to_crate))
            .map_err(&fault)?;
        Ok(Self {
            pipeline,
            bytes: parts.bytes,
            shield,
            ends: parts.ends,
            begin: parts.begin,
            begin_spelling: parts.begin_spelling,
            end_spelling: parts.end_spelling,
            adds_begin: parts.adds_begin,
            drops_first_space: parts.drops_first_space,
            has_visible_spaces: parts.has_visible_spaces,
            template: parts.template,
        })
    }

    /// Tokens in the vocabulary.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The token of a spelling, special ones included.
    #[must_use]
    pub fn token(&self, spelling: &str) -> Option<u32> {
        self.pipeline.token_to_id(spelling)
    }

    /// How a token is written, special ones included.
    #[must_use]
    pub fn spelling(&self, token: u32) -> Option<String> {
        self.pipeline.id_to_token(token)
    }

    /// Whether this token ends an answer.
    #[must_use]
    pub fn is_end(&self, token: u32) -> bool {
        self.ends.contains(&token)
    }

    /// What a token adds to a text: bytes that need not be whole characters; nothing for control tokens.
    #[must_use]
    pub fn bytes(&self, token: u32) -> &[u8] {
        self.bytes.get(token)
    }

    /// What the first token of an answer adds. Vocabularies that put a space in front of every text drop it here, so that an
    /// answer said again in the next turn is cut into the same tokens.
    #[must_use]
    pub fn first_bytes(&self, token: u32) -> &[u8] {
        let bytes = self.bytes.get(token);
        match bytes.strip_prefix(b" ") {
            Some(rest) if self.drops_first_space => rest,
            _ => bytes,
        }
    }

    /// The spelling of the token that begins a text, for templates; empty without one.
    #[must_use]
    pub fn begin_spelling(&self) -> &str {
        &self.begin_spelling
    }

    /// The spelling of the token that ends a text, for templates; empty without one.
    #[must_use]
    pub fn end_spelling(&self) -> &str {
        &self.end_spelling
    }

    /// The source of the chat template that came with the tokenizer.
    #[must_use]
    pub fn template_source(&self) -> Option<&str> {
        self.template.as_deref()
    }

    /// Marks spellings of control tokens in what somebody said, so that [`Tokenizer::encode`] reads them as plain text.
    #[must_use]
    pub fn shield(&self, said: &str) -> String {
        self.shield.raise(&self.spaced(said))
    }

    /// Cuts a filled template into tokens: special spellings become their tokens, shielded ones and all else plain text. Puts
    /// the beginning token in front where the model wants it and the template did not write it.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, ModelError> {
        let encoding = self
            .pipeline
            .encode_fast(self.spaced(text), false)
            .map_err(|e| ModelError::compute("the tokens of a text", e))?;
        let tokens = encoding.get_ids();
        let begin = self
            .begin
            .filter(|begin| self.adds_begin && tokens.first() != Some(begin));
        Ok(begin.into_iter().chain(tokens.iter().copied()).collect())
    }

    fn spaced<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.has_visible_spaces && text.contains(META) {
            Cow::Owned(text.replace(META, " "))
        } else {
            Cow::Borrowed(text)
        }
    }
}
