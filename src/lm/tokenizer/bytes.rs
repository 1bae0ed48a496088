//! What tokens stand for, as bytes.

use std::collections::HashMap;

/// How a vocabulary spells text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Spelling {
    /// GPT-2's letters for bytes.
    Letters,
    /// Text in which other characters stand for some (pairs: what is written, what is meant), and `<0xNN>` for a byte.
    Text { replaced: Vec<(String, String)> },
}

impl Spelling {
    /// SentencePiece's: U+2581 for a space.
    pub fn sentence_piece() -> Self {
        Self::Text {
            replaced: vec![(META.to_owned(), " ".to_owned())],
        }
    }
}

/// SentencePiece's visible space.
pub(super) const META: &str = "\u{2581}";

/// The bytes of every token, in one piece of memory.
#[derive(Debug, Default)]
pub(super) struct TokenBytes {
    all: Vec<u8>,
    /// Where each token's bytes end.
    ends: Vec<usize>,
}

impl TokenBytes {
    pub fn push(&mut self, bytes: &[u8]) {
        self.all.extend_from_slice(bytes);
        self.ends.push(self.all.len());
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Nothing for a token that is not in the vocabulary.
    pub fn get(&self, token: u32) -> &[u8] {
        let token = token as usize;
        let begin = match token.checked_sub(1) {
            Some(before) => self.ends.get(before).copied(),
            None => Some(0),
        };
        begin
            .zip(self.ends.get(token))
            .map_or(&[], |(begin, &end)| &self.all[begin..end])
    }
}

/// Turns the spellings of one vocabulary into bytes.
pub(super) struct Speller {
    spelling: Spelling,
    letters: HashMap<char, u8>,
}

impl Speller {
    pub fn new(spelling: Spelling) -> Self {
        let letters = match spelling {
            Spelling::Letters => letters(),
            Spelling::Text { .. } => HashMap::new(),
        };
        Self { spelling, letters }
    }

    /// A token of the model's own vocabulary.
    pub fn bytes(&self, spelled: &str) -> Vec<u8> {
        match &self.spelling {
            // A spelling with any other character is no sequence of letters; it stands for itself.
            Spelling::Letters => spelled
                .chars()
                .map(|c| self.letters.get(&c).copied())
                .collect::<Option<Vec<u8>>>()
                .unwrap_or_else(|| spelled.as_bytes().to_vec()),
            Spelling::Text { .. } => {
                byte_token(spelled).map_or_else(|| self.text(spelled).into_bytes(), |b| vec![b])
            }
        }
    }

    /// A token that was added to the vocabulary and is matched as it is spelled.
    pub fn text(&self, spelled: &str) -> String {
        match &self.spelling {
            Spelling::Letters => spelled.to_owned(),
            Spelling::Text { replaced } => replaced
                .iter()
                .fold(spelled.to_owned(), |text, (written, meant)| {
                    text.replace(written.as_str(), meant)
                }),
        }
    }
}

/// The byte that a token `<0xNN>` stands for.
pub(super) fn byte_token(spelled: &str) -> Option<u8> {
    let digits = spelled.strip_prefix("<0x")?.strip_suffix('>')?;
    let is_hex = digits.len() == 2 && digits.bytes().all(|d| d.is_ascii_hexdigit());
    is_hex
        .then(|| u8::from_str_radix(digits, 16).ok())
        .flatten()
}

/// GPT-2's letters for bytes (Radford et al. 2019, `encoder.py`): printable ones stand for themselves, the others from U+0100 on.
fn letters() -> HashMap<char, u8> {
    let printable = |b: u8| matches!(b, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    let mut next = 0x100_u32;
    let mut letters = HashMap::with_capacity(256);
    for byte in 0..=255_u8 {
        if printable(byte) {
            letters.insert(char::from(byte), byte);
        } else {
            letters.extend(char::from_u32(next).map(|letter| (letter, byte)));
            next += 1;
        }
    }
    letters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_stand_for_bytes_and_other_spellings_for_themselves() {
        let speller = Speller::new(Spelling::Letters);
        assert_eq!(speller.bytes("Ġthe"), b" the");
        assert_eq!(speller.bytes("Ã©"), "é".as_bytes());
        assert_eq!(speller.bytes("日"), "日".as_bytes());
    }

    #[test]
    fn pieces_of_text_and_single_bytes() {
        let speller = Speller::new(Spelling::sentence_piece());
        assert_eq!(speller.bytes("\u{2581}a\u{2581}"), b" a ");
        assert_eq!(speller.bytes("<0xE6>"), [0xe6]);
        assert_eq!(speller.bytes("<0x+6>"), b"<0x+6>");
    }

    #[test]
    fn unknown_tokens_have_no_bytes() {
        let mut bytes = TokenBytes::default();
        bytes.push(b"ab");
        bytes.push(b"");
        bytes.push(b"c");
        let all: Vec<&[u8]> = (0..5).map(|t| bytes.get(t)).collect();
        assert_eq!(all, [b"ab".as_slice(), b"", b"c", b"", b""]);
        assert!(bytes.get(u32::MAX).is_empty());
    }
}
