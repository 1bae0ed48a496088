//! The face of a node: glyph, word, role, name and numbers.

use super::meter;
use crate::app::transcript::{NodeState, NodeView};
use crate::domain::clock::Millis;
use crate::ui::theme::{Role, Theme};

/// The sign of a state and the role it is drawn in.
#[must_use]
pub fn face(state: &NodeState, theme: &Theme) -> (&'static str, Role) {
    let glyphs = theme.glyphs;
    match state {
        NodeState::Idle => (glyphs.waits, Role::Waiting),
        NodeState::Queued { .. } => (glyphs.queued, Role::Waiting),
        NodeState::Loading
        | NodeState::Connecting
        | NodeState::Prefill { .. }
        | NodeState::Waiting
        | NodeState::Thinking
        | NodeState::Streaming => (glyphs.running, Role::Running),
        NodeState::Done => (glyphs.done, Role::Ok),
        NodeState::Retrying { .. }
        | NodeState::Truncated
        | NodeState::Filtered
        | NodeState::Interrupted => (glyphs.attention, Role::Warning),
        NodeState::Stopped => (glyphs.paused, Role::Warning),
        NodeState::Failed(_) => (glyphs.failed, Role::Error),
    }
}

/// Generated tokens in words; estimates carry a tilde.
#[must_use]
pub fn tokens(view: &NodeView) -> String {
    match view.tokens() {
        (0, _) => String::new(),
        (n, true) => format!("~{} tok", meter::count(n)),
        (n, false) => format!("{} tok", meter::count(n)),
    }
}

/// Whole tokens a second.
#[must_use]
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate is small and not negative"
)]
pub fn rate(view: &NodeView) -> String {
    let rate = view
        .tokens_per_second()
        .map(|rate| rate.round().max(0.0) as u64);
    rate.map_or_else(String::new, |rate| format!("{rate}/s"))
}

/// What stands at the right of a header, in reading order; the smaller its number, the earlier a part is dropped.
#[must_use]
pub fn numbers(view: &NodeView, now: Millis) -> Vec<(u8, String)> {
    let time = view.elapsed_ms(now).map_or_else(String::new, meter::clock);
    let tokens = tokens(view);
    let parts = match &view.state {
        NodeState::Thinking => vec![
            (1, "thinking".into()),
            (2, tokens),
            (0, rate(view)),
            (3, time),
        ],
        NodeState::Streaming => vec![(2, tokens), (1, rate(view)), (3, time)],
        NodeState::Done => vec![(1, tokens), (0, rate(view)), (3, "done".into()), (2, time)],
        NodeState::Prefill { done, total } if *total > 0 => {
            vec![(1, format!("reading {done}/{total}")), (0, time)]
        }
        NodeState::Retrying {
            attempt,
            of,
            wait_ms,
            ..
        } => vec![
            (1, format!("retry {attempt} of {of}")),
            (0, format!("in {} s", wait_ms.div_ceil(1000))),
        ],
        NodeState::Idle | NodeState::Queued { .. } => vec![(0, view.state.word().to_owned())],
        state => vec![(0, tokens), (2, state.word().to_owned()), (1, time)],
    };
    parts
        .into_iter()
        .filter(|(_, part)| !part.is_empty())
        .collect()
}

/// Title, and the part where it says more than "one of the references".
#[must_use]
pub fn name(view: &NodeView) -> String {
    if view.node.part == "reference" || view.node.part == view.node.title {
        view.node.title.clone()
    } else {
        format!("{} {}", view.node.part, view.node.title)
    }
}
