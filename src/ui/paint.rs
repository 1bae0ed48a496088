//! Text into cells, with the program's one width function. Nothing that is not a visible character reaches a cell.

use super::theme::{Lines, Role, Theme};
use crate::domain::text::grapheme_width;
use ratatui::buffer::{Buffer, CellDiffOption, CellWidth};
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use std::num::NonZeroU16;
use unicode_segmentation::UnicodeSegmentation;

/// Writes a text at a place, at most `columns` wide and never outside the buffer; returns the column after it.
pub fn text(buf: &mut Buffer, x: u16, y: u16, columns: u16, text: &str, style: Style) -> u16 {
    let area = buf.area;
    if y < area.top() || y >= area.bottom() || x < area.left() {
        return x;
    }
    let end = x.saturating_add(columns).min(area.right());
    let mut x = x;
    for grapheme in text.graphemes(true) {
        if grapheme.contains(char::is_control) {
            continue;
        }
        let wide = u16::try_from(grapheme_width(grapheme)).unwrap_or(2);
        if wide == 0 {
            continue;
        }
        if x + wide > end {
            break;
        }
        let cell = &mut buf[(x, y)];
        cell.set_symbol(grapheme).set_style(style);
        if cell.cell_width() != wide
            && let Some(width) = NonZeroU16::new(wide)
        {
            cell.set_diff_option(CellDiffOption::ForcedWidth(width));
        }
        for after in x + 1..x + wide {
            buf[(after, y)].reset();
            buf[(after, y)].set_style(style);
        }
        x += wide;
    }
    x
}

/// Writes a styled line; returns the column after it.
pub fn line(buf: &mut Buffer, x: u16, y: u16, columns: u16, line: &Line<'_>) -> u16 {
    let end = x.saturating_add(columns);
    let mut x = x;
    for span in &line.spans {
        let style = line.style.patch(span.style);
        x = text(buf, x, y, end.saturating_sub(x), &span.content, style);
    }
    x
}

/// Empties a region and gives it a style.
pub fn fill(buf: &mut Buffer, area: Rect, style: Style) {
    let area = area.intersection(buf.area);
    for y in area.rows().map(|row| row.y) {
        // A wide character cut by the left edge would draw over the region.
        if area.left() > buf.area.left() && buf[(area.left() - 1, y)].cell_width() > 1 {
            buf[(area.left() - 1, y)].set_symbol(" ");
        }
        for x in area.left()..area.right() {
            let cell = &mut buf[(x, y)];
            cell.reset();
            cell.set_style(style);
        }
    }
}

/// Adds a style to what a region shows.
pub fn tint(buf: &mut Buffer, area: Rect, style: Style) {
    buf.set_style(area.intersection(buf.area), style);
}

/// A horizontal rule.
pub fn rule(buf: &mut Buffer, x: u16, y: u16, columns: u16, stroke: &str, style: Style) {
    for at in x..x.saturating_add(columns) {
        text(buf, at, y, 1, stroke, style);
    }
}

/// A box around a region; nothing is drawn inside.
pub fn frame(buf: &mut Buffer, area: Rect, lines: &Lines, style: Style) {
    if area.width < 2 || area.height < 2 {
        return;
    }
    let (left, right) = (area.left(), area.right() - 1);
    let (top, bottom) = (area.top(), area.bottom() - 1);
    for y in [top, bottom] {
        rule(buf, left, y, area.width, lines.horizontal, style);
    }
    for y in top + 1..bottom {
        text(buf, left, y, 1, lines.vertical, style);
        text(buf, right, y, 1, lines.vertical, style);
    }
    text(buf, left, top, 1, lines.top_left, style);
    text(buf, right, top, 1, lines.top_right, style);
    text(buf, right, bottom, 1, lines.bottom_right, style);
    text(buf, left, bottom, 1, lines.bottom_left, style);
}

/// Strokes and style of a border: heavy when focused, so that focus never is a colour alone.
#[must_use]
pub fn border(theme: &Theme, is_focused: bool) -> (Lines, Style) {
    if is_focused {
        (theme.glyphs.heavy, theme.style(Role::BorderFocus))
    } else {
        (theme.glyphs.light, theme.style(Role::Border))
    }
}
