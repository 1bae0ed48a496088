//! Breaks styled text into rows of at most so many columns. Every visible grapheme appears exactly once, in order.

use crate::domain::text::{TAB_WIDTH, grapheme_width};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_segmentation::UnicodeSegmentation;

/// Where a row may end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Break {
    /// After blanks and around wide characters; inside a word only when it is wider than a row.
    Words,
    /// Anywhere: code keeps its columns.
    Anywhere,
    /// Nowhere: what is too long is cut off.
    Never,
}

struct Unit {
    from: usize,
    to: usize,
    wide: usize,
    style: Style,
    is_blank: bool,
    is_newline: bool,
}

/// Rows of a text made of styled pieces (newlines begin rows). `first` is put before the first row, `rest` before the others;
/// both count towards `columns`.
#[must_use]
pub fn wrap(
    pieces: &[(&str, Style)],
    columns: usize,
    how: Break,
    first: &[Span<'static>],
    rest: &[Span<'static>],
) -> Vec<Line<'static>> {
    let (text, units) = units(pieces);
    let mut rows = Rows {
        text: &text,
        units: &units,
        lines: Vec::new(),
        first,
        rest,
    };
    let room = |rows: &Rows<'_>| {
        let prefix = if rows.lines.is_empty() { first } else { rest };
        columns.saturating_sub(prefix_width(prefix)).max(1)
    };
    let mut start = 0;
    let mut used = 0;
    let mut can_break: Option<usize> = None;
    let mut at = 0;
    while let Some(unit) = units.get(at) {
        if unit.is_newline {
            rows.push(start, at);
            at += 1;
            (start, used, can_break) = (at, 0, None);
            continue;
        }
        if used + unit.wide <= room(&rows) || start == at {
            used += unit.wide;
            at += 1;
            let is_after_wide = unit.wide == 2 && how == Break::Words;
            let is_before_wide = units.get(at).is_some_and(|next| next.wide == 2);
            if unit.is_blank || is_after_wide || is_before_wide {
                can_break = Some(at);
            }
            continue;
        }
        match (how, can_break) {
            (Break::Never, _) => {
                rows.push(start, at);
                while units.get(at).is_some_and(|unit| !unit.is_newline) {
                    at += 1;
                }
                if at < units.len() {
                    at += 1;
                    (start, used, can_break) = (at, 0, None);
                    continue;
                }
                return rows.lines;
            }
            (Break::Words, _) if unit.is_blank => {
                rows.push(start, at);
                while units.get(at).is_some_and(|u| u.is_blank && !u.is_newline) {
                    at += 1;
                }
                if units.get(at).is_none() {
                    return rows.lines;
                }
                if units.get(at).is_some_and(|unit| unit.is_newline) {
                    at += 1;
                }
                (start, used, can_break) = (at, 0, None);
            }
            (Break::Words, Some(place)) if place > start => {
                rows.push(start, place);
                start = place;
                used = units[place..at].iter().map(|unit| unit.wide).sum();
                can_break = None;
            }
            _ => {
                rows.push(start, at);
                (start, used, can_break) = (at, 0, None);
            }
        }
    }
    rows.push(start, units.len());
    rows.lines
}

/// Columns of a row's prefix.
#[must_use]
pub fn prefix_width(spans: &[Span<'_>]) -> usize {
    spans
        .iter()
        .map(|span| crate::domain::text::width(&span.content))
        .sum()
}

fn units(pieces: &[(&str, Style)]) -> (String, Vec<Unit>) {
    let mut text = String::with_capacity(pieces.iter().map(|(piece, _)| piece.len()).sum());
    let mut units = Vec::new();
    for (piece, style) in pieces {
        for grapheme in piece.graphemes(true) {
            let from = text.len();
            let is_newline = grapheme == "\n" || grapheme == "\r\n";
            if grapheme == "\t" {
                text.push_str(&" ".repeat(TAB_WIDTH));
            } else if !is_newline {
                text.push_str(grapheme);
            }
            units.push(Unit {
                from,
                to: text.len(),
                wide: if is_newline {
                    0
                } else {
                    grapheme_width(grapheme)
                },
                style: *style,
                is_blank: grapheme == " " || grapheme == "\t",
                is_newline,
            });
        }
    }
    (text, units)
}

struct Rows<'a> {
    text: &'a str,
    units: &'a [Unit],
    lines: Vec<Line<'static>>,
    first: &'a [Span<'static>],
    rest: &'a [Span<'static>],
}

impl Rows<'_> {
    fn push(&mut self, from: usize, to: usize) {
        let prefix = if self.lines.is_empty() {
            self.first
        } else {
            self.rest
        };
        let mut spans: Vec<Span<'static>> = prefix.to_vec();
        let units = self.units.get(from..to).unwrap_or_default();
        let mut at = 0;
        while let Some(unit) = units.get(at) {
            let run = units[at..]
                .iter()
                .take_while(|other| other.style == unit.style)
                .count();
            let end = units.get(at + run - 1).map_or(unit.to, |last| last.to);
            let text = self.text.get(unit.from..end).unwrap_or_default();
            spans.push(Span::styled(text.to_owned(), unit.style));
            at += run;
        }
        self.lines.push(Line::from(spans));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::text::width;

    fn plain(lines: &[Line<'_>]) -> Vec<String> {
        lines.iter().map(ToString::to_string).collect()
    }

    fn rows(text: &str, columns: usize, how: Break) -> Vec<String> {
        plain(&wrap(&[(text, Style::default())], columns, how, &[], &[]))
    }

    #[test]
    fn words_stay_whole_where_they_can() {
        assert_eq!(
            rows("one two three", 8, Break::Words),
            ["one two ", "three"]
        );
        assert_eq!(
            rows("abcdefghij k", 4, Break::Words),
            ["abcd", "efgh", "ij k"]
        );
        assert_eq!(rows("a\n\nb", 4, Break::Words), ["a", "", "b"]);
        assert_eq!(rows("日本語です", 5, Break::Words), ["日本", "語で", "す"]);
        assert_eq!(rows("ab cd\nef", 2, Break::Words), ["ab", "cd", "ef"]);
    }

    #[test]
    fn code_breaks_anywhere_and_cut_text_nowhere() {
        assert_eq!(rows("a  bcd", 3, Break::Anywhere), ["a  ", "bcd"]);
        assert_eq!(rows("abcdef\nxyz", 3, Break::Never), ["abc", "xyz"]);
        assert_eq!(rows("abcdef\n", 3, Break::Never), ["abc", ""]);
    }

    #[test]
    fn prefixes_count() {
        let first = [Span::raw("- ")];
        let rest = [Span::raw("  ")];
        let lines = wrap(
            &[("one two", Style::default())],
            6,
            Break::Words,
            &first,
            &rest,
        );
        assert_eq!(plain(&lines), ["- one ", "  two"]);
    }

    #[test]
    fn every_grapheme_appears_once_and_no_row_is_too_wide() {
        let text = "Ein e\u{301}tat 日本 👩‍👩‍👧 wordwordwordword a  b\tc\n\nend. x";
        for columns in 1..30 {
            for how in [Break::Words, Break::Anywhere] {
                let rows = rows(text, columns, how);
                let seen: String = rows
                    .concat()
                    .chars()
                    .filter(|c| !c.is_whitespace())
                    .collect();
                let all: String = text.chars().filter(|c| !c.is_whitespace()).collect();
                assert_eq!(seen, all, "{columns}");
                if columns >= TAB_WIDTH {
                    assert!(rows.iter().all(|row| width(row) <= columns), "{rows:?}");
                }
            }
        }
    }
}
