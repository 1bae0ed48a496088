//! The real program in a pseudo-terminal: first frame, key to frame under load, rest, memory.
//!
//! `cargo bench --bench program [-- NAME… --json]`
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[cfg(target_os = "linux")]
mod figure;
#[cfg(target_os = "linux")]
mod life;
#[cfg(target_os = "linux")]
mod server;
#[cfg(target_os = "linux")]
#[path = "../pty/terminal.rs"]
#[allow(dead_code, reason = "shared with the pseudo-terminal tests")]
mod terminal;

#[cfg(target_os = "linux")]
fn main() {
    life::run();
}

/// Rest and memory are read from /proc.
#[cfg(not(target_os = "linux"))]
fn main() {}
