//! What may follow in the prompt: commands, their arguments, and paths after `@`.

use super::App;
use super::action::{Action, ChatAction};
use super::command::EXTRA;
use super::draft::Edit;
use super::effect::Effect;
use super::prompt::{Completion, CompletionItem};
use unicode_segmentation::UnicodeSegmentation;

/// Most lines of the popup.
const LIMIT: usize = 8;

impl App {
    /// After an edit: what can be completed at the cursor. Paths are asked for and arrive later.
    pub(super) fn refresh_completion(&mut self) -> Vec<Effect> {
        let text = self.prompt.draft.text();
        self.prompt.completion = None;
        let Some(word) = self.word_before_cursor(&text) else {
            return Vec::new();
        };
        if let Some(prefix) = word.strip_prefix('@') {
            return vec![Effect::CompletePath {
                prefix: prefix.to_owned(),
            }];
        }
        let items = self.items_for(&text, &word);
        let is_complete = items.len() == 1 && items.iter().all(|item| item.text == word);
        if !items.is_empty() && !is_complete {
            self.prompt.completion = Some(Completion {
                items,
                selected: 0,
                word,
            });
        }
        Vec::new()
    }

    /// The word that ends at the cursor; may be empty after a command's name.
    fn word_before_cursor(&self, text: &str) -> Option<String> {
        let (row, column) = self.prompt.draft.cursor();
        let line: String = text.split('\n').nth(row)?.chars().take(column).collect();
        let word = line.rsplit(char::is_whitespace).next().unwrap_or("");
        let is_command = row == 0 && line.starts_with('/');
        (is_command || word.starts_with('@')).then(|| word.to_owned())
    }

    fn items_for(&self, text: &str, word: &str) -> Vec<CompletionItem> {
        let Some((name, _)) = text.split_once(char::is_whitespace) else {
            return commands(word);
        };
        let words: Vec<String> = match name {
            "/preset" | "/with" if text.split_whitespace().count() <= 2 => self
                .presets
                .iter()
                .map(|preset| preset.name.clone())
                .collect(),
            "/theme" => self.themes.clone(),
            "/model" => self
                .models
                .list
                .iter()
                .map(|info| info.name.clone())
                .collect(),
            "/export" => vec!["markdown".into(), "json".into(), "final".into()],
            "/params" => [
                "temperature=",
                "top_p=",
                "top_k=",
                "max_tokens=",
                "seed=",
                "reset",
            ]
            .map(str::to_owned)
            .to_vec(),
            _ if ChatAction::SWITCHES.contains(&name) => vec!["on".into(), "off".into()],
            _ => Vec::new(),
        };
        words
            .into_iter()
            .filter(|candidate| candidate.starts_with(word))
            .take(LIMIT)
            .map(|text| CompletionItem {
                text,
                note: String::new(),
            })
            .collect()
    }

    /// Paths that were asked for; late ones, for another word, are ignored.
    pub(super) fn on_paths(&mut self, paths: &[String]) {
        let text = self.prompt.draft.text();
        let Some(word) = self
            .word_before_cursor(&text)
            .filter(|w| w.starts_with('@'))
        else {
            return;
        };
        let items: Vec<CompletionItem> = paths
            .iter()
            .filter(|path| path.starts_with(&word[1..]))
            .take(LIMIT)
            .map(|path| CompletionItem {
                text: format!("@{path}"),
                note: String::new(),
            })
            .collect();
        self.prompt.completion = (!items.is_empty()).then_some(Completion {
            items,
            selected: 0,
            word,
        });
    }

    /// Moves in the popup.
    pub(super) fn move_completion(&mut self, step: isize) {
        if let Some(completion) = &mut self.prompt.completion {
            let count = completion.items.len();
            let at = completion.selected.checked_add_signed(step);
            completion.selected = match at {
                Some(at) if at < count => at,
                Some(_) => 0,
                None => count.saturating_sub(1),
            };
        }
    }

    /// Whether Enter completes instead of sending: a command's name is begun but not finished.
    pub(super) fn completes_command(&self, text: &str) -> bool {
        let Some(completion) = &self.prompt.completion else {
            return false;
        };
        let is_name = text == completion.word && text.starts_with('/');
        is_name && completion.items.iter().all(|item| item.text != text)
    }

    /// Takes the selected item in place of the word; a file is attached at once.
    pub(super) fn accept_completion(&mut self) -> Vec<Effect> {
        let Some(completion) = self.prompt.completion.take() else {
            return Vec::new();
        };
        let Some(item) = completion.items.get(completion.selected) else {
            return Vec::new();
        };
        for _ in completion.word.graphemes(true) {
            self.prompt.draft.apply(Edit::Backspace);
        }
        let is_open = item.text.ends_with(['/', '=']);
        let text = if is_open {
            item.text.clone()
        } else {
            format!("{} ", item.text)
        };
        self.prompt.draft.apply(Edit::Insert(text));
        match item.text.strip_prefix('@') {
            Some(path) if !is_open => self.attach(path),
            _ => self.refresh_completion(),
        }
    }
}

fn commands(word: &str) -> Vec<CompletionItem> {
    let of_actions = Action::all().filter_map(|action| {
        let card = action.card();
        Some((card.command?, card.help))
    });
    let mut found: Vec<(&str, &str)> = of_actions
        .chain(EXTRA)
        .filter(|(name, _)| name.starts_with(word))
        .collect();
    found.sort_unstable();
    found
        .into_iter()
        .map(|(name, help)| CompletionItem {
            text: name.to_owned(),
            note: help.to_owned(),
        })
        .collect()
}
