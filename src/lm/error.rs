//! What can be wrong with a model file, with the file and the place named.

use crate::domain::fault::{Fault, FaultClass};
use std::path::{Path, PathBuf};

/// Why a model could not be opened or run.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The operating system refused the file.
    #[error("model file {}: {source}", path.display())]
    Io {
        path: PathBuf,
        source: std::io::Error,
    },
    /// The file is not what its format promises.
    #[error("model file {}: {what}", path.display())]
    Broken { path: PathBuf, what: String },
    /// The file is sound and this program cannot run it.
    #[error("model file {}: {what}", path.display())]
    Unsupported { path: PathBuf, what: String },
    /// A computation was refused; a defect of this program or of the file.
    #[error("computing {what}: {why}")]
    Compute { what: String, why: String },
}

impl ModelError {
    /// Something in the file at `path` that its format does not allow.
    pub fn broken(path: &Path, what: impl Into<String>) -> Self {
        Self::Broken {
            path: path.to_owned(),
            what: what.into(),
        }
    }

    /// Something in the file at `path` that this program cannot run.
    pub fn unsupported(path: &Path, what: impl Into<String>) -> Self {
        Self::Unsupported {
            path: path.to_owned(),
            what: what.into(),
        }
    }

    /// A refused computation on `what`.
    pub fn compute(what: impl Into<String>, why: impl std::fmt::Display) -> Self {
        Self::Compute {
            what: what.into(),
            why: why.to_string(),
        }
    }
}

impl From<ModelError> for Fault {
    fn from(error: ModelError) -> Self {
        let message = error.to_string();
        match error {
            ModelError::Io { .. } => Fault::new(FaultClass::ModelUnavailable, message)
                .with_hint("check the path, or fetch the model again with `synod models pull`"),
            ModelError::Broken { .. } => Fault::new(FaultClass::BadData, message)
                .with_hint("fetch it again with `synod models pull`"),
            ModelError::Unsupported { .. } => Fault::new(FaultClass::BadData, message)
                .with_hint("`synod models list` names models that run here"),
            ModelError::Compute { .. } => Fault::new(FaultClass::BadData, message),
        }
    }
}
