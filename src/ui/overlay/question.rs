//! A tool asks before it does something outside: what exactly, with which effects, and the keys that answer.

use crate::app::App;
use crate::app::focus::Viewport;
use crate::app::overlay::Asking;
use crate::domain::question::Question;
use crate::ui::paint;
use crate::ui::theme::{Role, Theme};
use crate::ui::widget::list;
use crate::ui::wrap::{Break, wrap};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

/// The keys and what they do.
const KEYS: [(&str, &str); 5] = [
    ("y", "once"),
    ("s", "this session"),
    ("e", "edit"),
    ("n", "refuse"),
    ("x", "never"),
];

/// Draws it in the middle, and tells how many lines there are and how many fit.
pub fn draw(
    app: &App,
    asking: Asking,
    theme: &Theme,
    buf: &mut Buffer,
    area: Rect,
    viewport: &mut Viewport,
) {
    let Some(Question::Permission {
        tool,
        effects,
        shown,
        ..
    }) = app.open_question(asking.turn, asking.node)
    else {
        return;
    };
    let wide = area.width.saturating_sub(4).min(90);
    let columns = usize::from(wide.saturating_sub(4)).max(1);
    let words = |text: &str, role: Role| {
        wrap(
            &[(text, theme.style(role))],
            columns,
            Break::Words,
            &[],
            &[],
        )
    };
    let mut head = words(&format!("{tool}: {effects}"), Role::TextStrong);
    head.push(Line::default());
    let mut body: Vec<Line<'static>> = Vec::new();
    for line in shown.lines() {
        body.extend(wrap(
            &[(line, theme.style(Role::Code))],
            columns,
            Break::Anywhere,
            &[],
            &[],
        ));
    }
    let keys = keys(columns, theme);
    // What will run is never cut silently: what does not fit is scrolled to, and counted.
    let fixed = head.len() + keys.len() + 3;
    let room = usize::from(area.height.saturating_sub(2))
        .saturating_sub(fixed)
        .max(1);
    let all = body.len();
    let is_long = all > room;
    let height = if is_long {
        room.saturating_sub(1).max(1)
    } else {
        all
    };
    let top = asking.top.min(all - height);
    viewport.question = (all, height);
    let mut body: Vec<Line<'static>> = body.into_iter().skip(top).take(height).collect();
    if is_long {
        body.push(place(top, height, all, theme));
    }
    let mut rows = head;
    rows.extend(body);
    rows.push(Line::default());
    rows.extend(keys);
    let height = u16::try_from(rows.len() + 2).unwrap_or(area.height);
    let inner = list::panel(
        buf,
        list::centred(area, wide, height),
        "may this tool run?",
        theme,
    );
    for (y, row) in (inner.y..inner.bottom()).zip(&rows) {
        paint::line(buf, inner.x, y, inner.width, row);
    }
}

/// Which of the lines are shown, and how to see the others.
fn place(top: usize, height: usize, all: usize, theme: &Theme) -> Line<'static> {
    let below = all - (top + height);
    let rest = if below == 0 {
        "the end".to_owned()
    } else {
        format!("{below} more {} (down, page down)", theme.glyphs.down)
    };
    let text = format!("lines {} to {} of {all}, {rest}", top + 1, top + height);
    Line::styled(text, theme.style(Role::Warning))
}

/// The keys in as many rows as they need.
fn keys(columns: usize, theme: &Theme) -> Vec<Line<'static>> {
    let mut rows: Vec<Line<'static>> = vec![Line::default()];
    let mut used = 0;
    for (key, word) in KEYS {
        let wide = key.len() + 1 + word.len() + 3;
        if used + wide > columns && used > 0 {
            rows.push(Line::default());
            used = 0;
        }
        used += wide;
        if let Some(row) = rows.last_mut() {
            row.push_span(Span::styled(key, theme.style(Role::HintKey)));
            row.push_span(Span::styled(
                format!(" {word}   "),
                theme.style(Role::TextStrong),
            ));
        }
    }
    rows
}
