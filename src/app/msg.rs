//! What can reach the state: keys, events of turns, answers to effects, timers.

use super::effect::Timer;
use super::focus::Viewport;
use super::jobs::RunEntry;
use crate::domain::event::Event;
use crate::domain::id::{RunId, SessionId, TurnId};
use crate::domain::model::{ModelInfo, Pull, PullOutcome};
use crate::domain::parameter::Value;
use crate::domain::reading::Reading;
use crate::domain::run::JobCard;
use crate::store::preset::{Preset, Problem};
use crate::store::session::SessionInfo;
use crate::store::spec_file::JobPreset;
use crate::store::theme::ThemeSpec;
use std::collections::BTreeMap;

/// One input to `App::update`.
#[derive(Debug, Clone, PartialEq)]
pub enum Msg {
    Key(Chord),
    /// A bracketed paste, line ends normalised.
    Paste(String),
    Mouse(Mouse),
    Resized {
        columns: u16,
        rows: u16,
    },
    Focus(bool),
    /// Events of turns, adjacent deltas of a node merged.
    Events(Vec<Event>),
    Timer(Timer),
    Presets(Vec<Preset>),
    Theme(ThemeSpec, Vec<Problem>),
    /// Names of all themes.
    Themes(Vec<String>),
    Models(Vec<ModelInfo>),
    Pull(Pull),
    PullEnded {
        model: String,
        outcome: PullOutcome,
    },
    Sessions(Vec<SessionInfo>),
    /// A session was opened: all its events, to be folded.
    Opened {
        id: SessionId,
        events: Vec<Event>,
    },
    /// The recorded events of a turn, to be played again.
    Recorded {
        turn: TurnId,
        events: Vec<Event>,
    },
    /// A text file was read.
    Attached {
        path: String,
        text: Result<String, String>,
    },
    Paths(Vec<String>),
    /// The editor came back.
    Edited(Result<String, String>),
    /// Something worth a line in the status row.
    Notice {
        text: String,
        is_error: bool,
    },
    /// What the last frame showed, when it differs from the frame before; asks for no new frame.
    Viewport(Viewport),
    /// A session begun by this program got its name in the store.
    SessionStarted(SessionId),
    Run(RunMsg),
    /// Draw again: highlighting or another cache is ready.
    Refresh,
}

/// Answers about runs of jobs.
#[derive(Debug, Clone, PartialEq)]
pub enum RunMsg {
    Kinds {
        cards: Vec<JobCard>,
        presets: Vec<JobPreset>,
    },
    /// All runs, in any order.
    Listed(Vec<RunEntry>),
    /// What came in a run's log.
    Read {
        run: RunId,
        events: Vec<Event>,
        /// These are the log's first events, and this is what the run was started with.
        begun: Option<BTreeMap<String, Value>>,
    },
    Started(Result<RunId, String>),
    Sampled(Reading),
    PresetMade(Box<Preset>),
}

/// A key with its modifiers, free of any terminal library's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Chord {
    pub key: Key,
    pub ctrl: bool,
    pub alt: bool,
    pub shift: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    Char(char),
    F(u8),
    Enter,
    Tab,
    BackTab,
    Backspace,
    Delete,
    Esc,
    Up,
    Down,
    Left,
    Right,
    Home,
    End,
    PageUp,
    PageDown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mouse {
    ScrollUp { column: u16, row: u16 },
    ScrollDown { column: u16, row: u16 },
    Click { column: u16, row: u16 },
}
