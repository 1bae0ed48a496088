//! What a download depends on outside this program, as values: servers, tokens, programs, time. Tests hand in their own.

use crate::domain::clock::{Clock, Millis, System};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The public hub.
pub const PUBLIC_HUB: &str = "https://huggingface.co";

/// Where to ask, with what, and how patiently.
#[derive(Clone)]
pub struct Surroundings {
    /// Base address of the hub (`HF_ENDPOINT`), without a slash at its end.
    pub hub: String,
    /// Sent to the hub alone (`HF_TOKEN`, or the file that the hub's own tools write).
    pub token: Option<String>,
    /// The cache of the hub's own tools (`HF_HUB_CACHE`, `HF_HOME`).
    pub hub_cache: Option<PathBuf>,
    /// The Python that runs pip.
    pub python: PathBuf,
    pub connect_ms: Millis,
    /// Longest silence within an answer.
    pub idle_ms: Millis,
    /// The first pause before another try; it doubles with each.
    pub pause_ms: Millis,
    pub clock: Arc<dyn Clock>,
}

impl Surroundings {
    /// As the environment variables and the machine's clock say.
    #[must_use]
    pub fn from_env() -> Self {
        let hub = variable("HF_ENDPOINT").unwrap_or_else(|| PUBLIC_HUB.into());
        let cache = hub_cache();
        let token = variable("HF_TOKEN").or_else(|| cache.as_ref().and_then(hf_hub::Cache::token));
        Self {
            hub: hub.trim_end_matches('/').to_owned(),
            token,
            hub_cache: cache.map(|cache| cache.path().clone()),
            python: PathBuf::from(if cfg!(windows) { "python" } else { "python3" }),
            connect_ms: 10_000,
            idle_ms: 30_000,
            pause_ms: 500,
            clock: Arc::new(System),
        }
    }

    /// The hub in words: its name, or its host when it is not the public one.
    #[must_use]
    pub fn hub_label(&self) -> String {
        if self.hub == PUBLIC_HUB {
            return "Hugging Face".into();
        }
        let host = self
            .hub
            .split_once("://")
            .map_or(self.hub.as_str(), |(_, host)| host);
        format!("Hugging Face at {host}")
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name)
        .ok()
        .map(|value| value.trim().to_owned())
        .filter(|value| !value.is_empty())
}

fn hub_cache() -> Option<hf_hub::Cache> {
    if let Some(folder) = variable("HF_HUB_CACHE") {
        return Some(hf_hub::Cache::new(PathBuf::from(folder)));
    }
    // Without either of these the library would panic for want of a home folder.
    let has_place = variable("HF_HOME").is_some() || home().is_some();
    has_place.then(hf_hub::Cache::from_env)
}

fn home() -> Option<PathBuf> {
    std::env::home_dir().filter(|path| !path.as_os_str().is_empty())
}

/// A path as people write it in settings: `~/` is the home folder.
#[must_use]
pub fn expand_home(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), home()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ if path == "~" => home().unwrap_or_else(|| Path::new(path).to_path_buf()),
        _ => PathBuf::from(path),
    }
}
