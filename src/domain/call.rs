//! Tool calling as endpoints know it: the tools sent along with a request, and the calls that come back in a field of their own.
//!
//! Who asks for it decides what a call means; a backend that cannot do it says so before it is asked.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A tool as a server is told about it.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolSpec {
    /// `[A-Za-z0-9_-]`, at most 64 characters.
    pub name: String,
    pub description: String,
    /// JSON Schema of the arguments: an object.
    pub parameters: Value,
}

/// Whether the model must call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ToolChoice {
    /// It may call or answer.
    #[default]
    Auto,
    /// It must call some tool.
    Required,
    /// It must call this one.
    Named(String),
}

/// The tools of a request; none when the list is empty.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tools {
    pub list: Vec<ToolSpec>,
    pub choice: ToolChoice,
}

/// A call as a model wrote it. The arguments are text: models write JSON that does not parse.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct ToolCall {
    /// What the result is answered to.
    pub id: String,
    pub name: String,
    pub arguments: String,
}

/// A piece of a call in a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallPiece {
    /// A further call begins; the one before it is complete.
    Begin { id: String, name: String },
    /// More of the arguments of the last call that began.
    Arguments(String),
}

/// Adds a piece to the calls so far.
pub fn fold(calls: &mut Vec<ToolCall>, piece: CallPiece) {
    match piece {
        CallPiece::Begin { id, name } => calls.push(ToolCall {
            id,
            name,
            arguments: String::new(),
        }),
        CallPiece::Arguments(more) => {
            if let Some(call) = calls.last_mut() {
                call.arguments.push_str(&more);
            }
        }
    }
}
