//! The `>>>` editor: a text area that knows graphemes, wrapped by the program's own width function.
//!
//! The text area edits, this draws: the terminal's real cursor is placed, no cell imitates it (input methods follow it).

use crate::app::draft::{Draft, Edit};
use crate::domain::text::{grapheme_width, width};
use crate::ui::paint;
use crate::ui::theme::{Role, Theme};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use std::any::Any;
use std::fmt;
use tui_textarea::{CursorMove, TextArea};
use unicode_segmentation::UnicodeSegmentation;

/// The prompt never grows beyond this many rows; then it scrolls.
pub const MOST_ROWS: u16 = 10;
/// Before the first row; the others are indented by as much.
const MARK: &str = ">>> ";
const MARK_WIDTH: u16 = 4;
/// Most states kept for undo.
const UNDO_LIMIT: usize = 200;

/// The text area as `app` drives it.
pub struct Editor {
    area: TextArea<'static>,
}

impl fmt::Debug for Editor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Editor")
            .field("text", &self.text())
            .finish()
    }
}

impl Default for Editor {
    fn default() -> Self {
        let mut area = TextArea::default();
        area.set_max_histories(UNDO_LIMIT);
        area.set_hard_tab_indent(true);
        Self { area }
    }
}

impl Editor {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn line(&self) -> (&str, usize) {
        let cursor = self.area.cursor();
        let line = self.area.lines().get(cursor.0).map_or("", String::as_str);
        let byte = line
            .char_indices()
            .nth(cursor.1)
            .map_or(line.len(), |(at, _)| at);
        (line, byte)
    }

    /// Characters of the grapheme before the cursor; 1 at the start of a line (the newline).
    fn before(&self) -> usize {
        let (line, at) = self.line();
        let last = line
            .get(..at)
            .and_then(|head| head.graphemes(true).next_back());
        last.map_or(1, |grapheme| grapheme.chars().count())
    }

    fn after(&self) -> usize {
        let (line, at) = self.line();
        let first = line.get(at..).and_then(|tail| tail.graphemes(true).next());
        first.map_or(1, |grapheme| grapheme.chars().count())
    }

    fn step(&mut self, how: CursorMove, times: usize) {
        for _ in 0..times {
            self.area.move_cursor(how);
        }
    }
}

impl Draft for Editor {
    fn apply(&mut self, edit: Edit) {
        match edit {
            Edit::Insert(text) => {
                self.area.insert_str(text);
            }
            Edit::NewLine => self.area.insert_newline(),
            Edit::Backspace => {
                for _ in 0..self.before() {
                    self.area.delete_char();
                }
            }
            Edit::Delete => {
                for _ in 0..self.after() {
                    self.area.delete_next_char();
                }
            }
            Edit::KillWordBack => {
                self.area.delete_word();
            }
            Edit::KillWordForward => {
                self.area.delete_next_word();
            }
            Edit::KillToEnd => {
                self.area.delete_line_by_end();
            }
            Edit::KillToStart => {
                self.area.delete_line_by_head();
            }
            Edit::Yank => {
                self.area.paste();
            }
            Edit::Left => self.step(CursorMove::Back, self.before()),
            Edit::Right => self.step(CursorMove::Forward, self.after()),
            Edit::WordLeft => self.area.move_cursor(CursorMove::WordBack),
            Edit::WordRight => self.area.move_cursor(CursorMove::WordForward),
            Edit::Up => self.area.move_cursor(CursorMove::Up),
            Edit::Down => self.area.move_cursor(CursorMove::Down),
            Edit::LineStart => self.area.move_cursor(CursorMove::Head),
            Edit::LineEnd => self.area.move_cursor(CursorMove::End),
            Edit::Start => {
                self.area.move_cursor(CursorMove::Top);
                self.area.move_cursor(CursorMove::Head);
            }
            Edit::End => {
                self.area.move_cursor(CursorMove::Bottom);
                self.area.move_cursor(CursorMove::End);
            }
            Edit::Undo => {
                self.area.undo();
            }
            Edit::Redo => {
                self.area.redo();
            }
        }
    }

    fn text(&self) -> String {
        self.area.lines().join("\n")
    }

    fn set_text(&mut self, text: &str) {
        // What was cut last stays to be yanked.
        let yank = self.area.yank_text();
        self.area.clear();
        self.area.insert_str(text);
        self.area.set_yank_text(yank);
        self.apply(Edit::End);
    }

    fn cursor(&self) -> (usize, usize) {
        let cursor = self.area.cursor();
        (cursor.0, cursor.1)
    }

    fn line_count(&self) -> usize {
        self.area.lines().len()
    }

    fn is_empty(&self) -> bool {
        self.area.is_empty()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

/// The draft wrapped for the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrapped {
    rows: Vec<String>,
    /// Row and column of the cursor.
    cursor: (usize, usize),
}

impl Wrapped {
    /// Wraps a draft into rows of `columns` columns. Blanks stay at the end of their row, so the cursor always has a place.
    #[must_use]
    pub fn of(draft: &dyn Draft, columns: u16) -> Wrapped {
        let columns = usize::from(columns.saturating_sub(MARK_WIDTH)).max(2);
        let text = draft.text();
        let at = draft.cursor();
        let mut rows = Vec::new();
        let mut cursor = (0, 0);
        for (number, line) in text.split('\n').enumerate() {
            let first = rows.len();
            let cuts = cuts(line, columns);
            for (from, to) in &cuts {
                rows.push(line.get(*from..*to).unwrap_or_default().to_owned());
            }
            if number == at.0 {
                let byte = line
                    .char_indices()
                    .nth(at.1)
                    .map_or(line.len(), |(byte, _)| byte);
                let row = cuts
                    .iter()
                    .rposition(|(from, _)| *from <= byte)
                    .unwrap_or(0);
                let from = cuts.get(row).map_or(0, |(from, _)| *from);
                let column = width(line.get(from..byte).unwrap_or_default());
                if column >= columns && row + 1 == cuts.len() && byte == line.len() {
                    rows.push(String::new());
                    cursor = (first + row + 1, 0);
                } else {
                    cursor = (first + row, column.min(columns - 1));
                }
            }
        }
        Wrapped { rows, cursor }
    }

    /// Rows the prompt wants.
    #[must_use]
    pub fn height(&self) -> u16 {
        u16::try_from(self.rows.len())
            .unwrap_or(MOST_ROWS)
            .clamp(1, MOST_ROWS)
    }

    /// Draws the rows around the cursor and returns the cursor's place.
    pub fn draw(
        &self,
        buf: &mut Buffer,
        area: Rect,
        placeholder: &str,
        theme: &Theme,
    ) -> Option<Position> {
        let height = usize::from(area.height);
        if height == 0 {
            return None;
        }
        let top = self
            .cursor
            .0
            .saturating_sub(height - 1)
            .min(self.rows.len().saturating_sub(height));
        let x = area.x + MARK_WIDTH;
        let room = area.width.saturating_sub(MARK_WIDTH);
        for (y, row) in (area.y..area.bottom()).zip(self.rows.iter().skip(top)) {
            paint::text(
                buf,
                x,
                y,
                room,
                &row.replace('\t', "    "),
                theme.style(Role::Prompt),
            );
        }
        paint::text(
            buf,
            area.x,
            area.y,
            area.width,
            MARK,
            theme.style(Role::PromptMark),
        );
        if self.rows.iter().all(String::is_empty) && self.rows.len() == 1 {
            paint::text(
                buf,
                x,
                area.y,
                room,
                placeholder,
                theme.style(Role::TextDim),
            );
        }
        let column = u16::try_from(self.cursor.1).unwrap_or(u16::MAX);
        let row = u16::try_from(self.cursor.0 - top).unwrap_or(0);
        Some(Position::new(
            x.saturating_add(column).min(area.right().saturating_sub(1)),
            (area.y + row).min(area.bottom() - 1),
        ))
    }
}

/// Byte ranges of a line's rows.
fn cuts(line: &str, columns: usize) -> Vec<(usize, usize)> {
    let mut cuts = Vec::new();
    let (mut start, mut used, mut place) = (0, 0, None);
    for (at, grapheme) in line.grapheme_indices(true) {
        let wide = grapheme_width(grapheme);
        let is_blank = grapheme == " ";
        if used + wide > columns && !is_blank {
            let cut = place.filter(|place| *place > start).unwrap_or(at);
            cuts.push((start, cut));
            start = cut;
            used = width(line.get(start..at).unwrap_or_default());
            place = None;
        }
        used += wide;
        if is_blank || wide == 2 {
            place = Some(at + grapheme.len());
        }
    }
    cuts.push((start, line.len()));
    cuts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn editor(text: &str, edits: &[Edit]) -> Editor {
        let mut editor = Editor::new();
        editor.set_text(text);
        for edit in edits {
            editor.apply(edit.clone());
        }
        editor
    }

    #[test]
    fn it_edits_by_graphemes_and_words() {
        let family = editor("a👩‍👩‍👧b", &[Edit::Left, Edit::Backspace]);
        assert_eq!((family.text().as_str(), family.cursor()), ("ab", (0, 1)));
        let killed = editor(
            "one two",
            &[Edit::KillWordBack, Edit::LineStart, Edit::Yank],
        );
        assert_eq!(killed.text(), "twoone ");
        let lines = editor("one", &[Edit::NewLine, Edit::Insert("two\nthree".into())]);
        assert_eq!(
            (lines.text().as_str(), lines.line_count()),
            ("one\ntwo\nthree", 3)
        );
        assert_eq!(
            editor("one", &[Edit::Insert(" x".into()), Edit::Undo]).text(),
            "one"
        );
    }

    #[test]
    fn the_cursor_follows_the_wrap() {
        let wrapped = Wrapped::of(&editor("one two three", &[]), 12);
        assert_eq!(wrapped.rows, ["one two ", "three"]);
        assert_eq!(wrapped.cursor, (1, 5));
        let full = Wrapped::of(&editor("abcdefgh", &[]), 12);
        assert_eq!((full.rows.len(), full.cursor), (2, (1, 0)));
        let wide = Wrapped::of(&editor("日本語です", &[Edit::Left]), 12);
        assert_eq!(
            (wide.rows.clone(), wide.cursor),
            (vec!["日本語で".into(), "す".into()], (1, 0))
        );
    }
}
