//! Adapters that were read: once for all requests that carry them, again when their files change.

use crate::domain::fault::Fault;
use crate::domain::request::AdapterRef;
use crate::lm::adapter::{Adapter, Blend};
use crate::lm::config::Config;
use crate::lm::engine::ask::MakeBlend;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// All adapters in memory, by the model they are over and their folder.
#[derive(Default)]
pub(super) struct Shelf(Mutex<BTreeMap<(String, PathBuf), Kept>>);

struct Kept {
    adapter: Arc<Adapter>,
    /// What it was made for: a model's file may be replaced by another.
    config: Config,
    state: State,
}

/// Tells whether a folder's files are the ones that were read: times of change and sizes.
type State = Vec<Option<(SystemTime, u64)>>;

impl Shelf {
    /// What makes these adapters ready on the engine's thread; nothing for none.
    pub(super) fn maker(
        self: &Arc<Self>,
        model: &str,
        adapters: Vec<AdapterRef>,
    ) -> Option<MakeBlend> {
        if adapters.is_empty() {
            return None;
        }
        let (shelf, model) = (Arc::clone(self), model.to_owned());
        Some(Box::new(move |config| {
            shelf.blend(&model, &adapters, config)
        }))
    }

    fn blend(
        &self,
        model: &str,
        adapters: &[AdapterRef],
        config: &Config,
    ) -> Result<(Blend, Vec<String>), Fault> {
        let mut parts = Vec::new();
        let mut notes = Vec::new();
        for AdapterRef { path, weight } in adapters {
            let (adapter, new) = self.adapter(model, path, config)?;
            let told = new.into_iter();
            notes.extend(told.map(|warning| format!("adapter {}: {warning}", path.display())));
            parts.push((adapter, *weight));
        }
        Ok((Blend::new(parts), notes))
    }

    /// An adapter, and what is to be said when it has just been read.
    fn adapter(
        &self,
        model: &str,
        path: &Path,
        config: &Config,
    ) -> Result<(Arc<Adapter>, Vec<String>), Fault> {
        let state = state(path);
        let key = (model.to_owned(), path.to_owned());
        let mut shelf = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = shelf.get(&key)
            && kept.state == state
            && kept.config == *config
        {
            return Ok((Arc::clone(&kept.adapter), Vec::new()));
        }
        // The lock is held while it is read, so that nobody else reads the same.
        let (adapter, warnings) = Adapter::open(path, config)?;
        let adapter = Arc::new(adapter);
        let kept = Kept {
            adapter: Arc::clone(&adapter),
            config: config.clone(),
            state,
        };
        shelf.insert(key, kept);
        Ok((adapter, warnings))
    }
}

fn state(folder: &Path) -> State {
    let files = ["adapter_config.json", "adapter_model.safetensors"];
    let state = |file: &str| {
        let data = std::fs::metadata(folder.join(file)).ok()?;
        Some((data.modified().ok()?, data.len()))
    };
    files.into_iter().map(state).collect()
}
