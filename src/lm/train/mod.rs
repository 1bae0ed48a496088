//! Training on the processor: low-rank adapters beside frozen weights, or every number of a small model.
//!
//! A hand-written forward and backward pass of the decoder in 32-bit floats. Sequences are [packed](Packed) one behind the
//! other, the vocabulary head runs where there is a label, and logits never exist whole. One step is any number of
//! [`accumulate`](Trainer::accumulate) and one [`apply`](Trainer::apply).
//!
//! Invariant: what a step computes depends on the model, the settings, the seed and the batches, never on the number of
//! threads or on pauses between steps.

mod error;
mod factors;
mod head;
mod layer;
mod linear;
mod moments;
mod net;
mod packed;
mod random;
mod rotation;
mod schedule;
mod settings;
mod start;
mod state;
mod trainer;

pub use error::TrainError;
pub use packed::{Packed, Segment};
pub use schedule::{Schedule, Shape};
pub use settings::{LoraSettings, OptimiserSettings, What};
pub use state::{State, Tensor};
pub use trainer::{Applied, Loss, Trainer};
