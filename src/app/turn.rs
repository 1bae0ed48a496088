//! Turns: asking, stopping, asking again, and what the end of one means.

use super::App;
use super::action::ChatAction;
use super::effect::{Effect, TurnRequest};
use super::focus::{Area, PaneId};
use super::transcript::{ALONE_SUFFIX, Turn, TurnState};
use crate::domain::clock::Millis;
use crate::domain::control::Control;
use crate::domain::council::Council;
use crate::domain::event::{Event, Kind, Level, Outcome, Source};
use crate::domain::id::{MessageId, NodeId, TurnId};
use crate::domain::message::{Message, Role};
use std::collections::BTreeMap;

/// The society in which one agent answers alone.
const SINGLE: &str = "single";

impl App {
    pub(super) fn on_chat(&mut self, action: ChatAction) -> Vec<Effect> {
        match action {
            ChatAction::StopTurn if self.chat.running.is_none() => {
                self.inform("nothing is running")
            }
            ChatAction::StopTurn => self.stop_turn(),
            ChatAction::Aggregate => self.aggregate(),
            ChatAction::Skip => self.skip(self.focused_pane()),
            ChatAction::Retry => {
                let pane = match self.focus.area {
                    Area::Pane => self.focused_pane(),
                    Area::Prompt => PaneId::Conversation,
                };
                self.retry(pane)
            }
            ChatAction::Regenerate => self.regenerate(),
            ChatAction::RegenerateAll => self.regenerate_all(),
            ChatAction::EditMessage => self.edit_message(),
            ChatAction::Branch => self.branch_here(),
            ChatAction::PreviousBranch => self.switch_branch(-1),
            ChatAction::NextBranch => self.switch_branch(1),
            ChatAction::PreviousMessage => self.select_message(-1),
            ChatAction::NextMessage => self.select_message(1),
            ChatAction::OpenParts => self.open_parts(),
            ChatAction::Undo => self.undo(),
            ChatAction::Redo => self.redo(),
            ChatAction::CopyAnswer => self.copy_answer(),
            ChatAction::Export => self.export(super::effect::ExportFormat::Markdown, true),
            ChatAction::ExportJson => self.export(super::effect::ExportFormat::Json, true),
            ChatAction::ToggleLocalOnly => self.set_local_only(!self.chat.is_local_only),
            ChatAction::ToggleCompare => self.set_comparing(!self.chat.is_comparing),
            ChatAction::System => self.open_system(),
            ChatAction::Rename => self.open_rename(),
            ChatAction::StopDownload => self.stop_download(),
        }
    }

    /// The council of a preset with this session's own system prompt, model and sampling over it.
    ///
    /// # Errors
    /// Says what is wrong with the preset.
    pub fn council(&self, name: &str) -> Result<Council, String> {
        let Some(preset) = self.presets.iter().find(|preset| preset.name == name) else {
            return Err(format!("preset \"{name}\" is not known; F2 lists all"));
        };
        let mut council = preset
            .council
            .clone()
            .map_err(|problem| problem.to_string())?;
        preset.name.clone_into(&mut council.name);
        if let Some(system) = &self.chat.system {
            council.system = Some(system.clone());
        }
        council.sampling = self.chat.params.over(&council.sampling);
        for agent in &mut council.agents {
            agent.sampling = self.chat.params.over(&agent.sampling);
        }
        if let (Some(model), Some(at)) = (&self.chat.model, answering_agent(&council))
            && let Some(agent) = council.agents.get_mut(at)
        {
            agent.model = model.clone();
        }
        Ok(council)
    }

    /// Why this council may not be asked now, if so.
    fn refusal(&self, council: &Council) -> Option<String> {
        let providers = council.providers();
        (self.chat.is_local_only && !providers.is_empty()).then(|| {
            format!(
                "preset \"{}\" sends text to {} and local only is on; /local off allows it",
                council.name,
                providers.join(", ")
            )
        })
    }

    /// Asks a question under the head (or in place of the edited message), at once.
    pub(super) fn ask(&mut self, text: &str, preset: Option<String>) -> Vec<Effect> {
        let is_override = preset.is_some();
        let name = preset.clone().unwrap_or_else(|| self.preset.clone());
        let council = match self.council(&name) {
            Ok(council) => council,
            Err(why) => return self.error(why),
        };
        if self.edits_an_answer() {
            return self.replace_answer(text);
        }
        if let Some(why) = self.refusal(&council) {
            return self.error(why);
        }
        if let Some(model) = self.missing_model(&council) {
            return self.wait_for_model(&model, text, preset.as_deref());
        }
        let mut effects = if is_override {
            Vec::new()
        } else {
            self.remember(text)
        };
        let parent = match self.prompt.editing.take() {
            Some(edited) => self.parent_of(edited),
            None => self.chat.transcript.head,
        };
        let message = self.message_text(text);
        let (question, said) = self.say(parent, Role::User, message);
        effects.push(said);
        self.forget_draft();
        self.prompt.pastes.clear();
        self.prompt.attachments.clear();
        self.prompt.refused.clear();
        self.chat.undone.clear();
        self.chat.selected = None;
        self.focus.follow(PaneId::Conversation);
        effects.extend(self.start(question, council, BTreeMap::new()));
        effects
    }

    fn edits_an_answer(&self) -> bool {
        self.prompt
            .editing
            .and_then(|id| self.chat.transcript.messages.get(&id))
            .is_some_and(|said| said.role == Role::Assistant)
    }

    /// An answer in a person's words, beside the one that was edited.
    fn replace_answer(&mut self, text: &str) -> Vec<Effect> {
        let edited = self.prompt.editing.take();
        let parent = edited.and_then(|id| self.parent_of(id));
        let message = self.message_text(text);
        let (_, said) = self.say(parent, Role::Assistant, message);
        self.forget_draft();
        self.chat.selected = None;
        vec![said]
    }

    fn parent_of(&self, message: MessageId) -> Option<MessageId> {
        self.chat.transcript.messages.get(&message)?.parent
    }

    /// Adds a message and makes it the head; the effect writes both down.
    pub(super) fn say(
        &mut self,
        parent: Option<MessageId>,
        role: Role,
        text: String,
    ) -> (MessageId, Effect) {
        let message = self.chat.transcript.next_message();
        let effect = self.record(vec![
            Kind::Said {
                message,
                parent,
                role,
                text,
            },
            Kind::Head {
                message: Some(message),
            },
        ]);
        (message, effect)
    }

    /// Facts of the session itself: folded here and written down by the runtime.
    pub(super) fn record(&mut self, kinds: Vec<Kind>) -> Effect {
        for kind in &kinds {
            self.chat.transcript.apply(&Event {
                source: Source::Session,
                seq: 0,
                at: self.now,
                kind: kind.clone(),
            });
        }
        Effect::Record(kinds)
    }

    fn start(
        &mut self,
        question: MessageId,
        council: Council,
        reuse: BTreeMap<NodeId, String>,
    ) -> Vec<Effect> {
        let alone = self.chat.is_comparing.then(|| alone(&council)).flatten();
        let main = self.begin_turn(question, council, reuse);
        self.chat.running = Some(main.turn);
        self.chat.opened = None;
        self.chat.is_stopping = false;
        self.focus.pane = None;
        self.focus.zoomed = None;
        let mut effects = vec![Effect::StartTurn(main)];
        self.chat.running_alone = None;
        if let Some(council) = alone {
            let beside = self.begin_turn(question, council, BTreeMap::new());
            self.chat.running_alone = Some(beside.turn);
            effects.push(Effect::StartTurn(beside));
        }
        effects
    }

    fn begin_turn(
        &mut self,
        question: MessageId,
        council: Council,
        reuse: BTreeMap<NodeId, String>,
    ) -> TurnRequest {
        self.leave_replay();
        let turn = self.chat.transcript.next_turn();
        // The turn is on screen at once; the same event arrives again from the turn itself and changes nothing.
        self.chat.transcript.apply(&Event {
            source: Source::Turn(turn),
            seq: 0,
            at: self.now,
            kind: Kind::Began {
                question,
                preset: council.name.clone(),
            },
        });
        TurnRequest {
            turn,
            question,
            conversation: self.conversation(question),
            council,
            reuse,
            is_held: self.chat.is_held,
        }
    }

    /// User messages and final answers from the root to the question, alternating: a question that was never answered is left
    /// out.
    fn conversation(&self, question: MessageId) -> Vec<Message> {
        let mut messages: Vec<Message> = Vec::new();
        for said in self.chat.transcript.path_to(Some(question)) {
            let message = Message::new(said.role, said.text.clone());
            match messages.last_mut() {
                Some(last) if last.role == message.role => *last = message,
                _ => messages.push(message),
            }
        }
        messages
    }

    pub(super) fn on_events(&mut self, events: &[Event]) -> Vec<Effect> {
        let mut effects = Vec::new();
        for event in events {
            self.chat.transcript.apply(event);
            let Source::Turn(turn) = event.source else {
                continue;
            };
            match &event.kind {
                Kind::Finished { outcome } => effects.extend(self.on_finished(turn, outcome)),
                Kind::Note { level, text } if *level != Level::Info => {
                    effects.extend(self.error(text.clone()));
                }
                _ => {}
            }
        }
        effects
    }

    fn on_finished(&mut self, turn: TurnId, outcome: &Outcome) -> Vec<Effect> {
        if self.chat.running_alone == Some(turn) {
            self.chat.running_alone = None;
            return Vec::new();
        }
        if self.chat.running != Some(turn) {
            return Vec::new();
        }
        self.chat.running = None;
        self.chat.is_stopping = false;
        self.focus.zoomed = None;
        let mut effects: Vec<Effect> = self.keep_answer(turn).into_iter().collect();
        if self.settings.bell && !self.has_window_focus {
            effects.push(Effect::Bell);
        }
        match outcome {
            Outcome::Answered { .. } => effects.extend(self.send_queue()),
            Outcome::Stopped { .. } => {
                self.take_queue_back();
                effects.extend(self.inform("stopped; what arrived is kept"));
            }
            Outcome::Failed { fault } => {
                self.take_queue_back();
                effects.extend(self.error(fault.to_string()));
            }
        }
        effects
    }

    /// The text of an ended turn becomes a message under its question, once.
    pub(super) fn keep_answer(&mut self, turn: TurnId) -> Option<Effect> {
        let turn = self.chat.transcript.turns.get(&turn)?;
        if turn.answer.is_some() || turn.is_alone() {
            return None;
        }
        let (question, text) = (turn.question, turn.answer_text()?.to_owned());
        let (_, said) = self.say(Some(question), Role::Assistant, text);
        Some(said)
    }

    pub(super) fn stop_turn(&mut self) -> Vec<Effect> {
        let turns = [self.chat.running, self.chat.running_alone];
        self.chat.is_stopping = self.chat.running.is_some();
        turns.into_iter().flatten().map(Effect::StopTurn).collect()
    }

    fn aggregate(&mut self) -> Vec<Effect> {
        match self.chat.running {
            Some(turn) => vec![Effect::Control(turn, Control::Proceed)],
            None => self.inform("nothing is running"),
        }
    }

    /// Stops one agent; the turn goes on.
    pub(super) fn skip(&mut self, pane: PaneId) -> Vec<Effect> {
        match pane {
            PaneId::Node(turn, node) if self.is_running(turn) => {
                vec![Effect::Control(turn, Control::Skip { node })]
            }
            _ if self.chat.running.is_none() => self.inform("nothing is running"),
            _ => self.inform("focus the agent to skip first, or use /skip and its number"),
        }
    }

    fn is_running(&self, turn: TurnId) -> bool {
        [self.chat.running, self.chat.running_alone].contains(&Some(turn))
    }

    /// While the turn runs: this agent starts again. After it: a new turn takes over what does not depend on this agent.
    pub(super) fn retry(&mut self, pane: PaneId) -> Vec<Effect> {
        if let PaneId::Node(turn, node) = pane {
            if self.is_running(turn) {
                return vec![Effect::Control(turn, Control::Retry { node })];
            }
            let Some(turn) = self.chat.transcript.turns.get(&turn) else {
                return Vec::new();
            };
            if turn.is_alone() {
                return self.inform(
                    "the agent alone is asked again with the whole council (regenerate-all)",
                );
            }
            let without = turn.downstream(node);
            let (preset, question) = (turn.preset.clone(), turn.question);
            let reuse = turn.reusable(&without);
            return self.again(question, &preset, reuse);
        }
        if let Some(turn) = self.chat.running {
            let answer = self
                .chat
                .transcript
                .turns
                .get(&turn)
                .and_then(Turn::answer_node);
            return match answer {
                Some(view) if view.state.is_active() => {
                    let node = view.node.id;
                    vec![Effect::Control(turn, Control::Retry { node })]
                }
                _ => {
                    self.inform("focus the agent to ask again first, or use /retry and its number")
                }
            };
        }
        self.regenerate()
    }

    /// A new attempt at the turn in question that takes over every complete reference.
    fn regenerate(&mut self) -> Vec<Effect> {
        let Some(turn) = self.target_turn() else {
            return self.ask_unanswered();
        };
        let (preset, question, reuse) = (turn.preset.clone(), turn.question, turn.reusable(&[]));
        self.again(question, &preset, reuse)
    }

    /// The same question to the whole council of the present preset.
    fn regenerate_all(&mut self) -> Vec<Effect> {
        let Some(question) = self.target_question() else {
            return self.inform("nothing was asked yet");
        };
        let preset = self.preset.clone();
        self.again(question, &preset, BTreeMap::new())
    }

    /// A question whose turn never began (the program ended first) is asked.
    fn ask_unanswered(&mut self) -> Vec<Effect> {
        self.regenerate_all()
    }

    fn again(
        &mut self,
        question: MessageId,
        preset: &str,
        reuse: BTreeMap<NodeId, String>,
    ) -> Vec<Effect> {
        if self.chat.running.is_some() {
            return self.error("a turn is running; stop it first (Ctrl+C)");
        }
        let council = match self.council(preset) {
            Ok(council) => council,
            Err(why) => return self.error(why),
        };
        if let Some(why) = self.refusal(&council) {
            return self.error(why);
        }
        if let Some(model) = self.missing_model(&council) {
            return self.error(format!("model \"{model}\" is not on disk; F5 downloads it"));
        }
        let mut effects = vec![self.record(vec![Kind::Head {
            message: Some(question),
        }])];
        self.chat.selected = None;
        self.focus.follow(PaneId::Conversation);
        effects.extend(self.start(question, council, reuse));
        effects
    }

    /// The question that the selected message belongs to; the last one of the shown branch when none is selected.
    pub(super) fn target_question(&self) -> Option<MessageId> {
        let transcript = &self.chat.transcript;
        let path = transcript.path_to(self.chat.selected.or(transcript.head));
        let last = path.iter().rev().find(|said| said.role == Role::User);
        last.map(|said| said.id)
    }

    /// The turn behind the selected message, else the last one of the shown branch.
    pub(super) fn target_turn(&self) -> Option<&Turn> {
        let transcript = &self.chat.transcript;
        let message = self.chat.selected.or(transcript.head);
        let by_answer = message
            .and_then(|id| transcript.messages.get(&id))
            .and_then(|said| said.turn);
        match by_answer {
            Some(turn) => transcript.turns.get(&turn),
            None => transcript.turns_of(self.target_question()?).last(),
        }
    }

    /// Whether the turn in question ended without an answer and can be taken up again, for a hint on screen.
    #[must_use]
    pub fn can_resume(&self) -> bool {
        self.chat.running.is_none()
            && self.target_turn().is_some_and(|turn| {
                turn.answer.is_none()
                    && matches!(
                        turn.state,
                        TurnState::Interrupted
                            | TurnState::Ended(Outcome::Failed { .. } | Outcome::Stopped { .. })
                    )
            })
    }

    /// Milliseconds the running turn has taken so far.
    #[must_use]
    pub fn turn_elapsed_ms(&self) -> Option<Millis> {
        let turn = self.chat.transcript.turns.get(&self.shown_turn()?)?;
        Some(turn.elapsed_ms(self.now))
    }
}

/// Which agent gives the answer: the aggregator by name, else the last one.
fn answering_agent(council: &Council) -> Option<usize> {
    let named = council
        .agents
        .iter()
        .position(|agent| agent.part == "aggregator");
    named.or_else(|| council.agents.len().checked_sub(1))
}

/// The council of the answering agent alone; none when there is only one agent anyway.
fn alone(council: &Council) -> Option<Council> {
    let seats: u32 = council
        .agents
        .iter()
        .map(|agent| u32::from(agent.count))
        .sum();
    if seats < 2 {
        return None;
    }
    let mut agent = council.agents.get(answering_agent(council)?)?.clone();
    agent.count = 1;
    agent.rounds.clear();
    "agent".clone_into(&mut agent.part);
    Some(Council {
        name: format!("{}{ALONE_SUFFIX}", council.name),
        society: SINGLE.to_owned(),
        agents: vec![agent],
        settings: serde_json::Map::new(),
        ..council.clone()
    })
}
