//! The state in words, for the left of the last row: a running turn, a download, a notice, or ready.

use super::body::shown_round;
use crate::app::App;
use crate::app::models::PullView;
use crate::app::replay::Replay;
use crate::app::transcript::{NodeState, NodeView, Turn};
use crate::domain::text::width;
use crate::ui::theme::{Role, Theme};
use crate::ui::widget::meter;
use ratatui::text::{Line, Span};

/// What goes on, at the left of the last row.
#[must_use]
pub fn line(app: &App, columns: u16, theme: &Theme) -> Line<'static> {
    let dim = theme.style(Role::TextDim);
    if app.is_quit_armed {
        return Line::styled(" press again to quit", theme.style(Role::Warning));
    }
    if let Some(notice) = &app.notice {
        let role = if notice.is_error {
            Role::Error
        } else {
            Role::Accent
        };
        let glyph = if notice.is_error {
            theme.glyphs.failed
        } else {
            theme.glyphs.dot
        };
        return Line::styled(
            format!(" {glyph} {}", notice.text.replace('\n', " ")),
            theme.style(role),
        );
    }
    if let Some(replay) = &app.chat.replay {
        return replay_line(replay, theme);
    }
    let transcript = &app.chat.transcript;
    if let Some(turn) = app.chat.running.and_then(|id| transcript.turns.get(&id)) {
        return running_line(app, turn, columns, theme);
    }
    if let Some((model, pull)) = app.models.running_pull() {
        return pull_line(model, pull, theme);
    }
    let cost = transcript.usage();
    let mut spans = vec![Span::styled(" ready", theme.style(Role::Ok))];
    if cost.completion_tokens > 0 {
        spans.push(Span::styled(
            format!("  {} tok", meter::count(cost.completion_tokens)),
            dim,
        ));
    }
    if let Some(dollars) = cost.cost {
        spans.push(Span::styled(format!("  {}", meter::cost(dollars)), dim));
    }
    Line::from(spans)
}

/// Which recorded step is shown, and what it was.
fn replay_line(replay: &Replay, theme: &Theme) -> Line<'static> {
    let (at, of) = replay.place();
    Line::from(vec![
        Span::styled(" REPLAY", theme.style(Role::Accent)),
        Span::styled(format!("  step {at} of {of}"), theme.style(Role::Text)),
        Span::styled(
            format!("  {}", replay.what().replace('\n', " ")),
            theme.style(Role::TextDim),
        ),
    ])
}

/// The names of the nodes before which a turn is held.
fn held_before(turn: &Turn) -> Option<String> {
    let views = turn.held.iter().filter_map(|node| turn.nodes.get(node));
    let names: Vec<&str> = views.map(|view| view.node.title.as_str()).collect();
    match names.as_slice() {
        [] => None,
        [one] => Some(format!("before {one}")),
        [one, rest @ ..] => Some(format!("before {one} and {} more", rest.len())),
    }
}

fn pull_line(model: &str, pull: &PullView, theme: &Theme) -> Line<'static> {
    let mut text = format!(" {} {model}", theme.glyphs.down);
    if let Some(last) = &pull.last {
        let percent = (last.done * 100).checked_div(last.total).unwrap_or(0);
        text.push_str(&format!(
            "  {percent:>3}%  {}/s",
            meter::bytes(last.bytes_per_second)
        ));
        if let Some(ms) = last.remaining {
            text.push_str(&format!("  {} left", meter::clock(ms)));
        }
    }
    Line::styled(text, theme.style(Role::Running))
}

fn running_line(app: &App, turn: &Turn, columns: u16, theme: &Theme) -> Line<'static> {
    let text = theme.style(Role::Text);
    let held = held_before(turn);
    let (word, role) = if app.chat.is_stopping {
        ("STOP", Role::Warning)
    } else if held.is_some() {
        ("HELD", Role::Warning)
    } else {
        ("RUN", Role::Running)
    };
    let mut parts: Vec<(u8, String)> = Vec::new();
    parts.extend(held.map(|held| (4, held)));
    let rounds = turn.plan.rounds();
    if rounds > 0 {
        let is_answering = turn
            .answer_node()
            .is_some_and(|view| view.state != NodeState::Idle);
        let stage = if is_answering {
            "answer".to_owned()
        } else {
            format!("layer {}/{rounds}", shown_round(app, turn))
        };
        parts.push((3, stage));
        let over = turn.nodes.values().filter(|view| view.state.is_over());
        let text = format!("{} of {} done", over.count(), turn.nodes.len());
        parts.push((0, text));
    }
    let tokens: u64 = turn.nodes.values().map(|view| view.tokens().0).sum();
    parts.push((1, format!("{:>4} tok", meter::count(tokens))));
    let rate: f64 = turn
        .nodes
        .values()
        .filter(|view| view.state == NodeState::Streaming)
        .filter_map(NodeView::tokens_per_second)
        .sum();
    // The sum of nothing is minus zero.
    parts.push((1, format!("{:>3.0} tok/s", rate.abs())));
    parts.push((2, meter::clock(turn.elapsed_ms(app.moment()))));
    // The keys that stay and the word in front take their room first.
    let room = usize::from(columns).saturating_sub(36);
    while parts.len() > 1 && parts.iter().map(|(_, part)| width(part) + 2).sum::<usize>() > room {
        let least = parts.iter().map(|(rank, _)| *rank).min();
        parts.retain(|(rank, _)| Some(*rank) != least);
    }
    let parts: Vec<String> = parts.into_iter().map(|(_, part)| part).collect();
    Line::from(vec![
        Span::styled(format!(" {word}"), theme.style(role)),
        Span::styled(format!("  {}", parts.join("  ")), text),
    ])
}
