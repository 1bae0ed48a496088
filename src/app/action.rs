//! Everything a person can order, by name. Keys, the palette, help and slash commands all lead here.
//!
//! Names are kebab-case and are what `keys.toml` uses. What an action does is decided in the state's own files.

mod cell;
mod jobs;
mod list;
mod step;

pub use cell::CellAction;
pub use jobs::{FormAction, LookAction, RunsAction};
pub use list::ListAction;
pub use step::StepAction;

use super::draft::Edit;

/// An order, by the part of the program that takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    App(AppAction),
    Chat(ChatAction),
    Prompt(PromptAction),
    Pane(PaneAction),
    Cell(CellAction),
    Step(StepAction),
    List(ListAction),
    Models(ModelsAction),
    Runs(RunsAction),
    Look(LookAction),
    Form(FormAction),
}

/// Orders to the program as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AppAction {
    Help,
    Palette,
    Presets,
    /// 1 to 9.
    UsePreset(u8),
    Sessions,
    Themes,
    ChatScreen,
    JobsScreen,
    ModelsScreen,
    NewSession,
    NextPane,
    PreviousPane,
    PaneLeft,
    PaneRight,
    PaneUp,
    PaneDown,
    Cancel,
    Back,
    Redraw,
    Suspend,
    Quit,
}

/// Orders about the conversation and its turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChatAction {
    StopTurn,
    Aggregate,
    Skip,
    Retry,
    Regenerate,
    RegenerateAll,
    EditMessage,
    Branch,
    PreviousBranch,
    NextBranch,
    PreviousMessage,
    NextMessage,
    OpenParts,
    Undo,
    Redo,
    CopyAnswer,
    Export,
    ExportJson,
    ToggleLocalOnly,
    ToggleCompare,
    System,
    Rename,
    StopDownload,
}

/// Orders to the prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PromptAction {
    Send,
    NewLine,
    Older,
    Newer,
    SearchHistory,
    Editor,
    Backspace,
    Delete,
    KillWord,
    KillWordForward,
    KillToEnd,
    KillToStart,
    Yank,
    Left,
    Right,
    WordLeft,
    WordRight,
    LineStart,
    LineEnd,
    UndoEdit,
    RedoEdit,
    ScrollUp,
    ScrollDown,
    AcceptCompletion,
}

/// Orders to the focused pane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PaneAction {
    /// 0 is the conversation with the answer, 1 to 9 the nodes.
    Focus(u8),
    Prompt,
    Zoom,
    Board,
    LineDown,
    LineUp,
    HalfDown,
    HalfUp,
    PageDown,
    PageUp,
    Top,
    Bottom,
    Search,
    NextMatch,
    PreviousMatch,
    Freeze,
    Wrap,
    Collapse,
    Thinking,
    Copy,
    CopyCode,
    View,
}

/// Orders to the models screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ModelsAction {
    Download,
    Stop,
    Verify,
    Delete,
    Reload,
}

/// What is said about an action: its name, what it does, and its slash command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Card {
    /// As `keys.toml` spells it.
    pub name: &'static str,
    /// One sentence without a full stop.
    pub help: &'static str,
    /// With its slash.
    pub command: Option<&'static str>,
}

const fn card(name: &'static str, help: &'static str) -> Card {
    Card {
        name,
        help,
        command: None,
    }
}

const fn command(name: &'static str, help: &'static str, command: &'static str) -> Card {
    Card {
        name,
        help,
        command: Some(command),
    }
}

impl Action {
    /// Name, help and slash command.
    #[must_use]
    pub fn card(self) -> Card {
        match self {
            Action::App(action) => action.card(),
            Action::Chat(action) => action.card(),
            Action::Prompt(action) => action.card(),
            Action::Pane(action) => action.card(),
            Action::Cell(action) => action.card(),
            Action::Step(action) => action.card(),
            Action::List(action) => action.card(),
            Action::Models(action) => action.card(),
            Action::Runs(action) => action.card(),
            Action::Look(action) => action.card(),
            Action::Form(action) => action.card(),
        }
    }

    /// Every action, in the order help shows them.
    pub fn all() -> impl Iterator<Item = Action> {
        let app = AppAction::ALL.into_iter().map(Action::App);
        let presets = (1..=9).map(|n| Action::App(AppAction::UsePreset(n)));
        let chat = ChatAction::ALL.into_iter().map(Action::Chat);
        let prompt = PromptAction::ALL.into_iter().map(Action::Prompt);
        let numbers = (0..=9).map(|n| Action::Pane(PaneAction::Focus(n)));
        let pane = PaneAction::ALL.into_iter().map(Action::Pane);
        let cell = CellAction::ALL.into_iter().map(Action::Cell);
        let step = StepAction::ALL.into_iter().map(Action::Step);
        let list = ListAction::ALL.into_iter().map(Action::List);
        let models = ModelsAction::ALL.into_iter().map(Action::Models);
        let runs = RunsAction::ALL.into_iter().map(Action::Runs);
        let sections = (1..=6).map(|n| Action::Look(LookAction::Section(n)));
        let look = LookAction::ALL.into_iter().map(Action::Look);
        let form = FormAction::ALL.into_iter().map(Action::Form);
        app.chain(presets)
            .chain(chat)
            .chain(prompt)
            .chain(numbers)
            .chain(pane)
            .chain(cell)
            .chain(step)
            .chain(list)
            .chain(models)
            .chain(runs)
            .chain(sections)
            .chain(look)
            .chain(form)
    }

    /// The action with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Action> {
        Action::all().find(|action| action.card().name == name)
    }
}

impl AppAction {
    /// All but the numbered ones.
    pub const ALL: [AppAction; 20] = [
        AppAction::Help,
        AppAction::Palette,
        AppAction::Presets,
        AppAction::Sessions,
        AppAction::Themes,
        AppAction::ChatScreen,
        AppAction::JobsScreen,
        AppAction::ModelsScreen,
        AppAction::NewSession,
        AppAction::NextPane,
        AppAction::PreviousPane,
        AppAction::PaneLeft,
        AppAction::PaneRight,
        AppAction::PaneUp,
        AppAction::PaneDown,
        AppAction::Cancel,
        AppAction::Back,
        AppAction::Redraw,
        AppAction::Suspend,
        AppAction::Quit,
    ];

    fn card(self) -> Card {
        match self {
            Self::Help => command("help", "show the keys of this screen", "/help"),
            Self::Palette => card("palette", "find any action by name"),
            Self::Presets => command("presets", "choose a preset", "/preset"),
            Self::UsePreset(n) => card(
                [
                    "preset-1", "preset-2", "preset-3", "preset-4", "preset-5", "preset-6",
                    "preset-7", "preset-8", "preset-9",
                ]
                .get(usize::from(n).wrapping_sub(1))
                .copied()
                .unwrap_or("preset"),
                "use the preset with this number, in place",
            ),
            Self::Sessions => command("sessions", "open, search or delete sessions", "/sessions"),
            Self::Themes => command("themes", "choose a theme", "/theme"),
            Self::ChatScreen => card("chat", "go to the chat"),
            Self::JobsScreen => command("jobs", "go to the jobs: training and searches", "/jobs"),
            Self::ModelsScreen => command("models", "go to the models", "/models"),
            Self::NewSession => command("new-session", "begin a new session", "/new"),
            Self::NextPane => card("next-pane", "focus the next pane"),
            Self::PreviousPane => card("previous-pane", "focus the pane before"),
            Self::PaneLeft => card("pane-left", "focus the pane to the left"),
            Self::PaneRight => card("pane-right", "focus the pane to the right"),
            Self::PaneUp => card("pane-up", "focus the pane above"),
            Self::PaneDown => card("pane-down", "focus the pane below"),
            Self::Cancel => card("cancel", "stop the turn; else clear the prompt; else quit"),
            Self::Back => card(
                "back",
                "close, leave zoom, return to the prompt; twice stops the turn",
            ),
            Self::Redraw => card("redraw", "draw the whole screen again"),
            Self::Suspend => card("suspend", "suspend to the shell"),
            Self::Quit => command("quit", "leave the program", "/quit"),
        }
    }
}

impl ChatAction {
    pub const ALL: [ChatAction; 23] = [
        ChatAction::StopTurn,
        ChatAction::Aggregate,
        ChatAction::Skip,
        ChatAction::Retry,
        ChatAction::Regenerate,
        ChatAction::RegenerateAll,
        ChatAction::EditMessage,
        ChatAction::Branch,
        ChatAction::PreviousBranch,
        ChatAction::NextBranch,
        ChatAction::PreviousMessage,
        ChatAction::NextMessage,
        ChatAction::OpenParts,
        ChatAction::Undo,
        ChatAction::Redo,
        ChatAction::CopyAnswer,
        ChatAction::Export,
        ChatAction::ExportJson,
        ChatAction::ToggleLocalOnly,
        ChatAction::ToggleCompare,
        ChatAction::System,
        ChatAction::Rename,
        ChatAction::StopDownload,
    ];

    fn card(self) -> Card {
        match self {
            Self::StopTurn => command("stop-turn", "stop the turn and keep what arrived", "/stop"),
            Self::Aggregate => command("aggregate", "go on with what is complete", "/aggregate"),
            Self::Skip => command(
                "skip",
                "stop this agent; the turn goes on without it",
                "/skip",
            ),
            Self::Retry => command(
                "retry",
                "ask this agent again, or the last question",
                "/retry",
            ),
            Self::Regenerate => command(
                "regenerate",
                "make the final answer again from the same references",
                "/regenerate",
            ),
            Self::RegenerateAll => command(
                "regenerate-all",
                "ask the whole council again",
                "/regenerate-all",
            ),
            Self::EditMessage => command(
                "edit-message",
                "edit a message and go on from there",
                "/edit",
            ),
            Self::Branch => command(
                "branch",
                "go on from this message on a new branch",
                "/branch",
            ),
            Self::PreviousBranch => card("previous-branch", "show the branch before"),
            Self::NextBranch => card("next-branch", "show the next branch"),
            Self::PreviousMessage => card("previous-message", "select the message before"),
            Self::NextMessage => card("next-message", "select the next message"),
            Self::OpenParts => card("open-parts", "show or hide the parts of the selected turn"),
            Self::Undo => command(
                "undo",
                "take back the last question and its answer",
                "/undo",
            ),
            Self::Redo => command("redo", "bring back what was taken back", "/redo"),
            Self::CopyAnswer => command(
                "copy-answer",
                "copy the last answer, or a code block by number",
                "/copy",
            ),
            Self::Export => command(
                "export",
                "write the session as Markdown with all parts",
                "/export",
            ),
            Self::ExportJson => card("export-json", "write the session as JSON with all parts"),
            Self::ToggleLocalOnly => command("local-only", "forbid or allow the network", "/local"),
            Self::ToggleCompare => command(
                "compare",
                "also ask the answering agent alone, beside the council",
                "/compare",
            ),
            Self::System => command("system", "set the system prompt of this session", "/system"),
            Self::Rename => command("rename", "name this session", "/rename"),
            Self::StopDownload => card("stop-download", "stop the download and keep its part"),
        }
    }
}

impl PromptAction {
    pub const ALL: [PromptAction; 24] = [
        PromptAction::Send,
        PromptAction::NewLine,
        PromptAction::Older,
        PromptAction::Newer,
        PromptAction::SearchHistory,
        PromptAction::Editor,
        PromptAction::Backspace,
        PromptAction::Delete,
        PromptAction::KillWord,
        PromptAction::KillWordForward,
        PromptAction::KillToEnd,
        PromptAction::KillToStart,
        PromptAction::Yank,
        PromptAction::Left,
        PromptAction::Right,
        PromptAction::WordLeft,
        PromptAction::WordRight,
        PromptAction::LineStart,
        PromptAction::LineEnd,
        PromptAction::UndoEdit,
        PromptAction::RedoEdit,
        PromptAction::ScrollUp,
        PromptAction::ScrollDown,
        PromptAction::AcceptCompletion,
    ];

    fn card(self) -> Card {
        match self {
            Self::Send => card("send", "send; while a turn runs, queue"),
            Self::NewLine => card("new-line", "begin a new line (also \\ then Enter)"),
            Self::Older => card("older", "line up; at the first line the prompt before"),
            Self::Newer => card("newer", "line down; at the last line the next prompt"),
            Self::SearchHistory => card("search-history", "search earlier prompts"),
            Self::Editor => card("editor", "write the prompt in $EDITOR"),
            Self::Backspace => card("backspace", "delete the character before"),
            Self::Delete => card("delete", "delete the character under the cursor"),
            Self::KillWord => card("kill-word", "cut the word before"),
            Self::KillWordForward => card("kill-word-forward", "cut the word after"),
            Self::KillToEnd => card("kill-to-end", "cut to the end of the line"),
            Self::KillToStart => card("kill-to-start", "cut to the start of the line"),
            Self::Yank => card("yank", "put back what was cut"),
            Self::Left => card("left", "one character left"),
            Self::Right => card("right", "one character right"),
            Self::WordLeft => card("word-left", "one word left"),
            Self::WordRight => card("word-right", "one word right"),
            Self::LineStart => card("line-start", "to the start of the line"),
            Self::LineEnd => card("line-end", "to the end of the line"),
            Self::UndoEdit => card("undo-edit", "undo the last edit"),
            Self::RedoEdit => card("redo-edit", "do it again"),
            Self::ScrollUp => card("scroll-up", "scroll the conversation up"),
            Self::ScrollDown => card("scroll-down", "scroll the conversation down"),
            Self::AcceptCompletion => card("accept-completion", "take the selected completion"),
        }
    }

    /// The edit that an editing action stands for; none for the others.
    #[must_use]
    pub fn edit(self) -> Option<Edit> {
        Some(match self {
            Self::NewLine => Edit::NewLine,
            Self::Backspace => Edit::Backspace,
            Self::Delete => Edit::Delete,
            Self::KillWord => Edit::KillWordBack,
            Self::KillWordForward => Edit::KillWordForward,
            Self::KillToEnd => Edit::KillToEnd,
            Self::KillToStart => Edit::KillToStart,
            Self::Yank => Edit::Yank,
            Self::Left => Edit::Left,
            Self::Right => Edit::Right,
            Self::WordLeft => Edit::WordLeft,
            Self::WordRight => Edit::WordRight,
            Self::LineStart => Edit::LineStart,
            Self::LineEnd => Edit::LineEnd,
            Self::UndoEdit => Edit::Undo,
            Self::RedoEdit => Edit::Redo,
            _ => return None,
        })
    }
}

impl PaneAction {
    /// All but the numbered ones.
    pub const ALL: [PaneAction; 21] = [
        PaneAction::Prompt,
        PaneAction::Zoom,
        PaneAction::Board,
        PaneAction::LineDown,
        PaneAction::LineUp,
        PaneAction::HalfDown,
        PaneAction::HalfUp,
        PaneAction::PageDown,
        PaneAction::PageUp,
        PaneAction::Top,
        PaneAction::Bottom,
        PaneAction::Search,
        PaneAction::NextMatch,
        PaneAction::PreviousMatch,
        PaneAction::Freeze,
        PaneAction::Wrap,
        PaneAction::Collapse,
        PaneAction::Thinking,
        PaneAction::Copy,
        PaneAction::CopyCode,
        PaneAction::View,
    ];

    fn card(self) -> Card {
        match self {
            Self::Focus(n) => card(
                [
                    "focus-0", "focus-1", "focus-2", "focus-3", "focus-4", "focus-5", "focus-6",
                    "focus-7", "focus-8", "focus-9",
                ]
                .get(usize::from(n))
                .copied()
                .unwrap_or("focus"),
                "focus the pane with this number; 0 is the conversation",
            ),
            Self::Prompt => card("prompt", "return to the prompt"),
            Self::Zoom => card("zoom", "give this pane the whole screen, and back"),
            Self::Board => card(
                "board",
                "a graph as nodes, as reasons of its edges, as a matrix",
            ),
            Self::LineDown => card("line-down", "one line down"),
            Self::LineUp => card("line-up", "one line up"),
            Self::HalfDown => card("half-down", "half a page down"),
            Self::HalfUp => card("half-up", "half a page up"),
            Self::PageDown => card("page-down", "a page down"),
            Self::PageUp => card("page-up", "a page up"),
            Self::Top => card("top", "to the beginning"),
            Self::Bottom => card("bottom", "to the end, and follow it"),
            Self::Search => card("search", "search in this pane"),
            Self::NextMatch => card("next-match", "the next match"),
            Self::PreviousMatch => card("previous-match", "the match before"),
            Self::Freeze => card("freeze", "stop or go on following the end"),
            Self::Wrap => card("wrap", "wrap or cut long lines"),
            Self::Collapse => card("collapse", "collapse or expand this pane"),
            Self::Thinking => card("thinking", "unfold or fold the reasoning"),
            Self::Copy => card("copy", "copy this pane's text as the model wrote it"),
            Self::CopyCode => card("copy-code", "copy a code block by number"),
            Self::View => card("view", "open this pane's text in $EDITOR, read-only"),
        }
    }
}

impl ModelsAction {
    pub const ALL: [ModelsAction; 5] = [
        ModelsAction::Download,
        ModelsAction::Stop,
        ModelsAction::Verify,
        ModelsAction::Delete,
        ModelsAction::Reload,
    ];

    fn card(self) -> Card {
        match self {
            Self::Download => card("download", "download the selected model, or continue"),
            Self::Stop => card("stop", "stop the download and keep its part"),
            Self::Verify => card("verify", "compare the file's checksum"),
            Self::Delete => card("delete-model", "delete the file"),
            Self::Reload => card("reload-models", "look for models again"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_kebab_case() {
        let names: Vec<&str> = Action::all().map(|action| action.card().name).collect();
        let unique: BTreeSet<&str> = names.iter().copied().collect();
        assert_eq!(unique.len(), names.len());
        for name in names {
            assert!(
                name.chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'),
                "{name}"
            );
            assert_eq!(Action::named(name).map(|a| a.card().name), Some(name));
        }
    }
}
