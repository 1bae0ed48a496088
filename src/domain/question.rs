//! What a running turn asks the person, and what the person answers.
//!
//! A tool that changes something outside asks first and shows exactly what would run; `ask_user` asks for words.

use serde::{Deserialize, Serialize};

/// A question of a node to the person. The node waits until it is answered or the turn is stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "question", rename_all = "snake_case")]
pub enum Question {
    /// May this tool run with these arguments?
    Permission {
        tool: String,
        /// What it can do to the outside, in words: `runs a program`, `writes notes`, `asks example.org`.
        effects: String,
        /// Exactly what will run or be sent, as the person must see it.
        shown: String,
        /// The arguments as JSON text, for editing before the call.
        arguments: String,
    },
    /// The agent wants words from the person.
    Words { prompt: String },
}

/// An answer to a [`Question`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum Reply {
    /// Run it, this once.
    Once,
    /// Run it, and this tool without asking until the session ends.
    Session,
    /// Do not run it; the agent is told so.
    Refuse,
    /// Do not run it, and refuse this tool without asking until the session ends.
    Never,
    /// Run it this once with these arguments (JSON text) instead.
    Edited { arguments: String },
    /// What the person says to [`Question::Words`].
    Words { text: String },
}
