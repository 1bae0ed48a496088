//! A debate as a grid: one agent's answer of one round is a cell, and keys go from cell to cell.

use super::App;
use super::action::CellAction;
use super::effect::Effect;
use super::focus::PaneId;
use super::transcript::{NodeView, Turn};
use crate::domain::id::NodeId;
use crate::domain::plan::Hint;

impl App {
    /// The turn and the node of the focused pane, when it is a cell of a grid.
    #[must_use]
    pub fn focused_cell(&self) -> Option<(&Turn, &NodeView)> {
        let PaneId::Node(turn, node) = self.focused_pane() else {
            return None;
        };
        let turn = self.chat.transcript.turns.get(&turn)?;
        let view = turn.nodes.get(&node)?;
        (turn.plan.hint == Hint::Grid && view.node.lane > 0).then_some((turn, view))
    }

    pub(super) fn on_cell(&mut self, action: CellAction) -> Vec<Effect> {
        let Some((turn, view)) = self.focused_cell() else {
            return self.inform("open a cell of a debate first (Tab)");
        };
        let next = match action {
            CellAction::Left => turn.beside(view, -1, 0),
            CellAction::Right => turn.beside(view, 1, 0),
            CellAction::Up => turn.beside(view, 0, -1),
            CellAction::Down => turn.beside(view, 0, 1),
            CellAction::Difference => return self.show_difference(),
        };
        let pane = next.map(|node| PaneId::Node(turn.id, node));
        if let Some(pane) = pane {
            let shows = self.focus.view(self.focused_pane()).shows_difference;
            self.focus_pane(pane);
            self.focus.views.entry(pane).or_default().shows_difference = shows;
        }
        Vec::new()
    }

    /// Shows the focused cell against the round before, or as it is again.
    fn show_difference(&mut self) -> Vec<Effect> {
        let pane = self.focused_pane();
        let has_before = self
            .focused_cell()
            .is_some_and(|(turn, view)| turn.before(view).is_some());
        let view = self.focus.views.entry(pane).or_default();
        view.shows_difference = !view.shows_difference;
        view.top = view.shows_difference.then_some(0);
        if view.shows_difference && !has_before {
            return self.inform("there is no earlier round of this agent to compare with");
        }
        Vec::new()
    }
}

impl Turn {
    /// The nearest node in a direction: the same lane in another round, or another lane in the same round.
    #[must_use]
    pub fn beside(&self, from: &NodeView, rounds: i32, lanes: i32) -> Option<NodeId> {
        let at = |view: &NodeView| (i32::from(view.node.round), i32::from(view.node.lane));
        let (round, lane) = at(from);
        let distance = |view: &NodeView| {
            let (to_round, to_lane) = at(view);
            let (along, across) = if rounds == 0 {
                ((to_lane - lane) * lanes, to_round - round)
            } else {
                ((to_round - round) * rounds, to_lane - lane)
            };
            (along > 0 && across == 0).then_some(along)
        };
        let found = self.references().filter(|view| view.node.lane > 0);
        let found = found.filter_map(|view| Some((distance(view)?, view.node.id)));
        found.min().map(|(_, node)| node)
    }

    /// The same agent in the latest round before, as far as it said something there.
    #[must_use]
    pub fn before(&self, view: &NodeView) -> Option<&NodeView> {
        let node = self.beside(view, -1, 0)?;
        let before = self.nodes.get(&node)?;
        if before.text.trim().is_empty() {
            return self.before(before);
        }
        Some(before)
    }
}
