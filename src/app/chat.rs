//! The chat screen's decisions: asking, stopping, retrying, branching, and what a session remembers.

use super::replay::Replay;
use super::transcript::Transcript;
use crate::domain::id::{MessageId, SessionId, TurnId};
use crate::domain::request::{ModelRef, Sampling};

/// State of the chat besides the prompt and the panes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ChatState {
    pub transcript: Transcript,
    /// The open session; none until its first event is written.
    pub session: Option<SessionId>,
    /// The turn under way.
    pub running: Option<TurnId>,
    /// The turn of the answering agent alone that runs beside it.
    pub running_alone: Option<TurnId>,
    /// A person asked the running turn to stop; it has not ended yet.
    pub is_stopping: bool,
    /// Turns are held before each of their steps.
    pub is_held: bool,
    /// A recorded turn that is played again, one step at a time.
    pub replay: Option<Replay>,
    /// An ended turn whose parts are shown as panes again. A running turn's parts are always shown: see `App::shown_turn`.
    pub opened: Option<TurnId>,
    /// The message that `e`, `b`, `y` mean in the conversation pane; the last answer when none.
    pub selected: Option<MessageId>,
    /// No text leaves this machine.
    pub is_local_only: bool,
    /// Every question is also asked of the answering agent alone.
    pub is_comparing: bool,
    /// The session's system prompt; wins over the preset's.
    pub system: Option<String>,
    /// Sampling set by hand; wins over the preset's, field by field.
    pub params: Sampling,
    /// Model of the answering agent set by hand.
    pub model: Option<ModelRef>,
    /// Heads that were taken back, the last one last.
    pub undone: Vec<MessageId>,
    /// The local model that the queued question waits for.
    pub waits_for: Option<String>,
}
