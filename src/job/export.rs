//! Runs in the formats of other programs: CSV for spreadsheets, JSON for scripts, event files for TensorBoard.

pub mod csv;
pub mod tensorboard;
