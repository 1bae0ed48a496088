//! Why each potential edge is there or not: its logit, its probability, the number drawn, the outcome. As a list of the open
//! node's edges, and as a matrix of all.

use super::graph::{probability, title_of};
use super::{Board, Row};
use crate::app::focus::PaneId;
use crate::app::transcript::{EdgeDraw, Turn};
use crate::domain::event::EdgeOutcome;
use crate::domain::id::NodeId;
use crate::domain::text::{truncate, width};
use crate::ui::theme::{Role, Theme};
use crate::ui::widget::list;
use ratatui::text::{Line, Span};

const NAME: usize = 14;

pub(super) fn list_title(turn: &Turn) -> String {
    format!("why these edges  {} potential ones", turn.edges.len())
}

pub(super) fn matrix_title(turn: &Turn) -> String {
    format!(
        "edge probabilities of {} nodes  row sends to column  # taken  . not taken  o cycle",
        ends(turn).len()
    )
}

/// Word and sign of an outcome: they differ without colour.
fn outcome(outcome: EdgeOutcome) -> (&'static str, &'static str, Role) {
    match outcome {
        EdgeOutcome::Taken => ("taken", "#", Role::Ok),
        EdgeOutcome::NotTaken => ("not taken", ".", Role::TextDim),
        EdgeOutcome::Cycle => ("would close a cycle", "o", Role::Warning),
    }
}

/// The edges of the open node, or all when none is open.
pub(super) fn list(board: &Board<'_>, _columns: usize, theme: &Theme) -> Vec<Row> {
    let turn = board.turn;
    let node = match board.open {
        Some(PaneId::Node(_, node)) => Some(node),
        _ => None,
    };
    let is_of = |edge: &&EdgeDraw| node.is_none_or(|node| edge.from == node || edge.to == node);
    let mut edges: Vec<&EdgeDraw> = turn.edges.iter().filter(is_of).collect();
    if edges.is_empty() {
        edges = turn.edges.iter().collect();
    }
    if edges.is_empty() {
        let text = "no edge was drawn: the graph is as its preset says".to_owned();
        return vec![Row::plain(Line::styled(text, theme.style(Role::TextDim)))];
    }
    edges
        .iter()
        .map(|edge| Row::plain(reason(turn, edge, theme)))
        .collect()
}

fn reason(turn: &Turn, edge: &EdgeDraw, theme: &Theme) -> Line<'static> {
    let (word, sign, role) = outcome(edge.outcome);
    let draw = match (edge.draw, edge.outcome) {
        (Some(draw), EdgeOutcome::Taken) => format!("u {draw:.3} <= p"),
        (Some(draw), _) => format!("u {draw:.3} > p "),
        (None, _) => "nothing drawn".to_owned(),
    };
    Line::from(vec![
        Span::styled(format!(" {sign} "), theme.style(role)),
        list::field(
            &title_of(turn, edge.from),
            NAME,
            theme.style(Role::TextStrong),
        ),
        Span::styled("-> ", theme.style(Role::TextDim)),
        list::field(
            &title_of(turn, edge.to),
            NAME,
            theme.style(Role::TextStrong),
        ),
        Span::styled(
            format!(
                "logit {:>6.2}  p {:.3}  {draw:<13}  ",
                edge.logit, edge.probability
            ),
            theme.style(Role::Text),
        ),
        Span::styled(word, theme.style(role)),
    ])
}

/// Every node that some potential edge begins or ends at, in the order of the plan.
fn ends(turn: &Turn) -> Vec<NodeId> {
    let is_end = |id: NodeId| {
        turn.edges
            .iter()
            .any(|edge| edge.from == id || edge.to == id)
    };
    turn.references()
        .chain(turn.answer_node())
        .map(|view| view.node.id)
        .filter(|id| is_end(*id))
        .collect()
}

/// Probabilities with the outcome's sign; the columns that fit.
pub(super) fn matrix(board: &Board<'_>, columns: usize, theme: &Theme) -> Vec<Row> {
    let turn = board.turn;
    let ends = ends(turn);
    if ends.is_empty() {
        return list(board, columns, theme);
    }
    let widest = ends.iter().map(|id| width(&title_of(turn, *id))).max();
    let cell = widest.unwrap_or(6).clamp(5, 9) + 1;
    let fits = columns.saturating_sub(NAME + 2) / cell;
    let shown = ends.len().min(fits);
    let dim = theme.style(Role::TextDim);
    let mut head = Line::from(list::field("", NAME + 1, dim));
    for to in &ends[..shown] {
        head.push_span(list::field(&title_of(turn, *to), cell, dim));
    }
    if shown < ends.len() {
        head.push_span(Span::styled(format!("+{}", ends.len() - shown), dim));
    }
    let mut rows = vec![Row::plain(head)];
    for from in &ends {
        let is_open = board.open == Some(PaneId::Node(turn.id, *from));
        let mut line = Line::from(vec![
            board.mark(is_open, theme),
            list::field(
                &truncate(&title_of(turn, *from), NAME),
                NAME,
                theme.style(Role::TextStrong),
            ),
        ]);
        for to in &ends[..shown] {
            let edge = turn
                .edges
                .iter()
                .find(|edge| (edge.from, edge.to) == (*from, *to));
            let (text, role) = match edge {
                None => ("-".to_owned(), Role::TextDim),
                Some(edge) => {
                    let (_, sign, role) = outcome(edge.outcome);
                    (format!("{}{sign}", probability(edge.probability)), role)
                }
            };
            line.push_span(list::field(&text, cell, theme.style(role)));
        }
        rows.push(Row { line, is_open });
    }
    rows
}
