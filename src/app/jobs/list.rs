//! Which runs are listed, which one is under the cursor, and where moving leads in each section.

use super::{JobsState, RunEntry, Section, Typing};
use crate::app::lists::moved;
use crate::app::rows::matches_words;
use crate::domain::id::RunId;

impl JobsState {
    /// The runs that hold the words of the filter, the newest first.
    #[must_use]
    pub fn listed(&self) -> Vec<&RunEntry> {
        let runs = self.runs.iter();
        runs.filter(|entry| {
            let summary = &entry.summary;
            let texts = [&summary.title, &summary.kind, &summary.id.0];
            matches_words(&self.filter, &texts.map(String::as_str))
                || matches_words(&self.filter, &[summary.state.word()])
        })
        .collect()
    }

    /// Where the cursor stands among the listed runs.
    #[must_use]
    pub fn cursor(&self) -> usize {
        let listed = self.listed();
        let at = listed
            .iter()
            .position(|entry| Some(&entry.summary.id) == self.selected.as_ref());
        at.unwrap_or(0)
    }

    /// The runs as they are now, in any order; the cursor stays on its run.
    pub(super) fn take_list(&mut self, mut runs: Vec<RunEntry>) {
        runs.sort_by(|a, b| {
            let newest = b.summary.created.cmp(&a.summary.created);
            newest.then_with(|| b.summary.id.cmp(&a.summary.id))
        });
        self.runs = runs;
        self.is_loaded = true;
        let is_there = |run: &RunId| self.runs.iter().any(|entry| entry.summary.id == *run);
        self.marked = self
            .marked
            .iter()
            .filter(|run| is_there(run))
            .cloned()
            .collect();
        if !self.selected.as_ref().is_some_and(is_there) {
            self.selected = None;
        }
        self.keep_cursor();
    }

    /// The cursor stands on a listed run, and only needed pages are kept.
    pub(super) fn keep_cursor(&mut self) {
        let listed = self.listed();
        let is_listed = listed
            .iter()
            .any(|entry| Some(&entry.summary.id) == self.selected.as_ref());
        if !is_listed {
            let first = listed.first().map(|entry| entry.summary.id.clone());
            self.select(first);
        }
        let needed = self.needed();
        self.views.retain(|run, _| needed.contains(run));
    }

    pub(super) fn select(&mut self, run: Option<RunId>) {
        if run != self.selected {
            self.selected = run;
            self.table.selected = 0;
            self.table.table = 0;
            self.log.until = None;
            self.log.hit = None;
            self.chart.frozen = None;
        }
    }

    /// Moves the cursor among the listed runs.
    pub(super) fn move_cursor(&mut self, step: isize) {
        let listed = self.listed();
        let at = moved(self.cursor(), step, listed.len().saturating_sub(1));
        let run = listed.get(at).map(|entry| entry.summary.id.clone());
        self.select(run);
        self.keep_cursor();
    }

    /// Moves the row under the cursor of the table.
    pub(super) fn move_row(&mut self, step: isize) {
        let last = self
            .shown_table()
            .map_or(0, |table| table.len().saturating_sub(1));
        self.table.selected = moved(self.table.selected.min(last), step, last);
    }

    /// Moves through the log; reaching the end follows it again.
    pub(super) fn move_log(&mut self, step: isize) {
        let Some(log) = self.page().map(|page| &page.log) else {
            return;
        };
        let (start, end) = (log.start(), log.end());
        let until = self.log.until.unwrap_or(end).saturating_add_signed(step);
        self.log.until = (until < end).then(|| until.max(start + 1));
    }

    pub(super) fn mark(&mut self) {
        let Some(run) = self.selected.clone() else {
            return;
        };
        match self.marked.iter().position(|marked| *marked == run) {
            Some(at) => {
                self.marked.remove(at);
            }
            None => self.marked.push(run),
        }
        self.keep_cursor();
    }

    /// Out of the innermost thing; false when there is nothing left to leave.
    pub(in crate::app) fn back(&mut self) -> bool {
        if self.typing.take().is_some() {
            return true;
        }
        if std::mem::take(&mut self.is_zoomed) {
            return true;
        }
        if self.section != Section::List {
            self.section = Section::List;
            return true;
        }
        if !self.filter.is_empty() {
            self.filter.clear();
            return true;
        }
        false
    }

    /// Changes the line that is typed now.
    pub(super) fn edit_line(&mut self, change: impl FnOnce(&mut String)) {
        match self.typing {
            Some(Typing::Filter) => {
                change(&mut self.filter);
                self.keep_cursor();
            }
            Some(Typing::Search) => {
                change(&mut self.log.query);
                let from = self.log.until.unwrap_or(0);
                self.find(from.saturating_sub(1), false);
            }
            None => {}
        }
    }

    /// Shows the next line of the log that holds the query, around.
    pub(super) fn find(&mut self, from: usize, is_backwards: bool) {
        let Some(log) = self.page().map(|page| &page.log) else {
            return;
        };
        let hit = log.find(&self.log.query, from, is_backwards);
        let end = log.end();
        self.log.hit = hit;
        if let Some(hit) = hit {
            // Some lines behind the hit are shown as well.
            let until = hit + 3;
            self.log.until = (until < end).then_some(until);
        }
    }
}
