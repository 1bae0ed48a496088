//! Draws `App`. Reads the state, writes only caches and cells; knows no input, no I/O and no time.

pub mod document;
pub mod layout;
pub mod paint;
pub mod theme;
pub mod widget;
pub mod wrap;
