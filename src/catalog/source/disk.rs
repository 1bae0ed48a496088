//! What is on this machine already: the models folder, the user's folders, the cache of the hub's own tools.

use super::{Fetching, Job, Miss, Source};
use crate::catalog::checksum::Digest;
use crate::catalog::entry::{Entry, SourceSpec, is_sha256};
use crate::catalog::place::Place;
use crate::catalog::surroundings::{Surroundings, expand_home};
use crate::domain::model::PullStage;
use hf_hub::{Cache, Repo, RepoType};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// Where to look on this machine.
#[derive(Debug, Clone, Default)]
pub struct Disk {
    /// Folders and files that the user named.
    pub named: Vec<PathBuf>,
    pub hub_cache: Option<PathBuf>,
}

impl Disk {
    /// A file of this model, its own folder first; a file of another size is passed over.
    #[must_use]
    pub fn find(&self, entry: &Entry, place: &Place) -> Option<PathBuf> {
        std::iter::once(place.file.clone())
            .chain(self.elsewhere(entry))
            .find(|path| has_size(path, entry.bytes))
    }

    /// Paths outside the models folder where the model may be.
    fn elsewhere(&self, entry: &Entry) -> Vec<PathBuf> {
        let mut paths = Vec::new();
        for source in &entry.sources {
            if let SourceSpec::File { path } = source {
                paths.push(expand_home(path));
            }
        }
        for named in &self.named {
            if named.file_name().is_some_and(|name| *name == *entry.file) {
                paths.push(named.clone());
            }
            paths.push(named.join(&entry.file));
        }
        paths.extend(self.cached(entry));
        paths
    }

    /// Paths in the hub's cache. Its tools keep no reference for a revision that is a commit, so that folder is asked too.
    fn cached(&self, entry: &Entry) -> Vec<PathBuf> {
        let Some(folder) = &self.hub_cache else {
            return Vec::new();
        };
        let mut paths = Vec::new();
        for source in &entry.sources {
            if let SourceSpec::Hub {
                repo,
                revision,
                path,
            } = source
            {
                let repo = Repo::with_revision(repo.clone(), RepoType::Model, revision.clone());
                let cached = Cache::new(folder.clone()).repo(repo);
                paths.push(cached.pointer_path(revision).join(path));
                paths.extend(cached.get(path));
            }
        }
        paths.retain(|path| !is_other_blob(path, entry.sha256.as_deref()));
        paths
    }

    /// All GGUF files in `models` and in the user's places.
    #[must_use]
    pub fn all_files(&self, models: &Path) -> Vec<PathBuf> {
        let mut files = Vec::new();
        for place in std::iter::once(models).chain(self.named.iter().map(PathBuf::as_path)) {
            if place.is_dir() {
                let mut found: Vec<PathBuf> = std::fs::read_dir(place)
                    .into_iter()
                    .flatten()
                    .flatten()
                    .map(|item| item.path())
                    .filter(|path| is_gguf(path))
                    .collect();
                found.sort();
                files.extend(found);
            } else if is_gguf(place) {
                files.push(place.to_path_buf());
            }
        }
        files
    }
}

impl Source for Disk {
    fn label(&self, _surroundings: &Surroundings) -> String {
        "this machine".into()
    }

    fn is_remote(&self) -> bool {
        false
    }

    fn fetch<'a>(&'a self, job: &'a Job<'a>) -> Fetching<'a> {
        Box::pin(async move {
            if has_size(&job.place.file, job.entry.bytes) {
                return Ok(job.place.file.clone());
            }
            let Some(path) = self.find(job.entry, job.place) else {
                return Err(Miss::Here(format!("no file {}", job.entry.file)));
            };
            match &job.entry.sha256 {
                Some(expected) => check(job, path, expected).await,
                None => Ok(path),
            }
        })
    }
}

/// A file that this program did not write is read once before it is trusted.
async fn check(job: &Job<'_>, path: PathBuf, expected: &str) -> Result<PathBuf, Miss> {
    let length = std::fs::metadata(&path).map_or(0, |meta| meta.len());
    job.reporter.stage(PullStage::Verifying, 0, length);
    let done = Arc::new(AtomicU64::new(0));
    let work = {
        let (path, done, cancel) = (path.clone(), Arc::clone(&done), job.cancel.clone());
        tokio::task::spawn_blocking(move || {
            let mut digest = Digest::default();
            let length = digest.add_file(&path, &done, &cancel)?;
            Ok::<_, std::io::Error>(length.map(|_| digest.hex()))
        })
    };
    match job.reporter.follow(0, &done, work).await {
        Some(Ok(Some(found))) if found == expected => Ok(path),
        Some(Ok(Some(_))) => Err(Miss::Here(format!(
            "{} has another checksum than the catalog says",
            path.display()
        ))),
        Some(Ok(None)) => Err(Miss::Stopped),
        Some(Err(error)) => Err(Miss::Here(format!("{}: {error}", path.display()))),
        None => Err(Miss::Here(format!("{} could not be read", path.display()))),
    }
}

fn has_size(path: &Path, bytes: Option<u64>) -> bool {
    std::fs::metadata(path).is_ok_and(|meta| {
        meta.is_file() && bytes.map_or(meta.len() > 0, |bytes| bytes == meta.len())
    })
}

/// Whether a link of the hub's cache leads to a blob whose name is a checksum, and another one than expected.
fn is_other_blob(path: &Path, expected: Option<&str>) -> bool {
    let Some(expected) = expected else {
        return false;
    };
    std::fs::read_link(path)
        .ok()
        .and_then(|target| Some(target.file_name()?.to_string_lossy().into_owned()))
        .is_some_and(|name| is_sha256(&name) && name != expected)
}

fn is_gguf(path: &Path) -> bool {
    path.is_file()
        && path
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("gguf"))
}
