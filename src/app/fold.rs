//! Events into the transcript: one step at a time, the same for a live turn and for a log read back.
//!
//! Whatever a log holds, the fold neither fails nor forgets what it does not understand to be harmless: unknown nodes and
//! repeated messages are left out.

use super::transcript::{
    EdgeDraw, NodeState, NodeView, Said, Timing, Transcript, Turn, TurnState, Vote,
};
use crate::domain::clock::Millis;
use crate::domain::event::{Event, Kind, Outcome, Progress, RAN, Source};
use crate::domain::fault::FaultClass;
use crate::domain::id::{MessageId, NodeId, TurnId};
use crate::domain::message::Role;
use crate::domain::plan::{Node, Plan};
use std::collections::BTreeMap;

impl Transcript {
    /// All events of a log. A turn that never ended is marked interrupted: nothing runs when a log is opened.
    #[must_use]
    pub fn fold(events: &[Event]) -> Transcript {
        let mut transcript = Transcript::default();
        for event in events {
            transcript.apply(event);
        }
        transcript.interrupt();
        transcript
    }

    /// One event.
    pub fn apply(&mut self, event: &Event) {
        self.revision += 1;
        match &event.source {
            Source::Turn(turn) => self.apply_to_turn(*turn, event.at, &event.kind),
            Source::Session => self.apply_to_session(event.at, &event.kind),
            Source::Run(_) | Source::Machine => {}
        }
    }

    /// The id of the next message.
    #[must_use]
    pub fn next_message(&self) -> MessageId {
        MessageId(self.messages.keys().next_back().map_or(1, |id| id.0 + 1))
    }

    /// The id of the next turn.
    #[must_use]
    pub fn next_turn(&self) -> TurnId {
        TurnId(self.turns.keys().next_back().map_or(1, |id| id.0 + 1))
    }

    fn interrupt(&mut self) {
        for turn in self.turns.values_mut().filter(|turn| turn.is_running()) {
            turn.state = TurnState::Interrupted;
            turn.asked.clear();
            turn.held.clear();
            for view in turn.nodes.values_mut().filter(|v| v.state.is_active()) {
                view.change(NodeState::Interrupted);
            }
        }
    }

    fn apply_to_session(&mut self, at: Millis, kind: &Kind) {
        match kind {
            Kind::Said {
                message,
                parent,
                role,
                text,
            } => self.say(*message, *parent, *role, text, at),
            Kind::Head { message } if message.is_none_or(|id| self.messages.contains_key(&id)) => {
                self.head = *message;
            }
            Kind::Titled { title } => self.title.clone_from(title),
            _ => {}
        }
    }

    fn say(
        &mut self,
        id: MessageId,
        parent: Option<MessageId>,
        role: Role,
        text: &str,
        at: Millis,
    ) {
        let is_orphan =
            parent.is_some_and(|parent| parent >= id || !self.messages.contains_key(&parent));
        if is_orphan || self.messages.contains_key(&id) {
            return;
        }
        let turn = match (role, parent) {
            (Role::Assistant, Some(question)) => self.claim(question, id),
            _ => None,
        };
        if let Some(parent) = parent.and_then(|parent| self.messages.get_mut(&parent)) {
            parent.children.push(id);
        }
        let said = Said {
            id,
            parent,
            children: Vec::new(),
            role,
            text: text.to_owned(),
            at,
            turn,
        };
        self.messages.insert(id, said);
    }

    /// The newest turn that answered this question with a text and has no message yet gets this one.
    fn claim(&mut self, question: MessageId, answer: MessageId) -> Option<TurnId> {
        let turn = self.turns.values_mut().rev().find(|turn| {
            turn.question == question
                && turn.answer.is_none()
                && !turn.is_alone()
                && turn.answer_text().is_some()
        })?;
        turn.answer = Some(answer);
        Some(turn.id)
    }

    fn apply_to_turn(&mut self, id: TurnId, at: Millis, kind: &Kind) {
        if let Kind::Began { question, preset } = kind {
            let turn = self
                .turns
                .entry(id)
                .or_insert_with(|| Turn::new(id, *question, preset, at));
            turn.question = *question;
            turn.preset.clone_from(preset);
            turn.began = at;
            return;
        }
        let Some(turn) = self.turns.get_mut(&id) else {
            return;
        };
        turn.apply(at, kind);
    }
}

impl Turn {
    /// A turn as these events of it leave it; none before it began. Later events of the same turn can follow.
    #[must_use]
    pub fn of(events: &[Event]) -> Option<Turn> {
        let mut transcript = Transcript::default();
        for event in events {
            transcript.apply(event);
        }
        transcript.turns.pop_first().map(|(_, turn)| turn)
    }

    fn new(id: TurnId, question: MessageId, preset: &str, began: Millis) -> Turn {
        Turn {
            id,
            question,
            preset: preset.to_owned(),
            plan: Plan::default(),
            nodes: BTreeMap::new(),
            notes: Vec::new(),
            edges: Vec::new(),
            ballots: Vec::new(),
            asked: BTreeMap::new(),
            held: Vec::new(),
            state: TurnState::Running,
            began,
            ended: None,
            answer: None,
        }
    }

    /// The text that became, or can become, a message: what was answered, or what a stopped turn had written.
    #[must_use]
    pub fn answer_text(&self) -> Option<&str> {
        match &self.state {
            TurnState::Ended(Outcome::Answered { text } | Outcome::Stopped { text }) => {
                Some(text.as_str()).filter(|text| !text.trim().is_empty())
            }
            _ => None,
        }
    }

    fn apply(&mut self, at: Millis, kind: &Kind) {
        match kind {
            Kind::Planned { plan } => self.plan(plan),
            Kind::Note { level, text } => self.notes.push((*level, text.clone())),
            Kind::Finished { outcome } => self.finish(at, outcome),
            Kind::Progress { node, .. }
            | Kind::Delta { node, .. }
            | Kind::Restarted { node }
            | Kind::Done { node, .. }
            | Kind::Failed { node, .. }
            | Kind::Called { node, .. }
            | Kind::Mark { node, .. } => {
                if let Some(view) = self.nodes.get_mut(node) {
                    view.apply(at, kind);
                }
            }
            Kind::Held { nodes } => self.hold(nodes),
            Kind::Asked { node, question } => {
                self.asked.insert(*node, question.clone());
            }
            Kind::Replied { node, .. } => {
                self.asked.remove(node);
            }
            Kind::Drawn {
                from,
                to,
                logit,
                probability,
                draw,
                outcome,
            } => {
                // A graph that is drawn again starts over with its first edge.
                self.edges
                    .retain(|edge| (edge.from, edge.to) != (*from, *to));
                self.edges.push(EdgeDraw {
                    from: *from,
                    to: *to,
                    logit: *logit,
                    probability: *probability,
                    draw: *draw,
                    outcome: *outcome,
                });
            }
            Kind::Ballot {
                voter,
                choice,
                weight,
            } => {
                self.ballots.retain(|vote| vote.voter != *voter);
                self.ballots.push(Vote {
                    voter: *voter,
                    choice: choice.clone(),
                    weight: *weight,
                });
            }
            _ => {}
        }
    }

    fn hold(&mut self, nodes: &[NodeId]) {
        nodes.clone_into(&mut self.held);
        for node in nodes {
            if let Some(view) = self.nodes.get_mut(node).filter(|v| !v.state.is_over()) {
                let why = "held: waits for you to go on".to_owned();
                view.change(NodeState::Queued { why });
            }
        }
    }

    fn plan(&mut self, plan: &Plan) {
        for node in &plan.nodes {
            self.nodes
                .entry(node.id)
                .and_modify(|view| view.node = node.clone())
                .or_insert_with(|| NodeView::new(node.clone()));
        }
        self.plan = plan.clone();
    }

    fn finish(&mut self, at: Millis, outcome: &Outcome) {
        self.state = TurnState::Ended(outcome.clone());
        self.ended = Some(at);
        self.asked.clear();
        self.held.clear();
        for view in self.nodes.values_mut().filter(|v| v.state.is_active()) {
            view.change(NodeState::Stopped);
            view.timing.ended = Some(at);
        }
    }

    /// This node and every node that reads it, directly or not.
    #[must_use]
    pub fn downstream(&self, node: NodeId) -> Vec<NodeId> {
        let mut found = vec![node];
        let mut next = 0;
        while let Some(&from) = found.get(next) {
            for (_, to) in self.plan.edges.iter().filter(|(a, _)| *a == from) {
                if !found.contains(to) {
                    found.push(*to);
                }
            }
            next += 1;
        }
        found
    }

    /// Texts of complete nodes, for an attempt that takes them over; the answering node and `without` left out.
    #[must_use]
    pub fn reusable(&self, without: &[NodeId]) -> BTreeMap<NodeId, String> {
        self.nodes
            .iter()
            .filter(|(id, view)| !view.node.is_answer && !without.contains(id))
            .filter(|(_, view)| matches!(view.state, NodeState::Done | NodeState::Truncated))
            .filter(|(_, view)| !view.text.trim().is_empty())
            .map(|(id, view)| (*id, view.marks.get(RAN).unwrap_or(&view.text).clone()))
            .collect()
    }
}

impl NodeView {
    pub(super) fn new(node: Node) -> NodeView {
        NodeView {
            node,
            state: NodeState::Idle,
            text: String::new(),
            thinking: String::new(),
            revision: 0,
            restarts: 0,
            usage: None,
            timing: Timing::default(),
            marks: BTreeMap::new(),
            call: None,
        }
    }

    fn change(&mut self, state: NodeState) {
        self.state = state;
        self.revision += 1;
    }

    fn apply(&mut self, at: Millis, kind: &Kind) {
        match kind {
            Kind::Progress { progress, .. } => self.progress(at, progress),
            Kind::Delta { text, thinking, .. } => self.grow(at, text, *thinking),
            Kind::Restarted { .. } => self.restart(at),
            Kind::Done { usage, finish, .. } => {
                self.usage = Some(*usage);
                self.timing.ended = Some(at);
                self.change(NodeView::state_of(*finish));
            }
            Kind::Failed { fault, .. } => {
                self.timing.ended = Some(at);
                self.change(match fault.class {
                    FaultClass::Cancelled => NodeState::Stopped,
                    _ => NodeState::Failed(fault.clone()),
                });
            }
            Kind::Called {
                tool, arguments, ..
            } => {
                self.timing.queued.get_or_insert(at);
                self.timing.started.get_or_insert(at);
                self.call = Some((tool.clone(), arguments.clone()));
                self.change(NodeState::Waiting);
            }
            Kind::Mark { key, value, .. } => {
                self.marks.insert(key.clone(), value.clone());
                self.revision += 1;
            }
            _ => {}
        }
    }

    fn progress(&mut self, at: Millis, progress: &Progress) {
        self.timing.queued.get_or_insert(at);
        self.timing.ended = None;
        if !matches!(progress, Progress::Queued { .. }) {
            self.timing.started.get_or_insert(at);
        }
        self.change(match progress.clone() {
            Progress::Queued { why } => NodeState::Queued { why },
            Progress::Loading => NodeState::Loading,
            Progress::Connecting => NodeState::Connecting,
            Progress::Prefill { done, total } => NodeState::Prefill { done, total },
            Progress::Waiting => NodeState::Waiting,
            Progress::Retrying {
                attempt,
                of,
                wait_ms,
                fault,
            } => NodeState::Retrying {
                attempt,
                of,
                wait_ms,
                fault,
            },
        });
    }

    fn grow(&mut self, at: Millis, text: &str, is_thinking: bool) {
        let timing = &mut self.timing;
        timing.queued.get_or_insert(at);
        timing.started.get_or_insert(at);
        timing.first_token.get_or_insert(at);
        timing.last_token = Some(at);
        timing.chars += text.chars().count() as u64;
        let (target, state) = if is_thinking {
            (&mut self.thinking, NodeState::Thinking)
        } else {
            (&mut self.text, NodeState::Streaming)
        };
        target.push_str(text);
        if self.state.is_over() {
            self.revision += 1;
        } else {
            self.change(state);
        }
    }

    fn restart(&mut self, at: Millis) {
        self.text.clear();
        self.thinking.clear();
        self.restarts += 1;
        self.usage = None;
        self.timing = Timing {
            queued: Some(at),
            ..Timing::default()
        };
        self.change(NodeState::Waiting);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::request::{Finish, ModelRef, Usage};

    const TURN: TurnId = TurnId(1);

    fn of_turn(at: Millis, kind: Kind) -> Event {
        Event {
            source: Source::Turn(TURN),
            seq: at,
            at,
            kind,
        }
    }

    fn said(id: u64, parent: Option<u64>, role: Role, text: &str) -> Event {
        let kind = Kind::Said {
            message: MessageId(id),
            parent: parent.map(MessageId),
            role,
            text: text.into(),
        };
        Event {
            source: Source::Session,
            seq: id,
            at: id,
            kind,
        }
    }

    fn node(id: u32, is_answer: bool) -> Node {
        Node {
            id: NodeId(id),
            part: "reference".into(),
            title: "a".into(),
            model: ModelRef::new("m", "local"),
            round: 1,
            lane: u16::try_from(id).unwrap(),
            is_answer,
        }
    }

    fn begun() -> Vec<Event> {
        let plan = Plan {
            nodes: vec![node(1, false), node(2, false), node(3, true)],
            edges: vec![(NodeId(1), NodeId(3)), (NodeId(2), NodeId(3))],
            ..Plan::default()
        };
        vec![
            said(1, None, Role::User, "why?"),
            of_turn(
                10,
                Kind::Began {
                    question: MessageId(1),
                    preset: "p".into(),
                },
            ),
            of_turn(11, Kind::Planned { plan }),
        ]
    }

    fn delta(at: Millis, text: &str) -> Event {
        of_turn(
            at,
            Kind::Delta {
                node: NodeId(1),
                text: text.into(),
                thinking: false,
            },
        )
    }

    #[test]
    fn times_come_from_the_events() {
        let mut events = begun();
        let queued = Progress::Queued { why: "slot".into() };
        events.push(of_turn(
            20,
            Kind::Progress {
                node: NodeId(1),
                progress: queued,
            },
        ));
        events.push(of_turn(
            30,
            Kind::Progress {
                node: NodeId(1),
                progress: Progress::Connecting,
            },
        ));
        events.push(delta(130, "hel"));
        events.push(delta(1130, "lo"));
        let usage = Usage {
            completion_tokens: 11,
            ..Usage::default()
        };
        events.push(of_turn(
            1200,
            Kind::Done {
                node: NodeId(1),
                usage,
                finish: Finish::Stop,
            },
        ));
        let transcript = Transcript::fold(&events);
        let view = &transcript.turns[&TURN].nodes[&NodeId(1)];
        assert_eq!(view.text, "hello");
        assert_eq!(view.state, NodeState::Done);
        assert_eq!(view.first_token_ms(), Some(100));
        assert_eq!(view.tokens_per_second(), Some(10.0));
        assert_eq!(view.elapsed_ms(9999), Some(1170));
    }

    #[test]
    fn a_restart_voids_the_text_and_a_retry_can_end_well() {
        let mut events = begun();
        events.push(delta(20, "half"));
        events.push(of_turn(30, Kind::Restarted { node: NodeId(1) }));
        events.push(delta(40, "whole"));
        let mut transcript = Transcript::default();
        events.iter().for_each(|event| transcript.apply(event));
        let view = &transcript.turns[&TURN].nodes[&NodeId(1)];
        assert_eq!((view.text.as_str(), view.restarts), ("whole", 1));
        assert_eq!(view.state, NodeState::Streaming);
    }

    #[test]
    fn a_turn_without_an_end_is_interrupted_and_keeps_what_is_complete() {
        let mut events = begun();
        events.push(delta(20, "done text"));
        events.push(of_turn(
            30,
            Kind::Done {
                node: NodeId(1),
                usage: Usage::default(),
                finish: Finish::Stop,
            },
        ));
        events.push(of_turn(
            31,
            Kind::Delta {
                node: NodeId(2),
                text: "hal".into(),
                thinking: false,
            },
        ));
        let transcript = Transcript::fold(&events);
        let turn = &transcript.turns[&TURN];
        assert_eq!(turn.state, TurnState::Interrupted);
        assert_eq!(turn.nodes[&NodeId(2)].state, NodeState::Interrupted);
        assert_eq!(
            turn.reusable(&[]),
            BTreeMap::from([(NodeId(1), "done text".to_owned())])
        );
        assert_eq!(turn.downstream(NodeId(2)), [NodeId(2), NodeId(3)]);
    }

    #[test]
    fn an_answer_finds_its_turn_and_a_ring_is_refused() {
        let mut events = begun();
        let outcome = Outcome::Answered { text: "so".into() };
        events.push(of_turn(50, Kind::Finished { outcome }));
        events.push(said(2, Some(1), Role::Assistant, "so"));
        events.push(said(3, Some(9), Role::User, "orphan"));
        events.push(said(4, Some(4), Role::User, "ring"));
        let transcript = Transcript::fold(&events);
        assert_eq!(transcript.messages.len(), 2);
        assert_eq!(transcript.messages[&MessageId(2)].turn, Some(TURN));
        assert_eq!(transcript.turns[&TURN].answer, Some(MessageId(2)));
    }
}
