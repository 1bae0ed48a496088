//! `keys.toml`: the user's key bindings as written. Which actions and contexts exist is the keymap's business.

use super::layer::{self, Node, Value};
use super::paths::Paths;
use super::preset::Problem;
use super::source;
use std::collections::BTreeMap;

/// Bindings by context, then action: `[chat]`, `send = ["enter", "ctrl+s"]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyTable {
    /// The file, as problems name it.
    pub file: String,
    pub contexts: BTreeMap<String, BTreeMap<String, Binding>>,
}

/// The chords of an action: they replace the built-in ones; an empty list unbinds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// Each a chord, or several with spaces between: `ctrl+p`, `g g`.
    pub chords: Vec<String>,
    /// From 1, for what the keymap has to say about it.
    pub line: usize,
}

impl KeyTable {
    /// A problem with a binding of this file.
    #[must_use]
    pub fn problem(&self, binding: &Binding, message: impl Into<String>) -> Problem {
        Problem {
            file: self.file.clone(),
            line: Some(binding.line),
            message: message.into(),
        }
    }
}

/// The user's bindings; none when there is no file. What cannot be read is named and left out.
#[must_use]
pub fn load(paths: &Paths) -> (KeyTable, Vec<Problem>) {
    let file = paths.keys_file();
    match source::read_optional(&file) {
        Ok(Some(text)) => parse(&file.display().to_string(), &text),
        Ok(None) => (KeyTable::default(), Vec::new()),
        Err(problem) => (KeyTable::default(), vec![problem]),
    }
}

/// Bindings from text.
#[must_use]
pub fn parse(file: &str, text: &str) -> (KeyTable, Vec<Problem>) {
    let mut table = KeyTable {
        file: file.to_owned(),
        ..KeyTable::default()
    };
    let mut problems = Vec::new();
    let root = match layer::parse(file, text) {
        Ok(root) => root,
        Err(problem) => return (table, vec![problem]),
    };
    for (context, node) in root.table().into_iter().flatten() {
        let Some(actions) = node.table() else {
            let message =
                format!("\"{context}\" is a table of actions: [{context}] then action = [\"key\"]");
            problems.push(node.place.problem(message));
            continue;
        };
        for (action, node) in actions {
            match chords(node) {
                Some(chords) => {
                    let binding = Binding {
                        chords,
                        line: node.place.line,
                    };
                    let context = table.contexts.entry(context.clone()).or_default();
                    context.insert(action.clone(), binding);
                }
                None => problems.push(node.place.problem(format!(
                    "\"{action}\" is a key or a list of keys: {action} = [\"ctrl+k\"]"
                ))),
            }
        }
    }
    problems.sort_by_key(|problem| problem.line);
    (table, problems)
}

fn chords(node: &Node) -> Option<Vec<String>> {
    match &node.value {
        Value::Text(chord) => Some(vec![chord.clone()]),
        Value::List(items) => items
            .iter()
            .map(|item| item.text().map(str::to_owned))
            .collect(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bindings_keep_their_lines_and_mistakes_cost_only_themselves() {
        let text = "loose = 1\n[chat]\nsend = [\"enter\", \"ctrl+s\"]\nquit = \"ctrl+q\"\ncopy = [3]\nnone = []\n";
        let (table, problems) = parse("keys.toml", text);
        let chat = &table.contexts["chat"];
        assert_eq!(chat["send"].chords, ["enter", "ctrl+s"]);
        assert_eq!(
            (chat["quit"].chords.as_slice(), chat["quit"].line),
            (["ctrl+q".to_owned()].as_slice(), 4)
        );
        assert!(chat["none"].chords.is_empty() && !chat.contains_key("copy"));
        let lines: Vec<_> = problems.iter().map(|problem| problem.line).collect();
        assert_eq!(lines, [Some(1), Some(5)]);
        assert_eq!(parse("k", "[chat\n").1.len(), 1);
    }
}
