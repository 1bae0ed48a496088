//! What lies over the screen: at most one list, page or question at a time.
//!
//! An overlay holds only its filter and selection; the rows are made from the state (`App::preset_rows` and its siblings), so
//! they are never stale.

use crate::domain::clock::Millis;
use crate::domain::id::{NodeId, RunId, SessionId, TurnId};

/// The one overlay that may be open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Overlay {
    /// Presets (F2): rows from `App::preset_rows`, details of the selected one on the right.
    Presets(ListState),
    /// Every action and its key (Ctrl+P): rows from `App::palette_rows`.
    Palette(ListState),
    /// Help for the screen below, searchable: rows from `App::help_rows`. `list.selected` is the first row shown.
    Help(ListState),
    /// Sessions: rows are `App::sessions`, filtered by the store's full-text search.
    Sessions(ListState),
    /// Themes: rows from `App::theme_rows`; moving previews, Esc restores.
    Themes(ListState),
    /// Code blocks of a pane, to copy one: rows from `App::code_rows`.
    Code(ListState),
    /// What a new run can start from: rows from `App::start_rows`.
    NewRun(ListState),
    /// The form of a new run; its state is `App::jobs.form`.
    RunForm,
    /// A yes-or-no question.
    Confirm(Confirm),
    /// May a tool run? The text comes from the turn's open question.
    Question(Asking),
    /// One line to type: a title, a file name.
    Input(Input),
}

/// Filter and selection of a list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListState {
    pub filter: String,
    /// Index into the filtered rows.
    pub selected: usize,
}

/// A question with its consequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirm {
    /// The question, one sentence.
    pub question: String,
    /// What happens on yes, for the button: `delete`, `download 258 MB`.
    pub verb: String,
    pub what: Confirmed,
}

/// What a yes does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Confirmed {
    DeleteSession(SessionId),
    RemoveModel(String),
    PullModel(String),
    StopRun(RunId),
    FinishRun(RunId),
    RemoveRun(RunId),
    Quit,
}

/// Whose question lies over the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asking {
    pub turn: TurnId,
    pub node: NodeId,
    /// When it opened: a key typed for something else must not allow anything.
    pub since: Millis,
    /// The first line shown of what would run.
    pub top: usize,
    /// So many of its lines have been shown.
    pub seen: usize,
    /// It was said that not all of it has been shown.
    pub is_warned: bool,
}

/// A line being typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    pub title: String,
    pub text: String,
    pub what: InputFor,
}

/// What a typed line is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputFor {
    Rename(SessionId),
    RenameCurrent,
    /// The system prompt of this session; empty removes it.
    System,
    /// Words an agent asked for.
    Words(Asking),
    /// The arguments of a tool's call before it runs.
    Arguments(Asking),
}

/// A row of the preset list.
#[derive(Debug, Clone, PartialEq)]
pub struct PresetRow {
    /// From 1 to 9: the number for Alt; none beyond and for broken ones.
    pub number: Option<u8>,
    pub name: String,
    pub title: String,
    pub is_current: bool,
    /// For a broken preset: what is wrong and in which line; it cannot be chosen.
    pub problem: Option<String>,
    /// Warnings about fields that were not understood.
    pub warnings: Vec<String>,
    /// Lines for the right side: agents, settings, providers, memory, models on disk.
    pub details: Vec<(String, String)>,
}

/// A row of the palette or of the help page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionRow {
    pub action: super::action::Action,
    /// Where its keys count, in words: `prompt`, `pane`, `everywhere`.
    pub context: &'static str,
    pub name: &'static str,
    pub help: &'static str,
    /// Keys, printed; empty when it has none.
    pub keys: String,
    /// Its slash command, when it has one.
    pub command: Option<&'static str>,
}
