//! The tree of messages: editing, branching, stepping back and forth, and looking at earlier turns.

use super::App;
use super::attach;
use super::effect::Effect;
use super::focus::{Area, PaneId};
use super::prompt::Paste;
use crate::domain::event::Kind;
use crate::domain::id::MessageId;
use crate::domain::message::Role;

/// Stands in the draft for the files of an edited message.
const FILES: &str = "[attached files]";

impl App {
    /// The selected message, or the last question, into the prompt; sending it makes a new branch.
    pub(super) fn edit_message(&mut self) -> Vec<Effect> {
        let Some(id) = self.chat.selected.or_else(|| self.target_question()) else {
            return self.inform("there is no message to edit");
        };
        let Some(said) = self.chat.transcript.messages.get(&id) else {
            return Vec::new();
        };
        let (text, files) = attach::split(&said.text);
        let draft = if files.is_empty() {
            text.to_owned()
        } else {
            self.prompt.pastes.push(Paste {
                placeholder: FILES.to_owned(),
                text: said.text[text.len()..].to_owned(),
            });
            format!("{text}\n{FILES}")
        };
        self.prompt.editing = Some(id);
        self.set_draft(&draft);
        self.focus.area = Area::Prompt;
        self.inform("Enter sends it as a new branch, Esc leaves it as it was")
    }

    /// The conversation goes on from the selected message.
    pub(super) fn branch_here(&mut self) -> Vec<Effect> {
        let selected = self.chat.selected.or(self.chat.transcript.head);
        let Some(said) = selected.and_then(|id| self.chat.transcript.messages.get(&id)) else {
            return self.inform("there is no message to branch from");
        };
        if said.role == Role::User {
            return self.edit_message();
        }
        let id = said.id;
        if let Some(refused) = self.refuse_while_running() {
            return refused;
        }
        self.focus.area = Area::Prompt;
        let mut effects = self.go_to(Some(id));
        effects.extend(self.inform("the next message begins a new branch here"));
        effects
    }

    fn refuse_while_running(&mut self) -> Option<Vec<Effect>> {
        self.chat
            .running
            .is_some()
            .then(|| self.error("a turn is running; stop it first (Ctrl+C)"))
    }

    /// Makes a message the end of the shown branch.
    fn go_to(&mut self, message: Option<MessageId>) -> Vec<Effect> {
        self.chat.selected = None;
        self.chat.opened = None;
        self.focus.follow(PaneId::Conversation);
        vec![self.record(vec![Kind::Head { message }])]
    }

    /// Shows another branch: of the selected message, else of the last place with several.
    pub(super) fn switch_branch(&mut self, step: isize) -> Vec<Effect> {
        if let Some(refused) = self.refuse_while_running() {
            return refused;
        }
        let transcript = &self.chat.transcript;
        let fork = self.chat.selected.or_else(|| {
            let path = transcript.path();
            let mut from_end = path.iter().rev().map(|said| said.id);
            from_end.find(|id| transcript.branch(*id).1 > 1)
        });
        // After a failed attempt the head is a question that has older answers.
        let unanswered = transcript.head.and_then(|head| {
            let said = transcript.messages.get(&head)?;
            said.children.last().copied()
        });
        let chosen = match (self.chat.selected, unanswered, fork) {
            (None, Some(child), _) => child,
            (_, _, Some(fork)) => {
                let siblings = transcript.siblings(fork);
                let at = siblings.iter().position(|id| *id == fork);
                match at.and_then(|at| siblings.get(at.checked_add_signed(step)?)) {
                    Some(sibling) => *sibling,
                    None => return self.inform("no further branch in this direction"),
                }
            }
            _ => return self.inform("there is only one branch"),
        };
        let leaf = self.leaf(chosen);
        let (at, of) = self.chat.transcript.branch(chosen);
        let mut effects = self.go_to(Some(leaf));
        effects.extend(self.inform(format!("branch {at} of {of}")));
        effects
    }

    /// The newest end below a message.
    fn leaf(&self, from: MessageId) -> MessageId {
        let mut at = from;
        while let Some(child) = self
            .chat
            .transcript
            .messages
            .get(&at)
            .and_then(|said| said.children.last().copied())
        {
            at = child;
        }
        at
    }

    /// Takes the last question and its answer off the shown branch; the question returns to an empty prompt.
    pub(super) fn undo(&mut self) -> Vec<Effect> {
        if let Some(refused) = self.refuse_while_running() {
            return refused;
        }
        let path = self.chat.transcript.path();
        let Some(question) = path.iter().rev().find(|said| said.role == Role::User) else {
            return self.inform("nothing to take back");
        };
        let (parent, text) = (question.parent, question.text.clone());
        self.chat.undone.extend(self.chat.transcript.head);
        let effects = self.go_to(parent);
        if self.prompt.draft.is_empty() {
            self.set_draft(attach::split(&text).0);
        }
        effects
    }

    /// Brings back what was taken off last.
    pub(super) fn redo(&mut self) -> Vec<Effect> {
        if let Some(refused) = self.refuse_while_running() {
            return refused;
        }
        match self.chat.undone.pop() {
            Some(head) => self.go_to(Some(head)),
            None => self.inform("nothing was taken back"),
        }
    }

    /// Moves the selection along the shown branch and scrolls to it.
    pub(super) fn select_message(&mut self, step: isize) -> Vec<Effect> {
        let path: Vec<MessageId> = self.chat.transcript.path().iter().map(|s| s.id).collect();
        let Some(last) = path.len().checked_sub(1) else {
            return Vec::new();
        };
        let at = self
            .chat
            .selected
            .and_then(|id| path.iter().position(|other| *other == id));
        let next = match at {
            None if step < 0 => last,
            None => return Vec::new(),
            Some(at) => match at.checked_add_signed(step) {
                Some(next) if next <= last => next,
                Some(_) => {
                    self.chat.selected = None;
                    self.focus.follow(PaneId::Conversation);
                    return Vec::new();
                }
                None => 0,
            },
        };
        self.chat.selected = path.get(next).copied();
        self.focus.pane = Some(PaneId::Conversation);
        let lines = self.focus.viewport.messages.iter();
        let line = lines
            .filter(|(id, _)| Some(*id) == self.chat.selected)
            .map(|(_, line)| *line)
            .next();
        if let Some(line) = line {
            self.focus.show_line(PaneId::Conversation, line);
        }
        Vec::new()
    }

    /// Shows or hides the parts of the turn behind the selected message; in a pane of parts it returns to the prompt.
    pub(super) fn open_parts(&mut self) -> Vec<Effect> {
        let is_conversation = self.focused_pane() == PaneId::Conversation;
        let target = self.target_turn().map(|turn| turn.id);
        match target {
            Some(turn) if is_conversation && self.chat.running.is_none() => {
                let is_open = self.chat.opened == Some(turn);
                self.chat.opened = (!is_open).then_some(turn);
            }
            _ => self.focus.area = Area::Prompt,
        }
        Vec::new()
    }
}
