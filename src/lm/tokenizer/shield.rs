//! Control tokens that are only said: a mark inside their spelling keeps them plain text.
//!
//! The mark is a noncharacter that no text may contain. [`Shield::raise`] puts it after the first character of every spelling
//! of a control token, however spellings overlap; [`Unshielded`] takes it out again once special tokens have been found.

use super::super::error::ModelError;
use aho_corasick::AhoCorasick;
use tokenizers::{NormalizedString, Normalizer, NormalizerWrapper};

/// Unicode 15, §23.7: for internal use, never exchanged.
const MARK: char = '\u{fdd0}';

/// Finds the spellings of control tokens.
pub(super) struct Shield {
    spellings: AhoCorasick,
}

impl Shield {
    pub fn new<'a>(spellings: impl Iterator<Item = &'a str>) -> Result<Self, ModelError> {
        let spellings = AhoCorasick::new(spellings)
            .map_err(|e| ModelError::compute("a search for control tokens", e))?;
        Ok(Self { spellings })
    }

    /// `said` with a mark in every control token's spelling, and without marks of its own.
    pub fn raise(&self, said: &str) -> String {
        let said = without_marks(said);
        let mut starts: Vec<usize> = self
            .spellings
            .find_overlapping_iter(&said)
            .map(|found| found.start())
            .collect();
        starts.sort_unstable();
        starts.dedup();
        let mut text = String::with_capacity(said.len() + starts.len() * MARK.len_utf8());
        let mut copied = 0;
        for start in starts {
            let first = said[start..].chars().next().map_or(0, char::len_utf8);
            text.push_str(&said[copied..start + first]);
            text.push(MARK);
            copied = start + first;
        }
        text.push_str(&said[copied..]);
        text
    }
}

fn without_marks(text: &str) -> String {
    text.chars().filter(|&c| c != MARK).collect()
}

/// Takes the marks out, then does what the tokenizer's own normalizer does. Runs after special tokens have been found.
pub(super) struct Unshielded {
    pub own: Option<NormalizerWrapper>,
    /// Whether a space is put before a text that begins with plain text.
    pub spaces_start: bool,
}

impl Normalizer for Unshielded {
    fn normalize(&self, text: &mut NormalizedString) -> tokenizers::Result<()> {
        if text.get().contains(MARK) {
            text.filter(|c| c != MARK);
        }
        if self.spaces_start && text.offsets_original().0 == 0 {
            text.prepend(" ");
        }
        match &self.own {
            Some(own) => own.normalize(text),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_broken_even_where_they_overlap() {
        let shield = Shield::new(["<a>b", "b</a>", "<a>"].into_iter()).unwrap();
        let raised = shield.raise("x<a>b</a>\u{fdd0}y <a");
        assert_eq!(raised, "x<\u{fdd0}a>b\u{fdd0}</a>y <a");
        assert_eq!(without_marks(&raised), "x<a>b</a>y <a");
        let none = Shield::new(std::iter::empty()).unwrap();
        assert_eq!(none.raise("<a>"), "<a>");
    }
}
