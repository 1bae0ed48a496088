//! Tokenizers from the files of a Hugging Face model folder.
//!
//! `tokenizer.json` holds the vocabulary and its rules; the small files beside it say where a text begins, what ends an
//! answer, and how a conversation is written.

use super::added::{Added, ENDS, looks_like_control};
use super::bytes::{META, Speller, Spelling};
use super::vocabulary::Cutter;
use super::{Parts, Tokenizer};
use crate::lm::error::ModelError;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use tokenizers::{Model, ModelWrapper, NormalizerWrapper, PreTokenizerWrapper};

/// Numbers that may be missing between the tokens of a vocabulary before the file is called broken.
const MAX_HOLES: usize = 1 << 16;

/// The tokenizer of `folder`.
pub(super) fn read(folder: &Path) -> Result<Tokenizer, ModelError> {
    let path = folder.join("tokenizer.json");
    let file: TokenizerFile = match read_json(&path)? {
        Some(file) => file,
        None => return Err(missing(folder)),
    };
    let settings = Settings::read(folder)?;
    let parts = parts(file, &settings, &path)?;
    Tokenizer::assemble(parts, |e| broken(&path, format!("its tokenizer: {e}")))
}

/// What `tokenizer.json` holds.
#[derive(Deserialize)]
struct TokenizerFile {
    #[serde(default)]
    added_tokens: Vec<AddedEntry>,
    normalizer: Option<NormalizerWrapper>,
    pre_tokenizer: Option<PreTokenizerWrapper>,
    #[serde(default)]
    post_processor: Value,
    #[serde(default)]
    decoder: Value,
    model: ModelWrapper,
}

#[derive(Deserialize)]
#[allow(clippy::struct_excessive_bools, reason = "the fields of the file")]
struct AddedEntry {
    id: u32,
    content: String,
    #[serde(default)]
    special: bool,
    #[serde(default)]
    single_word: bool,
    #[serde(default)]
    lstrip: bool,
    #[serde(default)]
    rstrip: bool,
    #[serde(default)]
    normalized: bool,
}

/// What the small files say; a file that is not there says nothing.
struct Settings {
    tokenizer: Value,
    special: Value,
    generation: Value,
    model: Value,
    template: Option<String>,
}

impl Settings {
    fn read(folder: &Path) -> Result<Self, ModelError> {
        let json = |name: &str| -> Result<Value, ModelError> {
            Ok(read_json(&folder.join(name))?.unwrap_or_default())
        };
        let tokenizer = json("tokenizer_config.json")?;
        let template = match read_text(&folder.join("chat_template.jinja"))? {
            Some(template) => Some(template),
            None => named_template(&tokenizer["chat_template"]).or(named_template(
                &json("chat_template.json")?["chat_template"],
            )),
        };
        Ok(Self {
            tokenizer,
            special: json("special_tokens_map.json")?,
            generation: json("generation_config.json")?,
            model: json("config.json")?,
            template,
        })
    }

    /// The spelling of a special token such as `bos_token`.
    fn special(&self, name: &str) -> Option<&str> {
        [&self.tokenizer, &self.special]
            .into_iter()
            .find_map(|file| {
                let entry = &file[name];
                entry.as_str().or_else(|| entry["content"].as_str())
            })
    }

    /// Tokens that end an answer: one number or several, of the generation's settings or else of the model's.
    fn ends(&self) -> Vec<u32> {
        let numbers = |value: &Value| -> Vec<u32> {
            let all = value
                .as_array()
                .map_or(std::slice::from_ref(value), Vec::as_slice);
            all.iter()
                .filter_map(|n| u32::try_from(n.as_u64()?).ok())
                .collect()
        };
        let own = numbers(&self.generation["eos_token_id"]);
        if own.is_empty() {
            numbers(&self.model["eos_token_id"])
        } else {
            own
        }
    }
}

/// A template alone, or the one called "default" of several.
fn named_template(value: &Value) -> Option<String> {
    let several = value.as_array().map_or(&[][..], Vec::as_slice);
    let default = several.iter().find(|entry| entry["name"] == "default");
    value
        .as_str()
        .or_else(|| default?["template"].as_str())
        .map(str::to_owned)
}

fn parts(file: TokenizerFile, settings: &Settings, path: &Path) -> Result<Parts, ModelError> {
    let decoding = Decoding::read(&file.decoder, path)?;
    let mut model = file.model;
    if let ModelWrapper::BPE(bpe) = &mut model {
        // Meant for training: with it the same text would give other tokens each time.
        bpe.dropout = None;
    }
    let added: Vec<Added> = file.added_tokens.into_iter().map(Added::from).collect();
    let unknown = unknown(&model, settings);
    let speller = Speller::new(decoding.spelling);
    let mut bytes: Vec<Option<Vec<u8>>> = Vec::new();
    let vocabulary = model.get_vocab();
    let most = vocabulary.len() + added.len() + MAX_HOLES;
    let mut put = |token: u32, spelled: Vec<u8>| {
        let token = token as usize;
        if token >= most {
            return Err(broken(
                path,
                format!("token {token} is far beyond the vocabulary"),
            ));
        }
        if token >= bytes.len() {
            bytes.resize(token + 1, None);
        }
        bytes[token] = Some(spelled);
        Ok(())
    };
    for (spelling, &token) in &vocabulary {
        put(token, speller.bytes(spelling))?;
    }
    for token in &added {
        let is_silent = token.is_special;
        let spelled = if is_silent {
            String::new()
        } else {
            speller.text(&token.spelling)
        };
        put(token.token, spelled.into_bytes())?;
    }
    let find = |spelling: &str| {
        let by_spelling = added.iter().find(|added| added.spelling == spelling);
        by_spelling.map_or_else(
            || vocabulary.get(spelling).copied(),
            |added| Some(added.token),
        )
    };
    let spelling_of = |name: &str| settings.special(name).unwrap_or_default().to_owned();
    let (begin_spelling, end_spelling) = (spelling_of("bos_token"), spelling_of("eos_token"));
    let (begin, end) = (find(&begin_spelling), find(&end_spelling));
    let known = added
        .iter()
        .filter(|added| added.is_control && ENDS.contains(&added.spelling.as_str()));
    let ends: BTreeSet<u32> = known
        .map(|added| added.token)
        .chain(end)
        .chain(settings.ends())
        .collect();
    let adds_begin = settings.tokenizer["add_bos_token"]
        .as_bool()
        .unwrap_or_else(|| puts_in_front(&file.post_processor, &begin_spelling));
    let mut parts = Parts::new(Cutter::Crate(Box::new(model)));
    for spelled in &bytes {
        parts.bytes.push(spelled.as_deref().unwrap_or(&[]));
    }
    Ok(Parts {
        normalizer: file.normalizer,
        pre_tokenizer: file.pre_tokenizer,
        added: added
            .into_iter()
            .map(|added| Added {
                is_unknown: unknown.as_deref() == Some(added.spelling.as_str()),
                ..added
            })
            .collect(),
        begin,
        begin_spelling,
        end_spelling,
        ends,
        adds_begin,
        drops_first_space: decoding.drops_first_space,
        template: settings.template.clone(),
        ..parts
    })
}

impl From<AddedEntry> for Added {
    fn from(entry: AddedEntry) -> Self {
        Self {
            token: entry.id,
            is_control: entry.special || looks_like_control(&entry.content),
            is_special: entry.special,
            spelling: entry.content,
            is_unknown: false,
            strips_left: entry.lstrip,
            strips_right: entry.rstrip,
            is_word: entry.single_word,
            is_normalized: entry.normalized,
        }
    }
}

/// The spelling of the token for what has no token.
fn unknown(model: &ModelWrapper, settings: &Settings) -> Option<String> {
    match model {
        ModelWrapper::BPE(bpe) => bpe.unk_token.clone(),
        _ => settings.special("unk_token").map(str::to_owned),
    }
}

/// Whether a post-processor begins every text with the token `begin`.
fn puts_in_front(processor: &Value, begin: &str) -> bool {
    let steps = processor["processors"].as_array();
    steps
        .map_or(std::slice::from_ref(processor), Vec::as_slice)
        .iter()
        .any(|step| step["single"][0]["SpecialToken"]["id"] == begin && !begin.is_empty())
}

/// How text is made of tokens.
struct Decoding {
    spelling: Spelling,
    drops_first_space: bool,
}

impl Decoding {
    /// Reads the decoder's steps; the error names the first that is not known.
    fn read(decoder: &Value, path: &Path) -> Result<Self, ModelError> {
        let steps = decoder["decoders"].as_array();
        let steps = steps.map_or(std::slice::from_ref(decoder), Vec::as_slice);
        let mut letters = false;
        let mut replaced = Vec::new();
        let mut drops_first_space = false;
        for step in steps {
            match step["type"].as_str().unwrap_or("none") {
                "ByteLevel" => letters = true,
                "ByteFallback" | "Fuse" => {}
                "Replace" => {
                    let written = step["pattern"]["String"].as_str().unwrap_or_default();
                    let meant = step["content"].as_str().unwrap_or_default();
                    if !written.is_empty() {
                        replaced.push((written.to_owned(), meant.to_owned()));
                    }
                }
                "Metaspace" => {
                    let mark = step["replacement"].as_str().unwrap_or(META);
                    replaced.push((mark.to_owned(), " ".to_owned()));
                    drops_first_space =
                        step["prepend_scheme"] != "never" && step["add_prefix_space"] != false;
                }
                "Strip" => drops_first_space = step["content"] == " " && step["start"] != 0,
                other => {
                    return Err(ModelError::Unsupported {
                        path: path.to_owned(),
                        what: format!(
                            "its decoder \"{other}\" is not supported; supported are ByteLevel, Metaspace, and sequences of Replace, ByteFallback, Fuse and Strip"
                        ),
                    });
                }
            }
        }
        let spelling = if letters {
            Spelling::Letters
        } else {
            Spelling::Text { replaced }
        };
        Ok(Self {
            spelling,
            drops_first_space,
        })
    }
}

fn missing(folder: &Path) -> ModelError {
    let other = ["tokenizer.model", "vocab.json", "tekken.json"]
        .into_iter()
        .find(|name| folder.join(name).exists());
    let what = other.map_or_else(
        || "it has no tokenizer.json".to_owned(),
        |name| {
            format!(
                "it has {name} and no tokenizer.json; `AutoTokenizer.from_pretrained(…).save_pretrained(…)` of transformers writes one"
            )
        },
    );
    ModelError::Unsupported {
        path: folder.to_owned(),
        what,
    }
}

/// A file's content; nothing where there is no such file.
fn read_text(path: &Path) -> Result<Option<String>, ModelError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(ModelError::Io {
            path: path.to_owned(),
            source: e,
        }),
    }
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, ModelError> {
    let Some(text) = read_text(path)? else {
        return Ok(None);
    };
    serde_json::from_str(&text)
        .map(Some)
        .map_err(|e| broken(path, e.to_string()))
}

fn broken(path: &Path, what: String) -> ModelError {
    let path: PathBuf = path.to_owned();
    ModelError::Broken { path, what }
}
