//! Tokenizers from the metadata of GGUF files.

use super::added::{Added, ENDS};
use super::bytes::{META, Speller, Spelling, byte_token};
use super::scores::Scores;
use super::vocabulary::Cutter;
use super::words::Words;
use super::{Parts, Tokenizer};
use crate::lm::error::ModelError;
use crate::lm::gguf::Gguf;
use std::collections::{BTreeSet, HashMap};
use tokenizers::models::bpe::BPE;
use tokenizers::normalizers::{Prepend, Replace, Sequence};
use tokenizers::{ModelWrapper, NormalizerWrapper};

// Values of `tokenizer.ggml.token_type`.
const NORMAL: i64 = 1;
const UNKNOWN: i64 = 2;
const CONTROL: i64 = 3;
const USER_DEFINED: i64 = 4;
const UNUSED: i64 = 5;
const BYTE: i64 = 6;

/// The tokenizer that `file` describes.
pub(super) fn read(file: &Gguf) -> Result<Tokenizer, ModelError> {
    let spellings = file
        .texts("tokenizer.ggml.tokens")
        .ok_or_else(|| file.broken("key \"tokenizer.ggml.tokens\" is missing"))?;
    let types = file.integers("tokenizer.ggml.token_type").unwrap_or(&[]);
    let tokens = Tokens {
        file,
        spellings,
        types,
    };
    let parts = match file.text("tokenizer.ggml.model").unwrap_or("") {
        "gpt2" => tokens.byte_level(),
        "llama" => tokens.sentence_piece(),
        other => Err(file.unsupported(format!(
            "tokenizer \"{other}\" is not supported; supported are gpt2 (byte-level BPE) and llama (SentencePiece)"
        ))),
    }?;
    Tokenizer::assemble(parts, |e| file.broken(format!("its tokenizer: {e}")))
}

/// The list of tokens, and the file for messages.
struct Tokens<'a> {
    file: &'a Gguf,
    spellings: &'a [String],
    types: &'a [i64],
}

impl Tokens<'_> {
    fn kind(&self, token: u32) -> i64 {
        self.types.get(token as usize).copied().unwrap_or(NORMAL)
    }

    fn each(&self) -> impl Iterator<Item = (u32, &String, i64)> {
        (0_u32..)
            .zip(self.spellings)
            .map(|(token, spelling)| (token, spelling, self.kind(token)))
    }

    /// A token that a key names, if the vocabulary has it.
    fn named(&self, key: &str, default: Option<u32>) -> Option<u32> {
        let named = self.file.integer(key);
        named
            .map_or(default, |token| u32::try_from(token).ok())
            .filter(|&token| (token as usize) < self.spellings.len())
    }

    /// Byte-pair encoding over GPT-2's letters for bytes.
    fn byte_level(&self) -> Result<Parts, ModelError> {
        let fault = |e: tokenizers::Error| self.file.broken(format!("its tokenizer: {e}"));
        let name = self.file.text("tokenizer.ggml.pre").unwrap_or("default");
        let words = Words::named(name).map_err(|e| self.file.unsupported(e))?;
        let model = BPE::builder()
            .vocab_and_merges(self.by_spelling(), self.merges()?)
            .ignore_merges(words.takes_whole_words)
            .build()
            .map_err(fault)?;
        let parts = Parts {
            normalizer: words.normalizer(),
            pre_tokenizer: Some(words.pre_tokenizer().map_err(fault)?),
            adds_begin: words.adds_begin,
            ..Parts::new(Cutter::Crate(Box::new(ModelWrapper::BPE(model))))
        };
        Ok(self.with_tokens(parts, Spelling::Letters, [None, None]))
    }

    fn by_spelling(&self) -> tokenizers::models::bpe::Vocab {
        let mut tokens: HashMap<&String, u32> = HashMap::with_capacity(self.spellings.len());
        for (token, spelling, _) in self.each() {
            tokens.entry(spelling).or_insert(token);
        }
        let owned = tokens.into_iter().map(|(s, token)| (s.clone(), token));
        owned.collect()
    }

    fn merges(&self) -> Result<Vec<(String, String)>, ModelError> {
        let known: std::collections::HashSet<&str> =
            self.spellings.iter().map(String::as_str).collect();
        let listed = self.file.texts("tokenizer.ggml.merges").unwrap_or(&[]);
        let mut merges = Vec::with_capacity(listed.len());
        let mut joined = String::new();
        for merge in listed {
            // The space after the first character: a merged piece may itself begin with one in some files, never be empty.
            let split = merge
                .char_indices()
                .skip(1)
                .find(|&(_, c)| c == ' ')
                .map(|(at, _)| (&merge[..at], &merge[at + 1..]));
            let sound = split.filter(|(a, b)| {
                joined.clear();
                joined.push_str(a);
                joined.push_str(b);
                known.contains(a) && known.contains(b) && known.contains(joined.as_str())
            });
            let (a, b) = sound.ok_or_else(|| {
                self.file.broken(format!(
                    "its tokenizer: the merge \"{merge}\" does not join two tokens to a third"
                ))
            })?;
            merges.push((a.to_owned(), b.to_owned()));
        }
        Ok(merges)
    }

    /// SentencePiece's joining by scores, with bytes for what is no piece.
    fn sentence_piece(&self) -> Result<Parts, ModelError> {
        let scores = self.file.floats("tokenizer.ggml.scores").unwrap_or(&[]);
        if scores.len() != self.spellings.len() {
            return Err(self.file.broken(format!(
                "its tokenizer has {} tokens and {} scores",
                self.spellings.len(),
                scores.len()
            )));
        }
        let pieces = self
            .each()
            .zip(scores)
            .filter(|((_, _, kind), _)| matches!(*kind, NORMAL | USER_DEFINED))
            .map(|((token, spelling, _), &score)| (spelling.replace(' ', META), token, score));
        let bytes = self
            .each()
            .filter(|&(_, _, kind)| kind == BYTE)
            .filter_map(|(token, spelling, _)| Some((byte_token(spelling)?, token)));
        let unknown = self.named("tokenizer.ggml.unknown_token_id", Some(0));
        let flag = |key: &str| self.file.flag(key);
        let adds_space = flag("tokenizer.ggml.add_space_prefix").unwrap_or(true);
        // Mistral's own tokenizer joins the pieces between control tokens without a space for each; Llama's adds one to each.
        let marks_turns = self
            .each()
            .any(|(_, spelling, kind)| kind == CONTROL && spelling == "[INST]");
        let squeezes = flag("tokenizer.ggml.remove_extra_whitespaces").unwrap_or(false);
        let parts = Parts {
            spaces_start: adds_space && marks_turns,
            normalizer: Some(
                spaces(adds_space && !marks_turns, squeezes)
                    .map_err(|e| ModelError::compute("the space rules of a tokenizer", e))?,
            ),
            adds_begin: true,
            drops_first_space: adds_space,
            has_visible_spaces: true,
            ..Parts::new(Cutter::Scores(Scores::new(pieces, bytes, unknown)))
        };
        // The defaults of the format for files that do not say.
        Ok(self.with_tokens(parts, Spelling::sentence_piece(), [Some(1), Some(2)]))
    }

    /// Adds what both families read alike: which tokens are special, what each stands for, where a text begins and ends.
    fn with_tokens(&self, parts: Parts, spelling: Spelling, defaults: [Option<u32>; 2]) -> Parts {
        let speller = Speller::new(spelling);
        let strips = self.strips_after_special();
        let mut parts = parts;
        for (token, spelling, kind) in self.each() {
            let bytes = match kind {
                UNKNOWN | CONTROL | UNUSED => Vec::new(),
                USER_DEFINED => speller.text(spelling).into_bytes(),
                _ => speller.bytes(spelling),
            };
            parts.bytes.push(&bytes);
            if matches!(kind, UNKNOWN | CONTROL | USER_DEFINED) && !spelling.is_empty() {
                let is_control = kind != USER_DEFINED;
                parts.added.push(Added {
                    token,
                    spelling: speller.text(spelling),
                    is_control,
                    is_unknown: kind == UNKNOWN,
                    strips_right: strips
                        && is_control
                        && !matches!(spelling.as_str(), "<unk>" | "<s>" | "<|endoftext|>"),
                    ..Added::default()
                });
            }
        }
        let [begin, end] = defaults;
        parts.begin = self.named("tokenizer.ggml.bos_token_id", begin);
        parts.end = self.named("tokenizer.ggml.eos_token_id", end);
        parts.ends = self.ends(parts.end);
        let spelled = |token: Option<u32>| {
            token
                .and_then(|token| self.spellings.get(token as usize).cloned())
                .unwrap_or_default()
        };
        parts.begin_spelling = spelled(parts.begin);
        parts.end_spelling = spelled(parts.end);
        if let Some(adds) = self.file.flag("tokenizer.ggml.add_bos_token") {
            parts.adds_begin = adds;
        }
        parts.template = self.file.text("tokenizer.chat_template").map(str::to_owned);
        parts
    }

    fn ends(&self, end: Option<u32>) -> BTreeSet<u32> {
        let known = self
            .each()
            .filter(|&(_, spelling, kind)| kind == CONTROL && ENDS.contains(&spelling.as_str()))
            .map(|(token, _, _)| token);
        let mut ends: BTreeSet<u32> = known.collect();
        ends.extend(end);
        ends.extend(self.named("tokenizer.ggml.eot_token_id", None));
        ends.extend(self.named("tokenizer.ggml.eom_token_id", None));
        ends
    }

    /// Phi-3's control tokens swallow the white space after them; GGUF has no field for that.
    fn strips_after_special(&self) -> bool {
        let name = self.file.text("general.name").unwrap_or("").to_lowercase();
        self.file.text("tokenizer.ggml.model") == Some("llama")
            && (self.file.text("general.architecture") == Some("phi3")
                || name.contains("phi-3")
                || name.contains("phi3"))
    }
}

/// SentencePiece's rules for spaces: those in excess away, one in front, and all made visible.
fn spaces(adds_space: bool, squeezes: bool) -> tokenizers::Result<NormalizerWrapper> {
    let mut rules = Vec::new();
    if squeezes {
        let pattern =
            |regex: &str| tokenizers::normalizers::replace::ReplacePattern::Regex(regex.to_owned());
        rules.push(NormalizerWrapper::Replace(Replace::new(
            pattern("^ +| +$"),
            "",
        )?));
        rules.push(NormalizerWrapper::Replace(Replace::new(
            pattern(" {2,}"),
            " ",
        )?));
    }
    if adds_space {
        rules.push(NormalizerWrapper::Prepend(Prepend::new(META.to_owned())));
    }
    rules.push(NormalizerWrapper::Replace(Replace::new(" ", META)?));
    Ok(NormalizerWrapper::Sequence(Sequence::new(rules)))
}
