//! From a key to an action: pending chords, the ladders of Ctrl+C and Esc, and where letters are text.

use super::action::{Action, AppAction, PromptAction};
use super::effect::{Effect, Timer};
use super::focus::{Area, PaneId};
use super::keymap::Resolved;
use super::msg::{Chord, Key, Mouse};
use super::overlay::{Confirm, Confirmed, ListState, Overlay};
use super::update::{CHORD_MS, QUIT_MS, WHICH_KEY_MS};
use super::{App, Screen};
use crate::domain::clock::Millis;

/// Two presses of Esc within this time stop the turn.
const ESC_TWICE_MS: Millis = 1_000;
/// Lines a wheel step scrolls.
const WHEEL_LINES: isize = 3;

impl App {
    pub(super) fn on_key(&mut self, chord: Chord) -> Vec<Effect> {
        if !self.pending.chords.is_empty() && is_escape(chord) {
            self.forget_chords();
            return Vec::new();
        }
        if self.pending.chords.is_empty()
            && let Some(effects) = self.typed_elsewhere(chord)
        {
            return effects;
        }
        let contexts = self.contexts();
        match self.keymap.resolve(&contexts, &self.pending.chords, chord) {
            Resolved::Action(action) => {
                self.forget_chords();
                self.note_other_key(action);
                self.perform(action)
            }
            Resolved::Pending => {
                self.pending.chords.push(chord);
                self.pending.since = self.now;
                vec![
                    Effect::After(WHICH_KEY_MS, Timer::WhichKey),
                    Effect::After(CHORD_MS, Timer::ChordExpired),
                ]
            }
            Resolved::Nothing if self.pending.chords.is_empty() => self.on_text(chord),
            Resolved::Nothing => {
                self.forget_chords();
                self.inform("nothing is bound to these keys")
            }
        }
    }

    /// Anything but the same key again ends "press again to quit" and "Esc twice".
    fn note_other_key(&mut self, action: Action) {
        if action != Action::App(AppAction::Cancel) {
            self.disarm_quit();
        }
        if action != Action::App(AppAction::Back) {
            self.esc_at = None;
        }
    }

    pub(super) fn forget_chords(&mut self) {
        self.pending.chords.clear();
        self.pending.is_shown = false;
    }

    pub(super) fn disarm_quit(&mut self) {
        self.is_quit_armed = false;
        self.quit_at = None;
    }

    /// Lines that are typed outside the prompt and the lists: a pane's search, the history search, an input overlay.
    fn typed_elsewhere(&mut self, chord: Chord) -> Option<Vec<Effect>> {
        if matches!(self.overlay, Some(Overlay::Input(_))) {
            return self.input_key(chord);
        }
        if self.overlay.is_none() && self.screen == Screen::Jobs {
            return self.jobs_typing_key(chord);
        }
        if self.overlay.is_some() || self.screen != Screen::Chat {
            return None;
        }
        if self.focus.area == Area::Pane && self.focus.search.as_ref().is_some_and(|s| s.is_open) {
            return self.search_key(chord);
        }
        if self.focus.area == Area::Prompt && self.prompt.search.is_some() {
            return self.history_search_key(chord);
        }
        None
    }

    /// A key that means nothing: text, where there is text.
    fn on_text(&mut self, chord: Chord) -> Vec<Effect> {
        let Some(c) = chord.typed() else {
            return Vec::new();
        };
        self.disarm_quit();
        self.esc_at = None;
        if self.overlay == Some(Overlay::RunForm) {
            return self.type_into_form(&c.to_string());
        }
        if self.overlay.is_some() {
            return self.filter_with(&c.to_string());
        }
        if self.screen == Screen::Chat && self.focus.area == Area::Prompt {
            return self.insert(&c.to_string());
        }
        Vec::new()
    }

    pub(super) fn on_paste(&mut self, text: &str) -> Vec<Effect> {
        let text = crate::domain::text::strip_controls(text);
        self.forget_chords();
        self.disarm_quit();
        match &mut self.overlay {
            Some(Overlay::Input(input)) => {
                input.text.push_str(&text.replace('\n', " "));
                return Vec::new();
            }
            Some(Overlay::RunForm) => {
                return self.type_into_form(text.lines().next().unwrap_or(""));
            }
            Some(_) => return self.filter_with(text.lines().next().unwrap_or("")),
            None => {}
        }
        if self.screen != Screen::Chat {
            return Vec::new();
        }
        self.focus.area = Area::Prompt;
        self.paste(&text)
    }

    pub(super) fn on_mouse(&mut self, mouse: Mouse) -> Vec<Effect> {
        if self.overlay.is_some() {
            let action = match mouse {
                Mouse::ScrollUp { .. } => super::action::ListAction::Up,
                Mouse::ScrollDown { .. } => super::action::ListAction::Down,
                Mouse::Click { .. } => return Vec::new(),
            };
            return self.on_list(action);
        }
        if self.screen == Screen::Jobs {
            return match mouse {
                Mouse::ScrollUp { .. } => self.move_in_jobs(-WHEEL_LINES),
                Mouse::ScrollDown { .. } => self.move_in_jobs(WHEEL_LINES),
                Mouse::Click { .. } => Vec::new(),
            };
        }
        match mouse {
            Mouse::ScrollUp { column, row } => {
                let pane = self
                    .focus
                    .pane_at(column, row)
                    .unwrap_or(PaneId::Conversation);
                self.focus.scroll(pane, -WHEEL_LINES);
            }
            Mouse::ScrollDown { column, row } => {
                let pane = self
                    .focus
                    .pane_at(column, row)
                    .unwrap_or(PaneId::Conversation);
                self.focus.scroll(pane, WHEEL_LINES);
            }
            Mouse::Click { column, row } => match self.focus.pane_at(column, row) {
                Some(pane) => self.focus_pane(pane),
                None => self.focus.area = Area::Prompt,
            },
        }
        Vec::new()
    }

    /// Does what was ordered, by key, palette or command.
    pub fn perform(&mut self, action: Action) -> Vec<Effect> {
        // What is asked, edited or branched concerns the whole turn.
        if matches!(action, Action::Chat(_) | Action::Prompt(PromptAction::Send)) {
            self.leave_replay();
        }
        match action {
            Action::App(action) => self.on_app(action),
            Action::Chat(action) => self.on_chat(action),
            Action::Prompt(action) => self.on_prompt(action),
            Action::Pane(action) => self.on_pane(action),
            Action::Cell(action) => self.on_cell(action),
            Action::Step(action) => self.on_step(action),
            Action::List(action) => self.on_list(action),
            Action::Models(action) => self.on_models_action(action),
            Action::Runs(action) => self.on_runs(action),
            Action::Look(action) => self.on_look(action),
            Action::Form(action) => self.on_form(action),
        }
    }

    fn on_app(&mut self, action: AppAction) -> Vec<Effect> {
        match action {
            AppAction::Help => self.open(Overlay::Help(ListState::default())),
            AppAction::Palette => self.open(Overlay::Palette(ListState::default())),
            AppAction::Presets => self.open_presets(),
            AppAction::UsePreset(number) => self.use_preset_numbered(number),
            AppAction::Sessions => self.open_sessions(""),
            AppAction::Themes => self.open_themes(),
            AppAction::ChatScreen => self.show(Screen::Chat),
            AppAction::JobsScreen => self.show_jobs(),
            AppAction::ModelsScreen => {
                let mut effects = self.show(Screen::Models);
                effects.push(Effect::Model(super::effect::ModelEffect::List));
                effects
            }
            AppAction::NewSession => self.new_session(),
            AppAction::NextPane if self.screen == Screen::Jobs => self.step_section(1),
            AppAction::PreviousPane if self.screen == Screen::Jobs => self.step_section(-1),
            AppAction::NextPane => self.cycle_pane(1),
            AppAction::PreviousPane => self.cycle_pane(-1),
            AppAction::PaneLeft => self.move_focus(-1, 0),
            AppAction::PaneRight => self.move_focus(1, 0),
            AppAction::PaneUp => self.move_focus(0, -1),
            AppAction::PaneDown => self.move_focus(0, 1),
            AppAction::Cancel => self.cancel(),
            AppAction::Back => self.back(),
            AppAction::Redraw => vec![Effect::Redraw],
            AppAction::Suspend => vec![Effect::Suspend],
            AppAction::Quit => self.quit(),
        }
    }

    pub(super) fn show(&mut self, screen: Screen) -> Vec<Effect> {
        self.screen = screen;
        self.overlay = None;
        Vec::new()
    }

    /// The ladder of Ctrl+C: stop what runs here, else clear the prompt, else quit on the second press.
    fn cancel(&mut self) -> Vec<Effect> {
        let is_chat = self.screen == Screen::Chat;
        if is_chat && self.prompt.search.take().is_some() {
            return Vec::new();
        }
        if is_chat && self.chat.running.is_some() && !self.chat.is_stopping {
            return self.stop_turn();
        }
        if is_chat && (self.chat.waits_for.is_some() || self.prompt.is_sending_attachments) {
            self.take_queue_back();
            return self.inform("not sent; the question is back in the prompt");
        }
        if is_chat && !self.prompt.draft.is_empty() {
            return self.clear_prompt();
        }
        if self.is_quit_armed {
            return self.quit();
        }
        self.is_quit_armed = true;
        self.quit_at = Some(self.now);
        vec![Effect::After(QUIT_MS, Timer::QuitArmed)]
    }

    /// The ladder of Esc: out of the innermost thing; with nothing left, twice stops the turn.
    fn back(&mut self) -> Vec<Effect> {
        if self.screen == Screen::Jobs && self.jobs.back() {
            return Vec::new();
        }
        if self.screen != Screen::Chat {
            return self.show(Screen::Chat);
        }
        if self.prompt.search.take().is_some() || self.focus.search.take().is_some() {
            return Vec::new();
        }
        if self.focus.zoomed.take().is_some() {
            return Vec::new();
        }
        if self.chat.replay.is_some() {
            return self.leave_replay();
        }
        if self.focus.area == Area::Pane {
            self.focus.area = Area::Prompt;
            return Vec::new();
        }
        if self.prompt.editing.take().is_some() {
            self.set_draft("");
            return self.inform("the message stays as it was");
        }
        if self.chat.running.is_none() {
            return Vec::new();
        }
        let is_second = self
            .esc_at
            .is_some_and(|at| self.now.saturating_sub(at) <= ESC_TWICE_MS);
        if is_second {
            self.esc_at = None;
            return self.stop_turn();
        }
        self.esc_at = Some(self.now);
        self.inform("Esc again stops the turn")
    }

    /// Leaves; asks first while a model is on its way or a run works.
    pub(super) fn quit(&mut self) -> Vec<Effect> {
        let is_asked =
            matches!(&self.overlay, Some(Overlay::Confirm(c)) if c.what == Confirmed::Quit);
        if let Some(question) = self.before_leaving()
            && !is_asked
            && !self.is_quit_armed
        {
            return self.open(Overlay::Confirm(Confirm {
                question,
                verb: "leave".into(),
                what: Confirmed::Quit,
            }));
        }
        let mut effects = self.stop_turn();
        effects.push(Effect::Quit);
        effects
    }

    /// What a person should know before leaving.
    fn before_leaving(&self) -> Option<String> {
        if let Some((model, _)) = self.models.running_pull() {
            return Some(format!(
                "{model} is being downloaded; its part is kept for the next start. Leave?"
            ));
        }
        match self.jobs.at_work() {
            0 => None,
            1 => Some("1 run goes on without this window; F4 stops it. Leave?".into()),
            n => Some(format!(
                "{n} runs go on without this window; F4 stops them. Leave?"
            )),
        }
    }

    fn history_search_key(&mut self, chord: Chord) -> Option<Vec<Effect>> {
        if let Some(c) = chord.typed() {
            self.search_history(|query| query.push(c));
            return Some(Vec::new());
        }
        match self.keymap.resolve(&self.contexts(), &[], chord) {
            Resolved::Action(Action::Prompt(PromptAction::Backspace)) => {
                self.search_history(|query| {
                    query.pop();
                });
                Some(Vec::new())
            }
            Resolved::Action(Action::Prompt(PromptAction::SearchHistory)) => {
                self.search_older();
                Some(Vec::new())
            }
            Resolved::Action(Action::Prompt(PromptAction::Send)) => {
                self.accept_search();
                Some(Vec::new())
            }
            Resolved::Action(Action::App(AppAction::Cancel | AppAction::Back)) => None,
            _ => {
                self.accept_search();
                None
            }
        }
    }
}

fn is_escape(chord: Chord) -> bool {
    chord.key == Key::Esc || chord == Chord::ctrl('c')
}
