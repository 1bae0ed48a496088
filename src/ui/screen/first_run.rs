//! No source had the model that the default preset needs: what was tried, what came back, what can be done.

use super::tabs;
use crate::app::App;
use crate::app::models::FirstRunChoice;
use crate::ui::paint;
use crate::ui::theme::{Role, Theme};
use crate::ui::widget::{list, status};
use crate::ui::wrap::{Break, wrap};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

/// Draws the screen.
pub fn draw(app: &App, theme: &Theme, buf: &mut Buffer, area: Rect) {
    let row = |y: u16, height: u16| Rect::new(area.x, area.y + y, area.width, height);
    tabs::draw(app, theme, buf, row(0, 1));
    let body = row(1, area.height.saturating_sub(2));
    let Some(first_run) = &app.models.first_run else {
        return;
    };
    let wide = body.width.min(96);
    let columns = usize::from(wide.saturating_sub(4));
    let mut rows = Vec::new();
    let lead = format!(
        "The default preset answers with {}, and no source had it.",
        first_run.model
    );
    rows.extend(wrap(
        &[(&lead, theme.style(Role::Text))],
        columns,
        Break::Words,
        &[],
        &[],
    ));
    rows.push(Line::default());
    rows.push(Line::styled("What was tried", theme.style(Role::Heading)));
    if first_run.tried.is_empty() {
        rows.push(Line::styled("  nothing yet", theme.style(Role::TextDim)));
    }
    for (source, why) in &first_run.tried {
        let first = [
            Span::styled(
                format!("  {} ", theme.glyphs.failed),
                theme.style(Role::Error),
            ),
            Span::styled(format!("{source}  "), theme.style(Role::TextStrong)),
        ];
        rows.extend(wrap(
            &[(why, theme.style(Role::Text))],
            columns,
            Break::Words,
            &first,
            &[Span::raw("    ")],
        ));
    }
    rows.push(Line::default());
    rows.push(Line::styled("What to do", theme.style(Role::Heading)));
    let mut marks = Vec::new();
    for (at, choice) in FirstRunChoice::ALL.into_iter().enumerate() {
        let is_selected = at == first_run.selected;
        let mark = if is_selected {
            theme.glyphs.selected
        } else {
            " "
        };
        let first = [Span::styled(format!("{mark} "), theme.style(Role::Accent))];
        let style = theme.style(Role::Text);
        let lines = wrap(
            &[(choice.label(), style)],
            columns,
            Break::Words,
            &first,
            &[Span::raw("  ")],
        );
        if is_selected {
            marks.extend(rows.len()..rows.len() + lines.len());
        }
        rows.extend(lines);
    }
    let height = u16::try_from(rows.len() + 2).unwrap_or(body.height);
    let place = list::centred(body, wide, height.max(6));
    let inner = list::panel(buf, place, "no model yet", theme);
    // The choices stay in view when the box is too low for everything.
    let skip = rows.len().saturating_sub(usize::from(inner.height));
    for (y, (at, row)) in (inner.y..inner.bottom()).zip(rows.iter().enumerate().skip(skip)) {
        paint::line(buf, inner.x, y, inner.width, row);
        if marks.contains(&at) {
            paint::tint(
                buf,
                Rect::new(inner.x, y, inner.width, 1),
                theme.style(Role::Selection),
            );
        }
    }
    let state = Line::styled(" no account, no telemetry", theme.style(Role::TextDim));
    let hints = [
        ("Enter".to_owned(), "choose"),
        ("↑↓".to_owned(), "move"),
        ("F1".to_owned(), "help"),
    ];
    status::draw(
        buf,
        row(area.height.saturating_sub(1), 1),
        &state,
        &hints,
        1,
        theme,
    );
}
