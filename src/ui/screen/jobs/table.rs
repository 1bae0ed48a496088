//! A run's table: headings, rows in the chosen order, the one under the cursor.

use super::pane;
use crate::app::App;
use crate::app::jobs::Section;
use crate::app::jobs::table::{Row, Table};
use crate::domain::event::Cell;
use crate::domain::text::width;
use crate::ui::paint;
use crate::ui::theme::{Role, Theme};
use crate::ui::widget::chart::axis;
use crate::ui::widget::list;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

/// A column of words is at most this wide, unless it is the last one.
const MOST_COLUMNS: usize = 24;

/// Draws the box.
pub fn draw(app: &App, theme: &Theme, buf: &mut Buffer, area: Rect) {
    let Some(table) = app.jobs.shown_table() else {
        let inner = pane(app, Section::Table, ("table", ""), theme, buf, area);
        let dim = theme.style(Role::TextDim);
        paint::text(
            buf,
            inner.x,
            inner.y,
            inner.width,
            "this run has no table",
            dim,
        );
        return;
    };
    let sort = app.jobs.table.sort;
    let by = sort.and_then(|sort| table.columns.get(sort.column));
    let count = app.jobs.page().map_or(0, |page| page.tables.len());
    let note = match (by, count) {
        (Some(by), _) => format!("sort: {by}"),
        (None, count) if count > 1 => format!("t: {count} tables"),
        _ => format!("{} rows", table.len()),
    };
    let inner = pane(app, Section::Table, (&table.title, &note), theme, buf, area);
    if inner.height == 0 {
        return;
    }
    let rows = table.sorted(sort);
    let widths = widths(table, &rows);
    let head = heading(table, &widths, theme);
    paint::line(buf, inner.x, inner.y, inner.width, &head);
    if rows.is_empty() {
        let dim = theme.style(Role::TextDim);
        paint::text(
            buf,
            inner.x + 2,
            inner.y + 1,
            inner.width,
            "no rows yet",
            dim,
        );
        return;
    }
    let lines: Vec<Line<'static>> = rows.iter().map(|row| line(row, &widths, theme)).collect();
    let body = Rect::new(inner.x, inner.y + 1, inner.width, inner.height - 1);
    let selected = app.jobs.table.selected.min(rows.len() - 1);
    list::rows(buf, body, selected, &lines, theme);
}

fn written(cell: Option<Cell>) -> (String, bool) {
    match cell {
        Some(Cell::Number(number)) if number.fract() == 0.0 && number.abs() < 1e9 => {
            (format!("{number}"), true)
        }
        Some(Cell::Number(number)) => (axis::value(number), true),
        Some(Cell::Text(text)) => (text.replace('\n', " "), false),
        None => (String::new(), false),
    }
}

fn widths(table: &Table, rows: &[&Row]) -> Vec<usize> {
    let cells = rows
        .iter()
        .map(|row| row.cells.len() + 1)
        .max()
        .unwrap_or(1);
    let count = table.columns.len().max(cells);
    let last = count.saturating_sub(1);
    (0..count)
        .map(|column| {
            let head = table.columns.get(column).map_or(0, |name| width(name));
            let cells = rows.iter().map(|row| width(&written(row.cell(column)).0));
            let most = if column == last { 400 } else { MOST_COLUMNS };
            cells.max().unwrap_or(0).max(head).min(most) + 2
        })
        .collect()
}

fn heading(table: &Table, widths: &[usize], theme: &Theme) -> Line<'static> {
    let style = theme.style(Role::TextDim);
    let names = table.columns.iter().zip(widths);
    let mut spans = vec![Span::raw("  ")];
    spans.extend(names.map(|(name, wide)| list::field(name, *wide, style)));
    Line::from(spans)
}

fn line(row: &Row, widths: &[usize], theme: &Theme) -> Line<'static> {
    let style = theme.style(Role::Text);
    let cells = widths.iter().enumerate().map(|(column, wide)| {
        let (text, is_number) = written(row.cell(column));
        if is_number {
            // The point of short numbers stays in its column.
            return list::field(&text, *wide, style);
        }
        list::field(&text, *wide, style)
    });
    Line::from(cells.collect::<Vec<_>>())
}
