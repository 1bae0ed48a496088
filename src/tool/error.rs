//! How a call goes wrong, in words a model can act on, with the numbers of the ToolBench server where there are any.

use serde_json::json;

/// The class of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    UnknownTool,
    /// No call could be read.
    NoAction,
    EmptyOutput,
    BadJson,
    ArgsNotObject,
    MissingRequired,
    WrongType,
    UnknownArgument,
    BadValue,
    Timeout,
    NotFound,
    /// The tool ran and reports a failure.
    Failed,
    Transport,
    DeniedByPerson,
    DeniedByRule,
    Cancelled,
    Repeat,
    Budget,
}

impl ErrorKind {
    const ALL: [ErrorKind; 18] = [
        ErrorKind::UnknownTool,
        ErrorKind::NoAction,
        ErrorKind::EmptyOutput,
        ErrorKind::BadJson,
        ErrorKind::ArgsNotObject,
        ErrorKind::MissingRequired,
        ErrorKind::WrongType,
        ErrorKind::UnknownArgument,
        ErrorKind::BadValue,
        ErrorKind::Timeout,
        ErrorKind::NotFound,
        ErrorKind::Failed,
        ErrorKind::Transport,
        ErrorKind::DeniedByPerson,
        ErrorKind::DeniedByRule,
        ErrorKind::Cancelled,
        ErrorKind::Repeat,
        ErrorKind::Budget,
    ];

    /// The word before the message.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            ErrorKind::UnknownTool => "unknown_tool",
            ErrorKind::NoAction => "no_action",
            ErrorKind::EmptyOutput => "empty_output",
            ErrorKind::BadJson => "bad_json",
            ErrorKind::ArgsNotObject => "args_not_object",
            ErrorKind::MissingRequired => "missing_required",
            ErrorKind::WrongType => "wrong_type",
            ErrorKind::UnknownArgument => "unknown_argument",
            ErrorKind::BadValue => "bad_value",
            ErrorKind::Timeout => "timeout",
            ErrorKind::NotFound => "not_found",
            ErrorKind::Failed => "failed",
            ErrorKind::Transport => "transport",
            ErrorKind::DeniedByPerson | ErrorKind::DeniedByRule => "denied",
            ErrorKind::Cancelled => "cancelled",
            ErrorKind::Repeat => "repeat",
            ErrorKind::Budget => "budget",
        }
    }

    /// The status code: 1 to 12 as the ToolBench server numbers them, from 20 on ours.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            ErrorKind::UnknownTool => 1,
            ErrorKind::NoAction
            | ErrorKind::EmptyOutput
            | ErrorKind::BadJson
            | ErrorKind::ArgsNotObject => 2,
            ErrorKind::Timeout => 5,
            ErrorKind::NotFound => 6,
            ErrorKind::Failed => 11,
            ErrorKind::Transport => 12,
            ErrorKind::DeniedByPerson => 20,
            ErrorKind::DeniedByRule => 21,
            ErrorKind::MissingRequired
            | ErrorKind::WrongType
            | ErrorKind::UnknownArgument
            | ErrorKind::BadValue => 22,
            ErrorKind::Cancelled => 23,
            ErrorKind::Repeat => 24,
            ErrorKind::Budget => 25,
        }
    }
}

/// A failed call: what was tried, on what, what to do next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", kind.word())]
pub struct ToolError {
    pub kind: ErrorKind,
    pub message: String,
}

impl ToolError {
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }

    /// A tool that ran and did not succeed.
    #[must_use]
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Failed, message)
    }

    /// The status code of an observation: 0 unless it is an error as [`ToolError::observation`] writes it. A refusal counts as
    /// the person's.
    #[must_use]
    pub fn code_of(observation: &str) -> u8 {
        let Some(said) = observation.strip_prefix("{\"error\": \"") else {
            return 0;
        };
        let word = said.split(':').next().unwrap_or_default();
        let kind = ErrorKind::ALL.iter().find(|kind| kind.word() == word);
        kind.unwrap_or(&ErrorKind::Failed).code()
    }

    /// The line a model reads in place of a result.
    #[must_use]
    pub fn observation(&self) -> String {
        // In this order, as the trajectories of ToolBench have it.
        format!(
            "{{\"error\": {}, \"response\": \"\"}}",
            json!(self.to_string())
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_line_of_json() {
        let error = ToolError::new(ErrorKind::BadJson, "at 3: \"x\"\nsend one JSON object");
        assert_eq!(
            error.observation(),
            r#"{"error": "bad_json: at 3: \"x\"\nsend one JSON object", "response": ""}"#
        );
        assert_eq!(error.kind.code(), 2);
    }

    #[test]
    fn an_observation_tells_its_code() {
        for kind in ErrorKind::ALL {
            let code = ToolError::code_of(&ToolError::new(kind, "why: x").observation());
            let refused = ErrorKind::DeniedByPerson.code();
            let expected = if kind.word() == "denied" {
                refused
            } else {
                kind.code()
            };
            assert_eq!(code, expected, "{kind:?}");
        }
        assert_eq!(ToolError::code_of("{\"answer\": 4}"), 0);
    }
}
