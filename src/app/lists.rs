//! Orders to the open overlay: moving, filtering, choosing, and the typed line.

use super::App;
use super::Screen;
use super::action::ListAction;
use super::effect::{Effect, ModelEffect, PresetEffect, RunEffect, SessionEffect};
use super::models::FirstRunChoice;
use super::msg::{Chord, Key};
use super::overlay::{Confirm, Confirmed, Input, InputFor, ListState, Overlay};
use crate::domain::question::Reply;
use crate::domain::run::RunControl;

/// Rows that a page key moves.
const PAGE: isize = 10;

impl App {
    pub(super) fn open(&mut self, overlay: Overlay) -> Vec<Effect> {
        self.overlay = Some(overlay);
        Vec::new()
    }

    pub(super) fn on_list(&mut self, action: ListAction) -> Vec<Effect> {
        match action {
            ListAction::Up => self.move_selection(-1),
            ListAction::Down => self.move_selection(1),
            ListAction::PageUp => self.move_selection(-PAGE),
            ListAction::PageDown => self.move_selection(PAGE),
            ListAction::First => self.move_selection(isize::MIN),
            ListAction::Last => self.move_selection(isize::MAX),
            ListAction::Choose => self.choose(),
            ListAction::Close => self.close(),
            ListAction::Erase if self.overlay == Some(Overlay::RunForm) => self.erase_in_form(),
            ListAction::ClearFilter if self.overlay == Some(Overlay::RunForm) => self.clear_field(),
            ListAction::Erase => self.change_filter(|filter| {
                filter.pop();
            }),
            ListAction::ClearFilter => self.change_filter(String::clear),
            ListAction::ChooseInNewSession => {
                let mut effects = self.choose();
                effects.extend(self.new_session());
                effects
            }
            ListAction::EditFile => self.on_preset_file(PresetEffect::Edit),
            ListAction::Duplicate => self.on_preset_file(PresetEffect::Duplicate),
            ListAction::Reload => App::reload_presets(),
            ListAction::RenameSession => self.rename_selected(),
            ListAction::DeleteSession => self.delete_selected(),
            ListAction::RestoreSession => {
                let mut effects = vec![Effect::Session(SessionEffect::UndoDelete)];
                effects.extend(App::list_sessions(
                    self.list().map_or("", |list| &list.filter),
                ));
                effects
            }
            ListAction::Yes => self.allow(Reply::Once).unwrap_or_else(|| self.confirmed()),
            ListAction::No => self.reply(Reply::Refuse).unwrap_or_else(|| self.declined()),
            ListAction::AllowSession => self.allow(Reply::Session).unwrap_or_default(),
            ListAction::Never => self.reply(Reply::Never).unwrap_or_default(),
            ListAction::EditArguments => self.edit_arguments(),
        }
    }

    fn list(&self) -> Option<&ListState> {
        match &self.overlay {
            Some(
                Overlay::Presets(list)
                | Overlay::Palette(list)
                | Overlay::Help(list)
                | Overlay::Sessions(list)
                | Overlay::Themes(list)
                | Overlay::NewRun(list)
                | Overlay::Code(list),
            ) => Some(list),
            _ => None,
        }
    }

    fn list_mut(&mut self) -> Option<&mut ListState> {
        match &mut self.overlay {
            Some(
                Overlay::Presets(list)
                | Overlay::Palette(list)
                | Overlay::Help(list)
                | Overlay::Sessions(list)
                | Overlay::Themes(list)
                | Overlay::NewRun(list)
                | Overlay::Code(list),
            ) => Some(list),
            _ => None,
        }
    }

    fn row_count(&self) -> usize {
        match &self.overlay {
            Some(Overlay::Presets(_)) => self.preset_rows().len(),
            Some(Overlay::Palette(_)) => self.palette_rows().len(),
            Some(Overlay::Help(_)) => self.help_rows().len(),
            Some(Overlay::Sessions(_)) => self.sessions.len(),
            Some(Overlay::Themes(_)) => self.theme_rows().len(),
            Some(Overlay::Code(_)) => self.code_rows().len(),
            Some(Overlay::NewRun(_)) => self.start_rows().len(),
            _ => 0,
        }
    }

    pub(super) fn clamp_selection(&mut self) {
        let last = self.row_count().saturating_sub(1);
        if let Some(list) = self.list_mut() {
            list.selected = list.selected.min(last);
        }
    }

    fn move_selection(&mut self, step: isize) -> Vec<Effect> {
        if self.overlay == Some(Overlay::RunForm) {
            return self.step_field(step);
        }
        if let Some(effects) = self.scroll_question(step) {
            return effects;
        }
        if self.overlay.is_none() {
            match self.screen {
                Screen::Jobs => return self.move_in_jobs(step),
                Screen::Models => self.models.select(step),
                Screen::FirstRun => {
                    if let Some(first_run) = &mut self.models.first_run {
                        let last = FirstRunChoice::ALL.len() - 1;
                        first_run.selected = moved(first_run.selected, step, last);
                    }
                }
                Screen::Chat => self.move_completion(step),
            }
            return Vec::new();
        }
        let last = self.row_count().saturating_sub(1);
        let Some(list) = self.list_mut() else {
            return Vec::new();
        };
        let before = list.selected;
        list.selected = moved(before, step, last);
        let has_moved = before != list.selected;
        if has_moved {
            return self.preview_theme();
        }
        Vec::new()
    }

    /// The theme under the cursor is shown at once.
    fn preview_theme(&self) -> Vec<Effect> {
        let Some(Overlay::Themes(list)) = &self.overlay else {
            return Vec::new();
        };
        let rows = self.theme_rows();
        let name = rows.get(list.selected);
        name.map(|name| Effect::LoadTheme((*name).to_owned()))
            .into_iter()
            .collect()
    }

    pub(super) fn filter_with(&mut self, text: &str) -> Vec<Effect> {
        let text = text.to_owned();
        self.change_filter(move |filter| filter.push_str(&text))
    }

    fn change_filter(&mut self, change: impl FnOnce(&mut String)) -> Vec<Effect> {
        let Some(list) = self.list_mut() else {
            return Vec::new();
        };
        change(&mut list.filter);
        list.selected = 0;
        match &self.overlay {
            Some(Overlay::Sessions(list)) => App::list_sessions(&list.filter),
            _ => self.preview_theme(),
        }
    }

    fn close(&mut self) -> Vec<Effect> {
        if let Some(effects) = self.leave_question() {
            return effects;
        }
        let was_themes = matches!(self.overlay, Some(Overlay::Themes(_)));
        let was_completion = self.overlay.is_none();
        self.overlay = None;
        if was_completion {
            self.prompt.completion = None;
        }
        match self.theme_before.take() {
            Some(before) if was_themes && before != self.theme.name => {
                vec![Effect::LoadTheme(before)]
            }
            _ => Vec::new(),
        }
    }

    fn choose(&mut self) -> Vec<Effect> {
        if self.overlay.is_none() {
            return match self.screen {
                Screen::FirstRun => self.choose_first_run(),
                _ => Vec::new(),
            };
        }
        let at = self.list().map_or(0, |list| list.selected);
        match &self.overlay {
            Some(Overlay::Presets(_)) => self.choose_preset(at),
            Some(Overlay::Palette(_)) => {
                let action = self.palette_rows().get(at).map(|row| row.action);
                self.overlay = None;
                action.map_or_else(Vec::new, |action| self.perform(action))
            }
            Some(Overlay::Sessions(_)) => self.choose_session(at),
            Some(Overlay::NewRun(_)) => self.choose_start(at),
            Some(Overlay::Themes(_)) => {
                let name = self.theme_rows().get(at).map(|name| (*name).to_owned());
                self.overlay = None;
                self.theme_before = None;
                name.map_or_else(Vec::new, |name| self.use_theme(&name))
            }
            Some(Overlay::Code(_)) => {
                let text = self.code_rows().get(at).map(|block| block.text.clone());
                self.overlay = None;
                text.map_or_else(Vec::new, |text| {
                    let mut effects = vec![Effect::Copy(text)];
                    effects.extend(self.inform("code block sent to the clipboard"));
                    effects
                })
            }
            _ => self.close(),
        }
    }

    fn choose_preset(&mut self, at: usize) -> Vec<Effect> {
        let Some(row) = self.preset_rows().into_iter().nth(at) else {
            return Vec::new();
        };
        if let Some(problem) = row.problem {
            return self.error(problem);
        }
        self.overlay = None;
        self.use_preset(&row.name)
    }

    fn on_preset_file(&mut self, order: fn(String) -> PresetEffect) -> Vec<Effect> {
        let at = self.list().map_or(0, |list| list.selected);
        let row = self.preset_rows().into_iter().nth(at);
        row.map(|row| Effect::Preset(order(row.name)))
            .into_iter()
            .collect()
    }

    fn choose_session(&mut self, at: usize) -> Vec<Effect> {
        let Some(id) = self.sessions.get(at).map(|info| info.id.clone()) else {
            return Vec::new();
        };
        if self.chat.running.is_some() {
            return self.error("a turn is running; stop it first (Ctrl+C)");
        }
        self.overlay = None;
        if self.chat.session.as_ref() == Some(&id) {
            return Vec::new();
        }
        vec![Effect::Session(SessionEffect::Open(id))]
    }

    fn rename_selected(&mut self) -> Vec<Effect> {
        let at = self.list().map_or(0, |list| list.selected);
        let Some(info) = self.sessions.get(at) else {
            return Vec::new();
        };
        let input = Input {
            title: "name of this session".into(),
            text: info.title.clone(),
            what: InputFor::Rename(info.id.clone()),
        };
        self.open(Overlay::Input(input))
    }

    fn delete_selected(&mut self) -> Vec<Effect> {
        let at = self.list().map_or(0, |list| list.selected);
        let Some(info) = self.sessions.get(at) else {
            return Vec::new();
        };
        if self.chat.session.as_ref() == Some(&info.id) {
            return self.error("this session is open; open another one first");
        }
        let confirm = Confirm {
            question: format!(
                "Delete \"{}\"? It can be brought back from this list.",
                info.title
            ),
            verb: "delete".into(),
            what: Confirmed::DeleteSession(info.id.clone()),
        };
        self.open(Overlay::Confirm(confirm))
    }

    fn confirmed(&mut self) -> Vec<Effect> {
        let Some(Overlay::Confirm(confirm)) = self.overlay.take() else {
            return Vec::new();
        };
        match confirm.what {
            Confirmed::DeleteSession(id) => {
                let mut effects = vec![Effect::Session(SessionEffect::Delete(id))];
                effects.extend(self.open_sessions(""));
                effects
            }
            Confirmed::RemoveModel(name) => vec![Effect::Model(ModelEffect::Remove(name))],
            Confirmed::PullModel(name) => self.pull(&name),
            Confirmed::StopRun(run) => self.control_run(run, RunControl::Stop),
            Confirmed::FinishRun(run) => self.control_run(run, RunControl::Finish),
            Confirmed::RemoveRun(run) => vec![
                Effect::Run(RunEffect::Remove(run)),
                Effect::Run(RunEffect::List),
            ],
            Confirmed::Quit => {
                let mut effects = self.stop_turn();
                effects.push(Effect::Quit);
                effects
            }
        }
    }

    fn declined(&mut self) -> Vec<Effect> {
        let Some(Overlay::Confirm(confirm)) = self.overlay.take() else {
            return Vec::new();
        };
        match confirm.what {
            Confirmed::DeleteSession(_) => self.open_sessions(""),
            Confirmed::PullModel(_) if self.chat.waits_for.is_some() => {
                self.take_queue_back();
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    /// Keys of the typed line.
    pub(super) fn input_key(&mut self, chord: Chord) -> Option<Vec<Effect>> {
        let Some(Overlay::Input(input)) = &mut self.overlay else {
            return None;
        };
        match (chord.typed(), chord.key) {
            (Some(c), _) => input.text.push(c),
            (None, Key::Backspace) => {
                input.text.pop();
            }
            (None, Key::Enter) => return Some(self.accept_input()),
            (None, Key::Char('u')) if chord.ctrl => input.text.clear(),
            _ => return None,
        }
        Some(Vec::new())
    }

    fn accept_input(&mut self) -> Vec<Effect> {
        let Some(Overlay::Input(input)) = self.overlay.take() else {
            return Vec::new();
        };
        match input.what {
            InputFor::System => self.set_system(&input.text),
            InputFor::Arguments(asking) => self.accept_arguments(asking, input.text),
            InputFor::Words(asking) => {
                let text = input.text.clone();
                self.overlay = Some(Overlay::Input(Input {
                    what: InputFor::Words(asking),
                    ..input
                }));
                self.reply(Reply::Words { text }).unwrap_or_default()
            }
            InputFor::RenameCurrent => self.rename(&input.text),
            InputFor::Rename(id) if self.chat.session.as_ref() == Some(&id) => {
                self.rename(&input.text)
            }
            InputFor::Rename(id) => {
                let title = input.text.trim().to_owned();
                if title.is_empty() {
                    return self.error("a session's name is not empty");
                }
                let mut effects = vec![Effect::Session(SessionEffect::Rename { id, title })];
                effects.extend(self.open_sessions(""));
                effects
            }
        }
    }
}

/// A selection moved by a step and kept within its list.
pub(super) fn moved(at: usize, step: isize, last: usize) -> usize {
    at.saturating_add_signed(step).min(last)
}
