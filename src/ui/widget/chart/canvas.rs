//! Pixels within cells: braille (two by four), half blocks (one by two), or one character.

use crate::ui::paint;
use crate::ui::theme::{Role, Theme};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// What pixels are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marker {
    Braille,
    HalfBlock,
    Ascii,
}

impl Marker {
    /// Pixels in a cell: columns and rows.
    #[must_use]
    pub fn pixels(self) -> (usize, usize) {
        match self {
            Marker::Braille => (2, 4),
            Marker::HalfBlock => (1, 2),
            Marker::Ascii => (1, 1),
        }
    }
}

/// How a line is told apart from others without colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stroke {
    Solid,
    Dotted,
    Dashed,
}

impl Stroke {
    /// The stroke of the n-th line of a chart, from 0.
    #[must_use]
    pub fn nth(n: usize) -> Stroke {
        [Stroke::Solid, Stroke::Dotted, Stroke::Dashed]
            .into_iter()
            .cycle()
            .nth(n % 3)
            .unwrap_or(Stroke::Solid)
    }

    /// Whether the n-th pixel along a line is drawn.
    #[must_use]
    pub fn covers(self, n: usize, marker: Marker) -> bool {
        let is_fine = marker == Marker::Braille;
        match self {
            Stroke::Solid => true,
            Stroke::Dotted => n.is_multiple_of(if is_fine { 4 } else { 2 }),
            Stroke::Dashed => n % if is_fine { 8 } else { 5 } < if is_fine { 5 } else { 3 },
        }
    }

    /// Three columns of it, for a legend.
    #[must_use]
    pub fn sample(self, marker: Marker, index: usize) -> String {
        match (marker, self) {
            (Marker::Ascii, _) => letter(index).repeat(3),
            (_, Stroke::Solid) => "───".into(),
            (_, Stroke::Dotted) => "···".into(),
            (_, Stroke::Dashed) => "╌╌╌".into(),
        }
    }
}

/// The character of the n-th line where there is only one pixel in a cell.
fn letter(index: usize) -> &'static str {
    ["*", "o", "+", "x", "#", "@"]
        .into_iter()
        .cycle()
        .nth(index % 6)
        .unwrap_or("*")
}

/// A field of pixels; row 0 is the top.
pub struct Canvas {
    marker: Marker,
    columns: usize,
    rows: usize,
    /// Bits of each cell, and who drew there last.
    cells: Vec<(u8, usize)>,
}

impl Canvas {
    #[must_use]
    pub fn new(marker: Marker, columns: u16, rows: u16) -> Canvas {
        let (columns, rows) = (usize::from(columns), usize::from(rows));
        Canvas {
            marker,
            columns,
            rows,
            cells: vec![(0, 0); columns * rows],
        }
    }

    /// Pixels across and down.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        let (wide, high) = self.marker.pixels();
        (self.columns * wide, self.rows * high)
    }

    /// Sets a pixel; outside nothing happens.
    pub fn set(&mut self, x: usize, y: usize, trace: usize) {
        let (wide, high) = self.marker.pixels();
        if x >= self.columns * wide || y >= self.rows * high {
            return;
        }
        let bit = match self.marker {
            Marker::Braille => BRAILLE[y % 4][x % 2],
            Marker::HalfBlock => [1, 2][y % 2],
            Marker::Ascii => 1,
        };
        if let Some(cell) = self.cells.get_mut(y / high * self.columns + x / wide) {
            cell.0 |= bit;
            cell.1 = trace;
        }
    }

    /// Draws the cells that hold a pixel; the others stay as they are.
    pub fn draw(&self, buf: &mut Buffer, area: Rect, roles: &[Role], theme: &Theme) {
        for (y, row) in (area.top()..area.bottom()).zip(self.cells.chunks(self.columns.max(1))) {
            for (x, (bits, trace)) in (area.left()..area.right()).zip(row) {
                if *bits == 0 {
                    continue;
                }
                let role = roles.get(*trace).copied().unwrap_or(Role::Meter);
                let symbol = self.symbol(*bits, *trace);
                paint::text(buf, x, y, 1, &symbol, theme.style(role));
            }
        }
    }

    fn symbol(&self, bits: u8, trace: usize) -> String {
        match self.marker {
            Marker::Braille => char::from_u32(0x2800 + u32::from(bits))
                .unwrap_or(' ')
                .to_string(),
            Marker::HalfBlock => match bits {
                1 => "▀",
                2 => "▄",
                _ => "█",
            }
            .into(),
            Marker::Ascii => letter(trace).into(),
        }
    }

    /// Pixels that are set, for tests.
    #[cfg(test)]
    pub fn count(&self) -> u32 {
        self.cells.iter().map(|cell| cell.0.count_ones()).sum()
    }
}

/// Bits of the dots of a braille character, by row and column (Unicode block 2800).
const BRAILLE: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];
