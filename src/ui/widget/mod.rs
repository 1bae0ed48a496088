//! Pieces of the screen that know no application state.

pub mod blocks;
pub mod code;
pub mod markdown;
pub mod meter;
pub mod table;
