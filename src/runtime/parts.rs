//! Everything a turn is made of, put together once at the start: folders, settings, presets, catalog, backends, clock.
//!
//! Only small files are read here; no model is loaded and nothing is connected.

use super::shed::Shed;
use crate::backend::local::{Local, LocalOptions};
use crate::backend::openai::OpenAi;
use crate::backend::scripted::Scripted;
use crate::backend::{Backend, Backends, Tokens};
use crate::catalog::{Catalog, DEFAULT_MODEL};
use crate::domain::cancel::Cancel;
use crate::domain::clock::{Clock, System};
use crate::domain::council::Council;
use crate::domain::device::Device;
use crate::domain::endpoint::Endpoint;
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::request::{LOCAL, Request, SCRIPTED};
use crate::machine::memory::Memory;
use crate::store::paths::Paths;
use crate::store::preset::{self, Preset, Problem};
use crate::store::settings::Settings;
use crate::tool::permit::Permissions;
use std::path::PathBuf;
use std::sync::Arc;

/// What flags change in the settings of one start.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Overrides {
    /// Keeps everything under one folder instead of the platform's.
    pub data_dir: Option<PathBuf>,
    /// Threads of the local engine.
    pub threads: Option<usize>,
    /// Where local models run.
    pub device: Option<Device>,
    /// Forbids the network, whatever the settings say.
    pub local_only: bool,
    /// A further server, by its own name.
    pub endpoint: Option<Endpoint>,
}

/// The parts.
pub struct Parts {
    /// Everything is kept under this folder instead of the platform's: what a child process has to be told.
    pub root: Option<PathBuf>,
    pub paths: Paths,
    pub settings: Settings,
    /// Broken lines of settings and catalog.
    pub problems: Vec<Problem>,
    pub presets: Vec<Preset>,
    pub catalog: Arc<Catalog>,
    pub backends: Arc<Backends>,
    pub clock: Arc<dyn Clock>,
    /// The model of a first run.
    pub default_model: String,
}

impl Parts {
    /// Reads settings, presets and the catalog's files. What is broken is left out and named in `problems`.
    #[must_use]
    pub fn load(overrides: Overrides) -> Parts {
        let paths = Paths::new(overrides.data_dir.as_deref());
        let (mut settings, mut problems) = Settings::load(&paths);
        if let Some(threads) = overrides.threads {
            settings.threads = threads;
        }
        if let Some(device) = overrides.device {
            settings.device = device;
        }
        settings.local_only |= overrides.local_only;
        if let Some(endpoint) = overrides.endpoint {
            settings.endpoints.insert(endpoint.name.clone(), endpoint);
        }
        let (catalog, more) = Catalog::load(&paths, &settings.model_paths);
        problems.extend(more);
        let catalog = Arc::new(catalog);
        Parts {
            root: overrides.data_dir,
            presets: preset::load_all(&paths),
            backends: Arc::new(backends(&settings, &catalog)),
            paths,
            settings,
            problems,
            catalog,
            clock: Arc::new(System),
            default_model: DEFAULT_MODEL.to_owned(),
        }
    }

    /// Tools for a session, or for a run over many items.
    #[must_use]
    pub fn shed(&self, permissions: Permissions) -> Arc<Shed> {
        let (clock, backends) = (Arc::clone(&self.clock), Arc::clone(&self.backends));
        Arc::new(Shed::new(&self.paths, clock, backends, permissions))
    }

    /// The council of a preset.
    ///
    /// # Errors
    ///
    /// A sentence that says which presets there are, or what is wrong with this one.
    pub fn council(&self, name: &str) -> Result<Council, String> {
        let Some(preset) = self.presets.iter().find(|preset| preset.name == name) else {
            let known: Vec<&str> = self.presets.iter().map(|one| one.name.as_str()).collect();
            return Err(format!("no preset \"{name}\"; known: {}", known.join(", ")));
        };
        preset
            .council
            .clone()
            .map_err(|problem| problem.to_string())
    }
}

fn backends(settings: &Settings, catalog: &Arc<Catalog>) -> Backends {
    let mut backends = Backends::new();
    let models = Arc::clone(catalog);
    let local = Local::new(
        Arc::new(move |name| models.resolve(name)),
        LocalOptions {
            threads: settings.threads,
            cache_mib: settings.cache_mib,
            // The rest of the memory is for other programs.
            memory: Some(Memory::now().total / 4 * 3).filter(|&most| most > 0),
            ..LocalOptions::default()
        },
    );
    match settings.device.check() {
        Ok(()) => backends.insert(LOCAL, Arc::new(local)),
        Err(message) => {
            let fault = Fault::new(FaultClass::BadRequest, message)
                .with_hint("choose another with --device or in config.toml");
            backends.insert(LOCAL, Arc::new(Unusable(fault)));
        }
    }
    backends.insert(SCRIPTED, Arc::new(Scripted::demo()));
    for (name, endpoint) in &settings.endpoints {
        let backend: Arc<dyn Backend> = match OpenAi::new(endpoint.clone(), settings.prices.clone())
        {
            Ok(server) => Arc::new(server),
            Err(fault) => Arc::new(Unusable(fault)),
        };
        backends.insert(name, backend);
    }
    backends.set_local_only(settings.local_only);
    backends
}

/// An endpoint whose settings cannot work: every request says why.
struct Unusable(Fault);

impl Backend for Unusable {
    fn generate(&self, _request: Request, _cancel: Cancel) -> Tokens {
        Tokens::failed(self.0.clone())
    }
}
