//! The text being written. The editor widget of the screen implements [`Draft`]; [`PlainDraft`] is the same without a screen.
//!
//! A draft is a list of lines and a cursor. It knows no keys, no history and no meaning of its text.

use std::any::Any;
use std::fmt;
use unicode_segmentation::UnicodeSegmentation;

/// One change of a draft or of its cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// Put this text, newlines included, at the cursor.
    Insert(String),
    NewLine,
    Backspace,
    Delete,
    /// To the start of the word before the cursor; what is cut can be yanked.
    KillWordBack,
    KillWordForward,
    KillToEnd,
    KillToStart,
    Yank,
    Left,
    Right,
    WordLeft,
    WordRight,
    Up,
    Down,
    LineStart,
    LineEnd,
    Start,
    End,
    Undo,
    Redo,
}

/// A text under edit, as `app` sees it.
pub trait Draft: fmt::Debug {
    fn apply(&mut self, edit: Edit);
    /// The lines, joined with `\n`.
    fn text(&self) -> String;
    /// Replaces everything; the cursor goes to the end. Can be undone.
    fn set_text(&mut self, text: &str);
    /// Row and column of the cursor, from 0; the column counts `char`s.
    fn cursor(&self) -> (usize, usize);
    fn line_count(&self) -> usize;
    fn is_empty(&self) -> bool {
        self.text().is_empty()
    }
    /// Lets the screen find its own widget behind the trait.
    fn as_any(&self) -> &dyn Any;
    fn as_any_mut(&mut self) -> &mut dyn Any;
}

/// A draft without a screen, for tests and for `--plain`.
#[derive(Debug, Clone, Default)]
pub struct PlainDraft {
    chars: Vec<char>,
    /// Index into `chars`, always at a grapheme's border.
    at: usize,
    killed: String,
    undo: Vec<(Vec<char>, usize)>,
    redo: Vec<(Vec<char>, usize)>,
}

/// Most states kept for undo.
const UNDO_LIMIT: usize = 200;

impl PlainDraft {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn remember(&mut self) {
        self.undo.push((self.chars.clone(), self.at));
        if self.undo.len() > UNDO_LIMIT {
            self.undo.remove(0);
        }
        self.redo.clear();
    }

    fn line_start(&self) -> usize {
        self.chars[..self.at]
            .iter()
            .rposition(|&c| c == '\n')
            .map_or(0, |i| i + 1)
    }

    fn line_end(&self) -> usize {
        self.chars[self.at..]
            .iter()
            .position(|&c| c == '\n')
            .map_or(self.chars.len(), |i| self.at + i)
    }

    /// Start of the grapheme before the cursor.
    fn before(&self) -> usize {
        let head: String = self.chars[..self.at].iter().collect();
        let last = head.graphemes(true).next_back();
        self.at - last.map_or(0, |g| g.chars().count())
    }

    /// End of the grapheme after the cursor.
    fn after(&self) -> usize {
        let tail: String = self.chars[self.at..].iter().collect();
        let first = tail.graphemes(true).next();
        self.at + first.map_or(0, |g| g.chars().count())
    }

    fn word_left(&self) -> usize {
        let mut at = self.at;
        while at > 0 && !self.chars[at - 1].is_alphanumeric() {
            at -= 1;
        }
        while at > 0 && self.chars[at - 1].is_alphanumeric() {
            at -= 1;
        }
        at
    }

    fn word_right(&self) -> usize {
        let mut at = self.at;
        while at < self.chars.len() && !self.chars[at].is_alphanumeric() {
            at += 1;
        }
        while at < self.chars.len() && self.chars[at].is_alphanumeric() {
            at += 1;
        }
        at
    }

    fn insert(&mut self, text: &str) {
        let new: Vec<char> = text.chars().collect();
        let count = new.len();
        self.chars.splice(self.at..self.at, new);
        self.at += count;
    }

    fn cut(&mut self, from: usize, to: usize, keep: bool) {
        let cut: String = self.chars.drain(from..to).collect();
        if keep {
            self.killed = cut;
        }
        self.at = from;
    }

    fn up(&mut self, down: bool) {
        let column = self.at - self.line_start();
        let start = if down {
            let end = self.line_end();
            if end == self.chars.len() {
                return;
            }
            end + 1
        } else {
            let start = self.line_start();
            if start == 0 {
                return;
            }
            self.at = start - 1;
            self.line_start()
        };
        self.at = start;
        self.at = (start + column).min(self.line_end());
    }

    fn change(&mut self, edit: &Edit) {
        match edit {
            Edit::Insert(text) => self.insert(text),
            Edit::NewLine => self.insert("\n"),
            Edit::Backspace => self.cut(self.before(), self.at, false),
            Edit::Delete => self.cut(self.at, self.after(), false),
            Edit::KillWordBack => self.cut(self.word_left(), self.at, true),
            Edit::KillWordForward => self.cut(self.at, self.word_right(), true),
            Edit::KillToEnd => self.cut(self.at, self.line_end(), true),
            Edit::KillToStart => self.cut(self.line_start(), self.at, true),
            Edit::Yank => {
                let killed = self.killed.clone();
                self.insert(&killed);
            }
            _ => {}
        }
    }
}

impl Draft for PlainDraft {
    fn apply(&mut self, edit: Edit) {
        match edit {
            Edit::Left => self.at = self.before(),
            Edit::Right => self.at = self.after(),
            Edit::WordLeft => self.at = self.word_left(),
            Edit::WordRight => self.at = self.word_right(),
            Edit::Up => self.up(false),
            Edit::Down => self.up(true),
            Edit::LineStart => self.at = self.line_start(),
            Edit::LineEnd => self.at = self.line_end(),
            Edit::Start => self.at = 0,
            Edit::End => self.at = self.chars.len(),
            Edit::Undo => {
                if let Some((chars, at)) = self.undo.pop() {
                    self.redo
                        .push((std::mem::replace(&mut self.chars, chars), self.at));
                    self.at = at;
                }
            }
            Edit::Redo => {
                if let Some((chars, at)) = self.redo.pop() {
                    self.undo
                        .push((std::mem::replace(&mut self.chars, chars), self.at));
                    self.at = at;
                }
            }
            change => {
                self.remember();
                self.change(&change);
            }
        }
    }

    fn text(&self) -> String {
        self.chars.iter().collect()
    }

    fn set_text(&mut self, text: &str) {
        self.remember();
        self.chars = text.chars().collect();
        self.at = self.chars.len();
    }

    fn cursor(&self) -> (usize, usize) {
        let row = self.chars[..self.at].iter().filter(|&&c| c == '\n').count();
        (row, self.at - self.line_start())
    }

    fn line_count(&self) -> usize {
        self.chars.iter().filter(|&&c| c == '\n').count() + 1
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(text: &str, edits: &[Edit]) -> (String, (usize, usize)) {
        let mut draft = PlainDraft::new();
        draft.set_text(text);
        for edit in edits {
            draft.apply(edit.clone());
        }
        (draft.text(), draft.cursor())
    }

    #[test]
    fn kills_are_yanked_and_undone() {
        let (text, _) = draft(
            "one two",
            &[Edit::KillWordBack, Edit::LineStart, Edit::Yank],
        );
        assert_eq!(text, "twoone ");
        let (text, _) = draft("one two", &[Edit::KillWordBack, Edit::Undo]);
        assert_eq!(text, "one two");
        let (text, _) = draft("ab\ncd", &[Edit::LineStart, Edit::KillToEnd, Edit::Up]);
        assert_eq!(text, "ab\n");
    }

    #[test]
    fn a_joined_emoji_is_one_step() {
        let (text, cursor) = draft("a👩‍👩‍👧b", &[Edit::Left, Edit::Backspace]);
        assert_eq!((text.as_str(), cursor), ("ab", (0, 1)));
    }

    #[test]
    fn rows_are_walked_with_their_column() {
        let (_, cursor) = draft("abc\nd\nefg", &[Edit::Up]);
        assert_eq!(cursor, (1, 1));
        let (_, cursor) = draft("abc\nd", &[Edit::Up, Edit::Up, Edit::Down, Edit::Down]);
        assert_eq!(cursor, (1, 1));
    }
}
