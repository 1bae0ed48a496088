//! What lists, help and hints show, made from the state when it is asked for.

use super::action::{
    Action, AppAction, CellAction, ChatAction, PaneAction, PromptAction, RunsAction, StepAction,
};
use super::chord::short_sequence;
use super::code::{CodeBlock, code_blocks};
use super::focus::{Area, PaneId};
use super::keymap::Context;
use super::overlay::{ActionRow, Overlay, PresetRow};
use super::{App, Screen};
use crate::domain::council::Council;
use crate::domain::model::{ModelInfo, ModelState};
use crate::store::preset::Preset;

impl App {
    /// The contexts in which keys count now, the narrowest first.
    #[must_use]
    pub fn contexts(&self) -> Vec<Context> {
        match &self.overlay {
            Some(Overlay::Presets(_)) => return vec![Context::PresetList, Context::List],
            Some(Overlay::Sessions(_)) => return vec![Context::SessionList, Context::List],
            Some(Overlay::Confirm(_) | Overlay::Question(_)) => return vec![Context::Question],
            Some(Overlay::RunForm) => return vec![Context::Form],
            Some(_) => return vec![Context::List],
            None => {}
        }
        match (self.screen, self.focus.area) {
            (Screen::Jobs, _) => vec![Context::Jobs, Context::Global],
            (Screen::Models, _) => vec![Context::Models, Context::Global],
            (Screen::FirstRun, _) => vec![Context::FirstRun, Context::Global],
            (Screen::Chat, Area::Pane) => self.pane_contexts(),
            (Screen::Chat, Area::Prompt) if self.prompt.completion.is_some() => {
                vec![Context::Completion, Context::Prompt, Context::Global]
            }
            (Screen::Chat, Area::Prompt) => vec![Context::Prompt, Context::Global],
        }
    }

    /// Keys and words for the hint line, the most important first: those that do not fit are dropped from the end.
    #[must_use]
    pub fn hints(&self) -> Vec<(String, &'static str)> {
        use Action::{App as A, Cell, Chat as C, Pane as P, Prompt as T, Step as S};
        let contexts = self.contexts();
        let mut wanted: Vec<(Action, &'static str)> = Vec::new();
        if self.chat.running.is_some() {
            wanted.push((A(AppAction::Cancel), "cancel"));
        }
        wanted.push((A(AppAction::Palette), "commands"));
        if self.chat.replay.is_some() {
            wanted.extend([
                (S(StepAction::Forward), "forward"),
                (S(StepAction::Back), "back"),
                (S(StepAction::Leave), "end replay"),
            ]);
        }
        if self.chat.is_held {
            wanted.push((S(StepAction::Step), "next step"));
        }
        if self.focus.area == Area::Pane && self.focused_cell().is_some() {
            wanted.extend([
                (Cell(CellAction::Left), "round"),
                (Cell(CellAction::Down), "agent"),
                (Cell(CellAction::Difference), "difference"),
            ]);
        }
        match self.focus.area {
            Area::Pane => wanted.extend([
                (P(PaneAction::Prompt), "prompt"),
                (P(PaneAction::Zoom), "zoom"),
                (C(ChatAction::Retry), "retry"),
                (C(ChatAction::Skip), "skip"),
                (C(ChatAction::Aggregate), "aggregate"),
                (P(PaneAction::Copy), "copy"),
                (P(PaneAction::Freeze), "freeze"),
                (P(PaneAction::Search), "search"),
            ]),
            Area::Prompt => wanted.extend([
                (A(AppAction::Presets), "preset"),
                (A(AppAction::NextPane), "pane"),
                (T(PromptAction::NewLine), "new line"),
                (A(AppAction::Sessions), "sessions"),
                (A(AppAction::Help), "help"),
            ]),
        }
        wanted
            .into_iter()
            .filter_map(|(action, word)| Some((self.keymap.hint(&contexts, action)?, word)))
            .collect()
    }

    /// What may follow the chords typed so far: keys, action name, help.
    #[must_use]
    pub fn which_key_rows(&self) -> Vec<(String, &'static str, &'static str)> {
        self.keymap
            .continuations(&self.contexts(), &self.pending.chords)
            .into_iter()
            .map(|(keys, action)| (keys, action.card().name, action.card().help))
            .collect()
    }

    /// Rows of the preset list under its filter.
    #[must_use]
    pub fn preset_rows(&self) -> Vec<PresetRow> {
        let filter = self.filter();
        let mut number = 0;
        let mut rows = Vec::new();
        for preset in &self.presets {
            let usable = preset.council.is_ok();
            number += u8::from(usable && number < 10);
            let row = self.preset_row(preset, Some(number).filter(|n| usable && *n < 10));
            if matches_words(filter, &[&row.name, &row.title]) {
                rows.push(row);
            }
        }
        rows
    }

    /// The usable preset with this number.
    #[must_use]
    pub fn preset_numbered(&self, number: u8) -> Option<&Preset> {
        let at = usize::from(number).checked_sub(1)?;
        self.presets.iter().filter(|p| p.council.is_ok()).nth(at)
    }

    fn preset_row(&self, preset: &Preset, number: Option<u8>) -> PresetRow {
        let (title, problem, details) = match &preset.council {
            Ok(council) => (council.title.clone(), None, self.details(council)),
            Err(problem) => (String::new(), Some(problem.to_string()), Vec::new()),
        };
        PresetRow {
            number,
            name: preset.name.clone(),
            title,
            is_current: preset.name == self.preset,
            problem,
            warnings: preset.warnings.iter().map(ToString::to_string).collect(),
            details,
        }
    }

    fn details(&self, council: &Council) -> Vec<(String, String)> {
        let mut lines = vec![("society".to_owned(), council.society.clone())];
        for agent in &council.agents {
            let mut text = agent.model.to_string();
            if let Some(name) = &agent.name {
                text = format!("{name}  {text}");
            }
            if agent.count > 1 {
                text = format!("{}× {text}", agent.count);
            }
            if let Some(t) = agent.sampling.over(&council.sampling).temperature {
                text = format!("{text}  t {t}");
            }
            lines.push((agent.part.clone(), text));
        }
        // What is switched off, and long texts, would only hide what matters.
        let is_worth_a_line = |value: &serde_json::Value| match value {
            serde_json::Value::Bool(on) => *on,
            serde_json::Value::Number(number) => number.as_f64() != Some(0.0),
            serde_json::Value::String(text) => text.len() < 40 && !text.contains('\n'),
            _ => false,
        };
        for (key, value) in council.settings.iter().filter(|(_, v)| is_worth_a_line(v)) {
            let value = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            lines.push((key.replace('_', " "), value));
        }
        let providers = council.providers();
        let goes = if providers.is_empty() {
            "nowhere, stays on this machine".to_owned()
        } else {
            providers.join(", ")
        };
        lines.push(("text goes to".to_owned(), goes));
        lines.extend(self.needs(council));
        lines
    }

    fn needs(&self, council: &Council) -> Vec<(String, String)> {
        let names = council.local_models();
        if names.is_empty() || !self.models.is_loaded {
            return Vec::new();
        }
        let known: Vec<&ModelInfo> = names.iter().filter_map(|name| self.model(name)).collect();
        let memory: u64 = known.iter().map(|info| info.memory).sum();
        let ready = known
            .iter()
            .filter(|info| matches!(info.state, ModelState::Ready { .. }))
            .count();
        let on_disk = format!("{ready} of {} on disk", names.len());
        let mut lines = vec![("models".to_owned(), on_disk)];
        if memory > 0 {
            lines.insert(0, ("memory".to_owned(), bytes(memory)));
        }
        lines
    }

    /// What the catalog says about a model.
    #[must_use]
    pub fn model(&self, name: &str) -> Option<&ModelInfo> {
        self.models.list.iter().find(|info| info.name == name)
    }

    /// Rows of the palette under its filter; those whose name begins with it come first.
    #[must_use]
    pub fn palette_rows(&self) -> Vec<ActionRow> {
        let filter = self.filter();
        let mut rows: Vec<ActionRow> = Action::all()
            .filter(|action| self.is_offered(*action))
            .filter(|action| *action != Action::App(AppAction::Palette))
            .map(|action| self.action_row(action))
            .filter(|row| matches_words(filter, &[row.name, row.help, row.command.unwrap_or("")]))
            .collect();
        rows.sort_by_key(|row| !row.name.starts_with(filter));
        rows
    }

    /// The palette offers what can be ordered on the screen that is shown.
    fn is_offered(&self, action: Action) -> bool {
        match action {
            Action::App(_) | Action::Chat(_) | Action::Pane(_) => true,
            Action::Step(StepAction::Hold | StepAction::Step | StepAction::Replay) => true,
            Action::Step(_) => self.chat.replay.is_some(),
            Action::Runs(RunsAction::New) => true,
            Action::Runs(_) | Action::Look(_) => self.screen == Screen::Jobs,
            _ => false,
        }
    }

    fn action_row(&self, action: Action) -> ActionRow {
        let here = [
            Context::Global,
            Context::Prompt,
            Context::Pane,
            Context::Jobs,
        ];
        let context = here
            .into_iter()
            .find(|context| !self.keymap.keys(*context, action).is_empty());
        let card = action.card();
        ActionRow {
            action,
            context: context.map_or("", Context::title),
            name: card.name,
            help: card.help,
            keys: context.map_or(String::new(), |c| self.keymap.keys(c, action).join(", ")),
            command: card.command,
        }
    }

    /// Rows of the help page under its filter, by context, the present ones first.
    #[must_use]
    pub fn help_rows(&self) -> Vec<ActionRow> {
        let filter = self.filter();
        let mut order = self.contexts_below();
        order.extend(
            Context::ALL
                .into_iter()
                .filter(|c| !order.contains(c))
                .collect::<Vec<_>>(),
        );
        order
            .into_iter()
            .flat_map(|context| self.rows_of(context))
            .filter(|row| matches_words(filter, &[row.name, row.help, &row.keys]))
            .collect()
    }

    /// A row for each action that has keys in a context, in the order of the table.
    fn rows_of(&self, context: Context) -> Vec<ActionRow> {
        let mut rows: Vec<ActionRow> = Vec::new();
        let bindings = self.keymap.bindings().iter();
        for binding in bindings.filter(|binding| binding.context == context) {
            let keys = short_sequence(&binding.chords);
            if let Some(row) = rows.iter_mut().find(|row| row.action == binding.action) {
                row.keys.push_str(", ");
                row.keys.push_str(&keys);
                continue;
            }
            let card = binding.action.card();
            rows.push(ActionRow {
                action: binding.action,
                context: context.title(),
                name: card.name,
                help: card.help,
                keys,
                command: card.command,
            });
        }
        rows
    }

    /// The contexts of what lies under an overlay.
    fn contexts_below(&self) -> Vec<Context> {
        match (self.screen, self.focus.area) {
            (Screen::Jobs, _) => vec![Context::Jobs, Context::Global],
            (Screen::Models, _) => vec![Context::Models, Context::Global],
            (Screen::FirstRun, _) => vec![Context::FirstRun, Context::Global],
            (Screen::Chat, Area::Pane) => self.pane_contexts(),
            (Screen::Chat, Area::Prompt) => vec![Context::Prompt, Context::Global],
        }
    }

    /// Where the keys of a pane count: a replay and a cell have some of their own.
    fn pane_contexts(&self) -> Vec<Context> {
        let replay = self.chat.replay.is_some().then_some(Context::Replay);
        let cell = self.focused_cell().is_some().then_some(Context::Cell);
        let narrow = replay.into_iter().chain(cell);
        narrow.chain([Context::Pane, Context::Global]).collect()
    }

    /// Theme names under the filter.
    #[must_use]
    pub fn theme_rows(&self) -> Vec<&str> {
        let filter = self.filter();
        self.themes
            .iter()
            .map(String::as_str)
            .filter(|name| matches_words(filter, &[name]))
            .collect()
    }

    /// Code blocks of the focused pane's text, under the filter.
    #[must_use]
    pub fn code_rows(&self) -> Vec<CodeBlock> {
        let filter = self.filter();
        let text = self.pane_source(self.focused_pane()).unwrap_or_default();
        code_blocks(&text)
            .into_iter()
            .filter(|b| matches_words(filter, &[&b.language, &b.text, &b.number.to_string()]))
            .collect()
    }

    /// The filter of the open list; empty when there is none.
    pub(super) fn filter(&self) -> &str {
        match &self.overlay {
            Some(
                Overlay::Presets(list)
                | Overlay::Palette(list)
                | Overlay::Help(list)
                | Overlay::Sessions(list)
                | Overlay::Themes(list)
                | Overlay::NewRun(list)
                | Overlay::Code(list),
            ) => &list.filter,
            _ => "",
        }
    }

    /// The panes of the chat screen in the order of Tab: the shown turn's nodes, the lone agent beside it, the conversation.
    #[must_use]
    pub fn panes(&self) -> Vec<PaneId> {
        let transcript = &self.chat.transcript;
        let mut panes = Vec::new();
        if let Some(turn) = self.shown_turn().and_then(|id| transcript.turns.get(&id)) {
            panes.extend(
                turn.references()
                    .map(|view| PaneId::Node(turn.id, view.node.id)),
            );
            if let Some(alone) = transcript.beside(turn.id) {
                let nodes = alone.nodes.keys();
                panes.extend(nodes.map(|node| PaneId::Node(alone.id, *node)));
            }
        }
        panes.push(PaneId::Conversation);
        panes
    }

    /// The number that focuses a pane: 0 for the conversation, 1 to 9 by order; none beyond.
    #[must_use]
    pub fn pane_number(&self, pane: PaneId) -> Option<u8> {
        if pane == PaneId::Conversation {
            return Some(0);
        }
        let at = self.panes().iter().position(|other| *other == pane)?;
        u8::try_from(at + 1).ok().filter(|n| *n <= 9)
    }

    /// The focused pane, or the one that would be.
    #[must_use]
    pub fn focused_pane(&self) -> PaneId {
        self.focus
            .pane
            .filter(|pane| self.panes().contains(pane))
            .unwrap_or(PaneId::Conversation)
    }

    /// Endpoints that receive the text of the next turn; empty when it stays on this machine.
    #[must_use]
    pub fn recipients(&self) -> Vec<String> {
        self.council(&self.preset)
            .map_or_else(|_| Vec::new(), |council| council.providers())
    }

    /// The session's name, or its first question, or nothing yet.
    #[must_use]
    pub fn session_title(&self) -> &str {
        let transcript = &self.chat.transcript;
        if !transcript.title.is_empty() {
            return &transcript.title;
        }
        let first = transcript.messages.values().next();
        first.map_or("", |said| said.text.lines().next().unwrap_or(""))
    }

    /// Estimated tokens (4 bytes each) of the conversation that the next question takes along, the draft included.
    #[must_use]
    pub fn context_tokens(&self) -> u64 {
        let path = self.chat.transcript.path();
        let said: usize = path.iter().map(|said| said.text.len()).sum();
        let system = self.chat.system.as_ref().map_or(0, String::len);
        ((said + system + self.prompt.draft.text().len()) as u64).div_ceil(4)
    }
}

/// Every word of the filter occurs in one of the texts, ignoring case.
pub(super) fn matches_words(filter: &str, texts: &[&str]) -> bool {
    filter.split_whitespace().all(|word| {
        let word = word.to_lowercase();
        texts.iter().any(|text| text.to_lowercase().contains(&word))
    })
}

/// A size for people: `98 MB`, `1.3 GB`.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "sizes stay far below 2^52")]
pub fn bytes(count: u64) -> String {
    let count = count as f64;
    if count >= 1e9 {
        format!("{:.1} GB", count / 1e9)
    } else if count >= 1e6 {
        format!("{:.0} MB", count / 1e6)
    } else {
        format!("{:.0} kB", count / 1e3)
    }
}
