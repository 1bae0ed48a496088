//! What can be wrong with an adapter, with the file and the place named.

use crate::domain::fault::{Fault, FaultClass};
use crate::lm::error::ModelError;
use std::path::PathBuf;

/// Why an adapter cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AdapterError {
    /// The operating system refused a file.
    #[error("adapter file {}: {source}", path.display())]
    Io {
        path: PathBuf,
        source: std::io::Error,
    },
    /// A file is not what PEFT writes.
    #[error("adapter file {}: {what}", path.display())]
    Broken { path: PathBuf, what: String },
    /// A sound adapter of a kind that this program does not run.
    #[error("adapter file {}: {what}; supported are plain LoRA adapters of the layers' linear maps", path.display())]
    Unsupported { path: PathBuf, what: String },
    /// It was made for another model, or adapters do not go together.
    #[error("adapter \"{adapter}\": {what}")]
    Misfit { adapter: String, what: String },
    /// Its tensors cannot be read.
    #[error("adapter: {0}")]
    Tensors(#[from] ModelError),
}

impl From<AdapterError> for Fault {
    fn from(error: AdapterError) -> Self {
        let message = error.to_string();
        let hint = match error {
            AdapterError::Io { .. } | AdapterError::Tensors(ModelError::Io { .. }) => {
                let hint = "an adapter is a folder with adapter_config.json and adapter_model.safetensors, as PEFT saves it";
                return Fault::new(FaultClass::ModelUnavailable, message).with_hint(hint);
            }
            AdapterError::Broken { .. } | AdapterError::Tensors(_) => {
                "copy the folder again, or save the adapter again with PEFT's save_pretrained"
            }
            AdapterError::Unsupported { .. } => {
                "merge it into the model's own weights (PEFT: merge_and_unload), or train a plain LoRA adapter"
            }
            AdapterError::Misfit { .. } => {
                "use it with the model that it was trained on (base_model_name_or_path in adapter_config.json)"
            }
        };
        Fault::new(FaultClass::BadData, message).with_hint(hint)
    }
}
