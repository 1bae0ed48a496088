//! Graphs of agents (GPTSwarm, Zhuge et al. 2024, arXiv 2402.16823; with edges by input: arXiv 2406.11555).
//!
//! The pure part knows nodes as numbers: `wiring` joins agents, `realise` decides which potential edges become real,
//! `likelihood` says how probable that was, `schedule` when which node runs. It asks nobody, so an optimiser can use it alone.
//! The rest seats a preset's agents in it: `library` knows the kinds of agents, `hearing` what a node is sent, `turn` runs the
//! levels, `boards` does what crossword agents do, `toolbox` calls
//! tools, `ballot` and `decide` make one answer.

pub mod ballot;
pub mod boards;
mod decide;
pub mod hearing;
pub mod library;
pub mod likelihood;
pub mod members;
pub mod order;
pub mod prompts;
mod protocol;
pub mod reach;
pub mod realise;
pub mod schedule;
pub mod settings;
mod toolbox;
mod turn;
pub mod wiring;
mod work;

pub(super) use protocol::build;
