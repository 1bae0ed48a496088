//! Occurrences of a query: in laid-out rows, and marked in what is drawn. Case is ignored.

use crate::ui::paint;
use crate::ui::theme::{Role, Theme};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

/// For each occurrence of the query, its row.
#[must_use]
pub fn find(rows: &[Line<'_>], query: &str) -> Vec<usize> {
    let query = query.to_lowercase();
    if query.is_empty() {
        return Vec::new();
    }
    rows.iter()
        .enumerate()
        .flat_map(|(at, row)| {
            let count = row.to_string().to_lowercase().matches(&query).count();
            std::iter::repeat_n(at, count)
        })
        .collect()
}

/// Marks the occurrences of a query in what is drawn.
pub fn highlight(buf: &mut Buffer, area: Rect, query: &str, theme: &Theme) {
    let query: Vec<String> = query
        .chars()
        .map(|c| c.to_lowercase().to_string())
        .collect();
    if query.is_empty() {
        return;
    }
    for y in area.top()..area.bottom() {
        let cells: Vec<String> = (area.left()..area.right())
            .map(|x| buf[(x, y)].symbol().to_lowercase())
            .collect();
        for (at, window) in cells.windows(query.len()).enumerate() {
            if window == query {
                let x = area.x + u16::try_from(at).unwrap_or(0);
                let wide = u16::try_from(query.len()).unwrap_or(1);
                paint::tint(buf, Rect::new(x, y, wide, 1), theme.style(Role::Selection));
            }
        }
    }
}
