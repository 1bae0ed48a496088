//! Reasoning inside the answer: `<think>…</think>` before the text, however the stream cuts it.
//!
//! Only tags before the first visible character count, so an answer that talks about the tags loses nothing.

const OPEN: &str = "<think>";
const CLOSE: &str = "</think>";

/// A run of text and whether it is reasoning.
pub type Span = (String, bool);

/// Tells reasoning from text.
#[derive(Debug, Default)]
pub struct ThinkSplitter {
    /// What may yet turn out to be a tag.
    held: String,
    place: Place,
    /// A thought has ended: whitespace between it and the text is dropped.
    thought: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq)]
enum Place {
    #[default]
    Before,
    Thinking,
    Text,
}

impl ThinkSplitter {
    /// Takes more of the answer and returns what is certain.
    pub fn push(&mut self, text: &str) -> Vec<Span> {
        if self.place == Place::Text {
            return vec![(text.to_owned(), false)];
        }
        self.held.push_str(text);
        let mut spans = Vec::new();
        while self.step(&mut spans) {}
        spans
    }

    /// The answer is over: what was held is what it is.
    pub fn finish(&mut self) -> Vec<Span> {
        let held = std::mem::take(&mut self.held);
        if held.is_empty() || (self.thought && held.trim().is_empty()) {
            return Vec::new();
        }
        vec![(held, self.place == Place::Thinking)]
    }

    /// One decision; false when more text is needed.
    fn step(&mut self, spans: &mut Vec<Span>) -> bool {
        match self.place {
            Place::Before => {
                let visible = self.held.trim_start();
                if let Some(rest) = visible.strip_prefix(OPEN) {
                    self.held = rest.to_owned();
                    self.place = Place::Thinking;
                    return true;
                }
                if OPEN.starts_with(visible) {
                    return false;
                }
                let text = if self.thought { visible } else { &self.held };
                spans.push((text.to_owned(), false));
                self.held.clear();
                self.place = Place::Text;
                false
            }
            Place::Thinking => {
                if let Some(at) = self.held.find(CLOSE) {
                    if at > 0 {
                        spans.push((self.held[..at].to_owned(), true));
                    }
                    self.held.drain(..at + CLOSE.len());
                    self.place = Place::Before;
                    self.thought = true;
                    return true;
                }
                let sure = self.held.len() - tail_that_may_close(&self.held);
                if sure > 0 {
                    spans.push((self.held.drain(..sure).collect(), true));
                }
                false
            }
            Place::Text => false,
        }
    }
}

/// Bytes at the end of `text` that begin the closing tag.
fn tail_that_may_close(text: &str) -> usize {
    (1..CLOSE.len())
        .rev()
        .find(|&length| text.ends_with(&CLOSE[..length]))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(pieces: &[&str]) -> (String, String) {
        let mut splitter = ThinkSplitter::default();
        let mut spans: Vec<Span> = pieces
            .iter()
            .flat_map(|piece| splitter.push(piece))
            .collect();
        spans.extend(splitter.finish());
        let pick = |wanted: bool| {
            spans
                .iter()
                .filter(|(_, thinking)| *thinking == wanted)
                .map(|(text, _)| text.as_str())
                .collect()
        };
        (pick(true), pick(false))
    }

    #[test]
    fn reasoning_before_the_text_is_split_off_at_every_cut() {
        let whole = "\n<think>\na < b </thin 日\n</think>\n\nYes: <think> is a tag.";
        let parts = (
            "\na < b </thin 日\n".into(),
            "Yes: <think> is a tag.".into(),
        );
        assert_eq!(split(&[whole]), parts);
        let letters: Vec<String> = whole.chars().map(String::from).collect();
        let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
        assert_eq!(split(&letters), parts);
    }

    #[test]
    fn text_without_reasoning_is_untouched() {
        assert_eq!(split(&["  <b", ">x"]), (String::new(), "  <b>x".into()));
        assert_eq!(split(&["<thi"]), (String::new(), "<thi".into()));
        assert_eq!(split(&["<think>a"]), ("a".into(), String::new()));
    }
}
