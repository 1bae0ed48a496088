//! The one table of keys: where, which, what. Help, palette, hints and the which-key popup are made from it.
//!
//! A chord is looked up in the contexts that count now, the narrowest first. Within a context no sequence is bound twice and
//! none begins another. It knows no state and does nothing itself.

mod table;

use super::action::{Action, AppAction, LookAction, PaneAction};
use super::chord::{parse_sequence, print_sequence, short_sequence};
use super::msg::Chord;
use std::collections::BTreeMap;
use table::TABLE;

/// Where keys count. The names are those of `keys.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Context {
    Global,
    Prompt,
    /// The popup of completions is open.
    Completion,
    Pane,
    /// A cell of a grid: an agent in a round.
    Cell,
    /// A recorded turn is played again.
    Replay,
    /// Any overlay.
    List,
    PresetList,
    SessionList,
    Question,
    Models,
    Jobs,
    /// The form of a new run.
    Form,
    /// The screen that explains a missing model.
    FirstRun,
}

impl Context {
    pub const ALL: [Context; 14] = [
        Context::Global,
        Context::Prompt,
        Context::Completion,
        Context::Pane,
        Context::Cell,
        Context::Replay,
        Context::List,
        Context::PresetList,
        Context::SessionList,
        Context::Question,
        Context::Models,
        Context::Jobs,
        Context::Form,
        Context::FirstRun,
    ];

    /// As `keys.toml` spells it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Context::Global => "global",
            Context::Prompt => "prompt",
            Context::Completion => "completion",
            Context::Pane => "pane",
            Context::Cell => "cell",
            Context::Replay => "replay",
            Context::List => "list",
            Context::PresetList => "presets",
            Context::SessionList => "sessions",
            Context::Question => "question",
            Context::Models => "models",
            Context::Jobs => "jobs",
            Context::Form => "form",
            Context::FirstRun => "first-run",
        }
    }

    /// As help says it.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Context::Global => "everywhere",
            Context::Prompt => "prompt",
            Context::Completion => "completion",
            Context::Pane => "pane",
            Context::Cell => "cell of a debate",
            Context::Replay => "replay",
            Context::List => "lists",
            Context::PresetList => "preset list",
            Context::SessionList => "session list",
            Context::Question => "question",
            Context::Models => "models",
            Context::Jobs => "jobs",
            Context::Form => "form",
            Context::FirstRun => "first run",
        }
    }
}

/// A row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    pub context: Context,
    pub chords: Vec<Chord>,
    pub action: Action,
}

/// The table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keymap {
    bindings: Vec<Binding>,
}

/// What a key means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolved {
    Action(Action),
    /// The chords so far begin one or more sequences.
    Pending,
    /// Nothing: a printable character is text where there is text.
    Nothing,
}

/// Something in a person's key table that cannot be used as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyProblem {
    pub context: String,
    pub action: Option<String>,
    pub message: String,
}

impl KeyProblem {
    fn new(context: &str, action: Option<&str>, message: String) -> Self {
        Self {
            context: context.to_owned(),
            action: action.map(ToOwned::to_owned),
            message,
        }
    }
}

impl std::fmt::Display for KeyProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.action {
            Some(action) => write!(f, "[{}] {action}: {}", self.context, self.message),
            None => write!(f, "[{}]: {}", self.context, self.message),
        }
    }
}

fn already_bound(new: &Binding, old: &Binding) -> String {
    let keys = print_sequence(&new.chords);
    format!("\"{keys}\" is already bound to {}", old.action.card().name)
}

impl Keymap {
    /// The built-in table.
    #[must_use]
    pub fn builtin() -> Keymap {
        let mut bindings = Vec::new();
        for (context, action, keys) in TABLE {
            for keys in keys.split(", ") {
                // A test parses every row, so nothing is lost here.
                if let Ok(chords) = parse_sequence(keys) {
                    bindings.push(Binding {
                        context: *context,
                        chords,
                        action: *action,
                    });
                }
            }
        }
        for n in 1..=9 {
            let action = Action::App(AppAction::UsePreset(n));
            let chord = Chord::alt(char::from(b'0' + n));
            bindings.push(Binding {
                context: Context::Global,
                chords: vec![chord],
                action,
            });
            bindings.push(Binding {
                context: Context::PresetList,
                chords: vec![chord],
                action,
            });
        }
        for n in 0..=9 {
            let chord = Chord::plain(super::msg::Key::Char(char::from(b'0' + n)));
            bindings.push(Binding {
                context: Context::Pane,
                chords: vec![chord],
                action: Action::Pane(PaneAction::Focus(n)),
            });
        }
        for n in 1..=6 {
            let chord = Chord::plain(super::msg::Key::Char(char::from(b'0' + n)));
            bindings.push(Binding {
                context: Context::Jobs,
                chords: vec![chord],
                action: Action::Look(LookAction::Section(n)),
            });
        }
        Keymap { bindings }
    }

    /// The built-in table with a person's own keys: context to action to sequences. An action named there loses its built-in
    /// keys in that context; an empty list unbinds it. A person's key wins over a built-in one, and the loss is told; of two
    /// of a person's own the first is kept. Whatever cannot be used comes back, and the rest is used.
    #[must_use]
    pub fn with_overrides(
        table: &BTreeMap<String, BTreeMap<String, Vec<String>>>,
    ) -> (Keymap, Vec<KeyProblem>) {
        let mut map = Keymap::builtin();
        let mut problems = Vec::new();
        let mut own: Vec<Binding> = Vec::new();
        for (context_name, actions) in table {
            let Some(context) = Context::ALL.into_iter().find(|c| c.name() == context_name) else {
                let known = Context::ALL.map(Context::name).join(", ");
                let message = format!("unknown context; known: {known}");
                problems.push(KeyProblem::new(context_name, None, message));
                continue;
            };
            for (name, sequences) in actions {
                let told =
                    |message: String| KeyProblem::new(context_name, Some(name.as_str()), message);
                let Some(action) = Action::named(name) else {
                    problems.push(told("unknown action; F1 lists them".into()));
                    continue;
                };
                map.bindings
                    .retain(|b| b.context != context || b.action != action);
                for text in sequences {
                    match parse_sequence(text) {
                        Ok(chords) => {
                            let binding = Binding {
                                context,
                                chords,
                                action,
                            };
                            match own.iter().find(|old| old.collides(&binding)) {
                                Some(old) => problems.push(told(already_bound(&binding, old))),
                                None => own.push(binding),
                            }
                        }
                        Err(why) => problems.push(told(why)),
                    }
                }
            }
        }
        for binding in own {
            map.bindings.retain(|old| {
                let is_lost = old.collides(&binding);
                if is_lost {
                    let name = binding.action.card().name;
                    let message = format!("{}; yours is used", already_bound(&binding, old));
                    problems.push(KeyProblem::new(binding.context.name(), Some(name), message));
                }
                !is_lost
            });
            map.bindings.push(binding);
        }
        (map, problems)
    }

    /// All rows.
    #[must_use]
    pub fn bindings(&self) -> &[Binding] {
        &self.bindings
    }

    /// What `chord` means after `pending`, in these contexts, the narrowest first.
    #[must_use]
    pub fn resolve(&self, contexts: &[Context], pending: &[Chord], chord: Chord) -> Resolved {
        let mut sequence = pending.to_vec();
        sequence.push(chord.normal());
        for context in contexts {
            let mut of_context = self.bindings.iter().filter(|b| b.context == *context);
            let mut begins = false;
            for binding in of_context.by_ref() {
                if binding.chords == sequence {
                    return Resolved::Action(binding.action);
                }
                begins |= binding.chords.starts_with(&sequence);
            }
            if begins {
                return Resolved::Pending;
            }
        }
        Resolved::Nothing
    }

    /// What may follow the pending chords, for the which-key popup: the rest of the keys (short) and the action.
    #[must_use]
    pub fn continuations(&self, contexts: &[Context], pending: &[Chord]) -> Vec<(String, Action)> {
        self.bindings
            .iter()
            .filter(|b| contexts.contains(&b.context))
            .filter(|b| b.chords.len() > pending.len() && b.chords.starts_with(pending))
            .map(|b| (short_sequence(&b.chords[pending.len()..]), b.action))
            .collect()
    }

    /// The keys of an action in a context, short, the first bound first.
    #[must_use]
    pub fn keys(&self, context: Context, action: Action) -> Vec<String> {
        self.bindings
            .iter()
            .filter(|b| b.context == context && b.action == action)
            .map(|b| short_sequence(&b.chords))
            .collect()
    }

    /// The first key of an action in the first of these contexts that has one.
    #[must_use]
    pub fn hint(&self, contexts: &[Context], action: Action) -> Option<String> {
        contexts
            .iter()
            .find_map(|context| self.keys(*context, action).into_iter().next())
    }

    /// Pairs that cannot both be reached: the same keys in one context, or one beginning the other.
    #[must_use]
    pub fn collisions(&self) -> Vec<(&Binding, &Binding)> {
        let mut found = Vec::new();
        for (i, a) in self.bindings.iter().enumerate() {
            for b in &self.bindings[i + 1..] {
                if a.collides(b) {
                    found.push((a, b));
                }
            }
        }
        found
    }
}

impl Binding {
    fn collides(&self, other: &Binding) -> bool {
        self.context == other.context
            && (self.chords.starts_with(&other.chords) || other.chords.starts_with(&self.chords))
    }
}

#[cfg(test)]
mod tests {
    use super::Context::{Global, Pane, Prompt};
    use super::*;
    use crate::app::msg::Key;
    use std::collections::BTreeSet;

    fn table(
        context: &str,
        action: &str,
        keys: &[&str],
    ) -> BTreeMap<String, BTreeMap<String, Vec<String>>> {
        let keys = keys.iter().map(|k| (*k).to_owned()).collect();
        BTreeMap::from([(
            context.to_owned(),
            BTreeMap::from([(action.to_owned(), keys)]),
        )])
    }

    #[test]
    fn every_row_is_parsed_and_none_hides_another() {
        for (_, _, keys) in TABLE {
            for keys in keys.split(", ") {
                parse_sequence(keys).unwrap();
            }
        }
        let map = Keymap::builtin();
        assert_eq!(map.collisions(), Vec::new());
        let mut prompt_and_global: BTreeSet<Vec<Chord>> = BTreeSet::new();
        for b in map
            .bindings()
            .iter()
            .filter(|b| matches!(b.context, Prompt | Global))
        {
            assert!(prompt_and_global.insert(b.chords.clone()), "{b:?}");
        }
    }

    #[test]
    fn every_action_can_be_reached_and_is_named() {
        let map = Keymap::builtin();
        let bound: BTreeSet<Action> = map.bindings().iter().map(|b| b.action).collect();
        let all: BTreeSet<Action> = Action::all().collect();
        assert_eq!(all, bound);
    }

    #[test]
    fn a_leader_waits_for_its_next_key() {
        let map = Keymap::builtin();
        let contexts = [Prompt, Global];
        assert_eq!(
            map.resolve(&contexts, &[], Chord::ctrl('x')),
            Resolved::Pending
        );
        let m = Chord::plain(Key::Char('m'));
        let found = map.resolve(&contexts, &[Chord::ctrl('x')], m);
        assert_eq!(
            found,
            Resolved::Action(Action::App(AppAction::ModelsScreen))
        );
        assert_eq!(map.resolve(&contexts, &[], m), Resolved::Nothing);
        let next = map.continuations(&[Global], &[Chord::ctrl('x')]);
        assert!(next.contains(&("m".into(), Action::App(AppAction::ModelsScreen))));
    }

    #[test]
    fn own_keys_replace_built_in_ones_and_mistakes_are_told() {
        let (map, problems) = Keymap::with_overrides(&table("global", "help", &["ctrl+o"]));
        assert_eq!(problems, []);
        assert_eq!(map.keys(Global, Action::App(AppAction::Help)), ["^O"]);
        let (map, problems) = Keymap::with_overrides(&table("pane", "zoom", &["j", "ctrl+o"]));
        assert_eq!(
            problems[0].to_string(),
            "[pane] zoom: \"j\" is already bound to line-down; yours is used"
        );
        assert_eq!(map.keys(Pane, Action::Pane(PaneAction::Zoom)), ["j", "^O"]);
        assert_eq!(problems.len(), 1);
        let (map, problems) = Keymap::with_overrides(&table("pane", "zoom", &["j", "j"]));
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert_eq!(map.keys(Pane, Action::Pane(PaneAction::Zoom)), ["j"]);
        let (_, problems) = Keymap::with_overrides(&table("pane", "fly", &["j"]));
        assert!(
            problems[0]
                .to_string()
                .starts_with("[pane] fly: unknown action")
        );
        let (_, problems) = Keymap::with_overrides(&table("attic", "zoom", &["j"]));
        assert_eq!(problems.len(), 1);
    }
}
