//! What the runtime tells about runs, and when the screen asks it to look again.

use super::view::RunView;
use super::{JobsState, LOOK_MS, RunEntry, name};
use crate::app::effect::{Effect, RunEffect, Timer};
use crate::app::msg::RunMsg;
use crate::app::overlay::Overlay;
use crate::app::{App, Screen};
use crate::domain::event::Event;
use crate::domain::id::RunId;
use crate::domain::parameter::Value;
use std::collections::BTreeMap;

impl App {
    /// Goes to the jobs and begins to look at them.
    pub(in crate::app) fn show_jobs(&mut self) -> Vec<Effect> {
        let mut effects = self.show(Screen::Jobs);
        if self.jobs.cards.is_empty() {
            effects.push(Effect::Run(RunEffect::Kinds));
        }
        effects.extend(self.look_at_jobs());
        effects
    }

    /// Looks at runs and machine, and again in a second: while the screen is shown or a run works, else never.
    pub(in crate::app) fn look_at_jobs(&mut self) -> Vec<Effect> {
        let is_shown = self.screen == Screen::Jobs;
        if !is_shown && self.jobs.at_work() == 0 {
            return Vec::new();
        }
        let mut effects = vec![Effect::Run(RunEffect::List)];
        if is_shown {
            effects.push(Effect::Run(RunEffect::Sample));
            effects.extend(self.jobs.follow());
        }
        effects.push(Effect::After(LOOK_MS, Timer::Jobs));
        effects
    }

    pub(in crate::app) fn on_run_msg(&mut self, msg: RunMsg) -> Vec<Effect> {
        match msg {
            RunMsg::Kinds { cards, presets } => {
                (self.jobs.cards, self.jobs.presets) = (cards, presets);
                self.clamp_selection();
                Vec::new()
            }
            RunMsg::Listed(runs) => self.on_runs_listed(runs),
            RunMsg::Read { run, events, begun } => {
                self.jobs.read(&run, &events, begun);
                Vec::new()
            }
            RunMsg::Started(Ok(run)) => {
                self.jobs.form = None;
                self.jobs.selected = Some(run);
                self.jobs.filter.clear();
                let mut effects = vec![Effect::Run(RunEffect::List)];
                effects
                    .extend(self.inform("the run is started; it goes on when this window closes"));
                effects
            }
            RunMsg::Started(Err(why)) => {
                let mut effects = self.error(why);
                if self.jobs.form.is_some() && self.overlay.is_none() {
                    effects.extend(self.open(Overlay::RunForm));
                }
                effects
            }
            RunMsg::Sampled(reading) => {
                self.jobs.readings.push(self.now, reading);
                Vec::new()
            }
            RunMsg::PresetMade(preset) => self.chat_with(*preset),
        }
    }

    fn on_runs_listed(&mut self, runs: Vec<RunEntry>) -> Vec<Effect> {
        let was_at_work = self.jobs.at_work();
        let shown = self.jobs.selected.clone();
        let ended: Vec<String> = runs
            .iter()
            .filter(|new| new.summary.state.is_over())
            .filter(|new| {
                let before = self.jobs.entry(&new.summary.id);
                before.is_some_and(|old| !old.summary.state.is_over())
            })
            .map(|new| format!("{}: {}", name(&new.summary), new.summary.state))
            .collect();
        self.jobs.take_list(runs);
        let mut effects = Vec::new();
        if self.jobs.selected != shown && self.screen == Screen::Jobs {
            effects.extend(self.jobs.follow());
        }
        if was_at_work == 0 && self.jobs.at_work() > 0 && self.screen != Screen::Jobs {
            effects.push(Effect::After(LOOK_MS, Timer::Jobs));
        }
        if !ended.is_empty() {
            if self.settings.bell && !self.has_window_focus {
                effects.push(Effect::Bell);
            }
            effects.extend(self.inform(ended.join(", ")));
        }
        effects
    }
}

impl JobsState {
    /// The order to read on in the logs of the pages that are shown.
    pub(super) fn follow(&self) -> Option<Effect> {
        let runs = self.needed();
        (!runs.is_empty()).then_some(Effect::Run(RunEffect::Follow(runs)))
    }

    fn read(&mut self, run: &RunId, events: &[Event], begun: Option<BTreeMap<String, Value>>) {
        if !self.needed().contains(run) {
            return;
        }
        let page = match begun {
            Some(values) => {
                let mut page = RunView::new(run.clone());
                page.values = values;
                self.views.insert(run.clone(), page);
                self.views.get_mut(run)
            }
            None => self.views.get_mut(run),
        };
        let Some(page) = page else {
            return;
        };
        for event in events {
            page.fold(event);
        }
        page.is_read = true;
        // The list is told at once; the store's own word comes with the next look.
        let summary = page.summary.clone();
        let entry = self.runs.iter_mut().find(|entry| entry.summary.id == *run);
        if let Some(entry) = entry.filter(|entry| entry.summary.seq < summary.seq) {
            entry.summary = summary;
        }
    }
}
