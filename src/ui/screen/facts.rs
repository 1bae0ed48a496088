//! The right column of wide screens: the shown turn in numbers, and the turns of the session.

use crate::app::App;
use crate::app::transcript::{NodeState, NodeView, Turn};
use crate::domain::message::Role as Speaker;
use crate::domain::text::truncate;
use crate::ui::paint;
use crate::ui::theme::{Role, Theme};
use crate::ui::widget::{list, meter, node};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

/// Draws both boxes.
pub fn draw(app: &App, theme: &Theme, buf: &mut Buffer, area: Rect) {
    let transcript = &app.chat.transcript;
    let turn = app.shown_turn().and_then(|id| transcript.turns.get(&id));
    let turn = turn.or_else(|| {
        transcript
            .turns
            .values()
            .rev()
            .find(|turn| !turn.is_alone())
    });
    let columns = usize::from(area.width.saturating_sub(4));
    let rows = turn.map_or_else(
        || preset_rows(app, columns, theme),
        |turn| turn_rows(app, turn, columns, theme),
    );
    let height = (u16::try_from(rows.len()).unwrap_or(area.height) + 2).min(area.height);
    boxed(
        buf,
        Rect { height, ..area },
        if turn.is_some() { "Turn" } else { "Preset" },
        &rows,
        theme,
    );
    let rest = Rect::new(area.x, area.y + height, area.width, area.height - height);
    if rest.height > 3 {
        boxed(
            buf,
            rest,
            "Session",
            &session_rows(app, columns, theme),
            theme,
        );
    }
}

fn boxed(buf: &mut Buffer, area: Rect, title: &str, rows: &[Line<'static>], theme: &Theme) {
    let (lines, style) = paint::border(theme, false);
    paint::frame(buf, area, &lines, style);
    paint::text(
        buf,
        area.x + 2,
        area.y,
        area.width,
        &format!(" {title} "),
        theme.style(Role::Title),
    );
    let room = area.width.saturating_sub(4);
    for (y, row) in (area.y + 1..area.bottom().saturating_sub(1)).zip(rows) {
        paint::line(buf, area.x + 2, y, room, row);
    }
}

fn fact(name: &str, value: String, columns: usize, theme: &Theme) -> Line<'static> {
    Line::from(vec![
        list::field(name, 11, theme.style(Role::TextDim)),
        Span::styled(
            truncate(&value, columns.saturating_sub(11)),
            theme.style(Role::Text),
        ),
    ])
}

fn turn_rows(app: &App, turn: &Turn, columns: usize, theme: &Theme) -> Vec<Line<'static>> {
    let over = turn
        .nodes
        .values()
        .filter(|view| view.state.is_over())
        .count();
    let tokens: u64 = turn.nodes.values().map(|view| view.tokens().0).sum();
    let mut rows = vec![
        fact("preset", turn.preset.clone(), columns, theme),
        fact(
            "nodes",
            format!("{over} of {} done", turn.nodes.len()),
            columns,
            theme,
        ),
        fact("tokens", meter::count(tokens), columns, theme),
        fact(
            "elapsed",
            meter::clock(turn.elapsed_ms(app.moment())),
            columns,
            theme,
        ),
    ];
    if turn.plan.rounds() > 1 {
        rows.insert(
            1,
            fact("layers", turn.plan.rounds().to_string(), columns, theme),
        );
    }
    if let Some(cost) = turn.usage().cost {
        rows.push(fact("cost", meter::cost(cost), columns, theme));
    }
    rows.push(Line::default());
    let most = turn
        .nodes
        .values()
        .map(|view| view.tokens().0)
        .max()
        .unwrap_or(0);
    let views = turn.references().chain(turn.answer_node());
    for view in views {
        rows.push(node_row(app, turn, view, most, columns, theme));
    }
    rows
}

/// Number, glyph, a bar of its tokens beside the others', and its rate or state.
fn node_row(
    app: &App,
    turn: &Turn,
    view: &NodeView,
    most: u64,
    columns: usize,
    theme: &Theme,
) -> Line<'static> {
    let number = if view.node.is_answer {
        Some(0)
    } else {
        app.pane_number(crate::app::focus::PaneId::Node(turn.id, view.node.id))
    };
    let (glyph, role) = node::face(&view.state, theme);
    let wide = u16::try_from(columns.saturating_sub(16)).unwrap_or(0);
    let mut line = Line::from(vec![
        Span::styled(
            number.map_or("  ".into(), |n| format!("{n} ")),
            theme.style(Role::Text),
        ),
        Span::styled(glyph, theme.style(role)),
        Span::raw(" "),
    ]);
    line.spans
        .extend(meter::bar(view.tokens().0, most, wide, theme).spans);
    let word = match &view.state {
        NodeState::Streaming => node::rate(view),
        state => state.word().to_owned(),
    };
    line.push_span(Span::styled(
        format!("  {}", truncate(&word, 10)),
        theme.style(Role::TextDim),
    ));
    line
}

/// Before the first turn: who would answer.
fn preset_rows(app: &App, columns: usize, theme: &Theme) -> Vec<Line<'static>> {
    let row = app.preset_rows().into_iter().find(|row| row.is_current);
    let mut rows = vec![fact("preset", app.preset.clone(), columns, theme)];
    for (name, value) in row.map(|row| row.details).unwrap_or_default() {
        rows.push(fact(&name, value, columns, theme));
    }
    rows
}

fn session_rows(app: &App, columns: usize, theme: &Theme) -> Vec<Line<'static>> {
    let transcript = &app.chat.transcript;
    let mut rows = Vec::new();
    let title = app.session_title();
    if !title.is_empty() {
        rows.push(Line::styled(
            truncate(title, columns),
            theme.style(Role::Text),
        ));
        rows.push(Line::default());
    }
    let path = transcript.path();
    let questions: Vec<_> = path
        .iter()
        .filter(|said| said.role == Speaker::User)
        .collect();
    for (at, said) in questions.iter().enumerate().rev().take(30) {
        let is_last = at + 1 == questions.len();
        let mark = if is_last { theme.glyphs.folded } else { " " };
        let first = said.text.lines().next().unwrap_or_default();
        let text = truncate(&format!("{mark} {}  {first}", at + 1), columns);
        let role = if is_last { Role::Text } else { Role::TextDim };
        rows.push(Line::styled(text, theme.style(role)));
    }
    rows
}
