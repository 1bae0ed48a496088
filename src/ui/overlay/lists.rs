//! The simple lists: palette, sessions, themes, code blocks.

use crate::app::App;
use crate::app::overlay::ListState;
use crate::domain::text::{truncate, width};
use crate::ui::paint;
use crate::ui::theme::{Role, Theme};
use crate::ui::widget::{list, meter};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};

/// What a list shows.
struct Page<'a> {
    title: &'a str,
    note: String,
    empty: &'a str,
    rows: Vec<Line<'static>>,
    keys: &'a [(&'a str, &'static str)],
}

fn place(area: Rect) -> Rect {
    let rows = area.height.saturating_sub(4).min(26);
    list::centred(area, area.width.saturating_sub(4).min(100), rows)
}

fn draw(
    page: &Page<'_>,
    state: &ListState,
    theme: &Theme,
    buf: &mut Buffer,
    area: Rect,
) -> Option<Position> {
    let inner = list::panel(buf, place(area), page.title, theme);
    if inner.height < 5 {
        return None;
    }
    let cursor = list::filter(
        buf,
        Rect { height: 1, ..inner },
        &state.filter,
        &page.note,
        theme,
    );
    list::rule(buf, inner, inner.y + 1, theme);
    let foot = inner.bottom() - 1;
    list::rule(buf, inner, foot - 1, theme);
    let keys: Vec<(String, &'static str)> = page
        .keys
        .iter()
        .map(|(key, word)| ((*key).to_owned(), *word))
        .collect();
    paint::line(
        buf,
        inner.x,
        foot,
        inner.width,
        &list::keys(&keys, usize::from(inner.width), theme),
    );
    let body = Rect::new(inner.x, inner.y + 2, inner.width, inner.height - 4);
    if page.rows.is_empty() {
        paint::text(
            buf,
            body.x + 2,
            body.y,
            body.width,
            page.empty,
            theme.style(Role::TextDim),
        );
    }
    list::rows(buf, body, state.selected, &page.rows, theme);
    Some(cursor)
}

/// Columns for text inside the box.
fn columns(area: Rect) -> usize {
    usize::from(place(area).width.saturating_sub(6))
}

/// Every action with its keys.
pub fn palette(
    app: &App,
    state: &ListState,
    theme: &Theme,
    buf: &mut Buffer,
    area: Rect,
) -> Option<Position> {
    let rows = app.palette_rows();
    let columns = columns(area);
    let names = rows
        .iter()
        .map(|row| width(row.name))
        .max()
        .unwrap_or(0)
        .max(12)
        + 2;
    let keys_wide = 16.min(columns / 4);
    let lines = rows
        .iter()
        .map(|row| {
            let keys = row.keys.split(", ").next().unwrap_or_default();
            let help = columns.saturating_sub(names + keys_wide + 1);
            Line::from(vec![
                list::field(row.name, names, theme.style(Role::Text)),
                list::field(row.help, help, theme.style(Role::TextDim)),
                Span::styled(format!(" {keys:>keys_wide$}"), theme.style(Role::HintKey)),
            ])
        })
        .collect();
    let page = Page {
        title: "commands",
        note: format!("{} commands", rows.len()),
        empty: "no command matches",
        rows: lines,
        keys: &[("Enter", "run"), ("↑↓", "choose"), ("Esc", "close")],
    };
    draw(&page, state, theme, buf, area)
}

/// Sessions, newest first, or those that match the search.
pub fn sessions(
    app: &App,
    state: &ListState,
    theme: &Theme,
    buf: &mut Buffer,
    area: Rect,
) -> Option<Position> {
    let columns = columns(area);
    let lines = app
        .sessions
        .iter()
        .map(|info| {
            let is_open = app.chat.session.as_ref() == Some(&info.id);
            let when = meter::ago(info.updated, app.now);
            let title = columns.saturating_sub(14 + 10 + 9);
            let shown = info.snippet.as_ref().map_or_else(
                || info.title.clone(),
                |snippet| format!("{}  {snippet}", info.title),
            );
            let shown = if is_open {
                format!("{} {shown}", theme.glyphs.running)
            } else {
                shown
            };
            Line::from(vec![
                list::field(
                    &truncate(&shown.replace('\n', " "), title.saturating_sub(1)),
                    title,
                    theme.style(Role::Text),
                ),
                list::field(&info.preset, 14, theme.style(Role::TextDim)),
                Span::styled(
                    format!("{:>4} turns", info.turns),
                    theme.style(Role::TextDim),
                ),
                Span::styled(format!("{when:>9}"), theme.style(Role::TextDim)),
            ])
        })
        .collect();
    let page = Page {
        title: "sessions",
        note: format!("{} sessions", app.sessions.len()),
        empty: "no session matches",
        rows: lines,
        keys: &[
            ("Enter", "open"),
            ("^R", "rename"),
            ("^D", "delete"),
            ("^Z", "bring back"),
            ("Esc", "close"),
        ],
    };
    draw(&page, state, theme, buf, area)
}

/// Themes by name; moving previews.
pub fn themes(
    app: &App,
    state: &ListState,
    theme: &Theme,
    buf: &mut Buffer,
    area: Rect,
) -> Option<Position> {
    let rows = app.theme_rows();
    let lines = rows
        .iter()
        .map(|name| {
            let is_current = **name == app.theme.name;
            let mark = if is_current { "  (shown)" } else { "" };
            Line::from(vec![
                Span::styled((*name).to_owned(), theme.style(Role::Text)),
                Span::styled(mark, theme.style(Role::Ok)),
            ])
        })
        .collect();
    // A small box at the side, so that the preview is seen.
    let wide = 36.min(area.width);
    let high = u16::try_from(rows.len() + 6)
        .unwrap_or(area.height)
        .clamp(8, 26)
        .min(area.height.saturating_sub(2));
    let area = Rect::new(
        area.right().saturating_sub(wide + 1),
        area.y + 1,
        wide,
        high.max(1) + 4,
    );
    let page = Page {
        title: "themes",
        note: String::new(),
        empty: "no theme matches",
        rows: lines,
        keys: &[("Enter", "keep"), ("Esc", "restore")],
    };
    draw(&page, state, theme, buf, area.intersection(buf.area))
}

/// Code blocks of a pane.
pub fn code(
    app: &App,
    state: &ListState,
    theme: &Theme,
    buf: &mut Buffer,
    area: Rect,
) -> Option<Position> {
    let columns = columns(area);
    let lines = app
        .code_rows()
        .iter()
        .map(|block| {
            let first = block
                .text
                .lines()
                .find(|line| !line.trim().is_empty())
                .unwrap_or_default();
            let count = block.text.lines().count();
            Line::from(vec![
                Span::styled(format!("{:>2} ", block.number), theme.style(Role::HintKey)),
                list::field(&block.language, 10, theme.style(Role::Accent)),
                Span::styled(format!("{count:>4} lines  "), theme.style(Role::TextDim)),
                Span::styled(
                    truncate(first.trim(), columns.saturating_sub(28)),
                    theme.style(Role::Text),
                ),
            ])
        })
        .collect();
    let page = Page {
        title: "copy a code block",
        note: String::new(),
        empty: "no code here",
        rows: lines,
        keys: &[("Enter", "copy"), ("Esc", "close")],
    };
    draw(&page, state, theme, buf, area)
}

/// What a new run can start from.
pub fn beginnings(
    rows: Vec<Line<'static>>,
    empty: &str,
    state: &ListState,
    theme: &Theme,
    buf: &mut Buffer,
    area: Rect,
) -> Option<Position> {
    let page = Page {
        title: "new run",
        note: String::new(),
        empty,
        rows,
        keys: &[
            ("Enter", "fill the form"),
            ("↑↓", "choose"),
            ("Esc", "close"),
        ],
    };
    draw(&page, state, theme, buf, area)
}
