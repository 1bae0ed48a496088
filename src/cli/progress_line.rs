//! A download's progress on standard error: one line that is drawn over, or plain lines every few seconds where nobody watches.

use crate::catalog::human_bytes;
use crate::domain::clock::{Clock, Millis, System};
use crate::domain::model::{Pull, PullStage};
use crate::domain::text::{strip_controls, truncate};
use crate::term::output;
use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};

/// Time between two plain lines.
const LINE_EVERY: Millis = 3000;
/// Cells of the bar.
const BAR: usize = 24;

/// Shows what a download reports.
pub struct ProgressLine {
    is_terminal: bool,
    columns: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    notes: usize,
    stage: Option<(PullStage, String)>,
    last: Option<Millis>,
    is_drawn: bool,
}

impl ProgressLine {
    #[must_use]
    pub fn on_stderr() -> Self {
        Self {
            is_terminal: io::stderr().is_terminal(),
            columns: usize::from(output::size().0),
            state: Mutex::new(State::default()),
        }
    }

    /// Shows where the download stands.
    pub fn show(&self, pull: &Pull) {
        let text = self.next_text(pull, System.now());
        if !text.is_empty() {
            write(&text);
        }
    }

    /// Removes the line that is drawn over.
    pub fn clear(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::take(&mut state.is_drawn) {
            write("\r\x1b[K");
        }
    }

    fn next_text(&self, pull: &Pull, now: Millis) -> String {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        for note in pull.notes.iter().skip(state.notes) {
            if std::mem::take(&mut state.is_drawn) {
                text.push_str("\r\x1b[K");
            }
            text.push_str(&strip_controls(note));
            text.push('\n');
        }
        state.notes = state.notes.max(pull.notes.len());
        if self.is_terminal {
            // A line that wraps could not be drawn over.
            let line = truncate(&describe(pull, true), self.columns.saturating_sub(1));
            text.push_str(&format!("\r{line}\x1b[K"));
            state.is_drawn = true;
            return text;
        }
        let stage = (pull.stage, pull.source.clone());
        let is_new = state.stage.as_ref() != Some(&stage);
        let is_due = state
            .last
            .is_none_or(|last| now.saturating_sub(last) >= LINE_EVERY);
        if pull.stage != PullStage::Connecting && (is_new || is_due) {
            state.stage = Some(stage);
            state.last = Some(now);
            text.push_str(&describe(pull, false));
            text.push('\n');
        }
        text
    }
}

/// `smollm2-135m  ████░░░░  45.1 of 98.4 MB  12.3 MB/s  4 s left  Hugging Face`.
fn describe(pull: &Pull, with_bar: bool) -> String {
    let Pull { model, source, .. } = pull;
    if pull.stage == PullStage::Connecting {
        return format!("{model}  connecting  {source}");
    }
    let mut parts = vec![model.clone()];
    if with_bar && pull.total > 0 {
        parts.push(bar(pull.done, pull.total));
    }
    parts.push(match pull.total {
        0 => human_bytes(pull.done),
        total => format!("{} of {}", human_bytes(pull.done), human_bytes(total)),
    });
    if pull.stage == PullStage::Verifying {
        parts.push("checking".into());
    } else {
        if pull.bytes_per_second > 0 {
            parts.push(format!("{}/s", human_bytes(pull.bytes_per_second)));
        }
        if let Some(remaining) = pull.remaining {
            parts.push(format!("{} left", duration(remaining)));
        }
    }
    parts.push(source.clone());
    parts.join("  ")
}

pub(super) fn bar(done: u64, total: u64) -> String {
    let filled = done.saturating_mul(BAR as u64) / total.max(1);
    let filled = usize::try_from(filled).unwrap_or(BAR).min(BAR);
    "█".repeat(filled) + &"░".repeat(BAR - filled)
}

/// Milliseconds as people say them: `4 s`, `2:05`, `1:02:05`.
pub(super) fn duration(millis: Millis) -> String {
    let seconds = millis.div_ceil(1000);
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{rest} s"),
        (0, _) => format!("{minutes}:{rest:02}"),
        _ => format!("{hours}:{minutes:02}:{rest:02}"),
    }
}

pub(super) fn write(text: &str) {
    let mut stderr = io::stderr().lock();
    // Progress that nobody can see is no reason to stop.
    let _ = stderr.write_all(text.as_bytes());
    let _ = stderr.flush();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pull(done: u64) -> Pull {
        Pull {
            model: "m".into(),
            source: "Hugging Face".into(),
            done,
            total: 98_362_432,
            bytes_per_second: 12_300_000,
            remaining: Some(4000),
            stage: PullStage::Transferring,
            notes: vec!["continued at 40 MB".into()],
        }
    }

    fn line(is_terminal: bool) -> ProgressLine {
        ProgressLine {
            is_terminal,
            columns: 100,
            state: Mutex::new(State::default()),
        }
    }

    #[test]
    fn a_terminal_gets_one_line_that_is_drawn_over() {
        let line = line(true);
        let first = line.next_text(&pull(49_181_216), 0);
        assert_eq!(
            first,
            format!(
                "continued at 40 MB\n\rm  {}{}  49.2 MB of 98.4 MB  12.3 MB/s  4 s left  Hugging Face\x1b[K",
                "█".repeat(12),
                "░".repeat(12)
            )
        );
        assert!(!line.next_text(&pull(50_000_000), 1).contains('\n'));
        let narrow = ProgressLine {
            columns: 40,
            ..line
        };
        let drawn = narrow.next_text(&pull(50_000_000), 2);
        assert_eq!(
            drawn
                .trim_end_matches("\x1b[K")
                .trim_start()
                .chars()
                .count(),
            39
        );
    }

    #[test]
    fn a_log_gets_a_line_every_few_seconds() {
        let line = line(false);
        let lines: Vec<usize> = [0, 100, 2999, 3000, 3100]
            .map(|now| line.next_text(&pull(1), now).lines().count())
            .to_vec();
        assert_eq!(lines, [2, 0, 0, 1, 0]);
    }

    #[test]
    fn a_note_cannot_command_the_terminal() {
        let mut evil = pull(1);
        evil.notes = vec!["\x1b]52;c;AAAA\x07".into()];
        assert!(!line(false).next_text(&evil, 0).contains('\x1b'));
    }

    #[test]
    fn times_are_said_as_people_say_them() {
        let said = [0, 4000, 125_000, 3_725_000].map(duration);
        assert_eq!(said, ["0 s", "4 s", "2:05", "1:02:05"]);
    }
}
