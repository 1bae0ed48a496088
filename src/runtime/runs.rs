//! Runs of jobs for the screen. Until there is a kind of job in the registry there is nothing to list and nothing to start.

use crate::app::effect::RunEffect;
use crate::app::msg::{Msg, RunMsg};

/// What the screen is told.
#[must_use]
pub fn perform(effect: &RunEffect) -> Option<Msg> {
    match effect {
        RunEffect::Kinds => Some(Msg::Run(RunMsg::Kinds {
            cards: Vec::new(),
            presets: Vec::new(),
        })),
        RunEffect::List => Some(Msg::Run(RunMsg::Listed(Vec::new()))),
        _ => None,
    }
}
