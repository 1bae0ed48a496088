//! Puts tool calls together from the deltas of a stream, across the habits of servers. Pure.
//!
//! A delta names its call by `index`. Some servers give every call the index 0 and tell calls apart by `id`; others send a
//! fresh `id` with every delta of one call. So a new id at a known index begins a call only when the arguments before it are
//! complete. Where there is no index, a name begins a call.

use crate::domain::call::CallPiece;
use serde::Deserialize;
use serde_json::{Map, Value};

#[derive(Deserialize)]
pub struct CallDelta {
    #[serde(default)]
    index: Option<u64>,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    function: Option<FunctionDelta>,
}

#[derive(Deserialize)]
struct FunctionDelta {
    #[serde(default)]
    name: Option<String>,
    /// Text, or on some servers the object itself.
    #[serde(default)]
    arguments: Option<Value>,
}

/// The call that is being written.
#[derive(Debug)]
struct Open {
    index: Option<u64>,
    id: String,
    name: String,
    arguments: String,
}

/// Folds the deltas of one answer.
#[derive(Debug, Default)]
pub struct CallReader {
    open: Option<Open>,
}

impl CallReader {
    /// What a delta adds.
    pub fn read(&mut self, delta: CallDelta) -> Vec<CallPiece> {
        let (name, arguments) = match delta.function {
            Some(function) => (function.name.unwrap_or_default(), text(function.arguments)),
            None => Default::default(),
        };
        let id = delta.id.unwrap_or_default();
        let mut pieces = Vec::new();
        if self.begins(delta.index, &id, &name) {
            pieces.push(CallPiece::Begin {
                id: id.clone(),
                name: name.clone(),
            });
            self.open = Some(Open {
                index: delta.index,
                id,
                name,
                arguments: String::new(),
            });
        }
        if let Some(open) = self.open.as_mut().filter(|_| !arguments.is_empty()) {
            open.arguments.push_str(&arguments);
            pieces.push(CallPiece::Arguments(arguments));
        }
        pieces
    }

    fn begins(&self, index: Option<u64>, id: &str, name: &str) -> bool {
        let Some(open) = &self.open else {
            return true;
        };
        match index {
            None => !name.is_empty() && (name != open.name || open.is_complete()),
            Some(_) if index != open.index => true,
            Some(_) => {
                let is_other = (!id.is_empty() && id != open.id) || !name.is_empty();
                is_other && open.is_complete()
            }
        }
    }
}

impl Open {
    fn is_complete(&self) -> bool {
        serde_json::from_str::<Map<String, Value>>(&self.arguments).is_ok()
    }
}

fn text(arguments: Option<Value>) -> String {
    match arguments {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text,
        Some(value) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::call::{ToolCall, fold};

    fn read(deltas: &[&str]) -> Vec<(String, String, String)> {
        let mut reader = CallReader::default();
        let mut calls: Vec<ToolCall> = Vec::new();
        for delta in deltas {
            for piece in reader.read(serde_json::from_str(delta).unwrap()) {
                fold(&mut calls, piece);
            }
        }
        let parts = |call: ToolCall| (call.id, call.name, call.arguments);
        calls.into_iter().map(parts).collect()
    }

    fn call(id: &str, name: &str, arguments: &str) -> (String, String, String) {
        (id.into(), name.into(), arguments.into())
    }

    #[test]
    fn arguments_in_five_deltas_are_one_call() {
        // The id only in the first, repeated, fresh with every delta.
        for ids in [["a", "", "", "", ""], ["a"; 5], ["a", "b", "c", "d", "e"]] {
            let pieces = [r#"{\"x"#, r#"\": "#, "1", r#", \"y\""#, ": 2}"];
            let deltas: Vec<String> = ids
                .iter()
                .zip(pieces)
                .enumerate()
                .map(|(at, (id, piece))| {
                    let name = if at == 0 { r#""name":"add","# } else { "" };
                    format!(
                        r#"{{"index":0,"id":"{id}","function":{{{name}"arguments":"{piece}"}}}}"#
                    )
                })
                .collect();
            let deltas: Vec<&str> = deltas.iter().map(String::as_str).collect();
            assert_eq!(read(&deltas), [call("a", "add", r#"{"x": 1, "y": 2}"#)]);
        }
    }

    #[test]
    fn several_calls_are_told_apart() {
        let one = |index: &str, id: &str, name: &str| {
            format!(
                r#"{{{index}"id":"{id}","function":{{"name":"{name}","arguments":"{{\"a\":1}}"}}}}"#
            )
        };
        let two = [
            call("a", "add", r#"{"a":1}"#),
            call("b", "sub", r#"{"a":1}"#),
        ];
        for indices in [
            [r#""index":0,"#, r#""index":1,"#],
            [r#""index":0,"#, r#""index":0,"#],
            ["", ""],
        ] {
            let deltas = [one(indices[0], "a", "add"), one(indices[1], "b", "sub")];
            assert_eq!(read(&[&deltas[0], &deltas[1]]), two, "{indices:?}");
        }
    }

    #[test]
    fn arguments_may_be_an_object_or_missing() {
        let object = r#"{"index":0,"id":"a","function":{"name":"add","arguments":{"a":1}}}"#;
        assert_eq!(read(&[object]), [call("a", "add", r#"{"a":1}"#)]);
        let none = r#"{"index":0,"id":"a","function":{"name":"now","arguments":null}}"#;
        assert_eq!(read(&[none]), [call("a", "now", "")]);
    }
}
