//! Boxes over the screen and lists in them: title, filter, rows that scroll around the selected one, keys at the foot.

use crate::domain::text::{truncate, width};
use crate::ui::paint;
use crate::ui::theme::{Role, Theme};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// A rectangle in the middle of another, at most as large.
#[must_use]
pub fn centred(area: Rect, columns: u16, rows: u16) -> Rect {
    let (width, height) = (columns.min(area.width), rows.min(area.height));
    Rect::new(
        area.x + (area.width - width) / 2,
        area.y + (area.height - height) / 2,
        width,
        height,
    )
}

/// Draws an empty box with a title and returns its inside, one column of air at each side.
pub fn panel(buf: &mut Buffer, area: Rect, title: &str, theme: &Theme) -> Rect {
    paint::fill(
        buf,
        area,
        theme.style(Role::Background).patch(theme.style(Role::Text)),
    );
    let (lines, style) = paint::border(theme, true);
    paint::frame(buf, area, &lines, style);
    let title = truncate(title, usize::from(area.width.saturating_sub(6)));
    paint::text(
        buf,
        area.x + 2,
        area.y,
        area.width.saturating_sub(4),
        &format!(" {title} "),
        theme.style(Role::Title),
    );
    Rect::new(
        area.x + 2.min(area.width),
        area.y + 1.min(area.height),
        area.width.saturating_sub(4),
        area.height.saturating_sub(2),
    )
}

/// The line that filters a list; returns the cursor's place.
pub fn filter(buf: &mut Buffer, area: Rect, text: &str, note: &str, theme: &Theme) -> Position {
    let mark = "> ";
    let x = paint::text(
        buf,
        area.x,
        area.y,
        area.width,
        mark,
        theme.style(Role::PromptMark),
    );
    let end = paint::text(
        buf,
        x,
        area.y,
        area.right().saturating_sub(x),
        text,
        theme.style(Role::Text),
    );
    if text.is_empty() {
        paint::text(
            buf,
            x,
            area.y,
            area.right().saturating_sub(x),
            "type to filter",
            theme.style(Role::TextDim),
        );
    }
    let wide = u16::try_from(width(note)).unwrap_or(0);
    if end + 16 + wide < area.right() {
        paint::text(
            buf,
            area.right() - wide,
            area.y,
            wide,
            note,
            theme.style(Role::TextDim),
        );
    }
    Position::new(end.min(area.right().saturating_sub(1)), area.y)
}

/// A light rule across a panel's inside.
pub fn rule(buf: &mut Buffer, area: Rect, y: u16, theme: &Theme) {
    paint::rule(
        buf,
        area.x,
        y,
        area.width,
        theme.glyphs.light.horizontal,
        theme.style(Role::Border),
    );
}

/// The first row shown so that the selected one is in view, in the middle where there is room.
#[must_use]
pub fn first_row(selected: usize, count: usize, height: usize) -> usize {
    selected
        .saturating_sub(height / 2)
        .min(count.saturating_sub(height))
}

/// Rows of a list with the selected one marked by glyph and style. How many more there are is told in the row below the area.
pub fn rows(buf: &mut Buffer, area: Rect, selected: usize, rows: &[Line<'_>], theme: &Theme) {
    let height = usize::from(area.height);
    let first = first_row(selected, rows.len(), height);
    for (y, (at, row)) in (area.y..area.bottom()).zip(rows.iter().enumerate().skip(first)) {
        let is_selected = at == selected;
        let mark = if is_selected {
            theme.glyphs.selected
        } else {
            " "
        };
        paint::text(buf, area.x, y, 1, mark, theme.style(Role::Accent));
        paint::line(buf, area.x + 2, y, area.width.saturating_sub(2), row);
        if is_selected {
            paint::tint(
                buf,
                Rect::new(area.x, y, area.width, 1),
                theme.style(Role::Selection),
            );
        }
    }
    if rows.len() > height && height > 0 {
        let left = rows.len() - (first + height).min(rows.len());
        if left > 0 {
            let note = format!(" {left} more {} ", theme.glyphs.down);
            let wide = u16::try_from(width(&note)).unwrap_or(0);
            let x = area.right().saturating_sub(wide);
            paint::text(
                buf,
                x,
                area.bottom(),
                wide,
                &note,
                theme.style(Role::TextDim),
            );
        }
    }
}

/// Keys and words in one line.
#[must_use]
pub fn keys(hints: &[(String, &'static str)], columns: usize, theme: &Theme) -> Line<'static> {
    let mut spans = Vec::new();
    let mut used = 0;
    for (keys, word) in hints {
        let wide = width(keys) + width(word) + 3;
        if used + wide > columns + 2 {
            break;
        }
        used += wide;
        spans.push(Span::styled(keys.clone(), theme.style(Role::HintKey)));
        spans.push(Span::styled(
            format!(" {word}  "),
            theme.style(Role::HintText),
        ));
    }
    Line::from(spans)
}

/// A text in a field of a fixed width, cut so that it never touches what follows.
#[must_use]
pub fn field(text: &str, columns: usize, style: Style) -> Span<'static> {
    let text = truncate(text, columns.saturating_sub(1));
    let pad = columns.saturating_sub(width(&text));
    Span::styled(format!("{text}{}", " ".repeat(pad)), style)
}
