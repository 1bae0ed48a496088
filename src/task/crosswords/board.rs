//! The board: ten slots over 25 cells, changed by actions such as `h1. agend`, with the status of every slot.
//!
//! An action counts as a step whether it was carried out or not. A slot that others changed after it was filled is `changed`;
//! one that only crossing words completed stays `unfilled`, as in the original.

use super::puzzle::{Clues, Puzzle};
use super::{CELLS, SIDE, SLOTS};
use std::fmt::{self, Write};

/// An empty cell.
pub const BLANK: char = '_';
/// So many actions end a game.
pub const MOST_STEPS: usize = 20;

/// A row or a column: rows from the top are 0 to 4, columns from the left 5 to 9.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(usize);

impl Slot {
    /// All slots, rows first.
    pub fn all() -> impl Iterator<Item = Slot> {
        (0..SLOTS).map(Slot)
    }

    /// `h1` to `h5`, `v1` to `v5`.
    #[must_use]
    pub fn read(text: &str) -> Option<Slot> {
        let mut letters = text.chars();
        let base = match letters.next()? {
            'h' => 0,
            'v' => SIDE,
            _ => return None,
        };
        let number = usize::try_from(letters.next()?.to_digit(10)?).ok()?;
        let is_slot = (1..=SIDE).contains(&number) && letters.next().is_none();
        is_slot.then(|| Slot(base + number - 1))
    }

    /// From 0; rows before columns.
    #[must_use]
    pub fn index(self) -> usize {
        self.0
    }

    /// Its cells in reading direction.
    pub fn cells(self) -> impl Iterator<Item = usize> {
        let (start, step) = if self.0 < SIDE {
            (self.0 * SIDE, 1)
        } else {
            (self.0 - SIDE, SIDE)
        };
        (0..SIDE).map(move |place| start + place * step)
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.0 < SIDE { 'h' } else { 'v' };
        write!(f, "{kind}{}", self.0 % SIDE + 1)
    }
}

/// What has happened to a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Status {
    #[default]
    Unfilled,
    Filled,
    /// Filled, and then a crossing word changed a letter.
    Changed,
}

/// Why an action was not carried out. The step counts all the same.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("\"{0}\" is not SLOT. WORD, such as h1. apple")]
    Format(String),
    #[error("\"{0}\" is no slot; rows are h1 to h5, columns v1 to v5")]
    Position(String),
    #[error("\"{0}\" does not begin with five letters")]
    Word(String),
    #[error("{slot}. {word} would change letters that are already there")]
    Conflict { slot: Slot, word: String },
}

/// How much of a board is right.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Score {
    /// Cells that are right, of 25.
    pub letters: usize,
    /// Words that are right, of 10.
    pub words: usize,
    /// Whether all is right.
    pub game: bool,
}

impl Score {
    #[must_use]
    pub fn letter_rate(&self) -> f64 {
        self.letters as f64 / CELLS as f64
    }

    #[must_use]
    pub fn word_rate(&self) -> f64 {
        self.words as f64 / SLOTS as f64
    }
}

/// A board in play.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Board {
    cells: [char; CELLS],
    statuses: [Status; SLOTS],
    /// Actions so far, refused ones included.
    pub steps: usize,
    /// Whether a tree of boards may go on from here.
    pub is_extendable: bool,
    /// Advice from earlier tries; kept when the board is cleared.
    pub hints: Vec<String>,
}

impl Default for Board {
    fn default() -> Self {
        Self {
            cells: [BLANK; CELLS],
            statuses: [Status::Unfilled; SLOTS],
            steps: 0,
            is_extendable: true,
            hints: Vec::new(),
        }
    }
}

impl Board {
    /// Clears it for another try; the hints stay.
    pub fn reset(&mut self) {
        let hints = std::mem::take(&mut self.hints);
        *self = Board {
            hints,
            ..Board::default()
        };
    }

    /// Carries out the last line of a text. Without `allow_change` no letter that is there may become another.
    ///
    /// # Errors
    ///
    /// Why it was not carried out; the board is as before, but for the step.
    pub fn act(&mut self, text: &str, allow_change: bool) -> Result<(), Refused> {
        self.steps += 1;
        let line = text.trim().lines().last().unwrap_or_default().trim();
        let parts: Vec<&str> = line.split(". ").collect();
        let [position, word] = parts.as_slice() else {
            return Err(Refused::Format(line.to_owned()));
        };
        let slot = Slot::read(position).ok_or_else(|| Refused::Position((*position).to_owned()))?;
        let letters: Vec<char> = word.to_ascii_uppercase().chars().take(SIDE).collect();
        if letters.len() < SIDE || !letters.iter().all(char::is_ascii_uppercase) {
            return Err(Refused::Word((*word).to_owned()));
        }
        self.write(slot, &letters, allow_change)
    }

    fn write(&mut self, slot: Slot, letters: &[char], allow_change: bool) -> Result<(), Refused> {
        let changes =
            |cell: usize, letter: &char| self.cells[cell] != BLANK && self.cells[cell] != *letter;
        let changed: Vec<usize> = slot
            .cells()
            .zip(letters)
            .filter(|(cell, letter)| changes(*cell, letter))
            .map(|(cell, _)| cell)
            .collect();
        if !allow_change && !changed.is_empty() {
            let word = letters.iter().collect();
            return Err(Refused::Conflict { slot, word });
        }
        for (cell, letter) in slot.cells().zip(letters) {
            self.cells[cell] = *letter;
        }
        for crossing in Slot::all() {
            if crossing.cells().any(|cell| changed.contains(&cell)) {
                self.statuses[crossing.0] = Status::Changed;
            }
        }
        self.statuses[slot.0] = Status::Filled;
        Ok(())
    }

    /// Its letters, blanks included.
    #[must_use]
    pub fn word(&self, slot: Slot) -> String {
        slot.cells().map(|cell| self.cells[cell]).collect()
    }

    /// How many of a slot's cells are empty.
    #[must_use]
    pub fn blanks(&self, slot: Slot) -> usize {
        slot.cells()
            .filter(|cell| self.cells[*cell] == BLANK)
            .count()
    }

    /// Cells with a letter.
    #[must_use]
    pub fn filled_cells(&self) -> usize {
        self.cells.iter().filter(|cell| **cell != BLANK).count()
    }

    #[must_use]
    pub fn status(&self, slot: Slot) -> Status {
        self.statuses[slot.0]
    }

    /// The five rows.
    #[must_use]
    pub fn rows(&self) -> Vec<String> {
        Slot::all().take(SIDE).map(|row| self.word(row)).collect()
    }

    /// Reads the last five lines of five letters or blanks that stand together in a text; none when there are none.
    #[must_use]
    pub fn read(text: &str) -> Option<Board> {
        let lines: Vec<Vec<char>> = text
            .lines()
            .map(|line| line.trim().chars().collect())
            .collect();
        let is_row = |line: &Vec<char>| {
            let is_cell = |cell: &char| cell.is_ascii_alphabetic() || *cell == BLANK;
            line.len() == SIDE && line.iter().all(is_cell)
        };
        let found = lines.windows(SIDE).rfind(|rows| rows.iter().all(is_row))?;
        let mut board = Board::default();
        for (cell, letter) in board.cells.iter_mut().zip(found.iter().flatten()) {
            *cell = letter.to_ascii_uppercase();
        }
        for slot in Slot::all() {
            if board.blanks(slot) == 0 {
                board.statuses[slot.0] = Status::Filled;
            }
        }
        Some(board)
    }

    /// What of it is right.
    #[must_use]
    pub fn score(&self, puzzle: &Puzzle) -> Score {
        let is_right = |cell: usize| self.cells[cell] == puzzle.letters[cell];
        let words = Slot::all().filter(|slot| slot.cells().all(is_right));
        let score = Score {
            letters: (0..CELLS).filter(|cell| is_right(*cell)).count(),
            words: words.count(),
            game: false,
        };
        Score {
            game: score.letters == CELLS,
            ..score
        }
    }

    /// Whether the game is over.
    #[must_use]
    pub fn is_done(&self, puzzle: &Puzzle) -> bool {
        self.steps >= MOST_STEPS || self.score(puzzle).game
    }

    /// What an agent is shown. The slots stand in their order; the original shuffles them.
    #[must_use]
    pub fn render(&self, clues: &Clues) -> String {
        let mut text = String::from("Current Board:\n");
        for row in self.rows() {
            text.push_str(&row);
            text.push('\n');
        }
        for (title, status) in [
            ("Unfilled", Status::Unfilled),
            ("Filled", Status::Filled),
            ("Changed", Status::Changed),
        ] {
            // Writing to a string cannot go wrong.
            let _ = write!(text, "\n{title}:\n");
            for slot in Slot::all().filter(|slot| self.status(*slot) == status) {
                let _ = writeln!(text, "{slot}. {} -- {}", self.word(slot), clues.of(slot));
            }
        }
        if let Some(hint) = self.hints.last() {
            let _ = write!(text, "\nSuggestions:\n{hint}\n");
        }
        text
    }
}

impl fmt::Display for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rows().join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Trace {
        name: String,
        allow_change: bool,
        steps: Vec<Step>,
    }

    #[derive(Deserialize)]
    struct Step {
        action: String,
        board: Option<String>,
        status: String,
        letters: usize,
        words: usize,
        is_refused: bool,
    }

    fn puzzle() -> Puzzle {
        let text = include_str!("../../../tests/vectors/crosswords/puzzle.json");
        Puzzle::list(text).unwrap().remove(0)
    }

    fn statuses(board: &Board) -> String {
        let digit = |slot| match board.status(slot) {
            Status::Unfilled => '0',
            Status::Filled => '1',
            Status::Changed => '2',
        };
        Slot::all().map(digit).collect()
    }

    #[test]
    fn traces_are_those_of_the_method() {
        let text = include_str!("../../../tests/vectors/crosswords/traces.json");
        let traces: Vec<Trace> = serde_json::from_str(text).unwrap();
        assert_eq!(traces.len(), 4);
        let puzzle = puzzle();
        for trace in traces {
            let mut board = Board::default();
            for (number, step) in (1..).zip(&trace.steps) {
                let at = format!("{}, step {number}", trace.name);
                let refused = board.act(&step.action, trace.allow_change).is_err();
                assert_eq!(refused, step.is_refused, "{at}");
                if let Some(rows) = &step.board {
                    assert_eq!(board.rows().join("/"), *rows, "{at}");
                }
                assert_eq!(statuses(&board), step.status, "{at}");
                let score = board.score(&puzzle);
                assert_eq!(
                    (score.letters, score.words),
                    (step.letters, step.words),
                    "{at}"
                );
                assert_eq!(score.game, step.letters == 25, "{at}");
                assert_eq!(board.steps, number, "{at}");
            }
        }
    }

    #[test]
    fn twenty_steps_or_a_solution_end_a_game() {
        let puzzle = puzzle();
        let mut board = Board::default();
        for step in 0..MOST_STEPS {
            assert!(!board.is_done(&puzzle), "{step}");
            board.act("h1. agend", true).unwrap();
        }
        assert!(board.is_done(&puzzle));
        board.hints.push("think".into());
        board.reset();
        assert_eq!(
            (board.steps, board.hints.len(), board.filled_cells()),
            (0, 1, 0)
        );
    }

    #[test]
    fn words_and_slots_that_do_not_fit_are_refused() {
        let mut board = Board::default();
        for action in [
            "h6. apple",
            "h0. apple",
            "h1. abc",
            "h1. ab cd",
            "v1. éclai",
            "hh. apple",
        ] {
            assert!(board.act(action, true).is_err(), "{action}");
        }
        assert_eq!((board.steps, board.filled_cells()), (6, 0));
        assert_eq!(
            board.act("x1. apple", true).unwrap_err().to_string(),
            "\"x1\" is no slot; rows are h1 to h5, columns v1 to v5"
        );
    }

    #[test]
    fn a_board_is_shown_and_read_again() {
        let mut board = Board::default();
        board.act("h1. agend", true).unwrap();
        board.act("v1. bmass", true).unwrap();
        board.hints.push("Start over.".into());
        let shown = board.render(&puzzle().clues);
        assert!(
            shown.starts_with("Current Board:\nBGEND\nM____\n"),
            "{shown}"
        );
        assert!(
            shown.contains("\nFilled:\nv1. BMASS -- To pile up\n\nChanged:\nh1. BGEND -- A list")
        );
        assert!(shown.ends_with("\nSuggestions:\nStart over.\n"));
        let read = Board::read(&format!("So:\n{board}\nDone.")).unwrap();
        assert_eq!(read.rows(), board.rows());
        assert_eq!(Board::read("none"), None);
        assert_eq!(Board::read("words\nhere"), None);
    }
}
