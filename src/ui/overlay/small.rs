//! A question, a line to type, and the popup of pending keys.

use crate::app::App;
use crate::app::overlay::{Confirm, Input};
use crate::domain::text::{truncate_start, width};
use crate::ui::paint;
use crate::ui::theme::{Role, Theme};
use crate::ui::widget::list;
use crate::ui::wrap::{Break, wrap};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};

/// A question with its two answers.
pub fn confirm(confirm: &Confirm, theme: &Theme, buf: &mut Buffer, area: Rect) {
    let wide = area.width.saturating_sub(4).min(64);
    let columns = usize::from(wide.saturating_sub(4));
    let mut rows = wrap(
        &[(&confirm.question, theme.style(Role::Text))],
        columns,
        Break::Words,
        &[],
        &[],
    );
    rows.push(Line::default());
    rows.push(Line::from(vec![
        Span::styled("y", theme.style(Role::HintKey)),
        Span::styled(
            format!(" {}   ", confirm.verb),
            theme.style(Role::TextStrong),
        ),
        Span::styled("n", theme.style(Role::HintKey)),
        Span::styled(" leave it", theme.style(Role::TextStrong)),
    ]));
    let height = u16::try_from(rows.len() + 2).unwrap_or(area.height);
    let inner = list::panel(
        buf,
        list::centred(area, wide, height),
        "are you sure?",
        theme,
    );
    for (y, row) in (inner.y..inner.bottom()).zip(&rows) {
        paint::line(buf, inner.x, y, inner.width, row);
    }
}

/// One line to type.
pub fn input(input: &Input, theme: &Theme, buf: &mut Buffer, area: Rect) -> Option<Position> {
    let wide = area.width.saturating_sub(4).min(72);
    let inner = list::panel(buf, list::centred(area, wide, 4), &input.title, theme);
    if inner.height < 2 {
        return None;
    }
    let text = truncate_start(&input.text, usize::from(inner.width.saturating_sub(3)));
    let mark = paint::text(
        buf,
        inner.x,
        inner.y,
        inner.width,
        "> ",
        theme.style(Role::PromptMark),
    );
    let end = paint::text(
        buf,
        mark,
        inner.y,
        inner.width,
        &text,
        theme.style(Role::Text),
    );
    let keys = [
        ("Enter".to_owned(), "keep"),
        ("Esc".to_owned(), "leave as it was"),
    ];
    paint::line(
        buf,
        inner.x,
        inner.y + 1,
        inner.width,
        &list::keys(&keys, usize::from(inner.width), theme),
    );
    Some(Position::new(
        end.min(inner.right().saturating_sub(1)),
        inner.y,
    ))
}

/// What may follow the keys typed so far, at the lower right.
pub fn which_key(app: &App, theme: &Theme, buf: &mut Buffer, area: Rect) {
    let rows = app.which_key_rows();
    let keys = rows
        .iter()
        .map(|(keys, _, _)| width(keys))
        .max()
        .unwrap_or(0)
        + 2;
    let texts = rows
        .iter()
        .map(|(_, _, help)| width(help))
        .max()
        .unwrap_or(0);
    let wide = u16::try_from(keys + texts + 4)
        .unwrap_or(u16::MAX)
        .min(area.width.saturating_sub(2));
    let high = u16::try_from(rows.len() + 2)
        .unwrap_or(u16::MAX)
        .min(area.height.saturating_sub(3));
    if wide < 8 || high < 3 {
        return;
    }
    let place = Rect::new(
        area.right() - wide - 1,
        area.bottom() - high - 2,
        wide,
        high,
    );
    let pending: Vec<String> = app
        .pending
        .chords
        .iter()
        .map(|chord| crate::app::chord::short_sequence(&[*chord]))
        .collect();
    let inner = list::panel(buf, place, &pending.join(" "), theme);
    for (y, (keys_text, _, help)) in (inner.y..inner.bottom()).zip(&rows) {
        let line = Line::from(vec![
            list::field(keys_text, keys, theme.style(Role::HintKey)),
            Span::styled(*help, theme.style(Role::Text)),
        ]);
        paint::line(buf, inner.x, y, inner.width, &line);
    }
}
