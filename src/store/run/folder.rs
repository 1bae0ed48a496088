//! Where the parts of a run lie, and finding runs by what a person types.

use crate::domain::clock::Millis;
use crate::domain::id::RunId;
use crate::store::error::StoreError;
use crate::store::lock::{self, Lock};
use crate::store::paths::Paths;
use crate::store::session_id;
use std::fs;
use std::path::{Path, PathBuf};

/// The places of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFolder {
    pub id: RunId,
    pub root: PathBuf,
}

impl RunFolder {
    /// The folder of a run, whether it is there or not.
    #[must_use]
    pub fn of(paths: &Paths, id: &RunId) -> RunFolder {
        RunFolder {
            id: id.clone(),
            root: paths.runs().join(&id.0),
        }
    }

    /// Makes the folder of a new run.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn create(paths: &Paths, now: Millis) -> Result<RunFolder, StoreError> {
        let folder = Self::of(paths, &RunId(session_id::fresh(now).0));
        for part in [&folder.root, &folder.checkpoints(), &folder.results()] {
            fs::create_dir_all(part).map_err(StoreError::io("create the folder", part))?;
        }
        Ok(folder)
    }

    /// All that determines the run.
    #[must_use]
    pub fn spec(&self) -> PathBuf {
        self.root.join("spec.toml")
    }

    #[must_use]
    pub fn events(&self) -> PathBuf {
        self.root.join("events.jsonl")
    }

    #[must_use]
    pub fn checkpoints(&self) -> PathBuf {
        self.root.join("checkpoint")
    }

    /// What the run makes, unless its spec says elsewhere.
    #[must_use]
    pub fn results(&self) -> PathBuf {
        self.root.join("results")
    }

    /// What the run's process writes to its standard streams: nothing, unless something goes very wrong.
    #[must_use]
    pub fn output(&self) -> PathBuf {
        self.root.join("output.txt")
    }

    pub(super) fn control(&self) -> PathBuf {
        self.root.join("control.json")
    }

    pub(super) fn process(&self) -> PathBuf {
        self.root.join("process.json")
    }

    pub(super) fn summary(&self) -> PathBuf {
        self.root.join(".summary.json")
    }

    /// A little space that is given back when the disk is full, so that the last words fit.
    pub(super) fn reserve(&self) -> PathBuf {
        self.root.join(".reserve")
    }

    fn lock_path(&self) -> PathBuf {
        self.root.join("lock")
    }

    /// The right to work on the run and to append to its log.
    ///
    /// # Errors
    /// [`StoreError::Locked`] while a living process has it.
    pub fn lock(&self) -> Result<Lock, StoreError> {
        if !self.root.is_dir() {
            return Err(missing(&self.id.0, Vec::new()));
        }
        Lock::take(&self.lock_path(), "run", &self.id.0)
    }

    /// Whether a living process works on it.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.root.is_dir() && lock::held_by(&self.lock_path()).is_some()
    }

    /// Bytes of everything in the folder.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        bytes_of(&self.root)
    }

    /// Removes the run for good.
    ///
    /// # Errors
    /// While a process works on it, or when the disk refuses.
    pub fn remove(&self) -> Result<(), StoreError> {
        let _lock = self.lock()?;
        fs::remove_dir_all(&self.root).map_err(StoreError::io("remove", &self.root))
    }
}

/// All runs, the newest last.
#[must_use]
pub fn all(paths: &Paths) -> Vec<RunFolder> {
    let Ok(entries) = fs::read_dir(paths.runs()) else {
        return Vec::new();
    };
    let mut folders: Vec<RunFolder> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.join("spec.toml").is_file())
        .filter_map(|root| {
            let id = RunId(root.file_name()?.to_str()?.to_owned());
            Some(RunFolder { id, root })
        })
        .collect();
    folders.sort_by(|a, b| a.id.cmp(&b.id));
    folders
}

/// The run that a person means: its whole name, a beginning or end that only it has, or `last`.
///
/// # Errors
/// When none or several fit.
pub fn resolve(paths: &Paths, text: &str) -> Result<RunFolder, StoreError> {
    let mut folders = all(paths);
    let names = |folders: &[RunFolder]| -> Vec<String> {
        let newest = folders.iter().rev().take(5);
        newest.map(|folder| folder.id.0.clone()).collect()
    };
    if text == "last" {
        return folders.pop().ok_or_else(|| missing(text, Vec::new()));
    }
    if let Some(at) = folders.iter().position(|folder| folder.id.0 == text) {
        return Ok(folders.swap_remove(at));
    }
    let known = names(&folders);
    folders.retain(|folder| folder.id.0.starts_with(text) || folder.id.0.ends_with(text));
    match folders.as_slice() {
        [folder] if !text.is_empty() => Ok(folder.clone()),
        [] | [_] => Err(missing(text, known)),
        several => Err(StoreError::Invalid(format!(
            "\"{text}\" fits {} runs; write more of the name: {}",
            several.len(),
            names(several).join(", ")
        ))),
    }
}

fn missing(name: &str, known: Vec<String>) -> StoreError {
    StoreError::Missing {
        what: "run",
        name: name.to_owned(),
        known,
    }
}

pub(super) fn bytes_of(path: &Path) -> u64 {
    let Ok(metadata) = fs::symlink_metadata(path) else {
        return 0;
    };
    if !metadata.is_dir() {
        return metadata.len();
    }
    let entries = fs::read_dir(path).into_iter().flatten();
    entries
        .filter_map(Result::ok)
        .map(|entry| bytes_of(&entry.path()))
        .sum()
}
