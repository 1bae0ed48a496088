//! State and decisions. Pure: `update(msg, now)` changes the state and returns effects; no I/O, no drawing, no clock.
//!
//! `App` only routes; each part decides in its own file. Everything a screen shows stands in public fields or is answered by a
//! method that takes `&self`.

pub mod action;
mod asking;
pub mod attach;
mod branch;
mod cell;
pub mod chat;
pub mod chord;
pub mod code;
mod command;
mod completion;
mod compose;
pub mod draft;
pub mod effect;
pub mod focus;
mod fold;
pub mod jobs;
pub mod keymap;
mod keys;
mod lists;
pub mod models;
pub mod msg;
pub mod overlay;
mod pane;
pub mod prompt;
mod pull;
pub mod replay;
pub mod rows;
mod session;
mod stepping;
pub mod transcript;
mod turn;
pub mod update;

use crate::domain::clock::Millis;
use crate::domain::id::TurnId;
use crate::store::preset::{Preset, Problem};
use crate::store::session::SessionInfo;
use crate::store::settings::Settings;
use crate::store::theme::ThemeSpec;
use chat::ChatState;
use focus::FocusState;
use jobs::JobsState;
use keymap::Keymap;
use models::ModelsState;
use msg::Chord;
use overlay::Overlay;
use prompt::{Draft, PromptState};

/// Which screen is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Screen {
    #[default]
    Chat,
    Jobs,
    Models,
    /// No source had the default model: what was tried and what to do. The state is in `models.first_run`.
    FirstRun,
}

/// A line in the status row that goes away by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    pub text: String,
    pub is_error: bool,
    pub at: Millis,
}

/// Chords typed so far of a longer sequence.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PendingKeys {
    pub chords: Vec<Chord>,
    pub since: Millis,
    /// The popup of continuations is due: rows from `App::which_key_rows`.
    pub is_shown: bool,
}

/// All state of the program.
#[derive(Debug)]
pub struct App {
    pub screen: Screen,
    pub columns: u16,
    pub rows: u16,
    /// The terminal window has the focus.
    pub has_window_focus: bool,
    pub settings: Settings,
    pub keymap: Keymap,
    pub pending: PendingKeys,
    pub prompt: PromptState,
    pub chat: ChatState,
    pub focus: FocusState,
    pub overlay: Option<Overlay>,
    pub models: ModelsState,
    pub jobs: JobsState,
    /// All presets in list order, broken ones included.
    pub presets: Vec<Preset>,
    /// The name of the preset that the next turn uses.
    pub preset: String,
    pub theme: ThemeSpec,
    /// Names of all themes.
    pub themes: Vec<String>,
    /// What the session list shows, newest first.
    pub sessions: Vec<SessionInfo>,
    pub notice: Option<Notice>,
    /// "Press again to quit" is shown.
    pub is_quit_armed: bool,
    /// What is wrong with files (keys, themes), for the help page.
    pub problems: Vec<Problem>,
    /// The time of the last message: what elapsed times are counted to.
    pub now: Millis,
    /// When Esc was pressed last with nothing left to leave.
    esc_at: Option<Millis>,
    /// When quitting was armed.
    quit_at: Option<Millis>,
    /// The theme to return to while the list previews others.
    theme_before: Option<String>,
}

/// What a program starts with.
#[derive(Debug)]
pub struct Start {
    pub draft: Box<dyn Draft>,
    pub settings: Settings,
    pub keymap: Keymap,
    /// What is wrong with the person's files.
    pub problems: Vec<Problem>,
    pub presets: Vec<Preset>,
    pub theme: ThemeSpec,
    pub themes: Vec<String>,
    /// Prompts of earlier days, oldest first.
    pub history: Vec<String>,
    /// The model that is fetched unasked.
    pub default_model: String,
}

impl App {
    /// The state before the first message.
    #[must_use]
    pub fn new(start: Start) -> App {
        let preset = start.settings.preset.clone();
        let chat = ChatState {
            is_local_only: start.settings.local_only,
            ..ChatState::default()
        };
        let models = ModelsState {
            default_model: start.default_model,
            ..ModelsState::default()
        };
        App {
            screen: Screen::Chat,
            columns: 80,
            rows: 24,
            has_window_focus: true,
            settings: start.settings,
            keymap: start.keymap,
            pending: PendingKeys::default(),
            prompt: PromptState::new(start.draft, start.history),
            chat,
            focus: FocusState::default(),
            overlay: None,
            models,
            jobs: JobsState::default(),
            presets: start.presets,
            preset,
            theme: start.theme,
            themes: start.themes,
            sessions: Vec::new(),
            notice: None,
            is_quit_armed: false,
            problems: start.problems,
            now: 0,
            esc_at: None,
            quit_at: None,
            theme_before: None,
        }
    }

    /// The turn whose parts are shown as panes: the running one, else the one that was opened.
    #[must_use]
    pub fn shown_turn(&self) -> Option<TurnId> {
        self.chat.running.or(self.chat.opened)
    }
}
