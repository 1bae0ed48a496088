//! Orders about how a run is looked at: sections, curves, tables, the log and its search.

use super::chart::{ChartLook, MarkerChoice};
use super::table::Sort;
use super::{JobsState, Section, Typing};
use crate::app::App;
use crate::app::action::LookAction;
use crate::app::effect::Effect;
use crate::app::msg::{Chord, Key};
use crate::domain::event::Cell;

/// How far left and right move the window of a chart.
const PAN: f64 = 0.25;

impl App {
    pub(in crate::app) fn on_look(&mut self, action: LookAction) -> Vec<Effect> {
        let jobs = &mut self.jobs;
        match action {
            LookAction::Section(number) => {
                let at = usize::from(number).wrapping_sub(1);
                jobs.section = Section::ALL.get(at).copied().unwrap_or_default();
            }
            LookAction::Zoom => jobs.is_zoomed = !jobs.is_zoomed,
            LookAction::Log => {
                let was_open = jobs.section == Section::Log && jobs.is_zoomed;
                jobs.section = if was_open {
                    Section::List
                } else {
                    Section::Log
                };
                jobs.is_zoomed = !was_open;
            }
            LookAction::NextMetric => jobs.step_group(1),
            LookAction::PreviousMetric => jobs.step_group(-1),
            LookAction::LogAxis => jobs.chart.is_log = !jobs.chart.is_log,
            LookAction::ZoomIn => jobs.on_window(|look, whole| look.zoom_by(1, whole)),
            LookAction::ZoomOut => jobs.on_window(|look, whole| look.zoom_by(-1, whole)),
            LookAction::ResetZoom => {
                jobs.chart.zoom = 0;
                jobs.chart.frozen = None;
            }
            LookAction::PanLeft => jobs.on_window(|look, whole| look.pan(whole, -PAN)),
            LookAction::PanRight => jobs.on_window(|look, whole| look.pan(whole, PAN)),
            LookAction::Freeze if jobs.section == Section::Log => {
                let end = jobs.page().map(|page| page.log.end());
                jobs.log.until = end.filter(|_| jobs.log.until.is_none());
            }
            LookAction::Freeze => {
                jobs.on_window(|look, whole| look.toggle_freeze(whole));
            }
            LookAction::Marker => jobs.chart.marker = MarkerChoice::next(jobs.chart.marker),
            LookAction::Sort => {
                let columns = jobs.shown_table().map_or(0, |table| table.columns.len());
                jobs.table.sort = Sort::next(jobs.table.sort, columns);
            }
            LookAction::NextTable => {
                jobs.table.table += 1;
                jobs.table.selected = 0;
                jobs.section = Section::Table;
            }
            LookAction::Search if jobs.section == Section::List => {
                jobs.typing = Some(Typing::Filter);
            }
            LookAction::Search => {
                jobs.section = Section::Log;
                jobs.typing = Some(Typing::Search);
            }
            LookAction::NextMatch => {
                let from = jobs.log.hit.map_or(0, |hit| hit + 1);
                jobs.find(from, false);
            }
            LookAction::PreviousMatch => {
                let from = jobs.log.hit.unwrap_or(0);
                jobs.find(from, true);
            }
        }
        Vec::new()
    }

    pub(in crate::app) fn step_section(&mut self, step: isize) -> Vec<Effect> {
        self.jobs.section = self.jobs.section.step(step);
        Vec::new()
    }

    pub(in crate::app) fn move_in_jobs(&mut self, step: isize) -> Vec<Effect> {
        match self.jobs.section {
            Section::Table => self.jobs.move_row(step),
            Section::Log => self.jobs.move_log(step),
            Section::List | Section::Chart | Section::Device | Section::Config => {
                self.jobs.move_cursor(step);
                return self.jobs.follow().into_iter().collect();
            }
        }
        Vec::new()
    }

    /// Keys of the filter and of the search, while one of them is typed.
    pub(in crate::app) fn jobs_typing_key(&mut self, chord: Chord) -> Option<Vec<Effect>> {
        self.jobs.typing?;
        match (chord.typed(), chord.key) {
            (Some(c), _) => self.jobs.edit_line(|line| line.push(c)),
            (None, Key::Backspace) => self.jobs.edit_line(|line| {
                line.pop();
            }),
            (None, Key::Char('u')) if chord.ctrl => self.jobs.edit_line(String::clear),
            (None, Key::Enter) => self.jobs.typing = None,
            (None, Key::Esc) => {
                self.jobs.edit_line(String::clear);
                self.jobs.typing = None;
            }
            _ => {
                self.jobs.typing = None;
                return None;
            }
        }
        Some(self.jobs.follow().into_iter().collect())
    }
}

impl JobsState {
    fn step_group(&mut self, step: isize) {
        let Some((at, count, _)) = self.group() else {
            return;
        };
        let count = isize::try_from(count).unwrap_or(1).max(1);
        let next = (isize::try_from(at).unwrap_or(0) + step).rem_euclid(count);
        self.chart.group = usize::try_from(next).unwrap_or(0);
    }

    fn on_window(&mut self, change: impl FnOnce(&mut ChartLook, (f64, f64))) {
        let extents = self.plot().map(|plot| {
            let all = plot.traces.iter().filter_map(|trace| trace.curve.extent());
            all.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
        });
        if let Some(Some(whole)) = extents {
            change(&mut self.chart, whole);
        }
    }

    /// The row under the cursor with all its cells.
    pub(super) fn row_text(&self) -> Option<String> {
        let table = self.shown_table()?;
        let rows = table.sorted(self.table.sort);
        let row = rows.get(self.table.selected.min(rows.len().saturating_sub(1)))?;
        let names = table.columns.iter().map(String::as_str);
        let names = names.chain(std::iter::repeat(""));
        let key = Cell::Text(row.key.clone());
        let cells = std::iter::once(&key).chain(&row.cells);
        let lines = names.zip(cells).map(|(name, cell)| match cell {
            Cell::Number(number) => format!("{name}: {number}"),
            Cell::Text(text) if text.contains('\n') => format!("{name}:\n{text}"),
            Cell::Text(text) => format!("{name}: {text}"),
        });
        Some(lines.collect::<Vec<_>>().join("\n"))
    }
}
