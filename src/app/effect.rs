//! What the runtime shall do. The state asks; it never does.

use crate::domain::clock::Millis;
use crate::domain::control::Control;
use crate::domain::council::Council;
use crate::domain::event::Kind;
use crate::domain::id::{MessageId, NodeId, RunId, SessionId, TurnId};
use crate::domain::message::Message;
use crate::domain::run::RunControl;
use crate::domain::spec::Spec;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// An order to the runtime. Answers, where there are any, come back as [`super::msg::Msg`].
#[derive(Debug, Clone, PartialEq)]
#[allow(
    clippy::large_enum_variant,
    reason = "effects are few and short-lived; a box would only be opened again"
)]
pub enum Effect {
    /// Run a society on a question. Its events come back as `Msg::Events`; the runtime appends them to the session's log.
    StartTurn(TurnRequest),
    /// Stop the whole turn; what arrived is kept.
    StopTurn(TurnId),
    Control(TurnId, Control),
    /// Append facts of the session itself (messages, head, title) to its log. They do not come back.
    Record(Vec<Kind>),
    Session(SessionEffect),
    Model(ModelEffect),
    Preset(PresetEffect),
    Run(RunEffect),
    /// Remember this prompt in the history file.
    RememberPrompt(String),
    /// Forbid or allow the network.
    SetLocalOnly(bool),
    /// Load a theme by name; comes back as `Msg::Theme`.
    LoadTheme(String),
    /// Keep these as defaults for the next start (field of config.toml, value).
    SaveSetting {
        key: String,
        value: String,
    },
    /// Read a text file to attach; comes back as `Msg::Attached`.
    Attach {
        path: String,
    },
    /// Paths that begin like this, for completion; comes back as `Msg::Paths`.
    CompletePath {
        prefix: String,
    },
    /// To the clipboard (OSC 52 and native).
    Copy(String),
    /// Open `$EDITOR` on the draft; comes back as `Msg::Edited`.
    EditDraft(String),
    /// Open `$EDITOR` (or a pager) on a text that is not read back.
    ViewText(String),
    /// Send this timer's message after so many milliseconds.
    After(Millis, Timer),
    /// Ring, if the window is not focused.
    Bell,
    /// Clear and draw everything.
    Redraw,
    Suspend,
    Quit,
}

/// A turn to run.
#[derive(Debug, Clone, PartialEq)]
pub struct TurnRequest {
    pub turn: TurnId,
    /// The user message it answers.
    pub question: MessageId,
    /// Path from the root to the question.
    pub conversation: Vec<Message>,
    pub council: Council,
    /// Node texts taken over from an earlier attempt.
    pub reuse: BTreeMap<NodeId, String>,
    /// The turn is held before its first step, and before each one after it.
    pub is_held: bool,
}

/// Work on sessions.
#[derive(Debug, Clone, PartialEq)]
pub enum SessionEffect {
    /// Begin a new one (its file appears with the first event).
    New,
    /// Open and replay; comes back as `Msg::Opened`.
    Open(SessionId),
    /// The recorded events of a turn of the open session; comes back as `Msg::Recorded`.
    Replay(TurnId),
    /// List, newest first, or search; comes back as `Msg::Sessions`.
    List {
        query: String,
    },
    Rename {
        id: SessionId,
        title: String,
    },
    Delete(SessionId),
    /// Bring back what `Delete` took last.
    UndoDelete,
    Export {
        format: ExportFormat,
        with_parts: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFormat {
    Markdown,
    Json,
}

/// Work on models. Progress comes back as `Msg::Pull`, lists as `Msg::Models`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelEffect {
    List,
    Pull(String),
    StopPull(String),
    Verify(String),
    Remove(String),
}

/// Work on preset files. Lists come back as `Msg::Presets`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PresetEffect {
    Reload,
    Edit(String),
    Duplicate(String),
}

/// Work on runs of jobs. Answers come back as [`super::msg::RunMsg`].
#[derive(Debug, Clone, PartialEq)]
pub enum RunEffect {
    /// Which kinds of jobs there are, and presets for them; comes back as `RunMsg::Kinds`.
    Kinds,
    /// All runs; comes back as `RunMsg::Listed`.
    List,
    /// Read on in the logs of these runs, from the beginning where a log was not followed before; what there is comes back as
    /// `RunMsg::Read`.
    Follow(Vec<RunId>),
    /// Comes back as `RunMsg::Started`.
    Start(Spec),
    Control(RunId, RunControl),
    /// Delete its folder; it is over.
    Remove(RunId),
    /// Write its curves into a file beside the caller.
    ExportCsv(RunId),
    /// Look at the machine; comes back as `RunMsg::Sampled`.
    Sample,
    /// Read a preset that a run made; comes back as `RunMsg::PresetMade`.
    OpenPreset(PathBuf),
}

/// What a timer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timer {
    /// "Press again to quit" ends.
    QuitArmed,
    /// The popup of pending chords is due.
    WhichKey,
    /// Pending chords are given up.
    ChordExpired,
    /// A notice in the status line ends.
    Notice,
    /// Runs and the machine are looked at again.
    Jobs,
}
