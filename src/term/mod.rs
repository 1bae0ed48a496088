//! The terminal itself: enter and leave it, read keys, write frames, ask it what it can, hand it text for the clipboard.
//!
//! It knows nothing of councils and screens: drawing is a closure it is given, and what it reads leaves as
//! [`Input`](input::Input). Every mode that is switched on is switched off by one function, whoever calls it.

pub mod burst;
pub mod chord;
pub mod clipboard;
pub mod editor;
pub mod input;
pub mod notify;
pub mod output;
pub mod pacer;
pub mod probe;
pub mod screen;
pub mod session;
pub mod signals;
pub mod typed;

pub use input::Input;
pub use pacer::{Pacer, Reason};
pub use screen::Screen;
pub use session::{Options, Session};

use std::io;

/// What can go wrong with the terminal.
#[derive(Debug, thiserror::Error)]
pub enum TermError {
    #[error("no terminal on standard input and output; use --plain or --once for pipes")]
    NotATerminal,
    #[error("switching the terminal's modes: {0}")]
    Modes(#[source] io::Error),
    #[error("writing to the terminal: {0}")]
    Write(#[source] io::Error),
    #[error("starting the thread that {0}: {1}")]
    Thread(&'static str, #[source] io::Error),
    #[error("listening for signals: {0}")]
    Signals(#[source] io::Error),
}
