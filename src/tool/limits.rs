//! Output of any length kept to a bound: its beginning and its end, with a mark where the middle was.

use crate::domain::text::strip_controls;
use std::collections::VecDeque;

/// Bytes as they come, of which the first three quarters and the last quarter of a bound are kept.
#[derive(Debug)]
pub struct Collector {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    head_most: usize,
    tail_most: usize,
    left_out: u64,
}

impl Collector {
    /// Keeps at most `most` bytes.
    #[must_use]
    pub fn new(most: usize) -> Self {
        let tail_most = most / 4;
        Self {
            head: Vec::new(),
            tail: VecDeque::new(),
            head_most: most - tail_most,
            tail_most,
            left_out: 0,
        }
    }

    pub fn push(&mut self, bytes: &[u8]) {
        let room = self.head_most - self.head.len();
        let (first, rest) = bytes.split_at(room.min(bytes.len()));
        self.head.extend_from_slice(first);
        self.tail.extend(rest);
        let over = self.tail.len().saturating_sub(self.tail_most);
        self.tail.drain(..over);
        self.left_out += over as u64;
    }

    /// The text: what is no UTF-8 replaced, control characters and escape sequences removed.
    #[must_use]
    pub fn finish(self) -> String {
        let tail: Vec<u8> = self.tail.into();
        if self.left_out == 0 {
            let whole = [self.head, tail].concat();
            return clean(&whole);
        }
        let mark = format!("\n[… {} bytes left out …]\n", self.left_out);
        clean(&self.head) + &mark + &clean(&tail)
    }
}

/// A whole text kept to a bound in the same way.
#[must_use]
pub fn cut(text: &str, most: usize) -> String {
    let mut collector = Collector::new(most);
    collector.push(text.as_bytes());
    collector.finish()
}

fn clean(bytes: &[u8]) -> String {
    strip_controls(&without_escapes(&String::from_utf8_lossy(bytes)))
}

/// Without the terminal's colour and cursor sequences (`ESC [ … letter`).
fn without_escapes(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter != '\x1b' || letters.peek() != Some(&'[') {
            kept.push(letter);
            continue;
        }
        letters.next();
        for parameter in letters.by_ref() {
            if ('\x40'..='\x7e').contains(&parameter) {
                break;
            }
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginning_and_end_are_kept_whatever_the_pieces() {
        let text: String = (0..100).map(|n| char::from(b'a' + n % 26)).collect();
        let whole = cut(&text, 40);
        assert_eq!(
            whole,
            format!("{}\n[… 60 bytes left out …]\n{}", &text[..30], &text[90..])
        );
        let mut collector = Collector::new(40);
        for byte in text.as_bytes() {
            collector.push(&[*byte]);
        }
        assert_eq!(collector.finish(), whole);
        assert_eq!(cut("short", 40), "short");
    }

    #[test]
    fn nothing_commands_a_terminal() {
        assert_eq!(cut("\x1b[31mred\x1b[0m\x07 ok", 99), "red ok");
    }
}
