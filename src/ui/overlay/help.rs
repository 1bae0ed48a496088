//! The help page: the keys of the screen below, made from the one table of keys, and what is wrong with files.

use crate::app::App;
use crate::app::focus::Viewport;
use crate::app::overlay::ListState;
use crate::domain::text::width;
use crate::ui::paint;
use crate::ui::theme::{Role, Theme};
use crate::ui::widget::list;
use crate::ui::wrap::{Break, wrap};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};

/// Keys are not given more columns than this.
const WIDEST_KEYS: usize = 26;

/// Draws the page and reports its lines.
pub fn draw(
    app: &App,
    state: &ListState,
    theme: &Theme,
    buf: &mut Buffer,
    area: Rect,
    viewport: &mut Viewport,
) -> Option<Position> {
    let place = list::centred(
        area,
        area.width.saturating_sub(4).min(100),
        area.height.saturating_sub(2).min(44),
    );
    let inner = list::panel(buf, place, "help", theme);
    if inner.height < 5 {
        return None;
    }
    let cursor = list::filter(
        buf,
        Rect { height: 1, ..inner },
        &state.filter,
        "Esc closes",
        theme,
    );
    list::rule(buf, inner, inner.y + 1, theme);
    let body = Rect::new(inner.x, inner.y + 2, inner.width, inner.height - 2);
    let lines = lines(app, usize::from(body.width), theme);
    let height = usize::from(body.height);
    let first = state.selected.min(lines.len().saturating_sub(height));
    for (y, line) in (body.y..body.bottom()).zip(lines.iter().skip(first)) {
        paint::line(buf, body.x, y, body.width, line);
    }
    let left = lines.len().saturating_sub(first + height);
    if left > 0 {
        let note = format!(" {left} more {} ", theme.glyphs.down);
        let wide = u16::try_from(width(&note)).unwrap_or(0);
        let x = place.right().saturating_sub(wide + 2);
        paint::text(
            buf,
            x,
            place.bottom() - 1,
            wide,
            &note,
            theme.style(Role::Badge),
        );
    }
    viewport.help = (lines.len(), height);
    Some(cursor)
}

fn lines(app: &App, columns: usize, theme: &Theme) -> Vec<Line<'static>> {
    let rows = app.help_rows();
    let keys = rows
        .iter()
        .map(|row| width(&row.keys))
        .max()
        .unwrap_or(0)
        .min(WIDEST_KEYS)
        + 2;
    let mut out = Vec::new();
    for problem in &app.problems {
        let first = [Span::styled(
            format!("{} ", theme.glyphs.attention),
            theme.style(Role::Warning),
        )];
        let text = problem.to_string();
        out.extend(wrap(
            &[(&text, theme.style(Role::Warning))],
            columns,
            Break::Words,
            &first,
            &[Span::raw("  ")],
        ));
    }
    let mut context = "";
    for row in &rows {
        if row.context != context {
            context = row.context;
            if !out.is_empty() {
                out.push(Line::default());
            }
            out.push(Line::styled(context.to_owned(), theme.style(Role::Heading)));
        }
        let first = [list::field(&row.keys, keys, theme.style(Role::HintKey))];
        let rest = [Span::raw(" ".repeat(keys))];
        let mut pieces = vec![(row.help, theme.style(Role::Text))];
        let command = row
            .command
            .map(|command| format!("  {command}"))
            .unwrap_or_default();
        pieces.push((&command, theme.style(Role::TextDim)));
        out.extend(wrap(&pieces, columns, Break::Words, &first, &rest));
    }
    if rows.is_empty() {
        out.push(Line::styled("no key matches", theme.style(Role::TextDim)));
    }
    out
}
