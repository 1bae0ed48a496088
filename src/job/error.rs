//! Why a run ends before it is done.

use crate::domain::fault::FaultClass;
use crate::store::error::StoreError;

/// What ends a run, or a step of it.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// A person asked for it; see [`JobContext::pause_point`](super::JobContext::pause_point).
    #[error("stopped")]
    Stopped,
    /// A model, an adapter or data is broken or does not fit.
    #[error("{0}")]
    Data(String),
    /// Memory or disk ran out.
    #[error("{0}")]
    Resource(String),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0}")]
    Failed(String),
}

impl JobError {
    /// An error of reading or writing a file of the job's own: says which.
    #[must_use]
    pub fn io(action: &str, path: &std::path::Path, error: &std::io::Error) -> JobError {
        use std::io::ErrorKind::{OutOfMemory, QuotaExceeded, StorageFull};
        let text = format!("cannot {action} {}: {error}", path.display());
        match error.kind() {
            StorageFull | QuotaExceeded => JobError::Resource(format!(
                "cannot {action} {}: the disk is full; free some space",
                path.display()
            )),
            OutOfMemory => JobError::Resource(text),
            _ => JobError::Failed(text),
        }
    }

    /// The class that decides the exit code.
    #[must_use]
    pub fn class(&self) -> FaultClass {
        match self {
            JobError::Stopped => FaultClass::Cancelled,
            JobError::Data(_) => FaultClass::BadData,
            JobError::Resource(_) => FaultClass::Resource,
            JobError::Store(error) if error.is_disk_full() => FaultClass::Resource,
            JobError::Store(_) | JobError::Failed(_) => FaultClass::BadRequest,
        }
    }
}
