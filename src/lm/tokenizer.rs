//! Text to tokens and back, from a GGUF file's metadata.
//!
//! Special tokens (the control tokens of the vocabulary) are recognised only where a chat template wrote them. In what people
//! and models say the same characters are plain text: [`Tokenizer::shield`] marks them before the template is filled, and the
//! mark is taken out before the text is cut into tokens.

use super::error::ModelError;
use super::gguf::Gguf;
use std::collections::{BTreeSet, HashMap};
use tokenizers::models::bpe::BPE;
use tokenizers::normalizers::unicode::NFC;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{
    DecoderWrapper, NormalizerWrapper, PostProcessorWrapper, PreTokenizerWrapper,
    SplitDelimiterBehavior, TokenizerBuilder, TokenizerImpl,
};

/// A noncharacter (Unicode 15, §23.7: for internal use, never exchanged) put into special spellings that are only text.
const SHIELD: char = '\u{fdd0}';

/// Types of GGUF's `tokenizer.ggml.token_type`.
const CONTROL: i64 = 3;
const USER_DEFINED: i64 = 4;

/// Spellings that end an answer in the models we know, when they are control tokens.
const ENDS: &[&str] = &[
    "<|im_end|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<|end|>",
    "<end_of_turn>",
    "</s>",
];

/// Pre-tokenizers by their names in GGUF.
const PRE_TOKENIZERS: &[&str] = &["default", "gpt-2", "smollm", "llama-bpe", "qwen2"];

const LLAMA_3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN_2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

type Pieces = TokenizerImpl<
    BPE,
    NormalizerWrapper,
    PreTokenizerWrapper,
    PostProcessorWrapper,
    DecoderWrapper,
>;

/// A vocabulary and the rules to cut text into it.
pub struct Tokenizer {
    pieces: Pieces,
    /// What each token stands for; empty for control tokens.
    bytes: Vec<Vec<u8>>,
    spellings: Vec<String>,
    /// Spellings of control and user-defined tokens, longest first.
    special: Vec<(String, u32)>,
    /// Spellings that only templates may use.
    control: Vec<String>,
    ends: BTreeSet<u32>,
    begin: Option<u32>,
    end: Option<u32>,
    adds_begin: bool,
}

impl Tokenizer {
    /// Builds the tokenizer that the file describes.
    pub fn from_gguf(file: &Gguf) -> Result<Self, ModelError> {
        let model = file.text("tokenizer.ggml.model").unwrap_or("");
        if model != "gpt2" {
            return Err(file.unsupported(format!(
                "tokenizer \"{model}\" is not supported; supported is gpt2 (byte-level BPE)"
            )));
        }
        let spellings = file
            .texts("tokenizer.ggml.tokens")
            .ok_or_else(|| file.broken("key \"tokenizer.ggml.tokens\" is missing"))?
            .to_vec();
        let types = file.integers("tokenizer.ggml.token_type").unwrap_or(&[]);
        let name = file.text("tokenizer.ggml.pre").unwrap_or("default");
        let pieces = pieces(file, &spellings, name)?;
        let letters = letters();
        let mut special = Vec::new();
        let mut control = Vec::new();
        let mut bytes = Vec::with_capacity(spellings.len());
        for (id, spelling) in (0_u32..).zip(&spellings) {
            let kind = types.get(id as usize).copied().unwrap_or(1);
            if (kind == CONTROL || kind == USER_DEFINED) && !spelling.is_empty() {
                special.push((spelling.clone(), id));
            }
            if kind == CONTROL && !spelling.is_empty() {
                control.push(spelling.clone());
            }
            bytes.push(match kind {
                CONTROL => Vec::new(),
                USER_DEFINED => spelling.clone().into_bytes(),
                _ => token_bytes(spelling, &letters),
            });
        }
        special.sort_by(|a, b| b.0.len().cmp(&a.0.len()).then(a.1.cmp(&b.1)));
        let id = |key: &str| {
            let id = file.integer(key).and_then(|id| u32::try_from(id).ok());
            id.filter(|&id| (id as usize) < spellings.len())
        };
        let begin = id("tokenizer.ggml.bos_token_id");
        let end = id("tokenizer.ggml.eos_token_id");
        let mut ends: BTreeSet<u32> = special
            .iter()
            .filter(|(spelling, _)| ENDS.contains(&spelling.as_str()))
            .map(|&(_, id)| id)
            .collect();
        ends.extend(end);
        ends.extend(id("tokenizer.ggml.eot_token_id"));
        Ok(Self {
            pieces,
            bytes,
            spellings,
            special,
            control,
            ends,
            begin,
            end,
            adds_begin: file
                .flag("tokenizer.ggml.add_bos_token")
                .unwrap_or(name == "llama-bpe"),
        })
    }

    /// Tokens in the vocabulary.
    #[must_use]
    pub fn len(&self) -> usize {
        self.spellings.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spellings.is_empty()
    }

    /// Whether this token ends an answer.
    #[must_use]
    pub fn is_end(&self, token: u32) -> bool {
        self.ends.contains(&token)
    }

    /// What a token adds to a text: bytes that need not be whole characters; nothing for control tokens.
    #[must_use]
    pub fn bytes(&self, token: u32) -> &[u8] {
        self.bytes.get(token as usize).map_or(&[], Vec::as_slice)
    }

    /// The spelling of the token that begins a text, for templates.
    #[must_use]
    pub fn begin_spelling(&self) -> &str {
        self.spelling(self.begin)
    }

    /// The spelling of the token that ends a text, for templates.
    #[must_use]
    pub fn end_spelling(&self) -> &str {
        self.spelling(self.end)
    }

    /// Marks spellings of control tokens in what somebody said, so that [`Tokenizer::encode`] reads them as plain text.
    #[must_use]
    pub fn shield(&self, said: &str) -> String {
        let mut text: String = said.chars().filter(|&c| c != SHIELD).collect();
        for spelling in &self.control {
            if let Some(first) = spelling.chars().next()
                && text.contains(spelling.as_str())
            {
                let (head, tail) = spelling.split_at(first.len_utf8());
                text = text.replace(spelling.as_str(), &format!("{head}{SHIELD}{tail}"));
            }
        }
        text
    }

    /// Cuts a filled template into tokens: special spellings become their tokens, shielded ones and all else plain text. Puts
    /// the beginning token in front where the model wants it and the template did not write it.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, ModelError> {
        let mut tokens = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let next = self
                .special
                .iter()
                .filter_map(|(spelling, id)| Some((rest.find(spelling.as_str())?, spelling, *id)))
                // The first in the text; of several there the longest, which comes first in the list.
                .reduce(|best, other| if other.0 < best.0 { other } else { best });
            let Some((at, spelling, id)) = next else {
                self.encode_plain(rest, &mut tokens)?;
                break;
            };
            self.encode_plain(&rest[..at], &mut tokens)?;
            tokens.push(id);
            rest = &rest[at + spelling.len()..];
        }
        if let (true, Some(begin)) = (self.adds_begin, self.begin)
            && tokens.first() != Some(&begin)
        {
            tokens.insert(0, begin);
        }
        Ok(tokens)
    }

    fn encode_plain(&self, text: &str, tokens: &mut Vec<u32>) -> Result<(), ModelError> {
        let plain: String = text.chars().filter(|&c| c != SHIELD).collect();
        if plain.is_empty() {
            return Ok(());
        }
        let encoding = self
            .pieces
            .encode_fast(plain, false)
            .map_err(|e| ModelError::compute("the tokens of a text", e))?;
        tokens.extend_from_slice(encoding.get_ids());
        Ok(())
    }

    fn spelling(&self, token: Option<u32>) -> &str {
        token
            .and_then(|token| self.spellings.get(token as usize))
            .map_or("", String::as_str)
    }
}

fn pieces(file: &Gguf, spellings: &[String], name: &str) -> Result<Pieces, ModelError> {
    let fault = |e: tokenizers::Error| file.broken(format!("its tokenizer: {e}"));
    let mut vocabulary: HashMap<&str, u32> = HashMap::with_capacity(spellings.len());
    for (id, spelling) in (0_u32..).zip(spellings) {
        vocabulary.entry(spelling).or_insert(id);
    }
    let mut merges = Vec::new();
    for merge in file.texts("tokenizer.ggml.merges").unwrap_or(&[]) {
        // The space after the first character: a merged piece may itself begin with one in some files, never be empty.
        let split = merge
            .char_indices()
            .skip(1)
            .find(|&(_, c)| c == ' ')
            .map(|(at, _)| (&merge[..at], &merge[at + 1..]));
        let known = split.filter(|(a, b)| {
            vocabulary.contains_key(a)
                && vocabulary.contains_key(b)
                && vocabulary.contains_key(format!("{a}{b}").as_str())
        });
        let (a, b) = known.ok_or_else(|| {
            file.broken(format!(
                "its tokenizer: the merge \"{merge}\" does not join two tokens to a third"
            ))
        })?;
        merges.push((a.to_owned(), b.to_owned()));
    }
    let vocabulary: tokenizers::models::bpe::Vocab = vocabulary
        .into_iter()
        .map(|(spelling, id)| (spelling.to_owned(), id))
        .collect();
    let model = BPE::builder()
        .vocab_and_merges(vocabulary, merges)
        .ignore_merges(name == "llama-bpe")
        .build()
        .map_err(fault)?;
    let normalizer = (name == "qwen2").then(|| NormalizerWrapper::NFC(NFC));
    TokenizerBuilder::new()
        .with_model(model)
        .with_normalizer(normalizer)
        .with_pre_tokenizer(Some(pre_tokenizer(file, name)?))
        .with_post_processor(None::<PostProcessorWrapper>)
        .with_decoder(None::<DecoderWrapper>)
        .build()
        .map_err(fault)
}

fn pre_tokenizer(file: &Gguf, name: &str) -> Result<PreTokenizerWrapper, ModelError> {
    let fault = |e: tokenizers::Error| file.broken(format!("its tokenizer: {e}"));
    let by_pattern = |pattern: &str| {
        let pattern = SplitPattern::Regex(pattern.to_owned());
        Split::new(pattern, SplitDelimiterBehavior::Isolated, false).map_err(fault)
    };
    let gpt_2 = PreTokenizerWrapper::ByteLevel(ByteLevel::new(false, false, true));
    let bytes = PreTokenizerWrapper::ByteLevel(ByteLevel::new(false, false, false));
    let parts = match name {
        "default" | "gpt-2" => vec![gpt_2],
        "smollm" => vec![PreTokenizerWrapper::Digits(Digits::new(true)), gpt_2],
        "llama-bpe" => vec![PreTokenizerWrapper::Split(by_pattern(LLAMA_3)?), bytes],
        "qwen2" => vec![PreTokenizerWrapper::Split(by_pattern(QWEN_2)?), bytes],
        other => {
            return Err(file.unsupported(format!(
                "pre-tokenizer \"{other}\" is not supported; supported are {}",
                PRE_TOKENIZERS.join(", ")
            )));
        }
    };
    Ok(PreTokenizerWrapper::Sequence(Sequence::new(parts)))
}

/// GPT-2's letters for bytes (Radford et al. 2019, `encoder.py`): printable ones stand for themselves, the others from U+0100 on.
fn letters() -> HashMap<char, u8> {
    let printable = |b: u8| matches!(b, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    let mut next = 0x100_u32;
    let mut letters = HashMap::with_capacity(256);
    for byte in 0..=255_u8 {
        if printable(byte) {
            letters.insert(char::from(byte), byte);
        } else {
            letters.extend(char::from_u32(next).map(|letter| (letter, byte)));
            next += 1;
        }
    }
    letters
}

fn token_bytes(spelling: &str, letters: &HashMap<char, u8>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(spelling.len());
    for c in spelling.chars() {
        match letters.get(&c) {
            Some(&byte) => bytes.push(byte),
            None => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes
}
