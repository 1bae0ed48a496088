//! Spec files: the presets of jobs, a person's own files, and `spec.toml` of a run.
//!
//! ```toml
//! kind = "finetune"
//! title = "arithmetic expert"
//! about = "One sentence for lists."     # presets only
//!
//! [parameters]
//! seed = 1
//! ```
//!
//! A run's file has three more parts: what wrote it, `[hashes]` of all files that decide its results, and `[machine]`, which
//! never does.

use super::builtin;
use super::error::StoreError;
use super::layer::{self, Node, Value as Toml};
use super::paths::Paths;
use super::preset::Problem;
use super::source;
use super::write;
use crate::domain::clock::Millis;
use crate::domain::parameter::Value;
use crate::domain::run::JobCard;
use crate::domain::spec::{Flaw, Spec};
use crate::domain::spelling::nearest;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Words that a spec file may have beside its parameters.
const FIELDS: [&str; 4] = ["kind", "title", "about", "parameters"];

/// A job preset as lists show it, broken ones included.
#[derive(Debug, Clone, PartialEq)]
pub struct JobPreset {
    /// The file's stem.
    pub name: String,
    /// The user's file, if there is one.
    pub path: Option<PathBuf>,
    pub is_builtin: bool,
    /// One sentence.
    pub about: String,
    /// With all parameters filled in, or all that is wrong with it.
    pub spec: Result<Spec, Vec<Problem>>,
}

/// All job presets: the built-in ones in their order (the user's fields merged in), then the user's own, alphabetically.
#[must_use]
pub fn presets(paths: &Paths, cards: &[JobCard]) -> Vec<JobPreset> {
    let mut users = source::toml_files(&paths.job_presets());
    let mut presets = Vec::new();
    for (name, text) in builtin::JOB_PRESETS {
        let own = users.iter().position(|(user, _)| user == name);
        let path = own.map(|at| users.remove(at).1);
        presets.push(preset(name, Some(text), path, cards));
    }
    presets.extend(
        users
            .into_iter()
            .map(|(name, path)| preset(&name, None, Some(path), cards)),
    );
    presets
}

fn preset(name: &str, text: Option<&str>, path: Option<PathBuf>, cards: &[JobCard]) -> JobPreset {
    let node = merged(name, text, path.as_deref());
    let about = node.as_ref().ok().and_then(|node| node.field("about"));
    JobPreset {
        name: name.to_owned(),
        is_builtin: text.is_some(),
        about: about.and_then(Node::text).unwrap_or_default().to_owned(),
        spec: node
            .map_err(|problem| vec![problem])
            .and_then(|node| spec(&node, name, cards)),
        path,
    }
}

fn merged(name: &str, text: Option<&str>, path: Option<&Path>) -> Result<Node, Problem> {
    let base = text.map(|text| layer::parse(&format!("{name}.toml"), text));
    let Some(path) = path else {
        return base.unwrap_or_else(|| layer::parse(name, ""));
    };
    let own = source::read_optional(path)?.unwrap_or_default();
    let own = layer::parse(&path.display().to_string(), &own)?;
    match base {
        Some(base) => Ok(own.over(base?)),
        None => Ok(own),
    }
}

/// The spec in a text, with all parameters filled in.
///
/// # Errors
/// With all that is wrong, each with its line.
pub fn parse(file: &str, text: &str, cards: &[JobCard]) -> Result<Spec, Vec<Problem>> {
    let node = layer::parse(file, text).map_err(|problem| vec![problem])?;
    let stem = Path::new(file).file_stem().unwrap_or_default();
    spec(&node, &stem.to_string_lossy(), cards)
}

/// The same with only what the text says: values that a person must say may still come from elsewhere.
///
/// # Errors
/// With all that is wrong, each with its line.
pub fn parse_open(file: &str, text: &str, cards: &[JobCard]) -> Result<Spec, Vec<Problem>> {
    let node = layer::parse(file, text).map_err(|problem| vec![problem])?;
    let stem = Path::new(file).file_stem().unwrap_or_default();
    read(&node, &stem.to_string_lossy(), cards, Whole::No)
}

/// Whether values that a person must say have to be there.
#[derive(Clone, Copy, PartialEq)]
enum Whole {
    Yes,
    No,
}

fn spec(node: &Node, name: &str, cards: &[JobCard]) -> Result<Spec, Vec<Problem>> {
    read(node, name, cards, Whole::Yes)
}

fn read(node: &Node, name: &str, cards: &[JobCard], whole: Whole) -> Result<Spec, Vec<Problem>> {
    let mut problems = unknown_fields(node);
    let known = || cards.iter().map(|card| card.kind.as_str());
    let Some(kind) = node.field("kind") else {
        let kinds: Vec<&str> = known().collect();
        let text = format!("kind is missing; give one of {}", kinds.join(", "));
        problems.push(node.place.problem(text));
        return Err(problems);
    };
    let word = kind.text().unwrap_or_default();
    let Some(card) = cards.iter().find(|card| card.kind == word) else {
        let meant = match nearest(word, known()) {
            Some(meant) => format!("did you mean \"{meant}\"?"),
            None => format!("known: {}", known().collect::<Vec<_>>().join(", ")),
        };
        let text = format!("there is no kind of job \"{word}\"; {meant}");
        problems.push(kind.place.problem(text));
        return Err(problems);
    };
    let parameters = node.field("parameters").and_then(Node::table);
    let mut values = BTreeMap::new();
    for (key, node) in parameters.into_iter().flatten() {
        match value(node) {
            Some(value) => {
                values.insert(key.clone(), value);
            }
            None => problems.push(node.place.problem(format!(
                "{key}: give a word, a number, true or false, or a list of words"
            ))),
        }
    }
    let title = node.field("title").and_then(Node::text).unwrap_or(name);
    let spec = Spec {
        kind: card.kind.clone(),
        title: title.to_owned(),
        values,
    };
    let filled = spec.filled(card);
    if let Err(flaws) = &filled {
        let counts = |flaw: &&Flaw| whole == Whole::Yes || !is_missing(flaw, &spec);
        let flaws = flaws.iter().filter(counts);
        problems.extend(flaws.map(|flaw| located(flaw, node)));
    }
    match filled {
        _ if !problems.is_empty() => Err(problems),
        Ok(filled) if whole == Whole::Yes => Ok(filled),
        _ => Ok(spec),
    }
}

fn is_missing(flaw: &Flaw, spec: &Spec) -> bool {
    let key = flaw.key.as_ref();
    key.is_some_and(|key| !spec.values.contains_key(key))
}

fn located(flaw: &Flaw, root: &Node) -> Problem {
    let table = root.field("parameters");
    let at = flaw
        .key
        .as_ref()
        .and_then(|key| table.and_then(|table| table.field(key)))
        .or(table)
        .unwrap_or(root);
    at.place.problem(flaw.message.clone())
}

fn unknown_fields(node: &Node) -> Vec<Problem> {
    let fields = node.table().into_iter().flatten();
    let unknown = fields.filter(|(key, _)| !FIELDS.contains(&key.as_str()));
    unknown
        .map(|(key, field)| {
            let meant = match nearest(key, FIELDS) {
                Some(meant) => format!("did you mean \"{meant}\"?"),
                None => "parameters of the job stand under [parameters]".to_owned(),
            };
            let text = format!("unknown field \"{key}\"; {meant}");
            field.place.problem(text)
        })
        .collect()
}

fn value(node: &Node) -> Option<Value> {
    Some(match &node.value {
        Toml::Bool(flag) => Value::Flag(*flag),
        Toml::Integer(number) => Value::Whole(*number),
        Toml::Float(number) => Value::Real(*number),
        Toml::Text(text) => Value::Text(text.clone()),
        Toml::List(items) => {
            let words = items.iter().map(|item| item.text().map(str::to_owned));
            Value::Words(words.collect::<Option<Vec<String>>>()?)
        }
        Toml::Table(_) => return None,
    })
}

/// `spec.toml` of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunSpec {
    pub kind: String,
    pub title: String,
    /// The job's format version: what its parameters and checkpoints mean.
    pub format: u32,
    /// The program's version that made the run.
    pub program: String,
    pub created: Millis,
    #[serde(default)]
    pub machine: MachineSpec,
    pub parameters: BTreeMap<String, Value>,
    /// SHA-256 of base, adapters and data by name; noted when the run first looks at them and compared ever after.
    #[serde(default)]
    pub hashes: BTreeMap<String, String>,
}

/// How the machine is used; never changes a result.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct MachineSpec {
    /// Threads; 0 takes the setting.
    pub threads: usize,
    /// `cpu`, `cuda:0`; empty takes the setting.
    pub device: String,
    pub local_only: bool,
}

impl RunSpec {
    /// What the person asked for.
    #[must_use]
    pub fn spec(&self) -> Spec {
        Spec {
            kind: self.kind.clone(),
            title: self.title.clone(),
            values: self.parameters.clone(),
        }
    }

    /// Reads the file of a run.
    ///
    /// # Errors
    /// When it is not there or is no such file.
    pub fn read(path: &Path) -> Result<RunSpec, StoreError> {
        let text = std::fs::read_to_string(path).map_err(StoreError::io("read", path))?;
        toml::from_str(&text).map_err(|error| {
            StoreError::Invalid(format!("{}: {}", path.display(), error.message()))
        })
    }

    /// Writes the file of a run.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn write(&self, path: &Path) -> Result<(), StoreError> {
        let text = toml::to_string(self)
            .map_err(|error| StoreError::Invalid(format!("{}: {error}", path.display())))?;
        write::atomically(path, text.as_bytes())
    }
}
