//! The folders of this program, by the platform's rules or under one folder given by flag or environment.

use std::path::{Path, PathBuf};

/// Where everything lives. Nothing is created until something is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// `config.toml`, `keys.toml`, `presets/`, `themes/`: what a person edits.
    pub config: PathBuf,
    /// Sessions, runs, models: what must not be lost.
    pub data: PathBuf,
    /// What can be made again.
    pub cache: PathBuf,
}

impl Paths {
    /// The platform's folders for this user, or `config`, `data` and `cache` under `root` when one is given
    /// (`--data-dir`, `SYNOD_DATA_DIR`).
    #[must_use]
    pub fn new(root: Option<&Path>) -> Paths {
        if let Some(root) = root {
            return Paths {
                config: root.join("config"),
                data: root.join("data"),
                cache: root.join("cache"),
            };
        }
        match directories::ProjectDirs::from("", "", "synod") {
            Some(dirs) => Paths {
                config: dirs.config_dir().to_path_buf(),
                data: dirs.data_dir().to_path_buf(),
                cache: dirs.cache_dir().to_path_buf(),
            },
            // No home folder (a bare container): keep everything beside the caller.
            None => Self::new(Some(Path::new(".synod"))),
        }
    }

    pub fn settings_file(&self) -> PathBuf {
        self.config.join("config.toml")
    }

    pub fn keys_file(&self) -> PathBuf {
        self.config.join("keys.toml")
    }

    pub fn presets(&self) -> PathBuf {
        self.config.join("presets")
    }

    pub fn themes(&self) -> PathBuf {
        self.config.join("themes")
    }

    pub fn models_file(&self) -> PathBuf {
        self.config.join("models.toml")
    }

    pub fn sessions(&self) -> PathBuf {
        self.data.join("sessions")
    }

    /// One folder for each run of a job.
    pub fn runs(&self) -> PathBuf {
        self.data.join("runs")
    }

    /// Who uses which device; one small file for each slot.
    pub fn leases(&self) -> PathBuf {
        self.data.join("leases")
    }

    /// Specs of jobs to start from.
    pub fn job_presets(&self) -> PathBuf {
        self.presets().join("jobs")
    }

    /// What agents noted for later conversations.
    pub fn notes(&self) -> PathBuf {
        self.data.join("notes")
    }

    /// Where programs of agents run.
    pub fn scratch(&self) -> PathBuf {
        self.cache.join("scratch")
    }

    pub fn models(&self) -> PathBuf {
        self.data.join("models")
    }

    pub fn prompt_history(&self) -> PathBuf {
        self.data.join("prompts.jsonl")
    }

    /// Rebuilt from the session files whenever it is missing or broken.
    pub fn index_file(&self) -> PathBuf {
        self.cache.join("index.sqlite")
    }
}
