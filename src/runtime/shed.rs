//! Tools for turns: made once for each table of tools and kept, so that servers stay up between turns and what the person
//! permitted holds until the session ends.

use crate::backend::Backends;
use crate::domain::clock::Clock;
use crate::domain::council::Council;
use crate::store::paths::Paths;
use crate::tool::kit::{self, Kit, KitParts};
use crate::tool::permit::Permissions;
use serde_json::{Map, Value};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// Makes and keeps kits.
pub struct Shed {
    parts: KitParts,
    backends: Arc<Backends>,
    kits: Mutex<Vec<Kept>>,
}

struct Kept {
    table: Map<String, Value>,
    is_local_only: bool,
    kit: Arc<Kit>,
}

impl Shed {
    /// For one session, or one run over many items.
    #[must_use]
    pub fn new(
        paths: &Paths,
        clock: Arc<dyn Clock>,
        backends: Arc<Backends>,
        permissions: Permissions,
    ) -> Self {
        Self {
            parts: KitParts {
                clock,
                notes: paths.notes(),
                scratch: paths.scratch(),
                current: std::env::current_dir().unwrap_or_else(|_| PathBuf::from(".")),
                permissions: Arc::new(permissions),
                is_local_only: false,
            },
            backends,
            kits: Mutex::default(),
        }
    }

    /// The tools of a council. A table that cannot be read has none; whoever builds the council says so.
    #[must_use]
    pub fn kit(&self, council: &Council) -> Arc<Kit> {
        if council.tools.is_empty() {
            return Arc::default();
        }
        let is_local_only = self.backends.is_local_only();
        let mut kits = self.kits.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = kits
            .iter()
            .find(|kept| kept.table == council.tools && kept.is_local_only == is_local_only);
        if let Some(kept) = kept {
            return Arc::clone(&kept.kit);
        }
        let Ok(settings) = kit::settings(&council.tools) else {
            return Arc::default();
        };
        let parts = KitParts {
            is_local_only,
            ..self.parts.clone()
        };
        let kit = Arc::new(Kit::new(&settings, &parts));
        kits.push(Kept {
            table: council.tools.clone(),
            is_local_only,
            kit: Arc::clone(&kit),
        });
        kit
    }

    /// Another session begins: what was permitted before no longer is, and servers of the old one end.
    pub fn forget(&self) {
        self.parts.permissions.revoke();
        self.kits
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}
