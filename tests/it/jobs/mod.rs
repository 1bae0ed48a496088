//! Runs: made, worked on, paused, killed, resumed, listed.

mod kept;
mod place;
mod runner;
