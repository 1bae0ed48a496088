//! An agent graph as a list in the order it runs: each node with whom it reads and whom it writes to.

use super::{Board, Row, first_line};
use crate::app::transcript::{NodeView, Turn};
use crate::domain::event::EdgeOutcome;
use crate::domain::id::NodeId;
use crate::domain::text::truncate;
use crate::ui::theme::{Role, Theme};
use crate::ui::widget::{list, node};
use ratatui::text::{Line, Span};

/// Columns of a node's name.
const NAME: usize = 18;

pub(super) fn title(turn: &Turn) -> String {
    let edges = turn.plan.edges.len();
    let nodes = turn.nodes.len();
    let possible = turn.edges.len();
    if possible == 0 {
        return format!("graph  {nodes} nodes  {edges} edges  in the order they run");
    }
    let taken = turn
        .edges
        .iter()
        .filter(|edge| edge.outcome == EdgeOutcome::Taken)
        .count();
    format!("graph  {nodes} nodes  {taken} of {possible} potential edges taken")
}

pub(super) fn rows(board: &Board<'_>, columns: usize, theme: &Theme) -> Vec<Row> {
    board.each(|view| line(board, view, columns, theme))
}

fn line(board: &Board<'_>, view: &NodeView, columns: usize, theme: &Theme) -> Line<'static> {
    let turn = board.turn;
    let (glyph, role) = node::face(&view.state, theme);
    let name = if view.node.is_answer {
        format!("{} (final)", view.node.title)
    } else {
        view.node.title.clone()
    };
    let id = view.node.id;
    let into: Vec<String> = turn
        .plan
        .edges
        .iter()
        .filter(|(_, to)| *to == id)
        .map(|(from, _)| title_of(turn, *from))
        .collect();
    let out: Vec<String> = turn
        .plan
        .edges
        .iter()
        .filter(|(from, _)| *from == id)
        .map(|(_, to)| format!("{}{}", title_of(turn, *to), weight(turn, id, *to)))
        .collect();
    let mut parts = Vec::new();
    if !into.is_empty() {
        parts.push(format!("<- {}", into.join(" ")));
    }
    if !out.is_empty() {
        parts.push(format!("-> {}", out.join(" ")));
    }
    let room = columns.saturating_sub(4 + NAME);
    let answer = view
        .marks
        .get("answer")
        .map_or_else(|| first_line(&view.text), |answer| first_line(answer));
    // Edges first: they are what a graph is about. The answer takes what is left.
    let edges = truncate(&parts.join("   "), room);
    let left = room.saturating_sub(crate::domain::text::width(&edges) + 3);
    let mut line = Line::from(vec![
        board.mark(board.is_open(view), theme),
        Span::styled(glyph, theme.style(role)),
        Span::raw(" "),
        list::field(&name, NAME, theme.style(Role::TextStrong)),
        Span::styled(edges, theme.style(Role::Text)),
    ]);
    if left > 8 && !answer.is_empty() {
        line.push_span(Span::styled(
            format!("   {}", truncate(answer, left)),
            theme.style(Role::TextDim),
        ));
    }
    line
}

/// ` .62` where the edge was drawn with a probability.
fn weight(turn: &Turn, from: NodeId, to: NodeId) -> String {
    let edge = turn
        .edges
        .iter()
        .find(|edge| (edge.from, edge.to) == (from, to));
    edge.map_or_else(String::new, |edge| {
        format!(" {}", probability(edge.probability))
    })
}

/// `.62`, or `1` for certainty.
pub(super) fn probability(p: f64) -> String {
    if p >= 0.995 {
        return "1".to_owned();
    }
    format!("{p:.2}").trim_start_matches('0').to_owned()
}

/// The short name of a node.
pub(super) fn title_of(turn: &Turn, id: NodeId) -> String {
    turn.nodes
        .get(&id)
        .map_or_else(|| format!("node {}", id.0), |view| view.node.title.clone())
}

#[cfg(test)]
mod tests {
    use super::probability;

    #[test]
    fn probabilities_are_short() {
        assert_eq!(probability(0.617), ".62");
        assert_eq!(probability(0.0), ".00");
        assert_eq!(probability(1.0), "1");
    }
}
