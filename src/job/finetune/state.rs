//! A fine-tuning's checkpoint: the trainer's tensors, and where the run stands.

use crate::job::JobError;
use crate::lm::file::replace;
use crate::lm::safetensors::Safetensors;
use crate::lm::safetensors::write::{Floats, Width, write};
use crate::lm::train::{State, Tensor};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

const TENSORS: &str = "state.safetensors";
const PLACE: &str = "place.json";

/// Where a run stands between two steps.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Place {
    /// Steps of the optimiser that are done.
    pub step: u64,
    /// Tokens that were computed in them.
    pub tokens: u64,
    /// The validation loss is to be measured before the next step.
    pub owes_measurement: bool,
    /// Step and value of the lowest validation loss.
    pub best: Option<(u64, f64)>,
    /// Measurements since then.
    pub worse: u64,
}

/// The file beside the tensors.
#[derive(Serialize, Deserialize)]
struct Stored {
    place: Place,
    /// The trainer's own counts.
    steps: Vec<u64>,
}

/// Writes both files.
///
/// # Errors
/// When the disk refuses.
pub(super) fn save(folder: &Path, state: &State<'_>, place: &Place) -> Result<(), JobError> {
    let tensors: Vec<Floats<'_>> = state
        .tensors
        .iter()
        .map(|tensor| Floats {
            name: &tensor.name,
            shape: &tensor.shape,
            values: &tensor.values,
        })
        .collect();
    let path = folder.join(TENSORS);
    write(&path, &tensors, Width::F32, &BTreeMap::new())
        .map_err(|error| JobError::io("write", &path, &error))?;
    let stored = Stored {
        place: place.clone(),
        steps: state.steps.clone(),
    };
    let path = folder.join(PLACE);
    let text = serde_json::to_vec(&stored).map_err(|error| JobError::Failed(error.to_string()))?;
    replace(&path, &text).map_err(|error| JobError::io("write", &path, &error))
}

/// Reads both files.
///
/// # Errors
/// When one cannot be read.
pub(super) fn load(folder: &Path) -> Result<(State<'static>, Place), JobError> {
    let path = folder.join(PLACE);
    let text = std::fs::read(&path).map_err(|error| JobError::io("read", &path, &error))?;
    let stored: Stored = serde_json::from_slice(&text)
        .map_err(|error| JobError::Data(format!("{}: {error}", path.display())))?;
    let broken = |error: crate::lm::error::ModelError| JobError::Data(error.to_string());
    let file = Safetensors::open(&folder.join(TENSORS)).map_err(broken)?;
    let mut tensors = Vec::new();
    for name in file.names() {
        let tensor = file.tensor(name).map_err(broken)?;
        tensors.push(Tensor {
            name: name.to_owned(),
            shape: tensor.shape.to_vec(),
            values: Cow::Owned(tensor.numbers()),
        });
    }
    let state = State {
        steps: stored.steps,
        tensors,
    };
    Ok((state, stored.place))
}
