//! Tables of a model's text: columns aligned by width, cells wrapped when the table is wider than the screen.

use super::markdown::{Look, inline};
use crate::domain::text::width;
use crate::ui::theme::Role;
use crate::ui::wrap::{Break, prefix_width, wrap};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};

/// A column is never narrower than this.
const NARROWEST: usize = 4;

/// The cells of a row: split at bars that are neither escaped nor inside code.
#[must_use]
pub fn cells(row: &str) -> Vec<String> {
    let row = row.trim();
    let row = row.strip_prefix('|').unwrap_or(row);
    let mut cells = vec![String::new()];
    let mut is_code = false;
    let mut chars = row.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' if chars.peek() == Some(&'|') => {
                chars.next();
                push(&mut cells, '|');
            }
            '|' if !is_code => cells.push(String::new()),
            '`' => {
                is_code = !is_code;
                push(&mut cells, c);
            }
            _ => push(&mut cells, c),
        }
    }
    if cells.len() > 1 && cells.last().is_some_and(|cell| cell.trim().is_empty()) {
        cells.pop();
    }
    for cell in &mut cells {
        *cell = cell.trim().to_owned();
    }
    cells
}

fn push(cells: &mut [String], c: char) {
    if let Some(cell) = cells.last_mut() {
        cell.push(c);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Align {
    Left,
    Centre,
    Right,
}

type Cell = Vec<(String, Style)>;

/// Rows of a table; none when it does not fit or its rows do not match its header (then it is better read as text).
#[must_use]
pub fn lay(source: &str, look: &Look<'_>) -> Option<Vec<Line<'static>>> {
    let mut lines = source.lines();
    let header = cells(lines.next()?);
    let aligns: Vec<Align> = cells(lines.next()?).iter().map(|c| align(c)).collect();
    let mut rows = vec![header];
    rows.extend(lines.map(cells));
    let columns = aligns.len();
    if rows.iter().any(|row| row.len() > columns) {
        return None;
    }
    let styled: Vec<Vec<Cell>> = rows
        .iter()
        .map(|row| {
            (0..columns)
                .map(|at| row.get(at).map_or_else(Vec::new, |c| inline(c, look)))
                .collect()
        })
        .collect();
    let widths = widths(&styled, columns, look.columns)?;
    let glyphs = look.theme.glyphs.light;
    let bar = Span::styled(
        format!(" {} ", glyphs.vertical),
        look.theme.style(Role::Table),
    );
    let mut out = Vec::new();
    for (at, row) in styled.iter().enumerate() {
        out.extend(lay_row(row, &widths, &aligns, &bar, at == 0));
        if at == 0 {
            let strokes: Vec<String> = widths
                .iter()
                .map(|w| glyphs.horizontal.repeat(*w))
                .collect();
            let joint = format!("{0}{1}{0}", glyphs.horizontal, glyphs.cross);
            out.push(Line::styled(
                strokes.join(&joint),
                look.theme.style(Role::Table),
            ));
        }
    }
    Some(out)
}

fn align(delimiter: &str) -> Align {
    match (delimiter.starts_with(':'), delimiter.ends_with(':')) {
        (true, true) => Align::Centre,
        (false, true) => Align::Right,
        _ => Align::Left,
    }
}

/// The columns' widths: what they need, the widest narrowed until the row fits.
fn widths(rows: &[Vec<Cell>], columns: usize, room: usize) -> Option<Vec<usize>> {
    let need = |at: usize| {
        let cell_width = |cell: &Cell| cell.iter().map(|(text, _)| width(text)).sum::<usize>();
        rows.iter()
            .filter_map(|row| row.get(at))
            .map(cell_width)
            .max()
            .unwrap_or(0)
            .max(1)
    };
    let mut widths: Vec<usize> = (0..columns).map(need).collect();
    let room = room.checked_sub(3 * columns.saturating_sub(1))?;
    while widths.iter().sum::<usize>() > room {
        let widest = widths.iter_mut().max()?;
        if *widest <= NARROWEST {
            return None;
        }
        *widest -= 1;
    }
    Some(widths)
}

fn lay_row(
    row: &[Cell],
    widths: &[usize],
    aligns: &[Align],
    bar: &Span<'static>,
    is_header: bool,
) -> Vec<Line<'static>> {
    let wrapped: Vec<Vec<Line<'static>>> = row
        .iter()
        .zip(widths)
        .map(|(cell, columns)| {
            let pieces: Vec<(&str, Style)> = cell
                .iter()
                .map(|(text, style)| {
                    let style = if is_header {
                        style.add_modifier(Modifier::BOLD)
                    } else {
                        *style
                    };
                    (text.as_str(), style)
                })
                .collect();
            wrap(&pieces, *columns, Break::Words, &[], &[])
        })
        .collect();
    let height = wrapped.iter().map(Vec::len).max().unwrap_or(0);
    (0..height)
        .map(|at| {
            let mut spans = Vec::new();
            for ((lines, columns), align) in wrapped.iter().zip(widths).zip(aligns) {
                if !spans.is_empty() {
                    spans.push(bar.clone());
                }
                let cell = lines
                    .get(at)
                    .map(|line| line.spans.clone())
                    .unwrap_or_default();
                let free = columns.saturating_sub(prefix_width(&cell));
                let before = match align {
                    Align::Left => 0,
                    Align::Centre => free / 2,
                    Align::Right => free,
                };
                spans.push(Span::raw(" ".repeat(before)));
                spans.extend(cell);
                spans.push(Span::raw(" ".repeat(free - before)));
            }
            Line::from(spans)
        })
        .collect()
}
