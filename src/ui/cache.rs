//! What was laid out before, so that a frame costs only what changed. Nothing in here decides anything.

use super::document::Document;
use super::widget::code::Highlighter;
use super::widget::markdown::Look;
use crate::domain::id::{MessageId, NodeId, SessionId, TurnId};
use ratatui::text::Line;
use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

/// Laid-out texts kept at most; the ones not drawn for longest go first.
const MOST_DOCUMENTS: usize = 256;

/// Which text a document shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TextId {
    Message(MessageId),
    /// A node's text, by the number of its restarts.
    Node(TurnId, NodeId, u32),
    Thinking(TurnId, NodeId, u32),
}

/// Layouts and heights by text.
#[derive(Debug)]
pub struct Cache {
    pub highlighter: Highlighter,
    documents: HashMap<TextId, (u64, Document)>,
    /// Rows of messages that are laid out no more, with what they depended on.
    heights: HashMap<MessageId, (u64, usize)>,
    plain: HashMap<MessageId, (u64, Vec<Line<'static>>)>,
    session: Option<SessionId>,
    frame: u64,
}

impl Cache {
    #[must_use]
    pub fn new(highlighter: Highlighter) -> Self {
        Self {
            highlighter,
            documents: HashMap::new(),
            heights: HashMap::new(),
            plain: HashMap::new(),
            session: None,
            frame: 0,
        }
    }

    /// Begins a frame: forgets another session's texts and what was not drawn for long.
    pub fn begin(&mut self, session: Option<&SessionId>) {
        self.frame += 1;
        if self.session.as_ref() != session {
            self.session = session.cloned();
            self.documents.clear();
            self.heights.clear();
            self.plain.clear();
        }
        if self.documents.len() > MOST_DOCUMENTS {
            let mut ages: Vec<u64> = self.documents.values().map(|(frame, _)| *frame).collect();
            ages.sort_unstable();
            let limit = ages.get(ages.len() / 2).copied().unwrap_or(0);
            self.documents.retain(|_, (frame, _)| *frame > limit);
        }
        if self.plain.len() > MOST_DOCUMENTS {
            self.plain.clear();
        }
    }

    /// The document of a text, brought up to date.
    pub fn document(
        &mut self,
        id: TextId,
        text: &str,
        is_finished: bool,
        look: &Wanted<'_>,
    ) -> &Document {
        let frame = self.frame;
        let entry = self
            .documents
            .entry(id)
            .or_insert_with(|| (frame, Document::default()));
        entry.0 = frame;
        let look = Look {
            theme: look.theme,
            highlighter: &self.highlighter,
            columns: look.columns,
            wraps: look.wraps,
            base: look.base,
        };
        entry.1.update(text, is_finished, &look);
        &entry.1
    }

    /// Rows of a document that was brought up to date in this frame.
    #[must_use]
    pub fn rows(&self, id: TextId, from: usize, to: usize) -> Vec<Line<'static>> {
        self.documents
            .get(&id)
            .map_or_else(Vec::new, |(_, document)| {
                document.rows(from, to).cloned().collect()
            })
    }

    /// Rows of a message that never changes, made once per stamp.
    pub fn plain(
        &mut self,
        id: MessageId,
        stamp: u64,
        make: impl FnOnce() -> Vec<Line<'static>>,
    ) -> &[Line<'static>] {
        let entry = self.plain.entry(id).or_default();
        if entry.0 != stamp || entry.1.is_empty() {
            *entry = (stamp, make());
        }
        &entry.1
    }

    /// The height found for a message under the same circumstances.
    #[must_use]
    pub fn height(&self, id: MessageId, stamp: u64) -> Option<usize> {
        let (known, rows) = self.heights.get(&id)?;
        (*known == stamp).then_some(*rows)
    }

    pub fn set_height(&mut self, id: MessageId, stamp: u64, rows: usize) {
        self.heights.insert(id, (stamp, rows));
    }
}

/// What a document is wanted for: [`Look`] without the highlighter, which the cache has.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    pub theme: &'a super::theme::Theme,
    pub columns: usize,
    pub wraps: bool,
    pub base: ratatui::style::Style,
}

/// A number that differs when any of the values does.
#[must_use]
pub fn stamp(values: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    values.hash(&mut hasher);
    hasher.finish()
}
