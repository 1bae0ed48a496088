//! Orders to the grid of a debate: from cell to cell, and what changed in the open one.

use super::{Card, card};

/// Orders to the cells of a grid: agents down, rounds across.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CellAction {
    Left,
    Right,
    Up,
    Down,
    Difference,
}

impl CellAction {
    pub const ALL: [CellAction; 5] = [
        CellAction::Left,
        CellAction::Right,
        CellAction::Up,
        CellAction::Down,
        CellAction::Difference,
    ];

    pub(super) fn card(self) -> Card {
        match self {
            Self::Left => card("cell-left", "this agent in the round before"),
            Self::Right => card("cell-right", "this agent in the next round"),
            Self::Up => card("cell-up", "the agent above, in the same round"),
            Self::Down => card("cell-down", "the agent below, in the same round"),
            Self::Difference => card(
                "difference",
                "what changed against the same agent's round before, and back",
            ),
        }
    }
}
