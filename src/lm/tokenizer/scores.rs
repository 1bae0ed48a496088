//! SentencePiece's byte-pair encoding: neighbours are joined as long as that makes a piece, the piece of the highest score first.
//!
//! GGUF files of these vocabularies have scores and no list of merges, so this is not the `tokenizers` crate's algorithm: that
//! one goes by the rank of a pair, this one by the score of what the pair makes, the leftmost first among equals (Kudo and
//! Richardson 2018, `bpe_model.cc`). A heap keeps the candidates: n log n for n characters.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap};

/// A vocabulary of pieces with scores.
pub(super) struct Scores {
    pieces: HashMap<String, (u32, f32)>,
    /// The tokens of single bytes, for characters that are no piece.
    bytes: Vec<Option<u32>>,
    unknown: Option<u32>,
}

impl Scores {
    /// `pieces` are what text may be joined to, with token and score; the first of equal spellings counts. `bytes` are the
    /// tokens of single bytes; `unknown` stands for bytes without one.
    pub fn new(
        pieces: impl Iterator<Item = (String, u32, f32)>,
        bytes: impl Iterator<Item = (u8, u32)>,
        unknown: Option<u32>,
    ) -> Self {
        let mut by_spelling = HashMap::with_capacity(pieces.size_hint().0);
        for (spelling, token, score) in pieces {
            by_spelling.entry(spelling).or_insert((token, score));
        }
        let mut by_byte = vec![None; 256];
        for (byte, token) in bytes {
            by_byte[usize::from(byte)] = Some(token);
        }
        Self {
            pieces: by_spelling,
            bytes: by_byte,
            unknown,
        }
    }

    pub fn token(&self, spelling: &str) -> Option<u32> {
        self.pieces.get(spelling).map(|&(token, _)| token)
    }

    pub fn len(&self) -> usize {
        self.pieces.len()
    }

    /// The tokens of `text`, each with the byte range it came from.
    pub fn tokenize(&self, text: &str) -> Vec<(u32, usize, usize)> {
        let mut chain = Chain::new(text);
        let mut candidates = BinaryHeap::new();
        for right in 1..chain.symbols.len() {
            candidates.extend(self.candidate(&chain, right - 1, right));
        }
        while let Some(best) = candidates.pop() {
            if !chain.still_holds(&best) {
                continue;
            }
            chain.join(best.left, best.right);
            let joined = chain.symbols[best.left];
            if let Some(before) = joined.before {
                candidates.extend(self.candidate(&chain, before, best.left));
            }
            if let Some(after) = joined.after {
                candidates.extend(self.candidate(&chain, best.left, after));
            }
        }
        let mut tokens = Vec::new();
        for symbol in chain.symbols.iter().filter(|s| s.len > 0) {
            self.push(text, symbol.start, symbol.start + symbol.len, &mut tokens);
        }
        tokens
    }

    fn candidate(&self, chain: &Chain<'_>, left: usize, right: usize) -> Option<Candidate> {
        let (a, b) = (chain.symbols[left], chain.symbols[right]);
        let len = a.len + b.len;
        let &(_, score) = self.pieces.get(&chain.text[a.start..a.start + len])?;
        Some(Candidate {
            score,
            left,
            right,
            len,
        })
    }

    /// The token of a piece; for a character that is none, the tokens of its bytes.
    fn push(&self, text: &str, start: usize, end: usize, tokens: &mut Vec<(u32, usize, usize)>) {
        if let Some(token) = self.token(&text[start..end]) {
            tokens.push((token, start, end));
            return;
        }
        let bytes = &text.as_bytes()[start..end];
        let spelled: Option<Vec<u32>> = bytes
            .iter()
            .map(|&byte| self.bytes[usize::from(byte)])
            .collect();
        match spelled {
            Some(spelled) => {
                tokens.extend((start..).zip(spelled).map(|(at, t)| (t, at, at + 1)));
            }
            None => tokens.extend(self.unknown.map(|token| (token, start, end))),
        }
    }
}

/// A piece of the text that has not been joined to its left neighbour.
#[derive(Clone, Copy)]
struct Symbol {
    start: usize,
    /// In bytes; 0 after it was joined.
    len: usize,
    before: Option<usize>,
    after: Option<usize>,
}

/// The text as symbols in order.
struct Chain<'a> {
    text: &'a str,
    symbols: Vec<Symbol>,
}

impl<'a> Chain<'a> {
    fn new(text: &'a str) -> Self {
        let mut symbols: Vec<Symbol> = text
            .char_indices()
            .enumerate()
            .map(|(index, (start, c))| Symbol {
                start,
                len: c.len_utf8(),
                before: index.checked_sub(1),
                after: Some(index + 1),
            })
            .collect();
        if let Some(last) = symbols.last_mut() {
            last.after = None;
        }
        Self { text, symbols }
    }

    /// Whether both symbols are still what they were when the candidate was found.
    fn still_holds(&self, candidate: &Candidate) -> bool {
        let (left, right) = (self.symbols[candidate.left], self.symbols[candidate.right]);
        left.len > 0 && right.len > 0 && left.len + right.len == candidate.len
    }

    fn join(&mut self, left: usize, right: usize) {
        let absorbed = self.symbols[right];
        self.symbols[left].len += absorbed.len;
        self.symbols[left].after = absorbed.after;
        self.symbols[right].len = 0;
        if let Some(after) = absorbed.after {
            self.symbols[after].before = Some(left);
        }
    }
}

/// Two neighbours that make a piece.
struct Candidate {
    score: f32,
    left: usize,
    right: usize,
    /// Bytes of both.
    len: usize,
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        self.score
            .total_cmp(&other.score)
            .then(other.left.cmp(&self.left))
    }
}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Candidate {}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(scores: &Scores, text: &str) -> Vec<u32> {
        scores.tokenize(text).iter().map(|t| t.0).collect()
    }

    fn scores(pieces: &[(&str, f32)], bytes: &[(u8, u32)], unknown: Option<u32>) -> Scores {
        let pieces = (0..).zip(pieces).map(|(t, p)| (p.0.to_owned(), t, p.1));
        Scores::new(pieces, bytes.iter().copied(), unknown)
    }

    #[test]
    fn the_highest_score_is_joined_first_and_the_leftmost_among_equals() {
        let pieces = [
            ("a", -9.0),
            ("b", -9.0),
            ("ab", -2.0),
            ("ba", -1.0),
            ("aa", -3.0),
        ];
        let scores = scores(&pieces, &[], None);
        assert_eq!(tokens(&scores, "aba"), [0, 3]);
        assert_eq!(tokens(&scores, "aaa"), [4, 0]);
        assert_eq!(tokens(&scores, ""), [0; 0]);
    }

    #[test]
    fn a_character_without_a_piece_is_its_bytes_or_unknown() {
        let bytes: Vec<(u8, u32)> = "é".bytes().zip(10..).collect();
        let scores = scores(&[("a", 0.0)], &bytes, Some(9));
        assert_eq!(
            scores.tokenize("aéü"),
            [(0, 0, 1), (10, 1, 2), (11, 2, 3), (9, 3, 5)]
        );
    }

    #[test]
    fn one_long_word_is_quick_to_join() {
        // With a search of all neighbours for every join this takes hours.
        let pieces: Vec<(String, f32)> = (0..12).map(|n| ("a".repeat(1 << n), n as f32)).collect();
        let pieces: Vec<(&str, f32)> = pieces.iter().map(|p| (p.0.as_str(), p.1)).collect();
        let scores = scores(&pieces, &[], None);
        let joined = scores.tokenize(&"a".repeat(1 << 18));
        assert_eq!(joined.len(), 1 << 7);
    }
}
