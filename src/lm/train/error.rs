//! What can be wrong with a training.

use crate::domain::fault::{Fault, FaultClass};
use crate::lm::error::ModelError;

/// Why something cannot be trained.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A setting is out of range or means nothing for this model.
    #[error("training settings: {0}")]
    Settings(String),
    /// A batch does not fit the model or itself.
    #[error("training batch: {0}")]
    Batch(String),
    /// A saved state is not one of this training.
    #[error("training state: {0}")]
    State(String),
    /// The loss or a gradient is no finite number any more.
    #[error("training diverged: {0}")]
    Diverged(String),
    /// The computing threads could not be started.
    #[error("starting computing threads: {0}")]
    Threads(#[from] std::io::Error),
    /// The model's weights cannot be used.
    #[error("{0}")]
    Model(#[from] ModelError),
}

impl From<TrainError> for Fault {
    fn from(error: TrainError) -> Self {
        let message = error.to_string();
        match error {
            TrainError::Settings(_) => Fault::new(FaultClass::BadRequest, message),
            TrainError::Batch(_) => Fault::new(FaultClass::BadData, message),
            TrainError::State(_) => Fault::new(FaultClass::BadData, message)
                .with_hint("resume with the settings and the model that the state was saved with"),
            TrainError::Diverged(_) => Fault::new(FaultClass::BadData, message)
                .with_hint("use a smaller learning rate, or a longer warm-up"),
            TrainError::Threads(_) => Fault::new(FaultClass::Resource, message),
            TrainError::Model(error) => error.into(),
        }
    }
}
