//! A run's log as lines: the newest are kept, each has a number that stays, so that a view that stands still does not slide.

use crate::domain::clock::Millis;
use crate::domain::event::Level;
use std::collections::VecDeque;

/// Lines kept in memory; all of them are on disk.
const MOST_LINES: usize = 10_000;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    pub at: Millis,
    pub level: Level,
    pub text: String,
}

/// The newest lines.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RunLog {
    lines: VecDeque<LogLine>,
    /// Lines that are no longer kept; the number of the first one that is.
    dropped: usize,
}

impl RunLog {
    pub fn push(&mut self, line: LogLine) {
        if self.lines.len() >= MOST_LINES {
            self.lines.pop_front();
            self.dropped += 1;
        }
        self.lines.push_back(line);
    }

    /// The number behind the last line.
    #[must_use]
    pub fn end(&self) -> usize {
        self.dropped + self.lines.len()
    }

    /// The number of the first line that is kept.
    #[must_use]
    pub fn start(&self) -> usize {
        self.dropped
    }

    /// The lines before a number, the newest first.
    pub fn before(&self, number: usize) -> impl Iterator<Item = (usize, &LogLine)> {
        let kept = number.saturating_sub(self.dropped).min(self.lines.len());
        let lines = self.lines.iter().enumerate().take(kept);
        let numbered = lines.collect::<Vec<_>>().into_iter().rev();
        numbered.map(|(at, line)| (self.dropped + at, line))
    }

    /// The next line that holds a query (ignoring case) from a number on, around; backwards when asked.
    #[must_use]
    pub fn find(&self, query: &str, from: usize, is_backwards: bool) -> Option<usize> {
        let query = query.to_lowercase();
        if query.is_empty() {
            return None;
        }
        let holds = |line: &LogLine| line.text.to_lowercase().contains(&query);
        let mut hits = self
            .lines
            .iter()
            .enumerate()
            .filter(|(_, line)| holds(line));
        let numbers: Vec<usize> = hits.by_ref().map(|(at, _)| self.dropped + at).collect();
        if is_backwards {
            let before = numbers.iter().rev().find(|number| **number < from);
            before.or(numbers.last()).copied()
        } else {
            let after = numbers.iter().find(|number| **number >= from);
            after.or(numbers.first()).copied()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(count: usize) -> RunLog {
        let mut log = RunLog::default();
        for n in 0..count {
            log.push(LogLine {
                at: 0,
                level: Level::Info,
                text: format!("Step {n}"),
            });
        }
        log
    }

    #[test]
    fn numbers_stay_when_old_lines_go() {
        let log = log(MOST_LINES + 5);
        assert_eq!((log.start(), log.end()), (5, MOST_LINES + 5));
        let (number, line) = log.before(10).next().unwrap();
        assert_eq!((number, line.text.as_str()), (9, "Step 9"));
        assert_eq!(log.before(10).count(), 5);
    }

    #[test]
    fn search_goes_around_in_both_directions() {
        let log = log(12);
        assert_eq!(log.find("step 1", 2, false), Some(10));
        assert_eq!(log.find("STEP 1", 12, false), Some(1));
        assert_eq!(log.find("step 1", 10, true), Some(1));
        assert_eq!(log.find("step 1", 1, true), Some(11));
        assert_eq!(log.find("nothing", 0, false), None);
    }
}
