//! Writing a prompt: editing, history, long pastes, the queued line, files to attach.

use super::App;
use super::action::{Action, PromptAction};
use super::attach;
use super::draft::Edit;
use super::effect::Effect;
use super::focus::PaneId;
use super::prompt::{
    Attachment, AttachmentText, HistorySearch, LONG_PASTE_CHARS, LONG_PASTE_LINES, Paste,
};

/// Most prompts kept in memory.
const HISTORY_LIMIT: usize = 2_000;

impl App {
    pub(super) fn on_prompt(&mut self, action: PromptAction) -> Vec<Effect> {
        match action {
            PromptAction::Send => self.enter(),
            PromptAction::Older => self.older(),
            PromptAction::Newer => self.newer(),
            PromptAction::SearchHistory => {
                self.prompt.search = Some(HistorySearch::default());
                self.search_history(|_| {});
                Vec::new()
            }
            PromptAction::Editor => {
                let text = self.expand(&self.prompt.draft.text());
                self.prompt.pastes.clear();
                vec![Effect::EditDraft(text)]
            }
            PromptAction::ScrollUp => self.scroll_conversation(-1),
            PromptAction::ScrollDown => self.scroll_conversation(1),
            PromptAction::AcceptCompletion => self.accept_completion(),
            // On an empty prompt Ctrl+D is the end of input, as in a shell.
            PromptAction::Delete if self.prompt.draft.is_empty() => {
                self.perform(Action::App(super::action::AppAction::Cancel))
            }
            _ => match action.edit() {
                Some(edit) => self.edit(edit),
                None => Vec::new(),
            },
        }
    }

    fn scroll_conversation(&mut self, pages: isize) -> Vec<Effect> {
        self.focus.scroll_pages(PaneId::Conversation, pages);
        Vec::new()
    }

    pub(super) fn insert(&mut self, text: &str) -> Vec<Effect> {
        self.edit(Edit::Insert(text.to_owned()))
    }

    fn edit(&mut self, edit: Edit) -> Vec<Effect> {
        self.prompt.draft.apply(edit);
        self.prompt.history_at = None;
        self.prompt.refused.clear();
        self.refresh_completion()
    }

    pub(super) fn set_draft(&mut self, text: &str) {
        self.prompt.draft.set_text(text);
        self.prompt.completion = None;
    }

    /// A long paste stands in the draft as a placeholder; a short one as it is.
    pub(super) fn paste(&mut self, text: &str) -> Vec<Effect> {
        let lines = text.lines().count();
        let chars = text.chars().count();
        if lines <= LONG_PASTE_LINES && chars <= LONG_PASTE_CHARS {
            return self.insert(text);
        }
        let what = if lines > 1 {
            format!("pasted {lines} lines")
        } else {
            format!("pasted {chars} characters")
        };
        let same = |candidate: &str| {
            let taken = |paste: &Paste| paste.placeholder == candidate;
            self.prompt.pastes.iter().any(taken)
        };
        let mut placeholder = format!("[{what}]");
        let mut copy = 2;
        while same(&placeholder) {
            placeholder = format!("[{what} #{copy}]");
            copy += 1;
        }
        let effects = self.insert(&placeholder);
        self.prompt.pastes.push(Paste {
            placeholder,
            text: text.to_owned(),
        });
        effects
    }

    /// The text with its pastes in place of their placeholders.
    pub(super) fn expand(&self, text: &str) -> String {
        let mut rest = text;
        let mut expanded = String::new();
        // From left to right, so that a paste that holds a placeholder's words is left alone.
        while let Some((at, paste)) = self
            .prompt
            .pastes
            .iter()
            .filter_map(|paste| Some((rest.find(&paste.placeholder)?, paste)))
            .min_by_key(|(at, _)| *at)
        {
            expanded.push_str(&rest[..at]);
            expanded.push_str(&paste.text);
            rest = &rest[at + paste.placeholder.len()..];
        }
        expanded.push_str(rest);
        expanded
    }

    /// Enter: a backslash before it makes a new line, an unfinished command is completed, else the prompt is submitted.
    fn enter(&mut self) -> Vec<Effect> {
        let text = self.prompt.draft.text();
        if self.is_at_backslash(&text) {
            self.prompt.draft.apply(Edit::Backspace);
            return self.edit(Edit::NewLine);
        }
        if self.completes_command(&text) {
            return self.accept_completion();
        }
        self.prompt.completion = None;
        self.submit()
    }

    fn is_at_backslash(&self, text: &str) -> bool {
        let (row, column) = self.prompt.draft.cursor();
        let line = text.split('\n').nth(row).unwrap_or("");
        line.chars().take(column).last() == Some('\\')
    }

    fn submit(&mut self) -> Vec<Effect> {
        let text = self.prompt.draft.text();
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return self.send_queue();
        }
        if matches!(trimmed, "exit" | "quit") {
            return self.quit();
        }
        if let Some(command) = command_line(&text) {
            return self.command(&command);
        }
        self.send(&text, None)
    }

    /// Sends a text, now or as soon as it can be: files are read first, a running turn ends first.
    pub(super) fn send(&mut self, text: &str, preset: Option<String>) -> Vec<Effect> {
        let reads = self.attach_mentioned(text);
        if !reads.is_empty() || self.is_reading() {
            self.prompt.is_sending_attachments = true;
            self.enqueue(text, preset.as_deref());
            return reads;
        }
        if let Some(broken) = self.broken_attachment() {
            return self.error(broken);
        }
        if self.chat.running.is_some() {
            if self.prompt.editing.is_some() {
                return self
                    .error("a turn is running; the edited message can be sent when it ends");
            }
            self.enqueue(text, preset.as_deref());
            return Vec::new();
        }
        self.ask(text, preset)
    }

    fn enqueue(&mut self, text: &str, preset: Option<&str>) {
        let line = match preset {
            Some(preset) => format!("/with {preset} {text}"),
            None => text.to_owned(),
        };
        let queue = match self.prompt.queue.take() {
            Some(before) => format!("{before}\n{line}"),
            None => line,
        };
        self.prompt.queue = Some(queue);
        self.set_draft("");
    }

    /// Queues a text until this model is on disk.
    pub(super) fn queue_for_model(&mut self, model: &str, text: &str, preset: Option<&str>) {
        self.chat.waits_for = Some(model.to_owned());
        self.enqueue(text, preset);
    }

    /// Sends what is queued, if nothing stands in its way.
    pub(super) fn send_queue(&mut self) -> Vec<Effect> {
        if self.chat.running.is_some() || self.is_reading() {
            return Vec::new();
        }
        let Some(queue) = self.prompt.queue.take() else {
            return Vec::new();
        };
        self.prompt.is_sending_attachments = false;
        self.chat.waits_for = None;
        let draft = self.prompt.draft.text();
        let editing = self.prompt.editing.take();
        let effects = match command_line(&queue) {
            Some(command) => self.command(&command),
            None => self.send(&queue, None),
        };
        // What was being written meanwhile is not touched by sending the queue.
        if self.prompt.draft.text() != draft {
            self.set_draft(&draft);
        }
        self.prompt.editing = editing;
        effects
    }

    /// The queued text back into the prompt, before what is being written.
    pub(super) fn take_queue_back(&mut self) {
        self.chat.waits_for = None;
        self.prompt.is_sending_attachments = false;
        if let Some(queue) = self.prompt.queue.take() {
            let draft = self.prompt.draft.text();
            let text = if draft.is_empty() {
                queue
            } else {
                format!("{queue}\n{draft}")
            };
            self.set_draft(&text);
        }
    }

    /// The draft into the history, and away.
    pub(super) fn clear_prompt(&mut self) -> Vec<Effect> {
        let text = self.prompt.draft.text();
        self.forget_draft();
        self.prompt.attachments.clear();
        self.remember(&text)
    }

    pub(super) fn forget_draft(&mut self) {
        self.set_draft("");
        self.prompt.editing = None;
        self.prompt.history_at = None;
        self.prompt.stash.clear();
    }

    /// Into the history, unless it was the last one too.
    pub(super) fn remember(&mut self, text: &str) -> Vec<Effect> {
        let text = self.expand(text);
        let is_repeated = self.prompt.history.last().is_some_and(|last| *last == text);
        if text.trim().is_empty() || is_repeated {
            return Vec::new();
        }
        self.prompt.history.push(text.clone());
        if self.prompt.history.len() > HISTORY_LIMIT {
            self.prompt.history.remove(0);
        }
        vec![Effect::RememberPrompt(text)]
    }

    fn older(&mut self) -> Vec<Effect> {
        let prompt = &mut self.prompt;
        if prompt.draft.is_empty() && prompt.queue.is_some() && prompt.history_at.is_none() {
            self.take_queue_back();
            return Vec::new();
        }
        if prompt.draft.cursor().0 > 0 {
            prompt.draft.apply(Edit::Up);
            return Vec::new();
        }
        let at = prompt.history_at.unwrap_or(prompt.history.len());
        let Some(older) = at.checked_sub(1) else {
            return Vec::new();
        };
        if prompt.history_at.is_none() {
            prompt.stash = prompt.draft.text();
        }
        self.show_history(older);
        Vec::new()
    }

    fn newer(&mut self) -> Vec<Effect> {
        let prompt = &mut self.prompt;
        if prompt.draft.cursor().0 + 1 < prompt.draft.line_count() {
            prompt.draft.apply(Edit::Down);
            return Vec::new();
        }
        let Some(at) = prompt.history_at else {
            return Vec::new();
        };
        if at + 1 < prompt.history.len() {
            self.show_history(at + 1);
        } else {
            let stash = std::mem::take(&mut prompt.stash);
            prompt.history_at = None;
            self.set_draft(&stash);
        }
        Vec::new()
    }

    fn show_history(&mut self, at: usize) {
        if let Some(text) = self.prompt.history.get(at).cloned() {
            self.set_draft(&text);
            self.prompt.history_at = Some(at);
        }
    }

    /// Changes the query of the history search and shows the newest match.
    pub(super) fn search_history(&mut self, change: impl FnOnce(&mut String)) {
        let Some(search) = &mut self.prompt.search else {
            return;
        };
        change(&mut search.query);
        search.found = find_older(
            &self.prompt.history,
            &search.query,
            self.prompt.history.len(),
        );
    }

    pub(super) fn search_older(&mut self) {
        let Some(search) = &mut self.prompt.search else {
            return;
        };
        let before = search.found.unwrap_or(self.prompt.history.len());
        if let Some(older) = find_older(&self.prompt.history, &search.query, before) {
            search.found = Some(older);
        }
    }

    /// Puts the match into the draft.
    pub(super) fn accept_search(&mut self) {
        if let Some(at) = self.prompt.search.take().and_then(|search| search.found) {
            self.show_history(at);
            self.prompt.history_at = None;
        }
    }

    /// Begins to read a file for the next message.
    pub(super) fn attach(&mut self, path: &str) -> Vec<Effect> {
        if self.prompt.attachments.iter().any(|a| a.path == path) {
            return Vec::new();
        }
        self.prompt.attachments.push(Attachment {
            path: path.to_owned(),
            text: AttachmentText::Reading,
        });
        vec![Effect::Attach {
            path: path.to_owned(),
        }]
    }

    /// Words such as `@notes.txt` or `@src/lib.rs` that were typed without the popup.
    fn attach_mentioned(&mut self, text: &str) -> Vec<Effect> {
        let paths: Vec<String> = text
            .split_whitespace()
            .filter_map(|word| word.strip_prefix('@'))
            .filter(|path| path.contains(['.', '/']) && !path.ends_with('/'))
            .filter(|path| !self.prompt.refused.iter().any(|refused| refused == path))
            .map(str::to_owned)
            .collect();
        paths.iter().flat_map(|path| self.attach(path)).collect()
    }

    fn is_reading(&self) -> bool {
        let reading = |a: &Attachment| a.text == AttachmentText::Reading;
        self.prompt.attachments.iter().any(reading)
    }

    fn broken_attachment(&self) -> Option<String> {
        self.prompt.attachments.iter().find_map(|a| match &a.text {
            AttachmentText::Broken(why) => Some(format!("{}: {why}; /detach removes it", a.path)),
            _ => None,
        })
    }

    pub(super) fn on_attached(&mut self, path: &str, text: Result<String, String>) -> Vec<Effect> {
        let Some(attachment) = self.prompt.attachments.iter_mut().find(|a| a.path == path) else {
            return Vec::new();
        };
        match text {
            Ok(text) => attachment.text = AttachmentText::Ready(text),
            Err(why) if self.prompt.is_sending_attachments => {
                self.prompt.attachments.retain(|a| a.path != path);
                self.prompt.refused.push(path.to_owned());
                self.take_queue_back();
                return self.error(format!(
                    "@{path}: {why}; Enter again sends it as plain text"
                ));
            }
            Err(why) => {
                attachment.text = AttachmentText::Broken(why.clone());
                return self.error(format!("{path}: {why}"));
            }
        }
        if self.prompt.is_sending_attachments && !self.is_reading() {
            return self.send_queue();
        }
        Vec::new()
    }

    /// The whole message: pastes expanded, files joined.
    pub(super) fn message_text(&self, text: &str) -> String {
        let files = self
            .prompt
            .attachments
            .iter()
            .filter_map(|a| match &a.text {
                AttachmentText::Ready(content) => Some((a.path.as_str(), content.as_str())),
                _ => None,
            });
        attach::join(self.expand(text).trim(), files)
    }
}

fn find_older(history: &[String], query: &str, before: usize) -> Option<usize> {
    let query = query.to_lowercase();
    history[..before.min(history.len())]
        .iter()
        .rposition(|text| text.to_lowercase().contains(&query))
}

/// The line of a command: begins with `/` and a letter, and its first word holds no second slash (a path is text).
fn command_line(text: &str) -> Option<String> {
    let rest = text.strip_prefix('/')?;
    let word = rest.split_whitespace().next()?;
    let is_command = word.starts_with(|c: char| c.is_ascii_alphabetic()) && !word.contains('/');
    is_command.then(|| text.trim_end().to_owned())
}
