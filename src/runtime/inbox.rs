//! Where everything that happens reaches the interface thread: one short lock, one wake.
//!
//! Input goes first, so typing stays quick while agents stream. Adjacent deltas of a node merge while they wait, so nothing
//! blocks an engine and the size is bounded by the text itself. The reader takes the whole content by a swap.

use crate::app::msg::Msg;
use crate::domain::event::{Event, Kind};
use crate::term::Input;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Everything that came since the last look.
#[derive(Debug, Default, PartialEq)]
pub struct Batch {
    /// Keys, pastes, mouse, resizes: what a person did, in order.
    pub input: Vec<Input>,
    /// Answers to effects, in order.
    pub answers: Vec<Msg>,
    /// Events of turns, deltas merged.
    pub events: Vec<Event>,
}

impl Batch {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.input.is_empty() && self.answers.is_empty() && self.events.is_empty()
    }
}

/// The queue between all threads and the interface.
#[derive(Debug, Default)]
pub struct Inbox {
    waiting: Mutex<Batch>,
    filled: Condvar,
}

impl Inbox {
    pub fn input(&self, input: Input) {
        self.lock().input.push(input);
        self.filled.notify_one();
    }

    pub fn answer(&self, msg: Msg) {
        self.lock().answers.push(msg);
        self.filled.notify_one();
    }

    pub fn event(&self, event: Event) {
        push_merged(&mut self.lock().events, event);
        self.filled.notify_one();
    }

    /// Waits until something is there, or until `limit` has passed, and takes all of it. Without a limit it sleeps for as long
    /// as nothing happens.
    pub fn take(&self, limit: Option<Duration>) -> Batch {
        let waiting = self.lock();
        let mut waiting = match limit {
            None => self
                .filled
                .wait_while(waiting, |batch| batch.is_empty())
                .unwrap_or_else(PoisonError::into_inner),
            Some(limit) => {
                self.filled
                    .wait_timeout_while(waiting, limit, |batch| batch.is_empty())
                    .unwrap_or_else(PoisonError::into_inner)
                    .0
            }
        };
        std::mem::take(&mut *waiting)
    }

    // A thread that panicked while it held the lock has at most left out its own message.
    fn lock(&self) -> MutexGuard<'_, Batch> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Appends an event; a delta joins the last event of its own node if that is a delta of the same kind. Deltas of different
/// nodes may change places, which no reader can tell; the order of everything else is kept.
pub fn push_merged(events: &mut Vec<Event>, event: Event) {
    if let Kind::Delta {
        node,
        text,
        thinking,
    } = &event.kind
    {
        for earlier in events.iter_mut().rev() {
            match &mut earlier.kind {
                Kind::Delta {
                    node: same,
                    text: open,
                    thinking: mode,
                } if same == node => {
                    if mode != thinking || earlier.source != event.source {
                        break;
                    }
                    open.push_str(text);
                    return;
                }
                Kind::Delta { .. } => {}
                _ => break,
            }
        }
    }
    events.push(event);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::Source;
    use crate::domain::id::{NodeId, TurnId};

    fn delta(node: u32, text: &str, thinking: bool) -> Event {
        let kind = Kind::Delta {
            node: NodeId(node),
            text: text.into(),
            thinking,
        };
        Event {
            source: Source::Turn(TurnId(1)),
            seq: 0,
            at: 0,
            kind,
        }
    }

    #[test]
    fn deltas_of_a_node_merge_across_other_nodes_but_not_across_facts() {
        let mut events = Vec::new();
        push_merged(&mut events, delta(1, "a", false));
        push_merged(&mut events, delta(2, "x", false));
        push_merged(&mut events, delta(1, "b", false));
        push_merged(&mut events, delta(1, "t", true));
        push_merged(&mut events, delta(1, "c", false));
        let restarted = Event {
            kind: Kind::Restarted { node: NodeId(2) },
            ..delta(2, "", false)
        };
        push_merged(&mut events, restarted.clone());
        push_merged(&mut events, delta(2, "y", false));
        let expected = vec![
            delta(1, "ab", false),
            delta(2, "x", false),
            delta(1, "t", true),
            delta(1, "c", false),
            restarted,
            delta(2, "y", false),
        ];
        assert_eq!(events, expected);
    }

    #[test]
    fn a_batch_is_taken_whole_and_an_empty_inbox_gives_up_at_the_limit() {
        let inbox = Inbox::default();
        inbox.answer(Msg::Refresh);
        inbox.input(Input::Msg(Msg::Focus(true)));
        let batch = inbox.take(None);
        assert_eq!((batch.input.len(), batch.answers.len()), (1, 1));
        assert!(inbox.take(Some(Duration::ZERO)).is_empty());
    }
}
