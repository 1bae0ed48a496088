//! Presets in use, sessions, switches of the chat, and what leaves by clipboard or file.

use super::App;
use super::code::code_blocks;
use super::effect::{Effect, ExportFormat, SessionEffect};
use super::focus::{FocusState, PaneId};
use super::overlay::{Input, InputFor, ListState, Overlay};
use super::transcript::{ALONE_SUFFIX, Transcript, TurnState};
use crate::domain::event::{Event, Kind};
use crate::domain::id::SessionId;

impl App {
    /// Uses a preset from the next turn on; draft, conversation and a running turn stay.
    pub(super) fn use_preset(&mut self, name: &str) -> Vec<Effect> {
        let council = match self.council(name) {
            Ok(council) => council,
            Err(why) => return self.error(why),
        };
        name.clone_into(&mut self.preset);
        let to = match council.providers() {
            none if none.is_empty() => "text stays on this machine".to_owned(),
            some => format!("text goes to {}", some.join(", ")),
        };
        let when = if self.chat.running.is_some() {
            " from the next turn on"
        } else {
            ""
        };
        self.inform(format!("preset {name}{when}; {to}"))
    }

    pub(super) fn use_preset_numbered(&mut self, number: u8) -> Vec<Effect> {
        let name = self
            .preset_numbered(number)
            .map(|preset| preset.name.clone());
        if matches!(self.overlay, Some(Overlay::Presets(_))) {
            self.overlay = None;
        }
        match name {
            Some(name) => self.use_preset(&name),
            None => self.inform(format!("there is no preset {number}")),
        }
    }

    pub(super) fn open_presets(&mut self) -> Vec<Effect> {
        self.overlay = Some(Overlay::Presets(ListState::default()));
        let current = self.preset_rows().iter().position(|row| row.is_current);
        self.overlay = Some(Overlay::Presets(ListState {
            filter: String::new(),
            selected: current.unwrap_or(0),
        }));
        Vec::new()
    }

    pub(super) fn open_sessions(&mut self, query: &str) -> Vec<Effect> {
        self.overlay = Some(Overlay::Sessions(ListState {
            filter: query.to_owned(),
            selected: 0,
        }));
        App::list_sessions(query)
    }

    pub(super) fn open_themes(&mut self) -> Vec<Effect> {
        let at = self.themes.iter().position(|name| *name == self.theme.name);
        self.theme_before = Some(self.theme.name.clone());
        self.overlay = Some(Overlay::Themes(ListState {
            filter: String::new(),
            selected: at.unwrap_or(0),
        }));
        Vec::new()
    }

    pub(super) fn use_theme(&mut self, name: &str) -> Vec<Effect> {
        if !self.themes.iter().any(|known| known == name) && name != "auto" {
            let known = self.themes.join(", ");
            return self.error(format!("theme \"{name}\" is not known; known: {known}"));
        }
        name.clone_into(&mut self.settings.theme);
        vec![
            Effect::LoadTheme(name.to_owned()),
            Effect::SaveSetting {
                key: "theme".into(),
                value: name.to_owned(),
            },
        ]
    }

    /// A new, empty session; the draft stays.
    pub(super) fn new_session(&mut self) -> Vec<Effect> {
        if self.chat.running.is_some() {
            return self.error("a turn is running; stop it first (Ctrl+C)");
        }
        self.reset_to(Transcript::default(), None);
        self.show(super::Screen::Chat);
        let mut effects = vec![Effect::Session(SessionEffect::New)];
        effects.extend(self.inform("a new session"));
        effects
    }

    fn reset_to(&mut self, transcript: Transcript, session: Option<SessionId>) {
        self.chat.transcript = transcript;
        self.chat.session = session;
        self.chat.running = None;
        self.chat.running_alone = None;
        self.chat.is_stopping = false;
        self.chat.replay = None;
        self.chat.opened = None;
        self.chat.selected = None;
        self.chat.undone.clear();
        self.prompt.editing = None;
        self.focus = FocusState {
            viewport: std::mem::take(&mut self.focus.viewport),
            ..FocusState::default()
        };
    }

    pub(super) fn on_opened(&mut self, id: SessionId, events: &[Event]) -> Vec<Effect> {
        if self.chat.running.is_some() {
            return self.error("a turn is running; stop it first (Ctrl+C)");
        }
        self.reset_to(Transcript::fold(events), Some(id));
        self.overlay = None;
        self.screen = super::Screen::Chat;
        let mut effects = Vec::new();
        let last = self
            .chat
            .transcript
            .turns
            .values()
            .rev()
            .find(|turn| !turn.is_alone());
        let Some((turn, state, preset)) =
            last.map(|turn| (turn.id, turn.state.clone(), turn.preset.clone()))
        else {
            return effects;
        };
        // The program may have ended between the end of a turn and the writing of its message.
        effects.extend(self.keep_answer(turn));
        if self.council(&preset).is_ok() {
            self.preset = preset;
        }
        if state == TurnState::Interrupted {
            self.chat.opened = Some(turn);
            effects.extend(
                self.inform("the last turn was interrupted; /retry goes on with what is complete"),
            );
        }
        effects
    }

    pub(super) fn open_system(&mut self) -> Vec<Effect> {
        self.open(Overlay::Input(Input {
            title: "system prompt of this session (empty: the preset's)".into(),
            text: self.chat.system.clone().unwrap_or_default(),
            what: InputFor::System,
        }))
    }

    pub(super) fn set_system(&mut self, text: &str) -> Vec<Effect> {
        let text = text.trim();
        self.chat.system = (!text.is_empty()).then(|| text.to_owned());
        match self.chat.system {
            Some(_) => self.inform("system prompt set for this session"),
            None => self.inform("the preset's system prompt counts"),
        }
    }

    pub(super) fn open_rename(&mut self) -> Vec<Effect> {
        self.open(Overlay::Input(Input {
            title: "name of this session".into(),
            text: self.session_title().to_owned(),
            what: InputFor::RenameCurrent,
        }))
    }

    pub(super) fn rename(&mut self, title: &str) -> Vec<Effect> {
        let title = title.trim().to_owned();
        if title.is_empty() {
            return self.error("a session's name is not empty");
        }
        vec![self.record(vec![Kind::Titled { title }])]
    }

    pub(super) fn set_local_only(&mut self, on: bool) -> Vec<Effect> {
        self.chat.is_local_only = on;
        self.settings.local_only = on;
        let mut effects = vec![
            Effect::SetLocalOnly(on),
            Effect::SaveSetting {
                key: "local_only".into(),
                value: on.to_string(),
            },
        ];
        effects.extend(self.inform(if on {
            "local only: no text leaves this machine"
        } else {
            "the network is allowed"
        }));
        effects
    }

    pub(super) fn set_comparing(&mut self, on: bool) -> Vec<Effect> {
        self.chat.is_comparing = on;
        self.inform(if on {
            "the answering agent is also asked alone, beside the council"
        } else {
            "only the council is asked"
        })
    }

    pub(super) fn copy_answer(&mut self) -> Vec<Effect> {
        self.copy(PaneId::Conversation)
    }

    /// A pane's text to the clipboard, as the model wrote it.
    pub(super) fn copy(&mut self, pane: PaneId) -> Vec<Effect> {
        match self.copied_text(pane) {
            Some(text) => {
                let size = text.chars().count();
                let mut effects = vec![Effect::Copy(text)];
                effects.extend(self.inform(format!("{size} characters sent to the clipboard")));
                effects
            }
            None => self.inform("there is nothing to copy"),
        }
    }

    /// What `y` takes: a node's text; in the conversation the selected message, else the answer that flows in or came last.
    fn copied_text(&self, pane: PaneId) -> Option<String> {
        if pane != PaneId::Conversation {
            return self.pane_source(pane).filter(|text| !text.is_empty());
        }
        let transcript = &self.chat.transcript;
        if let Some(said) = self
            .chat
            .selected
            .and_then(|id| transcript.messages.get(&id))
        {
            return Some(said.text.clone());
        }
        let running = self.chat.running.and_then(|id| transcript.turns.get(&id));
        let flowing = running.and_then(|turn| turn.answer_node());
        if let Some(view) = flowing.filter(|view| !view.text.is_empty()) {
            return Some(view.text.clone());
        }
        let path = transcript.path();
        let answers = path.iter().rev();
        let mut answers =
            answers.filter(|said| said.role == crate::domain::message::Role::Assistant);
        answers.next().map(|said| said.text.clone())
    }

    /// A code block of the last answer, by number.
    pub(super) fn copy_block(&mut self, number: usize) -> Vec<Effect> {
        let text = self.copied_text(PaneId::Conversation).unwrap_or_default();
        let blocks = code_blocks(&text);
        let found = number.checked_sub(1).and_then(|at| blocks.get(at));
        match found {
            Some(block) => {
                let mut effects = vec![Effect::Copy(block.text.clone())];
                effects.extend(self.inform(format!("code block {number} sent to the clipboard")));
                effects
            }
            None => self.error(format!("the last answer has {} code blocks", blocks.len())),
        }
    }

    pub(super) fn export(&mut self, format: ExportFormat, with_parts: bool) -> Vec<Effect> {
        if self.chat.transcript.messages.is_empty() {
            return self.inform("there is nothing to export yet");
        }
        vec![Effect::Session(SessionEffect::Export {
            format,
            with_parts,
        })]
    }

    /// The preset for one turn by a word: the preset of that name, else the present one or the first of that society.
    pub(super) fn preset_for(&self, word: &str, society: &str) -> Option<String> {
        let is_of = |name: &str| {
            let council = self.council(name);
            council.is_ok_and(|council| council.society == society)
        };
        if is_of(&self.preset) {
            return Some(self.preset.clone());
        }
        let named = self
            .presets
            .iter()
            .find(|p| p.name == word && p.council.is_ok());
        if let Some(preset) = named {
            return Some(preset.name.clone());
        }
        let mut names = self.presets.iter().map(|preset| &preset.name);
        if is_of(&self.settings.preset) {
            return Some(self.settings.preset.clone());
        }
        names
            .find(|name| is_of(name) && !name.ends_with(ALONE_SUFFIX))
            .cloned()
    }
}
