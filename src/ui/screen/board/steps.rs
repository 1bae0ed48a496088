//! Steps from top to bottom: who plans, which tool is called with what, what came back, how long it took.

use super::{Board, Row, first_line};
use crate::app::transcript::{NodeState, NodeView, Turn};
use crate::domain::event::ABANDONED;
use crate::domain::text::{truncate, width};
use crate::ui::theme::{Role, Theme};
use crate::ui::widget::{list, meter, node};
use ratatui::text::{Line, Span};
use std::collections::BTreeSet;

/// Columns of the part's name, and of the time at the right.
const PART: usize = 11;
const TIME: usize = 8;

pub(super) fn title(turn: &Turn) -> String {
    let steps = turn.plan.rounds();
    let left = turn.references().filter(|view| abandoned(view).is_some());
    let left = left.map(|view| view.node.round).collect::<BTreeSet<u16>>();
    let calls = turn
        .nodes
        .values()
        .filter(|view| view.call.is_some())
        .count();
    match left.len() {
        0 => format!("steps {steps}, tool calls {calls}"),
        left => format!("steps {steps}, {left} of them left, tool calls {calls}"),
    }
}

pub(super) fn rows(board: &Board<'_>, columns: usize, theme: &Theme) -> Vec<Row> {
    board.each(|view| line(board, view, columns, theme))
}

fn line(board: &Board<'_>, view: &NodeView, columns: usize, theme: &Theme) -> Line<'static> {
    let (glyph, role) = node::face(&view.state, theme);
    let step = if view.node.is_answer {
        "  ".to_owned()
    } else {
        format!("{:<2}", view.node.round)
    };
    let room = columns.saturating_sub(6 + PART + TIME);
    let mut text = what(board, view);
    if let Some(why) = abandoned(view).filter(|_| begins_step(board, view)) {
        text = format!("left ({why}): {text}");
    }
    let text = truncate(&text, room);
    let pad = room.saturating_sub(width(&text));
    let time = view
        .elapsed_ms(board.app.moment())
        .map_or_else(|| "-".to_owned(), meter::clock);
    let (part, said) = match abandoned(view) {
        Some(_) => (Role::TextDim, Role::TextDim),
        None => (Role::TextStrong, Role::Text),
    };
    Line::from(vec![
        board.mark(board.is_open(view), theme),
        Span::styled(glyph, theme.style(role)),
        Span::styled(format!(" {step} "), theme.style(Role::TextDim)),
        list::field(&view.node.part, PART, theme.style(part)),
        Span::styled(text, theme.style(said)),
        Span::styled(
            format!("{}{time:>TIME$}", " ".repeat(pad)),
            theme.style(Role::TextDim),
        ),
    ])
}

/// Why the branch was left in which the node stands.
fn abandoned(view: &NodeView) -> Option<&str> {
    let why = view.marks.get(ABANDONED)?;
    (!why.is_empty()).then_some(why)
}

/// Whether it is the first of its step, which says so for all.
fn begins_step(board: &Board<'_>, view: &NodeView) -> bool {
    let of_step = board.turn.references();
    let mut of_step = of_step.filter(|other| other.node.round == view.node.round);
    of_step
        .next()
        .is_some_and(|first| first.node.id == view.node.id)
}

/// The call as a person would write it, or the first words, or what it waits for.
fn what(board: &Board<'_>, view: &NodeView) -> String {
    if board.turn.asked.contains_key(&view.node.id) {
        return "asks you".to_owned();
    }
    let said = first_line(&view.text);
    match (&view.call, &view.state) {
        (Some((tool, arguments)), state) => {
            let call = format!("{tool}{}", short(arguments));
            if state.is_over() && !said.is_empty() {
                format!("{call} = {said}")
            } else {
                format!("{call}  {}", state.word())
            }
        }
        (None, NodeState::Idle) => "waits".to_owned(),
        (None, state) if said.is_empty() => state.word().to_owned(),
        (None, _) => said.to_owned(),
    }
}

/// `{"a":1,"b":"x"}` as `(a=1, b="x")`; text that is no object stays as it is.
fn short(arguments: &str) -> String {
    match serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(arguments) {
        Ok(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            format!("({})", fields.join(", "))
        }
        Err(_) => format!(" {arguments}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_reads_like_one() {
        assert_eq!(
            short(r#"{"limit":5,"query":"a b"}"#),
            r#"(limit=5, query="a b")"#
        );
        assert_eq!(short("not json"), " not json");
    }
}
