//! Where files live and how they are written. The only module that decides places; others are handed paths.
//!
//! Every write of a whole file is atomic (temporary file, fsync, rename); logs are append-only lines and a torn last line is
//! cut off on opening.

pub mod paths;
pub mod preset;
pub mod session;
pub mod settings;
pub mod theme;
