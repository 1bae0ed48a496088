//! A step after its decision: the call is written, judged, run, and its observation kept.

use super::super::action::{self, Action, Unread};
use super::super::decision::{self, Decision, canonical};
use super::super::search::Tried;
use super::super::trajectory::{Speaker, Turn, python_json};
use super::super::{Part, ToolUse, in_step, tool_node};
use super::question::Question;
use super::{Chain, Written, cards, stopped};
use crate::domain::call::{ToolCall, ToolChoice};
use crate::domain::event::{Level, Outcome, RAN};
use crate::domain::fault::FaultClass;
use crate::domain::id::NodeId;
use crate::domain::message::Message;
use crate::tool::kit::Offer;
use crate::tool::{ErrorKind, ToolError};

/// Tries at a call: the first and two that carry the error.
const CALL_TRIES: u64 = 3;
/// Added to the temperature of a last try, so that it differs.
const WARMER: f32 = 0.3;

const AGAIN_TEXT: &str = "Reply with two lines: Action: NAME, then Action Input: one JSON object.";
const AGAIN_NATIVE: &str = "Call one tool again, with arguments that fit.";

/// What ran, or did not, and what is known of it.
struct Ran {
    /// The call as it is kept.
    written: String,
    observation: String,
    /// 0, or the number of the error.
    code: u8,
    /// Name and arguments, when the call could be read.
    call: Option<(String, String)>,
}

impl Written {
    /// What an answer calls: the field for calls wins over the text.
    pub(super) fn of(text: String, calls: Vec<ToolCall>) -> Written {
        let has_more = calls.len() > 1;
        match calls.into_iter().next() {
            Some(call) => Written::Call {
                shown: text,
                call,
                has_more,
            },
            None => Written::Text(text),
        }
    }

    /// A call whose end is missing is not run where it could do harm.
    fn read(&self, offer: &Offer) -> Result<Action, Unread> {
        let cards = cards(offer);
        let action = match self {
            Written::Text(text) => action::read(text, &cards)?,
            Written::Call { call, has_more, .. } => {
                let mut action = action::read_call(&call.name, &call.arguments, &cards)?;
                if *has_more {
                    action.flags.push("extra_calls".to_owned());
                }
                action
            }
        };
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
}

impl Chain<'_> {
    /// A call and its observation.
    pub(super) async fn step(
        &mut self,
        step: u16,
        offer: &Offer,
        rationale: &str,
        inline: Option<Written>,
    ) -> Result<Tried, Outcome> {
        self.think(rationale, Decision::Caller);
        let thought = canonical(rationale, Decision::Caller);
        let is_inline = inline.is_some();
        let (written, call) = match inline {
            Some(written) => {
                let call = written.read(offer);
                (written, call)
            }
            None => self.write_call(step, offer, &thought).await?,
        };
        // Whose text the call stands in, and what stands before it there.
        let writer = if is_inline {
            (in_step(step, 0), rationale)
        } else {
            (in_step(step, 1), "")
        };
        self.observe(step, offer, writer, &written, call).await
    }

    /// The caller's turn: a call, asked for again with the error when it cannot be read.
    async fn write_call(
        &mut self,
        step: u16,
        offer: &Offer,
        thought: &str,
    ) -> Result<(Written, Result<Action, Unread>), Outcome> {
        let node = self.planner.node(Part::Caller, step);
        let id = node.id;
        self.announce(step + 1, Some(node));
        let mut talk: Vec<Message> = Vec::new();
        let mut attempt = 0;
        let is_reused = self.taken_over(id).is_some();
        let mut choice = ToolChoice::Required;
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
                choice: choice.clone(),
                attempt,
                warmer: if attempt + 1 == CALL_TRIES {
                    WARMER
                } else {
                    0.0
                },
            };
            let written = match self.ask(question).await {
                Ok(answer) => Written::of(answer.text, answer.calls),
                Err(broken) if broken.fault.class == FaultClass::Empty => {
                    Written::Text(String::new())
                }
                Err(broken) => {
                    self.skipped(broken)?;
                    let error = ToolError::new(
                        ErrorKind::Cancelled,
                        "the user stopped this call; continue without it",
                    );
                    let details = serde_json::Value::Null;
                    return Ok((Written::Text(String::new()), Err(Unread { error, details })));
                }
            };
            attempt += 1;
            let call = written.read(offer);
            match &call {
                Ok(action) if !action.flags.is_empty() => {
                    self.scope.mark(id, "flags", action.flags.join(" "));
                }
                Err(_) if attempt < CALL_TRIES && !is_reused && self.is_deaf(&written) => {
                    self.native = false;
                    let text = format!(
                        "\"{}\" answered without a call although one was required; calls are written as text from here on",
                        self.planner.calling_seat().model
                    );
                    self.scope.note(Level::Warning, text);
                    talk.clear();
                    continue;
                }
                Err(unread) if attempt < CALL_TRIES && !is_reused => {
                    let text = written.text();
                    talk.push(Message::assistant(if text.is_empty() { "." } else { text }));
                    let how = if self.native {
                        AGAIN_NATIVE
                    } else {
                        AGAIN_TEXT
                    };
                    talk.push(Message::user(format!(
                        "That call cannot run: {}. {how}",
                        unread.error
                    )));
                    if let Written::Call { call, .. } = &written
                        && offer.find(&call.name).is_some()
                    {
                        choice = ToolChoice::Named(call.name.clone());
                    }
                    continue;
                }
                _ => {}
            }
            if attempt > 1 {
                self.scope.mark(id, "attempts", attempt);
            }
            return Ok((written, call));
        }
    }

    /// Servers whose model has no place for tools in its template take them and say nothing: the model never saw them.
    fn is_deaf(&self, written: &Written) -> bool {
        self.native
            && self.planner.settings.tools == ToolUse::Auto
            && matches!(written, Written::Text(_))
    }

    /// Runs the call, or says why not, and keeps both as turns.
    async fn observe(
        &mut self,
        step: u16,
        offer: &Offer,
        writer: (NodeId, &str),
        written: &Written,
        call: Result<Action, Unread>,
    ) -> Result<Tried, Outcome> {
        let name = call
            .as_ref()
            .map_or("no call", |action| &action.name)
            .to_owned();
        let node = tool_node(step, &name);
        let id = node.id;
        self.announce(step + 1, Some(node));
        let ran = match (self.taken_over(id), call) {
            (Some(text), call) => {
                self.scope.mark(id, "reused", "yes");
                self.take_over(text.clone(), written, call.ok(), offer)
            }
            (None, Err(unread)) => Ran {
                written: decision::clean(written.text()),
                observation: unread.error.observation(),
                code: unread.error.kind.code(),
                call: None,
            },
            (None, Ok(action)) => self.run_call(id, offer, &action, writer).await?,
        };
        self.scope.say(id, ran.observation.clone());
        if ran.code == 0 {
            self.path.errors = 0;
            self.path.value += 1;
        } else {
            self.scope.mark(id, "code", ran.code);
            self.path.errors += 1;
            self.path.value -= 1;
        }
        self.path
            .turns
            .push(Turn::new(Speaker::Caller, ran.written));
        self.path
            .turns
            .push(Turn::new(Speaker::Observation, ran.observation.clone()));
        Ok(Tried {
            call: ran
                .call
                .map(|(name, arguments)| (name, arguments, ran.observation)),
            score: self.path.value,
            ..Tried::default()
        })
    }

    /// A call of an earlier attempt: it does not run again, and what it brought counts.
    fn take_over(
        &mut self,
        observation: String,
        written: &Written,
        action: Option<Action>,
        offer: &Offer,
    ) -> Ran {
        let code = ToolError::code_of(&observation);
        let Some(action) = action else {
            return Ran {
                written: decision::clean(written.text()),
                observation,
                code,
                call: None,
            };
        };
        let written = action.canonical();
        let has_run = ![ErrorKind::UnknownTool.code(), ErrorKind::Repeat.code()].contains(&code);
        if let Some(tool) = offer.find(&action.name).filter(|_| has_run) {
            self.has_called = true;
            if !tool.effect(&action.arguments).is_read_only() {
                self.path.seen.clear();
            }
            self.path.seen.insert(written.clone());
            self.used.insert(action.name.clone());
        }
        Ran {
            call: Some((action.name.clone(), python_json(&action.arguments))),
            written,
            observation,
            code,
        }
    }

    /// The call as it ran, what came back, and its status code.
    async fn run_call(
        &mut self,
        node: NodeId,
        offer: &Offer,
        action: &Action,
        (writer, before): (NodeId, &str),
    ) -> Result<Ran, Outcome> {
        self.is_fresh = true;
        let failed = |kind: ErrorKind, message: &str| {
            let error = ToolError::new(kind, message);
            Ran {
                written: action.canonical(),
                observation: error.observation(),
                code: error.kind.code(),
                call: Some((action.name.clone(), python_json(&action.arguments))),
            }
        };
        let Some(tool) = offer.find(&action.name) else {
            let message = format!("{} is gone", action.name);
            return Ok(failed(ErrorKind::UnknownTool, &message));
        };
        if self.path.seen.contains(&action.canonical()) {
            let message = "this very call was made before and nothing has changed since; use its observation or try something \
                           else";
            return Ok(failed(ErrorKind::Repeat, message));
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
            self.path.seen.clear();
        }
        let written = action::canonical(&action.name, &called.arguments);
        if called.arguments != action.arguments {
            // An attempt that takes this step over must know what ran, not what was written.
            let ran = format!("{before}\n{written}");
            self.scope.mark(writer, RAN, ran.trim_start());
        }
        self.path.seen.insert(written.clone());
        self.used.insert(action.name.clone());
        let code = called
            .result
            .as_ref()
            .err()
            .map_or(0, |error| error.kind.code());
        Ok(Ran {
            written,
            observation: called.observation(),
            code,
            call: Some((action.name.clone(), python_json(&called.arguments))),
        })
    }
}
