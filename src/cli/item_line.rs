//! How far a run over many items is, on standard error: one line that is drawn over, or plain lines now and then where nobody
//! watches.

use super::progress_line::{bar, duration, write};
use crate::domain::clock::{Clock, Millis, System};
use crate::domain::text::{strip_controls, truncate};
use crate::term::output;
use std::io::{self, IsTerminal};

/// Time between two plain lines.
const LINE_EVERY: Millis = 10_000;

/// Shows how many of how many are done.
pub struct ItemLine {
    is_terminal: bool,
    columns: usize,
    total: usize,
    /// Done before this run began: they say nothing about its speed.
    taken: usize,
    done: usize,
    began: Millis,
    last: Millis,
    is_drawn: bool,
}

impl ItemLine {
    /// Of `total` items, `taken` are known already.
    pub fn on_stderr(total: usize, taken: usize) -> Self {
        let now = System.now();
        Self {
            is_terminal: io::stderr().is_terminal(),
            columns: usize::from(output::size().0),
            total,
            taken,
            done: taken,
            began: now,
            last: now,
            is_drawn: false,
        }
    }

    /// One more is done; `words` say how it goes: `31 right`.
    pub fn step(&mut self, words: &str) {
        let text = self.next_text(words, System.now());
        if !text.is_empty() {
            write(&text);
        }
    }

    /// Removes the line that is drawn over.
    pub fn clear(&mut self) {
        if std::mem::take(&mut self.is_drawn) {
            write("\r\x1b[K");
        }
    }

    fn next_text(&mut self, words: &str, now: Millis) -> String {
        self.done += 1;
        let line = strip_controls(&self.describe(words, now));
        if self.is_terminal {
            self.is_drawn = true;
            // A line that wraps could not be drawn over.
            let line = truncate(&line, self.columns.saturating_sub(1));
            return format!("\r{line}\x1b[K");
        }
        if now.saturating_sub(self.last) < LINE_EVERY && self.done < self.total {
            return String::new();
        }
        self.last = now;
        line + "\n"
    }

    /// `42 of 100  ██████░░░░  31 right  2:05 left`.
    fn describe(&self, words: &str, now: Millis) -> String {
        let mut parts = vec![format!("{} of {}", self.done, self.total)];
        if self.is_terminal {
            parts.push(bar(self.done as u64, self.total as u64));
        }
        if !words.is_empty() {
            parts.push(words.to_owned());
        }
        let new = self.done.saturating_sub(self.taken) as u64;
        let left = self.total.saturating_sub(self.done) as u64;
        if left > 0 && new > 0 {
            let each = now.saturating_sub(self.began) / new;
            parts.push(format!("{} left", duration(each * left)));
        }
        parts.join("  ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(is_terminal: bool) -> ItemLine {
        ItemLine {
            is_terminal,
            columns: 80,
            total: 10,
            taken: 4,
            done: 4,
            began: 0,
            last: 0,
            is_drawn: false,
        }
    }

    #[test]
    fn the_time_left_counts_only_what_this_run_did() {
        let mut line = line(true);
        let text = line.next_text("3 right", 2000);
        assert!(text.contains("5 of 10"), "{text}");
        assert!(text.ends_with("3 right  10 s left\x1b[K"), "{text}");
    }

    #[test]
    fn a_log_gets_a_line_now_and_then_and_at_the_end() {
        let mut line = line(false);
        let lines = [100, 200, 10_100, 10_200, 10_300, 10_400]
            .map(|now| line.next_text("", now).lines().count());
        assert_eq!(lines, [0, 0, 1, 0, 0, 1]);
    }
}
