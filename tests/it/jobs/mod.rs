//! Runs: made, worked on, paused, killed, resumed, listed.

mod kept;
mod place;
#[cfg(unix)]
mod process;
#[cfg(unix)]
mod program;
mod runner;
