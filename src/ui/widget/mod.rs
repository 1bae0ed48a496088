//! Pieces of the screen.

pub mod blocks;
pub mod chart;
pub mod code;
pub mod difference;
pub mod list;
pub mod markdown;
pub mod meter;
pub mod node;
pub mod node_pane;
pub mod prompt;
pub mod search;
pub mod status;
pub mod table;
