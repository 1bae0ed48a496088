//! Which models are in memory, and which one goes when another needs room.
//!
//! A model counts with its file and the memory its cache may take. When a new one does not fit beside the others, idle ones go,
//! the least recently used first; a model that somebody waits for stays. What cannot fit is said before anything is read.
//!
//! No engine's thread waits for one that waits itself: only models that are loaded are asked to go, and whoever asks counts
//! as not loaded.

use crate::domain::fault::{Fault, FaultClass};
use crate::lm::engine::Engine;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// All models that were asked for.
#[derive(Default)]
pub(super) struct Residents {
    /// Most bytes of all together; none is no limit.
    limit: Option<u64>,
    models: Mutex<BTreeMap<String, Arc<Resident>>>,
    visits: AtomicU64,
}

/// A model's engine and what it takes.
pub(super) struct Resident {
    pub(super) engine: Engine,
    /// 0 while it is not in memory.
    bytes: AtomicU64,
    visitors: AtomicUsize,
    /// The number of its latest visit.
    used: AtomicU64,
    notes: Mutex<Vec<String>>,
}

/// A request on its way through a model: while there is one, the model stays.
pub(super) struct Visit(Arc<Resident>);

/// What loading a model takes, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Need {
    pub(super) file: u64,
    pub(super) cache: u64,
}

impl Residents {
    pub(super) fn new(limit: Option<u64>) -> Self {
        Self {
            limit,
            ..Self::default()
        }
    }

    /// The engine of a model, made by `start` at the first visit.
    pub(super) fn visit(
        &self,
        model: &str,
        start: impl FnOnce() -> Result<Engine, Fault>,
    ) -> Result<Visit, Fault> {
        let mut models = self.models();
        let resident = match models.get(model) {
            Some(resident) => Arc::clone(resident),
            None => {
                let resident = Arc::new(Resident {
                    engine: start()?,
                    bytes: AtomicU64::new(0),
                    visitors: AtomicUsize::new(0),
                    used: AtomicU64::new(0),
                    notes: Mutex::default(),
                });
                models.insert(model.to_owned(), Arc::clone(&resident));
                resident
            }
        };
        resident.visitors.fetch_add(1, Ordering::SeqCst);
        let visit = self.visits.fetch_add(1, Ordering::Relaxed) + 1;
        resident.used.store(visit, Ordering::Relaxed);
        Ok(Visit(resident))
    }

    /// A model that was asked for before.
    pub(super) fn find(&self, model: &str) -> Option<Arc<Resident>> {
        self.models().get(model).cloned()
    }

    /// Forgets a model whose engine does not run any more.
    pub(super) fn forget(&self, model: &str) {
        self.models().remove(model);
    }

    /// Makes room for a model that is about to be loaded; called on its engine's thread.
    ///
    /// # Errors
    ///
    /// When it does not fit beside the models that are in use, or not at all.
    pub(super) fn make_room(&self, model: &str, need: Need) -> Result<(), Fault> {
        self.left(model);
        let bytes = need.file + need.cache;
        let limit = self.limit.unwrap_or(u64::MAX);
        if bytes > limit {
            return Err(too_large(model, need, limit));
        }
        let mut refused = Vec::new();
        loop {
            let oldest = {
                let models = self.models();
                let taken: u64 = models.values().map(|resident| resident.bytes()).sum();
                if taken.saturating_add(bytes) <= limit {
                    if let Some(resident) = models.get(model) {
                        resident.bytes.store(bytes, Ordering::SeqCst);
                    }
                    return Ok(());
                }
                models
                    .iter()
                    .filter(|(name, resident)| resident.is_idle() && !refused.contains(*name))
                    .min_by_key(|(_, resident)| resident.used.load(Ordering::Relaxed))
                    .map(|(name, resident)| (name.clone(), Arc::clone(resident)))
            };
            let Some((name, oldest)) = oldest else {
                return Err(self.in_use(model, bytes, limit));
            };
            let freed = oldest.bytes();
            if oldest.engine.unload() {
                oldest.bytes.store(0, Ordering::SeqCst);
                self.note(
                    model,
                    format!(
                        "{name} was unloaded ({}) to make room for {model}",
                        mib(freed)
                    ),
                );
            } else {
                refused.push(name);
            }
        }
    }

    /// The model is not in memory (any more).
    pub(super) fn left(&self, model: &str) {
        if let Some(resident) = self.find(model) {
            resident.bytes.store(0, Ordering::SeqCst);
        }
    }

    fn note(&self, model: &str, text: String) {
        if let Some(resident) = self.find(model) {
            resident.notes().push(text);
        }
    }

    fn in_use(&self, model: &str, bytes: u64, limit: u64) -> Fault {
        let models = self.models();
        let busy: Vec<String> = models
            .iter()
            .filter(|(_, resident)| resident.bytes() > 0)
            .map(|(name, resident)| format!("{name} ({})", mib(resident.bytes())))
            .collect();
        Fault::new(
            FaultClass::Resource,
            format!(
                "{model} needs {} and local models may take {}, of which these are in use: {}",
                mib(bytes),
                mib(limit),
                busy.join(", ")
            ),
        )
        .with_hint("ask again when they are done, use one model for all agents, or give each a smaller cache (cache_mib)")
    }

    fn models(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Resident>>> {
        self.models.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Resident {
    fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::SeqCst)
    }

    fn notes(&self) -> MutexGuard<'_, Vec<String>> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_idle(&self) -> bool {
        self.bytes() > 0 && self.visitors.load(Ordering::SeqCst) == 0
    }
}

impl Visit {
    pub(super) fn engine(&self) -> &Engine {
        &self.0.engine
    }

    /// What happened when the model was loaded that a person should know; told once.
    pub(super) fn notes(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.notes())
    }
}

impl Clone for Visit {
    fn clone(&self) -> Self {
        self.0.visitors.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(&self.0))
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.0.visitors.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Bytes of a model on disk: a file, or all files of a folder.
pub(super) fn size_on_disk(path: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(path) else {
        return std::fs::metadata(path).map_or(0, |file| file.len());
    };
    let sizes = entries.flatten().map(|entry| {
        let file = std::fs::metadata(entry.path());
        file.map_or(0, |file| if file.is_file() { file.len() } else { 0 })
    });
    sizes.sum()
}

fn too_large(model: &str, need: Need, limit: u64) -> Fault {
    let hint = if need.file < limit {
        let cache = (limit - need.file) >> 20;
        format!("it fits with a cache of {cache} MiB (cache_mib)")
    } else {
        let largest = limit.saturating_sub(need.cache);
        format!("a file of up to {} fits", mib(largest))
    };
    Fault::new(
        FaultClass::Resource,
        format!(
            "{model} needs {} (its file {}, its cache {}) and local models may take {}",
            mib(need.file + need.cache),
            mib(need.file),
            mib(need.cache),
            mib(limit)
        ),
    )
    .with_hint(hint)
}

/// Bytes in whole mebibytes, rounded up.
fn mib(bytes: u64) -> String {
    format!("{} MiB", bytes.div_ceil(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_said_with_what_would() {
        const MIB: u64 = 1 << 20;
        let need = Need {
            file: 600 * MIB,
            cache: 1024 * MIB,
        };
        let residents = Residents::new(Some(1000 * MIB));
        let fault = residents.make_room("big", need).unwrap_err();
        assert_eq!(
            fault.to_string(),
            "out of memory or disk: big needs 1624 MiB (its file 600 MiB, its cache 1024 MiB) and local models may take 1000 MiB (it fits with a cache of 400 MiB (cache_mib))"
        );
        let residents = Residents::new(Some(600 * MIB));
        let fault = residents
            .make_room(
                "big",
                Need {
                    cache: 100 * MIB,
                    ..need
                },
            )
            .unwrap_err();
        assert_eq!(fault.hint.as_deref(), Some("a file of up to 500 MiB fits"));
        assert!(Residents::new(None).make_room("big", need).is_ok());
    }

    #[test]
    fn a_folder_counts_with_its_files() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a"), [0; 10]).unwrap();
        std::fs::write(folder.path().join("b"), [0; 5]).unwrap();
        std::fs::create_dir(folder.path().join("c")).unwrap();
        assert_eq!(size_on_disk(folder.path()), 15);
        assert_eq!(size_on_disk(&folder.path().join("a")), 10);
        assert_eq!(size_on_disk(&folder.path().join("none")), 0);
    }
}
