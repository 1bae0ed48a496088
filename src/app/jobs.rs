//! The jobs screen (F4): runs, the page of the selected one, and how a person looks at it.
//!
//! All of it stands in [`JobsState`]. Pages are folded from the runs' logs; the runtime reads them when the state asks
//! ([`RunEffect::Follow`](super::effect::RunEffect)), once a second while the screen is shown or a run works, and never at rest.

mod answers;
mod begin;
pub mod chart;
pub mod curve;
pub mod form;
mod list;
pub mod log;
mod look;
mod orders;
mod result;
pub mod table;
pub mod view;

pub use begin::StartRow;

use crate::domain::clock::Millis;
use crate::domain::id::RunId;
use crate::domain::run::{JobCard, RunState, RunSummary};
use crate::store::spec_file::JobPreset;
use chart::ChartLook;
use form::Form;
use std::collections::BTreeMap;
use std::path::PathBuf;
use table::Sort;
use view::{Readings, RunView};

/// How often the screen looks at logs and at the machine.
pub const LOOK_MS: Millis = 1_000;

/// Runs, pages and the form.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct JobsState {
    /// What kinds of jobs there are; empty until they were asked for.
    pub cards: Vec<JobCard>,
    /// What a form can start from.
    pub presets: Vec<JobPreset>,
    /// All runs, the newest first.
    pub runs: Vec<RunEntry>,
    pub is_loaded: bool,
    /// The run under the cursor: its page is shown.
    pub selected: Option<RunId>,
    /// Only runs that hold these words are listed.
    pub filter: String,
    /// Runs whose curves are laid over those of the selected one, in the order they were marked.
    pub marked: Vec<RunId>,
    /// Pages of the selected and of the marked runs.
    pub views: BTreeMap<RunId, RunView>,
    pub section: Section,
    /// The section has the whole screen.
    pub is_zoomed: bool,
    pub chart: ChartLook,
    pub table: TableLook,
    pub log: LogLook,
    /// What is typed instead of ordered now.
    pub typing: Option<Typing>,
    /// This machine, while somebody looks.
    pub readings: Readings,
    /// What a new run shall be: it stays when the form is closed.
    pub form: Option<Form>,
}

/// A run as the list shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct RunEntry {
    pub summary: RunSummary,
    /// Where it is kept.
    pub folder: PathBuf,
}

/// Parts of the screen that keys go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, PartialOrd, Ord, Hash)]
pub enum Section {
    #[default]
    List,
    Chart,
    Table,
    Device,
    Log,
    Config,
}

impl Section {
    pub const ALL: [Section; 6] = [
        Section::List,
        Section::Chart,
        Section::Table,
        Section::Device,
        Section::Log,
        Section::Config,
    ];

    fn step(self, step: isize) -> Section {
        let at = Self::ALL.iter().position(|section| *section == self);
        let count = isize::try_from(Self::ALL.len()).unwrap_or(1);
        let next = (isize::try_from(at.unwrap_or(0)).unwrap_or(0) + step).rem_euclid(count);
        let next = usize::try_from(next).unwrap_or(0);
        Self::ALL.get(next).copied().unwrap_or_default()
    }
}

/// Which table, its order, and the row under the cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TableLook {
    pub table: usize,
    pub sort: Option<Sort>,
    pub selected: usize,
}

/// How the log is looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogLook {
    /// The number behind the last line shown; none follows the end.
    pub until: Option<usize>,
    pub query: String,
    /// The line that a search found.
    pub hit: Option<usize>,
}

/// Whose line is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Typing {
    Filter,
    Search,
}

impl JobsState {
    /// The entry of a run.
    #[must_use]
    pub fn entry(&self, run: &RunId) -> Option<&RunEntry> {
        self.runs.iter().find(|entry| entry.summary.id == *run)
    }

    /// The run under the cursor.
    #[must_use]
    pub fn shown(&self) -> Option<&RunEntry> {
        self.entry(self.selected.as_ref()?)
    }

    /// The page of the run under the cursor.
    #[must_use]
    pub fn page(&self) -> Option<&RunView> {
        self.views.get(self.selected.as_ref()?)
    }

    /// Runs in a state.
    #[must_use]
    pub fn count(&self, state: impl Fn(RunState) -> bool) -> usize {
        let states = self.runs.iter().map(|entry| entry.summary.state);
        states.filter(|one| state(*one)).count()
    }

    /// Runs that are not over: somebody may be waiting for them.
    #[must_use]
    pub fn at_work(&self) -> usize {
        self.count(|state| !state.is_over())
    }

    /// What a job of this kind is.
    #[must_use]
    pub fn card(&self, kind: &str) -> Option<&JobCard> {
        self.cards.iter().find(|card| card.kind == kind)
    }

    /// The table that is shown, when the run has one.
    #[must_use]
    pub fn shown_table(&self) -> Option<&table::Table> {
        let tables = &self.page()?.tables;
        tables.get(self.table.table % tables.len().max(1))
    }

    /// Readings for the strip: this machine's, or those that a run that is over wrote down.
    #[must_use]
    pub fn shown_readings(&self) -> (&Readings, bool) {
        let page = self.page().filter(|page| !page.readings.is_empty());
        match page {
            Some(page) if page.summary.state.is_over() => (&page.readings, false),
            _ => (&self.readings, true),
        }
    }

    /// Pages that are needed: the selected run's and the marked ones'.
    fn needed(&self) -> Vec<RunId> {
        let mut runs: Vec<RunId> = self.selected.iter().cloned().collect();
        let marked = self.marked.iter().filter(|run| !runs.contains(run));
        runs.extend(marked.cloned().collect::<Vec<_>>());
        runs
    }
}

/// What a person calls a run.
#[must_use]
pub fn name(summary: &RunSummary) -> String {
    if summary.title.is_empty() {
        summary.id.0.clone()
    } else {
        summary.title.clone()
    }
}
