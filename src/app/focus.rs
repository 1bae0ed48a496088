//! Which part of the screen has the keys, and where each pane is scrolled to.
//!
//! Sizes come from what was drawn last (`Msg::Viewport`), so nothing here measures text and drawing never changes state.

use crate::domain::id::{MessageId, NodeId, TurnId};
use std::collections::BTreeMap;

/// A scrollable region of the chat screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PaneId {
    /// The messages, the answer that flows in, and a line for each earlier turn's parts. Number 0.
    Conversation,
    /// One node of a turn. Numbers 1 to 9 by round and lane.
    Node(TurnId, NodeId),
}

/// Who receives printable keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Area {
    #[default]
    Prompt,
    Pane,
}

/// Focus, zoom, scrolling and search of the chat screen.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FocusState {
    pub area: Area,
    /// The pane with the heavy border when `area` is `Pane`, and the open one of an accordion always; the conversation when none.
    pub pane: Option<PaneId>,
    /// The pane that has the whole screen.
    pub zoomed: Option<PaneId>,
    /// Views of panes that were touched; the others have `PaneView::default()`.
    pub views: BTreeMap<PaneId, PaneView>,
    /// The search in the focused pane, while typed and after.
    pub search: Option<PaneSearch>,
    /// What was drawn last.
    pub viewport: Viewport,
}

/// How one pane is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PaneView {
    /// The first line shown, of the pane's wrapped lines; none follows the end.
    pub top: Option<usize>,
    /// The pane's lines when it stopped following; what is beyond is new.
    pub seen: usize,
    /// Long lines are wrapped (else cut).
    pub is_wrapped: bool,
    /// Reasoning is unfolded.
    pub shows_thinking: bool,
    /// Shown as one line.
    pub is_collapsed: bool,
}

impl Default for PaneView {
    fn default() -> Self {
        Self {
            top: None,
            seen: 0,
            is_wrapped: true,
            shows_thinking: false,
            is_collapsed: false,
        }
    }
}

/// A search in a pane's text, ignoring case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaneSearch {
    pub pane: PaneId,
    pub query: String,
    /// Still being typed: keys go here. Drawn in the pane's lower border.
    pub is_open: bool,
    /// Which match is shown, from 0; `n` and `N` move it. Matches are counted in the pane's source text.
    pub current: usize,
    pub matches: usize,
}

/// What the last frame showed; sent by the runtime as `Msg::Viewport` when it differs from the one before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Viewport {
    pub panes: Vec<PaneBox>,
    /// First line of each message in the conversation's wrapped lines, in order.
    pub messages: Vec<(MessageId, usize)>,
    /// Lines of the open help page, and how many fit.
    pub help: (usize, usize),
    /// For each match of the current search, the wrapped line that holds it.
    pub matches: Vec<usize>,
}

/// A drawn pane: its outer rectangle, its text lines in all and how many of them fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PaneBox {
    pub pane: PaneId,
    pub column: u16,
    pub row: u16,
    pub columns: u16,
    pub rows: u16,
    pub lines: usize,
    pub height: usize,
}

impl FocusState {
    /// How a pane is looked at.
    #[must_use]
    pub fn view(&self, pane: PaneId) -> PaneView {
        self.views.get(&pane).copied().unwrap_or_default()
    }

    /// Has the keys now (the prompt has not).
    #[must_use]
    pub fn is_focused(&self, pane: PaneId) -> bool {
        self.area == Area::Pane && self.pane.unwrap_or(PaneId::Conversation) == pane
    }

    /// Lines that arrived below since the pane stopped following; 0 while it follows. `lines` is the pane's current count.
    #[must_use]
    pub fn new_lines(&self, pane: PaneId, lines: usize) -> usize {
        let view = self.view(pane);
        match view.top {
            Some(_) => lines.saturating_sub(view.seen),
            None => 0,
        }
    }

    /// The first line to draw of a pane with `lines` lines of which `height` fit: the place it was scrolled to, clamped, or the end.
    #[must_use]
    pub fn top(&self, pane: PaneId, lines: usize, height: usize) -> usize {
        let last = lines.saturating_sub(height);
        self.view(pane).top.map_or(last, |top| top.min(last))
    }
}
