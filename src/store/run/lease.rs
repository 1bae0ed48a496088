//! Device slots: how many runs may compute at once on a device, across all processes of this user.
//!
//! A slot is a locked file in the data folder, so it falls with its holder; the file says who that is.

use crate::store::error::StoreError;
use crate::store::lock::{self, Lock};
use crate::store::paths::Paths;
use std::path::PathBuf;

/// Held as long as it lives.
#[derive(Debug)]
pub struct Lease {
    _lock: Lock,
}

/// The slots of one device.
#[derive(Debug, Clone)]
pub struct Slots {
    folder: PathBuf,
    /// `cpu`, `cuda:0`.
    device: String,
    count: usize,
}

/// Who uses a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    pub slot: usize,
    /// 0 where the system does not say.
    pub process: u32,
}

impl Slots {
    #[must_use]
    pub fn new(paths: &Paths, device: &str, count: usize) -> Slots {
        Slots {
            folder: paths.leases(),
            device: device.to_owned(),
            count: count.max(1),
        }
    }

    /// A free slot, if there is one.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn take(&self) -> Result<Option<Lease>, StoreError> {
        for slot in 0..self.count {
            match Lock::take(&self.file(slot), "slot", &self.device) {
                Ok(lock) => return Ok(Some(Lease { _lock: lock })),
                Err(StoreError::Locked { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Slots in use.
    #[must_use]
    pub fn holders(&self) -> Vec<Holder> {
        let process = |slot| lock::held_by(&self.file(slot));
        (0..self.count)
            .filter_map(|slot| {
                Some(Holder {
                    slot,
                    process: process(slot)?,
                })
            })
            .collect()
    }

    #[must_use]
    pub fn free(&self) -> usize {
        self.count - self.holders().len()
    }

    fn file(&self, slot: usize) -> PathBuf {
        let device = self.device.replace(':', "-");
        self.folder.join(format!("{device}-{slot}"))
    }
}
