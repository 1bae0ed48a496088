//! Runs: one folder each, with `spec.toml`, `events.jsonl`, `checkpoint/` and `results/`. What jobs do is not known here.
//!
//! Invariants: the log is the only channel outward and its lock is held by whoever appends to it; `control.json` is the only
//! channel inward; a checkpoint is whole or it is not there.

pub mod checkpoint;
pub mod control;
pub mod folder;
pub mod follow;
pub mod lease;
pub mod list;
pub mod log;
pub mod process;

pub use checkpoint::{Checkpoints, Marks, Saved};
pub use folder::RunFolder;
pub use follow::Follower;
pub use log::RunLog;
