//! Flags and subcommands.

pub mod models;
mod progress_line;
