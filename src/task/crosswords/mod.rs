//! Mini crosswords (Yao et al. 2023, Tree of Thoughts, arXiv 2305.10601): five rows, five columns, ten words, ten clues.
//!
//! `puzzle` reads files and texts, `board` is the environment an agent acts on, `proposal` reads what a model proposes,
//! `search` puts proposals on a board. The solution is only ever used to score.

pub mod board;
pub mod proposal;
pub mod puzzle;
pub mod search;

pub use board::{Board, Slot, Status};
pub use puzzle::{Clues, Puzzle};

/// Cells of a row or column.
pub const SIDE: usize = 5;
/// Rows and columns.
pub const SLOTS: usize = 2 * SIDE;
pub const CELLS: usize = SIDE * SIDE;
