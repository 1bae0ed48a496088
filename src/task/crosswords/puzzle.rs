//! Puzzles: the JSON file of the method, and puzzles as text that a person can paste.
//!
//! A file is a list of `[clues, letters]`: ten clues (rows, then columns) and 25 letters by rows.

use super::board::Slot;
use super::{CELLS, SLOTS};
use std::fmt::Write;

/// The ten clues, rows first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clues([String; SLOTS]);

impl Clues {
    #[must_use]
    pub fn of(&self, slot: Slot) -> &str {
        &self.0[slot.index()]
    }

    /// Finds the ten lines `h1. CLUE` to `v5. CLUE` in a text; none when one is missing.
    #[must_use]
    pub fn read(text: &str) -> Option<Clues> {
        let mut clues: [String; SLOTS] = Default::default();
        for line in text.lines() {
            let Some((slot, clue)) = line.trim().split_once(['.', ':', ')']) else {
                continue;
            };
            if let Some(slot) = Slot::read(slot.trim().to_ascii_lowercase().as_str()) {
                clue.trim().clone_into(&mut clues[slot.index()]);
            }
        }
        let is_whole = clues.iter().all(|clue| !clue.is_empty());
        is_whole.then_some(Clues(clues))
    }
}

/// A puzzle with its solution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Puzzle {
    pub clues: Clues,
    /// By rows, upper case.
    pub letters: [char; CELLS],
}

/// A file of puzzles cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PuzzleError {
    #[error("not a list of [clues, letters]: {0}")]
    Json(String),
    #[error("puzzle {number}: {found} {what} where {needed} are needed")]
    Count {
        /// From 1.
        number: usize,
        what: &'static str,
        found: usize,
        needed: usize,
    },
    #[error("puzzle {number}: \"{text}\" is not a letter A to Z")]
    Letter { number: usize, text: String },
}

impl Puzzle {
    /// The puzzles of a file's text.
    ///
    /// # Errors
    ///
    /// Which puzzle does not fit, and why.
    pub fn list(text: &str) -> Result<Vec<Puzzle>, PuzzleError> {
        let raw: Vec<(Vec<String>, Vec<String>)> =
            serde_json::from_str(text).map_err(|error| PuzzleError::Json(error.to_string()))?;
        let each = (1..).zip(raw);
        each.map(|(number, (clues, letters))| Puzzle::new(number, clues, &letters))
            .collect()
    }

    fn new(number: usize, clues: Vec<String>, letters: &[String]) -> Result<Puzzle, PuzzleError> {
        let count = |what, found, needed| PuzzleError::Count {
            number,
            what,
            found,
            needed,
        };
        let clues: [String; SLOTS] = clues
            .try_into()
            .map_err(|clues: Vec<String>| count("clues", clues.len(), SLOTS))?;
        if letters.len() != CELLS {
            return Err(count("letters", letters.len(), CELLS));
        }
        let mut cells = [' '; CELLS];
        for (cell, text) in cells.iter_mut().zip(letters) {
            let mut characters = text.chars();
            *cell = match (characters.next(), characters.next()) {
                (Some(letter), None) if letter.is_ascii_alphabetic() => letter.to_ascii_uppercase(),
                _ => {
                    let text = text.clone();
                    return Err(PuzzleError::Letter { number, text });
                }
            };
        }
        Ok(Puzzle {
            clues: Clues(clues),
            letters: cells,
        })
    }

    /// The word of a slot in the solution.
    #[must_use]
    pub fn word(&self, slot: Slot) -> String {
        slot.cells().map(|cell| self.letters[cell]).collect()
    }

    /// The puzzle as a question, without its solution.
    #[must_use]
    pub fn question(&self) -> String {
        let mut text = String::from(
            "Solve this crossword of 5 x 5 letters. h1 to h5 are its rows from the top, v1 to v5 its columns from the left; every word has five letters.\n\n",
        );
        for slot in Slot::all() {
            // Writing to a string cannot go wrong.
            let _ = writeln!(text, "{slot}. {}", self.clues.of(slot));
        }
        text.push_str("\nAnswer with the five rows: five lines of five letters.");
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_and_a_question_is_read_back() {
        let text = include_str!("../../../tests/vectors/crosswords/puzzle.json");
        let puzzle = Puzzle::list(text).unwrap().remove(0);
        let words: Vec<String> = Slot::all().map(|slot| puzzle.word(slot)).collect();
        assert_eq!(words[..2], ["AGEND", "MOTOR"]);
        assert_eq!(words[8..], ["NOSLE", "DRYER"]);
        assert_eq!(Clues::read(&puzzle.question()), Some(puzzle.clues));
        assert_eq!(Clues::read("h1. one\nh2. two"), None);
    }

    #[test]
    fn what_is_wrong_with_a_file_is_named() {
        let clues = r#"["a","b","c","d","e","f","g","h","i","j"]"#;
        let letters = |last: &str| format!("[{}\"{last}\"]", "\"A\",".repeat(24));
        let list = |clues: &str, letters: &str| Puzzle::list(&format!("[[{clues},{letters}]]"));
        assert!(list(clues, &letters("z")).is_ok());
        let error = |clues, letters: &str| list(clues, letters).unwrap_err().to_string();
        assert_eq!(
            error("[\"a\"]", &letters("B")),
            "puzzle 1: 1 clues where 10 are needed"
        );
        assert_eq!(
            error(clues, "[\"A\"]"),
            "puzzle 1: 1 letters where 25 are needed"
        );
        assert_eq!(
            error(clues, &letters("BB")),
            "puzzle 1: \"BB\" is not a letter A to Z"
        );
        assert!(
            Puzzle::list("{}")
                .unwrap_err()
                .to_string()
                .starts_with("not a list")
        );
    }
}
