//! The router: every message to the part that decides about it.

use super::effect::{Effect, ModelEffect, PresetEffect, RunEffect, SessionEffect, Timer};
use super::msg::Msg;
use super::{App, Notice};
use crate::domain::clock::Millis;

/// How long a notice stays.
const NOTICE_MS: Millis = 5_000;
/// Timers of the runtime may fire this much early.
const TIMER_SLACK_MS: Millis = 20;

/// How long after the first chord of a sequence its popup opens.
pub const WHICH_KEY_MS: Millis = 300;
/// How long a sequence waits for its next chord.
pub const CHORD_MS: Millis = 2_000;
/// How long "press again to quit" counts.
pub const QUIT_MS: Millis = 1_500;

impl App {
    /// What a fresh start asks for: which models and runs there are, and the network switch.
    #[must_use]
    pub fn begin(&mut self, now: Millis) -> Vec<Effect> {
        self.now = now;
        vec![
            Effect::SetLocalOnly(self.chat.is_local_only),
            Effect::Model(ModelEffect::List),
            Effect::Run(RunEffect::List),
        ]
    }

    /// One message: changes the state, returns what is to be done.
    pub fn update(&mut self, msg: Msg, now: Millis) -> Vec<Effect> {
        self.now = now;
        let effects = self.route(msg);
        self.show_question();
        effects
    }

    fn route(&mut self, msg: Msg) -> Vec<Effect> {
        match msg {
            Msg::Key(chord) => self.on_key(chord.normal()),
            Msg::Paste(text) => self.on_paste(&text),
            Msg::Mouse(mouse) => self.on_mouse(mouse),
            Msg::Resized { columns, rows } => {
                (self.columns, self.rows) = (columns, rows);
                Vec::new()
            }
            Msg::Focus(has_focus) => {
                self.has_window_focus = has_focus;
                Vec::new()
            }
            Msg::Events(events) => self.on_events(&events),
            Msg::Timer(timer) => self.on_timer(timer),
            Msg::Presets(presets) => self.on_presets(presets),
            Msg::Theme(theme, problems) => {
                self.theme = theme;
                self.problems
                    .retain(|problem| !problem.file.contains("theme"));
                self.problems.extend(problems);
                Vec::new()
            }
            Msg::Themes(names) => {
                self.themes = names;
                Vec::new()
            }
            Msg::Models(models) => self.on_models(models),
            Msg::Pull(pull) => self.on_pull(pull),
            Msg::PullEnded { model, outcome } => self.on_pull_ended(&model, outcome),
            Msg::Sessions(sessions) => {
                self.sessions = sessions;
                self.clamp_selection();
                Vec::new()
            }
            Msg::Opened { id, events } => self.on_opened(id, &events),
            Msg::Recorded { turn, events } => self.on_recorded(turn, events),
            Msg::SessionStarted(id) => {
                self.chat.session = Some(id);
                Vec::new()
            }
            Msg::Attached { path, text } => self.on_attached(&path, text),
            Msg::Paths(paths) => {
                self.on_paths(&paths);
                Vec::new()
            }
            Msg::Edited(Ok(text)) => {
                self.set_draft(text.trim_end_matches('\n'));
                Vec::new()
            }
            Msg::Edited(Err(why)) => self.error(why),
            Msg::Notice { text, is_error } => self.tell(text, is_error),
            Msg::Viewport(viewport) => {
                self.on_viewport(viewport);
                Vec::new()
            }
            Msg::Run(msg) => self.on_run_msg(msg),
            Msg::Refresh => Vec::new(),
        }
    }

    fn on_timer(&mut self, timer: Timer) -> Vec<Effect> {
        let is_due = |since: Millis, after: Millis| self.now + TIMER_SLACK_MS >= since + after;
        match timer {
            Timer::QuitArmed => {
                if self.quit_at.is_some_and(|at| is_due(at, QUIT_MS)) {
                    self.disarm_quit();
                }
            }
            Timer::WhichKey => {
                let is_waiting = !self.pending.chords.is_empty();
                self.pending.is_shown |= is_waiting && is_due(self.pending.since, WHICH_KEY_MS);
            }
            Timer::ChordExpired => {
                if is_due(self.pending.since, CHORD_MS) {
                    self.forget_chords();
                }
            }
            Timer::Notice => {
                let is_over = |notice: &Notice| is_due(notice.at, NOTICE_MS);
                if self.notice.as_ref().is_some_and(is_over) {
                    self.notice = None;
                }
            }
            Timer::Jobs => return self.look_at_jobs(),
        }
        Vec::new()
    }

    /// A line in the status row.
    pub(super) fn inform(&mut self, text: impl Into<String>) -> Vec<Effect> {
        self.tell(text.into(), false)
    }

    /// A line in the status row that says what is wrong.
    pub(super) fn error(&mut self, text: impl Into<String>) -> Vec<Effect> {
        self.tell(text.into(), true)
    }

    fn tell(&mut self, text: String, is_error: bool) -> Vec<Effect> {
        self.notice = Some(Notice {
            text,
            is_error,
            at: self.now,
        });
        vec![Effect::After(NOTICE_MS, Timer::Notice)]
    }

    fn on_presets(&mut self, mut presets: Vec<crate::store::preset::Preset>) -> Vec<Effect> {
        // Presets that were made from flags or from a run's result have no file to be read from.
        let own = self.presets.iter().filter(|preset| preset.is_made());
        let own = own.filter(|own| presets.iter().all(|preset| preset.name != own.name));
        let own: Vec<_> = own.cloned().collect();
        presets.splice(0..0, own);
        self.presets = presets;
        self.clamp_selection();
        let is_known = self.presets.iter().any(|preset| preset.name == self.preset);
        if is_known {
            return Vec::new();
        }
        let name = self.preset.clone();
        match self.preset_numbered(1).map(|preset| preset.name.clone()) {
            Some(first) => {
                self.preset.clone_from(&first);
                self.error(format!("preset \"{name}\" is gone; \"{first}\" is used"))
            }
            None => self.error("no usable preset; F2 shows why"),
        }
    }

    pub(super) fn reload_presets() -> Vec<Effect> {
        vec![Effect::Preset(PresetEffect::Reload)]
    }

    pub(super) fn list_sessions(query: &str) -> Vec<Effect> {
        let query = query.to_owned();
        vec![Effect::Session(SessionEffect::List { query })]
    }
}
