//! Agents by rounds: the answer of each in its cell, what it holds now and how often it changed; below them the votes.

use super::{Board, Row, votes};
use crate::app::transcript::{NodeView, Turn};
use crate::domain::text::truncate;
use crate::ui::theme::{Role, Theme};
use crate::ui::widget::{list, meter, node};
use ratatui::text::{Line, Span};
use std::collections::BTreeMap;

/// The mark that holds what an agent answers, and the one that says whether it changed its mind.
pub(super) const ANSWER: &str = "answer";
pub(super) const CHANGED: &str = "changed";
/// Columns of a name, of the answer held, of the count of changes.
const NAME: usize = 14;
const HELD: usize = 12;
const CHANGES: usize = 9;

/// Agents by lane, and their nodes by round.
pub(super) type Lanes<'a> = BTreeMap<u16, BTreeMap<u16, &'a NodeView>>;

pub(super) fn title(turn: &Turn) -> String {
    let agents = lanes(turn).len();
    let rounds = turn.plan.rounds();
    format!("{agents} agents x {rounds} rounds")
}

/// The agents: by lane, their nodes by round. A node without a lane plays no part in the matrix.
fn lanes(turn: &Turn) -> Lanes<'_> {
    let mut lanes = Lanes::new();
    for view in turn.references().filter(|view| view.node.lane > 0) {
        lanes
            .entry(view.node.lane)
            .or_default()
            .entry(view.node.round)
            .or_insert(view);
    }
    // A lane that speaks in one round only, of several, is a helper (a summary); it has its pane.
    let rounds = turn.plan.rounds();
    let votes = |lane: &BTreeMap<u16, &NodeView>| {
        rounds < 2 || lane.values().any(|view| view.marks.contains_key(ANSWER)) || lane.len() > 1
    };
    lanes.retain(|_, lane| votes(lane));
    lanes
}

/// The grid, and below it the votes and changes where they fit into so many rows.
pub(super) fn rows(board: &Board<'_>, columns: usize, most: usize, theme: &Theme) -> Vec<Row> {
    let lanes = lanes(board.turn);
    let rounds = usize::from(board.turn.plan.rounds().max(1));
    let room = columns.saturating_sub(4 + NAME + HELD + CHANGES);
    // The latest rounds are shown when not all fit.
    let cell = (room / rounds).clamp(10, 24);
    let shown = (room / cell).clamp(1, rounds);
    let first = rounds - shown + 1;
    let shown = |round: usize| u16::try_from(round).unwrap_or(u16::MAX);
    let dim = theme.style(Role::TextDim);
    let mut head = Line::from(list::field("", 4 + NAME, dim));
    for round in first..=rounds {
        head.push_span(list::field(&format!("round {round}"), cell, dim));
    }
    head.push_span(list::field("answer", HELD, dim));
    head.push_span(list::field("changed", CHANGES, dim));
    let mut rows = vec![Row::plain(head)];
    for (lane, views) in &lanes {
        let Some(last) = views.values().next_back() else {
            continue;
        };
        let is_open = views.values().any(|view| board.is_open(view));
        let mut line = Line::from(vec![
            board.mark(is_open, theme),
            Span::styled(format!("{lane:<2} "), theme.style(Role::TextDim)),
            list::field(&last.node.title, NAME, theme.style(Role::Text)),
        ]);
        for round in first..=rounds {
            let view = views.get(&shown(round));
            cell_of(&mut line, view.copied(), cell, board, theme);
        }
        let held = views
            .values()
            .rev()
            .find_map(|view| view.marks.get(ANSWER))
            .map_or("-", String::as_str);
        line.push_span(list::field(held, HELD, theme.style(Role::TextStrong)));
        let changes = views
            .values()
            .filter(|view| view.marks.get(CHANGED).is_some_and(|mark| mark == "yes"))
            .count();
        let changed = match changes {
            0 => "no".to_owned(),
            n => format!("{n}x"),
        };
        line.push_span(list::field(&changed, CHANGES, dim));
        rows.push(Row { line, is_open });
    }
    rows.push(Row::plain(tally(&lanes, first..=rounds, cell, theme)));
    let left = most.saturating_sub(rows.len());
    let below = votes::rows(board, &lanes, columns, left, theme);
    rows.extend(below.into_iter().map(Row::plain));
    rows
}

/// Glyph and answer, or what it does meanwhile.
fn cell_of(
    line: &mut Line<'static>,
    view: Option<&NodeView>,
    columns: usize,
    board: &Board<'_>,
    theme: &Theme,
) {
    let Some(view) = view else {
        line.push_span(list::field("", columns, theme.style(Role::TextDim)));
        return;
    };
    let (glyph, role) = node::face(&view.state, theme);
    let is_open = board.is_open(view);
    let text = match view.marks.get(ANSWER) {
        Some(answer) => super::first_line(answer).to_owned(),
        None if view.state.is_over() => "no answer".to_owned(),
        None if view.state.is_active() && view.tokens().0 > 0 => {
            format!("{} tok", meter::count(view.tokens().0))
        }
        None => view.state.word().to_owned(),
    };
    let changed = view.marks.get(CHANGED).is_some_and(|mark| mark == "yes");
    let (open, close) = if is_open { ("[", "]") } else { (" ", " ") };
    let star = if changed { "*" } else { "" };
    let wide = columns.saturating_sub(6 + star.len());
    line.push_span(Span::raw(open));
    line.push_span(Span::styled(glyph, theme.style(role)));
    let text = format!(" {}{star}{close}", truncate(&text, wide));
    line.push_span(list::field(
        &text,
        columns.saturating_sub(2),
        theme.style(Role::Text),
    ));
}

/// How the answers of each round are spread, and how many of them agree.
fn tally(
    lanes: &Lanes<'_>,
    rounds: std::ops::RangeInclusive<usize>,
    cell: usize,
    theme: &Theme,
) -> Line<'static> {
    let dim = theme.style(Role::TextDim);
    let mut line = Line::from(vec![Span::raw("    "), list::field("agreement", NAME, dim)]);
    for round in rounds {
        let round = u16::try_from(round).unwrap_or(u16::MAX);
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        let views = lanes.values().filter_map(|lane| lane.get(&round));
        for answer in views.filter_map(|view| view.marks.get(ANSWER)) {
            *counts.entry(answer).or_default() += 1;
        }
        let most = counts.values().max().copied().unwrap_or(0);
        let text = if most == 0 {
            " -".to_owned()
        } else {
            let mut spread: Vec<usize> = counts.into_values().collect();
            spread.sort_unstable_by(|a, b| b.cmp(a));
            let spread: Vec<String> = spread.iter().map(ToString::to_string).collect();
            format!(
                " {}% ({})",
                most * 100 / lanes.len().max(1),
                spread.join("-")
            )
        };
        line.push_span(list::field(&text, cell, dim));
    }
    line
}
