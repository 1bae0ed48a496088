//! Orders to an open list, page or question, and what is said about each.

use super::{Card, card};

/// Orders to an open list, page or question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ListAction {
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
    Choose,
    Close,
    Erase,
    ClearFilter,
    ChooseInNewSession,
    EditFile,
    Duplicate,
    Reload,
    RenameSession,
    DeleteSession,
    RestoreSession,
    Yes,
    No,
    AllowSession,
    Never,
    EditArguments,
}

impl ListAction {
    pub const ALL: [ListAction; 22] = [
        ListAction::Up,
        ListAction::Down,
        ListAction::PageUp,
        ListAction::PageDown,
        ListAction::First,
        ListAction::Last,
        ListAction::Choose,
        ListAction::Close,
        ListAction::Erase,
        ListAction::ClearFilter,
        ListAction::ChooseInNewSession,
        ListAction::EditFile,
        ListAction::Duplicate,
        ListAction::Reload,
        ListAction::RenameSession,
        ListAction::DeleteSession,
        ListAction::RestoreSession,
        ListAction::Yes,
        ListAction::No,
        ListAction::AllowSession,
        ListAction::Never,
        ListAction::EditArguments,
    ];

    pub(super) fn card(self) -> Card {
        match self {
            Self::Up => card("up", "the row above"),
            Self::Down => card("down", "the row below"),
            Self::PageUp => card("list-page-up", "ten rows up"),
            Self::PageDown => card("list-page-down", "ten rows down"),
            Self::First => card("first", "the first row"),
            Self::Last => card("last", "the last row"),
            Self::Choose => card("choose", "take the selected row"),
            Self::Close => card("close", "close without choosing"),
            Self::Erase => card("erase", "delete the last letter of the filter"),
            Self::ClearFilter => card("clear-filter", "clear the filter"),
            Self::ChooseInNewSession => card("choose-in-new-session", "use it in a new session"),
            Self::EditFile => card("edit-file", "edit the file in $EDITOR"),
            Self::Duplicate => card("duplicate", "copy it under a new name"),
            Self::Reload => card("reload", "read the files again"),
            Self::RenameSession => card("rename-session", "rename the selected session"),
            Self::DeleteSession => card("delete-session", "delete the selected session"),
            Self::RestoreSession => card("restore-session", "bring back what was deleted last"),
            Self::Yes => card("yes", "yes"),
            Self::No => card("no", "no"),
            Self::AllowSession => card("allow-session", "allow this tool until the session ends"),
            Self::Never => card("never", "refuse this tool until the session ends"),
            Self::EditArguments => card("edit-arguments", "change the arguments before the call"),
        }
    }
}
