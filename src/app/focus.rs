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
    /// What the board of an agent graph shows.
    pub board: BoardView,
    /// What was drawn last.
    pub viewport: Viewport,
}

/// The faces of a graph's board.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BoardView {
    /// Nodes in the order they run, with their edges.
    #[default]
    Nodes,
    /// The open node's potential edges, and why each is there or not.
    Edges,
    /// The probabilities of all potential edges.
    Matrix,
}

impl BoardView {
    /// The next face, around.
    #[must_use]
    pub fn next(self) -> Self {
        match self {
            Self::Nodes => Self::Edges,
            Self::Edges => Self::Matrix,
            Self::Matrix => Self::Nodes,
        }
    }
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
    /// Shown as what changed against the same agent's round before.
    pub shows_difference: bool,
}

impl Default for PaneView {
    fn default() -> Self {
        Self {
            top: None,
            seen: 0,
            is_wrapped: true,
            shows_thinking: false,
            is_collapsed: false,
            shows_difference: false,
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
    /// Lines of what an open question shows, and how many fit.
    pub question: (usize, usize),
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

impl FocusState {
    fn pane_box(&self, pane: PaneId) -> Option<&PaneBox> {
        self.viewport.panes.iter().find(|drawn| drawn.pane == pane)
    }

    /// Scrolls by lines; reaching the end follows it again.
    pub(super) fn scroll(&mut self, pane: PaneId, lines: isize) {
        let Some(drawn) = self.pane_box(pane).copied() else {
            return;
        };
        let top = self.top(pane, drawn.lines, drawn.height);
        self.show_line(pane, top.saturating_add_signed(lines));
    }

    pub(super) fn scroll_pages(&mut self, pane: PaneId, pages: isize) {
        let height = self.pane_box(pane).map_or(1, |drawn| drawn.height);
        let page = isize::try_from(height.saturating_sub(1).max(1)).unwrap_or(1);
        self.scroll(pane, pages * page);
    }

    pub(super) fn scroll_halves(&mut self, pane: PaneId, halves: isize) {
        let height = self.pane_box(pane).map_or(1, |drawn| drawn.height);
        let half = isize::try_from((height / 2).max(1)).unwrap_or(1);
        self.scroll(pane, halves * half);
    }

    /// Puts a line at the top, as far as there are lines below; the last page follows the end.
    pub(super) fn show_line(&mut self, pane: PaneId, line: usize) {
        let Some(drawn) = self.pane_box(pane).copied() else {
            return;
        };
        let last = drawn.lines.saturating_sub(drawn.height);
        let view = self.views.entry(pane).or_default();
        if line >= last {
            view.top = None;
            return;
        }
        if view.top.is_none() {
            view.seen = drawn.lines;
        }
        view.top = Some(line);
    }

    /// Goes to the end and stays there.
    pub(super) fn follow(&mut self, pane: PaneId) {
        self.views.entry(pane).or_default().top = None;
    }

    /// Stays where it is, or follows again.
    pub(super) fn toggle_freeze(&mut self, pane: PaneId) {
        let (lines, height) = self
            .pane_box(pane)
            .map_or((0, 0), |drawn| (drawn.lines, drawn.height));
        let top = self.top(pane, lines, height);
        let view = self.views.entry(pane).or_default();
        if view.top.is_some() {
            view.top = None;
        } else {
            view.top = Some(top);
            view.seen = lines;
        }
    }

    /// The pane under a cell.
    pub(super) fn pane_at(&self, column: u16, row: u16) -> Option<PaneId> {
        let hit = |b: &&PaneBox| {
            (b.column..b.column.saturating_add(b.columns)).contains(&column)
                && (b.row..b.row.saturating_add(b.rows)).contains(&row)
        };
        self.viewport.panes.iter().find(hit).map(|drawn| drawn.pane)
    }

    /// The nearest drawn pane whose centre lies in a direction (columns count half: cells are twice as high as wide).
    pub(super) fn neighbour(&self, from: PaneId, right: i32, down: i32) -> Option<PaneId> {
        let (x, y) = self.pane_box(from)?.centre();
        let others = self.viewport.panes.iter().filter(|b| b.pane != from);
        others
            .filter_map(|b| {
                let (dx, dy) = (b.centre().0 - x, b.centre().1 - y);
                let along = dx * right + dy * down * 2;
                let across = (dx * down).abs() + (dy * right * 2).abs();
                (along > 0).then_some((along + 2 * across, b.pane))
            })
            .min()
            .map(|(_, pane)| pane)
    }
}

impl PaneBox {
    fn centre(&self) -> (i32, i32) {
        let middle = |from: u16, size: u16| i32::from(from) + i32::from(size) / 2;
        (
            middle(self.column, self.columns),
            middle(self.row, self.rows),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PANE: PaneId = PaneId::Conversation;

    fn drawn(lines: usize) -> FocusState {
        let pane = PaneBox {
            pane: PANE,
            column: 0,
            row: 0,
            columns: 80,
            rows: 12,
            lines,
            height: 10,
        };
        FocusState {
            viewport: Viewport {
                panes: vec![pane],
                ..Viewport::default()
            },
            ..FocusState::default()
        }
    }

    #[test]
    fn scrolling_up_freezes_and_the_end_follows_again() {
        let mut focus = drawn(100);
        assert_eq!(focus.top(PANE, 100, 10), 90);
        focus.scroll(PANE, -3);
        assert_eq!(focus.top(PANE, 100, 10), 87);
        // Text arrives; the view stays and counts it.
        assert_eq!(focus.top(PANE, 120, 10), 87);
        assert_eq!(focus.new_lines(PANE, 120), 20);
        focus.scroll(PANE, 3);
        assert_eq!(focus.view(PANE).top, None);
        assert_eq!(focus.new_lines(PANE, 120), 0);
    }

    #[test]
    fn a_short_text_has_nothing_to_scroll() {
        let mut focus = drawn(4);
        focus.scroll(PANE, -1);
        focus.scroll_pages(PANE, -1);
        assert_eq!(focus.view(PANE).top, None);
    }

    #[test]
    fn directions_find_the_nearest_pane() {
        let node = |n| PaneId::Node(TurnId(1), NodeId(n));
        let place = |pane, column, row| PaneBox {
            pane,
            column,
            row,
            columns: 60,
            rows: 10,
            lines: 0,
            height: 8,
        };
        let panes = vec![
            place(node(1), 0, 0),
            place(node(2), 60, 0),
            place(node(3), 0, 10),
            place(node(4), 60, 10),
        ];
        let focus = FocusState {
            viewport: Viewport {
                panes,
                ..Viewport::default()
            },
            ..FocusState::default()
        };
        assert_eq!(focus.neighbour(node(1), 1, 0), Some(node(2)));
        assert_eq!(focus.neighbour(node(1), 0, 1), Some(node(3)));
        assert_eq!(focus.neighbour(node(4), 0, -1), Some(node(2)));
        assert_eq!(focus.neighbour(node(4), 1, 0), None);
        assert_eq!(focus.pane_at(61, 3), Some(node(2)));
    }
}
