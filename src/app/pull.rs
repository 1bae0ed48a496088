//! Decisions about models: what a turn needs on disk, what is fetched unasked, and what a first run is told.

use super::action::ModelsAction;
use super::effect::{Effect, ModelEffect};
use super::lists::moved;
use super::models::{FirstRun, FirstRunChoice, ModelsState, PullView};
use super::overlay::{Confirm, Confirmed, Overlay};
use super::rows::bytes;
use super::{App, Screen};
use crate::domain::clock::Millis;
use crate::domain::council::Council;
use crate::domain::model::{ModelInfo, ModelState, Pull, PullOutcome};

/// How much of a download's rate is kept for its curve.
const RATES_MS: Millis = 60_000;

impl App {
    /// What the catalog knows. On the first answer the default model is fetched, if the default preset needs it and the network
    /// is allowed.
    pub(super) fn on_models(&mut self, models: Vec<ModelInfo>) -> Vec<Effect> {
        let is_first = !self.models.is_loaded;
        self.models.list = models;
        self.models.is_loaded = true;
        let last = self.models.list.len().saturating_sub(1);
        self.models.selected = self.models.selected.min(last);
        let name = self.models.default_model.clone();
        if is_first && self.lacks(&name) && self.default_preset_needs(&name) {
            if self.chat.is_local_only {
                return self.error(format!(
                    "model \"{name}\" is not on disk and local only is on; /local off and F5 fetch it"
                ));
            }
            return self.pull(&name);
        }
        if self
            .chat
            .waits_for
            .as_ref()
            .is_some_and(|name| !self.lacks(name))
        {
            return self.send_queue();
        }
        Vec::new()
    }

    fn default_preset_needs(&self, model: &str) -> bool {
        [&self.settings.preset, &self.preset]
            .into_iter()
            .any(|name| {
                let council = self.council(name);
                council.is_ok_and(|council| council.local_models().iter().any(|m| m == model))
            })
    }

    /// The catalog knows this model and it is not ready on disk.
    fn lacks(&self, name: &str) -> bool {
        self.model(name)
            .is_some_and(|info| !matches!(info.state, ModelState::Ready { .. }))
    }

    /// The first local model a council needs that is not on disk. A model that the catalog does not know is left to the engine,
    /// which says what is wrong with it.
    pub(super) fn missing_model(&self, council: &Council) -> Option<String> {
        let mut names = council.local_models().into_iter();
        names.find(|name| self.lacks(name) || self.is_first_listing_due(name))
    }

    /// The catalog has not answered yet and this is the model that may have to be fetched.
    fn is_first_listing_due(&self, name: &str) -> bool {
        !self.models.is_loaded && name == self.models.default_model
    }

    /// Queues a question until its model is ready, and sees to it that it will be.
    pub(super) fn wait_for_model(
        &mut self,
        model: &str,
        text: &str,
        preset: Option<&str>,
    ) -> Vec<Effect> {
        let is_coming = self
            .models
            .pulls
            .get(model)
            .is_some_and(PullView::is_running);
        if !is_coming && self.models.is_loaded && self.chat.is_local_only {
            return self.error(format!(
                "model \"{model}\" is not on disk and local only is on; /local off allows the download"
            ));
        }
        self.queue_for_model(model, text, preset);
        if is_coming || !self.models.is_loaded {
            return self.inform(format!("sent as soon as {model} is ready"));
        }
        if model == self.models.default_model {
            return self.pull(model);
        }
        self.ask_to_pull(model)
    }

    fn ask_to_pull(&mut self, model: &str) -> Vec<Effect> {
        let Some(info) = self.model(model) else {
            return Vec::new();
        };
        let mut question = format!(
            "{} is not on disk. Download {}",
            info.title,
            bytes(info.bytes)
        );
        if !info.license.is_empty() {
            question.push_str(", licence ");
            question.push_str(&info.license);
        }
        question.push('?');
        let confirm = Confirm {
            question,
            verb: format!("download {}", bytes(info.bytes)),
            what: Confirmed::PullModel(model.to_owned()),
        };
        self.open(Overlay::Confirm(confirm))
    }

    /// Begins or continues a download.
    pub(super) fn pull(&mut self, model: &str) -> Vec<Effect> {
        if self
            .models
            .pulls
            .get(model)
            .is_some_and(PullView::is_running)
        {
            return Vec::new();
        }
        let view = PullView {
            began: self.now,
            last: None,
            rates: Vec::new(),
            outcome: None,
        };
        self.models.pulls.insert(model.to_owned(), view);
        vec![Effect::Model(ModelEffect::Pull(model.to_owned()))]
    }

    pub(super) fn on_pull(&mut self, pull: Pull) -> Vec<Effect> {
        let now = self.now;
        let view = self
            .models
            .pulls
            .entry(pull.model.clone())
            .or_insert(PullView {
                began: now,
                last: None,
                rates: Vec::new(),
                outcome: None,
            });
        view.rates
            .retain(|(at, _)| now.saturating_sub(*at) <= RATES_MS);
        view.rates.push((now, pull.bytes_per_second));
        view.outcome = None;
        view.last = Some(pull);
        Vec::new()
    }

    pub(super) fn on_pull_ended(&mut self, model: &str, outcome: PullOutcome) -> Vec<Effect> {
        let view = self
            .models
            .pulls
            .entry(model.to_owned())
            .or_insert(PullView {
                began: self.now,
                last: None,
                rates: Vec::new(),
                outcome: None,
            });
        view.outcome = Some(outcome.clone());
        let mut effects = vec![Effect::Model(ModelEffect::List)];
        let was_waited_for = self.chat.waits_for.as_deref() == Some(model);
        match outcome {
            PullOutcome::Ready { path } => {
                if let Some(info) = self.models.list.iter_mut().find(|info| info.name == model) {
                    info.state = ModelState::Ready { path };
                }
                self.models.first_run = None;
                if self.screen == Screen::FirstRun {
                    self.screen = Screen::Chat;
                }
                effects.extend(self.inform(format!("{model} is ready")));
                if was_waited_for {
                    effects.extend(self.send_queue());
                }
            }
            PullOutcome::Stopped => {
                if was_waited_for {
                    self.take_queue_back();
                }
                effects.extend(self.inform(format!(
                    "the download of {model} is stopped; its part is kept"
                )));
            }
            PullOutcome::Failed { tried } => {
                if was_waited_for {
                    self.take_queue_back();
                }
                effects.extend(self.on_unreachable(model, tried));
            }
        }
        effects
    }

    fn on_unreachable(&mut self, model: &str, tried: Vec<(String, String)>) -> Vec<Effect> {
        if model != self.models.default_model {
            let last = tried.last().map_or("no source", |(_, why)| why.as_str());
            return self.error(format!("{model}: {last}; F5 shows what was tried"));
        }
        self.models.first_run = Some(FirstRun {
            model: model.to_owned(),
            tried,
            selected: 0,
        });
        // Whoever is busy with something else is told in a line and finds the screen behind F5.
        if self.chat.running.is_none() && self.overlay.is_none() && self.screen == Screen::Chat {
            self.screen = Screen::FirstRun;
            return Vec::new();
        }
        self.error(format!(
            "{model} could not be fetched; F5 shows what was tried"
        ))
    }

    pub(super) fn choose_first_run(&mut self) -> Vec<Effect> {
        let selected = self.models.first_run.as_ref().map_or(0, |f| f.selected);
        let choice = FirstRunChoice::ALL.get(selected).copied();
        match choice.unwrap_or(FirstRunChoice::Close) {
            FirstRunChoice::Retry => self.retry_first_run(),
            FirstRunChoice::ChoosePreset => {
                self.screen = Screen::Chat;
                self.open_presets()
            }
            FirstRunChoice::ShowModels => {
                self.screen = Screen::Models;
                vec![Effect::Model(ModelEffect::List)]
            }
            FirstRunChoice::Close => {
                self.screen = Screen::Chat;
                Vec::new()
            }
        }
    }

    fn retry_first_run(&mut self) -> Vec<Effect> {
        let model = self.models.default_model.clone();
        self.models.first_run = None;
        self.screen = Screen::Chat;
        self.pull(&model)
    }

    pub(super) fn on_models_action(&mut self, action: ModelsAction) -> Vec<Effect> {
        if action == ModelsAction::Reload {
            if self.screen == Screen::FirstRun {
                return self.retry_first_run();
            }
            return vec![Effect::Model(ModelEffect::List)];
        }
        let Some(info) = self.models.list.get(self.models.selected).cloned() else {
            return self.inform("no model is selected");
        };
        match action {
            ModelsAction::Download => self.download(&info),
            ModelsAction::Stop => match self.models.pulls.get(&info.name) {
                Some(pull) if pull.is_running() => {
                    vec![Effect::Model(ModelEffect::StopPull(info.name))]
                }
                _ => self.inform(format!("{} is not being downloaded", info.name)),
            },
            ModelsAction::Verify => vec![Effect::Model(ModelEffect::Verify(info.name))],
            ModelsAction::Delete => {
                let confirm = Confirm {
                    question: format!("Delete the file of {} ({})?", info.title, bytes(info.bytes)),
                    verb: "delete".into(),
                    what: Confirmed::RemoveModel(info.name),
                };
                self.open(Overlay::Confirm(confirm))
            }
            ModelsAction::Reload => Vec::new(),
        }
    }

    fn download(&mut self, info: &ModelInfo) -> Vec<Effect> {
        if matches!(info.state, ModelState::Ready { .. }) {
            return self.inform(format!("{} is ready", info.name));
        }
        if self.chat.is_local_only {
            return self.error("local only is on; /local off allows the download");
        }
        let was_begun = matches!(info.state, ModelState::Partial { .. });
        if info.name == self.models.default_model || was_begun {
            return self.pull(&info.name);
        }
        self.ask_to_pull(&info.name)
    }

    /// Stops the download that the chat screen shows.
    pub(super) fn stop_download(&mut self) -> Vec<Effect> {
        match self.models.running_pull() {
            Some((model, _)) => vec![Effect::Model(ModelEffect::StopPull(model.to_owned()))],
            None => self.inform("nothing is being downloaded"),
        }
    }
}

impl ModelsState {
    pub(super) fn select(&mut self, step: isize) {
        self.selected = moved(self.selected, step, self.list.len().saturating_sub(1));
    }
}
