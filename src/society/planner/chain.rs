//! One chain of steps: plan, call, observe, until the planner hands over to the summarizer, gives up, or a limit is reached.

mod question;

use super::action::{self, Action, Unread};
use super::backbone::{self, Backbone};
use super::decision::{self, Decision, Planned, canonical};
use super::trajectory::{self, Elision, Speaker, Turn};
use super::{ANSWER, Fallback, GiveUp, Mode, Part, Planner, plan_of, tool_node};
use crate::domain::event::{Level, Outcome};
use crate::domain::fault::FaultClass;
use crate::domain::id::NodeId;
use crate::domain::message::Message;
use crate::domain::plan::Node;
use crate::society::Task;
use crate::society::scope::{Broken, Scope};
use crate::society::single::outcome_of;
use crate::tool::kit::Offer;
use crate::tool::{Card, ErrorKind, ToolError};
use question::Question;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

/// Tries at a decision when nothing is written.
const EMPTY_TRIES: u64 = 5;
/// Tries at a call: the first and two that carry the error.
const CALL_TRIES: u64 = 3;
/// Failed calls in a row after which the answer is written.
const MOST_ERRORS: usize = 3;
/// Observations that were errors after which a planner without decision is taken to be done.
const DOUBTFUL: usize = 2;
/// Added to the temperature of a last try, so that it differs.
const WARMER: f32 = 0.3;

const ENDINGS: &str = "Your reply does not say what comes next. Reply again and end with exactly one of: Next: caller. or \
                       Next: conclusion. or Next: give up.";
const NOT_TRIED: &str = "No tool was tried yet. If one could help, end with Next: caller. If the answer is known without any, \
                         end with Next: conclusion. Otherwise end with Next: give up.";
const INCOMPLETE: &str = "\nThe work was stopped before it was complete. Say what is known, and say plainly what is missing.";
const HOPELESS: &str =
    "\nNo tool could help. Explain to the user in a few words why there is no answer.";

/// What the planner wants.
enum Next {
    /// A call; the text when the planner wrote it itself.
    Call {
        rationale: String,
        inline: Option<String>,
    },
    Conclude {
        rationale: String,
    },
    GiveUp {
        rationale: String,
    },
    /// The answer is already there (a backbone).
    Answer {
        rationale: String,
        text: String,
    },
    /// The person skipped the planner.
    Skipped,
}

pub(super) struct Chain<'a> {
    planner: &'a Planner,
    task: &'a Task,
    scope: &'a Scope,
    nodes: Vec<Node>,
    turns: Vec<Turn>,
    /// Calls that would bring the same again: nothing has changed since.
    seen: BTreeSet<String>,
    used: BTreeSet<String>,
    problems: BTreeSet<String>,
    /// Failed calls in a row.
    errors: usize,
    has_called: bool,
    tokens: u64,
    elision: Elision,
    /// Whether local models are held to the shape of their part.
    shapes: bool,
    began: Instant,
}

impl<'a> Chain<'a> {
    pub(super) fn new(planner: &'a Planner, task: &'a Task, scope: &'a Scope) -> Self {
        let seen = planner.planner.messages(&task.conversation);
        Self {
            planner,
            task,
            scope,
            nodes: Vec::new(),
            turns: trajectory::of_conversation(&seen),
            seen: BTreeSet::new(),
            used: BTreeSet::new(),
            problems: BTreeSet::new(),
            errors: 0,
            has_called: false,
            tokens: 0,
            elision: Elision::Nothing,
            shapes: true,
            began: Instant::now(),
        }
    }

    pub(super) async fn run(mut self) -> Outcome {
        match self.steps().await {
            Ok(outcome) | Err(outcome) => outcome,
        }
    }

    /// An `Err` ends the turn from inside a step.
    async fn steps(&mut self) -> Result<Outcome, Outcome> {
        let most = self.planner.settings.max_steps;
        for step in 1..=most {
            if let Some(why) = self.exhausted() {
                return Ok(self.summarize(step, Some(&why), INCOMPLETE).await);
            }
            let offer = self.offer().await?;
            let next = match self.planner.settings.mode {
                Mode::Roles => self.decide(step, &offer).await?,
                Mode::Backbone => self.ask_backbone(step, &offer).await?,
            };
            match next {
                Next::Call { rationale, inline } => {
                    self.step(step, &offer, &rationale, inline).await?;
                    if self.errors >= MOST_ERRORS {
                        let why = format!("{MOST_ERRORS} calls in a row failed");
                        return Ok(self.summarize(step + 1, Some(&why), INCOMPLETE).await);
                    }
                }
                Next::Conclude { rationale } => {
                    self.think(&rationale, Decision::Summarizer);
                    return Ok(self.summarize(step + 1, None, "").await);
                }
                Next::GiveUp { rationale } => return Ok(self.give_up(step, &rationale).await),
                Next::Answer { rationale, text } => {
                    self.think(&rationale, Decision::Summarizer);
                    self.announce(step + 1, None);
                    self.scope.say(ANSWER, text.clone());
                    return Ok(Outcome::Answered { text });
                }
                Next::Skipped => {
                    let why = "the planner was stopped";
                    return Ok(self.summarize(step + 1, Some(why), INCOMPLETE).await);
                }
            }
        }
        let why = format!("the limit of {most} steps was reached");
        Ok(self
            .summarize(most.saturating_add(1), Some(&why), INCOMPLETE)
            .await)
    }

    /// Which limit is reached.
    fn exhausted(&self) -> Option<String> {
        let settings = &self.planner.settings;
        let seconds = settings.max_seconds;
        if seconds > 0 && self.began.elapsed() >= Duration::from_secs(seconds) {
            return Some(format!("the limit of {seconds} s was reached"));
        }
        let tokens = settings.max_total_tokens;
        (tokens > 0 && self.tokens >= tokens)
            .then(|| format!("the limit of {tokens} tokens was reached"))
    }

    async fn offer(&mut self) -> Result<Offer, Outcome> {
        let offer = self.scope.offer().await;
        if self.scope.is_stopped() {
            return Err(stopped());
        }
        for problem in &offer.problems {
            if self.problems.insert(problem.clone()) {
                self.scope.note(Level::Warning, problem);
            }
        }
        if offer.tools.is_empty() && self.problems.insert(String::new()) {
            self.scope.note(
                Level::Warning,
                "no tool can be called; the preset names them in [tools]",
            );
        }
        Ok(offer)
    }

    /// Shows the plan with what is new in it; the answer comes after `last`.
    fn announce(&mut self, last: u16, node: Option<Node>) {
        if let Some(node) = node {
            self.nodes.retain(|known| known.id != node.id);
            self.nodes.push(node);
        }
        let answer = self.planner.node(Part::Summarizer, last);
        self.scope.plan(plan_of(self.nodes.clone(), answer));
    }

    fn think(&mut self, rationale: &str, decision: Decision) {
        self.turns.push(Turn::new(
            Speaker::Assistant,
            canonical(rationale, decision),
        ));
    }

    /// The planner's turn: a decision, asked for again when nothing or nothing clear is said.
    async fn decide(&mut self, step: u16, offer: &Offer) -> Result<Next, Outcome> {
        let node = self.planner.node(Part::Planner, step);
        let id = node.id;
        self.announce(step + 1, Some(node));
        let mut said = (String::new(), decision::read(""));
        let mut attempt = 0;
        while said.1.decision == Decision::Empty && attempt < EMPTY_TRIES {
            match self.hear(id, offer, &[], attempt).await? {
                Some(heard) => said = heard,
                None => return Ok(Next::Skipped),
            }
            attempt += 1;
        }
        let is_early =
            said.1.decision == Decision::GiveUp && !self.has_called && !offer.tools.is_empty();
        let is_unclear = matches!(said.1.decision, Decision::Empty | Decision::NoMarker);
        if is_early || is_unclear {
            let why = if is_early { NOT_TRIED } else { ENDINGS };
            let raw = if said.0.is_empty() { "." } else { &said.0 };
            let talk = [Message::assistant(raw), Message::user(why)];
            let Some(mut again) = self.hear(id, offer, &talk, attempt).await? else {
                return Ok(Next::Skipped);
            };
            attempt += 1;
            if again.1.rationale.is_empty() {
                again.1.rationale = std::mem::take(&mut said.1.rationale);
            }
            said = again;
        }
        if attempt > 1 {
            self.scope.mark(id, "attempts", attempt);
        }
        let Planned {
            decision,
            rationale,
            tail,
        } = said.1;
        self.scope.mark(id, "decision", decision.word());
        Ok(match decision {
            Decision::Caller => Next::Call {
                rationale,
                inline: None,
            },
            Decision::Summarizer => Next::Conclude { rationale },
            Decision::GiveUp => Next::GiveUp { rationale },
            Decision::InlineAction => Next::Call {
                rationale,
                inline: Some(tail),
            },
            Decision::Empty | Decision::NoMarker => self.fall_back(rationale),
        })
    }

    fn fall_back(&self, rationale: String) -> Next {
        let is_done = self.planner.settings.on_missing_decision == Fallback::Summarizer
            || self.errors >= DOUBTFUL;
        if is_done {
            return Next::Conclude { rationale };
        }
        Next::Call {
            rationale,
            inline: None,
        }
    }

    /// What the planner says; none when the person skipped it.
    async fn hear(
        &mut self,
        node: NodeId,
        offer: &Offer,
        talk: &[Message],
        attempt: u64,
    ) -> Result<Option<(String, Planned)>, Outcome> {
        if attempt > 0 {
            self.scope.restarted(node);
        }
        let question = Question {
            node,
            part: Part::Planner,
            offer,
            thought: "",
            addition: "",
            talk,
            attempt,
            warmer: if attempt > 0 { WARMER } else { 0.0 },
        };
        match self.ask(question).await {
            Ok(answer) => {
                let planned = decision::read(&answer.text);
                Ok(Some((answer.text, planned)))
            }
            Err(broken) if broken.fault.class == FaultClass::Empty => {
                Ok(Some((String::new(), decision::read(""))))
            }
            Err(broken) => self.skipped(broken).map(|()| None),
        }
    }

    /// A skip goes on, everything else ends the turn.
    fn skipped(&self, broken: Broken) -> Result<(), Outcome> {
        if self.scope.is_stopped() {
            return Err(stopped());
        }
        if broken.fault.class == FaultClass::Cancelled {
            return Ok(());
        }
        Err(outcome_of(broken))
    }

    async fn ask_backbone(&mut self, step: u16, offer: &Offer) -> Result<Next, Outcome> {
        let node = self.planner.node(Part::Backbone, step);
        let id = node.id;
        self.announce(step + 1, Some(node));
        let question = Question {
            node: id,
            part: Part::Backbone,
            offer,
            thought: "",
            addition: "",
            talk: &[],
            attempt: 0,
            warmer: 0.0,
        };
        let text = match self.ask(question).await {
            Ok(answer) => answer.text,
            Err(broken) if broken.fault.class == FaultClass::Empty => String::new(),
            Err(broken) => return self.skipped(broken).map(|()| Next::Skipped),
        };
        let (word, next) = match backbone::read(&text) {
            Backbone::GiveUp { rationale } => ("give_up", Next::GiveUp { rationale }),
            Backbone::Answer { rationale, text } => {
                ("summarizer", Next::Answer { rationale, text })
            }
            Backbone::Call { rationale, text } => (
                "caller",
                Next::Call {
                    rationale,
                    inline: Some(text),
                },
            ),
        };
        self.scope.mark(id, "decision", word);
        Ok(next)
    }

    /// A call and its observation.
    async fn step(
        &mut self,
        step: u16,
        offer: &Offer,
        rationale: &str,
        inline: Option<String>,
    ) -> Result<(), Outcome> {
        self.think(rationale, Decision::Caller);
        let thought = canonical(rationale, Decision::Caller);
        let (raw, call) = match inline {
            Some(text) => {
                let call = read_call(&text, offer);
                (text, call)
            }
            None => self.write_call(step, offer, &thought).await?,
        };
        self.observe(step, offer, &raw, call).await
    }

    /// The caller's turn: a call, asked for again with the error when it cannot be read.
    async fn write_call(
        &mut self,
        step: u16,
        offer: &Offer,
        thought: &str,
    ) -> Result<(String, Result<Action, Unread>), Outcome> {
        let node = self.planner.node(Part::Caller, step);
        let id = node.id;
        self.announce(step + 1, Some(node));
        let mut talk: Vec<Message> = Vec::new();
        let mut attempt = 0;
        loop {
            if attempt > 0 {
                self.scope.restarted(id);
            }
            let question = Question {
                node: id,
                part: Part::Caller,
                offer,
                thought,
                addition: "",
                talk: &talk,
                attempt,
                warmer: if attempt + 1 == CALL_TRIES {
                    WARMER
                } else {
                    0.0
                },
            };
            let text = match self.ask(question).await {
                Ok(answer) => answer.text,
                Err(broken) if broken.fault.class == FaultClass::Empty => String::new(),
                Err(broken) => {
                    self.skipped(broken)?;
                    let error = ToolError::new(
                        ErrorKind::Cancelled,
                        "the user stopped this call; continue without it",
                    );
                    let details = serde_json::Value::Null;
                    return Ok((String::new(), Err(Unread { error, details })));
                }
            };
            attempt += 1;
            let call = read_call(&text, offer);
            match &call {
                Ok(action) if !action.flags.is_empty() => {
                    self.scope.mark(id, "flags", action.flags.join(" "));
                }
                Err(unread) if attempt < CALL_TRIES => {
                    let raw = if text.is_empty() { "." } else { &text };
                    talk.push(Message::assistant(raw));
                    talk.push(Message::user(format!(
                        "That call cannot run: {}. Reply with two lines: Action: NAME, then Action Input: one JSON object.",
                        unread.error
                    )));
                    continue;
                }
                _ => {}
            }
            if attempt > 1 {
                self.scope.mark(id, "attempts", attempt);
            }
            return Ok((text, call));
        }
    }

    /// Runs the call, or says why not, and keeps both as turns.
    async fn observe(
        &mut self,
        step: u16,
        offer: &Offer,
        raw: &str,
        call: Result<Action, Unread>,
    ) -> Result<(), Outcome> {
        let name = call
            .as_ref()
            .map_or("no call", |action| &action.name)
            .to_owned();
        let node = tool_node(step, &name);
        let id = node.id;
        self.announce(step + 1, Some(node));
        let (written, observation, code) = match self.task.reuse.get(&id) {
            Some(text) => {
                self.scope.mark(id, "reused", "yes");
                let written =
                    call.map_or_else(|_| decision::clean(raw), |action| action.canonical());
                let is_error = text.starts_with("{\"error\": \"");
                (written, text.clone(), u8::from(is_error))
            }
            None => match call {
                Err(unread) => (
                    decision::clean(raw),
                    unread.error.observation(),
                    unread.error.kind.code(),
                ),
                Ok(action) => self.run_call(id, offer, &action).await?,
            },
        };
        self.scope.say(id, observation.clone());
        if code == 0 {
            self.errors = 0;
        } else {
            self.scope.mark(id, "code", code);
            self.errors += 1;
        }
        self.turns.push(Turn::new(Speaker::Caller, written));
        self.turns
            .push(Turn::new(Speaker::Observation, observation));
        Ok(())
    }

    /// The call as it ran, what came back, and its status code.
    async fn run_call(
        &mut self,
        node: NodeId,
        offer: &Offer,
        action: &Action,
    ) -> Result<(String, String, u8), Outcome> {
        let written = action.canonical();
        let Some(tool) = offer.find(&action.name) else {
            let error = ToolError::new(ErrorKind::UnknownTool, format!("{} is gone", action.name));
            return Ok((written, error.observation(), error.kind.code()));
        };
        if self.seen.contains(&written) {
            let error = ToolError::new(
                ErrorKind::Repeat,
                "this very call was made before and nothing has changed since; use its observation or try something else",
            );
            return Ok((written, error.observation(), error.kind.code()));
        }
        self.has_called = true;
        let called = self
            .scope
            .call(node, tool.as_ref(), action.arguments.clone())
            .await;
        if self.scope.is_stopped() {
            return Err(stopped());
        }
        if !tool.effect(&called.arguments).is_read_only() {
            self.seen.clear();
        }
        let written = action::canonical(&action.name, &called.arguments);
        self.seen.insert(written.clone());
        self.used.insert(action.name.clone());
        let code = called
            .result
            .as_ref()
            .err()
            .map_or(0, |error| error.kind.code());
        Ok((written, called.observation(), code))
    }

    /// The answer; `forced` says which limit cut the work short.
    async fn summarize(&mut self, round: u16, forced: Option<&str>, addition: &str) -> Outcome {
        self.announce(round, None);
        if let Some(why) = forced {
            self.scope.note(
                Level::Warning,
                format!("{why}: the answer is written from what is known"),
            );
            self.scope.mark(ANSWER, "outcome", "partial");
        }
        let question = Question {
            node: ANSWER,
            part: Part::Summarizer,
            offer: &Offer::default(),
            thought: "",
            addition,
            talk: &[],
            attempt: 0,
            warmer: 0.0,
        };
        match self.ask(question).await {
            Ok(answer) => Outcome::Answered { text: answer.text },
            Err(broken) => outcome_of(broken),
        }
    }

    async fn give_up(&mut self, step: u16, rationale: &str) -> Outcome {
        self.think(rationale, Decision::GiveUp);
        self.scope.mark(ANSWER, "outcome", "gave_up");
        if self.planner.settings.give_up == GiveUp::Explain {
            return self.summarize(step + 1, None, HOPELESS).await;
        }
        self.announce(step + 1, None);
        let reason = if rationale.is_empty() {
            "the planner named no reason"
        } else {
            rationale
        };
        let text = format!("There is no answer: {reason}");
        self.scope.say(ANSWER, text.clone());
        Outcome::Answered { text }
    }
}

fn cards(offer: &Offer) -> Vec<&Card> {
    offer.tools.iter().map(|tool| tool.card()).collect()
}

/// A call whose end is missing is not run where it could do harm.
fn read_call(text: &str, offer: &Offer) -> Result<Action, Unread> {
    let action = action::read(text, &cards(offer))?;
    let is_harmless = offer
        .find(&action.name)
        .is_some_and(|tool| tool.effect(&action.arguments).is_read_only());
    if action.was_cut() && !is_harmless {
        let message = "the arguments end too early; send one complete JSON object";
        return Err(Unread {
            error: ToolError::new(ErrorKind::BadJson, message),
            details: serde_json::Value::Null,
        });
    }
    Ok(action)
}

fn stopped() -> Outcome {
    Outcome::Stopped {
        text: String::new(),
    }
}
