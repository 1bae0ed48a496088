//! The prompt: a draft with history, long pastes, attachments, completion and one queued line.
//!
//! It decides what a key does to the text; what is sent, and to whom, is the chat's business.

pub use super::draft::{Draft, Edit, PlainDraft};
use crate::domain::id::MessageId;

/// A paste longer than this many lines is shown as a placeholder.
pub const LONG_PASTE_LINES: usize = 10;
/// A paste longer than this many characters is shown as a placeholder.
pub const LONG_PASTE_CHARS: usize = 1000;

/// All of the prompt's state.
#[derive(Debug)]
pub struct PromptState {
    /// The text being written.
    pub draft: Box<dyn Draft>,
    /// Earlier prompts, oldest first.
    pub history: Vec<String>,
    /// Index into `history` while it is walked; none while writing something new.
    pub history_at: Option<usize>,
    /// What was being written before the walk began.
    pub stash: String,
    /// Open while Ctrl+R searches the history.
    pub search: Option<HistorySearch>,
    /// Long pastes, each shown in the draft by its placeholder and expanded on sending.
    pub pastes: Vec<Paste>,
    /// The prompt that is sent when the running turn ends, or when the model it needs is ready. Shown above the prompt.
    pub queue: Option<String>,
    /// The popup of completions, when there is something to complete.
    pub completion: Option<Completion>,
    /// Text files that go with the next message.
    pub attachments: Vec<Attachment>,
    /// Set while the draft replaces this message (edit and branch).
    pub editing: Option<MessageId>,
    /// The queue waits for files that are being read.
    pub is_sending_attachments: bool,
    /// Words after `@` that turned out to be no files: sent as text the next time.
    pub(super) refused: Vec<String>,
}

/// Search in the prompt history, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HistorySearch {
    pub query: String,
    /// Index into `history` of the match shown; none when nothing matches.
    pub found: Option<usize>,
}

/// A long paste.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paste {
    /// As it stands in the draft: `[pasted 40 lines]`.
    pub placeholder: String,
    pub text: String,
}

/// A text file that goes with the next message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    pub path: String,
    pub text: AttachmentText,
}

/// Where the reading of an attached file stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttachmentText {
    Reading,
    Ready(String),
    /// Why it could not be read; the message is not sent while one is broken.
    Broken(String),
}

/// The popup that completes a command, its argument or a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// What would replace the word under the cursor, with a note for the reader.
    pub items: Vec<CompletionItem>,
    pub selected: usize,
    /// The word it completes, as it stands in the draft (`/pre`, `@src/`).
    pub word: String,
}

/// One line of the completion popup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompletionItem {
    pub text: String,
    pub note: String,
}

impl PromptState {
    /// An empty prompt around an editor, with the prompts of earlier days (oldest first).
    #[must_use]
    pub fn new(draft: Box<dyn Draft>, history: Vec<String>) -> Self {
        Self {
            draft,
            history,
            history_at: None,
            stash: String::new(),
            search: None,
            pastes: Vec::new(),
            queue: None,
            completion: None,
            attachments: Vec::new(),
            editing: None,
            is_sending_attachments: false,
            refused: Vec::new(),
        }
    }
}
