//! Where files live and how they are written. The only module that decides places; others are handed paths.
//!
//! Every write of a whole file is atomic (temporary file, fsync, rename); logs are append-only lines and a torn last line is
//! cut off on opening.

pub mod builtin;
pub mod colour;
pub mod error;
pub mod event_log;
pub mod export;
pub mod history;
pub mod index;
pub mod keys;
pub mod layer;
pub mod lock;
pub mod log;
pub mod paths;
pub mod preset;
pub mod run;
pub mod session;
pub mod session_id;
pub mod settings;
pub mod source;
pub mod spec_file;
pub mod summary;
pub mod theme;
pub mod transcript;
pub mod write;
