//! Puzzles about the letters of made-up words.

use super::draw::Draw;
use super::{Draft, fill};
use crate::task::set::Kind;
use serde::Deserialize;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Spec {
    reverse: Puzzle,
    count: Puzzle,
    last: Puzzle,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Puzzle {
    share: usize,
    question: String,
    letters: String,
    lengths: Vec<usize>,
    #[serde(default = "one")]
    words: usize,
}

fn one() -> usize {
    1
}

impl Spec {
    pub(super) fn draft(&self, draw: &mut Draw) -> Draft {
        let shares = [self.reverse.share, self.count.share, self.last.share];
        match draw.weighted(&shares) {
            0 => {
                let word = self.reverse.word(draw);
                let question = fill(&self.reverse.question, &[("word", &word)]);
                let answer = word.chars().rev().collect();
                Draft::new("reverse", Kind::Exact, question, answer)
            }
            1 => {
                let word = self.count.word(draw);
                let letter = self.count.letter(draw);
                let letter_text = letter.to_string();
                let places = [("letter", letter_text.as_str()), ("word", word.as_str())];
                let count = word.chars().filter(|&other| other == letter).count();
                let question = fill(&self.count.question, &places);
                Draft::new("count", Kind::Number, question, count.to_string())
            }
            _ => {
                let words: Vec<String> =
                    (0..self.last.words).map(|_| self.last.word(draw)).collect();
                let question = fill(&self.last.question, &[("words", &words.join(" "))]);
                let answer = words
                    .iter()
                    .filter_map(|word| word.chars().last())
                    .collect();
                Draft::new("last", Kind::Exact, question, answer)
            }
        }
    }

    pub(super) fn texts(&self) -> Vec<String> {
        let questions = [&self.reverse, &self.count, &self.last].map(|puzzle| &puzzle.question);
        questions
            .map(|text| fill(text, &[("word", "0"), ("words", "0"), ("letter", "0")]))
            .to_vec()
    }
}

impl Puzzle {
    fn letter(&self, draw: &mut Draw) -> char {
        let letters: Vec<char> = self.letters.chars().collect();
        draw.pick(&letters).copied().unwrap_or('a')
    }

    fn word(&self, draw: &mut Draw) -> String {
        let length = draw.pick(&self.lengths).copied().unwrap_or(1);
        (0..length).map(|_| self.letter(draw)).collect()
    }
}
