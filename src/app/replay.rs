//! A turn that is over, played again from its recorded events: forwards and backwards, one step at a time.
//!
//! The turn as far as it is played stands in the transcript in place of the whole one, so every screen draws it as it drew
//! the live one. Leaving puts the whole one back. Nothing of it is written down.

use super::App;
use super::effect::{Effect, SessionEffect};
use super::focus::Area;
use super::transcript::{Turn, TurnState};
use crate::domain::clock::Millis;
use crate::domain::event::{Event, Kind, Progress};
use crate::domain::id::{MessageId, NodeId, TurnId};
use std::mem::discriminant;

/// Pieces of text that go by in one step.
const PIECES: usize = 24;

/// Where a replay stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Replay {
    pub turn: TurnId,
    events: Vec<Event>,
    /// For each step, how many events have happened after it.
    ends: Vec<usize>,
    /// The step shown, from 0.
    at: usize,
    /// What is put back at the end.
    whole: Turn,
    head: Option<MessageId>,
    opened: Option<TurnId>,
}

impl Replay {
    /// The step shown, from 1, and how many there are.
    #[must_use]
    pub fn place(&self) -> (usize, usize) {
        (self.at + 1, self.ends.len())
    }

    /// The time of the event shown last: what elapsed times are counted to.
    #[must_use]
    pub fn now(&self) -> Millis {
        self.last().map_or(0, |event| event.at)
    }

    fn shown(&self) -> &[Event] {
        let end = self.ends.get(self.at).copied().unwrap_or(0);
        self.events.get(..end).unwrap_or_default()
    }

    fn last(&self) -> Option<&Event> {
        self.shown().last()
    }

    /// What the step shown was, in words.
    #[must_use]
    pub fn what(&self) -> String {
        let Some(event) = self.last() else {
            return String::new();
        };
        let name = |node: &NodeId| match self.whole.nodes.get(node) {
            Some(view) => view.node.title.clone(),
            None => format!("node {}", node.0),
        };
        match &event.kind {
            Kind::Began { preset, .. } => format!("{preset} begins"),
            Kind::Planned { plan } => format!("a plan of {} agents", plan.nodes.len()),
            Kind::Progress { node, progress } => match progress {
                Progress::Queued { .. } => format!("{} is queued", name(node)),
                Progress::Retrying { .. } => format!("{} tries again", name(node)),
                _ => format!("{} is asked", name(node)),
            },
            Kind::Delta { node, .. } => format!("{} writes", name(node)),
            Kind::Restarted { node } => format!("{} starts again", name(node)),
            Kind::Done { node, .. } => format!("{} is done", name(node)),
            Kind::Failed { node, .. } => format!("{} fails", name(node)),
            Kind::Mark { node, key, value } => format!("{}: {key} {value}", name(node)),
            Kind::Called { node, tool, .. } => format!("{} calls {tool}", name(node)),
            Kind::Asked { node, .. } => format!("{} asks you", name(node)),
            Kind::Replied { node, .. } => format!("{} has its answer", name(node)),
            Kind::Drawn { .. } => "edges are drawn".into(),
            Kind::Held { nodes } if nodes.is_empty() => "it goes on".into(),
            Kind::Held { .. } => "it is held".into(),
            Kind::Ballot { voter, choice, .. } => format!("{} votes {choice}", name(voter)),
            Kind::Note { text, .. } => text.clone(),
            Kind::Finished { .. } => "it ends".into(),
            _ => String::new(),
        }
    }
}

/// After how many events each step ends: text flows in pieces, facts of one kind that follow each other are one step.
fn ends(events: &[Event]) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut pieces = 0;
    for (at, pair) in events.windows(2).enumerate() {
        let [one, next] = pair else { continue };
        let is_same = discriminant(&one.kind) == discriminant(&next.kind);
        let goes_on = match &one.kind {
            Kind::Delta { .. } => {
                pieces += 1;
                is_same && pieces < PIECES
            }
            Kind::Drawn { .. } | Kind::Mark { .. } | Kind::Ballot { .. } => is_same,
            _ => false,
        };
        if !goes_on {
            pieces = 0;
            ends.push(at + 1);
        }
    }
    if !events.is_empty() {
        ends.push(events.len());
    }
    ends
}

impl App {
    /// The time that what is shown is counted to: that of the replay, while there is one.
    #[must_use]
    pub fn moment(&self) -> Millis {
        self.chat.replay.as_ref().map_or(self.now, Replay::now)
    }

    /// Asks for the recorded events of the turn in question.
    pub(super) fn begin_replay(&mut self) -> Vec<Effect> {
        if self.chat.running.is_some() {
            return self.error("a turn is running; stop it first (Ctrl+C)");
        }
        match self.target_turn().map(|turn| turn.id) {
            Some(turn) => vec![Effect::Session(SessionEffect::Replay(turn))],
            None => self.inform("there is no turn to play again"),
        }
    }

    pub(super) fn on_recorded(&mut self, turn: TurnId, events: Vec<Event>) -> Vec<Effect> {
        self.leave_replay();
        let ends = ends(&events);
        let whole = self.chat.transcript.turns.get(&turn);
        let (Some(whole), false) = (
            whole.cloned(),
            self.chat.running.is_some() || ends.is_empty(),
        ) else {
            return self.inform("nothing was recorded of this turn");
        };
        let replay = Replay {
            turn,
            events,
            ends,
            at: 0,
            head: self.chat.transcript.head,
            opened: self.chat.opened,
            whole,
        };
        self.chat.transcript.head = Some(replay.whole.question);
        self.chat.opened = Some(turn);
        self.chat.replay = Some(replay);
        self.chat.selected = None;
        self.focus.area = Area::Pane;
        self.focus.pane = None;
        self.focus.zoomed = None;
        self.move_replay(0)
    }

    /// Shows another step; beyond the ends the first and the last one.
    pub(super) fn move_replay(&mut self, steps: isize) -> Vec<Effect> {
        let Some(replay) = &mut self.chat.replay else {
            return self.inform("no replay is open (v begins one)");
        };
        let last = replay.ends.len().saturating_sub(1);
        replay.at = replay.at.saturating_add_signed(steps).min(last);
        if let Some(mut turn) = Turn::of(replay.shown()) {
            if turn.state == TurnState::Running {
                turn.ended = Some(replay.now());
            }
            let transcript = &mut self.chat.transcript;
            transcript.turns.insert(replay.turn, turn);
            transcript.revision += 1;
        }
        Vec::new()
    }

    /// Ends the replay, if there is one: the whole turn is shown again.
    pub(super) fn leave_replay(&mut self) -> Vec<Effect> {
        if let Some(replay) = self.chat.replay.take() {
            let transcript = &mut self.chat.transcript;
            transcript.turns.insert(replay.turn, replay.whole);
            transcript.head = replay.head;
            transcript.revision += 1;
            self.chat.opened = replay.opened;
        }
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::Source;

    fn event(seq: u64, kind: Kind) -> Event {
        Event {
            source: Source::Turn(TurnId(1)),
            seq,
            at: seq,
            kind,
        }
    }

    #[test]
    fn text_goes_by_in_pieces_and_facts_of_one_kind_at_once() {
        let delta = |seq| {
            let kind = Kind::Delta {
                node: NodeId(1),
                text: "a ".into(),
                thinking: false,
            };
            event(seq, kind)
        };
        let mark = |seq| {
            let (key, value) = ("answer".into(), "4".into());
            event(
                seq,
                Kind::Mark {
                    node: NodeId(1),
                    key,
                    value,
                },
            )
        };
        let mut events: Vec<Event> = (0..30).map(delta).collect();
        events.extend((30..33).map(mark));
        assert_eq!(ends(&events), [24, 30, 33]);
        assert_eq!(ends(&[]), [0; 0]);
    }
}
