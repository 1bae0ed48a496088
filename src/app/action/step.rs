//! Orders about one step at a time: a turn that is held between its steps, and a turn that is played again from its events.

use super::{Card, card};

/// Orders to a held turn and to a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StepAction {
    Hold,
    Step,
    Replay,
    Forward,
    Back,
    First,
    Last,
    Leave,
}

impl StepAction {
    pub const ALL: [StepAction; 8] = [
        StepAction::Hold,
        StepAction::Step,
        StepAction::Replay,
        StepAction::Forward,
        StepAction::Back,
        StepAction::First,
        StepAction::Last,
        StepAction::Leave,
    ];

    pub(super) fn card(self) -> Card {
        match self {
            Self::Hold => card(
                "hold",
                "hold turns before each of their steps, or let them run",
            ),
            Self::Step => card("step", "go on to the next step of a held turn"),
            Self::Replay => card("replay", "play the selected turn again from its events"),
            Self::Forward => card("replay-forward", "the next recorded step"),
            Self::Back => card("replay-back", "the recorded step before"),
            Self::First => card("replay-first", "the beginning of the recorded turn"),
            Self::Last => card("replay-last", "the end of the recorded turn"),
            Self::Leave => card("replay-leave", "end the replay"),
        }
    }
}
