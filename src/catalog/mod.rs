//! Which models exist, where they come from, and how they get on disk.
//!
//! A model is known by the name of its table in the catalog, by a file name, or by a path. A file in the models folder under
//! its own name is complete and checked; everything unfinished has another name. Knows no engine and no screen.

mod checksum;
mod entry;
mod list;
mod lock;
mod place;
mod progress;
mod pull;
mod source;
pub mod space;
mod surroundings;

pub use entry::{Entry, SourceSpec, WheelPart};
pub use progress::human_bytes;
pub use pull::Permit;
pub use source::MAKE_ROOM;
pub use surroundings::{PUBLIC_HUB, Surroundings};

use crate::domain::cancel::Cancel;
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::model::{ModelInfo, ModelState, PullStage};
use crate::store::paths::Paths;
use crate::store::preset::Problem;
use checksum::Digest;
use place::Place;
use progress::{Listener, Reporter};
use source::Disk;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// The file that makes a folder a model.
const FOLDER_MARK: &str = "config.json";

/// The model of a first run.
pub const DEFAULT_MODEL: &str = "smollm2-135m";

/// All known models.
pub struct Catalog {
    entries: BTreeMap<String, Entry>,
    models: PathBuf,
    disk: Disk,
    surroundings: Surroundings,
}

/// What a look at a model's file found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub path: PathBuf,
    pub sha256: String,
    /// The checksum it was compared with; none where none is known.
    pub expected: Option<String>,
}

impl Catalog {
    /// The built-in catalog with the user's `models.toml` over it; `extra` are folders or files with further models.
    #[must_use]
    pub fn load(paths: &Paths, extra: &[String]) -> (Catalog, Vec<Problem>) {
        Self::with_surroundings(paths, extra, Surroundings::from_env())
    }

    /// The same with given servers, tokens and programs.
    #[must_use]
    pub fn with_surroundings(
        paths: &Paths,
        extra: &[String],
        surroundings: Surroundings,
    ) -> (Catalog, Vec<Problem>) {
        let (entries, problems) = list::read(&paths.models_file());
        let disk = Disk {
            named: extra
                .iter()
                .map(|path| surroundings::expand_home(path))
                .collect(),
            hub_cache: surroundings.hub_cache.clone(),
        };
        let catalog = Catalog {
            entries,
            models: paths.models(),
            disk,
            surroundings,
        };
        (catalog, problems)
    }

    /// All models: the default first, then by memory; files on disk that no entry names come last.
    #[must_use]
    pub fn list(&self) -> Vec<ModelInfo> {
        let mut entries: Vec<&Entry> = self.entries.values().collect();
        entries.sort_by_key(|entry| (entry.name != DEFAULT_MODEL, entry.memory(), &entry.name));
        let mut models: Vec<ModelInfo> =
            entries.into_iter().map(|entry| self.info(entry)).collect();
        models.extend(self.unlisted());
        models
    }

    /// A catalogued model by name.
    #[must_use]
    pub fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.get(name)
    }

    /// The file of a model: a name of the catalog, a path to a GGUF file or to a folder of safetensors files, or the name of
    /// a file in one of the folders.
    ///
    /// # Errors
    /// Says what is known and how to get the model. Never touches the network.
    pub fn resolve(&self, name: &str) -> Result<PathBuf, Fault> {
        if let Some(entry) = self.entries.get(name) {
            return self.resolve_entry(entry);
        }
        let path = surroundings::expand_home(name);
        if path.join(FOLDER_MARK).is_file() {
            return Ok(path);
        }
        if path.is_file() {
            return check_magic(path);
        }
        let unlisted = self.disk.all_files(&self.models).into_iter().find(|path| {
            [path.file_name(), path.file_stem()]
                .into_iter()
                .flatten()
                .any(|part| part == name)
        });
        if let Some(path) = unlisted {
            return check_magic(path);
        }
        let looks_like_path = name.contains(['/', '\\']) || name.ends_with(".gguf");
        if looks_like_path {
            let message = format!("there is no model file {}", path.display());
            return Err(Fault::new(FaultClass::ModelUnavailable, message));
        }
        let known: Vec<&str> = self.entries.keys().map(String::as_str).collect();
        let message = format!("model \"{name}\" is not known; known: {}", known.join(", "));
        Err(Fault::new(FaultClass::ModelUnavailable, message)
            .with_hint("name a .gguf file, or add the model to models.toml"))
    }

    fn resolve_entry(&self, entry: &Entry) -> Result<PathBuf, Fault> {
        let name = &entry.name;
        let unavailable = |message: String| Fault::new(FaultClass::ModelUnavailable, message);
        match self.state(entry) {
            ModelState::Ready { path } => Ok(path),
            ModelState::Broken { why } => Err(Fault::new(
                FaultClass::BadData,
                format!("model \"{name}\" is broken: {why}"),
            )
            .with_hint(format!("synod models pull {name} gets it again"))),
            ModelState::Partial { bytes } => Err(unavailable(format!(
                "model \"{name}\" is not complete: {} so far",
                human_bytes(bytes)
            ))
            .with_hint(format!("synod models pull {name} continues"))),
            ModelState::Missing => Err(unavailable(format!(
                "model \"{name}\" is not on this machine"
            ))
            .with_hint(format!("synod models pull {name}"))),
        }
    }

    fn info(&self, entry: &Entry) -> ModelInfo {
        let state = self.state(entry);
        let on_disk = match &state {
            ModelState::Ready { path } => file_bytes(path),
            _ => 0,
        };
        ModelInfo {
            name: entry.name.clone(),
            title: entry.title.clone(),
            bytes: entry.bytes.unwrap_or(on_disk),
            memory: entry.memory(),
            license: entry.license.clone(),
            needs_consent: entry.consent,
            note: entry.full_note(),
            state,
        }
    }

    fn state(&self, entry: &Entry) -> ModelState {
        let place = self.place(entry);
        if let Some(path) = self.disk.find(entry, &place) {
            return ModelState::Ready { path };
        }
        if place.file.exists() {
            let found = file_bytes(&place.file);
            let why = match entry.bytes {
                Some(bytes) => format!("its file has {found} bytes instead of {bytes}"),
                None => "its file is empty".into(),
            };
            return ModelState::Broken { why };
        }
        match place.part_bytes() {
            0 => ModelState::Missing,
            bytes => ModelState::Partial { bytes },
        }
    }

    /// GGUF files in the folders that no entry names.
    fn unlisted(&self) -> Vec<ModelInfo> {
        let mut seen: Vec<String> = Vec::new();
        let mut models = Vec::new();
        for path in self.disk.all_files(&self.models) {
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            let is_known = self.entries.values().any(|entry| *entry.file == *file);
            if is_known || seen.iter().any(|other| **other == *name) {
                continue;
            }
            seen.push(name.to_string());
            let bytes = file_bytes(&path);
            models.push(ModelInfo {
                name: name.to_string(),
                title: file.to_string(),
                bytes,
                memory: bytes.saturating_mul(6) / 5,
                license: "unknown".into(),
                needs_consent: false,
                note: "your own file".into(),
                state: ModelState::Ready { path },
            });
        }
        models
    }

    fn place(&self, entry: &Entry) -> Place {
        Place::new(&self.models, &entry.file)
    }

    /// Reads a model's file and compares its checksum with the catalog's, or with the one found when it was fetched.
    ///
    /// # Errors
    /// `BadData` when they differ, `Cancelled` when stopped, `ModelUnavailable` when there is no such file.
    pub async fn verify(
        &self,
        name: &str,
        listener: Listener<'_>,
        cancel: &Cancel,
    ) -> Result<Verdict, Fault> {
        let path = self.resolve(name)?;
        let entry = self.entries.get(name);
        let expected = entry.and_then(|entry| {
            entry
                .sha256
                .clone()
                .or_else(|| self.place(entry).recorded_sum())
        });
        let clock = Arc::clone(&self.surroundings.clock);
        let reporter = Reporter::new(name, file_bytes(&path), listener, clock);
        reporter.begin("this machine");
        reporter.stage(PullStage::Verifying, 0, file_bytes(&path));
        let done = Arc::new(AtomicU64::new(0));
        let work = {
            let (path, done, cancel) = (path.clone(), Arc::clone(&done), cancel.clone());
            tokio::task::spawn_blocking(move || {
                let mut digest = Digest::default();
                let length = digest.add_file(&path, &done, &cancel)?;
                Ok::<_, std::io::Error>(length.map(|_| digest.hex()))
            })
        };
        let unreadable = |why: String| {
            Fault::new(
                FaultClass::BadData,
                format!("cannot read {}: {why}", path.display()),
            )
        };
        let sha256 = match reporter.follow(0, &done, work).await {
            Some(Ok(Some(sum))) => sum,
            Some(Ok(None)) => return Err(Fault::cancelled()),
            Some(Err(error)) => return Err(unreadable(error.to_string())),
            None => return Err(unreadable("the reader ended early".into())),
        };
        match expected.as_ref().filter(|expected| **expected != sha256) {
            Some(expected) => Err(Fault::new(
                FaultClass::BadData,
                format!(
                    "{} has checksum {sha256}, expected {expected}",
                    path.display()
                ),
            )
            .with_hint(format!(
                "synod models rm {name}, then synod models pull {name}"
            ))),
            None => Ok(Verdict {
                path,
                sha256,
                expected,
            }),
        }
    }

    /// Removes a model's files from the models folder and returns the bytes freed. Files elsewhere are the user's own.
    ///
    /// # Errors
    /// `ModelUnavailable` when there is nothing to remove, `Forbidden` when the file is not this program's.
    pub fn remove(&self, name: &str) -> Result<u64, Fault> {
        let place = match self.entries.get(name) {
            Some(entry) => self.place(entry),
            None => self.unlisted_place(name)?,
        };
        let bytes = file_bytes(&place.file) + place.part_bytes();
        if bytes == 0 && !place.file.exists() {
            let elsewhere = self
                .entries
                .get(name)
                .and_then(|entry| self.disk.find(entry, &place));
            return Err(match elsewhere {
                Some(path) => Fault::new(
                    FaultClass::Forbidden,
                    format!(
                        "model \"{name}\" is {}, outside the models folder",
                        path.display()
                    ),
                )
                .with_hint("delete that file yourself"),
                None => Fault::new(
                    FaultClass::ModelUnavailable,
                    format!("model \"{name}\" is not on this machine"),
                ),
            });
        }
        place.remove_all().map_err(|error| {
            Fault::new(
                FaultClass::Resource,
                format!("cannot remove model \"{name}\": {error}"),
            )
        })?;
        Ok(bytes)
    }

    fn unlisted_place(&self, name: &str) -> Result<Place, Fault> {
        let path = self.resolve(name)?;
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        if path.parent() == Some(self.models.as_path()) && path.is_file() {
            return Ok(Place::new(&self.models, &file));
        }
        Err(Fault::new(
            FaultClass::Forbidden,
            format!("{} is outside the models folder", path.display()),
        )
        .with_hint("delete that file yourself"))
    }

    /// The folder that models are fetched into.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.models
    }
}

fn file_bytes(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |meta| meta.len())
}

/// A path is a model if it begins like one.
fn check_magic(path: PathBuf) -> Result<PathBuf, Fault> {
    use std::io::Read;
    let mut magic = [0; 4];
    let read = std::fs::File::open(&path).and_then(|mut file| file.read_exact(&mut magic));
    match read {
        Ok(()) if magic == *b"GGUF" => Ok(path),
        Err(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => Err(Fault::new(
            FaultClass::BadData,
            format!("cannot read {}: {error}", path.display()),
        )),
        _ => Err(Fault::new(
            FaultClass::BadData,
            format!("{} is not a GGUF file", path.display()),
        )),
    }
}
