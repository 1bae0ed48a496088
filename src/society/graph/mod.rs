//! Graphs of agents (GPTSwarm, Zhuge et al. 2024, arXiv 2402.16823; with edges by input: arXiv 2406.11555).
//!
//! The pure part knows nodes as numbers: `wiring` joins agents, `realise` decides which potential edges become real,
//! `likelihood` says how probable that was, `schedule` when which node runs. It asks nobody, so an optimiser can use it alone.

pub mod chance;
pub mod likelihood;
pub mod order;
pub mod reach;
pub mod realise;
pub mod schedule;
pub mod wiring;
