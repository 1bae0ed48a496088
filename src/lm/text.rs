//! From token bytes to text that may be shown: whole characters, nothing of a stop string.
//!
//! Invariant: what was handed out is never taken back, and never contains a stop string or half a character.

/// Collects the bytes of an answer's tokens.
#[derive(Debug, Default)]
pub struct TextFlow {
    /// Bytes of a character that is not complete.
    partial: Vec<u8>,
    /// Characters held back because they could begin a stop string.
    held: String,
    stops: Vec<String>,
    stopped: bool,
}

impl TextFlow {
    /// Ends before any of `stops`; empty ones count for nothing.
    #[must_use]
    pub fn new(stops: &[String]) -> Self {
        Self {
            stops: stops.iter().filter(|s| !s.is_empty()).cloned().collect(),
            ..Self::default()
        }
    }

    /// Adds a token's bytes; returns the text that may be shown now.
    pub fn push(&mut self, bytes: &[u8]) -> String {
        if self.stopped {
            return String::new();
        }
        self.partial.extend_from_slice(bytes);
        self.decode();
        let stop = self
            .stops
            .iter()
            .filter_map(|s| self.held.find(s.as_str()))
            .min();
        if let Some(at) = stop {
            self.stopped = true;
            self.held.truncate(at);
            return std::mem::take(&mut self.held);
        }
        let keep = self.longest_beginning();
        let rest = self.held.split_off(self.held.len() - keep);
        std::mem::replace(&mut self.held, rest)
    }

    /// Whether a stop string was met: the answer is over.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// What was held back, when the answer ended without a stop string. Half a character is dropped.
    pub fn finish(&mut self) -> String {
        self.partial.clear();
        std::mem::take(&mut self.held)
    }

    /// Moves whole characters from the bytes; bytes that can never become one are shown as U+FFFD.
    fn decode(&mut self) {
        loop {
            match std::str::from_utf8(&self.partial) {
                Ok(text) => {
                    self.held.push_str(text);
                    self.partial.clear();
                    return;
                }
                Err(error) => {
                    let (valid, rest) = self.partial.split_at(error.valid_up_to());
                    self.held.push_str(&String::from_utf8_lossy(valid));
                    let Some(bad) = error.error_len() else {
                        self.partial = rest.to_vec();
                        return;
                    };
                    self.held.push('\u{fffd}');
                    self.partial = rest[bad..].to_vec();
                }
            }
        }
    }

    /// Length of the longest end of the held text that begins a stop string.
    fn longest_beginning(&self) -> usize {
        let begins = |at: &usize| {
            let end = &self.held[*at..];
            self.stops.iter().any(|stop| stop.starts_with(end))
        };
        let starts = self.held.char_indices().map(|(at, _)| at);
        starts
            .clone()
            .find(begins)
            .map_or(0, |at| self.held.len() - at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(stops: &[&str], pieces: &[&[u8]]) -> (Vec<String>, String, bool) {
        let stops: Vec<String> = stops.iter().map(|&s| s.into()).collect();
        let mut flow = TextFlow::new(&stops);
        let shown = pieces.iter().map(|p| flow.push(p)).collect();
        let stopped = flow.is_stopped();
        (shown, flow.finish(), stopped)
    }

    #[test]
    fn a_character_is_shown_whole_or_not() {
        let bytes = "aé日👩".as_bytes();
        let pieces: Vec<&[u8]> = bytes.chunks(1).collect();
        let (shown, rest, _) = flow(&[], &pieces);
        assert_eq!(shown.concat(), "aé日👩");
        assert!(shown.iter().all(|s| s.chars().count() <= 1) && rest.is_empty());
        let (shown, rest, _) = flow(&[], &[b"ok\xf0\x9f"]);
        assert_eq!((shown.concat().as_str(), rest.as_str()), ("ok", ""));
        assert_eq!(flow(&[], &[b"a\xffb"]).0.concat(), "a\u{fffd}b");
    }

    #[test]
    fn a_stop_string_is_never_shown_however_it_is_split() {
        let text = b"one STOP two";
        for size in 1..text.len() {
            let pieces: Vec<&[u8]> = text.chunks(size).collect();
            let (shown, rest, stopped) = flow(&["STOP", "never"], &pieces);
            assert_eq!(shown.concat(), "one ");
            assert!(stopped && rest.is_empty());
        }
        let (shown, rest, stopped) = flow(&["STOP"], &[b"a ST", b"AY S"]);
        assert_eq!(shown, ["a ", "STAY "]);
        assert!(rest == "S" && !stopped);
    }
}
