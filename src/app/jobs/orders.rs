//! Orders about runs: what loses something is asked first, what makes no sense is said.

use super::{Section, name};
use crate::app::App;
use crate::app::action::{LookAction, RunsAction};
use crate::app::effect::{Effect, RunEffect};
use crate::app::overlay::{Confirm, Confirmed, Overlay};
use crate::domain::id::RunId;
use crate::domain::run::{RunControl, RunState};

impl App {
    pub(in crate::app) fn on_runs(&mut self, action: RunsAction) -> Vec<Effect> {
        match action {
            RunsAction::New => return self.new_run(),
            RunsAction::Reload => {
                return vec![Effect::Run(RunEffect::Kinds), Effect::Run(RunEffect::List)];
            }
            RunsAction::Open if self.jobs.runs.is_empty() => return self.new_run(),
            RunsAction::ClearMarks => {
                self.jobs.marked.clear();
                self.jobs.keep_cursor();
                return self.inform("no runs are compared");
            }
            _ => {}
        }
        let Some(entry) = self.jobs.shown().cloned() else {
            return self.inform("no run is selected; n sets up a new one");
        };
        let (run, state) = (entry.summary.id.clone(), entry.summary.state);
        let title = name(&entry.summary);
        match action {
            RunsAction::Open => self.open_part(),
            RunsAction::Pause => match state {
                RunState::Running | RunState::Preparing => self.control_run(run, RunControl::Pause),
                RunState::Paused => self.control_run(run, RunControl::Resume),
                _ => self.inform(format!("{title} is {state}; only a running one is paused")),
            },
            RunsAction::Resume => match state {
                RunState::Paused | RunState::Stopped | RunState::Failed => {
                    self.control_run(run, RunControl::Resume)
                }
                _ => self.inform(format!("{title} is {state}; there is nothing to resume")),
            },
            RunsAction::Stop if state.is_over() => self.inform(format!("{title} is {state}")),
            RunsAction::Stop => self.confirm_first(
                format!("Stop {title}? Its state is kept, and r goes on from there."),
                "stop",
                Confirmed::StopRun(run),
            ),
            RunsAction::Finish if state == RunState::Done => {
                self.inform(format!("{title} is {state}"))
            }
            RunsAction::Finish => self.confirm_first(
                format!("End {title} here and make its results of what there is?"),
                "finish",
                Confirmed::FinishRun(run),
            ),
            RunsAction::Remove if !state.is_over() => {
                self.error(format!("{title} is {state}; stop it first (s)"))
            }
            RunsAction::Remove => self.confirm_first(
                format!(
                    "Delete {title} with its log, checkpoints and results? Nothing brings it back."
                ),
                "delete",
                Confirmed::RemoveRun(run),
            ),
            RunsAction::Clone => self.clone_run(&entry),
            RunsAction::Export => vec![Effect::Run(RunEffect::ExportCsv(run))],
            RunsAction::ChatResult => self.chat_with_result(&entry),
            RunsAction::Mark => {
                self.jobs.mark();
                self.jobs.follow().into_iter().collect()
            }
            RunsAction::New | RunsAction::Reload | RunsAction::ClearMarks => Vec::new(),
        }
    }

    fn confirm_first(&mut self, question: String, verb: &str, what: Confirmed) -> Vec<Effect> {
        self.open(Overlay::Confirm(Confirm {
            question,
            verb: verb.into(),
            what,
        }))
    }

    pub(in crate::app) fn control_run(&mut self, run: RunId, control: RunControl) -> Vec<Effect> {
        vec![
            Effect::Run(RunEffect::Control(run, control)),
            Effect::Run(RunEffect::List),
        ]
    }

    /// Enter: from the list into the chart; a row of a table in full; the next match of a log's search.
    fn open_part(&mut self) -> Vec<Effect> {
        match self.jobs.section {
            Section::List => self.jobs.section = Section::Chart,
            Section::Chart | Section::Device | Section::Config => {
                self.jobs.is_zoomed = !self.jobs.is_zoomed;
            }
            Section::Log if self.jobs.log.query.is_empty() => {
                self.jobs.is_zoomed = !self.jobs.is_zoomed;
            }
            Section::Log => return self.on_look(LookAction::NextMatch),
            Section::Table => {
                let text = self.jobs.row_text();
                return text.map(Effect::ViewText).into_iter().collect();
            }
        }
        Vec::new()
    }
}
