//! The keymap with the person's own keys in it, and what is wrong with their file, by line.

use crate::app::keymap::{KeyProblem, Keymap};
use crate::store::keys::{self, Binding, KeyTable};
use crate::store::paths::Paths;
use crate::store::preset::Problem;
use std::collections::BTreeMap;

/// Reads `keys.toml` over the built-in table.
#[must_use]
pub fn load(paths: &Paths) -> (Keymap, Vec<Problem>) {
    let (table, mut problems) = keys::load(paths);
    let (keymap, unusable) = Keymap::with_overrides(&chords(&table));
    problems.extend(unusable.iter().map(|problem| located(&table, problem)));
    (keymap, problems)
}

fn chords(table: &KeyTable) -> BTreeMap<String, BTreeMap<String, Vec<String>>> {
    let of = |actions: &BTreeMap<String, Binding>| {
        actions
            .iter()
            .map(|(action, binding)| (action.clone(), binding.chords.clone()))
            .collect()
    };
    table
        .contexts
        .iter()
        .map(|(context, actions)| (context.clone(), of(actions)))
        .collect()
}

fn located(table: &KeyTable, problem: &KeyProblem) -> Problem {
    let actions = table.contexts.get(&problem.context);
    let binding = match &problem.action {
        Some(action) => actions.and_then(|actions| actions.get(action)),
        // An unknown context is found at its first binding.
        None => actions.and_then(|actions| actions.values().min_by_key(|binding| binding.line)),
    };
    match binding {
        Some(binding) => table.problem(binding, problem.to_string()),
        None => Problem {
            file: table.file.clone(),
            line: None,
            message: problem.to_string(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_told_with_its_line_and_the_rest_is_used() {
        let folder = tempfile::tempdir().unwrap();
        let paths = Paths::new(Some(folder.path()));
        std::fs::create_dir_all(&paths.config).unwrap();
        std::fs::write(
            paths.keys_file(),
            "[pane]\nfly = [\"j\"]\nzoom = [\"ctrl+o\"]\n",
        )
        .unwrap();
        let (keymap, problems) = load(&paths);
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].line, Some(2));
        let zoom = keymap
            .bindings()
            .iter()
            .filter(|binding| binding.action.card().name == "zoom")
            .count();
        assert_eq!(zoom, 1);
    }
}
