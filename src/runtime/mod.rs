//! The loop of the screen, conversations without one, and what both share: parts, turns, effects.
//!
//! The interface's thread waits in one place (`inbox`) and never for a disk, a server or a model; whatever may wait runs on
//! tokio's threads and answers with a message.

pub mod attachment;
pub mod desk;
pub mod effects;
pub mod headless;
pub mod inbox;
pub mod items;
pub mod keyboard;
pub mod parts;
pub mod recorder;
pub mod runs;
pub mod screen;
pub mod shed;
pub mod telling;
pub mod timers;
pub mod turn;
pub mod view;

use crate::term::TermError;

/// Why the screen could not go on.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    #[error(transparent)]
    Terminal(#[from] TermError),
    #[error("the terminal: {0}")]
    Output(#[from] std::io::Error),
    #[error("the terminal cannot be read any more: {0}")]
    Lost(String),
}
